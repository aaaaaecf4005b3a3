// keys.c: >>keys, as far as it can be tried without a card; api.c does the rest.
// SPDX-License-Identifier: 0BSD

static const CK_EC_KDF_TYPE keys_kdfs[] = { CKD_SHA1_KDF, CKD_SHA224_KDF, CKD_SHA256_KDF,
                                          CKD_SHA384_KDF, CKD_SHA512_KDF };

// NIST's CAVP vectors for ANSI X9.63 (ansx963_2001.rsp): no SharedInfo, 128 bits, count 0.
TEST(keys_kdf_vectors)
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
    CHECK_ST(keys_kdf(CKD_SHA1_KDF, bytes_of(z1, sizeof z1), BYTES_NONE, 16, &b),
             ST_OK);
    CHECK_BYTES(b.p, b.n, "bf71dffd8f4d99223936beb46fee8ccc");
    b.n = 0;
    CHECK_ST(keys_kdf(CKD_SHA256_KDF, bytes_of(z256, sizeof z256), BYTES_NONE, 16, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "443024c3dae66b95e6f5670601558f71");
}

// Several blocks with shared data; the last twelve of 100 bytes, computed with Python's hashlib.
TEST(keys_kdf_of_several_blocks)
{
    static const char *const want[] = {
        "39acf9619752cc73d511dc2e", "582034643c558df8846c1bb9", "a99739484a31da93fc1d237d",
        "911ebb6b042792b3b42e7992", "65f23a53f5728d484d93b790",
    };
    u8 z[32], room[100];
    for (size_t i = 0; i < sizeof z; i++) z[i] = (u8)(i + 1);
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(keys_kdfs); i++) {
        struct buf b = buf_on(room, sizeof room);
        CHECK_ST(keys_kdf(keys_kdfs[i], bytes_of(z, sizeof z), bytes_text("shared"), 100, &b), ST_OK);
        CHECK_EQ(b.n, 100);
        CHECK_BYTES(b.p + 88, 12, want[i]);
        b = buf_on(room, 99);                           // without room it ends all the same
        CHECK_ST(keys_kdf(keys_kdfs[i], bytes_of(z, sizeof z), BYTES_NONE, 100, &b),
                 ST_KEY_SIZE);
    }
}

TEST(keys_kdf_null_shortens_from_the_front)
{
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    bytes z = BYTES(1, 2, 3, 4);
    CHECK_ST(keys_kdf(CKD_NULL, z, BYTES_NONE, 4, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "01020304");
    b.n = 0;
    CHECK_ST(keys_kdf(CKD_NULL, z, BYTES_NONE, 3, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "020304");
    b.n = 0;
    CHECK_ST(keys_kdf(CKD_NULL, z, BYTES_NONE, 5, &b), ST_KEY_SIZE);
    CHECK_ST(keys_kdf(CKD_CPDIVERSIFY_KDF, z, BYTES_NONE, 4, &b), ST_MECH_PARAM);
    CHECK_EQ(b.n, 0);
}

static void test_keys(void)
{
    RUN(keys_kdf_vectors);
    RUN(keys_kdf_of_several_blocks);
    RUN(keys_kdf_null_shortens_from_the_front);
}
