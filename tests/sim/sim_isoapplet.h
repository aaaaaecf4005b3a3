// sim_isoapplet.h: a simulated IsoApplet (Philip Wendland's), API v0 and v1.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (01, up to 16, the card pads with 00), PUK 1234567812345678 (02), 3 and 5 tries. Keys,
// CKA_ID and reference: 01 RSA-2048 (0) sign and decrypt, 02 P-256 (1), 03 P-384 (2), 0A RSA-2048
// (3) decrypt.
#ifndef SIM_ISOAPPLET_H
#define SIM_ISOAPPLET_H

#include "sim_p15.h"

// {0} is the card above with API v1: extended length and no chaining, ECDSA over a hash, PSS.
struct sim_isoapplet_options {
    bool v0;                        // API v0: chaining, the card hashes for ECDSA with SHA-1
    bool short_only;                // v0 without extended length
    bool second;                    // other keys: another card
    bool empty;                     // as installed: no files, no PIN
    bool no_keys;                   // pkcs15-init has made it, and nothing else: a PIN, no keys
};

struct sim_card *sim_isoapplet_new(const struct sim_isoapplet_options *options);

#endif
