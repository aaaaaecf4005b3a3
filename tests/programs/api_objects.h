// api_objects.h: session objects and secret keys, for api.c: vectors that are not ours, what is
// seen and by whom, and that nothing is left of them. SPDX-License-Identifier: 0BSD
#ifndef API_OBJECTS_H
#define API_OBJECTS_H

static size_t from_hex(const char *hex, CK_BYTE *out)
{
    size_t len = 0;
    unsigned v;
    for (; *hex; hex += 2) {
        sscanf(hex, "%2x", &v);
        out[len++] = (CK_BYTE)v;
    }
    return len;
}

// A secret key of a value in hex.
static CK_OBJECT_HANDLE secret_of(CK_KEY_TYPE type, const char *hex)
{
    CK_BYTE value[256];
    CK_OBJECT_HANDLE key = 0;
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type),
                         { CKA_VALUE, value, (CK_ULONG)from_hex(hex, value) } };
    return C_CreateObject(s, t, 3, &key) ? 0 : key;
}

static CK_ULONG count_of(CK_ATTRIBUTE *t, CK_ULONG entries)
{
    CK_ULONG count = 0;
    return scene_count(s, t, entries, &count) ? (CK_ULONG)-1 : count;
}

// ---- Vectors ----

// HMAC: RFC 4231, test cases 1, 2, 5 (shortened) and 6 (a key longer than a block).
TEST(vectors_of_hmac)
{
    static const struct { CK_MECHANISM_TYPE type; const char *key, *data, *mac; CK_ULONG len; }
    v[] = {
        { CKM_SHA224_HMAC, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
          "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22", 0 },
        { CKM_SHA256_HMAC, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 0 },
        { CKM_SHA256_HMAC, "4a656665", "what do ya want for nothing?",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 0 },
        { CKM_SHA384_HMAC, "4a656665", "what do ya want for nothing?",
          "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
          "8e2240ca5e69e2c78b3239ecfab21649", 0 },
        { CKM_SHA256_HMAC_GENERAL, "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
          "Test With Truncation", "a3b6167473100ee06e0c796c2955552b", 16 },
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        CK_BYTE mac[64];
        CK_ULONG len = sizeof mac, want = v[i].len;
        CK_MECHANISM m = { v[i].type, want ? &want : NULL, want ? sizeof want : 0 };
        CK_OBJECT_HANDLE key = secret_of(CKK_GENERIC_SECRET, v[i].key);
        CHECK(key);
        CHECK_RV(C_SignInit(s, &m, key), CKR_OK);
        CHECK_RV(C_Sign(s, (CK_BYTE *)(uintptr_t)v[i].data, (CK_ULONG)strlen(v[i].data), mac, &len),
                 CKR_OK);
        CHECK_BYTES(mac, len, v[i].mac);
        CHECK_RV(C_DestroyObject(s, key), CKR_OK);
    }
}

// A key of 131 times AA, longer than the hash's block: RFC 4231, test case 6, SHA-256 and -512.
TEST(vectors_of_hmac_with_a_long_key)
{
    char key_hex[263];
    CK_BYTE mac[64], data[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    CK_ULONG len = sizeof mac;
    CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
    memset(key_hex, 'a', 262);
    key_hex[262] = 0;
    CK_OBJECT_HANDLE key = secret_of(CKK_GENERIC_SECRET, key_hex);
    CHECK_RV(C_SignInit(s, &m, key), CKR_OK);
    CHECK_RV(C_Sign(s, data, sizeof data - 1, mac, &len), CKR_OK);
    CHECK_BYTES(mac, len, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK_RV(C_DestroyObject(s, key), CKR_OK);
}

// RFC 4493, 4, examples 1 to 4, and the first 12 bytes of one; at once, in parts, verified.
TEST(vectors_of_cmac)
{
    static const char data[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                               "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const struct { CK_ULONG n, size; const char *mac; } v[] = {
        { 0, 0, "bb1d6929e95937287fa37d129b756746" }, { 16, 0, "070a16b46b4d4144f79bdd9dd04a287c" },
        { 40, 0, "dfa66747de9ae63030ca32611497c827" }, { 64, 0, "51f0bebf7e3b9d92fc49741779363cfe" },
        { 64, 12, "51f0bebf7e3b9d92fc497417" } };
    CK_BYTE in[64], mac[17];
    CK_OBJECT_HANDLE key = secret_of(CKK_AES, "2b7e151628aed2a6abf7158809cf4f3c");
    from_hex(data, in);
    CHECK(key);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        CK_ULONG len = sizeof mac, size = v[i].size;
        CK_MECHANISM m = { size ? CKM_AES_CMAC_GENERAL : CKM_AES_CMAC, size ? &size : NULL,
                           size ? sizeof size : 0 };
        CHECK_RV(C_SignInit(s, &m, key), CKR_OK);
        CHECK_RV(C_Sign(s, v[i].n ? in : NULL, v[i].n, mac, &len), CKR_OK);
        CHECK_BYTES(mac, len, v[i].mac);
        CHECK_RV(C_SignInit(s, &m, key), CKR_OK);
        for (CK_ULONG at = 0; at < v[i].n; at += 8) CHECK_RV(C_SignUpdate(s, in + at, 8), CKR_OK);
        CHECK_RV(C_SignFinal(s, mac, &len), CKR_OK);
        CHECK_BYTES(mac, len, v[i].mac);
        for (CK_ULONG bit = 0; bit <= 8 * len; bit++) {
            bool whole = bit == 8 * len;
            if (!whole) mac[bit / 8] ^= (CK_BYTE)(1 << bit % 8);
            CHECK_RV(C_VerifyInit(s, &m, key), CKR_OK);
            CHECK_RV(C_Verify(s, in, v[i].n, mac, len), whole ? CKR_OK : CKR_SIGNATURE_INVALID);
            if (!whole) mac[bit / 8] ^= (CK_BYTE)(1 << bit % 8);
        }
        CHECK_RV(C_VerifyInit(s, &m, key), CKR_OK);
        CHECK_RV(C_Verify(s, in, v[i].n, mac, len + 1), CKR_SIGNATURE_LEN_RANGE);
    }
    CHECK_RV(C_DestroyObject(s, key), CKR_OK);
}

// AES: NIST SP 800-38A, F.1.1, F.2.1, F.2.5, F.5.1; GCM: McGrew and Viega, test case 4.
TEST(vectors_of_aes)
{
    static const char key128[] = "2b7e151628aed2a6abf7158809cf4f3c",
        key256[] = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        gcm_plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
    CK_BYTE cbc_iv[16], nonce[12], aad[20];
    CK_AES_CTR_PARAMS ctr = { 128, { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9,
                                     0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff } };
    CK_GCM_PARAMS g = { nonce, 12, 96, aad, 20, 128 };
    const struct { CK_MECHANISM m; const char *key, *in, *out; } v[] = {
        { { CKM_AES_ECB, NULL, 0 }, key128, plain,
          "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf" },
        { { CKM_AES_CBC, cbc_iv, 16 }, key128, plain,
          "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" },
        { { CKM_AES_CBC, cbc_iv, 16 }, key256, plain,
          "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" },
        { { CKM_AES_CTR, &ctr, sizeof ctr }, key128, plain,
          "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff" },
        { { CKM_AES_GCM, &g, sizeof g }, "feffe9928665731c6d6a8f9467308308", gcm_plain,
          "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
          "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
          "5bc94fbc3221a5db94fae95ae7121a47" },
    };
    from_hex("000102030405060708090a0b0c0d0e0f", cbc_iv);
    from_hex("cafebabefacedbaddecaf888", nonce);
    from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        CK_BYTE in[128], out[128], back[128];
        CK_ULONG in_len = (CK_ULONG)from_hex(v[i].in, in), len = sizeof out, back_len = sizeof back;
        CK_MECHANISM m = v[i].m;
        CK_OBJECT_HANDLE key = secret_of(CKK_AES, v[i].key);
        CHECK(key);
        CHECK_RV(C_EncryptInit(s, &m, key), CKR_OK);
        CHECK_RV(C_Encrypt(s, in, in_len, out, &len), CKR_OK);
        CHECK_BYTES(out, len, v[i].out);
        CHECK_RV(C_DecryptInit(s, &m, key), CKR_OK);
        CHECK_RV(C_Decrypt(s, out, len, back, &back_len), CKR_OK);
        CHECK_BYTES(back, back_len, v[i].in);
        CHECK_RV(C_DestroyObject(s, key), CKR_OK);
    }
}

// HKDF: RFC 5869, A.1 (SHA-256) and A.4 (SHA-1); then both halves apart give A.1 again.
TEST(vectors_of_hkdf)
{
    CK_BYTE salt[13], info[10], out[42];
    CK_ULONG len42 = 42;
    CK_ATTRIBUTE t[] = { AT(CKA_VALUE_LEN, len42) }, value[] = { { CKA_VALUE, out, 42 } };
    CK_HKDF_PARAMS p = { CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_DATA, salt, 13, 0, info, 10 };
    CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof p };
    static const char a1[] = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                             "34007208d5b887185865";
    CK_OBJECT_HANDLE key = secret_of(CKK_HKDF, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), prk,
                     okm;
    from_hex("000102030405060708090a0b0c", salt);
    from_hex("f0f1f2f3f4f5f6f7f8f9", info);
    CHECK_RV(C_DeriveKey(s, &m, key, t, 1, &okm), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, okm, value, 1), CKR_OK);
    CHECK_BYTES(out, 42, a1);
    p.bExpand = CK_FALSE;
    CHECK_RV(C_DeriveKey(s, &m, key, NULL, 0, &prk), CKR_OK);
    p.bExpand = CK_TRUE, p.bExtract = CK_FALSE;
    CHECK_RV(C_DeriveKey(s, &m, prk, t, 1, &made), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, made, value, 1), CKR_OK);
    CHECK_BYTES(out, 42, a1);
    CK_OBJECT_HANDLE salt_key = secret_of(CKK_GENERIC_SECRET, "000102030405060708090a0b0c");
    p.bExtract = CK_TRUE, p.ulSaltType = CKF_HKDF_SALT_KEY, p.hSaltKey = salt_key;
    CHECK_RV(C_DeriveKey(s, &m, key, t, 1, &made2), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, made2, value, 1), CKR_OK);
    CHECK_BYTES(out, 42, a1);
    p.ulSaltType = CKF_HKDF_SALT_DATA, p.prfHashMechanism = CKM_SHA_1;
    key = secret_of(CKK_HKDF, "0b0b0b0b0b0b0b0b0b0b0b");
    CHECK_RV(C_DeriveKey(s, &m, key, t, 1, &okm), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, okm, value, 1), CKR_OK);
    CHECK_BYTES(out, 42, "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2"
                         "c22e422478d305f3f896");
    p.bExtract = p.bExpand = CK_FALSE;
    CHECK_RV(C_DeriveKey(s, &m, key, t, 1, &okm), CKR_MECHANISM_PARAM_INVALID);
    p.bExpand = CK_TRUE, p.prfHashMechanism = CKM_MD5;
    CHECK_RV(C_DeriveKey(s, &m, key, t, 1, &okm), CKR_MECHANISM_PARAM_INVALID);
}

// ---- Ciphers: long data, in place, counters that end ----

#define GCM_ROOM ((CK_ULONG)SCARD11_SCRATCH - SCARD11_ANSWER - (SCARD11_ANSWER > 258 ? 4608 : 528))

TEST(ciphers_of_any_length_and_in_place)
{
    static CK_BYTE plain[9000], whole[9100], work[9100], parts[9100];
    CK_MECHANISM_TYPE types[] = { CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CTR,
                                  CKM_AES_GCM };
    static const CK_ULONG lengths[] = { 0, 1, 15, 16, 17, 1023, 1024, 1025, 1040, 2048, 9000 };
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (CK_BYTE)(i * 7 + (i >> 8));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            CK_MECHANISM m = mechanism_of(types[i]);
            CK_ULONG len = lengths[k], out_len = sizeof whole, at = 0, got;
            if (types[i] == CKM_AES_ECB || types[i] == CKM_AES_CBC) len &= ~(CK_ULONG)15;
            if (types[i] == CKM_AES_GCM && len > GCM_ROOM / 2 - 32) continue;
            CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
            CHECK_RV(C_Encrypt(s, plain, len, whole, &out_len), CKR_OK);
            memcpy(work, plain, len);
            got = sizeof work;
            CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
            CHECK_RV(C_Encrypt(s, work, len, work, &got), CKR_OK);          // in place
            CHECK(got == out_len && !memcmp(work, whole, got));
            CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
            for (CK_ULONG from = 0; from < out_len; at += got) {            // parts of any length
                CK_ULONG part = 1 + test_any_below(1500);
                if (part > out_len - from) part = out_len - from;
                got = sizeof parts - at;
                CHECK_RV(C_DecryptUpdate(s, whole + from, part, parts + at, &got), CKR_OK);
                from += part;
            }
            got = sizeof parts - at;
            CHECK_RV(C_DecryptFinal(s, parts + at, &got), CKR_OK);
            CHECK(at + got == len && !memcmp(parts, plain, len));
        }
    }
}

// A counter of 4 bits has 16 blocks, and then its first again; the other bits stay (NIST SP
// 800-38A, B.1).
TEST(counters_count_in_their_bits)
{
    CK_AES_CTR_PARAMS four = { 4, { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0x0f } };
    CK_MECHANISM m = { CKM_AES_CTR, &four, sizeof four };
    CK_BYTE zeros[48] = { 0 }, out[48], block[16];
    CK_ULONG len = 48, block_len = 16;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, zeros, 48, out, &len), CKR_OK);
    four.cb[15] = 0;
    CHECK_RV(C_EncryptInit(s, &aes_ecb, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, four.cb, 16, block, &block_len), CKR_OK);
    CHECK(!memcmp(block, out + 16, 16));
}

// ... and no value comes twice, whether the data comes at once or in parts, and wherever the
// counting began: so many blocks there are, and not a byte more.
TEST(counters_end_before_their_key_stream_comes_again)
{
    static CK_BYTE zeros[17 * 16], out[17 * 16];
    for (CK_BYTE first = 0; first < 16; first += 5) {
        CK_AES_CTR_PARAMS four = { 4, { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, first } };
        CK_MECHANISM m = { CKM_AES_CTR, &four, sizeof four };
        CK_ULONG len = sizeof out;
        CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
        CHECK_RV(C_Encrypt(s, zeros, 256, out, &len), CKR_OK);
        for (size_t i = 1; i < 16; i++)
            for (size_t k = 0; k < i; k++) CHECK(memcmp(out + 16 * i, out + 16 * k, 16));
        len = sizeof out;
        CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
        CHECK_RV(C_Encrypt(s, zeros, 257, out, &len), CKR_DATA_LEN_RANGE);
        CHECK_RV(C_EncryptFinal(s, out, &len), CKR_OPERATION_NOT_INITIALIZED);
        len = sizeof out;
        CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
        CHECK_RV(C_Decrypt(s, zeros, 257, out, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
        CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
        for (size_t i = 0; i < 256; i += 8) {
            len = sizeof out;
            CHECK_RV(C_EncryptUpdate(s, zeros, 8, out, &len), CKR_OK);
        }
        len = sizeof out;
        CHECK_RV(C_EncryptUpdate(s, zeros, 0, out, &len), CKR_OK);
        len = sizeof out;
        CHECK_RV(C_EncryptUpdate(s, zeros, 1, out, &len), CKR_DATA_LEN_RANGE);
        CHECK_RV(C_EncryptFinal(s, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
}

// A part that fails ends its operation, in every function that takes one.
TEST(parts_that_fail_end_the_operation)
{
    static CK_BYTE long_data[SCARD11_SCRATCH / 2];
    CK_AES_CTR_PARAMS one = { 1, { 0 } };
    CK_MECHANISM counter_of_two = { CKM_AES_CTR, &one, sizeof one },
                 m = mechanism_of(CKM_AES_GCM);
    CK_ULONG len = sizeof sig;
    CHECK_RV(C_EncryptInit(s, &counter_of_two, aes), CKR_OK);
    CHECK_RV(C_EncryptUpdate(s, text, 33, sig, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_EncryptFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_EncryptUpdate(s, long_data, sizeof long_data, sig, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_EncryptFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_DecryptInit(s, &rsa_pkcs, decrypter), CKR_OK);
    CHECK_RV(C_DecryptUpdate(s, more, sizeof more, sig, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_DecryptFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignInit(s, &rsa_pkcs, rsa), CKR_OK);
    CHECK_RV(C_SignUpdate(s, more, 4096), CKR_OK);
    CHECK_RV(C_SignUpdate(s, more, 1), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_SignFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_VerifyInit(s, &rsa_pkcs, rsa_public), CKR_OK);
    CHECK_RV(C_VerifyUpdate(s, more, sizeof more), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_VerifyFinal(s, sig, 256), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_VerifySignatureInit(s, &rsa_pkcs, rsa_public, sig, 256), CKR_OK);
    CHECK_RV(C_VerifySignatureUpdate(s, more, sizeof more), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_VerifySignatureFinal(s), CKR_OPERATION_NOT_INITIALIZED);
}

// A message's last part: its length asked for, too small, right; one that fails ends the message
// and leaves the operation for the next.
TEST(a_message_s_last_part_gives_its_signature)
{
    CK_BYTE whole[256], parts[256];
    CK_ULONG len = 256;
    CHECK_RV(C_SignInit(s, &rsa_pkcs, rsa), CKR_OK);
    CHECK_RV(C_Sign(s, text, 30, whole, &len), CKR_OK);
    CHECK_RV(C_MessageSignInit(s, &rsa_pkcs, rsa), CKR_OK);
    CHECK_RV(C_SignMessageBegin(s, NULL, 0), CKR_OK);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text, 20, NULL, NULL), CKR_OK);
    len = 0;
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 10, NULL, &len), CKR_OK);
    CHECK_EQ(len, 256);
    len = 255;
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 10, parts, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, 256);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 10, parts, &len), CKR_OK);
    CHECK(len == 256 && !memcmp(whole, parts, 256));
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text, 1, NULL, NULL), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignMessageBegin(s, NULL, 0), CKR_OK);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, more, 246, parts, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text, 1, NULL, NULL), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignMessageBegin(s, NULL, 0), CKR_OK);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, more, sizeof more, NULL, NULL), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text, 1, NULL, NULL), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignMessage(s, NULL, 0, text, 30, parts, &len), CKR_OK);
    CHECK(!memcmp(whole, parts, 256));
    CHECK_RV(C_MessageSignFinal(s), CKR_OK);
}

// C_DigestUpdate "zero or more times" (5.12.1), and a question for the length takes nothing: what
// C_DigestFinal gives after it is a digest of nothing.
TEST(a_question_for_the_length_takes_nothing)
{
    CK_BYTE digest[32];
    CK_ULONG len = 0;
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    CHECK_RV(C_Digest(s, text, 10, NULL, &len), CKR_OK);
    CHECK_EQ(len, 32);
    CHECK_RV(C_DigestFinal(s, digest, &len), CKR_OK);
    CHECK_BYTES(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// GCM: as much data as the header says beside as much of IV and AAD, and not a byte more.
TEST(gcm_takes_what_the_header_says)
{
    static CK_BYTE aad[GCM_ROOM], plain[GCM_ROOM], sealed[GCM_ROOM], opened[GCM_ROOM];
    CK_ULONG head = GCM_ROOM / 4, most = (GCM_ROOM - head) / 2;
    CK_GCM_PARAMS p = { iv, 12, 96, aad, head - 12, 128 };
    CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
    CK_ULONG len = sizeof sealed, opened_len = sizeof opened;
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (CK_BYTE)(i * 3 + (i >> 8));
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, plain, most, sealed, &len), CKR_OK);
    CHECK_EQ(len, most + 16);
    CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Decrypt(s, sealed, most, opened, &opened_len), CKR_ENCRYPTED_DATA_INVALID);
    len = sizeof sealed;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, plain, most - 16, sealed, &len), CKR_OK);
    opened_len = sizeof opened;
    CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Decrypt(s, sealed, len, opened, &opened_len), CKR_OK);
    CHECK(opened_len == most - 16 && !memcmp(opened, plain, opened_len));
    len = sizeof sealed;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, plain, most + 1, sealed, &len), CKR_DATA_LEN_RANGE);
    p.ulAADLen++;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_MECHANISM_PARAM_INVALID);
    p.ulAADLen = 0;
    most = (GCM_ROOM - 12) / 2;
    len = sizeof sealed;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, plain, most, sealed, &len), CKR_OK);
}

TEST(gcm_gives_nothing_out_that_is_not_authentic)
{
    CK_MECHANISM m = mechanism_of(CKM_AES_GCM);
    CK_BYTE out[64], back[64];
    CK_ULONG len = 64, back_len;
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, text, 20, out, &len), CKR_OK);
    CHECK_EQ(len, 36);
    for (CK_ULONG i = 0; i < len; i++) {
        out[i] ^= 0x40;
        memset(back, 0x5a, sizeof back);
        back_len = 64;
        CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
        CHECK_RV(C_Decrypt(s, out, len, back, &back_len), CKR_ENCRYPTED_DATA_INVALID);
        CHECK(back[0] == 0x5a && !memcmp(back, back + 1, 63));
        out[i] ^= 0x40;
    }
    back_len = 64;
    CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Decrypt(s, out, 15, back, &back_len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    gcm.ulAADLen = (CK_ULONG)-1;                        // with the IV's 12 bytes: 11
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_MECHANISM_PARAM_INVALID);
    gcm.ulAADLen = 6;
}

// ---- Two at once; digests of keys ----

TEST(two_operations_at_once_are_each_as_alone)
{
    CK_BYTE out[80], alone[80], digest[2][32], mac[2][32];
    CK_ULONG len, at = 0, alone_len = 80, d = 32;
    CK_MECHANISM m = mechanism_of(CKM_AES_CBC_PAD);
    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_Encrypt(s, text, 50, alone, &alone_len), CKR_OK);
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    CHECK_RV(C_Digest(s, text, 50, digest[0], &d), CKR_OK);
    CHECK_RV(C_SignInit(s, &hmac, generic), CKR_OK);
    CHECK_RV(C_Sign(s, text, 50, mac[0], &d), CKR_OK);

    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    for (CK_ULONG i = 0; i < 50; i += 10, at += len) {
        len = sizeof out - at;
        CHECK_RV(C_DigestEncryptUpdate(s, text + i, 10, out + at, &len), CKR_OK);
    }
    len = sizeof out - at;
    CHECK_RV(C_EncryptFinal(s, out + at, &len), CKR_OK);
    CHECK(at + len == alone_len && !memcmp(out, alone, alone_len));
    CHECK_RV(C_DigestFinal(s, digest[1], &d), CKR_OK);
    CHECK(!memcmp(digest[0], digest[1], 32));

    CHECK_RV(C_EncryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_SignInit(s, &hmac, generic), CKR_OK);
    len = sizeof out;
    CHECK_RV(C_SignEncryptUpdate(s, text, 50, out, &len), CKR_OK);
    at = len, len = sizeof out - at;
    CHECK_RV(C_EncryptFinal(s, out + at, &len), CKR_OK);
    CHECK_RV(C_SignFinal(s, mac[1], &d), CKR_OK);
    CHECK(!memcmp(out, alone, alone_len) && !memcmp(mac[0], mac[1], 32));

    CHECK_RV(C_DecryptInit(s, &m, aes), CKR_OK);
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    CHECK_RV(C_VerifyInit(s, &hmac, generic), CKR_OK);
    len = sizeof out;
    CHECK_RV(C_DecryptDigestUpdate(s, alone, 32, out, &len), CKR_OK);
    CHECK_EQ(len, 16);
    CHECK_RV(C_VerifyUpdate(s, out, 16), CKR_OK);
    len = sizeof out;
    CHECK_RV(C_DecryptVerifyUpdate(s, alone + 32, 32, out, &len), CKR_OK);
    CHECK_EQ(len, 32);
    CHECK_RV(C_DigestUpdate(s, out, 32), CKR_OK);
    len = sizeof out;
    CHECK_RV(C_DecryptFinal(s, out, &len), CKR_OK);
    CHECK_EQ(len, 2);
    CHECK_RV(C_DigestUpdate(s, out, 2), CKR_OK);        // what comes last is the caller's to add
    CHECK_RV(C_VerifyUpdate(s, out, 2), CKR_OK);
    CHECK_RV(C_DigestFinal(s, digest[1], &d), CKR_OK);
    CHECK(!memcmp(digest[0], digest[1], 32));
    CHECK_RV(C_VerifyFinal(s, mac[0], 32), CKR_OK);
}

TEST(a_key_s_value_is_digested)
{
    CK_BYTE with_key[32], with_value[32];
    CK_ULONG len = 32;
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    CHECK_RV(C_DigestUpdate(s, text, 3), CKR_OK);
    CHECK_RV(C_DigestKey(s, aes), CKR_OK);
    CHECK_RV(C_DigestFinal(s, with_key, &len), CKR_OK);
    CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
    CHECK_RV(C_DigestUpdate(s, text, 3), CKR_OK);
    CHECK_RV(C_DigestUpdate(s, b + 512, 32), CKR_OK);
    CHECK_RV(C_DigestFinal(s, with_value, &len), CKR_OK);
    CHECK(!memcmp(with_key, with_value, 32));
}

// ---- Objects ----

TEST(generated_keys_are_what_their_template_says)
{
    CK_BYTE value[64];
    CK_BBOOL is[4] = { 9, 9, 9, 9 };
    CK_MECHANISM_TYPE by = 0;
    CK_ATTRIBUTE t[] = { AT(CKA_VALUE_LEN, len32), AT(CKA_SENSITIVE, yes), AT(CKA_EXTRACTABLE, no),
                         { CKA_LABEL, text, 5 } };
    CK_ATTRIBUTE got[] = { AT(CKA_LOCAL, is[0]), AT(CKA_ALWAYS_SENSITIVE, is[1]),
                           AT(CKA_NEVER_EXTRACTABLE, is[2]), AT(CKA_KEY_GEN_MECHANISM, by),
                           AT(CKA_TOKEN, is[3]) };
    CK_ATTRIBUTE secret[] = { { CKA_VALUE, value, 64 } };
    CHECK_RV(C_GenerateKey(s, &aes_keygen, t, 4, &made), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, made, got, 5), CKR_OK);
    CHECK(is[0] && is[1] && is[2] && by == CKM_AES_KEY_GEN && !is[3]);
    CHECK_RV(C_GetAttributeValue(s, made, secret, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_EQ(secret->ulValueLen, CK_UNAVAILABLE_INFORMATION);
    secret->ulValueLen = 64;
    CHECK_RV(C_GenerateKey(s, &generic_keygen, t, 1, &made2), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, made2, secret, 1), CKR_OK);
    CHECK_EQ(secret->ulValueLen, 32);
    CHECK_RV(C_GenerateKey(s, &generic_keygen, t, 1, &made), CKR_OK);
    CK_BYTE first[32];
    memcpy(first, value, 32);
    CHECK_RV(C_GetAttributeValue(s, made, secret, 1), CKR_OK);
    CHECK(memcmp(first, value, 32));                    // chance does not come twice
}

// Searches see what is made, copied and changed, each by what it is.
TEST(session_objects_are_found_and_changed)
{
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_data), { CKA_LABEL, "a label", 7 },
                         { CKA_APPLICATION, "api", 3 }, { CKA_VALUE, text, 60 } };
    CK_ATTRIBUTE other[] = { { CKA_LABEL, "another", 7 } }, gone[] = { { CKA_LABEL, "", 0 } };
    CK_ATTRIBUTE two[] = { { CKA_LABEL, "third", 5 }, { CKA_TOKEN, &no, 1 } };
    CK_ATTRIBUTE unique[] = { { CKA_UNIQUE_ID, b, 100 } };
    CK_BYTE value[60];
    CK_ATTRIBUTE read[] = { { CKA_VALUE, value, 60 }, { CKA_APPLICATION, b, 3 } };
    CK_OBJECT_HANDLE one, copy, same;
    CK_ULONG size;
    CHECK_RV(C_CreateObject(s, t, 4, &one), CKR_OK);
    CHECK_EQ(count_of(t, 4), 1);
    CHECK_RV(C_CopyObject(s, one, NULL, 0, &copy), CKR_OK);         // an empty template: a twin
    CHECK(copy != one);
    CHECK_EQ(count_of(t, 4), 2);
    CHECK_RV(C_GetAttributeValue(s, copy, read, 2), CKR_OK);
    CHECK(!memcmp(value, text, 60) && !memcmp(b, "api", 3));
    CHECK_RV(C_CopyObject(s, one, other, 1, &same), CKR_OK);
    CHECK_EQ(count_of(other, 1), 1);
    CHECK_RV(C_SetAttributeValue(s, copy, other, 1), CKR_OK);
    CHECK_EQ(count_of(other, 1), 2);
    CHECK_EQ(count_of(t, 4), 1);
    CHECK_RV(C_SetAttributeValue(s, copy, two, 2), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(count_of(two, 1), 0);                                  // all of a template, or nothing
    CHECK_RV(C_SetAttributeValue(s, copy, gone, 1), CKR_OK);
    CHECK_RV(C_GetObjectSize(s, one, &size), CKR_OK);
    CHECK(size >= 60 + 7 + 3 && size < 400);
    CHECK_RV(C_GetAttributeValue(s, one, unique, 1), CKR_OK);
    CHECK_EQ(count_of(unique, 1), 1);
    CHECK_RV(C_DestroyObject(s, one), CKR_OK);
    CHECK_RV(C_DestroyObject(s, copy), CKR_OK);
    CHECK_RV(C_DestroyObject(s, same), CKR_OK);
    CHECK_EQ(count_of(t, 4) + count_of(other, 1), 0);
}

// The card's public key and certificate as session objects: they verify, and are found by what the
// certificate says.
TEST(public_keys_and_certificates_come_from_outside)
{
    CK_BYTE modulus[512], exponent[8], point[140], der[3000], subject[512], serial[64], mac[64];
    CK_ATTRIBUTE numbers[] = { { CKA_MODULUS, modulus, 512 },
                               { CKA_PUBLIC_EXPONENT, exponent, 8 } };
    CK_ATTRIBUTE curve[] = { { CKA_EC_POINT, point, 140 } }, whole[] = { { CKA_VALUE, der, 3000 } };
    CK_ATTRIBUTE names[] = { { CKA_SUBJECT, subject, 512 }, { CKA_SERIAL_NUMBER, serial, 64 } };
    CK_ULONG len = sizeof sig;
    CK_OBJECT_HANDLE key, ec_public, raw;
    CHECK_RV(C_GetAttributeValue(s, rsa_public, numbers, 2), CKR_OK);
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_public), AT(CKA_KEY_TYPE, type_rsa), numbers[0],
                         numbers[1], AT(CKA_ENCRYPT, no) };
    CHECK_RV(C_CreateObject(s, t, 5, &key), CKR_OK);
    CHECK_RV(C_SignInit(s, &sign_rsa, rsa), CKR_OK);
    CHECK_RV(C_Sign(s, text, 40, sig, &len), CKR_OK);
    CHECK_RV(C_VerifyInit(s, &sign_rsa, key), CKR_OK);
    CHECK_RV(C_Verify(s, text, 40, sig, len), CKR_OK);
    CHECK_RV(C_EncryptInit(s, &rsa_pkcs, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ec_public = half_of(ec, CKO_PUBLIC_KEY);
    CHECK_RV(C_GetAttributeValue(s, ec_public, curve, 1), CKR_OK);
    CHECK_EQ(curve->ulValueLen, 67);
    CK_ATTRIBUTE e[] = { AT(CKA_CLASS, class_public), AT(CKA_KEY_TYPE, type_ec),
                         AT(CKA_EC_PARAMS, p256_oid), curve[0] };
    len = sizeof mac;
    CHECK_RV(C_SignInit(s, &ecdsa, ec), CKR_OK);
    CHECK_RV(C_Sign(s, text, 32, mac, &len), CKR_OK);
    for (int form = 0; form < 2; form++) {              // an OCTET STRING, and raw
        if (form) e[3].pValue = point + 2, e[3].ulValueLen = 65;
        CHECK_RV(C_CreateObject(s, e, 4, &raw), CKR_OK);
        CHECK_RV(C_VerifyInit(s, &ecdsa, raw), CKR_OK);
        CHECK_RV(C_Verify(s, text, 32, mac, len), CKR_OK);
        CHECK_RV(C_DestroyObject(s, raw), CKR_OK);
    }
    CHECK_RV(C_GetAttributeValue(s, certificate, whole, 1), CKR_OK);
    CK_ATTRIBUTE c[] = { AT(CKA_CLASS, class_certificate), AT(CKA_CERTIFICATE_TYPE, x509),
                         whole[0] };
    CHECK_RV(C_GetAttributeValue(s, certificate, names, 2), CKR_OK);
    CK_ULONG before = count_of(names, 2);
    CHECK_RV(C_CreateObject(s, c, 3, &made), CKR_OK);
    CHECK_EQ(count_of(names, 2), before + 1);
    CHECK_RV(C_DestroyObject(s, made), CKR_OK);
    CHECK_RV(C_DestroyObject(s, key), CKR_OK);
}

// CKA_CHECK_VALUE of secret keys: AES(0) of FIPS 197's key by openssl, SHA-1("abc") of FIPS 180's example. Sensitive
// keys show it, too.
TEST(check_values_of_secret_keys)
{
    CK_KEY_TYPE type = CKK_AES;
    CK_BYTE check[3], wrong[3] = { 0xc6, 0xa1, 0x3c };
    CK_BYTE key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type), { CKA_VALUE, key, 16 },
                         { CKA_SENSITIVE, &yes, 1 }, { CKA_CHECK_VALUE, "\xc6\xa1\x3b", 3 } };
    CK_ATTRIBUTE read = { CKA_CHECK_VALUE, check, 3 };
    CK_OBJECT_HANDLE o, copy;
    for (int given = 0; given < 2; given++) {
        CHECK_RV(C_CreateObject(s, t, 4 + (CK_ULONG)given, &o), CKR_OK);
        CHECK_RV(C_GetAttributeValue(s, o, &read, 1), CKR_OK);
        CHECK(read.ulValueLen == 3 && !memcmp(check, "\xc6\xa1\x3b", 3));
    }
    CHECK_EQ(count_of(&t[4], 1), 2);
    CHECK_RV(C_CopyObject(s, o, NULL, 0, &copy), CKR_OK);
    CHECK_EQ(count_of(&t[4], 1), 3);
    t[4].pValue = wrong;
    CHECK_RV(C_CreateObject(s, t, 5, &o), CKR_ATTRIBUTE_VALUE_INVALID);
    t[4].ulValueLen = 2;
    CHECK_RV(C_CreateObject(s, t, 5, &o), CKR_ATTRIBUTE_VALUE_INVALID);
    t[4].ulValueLen = 0;
    CHECK_RV(C_CreateObject(s, t, 5, &o), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, o, &read, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    t[2] = (CK_ATTRIBUTE){ CKA_VALUE, "abc", 3 };
    type = CKK_GENERIC_SECRET;
    read.ulValueLen = 3;
    CHECK_RV(C_CreateObject(s, t, 4, &o), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, o, &read, 1), CKR_OK);
    CHECK(read.ulValueLen == 3 && !memcmp(check, "\xa9\x99\x3e", 3));
    type = CKK_SHA256_HMAC;
    CHECK_RV(C_CreateObject(s, t, 4, &o), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, o, &read, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}

// A secret key is hidden for good once it is sensitive or stays; a private one goes with the login.
TEST(secrets_stay_and_private_ones_follow_the_login)
{
    CK_BYTE value[64];
    CK_ATTRIBUTE hide[] = { AT(CKA_SENSITIVE, yes) }, read[] = { { CKA_VALUE, value, 64 } };
    CK_ATTRIBUTE label[] = { { CKA_LABEL, "mine", 4 } };
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_generic),
                         { CKA_VALUE, text, 20 }, AT(CKA_PRIVATE, yes), { CKA_LABEL, "mine", 4 } };
    CK_OBJECT_HANDLE key = secret_of(CKK_GENERIC_SECRET, "0102030405");
    CHECK_RV(C_GetAttributeValue(s, key, read, 1), CKR_OK);
    CHECK_RV(C_SetAttributeValue(s, key, hide, 1), CKR_OK);
    read->ulValueLen = 64;
    CHECK_RV(C_GetAttributeValue(s, key, read, 1), CKR_ATTRIBUTE_SENSITIVE);
    hide->pValue = &no;
    CHECK_RV(C_SetAttributeValue(s, key, hide, 1), CKR_ATTRIBUTE_READ_ONLY);
    read->ulValueLen = 5;
    memcpy(value, "\1\2\3\4\5", 5);
    CHECK_EQ(count_of(read, 1), 0);                     // nor is it found by its value
    CHECK_RV(C_CreateObject(s, t, 5, &made), CKR_OK);
    CHECK_EQ(count_of(label, 1), 1);
    CHECK_RV(C_Logout(s), CKR_OK);
    CHECK_EQ(count_of(label, 1), 0);
    CHECK_RV(C_GetAttributeValue(s, made, label, 1), CKR_OBJECT_HANDLE_INVALID);
    CHECK_RV(C_CreateObject(s, t, 5, &made), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Login(s, CKU_USER, PIN, 6), CKR_OK);
    CHECK_EQ(count_of(label, 1), 0);                    // gone with the login it was made in
    CHECK_RV(C_DestroyObject(s, key), CKR_OK);
}

// A session object can be used by all sessions, and goes with its own.
TEST(objects_go_with_their_session)
{
    CK_SESSION_HANDLE other;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_generic),
                         { CKA_VALUE, text, 20 } };
    CK_ULONG len = 32;
    CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
    CHECK_RV(C_CreateObject(other, t, 3, &key), CKR_OK);            // also in a read-only session
    CHECK_RV(C_SignInit(s, &hmac, key), CKR_OK);
    CHECK_RV(C_SignUpdate(s, text, 9), CKR_OK);
    CHECK_RV(C_CloseSession(other), CKR_OK);
    CHECK_RV(C_SignFinal(s, sig, &len), CKR_KEY_HANDLE_INVALID);    // its key went in the middle
    CHECK_RV(C_SignInit(s, &hmac, key), CKR_KEY_HANDLE_INVALID);
}

// What comes and goes takes no more memory than the first time.
TEST(objects_that_come_and_go_leave_nothing)
{
    struct scard11_counters first, last;
    CK_BYTE out[600], modulus[512], exponent[8];
    CK_ATTRIBUTE numbers[] = { { CKA_MODULUS, modulus, 512 },
                               { CKA_PUBLIC_EXPONENT, exponent, 8 } };
    CHECK_RV(C_GetAttributeValue(s, rsa_public, numbers, 2), CKR_OK);
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_public), AT(CKA_KEY_TYPE, type_rsa), numbers[0],
                         numbers[1] };
    for (int i = 0; i < 3000; i++) {
        CK_OBJECT_HANDLE key, copy, public;
        CK_ULONG len = sizeof out;
        CK_MECHANISM m = mechanism_of(CKM_AES_GCM);
        CHECK_RV(C_GenerateKey(s, &aes_keygen, len_32, 1, &key), CKR_OK);
        CHECK_RV(C_CopyObject(s, key, NULL, 0, &copy), CKR_OK);
        CHECK_RV(C_CreateObject(s, t, 4, &public), CKR_OK);
        CHECK_RV(C_EncryptInit(s, &m, copy), CKR_OK);
        if (i % 2) CHECK_RV(C_Encrypt(s, text, 60, out, &len), CKR_OK);
        else       CHECK_RV(C_SessionCancel(s, CKF_ENCRYPT), CKR_OK);
        CHECK_RV(C_DestroyObject(s, key), CKR_OK);
        CHECK_RV(C_DestroyObject(s, copy), CKR_OK);
        CHECK_RV(C_DestroyObject(s, public), CKR_OK);
        if (i == 10) CHECK_RV(scard11_stats(slot, &first), CKR_OK);
    }
    CHECK_RV(scard11_stats(slot, &last), CKR_OK);
    CHECK_EQ(last.card_memory, first.card_memory);
}

// How many session objects there are.
static CK_ULONG session_objects(void)
{
    CK_ATTRIBUTE t[] = { AT(CKA_TOKEN, no) };
    CK_ULONG count = 0;
    return scene_count(s, t, 1, &count) ? (CK_ULONG)-1 : count;
}

// What turns out wrong while an object is made leaves none behind.
TEST(objects_that_cannot_be_made_leave_nothing)
{
    static CK_BYTE der[4000], subject[] = { 0x30, 0x00 };
    CK_ATTRIBUTE value[] = { { CKA_VALUE, der, sizeof der } };
    CK_BYTE check[3] = { 1, 2, 3 };
    CK_ULONG before = session_objects();
    struct scard11_counters first, last;
    CHECK(before != (CK_ULONG)-1);
    CHECK_RV(C_GetAttributeValue(s, certificate, value, 1), CKR_OK);
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_certificate), AT(CKA_CERTIFICATE_TYPE, x509), value[0],
                         { CKA_SUBJECT, subject, sizeof subject } };
    CK_ATTRIBUTE key[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_aes),
                           { CKA_VALUE, text, 16 }, { CKA_CHECK_VALUE, check, 3 } };
    for (int i = 0; i < 200; i++) {
        CHECK_RV(C_CreateObject(s, t, 4, &made), CKR_TEMPLATE_INCONSISTENT);
        CHECK_RV(C_CreateObject(s, key, 4, &made), CKR_ATTRIBUTE_VALUE_INVALID);
        if (!i) CHECK_RV(scard11_stats(slot, &first), CKR_OK);
    }
    CHECK_RV(scard11_stats(slot, &last), CKR_OK);
    CHECK_EQ(last.card_memory, first.card_memory);
    CHECK_EQ(session_objects(), before);
    CHECK_RV(C_CreateObject(s, t, 3, &made), CKR_OK);
    CHECK_EQ(session_objects(), before + 1);
    CHECK_RV(C_DestroyObject(s, made), CKR_OK);
}

// A key that is shorter than C_GetMechanismInfo says is not used.
TEST(short_rsa_keys_are_not_used)
{
    CK_BYTE modulus[128], exponent[] = { 1, 0, 1 };
    CK_MECHANISM_INFO info;
    CHECK_RV(C_GetMechanismInfo(slot, CKM_RSA_PKCS, &info), CKR_OK);
    CHECK_EQ(info.ulMinKeySize, 1024);
    memset(modulus, 0xa5, sizeof modulus);
    for (CK_ULONG n_bytes = 64; n_bytes <= 128; n_bytes += 8) {
        CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_public), AT(CKA_KEY_TYPE, type_rsa),
                             { CKA_MODULUS, modulus, n_bytes }, AT(CKA_PUBLIC_EXPONENT, exponent) };
        CK_RV want = n_bytes < 128 ? CKR_KEY_SIZE_RANGE : CKR_OK;
        CHECK_RV(C_CreateObject(s, t, 4, &made), CKR_OK);
        CHECK_RV(C_VerifyInit(s, &sign_rsa, made), want);
        CHECK_RV(C_VerifyRecoverInit(s, &rsa_pkcs, made), want);
        CHECK_RV(C_EncryptInit(s, &rsa_pkcs, made), want);
        C_SessionCancel(s, CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_ENCRYPT);
        n = sizeof sig;
        CHECK_RV(C_WrapKey(s, &rsa_pkcs, made, generic, sig, &n),
                 want ? CKR_WRAPPING_KEY_SIZE_RANGE : CKR_OK);
        CHECK_RV(C_DestroyObject(s, made), CKR_OK);
    }
}

// ECDH with the card's key, and what clients do with the secret then.
TEST(a_secret_from_ecdh_is_used_on_the_host)
{
    CK_BYTE point[140], out[64], back[64], value[64];
    CK_ATTRIBUTE curve[] = { { CKA_EC_POINT, point, 140 } }, read[] = { { CKA_VALUE, value, 64 } };
    CK_ECDH1_DERIVE_PARAMS p = { CKD_SHA256_KDF, 0, NULL, 65, point + 2 };
    CK_MECHANISM dh = { CKM_ECDH1_DERIVE, &p, sizeof p }, m = mechanism_of(CKM_AES_GCM);
    CK_ATTRIBUTE t[] = { AT(CKA_KEY_TYPE, type_aes), AT(CKA_VALUE_LEN, len16),
                         AT(CKA_SENSITIVE, yes), AT(CKA_EXTRACTABLE, no) };
    CK_OBJECT_HANDLE base = key_for(CKM_ECDH1_DERIVE, CKO_PRIVATE_KEY), key;
    CK_ULONG len = 64, back_len = 64;
    if (!base) return;                                  // not on this card
    CHECK_RV(C_GetAttributeValue(s, half_of(base, CKO_PUBLIC_KEY), curve, 1), CKR_OK);
    CHECK_RV(C_DeriveKey(s, &dh, base, t, 4, &key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, key, read, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_RV(C_EncryptInit(s, &m, key), CKR_OK);
    CHECK_RV(C_Encrypt(s, text, 32, out, &len), CKR_OK);
    CHECK_RV(C_DecryptInit(s, &m, key), CKR_OK);
    CHECK_RV(C_Decrypt(s, out, len, back, &back_len), CKR_OK);
    CHECK(back_len == 32 && !memcmp(back, text, 32));
    CHECK_RV(C_DestroyObject(s, key), CKR_OK);
}

// A key that is made for some mechanisms does no other.
TEST(allowed_mechanisms_are_all)
{
    CK_MECHANISM_TYPE only[] = { CKM_AES_CBC_PAD };
    CK_ATTRIBUTE t[] = { AT(CKA_VALUE_LEN, len32), AT(CKA_ALLOWED_MECHANISMS, only) };
    CHECK_RV(C_GenerateKey(s, &aes_keygen, t, 2, &made), CKR_OK);
    CHECK_RV(C_EncryptInit(s, &aes_ecb, made), CKR_MECHANISM_INVALID);
    CHECK_RV(C_EncryptInit(s, &aes_cbc_pad, made), CKR_OK);
    CHECK_RV(C_SessionCancel(s, CKF_ENCRYPT), CKR_OK);
    CHECK_RV(C_DestroyObject(s, made), CKR_OK);
}

#endif
