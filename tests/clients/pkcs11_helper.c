// pkcs11_helper.c: pkcs11-helper as OpenVPN uses it: certificates listed, each named by its serialised ID,
// opened by that name again, and a signature made with each RSA key. pkcs11_helper MODULE
// SPDX-License-Identifier: 0BSD
#include <pkcs11-helper-1.0/pkcs11h-certificate.h>
#include <pkcs11-helper-1.0/pkcs11h-core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PKCS11H_BOOL pin(void *global, void *user, const pkcs11h_token_id_t token, unsigned retry, char *to,
                        size_t room)
{
    (void)global, (void)user, (void)token;
    if (retry) return FALSE;            // never the same PIN twice
    snprintf(to, room, "%s", getenv("PIN"));
    return TRUE;
}

// 1 if the certificate's key signs.
static int sign(const char *name)
{
    static const unsigned char info[51] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };    // DigestInfo of SHA-256
    pkcs11h_certificate_id_t id;
    pkcs11h_certificate_t c;
    unsigned char out[1024];
    size_t n = 0;
    if (pkcs11h_certificate_deserializeCertificateId(&id, name)) return 0;
    CK_RV rv = pkcs11h_certificate_create(id, NULL, PKCS11H_PROMPT_MASK_ALLOW_ALL,
                                          PKCS11H_PIN_CACHE_INFINITE, &c);
    pkcs11h_certificate_freeCertificateId(id);
    if (rv) return printf("create: %s\n", pkcs11h_getMessage(rv)), 0;
    rv = pkcs11h_certificate_signAny(c, CKM_RSA_PKCS, info, sizeof info, NULL, &n);
    if (!rv && n > sizeof out) rv = CKR_BUFFER_TOO_SMALL;
    if (!rv) rv = pkcs11h_certificate_signAny(c, CKM_RSA_PKCS, info, sizeof info, out, &n);
    printf("%s: %s, %lu bytes\n", name, pkcs11h_getMessage(rv), (unsigned long)n);
    pkcs11h_certificate_freeCertificate(c);
    return rv == CKR_OK && n == 256;
}

int main(int argc, char **argv)
{
    pkcs11h_certificate_id_list_t issuers, all;
    int listed = 0, good = 0;
    if (argc < 2 || pkcs11h_initialize()) return 2;
    pkcs11h_setPINPromptHook(pin, NULL);
    CK_RV rv = pkcs11h_addProvider("card", argv[1], FALSE, PKCS11H_PRIVATEMODE_MASK_AUTO,
                                   PKCS11H_SLOTEVENT_METHOD_AUTO, 0, FALSE);
    if (rv) return printf("addProvider: %s\n", pkcs11h_getMessage(rv)), 1;
    rv = pkcs11h_certificate_enumCertificateIds(PKCS11H_ENUM_METHOD_RELOAD, NULL,
                                                PKCS11H_PROMPT_MASK_ALLOW_ALL, &issuers, &all);
    if (rv) return printf("enumCertificateIds: %s\n", pkcs11h_getMessage(rv)), 1;
    for (pkcs11h_certificate_id_list_t i = all; i; i = i->next) {
        char name[1024];
        size_t n = sizeof name;
        if (pkcs11h_certificate_serializeCertificateId(name, &n, i->certificate_id)) return 1;
        listed++;
        good += sign(name);
    }
    pkcs11h_certificate_freeCertificateIdList(issuers);
    pkcs11h_certificate_freeCertificateIdList(all);
    pkcs11h_terminate();
    printf("%d certificates, %d sign\n", listed, good);
    return listed < 4 || good < 1;
}
