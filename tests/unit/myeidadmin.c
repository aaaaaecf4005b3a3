// myeidadmin.c: >>myeidadmin, what it sends and what it makes of answers; whole cards are written.c's and
// write.c's. SPDX-License-Identifier: 0BSD

#if SCARD11_MYEID && SCARD11_WRITE

static const u8 myeidadmin_path[] = { 0x3f, 0x00, 0x50, 0x15, 0x4b, 0x07 };

#define MYEIDADMIN_SELECTED "00a40800 04 50154b07 00 > "
#define MYEIDADMIN_FCI(kind) "6f17 81020800 8201" kind " 83024b07 8603111111 85020000 8a0107 9000"

static void myeidadmin_begin(const char *const *lines)
{
    myeid_it = (struct myeid){ .counted = true };
    p15dir_init(&myeid_it.p15, BYTES_NONE, P15_FLAT);
    p15_begin_script(lines, 0);
    if (test_failing) return;
    p15_attach(p15_scripted_token, &myeid_it.p15);
    card_it.link.extended.on = false;
}

// The descriptor of a file says who may do what, a PIN's number in each half of a byte.
TEST(myeidadmin_makes_files)
{
    static const struct { const char *answer; st want; bool directory; } cases[] = {
        { "9000", ST_OK, false }, { "6a84", ST_CARD_FULL, false }, { "6a89", 0x6a89, false },
        { "6a89", ST_OK, true }, { "6f00", 0x6f00, false } };
    static char line[120];
    static const char *const lines[] = { line, NULL };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        struct p15_new_file file = { .kind = P15_CDF, .directory = cases[i].directory, .size = 700,
                                     .path = bytes_of(myeidadmin_path, sizeof myeidadmin_path) };
        snprintf(line, sizeof line, "00e00000 19 6217 800202bc 820101 83024b07 8603011fff 85020000 "
                 "8a0100 > %s", cases[i].answer);
        myeidadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(myeidadmin_make_file(&card_it, p15_scripted_token, &file), cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Read by the user alone; and what no card can hold.
TEST(myeidadmin_makes_private_files)
{
    static const char *const lines[] = { "00e00000 19 6217 80020001 820101 83024b07 8603111fff "
                                         "85020000 8a0100 > 9000", NULL };
    struct p15_new_file file = { .kind = P15_DODF, .private = true, .size = 1,
                                 .path = bytes_of(myeidadmin_path, sizeof myeidadmin_path) };
    myeidadmin_begin(lines);
    if (test_failing) return;
    CHECK_ST(myeidadmin_make_file(&card_it, p15_scripted_token, &file), ST_OK);
    file.size = 0x8000;
    CHECK_ST(myeidadmin_make_file(&card_it, p15_scripted_token, &file), ST_CARD_FULL);
    card_script_over();
}

// 6982: no PIN is verified; or this token's is, and the card wants another one.
TEST(myeidadmin_tells_which_pin_is_wanted)
{
    static const struct { const char *asked; st want; } cases[] = {
        { "63c3", ST_NOT_LOGGED_IN }, { "9000", ST_PROHIBITED }, { "6983", ST_NOT_LOGGED_IN } };
    static char line[40];
    static const char *const lines[] = { line, NULL };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        snprintf(line, sizeof line, "00200001 > %s", cases[i].asked);
        myeidadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(myeidadmin_status(&card_it, p15_scripted_token, ST_NOT_LOGGED_IN), cases[i].want);
        CHECK_ST(myeidadmin_status(&card_it, p15_scripted_token, ST_CARD_FULL), ST_CARD_FULL);
        card_script_over();
    }
}

// What an entry names is deleted, unless it is a DF, which would take everything with it.
TEST(myeidadmin_deletes_files_and_no_df)
{
    static const struct { const char *select, *delete, *asked; st want; } cases[] = {
        { MYEIDADMIN_SELECTED MYEIDADMIN_FCI("01"), "a0e40000 > 9000", NULL, ST_OK },
        { MYEIDADMIN_SELECTED MYEIDADMIN_FCI("11"), "a0e40000 > 6982", "00200001 > 9000", ST_OK },
        { MYEIDADMIN_SELECTED MYEIDADMIN_FCI("11"), "a0e40000 > 6982", "00200001 > 63c3",
          ST_NOT_LOGGED_IN },
        { MYEIDADMIN_SELECTED MYEIDADMIN_FCI("38"), NULL, NULL, ST_OK },
        { MYEIDADMIN_SELECTED "6a82", NULL, NULL, ST_NOT_FOUND },
        { MYEIDADMIN_SELECTED "6f04 81020800 9000", NULL, NULL, ST_PROTOCOL },
        { MYEIDADMIN_SELECTED "6f02 8200 9000", NULL, NULL, ST_PROTOCOL },
        { MYEIDADMIN_SELECTED "9000", NULL, NULL, ST_PROTOCOL } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].select, cases[i].delete, cases[i].asked, NULL };
        myeidadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(myeidadmin_delete(&card_it, p15_scripted_token,
                                   bytes_of(myeidadmin_path, sizeof myeidadmin_path)),
                 cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Where nobody has seen the application, nothing is sent.
TEST(myeidadmin_deletes_nothing_on_trust)
{
    static const char *const none[] = { NULL };
    myeidadmin_begin(none);
    if (test_failing) return;
    place_unsure(&card_it);
    CHECK_ST(myeidadmin_delete(&card_it, p15_scripted_token,
                               bytes_of(myeidadmin_path, sizeof myeidadmin_path)), ST_FAILED);
    card_script_over();
}

// What tells of the key that a card has made: a modulus as long as was asked for, a point of its curve.
TEST(myeidadmin_reads_public_halves)
{
    static const struct { const char *first, *then; bool rsa; st want; } cases[] = {
        { "00ca0101 00 > 80000000 00000001 9000", "00ca0102 00 > 010001 9000", true, ST_OK },
        { "00ca0101 00 > 00 80000000 00000001 9000", "00ca0102 00 > 00010001 9000", true, ST_OK },
        { "00ca0101 00 > 80000000 000001 9000", "00ca0102 00 > 010001 9000", true, ST_PROTOCOL },
        { "00ca0101 00 > 80000000 00000001 9000", "00ca0102 00 > 9000", true, ST_PROTOCOL },
        { "00ca0101 00 > 6a88", NULL, true, 0x6a88 },
        { "00ca0186 00 > 3041 " P15_POINT " 9000", NULL, false, ST_OK },
        { "00ca0186 00 > 8641 " P15_POINT " 9000", NULL, false, ST_OK },
        { "00ca0186 00 > " P15_POINT " 9000", NULL, false, ST_PROTOCOL },
        { "00ca0186 00 > 3003 040102 9000", NULL, false, ST_PROTOCOL },
        { "00ca0186 00 > 9000", NULL, false, ST_NOT_FOUND } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].first, cases[i].then, NULL };
        struct draft draft = { .key = { .type = ALG_RSA, .bits = 64 } };
        struct scratch scratch = p15_scratch();
        struct alg_key key;
        if (!cases[i].rsa) draft.key = (struct alg_key){ .type = ALG_EC, .bits = 256,
                                                         .curve = alg_curve_named("P-256") };
        myeidadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(myeidadmin_read_public(&card_it, &draft, &scratch, &key), cases[i].want);
        if (!cases[i].want && cases[i].rsa) CHECK(key.modulus.n == 8 && key.exponent.n == 3);
        if (!cases[i].want && !cases[i].rsa) CHECK_BYTES(key.point.p, key.point.n, P15_POINT);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Numbers are as long as they can be, with a 00 in front unless they begin with one; the public exponent
// comes last, and as it is.
TEST(myeidadmin_gives_rsa_keys)
{
    static const char *const lines[] = {
        "00da0183 05 00 f1000001 > 9000", "00da0184 05 00 f2000002 > 9000",
        "00da0185 04 00000003 > 9000", "00da0186 05 00 04000000 > 9000",
        "00da0187 05 00 05000000 > 9000", "00da0180 09 00 8000000000000006 > 9000",
        "00da0181 03 010001 > 9000", NULL };
    const struct draft_secret secret = {
        .p = BYTES(0xf1, 0, 0, 1), .q = BYTES(0xf2, 0, 0, 2), .dp = BYTES(3),
        .dq = BYTES(4, 0, 0, 0), .qinv = BYTES(5, 0, 0, 0) };
    const struct draft draft = { .secret = &secret, .key = { .type = ALG_RSA, .bits = 64,
        .modulus = BYTES(0x80, 0, 0, 0, 0, 0, 0, 6), .exponent = BYTES(1, 0, 1) } };
    myeidadmin_begin(lines);
    if (test_failing) return;
    CHECK_ST(myeidadmin_give_rsa(&card_it, p15_scripted_token, &draft, p15_scratch()), ST_OK);
    card_script_over();
}

// A modulus of 256 bytes comes in halves.
TEST(myeidadmin_gives_a_modulus_in_halves)
{
    static char line[2][400];
    static const char *const lines[] = { line[0], line[1], NULL };
    static u8 n[256];
    memset(n, 0x91, sizeof n);
    snprintf(line[0], sizeof line[0], "00da0188 80 %s > 9000", p15_hex_of(0x91, 128));
    snprintf(line[1], sizeof line[1], "00da0189 80 %s > 6984", p15_hex_of(0x91, 128));
    myeidadmin_begin(lines);
    if (test_failing) return;
    CHECK_ST(myeidadmin_give_modulus(&card_it, p15_scripted_token, bytes_of(n, sizeof n),
                                     p15_scratch()), ST_KEY_SIZE);
    card_script_over();
}

// Who may begin a card anew says the MF.
TEST(myeidadmin_asks_who_may_begin_anew)
{
#define MYEIDADMIN_MF(rules, life) "00a40000 02 3f00 00 > 6f0f 82013883023f00 8603" rules " 8a01" life " 9000"
    static const struct { const char *mf, *verify; st want; } cases[] = {
        { MYEIDADMIN_MF("113fff", "01"), NULL, ST_OK },             // nobody has set it up
        { MYEIDADMIN_MF("000fff", "07"), NULL, ST_OK },
        { MYEIDADMIN_MF("11ffff", "07"), NULL, ST_TOKEN_RO },
        { MYEIDADMIN_MF("113fff", "07"), "00200003 08 > 9000", ST_OK },
        { MYEIDADMIN_MF("113fff", "07"), "00200003 08 > 63c2", ST_PIN_INCORRECT },
        { MYEIDADMIN_MF("113fff", "07"), "00200003 08 > 6983", ST_PIN_LOCKED },
        { MYEIDADMIN_MF("11efff", "07"), "0020000e 08 > 9000", ST_OK },
        { "00a40000 02 3f00 00 > 9000", NULL, ST_PROTOCOL },
        { "00a40000 02 3f00 00 > 6f03 860111 9000", NULL, ST_PROTOCOL } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        static char line[80];
        const char *lines[] = { cases[i].mf, cases[i].verify ? line : NULL, NULL };
        if (cases[i].verify)
            snprintf(line, sizeof line, "%.11s 3837363534333231 %s", cases[i].verify,
                     cases[i].verify + 12);
        myeidadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(myeidadmin_prove(&card_it, p15_scripted_token, bytes_text("87654321"),
                                  p15_scratch()), cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// An SO's PIN that no card takes is refused before anything is sent.
TEST(myeidadmin_wants_a_pin_of_the_so)
{
    static const char *const none[] = { NULL };
    static const char *const pins[] = { "", "123", "123456789" };
    for (size_t i = 0; i < COUNT(pins) && !test_failing; i++) {
        myeidadmin_begin(none);
        if (test_failing) return;
        CHECK_ST(myeidadmin_init(&card_it, p15_scripted_token, bytes_text(pins[i]), BYTES_NONE,
                                 p15_scratch()), ST_PIN_LEN);
        card_script_over();
    }
}

// What is written in a new card's files is read again as what it was meant to be.
TEST(myeidadmin_writes_what_is_read)
{
    u8 room[255], info[20] = { 'M', 'y', 'E', 'I', 'D', 4, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1 };
    struct buf b = buf_on(room, sizeof room);
    struct p15_info said;
    struct p15_entry entry;
    struct p15_pin pin;
    struct tlv record;
    struct p15alg_table table;
    myeidadmin_put_info(bytes_of(info, sizeof info),
                        bytes_text("A label of thirty-two characters"), &b);
    CHECK(!b.full);
    p15entry_info(buf_bytes(&b), BYTES_NONE, &said);
    CHECK(bytes_equal(said.label, bytes_text("A label of thirty-two characters")));
    CHECK(bytes_equal(said.serial, BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)));
    CHECK(bytes_equal(said.maker, bytes_text("Aventra Ltd.")));
    p15alg_parse(said.algorithms, &table);
    CHECK(table.n == 6 && table.list[1].mechanism == CKM_AES_CBC && table.list[5].reference == 6);
    b.n = 0;
    myeidadmin_put_pin("User PIN", 1, 1, false, &b);
    myeidadmin_put_pin("SO PIN", 0xff, 3, true, &b);
    CHECK(!b.full);
    bytes rest = buf_bytes(&b);
    for (int so = 0; so < 2 && !test_failing; so++) {
        CHECK_ST(p15entry_next(&rest, &record), ST_OK);
        CHECK_ST(p15entry_parse(&record, &entry), ST_OK);
        CHECK_ST(p15entry_pin(&entry, &pin), ST_OK);
        CHECK_EQ(pin.credential.reference, so ? 3 : 1);
        CHECK_EQ(!!(pin.flags & P15_PIN_SO), so);
        CHECK(pin.credential.min == 4 && pin.credential.max == 8 && pin.credential.fill_to == 8);
    }
}

TEST(myeidadmin_knows_its_keys)
{
    static const struct { enum alg_type type; u32 bits; const char *curve; bool makes; } cases[] = {
        { ALG_RSA, 2048, NULL, true }, { ALG_RSA, 1024, NULL, true }, { ALG_RSA, 4096, NULL, true },
        { ALG_RSA, 512, NULL, false },                          // nobody could use it
        { ALG_RSA, 8192, NULL, false }, { ALG_RSA, 1025, NULL, false }, { ALG_EC, 256, "P-256", true },
        { ALG_EC, 521, "P-521", true }, { ALG_EC, 256, "secp256k1", false },
        { ALG_EC, 256, "brainpoolP256r1", false }, { ALG_EDWARDS, 255, "Ed25519", false } };
    const struct draft_secret secret = { .value = BYTES(1) };
    struct draft draft = { .class = CKO_PRIVATE_KEY };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        draft.key = (struct alg_key){ .type = cases[i].type, .bits = cases[i].bits };
        if (cases[i].curve) draft.key.curve = alg_curve_named(cases[i].curve);
        CHECK_EQ(myeidadmin_makes(NULL, &draft), cases[i].makes);
    }
    draft = (struct draft){ .class = CKO_SECRET_KEY, .secret_type = CKK_AES, .secret_len = 32 };
    CHECK(!myeidadmin_makes(NULL, &draft));                     // no card makes one itself
    draft.secret = &secret;
    CHECK(myeidadmin_makes(NULL, &draft));
    draft.secret_type = CKK_DES3;
    CHECK(!myeidadmin_makes(NULL, &draft));
    draft.secret_len = 24;
    CHECK(myeidadmin_makes(NULL, &draft));
    draft.secret_type = CKK_GENERIC_SECRET;
    CHECK(!myeidadmin_makes(NULL, &draft));
}
#endif

static void test_myeidadmin(void)
{
#if SCARD11_MYEID && SCARD11_WRITE
    RUN(myeidadmin_makes_files);
    RUN(myeidadmin_makes_private_files);
    RUN(myeidadmin_tells_which_pin_is_wanted);
    RUN(myeidadmin_deletes_files_and_no_df);
    RUN(myeidadmin_deletes_nothing_on_trust);
    RUN(myeidadmin_reads_public_halves);
    RUN(myeidadmin_gives_rsa_keys);
    RUN(myeidadmin_gives_a_modulus_in_halves);
    RUN(myeidadmin_asks_who_may_begin_anew);
    RUN(myeidadmin_wants_a_pin_of_the_so);
    RUN(myeidadmin_writes_what_is_read);
    RUN(myeidadmin_knows_its_keys);
#endif
}
