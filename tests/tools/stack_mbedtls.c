// stack_mbedtls.c: how much stack mbedTLS takes for what scard11.c has it do, measured: each in a
// thread whose stack was filled before. ./build.sh size runs it. SPDX-License-Identifier: 0BSD
#define _GNU_SOURCE
#include <psa/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char data[600], out[600], point[133], signature[132], rsa_key[3000];
static size_t out_n, point_n, signature_n;
static unsigned char *stack;
enum { SIZE = 1 << 20, FILL = 0xa5 };

static psa_key_id_t import(psa_key_type_t type, size_t bits, psa_key_usage_t usage, psa_algorithm_t alg,
                           const unsigned char *p, size_t n)
{
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id = 0;
    psa_set_key_type(&a, type);
    psa_set_key_bits(&a, bits);
    psa_set_key_usage_flags(&a, usage);
    psa_set_key_algorithm(&a, alg);
    if (p ? psa_import_key(&a, p, n, &id) : psa_generate_key(&a, &id)) abort();
    return id;
}

static void *start(void *x)  { if (psa_crypto_init()) abort(); return x; }
static void *none(void *x)   { return x; }
static void *random_(void *x) { if (psa_generate_random(out, 64)) abort(); return x; }
static void *hash(void *x)
{
    if (psa_hash_compute(PSA_ALG_SHA_512, data, sizeof data, out, sizeof out, &out_n)) abort();
    return x;
}
static void *gcm(void *x)
{
    psa_key_id_t id = import(PSA_KEY_TYPE_AES, 256, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_GCM, data, 32);
    if (psa_aead_encrypt(id, PSA_ALG_GCM, data, 12, NULL, 0, data, 100, out, sizeof out, &out_n)) abort();
    psa_destroy_key(id);
    return x;
}
static void *make(void *x)       // for the next one: what it takes itself does not count
{
    psa_key_type_t type = PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1);
    psa_key_id_t id = import(type, 521, PSA_KEY_USAGE_SIGN_HASH, PSA_ALG_ECDSA_ANY, NULL, 0);
    if (psa_export_public_key(id, point, sizeof point, &point_n) ||
        psa_sign_hash(id, PSA_ALG_ECDSA_ANY, data, 64, signature, sizeof signature, &signature_n)) abort();
    psa_destroy_key(id);
    return x;
}
static void *ecdsa(void *x)
{
    psa_key_type_t type = PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1);
    psa_key_id_t id = import(type, 521, PSA_KEY_USAGE_VERIFY_HASH, PSA_ALG_ECDSA_ANY, point, point_n);
    if (psa_verify_hash(id, PSA_ALG_ECDSA_ANY, data, 64, signature, signature_n)) abort();
    psa_destroy_key(id);
    return x;
}
static void *rsa(void *x)        // RSA-4096: 30 82 02 0a 02 82 02 01 00 n 02 03 01 00 01
{
    static const unsigned char head[] = { 0x30, 0x82, 2, 0x0a, 2, 0x82, 2, 1, 0 }, tail[] = { 2, 3, 1, 0, 1 };
    memcpy(rsa_key, head, sizeof head);
    memset(rsa_key + sizeof head, 0xfb, 512);
    memcpy(rsa_key + sizeof head + 512, tail, sizeof tail);
    psa_algorithm_t alg = PSA_ALG_RSA_PKCS1V15_SIGN_RAW;
    psa_key_id_t id = import(PSA_KEY_TYPE_RSA_PUBLIC_KEY, 0, PSA_KEY_USAGE_VERIFY_HASH, alg, rsa_key,
                             sizeof head + 512 + sizeof tail);
    if (psa_verify_hash(id, alg, data, 32, data, 512) != PSA_ERROR_INVALID_SIGNATURE) abort();
    psa_destroy_key(id);
    return x;
}

// The bytes of stack that a thread takes for it, beside those of a thread that does nothing.
static long taken(void *(*work)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t i = 0;
    memset(stack, FILL, SIZE);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, SIZE) || pthread_create(&thread, &attributes, work, NULL) ||
        pthread_join(thread, NULL)) return -1;
    while (i < SIZE && stack[i] == FILL) i++;
    return (long)(SIZE - i);
}

int main(void)
{
    static const struct { const char *what; void *(*work)(void *); } all[] = {
        { "its start", start }, { "random numbers", random_ }, { "SHA-512", hash }, { "AES-GCM", gcm },
        { NULL, make }, { "ECDSA with P-521, verified", ecdsa }, { "RSA-4096, verified", rsa } };
    memset(data, 1, sizeof data);
    if (posix_memalign((void **)&stack, 4096, SIZE)) return 1;
    long empty = taken(none);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        long n = taken(all[i].work);
        if (n < 0) return 1;
        if (all[i].what) printf("%8ld bytes of stack, measured, in mbedTLS: %s\n", n - empty, all[i].what);
    }
    return 0;
}
