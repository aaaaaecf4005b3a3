// written.h: the kinds of cards that are written, and how: the table that written.c goes over. A new
// kind is one entry here. SPDX-License-Identifier: 0BSD
#ifndef WRITTEN_H
#define WRITTEN_H

#include "writing.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_schsm.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_generic.h"

// How OpenSC takes it: it signs with RSA keys alone; it numbers keys itself, from 0 on; it reads it only.
enum { OPENSC_RSA = 1, OPENSC_NUMBERS = 2, OPENSC_READS = 4 };

// What of an object can be changed afterwards.
enum { WRITTEN_LABEL = 1, WRITTEN_ID = 2 };

// Are certificates stored compressed: where that is asked for, or unless it is asked not to?
enum written_packs { WRITTEN_NEVER, WRITTEN_ASKED, WRITTEN_USUALLY };

#define WRITTEN_IDS 4

struct written_kind {
    const char *name;
    struct sim_card *(*blank)(bool other);  // other: of the same kind, another card
    const char *so, *wrong_so;              // NULL: the user writes the card
    const char *first_so;                   // for C_InitToken and C_InitPIN
    const char *user, *wrong_user;
    bool init_token, init_pin;              // what a blank card wants first
    CK_BYTE ids[WRITTEN_IDS];               // CKA_ID of keys: the first two sign
    unsigned makes;                         // bits, of makes[] in writing.h; 0: the keys are there
    enum sim_key imports[4];                // keys that it is given
    CK_MECHANISM_TYPE ecdsa;                // 0: CKM_ECDSA_SHA256
    bool deletes_keys, certificates;
    bool makes_anew;                        // a key in the place of one that has no certificate
    bool takes_places;                      // a certificate takes the place of the one that is there
    bool certificate_shows_key;             // who did not make it knows of a key by its certificate
    bool certificate_needs_key;             // it is stored with its key, and goes with it
    enum written_packs packs;
    bool long_entries;                      // of its directories, one of which takes several commands
    unsigned opensc;                        // OPENSC_...
    const char *data[2];                    // CKA_APPLICATION and CKA_LABEL of data; NULL: none
    unsigned sets;                          // WRITTEN_... of a private key
    bool policies;                          // keys may want the PIN each time, or a touch
    bool takes_secret_keys;
    bool tries, so_tries;                   // C_InitToken can set so many of the PIN; of its PUK
    // How many wrong secrets of the SO came to the card; NULL: each costs a try.
    unsigned (*wrong)(const struct sim_card *card);
};

#define MAKES_EC  (1u << P_256 | 1u << P_384)
#define MAKES_RSA (1u << RSA_2048)
#define MAKES_25519 (1u << ED25519 | 1u << ED25519_OID)

// ---- PIV ----

#define WRITTEN_PIV_KEY "010203040506070801020304050607080102030405060708"
#define WRITTEN_NOT_KEY "f10203040506070801020304050607080102030405060708"

static inline struct sim_card *written_piv(bool other)
{
    return sim_piv_new(&(struct sim_piv_options){ .blank = true, .prepared = true, .second = other });
}

static inline struct sim_card *written_yubikey(bool other)
{
    return sim_piv_new(&(struct sim_piv_options){ .blank = true, .prepared = true, .second = other,
        .yubikey = true, .management = 3, .version = 0x050700, .extended = true });
}

// ---- IsoApplet ----

static inline struct sim_card *written_isoapplet(bool other)
{
    (void)other;
    return sim_isoapplet_new(&(struct sim_isoapplet_options){ .empty = true });
}

static inline struct sim_card *written_isoapplet0(bool other)
{
    (void)other;
    return sim_isoapplet_new(&(struct sim_isoapplet_options){ .empty = true, .v0 = true });
}

// ---- SmartCard-HSM ----

static inline struct sim_card *written_schsm(bool other)
{
    return sim_schsm_new(&(struct sim_schsm_options){ .blank = true, .second = other });
}

static inline struct sim_card *written_cardcontact(bool other)
{
    return sim_schsm_new(&(struct sim_schsm_options){ .blank = true, .second = other,
                                                      .cardcontact = true });
}

// ---- GIDS ----

#define WRITTEN_GIDS_KEY "0123456789abcdef0123456789abcdef0123456789abcdef"

static inline unsigned written_gids_wrong(const struct sim_card *card)
{
    return sim_gids_wrong_answers((struct sim_card *)(uintptr_t)card);
}

static inline struct sim_card *written_gids(bool other)
{
    return sim_gids_new(&(struct sim_gids_options){ .empty = true, .second = other });
}

// ---- OpenPGP ----

static inline struct sim_card *written_openpgp(bool other)
{
    return sim_openpgp_new(&(struct sim_openpgp_options){ .empty = true, .second = other });
}

#define WRITTEN_OPENPGP .so = "12345678", .wrong_so = "87654321", .user = "123456", \
    .wrong_user = "654321", .makes_anew = true, .takes_places = true, .certificates = true, .policies = true, \
    .data = { "Login data", "URL of the public key" }

// ---- MyEID ----

static inline struct sim_card *written_myeid(bool other)
{
    return sim_myeid_new(&(struct sim_myeid_options){ .empty = true, .second = other });
}

// Neither chains nor extended length.
static inline struct sim_card *written_myeid_classic(bool other)
{
    return sim_myeid_new(&(struct sim_myeid_options){ .empty = true, .second = other, .classic = true });
}

// ---- Other cards with PKCS#15 ----

// Keys that sign without certificates, and one that has one: what is stored is like that.
static inline struct sim_card *written_generic_of(struct sim_p15 *d, struct sim_generic_options *o)
{
    static const struct sim_p15_key keys[] = {
        { .label = "One", .key = SIM_P256A, .id = 1, .pin_id = 1, .ref = 1, .no_certificate = true },
        { .label = "Two", .key = SIM_P256B, .id = 2, .pin_id = 1, .ref = 2, .no_certificate = true },
        { .label = "Other", .key = SIM_P384A, .id = 9, .pin_id = 1, .ref = 3 },
    };
    d->keys = keys;
    d->n_keys = 3;
    d->size = 600;
    o->writer = SIM_GENERIC_WRITER_PIN;
    o->p15 = d;
    return sim_generic_new(o);
}

// Files are made for what is stored.
static inline struct sim_card *written_generic(bool other)
{
    struct sim_p15 d = { .last_update = "20240102030405Z" };
    struct sim_generic_options o = { .second = other, .creates = SIM_GENERIC_CREATES,
                                     .rules = SIM_GENERIC_RULES_COMPACT, .extended = true };
    return written_generic_of(&d, &o);
}

// What is stored goes where space is unused.
static inline struct sim_card *written_generic_unused(bool other)
{
    struct sim_p15 d = { .one_file = true, .spare = 3000, .pad = 0xff,
                         .last_update = "20241231235959Z" };
    struct sim_generic_options o = { .second = other, .rules = SIM_GENERIC_RULES_EXPANDED };
    return written_generic_of(&d, &o);
}

#define WRITTEN_GENERIC .user = "123456", .wrong_user = "654321", .ids = { 1, 2, 3, 4 }, \
    .certificates = true, .data = { "Some data", "Other data" }, .opensc = OPENSC_READS

static const struct written_kind written_kinds[] = {
    { .name = "PIV", .blank = written_piv, .so = WRITTEN_PIV_KEY, .wrong_so = WRITTEN_NOT_KEY,
      .user = "123456", .wrong_user = "654321", .ids = { 1, 2, 5, 6 }, .makes = MAKES_EC | MAKES_RSA,
      .certificates = true, .certificate_shows_key = true, .takes_places = true, .packs = WRITTEN_ASKED,
      .data = { "Security Object", "Printed Information" }, .wrong = sim_piv_wrong_answers },
    { .name = "YubiKey", .blank = written_yubikey, .so = WRITTEN_PIV_KEY, .wrong_so = WRITTEN_NOT_KEY,
      .user = "123456", .wrong_user = "654321", .ids = { 1, 2, 5, 6 },
      .makes = MAKES_EC | MAKES_RSA | MAKES_25519,
      .imports = { SIM_RSA2048A, SIM_P256B, SIM_P384A, SIM_RSA3072 }, .deletes_keys = true,
      .makes_anew = true, .takes_places = true, .certificates = true, .packs = WRITTEN_ASKED,
      .data = { "Security Object", "Printed Information" }, .policies = true, .wrong = sim_piv_wrong_answers },
    { .name = "IsoApplet", .blank = written_isoapplet, .first_so = "1234567812345678",
      .user = "123456", .wrong_user = "654321", .long_entries = true,
      .init_token = true, .init_pin = true, .opensc = OPENSC_RSA,
      .ids = { 1, 2, 3, 4 }, .makes = MAKES_EC | MAKES_RSA,
      .imports = { SIM_RSA2048B, SIM_P256B, SIM_P384B }, .deletes_keys = true, .certificates = true,
      .data = { "One", "Another" }, .sets = WRITTEN_LABEL | WRITTEN_ID },
    { .name = "IsoApplet 0", .blank = written_isoapplet0, .first_so = "1234567812345678",
      .user = "123456", .wrong_user = "654321", .init_token = true, .init_pin = true,
      .ids = { 1, 2, 3, 4 }, .makes = MAKES_EC | MAKES_RSA,
      .imports = { SIM_P384B, SIM_RSA2048A }, .ecdsa = CKM_ECDSA_SHA1, .deletes_keys = true,
      .certificates = true, .data = { "One", "Another" }, .sets = WRITTEN_LABEL },
    { .name = "SmartCard-HSM", .blank = written_schsm, .first_so = "3537363231383830",
      .user = "123456", .wrong_user = "654321", .init_token = true, .init_pin = true,
      .ids = { 0x10, 0x11, 0x12, 0x13 }, .makes = MAKES_EC | MAKES_RSA, .deletes_keys = true,
      .certificates = true, .data = { "Some", "Other" }, .sets = WRITTEN_LABEL | WRITTEN_ID,
      .tries = true },
    { .name = "SmartCard-HSM of CardContact", .blank = written_cardcontact,
      .first_so = "3537363231383830", .user = "123456", .wrong_user = "654321", .init_token = true,
      .init_pin = true, .ids = { 0x10, 0x11, 0x12, 0x13 }, .makes = MAKES_EC | MAKES_RSA,
      .takes_places = true, .deletes_keys = true, .certificates = true, .data = { "Some", "Other" },
      .sets = WRITTEN_LABEL | WRITTEN_ID, .tries = true },
    { .name = "GIDS", .blank = written_gids, .user = "123456", .wrong_user = "654321",
      .first_so = WRITTEN_GIDS_KEY, .init_token = true, .init_pin = true, .ids = { 1, 2, 3, 4 },
      .makes = MAKES_EC | MAKES_RSA, .imports = { SIM_RSA2048A, SIM_RSA2048B }, .deletes_keys = true,
      .certificates = true, .certificate_needs_key = true, .takes_places = true, .opensc = OPENSC_RSA | OPENSC_NUMBERS,
      .packs = WRITTEN_USUALLY, .sets = WRITTEN_LABEL, .wrong = written_gids_wrong },
    { .name = "OpenPGP", .blank = written_openpgp, WRITTEN_OPENPGP, .ids = { 1, 3, 2, 2 },
      .makes = MAKES_EC | MAKES_RSA | MAKES_25519,
      .imports = { SIM_P256A, SIM_RSA2048A, SIM_P384A, SIM_RSA3072 } },
    { .name = "MyEID", .blank = written_myeid, .first_so = "87654321", .user = "123456",
      .wrong_user = "654321", .long_entries = true,
      .init_token = true, .init_pin = true, .ids = { 1, 2, 3, 4 },
      .makes = MAKES_EC | MAKES_RSA, .imports = { SIM_RSA2048A, SIM_P256A, SIM_P384A },
      .deletes_keys = true, .certificates = true, .data = { "Some data", "Other data" },
      .sets = WRITTEN_LABEL | WRITTEN_ID, .tries = true, .so_tries = true,
      .takes_secret_keys = true },
    { .name = "MyEID 4.0", .blank = written_myeid_classic, .first_so = "87654321", .user = "123456",
      .wrong_user = "654321", .init_token = true, .init_pin = true, .ids = { 1, 2, 3, 4 },
      .makes = MAKES_EC | MAKES_RSA, .imports = { SIM_RSA2048A, SIM_P256A, SIM_P384A },
      .deletes_keys = true, .certificates = true, .data = { "Some data", "Other data" },
      .sets = WRITTEN_LABEL | WRITTEN_ID, .tries = true, .so_tries = true,
      .takes_secret_keys = true },
    { .name = "PKCS#15", .blank = written_generic, WRITTEN_GENERIC },
    { .name = "PKCS#15 with unused space", .blank = written_generic_unused, WRITTEN_GENERIC },
};

#define WRITTEN_KINDS (sizeof written_kinds / sizeof *written_kinds)

// ---- Setting up ----

static inline CK_RV written_login(CK_USER_TYPE user, const char *pin)
{
    return C_Login(session, user, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
}

// Whose login lets the card be written.
static inline CK_RV written_writer_in(const struct written_kind *kind)
{
    return kind->so ? written_login(CKU_SO, kind->so) : written_login(CKU_USER, kind->user);
}

// A blank card is set up so far that something can be stored on it; the writer is logged in.
static inline CK_RV written_set_up(const struct written_kind *kind)
{
    CK_UTF8CHAR label[33] = "Written                         ";
    CK_UTF8CHAR *so = (CK_UTF8CHAR *)(uintptr_t)kind->first_so;
    CK_UTF8CHAR *user = (CK_UTF8CHAR *)(uintptr_t)kind->user;
    CK_RV rv = kind->init_token ? C_InitToken(scene_slot, so, strlen(kind->first_so), label) : CKR_OK;
    if (!rv) rv = scene_open(&session);
    if (!rv && kind->init_pin) rv = written_login(CKU_SO, kind->first_so);
    if (!rv && kind->init_pin) rv = C_InitPIN(session, user, strlen(kind->user));
    if (!rv && kind->init_pin) rv = C_Logout(session);
    return rv ? rv : written_writer_in(kind);
}

#endif
