// cards.c: what every kind of card must do, for each kind of tests/programs/kinds.h: objects, certificates,
// every key's work checked by mbedTLS, PINs counted, changed and blocked, logout, budgets, two
// cards of one kind at once. SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "kinds.h"

static const struct cards_kind *kind;
static struct sim_card *cards[2];           // the one in the first reader, and in the second
static CK_SLOT_ID slots[2][2];              // of a reader's tokens
static CK_SESSION_HANDLE sessions[2];
static CK_BYTE text[] = "what is signed", out[1024];
static CK_ULONG out_len;

// ---- A card, or two, in readers ----

static void begin(unsigned n)
{
    CK_SLOT_ID all[4];
    CK_ULONG count = 4;
    unsigned tokens = kind->tokens[1].pin ? 2 : 1;
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    cards[1] = NULL;
    for (unsigned i = 0; i < n; i++) {
        cards[i] = kind->make(i);
        sim_reader_insert(sim_reader_add(i ? "Second Reader 01 00" : SCENE_READER), cards[i]);
    }
    scene_card = cards[0];
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_TRUE, all, &count), CKR_OK);
    CHECK_EQ(count, n * tokens);
    for (CK_ULONG i = 0; i < count; i++) slots[i / tokens][i % tokens] = all[i];
}

static void end(void)
{
    C_Finalize(NULL);
    if (cards[1]) {
        sim_reader_eject(1);
        cards[1]->free(cards[1]);
        cards[1] = NULL;
    }
    scene_end();
}

static CK_RV open_token(unsigned card, unsigned token, bool login)
{
    const char *pin = kind->tokens[token].pin;
    CK_RV rv = C_OpenSession(slots[card][token], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                             &sessions[card]);
    if (!rv && login)
        rv = C_Login(sessions[card], CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
    return rv;
}

// ---- What mbedTLS thinks of it ----

static bool is_25519(enum sim_key key) { return key == SIM_ED25519 || key == SIM_X25519; }

static const uint8_t *raw_25519(enum sim_key key)
{
    return sim_key_data(key)->key + sim_key_data(key)->key_len - 32;
}

// mbedTLS has no Ed25519. The right signature is the only one.
static bool good_ed25519(const CK_BYTE *sig, size_t n)
{
    static struct sim_answer a;
    a.n = 0;
    return sim_ed25519(raw_25519(SIM_ED25519), text, sizeof text, &a) == 0x9000 && a.n == n &&
        !memcmp(a.out, sig, n);
}

// What was right once is not computed again: cards_faults has the same signature hundreds of times.
static struct {
    enum sim_key key;
    mbedtls_md_type_t md;
    bool pss;
    size_t salt, n;
    CK_BYTE sig[512];
} proven;

static bool was_right(enum sim_key key, mbedtls_md_type_t md, bool pss, size_t salt,
                      const CK_BYTE *sig, size_t n)
{
    return n && proven.n == n && proven.key == key && proven.md == md && proven.pss == pss &&
        proven.salt == salt && !memcmp(proven.sig, sig, n);
}

// Is sig right for the hash of text by md? pss: the padding.
static bool good(enum sim_key key, mbedtls_md_type_t md, bool pss, size_t salt, const CK_BYTE *sig,
                 size_t n)
{
    mbedtls_pk_context pk;
    uint8_t hash[64], der[200];
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    mbedtls_pk_rsassa_pss_options options = { md, (int)salt };
    int rc;
    if (key == SIM_ED25519) return good_ed25519(sig, n);
    if (was_right(key, md, pss, salt, sig, n)) return true;
    sim_key_parse(&pk, sim_key_data(key));
    mbedtls_md(info, text, sizeof text, hash);
    if (!mbedtls_pk_can_do(&pk, MBEDTLS_PK_RSA)) {
        size_t len = cards_der(sig, n, der);
        rc = mbedtls_pk_verify(&pk, md, hash, mbedtls_md_get_size(info), der, len);
    } else if (pss) {
        rc = mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &options, &pk, md, hash,
                                   mbedtls_md_get_size(info), sig, n);
    } else {
        rc = mbedtls_pk_verify(&pk, md, hash, mbedtls_md_get_size(info), sig, n);
    }
    mbedtls_pk_free(&pk);
    if (rc || n > sizeof proven.sig) return !rc;
    proven.key = key, proven.md = md, proven.pss = pss, proven.salt = salt;
    memcpy(proven.sig, sig, proven.n = n);
    return true;
}

// ---- Objects ----

static CK_ULONG count_of(unsigned card, CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    CK_ULONG n = 0;
    return scene_count(sessions[card], &t, 1, &n) ? ~(CK_ULONG)0 : n;
}

static bool on_token(const struct cards_key *k, unsigned token)
{
    return k->id && k->token == token;
}

static unsigned keys_of(unsigned token, bool certificate)
{
    unsigned n = 0;
    for (const struct cards_key *k = kind->keys; k < kind->keys + CARDS_KEYS && k->id; k++)
        n += on_token(k, token) && !(certificate && k->no_certificate);
    return n;
}

static CK_KEY_TYPE type_of(enum sim_key key)
{
    return key == SIM_ED25519 ? CKK_EC_EDWARDS : key == SIM_X25519 ? CKK_EC_MONTGOMERY
        : sim_key_data(key)->rsa ? CKK_RSA : CKK_EC;
}

// Is the public key the one that the key's certificate holds, wherever that is?
static bool is_public_key(const struct sim_key_data *d, const CK_BYTE *spki, size_t n)
{
    for (size_t i = 0; i + n <= d->certificate_len; i++)
        if (!memcmp(d->certificate + i, spki, n)) return n > 0;
    return false;
}

static void check_object(unsigned card, const struct cards_key *k)
{
    const struct sim_key_data *d = sim_key_data(cards_which(k, card));
    static CK_BYTE value[3000], spki[3000];
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value },
        s = { CKA_PUBLIC_KEY_INFO, spki, sizeof spki };
    CK_KEY_TYPE type = 0;
    CK_BBOOL always = CK_FALSE;
    CK_ATTRIBUTE a[] = { { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_ALWAYS_AUTHENTICATE, &always, 1 } };
    CK_OBJECT_HANDLE certificate, private, public;
    if (test_failing) return;
    CHECK_RV(scene_find(sessions[card], CKO_PRIVATE_KEY, k->id, &private), CKR_OK);
    CHECK(private);
    CHECK_RV(C_GetAttributeValue(sessions[card], private, a, 2), CKR_OK);
    CHECK_EQ(type, type_of(cards_which(k, card)));
    CHECK_EQ(always, k->always);
    CHECK_RV(scene_find(sessions[card], CKO_PUBLIC_KEY, k->id, &public), CKR_OK);
    CHECK(public);
    CHECK_RV(C_GetAttributeValue(sessions[card], public, &s, 1), CKR_OK);
    CHECK(is_public_key(d, spki, s.ulValueLen));
    if (k->no_certificate) return;
    CHECK_RV(scene_find(sessions[card], CKO_CERTIFICATE, k->id, &certificate), CKR_OK);
    CHECK(certificate);
    CHECK_RV(C_GetAttributeValue(sessions[card], certificate, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == d->certificate_len && !memcmp(value, d->certificate, v.ulValueLen));
    CHECK_RV(C_GetAttributeValue(sessions[card], certificate,
                                 &(CK_ATTRIBUTE){ CKA_PUBLIC_KEY_INFO, value, sizeof value }, 1),
             CKR_OK);
    CHECK(!memcmp(spki, value, s.ulValueLen));
}

// C_GetMechanismInfo knows a key's size, with every mechanism that the key allows.
static void check_sizes(const struct cards_key *k)
{
    CK_MECHANISM_TYPE allowed[64];
    CK_OBJECT_HANDLE private;
    CK_MECHANISM_INFO info;
    CK_ATTRIBUTE a = { CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed };
    const struct sim_key_data *d = sim_key_data(cards_which(k, 0));
    size_t bits = d->bits;
    if (test_failing) return;
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, k->id, &private), CKR_OK);
    CHECK_RV(C_GetAttributeValue(sessions[0], private, &a, 1), CKR_OK);
    CHECK(a.ulValueLen);
    for (size_t i = 0; i < a.ulValueLen / sizeof *allowed; i++) {
        CHECK_RV(C_GetMechanismInfo(slots[0][k->token], allowed[i], &info), CKR_OK);
        CHECK(info.ulMinKeySize <= bits && bits <= info.ulMaxKeySize);
    }
}

static void check_data(unsigned n, const char *label, const char *want)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
    CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
    CK_OBJECT_HANDLE o;
    if (test_failing || !n) return;
    CHECK_RV(scene_search(sessions[0], t, 2, &o), CKR_OK);
    CHECK(o);
    CHECK_RV(C_GetAttributeValue(sessions[0], o, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == strlen(want) && !memcmp(out, want, v.ulValueLen));
}

TEST(cards_list)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        CHECK_RV(open_token(0, t, false), CKR_OK);
        CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 0);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), keys_of(t, true) + (t ? 0 : kind->authorities));
        CHECK_EQ(count_of(0, CKO_PUBLIC_KEY), keys_of(t, false));
        if (!t) CHECK_EQ(count_of(0, CKO_DATA), kind->data);
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
        CHECK_RV(open_token(0, t, true), CKR_OK);
        CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), keys_of(t, false));
        if (!t) CHECK_EQ(count_of(0, CKO_DATA), kind->data + kind->data_private);
        for (unsigned i = 0; i < CARDS_KEYS; i++) {
            if (!on_token(&kind->keys[i], t)) continue;
            check_object(0, &kind->keys[i]);
            check_sizes(&kind->keys[i]);
        }
        if (!t && kind->data_private)
            check_data(kind->data, kind->note ? kind->note : "Note", "anyone may read this");
        if (!t)
            check_data(kind->data_private, kind->secret ? kind->secret : "Secret", "with the PIN");
        if (!test_failing) CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
    end();
}

// ---- Keys at work ----

static CK_RV private_of(unsigned card, const struct cards_key *k, CK_OBJECT_HANDLE *key)
{
    CK_RV rv = scene_find(sessions[card], CKO_PRIVATE_KEY, k->id, key);
    return rv ? rv : *key ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign_with(unsigned card, const struct cards_key *k, CK_MECHANISM *m, const void *in,
                       size_t n)
{
    const char *pin = kind->tokens[k->token].pin;
    CK_OBJECT_HANDLE key;
    CK_RV rv = private_of(card, k, &key);
    out_len = sizeof out;
    if (!rv) rv = C_SignInit(sessions[card], m, key);
    if (!rv && k->always)
        rv = C_Login(sessions[card], CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)pin,
                     strlen(pin));
    return rv ? rv : C_Sign(sessions[card], (CK_BYTE_PTR)(uintptr_t)in, n, out, &out_len);
}

// The mechanism that every key of a kind can sign with, with SHA-256 if the card lets it.
static CK_MECHANISM usual(const struct cards_key *k, mbedtls_md_type_t *md)
{
    bool rsa = sim_key_data(k->key)->rsa;
    *md = k->only == CKM_ECDSA_SHA1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256;
    if (k->key == SIM_ED25519) return (CK_MECHANISM){ CKM_EDDSA, NULL, 0 };
    return (CK_MECHANISM){ k->only ? k->only : rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL,
                           0 };
}

static void check_sign(unsigned card, const struct cards_key *k)
{
    mbedtls_md_type_t md;
    CK_MECHANISM m = usual(k, &md);
    if (test_failing) return;
    CHECK_RV(sign_with(card, k, &m, text, sizeof text), CKR_OK);
    CHECK(good(cards_which(k, card), md, false, 0, out, out_len));
}

static const struct { CK_MECHANISM_TYPE rsa, ec, pss, hash; CK_RSA_PKCS_MGF_TYPE mgf;
                      mbedtls_md_type_t md; CK_ULONG size; } hashes[] = {
    { CKM_SHA1_RSA_PKCS, CKM_ECDSA_SHA1, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1,
      MBEDTLS_MD_SHA1, 20 },
    { CKM_SHA224_RSA_PKCS, CKM_ECDSA_SHA224, CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224,
      MBEDTLS_MD_SHA224, 28 },
    { CKM_SHA256_RSA_PKCS, CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256,
      MBEDTLS_MD_SHA256, 32 },
    { CKM_SHA384_RSA_PKCS, CKM_ECDSA_SHA384, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384,
      MBEDTLS_MD_SHA384, 48 },
    { CKM_SHA512_RSA_PKCS, CKM_ECDSA_SHA512, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512,
      MBEDTLS_MD_SHA512, 64 },
};
#define HASHES (sizeof hashes / sizeof *hashes)

static bool offered(CK_MECHANISM_TYPE type, CK_FLAGS flag)
{
    CK_MECHANISM_INFO info;
    return !C_GetMechanismInfo(slots[0][0], type, &info) && info.flags & flag;
}

// With every hash, and by hand: a DigestInfo, or a hash.
static void check_hashes(const struct cards_key *k)
{
    bool rsa = sim_key_data(k->key)->rsa;
    if (is_25519(k->key)) return;
    for (size_t i = 0; i < HASHES && !test_failing; i++) {
        CK_MECHANISM m = { rsa ? hashes[i].rsa : hashes[i].ec, NULL, 0 };
        CK_RV rv = sign_with(0, k, &m, text, sizeof text);
        if (!rsa) CHECK_EQ(offered(m.mechanism, CKF_SIGN), !k->only || m.mechanism == k->only);
        CHECK(offered(m.mechanism, CKF_VERIFY));
        if (k->only && m.mechanism != k->only) {
            CHECK_RV(rv, CKR_MECHANISM_INVALID);
            continue;
        }
        if (rv && k->id == kind->no_sha1 && hashes[i].md == MBEDTLS_MD_SHA1) continue;
        CHECK_RV(rv, CKR_OK);
        CHECK(good(k->key, hashes[i].md, false, 0, out, out_len));
    }
    if (!test_failing && !rsa) CHECK_EQ(offered(CKM_ECDSA, CKF_SIGN), !k->only);
    if (test_failing || rsa || k->only) return;
    CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
    uint8_t hash[32];
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), text, sizeof text, hash);
    CHECK_RV(sign_with(0, k, &raw, hash, 32), CKR_OK);
    CHECK(good(k->key, MBEDTLS_MD_SHA256, false, 0, out, out_len));
}

static void check_pss(const struct cards_key *k)
{
    unsigned pss = k->pss ? k->pss : kind->pss;
    if (test_failing || !sim_key_data(k->key)->rsa) return;
    CHECK_EQ(offered(CKM_SHA256_RSA_PKCS_PSS, CKF_SIGN), kind->pss > 0);
    for (size_t i = 0; i < HASHES && kind->pss && !test_failing; i++) {
        CK_RSA_PKCS_PSS_PARAMS p = { hashes[i].hash, hashes[i].mgf, hashes[i].size };
        CK_MECHANISM m = { hashes[i].pss, &p, sizeof p };
        bool too_long = SCARD11_ANSWER == 258 && kind->no_chains && pss == 2;
        CHECK_RV(sign_with(0, k, &m, text, sizeof text),
                 too_long ? CKR_FUNCTION_NOT_SUPPORTED : CKR_OK);
        if (too_long) continue;             // the block, for a short command
        CHECK(good(k->key, hashes[i].md, true, p.sLen, out, out_len));
        p.sLen = 0;                         // another salt: the host's padding alone can do it
        CK_RV rv = sign_with(0, k, &m, text, sizeof text);
        if (pss == 1) CHECK_RV(rv, CKR_MECHANISM_PARAM_INVALID);
        if (pss == 2) CHECK(!rv && good(k->key, hashes[i].md, true, 0, out, out_len));
    }
}

static int any_bytes(void *arg, unsigned char *p, size_t n)
{
    (void)arg;
    return C_GenerateRandom(sessions[0], p, n) != CKR_OK;
}

// mbedTLS encrypts, the card decrypts.
static void check_decrypt(unsigned card, const struct cards_key *k, bool oaep)
{
    static const char plain[] = "sixteen byte key";
    CK_RSA_PKCS_OAEP_PARAMS params = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_MECHANISM m = { oaep ? CKM_RSA_PKCS_OAEP : CKM_RSA_PKCS, oaep ? &params : NULL,
                       oaep ? sizeof params : 0 };
    mbedtls_pk_context pk;
    CK_OBJECT_HANDLE key;
    uint8_t cipher[512];
    size_t n = 0;
    if (test_failing) return;
    CHECK_EQ(offered(CKM_RSA_PKCS_OAEP, CKF_DECRYPT), kind->raw);
    sim_key_parse(&pk, sim_key_data(cards_which(k, card)));
    if (oaep) mbedtls_rsa_set_padding(mbedtls_pk_rsa(pk), MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA1);
    if (mbedtls_pk_encrypt(&pk, (const uint8_t *)plain, 16, cipher, &n, sizeof cipher,
                           any_bytes, NULL)) abort();
    mbedtls_pk_free(&pk);
    CHECK_RV(private_of(card, k, &key), CKR_OK);
    CHECK_RV(C_DecryptInit(sessions[card], &m, key), CKR_OK);
    out_len = sizeof out;
    CK_RV said = C_Decrypt(sessions[card], cipher, n, out, &out_len);
    if (SCARD11_ANSWER == 258 && kind->no_chains) {     // too long for a short command
        CHECK_RV(said, CKR_FUNCTION_NOT_SUPPORTED);
        return;
    }
    CHECK_RV(said, CKR_OK);
    CHECK(out_len == 16 && !memcmp(out, plain, 16));
    cipher[n - 1] ^= 1;                     // another cryptogram: no plaintext of the first
    CHECK_RV(C_DecryptInit(sessions[card], &m, key), CKR_OK);
    out_len = sizeof out;
    CK_RV rv = C_Decrypt(sessions[card], cipher, n, out, &out_len);
    CHECK(rv == CKR_ENCRYPTED_DATA_INVALID || (!rv && (out_len != 16 || memcmp(out, plain, 16))));
}

// A peer's point, and the secret that it derives with the card's public key. Returns the point's length.
static size_t make_peer(enum sim_key key, uint8_t *point, size_t room, uint8_t *want, size_t *size)
{
    mbedtls_pk_context pk;
    mbedtls_ecp_keypair peer;
    mbedtls_mpi z;
    size_t n = 0;
    sim_key_parse(&pk, sim_key_data(key));
    mbedtls_ecp_keypair *mine = mbedtls_pk_ec(pk);
    mbedtls_ecp_keypair_init(&peer);
    mbedtls_mpi_init(&z);
    *size = (mine->grp.pbits + 7) / 8;
    if (mbedtls_ecp_gen_key(mine->grp.id, &peer, any_bytes, NULL) ||
        mbedtls_ecp_point_write_binary(&peer.grp, &peer.Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, point,
                                       room) ||
        mbedtls_ecdh_compute_shared(&peer.grp, &z, &mine->Q, &peer.d, any_bytes, NULL) ||
        mbedtls_mpi_write_binary(&z, want, *size)) abort();
    mbedtls_mpi_free(&z);
    mbedtls_ecp_keypair_free(&peer);
    mbedtls_pk_free(&pk);
    return n;
}

static size_t make_peer_25519(uint8_t *point, uint8_t *want, size_t *size)
{
    static struct sim_answer a;
    uint8_t peer[32], mine[32];
    a.n = 0;
    if (any_bytes(NULL, peer, 32) || !sim_25519_public(false, peer, point) ||
        !sim_25519_public(false, raw_25519(SIM_X25519), mine) ||
        sim_x25519(peer, mine, 32, &a) != 0x9000) abort();
    memcpy(want, a.out, 32);
    *size = 32;
    return 32;
}

// A peer derives the same secret.
static void check_derive(unsigned card, const struct cards_key *k)
{
    uint8_t point[133], want[66];
    size_t n, size;
    CK_OBJECT_HANDLE key, derived;
    enum sim_key which = cards_which(k, card);
    if (test_failing) return;
    n = which == SIM_X25519 ? make_peer_25519(point, want, &size)
        : make_peer(which, point, sizeof point, want, &size);
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, n, point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &params, sizeof params };
    CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
    CHECK_RV(private_of(card, k, &key), CKR_OK);
    CHECK_RV(C_DeriveKey(sessions[card], &m, key, NULL, 0, &derived), CKR_OK);
    CHECK_RV(C_GetAttributeValue(sessions[card], derived, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == size && !memcmp(out, want, size));
    unsigned apdus = cards[card]->apdus;
    params.kdf = CKD_CPDIVERSIFY_KDF;                   // unknown here: the card is not asked
    CHECK_RV(C_DeriveKey(sessions[card], &m, key, NULL, 0, &derived), CKR_MECHANISM_PARAM_INVALID);
    CHECK_EQ(cards[card]->apdus, apdus);
}

// What a key is not for is refused before the card is asked.
static void check_other_uses(const struct cards_key *k)
{
    bool rsa = sim_key_data(k->key)->rsa;
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE key;
    if (test_failing) return;
    CHECK_RV(private_of(0, k, &key), CKR_OK);
    if (rsa && !(k->use & CARDS_DECRYPT))
        CHECK_RV(C_DecryptInit(sessions[0], &m, key), offered(CKM_RSA_PKCS, CKF_DECRYPT)
                 ? CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_MECHANISM_INVALID);
    if (rsa && !(k->use & CARDS_SIGN))
        CHECK_RV(C_SignInit(sessions[0], &m, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

TEST(cards_work)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        CHECK_RV(open_token(0, t, true), CKR_OK);
        for (unsigned i = 0; i < CARDS_KEYS; i++) {
            const struct cards_key *k = &kind->keys[i];
            if (!on_token(k, t)) continue;
            if (k->use & CARDS_SIGN) check_sign(0, k);
            if (k->use & CARDS_SIGN) check_hashes(k);
            if (k->use & CARDS_SIGN) check_pss(k);
            if (k->use & CARDS_DECRYPT) check_decrypt(0, k, false);
            if (k->use & CARDS_DECRYPT && kind->raw) check_decrypt(0, k, true);
            if (k->use & CARDS_DERIVE) check_derive(0, k);
            check_other_uses(k);
            if (test_failing) printf("    key %02x of %s\n", k->id, kind->name);
        }
        if (!test_failing) CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
    end();
}

// ---- Lengths: whose fault ----

static size_t (*whole_apdu)(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                            size_t room);

// An answer to a signature or a decryption is a byte longer than it should be; a plaintext that the
// card took the padding off, as long as no padded block can have held it.
static size_t longer_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                          size_t room)
{
    static bool signs, opens;
    size_t len = whole_apdu(card, cmd, n, rsp, room), more = len + 1;
    if (cmd[1] != 0xc0) {                   // GET RESPONSE goes on with what was before
        signs = (cmd[1] == 0x2a && cmd[2] == 0x9e) || cmd[1] == 0x88 || cmd[1] == 0x68;
        opens = (cmd[1] == 0x2a && cmd[2] == 0x80) || cmd[1] == 0x62;
        if (cmd[1] == 0x42 && !cmd[2]) signs = opens = true;    // a CAC's
    }
    if ((!signs && !opens) || len <= 2 || rsp[len - 2] != 0x90) return len;
    if (opens && len < 200) more = 250;
    memset(rsp + len - 2, 0x5a, more - len);
    rsp[more - 2] = 0x90;
    rsp[more - 1] = 0;
    return more;
}

// The caller's: too long for the key, refused before the card is asked.
static void check_caller(const struct cards_key *k)
{
    static CK_BYTE big[520] = { 1 };
    CK_ULONG size = sim_key_data(k->key)->bits / 8;
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE key;
    if (test_failing || !sim_key_data(k->key)->rsa) return;
    unsigned at = cards[0]->apdus;
    if (k->use & CARDS_SIGN && !k->only && !k->always) {
        CHECK_RV(sign_with(0, k, &m, big, size - 10), CKR_DATA_LEN_RANGE);
        CHECK_EQ(cards[0]->apdus, at);
    }
    if (!(k->use & CARDS_DECRYPT)) return;
    CHECK_RV(private_of(0, k, &key), CKR_OK);
    for (CK_ULONG n = size - 1; n <= size + 1; n += 2) {
        CHECK_RV(C_DecryptInit(sessions[0], &m, key), CKR_OK);
        out_len = sizeof out;
        CHECK_RV(C_Decrypt(sessions[0], big, n, out, &out_len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    CHECK_EQ(cards[0]->apdus, at);
    CHECK_RV(scene_find(sessions[0], CKO_PUBLIC_KEY, k->id, &key), CKR_OK);
    CHECK_RV(C_EncryptInit(sessions[0], &m, key), CKR_OK);
    out_len = sizeof out;
    CHECK_RV(C_Encrypt(sessions[0], big, size - 10, out, &out_len), CKR_DATA_LEN_RANGE);
}

// The card's: no length of the caller's was wrong.
static void check_card(const struct cards_key *k)
{
    CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE cipher[512];
    CK_ULONG n = sizeof cipher;
    CK_OBJECT_HANDLE key;
    mbedtls_md_type_t md;
    if (test_failing) return;
    whole_apdu = cards[0]->apdu;
    if (k->use & CARDS_SIGN) {
        CK_MECHANISM m = usual(k, &md);
        check_sign(0, k);
        cards[0]->apdu = longer_apdu;
        CK_RV rv = sign_with(0, k, &m, text, sizeof text);
        cards[0]->apdu = whole_apdu;
        CHECK_RV(rv, CKR_DEVICE_ERROR);
    }
    if (!(k->use & CARDS_DECRYPT)) return;
    CHECK_RV(scene_find(sessions[0], CKO_PUBLIC_KEY, k->id, &key), CKR_OK);
    CHECK_RV(C_EncryptInit(sessions[0], &rsa, key), CKR_OK);
    CHECK_RV(C_Encrypt(sessions[0], text, sizeof text, cipher, &n), CKR_OK);
    CHECK_RV(private_of(0, k, &key), CKR_OK);
    CHECK_RV(C_DecryptInit(sessions[0], &rsa, key), CKR_OK);
    cards[0]->apdu = longer_apdu;
    out_len = sizeof out;
    CK_RV rv = C_Decrypt(sessions[0], cipher, n, out, &out_len);
    cards[0]->apdu = whole_apdu;
    CHECK_RV(rv, CKR_DEVICE_ERROR);
}

TEST(cards_whose_fault_a_length_is)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        CHECK_RV(open_token(0, t, true), CKR_OK);
        for (unsigned i = 0; i < CARDS_KEYS && !test_failing; i++) {
            const struct cards_key *k = &kind->keys[i];
            if (!on_token(k, t)) continue;
            check_card(k);                  // reads what it needs
            check_caller(k);
            if (test_failing) printf("    key %02x of %s\n", k->id, kind->name);
        }
        if (!test_failing) CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
    end();
}

// ---- Signatures that are wrong ----

// A bit of each signature, or of its padded block, is another. The answer is as long as ever.
static size_t wrong_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                         size_t room)
{
    size_t len = whole_apdu(card, cmd, n, rsp, room);
    bool signs = (cmd[1] == 0x2a && cmd[2] == 0x9e) || cmd[1] == 0x88 || cmd[1] == 0x68 ||
                 cmd[1] == 0x42;
    bool opens = cmd[1] == 0x2a && cmd[2] == 0x80;      // which MyEID signs with
    if ((signs || opens || cmd[1] == 0xc0) && len > 34) rsp[20] ^= 1;
    return len;
}

// With SCARD11_CHECK_SIGNATURES no signature of a card is given out that is wrong, whatever was sent
// on trust and what was not. mbedTLS cannot check one of Ed25519.
TEST(cards_that_sign_wrongly)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        CHECK_RV(open_token(0, t, true), CKR_OK);
        for (const struct cards_key *k = kind->keys; k < kind->keys + CARDS_KEYS && k->id; k++) {
            mbedtls_md_type_t md;
            CK_MECHANISM m = usual(k, &md);
            if (!on_token(k, t) || !(k->use & CARDS_SIGN) || is_25519(k->key)) continue;
            check_sign(0, k);
            whole_apdu = cards[0]->apdu;
            cards[0]->apdu = wrong_apdu;
            CK_RV rv = sign_with(0, k, &m, text, sizeof text);
            cards[0]->apdu = whole_apdu;
            CHECK_RV(rv, CKR_DEVICE_ERROR);
        }
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
    end();
}

// ---- PINs ----

static CK_RV login(const char *pin)
{
    return C_Login(sessions[0], CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV set_pin(const char *old, const char *fresh)
{
    return C_SetPIN(sessions[0], (CK_UTF8CHAR_PTR)(uintptr_t)old, strlen(old),
                    (CK_UTF8CHAR_PTR)(uintptr_t)fresh, strlen(fresh));
}

static CK_FLAGS token_flags(unsigned token)
{
    CK_TOKEN_INFO info;
    return C_GetTokenInfo(slots[0][token], &info) ? ~(CK_FLAGS)0 : info.flags;
}

static void check_pin(unsigned token)
{
    const struct cards_token *t = &kind->tokens[token];
    struct sim_pin pin = cards_pin(cards[0], t);
    char wrong[20], longer[66] = { 0 };
    strcpy(wrong, t->pin);
    wrong[0] ^= 1;
    CHECK_RV(open_token(0, token, false), CKR_OK);
    CHECK_EQ(*pin.left, t->tries);
    CHECK_RV(login(""), CKR_PIN_LEN_RANGE);
    CHECK_RV(login("1"), CKR_PIN_LEN_RANGE);
    memset(longer, '1', kind->longest_pin ? kind->longest_pin + 1 : 23);
    CHECK_RV(login(longer), CKR_PIN_LEN_RANGE);
    CHECK_EQ(*pin.left, t->tries);
    CHECK_RV(login(wrong), CKR_PIN_INCORRECT);
    CHECK_EQ(*pin.left, t->tries - 1);
    CHECK(token_flags(token) & CKF_USER_PIN_COUNT_LOW);
    CHECK_RV(set_pin(wrong, t->pin), CKR_PIN_INCORRECT);
    CHECK_EQ(*pin.left, t->tries - 2);
    if (t->tries == 3) CHECK(token_flags(token) & CKF_USER_PIN_FINAL_TRY);
    CHECK_RV(login(t->pin), CKR_OK);
    CHECK_EQ(*pin.left, t->tries);
    CHECK(!(token_flags(token) & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)));
    CHECK(*pin.verified);
    CHECK_RV(set_pin(t->pin, wrong), CKR_OK);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK(!*pin.verified);                  // really
    CHECK_RV(login(t->pin), CKR_PIN_INCORRECT);
    CHECK_RV(login(wrong), CKR_OK);
    CHECK_RV(set_pin(wrong, t->pin), CKR_OK);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    CHECK(!*pin.verified);
}

TEST(cards_pins)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) check_pin(t);
    end();
}

TEST(cards_blocked)
{
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        struct sim_pin pin = cards_pin(cards[0], &kind->tokens[t]);
        char wrong[20];
        strcpy(wrong, kind->tokens[t].pin);
        wrong[0] ^= 1;
        CHECK_RV(open_token(0, t, false), CKR_OK);
        for (unsigned i = 1; i < kind->tokens[t].tries; i++)
            CHECK_RV(login(wrong), CKR_PIN_INCORRECT);
        CHECK_RV(login(wrong), CKR_PIN_LOCKED);
        CHECK_EQ(*pin.left, 0);
        CHECK(token_flags(t) & CKF_USER_PIN_LOCKED);
        CHECK_RV(login(kind->tokens[t].pin), CKR_PIN_LOCKED);
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
        if (t) continue;                    // the other token's PIN is its own
        if (kind->tokens[1].pin) CHECK(!(token_flags(1) & CKF_USER_PIN_LOCKED));
    }
    end();
}

static CK_ULONG tries_left(unsigned token)
{
    CK_ULONG left = 99;
    CK_RV rv = scard11_pin_tries(slots[0][token], CKU_USER, &left);
    return rv ? 1000 + rv : left;
}

// What is said of tries is what the card counts, also where another program's wrong PIN took one;
// or nothing. To ask costs none, ends no login, and needs no more memory each time.
static void check_tries(unsigned token)
{
    const struct cards_token *t = &kind->tokens[token];
    struct sim_pin pin = cards_pin(cards[0], t);
    struct scard11_counters before, after;
    char wrong[20];
    strcpy(wrong, t->pin);
    wrong[0] ^= 1;
    bool told = tries_left(token) != CK_UNAVAILABLE_INFORMATION;
    CHECK_EQ(told, !kind->silent_tries);
    --*pin.left;
    if (told) CHECK_EQ(tries_left(token), t->tries - 1);
    CHECK_RV(open_token(0, token, false), CKR_OK);
    CHECK_RV(login(wrong), CKR_PIN_INCORRECT);
    CHECK_EQ(tries_left(token), t->tries - 2);
    CHECK_RV(login(t->pin), CKR_OK);
    CHECK_RV(scard11_stats(slots[0][token], &before), CKR_OK);
    if (!kind->silent_tries) CHECK_EQ(tries_left(token), t->tries);
    CHECK_RV(scard11_stats(slots[0][token], &after), CKR_OK);
    CHECK_EQ(after.commands, before.commands);
    CHECK(*pin.verified);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK_RV(scard11_stats(slots[0][token], &before), CKR_OK);
    for (int i = 0; i < 20; i++) tries_left(token);
    CHECK_RV(scard11_stats(slots[0][token], &after), CKR_OK);
    CHECK_EQ(after.card_memory, before.card_memory);
    CHECK_EQ(*pin.left, t->tries);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
}

TEST(cards_tries)
{
    CK_ULONG left;
    begin(1);
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) check_tries(t);
    CHECK_RV(scard11_pin_tries(slots[0][0], CKU_CONTEXT_SPECIFIC, &left), CKR_USER_TYPE_INVALID);
    if (kind->tokens[0].puk) CHECK_RV(scard11_pin_tries(slots[0][0], CKU_SO, &left), CKR_OK);
    end();
}

// ---- A program that finds its key again ----

// The one object that has this CKA_UNIQUE_ID.
static CK_OBJECT_HANDLE with_unique_id(CK_BYTE *name, CK_ULONG n)
{
    CK_ATTRIBUTE t = { CKA_UNIQUE_ID, name, n };
    CK_OBJECT_HANDLE found[2] = { 0, 0 };
    CK_ULONG count = 0;
    CK_RV rv = C_FindObjectsInit(sessions[0], &t, 1);
    if (!rv) rv = C_FindObjects(sessions[0], found, 2, &count);
    if (!rv) rv = C_FindObjectsFinal(sessions[0]);
    return rv || count != 1 ? 0 : found[0];
}

static CK_RV name_of(CK_OBJECT_HANDLE object, CK_BYTE *name, CK_ULONG *n)
{
    CK_ATTRIBUTE t = { CKA_UNIQUE_ID, name, *n };
    CK_RV rv = C_GetAttributeValue(sessions[0], object, &t, 1);
    *n = t.ulValueLen;
    return rv;
}

// The first search after a login is the one for the name, in another reader, after the library was
// begun anew, and after the card was pulled: the key of that name is the key, and it signs.
TEST(cards_find_a_key_again)
{
    const struct cards_key *k = &kind->keys[0];
    CK_OBJECT_HANDLE key;
    CK_BYTE name[128], again[128], id[64];
    CK_ULONG n = sizeof name, m;
    CK_ATTRIBUTE about = { CKA_ID, id, sizeof id };
    begin(1);
    CHECK_RV(open_token(0, k->token, true), CKR_OK);
    CHECK_RV(private_of(0, k, &key), CKR_OK);
    CHECK_RV(name_of(key, name, &n), CKR_OK);
    for (int turn = 0; turn < 2 && !test_failing; turn++) {
        sim_reader_eject(0);
        if (turn) {
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            sim_reader_unplug(0);
            sim_reader_add("Another Reader 01 00");
            CHECK_RV(C_Initialize(NULL), CKR_OK);
            CK_ULONG count = 4;
            CK_SLOT_ID there[4];
            sim_reader_insert(1, cards[0]);
            CHECK_RV(C_GetSlotList(CK_TRUE, there, &count), CKR_OK);
            for (CK_ULONG t = 0; t < count && t < 2; t++) slots[0][t] = there[t];
        } else {
            sim_reader_insert(0, cards[0]);
        }
        CK_RV rv = open_token(0, k->token, true);
        if (rv == CKR_DEVICE_REMOVED) rv = open_token(0, k->token, true);
        CHECK_RV(rv, CKR_OK);
        key = with_unique_id(name, n);
        CHECK(key);
        m = sizeof again;
        CHECK_RV(name_of(key, again, &m), CKR_OK);
        CHECK(m == n && !memcmp(again, name, n));
        CHECK_RV(C_GetAttributeValue(sessions[0], key, &about, 1), CKR_OK);
        CHECK(about.ulValueLen && id[about.ulValueLen - 1] == k->id);
        about.ulValueLen = sizeof id;
        check_sign(0, k);
    }
    end();
}

// Without a login, and after a logout, no key works.
TEST(cards_logged_out)
{
    mbedtls_md_type_t md;
    CK_OBJECT_HANDLE key;
    const struct cards_key *k = &kind->keys[0];
    CK_MECHANISM m = usual(k, &md);
    begin(1);
    CHECK_RV(open_token(0, k->token, true), CKR_OK);
    check_sign(0, k);
    if (test_failing) return;
    CHECK_RV(private_of(0, k, &key), CKR_OK);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK(C_SignInit(sessions[0], &m, key) != CKR_OK);
    CHECK_RV(login(kind->tokens[k->token].pin), CKR_OK);
    CHECK_RV(C_SignInit(sessions[0], &m, key), CKR_KEY_HANDLE_INVALID);
    check_sign(0, k);
    end();
}

// A reset by another program before the work has begun, at the SELECT that a new connection begins
// with: what needs no login is begun again.
TEST(cards_reset_at_the_first_command)
{
    CK_ULONG n = 0;
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    for (enum sim_fault f = SIM_RESET; f <= SIM_RESET_AFTER; f++) {
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        sim_reader_fault(f, 1, NULL);
        CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    }
    end();
}

// A logout of one token may end the other's login too, where the card has no command for it: then a
// SELECT or a reset is one. What the library says of the other is what the card would say.
TEST(cards_logout_of_one)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE s[2];
    CK_OBJECT_HANDLE old, now;
    const struct cards_key *k = NULL;
    begin(1);
    for (unsigned i = 0; i < CARDS_KEYS && kind->tokens[1].pin; i++)
        if (on_token(&kind->keys[i], 1) && !kind->keys[i].always) k = &kind->keys[i];
    for (unsigned t = 0; t < 2 && kind->tokens[1].pin; t++) {
        CHECK_RV(open_token(0, t, true), CKR_OK);
        s[t] = sessions[0];
    }
    if (kind->tokens[1].pin && !test_failing) {
        if (k) CHECK_RV(private_of(0, k, &old), CKR_OK);
        CHECK_RV(C_Logout(s[0]), CKR_OK);
        CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);
        for (unsigned t = 0; t < 2; t++) {
            bool in = *cards_pin(cards[0], &kind->tokens[t]).verified;
            CHECK_RV(C_GetSessionInfo(s[t], &info), CKR_OK);
            CHECK_EQ(info.state, in ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION);
        }
        sessions[0] = s[1];
        CK_RV rv = login(kind->tokens[1].pin);
        CHECK(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
        if (k) CHECK_RV(private_of(0, k, &now), CKR_OK);
        if (k) CHECK_EQ(now, old);              // it was not the second token's C_Logout
        if (k) check_sign(0, k);
    }
    end();
}

// Where PINs are kept, the other token's brings its login back.
TEST(cards_logout_of_one_with_kept_pins)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE s[2];
    const struct cards_key *k = NULL;
    for (unsigned i = 0; i < CARDS_KEYS && kind->tokens[1].pin; i++)
        if (on_token(&kind->keys[i], 1) && !kind->keys[i].always) k = &kind->keys[i];
    if (!k) return;
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    begin(1);
    for (unsigned t = 0; t < 2; t++) {
        CHECK_RV(open_token(0, t, true), CKR_OK);
        s[t] = sessions[0];
    }
    CHECK_RV(C_Logout(s[0]), CKR_OK);
    CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);
    CHECK_RV(C_GetSessionInfo(s[1], &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    check_sign(0, k);
    CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);    // and no other
    CHECK_RV(C_GetSessionInfo(s[0], &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "0"), CKR_OK);
}

// Another program selects its application, while we are logged in: whatever the card makes of it,
// no PIN goes there, no try is lost, and a login works again.
TEST(cards_shared)
{
    mbedtls_md_type_t md;
    const struct cards_key *k = &kind->keys[0];
    CK_MECHANISM m = usual(k, &md);
    begin(1);
    CHECK_RV(open_token(0, k->token, true), CKR_OK);
    check_sign(0, k);
    if (test_failing) return;
    cards[0]->select_other(cards[0]);
    CK_RV rv = sign_with(0, k, &m, text, sizeof text);
    if (rv && rv != CKR_USER_NOT_LOGGED_IN) CHECK_RV(rv, CKR_OK);
    CHECK(rv || (!rv && good(cards_which(k, false), md, false, 0, out, out_len)));
    cards[0]->select_other(cards[0]);
    rv = login(kind->tokens[k->token].pin);
    CHECK(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
    if (rv) CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    if (rv) CHECK_RV(login(kind->tokens[k->token].pin), CKR_OK);
    check_sign(0, k);
    if (test_failing) return;
    CHECK_EQ(cards[0]->stray_secrets, 0);
    CHECK_EQ(*cards_pin(cards[0], &kind->tokens[k->token]).left, kind->tokens[k->token].tries);
    end();
}

// ---- Cards that answer SELECT oddly ----

// A card around another: says yes to any AID, and stays where it was; or says one thing to all.
struct odd_card {
    struct sim_card card, *inner;
    unsigned sw;                    // what it says to everything; 0: the inner card answers
};

static size_t odd_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                       size_t room)
{
    struct odd_card *odd = (struct odd_card *)card;
    size_t len = 0;
    card->apdus++;
    if (!odd->sw) len = odd->inner->apdu(odd->inner, cmd, n, rsp, room);
    bool no = len == 2 && cmd[1] == 0xa4 && cmd[2] == 0x04 && rsp[0] != 0x90 && rsp[0] != 0x61;
    if (odd->sw || no) {
        rsp[0] = odd->sw ? (uint8_t)(odd->sw >> 8) : 0x90;
        rsp[1] = (uint8_t)odd->sw;
        return 2;
    }
    return len;
}

static void odd_reset(struct sim_card *card)
{
    struct odd_card *odd = (struct odd_card *)card;
    if (odd->inner) odd->inner->reset(odd->inner);
}

static bool odd_verified(const struct sim_card *card)
{
    const struct odd_card *odd = (const struct odd_card *)card;
    return odd->inner->verified(odd->inner);
}

static CK_RV token_info_of(struct sim_card *card, CK_TOKEN_INFO *info)
{
    C_Finalize(NULL);
    sim_reader_clear();
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
    CK_RV rv = C_Initialize(NULL);
    return rv ? rv : C_GetTokenInfo(0, info);
}

// It is taken for what it is all the same.
TEST(cards_that_stay)
{
    CK_TOKEN_INFO plain, info;
    struct odd_card odd = { .inner = kind->make(false) };
    odd.card = *odd.inner;
    odd.card.apdu = odd_apdu;
    odd.card.reset = odd_reset;
    odd.card.verified = odd_verified;
    CHECK_RV(token_info_of(odd.inner, &plain), CKR_OK);
    CHECK_RV(token_info_of(&odd.card, &info), CKR_OK);
    C_Finalize(NULL);
    sim_reader_clear();
    odd.inner->free(odd.inner);
    CHECK(!memcmp(plain.model, info.model, sizeof info.model));
    CHECK(!memcmp(plain.label, info.label, sizeof info.label));
}

static bool same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return !memcmp(a->model, b->model, sizeof a->model) &&
           !memcmp(a->label, b->label, sizeof a->label);
}

// C_GetTokenInfo of a cold card whose n-th answer is 6F00. Returns whether it came to that.
static bool ask_with_error(struct sim_card *card, unsigned n, const CK_TOKEN_INFO *plain)
{
    CK_TOKEN_INFO info;
    CK_SLOT_ID all[4];
    CK_ULONG count = 4;
    C_Finalize(NULL);
    sim_reader_clear();
    card->reset(card);
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
    CK_RV rv = C_Initialize(NULL);
    sim_reader_fault(SIM_ANSWER_6F00, n, NULL);
    if (!rv) rv = C_GetTokenInfo(0, &info);
    bool fired = sim_reader_fired();
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (fired && rv == CKR_DEVICE_ERROR) rv = C_GetTokenInfo(0, &info);    // known by then
    if (!rv) rv = C_GetSlotList(CK_TRUE, all, &count);
    if (rv || count != (kind->tokens[1].pin ? 2 : 1) || !same_token(&info, plain))
        test_fail(__FILE__, __LINE__, "command %u: %#lx, %lu tokens, %.16s, %.32s", n, rv, count,
                  (char *)info.model, (char *)info.label);
    return fired && !test_failing;
}

// An error in passing, while the card is asked what it is, makes it no other card.
TEST(cards_with_a_passing_error)
{
    CK_TOKEN_INFO plain;
    struct sim_card *card = kind->make(false);
    CK_RV rv = token_info_of(card, &plain);
    for (unsigned n = 1; !rv && ask_with_error(card, n, &plain); n++) {}
    C_Finalize(NULL);
    sim_reader_clear();
    card->free(card);
    CHECK_RV(rv, CKR_OK);
    CHECK(!test_failing);
}

TEST(cards_that_are_nobodys)
{
    static const unsigned answers[] = { 0x6d00, 0x6a82, 0x6999, 0x6986, 0x6e00, 0x6f00, 0x6a86,
                                        0x6700, 0x6985, 0x6283, 0x6881, 0x6982 };
    static const struct sim_fs_kind empty = { .name = "empty", .atr = (const uint8_t *)"\x3b\x00",
                                              .atr_len = 2 };
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE s;
    CK_SLOT_INFO slot;
    for (size_t i = 0; i <= sizeof answers / sizeof *answers && !test_failing; i++) {
        struct odd_card odd = { .inner = &sim_fs_new(&empty)->card };   // no application at all
        odd.card = *odd.inner;
        odd.card.apdu = odd_apdu;
        odd.card.reset = odd_reset;
        odd.card.verified = odd_verified;
        odd.sw = i < sizeof answers / sizeof *answers ? answers[i] : 0;
        CHECK_RV(token_info_of(odd.sw ? &odd.card : odd.inner, &info), CKR_TOKEN_NOT_RECOGNIZED);
        CHECK_RV(C_GetSlotInfo(0, &slot), CKR_OK);
        CHECK(slot.flags & CKF_TOKEN_PRESENT);
        unsigned at = odd.card.apdus + odd.inner->apdus;
        CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_TOKEN_NOT_RECOGNIZED);
        CHECK_EQ(odd.card.apdus + odd.inner->apdus, at);        // not asked again at once
        C_Finalize(NULL);
        sim_reader_clear();
        odd.inner->free(odd.inner);
        if (test_failing) printf("    answer %04x\n", odd.sw);
    }
}

// ---- Two cards of one kind ----

TEST(cards_two_of_a_kind)
{
    begin(2);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(open_token(1, 0, true), CKR_OK);
    for (unsigned i = 0; i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        if (!on_token(k, 0)) continue;
        for (unsigned j = 0; j < 4; j++) {
            if (k->use & CARDS_SIGN) check_sign(j % 2, k);
            if (k->use & CARDS_DECRYPT) check_decrypt(j % 2, k, false);
            if (k->use & CARDS_DERIVE) check_derive(j % 2, k);
            if (j < 2) check_object(j, k);
        }
    }
    if (test_failing) return;
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);            // of the first: the second stays
    for (unsigned i = 0; i < CARDS_KEYS; i++)
        if (on_token(&kind->keys[i], 0) && kind->keys[i].use & CARDS_SIGN)
            check_sign(1, &kind->keys[i]);
    end();
}

#include "cards_secret_keys.h"

// ---- Everything fails once ----

static const struct cards_key *faults_key;      // that signs: an EC key if there is one
static unsigned tries_before[2][2];

static bool is_defined(CK_RV rv)
{
    static const CK_RV fine[] = { CKR_OK, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR,
        CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED,
        CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_KEY_HANDLE_INVALID,
        CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED, CKR_SLOT_ID_INVALID };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (rv == fine[i]) return true;
    return false;
}

// What a program does: info, objects, login, all objects with their values, a signature, logout.
static CK_RV run_all(bool *signed_by_second)
{
    static CK_BYTE value[4000];
    CK_OBJECT_HANDLE o, key;
    CK_TOKEN_INFO info;
    CK_ULONG n;
    mbedtls_md_type_t md;
    CK_MECHANISM m = usual(faults_key, &md);
    CK_SLOT_ID slot = slots[0][faults_key->token];
    const char *pin = kind->tokens[faults_key->token].pin;
    CK_RV rv = C_GetTokenInfo(slot, &info);
    *signed_by_second = false;
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    if (!rv) rv = C_OpenSession(slot, flags, NULL, NULL, &sessions[0]);
    if (!rv) rv = scene_count(sessions[0], NULL, 0, &n);
    if (!rv) rv = login(pin);
    if (!rv) rv = scene_count(sessions[0], NULL, 0, &n);
    if (!rv) rv = scene_find(sessions[0], CKO_CERTIFICATE, faults_key->id, &o);
    if (!rv && o) {
        CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
        rv = C_GetAttributeValue(sessions[0], o, &v, 1);
        if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE) return rv;
    }
    if (!rv) rv = private_of(0, faults_key, &key);
    if (!rv) rv = sign_with(0, faults_key, &m, text, sizeof text);
    if (!rv && !good(cards_which(faults_key, false), md, false, 0, out, out_len)) {
        *signed_by_second = true;
        return CKR_GENERAL_ERROR;
    }
    if (!rv && kind->secrets[0].id) rv = secret_run(signed_by_second);
    return rv ? rv : C_Logout(sessions[0]);
}

// A cryptogram, or a point, for a key of the first card, and what comes of it.
static struct { const struct cards_key *key; uint8_t in[512], want[66]; size_t n, size; } puzzle;

static void make_puzzle(void)
{
    mbedtls_pk_context pk;
    memset(&puzzle, 0, sizeof puzzle);
    for (unsigned i = 0; i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        bool opens = k->id && !k->token && k->use & (CARDS_DECRYPT | CARDS_DERIVE);
        if (opens && !puzzle.key) puzzle.key = k;
    }
    if (!puzzle.key) return;
    if (puzzle.key->key == SIM_X25519) {
        puzzle.n = make_peer_25519(puzzle.in, puzzle.want, &puzzle.size);
    } else if (!(puzzle.key->use & CARDS_DECRYPT)) {
        puzzle.n = make_peer(puzzle.key->key, puzzle.in, 133, puzzle.want, &puzzle.size);
    } else {
        memcpy(puzzle.want, "sixteen byte key", puzzle.size = 16);
        sim_key_parse(&pk, sim_key_data(puzzle.key->key));
        if (mbedtls_pk_encrypt(&pk, puzzle.want, 16, puzzle.in, &puzzle.n, sizeof puzzle.in,
                               any_bytes, NULL)) abort();
        mbedtls_pk_free(&pk);
    }
}

// What the key makes of it. wrong: something else came out.
static CK_RV solve_puzzle(bool *wrong)
{
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, puzzle.n, puzzle.in };
    CK_MECHANISM derive = { CKM_ECDH1_DERIVE, &p, sizeof p }, rsa = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE key, derived;
    CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
    CK_RV rv = private_of(0, puzzle.key, &key);
    if (!rv && puzzle.key->use & CARDS_DECRYPT) {
        rv = C_DecryptInit(sessions[0], &rsa, key);
        v.ulValueLen = sizeof out;
        if (!rv) rv = C_Decrypt(sessions[0], puzzle.in, puzzle.n, out, &v.ulValueLen);
    } else if (!rv) {
        rv = C_DeriveKey(sessions[0], &derive, key, NULL, 0, &derived);
        if (!rv) rv = C_GetAttributeValue(sessions[0], derived, &v, 1);
    }
    *wrong = !rv && (v.ulValueLen != puzzle.size || memcmp(out, puzzle.want, puzzle.size));
    return rv;
}

// What a program does with PINs and secrets: login, decryption or agreement, the PIN changed, then the
// SO's login, who sets it. It stays what it is.
static CK_RV run_pins(bool *wrong)
{
    const struct cards_token *t = &kind->tokens[0];
    CK_RV rv = C_OpenSession(slots[0][0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                             &sessions[0]);
    *wrong = false;
    if (!rv) rv = login(t->pin);
    if (!rv && puzzle.key) rv = solve_puzzle(wrong);
    if (!rv) rv = set_pin(t->pin, t->pin);
    if (!rv) rv = C_Logout(sessions[0]);
    if (rv || !t->puk) return rv;
    rv = C_Login(sessions[0], CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)t->puk, strlen(t->puk));
    if (!rv) rv = C_InitPIN(sessions[0], (CK_UTF8CHAR_PTR)(uintptr_t)t->pin, strlen(t->pin));
    return rv ? rv : C_Logout(sessions[0]);
}

static void note_tries(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned t = 0; t < 2 && kind->tokens[t].pin; t++)
            tries_before[i][t] = *cards_pin(cards[i], &kind->tokens[t]).left;
}

// Of the command with the fault: did it set what a secret key is to do?
static void note_misled(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                        size_t rsp_n)
{
    bool *over = arg;
    (void)reader; (void)rsp; (void)rsp_n;
    if (*over || !sim_reader_fired()) return;
    *over = true;
    secret_misled = n > 5 && cmd[1] == 0x22 && cmd[3] == 0xb8;
}

// One run with one fault. Returns whether it came to pass.
static bool run_fault(CK_RV (*run)(bool *wrong), enum sim_fault fault, unsigned n)
{
    CK_SLOT_ID all[4];
    CK_ULONG count = 4;
    bool second, fired, over = false;
    secret_misled = false;
    C_Finalize(NULL);
    sim_reader_clear();
    for (unsigned i = 0; i < 2; i++) cards[i]->reset(cards[i]);
    sim_reader_insert(sim_reader_add(SCENE_READER), cards[0]);
    if (C_Initialize(NULL) || C_GetSlotList(CK_TRUE, all, &count)) return false;
    for (CK_ULONG i = 0; i < count && i < 2; i++) slots[0][i] = all[i];
    unsigned verifies = cards[1]->verifies;
    note_tries();
    sim_reader_fault(fault, n, cards[1]);
    if (fault == SIM_ANSWER_9000) sim_reader_trace(note_misled, &over);
    CK_RV rv = run(&second);
    fired = sim_reader_fired();
    sim_reader_trace(NULL, NULL);
    secret_misled = false;
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (fault == SIM_ANSWER_9000) judge_misled_logout();
    if (!fired && rv) test_fail(__FILE__, __LINE__, "%#lx without a fault", rv);
    if (second) test_fail(__FILE__, __LINE__, "what is not the key's came out");
    // A wrong answer may be an attribute or object less.
    // 6F00 is how some cards say that a cryptogram is none.
    bool said = fault == SIM_ANSWER_9000 || (fault == SIM_ANSWER_6F00 &&
                                             rv == CKR_ENCRYPTED_DATA_INVALID);
    if (fired && !said && !is_defined(rv))
        test_fail(__FILE__, __LINE__, "%#lx is not defined", rv);
    if (cards[1]->verifies != verifies) test_fail(__FILE__, __LINE__, "a PIN went to the other card");
    for (unsigned i = 0; i < 2; i++)
        for (unsigned t = 0; t < 2 && kind->tokens[t].pin; t++)
            if (*cards_pin(cards[i], &kind->tokens[t]).left != tries_before[i][t])
                test_fail(__FILE__, __LINE__, "a try was lost");
    if (fired && !test_failing) {               // the card again, and all is well
        sim_reader_eject(0);
        sim_reader_insert(0, cards[0]);
        struct timespec wait = { 1, 10000000 };
        rv = run(&second);
        if (rv == CKR_DEVICE_REMOVED) rv = run(&second);    // the first call that sees it
        if (rv == CKR_TOKEN_NOT_RECOGNIZED) nanosleep(&wait, NULL), rv = run(&second);
        if (rv) test_fail(__FILE__, __LINE__, "%#lx afterwards", rv);
    }
    if (test_failing) printf("    %s at command %u: %#lx\n", sim_fault_name(fault), n, rv);
    return fired && !test_failing;
}

TEST(cards_faults)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_SWAP, SIM_SWAP_AFTER,
        SIM_SWAP_AS_RESET, SIM_SWAP_UNSEEN, SIM_RESET, SIM_RESET_AFTER, SIM_FAILED,
        SIM_FAILED_AFTER, SIM_ANSWER_0, SIM_ANSWER_6F00, SIM_ANSWER_9000 };
    static const enum sim_fault with_pins[] = { SIM_EJECT_AFTER, SIM_SWAP, SIM_SWAP_AS_RESET,
        SIM_RESET, SIM_RESET_AFTER, SIM_FAILED_AFTER, SIM_ANSWER_6F00 };
    begin(1);
    faults_key = NULL;
    for (unsigned i = 0; i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        bool ec = k->id && !sim_key_data(k->key)->rsa;
        if (k->id && k->use & CARDS_SIGN && (!faults_key || ec)) faults_key = k;
        if (ec && k->use & CARDS_SIGN) break;
    }
    cards[1] = kind->make(true);
    sim_remembers = true;
    bool once = SCARD11_ANSWER > 258 && SCARD11_MBEDTLS_MAJOR != 4;     // of this program's builds
    size_t count = sizeof faults / sizeof *faults;
    for (size_t i = 0; once && i < count && !test_failing; i++)
        for (unsigned n = 1; run_fault(run_all, faults[i], n); n++) {}
    for (unsigned n = 1; !once && run_fault(run_all, faults[n % count], n); n++) {}
    make_puzzle();
    for (size_t i = 0; once && i < sizeof with_pins / sizeof *with_pins && !test_failing; i++)
        for (unsigned n = 1; run_fault(run_pins, with_pins[i], n); n++) {}
    sim_remembers = false;
    C_Finalize(NULL);
    sim_reader_clear();
    cards[1]->free(cards[1]);
    cards[1] = NULL;
    scene_end();
}

// ---- Commands ----

static const struct cards_key *first_key(bool rsa)
{
    for (unsigned i = 0; i < CARDS_KEYS; i++)
        if (on_token(&kind->keys[i], 0) && sim_key_data(kind->keys[i].key)->rsa == rsa)
            return &kind->keys[i];
    return NULL;
}

// Commands for one more signature with a key.
static unsigned cost_of(const struct cards_key *k)
{
    mbedtls_md_type_t md;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = usual(k, &md);
    if (private_of(0, k, &key)) return 0;
    unsigned at = cards[0]->apdus;
    out_len = sizeof out;
    CK_RV rv = scene_sign(sessions[0], key, m.mechanism, text, sizeof text, out, &out_len);
    return rv ? 0 : cards[0]->apdus - at;
}

static int environment_said;                    // SIM_GENERIC_SE_...
static struct sim_card *make_with_environment(bool second)
{
    struct sim_generic_options o = { .second = second, .se = environment_said };
    return sim_generic_new(&o);
}

// Keys that work in one SE only: it is restored when the card left it, and at no other time. The
// same key again: 1; another: MSE SET, and MSE RESTORE where that one has an SE of its own.
TEST(cards_environments)
{
    static struct cards_kind with;
    with = cards_kinds[0];
    with.make = make_with_environment;
    kind = &with;
    static const int ways[] = { SIM_GENERIC_SE_INFO, SIM_GENERIC_SE_PIN, SIM_GENERIC_SE_RULE };
    for (unsigned i = 0; i < 3 && !test_failing; i++) {
        int se = ways[i];
        const struct cards_key *a = &kind->keys[0], *b = &kind->keys[1];
        environment_said = se;
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        check_sign(0, a);
        check_sign(0, b);
        check_decrypt(0, a, false);
        check_derive(0, &kind->keys[2]);
        check_sign(0, a);
        if (!test_failing) {
            unsigned other = se == SIM_GENERIC_SE_RULE ? 3 : 2;
            CHECK_EQ(cost_of(a), 1);
            CHECK_EQ(cost_of(b), other);
            CHECK_EQ(cost_of(b), 1);
            CHECK_EQ(cost_of(a), other);
        }
        ((struct sim_fs *)cards[0])->se = 9;        // another program restored its own
        check_sign(0, a);
        end();
        if (test_failing) printf("    said in place %d\n", se);
    }
}

// Another program set another key of ours, of the same kind, while we were sure of the one we had
// set: what comes of that is seen, and not handed out.
static struct sim_card *make_alike(bool second)
{
    static const struct sim_p15_key alike[] = {
        { .label = "a", .key = SIM_RSA2048A, .id = 1, .pin_id = 1, .ref = 1, .algorithms = "\1\2" },
        { .label = "b", .key = SIM_RSA2048B, .id = 2, .pin_id = 1, .ref = 2, .algorithms = "\1\2" },
    };
    static const struct sim_p15 d = { .keys = alike, .n_keys = 2 };
    struct sim_generic_options o = { .second = second, .p15 = &d };
    return sim_generic_new(&o);
}

TEST(cards_another_key_was_set)
{
    static struct cards_kind with;
    struct sim_fs *f;
    with = cards_kinds[0];
    with.make = make_alike;
    with.keys[1] = with.keys[0];
    with.keys[1].id = 2;
    with.keys[1].key = SIM_RSA2048B;
    kind = &with;
    begin(1);
    f = (struct sim_fs *)cards[0];
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, &kind->keys[1]);
    struct sim_fs_env other = f->env[0];
    check_sign(0, &kind->keys[0]);
    CHECK(other.key && other.key != f->env[0].key);
    f->env[0] = other;
    check_sign(0, &kind->keys[0]);
    for (CK_ULONG salt = 32; salt >= 20 && !test_failing; salt -= 12) {     // padded on the host
        CK_RSA_PKCS_PSS_PARAMS p = { CKM_SHA256, CKG_MGF1_SHA256, salt };
        CK_MECHANISM m = { CKM_SHA256_RSA_PKCS_PSS, &p, sizeof p };
        CHECK_RV(sign_with(0, &kind->keys[1], &m, text, sizeof text), CKR_OK);
        other = f->env[0];
        CHECK_RV(sign_with(0, &kind->keys[0], &m, text, sizeof text), CKR_OK);
        CHECK(other.key && other.key != f->env[0].key);
        f->env[0] = other;
        CHECK_RV(sign_with(0, &kind->keys[0], &m, text, sizeof text), CKR_OK);
        CHECK(good(SIM_RSA2048A, MBEDTLS_MD_SHA256, true, salt, out, out_len));
    }
    end();
}

// lastUpdate, and nothing else to speak of.
static void change(struct sim_card *card, unsigned i)
{
    struct sim_fs *f = (struct sim_fs *)card;
    uint8_t info[] = { 0x30, 16, 2, 1, 0, 4, 1, 1, 0xa5, 8, 0x18, 6, '2', '0', '2', '5',
                       (uint8_t)(i >> 8), (uint8_t)i };
    sim_fs_remove(f, sim_fs_path(f, "3f0050155032"));
    sim_fs_ef(f, sim_fs_path(f, "3f005015"), 0x5032, info, sizeof info, 0);
}

static struct sim_card *make_changing(bool second)
{
    struct sim_card *card = cards_generic(second);
    change(card, 0);
    return card;
}

// Another program changes the card while no session is open, more often than the card's memory
// holds directories: now and then it is begun anew, and nobody stays logged in. Else all is well.
TEST(cards_changed_often)
{
    unsigned anew = 0;
    static struct cards_kind with;
    with = cards_kinds[0];
    with.make = make_changing;
    kind = &with;
    begin(1);
    for (unsigned i = 0; i < 400 && !test_failing; i++) {
        CK_ULONG n = 0;
        change(cards[0], i + 1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CK_RV rv = scene_count(sessions[0], NULL, 0, &n);
        bool removed = rv == CKR_DEVICE_REMOVED;
        anew += removed;
        CHECK_RV(rv, removed ? CKR_DEVICE_REMOVED : CKR_OK);
        if (removed) CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);
        else CHECK_EQ(n, 14 + 2);                           // 2 profiles, which came again
        CHECK_RV(C_CloseSession(sessions[0]), removed ? CKR_SESSION_HANDLE_INVALID : CKR_OK);
    }
    if (!test_failing) CHECK(anew && anew < 40);
    end();
}

// ---- Random numbers ----

// Cards by what they know of GET CHALLENGE: as much as is wanted, nothing, eight bytes at most (the
// standard lets a card give less than Le), eight and no other, one byte.
static const struct { bool none; size_t most; unsigned sw; } challenges[] = {
    { false, 0, 0 }, { true, 0, 0 }, { false, 8, 0 }, { false, 8, 0x6700 }, { false, 8, 0x6c08 },
    { false, 8, 0x6a86 }, { false, 1, 0 },
};

static char challenge_log[20000];

static void log_challenge(void *context, const char *line)
{
    size_t n = strlen(challenge_log);
    (void)context;
    snprintf(challenge_log + n, sizeof challenge_log - n, "%s\n", line);
}

// n random bytes: all of them are there, none behind them, and none is in the log.
static void check_random(CK_ULONG n)
{
    CK_BYTE a[258] = { 0 }, b[258] = { 0 };
    char hex[17];
    challenge_log[0] = 0;
    CHECK_RV(C_GenerateRandom(sessions[0], a, n), CKR_OK);
    CHECK_RV(C_GenerateRandom(sessions[0], b, n), CKR_OK);
    CHECK(!a[n] && !a[n + 1] && !b[n]);
    if (n < 8) return;
    CHECK(memcmp(a, b, 8) && memcmp(a + n - 8, b + n - 8, 8));
    CHECK(strstr(challenge_log, "0084"));
    for (CK_ULONG at = 0; at + 8 <= n; at += 8) {
        for (int i = 0; i < 8; i++) snprintf(hex + 2 * i, 3, "%02x", a[at + (CK_ULONG)i]);
        CHECK(!strstr(challenge_log, hex));
    }
}

TEST(cards_give_the_random_numbers_they_have)
{
    static const CK_ULONG lens[] = { 0, 1, 7, 8, 9, 32, 33, 100, 256 };
    for (size_t i = 0; i < sizeof challenges / sizeof *challenges && !test_failing; i++) {
        CHECK_RV(scard11_set_log(log_challenge, NULL), CKR_OK);     // until C_Finalize
        begin(1);
        struct sim_fs *f = (struct sim_fs *)cards[0];
        f->kind.no_challenge = challenges[i].none;
        f->kind.challenge = challenges[i].most;
        f->kind.sw_challenge = challenges[i].sw;
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        for (size_t l = 0; l < sizeof lens / sizeof *lens && !test_failing; l++)
            check_random(lens[l]);
        size_t given = f->challenged;
        if (!test_failing) CHECK_RV(C_GenerateRandom(sessions[0], out, 64), CKR_OK);
        if (!test_failing && challenges[i].most != 1)       // all of it is the card's, or nothing
            CHECK_EQ(f->challenged - given, challenges[i].none ? 0 : 64);
        if (!test_failing) {                                // the host is none for one that left
            sim_reader_fault(SIM_EJECT, 1, NULL);
            CHECK_RV(C_GenerateRandom(sessions[0], out, 64), CKR_DEVICE_REMOVED);
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        }
        end();
        if (test_failing) printf("    with challenges of kind %u\n", (unsigned)i);
    }
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
}

// So many commands since the card was cold, at most; 0: not held to it.
static void check_budget(const char *what, unsigned most)
{
    printf("    %s: %s takes %u commands of %u\n", kind->name, what, cards[0]->apdus, most);
    if (most) CHECK(cards[0]->apdus <= most);
}

// From a cold card: the token info.
static void begin_cold(unsigned *at)
{
    CK_TOKEN_INFO info;
    C_Finalize(NULL);
    sim_reader_clear();
    cards[0] = scene_card = kind->make(false);
    sim_reader_insert(sim_reader_add(SCENE_READER), cards[0]);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CK_ULONG n = 4;
    CK_SLOT_ID all[4];
    CHECK_RV(C_GetSlotList(CK_TRUE, all, &n), CKR_OK);
    slots[0][0] = all[0];
    CHECK_RV(C_GetTokenInfo(all[0], &info), CKR_OK);
    *at = cards[0]->apdus;
    check_budget("the token", kind->token_info);
    if (test_failing) return;
    CHECK_RV(C_GetTokenInfo(all[0], &info), CKR_OK);
    CHECK_EQ(cards[0]->apdus, *at);
}

static void check_signature_budget(bool rsa, unsigned budget)
{
    const struct cards_key *k = first_key(rsa);
    unsigned at, again;
    mbedtls_md_type_t md;
    if (test_failing || !k || !(k->use & CARDS_SIGN)) return;
    CK_MECHANISM m = usual(k, &md);
    begin_cold(&at);
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, k);
    if (test_failing) return;
    check_budget("a signature", budget);
    if (test_failing) return;
    for (unsigned i = 0; i < 3; i++) {
        at = cards[0]->apdus;
        CHECK_RV(sign_with(0, k, &m, text, sizeof text), CKR_OK);
        again = cards[0]->apdus - at;
        if (kind->again) CHECK_EQ(again, kind->again);
    }
    const struct cards_key *other = first_key(!rsa);
    if (kind->again && other && other->use & CARDS_SIGN) {
        check_sign(0, other);               // read, and set
        check_sign(0, k);
        if (test_failing) return;
        m = usual(other, &md);
        at = cards[0]->apdus;
        CHECK_RV(sign_with(0, other, &m, text, sizeof text), CKR_OK);
        CHECK_EQ(cards[0]->apdus - at, kind->again + !kind->names_keys);
    }
    end();
}

// The commands of secret keys: to list them with all they are, once; the first encryption of a
// block, and each further one and decryption: MSE, for the IV and because the host cannot check,
// and one for each 240 bytes, or 960 where commands name their key; ECB encrypts block by block.
static void check_secret_budgets(void)
{
    static const struct { int mode; bool decrypt; CK_ULONG n; unsigned more; } uses[] = {
        { SECRET_CBC, false, 16, 0 }, { SECRET_CBC, true, 16, 0 }, { SECRET_ECB, false, 16, 0 },
        { SECRET_ECB, true, 240, 0 }, { SECRET_CBC, false, 240, 0 }, { SECRET_CBC, true, 960, 3 },
        { SECRET_PAD, false, 239, 0 }, { SECRET_PAD, true, 239, 0 }, { SECRET_ECB, false, 48, 2 } };
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_ULONG len;
    unsigned at;
    begin_cold(&at);
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of(); i++) check_secret_object(&kind->secrets[i]);
    if (test_failing) return;
    check_budget("secret keys", kind->secret_list);
    if (test_failing) return;
    end();
    begin_cold(&at);
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(secret_once(0, k, SECRET_CBC, false, long_text, 16, &len), CKR_OK);
    check_budget("an encryption", kind->secret_first);
    if (test_failing) return;
    for (size_t i = 0; i < sizeof uses / sizeof *uses && !test_failing; i++) {
        CK_ULONG n = host_encrypt(k, 0, uses[i].mode, long_text, uses[i].n, cryptogram);
        at = cards[0]->apdus;
        CHECK_RV(secret_once(0, k, uses[i].mode, uses[i].decrypt,
                             uses[i].decrypt ? cryptogram : long_text,
                             uses[i].decrypt ? n : uses[i].n, &len), CKR_OK);
        unsigned more = uses[i].n == 960 && kind->names_keys ? 0 : uses[i].more;
        CHECK_EQ(cards[0]->apdus - at, kind->secret_again + more);
    }
    end();
}

TEST(cards_budgets)
{
    unsigned at;
    CK_ULONG n;
    begin_cold(&at);
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
    for (unsigned i = 0; i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        CK_OBJECT_HANDLE o;
        CK_ATTRIBUTE v = { CKA_VALUE, out, 0 }, b = { CKA_PUBLIC_KEY_INFO, NULL, 0 };
        if (!on_token(k, 0)) continue;
        v.pValue = NULL;
        CHECK_RV(scene_find(sessions[0], CKO_CERTIFICATE, k->id, &o), CKR_OK);
        if (o) CHECK_RV(C_GetAttributeValue(sessions[0], o, &v, 1), CKR_OK);
        CHECK_RV(scene_find(sessions[0], CKO_PUBLIC_KEY, k->id, &o), CKR_OK);
        CHECK_RV(C_GetAttributeValue(sessions[0], o, &b, 1), CKR_OK);
    }
    check_budget("all objects", kind->list);
    if (test_failing) return;
    n = cards[0]->apdus;
    CHECK_RV(scene_count(sessions[0], NULL, 0, &(CK_ULONG){ 0 }), CKR_OK);
    CHECK_EQ(cards[0]->apdus, n);           // nothing is read twice
    end();
    check_signature_budget(true, kind->rsa);
    check_signature_budget(false, kind->ec);
    if (kind->secrets[0].id) check_secret_budgets();
}

static void count_refusal(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                          size_t rsp_n)
{
    unsigned *refused = arg;
    (void)reader;
    if (n > 6 && !cmd[4] && rsp_n == 2 && rsp[0] == 0x67 && !rsp[1]) ++*refused;
}

// That a card refuses extended length is found out by one command, however often it is connected
// again: after the last session, after another program's reset.
TEST(cards_refuse_extended_length_once)
{
    unsigned refused = 0;
    begin(1);
    sim_reader_trace(count_refusal, &refused);
    for (unsigned i = 0; i < 4 && !test_failing; i++) {
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        if (i == 3) {
            sim_reader_reset(0);
            nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
            CHECK_RV(login(kind->tokens[0].pin), CKR_OK);
        }
        for (unsigned rsa = 0; rsa < 2; rsa++) {
            const struct cards_key *k = first_key(rsa);
            if (k && k->use & CARDS_SIGN) check_sign(0, k);
            if (test_failing) return;
        }
        CHECK_RV(C_CloseAllSessions(slots[0][0]), CKR_OK);
        CHECK(refused <= 1);
    }
    end();
}

#include "cards_other_program.h"
#include "cards_swapped.h"
#include "cards_options.h"
#include "cards_openpgp.h"

// What only commands and readers tell: with another mbedTLS it is the same.
static void run_whatever_the_host_computes(bool first, bool small)
{
    if (!small) RUN(cards_whose_fault_a_length_is);
    RUN(cards_reset_at_the_first_command);
    RUN(cards_logout_of_one);
    RUN(cards_logout_of_one_with_kept_pins);
    RUN(cards_shared);
    RUN(cards_a_look_leaves_another_program_s_login);
    RUN(cards_a_second_look_leaves_another_program_s_login);
    RUN(cards_two_of_a_kind);
    RUN(cards_swapped_at_rest);
    RUN(cards_swapped_after_a_look);
    RUN(cards_swapped_as_a_reset);
    RUN(cards_swapped_where_the_count_is_stuck);
    RUN(cards_logouts_that_fail);
    RUN(cards_swapped_during_a_logout);
    RUN(cards_swapped_and_in_use);
    RUN(cards_swapped_as_a_reset_before_any_rest);
    RUN(cards_swapped_as_a_reset_before_anything);
    RUN(cards_keep_a_pin_for_one_card);
    if (first) RUN(cards_without_a_name_swapped);
    if (first) RUN(cards_of_two_kinds_swapped);
    if (!small) RUN(cards_budgets);
    RUN(cards_refuse_extended_length_once);
    RUN(cards_that_stay);
    RUN(cards_with_a_passing_error);
    if (first) RUN(cards_that_are_nobodys);
    RUN(cards_faults);
}

int main(int argc, char **argv)
{
    const char *only = getenv("CARDS_KIND");
    bool small = SCARD11_ANSWER == 258;         // what is counted, and cut short, is longer answers
    bool other_host = SCARD11_MBEDTLS_MAJOR == 4;
    test_begin(argc, argv);
    for (size_t i = 0; i < CARDS_KINDS; i++) {
        kind = &cards_kinds[i];
        if (only && !strstr(kind->name, only)) continue;
        unsigned failed = test_failed;
        RUN(cards_list);
        RUN(cards_work);
        if (SCARD11_CHECK_SIGNATURES) RUN(cards_that_sign_wrongly);
        RUN(cards_pins);
        RUN(cards_blocked);
        RUN(cards_tries);
        RUN(cards_find_a_key_again);
        RUN(cards_logged_out);
        if (!other_host) run_whatever_the_host_computes(!i, small);
        if (kind->secrets[0].id) {
            RUN(cards_secrets_list);
            RUN(cards_secrets_work);
            RUN(cards_secrets_mac);
            if (kind->does_macs) RUN(cards_secrets_mac_and_logins);
            RUN(cards_secrets_of_a_session);
            RUN(cards_secrets_refuse);
            RUN(cards_secrets_and_logins);
            RUN(cards_secrets_with_a_kept_pin);
            RUN(cards_secrets_exclusive);
            RUN(cards_secrets_wrap);
            RUN(cards_secrets_of_two);
        } else {
            RUN(cards_secrets_elsewhere);
        }
        if (!i) RUN(cards_environments);
        if (!i) RUN(cards_give_the_random_numbers_they_have);
        if (!i) RUN(cards_changed_often);
        if (!i) RUN(cards_another_key_was_set);     // these put a card of their own in kind
        if (test_failed != failed) printf("    so it was with %s\n", kind->name);
    }
    if (!only && !small && !other_host) run_options();
    if (!small && (!only || strstr("OpenPGP variants", only))) openpgp_run();
    return test_end();
}
