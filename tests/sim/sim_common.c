// sim_common.c: what the simulated cards share; sim_common.h says what that is.
// SPDX-License-Identifier: 0BSD
#include "sim_common.h"
#include "sim_keys.h"
#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifndef SIM_OPENSSL
#define SIM_OPENSSL 0
#endif
#if SIM_OPENSSL
#include <openssl/evp.h>
#endif

#define KEY(bits, rsa, name) \
    { sim_key_##name, sim_cert_##name, sizeof sim_key_##name, sizeof sim_cert_##name, bits, rsa }

const struct sim_key_data *sim_key_data(enum sim_key key)
{
    static const struct sim_key_data table[SIM_KEYS] = {
        { NULL, NULL, 0, 0, 0, false }, KEY(1024, true, rsa1024), KEY(2048, true, rsa2048a),
        KEY(2048, true, rsa2048b), KEY(3072, true, rsa3072), KEY(4096, true, rsa4096),
        KEY(256, false, p256a), KEY(256, false, p256b), KEY(384, false, p384a),
        KEY(384, false, p384b), KEY(255, false, ed25519), KEY(255, false, x25519),
        KEY(521, false, p521a), KEY(192, false, p192a), KEY(256, false, bp256a),
        KEY(384, false, bp384a), KEY(512, false, bp512a), KEY(256, false, k256a),
    };
    return &table[key];
}

const uint8_t *sim_key_consent(size_t *n)
{
    *n = sizeof sim_cert_p256b_nr;
    return sim_cert_p256b_nr;
}

// ---- TLV ----

void sim_put(struct sim_answer *a, const void *p, size_t n)
{
    if (n > sizeof a->out - a->n) abort();
    if (n) memcpy(a->out + a->n, p, n);
    a->n += n;
}

void sim_put_head(struct sim_answer *a, unsigned tag, size_t n)
{
    uint8_t head[6];
    size_t at = 0;
    if (tag > 0xff) head[at++] = (uint8_t)(tag >> 8);
    head[at++] = (uint8_t)tag;
    if (n > 0xff) { head[at++] = 0x82; head[at++] = (uint8_t)(n >> 8); }
    else if (n > 0x7f) head[at++] = 0x81;
    head[at++] = (uint8_t)n;
    sim_put(a, head, at);
}

void sim_put_tlv(struct sim_answer *a, unsigned tag, const void *p, size_t n)
{
    sim_put_head(a, tag, n);
    sim_put(a, p, n);
}

void sim_wrap(struct sim_answer *a, size_t from, unsigned tag)
{
    size_t n = a->n - from, at = a->n;
    sim_put_head(a, tag, n);
    size_t head = a->n - at;
    uint8_t copy[6];
    memcpy(copy, a->out + at, head);
    memmove(a->out + from + head, a->out + from, n);
    memcpy(a->out + from, copy, head);
}

const uint8_t *sim_get_tlv(const uint8_t *p, size_t n, uint8_t tag, size_t *len)
{
    while (n >= 2) {
        size_t l = p[1], head = 2;
        if (l > 0x82 || l == 0x80 || (l == 0x81 && n < 3) || (l == 0x82 && n < 4)) return NULL;
        if (l == 0x81) { l = p[2]; head = 3; }
        else if (l == 0x82) { l = (size_t)p[2] << 8 | p[3]; head = 4; }
        if (l > n - head) return NULL;
        if (*p == tag) { *len = l; return p + head; }
        p += head + l;
        n -= head + l;
    }
    return NULL;
}

// ---- Commands in, answers out ----

bool sim_decode(const uint8_t *p, size_t n, struct sim_command *c)
{
    if (n < 4) return false;
    *c = (struct sim_command){ p[0], p[1], p[2], p[3], NULL, 0, 0, false };
    p += 4;
    n -= 4;
    if (!n) return true;
    if (n == 1) return c->le = *p ? *p : 256, true;
    if (*p) {
        size_t lc = *p;
        if (n != 1 + lc && n != 2 + lc) return false;
        c->data = p + 1;
        c->n = lc;
        if (n == 2 + lc) c->le = p[1 + lc] ? p[1 + lc] : 256;
        return true;
    }
    c->extended = true;
    if (n < 3) return false;
    size_t two = (size_t)p[1] << 8 | p[2];
    if (n == 3) return c->le = two ? two : 65536, true;
    if (!two || (n != 3 + two && n != 5 + two)) return false;
    c->data = p + 3;
    c->n = two;
    if (n == 5 + two) {
        c->le = (size_t)p[3 + two] << 8 | p[4 + two];
        if (!c->le) c->le = 65536;
    }
    return true;
}

// ---- Secrets ----

struct sim_seen sim_seen;

// PUT DATA brings a key in a template: 7F48, 4D of OpenPGP, 70 of GIDS; or, as DA 01 nn of MyEID, a
// part of one, or a PIN. DA 00 D3 is OpenPGP's reset code.
static bool is_stored_secret(const struct sim_command *c)
{
    bool whole = c->ins == 0xdb && c->p1 == 0x3f && c->p2 == 0xff && c->n;
    if (c->ins == 0xda && !c->p1 && c->p2 == 0xd3) return c->n > 0;
    if (c->ins == 0xda) return c->p1 == 0x01 && c->p2 != 0xe0 && c->n;
    return whole && (*c->data == 0x7f || *c->data == 0x4d || *c->data == 0x70);
}

bool sim_is_secret(const struct sim_command *c)
{
    switch (c->ins) {
    case 0x20:
    case 0x24:
    case 0x2c:
    case 0x82:
    case 0xfe:
    case 0xff: return c->n > 0;
    case 0x87: return c->p2 == 0x9b && c->n > 4;        // more than 7C 02 8x 00, which asks
    default:   return is_stored_secret(c);
    }
}

void sim_saw_stray(struct sim_card *card)
{
    card->stray_secrets++;
    __atomic_add_fetch(&sim_seen.stray_secrets, 1, __ATOMIC_RELAXED);
}

void sim_took_try(struct sim_card *card)
{
    card->tries_taken++;
    __atomic_add_fetch(&sim_seen.tries_taken, 1, __ATOMIC_RELAXED);
}

static size_t give(uint8_t *rsp, const uint8_t *p, size_t n, unsigned sw)
{
    if (n) memcpy(rsp, p, n);
    rsp[n] = (uint8_t)(sw >> 8);
    rsp[n + 1] = (uint8_t)sw;
    return n + 2;
}

// As much of what is pending as Le allows, and 61xx when there is more.
static size_t give_pending(struct sim_line *l, size_t le, unsigned sw, uint8_t *rsp)
{
    size_t left = l->pending_len - l->pending_at, most = l->pieces && le > 255 ? 255 : le;
    size_t n = left < most ? left : most;
    const uint8_t *p = l->pending + l->pending_at;
    l->pending_at += n;
    left -= n;
    return give(rsp, p, n, left ? 0x6100u | (unsigned)(left > 255 ? 0 : left) : sw);
}

// Collects a chain. Returns the status word to answer, 0: the command is whole now.
static unsigned collect(struct sim_line *l, struct sim_command *c)
{
    if (l->chain_len && l->chain_ins != c->ins) l->chain_len = 0;
    if (l->by_part && l->by_part(c)) return 0;
    if (!(c->cla & 0x10) && !l->chain_len) return 0;
    if (l->no_chaining) return 0x6884;
    if (c->n > sizeof l->chain - l->chain_len) return l->chain_len = 0, 0x6700;
    if (c->n) memcpy(l->chain + l->chain_len, c->data, c->n);
    l->chain_len += c->n;
    l->chain_ins = c->ins;
    if (c->cla & 0x10) return 0x9000;
    c->data = l->chain;
    c->n = l->chain_len;
    l->chain_len = 0;
    return 0;
}

void sim_line_reset(struct sim_line *l)
{
    l->chain_len = l->pending_len = l->pending_at = 0;
}

// Answers a whole command's data the way Le and the protocol have it.
static size_t answer(struct sim_line *l, const struct sim_command *c, unsigned sw, uint8_t *rsp)
{
    size_t n = l->pending_len;
    if (l->t0 && c->n)                          // T=0: the answer to a command with data is fetched
        return give(rsp, NULL, 0, 0x6100u | (unsigned)(n > 255 ? 0 : n));
    if (l->t0 && c->le < 256 && n != c->le && n < 256)
        return give(rsp, NULL, 0, 0x6c00u | (unsigned)n);
    if (l->wants_le && !l->t0 && !c->le)
        return give(rsp, NULL, 0, 0x6c00u | (unsigned)(n & 0xff));
    return give_pending(l, c->le ? c->le : 256, sw, rsp);
}

size_t sim_line_apdu(struct sim_line *l, void *card, sim_run *run, bool all_cla, const uint8_t *cmd,
                     size_t n, uint8_t *rsp)
{
    struct sim_command c;
    if (!sim_decode(cmd, n, &c)) return give(rsp, NULL, 0, 0x6700);
    if (c.extended && !l->extended) return give(rsp, NULL, 0, 0x6700);
    if (!all_cla && c.cla & 0xef) return give(rsp, NULL, 0, 0x6e00);
    if (c.ins == 0xc0) return l->pending_at < l->pending_len
        ? give_pending(l, c.le ? c.le : 256, 0x9000, rsp) : give(rsp, NULL, 0, 0x6985);
    l->pending_len = l->pending_at = 0;
    unsigned sw = collect(l, &c);
    if (sw) return give(rsp, NULL, 0, sw);
    struct sim_answer *a = calloc(1, sizeof *a);
    if (!a) abort();
    sw = run(card, &c, a);
    if (sw == 0x9000 || sw >> 8 == 0x62) {
        memcpy(l->pending, a->out, a->n);
        l->pending_len = a->n;
    }
    free(a);
    return l->pending_len ? answer(l, &c, sw, rsp) : give(rsp, NULL, 0, sw);
}

// ---- Private keys at work ----

void sim_random_start(struct sim_random *r)
{
    mbedtls_entropy_init(&r->entropy);
    mbedtls_ctr_drbg_init(&r->random);
    if (mbedtls_ctr_drbg_seed(&r->random, mbedtls_entropy_func, &r->entropy, NULL, 0)) abort();
}

void sim_random_stop(struct sim_random *r)
{
    mbedtls_ctr_drbg_free(&r->random);
    mbedtls_entropy_free(&r->entropy);
}

void sim_random_get(struct sim_random *r, uint8_t *out, size_t n)
{
    for (size_t part; n; out += part, n -= part) {
        part = n < 256 ? n : 256;
        if (mbedtls_ctr_drbg_random(&r->random, out, part)) abort();
    }
}

// For mbedTLS, which blinds what it computes while it reads a key.
static int any_bytes(void *state, unsigned char *p, size_t n)
{
    static unsigned char next;
    (void)state;
    while (n--) *p++ = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED);
    return 0;
}

void sim_key_parse(mbedtls_pk_context *pk, const struct sim_key_data *d)
{
    mbedtls_pk_init(pk);
    if (mbedtls_pk_parse_key(pk, d->key, d->key_len, NULL, 0, any_bytes, NULL)) abort();
}

mbedtls_ecp_group_id sim_curve_of(const uint8_t *prime, size_t n)
{
    mbedtls_ecp_group_id found = MBEDTLS_ECP_DP_NONE;
    for (const mbedtls_ecp_group_id *id = mbedtls_ecp_grp_id_list(); *id && !found; id++) {
        mbedtls_ecp_group group;
        uint8_t p[66];
        mbedtls_ecp_group_init(&group);
        if (!mbedtls_ecp_group_load(&group, *id) && n <= sizeof p &&
            !mbedtls_mpi_write_binary(&group.P, p, n) && !memcmp(p, prime, n)) found = *id;
        mbedtls_ecp_group_free(&group);
    }
    return found;
}

size_t sim_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    deflateEnd(&z);
    return room - z.avail_out;
}

bool sim_is_rsa(const mbedtls_pk_context *pk) { return mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA); }

// What keys have made of what, if sim_remembers.
bool sim_remembers;
static struct { uint8_t of[32], out[512]; size_t n; } known[8];
static unsigned known_next;

enum { USE_RAW = 1, USE_ECDSA, USE_ECDSA_DER, USE_ECDH, USE_DECRYPT = 1 << 16 };     // and the padding
struct use { mbedtls_pk_context *pk; unsigned how; const uint8_t *in; size_t n; };

static void name_use(const struct use *u, uint8_t of[32])
{
    uint8_t key[512 + 4] = { (uint8_t)(u->how >> 16), (uint8_t)(u->how >> 8), (uint8_t)u->how,
                             (uint8_t)sim_is_rsa(u->pk) };
    if (sim_is_rsa(u->pk) ? mbedtls_rsa_export_raw(mbedtls_pk_rsa(*u->pk), key + 4, sizeof key - 4,
                                                   NULL, 0, NULL, 0, NULL, 0, NULL, 0)
                          : mbedtls_mpi_write_binary(&mbedtls_pk_ec(*u->pk)->d, key + 4, 66)) abort();
    if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, sizeof key, u->in, u->n,
                        of)) abort();
}

static bool recall(const struct use *u, struct sim_answer *a)
{
    uint8_t of[32];
    if (!sim_remembers) return false;
    name_use(u, of);
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        if (!known[i].n || memcmp(known[i].of, of, 32)) continue;
        sim_put(a, known[i].out, known[i].n);
        return true;
    }
    return false;
}

// What has come to a since from.
static void remember(const struct use *u, const struct sim_answer *a, size_t from)
{
    unsigned at = known_next % (sizeof known / sizeof *known);
    if (!sim_remembers || a->n - from > sizeof known->out) return;
    name_use(u, known[at].of);
    memcpy(known[at].out, a->out + from, known[at].n = a->n - from);
    known_next++;
}

// The private operation on a block as long as the modulus, to out.
static bool rsa_block(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, uint8_t *out)
{
    return sim_is_rsa(pk) &&
        !mbedtls_rsa_private(mbedtls_pk_rsa(*pk), mbedtls_ctr_drbg_random, &r->random, in, out);
}

sim_private *sim_private_instead;

const uint8_t sim_p256_point[65] = {
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
    0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
    0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
    0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5
};

unsigned sim_rsa_raw(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                     struct sim_answer *a)
{
    uint8_t block[512] = { 0 }, out[512];
    size_t size = mbedtls_pk_get_len(pk);
    if (!sim_is_rsa(pk) || n > size || size > sizeof block) return 0x6a80;
    if (sim_private_instead) return sim_private_instead(in, n, a);
    if (n) memcpy(block + size - n, in, n);
    const struct use use = { pk, USE_RAW, block, size };
    const size_t from = a->n;
    if (recall(&use, a)) return 0x9000;
    if (!rsa_block(r, pk, block, out)) return 0x6a80;
    sim_put(a, out, size);
    remember(&use, a, from);
    return 0x9000;
}

// RFC 8017 9.2: 00 01 FF ... FF 00 content
unsigned sim_rsa_pkcs1(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                       struct sim_answer *a)
{
    uint8_t block[512];
    size_t size = mbedtls_pk_get_len(pk);
    if (!sim_is_rsa(pk) || size > sizeof block || n + 11 > size) return 0x6a80;
    memset(block, 0xff, size);
    block[0] = 0x00;
    block[1] = 0x01;
    block[size - n - 1] = 0x00;
    if (n) memcpy(block + size - n, in, n);
    return sim_rsa_raw(r, pk, block, size, a);
}

unsigned sim_rsa_digest(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                        const uint8_t *in, size_t n, struct sim_answer *a)
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    uint8_t content[128];
    const char *oid;
    size_t oid_len;
    if (!info || n != mbedtls_md_get_size(info)) return 0x6a80;
    if (mbedtls_oid_get_oid_by_md(md, &oid, &oid_len)) return 0x6a80;
    // SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }
    const uint8_t head[6] = { 0x30, (uint8_t)(oid_len + n + 8), 0x30, (uint8_t)(oid_len + 4), 0x06,
                              (uint8_t)oid_len };
    const uint8_t tail[4] = { 0x05, 0x00, 0x04, (uint8_t)n };
    memcpy(content, head, 6);
    memcpy(content + 6, oid, oid_len);
    memcpy(content + 6 + oid_len, tail, 4);
    memcpy(content + 10 + oid_len, in, n);
    return sim_rsa_pkcs1(r, pk, content, 10 + oid_len + n, a);
}

unsigned sim_rsa_pss(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                     const uint8_t *in, size_t n, struct sim_answer *a)
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    uint8_t out[512];
    if (!sim_is_rsa(pk) || !info || n != mbedtls_md_get_size(info)) return 0x6a80;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, (int)md);
    int failed = mbedtls_rsa_rsassa_pss_sign(rsa, mbedtls_ctr_drbg_random, &r->random, md,
                                             (unsigned)n, in, out);
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_NONE);
    if (failed) return 0x6a80;
    sim_put(a, out, mbedtls_rsa_get_len(rsa));
    return 0x9000;
}

static unsigned decrypt(struct sim_random *r, mbedtls_pk_context *pk, int padding,
                        mbedtls_md_type_t md, const uint8_t *in, size_t n, struct sim_answer *a)
{
    uint8_t out[512];
    size_t len = 0;
    if (!sim_is_rsa(pk) || n != mbedtls_pk_get_len(pk)) return 0x6a80;
    const struct use use = { pk, USE_DECRYPT + 256u * (unsigned)padding + (unsigned)md, in, n };
    const size_t from = a->n;
    if (recall(&use, a)) return 0x9000;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    mbedtls_rsa_set_padding(rsa, padding, (int)md);
    int failed = mbedtls_rsa_pkcs1_decrypt(rsa, mbedtls_ctr_drbg_random, &r->random, &len,
                                           in, out, sizeof out);
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_NONE);
    if (failed) return 0x6a80;
    sim_put(a, out, len);
    remember(&use, a, from);
    return 0x9000;
}

unsigned sim_rsa_decrypt(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *in, size_t n,
                         struct sim_answer *a)
{
    return decrypt(r, pk, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_NONE, in, n, a);
}

unsigned sim_rsa_oaep(struct sim_random *r, mbedtls_pk_context *pk, mbedtls_md_type_t md,
                      const uint8_t *in, size_t n, struct sim_answer *a)
{
    return decrypt(r, pk, MBEDTLS_RSA_PKCS_V21, md, in, n, a);
}

// SEQUENCE { INTEGER r, INTEGER s }
static void put_der(struct sim_answer *a, const mbedtls_mpi *one, const mbedtls_mpi *two)
{
    const mbedtls_mpi *both[2] = { one, two };
    uint8_t number[67];
    size_t from = a->n;
    for (int i = 0; i < 2; i++) {
        size_t n = mbedtls_mpi_bitlen(both[i]) / 8 + 1;     // with a 00 before a high first bit
        if (mbedtls_mpi_write_binary(both[i], number, n)) abort();
        sim_put_tlv(a, 0x02, number, n);
    }
    sim_wrap(a, from, 0x30);
}

unsigned sim_ecdsa(struct sim_random *r, mbedtls_pk_context *pk, bool der, const uint8_t *in,
                   size_t n, struct sim_answer *a)
{
    mbedtls_mpi one, two;
    uint8_t out[132];
    unsigned sw = 0x6a80;
    if (sim_is_rsa(pk) || !n) return 0x6a80;
    const struct use use = { pk, der ? USE_ECDSA_DER : USE_ECDSA, in, n };
    const size_t from = a->n;
    if (recall(&use, a)) return 0x9000;
    mbedtls_ecp_keypair *key = mbedtls_pk_ec(*pk);
    size_t size = (key->grp.nbits + 7) / 8;
    mbedtls_mpi_init(&one);
    mbedtls_mpi_init(&two);
    if (!mbedtls_ecdsa_sign(&key->grp, &one, &two, &key->d, in, n, mbedtls_ctr_drbg_random,
                            &r->random)) {
        sw = 0x9000;
        if (der) {
            put_der(a, &one, &two);
        } else if (mbedtls_mpi_write_binary(&one, out, size) ||
                   mbedtls_mpi_write_binary(&two, out + size, size)) {
            sw = 0x6f00;
        } else {
            sim_put(a, out, 2 * size);
        }
        if (sw == 0x9000) remember(&use, a, from);
    }
    mbedtls_mpi_free(&one);
    mbedtls_mpi_free(&two);
    return sw;
}

unsigned sim_ecdh(struct sim_random *r, mbedtls_pk_context *pk, const uint8_t *point, size_t n,
                  struct sim_answer *a)
{
    mbedtls_ecp_point peer;
    mbedtls_mpi z;
    uint8_t out[66];
    unsigned sw = 0x6a80;
    if (sim_is_rsa(pk)) return 0x6a80;
    if (sim_private_instead) return sim_private_instead(point, n, a);
    const struct use use = { pk, USE_ECDH, point, n };
    const size_t from = a->n;
    if (recall(&use, a)) return 0x9000;
    mbedtls_ecp_keypair *key = mbedtls_pk_ec(*pk);
    size_t size = (key->grp.pbits + 7) / 8;
    mbedtls_ecp_point_init(&peer);
    mbedtls_mpi_init(&z);
    if (!mbedtls_ecp_point_read_binary(&key->grp, &peer, point, n) &&
        !mbedtls_ecp_check_pubkey(&key->grp, &peer) &&
        !mbedtls_ecdh_compute_shared(&key->grp, &z, &peer, &key->d, mbedtls_ctr_drbg_random,
                                     &r->random) &&
        !mbedtls_mpi_write_binary(&z, out, size)) {
        sim_put(a, out, size);
        remember(&use, a, from);
        sw = 0x9000;
    }
    mbedtls_ecp_point_free(&peer);
    mbedtls_mpi_free(&z);
    return sw;
}

// ---- Curve25519 ----

#if SIM_OPENSSL
unsigned sim_ed25519(const uint8_t *key, const uint8_t *in, size_t n, struct sim_answer *a)
{
    uint8_t out[64];
    size_t len = sizeof out;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = EVP_DigestSignInit(md, NULL, NULL, NULL, own) == 1 &&
        EVP_DigestSign(md, out, &len, in, n) == 1;
    if (good) sim_put(a, out, len);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(own);
    return good ? 0x9000 : 0x6a80;
}

unsigned sim_x25519(const uint8_t *key, const uint8_t *peer, size_t n, struct sim_answer *a)
{
    uint8_t out[32];
    size_t len = sizeof out;
    if (sim_private_instead) return sim_private_instead(peer, n, a);
    if (n != 32) return 0x6a80;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, 32),
        *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
    EVP_PKEY_CTX *kex = EVP_PKEY_CTX_new(own, NULL);
    bool good = other && EVP_PKEY_derive_init(kex) == 1 &&
        EVP_PKEY_derive_set_peer(kex, other) == 1 && EVP_PKEY_derive(kex, out, &len) == 1;
    if (good) sim_put(a, out, len);
    EVP_PKEY_CTX_free(kex);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    return good ? 0x9000 : 0x6a80;
}

bool sim_25519_public(bool ed, const uint8_t *key, uint8_t out[32])
{
    size_t len = 32;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(ed ? EVP_PKEY_ED25519 : EVP_PKEY_X25519, NULL,
                                                 key, 32);
    bool good = EVP_PKEY_get_raw_public_key(own, out, &len) == 1;
    EVP_PKEY_free(own);
    return good;
}
#else
unsigned sim_ed25519(const uint8_t *key, const uint8_t *in, size_t n, struct sim_answer *a)
{
    (void)key; (void)in; (void)n; (void)a;
    return 0x6a80;
}

unsigned sim_x25519(const uint8_t *key, const uint8_t *peer, size_t n, struct sim_answer *a)
{
    (void)key; (void)peer; (void)n; (void)a;
    return 0x6a80;
}

bool sim_25519_public(bool ed, const uint8_t *key, uint8_t out[32])
{
    (void)ed; (void)key; (void)out;
    return false;
}
#endif
