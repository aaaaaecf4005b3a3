// pivadmin.c: >>pivadmin, what a card that is written may answer; whole cards are write.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_PIV && SCARD11_WRITE

static struct piv pivadmin_piv;
static struct credential pivadmin_key;

static void pivadmin_begin(const char *const *lines)
{
    card_script(lines);
    if (test_failing) return;
    card_it.sure = true;
    pivadmin_piv = (struct piv){ .chuid_read = true };
    memset(pivadmin_piv.listed, true, sizeof pivadmin_piv.listed);
    card_t->driver = &driver_piv;
    card_t->state = &pivadmin_piv;
    card_t->flat = true;
    card_set_credential(card_t, &piv_pin);
}

static const u8 pivadmin_value[24] = "what only the SO knows.";

static st pivadmin_try(size_t n)
{
    return pivadmin_prove(&card_it, card_t, &pivadmin_key, bytes_of(pivadmin_value, n),
                          padding_scratch());
}

// A key's length says which algorithms it may be for; the card, which of them.
TEST(pivadmin_asks_for_the_algorithm)
{
    static const char *const none[] = { NULL };
    static const char *const refused[] = {
        "0087039b 04 7c028000 00 > 6a86", "0087039b 04 7c028100 00 > 6a80",
        "00870a9b 04 7c028000 00 > 6a81", "00870a9b 04 7c028100 00 > 6a88", NULL };
    static const char *const short_witness[] = { "0087089b 04 7c028000 00 > 7c0a 8008 0102030405060708"
                                                 " 9000", NULL };
    static const char *const no_witness[] = { "0087089b 04 7c028000 00 > 7c0a 8108 0102030405060708"
                                              " 9000", NULL };
    static const char *const locked[] = { "0087089b 04 7c028000 00 > 6983", NULL };
    static const struct { const char *const *lines; size_t n; st want; } some[] = {
        { none, 10, ST_PIN_LEN }, { refused, 24, ST_PIN_INCORRECT },
        { short_witness, 16, ST_PROTOCOL }, { no_witness, 16, ST_PROTOCOL },
        { locked, 16, ST_PIN_LOCKED },
    };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        pivadmin_begin(some[i].lines);
        if (test_failing) return;
        CHECK_ST(pivadmin_try(some[i].n), some[i].want);
        card_script_over();
    }
}

// A card without mutual authentication gets its challenge encrypted, and nothing else.
TEST(pivadmin_answers_a_challenge)
{
    static const struct { const char *sw; st want; } some[] = {
        { "9000", ST_OK }, { "6982", ST_PIN_INCORRECT }, { "63c2", ST_PIN_INCORRECT },
        { "6983", ST_PIN_LOCKED }, { "6300", ST_PIN_INCORRECT },
    };
    static char answer[80];
    static const char *lines[] = { "0087089b 04 7c028000 00 > 6a80",
        "0087089b 04 7c028100 00 > 7c12 8110 00112233445566778899aabbccddeeff 9000", answer, NULL };
    static const u8 challenge[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
                                    0xbb, 0xcc, 0xdd, 0xee, 0xff };
    u8 room[16];
    struct buf made = buf_on(room, sizeof room);
    CHECK_ST(cipher_blocks(false, bytes_of(pivadmin_value, 16), true,
                           bytes_of(challenge, sizeof challenge), &made), ST_OK);
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        struct buf line = buf_on(answer, sizeof answer - 1);
        memset(answer, 0, sizeof answer);
        buf_put_text(&line, "0087089b 14 7c12 8210 ");
        buf_put_hex(&line, buf_bytes(&made));
        buf_put_text(&line, " > ");
        buf_put_text(&line, some[i].sw);
        pivadmin_begin(lines);
        if (test_failing) return;
        CHECK_ST(pivadmin_try(16), some[i].want);
        card_script_over();
    }
}

// 3DES as NIST has it (SP 800-20, appendix A: a key of 01 bytes, which leaves the permutation).
TEST(pivadmin_knows_3des)
{
    static const u8 key[24] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    static const u8 plain[8] = { 0x80 }, want[8] = { 0x95, 0xf8, 0xa5, 0xe5, 0xdd, 0x31, 0xd9, 0x00 };
    u8 room[16];
    struct buf out = buf_on(room, sizeof room);
    st s = cipher_blocks(true, bytes_of(key, sizeof key), true, bytes_of(plain, 8), &out);
    if (s == ST_NOT_SUPPORTED) return;              // mbedTLS 4 has none
    CHECK_ST(s, ST_OK);
    CHECK_ST(cipher_blocks(true, bytes_of(key, sizeof key), false, bytes_of(want, 8), &out), ST_OK);
    CHECK(bytes_equal(bytes_of(room, 8), bytes_of(want, 8)));
    CHECK(bytes_equal(bytes_of(room + 8, 8), bytes_of(plain, 8)));
}

// The card made a key and told something that is none: what it has there is looked at again.
TEST(pivadmin_a_key_that_is_not_told)
{
    static const struct { const char *answer; st want; bool listed; } some[] = {
        { "00470082 05 ac03800111 00 > 7f49 00 9000", ST_PROTOCOL, false },
        { "00470082 05 ac03800111 00 > 9000", ST_PROTOCOL, false },
        { "00470082 05 ac03800111 00 > 7f49 04 86020405 9000", ST_PROTOCOL, false },
        { "00470082 05 ac03800111 00 > 6a80", ST_KEY_SIZE, true },
        { "00470082 05 ac03800111 00 > 6982", ST_NOT_LOGGED_IN, true },
        { "00470082 05 ac03800111 00 > 6a84", ST_CARD_FULL, true },
    };
    const struct draft draft = { .class = CKO_PRIVATE_KEY, .id = BYTES(5), .private = CARD_UNSAID,
                                 .key = { .type = ALG_EC, .bits = 256,
                                          .curve = alg_curve_named("P-256") } };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        const char *lines[] = { "00cb3fff 000005 5c035fc10d 0000 > 6a82",      // what is there now?
                                "00f70082 000000 > 6d00", some[i].answer, NULL };
        struct object *made[2], *old;
        pivadmin_begin(lines);
        if (test_failing) return;
        struct piv_reference reference = piv_reference_at(4);
        struct object like = pivkey_like(card_t, &reference);
        old = card_add_like(&card_it, &like, CKO_PRIVATE_KEY, NULL);
        CK_OBJECT_HANDLE handle = old->handle;
        CHECK_ST(pivadmin_new_pair(&card_it, card_t, &draft, padding_scratch(), made), some[i].want);
        CHECK_EQ(pivadmin_piv.listed[4], some[i].listed);
        CHECK_EQ(card_find_hidden(&card_it, card_t, handle) == old, some[i].listed);
        CHECK(!made[0] && !made[1]);
        card_script_over();
    }
}
#endif

static void test_pivadmin(void)
{
#if SCARD11_PIV && SCARD11_WRITE
    RUN(pivadmin_asks_for_the_algorithm);
    RUN(pivadmin_answers_a_challenge);
    RUN(pivadmin_knows_3des);
    RUN(pivadmin_a_key_that_is_not_told);
#endif
}
