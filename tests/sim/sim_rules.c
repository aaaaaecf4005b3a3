// sim_rules.c: access rules of files; sim_rules.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written from ISO/IEC 7816-4:2013, 5.4.3: tables 16 and 17 (access mode bytes of DFs and EFs), 20
// (security condition bytes), 22 and 23 (data objects of the expanded form).
#include "sim_rules.h"
#include <string.h>

enum { REMOVE_SELF = 0x40, ACTIVATE = 0x10,
       EF_APPEND = 0x04, EF_UPDATE = 0x02, EF_READ = 0x01,
       DF_CREATE_DF = 0x04, DF_CREATE_EF = 0x02, DF_DELETE_CHILD = 0x01 };
enum { ALL_OF = 0x80, SECURE_MESSAGING = 0x40, EXTERNAL = 0x20, USER = 0x10 };

// The rule that a bit of an access mode byte sets. NULL: none of those that a file has here.
static uint8_t *rule_of(struct sim_fs_file *file, unsigned bit)
{
    if (bit == REMOVE_SELF) return &file->remove;
    if (file->type == SIM_DF) return bit == DF_CREATE_EF ? &file->update : NULL;
    return bit == EF_READ ? &file->read : bit == EF_UPDATE ? &file->update : NULL;
}

// What a card says of a bit: who updates an EF, appends and activates, too; who creates an EF in a DF,
// creates DFs and deletes what is in it.
static uint8_t rule(const struct sim_fs_file *file, unsigned bit)
{
    if (bit == REMOVE_SELF) return file->remove;
    return file->type != SIM_DF && bit == EF_READ ? file->read : file->update;
}

// ---- Compact ----

static uint8_t condition(uint8_t rule, bool named)
{
    if (rule == SIM_FREE || rule == SIM_NEVER) return rule;
    return (uint8_t)(named || rule != SIM_PIN(0) ? USER | rule : ALL_OF | USER);
}

size_t sim_rules_compact(const struct sim_fs_file *file, bool named, uint8_t *out)
{
    unsigned mode = file->type == SIM_DF ? REMOVE_SELF | DF_CREATE_EF | DF_DELETE_CHILD
        : REMOVE_SELF | ACTIVATE | EF_UPDATE | EF_READ;
    size_t n = 0;
    out[n++] = (uint8_t)mode;
    for (unsigned bit = 0x40; bit; bit >>= 1)
        if (mode & bit) out[n++] = condition(rule(file, bit), named);
    return n;
}

size_t sim_rules_environments(const struct sim_fs *f, uint8_t *out)
{
    size_t n = 0;
    for (unsigned i = 0; i < f->n_pins; i++) {
        const uint8_t one[] = { 0x7b, 0x0b, 0x80, 0x01, (uint8_t)(i + 1), 0xa4, 0x06, 0x83, 0x01,
                                f->pins[i].ref, 0x95, 0x01, 0x08 };
        memcpy(out + n, one, sizeof one);
        n += sizeof one;
    }
    return n;
}

// What a card without secure messaging and external authentication makes of a condition.
static uint8_t meaning(uint8_t condition)
{
    uint8_t pin = condition & 15;
    if (condition == 0x00) return SIM_FREE;
    if (condition == 0xff || !(condition & USER)) return SIM_NEVER;
    if (condition & ALL_OF && condition & (SECURE_MESSAGING | EXTERNAL)) return SIM_NEVER;
    return pin ? pin : SIM_PIN(0);
}

static void forbid(struct sim_fs_file *file)
{
    file->read = file->update = file->remove = SIM_NEVER;
}

bool sim_rules_take_compact(struct sim_fs_file *file, const uint8_t *p, size_t n)
{
    size_t at = 1;
    if (!n || p[0] & 0x80) return false;
    forbid(file);
    for (unsigned bit = 0x40; bit; bit >>= 1) {
        if (!(p[0] & bit)) continue;
        if (at == n) return false;
        uint8_t *to = rule_of(file, bit), one = meaning(p[at++]);
        if (to) *to = one;
    }
    return at == n;
}

// ---- Expanded ----

static size_t put_mode(uint8_t *out, unsigned mode)
{
    out[0] = 0x80;
    out[1] = 1;
    out[2] = (uint8_t)mode;
    return 3;
}

static size_t put_condition(const struct sim_fs *f, uint8_t rule, uint8_t *out)
{
    const uint8_t pin[] = { 0xa4, 0x06, 0x83, 0x01, rule && rule <= f->n_pins
                            ? f->pins[rule - 1].ref : 0, 0x95, 0x01, 0x08 };
    if (rule != SIM_FREE && rule != SIM_NEVER) return memcpy(out, pin, sizeof pin), sizeof pin;
    out[0] = rule == SIM_FREE ? 0x90 : 0x97;
    out[1] = 0;
    return 2;
}

size_t sim_rules_expanded(const struct sim_fs *f, const struct sim_fs_file *file, uint8_t *out)
{
    bool df = file->type == SIM_DF;
    size_t n = 0;
    if (!df) {
        n += put_mode(out, EF_READ);
        n += put_condition(f, file->read, out + n);
    }
    n += put_mode(out + n, df ? DF_CREATE_DF | DF_CREATE_EF | DF_DELETE_CHILD
                  : ACTIVATE | EF_APPEND | EF_UPDATE);
    n += put_condition(f, file->update, out + n);
    n += put_mode(out + n, REMOVE_SELF);
    return n + put_condition(f, file->remove, out + n);
}

// The rule that a control reference template for authentication stands for.
static uint8_t pin_rule(const struct sim_fs *f, const uint8_t *p, size_t n)
{
    size_t ref_n, usage_n;
    const uint8_t *ref = sim_get_tlv(p, n, 0x83, &ref_n), *usage = sim_get_tlv(p, n, 0x95, &usage_n);
    if (!ref || ref_n != 1 || (usage && (usage_n != 1 || !(*usage & 0x08)))) return SIM_NEVER;
    for (unsigned i = 0; i < f->n_pins; i++)
        if (f->pins[i].ref == *ref) return SIM_PIN(i);
    return SIM_NEVER;
}

// A one-byte tag with a length of one byte. false: there is none at *at.
static bool next_object(const uint8_t *p, size_t n, size_t *at, uint8_t *tag, const uint8_t **value,
                        size_t *len)
{
    if (n - *at < 2 || p[*at + 1] > 0x7f || p[*at + 1] > n - *at - 2) return false;
    *tag = p[*at];
    *len = p[*at + 1];
    *value = p + *at + 2;
    *at += 2 + *len;
    return true;
}

static bool is_mode(uint8_t tag) { return tag >= 0x80 && tag <= 0x8f; }

// A security condition: the one that is easier to meet, of all in an OR; the harder one, of an AND.
static uint8_t expanded_condition(const struct sim_fs *f, uint8_t tag, const uint8_t *p, size_t n)
{
    const uint8_t *value;
    size_t at = 0, len;
    uint8_t inner, found = tag == 0xaf ? SIM_FREE : SIM_NEVER;
    if (tag == 0x90) return SIM_FREE;
    if (tag == 0xa4) return pin_rule(f, p, n);
    if (tag == 0x9e) return n == 1 ? meaning(*p) : SIM_NEVER;
    if (tag != 0xa0 && tag != 0xaf) return SIM_NEVER;
    while (next_object(p, n, &at, &inner, &value, &len)) {
        uint8_t one = expanded_condition(f, inner, value, len);
        if (tag == 0xaf ? one > found : one < found) found = one;
    }
    return found;
}

// The bits of an access mode: 80, or 84 with one instruction.
static unsigned mode_bits(uint8_t tag, const uint8_t *p, size_t n)
{
    if (n != 1) return 0;
    if (tag == 0x80) return *p & 0x7f;
    if (tag != 0x84) return 0;
    return *p == 0xb0 ? EF_READ : *p == 0xd6 ? EF_UPDATE : *p == 0xe4 ? REMOVE_SELF
        : *p == 0xe0 ? DF_CREATE_EF : 0;
}

bool sim_rules_take_expanded(const struct sim_fs *f, struct sim_fs_file *file, const uint8_t *p,
                             size_t n)
{
    const uint8_t *value;
    size_t at = 0, len;
    unsigned mode = 0;
    uint8_t tag;
    forbid(file);
    while (next_object(p, n, &at, &tag, &value, &len)) {
        if (is_mode(tag)) { mode = mode_bits(tag, value, len); continue; }
        uint8_t one = expanded_condition(f, tag, value, len);
        for (unsigned bit = 0x40; bit; bit >>= 1) {
            uint8_t *to = mode & bit ? rule_of(file, bit) : NULL;
            if (to && one < *to) *to = one;     // any of several will do
        }
    }
    return at == n;
}
