// windows_load.c: loads a PKCS#11 module on Windows, as its programs do, and lists the slots. Where there is no
// reader the list is empty. SPDX-License-Identifier: 0BSD
#include <windows.h>
#include "scard11.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    CK_FUNCTION_LIST_PTR list = NULL;
    CK_INFO info;
    CK_ULONG n = 4711;
    HMODULE module = argc > 1 ? LoadLibraryA(argv[1]) : NULL;
    CK_C_GetFunctionList get = NULL;
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    if (module) *(FARPROC *)(void *)&get = GetProcAddress(module, "C_GetFunctionList");
    if (!get || get(&list) || !list) return printf("it cannot be loaded\n"), 1;
    if (list->C_Initialize(&threads)) return printf("C_Initialize\n"), 1;
    if (list->C_GetInfo(&info) || memcmp(info.manufacturerID, "scard11 ", 8)) return printf("C_GetInfo\n"), 1;
    if (list->C_GetSlotList(CK_FALSE, NULL, &n)) return printf("C_GetSlotList\n"), 1;
    if (list->C_Finalize(NULL)) return printf("C_Finalize\n"), 1;
    printf("%lu slots\n", n);
    return 0;
}
