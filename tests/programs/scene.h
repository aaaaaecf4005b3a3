// scene.h: what module.c, faults.c and threads.c share: a reader with a card, a session, keys found
// by class and CKA_ID, signatures checked by mbedTLS on its own. SPDX-License-Identifier: 0BSD
#ifndef SCENE_H
#define SCENE_H

#include "../../scard11.h"
#ifdef ANY_MODULE
#include "../pcsc/any_module.h"
#define STRICT 0
#define JUDGE_LISTS
#else
#define STRICT 1                        // what scard11 does beyond the standard is asked for as well
#endif
#include "judge.h"
#include "../sim/sim_piv.h"
#include "../sim/sim_reader.h"
#include "../test.h"
#include <mbedtls/x509_crt.h>

#define PIN ((CK_UTF8CHAR *)"123456")
#define SCENE_READER "Simulated Reader 00 00"

static struct sim_card *scene_card;     // the one in the reader
static CK_SLOT_ID scene_slot;

// A world with one reader and one card, and the library up.
static inline CK_RV scene_begin(const struct sim_piv_options *options)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_piv_new(options);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    CK_RV rv = C_Initialize(NULL);
    scene_slot = 0;
    return rv;
}

// The end of it: nothing may be left open, nothing may have been used wrongly.
static inline void scene_end(void)
{
    C_Finalize(NULL);
    struct sim_reader_stats s = sim_reader_stats();
    sim_reader_clear();
    scene_card->free(scene_card);
    scene_card = NULL;
    if (test_failing) return;
    CHECK_EQ(s.connections, 0);
    CHECK_EQ(s.contexts, 0);
    CHECK_EQ(s.unbalanced, 0);
    CHECK_EQ(s.outside, 0);
    CHECK_EQ(s.after_removed, 0);
}

static inline CK_RV scene_open(CK_SESSION_HANDLE *session)
{
    return C_OpenSession(scene_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);
}

static inline CK_RV scene_login(CK_SESSION_HANDLE *session)
{
    CK_RV rv = scene_open(session);
    return rv ? rv : C_Login(*session, CKU_USER, PIN, 6);
}

// The first object that fits; *object 0 if none does.
static inline CK_RV scene_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG n,
                                 CK_OBJECT_HANDLE *object)
{
    CK_ULONG found = 0;
    *object = 0;
    CK_RV rv = C_FindObjectsInit(session, t, n);
    if (rv) return rv;
    rv = C_FindObjects(session, object, 1, &found);
    CK_RV end = C_FindObjectsFinal(session);
    return rv ? rv : end;
}

static inline CK_RV scene_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_BYTE id,
                               CK_OBJECT_HANDLE *object)
{
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    return scene_search(session, t, 2, object);
}

static inline CK_RV scene_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG n,
                                CK_ULONG *count)
{
    CK_OBJECT_HANDLE some[7];
    CK_ULONG got;
    *count = 0;
    CK_RV rv = C_FindObjectsInit(session, t, n);
    while (!rv && !(rv = C_FindObjects(session, some, 7, &got)) && got) *count += got;
    if (!rv) rv = C_FindObjectsFinal(session);
    return rv;
}

static inline CK_RV scene_sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                               CK_MECHANISM_TYPE type,
                               void *data, CK_ULONG n, CK_BYTE *signature, CK_ULONG *signature_len)
{
    CK_MECHANISM m = { type, NULL, 0 };
    CK_RV rv = C_SignInit(session, &m, key);
    return rv ? rv : C_Sign(session, data, n, signature, signature_len);
}

// r || s as DER has it, two INTEGERs with a leading 00 each where needed, to at most 130 bytes; 0: they
// are too long.
static inline size_t scene_der(const CK_BYTE *signature, CK_ULONG len, uint8_t *der)
{
    size_t at = 2, half = len / 2;
    if (len > 120) return 0;
    for (size_t i = 0; i < 2; i++) {
        const CK_BYTE *p = signature + i * half;
        size_t k = half;
        while (k > 1 && !*p) p++, k--;
        bool zero = *p & 0x80;
        der[at++] = 2;
        der[at++] = (uint8_t)(k + zero);
        if (zero) der[at++] = 0;
        memcpy(der + at, p, k);
        at += k;
    }
    der[0] = 0x30;
    der[1] = (uint8_t)(at - 2);
    return at;
}

// Does mbedTLS find the signature of SHA-256(data) right, with the key in the card's certificate?
static inline bool scene_good(enum sim_key key, const void *data, size_t n,
                              const CK_BYTE *signature, CK_ULONG len)
{
    size_t der_len;
    const uint8_t *der = sim_piv_certificate(key, &der_len);
    uint8_t hash[32], sig[160];
    mbedtls_x509_crt crt;
    bool good = false;
    mbedtls_x509_crt_init(&crt);
    mbedtls_sha256(data, n, hash, 0);
    if (!mbedtls_x509_crt_parse_der(&crt, der, der_len)) {
        if (mbedtls_pk_can_do(&crt.pk, MBEDTLS_PK_RSA)) {
            good = !mbedtls_pk_verify(&crt.pk, MBEDTLS_MD_SHA256, hash, 32, signature, len);
        } else {
            size_t sig_n = scene_der(signature, len, sig);
            good = sig_n && !mbedtls_pk_verify(&crt.pk, MBEDTLS_MD_SHA256, hash, 32, sig, sig_n);
        }
    }
    mbedtls_x509_crt_free(&crt);
    return good;
}

#endif
