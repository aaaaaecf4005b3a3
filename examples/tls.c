// tls.c: a TLS connection whose client has its key on the card. tls PIN HOST PORT CA.pem [PATH]
// cc tls.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite)
//    -lmbedtls -lmbedx509 -lmbedcrypto -lz -o tls
// SPDX-License-Identifier: 0BSD
// Test: none, it wants a server, which tests/programs/examples.sh has
//
// It asks a server for a page (HTTP/1.0), shows the answer, and says which certificate it has shown
// itself by. CA.pem has the authorities that the server's certificate may come from.
//
// mbedTLS makes the connection and has the card sign. It takes RSA keys that lie elsewhere by
// mbedtls_pk_setup_rsa_alt, for TLS 1.2: with TLS 1.3 it would want PSS, which that way does not
// have. Keys on elliptic curves it takes by a struct of functions that only 2.28 shows to programs.
// mbedTLS 4 has neither: there only a driver that is compiled into it can have keys elsewhere.
#include "scard11.h"
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <string.h>
#if MBEDTLS_VERSION_MAJOR >= 4
int main(void) { return fprintf(stderr, "mbedTLS 4 takes no key that lies elsewhere\n"), 2; }
#else
#if MBEDTLS_VERSION_MAJOR < 3
#include <mbedtls/asn1write.h>
#include <mbedtls/pk_internal.h>
#endif

// A key on the card, with its certificate.
struct key {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_KEY_TYPE type;
    CK_BBOOL again;                     // it wants the PIN each time
    CK_UTF8CHAR *pin;
    CK_BYTE certificate[8192];
    CK_ULONG certificate_len, bits;
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

// Finds the first key of a type that signs, and the certificate with the same CKA_ID.
static CK_RV find_key(struct key *key, CK_KEY_TYPE type)
{
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, certificate_class = CKO_CERTIFICATE;
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id[32];
    CK_OBJECT_HANDLE certificate;
    CK_ATTRIBUTE signs[] = { { CKA_CLASS, &private_class, sizeof private_class },
                             { CKA_SIGN, &yes, sizeof yes }, { CKA_KEY_TYPE, &type, sizeof type } };
    CK_ATTRIBUTE about[] = { { CKA_ID, id, sizeof id },
                             { CKA_ALWAYS_AUTHENTICATE, &key->again, sizeof key->again } };
    CK_ATTRIBUTE same[] = { { CKA_CLASS, &certificate_class, sizeof certificate_class },
                            { CKA_ID, id, 0 } };
    CK_ATTRIBUTE value = { CKA_VALUE, key->certificate, sizeof key->certificate };

    key->type = type;
    CK_RV rv = find(key->session, signs, 3, &key->object);
    if (rv == CKR_OK) rv = C_GetAttributeValue(key->session, key->object, about, 2);
    same[1].ulValueLen = about[0].ulValueLen;
    if (rv == CKR_OK) rv = find(key->session, same, 2, &certificate);
    if (rv == CKR_OK) rv = C_GetAttributeValue(key->session, certificate, &value, 1);
    key->certificate_len = value.ulValueLen;
    return rv;
}

static CK_RV open_key(struct key *key)
{
    CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
    CK_ULONG count = sizeof slots / sizeof *slots, pin_len = strlen((char *)key->pin);
    CK_RV rv = C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_OK && !count) rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK)
        rv = C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &key->session);
    if (rv == CKR_OK) rv = C_Login(key->session, CKU_USER, key->pin, pin_len);
    if (rv == CKR_OK) rv = find_key(key, CKK_RSA);
#if MBEDTLS_VERSION_MAJOR < 3
    if (rv == CKR_KEY_HANDLE_INVALID) rv = find_key(key, CKK_EC);
#endif
    return rv;
}

static CK_RV card_sign(struct key *key, CK_MECHANISM_TYPE type, const CK_BYTE *data, CK_ULONG n,
                       CK_BYTE *signature, CK_ULONG *length)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_BYTE copy[128];                  // PKCS#11 promises no const
    if (n > sizeof copy) return CKR_DATA_LEN_RANGE;
    memcpy(copy, data, n);
    CK_RV rv = C_SignInit(key->session, &mechanism, key->object);
    if (rv == CKR_OK && key->again)
        rv = C_Login(key->session, CKU_CONTEXT_SPECIFIC, key->pin, strlen((char *)key->pin));
    if (rv == CKR_OK) rv = C_Sign(key->session, copy, n, signature, length);
    if (rv != CKR_OK) fprintf(stderr, "the card does not sign: error %08lx\n", rv);
    return rv;
}

// ---- The key, as mbedTLS wants it ----

static int random_bytes(void *key, unsigned char *out, size_t n)
{
    return C_GenerateRandom(((struct key *)key)->session, out, n) == CKR_OK ? 0 : -1;
}

static size_t rsa_len(void *key)
{
    return ((struct key *)key)->bits / 8;
}

// PKCS#1 v1.5 of a hash: the card gets a DigestInfo. Those of SHA-256, -384 and -512, which TLS 1.2
// uses here, differ in a number and in lengths.
static int rsa_sign(void *key, int (*rng)(void *, unsigned char *, size_t), void *rng_of,
                    mbedtls_md_type_t md, unsigned n, const unsigned char *hash, unsigned char *out)
{
    CK_BYTE info[19 + 64] = { 0x30, 0, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                              0x04, 0x02, 0, 0x05, 0x00, 0x04, 0 };
    CK_ULONG length = rsa_len(key);
    CK_BYTE of = md == MBEDTLS_MD_SHA256 ? 1 : md == MBEDTLS_MD_SHA384 ? 2 : 3;
    CK_BYTE hash_len = md == MBEDTLS_MD_SHA256 ? 32 : md == MBEDTLS_MD_SHA384 ? 48 : 64;
    (void)rng; (void)rng_of; (void)n;       // n: 0 in older versions

    if (of == 3 && md != MBEDTLS_MD_SHA512) return MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE;
    info[1] = (CK_BYTE)(17 + hash_len), info[14] = of, info[18] = hash_len;
    memcpy(info + 19, hash, hash_len);
    CK_RV rv = card_sign(key, CKM_RSA_PKCS, info, 19UL + hash_len, out, &length);
    return rv == CKR_OK ? 0 : MBEDTLS_ERR_PK_BAD_INPUT_DATA;
}

#if MBEDTLS_VERSION_MAJOR < 3
// 2.28 has a parameter more.
static int rsa_sign_2(void *key, int (*rng)(void *, unsigned char *, size_t), void *rng_of,
                      int mode, mbedtls_md_type_t md, unsigned n, const unsigned char *hash,
                      unsigned char *out)
{
    (void)mode;
    return rsa_sign(key, rng, rng_of, md, n, hash, out);
}

// A number of the signature, as DER wants it: without zeros in front, and positive.
static int put_number(unsigned char **at, unsigned char *start, const CK_BYTE *p, size_t n)
{
    unsigned char *end = *at;
    for (; n > 1 && !*p; p++) n--;
    if (mbedtls_asn1_write_raw_buffer(at, start, p, n) < 0) return -1;
    if (*p & 0x80) *--*at = 0;
    return mbedtls_asn1_write_len(at, start, (size_t)(end - *at)) < 0 ||
           mbedtls_asn1_write_tag(at, start, MBEDTLS_ASN1_INTEGER) < 0 ? -1 : 0;
}

// The card gives r and s, of the same length, and TLS wants them as DER.
static int ec_sign(void *key, mbedtls_md_type_t md, const unsigned char *hash, size_t n,
                   unsigned char *out, size_t *out_len,
                   int (*rng)(void *, unsigned char *, size_t), void *rng_of)
{
    CK_BYTE pair[132], der[160], *end = der + sizeof der, *at = end;
    CK_ULONG length = sizeof pair;
    (void)md; (void)rng; (void)rng_of;

    if (card_sign(key, CKM_ECDSA, hash, n, pair, &length) != CKR_OK ||
        put_number(&at, der, pair + length / 2, length / 2) ||
        put_number(&at, der, pair, length / 2) ||
        mbedtls_asn1_write_len(&at, der, (size_t)(end - at)) < 0 ||
        mbedtls_asn1_write_tag(&at, der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) < 0)
        return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
    *out_len = (size_t)(end - at);
    memcpy(out, at, *out_len);          // mbedTLS has room for the largest curve
    return 0;
}

static int ec_can_do(mbedtls_pk_type_t type)
{
    return type == MBEDTLS_PK_ECKEY || type == MBEDTLS_PK_ECDSA;
}

static size_t ec_bits(const void *key) { return ((const struct key *)key)->bits; }
static void   ec_free(void *key)       { (void)key; }

static const mbedtls_pk_info_t ec_info = {
    .type = MBEDTLS_PK_ECKEY, .name = "EC on a card", .get_bitlen = ec_bits, .can_do = ec_can_do,
    .sign_func = ec_sign, .ctx_free_func = ec_free,
};
#endif

// A client does not decrypt by its key: that function is NULL.
static int setup_key(mbedtls_pk_context *pk, struct key *key)
{
#if MBEDTLS_VERSION_MAJOR < 3
    if (key->type == CKK_EC) return pk->pk_info = &ec_info, pk->pk_ctx = key, 0;
    return mbedtls_pk_setup_rsa_alt(pk, key, NULL, rsa_sign_2, rsa_len);
#else
    return mbedtls_pk_setup_rsa_alt(pk, key, NULL, rsa_sign, rsa_len);
#endif
}

// ---- The connection ----

struct tls {
    mbedtls_net_context net;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt own, authorities;
    mbedtls_pk_context pk;
};

// Returns what mbedTLS does: 0, or a negative number.
static int connect_to(struct tls *t, struct key *key, char **argv)
{
    int e = mbedtls_x509_crt_parse_file(&t->authorities, argv[4]);
    if (!e) e = mbedtls_x509_crt_parse_der(&t->own, key->certificate, key->certificate_len);
    if (!e) key->bits = mbedtls_pk_get_bitlen(&t->own.pk);
    if (!e) e = setup_key(&t->pk, key);
    if (!e) e = mbedtls_ssl_config_defaults(&t->config, MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_min_tls_version(&t->config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(&t->config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_min_version(&t->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);      // TLS 1.2
    mbedtls_ssl_conf_max_version(&t->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
#endif
    mbedtls_ssl_conf_rng(&t->config, random_bytes, key);
    mbedtls_ssl_conf_ca_chain(&t->config, &t->authorities, NULL);
    if (!e) e = mbedtls_ssl_conf_own_cert(&t->config, &t->own, &t->pk);
    if (!e) e = mbedtls_ssl_setup(&t->ssl, &t->config);
    if (!e) e = mbedtls_ssl_set_hostname(&t->ssl, argv[2]);
    if (!e) e = mbedtls_net_connect(&t->net, argv[2], argv[3], MBEDTLS_NET_PROTO_TCP);
    mbedtls_ssl_set_bio(&t->ssl, &t->net, mbedtls_net_send, mbedtls_net_recv, NULL);
    return e ? e : mbedtls_ssl_handshake(&t->ssl);
}

static int get(struct tls *t, struct key *key, char **argv, const char *path)
{
    unsigned char text[1024];
    int e = connect_to(t, key, argv);
    if (!e && mbedtls_x509_dn_gets((char *)text, sizeof text, &t->own.subject) > 0)
        printf("%s, as %s\n", mbedtls_ssl_get_version(&t->ssl), text);
    int n = snprintf((char *)text, sizeof text, "GET %s HTTP/1.0\r\n\r\n", path);
    if (!e && (n < 0 || (size_t)n >= sizeof text)) e = MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    for (int done = 0; e >= 0 && done < n; done += e)
        e = mbedtls_ssl_write(&t->ssl, text + done, (size_t)(n - done));
    while (e >= 0 && (e = mbedtls_ssl_read(&t->ssl, text, sizeof text)) > 0)
        fwrite(text, 1, (size_t)e, stdout);
    if (e == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) e = 0;
    if (!e) mbedtls_ssl_close_notify(&t->ssl);
    return e;
}

int main(int argc, char **argv)
{
    static struct tls t;
    static struct key key;

    if (argc < 5) return fprintf(stderr, "tls PIN HOST PORT CA.pem [PATH]\n"), 2;
    key.pin = (CK_UTF8CHAR *)argv[1];
    mbedtls_net_init(&t.net);
    mbedtls_ssl_init(&t.ssl);
    mbedtls_ssl_config_init(&t.config);
    mbedtls_x509_crt_init(&t.own);
    mbedtls_x509_crt_init(&t.authorities);
    mbedtls_pk_init(&t.pk);
    CK_RV rv = C_Initialize(NULL);
    if (rv == CKR_OK) rv = open_key(&key);
    int e = rv == CKR_OK ? get(&t, &key, argv, argc > 5 ? argv[5] : "/") : 0;
    mbedtls_pk_free(&t.pk);
    mbedtls_x509_crt_free(&t.own);
    mbedtls_x509_crt_free(&t.authorities);
    mbedtls_ssl_free(&t.ssl);
    mbedtls_ssl_config_free(&t.config);
    mbedtls_net_free(&t.net);
    CK_RV finalized = C_Finalize(NULL);             // logs out on the card
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) fprintf(stderr, "error %08lx\n", rv);
    if (e) fprintf(stderr, "mbedTLS: error -0x%04x\n", (unsigned)-e);
    return rv != CKR_OK || e;
}
#endif
