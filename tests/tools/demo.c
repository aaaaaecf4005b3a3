// demo.c: what ./build.sh demo runs: shows scard11 at work, and checks what it shows.
// SPDX-License-Identifier: 0BSD
//
//     demo FILE
//
// Compiled twice. With PC/SC it uses the card in the reader. If there is none that it can use, it
// writes the reason to FILE and exits with 77. With the custom reader it brings a virtual PIV card,
// which it can pull out as well, and shows the reason that FILE tells. The result comes first, then
// the calls it was made of, then what to do next. Exits with 1 if anything is not as it says.
#define _POSIX_C_SOURCE 200809L
#include "scard11.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#if SCARD11_READER == SCARD11_READER_PCSC
#include <winscard.h>
#else
#include "../sim/sim_piv.h"
#include "../sim/sim_reader.h"
#endif

#define NOTHING_HERE 77

static bool failed;
static FILE *out;               // where the calls are shown

struct key {
    CK_OBJECT_HANDLE private, public;
    CK_KEY_TYPE type;
    CK_BBOOL pin_each_time;
    char label[65];
};

// ---- Saying it ----

#define say(what, ...) \
    (fprintf(out, "   %-14s ", (what)), fprintf(out, __VA_ARGS__), putc('\n', out))

static const char *name_of(CK_RV rv)
{
    static char other[32];
    static const struct { CK_RV rv; const char *name; } names[] = {
        { CKR_OK, "CKR_OK" },
        { CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED" },
        { CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID" },
        { CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID" },
        { CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID" },
        { CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT" },
        { CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED" },
        { CKR_SIGNATURE_INVALID, "CKR_SIGNATURE_INVALID" },
        { CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT" },
        { CKR_PIN_LOCKED, "CKR_PIN_LOCKED" },
        { CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE" },
        { CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].rv == rv) return names[i].name;
    snprintf(other, sizeof other, "error %08lx", rv);
    return other;
}

// What a call returned; an error if it is not what it should be.
static bool returned(const char *call, CK_RV rv, CK_RV want)
{
    fprintf(out, "   %-50s %s", call, name_of(rv));
    if (rv != want) fprintf(out, "   WRONG: it should be %s", name_of(want)), failed = true;
    putc('\n', out);
    return rv == want;
}

static void holds(const char *what, bool is_so)
{
    if (is_so) return;
    fprintf(out, "   WRONG: it is not so that %s\n", what);
    failed = true;
}

// A field of the standard: padded with spaces, not ended.
static int trimmed(const CK_UTF8CHAR *field, int n)
{
    while (n && field[n - 1] == ' ') n--;
    return n;
}

static unsigned long commands(CK_SLOT_ID slot)
{
    struct scard11_counters c;
    return scard11_stats(slot, &c) ? 0 : (unsigned long)c.commands;
}

// ---- What is on the card ----

static CK_RV count_objects(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_ULONG *count)
{
    CK_ATTRIBUTE find[] = { { CKA_CLASS, &class, sizeof class } };
    CK_OBJECT_HANDLE found[16];
    CK_ULONG n = 1;
    CK_RV rv = C_FindObjectsInit(session, find, 1);
    for (*count = 0; !rv && n && !(rv = C_FindObjects(session, found, 16, &n)); ) *count += n;
    return rv ? rv : C_FindObjectsFinal(session);
}

// The first private key that signs with RSA or ECDSA, and the public key to it.
static CK_RV find_key(CK_SESSION_HANDLE session, struct key *key)
{
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id[32];
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private, sizeof private },
                             { CKA_SIGN, &yes, sizeof yes } };
    CK_ATTRIBUTE about[] = { { CKA_KEY_TYPE, &key->type, sizeof key->type },
                             { CKA_ID, id, sizeof id },
                             { CKA_LABEL, key->label, sizeof key->label - 1 },
                             { CKA_ALWAYS_AUTHENTICATE, &key->pin_each_time, sizeof(CK_BBOOL) } };
    CK_ATTRIBUTE verifies[] = { { CKA_CLASS, &public, sizeof public }, { CKA_ID, id, 0 } };
    CK_ULONG n = 1;

    CK_RV rv = C_FindObjectsInit(session, signs, 2);
    for (key->type = CKK_VENDOR_DEFINED; !rv && key->type != CKK_RSA && key->type != CKK_EC; ) {
        memset(key->label, 0, sizeof key->label);
        about[1].ulValueLen = sizeof id;
        about[2].ulValueLen = sizeof key->label - 1;
        rv = C_FindObjects(session, &key->private, 1, &n);
        if (!rv && !n) rv = CKR_KEY_HANDLE_INVALID;
        if (!rv) rv = C_GetAttributeValue(session, key->private, about, 4);
    }
    C_FindObjectsFinal(session);
    verifies[1].ulValueLen = about[1].ulValueLen;
    if (!rv) rv = C_FindObjectsInit(session, verifies, 2);
    if (!rv) rv = C_FindObjects(session, &key->public, 1, &n);
    if (!rv) C_FindObjectsFinal(session);
    return rv || n ? rv : CKR_KEY_HANDLE_INVALID;
}

// The reader and the card in it.
static CK_RV show(CK_SLOT_ID slot, CK_SESSION_HANDLE *session)
{
    CK_SLOT_INFO reader;
    CK_TOKEN_INFO card;
    CK_ULONG certificates = 0, public_keys = 0;
    CK_RV rv = C_GetSlotInfo(slot, &reader);
    if (!rv) rv = C_GetTokenInfo(slot, &card);
    if (!rv) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, session);
    if (!rv) rv = count_objects(*session, CKO_CERTIFICATE, &certificates);
    if (!rv) rv = count_objects(*session, CKO_PUBLIC_KEY, &public_keys);
    if (rv) return rv;
    say("reader", "%.*s", trimmed(reader.slotDescription, 64), reader.slotDescription);
    say("card", "%.*s, serial number %.*s", trimmed(card.label, 32), card.label,
        trimmed(card.serialNumber, 16), card.serialNumber);
    say("on it", "%lu certificates, %lu public keys", certificates, public_keys);
    say("taken", "%lu commands to the card", commands(slot));
    return CKR_OK;
}

// ---- Signing ----

static char text[] = "signed by scard11";

static CK_RV sign(CK_SESSION_HANDLE session, const struct key *key, char *pin, CK_BYTE *signature,
                  CK_ULONG *len)
{
    CK_MECHANISM mechanism = { key->type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256,
                               NULL, 0 };
    CK_RV rv = C_SignInit(session, &mechanism, key->private);
    if (!rv && key->pin_each_time)
        rv = C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, strlen(pin));
    return rv ? rv : C_Sign(session, (CK_BYTE *)text, strlen(text), signature, len);
}

static CK_RV verify(CK_SESSION_HANDLE session, const struct key *key, CK_BYTE *signature,
                    CK_ULONG len)
{
    CK_MECHANISM mechanism = { key->type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256,
                               NULL, 0 };
    CK_RV rv = C_VerifyInit(session, &mechanism, key->public);
    return rv ? rv : C_Verify(session, (CK_BYTE *)text, strlen(text), signature, len);
}

// Logs in, finds a key, signs twice and verifies: the second signature shows what one costs. All
// must succeed.
static bool sign_and_verify(CK_SLOT_ID slot, CK_SESSION_HANDLE session, char *pin, struct key *key)
{
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;
    CK_RV rv = C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
#if SCARD11_READER == SCARD11_READER_PCSC
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_LOCKED)
        return say("PIN", "refused (%s): no signature", name_of(rv)), false;
#endif
    if (!returned("C_Login", rv, CKR_OK)) return false;
    if (!returned("find a key that signs", find_key(session, key), CKR_OK)) return false;
    rv = sign(session, key, pin, signature, &len);
    if (!returned("C_Sign, in the card", rv, CKR_OK)) return false;
    rv = verify(session, key, signature, len);
    if (!returned("C_Verify, on the host with the public key", rv, CKR_OK)) return false;
    unsigned long before = commands(slot);
    signature[len / 2] ^= 1;
    rv = verify(session, key, signature, len);
    if (!returned("C_Verify again, one bit of it changed", rv, CKR_SIGNATURE_INVALID)) return false;
    holds("verifying needs no card", commands(slot) == before);
    len = sizeof signature;
    rv = sign(session, key, pin, signature, &len);
    if (!returned("C_Sign, once more", rv, CKR_OK)) return false;
    say("key", "%s (%s)", key->label, key->type == CKK_RSA ? "RSA" : "elliptic curve");
    unsigned long taken = commands(slot) - before;
    say("signature", "%lu bytes: %02x%02x%02x%02x...; it took %lu command%s", len,
        signature[0], signature[1], signature[2], signature[3], taken, taken == 1 ? "" : "s");
    return true;
}

static void next_steps(void)
{
    printf("\nWhat next:\n"
           "   ./build.sh            makes build/scard11.so, a module for programs that you have:\n"
           "                         pkcs11-tool --module build/scard11.so -L (Debian: opensc)\n"
           "   README.md             begins with a whole program, and the line that compiles it,\n"
           "                         for which pkg-config is needed\n"
           "   examples/             has more\n"
           "   ./build.sh help       says what else there is\n");
}

#if SCARD11_READER == SCARD11_READER_PCSC
// ---- The card in the reader ----

// Reads a PIN from the terminal without showing it. Empty: none was given.
static void ask_pin(char *pin, int size)
{
    struct termios old, quiet;
    *pin = 0;
    if (tcgetattr(STDIN_FILENO, &old)) return;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(out, "   PIN (Enter alone: no signature): ");
    fflush(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    if (!fgets(pin, size, stdin)) *pin = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    pin[strcspn(pin, "\r\n")] = 0;
    putc('\n', out);
}

// The card in a slot: NOTHING_HERE if it cannot be used, with the reason in why.
static int show_and_sign(CK_SLOT_ID slot, char *why, size_t room)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_INFO reader;
    CK_TOKEN_INFO card;
    struct key key;
    char pin[64];

    CK_RV rv = C_GetSlotInfo(slot, &reader);
    if (!rv) rv = C_GetTokenInfo(slot, &card);
    if (rv == CKR_TOKEN_NOT_RECOGNIZED)
        snprintf(why, room, "the card in %.*s is of no kind that is known here",
                 trimmed(reader.slotDescription, 64), reader.slotDescription);
    else if (rv) snprintf(why, room, "the card cannot be used: %s", name_of(rv));
    if (rv) return NOTHING_HERE;
    fprintf(out, "scard11 %s has found a card.\n\n", scard11_version());
    rv = show(slot, &session);
    if (!returned("read what is on it without a PIN", rv, CKR_OK)) return 1;
    if (card.flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) {
        say("PIN", "not asked for: it has %s", card.flags & CKF_USER_PIN_LOCKED
            ? "no tries left" : "one try left");
        return 0;
    }
    if (!isatty(STDIN_FILENO)) return say("PIN", "not asked for: input is no terminal"), 0;
    ask_pin(pin, sizeof pin);
    if (*pin) sign_and_verify(slot, session, pin, &key);
    memset(pin, 0, sizeof pin);
    return failed;
}

// Is there somebody to ask for readers? If not, why says what to do.
static bool pcsc_answers(char *why, size_t room)
{
    SCARDCONTEXT context;
    LONG rv = SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &context);
    if (rv == SCARD_S_SUCCESS) return SCardReleaseContext(context) == SCARD_S_SUCCESS;
    snprintf(why, room, "PC/SC does not answer (%08lx). Debian: apt-get install pcscd libccid,\n"
             "   then systemctl start pcscd.socket, or pcscd where there is no systemd. A user who\n"
             "   is not logged in at the machine itself may need polkit's leave", (long)rv & 0xffffffff);
    return false;
}

int main(int argc, char **argv)
{
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64, readers = 0;
    char why[512] = "";
    int result = NOTHING_HERE;

    out = stdout;
    if (argc != 2) return 2;
    CK_RV rv = C_Initialize(NULL);
    if (!rv) rv = C_GetSlotList(CK_FALSE, NULL, &readers);
    if (!rv) rv = C_GetSlotList(CK_TRUE, slots, &n);
    if (rv) snprintf(why, sizeof why, "the readers cannot be listed: %s", name_of(rv));
    else if (!readers && pcsc_answers(why, sizeof why))
        snprintf(why, sizeof why, "PC/SC knows no reader. One that is plugged in needs its driver:\n"
                 "   libccid on Debian");
    else if (readers && !n) snprintf(why, sizeof why, "there is a reader, and no card in it");
    for (CK_ULONG i = 0; !rv && i < n && result == NOTHING_HERE; i++)
        result = show_and_sign(slots[i], why, sizeof why);
    C_Finalize(NULL);
    if (result == 0) next_steps();
    if (result == 1) printf("\nPlease tell us: README.md, \"Tell us of your card\".\n");
    FILE *file = result == NOTHING_HERE ? fopen(argv[1], "w") : NULL;
    if (file) fprintf(file, "%s", why);
    return file && fclose(file) ? 1 : result;
}
#else
// ---- A virtual card ----

static unsigned long memory(CK_SLOT_ID slot)
{
    struct scard11_counters c;
    return scard11_stats(slot, &c) ? 1 : (unsigned long)c.card_memory;
}

// Pulls the card out in the middle of a signature, and puts it back.
static void pull(CK_SLOT_ID slot, int reader, struct sim_card *card, CK_SESSION_HANDLE session,
                 struct key *key, char *pin)
{
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE again;
    struct key new_key;
    unsigned long before = memory(slot);

    fprintf(out, "3. The card is pulled in the middle of a signature.\n\n");
    sim_reader_fault(SIM_EJECT, 2, NULL);       // before the second command from now
    CK_RV rv = sign(session, key, pin, signature, &len);
    returned("C_Sign, the card gone before its second command", rv, CKR_DEVICE_REMOVED);
    holds("the card was pulled", sim_reader_fired() && !sim_reader_cards());
    returned("C_GetSessionInfo, with the session", C_GetSessionInfo(session, &info),
             CKR_SESSION_HANDLE_INVALID);
    returned("C_Sign, with the session and its key", sign(session, key, pin, signature, &len),
             CKR_SESSION_HANDLE_INVALID);
    rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &again);
    returned("C_OpenSession, in the empty slot", rv, CKR_TOKEN_NOT_PRESENT);
    say("memory", "%lu KiB kept for the card before, %lu now", before / 1024, memory(slot) / 1024);
    holds("memory was kept, and all of it given back", before > 1024 && !memory(slot));

    fprintf(out, "\n4. The same card comes back. What is new works, what is old stays refused.\n\n");
    sim_reader_insert(reader, card);
    rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &again);
    if (!returned("C_OpenSession", rv, CKR_OK)) return;
    returned("C_GetSessionInfo, with the old session", C_GetSessionInfo(session, &info),
             CKR_SESSION_HANDLE_INVALID);
    returned("C_Sign, with the old key in the new session", sign(again, key, pin, signature, &len),
             CKR_KEY_HANDLE_INVALID);
    rv = find_key(again, &new_key);
    holds("private keys are hidden before C_Login", rv == CKR_KEY_HANDLE_INVALID);
    if (!sign_and_verify(slot, again, pin, &new_key)) return;
    holds("it is the same key", !strcmp(new_key.label, key->label));
    holds("its handles are others", again != session && new_key.private != key->private);
}

// The reason why no card in a reader was used.
static void tell_reason(const char *path)
{
    char why[512];
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(why, 1, sizeof why - 1, file) : 0;
    why[n] = 0;
    if (file) fclose(file);
    if (n) printf("\nNo card of yours was used:\n   %s.\n"
                  "With one in a reader ./build.sh demo shows that one, and signs with its PIN.\n", why);
}

int main(int argc, char **argv)
{
    static const struct sim_piv_key keys[] = {
        { .ref = 0x9a, .key = SIM_RSA2048A }, { .ref = 0x9c, .key = SIM_P256A },
        { .ref = 0x9d, .key = SIM_RSA2048B },
    };
    static const struct sim_piv_options options = { .keys = keys, .n_keys = 3,
                                                    .discovery = SIM_APPLICATION_PIN };
    static char pin[] = "123456";
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_ULONG n = 1;
    struct key key;
    struct sim_card *card = sim_piv_new(&options);
    int reader = sim_reader_add("Virtual Reader 00 00");
    char *shown;
    size_t length;

    if (argc != 2) return 2;
    out = open_memstream(&shown, &length);
    if (!out) return 1;
    fprintf(out, "1. The card is in the reader. What is on it can be seen without a PIN.\n\n");
    sim_reader_insert(reader, card);
    CK_RV rv = C_Initialize(NULL);
    if (!rv) rv = C_GetSlotList(CK_TRUE, &slot, &n);
    if (!rv && !n) rv = CKR_TOKEN_NOT_PRESENT;
    if (!rv) rv = show(slot, &session);
    failed |= rv != CKR_OK;
    if (!failed) fprintf(out, "\n2. Logged in, the card signs.\n\n");
    if (!failed && sign_and_verify(slot, session, pin, &key)) {
        putc('\n', out);
        pull(slot, reader, card, session, &key, pin);
        putc('\n', out);
    }
    returned("C_Finalize", C_Finalize(NULL), CKR_OK);
    struct sim_reader_stats s = sim_reader_stats();
    unsigned long left = s.connections + s.contexts;
    say("left open", "%lu connections", left);
    say("commands", "%lu in all; %u reached the card, one it was pulled away from", s.transmits,
        card->apdus);
    holds("one command was lost", s.transmits == card->apdus + 1);
    holds("nothing is left open", !left && !s.unbalanced && !s.outside && !s.after_removed);
    sim_reader_clear();
    card->free(card);
    if (fclose(out)) return 1;
    printf("scard11 %s %s\n\n%s", scard11_version(), failed
           ? "does NOT work here: see WRONG below."
           : "works here. A virtual PIV card (PIN 123456) signed, was pulled out in the\n"
             "middle of a signature, and came back. Each call returned what it should.", shown);
    free(shown);
    if (failed) return 1;
    tell_reason(argv[1]);
    next_steps();
    return 0;
}
#endif
