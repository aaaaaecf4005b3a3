// sim_generic.c: a simulated card as the standards have it; sim_generic.h says how.
// SPDX-License-Identifier: 0BSD
#include "sim_generic.h"
#include <string.h>

enum { ELSEWHERE = 0x5f01 };          // a DF

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
    if (!d->n_data) { d->data = data; d->n_data = COUNT(data); }
    if (!d->n_algorithms) { d->algorithms = announced; d->n_algorithms = COUNT(announced); }
}

static unsigned pin_of(const struct sim_p15 *d, uint8_t id)
{
    for (unsigned i = 0; i < d->n_pins; i++)
        if (d->pins[i].id == id) return i;
    return 0;
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
        .challenge = o->challenge };
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
    df->update = f->mf->update = SIM_PIN(0);
    sim_p15_build(f, df, &d);
    if (o->no_aid) df->aid_len = 0;
    if (d.elsewhere)
        sim_fs_df(f, NULL, ELSEWHERE, SIM_P15_ELSEWHERE, sizeof SIM_P15_ELSEWHERE - 1);
    return &f->card;
}
