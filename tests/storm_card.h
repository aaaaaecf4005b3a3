// storm_card.h: cards of which each insertion can be told from every other, by all that comes out
// of it. SPDX-License-Identifier: 0BSD
//
// A stamped card is a simulated PIV card that is given a number at each insertion, its stamp. The
// stamp is in the last 8 bytes of its certificates, in the secrets that it agrees on, and it is the
// PIN; which insertion made an elliptic curve signature is written down. So whoever holds data or a
// signature can say which card in which insertion gave it, without asking the library. A PIN that
// is not the stamp's was meant for another card: it is counted, and costs no try.
//
// Keys: 9A RSA-2048, 9C P-256 (PIN each time), 9D P-256 for ECDH, 9E P-256 (no PIN). Cards of one
// set have the same keys. RSA signatures of a few texts are kept, so that they cost the card
// nothing.
#ifndef STORM_CARD_H
#define STORM_CARD_H

#include "sim_piv.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORM_KEPT  64                  // RSA signatures
#define STORM_MADE  8192                // elliptic curve signatures

struct storm_card {
    struct sim_card card;
    struct sim_card *base;
    int set;
    uint64_t stamp;
    uint8_t stamp_bytes[8];
};

static const enum sim_key storm_rsa[2] = { SIM_RSA2048A, SIM_RSA2048B };
static const enum sim_key storm_ec[2] = { SIM_P256A, SIM_P256B };

static struct {
    pthread_mutex_t lock;
    struct { uint64_t hash; uint8_t answer[300]; size_t n; } kept[STORM_KEPT];
    struct { uint64_t tail, stamp; } made[STORM_MADE];
    unsigned made_at, stray_pins, commands;
} storm_cards = { .lock = PTHREAD_MUTEX_INITIALIZER };

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

static inline size_t storm_verify(struct storm_card *c, const uint8_t *cmd, uint8_t *rsp,
                                  size_t room)
{
    static const uint8_t right[] = { 0x00, 0x20, 0x00, 0x80, 8, '1', '2', '3', '4', '5', '6', 0xff,
                                     0xff };
    char pin[24];
    storm_pin(c->stamp, pin);
    if (!memcmp(cmd + 5, pin, 8)) return c->base->apdu(c->base, right, sizeof right, rsp, room);
    pthread_mutex_lock(&storm_cards.lock);
    storm_cards.stray_pins++;
    pthread_mutex_unlock(&storm_cards.lock);
    printf("a PIN reached another card: %.8s came to insertion %s\n", (const char *)cmd + 5, pin);
    return storm_say(rsp, 0x63c2);
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

// 9A: the same text gives the same signature, so it need not be made again.
static inline size_t storm_sign_rsa(struct storm_card *c, const uint8_t *cmd, size_t n,
                                    uint8_t *rsp, size_t room)
{
    uint64_t hash = 14695981039346656037u + (uint64_t)c->set;
    if (cmd[4]) return c->base->apdu(c->base, cmd, n, rsp, room);       // a part of a chain
    unsigned sw = storm_logged_in(c, rsp, room);
    if (sw != 0x9000) return storm_say(rsp, sw == 0x6d00 ? sw : 0x6982);
    for (size_t i = 0; i < n; i++) hash = (hash ^ cmd[i]) * 1099511628211u;
    unsigned at = (unsigned)(hash >> 32) % STORM_KEPT;
    size_t len = 0;
    pthread_mutex_lock(&storm_cards.lock);
    if (storm_cards.kept[at].hash == hash) {
        len = storm_cards.kept[at].n;
        memcpy(rsp, storm_cards.kept[at].answer, len);
    }
    pthread_mutex_unlock(&storm_cards.lock);
    if (len) return len;
    len = c->base->apdu(c->base, cmd, n, rsp, room);
    if (storm_sw(rsp, len) != 0x9000 || len > sizeof storm_cards.kept[0].answer) return len;
    pthread_mutex_lock(&storm_cards.lock);
    storm_cards.kept[at].hash = hash;
    storm_cards.kept[at].n = len;
    memcpy(storm_cards.kept[at].answer, rsp, len);
    pthread_mutex_unlock(&storm_cards.lock);
    return len;
}

// 9C and 9E: the end of s says which signature it is.
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

static inline size_t storm_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                                size_t room)
{
    struct storm_card *c = (struct storm_card *)card;
    card->apdus++;
    __atomic_add_fetch(&storm_cards.commands, 1, __ATOMIC_RELAXED);
    if (n == 13 && cmd[1] == 0x20 && !cmd[2]) return storm_verify(c, cmd, rsp, room);
    if (n > 5 && cmd[1] == 0x87 && cmd[3] == 0x9d) return storm_agree(c, rsp, room);
    if (n > 5 && cmd[1] == 0x87 && cmd[3] == 0x9a) return storm_sign_rsa(c, cmd, n, rsp, room);
    if (n > 5 && cmd[1] == 0x87) return storm_sign_ec(c, cmd, n, rsp, room);
    return c->base->apdu(c->base, cmd, n, rsp, room);
}

static inline void storm_reset(struct sim_card *card)
{
    struct storm_card *c = (struct storm_card *)card;
    c->base->reset(c->base);
}

static inline void storm_free(struct sim_card *card)
{
    struct storm_card *c = (struct storm_card *)card;
    c->base->free(c->base);
    free(c);
}

// Before the card goes in.
static inline void storm_set_stamp(struct storm_card *c, uint64_t stamp)
{
    c->stamp = stamp;
    storm_put64(c->stamp_bytes, stamp);
}

static inline struct storm_card *storm_card_new(int set)
{
    const struct sim_piv_key keys[] = {
        { .ref = 0x9a, .key = storm_rsa[set] }, { .ref = 0x9c, .key = storm_ec[set] },
        { .ref = 0x9d, .key = storm_ec[!set] }, { .ref = 0x9e, .key = storm_ec[set] },
    };
    struct sim_piv_options o = { .keys = keys, .n_keys = 4, .extended = true, .second = set != 0,
                                 .discovery = SIM_APPLICATION_PIN };
    struct storm_card *c = calloc(1, sizeof *c);
    if (!c) abort();
    o.stamp = c->stamp_bytes;
    c->base = sim_piv_new(&o);
    c->set = set;
    c->card = *c->base;
    c->card.apdu = storm_apdu;
    c->card.reset = storm_reset;
    c->card.free = storm_free;
    return c;
}

#endif
