// sim_example.h: the simulated card of the example driver. SPDX-License-Identifier: 0BSD
//
// PIN 123456, PUK 12345678, three tries each; key 01 (P-256) of CKA_ID 01, its certificate in EF 0001.
#ifndef SIM_EXAMPLE_H
#define SIM_EXAMPLE_H

#include "sim_fs.h"

struct sim_card *sim_example_new(bool second);      // second: another key, another card

#endif
