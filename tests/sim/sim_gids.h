// sim_gids.h: a simulated card of Microsoft's Generic Identity Device Specification (GIDS).
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (80, 4 to 15 characters), 3 tries; the administrator's key is 24 bytes of 00. Keys by
// container: 0 (81) RSA-2048 for key exchange, which signs and decrypts, 1 (82) RSA-2048 for
// signatures; the certificates are files kxc00 and ksc01, deflated.
#ifndef SIM_GIDS_H
#define SIM_GIDS_H

#include "sim_fs.h"

// {0} is the card above: short APDUs with chaining, MSE takes algorithms 57 and 17.
struct sim_gids_options {
    bool second;                    // other keys: another card
    bool plain;                     // certificates are not deflated
    bool ec;                        // containers 2 (83) P-256 and 3 (84) P-384 beside, for signatures
    bool der;                       // ECDSA answers DER, else r || s
    bool many;                      // containers 2 to 11 beside, for signatures, RSA-2048 and P-256 in
                                    // turn; their files are named in hexadecimal
    bool decimal;                   // ... in decimal, as by minidrivers
    bool no_certificate;            // container 2 (83), RSA-3072 for signatures, has none
    bool only_57;                   // MSE of a key for signatures takes no other algorithm
    bool extended;                  // extended length; else 6700
    bool pieces;                    // answers come in pieces of 255 bytes
    bool puk;                       // a PUK, 81: 12345678; else the administrator unblocks
    bool no_cache_file;             // no cardcf
    bool empty;                     // as installed
    bool exists_6984;               // so CREATE FILE says that there is one; else 6A89
    bool no_delete;                 // knows no DELETE FILE
    bool no_ec;                     // makes no keys of EC
    bool quiet;                     // GENERATE ASYMMETRIC KEY PAIR is answered with nothing
    bool wrong_answer;              // does not know its own administrator's key
    size_t room;                    // bytes that there are for all data objects; 0: no limit
    const uint8_t *stamp;           // 8 bytes that end each certificate that is not deflated, and
                                    // the card's identifier; NULL: none
};

struct sim_card *sim_gids_new(const struct sim_gids_options *options);

// Has the administrator shown his key? How often was a wrong one shown? How many commands changed the
// card? Are its access rules in force?
bool sim_gids_admin(struct sim_card *card);
unsigned sim_gids_wrong_answers(struct sim_card *card);
unsigned sim_gids_writes(struct sim_card *card);
bool sim_gids_active(struct sim_card *card);

// Another program gives the card another key of its administrator, and selects another application.
void sim_gids_change_key(struct sim_card *card);

// A data object's content, or NULL; a file; a key in it, or NULL.
const uint8_t *sim_gids_object(struct sim_card *card, uint16_t ef, uint16_t tag, size_t *n);
bool sim_gids_has_file(struct sim_card *card, uint16_t fid);
mbedtls_pk_context *sim_gids_pk(struct sim_card *card, uint8_t ref);

#endif
