// sim_cac.c: a simulated Common Access Card; sim_cac.h says what it can do.
// SPDX-License-Identifier: 0BSD
//
// Written from GSC-IS 2.1 (NIST IR 6887, 2003 edition: chapter 5, the virtual machine card edge,
// and chapter 8, the data model) and from a recording of libcacard, not from what scard11 sends. It
// is proven by OpenSC: tests/pcsc/witness.sh.
#include "sim_cac.h"
#include "sim_piv.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { TRIES = 3, PIN_LEN = 8, KEYS = 3, BUFFER = 4096, READ_MOST = 255 };

// RID and application: what SELECT names, what a CardURL says.
enum { RID_CAC = 0x79, RID_GSC = 0x0116 };
// The first two are of CardURLs.
enum { TYPE_GENERIC = 0x01, TYPE_PKI = 0x04, TYPE_CCC = 0x80, TYPE_ACA = 0x81 };

struct applet {
    unsigned rid, id;               // the object's identifier is the application's
    unsigned type;
    uint8_t number;                 // in the ACA's table
    bool missing;                   // a CardURL names it, and it is not there
    bool person;                    // of a person's data
    // state
    enum sim_key key;
    uint8_t tags[BUFFER], values[BUFFER];       // its two buffers, after the two bytes of length
    size_t tags_len, values_len;
    bool login;                     // a PIN was verified here
};

static const struct applet layout[] = {
    { .rid = RID_GSC, .id = 0xdb00, .type = TYPE_CCC, .number = 0x4f },
    { .rid = RID_CAC, .id = 0x1000, .type = TYPE_ACA, .number = 0x1f },
    { .rid = RID_CAC, .id = 0x02fb, .type = TYPE_GENERIC, .number = 0x4b },
    { .rid = RID_CAC, .id = 0x02fe, .type = TYPE_GENERIC, .number = 0x4e },
    { .rid = RID_CAC, .id = 0x02fd, .type = TYPE_GENERIC, .number = 0x4d },
    { .rid = RID_CAC, .id = 0x0100, .type = TYPE_PKI, .number = 0x61 },
    { .rid = RID_CAC, .id = 0x0101, .type = TYPE_PKI, .number = 0x62 },
    { .rid = RID_CAC, .id = 0x0102, .type = TYPE_PKI, .number = 0x63 },
    { .rid = RID_CAC, .id = 0x0200, .type = TYPE_GENERIC, .number = 0x41, .person = true },
    { .rid = RID_CAC, .id = 0x0201, .type = TYPE_GENERIC, .number = 0x42, .person = true },
    { .rid = RID_GSC, .id = 0x3000, .type = TYPE_GENERIC, .number = 0x40 },
    { .rid = RID_GSC, .id = 0x6010, .type = TYPE_GENERIC, .number = 0x46, .missing = true },
    { .rid = RID_GSC, .id = 0x6030, .type = TYPE_GENERIC, .number = 0x48, .missing = true },
    { .rid = RID_GSC, .id = 0x9000, .type = TYPE_GENERIC, .number = 0x47, .missing = true },
    { .rid = RID_CAC, .id = 0x1201, .type = TYPE_GENERIC, .number = 0x44 },
    { .rid = RID_CAC, .id = 0x1202, .type = TYPE_GENERIC, .number = 0x45 },
};

struct cac {
    struct sim_card card;
    struct sim_cac_options o;
    struct applet applets[COUNT(layout)], *now;         // now NULL: none is selected
    uint8_t pin[PIN_LEN];           // with FF behind
    uint8_t tries;
    bool verified;
    uint8_t block[512];             // of PRIVATE SIGN/DECRYPT, as far as it came
    size_t block_len;
    struct sim_card *piv;           // the other application of the chip; NULL: there is none
    bool piv_now;                   // it is selected
    struct sim_line line;
    struct sim_random random;
};

static const uint8_t piv_aid[] = { 0xa0, 0x00, 0x00, 0x03, 0x08 };
static const uint8_t other_aid[] = { 0xa0, 0x00, 0x00, 0x09, 0x99, 0x00, 0x01 };
// T=0; historical bytes as of a card by Oberthur.
static const uint8_t atr[] = { 0x3b, 0x7d, 0x96, 0x00, 0x00, 0x80, 0x31, 0x80, 0x65, 0xb0, 0x83,
                               0x11, 0x17, 0xd6, 0x83, 0x00, 0x90, 0x00 };

static void aid_of(const struct applet *t, uint8_t aid[7])
{
    const uint8_t rid[] = { 0xa0, 0x00, 0x00, (uint8_t)(t->rid >> 8), (uint8_t)t->rid,
                            (uint8_t)(t->id >> 8), (uint8_t)t->id };
    memcpy(aid, rid, sizeof rid);
}

// Is it on this card?
static bool is_there(const struct cac *v, const struct applet *t)
{
    if (t->missing) return false;
    if (t->type == TYPE_CCC) return !v->o.no_ccc && !v->o.pki_only;
    if (t->type == TYPE_ACA) return !v->o.pki_only;
    return t->type == TYPE_PKI || !v->o.pki_only;
}

// ---- Buffers: tags and lengths in one, values in the other ----

static void put_head(uint8_t *out, size_t *at, uint8_t tag, size_t n)
{
    if (*at + 4 > BUFFER) abort();
    out[(*at)++] = tag;
    if (n < 0xff) {
        out[(*at)++] = (uint8_t)n;
        return;
    }
    out[(*at)++] = 0xff;
    out[(*at)++] = (uint8_t)n;              // low byte first
    out[(*at)++] = (uint8_t)(n >> 8);
}

static void add(struct applet *t, uint8_t tag, const void *p, size_t n)
{
    if (t->values_len + n > BUFFER) abort();
    put_head(t->tags, &t->tags_len, tag, n);
    if (n) memcpy(t->values + t->values_len, p, n);
    t->values_len += n;
}

// A certificate is another one: its serial number, of 20 bytes at the front, and its end say so.
static void stamp_certificate(uint8_t *der, size_t n, const uint8_t stamp[8])
{
    enum { SERIAL = 8 };                    // after two heads of four bytes
    if (der[SERIAL] != 0x02 || der[SERIAL + 1] != 20) abort();
    memcpy(der + SERIAL + 2 + 20 - 8, stamp, 8);
    memcpy(der + n - 8, stamp, 8);
}

static void fill_pki(const struct cac *v, struct applet *t)
{
    const struct sim_key_data *d = sim_key_data(t->key);
    uint8_t packed[BUFFER], info = v->o.gzip;
    const uint8_t *p = d->certificate;
    size_t n = d->certificate_len;
    if (v->o.gzip) { n = sim_gzip(p, n, packed, sizeof packed); p = packed; }
    if (!v->o.certificate_first) add(t, 0x71, &info, 1);
    add(t, 0x70, p, n);
    if (v->o.stamp) stamp_certificate(t->values + t->values_len - n, n, v->o.stamp);
    if (v->o.certificate_first) add(t, 0x71, &info, 1);
    add(t, 0x72, NULL, 0);                  // MSCUID
    add(t, 0xfe, NULL, 0);
}

static void fill_ccc(const struct cac *v, struct applet *t)
{
    uint8_t cuid[] = { 0xa0, 0x00, 0x00, 0x00, 0x79, 0x03, 0x02, 0x40, 0x20, 0x50, 0x70, 0x72, 0x36,
                       0x0e, 0x00, 0x00, 0x58, 0xbd, 0x00, 0x2c, 0x19 };
    const uint8_t access[17] = { 0x07 };
    cuid[sizeof cuid - 1] = (uint8_t)(cuid[sizeof cuid - 1] + v->o.second);
    if (v->o.stamp) memcpy(cuid + sizeof cuid - 8, v->o.stamp, 8);
    add(t, 0xf0, cuid, sizeof cuid);
    add(t, 0xf1, "\x21", 1);
    add(t, 0xf2, "\x21", 1);
    for (unsigned i = 0; i < COUNT(v->applets); i++) {
        const struct applet *named = &v->applets[i];
        uint8_t url[16] = { 0 }, aid[7];
        if (named->type > TYPE_PKI) continue;
        aid_of(named, aid);
        memcpy(url, aid, 5);
        url[5] = (uint8_t)named->type;
        memcpy(url + 6, aid + 5, 2);        // the object
        memcpy(url + 8, aid + 5, 2);        // the application
        add(t, 0xf3, url, sizeof url);
    }
    add(t, 0xf4, "\x00", 1);
    add(t, 0xf5, "\x10", 1);
    add(t, 0xf6, access, sizeof access);
    for (unsigned tag = 0xf7; tag <= 0xfe; tag++)
        if (tag == 0xf7 || tag >= 0xfa) add(t, (uint8_t)tag, NULL, 0);
}

// Table of the DoD's person instance and personnel containers: names, dates, affiliation.
static void fill_person(struct applet *t)
{
    static const struct { uint16_t id; uint8_t tag; const char *text; } data[] = {
        { 0x0200, 0x01, "SPECIMEN" }, { 0x0200, 0x02, "X" }, { 0x0200, 0x03, "CARDHOLDER" },
        { 0x0200, 0x06, "19700101" }, { 0x0200, 0x17, "0000000000" },
        { 0x0201, 0x20, "0000" }, { 0x0201, 0x24, "A" }, { 0x0201, 0x63, "20301231" } };
    for (unsigned i = 0; i < COUNT(data); i++)
        if (data[i].id == t->id) add(t, data[i].tag, data[i].text, strlen(data[i].text));
}

static void fill(struct cac *v)
{
    static const enum sim_key keys[2][KEYS] = { { SIM_RSA2048A, SIM_RSA2048B, SIM_RSA3072 },
                                                { SIM_RSA2048B, SIM_RSA2048A, SIM_RSA4096 } };
    for (unsigned i = 0; i < COUNT(v->applets); i++) {
        struct applet *t = &v->applets[i];
        unsigned key = t->id & 0xff;
        t->tags_len = t->values_len = 0;
        if (t->type == TYPE_PKI)
            t->key = key == 2 && v->o.small_key ? SIM_RSA1024 : keys[v->o.second][key];
        if (t->type == TYPE_PKI) fill_pki(v, t);
        if (t->type == TYPE_CCC) fill_ccc(v, t);
        if (t->person && v->o.persons) fill_person(t);
    }
}

// READ BUFFER: P1 P2 is where, the data says which buffer and how much.
static unsigned read_buffer(struct cac *v, const struct sim_command *c, struct sim_answer *a)
{
    const struct applet *t = v->now;
    uint8_t all[2 + BUFFER];
    size_t at = (size_t)(c->p1 << 8 | c->p2), n, len;
    if (t->type == TYPE_ACA) return 0x6d00;
    if (c->n != 2 || c->data[0] < 1 || c->data[0] > 2) return 0x6984;
    bool tags = c->data[0] == 1;
    if (t->person && v->o.persons && !v->verified) return 0x6982;
    len = tags ? t->tags_len : t->values_len;
    all[0] = (uint8_t)len;
    all[1] = (uint8_t)(len >> 8);
    memcpy(all + 2, tags ? t->tags : t->values, len);
    len += 2;
    if (at >= len) return 0x6a86;
    n = c->data[1];
    sim_put(a, all + at, n < len - at ? n : len - at);
    return 0x9000;
}

// ---- What applets say of themselves ----

static void put_simple(struct sim_answer *a, uint8_t tag, const void *p, size_t n)
{
    const uint8_t head[2] = { tag, (uint8_t)n };
    sim_put(a, head, 2);
    sim_put(a, p, n);
}

static void put_family(struct sim_answer *a) { put_simple(a, 0x01, "\x10\x02\x06\x02\x03", 5); }

// T=0: a command that brings nothing and names another length than there is.
static unsigned exactly(const struct cac *v, const struct sim_command *c,
                        const struct sim_answer *a)
{
    return !v->o.whole && c->le == 256 && a->n < 256 ? 0x6c00u | (unsigned)a->n : 0x9000;
}

// GET PROPERTIES: the applet's version, and its one object with the sizes of its buffers.
static unsigned get_properties(const struct cac *v, const struct sim_command *c,
                               struct sim_answer *a)
{
    const struct applet *t = v->now;
    size_t tags = t->tags_len + 2, values = t->values_len + 2;
    const uint8_t object[] = { 0x41, 2, (uint8_t)(t->id >> 8), (uint8_t)t->id, 0x42, 5, 0x00,
        (uint8_t)tags, (uint8_t)(tags >> 8), (uint8_t)values, (uint8_t)(values >> 8),
        0x43, 4, 0x06, (uint8_t)(sim_key_data(t->key ? t->key : SIM_RSA1024)->bits / 64), 1, 1 };
    if (c->p1 != 0x01) return c->p1 ? 0x6984 : 0x6a86;
    put_family(a);
    put_simple(a, 0x40, t->type == TYPE_ACA ? "\x00" : "\x01", 1);
    if (t->type != TYPE_ACA)
        put_simple(a, t->key ? 0x51 : 0x50, object, t->key ? sizeof object : sizeof object - 6);
    return exactly(v, c, a);
}

// Access rules (table 5-15): always, never, the PIN.
static void put_rules(struct sim_answer *a)
{
    put_simple(a, 0xa1, "\x03", 1);
    put_simple(a, 0xa0, "\x00\x00\x00", 3);
    put_simple(a, 0xa0, "\x01\x01\x00", 3);
    put_simple(a, 0xa0, "\x06\x06\x01\x1e\x00", 5);
}

// The service applets (table 5-21): number and AID of each applet.
static void put_applets(const struct cac *v, struct sim_answer *a)
{
    uint8_t n = 0;
    for (unsigned i = 0; i < COUNT(v->applets); i++) n = (uint8_t)(n + is_there(v, &v->applets[i]));
    put_simple(a, 0x94, &n, 1);
    for (unsigned i = 0; i < COUNT(v->applets); i++) {
        uint8_t entry[10] = { v->applets[i].number, 0x92, 7 };
        aid_of(&v->applets[i], entry + 3);
        if (is_there(v, &v->applets[i])) put_simple(a, 0x93, entry, sizeof entry);
    }
}

static unsigned get_acr(const struct cac *v, const struct sim_command *c, struct sim_answer *a)
{
    if (v->now->type != TYPE_ACA) return 0x6d00;
    if (c->p2 || (c->p1 != 0x00 && c->p1 != 0x21)) return 0x6a86;
    put_family(a);
    c->p1 ? put_applets(v, a) : put_rules(a);
    return exactly(v, c, a);
}

// ---- Selecting ----

static void logout(struct cac *v)
{
    v->verified = false;
    for (unsigned i = 0; i < COUNT(v->applets); i++) v->applets[i].login = false;
}

static void leave(struct cac *v)
{
    logout(v);
    v->now = NULL;
    v->block_len = 0;
}

static struct applet *find_applet(struct cac *v, const struct sim_command *c)
{
    uint8_t aid[7];
    for (unsigned i = 0; i < COUNT(v->applets); i++) {
        struct applet *t = &v->applets[i];
        aid_of(t, aid);
        if (c->n == sizeof aid && !memcmp(aid, c->data, sizeof aid) && is_there(v, t)) return t;
    }
    return NULL;
}

// 02: the object of the applet that is selected already. 04: an applet by its AID.
static unsigned select_applet(struct cac *v, const struct sim_command *c, struct sim_answer *a)
{
    uint8_t aid[7];
    if (c->p1 == 0x02 && v->now && c->n == 2)
        return v->now->id == (unsigned)(c->data[0] << 8 | c->data[1]) ? 0x9000 : 0x6a82;
    if (c->p1 != 0x04) return 0x6a81;
    if (c->n == sizeof other_aid && !memcmp(c->data, other_aid, c->n)) return leave(v), 0x9000;
    struct applet *found = find_applet(v, c);
    if (!found && v->o.lost_by_failure) v->now = NULL;
    if (!found) return 0x6a82;
    if (v->o.stamp) fill(v);                // it may be another one now
    v->now = found;
    aid_of(found, aid);
    if ((c->p2 & 0x0c) == 0x0c) return 0x9000;
    sim_put_tlv(a, 0x84, aid, sizeof aid);
    sim_put_tlv(a, 0xa5, NULL, 0);
    sim_wrap(a, 0, 0x6f);
    return 0x9000;
}

// ---- PIN ----

static bool logged_in(const struct cac *v)
{
    return v->verified && (!v->o.login_of_applet || v->now->login);
}

static unsigned check_pin(struct cac *v, const uint8_t *given)
{
    if (!v->tries) return 0x6983;
    if (!memcmp(v->pin, given, PIN_LEN)) {
        v->tries = TRIES;
        return 0x9000;
    }
    logout(v);
    v->tries--;
    sim_took_try(&v->card);
    return v->o.tries_untold ? 0x6985 : v->tries ? 0x63c0u | v->tries : 0x6983;
}

static unsigned pin_status(const struct cac *v)
{
    if (logged_in(v)) return 0x9000;
    if (v->o.tries_untold) return 0x6a88;
    return v->tries ? 0x63c0u | v->tries : 0x6983;
}

static bool pin_here(const struct cac *v)
{
    return v->now->type == TYPE_ACA || !v->o.pin_in_aca;
}

static unsigned verify(struct cac *v, const struct sim_command *c)
{
    if (!pin_here(v)) return 0x6d00;
    if (c->p1 || c->p2) return v->o.tries_untold ? 0x6a00 : 0x6a88;
    if (!c->n) return pin_status(v);
    v->card.verifies++;
    if (c->n != PIN_LEN) return 0x6700;
    unsigned sw = check_pin(v, c->data);
    if (sw == 0x9000) v->verified = v->now->login = true;
    return sw;
}

static unsigned change_pin(struct cac *v, const struct sim_command *c)
{
    size_t n = 0;
    if (v->o.no_change || !pin_here(v)) return 0x6d00;
    if (c->p1 || c->p2) return 0x6a88;
    if (c->n != 2 * PIN_LEN) return 0x6700;
    unsigned sw = check_pin(v, c->data);
    if (sw != 0x9000) return sw;
    while (n < PIN_LEN && c->data[PIN_LEN + n] != 0xff) n++;
    if (n < 6) return 0x6a80;
    memcpy(v->pin, c->data + PIN_LEN, PIN_LEN);
    return 0x9000;
}

// ---- Keys ----

// PRIVATE SIGN/DECRYPT: the block in pieces (P1 80: more follow), then what the key makes of it.
static unsigned sign(struct cac *v, const struct sim_command *c, struct sim_answer *a)
{
    mbedtls_pk_context pk;
    if (!v->now->key) return 0x6d00;
    if ((c->p1 && c->p1 != 0x80) || c->p2) return 0x6a86;
    if (c->n > sizeof v->block - v->block_len) return v->block_len = 0, 0x6984;
    if (!v->o.tries_untold && !logged_in(v)) return 0x6982;
    if (c->n) memcpy(v->block + v->block_len, c->data, c->n);
    v->block_len += c->n;
    if (c->p1) return 0x9000;
    size_t n = v->block_len;
    v->block_len = 0;
    if (n != sim_key_data(v->now->key)->bits / 8) return 0x6984;
    if (!logged_in(v)) return 0x6985;
    v->card.signatures++;
    sim_key_parse(&pk, sim_key_data(v->now->key));
    unsigned sw = sim_rsa_raw(&v->random, &pk, v->block, n, a);
    mbedtls_pk_free(&pk);
    return sw;
}

// ---- Commands in and answers out ----

static unsigned run(void *card, const struct sim_command *c, struct sim_answer *a)
{
    struct cac *v = card;
    if (c->ins != 0x42) v->block_len = 0;
    if (c->ins == 0xa4) return select_applet(v, c, a);
    if (!v->now && sim_is_secret(c)) sim_saw_stray(&v->card);
    if (!v->now && v->o.lost_by_failure) return c->ins == 0x20 && !c->n ? 0x6a88 : 0x6900;
    if (!v->now) return 0x6d00;
    if (c->cla && c->cla != 0x80) return 0x6e00;        // its own commands come with either
    switch (c->ins) {
    case 0x42: return sign(v, c, a);
    case 0x4c: return get_acr(v, c, a);
    case 0x52: return read_buffer(v, c, a);
    case 0x56: return get_properties(v, c, a);
    case 0x20: return verify(v, c);
    case 0x24: return change_pin(v, c);
    default:   return 0x6d00;
    }
}

// Does a command select an application of the chip by its AID: PIV?
static bool selects(const uint8_t *cmd, size_t n, bool *piv)
{
    *piv = n >= 10 && cmd[4] >= 5 && !memcmp(cmd + 5, piv_aid, sizeof piv_aid);
    return n > 5 && cmd[1] == 0xa4 && cmd[2] == 0x04;
}

static size_t cac_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                       size_t room)
{
    struct cac *v = (struct cac *)card;
    bool piv;
    card->apdus++;
    if (v->piv && selects(cmd, n, &piv) && piv != v->piv_now) {
        leave(v);                           // the applications do not share a login
        v->piv->select_other(v->piv);
        v->piv_now = piv;
    }
    if (!v->piv_now) return sim_line_apdu(&v->line, v, run, true, cmd, n, rsp);
    return v->piv->apdu(v->piv, cmd, n, rsp, room);
}

static void cac_reset(struct sim_card *card)
{
    struct cac *v = (struct cac *)card;
    leave(v);
    v->piv_now = false;
    if (v->piv) v->piv->reset(v->piv);
    sim_line_reset(&v->line);
}

static bool cac_verified(const struct sim_card *card)
{
    const struct cac *v = (const struct cac *)card;
    return v->verified || (v->piv && v->piv->verified(v->piv));
}

static struct sim_pin cac_pin(struct sim_card *card, unsigned index)
{
    struct cac *v = (struct cac *)card;
    (void)index;
    return (struct sim_pin){ &v->tries, &v->verified };
}

static void cac_select_other(struct sim_card *card)
{
    struct cac *v = (struct cac *)card;
    leave(v);
    if (v->piv) v->piv->select_other(v->piv);
    v->piv_now = false;
    sim_line_reset(&v->line);
}

static void cac_free(struct sim_card *card)
{
    struct cac *v = (struct cac *)card;
    if (v->piv) v->piv->free(v->piv);
    sim_random_stop(&v->random);
    free(v);
}

struct sim_card *sim_cac_new(const struct sim_cac_options *options)
{
    struct cac *v = calloc(1, sizeof *v);
    if (!v) abort();
    if (options) v->o = *options;
    memcpy(v->applets, layout, sizeof layout);
    fill(v);
    memcpy(v->pin, "123456\xff\xff", PIN_LEN);
    v->tries = TRIES;
    v->line.t0 = !v->o.whole;
    v->line.no_chaining = true;
    if (v->o.piv)
        v->piv = sim_piv_new(&(struct sim_piv_options){ .second = v->o.second, .t0 = !v->o.whole });
    v->card.reset = cac_reset;
    v->card.apdu = cac_apdu;
    v->card.free = cac_free;
    v->card.verified = cac_verified;
    v->card.pin = cac_pin;
    v->card.select_other = cac_select_other;
    memcpy(v->card.atr, atr, sizeof atr);
    v->card.atr_len = sizeof atr;
    v->card.protocol = 0;
    sim_random_start(&v->random);
    return &v->card;
}
