// sim_openpgp.h: a simulated OpenPGP card (its specification 2.0 to 3.4.1) with real keys.
// SPDX-License-Identifier: 0BSD
//
// PW1 123456, PW3 12345678, three tries each; no reset code, or 87654321. Keys: SIG RSA-2048, DEC
// RSA-2048, AUT P-256, each with a certificate. Private DOs: 0101 "anyone may read this", 0103 "with
// the PIN". AES keys and secure messaging it has not.
#ifndef SIM_OPENPGP_H
#define SIM_OPENPGP_H

#include "sim_common.h"

enum sim_openpgp_key { SIM_SIG, SIM_DEC, SIM_AUT };

// {0} is a card of 3.4 that answers as the standard would have it: extended length and chaining,
// whole answers, everything of 3.4 but a button, a KDF and MSE.
struct sim_openpgp_options {
    uint16_t version;               // 0: 0304. Below 0300: one certificate, no SELECT DATA, FA, DE,
                                    // UIF; below 0301 no logout; below 0303 no KDF
    uint16_t maker;                 // 0: FFFE
    enum sim_key sig, dec, aut;     // SIM_NO_KEY: the usual one
    bool second;                    // other keys, and another serial number: another card
    bool empty;                     // no keys, no certificates, no cardholder
    uint8_t no_key, no_certificate; // bits: 1 << SIM_SIG ...
    bool cardholder;                // name, language, login and URL are there
    bool reset_code;
    // How it speaks
    bool short_only;                // no extended length (Gnuk)
    bool no_chaining;
    bool pieces;                    // 255 bytes at most at a time, whatever Le says
    bool no_historical;             // an ATR without historical bytes (SmartPGP)
    bool bare_select;               // SELECT answers 9000 alone
    bool bare;                      // 6E, 65 and 7A come without their outer tag (Pico)
    bool own_tag;                   // C1 to C3, DE and 7F66 come in their own tag (SmartPGP)
    bool only_6e;                   // what stands in 73 is there only (CanoKey)
    bool missing;                   // a certificate that is not there: 6A88 (else 9000 and nothing)
    bool select_data_once;          // SELECT DATA holds for one GET DATA (CanoKey)
    bool select_data_06;            // its data stands after a 06 (YubiKey 5.2 to 5.4.3); else 6A80
    bool trailing_00, trailing_ff;  // a byte after the OID in algorithm attributes of EC
    // PINs
    bool once;                      // C4 00: a VERIFY of 81 for each signature
    bool keeps_login;               // SELECT of the application leaves the login; else it ends it
    bool says_tries;                // a wrong PIN: 63Cx (Pico); else 6982
    bool length_costs;              // so does a PIN of a wrong length (Pico); else 6700
    bool empty_ends;                // an empty VERIFY knows one state of both modes of PW1, and ends
                                    // the login of its own (CanoKey)
    bool no_status;                 // an empty VERIFY: 6700
    bool change_ends;               // CHANGE REFERENCE DATA ends the login (Gnuk)
    bool kdf, kdf_sha512;           // KDF-DO is set, with SHA-256, or SHA-512
    bool kdf_single;                // with one salt for all
    // Keys at work
    bool button;                    // UIF, 7F74
    uint8_t uif;                    // the keys that want a touch, bits as above
    unsigned sw_touch;              // what it says when none came; 0: 6600
    bool swaps;                     // MSE: AUT's key deciphers, DEC's authenticates
    bool zero_halves;               // r || s with a leading 00 each, where one of them would be
                                    // negative without (SmartPGP)
    bool whole_point;               // ECDH answers 04 || x || y
    bool sha2_only;                 // SIG with RSA: a DigestInfo of SHA-2; else 6985 (SmartPGP)
    bool hash_fits;                 // EC: no hash longer than the order; 6700 (CanoKey)
    bool hash_known;                // EC: as long as a hash that there is; 6985 (SmartPGP)
    const uint8_t *stamp;           // 8 bytes that end each certificate, and the serial number's
                                    // last 4; NULL: none
};

struct sim_card *sim_openpgp_new(const struct sim_openpgp_options *options);

// Nobody touches the card the next n times that it waits for that.
void sim_openpgp_miss_touches(struct sim_card *card, unsigned n);

// What is on the card.
struct sim_openpgp_seen {
    bool terminated, once;
    uint8_t origin[3], touch[3];            // of SIM_SIG ...; as DE and D6 have them
    uint8_t fingerprint[3][20], date[3][4];
};
struct sim_openpgp_seen sim_openpgp_see(const struct sim_card *card);

// A key, SIM_SIG ..., or NULL: there is none, or it is of 25519; it stays the card's. What a certificate
// (7F21) of that key is, or a data object of this tag; n 0: nothing.
mbedtls_pk_context *sim_openpgp_pk(struct sim_card *card, enum sim_openpgp_key key);
const uint8_t *sim_openpgp_value(struct sim_card *card, unsigned tag, enum sim_openpgp_key key, size_t *n);

// Is a password this one? 0 PW1, 1 PW3, 2 the reset code.
bool sim_openpgp_has_password(struct sim_card *card, unsigned index, const char *text);

#endif
