// sim_pinpad.h: the person at a pinpad, and the firmware that makes a command of what was typed.
// SPDX-License-Identifier: 0BSD
//
// It reads the structures PIN_VERIFY and PIN_MODIFY of PC/SC part 10 and is strict about every
// field; a structure that is none is answered 6B80 and counted. The command is the template with
// the PINs put where the structure says, as it says.
#ifndef SIM_PINPAD_H
#define SIM_PINPAD_H

#include "sim_reader.h"

#define SIM_PAD_VERIFY 0x06
#define SIM_PAD_MODIFY 0x07
#define SIM_PAD_KEY    0x05
// The same begun and finished: VERIFY 1 and 2, MODIFY 3 and 4.
#define SIM_PAD_IN_TWO (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4)

// What happens at the pinpad. typed: the PINs in the order they are asked for; NULL: nothing is
// typed, and the pinpad's time runs out.
struct sim_pinpad {
    const char *typed[3];
    const char *const *next;        // typed from the next entry on
    bool cancel;                    // the cancel key instead
    bool pull;                      // the card is pulled after the first PIN
    // What it saw. malformed: also a FINISH before its START, or before the last key where those
    // are told.
    unsigned entries, malformed, keys_asked;
    uint32_t feature;
    unsigned min, max, messages, confirm;
    uint8_t seen[300], command[300];
    size_t seen_len, command_len;
    uint32_t features;
    uint32_t begun;                 // the START without its FINISH yet
    unsigned keys_told;             // of this entry
};

// Puts a pinpad into a reader; features (bit n: feature n).
void sim_pinpad_fit(int reader, struct sim_pinpad *pad, uint32_t features, uint8_t min, uint8_t max);

// What the pinpad makes of a structure: the length of the command in cmd, or 0 and sw. Also for pads
// that are not in a sim_reader.
size_t sim_pinpad_type(void *pad, int reader, uint32_t feature, const uint8_t *in, size_t n,
                    uint8_t *cmd, unsigned *sw);

#endif
