// header.c: scard11.h stands alone, in C.
// SPDX-License-Identifier: 0BSD
#include "../scard11.h"

int header_c(void);
int header_c(void)
{
    CK_ULONG n = 0;
    CK_FUNCTION_LIST_PTR list = NULL;
    return C_GetSlotList(CK_FALSE, NULL, &n) != CKR_OK || list != NULL;
}
