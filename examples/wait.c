// wait.c: a kiosk's loop: waits for cards, says who came and went. wait [EVENTS]: ends after some.
// cc wait.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o wait
// SPDX-License-Identifier: 0BSD
// Test: 0 => slot 0: ... 4 certificates
// Test: 3 => 4 certificates ... slot 0: empty ... 4 certificates ... slot 0: empty
#include "scard11.h"
#include <stdio.h>
#include <stdlib.h>

// A card came: read what is needed, in a session of its own. If it is pulled meanwhile, calls fail
// and nothing else happens: its session and its objects are gone with it.
static CK_RV welcome(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[16];
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    CK_ATTRIBUTE certificates[] = { { CKA_CLASS, &certificate, sizeof certificate } };
    CK_ULONG n = 0;

    CK_RV rv = C_GetTokenInfo(slot, &token);
    if (rv == CKR_OK) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) return rv;
    rv = C_FindObjectsInit(session, certificates, 1);
    if (rv == CKR_OK) rv = C_FindObjects(session, found, 16, &n);
    if (rv == CKR_OK) printf("slot %lu: %.32s, %lu certificates\n", slot, token.label, n);
    C_CloseSession(session);
    return rv;
}

static void look(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    CK_RV rv = C_GetSlotInfo(slot, &info);
    if (rv == CKR_OK && !(info.flags & CKF_TOKEN_PRESENT)) printf("slot %lu: empty\n", slot);
    if (rv == CKR_OK && info.flags & CKF_TOKEN_PRESENT) rv = welcome(slot);
    if (rv != CKR_OK) printf("slot %lu: error %08lx\n", slot, rv);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long events = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
    CK_SLOT_ID slots[32], slot;
    CK_ULONG n = 32;
    CK_RV rv = C_Initialize(NULL);

    if (rv == CKR_OK) rv = C_GetSlotList(CK_FALSE, slots, &n);
    for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) look(slots[i]);
    for (; rv == CKR_OK && events; events -= events > 0) {
        rv = C_WaitForSlotEvent(0, &slot, NULL);            // no CPU time, no command to any card
        if (rv == CKR_OK) look(slot);
    }
    C_Finalize(NULL);
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
