// sim_fs.h: a simulated card with a file system (ISO/IEC 7816-4, -8, -9) and real keys.
// SPDX-License-Identifier: 0BSD
//
// A kind of card is a struct sim_fs_kind: flags and tables that say how it differs, and hooks for
// what no flag says. What is on a card (files, PINs, keys) is added after sim_fs_new. A struct
// sim_fs begins with its struct sim_card: a cast goes from one to the other. One thread at a time.
#ifndef SIM_FS_H
#define SIM_FS_H

#include "sim_common.h"

// An access rule: SIM_FREE, SIM_NEVER, or SIM_PIN(i): the i-th PIN (from 0) must be verified.
#define SIM_FREE    0x00
#define SIM_NEVER   0xff
#define SIM_PIN(i)  ((uint8_t)((i) + 1))
#define SIM_NO_PIN  0xff            // sim_fs_pin.puk: nothing unblocks it

// ---- PINs ----

// GLP: 2n, then BCD, FF to 8 (2C 12 34 FF ...). HEX: two digits, 0 to F, in a byte.
enum sim_fs_form { SIM_ASCII, SIM_BCD, SIM_GLP, SIM_HEX };

struct sim_fs_pin {
    uint8_t ref;                    // P2 of VERIFY
    const char *value;              // digits or text; NULL: not set yet, and its rules are open
    enum sim_fs_form form;
    uint8_t min, max;               // in characters
    uint8_t stored;                 // bytes on the wire, padded to; 0: not padded
    uint8_t pad;
    uint8_t tries;                  // 0: 3
    uint8_t puk;                    // the PIN (from 0) that unblocks it; SIM_NO_PIN
    uint16_t df;                    // it is known in this DF only (its FID); 0: everywhere
    bool once;                      // good for one use of a key
    bool costly_length;             // a wrong length costs a try (else 6700)
    bool card_pads;                 // what comes shorter than stored is padded by the card
    // state
    char now[17];
    uint8_t left;
    bool verified;                  // also once it was set for the first time
};

// ---- Files ----

enum sim_fs_type { SIM_DF, SIM_EF, SIM_RECORDS, SIM_KEY_FILE };

struct sim_fs_file {
    struct sim_fs_file *parent, *next, *child;
    enum sim_fs_type type;
    uint16_t fid;
    uint8_t sfi;                    // 0: none
    uint8_t aid[16], aid_len;       // of a DF
    uint8_t read, update;           // rules; a DF's update: creating and deleting in it
    uint8_t remove;                 // rule for deleting this file
    uint8_t security[64], security_len;     // its access rules, as CREATE FILE brought them
    uint8_t security_tag;           // 8B, 8C, AB; 0: 86
    const uint8_t *more;            // further data objects of its FCP
    size_t more_len;
    bool inactive;                  // in creation state: who may create writes it, nobody reads it
    bool made;                      // by CREATE FILE
    uint16_t size;                  // as CREATE FILE said it, also of a DF
    uint8_t *data;                  // size bytes; of records: each with a length byte before it
    size_t data_len;
};

// ---- Keys ----

enum { SIM_SIGN = 1, SIM_DECIPHER = 2, SIM_DERIVE = 4, SIM_AUTHENTICATE = 8, SIM_ALL = 15 };

struct sim_fs_key {
    uint8_t ref;                    // as MSE's tag 84 (or 83) names it
    uint16_t fid;                   // the key file that MSE's tag 81 names (a DF there: ignored)
    uint16_t df;                    // it is known in this DF only; 0: everywhere
    uint8_t rule;                   // SIM_FREE or SIM_PIN(i)
    unsigned usage;                 // SIM_SIGN ...; 0: all
    uint8_t se;                     // it works in this SE only, after MSE RESTORE; 0: in any
    mbedtls_pk_context pk;
};

// What an algorithm byte (MSE's tag 80) stands for.
enum sim_fs_work {
    SIM_RSA_RAW,                    // a block
    SIM_RSA_PKCS1,                  // a DigestInfo: the card pads
    SIM_RSA_DIGEST,                 // a hash of md: the card makes the DigestInfo
    SIM_RSA_PSS,                    // a hash of md (MD_NONE: by its length)
    SIM_RSA_DECRYPT,                // PKCS#1: the card removes the padding
    SIM_RSA_OAEP,
    SIM_EC_DER, SIM_EC_PLAIN,       // ECDSA: DER, or r || s
    SIM_EC_HASH,                    // ECDSA, DER: the card hashes what it gets with md
    SIM_ECDH
};

struct sim_fs_algorithm {
    uint8_t byte;
    uint8_t template;               // 0xb6, 0xb8, 0xa4; 0: any
    enum sim_fs_work work;
    mbedtls_md_type_t md;
};

// The security environment of one template.
struct sim_fs_env {
    const struct sim_fs_algorithm *algorithm;
    struct sim_fs_key *key;
};

// ---- A kind of card ----

struct sim_fs;

struct sim_fs_kind {
    const char *name;
    const uint8_t *atr;
    size_t atr_len;
    const struct sim_fs_algorithm *algorithms;
    unsigned n_algorithms;
    // How it speaks
    bool extended, no_chaining, pieces, t0, wants_le, all_cla;
    bool (*by_part)(const struct sim_command *c);       // as of struct sim_line
    size_t most_read;               // bytes in one READ BINARY at most; 0: no limit
    size_t most_update;             // in one UPDATE BINARY; else 6700. 0: no limit
    unsigned sw_update_beyond;      // UPDATE BINARY across the end of the file; 0: 6A84
    // Selecting
    const uint8_t *applet;          // an applet: until it is selected, knows that only
    size_t applet_len;
    const uint8_t *applet_answer;   // what it answers to that
    size_t applet_answer_len;
    unsigned sw_unselected;         // what it answers before that (0: 6A82 to SELECT, 6D00)
    bool short_aid;                 // the beginning of an AID selects
    bool select_keeps_login;        // SELECT by an AID of its own does not end the login
    bool df_ends_login;             // leaving a DF ends the login of its own PINs
    bool sfi_of_fid;                // short EF identifiers are the last five bits of the FIDs
    bool no_fci;                    // SELECT by AID answers 9000 alone
    bool no_fcp;                    // each SELECT does, whatever it asks for
    uint8_t fci_tag;                // 0x6f or 0x62 (0: 6F for P2 00, 62 for 04)
    // Reading
    bool end_is_warning;            // less than Le: 6282 with what there is (else 9000)
    bool end_is_6b00;               // reading at the very end: 6B00 (else 9000 and nothing)
    unsigned sw_no_ef;              // reading with no EF selected (0: 6986)
    // Keys
    bool implicit_algorithm;        // MSE without tag 80: the first algorithm that fits the key
    bool no_key_files;              // MSE's tag 81 is ignored
    bool mse_wants_login;           // MSE of a key whose PIN is not verified: 6982
    bool one_environment;           // one for all templates
    bool mse_keeps_refused;         // a refused MSE leaves the one before (else it clears it)
    bool mse_checks_key;            // MSE refuses what the key cannot, as an unknown key
    unsigned sw_unknown_key;        // 0: 6A88
    unsigned sw_unknown_algorithm;  // 0: 6A80
    unsigned sw_not_verified;       // 0: 6982
    bool no_indicator;              // PSO DECIPHER without the padding indicator byte
    bool derive_bare;               // GENERAL AUTHENTICATE answers the secret alone (else 7C {82})
    bool left_pad;                  // ECDSA: 00 on the left, to the curve's length
    bool exact_hash;                // ECDSA wants a hash of exactly the curve's length (6A80)
    bool no_challenge;              // GET CHALLENGE: 6D00
    size_t challenge;               // it gives so many bytes at most; 0: no limit
    unsigned sw_challenge;          // ... and says this to any other Le; 0: it gives what it can
    // PINs
    bool verified_says_tries;       // an empty VERIFY answers 63Cx also when verified
    bool no_status;                 // an empty VERIFY: 6700
    bool empty_costs;               // an empty VERIFY counts as a wrong PIN
    bool logout;                    // VERIFY with P1 FF logs out (else 6A86)
    unsigned sw_unknown_pin;        // 0: 6A88
    unsigned sw_unset_pin;          // a PIN that is there, without a value; 0: as an unknown one
    // Hooks; NULL: none.
    // A command before all others; returns 0: it is not one of the kind's own.
    unsigned (*command)(struct sim_fs *, const struct sim_command *, struct sim_answer *);
    // Writes the answer to SELECT, with its outer tag.
    void (*fci)(struct sim_fs *, const struct sim_fs_file *, uint8_t p2, struct sim_answer *);
    // Sets read and update of a file from its security bytes, after CREATE FILE.
    void (*access)(struct sim_fs *, struct sim_fs_file *);
    void (*free)(struct sim_fs *);  // what own holds
};

struct sim_fs {
    struct sim_card card;           // first
    struct sim_fs_kind kind;
    struct sim_line line;
    struct sim_random random;
    struct sim_fs_file *mf, *df, *ef;       // the root; where the card is; ef NULL: none selected
    struct sim_fs_pin pins[8];
    unsigned n_pins;
    struct sim_fs_key keys[32];
    unsigned n_keys;
    struct sim_fs_env env[3];       // B6, B8, A4
    uint8_t se;                     // the SE that was restored; 0: none since the last SELECT by AID
    bool selected, other;           // the applet; the other application
    uint8_t hash[64];               // of PSO HASH
    size_t hash_len;
    size_t challenged;              // random bytes it gave
    void *own;                      // the kind's own
};

// A card with an MF and nothing else. The kind is copied, its tables are not.
struct sim_fs *sim_fs_new(const struct sim_fs_kind *kind);

// Adds a file. at: the DF (NULL: the MF). data may be NULL; size 0: as long as data. The rest of
// size is 00. Aborts if the FID is there.
struct sim_fs_file *sim_fs_df(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid,
                              const void *aid, size_t aid_len);
struct sim_fs_file *sim_fs_ef(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid,
                              const void *data, size_t n, size_t size);
struct sim_fs_file *sim_fs_records(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid);
void sim_fs_add_record(struct sim_fs_file *file, const void *data, size_t n);   // up to 255 bytes
struct sim_fs_file *sim_fs_find(const struct sim_fs_file *df, uint16_t fid);
struct sim_fs_file *sim_fs_path(const struct sim_fs *f, const char *path);      // "3f0050154401"
void sim_fs_remove(struct sim_fs *f, struct sim_fs_file *file);                 // and what is in it

// Adds a PIN; returns its index.
unsigned sim_fs_pin(struct sim_fs *f, const struct sim_fs_pin *pin);

// Adds a key (SIM_NO_KEY: an empty one, to be made or stored by a command).
struct sim_fs_key *sim_fs_key(struct sim_fs *f, enum sim_key key, uint8_t ref, uint16_t fid,
                              uint8_t rule, unsigned usage);

// ---- For hooks ----

bool sim_fs_allowed(const struct sim_fs *f, uint8_t rule);
void sim_fs_logout(struct sim_fs *f);                       // every PIN
struct sim_fs_pin *sim_fs_pin_of(struct sim_fs *f, uint8_t ref);    // in the selected DF; NULL
// Compares and counts: 9000, 63Cx, 6983, 6700.
unsigned sim_fs_check_pin(struct sim_fs *f, struct sim_fs_pin *pin, const uint8_t *p, size_t n);
struct sim_fs_env *sim_fs_env(struct sim_fs *f, uint8_t template);
unsigned sim_fs_mse_set(struct sim_fs *f, uint8_t template, const uint8_t *p, size_t n);
// A private key's work on data; checks and uses up the login.
unsigned sim_fs_use(struct sim_fs *f, uint8_t template, unsigned usage, const uint8_t *p, size_t n,
                    struct sim_answer *a);
// The commands of the standard, after the kind's hook.
unsigned sim_fs_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a);

// Selects the card's other application, as another program would (AID A0000009990001: knows SELECT
// only).
void sim_fs_select_other(struct sim_card *card);

#endif
