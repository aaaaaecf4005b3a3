// sim_files.h: a card that is nothing but files, whatever is in them: of a recording, of another
// program's making, or of a fuzzer's. SPDX-License-Identifier: 0BSD
//
// Files are known by the last identifier of their path. Any PIN is right, any security environment
// is taken; what a key would answer comes from answers, one after the other: a length, then so many
// bytes.
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_FILES_MOST = 64 };

struct sim_files {
    struct sim_card card;
    struct { uint16_t fid; const uint8_t *p; size_t n; } file[SIM_FILES_MOST];
    unsigned n, kind;               // kind: 0 with an EF.DIR at most, 1 MyEID, 2 IsoApplet
    bool no_fcp, odd_fcp, short_only, wants_pin, bad_pin;
    bool records;                   // EF.DIR is a file of records
    bool by_the_byte;               // READ BINARY answers one
    unsigned size;                  // of all files, as FCP has it; 0: what they are
    unsigned odd, sw, odd_from;     // a file that cannot be read, and why not; sw 0: it never ends
    const uint8_t *answers;
    size_t answers_n;
    int at;                         // the file that is selected; -1: none
    bool verified;
};

static inline size_t sim_files_say(uint8_t *rsp, size_t n, unsigned sw)
{
    rsp[n] = (uint8_t)(sw >> 8);
    rsp[n + 1] = (uint8_t)sw;
    return n + 2;
}

static inline size_t sim_files_select(struct sim_files *f, const uint8_t *cmd, const uint8_t *data,
                                      size_t n, uint8_t *rsp)
{
    static const uint8_t aids[2][12] = {
        { 0xa0, 0, 0, 0, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31, 0x35 },
        { 0xf2, 0x76, 0xa2, 0x88, 0xbc, 0xfb, 0xa6, 0x9d, 0x34, 0xf3, 0x10, 0x01 } };
    if (cmd[2] == 0x04) {
        bool mine = n == 12 && !memcmp(data, aids[f->kind == 2], 12);
        f->at = -1;
        return sim_files_say(rsp, 0, mine ? 0x9000 : 0x6a82);
    }
    if (n == 1) return sim_files_say(rsp, 0, 0x6700);
    unsigned fid = n ? (unsigned)(data[n - 2] << 8 | data[n - 1]) : 0x3f00;
    f->at = -1;
    if (fid == 0x3f00 || fid == 0x5015) return sim_files_say(rsp, 0, 0x9000);
    for (unsigned i = 0; i < f->n && f->at < 0; i++) if (f->file[i].fid == fid) f->at = (int)i;
    if (f->at < 0) return sim_files_say(rsp, 0, 0x6a82);
    size_t size = f->size ? f->size : f->file[f->at].n;
    const uint8_t fcp[] = { 0x6f, 9, (uint8_t)(f->odd_fcp ? 0x85 : 0x80), 2, (uint8_t)(size >> 8),
                            (uint8_t)size, 0x82, 3, 1, 0, 0 };
    if (f->no_fcp || cmd[3] & 0x0c) return sim_files_say(rsp, 0, 0x9000);
    memcpy(rsp, fcp, sizeof fcp);
    return sim_files_say(rsp, sizeof fcp, 0x9000);
}

static inline size_t sim_files_read(struct sim_files *f, const uint8_t *cmd, size_t le,
                                    uint8_t *rsp)
{
    size_t offset = (size_t)(cmd[2] & 0x7f) << 8 | cmd[3];
    if (f->at < 0) return sim_files_say(rsp, 0, 0x6986);
    if (f->wants_pin && !f->verified) return sim_files_say(rsp, 0, 0x6982);
    const uint8_t *p = f->file[f->at].p;
    size_t n = f->file[f->at].n;
    if (f->records && f->file[f->at].fid == 0x2f00) return sim_files_say(rsp, 0, 0x6981);
    if (f->odd && f->odd == f->file[f->at].fid && offset >= f->odd_from) {
        if (!f->sw && le > 3000) le = 3000;
        memset(rsp, 0x30, f->sw ? 0 : le);
        return sim_files_say(rsp, f->sw ? 0 : le, f->sw ? f->sw : 0x9000);
    }
    if (f->by_the_byte && le > 1) le = 1;
    if (offset >= n) return sim_files_say(rsp, 0, 0x6b00);
    if (le > n - offset) le = n - offset;
    memcpy(rsp, p + offset, le);
    return sim_files_say(rsp, le, 0x9000);
}

// A record is a byte that tells its length, and so many bytes.
static inline size_t sim_files_record(struct sim_files *f, unsigned number, uint8_t *rsp)
{
    if (f->at < 0) return sim_files_say(rsp, 0, 0x6986);
    const uint8_t *p = f->file[f->at].p;
    size_t n = f->file[f->at].n;
    for (size_t at = 0; at < n; at += 1u + p[at]) {
        if (--number) continue;
        size_t len = p[at] < n - at - 1 ? p[at] : n - at - 1;
        memcpy(rsp, p + at + 1, len);
        return sim_files_say(rsp, len, 0x9000);
    }
    return sim_files_say(rsp, 0, 0x6a83);
}

static inline size_t sim_files_answer(struct sim_files *f, uint8_t *rsp)
{
    size_t n = f->answers_n ? (size_t)*f->answers * 2 : 0;
    if (!f->answers_n) return sim_files_say(rsp, 0, 0x6a80);
    if (n > f->answers_n - 1) n = f->answers_n - 1;
    memcpy(rsp, f->answers + 1, n);
    f->answers += n + 1;
    f->answers_n -= n + 1;
    return sim_files_say(rsp, n, 0x9000);
}

static inline size_t sim_files_apdu(struct sim_card *card, const uint8_t *cmd, size_t n,
                                    uint8_t *rsp, size_t room)
{
    struct sim_files *f = (struct sim_files *)(void *)card;
    bool extended = n >= 7 && !cmd[4];
    size_t head = extended ? 7 : 5, lc = 0, le = 256;
    (void)room;
    card->apdus++;
    if (extended && f->short_only) return sim_files_say(rsp, 0, 0x6700);
    if (extended && n > 7) lc = (size_t)cmd[5] << 8 | cmd[6];
    if (extended && n == 7) le = (size_t)cmd[5] << 8 | cmd[6];
    if (!extended && n > 5) lc = cmd[4];
    if (!extended && n == 5 && cmd[4]) le = cmd[4];
    if (extended && !le) le = 65536;
    if (lc > n - head) return sim_files_say(rsp, 0, 0x6700);
    if (cmd[0] & 0x10) return sim_files_say(rsp, 0, 0x9000);
    switch (cmd[1]) {
    case 0xa4: return sim_files_select(f, cmd, cmd + head, lc, rsp);
    case 0xb0: return sim_files_read(f, cmd, le, rsp);
    case 0xb2: return sim_files_record(f, cmd[2], rsp);
    case 0x20:
        if (!lc) return sim_files_say(rsp, 0, 0x63c3);
        f->verified = !f->bad_pin;
        return sim_files_say(rsp, 0, f->bad_pin ? 0x63c2 : 0x9000);
    case 0x22: case 0x24: case 0x2c: case 0x2e: return sim_files_say(rsp, 0, 0x9000);
    case 0xca:
        if (f->kind != 1 || cmd[3] != 0xa0) return sim_files_say(rsp, 0, 0x6d00);
        memcpy(rsp, "MyEID\4\5\2\0\0\0\0\0\0\0\0\0\1\0\144", 20);
        return sim_files_say(rsp, 20, 0x9000);
    case 0x84:
        memset(rsp, 0x55, le < 256 ? le : 256);
        return sim_files_say(rsp, le < 256 ? le : 256, 0x9000);
    case 0x2a: case 0x86: return sim_files_answer(f, rsp);
    default: return sim_files_say(rsp, 0, 0x6d00);
    }
}

static inline void sim_files_reset(struct sim_card *card)
{
    struct sim_files *f = (struct sim_files *)(void *)card;
    f->at = -1;
    f->verified = false;
}

static inline void sim_files_free(struct sim_card *card)
{
    (void)card;
}

static inline void sim_files_begin(struct sim_files *f)
{
    static const uint8_t atr[] = { 0x3b, 0x80, 0x80, 0x01, 0x01 };
    memset(f, 0, sizeof *f);
    f->card.reset = sim_files_reset;
    f->card.apdu = sim_files_apdu;
    f->card.free = sim_files_free;
    f->card.protocol = 1;
    f->card.atr_len = sizeof atr;
    memcpy(f->card.atr, atr, sizeof atr);
    f->at = -1;
}

static inline void sim_files_add(struct sim_files *f, unsigned fid, const uint8_t *p, size_t n)
{
    if (f->n == SIM_FILES_MOST) return;
    f->file[f->n].fid = (uint16_t)fid;
    f->file[f->n].p = p;
    f->file[f->n++].n = n;
}

// The files of a text: lines of a path and its content in hexadecimal; # begins a comment. Returns
// how many there were. What they hold is never freed.
static inline unsigned sim_files_load(struct sim_files *f, const char *name)
{
    char path[64];
    FILE *in = fopen(name, "r");
    int c;
    if (!in) return 0;
    while ((c = fgetc(in)) != EOF) {
        ungetc(c, in);
        if (c == '#' || c == '\n') {
            while ((c = fgetc(in)) != EOF && c != '\n') {}
            continue;
        }
        uint8_t *p = malloc(32768);
        size_t n = 0;
        unsigned byte;
        if (!p || fscanf(in, "%63s", path) != 1) abort();
        while ((c = fgetc(in)) == ' ') {}
        for (; c != '\n' && c != EOF && n < 32768; c = fgetc(in)) {
            char two[3] = { (char)c, (char)fgetc(in), 0 };
            if (sscanf(two, "%2x", &byte) != 1) break;
            p[n++] = (uint8_t)byte;
        }
        size_t len = strlen(path);
        sim_files_add(f, (unsigned)strtoul(path + (len > 4 ? len - 4 : 0), NULL, 16), p, n);
    }
    fclose(in);
    return f->n;
}

#endif
