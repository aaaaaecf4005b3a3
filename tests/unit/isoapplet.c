// isoapplet.c: >>isoapplet, what it makes of answers; whole conversations are in cards.c, traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_ISOAPPLET

#define ISOAPPLET_SELECT "00a40400 0c f276a288bcfba69d34f31001 00 > "
#define ISOAPPLET_ASK_VERSION "00ca0101 03 > "
#define ISOAPPLET_NO_INFO "00a40800 04 50155032 00 > 6a82"
#define ISOAPPLET_NO_ODF "00a40800 04 50155031 00 > 6a82"

static struct isoapplet isoapplet_it;

// Which version says what, and where: version 0 in the answer to SELECT, version 1 when asked.
TEST(isoapplet_knows_its_versions)
{
    static const struct { const char *select, *version; bool mine, hashes, pss; } cases[] = {
        { ISOAPPLET_SELECT "000606 9000", NULL, true, true, false },
        { ISOAPPLET_SELECT "00062f 9000", NULL, true, true, false },    // no bit of version 0
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "01002f 9000", true, false, true },
        { ISOAPPLET_SELECT "6f00 9000", ISOAPPLET_ASK_VERSION "010027 9000", true, false, false },
        { ISOAPPLET_SELECT "01002f 9000", NULL, true, false, true },
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "02002f 9000", false, false, false },
        { ISOAPPLET_SELECT "020000 9000", NULL, false, false, false },
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "0100 9000", false, false, false },
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "01002f00 9000", false, false, false },
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "9000", false, false, false },
        { ISOAPPLET_SELECT "9000", ISOAPPLET_ASK_VERSION "6d00", false, false, false },
        { ISOAPPLET_SELECT "6a82", NULL, false, false, false },
        { ISOAPPLET_SELECT "6999", NULL, false, false, false } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *lines[6] = { cases[i].select };
        size_t n = 1;
        if (cases[i].version) lines[n++] = cases[i].version;
        if (cases[i].mine) lines[n++] = "00200001 > 63c2", lines[n++] = ISOAPPLET_NO_INFO,
                           lines[n] = ISOAPPLET_NO_ODF;
        p15_begin_script(lines, 0);
        if (test_failing) return;
        CHECK_ST(isoapplet_probe(&card_it, p15_scripted_token, p15_scratch()),
                 cases[i].mine ? ST_OK : ST_NOT_MINE);
        if (cases[i].mine) {
            const struct isoapplet *a = p15_scripted_token->state;
            CHECK_EQ(a->hashes, cases[i].hashes);
            CHECK_EQ(p15_scripted_token->card_pads, CARD_SCHEME(ALG_PKCS1) |
                     (cases[i].pss ? CARD_SCHEME(ALG_PSS) : 0));
            CHECK_EQ(card_pin(p15_scripted_token)->tries, 2);
            CHECK(p15_scripted_token->blank);
            CHECK(test_puk(p15_scripted_token)->fixed && card_it.current == p15_scripted_token);
        }
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Another program uses the card: there is no SELECT of an applet that is selected already. What
// says the same and has no files may be another one, and so may be an MF that says more.
TEST(isoapplet_looks_without_select)
{
#define ISOAPPLET_MF "00a40000 02 3f00 00 > 6f07 820138 83023f00 "
#define ISOAPPLET_FILE "00a4080c 04 50155032 > "
    static const char *const there[] = { ISOAPPLET_ASK_VERSION "01002f 9000", ISOAPPLET_FILE "9000",
        "00200001 > 63c2", ISOAPPLET_NO_INFO, ISOAPPLET_NO_ODF, NULL };
    static const char *const version_0[] = { ISOAPPLET_ASK_VERSION "6d00", ISOAPPLET_MF "9000",
        ISOAPPLET_FILE "9000", "00200001 > 63c2", ISOAPPLET_NO_INFO, ISOAPPLET_NO_ODF, NULL };
    static const char *const not_there[] = { ISOAPPLET_ASK_VERSION "010000 9000",
        ISOAPPLET_FILE "6a82", ISOAPPLET_SELECT "6a82", NULL };
    static const char *const no_files[] = { ISOAPPLET_ASK_VERSION "6d00", ISOAPPLET_MF "9000",
        ISOAPPLET_FILE "6a82", ISOAPPLET_SELECT "6a82", NULL };
    static const char *const says_more[] = { ISOAPPLET_ASK_VERSION "6d00",
        "00a40000 02 3f00 00 > 6f0a 820138 83023f00 8a0105 9000", ISOAPPLET_SELECT "6a82", NULL };
    static const char *const no[] = { ISOAPPLET_ASK_VERSION "6a88", ISOAPPLET_SELECT "6a82", NULL };
    const char *const *const cases[] = { there, version_0, not_there, no_files, says_more, no };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_begin_script(cases[i], 0);
        if (test_failing) return;
        card_it.shared = true;
        CHECK_ST(isoapplet_probe(&card_it, p15_scripted_token, p15_scratch()), i > 1 ? ST_NOT_MINE : ST_OK);
        if (i < 2) {
            const struct isoapplet *a = p15_scripted_token->state;
            CHECK(card_it.sure && card_it.current == p15_scripted_token);
            CHECK_EQ(a->hashes, i == 1);
        }
        card_script_over();
        card_it.shared = false;
    }
}

TEST(isoapplet_that_leaves_or_is_too_much)
{
    static const char *const none[] = { NULL }, *const yes[] = { ISOAPPLET_SELECT "9000", NULL };
    p15_begin_script(none, 0);
    if (test_failing) return;
    sim_reader_eject(0);
    CHECK_ST(isoapplet_probe(&card_it, p15_scripted_token, p15_scratch()), ST_CARD_REMOVED);
    card_script_over();
    p15_begin_script(yes, 0);
    if (test_failing) return;
    card_it.arena.left = 0;
    CHECK_ST(isoapplet_probe(&card_it, p15_scripted_token, p15_scratch()), ST_ARENA_FULL);
    card_script_over();
    p15_begin_script(yes, 0);
    if (test_failing) return;
    sim_reader_fault(SIM_EJECT, 2, NULL);
    CHECK_ST(isoapplet_probe(&card_it, p15_scripted_token, p15_scratch()), ST_CARD_REMOVED);
    card_script_over();
}

// A key of version 0 hashes by itself, an RSA key does not, and neither does version 1.
TEST(isoapplet_keys_that_hash)
{
    static const char *const none[] = { NULL };
    static const struct { bool hashes; enum alg_type type; bool private; bool want; } cases[] = {
        { true, ALG_EC, true, true }, { true, ALG_EC, false, false },
        { true, ALG_RSA, true, false }, { false, ALG_EC, true, false } };
    const struct query q = { .class = CKO_DATA };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        isoapplet_it = (struct isoapplet){ .hashes = cases[i].hashes };
        isoapplet_it.p15.odf_read = true;
        isoapplet_it.p15.keys = &p15_scripted_key;
        p15_begin_key(none, &isoapplet_it.p15, cases[i].type, 256);
        if (test_failing) return;
        if (cases[i].private) p15_scripted_key.private_object = &p15_scripted_object;
        CHECK_ST(isoapplet_list(&card_it, p15_scripted_token, &q, p15_scratch()), ST_OK);
        CHECK_EQ(p15_scripted_object.hashes == alg_hash_find(CKM_SHA_1), cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// A signature with the key 01, RSA of 512 bits or P-256.
static void isoapplet_check_sign(const char *const *lines, enum alg_type type, enum alg_scheme pad,
                                 bytes in, st want, const char *made)
{
    u8 room[300];
    struct buf out = buf_on(room, sizeof room);
    const struct alg_use use = { .type = type, .scheme = pad };
    isoapplet_it = (struct isoapplet){ .hashes = false };
    p15_begin_key(lines, &isoapplet_it.p15, type, 512);
    if (test_failing) return;
    CHECK_ST(isoapplet_sign(&card_it, &p15_scripted_object, &use, in, p15_scratch(), &out), want);
    if (!want) CHECK_BYTES(out.p, out.n, made);
    card_script_over();
}

TEST(isoapplet_signatures)
{
    static char rsa[400], pss[400], less[400], failed[100], ec[200], made[200];
    static const char *lines[] = { NULL, NULL, NULL }, *const none[] = { NULL };
    u8 block[64];
    struct buf b = buf_on(block, sizeof block);
    const bytes hash = BYTES(0x30, 0x01, 0xff);
    CHECK_ST(padding_pkcs1_sign(hash, 64, &b), ST_OK);
    snprintf(rsa, sizeof rsa, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 64));
    snprintf(less, sizeof less, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 63));
    snprintf(pss, sizeof pss, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0xa5, 64));
    lines[0] = "002241b6 06 800111 840101 > 9000";              // the card pads
    lines[1] = rsa;
    isoapplet_check_sign(lines, ALG_RSA, ALG_PKCS1, buf_bytes(&b), ST_OK, p15_hex_of(0x5a, 64));
    lines[1] = less;
    snprintf(made, sizeof made, "00 %s", p15_hex_of(0x5a, 63));
    isoapplet_check_sign(lines, ALG_RSA, ALG_PKCS1, buf_bytes(&b), ST_OK, made);
    snprintf(less, sizeof less, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 65));
    isoapplet_check_sign(lines, ALG_RSA, ALG_PKCS1, buf_bytes(&b), ST_PROTOCOL, NULL);
    block[1] = 2;                               // not a block of a signature: nothing is sent
    isoapplet_check_sign(none, ALG_RSA, ALG_PKCS1, buf_bytes(&b), ST_MECHANISM, NULL);
    lines[0] = "002241b6 06 800112 840101 > 9000";
    lines[1] = pss;
    isoapplet_check_sign(lines, ALG_RSA, ALG_PSS, hash, ST_OK, p15_hex_of(0xa5, 64));
    lines[0] = "002241b6 06 800121 840101 > 9000";
    lines[1] = "002a9e9a 03 3001ff 00 > 3006 020101 020102 9000";
    snprintf(ec, sizeof ec, "%s01 %s02", p15_hex_of(0, 31), p15_hex_of(0, 31));
    isoapplet_check_sign(lines, ALG_EC, ALG_RAW, hash, ST_OK, ec);
    lines[1] = "002a9e9a 03 3001ff 00 > 3006 020101 030102 9000";
    isoapplet_check_sign(lines, ALG_EC, ALG_RAW, hash, ST_PROTOCOL, NULL);
    lines[1] = "002a9e9a 03 3001ff 00 > 9000";
    isoapplet_check_sign(lines, ALG_EC, ALG_RAW, hash, ST_PROTOCOL, NULL);
    for (size_t i = 0; i < COUNT(p15_key_answers) && !test_failing; i++) {
        snprintf(failed, sizeof failed, "002a9e9a 03 3001ff 00 > %s", p15_key_answers[i].sw);
        lines[1] = failed;
        isoapplet_check_sign(lines, ALG_EC, ALG_RAW, hash, p15_key_answers[i].want, NULL);
        snprintf(failed, sizeof failed, "002241b6 06 800121 840101 > %s", p15_key_answers[i].sw);
        const char *const refused[] = { failed, NULL };         // MSE: nothing is signed
        if (!test_failing)
            isoapplet_check_sign(refused, ALG_EC, ALG_RAW, hash, p15_key_answers[i].want, NULL);
        if (test_failing) printf("    %s\n", p15_key_answers[i].sw);
    }
}

// The card removes the padding, and >>op wants to: it gets it back, and a cryptogram that the card
// could not unpad is one that does not decrypt.
TEST(isoapplet_decryption)
{
    static char line[400];
    static const char *lines[] = { "002241b8 06 800111 840101 > 9000", line, NULL };
    static const struct { const char *answer; st want; } cases[] = {
        { "68656c6c6f 9000", ST_OK }, { "6a80", ST_CIPHER_DATA }, { "6982", ST_NOT_LOGGED_IN },
        { "6700", ST_FAILED }, { "6985", 0x6985 }, { "6f00", 0x6f00 }, { NULL, ST_PROTOCOL } };
    static char longer[200];                    // more than a padded block of 64 bytes holds
    u8 in[64], room[100];
    snprintf(longer, sizeof longer, "%s 9000", p15_hex_of(0x22, 54));
    memset(in, 0x77, sizeof in);
    CHECK_ST(cipher_start(), ST_OK);            // padding wants chance
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        struct buf out = buf_on(room, sizeof room);
        snprintf(line, sizeof line, "002a8086 41 00 %s 00 > %s", p15_hex_of(0x77, 64),
                 cases[i].answer ? cases[i].answer : longer);
        isoapplet_it = (struct isoapplet){ .hashes = false };
        p15_begin_key(lines, &isoapplet_it.p15, ALG_RSA, 512);
        if (test_failing) return;
        CHECK_ST(isoapplet_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(),
                                   &out), cases[i].want);
        if (!cases[i].want) {
            CHECK_EQ(out.n, 64);
            CHECK_BYTES(room, 2, "0002");
            CHECK_BYTES(room + 58, 6, "00 68656c6c6f");
        }
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    static const char *const refused[] = { "002241b8 06 800111 840101 > 6a88", NULL };
    struct buf out = buf_on(room, sizeof room);
    isoapplet_it = (struct isoapplet){ .hashes = false };
    p15_begin_key(refused, &isoapplet_it.p15, ALG_RSA, 512);
    if (test_failing) return;
    CHECK_ST(isoapplet_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(),
                               &out), ST_FAILED);
    card_script_over();
}
#endif

static void test_isoapplet(void)
{
#if SCARD11_ISOAPPLET
    RUN(isoapplet_knows_its_versions);
    RUN(isoapplet_looks_without_select);
    RUN(isoapplet_that_leaves_or_is_too_much);
    RUN(isoapplet_keys_that_hash);
    RUN(isoapplet_signatures);
    RUN(isoapplet_decryption);
#endif
}
