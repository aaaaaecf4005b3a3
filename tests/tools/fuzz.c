// fuzz.c: libFuzzer entries: ./build.sh fuzz <entry> [seconds]. SPDX-License-Identifier: 0BSD
//
// One entry is compiled at a time, by FUZZ_<entry>. An input is read from its front: what it
// decides (a choice, a length, an answer of the card) comes from the next bytes, and 0 when there
// are none left. FUZZ_SEEDS is a program that writes the inputs in tests/data/corpus:
// (those of p11 with words for names were found; those of p15 are directories of tests/unit/p15object.c)
//     cc -DFUZZ_SEEDS -DSCARD11_READER=2 tests/tools/fuzz.c tests/sim/sim_*.c ... -o seeds && ./seeds
#include "../../scard11.c"

#include "../sim/sim_cac.h"
#include "../sim/sim_files.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_piv.h"
#include "../sim/sim_reader.h"
#include "../sim/sim_schsm.h"

#define MUST(cond) do { if (!(cond)) fuzz_wrong(__LINE__, #cond); } while (0)
#if defined(__GNUC__)
#define MAYBE __attribute__((unused))       // not every entry uses every helper
#else
#define MAYBE
#endif

MAYBE static void fuzz_wrong(int line, const char *what)
{
    fprintf(stderr, "fuzz.c:%d: not so: %s\n", line, what);
    abort();
}

// ---- The input ----

MAYBE static unsigned take8(bytes *in)
{
    unsigned v = in->n ? *in->p : 0;
    *in = bytes_from(*in, 1);
    return v;
}

MAYBE static unsigned take16(bytes *in)
{
    unsigned high = take8(in);
    return high << 8 | take8(in);
}

MAYBE static bytes take(bytes *in, size_t n)
{
    bytes head = bytes_head(*in, n);
    *in = bytes_from(*in, n);
    return head;
}

// A copy of exactly so many bytes, so that a step beyond its end is seen. To be freed.
MAYBE static void *copy_of(bytes b)
{
    void *p = malloc(b.n ? b.n : 1);
    if (b.n) memcpy(p, b.p, b.n);
    return p;
}

MAYBE static bool within(bytes inner, bytes outer)
{
    return !inner.n || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n);
}

// Scratch as a call has it.
static u8 __attribute__((aligned(16))) fuzz_room[SCARD11_SCRATCH];

MAYBE static struct scratch fuzz_scratch(void)
{
    return scratch_on(fuzz_room, sizeof fuzz_room);
}

#if defined(FUZZ_tlv)
static void walk(bytes all, int depth)
{
    bytes rest = all, value, number;
    struct tlv t;
    while (depth < 8 && !tlv_next(&rest, &t)) {
        MUST(within(t.whole, all) && within(t.value, t.whole) && t.whole.n > t.value.n);
        MUST(tlv_find(all, t.tag, &value));
        MUST(!tlv_open(t.whole, t.tag, &value) && value.p == t.value.p && value.n == t.value.n);
        if (!tlv_integer(t.value, &number)) MUST(within(number, t.value));
        size_t size = tlv_size(t.tag, t.value.n);
        struct buf b = buf_on(fuzz_room, sizeof fuzz_room);
        tlv_put(&b, t.tag, t.value);
        MUST(b.full || b.n == size);
        bytes again = buf_bytes(&b);
        struct tlv same;
        // A tag of more bytes than it needs (1f 00) is taken as it stands, and stays itself.
        MUST(b.full || (!tlv_next(&again, &same) && same.tag == t.tag &&
                        bytes_equal(same.value, t.value)));
        walk(t.value, depth + 1);
    }
    MUST(within(rest, all));
}

static void fuzz(bytes in)
{
    walk(in, 0);
}
#endif

#if defined(FUZZ_x509)
static void fuzz(bytes in)
{
    struct scratch scratch = fuzz_scratch();
    struct x509 x;
    struct alg_key k, again;
    bytes der;
    u16 bits;
    char date[8];
    u8 room[1024];
    struct buf spki = buf_on(room, sizeof room);

    if (!pivkey_open_certificate(in, &scratch, &der)) x509_parse(der, &x);
    if (pivkey_shows_key(in)) MUST(!tlv_open_some(in, true, PIV_TAG_DATA, &der));
    if (!x509_parse_some(in, true, &x)) MUST(within(x.spki, in) && within(x.extensions, in));
    if (x509_parse(in, &x)) return;
    MUST(within(x.whole, in) && within(x.serial, in) && within(x.issuer, in));
    MUST(within(x.subject, in) && within(x.spki, in) && within(x.extensions, in));
    x509_key_usage(&x, &bits);
    if (!x509_date(x.not_before, date)) MUST(date[0] >= '0' && date[0] <= '9');
    x509_date(x.not_after, date);
    if (alg_parse_spki(x.spki, &k)) return;
    MUST(alg_signature_size(&k) && alg_signature_size(&k) <= ALG_RSA_MAX_BITS / 8);
    alg_encode_spki(&k, &spki);
    MUST(!spki.full && !alg_parse_spki(buf_bytes(&spki), &again));
    MUST(again.type == k.type && again.bits == k.bits && again.curve == k.curve);
    MUST(bytes_equal(again.modulus, k.modulus) && bytes_equal(again.exponent, k.exponent));
    MUST(bytes_equal(again.point, k.point));
}
#endif

#if defined(FUZZ_zlib)
static void fuzz(bytes in)
{
    struct scratch scratch = fuzz_scratch();
    bytes out = BYTES_NONE;
    if (zlib_inflate(in, &scratch, &out)) return;
    MUST(within(out, bytes_of(fuzz_room, sizeof fuzz_room)));
    MUST(out.n < 200 * (in.n + 100) * 10 && scratch.at >= out.p + out.n);
}
#endif

#if defined(FUZZ_pad)
// What was sealed opens again; what was not must not be read beyond its end.
static void fuzz(bytes in)
{
    struct scratch scratch = fuzz_scratch();
    u8 a[1024], b[1024];
    struct buf block = buf_on(a, sizeof a), out = buf_on(b, sizeof b);
    unsigned what = take8(&in);
    const struct alg_hash *hash = &alg_hashes[take8(&in) % COUNT(alg_hashes)];
    const struct alg_hash *mgf = &alg_hashes[take8(&in) % COUNT(alg_hashes)];
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_OAEP, .hash = hash, .mgf = mgf,
                           .salt = take8(&in) };
    size_t size = 64 + take16(&in) % (512 - 64 + 1);
    bytes label = take(&in, what >> 4), data = bytes_head(in, size);

    switch (what & 7) {
    case 0: padding_pkcs1_open(data, &out); return;
    case 1: padding_oaep_open(&use, label, data, scratch, &out); return;
    case 2: padding_pss_check(&use, bytes_of(a, hash->size), (u32)data.n * 8 - (what >> 4) % 8, data,
                          scratch); return;
    case 3: padding_ecdsa_to_raw(in, size % 67, &out); return;
    case 4:
        if (padding_pkcs1_seal(data, size, &block)) return;
        MUST(block.n == size && !padding_pkcs1_open(buf_bytes(&block), &out));
        MUST(bytes_equal(buf_bytes(&out), data));
        return;
    case 5:
        if (padding_oaep_seal(&use, label, data, size, &block)) return;
        MUST(block.n == size && !padding_oaep_open(&use, label, buf_bytes(&block), scratch, &out));
        MUST(bytes_equal(buf_bytes(&out), data));
        return;
    case 6: {
        u32 bits = (u32)size * 8 - (what >> 4) % 8;
        bytes digest = bytes_of(b, hash->size);
        memset(b, 7, sizeof b);
        if (padding_pss(&use, digest, bits, scratch, &block)) return;
        MUST(block.n == size && !padding_pss_check(&use, digest, bits, buf_bytes(&block), scratch));
        a[take16(&in) % size] ^= (u8)(1 << (what >> 5));
        MUST(padding_pss_check(&use, digest, bits, buf_bytes(&block), scratch) == ST_SIG_INVALID);
        return;
    }
    default:
        padding_pkcs1_sign(data, size, &block);
        padding_digest_info(hash, bytes_head(data, hash->size), &out);
    }
}
#endif

#if defined(FUZZ_attr)
// Templates against one object of each class.
static const struct driver driver = { .name = "fuzz" };
static struct card card;
static struct token token;
static struct x509 certificate;
static struct alg_key key;

static struct object *objects(bytes in, struct object *secret)
{
    static struct object list[5];
    static const u8 id[] = { 5 };
    size_t len;
    const uint8_t *der = sim_piv_certificate(take8(&in) & 1 ? SIM_RSA2048A : SIM_P256A, &len);
    MUST(!x509_parse(bytes_of(der, len), &certificate));
    MUST(!alg_parse_spki(certificate.spki, &key));
    token.driver = &driver;
    memcpy(token.serial, "0123456789abcdef", 17);
    for (size_t i = 0; i < COUNT(list); i++)
        list[i] = (struct object){ .class = i < 4 ? i : CKO_SECRET_KEY, .token = &token,
                                   .handle = i + 1, .key = i == 2 || i == 3 ? &key : NULL,
                                   .x509 = i == 0 ? NULL : &certificate, .use = CARD_SIGN,
                                   .id = { id, 1 }, .value = certificate.whole,
                                   .label = bytes_text("label") };
    list[4].x509 = NULL;
    list[4].owner = 77;
    *secret = list[4];
    return list;
}

static void fuzz(bytes in)
{
    struct object secret, *list = objects(in, &secret);
    CK_ATTRIBUTE t[16];
    struct query q;
    CK_ULONG n = take8(&in) % 17;

    arena_init(&card.arena, SCARD11_CARD_MEMORY);
    token.login = n & 1;
    for (CK_ULONG i = 0; i < n; i++) {
        unsigned how = take8(&in);
        t[i].type = how & 1 ? attr_rows[take8(&in) % COUNT(attr_rows)].type : take16(&in);
        t[i].ulValueLen = how & 2 ? how >> 4 : take16(&in);
        bytes value = take(&in, t[i].ulValueLen);
        t[i].ulValueLen = value.n;
        t[i].pValue = how & 8 ? NULL : copy_of(value);
        if (how & 4 && !attr_put(&card, &list[4], t[i].type, value)) MUST(list[4].attributes.n);
    }
    st s = attr_check_template(t, n);
    if (!s) attr_query(t, n, &token, &q);
    for (size_t i = 0; i < 5; i++) {
        struct scratch scratch = fuzz_scratch();
        if (!s) attr_match(&list[i], t, n, scratch);
        for (CK_ULONG k = 0; k < n; k++) {
            CK_ATTRIBUTE a = t[k];
            st one = attr_copy_out(&list[i], &a, scratch);
            MUST(!one == (a.ulValueLen != CK_UNAVAILABLE_INFORMATION));
        }
    }
    for (CK_ULONG i = 0; i < n; i++) free(t[i].pValue);
    arena_free(&card.arena);
}
#endif

#if defined(FUZZ_link) || defined(FUZZ_p11) || defined(FUZZ_write)
// ---- A card that answers anything ----
// A byte of its part of the input decides on each answer: that of a good PIV card, or that with a
// few bytes changed, or bytes of the input.

static const struct sim_piv_key fuzz_keys[] = {
    { .ref = 0x9a, .key = SIM_P256A },  { .ref = 0x9c, .key = SIM_RSA1024 },
    { .ref = 0x9d, .key = SIM_RSA1024 }, { .ref = 0x9e, .key = SIM_P256B },
    { .ref = 0x82, .key = SIM_P256A, .gzip = true }, { .ref = 0x83, .key = SIM_X25519 },
    { .ref = 0x84, .key = SIM_ED25519, .no_certificate = true },
};

struct liar {
    struct sim_card card;
    struct sim_card *good;
    bytes in;               // what its answers come from
};

static void liar_reset(struct sim_card *card)
{
    struct liar *l = (struct liar *)(void *)card;
    l->good->reset(l->good);
}

static size_t liar_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                        size_t room)
{
    struct liar *l = (struct liar *)(void *)card;
    unsigned how = take8(&l->in);
    card->apdus++;
    if (how < 0xa0) return l->good->apdu(l->good, cmd, n, rsp, room);
    if (how < 0xd0) {
        size_t len = l->good->apdu(l->good, cmd, n, rsp, room);
        for (unsigned i = how & 3; i < 4; i++) rsp[take16(&l->in) % len] = (u8)take8(&l->in);
        return how & 8 && len > 3 ? 2 + take16(&l->in) % (len - 2) : len;
    }
    bytes data = take(&l->in, how & 1 ? take16(&l->in) : take8(&l->in));
    if (data.n) memcpy(rsp, data.p, data.n);
    unsigned sw = how & 2 ? 0x9000 : take16(&l->in);
    rsp[data.n] = (u8)(sw >> 8);
    rsp[data.n + 1] = (u8)sw;
    return data.n + 2;
}

static void liar_free(struct sim_card *card)
{
    struct liar *l = (struct liar *)(void *)card;
    l->good->free(l->good);
}

// The card that this input decides on, in a reader, and the library up.
static struct liar fuzz_liar;
static struct sim_card *fuzz_other;         // to be swapped with
static int fuzz_reader;

// good: what lies about it is in; other: to be swapped with.
static void fuzz_insert(bytes *in, struct sim_card *good, struct sim_card *other)
{
    sim_reader_clear();
    fuzz_liar.good = good;
    fuzz_liar.card = *good;
    fuzz_other = other;
    fuzz_liar.card.reset = liar_reset;
    fuzz_liar.card.apdu = liar_apdu;
    fuzz_liar.card.free = liar_free;
    fuzz_liar.card.verified = NULL;
    fuzz_liar.in = take(in, take16(in));
    fuzz_reader = sim_reader_add("Fuzzed Reader 00 00");
    sim_reader_insert(fuzz_reader, &fuzz_liar.card);
    MUST(C_Initialize(NULL) == CKR_OK);
}

MAYBE static void fuzz_begin(bytes *in)
{
    unsigned how = take8(in);
    struct sim_piv_options options = {
        .keys = fuzz_keys, .n_keys = how & 1 ? COUNT(fuzz_keys) : 4, .extended = how & 2,
        .t0 = (how & 0x14) == 0x14, .yubikey = how & 8, .pieces = how & 16, .retired = 2,
        .discovery = how & 0x20 ? SIM_APPLICATION_PIN : how & 0x40 ? SIM_GLOBAL_PIN
            : SIM_NO_DISCOVERY,
        .no_history = how & 0x80 };
    struct sim_card *good = sim_piv_new(&options);
    options.second = true;
    fuzz_insert(in, good, sim_piv_new(&options));
}

static void fuzz_end(void)
{
    struct scard11_counters counters;
    if (!scard11_stats(0, &counters)) MUST(counters.card_memory <= SCARD11_CARD_MEMORY);
    MUST(C_Finalize(NULL) == CKR_OK);
    struct sim_reader_stats s = sim_reader_stats();
    MUST(!s.connections && !s.contexts);
    MUST(!s.unbalanced);
    MUST(!s.outside);
    MUST(!s.after_removed);
    sim_reader_clear();
    liar_free(&fuzz_liar.card);
    fuzz_other->free(fuzz_other);
}
#endif

#if defined(FUZZ_link)
// All that a program does with a card, from beginning to end.

static CK_SESSION_HANDLE session;

static void attributes(CK_OBJECT_HANDLE object)
{
    for (size_t i = 0; i < COUNT(attr_rows); i++) {
        CK_ATTRIBUTE a = { attr_rows[i].type, NULL, 0 };
        if (C_GetAttributeValue(session, object, &a, 1) || a.ulValueLen > 70000) continue;
        a.pValue = malloc(a.ulValueLen + 1);
        C_GetAttributeValue(session, object, &a, 1);
        free(a.pValue);
    }
}

static void use_key(CK_OBJECT_HANDLE key, CK_BBOOL each_time)
{
    static u8 data[32] = { 1, 2, 3 }, block[128] = { 0, 2 };
    static const CK_MECHANISM_TYPE signs[] = { CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, CKM_EDDSA };
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_NULL, 0, NULL, sizeof sim_p256_point,
                                    (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE secret;
    u8 out[600];
    CK_ULONG n;

    for (size_t i = 0; i <= COUNT(signs); i++) {
        m = (CK_MECHANISM){ i < COUNT(signs) ? signs[i] : CKM_SHA256_RSA_PKCS_PSS,
                            i < COUNT(signs) ? NULL : &pss, i < COUNT(signs) ? 0 : sizeof pss };
        if (C_SignInit(session, &m, key)) continue;
        if (each_time) C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)"123456", 6);
        C_Sign(session, data, sizeof data, out, (n = sizeof out, &n));
    }
    for (int i = 0; i < 2; i++) {
        m = (CK_MECHANISM){ i ? CKM_RSA_PKCS_OAEP : CKM_RSA_PKCS, i ? &oaep : NULL,
                            i ? sizeof oaep : 0 };
        if (!C_DecryptInit(session, &m, key))
            C_Decrypt(session, block, sizeof block, out, (n = sizeof out, &n));
    }
    m = (CK_MECHANISM){ CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh };
    C_DeriveKey(session, &m, key, NULL, 0, &secret);
    ecdh.ulPublicDataLen = 32;                              // of an X25519 key
    if (!C_DeriveKey(session, &m, key, NULL, 0, &secret)) attributes(secret);
}

static void fuzz(bytes in)
{
    CK_OBJECT_HANDLE found[64];
    CK_TOKEN_INFO info;
    CK_ULONG n = 0;
    u8 random[8];

    fuzz_begin(&in);
    unsigned which = take8(&in);                // of the private keys: operations take their time
    C_GetTokenInfo(0, &info);
    if (!C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session)) {
        C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
        if (!C_FindObjectsInit(session, NULL, 0)) C_FindObjects(session, found, 64, &n);
        C_FindObjectsFinal(session);
        for (CK_ULONG i = 0; i < n; i++) {
            CK_OBJECT_CLASS class = CKO_DATA;
            CK_BBOOL each_time = CK_FALSE;
            CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class },
                                 { CKA_ALWAYS_AUTHENTICATE, &each_time, 1 } };
            attributes(found[i]);
            C_GetAttributeValue(session, found[i], a, 2);
            if (class == CKO_PRIVATE_KEY && !(which-- % 4)) use_key(found[i], each_time);
        }
        C_SetPIN(session, (CK_UTF8CHAR *)"123456", 6, (CK_UTF8CHAR *)"654321", 6);
        C_GenerateRandom(session, random, sizeof random);
        C_Logout(session);
    }
    fuzz_end();
}
#endif

#if defined(FUZZ_write)
// ---- A card that is written, and answers anything ----
// What is made, stored, changed, destroyed and begun anew, in any order, by who may and who may not.

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;

struct fuzz_kind {
    struct sim_card *(*blank)(bool second);
    const char *so, *user;
};

static struct sim_card *blank_piv(bool second)
{
    return sim_piv_new(&(struct sim_piv_options){ .blank = true, .prepared = true, .second = second });
}

static struct sim_card *blank_yubikey(bool second)
{
    return sim_piv_new(&(struct sim_piv_options){ .blank = true, .prepared = true, .yubikey = true,
        .management = 10, .version = 0x050700, .extended = true, .second = second });
}

static struct sim_card *blank_openpgp(bool second)
{
    return sim_openpgp_new(&(struct sim_openpgp_options){ .empty = true, .second = second });
}

static struct sim_card *blank_schsm(bool second)
{
    return sim_schsm_new(&(struct sim_schsm_options){ .blank = true, .second = second });
}

static struct sim_card *blank_gids(bool second)
{
    return sim_gids_new(&(struct sim_gids_options){ .empty = true, .second = second });
}

static struct sim_card *blank_isoapplet(bool second)
{
    return sim_isoapplet_new(&(struct sim_isoapplet_options){ .empty = true, .second = second });
}

static struct sim_card *blank_myeid(bool second)
{
    return sim_myeid_new(&(struct sim_myeid_options){ .empty = true, .second = second });
}

// One in use, with the key that wraps its keys.
static struct sim_card *used_schsm(bool second)
{
    return sim_schsm_new(&(struct sim_schsm_options){ .two = true, .second = second,
        .dkek = "32 bytes that wrap all its keys." });
}

static struct sim_card *used_generic(bool second)
{
    return sim_generic_new(&(struct sim_generic_options){ .second = second,
        .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN,
        .creates = SIM_GENERIC_CREATES });
}

static const struct fuzz_kind fuzz_kinds[] = {
    { blank_piv, "010203040506070801020304050607080102030405060708", "123456" },
    { blank_yubikey, "010203040506070801020304050607080102030405060708", "123456" },
    { blank_openpgp, "12345678", "123456" },
    { blank_schsm, "3537363231383830", "123456" },
    { blank_gids, "000000000000000000000000000000000000000000000000", "123456" },
    { blank_isoapplet, "1234567812345678", "123456" },
    { blank_myeid, "87654321", "123456" },
    { used_schsm, "3537363231383830", "123456" },
    { used_generic, "12345678", "123456" },
};

static CK_UTF8CHAR *text_of(const char *s) { return (CK_UTF8CHAR *)(uintptr_t)s; }

// An attribute that is left out where it is 0: it stands last.
static CK_ULONG with_id(CK_ULONG n, const CK_BYTE *id) { return *id ? n : n - 1; }

static void make_pair(unsigned how, CK_BYTE *id)
{
    static u8 curve[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    bool rsa = (how & 0x88) == 0x88;                            // seldom: it takes long
    CK_MECHANISM m = { rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ULONG bits = 2048, policy = how >> 4 & 3;
    CK_ATTRIBUTE a[] = { { CKA_EC_PARAMS, curve, sizeof curve }, { CKA_TOKEN, &yes, 1 },
        { CKA_LABEL, text_of("A key"), 5 }, { CKA_ID, id, 1 } };
    CK_ATTRIBUTE b[] = { { CKA_TOKEN, &yes, 1 }, { CKA_LABEL, text_of("A key"), 5 },
        { policy & 1 ? CKA_SIGN : CKA_PRIVATE, &yes, 1 },
        { policy & 2 ? SCARD11_CKA_TOUCH : CKA_ID, policy & 2 ? (void *)&policy : id,
          policy & 2 ? sizeof policy : 1 }, { CKA_ID, id, 1 } };
    CK_OBJECT_HANDLE public, private;
    if (rsa) a[0] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
    C_GenerateKeyPair(session, &m, a, with_id(4, id), b, with_id(policy & 2 ? 5 : 4, id), &public, &private);
}

// A private key of P-256.
static void give_ec(unsigned how, CK_BYTE *id)
{
    static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    static CK_KEY_TYPE ec = CKK_EC;
    static u8 curve[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, value[32];
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &ec, sizeof ec },
        { CKA_TOKEN, &yes, 1 }, { CKA_EC_PARAMS, curve, sizeof curve },
        { CKA_VALUE, value, sizeof value }, { CKA_ID, id, 1 } };
    CK_OBJECT_HANDLE made;
    memset(value, (int)how | 1, sizeof value);
    C_CreateObject(session, a, with_id(COUNT(a), id), &made);
}

// One of RSA: its numbers stand in its DER in this order, after the version.
static void give_rsa(unsigned how, CK_BYTE *id)
{
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS, CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
        CKA_COEFFICIENT };
    static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    static CK_KEY_TYPE rsa = CKK_RSA;
    const struct sim_key_data *data = sim_key_data(how & 8 ? SIM_RSA1024 : SIM_RSA2048B);
    CK_ATTRIBUTE a[4 + COUNT(types)] = { { CKA_CLASS, &class, sizeof class },
        { CKA_KEY_TYPE, &rsa, sizeof rsa }, { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, 1 } };
    CK_OBJECT_HANDLE made;
    bytes rest, number;
    struct tlv part;
    MUST(!tlv_open(bytes_of(data->key, data->key_len), TLV_SEQUENCE, &rest));
    MUST(!tlv_next(&rest, &part));
    for (size_t i = 0; i < COUNT(types); i++) {
        MUST(!tlv_next(&rest, &part) && !tlv_integer(part.value, &number));
        a[4 + i] = (CK_ATTRIBUTE){ types[i], (void *)(uintptr_t)number.p, number.n };
    }
    C_CreateObject(session, a, COUNT(a), &made);
}

// A secret key, made by the card or given to it.
static void give_secret(unsigned how, CK_BYTE *id)
{
    static CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static CK_KEY_TYPE types[] = { CKK_AES, CKK_DES3 };
    static u8 value[32] = { 1, 2, 3 };
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ULONG n = how & 2 ? 16 : how & 4 ? 24 : 32;
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, 1 }, { CKA_ENCRYPT, &yes, 1 },
        { CKA_DECRYPT, &yes, 1 }, { CKA_VALUE_LEN, &n, sizeof n },
        { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &types[how >> 3 & 1], sizeof *types } };
    CK_OBJECT_HANDLE made;
    if (how & 1) { C_GenerateKey(session, &m, a, 5, &made); return; }
    a[4] = (CK_ATTRIBUTE){ CKA_VALUE, value, n };
    C_CreateObject(session, a, COUNT(a), &made);
}

static CK_OBJECT_HANDLE any_object(unsigned how)
{
    CK_OBJECT_HANDLE found[40];
    CK_ULONG n = 0;
    if (!C_FindObjectsInit(session, NULL, 0)) C_FindObjects(session, found, 40, &n);
    C_FindObjectsFinal(session);
    return n ? found[how % n] : 0;
}

static u8 wrapped[6144];
static CK_ULONG wrapped_n;

// A key leaves the card, as the card wraps it, and comes back, whole or with a byte changed.
static void wrap(bytes *in, unsigned how, CK_BYTE *id)
{
    static CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_SECRET_KEY };
    static CK_KEY_TYPE aes = CKK_AES;
    CK_MECHANISM m = { SCARD11_CKM_CARD_WRAP, NULL, 0 };
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, 1 },
        { CKA_CLASS, &classes[how >> 1 & 1], sizeof *classes }, { CKA_KEY_TYPE, &aes, sizeof aes } };
    CK_ULONG size = sizeof wrapped;
    CK_OBJECT_HANDLE made;
    if (how & 1) {
        if (!C_WrapKey(session, &m, 0, any_object(how / 2), wrapped, &size)) wrapped_n = size;
        return;
    }
    if (wrapped_n && how & 4) wrapped[take16(in) % wrapped_n] ^= (u8)take8(in);
    C_UnwrapKey(session, &m, 0, wrapped, wrapped_n, a, how & 2 ? 4 : how & 8 ? 3 : 1, &made);
}

// A certificate for the key of an iD, if that is one of P-256: another one's, with its point in it.
static size_t certificate_of(CK_BYTE *id, u8 *out, size_t room)
{
    static CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    static const u8 head[] = { 3, 0x42, 0, 4 };
    u8 spki[128];
    size_t der_n;
    const u8 *der = sim_piv_certificate(SIM_P256A, &der_n);
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, 1 } };
    CK_ATTRIBUTE v = { CKA_PUBLIC_KEY_INFO, spki, sizeof spki };
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    MUST(der_n <= room);
    memcpy(out, der, der_n);
    if (!C_FindObjectsInit(session, t, 2)) C_FindObjects(session, &key, 1, &n);
    C_FindObjectsFinal(session);
    if (!n || C_GetAttributeValue(session, key, &v, 1) || v.ulValueLen != 91) return der_n;
    for (size_t i = 0; i + 68 < der_n; i++)
        if (!memcmp(out + i, head, sizeof head)) memcpy(out + i + 4, spki + 27, 64);
    return der_n;
}

static void store_certificate(unsigned how, CK_BYTE *id)
{
    static const enum sim_key keys[] = { SIM_P256A, SIM_RSA2048A, SIM_RSA2048B, SIM_P256B };
    static CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    u8 own[1024];
    size_t n;
    const u8 *der = sim_piv_certificate(keys[how >> 3 & 3], &n);
    if (how & 0x20) n = certificate_of(id, own, sizeof own), der = own;
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class },
        { CKA_CERTIFICATE_TYPE, &x509, sizeof x509 }, { CKA_TOKEN, &yes, 1 },
        { CKA_VALUE, (void *)(uintptr_t)der, n }, { CKA_ID, id, 1 } };
    CK_OBJECT_HANDLE made;
    C_CreateObject(session, a, with_id(COUNT(a), id), &made);
}

static void store_data(unsigned how)
{
    static const char *const names[] = { "Security Object", "Login data", "Private use 1", "Printed Information" };
    static CK_OBJECT_CLASS class = CKO_DATA;
    const char *name = names[how & 3];
    CK_BBOOL private = how >> 2 & 1;
    size_t n;
    const u8 *value = sim_piv_certificate(SIM_RSA2048A, &n);
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 },
        { CKA_APPLICATION, text_of(name), strlen(name) }, { CKA_LABEL, text_of("A note"), 6 },
        { CKA_VALUE, (void *)(uintptr_t)value, how }, { CKA_PRIVATE, &private, 1 } };
    CK_OBJECT_HANDLE made;
    C_CreateObject(session, a, COUNT(a), &made);
}

// Any object is changed or destroyed; its handle is told so.
static void change(unsigned how, CK_BYTE *id)
{
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_LABEL, CKA_ID, CKA_VALUE, CKA_LABEL };
    CK_OBJECT_HANDLE object = any_object(how / 8);
    CK_ATTRIBUTE a = { types[how >> 1 & 3], id, 1 };
    CK_SESSION_INFO info;
    size_t len;
    const u8 *text = sim_piv_certificate(SIM_P256A, &len);      // any bytes, but for a CKA_ID
    if (a.type != CKA_ID) a.pValue = (void *)(uintptr_t)(text + how % 50), a.ulValueLen = how % 50;
    if (!object) return;
    if (how & 1) C_SetAttributeValue(session, object, &a, 1);
    else if (!C_DestroyObject(session, object) && !C_GetSessionInfo(session, &info))
        MUST(C_SetAttributeValue(session, object, &a, 1) == CKR_OBJECT_HANDLE_INVALID);
}

static void event(bytes *in)
{
    enum sim_fault fault = (enum sim_fault)(take8(in) % SIM_HANG);
    if (fault == SIM_SERVICE_DOWN || fault == SIM_UNPLUG) fault = SIM_EJECT;
    switch (take8(in) % 4) {
    case 0: sim_reader_eject(fuzz_reader); break;
    case 1: if (!sim_reader_cards()) sim_reader_insert(fuzz_reader, &fuzz_liar.card); break;
    case 2: sim_reader_reset(fuzz_reader); break;
    default: sim_reader_fault(fault, take8(in) % 16, fuzz_other);
    }
}

static void step(bytes *in, const struct fuzz_kind *kind)
{
    unsigned what = take8(in), how = take8(in);
    CK_BYTE id = (CK_BYTE)(how % 8);
    CK_UTF8CHAR *so = text_of(kind->so), *user = text_of(kind->user), label[32] = "Fuzzed";
    switch (what % 20) {
    case 0: case 1: make_pair(how, &id); break;
    case 2: give_ec(how, &id); break;
    case 3: give_rsa(how, &id); break;
    case 4: case 5: store_certificate(how, &id); break;
    case 6: store_data(how); break;
    case 7: case 8: case 9: change(how, &id); break;
    case 16: give_secret(how, &id); break;
    case 17: case 18: wrap(in, how, &id); break;
    case 10: C_CloseAllSessions(0); C_InitToken(0, so, strlen(kind->so), label); break;
    case 11: C_InitPIN(session, user, strlen(kind->user)); break;
    case 12: C_SetPIN(session, how & 1 ? so : user, strlen(how & 1 ? kind->so : kind->user),
                      how & 2 ? so : user, strlen(how & 2 ? kind->so : kind->user)); break;
    case 13: event(in); break;
    case 14: C_Logout(session); C_Login(session, how & 1, how & 1 ? user : so,
                                        strlen(how & 1 ? kind->user : kind->so)); break;
    default: C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    }
}

// A new card's PIN is set, and the user logged in where it is he who writes.
static void set_up(const struct fuzz_kind *kind)
{
    C_Login(session, CKU_SO, text_of(kind->so), strlen(kind->so));
    C_InitPIN(session, text_of(kind->user), strlen(kind->user));
    C_Logout(session);
}

static void fuzz(bytes in)
{
    const struct fuzz_kind *kind = &fuzz_kinds[take8(&in) % COUNT(fuzz_kinds)];
    unsigned how = take8(&in);
    wrapped_n = 0;
    fuzz_insert(&in, kind->blank(false), kind->blank(true));
    if (how & 1) C_InitToken(0, text_of(kind->so), strlen(kind->so), text_of("Fuzzed"
                                 "                          "));
    C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (how & 4) set_up(kind);
    if (how & 2) C_Login(session, CKU_USER, text_of(kind->user), strlen(kind->user));
    else         C_Login(session, CKU_SO, text_of(kind->so), strlen(kind->so));
    for (int i = 0; in.n && i < 24; i++) step(&in, kind);
    fuzz_end();
}
#endif

#if defined(FUZZ_p11)
// Any C_* function in any order, with handles that are, were or never were, and lengths that go
// with their buffers.

static CK_ULONG sessions[4], handles[40];
static unsigned next_session, next_handle;
static void *garbage[64 * 64];          // freed when the input ends
static unsigned garbage_n;

static void *room(size_t n)
{
    void *p = malloc(n ? n : 1);
    MUST(garbage_n < COUNT(garbage));
    memset(p, 0xa5, n ? n : 1);
    return garbage[garbage_n++] = p;
}

static CK_ULONG a_handle(bytes *in, const CK_ULONG *list, unsigned n)
{
    unsigned which = take8(in);
    return which < 0xf0 ? list[which % n] : which < 0xf8 ? take16(in) : ~(CK_ULONG)0 - which;
}

static void *some(bytes *in, CK_ULONG *n)
{
    unsigned how = take8(in);
    bytes b = take(in, how < 0xf0 ? how % 80 : take16(in) % 6000);
    void *p = room(b.n);
    if (b.n) memcpy(p, b.p, b.n);
    *n = b.n;
    return how == 0xef ? NULL : p;
}

static CK_ATTRIBUTE *a_template(bytes *in, CK_ULONG *n, bool filled)
{
    *n = take8(in) % 7;
    CK_ATTRIBUTE *t = room(*n * sizeof *t);
    for (CK_ULONG i = 0; i < *n; i++) {
        unsigned how = take8(in);
        static CK_ULONG small[4] = { CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKK_GENERIC_SECRET, 16 };
        t[i].type = how & 1 ? attr_rows[take8(in) % COUNT(attr_rows)].type
                  : how & 2 ? CKA_CLASS : how & 4 ? CKA_VALUE_LEN : take16(in);
        t[i].pValue = filled ? some(in, &t[i].ulValueLen)
                             : room(t[i].ulValueLen = how & 0x80 ? 0 : take16(in) % 3000);
        if (!filled && how & 0x40) t[i].pValue = NULL;
        if (filled && how & 8) {
            t[i].pValue = &small[how >> 6];
            t[i].ulValueLen = how & 0x10 ? sizeof *small : 1;
        }
    }
    return t;
}

// The parameter of a mechanism for secret keys, mostly one that fits.
static bool secret_parameter(bytes *in, CK_MECHANISM *m, const struct mech_row *row)
{
    union { CK_MAC_GENERAL_PARAMS mac; CK_AES_CTR_PARAMS counter; CK_GCM_PARAMS gcm;
            CK_HKDF_PARAMS hkdf; u8 iv[ALG_BLOCK]; } *p = room(sizeof *p);
    memset(p, 0, sizeof *p);
    m->pParameter = p;
    switch (row->param) {
    case MECH_MAC:
        p->mac = take8(in) % 70;
        m->ulParameterLen = sizeof p->mac;
        return true;
    case MECH_IV:
        m->ulParameterLen = sizeof p->iv;
        return true;
    case MECH_COUNTER:
        p->counter.ulCounterBits = take8(in) % 132;
        memset(p->counter.cb, (int)take8(in), ALG_BLOCK);
        m->ulParameterLen = sizeof p->counter;
        return true;
    case MECH_GCM:
        p->gcm.pIv = some(in, &p->gcm.ulIvLen);
        p->gcm.pAAD = some(in, &p->gcm.ulAADLen);
        p->gcm.ulTagBits = take8(in) & 1 ? 128 : take8(in);
        m->ulParameterLen = sizeof p->gcm;
        return true;
    case MECH_HKDF:
        p->hkdf.bExtract = take8(in) & 1;
        p->hkdf.bExpand = take8(in) & 1;
        p->hkdf.prfHashMechanism = alg_hashes[take8(in) % 5].mechanism;
        p->hkdf.ulSaltType = take8(in) % 5;
        p->hkdf.hSaltKey = a_handle(in, handles, COUNT(handles));
        p->hkdf.pSalt = some(in, &p->hkdf.ulSaltLen);
        p->hkdf.pInfo = some(in, &p->hkdf.ulInfoLen);
        m->ulParameterLen = sizeof p->hkdf;
        return true;
    default:
        m->pParameter = NULL;
        return false;
    }
}

static CK_MECHANISM *a_mechanism(bytes *in)
{
    CK_MECHANISM *m = room(sizeof *m);
    unsigned how = take8(in);
    m->mechanism = how == 0xff ? take16(in) : mech_rows[how % COUNT(mech_rows)].type;
    m->pParameter = NULL;
    m->ulParameterLen = 0;
    if (m->mechanism == CKM_RSA_PKCS_OAEP) {
        CK_RSA_PKCS_OAEP_PARAMS *p = room(sizeof *p);
        *p = (CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = alg_hashes[take8(in) % 5].mechanism,
                                        .mgf = 1 + take8(in) % 6, .source = take8(in) & 1 };
        p->pSourceData = some(in, &p->ulSourceDataLen);
        m->pParameter = p;
        m->ulParameterLen = sizeof *p;
    } else if (m->mechanism == CKM_ECDH1_DERIVE || m->mechanism == CKM_ECDH1_COFACTOR_DERIVE) {
        CK_ECDH1_DERIVE_PARAMS *p = room(sizeof *p);
        memset(p, 0, sizeof *p);
        p->kdf = take8(in) % 10;
        if (take8(in) & 1) p->pSharedData = some(in, &p->ulSharedDataLen);
        p->pPublicData = some(in, &p->ulPublicDataLen);
        m->pParameter = p;
        m->ulParameterLen = sizeof *p;
    } else if (how != 0xff && secret_parameter(in, m, &mech_rows[how % COUNT(mech_rows)])) {
        return m;
    } else if (take8(in) & 1) {
        CK_RSA_PKCS_PSS_PARAMS *p = room(sizeof *p);
        *p = (CK_RSA_PKCS_PSS_PARAMS){ alg_hashes[take8(in) % 5].mechanism, 1 + take8(in) % 6,
                                       take8(in) };
        m->pParameter = p;
        m->ulParameterLen = sizeof *p;
    } else if (take8(in) & 1) {
        m->pParameter = some(in, &m->ulParameterLen);
    }
    return m;
}

// The output of one call: NULL, or room for as many bytes as it says.
struct output { u8 *p; CK_ULONG n; };

static struct output an_output(bytes *in)
{
    unsigned how = take8(in);
    struct output o = { NULL, how < 0xe0 ? how * 3u : take16(in) % 5000 };
    if (how != 0xff) o.p = room(o.n);
    return o;
}

static void keep(const CK_OBJECT_HANDLE *found, CK_ULONG n)
{
    for (CK_ULONG i = 0; i < n; i++) handles[next_handle++ % COUNT(handles)] = found[i];
}

static void a_search(bytes *in, CK_SESSION_HANDLE s)
{
    CK_OBJECT_HANDLE found[40];
    CK_ULONG n, got = 0, max = take8(in) % 40;
    CK_ATTRIBUTE *t = a_template(in, &n, true);
    C_FindObjectsInit(s, t, n);
    if (!C_FindObjects(s, found, max, &got)) keep(found, got);
    if (take8(in) & 3) C_FindObjectsFinal(s);
}

static void an_event(bytes *in)
{
    CK_SLOT_ID slot;
    enum sim_fault fault = (enum sim_fault)(take8(in) % SIM_HANG);
    if (fault == SIM_SERVICE_DOWN || fault == SIM_UNPLUG) fault = SIM_EJECT;
    switch (take8(in) % 6) {
    case 0: sim_reader_eject(fuzz_reader); break;
    case 1: if (!sim_reader_cards()) sim_reader_insert(fuzz_reader, &fuzz_liar.card); break;
    case 2: sim_reader_reset(fuzz_reader); break;
    case 3: sim_reader_fault(fault, take8(in) % 8, fuzz_other); break;
    case 4: sim_reader_fault_any(fault, take8(in) % 16, fuzz_other); break;
    default: C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
    }
}

// A template that makes an object, and one entry that may spoil it.
static CK_ATTRIBUTE *a_new_object(bytes *in, CK_ULONG *n)
{
    static CK_ULONG class[] = { CKO_SECRET_KEY, CKO_SECRET_KEY, CKO_PUBLIC_KEY, CKO_PUBLIC_KEY,
                                CKO_DATA, CKO_CERTIFICATE };
    static CK_ULONG type[] = { CKK_AES, CKK_GENERIC_SECRET, CKK_RSA, CKK_EC, 0, CKC_X_509 };
    static u8 zeros[256], oid[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static CK_ULONG len = 32;
    unsigned which = take8(in) % COUNT(class);
    CK_ATTRIBUTE *t = room(8 * sizeof *t);
    size_t der_n;
    const u8 *der = sim_piv_certificate(SIM_RSA2048A, &der_n);
    zeros[0] = 0x80;
    *n = 0;
    t[(*n)++] = (CK_ATTRIBUTE){ CKA_CLASS, &class[which], sizeof *class };
    if (which < 4) t[(*n)++] = (CK_ATTRIBUTE){ CKA_KEY_TYPE, &type[which], sizeof *type };
    if (which < 2) t[(*n)++] = (CK_ATTRIBUTE){ CKA_VALUE, zeros, len };
    if (which == 2) {
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_MODULUS, zeros, sizeof zeros };
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_PUBLIC_EXPONENT, zeros, 1 };
    }
    if (which == 3) {
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, oid, sizeof oid };
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_EC_POINT, NULL, 0 };
        t[*n - 1].pValue = some(in, &t[*n - 1].ulValueLen);
    }
    if (which == 5) {
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_CERTIFICATE_TYPE, &type[which], sizeof *type };
        t[(*n)++] = (CK_ATTRIBUTE){ CKA_VALUE, (void *)(uintptr_t)der, (CK_ULONG)der_n };
    }
    if (take8(in) & 1) {
        t[*n].type = make_rules[take8(in) % COUNT(make_rules)].type;
        t[*n].pValue = some(in, &t[*n].ulValueLen);
        ++*n;
    }
    return t;
}

// Objects and keys of sessions, and what came with 3.0 and 3.2.
static void another_call(bytes *in, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_MECHANISM *m,
                         u8 *data, CK_ULONG data_n, struct output out)
{
    CK_OBJECT_HANDLE other = a_handle(in, handles, COUNT(handles)), made;
    CK_ULONG n = 0;
    CK_ATTRIBUTE *t;
    static const CK_MECHANISM keygens[] = { { CKM_AES_KEY_GEN, NULL, 0 },
                                            { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 } };
    CK_MECHANISM keygen = keygens[h & 1];
#define IN  data, data_n
#define OUT out.p, &out.n
    switch (take8(in) % 30) {
    case 0: case 1: case 2:
        t = a_new_object(in, &n);
        if (!C_CreateObject(s, t, n, &made)) keep(&made, 1);
        break;
    case 3:
        t = a_template(in, &n, true);
        if (!C_CopyObject(s, h, t, n, &made)) keep(&made, 1);
        break;
    case 4: t = a_template(in, &n, true); C_SetAttributeValue(s, h, t, n); break;
    case 5: C_GetObjectSize(s, h, &n); break;
    case 6: case 7:
        t = a_template(in, &n, true);
        if (!C_GenerateKey(s, &keygen, t, n, &made)) keep(&made, 1);
        break;
    case 8: C_WrapKey(s, m, h, other, OUT); break;
    case 9:
        t = a_template(in, &n, true);
        if (!C_WrapKey(s, m, h, other, OUT) && out.p &&
            !C_UnwrapKey(s, m, h, out.p, out.n, t, n, &made)) keep(&made, 1);
        break;
    case 10:
        t = a_template(in, &n, true);
        if (!C_UnwrapKey(s, m, h, IN, t, n, &made)) keep(&made, 1);
        break;
    case 11: C_DigestKey(s, h); break;
    case 12: C_SignRecoverInit(s, m, h); C_SignRecover(s, IN, OUT); break;
    case 13: C_VerifyRecoverInit(s, m, h); C_VerifyRecover(s, IN, OUT); break;
    case 14: C_DigestEncryptUpdate(s, IN, OUT); break;
    case 15: C_DecryptDigestUpdate(s, IN, OUT); break;
    case 16: C_SignEncryptUpdate(s, IN, OUT); break;
    case 17: C_DecryptVerifyUpdate(s, IN, OUT); break;
    case 18: C_MessageSignInit(s, m, h); break;
    case 19: C_SignMessage(s, NULL, 0, IN, OUT); break;
    case 20: C_SignMessageBegin(s, NULL, 0); break;
    case 21: C_SignMessageNext(s, NULL, 0, IN, out.p, take8(in) & 1 ? &out.n : NULL); break;
    case 22: C_MessageSignFinal(s); break;
    case 23: C_MessageVerifyInit(s, m, h); C_VerifyMessage(s, NULL, 0, IN, data, data_n); break;
    case 24: C_VerifyMessageBegin(s, NULL, 0); break;
    case 25: C_VerifyMessageNext(s, NULL, 0, IN, take8(in) & 1 ? data : NULL, data_n); break;
    case 26: C_MessageVerifyFinal(s); break;
    case 27: C_VerifySignatureInit(s, m, h, IN); break;
    case 28: C_VerifySignature(s, IN); break;
    default: C_VerifySignatureUpdate(s, IN); C_VerifySignatureFinal(s); break;
    }
#undef IN
#undef OUT
}

// One call. What it gives back must keep to the room it had.
static void call(bytes *in)
{
    static const CK_UTF8CHAR pins[3][8] = { "123456", "654321", "000000" };
    unsigned what = take8(in);
    CK_SESSION_HANDLE s = a_handle(in, sessions, COUNT(sessions));
    CK_OBJECT_HANDLE h = a_handle(in, handles, COUNT(handles));
    CK_UTF8CHAR *pin = memcpy(room(6), pins[h % 3], 6);
    CK_ULONG n = 0, made;
    CK_SESSION_INFO session_info;
    CK_TOKEN_INFO token_info;
    CK_SLOT_INFO slot_info;
    CK_MECHANISM_INFO mechanism_info;
    CK_SLOT_ID *slots;
    CK_ULONG data_n;
    u8 *data = some(in, &data_n);
    struct output out = an_output(in);
    CK_MECHANISM *m = a_mechanism(in);
    CK_ATTRIBUTE *t;

    if (what >= 0xc0) {
        another_call(in, s, h, m, data, data_n, out);
        return;
    }
#define IN  data, data_n
#define OUT out.p, &out.n
    switch (what % 48) {
    case 0: case 1:
        made = 0;
        C_OpenSession(what & 0x80 ? h : 0, CKF_SERIAL_SESSION | (what & 0x40 ? CKF_RW_SESSION : 0),
                      NULL, NULL, &made);
        if (made) sessions[next_session++ % COUNT(sessions)] = made;
        break;
    case 2: C_CloseSession(s); break;
    case 3: C_CloseAllSessions(what & 0x80 ? h : 0); break;
    case 4: case 5: C_Login(s, h & 15 ? CKU_USER : h, pin, h & 0x10 ? 6 : h % 7); break;
    case 6: C_Login(s, CKU_CONTEXT_SPECIFIC, pin, 6); break;
    case 7: C_Logout(s); break;
    case 8: case 9: case 10: a_search(in, s); break;
    case 11: case 12:
        t = a_template(in, &n, false);
        C_GetAttributeValue(s, h, t, n);
        break;
    case 13: C_SignInit(s, m, h); break;
    case 14: C_SignInit(s, m, h); C_Sign(s, IN, OUT); break;
    case 15: C_Sign(s, IN, OUT); break;
    case 16: C_SignUpdate(s, IN); break;
    case 17: C_SignFinal(s, OUT); break;
    case 18: C_DecryptInit(s, m, h); break;
    case 19: C_DecryptInit(s, m, h); C_Decrypt(s, IN, OUT); break;
    case 20: C_Decrypt(s, IN, OUT); break;
    case 21: C_DecryptUpdate(s, IN, OUT); break;
    case 22: C_DecryptFinal(s, OUT); break;
    case 23: C_EncryptInit(s, m, h); C_Encrypt(s, IN, OUT); break;
    case 24: C_EncryptInit(s, m, h); break;
    case 25: C_EncryptUpdate(s, IN, OUT); break;
    case 26: C_EncryptFinal(s, OUT); break;
    case 27: C_DigestInit(s, m); C_Digest(s, IN, OUT); break;
    case 28: C_DigestInit(s, m); C_DigestUpdate(s, IN); break;
    case 29: C_DigestFinal(s, OUT); break;
    case 30:
        C_VerifyInit(s, m, h);
        made = data_n / 3;
        C_Verify(s, data, data_n - made, data ? data + (data_n - made) : NULL, made);
        break;
    case 31: C_VerifyInit(s, m, h); C_VerifyUpdate(s, IN); break;
    case 32: C_VerifyFinal(s, IN); break;
    case 33: case 34:
        t = a_template(in, &n, true);
        if (!C_DeriveKey(s, m, h, t, n, &made)) keep(&made, 1);
        break;
    case 35: C_DestroyObject(s, h); break;
    case 36: C_SessionCancel(s, take16(in) << 2); break;
    case 37: C_SetPIN(s, pin, 6, (CK_UTF8CHAR *)(uintptr_t)pins[what >> 7], 6); break;
    case 38: C_GetSessionInfo(s, &session_info); break;
    case 39: C_GetTokenInfo(what & 0x80 ? h : 0, &token_info); break;
    case 40: C_GetSlotInfo(what & 0x80 ? h : 0, &slot_info); break;
    case 41:
        n = take8(in) % 40;
        slots = room(n * sizeof *slots);
        if (what & 0x80) C_GetSlotList(what & 0x40 ? CK_TRUE : CK_FALSE, slots, &n);
        else             C_GetMechanismList(0, slots, &n);
        break;
    case 42: C_GetMechanismInfo(0, take16(in), &mechanism_info); break;
    case 43: C_GenerateRandom(s, room(100), take8(in) % 101); break;
    default: an_event(in);
    }
#undef IN
#undef OUT
}

static void fuzz(bytes in)
{
    fuzz_begin(&in);
    memset(sessions, 0, sizeof sessions);
    memset(handles, 0, sizeof handles);
    next_session = next_handle = 0;
    if (take8(&in) & 1) {                       // mostly: a session with what can be found in it
        CK_OBJECT_HANDLE found[40];
        CK_ULONG n = 0;
        C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &sessions[0]);
        C_Login(sessions[0], CKU_USER, (CK_UTF8CHAR *)"123456", 6);
        CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
        CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
        C_FindObjectsInit(sessions[0], &t, take8(&in) & 1);
        if (!C_FindObjects(sessions[0], found, 40, &n)) keep(found, n);
        C_FindObjectsFinal(sessions[0]);
    }
    for (int i = 0; in.n && i < 64; i++) call(&in);
    fuzz_end();
    while (garbage_n) free(garbage[--garbage_n]);
}
#endif

#if defined(FUZZ_p15entry)
// ---- One directory file of PKCS#15, or its EF.TokenInfo ----
// Each entry is parsed as if it were of each kind; what comes of it lies within it.

static bool value_within(const struct p15_value *value, bytes in)
{
    bool path = within(value->path.aid, in) && within(value->path.file, in);
    MUST(value->path.file.n <= P15_PATH_MAX && value->path.offset <= P15_FILE_MAX);
    return path && within(value->direct, in);
}

static void parse_key(const struct p15_entry *entry, enum alg_type type, struct p15alg_table *table)
{
    struct p15_key_entry key;
    struct p15alg_named named = { false, 0 };
    p15entry_key(entry, type, &key);
    MUST(within(key.id, entry->whole) && within(key.subject, entry->whole));
    MUST(within(key.algorithms, entry->whole) && value_within(&key.value, entry->whole));
    p15alg_named(table, key.algorithms, &named);
    MUST(named.known);
}

static void parse_entry(const struct p15_entry *entry, struct p15alg_table *table)
{
    struct p15_rule rule = p15entry_rule(entry->rules, P15_MODE_USE);
    struct p15_pin pin;
    struct p15_certificate_entry certificate;
    struct p15_data_entry data;
    MUST(within(rule.auth_id, entry->whole) && entry->label.n <= P15_TEXT_MAX);
    if (!p15entry_pin(entry, &pin)) {
        MUST(within(pin.auth_id, entry->whole) && pin.credential.min <= pin.credential.max);
        MUST(pin.credential.fill_to <= CARD_PIN_MAX);
    }
    parse_key(entry, ALG_RSA, table);
    parse_key(entry, ALG_EC, table);
    parse_key(entry, ALG_SECRET, table);
    if (!p15entry_certificate(entry, &certificate))
        MUST(within(certificate.id, entry->whole) && p15entry_has_value(&certificate.value) &&
             value_within(&certificate.value, entry->whole));
    if (!p15entry_data(entry, &data))
        MUST(within(data.oid, entry->whole) && within(data.application, entry->whole) &&
             value_within(&data.value, entry->whole));
}

static void fuzz(bytes in)
{
    static struct p15alg_table table;
    struct p15_info info;
    struct p15_entry entry;
    struct tlv record;
    char name[33];
    bytes rest = in;
    p15entry_info(in, BYTES(0xa0), &info);
    MUST(within(info.serial, in) && within(info.maker, in) && within(info.label, in));
    MUST(within(info.algorithms, in) && within(info.update, in));
    p15entry_text(name, sizeof name - 1, info.label);
    p15alg_parse(info.algorithms, &table);
    MUST(table.n <= P15ALG_MAX);
    while (!p15entry_next(&rest, &record)) {
        MUST(within(record.whole, in));
        if (!p15entry_parse(&record, &entry)) parse_entry(&entry, &table);
    }
}
#endif

#if defined(FUZZ_openpgp) || defined(FUZZ_schsm) || defined(FUZZ_gids) || defined(FUZZ_cac)
#define FUZZ_CARD 1
#else
#define FUZZ_CARD 0
#endif

#if FUZZ_CARD
// ---- A card that answers anything ----
// Its ATR; then what it says to what, up to a length 0: the length and the beginning of a command
// from its INS on, the length (of two bytes) and the bytes of the answer, SW1 SW2 at the end. A
// command that no line fits is answered from the rest: 0 is 6A82, less than 80 so many bytes and
// 9000, else that SW1 with the next byte. Lines are looked for from the last one on, so that what
// a command reads depends on what was selected.

#define FUZZ_LINES 400

static struct talker {
    struct sim_card card;
    struct { bytes command, answer; } lines[FUZZ_LINES];
    unsigned n, at;
    bytes rest;
} talker;

// A line that brings no data is for commands that bring none.
static bool talker_fits(bytes line, bytes command)
{
    bool bare = command.n <= 4 || (command.n <= 6 && !command.p[3]);
    if (line.n <= 3 && !bare) return false;
    return line.n <= command.n && !memcmp(line.p, command.p, line.n);
}

static size_t talker_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                          size_t room)
{
    bytes command = bytes_from(bytes_of(cmd, n), 1);
    size_t size = 0;
    card->apdus++;
    for (unsigned i = 0; i < talker.n; i++) {
        unsigned at = (talker.at + i) % talker.n;
        bytes answer = talker.lines[at].answer;
        if (!talker_fits(talker.lines[at].command, command) || answer.n > room) continue;
        talker.at = at + 1;
        memcpy(rsp, answer.p, answer.n);
        return answer.n;
    }
    unsigned how = take8(&talker.rest);
    bytes data = take(&talker.rest, how < 0x80 ? how : 0);
    if (data.n) memcpy(rsp, data.p, size = data.n);
    rsp[size++] = (u8)(!how ? 0x6a : how < 0x80 ? 0x90 : how);
    rsp[size++] = (u8)(!how ? 0x82 : how < 0x80 ? 0x00 : take8(&talker.rest));
    return size;
}

static void talker_reset(struct sim_card *card) { (void)card; talker.at = 0; }
static void talker_free(struct sim_card *card) { (void)card; }

static struct sim_card *fuzz_make(bytes *in)
{
    // T=0 alone (a CAC), "HSM1", the indicator of OpenPGP cards, none; with and without T=1
    static const struct { uint8_t n, atr[24]; } atrs[] = {
        { 9, { 0x3b, 0x05, 0x80, 0x31, 0x80, 0x65, 0x00 } },
        { 10, { 0x3b, 0x84, 0x80, 0x01, 'H', 'S', 'M', '1', 0x10, 0 } },
        { 14, { 0x3b, 0x88, 0x80, 0x01, 0x00, 0x31, 0xc5, 0x73, 0xc0, 0x01, 0x40, 0x00, 0xaf, 0 } },
        { 5, { 0x3b, 0x80, 0x80, 0x01, 0x01 } } };
    unsigned atr = take8(in), n;
    talker = (struct talker){ .card = { .reset = talker_reset, .apdu = talker_apdu,
                                        .free = talker_free, .protocol = (atr & 4) != 0 } };
    talker.card.atr_len = atrs[atr & 3].n;
    memcpy(talker.card.atr, atrs[atr & 3].atr, sizeof atrs->atr);
    while (talker.n < FUZZ_LINES && (n = take8(in)) != 0) {
        talker.lines[talker.n].command = take(in, n);
        talker.lines[talker.n].answer = take(in, take16(in));
        talker.n += talker.lines[talker.n].answer.n >= 2;
    }
    talker.rest = *in;
    return &talker.card;
}
#endif

#if defined(FUZZ_p15)
// ---- A whole card's PKCS#15 files ----
// How the card is; then its files, each an identifier, a length and so many bytes, up to identifier
// 0; then what its keys answer.

static struct sim_files fuzz_card;

static struct sim_card *fuzz_make(bytes *in)
{
    unsigned how = take8(in), fid;
    sim_files_begin(&fuzz_card);
    fuzz_card.kind = how % 3;
    how = take8(in);
    fuzz_card.no_fcp = how & 1;
    fuzz_card.odd_fcp = how & 2;
    fuzz_card.records = how & 4;
    fuzz_card.short_only = how & 8;
    fuzz_card.wants_pin = how & 16;
    fuzz_card.bad_pin = (how & 0x60) == 0x60;
    while (in->n && (fid = take16(in)) != 0) {
        bytes content = take(in, take16(in));
        sim_files_add(&fuzz_card, fid, content.p, content.n);
    }
    fuzz_card.answers = in->p;
    fuzz_card.answers_n = in->n;
    return &fuzz_card.card;
}
#endif

#if defined(FUZZ_p15) || FUZZ_CARD || defined(FUZZ_SEEDS)
// ---- All that a program does with a card ----

static CK_SESSION_HANDLE session;

static void attributes(CK_OBJECT_HANDLE object)
{
    for (size_t i = 0; i < COUNT(attr_rows); i++) {
        CK_ATTRIBUTE a = { attr_rows[i].type, NULL, 0 };
        if (C_GetAttributeValue(session, object, &a, 1) || a.ulValueLen > 70000) continue;
        a.pValue = malloc(a.ulValueLen + 1);
        C_GetAttributeValue(session, object, &a, 1);
        free(a.pValue);
    }
}

static void use_key(CK_OBJECT_HANDLE key)
{
    static u8 data[32] = { 1, 2, 3 }, block[512];
    static const CK_MECHANISM_TYPE signs[] = { CKM_ECDSA_SHA256, CKM_ECDSA_SHA1, CKM_EDDSA,
                                               CKM_SHA256_RSA_PKCS };
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_NULL, 0, NULL, sizeof sim_p256_point,
                                    (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE secret;
    u8 out[600];
    CK_ULONG n;
    for (size_t i = 0; i <= COUNT(signs); i++) {
        m = (CK_MECHANISM){ i < COUNT(signs) ? signs[i] : CKM_SHA256_RSA_PKCS_PSS,
                            i < COUNT(signs) ? NULL : &pss, i < COUNT(signs) ? 0 : sizeof pss };
        if (C_SignInit(session, &m, key)) continue;
        C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)"123456", 6);
        C_Sign(session, data, sizeof data, out, (n = sizeof out, &n));
    }
    for (size_t size = 64; size <= 512; size *= 2) {
        m = (CK_MECHANISM){ CKM_RSA_PKCS, NULL, 0 };
        if (!C_DecryptInit(session, &m, key))
            C_Decrypt(session, block, size, out, (n = sizeof out, &n));
    }
    m = (CK_MECHANISM){ CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh };
    C_DeriveKey(session, &m, key, NULL, 0, &secret);
    ecdh.ulPublicDataLen = 32;                  // X25519
    C_DeriveKey(session, &m, key, NULL, 0, &secret);
}

static void use_secret(CK_OBJECT_HANDLE key)
{
    static const CK_MECHANISM_TYPE ciphers[] = { CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD,
        CKM_DES3_ECB, CKM_DES3_CBC, CKM_DES3_CBC_PAD };
    static u8 data[260], iv[16];
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE t = { CKA_KEY_TYPE, &type, sizeof type };
    CK_OBJECT_HANDLE made;
    u8 out[300];
    CK_ULONG n;
    for (size_t i = 0; i < COUNT(ciphers); i++) {
        CK_ULONG iv_n = i % 3 ? (i < 3 ? 16 : 8) : 0;
        CK_MECHANISM m = { ciphers[i], iv_n ? iv : NULL, iv_n };
        if (!C_EncryptInit(session, &m, key))
            C_Encrypt(session, data, 256, out, (n = sizeof out, &n));
        if (!C_DecryptInit(session, &m, key)) {
            C_DecryptUpdate(session, data, 19, out, (n = sizeof out, &n));
            C_DecryptUpdate(session, data, 29, out, (n = sizeof out, &n));
            C_DecryptFinal(session, out, (n = sizeof out, &n));
        }
        if (C_UnwrapKey(session, &m, key, data, 48, &t, 1, &made)) continue;
        C_WrapKey(session, &m, key, made, out, (n = sizeof out, &n));
        C_DestroyObject(session, made);
    }
}

static void fuzz_search(CK_OBJECT_CLASS class, unsigned seen)
{
    CK_OBJECT_HANDLE found[300];
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    CK_ULONG n = 0;
    if (C_FindObjectsInit(session, &t, class != ~(CK_OBJECT_CLASS)0)) return;
    C_FindObjects(session, found, COUNT(found), &n);
    C_FindObjectsFinal(session);
    MUST(n <= 3 * P15_ENTRIES_MAX);
    for (CK_ULONG i = 0; i < n && i < seen; i++) attributes(found[i]);
    for (CK_ULONG i = 0; i < n && i < 3 && class == CKO_PRIVATE_KEY; i++) use_key(found[i]);
    for (CK_ULONG i = 0; i < n && i < 3 && class == CKO_SECRET_KEY; i++) use_secret(found[i]);
}

// The SO, who unblocks.
static void administer(void)
{
    static const char *pins[] = { "12345678", "3537363231383830" };
    for (size_t i = 0; i < COUNT(pins); i++) {
        CK_UTF8CHAR *pin = (CK_UTF8CHAR *)(uintptr_t)pins[i];
        if (C_Login(session, CKU_SO, pin, (CK_ULONG)strlen(pins[i]))) continue;
        C_InitPIN(session, (CK_UTF8CHAR *)(uintptr_t)"654321", 6);
        C_SetPIN(session, pin, 8, (CK_UTF8CHAR *)(uintptr_t)"87654321", 8);
        C_Logout(session);
    }
}

static void live(struct sim_card *card, unsigned order)
{
    static const CK_OBJECT_CLASS orders[2][6] = {
        { CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_DATA, CKO_PUBLIC_KEY, CKO_SECRET_KEY,
          ~(CK_OBJECT_CLASS)0 },
        { CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_DATA, CKO_PRIVATE_KEY, CKO_CERTIFICATE,
          ~(CK_OBJECT_CLASS)0 } };
    struct scard11_counters counters;
    CK_TOKEN_INFO info;
    u8 random[8];
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Fuzzed Reader 00 00"), card);
    MUST(C_Initialize(NULL) == CKR_OK);
    for (CK_SLOT_ID slot = 0; slot < SCARD11_READER_SLOTS; slot++) {
        C_GetTokenInfo(slot, &info);
        CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        if (C_OpenSession(slot, flags, NULL, NULL, &session)) continue;
        if (order & 2) fuzz_search(orders[order & 1][0], 10);
        C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
        for (size_t i = 0; i < 6; i++) fuzz_search(orders[order & 1][i], i == 5 ? 300 : 10);
        C_SetPIN(session, (CK_UTF8CHAR *)"123456", 6, (CK_UTF8CHAR *)"654321", 6);
        C_GenerateRandom(session, random, sizeof random);
        C_Logout(session);
        fuzz_search(CKO_DATA, 10);
        if (order & 4) administer();
        if (order & 8) C_CloseSession(session);
    }
    MUST(card->apdus < 20000);                  // no end of reading
    if (!scard11_stats(0, &counters)) MUST(counters.card_memory <= SCARD11_CARD_MEMORY);
    MUST(C_Finalize(NULL) == CKR_OK);
    struct sim_reader_stats s = sim_reader_stats();
    MUST(!s.connections && !s.contexts && !s.unbalanced && !s.outside && !s.after_removed);
    sim_reader_clear();
}
#endif

#if defined(FUZZ_p15) || FUZZ_CARD
static void fuzz(bytes in)
{
    unsigned order = take8(&in);
    live(fuzz_make(&in), order);
}
#endif

#if defined(FUZZ_SEEDS)
// ---- tests/data/corpus: real inputs, small ones ----

static void seed(const char *entry, const char *name, bytes head, bytes body)
{
    char path[128];
    snprintf(path, sizeof path, "tests/data/corpus/%s/%s", entry, name);
    FILE *f = fopen(path, "wb");
    MUST(f && fwrite(head.p, 1, head.n, f) == head.n && fwrite(body.p, 1, body.n, f) == body.n);
    MUST(!fclose(f));
}

// A certificate as PIV keeps it, plain or compressed.
static bytes container(bytes der, bool gzip, struct buf *out)
{
    static u8 packed[4096];
    bytes in = der;
    if (gzip) {
        z_stream z;
        memset(&z, 0, sizeof z);
        MUST(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        z.next_in = (Bytef *)(uintptr_t)der.p;
        z.avail_in = (uInt)der.n;
        z.next_out = packed;
        z.avail_out = sizeof packed;
        MUST(deflate(&z, Z_FINISH) == Z_STREAM_END && deflateEnd(&z) == Z_OK);
        in = bytes_of(packed, sizeof packed - z.avail_out);
    }
    tlv_put(out, 0x70, in);
    tlv_put(out, 0x71, gzip ? BYTES(1) : BYTES(0));
    tlv_put(out, 0xfe, BYTES_NONE);
    return in;
}

// The files of a simulated card, but not what its certificates and public keys hold twice.
static void put_files(struct buf *b, const struct sim_fs_file *df)
{
    for (const struct sim_fs_file *file = df->child; file; file = file->next) {
        size_t n = file->data_len;
        if (file->type == SIM_DF) { put_files(b, file); continue; }
        if (file->type == SIM_KEY_FILE || !n) continue;
        while (n > 8 && file->data[n - 1] == file->data[n - 2]) n--;    // padding: enough of it
        if (n < file->data_len && (n += 16) > file->data_len) n = file->data_len;
        buf_put16(b, file->fid);
        buf_put16(b, (unsigned)n);
        buf_put(b, bytes_of(file->data, n));
    }
    if (df->fid == 0x3f00) buf_put16(b, 0);
}

// The directory files of a card, each by itself.
static void seed_entries(const char *of, const struct sim_fs_file *df)
{
    for (const struct sim_fs_file *file = df->child; file; file = file->next) {
        char name[40];
        if (file->type == SIM_DF) { seed_entries(of, file); continue; }
        if (file->type == SIM_KEY_FILE || file->data_len < 2 || file->data_len > 2000) continue;
        if (!p15entry_is_record(*file->data) || file->data[1] == 0x82) continue;
        snprintf(name, sizeof name, "%s_%04x", of, (unsigned)file->fid);
        seed("p15entry", name, BYTES_NONE, bytes_of(file->data, file->data_len));
    }
}

static void seed_card(const char *name, u8 order, u8 kind, u8 how, struct sim_card *card)
{
    static u8 room[60000], answers[600];
    struct buf b = buf_on(room, sizeof room);
    put_files(&b, ((struct sim_fs *)(void *)card)->mf);
    for (size_t i = 0; i < sizeof answers; i++) answers[i] = (u8)(i % 129 ? 0x11 : 128);
    buf_put(&b, bytes_of(answers, sizeof answers));
    MUST(!b.full);
    if (!strcmp(name, "files_a") || !strcmp(name, "secrets"))
        seed_entries(name, ((struct sim_fs *)(void *)card)->mf);
    seed("p15", name, BYTES(order, kind, how), buf_bytes(&b));
    card->free(card);
}

// Few keys, small ones: and each way to write the files.
static void seed_p15(void)
{
    static const struct sim_p15_key keys[] = {
        { .label = "RSA", .key = SIM_RSA1024, .id = 1, .pin_id = 1, .ref = 0x81,
          .algorithms = "\1\3" },
        { .label = "EC", .key = SIM_P256A, .id = 2, .pin_id = 2, .ref = 0x82, .consent = 1,
          .usage = P15_SIGN | P15_DERIVE } };
    static const struct sim_p15_pin pins[] = {
        { "PIN", 1, 3, P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 8, 8, 0x81, 0xff, false },
        { "PIN 2", 2, 3, P15_INITIALIZED | P15_LOCAL, P15_BCD, 4, 8, 12, 0x82, -1, true },
        { "PUK", 3, 0, P15_UNBLOCKING, P15_TEXT, 8, 8, 8, 0x83, 0xff, false } };
    static const struct sim_p15_data data[] = { { "Note", "scard11", "text", 0 } };
    static const struct sim_p15_secret secrets[] = { { "AES", 0x10, 1, 0, 256, 0x4d01, 0, 0,
                                                       NULL } };
    struct sim_p15_key ruled[2] = { keys[0], keys[1] };
    ruled[0].se = 1;
    ruled[1].se = 2;
    for (u8 i = 0; i < 15; i++) {
        char name[] = "files_a";
        struct sim_p15 d = { .keys = i == 14 ? ruled : keys, .n_keys = 2, .pins = pins, .n_pins = 3, .data = data,
            .n_data = 1, .secrets = secrets, .n_secrets = 1, .size = i & 1 ? 700 : 0,
            .pad = i & 2 ? 0xff : 0, .deleted = i == 1, .relative = i == 2, .whole_path = i == 3,
            .in_odf = i == 4, .in_cdf = i >= 5 && i <= 6, .negative = i == 7, .no_auth_id = i == 8,
            .ec_by_curve = i == 6 || i == 9, .explicit_tags = i == 10, .no_label = i == 11,
            .no_dir = i == 9, .other_first = i == 3, .dir_records = i == 5,
            .se = i == 12 ? 3 : 0, .pin_se = i == 13 ? 2 : 0 };
        struct sim_generic_options o = { .p15 = &d };
        name[6] = (char)('a' + i);
        seed_card(name, i & 3, i == 10, i == 11 ? 1 : i == 10 ? 8 : i == 5 ? 4 : 0, sim_generic_new(&o));
    }
    seed_card("myeid", 0, 1, 0, sim_myeid_new(&(struct sim_myeid_options){ .two = true }));
    seed_card("isoapplet", 1, 2, 0, sim_isoapplet_new(NULL));
    static const struct sim_p15_algorithm algorithms[] = { { 1, CKM_AES_ECB, 0x30, 0 },
                                                           { 2, CKM_DES3_CBC, 0x30, 0 } };
    static const struct sim_p15_secret all[] = {
        { "AES", 0x10, 1, 0, 256, 0x4d01, 0, 0, NULL },
        { "by AES", 0x11, 1, 0, 128, 0x4d02, 0x30, 0x33, "\1" },
        { "by 3DES", 0x12, 1, 0, 192, 0x4d03, 0x30, 0x33, "\2" },
        { "3DES", 0x13, 1, 0, 192, 0x4d04, 0xa4, 0x33, NULL },
        { "2DES", 0x14, 0, 0, 128, 0x4d05, 0xa4, 0x03, NULL },
        { "DES", 0x15, 1, 0, 64, 0x4d06, 0xa2, 0x03, NULL } };
    const struct sim_p15 d = { .pins = pins, .n_pins = 1, .secrets = all, .n_secrets = COUNT(all),
                               .algorithms = algorithms, .n_algorithms = COUNT(algorithms) };
    struct sim_generic_options o = { .p15 = &d };
    seed_card("secrets", 0, 1, 0, sim_generic_new(&o));
    seed_card("secrets_generic", 1, 0, 0, sim_generic_new(&o));
}

// ---- What cards said: of the recordings, and of simulated cards to scard11 ----

#define SEED_MOST 16000                     // of a seed, as fuzz.sh has it
#define SEED_BEGINNING 20                   // bytes of a command that are kept
#define SEED_ANSWER 3000                    // a longer answer is left out

static u8 talk_room[SEED_MOST];
static struct buf talk;

// The head of a seed: the order of calls, the ATR by its place in talker's table.
static void talk_begin(u8 order, u8 atr)
{
    talk = buf_on(talk_room, sizeof talk_room);
    buf_put(&talk, BYTES(order, atr));
}

static bool talk_has(bytes line)
{
    for (size_t at = 2; at + line.n <= talk.n; at++)
        if (!memcmp(talk_room + at, line.p, line.n)) return true;
    return false;
}

static void talk_put(bytes beginning, bytes answer)
{
    u8 room[4 + SEED_BEGINNING + SEED_ANSWER];
    struct buf b = buf_on(room, sizeof room);
    buf_put8(&b, (unsigned)beginning.n);
    buf_put(&b, beginning);
    buf_put16(&b, (unsigned)answer.n);
    buf_put(&b, answer);
    if (b.full || talk_has(buf_bytes(&b)) || talk.n + b.n + 1 > SEED_MOST) return;
    buf_put(&talk, buf_bytes(&b));
}

// How much of a command, from its INS on, the answer depends on: not on what a key works on.
static size_t talk_beginning(const struct sim_command *c)
{
    static const u8 keys[] = { 0x2a, 0x42, 0x62, 0x68, 0x86, 0x87, 0x88 };
    if (!c->n) return 3;
    if (memchr(keys, c->ins, sizeof keys)) return 4;
    return 4 + c->n < SEED_BEGINNING ? 4 + c->n : SEED_BEGINNING;
}

// Lines of talker's. What it would say of itself is left out; so is a wrong PIN, and a right one is
// any of six or eight bytes.
static void talk_line(bytes command, bytes answer)
{
    struct sim_command c;
    MUST(answer.n >= 2);
    if (!sim_decode(command.p, command.n, &c)) return;
    u8 sw1 = answer.p[answer.n - 2];
    bool good = sw1 == 0x90 || sw1 == 0x61, pin = c.ins == 0x20 && c.n;
    if (!good && (pin || (c.ins == 0xa4 && c.p1 == 0x04))) return;
    if (!pin) talk_put(bytes_head(bytes_from(command, 1), talk_beginning(&c)), answer);
    if (pin) talk_put(BYTES(c.ins, c.p1, c.p2, 6), answer);
    if (pin) talk_put(BYTES(c.ins, c.p1, c.p2, 8), answer);
}

static void talk_end(const char *entry, const char *name)
{
    buf_put8(&talk, 0);
    MUST(!talk.full);
    seed(entry, name, buf_bytes(&talk), BYTES_NONE);
}

static size_t from_hex(const char *text, u8 *out, size_t room)
{
    unsigned byte;
    size_t n = 0;
    while (n < room && sscanf(text + 2 * n, "%2x", &byte) == 1) out[n++] = (u8)byte;
    return n;
}

// A recording of tests/data/traces.
static void seed_trace(const char *entry, u8 order, u8 atr, const char *name)
{
    static char line[8192];
    u8 command[1024], answer[SEED_ANSWER];
    size_t n = 0, answer_n;
    snprintf(line, sizeof line, "tests/data/traces/%s.txt", name);
    FILE *f = fopen(line, "r");
    if (!f) { printf("there is no %s\n", line); return; }
    talk_begin(order, atr);
    while (fgets(line, sizeof line, f)) {
        if (*line == '>') n = from_hex(line + 2, command, sizeof command);
        if (*line != '<') continue;
        answer_n = from_hex(line + 2, answer, sizeof answer);
        talk_line(bytes_of(command, n), bytes_of(answer, answer_n));
    }
    fclose(f);
    talk_end(entry, name);
}

// A simulated card between scard11 and which is listened.
static struct listener { struct sim_card card, *inner; } listener;

static size_t listener_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                            size_t room)
{
    size_t got = listener.inner->apdu(listener.inner, cmd, n, rsp, room);
    card->apdus++;
    if (got <= SEED_ANSWER) talk_line(bytes_of(cmd, n), bytes_of(rsp, got));
    return got;
}

static void listener_reset(struct sim_card *card)
{
    (void)card;
    listener.inner->reset(listener.inner);
}

static void listener_free(struct sim_card *card)
{
    (void)card;
    listener.inner->free(listener.inner);
}

// What a life with it is, as the fuzzers live it.
static void seed_life(const char *entry, u8 order, u8 atr, const char *name, struct sim_card *card)
{
    talk_begin(order, atr);
    listener.inner = card;
    listener.card = *card;
    listener.card.reset = listener_reset;
    listener.card.apdu = listener_apdu;
    listener.card.free = listener_free;
    live(&listener.card, order);
    card->free(card);
    talk_end(entry, name);
}

// A card of each kind begun, and what is done with it: keys made and given, certificates and data
// stored, changed and destroyed. how: as fuzz() of entry write has it.
static void seed_write(void)
{
    static const u8 pairs[] = { 0, 1, 4, 0x21, 0, 2, 4, 0x22, 6, 99, 7, 1, 7, 57, 7, 11, 7, 0x23, 7, 0x85, 7, 0x6b,
                                4, 0x21, 0, 0x13, 4, 0x23, 8, 0, 9, 8, 8, 16, 14, 1, 7, 33, 8, 24, 0, 0, 4, 0x20,
                                8, 0, 14, 0 };
    static const u8 given[] = { 2, 1, 3, 2, 5, 0x12, 3, 9, 16, 4, 16, 11, 6, 1, 7, 5, 7, 13, 7, 0x55, 8, 16, 8, 8,
                                6, 0x40, 2, 0, 3, 0, 4, 0x10, 8, 0, 12, 0, 12, 3, 14, 1, 8, 8, 8, 0x30, 13, 0, 1,
                                13, 0, 1, 15, 0 };
    static const u8 wrapped[] = { 16, 5, 17, 3, 17, 5, 17, 7, 8, 0, 17, 2, 17, 8, 17, 0, 17, 1, 8, 0, 17, 8,
                                  17, 4, 0, 9, 1, 8, 8, 17, 6, 0, 200, 1 };
    static const u8 anew[] = { 0, 0x89, 4, 2, 6, 2, 10, 0, 15, 0, 14, 0, 11, 0, 12, 3, 14, 1, 0, 1, 4, 0x21, 10, 0,
                               15, 0, 14, 0, 11, 0, 14, 1, 2, 2, 4, 1 };
    static const struct { bytes steps; const char *name; } some[] = {
        { { pairs, sizeof pairs }, "pairs" }, { { given, sizeof given }, "given" },
        { { wrapped, sizeof wrapped }, "wrapped" }, { { anew, sizeof anew }, "anew" } };
    static const u8 how[] = { 0, 0, 0, 7, 7, 7, 7, 2, 2 };      // begun, PIN set, the user's login
    for (u8 kind = 0; kind < sizeof how; kind++)
        for (size_t i = 0; i < COUNT(some); i++) {
            char name[24];
            if ((kind == 7) != (i == 2) && kind >= 7 && i != 0) continue;
            if (i == 2 && kind != 7) continue;
            snprintf(name, sizeof name, "%u_%s", (unsigned)kind, some[i].name);
            seed("write", name, BYTES(kind, how[kind], 0, 0), some[i].steps);
        }
}

int main(void)
{
    MUST(!cipher_start());
    seed_p15();
    seed_trace("cac", 0, 0, "cac");
    seed_life("cac", 2, 0, "whole", sim_cac_new(&(struct sim_cac_options){ .whole = true }));
    seed_life("cac", 8, 0, "t0", sim_cac_new(&(struct sim_cac_options){ .gzip = true,
                                                                        .persons = true }));
    seed_life("cac", 1, 0, "aca", sim_cac_new(&(struct sim_cac_options){ .no_ccc = true,
                                                                         .small_key = true }));
    seed_life("cac", 12, 0, "pki", sim_cac_new(&(struct sim_cac_options){ .pki_only = true,
        .certificate_first = true, .whole = true }));
    seed_trace("gids", 0, 7, "gids");
    seed_life("gids", 2, 7, "usual", sim_gids_new(&(struct sim_gids_options){ .second = true }));
    seed_life("gids", 12, 3, "ec", sim_gids_new(&(struct sim_gids_options){
        .ec = true, .pieces = true, .puk = true }));
    seed_life("gids", 1, 7, "plain", sim_gids_new(&(struct sim_gids_options){
        .plain = true, .extended = true, .no_cache_file = true }));
    seed_trace("openpgp", 0, 6, "openpgp-canokey");
    seed_trace("openpgp", 2, 7, "openpgp-pico");
    seed_life("openpgp", 2, 6, "usual", sim_openpgp_new(&(struct sim_openpgp_options){
        .cardholder = true }));
    seed_life("openpgp", 12, 7, "once", sim_openpgp_new(&(struct sim_openpgp_options){
        .once = true, .kdf = true, .reset_code = true, .pieces = true }));
    seed_life("openpgp", 5, 6, "old", sim_openpgp_new(&(struct sim_openpgp_options){
        .version = 0x0201, .maker = 6, .short_only = true }));
    seed_life("openpgp", 3, 3, "swaps", sim_openpgp_new(&(struct sim_openpgp_options){
        .maker = 6, .swaps = true, .select_data_06 = true, .bare = true, .says_tries = true }));
    seed_trace("schsm", 0, 5, "sc-hsm-pico");
    seed_life("schsm", 2, 5, "two", sim_schsm_new(&(struct sim_schsm_options){ .two = true }));
    seed_life("schsm", 12, 5, "cardcontact", sim_schsm_new(&(struct sim_schsm_options){
        .cardcontact = true, .curves = true }));
    seed_life("schsm", 5, 7, "pieces", sim_schsm_new(&(struct sim_schsm_options){
        .two = true, .pieces = true, .short_only = true, .no_certificates = true }));
    seed_life("schsm", 3, 5, "transport", sim_schsm_new(&(struct sim_schsm_options){
        .two = true, .transport = true, .no_label = true }));
    static const struct { enum sim_key key; const char *name; } keys[] = {
        { SIM_RSA1024, "rsa" }, { SIM_P256A, "p256" }, { SIM_P384A, "p384" },
        { SIM_ED25519, "ed25519" }, { SIM_X25519, "x25519" },
    };
    for (size_t i = 0; i < COUNT(keys); i++) {
        u8 plain_room[4096], gzip_room[4096];
        struct buf plain = buf_on(plain_room, sizeof plain_room);
        struct buf gzip = buf_on(gzip_room, sizeof gzip_room);
        size_t len;
        const uint8_t *p = sim_piv_certificate(keys[i].key, &len);
        bytes der = bytes_of(p, len);
        container(der, false, &plain);
        bytes packed = container(der, true, &gzip);
        seed("x509", keys[i].name, BYTES_NONE, der);
        if (i < 2) seed("tlv", keys[i].name, BYTES_NONE, buf_bytes(&plain));
        if (i < 2) seed("zlib", keys[i].name, BYTES_NONE, packed);
        if (i == 1) seed("x509", "gzip", BYTES_NONE, buf_bytes(&gzip));
        // Of a card that answers well six times, then with this container.
        size_t n = plain.n + 4, all = n + 9;
        seed("link", keys[i].name, BYTES(0x03, (u8)(all >> 8), (u8)all, 0, 0, 0, 0, 0, 0, 0xd3,
                                         (u8)(n >> 8), (u8)n, 0x53, 0x82, (u8)(plain.n >> 8),
                                         (u8)plain.n), buf_bytes(&plain));
    }
    for (u8 what = 0; what < 8; what++) {
        static const u8 body[140] = { 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0 };
        char name[] = { (char)('0' + what), 0 };
        seed("pad", name, BYTES(what, 2, 2, 32, 0, 192), bytes_of(body, sizeof body));
    }
    for (u8 how = 0; how < 8; how++) {      // good cards of several kinds, every key in turn
        char name[] = "good0";
        name[4] = (char)('0' + how);
        seed("link", name, BYTES((u8)(how << 4 | 3 | how), 0, 0), BYTES(how));
    }
    // Logged in, then each mechanism with a few keys: sign, decrypt, encrypt, digest, verify,
    // derive. Where it takes public keys all objects are found, six of them data.
    for (size_t i = 0; i < 6; i++) {
        static const u8 what[] = { 14, 19, 23, 27, 30, 33 };
        u8 room[4096];
        struct buf b = buf_on(room, sizeof room);
        char name[] = "0";
        for (u8 call = 0; call < 62; call++) {
            bool public = i == 2 || i == 4;
            u8 key = (u8)(public ? 7 + 3 * (call / 24) : call / 24);
            bytes data = bytes_of(alg_oid_rsa, i == 1 ? 0 : 11);
            buf_put(&b, BYTES(what[i], 0, key, (u8)data.n));    // 0: the session
            buf_put(&b, data);
            buf_put(&b, BYTES(100, (u8)(call % 24), 0, 0));                     // output, mechanism
            if (i == 5) buf_put8(&b, 0);                                        // no attributes
        }
        name[0] = (char)('0' + i);
        seed("p11", name, BYTES(0x03, 0, 0, 1, i != 2 && i != 4), buf_bytes(&b));
    }
    seed_write();
    seed("attr", "class", BYTES(1, 2, 1, 0, 8, 3, 0), BYTES(0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 5));
    return 0;
}
#endif

#if !defined(FUZZ_SEEDS)
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool begun;
    if (!begun) MUST(!cipher_start());
    begun = true;
    fuzz(bytes_of(data, n));
    return 0;
}
#endif
