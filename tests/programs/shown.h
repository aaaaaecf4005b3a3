// shown.h: what another PKCS#11 module shows of a card, as text, and what its private keys sign. It is
// included before what judges the library's own calls. SPDX-License-Identifier: 0BSD
#ifndef SHOWN_H
#define SHOWN_H

#include "../../scard11.h"
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const CK_FUNCTION_LIST *theirs;

#define LINES 128

struct shown_how {
    const char *pin;                    // NULL: without a login, nothing is signed
    const void *text;                   // to be signed
    size_t n;
};

// Of a card: each object as a line of text, and what each private key signed.
struct shown {
    const struct shown_how *how;
    char lines[LINES][256];
    size_t n;
    struct shown_signature { CK_BYTE id, bytes[512]; CK_ULONG n; bool sha1; } signatures[8];
    size_t signatures_n;
};

static char *add_line(struct shown *shown)
{
    if (shown->n == LINES) abort();
    *shown->lines[shown->n] = 0;
    return shown->lines[shown->n++];
}

static void append(char *line, const char *format, ...)
{
    va_list arguments;
    size_t n = strlen(line);
    va_start(arguments, format);
    vsnprintf(line + n, sizeof ((struct shown *)0)->lines[0] - n, format, arguments);
    va_end(arguments);
}

static const struct { CK_ATTRIBUTE_TYPE type; const char *name; } attributes[] = {
    { CKA_CLASS, "class" }, { CKA_ID, "id" }, { CKA_LABEL, "label" }, { CKA_KEY_TYPE, "type" },
    { CKA_PRIVATE, "private" }, { CKA_MODIFIABLE, "modifiable" }, { CKA_APPLICATION, "application" },
    { CKA_SIGN, "sign" }, { CKA_VERIFY, "verify" }, { CKA_DECRYPT, "decrypt" }, { CKA_DERIVE, "derive" },
    { CKA_ALWAYS_AUTHENTICATE, "asks" }, { CKA_VALUE, "value" }, { CKA_SUBJECT, "subject" },
    { CKA_MODULUS, "modulus" }, { CKA_EC_PARAMS, "curve" }, { CKA_EC_POINT, "point" },
};

// The value of an attribute as text: as a name, as a number, or a hash.
static void append_value(char *line, CK_ATTRIBUTE_TYPE type, const CK_BYTE *value, size_t n)
{
    CK_BYTE hash[32];
    if (type == CKA_LABEL || type == CKA_APPLICATION) {
        append(line, "%.*s", (int)n, (const char *)value);
        return;
    }
    if (n > sizeof (CK_ULONG)) {
        SHA256(value, n, hash);
        append(line, "%zu bytes, ", n);
        value = hash;
        n = 4;
    }
    while (n > 1 && !value[n - 1]) n--;
    while (n--) append(line, "%02x", value[n]);
}

static size_t their_attribute(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                              void *value, size_t room)
{
    CK_ATTRIBUTE a = { type, value, room };
    CK_RV rv = theirs->C_GetAttributeValue(s, object, &a, 1);
    return rv || a.ulValueLen > room ? 0 : a.ulValueLen;
}

// Data that has no value is a name that every card of its kind has.
static void show_object(struct shown *shown, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
    static CK_BYTE value[4096];
    CK_OBJECT_CLASS class = CKO_DATA;
    their_attribute(s, object, CKA_CLASS, &class, sizeof class);
    if (class == CKO_DATA && !their_attribute(s, object, CKA_VALUE, value, sizeof value)) return;
    char *line = add_line(shown);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        size_t n = their_attribute(s, object, attributes[i].type, value, sizeof value);
        if (!n) continue;
        append(line, "%s%s ", *line ? ", " : "", attributes[i].name);
        append_value(line, attributes[i].type, value, n);
    }
}

static bool has_mechanism(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE type)
{
    CK_SESSION_INFO session_info;
    CK_MECHANISM_INFO info;
    return !theirs->C_GetSessionInfo(s, &session_info) &&
           !theirs->C_GetMechanismInfo(session_info.slotID, type, &info);
}

// The text's SHA-256 is signed, or, where the card hashes what an EC key signs, its SHA-1.
static CK_RV sign(struct shown *shown, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key,
                  struct shown_signature *signature)
{
    const char *pin = shown->how->pin;
    CK_BYTE hash[32], *data = (CK_BYTE *)(uintptr_t)shown->how->text;
    CK_KEY_TYPE type = CKK_RSA;
    CK_BBOOL asks = CK_FALSE;
    their_attribute(s, key, CKA_KEY_TYPE, &type, sizeof type);
    their_attribute(s, key, CKA_ALWAYS_AUTHENTICATE, &asks, sizeof asks);
    bool raw = type != CKK_RSA && has_mechanism(s, CKM_ECDSA);
    CK_MECHANISM m = { raw ? CKM_ECDSA : type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA1, NULL, 0 };
    CK_RV rv = theirs->C_SignInit(s, &m, key);
    if (!rv && asks)
        rv = theirs->C_Login(s, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
    signature->sha1 = m.mechanism == CKM_ECDSA_SHA1;
    signature->n = sizeof signature->bytes;
    if (raw) SHA256(data, shown->how->n, hash);
    if (raw && !rv) return theirs->C_Sign(s, hash, 32, signature->bytes, &signature->n);
    return rv ? rv : theirs->C_Sign(s, data, shown->how->n, signature->bytes, &signature->n);
}

// A key that does not sign is a line.
static void show_signature(struct shown *shown, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
    CK_BYTE id[8] = { 0 };
    CK_BBOOL can = CK_FALSE;
    their_attribute(s, key, CKA_ID, id, sizeof id);
    their_attribute(s, key, CKA_SIGN, &can, sizeof can);
    if (!can || !shown->how->pin || shown->signatures_n == sizeof shown->signatures / sizeof *shown->signatures) return;
    struct shown_signature *signature = &shown->signatures[shown->signatures_n];
    signature->id = *id;
    CK_RV rv = sign(shown, s, key, signature);
    if (rv) append(add_line(shown), "%02x does not sign: %#lx", *id, rv);
    else    shown->signatures_n++;
}

static CK_RV show_objects(struct shown *shown, CK_SESSION_HANDLE s)
{
    CK_OBJECT_HANDLE all[LINES];
    CK_ULONG n = 0;
    CK_RV rv = theirs->C_FindObjectsInit(s, NULL, 0);
    if (!rv) rv = theirs->C_FindObjects(s, all, LINES, &n);
    if (!rv) rv = theirs->C_FindObjectsFinal(s);
    for (CK_ULONG i = 0; i < n && !rv; i++) {
        CK_OBJECT_CLASS class = CKO_DATA;
        their_attribute(s, all[i], CKA_CLASS, &class, sizeof class);
        show_object(shown, s, all[i]);
        if (class == CKO_PRIVATE_KEY) show_signature(shown, s, all[i]);
    }
    return rv;
}

static CK_RV show_token(struct shown *shown, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE s = 0;
    const char *pin = shown->how->pin;
    CK_RV rv = theirs->C_GetTokenInfo(slot, &info);
    if (!rv) append(add_line(shown), "token %.32s, model %.16s", info.label, info.model);
    if (!rv) rv = theirs->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s);
    if (!rv && pin) rv = theirs->C_Login(s, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
    if (!rv) rv = show_objects(shown, s);
    return rv;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

// A program that begins now reads the card.
static CK_RV show(struct shown *shown, const struct shown_how *how)
{
    CK_SLOT_ID slots[8];
    CK_ULONG n = sizeof slots / sizeof *slots;
    *shown = (struct shown){ .how = how };
    CK_RV rv = theirs->C_Initialize(NULL);
    if (rv) return rv;
    rv = theirs->C_GetSlotList(CK_TRUE, slots, &n);
    if (!rv && !n) rv = CKR_TOKEN_NOT_PRESENT;
    for (CK_ULONG i = 0; i < n && !rv; i++) rv = show_token(shown, slots[i]);
    qsort(shown->lines, shown->n, sizeof *shown->lines, by_text);
    CK_RV end = theirs->C_Finalize(NULL);
    return rv ? rv : end;
}

static bool has_line(const struct shown *shown, const char *line)
{
    for (size_t i = 0; i < shown->n; i++)
        if (!strcmp(shown->lines[i], line)) return true;
    return false;
}

static void print_shown(const char *name, const struct shown *shown)
{
    for (size_t i = 0; i < shown->n; i++) printf("    %s: %s\n", name, shown->lines[i]);
}

#endif
