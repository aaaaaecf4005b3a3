// api_args.h: the first table of api.c: every C_* function, and what each of its wrong arguments
// gives. SPDX-License-Identifier: 0BSD
//
// EACH has one right call of every function, by what it takes: a slot, a session or neither. With
// these the codes that all functions share are shown. ROW has one wrong argument, or one wrong
// moment, that the clause of the function lists, and the code that it lists for it. A function
// without a row fails the test.
#ifndef API_ARGS_H
#define API_ARGS_H

// What the calls below take. They are variables so that a row can put a wrong one in place.
static CK_SESSION_HANDLE s;
static CK_SLOT_ID slot;
static CK_OBJECT_HANDLE rsa, rsa_public, ec, decrypter, decrypter_public, certificate, aes, generic,
                        hidden, silent, made, made2;
static CK_BYTE b[1024], sig[600], more[4097];     // more: than is kept of what cannot be hashed
static CK_ULONG n;
static CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 }, no_mechanism = { 0x7fff0001, NULL, 0 },
    sha256_parameter = { CKM_SHA256, b, 1 }, sign_rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 },
    sign_parameter = { CKM_SHA256_RSA_PKCS, b, 3 }, rsa_pkcs = { CKM_RSA_PKCS, NULL, 0 },
    rsa_parameter = { CKM_RSA_PKCS, b, 4 }, hmac = { CKM_SHA256_HMAC, NULL, 0 },
    hmac_parameter = { CKM_SHA256_HMAC, b, 3 }, aes_ecb = { CKM_AES_ECB, NULL, 0 },
    aes_cbc_pad = { CKM_AES_CBC_PAD, b, 16 },
    aes_no_iv = { CKM_AES_CBC_PAD, NULL, 0 }, aes_keygen = { CKM_AES_KEY_GEN, NULL, 0 },
    generic_keygen = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 },
    keygen_parameter = { CKM_AES_KEY_GEN, b, 1 }, ecdsa = { CKM_ECDSA, NULL, 0 };
static CK_HKDF_PARAMS hkdf_given;
static CK_MECHANISM hkdf = { CKM_HKDF_DERIVE, &hkdf_given, sizeof hkdf_given },
    hkdf_short = { CKM_HKDF_DERIVE, &hkdf_given, 3 };
static CK_ULONG len32 = 32, len16 = 16, len17 = 17;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS class_secret = CKO_SECRET_KEY, class_data = CKO_DATA,
    class_private = CKO_PRIVATE_KEY, class_public = CKO_PUBLIC_KEY,
    class_certificate = CKO_CERTIFICATE, class_none = 0x7fff0001;
static CK_KEY_TYPE type_aes = CKK_AES, type_generic = CKK_GENERIC_SECRET, type_rsa = CKK_RSA,
    type_ec = CKK_EC, type_none = 0x7fff0001;
static CK_ULONG x509 = CKC_X_509;
static CK_BYTE unknown_curve[] = { 0x06, 0x03, 0x2a, 0x03, 0x04 };
static CK_BYTE p256_oid[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

#define AT(type, value) { type, &value, sizeof value }
static CK_ATTRIBUTE len_32[] = { AT(CKA_VALUE_LEN, len32) };
static CK_ATTRIBUTE data_object[] = { AT(CKA_CLASS, class_data), { CKA_VALUE, b, 20 } };

// ---- One right call of each function ----

#define EACH_ALONE(X)                                                                              \
    X(C_GetInfo, ((CK_INFO *)(void *)b)) X(C_GetSlotList, (CK_FALSE, NULL, &n))                    \
    X(C_WaitForSlotEvent, (CKF_DONT_BLOCK, &n, NULL)) X(C_Finalize, (NULL))

#define EACH_SLOT(X)                                                                               \
    X(C_GetSlotInfo, (slot, (CK_SLOT_INFO *)(void *)b))                                            \
    X(C_GetTokenInfo, (slot, (CK_TOKEN_INFO *)(void *)b))                                          \
    X(C_GetMechanismList, (slot, NULL, &n))                                                        \
    X(C_GetMechanismInfo, (slot, CKM_SHA256, (CK_MECHANISM_INFO *)(void *)b))                      \
    X(C_InitToken, (slot, b, 8, b)) X(C_CloseAllSessions, (slot))                                  \
    X(C_OpenSession, (slot, CKF_SERIAL_SESSION, NULL, NULL, &n))

#define EACH_SESSION(X)                                                                            \
    X(C_InitPIN, (s, b, 6)) X(C_SetPIN, (s, b, 6, b, 6)) X(C_CloseSession, (s))                    \
    X(C_GetSessionInfo, (s, (CK_SESSION_INFO *)(void *)b)) X(C_SessionCancel, (s, 0))              \
    X(C_GetOperationState, (s, b, &n)) X(C_SetOperationState, (s, b, 1, 0, 0))                     \
    X(C_Login, (s, CKU_USER, PIN, 6)) X(C_LoginUser, (s, CKU_USER, PIN, 6, NULL, 0))               \
    X(C_Logout, (s)) X(C_CreateObject, (s, data_object, 2, &made))                                 \
    X(C_CopyObject, (s, aes, NULL, 0, &made)) X(C_DestroyObject, (s, aes))                         \
    X(C_GetObjectSize, (s, aes, &n)) X(C_GetAttributeValue, (s, aes, NULL, 0))                     \
    X(C_SetAttributeValue, (s, aes, NULL, 0)) X(C_FindObjectsInit, (s, NULL, 0))                   \
    X(C_FindObjects, (s, &made, 1, &n)) X(C_FindObjectsFinal, (s))                                 \
    X(C_EncryptInit, (s, &aes_ecb, aes)) X(C_Encrypt, (s, b, 16, b, &n))                           \
    X(C_EncryptUpdate, (s, b, 16, b, &n)) X(C_EncryptFinal, (s, b, &n))                            \
    X(C_DecryptInit, (s, &aes_ecb, aes)) X(C_Decrypt, (s, b, 16, b, &n))                           \
    X(C_DecryptUpdate, (s, b, 16, b, &n)) X(C_DecryptFinal, (s, b, &n))                            \
    X(C_DigestInit, (s, &sha256)) X(C_Digest, (s, b, 1, b, &n)) X(C_DigestUpdate, (s, b, 1))       \
    X(C_DigestKey, (s, aes)) X(C_DigestFinal, (s, b, &n)) X(C_SignInit, (s, &sign_rsa, rsa))       \
    X(C_Sign, (s, b, 1, b, &n)) X(C_SignUpdate, (s, b, 1)) X(C_SignFinal, (s, b, &n))              \
    X(C_SignRecoverInit, (s, &rsa_pkcs, rsa)) X(C_SignRecover, (s, b, 1, b, &n))                   \
    X(C_VerifyInit, (s, &sign_rsa, rsa_public)) X(C_Verify, (s, b, 1, b, 256))                     \
    X(C_VerifyUpdate, (s, b, 1)) X(C_VerifyFinal, (s, b, 256))                                     \
    X(C_VerifyRecoverInit, (s, &rsa_pkcs, rsa_public)) X(C_VerifyRecover, (s, b, 256, b, &n))      \
    X(C_DigestEncryptUpdate, (s, b, 16, b, &n)) X(C_DecryptDigestUpdate, (s, b, 16, b, &n))        \
    X(C_SignEncryptUpdate, (s, b, 16, b, &n)) X(C_DecryptVerifyUpdate, (s, b, 16, b, &n))          \
    X(C_GenerateKey, (s, &aes_keygen, len_32, 1, &made))                                           \
    X(C_GenerateKeyPair, (s, &rsa_pkcs, NULL, 0, NULL, 0, &made, &made2))                          \
    X(C_WrapKey, (s, &rsa_pkcs, rsa_public, aes, b, &n))                                           \
    X(C_UnwrapKey, (s, &rsa_pkcs, decrypter, b, 256, NULL, 0, &made))                              \
    X(C_DeriveKey, (s, &hkdf, generic, len_32, 1, &made)) X(C_SeedRandom, (s, b, 1))               \
    X(C_GenerateRandom, (s, b, 8)) X(C_GetFunctionStatus, (s)) X(C_CancelFunction, (s))            \
    X(C_MessageEncryptInit, (s, &aes_ecb, aes))                                                    \
    X(C_EncryptMessage, (s, NULL, 0, NULL, 0, b, 1, b, &n))                                        \
    X(C_EncryptMessageBegin, (s, NULL, 0, NULL, 0))                                                \
    X(C_EncryptMessageNext, (s, NULL, 0, b, 1, b, &n, 0)) X(C_MessageEncryptFinal, (s))            \
    X(C_MessageDecryptInit, (s, &aes_ecb, aes))                                                    \
    X(C_DecryptMessage, (s, NULL, 0, NULL, 0, b, 1, b, &n))                                        \
    X(C_DecryptMessageBegin, (s, NULL, 0, NULL, 0))                                                \
    X(C_DecryptMessageNext, (s, NULL, 0, b, 1, b, &n, 0)) X(C_MessageDecryptFinal, (s))            \
    X(C_MessageSignInit, (s, &sign_rsa, rsa)) X(C_SignMessage, (s, NULL, 0, b, 1, b, &n))          \
    X(C_SignMessageBegin, (s, NULL, 0)) X(C_SignMessageNext, (s, NULL, 0, b, 1, b, &n))            \
    X(C_MessageSignFinal, (s)) X(C_MessageVerifyInit, (s, &sign_rsa, rsa_public))                  \
    X(C_VerifyMessage, (s, NULL, 0, b, 1, b, 256)) X(C_VerifyMessageBegin, (s, NULL, 0))           \
    X(C_VerifyMessageNext, (s, NULL, 0, b, 1, b, 256)) X(C_MessageVerifyFinal, (s))                \
    X(C_EncapsulateKey, (s, &rsa_pkcs, rsa_public, NULL, 0, b, &n, &made))                         \
    X(C_DecapsulateKey, (s, &rsa_pkcs, rsa, NULL, 0, b, 1, &made))                                 \
    X(C_VerifySignatureInit, (s, &sign_rsa, rsa_public, b, 256))                                   \
    X(C_VerifySignature, (s, b, 1)) X(C_VerifySignatureUpdate, (s, b, 1))                          \
    X(C_VerifySignatureFinal, (s))                                                                 \
    X(C_GetSessionValidationFlags, (s, CKS_LAST_VALIDATION_OK, &n))                                \
    X(C_AsyncComplete, (s, b, NULL)) X(C_AsyncGetID, (s, b, &n)) X(C_AsyncJoin, (s, b, 1, b, 1))   \
    X(C_WrapKeyAuthenticated, (s, &rsa_pkcs, rsa_public, aes, b, 1, b, &n))                        \
    X(C_UnwrapKeyAuthenticated, (s, &rsa_pkcs, rsa, b, 1, NULL, 0, b, 1, &made))

// ---- The rows' own machinery ----

static const char *seen[1500];           // functions that have a row
static size_t seen_n;

static void row(const char *function, const char *why, int line, CK_RV got, CK_RV want)
{
    if (seen_n < sizeof seen / sizeof *seen) seen[seen_n++] = function;
    if (got == want) return;
    test_fail("tests/programs/api_args.h", line, "%s, %s: %#lx, not %#lx", function, why, got, want);
}

#define ROW(f, why, want, ...) row(#f, why, __LINE__, f __VA_ARGS__, want)
#define FIRST(call) row("", #call, __LINE__, (call), CKR_OK)

static bool has_row(const char *function)
{
    for (size_t i = 0; i < seen_n; i++)
        if (!strcmp(seen[i], function)) return true;
    return false;
}

// ---- What all functions share (5.1.2 to 5.1.5) ----

static void rows_without_initialize(void)
{
#define X(f, ...) n = 0; ROW(f, "not initialized", CKR_CRYPTOKI_NOT_INITIALIZED, __VA_ARGS__);
    EACH_ALONE(X) EACH_SLOT(X) EACH_SESSION(X)
#undef X
}

static void rows_session(CK_SESSION_HANDLE wrong, const char *why)
{
    s = wrong;
#define X(f, ...) n = sizeof b; ROW(f, why, CKR_SESSION_HANDLE_INVALID, __VA_ARGS__);
    EACH_SESSION(X)
#undef X
}

static void rows_slot(void)
{
    slot = 4711;
#define X(f, ...) n = 0; ROW(f, "no such slot", CKR_SLOT_ID_INVALID, __VA_ARGS__);
    EACH_SLOT(X)
#undef X
    slot = scene_slot;
}

// ---- Library, slots, sessions, logins (5.4 to 5.6) ----

static void rows_library(void)
{
    CK_C_INITIALIZE_ARGS half = { NULL, NULL, (CK_LOCKMUTEX)(void (*)(void))C_Finalize, NULL, 0,
                                  NULL }, reserved = { NULL, NULL, NULL, NULL, 0, b };
    CK_VERSION v = { 9, 9 };
    CK_FUNCTION_LIST *list;
    CK_INTERFACE *interface, all[3];
    ROW(C_Initialize, "twice", CKR_CRYPTOKI_ALREADY_INITIALIZED, (NULL));
    FIRST(C_Finalize(NULL));
    ROW(C_Initialize, "one mutex function of four", CKR_ARGUMENTS_BAD, (&half));
    ROW(C_Initialize, "pReserved", CKR_ARGUMENTS_BAD, (&reserved));
    FIRST(C_Initialize(NULL));
    ROW(C_Finalize, "pReserved", CKR_ARGUMENTS_BAD, (b));
    ROW(C_GetInfo, "NULL", CKR_ARGUMENTS_BAD, (NULL));
    ROW(C_GetFunctionList, "NULL", CKR_ARGUMENTS_BAD, (NULL));
    ROW(C_GetFunctionList, "right", CKR_OK, (&list));
    ROW(C_GetInterfaceList, "no count", CKR_ARGUMENTS_BAD, (NULL, NULL));
    n = 1;
    ROW(C_GetInterfaceList, "too few", CKR_BUFFER_TOO_SMALL, (all, &n));
    ROW(C_GetInterface, "NULL", CKR_ARGUMENTS_BAD, (NULL, NULL, NULL, 0));
    ROW(C_GetInterface, "no such name", CKR_ARGUMENTS_BAD, ((CK_UTF8CHAR *)"x", NULL, &interface,
                                                            0));
    ROW(C_GetInterface, "no such version", CKR_ARGUMENTS_BAD, (NULL, &v, &interface, 0));
    ROW(C_GetInterface, "no such flag", CKR_ARGUMENTS_BAD, (NULL, NULL, &interface, 0x80));
}

static void rows_slots(void)
{
    CK_SLOT_ID list[4];
    CK_MECHANISM_TYPE types[2];
    ROW(C_GetSlotList, "no count", CKR_ARGUMENTS_BAD, (CK_TRUE, list, NULL));
    n = 0;
    ROW(C_GetSlotList, "too few", CKR_BUFFER_TOO_SMALL, (CK_TRUE, list, &n));
    ROW(C_GetSlotInfo, "NULL", CKR_ARGUMENTS_BAD, (slot, NULL));
    ROW(C_GetTokenInfo, "NULL", CKR_ARGUMENTS_BAD, (slot, NULL));
    ROW(C_WaitForSlotEvent, "no slot", CKR_ARGUMENTS_BAD, (CKF_DONT_BLOCK, NULL, NULL));
    ROW(C_WaitForSlotEvent, "pReserved", CKR_ARGUMENTS_BAD, (CKF_DONT_BLOCK, &n, b));
    while (C_WaitForSlotEvent(CKF_DONT_BLOCK, &n, NULL) == CKR_OK) continue;
    ROW(C_WaitForSlotEvent, "nothing happened", CKR_NO_EVENT, (CKF_DONT_BLOCK, &n, NULL));
    ROW(C_GetMechanismList, "no count", CKR_ARGUMENTS_BAD, (slot, types, NULL));
    n = 2;
    ROW(C_GetMechanismList, "too few", CKR_BUFFER_TOO_SMALL, (slot, types, &n));
    ROW(C_GetMechanismInfo, "NULL", CKR_ARGUMENTS_BAD, (slot, CKM_SHA256, NULL));
    ROW(C_GetMechanismInfo, "no such mechanism", CKR_MECHANISM_INVALID,
        (slot, 0x7fff0001, (CK_MECHANISM_INFO *)(void *)b));
    ROW(C_InitToken, "there are sessions", CKR_SESSION_EXISTS, (slot, b, 8, b));
}

static void rows_sessions(void)
{
    CK_SESSION_HANDLE other;
    ROW(C_OpenSession, "NULL", CKR_ARGUMENTS_BAD, (slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
    ROW(C_OpenSession, "no CKF_SERIAL_SESSION", CKR_SESSION_PARALLEL_NOT_SUPPORTED,
        (slot, CKF_RW_SESSION, NULL, NULL, &other));
    ROW(C_OpenSession, "an asynchronous one", CKR_SESSION_ASYNC_NOT_SUPPORTED,
        (slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL, &other));
    ROW(C_OpenSession, "no such flag", CKR_ARGUMENTS_BAD,
        (slot, CKF_SERIAL_SESSION | 0x80, NULL, NULL, &other));
    FIRST(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other));
    FIRST(C_CloseSession(other));
    ROW(C_CloseSession, "twice", CKR_SESSION_HANDLE_INVALID, (other));
    ROW(C_GetSessionInfo, "NULL", CKR_ARGUMENTS_BAD, (s, NULL));
    ROW(C_GetOperationState, "no length", CKR_ARGUMENTS_BAD, (s, b, NULL));
    ROW(C_GetOperationState, "no operation", CKR_OPERATION_NOT_INITIALIZED, (s, b, &n));
    FIRST(C_DigestInit(s, &sha256));
    ROW(C_GetOperationState, "a state stays here", CKR_STATE_UNSAVEABLE, (s, b, &n));
    FIRST(C_SessionCancel(s, CKF_DIGEST));
    ROW(C_SessionCancel, "nothing to cancel", CKR_OK, (s, CKF_DIGEST | CKF_SIGN));
    ROW(C_DigestUpdate, "cancelled", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));
    ROW(C_SetOperationState, "NULL", CKR_ARGUMENTS_BAD, (s, NULL, 1, 0, 0));
    ROW(C_SetOperationState, "nothing", CKR_ARGUMENTS_BAD, (s, NULL, 0, 0, 0));
    ROW(C_SetOperationState, "none was given out", CKR_SAVED_STATE_INVALID, (s, b, 4, 0, 0));
    ROW(C_GetSessionValidationFlags, "NULL", CKR_ARGUMENTS_BAD, (s, CKS_LAST_VALIDATION_OK, NULL));
    ROW(C_GetSessionValidationFlags, "no such type", CKR_ARGUMENTS_BAD, (s, 77, &n));
    ROW(C_GetSessionValidationFlags, "right", CKR_OK, (s, CKS_LAST_VALIDATION_OK, &n));
}

static void rows_logins(void)
{
    CK_SESSION_HANDLE ro;
    ROW(C_Login, "no such user", CKR_USER_TYPE_INVALID, (s, 77, PIN, 6));
    ROW(C_Login, "logged in", CKR_USER_ALREADY_LOGGED_IN, (s, CKU_USER, PIN, 6));
    ROW(C_Login, "no operation wants it", CKR_OPERATION_NOT_INITIALIZED,
        (s, CKU_CONTEXT_SPECIFIC, PIN, 6));
    ROW(C_LoginUser, "no name", CKR_ARGUMENTS_BAD, (s, CKU_USER, PIN, 6, NULL, 3));
    ROW(C_LoginUser, "logged in", CKR_USER_ALREADY_LOGGED_IN, (s, CKU_USER, PIN, 6, b, 3));
    ROW(C_InitPIN, "not the SO", CKR_USER_NOT_LOGGED_IN, (s, PIN, 6));
    ROW(C_SetPIN, "wrong PIN", CKR_PIN_INCORRECT, (s, (CK_BYTE *)"000000", 6, PIN, 6));
    ROW(C_SetPIN, "too short", CKR_PIN_LEN_RANGE, (s, PIN, 6, PIN, 3));
    FIRST(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &ro));
    ROW(C_SetPIN, "a read-only session", CKR_SESSION_READ_ONLY, (ro, PIN, 6, PIN, 6));
    FIRST(C_CloseSession(ro));
    C_Logout(s);                        // the failed C_SetPIN may have ended the login
    ROW(C_Logout, "not logged in", CKR_USER_NOT_LOGGED_IN, (s));
    ROW(C_Login, "NULL, and no PIN pad", CKR_ARGUMENTS_BAD, (s, CKU_USER, NULL, 0));
    ROW(C_Login, "too long", CKR_PIN_LEN_RANGE, (s, CKU_USER, b, 60));
    ROW(C_Login, "too short", CKR_PIN_LEN_RANGE, (s, CKU_USER, PIN, 0));
    ROW(C_Login, "wrong PIN", CKR_PIN_INCORRECT, (s, CKU_USER, (CK_BYTE *)"000000", 6));
    ROW(C_Login, "the context's, before the user's", CKR_USER_NOT_LOGGED_IN,
        (s, CKU_CONTEXT_SPECIFIC, PIN, 6));
    FIRST(C_Login(s, CKU_USER, PIN, 6));
}

// ---- Objects (5.7) ----

static CK_RV create(CK_ATTRIBUTE *t, CK_ULONG count) { return C_CreateObject(s, t, count, &made); }

static void rows_create(void)
{
#define CREATE(why, want, ...) do {                                                               \
        CK_ATTRIBUTE t[] = { __VA_ARGS__ };                                                       \
        row("C_CreateObject", why, __LINE__, create(t, sizeof t / sizeof *t), want);              \
    } while (0)
    ROW(C_CreateObject, "no template", CKR_ARGUMENTS_BAD, (s, NULL, 1, &made));
    ROW(C_CreateObject, "no handle", CKR_ARGUMENTS_BAD, (s, data_object, 2, NULL));
    CREATE("a value that is not there", CKR_ARGUMENTS_BAD, { CKA_LABEL, NULL, 3 });
    CREATE("no class", CKR_TEMPLATE_INCOMPLETE, { CKA_LABEL, b, 3 });
    CREATE("no such class", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_none));
    CREATE("a class of one byte", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, yes));
    CREATE("a private key", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_private));
    CREATE("an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID, AT(CKA_CLASS, class_data),
           { 0x7fff0001, b, 1 });
    CREATE("an attribute of other classes", CKR_ATTRIBUTE_TYPE_INVALID, AT(CKA_CLASS, class_data),
           { CKA_MODULUS, b, 1 });
    CREATE("one that is set by the library", CKR_ATTRIBUTE_READ_ONLY, AT(CKA_CLASS, class_data),
           { CKA_UNIQUE_ID, b, 1 });
    CREATE("a boolean of two bytes", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_data),
           { CKA_PRIVATE, b, 2 });
    CREATE("two values of one", CKR_TEMPLATE_INCONSISTENT, AT(CKA_CLASS, class_data),
           { CKA_LABEL, b, 1 }, { CKA_LABEL, b, 2 });
    CREATE("one value of one, twice", CKR_OK, AT(CKA_CLASS, class_data), { CKA_LABEL, b, 1 },
           { CKA_LABEL, b, 1 });
    CREATE("on the card, which the SO writes", CKR_USER_NOT_LOGGED_IN, AT(CKA_CLASS, class_data),
           AT(CKA_TOKEN, yes));
    CREATE("trusted", CKR_ATTRIBUTE_READ_ONLY, AT(CKA_CLASS, class_public),
           AT(CKA_TRUSTED, yes));
    CREATE("a secret key without a value", CKR_TEMPLATE_INCOMPLETE, AT(CKA_CLASS, class_secret),
           AT(CKA_KEY_TYPE, type_aes));
    CREATE("a secret key without a type", CKR_TEMPLATE_INCOMPLETE, AT(CKA_CLASS, class_secret),
           { CKA_VALUE, b, 16 });
    CREATE("no such type", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_secret),
           AT(CKA_KEY_TYPE, type_none), { CKA_VALUE, b, 16 });
    CREATE("an AES key of 17 bytes", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_secret),
           AT(CKA_KEY_TYPE, type_aes), { CKA_VALUE, b, 17 });
    CREATE("another length than the value's", CKR_TEMPLATE_INCONSISTENT,
           AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_aes), { CKA_VALUE, b, 16 },
           AT(CKA_VALUE_LEN, len32));
    CREATE("local", CKR_ATTRIBUTE_READ_ONLY, AT(CKA_CLASS, class_secret),
           AT(CKA_KEY_TYPE, type_aes), { CKA_VALUE, b, 16 }, AT(CKA_LOCAL, yes));
    CREATE("an RSA key without exponent", CKR_TEMPLATE_INCOMPLETE, AT(CKA_CLASS, class_public),
           AT(CKA_KEY_TYPE, type_rsa), { CKA_MODULUS, b, 256 });
    CREATE("an EC key without point", CKR_TEMPLATE_INCOMPLETE, AT(CKA_CLASS, class_public),
           AT(CKA_KEY_TYPE, type_ec), AT(CKA_EC_PARAMS, p256_oid));
    CREATE("no such curve", CKR_CURVE_NOT_SUPPORTED, AT(CKA_CLASS, class_public),
           AT(CKA_KEY_TYPE, type_ec), AT(CKA_EC_PARAMS, unknown_curve), { CKA_EC_POINT, b, 65 });
    CREATE("no point", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_public),
           AT(CKA_KEY_TYPE, type_ec), AT(CKA_EC_PARAMS, p256_oid), { CKA_EC_POINT, b, 64 });
    CREATE("a certificate without value", CKR_TEMPLATE_INCOMPLETE,
           AT(CKA_CLASS, class_certificate), AT(CKA_CERTIFICATE_TYPE, x509));
    CREATE("no certificate", CKR_ATTRIBUTE_VALUE_INVALID, AT(CKA_CLASS, class_certificate),
           AT(CKA_CERTIFICATE_TYPE, x509), { CKA_VALUE, b, 40 });
#undef CREATE
}

static void rows_objects(void)
{
    CK_OBJECT_HANDLE fixed = 0, once = 0;
    CK_ATTRIBUTE label[] = { { CKA_LABEL, b, 4 } }, type[] = { AT(CKA_KEY_TYPE, type_aes) },
        token[] = { AT(CKA_TOKEN, yes) }, none[] = { { 0x7fff0001, b, 1 } },
        length[] = { { CKA_ENCRYPT, b, 2 } }, extract[] = { AT(CKA_EXTRACTABLE, yes) },
        absent[] = { { CKA_LABEL, NULL, 4 } };
    CK_ATTRIBUTE stays[] = { AT(CKA_CLASS, class_data), AT(CKA_MODIFIABLE, no),
                             AT(CKA_COPYABLE, no), AT(CKA_DESTROYABLE, no) };
    CK_ATTRIBUTE value[] = { { CKA_VALUE, b, sizeof b } }, small[] = { { CKA_CLASS, b, 1 } };
    CK_ATTRIBUTE exponent[] = { { CKA_PRIVATE_EXPONENT, b, sizeof b } };
    FIRST(C_CreateObject(s, stays, 4, &fixed));
    ROW(C_CopyObject, "no such object", CKR_OBJECT_HANDLE_INVALID, (s, 0, NULL, 0, &made));
    ROW(C_CopyObject, "no handle", CKR_ARGUMENTS_BAD, (s, aes, NULL, 0, NULL));
    ROW(C_CopyObject, "no template", CKR_ARGUMENTS_BAD, (s, aes, NULL, 1, &made));
    ROW(C_CopyObject, "an object of the card", CKR_ACTION_PROHIBITED, (s, rsa, NULL, 0, &made));
    ROW(C_CopyObject, "not to be copied", CKR_ACTION_PROHIBITED, (s, fixed, NULL, 0, &made));
    ROW(C_CopyObject, "to the card", CKR_ATTRIBUTE_VALUE_INVALID, (s, aes, token, 1, &made));
    ROW(C_CopyObject, "as another type", CKR_ATTRIBUTE_READ_ONLY, (s, aes, type, 1, &made));
    ROW(C_CopyObject, "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID, (s, aes, none, 1, &made));
    ROW(C_CopyObject, "a wrong value", CKR_ATTRIBUTE_VALUE_INVALID, (s, aes, length, 1, &made));
    ROW(C_CopyObject, "readable again", CKR_ATTRIBUTE_READ_ONLY, (s, hidden, extract, 1, &made));
    ROW(C_CopyObject, "right", CKR_OK, (s, aes, label, 1, &made));
    ROW(C_SetAttributeValue, "no such object", CKR_OBJECT_HANDLE_INVALID, (s, 0, label, 1));
    ROW(C_SetAttributeValue, "no template", CKR_ARGUMENTS_BAD, (s, aes, NULL, 1));
    ROW(C_SetAttributeValue, "a value that is not there", CKR_ARGUMENTS_BAD, (s, aes, absent, 1));
    ROW(C_SetAttributeValue, "an object of the card", CKR_ACTION_PROHIBITED, (s, rsa, label, 1));
    ROW(C_SetAttributeValue, "not to be changed", CKR_ACTION_PROHIBITED, (s, fixed, label, 1));
    ROW(C_SetAttributeValue, "the type", CKR_ATTRIBUTE_READ_ONLY, (s, aes, type, 1));
    ROW(C_SetAttributeValue, "CKA_TOKEN", CKR_ATTRIBUTE_READ_ONLY, (s, aes, token, 1));
    ROW(C_SetAttributeValue, "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID, (s, aes, none, 1));
    ROW(C_SetAttributeValue, "a wrong value", CKR_ATTRIBUTE_VALUE_INVALID, (s, aes, length, 1));
    ROW(C_SetAttributeValue, "readable again", CKR_ATTRIBUTE_READ_ONLY, (s, hidden, extract, 1));
    ROW(C_SetAttributeValue, "right", CKR_OK, (s, aes, label, 1));
    ROW(C_GetObjectSize, "no such object", CKR_OBJECT_HANDLE_INVALID, (s, 0, &n));
    ROW(C_GetObjectSize, "NULL", CKR_ARGUMENTS_BAD, (s, aes, NULL));
    ROW(C_GetAttributeValue, "no such object", CKR_OBJECT_HANDLE_INVALID, (s, 0, value, 1));
    ROW(C_GetAttributeValue, "no template", CKR_ARGUMENTS_BAD, (s, rsa, NULL, 1));
    ROW(C_GetAttributeValue, "the card's", CKR_ATTRIBUTE_SENSITIVE, (s, rsa, exponent, 1));
    ROW(C_GetAttributeValue, "a secret's", CKR_ATTRIBUTE_SENSITIVE, (s, hidden, value, 1));
    ROW(C_GetAttributeValue, "of another kind of key", CKR_ATTRIBUTE_TYPE_INVALID,
        (s, rsa, value, 1));
    ROW(C_GetAttributeValue, "too small", CKR_BUFFER_TOO_SMALL, (s, rsa, small, 1));
    ROW(C_GetAttributeValue, "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID, (s, rsa, none, 1));
    ROW(C_DestroyObject, "no such object", CKR_OBJECT_HANDLE_INVALID, (s, s));
    ROW(C_DestroyObject, "an object of the card", CKR_ACTION_PROHIBITED, (s, rsa));
    ROW(C_DestroyObject, "not to be destroyed", CKR_ACTION_PROHIBITED, (s, fixed));
    FIRST(C_CreateObject(s, data_object, 2, &once));
    FIRST(C_DestroyObject(s, once));
    ROW(C_DestroyObject, "twice", CKR_OBJECT_HANDLE_INVALID, (s, once));
    ROW(C_FindObjectsInit, "no template", CKR_ARGUMENTS_BAD, (s, NULL, 1));
    ROW(C_FindObjects, "no search", CKR_OPERATION_NOT_INITIALIZED, (s, &made, 1, &n));
    ROW(C_FindObjectsFinal, "no search", CKR_OPERATION_NOT_INITIALIZED, (s));
    FIRST(C_FindObjectsInit(s, NULL, 0));
    ROW(C_FindObjectsInit, "twice", CKR_OPERATION_ACTIVE, (s, NULL, 0));
    ROW(C_FindObjects, "no room", CKR_ARGUMENTS_BAD, (s, NULL, 1, &n));
    ROW(C_FindObjects, "no count", CKR_ARGUMENTS_BAD, (s, &made, 1, NULL));
    FIRST(C_FindObjectsFinal(s));
}

// ---- Operations (5.8 to 5.17) ----

// What every C_*Init says: of the mechanism, its parameter, and the key.
#define ROWS_INIT(f, good, bad_parameter, key, other, forbidden) do {                              \
        ROW(f, "no mechanism, and nothing to end", CKR_ARGUMENTS_BAD, (s, NULL, key));             \
        ROW(f, "no such mechanism", CKR_MECHANISM_INVALID, (s, &no_mechanism, key));               \
        ROW(f, "a mechanism for something else", CKR_MECHANISM_INVALID, (s, &sha256, key));        \
        ROW(f, "a wrong parameter", CKR_MECHANISM_PARAM_INVALID, (s, bad_parameter, key));         \
        ROW(f, "no such key", CKR_KEY_HANDLE_INVALID, (s, good, 0));                               \
        ROW(f, "a session as a key", CKR_KEY_HANDLE_INVALID, (s, good, s));                        \
        ROW(f, "a certificate as a key", CKR_KEY_HANDLE_INVALID, (s, good, certificate));          \
        ROW(f, "a key of another kind", CKR_KEY_TYPE_INCONSISTENT, (s, good, other));              \
        if (forbidden) ROW(f, "a key for something else", CKR_KEY_FUNCTION_NOT_PERMITTED,          \
                           (s, good, forbidden));                                                  \
        FIRST(f(s, good, key));                                                                    \
        ROW(f, "twice", CKR_OPERATION_ACTIVE, (s, good, key));                                     \
        ROW(f, "NULL ends it", CKR_OK, (s, NULL, key));                                            \
    } while (0)

// ... and every function that puts out: the length that is not there ends the operation.
#define ROWS_OUT(f, begin) do {                                                                    \
        ROW(f, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 16, sig, &n));                   \
        FIRST(begin);                                                                              \
        ROW(f, "no length", CKR_ARGUMENTS_BAD, (s, b, 16, sig, NULL));                             \
        ROW(f, "that ended it", CKR_OPERATION_NOT_INITIALIZED, (s, b, 16, sig, &n));               \
        FIRST(begin);                                                                              \
        ROW(f, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 16, sig, &n));                              \
        ROW(f, "that ended it", CKR_OPERATION_NOT_INITIALIZED, (s, b, 16, sig, &n));               \
    } while (0)

#define ROWS_FINAL(f, begin) do {                                                                  \
        ROW(f, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, sig, &n));                          \
        FIRST(begin);                                                                              \
        ROW(f, "no length", CKR_ARGUMENTS_BAD, (s, sig, NULL));                                    \
        ROW(f, "that ended it", CKR_OPERATION_NOT_INITIALIZED, (s, sig, &n));                      \
    } while (0)

#define ROWS_UPDATE(f, begin) do {                                                                 \
        ROW(f, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));                             \
        FIRST(begin);                                                                              \
        ROW(f, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 1));                                        \
        ROW(f, "that ended it", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));                         \
    } while (0)

static void rows_ciphers(void)
{
    ROWS_INIT(C_EncryptInit, &aes_cbc_pad, &aes_no_iv, aes, generic, hidden);
    ROWS_INIT(C_EncryptInit, &rsa_pkcs, &rsa_parameter, decrypter_public, rsa, 0);
    ROWS_INIT(C_DecryptInit, &rsa_pkcs, &rsa_parameter, decrypter, ec, rsa);
    ROWS_INIT(C_DecryptInit, &aes_cbc_pad, &aes_no_iv, aes, rsa, hidden);
    n = sizeof sig;
    ROWS_OUT(C_Encrypt, C_EncryptInit(s, &aes_ecb, aes));
    ROWS_OUT(C_EncryptUpdate, C_EncryptInit(s, &aes_ecb, aes));
    ROWS_OUT(C_Decrypt, C_DecryptInit(s, &aes_ecb, aes));
    ROWS_OUT(C_DecryptUpdate, C_DecryptInit(s, &aes_ecb, aes));
    ROWS_FINAL(C_EncryptFinal, C_EncryptInit(s, &aes_ecb, aes));
    ROWS_FINAL(C_DecryptFinal, C_DecryptInit(s, &aes_ecb, aes));
    FIRST(C_EncryptInit(s, &aes_ecb, aes));
    ROW(C_Encrypt, "no whole blocks", CKR_DATA_LEN_RANGE, (s, b, 17, sig, &n));
    n = sizeof sig;
    FIRST(C_DecryptInit(s, &aes_ecb, aes));
    ROW(C_Decrypt, "no whole blocks", CKR_ENCRYPTED_DATA_LEN_RANGE, (s, b, 17, sig, &n));
    memset(b, 7, 32);
    n = sizeof sig;
    FIRST(C_DecryptInit(s, &aes_cbc_pad, aes));
    ROW(C_Decrypt, "wrong padding", CKR_ENCRYPTED_DATA_INVALID, (s, b, 32, sig, &n));
    FIRST(C_EncryptInit(s, &aes_ecb, aes));
    n = 15;
    ROW(C_EncryptUpdate, "too small", CKR_BUFFER_TOO_SMALL, (s, b, 16, sig, &n));
    FIRST(C_EncryptUpdate(s, b, 16, sig, &n));
    ROW(C_Encrypt, "in parts already", CKR_OPERATION_ACTIVE, (s, b, 16, sig, &n));
    ROW(C_EncryptFinal, "ended by that", CKR_OPERATION_NOT_INITIALIZED, (s, sig, &n));
    FIRST(C_EncryptInit(s, &aes_ecb, aes));
    FIRST(C_EncryptUpdate(s, b, 1, sig, &n));
    ROW(C_EncryptFinal, "no whole blocks", CKR_DATA_LEN_RANGE, (s, sig, &n));
    n = sizeof sig;
    ROW(C_EncryptInit, "a key for something else", CKR_KEY_FUNCTION_NOT_PERMITTED,
        (s, &rsa_pkcs, rsa_public));
    FIRST(C_EncryptInit(s, &rsa_pkcs, decrypter_public));
    ROW(C_Encrypt, "too long", CKR_DATA_LEN_RANGE, (s, b, 246, sig, &n));
    FIRST(C_DecryptInit(s, &rsa_pkcs, decrypter));
    ROW(C_Decrypt, "a wrong length", CKR_ENCRYPTED_DATA_LEN_RANGE, (s, b, 255, sig, &n));
    memset(b, 0xff, 256);
    n = sizeof sig;
    FIRST(C_DecryptInit(s, &rsa_pkcs, decrypter));
    ROW(C_Decrypt, "above the modulus", CKR_ENCRYPTED_DATA_INVALID, (s, b, 256, sig, &n));
}

static void rows_digests(void)
{
    ROW(C_DigestInit, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL));
    ROW(C_DigestInit, "no such mechanism", CKR_MECHANISM_INVALID, (s, &no_mechanism));
    ROW(C_DigestInit, "no digest", CKR_MECHANISM_INVALID, (s, &rsa_pkcs));
    ROW(C_DigestInit, "a parameter", CKR_MECHANISM_PARAM_INVALID, (s, &sha256_parameter));
    FIRST(C_DigestInit(s, &sha256));
    ROW(C_DigestInit, "twice", CKR_OPERATION_ACTIVE, (s, &sha256));
    ROW(C_DigestInit, "NULL ends it", CKR_OK, (s, NULL));
    ROWS_OUT(C_Digest, C_DigestInit(s, &sha256));
    ROWS_UPDATE(C_DigestUpdate, C_DigestInit(s, &sha256));
    ROWS_FINAL(C_DigestFinal, C_DigestInit(s, &sha256));
    ROW(C_DigestKey, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, aes));
    FIRST(C_DigestInit(s, &sha256));
    ROW(C_DigestKey, "no such key", CKR_KEY_HANDLE_INVALID, (s, 0));
    FIRST(C_DigestInit(s, &sha256));
    ROW(C_DigestKey, "no key", CKR_KEY_HANDLE_INVALID, (s, certificate));
    FIRST(C_DigestInit(s, &sha256));
    ROW(C_DigestKey, "the card's", CKR_KEY_INDIGESTIBLE, (s, rsa));
}

static void rows_signatures(void)
{
    ROWS_INIT(C_SignInit, &sign_rsa, &sign_parameter, rsa, ec, decrypter);
    ROWS_INIT(C_SignInit, &hmac, &hmac_parameter, generic, aes, silent);
    ROWS_INIT(C_SignRecoverInit, &rsa_pkcs, &rsa_parameter, rsa, ec, decrypter);
    ROWS_INIT(C_VerifyInit, &sign_rsa, &sign_parameter, rsa_public, rsa, 0);
    ROWS_INIT(C_VerifyRecoverInit, &rsa_pkcs, &rsa_parameter, rsa_public, rsa, 0);
    n = sizeof sig;
    ROWS_OUT(C_Sign, C_SignInit(s, &sign_rsa, rsa));
    ROWS_UPDATE(C_SignUpdate, C_SignInit(s, &sign_rsa, rsa));
    ROWS_FINAL(C_SignFinal, C_SignInit(s, &sign_rsa, rsa));
    ROWS_OUT(C_SignRecover, C_SignRecoverInit(s, &rsa_pkcs, rsa));
    ROWS_OUT(C_VerifyRecover, C_VerifyRecoverInit(s, &rsa_pkcs, rsa_public));
    ROWS_UPDATE(C_VerifyUpdate, C_VerifyInit(s, &sign_rsa, rsa_public));
    n = sizeof sig;
    FIRST(C_SignInit(s, &rsa_pkcs, rsa));
    ROW(C_Sign, "too long", CKR_DATA_LEN_RANGE, (s, b, 246, sig, &n));
    FIRST(C_SignRecoverInit(s, &rsa_pkcs, rsa));
    ROW(C_SignRecover, "too long", CKR_DATA_LEN_RANGE, (s, b, 246, sig, &n));
    FIRST(C_VerifyRecoverInit(s, &rsa_pkcs, rsa_public));
    ROW(C_VerifyRecover, "a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, b, 255, sig, &n));
    n = sizeof sig;
    FIRST(C_SignRecoverInit(s, &rsa_pkcs, rsa));
    FIRST(C_SignRecover(s, b, 0, sig, &n));
    FIRST(C_VerifyRecoverInit(s, &rsa_pkcs, rsa_public));
    ROW(C_VerifyRecover, "of nothing", CKR_OK, (s, sig, 256, b, &n));
    CHECK_EQ(n, 0);
    FIRST(C_VerifyRecoverInit(s, &rsa_pkcs, rsa_public));
    ROW(C_VerifyRecover, "no signature", CKR_SIGNATURE_INVALID, (s, b, 256, sig, &n));
    FIRST(C_SignInit(s, &sign_rsa, rsa));
    FIRST(C_SignUpdate(s, b, 1));
    ROW(C_Sign, "in parts already", CKR_OPERATION_ACTIVE, (s, b, 1, sig, &n));
    ROW(C_SignFinal, "ended by that", CKR_OPERATION_NOT_INITIALIZED, (s, sig, &n));
    FIRST(C_SignInit(s, &rsa_pkcs, rsa));
    ROW(C_SignUpdate, "more than is kept", CKR_DATA_LEN_RANGE, (s, more, sizeof more));
    ROW(C_SignFinal, "ended by that", CKR_OPERATION_NOT_INITIALIZED, (s, sig, &n));
}

static void rows_verify(void)
{
    ROW(C_Verify, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1, sig, 256));
    ROW(C_VerifyFinal, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, sig, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_Verify, "no signature", CKR_ARGUMENTS_BAD, (s, b, 1, NULL, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_Verify, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 1, sig, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_Verify, "a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, b, 1, sig, 255));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_Verify, "a wrong signature", CKR_SIGNATURE_INVALID, (s, b, 1, sig, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_VerifyFinal, "NULL", CKR_ARGUMENTS_BAD, (s, NULL, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_VerifyFinal, "a wrong signature", CKR_SIGNATURE_INVALID, (s, sig, 256));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_VerifyFinal, "a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, sig, 1));
    FIRST(C_VerifyInit(s, &hmac, generic));
    ROW(C_Verify, "a MAC of a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, b, 1, sig, 31));
    FIRST(C_VerifyInit(s, &hmac, generic));
    ROW(C_Verify, "a wrong MAC", CKR_SIGNATURE_INVALID, (s, b, 1, sig, 32));
    ROW(C_VerifySignatureInit, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL, rsa_public, sig, 256));
    ROW(C_VerifySignatureInit, "no signature", CKR_ARGUMENTS_BAD,
        (s, &sign_rsa, rsa_public, NULL, 256));
    ROW(C_VerifySignatureInit, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &no_mechanism, rsa_public, sig, 256));
    ROW(C_VerifySignatureInit, "no such key", CKR_KEY_HANDLE_INVALID, (s, &sign_rsa, 0, sig, 256));
    ROW(C_VerifySignatureInit, "a private key", CKR_KEY_TYPE_INCONSISTENT,
        (s, &sign_rsa, rsa, sig, 256));
    ROW(C_VerifySignature, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));
    ROW(C_VerifySignatureUpdate, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));
    ROW(C_VerifySignatureFinal, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s));
    FIRST(C_VerifySignatureInit(s, &sign_rsa, rsa_public, sig, 256));
    ROW(C_VerifySignatureInit, "twice", CKR_OPERATION_ACTIVE, (s, &sign_rsa, rsa_public, sig, 256));
    ROW(C_Verify, "the signature is there already", CKR_OPERATION_NOT_INITIALIZED,
        (s, b, 1, sig, 256));
    ROW(C_VerifyUpdate, "the signature is there already", CKR_OPERATION_NOT_INITIALIZED,
        (s, b, 1));
    ROW(C_VerifySignature, "wrong", CKR_SIGNATURE_INVALID, (s, b, 1));
    FIRST(C_VerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_VerifySignature, "the signature comes last", CKR_OPERATION_NOT_INITIALIZED, (s, b, 1));
    ROW(C_VerifySignatureUpdate, "the signature comes last", CKR_OPERATION_NOT_INITIALIZED,
        (s, b, 1));
    ROW(C_VerifySignatureFinal, "the signature comes last", CKR_OPERATION_NOT_INITIALIZED, (s));
    FIRST(C_SessionCancel(s, CKF_VERIFY));
    FIRST(C_VerifySignatureInit(s, &sign_rsa, rsa_public, sig, 256));
    ROW(C_VerifySignatureUpdate, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 1));
    FIRST(C_VerifySignatureInit(s, &sign_rsa, rsa_public, sig, 256));
    ROW(C_VerifySignature, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 1));
    FIRST(C_VerifySignatureInit(s, &sign_rsa, rsa_public, sig, 255));
    ROW(C_VerifySignature, "a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, b, 1));
    FIRST(C_VerifySignatureInit(s, &sign_rsa, rsa_public, sig, 256));
    FIRST(C_VerifySignatureUpdate(s, b, 1));
    ROW(C_VerifySignatureFinal, "wrong", CKR_SIGNATURE_INVALID, (s));
}

static void rows_dual(void)
{
#define ROWS_DUAL(f, first, second, kinds) do {                                                    \
        n = sizeof sig;                                                                            \
        ROW(f, "none begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 16, sig, &n));                  \
        FIRST(first);                                                                              \
        ROW(f, "one begun", CKR_OPERATION_NOT_INITIALIZED, (s, b, 16, sig, &n));                   \
        FIRST(second);                                                                             \
        ROW(f, "no length", CKR_ARGUMENTS_BAD, (s, b, 16, sig, NULL));                             \
        ROW(f, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 16, sig, &n));                              \
        n = 15;                                                                                    \
        ROW(f, "too small", CKR_BUFFER_TOO_SMALL, (s, b, 16, sig, &n));                            \
        ROW(f, "right", CKR_OK, (s, b, 16, sig, &n));                                              \
        FIRST(C_SessionCancel(s, kinds));                                                          \
    } while (0)
    ROWS_DUAL(C_DigestEncryptUpdate, C_EncryptInit(s, &aes_ecb, aes), C_DigestInit(s, &sha256),
              CKF_ENCRYPT | CKF_DIGEST);
    ROWS_DUAL(C_DecryptDigestUpdate, C_DecryptInit(s, &aes_ecb, aes), C_DigestInit(s, &sha256),
              CKF_DECRYPT | CKF_DIGEST);
    ROWS_DUAL(C_SignEncryptUpdate, C_EncryptInit(s, &aes_ecb, aes), C_SignInit(s, &hmac, generic),
              CKF_ENCRYPT | CKF_SIGN);
    ROWS_DUAL(C_DecryptVerifyUpdate, C_DecryptInit(s, &aes_ecb, aes),
              C_VerifyInit(s, &hmac, generic), CKF_DECRYPT | CKF_VERIFY);
}

static void rows_messages(void)
{
    ROWS_INIT(C_MessageSignInit, &sign_rsa, &sign_parameter, rsa, ec, decrypter);
    ROWS_INIT(C_MessageVerifyInit, &sign_rsa, &sign_parameter, rsa_public, rsa, 0);
    n = sizeof sig;
    ROW(C_SignMessage, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0, b, 1, sig, &n));
    ROW(C_SignMessageBegin, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0));
    ROW(C_SignMessageNext, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0, b, 1, sig, &n));
    ROW(C_MessageSignFinal, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s));
    FIRST(C_MessageSignInit(s, &sign_rsa, rsa));
    ROW(C_SignMessage, "no length", CKR_ARGUMENTS_BAD, (s, NULL, 0, b, 1, sig, NULL));
    ROW(C_SignMessage, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 0, NULL, 1, sig, &n));
    ROW(C_SignMessage, "no parameter", CKR_ARGUMENTS_BAD, (s, NULL, 2, b, 1, sig, &n));
    ROW(C_SignMessage, "a parameter", CKR_MECHANISM_PARAM_INVALID, (s, b, 2, b, 1, sig, &n));
    ROW(C_SignMessageNext, "no message", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0, b, 1, NULL,
                                                                         NULL));
    ROW(C_SignMessageBegin, "a parameter", CKR_MECHANISM_PARAM_INVALID, (s, b, 2));
    FIRST(C_SignMessageBegin(s, NULL, 0));
    ROW(C_SignMessageBegin, "twice", CKR_OPERATION_ACTIVE, (s, NULL, 0));
    ROW(C_SignMessage, "in parts already", CKR_OPERATION_ACTIVE, (s, NULL, 0, b, 1, sig, &n));
    ROW(C_SignMessageNext, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 0, NULL, 1, NULL, NULL));
    FIRST(C_MessageSignFinal(s));
    FIRST(C_MessageSignInit(s, &rsa_pkcs, rsa));
    FIRST(C_SignMessageBegin(s, NULL, 0));
    n = sizeof sig;
    ROW(C_SignMessageNext, "more than is kept", CKR_DATA_LEN_RANGE,
        (s, NULL, 0, more, sizeof more, sig, &n));
    FIRST(C_MessageSignFinal(s));
    ROW(C_VerifyMessage, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0, b, 1, sig, 256));
    ROW(C_VerifyMessageBegin, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s, NULL, 0));
    ROW(C_VerifyMessageNext, "not begun", CKR_OPERATION_NOT_INITIALIZED,
        (s, NULL, 0, b, 1, sig, 256));
    ROW(C_MessageVerifyFinal, "not begun", CKR_OPERATION_NOT_INITIALIZED, (s));
    FIRST(C_MessageVerifyInit(s, &sign_rsa, rsa_public));
    ROW(C_VerifyMessage, "no signature", CKR_ARGUMENTS_BAD, (s, NULL, 0, b, 1, NULL, 256));
    ROW(C_VerifyMessage, "a wrong one", CKR_SIGNATURE_INVALID, (s, NULL, 0, b, 1, sig, 256));
    ROW(C_VerifyMessage, "a wrong length", CKR_SIGNATURE_LEN_RANGE, (s, NULL, 0, b, 1, sig, 25));
    FIRST(C_VerifyMessageBegin(s, NULL, 0));
    ROW(C_VerifyMessageBegin, "twice", CKR_OPERATION_ACTIVE, (s, NULL, 0));
    ROW(C_VerifyMessageNext, "no data", CKR_ARGUMENTS_BAD, (s, NULL, 0, NULL, 1, NULL, 0));
    ROW(C_VerifyMessageNext, "a wrong one", CKR_SIGNATURE_INVALID, (s, NULL, 0, b, 1, sig, 256));
    FIRST(C_MessageVerifyFinal(s));
}

// ---- Keys, random numbers (5.18, 5.19), and what is refused ----

static void rows_keys(void)
{
    CK_ATTRIBUTE value[] = { { CKA_VALUE, b, 16 } }, none[] = { { 0x7fff0001, b, 1 } },
        len_17[] = { AT(CKA_VALUE_LEN, len17) },
        token[] = { AT(CKA_TOKEN, yes), AT(CKA_VALUE_LEN, len16) },
        data[] = { AT(CKA_CLASS, class_data), AT(CKA_VALUE_LEN, len16) },
        other[] = { AT(CKA_KEY_TYPE, type_generic), AT(CKA_VALUE_LEN, len16) },
        local[] = { AT(CKA_LOCAL, yes), AT(CKA_VALUE_LEN, len16) },
        two[] = { AT(CKA_ENCRYPT, x509), AT(CKA_VALUE_LEN, len16) };
    ROW(C_GenerateKey, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL, len_32, 1, &made));
    ROW(C_GenerateKey, "no handle", CKR_ARGUMENTS_BAD, (s, &aes_keygen, len_32, 1, NULL));
    ROW(C_GenerateKey, "no template", CKR_ARGUMENTS_BAD, (s, &aes_keygen, NULL, 1, &made));
    ROW(C_GenerateKey, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &no_mechanism, len_32, 1, &made));
    ROW(C_GenerateKey, "no mechanism for keys", CKR_MECHANISM_INVALID,
        (s, &aes_ecb, len_32, 1, &made));
    ROW(C_GenerateKey, "a parameter", CKR_MECHANISM_PARAM_INVALID,
        (s, &keygen_parameter, len_32, 1, &made));
    ROW(C_GenerateKey, "no length", CKR_TEMPLATE_INCOMPLETE, (s, &aes_keygen, NULL, 0, &made));
    ROW(C_GenerateKey, "no length", CKR_TEMPLATE_INCOMPLETE, (s, &generic_keygen, NULL, 0, &made));
    ROW(C_GenerateKey, "17 bytes", CKR_KEY_SIZE_RANGE, (s, &aes_keygen, len_17, 1, &made));
    ROW(C_GenerateKey, "a value", CKR_TEMPLATE_INCONSISTENT, (s, &aes_keygen, value, 1, &made));
    ROW(C_GenerateKey, "of another class", CKR_TEMPLATE_INCONSISTENT,
        (s, &aes_keygen, data, 2, &made));
    ROW(C_GenerateKey, "of another type", CKR_TEMPLATE_INCONSISTENT,
        (s, &aes_keygen, other, 2, &made));
    ROW(C_GenerateKey, "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID,
        (s, &aes_keygen, none, 1, &made));
    ROW(C_GenerateKey, "one that is set by the library", CKR_ATTRIBUTE_READ_ONLY,
        (s, &aes_keygen, local, 2, &made));
    ROW(C_GenerateKey, "a wrong value", CKR_ATTRIBUTE_VALUE_INVALID,
        (s, &aes_keygen, two, 2, &made));
    ROW(C_GenerateKey, "on the card", CKR_ATTRIBUTE_VALUE_INVALID, (s, &aes_keygen, token, 2, &made));
    ROW(C_DeriveKey, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL, generic, len_32, 1, &made));
    ROW(C_DeriveKey, "no handle", CKR_ARGUMENTS_BAD, (s, &hkdf, generic, len_32, 1, NULL));
    ROW(C_DeriveKey, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &no_mechanism, generic, len_32, 1, &made));
    ROW(C_DeriveKey, "a wrong parameter", CKR_MECHANISM_PARAM_INVALID,
        (s, &hkdf_short, generic, len_32, 1, &made));
    ROW(C_DeriveKey, "no such key", CKR_KEY_HANDLE_INVALID, (s, &hkdf, 0, len_32, 1, &made));
    ROW(C_DeriveKey, "a private key", CKR_KEY_TYPE_INCONSISTENT, (s, &hkdf, rsa, len_32, 1, &made));
    ROW(C_DeriveKey, "no length", CKR_TEMPLATE_INCOMPLETE, (s, &hkdf, generic, NULL, 0, &made));
    ROW(C_DeriveKey, "a value", CKR_TEMPLATE_INCONSISTENT, (s, &hkdf, generic, value, 1, &made));
    ROW(C_DeriveKey, "on the card", CKR_ATTRIBUTE_VALUE_INVALID, (s, &hkdf, generic, token, 2,
                                                                  &made));
}

// The card is not asked: the user is logged in, and the SO writes it.
static void rows_pairs(void)
{
    CK_MECHANISM rsa_pair = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 },
                 ec_pair = { CKM_EC_KEY_PAIR_GEN, NULL, 0 },
                 with_param = { CKM_RSA_PKCS_KEY_PAIR_GEN, b, 4 };
    CK_ULONG bits = 2048, few = 1023;
    CK_ATTRIBUTE public[] = { AT(CKA_TOKEN, yes), AT(CKA_MODULUS_BITS, bits) },
                 short_key[] = { AT(CKA_TOKEN, yes), AT(CKA_MODULUS_BITS, few) },
                 private[] = { AT(CKA_TOKEN, yes) },
                 leaves[] = { AT(CKA_TOKEN, yes), AT(CKA_EXTRACTABLE, yes) },
                 curve[] = { AT(CKA_TOKEN, yes), { CKA_EC_PARAMS, b, 3 } },
                 none[] = { { 0x7fffffff, b, 1 } };
    ROW(C_GenerateKeyPair, "no mechanism", CKR_ARGUMENTS_BAD,
        (s, NULL, public, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "no handle", CKR_ARGUMENTS_BAD,
        (s, &rsa_pair, public, 2, private, 1, NULL, &made2));
    ROW(C_GenerateKeyPair, "no other handle", CKR_ARGUMENTS_BAD,
        (s, &rsa_pair, public, 2, private, 1, &made, NULL));
    ROW(C_GenerateKeyPair, "no template", CKR_ARGUMENTS_BAD,
        (s, &rsa_pair, NULL, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "no other template", CKR_ARGUMENTS_BAD,
        (s, &rsa_pair, public, 2, NULL, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &rsa_pkcs, public, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "a parameter", CKR_MECHANISM_PARAM_INVALID,
        (s, &with_param, public, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "no size", CKR_TEMPLATE_INCOMPLETE,
        (s, &rsa_pair, public, 1, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "no curve", CKR_TEMPLATE_INCOMPLETE,
        (s, &ec_pair, public, 1, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "an unknown curve", CKR_CURVE_NOT_SUPPORTED,
        (s, &ec_pair, curve, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "a size that no card makes", CKR_KEY_SIZE_RANGE,
        (s, &rsa_pair, short_key, 2, private, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "for the session", CKR_TEMPLATE_INCONSISTENT,
        (s, &rsa_pair, public, 2, NULL, 0, &made, &made2));
    ROW(C_GenerateKeyPair, "one that may leave", CKR_TEMPLATE_INCONSISTENT,
        (s, &rsa_pair, public, 2, leaves, 2, &made, &made2));
    ROW(C_GenerateKeyPair, "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID,
        (s, &rsa_pair, public, 2, none, 1, &made, &made2));
    ROW(C_GenerateKeyPair, "the SO is not logged in", CKR_USER_NOT_LOGGED_IN,
        (s, &rsa_pair, public, 2, private, 1, &made, &made2));
}

static void rows_wrapping(void)
{
    CK_ATTRIBUTE value[] = { { CKA_VALUE, b, 16 } };
    CK_ATTRIBUTE big[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_generic),
                           { CKA_VALUE, b, 246 } };
    CK_ATTRIBUTE no_class[] = { { CKA_CLASS, NULL, sizeof(CK_OBJECT_CLASS) } };
    CK_MECHANISM card_wrap = { SCARD11_CKM_CARD_WRAP, NULL, 0 };
    CK_OBJECT_HANDLE large = 0;
    n = sizeof sig;
    FIRST(C_CreateObject(s, big, 3, &large));
    ROW(C_WrapKey, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL, decrypter_public, aes, sig, &n));
    ROW(C_WrapKey, "no length", CKR_ARGUMENTS_BAD,
        (s, &rsa_pkcs, decrypter_public, aes, sig, NULL));
    ROW(C_WrapKey, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &no_mechanism, decrypter_public, aes, sig, &n));
    ROW(C_WrapKey, "a card that does not", CKR_MECHANISM_INVALID,
        (s, &card_wrap, 0, rsa, sig, &n));
    ROW(C_WrapKey, "a wrong parameter", CKR_MECHANISM_PARAM_INVALID,
        (s, &rsa_parameter, decrypter_public, aes, sig, &n));
    ROW(C_WrapKey, "no wrapping key", CKR_WRAPPING_KEY_HANDLE_INVALID,
        (s, &rsa_pkcs, 0, aes, sig, &n));
    ROW(C_WrapKey, "a private key to wrap with", CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        (s, &rsa_pkcs, rsa, aes, sig, &n));
    ROW(C_WrapKey, "no key", CKR_KEY_HANDLE_INVALID, (s, &rsa_pkcs, decrypter_public, 0, sig, &n));
    ROW(C_WrapKey, "a certificate", CKR_KEY_HANDLE_INVALID,
        (s, &rsa_pkcs, decrypter_public, certificate, sig, &n));
    ROW(C_WrapKey, "a public key", CKR_KEY_NOT_WRAPPABLE,
        (s, &rsa_pkcs, decrypter_public, rsa_public, sig, &n));
    ROW(C_WrapKey, "the card's private key", CKR_KEY_UNEXTRACTABLE,
        (s, &rsa_pkcs, decrypter_public, rsa, sig, &n));
    ROW(C_WrapKey, "one that stays", CKR_KEY_UNEXTRACTABLE,
        (s, &rsa_pkcs, decrypter_public, hidden, sig, &n));
    ROW(C_WrapKey, "too long", CKR_KEY_SIZE_RANGE,
        (s, &rsa_pkcs, decrypter_public, large, sig, &n));
    n = 255;
    ROW(C_WrapKey, "too small", CKR_BUFFER_TOO_SMALL,
        (s, &rsa_pkcs, decrypter_public, aes, sig, &n));
    ROW(C_UnwrapKey, "no mechanism", CKR_ARGUMENTS_BAD, (s, NULL, decrypter, b, 256, NULL, 0,
                                                         &made));
    ROW(C_UnwrapKey, "no data", CKR_ARGUMENTS_BAD, (s, &rsa_pkcs, decrypter, NULL, 256, NULL, 0,
                                                    &made));
    ROW(C_UnwrapKey, "no handle", CKR_ARGUMENTS_BAD, (s, &rsa_pkcs, decrypter, b, 256, NULL, 0,
                                                      NULL));
    ROW(C_UnwrapKey, "no template", CKR_ARGUMENTS_BAD, (s, &card_wrap, 0, b, 256, NULL, 1, &made));
    ROW(C_UnwrapKey, "no value", CKR_ARGUMENTS_BAD, (s, &card_wrap, 0, b, 256, no_class, 1, &made));
    ROW(C_UnwrapKey, "a card that does not", CKR_MECHANISM_INVALID,
        (s, &card_wrap, 0, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "no such mechanism", CKR_MECHANISM_INVALID,
        (s, &no_mechanism, decrypter, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "a wrong parameter", CKR_MECHANISM_PARAM_INVALID,
        (s, &rsa_parameter, decrypter, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "no such key", CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        (s, &rsa_pkcs, 0, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "a public key", CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        (s, &rsa_pkcs, decrypter_public, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "a key for something else", CKR_KEY_FUNCTION_NOT_PERMITTED,
        (s, &rsa_pkcs, rsa, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "a value", CKR_TEMPLATE_INCONSISTENT,
        (s, &rsa_pkcs, decrypter, b, 256, value, 1, &made));
    ROW(C_UnwrapKey, "a wrong length", CKR_WRAPPED_KEY_LEN_RANGE,
        (s, &rsa_pkcs, decrypter, b, 255, NULL, 0, &made));
    memset(b, 3, 256);
    ROW(C_UnwrapKey, "no key in it", CKR_WRAPPED_KEY_INVALID,
        (s, &rsa_pkcs, decrypter, b, 256, NULL, 0, &made));
    ROW(C_UnwrapKey, "AES: a wrong length", CKR_WRAPPED_KEY_LEN_RANGE,
        (s, &aes_cbc_pad, aes, b, 17, NULL, 0, &made));
    ROW(C_UnwrapKey, "AES: no key in it", CKR_WRAPPED_KEY_INVALID,
        (s, &aes_cbc_pad, aes, b, 32, NULL, 0, &made));
}

static void rows_rest(void)
{
    ROW(C_SeedRandom, "NULL", CKR_ARGUMENTS_BAD, (s, NULL, 1));
    ROW(C_SeedRandom, "no seed is taken", CKR_RANDOM_SEED_NOT_SUPPORTED, (s, b, 1));
    ROW(C_GenerateRandom, "NULL", CKR_ARGUMENTS_BAD, (s, NULL, 1));
    ROW(C_GetFunctionStatus, "never", CKR_FUNCTION_NOT_PARALLEL, (s));
    ROW(C_CancelFunction, "never", CKR_FUNCTION_NOT_PARALLEL, (s));
    ROW(C_CloseAllSessions, "right", CKR_OK, (slot));
}

// What this library refuses does so with the one code, also when the session is right.
static void rows_refused(void)
{
#define X(f, ...) ROW(f, "refused", CKR_FUNCTION_NOT_SUPPORTED, __VA_ARGS__);
    X(C_MessageEncryptInit, (s, &aes_ecb, aes))
    X(C_EncryptMessage, (s, NULL, 0, NULL, 0, b, 1, b, &n))
    X(C_EncryptMessageBegin, (s, NULL, 0, NULL, 0))
    X(C_EncryptMessageNext, (s, NULL, 0, b, 1, b, &n, 0))
    X(C_MessageEncryptFinal, (s))
    X(C_MessageDecryptInit, (s, &aes_ecb, aes))
    X(C_DecryptMessage, (s, NULL, 0, NULL, 0, b, 1, b, &n))
    X(C_DecryptMessageBegin, (s, NULL, 0, NULL, 0))
    X(C_DecryptMessageNext, (s, NULL, 0, b, 1, b, &n, 0))
    X(C_MessageDecryptFinal, (s))
    X(C_EncapsulateKey, (s, &rsa_pkcs, rsa_public, NULL, 0, b, &n, &made))
    X(C_DecapsulateKey, (s, &rsa_pkcs, rsa, NULL, 0, b, 1, &made))
    X(C_AsyncComplete, (s, b, NULL))
    X(C_AsyncGetID, (s, b, &n))
    X(C_AsyncJoin, (s, b, 1, b, 1))
    X(C_WrapKeyAuthenticated, (s, &rsa_pkcs, rsa_public, aes, b, 1, b, &n))
    X(C_UnwrapKeyAuthenticated, (s, &rsa_pkcs, rsa, b, 1, NULL, 0, b, 1, &made))
#undef X
}

#endif
