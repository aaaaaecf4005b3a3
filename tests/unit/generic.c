// generic.c: >>generic, what it makes of directories and answers; whole cards are in cards.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_GENERIC

#define GENERIC_DIR "00a40800 02 2f00 00 > "
#define GENERIC_DF  "00a4080c 02 5015 > "

// An application is one that an AID or a path from the MF selects.
TEST(generic_applications)
{
    static const struct { const char *text; st want; size_t aid, base; const char *odf, *info; }
        cases[] = {
        { "4f:a000 51:3f005015", ST_OK, 2, 4, "5031", "5032" },
        { "51:3f00", ST_OK, 0, 2, "5031", "5032" },
        { "4f:a000", ST_OK, 2, 0, "5031", "5032" },
        { "4f:a000 51:5015", ST_OK, 2, 0, "5031", "5032" },     // not from the MF: not known
        { "51:5015", ST_NOT_MINE, 0, 0, "5031", "5032" },
        { "50'name'", ST_NOT_MINE, 0, 0, "5031", "5032" },
        { "", ST_NOT_MINE, 0, 0, "5031", "5032" },
        { "4f:a000 51:3f00501550", ST_NOT_MINE, 2, 5, "5031", "5032" },
        { "4f:a000 51:3f0050155015501550155015501550155016", ST_NOT_MINE, 2, 18, "5031", "5032" },
        { "4f:a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0", ST_NOT_MINE, 17, 0, "5031", "5032" },
        { "4f:a000 73(30(04:3f005015a031))", ST_OK, 2, 0, "3f005015a031", "5032" },
        { "4f:a000 73(a0(04:3f005015a032))", ST_OK, 2, 0, "5031", "3f005015a032" },
        { "4f:a000 73(a0(30(04:3f005015a032)) 04:00)", ST_OK, 2, 0, "5031", "3f005015a032" },
        { "4f:a000 73(30(04:3f0050) a0(04:50) 30:)", ST_OK, 2, 0, "5031", "5032" },
        { "4f:a000 73(4f:a00001)", ST_OK, 3, 0, "5031", "5032" },       // the directory's own AID
        { "4f:a000 73:30ff", ST_OK, 2, 0, "5031", "5032" } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        struct p15 p;
        p15_used = 0;
        CHECK_ST(generic_parse_application(p15_text(cases[i].text), &p), cases[i].want);
        CHECK_EQ(p.aid.n, cases[i].aid);
        CHECK_EQ(p.base.n, cases[i].base);
        CHECK_BYTES(p.odf_path.p, p.odf_path.n, cases[i].odf);
        CHECK_BYTES(p.info_path.p, p.info_path.n, cases[i].info);
        if (test_failing) printf("    %s\n", cases[i].text);
    }
}

// An application whose TokenInfo announces these.
static void generic_announce(struct p15 *p, const char *infos)
{
    p->info_read = true;
    p15alg_parse(p15_text(infos), &p->algorithms);
}

// The reference of an algorithm: by what it is, what it is for, and which the key names.
TEST(generic_algorithms)
{
    static const struct { const char *infos, *named; u32 algorithm, operation; int want; }
        cases[] = {
        { "30(02:01 02:01 05: 03:0640 02:02)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 2 },
        { "30(02:01 02:01 05: 03:0640 02:02)", "", GENERIC_RSA_PKCS, GENERIC_OP_DECIPHER, -1 },
        { "30(02:01 02:01 05: 03:0640 02:02)", "", GENERIC_ECDSA, GENERIC_OP_SIGN, -1 },
        { "30(02:01 02:01 05: 03:0640 02:02)", "02:01", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 2 },
        { "30(02:01 02:01 05: 03:0640 02:02)", "02:07 02:01", GENERIC_RSA_PKCS,
          GENERIC_OP_SIGN, 2 },
        { "30(02:01 02:01 05: 03:0640 02:02)", "02:07", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 },
        { "30(02:01 02:01 03:0640)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 },   // no reference
        { "30(02:01 02:01 02:02)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 },     // for nothing
        { "30(02:01 02:01 03:0640 02:0102)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 2 },
        { "30(02:01 02:01 03:0640 02:82)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 0x82 },
        { "30(02:01 02:01 03:0640 02:02 02:09)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 2 },
        { "30(02:01 02:1041 03:0640 02:04) 30(02:02 02:1050 03:070080 02:05)", "", GENERIC_ECDH,
          GENERIC_OP_DERIVE, 5 },
        { "30(02:01 02:01 03:0640 02:02) 30(02:02 02:01 03:0640 02:03)", "02:02",
          GENERIC_RSA_PKCS, GENERIC_OP_SIGN, 3 },
        { "31(02:01 02:01 03:0640 02:02)", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 },
        { "=30ff0201", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 },
        { "", "", GENERIC_RSA_PKCS, GENERIC_OP_SIGN, -1 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_used = 0;
        struct p15 p = { .info_read = false };
        struct p15_key k = { .algorithms = p15_text(cases[i].named) };
        generic_announce(&p, cases[i].infos);
        for (int twice = 0; twice < 2; twice++)
            CHECK_EQ(generic_algorithm(&p, &k, cases[i].algorithm, cases[i].operation),
                     cases[i].want);
        if (test_failing) printf("    case %zu\n", i);
    }
}

// What nobody knows: no EF.DIR, no DF 5015, no such AID. What leaves, and what is too much.
TEST(generic_finds_nothing)
{
    static const char *const nothing[] = { GENERIC_DIR "6a82", GENERIC_DF "6a82",
                                           P15_SELECT "6a82", NULL };
    static const char *const odd[] = { GENERIC_DIR "6985", GENERIC_DF "6985", P15_SELECT "6985",
                                       NULL };
    static const char *const other[] = {        // its one application is not of PKCS#15
        GENERIC_DIR "9000", "00b00000 00 > 6109 4f07a0000009990002 9000", "00b0000b 00 > 6b00",
        "00a40400 07 a0000009990002 00 > 6a82", GENERIC_DF "6a82", P15_SELECT "6a82", NULL };
    static const char *const no_odf[] = { GENERIC_DIR "6a82", GENERIC_DF "9000",
        "00a40800 04 50155031 00 > 6a82", P15_SELECT "9000",
        "00a40000 02 5031 00 > 6a82", NULL };
    const char *const *const cases[] = { nothing, odd, other, no_odf };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_begin_script(cases[i], 0);
        if (test_failing) return;
        card_it.token_count = 0;
        card_it.link.extended.on = false;
        CHECK_ST(generic_probe(&card_it, p15_scripted_token, p15_scratch()), ST_NOT_MINE);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    for (unsigned n = 1; n <= 3 && !test_failing; n++) {
        const char *const lines[] = { n > 1 ? GENERIC_DIR "6a82" : NULL,
                                      n > 2 ? GENERIC_DF "6a82" : NULL, NULL };
        p15_begin_script(lines, 0);
        if (test_failing) return;
        card_it.token_count = 0;
        sim_reader_fault(SIM_EJECT, n, NULL);
        CHECK_ST(generic_probe(&card_it, p15_scripted_token, p15_scratch()), ST_CARD_REMOVED);
        card_script_over();
    }
    static const char *const none[] = { NULL };
    p15_begin_script(none, 0);
    if (test_failing) return;
    card_it.arena.left = 0;
    CHECK_ST(generic_probe(&card_it, p15_scripted_token, p15_scratch()), ST_ARENA_FULL);
    card_script_over();
}

// ---- Keys ----

static struct p15 generic_it;

static void generic_begin(const char *const *lines, const char *algorithms, enum alg_type type,
                          u32 bits)
{
    p15_used = 0;
    p15dir_init(&generic_it, BYTES_NONE, 0);
    generic_announce(&generic_it, algorithms);
    p15_begin_key(lines, &generic_it, type, bits);
    p15_scripted_key.referenced = true;
}

#define GENERIC_PADS  "30(02:01 02:01 03:0644 02:02)"        // RSA, PKCS#1: sign, decipher
#define GENERIC_WHOLE "30(02:02 02:03 03:0644 02:03)"        // RSA, whole blocks
#define GENERIC_PSS   "30(02:03 02:0d 03:0640 02:06)"
#define GENERIC_EC    "30(02:04 02:1041 03:0640 02:04)"

TEST(generic_who_pads)
{
    static const struct { const char *algorithms; u32 want; } cases[] = {
        { "", CARD_SCHEME(ALG_PKCS1) }, { GENERIC_PADS, CARD_SCHEME(ALG_PKCS1) },
        { GENERIC_WHOLE, 0 }, { GENERIC_PADS GENERIC_WHOLE, 0 }, { GENERIC_WHOLE GENERIC_PSS, 0 },
        { GENERIC_PSS, CARD_SCHEME(ALG_PKCS1) | CARD_SCHEME(ALG_PSS) },
        { "30(02:03 02:0d 03:0640 02:00)",                      // a reference may be 0
          CARD_SCHEME(ALG_PKCS1) | CARD_SCHEME(ALG_PSS) },
        { "30(02:02 02:03 03:0644 02:00)", 0 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_used = 0;
        struct p15 p = { .info_read = false };
        struct p15_key any = { .type = ALG_RSA };
        generic_announce(&p, cases[i].algorithms);
        CHECK_EQ(generic_pads(&p, &any), cases[i].want);
        if (test_failing) printf("    %s\n", cases[i].algorithms);
    }
}

// What is named in MSE: what the directory says of the key, and nothing else.
TEST(generic_names_a_key)
{
    static const u8 file[] = { 0x3f, 0x00, 0x50, 0x15, 0x4b, 0x01 };
    static const struct { int algorithm; bool file, referenced; const char *want; } cases[] = {
        { -1, false, false, "002241b6 03 840101 > 9000" },
        { 2, false, false, "002241b6 06 800102 840101 > 9000" },
        { 2, true, false, "002241b6 07 800102 81024b01 > 9000" },
        { -1, true, true, "002241b6 07 81024b01 840101 > 9000" },
        { 0, true, true, "002241b6 0a 800100 81024b01 840101 > 9000" } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].want, NULL };
        generic_begin(lines, "", ALG_RSA, 512);
        if (test_failing) return;
        p15_scripted_key.referenced = cases[i].referenced;
        if (cases[i].file) p15_scripted_key.where.file = bytes_of(file, sizeof file);
        CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, cases[i].algorithm, false), ST_OK);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// The SE: the key's before the PIN's before the application's; once, as long as MSE stands; a
// refused one is tried the next time, and MSE SET follows it.
TEST(generic_environments)
{
    static const struct { u8 key, pin, application; const char *restore; } cases[] = {
        { 0, 0, 0, NULL }, { 0, 0, 3, "0022f303 > 9000" }, { 0, 2, 3, "0022f302 > 9000" },
        { 1, 2, 3, "0022f301 > 9000" }, { 1, 0, 0, "0022f301 > 9000" } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const struct p15_pin pin = { .environment = cases[i].pin };
        const char *const lines[] = { cases[i].restore ? cases[i].restore
                                      : "002241b6 03 840101 > 9000", cases[i].restore
                                      ? "002241b6 03 840101 > 9000" : NULL, NULL };
        generic_begin(lines, "", ALG_RSA, 512);
        if (test_failing) return;
        p15_scripted_key.environment = cases[i].key;
        generic_it.environment = cases[i].application;
        generic_it.user_pins[0] = i & 1 && !cases[i].pin ? NULL : &pin;
        CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, -1, false), ST_OK);
        CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, -1, false), ST_OK);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    static const char *const refused[] = { "0022f303 > 6a88", "002241b6 03 840101 > 6a88",
        "0022f303 > 9000", "002241b6 03 840101 > 9000", NULL };
    static const char *const none[] = { NULL };
    generic_begin(refused, "", ALG_RSA, 512);
    if (test_failing) return;
    generic_it.environment = 3;
    CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, -1, false), 0x6a88);
    CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, -1, false), ST_OK);
    card_script_over();
    generic_begin(none, "", ALG_RSA, 512);
    if (test_failing) return;
    generic_it.environment = 3;
    sim_reader_eject(0);
    CHECK_ST(generic_set(&card_it, &p15_scripted_object, 0xb6, -1, false), ST_CARD_REMOVED);
    card_script_over();
}

static void generic_check_sign(const char *const *lines, const char *algorithms, enum alg_type type,
                               enum alg_scheme pad, bytes in, st want, const char *made)
{
    u8 room[300];
    struct buf out = buf_on(room, sizeof room);
    const struct alg_use use = { .type = type, .scheme = pad };
    generic_begin(lines, algorithms, type, 512);
    if (test_failing) return;
    CHECK_ST(generic_sign(&card_it, &p15_scripted_object, &use, in, p15_scratch(), &out), want);
    if (!want) CHECK_BYTES(out.p, out.n, made);
    card_script_over();
    if (test_failing) printf("    %s\n", algorithms);
}

// As little is sent as the card can take, under the algorithm that it announces for that.
TEST(generic_signatures)
{
    static char info[300], whole[600], less[300], longer[300], pss[300], made_less[200];
    static const char *lines[] = { NULL, NULL, NULL }, *const none[] = { NULL };
    static const char *made;
    u8 block[64], other[64];
    struct buf b = buf_on(block, sizeof block);
    const bytes in = BYTES(0x30, 0x01, 0xff);
    CHECK_ST(padding_pkcs1_sign(in, 64, &b), ST_OK);
    memset(other, 0x11, sizeof other);
    snprintf(info, sizeof info, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 64));
    snprintf(less, sizeof less, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 63));
    snprintf(longer, sizeof longer, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 65));
    snprintf(made_less, sizeof made_less, "00 %s", p15_hex_of(0x5a, 63));
    snprintf(pss, sizeof pss, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 64));
    snprintf(whole, sizeof whole, "002a9e9a 40 %s 00 > %s 9000", p15_hex_of(0x11, 64),
             p15_hex_of(0x5a, 64));
    static char room[200];
    made = strcpy(room, p15_hex_of(0x5a, 64));
    const bytes padded = bytes_of(block, 64), foreign = bytes_of(other, 64);
    lines[0] = "002241b6 03 840101 > 9000", lines[1] = info;    // nothing announced: it pads
    generic_check_sign(lines, "", ALG_RSA, ALG_PKCS1, padded, ST_OK, made);
    lines[0] = "002241b6 06 800102 840101 > 9000";
    generic_check_sign(lines, GENERIC_PADS, ALG_RSA, ALG_PKCS1, padded, ST_OK, made);
    generic_check_sign(lines, GENERIC_PADS GENERIC_WHOLE, ALG_RSA, ALG_PKCS1, padded, ST_OK,
                       made);
    lines[1] = less;                            // a zero at the beginning that the card left out
    generic_check_sign(lines, GENERIC_PADS, ALG_RSA, ALG_PKCS1, padded, ST_OK, made_less);
    lines[1] = longer;
    generic_check_sign(lines, GENERIC_PADS, ALG_RSA, ALG_PKCS1, padded, ST_PROTOCOL, NULL);
    lines[1] = "002a9e9a 03 3001ff 00 > 9000";
    generic_check_sign(lines, GENERIC_PADS, ALG_RSA, ALG_PKCS1, padded, ST_PROTOCOL, NULL);
    generic_check_sign(none, GENERIC_PADS, ALG_RSA, ALG_RAW, foreign, ST_MECHANISM, NULL);
    lines[0] = "002241b6 06 800103 840101 > 9000", lines[1] = whole;
    generic_check_sign(lines, GENERIC_WHOLE, ALG_RSA, ALG_RAW, foreign, ST_OK, made);
    generic_check_sign(lines, GENERIC_PADS GENERIC_WHOLE, ALG_RSA, ALG_RAW, foreign, ST_OK,
                       made);
    lines[0] = "002241b6 06 800106 840101 > 9000", lines[1] = pss;
    generic_check_sign(lines, GENERIC_PSS, ALG_RSA, ALG_PSS, in, ST_OK, made);
    char ec[200];
    snprintf(ec, sizeof ec, "%s01 %s02", p15_hex_of(0, 31), p15_hex_of(0, 31));
    lines[0] = "002241b6 06 800104 840101 > 9000";
    lines[1] = "002a9e9a 03 3001ff 00 > 3006 020101 020102 9000";
    generic_check_sign(lines, GENERIC_EC, ALG_EC, ALG_RAW, in, ST_OK, ec);
    lines[1] = "002a9e9a 03 3001ff 00 > 0102 9000";             // neither DER nor r || s
    generic_check_sign(lines, GENERIC_EC, ALG_EC, ALG_RAW, in, ST_PROTOCOL, NULL);
    char failed[60];
    for (size_t i = 0; i < COUNT(p15_key_answers) && !test_failing; i++) {
        snprintf(failed, sizeof failed, "002a9e9a 03 3001ff 00 > %s", p15_key_answers[i].sw);
        lines[1] = failed;
        generic_check_sign(lines, GENERIC_EC, ALG_EC, ALG_RAW, in, p15_key_answers[i].want,
                           NULL);
    }
}

// The padding indicator is left out for a card that refuses it, which is then known; a card that
// refuses both keeps it. What comes unpadded is padded again for >>op.
TEST(generic_decryption)
{
#define GENERIC_WITH "002a8086 41 00 %s 00 > %s"
#define GENERIC_BARE "002a8086 40 %s 00 > %s"
    static const struct { const char *with, *bare; st want; bool quirk, known; } cases[] = {
        { "68656c6c6f 9000", NULL, ST_OK, false, false }, { "whole", NULL, ST_OK, false, false },
        { "long", NULL, ST_PROTOCOL, false, false }, { "less", NULL, ST_OK, false, false },
        { "6a80", "68656c6c6f 9000", ST_OK, true, false },
        { "6700", "68656c6c6f 9000", ST_OK, true, false },
        { "6a80", "6a80", ST_CIPHER_DATA, false, false }, { "6700", "6982", ST_NOT_LOGGED_IN, false,
          false }, { "6700", "6700", ST_FAILED, false, false },
        { "6982", NULL, ST_NOT_LOGGED_IN, false, false }, { "6f00", NULL, 0x6f00, false, false },
        { "6a88", NULL, ST_FAILED, false, false }, { NULL, "68656c6c6f 9000", ST_OK, true, true },
        { NULL, "6a80", ST_CIPHER_DATA, true, true }, { NULL, "6700", ST_FAILED, true, true } };
    static char with[600], bare[600], whole[200], longer[200], less[200];
    u8 in[64], room[100];
    CHECK_ST(cipher_start(), ST_OK);            // padding wants chance
    memset(in, 0x77, sizeof in);
    snprintf(whole, sizeof whole, "%s 9000", p15_hex_of(0x22, 64));
    snprintf(longer, sizeof longer, "%s 9000", p15_hex_of(0x22, 54));   // than a padded block's
    snprintf(less, sizeof less, "%s 9000", p15_hex_of(0x22, 63));       // without its first zero
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *lines[4] = { "002241b8 06 800102 840101 > 9000" };
        size_t n = 1;
        bool block = cases[i].with && !strcmp(cases[i].with, "whole");
        bool zero = cases[i].with && !strcmp(cases[i].with, "less");
        struct buf out = buf_on(room, sizeof room);
        if (cases[i].with) {
            snprintf(with, sizeof with, GENERIC_WITH, p15_hex_of(0x77, 64),
                     block ? whole : zero ? less
                     : !strcmp(cases[i].with, "long") ? longer : cases[i].with);
            lines[n++] = with;
        }
        if (cases[i].bare) {
            snprintf(bare, sizeof bare, GENERIC_BARE, p15_hex_of(0x77, 64), cases[i].bare);
            lines[n++] = bare;
        }
        generic_begin(lines, GENERIC_PADS, ALG_RSA, 512);
        if (test_failing) return;
        if (cases[i].known) generic_it.quirks |= P15_NO_INDICATOR;
        CHECK_ST(generic_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(),
                                 &out), cases[i].want);
        CHECK_EQ(!!(generic_it.quirks & P15_NO_INDICATOR), cases[i].quirk);
        if (!cases[i].want) CHECK_EQ(out.n, 64);
        if (!cases[i].want && block) CHECK_BYTES(room, 64, p15_hex_of(0x22, 64));
        if (zero) CHECK(!room[0] && room[1] == 0x22 && room[63] == 0x22);
        if (!cases[i].want && !block && !zero) CHECK_BYTES(room + 58, 6, "00 68656c6c6f");
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    static const char *const refused[] = { "002241b8 06 800103 840101 > 6f00", NULL };
    struct buf out = buf_on(room, sizeof room);                 // whole blocks before padded ones
    generic_begin(refused, GENERIC_PADS GENERIC_WHOLE, ALG_RSA, 512);
    if (test_failing) return;
    CHECK_ST(generic_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(),
                             &out), 0x6f00);
    card_script_over();
    static const char *const no_pin[] = { "002241b8 06 800103 840101 > 6982", NULL };
    generic_begin(no_pin, GENERIC_PADS GENERIC_WHOLE, ALG_RSA, 512);
    if (test_failing) return;
    CHECK_ST(generic_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(),
                             &out), ST_NOT_LOGGED_IN);
    card_script_over();
}

TEST(generic_derives)
{
    static char line[200];
    static const char *lines[] = { "002241a4 06 800105 840101 > 9000", line, NULL };
    static const struct { const char *answer; st want; } cases[] = {
        { NULL, ST_OK }, { "0102 9000", ST_PROTOCOL }, { "6982", ST_NOT_LOGGED_IN },
        { "6a80", ST_FAILED }, { "6985", 0x6985 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        u8 room[64];
        struct buf out = buf_on(room, sizeof room);
        if (cases[i].answer)
            snprintf(line, sizeof line, "00860000 05 7c03850104 00 > %s", cases[i].answer);
        else snprintf(line, sizeof line, "00860000 05 7c03850104 00 > %s 9000", p15_hex_of(4, 32));
        generic_begin(lines, "30(02:05 02:1050 03:070080 02:05)", ALG_EC, 256);
        if (test_failing) return;
        CHECK_ST(generic_derive(&card_it, &p15_scripted_object, BYTES(4), p15_scratch(), &out),
                 cases[i].want);
        if (!cases[i].want) CHECK_BYTES(out.p, out.n, p15_hex_of(4, 32));
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}
#endif

static void test_generic(void)
{
#if SCARD11_GENERIC
    RUN(generic_applications);
    RUN(generic_algorithms);
    RUN(generic_finds_nothing);
    RUN(generic_who_pads);
    RUN(generic_names_a_key);
    RUN(generic_environments);
    RUN(generic_signatures);
    RUN(generic_decryption);
    RUN(generic_derives);
#endif
}
