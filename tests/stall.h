// stall.h: how long a machine lets threads stand still, for tests that hold calls to a time: a thread
// sleeps for a millisecond again and again, and what its longest sleep took beyond that, no call can be
// blamed for. SPDX-License-Identifier: 0BSD
#ifndef STALL_H
#define STALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t stall_longest_us;       // since stall_reset
static bool stall_is_over;
static pthread_t stall_thread;

static inline uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline void *stall_run(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stall_is_over, __ATOMIC_RELAXED)) {
        uint64_t begun = now_us();
        usleep(1000);
        uint64_t late = now_us() - begun - 1000;
        if (late > __atomic_load_n(&stall_longest_us, __ATOMIC_RELAXED))
            __atomic_store_n(&stall_longest_us, late, __ATOMIC_RELAXED);
    }
    return NULL;
}

static inline void stall_begin(void)
{
    stall_is_over = false;
    if (pthread_create(&stall_thread, NULL, stall_run, NULL)) abort();
}

static inline void stall_end(void)
{
    __atomic_store_n(&stall_is_over, true, __ATOMIC_RELAXED);
    pthread_join(stall_thread, NULL);
}

static inline void stall_reset(void) { __atomic_store_n(&stall_longest_us, 0, __ATOMIC_RELAXED); }

// How much longer than allowed something took since stall_reset, without what the machine stood still.
static inline uint64_t stall_over_us(uint64_t took, uint64_t allowed)
{
    if (took <= allowed) return 0;
    usleep(20000);                      // the thread may be late itself
    allowed += __atomic_load_n(&stall_longest_us, __ATOMIC_RELAXED);
    return took > allowed ? took - allowed : 0;
}

#endif
