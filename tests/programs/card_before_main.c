// card_before_main.c: linked into the examples by tests/programs/examples.sh: puts a simulated PIV card into a
// simulated reader before main begins. While the program waits, the card goes and comes back.
// SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "../sim/sim_piv.h"
#include "../sim/sim_reader.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
    static const struct sim_piv_options options = { .extended = true,
                                                    .discovery = SIM_APPLICATION_PIN };
    pthread_t thread;

    stage_card = sim_piv_new(&options);
    stage_reader = sim_reader_add("Simulated Reader 00 00");
    sim_reader_insert(stage_reader, stage_card);
    if (!stage_card || pthread_create(&thread, NULL, stage_events, NULL)) {
        fprintf(stderr, "stage: no card, or no thread\n");
        exit(1);
    }
    pthread_detach(thread);
}
