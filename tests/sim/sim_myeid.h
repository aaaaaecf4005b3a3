// sim_myeid.h: a simulated MyEID (Aventra's PKCS#15 applet) or OsEID, which knows its commands.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (1), PUK 12345678, SO-PIN 87654321 (3), three tries each, ten for the PUKs. Keys,
// CKA_ID and key file: 01 RSA-2048 sign and decrypt (4B01), 02 P-256 sign and derive (4B02), 03
// P-384 sign and derive (4B03), 04 P-521 sign and derive (4B04), 05 RSA-4096 sign and decrypt
// (4B05).
// Secret keys, whose values sim_myeid_secret tells: 10 AES-256 (4D01), of which the directory says
// that it is a secret; 11 3DES (4D02), by its tag, as OpenSC writes it; 12 AES-128 (4D03), by
// supportedAlgorithms, to wrap too; 13 AES-192 (4D04) and 14 3DES of two keys (4D05), secrets.
#ifndef SIM_MYEID_H
#define SIM_MYEID_H

#include "sim_p15.h"

// {0} is the card above, as OsEID has it: chaining and extended length.
struct sim_myeid_options {
    bool classic;                   // MyEID 4.0: neither; a cryptogram comes in halves; no raw
                                    // signature of 256 bytes; no key 05. (With secret keys each
                                    // part of a chain is answered, on both.)
    bool two;                       // keys 01 and 02 only, no secret keys
    bool no_name;                   // an ATR that does not name it
    bool second;                    // other keys: another card
    bool empty;                     // as manufactured: no files, no PIN
    bool short_only;                // MyEID 4.5: chaining, no extended length
    bool derives_by_file;           // as OsEID: ECDH is done by the key file that is selected, when
                                    // MSE comes and when the point comes; else 6985
    bool p192;                      // key 06, P-192, sign and derive (4B06), beside
    bool other_pin;                 // the PIN is number 2
    bool second_pin;                // number 2, 654321, is there beside it, and wanted by key 02 each
                                    // time
};

// The value of a secret key, to room for 32 bytes; its length, 0: there is no such key.
size_t sim_myeid_secret(uint8_t id, bool second, uint8_t *value);

struct sim_card *sim_myeid_new(const struct sim_myeid_options *options);

#endif
