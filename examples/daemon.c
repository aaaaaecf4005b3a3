// daemon.c: signs each line that it reads, for months, with one key: daemon PINFILE [SERIAL NAME]
// cc -pthread daemon.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz
// SPDX-License-Identifier: 0BSD
// Test: none, tests/programs/daemon_run.c asks it, and pulls its card
//
// The PIN is the first line of PINFILE; "-": it is typed at the reader's pinpad. To each line of
// its input it answers the signature, or an error. SERIAL and NAME (the token's serial number, the
// key's CKA_UNIQUE_ID) are those that it prints when it takes a key. Without them it takes the
// first key of the first card, which gets the PIN, whoever's it is.
#include "scard11.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;    // of what follows
static CK_SESSION_HANDLE session;           // logged in; 0: the card is not there
static CK_OBJECT_HANDLE key;                // of that session
static CK_KEY_TYPE type;
static CK_UTF8CHAR serial[16];              // these two name the key for good, in any reader
static CK_BYTE name[128];
static CK_ULONG name_len;                   // 0: the first key that signs is taken
static const char *pin_file;                // NULL: the PIN was wrong, and is not sent again

// Runs in the thread that waits for the card, or in watch. It must not call C_* functions.
static void tell(void *context, unsigned long slot, unsigned long of, unsigned reason, int begins)
{
    static const char *const what[] = { "?", "touch the card", "type the PIN at the reader",
                                        "the card takes long" };
    (void)context; (void)of;
    fprintf(stderr, "slot %lu: %s%s\n", slot, what[reason <= 3 ? reason : 0],
            begins ? "" : ": over");
}

// The last try is left to people: a card that is blocked needs its PUK.
static CK_RV log_in(CK_SLOT_ID slot, CK_SESSION_HANDLE to)
{
    char pin[64] = "";
    unsigned long left = 0;
    CK_RV rv = scard11_pin_tries(slot, CKU_USER, &left);
    if (!rv && left <= 1) return CKR_PIN_LOCKED;
    if (!rv && !pin_file) return CKR_PIN_INCORRECT;
    if (!rv && !strcmp(pin_file, "-")) return C_Login(to, CKU_USER, NULL, 0);
    FILE *file = rv ? NULL : fopen(pin_file, "r");
    if (file) setvbuf(file, NULL, _IONBF, 0);           // no copy of the PIN
    if (!rv && (!file || !fgets(pin, sizeof pin, file))) rv = CKR_PIN_INVALID;
    if (!rv) rv = C_Login(to, CKU_USER, (CK_UTF8CHAR *)pin, strcspn(pin, "\r\n"));
    if (rv == CKR_PIN_INCORRECT) pin_file = NULL;
    if (file) fclose(file);
    for (volatile char *p = pin; p < pin + sizeof pin; p++) *p = 0;
    return rv;
}

// Private keys are not seen before the login, and their handles end with it.
static CK_RV find_key(CK_SESSION_HANDLE in)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE find[] = { { CKA_CLASS, &private_key, sizeof private_key },
                            { CKA_SIGN, &yes, sizeof yes },
                            { CKA_ALWAYS_AUTHENTICATE, &no, sizeof no },
                            { CKA_UNIQUE_ID, name, name_len } };
    CK_ATTRIBUTE about[] = { { CKA_KEY_TYPE, &type, sizeof type },
                             { CKA_UNIQUE_ID, name, sizeof name } };
    CK_ULONG n = 0;
    CK_RV rv = C_FindObjectsInit(in, find, name_len ? 4 : 3);
    if (!rv) rv = C_FindObjects(in, &key, 1, &n);
    if (!rv) rv = C_FindObjectsFinal(in);
    if (!rv && !n) rv = CKR_KEY_HANDLE_INVALID;
    if (!rv) rv = C_GetAttributeValue(in, key, about, 2);
    if (!rv) name_len = about[1].ulValueLen;
    return rv;
}

// Takes the key, if this is its card. Another card never gets the PIN.
static CK_RV take(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE opened = 0;
    CK_RV rv = C_GetTokenInfo(slot, &token);
    if (!rv && name_len && memcmp(token.serialNumber, serial, sizeof serial))
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (!rv) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &opened);
    if (!rv) rv = log_in(slot, opened);
    if (!rv) rv = find_key(opened);
    if (!rv) {
        session = opened;
        memcpy(serial, token.serialNumber, sizeof serial);
        fprintf(stderr, "slot %lu: %.16s %.*s\n", slot, serial, (int)name_len, name);
    } else {
        fprintf(stderr, "slot %lu: error %08lx\n", slot, rv);
        if (opened) C_CloseSession(opened);             // it logs out, too
    }
    return rv;
}

static bool is_there(void)
{
    CK_SESSION_INFO info;
    return session && !C_GetSessionInfo(session, &info) && info.state == CKS_RO_USER_FUNCTIONS &&
           !find_key(session);
}

// Is the key still there? If not, it is looked for wherever there is a card.
static void look(void)
{
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_ULONG n = sizeof slots / sizeof *slots;
    if (is_there()) return;
    if (session) fprintf(stderr, "the key is gone\n");
    if (session) C_CloseSession(session);
    session = 0;
    if (C_GetSlotList(CK_TRUE, slots, &n)) return;
    for (CK_ULONG i = 0; i < n && !session; i++) take(slots[i]);
}

// A card or a reader came or went; pcscd ended, or is back.
static void *watch(void *arg)
{
    CK_SLOT_ID slot;
    while (C_WaitForSlotEvent(0, &slot, NULL) == CKR_OK) {      // until C_Finalize
        pthread_mutex_lock(&lock);
        look();
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static CK_RV sign(char *text, CK_BYTE *signature, CK_ULONG *len)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    if (type == CKK_EC) mechanism.mechanism = CKM_ECDSA_SHA256;
    if (type == CKK_EC_EDWARDS) mechanism.mechanism = CKM_EDDSA;
    CK_RV rv = session ? C_SignInit(session, &mechanism, key) : CKR_TOKEN_NOT_PRESENT;
    return rv ? rv : C_Sign(session, (CK_BYTE *)text, strlen(text), signature, len);
}

// What fails may do so because the card was pulled and is back, or because another program ended
// the login, before watch has seen it: then once more. Nobody is asked for a touch twice.
static void answer(char *text)
{
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;
    pthread_mutex_lock(&lock);
    CK_RV rv = sign(text, signature, &len);
    if (rv && rv != CKR_FUNCTION_REJECTED) {
        look();
        len = sizeof signature;
        rv = sign(text, signature, &len);
    }
    pthread_mutex_unlock(&lock);
    for (CK_ULONG i = 0; !rv && i < len; i++) printf("%02x", signature[i]);
    if (rv) printf("error %08lx", rv);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char text[1024];
    pthread_t thread;
    if (argc != 2 && argc != 4) return 2;
    pin_file = argv[1];
    memset(serial, ' ', sizeof serial);
    for (int i = 0; argc == 4 && i < 16 && argv[2][i]; i++) serial[i] = (CK_UTF8CHAR)argv[2][i];
    if (argc == 4) name_len = (CK_ULONG)snprintf((char *)name, sizeof name, "%s", argv[3]);
    CK_RV rv = scard11_set_notice(tell, NULL);
    if (!rv) rv = C_Initialize(NULL);
    if (rv) return fprintf(stderr, "error %08lx\n", rv), 1;
    look();
    if (pthread_create(&thread, NULL, watch, NULL)) return 1;
    while (fgets(text, sizeof text, stdin)) {
        text[strcspn(text, "\n")] = 0;
        answer(text);
    }
    rv = C_Finalize(NULL);                              // logs out, and ends the wait of watch
    pthread_join(thread, NULL);
    return rv != CKR_OK;
}
