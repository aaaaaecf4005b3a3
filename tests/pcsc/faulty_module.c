// faulty_module.c: a PKCS#11 module that is the one that GOOD names, but for faults that hotplug.sh must
// find: it knows each session for ever, and does not survive C_CloseAllSessions. SPDX-License-Identifier: 0BSD
#include "../../scard11.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST faulty;

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info)
{
    (void)session;
    memset(info, 0, sizeof *info);
    info->state = CKS_RW_PUBLIC_SESSION;
    return CKR_OK;
}

static CK_RV close_all_sessions(CK_SLOT_ID slot)
{
    (void)slot;
    abort();
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    const char *name = getenv("GOOD");
    void *good = name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST_PTR its;
    if (good) *(void **)&get = dlsym(good, "C_GetFunctionList");
    if (!get || get(&its)) return CKR_GENERAL_ERROR;
    faulty = *its;
    faulty.C_GetSessionInfo = get_session_info;
    faulty.C_CloseAllSessions = close_all_sessions;
    *list = &faulty;
    return CKR_OK;
}
