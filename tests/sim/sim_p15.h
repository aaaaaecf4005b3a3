// sim_p15.h: the PKCS#15 files of a simulated card, from a small description.
// SPDX-License-Identifier: 0BSD
//
// It writes files only (PKCS#15 v1.1, ISO/IEC 7816-15): EF.DIR 2F00 in the MF, and in the
// application's DF the ODF 5031, TokenInfo 5032, AODF 4401, PrKDF 4402, PuKDF 4403, CDF 4404, DODF
// 4405, SKDF 4406, EF.UnusedSpace 5033 where it has any, public keys from 3300 on, certificates
// from 3400 on, data from 3500 on.
// The PINs and keys themselves are the card's (sim_fs_pin, sim_fs_key).
#ifndef SIM_P15_H
#define SIM_P15_H

#include "sim_fs.h"

// Bit strings are masks: bit 0 of the standard is 1 << 0.
enum { P15_ENCRYPT = 1 << 0, P15_DECRYPT = 1 << 1, P15_SIGN = 1 << 2, P15_SIGN_RECOVER = 1 << 3,
       P15_WRAP = 1 << 4, P15_UNWRAP = 1 << 5, P15_VERIFY = 1 << 6, P15_DERIVE = 1 << 8,
       P15_NON_REPUDIATION = 1 << 9 };
enum { P15_CASE = 1 << 0, P15_LOCAL = 1 << 1, P15_CHANGE_DISABLED = 1 << 2,
       P15_UNBLOCK_DISABLED = 1 << 3, P15_INITIALIZED = 1 << 4, P15_PADDED = 1 << 5,
       P15_UNBLOCKING = 1 << 6, P15_SO = 1 << 7 };
enum { P15_BCD, P15_TEXT, P15_UTF8, P15_HALF_NIBBLE, P15_ISO9564 };    // pinType

#define SIM_P15_ELSEWHERE "\xa0\x00\x00\x09\x99\x00\x03"

struct sim_p15_pin {
    const char *label;
    uint8_t id, puk_id;             // authId; puk_id: of the PIN that unblocks it, 0: none
    unsigned flags;
    uint8_t type, min, stored, max; // max 0: left out
    uint8_t ref;
    int pad;                        // -1: left out
    bool no_path;
};

struct sim_p15_key {
    const char *label;              // of the key; NULL: none
    const char *certificate_label;  // NULL: as the key's
    enum sim_key key;
    uint8_t id, pin_id;             // CKA_ID; authId of its PIN, 0: none
    uint8_t ref;
    uint16_t file;                  // the key file in its path; 0: the DF
    unsigned usage;                 // 0: sign, and for RSA decrypt
    int consent;                    // userConsent; 0: left out
    bool no_certificate, no_public;
    bool no_private;                // a certificate alone
    const char *algorithms;         // algReference: references of TokenInfo, one a character
    uint8_t se;                     // of its access rule; 0: it has none
};

struct sim_p15_data { const char *label, *application, *value; uint8_t pin_id; };
struct sim_p15_secret {
    const char *label;
    uint8_t id, pin_id, ref;
    unsigned bits;
    uint16_t file;
    uint8_t tag;                    // of its entry; 0: AF, a generic secret key
    unsigned usage;                 // 0: encrypt and decrypt
    const char *algorithms;         // as of struct sim_p15_key
};

// A record of EF.UnusedSpace: part of a file of the application
struct sim_p15_unused {
    uint16_t fid;                   // 0: the DF itself
    unsigned index, length;
    uint8_t auth_id;                // 0: left out
};

// supportedAlgorithms of TokenInfo
struct sim_p15_algorithm {
    uint8_t reference;
    uint16_t mechanism;             // CKM_
    unsigned operations;            // bit 1 sign, 3 verify, 4 encipher, 5 decipher, 8 derive
    uint8_t ref;                    // the byte for MSE; 0: left out
};

struct sim_p15 {
    const char *label, *maker;
    const uint8_t *serial;          // NULL: 01 02 03 04
    size_t serial_len;
    const struct sim_p15_pin *pins;
    const struct sim_p15_key *keys;
    const struct sim_p15_data *data;
    const struct sim_p15_secret *secrets;
    const struct sim_p15_algorithm *algorithms;
    const struct sim_p15_unused *unused;
    unsigned n_pins, n_keys, n_data, n_secrets, n_algorithms, n_unused;
    unsigned token_flags;           // 0: login required, PRN generation
    uint8_t se, pin_se;             // seInfo; seIdentifier of the first PIN; 0: none
    uint8_t elsewhere;              // authId of a PIN that, with its keys, is in the application
                                    // SIM_P15_ELSEWHERE: their paths name its AID; 0: none
    // What cards do differently: options
    uint16_t size;                  // of directory files; 0: as long as what is in them
    uint8_t pad;                    // the rest of them: 00 or FF
    bool deleted;                   // a record that was deleted (its tag 00) before each record
    bool relative;                  // paths without 3F00
    bool whole_path;                // paths with index 0 and length
    bool in_odf;                    // objects inside the ODF, no directory files
    bool in_cdf;                    // certificates and public keys inside their directory files (EC:
                                    // as an ECPoint with ec_by_curve, else SubjectPublicKeyInfo)
    bool negative;                  // references above 7F as negative numbers
    bool no_auth_id;                // no authId at keys
    bool ec_by_curve;               // EC keys: domain parameters and no size
    bool explicit_tags;             // [0] of lengths and PIN references explicit
    bool no_label;                  // empty labels
    bool no_dir;                    // no EF.DIR
    bool other_first;               // EF.DIR names another application before
    bool dir_records;               // EF.DIR is a record file
    bool no_token_info;
    const char *last_update;        // of TokenInfo: a GeneralizedTime; NULL: left out
    bool one_file;                  // certificates one behind the other in EF 3400, paths with index
                                    // and length
    uint16_t spare;                 // unused bytes, which EF.UnusedSpace names: behind those
                                    // certificates, else in an EF 3480 of their own
    bool empty_too;                 // directory files of certificates and data, whatever is in them
};

// Writes all of it into df (its AID goes to EF.DIR).
void sim_p15_build(struct sim_fs *f, struct sim_fs_file *df, const struct sim_p15 *d);

// The public key: RSAPublicKey, or a SubjectPublicKeyInfo.
void sim_p15_put_public(struct sim_answer *a, enum sim_key key, bool spki);

#endif
