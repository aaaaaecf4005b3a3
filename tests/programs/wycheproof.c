// wycheproof.c: Project Wycheproof's vectors (tests/data/vectors/README.md) through the functions of PKCS#11: verifying,
// decrypting, deriving, AES, HMAC, HKDF. A card's private operation is made with OpenSSL here, with the vector's key;
// a card that checks nothing, so that what is refused is refused by the library.
// SPDX-License-Identifier: 0BSD
//
// All goes over C_*, but for two things for which it includes scard11.c: the DER signatures of cards (padding_ecdsa_to_raw),
// and cryptograms above the modulus that the simulated card's certificate has (C_Decrypt refuses those): what the card
// would answer is unpadded by >>pad.
//
// What is "acceptable" to Wycheproof is decided here, per flag:
//   SigSize            r and s shorter or longer than the standard has them: refused
//   MissingNull        a DigestInfo without its NULL: refused, the block is compared with the one that there is
//   MissingZero        DER, an INTEGER that is negative by its first bit: a card's answer, refused or re-encoded
//   SmallPublicKey     e = 3: taken
//   WeakHash           SHA-1 in PSS: taken
//   CompressedPoint    ECDH: refused
//   Twist, NonCanonicalPublic    X25519 (RFC 7748): computed
//   ZeroSharedSecret   X25519, a point of low order: refused
//   SmallIv            GCM, an IV of less than 12 bytes: taken
// A DER signature that is invalid for nothing but its form (flag BER) is a card's answer like another: refused or
// re-encoded.
#define _POSIX_C_SOURCE 200809L
#include "../../scard11.c"
#include "scene.h"
#include "../sim/sim_myeid.h"
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#define LINE   4096
#define FIELDS 6

enum verdict { VALID, INVALID, EITHER };

struct kind {
    const char *word;
    unsigned names, values;             // of the group's line: words, then bytes
    unsigned fields;                    // of a vector's line
    CK_RV (*key)(void);
    bool made;                          // the key is a session object
    enum verdict (*check)(void);
};

// The line that the following belong to, and one of these.
static const struct kind *kind;
static char name[3][16];
static bytes key_field[2];
static u8 key_room[FIELDS][LINE], room[FIELDS][LINE];
static size_t room_len[FIELDS];
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;                    // of the group
static unsigned asked, above;                   // private operations of the card; cryptograms above its modulus


// ---- Text ----

static int base64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);
    if (!c || !at) abort();
    return (int)(at - digits);
}

static size_t unbase64(const char *text, u8 *out)
{
    size_t n = 0;
    u32 bits = 0, have = 0;
    for (; *text && *text != '.'; text++) {
        bits = bits << 6 | (u32)base64(*text);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out[n++] = (u8)(bits >> have);
    }
    return n;
}

static bytes field(unsigned i) { return bytes_of(room[i], room_len[i]); }

static CK_MECHANISM_TYPE hash_named(const char *text)
{
    static const struct { const char *name; CK_MECHANISM_TYPE type; } names[] = {
        { "SHA1", CKM_SHA_1 }, { "SHA224", CKM_SHA224 }, { "SHA256", CKM_SHA256 },
        { "SHA384", CKM_SHA384 }, { "SHA512", CKM_SHA512 } };
    for (size_t i = 0; i < COUNT(names); i++) if (!strcmp(text, names[i].name)) return names[i].type;
    abort();
}

// The mechanism of a family that hashes itself: the one with that hash in the library's own table of rows.
static CK_MECHANISM_TYPE over(CK_MECHANISM_TYPE hash, enum alg_type type, enum alg_scheme pad)
{
    for (size_t i = 0; i < COUNT(mech_rows); i++)
        if (mech_rows[i].hash == hash && mech_rows[i].key == type && mech_rows[i].scheme == pad) return mech_rows[i].type;
    abort();
}

static CK_RSA_PKCS_MGF_TYPE mgf_of(CK_MECHANISM_TYPE hash)
{
    return hash == CKM_SHA_1 ? CKG_MGF1_SHA1 : hash == CKM_SHA224 ? CKG_MGF1_SHA224
         : hash == CKM_SHA256 ? CKG_MGF1_SHA256 : hash == CKM_SHA384 ? CKG_MGF1_SHA384 : CKG_MGF1_SHA512;
}

// ---- The card's part ----

static const char *private_curve;               // NULL: RSA
static bytes private_key, private_modulus;
static u8 card_modulus[600];

static unsigned rsa_instead(const uint8_t *in, size_t n, struct sim_answer *a)
{
    u8 out[512];
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *c = BN_bin2bn(in, (int)n, NULL), *d = BN_bin2bn(private_key.p, (int)private_key.n, NULL),
           *m = BN_bin2bn(private_modulus.p, (int)private_modulus.n, NULL);
    bool good = BN_mod_exp(c, c, d, m, ctx) && BN_bn2binpad(c, out, (int)private_modulus.n) > 0;
    if (good) sim_put(a, out, private_modulus.n);
    BN_free(c);
    BN_free(d);
    BN_free(m);
    BN_CTX_free(ctx);
    return good ? 0x9000 : 0x6a80;
}

// What a card that checks no point gives: zeros for those of low order.
static unsigned x25519_instead(const uint8_t *in, size_t n, struct sim_answer *a)
{
    u8 out[32] = { 0 };
    size_t len = sizeof out;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key.p, 32),
             *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, in, n);
    EVP_PKEY_CTX *kex = EVP_PKEY_CTX_new(own, NULL);
    if (EVP_PKEY_derive_init(kex) != 1 || EVP_PKEY_derive_set_peer(kex, peer) != 1 ||
        EVP_PKEY_derive(kex, out, &len) != 1) memset(out, 0, sizeof out);
    sim_put(a, out, sizeof out);
    EVP_PKEY_CTX_free(kex);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return 0x9000;
}

static unsigned ec_instead(const uint8_t *in, size_t n, struct sim_answer *a)
{
    const struct alg_curve *curve = alg_curve_named(private_curve);
    EC_GROUP *g = EC_GROUP_new_by_curve_name(curve->bits == 256 ? NID_X9_62_prime256v1
                                           : curve->bits == 384 ? NID_secp384r1 : NID_secp521r1);
    EC_POINT *q = EC_POINT_new(g), *r = EC_POINT_new(g);
    BIGNUM *d = BN_bin2bn(private_key.p, (int)private_key.n, NULL), *x = BN_new();
    u8 out[66];
    bool good = EC_POINT_oct2point(g, q, in, n, NULL) && EC_POINT_mul(g, r, NULL, q, d, NULL) &&
                EC_POINT_get_affine_coordinates(g, r, x, NULL, NULL) && BN_bn2binpad(x, out, (int)curve->size) > 0;
    if (good) sim_put(a, out, curve->size);
    BN_free(x);
    BN_free(d);
    EC_POINT_free(r);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    return good ? 0x9000 : 0x6a80;
}

static unsigned instead(const uint8_t *in, size_t n, struct sim_answer *a)
{
    asked++;
    if (!private_curve) return rsa_instead(in, n, a);
    return strcmp(private_curve, "X25519") ? ec_instead(in, n, a) : x25519_instead(in, n, a);
}

// ---- Keys ----

static CK_BBOOL yes = CK_TRUE;

static CK_RV new_public_ec(void)
{
    const struct alg_curve *curve = alg_curve_named(name[0]);
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    u8 point[160];
    struct buf b = buf_on(point, sizeof point);
    tlv_put(&b, 0x04, key_field[0]);
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VERIFY, &yes, 1 }, { CKA_EC_PARAMS, (void *)curve->oid, curve->oid_len },
                         { CKA_EC_POINT, b.p, b.n } };
    return C_CreateObject(session, t, COUNT(t), &key);
}

static CK_RV new_public_rsa(bytes n, bytes e)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VERIFY, &yes, 1 }, { CKA_MODULUS, (void *)n.p, n.n },
                         { CKA_PUBLIC_EXPONENT, (void *)e.p, e.n } };
    return C_CreateObject(session, t, COUNT(t), &key);
}

static CK_RV new_secret(CK_KEY_TYPE type, bytes value, CK_ATTRIBUTE_TYPE use, CK_OBJECT_HANDLE *object)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { use, &yes, 1 }, { CKA_VALUE, (void *)value.p, value.n } };
    return C_CreateObject(session, t, COUNT(t), object);
}

// The card's private key of a type, and of a size or curve, whose operation is done here.
static CK_RV find_private(CK_KEY_TYPE type, size_t size, const u8 *oid)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type } };
    CK_OBJECT_HANDLE some[16];
    CK_ULONG n = 0;
    CK_RV rv = C_FindObjectsInit(session, t, 2);
    if (!rv) rv = C_FindObjects(session, some, 16, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; !rv && i < n; i++) {
        CK_ATTRIBUTE a = { type == CKK_RSA ? CKA_MODULUS : CKA_EC_PARAMS, card_modulus,
                           sizeof card_modulus };
        rv = C_GetAttributeValue(session, some[i], &a, 1);
        key = some[i];
        if (!rv && a.ulValueLen == size && (!oid || !memcmp(card_modulus, oid, size))) return CKR_OK;
    }
    return rv ? rv : CKR_KEY_HANDLE_INVALID;
}

// ---- What each kind of vector says: the verdict, from what the library does ----

static enum verdict verdict_of(CK_RV rv, CK_RV refusal, CK_RV other)
{
    if (!rv) return VALID;
    if (rv == refusal || rv == other) return INVALID;
    test_fail(__FILE__, __LINE__, "%s: an unexpected CKR %lx", kind->word, (unsigned long)rv);
    return EITHER;
}

// In one call, and in pieces of 1, 2, 3, ... bytes: they may not differ.
static enum verdict verify(CK_MECHANISM *m, bytes message, bytes signature)
{
    CK_RV rv = C_VerifyInit(session, m, key), parts;
    if (!rv) rv = C_Verify(session, (CK_BYTE *)message.p, message.n, (CK_BYTE *)signature.p, signature.n);
    parts = C_VerifyInit(session, m, key);
    for (size_t step = 1; !parts && message.n; step++) {
        bytes part = bytes_head(message, step < message.n ? step : message.n);
        parts = C_VerifyUpdate(session, (CK_BYTE *)part.p, part.n);
        message = bytes_from(message, part.n);
    }
    if (!parts) parts = C_VerifyFinal(session, (CK_BYTE *)signature.p, signature.n);
    if (parts != rv) test_fail(__FILE__, __LINE__, "in parts %lx, else %lx", (unsigned long)parts, (unsigned long)rv);
    return verdict_of(rv, CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE);
}

static enum verdict check_ecdsa(void)
{
    CK_MECHANISM m = { over(hash_named(name[1]), ALG_EC, ALG_RAW), NULL, 0 };
    return verify(&m, field(0), field(1));
}

// A card's answer in DER: refused, or r || s that verifies or does not.
static enum verdict check_der(void)
{
    u8 raw[2 * 66];
    struct buf b = buf_on(raw, sizeof raw);
    CK_MECHANISM m = { over(hash_named(name[1]), ALG_EC, ALG_RAW), NULL, 0 };
    size_t size = alg_curve_named(name[0])->size;
    if (padding_ecdsa_to_raw(field(1), size, &b)) return INVALID;
    if (b.n != 2 * size) test_fail(__FILE__, __LINE__, "r || s of %zu bytes", b.n);
    return verify(&m, field(0), buf_bytes(&b));
}

static enum verdict check_pkcs1(void)
{
    CK_MECHANISM m = { over(hash_named(name[0]), ALG_RSA, ALG_PKCS1), NULL, 0 };
    return verify(&m, field(0), field(1));
}

static enum verdict check_pss(void)
{
    CK_MECHANISM_TYPE hash = hash_named(name[0]);
    CK_RSA_PKCS_PSS_PARAMS p = { hash, mgf_of(hash_named(name[1])), (CK_ULONG)atoi(name[2]) };
    CK_MECHANISM m = { over(hash, ALG_RSA, ALG_PSS), &p, sizeof p };
    bool known = p.mgf == alg_hash_find(hash)->mgf && p.sLen == alg_hash_find(hash)->size;
    if (CIPHER_BIGNUM || known) return verify(&m, field(0), field(1));
    CK_RV rv = C_VerifyInit(session, &m, key);
    if (rv != CKR_MECHANISM_PARAM_INVALID) return verdict_of(rv, CKR_KEY_SIZE_RANGE, CKR_KEY_SIZE_RANGE);
    return EITHER;                      // PSA has one hash, and a salt of its length
}

// Without the card: the same block, unpadded.
static CK_RV open_here(const CK_MECHANISM *m, u8 *out, CK_ULONG *n)
{
    static struct sim_answer block;
    static u8 ALIGNED memory[8192];
    struct scratch scratch = scratch_on(memory, sizeof memory);
    struct buf b = buf_on(out, *n);
    block.n = 0;
    if (rsa_instead(room[0], room_len[0], &block) != 0x9000) return CKR_ENCRYPTED_DATA_INVALID;
    bytes in = bytes_of(block.out, block.n);
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_OAEP };
    if (m->mechanism == CKM_RSA_PKCS_OAEP) {
        use.hash = alg_hash_find(hash_named(name[0]));
        use.mgf = alg_hash_find(hash_named(name[1]));
    }
    st s = use.hash ? padding_oaep_open(&use, field(2), in, scratch, &b) : padding_pkcs1_open(in, &b);
    *n = b.n;
    return s == ST_CIPHER_DATA ? CKR_ENCRYPTED_DATA_INVALID : s ? CKR_GENERAL_ERROR : CKR_OK;
}

static enum verdict check_decrypt(CK_MECHANISM *m)
{
    u8 out[512];
    CK_ULONG n = sizeof out;
    private_modulus = key_field[0];
    private_key = key_field[1];
    private_curve = NULL;
    CK_RV rv = C_DecryptInit(session, m, key);
    if (!rv) rv = C_Decrypt(session, room[0], room_len[0], out, &n);
    if (room_len[0] == private_modulus.n && memcmp(room[0], card_modulus, room_len[0]) >= 0 &&
        memcmp(room[0], private_modulus.p, room_len[0]) < 0) {
        if (rv != CKR_ENCRYPTED_DATA_INVALID) test_fail(__FILE__, __LINE__, "not below the modulus, and taken");
        rv = open_here(m, out, &n);
        above++;
    }
    if (!rv && !bytes_equal(bytes_of(out, n), field(1))) {
        test_fail(__FILE__, __LINE__, "another plain text");
        return EITHER;
    }
    return verdict_of(rv, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE);
}

static enum verdict check_open(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    return check_decrypt(&m);
}

static enum verdict check_oaep(void)
{
    CK_RSA_PKCS_OAEP_PARAMS p = { hash_named(name[0]), mgf_of(hash_named(name[1])),
                                  CKZ_DATA_SPECIFIED, room_len[2] ? room[2] : NULL, room_len[2] };
    CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &p, sizeof p };
    return check_decrypt(&m);
}

// What is refused must not have reached the card, but for X25519, where only the result shows it.
static enum verdict check_derive(void)
{
    bool x25519 = !strcmp(kind->word, "x25519");
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, room_len[0], room[0] };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    u8 secret[66];
    CK_ATTRIBUTE value = { CKA_VALUE, secret, sizeof secret };
    CK_OBJECT_HANDLE derived;
    unsigned before = asked;
    private_curve = x25519 ? "X25519" : name[0];
    private_key = field(1);
    CK_RV rv = C_DeriveKey(session, &m, key, NULL, 0, &derived);
    if (rv && !x25519 && asked != before) test_fail(__FILE__, __LINE__, "the card was asked");
    if (!rv) {
        rv = C_GetAttributeValue(session, derived, &value, 1);
        if (rv || !bytes_equal(bytes_of(secret, value.ulValueLen), field(2)))
            test_fail(__FILE__, __LINE__, "another secret");
        C_DestroyObject(session, derived);
    }
    return verdict_of(rv, CKR_MECHANISM_PARAM_INVALID, CKR_MECHANISM_PARAM_INVALID);
}

static enum verdict crypt_with(CK_MECHANISM *m, bytes secret, bytes plain, bytes cryptogram)
{
    u8 out[LINE];
    CK_ULONG n = sizeof out;
    CK_OBJECT_HANDLE k;
    CK_RV rv = new_secret(CKK_AES, secret, CKA_DECRYPT, &k);
    if (!rv) rv = C_DecryptInit(session, m, k);
    if (rv) return verdict_of(rv, CKR_MECHANISM_PARAM_INVALID, CKR_MECHANISM_PARAM_INVALID);
    rv = C_Decrypt(session, (CK_BYTE *)cryptogram.p, cryptogram.n, out, &n);
    if (!rv && !bytes_equal(bytes_of(out, n), plain)) test_fail(__FILE__, __LINE__, "another plain text");
    C_DestroyObject(session, k);
    if (!rv) {                                  // and the other way round
        n = sizeof out;
        rv = new_secret(CKK_AES, secret, CKA_ENCRYPT, &k);
        if (!rv) rv = C_EncryptInit(session, m, k);
        if (!rv) rv = C_Encrypt(session, (CK_BYTE *)plain.p, plain.n, out, &n);
        if (rv || !bytes_equal(bytes_of(out, n), cryptogram)) test_fail(__FILE__, __LINE__, "another cryptogram");
        C_DestroyObject(session, k);
    }
    return verdict_of(rv, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE);
}

static enum verdict check_cbc(void)
{
    CK_MECHANISM m = { CKM_AES_CBC_PAD, room[1], room_len[1] };
    return crypt_with(&m, field(0), field(2), field(3));
}

static enum verdict check_gcm(void)
{
    CK_GCM_PARAMS p = { room[1], room_len[1], room_len[1] * 8, room[2], room_len[2],
                        (CK_ULONG)atoi(name[0]) };
    CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
    memcpy(room[4] + room_len[4], room[5], room_len[5]);
    return crypt_with(&m, field(0), field(3), bytes_of(room[4], room_len[4] + room_len[5]));
}

static enum verdict check_hmac(void)
{
    CK_MECHANISM_TYPE hash = hash_named(name[0]);
    CK_ULONG len = (CK_ULONG)atoi(name[1]);
    CK_MECHANISM m = { over(hash, ALG_SECRET, ALG_HMAC), NULL, 0 };
    if (len != alg_hash_find(hash)->size)       // the row behind is the one with a length
        for (size_t i = 0; i < COUNT(mech_rows); i++)
            if (mech_rows[i].hash == hash && mech_rows[i].param == MECH_MAC)
                m = (CK_MECHANISM){ mech_rows[i].type, &len, sizeof len };
    CK_RV rv = new_secret(CKK_GENERIC_SECRET, field(0), CKA_VERIFY, &key);
    if (rv) return verdict_of(rv, rv + 1, rv + 1);
    enum verdict v = verify(&m, field(1), field(2));
    C_DestroyObject(session, key);
    return v;
}

static enum verdict check_hkdf(void)
{
    CK_HKDF_PARAMS p = { CK_TRUE, CK_TRUE, hash_named(name[0]),
                         room_len[1] ? CKF_HKDF_SALT_DATA : CKF_HKDF_SALT_NULL,
                         room_len[1] ? room[1] : NULL, room_len[1], 0, room_len[2] ? room[2] : NULL, room_len[2] };
    CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof p };
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG len = room_len[3];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VALUE_LEN, &len, sizeof len } };
    u8 okm[LINE];
    CK_ATTRIBUTE value = { CKA_VALUE, okm, sizeof okm };
    CK_OBJECT_HANDLE base, derived;
    CK_RV rv = new_secret(CKK_GENERIC_SECRET, field(0), CKA_DERIVE, &base);
    if (!rv) rv = C_DeriveKey(session, &m, base, t, 3, &derived);
    if (!rv) rv = C_GetAttributeValue(session, derived, &value, 1);
    if (!rv && !bytes_equal(bytes_of(okm, value.ulValueLen), field(3))) test_fail(__FILE__, __LINE__, "another key");
    C_DestroyObject(session, derived);
    C_DestroyObject(session, base);
    return verdict_of(rv, CKR_KEY_SIZE_RANGE, CKR_KEY_SIZE_RANGE);
}

// ---- The file ----

static CK_RV key_none(void)   { return CKR_OK; }
static CK_RV key_pkcs1(void)  { return new_public_rsa(key_field[0], key_field[1]); }
static CK_RV key_pss(void)    { return new_public_rsa(key_field[0], key_field[1]); }
static CK_RV key_open(void)   { return find_private(CKK_RSA, key_field[0].n, NULL); }
static CK_RV key_oaep(void)   { return find_private(CKK_RSA, key_field[0].n, NULL); }
static CK_RV key_ecdh(void)
{
    const struct alg_curve *curve = alg_curve_named(name[0]);
    return find_private(CKK_EC, curve->oid_len, curve->oid);
}
static CK_RV key_x25519(void) { return find_private(CKK_EC_MONTGOMERY, 5, NULL); }

static const struct kind kinds[] = {
    { "ecdsa", 2, 1, 2, new_public_ec, true, check_ecdsa },
    { "der", 2, 1, 2, new_public_ec, true, check_der },
    { "pkcs1", 1, 2, 2, key_pkcs1, true, check_pkcs1 },
    { "pss", 3, 2, 2, key_pss, true, check_pss },
    { "open", 0, 2, 2, key_open, false, check_open },
    { "oaep", 2, 2, 3, key_oaep, false, check_oaep },
    { "ecdh", 1, 0, 3, key_ecdh, false, check_derive },
    { "x25519", 0, 0, 3, key_x25519, false, check_derive },
    { "cbc", 0, 0, 4, key_none, false, check_cbc },
    { "gcm", 1, 0, 6, key_none, false, check_gcm },
    { "hmac", 2, 0, 3, key_none, false, check_hmac },
    { "hkdf", 1, 0, 4, key_none, false, check_hkdf },
};

// What an acceptable vector's flags make of it; see the top.
static enum verdict decided(const char *flags)
{
    static const char *const refuse[] = { "SigSize", "MissingNull", "CompressedPoint", "ZeroSharedSecret" };
    static const char *const take[] = { "SmallPublicKey", "WeakHash", "Twist", "NonCanonicalPublic", "SmallIv" };
    for (size_t i = 0; i < COUNT(refuse); i++) if (strstr(flags, refuse[i])) return INVALID;
    for (size_t i = 0; i < COUNT(take); i++) if (strstr(flags, take[i])) return VALID;
    return EITHER;
}

static const struct kind *group(char *line)
{
    const struct kind *k = kinds, *end = kinds + COUNT(kinds);
    const char *at = strtok(line, " \n");
    while (k < end && strcmp(k->word, at)) k++;
    memset(name, 0, sizeof name);
    for (unsigned i = 0; k < end && i < k->names + k->values; i++) {
        at = strtok(NULL, " \n");
        if (!at) return NULL;
        if (i < k->names) snprintf(name[i], sizeof name[i], "%s", at);
        else key_field[i - k->names] = bytes_of(key_room[i], unbase64(at, key_room[i]));
    }
    return k < end && !strtok(NULL, " \n") ? k : NULL;
}

static void vector(char *line)
{
    const char *id = strtok(line, " \n"), *result = strtok(NULL, " \n"), *at;
    unsigned n = 0;
    for (; n < FIELDS && (at = strtok(NULL, " \n")); n++)
        if (*at != '"') room_len[n] = unbase64(at, room[n]);
    if (!result || n != kind->fields) {
        test_fail(__FILE__, __LINE__, "%s %s: what is that?", kind->word, id);
        return;
    }
    enum verdict want = *result == 'v' ? VALID : !strcmp(result, "i") ? INVALID : decided(result);
    enum verdict got = kind->check();
    if (got != want && got != EITHER && want != EITHER)
        test_fail(__FILE__, __LINE__, "%s %s %s, vector %s (%s) is %s", kind->word, name[0], name[1], id, result,
                  got == VALID ? "taken" : "refused");
}

// A group's line: with a key to make, or to find on the card.
static bool begin_group(char *line, const char *some)
{
    if (kind && kind->made && key) C_DestroyObject(session, key);
    kind = group(line);
    key = 0;
    if (!kind) {
        test_fail(__FILE__, __LINE__, "%s: what is that?", line);
        return false;
    }
    if (!strstr(some, kind->word) || (!strcmp(kind->word, "ecdh") && !strstr(some, name[0]))) return false;
    CK_RV rv = kind->key();
    if (rv) test_fail(__FILE__, __LINE__, "%s %s: no key, %lx", kind->word, name[0], (unsigned long)rv);
    return !rv;
}

// The vectors of some kinds.
static void check_kinds(const char *some, unsigned least)
{
    static char line[LINE];
    unsigned checked = 0, failed = 0;
    bool mine = false;
    FILE *file = fopen("tests/data/vectors/wycheproof.txt", "r");
    CHECK(file != NULL);
    kind = NULL;
    above = 0;
    while (fgets(line, sizeof line, file)) {
        if (*line == '#') continue;
        test_failing = false;
        if (*line >= 'a') {
            mine = begin_group(line, some);
        } else if (mine) {
            vector(line);
            checked++;
        }
        failed += test_failing;
    }
    fclose(file);
    printf("%s: %u vectors", some, checked);
    if (above) printf(", %u of them not below the modulus of the card's certificate: >>pad alone", above);
    putchar('\n');
    test_failing = failed > 0;
    if (!test_failing) CHECK(checked >= least);
}

static const struct sim_piv_key piv_keys[] = {
    { .ref = 0x9d, .key = SIM_RSA2048A }, { .ref = 0x82, .key = SIM_RSA3072 }, { .ref = 0x83, .key = SIM_RSA4096 },
    { .ref = 0x84, .key = SIM_P256A }, { .ref = 0x85, .key = SIM_P384A }, { .ref = 0x86, .key = SIM_X25519 } };

static void on_card(struct sim_card *card, const char *some, unsigned least)
{
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = card;
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    scene_slot = 0;
    CHECK_RV(scene_login(&session), CKR_OK);
    sim_private_instead = instead;
    check_kinds(some, least);
    sim_private_instead = NULL;
    scene_end();
}

static void on_piv(const char *some, unsigned least)
{
    on_card(sim_piv_new(&(struct sim_piv_options){ .keys = piv_keys, .n_keys = COUNT(piv_keys), .extended = true,
                                                   .retired = 5, .yubikey = true }), some, least);
}

TEST(ecdsa_signatures)                  { on_piv("ecdsa", 530); }
TEST(ecdsa_signatures_of_cards_in_der)  { on_piv("der", 370); }
TEST(rsa_signatures)                    { on_piv("pkcs1", 190); }
TEST(rsa_pss_signatures)                { on_piv("pss", 140); }
TEST(rsa_decryption)                    { on_piv("open oaep", 140); }
TEST(ecdh)                              { on_piv("ecdh P-256 P-384", 180); }
TEST(ecdh_p521)                         { on_card(sim_myeid_new(&(struct sim_myeid_options){ 0 }), "ecdh P-521", 60); }
TEST(x25519)                            { on_piv("x25519", 110); }
TEST(aes)                               { on_piv("cbc gcm", 330); }
TEST(hmac_and_hkdf)                     { on_piv("hmac hkdf", 280); }

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(ecdsa_signatures);
    RUN(ecdsa_signatures_of_cards_in_der);
    RUN(rsa_signatures);
    RUN(rsa_pss_signatures);
    RUN(rsa_decryption);
    RUN(ecdh);
    RUN(ecdh_p521);
    RUN(x25519);
    RUN(aes);
    RUN(hmac_and_hkdf);
    return test_end();
}
