// sim_piv.c: a simulated PIV card; sim_piv.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// Written from SP 800-73-4 part 2 and Yubico's description of its extensions, not from what scard11
// sends. It is proven by programs that know nothing of scard11: tests/pcsc/witness.sh.
#include "sim_piv.h"
#include <stdlib.h>
#include <string.h>

// SP 800-78-5 table 6-2, and Yubico's for 25519.
static uint8_t algorithm_of(enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    if (key == SIM_ED25519) return 0xe0;
    if (key == SIM_X25519) return 0xe1;
    if (!d->rsa) return d->bits == 256 ? 0x11 : 0x14;
    return d->bits == 1024 ? 0x06 : d->bits == 2048 ? 0x07 : d->bits == 3072 ? 0x05 : 0x16;
}

struct piv {
    struct sim_card card;
    struct sim_piv_options o;
    struct sim_piv_key keys[24];
    unsigned n_keys;
    char pin[9], puk[9], own[9];    // own: the application's, where pin is the global one
    uint8_t tries, puk_tries, own_tries;
    bool selected;                  // PIV; else another application, or none yet
    bool verified, fresh;           // fresh: VERIFY was the command before
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

static const struct sim_piv_key *find_key(const struct piv *v, uint8_t ref)
{
    for (unsigned i = 0; i < v->n_keys; i++)
        if (v->keys[i].ref == ref) return &v->keys[i];
    return NULL;
}

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

static unsigned get_object(struct piv *v, uint32_t tag, struct sim_answer *a)
{
    static const uint8_t ccc[] = { 0x53, 0x33, 0xf0, 0x15, 0xa0, 0x00, 0x00, 0x01, 0x16, 0xff,
                                   0x02, 1, 2, 3, 4, 5, 6, 7, 8,
        9, 10, 11, 12, 13, 14, 0xf1, 0x01, 0x21, 0xf2, 0x01, 0x21, 0xf3, 0x00, 0xf4, 0x01, 0x00,
            0xf5, 0x01, 0x10, 0xf6,
        0x00, 0xf7, 0x00, 0xfa, 0x00, 0xfb, 0x00, 0xfc, 0x00, 0xfd, 0x00, 0xfe, 0x00 };
    if (v->o.object && tag == v->o.object_tag) {
        sim_put(a, v->o.object, v->o.object_len);
        return 0x9000;
    }
    for (unsigned i = 0; i < v->n_keys; i++) {
        if (certificate_object(v->keys[i].ref) != tag || v->keys[i].no_certificate) continue;
        put_certificate(a, v, &v->keys[i]);
        return 0x9000;
    }
    if (tag == 0x7e && v->o.discovery) return put_discovery(a, v), 0x9000;
    if (tag == 0x5fc102 && !v->o.no_chuid) return put_chuid(a, v), 0x9000;
    if (tag == 0x5fc10c && !v->o.no_history) return put_history(a, v), 0x9000;
    if (tag == 0x5fc107) return sim_put(a, ccc, sizeof ccc), 0x9000;
    if (tag == 0x5fc109) {
        if (!v->verified) return 0x6982;
        sim_put_tlv(a, 0x53, "\x01\x0cTest Subject\xfe\x00", 16);
        return 0x9000;
    }
    if (tag == 0x5fff01 && yubikey_has(v, SIM_NO_ATTESTATION)) {
        put_certificate(a, v, &(struct sim_piv_key){ 0xf9, SIM_RSA2048A, false, false,
                                                     SIM_PIN_NEVER });
        return 0x9000;
    }
    return 0x6a82;
}

static unsigned get_data(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    size_t n;
    uint32_t tag = 0;
    const uint8_t *name = sim_get_tlv(c->data, c->n, 0x5c, &n);
    if (c->p1 != 0x3f || c->p2 != 0xff) return 0x6a86;
    if (!name || !n || n > 3) return 0x6a80;
    while (n--) tag = tag << 8 | *name++;
    return get_object(v, tag, a);
}

// ---- Selecting ----

static unsigned select_application(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 != 0x04) return 0x6a86;
    if (c->n == sizeof other_aid && !memcmp(c->data, other_aid, c->n)) {
        v->selected = v->verified = false;
        return 0x9000;
    }
    if (c->n < 5 || c->n > sizeof aid || memcmp(c->data, aid, c->n)) return 0x6a82;
    if (!v->selected || !v->o.keeps_login) v->verified = false;
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
        *tries = 3;
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
    v->tries = 3;
    return sw;
}

// ---- Keys ----

static enum sim_policy policy_of(const struct piv *v, const struct sim_piv_key *k)
{
    if (k->policy) return k->policy;
    if (k->ref == v->o.consent_key) return SIM_PIN_ALWAYS;
    return k->ref == 0x9e ? SIM_PIN_NEVER : k->ref == 0x9c ? SIM_PIN_ALWAYS : SIM_PIN_ONCE;
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

// The raw private key of Ed25519 and X25519 is the end of their PKCS#8.
static unsigned use_25519(enum sim_key k, bool agree, const uint8_t *in, size_t n,
                          struct sim_answer *a)
{
    const struct sim_key_data *d = sim_key_data(k);
    const uint8_t *key = d->key + d->key_len - 32;
    if (agree != (k == SIM_X25519)) return 0x6a80;
    return in_template(agree ? sim_x25519(key, in, n, a) : sim_ed25519(key, in, n, a), a);
}

static unsigned use_key(struct piv *v, enum sim_key k, bool agree, const uint8_t *in, size_t n,
                        struct sim_answer *a)
{
    mbedtls_pk_context pk;
    if (algorithm_of(k) >= 0xe0) return use_25519(k, agree, in, n, a);
    sim_key_parse(&pk, sim_key_data(k));
    unsigned sw = sim_is_rsa(&pk) ? agree ? 0x6a80u : use_rsa(v, &pk, in, n, a)
                  : agree ? agree_ec(v, &pk, in, n, a) : sign_ec(v, &pk, in, n, a);
    mbedtls_pk_free(&pk);
    return sw;
}

static unsigned general_authenticate(struct piv *v, const struct sim_command *c,
                                     struct sim_answer *a, bool fresh)
{
    const struct sim_piv_key *k = find_key(v, c->p2);
    size_t n, in_len;
    const uint8_t *template = sim_get_tlv(c->data, c->n, 0x7c, &n), *in;
    if (!k) return 0x6a88;
    if (algorithm_of(k->key) != c->p1) return 0x6a86;
    if (!template) return 0x6a80;
    enum sim_policy policy = policy_of(v, k);
    if (policy != SIM_PIN_NEVER && !v->verified) return 0x6982;
    bool always = policy == SIM_PIN_ALWAYS || policy == SIM_MATCH_ALWAYS;
    if (always && !fresh) return 0x6982;
    if (k->ref == v->o.touch_key && v->missed_touches) return v->missed_touches--, 0x6982;
    v->card.signatures++;
    in = sim_get_tlv(template, n, 0x81, &in_len);
    if (in) return use_key(v, k->key, false, in, in_len, a);
    in = sim_get_tlv(template, n, 0x85, &in_len);
    return in ? use_key(v, k->key, true, in, in_len, a) : 0x6a80;
}

// ---- YubiKey ----

static void put_public_key(struct sim_answer *a, enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    mbedtls_pk_context pk;
    uint8_t n[512], e[3], point[133];
    size_t len;
    // the end of the certificate's SPKI, wherever that is
    if (algorithm_of(key) >= 0xe0) {
        static const uint8_t oid[] = { 0x2b, 0x65 };
        for (size_t i = 0; i + 40 < d->certificate_len; i++)
            if (!memcmp(d->certificate + i, oid, 2) && d->certificate[i + 3] == 0x03 &&
                d->certificate[i + 4] == 0x21) {
                sim_put_head(a, 0x04, 34);
                sim_put_tlv(a, 0x86, d->certificate + i + 6, 32);
                return;
            }
        abort();
    }
    sim_key_parse(&pk, d);
    if (mbedtls_pk_can_do(&pk, MBEDTLS_PK_RSA)) {
        len = mbedtls_rsa_get_len(mbedtls_pk_rsa(pk));
        if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(pk), n, len, NULL, 0, NULL, 0, NULL, 0, e,
                                   3)) abort();
        sim_put_head(a, 0x04, head_size(0x81, len) + len + 5);
        sim_put_tlv(a, 0x81, n, len);
        sim_put_tlv(a, 0x82, e, 3);
    } else {
        mbedtls_ecp_keypair *ec = mbedtls_pk_ec(pk);
        mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                       point, sizeof point);
        sim_put_head(a, 0x04, head_size(0x86, len) + len);
        sim_put_tlv(a, 0x86, point, len);
    }
    mbedtls_pk_free(&pk);
}

static unsigned metadata(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    const struct sim_piv_key *k = find_key(v, c->p2);
    if (c->p2 == 0x80 || c->p2 == 0x81) {
        const uint8_t tries[2] = { 3, (uint8_t)(c->p2 == 0x80 ? v->tries : v->puk_tries) };
        sim_put_tlv(a, 0x01, "\xff", 1);
        sim_put_tlv(a, 0x05, "\x01", 1);
        sim_put_tlv(a, 0x06, tries, 2);
        return 0x9000;
    }
    if (!k) return 0x6a88;
    // touch: 1 never, 2 always
    const uint8_t policy[2] = { (uint8_t)policy_of(v, k), k->ref == v->o.touch_key ? 2 : 1 };
    const uint8_t algorithm = algorithm_of(k->key);
    sim_put_tlv(a, 0x01, &algorithm, 1);
    sim_put_tlv(a, 0x02, policy, 2);
    sim_put_tlv(a, 0x03, "\x01", 1);
    put_public_key(a, k->key);
    return 0x9000;
}

// F9: a certificate of the key, which the card's attestation key signed. Who only looks for the
// public key finds it in any certificate.
static unsigned attest(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    const struct sim_piv_key *k = find_key(v, c->p1);
    if (c->p2) return 0x6a86;
    if (!k) return 0x6a80;
    sim_put(a, sim_key_data(k->key)->certificate, sim_key_data(k->key)->certificate_len);
    return 0x9000;
}

static unsigned yubikey(struct piv *v, const struct sim_command *c, struct sim_answer *a)
{
    if (c->ins == 0xf7 && yubikey_has(v, SIM_NO_METADATA)) return metadata(v, c, a);
    if (c->ins == 0xf9 && yubikey_has(v, SIM_NO_ATTESTATION)) return attest(v, c, a);
    if (c->ins == 0xf8 && yubikey_has(v, SIM_NO_SERIAL))
        return sim_put(a, "\0\x12\x34\x56", 4), 0x9000;
    if (c->ins == 0xfd && v->o.yubikey) return sim_put(a, "\x05\x04\x03", 3), 0x9000;
    return 0x6d00;
}

// ---- Commands in and answers out ----

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct piv *v = card;
    bool fresh = v->fresh;
    v->fresh = false;
    if (c->ins == 0xa4) return select_application(v, c, a);
    if (!v->selected && sim_is_secret(c)) sim_saw_stray(&v->card);
    if (!v->selected) return 0x6d00;
    switch (c->ins) {
    case 0xcb: return get_data(v, c, a);
    case 0x20: return verify(v, c);
    case 0x24: return change_pin(v, c);
    case 0x2c: return unblock(v, c);
    case 0x87: return general_authenticate(v, c, a, fresh);
    default:   return yubikey(v, c, a);
    }
}

static size_t piv_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                       size_t room)
{
    struct piv *v = (struct piv *)card;
    (void)room;
    card->apdus++;
    return sim_line_apdu(&v->line, v, run, false, cmd, n, rsp);
}

static void piv_reset(struct sim_card *card)
{
    struct piv *v = (struct piv *)card;
    v->selected = v->verified = v->fresh = false;
    sim_line_reset(&v->line);
}

static bool piv_verified(const struct sim_card *card) { return ((const struct piv *)card)->verified; }

static struct sim_pin piv_pin(struct sim_card *card, unsigned index)
{
    struct piv *v = (struct piv *)card;
    (void)index;
    return (struct sim_pin){ &v->tries, &v->verified };
}

static void piv_free(struct sim_card *card)
{
    struct piv *v = (struct piv *)card;
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

struct sim_card *sim_piv_new(const struct sim_piv_options *options)
{
    static const struct sim_piv_key usual[2][4] = {
        { { 0x9a, SIM_RSA2048A, false, false, 0 }, { 0x9c, SIM_P256A, false, false, 0 },
          { 0x9d, SIM_RSA2048B, false, false, 0 }, { 0x9e, SIM_P256B, false, false, 0 } },
        { { 0x9a, SIM_RSA2048B, false, false, 0 }, { 0x9c, SIM_P256B, false, false, 0 },
          { 0x9d, SIM_RSA2048A, false, false, 0 }, { 0x9e, SIM_P256A, false, false, 0 } },
    };
    struct piv *v = calloc(1, sizeof *v);
    if (!v) abort();
    if (options) v->o = *options;
    const struct sim_piv_key *keys = v->o.keys ? v->o.keys : usual[v->o.second];
    v->n_keys = v->o.keys ? v->o.n_keys : 4;
    if (v->n_keys > sizeof v->keys / sizeof *v->keys) abort();
    if (v->n_keys) memcpy(v->keys, keys, v->n_keys * sizeof *keys);
    strcpy(v->pin, "123456");
    strcpy(v->puk, "12345678");
    strcpy(v->own, "87654321");
    v->tries = v->puk_tries = 3;
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

const uint8_t *sim_piv_certificate(enum sim_key key, size_t *len)
{
    *len = sim_key_data(key)->certificate_len;
    return sim_key_data(key)->certificate;
}

void sim_piv_select_other(struct sim_card *card)
{
    struct piv *v = (struct piv *)card;
    v->selected = v->verified = v->fresh = false;
    sim_line_reset(&v->line);
}
