// sim_myeid.c: a simulated MyEID; sim_myeid.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after tests/data/traces/oseid-myeid.txt and what the command reference says of the applet; how
// secret keys are used, after OsEID's firmware (github.com/popovec/oseid, card_os/myeid_emu.c).
#include "sim_myeid.h"
#include <mbedtls/aes.h>
#include <mbedtls/des.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { ALG_RAW = 0x00, ALG_PKCS1 = 0x02, ALG_EC = 0x04, ALG_WRAP = 0x0a, ALG_SHA1 = 0x12,
       ALG_PKCS7 = 0x80 };
enum { FILE_RSA = 0x11, FILE_DES = 0x19, FILE_EC = 0x22, FILE_AES = 0x29 };
enum { PIN_USER, PIN_SO, PUK_USER, PUK_SO, PIN_SECOND };

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                               0x35 };
static const uint8_t atr_myeid[] = { 0x3b, 0xf5, 0x96, 0x00, 0x00, 0x80, 0x31, 0xfe, 0x45, 'M', 'y',
                                     'E', 'I', 'D', 0x15 };
static const uint8_t atr_oseid[] = { 0x3b, 0xf5, 0x18, 0x00, 0x02, 0x80, 0x01, 0x4f, 0x73, 0x45,
                                     0x49, 0x44, 0x1a };
static const uint8_t atr_plain[] = { 0x3b, 0x80, 0x80, 0x01, 0x01 };

static const struct { uint8_t id, kind, n; uint16_t fid; const char *value; } secret_keys[] = {
    { 0x10, 0x29, 32, 0x4d01, "aes key of the simulated MyEID.." },
    { 0x11, 0x19, 24, 0x4d02, "des key of the MyEID...." },
    { 0x12, 0x29, 16, 0x4d03, "128 bits of AES." },
    { 0x13, 0x29, 24, 0x4d04, "192 bits of an AES key.." },
    { 0x14, 0x19, 16, 0x4d05, "two keys of DES." },
};

static const struct sim_fs_algorithm algorithms[] = {
    { ALG_PKCS1, 0xb6, SIM_RSA_PKCS1, MBEDTLS_MD_NONE },
    { ALG_PKCS1, 0xb8, SIM_RSA_DECRYPT, MBEDTLS_MD_NONE },
    { ALG_RAW, 0, SIM_RSA_RAW, MBEDTLS_MD_NONE },
    { ALG_SHA1, 0xb6, SIM_RSA_DIGEST, MBEDTLS_MD_SHA1 },
    { ALG_EC, 0xb6, SIM_EC_DER, MBEDTLS_MD_NONE },
    { ALG_EC, 0xa4, SIM_ECDH, MBEDTLS_MD_NONE },
};

// What the descriptor of a key file said, and a secret key's value.
struct key_file {
    uint16_t fid;
    uint8_t kind, value[32];
    size_t n;
    uint8_t rule, generate;         // to use it, to make it
};

struct own {
    bool classic, active;           // active: access rules are in force
    bool derives_by_file;
    unsigned changes;               // that were stored
    struct key_file files[32];
    unsigned n_files;
    uint8_t half[256];
    size_t half_n;
    struct key_file *secret;        // that MSE set, for encryption
    uint8_t iv[16], last[16];       // as MSE brought it, and as the last block left it
    size_t iv_n;
    bool pkcs7, encipher, chained;  // chained: more comes, and the IV goes on
    uint8_t part[8][512];           // of a key that is being stored: 80 ..
    size_t part_n[8];
};

// ---- Files and their rules ----

static uint8_t rule_of(unsigned nibble)
{
    return nibble == 0 ? SIM_FREE : nibble == 1 || nibble == 2 ? SIM_PIN(PIN_USER)
        : nibble == 3 ? SIM_PIN(PIN_SO) : SIM_NEVER;
}

static struct key_file *key_file(struct sim_fs *f, unsigned fid)
{
    struct own *own = f->own;
    for (unsigned i = 0; i < own->n_files; i++)
        if (own->files[i].fid == fid) return &own->files[i];
    return NULL;
}

static struct key_file *add_key_file(struct sim_fs *f, uint16_t fid, uint8_t kind)
{
    struct own *own = f->own;
    struct key_file *k = key_file(f, fid);
    if (!k) k = key_file(f, 0);                 // one that was deleted
    if (!k) k = &own->files[own->n_files++];
    if (own->n_files > COUNT(own->files)) abort();
    *k = (struct key_file){ .fid = fid, .kind = kind };
    return k;
}

// Three bytes: of an EF read and update, delete; of a key file use and update, delete and make; of
// a DF create, delete.
static void access(struct sim_fs *f, struct sim_fs_file *file)
{
    const uint8_t *s = file->security;
    struct key_file *k = key_file(f, file->fid);
    if (file->security_len != 3) return;
    file->update = rule_of(s[0] & 15);
    file->remove = rule_of(s[1] >> 4);
    if (file->type == SIM_EF) file->read = rule_of(s[0] >> 4);
    if (file->type == SIM_DF) file->update = rule_of(s[0] >> 4);
    if (!k) return;
    k->rule = rule_of(s[0] >> 4);
    k->generate = rule_of(s[1] & 15);
}

static void protect(struct sim_fs *f, struct sim_fs_file *file, const char *bytes)
{
    memcpy(file->security, bytes, 3);
    file->security_len = 3;
    access(f, file);
}

static void fci(struct sim_fs *f, const struct sim_fs_file *file, uint8_t p2, struct sim_answer *a)
{
    const struct own *own = f->own;
    const struct key_file *k = key_file(f, file->fid);
    unsigned size = file->type == SIM_DF ? 0x7fff : file->size;
    const uint8_t two[4] = { (uint8_t)(size >> 8), (uint8_t)size, (uint8_t)(file->fid >> 8),
                             (uint8_t)file->fid };
    uint8_t type = file->type == SIM_DF ? 0x38 : k ? k->kind : 0x01, life = own->active ? 7 : 1;
    (void)p2;
    sim_put_tlv(a, file->type == SIM_EF ? 0x80 : 0x81, two, 2);
    sim_put_tlv(a, 0x82, &type, 1);
    sim_put_tlv(a, 0x83, two + 2, 2);
    sim_put_tlv(a, 0x86, file->security_len ? file->security : (const uint8_t *)"\0\xf\xff", 3);
    sim_put_tlv(a, 0x85, "\0\0", 2);
    sim_put_tlv(a, 0x8a, &life, 1);
    if (file->aid_len) sim_put_tlv(a, 0x84, file->aid, file->aid_len);
    sim_wrap(a, 0, 0x6f);
}

// CREATE FILE: the kinds of key files are MyEID's own.
static unsigned create(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    size_t n, type_n;
    const uint8_t *fcp = sim_get_tlv(c->data, c->n, 0x62, &n);
    const uint8_t *type = fcp ? sim_get_tlv(fcp, n, 0x82, &type_n) : NULL;
    unsigned sw = sim_fs_command(f, c, a);
    if (sw != 0x9000 || !type || !type_n) return sw;
    if (*type == FILE_RSA || *type == FILE_EC || *type == FILE_DES || *type == FILE_AES) {
        struct sim_fs_file *file = f->ef;
        file->type = SIM_KEY_FILE;
        add_key_file(f, file->fid, *type);
        access(f, file);
    }
    return sw;
}

static struct sim_fs_key *key_of(struct sim_fs *f, unsigned fid)
{
    for (unsigned i = 0; i < f->n_keys; i++)
        if (f->keys[i].fid == fid) return &f->keys[i];
    return NULL;
}

static void empty_key(struct sim_fs_key *key)
{
    mbedtls_pk_free(&key->pk);
    mbedtls_pk_init(&key->pk);
    key->fid = 0;
}

static unsigned erase(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    uint16_t fid = f->ef ? f->ef->fid : 0;
    struct key_file *k = key_file(f, fid);
    struct sim_fs_key *key = key_of(f, fid);
    unsigned sw = sim_fs_command(f, c, a);
    if (sw != 0x9000 || !k) return sw;
    k->fid = 0;
    if (key) empty_key(key);
    return sw;
}

// PUT DATA 01E0: an empty card, with the rules that it brings.
static unsigned begin_anew(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    if (c->n != 8) return 0x6700;
    if (own->active && !sim_fs_allowed(f, f->mf->remove)) return 0x6982;
    while (f->mf->child) sim_fs_remove(f, f->mf->child);
    own->n_files = 0;
    for (unsigned i = 0; i < f->n_keys; i++) empty_key(&f->keys[i]);
    own->active = false;
    for (unsigned i = 0; i < f->n_pins; i++) memset(f->pins[i].now, 0, sizeof f->pins[i].now);
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0x5015, aid, sizeof aid);
    protect(f, f->mf, (const char *)c->data + 2);
    protect(f, df, (const char *)c->data + 5);
    f->df = f->mf;
    return 0x9000;
}

// ---- PINs ----

// PUT DATA 010n: the PIN, its PUK, and the tries of both.
static unsigned set_pin(struct sim_fs *f, const struct sim_command *c)
{
    unsigned i = c->p2 == 1 ? PIN_USER : PIN_SO;
    if (c->p2 != 1 && c->p2 != 3) return 0x6a80;
    if (c->n < 19) return 0x6700;
    if (((struct own *)f->own)->active) return 0x6985;
    for (unsigned j = 0; j < 2; j++) {
        struct sim_fs_pin *p = &f->pins[i + 2 * j];
        size_t n = 0;
        while (n < 8 && c->data[8 * j + n] != 0xff) n++;
        memset(p->now, 0, sizeof p->now);
        memcpy(p->now, c->data + 8 * j, n);
        p->tries = p->left = c->data[16 + j];
    }
    return 0x9000;
}

static unsigned pin_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    if (!c->p2 || c->p2 > 14 || c->p1) return 0x6a86;
    return sim_fs_command(f, c, a);
}

// DEAUTHENTICATE: one PIN, or all.
static unsigned deauthenticate(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 || c->p2 > 14) return 0x6a86;
    for (unsigned i = 0; i < f->n_pins; i++)
        if (!c->p2 || f->pins[i].ref == c->p2) f->pins[i].verified = false;
    return 0x9000;
}

// ---- GET DATA ----

static void put_files(const struct sim_fs *f, uint8_t which, struct sim_answer *a)
{
    for (const struct sim_fs_file *file = f->df->child; file; file = file->next) {
        const uint8_t fid[2] = { (uint8_t)(file->fid >> 8), (uint8_t)file->fid };
        bool wanted = which == 0xa1 || (which == 0xa2 ? file->type == SIM_EF
                                        : which == 0xa3 ? file->type == SIM_DF
                                        : file->type == SIM_KEY_FILE);
        if (wanted) sim_put(a, fid, 2);
    }
}

static unsigned put_pin_state(const struct sim_fs *f, uint8_t ref, struct sim_answer *a)
{
    const uint8_t none[9] = { 255, 255, 255, 255, 255, 255, 255, 255, 255 };
    const struct sim_fs_pin *p = &f->pins[ref == 3 ? PIN_SO : PIN_USER], *puk = p + 2;
    if (ref != p->ref || !*p->now) return sim_put(a, none, 9), 0x9000;
    const uint8_t state[9] = { p->left, puk->left, p->tries, puk->tries, 0, 0, 0, 4, 4 };
    return sim_put(a, state, 9), 0x9000;
}

// The public half of the selected key file's key.
static unsigned put_public(struct sim_fs *f, uint8_t what, struct sim_answer *a)
{
    const struct key_file *k = f->ef ? key_file(f, f->ef->fid) : NULL;
    struct sim_fs_key *key = k ? key_of(f, k->fid) : NULL;
    uint8_t n[512], e[3], point[133];
    size_t len;
    if (!key || mbedtls_pk_get_type(&key->pk) == MBEDTLS_PK_NONE) return 0x6a88;
    if (!sim_fs_allowed(f, k->rule)) return what == 0x86 ? 0x6985 : 0x6a88;
    if (sim_is_rsa(&key->pk)) {
        len = mbedtls_pk_get_len(&key->pk);
        if (what != 1 && what != 2) return 0x6985;
        if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(key->pk), n, len, NULL, 0, NULL, 0, NULL, 0, e,
                                   3)) return 0x6f00;
        if (what == 1) sim_put(a, n, len);
        else           sim_put(a, e, 3);
        return 0x9000;
    }
    if (what != 0x86) return 0x6a88;
    if (mbedtls_ecp_point_write_binary(&mbedtls_pk_ec(key->pk)->grp, &mbedtls_pk_ec(key->pk)->Q,
                                       MBEDTLS_ECP_PF_UNCOMPRESSED, &len, point, sizeof point))
        return 0x6f00;
    sim_put_tlv(a, 0x30, point, len);
    return 0x9000;
}

static unsigned get_data(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    uint8_t info[20] = { 'M', 'y', 'E', 'I', 'D', 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 };
    const uint8_t caps[11] = { 1, 0, 0x0f, own->classic ? 8 : 16, 0, 0, 0xc0, 1, 0, 2, 9 };
    info[17] = (uint8_t)f->n_keys;
    info[18] = (uint8_t)((100 + own->changes) >> 8);
    info[19] = (uint8_t)(100 + own->changes);
    if (c->p1 != 1) return 0x6a88;
    switch (c->p2) {
    case 0xa0: return sim_put(a, info, sizeof info), 0x9000;
    case 0xa1: case 0xa2: case 0xa3: case 0xa4: return put_files(f, c->p2, a), 0x9000;
    case 0xaa: return sim_put(a, caps, sizeof caps), 0x9000;
    case 0x01: case 0x02: case 0x86: return put_public(f, c->p2, a);
    default:
        return c->p2 > 0xb0 && c->p2 < 0xbf ? put_pin_state(f, c->p2 & 15, a) : 0x6a88;
    }
}

// ---- Keys that are made or stored ----

static mbedtls_pk_context *fresh(struct sim_fs *f, struct key_file *k)
{
    struct sim_fs_key *key = key_of(f, k->fid);
    if (!key) key = key_of(f, 0);               // of one that was deleted
    if (!key) return &sim_fs_key(f, SIM_NO_KEY, 0, k->fid, k->rule, SIM_ALL)->pk;
    empty_key(key);
    key->fid = k->fid;
    key->rule = k->rule;
    key->usage = SIM_ALL;
    return &key->pk;
}

static mbedtls_ecp_group_id curve_of_size(unsigned bits)
{
    return bits == 192 ? MBEDTLS_ECP_DP_SECP192R1 : bits == 256 ? MBEDTLS_ECP_DP_SECP256R1 : bits == 384 ? MBEDTLS_ECP_DP_SECP384R1
        : bits == 521 ? MBEDTLS_ECP_DP_SECP521R1 : MBEDTLS_ECP_DP_NONE;
}

// The file's size is that of the key, in bits.
static unsigned generate(struct sim_fs *f, const struct sim_command *c)
{
    struct key_file *k = f->ef ? key_file(f, f->ef->fid) : NULL;
    if (c->p1 || c->p2) return 0x6a86;
    if (!k) return 0x6985;
    if (!sim_fs_allowed(f, k->generate)) return 0x6982;
    mbedtls_pk_context *pk = fresh(f, k);
    if (k->kind == FILE_RSA)
        return mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) ||
            mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), mbedtls_ctr_drbg_random, &f->random.random,
                                f->ef->size, 65537) ? 0x6f00 : 0x9000;
    if (k->kind != FILE_EC || !curve_of_size(f->ef->size)) return 0x6985;
    return mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) ||
        mbedtls_ecp_gen_key(curve_of_size(f->ef->size), mbedtls_pk_ec(*pk), mbedtls_ctr_drbg_random,
                            &f->random.random) ? 0x6f00 : 0x9000;
}

static unsigned store_rsa(struct sim_fs *f, struct key_file *k)
{
    struct own *own = f->own;
    mbedtls_pk_context *pk = fresh(f, k);
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA))) return 0x6f00;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    return mbedtls_rsa_import_raw(rsa, NULL, 0, own->part[3], own->part_n[3], own->part[4],
                                  own->part_n[4], NULL, 0, own->part[1], own->part_n[1]) ||
        mbedtls_rsa_complete(rsa) ? 0x6984 : 0x9000;
}

static unsigned store_ec(struct sim_fs *f, struct key_file *k, const uint8_t *d, size_t n)
{
    mbedtls_ecp_group_id curve = curve_of_size(f->ef->size);
    mbedtls_pk_context *pk = fresh(f, k);
    if (!curve || mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))) return 0x6985;
    mbedtls_ecp_keypair *key = mbedtls_pk_ec(*pk);
    return mbedtls_ecp_group_load(&key->grp, curve) || mbedtls_mpi_read_binary(&key->d, d, n) ||
        mbedtls_ecp_mul(&key->grp, &key->Q, &key->d, &key->grp.G, mbedtls_ctr_drbg_random,
                        &f->random.random) ? 0x6984 : 0x9000;
}

// PUT DATA of a part of a key: RSA 83 p, 84 q, ... 80 (or 88 and 89) modulus, 81 exponent, the
// last; EC 87 the number, 86 the point; A0 a secret key.
static unsigned store(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    struct key_file *k = f->ef ? key_file(f, f->ef->fid) : NULL;
    if (!k) return 0x6985;
    if (!sim_fs_allowed(f, f->ef->update)) return 0x6982;
    if (c->p2 == 0xa0) {
        if (c->n > sizeof k->value || (k->kind != FILE_AES && k->kind != FILE_DES)) return 0x6985;
        memcpy(k->value, c->data, c->n);
        k->n = c->n;
        return 0x9000;
    }
    if (k->kind == FILE_EC && c->p2 == 0x87) return store_ec(f, k, c->data, c->n);
    if (k->kind == FILE_EC) return c->p2 == 0x86 ? 0x9000 : 0x6a80;
    if (k->kind != FILE_RSA) return 0x6985;
    if (c->p2 == 0x88 || c->p2 == 0x89) return 0x9000;
    if (c->n > sizeof own->part[0]) return 0x6700;
    memcpy(own->part[c->p2 & 7], c->data, c->n);
    own->part_n[c->p2 & 7] = c->n;
    return c->p2 == 0x81 ? store_rsa(f, k) : 0x9000;
}

static unsigned put_data(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 != 1) return 0x6a88;
    if (c->p2 == 0xe0) return begin_anew(f, c);
    if (c->p2 < 0x80) return set_pin(f, c);
    return store(f, c);
}

// ---- Keys at work ----

// MSE for a secret key: P1 81 to encipher, 41 to decipher; 80 algorithm (00, to wrap 0A, with
// PKCS#7 padding +80), 81 key file, 83 or 84 key reference, which is 0, 87 IV.
static unsigned mse_secret(struct sim_fs *f, const struct sim_command *c, struct key_file *k)
{
    struct own *own = f->own;
    size_t n = 0, ref_n = 0, iv_n = 0;
    const uint8_t *byte = sim_get_tlv(c->data, c->n, 0x80, &n);
    const uint8_t *ref = sim_get_tlv(c->data, c->n, 0x83, &ref_n);
    const uint8_t *iv = sim_get_tlv(c->data, c->n, 0x87, &iv_n);
    own->secret = NULL;
    if (!ref) ref = sim_get_tlv(c->data, c->n, 0x84, &ref_n);
    if (c->p1 != 0x81 && c->p1 != 0x41) return 0x6a81;
    if (!byte || n != 1 || ((*byte & 0x7f) != ALG_RAW && (*byte & 0x7f) != ALG_WRAP)) return 0x6a81;
    if (ref && (ref_n != 1 || *ref)) return 0x6a81;
    if (iv && iv_n != (k->kind == FILE_AES ? 16u : 8u)) return 0x6984;
    if (iv) memcpy(own->iv, iv, own->iv_n = iv_n);      // else the one before stays
    own->pkcs7 = *byte & ALG_PKCS7;
    own->encipher = c->p1 == 0x81;
    own->chained = false;
    own->secret = k;
    return 0x9000;
}

// The EC key file that is selected; NULL: none is.
static struct sim_fs_key *selected_key(struct sim_fs *f)
{
    const struct key_file *k = f->ef ? key_file(f, f->ef->fid) : NULL;
    return k && k->kind == FILE_EC ? key_of(f, k->fid) : NULL;
}

// ECDH, as OsEID does it.
static unsigned derive_by_file(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct sim_fs_key *key = selected_key(f);
    struct sim_fs_env *env = sim_fs_env(f, 0xa4);
    if (!key) return 0x6985;
    unsigned sw = sim_fs_command(f, c, a);
    if (c->ins == 0x22 && sw == 0x9000 && env->key != key) return env->key = NULL, 0x6985;
    return sw;
}

static unsigned mse(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    size_t n = 0;
    struct own *own = f->own;
    own->half_n = 0;
    if (c->n < 4) return 0x6700;
    const uint8_t *fid = sim_get_tlv(c->data, c->n, 0x81, &n);
    struct key_file *k = fid && n == 2 ? key_file(f, (unsigned)(fid[0] << 8 | fid[1])) : NULL;
    bool secret = k && (k->kind == FILE_AES || k->kind == FILE_DES);
    if (!fid || n != 2) return 0x6a80;
    if (!secret && c->p1 != 0x41) return 0x6a86;
    if (own->derives_by_file && c->p2 == 0xa4) return derive_by_file(f, c, a);
    return secret && c->p2 == 0xb8 ? mse_secret(f, c, k) : sim_fs_command(f, c, a);
}

// One block of the cipher in ECB.
static void block(const struct key_file *k, bool encrypt, const uint8_t *in, uint8_t *out)
{
    mbedtls_aes_context aes;
    mbedtls_des3_context des;
    if (k->kind == FILE_AES) {
        mbedtls_aes_init(&aes);
        if (encrypt ? mbedtls_aes_setkey_enc(&aes, k->value, (unsigned)k->n * 8)
            : mbedtls_aes_setkey_dec(&aes, k->value, (unsigned)k->n * 8)) abort();
        mbedtls_aes_crypt_ecb(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, in, out);
        mbedtls_aes_free(&aes);
        return;
    }
    mbedtls_des3_init(&des);
    uint8_t three[24];                          // of one or two keys: the first ones again
    for (size_t i = 0; i < sizeof three; i++) three[i] = k->value[i % k->n];
    if (encrypt) mbedtls_des3_set3key_enc(&des, three);
    else         mbedtls_des3_set3key_dec(&des, three);
    mbedtls_des3_crypt_ecb(&des, in, out);
    mbedtls_des3_free(&des);
}

// Is what was deciphered padded by PKCS#7? Then without it.
static bool unpad(struct sim_answer *a, size_t size)
{
    size_t pad = a->out[a->n - 1];
    if (!pad || pad > size) return false;
    for (size_t i = 1; i <= pad; i++)
        if (a->out[a->n - i] != pad) return false;
    a->n -= pad;
    return true;
}

// ECB, or CBC where an MSE has brought an IV, with which each command begins, and each chain, whose
// parts are answered one by one; PKCS#7 where it said so, at the end.
static unsigned crypt(struct sim_fs *f, bool encrypt, const struct sim_command *c,
                      struct sim_answer *a)
{
    const uint8_t *in = c->data;
    size_t n = c->n;
    bool more = c->cla & 0x10;
    struct own *own = f->own;
    const struct key_file *k = own->secret;
    size_t size = k && k->kind == FILE_AES ? 16 : 8;
    uint8_t data[512], one[16], *iv = own->last;
    bool begins = !own->chained, pads = own->pkcs7 && !more;
    own->chained = false;
    if (!k || !k->n || own->encipher != encrypt) return 0x6985;
    if (!sim_fs_allowed(f, k->rule)) return 0x6985;
    if (n > sizeof data - 16) return 0x6700;
    if (n) memcpy(data, in, n);
    if (encrypt && pads)
        for (size_t pad = size - n % size, i = 0; i < pad; i++) data[n++] = (uint8_t)pad;
    if (!n || n % size) return 0x6700;
    if (begins) memcpy(iv, own->iv, sizeof own->iv);
    for (size_t at = 0; at < n; at += size) {
        memcpy(one, data + at, size);
        for (size_t i = 0; i < size && encrypt && own->iv_n; i++) one[i] ^= iv[i];
        block(k, encrypt, one, one);
        for (size_t i = 0; i < size && !encrypt && own->iv_n; i++) one[i] ^= iv[i];
        memcpy(iv, encrypt ? one : data + at, size);
        sim_put(a, one, size);
    }
    own->chained = more;
    return encrypt || !pads || unpad(a, size) ? 0x9000 : 0x6985;
}

// 81 and the first half, then 82 and the second; or 00 and all of it.
static unsigned decipher(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    uint8_t whole[600];
    if (!c->n) return 0x6700;
    if (c->data[0] == 0x81) {
        if (c->n - 1 > sizeof own->half) return 0x6700;
        own->half_n = c->n - 1;
        memcpy(own->half, c->data + 1, own->half_n);
        return 0x9000;
    }
    if (c->data[0] == 0x00) return sim_fs_use(f, 0xb8, SIM_DECIPHER, c->data + 1, c->n - 1, a);
    if (c->data[0] != 0x82 || !own->half_n || own->half_n + c->n - 1 > sizeof whole) return 0x6985;
    memcpy(whole, own->half, own->half_n);
    memcpy(whole + own->half_n, c->data + 1, c->n - 1);
    size_t n = own->half_n + c->n - 1;
    own->half_n = 0;
    return sim_fs_use(f, 0xb8, SIM_DECIPHER, whole, n, a);
}

static unsigned sign(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    const struct sim_fs_env *env = sim_fs_env(f, 0xb6);
    if (!c->n) return 0x6700;
    if (!env->key || !env->algorithm) return 0x6985;
    size_t size = (mbedtls_pk_get_bitlen(&env->key->pk) + 7) / 8;
    if (!sim_is_rsa(&env->key->pk) && c->n > size) return 0x6700;
    if (own->classic && env->algorithm->work == SIM_RSA_RAW && size >= 256) return 0x6700;
    return sim_fs_use(f, 0xb6, SIM_SIGN, c->data, c->n, a);
}

static unsigned pso(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    unsigned p = (unsigned)(c->p1 << 8 | c->p2), sw = 0x6a86;
    if (p == 0x9e9a) sw = sign(f, c, a);
    if (p == 0x8086) sw = decipher(f, c, a);
    if (p == 0x8480 || p == 0x8084) return crypt(f, p == 0x8480, c, a);
    return sw == 0x6a80 ? 0x6985 : sw;
}

static bool by_part(const struct sim_command *c)
{
    return c->ins == 0x2a && ((c->p1 == 0x84 && c->p2 == 0x80) || (c->p1 == 0x80 && c->p2 == 0x84));
}

// What is stored is counted: programs know by that what they have read.
static unsigned stored(struct own *own, unsigned sw)
{
    own->changes += sw == 0x9000;
    return sw;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    unsigned sw;
    if (c->cla & 0xef && !(c->cla == 0xa0 && c->ins == 0xe4)) return 0x6d00;
    for (unsigned i = 0; i < f->n_pins && !own->active; i++) f->pins[i].verified = true;
    if (own->chained && c->ins != 0x2a) return own->chained = false, 0x6883;    // as OsEID
    switch (c->ins) {
    case 0xa4: return c->p1 == 4 && !c->n ? 0x6700 : 0;
    case 0xb0:
        if (!f->ef || f->ef->type == SIM_KEY_FILE) return 0x6985;
        sw = sim_fs_command(f, c, a);
        return sw == 0x6b00 ? 0x6a86 : sw;
    case 0x20: case 0x24: case 0x2c: return pin_command(f, c, a);
    case 0x2e: return deauthenticate(f, c);
    case 0xca: return get_data(f, c, a);
    case 0xd6: return stored(own, sim_fs_command(f, c, a));
    case 0xda: return stored(own, put_data(f, c));
    case 0xe0: return stored(own, create(f, c, a));
    case 0xe4: return stored(own, erase(f, c, a));
    case 0x44: return sim_fs_logout(f), own->active = true, 0x9000;
    case 0x46: return stored(own, generate(f, c));
    case 0x22: return mse(f, c, a);
    case 0x2a: return pso(f, c, a);
    case 0x86: return own->derives_by_file ? derive_by_file(f, c, a) : 0;
    case 0x84: return c->le == 256 ? 0x6f00 : 0;
    case 0xb2: case 0xdc: case 0xe2: case 0xd0: case 0x87: case 0x88: return 0x6d00;
    default: return 0;
    }
}

// ---- A card that is in use ----

static void add_key(struct sim_fs *f, struct sim_fs_file *df, const struct sim_p15_key *k,
                    uint8_t rule)
{
    const struct sim_key_data *d = sim_key_data(k->key);
    struct sim_fs_file *file = sim_fs_ef(f, df, k->file, NULL, 0, 2);
    file->type = SIM_KEY_FILE;
    file->size = (uint16_t)d->bits;
    add_key_file(f, k->file, d->rsa ? FILE_RSA : FILE_EC);
    protect(f, file, "\x11\x11\xff");
    unsigned usage = k->usage & P15_DERIVE ? SIM_SIGN | SIM_DERIVE : SIM_SIGN | SIM_DECIPHER;
    sim_fs_key(f, k->key, 0, k->file, rule, usage);
}

static void add_secret(struct sim_fs *f, struct sim_fs_file *df, uint16_t fid, uint8_t kind,
                       const uint8_t *value, size_t n)
{
    struct sim_fs_file *file = sim_fs_ef(f, df, fid, NULL, 0, 2);
    struct key_file *k = add_key_file(f, fid, kind);
    file->type = SIM_KEY_FILE;
    file->size = (uint16_t)(n * 8);
    memcpy(k->value, value, n);
    k->n = n;
    protect(f, file, "\x11\x11\xff");
}

size_t sim_myeid_secret(uint8_t id, bool second, uint8_t *value)
{
    for (unsigned i = 0; i < COUNT(secret_keys); i++) {
        if (secret_keys[i].id != id) continue;
        for (size_t j = 0; j < secret_keys[i].n; j++)
            value[j] = (uint8_t)(secret_keys[i].value[j] ^ (second ? 0x5a : 0));
        return secret_keys[i].n;
    }
    return 0;
}

static void personalise(struct sim_fs *f, const struct sim_myeid_options *o)
{
    const struct sim_p15_pin pins[] = {
        { "PIN", 1, 0, P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, o->other_pin ? 2 : 1, 0xff,
          false },
        { "SO-PIN", 0xff, 0, P15_INITIALIZED | P15_PADDED | P15_SO, P15_TEXT, 4, 8, 8, 0x03, 0xff,
          false },
        { "Second", 2, 0, P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x02, 0xff, false } };
    const struct sim_p15_key keys[] = {
        { .label = "Sign and decrypt", .key = o->second ? SIM_RSA2048B : SIM_RSA2048A, .id = 1,
          .pin_id = 1, .file = 0x4b01 },
        { .label = "Sign and derive", .key = o->second ? SIM_P256B : SIM_P256A, .id = 2,
          .pin_id = o->second_pin ? 2 : 1, .consent = o->second_pin, .file = 0x4b02,
          .usage = P15_SIGN | P15_DERIVE },
        { .label = "P-384", .key = o->second ? SIM_P384B : SIM_P384A, .id = 3, .pin_id = 1,
          .file = 0x4b03, .usage = P15_SIGN | P15_DERIVE },
        { .label = "P-521", .key = SIM_P521A, .id = 4, .pin_id = 1, .file = 0x4b04,
          .usage = P15_SIGN | P15_DERIVE },
        { .label = "RSA-4096", .key = SIM_RSA4096, .id = 5, .pin_id = 1, .file = 0x4b05 },
        { .label = "P-192", .key = SIM_P192A, .id = 6, .pin_id = 1, .file = 0x4b06,
          .usage = P15_SIGN | P15_DERIVE },
    };
    static const struct sim_p15_algorithm algorithms_said[] = {
        { 1, 0x1081, 0x30, 0 }, { 2, 0x1082, 0x30, 0 } };       // AES-ECB and AES-CBC
    static const struct sim_p15_secret secrets[] = {
        { .label = "AES", .id = 0x10, .pin_id = 1, .bits = 256, .file = 0x4d01 },
        { .label = "3DES", .id = 0x11, .pin_id = 1, .bits = 192, .file = 0x4d02, .tag = 0xa4,
          .usage = P15_ENCRYPT | P15_DECRYPT | P15_WRAP | P15_UNWRAP },
        { .label = "AES-128", .id = 0x12, .pin_id = 1, .bits = 128, .file = 0x4d03, .tag = 0x30,
          .usage = P15_ENCRYPT | P15_DECRYPT | P15_WRAP | P15_UNWRAP, .algorithms = "\1\2" },
        { .label = "AES-192", .id = 0x13, .pin_id = 1, .bits = 192, .file = 0x4d04, .tag = 0x30 },
        { .label = "3DES-112", .id = 0x14, .pin_id = 1, .bits = 128, .file = 0x4d05 } };
    static const struct sim_p15_data data[] = { { "Note", "scard11", "anyone may read this", 0 },
                                                { "Secret", "scard11", "with the PIN", 1 } };
    const uint8_t serial[10] = { 0, 0, 0, 0, 0, 0, 0, 0, 'M', o->second };
    const struct sim_p15 d = { .label = "MyEID", .maker = "Aventra Ltd.", .serial = serial,
        .serial_len = sizeof serial, .pins = pins, .n_pins = o->second_pin ? 3 : 2, .keys = keys,
        .n_keys = o->two ? 2 : o->classic ? 4 : o->p192 ? 6 : 5, .secrets = secrets,
        .n_secrets = o->two ? 0 : COUNT(secrets),
        .algorithms = algorithms_said, .n_algorithms = o->two ? 0 : COUNT(algorithms_said),
        .data = data, .n_data = o->two ? 0 : 2, .size = 1530 };
    struct own *own = f->own;
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0x5015, aid, sizeof aid);
    sim_p15_build(f, df, &d);
    for (unsigned i = 0; i < d.n_keys; i++)
        add_key(f, df, &keys[i], SIM_PIN(keys[i].pin_id == 2 ? PIN_SECOND : PIN_USER));
    for (unsigned i = 0; i < d.n_secrets; i++) {
        uint8_t value[32];
        size_t n = sim_myeid_secret(secret_keys[i].id, o->second, value);
        add_secret(f, df, secret_keys[i].fid, secret_keys[i].kind, value, n);
    }
    protect(f, f->mf, "\x11\x3f\xff");
    protect(f, df, "\x11\x1f\xff");
    own->active = true;
}

static void free_own(struct sim_fs *f) { free(f->own); }

struct sim_card *sim_myeid_new(const struct sim_myeid_options *options)
{
    static const struct sim_myeid_options usual;
    const struct sim_myeid_options *o = options ? options : &usual;
    const uint8_t *atr = o->no_name ? atr_plain : o->classic ? atr_myeid : atr_oseid;
    struct sim_fs_kind kind = { .name = "MyEID", .atr = atr,
        .atr_len = o->no_name ? sizeof atr_plain : o->classic ? sizeof atr_myeid : sizeof atr_oseid,
        .algorithms = algorithms, .n_algorithms = COUNT(algorithms), .extended = !o->classic && !o->short_only,
        .no_chaining = o->classic, .all_cla = true, .select_keeps_login = true,
        .sw_unknown_algorithm = 0x6a81, .sw_not_verified = 0x6985, .derive_bare = true,
        .mse_keeps_refused = true, .sw_unknown_pin = 0x6983, .command = command, .fci = fci,
        .by_part = by_part,
        .access = access, .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    struct own *own = calloc(1, sizeof *own);
    if (!own) abort();
    own->classic = o->classic;
    own->derives_by_file = o->derives_by_file;
    f->own = own;
    struct sim_fs_pin pin = { .ref = o->other_pin ? 2 : 1, .value = o->empty ? NULL : "123456", .min = 4, .max = 8,
        .stored = 8, .pad = 0xff, .puk = PUK_USER, .costly_length = true };
    sim_fs_pin(f, &pin);
    pin.ref = 3;
    pin.puk = PUK_SO;
    if (pin.value) pin.value = "87654321";
    sim_fs_pin(f, &pin);
    pin = (struct sim_fs_pin){ .ref = 0xf1, .value = o->empty ? NULL : "12345678", .min = 4,
        .max = 8, .stored = 8, .pad = 0xff, .tries = 10, .puk = SIM_NO_PIN };
    sim_fs_pin(f, &pin);
    pin.ref = 0xf3;
    sim_fs_pin(f, &pin);
    if (o->second_pin)
        sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 2, .value = "654321", .min = 4, .max = 8,
            .stored = 8, .pad = 0xff, .puk = PUK_USER });
    if (!o->empty) personalise(f, o);
    if (o->empty) sim_fs_df(f, NULL, 0x5015, aid, sizeof aid);
    return &f->card;
}
