// sim_generic.h: a simulated card as the standards have it: PKCS#15 files, its keys used with MSE
// SET (22 41 B6, B8, A4) and PSO, its algorithms announced in TokenInfo.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (81, ASCII, FF to 8), PUK 12345678 (83), three tries each. Keys, CKA_ID and reference
// alike: 01 RSA-2048 sign and decrypt, 02 P-256 sign, 03 P-384 sign and derive, 04 RSA-3072 sign.
#ifndef SIM_GENERIC_H
#define SIM_GENERIC_H

#include "sim_p15.h"

// Algorithm bytes
enum { SIM_GENERIC_RSA_PKCS1 = 0x02, SIM_GENERIC_RSA_RAW = 0x03, SIM_GENERIC_ECDSA = 0x04,
       SIM_GENERIC_ECDH = 0x05, SIM_GENERIC_RSA_PSS = 0x06 };

// Keys that work in one security environment only, which the card says in TokenInfo, in the entry
// of the PIN, or in each key's access rule (there each key has one of its own, of its reference).
enum { SIM_GENERIC_SE_NONE, SIM_GENERIC_SE_INFO, SIM_GENERIC_SE_PIN, SIM_GENERIC_SE_RULE };

// How it says in its FCPs who may do what: not at all, in compact form (8C; beside it 7B in the DFs,
// if it has more than one PIN), by reference to EF.ARR 2F06 in the MF and in the application's DF (8B),
// the same with an SE, EF.ARR in the MF alone, or in expanded form (AB). A new file
// has its rules in one of those ways, or none: then it is read by anyone, and changed by who changes
// the others. 8B needs EF.ARR.
enum { SIM_GENERIC_RULES_NONE, SIM_GENERIC_RULES_COMPACT, SIM_GENERIC_RULES_ARR,
       SIM_GENERIC_RULES_ARR_SE, SIM_GENERIC_RULES_EXPANDED };

// Who changes directories, certificates, data and unused space, and creates and deletes files in its
// DFs: nobody, the PIN, the second PIN, anyone.
enum { SIM_GENERIC_WRITER_NONE, SIM_GENERIC_WRITER_PIN, SIM_GENERIC_WRITER_SECOND,
       SIM_GENERIC_WRITER_ANYONE };

// CREATE FILE: not known, or it makes files that can be used at once, or once they were activated
// (until then who may create them writes them, and nobody reads them).
enum { SIM_GENERIC_CREATES_NOT, SIM_GENERIC_CREATES, SIM_GENERIC_CREATES_INACTIVE };

// MSE without an algorithm takes the usual one: PKCS#1, or ECDSA.
// {0} is the card above: short APDUs with chaining, whole answers, ECDSA answers r || s.
struct sim_generic_options {
    bool second;                    // other keys: another card
    bool extended, no_chaining, pieces, t0;
    bool no_indicator;              // PSO DECIPHER takes no padding indicator
    bool der;                       // ECDSA answers DER
    bool keeps_login;               // SELECT of its AID does not end the login
    bool no_status;                 // an empty VERIFY is refused
    bool empty_costs;               // an empty VERIFY counts as a try
    bool two_pins;                  // 654321 (82) beside, for key 03; there is no 04
    bool three_pins;                // and a third, 246813 (84), for key 04, P-256, each time
    bool elsewhere;                 // the second PIN and its key are in another application
    bool lost_pin;                  // key 02 wants each time a PIN that is not there
    bool no_challenge;              // GET CHALLENGE is not known
    size_t challenge;               // it gives so many bytes at most; 0: no limit
    int  se;                        // SIM_GENERIC_SE_...
    bool no_aid;                    // the application has no AID that SELECT knows
    int  rules;                     // SIM_GENERIC_RULES_...
    int  writer;                    // SIM_GENERIC_WRITER_...
    bool fixed_directories;         // but the directories and the ODF nobody writes
    bool fixed_info;                // nor TokenInfo
    int  creates;                   // SIM_GENERIC_CREATES_...
    bool no_delete;                 // DELETE FILE is not known
    uint8_t fill;                   // what a new file is full of
    bool keeps_place;               // CREATE FILE selects the new file not: no EF is selected
    size_t memory;                  // bytes for new files, each of which takes 16 more; 0: no limit
    size_t most_update;             // bytes in one UPDATE BINARY; else 6700. 0: no limit
    unsigned sw_beyond;             // UPDATE BINARY across the end of a file; 0: 6A84
    bool no_fcp;                    // SELECT answers 9000 alone, whatever it asks for
    bool no_data;                   // no data objects
    const struct sim_p15 *p15;      // how its files deviate; may name other keys and PINs
};

struct sim_card *sim_generic_new(const struct sim_generic_options *options);

#endif
