// sim_piv.c: a simulated PIV card; sim_piv.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// Written from SP 800-73-4 part 2 and Yubico's description of its extensions, not from what scard11
// sends. It is proven by programs that know nothing of scard11: tests/pcsc/witness.sh.
#include "sim_piv.h"
#include <mbedtls/aes.h>
#include <mbedtls/des.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEYS = 24, MOST_OBJECTS = 320, USUAL_ROOM = 50 * 1024 };

// SP 800-78-5 table 6-2, and Yubico's for 25519.
static uint8_t algorithm_of(enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    if (key == SIM_ED25519) return 0xe0;
    if (key == SIM_X25519) return 0xe1;
    if (!d->rsa) return d->bits == 256 ? 0x11 : 0x14;
    return d->bits == 1024 ? 0x06 : d->bits == 2048 ? 0x07 : d->bits == 3072 ? 0x05 : 0x16;
}

// A key that is on the card now.
struct key {
    uint8_t ref, algorithm;
    uint8_t origin, touch;          // touch: 1 never, 2 always, 3 cached
    enum sim_policy policy;
    enum sim_key from;              // SIM_NO_KEY: made, or brought by a command
    bool parsed;
    mbedtls_pk_context pk;          // of RSA and EC
    uint8_t raw[32];                // of 25519
};

// A data object that was written; n is 0: deleted, whatever there was before.
struct object {
    uint32_t tag;
    uint8_t *data;
    size_t n;
};

enum challenge { NO_CHALLENGE, SINGLE, MUTUAL };

struct piv {
    struct sim_card card;
    struct sim_piv_options o;
    struct sim_piv_key first[MOST_KEYS];    // whose certificates the card had when it was made
    unsigned n_first;
    struct key keys[MOST_KEYS];
    unsigned n_keys;
    struct object objects[MOST_OBJECTS];
    unsigned n_objects;
    bool bare;                      // no objects but what was written
    char pin[9], puk[9], own[9];    // own: the application's, where pin is the global one
    uint8_t tries, puk_tries, own_tries;
    uint8_t most, puk_most;         // tries after a right one
    bool selected;                  // PIV; else another application, or none yet
    bool verified, fresh;           // fresh: VERIFY was the command before
    struct { uint8_t algorithm, touch, value[32]; } management;
    bool admin;                     // the management key is authenticated
    enum challenge given, open;     // by this command; by the one before
    uint8_t challenge[16];
    unsigned wrong_answers, writes;
    unsigned missed_touches;
    struct sim_line line;
    struct sim_random random;
};

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00 };
static const uint8_t other_aid[] = { 0xa0, 0x00, 0x00, 0x09, 0x99, 0x00, 0x01 };

static size_t head_size(unsigned tag, size_t n)
{
    return (tag > 0xff ? 2u : 1u) + (n > 0xff ? 3u : n > 0x7f ? 2u : 1u);
}

// ---- Data objects ----

static uint32_t certificate_object(uint8_t ref)
{
    return ref == 0x9a ? 0x5fc105 : ref == 0x9c ? 0x5fc10a : ref == 0x9d ? 0x5fc10b : ref == 0x9e
        ? 0x5fc101
         : 0x5fc10du + ref - 0x82u;
}

static void put_certificate(struct sim_answer *a, const struct piv *v, const struct sim_piv_key *k)
{
    const struct sim_key_data *d = sim_key_data(k->key);
    uint8_t packed[8192];
    const uint8_t *p = d->certificate;
    size_t n = d->certificate_len;
    if (k->ref == v->o.consent_key) p = sim_key_consent(&n);
    if (k->gzip) { n = sim_gzip(p, n, packed, sizeof packed); p = packed; }
    sim_put_head(a, 0x53, head_size(0x70, n) + n + 3 + 2);
    sim_put_tlv(a, 0x70, p, n);
    if (v->o.stamp && !k->gzip) memcpy(a->out + a->n - 8, v->o.stamp, 8);
    sim_put_tlv(a, 0x71, k->gzip ? "\x01" : "\x00", 1);
    sim_put_tlv(a, 0xfe, NULL, 0);
}

static void put_chuid(struct sim_answer *a, const struct piv *v)
{
    uint8_t fascn[25] = { 0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce, 0x73, 0x9d, 0x83,
                          0x68 };
    uint8_t guid[16] = { 0x16, 0x7c, 0x1d, 0x3a, 0x62, 0x0f, 0x4e, 0x1b, 0x9f, 0x02, 0x5d, 0x38,
                         0x31, 0x77, 0x90, 0xa4 };
    uint8_t signature[3000];        // CMS, for whoever reads only the card: anything
    size_t from = a->n, n = v->o.long_chuid ? sizeof signature : 0;
    guid[15] = (uint8_t)(guid[15] + v->o.second);
    if (v->o.stamp) memcpy(guid, v->o.stamp, 8);
    memset(signature, 0x5a, sizeof signature);
    sim_put_tlv(a, 0x30, fascn, sizeof fascn);
    sim_put_tlv(a, 0x34, guid, sizeof guid);
    sim_put_tlv(a, 0x35, "20301231", 8);
    sim_put_tlv(a, 0x3e, signature, n);
    sim_put_tlv(a, 0xfe, NULL, 0);
    sim_wrap(a, from, 0x53);
}

static void put_discovery(struct sim_answer *a, const struct piv *v)
{
    const uint8_t policy[2] = { v->o.discovery == SIM_GLOBAL_PIN ? 0x60 : 0x40,
                                v->o.discovery == SIM_GLOBAL_PIN ? 0x20 : 0x00 };
    if (v->o.discovery == SIM_USELESS_DISCOVERY) return;
    sim_put_head(a, 0x7e, 2 + sizeof aid + 3 + 2);
    sim_put_tlv(a, 0x4f, aid, sizeof aid);
    sim_put_tlv(a, 0x5f2f, policy, 2);
}

static void put_history(struct sim_answer *a, const struct piv *v)
{
    sim_put_head(a, 0x53, 3 + 3 + 2);
    sim_put_tlv(a, 0xc1, &v->o.retired, 1);
    sim_put_tlv(a, 0xc2, "\0", 1);
    sim_put_tlv(a, 0xfe, NULL, 0);
}

static bool yubikey_has(const struct piv *v, unsigned what)
{
    return v->o.yubikey && !(v->o.yubikey_lacks & what);
}

// What the card had when it was made.
static bool put_first(struct piv *v, uint32_t tag, struct sim_answer *a)
{
    static const uint8_t ccc[] = { 0x53, 0x33, 0xf0, 0x15, 0xa0, 0x00, 0x00, 0x01, 0x16, 0xff,
                                   0x02, 1, 2, 3, 4, 5, 6, 7, 8,
        9, 10, 11, 12, 13, 14, 0xf1, 0x01, 0x21, 0xf2, 0x01, 0x21, 0xf3, 0x00, 0xf4, 0x01, 0x00,
            0xf5, 0x01, 0x10, 0xf6,
        0x00, 0xf7, 0x00, 0xfa, 0x00, 0xfb, 0x00, 0xfc, 0x00, 0xfd, 0x00, 0xfe, 0x00 };
    for (unsigned i = 0; i < v->n_first; i++) {
        if (certificate_object(v->first[i].ref) != tag || v->first[i].no_certificate) continue;
        return put_certificate(a, v, &v->first[i]), true;
    }
    if (tag == 0x5fc102 && !v->o.no_chuid) return put_chuid(a, v), true;
    if (tag == 0x5fc10c && !v->o.no_history) return put_history(a, v), true;
    if (tag == 0x5fc107) return sim_put(a, ccc, sizeof ccc), true;
    if (tag == 0x5fc109)
        return sim_put_tlv(a, 0x53, "\x01\x0cTest Subject\xfe\x00", 16), true;
    return false;
}

static struct object *find_object(struct piv *v, uint32_t tag)
{
    for (unsigned i = 0; i < v->n_objects; i++)
        if (v->objects[i].tag == tag) return &v->objects[i];
    return NULL;
}

static bool put_object(struct piv *v, uint32_t tag, struct sim_answer *a)
{
    const struct object *written = find_object(v, tag);
    if (written && !written->n && v->o.empty_stays) return sim_put_tlv(a, 0x53, NULL, 0), true;
    if (written) return sim_put(a, written->data, written->n), written->n > 0;
    if (v->o.object && tag == v->o.object_tag)
        return sim_put(a, v->o.object, v->o.object_len), true;
    if (tag == 0x7e && v->o.discovery) return put_discovery(a, v), true;
    if (!v->bare && put_first(v, tag, a)) return true;
    if (tag != 0x5fff01 || !yubikey_has(v, SIM_NO_ATTESTATION)) return false;
    put_certificate(a, v, &(struct sim_piv_key){ 0xf9, SIM_RSA2048A, false, false,
                                                 SIM_PIN_NEVER });
    return true;
}

// SP 800-73-4 part 1, table 2: fingerprints, face, printed information, iris, pairing code.
static bool wants_pin(uint32_t tag)
{
    return tag == 0x5fc103 || tag == 0x5fc108 || tag == 0x5fc109 || tag == 0x5fc121 ||
        tag == 0x5fc123;
}

static unsigned get_object(struct piv *v, uint32_t tag, struct sim_answer *a)
{
    bool there = put_object(v, tag, a), shown = v->o.object && tag == v->o.object_tag;
    // Yubico's do not tell without the PIN whether it is there.
    if (wants_pin(tag) && !v->verified && !shown && (there || v->o.yubikey)) return 0x6982;
    return there ? 0x9000 : 0x6a82;
}

static uint32_t tag_of(const uint8_t *p, size_t n)
{
    uint32_t tag = 0;
    while (n--) tag = tag << 8 | *p++;
    return tag;
}

static unsigned get_data(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    size_t n;
    const uint8_t *name = sim_get_tlv(c->data, c->n, 0x5c, &n);
    if (c->p1 != 0x3f || c->p2 != 0xff) return 0x6a86;
    if (!name || !n || n > 3) return 0x6a80;
    return get_object(v, tag_of(name, n), a);
}

// ---- Writing data objects ----

// SP 800-73-4 part 1, table 3; of Yubico's, its own, too.
static bool may_be_written(const struct piv *v, uint32_t tag)
{
    if (v->o.yubikey && tag >> 8 == 0x5fff) return true;
    return tag >= 0x5fc101 && tag <= 0x5fc123 && tag != 0x5fc104;
}

static size_t room_taken(const struct piv *v)
{
    size_t n = 0;
    for (unsigned i = 0; i < v->n_objects; i++) n += v->objects[i].n;
    return n;
}

static unsigned keep_object(struct piv *v, uint32_t tag, const uint8_t *p, size_t n)
{
    struct object *o = find_object(v, tag);
    size_t room = v->o.room ? v->o.room : USUAL_ROOM;
    if (room_taken(v) - (o ? o->n : 0) + n > room) return 0x6a84;
    if (!o && v->n_objects == MOST_OBJECTS) return 0x6a84;
    if (!o) o = &v->objects[v->n_objects++];
    free(o->data);
    *o = (struct object){ tag, n ? malloc(n) : NULL, n };
    if (n && !o->data) abort();
    if (n) memcpy(o->data, p, n);
    return 0x9000;
}

static void forget_objects(struct piv *v)
{
    for (unsigned i = 0; i < v->n_objects; i++) free(v->objects[i].data);
    memset(v->objects, 0, sizeof v->objects);
    v->n_objects = 0;
}

// {5C tag, 53 {...}}; 53 00 deletes. Discovery (7E) and BITGT (7F61) are the issuer's.
static unsigned put_data(struct piv *v, const struct sim_command *c)
{
    size_t n, value_n;
    const uint8_t *name = sim_get_tlv(c->data, c->n, 0x5c, &n), *end = c->data + c->n;
    if (c->p1 != 0x3f || c->p2 != 0xff) return 0x6a86;
    if (!v->admin) return 0x6982;
    if (c->n && (*c->data == 0x7e || *c->data == 0x7f)) return 0x6a81;
    if (!name || name != c->data + 2 || n > 3) return 0x6a80;
    uint32_t tag = tag_of(name, n);
    if (tag == 0x7e || tag == 0x7f61) return 0x6a81;
    const uint8_t *object = name + n;
    const uint8_t *value = sim_get_tlv(object, (size_t)(end - object), 0x53, &value_n);
    if (n != 3 || !value || *object != 0x53 || value + value_n != end) return 0x6a80;
    if (!may_be_written(v, tag)) return v->o.yubikey ? 0x6a80 : 0x6a82;
    return keep_object(v, tag, object, value_n ? (size_t)(end - object) : 0);
}

// ---- Selecting ----

static unsigned select_application(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 != 0x04) return 0x6a86;
    if (c->n == sizeof other_aid && !memcmp(c->data, other_aid, c->n)) {
        v->selected = v->verified = v->admin = false;
        return 0x9000;
    }
    if (c->n < 5 || c->n > sizeof aid || memcmp(c->data, aid, c->n)) return 0x6a82;
    if (!v->selected || !v->o.keeps_login) v->verified = v->admin = false;
    v->selected = true;
    sim_put_head(a, 0x61, 2 + 6 + 2 + 2 + 5);
    sim_put_tlv(a, 0x4f, aid + 5, 6);
    sim_put_head(a, 0x79, 2 + 5);
    sim_put_tlv(a, 0x4f, aid, 5);
    return 0x9000;
}

// ---- PINs ----

static bool pin_length_right(const struct sim_command *c, size_t n)
{
    return c->n == n;
}

static bool same_pin(const char *pin, const uint8_t *given)
{
    uint8_t padded[8];
    memset(padded, 0xff, sizeof padded);
    memcpy(padded, pin, strlen(pin));
    return !memcmp(padded, given, 8);
}

static void set_pin(char *pin, const uint8_t *given)
{
    size_t n = 0;
    while (n < 8 && given[n] != 0xff) n++;
    memcpy(pin, given, n);
    pin[n] = 0;
}

static bool pin_reference_right(const struct piv *v, uint8_t ref)
{
    return ref == 0x80 || (ref == 0x00 && v->o.discovery == SIM_GLOBAL_PIN);
}

static unsigned check_pin(struct piv *v, const char *pin, uint8_t *tries, const uint8_t *given)
{
    if (!*tries) return 0x6983;
    if (same_pin(pin, given)) {
        *tries = pin == v->puk ? v->puk_most : v->most;
        return 0x9000;
    }
    if (pin != v->puk) v->verified = false;
    --*tries;
    sim_took_try(&v->card);
    if (*tries) return (v->o.tries_0x ? 0x6300u : 0x63c0u) | (unsigned)*tries;
    return v->o.yubikey ? 0x6983 : 0x63c0;
}

// Is a reference that of the application's PIN, and the global one another?
static bool is_own(const struct piv *v, uint8_t ref)
{
    return ref == 0x80 && v->o.discovery == SIM_GLOBAL_PIN;
}

static unsigned verify(struct piv *v, const struct sim_command *c)
{
    bool own = is_own(v, c->p2);
    uint8_t *tries = own ? &v->own_tries : &v->tries;
    if (!pin_reference_right(v, c->p2)) return 0x6a88;
    if (c->p1 == 0xff && !c->n) {
        if (v->o.sw_logout) return v->o.sw_logout;
        v->verified = false;
        return 0x9000;
    }
    if (c->p1) return 0x6a86;
    if (!c->n && v->verified && !v->o.no_status) return 0x9000;
    if (!c->n) return *tries ? 0x63c0u | (unsigned)*tries : 0x6983;
    v->card.verifies++;
    if (!pin_length_right(c, 8)) return 0x6a80;
    unsigned sw = check_pin(v, own ? v->own : v->pin, tries, c->data);
    if (sw == 0x9000) v->verified = v->fresh = true;
    return sw;
}

// All digits alike, or each one more or one less than the one before.
static bool is_simple(const uint8_t *pin)
{
    size_t n = 1;
    while (n < 8 && pin[n] != 0xff && pin[n] - pin[n - 1] == pin[1] - pin[0]) n++;
    int step = pin[1] - pin[0];
    return (n == 8 || pin[n] == 0xff) && step >= -1 && step <= 1;
}

static unsigned change_pin(struct piv *v, const struct sim_command *c)
{
    bool puk = c->p2 == 0x81, own = is_own(v, c->p2);
    char *pin = puk ? v->puk : own ? v->own : v->pin;
    uint8_t *tries = puk ? &v->puk_tries : own ? &v->own_tries : &v->tries;
    if (!puk && !pin_reference_right(v, c->p2)) return 0x6a88;
    if (!pin_length_right(c, 16)) return 0x6a80;
    if (v->o.simple_refused && is_simple(c->data + 8)) return 0x6985;
    unsigned sw = check_pin(v, pin, tries, c->data);
    if (sw == 0x9000) set_pin(pin, c->data + 8);
    return sw;
}

static unsigned unblock(struct piv *v, const struct sim_command *c)
{
    if (c->p2 != 0x80) return 0x6a88;
    if (!pin_length_right(c, 16)) return 0x6a80;
    if (v->o.simple_refused && is_simple(c->data + 8)) return 0x6985;
    unsigned sw = check_pin(v, v->puk, &v->puk_tries, c->data);
    if (sw != 0x9000) return sw;
    set_pin(v->pin, c->data + 8);
    v->tries = v->most;
    return sw;
}

// ---- Keys ----

static struct key *find_key(struct piv *v, uint8_t ref)
{
    for (unsigned i = 0; i < v->n_keys; i++)
        if (v->keys[i].ref == ref) return &v->keys[i];
    return NULL;
}

static mbedtls_pk_context *pk_of(struct key *k)
{
    if (!k->parsed && k->from) sim_key_parse(&k->pk, sim_key_data(k->from));
    if (!k->parsed && !k->from) mbedtls_pk_init(&k->pk);
    k->parsed = true;
    return &k->pk;
}

static void clear_key(struct key *k)
{
    if (k->parsed) mbedtls_pk_free(&k->pk);
    *k = (struct key){ .ref = 0 };
}

static void remove_key(struct piv *v, struct key *k)
{
    clear_key(k);
    *k = v->keys[--v->n_keys];
    v->keys[v->n_keys] = (struct key){ .ref = 0 };
}

// A key comes to its place, instead of the one that was there.
static void place_key(struct piv *v, const struct key *fresh)
{
    struct key *k = find_key(v, fresh->ref);
    if (!k && v->n_keys == MOST_KEYS) abort();
    if (!k) k = &v->keys[v->n_keys++];
    clear_key(k);
    *k = *fresh;
}

static bool is_25519(uint8_t algorithm) { return algorithm >= 0xe0; }

// One of sim_keys.h. The raw private key of Ed25519 and X25519 is the end of their PKCS#8.
static void take_prepared(struct key *k, enum sim_key from)
{
    const struct sim_key_data *d = sim_key_data(from);
    k->from = from;
    k->algorithm = algorithm_of(from);
    if (is_25519(k->algorithm)) memcpy(k->raw, d->key + d->key_len - 32, 32);
}

static enum sim_policy usual_policy(const struct piv *v, uint8_t ref)
{
    if (ref == v->o.consent_key) return SIM_PIN_ALWAYS;
    return ref == 0x9e ? SIM_PIN_NEVER : ref == 0x9c ? SIM_PIN_ALWAYS : SIM_PIN_ONCE;
}

// What a key answers, in the template of GENERAL AUTHENTICATE.
static unsigned in_template(unsigned sw, struct sim_answer *a)
{
    if (sw != 0x9000) return sw;
    sim_wrap(a, 0, 0x82);
    sim_wrap(a, 0, 0x7c);
    return sw;
}

// The private operation on a block as long as the modulus.
static unsigned use_rsa(struct piv *v, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                        struct sim_answer *a)
{
    if (n != mbedtls_pk_get_len(pk)) return 0x6a80;
    return in_template(sim_rsa_raw(&v->random, pk, in, n, a), a);
}

static unsigned sign_ec(struct piv *v, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                        struct sim_answer *a)
{
    // SP 800-73-4 part 2, table 7: a hash as long as the curve
    if (n != (mbedtls_pk_get_bitlen(pk) + 7) / 8) return 0x6a80;
    return in_template(sim_ecdsa(&v->random, pk, true, in, n, a), a);
}

static unsigned agree_ec(struct piv *v, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                         struct sim_answer *a)
{
    return in_template(sim_ecdh(&v->random, pk, in, n, a), a);
}

static unsigned use_25519(struct key *k, bool agree, const uint8_t *in, size_t n,
                          struct sim_answer *a)
{
    if (agree != (k->algorithm == 0xe1)) return 0x6a80;
    return in_template(agree ? sim_x25519(k->raw, in, n, a) : sim_ed25519(k->raw, in, n, a), a);
}

static unsigned use_key(struct piv *v, struct key *k, bool agree, const uint8_t *in, size_t n,
                        struct sim_answer *a)
{
    if (is_25519(k->algorithm)) return use_25519(k, agree, in, n, a);
    mbedtls_pk_context *pk = pk_of(k);
    if (sim_is_rsa(pk)) return agree ? 0x6a80u : use_rsa(v, pk, in, n, a);
    return agree ? agree_ec(v, pk, in, n, a) : sign_ec(v, pk, in, n, a);
}

static unsigned general_authenticate(struct piv *v, const struct sim_command *c,
                                     struct sim_answer *a, bool fresh)
{
    struct key *k = find_key(v, c->p2);
    size_t n, in_len;
    const uint8_t *template = sim_get_tlv(c->data, c->n, 0x7c, &n), *in;
    if (!k) return 0x6a88;
    if (k->algorithm != c->p1) return 0x6a86;
    if (!template) return 0x6a80;
    if (k->policy != SIM_PIN_NEVER && !v->verified) return 0x6982;
    bool always = k->policy == SIM_PIN_ALWAYS || k->policy == SIM_MATCH_ALWAYS;
    if (always && !fresh) return 0x6982;
    if (k->touch > 1 && v->missed_touches) return v->missed_touches--, 0x6982;
    v->card.signatures++;
    in = sim_get_tlv(template, n, 0x81, &in_len);
    if (in) return use_key(v, k, false, in, in_len, a);
    in = sim_get_tlv(template, n, 0x85, &in_len);
    return in ? use_key(v, k, true, in, in_len, a) : 0x6a80;
}

// ---- The management key, 9B ----

static size_t management_size(uint8_t algorithm)
{
    return algorithm == 0x03 || algorithm == 0x0a ? 24 : algorithm == 0x08 ? 16
        : algorithm == 0x0c ? 32 : 0;
}

static size_t block_size(const struct piv *v) { return v->management.algorithm == 0x03 ? 8 : 16; }

static void usual_management_key(uint8_t *value)
{
    for (unsigned i = 0; i < 32; i++) value[i] = (uint8_t)(i % 8 + 1);
}

static bool since(const struct piv *v, uint32_t version)
{
    return v->o.yubikey && (v->o.version ? v->o.version : 0x050403) >= version;
}

static void set_management_key(struct piv *v, uint8_t algorithm, const uint8_t *value,
                               uint8_t touch)
{
    uint8_t usual[32];
    usual_management_key(usual);
    if (!algorithm) algorithm = since(v, 0x050700) ? 0x0a : 0x03;
    v->management.algorithm = algorithm;
    v->management.touch = touch;
    memset(v->management.value, 0, sizeof v->management.value);
    memcpy(v->management.value, value ? value : usual, management_size(algorithm));
}

// A block as the card encrypts it.
static void encrypt(const struct piv *v, const uint8_t *in, uint8_t *out)
{
    if (v->management.algorithm == 0x03) {
        mbedtls_des3_context des;
        mbedtls_des3_init(&des);
        if (mbedtls_des3_set3key_enc(&des, v->management.value) ||
            mbedtls_des3_crypt_ecb(&des, in, out)) abort();
        mbedtls_des3_free(&des);
        return;
    }
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    if (mbedtls_aes_setkey_enc(&aes, v->management.value,
                               (unsigned)management_size(v->management.algorithm) * 8) ||
        mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, in, out)) abort();
    mbedtls_aes_free(&aes);
}

// The first step: a challenge as it is, or the witness, which is encrypted.
static unsigned give_challenge(struct piv *v, enum challenge what, struct sim_answer *a)
{
    uint8_t witness[16];
    if (what == SINGLE ? v->o.no_single : v->o.no_mutual) return 0x6a80;
    v->given = what;
    sim_random_get(&v->random, v->challenge, block_size(v));
    encrypt(v, v->challenge, witness);
    sim_put_tlv(a, what == SINGLE ? 0x81 : 0x80, what == SINGLE ? v->challenge : witness,
                block_size(v));
    sim_wrap(a, 0, 0x7c);
    return 0x9000;
}

// The second: is it what the challenge that the command before got wants?
static unsigned take_answer(struct piv *v, enum challenge what, const uint8_t *got, size_t n)
{
    uint8_t want[16];
    if (what == SINGLE) encrypt(v, v->challenge, want);
    else memcpy(want, v->challenge, sizeof want);
    if (v->open != what || n != block_size(v) || memcmp(got, want, n)) {
        v->admin = false;
        v->wrong_answers++;
        return 0x6982;
    }
    if (v->management.touch > 1 && v->missed_touches) return v->missed_touches--, 0x6982;
    v->admin = true;
    return 0x9000;
}

// SP 800-73-4 part 2, A.2: the host decrypts the card's witness, the card encrypts its challenge.
static unsigned take_witness(struct piv *v, const uint8_t *witness, size_t n,
                             const uint8_t *challenge, size_t challenge_n, struct sim_answer *a)
{
    uint8_t out[16];
    if (!challenge || challenge_n != block_size(v)) return 0x6a80;
    unsigned sw = take_answer(v, MUTUAL, witness, n);
    if (sw != 0x9000) return sw;
    encrypt(v, challenge, out);
    if (v->o.wrong_response) out[0] ^= 1;
    sim_put_tlv(a, 0x82, out, block_size(v));
    sim_wrap(a, 0, 0x7c);
    return sw;
}

static unsigned administrate(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    size_t n, n80 = 0, n81 = 0, n82 = 0;
    const uint8_t *template = sim_get_tlv(c->data, c->n, 0x7c, &n);
    // SP 800-78-4, table 6-2: 00 is 3DES, too
    if ((c->p1 ? c->p1 : 0x03) != v->management.algorithm) return 0x6a86;
    if (!template) return 0x6a80;
    const uint8_t *t80 = sim_get_tlv(template, n, 0x80, &n80);
    const uint8_t *t81 = sim_get_tlv(template, n, 0x81, &n81);
    const uint8_t *t82 = sim_get_tlv(template, n, 0x82, &n82);
    if (t80 && n80) return take_witness(v, t80, n80, t81, n81, a);
    if (t80) return give_challenge(v, MUTUAL, a);
    if (t82 && n82) return take_answer(v, SINGLE, t82, n82);
    return t81 && !n81 ? give_challenge(v, SINGLE, a) : 0x6a80;
}

// ---- Making keys ----

static bool is_key_reference(uint8_t ref)
{
    return ref == 0x9a || (ref >= 0x9c && ref <= 0x9e) || (ref >= 0x82 && ref <= 0x95);
}

static unsigned rsa_bits(uint8_t algorithm)
{
    return algorithm == 0x06 ? 1024 : algorithm == 0x07 ? 2048 : algorithm == 0x05 ? 3072
        : algorithm == 0x16 ? 4096 : 0;
}

static mbedtls_ecp_group_id curve_of(uint8_t algorithm)
{
    return algorithm == 0x11 ? MBEDTLS_ECP_DP_SECP256R1 : algorithm == 0x14
        ? MBEDTLS_ECP_DP_SECP384R1 : MBEDTLS_ECP_DP_NONE;
}

static bool knows_algorithm(const struct piv *v, uint8_t algorithm)
{
    bool newer = algorithm == 0x05 || algorithm == 0x16;
    if (algorithm == v->o.no_algorithm) return false;
    if (algorithm == 0xe0 || algorithm == 0xe1) return since(v, 0x050700);
    if (newer && v->o.yubikey) return since(v, 0x050700);
    return rsa_bits(algorithm) || curve_of(algorithm);
}

// AA and AB, Yubico's; 00 in one, or none: as the place has it.
static bool take_policies(const struct piv *v, const uint8_t *p, size_t n, struct key *k)
{
    size_t pin_n, touch_n;
    const uint8_t *pin = sim_get_tlv(p, n, 0xaa, &pin_n);
    const uint8_t *touch = sim_get_tlv(p, n, 0xab, &touch_n);
    k->policy = usual_policy(v, k->ref);
    k->touch = 1;
    if (!v->o.yubikey) return !pin && !touch;
    if (pin && (pin_n != 1 || *pin > SIM_MATCH_ALWAYS)) return false;
    if (touch && (touch_n != 1 || *touch > 3)) return false;
    if (pin && *pin) k->policy = (enum sim_policy)*pin;
    if (touch && *touch) k->touch = *touch;
    return true;
}

static int random_bytes(void *random, unsigned char *p, size_t n)
{
    sim_random_get(random, p, n);
    return 0;
}

// A key of sim_keys.h that is nowhere on the card, if there is one of this size.
static enum sim_key prepared_rsa(const struct piv *v, uint8_t algorithm)
{
    enum sim_key found = SIM_NO_KEY;
    for (unsigned key = SIM_RSA1024; key <= SIM_RSA4096; key++) {
        bool used = false;
        if (algorithm_of((enum sim_key)key) != algorithm) continue;
        for (unsigned i = 0; i < v->n_keys; i++) used = used || v->keys[i].from == key;
        if (!used) return (enum sim_key)key;
        found = (enum sim_key)key;
    }
    return found;
}

static bool make_key(struct piv *v, struct key *k)
{
    unsigned bits = rsa_bits(k->algorithm);
    if (is_25519(k->algorithm)) return sim_random_get(&v->random, k->raw, 32), true;
    if (bits && v->o.prepared) return take_prepared(k, prepared_rsa(v, k->algorithm)), true;
    mbedtls_pk_context *pk = pk_of(k);
    if (bits) return !mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) &&
        !mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), random_bytes, &v->random, bits, 65537);
    return !mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) &&
        !mbedtls_ecp_gen_key(curve_of(k->algorithm), mbedtls_pk_ec(*pk), random_bytes, &v->random);
}

// The end of the certificate's SPKI, wherever that is; of a key that was made, or brought, OpenSSL
// tells.
static void public_25519(const struct key *k, uint8_t *out)
{
    const struct sim_key_data *d = sim_key_data(k->from);
    if (!k->from && !sim_25519_public(k->algorithm == 0xe0, k->raw, out)) abort();
    for (size_t i = 0; k->from && i + 40 < d->certificate_len; i++)
        if (!memcmp(d->certificate + i, "\x2b\x65", 2) && d->certificate[i + 3] == 0x03 &&
            d->certificate[i + 4] == 0x21) memcpy(out, d->certificate + i + 6, 32);
}

// {81 n, 82 e | 86 point}
static void put_public_key(struct sim_answer *a, struct key *k)
{
    uint8_t n[512], e[3], point[133];
    size_t len;
    if (is_25519(k->algorithm)) {
        public_25519(k, point);
        sim_put_tlv(a, 0x86, point, 32);
        return;
    }
    mbedtls_pk_context *pk = pk_of(k);
    if (sim_is_rsa(pk)) {
        len = mbedtls_rsa_get_len(mbedtls_pk_rsa(*pk));
        if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(*pk), n, len, NULL, 0, NULL, 0, NULL, 0, e,
                                   3)) abort();
        sim_put_tlv(a, 0x81, n, len);
        sim_put_tlv(a, 0x82, e, 3);
        return;
    }
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    if (mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, point,
                                       sizeof point)) abort();
    sim_put_tlv(a, 0x86, point, len);
}

// GENERATE ASYMMETRIC KEY PAIR. The certificate of the key before is another object, and stays.
static unsigned generate(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    size_t n, one;
    const uint8_t *template = sim_get_tlv(c->data, c->n, 0xac, &n), *algorithm;
    struct key k = { .ref = c->p2, .origin = SIM_GENERATED };
    if (!v->admin) return 0x6982;
    if (c->p1 || !is_key_reference(c->p2)) return 0x6a86;
    if (!template || template + n != c->data + c->n) return 0x6a80;
    algorithm = sim_get_tlv(template, n, 0x80, &one);
    if (!algorithm || one != 1 || !knows_algorithm(v, *algorithm)) return 0x6a80;
    if (!take_policies(v, template, n, &k)) return 0x6a80;
    k.algorithm = *algorithm;
    if (!make_key(v, &k)) abort();
    place_key(v, &k);
    put_public_key(a, find_key(v, c->p2));
    sim_wrap(a, 0, 0x7f49);
    return 0x9000;
}

// ---- YubiKey: keys that are brought ----

// p, q, dP, dQ and 1/q, each as long as half the modulus. (The exponent is 65537.)
static bool import_rsa(struct key *k, const uint8_t *p, size_t n)
{
    const uint8_t *part[5], e[3] = { 1, 0, 1 };
    size_t half = rsa_bits(k->algorithm) / 16, part_n;
    mbedtls_mpi got[3], want;
    bool good = true;
    for (unsigned i = 0; i < 5; i++) {
        part[i] = sim_get_tlv(p, n, (uint8_t)(i + 1), &part_n);
        if (!part[i] || part_n != half) return false;
    }
    mbedtls_pk_context *pk = pk_of(k);
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA))) abort();
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    if (mbedtls_rsa_import_raw(rsa, NULL, 0, part[0], half, part[1], half, NULL, 0, e, 3) ||
        mbedtls_rsa_complete(rsa) || mbedtls_pk_get_bitlen(pk) != half * 16) return false;
    mbedtls_mpi_init(&want);
    for (unsigned i = 0; i < 3; i++) mbedtls_mpi_init(&got[i]);
    if (mbedtls_rsa_export_crt(rsa, &got[0], &got[1], &got[2])) good = false;
    for (unsigned i = 0; i < 3; i++) {
        if (mbedtls_mpi_read_binary(&want, part[i + 2], half)) abort();
        good = good && !mbedtls_mpi_cmp_mpi(&want, &got[i]);
        mbedtls_mpi_free(&got[i]);
    }
    mbedtls_mpi_free(&want);
    return good;
}

static bool import_ec(struct piv *v, struct key *k, const uint8_t *p, size_t n)
{
    size_t d_n;
    const uint8_t *d = sim_get_tlv(p, n, 0x06, &d_n);
    mbedtls_pk_context *pk = pk_of(k);
    if (!d || mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))) return false;
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    return !mbedtls_ecp_group_load(&ec->grp, curve_of(k->algorithm)) &&
        d_n == (ec->grp.nbits + 7) / 8 && !mbedtls_mpi_read_binary(&ec->d, d, d_n) &&
        !mbedtls_ecp_check_privkey(&ec->grp, &ec->d) &&
        !mbedtls_ecp_mul(&ec->grp, &ec->Q, &ec->d, &ec->grp.G, random_bytes, &v->random);
}

static bool import_25519(struct key *k, const uint8_t *p, size_t n)
{
    size_t seed_n;
    const uint8_t *seed = sim_get_tlv(p, n, k->algorithm == 0xe0 ? 0x07 : 0x08, &seed_n);
    if (!seed || seed_n != sizeof k->raw) return false;
    memcpy(k->raw, seed, sizeof k->raw);
    return true;
}

static unsigned import(struct piv *v, const struct sim_command *c)
{
    struct key k = { .ref = c->p2, .algorithm = c->p1, .origin = SIM_IMPORTED };
    if (!v->admin) return 0x6982;
    if (!is_key_reference(c->p2) || !knows_algorithm(v, c->p1)) return 0x6a86;
    if (!take_policies(v, c->data, c->n, &k)) return 0x6a80;
    bool good = is_25519(c->p1) ? import_25519(&k, c->data, c->n) : rsa_bits(c->p1)
        ? import_rsa(&k, c->data, c->n) : import_ec(v, &k, c->data, c->n);
    if (good) place_key(v, &k);
    else clear_key(&k);
    return good ? 0x9000 : 0x6a80;
}

// From P2 to P1; to FF: it is deleted. What was there before is lost.
static unsigned move(struct piv *v, const struct sim_command *c)
{
    struct key *k = find_key(v, c->p2), *there = find_key(v, c->p1);
    if (!v->admin) return 0x6982;
    if (c->p1 != 0xff && (!is_key_reference(c->p1) || c->p1 == c->p2)) return 0x6a86;
    if (!is_key_reference(c->p2)) return 0x6a86;
    if (!k) return 0x6a88;
    if (c->p1 == 0xff) return remove_key(v, k), 0x9000;
    if (there) remove_key(v, there);
    find_key(v, c->p2)->ref = c->p1;
    return 0x9000;
}

// ---- YubiKey: what it tells ----

// Tries, and whether it is still what the maker set.
static void put_pin_metadata(struct sim_answer *a, const struct piv *v, bool puk)
{
    const uint8_t tries[2] = { puk ? v->puk_most : v->most, puk ? v->puk_tries : v->tries };
    bool usual = puk ? !strcmp(v->puk, "12345678") : !strcmp(v->pin, "123456");
    sim_put_tlv(a, 0x01, "\xff", 1);
    sim_put_tlv(a, 0x05, usual ? "\1" : "\0", 1);
    sim_put_tlv(a, 0x06, tries, 2);
}

static void put_management_metadata(struct sim_answer *a, const struct piv *v)
{
    uint8_t usual[32], policy[2] = { 0, v->management.touch };
    usual_management_key(usual);
    bool is_usual = !memcmp(usual, v->management.value, management_size(v->management.algorithm));
    sim_put_tlv(a, 0x01, &v->management.algorithm, 1);
    sim_put_tlv(a, 0x02, policy, 2);
    sim_put_tlv(a, 0x05, is_usual ? "\1" : "\0", 1);
}

static unsigned metadata(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    struct key *k = find_key(v, c->p2);
    if (c->p2 == 0x80 || c->p2 == 0x81) return put_pin_metadata(a, v, c->p2 == 0x81), 0x9000;
    if (c->p2 == 0x9b) return put_management_metadata(a, v), 0x9000;
    if (!k) return 0x6a88;
    const uint8_t policy[2] = { (uint8_t)k->policy, k->touch };
    sim_put_tlv(a, 0x01, &k->algorithm, 1);
    sim_put_tlv(a, 0x02, policy, 2);
    sim_put_tlv(a, 0x03, &k->origin, 1);
    size_t from = a->n;
    put_public_key(a, k);
    sim_wrap(a, from, 0x04);
    return 0x9000;
}

static void put_spki(struct sim_answer *a, struct key *k)
{
    uint8_t out[600] = { 0x2b, 0x65, k->algorithm == 0xe0 ? 0x70 : 0x6e }, bits[33] = { 0 };
    size_t from = a->n;
    if (!is_25519(k->algorithm)) {
        int n = mbedtls_pk_write_pubkey_der(pk_of(k), out, sizeof out);     // at its end
        if (n < 0) abort();
        sim_put(a, out + sizeof out - n, (size_t)n);
        return;
    }
    public_25519(k, bits + 1);
    sim_put_tlv(a, 0x06, out, 3);
    sim_wrap(a, from, 0x30);
    sim_put_tlv(a, 0x03, bits, sizeof bits);
    sim_wrap(a, from, 0x30);
}

static void put_name(struct sim_answer *a, const char *name)
{
    size_t from = a->n;
    sim_put_tlv(a, 0x06, "\x55\x04\x03", 3);           // commonName
    sim_put_tlv(a, 0x0c, name, strlen(name));
    sim_wrap(a, from, 0x30);
    sim_wrap(a, from, 0x31);
    sim_wrap(a, from, 0x30);
}

// X.509: a certificate of a key that was made on the card, by the card's attestation key.
static void put_attested(struct piv *v, struct key *k, struct sim_answer *a)
{
    static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                         0x01, 0x01, 0x0b, 0x05, 0x00 };
    struct key attesting = { .from = SIM_RSA2048A };
    uint8_t hash[32];
    sim_put(a, "\xa0\x03\x02\x01\x02\x02\x01\x01", 8);   // version 3, serial number
    sim_put(a, algorithm, sizeof algorithm);
    put_name(a, "Simulated attestation");
    size_t from = a->n;
    sim_put_tlv(a, 0x17, "200101000000Z", 13);
    sim_put_tlv(a, 0x17, "490101000000Z", 13);
    sim_wrap(a, from, 0x30);
    put_name(a, "Made on the card");
    put_spki(a, k);
    sim_wrap(a, 0, 0x30);
    mbedtls_sha256(a->out, a->n, hash, 0);
    sim_put(a, algorithm, sizeof algorithm);
    from = a->n;
    sim_put(a, "", 1);                                  // no unused bits
    if (sim_rsa_digest(&v->random, pk_of(&attesting), MBEDTLS_MD_SHA256, hash, 32, a) != 0x9000)
        abort();
    sim_wrap(a, from, 0x03);
    sim_wrap(a, 0, 0x30);
    clear_key(&attesting);
}

// F9: of a key that was brought, there is none.
static unsigned attest(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    struct key *k = find_key(v, c->p1);
    if (c->p2) return 0x6a86;
    if (!k || k->origin != SIM_GENERATED) return 0x6a80;
    const struct sim_key_data *d = sim_key_data(k->from);
    if (k->from) sim_put(a, d->certificate, d->certificate_len);
    else         put_attested(v, k, a);
    return 0x9000;
}

// ---- YubiKey: secrets ----

// {algorithm, 9B, length, value}; P2: FE a touch, FD a touch that lasts, FF none.
static unsigned set_management(struct piv *v, const struct sim_command *c)
{
    const uint8_t *p = c->data;
    if (!v->admin) return 0x6982;
    if (c->p1 != 0xff || c->p2 < 0xfd) return 0x6a86;
    if (c->n < 3 || p[1] != 0x9b || p[2] != c->n - 3) return 0x6a80;
    if (!management_size(*p) || management_size(*p) != c->n - 3) return 0x6a80;
    if (*p != 0x03 && !since(v, 0x050402)) return 0x6a80;
    set_management_key(v, *p, p + 3, (uint8_t)(0x100 - c->p2));
    return 0x9000;
}

static void usual_pins(struct piv *v, uint8_t most, uint8_t puk_most)
{
    strcpy(v->pin, "123456");
    strcpy(v->puk, "12345678");
    v->tries = v->most = most;
    v->puk_tries = v->puk_most = puk_most;
    v->verified = false;
}

static unsigned set_tries(struct piv *v, const struct sim_command *c)
{
    if (!v->admin || !v->verified) return 0x6982;
    if (!c->p1 || !c->p2) return 0x6a80;
    return usual_pins(v, c->p1, c->p2), 0x9000;
}

// As the maker sold it.
static unsigned erase(struct piv *v)
{
    if (v->tries || v->puk_tries) return 0x6985;
    while (v->n_keys) remove_key(v, &v->keys[0]);
    forget_objects(v);
    v->bare = true;
    v->admin = false;
    usual_pins(v, 3, 3);
    set_management_key(v, v->o.management, NULL, 1);
    return 0x9000;
}

static unsigned yubikey(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    const uint32_t version = v->o.version ? v->o.version : 0x050403;
    const uint8_t number[3] = { (uint8_t)(version >> 16), (uint8_t)(version >> 8),
                                (uint8_t)version };
    if (!v->o.yubikey) return 0x6d00;
    switch (c->ins) {
    case 0xf6: return since(v, 0x050700) && yubikey_has(v, SIM_NO_MOVE) ? move(v, c) : 0x6d00;
    case 0xf7: return yubikey_has(v, SIM_NO_METADATA) ? metadata(v, c, a) : 0x6d00;
    case 0xf8:
        if (yubikey_has(v, SIM_NO_SERIAL)) sim_put(a, "\0\x12\x34\x56", 4);
        return yubikey_has(v, SIM_NO_SERIAL) ? 0x9000 : 0x6d00;
    case 0xf9: return yubikey_has(v, SIM_NO_ATTESTATION) ? attest(v, c, a) : 0x6d00;
    case 0xfa: return set_tries(v, c);
    case 0xfb: return erase(v);
    case 0xfd: return sim_put(a, number, 3), 0x9000;
    case 0xfe: return import(v, c);
    case 0xff: return set_management(v, c);
    default:   return 0x6d00;
    }
}

// ---- Commands in and answers out ----

static unsigned command(struct piv *v, const struct sim_command *c, struct sim_answer *a,
                        bool fresh)
{
    switch (c->ins) {
    case 0xcb: return get_data(v, c, a);
    case 0xdb: return put_data(v, c);
    case 0x20: return verify(v, c);
    case 0x24: return change_pin(v, c);
    case 0x2c: return unblock(v, c);
    case 0x47: return generate(v, c, a);
    case 0x87:
        return c->p2 == 0x9b ? administrate(v, c, a) : general_authenticate(v, c, a, fresh);
    default:   return yubikey(v, c, a);
    }
}

static bool is_write(uint8_t ins)
{
    return ins == 0xdb || ins == 0x47 || ins == 0xf6 || ins == 0xfa || ins == 0xfb || ins >= 0xfe;
}

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct piv *v = card;
    bool fresh = v->fresh;
    v->fresh = false;
    v->open = v->given;
    v->given = NO_CHALLENGE;
    if (c->ins == 0xa4) return select_application(v, c, a);
    if (!v->selected && sim_is_secret(c)) sim_saw_stray(&v->card);
    if (!v->selected) return 0x6d00;
    unsigned sw = command(v, c, a, fresh);
    if (sw == 0x9000 && is_write(c->ins)) v->writes++;
    return sw;
}

// Another application is selected, or the power was off.
static void leave(struct piv *v)
{
    v->selected = v->verified = v->fresh = v->admin = false;
    sim_line_reset(&v->line);
}

static size_t piv_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                       size_t room)
{
    struct piv *v = (struct piv *)card;
    (void)room;
    card->apdus++;
    return sim_line_apdu(&v->line, v, run, false, cmd, n, rsp);
}

static void piv_reset(struct sim_card *card) { leave((struct piv *)card); }

static bool piv_verified(const struct sim_card *card)
{
    const struct piv *v = (const struct piv *)card;
    return v->verified || v->admin;
}

static struct sim_pin piv_pin(struct sim_card *card, unsigned index)
{
    struct piv *v = (struct piv *)card;
    (void)index;
    return (struct sim_pin){ &v->tries, &v->verified };
}

static void piv_free(struct sim_card *card)
{
    struct piv *v = (struct piv *)card;
    while (v->n_keys) remove_key(v, &v->keys[0]);
    forget_objects(v);
    sim_random_stop(&v->random);
    free(v);
}

static void set_atr(struct piv *v)
{
    // T=1 (or T=0), historical bytes 80 73 C0 21 C0/80: capabilities with or without extended
    // length.
    uint8_t *p = v->card.atr;
    size_t n = 0;
    p[n++] = 0x3b;
    p[n++] = v->o.t0 ? 0x05 : 0x85;
    if (!v->o.t0) { p[n++] = 0x80; p[n++] = 0x01; }
    memcpy(p + n, "\x80\x73\xc0\x21\x80", 5);
    if (v->o.extended) p[n + 4] = 0xc0;
    if (v->o.yubikey) {
        p[1] = v->o.t0 ? 0x0c : 0x8c;
        memcpy(p + n + 5, "YubiKey", 7);
        n += 7;
    }
    n += 5;
    if (!v->o.t0) {
        uint8_t check = 0;
        for (size_t i = 1; i < n; i++) check ^= p[i];
        p[n++] = check;
    }
    v->card.atr_len = n;
    v->card.protocol = !v->o.t0;
}

// The keys it has when it is made, and their certificates.
static void make_keys(struct piv *v)
{
    static const struct sim_piv_key usual[2][4] = {
        { { 0x9a, SIM_RSA2048A, false, false, 0 }, { 0x9c, SIM_P256A, false, false, 0 },
          { 0x9d, SIM_RSA2048B, false, false, 0 }, { 0x9e, SIM_P256B, false, false, 0 } },
        { { 0x9a, SIM_RSA2048B, false, false, 0 }, { 0x9c, SIM_P256B, false, false, 0 },
          { 0x9d, SIM_RSA2048A, false, false, 0 }, { 0x9e, SIM_P256A, false, false, 0 } },
    };
    const struct sim_piv_key *keys = v->o.keys ? v->o.keys : usual[v->o.second];
    v->n_first = v->o.keys ? v->o.n_keys : 4;
    if (v->n_first > MOST_KEYS) abort();
    for (unsigned i = 0; i < v->n_first; i++) {
        struct key *k = &v->keys[v->n_keys++];
        v->first[i] = keys[i];
        k->ref = keys[i].ref;
        k->origin = SIM_GENERATED;
        k->policy = keys[i].policy ? keys[i].policy : usual_policy(v, k->ref);
        k->touch = k->ref == v->o.touch_key ? 2 : 1;
        take_prepared(k, keys[i].key);
    }
}

struct sim_card *sim_piv_new(const struct sim_piv_options *options)
{
    struct piv *v = calloc(1, sizeof *v);
    if (!v) abort();
    if (options) v->o = *options;
    v->bare = v->o.blank;
    if (!v->bare) make_keys(v);
    usual_pins(v, 3, 3);
    strcpy(v->own, "87654321");
    set_management_key(v, v->o.management, v->o.management_key, 1);
    v->own_tries = v->o.own_blocked ? 0 : 3;
    v->line.extended = v->o.extended;
    v->line.pieces = v->o.pieces;
    v->line.t0 = v->o.t0;
    v->card.reset = piv_reset;
    v->card.apdu = piv_apdu;
    v->card.free = piv_free;
    v->card.verified = piv_verified;
    v->card.pin = piv_pin;
    v->card.select_other = sim_piv_select_other;
    set_atr(v);
    sim_random_start(&v->random);
    return &v->card;
}

// ---- What tests ask ----

unsigned sim_piv_verifies(const struct sim_card *card)   { return card->verifies; }
unsigned sim_piv_signatures(const struct sim_card *card) { return card->signatures; }
int sim_piv_tries(const struct sim_card *card)           { return ((const struct piv *)card)->tries; }
int sim_piv_puk_tries(const struct sim_card *card) { return ((const struct piv *)card)->puk_tries; }

void sim_piv_miss_touches(struct sim_card *card, unsigned n)
{
    ((struct piv *)card)->missed_touches = n;
}

// 53 { 70 certificate, 71 not compressed, FE }.
bool sim_piv_load_9a(struct sim_piv_options *options, const char *path)
{
    static uint8_t object[8192];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(object + 8, 1, sizeof object - 13, f) : 0, all = n + 9;
    if (f) fclose(f);
    if (n < 256) return false;
    const uint8_t head[] = { 0x53, 0x82, (uint8_t)(all >> 8), (uint8_t)all, 0x70, 0x82,
                             (uint8_t)(n >> 8), (uint8_t)n };
    memcpy(object, head, sizeof head);
    memcpy(object + 8 + n, "\x71\x01\x00\xfe", 5);
    options->object = object;
    options->object_len = n + 13;
    options->object_tag = 0x5fc105;
    return true;
}

const uint8_t *sim_piv_certificate(enum sim_key key, size_t *len)
{
    *len = sim_key_data(key)->certificate_len;
    return sim_key_data(key)->certificate;
}

void sim_piv_select_other(struct sim_card *card) { leave((struct piv *)card); }

bool sim_piv_admin(const struct sim_card *card) { return ((const struct piv *)card)->admin; }

unsigned sim_piv_wrong_answers(const struct sim_card *card)
{
    return ((const struct piv *)card)->wrong_answers;
}

unsigned sim_piv_writes(const struct sim_card *card) { return ((const struct piv *)card)->writes; }

bool sim_piv_object(struct sim_card *card, uint32_t tag, uint8_t digest[32])
{
    struct sim_answer *a = calloc(1, sizeof *a);
    if (!a) abort();
    bool there = put_object((struct piv *)card, tag, a);
    mbedtls_sha256(a->out, a->n, digest, 0);
    free(a);
    return there;
}

enum sim_origin sim_piv_origin(struct sim_card *card, uint8_t ref)
{
    const struct key *k = find_key((struct piv *)card, ref);
    return k ? (enum sim_origin)k->origin : SIM_NOT_THERE;
}

mbedtls_pk_context *sim_piv_pk(struct sim_card *card, uint8_t ref)
{
    struct key *k = find_key((struct piv *)card, ref);
    return k && !is_25519(k->algorithm) ? pk_of(k) : NULL;
}
