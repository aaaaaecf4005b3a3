// sim_fineid.c: simulated Finnish and Estonian eID cards; sim_fineid.h says which.
// SPDX-License-Identifier: 0BSD
//
// Written after FINEID S1 and S4-1 and after how published software speaks to the cards (Web eID's
// recorded conversations with FinEID cards, OpenSC's esteid2025).
#include "sim_fineid.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

static const uint8_t aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                               0x35 };
static const uint8_t finnish_atr[] = { 0x3b, 0x7f, 0x96, 0x00, 0x00, 0x80, 0x31, 0xb8, 0x65, 0xb0,
                                       0x85, 0x05, 0x00, 0x11, 0x12, 0x24, 0x60, 0x82, 0x90, 0x00 };
static const uint8_t estonian_atr[] = { 0x3b, 0xff, 0x96, 0x00, 0x00, 0x80, 0x31, 0xfe, 0x43, 0x80,
                                        0x31, 0xb8, 0x53, 0x65, 0x49, 0x44, 0x64, 0xb0, 0x85, 0x05,
                                        0x10, 0x12, 0x23, 0x3f, 0x1d };

static const struct sim_fs_algorithm algorithms[] = {
    { 0x44, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE }, { 0x54, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE },
    { 0x64, 0xb6, SIM_EC_PLAIN, MBEDTLS_MD_NONE }, { 0x0b, 0xb8, SIM_ECDH, MBEDTLS_MD_NONE },
};

// GET DATA of a PIN, A0 { 83 reference }: the tries that are left are in DF21.
static unsigned pin_info(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    if (c->p1 || c->p2 != 0xff || c->n != 5 || memcmp(c->data, "\xa0\x03\x83\x01", 4))
        return 0x6a88;
    struct sim_fs_pin *pin = sim_fs_pin_of(f, c->data[4]);
    if (!pin) return 0x6a88;
    sim_put_tlv(a, 0x83, c->data + 4, 1);
    sim_put_tlv(a, 0x8c, "\xf0\x00\x00\x00", 4);
    sim_put_tlv(a, 0x9c, "\xf0\x00\x00\x00", 4);
    sim_put_tlv(a, 0xdf21, (uint8_t[]){ pin->left, 0xff, 0xa5, 0x03 }, 4);
    sim_put_tlv(a, 0xdf27, "\xff\xff", 2);
    sim_put_tlv(a, 0xdf28, "\x0c", 1);
    sim_put_tlv(a, 0xdf2f, "\x01", 1);
    sim_wrap(a, 0, 0xa0);
    return 0x9000;
}

// A signature is of the hash that came before, and its MSE says how long that is.
static unsigned pso(struct sim_fs *f, const struct sim_command *c)
{
    if (c->p1 == 0x90 && c->p2 == 0xa0)
        return c->n == 50 && c->data[0] == 0x90 && c->data[1] == 48 ? 0 : 0x6a80;
    if (c->p1 == 0x9e && (c->n || !f->hash_len)) return 0x6985;
    return 0;
}

static unsigned command(struct sim_fs *f, const struct sim_command *c, struct sim_answer *a)
{
    switch (c->ins) {
    case 0xa4:
        return c->p1 != 0x04 && c->p2 != 0x04 && c->p2 != 0x0c ? 0x6a86 : 0;
    case 0xcb: return pin_info(f, c, a);
    case 0x2a: return pso(f, c);
    case 0x88: case 0x86: case 0x87:
    case 0xe0: case 0xe4: case 0xd0: case 0xd6: case 0x44: return 0x6d00;
    default: return 0;
    }
}

// ---- Files ----

static void personal(struct sim_fs *f, bool second)
{
    static const char *const records[] = { "J\xc3\x95" "EORG", "JAAK-KRISTJAN", "M", "EST",
        "08 01 1980 EST", "38001085718", NULL, "07 12 2030", "07 12 2025 PPA", "", "", "", "", "",
        "" };
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0xdfdd, NULL, 0);
    for (unsigned i = 0; i < COUNT(records); i++) {
        const char *record = records[i] ? records[i] : second ? "AT0002222" : "AT0001111";
        sim_fs_ef(f, df, (uint16_t)(0x5001 + i), *record ? record : "\0", *record ? strlen(record)
                  : 1, 0);
    }
}

// The directory's first certificate is where all software knows it: 4331.
static void move_certificate(struct sim_fs *f)
{
    struct sim_fs_file *file = sim_fs_path(f, "3f003400"), *cdf = sim_fs_path(f, "3f004404");
    file->fid = 0x4331;
    for (size_t i = 0; i + 4 <= cdf->data_len; i++)
        if (!memcmp(cdf->data + i, "\x3f\x00\x34\x00", 4)) memcpy(cdf->data + i + 2, "\x43\x31", 2);
}

static void directory(struct sim_fs *f, const enum sim_key keys[2], bool second)
{
    const uint8_t serial[4] = { 0x24, 0x60, 0x00, second ? 2 : 1 };
    static const struct sim_p15_pin pins[] = {
        { "perustunnusluku", 1, 3, P15_INITIALIZED | P15_PADDED, P15_TEXT, 4, 12, 12, 0x11, 0x00,
          false },
        { "allekirjoitustunnusluku", 2, 3, P15_INITIALIZED | P15_PADDED | P15_LOCAL, P15_TEXT, 6,
          12, 12, 0x82, 0x00, false },
        { "PUK", 3, 0, P15_INITIALIZED | P15_PADDED | P15_UNBLOCKING, P15_TEXT, 8, 12, 12, 0x83,
          0x00, false },
    };
    const struct sim_p15_key list[] = {
        { .label = "todentamis- ja salausavain", .certificate_label =
            "todentamis- ja salausvarmenne", .key = keys[0], .id = 0x45, .pin_id = 1, .ref = 0x01,
          .usage = P15_SIGN | P15_DERIVE, .no_public = true },
        { .label = "allekirjoitusavain", .certificate_label = "allekirjoitusvarmenne",
          .key = keys[1], .id = 0x46, .pin_id = 2, .ref = 0x02, .usage = P15_NON_REPUDIATION,
          .no_public = true },
    };
    const struct sim_p15 d = { .label = "HENKILOKORTTI", .maker = "DVV",
        .serial = serial, .serial_len = sizeof serial, .pins = pins,
        .n_pins = COUNT(pins), .keys = list, .n_keys = COUNT(list) };
    sim_p15_build(f, f->mf, &d);
    move_certificate(f);
}

static void fixed_places(struct sim_fs *f, const enum sim_key keys[2], bool estonian)
{
    static const struct { uint16_t df, file; } places[2][2] = {
        { { 0, 0x4331 }, { 0x5016, 0x4332 } }, { { 0xadf1, 0x3411 }, { 0xadf2, 0x3421 } } };
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_key_data *d = sim_key_data(keys[i]);
        struct sim_fs_file *df = places[estonian][i].df
            ? sim_fs_df(f, NULL, places[estonian][i].df, NULL, 0) : NULL;
        sim_fs_ef(f, df, places[estonian][i].file, d->certificate, d->certificate_len, 0);
    }
}

struct sim_card *sim_fineid_new(const struct sim_fineid_options *options)
{
    static const struct sim_fineid_options usual;
    const struct sim_fineid_options *o = options ? options : &usual;
    const enum sim_key keys[2] = { o->second ? SIM_P384B : SIM_P384A,
                                   o->second ? SIM_P384A : SIM_P384B };
    struct sim_fs_kind kind = { .name = "FinEID", .atr = o->estonian ? estonian_atr : finnish_atr,
        .atr_len = o->estonian ? sizeof estonian_atr : sizeof finnish_atr,
        .algorithms = algorithms, .n_algorithms = COUNT(algorithms), .extended = o->extended,
        .t0 = !o->estonian, .no_key_files = true, .exact_hash = true, .no_status = true,
        .implicit_algorithm = true, .command = command };
    struct sim_fs *f = sim_fs_new(&kind);
    const struct sim_fs_pin pins[] = {
        { .ref = o->estonian ? 0x81 : 0x11, .value = "123456", .min = 4, .max = 12, .stored = 12,
          .puk = 2 },
        { .ref = 0x82, .value = "654321", .min = 5, .max = 12, .stored = 12, .puk = 2,
          .once = true },
        { .ref = 0x83, .value = "12345678", .min = 8, .max = 12, .stored = 12, .puk = SIM_NO_PIN },
    };
    for (unsigned i = 0; i < COUNT(pins); i++) {
        struct sim_fs_pin pin = pins[i];
        pin.tries = o->estonian ? 3 : 5;
        sim_fs_pin(f, &pin);
    }
    memcpy(f->mf->aid, aid, sizeof aid);
    f->mf->aid_len = sizeof aid;
    sim_fs_key(f, keys[0], 0x01, 0, SIM_PIN(0), SIM_SIGN | SIM_DECIPHER);
    sim_fs_key(f, keys[1], o->estonian ? 0x05 : 0x02, 0, SIM_PIN(1), SIM_SIGN);
    if (o->estonian) personal(f, o->second);
    if (o->estonian || o->bare) fixed_places(f, keys, o->estonian);
    else directory(f, keys, o->second);
    return &f->card;
}
