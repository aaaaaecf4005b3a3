// kiosk.c: opens a door to who has a card of an authority, and its PIN. kiosk CA.pem [EVENTS]
// cc kiosk.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite)
//    -lmbedx509 -lmbedcrypto -lz -o kiosk
// SPDX-License-Identifier: 0BSD
// Test: none, it wants an authority, which tests/programs/examples.sh has
//
// It waits for cards. Who puts one in is asked for the PIN, at the reader if that has a PIN pad,
// and the card signs a random number with a key whose certificate CA.pem has issued. The door is
// open until the card is taken out. Cards may be pulled at any time: what is under way then fails,
// with everything that belongs to the card, and the next event is its removal. After so many EVENTS
// the program ends. It does not ask whether a certificate was revoked: a real door does.
#include "scard11.h"
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static mbedtls_x509_crt authority;
static CK_SLOT_ID open_by;              // where the card is that has opened the door
static int is_open;

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

// ---- The PIN ----

static CK_ULONG ask(char *pin, int room)
{
    struct termios shown, quiet;
    int terminal = !tcgetattr(STDIN_FILENO, &shown);
    if (terminal) quiet = shown, quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    if (!fgets(pin, room, stdin)) *pin = 0;
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    pin[strcspn(pin, "\r\n")] = 0;
    return strlen(pin);
}

// Asks until the PIN is right. Who gives none has changed his mind.
static CK_RV log_in(CK_SLOT_ID slot, CK_SESSION_HANDLE session)
{
    CK_TOKEN_INFO card;
    char pin[64];
    for (;;) {
        CK_RV rv = C_GetTokenInfo(slot, &card);
        if (rv != CKR_OK) return rv;
        if (card.flags & CKF_USER_PIN_FINAL_TRY) say("  this is the last try");
        if (card.flags & CKF_PROTECTED_AUTHENTICATION_PATH) {
            say("  PIN, at the reader:");
            rv = C_Login(session, CKU_USER, NULL, 0);
        } else {
            say("  PIN:");
            CK_ULONG n = ask(pin, sizeof pin);
            rv = n ? C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, n) : CKR_FUNCTION_CANCELED;
            mbedtls_platform_zeroize(pin, sizeof pin);
        }
        if (rv != CKR_PIN_INCORRECT) return rv;
        say("  it is another one");
    }
}

// ---- The card ----

struct keys {
    CK_OBJECT_HANDLE private_key, public_key, certificate;
    CK_KEY_TYPE type;
};

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *like, CK_ULONG n,
                  CK_OBJECT_HANDLE *object)
{
    CK_ULONG found = 0;
    CK_RV rv = C_FindObjectsInit(session, like, n);
    if (rv == CKR_OK) rv = C_FindObjects(session, object, 1, &found);
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    return rv == CKR_OK && !found ? CKR_KEY_HANDLE_INVALID : rv;
}

// A key that signs after a login (CKA_PRIVATE: not without one) and does not want the PIN each
// time, as keys for authentication do; with the public key and the certificate of the same CKA_ID.
static CK_RV find_keys(CK_SESSION_HANDLE session, struct keys *keys)
{
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, class = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BYTE id[32];
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private_class, sizeof private_class },
                             { CKA_PRIVATE, &yes, sizeof yes }, { CKA_SIGN, &yes, sizeof yes },
                             { CKA_ALWAYS_AUTHENTICATE, &no, sizeof no } };
    CK_ATTRIBUTE about[] = { { CKA_ID, id, sizeof id },
                             { CKA_KEY_TYPE, &keys->type, sizeof keys->type } };
    CK_ATTRIBUTE same[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, 0 } };
    CK_RV rv = find(session, signs, 4, &keys->private_key);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, keys->private_key, about, 2);
    same[1].ulValueLen = about[0].ulValueLen;
    if (rv == CKR_OK) rv = find(session, same, 2, &keys->public_key);
    class = CKO_CERTIFICATE;
    if (rv == CKR_OK) rv = find(session, same, 2, &keys->certificate);
    return rv;
}

// Is the certificate from the authority, and is it of that public key?
static CK_RV check_certificate(CK_SESSION_HANDLE session, const struct keys *keys, char name[256])
{
    CK_BYTE der[8192], spki[1024];
    CK_ATTRIBUTE value = { CKA_VALUE, der, sizeof der };
    CK_ATTRIBUTE info = { CKA_PUBLIC_KEY_INFO, spki, sizeof spki };
    mbedtls_x509_crt crt;
    uint32_t why;

    CK_RV rv = C_GetAttributeValue(session, keys->certificate, &value, 1);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, keys->public_key, &info, 1);
    if (rv != CKR_OK) return rv;
    mbedtls_x509_crt_init(&crt);
    if (mbedtls_x509_crt_parse_der(&crt, der, value.ulValueLen) ||
        mbedtls_x509_crt_verify(&crt, &authority, NULL, NULL, &why, NULL, NULL) ||
        crt.pk_raw.len != info.ulValueLen || memcmp(crt.pk_raw.p, spki, crt.pk_raw.len) ||
        mbedtls_x509_dn_gets(name, 256, &crt.subject) < 0) rv = CKR_SIGNATURE_INVALID;
    mbedtls_x509_crt_free(&crt);
    return rv;
}

// Has the card sign what nobody knew before.
static CK_RV challenge(CK_SESSION_HANDLE session, const struct keys *keys)
{
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE number[32], signature[512];
    CK_ULONG n = sizeof signature;
    if (keys->type == CKK_RSA) mechanism.mechanism = CKM_SHA256_RSA_PKCS;

    CK_RV rv = C_GenerateRandom(session, number, sizeof number);
    if (rv == CKR_OK) rv = C_SignInit(session, &mechanism, keys->private_key);
    if (rv == CKR_OK) rv = C_Sign(session, number, sizeof number, signature, &n);
    if (rv == CKR_OK) rv = C_VerifyInit(session, &mechanism, keys->public_key);
    if (rv == CKR_OK) rv = C_Verify(session, number, sizeof number, signature, n);
    return rv;
}

static CK_RV let_in(CK_SLOT_ID slot)
{
    struct keys keys;
    char name[256];
    CK_SESSION_HANDLE session;
    CK_RV rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) return rv;
    rv = log_in(slot, session);
    if (rv == CKR_OK) rv = find_keys(session, &keys);
    if (rv == CKR_OK) rv = check_certificate(session, &keys, name);
    if (rv == CKR_OK) rv = challenge(session, &keys);
    CK_RV closed = C_CloseSession(session);             // the last one of the card: logs out
    if (rv == CKR_OK) rv = closed;
    if (rv == CKR_OK) printf("  open: %s\n", name);
    return rv;
}

// ---- The door ----

static void look(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    CK_RV rv = C_GetSlotInfo(slot, &info);
    if (rv != CKR_OK) return;
    if (is_open && slot == open_by) {       // another card in the same place has to begin anew
        is_open = 0;
        say("closed");
    }
    if (!(info.flags & CKF_TOKEN_PRESENT) || is_open) return;
    say("a card");
    rv = let_in(slot);
    if (rv == CKR_OK) is_open = 1, open_by = slot;
    else if (rv == CKR_SIGNATURE_INVALID) say("  it is of somebody else");
    else if (rv == CKR_PIN_LOCKED) say("  its PIN is blocked");
    else if (rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID) say("  it is gone");
    else printf("  no: error %08lx\n", rv);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long events = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS], slot;
    CK_ULONG count = sizeof slots / sizeof *slots;

    if (argc < 2) return fprintf(stderr, "kiosk CA.pem [EVENTS]\n"), 2;
    CK_RV rv = C_Initialize(NULL);                      // before mbedTLS is used: it starts PSA
    mbedtls_x509_crt_init(&authority);
    if (rv == CKR_OK && mbedtls_x509_crt_parse_file(&authority, argv[1])) rv = CKR_DATA_INVALID;
    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, slots, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) look(slots[i]);
    for (; rv == CKR_OK && events; events -= events > 0) {
        rv = C_WaitForSlotEvent(0, &slot, NULL);
        if (rv == CKR_OK) look(slot);
    }
    mbedtls_x509_crt_free(&authority);
    CK_RV finalized = C_Finalize(NULL);
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) fprintf(stderr, "error %08lx\n", rv);
    return rv != CKR_OK;
}
