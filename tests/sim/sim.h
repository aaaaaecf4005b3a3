// sim.h: simulated cards and the simulated readers they sit in.
//
// A simulated card is a struct sim_card: it gets a command APDU and gives a response APDU, as the
// applet would. It runs in process, behind the custom reader of sim_reader.c, or in a process of its
// own on vpcd (tests/pcsc/vpcd.c), where a real pcscd shows it to programs that know nothing of scard11.
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A PIN of a card as tests see it, and change it as another program would.
struct sim_pin {
    uint8_t *left;                  // tries
    bool *verified;
};

struct sim_card {
    // Power-on or reset: nothing selected, not logged in, no chain or answer pending.
    void   (*reset)(struct sim_card *);
    // One command, one answer: returns its length (at least 2). room is at least 65538.
    size_t (*apdu)(struct sim_card *, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room);
    void   (*free)(struct sim_card *);
    // Is a PIN verified, so that who sends a command now uses it? NULL: nobody can tell.
    bool   (*verified)(const struct sim_card *);
    struct sim_pin (*pin)(struct sim_card *, unsigned index);   // by its index on the card, from 0
    // Selects another application, as another program would.
    void   (*select_other)(struct sim_card *);
    uint8_t  atr[33];
    size_t   atr_len;
    int      protocol;          // 0: T=0, 1: T=1
    unsigned apdus;             // commands answered since the card was made, GET RESPONSE and chaining counted
    unsigned stray_secrets;     // PINs, PUKs and keys that came while another application than
                                // theirs, or none, was selected, or another DF than a PIN's own
    unsigned tries_taken;       // tries that wrong ones have cost
    unsigned verifies;          // PINs that VERIFY brought to their application
    unsigned signatures;        // uses of its private keys
};

// The same of all cards together, those included that are freed.
struct sim_seen { unsigned stray_secrets, tries_taken; };
extern struct sim_seen sim_seen;

#endif
