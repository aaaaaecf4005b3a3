// module.c: a PKCS#11 module of one's own: it writes no card, and tells the system's log who signs.
// cc -shared -fPIC module.c ../../scard11.c -I. -I../.. -DSCARD11_CONFIG='"module.h"'
//    $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o module.so
// SPDX-License-Identifier: 0BSD
//
// With SCARD11_PREFIX the library's functions are my_C_Sign and so on, and are not exported. The
// module gives its callers the library's list of functions, in which it has put functions of its
// own. C_GetFunctionList is all that it exports, and all that a module must. (A caller that wants
// a later list than that of 2.40 asks for C_GetInterface: it would be made in the same way.)
#include "scard11.h"
#include <string.h>
#include <syslog.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

static CK_FUNCTION_LIST functions;

// Text of PKCS#11 is filled with blanks, and has no end.
static void put_text(CK_UTF8CHAR *to, size_t room, const char *text)
{
    memset(to, ' ', room);
    memcpy(to, text, strlen(text) < room ? strlen(text) : room);
}

// Whose module it is.
static CK_RV get_info(CK_INFO_PTR info)
{
    CK_RV rv = my_C_GetInfo(info);
    if (rv != CKR_OK) return rv;
    put_text(info->manufacturerID, sizeof info->manufacturerID, "Example");
    put_text(info->libraryDescription, sizeof info->libraryDescription, "Cards of Example");
    return CKR_OK;
}

// Which key of which card is used. What cannot be told is not used.
static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    CK_SESSION_INFO info;
    CK_TOKEN_INFO card;
    CK_UTF8CHAR label[64];
    CK_ATTRIBUTE about = { CKA_LABEL, label, sizeof label };
    CK_RV rv = my_C_GetSessionInfo(session, &info);
    if (rv == CKR_OK) rv = my_C_GetTokenInfo(info.slotID, &card);
    if (rv == CKR_OK) rv = my_C_GetAttributeValue(session, key, &about, 1);
    if (rv == CKR_OK) rv = my_C_SignInit(session, mechanism, key);
    if (rv == CKR_OK)
        syslog(LOG_AUTHPRIV | LOG_INFO, "card %.16s: signs with '%.*s'", card.serialNumber,
               (int)about.ulValueLen, label);
    return rv;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    CK_FUNCTION_LIST_PTR library;
    if (!list) return CKR_ARGUMENTS_BAD;
    CK_RV rv = my_C_GetFunctionList(&library);
    if (rv != CKR_OK) return rv;
    CK_FUNCTION_LIST own = *library;
    own.C_GetInfo = get_info;
    own.C_SignInit = sign_init;
    own.C_GetFunctionList = C_GetFunctionList;
    functions = own;                    // the same bytes each time, whoever comes first
    *list = &functions;
    return CKR_OK;
}
