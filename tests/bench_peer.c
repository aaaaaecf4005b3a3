// bench_peer.c: one PKCS#11 module at one task, for bench.sh. SPDX-License-Identifier: 0BSD
//
//     bench_peer MODULE list|sign
//
// list: all objects with class, label and ID; sign: login, the private key 01, an RSA signature. From
// C_Initialize to C_Finalize. Prints the milliseconds that went by.
#define _GNU_SOURCE
#include "../scard11.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static CK_FUNCTION_LIST_PTR f;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static CK_RV list(CK_SESSION_HANDLE session, CK_ULONG *count)
{
    CK_OBJECT_HANDLE h[64];
    CK_RV rv = f->C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = f->C_FindObjects(session, h, 64, count);
    if (!rv) rv = f->C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; !rv && i < *count; i++) {
        CK_OBJECT_CLASS class;
        CK_BYTE label[256], id[64];
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, label, sizeof label },
                             { CKA_ID, id, sizeof id } };
        f->C_GetAttributeValue(session, h[i], a, 3);
    }
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_ULONG *count)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE id = 1, text[] = "text", sig[512];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = sizeof sig;
    CK_RV rv = f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
    if (!rv) rv = f->C_FindObjectsInit(session, t, 2);
    if (!rv) rv = f->C_FindObjects(session, &key, 1, count);
    if (!rv) rv = f->C_FindObjectsFinal(session);
    if (!rv) rv = f->C_SignInit(session, &m, key);
    return rv ? rv : f->C_Sign(session, text, sizeof text, sig, &n);
}

int main(int argc, char **argv)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16, count = 0;
    CK_SESSION_HANDLE session;
    if (argc != 3) return 2;
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = NULL;
    void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    memcpy(&get, &symbol, sizeof get);
    if (!get || get(&f)) return fprintf(stderr, "bench_peer: %s: no module\n", argv[1]), 1;
    double begun = now_ms();
    CK_RV rv = f->C_Initialize(NULL);
    if (!rv) rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    if (!rv && !n) rv = CKR_TOKEN_NOT_PRESENT;
    if (!rv) rv = f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (!rv) rv = !strcmp(argv[2], "sign") ? sign(session, &count) : list(session, &count);
    f->C_Finalize(NULL);
    if (rv || !count) return fprintf(stderr, "bench_peer: %s: %#lx\n", argv[1], (unsigned long)rv), 1;
    printf("%.1f\n", now_ms() - begun);
    return 0;
}
