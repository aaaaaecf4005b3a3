// cipher.c: >>cipher. Signatures are mbedTLS's private keys', PSA's or openssl's.
// SPDX-License-Identifier: 0BSD
#include "scripted_card.h"

// "scard11", signed by openssl: key rsa1024 with PSS, SHA-256, MGF1 with SHA-1, a salt of 20 bytes
// (a mix that mbedTLS does not know); x509_p521's key with ECDSA and SHA-512, in DER.
static const u8 cipher_pss_mixed[] = {
    0x49, 0x65, 0x02, 0xfd, 0xd6, 0xdf, 0xd0, 0x01, 0x19, 0xad, 0x2e, 0x70, 0xc6, 0xe9, 0xb3, 0x06,
    0x73, 0xda, 0x53, 0x7f, 0x6a, 0x04, 0x86, 0xd2, 0x55, 0xfc, 0x06, 0x33, 0xf7, 0x5d, 0x46, 0xc3,
    0x05, 0x6e, 0xc7, 0x9c, 0xea, 0x46, 0x9f, 0x80, 0xbd, 0xd7, 0x7a, 0xf8, 0x43, 0x4a, 0x26, 0x23,
    0x0e, 0xb0, 0xac, 0xe9, 0x5a, 0x27, 0x65, 0x51, 0x6b, 0x45, 0xc6, 0x6d, 0x31, 0x09, 0xf8, 0xa4,
    0xda, 0x28, 0xe0, 0x01, 0xa3, 0x8a, 0x37, 0x70, 0x1c, 0x22, 0x62, 0x6d, 0x09, 0xc9, 0xd0, 0xf4,
    0x1a, 0x82, 0xff, 0x0b, 0xad, 0x27, 0x05, 0x2c, 0x02, 0x57, 0xf6, 0xa3, 0x03, 0xae, 0xae, 0xfc,
    0x9f, 0x4f, 0xb5, 0xc1, 0xd2, 0x51, 0x34, 0xa2, 0xf8, 0xff, 0xb6, 0xe6, 0xc2, 0x0d, 0x23, 0x93,
    0x69, 0xf7, 0x9c, 0x21, 0x75, 0x92, 0xce, 0x15, 0x91, 0x8b, 0x19, 0x2b, 0x7f, 0xe9, 0x73, 0xa1,
};
static const u8 cipher_ecdsa_p521[] = {
    0x30, 0x81, 0x88, 0x02, 0x42, 0x01, 0xf0, 0x61, 0xf9, 0x2b, 0x97, 0x8b, 0xaa, 0x08, 0xa2, 0xe9,
    0x68, 0x2e, 0x89, 0x8f, 0x91, 0x0a, 0x99, 0x58, 0xc8, 0xdc, 0xbd, 0x10, 0xbd, 0x14, 0xb4, 0x5a,
    0x3e, 0x51, 0x89, 0x7c, 0xce, 0x37, 0xfd, 0xc4, 0xed, 0x73, 0x6c, 0x51, 0x6e, 0xca, 0x96, 0xa3,
    0xe6, 0x5f, 0x38, 0x4b, 0x5e, 0x7e, 0x7c, 0xca, 0xcb, 0x19, 0x8d, 0x00, 0x57, 0x57, 0x50, 0xdb,
    0x25, 0x85, 0x13, 0xc4, 0x59, 0x07, 0x9a, 0x02, 0x42, 0x01, 0x0e, 0xcb, 0x94, 0x92, 0x9e, 0x38,
    0x0d, 0x39, 0x4c, 0x6b, 0xb6, 0x63, 0x51, 0xd5, 0x6b, 0x93, 0xbc, 0x8a, 0xe5, 0x64, 0xf7, 0x3e,
    0xa4, 0x32, 0x58, 0x2b, 0xcd, 0xc6, 0x80, 0xe0, 0x48, 0xb6, 0x8d, 0xbb, 0x81, 0x2e, 0x54, 0x98,
    0x23, 0xf9, 0x18, 0xe1, 0x69, 0xfd, 0x2a, 0x98, 0x83, 0xb6, 0xdc, 0x7e, 0x8f, 0x82, 0x5a, 0x9e,
    0x1b, 0xc4, 0x6a, 0x62, 0x47, 0xab, 0xae, 0x06, 0x1f, 0x8e, 0xcf,
};

static bool cipher_key(bytes certificate, struct alg_key *k)
{
    struct x509 x;
    return !cipher_start() && !x509_parse(certificate, &x) && !alg_parse_spki(x.spki, k);
}

static int cipher_sign(mbedtls_rsa_context *rsa, const struct alg_hash *h, const u8 *digest,
                       u8 *signature)
{
    return mbedtls_rsa_pkcs1_sign(rsa, padding_rng, NULL, padding_md(h), (unsigned)h->size, digest,
                                  signature);
}

// A good signature, and what is wrong with it in turn. A block that was made by PSS is compared, or
// else it is what it was made from that counts.
static void cipher_verify_all(const struct alg_key *k, const struct alg_use *use, bytes in,
                              bytes signature)
{
    struct alg_use changed = *use;
    u8 room[513], other[512];
    CHECK(cipher_can_verify(k, use));
    CHECK_ST(cipher_verify(k, use, in, signature, padding_scratch()), ST_OK);
    memcpy(room, signature.p, signature.n);
    for (int run = 0; run < 8; run++) {
        u32 at = test_any_below((u32)signature.n);
        room[at] ^= (u8)(1 << run);
        CHECK_ST(cipher_verify(k, use, in, bytes_of(room, signature.n), padding_scratch()),
                 ST_SIG_INVALID);
        room[at] ^= (u8)(1 << run);
    }
    bool digest = use->made == ALG_PSS && !CIPHER_BIGNUM;
    bytes told = digest ? use->digest : in;
    memcpy(other, told.p, told.n);
    other[told.n - 1] ^= 1;
    told.p = other;
    if (digest) changed.digest = told;
    CHECK_ST(cipher_verify(k, &changed, digest ? in : told, signature, padding_scratch()),
             ST_SIG_INVALID);
    room[signature.n] = 0;
    CHECK_ST(cipher_verify(k, use, in, bytes_of(room, signature.n + 1), padding_scratch()), ST_SIG_LEN);
    CHECK_ST(cipher_verify(k, use, in, bytes_head(signature, signature.n - 1), padding_scratch()),
             ST_SIG_LEN);
    CHECK_ST(cipher_verify(k, use, in, BYTES_NONE, padding_scratch()), ST_SIG_LEN);
    memset(room, 0, signature.n);
    CHECK_ST(cipher_verify(k, use, in, bytes_of(room, signature.n), padding_scratch()), ST_SIG_INVALID);
    memset(room, 0xff, signature.n);                    // not below the modulus, or the order
    CHECK_ST(cipher_verify(k, use, in, bytes_of(room, signature.n), padding_scratch()), ST_SIG_INVALID);
    if (k->type != ALG_RSA) return;
    CHECK_ST(cipher_verify(k, use, in, k->modulus, padding_scratch()), ST_SIG_INVALID);
    struct scratch none = scratch_on(padding_room, ARENA_ALIGN);
    if (CIPHER_BIGNUM) CHECK_ST(cipher_verify(k, use, in, signature, none), ST_HOST_MEMORY);
}

TEST(cipher_verifies_rsa)
{
    for (size_t i = 0; i < 5; i++) {
        mbedtls_pk_context pk;
        struct alg_key k;
        u8 digest[64], block[512], signature[512];
        CHECK(padding_key(&x509_samples[i], &pk));
        CHECK(cipher_key(x509_samples[i].certificate, &k));
        size_t size = alg_key_bytes(&k);
        CHECK_EQ(size, mbedtls_rsa_get_len(mbedtls_pk_rsa(pk)));
        for (size_t h = 0; h < COUNT(alg_hashes) && !test_failing; h++) {
            struct alg_use pkcs1 = padding_use(ALG_RSA, ALG_PKCS1, &alg_hashes[h], NULL, 0);
            struct alg_use pss = padding_use(ALG_RSA, ALG_PSS, &alg_hashes[h], &alg_hashes[h], 20);
            struct alg_use info = padding_use(ALG_RSA, ALG_PKCS1, NULL, NULL, 0);
            struct alg_use raw = padding_use(ALG_RSA, ALG_RAW, NULL, NULL, 0);
            bytes in = bytes_of(digest, alg_hashes[h].size);
            struct buf b = buf_on(block, sizeof block);
            CHECK_ST(random_bytes(digest, sizeof digest), ST_OK);
            mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
            padding_padding(rsa, MBEDTLS_RSA_PKCS_V15, NULL);
            CHECK(!cipher_sign(rsa, &alg_hashes[h], digest, signature));
            cipher_verify_all(&k, &pkcs1, in, bytes_of(signature, size));
            padding_digest_info(&alg_hashes[h], in, &b);
            if (!test_failing) cipher_verify_all(&k, &info, buf_bytes(&b),
                                                 bytes_of(signature, size));
            u8 content[96];
            bytes told = bytes_of(content, b.n);
            memcpy(content, block, b.n);
            b.n = 0;
            CHECK_ST(padding_pkcs1_sign(told, size, &b), ST_OK);
            raw.made = ALG_PKCS1;
            if (!test_failing) cipher_verify_all(&k, &raw, buf_bytes(&b),
                                                 bytes_of(signature, size));
            b.n = 0;
            if (!CIPHER_BIGNUM) {               // PSA would take a salt of any length
                CHECK_EQ(cipher_can_verify(&k, &pss), pss.hash->size == pss.salt);
                pss.salt = (u32)in.n;
                if ((k.bits + 6) / 8 < 2 * in.n + 2) continue;
            }
            CHECK_ST(padding_pss(&pss, in, k.bits, padding_scratch(), &b), ST_OK);
            CHECK(!mbedtls_rsa_private(rsa, padding_rng, NULL, block, signature));
            if (!test_failing) cipher_verify_all(&k, &pss, in, bytes_of(signature, size));
            CHECK_ST(cipher_verify(&k, &pss, bytes_head(in, 19), bytes_of(signature, size),
                                   padding_scratch()), ST_DATA_LEN);
            raw = pss;
            raw.scheme = ALG_RAW;
            raw.made = ALG_PSS;
            raw.digest = in;
            if (!test_failing) cipher_verify_all(&k, &raw, buf_bytes(&b),
                                                 bytes_of(signature, size));
            raw.made = ALG_RAW;
            CHECK_EQ(cipher_can_verify(&k, &raw), CIPHER_BIGNUM);
            CHECK_ST(cipher_verify(&k, &raw, buf_bytes(&b), bytes_of(signature, size),
                                   padding_scratch()), CIPHER_BIGNUM ? ST_OK : ST_NOT_SUPPORTED);
        }
        mbedtls_pk_free(&pk);
        if (test_failing) return;
    }
}

TEST(cipher_verifies_what_openssl_signed)
{
    struct alg_key k;
    struct alg_use pss = padding_use(ALG_RSA, ALG_PSS, &alg_hashes[2], &alg_hashes[0], 20);
    struct alg_use ecdsa = padding_use(ALG_EC, ALG_RAW, NULL, NULL, 0);
    u8 digest[64], raw[132];
    struct buf b = buf_on(digest, sizeof digest), signature = buf_on(raw, sizeof raw);
    CHECK(cipher_key(x509_samples[0].certificate, &k));
    CHECK_ST(hash_of(&alg_hashes[2], bytes_text("scard11"), &b), ST_OK);
    if (CIPHER_BIGNUM) cipher_verify_all(&k, &pss, buf_bytes(&b),
                                         bytes_of(cipher_pss_mixed, sizeof cipher_pss_mixed));
    if (test_failing) return;
    CHECK_EQ(cipher_can_verify(&k, &pss), CIPHER_BIGNUM);
    CHECK_ST(cipher_verify(&k, &pss, buf_bytes(&b),
                           bytes_of(cipher_pss_mixed, sizeof cipher_pss_mixed), padding_scratch()),
             CIPHER_BIGNUM ? ST_OK : ST_NOT_SUPPORTED);
    b.n = 0;
    CHECK(cipher_key(bytes_of(x509_p521, sizeof x509_p521), &k));
    CHECK_ST(hash_of(&alg_hashes[4], bytes_text("scard11"), &b), ST_OK);
    CHECK_ST(padding_ecdsa_to_raw(bytes_of(cipher_ecdsa_p521, sizeof cipher_ecdsa_p521), 66,
                              &signature), ST_OK);
    cipher_verify_all(&k, &ecdsa, buf_bytes(&b), buf_bytes(&signature));
}

TEST(cipher_verifies_every_curve)
{
    struct alg_use use = padding_use(ALG_EC, ALG_RAW, NULL, NULL, 0);
    unsigned done = 0;
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(alg_curves); i++) {
        const struct alg_curve *c = &alg_curves[i];
        psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
        psa_key_id_t id = 0;
        u8 point[133], digest[32], signature[132];
        size_t point_len = 0, n = 0;
        if (c->type != ALG_EC) continue;
        psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(c->family));
        psa_set_key_bits(&attributes, c->bits);
        psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH);
        psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA_ANY);
        CHECK_ST(random_bytes(digest, sizeof digest), ST_OK);
        if (psa_generate_key(&attributes, &id)) continue;       // built without this curve
        CHECK(!psa_export_public_key(id, point, sizeof point, &point_len));
        CHECK(!psa_sign_hash(id, PSA_ALG_ECDSA_ANY, digest, sizeof digest, signature,
                             sizeof signature, &n));
        psa_destroy_key(id);
        struct alg_key k = { .type = ALG_EC, .bits = c->bits, .curve = c,
                             .point = bytes_of(point, point_len) };
        CHECK(alg_point_good(c, k.point));
        CHECK(cipher_can_verify(&k, &use));
        cipher_verify_all(&k, &use, bytes_of(digest, sizeof digest), bytes_of(signature, n));
        if (test_failing) return;
        CHECK_ST(cipher_verify(&k, &use, BYTES_NONE, bytes_of(signature, n), padding_scratch()),
                 ST_DATA_LEN);
        point[point_len - 1] ^= 1;                              // not on the curve
        CHECK_ST(cipher_verify(&k, &use, bytes_of(digest, sizeof digest), bytes_of(signature, n),
                               padding_scratch()), ST_SIG_INVALID);
        done++;
    }
    CHECK(done >= 3);
}

TEST(cipher_leaves_what_the_host_cannot)
{
    struct alg_use use = padding_use(ALG_EDWARDS, ALG_RAW, NULL, NULL, 0);
    u8 signature[64] = { 1 }, out[64];
    struct buf b = buf_on(out, sizeof out);
    struct alg_key k;
    for (size_t i = 5; i < COUNT(x509_samples); i++) {
        CHECK(cipher_key(x509_samples[i].certificate, &k));
        CHECK_ST(cipher_encrypt(&k, &use, BYTES_NONE, BYTES(1), padding_scratch(), &b),
                 ST_NOT_SUPPORTED);
        if (k.type == ALG_EC) continue;
        CHECK(!cipher_can_verify(&k, &use));
        CHECK_ST(cipher_verify(&k, &use, BYTES(1), bytes_of(signature, 64), padding_scratch()),
                 ST_NOT_SUPPORTED);
    }
}

// What cipher_encrypt makes, mbedTLS's private key opens.
TEST(cipher_encrypts)
{
    for (size_t i = 0; i < 5; i++) {
        mbedtls_pk_context pk;
        struct alg_key k;
        bytes label = BYTES('l');
        u8 in[512] = { 0 }, out[512], back[512];
        size_t n = 0;
        CHECK(padding_key(&x509_samples[i], &pk));
        CHECK(cipher_key(x509_samples[i].certificate, &k));
        mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
        size_t size = alg_key_bytes(&k), lens[] = { 0, 1, 60, size - 42, size - 11 };
        in[0] = 7, in[size - 12] = 9;
        for (size_t l = 0; l < COUNT(lens); l++) {
            struct alg_use use = padding_use(ALG_RSA, ALG_PKCS1, NULL, NULL, 0);
            struct buf b = buf_on(out, sizeof out);
            CHECK_ST(cipher_encrypt(&k, &use, BYTES_NONE, bytes_of(in, lens[l]), padding_scratch(), &b),
                     ST_OK);
            CHECK_EQ(b.n, size);
            padding_padding(rsa, MBEDTLS_RSA_PKCS_V15, NULL);
            CHECK(!mbedtls_rsa_pkcs1_decrypt(rsa, padding_rng, NULL, &n, out, back, sizeof back));
            CHECK(bytes_equal(bytes_of(back, n), bytes_of(in, lens[l])));
            if (lens[l] > size - 42) continue;
            use = padding_use(ALG_RSA, ALG_OAEP, &alg_hashes[0], &alg_hashes[0], 0);
            b.n = 0;
            CHECK_ST(cipher_encrypt(&k, &use, label, bytes_of(in, lens[l]), padding_scratch(), &b),
                     ST_OK);
            padding_padding(rsa, MBEDTLS_RSA_PKCS_V21, use.hash);
            CHECK(!mbedtls_rsa_rsaes_oaep_decrypt(rsa, padding_rng, NULL, label.p, label.n, &n, out,
                                                  back, sizeof back));
            CHECK(bytes_equal(bytes_of(back, n), bytes_of(in, lens[l])));
        }
        struct alg_use raw = padding_use(ALG_RSA, ALG_RAW, NULL, NULL, 0);
        struct buf b = buf_on(out, sizeof out);
        CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, BYTES(0, 5, 6), padding_scratch(), &b),
                 CIPHER_BIGNUM ? ST_OK : ST_NOT_SUPPORTED);
        if (CIPHER_BIGNUM) CHECK(!mbedtls_rsa_private(rsa, padding_rng, NULL, out, back));
        if (CIPHER_BIGNUM) CHECK(!back[size - 3] && back[size - 2] == 5 && back[size - 1] == 6);
        mbedtls_pk_free(&pk);
    }
}

TEST(cipher_encrypts_only_what_fits)
{
    struct alg_key k;
    static u8 in[200];
    u8 out[128];
    struct buf b = buf_on(out, sizeof out), tight = buf_on(out, 127);
    struct alg_use pkcs1 = padding_use(ALG_RSA, ALG_PKCS1, NULL, NULL, 0);
    struct alg_use oaep = padding_use(ALG_RSA, ALG_OAEP, &alg_hashes[2], &alg_hashes[2], 0);
    struct alg_use raw = padding_use(ALG_RSA, ALG_RAW, NULL, NULL, 0);
    struct scratch none = scratch_on(padding_room, ARENA_ALIGN);
    CHECK(cipher_key(x509_samples[0].certificate, &k));
    CHECK_ST(cipher_encrypt(&k, &pkcs1, BYTES_NONE, bytes_of(in, 118), padding_scratch(), &b),
             ST_DATA_LEN);
    CHECK_ST(cipher_encrypt(&k, &oaep, BYTES_NONE, bytes_of(in, 63), padding_scratch(), &b),
             ST_DATA_LEN);
    CHECK_ST(cipher_encrypt(&k, &pkcs1, BYTES_NONE, bytes_of(in, 2), padding_scratch(), &tight),
             ST_HOST_MEMORY);
    CHECK_EQ(b.n, 0);
    if (!CIPHER_BIGNUM) return;
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, bytes_of(in, 129), padding_scratch(), &b),
             ST_DATA_LEN);
    memset(in, 0xff, sizeof in);
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, bytes_of(in, 128), padding_scratch(), &b), ST_DATA);
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, k.modulus, padding_scratch(), &b), ST_DATA);
    CHECK_EQ(b.n, 0);
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, BYTES(2), padding_scratch(), &tight), ST_HOST_MEMORY);
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, BYTES(2), none, &b), ST_HOST_MEMORY);
    CHECK_ST(cipher_encrypt(&k, &pkcs1, BYTES_NONE, BYTES(2), none, &b), ST_HOST_MEMORY);
}

// A card's key may be anything: an even modulus, an exponent of 1.
TEST(cipher_odd_keys)
{
    static u8 modulus[128];
    struct alg_key k;
    u8 out[128];
    struct buf b = buf_on(out, sizeof out);
    struct alg_use raw = padding_use(ALG_RSA, ALG_RAW, NULL, NULL, 0);
    struct alg_use info = padding_use(ALG_RSA, ALG_PKCS1, NULL, NULL, 0);
    CHECK_ST(cipher_start(), ST_OK);
    memset(modulus, 0xfe, sizeof modulus);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, sizeof modulus), BYTES(3), &k), ST_OK);
    CHECK_ST(cipher_verify(&k, &info, BYTES(1), bytes_of(modulus, sizeof modulus), padding_scratch()),
             ST_SIG_INVALID);
    if (!CIPHER_BIGNUM) return;
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, BYTES(2), padding_scratch(), &b), ST_CRYPTO);
    CHECK_EQ(b.n, 0);
    modulus[127] = 0xff;
    CHECK_ST(alg_try_rsa(bytes_of(modulus, sizeof modulus), BYTES(1), &k), ST_OK);
    CHECK_ST(cipher_encrypt(&k, &raw, BYTES_NONE, BYTES(2), padding_scratch(), &b), ST_OK);
    CHECK(b.n == 128 && b.p[127] == 2);
}

// 23 * 29 with the exponents 3 and 411: 411 mod 22 is 15, and mod 28 is 19.
TEST(cipher_checks_remainders)
{
    static const struct { u8 prime, remainder; st want; } some[] = {
        { 23, 15, ST_OK }, { 29, 19, ST_OK }, { 23, 19, ST_ATTR_VALUE }, { 29, 15, ST_ATTR_VALUE },
        { 23, 15 + 22, ST_ATTR_VALUE }, { 251, 161, ST_OK }, { 3, 1, ST_OK }, { 1, 1, ST_ATTR_VALUE },
    };
    struct scratch none = { 0 };
    for (size_t i = 0; i < COUNT(some); i++)
        CHECK_ST(cipher_check_remainder(BYTES(1, 0x9b), BYTES(some[i].prime),
                                        BYTES(some[i].remainder), padding_scratch()), some[i].want);
    CHECK_ST(cipher_check_remainder(BYTES(1, 0x9b), BYTES(23), BYTES(15), none), ST_HOST_MEMORY);
}

// A key of which a card says the size alone, and a curve that mbedTLS does not have.
TEST(cipher_says_what_it_can_verify)
{
    struct alg_use raw = padding_use(ALG_RSA, ALG_RAW, NULL, NULL, 0);
    struct alg_use ecdsa = padding_use(ALG_EC, ALG_RAW, NULL, NULL, 0);
    struct alg_curve none = *alg_curve_named("P-256");
    struct alg_key k, sized = { .type = ALG_RSA, .bits = 2048 };
    CHECK(cipher_key(x509_samples[0].certificate, &k));
    CHECK_EQ(cipher_can_verify(&k, &raw), CIPHER_BIGNUM);
    raw.made = ALG_PKCS1;
    CHECK(cipher_can_verify(&k, &raw));
    CHECK(!cipher_can_verify(&sized, &raw));
    sized = (struct alg_key){ .type = ALG_EC, .bits = 256, .curve = alg_curve_named("P-256") };
    CHECK(!cipher_can_verify(&sized, &ecdsa));
    CHECK(cipher_key(bytes_of(x509_p521, sizeof x509_p521), &k));
    CHECK(cipher_can_verify(&k, &ecdsa));
    none.family = 0x7f;
    k.curve = &none;
    CHECK(!cipher_can_verify(&k, &ecdsa));
}

// The generators of SEC 2 and RFC 5639: points of one length, each of its own curve.
#define CIPHER_P256      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define CIPHER_K256      "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" \
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define CIPHER_BRAINPOOL "048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262" \
    "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997"

TEST(cipher_tells_curves_by_their_points)
{
    static const struct { const char *point, *curve; } cases[] = {
        { CIPHER_P256, "P-256" }, { CIPHER_K256, "secp256k1" },
        { CIPHER_BRAINPOOL, "brainpoolP256r1" } };
    u8 point[65];
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *at = cases[i].point;
        for (size_t k = 0; k < 65; k++, at += 2) point[k] = (u8)strtoul((char[3]){ at[0], at[1] },
                                                                        NULL, 16);
        const struct alg_curve *curve = cipher_curve_of(bytes_of(point, 65));
        CHECK(curve && !strcmp(curve->name, cases[i].curve));
        CHECK(!cipher_curve_of(bytes_of(point, 64)));
        point[64] ^= 1;                                         // on none of them
        CHECK(!cipher_curve_of(bytes_of(point, 65)));
    }
    CHECK(!cipher_curve_of(BYTES_NONE));
}

// RFC 4493, 4; with keys of 192 and 256 bits the examples of SP 800-38B.
TEST(cipher_makes_macs)
{
    static const struct { const char *key, *macs[4]; } v[] = {
        { "2b7e151628aed2a6abf7158809cf4f3c",
          { "bb1d6929e95937287fa37d129b756746", "070a16b46b4d4144f79bdd9dd04a287c",
            "dfa66747de9ae63030ca32611497c827", "51f0bebf7e3b9d92fc49741779363cfe" } },
        { "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
          { "d17ddf46adaacde531cac483de7a9367", "9e99a7bf31e710900662f65e617c5184",
            "8a1de5be2eb31aad089a82e6ee908b0e", "a1d5df0eed790f794d77589659f39a11" } },
        { "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
          { "028962f61b7bf89efc6b551f4667d983", "28a7023f452e8f82bd4bf28d8c37c35c",
            "aaf3d8f1de5640c232f5b169b9c911e6", "e1992190549f6ed5696a2c056c315410" } } };
    static const char data[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                               "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const size_t sizes[] = { 0, 16, 40, 64 };
    u8 key[32], in[64], room[17];
    sim_script_hex(data, data + 128, in);
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(v) * COUNT(sizes); i++) {
        struct buf out = buf_on(room, sizeof room);
        const char *hex = v[i / 4].key;
        size_t key_n = sim_script_hex(hex, hex + strlen(hex), key);
        buf_put8(&out, 0x5a);
        CHECK_ST(cipher_cmac(bytes_of(key, key_n), bytes_of(sizes[i % 4] ? in : NULL, sizes[i % 4]), &out), ST_OK);
        CHECK_EQ(room[0], 0x5a);
        CHECK_BYTES(room + 1, out.n - 1, v[i / 4].macs[i % 4]);
    }
    struct buf out = buf_on(room, 15), none = buf_on(room, sizeof room);
    CHECK_ST(cipher_cmac(bytes_of(key, 16), bytes_of(in, 16), &out), ST_CRYPTO);    // no room
    CHECK_ST(cipher_cmac(bytes_of(key, 15), bytes_of(in, 16), &none), ST_KEY_SIZE);
    CHECK(!out.n && !none.n);
}

static void test_cipher(void)
{
    RUN(cipher_makes_macs);
    RUN(cipher_tells_curves_by_their_points);
    RUN(cipher_verifies_rsa);
    RUN(cipher_verifies_what_openssl_signed);
    RUN(cipher_verifies_every_curve);
    RUN(cipher_leaves_what_the_host_cannot);
    RUN(cipher_checks_remainders);
    RUN(cipher_says_what_it_can_verify);
    RUN(cipher_encrypts);
    RUN(cipher_encrypts_only_what_fits);
    RUN(cipher_odd_keys);
}
