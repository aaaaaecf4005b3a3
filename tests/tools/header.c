// scard11.h alone, as C99 and (by header.cc) as C++: that it compiles, and what it declares. Nothing
// here runs; a wrong declaration does not compile. tests/tools/header.sh compiles it in all its ways.
#include "scard11.h"

// A sentence that must be true when this is compiled; line numbers make the names differ.
#define MUST_NAME(line)     must_##line
#define MUST_AT(line, what) typedef char MUST_NAME(line)[(what) ? 1 : -1]
#define MUST(what)          MUST_AT(__LINE__, what)

MUST(SCARD11_VERSION_MAJOR == 0 && SCARD11_READERS_MAX >= 1 && SCARD11_READER_SLOTS >= 1);

#if SCARD11_READER == SCARD11_READER_CUSTOM
MUST(SCARD11_READER_OK == 0);
MUST(sizeof(((struct scard11_reader_card *)0)->atr) == 36);
MUST(sizeof(&scard11_reader_start) == sizeof(&scard11_reader_control));
#endif

#ifdef SCARD11_PKCS11_H
MUST(HEADER_OF_THE_APPLICATION == 1);       // header.sh's stand-in defines this and nothing else
#else

// Sizes in bytes: where long has 64 bits; where long and pointers have 32; on 64-bit and 32-bit
// Windows, where long has 32 bits and structures are packed.
#if defined(_WIN64)
#define SIZE(type, lp64, ilp32, win64, win32) MUST(sizeof(type) == (win64))
#elif defined(_WIN32)
#define SIZE(type, lp64, ilp32, win64, win32) MUST(sizeof(type) == (win32))
#else
#define SIZE(type, lp64, ilp32, win64, win32) \
    MUST(sizeof(type) == (sizeof(long) == 8 ? (lp64) : (ilp32)))
#endif

MUST(sizeof(CK_BYTE) == 1 && sizeof(CK_BBOOL) == 1 && sizeof(CK_UTF8CHAR) == 1);
MUST(sizeof(CK_ULONG) == sizeof(long) && (CK_ULONG)0 - 1 > 0);
MUST(sizeof(CK_RV) == sizeof(CK_ULONG) && sizeof(CK_SESSION_HANDLE) == sizeof(CK_ULONG));
MUST(sizeof(CK_VOID_PTR) == sizeof(void *));
SIZE(CK_VERSION, 2, 2, 2, 2);
SIZE(CK_DATE, 8, 8, 8, 8);
SIZE(CK_INFO, 88, 76, 72, 72);
SIZE(CK_SLOT_INFO, 112, 104, 104, 104);
SIZE(CK_TOKEN_INFO, 208, 160, 160, 160);
SIZE(CK_SESSION_INFO, 32, 16, 16, 16);
SIZE(CK_ATTRIBUTE, 24, 12, 16, 12);
SIZE(CK_MECHANISM, 24, 12, 16, 12);
SIZE(CK_MECHANISM_INFO, 24, 12, 12, 12);
SIZE(CK_C_INITIALIZE_ARGS, 48, 24, 44, 24);
SIZE(CK_INTERFACE, 24, 12, 20, 12);
SIZE(CK_ASYNC_DATA, 40, 20, 24, 20);
SIZE(CK_RSA_PKCS_PSS_PARAMS, 24, 12, 12, 12);
SIZE(CK_RSA_PKCS_OAEP_PARAMS, 40, 20, 24, 20);
SIZE(CK_ECDH1_DERIVE_PARAMS, 40, 20, 28, 20);
SIZE(CK_EDDSA_PARAMS, 24, 12, 13, 9);
SIZE(CK_GCM_PARAMS, 48, 24, 32, 24);
SIZE(CK_GCM_MESSAGE_PARAMS, 48, 24, 32, 24);
SIZE(CK_CCM_PARAMS, 48, 24, 32, 24);
SIZE(CK_CCM_MESSAGE_PARAMS, 56, 28, 36, 28);
SIZE(CK_AES_CTR_PARAMS, 24, 20, 20, 20);
SIZE(CK_HKDF_PARAMS, 64, 32, 38, 30);
SIZE(CK_KEY_DERIVATION_STRING_DATA, 16, 8, 12, 8);
SIZE(CK_FUNCTION_LIST, 8 + 68 * 8, 4 + 68 * 4, 2 + 68 * 8, 2 + 68 * 4);
SIZE(CK_FUNCTION_LIST_3_0, 8 + 92 * 8, 4 + 92 * 4, 2 + 92 * 8, 2 + 92 * 4);
SIZE(CK_FUNCTION_LIST_3_2, 8 + 104 * 8, 4 + 104 * 4, 2 + 104 * 8, 2 + 104 * 4);

// Where functions stand in the lists: every list begins with the ones before it.
#if !SCARD11_RENAMES
#define PLACE(list, name, n) \
    MUST(offsetof(list, name) == offsetof(list, C_Initialize) + (n) * sizeof(void (*)(void)))
PLACE(CK_FUNCTION_LIST, C_GetFunctionList, 3);
PLACE(CK_FUNCTION_LIST, C_Login, 18);
PLACE(CK_FUNCTION_LIST, C_SignInit, 42);
PLACE(CK_FUNCTION_LIST, C_WaitForSlotEvent, 67);
PLACE(CK_FUNCTION_LIST_3_0, C_WaitForSlotEvent, 67);
PLACE(CK_FUNCTION_LIST_3_0, C_GetInterfaceList, 68);
PLACE(CK_FUNCTION_LIST_3_0, C_SessionCancel, 71);
PLACE(CK_FUNCTION_LIST_3_0, C_MessageVerifyFinal, 91);
PLACE(CK_FUNCTION_LIST_3_2, C_MessageVerifyFinal, 91);
PLACE(CK_FUNCTION_LIST_3_2, C_EncapsulateKey, 92);
PLACE(CK_FUNCTION_LIST_3_2, C_GetSessionValidationFlags, 98);
PLACE(CK_FUNCTION_LIST_3_2, C_UnwrapKeyAuthenticated, 103);
#endif

MUST(CRYPTOKI_VERSION_MAJOR == 3 && CRYPTOKI_VERSION_MINOR == 2);
MUST(CK_TRUE == 1 && CK_FALSE == 0 && CK_INVALID_HANDLE == 0);
MUST(CK_UNAVAILABLE_INFORMATION == (CK_ULONG)0 - 1);
MUST(CKU_SO == 0 && CKU_USER == 1 && CKU_CONTEXT_SPECIFIC == 2);
MUST(CKS_RO_PUBLIC_SESSION == 0 && CKS_RW_SO_FUNCTIONS == 4);
MUST(CKF_RW_SESSION == 2 && CKF_SERIAL_SESSION == 4 && CKF_OS_LOCKING_OK == 2);
MUST(CKF_TOKEN_PRESENT == 1 && CKF_REMOVABLE_DEVICE == 2 && CKF_HW_SLOT == 4);
MUST(CKF_LOGIN_REQUIRED == 4 && CKF_PROTECTED_AUTHENTICATION_PATH == 0x100);
MUST(CKF_TOKEN_INITIALIZED == 0x400 && CKF_USER_PIN_LOCKED == 0x40000);
MUST(CKF_SIGN == 0x800 && CKF_DECRYPT == 0x200 && CKF_GENERATE_KEY_PAIR == 0x10000);
MUST(CKF_DERIVE == 0x80000 && CKF_EC_F_P == 0x100000 && CKF_EC_UNCOMPRESS == 0x1000000);
MUST(CKO_CERTIFICATE == 1 && CKO_PUBLIC_KEY == 2 && CKO_PRIVATE_KEY == 3 && CKO_SECRET_KEY == 4);
MUST(CKC_X_509 == 0 && CK_CERTIFICATE_CATEGORY_AUTHORITY == 2);
MUST(CKK_RSA == 0 && CKK_EC == 3 && CKK_AES == 0x1f && CKK_DES3 == 0x15);
MUST(CKK_EC_EDWARDS == 0x40 && CKK_EC_MONTGOMERY == 0x41);
MUST(CKA_CLASS == 0 && CKA_TOKEN == 1 && CKA_LABEL == 3 && CKA_VALUE == 0x11);
MUST(CKA_ID == 0x102 && CKA_MODULUS == 0x120 && CKA_PUBLIC_EXPONENT == 0x122);
MUST(CKA_EC_PARAMS == 0x180 && CKA_EC_POINT == 0x181 && CKA_ALWAYS_AUTHENTICATE == 0x202);
MUST(CKA_WRAP_TEMPLATE == 0x40000211 && CKA_ALLOWED_MECHANISMS == 0x40000600);
MUST(CKA_VENDOR_DEFINED == 0x80000000UL && CKM_VENDOR_DEFINED == 0x80000000UL);
MUST(CKM_RSA_PKCS_KEY_PAIR_GEN == 0 && CKM_RSA_PKCS == 1 && CKM_RSA_X_509 == 3);
MUST(CKM_SHA1_RSA_PKCS == 6 && CKM_RSA_PKCS_OAEP == 9 && CKM_RSA_PKCS_PSS == 0xd);
MUST(CKM_SHA256_RSA_PKCS == 0x40 && CKM_SHA512_RSA_PKCS == 0x42);
MUST(CKM_SHA256_RSA_PKCS_PSS == 0x43 && CKM_SHA512_RSA_PKCS_PSS == 0x45);
MUST(CKM_SHA_1 == 0x220 && CKM_SHA256 == 0x250 && CKM_SHA384 == 0x260 && CKM_SHA512 == 0x270);
MUST(CKM_EC_KEY_PAIR_GEN == 0x1040 && CKM_ECDSA == 0x1041 && CKM_ECDSA_SHA1 == 0x1042);
MUST(CKM_ECDSA_SHA256 == 0x1044 && CKM_ECDH1_DERIVE == 0x1050 && CKM_EDDSA == 0x1057);
MUST(CKM_AES_KEY_GEN == 0x1080 && CKM_AES_CBC == 0x1082 && CKM_AES_GCM == 0x1087);
MUST(CKM_DES3_CBC == 0x133 && CKM_AES_CMAC == 0x108a);
MUST(CKG_MGF1_SHA1 == 1 && CKG_MGF1_SHA256 == 2 && CKG_MGF1_SHA224 == 5 && CKD_NULL == 1);
MUST(CKR_OK == 0 && CKR_HOST_MEMORY == 2 && CKR_GENERAL_ERROR == 5 && CKR_ARGUMENTS_BAD == 7);
MUST(CKR_DEVICE_ERROR == 0x30 && CKR_DEVICE_REMOVED == 0x32 && CKR_MECHANISM_INVALID == 0x70);
MUST(CKR_FUNCTION_NOT_SUPPORTED == 0x54 && CKR_OBJECT_HANDLE_INVALID == 0x82);
MUST(CKR_PIN_INCORRECT == 0xa0 && CKR_PIN_LOCKED == 0xa4 && CKR_SESSION_HANDLE_INVALID == 0xb3);
MUST(CKR_SIGNATURE_INVALID == 0xc0 && CKR_TOKEN_NOT_PRESENT == 0xe0);
MUST(CKR_USER_ALREADY_LOGGED_IN == 0x100 && CKR_USER_NOT_LOGGED_IN == 0x101);
MUST(CKR_BUFFER_TOO_SMALL == 0x150 && CKR_CRYPTOKI_NOT_INITIALIZED == 0x190);
MUST(CKR_CRYPTOKI_ALREADY_INITIALIZED == 0x191 && CKR_FUNCTION_REJECTED == 0x200);

// What the library's functions are called in this file.
#ifdef HEADER_PREFIX_IS_FOO
#define LIBRARY(name) foo_##name
#else
#define LIBRARY(name) name
#endif

// Every function is declared, and of the type of its place in the lists, whose members have the standard's names.
#if !SCARD11_RENAMES
void header_fill(CK_FUNCTION_LIST *v2, CK_FUNCTION_LIST_3_0 *v30, CK_FUNCTION_LIST_3_2 *v32);
void header_fill(CK_FUNCTION_LIST *v2, CK_FUNCTION_LIST_3_0 *v30, CK_FUNCTION_LIST_3_2 *v32)
{
#define IN_2(name)  v2->name = LIBRARY(name);
#define IN_30(name) v30->name = LIBRARY(name);
#define IN_32(name) v32->name = LIBRARY(name);
    SCARD11_FUNCTIONS_2_40(IN_2)
    SCARD11_FUNCTIONS_2_40(IN_30)
    SCARD11_FUNCTIONS_3_0(IN_30)
    SCARD11_FUNCTIONS_2_40(IN_32)
    SCARD11_FUNCTIONS_3_0(IN_32)
    SCARD11_FUNCTIONS_3_2(IN_32)
}
#endif

// With a prefix the standard's names are free for the program, here for functions that are quite other ones.
#if defined(HEADER_PREFIX_IS_FOO) && !SCARD11_RENAMES
void C_Sign(const char *letter);
int scard11_version(int of_the_program);
#endif

// What applications write: calls by name and by list, SCARD11_PREFIX or not.
CK_RV header_sign(CK_FUNCTION_LIST_PTR list, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);
CK_RV header_sign(CK_FUNCTION_LIST_PTR list, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL_PTR, 0 };
    CK_BYTE data[32] = { 0 }, signature[64];
    CK_ULONG signature_len = sizeof signature;
    CK_RV rv = LIBRARY(C_SignInit)(session, &mechanism, key);

    if (rv == CKR_OK)
        rv = LIBRARY(C_Sign)(session, data, sizeof data, signature, &signature_len);
    if (rv == CKR_OK)
        rv = LIBRARY(scard11_configure)("SCARD11_LOG", "");
#if SCARD11_RENAMES
    (void)list;
    if (rv == CKR_OK)
        rv = C_Sign(session, data, sizeof data, signature, &signature_len);
#else
    CK_C_SignInit init = list->C_SignInit;
    if (rv == CKR_OK)
        rv = init(session, &mechanism, key);
    if (rv == CKR_OK)
        rv = list->C_Sign(session, data, sizeof data, signature, &signature_len);
#endif
    return rv;
}
#endif
