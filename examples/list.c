// list.c: shows every card and the objects on it, without a login.
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

// An attribute that the object does not have, or that is too long, gets the length -1.
static CK_RV show_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_OBJECT_CLASS class = 0;
    CK_BYTE label[64], id[32];
    CK_ATTRIBUTE about[] = { { CKA_CLASS, &class, sizeof class },
                             { CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id } };
    CK_RV rv = C_GetAttributeValue(session, object, about, 3);
    CK_ULONG label_length = about[1].ulValueLen, id_length = about[2].ulValueLen;

    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL) rv = CKR_OK;
    if (rv != CKR_OK) return rv;
    printf("    %-12s", class_name(class));
    if (label_length <= sizeof label) printf(" %.*s", (int)label_length, (char *)label);
    if (id_length && id_length <= sizeof id) printf(", ID ");
    for (CK_ULONG i = 0; id_length <= sizeof id && i < id_length; i++) printf("%02x", id[i]);
    printf("\n");
    return CKR_OK;
}

static CK_RV show_objects(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE object;
    CK_ULONG found = 1;
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);

    while (rv == CKR_OK && found) {
        rv = C_FindObjects(session, &object, 1, &found);
        if (rv == CKR_OK && found) rv = show_object(session, object);
    }
    return rv == CKR_OK ? C_FindObjectsFinal(session) : rv;
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
    if (rv != CKR_OK) return rv;
    printf("    %.32s  model %.16s  serial %.16s\n", token.label, token.model, token.serialNumber);
    rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) return rv;
    rv = show_objects(session);
    return rv == CKR_OK ? C_CloseSession(session) : rv;
}

int main(void)
{
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_ULONG count = sizeof slots / sizeof *slots;
    CK_RV rv = C_Initialize(NULL);

    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_OK && !count) printf("no card in any reader\n");
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        CK_RV shown = show_slot(slots[i]);          // one card that fails does not end the list
        if (shown == CKR_TOKEN_NOT_RECOGNIZED) printf("    a card of an unknown kind\n");
        else if (shown != CKR_OK) printf("    error %08lx\n", shown);
    }
    CK_RV finalized = C_Finalize(NULL);             // closes the sessions that are still open
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
