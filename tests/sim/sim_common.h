// sim_common.h: what the simulated cards share: keys and their work, TLV, commands in, answers out.
// SPDX-License-Identifier: 0BSD
#ifndef SIM_COMMON_H
#define SIM_COMMON_H

#include "sim.h"
#include "sim_mbedtls.h"
#include <mbedtls/entropy.h>

#define SIM_MOST 70000              // bytes in the longest command or answer

enum sim_key { SIM_NO_KEY, SIM_RSA1024, SIM_RSA2048A, SIM_RSA2048B, SIM_RSA3072, SIM_RSA4096,
               SIM_P256A,
               SIM_P256B, SIM_P384A, SIM_P384B, SIM_ED25519, SIM_X25519, SIM_P521A, SIM_P192A,
               SIM_BP256A, SIM_BP384A, SIM_BP512A, SIM_K256A, SIM_KEYS };

// A test key with its certificate, both DER.
struct sim_key_data {
    const uint8_t *key, *certificate;
    size_t key_len, certificate_len;
    unsigned bits;
    bool rsa;                       // else EC, or of 25519
};

const struct sim_key_data *sim_key_data(enum sim_key key);
// Another certificate of SIM_P256B, for nonRepudiation: each use wants its owner's consent.
const uint8_t *sim_key_consent(size_t *n);
void sim_key_parse(mbedtls_pk_context *pk, const struct sim_key_data *d);     // the caller frees it
// The curve with this prime, as long as the curve is; MBEDTLS_ECP_DP_NONE: there is none.
mbedtls_ecp_group_id sim_curve_of(const uint8_t *prime, size_t n);
// How many bytes of out it takes.
size_t sim_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t room);

extern const uint8_t sim_p256_point[65];        // the base point of P-256, for a peer's

// ---- A command and its answer ----

struct sim_command {
    uint8_t cla, ins, p1, p2;
    const uint8_t *data;            // of the whole chain
    size_t n, le;                   // le: 0 when there was none
    bool extended;
};

struct sim_answer {
    uint8_t out[SIM_MOST];
    size_t n;
};

// Decodes the four cases, short and extended. false: none of them.
bool sim_decode(const uint8_t *p, size_t n, struct sim_command *c);

void sim_put(struct sim_answer *a, const void *p, size_t n);
void sim_put_head(struct sim_answer *a, unsigned tag, size_t n);
void sim_put_tlv(struct sim_answer *a, unsigned tag, const void *p, size_t n);
// Wraps what was put since n was at from into a tag.
void sim_wrap(struct sim_answer *a, size_t from, unsigned tag);
// Finds a one-byte tag among siblings. NULL: it is not there, or malformed.
const uint8_t *sim_get_tlv(const uint8_t *p, size_t n, uint8_t tag, size_t *len);

// 1: tests ask, too, whether a PIN is left verified that no login accounts for.
#ifndef JUDGE_LOGINS
#define JUDGE_LOGINS 1
#endif

// Does a command carry a PIN, a PUK, the answer to a challenge of the administrator's key, or a key
// to be stored: by its instruction, whatever the card makes of it?
bool sim_is_secret(const struct sim_command *c);

// A secret that was meant for another application came; a try was taken. For the cards' commands.
void sim_saw_stray(struct sim_card *card);
void sim_took_try(struct sim_card *card);

// ---- Chaining and answers in pieces ----

struct sim_line {
    bool extended;                  // takes extended length; else 6700
    bool no_chaining;               // 6884 to a chain
    // Is it a command whose chains are not gathered: each part is run and answered? NULL: none is.
    bool (*by_part)(const struct sim_command *c);
    bool pieces;                    // 255 bytes at most at a time, whatever Le says
    bool t0;                        // the answer to a command with data is fetched; 6Cxx
    bool wants_le;                  // T=1: an answer without Le is 6Cxx
    uint8_t chain[SIM_MOST], pending[SIM_MOST];
    size_t chain_len, pending_len, pending_at;
    uint8_t chain_ins;
};

// Runs one command that is whole now: puts the answer's data, returns the status word. Data is
// given with 9000 and 62xx only.
typedef unsigned sim_run(void *card, const struct sim_command *c, struct sim_answer *a);

void sim_line_reset(struct sim_line *l);
// What struct sim_card's apdu does, with run for the commands. Takes CLA 00 and 10, and others
// when all_cla is set.
size_t sim_line_apdu(struct sim_line *l, void *card, sim_run *run, bool all_cla, const uint8_t *cmd,
                     size_t n, uint8_t *rsp);

// Set: does what a private key would, RSA without padding and ECDH, with a key of the test's own;
// returns a status word. What the card's public key says does not matter then.
typedef unsigned sim_private(const uint8_t *in, size_t n, struct sim_answer *a);
extern sim_private *sim_private_instead;

// ---- Private keys at work: each returns a status word (6A80: the data does not fit the key) ----

struct sim_random {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
};

void sim_random_start(struct sim_random *r);
void sim_random_stop(struct sim_random *r);
void sim_random_get(struct sim_random *r, uint8_t *out, size_t n);

// Whether a key that is used again in the same way gives what it gave before: an ECDSA signature is then
// no new one, as with RFC 6979. It is for programs of one thread that play one scene hundreds of times.
extern bool sim_remembers;

bool sim_is_rsa(const mbedtls_pk_context *pk);
// The raw operation on a block as long as the modulus (shorter: 00 on the left).
unsigned sim_rsa_raw(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                     struct sim_answer *a);
// PKCS#1 v1.5 with what is given as its content: a DigestInfo, or anything.
unsigned sim_rsa_pkcs1(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                       struct sim_answer *a);
// The same for a hash: the DigestInfo is added. SHA-1 and SHA-2.
unsigned sim_rsa_digest(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                        const uint8_t *in, size_t n, struct sim_answer *a);
// PSS, MGF and hash alike, salt as long as the hash.
unsigned sim_rsa_pss(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                     const uint8_t *in, size_t n, struct sim_answer *a);
unsigned sim_rsa_decrypt(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                         struct sim_answer *a);
// OAEP without label; md of hash and MGF.
unsigned sim_rsa_oaep(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                      const uint8_t *in, size_t n, struct sim_answer *a);
// ECDSA over these bytes as the hash (its left end if it is longer than the order); DER or r || s.
unsigned sim_ecdsa(struct sim_random *r, mbedtls_pk_context *pk, bool der, const uint8_t *in,
                   size_t n, struct sim_answer *a);
// ECDH with an uncompressed point: the x coordinate.
unsigned sim_ecdh(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *point, size_t n,
                  struct sim_answer *a);
// Curve25519, with a raw private key of 32 bytes. Without SIM_OPENSSL: 6A80, false.
unsigned sim_ed25519(const uint8_t *key, const uint8_t *in, size_t n, struct sim_answer *a);
unsigned sim_x25519(const uint8_t *key, const uint8_t *peer, size_t n, struct sim_answer *a);
bool sim_25519_public(bool ed, const uint8_t *key, uint8_t out[32]);

#endif
