// piv.c: >>piv, what it makes of bytes; conversations with a whole card are module.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_PIV

static struct token piv_t;

static void piv_named(bytes chuid)
{
    memset(&piv_t, 0, sizeof piv_t);
    card_name(&piv_t, "PIV", piv_chuid_number(chuid));
}

TEST(piv_names_a_token_by_its_chuid)
{
    u8 room[80];
    struct buf b = buf_on(room, sizeof room);
    u8 guid[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
    u8 fascn[25] = { 0xd4 };
    for (size_t i = 17; i < 25; i++) fascn[i] = (u8)i;
    tlv_put(&b, 0x30, bytes_of(fascn, 25));
    tlv_put(&b, 0x34, bytes_of(guid, 16));
    tlv_put(&b, 0x35, bytes_text("20301231"));
    piv_named(buf_bytes(&b));
    CHECK(!strcmp(piv_t.serial, "a8a9aaabacadaeaf"));
    CHECK(!strcmp(piv_t.label, "PIV acadaeaf"));
    memset(room + 29, 0, 16);                           // a GUID of zeros: the FASC-N
    piv_named(buf_bytes(&b));
    CHECK(!strcmp(piv_t.serial, "1112131415161718"));
    CHECK(!strcmp(piv_t.label, "PIV 15161718"));
    piv_named(BYTES(0x34, 3, 1, 2, 3));                 // a GUID of another length is none
    CHECK(!*piv_t.serial && !strcmp(piv_t.label, "PIV"));
    piv_named(BYTES(0x30, 3, 1, 2, 3));                 // a short FASC-N
    CHECK(!strcmp(piv_t.serial, "010203") && !strcmp(piv_t.label, "PIV 010203"));
    piv_named(BYTES_NONE);
    CHECK(!*piv_t.serial && !strcmp(piv_t.label, "PIV"));
    piv_named(BYTES(0x34, 0x84, 0xff, 0xff));
    CHECK(!strcmp(piv_t.label, "PIV"));
}

#define PIV_HISTORY_UNTOLD 0xffffffffu

// The retired keys of a key history that the card answers with. Where it tells nothing, their
// metadata is asked for: this card has none, so there is none to be seen.
static void piv_history(const char *answer, u32 want)
{
    static char line[120];
    static const char *lines[] = { line, "00f7 0082 000000 > 6d00", NULL };
    struct piv p = { .history_read = false };
    bool told = !strncmp(answer, "53", 2) && want != PIV_HISTORY_UNTOLD;
    if (want == PIV_HISTORY_UNTOLD) want = 0;
    lines[1] = told ? NULL : "00f7 0082 000000 > 6d00";
    snprintf(line, sizeof line, "00cb3fff 000005 5c035fc10c 0000 > %s", answer);
    card_script(lines);
    if (test_failing) return;
    card_it.sure = true;
    card_t->state = &p;
    CHECK_ST(piv_read_history(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_ST(piv_read_history(&card_it, card_t, padding_scratch()), ST_OK);    // once is enough
    card_script_over();
    if (test_failing) return;
    CHECK_EQ(p.retired, want);
    CHECK(p.history_read);
}

TEST(piv_history_names_retired_keys)
{
    static const struct { const char *answer; u32 want; } some[] = {
        { "5308 c10100 c20100 f300 9000", 0 },
        { "5308 c10101 c20100 f300 9000", 0x00001 },
        { "5308 c10103 c20102 f300 9000", 0xc0007 },
        { "5308 c10100 c20114 f300 9000", 0xfffff },
        { "5308 c10114 c20100 f300 9000", 0xfffff },
        { "5308 c10113 c20101 f300 9000", 0xfffff },
        { "5308 c101ff c201ff f300 9000", 0xfffff },    // more than there can be
        { "5308 c10105 c201ff f300 9000", 0xfffff },
        { "5303 c10102 9000", 0x00003 },
        { "5306 c10102 c20205 9000", 0x00003 },         // the second number is broken
        { "5304 c1020102 9000", PIV_HISTORY_UNTOLD },
        { "5300 9000", PIV_HISTORY_UNTOLD },
        { "6a82", PIV_HISTORY_UNTOLD },
        { "6982", PIV_HISTORY_UNTOLD },
    };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++)
        piv_history(some[i].answer, some[i].want);
}

TEST(piv_keys_of_metadata)
{
    u8 room[600], number[513];
    struct alg_key k;
    static const struct { u8 algorithm; size_t bytes_of_key; } rsa[] = {
        { 0x06, 128 }, { 0x07, 256 }, { 0x05, 384 }, { 0x16, 512 },
    };
    memset(number, 0xc1, sizeof number);
    for (size_t i = 0; i < COUNT(rsa); i++)
        for (int wrong = -1; wrong <= 1; wrong++) {
            struct buf b = buf_on(room, sizeof room);
            tlv_put(&b, 0x81, bytes_of(number, (size_t)((int)rsa[i].bytes_of_key + wrong)));
            tlv_put(&b, 0x82, BYTES(1, 0, 1));
            CHECK_ST(piv_metadata_key(rsa[i].algorithm, buf_bytes(&b), &k),
                     wrong ? ST_PROTOCOL : ST_OK);
            CHECK(wrong || (k.type == ALG_RSA && alg_key_bytes(&k) == rsa[i].bytes_of_key));
        }
    CHECK_ST(piv_metadata_key(0x07, BYTES(0x82, 1, 3), &k), ST_PROTOCOL);
    static const struct { u8 algorithm; const char *curve; size_t n; } ec[] = {
        { 0x11, "P-256", 65 }, { 0x14, "P-384", 97 }, { 0xe0, "Ed25519", 32 },
        { 0xe1, "X25519", 32 },
    };
    number[0] = 4;
    for (size_t i = 0; i < COUNT(ec); i++) {
        struct buf b = buf_on(room, sizeof room);
        tlv_put(&b, 0x86, bytes_of(number, ec[i].n));
        CHECK_ST(piv_metadata_key(ec[i].algorithm, buf_bytes(&b), &k), ST_OK);
        CHECK(k.curve == alg_curve_named(ec[i].curve) && k.point.n == ec[i].n);
        b.n = 0;
        tlv_put(&b, 0x86, bytes_of(number, ec[i].n + 1));
        CHECK_ST(piv_metadata_key(ec[i].algorithm, buf_bytes(&b), &k), ST_PROTOCOL);
        CHECK_ST(piv_metadata_key(ec[i].algorithm, BYTES_NONE, &k), ST_PROTOCOL);
    }
    CHECK_ST(piv_metadata_key(0x03, BYTES_NONE, &k), ST_NOT_FOUND);     // 3DES
}

// An algorithm is for one curve: another of the same size has none.
TEST(piv_algorithms_by_curve)
{
    for (size_t i = 0; i < COUNT(alg_curves); i++) {
        const struct alg_curve *c = &alg_curves[i];
        const struct alg_key k = { .type = c->type, .bits = c->bits, .curve = c };
        unsigned number = alg_number_of(piv_algorithms, COUNT(piv_algorithms), &k);
        CHECK_EQ(number, !strcmp(c->name, "P-256") ? 0x11 : !strcmp(c->name, "P-384") ? 0x14
                 : !strcmp(c->name, "Ed25519") ? 0xe0 : !strcmp(c->name, "X25519") ? 0xe1 : 0);
    }
}

static void test_piv(void)
{
    RUN(piv_names_a_token_by_its_chuid);
    RUN(piv_history_names_retired_keys);
    RUN(piv_keys_of_metadata);
    RUN(piv_algorithms_by_curve);
}
#else
static void test_piv(void)
{
}
#endif
