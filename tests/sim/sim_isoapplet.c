// sim_isoapplet.c: a simulated IsoApplet; sim_isoapplet.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after tests/data/traces/isoapplet-v0.txt and the behaviour of the applet's published versions.
#include "sim_isoapplet.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { ALG_PKCS1 = 0x11, ALG_PSS = 0x12, ALG_ECDSA = 0x21, ALG_NEW_EC = 0xec,
       ALG_NEW_RSA2048 = 0xf3, ALG_NEW_RSA4096 = 0xf5 };
enum { KEYS = 16 };

static const uint8_t applet_aid[] = { 0xf2, 0x76, 0xa2, 0x88, 0xbc, 0xfb, 0xa6, 0x9d, 0x34, 0xf3,
                                      0x10, 0x01 };
static const uint8_t pkcs15_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d,
                                      0x31, 0x35 };
static const uint8_t atr[] = { 0x3b, 0x80, 0x80, 0x01, 0x01 };

static const struct sim_fs_algorithm algorithms_v0[] = {
    { ALG_PKCS1, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { ALG_PKCS1, 0xb8, SIM_RSA_DECRYPT, MBEDTLS_MD_NONE },
    { ALG_ECDSA, 0xb6, SIM_EC_HASH, MBEDTLS_MD_SHA1 },
}, algorithms_v1[] = {
    { ALG_PKCS1, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { ALG_PKCS1, 0xb8, SIM_RSA_DECRYPT, MBEDTLS_MD_NONE },
    { ALG_PSS, 0xb6, SIM_RSA_PSS, MBEDTLS_MD_NONE },
    { ALG_ECDSA, 0xb6, SIM_EC_DER, MBEDTLS_MD_NONE },
};

// What MSE with template 00 set for a key that is to be made or stored.
struct own {
    bool v0;
    uint8_t algorithm, ref;
};

static bool logged_in(const struct sim_fs *f)
{
    return f->pins[0].verified;
}

// ---- Keys that are made or stored ----

static struct sim_fs_key *slot(struct sim_fs *f, uint8_t ref)
{
    for (unsigned i = 0; i < f->n_keys; i++) {
        if (f->keys[i].ref != ref) continue;
        mbedtls_pk_free(&f->keys[i].pk);
        mbedtls_pk_init(&f->keys[i].pk);
        return &f->keys[i];
    }
    return sim_fs_key(f, SIM_NO_KEY, ref, 0, SIM_PIN(0), SIM_ALL);
}

static unsigned generate_rsa(struct sim_fs *f, unsigned bits, struct sim_answer *a)
{
    struct own *own = f->own;
    mbedtls_pk_context *pk = &slot(f, own->ref)->pk;
    uint8_t n[512], e[3];
    size_t size = bits / 8;
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) ||
        mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), mbedtls_ctr_drbg_random, &f->random.random, bits,
                            65537) ||
        mbedtls_rsa_export_raw(mbedtls_pk_rsa(*pk), n, size, NULL, 0, NULL, 0, NULL, 0, e, 3))
        return 0x6f00;
    sim_put_tlv(a, 0x81, n, size);
    sim_put_tlv(a, 0x82, e, 3);
    sim_wrap(a, 0, 0x7f49);
    return 0x9000;
}

// The curve's parameters come with the command and go back with the point.
static unsigned generate_ec(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    size_t n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x81, &n);
    mbedtls_ecp_group_id curve = p ? sim_curve_of(p, n) : MBEDTLS_ECP_DP_NONE;
    uint8_t point[133];
    if (!p) return 0x6984;
    if (!curve) return 0x6a81;
    mbedtls_pk_context *pk = &slot(f, own->ref)->pk;
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) ||
        mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*pk), mbedtls_ctr_drbg_random,
                            &f->random.random) ||
        mbedtls_ecp_point_write_binary(&mbedtls_pk_ec(*pk)->grp, &mbedtls_pk_ec(*pk)->Q,
                                       MBEDTLS_ECP_PF_UNCOMPRESSED, &n, point, sizeof point))
        return 0x6f00;
    size_t point_len = n;
    for (uint8_t tag = 0x81; tag <= 0x87; tag++) {
        p = tag == 0x86 ? point : sim_get_tlv(c->data, c->n, tag, &n);
        if (!p) return 0x6984;
        sim_put_tlv(a, tag, p, tag == 0x86 ? point_len : n);
    }
    sim_wrap(a, 0, 0x7f49);
    return 0x9000;
}

static unsigned generate(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    bool ec = own->algorithm == ALG_NEW_EC;
    if (!logged_in(f)) return 0x6982;
    if (!own->algorithm) return 0x6985;
    if (c->p1 != (ec ? 0x00 : 0x42) || c->p2) return 0x6a86;
    return ec ? generate_ec(f, c, a)
        : generate_rsa(f, own->algorithm == ALG_NEW_RSA2048 ? 2048 : 4096, a);
}

// 7F48 { 92 p, 93 q, 94, 95, 96 }
static unsigned store_rsa(struct sim_fs *f, const uint8_t *p, size_t n)
{
    struct own *own = f->own;
    size_t one_n, two_n;
    const uint8_t *one, *two, e[3] = { 1, 0, 1 };
    if (n < 4 || p[0] != 0x7f || !(p = sim_get_tlv(p + 1, n - 1, 0x48, &n))) return 0x6a80;
    one = sim_get_tlv(p, n, 0x92, &one_n);
    two = sim_get_tlv(p, n, 0x93, &two_n);
    if (!one || !two) return 0x6984;
    mbedtls_pk_context *pk = &slot(f, own->ref)->pk;
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) ||
        mbedtls_rsa_import_raw(mbedtls_pk_rsa(*pk), NULL, 0, one, one_n, two, two_n, NULL, 0, e,
                               3) ||
        mbedtls_rsa_complete(mbedtls_pk_rsa(*pk))) return 0x6984;
    return 0x9000;
}

// E0 { 81 prime ... 88 private }
static unsigned store_ec(struct sim_fs *f, const uint8_t *p, size_t n)
{
    struct own *own = f->own;
    size_t prime_n, d_n;
    p = sim_get_tlv(p, n, 0xe0, &n);
    const uint8_t *prime = p ? sim_get_tlv(p, n, 0x81, &prime_n) : NULL;
    const uint8_t *d = p ? sim_get_tlv(p, n, 0x88, &d_n) : NULL;
    if (!prime || !d) return 0x6984;
    mbedtls_ecp_group_id curve = sim_curve_of(prime, prime_n);
    if (!curve) return 0x6a81;
    mbedtls_pk_context *pk = &slot(f, own->ref)->pk;
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))) return 0x6f00;
    mbedtls_ecp_keypair *key = mbedtls_pk_ec(*pk);
    if (mbedtls_ecp_group_load(&key->grp, curve) || mbedtls_mpi_read_binary(&key->d, d, d_n) ||
        mbedtls_ecp_mul(&key->grp, &key->Q, &key->d, &key->grp.G, mbedtls_ctr_drbg_random,
                        &f->random.random)) return 0x6984;
    return 0x9000;
}

static unsigned store(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    if (!logged_in(f)) return 0x6982;
    if (c->p1 != 0x3f || c->p2 != 0xff) return 0x6a86;
    if (!own->algorithm) return 0x6985;
    return own->algorithm == ALG_NEW_EC ? store_ec(f, c->data, c->n) : store_rsa(f, c->data, c->n);
}

// ---- Commands that differ from the standard's ----

static unsigned mse(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    size_t n, ref_n;
    if (!logged_in(f)) return 0x6982;
    if (c->p1 != 0x41) return c->p1 == 0xf3 ? 0 : 0x6a81;
    const uint8_t *byte = sim_get_tlv(c->data, c->n, 0x80, &n);
    const uint8_t *ref = sim_get_tlv(c->data, c->n, 0x84, &ref_n);
    if (!byte || n != 1 || !ref || ref_n != 1 || *ref >= KEYS) return 0x6984;
    if (c->p2 == 0xb6 || c->p2 == 0xb8) return 0;
    if (c->p2 != 0x00 || (*byte != ALG_NEW_EC && *byte != ALG_NEW_RSA2048 &&
                          (own->v0 || *byte != ALG_NEW_RSA4096))) return 0x6a81;
    own->algorithm = *byte;
    own->ref = *ref;
    return 0x9000;
}

static unsigned sign(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct sim_fs_env *env = sim_fs_env(f, 0xb6);
    if (!logged_in(f)) return 0x6982;
    if (c->p1 != 0x9e || !env->key || !sim_is_rsa(&env->key->pk)) return 0;
    if (!c->le) return 0x6c00;
    unsigned sw = sim_fs_use(f, 0xb6, SIM_SIGN, c->data, c->n, a);
    return sw == 0x6a80 && env->algorithm->byte == ALG_PKCS1 ? 0x6f00 : sw;
}

static unsigned pin(struct sim_fs *f, const struct sim_command *c)
{
    bool set = *f->pins[0].now;
    if (c->ins == 0x20 && (c->p1 || c->p2 != 0x01)) return 0x6a86;
    if (c->ins == 0x20 && !set) return c->n ? 0x63c3 : 0x9000;
    if (c->ins == 0x24 && set && (c->p1 || c->p2 != 0x01)) return 0x6a86;
    if (c->ins == 0x24 && set && c->n != 32) return 0x6700;
    return 0;
}

// A path that leads nowhere leaves no file selected.
static unsigned select_path(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    unsigned sw = sim_fs_command(f, c, a);
    if (sw == 0x6a82 && c->p1 != 0x04) {
        f->df = f->mf;
        f->ef = NULL;
    }
    return sw;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    switch (c->ins) {
    case 0xa4: return select_path(f, c, a);
    case 0xb0: return c->n ? 0x6700 : 0;
    case 0x20:
    case 0x24: return pin(f, c);
    case 0x22: return mse(f, c);
    case 0x2a: return sign(f, c, a);
    case 0x46: return generate(f, c, a);
    case 0xdb: return store(f, c);
    case 0xca:
        if (own->v0) return 0x6d00;
        if (c->p1 != 0x01 || c->p2 != 0x01) return 0x6a86;
        return sim_put(a, "\x01\x00\x2f", 3), 0x9000;
    case 0xb2: case 0xdc: case 0xe2: case 0xd0: case 0x86: case 0x87: case 0x88: case 0x44:
        return 0x6d00;
    default: return 0;
    }
}

// ---- Files ----

static void fci(struct sim_fs *f, const struct sim_fs_file *file, uint8_t p2, struct sim_answer *a)
{
    const uint8_t two[4] = { (uint8_t)(file->size >> 8), (uint8_t)file->size,
                             (uint8_t)(file->fid >> 8), (uint8_t)file->fid };
    (void)p2;
    if (file != f->mf) sim_put_tlv(a, 0x81, two, 2);
    sim_put_tlv(a, 0x82, file->type == SIM_DF ? "\x38" : "\x01", 1);
    sim_put_tlv(a, 0x83, two + 2, 2);
    if (file->security_len) sim_put_tlv(a, 0x86, file->security, file->security_len);
    sim_wrap(a, 0, 0x6f);
}

static uint8_t rule_of(uint8_t condition)
{
    return condition == 0x00 ? SIM_FREE : condition == 0x90 ? SIM_PIN(0) : SIM_NEVER;
}

// Eight bytes: FF, then delete itself, lock, activate, deactivate, and of an EF write, update,
// read; of a DF create DF, create EF, delete in it.
static void access(struct sim_fs *f, struct sim_fs_file *file)
{
    const uint8_t *s = file->security;
    (void)f;
    file->aid_len = 0;
    if (file->security_len != 8) return;
    file->remove = rule_of(s[1]);
    if (file->parent->security_len == 8 && file->parent->security[7] == 0x90)
        file->remove = SIM_PIN(0);
    file->update = rule_of(s[6]);
    if (file->type != SIM_DF) file->read = rule_of(s[7]);
}

// The rules that pkcs15-init gives: free; the PIN to write; and of what belongs to keys, to delete.
static void protect(struct sim_fs *f, struct sim_fs_file *df)
{
    static const uint8_t rules[4][8] = {
        { 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 },
        { 0xff, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x00 },
        { 0xff, 0x90, 0xff, 0xff, 0xff, 0xff, 0x90, 0x00 },
        { 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x90 },
    };
    for (struct sim_fs_file *file = df->child; file; file = file->next) {
        unsigned group = file->fid >> 8;
        unsigned i = file->type == SIM_DF ? 3 : group == 0x44 ? 1 : group >> 4 == 3 ? 2 : 0;
        memcpy(file->security, rules[i], 8);
        file->security_len = 8;
        access(f, file);
        protect(f, file);
    }
}

static void personalise(struct sim_fs *f, bool second, bool no_keys)
{
    static const struct sim_p15_pin pins[] = { { "User PIN", 1, 0,
        P15_CASE | P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 16, 16, 0x01, 0x00, false } };
    const struct sim_p15_key keys[] = {
        { .label = "Sign and decrypt", .key = second ? SIM_RSA2048B : SIM_RSA2048A, .id = 0x01,
          .pin_id = 1, .ref = 0 },
        { .label = "Sign EC", .key = second ? SIM_P256B : SIM_P256A, .id = 0x02, .pin_id = 1,
          .ref = 1 },
        { .label = "Sign EC 384", .key = second ? SIM_P384B : SIM_P384A, .id = 0x03, .pin_id = 1,
          .ref = 2 },
        { .label = "Decrypt", .key = second ? SIM_RSA2048A : SIM_RSA2048B, .id = 0x0a, .pin_id = 1,
          .ref = 3, .usage = P15_DECRYPT | P15_UNWRAP },
    };
    const uint8_t serial[4] = { 0x49, 0x73, 0x6f, second };
    const struct sim_p15 d = { .label = "IsoApplet", .maker = "unknown", .serial = serial,
        .serial_len = 4, .pins = pins, .n_pins = COUNT(pins), .keys = keys,
        .n_keys = no_keys ? 0 : COUNT(keys),
        .size = 1024 };
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0x5015, pkcs15_aid, sizeof pkcs15_aid);
    df->size = 5000;
    sim_p15_build(f, df, &d);
    protect(f, f->mf);
    for (unsigned i = 0; i < d.n_keys; i++)
        sim_fs_key(f, keys[i].key, keys[i].ref, 0, SIM_PIN(0), SIM_ALL);
}

static void free_own(struct sim_fs *f) { free(f->own); }

struct sim_card *sim_isoapplet_new(const struct sim_isoapplet_options *options)
{
    static const struct sim_isoapplet_options usual;
    const struct sim_isoapplet_options *o = options ? options : &usual;
    struct sim_fs_kind kind = { .name = "IsoApplet", .atr = atr, .atr_len = sizeof atr,
        .algorithms = o->v0 ? algorithms_v0 : algorithms_v1,
        .n_algorithms = o->v0 ? COUNT(algorithms_v0) : COUNT(algorithms_v1),
        .extended = !o->short_only, .no_chaining = !o->v0, .applet = applet_aid,
        .applet_len = sizeof applet_aid, .applet_answer = (const uint8_t *)"\x00\x06\x06",
        .applet_answer_len = o->v0 ? 3 : 0, .sw_unselected = 0x6999, .short_aid = true,
        .sfi_of_fid = true, .end_is_6b00 = true, .sw_no_ef = 0x6981, .no_key_files = true,
        .mse_wants_login = true,
        .one_environment = true, .mse_keeps_refused = true, .mse_checks_key = true,
        .sw_unknown_key = 0x6984, .sw_unknown_algorithm = 0x6a81, .verified_says_tries = true,
        .sw_unknown_pin = 0x6a86, .sw_unset_pin = 0x6a88, .command = command, .fci = fci, .access = access,
        .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    struct own *own = calloc(1, sizeof *own);
    if (!own) abort();
    own->v0 = o->v0;
    f->own = own;
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x01, .value = o->empty ? NULL : "123456", .min = 4,
        .max = 16, .stored = 16, .card_pads = true, .puk = 1 });
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x02, .value = o->empty ? NULL : "1234567812345678",
        .min = 16, .max = 16, .stored = 16, .tries = 5, .puk = SIM_NO_PIN });
    if (!o->empty) personalise(f, o->second, o->no_keys);
    return &f->card;
}
