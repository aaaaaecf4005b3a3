// sim_p15.c: the PKCS#15 files of a simulated card; sim_p15.h says what they can be like.
// SPDX-License-Identifier: 0BSD
//
// Written from PKCS#15 v1.1 (sections 6 and 7) and ISO/IEC 7816-15:2016, clause 8.
#include "sim_p15.h"
#include <mbedtls/oid.h>
#include <stdlib.h>
#include <string.h>

// What is being built: one description, where it goes, one directory file after the other.
struct build {
    struct sim_fs *f;
    struct sim_fs_file *df;
    const struct sim_p15 *d;
    struct sim_answer a, odf;
    uint8_t pin_rule[256];
    unsigned in_one_file;           // bytes of certificates there
};

// ---- DER ----

static void put_bits(struct sim_answer *a, unsigned bits)
{
    uint8_t out[4] = { 0 };
    size_t n = 1;
    unsigned unused = 7;
    for (unsigned i = 0; i < 16; i++) {
        if (!(bits >> i & 1)) continue;
        out[1 + i / 8] = (uint8_t)(out[1 + i / 8] | 0x80 >> i % 8);
        n = 2 + i / 8;
        unused = 7 - i % 8;
    }
    out[0] = n == 1 ? 0 : (uint8_t)unused;
    sim_put_tlv(a, 0x03, out, n);
}

static void put_number(struct sim_answer *a, unsigned tag, unsigned value)
{
    const uint8_t out[3] = { 0, (uint8_t)(value >> 8), (uint8_t)value };
    size_t from = value > 0x7fff ? 0 : value > 0x7f ? 1 : 2;
    sim_put_tlv(a, tag, out + from, 3 - from);
}

// A reference: one byte, or as long as a number that is not negative.
static void put_ref(const struct build *b, struct sim_answer *a, unsigned tag, uint8_t ref)
{
    if (b->d->negative) sim_put_tlv(a, tag, &ref, 1);
    else put_number(a, tag, ref);
}

static void put_text(struct sim_answer *a, unsigned tag, const char *text)
{
    sim_put_tlv(a, tag, text, strlen(text));
}

// Path: SEQUENCE { OCTET STRING, index INTEGER OPTIONAL, length [0] INTEGER OPTIONAL }
static void put_part(struct build *b, struct sim_answer *a, uint16_t fid, unsigned index,
                     size_t length)
{
    uint8_t path[16];
    size_t n = 0, from = a->n;
    struct sim_fs_file *up[4];
    int depth = 0;
    if (!b->d->relative)
        for (struct sim_fs_file *at = b->df; at && depth < 4; at = at->parent) up[depth++] = at;
    while (depth--) {
        path[n++] = (uint8_t)(up[depth]->fid >> 8);
        path[n++] = (uint8_t)up[depth]->fid;
    }
    if (fid) {
        path[n++] = (uint8_t)(fid >> 8);
        path[n++] = (uint8_t)fid;
    }
    sim_put_tlv(a, 0x04, path, n);
    if (length) {
        size_t at;
        put_number(a, 0x02, index);
        at = a->n;
        put_number(a, b->d->explicit_tags ? 0x02 : 0x80, (unsigned)length);
        if (b->d->explicit_tags) sim_wrap(a, at, 0xa0);
    }
    sim_wrap(a, from, 0x30);
}

static void put_path(struct build *b, struct sim_answer *a, uint16_t fid, size_t length)
{
    put_part(b, a, fid, 0, b->d->whole_path ? length : 0);
}

// Path: SEQUENCE { pathExtended [1] { AID [APPLICATION 15] } }, the DF of another application
static void put_elsewhere(struct sim_answer *a)
{
    size_t from = a->n;
    sim_put_tlv(a, 0x4f, SIM_P15_ELSEWHERE, sizeof SIM_P15_ELSEWHERE - 1);
    sim_wrap(a, from, 0xa1);
    sim_wrap(a, from, 0x30);
}

// CommonObjectAttributes
static void put_common(struct build *b, const char *label, unsigned flags, uint8_t auth_id,
                       int consent)
{
    size_t from = b->a.n;
    if (label) put_text(&b->a, 0x0c, b->d->no_label ? "" : label);
    put_bits(&b->a, flags);
    if (auth_id) sim_put_tlv(&b->a, 0x04, &auth_id, 1);
    if (consent) put_number(&b->a, 0x02, (unsigned)consent);
    sim_wrap(&b->a, from, 0x30);
}

// The record of a deleted object stays: its tag is 00.
static void put_deleted(struct build *b)
{
    static const uint8_t was[] = { 0x00, 0x06, 0x30, 0x04, 0x0c, 0x02, 'x', 'x' };
    if (b->d->deleted) sim_put(&b->a, was, sizeof was);
}

// ---- Public keys ----

void sim_p15_put_public(struct sim_answer *a, enum sim_key key, bool spki)
{
    mbedtls_pk_context pk;
    uint8_t der[700], *p = der + sizeof der;
    int n;
    sim_key_parse(&pk, sim_key_data(key));
    n = spki ? mbedtls_pk_write_pubkey_der(&pk, der, sizeof der)
        : mbedtls_pk_write_pubkey(&p, der, &pk);
    if (n <= 0) abort();
    sim_put(a, der + sizeof der - (size_t)n, (size_t)n);
    mbedtls_pk_free(&pk);
}

// ECPoint: OCTET STRING
static void put_point(struct sim_answer *a, enum sim_key key)
{
    mbedtls_pk_context pk;
    uint8_t point[133];
    size_t n;
    sim_key_parse(&pk, sim_key_data(key));
    if (mbedtls_ecp_point_write_binary(&mbedtls_pk_ec(pk)->grp, &mbedtls_pk_ec(pk)->Q,
                                       MBEDTLS_ECP_PF_UNCOMPRESSED, &n, point, sizeof point))
        abort();
    sim_put_tlv(a, 0x04, point, n);
    mbedtls_pk_free(&pk);
}

// KeyInfo of EC: { parameters: namedCurve }
static void put_curve(struct sim_answer *a, enum sim_key key)
{
    mbedtls_pk_context pk;
    const char *oid;
    size_t n, from = a->n;
    sim_key_parse(&pk, sim_key_data(key));
    if (mbedtls_oid_get_oid_by_ec_grp(mbedtls_pk_ec(pk)->grp.id, &oid, &n)) abort();
    sim_put_tlv(a, 0x06, oid, n);
    sim_wrap(a, from, 0x30);
    mbedtls_pk_free(&pk);
}

// ---- Objects ----

static void put_pin(struct build *b, const struct sim_p15_pin *pin)
{
    size_t record = b->a.n, at, type;
    put_common(b, pin->label, 3, pin->puk_id, 0);
    at = b->a.n;
    sim_put_tlv(&b->a, 0x04, &pin->id, 1);
    if (b->d->pin_se && pin == b->d->pins) put_number(&b->a, 0x80, b->d->pin_se);
    sim_wrap(&b->a, at, 0x30);
    at = b->a.n;
    put_bits(&b->a, pin->flags);
    sim_put_tlv(&b->a, 0x0a, &pin->type, 1);
    put_number(&b->a, 0x02, pin->min);
    put_number(&b->a, 0x02, pin->stored);
    if (pin->max) put_number(&b->a, 0x02, pin->max);
    type = b->a.n;
    put_ref(b, &b->a, b->d->explicit_tags ? 0x02 : 0x80, pin->ref);
    if (b->d->explicit_tags) sim_wrap(&b->a, type, 0xa0);
    const uint8_t pad = (uint8_t)pin->pad;
    if (pin->pad >= 0) sim_put_tlv(&b->a, 0x04, &pad, 1);
    if (pin->id == b->d->elsewhere) put_elsewhere(&b->a);
    else if (!pin->no_path) put_path(b, &b->a, 0, 0);
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, 0x30);
}

// CommonKeyAttributes
static void put_key_attributes(struct build *b, const struct sim_p15_key *k, unsigned usage,
                               unsigned access)
{
    size_t from = b->a.n, at;
    sim_put_tlv(&b->a, 0x04, &k->id, 1);
    put_bits(&b->a, usage);
    if (access) put_bits(&b->a, access);
    put_ref(b, &b->a, 0x02, k->ref);
    if (k->algorithms) {
        at = b->a.n;
        for (const char *p = k->algorithms; *p; p++) put_number(&b->a, 0x02, (uint8_t)*p);
        sim_wrap(&b->a, at, 0xa1);
    }
    sim_wrap(&b->a, from, 0x30);
}

// accessControlRules of a key: to be used (execute) it wants its PIN, in an SE.
static void put_rule(struct build *b, const struct sim_p15_key *k)
{
    size_t from = b->a.n, at;
    put_bits(&b->a, 1 << 2);
    at = b->a.n;
    sim_put_tlv(&b->a, 0x04, &k->pin_id, 1);
    size_t reference = b->a.n;
    put_bits(&b->a, 1 << 2);                    // userAuthentication
    put_number(&b->a, 0x02, k->se);
    sim_wrap(&b->a, reference, 0x30);
    sim_wrap(&b->a, at, 0xa1);                  // both
    sim_wrap(&b->a, from, 0x30);
    sim_wrap(&b->a, from, 0x30);
}

static void put_private(struct build *b, const struct sim_p15_key *k)
{
    const struct sim_key_data *d = sim_key_data(k->key);
    unsigned usage = k->usage ? k->usage
        : d->rsa ? P15_SIGN | P15_DECRYPT | P15_UNWRAP : P15_SIGN;
    size_t record = b->a.n, at;
    if (k->se) {
        put_text(&b->a, 0x0c, k->label);
        put_bits(&b->a, 1);
        put_rule(b, k);
        sim_wrap(&b->a, record, 0x30);
    } else {
        put_common(b, k->label, 1, b->d->no_auth_id ? 0 : k->pin_id, k->consent);
    }
    put_key_attributes(b, k, usage, 0x1d);      // sensitive, always so, never extractable, local
    at = b->a.n;
    if (k->pin_id && k->pin_id == b->d->elsewhere) put_elsewhere(&b->a);
    else put_path(b, &b->a, k->file, 0);
    if (d->rsa || !b->d->ec_by_curve) put_number(&b->a, 0x02, d->bits);
    else put_curve(&b->a, k->key);
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, d->rsa ? 0x30 : 0xa0);
}

static void put_public(struct build *b, const struct sim_p15_key *k, unsigned index)
{
    const struct sim_key_data *d = sim_key_data(k->key);
    struct sim_answer *value = calloc(1, sizeof *value);
    unsigned usage = d->rsa ? P15_VERIFY | P15_ENCRYPT : P15_VERIFY;
    size_t record = b->a.n, at;
    if (!value) abort();
    if (b->d->in_cdf && b->d->ec_by_curve && !d->rsa) put_point(value, k->key);
    else sim_p15_put_public(value, k->key, !d->rsa);
    put_common(b, k->label, 2, 0, 0);
    put_key_attributes(b, k, usage, 0);
    at = b->a.n;
    if (b->d->in_cdf) {
        sim_put_tlv(&b->a, 0xa0, value->out, value->n);
    } else {
        uint16_t fid = (uint16_t)(0x3300 + index);
        sim_fs_ef(b->f, b->df, fid, value->out, value->n, 0);
        put_path(b, &b->a, fid, value->n);
    }
    if (d->rsa) put_number(&b->a, 0x02, d->bits);
    else if (b->d->ec_by_curve) put_curve(&b->a, k->key);
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, d->rsa ? 0x30 : 0xa0);
    free(value);
}

static void put_in_one_file(struct build *b, const struct sim_key_data *d)
{
    struct sim_fs_file *file = sim_fs_find(b->df, 0x3400);
    unsigned size = 0, at = b->in_one_file, n = (unsigned)d->certificate_len;
    for (unsigned i = 0; i < b->d->n_keys && !file; i++)
        if (!b->d->keys[i].no_certificate)
            size += (unsigned)sim_key_data(b->d->keys[i].key)->certificate_len;
    if (!file) file = sim_fs_ef(b->f, b->df, 0x3400, NULL, 0, size + b->d->spare);
    memcpy(file->data + at, d->certificate, n);
    put_part(b, &b->a, 0x3400, at, n);
    b->in_one_file += n;
}

static void put_certificate(struct build *b, const struct sim_p15_key *k, unsigned index)
{
    const struct sim_key_data *d = sim_key_data(k->key);
    size_t record = b->a.n, at;
    put_common(b, k->certificate_label ? k->certificate_label : k->label, 2, 0, 0);
    at = b->a.n;
    sim_put_tlv(&b->a, 0x04, &k->id, 1);
    sim_wrap(&b->a, at, 0x30);
    at = b->a.n;
    if (b->d->in_cdf) {
        sim_put_tlv(&b->a, 0xa0, d->certificate, d->certificate_len);
    } else if (b->d->one_file) {
        put_in_one_file(b, d);
    } else {
        uint16_t fid = (uint16_t)(0x3400 + index);
        // a file longer than its certificate, where paths tell the length
        sim_fs_ef(b->f, b->df, fid, d->certificate, d->certificate_len,
                  b->d->whole_path ? d->certificate_len + 64 : 0);
        put_path(b, &b->a, fid, d->certificate_len);
    }
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, 0x30);
}

static void put_data(struct build *b, const struct sim_p15_data *x, unsigned index)
{
    size_t record = b->a.n, at;
    uint16_t fid = (uint16_t)(0x3500 + index);
    struct sim_fs_file *file = sim_fs_ef(b->f, b->df, fid, x->value, strlen(x->value), 0);
    if (x->pin_id) file->read = b->pin_rule[x->pin_id];
    put_common(b, x->label, x->pin_id ? 3 : 2, x->pin_id, 0);
    at = b->a.n;
    put_text(&b->a, 0x0c, x->application ? x->application : "scard11");
    sim_wrap(&b->a, at, 0x30);
    at = b->a.n;
    put_path(b, &b->a, fid, strlen(x->value));
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, 0x30);
}

// A secret key: generic, [15] of ISO/IEC 7816-15, or of another tag.
static void put_secret(struct build *b, const struct sim_p15_secret *x)
{
    const struct sim_p15_key k = { .id = x->id, .ref = x->ref, .algorithms = x->algorithms };
    size_t record = b->a.n, at;
    put_common(b, x->label, 3, x->pin_id, 0);
    put_key_attributes(b, &k, x->usage ? x->usage : P15_ENCRYPT | P15_DECRYPT, 0x1d);
    at = b->a.n;
    put_number(&b->a, 0x02, x->bits);
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa0);
    at = b->a.n;
    put_path(b, &b->a, x->file, 0);
    sim_wrap(&b->a, at, 0x30);
    sim_wrap(&b->a, at, 0xa1);
    sim_wrap(&b->a, record, x->tag ? x->tag : 0xaf);
}

// ---- Files ----

static void put_objects(struct build *b, uint8_t tag)
{
    const struct sim_p15 *d = b->d;
    for (unsigned i = 0; i < d->n_pins && tag == 0xa8; i++) put_deleted(b), put_pin(b, &d->pins[i]);
    for (unsigned i = 0; i < d->n_keys; i++) {
        const struct sim_p15_key *k = &d->keys[i];
        size_t before = b->a.n;
        put_deleted(b);
        size_t after = b->a.n;
        if (tag == 0xa0 && !k->no_private) put_private(b, k);
        if (tag == 0xa1 && !k->no_public) put_public(b, k, i);
        if (tag == 0xa4 && !k->no_certificate) put_certificate(b, k, i);
        if (b->a.n == after) b->a.n = before;
    }
    for (unsigned i = 0; i < d->n_data && tag == 0xa7; i++) put_data(b, &d->data[i], i);
    for (unsigned i = 0; i < d->n_secrets && tag == 0xa3; i++) put_secret(b, &d->secrets[i]);
}

static void write_file(struct build *b, uint16_t fid, const struct sim_answer *a)
{
    size_t size = b->d->size > a->n ? b->d->size : a->n;
    struct sim_fs_file *file = sim_fs_ef(b->f, b->df, fid, a->out, a->n, size);
    memset(file->data + a->n, b->d->pad, size - a->n);
}

// A directory file and its entry in the ODF.
static void directory(struct build *b, uint8_t tag, uint16_t fid)
{
    size_t at = b->odf.n;
    b->a.n = 0;
    put_objects(b, tag);
    if (!b->a.n && !(b->d->empty_too && (tag == 0xa4 || tag == 0xa7))) return;
    if (b->d->in_odf) {
        sim_put_tlv(&b->odf, 0xa0, b->a.out, b->a.n);
    } else {
        write_file(b, fid, &b->a);
        put_path(b, &b->odf, fid, b->d->size ? b->d->size : b->a.n);
    }
    sim_wrap(&b->odf, at, tag);
}

static void token_info(struct build *b)
{
    static const uint8_t usual[] = { 1, 2, 3, 4 };
    const struct sim_p15 *d = b->d;
    size_t at;
    b->a.n = 0;
    put_number(&b->a, 0x02, 0);
    sim_put_tlv(&b->a, 0x04, d->serial ? d->serial : usual, d->serial ? d->serial_len : 4);
    if (d->maker) put_text(&b->a, 0x0c, d->maker);
    if (d->label) put_text(&b->a, 0x80, d->label);
    put_bits(&b->a, d->token_flags ? d->token_flags : 1 << 1 | 1 << 2);
    at = b->a.n;
    if (d->se) {
        put_number(&b->a, 0x02, d->se);
        sim_wrap(&b->a, at, 0x30);
        sim_wrap(&b->a, at, 0x30);
    }
    at = b->a.n;
    for (unsigned i = 0; i < d->n_algorithms; i++) {
        size_t one = b->a.n;
        put_number(&b->a, 0x02, d->algorithms[i].reference);
        put_number(&b->a, 0x02, d->algorithms[i].mechanism);
        sim_put_tlv(&b->a, 0x05, NULL, 0);
        put_bits(&b->a, d->algorithms[i].operations);
        // an object identifier has to be there: rsaEncryption
        sim_put_tlv(&b->a, 0x06, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
        if (d->algorithms[i].ref) put_number(&b->a, 0x02, d->algorithms[i].ref);
        sim_wrap(&b->a, one, 0x30);
    }
    if (d->n_algorithms) sim_wrap(&b->a, at, 0xa2);
    at = b->a.n;
    if (d->last_update) {
        put_text(&b->a, 0x18, d->last_update);
        sim_wrap(&b->a, at, 0xa5);
    }
    sim_wrap(&b->a, 0, 0x30);
    sim_fs_ef(b->f, b->df, 0x5032, b->a.out, b->a.n, 0);
}

// UnusedSpace: SEQUENCE { Path with index and length, authId OPTIONAL }
static void put_unused(struct build *b, const struct sim_p15_unused *x)
{
    size_t at = b->a.n;
    put_part(b, &b->a, x->fid, x->index, x->length);
    if (x->auth_id) sim_put_tlv(&b->a, 0x04, &x->auth_id, 1);
    sim_wrap(&b->a, at, 0x30);
}

static void unused_space(struct build *b)
{
    const struct sim_p15 *d = b->d;
    const struct sim_p15_unused rest = { d->one_file ? 0x3400 : 0x3480, b->in_one_file, d->spare,
                                         0 };
    if (d->spare && !d->one_file) sim_fs_ef(b->f, b->df, 0x3480, NULL, 0, d->spare);
    b->a.n = 0;
    for (unsigned i = 0; i < d->n_unused; i++) put_unused(b, &d->unused[i]);
    if (d->spare && !d->n_unused) put_unused(b, &rest);
    if (b->a.n) write_file(b, 0x5033, &b->a);
}

static void put_application(struct build *b, const void *aid, size_t aid_len, const char *label,
                            const void *path, size_t path_len)
{
    size_t at = b->a.n;
    sim_put_tlv(&b->a, 0x4f, aid, aid_len);
    put_text(&b->a, 0x50, label);
    if (path_len) sim_put_tlv(&b->a, 0x51, path, path_len);
    sim_wrap(&b->a, at, 0x61);
}

static void dir_file(struct build *b)
{
    const uint8_t path[4] = { 0x3f, 0x00, (uint8_t)(b->df->fid >> 8), (uint8_t)b->df->fid };
    size_t first;
    b->a.n = 0;
    if (b->d->other_first)
        put_application(b, "\xa0\x00\x00\x09\x99\x00\x02", 7, "Elsewhere", "\x3f\x00\x66\x66", 4);
    first = b->a.n;
    put_application(b, b->df->aid, b->df->aid_len, b->d->label ? b->d->label : "PKCS#15", path, 4);
    if (!b->d->dir_records) {
        sim_fs_ef(b->f, NULL, 0x2f00, b->a.out, b->a.n, b->a.n > 128 ? 0 : 128);
        return;
    }
    struct sim_fs_file *file = sim_fs_records(b->f, NULL, 0x2f00);
    if (first) sim_fs_add_record(file, b->a.out, first);
    sim_fs_add_record(file, b->a.out + first, b->a.n - first);
}

void sim_p15_build(struct sim_fs *f, struct sim_fs_file *df, const struct sim_p15 *d)
{
    static const struct { uint8_t tag; uint16_t fid; } files[] = { { 0xa8, 0x4401 },
        { 0xa0, 0x4402 }, { 0xa1, 0x4403 }, { 0xa4, 0x4404 }, { 0xa7, 0x4405 }, { 0xa3, 0x4406 } };
    struct build *b = calloc(1, sizeof *b);
    if (!b) abort();
    b->f = f;
    b->df = df;
    b->d = d;
    for (unsigned i = 0; i < d->n_pins; i++) b->pin_rule[d->pins[i].id] = SIM_PIN(i);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        directory(b, files[i].tag, files[i].fid);
    write_file(b, 0x5031, &b->odf);
    unused_space(b);
    if (!d->no_token_info) token_info(b);
    if (!d->no_dir) dir_file(b);
    free(b);
}
