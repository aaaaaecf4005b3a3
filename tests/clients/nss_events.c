// nss_events.c: NSS waits for tokens: SECMOD_WaitForAnyTokenEvent, certificates listed at each insertion,
// SECMOD_CancelWait at the end (which finalizes the module under the waiting thread).
// SPDX-License-Identifier: 0BSD
//
//     nss_events MODULE block|poll       says "present N" and "empty"; cancels after five changes
#define _DEFAULT_SOURCE     // usleep
#include <cert.h>
#include <nss.h>
#include <pk11pub.h>
#include <pkcs11t.h>
#include <pthread.h>
#include <plstr.h>
#include <secerr.h>
#include <secmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SECMODModule *module;
static unsigned long flags;
static volatile int changes, ended;
static PRBool was;

static char *pin(PK11SlotInfo *slot, PRBool again, void *unused)
{
    (void)slot, (void)unused;
    return again ? NULL : PL_strdup(getenv("PIN"));
}

static void look(PK11SlotInfo *slot)
{
    PRBool now = PK11_IsPresent(slot);
    int n = 0;
    if (now && !was && PK11_NeedLogin(slot)) {      // else NSS lists no certificate
        if (PK11_Authenticate(slot, PR_TRUE, NULL)) printf("no login: %d\n", PORT_GetError());
    }
    if (now) {
        CERTCertList *certs = PK11_ListCertsInSlot(slot);
        for (CERTCertListNode *c = certs ? CERT_LIST_HEAD(certs) : NULL;
             c && !CERT_LIST_END(c, certs); c = CERT_LIST_NEXT(c)) n++;
        if (certs) CERT_DestroyCertList(certs);
    }
    if (now && !was) printf("present %d\n", n);
    if (!now && was) printf("empty\n");
    changes += now != was;
    was = now;
}

static void *wait_for_events(void *unused)
{
    (void)unused;
    for (;;) {
        PK11SlotInfo *slot = SECMOD_WaitForAnyTokenEvent(module, flags, PR_MillisecondsToInterval(50));
        if (slot) {
            look(slot);
            PK11_FreeSlot(slot);
        } else if (PORT_GetError() != SEC_ERROR_NO_EVENT) {
            printf("error %d\n", PORT_GetError());
            break;
        } else if (!(flags & CKF_DONT_BLOCK) || changes >= 5) {
            break;
        } else {
            usleep(20000);
        }
    }
    ended = 1;
    return NULL;
}

int main(int argc, char **argv)
{
    char spec[1024];
    pthread_t waiter;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3 || NSS_NoDB_Init(".")) return 2;
    snprintf(spec, sizeof spec, "name=card library=\"%s\"", argv[1]);
    module = SECMOD_LoadUserModule(spec, NULL, PR_FALSE);
    if (!module || !module->loaded) return printf("not loaded: %d\n", PORT_GetError()), 1;
    PK11_SetPasswordFunc(pin);
    flags = strcmp(argv[2], "block") ? CKF_DONT_BLOCK : 0;
    for (int i = 0; i < module->slotCount; i++)
        if (PK11_IsPresent(module->slots[i])) look(module->slots[i]);
    if (pthread_create(&waiter, NULL, wait_for_events, NULL)) return 1;
    for (int i = 0; i < 24000 && changes < 5 && !ended; i++) usleep(5000);
    usleep(200000);
    if (changes < 5) return printf("%d changes\n", changes), 1;
    SECStatus rv = SECMOD_CancelWait(module);
    if (rv && !(flags & CKF_DONT_BLOCK)) return printf("not cancelled: %d\n", PORT_GetError()), 1;
    pthread_join(waiter, NULL);
    printf("cancelled\n");
    fflush(stdout);
    SECMOD_UnloadUserModule(module);
    SECMOD_DestroyModule(module);
    NSS_Shutdown();
    return 0;
}
