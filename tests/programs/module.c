// module.c: black box. What an application sees through C_*, on a simulated PIV card in process.
// SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE     // usleep, setenv
#include "scene.h"
#include <psa/crypto.h>
#include <pthread.h>
#include "../posix.h"
#include <zlib.h>

static const struct sim_piv_options whole = { .extended = true, .discovery = SIM_APPLICATION_PIN };
static const struct sim_piv_options small = { .pieces = true, .discovery = SIM_APPLICATION_PIN };
static CK_BYTE data[] = "The quick brown fox";
#define DATA_LEN (sizeof data - 1)

// Built as with mbedTLS 4: RSA with public keys is what PSA has.
#define BY_PSA (SCARD11_MBEDTLS_MAJOR >= 4)

// ---- Library, slots, tokens ----

TEST(initialize_takes_all_forms_of_arguments)
{
    CK_C_INITIALIZE_ARGS none = { NULL, NULL, NULL, NULL, 0, NULL }, os = none, both = none,
        half = none;
    os.flags = CKF_OS_LOCKING_OK;
    both.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    half.CreateMutex = (CK_CREATEMUTEX)(void (*)(void))C_Finalize;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(C_Finalize(&os), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(C_Initialize(&none), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(&os), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(&both), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(&half), CKR_ARGUMENTS_BAD);
    none.pReserved = &none;
    CHECK_RV(C_Initialize(&none), CKR_ARGUMENTS_BAD);
    scene_end();
}

// Mutexes of the application: counted, and each really locks.
static unsigned mutexes_made, mutexes_used;

static CK_RV mutex_create(CK_VOID_PTR_PTR m)
{
    pthread_mutex_t *p = malloc(sizeof *p);
    pthread_mutex_init(p, NULL);
    mutexes_made++;
    *m = p;
    return CKR_OK;
}

static CK_RV mutex_destroy(CK_VOID_PTR m)
{
    if (pthread_mutex_destroy(m)) abort();
    free(m);
    mutexes_made--;
    return CKR_OK;
}

static CK_RV mutex_lock(CK_VOID_PTR m)
{
    mutexes_used++;
    return pthread_mutex_lock(m) ? CKR_MUTEX_BAD : CKR_OK;
}

static CK_RV mutex_unlock(CK_VOID_PTR m)
{
    return pthread_mutex_unlock(m) ? CKR_MUTEX_BAD : CKR_OK;
}

static CK_RV mutex_create_never(CK_VOID_PTR_PTR m)
{
    (void)m;
    return CKR_HOST_MEMORY;
}

TEST(initialize_uses_the_application_s_mutexes)
{
    CK_C_INITIALIZE_ARGS args = { mutex_create, mutex_destroy, mutex_lock, mutex_unlock, 0, NULL };
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(&args), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK(mutexes_made > 1 && mutexes_used > 1);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_EQ(mutexes_made, 0);
    args.CreateMutex = mutex_create_never;
    CHECK_RV(C_Initialize(&args), CKR_CANT_LOCK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    scene_end();
}

TEST(everything_wants_initialize_first)
{
    CK_ULONG n;
    CK_SLOT_ID id;
    CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(C_CloseSession(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(C_GenerateRandom(1, data, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(scard11_stats(0, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK(strlen(scard11_version()));
}

TEST(interfaces_are_whole)
{
    CK_FUNCTION_LIST *list;
    CK_INTERFACE all[3], *one;
    CK_ULONG n = 0;
    CHECK_RV(C_GetFunctionList(&list), CKR_OK);
    CHECK(list->version.major == 2 && list->version.minor == 40);
    CHECK_RV(C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInterfaceList(NULL, &n), CKR_OK);
    CHECK_EQ(n, 3);
    n = 2;
    CHECK_RV(C_GetInterfaceList(all, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_RV(C_GetInterfaceList(all, &n), CKR_OK);
    static const size_t sizes[] = { sizeof(CK_FUNCTION_LIST_3_2), sizeof(CK_FUNCTION_LIST_3_0),
                                    sizeof(CK_FUNCTION_LIST) };
    for (size_t i = 0; i < 3; i++) {
        CHECK(!strcmp((char *)all[i].pInterfaceName, "PKCS 11") && !all[i].flags);
        void *entry;
        for (size_t at = sizeof entry; at + sizeof entry <= sizes[i]; at += sizeof entry) {
            memcpy(&entry, (char *)all[i].pFunctionList + at, sizeof entry);
            CHECK(entry);
        }
    }
    CK_VERSION v30 = { 3, 0 }, v24 = { 2, 40 }, v99 = { 9, 9 };
    CHECK_RV(C_GetInterface(NULL, NULL, &one, 0), CKR_OK);
    CHECK(((CK_VERSION *)one->pFunctionList)->minor == 2);
    CHECK_RV(C_GetInterface((CK_UTF8CHAR *)"PKCS 11", &v30, &one, 0), CKR_OK);
    CHECK(((CK_VERSION *)one->pFunctionList)->minor == 0);
    CHECK_RV(C_GetInterface(NULL, &v24, &one, 0), CKR_OK);
    CHECK(one->pFunctionList == list);
    CHECK_RV(C_GetInterface((CK_UTF8CHAR *)"PKCS 12", NULL, &one, 0), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInterface(NULL, &v99, &one, 0), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInterface(NULL, NULL, &one, CKF_INTERFACE_FORK_SAFE), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInterface(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
}

TEST(slots_and_token_tell_what_is_there)
{
    CK_SLOT_ID slots[4];
    CK_ULONG n = 0;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_add("Empty Reader 01 00");
    CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_EQ(n, 2);
    n = 1;
    slots[1] = 4711;
    CHECK_RV(C_GetSlotList(CK_FALSE, slots, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(n, 2);
    CHECK_EQ(slots[1], 4711);                   // what has no room is not written
    CHECK_RV(C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
    CHECK_RV(C_GetSlotInfo(slots[0], &slot), CKR_OK);
    CHECK(slot.flags == (CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT));
    CHECK(!memcmp(slot.slotDescription, SCENE_READER "      ", 28));
    CHECK_RV(C_GetSlotInfo(slots[1], &slot), CKR_OK);
    CHECK(slot.flags == (CKF_REMOVABLE_DEVICE | CKF_HW_SLOT));
    CHECK_RV(C_GetSlotInfo(slots[1] + 1, &slot), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_GetSlotInfo(4711, &slot), CKR_SLOT_ID_INVALID);
    CHECK_EQ(scene_card->apdus, 0);
    n = 4;
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    CHECK_EQ(n, 1);
    CHECK_RV(C_GetTokenInfo(slots[0], &token), CKR_OK);
    CHECK(!memcmp(token.model, "PIV             ", 16));
    CHECK(!memcmp(token.serialNumber, "9f025d38317790a4", 16));
    CHECK(!memcmp(token.label, "PIV 317790a4 ", 13));
    CHECK_EQ(token.flags, CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED |
                          CKF_TOKEN_INITIALIZED);
    CHECK(token.ulMinPinLen == 6 && token.ulMaxPinLen == 8);
    CHECK_RV(C_GetTokenInfo(2, &token), CKR_TOKEN_NOT_PRESENT);
    CHECK_RV(C_GetTokenInfo(0, NULL), CKR_ARGUMENTS_BAD);
    scene_end();
}

// ---- Objects ----

TEST(objects_are_public_before_login_and_all_after_it)
{
    CK_SESSION_HANDLE session;
    CK_ULONG n;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);
    CHECK_EQ(n, 4 + 4 + 1 + 3 + 3);             // certificates, public keys, 9E's private key, data, profiles
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);
    CHECK_EQ(n, 4 + 4 + 4 + 6 + 3);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);
    CHECK_EQ(n, 15);
    scene_end();
}

static void check_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type,
                            const void *want, CK_ULONG n)
{
    static CK_BYTE got[4096];
    CK_ATTRIBUTE t = { type, got, sizeof got };
    if (test_failing) return;
    CHECK_RV(C_GetAttributeValue(session, object, &t, 1), CKR_OK);
    CHECK_EQ(t.ulValueLen, n);
    CHECK(!memcmp(got, want, n));
}

TEST(objects_carry_what_their_certificate_says)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE certificate, public_key, private_key;
    mbedtls_x509_crt crt;
    size_t len;
    const uint8_t *der = sim_piv_certificate(SIM_RSA2048A, &len);
    uint8_t n[256], e[3];
    CK_ULONG bits = 2048, rsa = CKK_RSA;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    mbedtls_x509_crt_init(&crt);
    CHECK(!mbedtls_x509_crt_parse_der(&crt, der, len));
    CHECK(!mbedtls_rsa_export_raw(mbedtls_pk_rsa(crt.pk), n, 256, NULL, 0, NULL, 0, NULL, 0, e, 3));
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &certificate), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public_key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &private_key), CKR_OK);
    check_attribute(session, certificate, CKA_VALUE, der, (CK_ULONG)len);
    check_attribute(session, certificate, CKA_SUBJECT, crt.subject_raw.p, crt.subject_raw.len);
    check_attribute(session, certificate, CKA_ISSUER, crt.issuer_raw.p, crt.issuer_raw.len);
    check_attribute(session, certificate, CKA_LABEL, "PIV Authentication", 18);
    check_attribute(session, public_key, CKA_MODULUS, n, 256);
    check_attribute(session, private_key, CKA_MODULUS, n, 256);
    check_attribute(session, public_key, CKA_PUBLIC_EXPONENT, e, 3);
    check_attribute(session, public_key, CKA_MODULUS_BITS, &bits, sizeof bits);
    check_attribute(session, private_key, CKA_KEY_TYPE, &rsa, sizeof rsa);
    check_attribute(session, private_key, CKA_SUBJECT, crt.subject_raw.p, crt.subject_raw.len);
    check_attribute(session, private_key, CKA_SENSITIVE, &yes, 1);
    check_attribute(session, private_key, CKA_EXTRACTABLE, &no, 1);
    check_attribute(session, private_key, CKA_ALWAYS_AUTHENTICATE, &no, 1);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &private_key), CKR_OK);
    check_attribute(session, private_key, CKA_ALWAYS_AUTHENTICATE, &yes, 1);
    mbedtls_x509_crt_free(&crt);
    scene_end();
}

TEST(attributes_that_are_not_there_do_not_hide_the_others)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE id[4], tiny[2], secret[300];
    CK_ATTRIBUTE t[] = { { CKA_ISSUER, id, 4 }, { CKA_ID, id, 4 }, { CKA_MODULUS, tiny, 2 },
                         { CKA_PRIVATE_EXPONENT, secret, 300 }, { CKA_MODULUS, NULL, 0 } };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CK_RV rv = C_GetAttributeValue(session, key, t, 5);
    CHECK(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
          rv == CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK(t[1].ulValueLen == 1 && id[0] == 1);
    CHECK_EQ(t[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(t[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(t[4].ulValueLen, 256);
    CHECK_RV(C_GetAttributeValue(session, 4711, t, 1), CKR_OBJECT_HANDLE_INVALID);
    CHECK_RV(C_GetAttributeValue(session, key, NULL, 1), CKR_ARGUMENTS_BAD);
    scene_end();
}

TEST(data_objects_are_read_when_they_are_asked_for)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE object;
    CK_BYTE value[256];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)"Printed Information", 19 } };
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_search(session, t, 2, &object), CKR_OK);
    CHECK_EQ(object, 0);                        // wants the PIN: not seen before
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    unsigned before = scene_card->apdus;
    CHECK_RV(scene_search(session, t, 2, &object), CKR_OK);
    CHECK(object);
    CHECK_EQ(scene_card->apdus, before);
    CHECK_RV(C_GetAttributeValue(session, object, &v, 1), CKR_OK);
    CHECK_EQ(scene_card->apdus, before + 1);
    CHECK(v.ulValueLen == 16 && !memcmp(value + 2, "Test Subject", 12));
    v.ulValueLen = sizeof value;
    CHECK_RV(C_GetAttributeValue(session, object, &v, 1), CKR_OK);
    CHECK_EQ(scene_card->apdus, before + 1);
    t[1] = (CK_ATTRIBUTE){ CKA_LABEL, (void *)(uintptr_t)"Security Object", 15 };
    CHECK_RV(scene_search(session, t, 2, &object), CKR_OK);
    v.ulValueLen = sizeof value;
    CHECK_RV(C_GetAttributeValue(session, object, &v, 1), CKR_OK);      // not on the card: empty
    CHECK_EQ(v.ulValueLen, 0);
    scene_end();
}

TEST(searches_are_operations)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE some[2];
    CK_ULONG n;
    CK_ATTRIBUTE bad = { CKA_ID, NULL, 3 };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_FindObjects(session, some, 2, &n), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_FindObjectsInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjectsInit(session, &bad, 1), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
    CHECK_RV(C_FindObjects(session, some, 0, &n), CKR_OK);
    CHECK_EQ(n, 0);
    CHECK_RV(C_FindObjects(session, some, 2, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjects(session, some, 2, &n), CKR_OK);
    CHECK(n == 2 && some[0] != some[1]);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    scene_end();
}

TEST(unknown_classes_and_session_objects_cost_no_command)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS nss = 0xce534351u;
    CK_BBOOL no = CK_FALSE;
    CK_ULONG n;
    CK_ATTRIBUTE trust = { CKA_CLASS, &nss, sizeof nss }, local = { CKA_TOKEN, &no, 1 };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    unsigned before = scene_card->apdus;
    CHECK_RV(scene_count(session, &trust, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    CHECK_RV(scene_count(session, &local, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    CHECK_EQ(scene_card->apdus, before);
    scene_end();
}

// ---- Keys ----

struct sign_case {
    CK_MECHANISM_TYPE type;
    CK_ULONG parameter;         // 0: none; PSS: the hash
    bool hashed;                // the caller gives SHA-256 (or its DigestInfo) of data
};

static CK_RSA_PKCS_PSS_PARAMS pss_params(CK_ULONG hash)
{
    CK_RSA_PKCS_PSS_PARAMS p = { hash, hash == CKM_SHA256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA512,
                                 hash == CKM_SHA256 ? 32 : 64 };
    return p;
}

// What the host does with RSA public keys is what C_GetMechanismInfo says.
TEST(rsa_on_the_host_is_what_its_information_says)
{
    static const struct { CK_MECHANISM_TYPE type; CK_FLAGS here, by_psa; } rows[] = {
        { CKM_RSA_PKCS, CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_ENCRYPT | CKF_WRAP,
          CKF_VERIFY | CKF_ENCRYPT | CKF_WRAP },
        { CKM_RSA_X_509, CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_ENCRYPT, 0 },
        { CKM_RSA_PKCS_OAEP, CKF_ENCRYPT | CKF_WRAP, CKF_ENCRYPT | CKF_WRAP },
        { CKM_RSA_PKCS_PSS, CKF_VERIFY, CKF_VERIFY },
        { CKM_SHA256_RSA_PKCS, CKF_VERIFY, CKF_VERIFY },
        { CKM_SHA256_RSA_PKCS_PSS, CKF_VERIFY, CKF_VERIFY },
    };
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_FLAGS mine = CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_ENCRYPT | CKF_WRAP;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CK_MECHANISM m = { rows[i].type, NULL, 0 };
        CK_FLAGS flags = BY_PSA ? rows[i].by_psa : rows[i].here;
        CK_MECHANISM_INFO info;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE signs, opens;
        if (m.mechanism == CKM_RSA_PKCS_OAEP) m.pParameter = &oaep, m.ulParameterLen = sizeof oaep;
        if (m.mechanism == CKM_RSA_PKCS_PSS || m.mechanism == CKM_SHA256_RSA_PKCS_PSS)
            m.pParameter = &pss, m.ulParameterLen = sizeof pss;
        CHECK_RV(C_GetMechanismInfo(scene_slot, m.mechanism, &info), CKR_OK);
        CHECK_EQ(info.flags & mine, flags);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &signs), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &opens), CKR_OK);
        CHECK_RV(C_VerifyInit(session, &m, signs),
                 flags & CKF_VERIFY ? CKR_OK : CKR_MECHANISM_INVALID);
        CHECK_RV(C_VerifyRecoverInit(session, &m, signs),
                 flags & CKF_VERIFY_RECOVER ? CKR_OK : CKR_MECHANISM_INVALID);
        CHECK_RV(C_EncryptInit(session, &m, opens),
                 flags & CKF_ENCRYPT ? CKR_OK : CKR_MECHANISM_INVALID);
        CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

// Signs in one call and in pieces, verifies both with C_Verify in one call and in pieces; a changed
// signature and changed data are refused.
static void check_signing(CK_SESSION_HANDLE session, CK_BYTE id, CK_MECHANISM *m, CK_BYTE *in,
                          CK_ULONG n, bool verify)
{
    CK_OBJECT_HANDLE key, public_key;
    CK_BYTE a[512], b[512];
    CK_ULONG a_len = sizeof a, b_len = sizeof b;
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, id, &public_key), CKR_OK);
    CHECK_RV(C_SignInit(session, m, key), CKR_OK);
    CHECK_RV(C_Sign(session, in, n, a, &a_len), CKR_OK);
    CHECK_RV(C_SignInit(session, m, key), CKR_OK);
    CHECK_RV(C_SignUpdate(session, in, n / 2), CKR_OK);
    CHECK_RV(C_SignUpdate(session, in + n / 2, n - n / 2), CKR_OK);
    CHECK_RV(C_SignFinal(session, b, &b_len), CKR_OK);
    CHECK_EQ(a_len, b_len);
    if (!verify && m->mechanism == CKM_SHA256_RSA_PKCS_PSS)     // PSA would take any salt
        CHECK_RV(C_VerifyInit(session, m, public_key), CKR_MECHANISM_PARAM_INVALID);
    if (!verify) return;
    CHECK_RV(C_VerifyInit(session, m, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, in, n, b, b_len), CKR_OK);
    CHECK_RV(C_VerifyInit(session, m, public_key), CKR_OK);
    CHECK_RV(C_VerifyUpdate(session, in, 1), CKR_OK);
    CHECK_RV(C_VerifyUpdate(session, in + 1, n - 1), CKR_OK);
    CHECK_RV(C_VerifyFinal(session, a, a_len), CKR_OK);
    a[a_len / 2] ^= 1;
    CHECK_RV(C_VerifyInit(session, m, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, in, n, a, a_len), CKR_SIGNATURE_INVALID);
    CHECK_RV(C_VerifyInit(session, m, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, in, n, b, b_len - 1), CKR_SIGNATURE_LEN_RANGE);
    in[n - 1] ^= 1;
    CHECK_RV(C_VerifyInit(session, m, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, in, n, b, b_len), CKR_SIGNATURE_INVALID);
    in[n - 1] ^= 1;
}

static void check_all_rsa(CK_SESSION_HANDLE session, CK_BYTE id, CK_ULONG bytes)
{
    static const CK_MECHANISM_TYPE plain[] = { CKM_SHA1_RSA_PKCS, CKM_SHA224_RSA_PKCS,
                                               CKM_SHA256_RSA_PKCS,
                                               CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS };
    CK_BYTE digest[32], block[512] = { 0 };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        check_signing(session, id, &(CK_MECHANISM){ plain[i], NULL, 0 }, data, DATA_LEN, true);
    mbedtls_sha256(data, DATA_LEN, digest, 0);
    check_signing(session, id, &(CK_MECHANISM){ CKM_RSA_PKCS, NULL, 0 }, digest, 32, true);
    CK_RSA_PKCS_PSS_PARAMS p = pss_params(CKM_SHA256);
    check_signing(session, id, &(CK_MECHANISM){ CKM_RSA_PKCS_PSS, &p, sizeof p }, digest, 32, true);
    check_signing(session, id, &(CK_MECHANISM){ CKM_SHA256_RSA_PKCS_PSS, &p, sizeof p }, data,
                  DATA_LEN, true);
    p.sLen = 20;
    check_signing(session, id, &(CK_MECHANISM){ CKM_SHA256_RSA_PKCS_PSS, &p, sizeof p }, data,
                  DATA_LEN, !BY_PSA);
    if (bytes > 130) {
        p = pss_params(CKM_SHA512);
        check_signing(session, id, &(CK_MECHANISM){ CKM_SHA512_RSA_PKCS_PSS, &p, sizeof p }, data,
                      DATA_LEN, true);
    }
    memset(block + 1, 0x5a, bytes - 1);
    check_signing(session, id, &(CK_MECHANISM){ CKM_RSA_X_509, NULL, 0 }, block, bytes, !BY_PSA);
}

TEST(signatures_with_rsa_of_all_sizes)
{
    static const struct sim_piv_key keys[] = {
        { 0x9a, SIM_RSA1024, false, false, SIM_PIN_BY_SLOT },
            { 0x82, SIM_RSA2048A, false, true, SIM_PIN_BY_SLOT },
        { 0x83, SIM_RSA3072, false, false, SIM_PIN_BY_SLOT },
            { 0x84, SIM_RSA4096, false, true, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = { .keys = keys, .n_keys = 4, .retired = 3 };
    for (int way = 0; way < 4 && !test_failing; way++) {
        CK_SESSION_HANDLE session;
        o.extended = way & 1;
        o.pieces = way & 2;
        o.t0 = way == 2;
        CHECK_RV(scene_begin(&o), CKR_OK);
        CHECK_RV(scene_login(&session), CKR_OK);
        check_all_rsa(session, 1, 128);
        check_all_rsa(session, 5, 256);
        check_all_rsa(session, 6, 384);
        check_all_rsa(session, 7, 512);
        scene_end();
    }
}

TEST(signatures_with_ec)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_P256A, false, false, SIM_PIN_BY_SLOT },
                                               { 0x9e, SIM_P384A, false, true, SIM_PIN_BY_SLOT } };
    static const CK_MECHANISM_TYPE types[] = { CKM_ECDSA_SHA1, CKM_ECDSA_SHA224, CKM_ECDSA_SHA256,
                                               CKM_ECDSA_SHA384, CKM_ECDSA_SHA512 };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE digest[64] = { 1, 2, 3 }, signature[96];
    CK_ULONG n = sizeof signature;
    o.keys = keys;
    o.n_keys = 2;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    for (CK_BYTE id = 1; id <= 4; id += 3) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            check_signing(session, id, &(CK_MECHANISM){ types[i], NULL, 0 }, data, DATA_LEN, true);
        check_signing(session, id, &(CK_MECHANISM){ CKM_ECDSA, NULL, 0 }, digest, 20, true);
    }
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_ECDSA_SHA256, data, DATA_LEN, signature, &n), CKR_OK);
    CHECK_EQ(n, 64);
    CHECK(scene_good(SIM_P256A, data, DATA_LEN, signature, n));
    scene_end();
}

TEST(signatures_are_those_of_the_certificate_s_key)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE signature[256];
    CK_ULONG n = sizeof signature;
    CHECK_RV(scene_begin(&small), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, signature, &n), CKR_OK);
    CHECK(n == 256 && scene_good(SIM_RSA2048A, data, DATA_LEN, signature, n));
    scene_end();
}

TEST(a_key_that_wants_the_pin_each_time)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE signature[64];
    CK_ULONG n = sizeof signature;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Sign(session, data, DATA_LEN, signature, &n), CKR_USER_NOT_LOGGED_IN);
    for (int i = 0; i < 2; i++) {
        CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
        CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_BYTE *)"654321", 6), CKR_PIN_INCORRECT);
        CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
        // a length query uses nothing up
        CHECK_RV(C_Sign(session, data, DATA_LEN, NULL, &n), CKR_OK);
        CHECK_EQ(n, 64);
        n = 63;
        CHECK_RV(C_Sign(session, data, DATA_LEN, signature, &n), CKR_BUFFER_TOO_SMALL);
        CHECK_RV(C_Sign(session, data, DATA_LEN, signature, &n), CKR_OK);
        CHECK(scene_good(SIM_P256A, data, DATA_LEN, signature, n));
    }
    CHECK_RV(C_Logout(session), CKR_OK);
    scene_end();
}

TEST(a_context_login_ends_with_the_first_other_command)
{
    CK_SESSION_HANDLE session, other;
    CK_OBJECT_HANDLE key, first;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE signature[256];
    CK_ULONG n = sizeof signature;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_open(&other), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &first), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    CHECK_RV(scene_sign(other, first, CKM_SHA256_RSA_PKCS, data, DATA_LEN, signature, &n), CKR_OK);
    CHECK_RV(C_Sign(session, data, DATA_LEN, signature, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    CHECK_RV(C_SessionCancel(session, CKF_SIGN), CKR_OK);
    struct sim_reader_stats s = sim_reader_stats();
    CHECK_EQ(s.begins, s.ends);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    s = sim_reader_stats();
    CHECK_EQ(s.begins, s.ends);
    scene_end();
}

// What memory answers needs no transaction: a context login goes on, and no other program is kept
// off or waited for. What has to be read from the card is another command, and ends it.
TEST(a_context_login_outlives_what_memory_answers)
{
    CK_SESSION_HANDLE session, other;
    CK_OBJECT_HANDLE key, found;
    CK_TOKEN_INFO info;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE signature[64], value[2048];
    CK_ULONG n = sizeof signature, count;
    CK_OBJECT_CLASS data_class = CKO_DATA;
    CK_ATTRIBUTE each_data = { CKA_CLASS, &data_class, sizeof data_class };
    CK_ATTRIBUTE of_data = { CKA_VALUE, value, sizeof value };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &count), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &info), CKR_OK);
    for (int from_card = 0; from_card < 2; from_card++) {
        CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
        CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
        struct sim_reader_stats before = sim_reader_stats();
        CHECK_EQ(before.begins, before.ends + 1);
        CHECK_RV(scene_open(&other), CKR_OK);
        CHECK_RV(C_GetTokenInfo(scene_slot, &info), CKR_OK);
        for (CK_BYTE id = 1; id <= 4; id++) {
            CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof value };
            CHECK_RV(scene_find(other, CKO_CERTIFICATE, id, &found), CKR_OK);
            CHECK_RV(C_GetAttributeValue(other, found, &a, 1), CKR_OK);
        }
        CHECK_RV(scene_count(other, NULL, 0, &n), CKR_OK);
        CHECK_EQ(n, count);
        CHECK_RV(scene_search(other, &each_data, 1, &found), CKR_OK);
        CHECK_EQ(sim_reader_stats().begins, before.begins);
        CHECK_EQ(sim_reader_stats().ends, before.ends);
        if (from_card) CHECK_RV(C_GetAttributeValue(other, found, &of_data, 1), CKR_OK);
        CHECK_EQ(sim_reader_stats().begins, before.begins + (unsigned long)from_card);
        n = sizeof signature;
        CHECK_RV(C_Sign(session, data, DATA_LEN, signature, &n),
                 from_card ? CKR_USER_NOT_LOGGED_IN : CKR_OK);
        CHECK_RV(C_CloseSession(other), CKR_OK);
    }
    scene_end();
}

// An error of the card may be in passing: what it was asked for is asked for again, and nothing is taken for empty.
TEST(a_value_that_the_card_failed_to_give_is_asked_for_again)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found;
    CK_BYTE value[2048];
    CK_OBJECT_CLASS data_class = CKO_DATA;
    CK_ATTRIBUTE each_data = { CKA_CLASS, &data_class, sizeof data_class };
    CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof value };
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "1"), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_search(session, &each_data, 1, &found), CKR_OK);
    sim_reader_fault(SIM_ANSWER_6F00, 1, NULL);
    CHECK_RV(C_GetAttributeValue(session, found, &a, 1), CKR_DEVICE_ERROR);
    CHECK(sim_reader_fired());
    a.ulValueLen = sizeof value;
    CHECK_RV(C_GetAttributeValue(session, found, &a, 1), CKR_OK);
    CHECK(a.ulValueLen > 0);
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
}

TEST(decryption_with_every_padding)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key, public_key;
    CK_BYTE cipher[256], plain[256];
    CK_RSA_PKCS_OAEP_PARAMS oaep[] = {
        { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 },
        { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, data, 5 },
        { CKM_SHA256, CKG_MGF1_SHA1, 0, NULL, 0 } };
    CK_MECHANISM ways[] = { { CKM_RSA_PKCS, NULL, 0 },
                            { CKM_RSA_PKCS_OAEP, &oaep[0], sizeof *oaep },
                            { CKM_RSA_PKCS_OAEP, &oaep[1], sizeof *oaep },
                                { CKM_RSA_PKCS_OAEP, &oaep[2], sizeof *oaep } };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &public_key), CKR_OK);
    for (size_t i = 0; i < 4; i++) {
        CK_ULONG n = sizeof cipher, m = sizeof plain, part = sizeof plain;
        if (BY_PSA && i == 3) {                         // two hashes
            CHECK_RV(C_EncryptInit(session, &ways[i], public_key), CKR_MECHANISM_PARAM_INVALID);
            CHECK_RV(C_DecryptInit(session, &ways[i], key), CKR_OK);
            break;
        }
        CHECK_RV(C_EncryptInit(session, &ways[i], public_key), CKR_OK);
        CHECK_RV(C_Encrypt(session, data, DATA_LEN, cipher, &n), CKR_OK);
        CHECK_EQ(n, 256);
        CHECK_RV(C_DecryptInit(session, &ways[i], key), CKR_OK);
        CHECK_RV(C_Decrypt(session, cipher, n, NULL, &m), CKR_OK);
        CHECK(m >= DATA_LEN && m < 256);
        // the real length shows, and the work is not done twice
        m = 3;
        unsigned before = sim_piv_signatures(scene_card);
        CHECK_RV(C_Decrypt(session, cipher, n, plain, &m), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(m, DATA_LEN);
        CHECK_RV(C_Decrypt(session, cipher, n, plain, &m), CKR_OK);
        CHECK_EQ(sim_piv_signatures(scene_card), before + 1);
        CHECK(m == DATA_LEN && !memcmp(plain, data, m));
        CHECK_RV(C_DecryptInit(session, &ways[i], key), CKR_OK);
        CHECK_RV(C_DecryptUpdate(session, cipher, 100, plain, &part), CKR_OK);
        CHECK_EQ(part, 0);
        CHECK_RV(C_DecryptUpdate(session, cipher + 100, 156, plain, &part), CKR_OK);
        m = sizeof plain;
        CHECK_RV(C_DecryptFinal(session, plain, &m), CKR_OK);
        CHECK(m == DATA_LEN && !memcmp(plain, data, m));
        CHECK_RV(C_DecryptInit(session, &ways[i], key), CKR_OK);
        CHECK_RV(C_Decrypt(session, cipher, 255, plain, &m), CKR_ENCRYPTED_DATA_LEN_RANGE);
        cipher[200] ^= 1;
        m = sizeof plain;
        CHECK_RV(C_DecryptInit(session, &ways[i], key), CKR_OK);
        CHECK_RV(C_Decrypt(session, cipher, n, plain, &m), CKR_ENCRYPTED_DATA_INVALID);
        CHECK_RV(C_Decrypt(session, cipher, n, plain, &m), CKR_OPERATION_NOT_INITIALIZED);
    }
    scene_end();
}

// What was begun with a private key ends with the login: no length is told, and what the card
// decrypted before is not given out any more.
TEST(operations_end_with_the_login_they_were_begun_in)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE signer, key, public_key;
    CK_BYTE cipher[256], out[256];
    CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
    CK_ULONG n = sizeof cipher, len = 3;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &signer), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &public_key), CKR_OK);
    CHECK_RV(C_EncryptInit(session, &pkcs, public_key), CKR_OK);
    CHECK_RV(C_Encrypt(session, data, DATA_LEN, cipher, &n), CKR_OK);
    CHECK_RV(C_DecryptInit(session, &pkcs, key), CKR_OK);
    CHECK_RV(C_Decrypt(session, cipher, n, out, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_RV(C_SignInit(session, &pkcs, signer), CKR_OK);
    CHECK_RV(C_MessageSignInit(session, &pkcs, signer), CKR_OK);
    CHECK_RV(C_SignMessageBegin(session, NULL, 0), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    memset(out, 0x5a, sizeof out);
    len = sizeof out;
    CHECK_RV(C_Decrypt(session, cipher, n, out, &len), CKR_USER_NOT_LOGGED_IN);
    CHECK(out[0] == 0x5a && !memcmp(out, out + 1, sizeof out - 1));
    CHECK_RV(C_Decrypt(session, cipher, n, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_Sign(session, data, DATA_LEN, NULL, &len), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Sign(session, data, DATA_LEN, NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignMessageNext(session, NULL, 0, data, DATA_LEN, NULL, &len),
             CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_MessageSignFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    scene_end();
}

// What mbedTLS derives from the card's certificate and a key of the test's own.
static bool derive_here(enum sim_key key, CK_BYTE *point, CK_ULONG *point_len, CK_BYTE *secret,
                        CK_ULONG *secret_len)
{
    size_t len, n = 0, m = 0;
    const uint8_t *der = sim_piv_certificate(key, &len);
    mbedtls_x509_crt crt;
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t mine = 0;
    uint8_t peer[135];
    size_t peer_len = 0;
    mbedtls_x509_crt_init(&crt);
    if (psa_crypto_init() || mbedtls_x509_crt_parse_der(&crt, der, len)) return false;
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(crt.pk);
    bool good = !mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED,
                                                &peer_len, peer, sizeof peer);
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, ec->grp.pbits);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_DERIVE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDH);
    good = good && !psa_generate_key(&a, &mine) &&
           !psa_export_public_key(mine, point, *point_len, &n) &&
           !psa_raw_key_agreement(PSA_ALG_ECDH, mine, peer, peer_len, secret, *secret_len, &m);
    psa_destroy_key(mine);
    mbedtls_x509_crt_free(&crt);
    *point_len = n;
    *secret_len = m;
    return good;
}

TEST(derivation_gives_what_the_peer_derives)
{
    static const struct sim_piv_key keys[] = { { 0x9d, SIM_P256B, false, false, SIM_PIN_BY_SLOT },
                                               { 0x82, SIM_P384B, false, false, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE base, derived;
    CK_BYTE point[135], secret[66], got[66], wrapped[140];
    o.keys = keys;
    o.n_keys = 2;
    o.retired = 1;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    for (int i = 0; i < 2; i++) {
        CK_ULONG point_len = sizeof point, secret_len = sizeof secret;
        CHECK(derive_here(keys[i].key, point, &point_len, secret, &secret_len));
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, i ? 5 : 3, &base), CKR_OK);
        wrapped[0] = 4;
        wrapped[1] = (CK_BYTE)point_len;
        memcpy(wrapped + 2, point, point_len);
        for (int form = 0; form < 2; form++) {  // the point raw, and as OCTET STRING
            CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, point_len + (form ? 2u : 0u), form
                                         ? wrapped : point };
            CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
            CK_ATTRIBUTE v = { CKA_VALUE, got, sizeof got };
            CHECK_RV(C_DeriveKey(session, &m, base, NULL, 0, &derived), CKR_OK);
            CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_OK);
            CHECK(v.ulValueLen == secret_len && !memcmp(got, secret, secret_len));
            CHECK_RV(C_DestroyObject(session, derived), CKR_OK);
            CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_OBJECT_HANDLE_INVALID);
        }
    }
    CK_ULONG len = 16, point_len = sizeof point, secret_len = sizeof secret, type = CKK_AES;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t[] = { { CKA_VALUE_LEN, &len, sizeof len }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_SENSITIVE, &yes, 1 } };
    CK_ATTRIBUTE v = { CKA_VALUE, got, sizeof got };
    CHECK(derive_here(SIM_P384B, point, &point_len, secret, &secret_len));
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, point_len, point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CHECK_RV(C_DeriveKey(session, &m, base, t, 3, &derived), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_RV(C_DeriveKey(session, &m, base, t, 2, &derived), CKR_OK);
    v.ulValueLen = sizeof got;
    CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == 16 && !memcmp(got, secret + 32, 16));         // shortened from the front
    point[1] ^= 1;                              // not on the curve: the card's to refuse
    CHECK(C_DeriveKey(session, &m, base, t, 2, &derived) != CKR_OK);
    p.ulPublicDataLen = 12;
    CHECK_RV(C_DeriveKey(session, &m, base, t, 2, &derived), CKR_MECHANISM_PARAM_INVALID);
    scene_end();
}

// ---- PINs ----

TEST(pins_are_checked_here_before_the_card_counts)
{
    CK_SESSION_HANDLE session, ro;
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Login(session, CKU_USER, NULL, 6), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 0), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 5), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"123456789", 9), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_Login(session, 3, PIN, 6), CKR_USER_TYPE_INVALID);
    CHECK_RV(C_Login(session, 77, PIN, 6), CKR_USER_TYPE_INVALID);
    CHECK_EQ(sim_piv_verifies(scene_card), 0);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"111111", 6), CKR_PIN_INCORRECT);
    CHECK_EQ(sim_piv_verifies(scene_card), 1);
    CHECK_EQ(sim_piv_tries(scene_card), 2);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(!(token.flags & CKF_USER_PIN_LOCKED));
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"111111", 6), CKR_PIN_INCORRECT);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(token.flags & CKF_USER_PIN_FINAL_TRY);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    CHECK_RV(C_GetSessionInfo(ro, &info), CKR_OK);
    CHECK(info.state == CKS_RO_USER_FUNCTIONS && info.slotID == scene_slot);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK(info.state == CKS_RW_USER_FUNCTIONS);
    CHECK_RV(C_Logout(ro), CKR_OK);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK(info.state == CKS_RW_PUBLIC_SESSION);
    scene_end();
}

TEST(pins_are_counted_down_to_locked)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"111111", 6), CKR_PIN_INCORRECT);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_EQ(token.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY),
             CKF_USER_PIN_COUNT_LOW);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"111111", 6), CKR_PIN_INCORRECT);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"111111", 6), CKR_PIN_LOCKED);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_PIN_LOCKED);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(token.flags & CKF_USER_PIN_LOCKED);
    scene_end();
}

TEST(pins_are_changed)
{
    CK_SESSION_HANDLE session, ro;
    CK_SESSION_INFO info;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    CHECK_RV(C_SetPIN(ro, PIN, 6, (CK_BYTE *)"87654321", 8), CKR_SESSION_READ_ONLY);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_BYTE *)"12345", 5), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_SetPIN(session, PIN, 6, NULL, 8), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SetPIN(session, (CK_BYTE *)"999999", 6, (CK_BYTE *)"87654321", 8),
             CKR_PIN_INCORRECT);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_BYTE *)"87654321", 8), CKR_OK);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK(info.state == CKS_RW_USER_FUNCTIONS || info.state == CKS_RW_PUBLIC_SESSION);
    if (info.state == CKS_RW_USER_FUNCTIONS) CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_PIN_INCORRECT);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)"87654321", 8), CKR_OK);
    scene_end();
}

TEST(logout_is_real_and_renews_private_handles)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key, again, public_key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public_key), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n),
             CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n),
             CKR_KEY_HANDLE_INVALID);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &again), CKR_OK);
    CHECK(again && again != key);
    CHECK_RV(scene_sign(session, again, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);  // the last one: logged out, and the card let go
    CHECK_EQ(sim_reader_stats().connections, 0);
    CHECK_RV(scene_open(&session), CKR_OK);
    CK_SESSION_INFO info;
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CK_ULONG count;
    CHECK_RV(scene_count(session, NULL, 0, &count), CKR_OK);
    CHECK_EQ(count, 15);
    scene_end();
}

// ---- Budgets: commands, as the card counts them ----

TEST(budget_of_looking)
{
    CK_ULONG n = 8;
    CK_SLOT_ID slots[8], slot;
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO session_info;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
    CHECK_RV(C_GetSlotInfo(slots[0], &info), CKR_OK);
    CHECK_EQ(scene_card->apdus, 0);
    CHECK_RV(C_GetTokenInfo(slots[0], &token), CKR_OK);
    CHECK_EQ(scene_card->apdus, 4);
    CHECK_RV(scene_open(&session), CKR_OK);
    unsigned before = scene_card->apdus;
    for (int i = 0; i < 100; i++) {
        n = 8;
        CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        CHECK_RV(C_GetTokenInfo(slots[0], &token), CKR_OK);
        CHECK_RV(C_GetSessionInfo(session, &session_info), CKR_OK);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
        usleep(1000);
    }
    CHECK_EQ(scene_card->apdus, before);
    struct scard11_counters counters;
    CHECK_RV(scard11_stats(scene_slot, &counters), CKR_OK);
    CHECK_EQ(counters.commands, scene_card->apdus);
    CHECK(counters.card_memory && counters.card_memory <= SCARD11_CARD_MEMORY);
    scene_end();
}

// Every attribute of every object.
static CK_RV read_everything(CK_SESSION_HANDLE session)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE, CKA_ID, CKA_SUBJECT, CKA_ISSUER,
            CKA_SERIAL_NUMBER,
        CKA_KEY_TYPE, CKA_SIGN, CKA_DECRYPT, CKA_DERIVE, CKA_MODULUS, CKA_MODULUS_BITS,
            CKA_PUBLIC_EXPONENT,
        CKA_EC_PARAMS, CKA_EC_POINT, CKA_PUBLIC_KEY_INFO, CKA_START_DATE, CKA_END_DATE,
            CKA_UNIQUE_ID };
    CK_OBJECT_HANDLE objects[64];
    CK_ULONG n;
    static CK_BYTE value[8192];
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = C_FindObjects(session, objects, 64, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; !rv && i < n; i++) {
        CK_OBJECT_CLASS class = 0;
        CK_ATTRIBUTE c = { CKA_CLASS, &class, sizeof class };
        rv = C_GetAttributeValue(session, objects[i], &c, 1);
        if (class == CKO_DATA) continue;        // their values are read when they are asked for
        for (size_t k = 0; !rv && k < sizeof types / sizeof *types; k++) {
            CK_ATTRIBUTE a = { types[k], value, sizeof value };
            CK_RV one = C_GetAttributeValue(session, objects[i], &a, 1);
            if (one != CKR_ATTRIBUTE_TYPE_INVALID && one != CKR_ATTRIBUTE_SENSITIVE) rv = one;
        }
    }
    return rv;
}

TEST(budget_of_listing_all)
{
    static const struct { struct sim_piv_options o; unsigned most; } cards[] = {
        { { .extended = true, .discovery = SIM_APPLICATION_PIN }, 9 },
        { { .extended = true, .pieces = true, .discovery = SIM_APPLICATION_PIN }, 17 },
        { { .discovery = SIM_APPLICATION_PIN }, 17 },
        { { .pieces = true }, 17 },
    };
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        CK_SESSION_HANDLE session;
        CK_TOKEN_INFO token;
        CHECK_RV(scene_begin(&cards[i].o), CKR_OK);
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(read_everything(session), CKR_OK);
        CHECK(scene_card->apdus <= cards[i].most);
        unsigned before = scene_card->apdus;
        CHECK_RV(read_everything(session), CKR_OK);
        CHECK_EQ(scene_card->apdus, before);    // kept
        scene_end();
    }
}

static void check_sign_budget(bool exclusive)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", exclusive ? "1" : "0"), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    for (unsigned i = 0, before = 0; i < 5; i++) {
        CK_ULONG n = sizeof sig;
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
        if (!i) CHECK_EQ(scene_card->apdus, 8);
        if (i) CHECK_EQ(scene_card->apdus, before + 1);
        before = scene_card->apdus;
    }
    // The PIN each time. Shared, it follows a SELECT: it must not reach another application.
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    for (unsigned i = 0, before = 0; i < 3; i++) {
        CK_ULONG n = sizeof sig;
        CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
        CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
        CHECK_RV(C_Sign(session, data, DATA_LEN, sig, &n), CKR_OK);
        if (i) CHECK_EQ(scene_card->apdus, before + (exclusive ? 2 : 3));
        before = scene_card->apdus;
    }
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
}

TEST(budget_of_signing)            { check_sign_budget(false); }
TEST(budget_of_signing_exclusive)  { check_sign_budget(true); }

// ---- More cards ----

TEST(retired_keys_by_history_and_by_id)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_RSA2048A, false, true, SIM_PIN_BY_SLOT },
        { 0x82, SIM_P256A, false, false, SIM_PIN_BY_SLOT },
            { 0x84, SIM_P384A, false, true, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    CK_ULONG n;
    o.keys = keys;
    o.n_keys = 3;
    o.retired = 1;                              // names 82 only
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_count(session, &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 2);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 7, &object), CKR_OK);     // asked for: looked at
    CHECK(object);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 8, &object), CKR_OK);
    CHECK(!object);
    scene_end();
    o.no_history = true;                        // then one is found that is asked for
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_count(session, &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 1);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 7, &object), CKR_OK);
    CHECK(object);
    scene_end();
    o.yubikey = true;                           // or all, where there is metadata of each
    o.yubikey_lacks = SIM_NO_ATTESTATION;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_count(session, &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 3);
    scene_end();
}

TEST(keys_without_certificate_by_metadata)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_P256A, true, false, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_RSA2048A, true, false, SIM_PIN_ONCE },
            { 0x9d, SIM_X25519, true, false, SIM_PIN_BY_SLOT },
        { 0x9e, SIM_ED25519, true, false, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    o.keys = keys;
    o.n_keys = 4;
    o.yubikey = true;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_ECDSA_SHA256, data, DATA_LEN, sig, &n), CKR_OK);
    CHECK(scene_good(SIM_P256A, data, DATA_LEN, sig, n));
    n = sizeof sig;                             // 9C, whose policy here is: the PIN once
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    CHECK(scene_good(SIM_RSA2048A, data, DATA_LEN, sig, n));
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 25, &key), CKR_OK);
    CHECK(key);                                 // the attestation certificate
    scene_end();
    o.yubikey = false;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK(!key);                                // nobody can tell what key it is
    scene_end();
}

#if SIM_OPENSSL
TEST(edwards_and_montgomery_keys)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_ED25519, false, false, SIM_PIN_BY_SLOT },
                                               { 0x9d, SIM_X25519, false, false,
                                                 SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key, derived;
    CK_BYTE sig[64], again[64], point[32] = { 9 }, secret[32];
    CK_ULONG n = sizeof sig;
    CK_MECHANISM m = { CKM_EDDSA, NULL, 0 };
    o.keys = keys;
    o.n_keys = 2;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Sign(session, data, DATA_LEN, sig, &n), CKR_OK);
    CHECK_EQ(n, 64);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_SignUpdate(session, data, 4), CKR_OK);
    CHECK_RV(C_SignUpdate(session, data + 4, DATA_LEN - 4), CKR_OK);
    CHECK_RV(C_SignFinal(session, again, &n), CKR_OK);
    CHECK(!memcmp(sig, again, 64));             // Ed25519 is deterministic
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &key), CKR_OK);
    CHECK_RV(C_VerifyInit(session, &m, key), CKR_MECHANISM_INVALID);
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 32, point };
    CK_MECHANISM dh = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_ATTRIBUTE v = { CKA_VALUE, secret, sizeof secret };
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    CHECK_RV(C_DeriveKey(session, &dh, key, NULL, 0, &derived), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_OK);
    CHECK_EQ(v.ulValueLen, 32);                 // with the base point: the card's public key
    size_t len;
    const uint8_t *der = sim_piv_certificate(SIM_X25519, &len);
    bool found = false;
    for (size_t i = 0; i + 32 <= len; i++) found = found || !memcmp(der + i, secret, 32);
    CHECK(found);
    scene_end();
}
#endif

TEST(the_global_pin_where_the_card_says_so)
{
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    o.discovery = SIM_GLOBAL_PIN;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    scene_end();
}

// PC/SC part 10 says so with a dwMaxAPDUDataSize of 0: nothing longer is tried, which may cost the
// connection.
TEST(a_reader_of_short_apdus_gets_no_longer_ones)
{
    struct scard11_counters counters;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_limit(0, 256, 261);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scard11_stats(scene_slot, &counters), CKR_OK);
    CHECK_EQ(counters.connects, 1);
    scene_end();
}

// A YubiKey with a fingerprint reader has two more policies: 4, once, and 5, each time.
TEST(keys_that_want_a_finger_or_the_pin_each_time)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_P256A, true, false, SIM_MATCH_ONCE },
                                               { 0x9c, SIM_P256B, false, false, SIM_MATCH_ALWAYS } };
    struct sim_piv_options o = whole;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BBOOL each = 9;
    CK_ATTRIBUTE a = { CKA_ALWAYS_AUTHENTICATE, &each, 1 };
    o.keys = keys;
    o.n_keys = 2;
    o.yubikey = true;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    for (CK_BYTE id = 1; id <= 2; id++) {
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
        CHECK_RV(C_GetAttributeValue(session, key, &a, 1), CKR_OK);
        CHECK_EQ(each, id == 2);
    }
    scene_end();
}

TEST(cards_without_chuid_have_a_name_all_the_same)
{
    struct sim_piv_options o = whole;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    o.no_chuid = o.yubikey = true;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(!memcmp(token.serialNumber, "01193046        ", 16));    // as printed: 0x123456
    CHECK(!memcmp(token.label, "PIV 01193046 ", 13));
    scene_end();
    o.yubikey = false;
    o.discovery = SIM_NO_DISCOVERY;             // nothing to recognise the application by
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(!memcmp(token.serialNumber, "                ", 16));
    CHECK(!memcmp(token.label, "PIV   ", 6));
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 9, &key), CKR_OK);    // not there: the login stays
    CHECK(!key);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    scene_end();
}

// ---- Bad input from the card ----

TEST(hostile_certificates_hide_nothing_else)
{
    static uint8_t big[61000], bomb[200000];
    struct { const uint8_t *p; size_t n; } bad[] = {
        { (const uint8_t *)"", 0 }, { (const uint8_t *)"\x53\x00", 2 },
            { (const uint8_t *)"\x53\x03\x70\x05\x30", 5 },
        { (const uint8_t *)"\x53\x82\xff\xff\x70", 5 },
            { (const uint8_t *)"\x53\x04\x70\x02\x30\x80", 6 },
        { (const uint8_t *)"\x53\x05\x70\x03\x1f\x8b\x08", 7 }, { big, sizeof big }, { bomb, 0 } };
    uLongf n = sizeof bomb - 16;
    uint8_t *zeros = calloc(1, 100u << 20);     // 100 MB of zeros: 100 KB of deflate
    CHECK(zeros && compress2(bomb + 8, &n, zeros, 60u << 20, 9) == Z_OK);
    free(zeros);
    memcpy(big, "\x53\x82\xee\x44\x70\x82\xee\x40\x30\x82\xee\x3c", 12);
    memcpy(bomb, "\x53\x82\xee\x44\x70\x82\xee\x3e", 8);
    n = n < 60998 ? n : 60990;
    bad[7].n = 8 + 60990 + 3;
    memcpy(bomb + 8 + 0xee3e, "\x71\x01\x01", 3);
    bad[7].n = 8 + 0xee3e + 3;
    bomb[2] = (uint8_t)((bad[7].n - 4) >> 8);
    bomb[3] = (uint8_t)(bad[7].n - 4);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sim_piv_options o = whole;
        CK_SESSION_HANDLE session;
        CK_OBJECT_CLASS class = CKO_CERTIFICATE;
        CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
        CK_ULONG count;
        struct scard11_counters counters;
        o.object = bad[i].p;
        o.object_len = bad[i].n;
        o.object_tag = 0x5fc105;
        CHECK_RV(scene_begin(&o), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(scene_count(session, &t, 1, &count), CKR_OK);
        CHECK_EQ(count, 3);
        CHECK_RV(scard11_stats(scene_slot, &counters), CKR_OK);
        CHECK(counters.card_memory <= SCARD11_CARD_MEMORY);
        scene_end();
    }
}

// ---- Hot-plug ----

#define GONE(rv) ((rv) == CKR_DEVICE_REMOVED || (rv) == CKR_SESSION_HANDLE_INVALID)

// All handles of a card that is gone are refused, whatever is in the reader now.
static void check_dead(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_SESSION_INFO info;
    CK_BYTE sig[256], id[4];
    CK_ULONG n = sizeof sig;
    CK_ATTRIBUTE t = { CKA_ID, id, sizeof id };
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    if (test_failing) return;
    usleep(25000);
    CHECK(GONE(C_GetSessionInfo(session, &info)));
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_GetAttributeValue(session, key, &t, 1), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, &m, key), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_Sign(session, data, DATA_LEN, sig, &n), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

static void check_usable(void)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_SESSION_INFO info;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    if (test_failing) return;
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);            // a new insertion is logged out
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
}

enum gap { PULLED, SWAPPED, SWAPPED_AS_RESET, UNPLUGGED, UNPLUGGED_AT_0, SERVICE, GAPS };

static void make_gap(enum gap gap, struct sim_card *other)
{
    switch (gap) {
    case PULLED:           sim_reader_insert(0, sim_reader_eject(0)); break;
    case SWAPPED:          sim_reader_swap(0, other); break;
    case SWAPPED_AS_RESET: sim_reader_swap_as_reset(0, other); break;
    case UNPLUGGED:
    case UNPLUGGED_AT_0:
        sim_reader_unplug(0);
        sim_reader_plug(0);
        if (gap == UNPLUGGED_AT_0) sim_reader_set_count(0, 0);
        break;
    default:
        sim_reader_service(false);
        sim_reader_service(true);
    }
}

// A reader that cannot send, or that answers nothing, and does not know yet that its card was pulled:
// the reset that lets go of the card tells. With the card in, it was the reader, if that can be known.
TEST(a_card_that_a_late_reader_has_lost_was_removed)
{
    enum { THERE, LATE, LATE_EMPTY, UNKNOWN, WAYS };
    for (int how = THERE; how < WAYS && !test_failing; how++) {
        bool pulled = how == LATE || how == LATE_EMPTY;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;
        CK_BYTE sig[256];
        CK_ULONG n = sizeof sig;
        CHECK_RV(scene_begin(&whole), CKR_OK);
        if (how == UNKNOWN) sim_reader_counts(0, SIM_COUNTS_ZERO);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        sim_reader_late(0, true);
        sim_reader_empty(0, how == LATE_EMPTY);
        if (pulled) sim_reader_eject(0);
        else        sim_reader_fault(SIM_ANSWER_0, 1, NULL);
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, sizeof data, sig, &n),
                 how == THERE ? CKR_DEVICE_ERROR : CKR_DEVICE_REMOVED);
        CHECK_RV(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
        sim_reader_late(0, false);
        if (pulled) sim_reader_insert(0, scene_card);
        CHECK_RV(scene_open(&session), CKR_OK);
        scene_end();
        if (test_failing) printf("    way %d\n", how);
    }
}

static unsigned commands, first_extended;       // its number; 0: there was none

static void note_extended(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                          size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    commands++;
    if (n > 6 && !cmd[4] && !first_extended) first_extended = commands;
}

static CK_RV list_all(void)
{
    CK_SESSION_HANDLE session;
    CK_ULONG n;
    commands = first_extended = 0;
    sim_reader_trace(note_extended, NULL);
    CK_RV rv = scene_open(&session);
    if (!rv) rv = scene_count(session, NULL, 0, &n);
    return rv ? rv : C_CloseSession(session);
}

// Extended length fails the first time that it is used in a reader. That the card is still in then
// says that it was the reader; that it was pulled says nothing, unless it happens again.
TEST(a_pull_is_not_the_reader_s_fault)
{
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(list_all(), CKR_OK);
    CHECK(first_extended);
    const unsigned at = first_extended;
    scene_end();
    for (unsigned pulls = 0; pulls < 3; pulls++) {
        CHECK_RV(scene_begin(&whole), CKR_OK);
        if (!pulls) {
            sim_reader_fault(SIM_FAILED, at, NULL);
            CHECK_RV(list_all(), CKR_OK);       // met once more, short
        }
        for (unsigned i = 0; i < pulls; i++) {
            sim_reader_fault(SIM_EJECT, at, NULL);
            CHECK_RV(list_all(), CKR_DEVICE_REMOVED);
            sim_reader_insert(0, scene_card);
        }
        CK_ULONG n = 0;
        sim_reader_eject(0);
        sim_reader_insert(0, scene_card);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);    // sees that
        CHECK_RV(list_all(), CKR_OK);
        CHECK_EQ(first_extended, pulls == 1 ? at : 0);
        scene_end();
    }
}

// Between two calls, and nobody looked: the first use finds out, with a login and an operation
// open.
TEST(a_gap_that_nobody_saw_kills_every_handle)
{
    struct sim_piv_options second = whole;
    second.second = true;
    for (enum gap gap = 0; gap < GAPS; gap++) {
        for (int used = 0; used < 2; used++) {
            struct sim_card *other = sim_piv_new(&second);
            CK_SESSION_HANDLE session, s2;
            CK_OBJECT_HANDLE key;
            CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
            CK_BYTE sig[256];
            CK_ULONG n = sizeof sig;
            CHECK_RV(scene_begin(&whole), CKR_OK);
            if (gap == UNPLUGGED_AT_0) {
                CHECK_RV(C_Finalize(NULL), CKR_OK);
                sim_reader_set_count(0, 0);
                CHECK_RV(C_Initialize(NULL), CKR_OK);
            }
            CHECK_RV(scene_login(&session), CKR_OK);
            CHECK_RV(scene_open(&s2), CKR_OK);
            CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
            CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
            CHECK_RV(C_FindObjectsInit(s2, NULL, 0), CKR_OK);
            make_gap(gap, other);
            if (used) {
                CK_RV rv = C_Sign(session, data, DATA_LEN, sig, &n);
                CHECK(GONE(rv));
            }
            check_dead(session, key);
            check_dead(s2, key);
            CHECK_EQ(sim_piv_verifies(other), 0);
            check_usable();
            scene_end();
            other->free(other);
        }
    }
}

// A command that fails costs the connection, and may cost nothing else: the card that is still in has
// forgotten the login that nobody has any more.
TEST(a_card_that_is_dropped_forgets_its_login)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK(scene_card->verified(scene_card));
    sim_reader_fault(SIM_FAILED, 1, NULL);
    CHECK(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n) != CKR_OK);
    CHECK(sim_reader_fired());
    CHECK(!scene_card->verified(scene_card));
    check_usable();
    scene_end();
}

static void (*module_reset)(struct sim_card *card);
static unsigned module_resets;

static void count_reset(struct sim_card *card)
{
    module_resets++;
    module_reset(card);
}

// The card's own command ends the login: other programs' connections to it need not see a reset.
TEST(finalize_logs_out_without_a_reset)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK(scene_card->verified(scene_card));
    module_reset = scene_card->reset;
    module_resets = 0;
    scene_card->reset = count_reset;
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK(!scene_card->verified(scene_card));
    CHECK_EQ(module_resets, 0);
    scene_end();
}

TEST(a_swap_that_pc_sc_never_shows_is_a_removal)
{
    struct sim_piv_options second = whole;
    struct sim_card *other;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    second.second = true;
    other = sim_piv_new(&second);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    sim_reader_swap_unseen(0, other);
    CK_RV rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n);
    CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR);
    CHECK_RV(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(sim_piv_signatures(other), 0);
    check_usable();
    scene_end();
    other->free(other);
}

TEST(a_reset_by_another_program_costs_a_login_and_no_more)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    CK_OBJECT_HANDLE key;
    CK_ULONG n;
    CK_BYTE sig[256];
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    sim_reader_reset(0);
    n = sizeof sig;
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n),
             CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    n = sizeof sig;                             // the handle lives on: the card is the same
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    sim_reader_reset(0);
    CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);    // needs no login: nobody notices
    CHECK_EQ(n, 15);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

// Also when the connection was made for this search alone.
TEST(a_reset_of_a_card_that_was_let_go_is_no_error)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    for (enum sim_fault f = SIM_RESET; f <= SIM_RESET_AFTER; f++) {
        for (unsigned nth = 1; nth < 3; nth++) {
            CHECK_RV(scene_login(&session), CKR_OK);
            CHECK_RV(C_CloseSession(session), CKR_OK);  // the last one: disconnected
            CHECK_RV(scene_open(&session), CKR_OK);
            sim_reader_fault(f, nth, NULL);
            CHECK_RV(scene_find(session, CKO_CERTIFICATE, (CK_BYTE)(f + nth), &key), CKR_OK);
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
            CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
            n = sizeof sig;
            CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n),
                     CKR_OK);
            CHECK_RV(C_CloseSession(session), CKR_OK);
        }
    }
    scene_end();
}

TEST(where_the_backend_does_not_count_a_reset_is_a_removal)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    sim_reader_counts(0, SIM_COUNTS_NOT);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    sim_reader_reset(0);
    check_dead(session, 0);
    check_usable();
    scene_end();
}

// ---- Other programs ----

static void select_other(struct sim_card *card, void *arg)
{
    (void)arg;
    sim_piv_select_other(card);
}

TEST(another_application_never_gets_the_pin)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_foreign(0, select_other, NULL);  // before each of our transactions
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);
    CHECK(n >= 12);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    if (info.state == CKS_RW_PUBLIC_SESSION) CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    sim_piv_select_other(scene_card);
    // the login went with it: said once, and C_Login works
    n = sizeof sig;
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n),
             CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    n = sizeof sig;
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    sim_piv_select_other(scene_card);           // a PIN each time: SELECT stands before it
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    n = sizeof sig;
    CHECK_RV(C_Sign(session, data, DATA_LEN, sig, &n), CKR_OK);
    sim_piv_select_other(scene_card);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_BYTE *)"654321", 6), CKR_OK);
    CHECK_EQ(scene_card->stray_secrets, 0);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

TEST(a_card_that_another_program_holds)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_busy(0, true);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_DEVICE_ERROR);
    CHECK_RV(scene_open(&session), CKR_DEVICE_ERROR);
    CHECK_RV(C_GetSlotInfo(scene_slot, &slot), CKR_OK);
    CHECK(slot.flags & CKF_TOKEN_PRESENT);
    sim_reader_busy(0, false);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    scene_end();
}

TEST(mute_and_unknown_cards_are_present_and_not_recognized)
{
    struct sim_piv_options none = { .keys = NULL };
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;
    CK_SLOT_ID id;
    (void)none;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_mute(0, true);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_RV(C_GetSlotInfo(scene_slot, &slot), CKR_OK);
    CHECK(slot.flags & CKF_TOKEN_PRESENT);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_TOKEN_NOT_RECOGNIZED);
    CHECK_RV(scene_open(&session), CKR_TOKEN_NOT_RECOGNIZED);
    unsigned long connects = sim_reader_stats().connects;
    for (int i = 0; i < 20; i++) {              // not tried again within a second, by polling never
        CK_ULONG n = 0;
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_TOKEN_NOT_RECOGNIZED);
        CHECK_RV(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
        CHECK_EQ(n, 1);
    }
    CHECK_EQ(sim_reader_stats().connects, connects);
    sim_reader_mute(0, false);
    usleep(1050000);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    scene_end();
}

// ---- Events ----

TEST(events_are_reported_once_and_the_slot_id_stays)
{
    CK_SLOT_ID id = 99;
    CK_SLOT_INFO info;
    CK_ULONG n = 0;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    CHECK_EQ(id, 99);                           // untouched
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, &id), CKR_ARGUMENTS_BAD);
    for (int i = 0; i < 400; i++) {
        if (i & 1) sim_reader_insert(0, scene_card);
        else       sim_reader_eject(0);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);    // swallows nothing
        CHECK_RV(C_GetSlotInfo(scene_slot, &info), CKR_OK);
        CHECK_EQ(!!(info.flags & CKF_TOKEN_PRESENT), i & 1);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
        CHECK_EQ(id, scene_slot);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    }
    sim_reader_unplug(0);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    CHECK_RV(C_GetSlotInfo(scene_slot, &info), CKR_OK);
    CHECK(!(info.flags & CKF_TOKEN_PRESENT));
    sim_reader_add("Reader that came later");
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK(id != scene_slot);
    CHECK_RV(C_GetSlotInfo(id, &info), CKR_OK);
    sim_reader_plug(0);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_EQ(id, scene_slot);                   // the same ID
    check_usable();
    scene_end();
}

TEST(the_service_goes_and_comes_back)
{
    CK_SLOT_ID id;
    CK_ULONG n = 0;
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    sim_reader_service(false);
    CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_EQ(n, 0);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    check_dead(session, 0);
    sim_reader_service(true);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_EQ(id, scene_slot);
    check_usable();
    scene_end();
}

static unsigned log_lines;

static void count_service(void *context, const char *text)
{
    (void)context;
    log_lines += strstr(text, "scard11_reader_start gives no context") ||
                 strstr(text, "PC/SC does not answer") || strstr(text, "readers can be looked for again");
}

// A library that asks again and again says once that there is nobody to ask, and once that there is.
TEST(the_log_says_once_that_there_is_no_service)
{
    CK_ULONG n = 0;
    sim_reader_clear();
    sim_reader_service(false);
    log_lines = 0;
    CHECK_RV(scard11_set_log(count_service, NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    for (int i = 0; i < 3; i++) CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_EQ(log_lines, 1);
    sim_reader_service(true);
    for (int i = 0; i < 3; i++) CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_EQ(log_lines, 2);
    C_Finalize(NULL);
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
}

// The service went and came back between two looks, and shows what it showed before: what was in
// meanwhile nobody saw, so the card that is in is another one, with its event. So it is with a card
// that is connected, with one that was let go after its last session, and with one in use.
TEST(a_context_that_was_lost_is_a_removal)
{
    enum { LOOKED_AT, LET_GO, IN_USE };
    for (int how = LOOKED_AT; how <= IN_USE; how++) {
        CK_SLOT_ID id;
        CK_TOKEN_INFO token;
        CK_SESSION_HANDLE session;
        CHECK_RV(scene_begin(&whole), CKR_OK);
        if (how == LOOKED_AT) CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        else CHECK_RV(scene_login(&session), CKR_OK);
        if (how == LET_GO) CHECK_RV(C_CloseSession(session), CKR_OK);
        CHECK_EQ(sim_reader_stats().connections, how != LET_GO);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
        unsigned before = scene_card->apdus;
        sim_reader_service(false);
        sim_reader_service(true);
        sim_reader_set_count(0, 1);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
        CHECK_EQ(id, scene_slot);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
        if (how == IN_USE) check_dead(session, 0);
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        CHECK(scene_card->apdus > before);              // nothing remembered was answered
        scene_end();
    }
}

static void count_left_out(void *context, const char *line)
{
    (void)context;
    if (strstr(line, "READERS_MAX")) log_lines++;
}

// More readers than there are places for, and than their names have room for: those that fit work,
// and the log says so once.
TEST(more_readers_than_there_is_room_for)
{
    CK_ULONG n = 0;
    CK_SLOT_ID slots[SCARD11_READERS_MAX];
    CK_TOKEN_INFO token;
    char name[128];
    C_Finalize(NULL);
    sim_reader_clear();
    log_lines = 0;
    scene_card = sim_piv_new(&whole);
    for (int i = 0; i < SIM_READERS; i++) {
        snprintf(name, sizeof name, "%0120d", i);
        sim_reader_add(name);
    }
    sim_reader_insert(0, scene_card);
    CHECK_RV(scard11_set_log(count_left_out, NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    for (int i = 0; i < 3; i++) {
        n = SCARD11_READERS_MAX;
        CHECK_RV(C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
        CHECK_EQ(n, SCARD11_READERS_MAX);
    }
    CHECK_RV(C_GetTokenInfo(slots[0], &token), CKR_OK);
    CHECK_EQ(log_lines, 1);
    scene_end();
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
}

static void *wait_for_event(void *slot)
{
    return (void *)(uintptr_t)C_WaitForSlotEvent(0, slot, NULL);
}

// As many readers as pcsc-lite takes in one wait, where there is no room for its pseudo-reader.
TEST(sixteen_readers_are_waited_for)
{
    CK_SLOT_ID id = 99;
    char name[32];
    pthread_t waiter;
    void *rv = NULL;
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = sim_piv_new(&whole);
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "Reader %d", i);
        sim_reader_add(name);
    }
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    pthread_create(&waiter, NULL, wait_for_event, &id);
    bool waits = sim_reader_await_waiting(1, 2000);
    unsigned long looks = sim_reader_stats().looks;
    usleep(300000);
    looks = sim_reader_stats().looks - looks;
    sim_reader_insert(15, scene_card);
    pthread_join(waiter, &rv);
    CHECK(waits);
    CHECK(looks < 100);                                 // a look is one for each reader
    CHECK_RV((CK_RV)(uintptr_t)rv, CKR_OK);
    CHECK_EQ(id, 15 * SCARD11_READER_SLOTS);
    scene_end();
}

// ---- Memory ----

TEST(a_card_that_stays_takes_no_more_memory)
{
    struct scard11_counters first, last;
    CK_SESSION_HANDLE session, keep;
    CK_OBJECT_HANDLE key, derived;
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_P256B, false, false, SIM_PIN_BY_SLOT },
                                               { 0x9d, SIM_P256A, false, false, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = whole;
    CK_BYTE point[135], secret[66], sig[256];
    o.keys = keys;
    o.n_keys = 2;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&keep), CKR_OK);
    CK_ULONG point_len = sizeof point, secret_len = sizeof secret;
    CHECK(derive_here(SIM_P256A, point, &point_len, secret, &secret_len));
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, point_len, point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    for (int i = 0; i < 300; i++) {
        CK_ULONG n = sizeof sig;
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(read_everything(session), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        CHECK_RV(scene_sign(session, key, CKM_ECDSA_SHA256, data, DATA_LEN, sig, &n), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
        CHECK_RV(C_DeriveKey(session, &m, key, NULL, 0, &derived), CKR_OK);
        // else the session's end does
        if (i & 1) CHECK_RV(C_DestroyObject(session, derived), CKR_OK);
        CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);              // left open on purpose
        CHECK_RV(C_CloseSession(session), CKR_OK);
        CHECK_RV(scard11_stats(scene_slot, i < 20 ? &first : &last), CKR_OK);
    }
    CHECK_EQ(first.card_memory, last.card_memory);
    scene_end();
}

TEST(sessions_end_at_a_number)
{
    CK_SESSION_HANDLE session = 0, last = 0;
    CK_RV rv = scene_begin(&whole);
    CK_ULONG n = 0;
    CHECK_RV(rv, CKR_OK);
    while (!(rv = scene_open(&session)) && n < 100000) {
        CHECK(session != last);
        last = session;
        n++;
    }
    CHECK_RV(rv, CKR_SESSION_COUNT);
    CHECK_EQ(n, 256);
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    CHECK_RV(C_CloseSession(last), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK(session != last);
    scene_end();
}

// ---- Bad input from the caller ----

TEST(null_and_nonsense_get_a_defined_answer)
{
    CK_SESSION_HANDLE session, bad[] = { 0, 1, ~(CK_ULONG)0, 0x5000, 0 };
    CK_OBJECT_HANDLE key, object;
    CK_ULONG n = 1;
    CK_BYTE b[600];
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 }, with = { CKM_SHA256_RSA_PKCS, b, 3 },
        none = { 0xffff, NULL, 0 };
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    bad[4] = key;                               // an object handle as a session
    for (size_t i = 0; i < 5; i++) {
        CHECK_RV(C_GetSessionInfo(bad[i], NULL), CKR_SESSION_HANDLE_INVALID);
        CHECK_RV(C_SignInit(bad[i], &m, key), CKR_SESSION_HANDLE_INVALID);
        CHECK_RV(C_GenerateKeyPair(bad[i], NULL, NULL, 0, NULL, 0, NULL, NULL),
                 CKR_SESSION_HANDLE_INVALID);
    }
    CHECK_RV(C_GetSlotList(CK_TRUE, NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetSlotInfo(scene_slot, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetMechanismList(scene_slot, NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetMechanismInfo(scene_slot, CKM_RSA_PKCS, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_OpenSession(scene_slot, 0, NULL, NULL, &object), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_RV(C_OpenSession(77, CKF_SERIAL_SESSION, NULL, NULL, &object), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_GetSessionInfo(session, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SignInit(session, NULL, key), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SignInit(session, &none, key), CKR_MECHANISM_INVALID);
    CHECK_RV(C_SignInit(session, &with, key), CKR_MECHANISM_PARAM_INVALID);
    CHECK_RV(C_SignInit(session, &m, 0), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, &m, session), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &object), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, object), CKR_KEY_TYPE_INCONSISTENT);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 4, &object), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, object), CKR_KEY_TYPE_INCONSISTENT);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &object), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, object), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_RV(C_Sign(session, data, 1, b, &n), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OPERATION_ACTIVE);
    CHECK_RV(C_Sign(session, data, 1, b, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Sign(session, data, 1, b, &n), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Sign(session, NULL, 1, b, &n), CKR_ARGUMENTS_BAD);
    m.mechanism = CKM_RSA_PKCS;
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    n = sizeof b;
    CHECK_RV(C_Sign(session, b, 246, b, &n), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_SignUpdate(session, NULL, 4), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    for (int i = 0; i < 6; i++) C_SignUpdate(session, b, 600);
    CHECK_RV(C_SignFinal(session, b, &n), CKR_DATA_LEN_RANGE);
    m.mechanism = CKM_SHA256;
    CHECK_RV(C_DigestInit(session, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_DigestInit(session, &m), CKR_OK);
    n = 31;
    CHECK_RV(C_Digest(session, data, 3, b, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(n, 32);
    CHECK_RV(C_Digest(session, data, 3, b, &n), CKR_OK);
    CHECK_RV(C_DeriveKey(session, NULL, key, NULL, 0, &object), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GenerateRandom(session, NULL, 4), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GenerateRandom(session, b, sizeof b), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_DestroyObject(session, 0), CKR_OBJECT_HANDLE_INVALID);
    CHECK_RV(C_CreateObject(session, NULL, 0, &object), CKR_TEMPLATE_INCOMPLETE);
    CHECK_RV(C_GetFunctionStatus(session), CKR_FUNCTION_NOT_PARALLEL);
    CHECK_RV(scard11_configure("SCARD11_LOG", ""), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    scene_end();
    CHECK_RV(scard11_configure("NO_SUCH", ""), CKR_ARGUMENTS_BAD);
    CHECK_RV(scard11_configure(NULL, ""), CKR_ARGUMENTS_BAD);
}

TEST(mechanisms_are_told_without_doubles)
{
    CK_MECHANISM_TYPE list[64];
    CK_ULONG n = 0;
    CK_MECHANISM_INFO info;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(C_GetMechanismList(scene_slot, NULL, &n), CKR_OK);
    CHECK(n > 20 && n < 64);
    CHECK_RV(C_GetMechanismList(scene_slot, list, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        CHECK_RV(C_GetMechanismInfo(scene_slot, list[i], &info), CKR_OK);
        for (CK_ULONG k = 0; k < i; k++) CHECK(list[i] != list[k]);
    }
    n--;
    list[n] = 4711;
    CHECK_RV(C_GetMechanismList(scene_slot, list, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(list[n - 1], 4711);
    CHECK_RV(C_GetMechanismInfo(scene_slot, CKM_DES_ECB, &info), CKR_MECHANISM_INVALID);
    CHECK_RV(C_GetMechanismInfo(scene_slot, CKM_EDDSA, &info), CKR_MECHANISM_INVALID);
    scene_end();
}

// ---- Options ----

static char log_text[200000];

static void take_log(void *context, const char *line)
{
    strncat(context, line, sizeof log_text - strlen(context) - 2);
    strcat(context, "\n");
}

TEST(the_log_shows_commands_but_no_pin)
{
    CK_SESSION_HANDLE session;
    *log_text = 0;
    sim_reader_clear();
    CHECK_RV(scard11_set_log(take_log, log_text), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_BYTE *)"87654321", 8), CKR_OK);
    scene_end();
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
    CHECK(strstr(log_text, "00a40400") && strstr(log_text, "00200080"));
    CHECK(!strstr(log_text, "313233343536") && !strstr(log_text, "38373635"));
}

// Reads the printed information, which wants the PIN, and has the card decrypt.
static void read_and_decrypt(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE object;
    CK_BYTE value[256], closed[256], open[256];
    CK_ULONG closed_len = sizeof closed, open_len = sizeof open;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)"Printed Information", 19 } };
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CHECK_RV(scene_search(session, t, 2, &object), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, object, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == 16 && !memcmp(value + 2, "Test Subject", 12));
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &object), CKR_OK);
    CHECK_RV(C_EncryptInit(session, &m, object), CKR_OK);
    CHECK_RV(C_Encrypt(session, data, DATA_LEN, closed, &closed_len), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &object), CKR_OK);
    CHECK_RV(C_DecryptInit(session, &m, object), CKR_OK);
    CHECK_RV(C_Decrypt(session, closed, closed_len, open, &open_len), CKR_OK);
    CHECK(open_len == DATA_LEN && !memcmp(open, data, DATA_LEN));
}

TEST(the_log_shows_no_data_that_wants_a_pin)
{
    CK_SESSION_HANDLE session;
    *log_text = 0;
    CHECK_RV(scard11_set_log(take_log, log_text), CKR_OK);
    CHECK_RV(scene_begin(&small), CKR_OK);              // which answers in pieces, too
    CHECK_RV(scene_login(&session), CKR_OK);
    read_and_decrypt(session);
    scene_end();
    CHECK(strstr(log_text, "5fc109") && strstr(log_text, "that stay out of the log"));
    CHECK(!strstr(log_text, "54657374205375626a656374"));       // Test Subject
    CHECK(!strstr(log_text, "54686520717569636b"));             // The quick
}

// ---- When the log's function is called ----

static void count_log(void *context, const char *line)
{
    (void)line;
    ++*(unsigned *)context;
}

// Calls that a library which is not initialised refuses, as it would say in a log.
static bool all_refused(void)
{
    CK_ULONG n = 0;
    CK_SESSION_HANDLE session;
    return C_GetSlotList(CK_FALSE, NULL, &n) == CKR_CRYPTOKI_NOT_INITIALIZED &&
           scene_open(&session) == CKR_CRYPTOKI_NOT_INITIALIZED &&
           C_CloseSession(1) == CKR_CRYPTOKI_NOT_INITIALIZED;
}

TEST(the_log_is_between_initialize_and_finalize)
{
    CK_SESSION_HANDLE session;
    log_lines = 0;
    CHECK_RV(scard11_set_log(count_log, &log_lines), CKR_OK);
    CHECK(all_refused());
    CHECK_EQ(log_lines, 0);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK(log_lines > 3);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    log_lines = 0;
    CHECK(all_refused());
    CHECK_RV(C_Initialize(NULL), CKR_OK);       // it was for the time before
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_EQ(log_lines, 0);
    scene_end();
}

TEST(a_library_that_did_not_start_does_not_log)
{
    CK_C_INITIALIZE_ARGS args = { mutex_create_never, mutex_destroy, mutex_lock, mutex_unlock, 0,
                                  NULL };
    log_lines = 0;
    CHECK_RV(scard11_set_log(count_log, &log_lines), CKR_OK);
    CHECK_RV(C_Initialize(&args), CKR_CANT_LOCK);
    log_lines = 0;
    CHECK(all_refused());
    CHECK_EQ(log_lines, 0);
    CHECK_RV(scene_begin(&whole), CKR_OK);      // it is still wanted for this one
    CHECK(log_lines > 0);
    scene_end();
}

TEST(options_choose_readers_and_share_mode)
{
    CK_ULONG n = 0;
    CK_SESSION_HANDLE session;
    CHECK_RV(scard11_configure("SCARD11_READERS", "nobody,Empty"), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    sim_reader_add("Empty Reader 01 00");
    CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_EQ(n, 1);
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_READERS", ""), CKR_OK);
    CHECK(!setenv("SCARD11_EXCLUSIVE", "1", 1));
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_EQ(sim_reader_stats().begins, 0);
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_ENVIRONMENT", "0"), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK(sim_reader_stats().begins > 0);
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_ENVIRONMENT", "1"), CKR_OK);
    unsetenv("SCARD11_EXCLUSIVE");
}

// ---- Fork ----

// In the child: nothing but C_Initialize is answered, and that works. 0: as it should be.
static int child(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;
    CK_ULONG n = 0;
    CK_SLOT_ID id;
    CK_SESSION_HANDLE own;
    if (C_GetSessionInfo(session, &info) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
    if (C_GetSlotList(CK_FALSE, NULL, &n) != CKR_CRYPTOKI_NOT_INITIALIZED) return 2;
    if (C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL) != CKR_CRYPTOKI_NOT_INITIALIZED) return 3;
    if (C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED) return 4;
    if (C_Initialize(NULL) != CKR_OK) return 5;
    if (C_GetSessionInfo(session, &info) != CKR_SESSION_HANDLE_INVALID) return 6;
    if (scene_login(&own) != CKR_OK) return 7;
    return C_Finalize(NULL) == CKR_OK ? 0 : 8;
}

TEST(a_forked_child_leaves_the_parent_alone)
{
    NEEDS_FORK;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    int status = 0;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    pid_t pid = fork();
    if (!pid) _exit(child(session));
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, data, DATA_LEN, sig, &n), CKR_OK);
    scene_end();
}

// What a process makes of random numbers: the value of a new AES key, data encrypted with OAEP, a
// PSS signature whose salt is the host's, and random numbers asked for (a PIV card gives none).
struct by_chance {
    CK_BYTE key[32], cipher[256], pss[256], random[32];
};

static CK_RV make_by_chance(CK_SESSION_HANDLE session, struct by_chance *c)
{
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_MECHANISM make = { CKM_AES_KEY_GEN, NULL, 0 },
        seal = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep },
        sign = { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss };
    CK_ULONG len = sizeof c->key, n = sizeof c->cipher, n_pss = sizeof c->pss;
    CK_ATTRIBUTE wanted = { CKA_VALUE_LEN, &len, sizeof len }, value = { CKA_VALUE, c->key, 32 };
    CK_OBJECT_HANDLE key, private, public;
    CK_RV rv = C_GenerateKey(session, &make, &wanted, 1, &key);
    if (!rv) rv = C_GetAttributeValue(session, key, &value, 1);
    if (!rv) rv = scene_find(session, CKO_PUBLIC_KEY, 3, &public);
    if (!rv) rv = C_EncryptInit(session, &seal, public);
    if (!rv) rv = C_Encrypt(session, data, DATA_LEN, c->cipher, &n);
    if (!rv) rv = scene_find(session, CKO_PRIVATE_KEY, 1, &private);
    if (!rv) rv = C_SignInit(session, &sign, private);
    if (!rv) rv = C_Sign(session, data, DATA_LEN, c->pss, &n_pss);
    return rv ? rv : C_GenerateRandom(session, c->random, sizeof c->random);
}

// In a child: a library of its own, whose work goes to the parent.
static int child_by_chance(int to)
{
    CK_SESSION_HANDLE session;
    struct by_chance c;
    if (C_Initialize(NULL) != CKR_OK || scene_login(&session) != CKR_OK) return 1;
    if (make_by_chance(session, &c) != CKR_OK || C_Finalize(NULL) != CKR_OK) return 2;
    return write(to, &c, sizeof c) == sizeof c ? 0 : 3;
}

// A forked child begins with a copy of its parent's generator. No two of parent and children make
// the same of it.
TEST(what_is_random_differs_in_parent_and_children)
{
    NEEDS_FORK;
    enum { ALL = 3 };
    struct by_chance c[ALL];
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    fflush(stdout);
    for (int i = 1; i < ALL; i++) {
        int way[2], status = 0;
        CHECK(!pipe(way));
        pid_t pid = fork();
        if (!pid) _exit(child_by_chance(way[1]));
        close(way[1]);
        bool whole_read = read(way[0], &c[i], sizeof c[i]) == sizeof c[i];
        close(way[0]);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
        CHECK(whole_read);
    }
    CHECK_RV(make_by_chance(session, &c[0]), CKR_OK);
    for (int a = 0; a < ALL; a++)
        for (int b = 0; b < a; b++) {
            CHECK(memcmp(c[a].key, c[b].key, sizeof c[a].key));
            if (!BY_PSA)                // there the seed is PSA's, which minds a fork from 4.1 on
                CHECK(memcmp(c[a].cipher, c[b].cipher, sizeof c[a].cipher));
            CHECK(memcmp(c[a].pss, c[b].pss, sizeof c[a].pss));
            CHECK(memcmp(c[a].random, c[b].random, sizeof c[a].random));
        }
    scene_end();
}

// In the child of a process that logs: 0: nothing went to the parent's function, and what the child
// itself wanted to hear, it heard.
static int child_that_may_log(void)
{
    CK_SESSION_HANDLE own;
    unsigned heard = 0;
    log_lines = 0;
    alarm(30);
    if (!all_refused() || log_lines) return 1;
    if (C_Initialize(NULL) || scene_login(&own) || C_Finalize(NULL) || log_lines) return 2;
    if (scard11_set_log(count_log, &heard) || C_Initialize(NULL)) return 3;
    if (scene_login(&own) || C_Finalize(NULL) || !heard) return 4;
    heard = 0;
    return !all_refused() || heard || log_lines ? 5 : 0;
}

TEST(a_forked_child_does_not_log_for_its_parent)
{
    NEEDS_FORK;
    CK_SESSION_HANDLE session;
    int status = 0;
    CHECK_RV(scard11_set_log(count_log, &log_lines), CKR_OK);
    CHECK_RV(scene_begin(&whole), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    pid_t pid = fork();
    if (!pid) _exit(child_that_may_log());
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    log_lines = 0;
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK(log_lines > 0);                       // the parent goes on
    scene_end();
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(initialize_takes_all_forms_of_arguments);
    RUN(initialize_uses_the_application_s_mutexes);
    RUN(everything_wants_initialize_first);
    RUN(interfaces_are_whole);
    RUN(slots_and_token_tell_what_is_there);
    RUN(objects_are_public_before_login_and_all_after_it);
    RUN(objects_carry_what_their_certificate_says);
    RUN(attributes_that_are_not_there_do_not_hide_the_others);
    RUN(data_objects_are_read_when_they_are_asked_for);
    RUN(searches_are_operations);
    RUN(unknown_classes_and_session_objects_cost_no_command);
    RUN(rsa_on_the_host_is_what_its_information_says);
    RUN(signatures_with_rsa_of_all_sizes);
    RUN(signatures_with_ec);
    RUN(signatures_are_those_of_the_certificate_s_key);
    RUN(a_key_that_wants_the_pin_each_time);
    RUN(a_context_login_ends_with_the_first_other_command);
    RUN(a_context_login_outlives_what_memory_answers);
    RUN(a_value_that_the_card_failed_to_give_is_asked_for_again);
    RUN(decryption_with_every_padding);
    RUN(operations_end_with_the_login_they_were_begun_in);
    RUN(derivation_gives_what_the_peer_derives);
    RUN(pins_are_checked_here_before_the_card_counts);
    RUN(pins_are_counted_down_to_locked);
    RUN(pins_are_changed);
    RUN(logout_is_real_and_renews_private_handles);
    RUN(budget_of_looking);
    RUN(budget_of_listing_all);
    RUN(budget_of_signing);
    RUN(budget_of_signing_exclusive);
    RUN(retired_keys_by_history_and_by_id);
    RUN(keys_without_certificate_by_metadata);
#if SIM_OPENSSL
    RUN(edwards_and_montgomery_keys);
#endif
    RUN(the_global_pin_where_the_card_says_so);
    RUN(a_reader_of_short_apdus_gets_no_longer_ones);
    RUN(keys_that_want_a_finger_or_the_pin_each_time);
    RUN(cards_without_chuid_have_a_name_all_the_same);
    RUN(hostile_certificates_hide_nothing_else);
    RUN(a_card_that_a_late_reader_has_lost_was_removed);
    RUN(a_pull_is_not_the_reader_s_fault);
    RUN(a_gap_that_nobody_saw_kills_every_handle);
    RUN(a_card_that_is_dropped_forgets_its_login);
    RUN(finalize_logs_out_without_a_reset);
    RUN(a_swap_that_pc_sc_never_shows_is_a_removal);
    RUN(a_reset_by_another_program_costs_a_login_and_no_more);
    RUN(a_reset_of_a_card_that_was_let_go_is_no_error);
#if SCARD11_READER == SCARD11_READER_CUSTOM     // pcsc-lite always counts
    RUN(where_the_backend_does_not_count_a_reset_is_a_removal);
#else
    (void)case_where_the_backend_does_not_count_a_reset_is_a_removal;
#endif
    RUN(another_application_never_gets_the_pin);
    RUN(a_card_that_another_program_holds);
    RUN(mute_and_unknown_cards_are_present_and_not_recognized);
    RUN(events_are_reported_once_and_the_slot_id_stays);
    RUN(the_service_goes_and_comes_back);
    RUN(the_log_says_once_that_there_is_no_service);
    RUN(a_context_that_was_lost_is_a_removal);
    RUN(more_readers_than_there_is_room_for);
    RUN(sixteen_readers_are_waited_for);
    RUN(a_card_that_stays_takes_no_more_memory);
    RUN(sessions_end_at_a_number);
    RUN(null_and_nonsense_get_a_defined_answer);
    RUN(mechanisms_are_told_without_doubles);
    RUN(the_log_shows_commands_but_no_pin);
    RUN(the_log_shows_no_data_that_wants_a_pin);
    RUN(the_log_is_between_initialize_and_finalize);
    RUN(a_library_that_did_not_start_does_not_log);
    RUN(options_choose_readers_and_share_mode);
    RUN(a_forked_child_leaves_the_parent_alone);
    RUN(what_is_random_differs_in_parent_and_children);
    RUN(a_forked_child_does_not_log_for_its_parent);
    return test_end();
}
