// same.c: >>same, over the token of place.c; cards that are swapped are cards.c's and module.c's.
// SPDX-License-Identifier: 0BSD

TEST(same_count_decides_where_there_is_one)
{
    u32 in = SCARD11_READER_PRESENT, counted = in | SCARD11_READER_COUNTED;
    struct card c = { .state = counted | 0x30000 };
    CHECK(same_shown(&c, counted | 0x30000) && !same_shown(&c, counted | 0x50000));
    CHECK(same_shown(&c, counted | SCARD11_READER_IN_USE | 0x30000));   // whoever uses it
    CHECK(!same_shown(&c, SCARD11_READER_COUNTED | 0x30000));           // none is in
    CHECK(same_shown(&c, in) && same_shown(&c, in | 0x50000));          // nobody counts
    CHECK(same_count_tells(&c));
    c.state = counted;
    CHECK(!same_count_tells(&c));                                       // 0 says nothing
    c.state = in | 0x30000;
    CHECK(!same_count_tells(&c));
}

// The token of place.c, whose landmark 01020304 no other card has; after a connection was taken up.
static void same_begin(const char *const *lines)
{
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(place_note(&place_mark, 0, BYTES(1, 2, 3, 4)), ST_OK);
    place_mark.unique = true;
    card_t->identity = &place_mark;
    card_it.unproven = true;
}

TEST(same_is_proved_by_what_no_other_card_has)
{
    static const char *const lines[] = {
        PLACE_MARK "01020304 9000",                                     // at once
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000",                // no application is selected
        PLACE_MARK "6a82", PLACE_SELECT "9000", PLACE_MARK "01020304 9000",     // another one is
        PLACE_MARK "05060708 9000", PLACE_SELECT "9000", PLACE_MARK "05060708 9000", NULL };
    same_begin(lines);
    if (test_failing) return;
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_OK);
    CHECK(!card_it.unproven);
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_OK);               // nothing is to be proved
    card_it.unproven = card_it.was_reset = true;
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_OK);
    CHECK(!card_it.unproven && !card_it.was_reset);
    card_it.unproven = true;
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_OK);
    card_it.unproven = true;
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_CARD_REMOVED);     // another card's
    CHECK(card_it.unproven);
    card_script_over();
}

// Where nothing tells it from another card the count must do; not for a PIN that was kept.
TEST(same_forgets_a_pin_where_nothing_can_be_proved)
{
    static const char *const lines[] = { NULL };
    same_begin(lines);
    if (test_failing) return;
    place_mark.unique = false;
    card_secret_keep(&card_it, test_pin(card_t), bytes_text("123456"), true);
    CHECK_EQ(test_pin(card_t)->kept_len, 6);
    CHECK_ST(same_prove(&card_it, padding_scratch()), ST_OK);
    CHECK(!card_it.unproven && !test_pin(card_t)->kept_len);
    card_script_over();
}

// After a reset by another program the logins are gone, and the card is to be proved. Where the
// reader does not count, or its count is 0 and the card has nothing of its own, it may be another.
TEST(same_resumes_after_a_reset)
{
    static const char *const lines[] = { NULL };
    static const struct { enum sim_count how; bool unique; st want; } cases[] = {
        { SIM_COUNTS, true, ST_OK }, { SIM_COUNTS, false, ST_OK },
#if SCARD11_READER == SCARD11_READER_CUSTOM     // pcsc-lite's readers count, whatever comes
        { SIM_COUNTS_NOT, true, ST_CARD_REMOVED },
#endif
        { SIM_COUNTS_ZERO, true, ST_OK }, { SIM_COUNTS_ZERO, false, ST_CARD_REMOVED } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        same_begin(lines);
        if (test_failing) return;
        sim_reader_counts(0, cases[i].how);
        CHECK_ST(link_status(&card_it.link, &card_it.state), ST_OK);
        place_mark.unique = cases[i].unique;
        card_it.unproven = false;
        card_t->login = test_pin(card_t)->verified = true;
        link_end(&card_it.link);
        sim_reader_reset(0);
        CHECK_ST(link_begin(&card_it.link), ST_CARD_RESET);
        CHECK_ST(same_resume(&card_it), cases[i].want);
        CHECK(!card_t->login && !test_pin(card_t)->verified && card_it.unproven);
        CHECK_EQ(card_it.was_reset, !cases[i].want);
        card_script_over();
    }
}

static void test_same(void)
{
    RUN(same_count_decides_where_there_is_one);
    RUN(same_is_proved_by_what_no_other_card_has);
    RUN(same_forgets_a_pin_where_nothing_can_be_proved);
    RUN(same_resumes_after_a_reset);
}
