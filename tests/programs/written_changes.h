// written_changes.h: what is changed on the cards of written.h: keys, certificates and data, each change as
// an entry of a table. written.c breaks each off, opensc.c has OpenSC read what is left. Who includes it
// has included scard11.c, with counted.h. SPDX-License-Identifier: 0BSD
#ifndef WRITTEN_CHANGES_H
#define WRITTEN_CHANGES_H

#include "written.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

static CK_BYTE text[] = "what is signed", out[512];
static CK_ULONG out_len;
static const struct written_kind *kind;
static bool every;                      // fault at each command
static bool rsa_only;                   // no keys but RSA's

// ---- Begin and end ----

// Runs a case for each kind.
static inline void each_kind(void (*run)(void))
{
    for (size_t i = 0; i < WRITTEN_KINDS && !test_failing; i++) {
        kind = &written_kinds[i];
        run();
        if (test_failing) printf("    of %s\n", kind->name);
    }
}

static inline CK_RV user_in(void) { return written_login(CKU_USER, kind->user); }
static inline CK_RV writer_in(void) { return written_writer_in(kind); }

static inline CK_RV change_login(CK_RV (*to)(void))
{
    CK_RV rv = C_Logout(session);
    return rv && rv != CKR_USER_NOT_LOGGED_IN ? rv : to();
}

static inline void begin_blank(void)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    counted_at = 0;
    scene_card = kind->blank(false);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

static inline void begin(void)
{
    begin_blank();
    if (!test_failing) CHECK_RV(written_set_up(kind), CKR_OK);
}

static inline void end(void)
{
    scene_end();
    if (!test_failing) CHECK_EQ(counted_blocks, 0);
}

// ---- Signatures ----

struct known { uint8_t spki[600]; size_t n; };      // a public key that the case knows

static inline void know(struct known *known, CK_OBJECT_HANDLE key)
{
    known->n = attribute(key, CKA_PUBLIC_KEY_INFO, known->spki, sizeof known->spki);
}

// Is what stands in out a signature of the text?
static inline bool openssl_verifies(EVP_PKEY *key, bool sha1)
{
    uint8_t der[160];
    bool ec = EVP_PKEY_base_id(key) == EVP_PKEY_EC;
    size_t der_n = ec ? scene_der(out, out_len, der) : 0;
    const EVP_MD *hash = EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? NULL
        : sha1 ? EVP_sha1() : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, hash, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, ec ? der : out, ec ? der_n : out_len, text, sizeof text) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

// Does a private key sign, so that this public key says so?
static inline bool signs(CK_OBJECT_HANDLE key, const struct known *known)
{
    const uint8_t *p = known->spki;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)known->n);
    int type = public ? EVP_PKEY_base_id(public) : 0;
    CK_MECHANISM m = { type == EVP_PKEY_RSA ? CKM_SHA256_RSA_PKCS
                       : type == EVP_PKEY_ED25519 ? CKM_EDDSA
                       : kind->ecdsa ? kind->ecdsa : CKM_ECDSA_SHA256, NULL, 0 };
    out_len = sizeof out;
    CK_RV rv = public ? C_SignInit(session, &m, key) : CKR_GENERAL_ERROR;
    if (!rv && is_true(key, CKA_ALWAYS_AUTHENTICATE)) rv = written_login(CKU_CONTEXT_SPECIFIC, kind->user);
    if (!rv) rv = C_Sign(session, text, sizeof text, out, &out_len);
    bool good = !rv && openssl_verifies(public, m.mechanism == CKM_ECDSA_SHA1);
    if (rv) printf("    a signature: %#lx\n", rv);
    EVP_PKEY_free(public);
    return good;
}

static inline bool signs_by_id(CK_BYTE id, const struct known *known)
{
    CK_OBJECT_HANDLE key;
    return !scene_find(session, CKO_PRIVATE_KEY, id, &key) && key && signs(key, known);
}

// ---- Keys that the card is given ----

// What a template says of a private key, in numbers without leading zeros.
struct given {
    CK_ATTRIBUTE a[16];
    CK_ULONG n;
    uint8_t numbers[8][512];
};

static inline void give(struct given *g, CK_ATTRIBUTE_TYPE type, const mbedtls_mpi *number, size_t size)
{
    uint8_t *to = g->numbers[g->n % 8];
    size_t n = size ? size : mbedtls_mpi_size(number);
    if (n > sizeof *g->numbers || mbedtls_mpi_write_binary(number, to, n)) abort();
    g->a[g->n++] = (CK_ATTRIBUTE){ type, to, n };
}

static inline void give_rsa(struct given *g, const mbedtls_rsa_context *rsa)
{
    mbedtls_mpi n[8];
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS, CKA_PRIME_1, CKA_PRIME_2,
        CKA_PRIVATE_EXPONENT, CKA_PUBLIC_EXPONENT, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT };
    for (int i = 0; i < 8; i++) mbedtls_mpi_init(&n[i]);
    if (mbedtls_rsa_export(rsa, &n[0], &n[1], &n[2], &n[3], &n[4]) ||
        mbedtls_rsa_export_crt(rsa, &n[5], &n[6], &n[7])) abort();
    for (int i = 0; i < 8; i++) give(g, types[i], &n[i], 0);
    for (int i = 0; i < 8; i++) mbedtls_mpi_free(&n[i]);
}

static const struct make *make_of(enum sim_key key)
{
    return &makes[key == SIM_P384A || key == SIM_P384B ? P_384 : P_256];
}

static inline void give_key(struct given *g, enum sim_key key)
{
    const struct sim_key_data *data = sim_key_data(key);
    static CK_KEY_TYPE rsa = CKK_RSA, ec = CKK_EC;
    mbedtls_pk_context pk;
    g->n = 0;
    sim_key_parse(&pk, data);
    if (data->rsa) give_rsa(g, mbedtls_pk_rsa(pk));
    else give(g, CKA_VALUE, &mbedtls_pk_ec(pk)->d, data->bits / 8);
    mbedtls_pk_free(&pk);
    g->a[g->n++] = (CK_ATTRIBUTE){ CKA_KEY_TYPE, data->rsa ? &rsa : &ec, sizeof rsa };
    if (!data->rsa)
        g->a[g->n++] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, (void *)(uintptr_t)make_of(key)->params,
                                       make_of(key)->n };
}

static inline CK_RV import(enum sim_key key, CK_BYTE id, CK_OBJECT_HANDLE *made)
{
    static struct given g;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    give_key(&g, key);
    g.a[g.n++] = (CK_ATTRIBUTE){ CKA_CLASS, &class, sizeof class };
    g.a[g.n++] = (CK_ATTRIBUTE){ CKA_TOKEN, &yes, 1 };
    g.a[g.n++] = (CK_ATTRIBUTE){ CKA_ID, &id, 1 };
    return C_CreateObject(session, g.a, g.n, made);
}

static inline void know_given(struct known *known, enum sim_key key)
{
    uint8_t der[600];
    mbedtls_pk_context pk;
    sim_key_parse(&pk, sim_key_data(key));
    int n = mbedtls_pk_write_pubkey_der(&pk, der, sizeof der);
    mbedtls_pk_free(&pk);
    if (n < 0) abort();
    known->n = (size_t)n;
    memcpy(known->spki, der + sizeof der - n, (size_t)n);
}

// ---- What is stored ----

static inline CK_RV store_named(unsigned which, const void *value, size_t n, CK_OBJECT_HANDLE *made)
{
    const char *name = kind->data[which];
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class }, { CKA_TOKEN, &yes, 1 },
                         { CKA_APPLICATION, (void *)(uintptr_t)name, strlen(name) },
                         { CKA_LABEL, (void *)(uintptr_t)name, strlen(name) },
                         { CKA_VALUE, (void *)(uintptr_t)value, n } };
    *made = 0;
    return C_CreateObject(session, a, 5, made);
}

// Data by its name; 0: none.
static inline CK_OBJECT_HANDLE find_named(unsigned which)
{
    const char *name = kind->data[which];
    CK_OBJECT_HANDLE object = 0;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &data_class, sizeof data_class },
                         { CKA_LABEL, (void *)(uintptr_t)name, strlen(name) } };
    return scene_search(session, t, 2, &object) ? 0 : object;
}

static inline bool has_value(CK_OBJECT_HANDLE object, const void *value, size_t n)
{
    static uint8_t is[4096];
    return object && attribute(object, CKA_VALUE, is, sizeof is) == n && !memcmp(is, value, n);
}

static inline CK_OBJECT_HANDLE find_certificate(CK_BYTE id)
{
    CK_OBJECT_HANDLE object = 0;
    return scene_find(session, CKO_CERTIFICATE, id, &object) ? 0 : object;
}

// A pair of those that are there before a change. An RSA one is given, as to make it takes longer.
static inline CK_RV have_pair(CK_BYTE id)
{
    CK_RV rv = CKR_OK;
    if (kind->makes && !rsa_only) return make(&makes[P_256], id);
    if (kind->makes) rv = import(id == kind->ids[0] ? SIM_RSA2048A : SIM_RSA2048B, id, &private_key);
    if (!rv) rv = scene_find(session, CKO_PRIVATE_KEY, id, &private_key);
    if (!rv) rv = scene_find(session, CKO_PUBLIC_KEY, id, &public_key);
    return !rv && !(private_key && public_key) ? CKR_KEY_HANDLE_INVALID : rv;
}

// A card with a key, its certificate and data; the writer is logged in.
static CK_OBJECT_HANDLE kept, kept_public, kept_certificate, kept_data;
static struct known kept_known;

static inline void fill(void)
{
    kept_certificate = kept_data = 0;
    CHECK_RV(have_pair(kind->ids[0]), CKR_OK);
    kept = private_key;
    kept_public = public_key;
    know(&kept_known, public_key);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK(certificate_n > 100);
    if (kind->certificates) CHECK_RV(store_certificate(kind->ids[0], &kept_certificate), CKR_OK);
    if (kind->data[0]) CHECK_RV(store_named(0, text, sizeof text, &kept_data), CKR_OK);
}

static inline void begin_filled(void)
{
    begin();
    if (!test_failing) fill();
}

// ---- Changes ----

static inline CK_BYTE fresh_id(void) { return kind->ids[2]; }

static CK_BYTE other_id = 0x42;

static inline bool has_key(CK_BYTE id)
{
    CK_OBJECT_HANDLE object;
    return !scene_find(session, CKO_PRIVATE_KEY, id, &object) && object;
}

static inline CK_RV destroy(CK_OBJECT_HANDLE object)
{
    return object ? C_DestroyObject(session, object) : CKR_OBJECT_HANDLE_INVALID;
}

static inline bool can_make(void) { return kind->makes & 1u << P_256; }

// Where only its certificate shows a key to who did not make it, that is stored, too.
static inline CK_RV do_make(void)
{
    CK_OBJECT_HANDLE made;
    CK_RV rv = make(&makes[rsa_only ? RSA_2048 : P_256], fresh_id());
    if (rv || !kind->certificate_shows_key) return rv;
    certificate_n = issue(public_key, certificate, sizeof certificate);
    return store_certificate(fresh_id(), &made);
}

static inline bool done_make(void) { return has_key(fresh_id()); }

static inline bool can_make_anew(void) { return kind->makes_anew && can_make(); }
static inline CK_RV do_make_anew(void) { return make(&makes[P_384], kind->ids[1]); }

static inline bool done_make_anew(void)
{
    static struct known known;
    CK_OBJECT_HANDLE object;
    if (scene_find(session, CKO_PUBLIC_KEY, kind->ids[1], &object) || !object) return false;
    know(&known, object);
    return known.n > 100;               // P-384's
}

static inline bool can_import(void) { return kind->imports[0]; }

// One of a curve, if there is one, as that is sent in fewer commands.
static inline CK_RV do_import(void)
{
    CK_OBJECT_HANDLE made;
    int i = 0;
    while (i < 3 && sim_key_data(kind->imports[i])->rsa && kind->imports[i + 1] && !every && !rsa_only) i++;
    return import(kind->imports[i], fresh_id(), &made);
}

static inline bool can_certify(void) { return kind->certificates; }

static inline CK_RV do_certify(void)
{
    CK_OBJECT_HANDLE made;
    return store_certificate(kind->ids[1], &made);
}

static inline bool done_certify(void) { return find_certificate(kind->ids[1]); }
static inline CK_RV do_uncertify(void) { return destroy(find_certificate(kind->ids[1])); }
static inline bool done_uncertify(void) { return !find_certificate(kind->ids[1]); }

static inline bool can_store(void) { return kind->data[0]; }

static inline CK_RV do_store(void)
{
    CK_OBJECT_HANDLE made;
    return store_named(1, text, sizeof text, &made);
}

static inline bool done_store(void) { return has_value(find_named(1), text, sizeof text); }
static inline CK_RV do_erase(void) { return destroy(find_named(0)); }
static inline bool done_erase(void) { return !has_value(find_named(0), text, sizeof text); }

static inline bool can_delete(void) { return kind->deletes_keys; }

static inline CK_RV do_delete(void)
{
    CK_OBJECT_HANDLE key = 0;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, kind->ids[1], &key);
    return rv ? rv : destroy(key);
}

static inline bool done_delete(void) { return !has_key(kind->ids[1]); }

static inline bool can_rename(void) { return kind->sets & WRITTEN_LABEL; }

static inline CK_RV do_rename(void)
{
    CK_OBJECT_HANDLE key = 0;
    CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t)"Renamed", 7 };
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, kind->ids[1], &key);
    return rv ? rv : C_SetAttributeValue(session, key, &label, 1);
}

static inline bool done_rename(void)
{
    CK_OBJECT_HANDLE key;
    char is[8];
    return !scene_find(session, CKO_PRIVATE_KEY, kind->ids[1], &key) && key &&
           attribute(key, CKA_LABEL, is, sizeof is) == 7 && !memcmp(is, "Renamed", 7);
}

static inline bool can_renumber(void) { return kind->sets & WRITTEN_ID; }

static inline CK_RV do_renumber(void)
{
    CK_OBJECT_HANDLE key = 0;
    CK_ATTRIBUTE id = { CKA_ID, &other_id, 1 };
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, kind->ids[1], &key);
    return rv ? rv : C_SetAttributeValue(session, key, &id, 1);
}

static inline bool done_renumber(void) { return has_key(other_id) && !has_key(kind->ids[1]); }

static const struct change {
    const char *name;
    bool (*can)(void);
    CK_RV (*before)(void);              // NULL: nothing
    CK_RV (*run)(void);
    bool (*done)(void);                 // as what is shown has it
} changes[] = {
    { "a key made", can_make, NULL, do_make, done_make },
    { "a key made anew", can_make_anew, NULL, do_make_anew, done_make_anew },
    { "a key given", can_import, NULL, do_import, done_make },
    { "a key deleted", can_delete, NULL, do_delete, done_delete },
    { "a certificate stored", can_certify, NULL, do_certify, done_certify },
    { "a certificate deleted", can_certify, do_certify, do_uncertify, done_uncertify },
    { "data stored", can_store, NULL, do_store, done_store },
    { "data deleted", can_store, NULL, do_erase, done_erase },
    { "a label changed", can_rename, NULL, do_rename, done_rename },
    { "an id changed", can_renumber, NULL, do_renumber, done_renumber },
};
enum { MADE_ANEW = 1, CERTIFIED = 4, UNCERTIFIED = 5, STORED = 6 };     // of changes
#define CHANGES (sizeof changes / sizeof *changes)

// A key with its certificate, data, and a key that has no certificate yet.
static inline void begin_half(const struct change *c)
{
    begin_filled();
    if (test_failing) return;
    CHECK_RV(have_pair(kind->ids[1]), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    if (c->before) CHECK_RV(c->before(), CKR_OK);
}

#endif
