// sim_openpgp.c: a simulated OpenPGP card; sim_openpgp.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// Written from "Functional Specification of the OpenPGP application on ISO Smart Card Operating
// Systems" 3.4.1 and, for what cards make of it, from recordings of such cards; not from what
// scard11 sends. It is proven by GnuPG and OpenSC: tests/pcsc/witness.sh.
#include "sim_openpgp.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof *(a))

enum { MODE_CDS, MODE_OTHER, MODES };       // PW1's references 81 and 82

// ---- What is on the card ----

// A password: PW1, PW3, or the reset code.
struct password {
    uint8_t value[64];
    size_t n;                       // 0: it is not set
    uint8_t left;
    bool verified;
};

struct key {
    uint8_t attributes[20];         // algorithm attributes, C1 to C3
    size_t attributes_len;
    uint8_t origin;                 // as DE has it: 0 no key, 1 generated, 2 imported
    mbedtls_pk_context pk;
    uint8_t raw[32];                // of curve 25519
    uint8_t fingerprint[20], ca[20], date[4], uif;
};

// A data object that is stored as it comes. Who may write it, and read it.
enum right { ALWAYS, USER, ADMIN, NEVER };
static const struct { uint16_t tag; enum right read, write; } stored[] = {
    { 0x5b, NEVER, ADMIN }, { 0x5f2d, NEVER, ADMIN }, { 0x5f35, NEVER, ADMIN },    // in 65
    { 0x5e, ALWAYS, ADMIN }, { 0x5f50, ALWAYS, ADMIN },
    { 0x0101, ALWAYS, USER }, { 0x0102, ALWAYS, ADMIN },
    { 0x0103, USER, USER }, { 0x0104, ADMIN, ADMIN },
};

struct value {
    uint8_t p[2048];
    size_t n;
};

struct openpgp {
    struct sim_card card;
    struct sim_openpgp_options o;
    uint8_t aid[16];
    struct password pw1, pw3, rc;
    bool mode[MODES];               // of PW1, when it is verified
    struct key keys[3];
    unsigned aut, dec;              // the keys for INTERNAL AUTHENTICATE and DECIPHER
    uint32_t signatures;            // 93
    struct value values[COUNT(stored)];
    struct value certificates[3];   // by occurrence: AUT, DEC, SIG
    struct value kdf;
    bool once;                      // C4
    unsigned occurrence;            // as SELECT DATA and GET NEXT DATA have it
    bool read;                      // GET DATA gave that one
    bool selected, terminated;
    unsigned missed_touches;
    struct sim_line line;
    struct sim_random random;
};

static const uint8_t other_aid[] = { 0xa0, 0x00, 0x00, 0x09, 0x99, 0x00, 0x01 };

static bool since(const struct openpgp *v, unsigned version) { return v->o.version >= version; }

static struct value *value_of(struct openpgp *v, unsigned tag)
{
    for (size_t i = 0; i < COUNT(stored); i++)
        if (stored[i].tag == tag) return &v->values[i];
    return NULL;
}

static void set_value(struct value *to, const void *p, size_t n)
{
    if (n) memcpy(to->p, p, n);
    to->n = n;
}

// ---- Algorithms ----

enum type { RSA, EC, ED25519, X25519 };

static const struct curve {
    uint8_t oid[11], oid_len;
    enum type type;
    mbedtls_ecp_group_id group;
} curves[] = {
    { { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 8, EC, MBEDTLS_ECP_DP_SECP256R1 },
    { { 0x2b, 0x81, 0x04, 0x00, 0x22 }, 5, EC, MBEDTLS_ECP_DP_SECP384R1 },
    { { 0x2b, 0x81, 0x04, 0x00, 0x23 }, 5, EC, MBEDTLS_ECP_DP_SECP521R1 },
    { { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 0x07 }, 9, EC, MBEDTLS_ECP_DP_BP256R1 },
    { { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 0x0b }, 9, EC, MBEDTLS_ECP_DP_BP384R1 },
    { { 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 0x0d }, 9, EC, MBEDTLS_ECP_DP_BP512R1 },
    { { 0x2b, 0x81, 0x04, 0x00, 0x0a }, 5, EC, MBEDTLS_ECP_DP_SECP256K1 },
    { { 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1 }, 9, ED25519, MBEDTLS_ECP_DP_NONE },
    { { 0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1 }, 10, X25519, MBEDTLS_ECP_DP_NONE },
};

static const struct curve *curve_of(const struct key *k)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        if (k->attributes_len > curves[i].oid_len &&
            !memcmp(k->attributes + 1, curves[i].oid, curves[i].oid_len)) return &curves[i];
    return NULL;
}

static enum type type_of(const struct key *k)
{
    return *k->attributes == 0x01 ? RSA : curve_of(k)->type;
}

static size_t rsa_attributes(uint8_t *p, size_t bits)
{
    const uint8_t attributes[6] = { 0x01, (uint8_t)(bits >> 8), (uint8_t)bits, 0x00, 0x20, 0x00 };
    memcpy(p, attributes, 6);
    return 6;
}

// 12 ECDH, 13 ECDSA, 16 EdDSA; then the curve.
static size_t ec_attributes(const struct openpgp *v, unsigned slot, const struct curve *c,
                            uint8_t *p)
{
    size_t n = 1u + c->oid_len;
    p[0] = c->type == ED25519 ? 0x16 : slot == SIM_DEC ? 0x12 : 0x13;
    memcpy(p + 1, c->oid, c->oid_len);
    if (v->o.trailing_00) p[n++] = 0x00;
    if (v->o.trailing_ff) p[n++] = 0xff;
    return n;
}

static void clear_key(struct key *k)
{
    mbedtls_pk_free(&k->pk);
    mbedtls_pk_init(&k->pk);
    k->origin = 0;
}

// Attributes that the card knows: the key that was there is gone.
static unsigned set_attributes(struct openpgp *v, unsigned slot, const uint8_t *p, size_t n)
{
    struct key *k = &v->keys[slot], fresh = *k;
    if (!n || n > sizeof fresh.attributes) return 0x6a80;
    memcpy(fresh.attributes, p, n);
    fresh.attributes_len = n;
    const struct curve *c = *p == 0x01 ? NULL : curve_of(&fresh);
    unsigned bits = n > 2 ? (unsigned)p[1] << 8 | p[2] : 0;
    if (*p == 0x01 && (n < 5 || bits < 2048 || bits > 4096 || bits % 1024)) return 0x6a80;
    if (*p != 0x01 && !c) return 0x6a80;
    clear_key(k);
    memcpy(k->attributes, p, n);
    k->attributes_len = n;
    return 0x9000;
}

static void put_algorithms(const struct openpgp *v, struct sim_answer *a)
{
    uint8_t p[20];
    for (unsigned slot = 0; slot < 3; slot++) {
        for (size_t bits = 2048; bits <= 4096; bits += 1024)
            sim_put_tlv(a, 0xc1 + slot, p, rsa_attributes(p, bits));
        for (size_t i = 0; i < COUNT(curves); i++) {
            if (curves[i].type == (slot == SIM_DEC ? ED25519 : X25519)) continue;
            sim_put_tlv(a, 0xc1 + slot, p, ec_attributes(v, slot, &curves[i], p));
        }
    }
}

// ---- Passwords ----

// 4.3.2: what is sent for a PIN: the hash of count bytes of salt and PIN, over and over.
static size_t derive(mbedtls_md_type_t md, const uint8_t *salt, size_t count, const char *pin,
                     uint8_t *out)
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    uint8_t both[8 + 64];
    size_t n = 8 + strlen(pin);
    mbedtls_md_context_t c;
    memcpy(both, salt, 8);
    memcpy(both + 8, pin, n - 8);
    mbedtls_md_init(&c);
    if (mbedtls_md_setup(&c, info, 0) || mbedtls_md_starts(&c)) abort();
    for (size_t part; count; count -= part) {
        part = count < n ? count : n;
        if (mbedtls_md_update(&c, both, part)) abort();
    }
    if (mbedtls_md_finish(&c, out)) abort();
    mbedtls_md_free(&c);
    return mbedtls_md_get_size(info);
}

static void set_password(struct password *pw, const void *p, size_t n)
{
    memcpy(pw->value, p, n);
    pw->n = n;
    pw->left = n ? 3 : 0;
    pw->verified = false;
}

// PW1 and PW3 as they come, derived where a KDF is set.
static void set_usual_passwords(struct openpgp *v)
{
    static const char *const usual[3] = { "123456", "87654321", "12345678" };
    struct password *const pws[3] = { &v->pw1, &v->rc, &v->pw3 };
    static const uint8_t salts[3][8] = { "salt one", "salt two", "salt thr" };
    mbedtls_md_type_t md = v->o.kdf_sha512 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_SHA256;
    struct sim_answer *a = calloc(1, sizeof *a);
    uint8_t hash[3][64];
    size_t n = 0;
    if (!a) abort();
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *salt = salts[v->o.kdf_single ? 0 : i];
        n = derive(md, salt, 100000, usual[i], hash[i]);
        if (i == 1 && !v->o.reset_code) continue;
        if (v->o.kdf) set_password(pws[i], hash[i], n);
        else set_password(pws[i], usual[i], strlen(usual[i]));
    }
    sim_put_tlv(a, 0x81, v->o.kdf ? "\x03" : "\x00", 1);
    if (v->o.kdf) {
        sim_put_tlv(a, 0x82, v->o.kdf_sha512 ? "\x0a" : "\x08", 1);
        sim_put_tlv(a, 0x83, "\x00\x01\x86\xa0", 4);
        for (unsigned i = 0; i < (v->o.kdf_single ? 1u : 3u); i++)
            sim_put_tlv(a, 0x84 + i, salts[i], 8);
        sim_put_tlv(a, 0x87, hash[0], n);
        sim_put_tlv(a, 0x88, hash[2], n);
    }
    set_value(&v->kdf, a->out, a->n);
    free(a);
}

static bool user(const struct openpgp *v, unsigned mode)
{
    return v->pw1.verified && v->mode[mode];
}

static bool allowed(const struct openpgp *v, enum right right)
{
    return right == ALWAYS || (right == USER && user(v, MODE_OTHER)) ||
        (right == ADMIN && v->pw3.verified);
}

static void end_mode(struct openpgp *v, unsigned mode)
{
    v->mode[mode] = false;
    if (!v->mode[MODE_CDS] && !v->mode[MODE_OTHER]) v->pw1.verified = false;
}

static void end_logins(struct openpgp *v)
{
    v->pw1.verified = v->pw3.verified = v->mode[MODE_CDS] = v->mode[MODE_OTHER] = false;
}

static size_t least(const struct openpgp *v, const struct password *pw)
{
    return pw == &v->pw1 ? 6 : 8;
}

static unsigned wrong(struct openpgp *v, struct password *pw)
{
    pw->left--;
    sim_took_try(&v->card);
    return v->o.says_tries && pw->left ? 0x63c0u | pw->left : v->o.says_tries ? 0x6983 : 0x6982;
}

// What begins with the password; more follows where whole is not set.
static unsigned check(struct openpgp *v, struct password *pw, const uint8_t *p, size_t n,
                      bool whole)
{
    if (!pw->left) return 0x6983;
    if (whole ? n != pw->n : n < pw->n) return wrong(v, pw);
    if (memcmp(p, pw->value, pw->n)) return wrong(v, pw);
    pw->left = 3;
    return 0x9000;
}

static struct password *password_of(struct openpgp *v, uint8_t ref)
{
    return ref == 0x81 || ref == 0x82 ? &v->pw1 : ref == 0x83 ? &v->pw3 : NULL;
}

// An empty VERIFY.
static unsigned status(struct openpgp *v, uint8_t ref)
{
    struct password *pw = password_of(v, ref);
    unsigned mode = ref == 0x82 ? MODE_OTHER : MODE_CDS;
    bool in = pw->verified && (ref == 0x83 || v->mode[mode] || v->o.empty_ends);
    if (v->o.no_status) return 0x6700;
    if (ref != 0x83 && v->o.empty_ends) v->mode[mode] = false;
    return in ? 0x9000 : pw->left ? 0x63c0u | pw->left : 0x6983u;
}

static unsigned verify(struct openpgp *v, const struct sim_command *c)
{
    struct password *pw = password_of(v, c->p2);
    unsigned mode = c->p2 == 0x82 ? MODE_OTHER : MODE_CDS;
    if (!pw) return 0x6a88;
    if (c->p1 == 0xff && !c->n && since(v, 0x0301)) {
        if (c->p2 == 0x83) v->pw3.verified = false;
        else end_mode(v, mode);
        return 0x9000;
    }
    if (c->p1) return 0x6a86;
    if (!c->n) return status(v, c->p2);
    v->card.verifies++;
    bool fits = c->n >= least(v, pw) && c->n <= sizeof pw->value;
    if (!fits && !v->o.length_costs) return 0x6700;
    unsigned sw = check(v, pw, c->data, c->n, true);
    bool good = sw == 0x9000;
    if (c->p2 == 0x83) return v->pw3.verified = good, sw;
    if (!good) return end_mode(v, mode), sw;
    if (!v->pw1.verified) v->mode[MODE_CDS] = v->mode[MODE_OTHER] = false;
    v->pw1.verified = v->mode[mode] = true;
    return sw;
}

// The old password and the new one, with nothing between.
static unsigned change(struct openpgp *v, const struct sim_command *c)
{
    struct password *pw = c->p2 == 0x82 ? NULL : password_of(v, c->p2);
    if (!pw) return 0x6a88;
    if (c->p1) return 0x6a86;
    unsigned sw = check(v, pw, c->data, c->n, false);
    if (sw != 0x9000) return sw;
    size_t n = c->n - pw->n;
    if (n < least(v, pw) || n > sizeof pw->value) return 0x6700;
    memmove(pw->value, c->data + pw->n, n);
    pw->n = n;
    if (v->o.change_ends && pw == &v->pw1) v->pw1.verified = false;
    if (v->o.change_ends && pw == &v->pw3) v->pw3.verified = false;
    return 0x9000;
}

// P1 00: the reset code and the new PW1; 02: the new PW1, with PW3 verified.
static unsigned unblock(struct openpgp *v, const struct sim_command *c)
{
    size_t old = 0;
    if (c->p2 != 0x81) return 0x6a88;
    if (c->p1 != 0x00 && c->p1 != 0x02) return 0x6a86;
    if (c->p1 == 0x02 && !v->pw3.verified) return 0x6982;
    if (c->p1 == 0x00) {
        unsigned sw = check(v, &v->rc, c->data, c->n, false);
        if (sw != 0x9000) return sw;
        old = v->rc.n;
    }
    size_t n = c->n - old;
    if (n < least(v, &v->pw1) || n > sizeof v->pw1.value) return 0x6700;
    set_password(&v->pw1, c->data + old, n);
    return 0x9000;
}

// ---- Data objects ----

static void put_historical(const struct openpgp *v, struct sim_answer *a)
{
    const uint8_t capabilities = (uint8_t)((v->o.no_chaining ? 0 : 0x80) |
                                           (v->o.short_only ? 0 : 0x40) |
                                           (since(v, 0x0300) && !v->o.short_only ? 0x10 : 0));
    sim_put(a, "\x00\x31\xc5\x73\xc0\x01", 6);
    sim_put(a, &capabilities, 1);
    sim_put(a, since(v, 0x0300) ? "\x05\x90\x00" : "\x00\x90\x00", 3);
}

// C0. Below 3.0 bytes 7 to 10 are the longest command and answer.
static void put_capabilities(const struct openpgp *v, struct sim_answer *a)
{
    bool kdf = since(v, 0x0303), three = since(v, 0x0300);
    const uint8_t p[10] = { (uint8_t)(0x7c | kdf), 0x00, 0x00, 0xff, 0x08, 0x00,
                            three ? 0x00 : 0x08, three ? 0xff : 0x00, three ? 0x00 : 0x08,
                            three ? v->o.swaps : 0x00 };
    sim_put(a, p, sizeof p);
}

static void put_status(const struct openpgp *v, struct sim_answer *a)
{
    const uint8_t most = sizeof v->pw1.value, p[7] = { !v->once, most, most, most, v->pw1.left,
                                                       v->rc.left, v->pw3.left };
    sim_put(a, p, sizeof p);
}

static void put_key_information(const struct openpgp *v, struct sim_answer *a)
{
    for (uint8_t i = 0; i < 3; i++)
        sim_put(a, (uint8_t[]){ (uint8_t)(i + 1), v->keys[i].origin }, 2);
}

static bool has_button(const struct openpgp *v) { return v->o.button && since(v, 0x0300); }

// The content of a simple DO of 6E and 73. Returns whether the card has it.
static bool put_simple(const struct openpgp *v, unsigned tag, struct sim_answer *a)
{
    switch (tag) {
    case 0x4f:   return sim_put(a, v->aid, sizeof v->aid), true;
    case 0x5f52: return put_historical(v, a), true;
    case 0x7f66: return sim_put(a, "\x02\x02\x08\x00\x02\x02\x08\x00", 8),
                        since(v, 0x0300) && !v->o.short_only;
    case 0x7f74: return sim_put(a, "\x81\x01\x20", 3), has_button(v);
    case 0xc0:   return put_capabilities(v, a), true;
    case 0xc1:
    case 0xc2:
    case 0xc3:
        sim_put(a, v->keys[tag - 0xc1].attributes, v->keys[tag - 0xc1].attributes_len);
        return true;
    case 0xc4:   return put_status(v, a), true;
    case 0xc5:
        for (unsigned i = 0; i < 3; i++) sim_put(a, v->keys[i].fingerprint, 20);
        return true;
    case 0xc6:
        for (unsigned i = 0; i < 3; i++) sim_put(a, v->keys[i].ca, 20);
        return true;
    case 0xcd:
        for (unsigned i = 0; i < 3; i++) sim_put(a, v->keys[i].date, 4);
        return true;
    case 0xd6:
    case 0xd7:
    case 0xd8:
        sim_put(a, (uint8_t[]){ v->keys[tag - 0xd6].uif, 0x20 }, 2);
        return has_button(v);
    case 0xde:   return put_key_information(v, a), since(v, 0x0304);
    default:     return false;
    }
}

static bool put_one(const struct openpgp *v, unsigned tag, struct sim_answer *a)
{
    size_t from = a->n;
    if (!put_simple(v, tag, a)) return a->n = from, false;
    sim_wrap(a, from, tag);
    return true;
}

static void put_discretionary(const struct openpgp *v, struct sim_answer *a)
{
    static const uint8_t tags[] = { 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xcd, 0xde, 0xd6,
                                    0xd7, 0xd8 };
    for (size_t i = 0; i < sizeof tags; i++) put_one(v, tags[i], a);
}

static void put_application(const struct openpgp *v, struct sim_answer *a)
{
    static const uint16_t tags[] = { 0x4f, 0x5f52, 0x7f66, 0x7f74 };
    for (size_t i = 0; i < COUNT(tags); i++) put_one(v, tags[i], a);
    size_t from = a->n;
    put_discretionary(v, a);
    sim_wrap(a, from, 0x73);
}

static void put_cardholder(struct openpgp *v, struct sim_answer *a)
{
    static const uint16_t tags[] = { 0x5b, 0x5f2d, 0x5f35 };
    for (size_t i = 0; i < COUNT(tags); i++)
        sim_put_tlv(a, tags[i], value_of(v, tags[i])->p, value_of(v, tags[i])->n);
}

// What consists of others, with its own tag unless the card leaves it out.
static bool put_constructed(struct openpgp *v, unsigned tag, struct sim_answer *a)
{
    const uint8_t count[3] = { (uint8_t)(v->signatures >> 16), (uint8_t)(v->signatures >> 8),
                               (uint8_t)v->signatures };
    if (tag == 0x6e) put_application(v, a);
    else if (tag == 0x65) put_cardholder(v, a);
    else if (tag == 0x7a) sim_put_tlv(a, 0x93, count, 3);
    else return false;
    if (!v->o.bare) sim_wrap(a, 0, tag);
    return true;
}

static unsigned get_certificate(struct openpgp *v, struct sim_answer *a)
{
    const struct value *value = &v->certificates[v->occurrence];
    if (v->o.select_data_once) v->occurrence = 0;
    v->read = true;
    if (!value->n && v->o.missing) return 0x6a88;
    sim_put(a, value->p, value->n);
    if (v->o.stamp && value->n > 8) memcpy(a->out + a->n - 8, v->o.stamp, 8);
    return 0x9000;
}

// What stands in 73 alone.
static bool is_discretionary(unsigned tag)
{
    return tag >= 0xc0 && tag <= 0xd8 && tag != 0xc4;
}

static unsigned get_data(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    unsigned tag = (unsigned)c->p1 << 8 | c->p2;
    bool own = v->o.own_tag && ((tag >= 0xc1 && tag <= 0xc3) || tag == 0xde || tag == 0x7f66);
    if (tag == 0x7f21) return get_certificate(v, a);
    if (put_constructed(v, tag, a)) return 0x9000;
    if (tag == 0xf9 && since(v, 0x0303)) return sim_put(a, v->kdf.p, v->kdf.n), 0x9000;
    if (tag == 0xfa && since(v, 0x0304)) return put_algorithms(v, a), 0x9000;
    if (v->o.only_6e && (is_discretionary(tag) || tag == 0x73)) return 0x6a88;
    if (tag == 0x73) return put_discretionary(v, a), 0x9000;
    if (own ? put_one(v, tag, a) : put_simple(v, tag, a)) return 0x9000;
    a->n = 0;
    for (size_t i = 0; i < COUNT(stored); i++) {
        if (stored[i].tag != tag || stored[i].read == NEVER) continue;
        if (!allowed(v, stored[i].read)) return 0x6982;
        return sim_put(a, v->values[i].p, v->values[i].n), 0x9000;
    }
    return 0x6a88;
}

static unsigned get_next(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 != 0x7f || c->p2 != 0x21 || !since(v, 0x0300)) return 0x6a88;
    if (!v->read) return 0x6985;
    if (v->occurrence == 2) return 0x6a88;
    v->occurrence++;
    return get_certificate(v, a);
}

// SELECT DATA: the occurrence in P1, {60 {5C 7F21}}.
static unsigned select_data(struct openpgp *v, const struct sim_command *c)
{
    static const uint8_t name[] = { 0x06, 0x60, 0x04, 0x5c, 0x02, 0x7f, 0x21 };
    unsigned skip = v->o.select_data_06 ? 0 : 1;
    if (!since(v, 0x0300)) return 0x6d00;
    if (c->p2 != 0x04) return 0x6a86;
    if (c->n != sizeof name - skip || memcmp(c->data, name + skip, c->n)) return 0x6a80;
    if (c->p1 > 2) return 0x6a88;
    v->occurrence = c->p1;
    v->read = false;
    return 0x9000;
}

// ---- Storing data objects ----

static unsigned put_kdf(struct openpgp *v, const uint8_t *p, size_t n)
{
    size_t len, user_len, admin_len;
    const uint8_t *algorithm = sim_get_tlv(p, n, 0x81, &len);
    const uint8_t *user_hash = sim_get_tlv(p, n, 0x87, &user_len);
    const uint8_t *admin_hash = sim_get_tlv(p, n, 0x88, &admin_len);
    if (!algorithm || len != 1 || n > sizeof v->kdf.p) return 0x6a80;
    if (*algorithm == 0x03 && (!user_hash || !admin_hash || user_len > 64 || admin_len > 64))
        return 0x6a80;
    set_password(&v->rc, "", 0);
    if (*algorithm == 0x03) {
        set_password(&v->pw1, user_hash, user_len);
        set_password(&v->pw3, admin_hash, admin_len);
    } else {
        set_password(&v->pw1, "123456", 6);
        set_password(&v->pw3, "12345678", 8);
    }
    set_value(&v->kdf, p, n);
    return 0x9000;
}

static unsigned put_reset_code(struct openpgp *v, const uint8_t *p, size_t n)
{
    if (n && (n < 8 || n > sizeof v->rc.value)) return 0x6700;
    set_password(&v->rc, p ? p : (const uint8_t *)"", n);
    return 0x9000;
}

static unsigned put_fixed(uint8_t *to, size_t size, const uint8_t *p, size_t n)
{
    if (n != size) return 0x6a80;
    memcpy(to, p, n);
    return 0x9000;
}

static unsigned put_uif(struct openpgp *v, uint8_t *uif, const uint8_t *p, size_t n)
{
    if (!has_button(v)) return 0x6a88;
    if (n != 2 || *p > 2) return 0x6a80;
    if (*uif == 2) return 0x6985;
    *uif = *p;
    return 0x9000;
}

// What is not stored as it comes; PW3 is verified.
static unsigned put_special(struct openpgp *v, unsigned tag, const uint8_t *p, size_t n)
{
    if (tag >= 0xc1 && tag <= 0xc3) return set_attributes(v, tag - 0xc1, p, n);
    if (tag >= 0xc7 && tag <= 0xc9) return put_fixed(v->keys[tag - 0xc7].fingerprint, 20, p, n);
    if (tag >= 0xca && tag <= 0xcc) return put_fixed(v->keys[tag - 0xca].ca, 20, p, n);
    if (tag >= 0xce && tag <= 0xd0) return put_fixed(v->keys[tag - 0xce].date, 4, p, n);
    if (tag >= 0xd6 && tag <= 0xd8) return put_uif(v, &v->keys[tag - 0xd6].uif, p, n);
    if (tag == 0xd3) return put_reset_code(v, p, n);
    if (tag == 0xf9 && since(v, 0x0303)) return put_kdf(v, p, n);
    if (tag == 0xc4 && n == 1) return v->once = !*p, 0x9000;
    if (tag != 0x7f21) return 0x6a88;
    if (n > sizeof v->certificates->p) return 0x6a84;
    return set_value(&v->certificates[v->occurrence], p, n), 0x9000;
}

static unsigned put_data(struct openpgp *v, const struct sim_command *c)
{
    unsigned tag = (unsigned)c->p1 << 8 | c->p2;
    for (size_t i = 0; i < COUNT(stored); i++) {
        if (stored[i].tag != tag) continue;
        if (!allowed(v, stored[i].write)) return 0x6982;
        if (c->n > 255) return 0x6a84;
        return set_value(&v->values[i], c->data, c->n), 0x9000;
    }
    return v->pw3.verified ? put_special(v, tag, c->data, c->n) : 0x6982;
}

// ---- Keys: made, stored, shown ----

static unsigned put_public(const struct key *k, struct sim_answer *a)
{
    uint8_t n[512], e[4], point[133];
    size_t len;
    enum type type = type_of(k);
    if (!k->origin) return 0x6a88;
    if (type == ED25519 || type == X25519) {
        if (!sim_25519_public(type == ED25519, k->raw, point)) return 0x6a88;
        sim_put_tlv(a, 0x86, point, 32);
    } else if (type == RSA) {
        len = mbedtls_pk_get_len(&k->pk);
        if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(k->pk), n, len, NULL, 0, NULL, 0, NULL, 0, e, 3))
            abort();
        sim_put_tlv(a, 0x81, n, len);
        sim_put_tlv(a, 0x82, e, 3);
    } else {
        const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(k->pk);
        if (mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                           point, sizeof point)) abort();
        sim_put_tlv(a, 0x86, point, len);
    }
    sim_wrap(a, 0, 0x7f49);
    return 0x9000;
}

static int random_bytes(void *random, unsigned char *p, size_t n)
{
    sim_random_get(random, p, n);
    return 0;
}

static unsigned generate_key(struct openpgp *v, struct key *k)
{
    enum type type = type_of(k);
    unsigned bits = (unsigned)k->attributes[1] << 8 | k->attributes[2];
    bool made;
    clear_key(k);
    if (type == ED25519 || type == X25519) {
        sim_random_get(&v->random, k->raw, 32);
        made = true;
    } else if (type == RSA) {
        made = !mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) &&
            !mbedtls_rsa_gen_key(mbedtls_pk_rsa(k->pk), random_bytes, &v->random, bits, 65537);
    } else {
        made = !mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) &&
            !mbedtls_ecp_gen_key(curve_of(k)->group, mbedtls_pk_ec(k->pk), random_bytes,
                                 &v->random);
    }
    k->origin = made;
    return made ? 0x9000 : 0x6f00;
}

// {B6 00}, or with the key's number {B6 {84 01 ..}}.
static struct key *key_of_template(struct openpgp *v, const uint8_t *p, size_t n)
{
    static const uint8_t templates[3] = { 0xb6, 0xb8, 0xa4 };
    for (unsigned i = 0; i < 3; i++) {
        size_t len;
        if (sim_get_tlv(p, n, templates[i], &len)) return &v->keys[i];
    }
    return NULL;
}

static unsigned key_pair(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    struct key *k = key_of_template(v, c->data, c->n);
    if ((c->p1 != 0x80 && c->p1 != 0x81) || c->p2) return 0x6a86;
    if (!k) return 0x6a80;
    if (c->p1 == 0x81) return put_public(k, a);
    if (!v->pw3.verified) return 0x6982;
    unsigned sw = generate_key(v, k);
    if (k == &v->keys[SIM_SIG]) v->signatures = 0;
    return sw == 0x9000 ? put_public(k, a) : sw;
}

static bool import_rsa(struct key *k, const uint8_t *e, size_t e_len, const uint8_t *p,
                       size_t p_len, const uint8_t *q, size_t q_len)
{
    unsigned bits = (unsigned)k->attributes[1] << 8 | k->attributes[2];
    if (mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA))) return false;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(k->pk);
    return !mbedtls_rsa_import_raw(rsa, NULL, 0, p, p_len, q, q_len, NULL, 0, e, e_len) &&
        !mbedtls_rsa_complete(rsa) && mbedtls_rsa_get_len(rsa) == bits / 8;
}

static bool import_ec(struct openpgp *v, struct key *k, const uint8_t *d, size_t n)
{
    if (mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))) return false;
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(k->pk);
    return !mbedtls_ecp_group_load(&ec->grp, curve_of(k)->group) &&
        !mbedtls_mpi_read_binary(&ec->d, d, n) && !mbedtls_ecp_check_privkey(&ec->grp, &ec->d) &&
        !mbedtls_ecp_mul(&ec->grp, &ec->Q, &ec->d, &ec->grp.G, random_bytes, &v->random);
}

// A number of 32 bytes; X25519's comes with its most significant byte first.
static bool import_25519(struct key *k, bool reverse, const uint8_t *d, size_t n)
{
    if (n > 32) return false;
    memset(k->raw, 0, 32);
    for (size_t i = 0; i < n; i++) k->raw[reverse ? n - 1 - i : 32 - n + i] = d[i];
    return true;
}

// 7F48 has the parts' tags and lengths, 5F48 the parts one after another.
static bool find_part(const uint8_t *list, size_t n, uint8_t tag, const uint8_t *data,
                      size_t data_len, const uint8_t **part, size_t *len)
{
    size_t at = 0;
    while (n >= 2) {
        uint8_t is = *list;
        size_t l = list[1], head = 2;
        if (l == 0x81 && n > 2) { l = list[2]; head = 3; }
        else if (l == 0x82 && n > 3) { l = (size_t)list[2] << 8 | list[3]; head = 4; }
        if (l > data_len - at) return false;
        if (is == tag) return *part = data + at, *len = l, true;
        at += l;
        list += head;
        n -= head;
    }
    return false;
}

// {7F48, 5F48} behind the key's template.
static bool find_parts(const uint8_t *p, size_t n, const uint8_t **list, size_t *list_n,
                       const uint8_t **data, size_t *data_n)
{
    *list = *data = NULL;
    for (size_t i = 0; i + 3 < n && !*data; i++) {
        if (!*list && p[i] == 0x7f && p[i + 1] == 0x48)
            *list = sim_get_tlv(p + i + 1, n - i - 1, 0x48, list_n);
        if (*list && p + i >= *list + *list_n && p[i] == 0x5f && p[i + 1] == 0x48)
            *data = sim_get_tlv(p + i + 1, n - i - 1, 0x48, data_n);
    }
    return *list && *data;
}

static bool import_parts(struct openpgp *v, struct key *k, const uint8_t *list, size_t list_n,
                         const uint8_t *data, size_t data_n)
{
    const uint8_t *one, *two, *three;
    size_t one_n, two_n, three_n;
    enum type type = type_of(k);
    clear_key(k);
    if (!find_part(list, list_n, 0x92, data, data_n, &two, &two_n)) return false;
    if (type == EC) return import_ec(v, k, two, two_n);
    if (type != RSA) return import_25519(k, type == X25519, two, two_n);
    return find_part(list, list_n, 0x91, data, data_n, &one, &one_n) &&
        find_part(list, list_n, 0x93, data, data_n, &three, &three_n) &&
        import_rsa(k, one, one_n, two, two_n, three, three_n);
}

// 4D { B6 {}, 7F48 { 91 length, 92 length, ... }, 5F48 { parts } }
static unsigned import(struct openpgp *v, const struct sim_command *c)
{
    size_t n, list_n, data_n;
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x4d, &n), *list, *data;
    if (c->p1 != 0x3f || c->p2 != 0xff) return 0x6a86;
    if (!v->pw3.verified) return 0x6982;
    struct key *k = p ? key_of_template(v, p, n > 5 ? 5 : n) : NULL;
    if (!k || !find_parts(p, n, &list, &list_n, &data, &data_n)) return 0x6a80;
    if (!import_parts(v, k, list, list_n, data, data_n)) return clear_key(k), 0x6a80;
    k->origin = 2;
    if (k == &v->keys[SIM_SIG]) v->signatures = 0;
    return 0x9000;
}

// ---- Keys at work ----

// A touch, where the key wants one. 0: go on.
static unsigned touch(struct openpgp *v, const struct key *k)
{
    if (!has_button(v) || !k->uif || !v->missed_touches) return 0;
    v->missed_touches--;
    return v->o.sw_touch ? v->o.sw_touch : 0x6600;
}

static bool is_sha2(const uint8_t *p, size_t n)
{
    static const uint8_t nist[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };
    return n > 19 && p[0] == 0x30 && p[1] == n - 2 && !memcmp(p + 4, nist, sizeof nist);
}

static bool is_hash_length(size_t n)
{
    return n == 20 || n == 28 || n == 32 || n == 48 || n == 64;
}

// r || s of equal lengths; as numbers with a sign where the card has it so.
static unsigned sign_ec(struct openpgp *v, struct key *k, const uint8_t *in, size_t n,
                        struct sim_answer *a)
{
    size_t order = (mbedtls_pk_ec(k->pk)->grp.nbits + 7) / 8;
    if (v->o.hash_known && !is_hash_length(n)) return 0x6985;
    if (v->o.hash_fits && n > order) return 0x6700;
    unsigned sw = sim_ecdsa(&v->random, &k->pk, false, in, n, a);
    size_t half = a->n / 2;
    if (sw != 0x9000 || !v->o.zero_halves || !((a->out[0] | a->out[half]) & 0x80)) return sw;
    memmove(a->out + half + 2, a->out + half, half);
    memmove(a->out + 1, a->out, half);
    a->out[0] = a->out[half + 1] = 0;
    a->n += 2;
    return sw;
}

static unsigned sign(struct openpgp *v, struct key *k, const uint8_t *in, size_t n,
                     struct sim_answer *a)
{
    switch (type_of(k)) {
    case ED25519: return sim_ed25519(k->raw, in, n, a);
    case X25519:  return 0x6985;
    case EC:      return sign_ec(v, k, in, n, a);
    default:
        // 7.2.10: not longer than 40% of the modulus
        if (!n || n > mbedtls_pk_get_len(&k->pk) * 2 / 5) return 0x6700;
        return sim_rsa_pkcs1(&v->random, &k->pk, in, n, a);
    }
}

static unsigned compute_signature(struct openpgp *v, const struct sim_command *c,
                                  struct sim_answer *a)
{
    struct key *k = &v->keys[SIM_SIG];
    if (!user(v, MODE_CDS)) return 0x6982;
    if (!k->origin) return 0x6a88;
    if (type_of(k) == RSA && v->o.sha2_only && !is_sha2(c->data, c->n)) return 0x6985;
    unsigned sw = touch(v, k);
    if (!sw) sw = sign(v, k, c->data, c->n, a);
    if (sw != 0x9000) return sw;
    v->card.signatures++;
    v->signatures++;
    if (v->once) end_mode(v, MODE_CDS);
    return sw;
}

static unsigned authenticate(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    struct key *k = &v->keys[v->aut];
    if (c->p1 || c->p2) return 0x6a86;
    if (!user(v, MODE_OTHER)) return 0x6982;
    if (!k->origin) return 0x6a88;
    unsigned sw = touch(v, k);
    if (!sw) sw = sign(v, k, c->data, c->n, a);
    if (sw == 0x9000) v->card.signatures++;
    return sw;
}

// The whole point, and not its x alone.
static unsigned agree_whole(struct openpgp *v, struct key *k, const uint8_t *p, size_t n,
                            struct sim_answer *a)
{
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(k->pk);
    mbedtls_ecp_point peer, z;
    uint8_t out[133];
    size_t len;
    mbedtls_ecp_point_init(&peer);
    mbedtls_ecp_point_init(&z);
    bool good = !mbedtls_ecp_point_read_binary(&ec->grp, &peer, p, n) &&
        !mbedtls_ecp_check_pubkey(&ec->grp, &peer) &&
        !mbedtls_ecp_mul(&ec->grp, &z, &ec->d, &peer, random_bytes, &v->random) &&
        !mbedtls_ecp_point_write_binary(&ec->grp, &z, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, out,
                                        sizeof out);
    if (good) sim_put(a, out, len);
    mbedtls_ecp_point_free(&z);
    mbedtls_ecp_point_free(&peer);
    return good ? 0x9000 : 0x6a80;
}

// A6 { 7F49 { 86 point } }
static unsigned agree(struct openpgp *v, struct key *k, const uint8_t *p, size_t n,
                      struct sim_answer *a)
{
    p = sim_get_tlv(p, n, 0xa6, &n);
    if (!p || n < 3 || p[0] != 0x7f) return 0x6a80;
    p = sim_get_tlv(p + 1, n - 1, 0x49, &n);
    if (p) p = sim_get_tlv(p, n, 0x86, &n);
    if (!p) return 0x6a80;
    if (type_of(k) == X25519) return sim_x25519(k->raw, p, n, a);
    if (type_of(k) != EC) return 0x6a80;
    return v->o.whole_point && !sim_private_instead ? agree_whole(v, k, p, n, a)
        : sim_ecdh(&v->random, &k->pk, p, n, a);
}

static unsigned decipher(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    struct key *k = &v->keys[v->dec];
    if (!user(v, MODE_OTHER)) return 0x6982;
    if (!k->origin) return 0x6a88;
    if (!c->n) return 0x6700;
    unsigned sw = touch(v, k);
    if (sw) return sw;
    v->card.signatures++;
    if (*c->data == 0xa6) return agree(v, k, c->data, c->n, a);
    if (*c->data || type_of(k) != RSA) return 0x6a80;
    return sim_rsa_decrypt(&v->random, &k->pk, c->data + 1, c->n - 1, a);
}

static unsigned perform(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 == 0x9e && c->p2 == 0x9a) return compute_signature(v, c, a);
    if (c->p1 == 0x80 && c->p2 == 0x86) return decipher(v, c, a);
    return 0x6a86;
}

// A4 or B8, {83 key}: key 2 is DEC's, 3 AUT's.
static unsigned mse(struct openpgp *v, const struct sim_command *c)
{
    if (!v->o.swaps) return 0x6d00;
    if (c->p1 != 0x41 || (c->p2 != 0xa4 && c->p2 != 0xb8)) return 0x6a86;
    if (c->n != 3 || c->data[0] != 0x83 || c->data[1] != 1) return 0x6a80;
    if (c->data[2] != 2 && c->data[2] != 3) return 0x6a88;
    *(c->p2 == 0xa4 ? &v->aut : &v->dec) = c->data[2] - 1u;
    return 0x9000;
}

static unsigned challenge(struct openpgp *v, const struct sim_command *c, struct sim_answer *a)
{
    uint8_t out[255];
    if (c->p1 || c->p2) return 0x6a86;
    if (!c->le || c->le > 256) return 0x6700;
    size_t n = c->le < sizeof out ? c->le : sizeof out;
    sim_random_get(&v->random, out, n);
    return sim_put(a, out, n), 0x9000;
}

// ---- Selecting, and the life of the application ----

static void forget_selection(struct openpgp *v)
{
    v->aut = SIM_AUT;
    v->dec = SIM_DEC;
    v->occurrence = 0;
    v->read = false;
}

static unsigned select_application(struct openpgp *v, const struct sim_command *c,
                                   struct sim_answer *a)
{
    if (c->p1 != 0x04) return 0x6a86;
    if (c->n == sizeof other_aid && !memcmp(c->data, other_aid, c->n)) {
        v->card.select_other(&v->card);
        return 0x9000;
    }
    if (c->n < 6 || c->n > sizeof v->aid || memcmp(c->data, v->aid, c->n)) return 0x6a82;
    if (!v->selected || !v->o.keeps_login) end_logins(v);
    v->selected = true;
    forget_selection(v);
    if (v->terminated) return 0x6285;
    if (v->o.bare_select) return 0x9000;
    sim_put_tlv(a, 0x84, v->aid, sizeof v->aid);
    sim_wrap(a, 0, 0x6f);
    return 0x9000;
}

static void make_usual(struct openpgp *v, bool empty);

static unsigned terminate(struct openpgp *v, const struct sim_command *c)
{
    if (c->p1 || c->p2) return 0x6a86;
    if (!v->pw3.verified && v->pw3.left) return 0x6982;
    v->terminated = true;
    end_logins(v);
    return 0x9000;
}

static unsigned activate(struct openpgp *v, const struct sim_command *c)
{
    if (c->p1 || c->p2) return 0x6a86;
    if (v->terminated) {
        v->o.kdf = v->o.reset_code = v->o.once = v->o.cardholder = false;
        v->o.uif = 0;
        make_usual(v, true);
    }
    v->terminated = false;
    return 0x9000;
}

// ---- Commands in and answers out ----

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct openpgp *v = card;
    if (v->o.stamp) memcpy(v->aid + 10, v->o.stamp + 4, 4);     // it may be another one now
    if (c->ins == 0xa4) return select_application(v, c, a);
    if (!v->selected && sim_is_secret(c)) sim_saw_stray(&v->card);
    if (!v->selected) return 0x6d00;
    if (c->ins == 0x44) return activate(v, c);
    if (v->terminated) return 0x6985;
    switch (c->ins) {
    case 0xca: return get_data(v, c, a);
    case 0xcc: return get_next(v, c, a);
    case 0xa5: return select_data(v, c);
    case 0xda: return put_data(v, c);
    case 0xdb: return import(v, c);
    case 0x20: return verify(v, c);
    case 0x24: return change(v, c);
    case 0x2c: return unblock(v, c);
    case 0x2a: return perform(v, c, a);
    case 0x88: return authenticate(v, c, a);
    case 0x22: return mse(v, c);
    case 0x47: return key_pair(v, c, a);
    case 0x84: return challenge(v, c, a);
    case 0xe6: return terminate(v, c);
    default:   return 0x6d00;
    }
}

static size_t openpgp_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                           size_t room)
{
    struct openpgp *v = (struct openpgp *)card;
    (void)room;
    card->apdus++;
    return sim_line_apdu(&v->line, v, run, false, cmd, n, rsp);
}

static void openpgp_select_other(struct sim_card *card)
{
    struct openpgp *v = (struct openpgp *)card;
    v->selected = false;
    end_logins(v);
    sim_line_reset(&v->line);
}

static void openpgp_reset(struct sim_card *card)
{
    openpgp_select_other(card);
    forget_selection((struct openpgp *)card);
}

static bool openpgp_verified(const struct sim_card *card)
{
    const struct openpgp *v = (const struct openpgp *)card;
    bool used = v->mode[MODE_CDS] || v->mode[MODE_OTHER] || !v->o.empty_ends;
    return v->pw3.verified || (v->pw1.verified && used);
}

// 0 PW1, 1 PW3, 2 the reset code.
static struct sim_pin openpgp_pin(struct sim_card *card, unsigned index)
{
    struct openpgp *v = (struct openpgp *)card;
    struct password *pw = index == 0 ? &v->pw1 : index == 1 ? &v->pw3 : &v->rc;
    return (struct sim_pin){ &pw->left, &pw->verified };
}

static void openpgp_free(struct sim_card *card)
{
    struct openpgp *v = (struct openpgp *)card;
    for (unsigned i = 0; i < 3; i++) clear_key(&v->keys[i]);
    sim_random_stop(&v->random);
    free(v);
}

// ---- What the card is made with ----

// T=1, and the historical bytes of 5F52.
static void set_atr(struct openpgp *v)
{
    uint8_t *p = v->card.atr;
    size_t n = 4;
    memcpy(p, "\x3b\x80\x80\x01", 4);
    if (!v->o.no_historical) {
        struct sim_answer *a = calloc(1, sizeof *a);
        if (!a) abort();
        put_historical(v, a);
        memcpy(p + n, a->out, a->n);
        p[1] = (uint8_t)(p[1] | a->n);
        n += a->n;
        free(a);
    }
    p[n] = 0;
    for (size_t i = 1; i < n; i++) p[n] ^= p[i];
    v->card.atr_len = n + 1;
    v->card.protocol = 1;
}

static void make_key(struct openpgp *v, unsigned slot, enum sim_key key)
{
    struct key *k = &v->keys[slot];
    const struct sim_key_data *d = sim_key_data(key);
    clear_key(k);
    k->origin = 1;
    memset(k->fingerprint, (int)(0x11 * (slot + 1) + v->o.second), 20);
    memcpy(k->date, "\x65\x00\x00\x00", 4);
    if (key == SIM_ED25519 || key == SIM_X25519) {
        const struct curve *c = &curves[key == SIM_ED25519 ? 7 : 8];
        memcpy(k->raw, d->key + d->key_len - 32, 32);
        k->attributes_len = ec_attributes(v, slot, c, k->attributes);
        return;
    }
    sim_key_parse(&k->pk, d);
    if (d->rsa) {
        k->attributes_len = rsa_attributes(k->attributes, d->bits);
        return;
    }
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].group == mbedtls_pk_ec(k->pk)->grp.id)
            k->attributes_len = ec_attributes(v, slot, &curves[i], k->attributes);
}

static void put_text(struct openpgp *v, unsigned tag, const char *text)
{
    set_value(value_of(v, tag), text, strlen(text));
}

static void make_texts(struct openpgp *v)
{
    put_text(v, 0x0101, "anyone may read this");
    put_text(v, 0x0103, "with the PIN");
    put_text(v, 0x5f35, "0");
    if (!v->o.cardholder) return;
    put_text(v, 0x5b, "Holder<<Card");
    put_text(v, 0x5f2d, "en");
    put_text(v, 0x5f35, "9");
    put_text(v, 0x5e, "cardholder");
    put_text(v, 0x5f50, "https://example.org/key.asc");
}

// Keys and certificates. Below 3.0 AUT's alone can have one.
static void make_keys(struct openpgp *v)
{
    static const enum sim_key usual[2][3] = { { SIM_RSA2048A, SIM_RSA2048B, SIM_P256A },
                                              { SIM_RSA2048B, SIM_RSA2048A, SIM_P256B } };
    const enum sim_key own[3] = { v->o.sig, v->o.dec, v->o.aut };
    for (unsigned i = 0; i < 3; i++) {
        enum sim_key key = own[i] ? own[i] : usual[v->o.second][i];
        const struct sim_key_data *d = sim_key_data(key);
        if (v->o.no_key & 1u << i) continue;
        make_key(v, i, key);
        if (v->o.no_certificate & 1u << i || (i != SIM_AUT && !since(v, 0x0300))) continue;
        set_value(&v->certificates[2 - i], d->certificate, d->certificate_len);
    }
}

static void make_usual(struct openpgp *v, bool empty)
{
    memset(v->values, 0, sizeof v->values);
    memset(v->certificates, 0, sizeof v->certificates);
    set_password(&v->rc, "", 0);
    set_usual_passwords(v);
    v->once = v->o.once;
    v->signatures = 0;
    for (unsigned i = 0; i < 3; i++) {
        clear_key(&v->keys[i]);
        memset(v->keys[i].fingerprint, 0, 20);
        memset(v->keys[i].ca, 0, 20);
        memset(v->keys[i].date, 0, 4);
        v->keys[i].attributes_len = rsa_attributes(v->keys[i].attributes, 2048);
        v->keys[i].uif = v->o.uif >> i & 1;
    }
    if (empty) return;
    make_texts(v);
    make_keys(v);
}

struct sim_card *sim_openpgp_new(const struct sim_openpgp_options *options)
{
    struct openpgp *v = calloc(1, sizeof *v);
    if (!v) abort();
    if (options) v->o = *options;
    if (!v->o.version) v->o.version = 0x0304;
    if (!v->o.maker) v->o.maker = 0xfffe;
    if (v->o.kdf_sha512 || v->o.kdf_single) v->o.kdf = true;
    const uint8_t aid[16] = { 0xd2, 0x76, 0x00, 0x01, 0x24, 0x01, (uint8_t)(v->o.version >> 8),
                              (uint8_t)v->o.version, (uint8_t)(v->o.maker >> 8),
                              (uint8_t)v->o.maker, 0x00, 0x00, 0x12, v->o.second ? 0x35 : 0x34 };
    memcpy(v->aid, aid, sizeof aid);
    v->line.extended = !v->o.short_only;
    v->line.no_chaining = v->o.no_chaining;
    v->line.pieces = v->o.pieces;
    v->card.reset = openpgp_reset;
    v->card.apdu = openpgp_apdu;
    v->card.free = openpgp_free;
    v->card.verified = openpgp_verified;
    v->card.pin = openpgp_pin;
    v->card.select_other = openpgp_select_other;
    sim_random_start(&v->random);
    make_usual(v, v->o.empty);
    forget_selection(v);
    set_atr(v);
    return &v->card;
}

// ---- What tests ask ----

void sim_openpgp_miss_touches(struct sim_card *card, unsigned n)
{
    ((struct openpgp *)card)->missed_touches = n;
}

struct sim_openpgp_seen sim_openpgp_see(const struct sim_card *card)
{
    const struct openpgp *v = (const struct openpgp *)card;
    struct sim_openpgp_seen seen = { .terminated = v->terminated, .once = v->once };
    for (unsigned i = 0; i < 3; i++) {
        seen.origin[i] = v->keys[i].origin;
        seen.touch[i] = v->keys[i].uif;
        memcpy(seen.fingerprint[i], v->keys[i].fingerprint, sizeof *seen.fingerprint);
        memcpy(seen.date[i], v->keys[i].date, sizeof *seen.date);
    }
    return seen;
}

mbedtls_pk_context *sim_openpgp_pk(struct sim_card *card, enum sim_openpgp_key key)
{
    struct key *k = &((struct openpgp *)card)->keys[key];
    return k->origin && mbedtls_pk_get_type(&k->pk) != MBEDTLS_PK_NONE ? &k->pk : NULL;
}

const uint8_t *sim_openpgp_value(struct sim_card *card, unsigned tag, enum sim_openpgp_key key, size_t *n)
{
    struct openpgp *v = (struct openpgp *)card;
    const struct value *value = tag == 0x7f21 ? &v->certificates[SIM_AUT - key] : value_of(v, tag);
    *n = value ? value->n : 0;
    return value ? value->p : NULL;
}

bool sim_openpgp_has_password(struct sim_card *card, unsigned index, const char *text)
{
    struct openpgp *v = (struct openpgp *)card;
    const struct password *pw = index == 0 ? &v->pw1 : index == 1 ? &v->pw3 : &v->rc;
    return pw->n == strlen(text) && !memcmp(pw->value, text, pw->n);
}
