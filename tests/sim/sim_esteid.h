// sim_esteid.h: simulated Estonian (2018) and Latvian eID cards, by IDEMIA.
// SPDX-License-Identifier: 0BSD
//
// PIN1 123456 (01), PIN2 654321 (85, in ADF2 only, good for one signature), PUK 12345678 (02), FF
// to 12, three tries each. Keys: 1 in ADF1 for authentication and ECDH, 2 in ADF2 for signatures.
#ifndef SIM_ESTEID_H
#define SIM_ESTEID_H

#include "sim_fs.h"

// {0} is an Estonian card with P-384 keys (81, 9F), short APDUs.
struct sim_esteid_options {
    bool second;                    // other keys: another card
    bool latvian;                   // directories in ADF1 and ADF2 say where things are (82, 9E)
    bool rsa;                       // Latvian: RSA-2048 keys (81, 9F)
    bool extended;
    unsigned most_read;             // bytes in one READ BINARY at most (233 of cards of 2018, 192 in
                                    // one reader); 0: 256
};

struct sim_card *sim_esteid_new(const struct sim_esteid_options *options);

#endif
