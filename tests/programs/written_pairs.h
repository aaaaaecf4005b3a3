// written_pairs.h: for written.c. What Google's pkcs11test does with key pairs
// (github.com/google/pkcs11test: key.cc, keypair.cc, sign.cc), in our words. There a pair is one of
// a session, of RSA-1024, made without a login. No card has such: as they stand, these cases are
// refused, and nothing is sent. Here they are of a pair on the card, made by who may, of the least
// size from 1024 bits on that the card makes. SPDX-License-Identifier: 0BSD
#ifndef WRITTEN_PAIRS_H
#define WRITTEN_PAIRS_H

static CK_MECHANISM pairs_make = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
static CK_MECHANISM pairs_rsa = { CKM_RSA_PKCS, NULL, 0 };
static CK_ULONG pairs_bits;

// Its first key signs, and no more; and it may want to see which of the newer hashes it signs.
static bool pairs_open_pgp(void) { return !strcmp(kind->name, "OpenPGP"); }

static CK_RV pairs_generate(CK_MECHANISM *m, CK_BBOOL on_card, CK_BYTE id, bool exponent_of_four)
{
    static CK_BYTE exponent[] = { 0, 1, 0, 1 };
    CK_ATTRIBUTE public[] = { { CKA_ENCRYPT, &yes, 1 }, { CKA_VERIFY, &yes, 1 },
        { CKA_MODULUS_BITS, &pairs_bits, sizeof pairs_bits },
        { CKA_PUBLIC_EXPONENT, exponent + !exponent_of_four, 3u + exponent_of_four },
        { CKA_TOKEN, &on_card, 1 }, { CKA_ID, &id, 1 } };
    CK_ATTRIBUTE private[] = { { CKA_SENSITIVE, &yes, 1 }, { CKA_SIGN, &yes, 1 },
        { CKA_TOKEN, &on_card, 1 }, { CKA_ID, &id, 1 }, { CKA_DECRYPT, &yes, 1 } };
    public_key = private_key = 0;
    return C_GenerateKeyPair(session, m, public, 6, private, pairs_open_pgp() ? 4 : 5, &public_key,
                             &private_key);
}

// GenerateKeyPairInvalid; and the session's pair of the others.
static void pairs_refused(CK_BYTE id)
{
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE one, other;
    CK_SESSION_HANDLE read_only, open = session;
    unsigned apdus = scene_card->apdus;
    CHECK_RV(pairs_generate(&pairs_make, CK_FALSE, id, false), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(pairs_generate(NULL, CK_TRUE, id, false), CKR_ARGUMENTS_BAD);
    session = open + 77;
    CHECK_RV(pairs_generate(&pairs_make, CK_TRUE, id, false), CKR_SESSION_HANDLE_INVALID);
    session = open;
    CHECK_RV(C_GenerateKeyPair(session, &pairs_make, NULL, 4, a, 1, &one, &other),
             CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GenerateKeyPair(session, &pairs_make, a, 1, NULL, 2, &one, &other),
             CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GenerateKeyPair(session, &pairs_make, a, 1, a, 1, NULL, &other), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GenerateKeyPair(session, &pairs_make, a, 1, a, 1, &one, NULL), CKR_ARGUMENTS_BAD);
    if (!kind->so) {                            // beside an SO's login there is no such session
        CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &read_only), CKR_OK);
        session = read_only;
        CHECK_RV(pairs_generate(&pairs_make, CK_TRUE, id, false), CKR_SESSION_READ_ONLY);
        session = open;
        CHECK_RV(C_CloseSession(read_only), CKR_OK);
    }
    CHECK_EQ(scene_card->apdus, apdus);
    CHECK(!count(CKO_PUBLIC_KEY) && !count(CKO_PRIVATE_KEY));
}

// ExtractKeys.
static void pairs_extract(void)
{
    static const CK_ATTRIBUTE_TYPE secret[] = { CKA_PRIME_1, CKA_PRIME_2, CKA_PRIVATE_EXPONENT };
    CK_BYTE modulus[512], exponent[16];
    CK_ATTRIBUTE get[] = { { CKA_MODULUS, modulus, sizeof modulus },
                           { CKA_PUBLIC_EXPONENT, exponent, sizeof exponent } };
    CHECK_RV(C_GetAttributeValue(session, public_key, get, 2), CKR_OK);
    CHECK_EQ(get[0].ulValueLen, pairs_bits / 8);
    CHECK(get[1].ulValueLen == 3 && !memcmp(exponent, "\1\0\1", 3));
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        CK_ATTRIBUTE a = { secret[i], modulus, sizeof modulus };
        CHECK_RV(C_GetAttributeValue(session, private_key, &a, 1), CKR_ATTRIBUTE_SENSITIVE);
    }
}

// EncryptDecrypt.
static void pairs_encrypt(void)
{
    CK_BYTE plain[] = "0123456789", cipher[1024], again[1024];
    CK_ULONG n = sizeof cipher, again_n = 10;
    CHECK_EQ(is_true(private_key, CKA_DECRYPT), !pairs_open_pgp());
    if (pairs_open_pgp()) return;
    CHECK_RV(C_EncryptInit(session, &pairs_rsa, public_key), CKR_OK);
    CHECK_RV(C_Encrypt(session, plain, 10, cipher, &n), CKR_OK);
    CHECK_EQ(n, pairs_bits / 8);
    CHECK_RV(C_DecryptInit(session, &pairs_rsa, private_key), CKR_OK);
    CHECK_RV(C_Decrypt(session, cipher, n, again, &again_n), CKR_OK);
    CHECK(again_n == 10 && !memcmp(plain, again, 10));
}

static CK_RV pairs_verify(CK_MECHANISM *m, CK_BYTE *sig, CK_ULONG n)
{
    CK_RV rv = C_VerifyInit(session, m, public_key);
    return rv ? rv : C_Verify(session, text, sizeof text, sig, n);
}

// SignVerify, SignFailVerifyWrong, SignFailVerifyShort.
static void pairs_sign(CK_MECHANISM_TYPE type)
{
    CK_MECHANISM m = { type, NULL, 0 };
    CK_ULONG n = sizeof out;
    CHECK_RV(C_SignInit(session, &m, private_key), CKR_OK);
    CK_RV rv = C_Sign(session, text, sizeof text, out, &n);
    if (pairs_open_pgp() && rv == CKR_DATA_INVALID && type < CKM_SHA256_RSA_PKCS) return;
    CHECK_RV(rv, CKR_OK);
    CHECK_RV(pairs_verify(&m, out, n), CKR_OK);
    CHECK_RV(pairs_verify(&m, out, 4), CKR_SIGNATURE_LEN_RANGE);
    out[n - 1] ^= 1;
    CHECK_RV(pairs_verify(&m, out, n), CKR_SIGNATURE_INVALID);
}

// SignVerifyRecover.
static void pairs_recover(void)
{
    CK_BYTE data[64], again[512];
    CK_ULONG n = sizeof out, again_n = sizeof again;
    memset(data, 0x5a, sizeof data);
    CHECK_RV(C_SignRecoverInit(session, &pairs_rsa, private_key), CKR_OK);
    CK_RV rv = C_SignRecover(session, data, sizeof data, out, &n);
    if (rv == CKR_DATA_INVALID && pairs_open_pgp()) return;
    CHECK_RV(rv, CKR_OK);
    CHECK_RV(C_VerifyRecoverInit(session, &pairs_rsa, public_key), CKR_OK);
    CHECK_RV(C_VerifyRecover(session, out, n, again, &again_n), CKR_OK);
    CHECK(again_n == sizeof data && !memcmp(data, again, sizeof data));
}

// As the fixture ends there: both halves are destroyed.
static void pairs_destroy(CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE public)
{
    CK_RV rv = kind->deletes_keys ? CKR_OK : CKR_ACTION_PROHIBITED;
    CHECK_RV(change_login(writer_in), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id_of(public), &private), CKR_OK);
    CHECK_RV(C_DestroyObject(session, private), rv);
    CHECK_RV(C_DestroyObject(session, public), rv);
    if (kind->deletes_keys) CHECK(!count(CKO_PUBLIC_KEY) && !count(CKO_PRIVATE_KEY));
}

static void make_pairs(void)
{
    static const CK_MECHANISM_TYPE signs_by[] = { CKM_RSA_PKCS, CKM_SHA1_RSA_PKCS,
        CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS };
    CK_MECHANISM_INFO info;
    bool piv = kind->wrong == sim_piv_wrong_answers;
    CK_BYTE id = kind->ids[piv ? 2 : 0];        // not in 9A, whose keys sign alone
    if (!kind->makes) return;
    begin();
    if (test_failing) return;
    CHECK_RV(C_GetMechanismInfo(scene_slot, CKM_RSA_PKCS_KEY_PAIR_GEN, &info), CKR_OK);
    pairs_bits = info.ulMinKeySize < 1024 ? 1024 : info.ulMinKeySize;
    pairs_refused(id);
    if (test_failing) return;
    CHECK_RV(pairs_generate(&pairs_make, CK_TRUE, id, true), CKR_OK);
    CHECK_RV(change_login(user_in), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &private_key), CKR_OK);
    pairs_extract();
    if (!test_failing) pairs_encrypt();
    for (size_t i = 0; i < sizeof signs_by / sizeof *signs_by && !test_failing; i++)
        pairs_sign(signs_by[i]);
    if (!test_failing) pairs_recover();
    if (!test_failing) pairs_destroy(private_key, public_key);
    end();
}

TEST(written_pairs_do_what_google_s_pkcs11test_asks_of_them) { each_kind(make_pairs); }

#endif
