// sim_gids.c: a simulated GIDS card; sim_gids.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after tests/data/traces/gids.txt and Microsoft's Generic Identity Device Specification.
#include "sim_gids.h"
#include <mbedtls/des.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

// Algorithms: a base, which is the key's, and what is done with it.
enum { BASE_RSA1024 = 0x06, BASE_RSA2048, BASE_RSA3072, BASE_RSA4096, BASE_P256 = 0x0c, BASE_P384,
       BASE_P521 };
enum { DO_RAW = 0x00, DO_SIGN_RAW = 0x10, DO_PKCS1 = 0x40, DO_SIGN_PKCS1 = 0x50, DO_OAEP = 0x80 };
enum { KIND_EXCHANGE = 0x9a, KIND_SIGNATURE = 0x9c };
enum { RULE_USER = 0x10, RULE_ADMIN = 0x20, RULE_NEVER = 0xff };
enum { EF_SYSTEM = 0xa000, EF_FILES = 0xa010, EF_CARDID = 0xa012, EF_KEYS = 0xb000 };
enum { PIN_USER, PIN_PUK };
enum { MOST_OBJECTS = 96, MOST_EFS = 64, MOST_KEYS = 32, ADMIN_KEY = 24, RANDOM = 16, PROOF = 40 };

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x03, 0x97, 0x42, 0x54, 0x46, 0x59, 0x02, 0x01 };
static const uint8_t select_answer[] = { 0x61, 0x12, 0x4f, 0x0b, 0xa0, 0x00, 0x00, 0x03, 0x97, 0x42,
    0x54, 0x46, 0x59, 0x02, 0x01, 0x73, 0x03, 0x40, 0x01, 0xc0 };
static const uint8_t atr[] = { 0x3b, 0x80, 0x80, 0x01, 0x01 };

struct ef { uint16_t fid; uint8_t write, read; };

struct object { uint16_t ef, tag; uint8_t *data; size_t n; };

// A key, and what its file says that it may do.
struct key {
    uint8_t ref;
    uint8_t base;
    bool decrypts;
    bool made;                      // else its file is there, and nothing in it
    mbedtls_pk_context pk;
};

struct own {
    struct sim_gids_options o;
    bool active;                    // access rules are in force
    uint16_t selected;              // the EF
    struct ef efs[MOST_EFS];
    unsigned n_efs;
    struct object objects[MOST_OBJECTS];
    unsigned n_objects;
    struct key keys[MOST_KEYS];
    unsigned n_keys;
    uint8_t admin_key[ADMIN_KEY];
    bool admin;                     // the administrator has shown that he has it
    uint8_t theirs[RANDOM], ours[RANDOM];
    bool challenged;
    unsigned wrong;                 // answers of an administrator that has another key
    unsigned writes;                // commands that changed what is on the card
    struct key *using;              // as MSE set it; with algorithm 0: a refused MSE
    uint8_t template, algorithm;
    bool was_refused;
};

// ---- Files and what is in them ----

static struct ef *find_ef(struct own *own, uint16_t fid)
{
    for (unsigned i = 0; i < own->n_efs; i++)
        if (own->efs[i].fid == fid) return &own->efs[i];
    return NULL;
}

static struct object *find_object(struct own *own, uint16_t ef, uint16_t tag)
{
    for (unsigned i = 0; i < own->n_objects; i++)
        if (own->objects[i].ef == ef && own->objects[i].tag == tag) return &own->objects[i];
    return NULL;
}

static void put_object(struct own *own, uint16_t ef, uint16_t tag, const void *p, size_t n)
{
    struct object *object = find_object(own, ef, tag);
    if (!object && own->n_objects == MOST_OBJECTS) abort();
    if (!object) object = &own->objects[own->n_objects++];
    else free(object->data);
    *object = (struct object){ ef, tag, malloc(n + 1), n };
    if (!object->data) abort();
    if (n) memcpy(object->data, p, n);
}

static void add_ef(struct own *own, uint16_t fid, uint8_t write, uint8_t read)
{
    struct ef *ef = find_ef(own, fid);
    if (!ef && own->n_efs == MOST_EFS) abort();
    if (!ef) ef = &own->efs[own->n_efs++];
    *ef = (struct ef){ fid, write, read };
}

static bool allowed(const struct sim_fs *f, uint8_t rule)
{
    const struct own *own = f->own;
    if (!own->active || !rule) return true;
    if (rule == RULE_NEVER) return false;
    return (rule & RULE_USER && f->pins[PIN_USER].verified) || (rule & RULE_ADMIN && own->admin);
}

static unsigned tag_number(const uint8_t *p, size_t n)
{
    unsigned x = 0;
    while (p && n--) x = x << 8 | *p++;
    return x;
}

// ---- Keys ----

static struct key *find_key(struct own *own, uint8_t ref)
{
    for (unsigned i = 0; i < own->n_keys; i++)
        if (own->keys[i].ref == ref) return &own->keys[i];
    return NULL;
}

static struct key *add_key(struct own *own, uint8_t ref, uint8_t base, bool decrypts)
{
    struct key *key = find_key(own, ref);
    if (key) mbedtls_pk_free(&key->pk);
    if (!key && own->n_keys == MOST_KEYS) abort();
    if (!key) key = &own->keys[own->n_keys++];
    *key = (struct key){ .ref = ref, .base = base, .decrypts = decrypts };
    mbedtls_pk_init(&key->pk);
    return key;
}

static uint8_t base_of(const struct sim_key_data *d)
{
    if (!d->rsa) return d->bits == 256 ? BASE_P256 : d->bits == 384 ? BASE_P384 : BASE_P521;
    return d->bits == 1024 ? BASE_RSA1024 : d->bits == 2048 ? BASE_RSA2048 : d->bits == 3072
        ? BASE_RSA3072 : BASE_RSA4096;
}

// Does MSE take this for the key?
static bool takes(const struct own *own, const struct key *key, uint8_t template, uint8_t algorithm)
{
    uint8_t what = algorithm & 0xf0;
    if ((algorithm & 0x0f) != key->base) return false;
    if (template == 0xb8) return what == DO_RAW || what == DO_PKCS1 || what == DO_OAEP;
    return what == DO_SIGN_PKCS1 || (what == DO_SIGN_RAW && !own->o.only_57);
}

// MSE SET: 80 algorithm, 84 key. One that is refused leaves none in force.
static unsigned set_environment(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    size_t algorithm_n, ref_n;
    const uint8_t *algorithm = sim_get_tlv(c->data, c->n, 0x80, &algorithm_n);
    const uint8_t *ref = sim_get_tlv(c->data, c->n, 0x84, &ref_n);
    if (c->p1 == 0xc1 && c->p2 == 0xa4) return own->challenged = false, 0x9000;
    if (c->p1 != 0x41 || (c->p2 != 0xb6 && c->p2 != 0xb8)) return 0x6a86;
    if (!algorithm || algorithm_n != 1 || !ref || ref_n != 1) return 0x6700;
    if (!f->pins[PIN_USER].verified) return 0x6982;
    struct key *key = find_key(own, *ref);
    own->using = NULL;
    own->was_refused = true;
    if (!key || !key->made || (c->p2 == 0xb8 && !key->decrypts)) return 0x6984;
    if (!takes(own, key, c->p2, *algorithm)) return 0x6f00;
    own->using = key;
    own->template = c->p2;
    own->algorithm = *algorithm;
    return 0x9000;
}

static unsigned sign(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    mbedtls_pk_context *pk = &own->using->pk;
    if (!sim_is_rsa(pk)) return sim_ecdsa(&f->random, pk, own->o.der, c->data, c->n, a);
    if ((own->algorithm & 0xf0) == DO_SIGN_PKCS1)
        return sim_rsa_pkcs1(&f->random, pk, c->data, c->n, a);
    if (c->n != mbedtls_pk_get_len(pk)) return 0x6700;
    return sim_rsa_raw(&f->random, pk, c->data, c->n, a);
}

static unsigned decipher(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    mbedtls_pk_context *pk = &own->using->pk;
    if (c->n != mbedtls_pk_get_len(pk)) return 0x6700;
    switch (own->algorithm & 0xf0) {
    case DO_PKCS1: return sim_rsa_decrypt(&f->random, pk, c->data, c->n, a);
    case DO_OAEP: return sim_rsa_oaep(&f->random, pk, MBEDTLS_MD_SHA1, c->data, c->n, a);
    default: return sim_rsa_raw(&f->random, pk, c->data, c->n, a);
    }
}

// The environment alone says what a key may do: after a logout it still does.
static unsigned pso(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    bool signs = c->p1 == 0x9e && c->p2 == 0x9a, deciphers = c->p1 == 0x80 && c->p2 == 0x86;
    if (!signs && !deciphers) return 0x6a86;
    if (!own->using) return own->was_refused ? 0x6f00 : 0x6985;
    if (own->template != (signs ? 0xb6 : 0xb8)) return 0x6985;
    f->card.signatures++;
    unsigned sw = signs ? sign(f, c, a) : decipher(f, c, a);
    return sw == 0x6a80 ? 0x6f00 : sw;
}

static bool make_pair(struct sim_fs *f, struct key *key)
{
    static const unsigned bits[] = { 1024, 2048, 3072, 4096 };
    static const mbedtls_ecp_group_id curves[] = { MBEDTLS_ECP_DP_SECP256R1,
        MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1 };
    if (key->base >= BASE_RSA1024 && key->base <= BASE_RSA4096)
        return !mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) &&
            !mbedtls_rsa_gen_key(mbedtls_pk_rsa(key->pk), mbedtls_ctr_drbg_random,
                                 &f->random.random, bits[key->base - BASE_RSA1024], 65537);
    if (key->base < BASE_P256 || key->base > BASE_P521) return false;
    return !mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) &&
        !mbedtls_ecp_gen_key(curves[key->base - BASE_P256], mbedtls_pk_ec(key->pk),
                             mbedtls_ctr_drbg_random, &f->random.random);
}

static unsigned import_key(struct sim_fs *f, uint8_t ref, const uint8_t *p, size_t n)
{
    struct own *own = f->own;
    struct key *key = find_key(own, ref);
    if (!allowed(f, RULE_USER)) return 0x6982;
    if (!key) return 0x6a88;
    key = add_key(own, key->ref, key->base, key->decrypts);
    own->using = NULL;
    own->writes++;
    key->made = !mbedtls_pk_parse_key(&key->pk, p, n, NULL, 0, mbedtls_ctr_drbg_random,
                                      &f->random.random);
    return key->made ? 0x9000 : 0x6a80;
}

// 7F49 { 81 modulus, 82 exponent } or { 86 point }
static unsigned put_public(struct key *key, struct sim_answer *a)
{
    size_t len;
    uint8_t out[512], e[3];
    if (sim_is_rsa(&key->pk)) {
        len = mbedtls_pk_get_len(&key->pk);
        if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(key->pk), out, len, NULL, 0, NULL, 0, NULL, 0, e,
                                   3)) abort();
        sim_put_tlv(a, 0x81, out, len);
        sim_put_tlv(a, 0x82, e, 3);
    } else {
        const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(key->pk);
        if (mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, out,
                                           sizeof out)) abort();
        sim_put_tlv(a, 0x86, out, len);
    }
    sim_wrap(a, 0, 0x7f49);
    return 0x9000;
}

static unsigned get_public(struct sim_fs *f, const uint8_t *p, size_t n, struct sim_answer *a)
{
    size_t ref_n;
    const uint8_t *ref = sim_get_tlv(p, n, 0x84, &ref_n);
    struct key *key = ref && ref_n == 1 ? find_key(f->own, *ref) : NULL;
    return key && key->made ? put_public(key, a) : 0x6984;
}

// GENERATE ASYMMETRIC KEY PAIR: AC { 80 algorithm, 83 key }, whose file is there. The answer is the
// public key.
static unsigned generate(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    size_t n, ref_n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0xac, &n);
    const uint8_t *ref = p ? sim_get_tlv(p, n, 0x83, &ref_n) : NULL;
    struct key *key = ref ? find_key(own, *ref) : NULL;
    if (!allowed(f, RULE_USER)) return 0x6982;
    if (!ref) return 0x6a80;
    if (!key) return 0x6a88;
    if (own->o.no_ec && key->base >= BASE_P256) return 0x6a81;
    key = add_key(own, key->ref, key->base, key->decrypts);
    key->made = make_pair(f, key);
    own->using = NULL;
    own->writes++;
    if (!key->made) return 0x6f00;
    return own->o.quiet ? 0x9000 : put_public(key, a);
}

// ---- GET DATA and PUT DATA ----

// What the application says of itself: the tries of the PIN, a public key.
static unsigned get_of_application(struct sim_fs *f, const struct sim_command *c,
                                   struct sim_answer *a)
{
    size_t n;
    const struct sim_fs_pin *pin = &f->pins[PIN_USER];
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x70, &n);
    if (p) return get_public(f, p, n, a);
    p = sim_get_tlv(c->data, c->n, 0x5c, &n);
    unsigned tag = tag_number(p, p ? n : 0);
    if (tag == 0x7f73) { pin = &f->pins[PIN_PUK]; if (!*pin->now) return 0x6a88; }
    else if (tag != 0x7f71 && tag != 0x7f72) return 0x6984;
    sim_put_tlv(a, 0x97, &pin->left, 1);
    sim_put_tlv(a, 0x93, &pin->tries, 1);
    sim_wrap(a, 0, tag);
    return 0x9000;
}

// 5C tag: one object of a file; 5C 00: all of them.
static unsigned get_data(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    uint16_t fid = (uint16_t)(c->p1 << 8 | c->p2);
    const struct ef *ef = find_ef(own, fid == 0x3fff ? own->selected : fid);
    size_t n;
    const uint8_t *tag = sim_get_tlv(c->data, c->n, 0x5c, &n);
    if (fid == 0x3fff) return get_of_application(f, c, a);
    if (!ef) return 0x6a82;
    if (!tag || (n && n != 2)) return 0x6a80;
    if (!allowed(f, ef->read)) return 0x6982;
    // The newest first, as new objects are put before those that are there.
    for (unsigned i = own->n_objects; i--;) {
        const struct object *object = &own->objects[i];
        if (object->ef != fid || (n && object->tag != tag_number(tag, 2))) continue;
        sim_put_tlv(a, object->tag, object->data, object->n);
    }
    return a->n || !n ? 0x9000 : 0x6a88;
}

// 70 { 84 key, A5 { 87 value } }: the administrator's key, or PKCS#1's RSAPrivateKey.
static unsigned put_key(struct sim_fs *f, const uint8_t *p, size_t n)
{
    struct own *own = f->own;
    size_t ref_n, in_n, value_n;
    const uint8_t *ref = sim_get_tlv(p, n, 0x84, &ref_n), *in = sim_get_tlv(p, n, 0xa5, &in_n);
    const uint8_t *value = in ? sim_get_tlv(in, in_n, 0x87, &value_n) : NULL;
    if (!ref || ref_n != 1 || !value) return 0x6a80;
    if (*ref != 0x80) return import_key(f, *ref, value, value_n);
    if (!allowed(f, RULE_ADMIN)) return 0x6982;
    if (value_n != ADMIN_KEY) return 0x6a80;
    memcpy(own->admin_key, value, ADMIN_KEY);
    own->writes++;
    return 0x9000;
}

// Bytes that all objects take.
static size_t used(const struct own *own)
{
    size_t n = 0;
    for (unsigned i = 0; i < own->n_objects; i++) n += own->objects[i].n;
    return n;
}

static unsigned put_data(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    uint16_t fid = (uint16_t)(c->p1 << 8 | c->p2);
    const struct ef *ef = find_ef(own, fid);
    size_t n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x70, &n);
    if (fid == 0x3fff) return p ? put_key(f, p, n) : 0x6a80;
    if (!ef) return 0x6a82;
    if (!allowed(f, ef->write)) return 0x6982;
    if (c->n < 3 || c->data[0] != 0xdf) return 0x6a80;
    p = sim_get_tlv(c->data + 1, c->n - 1, c->data[1], &n);     // the tag is of two bytes
    if (!p || p + n != c->data + c->n) return 0x6a80;
    uint16_t tag = (uint16_t)(c->data[0] << 8 | c->data[1]);
    const struct object *old = find_object(own, fid, tag);
    if (own->o.room && used(own) - (old ? old->n : 0) + n > own->o.room) return 0x6a84;
    own->writes++;
    put_object(own, fid, tag, p, n);
    return 0x9000;
}

// ---- Making files ----

// CREATE FILE: 62 { 82 kind, 83 FID, 8C rules [, A5 { B6 and B8: what a key is for }] }
static unsigned create(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    size_t n, fid_n, rule_n, use_n, b8_n, b6_n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x62, &n);
    const uint8_t *fid = p ? sim_get_tlv(p, n, 0x83, &fid_n) : NULL;
    const uint8_t *rule = p ? sim_get_tlv(p, n, 0x8c, &rule_n) : NULL;
    const uint8_t *use = p ? sim_get_tlv(p, n, 0xa5, &use_n) : NULL;
    if (!fid || fid_n != 2 || !rule || rule_n < 3) return 0x6a80;
    if (!allowed(f, RULE_USER | RULE_ADMIN)) return 0x6982;
    uint16_t number = (uint16_t)tag_number(fid, 2);
    if (find_ef(own, number)) return own->o.exists_6984 ? 0x6984 : 0x6a89;
    if (own->n_efs == MOST_EFS) return 0x6a84;
    own->writes++;
    add_ef(own, number, rule[1], rule[2]);
    own->selected = number;
    if (!use || number == EF_KEYS + 0x80) return 0x9000;
    const uint8_t *b8 = sim_get_tlv(use, use_n, 0xb8, &b8_n);
    const uint8_t *b6 = sim_get_tlv(use, use_n, 0xb6, &b6_n);
    const uint8_t *any = b8 ? b8 : b6;
    size_t any_n = b8 ? b8_n : b6_n;
    const uint8_t *algorithm = any ? sim_get_tlv(any, any_n, 0x80, &n) : NULL;
    if (!algorithm) return 0x6a80;
    add_key(own, (uint8_t)number, *algorithm & 0x0f, b8 != NULL);   // it is found by its file
    return 0x9000;
}

// DELETE FILE: the selected one.
static unsigned delete_file(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    struct ef *ef = find_ef(own, own->selected);
    struct key *key = find_key(own, (uint8_t)own->selected);
    if (own->o.no_delete) return 0x6d00;
    if (c->n) return 0x6700;
    if (!ef) return 0x6986;
    if (!allowed(f, RULE_USER | RULE_ADMIN)) return 0x6982;
    own->writes++;
    if (own->selected >> 8 == EF_KEYS >> 8 && key) {
        mbedtls_pk_free(&key->pk);
        *key = own->keys[--own->n_keys];
        own->using = NULL;
    }
    *ef = own->efs[--own->n_efs];
    own->selected = 0x3fff;
    return 0x9000;
}

// ACTIVATE FILE: of the application, it puts the rules in force.
static unsigned activate(struct sim_fs *f)
{
    struct own *own = f->own;
    if (own->selected == 0x3fff && !own->active) {
        own->active = true;
        own->admin = own->challenged = false;
        for (unsigned i = 0; i < f->n_pins; i++) f->pins[i].verified = false;
    }
    return 0x9000;
}

// What the administrator has shown ends with his application, as the user's login does.
static void select_other(struct sim_card *card)
{
    struct own *own = ((struct sim_fs *)card)->own;
    own->admin = own->challenged = false;
    sim_fs_select_other(card);
}

static unsigned select_file(struct sim_fs *f, const struct sim_command *c)
{
    struct own *own = f->own;
    if (c->p1 == 4) {       // it ends what came before; after power-on it is the first to be known
        bool known = c->n <= sizeof aid && (!c->n || !memcmp(c->data, aid, c->n));
        if (known) own->using = NULL, own->was_refused = own->admin = own->challenged = false;
        return 0;
    }
    uint16_t fid = (uint16_t)tag_number(c->data, c->n == 2 ? 2 : 0);
    if (c->n && fid != 0x3f00 && fid != 0x3fff && !find_ef(own, fid)) return 0x6a82;
    own->selected = fid;
    return 0x9000;
}

// ---- PINs, and the administrator ----

static void cipher(const uint8_t *key, bool encrypt, const uint8_t *in, uint8_t *out)
{
    mbedtls_des3_context des;
    uint8_t iv[8] = { 0 };
    mbedtls_des3_init(&des);
    if (encrypt) mbedtls_des3_set3key_enc(&des, key);
    else         mbedtls_des3_set3key_dec(&des, key);
    if (mbedtls_des3_crypt_cbc(&des, encrypt ? MBEDTLS_DES_ENCRYPT : MBEDTLS_DES_DECRYPT, PROOF, iv,
                               in, out)) abort();
    mbedtls_des3_free(&des);
}

// Each shows that it has the key: the administrator by R2 || R1 || 7 bytes || 80, the card by
// R1 || R2 || 7 bytes || 80, in 3DES-CBC.
static unsigned authenticate(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    size_t n, part_n;
    uint8_t proof[PROOF];
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x7c, &n);
    const uint8_t *random = p ? sim_get_tlv(p, n, 0x81, &part_n) : NULL;
    const uint8_t *shown = p && !random ? sim_get_tlv(p, n, 0x82, &part_n) : NULL;
    if (!own->active) return 0x6986;
    if (!p || (!random && !shown)) return 0x6984;
    if (random) {
        if (part_n != RANDOM) return 0x6700;
        memcpy(own->theirs, random, RANDOM);
        sim_random_get(&f->random, own->ours, RANDOM);
        own->challenged = true;
        sim_put_tlv(a, 0x81, own->ours, RANDOM);
        return sim_wrap(a, 0, 0x7c), 0x9000;
    }
    if (part_n != PROOF || !own->challenged) return 0x6985;
    own->challenged = false;
    cipher(own->admin_key, false, shown, proof);
    if (memcmp(proof, own->ours, RANDOM) || memcmp(proof + RANDOM, own->theirs, RANDOM) ||
        proof[PROOF - 1] != 0x80) return own->wrong++, 0x6982;
    own->admin = true;
    memcpy(proof, own->theirs, RANDOM);
    memcpy(proof + RANDOM, own->ours, RANDOM);
    if (own->o.wrong_answer) proof[0] ^= 1;
    sim_random_get(&f->random, proof + 2 * RANDOM, 7);
    cipher(own->admin_key, true, proof, proof);
    sim_put_tlv(a, 0x82, proof, PROOF);
    return sim_wrap(a, 0, 0x7c), 0x9000;
}

// VERIFY 82 without data is the logout. 00 is another name of 80. Who has shown that he is the
// administrator may set the PIN.
static unsigned pin_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    struct sim_command named = *c;
    if (c->ins == 0x20 && c->p2 == 0x82 && !c->n && !c->p1) {
        sim_fs_logout(f);
        own->admin = own->challenged = false;
        return 0x9000;
    }
    if (!named.p2) named.p2 = 0x80;
    if (c->ins == 0x2c && c->p1 < 2 && !*f->pins[PIN_PUK].now) return 0x6a88;
    if (c->ins == 0x2c && c->p1 == 2) f->pins[PIN_PUK].verified = own->admin;
    unsigned sw = sim_fs_command(f, &named, a);
    f->pins[PIN_PUK].verified = false;
    if (c->ins == 0x2c && c->p1 == 2 && sw == 0x9000) {     // it ends all logins
        sim_fs_logout(f);
        own->admin = own->challenged = false;
    }
    return sw;
}

// The stamp ends what tells one card from another: it may be another one now.
static void stamp(struct own *own)
{
    for (unsigned i = 0; i < own->n_objects && own->o.stamp; i++) {
        const struct object *object = &own->objects[i];
        bool certificate = object->ef == EF_FILES && object->n > 300 && object->data[0] == 0x30;
        if (certificate || object->ef == EF_CARDID)
            memcpy(object->data + object->n - 8, own->o.stamp, 8);
    }
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    stamp(f->own);
    switch (c->ins) {
    case 0xa4: return select_file(f, c);
    case 0xcb: return get_data(f, c, a);
    case 0xdb: return put_data(f, c);
    case 0x22: return set_environment(f, c);
    case 0x2a: return pso(f, c, a);
    case 0x47: return generate(f, c, a);
    case 0x87: return authenticate(f, c, a);
    case 0xe0: return create(f, c);
    case 0xe4: return delete_file(f, c);
    case 0x44: return activate(f);
    case 0x20: case 0x24: case 0x2c: return pin_command(f, c, a);
    default:   return 0x6d00;
    }
}

// ---- A card that is in use ----

// What the next records go into: the master file, the key map, the container map.
struct tables { struct sim_answer *master, *keys, *map; uint16_t next; };

static void put16(uint8_t *p, unsigned x) { p[0] = (uint8_t)x; p[1] = (uint8_t)(x >> 8); }

static void put_entry(struct sim_answer *a, const char *directory, const char *name, uint16_t tag,
                      uint16_t ef)
{
    uint8_t record[28] = { 0 };
    memcpy(record, directory, strlen(directory));
    memcpy(record + 9, name, strlen(name));
    put16(record + 20, tag);
    put16(record + 24, ef);
    sim_put(a, record, sizeof record);
}

static void put_certificate(struct own *own, uint16_t tag, const struct sim_key_data *d)
{
    uint8_t packed[8192];
    uLongf n = sizeof packed - 4;
    if (own->o.plain) {
        put_object(own, EF_FILES, tag, d->certificate, d->certificate_len);
        return;
    }
    if (compress(packed + 4, &n, d->certificate, (uLong)d->certificate_len) != Z_OK) abort();
    put16(packed, 1);
    put16(packed + 2, (unsigned)d->certificate_len);
    put_object(own, EF_FILES, tag, packed, n + 4);
}

static void add_container(struct sim_fs *f, struct tables *t, unsigned number, enum sim_key from,
                          bool exchange, bool certificate)
{
    struct own *own = f->own;
    const struct sim_key_data *d = sim_key_data(from);
    const uint8_t ref = (uint8_t)(0x81 + number);
    struct key *key = add_key(own, ref, base_of(d), exchange);
    uint8_t map[86] = { 0 }, record[12] = { 1, 0, 0, 0, key->base,
        exchange ? KIND_EXCHANGE : KIND_SIGNATURE, ref, EF_KEYS >> 8, 0xff, 0xff, 0, 0 };
    char name[12], text[40];
    mbedtls_pk_free(&key->pk);
    sim_key_parse(&key->pk, d);
    key->made = true;
    add_ef(own, (uint16_t)(EF_KEYS | ref), RULE_USER, RULE_NEVER);
    sim_put(t->keys, record, sizeof record);
    snprintf(text, sizeof text, "Container %u", number);
    for (size_t i = 0; text[i]; i++) map[2 * i] = (uint8_t)text[i];
    map[80] = number ? 1 : 3;
    put16(map + (exchange ? 84 : 82), d->bits);
    sim_put(t->map, map, sizeof map);
    if (!certificate) return;
    snprintf(name, sizeof name, own->o.decimal ? "k%cc%02u" : "k%cc%02x", exchange ? 'x' : 's',
             number);
    put_entry(t->master, "mscp", name, t->next, EF_FILES);
    put_certificate(own, t->next++, d);
}

static void add_containers(struct sim_fs *f, struct tables *t)
{
    const struct own *own = f->own;
    bool second = own->o.second;
    unsigned n = 2;
    add_container(f, t, 0, second ? SIM_RSA2048B : SIM_RSA2048A, true, true);
    add_container(f, t, 1, second ? SIM_RSA2048A : SIM_RSA2048B, false, true);
    if (own->o.ec) add_container(f, t, n++, second ? SIM_P256B : SIM_P256A, false, true);
    if (own->o.ec) add_container(f, t, n++, second ? SIM_P384B : SIM_P384A, false, true);
    if (own->o.no_certificate) add_container(f, t, n++, SIM_RSA3072, false, false);
    for (bool ec = false; own->o.many && n < 12; ec = !ec)
        add_container(f, t, n++, ec ? second ? SIM_P256B : SIM_P256A : second ? SIM_RSA2048A
                      : SIM_RSA2048B, false, true);
}

static struct sim_answer *new_table(const void *head, size_t n)
{
    struct sim_answer *a = calloc(1, sizeof *a);
    if (!a) abort();
    sim_put(a, head, n);
    return a;
}

static void keep_table(struct own *own, uint16_t ef, uint16_t tag, struct sim_answer *a)
{
    put_object(own, ef, tag, a->out, a->n);
    free(a);
}

static void personalise(struct sim_fs *f)
{
    static const struct ef efs[] = { { 0xa000, 0x30, 0x00 }, { 0xa010, 0x30, 0x00 },
        { 0xa011, 0x30, 0xff }, { 0xa012, 0x20, 0x00 }, { 0xa013, 0x30, 0x30 },
        { 0xa014, 0x20, 0x20 } };
    struct own *own = f->own;
    uint8_t id[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
                     0xdd, 0xee, (uint8_t)(0xff - own->o.second) };
    const uint8_t cache[6] = { 0, 0, 2, 0, 8, 0 };
    struct tables t = { new_table("\1", 1), new_table("\1", 1), new_table("", 0), 0xdf24 };
    for (unsigned i = 0; i < COUNT(efs); i++) add_ef(own, efs[i].fid, efs[i].write, efs[i].read);
    put_entry(t.master, "mscp", "", 0, EF_SYSTEM);
    put_entry(t.master, "", "cardid", 0xdf20, EF_CARDID);
    put_entry(t.master, "", "cardapps", 0xdf21, EF_FILES);
    if (!own->o.no_cache_file) put_entry(t.master, "", "cardcf", 0xdf22, EF_FILES);
    put_entry(t.master, "mscp", "cmapfile", 0xdf23, EF_FILES);
    put_object(own, EF_CARDID, 0xdf20, id, sizeof id);
    put_object(own, EF_FILES, 0xdf21, "mscp\0\0\0\0", 8);
    if (!own->o.no_cache_file) put_object(own, EF_FILES, 0xdf22, cache, sizeof cache);
    add_containers(f, &t);
    keep_table(own, EF_SYSTEM, 0xdf1f, t.master);
    keep_table(own, EF_SYSTEM, 0xdf20, t.keys);
    keep_table(own, EF_FILES, 0xdf23, t.map);
    own->active = true;
}

static void free_own(struct sim_fs *f)
{
    struct own *own = f->own;
    for (unsigned i = 0; i < own->n_objects; i++) free(own->objects[i].data);
    for (unsigned i = 0; i < own->n_keys; i++) mbedtls_pk_free(&own->keys[i].pk);
    free(own);
}

struct sim_card *sim_gids_new(const struct sim_gids_options *options)
{
    static const struct sim_gids_options usual;
    const struct sim_gids_options *o = options ? options : &usual;
    struct own *own = calloc(1, sizeof *own);
    if (!own) abort();
    own->o = *o;
    struct sim_fs_kind kind = { .name = "GIDS", .atr = atr, .atr_len = sizeof atr,
        .extended = o->extended, .pieces = o->pieces, .applet = aid, .applet_len = sizeof aid,
        .applet_answer = select_answer, .applet_answer_len = sizeof select_answer,
        .short_aid = true, .sw_unselected = 0x6999, .no_challenge = true,
        .verified_says_tries = true, .command = command, .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    f->own = own;
    f->card.select_other = select_other;
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x80, .value = o->empty ? NULL : "123456", .min = 4,
        .max = 15, .puk = PIN_PUK });
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x81, .value = o->puk ? "12345678" : NULL, .min = 4,
        .max = 15, .puk = SIM_NO_PIN });
    if (!o->empty) personalise(f);
    return &f->card;
}

// ---- What tests ask ----

static struct own *own_of(struct sim_card *card) { return ((struct sim_fs *)(void *)card)->own; }

bool sim_gids_admin(struct sim_card *card) { return own_of(card)->admin; }

void sim_gids_change_key(struct sim_card *card)
{
    memset(own_of(card)->admin_key, 0x5d, ADMIN_KEY);
    card->select_other(card);
}


unsigned sim_gids_wrong_answers(struct sim_card *card) { return own_of(card)->wrong; }

unsigned sim_gids_writes(struct sim_card *card) { return own_of(card)->writes; }

bool sim_gids_active(struct sim_card *card) { return own_of(card)->active; }

const uint8_t *sim_gids_object(struct sim_card *card, uint16_t ef, uint16_t tag, size_t *n)
{
    const struct object *object = find_object(own_of(card), ef, tag);
    *n = object ? object->n : 0;
    return object ? object->data : NULL;
}

bool sim_gids_has_file(struct sim_card *card, uint16_t fid) { return find_ef(own_of(card), fid); }

mbedtls_pk_context *sim_gids_pk(struct sim_card *card, uint8_t ref)
{
    struct key *key = find_key(own_of(card), ref);
    return key && key->made ? &key->pk : NULL;
}
