// vectors.c: digests, signatures and cryptograms that others made (tests/data/vectors/README.md), right and wrong ones.
// SPDX-License-Identifier: 0BSD
//
// Digests go through C_Digest. For the rest it includes scard11.c: what verifies and unpads there is what C_Verify and
// C_Decrypt call. The private operation of a decryption, which a card does, is made with OpenSSL here.
#define _POSIX_C_SOURCE 200809L
#include "../../scard11.c"
#include "scene.h"
#include <openssl/bn.h>

#define LINE    40000
#define FIELDS  12

static u8 ALIGNED memory[65536];
static u8 bytes_room[FIELDS][LINE / 2];
static u8 key_n[512], key_d[512];
static struct alg_key rsa_key;
static bytes rsa_d;
static struct { const struct alg_hash *hash; u8 md[64]; } monte;
static CK_SESSION_HANDLE session;

static struct scratch fresh(void)
{
    return scratch_on(memory, sizeof memory);
}

static const struct alg_hash *hash_named(const char *name)
{
    static const struct { const char *name; CK_MECHANISM_TYPE type; } names[] = {
        { "SHA1", CKM_SHA_1 }, { "SHA224", CKM_SHA224 }, { "SHA256", CKM_SHA256 },
        { "SHA384", CKM_SHA384 }, { "SHA512", CKM_SHA512 } };
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcmp(name, names[i].name)) return alg_hash_find(names[i].type);
    return NULL;
}

// A field in hex; "-" is none.
static bytes unhex(const char *text, u8 *room)
{
    size_t n = 0;
    for (; text[0] && text[0] != '-'; text += 2) {
        unsigned byte;
        if (sscanf(text, "%2x", &byte) != 1) abort();
        room[n++] = (u8)byte;
    }
    return bytes_of(room, n);
}

// ---- What a line says: each returns whether the library says the same ----

// By C_Digest; or by C_DigestUpdate in pieces, the first of which has step bytes and each one more than the last.
static bool digest(const struct alg_hash *h, bytes in, size_t step, u8 *md)
{
    CK_MECHANISM m = { h->mechanism, NULL, 0 };
    CK_ULONG n = h->size;
    CK_RV rv = C_DigestInit(session, &m);
    if (!step) return !rv && !C_Digest(session, (CK_BYTE *)in.p, in.n, md, &n) && n == h->size;
    for (; !rv && in.n; step++) {
        bytes piece = bytes_head(in, step < in.n ? step : in.n);
        rv = C_DigestUpdate(session, (CK_BYTE *)piece.p, piece.n);
        in = bytes_from(in, piece.n);
    }
    return !rv && !C_DigestFinal(session, md, &n) && n == h->size;
}

static bool line_hash(char **f)
{
    const struct alg_hash *h = hash_named(f[1]);
    bytes in = unhex(f[2], bytes_room[2]), want = unhex(f[3], bytes_room[3]);
    u8 whole[64], parts[64];
    return digest(h, in, 0, whole) && digest(h, in, 1, parts) && bytes_equal(bytes_of(whole, h->size), want) &&
           bytes_equal(bytes_of(parts, h->size), want);
}

static bool line_seed(char **f)
{
    bytes seed = unhex(f[2], bytes_room[2]);
    monte.hash = hash_named(f[1]);
    memcpy(monte.md, seed.p, seed.n);
    return seed.n == monte.hash->size;
}

// The Secure Hash Standard Validation System, 6.4: each message is the last three digests.
static bool line_monte(char **f)
{
    size_t n = monte.hash->size;
    u8 last[3 * 64], md[64];
    if (monte.hash != hash_named(f[1])) return false;
    for (size_t i = 0; i < 3; i++) memcpy(last + i * n, monte.md, n);
    for (int i = 0; i < 1000; i++) {
        if (!digest(monte.hash, bytes_of(last, 3 * n), i % 2 ? n : 0, md)) return false;
        memmove(last, last + n, 2 * n);
        memcpy(last + 2 * n, md, n);
    }
    memcpy(monte.md, md, n);
    return bytes_equal(bytes_of(md, n), unhex(f[2], bytes_room[2]));
}

static bool line_key(char **f)
{
    rsa_key = (struct alg_key){ .type = ALG_RSA, .modulus = unhex(f[1], key_n) };
    rsa_key.bits = (u32)rsa_key.modulus.n * 8;
    rsa_d = unhex(f[2], key_d);
    return rsa_key.modulus.n > 0;
}

static bool line_verify(char **f)
{
    bool pss = !strcmp(f[1], "pss");
    struct alg_use use = { .type = ALG_RSA, .scheme = pss ? ALG_PSS : ALG_PKCS1,
                           .hash = hash_named(f[2]), .salt = (u32)atoi(f[3]) };
    u8 md[64];
    struct buf digest = buf_on(md, sizeof md);
    use.mgf = use.hash;
    rsa_key.exponent = unhex(f[4], bytes_room[4]);
    if (hash_of(use.hash, unhex(f[5], bytes_room[5]), &digest)) return false;
    st s = cipher_verify(&rsa_key, &use, buf_bytes(&digest), unhex(f[6], bytes_room[6]), fresh());
    if (pss && !CIPHER_BIGNUM && use.salt != use.hash->size) return s == ST_NOT_SUPPORTED;
    return s == (*f[7] == 'P' ? ST_OK : ST_SIG_INVALID);
}

static bool line_ecdsa(char **f)
{
    const struct alg_curve *curve = alg_curve_named(f[1]);
    struct alg_use use = { .type = ALG_EC, .hash = hash_named(f[2]) };
    u8 point[1 + 2 * 66], signature[2 * 66], md[64];
    struct buf p = buf_on(point, sizeof point), s = buf_on(signature, sizeof signature),
               digest = buf_on(md, sizeof md);
    buf_put8(&p, 4);
    for (size_t i = 3; i < 5; i++) buf_put_number(&p, unhex(f[i], bytes_room[i]), curve->size);
    for (size_t i = 6; i < 8; i++) buf_put_number(&s, unhex(f[i], bytes_room[i]), curve->size);
    struct alg_key key = { .type = ALG_EC, .bits = curve->bits, .curve = curve, .point = buf_bytes(&p) };
    if (p.full || s.full || hash_of(use.hash, unhex(f[5], bytes_room[5]), &digest)) return false;
    st got = cipher_verify(&key, &use, buf_bytes(&digest), buf_bytes(&s), fresh());
    return got == (*f[8] == 'P' ? ST_OK : ST_SIG_INVALID);
}

// What the card would do. mbedTLS 4 has no raw RSA.
static bytes decrypt(bytes in, u8 *room)
{
    int size = (int)rsa_key.modulus.n;
    BN_CTX *work = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(rsa_key.modulus.p, size, NULL), *d = BN_bin2bn(rsa_d.p, (int)rsa_d.n, NULL);
    BIGNUM *x = BN_bin2bn(in.p, (int)in.n, NULL);
    bool done = BN_mod_exp(x, x, d, n, work) && BN_bn2binpad(x, room, size) == size;
    BN_free(n);
    BN_free(d);
    BN_free(x);
    BN_CTX_free(work);
    return done ? bytes_of(room, rsa_key.modulus.n) : BYTES_NONE;
}

static bool line_pkcs1(char **f)
{
    u8 plain[512];
    struct buf out = buf_on(plain, sizeof plain);
    bytes block = decrypt(unhex(f[2], bytes_room[2]), bytes_room[3]);
    return !padding_pkcs1_open(block, &out) && bytes_equal(buf_bytes(&out), unhex(f[1], bytes_room[1]));
}

static bool line_oaep(char **f)
{
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_OAEP, .hash = hash_named(f[1]), .mgf = hash_named(f[2]) };
    u8 plain[512];
    struct buf out = buf_on(plain, sizeof plain);
    bytes block = decrypt(unhex(f[4], bytes_room[4]), bytes_room[5]);
    if (padding_oaep_open(&use, BYTES_NONE, block, fresh(), &out) ||
        !bytes_equal(buf_bytes(&out), unhex(f[3], bytes_room[3]))) return false;
    bytes_room[5][block.n - 1] ^= 1;            // and is refused when a bit is wrong
    out.n = 0;
    return padding_oaep_open(&use, BYTES_NONE, block, fresh(), &out) == ST_CIPHER_DATA;
}

// ---- Files ----

static const struct { const char *word; unsigned fields; bool (*check)(char **); } words[] = {
    { "hash", 4, line_hash }, { "seed", 3, line_seed }, { "monte", 3, line_monte }, { "key", 3, line_key },
    { "verify", 8, line_verify }, { "ecdsa", 9, line_ecdsa }, { "pkcs1", 3, line_pkcs1 }, { "oaep", 5, line_oaep } };

static void check_line(char *line, unsigned number)
{
    char *f[FIELDS] = { NULL };
    unsigned n = 0;
    for (char *at = strtok(line, " \n"); at && n < FIELDS; at = strtok(NULL, " \n")) f[n++] = at;
    size_t i = 0;
    while (i < COUNT(words) && strcmp(words[i].word, f[0])) i++;
    if (i == COUNT(words) || n != words[i].fields) test_fail(__FILE__, __LINE__, "line %u: what is that?", number);
    else if (!words[i].check(f)) test_fail(__FILE__, __LINE__, "line %u: %s", number, f[0]);
}

static void check_file(const char *name, unsigned least)
{
    static char line[LINE];
    char path[64];
    unsigned number = 0, checked = 0, failed = 0;
    snprintf(path, sizeof path, "tests/data/vectors/%s", name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file)) {
        number++;
        if (*line == '#') continue;
        test_failing = false;
        check_line(line, number);
        failed += test_failing;
        checked++;
    }
    fclose(file);
    printf("%s: %u vectors\n", name, checked);
    test_failing = failed > 0;
    if (!test_failing) CHECK(checked >= least);
}

TEST(digests_of_the_secure_hash_standard)
{
    CHECK_RV(scene_begin(&(struct sim_piv_options){ .extended = true }), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    check_file("hash.txt", 840);
    scene_end();
}

TEST(rsa_signatures_right_and_wrong)                    { check_file("rsa.txt", 210); }
TEST(ecdsa_signatures_right_and_wrong)                  { check_file("ecdsa.txt", 105); }
TEST(rsa_cryptograms_open_to_what_was_encrypted)        { check_file("decrypt.txt", 200); }

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    if (cipher_start()) return 1;
    RUN(digests_of_the_secure_hash_standard);
    RUN(rsa_signatures_right_and_wrong);
    RUN(ecdsa_signatures_right_and_wrong);
    RUN(rsa_cryptograms_open_to_what_was_encrypted);
    return test_end();
}
