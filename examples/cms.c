// cms.c: signs a file with the card, as CMS (PKCS#7) beside the file. cms PIN FILE > FILE.p7s
// cc cms.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o cms
// SPDX-License-Identifier: 0BSD
// Test: none, openssl verifies it in tests/programs/examples.sh
//
//     openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE -CAfile ca.pem > /dev/null
//
// The signature (RFC 5652) has the certificate with it, and covers the hash of the file, SHA-256,
// and the time on this machine. The key is the first one that signs, RSA or on an elliptic curve.
#include "scard11.h"
#include <mbedtls/asn1write.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// The key, and what is said of it.
struct key {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_KEY_TYPE type;
    CK_BBOOL again;                     // it wants the PIN each time
    CK_BYTE certificate[8192], issuer[1024], serial[64];
    CK_ULONG certificate_len, issuer_len, serial_len;
};

// ---- The card ----

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *like, CK_ULONG n,
                  CK_OBJECT_HANDLE *object)
{
    CK_ULONG found = 0;
    CK_RV rv = C_FindObjectsInit(session, like, n);
    if (rv == CKR_OK) rv = C_FindObjects(session, object, 1, &found);
    if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
    return rv == CKR_OK && !found ? CKR_KEY_HANDLE_INVALID : rv;
}

// Finds the first key that signs, and the certificate with the same CKA_ID.
static CK_RV find_key(struct key *key)
{
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, certificate_class = CKO_CERTIFICATE;
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id[32];
    CK_OBJECT_HANDLE certificate;
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private_class, sizeof private_class },
                             { CKA_SIGN, &yes, sizeof yes } };
    CK_ATTRIBUTE about[] = { { CKA_ID, id, sizeof id },
                             { CKA_KEY_TYPE, &key->type, sizeof key->type },
                             { CKA_ALWAYS_AUTHENTICATE, &key->again, sizeof key->again } };
    CK_ATTRIBUTE same[] = { { CKA_CLASS, &certificate_class, sizeof certificate_class },
                            { CKA_ID, id, 0 } };
    CK_ATTRIBUTE values[] = { { CKA_VALUE, key->certificate, sizeof key->certificate },
                              { CKA_ISSUER, key->issuer, sizeof key->issuer },
                              { CKA_SERIAL_NUMBER, key->serial, sizeof key->serial } };

    CK_RV rv = find(key->session, signs, 2, &key->object);
    if (rv == CKR_OK) rv = C_GetAttributeValue(key->session, key->object, about, 3);
    same[1].ulValueLen = about[0].ulValueLen;
    if (rv == CKR_OK) rv = find(key->session, same, 2, &certificate);
    if (rv == CKR_OK) rv = C_GetAttributeValue(key->session, certificate, values, 3);
    key->certificate_len = values[0].ulValueLen;
    key->issuer_len = values[1].ulValueLen;
    key->serial_len = values[2].ulValueLen;
    return rv;
}

// Hashes the file, on the host.
static CK_RV hash_file(CK_SESSION_HANDLE session, const char *name, CK_BYTE hash[32])
{
    CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
    CK_BYTE part[4096];
    CK_ULONG n, hash_len = 32;
    FILE *file = fopen(name, "rb");
    if (!file) return perror(name), CKR_DATA_INVALID;
    CK_RV rv = C_DigestInit(session, &sha256);
    while (rv == CKR_OK && (n = fread(part, 1, sizeof part, file)) > 0)
        rv = C_DigestUpdate(session, part, n);
    if (rv == CKR_OK) rv = C_DigestFinal(session, hash, &hash_len);
    if (ferror(file)) rv = CKR_DATA_INVALID;
    fclose(file);
    return rv;
}

// ---- DER, which is written from its end to its beginning ----

struct der {
    CK_BYTE bytes[12288], *at;
    int full;
};

static void begin(struct der *der)
{
    der->at = der->bytes + sizeof der->bytes;
}

static size_t length(const struct der *der)
{
    return (size_t)(der->bytes + sizeof der->bytes - der->at);
}

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define SET      (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET)
#define TAG_0    (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_CONTEXT_SPECIFIC)

static const CK_BYTE id_data[] = { 6, 9, 42, 134, 72, 134, 247, 13, 1, 7, 1 },
    id_signed_data[] = { 6, 9, 42, 134, 72, 134, 247, 13, 1, 7, 2 },
    id_content_type[] = { 6, 9, 42, 134, 72, 134, 247, 13, 1, 9, 3 },
    id_message_digest[] = { 6, 9, 42, 134, 72, 134, 247, 13, 1, 9, 4 },
    id_signing_time[] = { 6, 9, 42, 134, 72, 134, 247, 13, 1, 9, 5 },
    sha256[] = { 48, 11, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, 1 },       // AlgorithmIdentifiers
    sha256_rsa[] = { 48, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 11, 5, 0 },
    sha256_ecdsa[] = { 48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2 },
    version_1[] = { 2, 1, 1 };

static void put(struct der *der, const void *p, size_t n)
{
    der->full |= mbedtls_asn1_write_raw_buffer(&der->at, der->bytes, p, n) < 0;
}

// What was written since end gets its length and a tag.
static void wrap(struct der *der, int tag, const CK_BYTE *end)
{
    der->full |= mbedtls_asn1_write_len(&der->at, der->bytes, (size_t)(end - der->at)) < 0 ||
                 mbedtls_asn1_write_tag(&der->at, der->bytes, (unsigned char)tag) < 0;
}

static void put_attribute(struct der *der, const CK_BYTE type[11], int tag, const void *p, size_t n)
{
    const CK_BYTE *end = der->at;
    put(der, p, n);
    if (tag) wrap(der, tag, end);
    wrap(der, SET, end);
    put(der, type, 11);
    wrap(der, SEQUENCE, end);
}

// The signed attributes, in the order that DER wants of a SET: by their bytes, so here by length.
static void put_attributes(struct der *der, const CK_BYTE hash[32])
{
    const CK_BYTE *end = der->at;
    char date[16] = "";
    time_t now = time(NULL);
    struct tm *utc = gmtime(&now);      // UTCTime, until 2049
    if (!utc || strftime(date, sizeof date, "%y%m%d%H%M%SZ", utc) != 13) der->full = 1;
    put_attribute(der, id_message_digest, MBEDTLS_ASN1_OCTET_STRING, hash, 32);
    put_attribute(der, id_signing_time, MBEDTLS_ASN1_UTC_TIME, date, strlen(date));
    put_attribute(der, id_content_type, 0, id_data, sizeof id_data);
    wrap(der, SET, end);
}

// A number of an ECDSA signature: without zeros in front, and positive.
static void put_number(struct der *der, const CK_BYTE *p, size_t n)
{
    const CK_BYTE *end = der->at;
    for (; n > 1 && !*p; p++) n--;
    put(der, p, n);
    if (*p & 0x80) put(der, "", 1);
    wrap(der, MBEDTLS_ASN1_INTEGER, end);
}

static void put_signature(struct der *der, CK_KEY_TYPE type, const CK_BYTE *p, CK_ULONG n)
{
    const CK_BYTE *end = der->at;
    if (type == CKK_EC) {               // the card gives r and s, of the same length
        put_number(der, p + n / 2, n / 2);
        put_number(der, p, n / 2);
        wrap(der, SEQUENCE, end);
    } else {
        put(der, p, n);
    }
    wrap(der, MBEDTLS_ASN1_OCTET_STRING, end);
}

// The attributes are signed with the tag of a SET, and are [0] in the message (RFC 5652, 5.4).
static void put_signer(struct der *der, const struct key *key, const struct der *attributes,
                       const CK_BYTE *signature, CK_ULONG n)
{
    const CK_BYTE *end = der->at, *name;
    put_signature(der, key->type, signature, n);
    if (key->type == CKK_EC) put(der, sha256_ecdsa, sizeof sha256_ecdsa);
    else                     put(der, sha256_rsa, sizeof sha256_rsa);
    put(der, attributes->at, length(attributes));
    *der->at = TAG_0;
    put(der, sha256, sizeof sha256);
    name = der->at;
    put(der, key->serial, key->serial_len);
    put(der, key->issuer, key->issuer_len);
    wrap(der, SEQUENCE, name);
    put(der, version_1, sizeof version_1);
    wrap(der, SEQUENCE, end);
    wrap(der, SET, end);
}

static void put_cms(struct der *der, const struct key *key, const struct der *attributes,
                    const CK_BYTE *signature, CK_ULONG n)
{
    const CK_BYTE *end = der->at, *part;
    put_signer(der, key, attributes, signature, n);
    part = der->at;
    put(der, key->certificate, key->certificate_len);
    wrap(der, TAG_0, part);
    part = der->at;
    put(der, id_data, sizeof id_data);  // without the content, which is the file
    wrap(der, SEQUENCE, part);
    part = der->at;
    put(der, sha256, sizeof sha256);
    wrap(der, SET, part);
    put(der, version_1, sizeof version_1);
    wrap(der, SEQUENCE, end);
    wrap(der, TAG_0, end);
    put(der, id_signed_data, sizeof id_signed_data);
    wrap(der, SEQUENCE, end);
}

// ---- The signature ----

static CK_RV sign(struct key *key, char *pin, const char *file)
{
    static struct der attributes, cms;
    CK_BYTE hash[32], signature[512];
    CK_ULONG n = sizeof signature;
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };

    CK_RV rv = find_key(key);
    if (rv == CKR_OK) rv = hash_file(key->session, file, hash);
    if (rv != CKR_OK) return rv;
    begin(&attributes);
    put_attributes(&attributes, hash);
    if (key->type == CKK_RSA) mechanism.mechanism = CKM_SHA256_RSA_PKCS;
    rv = C_SignInit(key->session, &mechanism, key->object);
    if (rv == CKR_OK && key->again)
        rv = C_Login(key->session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, strlen(pin));
    if (rv == CKR_OK)
        rv = C_Sign(key->session, attributes.at, length(&attributes), signature, &n);
    if (rv != CKR_OK) return rv;
    begin(&cms);
    put_cms(&cms, key, &attributes, signature, n);
    if (attributes.full || cms.full) return CKR_HOST_MEMORY;
    n = length(&cms);
    return fwrite(cms.at, 1, n, stdout) == n && !fflush(stdout) ? CKR_OK : CKR_FUNCTION_FAILED;
}

int main(int argc, char **argv)
{
    static struct key key;
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_ULONG count = sizeof slots / sizeof *slots;

    if (argc != 3) return fprintf(stderr, "cms PIN FILE > FILE.p7s\n"), 2;
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK) rv = C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_OK && !count) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK) rv = C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &key.session);
    if (rv == CKR_OK)
        rv = C_Login(key.session, CKU_USER, (CK_UTF8CHAR *)argv[1], strlen(argv[1]));
    if (rv == CKR_OK) rv = sign(&key, argv[1], argv[2]);
    CK_RV finalized = C_Finalize(NULL);             // logs out on the card
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) fprintf(stderr, "error %08lx\n", rv);
    return rv != CKR_OK;
}
