// sim_schsm.c: a simulated SmartCard-HSM; sim_schsm.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after tests/data/traces/sc-hsm-pico.txt, BSI TR-03110-3 (card verifiable certificates)
// and ISO/IEC 7816-15. What differs on CardContact's is after how its own library (sc-hsm-embedded)
// reads answers. The form of wrapped keys is after Pico HSM's firmware.
#include "sim_schsm.h"
#include <mbedtls/aes.h>
#include <mbedtls/cmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

enum { EF_DEVICE = 0x2f02, EF_INFO = 0x2f03, EF_DIR = 0x2f00, EF_BLOB = 0x2f10 };
enum { FILE_PRKD = 0xc4, FILE_CD = 0xc8, FILE_DCOD = 0xc9, FILE_CA = 0xca, FILE_KEY = 0xcc,
       FILE_PRIVATE = 0xcd, FILE_CERTIFICATE = 0xce, FILE_DATA = 0xcf };
enum { ALG_CBC_ENCRYPT = 0x10, ALG_CBC_DECRYPT = 0x11, ALG_CMAC = 0x18, ALG_RAW = 0x20,
       ALG_DECRYPT = 0x21, ALG_DECRYPT_PKCS1 = 0x22, ALG_DECRYPT_OAEP = 0x23, ALG_PKCS1 = 0x30,
       ALG_PSS = 0x40, ALG_ECDSA = 0x70, ALG_ECDH = 0x80, ALG_AES128 = 0xb0 };
enum { OPTION_RESET = 1, OPTION_TRANSPORT = 2 };        // of INITIALIZE DEVICE
enum { PIN_USER, PIN_SO };
enum { MOST_KEYS = 128, MOST_BUFFER = 1014 };
enum { BLOB_RSA = 5, BLOB_EC = 12, BLOB_AES = 15 };

static const uint8_t aid[] = { 0xe8, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xc3, 0x1f, 0x02, 0x01 };
static const uint8_t atr[] = { 0x3b, 0xfe, 0x18, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x45, 0x80, 0x31,
                               0x81, 0x54, 0x48, 0x53, 0x4d, 0x31, 0x73, 0x80, 0x21, 0x40, 0x81,
                               0x07, 0xfa };
static const uint8_t select_pico[] = { 0x62, 0x22, 0x81, 0x02, 0x00, 0x00, 0x82, 0x01, 0x01, 0x83,
    0x02, 0x00, 0x00, 0x84, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xc3, 0x1f, 0x02, 0x01, 0x00,
    0x8a, 0x01, 0x05, 0x85, 0x05, 0x00, OPTION_RESET, 0xff, 0x06, 0x06 };
static const uint8_t select_cardcontact[] = { 0x6f, 0x0a, 0x82, 0x01, 0x78, 0x85, 0x05, 0x00,
                                              OPTION_RESET, 0x04, 0x03, 0x06 };
static const uint8_t oid_rsa[] = { 0x04, 0x00, 0x7f, 0x00, 0x07, 0x02, 0x02, 0x02, 0x01, 0x02 };
static const uint8_t oid_ec[] = { 0x04, 0x00, 0x7f, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03 };
static const uint8_t oid_aes[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01 };

// A key of the card: RSA or EC, or AES.
struct key {
    uint8_t number, id;
    const char *label;
    enum sim_key from;              // SIM_NO_KEY: made or brought by a command, or AES
    bool parsed, certificate;
    mbedtls_pk_context pk;
    uint8_t aes[32];
    size_t aes_n;                   // 0: not AES
    bool signs;                     // so its entry says
    bool counted;
    uint32_t uses;                  // that are left, if counted
};

struct own {
    struct sim_schsm_options o;
    struct key keys[MOST_KEYS];
    unsigned n_keys;
    const char *holder;             // the device's name, its certificate's holder
    uint8_t select[64];
    size_t select_n;
    uint8_t options;
    uint8_t shares, outstanding, dkek[32];
    bool dkek_wanted;
    char labels[64][12];
};

static const struct { uint8_t number, id, n; bool signs; const char *label, *value; } secrets[] = {
    { 6, 0x10, 32, true, "AES", "aes key of the simulated SC-HSM." },
    { 7, 0x11, 16, false, "AES-128", "128 bits, SC-HSM" },
};

size_t sim_schsm_secret(uint8_t id, bool second, uint8_t *value)
{
    for (unsigned i = 0; i < COUNT(secrets); i++) {
        if (secrets[i].id != id) continue;
        for (size_t j = 0; j < secrets[i].n; j++)
            value[j] = (uint8_t)(secrets[i].value[j] ^ (second ? 0x5a : 0));
        return secrets[i].n;
    }
    return 0;
}

static bool logged_in(const struct sim_fs *f) { return f->pins[PIN_USER].verified; }

// ---- Files ----

// What may read it: a key nobody, private data who knows the PIN.
static uint8_t read_rule(uint16_t fid)
{
    if (fid >> 8 == FILE_KEY) return SIM_NEVER;
    return fid >> 8 == FILE_PRIVATE ? SIM_PIN(PIN_USER) : SIM_FREE;
}

static void put_file(struct sim_fs *f, uint16_t fid, const void *p, size_t n)
{
    struct sim_fs_file *file = sim_fs_find(f->mf, fid);
    if (file) sim_fs_remove(f, file);
    file = sim_fs_ef(f, NULL, fid, p, n, 0);
    file->read = read_rule(fid);
}

static struct sim_answer *new_answer(void)
{
    struct sim_answer *a = calloc(1, sizeof *a);
    if (!a) abort();
    return a;
}

static void keep_file(struct sim_fs *f, uint16_t fid, struct sim_answer *a)
{
    put_file(f, fid, a->out, a->n);
    free(a);
}

static uint16_t fid_of(uint8_t prefix, uint8_t number) { return (uint16_t)(prefix << 8 | number); }

// ---- Keys ----

static struct key *find_key(struct sim_fs *f, uint8_t number)
{
    struct own *own = f->own;
    for (unsigned i = 0; i < own->n_keys; i++)
        if (own->keys[i].number == number) return &own->keys[i];
    return NULL;
}

static void forget_key(struct sim_fs *f, struct key *key)
{
    struct own *own = f->own;
    if (key->parsed) mbedtls_pk_free(&key->pk);
    *key = own->keys[--own->n_keys];
}

// A new key of this number, with its file; in the place of an old one.
static struct key *add_key(struct sim_fs *f, uint8_t number)
{
    struct own *own = f->own;
    struct key *key = find_key(f, number);
    if (key) forget_key(f, key);
    if (own->n_keys == MOST_KEYS) abort();
    key = &own->keys[own->n_keys++];
    *key = (struct key){ .number = number };
    put_file(f, fid_of(FILE_KEY, number), "", 0);
    return key;
}

static mbedtls_pk_context *pk_of(struct key *key)
{
    if (!key->parsed && key->from) sim_key_parse(&key->pk, sim_key_data(key->from));
    if (!key->parsed && !key->from) mbedtls_pk_init(&key->pk);
    key->parsed = true;
    return &key->pk;
}

// ---- Card verifiable certificates and their requests ----

static void put_mpi(struct sim_answer *a, unsigned tag, const mbedtls_mpi *x, size_t n)
{
    uint8_t out[512];
    if (!n) n = mbedtls_mpi_size(x);
    if (n > sizeof out || mbedtls_mpi_write_binary(x, out, n)) abort();
    sim_put_tlv(a, tag, out, n);
}

// A coefficient: mbedTLS keeps none where it is p - 3.
static void put_a(struct sim_answer *a, const mbedtls_ecp_group *group, size_t n)
{
    mbedtls_mpi x;
    mbedtls_mpi_init(&x);
    if (group->A.p ? mbedtls_mpi_copy(&x, &group->A) : mbedtls_mpi_sub_int(&x, &group->P, 3))
        abort();
    put_mpi(a, 0x82, &x, n);
    mbedtls_mpi_free(&x);
}

static void put_point(struct sim_answer *a, unsigned tag, const mbedtls_ecp_group *group,
                      const mbedtls_ecp_point *point)
{
    uint8_t out[133];
    size_t n;
    if (mbedtls_ecp_point_write_binary(group, point, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, out,
                                       sizeof out)) abort();
    sim_put_tlv(a, tag, out, n);
}

// 7F49: the public key; of EC with the curve's parameters, which the device's own leaves out.
static void put_public(struct sim_answer *a, mbedtls_pk_context *pk, bool curve)
{
    size_t from = a->n;
    if (sim_is_rsa(pk)) {
        sim_put_tlv(a, 0x06, oid_rsa, sizeof oid_rsa);
        put_mpi(a, 0x81, &mbedtls_pk_rsa(*pk)->N, 0);
        put_mpi(a, 0x82, &mbedtls_pk_rsa(*pk)->E, 0);
    } else {
        const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
        size_t n = (ec->grp.pbits + 7) / 8;
        sim_put_tlv(a, 0x06, oid_ec, sizeof oid_ec);
        if (curve) put_mpi(a, 0x81, &ec->grp.P, n);
        if (curve) put_a(a, &ec->grp, n);
        if (curve) put_mpi(a, 0x83, &ec->grp.B, n);
        if (curve) put_point(a, 0x84, &ec->grp, &ec->grp.G);
        if (curve) put_mpi(a, 0x85, &ec->grp.N, 0);
        put_point(a, 0x86, &ec->grp, &ec->Q);
        if (curve) sim_put_tlv(a, 0x87, "\1", 1);
    }
    sim_wrap(a, from, 0x7f49);
}

// 5F37: a signature of what was put since from.
static void put_signature(struct sim_fs *f, struct sim_answer *a, size_t from,
                          mbedtls_pk_context *pk)
{
    struct sim_answer *sig = new_answer();
    uint8_t hash[32];
    mbedtls_sha256(a->out + from, a->n - from, hash, 0);
    unsigned sw = sim_is_rsa(pk) ? sim_rsa_digest(&f->random, pk, MBEDTLS_MD_SHA256, hash, 32, sig)
        : sim_ecdsa(&f->random, pk, false, hash, 32, sig);
    if (sw != 0x9000) abort();
    sim_put_tlv(a, 0x5f37, sig->out, sig->n);
    free(sig);
}

static void put_name(struct sim_answer *a, unsigned tag, const char *name)
{
    sim_put_tlv(a, tag, name, strlen(name));
}

// 67 { 7F21 { 7F4E, signature of its own }, 42, signature of the device's key }
static void put_request(struct sim_fs *f, struct sim_answer *a, mbedtls_pk_context *pk,
                        const char *name)
{
    struct own *own = f->own;
    struct key device = { .from = SIM_K256A };
    size_t from = a->n;
    sim_put_tlv(a, 0x5f29, "", 1);
    put_name(a, 0x42, name);
    put_public(a, pk, true);
    put_name(a, 0x5f20, name);
    sim_wrap(a, from, 0x7f4e);
    put_signature(f, a, from, pk);
    sim_wrap(a, from, 0x7f21);
    put_name(a, 0x42, own->holder);
    put_signature(f, a, from, pk_of(&device));
    sim_wrap(a, from, 0x67);
    mbedtls_pk_free(&device.pk);
}

// 7F21 of the device or of who made it.
static void put_device_certificate(struct sim_fs *f, struct sim_answer *a, struct key *key,
                                   const char *holder, bool curve)
{
    static const uint8_t role[] = { 0x06, 0x09, 0x04, 0x00, 0x7f, 0x00, 0x07, 0x03, 0x01, 0x02,
                                    0x02, 0x53, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00 };
    struct key maker = { .from = SIM_P256B };
    size_t from = a->n;
    sim_put_tlv(a, 0x5f29, "", 1);
    put_name(a, 0x42, "ESPICOHSMDV00002");
    put_public(a, pk_of(key), curve);
    put_name(a, 0x5f20, holder);
    sim_put_tlv(a, 0x7f4c, role, sizeof role);
    sim_put_tlv(a, 0x5f25, "\2\6\0\3\0\2", 6);
    sim_put_tlv(a, 0x5f24, "\2\7\0\3\0\2", 6);
    sim_wrap(a, from, 0x7f4e);
    put_signature(f, a, from, pk_of(&maker));
    sim_wrap(a, from, 0x7f21);
    mbedtls_pk_free(&maker.pk);
}

static void make_device_certificates(struct sim_fs *f)
{
    struct own *own = f->own;
    struct sim_answer *a = new_answer();
    struct key device = { .from = SIM_K256A }, maker = { .from = SIM_P256B };
    put_device_certificate(f, a, &device, own->holder, false);
    put_device_certificate(f, a, &maker, "ESPICOHSMDV00002", true);
    keep_file(f, EF_DEVICE, a);
    mbedtls_pk_free(&device.pk);
    mbedtls_pk_free(&maker.pk);
}

// ---- Directory entries (ISO/IEC 7816-15) ----

// What is private names the user PIN, as OpenSC and the recorded card have it: the one sign for a reader
// that the file may not be read without.
static void put_label(struct sim_answer *a, const char *label, bool private)
{
    size_t from = a->n;
    put_name(a, 0x0c, label);
    sim_put_tlv(a, 0x03, private ? "\6\xc0" : "\6\x40", 2);
    if (private) sim_put_tlv(a, 0x04, "\1", 1);
    sim_wrap(a, from, 0x30);
}

static void put_path(struct sim_answer *a, uint16_t fid, unsigned levels)
{
    const uint8_t path[2] = { (uint8_t)(fid >> 8), (uint8_t)fid };
    size_t from = a->n;
    sim_put_tlv(a, 0x04, path, fid ? 2 : 0);
    while (levels--) sim_wrap(a, from, 0x30);
}

static void put_number(struct sim_answer *a, unsigned x)
{
    const uint8_t out[3] = { 0, (uint8_t)(x >> 8), (uint8_t)x };
    unsigned skip = x > 0x7fff ? 0 : x > 0x7f ? 1 : 2;
    sim_put_tlv(a, 0x02, out + skip, 3 - skip);
}

// The entry of a private key: RSA 30, EC A0; the path is empty.
static void put_private_entry(struct sim_answer *a, struct key *key)
{
    mbedtls_pk_context *pk = pk_of(key);
    bool rsa = sim_is_rsa(pk);
    size_t from;
    put_label(a, key->label, true);
    from = a->n;
    sim_put_tlv(a, 0x04, &key->id, 1);
    if (rsa) sim_put_tlv(a, 0x03, "\4\x70", 2);             // decrypt, sign, sign and recover
    else     sim_put_tlv(a, 0x03, "\7\x30\x80", 3);         // sign, sign and recover, derive
    sim_put_tlv(a, 0x03, "\3\xb8", 2);
    put_number(a, key->number);
    sim_wrap(a, from, 0x30);
    from = a->n;
    put_path(a, 0, 1);
    put_number(a, (unsigned)mbedtls_pk_get_bitlen(pk));
    sim_wrap(a, from, 0x30);
    sim_wrap(a, from, 0xa1);
    sim_wrap(a, 0, rsa ? 0x30 : 0xa0);
}

// The entry of an AES key: A8. Pico's says nothing of access.
static void put_secret_entry(struct sim_answer *a, const struct key *key, bool access)
{
    size_t from = a->n;
    put_name(a, 0x0c, key->label);
    if (access) sim_put_tlv(a, 0x03, "\6\xc0", 2);
    sim_wrap(a, from, 0x30);
    from = a->n;
    sim_put_tlv(a, 0x04, &key->id, 1);
    sim_put_tlv(a, 0x03, key->signs ? "\7\xe0\x80" : "\7\xc0\x80", 3);   // encrypt, decrypt, (sign,) derive
    if (access) sim_put_tlv(a, 0x03, "\3\xb8", 2);
    sim_wrap(a, from, 0x30);
    from = a->n;
    put_number(a, (unsigned)key->aes_n * 8);
    sim_wrap(a, from, 0x30);
    sim_wrap(a, from, 0xa0);
    from = a->n;
    put_path(a, 0, 2);
    sim_wrap(a, from, 0xa1);
    sim_wrap(a, 0, 0xa8);
}

static void make_data(struct sim_fs *f, uint8_t number, bool private, const char *label,
                      const char *value)
{
    uint16_t fid = fid_of(private ? FILE_PRIVATE : FILE_DATA, number);
    struct sim_answer *a = new_answer();
    size_t from;
    put_label(a, label, private);
    from = a->n;
    put_name(a, 0x0c, "scard11");
    sim_wrap(a, from, 0x30);
    from = a->n;
    put_path(a, fid, 1);
    sim_wrap(a, from, 0xa1);
    sim_wrap(a, 0, 0x30);
    keep_file(f, fid_of(FILE_DCOD, number), a);
    put_file(f, fid, value, strlen(value));
}

// A certificate of no key on the card.
static void make_authority(struct sim_fs *f, uint8_t number)
{
    const struct sim_key_data *d = sim_key_data(SIM_RSA3072);
    struct sim_answer *a = new_answer();
    size_t from;
    put_label(a, "Authority", false);
    from = a->n;
    sim_put_tlv(a, 0x04, "\x40", 1);
    sim_put_tlv(a, 0x01, "\xff", 1);
    sim_wrap(a, from, 0x30);
    from = a->n;
    put_path(a, fid_of(FILE_CA, number), 2);
    sim_wrap(a, from, 0xa1);
    sim_wrap(a, 0, 0x30);
    keep_file(f, fid_of(FILE_CD, number), a);
    put_file(f, fid_of(FILE_CA, number), d->certificate, d->certificate_len);
}

// The label, in TokenInfo.
static void make_info(struct sim_fs *f)
{
    static const uint8_t info[] = { 0x30, 0x2a, 0x02, 0x01, 0x06, 0x04, 0x08, 0, 0, 0, 0, 0, 0, 0,
        0, 0x0c, 0x0d, 'P', 'o', 'l', ' ', 'H', 'e', 'n', 'a', 'r', 'e', 'j', 'o', 's', 0x80, 0x08,
        'P', 'i', 'c', 'o', '-', 'H', 'S', 'M', 0x03, 0x02, 0x04, 0x30 };
    static const uint8_t directory[] = { 0x61, 0x17, 0x4f, 0x0b, 0xe8, 0x2b, 0x06, 0x01, 0x04, 0x01,
        0x81, 0xc3, 0x1f, 0x02, 0x01, 0x50, 0x08, 'P', 'i', 'c', 'o', '-', 'H', 'S', 'M' };
    put_file(f, EF_INFO, info, sizeof info);
    put_file(f, EF_DIR, directory, sizeof directory);
}

// ---- A command's parts ----

static size_t most_le(const struct sim_command *c) { return c->le ? c->le : 256; }

static unsigned tag_number(const uint8_t *p, size_t n)
{
    unsigned x = 0;
    while (p && n--) x = x << 8 | *p++;
    return x;
}

static mbedtls_md_type_t md_numbered(uint8_t number)
{
    static const mbedtls_md_type_t all[] = { MBEDTLS_MD_NONE, MBEDTLS_MD_SHA1, MBEDTLS_MD_SHA224,
                                             MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384,
                                             MBEDTLS_MD_SHA512 };
    return number < COUNT(all) ? all[number] : MBEDTLS_MD_NONE;
}

static mbedtls_md_type_t md_by_length(size_t n)
{
    return n == 20 ? MBEDTLS_MD_SHA1 : n == 28 ? MBEDTLS_MD_SHA224 : n == 32 ? MBEDTLS_MD_SHA256
        : n == 48 ? MBEDTLS_MD_SHA384 : n == 64 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_NONE;
}

// ---- Reading and writing ----

// READ BINARY with an offset in tag 54, of the file that P1-P2 name.
static unsigned read_file(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    uint16_t fid = (uint16_t)(c->p1 << 8 | c->p2);
    struct sim_fs_file *file = fid ? sim_fs_find(f->mf, fid) : f->ef;
    size_t n, offset;
    const uint8_t *tag = sim_get_tlv(c->data, c->n, 0x54, &n);
    if (!tag || n > 2) return 0x6a80;
    if (!file) return 0x6a82;
    if (!sim_fs_allowed(f, file->read)) return 0x6982;
    offset = tag_number(tag, n);
    if (offset > file->data_len) return own->o.cardcontact ? 0x6b00 : 0x6282;
    n = file->data_len - offset;
    if (!own->o.cardcontact) return sim_put(a, file->data + offset, n), 0x9000;
    size_t most = most_le(c) < MOST_BUFFER - 2 ? most_le(c) : MOST_BUFFER - 2;
    sim_put(a, file->data + offset, n < most ? n : most);
    return n < most ? 0x6282 : 0x9000;
}

// UPDATE BINARY with 54 offset and 53 data, to the file that P1-P2 name, or to the selected one: a
// file that is not there is made.
static unsigned write_file(struct sim_fs *f, const struct sim_command *c)
{
    const struct own *own = f->own;
    uint16_t named = (uint16_t)(c->p1 << 8 | c->p2), fid = named ? named : f->ef ? f->ef->fid : 0;
    size_t n = 0, at_n, old_n = 0;
    const uint8_t *at = sim_get_tlv(c->data, c->n, 0x54, &at_n);
    const uint8_t *p = sim_get_tlv(c->data, c->n, 0x53, &n);
    struct sim_fs_file *file = sim_fs_find(f->mf, fid);
    uint8_t whole[SIM_MOST];
    if (!logged_in(f)) return 0x6982;
    if (fid >> 8 == FILE_KEY) return 0x6982;
    if (!fid) return 0x6a82;
    if (!at || !p) return 0x6a80;
    size_t offset = tag_number(at, at_n);
    if (file) old_n = file->data_len;
    if (offset > old_n) return 0x6b00;
    if (file && old_n) memcpy(whole, file->data, old_n);
    if (n) memcpy(whole + offset, p, n);
    bool keeps = offset || own->o.keeps_ends;
    put_file(f, fid, whole, keeps && offset + n < old_n ? old_n : offset + n);
    f->ef = sim_fs_find(f->mf, fid);
    return 0x9000;
}

static unsigned delete_file(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 != 2 || c->n != 2) return 0x6a86;
    if (!logged_in(f)) return 0x6982;
    struct sim_fs_file *file = sim_fs_find(f->mf, (uint16_t)tag_number(c->data, 2));
    struct key *key = c->data[0] == FILE_KEY ? find_key(f, c->data[1]) : NULL;
    if (!file) return 0x6a82;
    if (key) forget_key(f, key);
    sim_fs_remove(f, file);
    return 0x9000;
}

static void list_prefix(const struct sim_fs *f, uint8_t prefix, struct sim_answer *a)
{
    bool device = prefix == FILE_KEY || prefix == FILE_PRKD;    // 00: named before all others
    for (unsigned number = device; number < 256; number++) {
        const uint8_t fid[2] = { prefix, (uint8_t)number };
        if (sim_fs_find(f->mf, fid_of(prefix, fid[1]))) sim_put(a, fid, 2);
    }
}

// Pico: the device's key, then by prefix, only what says of others. CardContact: by number, all.
static unsigned list_files(struct sim_fs *f, struct sim_answer *a)
{
    static const uint8_t some[] = { FILE_KEY, FILE_PRKD, FILE_CD, FILE_DCOD };
    static const uint8_t all[] = { FILE_KEY, FILE_PRKD, FILE_CERTIFICATE, FILE_CD, FILE_CA,
                                   FILE_DCOD, FILE_DATA, FILE_PRIVATE };
    enum { FIRST_OF_NO_KEY = 3 };
    const struct own *own = f->own;
    if (!own->o.cardcontact) {
        sim_put(a, "\xc4\0\xcc", 4);
        for (unsigned i = 0; i < sizeof some; i++) list_prefix(f, some[i], a);
        return 0x9000;
    }
    sim_put(a, "\xcc", 2);
    for (unsigned number = 0; number < 256; number++)
        for (unsigned i = number ? 0 : FIRST_OF_NO_KEY; i < sizeof all; i++) {
            const uint8_t fid[2] = { all[i], (uint8_t)number };
            if (sim_fs_find(f->mf, fid_of(all[i], fid[1]))) sim_put(a, fid, 2);
        }
    return 0x9000;
}

// ---- Keys at work ----

// A key that this command may use now.
static unsigned take_key(struct sim_fs *f, uint8_t number, bool aes, struct key **out)
{
    const struct own *own = f->own;
    struct key *key = *out = find_key(f, number);
    if (!key) return 0x6a82;
    if (!logged_in(f)) return 0x6982;
    if ((key->aes_n > 0) != aes) return own->o.cardcontact ? 0x6a81 : 0x6985;
    if (key->counted && !key->uses) return own->o.cardcontact ? 0x6984 : 0x6a84;
    if (key->counted) key->uses--;
    f->card.signatures++;
    return 0x9000;
}

static bool is_digest_info(const uint8_t *p, size_t n)
{
    return n > 20 && n < 128 && p[0] == 0x30 && p[1] == n - 2 && p[2] == 0x30;
}

static unsigned sign_rsa(struct sim_fs *f, mbedtls_pk_context *pk, const struct sim_command *c,
                         struct sim_answer *a)
{
    const struct own *own = f->own;
    mbedtls_md_type_t md = md_numbered(c->p2 & 0x0f);
    uint8_t hash[64];
    bool info = is_digest_info(c->data, c->n), whole = c->n == mbedtls_pk_get_len(pk);
    if (c->p2 == ALG_RAW && own->o.cardcontact && !whole) return 0x6700;
    if (c->p2 == ALG_RAW && info) return sim_rsa_pkcs1(&f->random, pk, c->data, c->n, a);
    if (c->p2 == ALG_RAW) return sim_rsa_raw(&f->random, pk, c->data, c->n, a);
    if (c->p2 == ALG_PKCS1 && info) return sim_rsa_pkcs1(&f->random, pk, c->data, c->n, a);
    if (c->p2 == ALG_PSS)
        return sim_rsa_pss(&f->random, pk, md_by_length(c->n), c->data, c->n, a);
    if (!md || mbedtls_md(mbedtls_md_info_from_type(md), c->data, c->n, hash)) return 0x6a80;
    size_t n = mbedtls_md_get_size(mbedtls_md_info_from_type(md));
    return (c->p2 & 0xf0) == ALG_PSS ? sim_rsa_pss(&f->random, pk, md, hash, n, a)
        : sim_rsa_digest(&f->random, pk, md, hash, n, a);
}

static unsigned sign_ec(struct sim_fs *f, mbedtls_pk_context *pk, const struct sim_command *c,
                        struct sim_answer *a)
{
    const struct own *own = f->own;
    mbedtls_md_type_t md = md_numbered(c->p2 & 0x0f);
    uint8_t hash[64];
    if (c->p2 == ALG_ECDSA && own->o.cardcontact && c->n > (mbedtls_pk_get_bitlen(pk) + 7) / 8)
        return 0x6a80;
    if (c->p2 == ALG_ECDSA) return sim_ecdsa(&f->random, pk, true, c->data, c->n, a);
    if (!md || mbedtls_md(mbedtls_md_info_from_type(md), c->data, c->n, hash)) return 0x6a80;
    return sim_ecdsa(&f->random, pk, true, hash, mbedtls_md_get_size(mbedtls_md_info_from_type(md)),
                     a);
}

// What went wrong with the data has one status word.
static unsigned done(const struct sim_fs *f, unsigned sw)
{
    const struct own *own = f->own;
    return sw == 0x6a80 && !own->o.cardcontact ? 0x6400 : sw;
}

static unsigned sign(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct key *key;
    uint8_t family = c->p2 & 0xf0;
    unsigned sw = take_key(f, c->p1, false, &key);
    if (sw != 0x9000) return sw;
    bool rsa = sim_is_rsa(pk_of(key));
    if (!c->n) return 0x6700;
    if (family != ALG_ECDSA && family != ALG_RAW && family != ALG_PKCS1 && family != ALG_PSS)
        return 0x6a86;
    if (rsa == (family == ALG_ECDSA)) return 0x6a81;
    return done(f, rsa ? sign_rsa(f, pk_of(key), c, a) : sign_ec(f, pk_of(key), c, a));
}

// ECDH: 04 and the x coordinate; on CardContact's the y coordinate, too.
static unsigned derive(struct sim_fs *f, mbedtls_pk_context *pk, const struct sim_command *c,
                       struct sim_answer *a)
{
    const struct own *own = f->own;
    mbedtls_ecp_keypair *key = mbedtls_pk_ec(*pk);
    mbedtls_ecp_point peer;
    sim_put(a, "\4", 1);
    if (!own->o.cardcontact || sim_private_instead)
        return sim_ecdh(&f->random, pk, c->data, c->n, a);
    mbedtls_ecp_point_init(&peer);
    unsigned sw = 0x6a80;
    if (!mbedtls_ecp_point_read_binary(&key->grp, &peer, c->data, c->n) &&
        !mbedtls_ecp_check_pubkey(&key->grp, &peer) &&
        !mbedtls_ecp_mul(&key->grp, &peer, &key->d, &peer, mbedtls_ctr_drbg_random,
                         &f->random.random)) {
        if (mbedtls_ecp_point_write_binary(&key->grp, &peer, MBEDTLS_ECP_PF_UNCOMPRESSED, &a->n,
                                           a->out, sizeof a->out)) abort();
        sw = 0x9000;
    }
    mbedtls_ecp_point_free(&peer);
    return sw;
}

static unsigned decipher(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct key *key;
    unsigned sw = take_key(f, c->p1, false, &key);
    if (sw != 0x9000) return sw;
    mbedtls_pk_context *pk = pk_of(key);
    if (sim_is_rsa(pk) == (c->p2 == ALG_ECDH)) return 0x6a81;
    switch (c->p2) {
    case ALG_ECDH: return done(f, derive(f, pk, c, a));
    case ALG_DECRYPT:
        if (c->n != mbedtls_pk_get_len(pk)) return 0x6700;
        return done(f, sim_rsa_raw(&f->random, pk, c->data, c->n, a));
    case ALG_DECRYPT_PKCS1: return done(f, sim_rsa_decrypt(&f->random, pk, c->data, c->n, a));
    case ALG_DECRYPT_OAEP:
        return done(f, sim_rsa_oaep(&f->random, pk, MBEDTLS_MD_SHA256, c->data, c->n, a));
    default: return 0x6a86;
    }
}

static void cbc(const uint8_t *key, size_t key_n, bool encrypt, const uint8_t *in, size_t n,
                uint8_t *out)
{
    mbedtls_aes_context aes;
    uint8_t iv[16] = { 0 };
    mbedtls_aes_init(&aes);
    if (encrypt ? mbedtls_aes_setkey_enc(&aes, key, (unsigned)key_n * 8)
        : mbedtls_aes_setkey_dec(&aes, key, (unsigned)key_n * 8)) abort();
    if (mbedtls_aes_crypt_cbc(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, n, iv, in,
                              out)) abort();
    mbedtls_aes_free(&aes);
}

static void cmac(const uint8_t *key, size_t key_n, const uint8_t *in, size_t n, uint8_t *out)
{
    mbedtls_cipher_type_t type = key_n == 16 ? MBEDTLS_CIPHER_AES_128_ECB : key_n == 24
        ? MBEDTLS_CIPHER_AES_192_ECB : MBEDTLS_CIPHER_AES_256_ECB;
    if (!n) in = key;                   // mbedTLS refuses NULL
    if (mbedtls_cipher_cmac(mbedtls_cipher_info_from_type(type), key, key_n * 8, in, n, out))
        abort();
}

// AES: CBC that begins with zeros, and CMAC.
static unsigned cipher(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct key *key;
    unsigned sw = take_key(f, c->p1, true, &key);
    uint8_t mac[16];
    if (sw != 0x9000) return sw;
    if (c->p2 == ALG_CMAC) {
        cmac(key->aes, key->aes_n, c->data, c->n, mac);
        return sim_put(a, mac, sizeof mac), 0x9000;
    }
    if (c->p2 != ALG_CBC_ENCRYPT && c->p2 != ALG_CBC_DECRYPT) return 0x6a86;
    if (!c->n || c->n % 16) return 0x6700;
    cbc(key->aes, key->aes_n, c->p2 == ALG_CBC_ENCRYPT, c->data, c->n, a->out);
    a->n = c->n;
    return 0x9000;
}

// ---- Making keys ----

static const uint8_t *find_long(const uint8_t *p, size_t n, uint8_t high, uint8_t low, size_t *len)
{
    for (size_t at = 0; at + 3 < n; at++)
        if (p[at] == high && p[at + 1] == low) return sim_get_tlv(p + at + 1, n - at - 1, low, len);
    return NULL;
}

static bool make_pair(struct sim_fs *f, mbedtls_pk_context *pk, const uint8_t *p, size_t n)
{
    size_t prime_n, bits_n;
    const uint8_t *prime = sim_get_tlv(p, n, 0x81, &prime_n);
    const uint8_t *bits = sim_get_tlv(p, n, 0x02, &bits_n);
    mbedtls_ecp_group_id curve = prime ? sim_curve_of(prime, prime_n) : MBEDTLS_ECP_DP_NONE;
    if (curve) return !mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) &&
        !mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*pk), mbedtls_ctr_drbg_random, &f->random.random);
    return bits && !mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) &&
        !mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), mbedtls_ctr_drbg_random, &f->random.random,
                             tag_number(bits, bits_n), 65537);
}

static void describe_pair(struct sim_fs *f, struct key *key, const struct sim_answer *request)
{
    struct own *own = f->own;
    struct sim_answer *entry = new_answer();
    snprintf(own->labels[key->number % 64], sizeof *own->labels, "%u", key->number);
    key->id = key->number;
    key->label = own->labels[key->number % 64];
    put_private_entry(entry, key);
    keep_file(f, fid_of(FILE_PRKD, key->number), entry);
    put_file(f, fid_of(FILE_CERTIFICATE, key->number), request->out, request->n);
}

// GENERATE ASYMMETRIC KEY PAIR: a certificate's body comes, the key's request goes back.
static unsigned generate(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    size_t n, name_n = 0, uses_n;
    const uint8_t *public = find_long(c->data, c->n, 0x7f, 0x49, &n);
    const uint8_t *name = find_long(c->data, c->n, 0x5f, 0x20, &name_n), *uses;
    char holder[17] = "";
    if (!logged_in(f)) return 0x6982;
    if (!public || !name || name_n >= sizeof holder) return 0x6a80;
    memcpy(holder, name, name_n);
    uses = sim_get_tlv(name + name_n, (size_t)(c->data + c->n - name) - name_n, 0x90, &uses_n);
    struct key *key = add_key(f, c->p1);
    key->label = "";
    if (uses) key->counted = true, key->uses = tag_number(uses, uses_n);
    if (!make_pair(f, pk_of(key), public, n)) return forget_key(f, key), 0x6a80;
    put_request(f, a, &key->pk, holder);
    if (own->o.own_entries) describe_pair(f, key, a);
    return 0x9000;
}

static unsigned generate_aes(struct sim_fs *f, const struct sim_command *c)
{
    if (!logged_in(f)) return 0x6982;
    if (c->p2 < ALG_AES128 || c->p2 > ALG_AES128 + 2) return 0x6a86;
    struct key *key = add_key(f, c->p1);
    key->label = "";
    key->aes_n = 16u + 8u * (c->p2 - ALG_AES128);
    sim_random_get(&f->random, key->aes, key->aes_n);
    return 0x9000;
}

// ---- Initialising ----

static void set_pin(struct sim_fs_pin *pin, const uint8_t *p, size_t n)
{
    memset(pin->now, 0, sizeof pin->now);
    for (size_t i = 0; i < n && pin->form == SIM_HEX && i < 8; i++) {
        pin->now[2 * i] = "0123456789ABCDEF"[p[i] >> 4];
        pin->now[2 * i + 1] = "0123456789ABCDEF"[p[i] & 15];
    }
    if (pin->form != SIM_HEX) memcpy(pin->now, p, n);
    pin->left = pin->tries;
}

// Everything but what the maker put there.
static void erase(struct sim_fs *f)
{
    struct own *own = f->own;
    while (own->n_keys) forget_key(f, &own->keys[0]);
    for (struct sim_fs_file *file = f->mf->child, *next; file; file = next) {
        next = file->next;
        uint8_t prefix = (uint8_t)(file->fid >> 8);
        bool key = prefix == FILE_KEY || prefix == FILE_PRKD || prefix == FILE_CERTIFICATE;
        if (file->fid != EF_DEVICE && !(key && !(file->fid & 0xff))) sim_fs_remove(f, file);
    }
    for (unsigned i = 0; i < f->n_pins; i++) {
        memset(f->pins[i].now, 0, sizeof f->pins[i].now);
        f->pins[i].verified = false;
    }
    own->shares = own->outstanding = 0;
    own->dkek_wanted = false;
    memset(own->dkek, 0, sizeof own->dkek);
}

static void set_options(struct own *own, uint8_t options)
{
    own->options = options;
    own->select[own->select_n - 4] = options;
}

static unsigned initialise(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    size_t n, pin_n, so_n;
    if (!c->n) return sim_put(a, "\0\x10\0\0\0\x06\x06", 7), 0x9000;       // memory that is left
    const uint8_t *options = sim_get_tlv(c->data, c->n, 0x80, &n);
    const uint8_t *pin = sim_get_tlv(c->data, c->n, 0x81, &pin_n);
    const uint8_t *so = sim_get_tlv(c->data, c->n, 0x82, &so_n), *tag;
    if (!options || n != 2 || !so || so_n != 8 || !pin || pin_n < 6 || pin_n > 15) return 0x6a80;
    erase(f);
    set_options(own, options[1]);
    tag = sim_get_tlv(c->data, c->n, 0x91, &n);
    if (tag && n == 1) f->pins[PIN_USER].tries = *tag;
    set_pin(&f->pins[PIN_USER], pin, pin_n);
    set_pin(&f->pins[PIN_SO], so, so_n);
    tag = sim_get_tlv(c->data, c->n, 0x92, &n);
    if (tag && n == 1) own->shares = own->outstanding = *tag, own->dkek_wanted = true;
    if (own->dkek_wanted && !own->shares) sim_random_get(&f->random, own->dkek, 32);
    f->pins[PIN_USER].verified = !own->o.cardcontact;
    return 0x9000;
}

// ---- The key that wraps keys (DKEK) ----

static void dkek_part(const struct own *own, uint8_t number, uint8_t *out)
{
    uint8_t in[36] = { 0 };
    memcpy(in, own->dkek, 32);
    in[35] = number;
    mbedtls_sha256(in, number ? 36 : 32, out, 0);
}

static bool dkek_ready(const struct own *own) { return own->dkek_wanted && !own->outstanding; }

static unsigned key_domain(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    uint8_t check[32] = { 0 };
    if (c->n && c->n != 32) return 0x6700;
    if (c->n && !own->outstanding) return 0x6986;
    for (size_t i = 0; i < c->n; i++) own->dkek[i] ^= c->data[i];
    if (c->n) own->outstanding--;
    if (dkek_ready(own)) dkek_part(own, 0, check);
    sim_put(a, &own->shares, 1);
    sim_put(a, &own->outstanding, 1);
    sim_put(a, check, 8);
    return 0x9000;
}

static void put_counted(struct sim_answer *a, const void *p, size_t n)
{
    const uint8_t head[2] = { (uint8_t)(n >> 8), (uint8_t)n };
    sim_put(a, head, 2);
    sim_put(a, p, n);
}

static void put_counted_mpi(struct sim_answer *a, const mbedtls_mpi *x)
{
    uint8_t out[512];
    size_t n = mbedtls_mpi_size(x);
    if (mbedtls_mpi_write_binary(x, out, n)) abort();
    put_counted(a, out, n);
}

static void put_bits(struct sim_answer *a, size_t bits)
{
    const uint8_t out[2] = { (uint8_t)(bits >> 8), (uint8_t)bits };
    sim_put(a, out, 2);
}

// The key itself, as it is before encryption: bits and parts, each with its length.
static void put_plain(struct sim_answer *a, struct key *key)
{
    mbedtls_pk_context *pk = pk_of(key);
    uint8_t point[133];
    size_t n;
    if (key->aes_n) { put_counted(a, key->aes, key->aes_n); return; }
    put_bits(a, mbedtls_pk_get_bitlen(pk));
    if (sim_is_rsa(pk)) {
        put_counted_mpi(a, &mbedtls_pk_rsa(*pk)->D);
        put_counted_mpi(a, &mbedtls_pk_rsa(*pk)->N);
        put_counted_mpi(a, &mbedtls_pk_rsa(*pk)->E);
        return;
    }
    const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    put_counted_mpi(a, &ec->grp.A);
    put_counted_mpi(a, &ec->grp.B);
    put_counted_mpi(a, &ec->grp.P);
    put_counted_mpi(a, &ec->grp.N);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 1) { put_counted_mpi(a, &ec->d); continue; }
        if (mbedtls_ecp_point_write_binary(&ec->grp, i ? &ec->Q : &ec->grp.G,
                                           MBEDTLS_ECP_PF_UNCOMPRESSED, &n, point, sizeof point))
            abort();
        put_counted(a, point, n);
    }
}

// WRAP KEY: check value, kind, OIDs, the key in AES-CBC, CMAC.
static unsigned wrap(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    struct key *key = find_key(f, c->p1);
    struct sim_answer *plain;
    uint8_t part[32], mac[16];
    if (c->p2 != 0x92) return 0x6a86;
    if (!logged_in(f)) return 0x6982;
    if (!key) return 0x6a82;
    if (!dkek_ready(own)) return 0x6985;
    bool rsa = !key->aes_n && sim_is_rsa(pk_of(key));
    const uint8_t kind = key->aes_n ? BLOB_AES : rsa ? BLOB_RSA : BLOB_EC;
    dkek_part(own, 0, part);
    sim_put(a, part, 8);
    sim_put(a, &kind, 1);
    if (key->aes_n) put_counted(a, oid_aes, sizeof oid_aes);
    else            put_counted(a, rsa ? oid_rsa : oid_ec, sizeof oid_rsa);
    sim_put(a, "\0\0\0\0\0\0", 6);
    plain = new_answer();
    sim_random_get(&f->random, plain->out, plain->n = 8);
    put_plain(plain, key);
    if (plain->n % 16) sim_put(plain, "\x80", 1);
    while (plain->n % 16) sim_put(plain, "", 1);
    dkek_part(own, 1, part);
    cbc(part, 32, true, plain->out, plain->n, a->out + a->n);
    a->n += plain->n;
    free(plain);
    dkek_part(own, 2, part);
    cmac(part, 32, a->out, a->n, mac);
    sim_put(a, mac, sizeof mac);
    return 0x9000;
}

static const uint8_t *counted(const uint8_t **p, const uint8_t *end, size_t *n)
{
    if (end - *p < 2) return NULL;
    *n = (size_t)((*p)[0] << 8 | (*p)[1]);
    *p += 2;
    if ((size_t)(end - *p) < *n) return NULL;
    const uint8_t *part = *p;
    *p += *n;
    return part;
}

static bool unwrap_rsa(struct sim_fs *f, struct key *key, const uint8_t *p, const uint8_t *end)
{
    size_t d_n, n_n, e_n;
    const uint8_t *d, *n, *e;
    mbedtls_pk_context *pk = pk_of(key);
    p += 2;
    if (!(d = counted(&p, end, &d_n)) || !(n = counted(&p, end, &n_n)) ||
        !(e = counted(&p, end, &e_n))) return false;
    (void)f;
    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA))) return false;
    return !mbedtls_rsa_import_raw(mbedtls_pk_rsa(*pk), n, n_n, NULL, 0, NULL, 0, d, d_n, e, e_n) &&
        !mbedtls_rsa_complete(mbedtls_pk_rsa(*pk));
}

static bool unwrap_ec(struct sim_fs *f, struct key *key, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *part[7];
    size_t n[7];
    mbedtls_pk_context *pk = pk_of(key);
    p += 2;
    for (unsigned i = 0; i < 7; i++)
        if (!(part[i] = counted(&p, end, &n[i]))) return false;
    mbedtls_ecp_group_id curve = sim_curve_of(part[2], n[2]);
    if (!curve || mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))) return false;
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    return !mbedtls_ecp_group_load(&ec->grp, curve) &&
        !mbedtls_mpi_read_binary(&ec->d, part[5], n[5]) &&
        !mbedtls_ecp_mul(&ec->grp, &ec->Q, &ec->d, &ec->grp.G, mbedtls_ctr_drbg_random,
                         &f->random.random);
}

static bool unwrap_part(struct sim_fs *f, uint8_t kind, struct key *key, const uint8_t *p,
                        const uint8_t *end)
{
    if (kind == BLOB_RSA) return unwrap_rsa(f, key, p, end);
    if (kind == BLOB_EC) return unwrap_ec(f, key, p, end);
    const uint8_t *value = counted(&p, end, &key->aes_n);
    if (kind != BLOB_AES || !value || key->aes_n > sizeof key->aes) return key->aes_n = 0, false;
    memcpy(key->aes, value, key->aes_n);
    return true;
}

// UNWRAP KEY: what WRAP KEY gave, as data or in EF 2F10.
static unsigned unwrap(struct sim_fs *f, const struct sim_command *c)
{
    const struct own *own = f->own;
    const struct sim_fs_file *file = sim_fs_find(f->mf, EF_BLOB);
    const uint8_t *p = c->n ? c->data : file ? file->data : NULL;
    size_t n = c->n ? c->n : file ? file->data_len : 0, at = 9;
    uint8_t part[32], mac[16];
    if (c->p2 != 0x93) return 0x6a86;
    if (!logged_in(f)) return 0x6982;
    if (find_key(f, c->p1)) return 0x6a89;
    if (!dkek_ready(own) || n < 64) return 0x6985;
    dkek_part(own, 2, part);
    cmac(part, 32, p, n - 16, mac);
    if (memcmp(mac, p + n - 16, 16)) return 0x6a80;
    for (unsigned i = 0; i < 4; i++) at += 2u + p[at + 1];      // OID and what is allowed
    if (at + 16 >= n || (n - 16 - at) % 16) return 0x6a80;
    struct sim_answer *plain = new_answer();
    dkek_part(own, 1, part);
    plain->n = n - 16 - at;
    cbc(part, 32, false, p + at, plain->n, plain->out);
    struct key *key = add_key(f, c->p1);
    key->label = "";
    bool good = unwrap_part(f, p[8], key, plain->out + 8, plain->out + plain->n);
    free(plain);
    if (!good) forget_key(f, key);
    return good ? 0x9000 : 0x6a80;
}

// ---- PINs ----

static unsigned verify(struct sim_fs *f, const struct sim_command *c)
{
    const struct own *own = f->own;
    if (c->p1) return 0x6b00;
    if (c->p2 == 0x81 && own->options & OPTION_TRANSPORT && *f->pins[PIN_USER].now) return 0x6984;
    if (own->o.cardcontact && c->n && c->p2 == 0x81 && (c->n < 6 || c->n > 15)) return 0x6a80;
    return 0;
}

static unsigned pin_command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    struct own *own = f->own;
    if (c->ins == 0x20) return verify(f, c);
    if (c->ins == 0x24 && c->p1) return 0x6a86;
    if (c->ins == 0x2c && !(own->options & OPTION_RESET)) return 0x6986;
    if (c->ins == 0x2c && (c->p2 != 0x81 || !*f->pins[PIN_SO].now)) return 0x6a88;
    unsigned sw = sim_fs_command(f, c, a);
    if (sw == 0x9000 && c->p2 == 0x81) set_options(own, own->options & (uint8_t)~OPTION_TRANSPORT);
    return sw;
}

// ---- The commands ----

static unsigned select_file(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    if (c->p1 == 4 && (c->p2 & 0x0c) == 0x0c && !own->o.cardcontact) return 0x6a86;
    if (c->p1 == 4) return 0;
    if (c->p1 || c->n != 2 || c->p2) return 0x6a86;
    struct sim_fs_file *file = sim_fs_find(f->mf, (uint16_t)tag_number(c->data, 2));
    if (!file) return 0x6a82;
    const uint8_t size[2] = { (uint8_t)(file->data_len >> 8), (uint8_t)file->data_len };
    f->ef = file;
    sim_put_tlv(a, 0x81, size, 2);
    sim_put_tlv(a, 0x82, "\1", 1);
    sim_put_tlv(a, 0x83, c->data, 2);
    sim_put_tlv(a, 0x8a, "\5", 1);
    sim_wrap(a, 0, 0x62);
    return 0x9000;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    const struct own *own = f->own;
    if (own->o.cardcontact && c->n > MOST_BUFFER) return 0x6700;
    switch (c->ins) {
    case 0xa4: return select_file(f, c, a);
    case 0xb0: return 0;
    case 0xb1: return read_file(f, c, a);
    case 0xd7: return write_file(f, c);
    case 0xe4: return delete_file(f, c);
    case 0x58: return list_files(f, a);
    case 0x68: return sign(f, c, a);
    case 0x62: return decipher(f, c, a);
    case 0x78: return cipher(f, c, a);
    case 0x46: return generate(f, c, a);
    case 0x48: return generate_aes(f, c);
    case 0x50: return initialise(f, c, a);
    case 0x52: return key_domain(f, c, a);
    case 0x72: return wrap(f, c, a);
    case 0x74: return unwrap(f, c);
    case 0x84: return 0;
    case 0x20: case 0x24: case 0x2c: return pin_command(f, c, a);
    default:   return 0x6d00;
    }
}

// ---- A card that is in use ----

// A key with its description, and the certificate or the request.
static void make_key(struct sim_fs *f, const struct key *k)
{
    struct own *own = f->own;
    struct key *key = add_key(f, k->number);
    struct sim_answer *a = new_answer();
    char name[17];
    *key = *k;
    key->counted = k->number == 1 && own->o.uses;
    key->uses = own->o.uses;
    if (k->aes_n) put_secret_entry(a, key, own->o.cardcontact);
    else          put_private_entry(a, key);
    keep_file(f, fid_of(FILE_PRKD, k->number), a);
    if (k->aes_n) return;
    const struct sim_key_data *d = sim_key_data(k->from);
    uint16_t fid = fid_of(FILE_CERTIFICATE, k->number);
    if (k->certificate && !own->o.no_certificates) {
        put_file(f, fid, d->certificate, d->certificate_len);
        return;
    }
    a = new_answer();
    snprintf(name, sizeof name, "%.11s%05u", own->holder, k->number);
    put_request(f, a, pk_of(key), name);
    keep_file(f, fid, a);
}

static void make_keys(struct sim_fs *f)
{
    struct own *own = f->own;
    bool second = own->o.second;
    const struct key usual[] = {
        { .number = 1, .id = 1, .label = "RSA", .from = second ? SIM_RSA2048B : SIM_RSA2048A,
          .certificate = true },
        { .number = 2, .id = 3, .label = "EC", .from = second ? SIM_P256B : SIM_P256A,
          .certificate = true },
        { .number = 3, .id = 4, .label = "P-384", .from = second ? SIM_P384B : SIM_P384A },
        { .number = 4, .id = 5, .label = "P-521", .from = SIM_P521A },
        { .number = 5, .id = 6, .label = "RSA without", .from = second ? SIM_RSA2048A
          : SIM_RSA2048B },
    };
    for (unsigned i = 0; i < (own->o.two ? 2 : COUNT(usual)); i++) make_key(f, &usual[i]);
    for (unsigned i = 0; i < COUNT(secrets) && !own->o.two; i++) {
        struct key key = { .number = secrets[i].number, .id = secrets[i].id,
                           .label = secrets[i].label, .signs = secrets[i].signs };
        key.aes_n = sim_schsm_secret(key.id, second, key.aes);
        make_key(f, &key);
    }
}

static void make_curves(struct sim_fs *f)
{
    static const struct key keys[] = {
        { .number = 1, .id = 1, .label = "bp256", .from = SIM_BP256A, .certificate = true },
        { .number = 2, .id = 2, .label = "bp384", .from = SIM_BP384A },
        { .number = 3, .id = 3, .label = "bp512", .from = SIM_BP512A, .certificate = true },
        { .number = 4, .id = 4, .label = "k256", .from = SIM_K256A } };
    for (unsigned i = 0; i < COUNT(keys); i++) make_key(f, &keys[i]);
}

static void make_many(struct sim_fs *f)
{
    struct own *own = f->own;
    for (unsigned i = 0; i < 60; i++) {
        bool ec = i % 2;
        snprintf(own->labels[i], sizeof own->labels[i], "Key %u", i + 1);
        struct key key = { .number = (uint8_t)(i + 1), .id = (uint8_t)(i + 1),
            .label = own->labels[i], .certificate = !ec, .from = ec ? SIM_P256A : SIM_RSA2048A };
        if (own->o.second) key.from = ec ? SIM_P256B : SIM_RSA2048B;
        make_key(f, &key);
    }
}

static void make_device(struct sim_fs *f)
{
    static const uint8_t entry[] = { 0xa0, 0x38, 0x30, 0x0d, 0x0c, 0x0b, 'E', 'S', 'P', 'I', 'C',
        'O', 'H', 'S', 'M', 'T', 'R', 0x30, 0x1b, 0x04, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0x03, 0x03, 0x07, 0x20, 0x80, 0xa1, 0x0a, 0x30, 0x08, 0x30, 0x02, 0x04,
        0x00, 0x02, 0x02, 0x01, 0x00 };
    struct own *own = f->own;
    struct key device = { .from = SIM_K256A };
    struct sim_answer *a = new_answer();
    make_device_certificates(f);
    put_file(f, fid_of(FILE_KEY, 0), "", 0);
    put_file(f, fid_of(FILE_PRKD, 0), entry, sizeof entry);
    put_request(f, a, pk_of(&device), own->holder);
    keep_file(f, fid_of(FILE_CERTIFICATE, 0), a);
    mbedtls_pk_free(&device.pk);
}

static void personalise(struct sim_fs *f)
{
    const struct own *own = f->own;
    if (!own->o.no_label) make_info(f);
    if (own->o.many) make_many(f);
    else if (own->o.curves) make_curves(f);
    else make_keys(f);
    if (own->o.two || own->o.many || own->o.curves) return;
    make_authority(f, 1);
    make_data(f, 1, false, "Note", "anyone may read this");
    make_data(f, 2, true, "Secret", "with the PIN");
}

static void free_own(struct sim_fs *f)
{
    struct own *own = f->own;
    while (own->n_keys) forget_key(f, &own->keys[0]);
    free(own);
}

struct sim_card *sim_schsm_new(const struct sim_schsm_options *options)
{
    static const struct sim_schsm_options usual;
    const struct sim_schsm_options *o = options ? options : &usual;
    struct own *own = calloc(1, sizeof *own);
    if (!own) abort();
    own->o = *o;
    own->holder = o->cardcontact ? o->second ? "DENK020007700000" : "DENK010012300000"
        : o->second ? "ESPICOHSMTRQ7K4M" : "ESPICOHSMTRZCH2S";
    own->select_n = o->cardcontact ? sizeof select_cardcontact : sizeof select_pico;
    memcpy(own->select, o->cardcontact ? select_cardcontact : select_pico, own->select_n);
    struct sim_fs_kind kind = { .name = "SmartCard-HSM", .atr = atr, .atr_len = sizeof atr,
        .extended = !o->short_only, .no_chaining = o->cardcontact && !o->short_only,
        .pieces = o->pieces, .all_cla = true, .applet = aid, .applet_len = sizeof aid,
        .applet_answer = own->select, .applet_answer_len = own->select_n, .command = command,
        .free = free_own };
    struct sim_fs *f = sim_fs_new(&kind);
    f->own = own;
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x81, .value = o->blank ? NULL : "123456", .min = 6,
        .max = 15, .puk = PIN_SO, .costly_length = !o->cardcontact });
    sim_fs_pin(f, &(struct sim_fs_pin){ .ref = 0x88, .value = o->blank ? NULL : "3537363231383830",
        .form = SIM_HEX, .min = 16, .max = 16, .stored = 8, .tries = 15, .puk = SIM_NO_PIN,
        .costly_length = !o->cardcontact });
    set_options(own, o->blank ? 0 : OPTION_RESET | (o->transport ? OPTION_TRANSPORT : 0));
    make_device(f);
    if (!o->blank) personalise(f);
    own->dkek_wanted = o->dkek;
    own->shares = o->dkek != NULL;
    own->outstanding = o->dkek && o->share_missing;
    if (o->dkek && !o->share_missing) memcpy(own->dkek, o->dkek, sizeof own->dkek);
    return &f->card;
}

mbedtls_pk_context *sim_schsm_pk(struct sim_card *card, uint8_t number)
{
    struct key *key = find_key((struct sim_fs *)(void *)card, number);
    return key && !key->aes_n ? pk_of(key) : NULL;
}
