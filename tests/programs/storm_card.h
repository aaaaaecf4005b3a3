// storm_card.h: cards of which each insertion can be told from every other, by all that comes out
// of it. SPDX-License-Identifier: 0BSD
//
// A stamped card is a simulated card that is given a number at each insertion, its stamp. The stamp
// is in the last 8 bytes of its certificates, in its CHUID or serial number, in the secrets that it
// agrees on, and it is the PIN; which insertion made an elliptic curve signature is written down. So whoever holds data or a
// signature can say which card in which insertion gave it, without asking the library. A PIN that
// is not the stamp's was meant for another card: it is counted, and costs no try.
//
// PIV cards: 9A RSA-2048, 9C P-256 (PIN each time), 9D P-256 for ECDH, 9E P-256 (no PIN). RSA
// signatures of a few texts are kept, so that they cost the card nothing. Of IsoApplet, MyEID and one
// that is as the standards say, without a serial number, two keys are used: 01 RSA-2048, 02 P-256; of
// the others 01 RSA-2048. A set of cards is of one kind and has the same keys; the set is 2 * kind,
// and 1 for the other keys.
#ifndef STORM_CARD_H
#define STORM_CARD_H

#include "../sim/sim_cac.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_piv.h"
#include "../sim/sim_schsm.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORM_KEPT  64                  // RSA signatures
#define STORM_MADE  8192                // elliptic curve signatures

enum storm_kind { STORM_PIV, STORM_ISOAPPLET, STORM_GENERIC, STORM_MYEID, STORM_OPENPGP, STORM_CAC,
                  STORM_SCHSM, STORM_GIDS, STORM_KINDS };

static const char *const storm_kind_names[STORM_KINDS] = { "PIV", "IsoApplet", "generic", "MyEID",
    "OpenPGP", "CAC", "SmartCard-HSM", "GIDS" };

struct storm_card {
    struct sim_card card;
    struct sim_card *base;
    struct sim_fs *fs;                  // of those that have a file system
    int set;
    uint64_t stamp;
    uint8_t stamp_bytes[8];
    uint64_t first_half;                // of what a CAC signs, as its hash
};

static const enum sim_key storm_rsa[2] = { SIM_RSA2048A, SIM_RSA2048B };
static const enum sim_key storm_ec[2] = { SIM_P256A, SIM_P256B };

static struct {
    pthread_mutex_t lock;
    struct { uint64_t hash; uint8_t answer[300]; size_t n; } kept[STORM_KEPT];
    struct { uint64_t tail, stamp; } made[STORM_MADE];
    unsigned made_at, stray_pins, commands;
} storm_cards = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline bool storm_has_files(int set)
{
    return set / 2 != STORM_PIV && set / 2 != STORM_OPENPGP && set / 2 != STORM_CAC;
}

// Is key 02 of a curve?
static inline bool storm_has_ec(int set) { return set / 2 <= STORM_MYEID; }

static inline void storm_put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static inline uint64_t storm_get64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | p[i];
    return v;
}

// The PIN of an insertion: 8 digits.
static inline void storm_pin(uint64_t stamp, char pin[24])
{
    snprintf(pin, 24, "%08u", (unsigned)(stamp % 100000000u));
}

// The PIN of the SO of an OpenPGP card, as long.
static inline void storm_so_pin(uint64_t stamp, char pin[24])
{
    snprintf(pin, 24, "S%07u", (unsigned)(stamp % 10000000u));
}

static inline unsigned storm_sw(const uint8_t *rsp, size_t n)
{
    return n < 2 ? 0 : (unsigned)rsp[n - 2] << 8 | rsp[n - 1];
}

static inline size_t storm_say(uint8_t *rsp, unsigned sw)
{
    rsp[0] = (uint8_t)(sw >> 8);
    rsp[1] = (uint8_t)sw;
    return 2;
}

static inline unsigned storm_logged_in(struct storm_card *c, uint8_t *rsp, size_t room)
{
    static const uint8_t ask[] = { 0x00, 0x20, 0x00, 0x80 };
    return storm_sw(rsp, c->base->apdu(c->base, ask, sizeof ask, rsp, room));
}

// A PIN that is not this insertion's.
static inline size_t storm_stray(const struct storm_card *c, const char *came, uint8_t *rsp)
{
    char pin[24];
    storm_pin(c->stamp, pin);
    pthread_mutex_lock(&storm_cards.lock);
    storm_cards.stray_pins++;
    pthread_mutex_unlock(&storm_cards.lock);
    printf("a PIN reached another card: %.8s came to insertion %s (%s)\n", came, pin,
           storm_kind_names[c->set / 2]);
    return storm_say(rsp, 0x63c2);
}

// The card itself has 123456, in so many bytes; 12345678 for its SO.
static inline size_t storm_verify(struct storm_card *c, const uint8_t *cmd, size_t size,
                                  uint8_t *rsp, size_t room)
{
    bool so = c->set / 2 == STORM_OPENPGP && cmd[3] == 0x83;
    uint8_t right[13] = { 0x00, cmd[1], cmd[2], cmd[3], (uint8_t)size, '1', '2', '3', '4', '5', '6',
                          so ? '7' : 0xff, so ? '8' : 0xff };
    char pin[24];
    if (so) storm_so_pin(c->stamp, pin); else storm_pin(c->stamp, pin);
    if (memcmp(cmd + 5, pin, 8)) return storm_stray(c, (const char *)cmd + 5, rsp);
    if (so) right[4] = 8;
    return c->base->apdu(c->base, right, 5u + right[4], rsp, room);
}

// The same for a card with a file system, whose PIN is the stamp's as it stands there. The SO's of a
// SmartCard-HSM is all cards'.
static inline size_t storm_verify_fs(struct storm_card *c, const uint8_t *cmd, size_t n,
                                     uint8_t *rsp, size_t room)
{
    bool so = c->set / 2 == STORM_SCHSM && cmd[3] == 0x88;
    if (!so && (n < 13 || memcmp(cmd + 5, c->fs->pins[0].now, 8)))
        return storm_stray(c, (const char *)cmd + 5, rsp);
    return c->base->apdu(c->base, cmd, n, rsp, room);
}

// The PIN is set by the SO.
static inline size_t storm_unblock_fs(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                      size_t room)
{
    char pin[24];
    size_t len = c->base->apdu(c->base, cmd, n, rsp, room);
    storm_pin(c->stamp, pin);
    if (memcmp(c->fs->pins[0].now, pin, 9)) return storm_stray(c, c->fs->pins[0].now, rsp);
    return len;
}

// 9D: no agreement, but what says who agreed.
static inline size_t storm_agree(struct storm_card *c, uint8_t *rsp, size_t room)
{
    unsigned sw = storm_logged_in(c, rsp, room);
    if (sw != 0x9000) return storm_say(rsp, sw == 0x6d00 ? sw : 0x6982);
    memset(rsp, 0x5a, 36);
    memcpy(rsp, "\x7c\x22\x82\x20", 4);
    storm_put64(rsp + 4, c->stamp);
    storm_put64(rsp + 28, (uint64_t)c->set);
    return 36 + storm_say(rsp + 36, 0x9000);
}

// FNV-1a, which goes on from where it was.
static inline uint64_t storm_hash(uint64_t hash, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * 1099511628211u;
    return hash;
}

static inline uint64_t storm_hash_of(const struct storm_card *c, const uint8_t *p, size_t n)
{
    return storm_hash(14695981039346656037u + (uint64_t)c->set, p, n);
}

// The answer that was kept; 0: none.
static inline size_t storm_kept(uint64_t hash, uint8_t *rsp)
{
    unsigned at = (unsigned)(hash >> 32) % STORM_KEPT;
    size_t len = 0;
    pthread_mutex_lock(&storm_cards.lock);
    if (storm_cards.kept[at].hash == hash) {
        len = storm_cards.kept[at].n;
        memcpy(rsp, storm_cards.kept[at].answer, len);
    }
    pthread_mutex_unlock(&storm_cards.lock);
    return len;
}

static inline size_t storm_keep(uint64_t hash, const uint8_t *rsp, size_t len)
{
    unsigned at = (unsigned)(hash >> 32) % STORM_KEPT;
    if (storm_sw(rsp, len) != 0x9000 || len > sizeof storm_cards.kept[0].answer) return len;
    pthread_mutex_lock(&storm_cards.lock);
    storm_cards.kept[at].hash = hash;
    storm_cards.kept[at].n = len;
    memcpy(storm_cards.kept[at].answer, rsp, len);
    pthread_mutex_unlock(&storm_cards.lock);
    return len;
}

// The same text gives the same RSA signature, so it need not be made again.
static inline size_t storm_sign_rsa(struct storm_card *c, const uint8_t *cmd, size_t n,
                                    uint8_t *rsp, size_t room)
{
    uint64_t hash = storm_hash_of(c, cmd, n);
    size_t len = storm_kept(hash, rsp);
    return len ? len : storm_keep(hash, rsp, c->base->apdu(c->base, cmd, n, rsp, room));
}

// The same of a CAC, whose block comes in two commands (P1 80: more follow). What the card has of
// it is forgotten at any other command.
static inline size_t storm_sign_cac(struct storm_card *c, const uint8_t *cmd, size_t n,
                                    uint8_t *rsp, size_t room)
{
    static const uint8_t status[] = { 0x00, 0x20, 0x00, 0x00 };
    uint8_t said[2 + 256];
    if (cmd[2]) {
        size_t len = c->base->apdu(c->base, cmd, n, rsp, room);
        c->first_half = storm_sw(rsp, len) == 0x9000 ? storm_hash_of(c, cmd, n) : 0;
        return len;
    }
    uint64_t hash = storm_hash(c->first_half, cmd, n);
    size_t len = c->first_half ? storm_kept(hash, rsp) : 0;
    if (!len) return storm_keep(hash, rsp, c->base->apdu(c->base, cmd, n, rsp, room));
    size_t got = c->base->apdu(c->base, status, sizeof status, said, sizeof said);
    return storm_sw(said, got) == 0x9000 ? len : storm_say(rsp, 0x6985);
}

static inline size_t storm_openpgp(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                   size_t room)
{
    bool unblocks = n == 13 && cmd[1] == 0x2c && cmd[2] == 2;
    if ((n == 13 && cmd[1] == 0x20 && !cmd[2]) || unblocks) return storm_verify(c, cmd, 6, rsp, room);
    return c->base->apdu(c->base, cmd, n, rsp, room);
}

static inline size_t storm_cac(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                               size_t room)
{
    if (n == 13 && cmd[1] == 0x20) return storm_verify(c, cmd, 8, rsp, room);
    if (n > 5 && cmd[1] == 0x42) return storm_sign_cac(c, cmd, n, rsp, room);
    c->first_half = 0;
    return c->base->apdu(c->base, cmd, n, rsp, room);
}

// 9A
static inline size_t storm_sign_9a(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                   size_t room)
{
    if (cmd[4]) return c->base->apdu(c->base, cmd, n, rsp, room);       // a part of a chain
    unsigned sw = storm_logged_in(c, rsp, room);
    if (sw != 0x9000) return storm_say(rsp, sw == 0x6d00 ? sw : 0x6982);
    return storm_sign_rsa(c, cmd, n, rsp, room);
}

// The end of s says which signature it is.
static inline size_t storm_sign_ec(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                   size_t room)
{
    size_t len = c->base->apdu(c->base, cmd, n, rsp, room);
    if (storm_sw(rsp, len) != 0x9000 || len < 16) return len;
    pthread_mutex_lock(&storm_cards.lock);
    unsigned at = storm_cards.made_at++ % STORM_MADE;
    storm_cards.made[at].tail = storm_get64(rsp + len - 10);
    storm_cards.made[at].stamp = c->stamp;
    pthread_mutex_unlock(&storm_cards.lock);
    return len;
}

// Which insertion made a signature; 0: none of the last ones.
static inline uint64_t storm_maker(const uint8_t *signature, size_t n)
{
    uint64_t tail = storm_get64(signature + n - 8), stamp = 0;
    pthread_mutex_lock(&storm_cards.lock);
    for (unsigned i = 0; i < STORM_MADE && !stamp; i++)
        if (storm_cards.made[i].tail == tail) stamp = storm_cards.made[i].stamp;
    pthread_mutex_unlock(&storm_cards.lock);
    return stamp;
}

// PSO: the environment says which key it is.
static inline size_t storm_sign_fs(struct storm_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                   size_t room)
{
    const struct sim_fs_env *env = sim_fs_env(c->fs, 0xb6);
    bool rsa = env->key && sim_is_rsa(&env->key->pk);
    if (rsa && c->fs->pins[0].verified && c->fs->selected && !cmd[0] && !c->fs->line.chain_len)
        return storm_sign_rsa(c, cmd, n, rsp, room);
    return rsa ? c->base->apdu(c->base, cmd, n, rsp, room) : storm_sign_ec(c, cmd, n, rsp, room);
}

static inline size_t storm_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                size_t room)
{
    struct storm_card *c = (struct storm_card *)card;
    card->apdus++;
    __atomic_add_fetch(&storm_cards.commands, 1, __ATOMIC_RELAXED);
    if (c->set / 2 == STORM_OPENPGP) return storm_openpgp(c, cmd, n, rsp, room);
    if (c->set / 2 == STORM_CAC) return storm_cac(c, cmd, n, rsp, room);
    if (c->fs && n > 5 && cmd[1] == 0x20 && !cmd[2]) return storm_verify_fs(c, cmd, n, rsp, room);
    if (c->fs && n > 5 && cmd[1] == 0x2c) return storm_unblock_fs(c, cmd, n, rsp, room);
    if (c->set / 2 == STORM_GIDS) return c->base->apdu(c->base, cmd, n, rsp, room);
    if (c->fs && n > 5 && cmd[1] == 0x68 && c->fs->selected && c->fs->pins[0].verified)
        return storm_sign_rsa(c, cmd, n, rsp, room);
    if (c->fs && n > 5 && cmd[1] == 0x2a && cmd[2] == 0x9e)
        return storm_sign_fs(c, cmd, n, rsp, room);
    if (c->fs) return c->base->apdu(c->base, cmd, n, rsp, room);
    if (n == 13 && cmd[1] == 0x20 && !cmd[2]) return storm_verify(c, cmd, 8, rsp, room);
    if (n > 5 && cmd[1] == 0x87 && cmd[3] == 0x9d) return storm_agree(c, rsp, room);
    if (n > 5 && cmd[1] == 0x87 && cmd[3] == 0x9a) return storm_sign_9a(c, cmd, n, rsp, room);
    if (n > 5 && cmd[1] == 0x87) return storm_sign_ec(c, cmd, n, rsp, room);
    return c->base->apdu(c->base, cmd, n, rsp, room);
}

static inline void storm_reset(struct sim_card *card)
{
    struct storm_card *c = (struct storm_card *)card;
    c->base->reset(c->base);
}

static inline bool storm_verified(const struct sim_card *card)
{
    const struct storm_card *c = (const struct storm_card *)card;
    return c->base->verified(c->base);
}

static inline void storm_free(struct sim_card *card)
{
    struct storm_card *c = (struct storm_card *)card;
    c->base->free(c->base);
    free(c);
}

// The serial number of a card with files stands in EF.TokenInfo, the first OCTET STRING of it.
static inline void storm_stamp_serial(struct sim_fs_file *f, const uint8_t stamp[8])
{
    size_t at = f->data_len > 8 && f->data[1] < 0x80 ? 2 : 3, n;
    if (f->data_len < 16 || f->data[0] != 0x30) return;
    at += 2 + f->data[at + 1];                          // the version before it
    n = f->data[at + 1];
    if (f->data[at] != 0x04 || at + 2 + n > f->data_len) return;
    size_t part = n < 8 ? n : 8;
    memcpy(f->data + at + 2 + n - part, stamp + 8 - part, part);
}

// A SmartCard-HSM is told from others by the first certificate in 2F02.
static inline void storm_stamp_device(struct sim_fs_file *f, const uint8_t stamp[8])
{
    if (f->data_len < 100 || memcmp(f->data, "\x7f\x21\x81", 3)) return;
    size_t n = 4 + (size_t)f->data[3];
    if (n <= f->data_len) memcpy(f->data + n - 8, stamp, 8);
}

// The certificates of a card with files are DER in the files 34xx, of a SmartCard-HSM in CExx.
static inline void storm_stamp_files(struct sim_fs_file *df, const uint8_t stamp[8])
{
    for (struct sim_fs_file *f = df->child; f; f = f->next) {
        if (f->type == SIM_DF) storm_stamp_files(f, stamp);
        else if (f->fid == 0x5032) storm_stamp_serial(f, stamp);
        else if (f->fid == 0x2f02) storm_stamp_device(f, stamp);
        else if ((f->fid >> 8 == 0x34 || f->fid >> 8 == 0xce) && f->data_len > 300 &&
                 !memcmp(f->data, "\x30\x82", 2)) {
            size_t n = 4 + ((size_t)f->data[2] << 8 | f->data[3]);
            if (n <= f->data_len) memcpy(f->data + n - 8, stamp, 8);
        }
    }
}

// Before the card goes in.
static inline void storm_set_stamp(struct storm_card *c, uint64_t stamp)
{
    char pin[24];
    c->stamp = stamp;
    storm_put64(c->stamp_bytes, stamp);
    if (!c->fs) return;
    storm_pin(stamp, pin);
    memcpy(c->fs->pins[0].now, pin, 9);
    storm_stamp_files(c->fs->mf, c->stamp_bytes);
}

// The management key of a set of PIV cards, in hexadecimal.
static inline const char *storm_so(int set)
{
    return set & 1 ? "8c8a898685838079767573706e6d6b686764625e5d5b5854"
                   : "010203040506070801020304050607080102030405060708";
}

static inline struct sim_card *storm_piv(const uint8_t *stamp, int other)
{
    uint8_t so[24];
    for (size_t i = 0; i < 24; i++) {
        const char *digits = storm_so(other) + 2 * i;
        const char hex[3] = { digits[0], digits[1], 0 };
        so[i] = (uint8_t)strtoul(hex, NULL, 16);
    }
    const struct sim_piv_key keys[] = {
        { .ref = 0x9a, .key = storm_rsa[other] }, { .ref = 0x9c, .key = storm_ec[other] },
        { .ref = 0x9d, .key = storm_ec[!other] }, { .ref = 0x9e, .key = storm_ec[other] },
    };
    struct sim_piv_options o = { .keys = keys, .n_keys = 4, .extended = true, .second = other != 0,
#ifdef ANY_MODULE
                                 .yubikey = true,
#endif
                                 .discovery = SIM_APPLICATION_PIN, .stamp = stamp,
                                 .management_key = so, .prepared = true };
    return sim_piv_new(&o);
}

// Nothing tells it from another one of its keys but what PC/SC says of it. Files are made for what is
// stored, by one set, and have to be activated by the other.
static inline struct sim_card *storm_generic(bool other)
{
    static const struct sim_p15 nameless = { .serial = (const uint8_t *)"", .serial_len = 0,
                                             .size = 700 };
    return sim_generic_new(&(struct sim_generic_options){ .second = other, .p15 = &nameless,
        .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN,
        .creates = other ? SIM_GENERIC_CREATES_INACTIVE : SIM_GENERIC_CREATES });
}

static inline struct storm_card *storm_card_new(int set)
{
    struct storm_card *c = calloc(1, sizeof *c);
    if (!c) abort();
    bool other = set & 1;
    switch (set / 2) {
    case STORM_ISOAPPLET:
        c->base = sim_isoapplet_new(&(struct sim_isoapplet_options){ .second = other }); break;
    case STORM_GENERIC:
        c->base = storm_generic(other); break;
    case STORM_MYEID:
        c->base = sim_myeid_new(&(struct sim_myeid_options){ .second = other, .two = true }); break;
    case STORM_OPENPGP:
        c->base = sim_openpgp_new(&(struct sim_openpgp_options){ .second = other,
                                                                 .stamp = c->stamp_bytes }); break;
    case STORM_CAC:
        c->base = sim_cac_new(&(struct sim_cac_options){ .second = other, .whole = true,
                                                         .stamp = c->stamp_bytes }); break;
    case STORM_SCHSM:
        c->base = sim_schsm_new(&(struct sim_schsm_options){ .second = other, .two = true }); break;
    case STORM_GIDS:
        c->base = sim_gids_new(&(struct sim_gids_options){ .second = other, .plain = true,
                                                           .extended = true,
                                                           .stamp = c->stamp_bytes }); break;
    default: c->base = storm_piv(c->stamp_bytes, other);
    }
    if (storm_has_files(set)) c->fs = (struct sim_fs *)c->base;
    c->set = set;
    c->card = *c->base;
    c->card.apdu = storm_apdu;
    c->card.reset = storm_reset;
    c->card.free = storm_free;
    c->card.verified = storm_verified;
    return c;
}

#endif
