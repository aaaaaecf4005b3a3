// personalise.c: a blank PIV card gets a key, a request for a certificate, and the certificate.
// cc personalise.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite)
//    -lmbedx509 -lmbedcrypto -lz -o personalise
// SPDX-License-Identifier: 0BSD
// Test: none, it wants a blank card and an authority, which tests/programs/personalised.c has
//
//     personalise key ID [p256 | p384 | rsa2048 | rsa3072] SUBJECT > request.pem
//     openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -out certificate.pem
//     personalise certificate certificate.pem [ID]
//
// The first line makes a key on the card, and prints a request that the key has signed. ID is its
// place: 1 is 9A, 2 9C, 3 9D, 4 9E, 5 82 ... A key that is there without a certificate is lost; one
// with a certificate stays, and the line fails. SUBJECT is like "O=Example,CN=Jane Doe". The second
// line is the authority's. The third one stores the certificate with its key; only YubiKeys show a
// key that has none, so other cards need the ID again. The management key (hex digits) and the PIN
// are asked for, or taken from the environment: PERSONALISE_KEY, PERSONALISE_PIN.
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

// Logs in by what stands in the environment, or is typed without being shown.
static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user)
{
    char typed[80] = "", *secret = getenv(user == CKU_SO ? "PERSONALISE_KEY" : "PERSONALISE_PIN");
    struct termios shown, quiet;

    if (!secret) {
        int terminal = !tcgetattr(STDIN_FILENO, &shown);
        if (terminal) quiet = shown, quiet.c_lflag &= ~(tcflag_t)ECHO;
        if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs(user == CKU_SO ? "management key: " : "PIN: ", stderr);
        if (fgets(typed, sizeof typed, stdin)) typed[strcspn(typed, "\r\n")] = 0;
        if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputs("\n", stderr);
        secret = typed;
    }
    CK_RV rv = C_Login(session, user, (CK_UTF8CHAR *)secret, strlen(secret));
    mbedtls_platform_zeroize(typed, sizeof typed);
    return rv;
}

// Opens the first card that can be written, for the one who may write it.
static CK_RV open_card(CK_SESSION_HANDLE *session)
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
    rv = C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);
    return rv == CKR_OK ? login(*session, CKU_SO) : rv;
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

static CK_RV make_key(CK_SESSION_HANDLE session, struct type type, CK_ATTRIBUTE id)
{
    CK_MECHANISM mechanism = { type.makes, NULL, 0 };
    CK_ATTRIBUTE template[] = { { CKA_TOKEN, &yes, sizeof yes }, id,
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

// ---- The two commands ----

static CK_RV key(CK_BYTE place, const char *name, const char *subject)
{
    CK_ATTRIBUTE id = { CKA_ID, &place, sizeof place };
    CK_SESSION_HANDLE session;
    mbedtls_asn1_named_data *names = NULL;
    const struct type *type = types, *end = types + sizeof types / sizeof *types;

    while (type < end && strcmp(type->name, name)) type++;
    int bad = type == end || strlen(subject) > SUBJECT_MAX ||
              mbedtls_x509_string_to_names(&names, subject) || !names;
    CK_RV rv = bad ? CKR_ARGUMENTS_BAD : open_card(&session);
    if (rv == CKR_OK) rv = make_key(session, *type, id);
    if (rv == CKR_OK) rv = C_Logout(session);
    if (rv == CKR_OK) rv = login(session, CKU_USER);
    if (rv == CKR_OK) rv = request(session, type, id, names);
    mbedtls_asn1_free_named_data_list(&names);
    return rv;
}

static CK_RV certificate(const char *file, CK_BYTE place)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ATTRIBUTE id = { CKA_ID, &place, sizeof place };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    mbedtls_x509_crt crt;

    mbedtls_x509_crt_init(&crt);
    CK_RV rv = mbedtls_x509_crt_parse_file(&crt, file) ? CKR_ARGUMENTS_BAD : open_card(&session);
    CK_ATTRIBUTE public_key = { CKA_PUBLIC_KEY_INFO, crt.pk_raw.p, crt.pk_raw.len };
    if (rv == CKR_OK && !place) {
        rv = find_key(session, CKO_PUBLIC_KEY, public_key, &object);
        if (rv == CKR_OK) rv = C_GetAttributeValue(session, object, &id, 1);
        else fprintf(stderr, "the card does not show the certificate's key: which ID has it?\n");
    }
    CK_ATTRIBUTE template[] = {
        { CKA_CLASS, &class, sizeof class }, { CKA_CERTIFICATE_TYPE, &type, sizeof type },
        { CKA_TOKEN, &yes, sizeof yes }, id, { CKA_VALUE, crt.raw.p, crt.raw.len },
        { CKA_SUBJECT, crt.subject_raw.p, crt.subject_raw.len } };
    if (rv == CKR_OK) rv = C_CreateObject(session, template, 6, &object);
    if (rv == CKR_OK) fprintf(stderr, "the certificate is on the card, with ID %d\n", place);
    mbedtls_x509_crt_free(&crt);
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
    int is_key = (argc == 4 || argc == 5) && !strcmp(argv[1], "key");
    int is_certificate = (argc == 3 || argc == 4) && !strcmp(argv[1], "certificate");

    if (!is_key && !is_certificate)
        return fprintf(stderr, "personalise key ID [p256 | p384 | rsa2048 | rsa3072] SUBJECT\n"
                               "personalise certificate FILE [ID]\n"), 2;
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK && is_key)
        rv = key(number(argv[2]), argc == 5 ? argv[3] : "p256", argv[argc - 1]);
    if (rv == CKR_OK && is_certificate)
        rv = certificate(argv[2], argc == 4 ? number(argv[3]) : 0);
    CK_RV finalized = C_Finalize(NULL);             // closes the session, and logs out on the card
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) fprintf(stderr, "error %08lx\n", rv);
    return rv != CKR_OK;
}
