// sign.c: signs a text with the first key of the first card, and verifies it. sign PIN [TEXT]
// cc sign.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o sign
// SPDX-License-Identifier: 0BSD
// Test: 123456 => 256 bytes: ... verified
// Test: 123456 'another text' => verified
#include "scard11.h"
#include <stdio.h>
#include <string.h>

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *what, CK_ULONG count,
                  CK_OBJECT_HANDLE *object)
{
    CK_ULONG n = 0;
    CK_RV rv = C_FindObjectsInit(session, what, count);
    if (rv == CKR_OK) rv = C_FindObjects(session, object, 1, &n);
    C_FindObjectsFinal(session);
    return rv == CKR_OK && !n ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, char *text)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, public_key = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_KEY_TYPE type = 0;
    CK_BYTE id[32], signature[512];
    CK_ULONG length = sizeof signature;
    CK_OBJECT_HANDLE key, verifier;
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private_key, sizeof private_key },
                             { CKA_SIGN, &yes, sizeof yes } };
    CK_ATTRIBUTE about[] = { { CKA_KEY_TYPE, &type, sizeof type }, { CKA_ID, id, sizeof id } };
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };

    CK_RV rv = find(session, signs, 2, &key);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, key, about, 2);
    if (rv != CKR_OK) return rv;
    CK_ATTRIBUTE verifies[] = { { CKA_CLASS, &public_key, sizeof public_key },
                                { CKA_ID, id, about[1].ulValueLen } };
    if (type == CKK_RSA) mechanism.mechanism = CKM_SHA256_RSA_PKCS;

    rv = C_SignInit(session, &mechanism, key);
    if (rv == CKR_OK) rv = C_Sign(session, (CK_BYTE *)text, strlen(text), signature, &length);
    if (rv != CKR_OK) return rv;
    printf("%lu bytes:", length);
    for (CK_ULONG i = 0; i < length; i++) printf("%s%02x", i % 32 ? "" : "\n  ", signature[i]);
    printf("\n");

    rv = find(session, verifies, 2, &verifier);
    if (rv == CKR_OK) rv = C_VerifyInit(session, &mechanism, verifier);
    if (rv == CKR_OK) rv = C_Verify(session, (CK_BYTE *)text, strlen(text), signature, length);
    if (rv == CKR_OK) printf("verified\n");
    return rv;
}

int main(int argc, char **argv)
{
    static char text[] = "signed with scard11";
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_ULONG n = 1;

    if (argc < 2) return printf("sign PIN [TEXT]\n"), 2;
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, &slot, &n);
    if (rv == CKR_BUFFER_TOO_SMALL) rv = CKR_OK;            // more cards: the first will do
    if (rv == CKR_OK && !n) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK) rv = C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[1], strlen(argv[1]));
    if (rv == CKR_OK) rv = sign(session, argc > 2 ? argv[2] : text);
    C_Finalize(NULL);                                       // closes the session, logs out
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
