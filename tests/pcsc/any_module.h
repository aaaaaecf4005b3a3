// any_module.h: C_* are those of the PKCS#11 module that the environment variable MODULE names, for programs
// that are compiled with -DANY_MODULE and without scard11.c (hotplug.sh). SPDX-License-Identifier: 0BSD
//
// They then hold a module to what PKCS#11 says, and to what is safe, and not to how scard11 does it
// (STRICT is 0).
#ifndef ANY_MODULE_H
#define ANY_MODULE_H

#include "../../scard11.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static CK_FUNCTION_LIST_PTR any_module;

__attribute__((constructor)) static void any_load(void)
{
    CK_C_GetFunctionList get = NULL;
    const char *name = getenv("MODULE");
    void *library = name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library) *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get && !get(&any_module) && any_module) return;
    fprintf(stderr, "no PKCS#11 module: %s\n", name && library ? name : name ? dlerror() : "MODULE is not set");
    exit(77);
}

// The programs have threads.
static inline CK_RV any_initialize(void *args)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    return any_module->C_Initialize(args ? args : &threads);
}

// Ends a signature that will not be made: modules before PKCS#11 3.0 have no C_SessionCancel.
static inline CK_RV any_cancel(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
    CK_BYTE text[1] = { 0 }, signature[1024];
    CK_ULONG n = sizeof signature;
    (void)flags;
    any_module->C_Sign(session, text, sizeof text, signature, &n);
    return CKR_OK;
}

#define C_Initialize            any_initialize
#define C_SessionCancel         any_cancel
#define C_Finalize              (any_module->C_Finalize)
#define C_GetSlotList           (any_module->C_GetSlotList)
#define C_GetSlotInfo           (any_module->C_GetSlotInfo)
#define C_GetTokenInfo          (any_module->C_GetTokenInfo)
#define C_WaitForSlotEvent      (any_module->C_WaitForSlotEvent)
#define C_OpenSession           (any_module->C_OpenSession)
#define C_CloseSession          (any_module->C_CloseSession)
#define C_CloseAllSessions      (any_module->C_CloseAllSessions)
#define C_GetSessionInfo        (any_module->C_GetSessionInfo)
#define C_Login                 (any_module->C_Login)
#define C_Logout                (any_module->C_Logout)
#define C_SetPIN                (any_module->C_SetPIN)
#define C_InitPIN               (any_module->C_InitPIN)
#define C_CreateObject          (any_module->C_CreateObject)
#define C_DestroyObject         (any_module->C_DestroyObject)
#define C_GetAttributeValue     (any_module->C_GetAttributeValue)
#define C_SetAttributeValue     (any_module->C_SetAttributeValue)
#define C_FindObjectsInit       (any_module->C_FindObjectsInit)
#define C_FindObjects           (any_module->C_FindObjects)
#define C_FindObjectsFinal      (any_module->C_FindObjectsFinal)
#define C_SignInit              (any_module->C_SignInit)
#define C_Sign                  (any_module->C_Sign)
#define C_SignUpdate            (any_module->C_SignUpdate)
#define C_SignFinal             (any_module->C_SignFinal)
#define C_DigestInit            (any_module->C_DigestInit)
#define C_DigestUpdate          (any_module->C_DigestUpdate)
#define C_GenerateKeyPair       (any_module->C_GenerateKeyPair)
#define C_DeriveKey             (any_module->C_DeriveKey)

#endif
