// wait.c: waits for cards as a kiosk does, and shows which come and go. wait [NUMBER OF EVENTS]
// cc wait.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o wait
// SPDX-License-Identifier: 0BSD
// Test: 0 => slot 0: ... 4 certificates
// Test: 3 => 4 certificates ... slot 0: empty ... 4 certificates ... slot 0: empty
#include "scard11.h"
#include <stdio.h>
#include <stdlib.h>

// Reads what is needed from a card, in a session of its own. If the card is pulled meanwhile, the
// calls fail and nothing else happens: its session and objects are gone with it.
static CK_RV welcome(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[16];
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    CK_ATTRIBUTE certificates[] = { { CKA_CLASS, &certificate, sizeof certificate } };
    CK_ULONG count = 0;

    CK_RV rv = C_GetTokenInfo(slot, &token);
    if (rv == CKR_OK) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) return rv;
    rv = C_FindObjectsInit(session, certificates, 1);
    if (rv == CKR_OK) rv = C_FindObjects(session, found, 16, &count);
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    if (rv == CKR_OK) printf("slot %lu: %.32s, %lu certificates\n", slot, token.label, count);
    CK_RV closed = C_CloseSession(session);
    return rv == CKR_OK ? closed : rv;
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
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS], slot;
    CK_ULONG count = sizeof slots / sizeof *slots;
    CK_RV rv = C_Initialize(NULL);

    if (rv == CKR_OK) rv = C_GetSlotList(CK_FALSE, slots, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) look(slots[i]);
    for (; rv == CKR_OK && events; events -= events > 0) {
        rv = C_WaitForSlotEvent(0, &slot, NULL);            // takes no CPU time, sends no command
        if (rv == CKR_OK) look(slot);
    }
    CK_RV finalized = C_Finalize(NULL);
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
