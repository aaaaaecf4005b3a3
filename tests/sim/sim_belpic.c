// sim_belpic.c: a simulated Belgian eID card; sim_belpic.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after the public reference manual of the Belpic applet, the published content of the
// card's directory files, and how the national middleware and OpenSC's belpic speak to it.
#include "sim_belpic.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { BELPIC = 0xdf00, IDENTITY = 0xdf01 };

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x01, 0x77, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                               0x35 };
static const uint8_t rsa_atr[] = { 0x3b, 0x98, 0x13, 0x40, 0x0a, 0xa5, 0x03, 0x01, 0x01, 0x01, 0xad,
                                   0x13, 0x11 };
static const uint8_t ec_atr[] = { 0x3b, 0x7f, 0x96, 0x00, 0x00, 0x80, 0x31, 0x80, 0x65, 0xb0, 0x85,
                                  0x04, 0x01, 0x20, 0x12, 0x0f, 0xff, 0x82, 0x90, 0x00 };

static const struct sim_fs_algorithm algorithms[] = {
    { 0x01, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE }, { 0x02, 0xb6, SIM_RSA_DIGEST, MBEDTLS_MD_SHA1 },
    { 0x08, 0xb6, SIM_RSA_DIGEST, MBEDTLS_MD_SHA256 },
    { 0x40, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE },
};

struct own {
    bool ec, fresh;                 // the command before was a VERIFY that was right
    uint8_t serial;
};

// MSE SET: 04 80 algorithm 84 key, without lengths of their own.
static unsigned mse(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 != 0x41 || c->p2 != 0xb6) return 0x6a86;
    if (c->n != 5) return 0x6700;
    if (c->data[0] != 0x04 || c->data[1] != 0x80 || c->data[3] != 0x84) return 0x6a80;
    const uint8_t content[] = { 0x80, 1, c->data[2], 0x84, 1, c->data[4] };
    return sim_fs_mse_set(f, 0xb6, content, sizeof content);
}

// The PUK alone: the PIN stays what it was.
static unsigned reset_counter(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 || c->p2 != 0x01) return 0x6a86;
    if (c->n != 8) return 0x6700;
    unsigned sw = sim_fs_check_pin(f, &f->pins[1], c->data, c->n);
    if (sw == 0x9000) f->pins[0].left = f->pins[0].tries;
    return sw;
}

static unsigned sign(struct sim_fs *f, const struct sim_command *c, bool fresh)
{
    const struct sim_fs_env *env = sim_fs_env(f, 0xb6);
    if (c->p1 != 0x9e || c->p2 != 0x9a) return 0x6a86;
    if (f->df->fid != BELPIC) return 0x6985;
    return env->key && env->key->ref == 0x83 && !fresh ? 0x6982 : 0;
}

// GET CARD DATA: serial number, version of the applet.
static unsigned card_data(struct sim_fs *f, struct sim_answer *a)
{
    const struct own *own = f->own;
    uint8_t data[28] = { 0x53, 0x4c, 0x49, 0x4e, [15] = own->serial, [21] = own->ec ? 0x18 : 0x17,
                         [27] = 0x0f };
    sim_put(a, data, sizeof data);
    return 0x9000;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    bool fresh = own->fresh;
    own->fresh = false;
    if (c->cla == 0x80) {
        if (c->ins == 0xe4) return card_data(f, a);
        if (c->ins == 0xe6) return sim_fs_logout(f), 0x9000;
        return 0x6d00;
    }
    switch (c->ins) {
    case 0xa4:
        return c->p2 != 0x0c || (c->p1 != 0x02 && c->p1 != 0x04 && c->p1 != 0x08) ? 0x6a86 : 0;
    case 0x20: {
        unsigned sw = sim_fs_command(f, c, a);
        own->fresh = sw == 0x9000;
        return sw;
    }
    case 0x22: return mse(f, c);
    case 0x2c: return reset_counter(f, c);
    case 0x2a: return sign(f, c, fresh);
    case 0xb0: case 0x24: case 0x84: return 0;
    default: return 0x6d00;
    }
}

// ---- Files ----

// A record: label, flags, authId and userConsent; its class; a path or what more there is in [1].
static void put_record(struct sim_answer *a, const char *label, bool consent,
                       const struct sim_answer *class, const struct sim_answer *type)
{
    size_t from = a->n, at;
    sim_put_tlv(a, 0x0c, label, strlen(label));
    sim_put_tlv(a, 0x03, "\x06\xc0", 2);
    sim_put_tlv(a, 0x04, "\x01", 1);
    if (consent) sim_put_tlv(a, 0x02, "\x01", 1);
    sim_wrap(a, from, 0x30);
    sim_put_tlv(a, 0x30, class->out, class->n);
    at = a->n;
    sim_put_tlv(a, 0x30, type->out, type->n);
    sim_wrap(a, at, 0xa1);
}

static void put_path(struct sim_answer *a, uint16_t fid)
{
    const uint8_t path[] = { 0x3f, 0x00, 0xdf, 0x00, (uint8_t)(fid >> 8), (uint8_t)fid };
    size_t at = a->n;
    sim_put_tlv(a, 0x04, path, fid ? 6 : 4);
    sim_wrap(a, at, 0x30);
}

static void put_key(struct sim_answer *a, const char *label, bool ec, uint8_t id, uint8_t ref)
{
    struct sim_answer *class = calloc(2, sizeof *class), *type = class + 1;
    size_t at = a->n;
    if (!class) abort();
    sim_put_tlv(class, 0x04, &id, 1);
    if (id == 3) sim_put_tlv(class, 0x03, "\x06\x00\x40", 3);
    else         sim_put_tlv(class, 0x03, "\x05\x20", 2);
    sim_put_tlv(class, 0x03, "\x03\xb8", 2);
    sim_put_tlv(class, 0x02, (uint8_t[]){ 0, ref }, 2);
    put_path(type, 0);
    sim_put_tlv(type, 0x02, ec ? "\x01\x80" : "\x08\x00", 2);
    put_record(a, label, id == 3, class, type);
    sim_wrap(a, at, ec ? 0xa0 : 0x30);
    free(class);
}

static void put_certificate(struct sim_answer *a, const char *label, uint8_t id, bool authority,
                            uint16_t fid)
{
    struct sim_answer *class = calloc(2, sizeof *class), *type = class + 1;
    size_t at = a->n;
    if (!class) abort();
    sim_put_tlv(class, 0x04, &id, 1);
    if (authority) sim_put_tlv(class, 0x01, "\xff", 1);
    put_path(type, fid);
    put_record(a, label, false, class, type);
    sim_wrap(a, at, 0x30);
    free(class);
}

// EF.DIR: the application, its name and its path.
static void dir_file(struct sim_fs *f, struct sim_answer *a)
{
    a->n = 0;
    sim_put_tlv(a, 0x4f, aid, sizeof aid);
    sim_put_tlv(a, 0x50, "BELPIC", 6);
    sim_put_tlv(a, 0x51, "\x3f\x00\xdf\x00", 4);
    sim_wrap(a, 0, 0x61);
    sim_fs_ef(f, NULL, 0x2f00, a->out, a->n, 0);
}

// The AODF says BCD of a PIN that is not BCD.
static void put_pin(struct sim_answer *a)
{
    static const uint8_t pin[] = {
        0x30, 0x33, 0x30, 0x0f, 0x0c, 0x09, 'B', 'a', 's', 'i', 'c', ' ', 'P', 'I', 'N', 0x03, 0x02,
        0x06, 0xc0, 0x30, 0x03, 0x04, 0x01, 0x01, 0xa1, 0x1b, 0x30, 0x19, 0x03, 0x02, 0x02, 0x0c,
        0x0a, 0x01, 0x00, 0x02, 0x01, 0x04, 0x02, 0x01, 0x08, 0x80, 0x01, 0x01, 0x04, 0x01, 0xff,
        0x30, 0x04, 0x04, 0x02, 0x3f, 0x00 };
    sim_put(a, pin, sizeof pin);
}

static void token_info(struct sim_fs *f, struct sim_fs_file *df, uint8_t serial,
                       struct sim_answer *a)
{
    uint8_t number[16] = { 0x53, 0x4c, 0x49, 0x4e, [15] = serial };
    a->n = 0;
    sim_put_tlv(a, 0x02, "\x00", 1);
    sim_put_tlv(a, 0x04, number, 16);
    sim_put_tlv(a, 0x80, "BELPIC", 6);
    sim_put_tlv(a, 0x03, "\x04\x30", 2);
    sim_wrap(a, 0, 0x30);
    sim_fs_ef(f, df, 0x5032, a->out, a->n, 0);
}

static void directory(struct sim_fs *f, struct sim_fs_file *df, const struct own *own)
{
    static const struct { uint8_t tag; uint16_t fid; } files[] = { { 0xa0, 0x5035 },
                                                                   { 0xa4, 0x5037 },
                                                                   { 0xa8, 0x5034 } };
    struct sim_answer *a = calloc(1, sizeof *a);
    if (!a) abort();
    for (unsigned i = 0; i < COUNT(files); i++) {
        size_t at = a->n;
        put_path(a, files[i].fid);
        sim_wrap(a, at, files[i].tag);
    }
    sim_fs_ef(f, df, 0x5031, a->out, a->n, 0);
    token_info(f, df, own->serial, a);
    dir_file(f, a);
    a->n = 0;
    put_pin(a);
    sim_fs_ef(f, df, 0x5034, a->out, a->n, 0);
    a->n = 0;
    put_key(a, "Authentication", own->ec, 2, 0x82);
    put_key(a, "Signature", own->ec, 3, 0x83);
    sim_fs_ef(f, df, 0x5035, a->out, a->n, 0);
    a->n = 0;
    put_certificate(a, "Authentication", 2, false, 0x5038);
    put_certificate(a, "Signature", 3, false, 0x5039);
    put_certificate(a, "CA", 4, true, 0x503a);
    put_certificate(a, "Root", 6, true, 0x503b);
    sim_fs_ef(f, df, 0x5037, a->out, a->n, 0);
    free(a);
}

// The identity file: tags and UTF-8, as its description has them.
static void identity(struct sim_fs *f, bool second)
{
    static const struct { uint8_t tag; const char *text; } fields[] = {
        { 0x01, "000590000000" }, { 0x03, "07.12.2018" }, { 0x04, "07.12.2028" },
        { 0x05, "Antwerpen" }, { 0x06, "71715100070" }, { 0x07, "SPECIMEN" },
        { 0x08, "Alice Geldigekaart" }, { 0x0a, "Belg" }, { 0x0b, "Hamont-Achel" },
        { 0x0c, "01 JAN 1971" }, { 0x0d, "F" } };
    struct sim_fs_file *df = sim_fs_df(f, NULL, IDENTITY, NULL, 0);
    struct sim_answer *a = calloc(1, sizeof *a);
    uint8_t photo[3500] = { 0xff, 0xd8, 0xff, 0xe0 }, signature[256];
    if (!a) abort();
    for (unsigned i = 0; i < COUNT(fields); i++)
        sim_put_tlv(a, fields[i].tag, fields[i].text, strlen(fields[i].text));
    sim_fs_ef(f, df, 0x4031, a->out, a->n, 0);
    a->n = 0;
    sim_put_tlv(a, 0x01, "Meirplaats 1", 12);
    sim_put_tlv(a, 0x02, "2000", 4);
    sim_put_tlv(a, 0x03, "Antwerpen", 9);
    sim_fs_ef(f, df, 0x4033, a->out, a->n, 117);
    for (size_t i = 4; i < sizeof photo; i++) photo[i] = (uint8_t)(i * 7 + second);
    memset(signature, 0x5a, sizeof signature);
    sim_fs_ef(f, df, 0x4032, signature, sizeof signature, 0);
    sim_fs_ef(f, df, 0x4034, signature, sizeof signature, 0);
    sim_fs_ef(f, df, 0x4035, photo, sizeof photo, 0);
    free(a);
}

static void personalise(struct sim_fs *f, const struct sim_belpic_options *o)
{
    const enum sim_key keys[] = {
        o->ec ? (o->second ? SIM_P384B : SIM_P384A) : o->second ? SIM_RSA2048B : SIM_RSA2048A,
        o->ec ? (o->second ? SIM_P384A : SIM_P384B) : o->second ? SIM_RSA2048A : SIM_RSA2048B,
        SIM_RSA4096, SIM_RSA3072, SIM_RSA1024 };
    struct sim_fs_file *df = sim_fs_df(f, NULL, BELPIC, aid, sizeof aid);
    directory(f, df, f->own);
    for (unsigned i = 0; i < COUNT(keys); i++) {
        const struct sim_key_data *d = sim_key_data(keys[i]);
        sim_fs_ef(f, df, (uint16_t)(0x5038 + i), d->certificate, d->certificate_len, 0);
    }
    sim_fs_key(f, keys[0], 0x82, 0, SIM_PIN(0), SIM_SIGN);
    sim_fs_key(f, keys[1], 0x83, 0, SIM_PIN(0), SIM_SIGN);
    identity(f, o->second);
}

static void free_own(struct sim_fs *f) { free(f->own); }

struct sim_card *sim_belpic_new(const struct sim_belpic_options *options)
{
    static const struct sim_belpic_options usual;
    const struct sim_belpic_options *o = options ? options : &usual;
    struct sim_fs_kind kind = { .name = "Belgian eID", .atr = o->ec ? ec_atr : rsa_atr,
        .atr_len = o->ec ? sizeof ec_atr : sizeof rsa_atr, .algorithms = algorithms,
        .n_algorithms = COUNT(algorithms), .t0 = true, .no_chaining = true, .all_cla = true,
        .select_keeps_login = true, .end_is_6b00 = true, .no_key_files = true, .no_status = true,
        .command = command, .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    struct own *own = calloc(1, sizeof *own);
    if (!own) abort();
    own->ec = o->ec;
    own->serial = o->second ? 2 : 1;
    f->own = own;
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x01, .value = "123456", .form = SIM_GLP, .min = 4,
        .max = 12, .stored = 8, .pad = 0xff, .puk = SIM_NO_PIN });
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x84, .value = "123456789012", .form = SIM_GLP,
        .min = 12, .max = 12, .stored = 8, .pad = 0xff, .puk = SIM_NO_PIN });
    personalise(f, o);
    return &f->card;
}
