// sim_chip.c: several simulated cards on one chip; sim_chip.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// ISO/IEC 7816-4, 12.2.2: one application is selected at a time (there is one logical channel).
#include "sim_chip.h"
#include <stdlib.h>
#include <string.h>

#define NOBODY SIM_CHIP_MOST

struct chip {
    struct sim_card card;
    struct sim_chip_options o;
    unsigned n, current;            // current: the application that is selected, or NOBODY
    unsigned selects, misses;
    unsigned strays;                // secrets that came while none was selected, or that the one
                                    // which got them has no use for
};

// ---- What all have seen together ----

static void sum(struct chip *v)
{
    struct sim_card *c = &v->card;
    c->stray_secrets = v->strays;
    c->tries_taken = c->verifies = c->signatures = 0;
    for (unsigned i = 0; i < v->n; i++) {
        const struct sim_card *a = v->o.applications[i];
        c->stray_secrets += a->stray_secrets;
        c->tries_taken += a->tries_taken;
        c->verifies += a->verifies;
        c->signatures += a->signatures;
    }
}

static bool chip_verified(const struct sim_card *card)
{
    const struct chip *v = (const struct chip *)card;
    for (unsigned i = 0; i < v->n; i++) {
        const struct sim_card *a = v->o.applications[i];
        if (a->verified && a->verified(a)) return true;
    }
    return false;
}

// ---- Selecting ----

static bool is_yes(const uint8_t *rsp, size_t n)
{
    return n >= 2 && (rsp[n - 2] == 0x90 || rsp[n - 2] == 0x61);
}

// The application that was selected is so no more. It forgets its login, unless the chip keeps it.
static void leave(struct chip *v)
{
    struct sim_card *a = v->current == NOBODY ? NULL : v->o.applications[v->current];
    if (a && !v->o.keeps_logins) a->select_other(a);
    v->current = NOBODY;
}

static bool is_select(const uint8_t *cmd, size_t n)
{
    return n >= 5 && !cmd[0] && cmd[1] == 0xa4 && cmd[2] == 0x04;
}

// Asks each application whether the AID is its own, the one that is selected first. A no changes
// nothing there.
static size_t select_aid(struct chip *v, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    v->selects++;
    for (unsigned k = 0; k <= v->n; k++) {
        unsigned i = k ? k - 1 : v->current;
        if (i >= v->n || (k && i == v->current)) continue;
        struct sim_card *a = v->o.applications[i];
        size_t len = a->apdu(a, cmd, n, rsp, room);
        if (!is_yes(rsp, len)) continue;
        if (i != v->current) leave(v);
        v->current = i;
        return len;
    }
    v->misses++;
    if (v->o.loses_place) leave(v);
    memcpy(rsp, "\x6a\x82", 2);
    return 2;
}

// ---- Commands ----

// A secret of another application: a reference or a length that the one which got it does not know.
static void judge_secret(struct chip *v, const uint8_t *cmd, size_t n, const uint8_t *rsp)
{
    struct sim_command c;
    if (!sim_decode(cmd, n, &c) || !sim_is_secret(&c)) return;
    unsigned sw = (unsigned)rsp[0] << 8 | rsp[1];
    if (sw != 0x6a88 && sw != 0x6a80 && sw != 0x6700 && sw != 0x6d00) return;
    v->strays++;
    sim_seen.stray_secrets++;
}

static size_t chip_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                        size_t room)
{
    struct chip *v = (struct chip *)card;
    size_t len = 2;
    card->apdus++;
    if (is_select(cmd, n)) {
        len = select_aid(v, cmd, n, rsp, room);
    } else {
        struct sim_card *a = v->current == NOBODY ? NULL : v->o.applications[v->current];
        unsigned before = a ? a->stray_secrets : 0;
        if (a) len = a->apdu(a, cmd, n, rsp, room);
        else   memcpy(rsp, "\x6d\x00", 2);
        if (len == 2 && (!a || a->stray_secrets == before)) judge_secret(v, cmd, n, rsp);
    }
    sum(v);
    return len;
}

static void chip_reset(struct sim_card *card)
{
    struct chip *v = (struct chip *)card;
    for (unsigned i = 0; i < v->n; i++) v->o.applications[i]->reset(v->o.applications[i]);
    v->current = NOBODY;
}

static void chip_select_other(struct sim_card *card)
{
    leave((struct chip *)card);
}

static struct sim_pin chip_pin(struct sim_card *card, unsigned index)
{
    struct chip *v = (struct chip *)card;
    struct sim_card *a = v->o.applications[index / SIM_CHIP_PINS];
    return a->pin(a, index % SIM_CHIP_PINS);
}

static void chip_free(struct sim_card *card)
{
    struct chip *v = (struct chip *)card;
    for (unsigned i = 0; i < v->n; i++) v->o.applications[i]->free(v->o.applications[i]);
    free(v);
}

struct sim_card *sim_chip_new(const struct sim_chip_options *options)
{
    // T=1, eight historical bytes that say nothing.
    static const uint8_t atr[] = { 0x3b, 0x88, 0x80, 0x01, 's', 'i', 'm', ' ', 'c', 'h', 'i', 'p',
                                   0x00 };
    struct chip *v = calloc(1, sizeof *v);
    if (!v) abort();
    v->o = *options;
    while (v->n < SIM_CHIP_MOST && v->o.applications[v->n]) v->n++;
    v->current = NOBODY;
    v->card.reset = chip_reset;
    v->card.apdu = chip_apdu;
    v->card.free = chip_free;
    v->card.verified = chip_verified;
    v->card.pin = chip_pin;
    v->card.select_other = chip_select_other;
    v->card.protocol = 1;
    v->card.atr_len = sizeof atr;
    memcpy(v->card.atr, atr, sizeof atr);
    for (size_t i = 1; i + 1 < sizeof atr; i++) v->card.atr[sizeof atr - 1] ^= atr[i];
    if (v->o.atr_of) {
        const struct sim_card *like = v->o.applications[v->o.atr_of - 1];
        memcpy(v->card.atr, like->atr, like->atr_len);
        v->card.atr_len = like->atr_len;
    }
    return &v->card;
}

// ---- What tests ask ----

struct sim_card *sim_chip_application(const struct sim_card *chip, unsigned i)
{
    return ((const struct chip *)chip)->o.applications[i];
}

unsigned sim_chip_selects(const struct sim_card *chip)
{
    return ((const struct chip *)chip)->selects;
}

unsigned sim_chip_misses(const struct sim_card *chip)
{
    return ((const struct chip *)chip)->misses;
}

void sim_chip_select(struct sim_card *chip, unsigned i)
{
    // Right-truncated: PIV, OpenPGP.
    static const uint8_t aids[][14] = {
        { 0x00, 0xa4, 0x04, 0x00, 0x09, 0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00 },
        { 0x00, 0xa4, 0x04, 0x00, 0x06, 0xd2, 0x76, 0x00, 0x01, 0x24, 0x01 } };
    uint8_t *rsp = malloc(65538);
    size_t n = 5u + aids[i][4];
    if (!rsp) abort();
    chip_apdu(chip, aids[i], n, rsp, 65538);
    free(rsp);
}
