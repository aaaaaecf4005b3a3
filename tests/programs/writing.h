// writing.h: what the programs share that personalise cards: keys, certificates and data are made, and
// what came of it is looked at. SPDX-License-Identifier: 0BSD
#ifndef WRITING_H
#define WRITING_H

#include "scene.h"
#include "../sim/sim_mbedtls.h"
#include <time.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE public_key, private_key;

static CK_BBOOL yes = CK_TRUE;
static CK_OBJECT_CLASS data_class = CKO_DATA, certificate_class = CKO_CERTIFICATE;
static CK_CERTIFICATE_TYPE x509_type = CKC_X_509;

// The card is taken out and put in again, and a session opened.
static inline void insert_again(void)
{
    CK_SESSION_INFO info;
    sim_reader_insert(0, sim_reader_eject(0));
    nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);     // what is known answers for 20 ms
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_DEVICE_REMOVED);
    CHECK_RV(scene_open(&session), CKR_OK);
}

// The card is put back, if it is out, and met by a library that knows nothing of it.
static inline void begin_anew(void)
{
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    if (sim_reader_cards()) sim_reader_eject(0);
    sim_reader_insert(0, scene_card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

// As that; and a session is opened. pin: the user's, who logs in; NULL: nobody does.
static inline void meet_anew(const char *pin)
{
    begin_anew();
    if (test_failing) return;
    CHECK_RV(scene_open(&session), CKR_OK);
    if (pin) CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)), CKR_OK);
}

// After what a fault may have broken off, which returned rv: did it?
static inline bool broken_off(CK_RV rv)
{
    bool fired = sim_reader_fired();
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (!fired && rv) test_fail(__FILE__, __LINE__, "%#lx without a fault", rv);
    return fired;
}

// ---- What is made ----

static const CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 },
    p384[] = { 6, 5, 0x2b, 0x81, 4, 0, 0x22 }, edwards[] = "\x13\x0c" "edwards25519",
    montgomery[] = "\x13\x0a" "curve25519", ed25519[] = { 6, 3, 0x2b, 0x65, 0x70 };

static const struct make {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG bits;
    const CK_BYTE *params;
    CK_ULONG n;
    bool yubikey;                       // not of the standard
} makes[] = {
    { "RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, NULL, 0, false },
    { "RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, NULL, 0, false },
    { "P-256", CKM_EC_KEY_PAIR_GEN, 0, p256, sizeof p256, false },
    { "P-384", CKM_EC_KEY_PAIR_GEN, 0, p384, sizeof p384, false },
    { "Ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, edwards, sizeof edwards - 1, true },
    { "Ed25519 by OID", CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, ed25519, sizeof ed25519, true },
    { "X25519", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, montgomery, sizeof montgomery - 1, true },
};
enum { RSA_2048, RSA_3072, P_256, P_384, ED25519, ED25519_OID, X25519, MAKES };

// A pair; id 0: wherever there is room. more: further attributes of the private half.
static inline CK_RV make_with(const struct make *m, CK_BYTE id, const CK_ATTRIBUTE *more, CK_ULONG more_n)
{
    CK_MECHANISM mechanism = { m->mechanism, NULL, 0 };
    CK_ATTRIBUTE a[8] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, &id, 1 } }, b[8];
    CK_ULONG n = id ? 2 : 1, b_n = n;
    CK_ULONG bits = m->bits;
    memcpy(b, a, sizeof a);
    a[n++] = m->params ? (CK_ATTRIBUTE){ CKA_EC_PARAMS, (void *)(uintptr_t)m->params, m->n }
                       : (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
    for (CK_ULONG i = 0; i < more_n; i++) b[b_n++] = more[i];
    public_key = private_key = 0;
    return C_GenerateKeyPair(session, &mechanism, a, n, b, b_n, &public_key, &private_key);
}

static inline CK_RV make(const struct make *m, CK_BYTE id) { return make_with(m, id, NULL, 0); }

// ---- What is seen of it ----

static inline size_t attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *p, size_t n)
{
    CK_ATTRIBUTE a = { type, p, n };
    return C_GetAttributeValue(session, object, &a, 1) ? 0 : a.ulValueLen;
}

static inline CK_BYTE id_of(CK_OBJECT_HANDLE object)
{
    CK_BYTE id = 0;
    return attribute(object, CKA_ID, &id, 1) == 1 ? id : 0;
}

static inline bool is_true(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL v = CK_FALSE;
    return attribute(object, type, &v, 1) == 1 && v;
}

static inline CK_ULONG count(CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof class };
    CK_ULONG n = 0;
    return scene_count(session, &a, 1, &n) ? 99 : n;
}

// ---- Certificates and data ----

static size_t issue_filler;             // bytes of a comment that a certificate has, at most 3000

// A certificate by a test authority for a public key; its length.
static inline size_t issue(CK_OBJECT_HANDLE key, uint8_t *der, size_t room)
{
    static unsigned issued;             // no two have the same number
    uint8_t spki[600], serial[] = { (uint8_t)(0x40 | issued >> 8), (uint8_t)issued };
    static uint8_t comment[3000];
    size_t n = attribute(key, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    struct sim_random random;
    mbedtls_x509write_cert crt;
    mbedtls_pk_context subject, issuer;
    mbedtls_mpi number;
    issued = (issued + 1) & 0x3fff;
    mbedtls_pk_init(&subject);
    sim_key_parse(&issuer, sim_key_data(SIM_P256B));
    mbedtls_mpi_init(&number);
    mbedtls_x509write_crt_init(&crt);
    sim_random_start(&random);
    int rc = mbedtls_pk_parse_public_key(&subject, spki, n);
    if (!rc) rc = mbedtls_mpi_read_binary(&number, serial, sizeof serial);
    if (!rc) rc = mbedtls_x509write_crt_set_serial(&crt, &number);
    if (!rc) rc = mbedtls_x509write_crt_set_subject_name(&crt, "CN=Somebody");
    if (!rc) rc = mbedtls_x509write_crt_set_issuer_name(&crt, "CN=Test authority");
    if (!rc) rc = mbedtls_x509write_crt_set_validity(&crt, "20260101000000", "20360101000000");
    mbedtls_x509write_crt_set_subject_key(&crt, &subject);
    mbedtls_x509write_crt_set_issuer_key(&crt, &issuer);
    mbedtls_x509write_crt_set_md_alg(&crt, MBEDTLS_MD_SHA256);
    if (!rc && issue_filler)            // Netscape's comment
        rc = mbedtls_x509write_crt_set_extension(&crt, "\x60\x86\x48\1\x86\xf8\x42\1\x0d", 9, 0, comment,
                                                 issue_filler);
    if (!rc)
        rc = mbedtls_x509write_crt_der(&crt, der, room, mbedtls_ctr_drbg_random, &random.random);
    if (rc > 0) memmove(der, der + room - rc, (size_t)rc);
    sim_random_stop(&random);
    mbedtls_x509write_crt_free(&crt);
    mbedtls_mpi_free(&number);
    mbedtls_pk_free(&issuer);
    mbedtls_pk_free(&subject);
    return rc > 0 ? (size_t)rc : 0;
}

static uint8_t certificate[4096];
static size_t certificate_n;

// id 0: wherever there is room. more: a further attribute, or NULL.
static inline CK_RV store_certificate_with(CK_BYTE id, const CK_ATTRIBUTE *more, CK_OBJECT_HANDLE *made)
{
    CK_ATTRIBUTE a[6] = { { CKA_CLASS, &certificate_class, sizeof certificate_class },
                          { CKA_CERTIFICATE_TYPE, &x509_type, sizeof x509_type },
                          { CKA_TOKEN, &yes, 1 }, { CKA_VALUE, certificate, certificate_n } };
    CK_ULONG n = 4;
    if (id) a[n++] = (CK_ATTRIBUTE){ CKA_ID, &id, 1 };
    if (more) a[n++] = *more;
    *made = 0;
    return C_CreateObject(session, a, n, made);
}

static inline CK_RV store_certificate(CK_BYTE id, CK_OBJECT_HANDLE *made)
{
    return store_certificate_with(id, NULL, made);
}

static inline CK_RV store_data(const char *application, const void *value, size_t n, CK_OBJECT_HANDLE *made)
{
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class }, { CKA_TOKEN, &yes, 1 },
                         { CKA_APPLICATION, (void *)(uintptr_t)application, strlen(application) },
                         { CKA_VALUE, (void *)(uintptr_t)value, n } };
    *made = 0;
    return C_CreateObject(session, a, 4, made);
}

#endif
