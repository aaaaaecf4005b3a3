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

static void test_login(void)
{
    RUN(login_counts_characters);
    RUN(login_wants_both_pins_from_one_place);
    RUN(login_of_the_so_is_the_only_one);
}
