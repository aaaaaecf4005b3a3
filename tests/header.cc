// header.cc: scard11.h stands alone, in C++.
// SPDX-License-Identifier: 0BSD
#include "../scard11.h"

int header_cc();
int header_cc()
{
    CK_ULONG n = 0;
    CK_FUNCTION_LIST_PTR list = 0;
    return C_GetSlotList(CK_FALSE, 0, &n) != CKR_OK || list != 0;
}
