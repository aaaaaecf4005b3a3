// pad.c: >>pad. Blocks made here are opened by mbedTLS, and the other way round, with the simulated
// cards' keys.
// SPDX-License-Identifier: 0BSD
#include "../sim/sim_mbedtls.h"

static u8 ALIGNED padding_room[32768];

static struct scratch padding_scratch(void)
{
    return scratch_on(padding_room, sizeof padding_room);
}

static int padding_rng(void *nothing, unsigned char *out, size_t n)
{
    (void)nothing;
    return random_bytes(out, n) ? -1 : 0;
}

static struct alg_use padding_use(enum alg_type type, enum alg_scheme pad, const struct alg_hash *hash,
                              const struct alg_hash *mgf, u32 salt)
{
    return (struct alg_use){ .type = type, .scheme = pad, .hash = hash, .mgf = mgf, .salt = salt };
}

// A sample's private key; the test frees it.
static bool padding_key(const struct x509_sample *sample, mbedtls_pk_context *pk)
{
    mbedtls_pk_init(pk);
    return !cipher_start() && !mbedtls_pk_parse_key(pk, sample->key.p, sample->key.n, NULL, 0,
                                                    padding_rng, NULL);
}

static mbedtls_md_type_t padding_md(const struct alg_hash *h)
{
    static const mbedtls_md_type_t md[] = { MBEDTLS_MD_SHA1, MBEDTLS_MD_SHA224, MBEDTLS_MD_SHA256,
                                            MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512 };
    return md[h - alg_hashes];
}

static void padding_padding(mbedtls_rsa_context *rsa, int padding, const struct alg_hash *h)
{
    mbedtls_rsa_set_padding(rsa, padding, (int)(h ? padding_md(h) : MBEDTLS_MD_NONE));
}

// RFC 8017, 9.2, note 1: the DER of DigestInfo before the digest.
TEST(padding_digest_info_of_the_standard)
{
    static const char *const want[] = {
        "3021300906052b0e03021a05000414", "302d300d06096086480165030402040500041c",
        "3031300d060960864801650304020105000420", "3041300d060960864801650304020205000430",
        "3051300d060960864801650304020305000440",
    };
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        u8 room[96], digest[64];
        struct buf b = buf_on(room, sizeof room);
        size_t h = alg_hashes[i].size;
        memset(digest, 0x5a, sizeof digest);
        padding_digest_info(&alg_hashes[i], bytes_of(digest, h), &b);
        CHECK(b.n > h);
        CHECK_BYTES(b.p, b.n - h, want[i]);
        CHECK(bytes_equal(bytes_of(b.p + b.n - h, h), bytes_of(digest, h)));
    }
}

TEST(padding_pkcs1_sign_block)
{
    u8 room[20];
    struct buf b = buf_on(room, sizeof room);
    CHECK_ST(padding_pkcs1_sign(BYTES(0xaa, 0xbb), 16, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "0001 ffffffffffffffffffffff 00 aabb");
    b.n = 0;
    CHECK_ST(padding_pkcs1_sign(BYTES(1, 2, 3, 4, 5), 16, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "0001 ffffffffffffffff 00 0102030405");
    b.n = 0;
    CHECK_ST(padding_pkcs1_sign(BYTES(1, 2, 3, 4, 5, 6), 16, &b), ST_DATA_LEN);
    CHECK_ST(padding_pkcs1_sign(BYTES_NONE, 10, &b), ST_DATA_LEN);
    CHECK_EQ(b.n, 0);
    CHECK_ST(padding_pkcs1_sign(BYTES_NONE, 11, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "0001 ffffffffffffffff 00");
}

// mbedTLS makes H with MGF1's hash, so it knows no mix of two.
static int padding_pss_mbedtls(mbedtls_rsa_context *rsa, const struct alg_use *use, bytes digest,
                           const u8 *signature)
{
    return mbedtls_rsa_rsassa_pss_verify_ext(rsa, padding_md(use->hash), (unsigned)digest.n, digest.p,
                                             padding_md(use->mgf), (int)use->salt, signature);
}

// Does mbedTLS take the block, signed, and does padding_pss_check?
static void padding_pss_try(mbedtls_rsa_context *rsa, const struct alg_use *use, u32 bits)
{
    u8 digest[64], room[512], signature[512];
    bytes in = bytes_of(digest, use->hash->size);
    struct buf b = buf_on(room, sizeof room);
    CHECK_ST(random_bytes(digest, sizeof digest), ST_OK);
    CHECK_ST(padding_pss(use, in, bits, padding_scratch(), &b), ST_OK);
    CHECK_EQ(b.n, bits / 8);
    CHECK_ST(padding_pss_check(use, in, bits, buf_bytes(&b), padding_scratch()), ST_OK);
    CHECK(!mbedtls_rsa_private(rsa, padding_rng, NULL, room, signature));
    if (use->hash == use->mgf) CHECK(!padding_pss_mbedtls(rsa, use, in, signature));
    struct alg_use other = *use;                        // what must not pass
    other.salt = use->salt ? use->salt - 1 : 1;
    CHECK_ST(padding_pss_check(&other, in, bits, buf_bytes(&b), padding_scratch()), ST_SIG_INVALID);
    other = *use;
    other.mgf = use->mgf == &alg_hashes[0] ? &alg_hashes[2] : &alg_hashes[0];
    CHECK_ST(padding_pss_check(&other, in, bits, buf_bytes(&b), padding_scratch()), ST_SIG_INVALID);
    room[test_any_below((u32)b.n)] ^= (u8)(1 << test_any_below(8));
    CHECK_ST(padding_pss_check(use, in, bits, buf_bytes(&b), padding_scratch()), ST_SIG_INVALID);
}

TEST(padding_pss_is_what_mbedtls_takes)
{
    for (size_t i = 0; i < 5; i++) {                            // the RSA keys
        mbedtls_pk_context pk;
        CHECK(padding_key(&x509_samples[i], &pk));
        mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
        u32 bits = (u32)mbedtls_rsa_get_len(rsa) * 8;
        for (size_t h = 0; h < 25 && !test_failing; h += bits > 2048 ? 6 : 1) {
            struct alg_use use = padding_use(ALG_RSA, ALG_PSS, &alg_hashes[h / 5],
                                         &alg_hashes[h % 5], 0);
            size_t size = use.hash->size, most = bits / 8 - size - 2;
            padding_padding(rsa, MBEDTLS_RSA_PKCS_V21, use.hash);
            for (int s = 0; s < 3 && !test_failing; s++) {
                use.salt = (u32)(s == 0 ? 0 : s == 2 || size > most ? most : size);
                padding_pss_try(rsa, &use, bits);
            }
            use.salt = (u32)most + 1;
            struct buf b = buf_on(padding_room, 0);
            CHECK_ST(padding_pss(&use, BYTES_NONE, bits, padding_scratch(), &b), ST_KEY_SIZE);
        }
        mbedtls_pk_free(&pk);
        if (test_failing) return;
    }
}

// Sizes that are not a multiple of eight: one bit more than bytes leaves a zero byte before EM.
TEST(padding_pss_at_odd_sizes)
{
    struct alg_use use = padding_use(ALG_RSA, ALG_PSS, &alg_hashes[2], &alg_hashes[2], 32);
    u8 digest[32] = { 1 }, room[200];
    CHECK_ST(cipher_start(), ST_OK);
    for (u32 bits = 1024; bits <= 1040; bits++) {
        struct buf b = buf_on(room, sizeof room);
        CHECK_ST(padding_pss(&use, bytes_of(digest, 32), bits, padding_scratch(), &b), ST_OK);
        CHECK_EQ(b.n, (bits + 7) / 8);
        CHECK(bits % 8 != 1 || !room[0]);
        CHECK_ST(padding_pss_check(&use, bytes_of(digest, 32), bits, buf_bytes(&b), padding_scratch()),
                 ST_OK);
    }
}

TEST(padding_pss_check_refuses_every_broken_block)
{
    struct alg_use use = padding_use(ALG_RSA, ALG_PSS, &alg_hashes[2], &alg_hashes[2], 20);
    u8 digest[32] = { 1 }, room[128];
    struct buf b = buf_on(room, sizeof room);
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(padding_pss(&use, bytes_of(digest, 32), 1024, padding_scratch(), &b), ST_OK);
    for (size_t i = 0; i < 8 * sizeof room; i++) {
        room[i / 8] ^= (u8)(1 << i % 8);
        CHECK_ST(padding_pss_check(&use, bytes_of(digest, 32), 1024, buf_bytes(&b), padding_scratch()),
                 ST_SIG_INVALID);
        room[i / 8] ^= (u8)(1 << i % 8);
    }
    digest[0] = 0;
    CHECK_ST(padding_pss_check(&use, bytes_of(digest, 32), 1024, buf_bytes(&b), padding_scratch()),
             ST_SIG_INVALID);
    use.salt = 2000;
    CHECK_ST(padding_pss_check(&use, bytes_of(digest, 32), 1024, buf_bytes(&b), padding_scratch()),
             ST_SIG_INVALID);
}

// padding_pkcs1_open of n bytes; out has something in it before.
static st padding_open(const u8 *block, size_t n, struct buf *out)
{
    static u8 room[600];
    *out = buf_on(room, sizeof room);
    buf_put8(out, 0x77);
    u8 *p = tlv_exact(bytes_of(block, n));
    st s = padding_pkcs1_open(bytes_of(p, n), out);
    free(p);
    return s;
}

TEST(padding_pkcs1_open_every_length)
{
    static const size_t sizes[] = { 11, 64, 128, 255, 256, 512 };
    u8 block[512], message[512];
    struct buf b, out;
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t k = sizes[i];
        for (size_t n = 0; n <= k - 11; n++) {
            CHECK_ST(random_bytes(message, n), ST_OK);
            b = buf_on(block, sizeof block);
            CHECK_ST(padding_pkcs1_seal(bytes_of(message, n), k, &b), ST_OK);
            CHECK_EQ(b.n, k);
            CHECK(block[0] == 0 && block[1] == 2);
            CHECK_ST(padding_open(block, k, &out), ST_OK);
            CHECK(out.n == n + 1 && out.p[0] == 0x77);
            CHECK(bytes_equal(bytes_of(out.p + 1, n), bytes_of(message, n)));
        }
        b = buf_on(block, sizeof block);
        CHECK_ST(padding_pkcs1_seal(bytes_of(message, k - 10), k, &b), ST_DATA_LEN);
        CHECK_EQ(b.n, 0);
    }
}

TEST(padding_pkcs1_open_refuses)
{
    u8 block[600];
    struct buf out;
    for (size_t k = 11; k <= 512; k += 167) {
        memset(block, 0xaa, sizeof block);
        block[0] = 0, block[1] = 2, block[k - 1] = 0;
        CHECK_ST(padding_open(block, k, &out), ST_OK);              // an empty message
        CHECK_EQ(out.n, 1);
        for (int bad = 1; bad < 256; bad++) {
            block[0] = (u8)bad;
            CHECK_ST(padding_open(block, k, &out), ST_CIPHER_DATA);
            CHECK_EQ(out.n, 1);
            block[0] = 0, block[1] = (u8)(bad == 2 ? 0 : bad);
            CHECK_ST(padding_open(block, k, &out), ST_CIPHER_DATA);
            block[1] = 2;
        }
        for (size_t at = 2; at < 10; at++) {                    // fewer than eight bytes
            block[at] = 0;
            CHECK_ST(padding_open(block, k, &out), ST_CIPHER_DATA);
            CHECK_EQ(out.n, 1);
            block[at] = 0xaa;
        }
        block[k - 1] = 1;
        CHECK_ST(padding_open(block, k, &out), ST_CIPHER_DATA);     // no 00 ends it
        CHECK_EQ(out.n, 1);
    }
    memset(block, 0xaa, sizeof block);
    block[0] = 0, block[1] = 2, block[10] = 0;
    CHECK_ST(padding_open(block, 10, &out), ST_CIPHER_DATA);
    CHECK_ST(padding_open(block, 0, &out), ST_CIPHER_DATA);
    CHECK_ST(padding_open(block, 513, &out), ST_CIPHER_DATA);
    CHECK_EQ(out.n, 1);
    out = buf_on(block + 530, 3);                               // a message that has no room
    CHECK_ST(padding_pkcs1_open(bytes_of(block, 15), &out), ST_HOST_MEMORY);
}

TEST(padding_pkcs1_between_mbedtls_and_us)
{
    mbedtls_pk_context pk;
    u8 in[117] = { 1, 2, 3 }, out[128], block[128];
    struct buf got;
    CHECK(padding_key(&x509_samples[0], &pk));
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
    padding_padding(rsa, MBEDTLS_RSA_PKCS_V15, NULL);
    for (size_t n = 0; n <= sizeof in; n += 13) {
        CHECK(!mbedtls_rsa_rsaes_pkcs1_v15_encrypt(rsa, padding_rng, NULL, n, in, out));
        CHECK(!mbedtls_rsa_private(rsa, padding_rng, NULL, out, block));
        CHECK_ST(padding_open(block, sizeof block, &got), ST_OK);
        CHECK(bytes_equal(bytes_of(got.p + 1, got.n - 1), bytes_of(in, n)));
    }
    mbedtls_pk_free(&pk);
}

// padding_oaep_open; out has something in it before.
static st padding_oaep_try(const struct alg_use *use, bytes label, bytes block, struct buf *out)
{
    static u8 room[600];
    *out = buf_on(room, sizeof room);
    buf_put8(out, 0x77);
    return padding_oaep_open(use, label, block, padding_scratch(), out);
}

TEST(padding_oaep_every_hash_and_length)
{
    u8 block[512], message[512] = { 0 };
    bytes label = BYTES('l', 'a', 'b', 'e', 'l');
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < 25; i++) {
        struct alg_use use = padding_use(ALG_RSA, ALG_OAEP, &alg_hashes[i / 5], &alg_hashes[i % 5], 0);
        for (size_t k = 128; k <= 512; k += 128) {
            size_t h = use.hash->size, step = i % 6 ? 31 : 1;
            struct buf b = buf_on(block, sizeof block), out;
            if (k < 2 * h + 2) {                                // 1024 bits, SHA-512
                CHECK_ST(padding_oaep_seal(&use, label, BYTES_NONE, k, &b), ST_DATA_LEN);
                CHECK_ST(padding_oaep_try(&use, label, bytes_of(block, k), &out), ST_CIPHER_DATA);
                CHECK_EQ(out.n, 1);
                continue;
            }
            size_t most = k - 2 * h - 2;
            for (size_t n = 0; n <= most; n += n + step > most && n < most ? most - n : step) {
                bytes in = bytes_of(message, n), with = n % 2 ? label : BYTES_NONE;
                message[n ? n - 1 : 0] = (u8)n;
                b = buf_on(block, sizeof block);
                CHECK_ST(padding_oaep_seal(&use, with, in, k, &b), ST_OK);
                CHECK_EQ(b.n, k);
                CHECK_ST(padding_oaep_try(&use, with, buf_bytes(&b), &out), ST_OK);
                CHECK(out.n == n + 1 && out.p[0] == 0x77);
                CHECK(bytes_equal(bytes_of(out.p + 1, n), in));
            }
            b = buf_on(block, sizeof block);
            CHECK_ST(padding_oaep_seal(&use, label, bytes_of(message, most + 1), k, &b), ST_DATA_LEN);
            CHECK_EQ(b.n, 0);
        }
    }
}

TEST(padding_oaep_open_refuses)
{
    struct alg_use use = padding_use(ALG_RSA, ALG_OAEP, &alg_hashes[0], &alg_hashes[0], 0);
    u8 block[128] = { 0 }, plain[107];
    struct buf b = buf_on(block, sizeof block), out;
    bytes all = bytes_of(block, sizeof block), db = bytes_of(block + 21, sizeof plain);
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(padding_oaep_seal(&use, BYTES_NONE, BYTES(1, 2, 3), 128, &b), ST_OK);
    CHECK_ST(padding_oaep_try(&use, BYTES_NONE, all, &out), ST_OK);
    CHECK_ST(padding_oaep_try(&use, BYTES(0), all, &out), ST_CIPHER_DATA);          // another label
    CHECK_EQ(out.n, 1);
    for (unsigned i = 0; i < 8; i++) {                          // the first byte
        block[0] = (u8)(1 << i);
        CHECK_ST(padding_oaep_try(&use, BYTES_NONE, all, &out), ST_CIPHER_DATA);
    }
    block[0] = 0;
    for (size_t i = 8; i < 8 * 124; i++) {                      // seed, label, zeros, 01
        if (i / 8 >= 124) continue;
        block[i / 8] ^= (u8)(1 << i % 8);
        CHECK_ST(padding_oaep_try(&use, BYTES_NONE, all, &out), ST_CIPHER_DATA);
        CHECK_EQ(out.n, 1);
        block[i / 8] ^= (u8)(1 << i % 8);
    }
    CHECK_ST(padding_oaep_try(&use, BYTES_NONE, bytes_of(block, 41), &out), ST_CIPHER_DATA);
    // All zeros behind the label's hash, then with something other than 01 first: masked by hand.
    for (int with = 0; with < 2; with++) {
        u8 seed[20] = { 9 };
        memset(plain, 0, sizeof plain);
        b = buf_on(plain, sizeof plain);
        CHECK_ST(hash_of(use.hash, BYTES_NONE, &b), ST_OK);
        if (with) plain[30] = 2, plain[31] = 1;
        CHECK_ST(padding_mask(use.mgf, bytes_of(seed, 20), plain, sizeof plain), ST_OK);
        memcpy(block + 21, plain, sizeof plain);
        memcpy(block + 1, seed, sizeof seed);
        CHECK_ST(padding_mask(use.mgf, db, block + 1, 20), ST_OK);
        CHECK_ST(padding_oaep_try(&use, BYTES_NONE, all, &out), ST_CIPHER_DATA);
        CHECK_EQ(out.n, 1);
    }
}

TEST(padding_oaep_between_mbedtls_and_us)
{
    mbedtls_pk_context pk;
    u8 in[62] = { 1, 2, 3 }, out[256], block[256];
    bytes label = BYTES('x', 'y');
    struct buf got;
    CHECK(padding_key(&x509_samples[1], &pk));
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        struct alg_use use = padding_use(ALG_RSA, ALG_OAEP, &alg_hashes[i], &alg_hashes[i], 0);
        padding_padding(rsa, MBEDTLS_RSA_PKCS_V21, use.hash);
        for (size_t n = 0; n <= sizeof in; n += 31) {
            CHECK(!mbedtls_rsa_rsaes_oaep_encrypt(rsa, padding_rng, NULL, label.p, label.n, n, in,
                                                  out));
            CHECK(!mbedtls_rsa_private(rsa, padding_rng, NULL, out, block));
            CHECK_ST(padding_oaep_try(&use, label, bytes_of(block, sizeof block), &got), ST_OK);
            CHECK(bytes_equal(bytes_of(got.p + 1, got.n - 1), bytes_of(in, n)));
        }
    }
    mbedtls_pk_free(&pk);
}

TEST(padding_ct_helpers)
{
    static const u32 some[] = { 0, 1, 2, 10, 11, 255, 256, 511, 512, 0x7fffffff };
    for (size_t i = 0; i < COUNT(some); i++)
        for (size_t j = 0; j < COUNT(some); j++) {
            CHECK_EQ(padding_ct_equal(some[i], some[j]), some[i] == some[j] ? 0xffffffffu : 0);
            CHECK_EQ(padding_ct_less(some[i], some[j]), some[i] < some[j] ? 0xffffffffu : 0);
        }
    CHECK_EQ(padding_ct_equal(0xffffffffu, 0), 0);
    for (u32 n = 1; n < 40; n++)
        for (u32 shift = 0; shift < n; shift++) {
            u8 p[40];
            for (u32 i = 0; i < n; i++) p[i] = (u8)(i + 1);
            padding_ct_shift(p, n, shift);
            for (u32 i = 0; i < n - shift; i++) CHECK_EQ(p[i], i + 1 + shift);
        }
}

static u8 padding_raw[140];

static st padding_to_raw(bytes in, size_t size, struct buf *out)
{
    u8 *p = tlv_exact(in);
    *out = buf_on(padding_raw, sizeof padding_raw);
    st s = padding_ecdsa_to_raw(bytes_of(p, in.n), size, out);
    free(p);
    return s;
}

TEST(padding_ecdsa_from_der)
{
    struct buf b;
    CHECK_ST(padding_to_raw(BYTES(0x30, 6, 2, 1, 1, 2, 1, 2), 4, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "00000001 00000002");
    CHECK_ST(padding_to_raw(BYTES(0x30, 10, 2, 3, 0, 0x80, 1, 2, 3, 0, 0xff, 2), 2, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "8001 ff02");                         // the sign's zero
    CHECK_ST(padding_to_raw(BYTES(0x30, 10, 2, 4, 0, 0, 0, 5, 2, 2, 0, 6), 2, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "0005 0006");                         // zeros that DER has not
    CHECK_ST(padding_to_raw(BYTES(0x30, 0x81, 6, 2, 1, 1, 2, 1, 2), 1, &b), ST_OK);
    CHECK_ST(padding_to_raw(BYTES(0x30, 6, 2, 1, 0x81, 2, 1, 2), 1, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "81 02");                             // the sign's zero left out
    CHECK_ST(padding_to_raw(BYTES(0x30, 7, 2, 1, 1, 2, 2, 0xff, 1), 2, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "0001 ff01");
    CHECK_ST(padding_to_raw(BYTES(0x30, 6, 2, 1, 0, 2, 1, 2), 1, &b), ST_PROTOCOL);     // zero
    CHECK_ST(padding_to_raw(BYTES(0x30, 6, 2, 1, 1, 2, 1, 0), 1, &b), ST_PROTOCOL);
    CHECK_ST(padding_to_raw(BYTES(0x30, 8, 2, 2, 1, 1, 2, 2, 1, 1), 1, &b), ST_PROTOCOL);   // too long
    CHECK_ST(padding_to_raw(BYTES(0x30, 8, 2, 1, 1, 2, 1, 2, 5, 0), 2, &b), ST_PROTOCOL);   // a third
    CHECK_ST(padding_to_raw(BYTES(0x30, 6, 2, 1, 1, 2, 1, 2, 5, 0), 2, &b), ST_PROTOCOL);   // behind it
    CHECK_ST(padding_to_raw(BYTES(0x30, 4, 2, 0, 2, 0), 1, &b), ST_PROTOCOL);
    CHECK_ST(padding_to_raw(BYTES(0x30, 3, 2, 1, 1), 3, &b), ST_PROTOCOL);
    CHECK_ST(padding_to_raw(BYTES_NONE, 1, &b), ST_PROTOCOL);
}

TEST(padding_ecdsa_from_halves)
{
    u8 in[140] = { 0 };
    struct buf b;
    CHECK_ST(padding_to_raw(BYTES(1, 2, 3, 4), 2, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "01020304");
    in[1] = 0xaa, in[32] = 1, in[34] = 0xbb, in[65] = 2;        // 66 bytes: 00 r 00 s
    CHECK_ST(padding_to_raw(bytes_of(in, 66), 32, &b), ST_OK);
    CHECK_EQ(b.n, 64);
    CHECK(b.p[0] == 0xaa && b.p[31] == 1 && b.p[32] == 0xbb && b.p[63] == 2);
    CHECK_ST(padding_to_raw(bytes_of(in, 65), 32, &b), ST_PROTOCOL);
    CHECK_ST(padding_to_raw(bytes_of(in, 62), 32, &b), ST_PROTOCOL);
    in[0] = 1;
    CHECK_ST(padding_to_raw(bytes_of(in, 66), 32, &b), ST_PROTOCOL);        // 33 bytes
    CHECK_ST(padding_to_raw(bytes_of(in, 132), 66, &b), ST_PROTOCOL);       // s is 0
    in[131] = 1;
    CHECK_ST(padding_to_raw(bytes_of(in, 132), 66, &b), ST_OK);
    memset(in, 0, 33);
    CHECK_ST(padding_to_raw(bytes_of(in, 64), 32, &b), ST_PROTOCOL);        // r is 0
    // Halves that begin as a short DER signature does.
    static const u8 like[16] = { 0x30, 6, 2, 1, 1, 2, 1, 2, 9, 9, 9, 9, 9, 9, 9, 9 };
    CHECK_ST(padding_to_raw(bytes_of(like, 16), 8, &b), ST_OK);
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(like, 16)));
    for (u32 run = 0; run < 20000; run++) {
        static const u8 from[] = { 0x30, 2, 0, 1, 3, 6, 4, 0x80, 0xff, 0x81 };
        size_t n = test_any_below(12);
        for (size_t i = 0; i < n; i++) in[i] = from[test_any_below(sizeof from)];
        st s = padding_to_raw(bytes_of(in, n), 3, &b);
        CHECK(s ? s == ST_PROTOCOL && !b.n : b.n == 6);
    }
}

TEST(padding_what_a_signature_s_block_holds)
{
    u8 block[64];
    struct buf b = buf_on(block, sizeof block);
    CHECK_ST(padding_pkcs1_sign(BYTES(0x30, 0x01, 0xff), 64, &b), ST_OK);
    bytes info = padding_pkcs1_signed(bytes_of(block, 64));
    CHECK_BYTES(info.p, info.n, "3001ff");
    CHECK(!padding_pkcs1_signed(bytes_of(block, 10)).n);
    block[20] = 0xfe;
    CHECK(!padding_pkcs1_signed(bytes_of(block, 64)).n);
    block[20] = 0xff, block[1] = 2;
    CHECK(!padding_pkcs1_signed(bytes_of(block, 64)).n);
    memset(block, 0xff, 64), block[0] = 0, block[1] = 1;
    CHECK(!padding_pkcs1_signed(bytes_of(block, 64)).n);
    block[5] = 0;
    CHECK(!padding_pkcs1_signed(bytes_of(block, 64)).n);
    b = buf_on(block, sizeof block);            // nothing was signed: that is something else
    CHECK_ST(padding_pkcs1_sign(BYTES_NONE, 64, &b), ST_OK);
    info = padding_pkcs1_signed(bytes_of(block, 64));
    CHECK(info.p && !info.n);
    block[63] = 0xff;
    CHECK(!padding_pkcs1_signed(bytes_of(block, 64)).p);
}

static void test_padding(void)
{
    RUN(padding_what_a_signature_s_block_holds);
    RUN(padding_digest_info_of_the_standard);
    RUN(padding_pkcs1_sign_block);
    RUN(padding_pss_is_what_mbedtls_takes);
    RUN(padding_pss_at_odd_sizes);
    RUN(padding_pss_check_refuses_every_broken_block);
    RUN(padding_pkcs1_open_every_length);
    RUN(padding_pkcs1_open_refuses);
    RUN(padding_pkcs1_between_mbedtls_and_us);
    RUN(padding_oaep_every_hash_and_length);
    RUN(padding_oaep_open_refuses);
    RUN(padding_oaep_between_mbedtls_and_us);
    RUN(padding_ct_helpers);
    RUN(padding_ecdsa_from_der);
    RUN(padding_ecdsa_from_halves);
}
