// sim_generic.c: a simulated card as the standards have it; sim_generic.h says how.
// SPDX-License-Identifier: 0BSD
#include "sim_generic.h"
#include "sim_rules.h"
#include <stdlib.h>
#include <string.h>

enum { ELSEWHERE = 0x5f01 };          // a DF
enum { ARR = 0x2f06 };                // EF.ARR, in the MF and in the application's DF

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                               0x35 };

static const struct sim_fs_algorithm plain[] = {
    { SIM_GENERIC_RSA_PKCS1, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PKCS1, 0xa4, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PKCS1, 0xb8, SIM_RSA_DECRYPT, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_RAW, 0, SIM_RSA_RAW, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PSS, 0xb6, SIM_RSA_PSS, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDSA, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDSA, 0xa4, SIM_EC_PLAIN, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDH, 0, SIM_ECDH, MBEDTLS_MD_NONE },
}, der[] = {
    { SIM_GENERIC_RSA_PKCS1, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PKCS1, 0xa4, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PKCS1, 0xb8, SIM_RSA_DECRYPT, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_RAW, 0, SIM_RSA_RAW, MBEDTLS_MD_NONE },
    { SIM_GENERIC_RSA_PSS, 0xb6, SIM_RSA_PSS, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDSA, 0xb6, SIM_EC_DER, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDSA, 0xa4, SIM_EC_DER, MBEDTLS_MD_NONE },
    { SIM_GENERIC_ECDH, 0, SIM_ECDH, MBEDTLS_MD_NONE },
};

// CKM_RSA_PKCS, CKM_RSA_X_509, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_ECDH1_DERIVE
static const struct sim_p15_algorithm announced[] = {
    { 1, 0x0001, 1 << 1 | 1 << 5, SIM_GENERIC_RSA_PKCS1 },
    { 2, 0x0003, 1 << 1 | 1 << 5, SIM_GENERIC_RSA_RAW },
    { 3, 0x000d, 1 << 1, SIM_GENERIC_RSA_PSS }, { 4, 0x1041, 1 << 1, SIM_GENERIC_ECDSA },
    { 5, 0x1050, 1 << 8, SIM_GENERIC_ECDH },
};

static const struct sim_p15_pin pins[] = {
    { "PIN", 1, 2, P15_CASE | P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x81, 0xff, false },
    { "PUK", 2, 0, P15_CASE | P15_INITIALIZED | P15_PADDED | P15_UNBLOCKING, P15_TEXT, 8, 8, 8,
      0x83, 0xff, false },
}, more_pins[] = {
    { "PIN", 1, 3, P15_CASE | P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x81, 0xff, false },
    { "PUK", 3, 0, P15_CASE | P15_INITIALIZED | P15_PADDED | P15_UNBLOCKING, P15_TEXT, 8, 8, 8,
      0x83, 0xff, false },
    { "Second", 2, 3, P15_CASE | P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x82, 0xff,
      false },
    { "Third", 4, 3, P15_CASE | P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x84, 0xff,
      false },
};

static const struct sim_p15_key keys[2][4] = {
    { { .label = "Sign and decrypt", .key = SIM_RSA2048A, .id = 1, .pin_id = 1, .ref = 1,
        .algorithms = "\1\2\3" },
      { .label = "Sign EC", .key = SIM_P256A, .id = 2, .pin_id = 1, .ref = 2, .algorithms = "\4" },
      { .label = "Derive", .key = SIM_P384A, .id = 3, .pin_id = 1, .ref = 3, .algorithms = "\4\5",
        .usage = P15_SIGN | P15_DERIVE },
      { .label = "Long", .key = SIM_RSA3072, .id = 4, .pin_id = 1, .ref = 4, .algorithms = "\1\3",
        .usage = P15_SIGN | P15_NON_REPUDIATION } },
    { { .label = "Sign and decrypt", .key = SIM_RSA2048B, .id = 1, .pin_id = 1, .ref = 1,
        .algorithms = "\1\2\3" },
      { .label = "Sign EC", .key = SIM_P256B, .id = 2, .pin_id = 1, .ref = 2, .algorithms = "\4" },
      { .label = "Derive", .key = SIM_P384B, .id = 3, .pin_id = 1, .ref = 3, .algorithms = "\4\5",
        .usage = P15_SIGN | P15_DERIVE },
      { .label = "Long", .key = SIM_RSA4096, .id = 4, .pin_id = 1, .ref = 4, .algorithms = "\1\3",
        .usage = P15_SIGN | P15_NON_REPUDIATION } },
};

// Each of two or three PINs has keys of its own.
static const struct sim_p15_key more_keys[2][4] = {
    { { .label = "Sign and decrypt", .key = SIM_RSA2048A, .id = 1, .pin_id = 1, .ref = 1,
        .algorithms = "\1\2\3" },
      { .label = "Sign EC", .key = SIM_P256A, .id = 2, .pin_id = 1, .ref = 2, .algorithms = "\4" },
      { .label = "Second", .key = SIM_P384A, .id = 3, .pin_id = 2, .ref = 3,
        .algorithms = "\4\5", .usage = P15_SIGN | P15_DERIVE },
      { .label = "Third", .key = SIM_P256B, .id = 4, .pin_id = 4, .ref = 4, .algorithms = "\4",
        .consent = 1 } },
    { { .label = "Sign and decrypt", .key = SIM_RSA2048B, .id = 1, .pin_id = 1, .ref = 1,
        .algorithms = "\1\2\3" },
      { .label = "Sign EC", .key = SIM_P256B, .id = 2, .pin_id = 1, .ref = 2, .algorithms = "\4" },
      { .label = "Second", .key = SIM_P384B, .id = 3, .pin_id = 2, .ref = 3,
        .algorithms = "\4\5", .usage = P15_SIGN | P15_DERIVE },
      { .label = "Third", .key = SIM_P256A, .id = 4, .pin_id = 4, .ref = 4, .algorithms = "\4",
        .consent = 1 } },
};

static const struct sim_p15_data data[] = {
    { "Note", "scard11", "anyone may read this", 0 }, { "Secret", "scard11", "with the PIN", 1 },
};

// T=1 or T=0; historical bytes 80 73 C4 01 80/C0: chaining, with or without extended length.
static size_t make_atr(const struct sim_generic_options *o, uint8_t *p)
{
    size_t n = 0;
    uint8_t check = 0;
    p[n++] = 0x3b;
    p[n++] = o->t0 ? 0x05 : 0x85;
    if (!o->t0) { p[n++] = 0x80; p[n++] = 0x01; }
    memcpy(p + n, "\x80\x73\xc4\x01\x80", 5);
    n += 5;
    p[n - 1] = (uint8_t)((o->no_chaining ? 0x00 : 0x80) | (o->extended ? 0x40 : 0x00));
    if (o->t0) return n;
    for (size_t i = 1; i < n; i++) check ^= p[i];
    p[n++] = check;
    return n;
}

// A description, with an SE for each key.
static void need_se(const struct sim_generic_options *o, struct sim_p15 *d)
{
    static struct sim_p15_key se_keys[COUNT(keys[0])];
    memcpy(se_keys, d->keys, sizeof se_keys);
    if (o->se == SIM_GENERIC_SE_INFO) d->se = 3;
    if (o->se == SIM_GENERIC_SE_PIN) d->pin_se = 2;
    for (unsigned i = 0; i < COUNT(se_keys) && o->se == SIM_GENERIC_SE_RULE; i++)
        se_keys[i].se = se_keys[i].ref;
    d->keys = se_keys;
}

// The PIN of key 02 is in no directory.
static void lose_pin(struct sim_p15 *d)
{
    static struct sim_p15_key lost[COUNT(keys[0])];
    memcpy(lost, d->keys, d->n_keys * sizeof *lost);
    lost[1].pin_id = 9;
    lost[1].consent = 1;
    d->keys = lost;
}

static void describe(const struct sim_generic_options *o, struct sim_p15 *d)
{
    static const uint8_t serials[2][8] = { { 0x47, 1, 2, 3, 4, 5, 6, 7 },
                                           { 0x47, 1, 2, 3, 4, 5, 6, 8 } };
    if (o->p15) *d = *o->p15;
    if (!d->label) d->label = "Generic card";
    if (!d->maker) d->maker = "scard11";
    if (!d->serial) { d->serial = serials[o->second]; d->serial_len = 8; }
    if (o->two_pins || o->three_pins || o->elsewhere) {
        d->pins = more_pins, d->n_pins = o->three_pins ? 4 : 3;
        d->keys = more_keys[o->second], d->n_keys = o->three_pins ? 4 : 3;
    }
    if (o->elsewhere) d->elsewhere = 2;
    if (!d->n_pins) { d->pins = pins; d->n_pins = COUNT(pins); }
    if (!d->n_keys) { d->keys = keys[o->second]; d->n_keys = COUNT(keys[0]); }
    if (o->se) need_se(o, d);
    if (o->lost_pin) lose_pin(d);
    if (!d->n_data && !o->no_data) { d->data = data; d->n_data = COUNT(data); }
    if (!d->n_algorithms) { d->algorithms = announced; d->n_algorithms = COUNT(announced); }
}

static unsigned pin_of(const struct sim_p15 *d, uint8_t id)
{
    for (unsigned i = 0; i < d->n_pins; i++)
        if (d->pins[i].id == id) return i;
    return 0;
}

// ---- Who may write ----

struct own {
    struct sim_generic_options o;
    uint8_t environments[8 * 13];
};

static struct own *own(const struct sim_fs *f) { return f->own; }

static uint8_t writer(const struct sim_generic_options *o)
{
    return o->writer == SIM_GENERIC_WRITER_PIN ? SIM_PIN(0)
        : o->writer == SIM_GENERIC_WRITER_SECOND ? SIM_PIN(2)
        : o->writer == SIM_GENERIC_WRITER_ANYONE ? SIM_FREE : SIM_NEVER;
}

static bool is_fixed(const struct sim_generic_options *o, const struct sim_fs_file *file)
{
    return file->fid == ARR || file->fid == 0x2f00 || (o->fixed_info && file->fid == 0x5032) ||
        (o->fixed_directories && (file->fid == 0x5031 || (file->fid & 0xfff0) == 0x4400));
}

static void put_rules(struct sim_fs_file *file, uint8_t tag, const uint8_t *p, size_t n)
{
    if (n > sizeof file->security) abort();
    memcpy(file->security, p, n);
    file->security_len = (uint8_t)n;
    file->security_tag = tag;
}

// The record of an EF.ARR with these rules; it is added if need be. (EF.ARR is one in two places.)
static uint8_t arr_record(struct sim_fs *f, const uint8_t *p, size_t n)
{
    struct sim_fs_file *arr = sim_fs_find(f->mf, ARR);
    uint8_t number = 1;
    for (size_t at = 0; at < arr->data_len; at += 1u + arr->data[at], number++)
        if (arr->data[at] == n && !memcmp(arr->data + at + 1, p, n)) return number;
    sim_fs_add_record(arr, p, n);
    if (sim_fs_path(f, "50152f06")) sim_fs_add_record(sim_fs_path(f, "50152f06"), p, n);
    return number;
}

// Says in a file's FCP what its rules are.
static void say_rules(struct sim_fs *f, struct sim_fs_file *file)
{
    uint8_t out[64], ref[4] = { ARR >> 8, ARR & 0xff, 1, 0 };
    switch (own(f)->o.rules) {
    case SIM_GENERIC_RULES_COMPACT:
        put_rules(file, 0x8c, out, sim_rules_compact(file, f->n_pins > 2, out));
        break;
    case SIM_GENERIC_RULES_ARR:
        ref[2] = arr_record(f, out, sim_rules_expanded(f, file, out));
        put_rules(file, 0x8b, ref, 3);
        break;
    case SIM_GENERIC_RULES_ARR_SE:
        ref[3] = arr_record(f, out, sim_rules_expanded(f, file, out));
        put_rules(file, 0x8b, ref, 4);
        break;
    case SIM_GENERIC_RULES_EXPANDED:
        put_rules(file, 0xab, out, sim_rules_expanded(f, file, out));
        break;
    default: break;
    }
}

static void rule_files(struct sim_fs *f, struct sim_fs_file *df)
{
    struct own *x = own(f);
    df->update = writer(&x->o);
    df->remove = SIM_NEVER;
    if (x->o.rules == SIM_GENERIC_RULES_COMPACT && f->n_pins > 2) {
        df->more_len = sim_rules_environments(f, x->environments);
        df->more = x->environments;
    }
    say_rules(f, df);
    for (struct sim_fs_file *file = df->child; file; file = file->next) {
        if (file->type == SIM_DF) { rule_files(f, file); continue; }
        file->update = is_fixed(&x->o, file) ? SIM_NEVER : writer(&x->o);
        file->remove = file->fid < 0x3300 || file->fid > 0x3fff ? SIM_NEVER : file->update;
        say_rules(f, file);
    }
}

// ---- New files ----

// What a new file's FCP says of its rules. false: nothing that this card understands.
static bool take_rules(struct sim_fs *f, struct sim_fs_file *file, const uint8_t *fcp, size_t n)
{
    size_t compact_n, ref_n, inside_n;
    const uint8_t *compact = sim_get_tlv(fcp, n, 0x8c, &compact_n),
        *ref = sim_get_tlv(fcp, n, 0x8b, &ref_n), *inside = sim_get_tlv(fcp, n, 0xab, &inside_n);
    if (compact && compact_n <= sizeof file->security) {
        put_rules(file, 0x8c, compact, compact_n);
        return sim_rules_take_compact(file, compact, compact_n);
    }
    if (inside && inside_n <= sizeof file->security) {
        put_rules(file, 0xab, inside, inside_n);
        return sim_rules_take_expanded(f, file, inside, inside_n);
    }
    const struct sim_fs_file *arr = sim_fs_find(f->mf, ARR);
    bool here = ref && arr && (ref_n == 1 || ((ref_n == 3 || (ref_n == 4 && ref[2] == 1)) &&
                                              ref[0] == ARR >> 8 && ref[1] == (ARR & 0xff)));
    unsigned number = here ? ref[ref_n - 1] : 0;
    for (size_t at = 0; number && at < arr->data_len; at += 1u + arr->data[at]) {
        if (--number) continue;
        put_rules(file, 0x8b, ref, ref_n);
        return sim_rules_take_expanded(f, file, arr->data + at + 1, arr->data[at]);
    }
    return false;
}

static size_t memory_taken(const struct sim_fs_file *df)
{
    size_t n = 0;
    for (const struct sim_fs_file *file = df->child; file; file = file->next)
        n += (file->made ? 16u + file->size : 0) + memory_taken(file);
    return n;
}

static bool has(const uint8_t *fcp, size_t n, const char *tags)
{
    size_t len;
    for (; *tags; tags++)
        if (sim_get_tlv(fcp, n, (uint8_t)*tags, &len)) return true;
    return false;
}

// A short EF identifier: bits 8 to 4 of its byte.
static bool take_sfi(struct sim_fs_file *file, const uint8_t *fcp, size_t n)
{
    size_t len;
    const uint8_t *p = sim_get_tlv(fcp, n, 0x88, &len);
    if (!p || !len) return true;
    if (len != 1 || *p & 7) return false;
    file->sfi = (uint8_t)(*p >> 3);
    return true;
}

// CREATE FILE: 62 { 80 or 81 size, 82 descriptor, 83 FID, 88 SFI, rules }
static unsigned create(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct sim_generic_options *o = &own(f)->o;
    size_t n, size_n, fid_n;
    const uint8_t *fcp = sim_get_tlv(c->data, c->n, 0x62, &n);
    if (!fcp) fcp = sim_get_tlv(c->data, c->n, 0x6f, &n);
    if (!o->creates) return 0x6d00;
    if (c->p1 || c->p2) return 0x6a86;
    if (!fcp) return 0x6a80;
    const uint8_t *size = sim_get_tlv(fcp, n, 0x80, &size_n), *fid = sim_get_tlv(fcp, n, 0x83, &fid_n);
    if (!size) size = sim_get_tlv(fcp, n, 0x81, &size_n);
    if (!size || !size_n || size_n > 2 || !fid || fid_n != 2) return 0x6a80;
    unsigned name = (unsigned)(fid[0] << 8 | fid[1]);
    size_t want = size_n == 2 ? (size_t)(size[0] << 8 | size[1]) : *size;
    if (!name || name == 0x3f00 || name == 0x3fff || name == 0xffff) return 0x6a80;
    if (!sim_fs_allowed(f, f->df->update)) return 0x6982;
    if (!sim_fs_find(f->df, (uint16_t)name) && o->memory &&
        memory_taken(f->mf) + want + 16 > o->memory) return 0x6a84;
    unsigned sw = sim_fs_command(f, c, a);
    if (sw != 0x9000) return sw;
    struct sim_fs_file *file = f->ef ? f->ef : f->df;
    file->update = file->remove = writer(o);
    bool good = take_sfi(file, fcp, n);
    if (has(fcp, n, "\x86\x8b\x8c\xab")) good = good && take_rules(f, file, fcp, n);
    else say_rules(f, file);
    if (!good) return sim_fs_remove(f, file), 0x6a80;
    file->inactive = o->creates == SIM_GENERIC_CREATES_INACTIVE;
    if (file->data_len) memset(file->data, o->fill, file->data_len);
    if (o->keeps_place) f->df = file->parent, f->ef = NULL;
    return 0x9000;
}

// ACTIVATE FILE: of the selected file, or of one in this DF
static unsigned activate(struct sim_fs *f, const struct sim_command *c)
{
    struct sim_fs_file *file = f->ef ? f->ef : f->df;
    if (own(f)->o.creates != SIM_GENERIC_CREATES_INACTIVE) return 0x6d00;
    if (c->p1 || c->p2) return 0x6a86;
    if (c->n && c->n != 2) return 0x6700;
    if (c->n) file = sim_fs_find(f->df, (uint16_t)(c->data[0] << 8 | c->data[1]));
    if (!file) return 0x6a82;
    if (file->parent && !sim_fs_allowed(f, file->parent->update)) return 0x6982;
    file->inactive = false;
    return 0x9000;
}

static unsigned generic_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    switch (c->ins) {
    case 0xe0: return create(f, c, a);
    case 0xe4: return own(f)->o.no_delete || !own(f)->o.creates ? 0x6d00 : 0;
    case 0x44: return activate(f, c);
    default:   return 0;
    }
}

static void free_own(struct sim_fs *f) { free(f->own); }

// Access rules, and what goes with them, of all that is on the card.
static void rule(struct sim_fs *f, struct sim_fs_file *df, const struct sim_generic_options *o)
{
    struct own *x = calloc(1, sizeof *x);
    if (!x) abort();
    x->o = *o;
    x->o.p15 = NULL;
    f->own = x;
    bool above = o->rules == SIM_GENERIC_RULES_ARR_SE;
    if (o->rules == SIM_GENERIC_RULES_ARR || above) sim_fs_records(f, NULL, ARR);
    if (o->rules == SIM_GENERIC_RULES_ARR) sim_fs_records(f, df, ARR);
    rule_files(f, f->mf);
}

struct sim_card *sim_generic_new(const struct sim_generic_options *options)
{
    static const struct sim_generic_options usual;
    const struct sim_generic_options *o = options ? options : &usual;
    uint8_t atr[33];
    struct sim_p15 d = { 0 };
    struct sim_fs_kind kind = { .name = "generic", .atr = atr, .atr_len = make_atr(o, atr),
        .algorithms = o->der ? der : plain, .n_algorithms = COUNT(plain), .extended = o->extended,
        .no_chaining = o->no_chaining, .pieces = o->pieces, .t0 = o->t0, .short_aid = true,
        .select_keeps_login = o->keeps_login, .no_status = o->no_status,
        .empty_costs = o->empty_costs, .logout = true, .implicit_algorithm = true,
        .no_indicator = o->no_indicator, .no_challenge = o->no_challenge,
        .challenge = o->challenge, .most_update = o->most_update, .sw_update_beyond = o->sw_beyond,
        .no_fcp = o->no_fcp, .command = generic_command, .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    describe(o, &d);
    for (unsigned i = 0; i < d.n_pins; i++) {
        const struct sim_p15_pin *p = &d.pins[i];
        bool puk = p->flags & P15_UNBLOCKING;
        const char *value = puk ? "12345678" : i == 3 ? "246813" : i ? "654321" : "123456";
        sim_fs_pin(f, &(struct sim_fs_pin){ .ref = p->ref, .value = value,
            .form = p->type == P15_BCD ? SIM_BCD : SIM_ASCII, .min = p->min,
            .max = p->max ? p->max : p->stored,
            .stored = p->flags & P15_PADDED ? p->stored : 0, .pad = (uint8_t)p->pad,
            .puk = puk ? SIM_NO_PIN : 1, .df = p->id == d.elsewhere ? ELSEWHERE : 0 });
    }
    for (unsigned i = 0; i < d.n_keys; i++) {
        const struct sim_p15_key *k = &d.keys[i];
        uint8_t rule = SIM_PIN(pin_of(&d, k->pin_id));
        if (k->no_private) continue;
        struct sim_fs_key *key = sim_fs_key(f, k->key, k->ref, k->file, rule, SIM_ALL);
        key->se = k->se ? k->se : d.se ? d.se : d.pin_se;
        if (k->pin_id && k->pin_id == d.elsewhere) key->df = ELSEWHERE;
    }
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0x5015, aid, sizeof aid);
    sim_p15_build(f, df, &d);
    if (o->no_aid) df->aid_len = 0;
    if (d.elsewhere)
        sim_fs_df(f, NULL, ELSEWHERE, SIM_P15_ELSEWHERE, sizeof SIM_P15_ELSEWHERE - 1);
    rule(f, df, o);
    return &f->card;
}
