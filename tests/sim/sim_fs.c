// sim_fs.c: a simulated card with a file system; sim_fs.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// Written from ISO/IEC 7816-4:2013, 7816-8 and 7816-9, not from what scard11 sends.
#include "sim_fs.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const uint8_t other_aid[] = { 0xa0, 0x00, 0x00, 0x09, 0x99, 0x00, 0x01 };

// ---- Files ----

static struct sim_fs_file *new_file(struct sim_fs_file *at, enum sim_fs_type type, uint16_t fid)
{
    struct sim_fs_file *file = calloc(1, sizeof *file), **end;
    if (!file || (at && sim_fs_find(at, fid))) abort();
    file->parent = at;
    file->type = type;
    file->fid = fid;
    if (at) {
        for (end = &at->child; *end; end = &(*end)->next) {}
        *end = file;
    }
    return file;
}

static void resize(struct sim_fs_file *file, size_t n)
{
    uint8_t *p = calloc(1, n + 1);
    if (!p || n > 0xffff) abort();
    if (file->data_len) memcpy(p, file->data, file->data_len < n ? file->data_len : n);
    free(file->data);
    file->data = p;
    file->data_len = n;
    file->size = (uint16_t)n;
}

struct sim_fs_file *sim_fs_df(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid,
                              const void *aid, size_t aid_len)
{
    struct sim_fs_file *file = new_file(at ? at : f->mf, SIM_DF, fid);
    if (aid_len > sizeof file->aid) abort();
    if (aid_len) memcpy(file->aid, aid, aid_len);
    file->aid_len = (uint8_t)aid_len;
    return file;
}

struct sim_fs_file *sim_fs_ef(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid,
                              const void *data, size_t n, size_t size)
{
    struct sim_fs_file *file = new_file(at ? at : f->mf, SIM_EF, fid);
    resize(file, size ? size : n);
    if (n > file->data_len) abort();
    if (n) memcpy(file->data, data, n);
    return file;
}

struct sim_fs_file *sim_fs_records(struct sim_fs *f, struct sim_fs_file *at, uint16_t fid)
{
    return new_file(at ? at : f->mf, SIM_RECORDS, fid);
}

void sim_fs_add_record(struct sim_fs_file *file, const void *data, size_t n)
{
    size_t at = file->data_len;
    if (n > 255) abort();
    resize(file, at + 1 + n);
    file->data[at] = (uint8_t)n;
    if (n) memcpy(file->data + at + 1, data, n);
}

struct sim_fs_file *sim_fs_find(const struct sim_fs_file *df, uint16_t fid)
{
    for (struct sim_fs_file *file = df->child; file; file = file->next)
        if (file->fid == fid) return file;
    return NULL;
}

struct sim_fs_file *sim_fs_path(const struct sim_fs *f, const char *path)
{
    struct sim_fs_file *file = f->mf;
    for (char part[5] = ""; file && *path; path += 4) {
        memcpy(part, path, 4);
        uint16_t fid = (uint16_t)strtoul(part, NULL, 16);
        if (fid != 0x3f00) file = sim_fs_find(file, fid);
    }
    return file;
}

static void free_file(struct sim_fs_file *file)
{
    for (struct sim_fs_file *child = file->child, *next; child; child = next) {
        next = child->next;
        free_file(child);
    }
    free(file->data);
    free(file);
}

void sim_fs_remove(struct sim_fs *f, struct sim_fs_file *file)
{
    struct sim_fs_file **at = &file->parent->child;
    while (*at != file) at = &(*at)->next;
    *at = file->next;
    f->df = file->parent;
    f->ef = NULL;
    free_file(file);
}

// ---- PINs ----

unsigned sim_fs_pin(struct sim_fs *f, const struct sim_fs_pin *pin)
{
    struct sim_fs_pin *p = &f->pins[f->n_pins];
    if (f->n_pins == COUNT(f->pins)) abort();
    *p = *pin;
    if (!p->tries) p->tries = 3;
    p->left = p->tries;
    if (p->value) strncpy(p->now, p->value, sizeof p->now - 1);
    return f->n_pins++;
}

static unsigned nibble(char digit)
{
    return (unsigned)(digit >= 'A' ? digit - 'A' + 10 : digit & 15) & 15;
}

// The bytes on the wire of what is in now. Returns their number.
static size_t encode_pin(const struct sim_fs_pin *pin, uint8_t *out)
{
    size_t n = strlen(pin->now), at = 0;
    if (pin->form == SIM_ASCII) {
        memcpy(out, pin->now, n);
        at = n;
    } else {
        if (pin->form == SIM_GLP) out[at++] = (uint8_t)(0x20 | n);
        for (size_t i = 0; i < n; i += 2)
            out[at++] = (uint8_t)(nibble(pin->now[i]) << 4 |
                                  (i + 1 < n ? nibble(pin->now[i + 1]) : 15));
    }
    while (at < pin->stored) out[at++] = pin->pad;
    return at;
}

// Takes a new PIN from its bytes. false: it is none, or of the wrong length.
static bool decode_pin(struct sim_fs_pin *pin, const uint8_t *p, size_t n)
{
    char text[34] = "";
    size_t len = 0;
    unsigned digits = pin->form == SIM_HEX ? 16 : 10;
    if (n > 16 || (pin->stored && n != pin->stored && !pin->card_pads)) return false;
    if (pin->form == SIM_ASCII) {
        if (pin->stored) while (n && p[n - 1] == pin->pad) n--;
        memcpy(text, p, n);
        len = n;
    } else {
        for (size_t i = pin->form == SIM_GLP; i < n; i++)
            for (int shift = 4; shift >= 0; shift -= 4)
                if ((p[i] >> shift & 15u) < digits)
                    text[len++] = "0123456789ABCDEF"[p[i] >> shift & 15];
    }
    if (len < pin->min || len > pin->max || len > 16) return false;
    memset(pin->now, 0, sizeof pin->now);
    memcpy(pin->now, text, len);
    return true;
}

static bool pin_known(const struct sim_fs *f, const struct sim_fs_pin *pin)
{
    return !pin->df || pin->df == f->df->fid;
}

struct sim_fs_pin *sim_fs_pin_of(struct sim_fs *f, uint8_t ref)
{
    for (unsigned i = 0; i < f->n_pins; i++)
        if (f->pins[i].ref == ref && pin_known(f, &f->pins[i])) return &f->pins[i];
    return NULL;
}

bool sim_fs_allowed(const struct sim_fs *f, uint8_t rule)
{
    const struct sim_fs_pin *pin = rule && rule <= f->n_pins ? &f->pins[rule - 1] : NULL;
    return rule == SIM_FREE || (pin && (pin->verified || !*pin->now));
}

void sim_fs_logout(struct sim_fs *f)
{
    for (unsigned i = 0; i < f->n_pins; i++) f->pins[i].verified = false;
}

static unsigned tries_left(const struct sim_fs_pin *pin)
{
    return pin->left ? 0x63c0u | pin->left : 0x6983u;
}

unsigned sim_fs_check_pin(struct sim_fs *f, struct sim_fs_pin *pin, const uint8_t *p, size_t n)
{
    uint8_t want[33] = { 0 }, given[33] = { 0 };
    size_t want_n = encode_pin(pin, want);
    if (n > 16) return 0x6700;
    memcpy(given, p, n);
    if (pin->card_pads && n < pin->stored && n >= pin->min) {
        memset(given + n, pin->pad, pin->stored - n);
        n = pin->stored;
    }
    bool right_length = pin->stored ? n == pin->stored : n >= pin->min && n <= pin->max;
    if (!right_length && !pin->costly_length) return 0x6700;
    if (!pin->left) return 0x6983;
    if (n == want_n && !memcmp(given, want, n)) {
        pin->left = pin->tries;
        return 0x9000;
    }
    pin->verified = false;
    pin->left--;
    sim_took_try(&f->card);
    return 0x63c0u | pin->left;
}

static unsigned unknown_pin(const struct sim_fs *f)
{
    return f->kind.sw_unknown_pin ? f->kind.sw_unknown_pin : 0x6a88;
}

static unsigned verify(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_pin *pin = sim_fs_pin_of(f, c->p2);
    if (c->p1 && !(c->p1 == 0xff && f->kind.logout)) return 0x6a86;
    if (pin && !*pin->now && f->kind.sw_unset_pin) return f->kind.sw_unset_pin;
    if (!pin || !*pin->now) return unknown_pin(f);
    if (c->p1) return pin->verified = false, 0x9000;
    if (!c->n) {
        if (f->kind.no_status) return 0x6700;
        if (f->kind.empty_costs && pin->left) pin->left--, sim_took_try(&f->card);
        return pin->verified && !f->kind.verified_says_tries ? 0x9000 : tries_left(pin);
    }
    f->card.verifies++;
    unsigned sw = sim_fs_check_pin(f, pin, c->data, c->n);
    if (sw == 0x9000) pin->verified = true;
    return sw;
}

// Bytes that the PIN takes at the beginning of old and new together.
static size_t old_length(const struct sim_fs_pin *pin)
{
    return pin->stored ? pin->stored : strlen(pin->now);
}

static unsigned change_pin(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_pin *pin = sim_fs_pin_of(f, c->p2);
    size_t old;
    if (!pin || (c->p1 == 0 && !*pin->now)) return unknown_pin(f);
    if (c->p1 == 1 && *pin->now) return 0x6985;
    if (c->p1 == 1) {
        pin->verified = decode_pin(pin, c->data, c->n);
        return pin->verified ? 0x9000 : 0x6a80;
    }
    if (c->p1) return 0x6a86;
    old = old_length(pin);
    if (c->n <= old) return 0x6700;
    unsigned sw = sim_fs_check_pin(f, pin, c->data, old);
    if (sw != 0x9000) return sw;
    return decode_pin(pin, c->data + old, c->n - old) ? 0x9000 : 0x6a80;
}

// P1: 0 PUK and new PIN, 1 PUK alone, 2 the new PIN alone and 3 nothing (the PUK was verified).
static unsigned reset_counter(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_pin *pin = sim_fs_pin_of(f, c->p2), *puk;
    size_t at = 0;
    unsigned sw;
    if (!pin || pin->puk >= f->n_pins) return unknown_pin(f);
    if (c->p1 > 3) return 0x6a86;
    puk = &f->pins[pin->puk];
    if (c->p1 < 2) {
        at = c->p1 == 1 ? c->n : old_length(puk);
        if (c->n < at) return 0x6700;
        sw = sim_fs_check_pin(f, puk, c->data, at);
        if (sw != 0x9000) return sw;
    } else if (!puk->verified) {
        return 0x6982;
    }
    if (!(c->p1 & 1) && !decode_pin(pin, c->data + at, c->n - at)) return 0x6a80;
    pin->left = pin->tries;
    return 0x9000;
}

// ---- Selecting ----

static void go_to(struct sim_fs *f, struct sim_fs_file *file)
{
    struct sim_fs_file *df = file->type == SIM_DF ? file : file->parent;
    for (unsigned i = 0; f->kind.df_ends_login && df != f->df && i < f->n_pins; i++)
        if (f->pins[i].df) f->pins[i].verified = false;
    f->df = df;
    f->ef = file->type == SIM_DF ? NULL : file;
}

static void put_fcp(struct sim_answer *a, const struct sim_fs_file *file)
{
    static const uint8_t types[] = { 0x38, 0x01, 0x04, 0x11 };
    const uint8_t two[4] = { (uint8_t)(file->size >> 8), (uint8_t)file->size,
                             (uint8_t)(file->fid >> 8), (uint8_t)file->fid };
    const uint8_t sfi = (uint8_t)(file->sfi << 3);
    if (file->type != SIM_DF) sim_put_tlv(a, 0x80, two, 2);
    sim_put_tlv(a, 0x82, &types[file->type], 1);
    sim_put_tlv(a, 0x83, two + 2, 2);
    if (file->aid_len) sim_put_tlv(a, 0x84, file->aid, file->aid_len);
    if (file->sfi) sim_put_tlv(a, 0x88, &sfi, 1);
    if (file->security_len)
        sim_put_tlv(a, file->security_tag ? file->security_tag : 0x86, file->security,
                    file->security_len);
    sim_put_tlv(a, 0x8a, file->inactive ? "\x01" : "\x05", 1);
    sim_put(a, file->more, file->more_len);
}

static unsigned selected(struct sim_fs *f, struct sim_fs_file *file, uint8_t p2,
                         struct sim_answer *a)
{
    go_to(f, file);
    if ((p2 & 0x0c) == 0x0c || f->kind.no_fcp) return 0x9000;
    if (f->kind.fci) return f->kind.fci(f, file, p2, a), 0x9000;
    put_fcp(a, file);
    sim_wrap(a, 0, f->kind.fci_tag ? f->kind.fci_tag : (p2 & 0x0c) == 0x04 ? 0x62 : 0x6f);
    return 0x9000;
}

static struct sim_fs_file *walk(struct sim_fs_file *from, const uint8_t *p, size_t n)
{
    for (; from && n >= 2; p += 2, n -= 2)
        from = sim_fs_find(from, (uint16_t)(p[0] << 8 | p[1]));
    return from;
}

static struct sim_fs_file *find_aid(struct sim_fs_file *df, const uint8_t *p, size_t n, bool part)
{
    struct sim_fs_file *found;
    if (df->aid_len && (part ? n <= df->aid_len : n == df->aid_len) && !memcmp(df->aid, p, n))
        return df;
    for (struct sim_fs_file *file = df->child; file; file = file->next)
        if (file->type == SIM_DF && (found = find_aid(file, p, n, part))) return found;
    return NULL;
}

static bool same_aid(const uint8_t *aid, size_t aid_len, const struct sim_command *c, bool part)
{
    return aid && (part ? c->n <= aid_len : c->n == aid_len) &&
        (!c->n || !memcmp(aid, c->data, c->n));
}

static unsigned select_aid(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs_file *file = NULL;
    if (c->n == sizeof other_aid && !memcmp(c->data, other_aid, c->n))
        return sim_fs_select_other(&f->card), 0x9000;
    if (c->n) file = find_aid(f->mf, c->data, c->n, f->kind.short_aid);
    bool applet = same_aid(f->kind.applet, f->kind.applet_len, c, f->kind.short_aid);
    if (!file && !applet) return f->other || f->selected ? 0x6a82 : f->kind.sw_unselected
        ? f->kind.sw_unselected : 0x6a82;
    if (!f->kind.select_keeps_login || !f->selected) sim_fs_logout(f);
    f->selected = true;
    f->other = false;
    f->se = 0;
    if (file) return selected(f, file, f->kind.no_fci ? 0x0c : c->p2, a);
    go_to(f, f->mf);
    sim_put(a, f->kind.applet_answer, f->kind.applet_answer_len);
    return 0x9000;
}

// A file by its FID: here, its parent, or beside it.
static struct sim_fs_file *near(struct sim_fs *f, uint16_t fid)
{
    struct sim_fs_file *file = fid == 0x3f00 ? f->mf : sim_fs_find(f->df, fid);
    if (!file && f->df->fid == fid) file = f->df;
    if (!file && f->df->parent && f->df->parent->fid == fid) file = f->df->parent;
    return file || !f->df->parent ? file : sim_fs_find(f->df->parent, fid);
}

static unsigned select_file(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs_file *file = NULL;
    const uint8_t *p = c->data;
    size_t n = c->n;
    uint16_t fid = (uint16_t)(n >= 2 ? p[0] << 8 | p[1] : 0x3f00);
    if (c->p1 == 0x04) return select_aid(f, c, a);
    if (n % 2 || (c->p1 < 4 && n > 2)) return 0x6700;
    switch (c->p1) {
    case 0x00: file = near(f, fid); break;
    case 0x01: file = sim_fs_find(f->df, fid); break;
    case 0x02: file = sim_fs_find(f->df, fid); break;
    case 0x03: file = f->df->parent; break;
    case 0x08:
        if (n >= 2 && fid == 0x3f00) { p += 2; n -= 2; }
        file = walk(f->mf, p, n);
        break;
    case 0x09: file = walk(f->df, p, n); break;
    default: return 0x6a86;
    }
    if (!file || (c->p1 == 0x01 && file->type != SIM_DF) || (c->p1 == 0x02 && file->type == SIM_DF))
        return 0x6a82;
    return selected(f, file, c->p2, a);
}

void sim_fs_select_other(struct sim_card *card)
{
    struct sim_fs *f = (struct sim_fs *)card;
    sim_fs_logout(f);
    sim_line_reset(&f->line);
    memset(f->env, 0, sizeof f->env);
    f->se = 0;
    f->other = true;
    f->selected = false;
}

// ---- Reading and writing ----

static struct sim_fs_file *by_sfi(struct sim_fs *f, uint8_t sfi)
{
    for (struct sim_fs_file *file = f->df->child; file; file = file->next) {
        if (file->type == SIM_DF) continue;
        if (f->kind.sfi_of_fid ? (file->fid & 0x1f) == sfi : sfi && file->sfi == sfi)
            return f->ef = file;
    }
    return NULL;
}

// The file that a READ or UPDATE BINARY means, and where in it. A status word if there is none.
static unsigned binary(struct sim_fs *f, const struct sim_command *c, struct sim_fs_file **file,
                       size_t *offset)
{
    bool sfi = c->p1 & 0x80;
    *file = sfi ? by_sfi(f, c->p1 & 0x1f) : f->ef;
    *offset = sfi ? c->p2 : (size_t)(c->p1 << 8 | c->p2);
    if (!*file) return sfi ? 0x6a82 : f->kind.sw_no_ef ? f->kind.sw_no_ef : 0x6986;
    return (*file)->type == SIM_EF ? 0x9000 : 0x6981;
}

static unsigned read_binary(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs_file *file;
    size_t offset, most = f->kind.most_read, n = c->le ? c->le : 256;
    unsigned sw = binary(f, c, &file, &offset);
    if (sw != 0x9000) return sw;
    if (file->inactive) return 0x6985;
    if (!sim_fs_allowed(f, file->read)) return 0x6982;
    size_t left = file->data_len - offset;
    if (offset > file->data_len || (!left && f->kind.end_is_6b00)) return 0x6b00;
    if (most && n > most) n = most;
    if (n > left && f->kind.end_is_warning && c->le != 256 && c->le != 65536) sw = 0x6282;
    sim_put(a, file->data + offset, n < left ? n : left);
    return sw;
}

static unsigned update_binary(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_file *file;
    size_t offset;
    unsigned sw = binary(f, c, &file, &offset);
    if (sw != 0x9000) return sw;
    if (!sim_fs_allowed(f, file->inactive ? file->parent->update : file->update)) return 0x6982;
    if (f->kind.most_update && c->n > f->kind.most_update) return 0x6700;
    if (offset > file->data_len) return 0x6b00;
    if (c->n > file->data_len - offset)
        return f->kind.sw_update_beyond ? f->kind.sw_update_beyond : 0x6a84;
    if (c->n) memcpy(file->data + offset, c->data, c->n);
    return 0x9000;
}

static uint8_t *record(const struct sim_fs_file *file, unsigned number)
{
    for (size_t at = 0; at < file->data_len; at += 1u + file->data[at])
        if (!--number) return file->data + at;
    return NULL;
}

static unsigned record_file(struct sim_fs *f, const struct sim_command *c,
                            struct sim_fs_file **file)
{
    uint8_t sfi = c->p2 >> 3;
    *file = sfi ? by_sfi(f, sfi) : f->ef;
    if (!*file) return sfi ? 0x6a82 : 0x6986;
    return (*file)->type == SIM_RECORDS ? 0x9000 : 0x6981;
}

// P2's end: 4 this record, 5 this one and all behind it.
static unsigned read_record(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs_file *file;
    unsigned sw = record_file(f, c, &file), how = c->p2 & 7;
    if (sw != 0x9000) return sw;
    if (how != 4 && how != 5) return 0x6a86;
    if (!sim_fs_allowed(f, file->read)) return 0x6982;
    unsigned number = c->p1;
    uint8_t *p = number ? record(file, number) : NULL;
    if (!p) return 0x6a83;
    for (; p; p = how == 5 ? record(file, ++number) : NULL) sim_put(a, p + 1, *p);
    return 0x9000;
}

static unsigned update_record(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_file *file;
    unsigned sw = record_file(f, c, &file);
    if (sw != 0x9000) return sw;
    if ((c->p2 & 7) != 4) return 0x6a86;
    if (!sim_fs_allowed(f, file->update)) return 0x6982;
    uint8_t *p = c->p1 ? record(file, c->p1) : NULL;
    if (!p) return 0x6a83;
    if (c->n > *p) return 0x6700;
    if (c->n) memcpy(p + 1, c->data, c->n);
    return 0x9000;
}

static unsigned append_record(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_file *file;
    unsigned sw = record_file(f, c, &file);
    if (sw != 0x9000) return sw;
    if (!sim_fs_allowed(f, file->update)) return 0x6982;
    if (c->n > 255) return 0x6700;
    return sim_fs_add_record(file, c->data, c->n), 0x9000;
}

// ---- Creating and deleting ----

static unsigned number(const uint8_t *p, size_t n)
{
    unsigned value = 0;
    while (n--) value = value << 8 | *p++;
    return value;
}

// 7816-4 table 14: the kind of file in a file descriptor byte.
static enum sim_fs_type descriptor_type(uint8_t descriptor)
{
    if ((descriptor & 0x38) == 0x38) return SIM_DF;
    if ((descriptor & 0x38) == 0x10 || (descriptor & 0x38) == 0x08) return SIM_KEY_FILE;
    return (descriptor & 7) > 1 ? SIM_RECORDS : SIM_EF;
}

static unsigned create_file(struct sim_fs *f, const struct sim_command *c)
{
    size_t n, size_n, type_n, fid_n, aid_n, rule_n;
    const uint8_t *fcp = sim_get_tlv(c->data, c->n, 0x62, &n);
    if (!fcp) fcp = sim_get_tlv(c->data, c->n, 0x6f, &n);
    if (!fcp) return 0x6a80;
    const uint8_t *size = sim_get_tlv(fcp, n, 0x80, &size_n);
    if (!size) size = sim_get_tlv(fcp, n, 0x81, &size_n);
    const uint8_t *type = sim_get_tlv(fcp, n, 0x82, &type_n);
    const uint8_t *fid = sim_get_tlv(fcp, n, 0x83, &fid_n);
    const uint8_t *aid = sim_get_tlv(fcp, n, 0x84, &aid_n);
    const uint8_t *rule = sim_get_tlv(fcp, n, 0x86, &rule_n);
    if (!type || !type_n || !fid || fid_n != 2) return 0x6a80;
    if (!sim_fs_allowed(f, f->df->update)) return 0x6982;
    uint16_t name = (uint16_t)number(fid, 2);
    if (sim_fs_find(f->df, name)) return 0x6a89;
    struct sim_fs_file *file = new_file(f->df, descriptor_type(*type), name);
    file->made = true;
    unsigned want = size ? number(size, size_n) & 0xffff : 0;
    if (file->type == SIM_EF) resize(file, want);
    file->size = (uint16_t)want;
    if (rule && rule_n <= sizeof file->security) {
        memcpy(file->security, rule, rule_n);
        file->security_len = (uint8_t)rule_n;
    }
    if (aid && aid_n <= sizeof file->aid) {
        memcpy(file->aid, aid, aid_n);
        file->aid_len = (uint8_t)aid_n;
    }
    if (f->kind.access) f->kind.access(f, file);
    go_to(f, file);
    return 0x9000;
}

static unsigned delete_file(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_file *file = f->ef ? f->ef : f->df;
    bool root = c->n >= 2 && number(c->data, 2) == 0x3f00;
    if (c->n % 2) return 0x6700;
    if (c->p1 == 0x08 || c->p1 == 0x09)     // a path, from the MF or from here
        file = walk(c->p1 == 0x08 ? f->mf : f->df, c->data + 2 * root, c->n - 2 * root);
    else if (c->n == 2) file = sim_fs_find(f->df, (uint16_t)number(c->data, 2));
    else if (c->n) return 0x6700;
    if (!file || file == f->mf) return 0x6a82;
    if (!sim_fs_allowed(f, file->parent->update) || !sim_fs_allowed(f, file->remove)) return 0x6982;
    sim_fs_remove(f, file);
    return 0x9000;
}

// ---- Keys ----

struct sim_fs_key *sim_fs_key(struct sim_fs *f, enum sim_key key, uint8_t ref, uint16_t fid,
                              uint8_t rule, unsigned usage)
{
    const struct sim_key_data *d = sim_key_data(key);
    struct sim_fs_key *k = &f->keys[f->n_keys++];
    if (f->n_keys > COUNT(f->keys)) abort();
    k->ref = ref;
    k->fid = fid;
    k->rule = rule;
    k->usage = usage ? usage : SIM_ALL;
    if (d->key) sim_key_parse(&k->pk, d);
    else        mbedtls_pk_init(&k->pk);
    return k;
}

struct sim_fs_env *sim_fs_env(struct sim_fs *f, uint8_t template)
{
    if (f->kind.one_environment) return &f->env[0];
    return &f->env[template == 0xb8 ? 1 : template == 0xa4 ? 2 : 0];
}

static bool fits(const struct sim_fs_algorithm *algorithm, const struct sim_fs_key *key)
{
    return sim_is_rsa(&key->pk) == (algorithm->work < SIM_EC_DER);
}

// The algorithm of a byte; of two with one byte, the one that the key can do.
static const struct sim_fs_algorithm *find_algorithm(const struct sim_fs *f, uint8_t template,
                                                     uint8_t byte, const struct sim_fs_key *key)
{
    const struct sim_fs_algorithm *found = NULL;
    for (unsigned i = 0; i < f->kind.n_algorithms; i++) {
        const struct sim_fs_algorithm *x = &f->kind.algorithms[i];
        if (x->byte != byte || (x->template && x->template != template)) continue;
        if (key && fits(x, key)) return x;
        if (!found) found = x;
    }
    return found;
}

static const struct sim_fs_algorithm *usual_algorithm(const struct sim_fs *f, uint8_t template,
                                                      const struct sim_fs_key *key)
{
    for (unsigned i = 0; i < f->kind.n_algorithms; i++) {
        const struct sim_fs_algorithm *x = &f->kind.algorithms[i];
        if ((!x->template || x->template == template) && fits(x, key)) return x;
    }
    return NULL;
}

static struct sim_fs_key *find_key(struct sim_fs *f, const uint8_t *fid, size_t fid_n,
                                   const uint8_t *ref, size_t ref_n)
{
    for (unsigned i = 0; i < f->n_keys; i++) {
        struct sim_fs_key *k = &f->keys[i];
        if (mbedtls_pk_get_type(&k->pk) == MBEDTLS_PK_NONE) continue;
        if (k->df && k->df != f->df->fid) continue;
        if (fid && (fid_n < 2 || k->fid != number(fid + fid_n - 2, 2))) continue;
        if (!fid && (!ref_n || k->ref != ref[ref_n - 1])) continue;
        return k;
    }
    return NULL;
}

unsigned sim_fs_mse_set(struct sim_fs *f, uint8_t template, const uint8_t *p, size_t n)
{
    size_t byte_n = 0, fid_n = 0, ref_n = 0;
    struct sim_fs_env *env = sim_fs_env(f, template), now = *env;
    const uint8_t *byte = sim_get_tlv(p, n, 0x80, &byte_n), *fid = sim_get_tlv(p, n, 0x81, &fid_n),
        *ref = sim_get_tlv(p, n, 0x84, &ref_n);
    unsigned no_key = f->kind.sw_unknown_key ? f->kind.sw_unknown_key : 0x6a88;
    if (!ref) ref = sim_get_tlv(p, n, 0x83, &ref_n);
    if (f->kind.no_key_files || (fid && fid_n >= 2 && number(fid + fid_n - 2, 2) == f->df->fid))
        fid = NULL;
    if (!f->kind.mse_keeps_refused) memset(env, 0, sizeof *env);
    if (!fid && !ref && !byte) return 0x6a80;
    if (fid || ref) {
        now.key = find_key(f, fid, fid_n, ref, ref_n);
        if (!now.key) return no_key;
    }
    if (byte) {
        now.algorithm = byte_n == 1 ? find_algorithm(f, template, *byte, now.key) : NULL;
        if (!now.algorithm) return f->kind.sw_unknown_algorithm ? f->kind.sw_unknown_algorithm
            : 0x6a80;
    }
    if (!byte && f->kind.implicit_algorithm && now.key)
        now.algorithm = usual_algorithm(f, template, now.key);
    if (f->kind.mse_checks_key && now.key && now.algorithm && !fits(now.algorithm, now.key))
        return no_key;
    if (f->kind.mse_wants_login && now.key && !sim_fs_allowed(f, now.key->rule)) return 0x6982;
    *env = now;
    return 0x9000;
}

static unsigned mse(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 == 0xf3) {
        memset(f->env, 0, sizeof f->env);
        f->se = c->p2;
        return 0x9000;
    }
    if (!(c->p1 & 0x01) || c->p1 == 0xf1) return 0x6a81;
    if (c->p2 != 0xb6 && c->p2 != 0xb8 && c->p2 != 0xa4) return 0x6a86;
    return sim_fs_mse_set(f, c->p2, c->data, c->n);
}

static mbedtls_md_type_t md_by_length(size_t n)
{
    return n == 20 ? MBEDTLS_MD_SHA1 : n == 28 ? MBEDTLS_MD_SHA224 : n == 32 ? MBEDTLS_MD_SHA256
        : n == 48 ? MBEDTLS_MD_SHA384 : n == 64 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_NONE;
}

static unsigned sign_ec(struct sim_fs *f, struct sim_fs_key *key, bool der, const uint8_t *p,
                        size_t n, struct sim_answer *a)
{
    uint8_t padded[66] = { 0 };
    size_t size = (mbedtls_pk_get_bitlen(&key->pk) + 7) / 8;
    if (f->kind.exact_hash && n != size) return 0x6a80;
    if (f->kind.left_pad && n < size && n) {
        memcpy(padded + size - n, p, n);
        return sim_ecdsa(&f->random, &key->pk, der, padded, size, a);
    }
    return sim_ecdsa(&f->random, &key->pk, der, p, n, a);
}

static unsigned work(struct sim_fs *f, const struct sim_fs_algorithm *algorithm,
                     struct sim_fs_key *key, const uint8_t *p, size_t n, struct sim_answer *a)
{
    mbedtls_md_type_t md = algorithm->md ? algorithm->md : md_by_length(n);
    struct sim_random *r = &f->random;
    uint8_t hash[64];
    switch (algorithm->work) {
    case SIM_RSA_RAW:     return sim_rsa_raw(r, &key->pk, p, n, a);
    case SIM_RSA_PKCS1:   return sim_rsa_pkcs1(r, &key->pk, p, n, a);
    case SIM_RSA_DIGEST:  return sim_rsa_digest(r, &key->pk, md, p, n, a);
    case SIM_RSA_PSS:     return sim_rsa_pss(r, &key->pk, md, p, n, a);
    case SIM_RSA_DECRYPT: return sim_rsa_decrypt(r, &key->pk, p, n, a);
    case SIM_RSA_OAEP:    return sim_rsa_oaep(r, &key->pk, algorithm->md, p, n, a);
    case SIM_EC_DER:      return sign_ec(f, key, true, p, n, a);
    case SIM_EC_PLAIN:    return sign_ec(f, key, false, p, n, a);
    case SIM_ECDH:        return sim_ecdh(r, &key->pk, p, n, a);
    case SIM_EC_HASH:
        if (mbedtls_md(mbedtls_md_info_from_type(algorithm->md), p, n, hash)) return 0x6f00;
        n = mbedtls_md_get_size(mbedtls_md_info_from_type(algorithm->md));
        return sign_ec(f, key, true, hash, n, a);
    default:              return 0x6f00;
    }
}

unsigned sim_fs_use(struct sim_fs *f, uint8_t template, unsigned usage, const uint8_t *p, size_t n,
                    struct sim_answer *a)
{
    const struct sim_fs_env *env = sim_fs_env(f, template);
    if (!env->key || !env->algorithm || !(env->key->usage & usage)) return 0x6985;
    if (env->key->se && env->key->se != f->se) return 0x6982;
    if (!sim_fs_allowed(f, env->key->rule)) return f->kind.sw_not_verified ? f->kind.sw_not_verified
        : 0x6982;
    f->card.signatures++;
    unsigned sw = work(f, env->algorithm, env->key, p, n, a);
    uint8_t rule = env->key->rule;
    if (rule && f->pins[rule - 1].once) f->pins[rule - 1].verified = false;
    return sw;
}

static unsigned decipher(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    size_t n;
    const uint8_t *point = sim_get_tlv(c->data, c->n, 0xa6, &n);
    // ECDH: A6 { 7F49 { 86 point } }
    if (point && n > 2 && point[0] == 0x7f && sim_fs_env(f, 0xb8)->key &&
        !sim_is_rsa(&sim_fs_env(f, 0xb8)->key->pk)) {
        point = sim_get_tlv(point + 1, n - 1, 0x49, &n);
        if (point) point = sim_get_tlv(point, n, 0x86, &n);
        return point ? sim_fs_use(f, 0xb8, SIM_DERIVE, point, n, a) : 0x6a80;
    }
    if (f->kind.no_indicator) return sim_fs_use(f, 0xb8, SIM_DECIPHER, c->data, c->n, a);
    if (!c->n || (c->data[0] != 0x00 && c->data[0] != 0x81)) return 0x6a80;
    return sim_fs_use(f, 0xb8, SIM_DECIPHER, c->data + 1, c->n - 1, a);
}

// A hash of the host's, tag 90, kept for the signature that comes without data.
static unsigned hash_in(struct sim_fs *f, const struct sim_command *c)
{
    size_t n = c->n;
    const uint8_t *p = c->p2 == 0xa0 ? sim_get_tlv(c->data, c->n, 0x90, &n) : c->data;
    if (!p || n > sizeof f->hash) return 0x6a80;
    if (n) memcpy(f->hash, p, n);
    f->hash_len = n;
    return 0x9000;
}

static unsigned pso(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 == 0x9e && c->p2 == 0x9a)
        return c->n || !f->hash_len ? sim_fs_use(f, 0xb6, SIM_SIGN, c->data, c->n, a)
            : sim_fs_use(f, 0xb6, SIM_SIGN, f->hash, f->hash_len, a);
    if (c->p1 == 0x80 && c->p2 == 0x86) return decipher(f, c, a);
    if (c->p1 == 0x90 && (c->p2 == 0xa0 || c->p2 == 0x80)) return hash_in(f, c);
    return 0x6a86;
}

// ECDH: 7C { 85 or 81 or 80: the other side's point }
static unsigned general_authenticate(struct sim_fs *f, const struct sim_command *c,
                                     struct sim_answer *a)
{
    size_t n, point_n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x7c, &n), *point = NULL;
    for (uint8_t tag = 0x85; p && !point && tag >= 0x80; tag--)
        point = sim_get_tlv(p, n, tag, &point_n);
    if (!point) return 0x6a80;
    unsigned sw = sim_fs_use(f, 0xa4, SIM_DERIVE, point, point_n, a);
    if (sw != 0x9000 || f->kind.derive_bare) return sw;
    sim_wrap(a, 0, 0x82);
    sim_wrap(a, 0, 0x7c);
    return sw;
}

static unsigned get_challenge(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    uint8_t some[256];
    size_t n = c->le && c->le < 256 ? c->le : c->le ? 256 : 8, most = f->kind.challenge;
    if (f->kind.no_challenge) return 0x6d00;
    if (most && f->kind.sw_challenge && n != most) return f->kind.sw_challenge;
    if (most && n > most) n = most;
    sim_random_get(&f->random, some, n);
    sim_put(a, some, n);
    f->challenged += n;
    return 0x9000;
}

// ---- Commands in and answers out ----

unsigned sim_fs_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    switch (c->ins) {
    case 0xa4: return select_file(f, c, a);
    case 0xb0: return read_binary(f, c, a);
    case 0xb2: return read_record(f, c, a);
    case 0xd0:
    case 0xd6: return update_binary(f, c);
    case 0xdc: return update_record(f, c);
    case 0xe2: return append_record(f, c);
    case 0xe0: return create_file(f, c);
    case 0xe4: return delete_file(f, c);
    case 0x44: return 0x9000;
    case 0x20: return verify(f, c);
    case 0x24: return change_pin(f, c);
    case 0x2c: return reset_counter(f, c);
    case 0x22: return mse(f, c);
    case 0x2a: return pso(f, c, a);
    case 0x88: return sim_fs_use(f, 0xa4, SIM_AUTHENTICATE, c->data, c->n, a);
    case 0x86:
    case 0x87: return general_authenticate(f, c, a);
    case 0x84: return get_challenge(f, c, a);
    default:   return 0x6d00;
    }
}

// Nobody that it is for has the secret: another application, none yet, or a DF that does not know a
// PIN which another DF knows.
static bool is_stray(struct sim_fs *f, const struct sim_command *c)
{
    bool pin = c->ins == 0x20 || c->ins == 0x24 || c->ins == 0x2c, elsewhere = false;
    if (!sim_is_secret(c)) return false;
    if (f->other || !f->selected) return true;
    for (unsigned i = 0; i < f->n_pins && pin; i++)
        elsewhere = elsewhere || f->pins[i].ref == c->p2;
    return elsewhere && !sim_fs_pin_of(f, c->p2);
}

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs *f = card;
    bool by_aid = c->ins == 0xa4 && c->p1 == 0x04;
    if (is_stray(f, c)) sim_saw_stray(&f->card);
    if (!by_aid && f->other) return 0x6d00;
    if (!by_aid && !f->selected)
        return f->kind.sw_unselected ? f->kind.sw_unselected : 0x6d00;
    unsigned sw = f->kind.command && !f->other ? f->kind.command(f, c, a) : 0;
    return sw ? sw : sim_fs_command(f, c, a);
}

static size_t fs_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                      size_t room)
{
    struct sim_fs *f = (struct sim_fs *)card;
    (void)room;
    card->apdus++;
    return sim_line_apdu(&f->line, f, run, f->kind.all_cla, cmd, n, rsp);
}

static void fs_reset(struct sim_card *card)
{
    struct sim_fs *f = (struct sim_fs *)card;
    sim_fs_logout(f);
    sim_line_reset(&f->line);
    memset(f->env, 0, sizeof f->env);
    f->se = 0;
    f->hash_len = 0;
    f->other = false;
    f->selected = !f->kind.applet;
    f->df = f->mf;
    f->ef = NULL;
}

static struct sim_pin fs_pin(struct sim_card *card, unsigned index)
{
    struct sim_fs *f = (struct sim_fs *)card;
    return (struct sim_pin){ &f->pins[index].left, &f->pins[index].verified };
}

static bool fs_verified(const struct sim_card *card)
{
    const struct sim_fs *f = (const struct sim_fs *)card;
    for (unsigned i = 0; i < f->n_pins; i++)
        if (f->pins[i].verified && *f->pins[i].now) return true;
    return false;
}

static void fs_free(struct sim_card *card)
{
    struct sim_fs *f = (struct sim_fs *)card;
    if (f->kind.free) f->kind.free(f);
    for (unsigned i = 0; i < f->n_keys; i++) mbedtls_pk_free(&f->keys[i].pk);
    free_file(f->mf);
    sim_random_stop(&f->random);
    free(f);
}

struct sim_fs *sim_fs_new(const struct sim_fs_kind *kind)
{
    struct sim_fs *f = calloc(1, sizeof *f);
    if (!f || kind->atr_len > sizeof f->card.atr) abort();
    f->kind = *kind;
    f->line.extended = kind->extended;
    f->line.no_chaining = kind->no_chaining;
    f->line.by_part = kind->by_part;
    f->line.pieces = kind->pieces;
    f->line.t0 = kind->t0;
    f->line.wants_le = kind->wants_le;
    memcpy(f->card.atr, kind->atr, kind->atr_len);
    f->card.atr_len = kind->atr_len;
    f->card.protocol = !kind->t0;
    f->card.reset = fs_reset;
    f->card.apdu = fs_apdu;
    f->card.free = fs_free;
    f->card.verified = fs_verified;
    f->card.pin = fs_pin;
    f->card.select_other = sim_fs_select_other;
    f->mf = new_file(NULL, SIM_DF, 0x3f00);
    sim_random_start(&f->random);
    fs_reset(&f->card);
    return f;
}
