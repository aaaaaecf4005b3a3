// place.c: >>place, over a token whose driver sends what a test can see: SELECT by AID, SELECT of a
// DF, and READ BINARY for a landmark. SPDX-License-Identifier: 0BSD

#define PLACE_SELECT "00a40400 02 a0a1 00 > "
#define PLACE_MARK   "00b00000 04 > "

static struct landmark place_mark;
static bool place_logs_out;                 // there is a command for it

static st place_test_select(struct card *c, struct token *t, const struct place *place)
{
    u8 room[64];
    struct buf fci = buf_on(room, sizeof room);
    (void)t;
    if (place_is_home(place)) return iso_select_aid(&c->link, ISO_FCI, BYTES(0xa0, 0xa1), &fci);
    return iso_select_file(&c->link, 0x08, place->path);
}

static st place_test_landmark(struct card *c, struct token *t, u32 ref, struct scratch *scratch,
                              bytes *value)
{
    struct buf out = scratch_buf(scratch, 64);
    (void)t; (void)ref;
    st s = iso_read_binary(&c->link, 0, 4, &out);
    *value = buf_bytes(&out);
    return s;
}

static st place_test_logout(struct card *c, struct token *t)
{
    struct apdu cmd = { .ins = 0x2e };
    u8 none[4];
    struct buf rsp = buf_on(none, sizeof none);
    (void)t;
    return place_logs_out ? link_exchange(&c->link, &cmd, &rsp) : ST_NOT_SUPPORTED;
}

static const struct driver place_driver = {
    .name = "test", .select = place_test_select, .landmark = place_test_landmark,
    .logout = place_test_logout,
};

static void place_begin(const char *const *lines)
{
    card_script(lines);
    place_mark = (struct landmark){ .known = false };
    *card_t = (struct token){ .driver = &place_driver, .state = &place_mark,
                              .landmark = &place_mark };
    *test_pin(card_t) = (struct credential){ .reference = 1, .coding = CARD_PIN_ASCII, .min = 4,
                                             .max = 8, .tries = -1 };
    card_it.token_count = 1;
    place_arrived(&card_it, card_t);
}

static st place_sure(void)
{
    return place_be_sure(&card_it, card_t, padding_scratch());
}

TEST(place_is_sure_by_a_select_or_by_a_landmark)
{
    static const char *const lines[] = {
        PLACE_SELECT "9000",                            // no login: nothing to lose
        PLACE_MARK "01020304 9000",                     // a login: the landmark is there
        PLACE_MARK "01020305 9000", PLACE_SELECT "9000",        // it is another one
        PLACE_MARK "6a82", PLACE_SELECT "6a82", NULL };         // neither
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_sure(), ST_OK);                      // already
    card_it.sure = false;
    CHECK_ST(place_sure(), ST_OK);
    CHECK(card_it.sure && card_it.where == CARD_HOME);
    CHECK_ST(place_note(&place_mark, 0, BYTES(1, 2, 3, 4)), ST_OK);
    CHECK_ST(place_note(&place_mark, 0, BYTES(9)), ST_OK);      // the first is kept
    card_t->login = true;
    card_it.sure = false;
    CHECK_ST(place_sure(), ST_OK);
    CHECK(card_it.sure);
    card_it.sure = false;
    CHECK_ST(place_sure(), ST_OK);
    card_it.sure = false;
    CHECK_ST(place_sure(), ST_LOST);
    CHECK(!card_it.sure);
    card_script_over();
}

// A small landmark is looked for without a login, too: another program's may be there. Not where
// another application was selected last.
TEST(place_looks_for_a_small_landmark_first)
{
    static const char *const lines[] = { PLACE_MARK "01020304 9000", PLACE_MARK "6d00",
                                         PLACE_SELECT "9000", PLACE_SELECT "9000", NULL };
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_note(&place_mark, 0, BYTES(1, 2, 3, 4)), ST_OK);
    place_mark.small = true;
    for (int i = 0; i < 3; i++) {
        card_it.sure = false;
        if (i == 2) card_it.current = NULL;
        CHECK_ST(place_sure(), ST_OK);
        CHECK(card_it.sure && card_it.current == card_t);
    }
    card_script_over();
}

// A landmark of any size is told from another one.
TEST(place_landmarks_are_digests)
{
    static u8 big[5000];
    struct landmark a = { .known = false }, b = a;
    CHECK_ST(place_note(&a, 7, bytes_of(big, sizeof big)), ST_OK);
    big[4999] = 1;
    CHECK_ST(place_note(&b, 7, bytes_of(big, sizeof big)), ST_OK);
    CHECK(a.known && a.ref == 7 && memcmp(a.digest, b.digest, CARD_DIGEST));
    struct landmark none = { .known = false };
    CHECK_ST(place_note(&none, 7, BYTES_NONE), ST_OK);
    CHECK(!none.known);
}

// Without a landmark an empty VERIFY shows that the PIN is still verified, where it is known to cost
// nothing; else a SELECT must do.
TEST(place_asks_for_the_login_where_nothing_else_tells)
{
    static const char *const lines[] = { "00200001 > 9000", "00200001 > 63c2", PLACE_SELECT "9000",
                                         PLACE_SELECT "9000", NULL };
    place_begin(lines);
    if (test_failing) return;
    card_t->login = card_pin(card_t)->ask = true;
    for (int i = 0; i < 3; i++) {
        if (i == 2) card_pin(card_t)->ask = false;
        card_it.sure = false;
        CHECK_ST(place_sure(), ST_OK);
    }
    card_script_over();
}

TEST(place_goes_there_with_the_fewest_selects)
{
    static const char *const lines[] = { "00a4080c 04 3f00dd01 > 9000", PLACE_SELECT "9000",
        "00a4080c 04 3f00dd02 > 6a82", PLACE_SELECT "9000", NULL };
    const struct place df = { BYTES_NONE, BYTES(0x3f, 0x00, 0xdd, 0x01) },
        other = { BYTES_NONE, BYTES(0x3f, 0x00, 0xdd, 0x02) }, home = { BYTES_NONE, BYTES_NONE };
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_go_to(&card_it, card_t, &home, padding_scratch()), ST_OK);       // there
    CHECK_ST(place_go_to(&card_it, card_t, &df, padding_scratch()), ST_OK);
    CHECK_ST(place_go_to(&card_it, card_t, &df, padding_scratch()), ST_OK);         // there
    CHECK(place_is_here(&card_it, card_t, &df) && !place_is_here(&card_it, card_t, &home));
    CHECK_ST(place_go_to(&card_it, card_t, &home, padding_scratch()), ST_OK);
    CHECK_ST(place_go_to(&card_it, card_t, &other, padding_scratch()), ST_NOT_FOUND);
    CHECK(!place_is_here(&card_it, card_t, &other));
    CHECK_ST(place_go_to(&card_it, card_t, &home, padding_scratch()), ST_OK);       // or who knows where
    card_t->flat = true;
    place_leave(&card_it);
    CHECK_ST(place_go_to(&card_it, card_t, &home, padding_scratch()), ST_OK);       // anywhere will do
    card_script_over();
}

// What is too long to be remembered is set each time.
TEST(place_environments)
{
    static const char *const lines[] = { "002241b6 03 840101 > 9000", "002241b8 03 840101 > 9000",
        "002241b8 03 840101 > 9000", "* > 9000", "* > 9000", "002241b6 03 840101 > 6a88",
        "002241b6 03 840101 > 9000", NULL };
    u8 whole[CARD_MSE_MAX] = { 0x84, sizeof whole - 2 };
    bytes one = BYTES(0x84, 1, 1), all = bytes_of(whole, sizeof whole);
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, one, false), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, one, false), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb8, one, false), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb8, one, true), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, all, false), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, all, false), ST_OK);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, one, false), 0x6a88);
    CHECK_ST(place_set_environment(&card_it, 0x41, 0xb6, one, false), ST_OK);
    card_script_over();
}

TEST(place_learns_before_a_login)
{
    static const char *const lines[] = { PLACE_MARK "01020304 9000", PLACE_SELECT "9000",
                                         PLACE_MARK "6a82", NULL };
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_learn(&card_it, card_t, &place_mark, padding_scratch()), ST_OK);
    CHECK(place_mark.known);
    CHECK_ST(place_learn(&card_it, card_t, &place_mark, padding_scratch()), ST_OK);     // once
    place_mark.known = card_it.sure = false;
    CHECK_ST(place_learn(&card_it, card_t, &place_mark, padding_scratch()), ST_OK);
    CHECK(!place_mark.known);                           // there is none: no error
    card_script_over();
}

static void test_place(void)
{
    RUN(place_is_sure_by_a_select_or_by_a_landmark);
    RUN(place_looks_for_a_small_landmark_first);
    RUN(place_landmarks_are_digests);
    RUN(place_asks_for_the_login_where_nothing_else_tells);
    RUN(place_goes_there_with_the_fewest_selects);
    RUN(place_environments);
    RUN(place_learns_before_a_login);
}
