// host_with_pkcs11.c: a program that has a PKCS#11 of its own and exports it, as one that links two modules or is
// built with -rdynamic does, loads the module: neither's calls may reach the other. Its own functions
// stand for those of any module. SPDX-License-Identifier: 0BSD
//
//     host MODULE
#include "../../scard11.h"
#include <dlfcn.h>
#include <stdio.h>

static unsigned mine;                   // calls that reached the program's own

static CK_RV own(void) { mine++; return CKR_GENERAL_ERROR; }

CK_RV C_Initialize(CK_VOID_PTR a)                   { (void)a; return own(); }
CK_RV C_Finalize(CK_VOID_PTR a)                     { (void)a; return own(); }
CK_RV C_GetInfo(CK_INFO_PTR a)                      { (void)a; return own(); }
CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR a) { (void)a; return own(); }
CK_RV C_GetSlotList(CK_BBOOL a, CK_SLOT_ID_PTR b, CK_ULONG_PTR c)
{
    (void)a, (void)b, (void)c;
    return own();
}
CK_RV C_Login(CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d)
{
    (void)a, (void)b, (void)c, (void)d;
    return own();
}
CK_RV C_Sign(CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e)
{
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return own();
}
unsigned long scard11_configure(const char *a, const char *b) { (void)a, (void)b; return own(); }

static int wrong;

static void check(const char *what, CK_RV rv, CK_RV right)
{
    if (rv == right && !mine) return;
    printf("%s: %lx, not %lx; %u calls reached the program's own functions\n", what,
           (unsigned long)rv, (unsigned long)right, mine);
    mine = 0;
    wrong = 1;
}

int main(int argc, char **argv)
{
    void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE_PTR_PTR, CK_FLAGS) = NULL;
    CK_VERSION version = { 3, 0 };
    CK_INTERFACE_PTR interface;
    CK_INFO info;
    CK_ULONG n = 0;
    if (module) *(void **)&get_interface = dlsym(module, "C_GetInterface");
    if (!get_interface) return printf("host MODULE: %s\n", dlerror()), 2;
    check("C_GetInterface", get_interface((CK_UTF8CHAR *)"PKCS 11", &version, &interface, 0), CKR_OK);
    if (wrong) return 1;
    CK_FUNCTION_LIST_3_0_PTR list = interface->pFunctionList;
    check("C_GetInfo", list->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    check("C_Initialize", list->C_Initialize(NULL), CKR_OK);
    check("C_GetInfo", list->C_GetInfo(&info), CKR_OK);
    check("C_GetSlotList", list->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
    check("C_Login", list->C_Login(0, CKU_USER, NULL, 0), CKR_SESSION_HANDLE_INVALID);
    check("C_Sign", list->C_Sign(0, NULL, 0, NULL, &n), CKR_SESSION_HANDLE_INVALID);
    check("C_Finalize", list->C_Finalize(NULL), CKR_OK);
    return wrong;
}
