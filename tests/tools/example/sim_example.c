// sim_example.c: the simulated card of the example driver; sim_example.h says what is on it.
// SPDX-License-Identifier: 0BSD
#include "sim_example.h"

static const uint8_t aid[] = { 0xf0, 'E', 'X', 'A', 'M', 'P', 'L', 'E' };
static const uint8_t atr[] = { 0x3b, 0x87, 0x80, 0x01, 'E', 'x', 'a', 'm', 'p', 'l', 'e', 0x53 };
static const struct sim_fs_algorithm algorithms[] = {
    { 0x41, 0xb6, SIM_EC_DER, MBEDTLS_MD_NONE } };

struct sim_card *sim_example_new(bool second)
{
    const struct sim_fs_kind kind = { .name = "Example", .atr = atr, .atr_len = sizeof atr,
        .algorithms = algorithms, .n_algorithms = 1, .select_keeps_login = true,
        .no_key_files = true };
    const struct sim_fs_pin pins[] = {
        { .ref = 0x01, .value = "123456", .min = 4, .max = 8, .stored = 8, .pad = 0xff, .puk = 1 },
        { .ref = 0x02, .value = "12345678", .min = 8, .max = 8, .stored = 8, .pad = 0xff,
          .puk = SIM_NO_PIN } };
    enum sim_key key = second ? SIM_P256B : SIM_P256A;
    struct sim_fs *f = sim_fs_new(&kind);
    struct sim_fs_file *df = sim_fs_df(f, NULL, 0xdf00, aid, sizeof aid);
    sim_fs_ef(f, df, 0x0001, sim_key_data(key)->certificate, sim_key_data(key)->certificate_len, 0);
    for (unsigned i = 0; i < 2; i++) sim_fs_pin(f, &pins[i]);
    sim_fs_key(f, key, 0x01, 0, SIM_PIN(0), SIM_SIGN);
    return &f->card;
}
