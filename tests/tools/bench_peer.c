// bench_peer.c: one PKCS#11 module in one scene, in a process of its own, for bench.sh. SPDX-License-Identifier: 0BSD
//
//     bench_peer MODULE SCENE DELAY DIR [DIR2]
//
// DIR and DIR2 are of the cards in the two readers (vpcd.c); DIR/wire counts (wire.h), and gets DELAY, what a card
// takes for each command, in milliseconds. Prints a line: milliseconds, of them the processor's for this process,
// commands, bytes to the cards and from them, calls of PC/SC (0 where none counts them), KiB that the process grew
// by at its largest, libraries loaded, and signatures made. Scenes, with the PIN 123456:
//
//     list            C_Initialize, slots, and the token information of each
//     objects         all objects of the first token, with class, label and ID
//     first-KIND      login and a signature, with the private key of that ID: KIND is rsa:ID, ec:ID (P-256) or
//                     ec384:ID
//     further-KIND    N more signatures in that session, with the key's handle in hand
//     insert          from putting a card in until its token information is there, waiting for the event
//     pair-KIND       two threads, each N signatures with the card in a reader of its own
//     threads-KIND    eight threads, each N / 8 signatures with the one card, in sessions of their own
//
// N is in the environment (100). The first three are measured from before C_Initialize to after C_Finalize.
#define _GNU_SOURCE
#include "../../scard11.h"
#include "../pcsc/wire.h"
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define WORKERS 8

static CK_FUNCTION_LIST_PTR f;
static struct wire *wires[2];
static const char *dir;
static CK_MECHANISM_TYPE mechanism;
static CK_BYTE key_id;
static CK_ULONG hash_len;
static unsigned count = 100;

// ---- What is counted ----

struct counts {
    double ms, cpu_ms;
    uint64_t commands, sent, received, calls;
};

static struct counts now(void)
{
    struct rusage r;
    struct counts c = { .ms = (double)wire_now_ns() / 1e6 };
    getrusage(RUSAGE_SELF, &r);
    c.cpu_ms = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
    for (int i = 0; i < 2 && wires[i]; i++) {
        c.commands += wires[i]->commands;
        c.sent += wires[i]->sent;
        c.received += wires[i]->received;
        c.calls += wires[i]->calls;
    }
    return c;
}

static long status_kib(const char *what)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, what, strlen(what))) kib = atol(line + strlen(what) + 1);
    if (status) fclose(status);
    return kib;
}

static int one_library(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info; (void)size;
    ++*(int *)data;
    return 0;
}

static int libraries(void)
{
    int n = 0;
    dl_iterate_phdr(one_library, &n);
    return n;
}

// ---- Calls ----

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

static CK_RV find_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE find[] = { { CKA_CLASS, &private_key, sizeof private_key }, { CKA_ID, &key_id, 1 } };
    CK_ULONG n = 0;
    CK_RV rv = f->C_FindObjectsInit(session, find, 2);
    if (!rv) rv = f->C_FindObjects(session, key, 1, &n);
    if (!rv) rv = f->C_FindObjectsFinal(session);
    return rv || n ? rv : CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM how = { mechanism, NULL, 0 };
    CK_BYTE hash[] = "forty-eight bytes of text, as a hash may have.  ", signature[512];
    CK_ULONG n = sizeof signature;
    CK_RV rv = f->C_SignInit(session, &how, key);
    return rv ? rv : f->C_Sign(session, hash, hash_len, signature, &n);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_SESSION_HANDLE *session)
{
    return f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, session);
}

static CK_RV log_in(CK_SLOT_ID slot, CK_SESSION_HANDLE *session, CK_OBJECT_HANDLE *key)
{
    CK_RV rv = open_session(slot, session);
    if (!rv) rv = f->C_Login(*session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
    return rv ? rv : find_key(*session, key);
}

// ---- Threads ----

struct worker {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    unsigned signatures;
    CK_RV rv;
};

static pthread_barrier_t start;

static void *work(void *arg)
{
    struct worker *w = arg;
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < w->signatures && !w->rv; i++) w->rv = sign(w->session, w->key);
    return NULL;
}

// Sets *begun when all are about to begin.
static CK_RV run_workers(struct worker *workers, unsigned n, struct counts *begun)
{
    CK_RV rv = CKR_OK;
    pthread_barrier_init(&start, NULL, n + 1);
    for (unsigned i = 0; i < n; i++) pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    *begun = now();
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].rv) rv = workers[i].rv;
    }
    return rv;
}

static CK_RV pair(const CK_SLOT_ID *slots, CK_ULONG n, struct counts *begun)
{
    struct worker workers[2] = { { .signatures = count }, { .signatures = count } };
    CK_RV rv = n < 2 ? CKR_TOKEN_NOT_PRESENT : CKR_OK;
    for (int i = 0; i < 2 && !rv; i++) {
        rv = log_in(slots[i], &workers[i].session, &workers[i].key);
        if (!rv) rv = sign(workers[i].session, workers[i].key);
    }
    return rv ? rv : run_workers(workers, 2, begun);
}

static CK_RV threads(CK_SLOT_ID slot, struct counts *begun)
{
    struct worker workers[WORKERS] = { { 0 } };
    CK_RV rv = log_in(slot, &workers[0].session, &workers[0].key);
    if (!rv) rv = sign(workers[0].session, workers[0].key);
    for (int i = 0; i < WORKERS && !rv; i++) {
        workers[i].signatures = count / WORKERS;
        workers[i].key = workers[0].key;
        if (i) rv = open_session(slot, &workers[i].session);
    }
    return rv ? rv : run_workers(workers, WORKERS, begun);
}

// ---- Cards that come ----

static void tell(const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, what);
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
}

static int present(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    CK_SLOT_ID all[16];
    CK_ULONG n = 16;
    f->C_GetSlotList(CK_FALSE, all, &n);
    return !f->C_GetSlotInfo(slot, &info) && info.flags & CKF_TOKEN_PRESENT;
}

static CK_RV insert(CK_SLOT_ID slot, struct counts *begun)
{
    CK_SLOT_ID event;
    CK_TOKEN_INFO info;
    tell("remove");
    for (int i = 0; i < 1000 && present(slot); i++) usleep(5000);
    if (present(slot)) return CKR_FUNCTION_FAILED;
    while (!f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL)) { }
    usleep(100000);
    *begun = now();
    tell("insert");
    for (int i = 0; i < 1000; i++) {
        if (f->C_WaitForSlotEvent(0, &event, NULL)) usleep(1000);   // it knows no events
        if (!f->C_GetTokenInfo(slot, &info)) break;
    }
    begun->ms = (double)wires[0]->inserted_ns / 1e6;
    return f->C_GetTokenInfo(slot, &info);
}

// ---- The scenes ----

static CK_RV list(const CK_SLOT_ID *slots, CK_ULONG n)
{
    CK_TOKEN_INFO info;
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < n && !rv; i++) rv = f->C_GetTokenInfo(slots[i], &info);
    return rv;
}

static CK_RV with_key(CK_SLOT_ID slot, int further, struct counts *begun)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV rv = log_in(slot, &session, &key);
    if (!rv) rv = sign(session, key);
    if (!further) return rv;
    *begun = now();
    for (unsigned i = 0; i < count && !rv; i++) rv = sign(session, key);
    return rv;
}

// Sets *begun again where it begins later; *partial: it ends before C_Finalize.
static CK_RV run(const char *scene, struct counts *begun, int *partial)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    CK_SESSION_HANDLE session;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    if (!rv && !n) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv) return rv;
    *partial = strcmp(scene, "list") && strcmp(scene, "objects") && strncmp(scene, "first", 5);
    if (!strcmp(scene, "list")) return list(slots, n);
    if (!strcmp(scene, "insert")) return insert(slots[0], begun);
    if (!strncmp(scene, "pair", 4)) return pair(slots, n, begun);
    if (!strncmp(scene, "threads", 7)) return threads(slots[0], begun);
    if (strcmp(scene, "objects")) return with_key(slots[0], *partial, begun);
    rv = open_session(slots[0], &session);
    return rv ? rv : objects(session);
}

static int signatures(const char *scene)
{
    if (!strncmp(scene, "first", 5)) return 1;
    if (!strncmp(scene, "pair", 4)) return (int)count * 2;
    if (!strncmp(scene, "threads", 7)) return (int)(count / WORKERS * WORKERS);
    return strncmp(scene, "further", 7) ? 0 : (int)count;
}

static CK_FUNCTION_LIST_PTR load(const char *path)
{
    CK_FUNCTION_LIST_PTR list_of = NULL;
    CK_C_GetFunctionList get = NULL;
    void *module = dlopen(path, RTLD_NOW), *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    memcpy(&get, &symbol, sizeof get);
    return get && !get(&list_of) ? list_of : NULL;
}

static void take_wires(char **dirs, int n, double delay_ms)
{
    char path[512];
    for (int i = 0; i < n && i < 2; i++) {
        snprintf(path, sizeof path, "%s/wire", dirs[i]);
        wires[i] = wire_open(path);
        if (!wires[i]) exit(2);
        wires[i]->delay_us = (uint32_t)(delay_ms * 1000);
    }
}

static void take_key(const char *scene)
{
    const char *kind = strchr(scene, '-'), *id = strchr(scene, ':');
    if (!kind || !id) return;
    mechanism = kind[1] == 'r' ? CKM_SHA256_RSA_PKCS : CKM_ECDSA;
    hash_len = id[-1] == '4' ? 48 : 32;
    key_id = (CK_BYTE)atoi(id + 1);
}

int main(int argc, char **argv)
{
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
    int loaded = libraries(), partial = 0;
    long kib = status_kib("VmRSS:");
    if (argc < 5) return 2;
    if (getenv("N")) count = (unsigned)atoi(getenv("N"));
    dir = argv[4];
    take_wires(argv + 4, argc - 4, atof(argv[3]));
    take_key(argv[2]);
    f = load(argv[1]);
    if (!f) return fprintf(stderr, "bench_peer: %s: no module\n", argv[1]), 1;
    struct counts begun = now(), end;
    CK_RV rv = f->C_Initialize(&args);
    if (!rv) rv = run(argv[2], &begun, &partial);
    end = now();
    loaded = libraries() - loaded;
    f->C_Finalize(NULL);
    if (!partial) end = now();
    if (rv) return fprintf(stderr, "bench_peer: %s: %s: %#lx\n", argv[1], argv[2], (unsigned long)rv), 1;
    printf("%.3f\t%.3f\t%lu\t%lu\t%lu\t%lu\t%ld\t%d\t%d\n", end.ms - begun.ms, end.cpu_ms - begun.cpu_ms,
           (unsigned long)(end.commands - begun.commands), (unsigned long)(end.sent - begun.sent),
           (unsigned long)(end.received - begun.received), (unsigned long)(end.calls - begun.calls),
           status_kib("VmHWM:") - kib, loaded, signatures(argv[2]));
    return 0;
}
