// sim_piv.h: a simulated PIV card (SP 800-73-4/-5, 800-78-5, YubiKey's extensions) with real keys.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456, PUK 12345678, three tries each; the management key is 0102030405060708, three times.
// Keys: 9A RSA-2048, 9C P-256, 9D RSA-2048, 9E P-256. One card, one thread at a time.
#ifndef SIM_PIV_H
#define SIM_PIV_H

#include "sim_common.h"

// The numbers are those of YubiKey's metadata; MATCH: a finger does, too, where the key has a reader.
enum sim_policy { SIM_PIN_BY_SLOT, SIM_PIN_NEVER, SIM_PIN_ONCE, SIM_PIN_ALWAYS, SIM_MATCH_ONCE,
                  SIM_MATCH_ALWAYS };
// USELESS: the object is there, and nothing in it, as on cards that are a CAC, too.
// GLOBAL: the primary PIN is the global one, 00, and the application's own, 80, is another: 87654321.
enum sim_discovery { SIM_NO_DISCOVERY, SIM_APPLICATION_PIN, SIM_GLOBAL_PIN, SIM_USELESS_DISCOVERY };

struct sim_piv_key {
    uint8_t ref;                    // 9a, 9c, 9d, 9e, 82 to 95
    enum sim_key key;
    bool no_certificate;
    bool gzip;                      // the certificate is stored compressed
    enum sim_policy policy;
};

// What Yubico's extensions lack; versions as Yubico's documents have them. By 5.2: no metadata (F7);
// NEO and 4: no serial number (F8); F9 attests nothing where the card has no attestation key.
// F6, by 5.7.
enum { SIM_NO_METADATA = 1, SIM_NO_SERIAL = 2, SIM_NO_ATTESTATION = 4, SIM_NO_MOVE = 8 };

// {0} is a card with four RSA and EC keys, all certificates, a CHUID, a key history without keys,
// short APDUs, whole answers where they fit, the usual management key, and nothing of Yubico's.
struct sim_piv_options {
    const struct sim_piv_key *keys; // NULL: 9a RSA-2048, 9c P-256, 9d RSA-2048, 9e P-256
    unsigned n_keys;
    bool second;                    // the other keys and another GUID: another card
    bool extended;                  // extended length; else 6700
    bool pieces;                    // answers come in pieces of 255 bytes whatever Le says
    bool t0;
    bool no_history, no_chuid;
    bool long_chuid;                // the CHUID is signed: 3 KB
    bool yubikey;                   // F6 to FF
    uint32_t version;               // what FD says, 0x050700; 0: 5.4.3. By it: F6, Curve25519 and
                                    // RSA of more than 2048 bits (5.7), AES for 9B (5.4.2)
    unsigned yubikey_lacks;         // SIM_NO_METADATA ...
    uint8_t retired;                // key history: keys with certificates on the card
    enum sim_discovery discovery;
    bool own_blocked;               // where the global PIN is primary: the application's is blocked
    const uint8_t *object;          // what a data object holds instead (a hostile certificate)
    size_t object_len;
    uint32_t object_tag;            // its tag, 5fc105 ...
    const uint8_t *stamp;           // 8 bytes that end each certificate's signature; NULL: none
    // SP 800-73-4 part 2, 3.1.1: SELECT of the application that is selected already leaves the
    // login; else it ends it
    bool keeps_login;
    unsigned sw_logout;             // what VERIFY FF answers where it is not known; 0: it logs out
    bool no_status;                 // an empty VERIFY says 63Cx, also when the PIN is verified
    bool tries_0x;                  // a wrong PIN answers 630x (NEO)
    bool simple_refused;            // no PIN of one digit or of a row of them: 6985 (5.7)
    uint8_t touch_key;              // the reference of a key that wants a touch for each use
    uint8_t consent_key;            // of one whose certificate is for nonRepudiation (SIM_P256B)
    bool blank;                     // as it is made: no keys, certificates, CHUID, CCC or history
    // The management key: 03 3DES, 08 0a 0c AES; 0: 3DES, on a YubiKey from 5.7 on AES-192. Its
    // value; NULL: 0102030405060708 again and again.
    uint8_t management;
    const uint8_t *management_key;
    bool no_single, no_mutual;      // ways to authenticate it: it has only the other (6A80)
    bool wrong_response;            // it does not prove that it has the key, too: its own is wrong
    uint8_t no_algorithm;           // none of this is made or imported, though others may be
    bool prepared;                  // an RSA key that it makes is one of sim_keys.h: in no time
    size_t room;                    // bytes for data objects that are written; 0: 50 KiB
    bool empty_stays;               // of a deleted object GET DATA says 53 00; else 6A82
};

struct sim_card *sim_piv_new(const struct sim_piv_options *options);

// What the card saw. verifies: PINs it got, in the PIV application.
unsigned sim_piv_verifies(const struct sim_card *card);
unsigned sim_piv_signatures(const struct sim_card *card);
int sim_piv_tries(const struct sim_card *card);
int sim_piv_puk_tries(const struct sim_card *card);

// 9A's certificate is the one in a file, DER. false: there is none.
bool sim_piv_load_9a(struct sim_piv_options *options, const char *path);

// The public key's certificate, DER, to check against.
const uint8_t *sim_piv_certificate(enum sim_key key, size_t *len);

// Is the management key authenticated? How many answers to its challenges were wrong, or late?
bool sim_piv_admin(const struct sim_card *card);
unsigned sim_piv_wrong_answers(const struct sim_card *card);
// Commands that changed an object, a key, the management key or the number of tries, or erased.
unsigned sim_piv_writes(const struct sim_card *card);
// Is a data object there? SHA-256 of what GET DATA answers.
bool sim_piv_object(struct sim_card *card, uint32_t tag, uint8_t digest[32]);
enum sim_origin { SIM_NOT_THERE, SIM_GENERATED, SIM_IMPORTED };
enum sim_origin sim_piv_origin(struct sim_card *card, uint8_t ref);
// The key of a reference; NULL: none, or one of 25519. It stays the card's.
mbedtls_pk_context *sim_piv_pk(struct sim_card *card, uint8_t ref);

// Nobody touches the card the next n times that it waits for that.
void sim_piv_miss_touches(struct sim_card *card, unsigned n);

// Selects the card's other application, as another program would (AID A0000009990001: knows SELECT
// only).
void sim_piv_select_other(struct sim_card *card);

#endif
