// sim_esteid.c: simulated Estonian and Latvian eID cards; sim_esteid.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after what the makers publish of the chip's application and after how published software
// speaks to the cards (OpenSC's esteid2018, Web eID's recorded conversations with EstEID and LatEID
// cards): what none of them sends is refused.
#include "sim_esteid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { ADF1 = 0xadf1, ADF2 = 0xadf2, PERSONAL = 0x5000 };

static const uint8_t main_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x77, 0x01, 0x08, 0x00, 0x07, 0x00,
                                    0x00, 0xfe, 0x00, 0x00, 0x01, 0x00 };
static const uint8_t awp_aid[] = { 0xe8, 0x28, 0xbd, 0x08, 0x0f, 0xf2, 0x50, 0x4f, 0x54, 0x20, 0x41,
                                   0x57, 0x50 };
static const uint8_t estonian_atr[] = { 0x3b, 0xdb, 0x96, 0x00, 0x80, 0xb1, 0xfe, 0x45, 0x1f, 0x83,
                                        0x00, 0x12, 0x23, 0x3f, 0x53, 0x65, 0x49, 0x44, 0x0f, 0x90,
                                        0x00, 0xf1 };
static const uint8_t latvian_atr[] = { 0x3b, 0xdb, 0x96, 0x00, 0x80, 0xb1, 0xfe, 0x45, 0x1f, 0x83,
                                       0x00, 0x12, 0x42, 0x8f, 0x53, 0x65, 0x49, 0x44, 0x0f, 0x90,
                                       0x00, 0x20 };

static const struct sim_fs_algorithm algorithms[] = {
    { 0x04, 0xa4, SIM_EC_PLAIN, MBEDTLS_MD_NONE }, { 0x54, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE },
    { 0x0b, 0xb8, SIM_ECDH, MBEDTLS_MD_NONE }, { 0x02, 0xa4, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { 0x42, 0xb6, SIM_RSA_DIGEST, MBEDTLS_MD_SHA256 },
};

// GET DATA: 4D { 70 { BF81xx { A0 80 } } } asks for a PIN: the most tries and those that are left.
static unsigned pin_info(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    static const uint8_t head[] = { 0x4d, 0x08, 0x70, 0x06, 0xbf, 0x81 };
    static const uint8_t rules[] = { 0xa1, 0x10, 0x8c, 0x06, 0xf3, 0x00, 0x00, 0x73, 0x43, 0x00,
                                     0x9c, 0x06, 0xf3, 0x00, 0x00, 0x73, 0x43, 0x00 };
    if (c->p1 != 0x3f || c->p2 != 0xff || c->n != 10 || memcmp(c->data, head, sizeof head) ||
        memcmp(c->data + 7, "\x02\xa0\x80", 3)) return 0x6a80;
    uint8_t number = c->data[6];
    struct sim_fs_pin *pin = sim_fs_pin_of(f, number == 5 ? 0x85 : number);
    if (!pin || number > 5) return 0x6a88;
    sim_put_tlv(a, 0x9a, &pin->tries, 1);
    sim_put_tlv(a, 0x9b, &pin->left, 1);
    sim_put(a, rules, sizeof rules);
    // what an object of a PIN holds; its tag has three bytes
    const uint8_t outer[] = { 0x70, (uint8_t)(a->n + 6), 0xbf, 0x81, number, (uint8_t)(a->n + 2),
                              0xa0, (uint8_t)a->n };
    memmove(a->out + sizeof outer, a->out, a->n);
    memcpy(a->out, outer, sizeof outer);
    a->n += sizeof outer;
    return 0x9000;
}

// An algorithm may be named by four bytes, too.
static unsigned mse(struct sim_fs *f, const struct sim_command *c)
{
    static const struct { uint8_t template, long_name[4], name; } names[] = {
        { 0xa4, { 0xff, 0x20, 0x08, 0x00 }, 0x04 }, { 0xb6, { 0xff, 0x15, 0x08, 0x00 }, 0x54 },
        { 0xb8, { 0xff, 0x30, 0x04, 0x00 }, 0x0b } };
    size_t n, ref_n;
    const uint8_t *name = sim_get_tlv(c->data, c->n, 0x80, &n);
    const uint8_t *ref = sim_get_tlv(c->data, c->n, 0x84, &ref_n);
    if (c->p1 != 0x41 || !name || n != 4) return 0;
    if (!ref || ref_n != 1) return 0x6a80;
    for (unsigned i = 0; i < COUNT(names); i++) {
        if (names[i].template != c->p2 || memcmp(name, names[i].long_name, 4)) continue;
        const uint8_t content[] = { 0x80, 1, names[i].name, 0x84, 1, *ref };
        return sim_fs_mse_set(f, c->p2, content, sizeof content);
    }
    return 0x6a80;
}

// A path is taken from the current DF on only. Another DF has its own security environment.
static unsigned select(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct sim_fs_file *before = f->df;
    if (c->p1 == 0x08 || (c->p1 != 0x04 && c->p2 != 0x04 && c->p2 != 0x0c)) return 0x6a86;
    unsigned sw = sim_fs_command(f, c, a);
    if (f->df != before) memset(f->env, 0, sizeof f->env);
    return sw;
}

// What an EC key signs is as long as its curve: a shorter hash has zeros before it.
static unsigned sign(struct sim_fs *f, const struct sim_command *c)
{
    const struct sim_fs_env *env = &f->env[c->ins == 0x88 ? 2 : 0];
    bool ec = env->algorithm && env->algorithm->work == SIM_EC_PLAIN;
    return ec && (c->ins == 0x88 || c->p1 == 0x9e) && c->n != 48 ? 0x6a80 : 0;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    switch (c->ins) {
    case 0x88: case 0x2a: return sign(f, c);
    case 0xa4: return select(f, c, a);
    case 0xcb: return pin_info(f, c, a);
    case 0x22: return mse(f, c);
    case 0x2c: return c->p1 == 2 ? 0 : 0x6a86;
    case 0xe0: case 0xe4: case 0xd0: case 0xd6: case 0x44: return 0x6d00;
    default: return 0;
    }
}

// ---- Files ----

static void personal(struct sim_fs *f, bool second)
{
    static const char *const records[] = { "J\xc3\x95" "EORG", "JAAK-KRISTJAN", "M", "EST",
        "08 01 1980 EST", "38001085718", NULL, "07 12 2028", "07 12 2018 PPA", "", "", "", "", "",
        "" };
    const char *number = second ? "AS0002222" : "AS0001111";
    uint8_t document[11] = { 0x04, 9 };
    struct sim_fs_file *df = sim_fs_df(f, NULL, PERSONAL, NULL, 0);
    for (unsigned i = 0; i < COUNT(records); i++) {
        const char *record = records[i] ? records[i] : number;
        sim_fs_ef(f, df, (uint16_t)(0x5001 + i), *record ? record : "\0", *record ? strlen(record)
                  : 1, 0);
    }
    memcpy(document + 2, number, 9);
    sim_fs_ef(f, NULL, 0xd003, document, sizeof document, 0);
}

static void put_entry(struct sim_answer *a, uint8_t tag, uint16_t fid)
{
    const uint8_t path[] = { tag, 6, 0x30, 4, 0x04, 2, (uint8_t)(fid >> 8), (uint8_t)fid };
    sim_put(a, path, sizeof path);
}

// An ADF's directory: ODF 5031, PrKDF 7001, CDF 7002; paths are file identifiers in the ADF.
static void directory(struct sim_fs *f, struct sim_fs_file *df, uint8_t ref, bool rsa, uint16_t fid)
{
    struct sim_answer *a = calloc(1, sizeof *a);
    size_t at, from;
    if (!a) abort();
    put_entry(a, 0xa0, 0x7001);
    put_entry(a, 0xa4, 0x7002);
    sim_fs_ef(f, df, 0x5031, a->out, a->n, 64);
    a->n = 0;
    sim_put_tlv(a, 0x0c, "Key", 3);
    sim_wrap(a, 0, 0x30);
    at = a->n;
    sim_put_tlv(a, 0x04, "\x45", 1);
    sim_put_tlv(a, 0x03, "\x05\x20", 2);
    sim_put_tlv(a, 0x02, (uint8_t[]){ 0, ref }, 2);
    sim_wrap(a, at, 0x30);
    at = a->n;
    from = a->n;
    sim_put_tlv(a, 0x04, "\x3f\x00", 2);
    sim_wrap(a, from, 0x30);
    sim_wrap(a, at, 0x30);
    sim_wrap(a, at, 0xa1);
    sim_wrap(a, 0, rsa ? 0x30 : 0xa0);
    sim_fs_ef(f, df, 0x7001, a->out, a->n, 128);
    a->n = 0;
    sim_put_tlv(a, 0x0c, "Certificate", 11);
    sim_wrap(a, 0, 0x30);
    at = a->n;
    sim_put_tlv(a, 0x04, "\x45", 1);
    sim_wrap(a, at, 0x30);
    at = a->n;
    sim_put_tlv(a, 0x04, (uint8_t[]){ (uint8_t)(fid >> 8), (uint8_t)fid }, 2);
    sim_wrap(a, at, 0x30);
    sim_wrap(a, at, 0x30);
    sim_wrap(a, at, 0xa1);
    sim_wrap(a, 0, 0x30);
    sim_fs_ef(f, df, 0x7002, a->out, a->n, 128);
    free(a);
}

static void personalise(struct sim_fs *f, const struct sim_esteid_options *o)
{
    const enum sim_key keys[2] = {
        o->rsa ? (o->second ? SIM_RSA2048B : SIM_RSA2048A) : o->second ? SIM_P384B : SIM_P384A,
        o->rsa ? (o->second ? SIM_RSA2048A : SIM_RSA2048B) : o->second ? SIM_P384A : SIM_P384B };
    const uint8_t refs[2] = { o->latvian && !o->rsa ? 0x82 : 0x81,
                              o->latvian && !o->rsa ? 0x9e : 0x9f };
    const uint16_t files[2] = { o->latvian ? 0x3402 : 0x3401, o->latvian ? 0x341e : 0x341f };
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_key_data *d = sim_key_data(keys[i]);
        struct sim_fs_file *df = sim_fs_df(f, NULL, i ? ADF2 : ADF1, i ? (const void *)
            "QSCD Application" : awp_aid, i ? 16 : sizeof awp_aid);
        sim_fs_ef(f, df, files[i], d->certificate, d->certificate_len, 0);
        if (o->latvian) directory(f, df, refs[i], o->rsa, files[i]);
        sim_fs_key(f, keys[i], refs[i], 0, SIM_PIN(i), i ? SIM_SIGN
                   : SIM_AUTHENTICATE | SIM_DECIPHER)->df = df->fid;
    }
    if (!o->latvian) personal(f, o->second);
}

struct sim_card *sim_esteid_new(const struct sim_esteid_options *options)
{
    static const struct sim_esteid_options usual;
    const struct sim_esteid_options *o = options ? options : &usual;
    struct sim_fs_kind kind = { .name = "EstEID", .atr = o->latvian ? latvian_atr : estonian_atr,
        .atr_len = sizeof estonian_atr, .algorithms = algorithms, .n_algorithms = COUNT(algorithms),
        .extended = o->extended, .most_read = o->most_read, .end_is_6b00 = true, .no_key_files = true,
        .exact_hash = true, .no_status = true, .command = command };
    struct sim_fs *f = sim_fs_new(&kind);
    const struct sim_fs_pin pins[] = {
        { .ref = 0x01, .value = "123456", .min = 4, .max = 12, .stored = 12, .pad = 0xff,
          .puk = 2 },
        { .ref = 0x85, .value = "654321", .min = 5, .max = 12, .stored = 12, .pad = 0xff, .puk = 2,
          .df = ADF2, .once = true },
        { .ref = 0x02, .value = "12345678", .min = 8, .max = 12, .stored = 12, .pad = 0xff,
          .puk = SIM_NO_PIN },
    };
    for (unsigned i = 0; i < COUNT(pins); i++) sim_fs_pin(f, &pins[i]);
    memcpy(f->mf->aid, main_aid, sizeof main_aid);
    f->mf->aid_len = sizeof main_aid;
    personalise(f, o);
    return &f->card;
}
