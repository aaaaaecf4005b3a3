// op.c: >>op, as far as it can be tried without a card; module.c does the rest.
// SPDX-License-Identifier: 0BSD

static const CK_EC_KDF_TYPE op_kdfs[] = { CKD_SHA1_KDF, CKD_SHA224_KDF, CKD_SHA256_KDF,
                                          CKD_SHA384_KDF, CKD_SHA512_KDF };

// NIST's CAVP vectors for ANSI X9.63 (ansx963_2001.rsp): no SharedInfo, 128 bits, count 0.
TEST(op_kdf_vectors)
{
    static const u8 z1[] = { 0x1c, 0x7d, 0x7b, 0x5f, 0x05, 0x97, 0xb0, 0x3d, 0x06, 0xa0, 0x18, 0x46,
                             0x6e, 0xd1, 0xa9, 0x3e, 0x30, 0xed, 0x4b, 0x04, 0xdc, 0x64, 0xcc,
                             0xdd };
    static const u8 z256[] = { 0x96, 0xc0, 0x56, 0x19, 0xd5, 0x6c, 0x32, 0x8a, 0xb9, 0x5f, 0xe8,
                               0x4b, 0x18, 0x26, 0x4b, 0x08, 0x72, 0x5b, 0x85, 0xe3, 0x3f, 0xd3,
                               0x4f, 0x08 };
    u8 room[32];
    struct buf b = buf_on(room, sizeof room);
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(op_kdf(CKD_SHA1_KDF, bytes_of(z1, sizeof z1), BYTES_NONE, 16, pad_scratch(), &b),
             ST_OK);
    CHECK_BYTES(b.p, b.n, "bf71dffd8f4d99223936beb46fee8ccc");
    b.n = 0;
    CHECK_ST(op_kdf(CKD_SHA256_KDF, bytes_of(z256, sizeof z256), BYTES_NONE, 16, pad_scratch(),
                    &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "443024c3dae66b95e6f5670601558f71");
}

// Several blocks with shared data; the last twelve of 100 bytes, computed with Python's hashlib.
TEST(op_kdf_of_several_blocks)
{
    static const char *const want[] = {
        "39acf9619752cc73d511dc2e", "582034643c558df8846c1bb9", "a99739484a31da93fc1d237d",
        "911ebb6b042792b3b42e7992", "65f23a53f5728d484d93b790",
    };
    u8 z[32], room[100];
    for (size_t i = 0; i < sizeof z; i++) z[i] = (u8)(i + 1);
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(op_kdfs); i++) {
        struct buf b = buf_on(room, sizeof room);
        CHECK_ST(op_kdf(op_kdfs[i], bytes_of(z, sizeof z), bytes_text("shared"), 100,
                        pad_scratch(), &b), ST_OK);
        CHECK_EQ(b.n, 100);
        CHECK_BYTES(b.p + 88, 12, want[i]);
        b = buf_on(room, 99);                           // without room it ends all the same
        CHECK_ST(op_kdf(op_kdfs[i], bytes_of(z, sizeof z), BYTES_NONE, 100, pad_scratch(), &b),
                 ST_KEY_SIZE);
    }
}

TEST(op_kdf_null_shortens_from_the_front)
{
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    bytes z = BYTES(1, 2, 3, 4);
    CHECK_ST(op_kdf(CKD_NULL, z, BYTES_NONE, 4, pad_scratch(), &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "01020304");
    b.n = 0;
    CHECK_ST(op_kdf(CKD_NULL, z, BYTES_NONE, 3, pad_scratch(), &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "020304");
    b.n = 0;
    CHECK_ST(op_kdf(CKD_NULL, z, BYTES_NONE, 5, pad_scratch(), &b), ST_KEY_SIZE);
    CHECK_ST(op_kdf(CKD_CPDIVERSIFY_KDF, z, BYTES_NONE, 4, pad_scratch(), &b), ST_MECH_PARAM);
    CHECK_EQ(b.n, 0);
}

TEST(op_fits_a_hash_to_the_curve)
{
    u8 digest[64], room[80];
    const struct alg_curve *p256 = alg_curve_named("P-256"), *p521 = alg_curve_named("P-521");
    struct buf b = buf_on(room, sizeof room);
    for (size_t i = 0; i < sizeof digest; i++) digest[i] = (u8)(i + 1);
    op_fit_hash(p256, bytes_of(digest, 64), &b);                // the leftmost
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
    b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 20), &b);                // zeros before it
    CHECK(b.n == 32 && !room[11] && room[12] == 1);
    b.n = 0;
    op_fit_hash(p521, bytes_of(digest, 64), &b);                // as it is
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 64)));
    digest[0] = 0, b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 32), &b);                // its own zero stays
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
}

TEST(op_lengths_of_derived_keys)
{
    CK_ULONG want = 16;
    CK_ATTRIBUTE t = { CKA_VALUE_LEN, &want, sizeof want };
    size_t len = 0;
    CHECK_ST(op_key_length(&t, 1, 32, CKK_AES, &len), ST_OK);
    CHECK_EQ(len, 16);
    CHECK_ST(op_key_length(NULL, 0, 32, CKK_AES, &len), ST_TEMPLATE_LESS);
    CHECK_ST(op_key_length(NULL, 0, 32, CKK_GENERIC_SECRET, &len), ST_OK);
    CHECK_EQ(len, 32);
    want = 17;
    CHECK_ST(op_key_length(&t, 1, 32, CKK_AES, &len), ST_KEY_SIZE);
    CHECK_ST(op_key_length(&t, 1, 32, CKK_DES3, &len), ST_OK);
    CHECK_EQ(len, 24);
    want = 513;
    CHECK_ST(op_key_length(&t, 1, 32, CKK_GENERIC_SECRET, &len), ST_KEY_SIZE);
}

static void test_op(void)
{
    RUN(op_kdf_vectors);
    RUN(op_kdf_of_several_blocks);
    RUN(op_kdf_null_shortens_from_the_front);
    RUN(op_fits_a_hash_to_the_curve);
    RUN(op_lengths_of_derived_keys);
}
