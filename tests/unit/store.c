// store.c: >>store, what templates say of new objects; whole cards are write.c's.
// SPDX-License-Identifier: 0BSD
#if SIM_OPENSSL
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#endif

TEST(store_curves_by_oid_and_by_name)
{
    static const u8 p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CHECK(store_curve(bytes_of(p256, sizeof p256)) == alg_curve_named("P-256"));
    CHECK(store_curve(bytes_text("\x13\x0c" "edwards25519")) == alg_curve_named("Ed25519"));
    CHECK(store_curve(bytes_text("\x13\x0a" "curve25519")) == alg_curve_named("X25519"));
    CHECK(!store_curve(bytes_text("\x13\x0a" "curve25518")));
    CHECK(store_curve(bytes_text("\x13\x0b" "curve25519")) == alg_curve_named("X25519"));
    CHECK(store_curve(bytes_text("\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01")) ==
          alg_curve_named("Ed25519"));
    CHECK(store_curve(bytes_text("\x06\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01")) ==
          alg_curve_named("X25519"));
    CHECK(!store_curve(bytes_text("\x13\x0a")) && !store_curve(bytes_text("\x06\x09\x2b")));
    CHECK(!store_curve(bytes_of(p256, sizeof p256 - 1)) && !store_curve(BYTES_NONE));
}

TEST(store_rsa_exponents)
{
    static const struct { u8 exponent[4]; u8 n; st want; } some[] = {
        { { 1, 0, 1 }, 3, ST_OK }, { { 0, 1, 0, 1 }, 4, ST_OK }, { { 3 }, 1, ST_ATTR_VALUE },
        { { 0 }, 0, ST_ATTR_VALUE }, { { 1, 0, 3 }, 3, ST_ATTR_VALUE },
    };
    CK_ULONG bits = 2048;
    for (size_t i = 0; i < COUNT(some); i++) {
        const CK_ATTRIBUTE t[] = { { CKA_MODULUS_BITS, &bits, sizeof bits },
            { CKA_PUBLIC_EXPONENT, (void *)(uintptr_t)some[i].exponent, some[i].n } };
        struct alg_key key = { .type = ALG_RSA };
        CHECK_ST(store_rsa(t, 2, &key), some[i].want);
        CHECK_EQ(key.bits, 2048);
        CHECK_ST(store_rsa(t + 1, 1, &key), ST_TEMPLATE_LESS);
    }
}

// What both halves' templates give must be the same; what one gives is enough.
TEST(store_halves_agree)
{
    u8 one = 1, two = 2;
    const CK_ATTRIBUTE a[] = { { CKA_ID, &one, 1 } }, b[] = { { CKA_ID, &two, 1 } };
    bytes value;
    const struct store_pair first = { a, NULL, 1, 0 }, second = { NULL, b, 0, 1 },
        same = { a, a, 1, 1 }, mixed = { a, b, 1, 1 }, none = { NULL, NULL, 0, 0 };
    CHECK(!store_shared(&first, CKA_ID, &value) && bytes_equal(value, BYTES(1)));
    CHECK(!store_shared(&second, CKA_ID, &value) && bytes_equal(value, BYTES(2)));
    CHECK(!store_shared(&same, CKA_ID, &value) && bytes_equal(value, BYTES(1)));
    CHECK(!store_shared(&none, CKA_ID, &value) && !value.n);
    CHECK_ST(store_shared(&mixed, CKA_ID, &value), ST_TEMPLATE_MIXED);
}

// Each kind of card has one whose login lets it be written.
TEST(store_asks_for_the_right_login)
{
    static const struct writer by_user = { .by = ROLE_USER }, by_admin = { .by = ROLE_ADMIN };
    static const struct driver of_user = { .name = "", .writer = &by_user },
        of_admin = { .name = "", .writer = &by_admin }, of_none = { .name = "" };
    struct token token = { .driver = &of_none };
    struct session session = { .token = &token };
    CHECK_ST(store_may(&session), ST_SESSION_RO);
    session.flags = CKF_RW_SESSION;
    CHECK_ST(store_may(&session), ST_TOKEN_RO);
    for (int login = 0; login < 8; login++) {
        token.login = login & 1;
        token.so = login & 2;
        token.admin = login & 4;
        token.driver = &of_user;
        CHECK_ST(store_may(&session), token.login ? ST_OK : ST_NOT_LOGGED_IN);
        token.driver = &of_admin;
        CHECK_ST(store_may(&session), token.admin ? ST_OK : ST_NOT_LOGGED_IN);
    }
}

// ---- Keys that a card is given: OpenSSL makes them ----

#if SIM_OPENSSL
enum { STORE_N, STORE_E, STORE_D, STORE_P, STORE_Q, STORE_DP, STORE_DQ, STORE_QINV, STORE_NUMBERS };

// A template with all numbers of an RSA key of OpenSSL, each with a leading zero, as some give them.
static CK_ULONG store_rsa_template(EVP_PKEY *key, u8 room[STORE_NUMBERS][257], CK_ATTRIBUTE *t)
{
    static const char *const names[] = { "n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1",
                                         "rsa-exponent2", "rsa-coefficient1" };
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS, CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
        CKA_COEFFICIENT };
    static CK_KEY_TYPE type = CKK_RSA;
    for (int i = 0; i < STORE_NUMBERS; i++) {
        BIGNUM *number = NULL;
        if (!EVP_PKEY_get_bn_param(key, names[i], &number)) return 0;
        room[i][0] = 0;
        int n = BN_bn2bin(number, room[i] + 1);
        t[i] = (CK_ATTRIBUTE){ types[i], room[i], (CK_ULONG)n + 1 };
        BN_free(number);
    }
    t[STORE_NUMBERS] = (CK_ATTRIBUTE){ CKA_KEY_TYPE, &type, sizeof type };
    return STORE_NUMBERS + 1;
}

static bool store_is_spki_of(const struct alg_key *key, EVP_PKEY *of)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(of, &der);
    bool same = bytes_equal(key->spki, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return same;
}

static u8 store_room[32768];
static st store_try(const CK_ATTRIBUTE *t, CK_ULONG n, struct alg_key *key,
                    struct draft_secret *secret)
{
    struct scratch scratch = scratch_on(store_room, sizeof store_room);
    return store_private_key(t, n, &scratch, key, secret);
}

// One number that is wrong or missing, and the key is not taken.
TEST(store_rsa_keys_are_whole)
{
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    u8 room[STORE_NUMBERS][257];
    CK_ATTRIBUTE t[STORE_NUMBERS + 1];
    struct alg_key key;
    struct draft_secret secret;
    CK_ULONG n = store_rsa_template(pkey, room, t);
    CHECK_ST(store_try(t, n, &key, &secret), ST_OK);
    CHECK(key.type == ALG_RSA && key.bits == 2048 && store_is_spki_of(&key, pkey));
    CHECK(bytes_equal(secret.qinv, bytes_trim(attr_bytes(&t[STORE_QINV]))));
    for (int i = 0; i < STORE_NUMBERS; i++) {
        CK_ATTRIBUTE kept = t[i];
        t[i].type = CKA_LABEL;
        CHECK_ST(store_try(t, n, &key, &secret), ST_TEMPLATE_LESS);
        t[i] = kept;
        u8 *last = &room[i][kept.ulValueLen - 1];
        *last ^= 2;
        CHECK_ST(store_try(t, n, &key, &secret), ST_ATTR_VALUE);
        *last ^= 2;
        t[i].ulValueLen = 0;
        CHECK_ST(store_try(t, n, &key, &secret), ST_ATTR_VALUE);
        t[i] = kept;
    }
    // An exponent that is right by one prime, and wrong by the other.
    CK_ATTRIBUTE right = t[STORE_D];
    for (int by = STORE_P; by <= STORE_Q; by++) {
        u8 other[257];
        BIGNUM *d = BN_bin2bn(room[STORE_D], (int)right.ulValueLen, NULL);
        BIGNUM *prime = BN_bin2bn(room[by], (int)t[by].ulValueLen, NULL);
        CHECK(BN_add(d, d, prime) && BN_sub_word(d, 1));
        t[STORE_D] = (CK_ATTRIBUTE){ right.type, other, (CK_ULONG)BN_bn2bin(d, other) };
        CHECK_ST(store_try(t, n, &key, &secret), ST_ATTR_VALUE);
        BN_free(d);
        BN_free(prime);
    }
    t[STORE_D] = right;
    // The primes change places: the numbers do not fit any more.
    t[STORE_P].pValue = room[STORE_Q];
    t[STORE_Q].pValue = room[STORE_P];
    CHECK_ST(store_try(t, n, &key, &secret), ST_ATTR_VALUE);
    EVP_PKEY_free(pkey);
}

TEST(store_keys_of_curves)
{
    static const char *const curves[] = { "P-256", "P-384", "P-521", "brainpoolP256r1", "secp256k1" };
    for (size_t i = 0; i < COUNT(curves); i++) {
        EVP_PKEY *pkey = EVP_EC_gen(curves[i]);
        BIGNUM *d = NULL;
        u8 value[66], order[66];
        struct alg_key key;
        struct draft_secret secret;
        CK_KEY_TYPE type = CKK_EC;
        bytes oid = alg_curve_oid(alg_curve_named(curves[i]));
        CHECK(EVP_PKEY_get_bn_param(pkey, "priv", &d));
        int n = BN_bn2bin(d, value);
        CK_ATTRIBUTE t[] = { { CKA_KEY_TYPE, &type, sizeof type },
                             { CKA_EC_PARAMS, (void *)(uintptr_t)oid.p, oid.n },
                             { CKA_VALUE, value, (CK_ULONG)n } };
        CHECK_ST(store_try(t, 3, &key, &secret), ST_OK);
        CHECK(store_is_spki_of(&key, pkey));
        CHECK_EQ(secret.value.n, key.curve->size);
        CHECK_ST(store_try(t, 2, &key, &secret), ST_TEMPLATE_LESS);
        memset(order, 0xff, sizeof order);              // no scalar of any curve
        t[2] = (CK_ATTRIBUTE){ CKA_VALUE, order, alg_curve_named(curves[i])->size };
        CHECK_ST(store_try(t, 3, &key, &secret), ST_ATTR_VALUE);
        memset(order, 0, sizeof order);
        CHECK_ST(store_try(t, 3, &key, &secret), ST_ATTR_VALUE);
        t[2].ulValueLen = 0;
        CHECK_ST(store_try(t, 3, &key, &secret), ST_ATTR_VALUE);
        type = CKK_EC_EDWARDS;
        CHECK_ST(store_try(t, 3, &key, &secret), ST_TEMPLATE_MIXED);
        BN_free(d);
        EVP_PKEY_free(pkey);
    }
}

// X25519's public half is worked out; Ed25519's is the card's to tell.
TEST(store_keys_of_bytes)
{
    static const struct { const char *curve; CK_KEY_TYPE type; bool known; } kinds[] = {
        { "X25519", CKK_EC_MONTGOMERY, true }, { "Ed25519", CKK_EC_EDWARDS, false },
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].curve);
        u8 value[33];
        size_t n = sizeof value;
        struct alg_key key;
        struct draft_secret secret;
        CK_KEY_TYPE type = kinds[i].type;
        bytes oid = alg_curve_oid(alg_curve_named(kinds[i].curve));
        CHECK(EVP_PKEY_get_raw_private_key(pkey, value, &n) && n == 32);
        CK_ATTRIBUTE t[] = { { CKA_KEY_TYPE, &type, sizeof type },
                             { CKA_EC_PARAMS, (void *)(uintptr_t)oid.p, oid.n },
                             { CKA_VALUE, value, 32 } };
        CHECK_ST(store_try(t, 3, &key, &secret), ST_OK);
        CHECK(kinds[i].known ? store_is_spki_of(&key, pkey) : !key.spki.n);
        for (CK_ULONG wrong = 31; wrong <= 33; wrong += 2) {
            t[2].ulValueLen = wrong;
            CHECK_ST(store_try(t, 3, &key, &secret), ST_ATTR_VALUE);
        }
        EVP_PKEY_free(pkey);
    }
}
#endif

static void test_store(void)
{
#if SIM_OPENSSL
    RUN(store_rsa_keys_are_whole);
    RUN(store_keys_of_curves);
    RUN(store_keys_of_bytes);
#endif
    RUN(store_curves_by_oid_and_by_name);
    RUN(store_rsa_exponents);
    RUN(store_halves_agree);
    RUN(store_asks_for_the_right_login);
}
