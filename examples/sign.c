// sign.c: signs a text with the first key of the first card, and verifies it. sign PIN [TEXT]
// cc sign.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o sign
// SPDX-License-Identifier: 0BSD
// Test: 123456 => 256 bytes: ... verified
// Test: 123456 'another text' => verified
#include "scard11.h"
#include <stdio.h>
#include <string.h>

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
                  CK_OBJECT_HANDLE *object)
{
    CK_ULONG found = 0;
    CK_RV rv = C_FindObjectsInit(session, template, count);
    if (rv == CKR_OK) rv = C_FindObjects(session, object, 1, &found);
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    return rv == CKR_OK && !found ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV sign_and_verify(CK_SESSION_HANDLE session, char *pin, char *text)
{
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, public_class = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE, pin_each_time = CK_FALSE;
    CK_KEY_TYPE type = 0;
    CK_BYTE id[32], signature[512];
    CK_ULONG length = sizeof signature, text_length = strlen(text);
    CK_OBJECT_HANDLE private_key, public_key;
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private_class, sizeof private_class },
                             { CKA_SIGN, &yes, sizeof yes } };
    CK_ATTRIBUTE about[] = { { CKA_ID, id, sizeof id }, { CKA_KEY_TYPE, &type, sizeof type },
                             { CKA_ALWAYS_AUTHENTICATE, &pin_each_time, sizeof pin_each_time } };
    CK_ATTRIBUTE verifies[] = { { CKA_CLASS, &public_class, sizeof public_class },
                                { CKA_ID, id, 0 } };
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };

    CK_RV rv = find(session, signs, 2, &private_key);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, private_key, about, 3);
    if (type == CKK_RSA) mechanism.mechanism = CKM_SHA256_RSA_PKCS;
    if (rv == CKR_OK) rv = C_SignInit(session, &mechanism, private_key);
    if (rv == CKR_OK && pin_each_time)
        rv = C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, strlen(pin));
    if (rv == CKR_OK) rv = C_Sign(session, (CK_BYTE *)text, text_length, signature, &length);
    if (rv != CKR_OK) return rv;
    printf("%lu bytes:", length);
    for (CK_ULONG i = 0; i < length; i++) printf("%s%02x", i % 32 ? "" : "\n  ", signature[i]);
    printf("\n");

    verifies[1].ulValueLen = about[0].ulValueLen;       // the public key has the same CKA_ID
    rv = find(session, verifies, 2, &public_key);
    if (rv == CKR_OK) rv = C_VerifyInit(session, &mechanism, public_key);
    if (rv == CKR_OK) rv = C_Verify(session, (CK_BYTE *)text, text_length, signature, length);
    if (rv == CKR_OK) printf("verified\n");
    return rv;
}

int main(int argc, char **argv)
{
    static char other_text[] = "signed with scard11";
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_SESSION_HANDLE session;
    CK_ULONG count = sizeof slots / sizeof *slots;

    if (argc < 2) return printf("sign PIN [TEXT]\n"), 2;
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_OK && !count) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK) rv = C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK) rv = C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[1], strlen(argv[1]));
    if (rv == CKR_OK) rv = sign_and_verify(session, argv[1], argc > 2 ? argv[2] : other_text);
    CK_RV finalized = C_Finalize(NULL);             // closes the session, and logs out on the card
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
