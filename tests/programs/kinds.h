// kinds.h: the kinds of simulated cards, and what is on each: the table that cards.c and faults.c
// go over. A new card is one entry here. SPDX-License-Identifier: 0BSD
#ifndef CARDS_H
#define CARDS_H

#include "scene.h"
#include "../sim/sim_belpic.h"
#include "../sim/sim_cac.h"
#include "../sim/sim_esteid.h"
#include "../sim/sim_fineid.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_schsm.h"

#define CARDS_KEYS 8
#define CARDS_SECRETS 6

// What a key is for.
enum { CARDS_SIGN = 1, CARDS_DECRYPT = 2, CARDS_DERIVE = 4 };

struct cards_key {
    CK_BYTE id;                     // CKA_ID; 0: no more keys
    enum sim_key key, second;       // on the card, and on the second card of the kind
    unsigned use;
    unsigned token;                 // whose PIN it wants
    bool always;                    // the PIN for each use
    bool no_certificate;
    CK_MECHANISM_TYPE only;         // the card does the hash: ECDSA with this alone; 0: any
    unsigned pss;                   // as of the kind, where it is not the kind's; 0: it is
};

// A secret key; its value is its card's to tell: secret_value.
struct cards_secret {
    CK_BYTE id;                     // CKA_ID; 0: no more keys
    CK_KEY_TYPE type;
    const char *label;
    bool wraps;                     // and unwraps
    bool signs;                     // CMAC
};

struct cards_token {
    const char *pin, *puk;          // puk NULL: nothing unblocks it
    unsigned index;                 // of the PIN on the card, from 0
    unsigned tries;
};

struct cards_kind {
    const char *name;
    struct sim_card *(*make)(bool second);
    struct cards_token tokens[2];   // pin NULL: there is none
    struct cards_key keys[CARDS_KEYS];
    unsigned data;                  // data objects that all may read
    unsigned data_private;          // and with the PIN beside
    const char *note, *secret;      // labels of one of each; NULL: Note, Secret
    unsigned authorities;           // certificates of no key
    // The most commands, on the first token: C_GetTokenInfo; all objects after it; a signature with
    // the first RSA key, and the first EC key, after it. 0: not held to one.
    unsigned token_info, list, rsa, ec, again;
    struct cards_secret secrets[CARDS_SECRETS];
    size_t (*secret_value)(uint8_t id, bool second, uint8_t *value);
    bool does_secrets;              // the card does AES with such keys
    bool does_des3;                 // and 3DES
    bool does_macs;                 // and CMAC
    bool silent_secrets;            // their descriptions say nothing of their life: where they are from
    bool writes_secrets;            // they can be changed and destroyed
    CK_BYTE no_sha1;                // CKA_ID of a key that signs with SHA-2 alone
    bool names_keys;                // the command of a key names it: there is no other before it
    // The most commands with them, after the token: to list them with all they are; the first
    // encryption, of a block, with a login; and exactly each further one.
    unsigned secret_list, secret_first, secret_again;
    unsigned pss;                   // 0 none, 1 the card's own (salt as long as the hash), 2 any
    bool raw;                       // CKM_RSA_X_509 and OAEP
    bool no_chains;                 // what a short command cannot hold wants extended length
    bool public_certificates;       // all of its kind let anyone read them
    unsigned longest_pin;           // 0: below 23
    bool silent_tries;              // the tries of a PIN are not told before a wrong one
};

static inline struct sim_card *cards_generic(bool second)
{
    struct sim_generic_options o = { .second = second };
    return sim_generic_new(&o);
}

static inline struct sim_card *cards_generic_extended(bool second)
{
    struct sim_generic_options o = { .second = second, .extended = true, .der = true,
                                     .no_indicator = true };
    return sim_generic_new(&o);
}

static inline struct sim_card *cards_generic_two_pins(bool second)
{
    struct sim_generic_options o = { .second = second, .two_pins = true };
    return sim_generic_new(&o);
}

static inline struct sim_card *cards_isoapplet0(bool second)
{
    struct sim_isoapplet_options o = { .second = second, .v0 = true };
    return sim_isoapplet_new(&o);
}

static inline struct sim_card *cards_isoapplet(bool second)
{
    struct sim_isoapplet_options o = { .second = second };
    return sim_isoapplet_new(&o);
}

static inline struct sim_card *cards_myeid(bool second)
{
    struct sim_myeid_options o = { .second = second };
    return sim_myeid_new(&o);
}

static inline struct sim_card *cards_myeid_classic(bool second)
{
    struct sim_myeid_options o = { .second = second, .classic = true };
    return sim_myeid_new(&o);
}

static inline struct sim_card *cards_myeid_two(bool second)
{
    struct sim_myeid_options o = { .second = second, .two = true };
    return sim_myeid_new(&o);
}

static inline struct sim_card *cards_schsm_two(bool second)
{
    struct sim_schsm_options o = { .second = second, .two = true };
    return sim_schsm_new(&o);
}

static inline struct sim_card *cards_schsm(bool second)
{
    struct sim_schsm_options o = { .second = second };
    return sim_schsm_new(&o);
}

static inline struct sim_card *cards_schsm_cardcontact(bool second)
{
    struct sim_schsm_options o = { .second = second, .cardcontact = true };
    return sim_schsm_new(&o);
}

static inline struct sim_card *cards_cac(bool second)
{
    struct sim_cac_options o = { .second = second, .whole = true };
    return sim_cac_new(&o);
}

static inline struct sim_card *cards_cac_t0(bool second)
{
    struct sim_cac_options o = { .second = second };
    return sim_cac_new(&o);
}

static inline struct sim_card *cards_gids(bool second)
{
    struct sim_gids_options o = { .second = second, .plain = !SCARD11_ZLIB };
    return sim_gids_new(&o);
}

static inline struct sim_card *cards_esteid(bool second)
{
    struct sim_esteid_options o = { .second = second };
    return sim_esteid_new(&o);
}

static inline struct sim_card *cards_lateid(bool second)
{
    struct sim_esteid_options o = { .second = second, .latvian = true };
    return sim_esteid_new(&o);
}

static inline struct sim_card *cards_lateid_rsa(bool second)
{
    struct sim_esteid_options o = { .second = second, .latvian = true, .rsa = true };
    return sim_esteid_new(&o);
}

static inline struct sim_card *cards_fineid(bool second)
{
    struct sim_fineid_options o = { .second = second };
    return sim_fineid_new(&o);
}

static inline struct sim_card *cards_fineid_bare(bool second)
{
    struct sim_fineid_options o = { .second = second, .bare = true };
    return sim_fineid_new(&o);
}

static inline struct sim_card *cards_esteid_2025(bool second)
{
    struct sim_fineid_options o = { .second = second, .estonian = true };
    return sim_fineid_new(&o);
}

static inline struct sim_card *cards_belpic(bool second)
{
    struct sim_belpic_options o = { .second = second };
    return sim_belpic_new(&o);
}

static inline struct sim_card *cards_belpic_ec(bool second)
{
    struct sim_belpic_options o = { .second = second, .ec = true };
    return sim_belpic_new(&o);
}

static inline struct sim_card *cards_openpgp(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true };
    return sim_openpgp_new(&o);
}

static inline struct sim_card *cards_openpgp_gnuk(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true, .maker = 0xf517,
                                     .short_only = true, .no_certificate = 7, .change_ends = true };
    return sim_openpgp_new(&o);
}

static inline struct sim_card *cards_openpgp_25519(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true, .no_certificate = 7,
                                     .bare_select = true, .only_6e = true,
                                     .sig = SIM_ED25519, .dec = SIM_X25519 };
    return sim_openpgp_new(&o);
}

static inline struct sim_card *cards_openpgp_once(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true, .once = true,
                                     .pieces = true };
    return sim_openpgp_new(&o);
}

static inline struct sim_card *cards_openpgp_kdf(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true, .kdf = true };
    return sim_openpgp_new(&o);
}

static inline struct sim_card *cards_openpgp_21(bool second)
{
    struct sim_openpgp_options o = { .second = second, .reset_code = true, .version = 0x0201,
                                     .no_status = true };
    return sim_openpgp_new(&o);
}

#define CARDS_MYEID_SECRETS { \
    { 0x10, CKK_AES, "AES", false, false }, { 0x11, CKK_DES3, "3DES", true, false }, \
    { 0x12, CKK_AES, "AES-128", true, false }, { 0x13, CKK_AES, "AES-192", false, false }, \
    { 0x14, CKK_DES2, "3DES-112", false, false } }
#define CARDS_SCHSM_SECRETS { \
    { 0x10, CKK_AES, "AES", false, true }, { 0x11, CKK_AES, "AES-128", false, false } }
#define CARDS_RSA  CARDS_SIGN | CARDS_DECRYPT
#define CARDS_EC   CARDS_SIGN | CARDS_DERIVE

// The keys of tests/sim/sim_isoapplet.h; only: what v0's EC keys sign with.
#define CARDS_ISOAPPLET(hash) {    \
    { 0x01, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },    \
    { 0x02, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, false, hash, 0 },    \
    { 0x03, SIM_P384A, SIM_P384B, CARDS_SIGN, 0, false, false, hash, 0 },    \
    { 0x0a, SIM_RSA2048B, SIM_RSA2048A, CARDS_DECRYPT, 0, false, false, 0, 0 } }

#define CARDS_GENERIC {    \
    { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },    \
    { 2, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, false, 0, 0 },    \
    { 3, SIM_P384A, SIM_P384B, CARDS_EC, 0, false, false, 0, 0 },    \
    { 4, SIM_RSA3072, SIM_RSA4096, CARDS_SIGN, 0, false, false, 0, 1 } }

// The eIDs' budgets are a quarter above what the cards make unavoidable, counted by hand: answers in
// 256 bytes, a certificate of three pieces, GET RESPONSE on T=0; T the token info, L all objects, S
// login and a signature with its certificate read. EstEID 2018: T 4 (SELECT; SELECT and READ of the
// document number; GET DATA), L 4, S 8. LatEID: T 4, L 16 (two directories of three files), S 20.
// FinEID: T 13 (ODF, AODF, TokenInfo), L 11, S 17; bare: T 4, L 5, S 11. EstEID 2025: T 5, L 4,
// S 9. Belgian: T 3, L 14 (ODF, PrKDF, CDF, two certificates), S 15.

// IsoApplet with interface 1 is asked for its version, which takes one more than interface 0.

// MyEID's, counted in the same way: T 4 (SELECT, the tries, SELECT and READ of TokenInfo); L SELECT
// and READ of ODF, PrKDF, PuKDF, CDF and DODF, 10, and the certificates: 4.5 reads five whole, 20 in
// all, 4.0 four of three pieces each, 26 in all. S SELECT, VERIFY, ODF, PrKDF, PuKDF, the public key
// that checks the signature (RSA's is of two pieces on 4.0), MSE, the signature: 13 on 4.0, E 12.
// 4.5 is held to 17 for both, as the card of two keys.

// The keys of tests/sim/sim_schsm.h. T 4 (SELECT, the device's certificate, the tries, TokenInfo), L 5
// for two keys (the list, and of each key its description and certificate), S 6 (SELECT, VERIFY, the
// list, the description, the certificate, the signature), E 7. With seven keys L is the list, their
// descriptions, five certificates or requests, the authority's and its description, data's, 16.
#define CARDS_SCHSM {                                                                            \
    { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },                         \
    { 3, SIM_P256A, SIM_P256B, CARDS_EC, 0, false, false, 0, 0 },                                \
    { 4, SIM_P384A, SIM_P384B, CARDS_EC, 0, false, true, 0, 0 },                                 \
    { 5, SIM_P521A, SIM_P521A, CARDS_EC, 0, false, true, 0, 0 },                                 \
    { 6, SIM_RSA2048B, SIM_RSA2048A, CARDS_RSA, 0, false, true, 0, 0 } }

#define CARDS_CAC {    \
    { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },    \
    { 2, SIM_RSA2048B, SIM_RSA2048A, CARDS_RSA, 0, false, false, 0, 0 },    \
    { 3, SIM_RSA3072, SIM_RSA4096, CARDS_RSA, 0, false, false, 0, 0 } }

// OpenPGP's three keys: for signatures, to decrypt, to authenticate.
#define CARDS_OPENPGP(first, bare) {                                                            \
    { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_SIGN, 0, first, bare, 0, 0 },                         \
    { 2, SIM_RSA2048B, SIM_RSA2048A, CARDS_DECRYPT, 0, false, bare, 0, 0 },                      \
    { 3, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, (bare) == 1, 0, 0 } }
#define CARDS_OPENPGP_PIN { { "123456", "12345678", 0, 3 } }

// Counted by hand: T 2 (SELECT, 6E); L 7 with three certificates (KDF-DO, SELECT DATA and each), 3
// more for keys without; S and E 5 (the token, both references of PW1, the certificate or public
// key, the signature). A signature of Ed25519 cannot be checked here: the card is asked before it.
#define CARDS_OPENPGP_ALIKE                                                                     \
    .data = 7, .data_private = 1, .note = "Private use 1", .secret = "Private use 3",            \
    .names_keys = true, .longest_pin = 64, .public_certificates = true

// Two PINs, a P-384 key for each: the second wants its PIN each time.
#define CARDS_TWO_PINS(tries) {                                                                  \
    { "123456", "12345678", 0, tries }, { "654321", "12345678", 1, tries } }
#define CARDS_EID(first, second) {                                                               \
    { first, SIM_P384A, SIM_P384B, CARDS_EC, 0, false, false, 0, 0 },                            \
    { second, SIM_P384B, SIM_P384A, CARDS_SIGN, 1, true, false, 0, 0 } }

static const struct cards_kind cards_kinds[] = {
    { .name = "generic", .make = cards_generic, .tokens = { { "123456", "12345678", 0, 3 } },
      .keys = CARDS_GENERIC, .data = 1, .data_private = 1, .pss = 2, .raw = true, .again = 1,
      .silent_tries = true },
    { .name = "generic, extended", .make = cards_generic_extended,
      .tokens = { { "123456", "12345678", 0, 3 } }, .keys = CARDS_GENERIC, .data = 1,
      .data_private = 1, .pss = 2, .raw = true, .again = 1,
      .silent_tries = true },
    { .name = "generic, 2 PINs", .make = cards_generic_two_pins,
      .tokens = { { "123456", "12345678", 0, 3 }, { "654321", "12345678", 2, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 2, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, false, 0, 0 },
                { 3, SIM_P384A, SIM_P384B, CARDS_EC, 1, false, false, 0, 0 } },
      .data = 1, .data_private = 1, .pss = 2, .raw = true, .again = 1,
      .silent_tries = true },
    { .name = "IsoApplet v0", .make = cards_isoapplet0,
      .tokens = { { "123456", "1234567812345678", 0, 3 } }, .keys = CARDS_ISOAPPLET(CKM_ECDSA_SHA1),
      .token_info = 9, .list = 29, .rsa = 18, .ec = 18, .again = 1 },
    { .name = "IsoApplet v1", .make = cards_isoapplet,
      .tokens = { { "123456", "1234567812345678", 0, 3 } }, .keys = CARDS_ISOAPPLET(0),
      .token_info = 9, .list = 29, .rsa = 19, .ec = 19, .again = 1, .pss = 1, .no_chains = true },
    { .name = "MyEID, 2 keys", .make = cards_myeid_two,
      .tokens = { { "123456", "12345678", 0, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 2, SIM_P256A, SIM_P256B, CARDS_EC, 0, false, false, 0, 0 } },
      .token_info = 5, .list = 32, .rsa = 17, .ec = 17, .again = 1, .pss = 2, .raw = true,
      .does_secrets = true, .does_des3 = true },
    { .name = "MyEID 4.5", .make = cards_myeid, .tokens = { { "123456", "12345678", 0, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 2, SIM_P256A, SIM_P256B, CARDS_EC, 0, false, false, 0, 0 },
                { 3, SIM_P384A, SIM_P384B, CARDS_EC, 0, false, false, 0, 0 },
                { 4, SIM_P521A, SIM_P521A, CARDS_EC, 0, false, false, 0, 0 },
                { 5, SIM_RSA4096, SIM_RSA4096, CARDS_RSA, 0, false, false, 0, 0 } },
      .data = 1, .data_private = 1, .token_info = 5, .list = 30, .rsa = 17, .ec = 17, .again = 1,
      .pss = 2, .raw = true, .secrets = CARDS_MYEID_SECRETS, .does_secrets = true, .does_des3 = true,
      .writes_secrets = true,
      .secret_value = sim_myeid_secret,
      .secret_list = 14, .secret_first = 14, .secret_again = 2 },
    { .name = "MyEID 4.0", .make = cards_myeid_classic,
      .tokens = { { "123456", "12345678", 0, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 2, SIM_P256A, SIM_P256B, CARDS_EC, 0, false, false, 0, 0 },
                { 3, SIM_P384A, SIM_P384B, CARDS_EC, 0, false, false, 0, 0 },
                { 4, SIM_P521A, SIM_P521A, CARDS_EC, 0, false, false, 0, 0 } },
      .data = 1, .data_private = 1, .token_info = 5, .list = 37, .rsa = 21, .ec = 20, .again = 1,
      .pss = 2, .raw = true, .secrets = CARDS_MYEID_SECRETS, .does_secrets = true, .does_des3 = true,
      .writes_secrets = true,
      .secret_value = sim_myeid_secret,
      .secret_list = 17, .secret_first = 17, .secret_again = 2 },
    { .name = "SmartCard-HSM, 2 keys", .make = cards_schsm_two,
      .tokens = { { "123456", "3537363231383830", 0, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 3, SIM_P256A, SIM_P256B, CARDS_EC, 0, false, false, 0, 0 } },
      .token_info = 5, .list = 12, .rsa = 12, .ec = 12, .again = 1, .pss = 2, .raw = true,
      .names_keys = true, .does_secrets = true, .does_macs = true, .public_certificates = true },
    { .name = "Pico HSM", .make = cards_schsm, .tokens = { { "123456", "3537363231383830", 0, 3 } },
      .keys = CARDS_SCHSM, .data = 1, .data_private = 1, .authorities = 1, .token_info = 5,
      .list = 25, .rsa = 12, .ec = 12, .again = 1, .pss = 2, .raw = true, .names_keys = true, .secrets = CARDS_SCHSM_SECRETS,
      .secret_value = sim_schsm_secret, .does_secrets = true, .does_macs = true, .silent_secrets = true,
      .writes_secrets = true,
      .public_certificates = true, .secret_list = 15, .secret_first = 15, .secret_again = 1 },
    { .name = "CardContact's HSM", .make = cards_schsm_cardcontact,
      .tokens = { { "123456", "3537363231383830", 0, 3 } }, .keys = CARDS_SCHSM, .data = 1,
      .data_private = 1, .authorities = 1, .token_info = 5, .list = 25, .rsa = 12, .ec = 12,
      .again = 1, .pss = 2, .raw = true, .names_keys = true, .no_chains = true,
      .secrets = CARDS_SCHSM_SECRETS, .secret_value = sim_schsm_secret, .does_secrets = true, .does_macs = true,
      .writes_secrets = true,
      .public_certificates = true, .secret_list = 15, .secret_first = 15, .secret_again = 1 },
    // T 4 (SELECT, the card's id, the tries of the PIN, cardcf), L 9 (master file, key map, container
    // map, two certificates of three pieces), S 8 (with VERIFY, a certificate, MSE and the signature).
    { .name = "GIDS", .make = cards_gids, .tokens = { { "123456", NULL, 0, 3 } },
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
                { 2, SIM_RSA2048B, SIM_RSA2048A, CARDS_SIGN, 0, false, false, 0, 0 } },
      .token_info = 9, .list = 19, .rsa = 14, .again = 1, .pss = 2, .raw = true,
      .public_certificates = true },
    // T 4 (SELECT of PIV, of the CCC, its values in two pieces), L 13 (a SELECT and three pieces for
    // each certificate, one more for the longest), S 10 (the ACA, VERIFY, the key's applet, its
    // certificate, two parts of a block). On T=0 GET RESPONSE comes to each of those that has an answer.
    { .name = "CAC", .make = cards_cac, .tokens = { { "123456", NULL, 0, 3 } }, .keys = CARDS_CAC,
      .token_info = 7, .list = 27, .rsa = 14, .again = 2, .pss = 2, .raw = true,
      .public_certificates = true,
      .silent_tries = true },
    { .name = "CAC on T=0", .make = cards_cac_t0, .tokens = { { "123456", NULL, 0, 3 } },
      .keys = CARDS_CAC, .token_info = 7, .list = 50, .rsa = 25, .again = 3, .pss = 2, .raw = true,
      .public_certificates = true,
      .silent_tries = true },
    { .name = "EstEID 2018", .make = cards_esteid, .tokens = CARDS_TWO_PINS(3),
      .keys = CARDS_EID(1, 2), .data = 15, .again = 1, .token_info = 5, .list = 10, .ec = 15,
      .public_certificates = true },
    { .name = "LatEID", .make = cards_lateid, .tokens = CARDS_TWO_PINS(3), .keys = CARDS_EID(1, 2),
      .again = 1, .token_info = 5, .list = 25, .ec = 30,
      .public_certificates = true },
    { .name = "LatEID, RSA", .make = cards_lateid_rsa, .tokens = CARDS_TWO_PINS(3),
      .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_SIGN, 0, false, false, 0, 0 },
                { 2, SIM_RSA2048B, SIM_RSA2048A, CARDS_SIGN, 1, true, false, CKM_SHA256_RSA_PKCS,
                  0 } }, .again = 1, .token_info = 5, .list = 25, .rsa = 30,
      .public_certificates = true },
    { .name = "FinEID", .make = cards_fineid, .tokens = CARDS_TWO_PINS(5),
      .keys = CARDS_EID(0x45, 0x46), .again = 2, .token_info = 16, .list = 30, .ec = 37,
      .public_certificates = true },
    { .name = "FinEID, bare", .make = cards_fineid_bare, .tokens = CARDS_TWO_PINS(5),
      .keys = CARDS_EID(1, 2), .again = 2, .token_info = 5, .list = 11, .ec = 18,
      .public_certificates = true },
    { .name = "EstEID 2025", .make = cards_esteid_2025, .tokens = CARDS_TWO_PINS(3),
      .keys = CARDS_EID(1, 2), .data = 15, .again = 2, .token_info = 6, .list = 11, .ec = 17,
      .public_certificates = true },
    { .name = "Belgian eID", .make = cards_belpic, .tokens = { { "123456", NULL, 0, 3 } },
      .keys = { { 2, SIM_RSA2048A, SIM_RSA2048B, CARDS_SIGN, 0, false, false, 0, 0 },
                { 3, SIM_RSA2048B, SIM_RSA2048A, CARDS_SIGN, 0, true, false, 0, 0 } },
      .data = 6, .authorities = 2, .again = 2, .token_info = 3, .list = 21, .rsa = 22,
      .public_certificates = true,
      .silent_tries = true },
    { .name = "Belgian eID, EC", .make = cards_belpic_ec, .tokens = { { "123456", NULL, 0, 3 } },
      .keys = { { 2, SIM_P384A, SIM_P384B, CARDS_SIGN, 0, false, false, 0, 0 },
                { 3, SIM_P384B, SIM_P384A, CARDS_SIGN, 0, true, false, 0, 0 } },
      .data = 6, .authorities = 2, .again = 2, .token_info = 3, .list = 21, .ec = 22,
      .public_certificates = true,
      .silent_tries = true },
    { .name = "OpenPGP", .make = cards_openpgp, .tokens = CARDS_OPENPGP_PIN,
      .keys = CARDS_OPENPGP(false, 0), .token_info = 4, .list = 10, .rsa = 8,
      .ec = 8, .again = 1, CARDS_OPENPGP_ALIKE },
    { .name = "OpenPGP, Gnuk", .make = cards_openpgp_gnuk, .tokens = CARDS_OPENPGP_PIN,
      .keys = CARDS_OPENPGP(false, 1), .token_info = 4, .list = 16, .rsa = 9,
      .ec = 8, .again = 1, CARDS_OPENPGP_ALIKE },
#if defined(SIM_OPENSSL) && SIM_OPENSSL         // which makes them
    { .name = "OpenPGP, 25519", .make = cards_openpgp_25519, .tokens = CARDS_OPENPGP_PIN,
      .keys = { { 1, SIM_ED25519, SIM_ED25519, CARDS_SIGN, 0, false, true, 0, 0 },
                { 2, SIM_X25519, SIM_X25519, CARDS_DERIVE, 0, false, true, 0, 0 },
                { 3, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, true, 0, 0 } },
      .token_info = 4, .list = 14, .ec = 9, .again = 2, CARDS_OPENPGP_ALIKE },
#endif
    { .name = "OpenPGP, once", .make = cards_openpgp_once, .tokens = CARDS_OPENPGP_PIN,
      .keys = CARDS_OPENPGP(true, 0), CARDS_OPENPGP_ALIKE },
    { .name = "OpenPGP, KDF", .make = cards_openpgp_kdf, .tokens = CARDS_OPENPGP_PIN,
      .keys = CARDS_OPENPGP(false, 0), .token_info = 4, .list = 10, .rsa = 8,
      .ec = 8, .again = 1, CARDS_OPENPGP_ALIKE },
    { .name = "OpenPGP 2.1", .make = cards_openpgp_21, .tokens = CARDS_OPENPGP_PIN,
      .keys = CARDS_OPENPGP(false, 2), .token_info = 4, .list = 10, .rsa = 8,
      .ec = 8, .again = 1, CARDS_OPENPGP_ALIKE },
};

#define CARDS_KINDS (sizeof cards_kinds / sizeof *cards_kinds)

// ---- What a card says of itself ----

static inline struct sim_pin cards_pin(struct sim_card *card, const struct cards_token *t)
{
    return card->pin(card, t->index);
}

static inline enum sim_key cards_which(const struct cards_key *k, bool second)
{
    return second ? k->second : k->key;
}

// r || s to DER.
static inline size_t cards_der(const CK_BYTE *sig, size_t n, uint8_t *der)
{
    uint8_t body[160];
    size_t at = 0, half = n / 2, head = 0;
    for (size_t i = 0; i < 2; i++) {
        const CK_BYTE *p = sig + i * half;
        size_t k = half;
        while (k > 1 && !*p) p++, k--;
        body[at++] = 2;
        body[at++] = (uint8_t)(k + (*p >> 7));
        if (*p & 0x80) body[at++] = 0;
        memcpy(body + at, p, k);
        at += k;
    }
    der[head++] = 0x30;
    if (at > 127) der[head++] = 0x81;
    der[head++] = (uint8_t)at;
    memcpy(der + head, body, at);
    return head + at;
}

#endif
