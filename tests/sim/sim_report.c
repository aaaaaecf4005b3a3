// sim_report.c: see sim_report.h. SPDX-License-Identifier: 0BSD
//
// The report's commands are followed as the card's are later: which application is selected, which
// DF and file, which of OpenPGP's certificates. What each brought is kept with that.
#define _GNU_SOURCE
#include "sim_report.h"
#include "sim_common.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCHANGES 1024
#define FILES     512
#define AIDS      128
#define PATH      16
#define NONE      (-1)

struct place {
    int aid;                            // of the application; NONE: none is selected
    uint8_t df[PATH];                   // below the MF or the application's own
    size_t df_n;
    int file;                           // NONE
    int occurrence, next;               // of OpenPGP's SELECT DATA, GET NEXT DATA
};

struct exchange {
    struct place at;
    uint8_t head[4], *data, *answer;
    size_t n, answer_n;
    unsigned sw;
};

struct file {
    int aid;
    uint8_t path[PATH], *data, *fci;
    size_t path_n, n, fci_n;
    unsigned select_sw, read_sw;
};

struct aid {
    uint8_t bytes[16], *answer;
    size_t n, answer_n;
    unsigned sw;
    int application;                    // the first AID that selected it
};

struct report {
    struct sim_card card;
    struct sim_line line;
    struct place now;
    struct exchange exchanges[EXCHANGES];
    struct file files[FILES];
    struct aid aids[AIDS];
    size_t n, files_n, aids_n;
};

static void *keep(const void *p, size_t n)
{
    void *copy = malloc(n + 1);
    if (!copy) abort();
    memcpy(copy, p, n);
    return copy;
}

// ---- Where a command leads ----

static bool is_suffix(const struct file *f, const uint8_t *path, size_t n)
{
    size_t least = n < f->path_n ? n : f->path_n;
    return least && !memcmp(f->path + f->path_n - least, path + n - least, least);
}

// The file of this path in this application; else one that may be meant: whose path ends like it,
// or that was seen in another application.
static int find_file(const struct report *r, int aid, const uint8_t *path, size_t n, bool exact)
{
    for (int turn = 0; turn < (exact ? 1 : 4); turn++)
        for (size_t i = 0; i < r->files_n; i++) {
            const struct file *f = &r->files[i];
            bool same = f->path_n == n && !memcmp(f->path, path, n);
            if (turn < 2 && f->aid != aid) continue;
            if (turn > 0 && f->select_sw != 0x9000) continue;
            if (turn % 2 ? is_suffix(f, path, n) : same) return (int)i;
        }
    return NONE;
}

static bool is_df(const struct report *r, const uint8_t *path, size_t n)
{
    for (size_t i = 0; i < r->files_n; i++)
        if (r->files[i].path_n > n && !memcmp(r->files[i].path, path, n)) return true;
    return false;
}

static int make_file(struct report *r, const uint8_t *path, size_t n)
{
    int found = find_file(r, r->now.aid, path, n, true);
    if (found != NONE || r->files_n == FILES) return found;
    struct file *f = &r->files[r->files_n++];
    f->aid = r->now.aid;
    memcpy(f->path, path, n);
    f->path_n = n;
    f->read_sw = 0x9000;
    return (int)r->files_n - 1;
}

// The path that a SELECT names. false: it is too long.
static bool path_of(const struct place *now, const struct sim_command *c, uint8_t *path, size_t *n)
{
    bool mf = c->n >= 2 && c->data[0] == 0x3f && !c->data[1];
    size_t skip = mf ? 2 : 0, base = c->p1 == 0x08 || mf || !c->n ? 0 : now->df_n;
    if (base + c->n - skip > PATH) return false;
    memcpy(path, now->df, base);
    if (c->n > skip) memcpy(path + base, c->data + skip, c->n - skip);
    *n = base + c->n - skip;
    return true;
}

// After a SELECT that succeeded: the last part is a DF when it was selected as one, or nothing is
// known to the contrary.
static void go(struct place *now, const struct sim_command *c, const uint8_t *path, size_t n,
               bool df)
{
    bool into = n && (c->p1 == 0x01 || (c->p1 == 0x00 && df));
    now->df_n = n && !into ? n - 2 : n;
    memcpy(now->df, path, now->df_n);
}

static int find_aid(const struct report *r, const uint8_t *p, size_t n, bool exact)
{
    for (int turn = 0; turn < (exact ? 1 : 2); turn++)
        for (size_t i = 0; i < r->aids_n; i++) {
            const struct aid *a = &r->aids[i];
            size_t least = a->n < n ? a->n : n;
            if (!turn ? a->n == n && !memcmp(a->bytes, p, n)
                      : least >= 5 && a->sw == 0x9000 && !memcmp(a->bytes, p, least)) return (int)i;
        }
    return NONE;
}

static void enter(struct place *now, int aid)
{
    memset(now, 0, sizeof *now);
    now->aid = aid;
    now->file = now->occurrence = NONE;
}

// Of OpenPGP: which certificate the next GET DATA means.
static void follow_data(struct place *now, const struct sim_command *c)
{
    if (c->ins == 0xa5) now->occurrence = c->p1;
    if (c->ins == 0xca) now->next = 0;
    if (c->ins == 0xcc) now->next++;
}

// ---- Reading a report ----

static void learn_aid(struct report *r, const struct sim_command *c, const uint8_t *answer,
                      size_t n, unsigned sw)
{
    int old = c->n ? find_aid(r, c->data, c->n, false) : NONE;
    int i = c->n ? find_aid(r, c->data, c->n, true) : NONE;
    if (i == NONE && r->aids_n < AIDS && c->n && c->n <= 16) {
        i = (int)r->aids_n++;
        memcpy(r->aids[i].bytes, c->data, c->n);
        r->aids[i].n = c->n;
        r->aids[i].application = old == NONE ? i : r->aids[old].application;
    }
    if (i == NONE) return;
    if (sw == 0x9000) enter(&r->now, r->aids[i].application);
    if (r->aids[i].sw == 0x9000) return;        // the first answer stands
    free(r->aids[i].answer);
    r->aids[i].answer = keep(answer, n);
    r->aids[i].answer_n = n;
    r->aids[i].sw = sw;
}

static void learn_select(struct report *r, const struct sim_command *c, const uint8_t *answer,
                         size_t n, unsigned sw)
{
    uint8_t path[PATH];
    size_t path_n;
    if (!path_of(&r->now, c, path, &path_n)) return;
    bool df = n > 2 && memmem(answer, n, "\x82\x01\x38", 3);
    int i = make_file(r, path, path_n);
    if (i == NONE) return;
    struct file *f = &r->files[i];
    if (sw == 0x9000 || !f->select_sw) f->select_sw = sw;
    if (sw != 0x9000) return;
    if (n) free(f->fci), f->fci = keep(answer, n), f->fci_n = n;
    r->now.file = i;
    go(&r->now, c, path, path_n, df || is_df(r, path, path_n));
}

static void learn_content(struct file *f, size_t at, const uint8_t *answer, size_t n, unsigned sw)
{
    if (sw != 0x9000 && !f->n) f->read_sw = sw;
    if (!n || at != f->n) return;
    uint8_t *more = realloc(f->data, at + n);
    if (!more) abort();
    memcpy(more + at, answer, n);
    f->data = more;
    f->n = at + n;
}

// The files of READ BINARY by path, of SmartCard-HSM by identifier, and CAC's two buffers. NONE: it
// is another command.
static int content_of(struct report *r, const struct sim_command *c, size_t *at, bool learn)
{
    const uint8_t buffer[2] = { 0x52, c->n ? c->data[0] : 0 }, fid[2] = { c->p1, c->p2 };
    *at = (size_t)c->p1 << 8 | c->p2;
    if (c->ins == 0xb0) return r->now.file;
    bool hsm = c->ins == 0xb1 && c->n == 4 && c->data[0] == 0x54, cac = c->ins == 0x52 && c->n == 2;
    if (!hsm && !cac) return NONE;
    if (hsm) *at = (size_t)c->data[2] << 8 | c->data[3];
    const uint8_t *path = hsm ? fid : buffer;
    return learn ? make_file(r, path, 2) : find_file(r, r->now.aid, path, 2, true);
}

static void learn(struct report *r, const struct sim_command *c, const uint8_t *answer, size_t n,
                  unsigned sw)
{
    size_t at;
    if (c->ins == 0xa4 && c->p1 == 0x04) learn_aid(r, c, answer, n, sw);
    else if (c->ins == 0xa4) learn_select(r, c, answer, n, sw);
    if (c->ins == 0xa4) return;
    if (c->ins == 0xca && c->extended) r->line.extended = sw != 0x6700;
    follow_data(&r->now, c);
    int file = content_of(r, c, &at, true);
    if (file != NONE) {
        r->files[file].select_sw = 0x9000;
        learn_content(&r->files[file], at, answer, n, sw);
        return;
    }
    if (r->n == EXCHANGES) return;
    struct exchange *e = &r->exchanges[r->n++];
    e->at = r->now;
    const uint8_t head[4] = { c->cla, c->ins, c->p1, c->p2 };
    memcpy(e->head, head, 4);
    e->data = keep(c->data ? c->data : head, c->n);
    e->n = c->n;
    e->answer = keep(answer, n);
    e->answer_n = n;
    e->sw = sw;
}

static size_t unhex(const char *s, uint8_t *bytes, size_t room)
{
    size_t n = 0;
    for (unsigned b; n < room && isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]);
         s += 2)
        if (sscanf(s, "%2x", &b) == 1) bytes[n++] = (uint8_t)b;
    return n;
}

// An answer in pieces is one; a command that was repeated with another Le counts when it is.
static void read_report(struct report *r, const char *text)
{
    static uint8_t command[600], piece[SIM_MOST], answer[SIM_MOST];
    size_t answer_n = 0, n;
    struct sim_command c = { 0 };
    bool good = false;
    enter(&r->now, NONE);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *end = strchr(line, '\n');
        bool on = !strncmp(line, "# ----", 6) && end && end - line > 10;
        if (on && !strncmp(end - 10, "[power-on]", 10)) enter(&r->now, NONE);
        if (*line == '>') {
            n = unhex(line + 2, piece, sizeof command);
            if (n > 1 && piece[1] == 0xc0) continue;
            memcpy(command, piece, n);
            good = sim_decode(command, n, &c);
            answer_n = 0;
        }
        if (*line != '<' || !good) continue;
        n = unhex(line + 2, piece, sizeof piece);
        if (n < 2 || answer_n + n > sizeof answer) continue;
        memcpy(answer + answer_n, piece, n - 2);
        answer_n += n - 2;
        unsigned sw = (unsigned)piece[n - 2] << 8 | piece[n - 1];
        if (sw >> 8 == 0x61 || sw >> 8 == 0x6c) continue;
        learn(r, &c, answer, answer_n, sw >> 8 == 0x62 ? 0x9000 : sw);
        good = false;
    }
}

// ---- The card ----

static unsigned select_named(struct report *r, const struct sim_command *c, struct sim_answer *a)
{
    uint8_t path[PATH];
    size_t n;
    bool bare = (c->p2 & 0x0c) == 0x0c;
    if (c->p1 == 0x04) {
        int aid = c->n ? find_aid(r, c->data, c->n, false) : NONE;
        if (aid == NONE) return 0x6a82;
        if (r->aids[aid].sw != 0x9000) return r->aids[aid].sw;
        enter(&r->now, r->aids[aid].application);
        if (!bare) sim_put(a, r->aids[aid].answer, r->aids[aid].answer_n);
        return 0x9000;
    }
    if (!path_of(&r->now, c, path, &n)) return 0x6a82;
    int file = n ? find_file(r, r->now.aid, path, n, false) : NONE;
    bool df = !n || is_df(r, path, n);
    if (file == NONE && !df) return 0x6a82;
    if (file != NONE && !df && r->files[file].select_sw != 0x9000) return r->files[file].select_sw;
    r->now.file = file;
    if (file != NONE && !bare) sim_put(a, r->files[file].fci, r->files[file].fci_n);
    go(&r->now, c, path, n, df);
    return 0x9000;
}

static unsigned give(const struct file *f, size_t at, size_t most, struct sim_answer *a)
{
    if (!f->n) return f->read_sw == 0x9000 ? 0x6986 : f->read_sw;
    if (at >= f->n) return 0x6b00;
    sim_put(a, f->data + at, most < f->n - at ? most : f->n - at);
    return 0x9000;
}

static bool is_same(const struct report *r, const struct exchange *e, const struct sim_command *c)
{
    const uint8_t head[4] = { c->cla, c->ins, c->p1, c->p2 };
    if (e->at.aid != r->now.aid || memcmp(e->head, head, 4)) return false;
    if (c->ins == 0xa5) return true;                // the same object may be named in two ways
    if (c->ins == 0xb2 && e->at.file != r->now.file) return false;
    if (c->ins == 0xcc && e->at.next != r->now.next) return false;
    if (c->ins == 0xca && c->p1 == 0x7f && e->at.occurrence != r->now.occurrence) return false;
    return e->n == c->n && !memcmp(e->data, c->data ? c->data : head, c->n);
}

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct report *r = card;
    size_t at;
    bool seen = false;
    if (c->ins == 0x20) return c->n ? 0x6982 : 0x63c3;
    if (c->ins == 0xa4) return select_named(r, c, a);
    follow_data(&r->now, c);
    int file = content_of(r, c, &at, false);
    if (file != NONE) return give(&r->files[file], at, c->ins == 0x52 ? c->data[1] : c->le, a);
    for (size_t i = 0; i < r->n; i++) {
        const struct exchange *e = &r->exchanges[i];
        seen = seen || e->head[1] == c->ins;
        if (!is_same(r, e, c)) continue;
        sim_put(a, e->answer, e->answer_n);
        return e->sw;
    }
    return seen || c->ins == 0xb0 || c->ins == 0xb1 ? 0x6a82 : 0x6d00;
}

static size_t report_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                          size_t room)
{
    struct report *r = (struct report *)card;
    (void)room;
    card->apdus++;
    return sim_line_apdu(&r->line, r, run, true, cmd, n, rsp);
}

static void report_reset(struct sim_card *card)
{
    struct report *r = (struct report *)card;
    sim_line_reset(&r->line);
    enter(&r->now, NONE);
}

static void report_free(struct sim_card *card)
{
    struct report *r = (struct report *)card;
    for (size_t i = 0; i < r->n; i++) free(r->exchanges[i].data), free(r->exchanges[i].answer);
    for (size_t i = 0; i < r->files_n; i++) free(r->files[i].data), free(r->files[i].fci);
    for (size_t i = 0; i < r->aids_n; i++) free(r->aids[i].answer);
    free(r);
}

struct sim_card *sim_report_new(const char *text)
{
    struct report *r = calloc(1, sizeof *r);
    const char *atr = strstr(text, "# ATR: "), *protocol = strstr(text, "# protocol: T=");
    if (!r || !atr || !protocol) abort();
    r->card.reset = report_reset;
    r->card.apdu = report_apdu;
    r->card.free = report_free;
    r->card.atr_len = unhex(atr + 7, r->card.atr, sizeof r->card.atr);
    r->card.protocol = protocol[14] == '1';
    r->line.t0 = !r->card.protocol;
    read_report(r, text);
    enter(&r->now, NONE);
    return &r->card;
}
