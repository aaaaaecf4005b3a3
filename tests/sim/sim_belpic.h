// sim_belpic.h: a simulated Belgian eID card. SPDX-License-Identifier: 0BSD
//
// PIN 123456 (01, 2n, BCD, FF to 8), PUK 123456789012 (only resets the tries of the PIN), three
// tries each. Keys 82 for authentication (CKA_ID 02), 83 for qualified signatures (CKA_ID 03): the
// PIN right before each.
#ifndef SIM_BELPIC_H
#define SIM_BELPIC_H

#include "sim_fs.h"

// {0} is a card with applet 1.7 and RSA-2048 keys; short APDUs, T=0.
struct sim_belpic_options {
    bool second;                    // other keys: another card
    bool ec;                        // applet 1.8: P-384 keys
};

struct sim_card *sim_belpic_new(const struct sim_belpic_options *options);

#endif
