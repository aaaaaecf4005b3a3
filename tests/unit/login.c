// login.c: >>login, what is decided before the card is asked; logins are module.c's and pins.c's.
// SPDX-License-Identifier: 0BSD

// A PIN's length is counted in characters, and a wrong one costs no try: it is not sent.
TEST(login_counts_characters)
{
    struct credential c = { .coding = CARD_PIN_UTF8, .min = 4, .max = 8 };
    CHECK_EQ(login_characters(bytes_text("1234")), 4);
    CHECK_EQ(login_characters(bytes_text("\xc3\xa4\xc3\xb6\xe2\x82\xac" "1")), 4);    // ae, oe, euro
    CHECK(login_pin_fits(&c, bytes_text("1234")) && login_pin_fits(&c, bytes_text("12345678")));
    CHECK(!login_pin_fits(&c, bytes_text("123")) && !login_pin_fits(&c, bytes_text("123456789")));
    CHECK(!login_pin_fits(&c, bytes_text("")));
    CHECK(login_pin_fits(&c, bytes_text("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")));  // 10 bytes
    c.fill_to = 8;                                                      // which have no room then
    CHECK(!login_pin_fits(&c, bytes_text("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")));
    c.coding = CARD_PIN_ASCII;                                          // bytes are characters
    CHECK(!login_pin_fits(&c, bytes_text("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")));
    c.min = 0;
    c.max = 255;
    CHECK(!login_pin_fits(&c, bytes_text("")));
    CHECK(!login_pin_fits(&c, bytes_of(padding_scratch().at, CARD_PIN_MAX + 1)));
}

// Both PINs of a change come from the caller, or both from the reader's pinpad; here there is none.
TEST(login_wants_both_pins_from_one_place)
{
    struct credential c = { .coding = CARD_PIN_ASCII, .min = 4, .max = 8 };
    bytes good = bytes_text("1234"), bad = bytes_text("123"), none = BYTES_NONE;
    card_begin(1 << 20);
    CHECK_ST(login_check_pins(&card_it, &c, good, &c, good), ST_OK);
    CHECK_ST(login_check_pins(&card_it, &c, bad, &c, good), ST_PIN_LEN);
    CHECK_ST(login_check_pins(&card_it, &c, good, &c, bad), ST_PIN_LEN);
    CHECK_ST(login_check_pins(&card_it, &c, good, &c, none), ST_ARGS);
    CHECK_ST(login_check_pins(&card_it, &c, none, &c, good), ST_ARGS);
    CHECK_ST(login_check_pins(&card_it, &c, none, &c, none), ST_ARGS);
    CHECK_ST(login_check_pin(&card_it, &c, none), ST_ARGS);
    c.missing = true;
    CHECK_ST(login_check_pin(&card_it, &c, good), ST_PIN_MISSING);
    CHECK_ST(login_check_new_pin(&card_it, &c, good, &c, good), ST_OK);     // the SO may set it
    CHECK(c.missing);
    arena_free(&card_it.arena);
}

TEST(login_of_the_so_is_the_only_one)
{
    struct token t = { .session_count = 2, .rw_count = 2 };
    CHECK_ST(login_so_may(&t), ST_OK);
    t.rw_count = 1;
    CHECK_ST(login_so_may(&t), ST_RO_EXISTS);
    t.login = true;
    CHECK_ST(login_so_may(&t), ST_OTHER_USER);
    t.so = true;
    CHECK_ST(login_so_may(&t), ST_LOGGED_IN);
}

#if SCARD11_WRITE
static unsigned login_proofs;

static st login_test_prove(struct card *card, struct token *token, struct credential *credential,
                           bytes key, struct scratch scratch)
{
    (void)card; (void)token; (void)credential; (void)key; (void)scratch;
    login_proofs++;
    return ST_OK;
}

static const struct writer login_writer = { .by = ROLE_ADMIN, .prove = login_test_prove };
static const struct driver login_driver = {
    .name = "test", .select = place_test_select, .landmark = place_test_landmark,
    .logout = place_test_logout, .writer = &login_writer,
};

// Without room to keep what the SO gave there is no login: the card forgets what was proven to it,
// and a PUK, which goes together with a new PIN only, is not sent.
TEST(login_of_the_so_needs_room)
{
    static const char *const lines[] = { PLACE_SELECT "9000", PLACE_SELECT "9000",
                                         "002e0000 > 9000", NULL };
    static const u8 key[24] = { 1 };
    struct session session = { .token = card_t };
    run_test_begin(lines);
    if (test_failing) return;
    card_t->driver = &login_driver;
    card_set_credential(card_t, &(struct credential){ .role = ROLE_ADMIN, .by_key = true,
                            .min = 16, .max = 32, .logout_by = LOGOUT_COMMAND });
    card_set_credential(card_t, &(struct credential){ .role = ROLE_PUK, .min = 8, .max = 8,
                                                      .tries = -1 });
    struct credential *admin = card_credential(card_t, ROLE_ADMIN);
    struct credential *puk = card_credential(card_t, ROLE_PUK);
    card_it.arena.left = 0;
    card_it.arena.at = card_it.arena.end;
    login_proofs = 0;
    place_logs_out = true;
    CHECK(login_key_of(card_t, bytes_of(key, sizeof key)) == admin);
    CHECK_ST(login_so(&run_reader, &session, bytes_of(key, sizeof key), padding_scratch()),
             ST_ARENA_FULL);
    CHECK(login_proofs == 1 && !card_t->so && !card_t->admin && !card_verified(card_t));
    CHECK_ST(login_so(&run_reader, &session, bytes_text("12345678"), padding_scratch()),
             ST_ARENA_FULL);
    CHECK(!card_t->so && !puk->kept_len && !puk->verified);
    place_logs_out = false;
    run_test_end();
}
#endif

static void test_login(void)
{
    RUN(login_counts_characters);
    RUN(login_wants_both_pins_from_one_place);
    RUN(login_of_the_so_is_the_only_one);
#if SCARD11_WRITE
    RUN(login_of_the_so_needs_room);
#endif
}
