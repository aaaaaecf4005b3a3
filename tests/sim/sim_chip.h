// sim_chip.h: one chip on which several of the simulated cards live as its applications, as PIV and
// OpenPGP do on security keys. SPDX-License-Identifier: 0BSD
//
// SELECT by AID goes to whichever application knows the AID; all else to the one that is selected.
// There is one power: a reset is one of all.
#ifndef SIM_CHIP_H
#define SIM_CHIP_H

#include "sim_common.h"

#define SIM_CHIP_MOST 3             // applications
#define SIM_CHIP_PINS 4             // of each: pin's index is 4 * application + the PIN's own there

// {0} is a chip that ends a login when another application is selected, as all that were recorded
// do; a SELECT of what is not there leaves it where it was. Nothing is selected at power-on.
struct sim_chip_options {
    struct sim_card *applications[SIM_CHIP_MOST];   // they are the chip's from then on
    bool keeps_logins;              // SELECT of another application leaves the login; that of its
                                    // own does what the application's own option says
    bool loses_place;               // after a SELECT of what is not there nothing is selected
    unsigned atr_of;                // 1 + the application whose ATR it has; 0: one of its own
};

struct sim_card *sim_chip_new(const struct sim_chip_options *options);

// The application, to ask it what it saw.
struct sim_card *sim_chip_application(const struct sim_card *chip, unsigned i);

// How many SELECTs by AID there were, and how many of them found nothing.
unsigned sim_chip_selects(const struct sim_card *chip);
unsigned sim_chip_misses(const struct sim_card *chip);

// Selects an application, as another program would.
void sim_chip_select(struct sim_card *chip, unsigned i);

#endif
