// sim_mbedtls.h: mbedTLS for the tests and the simulated cards: written as for mbedTLS 3, it is what
// 2.28 takes too. To be included before anything of mbedTLS. SPDX-License-Identifier: 0BSD
#ifndef SIM_MBEDTLS_H
#define SIM_MBEDTLS_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS        // the simulated cards make keys of what is written to them

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256(in, n, out, short) mbedtls_sha256_ret(in, n, out, short)
#define mbedtls_pk_parse_key(pk, key, n, password, password_n, rng, with) \
    ((void)(rng), mbedtls_pk_parse_key(pk, key, n, password, password_n))
#define mbedtls_rsa_pkcs1_sign(rsa, rng, with, md, n, in, out) \
    mbedtls_rsa_pkcs1_sign(rsa, rng, with, MBEDTLS_RSA_PRIVATE, md, n, in, out)
#define mbedtls_rsa_rsassa_pss_sign(rsa, rng, with, md, n, in, out) \
    mbedtls_rsa_rsassa_pss_sign(rsa, rng, with, MBEDTLS_RSA_PRIVATE, md, n, in, out)
#define mbedtls_rsa_rsassa_pss_verify_ext(rsa, md, n, in, mgf, salt, sig) \
    mbedtls_rsa_rsassa_pss_verify_ext(rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, md, n, in, mgf, salt, sig)
#define mbedtls_rsa_pkcs1_decrypt(rsa, rng, with, n, in, out, room) \
    mbedtls_rsa_pkcs1_decrypt(rsa, rng, with, MBEDTLS_RSA_PRIVATE, n, in, out, room)
#define mbedtls_rsa_rsaes_oaep_decrypt(rsa, rng, with, label, label_n, n, in, out, room) \
    mbedtls_rsa_rsaes_oaep_decrypt(rsa, rng, with, MBEDTLS_RSA_PRIVATE, label, label_n, n, in, out, room)
#define mbedtls_rsa_rsaes_oaep_encrypt(rsa, rng, with, label, label_n, n, in, out) \
    mbedtls_rsa_rsaes_oaep_encrypt(rsa, rng, with, MBEDTLS_RSA_PUBLIC, label, label_n, n, in, out)
#define mbedtls_rsa_rsaes_pkcs1_v15_encrypt(rsa, rng, with, n, in, out) \
    mbedtls_rsa_rsaes_pkcs1_v15_encrypt(rsa, rng, with, MBEDTLS_RSA_PUBLIC, n, in, out)
#endif

#endif
