// bench_peer.c: one PKCS#11 module in one scene, for bench.sh. SPDX-License-Identifier: 0BSD
//
//     bench_peer MODULE SCENE COUNT
//
// Prints the milliseconds and the commands of the scene. COUNT is a file that holds the number of
// commands the card has answered so far. Scenes, on the simulated PIV card with the PIN 123456:
//
//     token      the first slot's token information
//     objects    all objects, with class, label and ID
//     rsa        login and a signature with the private key 01 (9A, RSA)
//     ec         login and a signature with the private key 04 (9E, P-256)
//     rsa-again  one more signature in the same session, with the key's handle in hand
//     ec-again   one more signature in the same session, with the key's handle in hand
//
// The first four are measured from before C_Initialize to after C_Finalize.
#define _GNU_SOURCE
#include "../../scard11.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static CK_FUNCTION_LIST_PTR f;
static const char *count_file;
static double begun_ms;
static unsigned long begun_commands;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static unsigned long commands(void)
{
    unsigned long n = 0;
    FILE *count = fopen(count_file, "r");
    if (count && fscanf(count, "%lu", &n) != 1) n = 0;
    if (count) fclose(count);
    return n;
}

static void begin(void)
{
    begun_commands = commands();
    begun_ms = now_ms();
}

static CK_RV token_info(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;
    return f->C_GetTokenInfo(slot, &info);
}

static CK_RV objects(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG n = 0;
    CK_RV rv = f->C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = f->C_FindObjects(session, found, 64, &n);
    if (!rv) rv = f->C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; !rv && i < n; i++) {
        CK_OBJECT_CLASS class;
        CK_BYTE label[256], id[64];
        CK_ATTRIBUTE about[] = { { CKA_CLASS, &class, sizeof class },
                                 { CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id } };
        f->C_GetAttributeValue(session, found[i], about, 3);    // some objects have no ID
    }
    return rv || n ? rv : CKR_DEVICE_ERROR;
}

static CK_RV find_key(CK_SESSION_HANDLE session, CK_BYTE id, CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE find[] = { { CKA_CLASS, &private_key, sizeof private_key }, { CKA_ID, &id, 1 } };
    CK_ULONG n = 0;
    CK_RV rv = f->C_FindObjectsInit(session, find, 2);
    if (!rv) rv = f->C_FindObjects(session, key, 1, &n);
    if (!rv) rv = f->C_FindObjectsFinal(session);
    return rv || n ? rv : CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_BYTE text[] = "text", signature[512];
    CK_ULONG n = sizeof signature;
    CK_RV rv = f->C_SignInit(session, &mechanism, key);
    return rv ? rv : f->C_Sign(session, text, sizeof text, signature, &n);
}

static CK_RV log_in_and_sign(CK_SESSION_HANDLE session, const char *scene)
{
    int rsa = !strncmp(scene, "rsa", 3);
    CK_MECHANISM_TYPE mechanism = rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256;
    CK_OBJECT_HANDLE key;
    CK_RV rv = f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
    if (!rv) rv = find_key(session, rsa ? 1 : 4, &key);
    if (!rv) rv = sign(session, key, mechanism);
    if (rv || !strstr(scene, "-again")) return rv;
    begin();
    return sign(session, key, mechanism);
}

static CK_RV run(const char *scene)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    CK_SESSION_HANDLE session;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    if (!rv && !n) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv) return rv;
    if (!strcmp(scene, "token")) return token_info(slots[0]);
    rv = f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv) return rv;
    return !strcmp(scene, "objects") ? objects(session) : log_in_and_sign(session, scene);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = NULL;
    void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    memcpy(&get, &symbol, sizeof get);
    if (!get || get(&f)) return fprintf(stderr, "bench_peer: %s: no module\n", argv[1]), 1;
    count_file = argv[3];
    begin();
    CK_RV rv = f->C_Initialize(NULL);
    if (!rv) rv = run(argv[2]);
    double again_ms = now_ms() - begun_ms;
    unsigned long again_commands = commands() - begun_commands;
    f->C_Finalize(NULL);
    if (rv) return fprintf(stderr, "bench_peer: %s: %#lx\n", argv[1], (unsigned long)rv), 1;
    if (strstr(argv[2], "-again")) printf("%.1f %lu\n", again_ms, again_commands);
    else printf("%.1f %lu\n", now_ms() - begun_ms, commands() - begun_commands);
    return 0;
}
