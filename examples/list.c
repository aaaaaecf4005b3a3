// list.c: shows every card and what is on it. Logs in to nothing.
// cc list.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o list
// SPDX-License-Identifier: 0BSD
// Test: => serial ... certificate ... public key ... private key
#include "scard11.h"
#include <stdio.h>

static const char *class_name(CK_OBJECT_CLASS class)
{
    switch (class) {
    case CKO_DATA:        return "data";
    case CKO_CERTIFICATE: return "certificate";
    case CKO_PUBLIC_KEY:  return "public key";
    case CKO_PRIVATE_KEY: return "private key";
    case CKO_PROFILE:     return "profile";
    default:              return "object";
    }
}

static CK_RV show_objects(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE object;
    CK_ULONG n;
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);

    while (rv == CKR_OK && (rv = C_FindObjects(session, &object, 1, &n)) == CKR_OK && n) {
        CK_OBJECT_CLASS class = 0;
        CK_BYTE id[32], label[64];
        CK_ATTRIBUTE want[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id } };
        CK_ULONG *label_len = &want[1].ulValueLen, *id_len = &want[2].ulValueLen;
        C_GetAttributeValue(session, object, want, 3);      // what an object has not: length -1
        printf("    %-12s", class_name(class));
        if (*label_len <= sizeof label) printf(" %.*s", (int)*label_len, (char *)label);
        if (*id_len && *id_len <= sizeof id) printf(", ID ");
        for (CK_ULONG i = 0; *id_len <= sizeof id && i < *id_len; i++) printf("%02x", id[i]);
        printf("\n");
    }
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    return rv;
}

static CK_RV show_slot(CK_SLOT_ID slot)
{
    CK_SLOT_INFO reader;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_RV rv = C_GetSlotInfo(slot, &reader);

    if (rv != CKR_OK) return rv;
    printf("%lu  %.64s\n", slot, reader.slotDescription);
    rv = C_GetTokenInfo(slot, &token);
    if (rv == CKR_TOKEN_NOT_RECOGNIZED) return printf("    a card of no kind known here\n"), CKR_OK;
    if (rv != CKR_OK) return rv;
    printf("    %.32s  model %.16s  serial %.16s\n", token.label, token.model, token.serialNumber);
    rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) return rv;
    rv = show_objects(session);
    C_CloseSession(session);
    return rv;
}

int main(void)
{
    CK_SLOT_ID slots[32];
    CK_ULONG n = 32;
    CK_RV rv = C_Initialize(NULL);

    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, slots, &n);
    if (rv == CKR_OK && !n) printf("no card in any reader\n");
    for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
        CK_RV one = show_slot(slots[i]);
        if (one != CKR_OK) printf("    error %08lx\n", one);     // pulled just now, say: go on
    }
    C_Finalize(NULL);
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
