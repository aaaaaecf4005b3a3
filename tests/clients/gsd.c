// gsd.c: a desktop's smart card service: a thread in C_WaitForSlotEvent, the main thread asks for slots
// and tokens meanwhile, the wait is ended by C_Finalize, then C_Initialize and all over again.
// SPDX-License-Identifier: 0BSD
//
//     gsd MODULE [poll]     says "present LABEL" and "empty" as the card comes and goes; ends by itself
//
// poll: the module has no C_WaitForSlotEvent (p11-kit-proxy), which it says; so the others have to do.
#define _GNU_SOURCE
#include "scard11.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static CK_FUNCTION_LIST *p11;
static volatile int events, ended, poll;

static void *wait_for_events(void *unused)
{
    (void)unused;
    CK_SLOT_ID slot;
    CK_RV rv;
    while ((rv = p11->C_WaitForSlotEvent(0, &slot, NULL)) == CKR_OK) events++;
    ended = rv == (poll ? CKR_FUNCTION_NOT_SUPPORTED : CKR_CRYPTOKI_NOT_INITIALIZED) ? 1 : 2;
    printf("the wait ended with 0x%lx\n", rv);
    return NULL;
}

// Is there a card in any slot? Says so when it is new.
static int look(int before)
{
    CK_SLOT_ID slots[16];
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;
    CK_ULONG n = 16;
    int now = 0;
    if (p11->C_GetSlotList(CK_FALSE, slots, &n)) return before;
    for (CK_ULONG i = 0; i < n; i++) {
        if (p11->C_GetSlotInfo(slots[i], &info) || !(info.flags & CKF_TOKEN_PRESENT)) continue;
        if (p11->C_GetTokenInfo(slots[i], &token)) continue;
        now = 1;
        if (!before) printf("present %.32s\n", (const char *)token.label);
    }
    if (before && !now) printf("empty\n");
    return now;
}

static int start(pthread_t *waiter)
{
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
    CK_RV rv = p11->C_Initialize(&args);
    if (rv) return printf("C_Initialize: 0x%lx\n", rv), 0;
    ended = 0;
    return !pthread_create(waiter, NULL, wait_for_events, NULL);
}

int main(int argc, char **argv)
{
    void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    CK_RV (*list)(CK_FUNCTION_LIST **) = NULL;
    pthread_t waiter;
    int present = 0, changes = 0, seen = 0;
    poll = argc > 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!module) return printf("%s\n", dlerror()), 2;
    *(void **)&list = dlsym(module, "C_GetFunctionList");
    if (!list || list(&p11) || !start(&waiter)) return 1;
    // Three times out and in; between them the service stops and starts.
    for (int turns = 0; changes < 7 && turns < 24000; turns++) {
        int now = look(present);
        if (now != present) {
            changes++;
            present = now;
            if (now) {
                CK_RV rv = p11->C_Finalize(NULL);
                if (rv) return printf("C_Finalize: 0x%lx\n", rv), 1;
                pthread_join(waiter, NULL);
                if (ended != 1) return printf("the wait did not end as it should\n"), 1;
                seen += events;
                events = 0;
                if (!start(&waiter)) return 1;
            }
        }
        usleep(5000);
    }
    p11->C_Finalize(NULL);
    pthread_join(waiter, NULL);
    seen += events;
    printf("%d changes, %d events\n", changes, seen);
    return changes < 7 || (!poll && seen < 3);
}
