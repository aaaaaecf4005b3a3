// sim_fineid.h: simulated Finnish (version 4) and Estonian (2025) eID cards, by Thales.
// SPDX-License-Identifier: 0BSD
//
// PIN1 123456 (11; Estonian 81), PIN2 654321 (82, good for one signature), PUK 12345678 (83), 00 to
// 12, five tries each (Estonian three). P-384 keys: for authentication and ECDH (01), for
// signatures (02; Estonian 05).
#ifndef SIM_FINEID_H
#define SIM_FINEID_H

#include "sim_p15.h"

// {0} is a Finnish card with a PKCS#15 directory.
struct sim_fineid_options {
    bool second;                    // other keys: another card
    bool estonian;                  // no directory, fixed places
    bool bare;                      // Finnish, without its directory
    bool extended;
};

struct sim_card *sim_fineid_new(const struct sim_fineid_options *options);

#endif
