// sim_schsm.h: a simulated SmartCard-HSM: Pico HSM's firmware, or CardContact's applet.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (81, 6 to 15 characters), SO-PIN 3537363231383830 (88, 16 hexadecimal digits in 8
// bytes), 3 and 15 tries. Keys by number, then CKA_ID: 01 (01) RSA-2048 and 02 (03) P-256, each
// with a certificate; 03 (04) P-384, 04 (05) P-521 and 05 (06) RSA-2048, each with the request that
// the card made for it; AES keys, whose values sim_schsm_secret tells, 06 (10) of 256 and 07 (11) of
// 128 bits. RSA signs and decrypts, EC signs and derives. Key 00 is the device's own. Data objects:
// "Note", that all may read, and "Secret"; a certificate of no key.
#ifndef SIM_SCHSM_H
#define SIM_SCHSM_H

#include "sim_fs.h"

// {0} is the card above as a Pico HSM 6.6: extended length and chaining, an answer that does not fit
// comes on with GET RESPONSE.
struct sim_schsm_options {
    bool second;                    // other keys: another card
    bool two;                       // keys 01 and 02, and nothing else
    bool many;                      // 60 keys, 01 to 3C, CKA_ID alike, labels "Key 1" to "Key 60":
                                    // RSA-2048, P-256, and so on; of each two the first has a
                                    // certificate
    bool curves;                    // instead: 01 brainpoolP256r1, 02 brainpoolP384r1, 03
                                    // brainpoolP512r1, 04 secp256k1; 01 and 03 with certificates
    // As CardContact's: no chaining, 1014 bytes in a command or answer at most, READ gives what Le
    // asks for and 6282 at the end, the list names all files in the order of their keys, a PIN of a
    // wrong length costs nothing, ECDH answers with both coordinates.
    bool cardcontact;
    bool short_only;                // no extended length, but chaining
    bool pieces;                    // answers come in pieces of 255 bytes
    bool no_label;                  // no TokenInfo, 2F03
    bool no_certificates;           // each key has its request instead
    bool transport;                 // the PIN must be changed before it is good for anything
    bool blank;                     // as made: no PINs, no keys
    bool keeps_ends;                // what is written over a longer file leaves its end
    bool own_entries;               // a key pair that is made gets an entry and its request by itself,
                                    // as Pico HSM's firmware does it: CKA_ID and label its number
    const char *dkek;               // the key that wraps keys: the one share of 32 bytes that it was given
    bool share_missing;             // ... or was not: it waits for it
    unsigned uses;                  // key 01 may be used so often; 0: for ever
};

struct sim_card *sim_schsm_new(const struct sim_schsm_options *options);

// The value of an AES key, to room for 32 bytes; its length, 0: there is no such key.
size_t sim_schsm_secret(uint8_t id, bool second, uint8_t *value);

// The pair of a number, or NULL: there is none. It stays the card's.
mbedtls_pk_context *sim_schsm_pk(struct sim_card *card, uint8_t number);

#endif
