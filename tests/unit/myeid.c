// myeid.c: >>myeid, what it makes of answers; whole conversations are cards.c's and traces.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_MYEID

#define MYEID_SELECT "00a40400 0c a000000063504b43532d3135 00 > "
#define MYEID_INFO "00ca01a0 00 > "
#define MYEID_NO_INFO "00a40800 04 50155032 00 > 6a82"
#define MYEID_ASKED "00200001 > "
#define MYEID_NO_ODF "00a40800 04 50155031 00 > 6a82"

static struct myeid myeid_it;

// The AID is everybody's: it is the ATR that says whose card it is, or else the applet itself.
TEST(myeid_knows_its_cards)
{
    static const struct { const char *atr, *select, *info; bool mine; } cases[] = {
        { "..MyEID", MYEID_SELECT "9000", NULL, true },
        { "OsEID.", MYEID_SELECT "9000", NULL, true },
        { "", MYEID_SELECT "9000", MYEID_INFO "4d794549440400 9000", true },
        { "MyEI", MYEID_SELECT "9000", MYEID_INFO "4d7945494404 9000", false },     // 6 bytes
        { "", MYEID_SELECT "9000", MYEID_INFO "9000", false },
        { "", MYEID_SELECT "9000", MYEID_INFO "6a88", false },
        { "", MYEID_SELECT "9000", MYEID_INFO "6d00", false },
        { "MyEID", MYEID_SELECT "6a82", NULL, false }, { "", MYEID_SELECT "6999", NULL, false } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *lines[6] = { cases[i].select };
        size_t n = 1;
        if (cases[i].info) lines[n++] = cases[i].info;
        if (cases[i].mine) lines[n++] = "00200001 > 63c3", lines[n++] = MYEID_NO_INFO,
                           lines[n] = MYEID_NO_ODF;
        p15_begin_script(lines, 0);
        if (test_failing) return;
        card_it.link.atr_len = strlen(cases[i].atr);
        memcpy(card_it.link.atr, cases[i].atr, card_it.link.atr_len);
        CHECK_ST(myeid_probe(&card_it, p15_scripted_token, p15_scratch()),
                 cases[i].mine ? ST_OK : ST_NOT_MINE);
        if (cases[i].mine) CHECK(card_pin(p15_scripted_token)->tries == 3 && test_puk(p15_scripted_token)->fixed);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

TEST(myeid_that_leaves_or_is_too_much)
{
    static const char *const none[] = { NULL }, *const yes[] = { MYEID_SELECT "9000", NULL },
        *const whole[] = { MYEID_SELECT "9000", MYEID_INFO "4d794549440400 9000", NULL };
    p15_begin_script(none, 0);
    if (test_failing) return;
    sim_reader_eject(0);
    CHECK_ST(myeid_probe(&card_it, p15_scripted_token, p15_scratch()), ST_CARD_REMOVED);
    card_script_over();
    p15_begin_script(whole, 0);
    if (test_failing) return;
    card_it.arena.left = 0;
    CHECK_ST(myeid_probe(&card_it, p15_scripted_token, p15_scratch()), ST_ARENA_FULL);
    card_script_over();
    p15_begin_script(yes, 0);
    if (test_failing) return;
    sim_reader_fault(SIM_EJECT, 2, NULL);
    CHECK_ST(myeid_probe(&card_it, p15_scripted_token, p15_scratch()), ST_CARD_REMOVED);
    card_script_over();
}

// The last two of 20 bytes count the card's changes; a card that does not say so is believed.
TEST(myeid_counts_changes)
{
#define MYEID_COUNT(n) MYEID_INFO "4d79454944 04000200000000000000000100 " n " 9000"
    static const struct { const char *first, *then; bool forgets; } cases[] = {
        { MYEID_COUNT("0064"), MYEID_COUNT("0064"), false },
        { MYEID_COUNT("0064"), MYEID_COUNT("0065"), true },
        { MYEID_COUNT("0064"), MYEID_COUNT("0164"), true },
        { MYEID_COUNT("0064"), MYEID_INFO "6d00", true },       // 0 by then
        { MYEID_INFO "6d00", MYEID_INFO "6d00", false },
        { MYEID_INFO "4d794549440400 9000", MYEID_INFO "4d794549440401 9000", false } };
    const struct query q = { .class = CKO_DATA };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].first, cases[i].then, cases[i].forgets
                                      ? "00a40800 04 50155031 00 > 6a82" : NULL, NULL };
        struct p15_certificate some = { .next = NULL };
        myeid_it = (struct myeid){ .counted = false };
        p15dir_init(&myeid_it.p15, BYTES_NONE, P15_FLAT);
        myeid_it.p15.odf_read = true;
        myeid_it.p15.certificates = &some;
        p15_begin_script(lines, 0);
        if (test_failing) return;
        p15_scripted_token->state = &myeid_it;
        card_it.arena.left = SCARD11_CARD_MEMORY;
        card_looked(&card_it, &myeid_it.p15.look);
        CHECK_ST(myeid_list(&card_it, p15_scripted_token, &q, p15_scratch()), ST_OK);
        CHECK(myeid_it.counted && myeid_it.p15.certificates == &some);
        CHECK_ST(myeid_list(&card_it, p15_scripted_token, &q, p15_scratch()), ST_OK);
        CHECK_EQ(link_counts.commands, 1);                      // it was here all the time
        link_counts.connects++;
        CHECK_ST(myeid_list(&card_it, p15_scripted_token, &q, p15_scratch()), ST_OK);
        CHECK_EQ(!myeid_it.p15.certificates, cases[i].forgets);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

TEST(myeid_logs_out)
{
    static const struct { const char *answer; st want; } cases[] = {
        { "002e0001 > 9000", ST_OK }, { "002e0001 > 6d00", 0x6d00 },
        { "002e0001 > 6a86", 0x6a86 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].answer, NULL };
        p15_begin_script(lines, 0);
        if (test_failing) return;
        CHECK_ST(myeid_logout(&card_it, p15_scripted_token), cases[i].want);
        card_script_over();
    }
}

// ---- Keys ----

enum myeid_work { MYEID_SIGN, MYEID_DECRYPT, MYEID_DERIVE };

static bool myeid_extended;

// Work with the key of file 4B01.
static void myeid_check(const char *const *lines, enum myeid_work work, enum alg_type type,
                        u32 bits, bytes in, st want, const char *made)
{
    static const u8 file[] = { 0x3f, 0x00, 0x50, 0x15, 0x4b, 0x01 };
    static u8 room[700];
    struct buf out = buf_on(room, sizeof room);
    const struct alg_use use = { .type = type };
    struct object *o = &p15_scripted_object;
    myeid_it = (struct myeid){ .counted = false };
    p15dir_init(&myeid_it.p15, BYTES_NONE, P15_FLAT);
    p15_begin_key(lines, &myeid_it.p15, type, bits);
    if (test_failing) return;
    p15_scripted_key.where.file = bytes_of(file, sizeof file);
    card_it.link.extended.on = myeid_extended;
    card_it.link.extended.proven = myeid_extended ? EXTENDED_FORMS : 0;
    card_it.link.most_data = 65535;
    struct scratch scratch = p15_scratch();
    CHECK_ST(work == MYEID_SIGN ? myeid_sign(&card_it, o, &use, in, scratch, &out)
             : work == MYEID_DERIVE ? myeid_derive(&card_it, o, in, scratch, &out)
             : myeid_decrypt(&card_it, o, &use, in, scratch, &out), want);
    if (!want) CHECK_BYTES(out.p, out.n, made);
    card_script_over();
}

#define MYEID_MSE(p2, alg) "002241" p2 " 0a 8001" alg " 81024b01 840100 > 9000"

// What goes to which command: what the card can pad goes there unpadded, a block as it is, and one
// that is too long for a short command is deciphered instead.
TEST(myeid_signatures)
{
    static char line[3][2400];
    static const char *lines[] = { NULL, line[0], NULL, NULL, NULL };
    static u8 block[512];
    struct buf b = buf_on(block, sizeof block);
    CHECK_ST(padding_pkcs1_sign(BYTES(0x30, 0x01, 0xff), 64, &b), ST_OK);
    snprintf(line[0], sizeof line[0], "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 64));
    lines[0] = MYEID_MSE("b6", "02");
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 512, bytes_of(block, 64), ST_OK, p15_hex_of(0x5a, 64));
    snprintf(line[0], sizeof line[0], "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 65));
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 512, bytes_of(block, 64), ST_PROTOCOL, NULL);
    memset(block, 0x11, sizeof block);
    lines[0] = MYEID_MSE("b6", "00");
    snprintf(line[0], sizeof line[0], "002a9e9a 40 %s 00 > %s 9000", p15_hex_of(0x11, 64),
             p15_hex_of(0x5a, 64));
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 512, bytes_of(block, 64), ST_OK, p15_hex_of(0x5a, 64));
    lines[0] = MYEID_MSE("b8", "00");                           // two halves
    snprintf(line[0], sizeof line[0], "002a8086 81 81 %s > 9000", p15_hex_of(0x11, 128));
    snprintf(line[1], sizeof line[1], "002a8086 81 82 %s 00 > %s 9000", p15_hex_of(0x11, 128),
             p15_hex_of(0x5a, 256));
    lines[2] = line[1];
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 2048, bytes_of(block, 256), ST_OK,
                p15_hex_of(0x5a, 256));
    snprintf(line[0], sizeof line[0], "002a8086 81 81 %s > 6700", p15_hex_of(0x11, 128));
    lines[2] = NULL;
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 2048, bytes_of(block, 256), ST_FAILED, NULL);
    lines[0] = MYEID_MSE("b6", "04");
    lines[1] = "002a9e9a 03 111111 00 > 3006 020101 020102 9000";
    snprintf(line[2], sizeof line[2], "%s01 %s02", p15_hex_of(0, 31), p15_hex_of(0, 31));
    myeid_check(lines, MYEID_SIGN, ALG_EC, 256, bytes_of(block, 3), ST_OK, line[2]);
    lines[1] = "002a9e9a 03 111111 00 > 3006 020101 030102 9000";
    myeid_check(lines, MYEID_SIGN, ALG_EC, 256, bytes_of(block, 3), ST_PROTOCOL, NULL);
}

// What was to be padded and is itself too long for a short command goes as a block, in chains.
TEST(myeid_signs_a_long_text_as_a_block)
{
    static char line[5][1200];
    static const char *const lines[] = { MYEID_MSE("b8", "00"), line[0], line[1], line[2], line[3],
                                         line[4], NULL };
    static u8 block[512], text[256];
    struct buf b = buf_on(block, sizeof block);
    memset(text, 0x33, sizeof text);
    CHECK_ST(padding_pkcs1_sign(bytes_of(text, sizeof text), 512, &b), ST_OK);
    snprintf(line[0], sizeof line[0], "102a8086 ff 81 0001 %s > 9000", p15_hex_of(0xff, 252));
    snprintf(line[1], sizeof line[1], "002a8086 02 ff00 > 9000");
    snprintf(line[2], sizeof line[2], "102a8086 ff 82 %s > 9000", p15_hex_of(0x33, 254));
    snprintf(line[3], sizeof line[3], "002a8086 02 3333 00 > %s 6100", p15_hex_of(0x5a, 256));
    snprintf(line[4], sizeof line[4], "00c00000 00 > %s 9000", p15_hex_of(0x5a, 256));
    myeid_check(lines, MYEID_SIGN, ALG_RSA, 4096, bytes_of(block, 512), ST_OK,
                p15_hex_of(0x5a, 512));
}

TEST(myeid_decryption)
{
    static char line[2][2400];
    static const char *lines[] = { MYEID_MSE("b8", "00"), line[0], NULL, NULL, NULL };
    static u8 in[256];
    memset(in, 0x77, sizeof in);
    snprintf(line[0], sizeof line[0], "002a8086 41 00 %s 00 > %s 9000", p15_hex_of(0x77, 64),
             p15_hex_of(0x22, 64));
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 512, bytes_of(in, 64), ST_OK, p15_hex_of(0x22, 64));
    snprintf(line[0], sizeof line[0], "002a8086 41 00 %s 00 > %s 9000", p15_hex_of(0x77, 64),
             p15_hex_of(0x22, 63));                             // without the zero before it
    snprintf(line[1], sizeof line[1], "00 %s", p15_hex_of(0x22, 63));
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 512, bytes_of(in, 64), ST_OK, line[1]);
    snprintf(line[0], sizeof line[0], "002a8086 41 00 %s 00 > %s 9000", p15_hex_of(0x77, 64),
             p15_hex_of(0x22, 65));                             // not the block that it should be
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 512, bytes_of(in, 64), ST_PROTOCOL, NULL);
    myeid_extended = true;
    snprintf(line[0], sizeof line[0], "002a8086 000101 00 %s 0000 > %s 9000", p15_hex_of(0x77, 256),
             p15_hex_of(0x22, 256));
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 2048, bytes_of(in, 256), ST_OK,
                p15_hex_of(0x22, 256));
    myeid_extended = false;
    snprintf(line[0], sizeof line[0], "002a8086 81 81 %s > 9000", p15_hex_of(0x77, 128));
    snprintf(line[1], sizeof line[1], "002a8086 81 82 %s 00 > 6985", p15_hex_of(0x77, 128));
    lines[2] = line[1];
    lines[3] = MYEID_ASKED "63c3";
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 2048, bytes_of(in, 256), ST_NOT_LOGGED_IN, NULL);
    static const char *const refused[] = { "002241b8 0a 800100 81024b01 840100 > 6a88", NULL };
    myeid_check(refused, MYEID_DECRYPT, ALG_RSA, 512, bytes_of(in, 64), ST_FAILED, NULL);
    snprintf(line[0], sizeof line[0], "002a8086 41 00 %s 00 > 6a80", p15_hex_of(0x77, 64));
    lines[2] = NULL;
    myeid_check(lines, MYEID_DECRYPT, ALG_RSA, 512, bytes_of(in, 64), ST_FAILED, NULL);
}

TEST(myeid_derives)
{
    static char line[200];
    static const char *lines[] = { MYEID_MSE("a4", "04"), line, NULL };
    snprintf(line, sizeof line, "00860000 05 7c03850104 00 > %s 9000", p15_hex_of(0x44, 32));
    myeid_check(lines, MYEID_DERIVE, ALG_EC, 256, BYTES(4), ST_OK, p15_hex_of(0x44, 32));
    snprintf(line, sizeof line, "00860000 05 7c03850104 00 > %s 9000", p15_hex_of(0x44, 31));
    myeid_check(lines, MYEID_DERIVE, ALG_EC, 256, BYTES(4), ST_PROTOCOL, NULL);
    static const char *const refused[] = { "002241a4 0a 800104 81024b01 840100 > 6a88", NULL };
    myeid_check(refused, MYEID_DERIVE, ALG_EC, 256, BYTES(4), ST_FAILED, NULL);
    // 6985 with the PIN verified: what OsEID says while the key file is not selected.
    static const char *const by_file[] = { MYEID_MSE("a4", "04"),
        "00860000 05 7c03850104 00 > 6985", MYEID_ASKED "9000", "00a4080c 04 50154b01 > 9000",
        MYEID_MSE("a4", "04"), line, NULL };
    snprintf(line, sizeof line, "00860000 05 7c03850104 00 > %s 9000", p15_hex_of(0x44, 32));
    myeid_check(by_file, MYEID_DERIVE, ALG_EC, 256, BYTES(4), ST_OK, p15_hex_of(0x44, 32));
    CHECK(myeid_it.quirks & MYEID_DERIVES_BY_FILE);
    static const char *const no_login[] = { MYEID_MSE("a4", "04"),
        "00860000 05 7c03850104 00 > 6985", MYEID_ASKED "63c3", NULL };
    myeid_check(no_login, MYEID_DERIVE, ALG_EC, 256, BYTES(4), ST_NOT_LOGGED_IN, NULL);
}

// 6985 is MyEID's word for a PIN that was not presented, and for much else: the card is asked. A key
// without a file cannot be named.
TEST(myeid_what_a_key_says)
{
    static char line[2][100];
    static const char *lines[] = { MYEID_MSE("b6", "04"), line[0], NULL, NULL };
    static const char *refused[] = { line[1], NULL, NULL };
    const char *const none[] = { NULL };
    const bytes in = BYTES(1, 2, 3);
    for (size_t i = 0; i <= COUNT(p15_key_answers) + 1 && !test_failing; i++) {
        bool last = i >= COUNT(p15_key_answers), verified = i > COUNT(p15_key_answers);
        const char *sw = last ? "6985" : p15_key_answers[i].sw;
        st want = verified ? ST_FAILED : last ? ST_NOT_LOGGED_IN : p15_key_answers[i].want;
        if (last) lines[2] = refused[1] = verified ? MYEID_ASKED "9000" : MYEID_ASKED "63c3";
        snprintf(line[0], sizeof line[0], "002a9e9a 03 010203 00 > %s", sw);
        snprintf(line[1], sizeof line[1], "002241b6 0a 800104 81024b01 840100 > %s", sw);
        myeid_check(lines, MYEID_SIGN, ALG_EC, 256, in, want, NULL);
        if (!test_failing) myeid_check(refused, MYEID_SIGN, ALG_EC, 256, in, want, NULL);
        if (test_failing) printf("    %s\n", sw);
    }
    p15_begin_key(none, &myeid_it.p15, ALG_EC, 256);
    if (test_failing) return;
    CHECK_ST(myeid_set(&card_it, &p15_scripted_object, 0xb6, MYEID_EC, false), ST_NOT_SUPPORTED);
    card_script_over();
}
// ---- Secret keys ----

#define MYEID_SECRET(p1, iv) "0022" p1 "b8 1c 800100 81024d01 830100 8710" iv " > 9000"
#define MYEID_SECRET8(p1, iv) "0022" p1 "b8 14 800100 81024d01 830100 8708" iv " > 9000"
#define MYEID_ZEROS "00000000000000000000000000000000"
#define MYEID_IV "0102030405060708090a0b0c0d0e0f10"

static u8 myeid_made[1000];

// Blocks of n bytes (each byte its number) with the key of file 4D01.
static void myeid_check_crypt(const char *const *lines, enum alg_scheme pad, u32 block, bool encrypt,
                              size_t n, st want)
{
    static const u8 file[] = { 0x3f, 0x00, 0x50, 0x15, 0x4d, 0x01 },
        iv[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    u8 in[600];
    struct buf out = buf_on(myeid_made, sizeof myeid_made);
    const struct alg_use use = { .type = ALG_SECRET, .scheme = pad, .block = block };
    for (size_t i = 0; i < n; i++) in[i] = (u8)i;
    myeid_it = (struct myeid){ .counted = false };
    p15dir_init(&myeid_it.p15, BYTES_NONE, P15_FLAT);
    p15_begin_key(lines, &myeid_it.p15, ALG_SECRET, 256);
    if (test_failing) return;
    p15_scripted_key.where.file = bytes_of(file, sizeof file);
    p15_scripted_object.class = CKO_SECRET_KEY;
    p15_scripted_object.key = NULL;
    CHECK_ST(myeid_crypt(&card_it, &p15_scripted_object, &use, encrypt,
                         bytes_of(iv, pad == ALG_CBC ? block : 0), bytes_of(in, n), p15_scratch(),
                         &out), want);
    if (!want) CHECK_EQ(out.n, n);
    if (want) CHECK(!card_it.mse_len);             // a chain may have been begun
    card_script_over();
}

TEST(myeid_crypts_in_chains)
{
    static char line[3][1100];
    static const char *const one[] = { MYEID_SECRET("81", MYEID_IV), line[0], NULL },
        *const more[] = { MYEID_SECRET("41", MYEID_IV), line[0], line[1], line[2], NULL },
        *const eight[] = { MYEID_SECRET8("81", "0102030405060708"), line[0], NULL };
    char data[1100];
    for (size_t i = 0; i < 512; i++) sprintf(data + 2 * i, "%02x", (unsigned)(i & 255));
    snprintf(line[0], sizeof line[0], "002a8480 10 %.32s 00 > %s 9000", data, p15_hex_of(0x5a, 16));
    myeid_check_crypt(one, ALG_CBC, 16, true, 16, ST_OK);
    CHECK_BYTES(myeid_made, 16, p15_hex_of(0x5a, 16));
    snprintf(line[0], sizeof line[0], "002a8480 f0 %.480s 00 > %s 9000", data,
             p15_hex_of(0x5a, 240));
    myeid_check_crypt(one, ALG_CBC, 16, true, 240, ST_OK);      // whole in one command
    snprintf(line[0], sizeof line[0], "102a8084 f0 %.480s 00 > %s 9000", data,
             p15_hex_of(0x5a, 240));
    snprintf(line[1], sizeof line[1], "102a8084 f0 %.480s 00 > %s 9000", data + 480,
             p15_hex_of(0x6a, 240));
    snprintf(line[2], sizeof line[2], "002a8084 10 %.32s 00 > %s 9000", data + 960,
             p15_hex_of(0x7a, 16));
    myeid_check_crypt(more, ALG_CBC, 16, false, 496, ST_OK);
    CHECK_BYTES(myeid_made + 480, 16, p15_hex_of(0x7a, 16));
    snprintf(line[0], sizeof line[0], "002a8480 08 %.16s 00 > %s 9000", data, p15_hex_of(0x5a, 8));
    myeid_check_crypt(eight, ALG_CBC, 8, true, 8, ST_OK);
}

// Each block by itself under zeros; deciphered in one go, and the chain undone.
TEST(myeid_has_no_ecb)
{
    static char line[3][600];
    static const char *const lines[] = { MYEID_SECRET("81", MYEID_ZEROS), line[0], line[1], NULL },
        *const back[] = { MYEID_SECRET("41", MYEID_ZEROS), line[2], NULL };
    const char *first = "000102030405060708090a0b0c0d0e0f",
        *then = "101112131415161718191a1b1c1d1e1f";
    snprintf(line[0], sizeof line[0], "002a8480 10 %s 00 > %s 9000", first, p15_hex_of(0x11, 16));
    snprintf(line[1], sizeof line[1], "002a8480 10 %s 00 > %s 9000", then, p15_hex_of(0x22, 16));
    myeid_check_crypt(lines, ALG_ECB, 16, true, 32, ST_OK);
    CHECK_BYTES(myeid_made + 16, 16, p15_hex_of(0x22, 16));
    snprintf(line[2], sizeof line[2], "002a8084 20 %s%s 00 > %s 9000", first, then,
             p15_hex_of(0, 32));
    myeid_check_crypt(back, ALG_ECB, 16, false, 32, ST_OK);
    CHECK_BYTES(myeid_made, 16, p15_hex_of(0, 16));
    CHECK_BYTES(myeid_made + 16, 16, first);                    // what CBC had taken off is back
}

TEST(myeid_what_a_secret_key_says)
{
    static char line[2][600];
    static const char *const lines[] = { MYEID_SECRET("81", MYEID_ZEROS), line[0], NULL },
        *const asked[] = { MYEID_SECRET("81", MYEID_ZEROS), line[0], MYEID_ASKED "63c3", NULL },
        *const refused[] = { line[1], NULL }, *const none[] = { NULL },
        *const refused_asked[] = { line[1], MYEID_ASKED "63c3", NULL },
        *const chain[] = { MYEID_SECRET("81", MYEID_IV), line[0], NULL };
    const char *data = "000102030405060708090a0b0c0d0e0f";
    for (size_t i = 0; i <= COUNT(p15_key_answers) && !test_failing; i++) {
        bool last = i == COUNT(p15_key_answers);
        const char *sw = last ? "6985" : p15_key_answers[i].sw;
        st want = last ? ST_NOT_LOGGED_IN : p15_key_answers[i].want;
        snprintf(line[0], sizeof line[0], "002a8480 10 %s 00 > %s", data, sw);
        snprintf(line[1], sizeof line[1], "002281b8 1c 800100 81024d01 830100 8710" MYEID_ZEROS
                 " > %s", sw);
        myeid_check_crypt(last ? asked : lines, ALG_ECB, 16, true, 16, want);
        if (!test_failing)
            myeid_check_crypt(last ? refused_asked : refused, ALG_ECB, 16, true, 16, want);
        if (test_failing) printf("    %s\n", sw);
    }
    snprintf(line[0], sizeof line[0], "002a8480 10 %s 00 > %s 9000", data, p15_hex_of(1, 15));
    myeid_check_crypt(lines, ALG_ECB, 16, true, 16, ST_PROTOCOL);       // less than went in
    size_t at = (size_t)sprintf(line[0], "102a8480 f0 ");
    for (unsigned i = 0; i < 240; i++) at += (size_t)sprintf(line[0] + at, "%02x", i);
    strcpy(line[0] + at, " 00 > 6581");
    myeid_check_crypt(chain, ALG_CBC, 16, true, 256, 0x6581);           // in the middle of one
    p15_begin_key(none, &myeid_it.p15, ALG_SECRET, 256);
    if (test_failing) return;
    const struct alg_use ecb = { .type = ALG_SECRET, .scheme = ALG_ECB, .block = 16 };
    CHECK_ST(myeid_set_secret(&card_it, &p15_scripted_object, &ecb, true, BYTES_NONE), ST_NOT_SUPPORTED);
    card_script_over();
}

// In one transaction what was set stays set, for the same key, IV and direction.
TEST(myeid_sets_a_secret_key_once)
{
    static const char *const lines[] = { MYEID_SECRET("81", MYEID_ZEROS),
        MYEID_SECRET("41", MYEID_ZEROS), MYEID_SECRET("41", MYEID_IV),
        MYEID_SECRET("41", MYEID_IV), NULL };
    static const u8 file[] = { 0x4d, 0x01 }, iv[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                                      15, 16 };
    const struct alg_use ecb = { .type = ALG_SECRET, .scheme = ALG_ECB, .block = 16 },
        cbc = { .type = ALG_SECRET, .scheme = ALG_CBC, .block = 16 };
    struct object *o = &p15_scripted_object;
    p15dir_init(&myeid_it.p15, BYTES_NONE, P15_FLAT);
    p15_begin_key(lines, &myeid_it.p15, ALG_SECRET, 256);
    if (test_failing) return;
    p15_scripted_key.where.file = bytes_of(file, sizeof file);
    for (int i = 0; i < 2; i++)
        CHECK_ST(myeid_set_secret(&card_it, o, &ecb, true, BYTES_NONE), ST_OK);
    for (int i = 0; i < 2; i++)
        CHECK_ST(myeid_set_secret(&card_it, o, &ecb, false, BYTES_NONE), ST_OK);
    for (int i = 0; i < 2; i++)
        CHECK_ST(myeid_set_secret(&card_it, o, &cbc, false, bytes_of(iv, 16)), ST_OK);
    card_it.sure = false;                       // another program may have been there
    CHECK_ST(myeid_set_secret(&card_it, o, &cbc, false, bytes_of(iv, 16)), ST_OK);
    card_script_over();
}

// What the file of a key says of it, where the directory does not.
TEST(myeid_reads_of_what_kind_a_key_is)
{
#define MYEID_FILE "00a40800 04 50154d01 00 > "
    static const struct { const char *answer; CK_KEY_TYPE type; u32 len; } cases[] = {
        { "6f0c 81020100 820129 83024d01 8600 9000", CKK_AES, 32 },
        { "6f0b 820129 83024d01 81020080 9000", CKK_AES, 16 },
        { "6f07 820129 810200c0 9000", CKK_AES, 24 }, { "6f07 820119 810200c0 9000", CKK_DES3, 24 },
        { "6f07 820119 81020080 9000", CKK_DES2, 16 }, { "6f07 820119 81020040 9000", CKK_DES, 8 },
        { "6f07 820119 81020038 9000", CKK_GENERIC_SECRET, 7 },
        { "6f07 820129 81020040 9000", CKK_GENERIC_SECRET, 7 },
        { "6f06 820129 810180 9000", CKK_GENERIC_SECRET, 7 },
        { "6f03 820129 9000", CKK_GENERIC_SECRET, 7 },
        { "6f07 820111 81020080 9000", CKK_GENERIC_SECRET, 7 },
        { "6f04 81020080 9000", CKK_GENERIC_SECRET, 7 },
        { "6f02 8200 9000", CKK_GENERIC_SECRET, 7 },
        { "6204 81020080 9000", CKK_GENERIC_SECRET, 7 }, { "9000", CKK_GENERIC_SECRET, 7 },
        { "6a82", CKK_GENERIC_SECRET, 7 } };
    static char line[100];
    static const char *const lines[] = { line, NULL }, *const none[] = { NULL },
        *const lost[] = { MYEID_FILE "6d00", MYEID_SELECT "9000",
                          MYEID_FILE "6f07 820129 81020080 9000", NULL },
        *const gone[] = { MYEID_FILE "6d00", MYEID_SELECT "6a82", NULL };
    static const u8 file[] = { 0x3f, 0x00, 0x50, 0x15, 0x4d, 0x01 };
    struct object *o = &p15_scripted_object;
    for (size_t i = 0; i < COUNT(cases) + 4 && !test_failing; i++) {
        size_t special = i < COUNT(cases) ? 0 : i - COUNT(cases) + 1;
        if (!special) snprintf(line, sizeof line, MYEID_FILE "%s", cases[i].answer);
        p15dir_init(&myeid_it.p15, bytes_of(myeid_aid, sizeof myeid_aid), P15_FLAT);
        p15_begin_key(special == 1 ? lost : special == 2 ? gone : special ? none : lines,
                         &myeid_it.p15, ALG_SECRET, 256);
        if (test_failing) return;
        p15_scripted_key.where.file = special == 3 ? BYTES_NONE : bytes_of(file, sizeof file);
        *o = (struct object){ .class = CKO_SECRET_KEY, .token = p15_scripted_token, .state = &p15_scripted_key,
                              .unread = true, .secret_type = CKK_GENERIC_SECRET, .secret_len = 7 };
        if (special) card_it.sure = false;
        if (special == 4) sim_reader_eject(0);
        CHECK_ST(myeid_read(&card_it, o, p15_scratch()), special == 2 ? ST_LOST
                 : special == 4 ? ST_CARD_REMOVED : ST_OK);
        CHECK_EQ(o->unread, special == 2 || special == 4);
        CHECK_EQ(o->secret_type, special == 1 ? CKK_AES : special ? CKK_GENERIC_SECRET
                 : cases[i].type);
        if (!special) CHECK_EQ(o->secret_len, cases[i].len);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}
#endif

static void test_myeid(void)
{
#if SCARD11_MYEID
    RUN(myeid_knows_its_cards);
    RUN(myeid_that_leaves_or_is_too_much);
    RUN(myeid_counts_changes);
    RUN(myeid_logs_out);
    RUN(myeid_signatures);
    RUN(myeid_signs_a_long_text_as_a_block);
    RUN(myeid_decryption);
    RUN(myeid_derives);
    RUN(myeid_what_a_key_says);
    RUN(myeid_crypts_in_chains);
    RUN(myeid_has_no_ecb);
    RUN(myeid_what_a_secret_key_says);
    RUN(myeid_sets_a_secret_key_once);
    RUN(myeid_reads_of_what_kind_a_key_is);
#endif
}
