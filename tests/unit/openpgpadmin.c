// openpgpadmin.c: >>openpgpadmin, what is made for a card, and what of its answers; whole cards are
// write.c's and written.c's. SPDX-License-Identifier: 0BSD

#if SCARD11_OPENPGP && SCARD11_WRITE

// As GnuPG 2.2 has them for keys of its own: date, point and fingerprint.
static const struct openpgpadmin_sample {
    const char *curve;
    u32 i;
    const char *date, *point, *print;
} openpgpadmin_samples[] = {
    { "Ed25519", OPENPGP_SIG, "6b0a70e6",
      "183526c4ced9d723479c1e471bb00c13f84c2ab2de65fea95c7e7ac0c944f6f8",
      "97c0219ba4ea04566d8185c6f1ac197d91efc67a" },
    { "X25519", OPENPGP_DEC, "6b0a70e6",
      "2ca299c7d33d311c82963608a92db028b5bb1d4365c59ed6d3ec0a094c64f27f",
      "2ba99ea1bd4904157de5a2bbbf51e62a823808fc" },
    { "P-256", OPENPGP_AUT, "6b0a70e6",
      "0429e43f0783ad17ed2ab502c2b9ac624306c7b86ad662cb0b967e944d8620dd59"
      "0e3c112de838eda6c108490510a184128efea8fb110227bccf30aff48c69d483",
      "22597ced4c535c1d9ef1ab7f31838a77c203dd0f" },
    { "P-256", OPENPGP_DEC, "6b0a70e6",
      "04310c07ad726dd9283b29a778383e245f3cdff729c75e886ea90f8e7d39420be7"
      "2bf0ae19494cd9393e8e0d7c522b9dfc6a93a3af9a91a34bd30ec704c8666acb",
      "ac3d18889155b5c4e70b6a54e2ea3048abd11fcd" },
    { "P-384", OPENPGP_DEC, "6b0a70e6",
      "0474f0ba06db07a1a986e4dc86e5d7ac79c59df4f80ccfeaa61049ff11a729c863f02441187f34e1d12f85f96e68"
      "c90aed4cfe4b2fd12e381bb9d01589304a76fbf1ceb4da625d1d8320742e9e27d068f207d7db9307a85db23bc454"
      "b0e8299dc9", "7640ffb50ff701bf25b3c96f4cee01e7091a7566" },
    { "P-521", OPENPGP_DEC, "6b0a70e7",
      "04009538d61224f26081aed0f738c19befcdfb1d4bac038036d4aa8404281a9567885a25ed5d8c70e513cd9a827c"
      "de93d232b27c322088fa3df3f5c319084df4aa10f400583b8b11c2f1fe628376d98021ff6b6a7702216e0af6f5f5"
      "cf9d8b4d96d3fd5165bae96b75bb8564de34aaacc6a1d06ae3de36b508a9c915e5c4a4b28c7b12c62d",
      "f913f27109b4a31e7fc82f65c94ba5fde3d2592c" },
    { "brainpoolP256r1", OPENPGP_DEC, "6b0a70e7",
      "043ea602219d89533043c17cf7e1e1af62b5caced383701d0cd5bf25308390ed3a"
      "4230b1da303dba45313d7e61d27cc1a214978c70a24535bcfb56427a98188868",
      "9e01915203d347fa4f542c03f76ed378b6e58064" },
};

static bytes openpgpadmin_hex(const char *hex, u8 *room)
{
    return bytes_of(room, sim_script_hex(hex, hex + strlen(hex), room));
}

TEST(openpgpadmin_fingerprints)
{
    for (size_t n = 0; n < COUNT(openpgpadmin_samples) && !test_failing; n++) {
        const struct openpgpadmin_sample *sample = &openpgpadmin_samples[n];
        u8 point[140], date[4], print[20], room[20];
        struct buf out = buf_on(room, sizeof room);
        const struct alg_curve *curve = alg_curve_named(sample->curve);
        const struct alg_key key = { .type = curve->type, .bits = curve->bits, .curve = curve,
                                     .point = openpgpadmin_hex(sample->point, point) };
        CHECK_ST(openpgpadmin_fingerprint(&key, sample->i, openpgpadmin_hex(sample->date, date),
                                          p15_scratch(), &out), ST_OK);
        CHECK(bytes_equal(buf_bytes(&out), openpgpadmin_hex(sample->print, print)));
    }
}

// ---- What a key that is given looks like ----

static void openpgpadmin_expect(const struct openpgpadmin_pair *pair, st want, const char *hex)
{
    static u8 room[2000], expected[2000];
    struct buf out = buf_on(room, sizeof room);
    CHECK_ST(openpgpadmin_put_headers(pair, &out), want);
    if (!want && !bytes_equal(buf_bytes(&out), openpgpadmin_hex(hex, expected))) {
        test_fail(__FILE__, __LINE__, "not %s", hex);
        for (size_t i = 0; i < out.n; i++) printf("%02x", out.p[i]);
    }
}

// The last byte of the attributes says what goes with the primes; the exponent is as long as they
// say.
TEST(openpgpadmin_rsa_by_format)
{
    static const struct { const char *attributes; st want; size_t size; } cases[] = {
        { "01 0400 0020 00", ST_OK, 4 + 128 },
        { "01 0400 0011 01", ST_OK, 3 + 128 + 128 },
        { "01 0400 0020 02", ST_OK, 4 + 5 * 64 },
        { "01 0400 0020 03", ST_OK, 4 + 5 * 64 + 128 },
        { "01 0400 0010 00", ST_ATTR_VALUE, 0 }, { "01 0400 0020 04", ST_ATTR_VALUE, 0 },
        { "01 0400 0100 00", ST_ATTR_VALUE, 0 }, { "01 0400 0020", ST_OK, 4 + 128 },
    };
    static const u8 number[128] = { 0xf1, 2, 3 };
    const struct draft_secret secret = { .p = bytes_of(number, 64), .q = bytes_of(number, 64),
        .dp = bytes_of(number, 63), .dq = bytes_of(number, 64), .qinv = bytes_of(number, 64) };
    const struct draft draft = { .class = CKO_PRIVATE_KEY, .secret = &secret,
        .key = { .type = ALG_RSA, .bits = 1024, .modulus = bytes_of(number, 128),
                 .exponent = BYTES(1, 0, 1) } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        u8 attributes[8], room[2000];
        struct buf out = buf_on(room, sizeof room);
        struct openpgpadmin_pair pair = { .draft = &draft, .i = OPENPGP_SIG,
            .attributes = openpgpadmin_hex(cases[i].attributes, attributes) };
        bytes in, lengths, values;
        CHECK_ST(openpgpadmin_put_headers(&pair, &out), cases[i].want);
        if (cases[i].want) continue;
        CHECK_ST(tlv_open(buf_bytes(&out), 0x4d, &in), ST_OK);
        CHECK(bytes_equal(bytes_head(in, 2), BYTES(0xb6, 0)));
        CHECK(tlv_find(bytes_from(in, 2), 0x7f48, &lengths));
        CHECK(tlv_find(bytes_from(in, 2), 0x5f48, &values));
        CHECK_EQ(values.n, cases[i].size);
        CHECK(lengths.n >= 6 && lengths.p[0] == 0x91 && lengths.p[2] == 0x92);
        CHECK_EQ(lengths.p[1] + 0u, i == 1 ? 3 : 4);
        bool with_modulus = i == 1 || i == 3;
        CHECK_EQ(lengths.p[lengths.n - 3] == 0x97, with_modulus);
    }
}

// Curves: the scalar as it is; X25519's the other way round, with the bits that are fixed; a point
// where the attributes end with FF.
TEST(openpgpadmin_curves)
{
    static u8 scalar[32];
    for (u8 i = 0; i < 32; i++) scalar[i] = (u8)(0xe1 + i);
    static const u8 point[3] = { 4, 5, 6 };
    static const struct { const char *curve; u32 i; const char *attributes, *hex; } cases[] = {
        { "P-256", OPENPGP_AUT, "13 2a8648ce3d030107",
          "4d 2a a400 7f48 02 9220 5f48 20 "
          "e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00" },
        { "P-256", OPENPGP_DEC, "12 2a8648ce3d030107 ff",
          "4d 2f b800 7f48 04 92209903 5f48 23 "
          "e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00 040506" },
        { "Ed25519", OPENPGP_SIG, "16 2b06010401da470f01",
          "4d 2a b600 7f48 02 9220 5f48 20 "
          "e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00" },
        { "X25519", OPENPGP_DEC, "12 2b060104019755010501",
          "4d 2a b800 7f48 02 9220 5f48 20 "
          "40fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e0" },
    };
    const struct draft_secret secret = { .value = bytes_of(scalar, 32) };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const struct alg_curve *curve = alg_curve_named(cases[i].curve);
        const struct draft draft = { .class = CKO_PRIVATE_KEY, .secret = &secret,
            .key = { .type = curve->type, .bits = curve->bits, .curve = curve,
                     .point = bytes_of(point, 3) } };
        u8 attributes[16];
        const struct openpgpadmin_pair pair = { .draft = &draft, .i = cases[i].i,
            .attributes = openpgpadmin_hex(cases[i].attributes, attributes) };
        openpgpadmin_expect(&pair, ST_OK, cases[i].hex);
    }
}

// ---- Algorithm attributes ----

#define OPENPGPADMIN_LIST "00ca00fa 000000 > "

// They stay what they are, come from the card's list, or from the standard.
TEST(openpgpadmin_attributes_of_a_key)
{
    static const struct {
        const char *curve;
        u32 bits, i, version;
        u8 abilities;
        const char *now, *list, *out;
        st want;
    } cases[] = {
        { NULL, 2048, 0, 0x0304, 0, "01 0800 0011 03", NULL, "01 0800 0011 03", ST_OK },
        { NULL, 3072, 0, 0x0304, 0, "01 0800 0011 03", NULL, "", ST_KEY_SIZE },
        { NULL, 3072, 0, 0x0200, 4, "01 0800 0011 03", NULL, "01 0c00 0011 03", ST_OK },
        { NULL, 3072, 0, 0x0300, 4, "13 2a8648ce3d030107", NULL, "01 0c00 0020 00", ST_OK },
        { "P-256", 256, 1, 0x0300, 4, "01 0800 0011 03", NULL, "12 2a8648ce3d030107", ST_OK },
        { "P-256", 256, 2, 0x0300, 4, "12 2a8648ce3d030107", NULL, "13 2a8648ce3d030107", ST_OK },
        { "Ed25519", 255, 2, 0x0300, 4, "01 0800 0011 03", NULL, "16 2b06010401da470f01", ST_OK },
        { "P-256", 256, 2, 0x0300, 0, "01 0800 0011 03", NULL, "", ST_CURVE },
        { "P-256", 256, 2, 0x0304, 4, "01 0800 0011 03", OPENPGPADMIN_LIST "6a88",
          "13 2a8648ce3d030107", ST_OK },
        { "P-256", 256, 2, 0x0304, 4, "01 0800 0011 03", OPENPGPADMIN_LIST
          "c1 09 132a8648ce3d030107 c3 06 010800002000 c3 0a 132a8648ce3d030107ff 9000",
          "13 2a8648ce3d030107ff", ST_OK },
        { "P-256", 256, 2, 0x0304, 4, "01 0800 0011 03", OPENPGPADMIN_LIST
          "fa 13 c1 09 132a8648ce3d030107 c3 06 010800002000 9000", "", ST_CURVE },
        { NULL, 4096, 2, 0x0304, 4, "01 0800 0011 03", OPENPGPADMIN_LIST
          "c3 06 010800002000 c3 06 011000002001 9000", "01 1000 0020 01", ST_OK },
    };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const struct alg_curve *curve = cases[i].curve ? alg_curve_named(cases[i].curve) : NULL;
        const struct alg_key key = { .type = curve ? curve->type : ALG_RSA, .bits = cases[i].bits,
                                     .curve = curve };
        const struct openpgp o = { .version = cases[i].version, .abilities = cases[i].abilities };
        const char *lines[] = { cases[i].list, NULL };
        u8 now[16], expected[16], room[OPENPGPADMIN_ATTRIBUTES];
        struct buf out = buf_on(room, sizeof room);
        openpgp_begin(lines);
        if (test_failing) return;
        CHECK_ST(openpgpadmin_attributes(&card_it, &o, &key, cases[i].i,
                                         openpgpadmin_hex(cases[i].now, now), p15_scratch(), &out),
                 cases[i].want);
        CHECK(bytes_equal(buf_bytes(&out), openpgpadmin_hex(cases[i].out, expected)));
        card_script_over();
    }
}

// Which keys go where.
TEST(openpgpadmin_fits_by_use)
{
    static const struct { enum alg_type type; bool mse; u32 use; bool sig, dec, aut; } cases[] = {
        { ALG_RSA, false, 0, true, true, true },
        { ALG_RSA, false, CARD_SIGN, true, false, true },
        { ALG_RSA, false, CARD_DECRYPT, false, true, false },
        { ALG_RSA, true, CARD_DECRYPT, false, true, true },
        { ALG_RSA, false, CARD_SIGN | CARD_DECRYPT, true, true, true },
        { ALG_EC, true, CARD_SIGN, true, false, true },
        { ALG_EC, false, CARD_DERIVE, false, true, false },
        { ALG_EDWARDS, true, 0, true, false, true },
        { ALG_MONTGOMERY, true, 0, false, true, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct openpgp o = { .mse = cases[i].mse };
        const struct draft draft = { .key = { .type = cases[i].type }, .use = cases[i].use };
        CHECK_EQ(openpgpadmin_fits(&o, &draft, OPENPGP_SIG), cases[i].sig);
        CHECK_EQ(openpgpadmin_fits(&o, &draft, OPENPGP_DEC), cases[i].dec);
        CHECK_EQ(openpgpadmin_fits(&o, &draft, OPENPGP_AUT), cases[i].aut);
    }
}

// A card that was ended says so to SELECT alone; it is a token that is not set up.
TEST(openpgpadmin_knows_an_ended_card)
{
    static const char *const lines[] = { OPENPGP_SELECT "6285", NULL };
    openpgp_begin(lines);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
    CHECK(openpgp_token->blank && openpgp_it()->terminated);
    CHECK(card_pin(openpgp_token)->missing && !card_credential(openpgp_token, ROLE_PUK));
    const struct draft draft = { .class = CKO_PRIVATE_KEY, .key = { .type = ALG_RSA, .bits = 2048 } };
    CHECK(!openpgpadmin_makes(openpgp_token, &draft));
    openpgpkey_find(CKO_PRIVATE_KEY, NULL);
    openpgpkey_find(CKO_DATA, NULL);
    openpgpkey_find(CKO_CERTIFICATE, NULL);
    CHECK_EQ(card_it.object_count, 0);
    card_script_over();
}
#endif

static void test_openpgpadmin(void)
{
#if SCARD11_OPENPGP && SCARD11_WRITE
    RUN(openpgpadmin_fingerprints);
    RUN(openpgpadmin_rsa_by_format);
    RUN(openpgpadmin_curves);
    RUN(openpgpadmin_attributes_of_a_key);
    RUN(openpgpadmin_fits_by_use);
    RUN(openpgpadmin_knows_an_ended_card);
#endif
}
