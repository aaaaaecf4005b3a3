// card_before_main.c: linked into the examples by tests/programs/examples.sh: puts a simulated PIV card into a
// simulated reader before main begins. While the program waits, the card goes and comes back. STAGE=ec: a card
// whose keys are on elliptic curves; STAGE=pinpad: the reader has a PIN pad, where somebody types. STAGE_9A: a file,
// another certificate of the key in 9A, DER.
// SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "../sim/sim_piv.h"
#include "../sim/sim_pinpad.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct sim_card *stage_card;
static int stage_reader;

// A program that does not wait has its card to itself.
static void *stage_events(void *unused)
{
    (void)unused;
    for (unsigned long seen = 0; ; ) {
        struct timespec pause = { 0, 2000000 };
        struct sim_reader_stats stats = sim_reader_stats();
        nanosleep(&pause, NULL);
        if (!stats.waiting || stats.waits == seen) continue;    // it has not begun another wait
        seen = stats.waits;
        if (sim_reader_cards()) sim_reader_eject(stage_reader);
        else                    sim_reader_insert(stage_reader, stage_card);
    }
    return NULL;
}

__attribute__((constructor)) static void stage_begin(void)
{
    static const struct sim_piv_key ec_keys[] = { { .ref = 0x9a, .key = SIM_P384A },
                                                  { .ref = 0x9c, .key = SIM_P256A } };
    static struct sim_pinpad pad = { .typed = { "123456", "123456", "123456" } };
    struct sim_piv_options options = { .extended = true, .discovery = SIM_APPLICATION_PIN };
    const char *stage = getenv("STAGE") ? getenv("STAGE") : "";
    pthread_t thread;

    if (!strcmp(stage, "ec")) {
        options.keys = ec_keys;
        options.n_keys = 2;
    }
    const char *file = getenv("STAGE_9A");
    if (file && !sim_piv_load_9a(&options, file)) { fprintf(stderr, "stage: no certificate in %s\n", file); exit(1); }
    stage_card = sim_piv_new(&options);
    stage_reader = sim_reader_add("Simulated Reader 00 00");
    if (!strcmp(stage, "pinpad")) sim_pinpad_fit(stage_reader, &pad, 1u << SIM_PAD_VERIFY, 4, 8);
    sim_reader_insert(stage_reader, stage_card);
    if (!stage_card || pthread_create(&thread, NULL, stage_events, NULL)) {
        fprintf(stderr, "stage: no card, or no thread\n");
        exit(1);
    }
    pthread_detach(thread);
}
