// PINs and keys of PKCS#15 cards. Whole cards use them in cards.c, pins.c and eid.c.
// SPDX-License-Identifier: 0BSD

// ---- Against a script ----

static struct p15 p15use_p;
static struct token *const p15use_t = &card_it.tokens[0];

static void p15use_begin(const char *const *lines, u32 quirks)
{
    link_open_script(lines);
    card_begin(1 << 20);
    card_it.link = link_l;
    p15_init(&p15use_p, bytes_of(generic_aid, sizeof generic_aid), quirks);
    *p15use_t = (struct token){ .driver = &driver_generic };
    p15_attach(p15use_t, &p15use_p);
    *test_pin(p15use_t) = (struct credential){ .reference = 1, .min = 4, .max = 8, .tries = -1,
                                  .coding = CARD_PIN_ASCII };
    *test_puk(p15use_t) = *card_pin(p15use_t);
    test_puk(p15use_t)->reference = 2;
    card_it.token_count = 1;
    place_arrived(&card_it, p15use_t);
}

static void p15use_end(void)
{
    link_l = card_it.link;
    arena_free(&card_it.arena);
    link_over();
}

#define P15USE_SELECT "00a40400 0c a000000063504b43532d3135 00 > "

// A key of the token, for what the drivers below make of it: short commands, its public half known.
static struct p15_key p15use_key;
static struct object p15use_object;

static void p15use_begin_key(const char *const *lines, struct p15 *p, enum alg_type type, u32 bits)
{
    static struct alg_key public_half;
    p15use_begin(lines, 0);
    if (test_failing) return;
    public_half = (struct alg_key){ .type = type, .bits = bits, .spki = BYTES(0x30) };
    if (type == ALG_EC) public_half.curve = alg_curve_named("P-256");
    p15use_key = (struct p15_key){ .type = type, .reference = 1, .key = &public_half };
    p15use_object = (struct object){ .class = CKO_PRIVATE_KEY, .token = p15use_t, .type = type,
                                     .key = &public_half, .state = &p15use_key };
    p15_attach(p15use_t, p);
    card_it.link.extended.on = false;
}

// So many bytes of a value in hex, for a line of a script.
static const char *p15use_hex(u8 value, size_t n)
{
    static char room[4][2100];
    static unsigned at;
    char *hex = room[at++ % COUNT(room)];
    for (size_t i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", value);
    return hex;
}

// What a key answers, and what that becomes: the same for the drivers whose keys are PKCS#15's.
static const struct { const char *sw; st want; } p15use_answers[] = {
    { "6982", ST_NOT_LOGGED_IN }, { "6a80", ST_FAILED }, { "6a81", ST_FAILED },
    { "6a82", ST_FAILED }, { "6a86", ST_FAILED }, { "6a88", ST_FAILED }, { "6700", ST_FAILED },
    { "6984", ST_FAILED }, { "6f00", 0x6f00 }, { "6581", 0x6581 }, { "9001", 0x9001 },
    { "5000", ST_PROTOCOL } };

// A file of another application: what that says when it is selected may be as long as it likes.
TEST(p15use_selects_applications_that_say_much)
{
    static char select[700];
    static const char *const lines[] = { select, "00a40900 02 4401 00 > 6f00 9000", NULL };
    const struct p15_path path = { .aid = BYTES(0xa0, 0x00, 0x01), .file = BYTES(0x44, 0x01) };
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    snprintf(select, sizeof select, "00a40400 03 a00001 00 > 6f81fd %s 9000", p15use_hex(0, 253));
    p15use_begin(lines, 0);
    if (test_failing) return;
    CHECK_ST(p15file_select_path(&card_it, p15use_t, &path, &fcp), ST_OK);
    CHECK_BYTES(fcp.p, fcp.n, "6f00");
    p15use_end();
}

TEST(p15use_random_numbers)
{
    static const char *const lines[] = {
        "00840000 20 > 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 9000",
        "00840000 02 > aabb 9000", "00840000 04 > 010203 9000", "00840000 04 > 6d00",
        "00840000 14 > 6700", "00840000 08 > 0001020304050607 9000",
        "00840000 08 > 08090a0b0c0d0e0f 9000", "00840000 04 > 10111213 9000",
        "00840000 10 > 9000", "00840000 08 > 6a86", NULL };
    u8 out[34];
    p15use_begin(lines, 0);
    if (test_failing) return;
    CHECK_ST(p15use_random(&card_it, p15use_t, out, 34), ST_OK);
    CHECK(out[31] == 0x1f && out[32] == 0xaa && out[33] == 0xbb);
    memset(out, 0, sizeof out);
    CHECK_ST(p15use_random(&card_it, p15use_t, out, 4), ST_OK);     // the host gives the fourth
    CHECK(out[0] == 1 && out[2] == 3 && !out[4]);
    CHECK_ST(p15use_random(&card_it, p15use_t, out, 4), ST_OK);     // no GET CHALLENGE: all four
    CHECK(memcmp(out, "\1\2\3", 3) && !out[4]);
    CHECK_ST(p15use_random(&card_it, p15use_t, out, 20), ST_OK);    // eight and no more
    CHECK(!out[0] && out[8] == 8 && out[19] == 0x13 && !out[20]);
    CHECK_ST(p15use_random(&card_it, p15use_t, out, 16), ST_OK);    // nothing at all
    CHECK(memcmp(out, "\0\1\2\3", 4) && out[16] == 0x10);
    p15use_end();
}

// The secret comes bare or in 7C { 82 }, as long as the curve.
TEST(p15use_secrets)
{
#define P15USE_SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static const struct { const char *answer; st want; } cases[] = {
        { "00860000 05 7c03850104 00 > " P15USE_SECRET " 9000", ST_OK },
        { "00860000 05 7c03850104 00 > 7c22 8220 " P15USE_SECRET " 9000", ST_OK },
        { "00860000 05 7c03850104 00 > 7c03 820101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 7c03 830101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 3003 820101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 6a80", 0x6a80 } };
    struct alg_key key = { .type = ALG_EC, .curve = alg_curve_named("P-256") };
    struct object o = { .key = &key };
    u8 room[64];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].answer, NULL };
        struct buf out = buf_on(room, sizeof room);
        p15use_begin(lines, 0);
        if (test_failing) return;
        CHECK_ST(p15use_agree(&card_it, &o, BYTES(4), p15_scratch(), &out), cases[i].want);
        if (!cases[i].want) CHECK_BYTES(out.p, out.n, P15USE_SECRET);
        p15use_end();
        if (test_failing) printf("    %s\n", cases[i].answer);
    }
}

// A directory that was made is kept, or there is no room for it.
TEST(p15use_directories)
{
    static const char *const none[] = { NULL };
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    p15use_begin(none, 0);
    if (test_failing) return;
    p15use_put_path(&b, BYTES(0x3f, 0));
    CHECK_ST(p15use_add_directory(&card_it, &p15use_p, P15_CDF, &b), ST_OK);
    CHECK_BYTES(p15use_p.files->value.direct.p, p15use_p.files->value.direct.n, "3004 04023f00");
    card_it.arena.left = 0;
    card_it.arena.at = card_it.arena.end - ((sizeof(struct p15_file) + 15) & ~15u);
    CHECK_ST(p15use_add_directory(&card_it, &p15use_p, P15_CDF, &b), ST_ARENA_FULL);
    CHECK_ST(p15use_add_directory(&card_it, &p15use_p, P15_CDF, &b), ST_ARENA_FULL);
    p15use_put_path(&b, BYTES(0x3f, 0));
    CHECK(b.full);
    CHECK_ST(p15use_add_directory(&card_it, &p15use_p, P15_CDF, &b), ST_ARENA_FULL);
    p15use_end();
}

TEST(p15use_what_a_key_says)
{
    static const st failed[] = { 0x6a80, 0x6a81, 0x6a86, 0x6a88, 0x6a82, 0x6700, 0x6984 };
    for (size_t i = 0; i < COUNT(failed); i++) CHECK_ST(p15use_key_status(failed[i]), ST_FAILED);
    CHECK_ST(p15use_key_status(0x6982), ST_NOT_LOGGED_IN);
    CHECK_ST(p15use_key_status(0x6985), 0x6985);
    CHECK_ST(p15use_key_status(ST_OK), ST_OK);
}

static void test_p15use(void)
{
    RUN(p15use_random_numbers);
    RUN(p15use_secrets);
    RUN(p15use_directories);
    RUN(p15use_what_a_key_says);
    RUN(p15use_selects_applications_that_say_much);
}
