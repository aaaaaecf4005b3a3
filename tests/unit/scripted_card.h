// scripted_card.h: a card that answers what a test tells it to, for tests of single sections.
// SPDX-License-Identifier: 0BSD
//
// The script is lines of "command > answer" in hex, in order; "*" in a command stands for whatever
// comes. A command that is not the next of the script is answered 6F01 and counted in wrong.
#ifndef SCRIPTED_CARD_H
#define SCRIPTED_CARD_H

#include "../sim/sim.h"
#include <stdlib.h>
#include <string.h>

struct sim_script {
    struct sim_card card;
    const char *const *lines;       // ends with NULL
    unsigned at, wrong;
};

static inline size_t sim_script_hex(const char *hex, const char *end, uint8_t *out)
{
    size_t n = 0;
    for (char pair[3] = ""; hex + 1 < end; hex++) {
        if (*hex == ' ') continue;
        memcpy(pair, hex++, 2);
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

// An answer without data, or the end of one.
static inline size_t sim_script_sw(uint8_t *rsp, unsigned sw)
{
    rsp[0] = (uint8_t)(sw >> 8);
    rsp[1] = (uint8_t)sw;
    return 2;
}

static inline size_t sim_script_apdu(struct sim_card *card, const uint8_t *cmd, size_t n,
                                     uint8_t *rsp, size_t room)
{
    static uint8_t want[70000];
    struct sim_script *s = (struct sim_script *)card;
    const char *line = s->lines[s->at], *sep = line ? strchr(line, '>') : NULL;
    (void)room;
    card->apdus++;
    if (sep && *line != '*') {
        size_t len = sim_script_hex(line, sep, want);
        if (len != n || memcmp(want, cmd, n)) sep = NULL;
    }
    if (!sep) {
        s->wrong++;
        return sim_script_sw(rsp, 0x6f01);
    }
    s->at++;
    return sim_script_hex(sep + 1, sep + strlen(sep), rsp);
}

static inline void sim_script_reset(struct sim_card *card)
{
    (void)card;
}

static inline struct sim_script sim_script(const char *const *lines)
{
    static const uint8_t atr[] = { 0x3b, 0x80, 0x80, 0x01, 0x01 };
    struct sim_script s = { .lines = lines };
    s.card.reset = s.card.free = sim_script_reset;
    s.card.apdu = sim_script_apdu;
    s.card.protocol = 1;
    s.card.atr_len = sizeof atr;
    memcpy(s.card.atr, atr, sizeof atr);
    return s;
}

#endif
