// personalise.c: a blank card gets PINs, a key, a request for a certificate, and the certificate.
// cc personalise.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite)
//    -lmbedx509 -lmbedcrypto -lz -o personalise
// SPDX-License-Identifier: 0BSD
// Test: none, it wants a blank card and an authority, which tests/programs/personalised.c has
//
//     personalise begin LABEL
//     personalise key ID [p256 | p384 | rsa2048 | rsa3072] SUBJECT > request.pem
//     openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -out certificate.pem
//     personalise certificate certificate.pem [ID]
//
// The first line takes everything from the card, and sets the SO's PIN (or key) and the user's.
// Not all cards can do that, and not all want it: a PIV card has its PINs from its maker. The
// second line makes a key on the card, and prints a request that the key has signed. ID is the
// key's CKA_ID; on a PIV card its place: 1 is 9A, 2 9C, 3 9D, 4 9E, 5 82 ... What happens to a
// key that is there says part 4 of scard11.h. SUBJECT is like "O=Example,CN=Jane Doe". The third
// line is the authority's. The last one stores the certificate with its key; a PIV card that is
// no YubiKey does not show a key that has none, and needs the ID again. The SO's PIN (of a PIV
// card the management key, in hex digits) and the user's are asked for, or taken from the
// environment: PERSONALISE_SO, PERSONALISE_PIN.
#include "scard11.h"
#include <mbedtls/asn1write.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SUBJECT_MAX 1000

// A type of key. What is DER has its length in the second byte.
static const struct type {
    const char *name;
    CK_MECHANISM_TYPE makes, signs;
    CK_ULONG bits;                      // of an RSA key, else 0
    CK_BYTE curve[12];                  // its OID
    CK_BYTE algorithm[16];              // AlgorithmIdentifier of signs (RFC 4055, RFC 5758)
} types[] = {
    { "p256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256, 0,
      { 6, 8, 42, 134, 72, 206, 61, 3, 1, 7 }, { 48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2 } },
    { "p384", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA384, 0,
      { 6, 5, 43, 129, 4, 0, 34 }, { 48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 3 } },
    { "rsa2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS, 2048,
      { 0 }, { 48, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 11, 5, 0 } },
    { "rsa3072", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS, 3072,
      { 0 }, { 48, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 11, 5, 0 } },
};

static CK_BBOOL yes = CK_TRUE;

// ---- The card ----

// The SO's PIN and the user's, from the environment, or typed once without being shown.
static struct pin {
    CK_UTF8CHAR text[80];
    CK_ULONG n;
} so_pin, user_pin;

static struct pin *ask(CK_USER_TYPE of)
{
    struct pin *pin = of == CKU_SO ? &so_pin : &user_pin;
    const char *given = getenv(of == CKU_SO ? "PERSONALISE_SO" : "PERSONALISE_PIN");
    struct termios shown, quiet;
    char *text = (char *)pin->text;

    if (!pin->n && given) {
        strncat(text, given, sizeof pin->text - 1);
    } else if (!pin->n) {
        int terminal = !tcgetattr(STDIN_FILENO, &shown);
        if (terminal) quiet = shown, quiet.c_lflag &= ~(tcflag_t)ECHO;
        if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs(of == CKU_SO ? "the SO's PIN or key: " : "PIN: ", stderr);
        if (fgets(text, sizeof pin->text, stdin)) text[strcspn(text, "\r\n")] = 0;
        if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputs("\n", stderr);
    }
    pin->n = strlen(text);
    return pin;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE as)
{
    struct pin *pin = ask(as);
    return C_Login(session, as, pin->text, pin->n);
}

// The slot of the first card that can be written.
static CK_RV find_card(CK_SLOT_ID *slot)
{
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_ULONG n = sizeof slots / sizeof *slots, i;
    CK_TOKEN_INFO card;

    CK_RV rv = C_GetSlotList(CK_TRUE, slots, &n);
    if (rv != CKR_OK) return rv;
    for (i = 0; i < n; i++)
        if (!C_GetTokenInfo(slots[i], &card) && !(card.flags & CKF_WRITE_PROTECTED)) break;
    if (i == n) return CKR_TOKEN_NOT_PRESENT;
    fprintf(stderr, "%.32s  serial %.16s\n", card.label, card.serialNumber);
    *slot = slots[i];
    return CKR_OK;
}

static CK_RV open_card(CK_SESSION_HANDLE *session)
{
    CK_SLOT_ID slot;
    CK_RV rv = find_card(&slot);
    if (rv != CKR_OK) return rv;
    return C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);
}

// Makes a change of the card. Some cards are written by their user, and some by the SO: who it is
// that may not is told before anything is sent. The user is logged in afterwards.
static CK_RV change(CK_SESSION_HANDLE session, CK_RV (*makes)(CK_SESSION_HANDLE, void *),
                    void *what)
{
    CK_RV rv = login(session, CKU_USER);
    if (rv == CKR_OK) rv = makes(session, what);
    if (rv != CKR_USER_NOT_LOGGED_IN) return rv;
    rv = C_Logout(session);
    if (rv == CKR_OK) rv = login(session, CKU_SO);
    if (rv == CKR_OK) rv = makes(session, what);
    if (rv == CKR_OK) rv = C_Logout(session);
    return rv == CKR_OK ? login(session, CKU_USER) : rv;
}

// Finds the key of a class that has this value of an attribute.
static CK_RV find_key(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_ATTRIBUTE with,
                      CK_OBJECT_HANDLE *key)
{
    CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof class }, with };
    CK_ULONG found = 0;

    CK_RV rv = C_FindObjectsInit(session, like, 2);
    if (rv == CKR_OK) rv = C_FindObjects(session, key, 1, &found);
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    return rv == CKR_OK && !found ? CKR_KEY_HANDLE_INVALID : rv;
}

// What a key is to be.
struct wish {
    const struct type *type;
    CK_ATTRIBUTE id;
};

static CK_RV make_key(CK_SESSION_HANDLE session, void *what)
{
    const struct wish *wish = what;
    struct type type = *wish->type;
    CK_MECHANISM mechanism = { type.makes, NULL, 0 };
    CK_ATTRIBUTE template[] = { { CKA_TOKEN, &yes, sizeof yes }, wish->id,
                                { CKA_MODULUS_BITS, &type.bits, sizeof type.bits } };
    CK_OBJECT_HANDLE public_key, private_key;

    if (!type.bits) template[2] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, type.curve, type.curve[1] + 2u };
    fprintf(stderr, "the card makes a key; RSA can take a minute ... ");
    CK_RV rv = C_GenerateKeyPair(session, &mechanism, template, 3, template, 2,
                                 &public_key, &private_key);
    fprintf(stderr, "%s\n", rv == CKR_OK ? "done" : "failed");
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_ATTRIBUTE id, CK_MECHANISM_TYPE how,
                  CK_BYTE *data, CK_ULONG n, CK_BYTE *signature, CK_ULONG *length)
{
    CK_MECHANISM mechanism = { how, NULL, 0 };
    CK_BBOOL pin_each_time = CK_FALSE;
    CK_ATTRIBUTE about = { CKA_ALWAYS_AUTHENTICATE, &pin_each_time, sizeof pin_each_time };
    CK_OBJECT_HANDLE key;

    CK_RV rv = find_key(session, CKO_PRIVATE_KEY, id, &key);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, key, &about, 1);
    if (rv == CKR_OK) rv = C_SignInit(session, &mechanism, key);
    if (rv == CKR_OK && pin_each_time) rv = login(session, CKU_CONTEXT_SPECIFIC);
    return rv == CKR_OK ? C_Sign(session, data, n, signature, length) : rv;
}

// ---- The request (PKCS#10, RFC 2986) ----

// DER is written from its end to its begin: what is inside is there when its length is written.
struct der {
    CK_BYTE room[4096], *at, *end;
    int full;
};

static void begin(struct der *der)
{
    der->at = der->end = der->room + sizeof der->room;
    der->full = 0;
}

static void put(struct der *der, const void *p, size_t n)
{
    der->full |= mbedtls_asn1_write_raw_buffer(&der->at, der->room, p, n) < 0;
}

// What was written since end gets its length and a tag.
static void wrap(struct der *der, int tag, const CK_BYTE *end)
{
    der->full |= mbedtls_asn1_write_len(&der->at, der->room, (size_t)(end - der->at)) < 0 ||
                 mbedtls_asn1_write_tag(&der->at, der->room, (unsigned char)tag) < 0;
}

static void put_tagged(struct der *der, int tag, const void *p, size_t n)
{
    const CK_BYTE *end = der->at;
    put(der, p, n);
    wrap(der, tag, end);
}

// A subject. The list begins with its last part.
static void put_name(struct der *der, const mbedtls_asn1_named_data *name)
{
    const CK_BYTE *end = der->at;
    for (; name; name = name->next) {
        const CK_BYTE *part = der->at;
        put_tagged(der, name->val.tag, name->val.p, name->val.len);
        put_tagged(der, MBEDTLS_ASN1_OID, name->oid.p, name->oid.len);
        wrap(der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, part);
        wrap(der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET, part);
    }
    wrap(der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, end);
}

// A signature. PKCS#11 has the two numbers of ECDSA one after the other.
static void put_signature(struct der *der, const struct type *type, const CK_BYTE *p, size_t n)
{
    const CK_BYTE *end = der->at;
    if (type->bits) put(der, p, n);
    for (const CK_BYTE *number = p + n; !type->bits && number > p; ) {
        const CK_BYTE *number_end = der->at;
        put(der, number -= n / 2, n / 2);
        while (der->at < number_end - 1 && !*der->at) der->at++;
        if (*der->at & 0x80) put(der, "", 1);
        wrap(der, MBEDTLS_ASN1_INTEGER, number_end);
    }
    if (!type->bits) wrap(der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, end);
    put(der, "", 1);                                        // all bits are used
    wrap(der, MBEDTLS_ASN1_BIT_STRING, end);
}

static CK_RV request(CK_SESSION_HANDLE session, const struct type *type, CK_ATTRIBUTE id,
                     const mbedtls_asn1_named_data *subject)
{
    struct der info, whole;
    CK_BYTE spki[600], signature[512], pem[8192];
    CK_ATTRIBUTE about = { CKA_PUBLIC_KEY_INFO, spki, sizeof spki };
    CK_ULONG length = sizeof signature;
    CK_OBJECT_HANDLE key;
    size_t n;

    CK_RV rv = find_key(session, CKO_PUBLIC_KEY, id, &key);
    if (rv == CKR_OK) rv = C_GetAttributeValue(session, key, &about, 1);
    if (rv != CKR_OK) return rv;
    begin(&info);
    put_tagged(&info, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_CONTEXT_SPECIFIC, "", 0);
    put(&info, spki, about.ulValueLen);
    put_name(&info, subject);
    put_tagged(&info, MBEDTLS_ASN1_INTEGER, "", 1);         // 0 is version 1
    wrap(&info, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, info.end);
    if (info.full) return CKR_DATA_LEN_RANGE;

    n = (size_t)(info.end - info.at);
    rv = sign(session, id, type->signs, info.at, n, signature, &length);
    if (rv != CKR_OK) return rv;
    begin(&whole);
    put_signature(&whole, type, signature, length);
    put(&whole, type->algorithm, type->algorithm[1] + 2u);
    put(&whole, info.at, n);
    wrap(&whole, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, whole.end);
    if (whole.full ||
        mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE REQUEST-----\n",
                                 "-----END CERTIFICATE REQUEST-----\n", whole.at,
                                 (size_t)(whole.end - whole.at), pem, sizeof pem, &n))
        return CKR_DATA_LEN_RANGE;
    return printf("%s", pem) < 0 || fflush(stdout) ? CKR_FUNCTION_FAILED : CKR_OK;
}

// ---- The commands ----

static CK_RV start(const char *label)
{
    CK_UTF8CHAR name[32];
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;

    ask(CKU_SO);
    ask(CKU_USER);
    memset(name, ' ', sizeof name);
    memcpy(name, label, strlen(label) < sizeof name ? strlen(label) : sizeof name);
    CK_RV rv = find_card(&slot);
    if (rv == CKR_OK) rv = C_InitToken(slot, so_pin.text, so_pin.n, name);
    if (rv == CKR_OK) rv = open_card(&session);
    if (rv == CKR_OK) rv = C_Login(session, CKU_SO, so_pin.text, so_pin.n);
    return rv == CKR_OK ? C_InitPIN(session, user_pin.text, user_pin.n) : rv;
}

static CK_RV key(CK_BYTE place, const char *name, const char *subject)
{
    struct wish wish = { types, { CKA_ID, &place, sizeof place } };
    CK_SESSION_HANDLE session;
    mbedtls_asn1_named_data *names = NULL;
    const struct type *end = types + sizeof types / sizeof *types;

    while (wish.type < end && strcmp(wish.type->name, name)) wish.type++;
    int bad = wish.type == end || strlen(subject) > SUBJECT_MAX ||
              mbedtls_x509_string_to_names(&names, subject) || !names;
    CK_RV rv = bad ? CKR_ARGUMENTS_BAD : open_card(&session);
    if (rv == CKR_OK) rv = change(session, make_key, &wish);
    if (rv == CKR_OK) rv = request(session, wish.type, wish.id, names);
    mbedtls_asn1_free_named_data_list(&names);
    return rv;
}

// A certificate, and the CKA_ID that it gets; 0: its key's.
struct issued {
    mbedtls_x509_crt crt;
    CK_BYTE id;
};

static CK_RV store(CK_SESSION_HANDLE session, void *what)
{
    struct issued *issued = what;
    const mbedtls_x509_crt *crt = &issued->crt;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ATTRIBUTE id = { CKA_ID, &issued->id, 1 };
    CK_ATTRIBUTE public_key = { CKA_PUBLIC_KEY_INFO, crt->pk_raw.p, crt->pk_raw.len };
    CK_OBJECT_HANDLE object;
    CK_RV rv = CKR_OK;

    if (!issued->id) {
        rv = find_key(session, CKO_PUBLIC_KEY, public_key, &object);
        if (rv == CKR_OK) rv = C_GetAttributeValue(session, object, &id, 1);
        else fprintf(stderr, "the card does not show the certificate's key: which ID has it?\n");
    }
    CK_ATTRIBUTE template[] = {
        { CKA_CLASS, &class, sizeof class }, { CKA_CERTIFICATE_TYPE, &type, sizeof type },
        { CKA_TOKEN, &yes, sizeof yes }, id, { CKA_VALUE, crt->raw.p, crt->raw.len },
        { CKA_SUBJECT, crt->subject_raw.p, crt->subject_raw.len } };
    return rv == CKR_OK ? C_CreateObject(session, template, 6, &object) : rv;
}

static CK_RV certificate(const char *file, CK_BYTE id)
{
    struct issued issued = { .id = id };
    CK_SESSION_HANDLE session;

    mbedtls_x509_crt_init(&issued.crt);
    CK_RV rv = mbedtls_x509_crt_parse_file(&issued.crt, file) ? CKR_ARGUMENTS_BAD
                                                              : open_card(&session);
    if (rv == CKR_OK) rv = change(session, store, &issued);
    if (rv == CKR_OK) fprintf(stderr, "the certificate is on the card, with ID %d\n", issued.id);
    mbedtls_x509_crt_free(&issued.crt);
    return rv;
}

// 255, which is no ID of a card, for what is no number.
static CK_BYTE number(const char *text)
{
    long n = strtol(text, NULL, 10);
    return n > 0 && n < 255 ? (CK_BYTE)n : 255;
}

int main(int argc, char **argv)
{
    int is_start = argc == 3 && !strcmp(argv[1], "begin");
    int is_key = (argc == 4 || argc == 5) && !strcmp(argv[1], "key");
    int is_certificate = (argc == 3 || argc == 4) && !strcmp(argv[1], "certificate");

    if (!is_start && !is_key && !is_certificate)
        return fprintf(stderr, "personalise begin LABEL\n"
                               "personalise key ID [p256 | p384 | rsa2048 | rsa3072] SUBJECT\n"
                               "personalise certificate FILE [ID]\n"), 2;
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK && is_start) rv = start(argv[2]);
    if (rv == CKR_OK && is_key)
        rv = key(number(argv[2]), argc == 5 ? argv[3] : "p256", argv[argc - 1]);
    if (rv == CKR_OK && is_certificate)
        rv = certificate(argv[2], argc == 4 ? number(argv[3]) : 0);
    CK_RV finalized = C_Finalize(NULL);             // closes the session, and logs out on the card
    mbedtls_platform_zeroize(&so_pin, sizeof so_pin);
    mbedtls_platform_zeroize(&user_pin, sizeof user_pin);
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) fprintf(stderr, "error %08lx\n", rv);
    return rv != CKR_OK;
}
