// secret.c: >>secret, over the token of place.c.
// SPDX-License-Identifier: 0BSD

TEST(secret_encodes_pins)
{
    struct credential p = { .coding = CARD_PIN_ASCII, .fill_to = 8, .filler = 0xff };
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    secret_encode(&p, bytes_text("123456"), &b);
    CHECK_BYTES(b.p, b.n, "313233343536ffff");
    b.n = 0;
    secret_encode(&p, bytes_text("12345678"), &b);
    CHECK_BYTES(b.p, b.n, "3132333435363738");
    p.fill_to = 0, b.n = 0;
    secret_encode(&p, bytes_text("12"), &b);
    CHECK_BYTES(b.p, b.n, "3132");
    p.fill_to = 8, b.n = 0, p.coding = CARD_PIN_BCD;
    secret_encode(&p, bytes_text("12345"), &b);
    CHECK_BYTES(b.p, b.n, "12345fffffffffff");
    b.n = 0, p.coding = CARD_PIN_ISO9564;               // control, length, digits, filler
    secret_encode(&p, bytes_text("1234"), &b);
    CHECK_BYTES(b.p, b.n, "241234ffffffffff");
    b.n = 0, p.coding = CARD_PIN_HALF_NIBBLE;
    secret_encode(&p, bytes_text("0129"), &b);
    CHECK_BYTES(b.p, b.n, "f0f1f2f9ffffffff");
    b.n = 0;
    secret_encode(&p, bytes_text("12a4"), &b);           // no digit
    CHECK(b.full);
    static const char *const not_hex[] = { "012", "0g", "g0", "", "-1", "0:", "0@" };
    p.coding = CARD_PIN_HEX, p.fill_to = 0, b = buf_on(room, sizeof room);
    secret_encode(&p, bytes_text("019aAfF0"), &b);
    CHECK_BYTES(b.p, b.n, "019aaff0");
    for (size_t i = 0; i < COUNT(not_hex); i++) {
        b = buf_on(room, sizeof room);
        secret_encode(&p, bytes_text(not_hex[i]), &b);
        CHECK(b.full);
    }
}

// What is made of a PIN: vectors by openssl, of salt and PIN that are hashed again and again. As
// many bytes as one round has at least, and the end may be inside a round.
TEST(secret_derives)
{
    static const struct { CK_MECHANISM_TYPE hash; u32 count; const char *pin, *want; } cases[] = {
        { CKM_SHA256, 100000, "123456",
          "773784a602b6c81e3f092f4d7d00e17cc822d88f7360fcf2d2ef2d9d901f44b6" },
        { CKM_SHA256, 5, "123456",
          "e4b90d63237d4e6f88e6e894d473b8763673ba0b23d6e4760fb1fe0d719bddbc" },
        { CKM_SHA512, 65536, "12345678",
          "f1b8d12e25d3692c77ed61d24eb53ac4f928b4c7e5b30e4496b8a76461c03093"
          "49ac209502e7279dc050701221d84727b09c2b92d080793f79c007e604945632" },
        { CKM_SHA256, 1037, "caf\xc3" "\xa9" "caf\xc3" "\xa9" "",
          "a8d2560d39f664d2b992f7b1a8a8ef98d2a562b507e2520d0b81d405d894c9f4" },
        { CKM_SHA256, 1036, "123456",
          "d7168a64e02d13af6c979fc0e65e93a3ce383335c8524ea6f87685e6872b40da" },
    };
    static const u8 salt[] = { 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct card_kdf kdf = { alg_hash_find(cases[i].hash), cases[i].count, { salt, 8 } };
        struct credential p = { .coding = CARD_PIN_UTF8, .min = 6, .max = 64, .kdf = &kdf };
        u8 room[CARD_PIN_MAX];
        struct buf b = buf_on(room, sizeof room);
        secret_encode(&p, bytes_text(cases[i].pin), &b);
        CHECK(!b.full);
        CHECK_BYTES(b.p, b.n, cases[i].want);
        kdf.count = SECRET_KDF_MOST + 1;                // so long no call may take
        secret_encode(&p, bytes_text(cases[i].pin), &b);
        CHECK(b.full);
        b = buf_on(room, 31);
        kdf.count = 0;
        secret_encode(&p, bytes_text(cases[i].pin), &b);
        CHECK(b.full);                                  // no room
        CHECK(!pinpad_encodes(&p, 0));
    }
}

// One secret that a card knows by two references: one login presents it twice, one count of tries
// is theirs, and what sets it names the second.
TEST(secret_with_two_names)
{
    static const char *const lines[] = {
        "00200082 06 313233343536 > 9000", "00200081 06 313233343536 > 9000",
        "00200082 06 363534333231 > 6982", "00200081 06 363534333231 > 63c1",
        "00240081 0c 313233343536 363534333231 > 9000", "0020ff82 > 9000", "0020ff81 > 9000",
        "00200082 06 313233343536 > 9000", NULL };
    const struct credential first = { .role = ROLE_USER, .reference = 0x82, .set_by = 0x81, .min = 6,
        .max = 8, .coding = CARD_PIN_UTF8, .tries = 3, .tries_max = 3, .asked = true,
        .logout_by = LOGOUT_VERIFY_FF };
    struct credential second = first;
    bytes p = bytes_text("123456"), q = bytes_text("654321");
    second.role = ROLE_SIGN, second.reference = 0x81, second.set_by = 0, second.same_as = 1;
    place_begin(lines);
    if (test_failing) return;
    card_t->credential_count = 0;
    card_t->landmark = NULL;
    card_t->opened = true;
    card_set_credential(card_t, &first);
    card_set_credential(card_t, &second);
    struct credential *pin = card_t->credentials, *sign = pin + 1;
    CHECK_ST(secret_login(&card_it, card_t, pin, p, padding_scratch()), ST_OK);
    CHECK(pin->verified && sign->verified && card_t->opened);
    CHECK_ST(secret_login(&card_it, card_t, pin, q, padding_scratch()), ST_PIN_INCORRECT);
    CHECK(pin->tries == -1 && sign->tries == -1 && !pin->asked);    // the card did not say
    CHECK(!card_t->opened);
    CHECK_ST(secret_login(&card_it, card_t, sign, q, padding_scratch()), ST_PIN_INCORRECT);
    CHECK(pin->tries == 1 && sign->tries == 1);
    pin->verified = sign->verified = false;
    CHECK_ST(secret_change(&card_it, card_t, pin, p, q, padding_scratch()), ST_OK);
    CHECK(pin->verified && sign->verified && pin->tries == 3 && sign->tries == 3);
    CHECK_ST(secret_end(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(!pin->verified && !sign->verified);
    sign->apart = true;
    CHECK_ST(secret_login(&card_it, card_t, pin, p, padding_scratch()), ST_OK);
    CHECK(pin->verified && !sign->verified);
    card_script_over();
}

TEST(secret_sends_pins_as_the_standard_has_them)
{
    static const char *const lines[] = {
        "00200080 08 313233343536ffff > 63c1", "00200080 08 313233343536ffff > 9000",
        "00240080 10 313233343536ffff363534333231ffff > 63c2",
        "00240081 10 3132333435363738 3837363534333231 > 6983",
        "002c0080 10 3132333435363738 363534333231ffff > 63c2",
        "002c0080 10 3132333435363738 363534333231ffff > 9000",
        "00200081 08 3132333435363738 > 9000", "002c0280 08 363534333231ffff > 9000",
        "002c0080 08 3132333435363738 > 63c4", "002c0080 08 3132333435363738 > 9000", NULL };
    struct credential pin = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8, .fill_to = 8,
                       .filler = 0xff, .tries = -1 }, puk = pin;
    bytes p = bytes_text("123456"), q = bytes_text("654321"), u = bytes_text("12345678");
    puk.reference = 0x81;
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(secret_verify(&card_it, card_t, &pin, p, padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(pin.tries, 1);
    CHECK_ST(secret_verify(&card_it, card_t, &pin, p, padding_scratch()), ST_OK);
    CHECK_EQ(pin.tries, 2);                     // as many as there were before, that is known
    pin.tries_max = 3;
    CHECK_ST(secret_change(&card_it, card_t, &pin, p, q, padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(pin.tries, 2);
    CHECK_ST(secret_change(&card_it, card_t, &puk, u, bytes_text("87654321"), padding_scratch()), ST_PIN_LOCKED);
    CHECK_EQ(puk.tries, 0);
    CHECK_ST(secret_reset_with_puk(&card_it, card_t, &puk, &pin, u, q, padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(puk.tries, 2);                     // of the PUK, not of the PIN
    CHECK_EQ(pin.tries, 2);
    pin.tries = 0;
    CHECK_ST(secret_reset_with_puk(&card_it, card_t, &puk, &pin, u, q, padding_scratch()), ST_OK);
    CHECK_EQ(pin.tries, 3);
    pin.tries = 0;
    CHECK_ST(secret_verify(&card_it, card_t, &puk, u, padding_scratch()), ST_OK);
    CHECK_ST(secret_reset(&card_it, card_t, &pin, q, padding_scratch()), ST_OK);
    CHECK_EQ(pin.tries, 3);
    puk.unblock_by = UNBLOCK_FREES;
    CHECK_ST(secret_reset_with_puk(&card_it, card_t, &puk, &pin, u, q, padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(puk.tries, 4);
    CHECK_EQ(pin.tries, 3);
    pin.tries = 0;
    CHECK_ST(secret_reset_with_puk(&card_it, card_t, &puk, &pin, u, q, padding_scratch()), ST_OK);
    CHECK_EQ(pin.tries, 3);
    card_script_over();
}

TEST(secret_sends_no_pin_that_is_none)
{
    static const char *const lines[] = { "00200001 04 31323334 > 9000", NULL };
    struct credential pin = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 16, .fill_to = 16,
                       .verify_bare = true, .tries = 3, .fixed = true };
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(secret_verify(&card_it, card_t, &pin, bytes_text(""), padding_scratch()), ST_PIN_LEN);  // it would be a question
    CHECK_ST(secret_verify(&card_it, card_t, &pin, BYTES_NONE, padding_scratch()), ST_ARGS);         // no pad
    CHECK_ST(secret_change(&card_it, card_t, &pin, bytes_text("1234"), bytes_text(""), padding_scratch()), ST_NOT_SUPPORTED);
    pin.fixed = false;
    CHECK_ST(secret_change(&card_it, card_t, &pin, bytes_text("1234"), bytes_text(""), padding_scratch()), ST_PIN_LEN);
    CHECK_ST(secret_verify(&card_it, card_t, &pin, bytes_text("1234"), padding_scratch()), ST_OK);   // the card pads it
    CHECK_EQ(pin.tries, -1);
    card_script_over();
}

TEST(secret_change_that_the_card_does_not_know)
{
    static const char *const lines[] = { "00240001 08 3132333435363738 > 6d00", NULL };
    struct credential pin = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 8,
                              .tries = 3 };
    place_begin(lines);
    if (test_failing) return;
    CHECK_ST(secret_change(&card_it, card_t, &pin, bytes_text("1234"), bytes_text("5678"),
                           padding_scratch()), ST_NOT_SUPPORTED);
    CHECK(pin.tries == 3 && !pin.verified);
    card_script_over();
}

// A command whose answer was lost may have made the card have it verified; a clear no does not.
TEST(secret_may_be_verified_until_the_card_has_answered)
{
    static const char *const verify[] = { "00200001 04 31323334 > 9000", NULL };
    static const char *const change[] = { "00240001 08 3132333435363738 > 9000", NULL };
    static const char *const no[] = { "00240001 08 3132333435363738 > 63c2", NULL };
    static const struct { const char *const *lines; bool lost, want; } some[] = {
        { verify, true, true }, { change, true, true }, { no, false, false } };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        struct credential pin = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 8,
                                  .tries = 3 };
        place_begin(some[i].lines);
        if (test_failing) return;
        card_it.sure = true;
        if (some[i].lost) sim_reader_fault(SIM_FAILED_AFTER, 1, NULL);
        st s = some[i].lines == verify
             ? secret_verify(&card_it, card_t, &pin, bytes_text("1234"), padding_scratch())
             : secret_change(&card_it, card_t, &pin, bytes_text("1234"), bytes_text("5678"),
                             padding_scratch());
        CHECK_EQ(link_is_broken(s), some[i].lost);
        CHECK_EQ(pin.verified, some[i].want);
        card_script_over();
    }
}

static struct credential *secret_begin_puk(void)
{
    struct credential *puk = test_puk(card_t);
    *puk = (struct credential){ .role = ROLE_PUK, .reference = 2, .coding = CARD_PIN_ASCII,
                                .min = 4, .max = 8, .tries = -1, .presented = true };
    return puk;
}

static st secret_log_in(const char *pin)
{
    return secret_login(&card_it, card_t, card_pin(card_t), bytes_text(pin), padding_scratch());
}

TEST(secret_puk_as_so_pin)
{
    static const struct { const char *answer; st want; } cases[] = {
        { "00200002 04 31323334 > 9000", ST_OK },
        { "00200002 04 31323334 > 63c2", ST_PIN_INCORRECT },
        { "00200002 04 31323334 > 6983", ST_PIN_LOCKED },
        { "00200002 04 31323334 > 6700", ST_PIN_LEN },
        { "00200002 04 31323334 > 6a88", ST_OK },       // nothing to be presented: the use tells
        { "00200002 04 31323334 > 6d00", ST_OK } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].answer, NULL };
        place_begin(lines);
        if (test_failing) return;
        CHECK_ST(secret_login_puk(&card_it, card_t, secret_begin_puk(), bytes_of("1234", 4), padding_scratch()), cases[i].want);
        card_script_over();
        if (test_failing) printf("    %s\n", cases[i].answer);
    }
    static const char *const none[] = { NULL };
    place_begin(none);
    if (test_failing) return;
    sim_reader_eject(0);
    CHECK_ST(secret_login_puk(&card_it, card_t, secret_begin_puk(), bytes_of("1234", 4), padding_scratch()), ST_CARD_REMOVED);
    card_script_over();
    static const char *const lost[] = { PLACE_SELECT "6a82", NULL };
    place_begin(lost);
    if (test_failing) return;
    card_it.sure = false;                       // no PIN goes to who knows where
    CHECK_ST(secret_login_puk(&card_it, card_t, secret_begin_puk(), bytes_of("1234", 4), padding_scratch()), ST_LOST);
    card_script_over();
}

TEST(secret_unblocking_in_one_command_or_two)
{
    static const char *const once[] = { "002c0001 08 3132333435363738 > 9000", NULL };
    static const char *const no[] = { "002c0001 08 3132333435363738 > 63c1", NULL };
    static const char *const two[] = { "002c0001 08 3132333435363738 > 6a86",
        "00200002 04 31323334 > 9000", "002c0201 04 35363738 > 9000", NULL };
    static const char *const other[] = { "002c0001 08 3132333435363738 > 6b00",
        "00200002 04 31323334 > 63c1", NULL };
    static const char *const third[] = { "002c0001 08 3132333435363738 > 6a81",
        "00200002 04 31323334 > 9000", "002c0201 04 35363738 > 6a80", NULL };
    static const char *const simple[] = { "002c0001 08 3132333435363738 > 6a86",
        "00200002 04 31323334 > 9000", "002c0201 04 35363738 > 6985", NULL };
    static const char *const lost[] = { PLACE_SELECT "6a82", NULL };
    static const struct { const char *const *lines; st want; } cases[] = {
        { once, ST_OK }, { no, ST_PIN_INCORRECT }, { two, ST_OK }, { other, ST_PIN_INCORRECT },
        { third, ST_PIN_LEN }, { simple, ST_PIN_INVALID }, { lost, ST_LOST } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        place_begin(cases[i].lines);
        if (test_failing) return;
        card_it.sure = cases[i].lines != lost;
        CHECK_ST(secret_unblock(&card_it, card_t, secret_begin_puk(), card_pin(card_t),
                                bytes_of("1234", 4), bytes_of("5678", 4), padding_scratch()), cases[i].want);
        CHECK_EQ(card_pin(card_t)->verified, !cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// A PUK that does no more than free the PIN: what should be the new PIN must be the old one.
TEST(secret_unblocking_that_only_frees)
{
    static const char *const frees[] = { "002c0001 04 31323334 > 9000", "00200001 04 35363738 > 9000", NULL };
    static const char *const alone[] = { "002c0101 04 31323334 > 9000", "00200001 04 35363738 > 63c2", NULL };
    static const char *const no[] = { "002c0101 04 31323334 > 63c1", NULL }, *const none[] = { NULL };
    static const struct { const char *const *lines; u8 by; st want; } cases[] = {
        { frees, UNBLOCK_FREES, ST_OK }, { alone, UNBLOCK_FREES_ALONE, ST_PIN_INCORRECT },
        { no, UNBLOCK_FREES_ALONE, ST_PIN_INCORRECT }, { none, UNBLOCK_NOT, ST_NOT_SUPPORTED } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        place_begin(cases[i].lines);
        if (test_failing) return;
        card_it.sure = true;
        secret_begin_puk()->unblock_by = cases[i].by;
        CHECK_ST(secret_unblock(&card_it, card_t, test_puk(card_t), card_pin(card_t),
                                bytes_of("1234", 4), bytes_of("5678", 4), padding_scratch()), cases[i].want);
        card_script_over();
    }
}

// The DF of a local PIN is selected before it, each time that the card is elsewhere.
TEST(secret_of_a_place_goes_there_first)
{
    static const char *const lines[] = { "00a4080c 04 3f00dd01 > 9000",
        "00200001 04 31323334 > 9000", "00200001 04 31323334 > 9000", PLACE_SELECT "9000",
        "00a4080c 04 3f00dd01 > 6a82", NULL };
    place_begin(lines);
    if (test_failing) return;
    card_t->landmark = NULL;
    card_pin(card_t)->place.path = BYTES(0x3f, 0x00, 0xdd, 0x01);
    CHECK_ST(secret_log_in("1234"), ST_OK);
    CHECK(card_pin(card_t)->verified);
    CHECK_ST(secret_log_in("1234"), ST_OK);             // there already
    card_it.sure = false;
    place_leave(&card_it);
    CHECK_ST(secret_log_in("1234"), ST_NOT_FOUND);      // no DF, no PIN
    card_script_over();
}

// An application that is not the one, or a landmark that is another's: nothing is sent.
TEST(secret_goes_nowhere_else)
{
    static const char *const lines[] = { PLACE_SELECT "6a82", PLACE_SELECT "6f00",
        PLACE_MARK "01020305 9000", PLACE_SELECT "6999", NULL };
    bytes pin = bytes_text("1234"), puk = bytes_text("12345678");
    place_begin(lines);
    if (test_failing) return;
    card_t->landmark = NULL;
    card_it.sure = false;
    CHECK_ST(secret_log_in("1234"), ST_LOST);
    CHECK_ST(secret_change(&card_it, card_t, card_pin(card_t), pin, pin, padding_scratch()), ST_LOST);
    card_t->landmark = &place_mark;
    CHECK_ST(place_note(&place_mark, 0, BYTES(1, 2, 3, 4)), ST_OK);
    card_t->login = true;
    struct credential *of = secret_begin_puk();
    CHECK_ST(secret_unblock(&card_it, card_t, of, card_pin(card_t), puk, pin, padding_scratch()),
             ST_LOST);
    CHECK(!card_verified(card_t));
    card_script_over();
}

// A driver that loses sight of the card on the way: nothing is sent. With SCARD11_DEBUG that is an
// assertion, so a child tries it. It exits with 1 if the card got a secret.
static st secret_lose_sight(struct card *c, struct token *t, const struct place *place)
{
    (void)t; (void)place;
    c->sure = false;
    return ST_OK;
}

TEST(secret_refuses_where_nobody_is_sure)
{
    NEEDS_FORK;
    static const char *const lines[] = { NULL };
    int status = 0;
    place_begin(lines);
    if (test_failing) return;
    struct driver driver = *card_t->driver;
    driver.select = secret_lose_sight;
    card_t->driver = &driver;
    card_t->landmark = NULL;
    card_it.sure = true;
    card_pin(card_t)->place.path = BYTES(0x3f, 0x00, 0xdd, 0x01);
    pid_t child = fork();
    if (!child) {
        secret_log_in("1234");
        _exit(link_card.wrong != 0);                    // it got a command
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : !WEXITSTATUS(status));
    card_script_over();
}

// OpenPGP's 82 and 81 have one PIN: both are presented, and a wrong one costs one try.
TEST(secret_of_two_references_is_presented_twice)
{
    static const char *const lines[] = { "00200082 04 31323334 > 9000",
        "00200081 04 31323334 > 9000", "00200082 04 31323335 > 63c2", NULL };
    place_begin(lines);
    if (test_failing) return;
    card_t->landmark = NULL;
    struct credential twin = *card_pin(card_t);
    card_pin(card_t)->reference = 0x82;
    twin.reference = 0x81;
    twin.role = ROLE_SIGN;
    twin.same_as = 1;
    card_set_credential(card_t, &twin);
    CHECK_ST(secret_log_in("1234"), ST_OK);
    CHECK(card_pin(card_t)->verified && card_credential(card_t, ROLE_SIGN)->verified);
    CHECK_ST(secret_log_in("1235"), ST_PIN_INCORRECT);
    CHECK_EQ(card_pin(card_t)->tries, 2);
    card_script_over();
}

// What ends a login is what the credential says; an error says that a reset is due.
TEST(secret_that_the_card_lost_or_keeps)
{
    static const struct { u8 by; const char *lines[3]; bool command; st want; } cases[] = {
        { LOGOUT_VERIFY_FF, { "0020ff01 > 9000", NULL }, false, ST_OK },
        { LOGOUT_VERIFY_FF, { "0020ff01 > 6a86", NULL }, false, 0x6a86 },
        { LOGOUT_SELECT, { PLACE_SELECT "9000", NULL }, false, ST_OK },
        { LOGOUT_SELECT, { PLACE_SELECT "6a82", NULL }, false, ST_LOST },
        { LOGOUT_COMMAND, { "002e0000 > 9000", NULL }, true, ST_OK },
        { LOGOUT_COMMAND, { NULL }, false, ST_NOT_SUPPORTED },
        { LOGOUT_RESET, { NULL }, false, ST_NOT_SUPPORTED } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        place_begin(cases[i].lines);
        if (test_failing) return;
        place_logs_out = cases[i].command;
        card_pin(card_t)->logout_by = cases[i].by;
        CHECK_ST(secret_end(&card_it, card_t, padding_scratch()), ST_OK);   // nothing is verified
        card_pin(card_t)->verified = true;
        CHECK_ST(secret_end(&card_it, card_t, padding_scratch()), cases[i].want);
        CHECK_EQ(card_verified(card_t), cases[i].want != ST_OK);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    place_logs_out = false;
}

// A transport PIN: 6984 to an empty VERIFY says that it must be changed, where the card has such
// PINs; elsewhere it is blocked. To change it is what it is good for.
TEST(secret_that_must_be_changed_first)
{
    static const char *const says[] = { PLACE_SELECT "9000", "00200080 > 6984",
        "00240080 08 3132333435363738 > 63c1", "00240080 08 3132333435363738 > 9000", NULL };
    static const char *const blocked[] = { PLACE_SELECT "9000", "00200080 > 6984", NULL };
    for (int transport = 0; transport < 2 && !test_failing; transport++) {
        place_begin(transport ? says : blocked);
        if (test_failing) return;
        struct credential *pin = card_pin(card_t);
        *pin = (struct credential){ .role = ROLE_USER, .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 4,
                                    .max = 8, .tries = -1, .ask = true, .transport = transport };
        card_it.sure = false;
        CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);
        CHECK(pin->must_change == transport && pin->tries == -transport && !pin->missing);
        if (transport) {
            CHECK_ST(secret_change(&card_it, card_t, pin, bytes_of("1234", 4), bytes_of("5678", 4),
                                   padding_scratch()), ST_PIN_INCORRECT);
            CHECK(pin->must_change);
            CHECK_ST(secret_change(&card_it, card_t, pin, bytes_of("1234", 4), bytes_of("5678", 4),
                                   padding_scratch()), ST_OK);
            CHECK(!pin->must_change);
        }
        card_script_over();
    }
}

TEST(secret_tries_are_asked_for_where_that_is_free)
{
    static const char *const lines[] = { "00200001 > 63c2", "00200001 > 6a88", NULL };
    place_begin(lines);
    if (test_failing) return;
    struct credential *pin = card_pin(card_t);
    CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_EQ(pin->tries, -1);                           // who knows what that costs
    pin->ask = card_t->login = true;
    CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_EQ(pin->tries, -1);                           // nor while logged in
    card_t->login = false;
    CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);        // once
    CHECK(pin->tries == 2 && !pin->missing);
    pin->asked = false;
    pin->tries = -1;
    CHECK_ST(secret_read_tries(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(pin->missing);
    card_script_over();
}

static void test_secret(void)
{
    RUN(secret_encodes_pins);
    RUN(secret_derives);
    RUN(secret_with_two_names);
    RUN(secret_sends_pins_as_the_standard_has_them);
    RUN(secret_sends_no_pin_that_is_none);
    RUN(secret_change_that_the_card_does_not_know);
    RUN(secret_may_be_verified_until_the_card_has_answered);
    RUN(secret_puk_as_so_pin);
    RUN(secret_unblocking_in_one_command_or_two);
    RUN(secret_unblocking_that_only_frees);
    RUN(secret_of_a_place_goes_there_first);
    RUN(secret_goes_nowhere_else);
    RUN(secret_refuses_where_nobody_is_sure);
    RUN(secret_of_two_references_is_presented_twice);
    RUN(secret_that_the_card_lost_or_keeps);
    RUN(secret_that_must_be_changed_first);
    RUN(secret_tries_are_asked_for_where_that_is_free);
}
