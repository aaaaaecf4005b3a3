// stall.h: how long a machine lets threads stand still, for tests that hold calls to a time: a thread
// sleeps for a millisecond again and again, and what its longest sleep took beyond that, no call can be
// blamed for. SPDX-License-Identifier: 0BSD
#ifndef STALL_H
#define STALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t stall_longest_us;       // since stall_reset
static uint64_t stall_total_us;         // of all sleeps since stall_begin
static uint64_t stall_sleeps;
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
        __atomic_add_fetch(&stall_total_us, late, __ATOMIC_RELAXED);
        __atomic_add_fetch(&stall_sleeps, 1, __ATOMIC_RELEASE);
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

// All that its sleeps took too long until now, with the one under way.
static inline uint64_t stall_so_far_us(void)
{
    uint64_t sleeps = __atomic_load_n(&stall_sleeps, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&stall_sleeps, __ATOMIC_ACQUIRE) == sleeps) usleep(200);
    return __atomic_load_n(&stall_total_us, __ATOMIC_RELAXED);
}

// How long this thread was ready to run until now and did not; 0 where the system does not say.
static inline uint64_t stall_of_thread_us(void)
{
    unsigned long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &ran, &waited) != 2) waited = 0;
    fclose(f);
    return waited / 1000;
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
