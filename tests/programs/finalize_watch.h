// finalize_watch.h: what C_Finalize itself does while threads wait, so that it can be judged on a busy machine:
// when a thread runs is the scheduler's choice, how often and for how long the library asks to sleep,
// cancels and waits is its own. SPDX-License-Identifier: 0BSD
//
//     stall_begin();
//     CK_RV rv = ending_run(&e);               C_Finalize, watched
//     e.stalled_us += ...                      of each thread that waited: stall_of_thread_us
//     wrong = ending_wrong(&e, WAITERS)        NULL, or what it did that it should not
//
// Needs world.h, or sim_reader.h alone. One C_Finalize is watched at a time.
#ifndef FINALIZE_WATCH_H
#define FINALIZE_WATCH_H

#include "stall.h"
#include <errno.h>
#include <sys/syscall.h>

#define ENDING_MS       100             // the library's own part, at most
#define ENDING_GAP_MS   50              // of its sleep, while a thread waits that it does not cancel

#define ENDING_CALLS    5ul             // by a thread: its context begins, lists, looks, waits and ends

// What all threads have asked the readers for, and what is under way.
struct ending_seen {
    unsigned long calls;                // to the readers: contexts, lists, looks, waits
    unsigned long cancels;
    uint64_t spent_us;                  // by this thread, in calls that PC/SC is to end
    bool waits;                         // a wait is under way
    bool served;                        // a call that is PC/SC's to end: a cancelled wait, any other
};

#if defined(WORLD_IS_PCSCD)
static inline struct ending_seen ending_seen(void)
{
    struct world_calls w = world_calls();
    return (struct ending_seen){ w.begun, w.cancels, world_spent_us, w.waits > 0, w.served > 0 };
}
#else
static inline struct ending_seen ending_seen(void)
{
    struct sim_reader_stats s = sim_reader_stats();
    unsigned long calls = s.lists + s.looks + s.waits;
#if defined(WORLD) && WORLD == WORLD_PCSC
    calls = pcsc_stats().calls;
#endif
    return (struct ending_seen){ calls, s.cancels, 0, s.waiting > 0, false };
}
#endif

struct ending {
    uint64_t took_us;                   // by the clock
    uint64_t slept_us;                  // what C_Finalize asked for, all in all
    uint64_t served_us;                 // ... while PC/SC had something to do for us
    uint64_t late_us;                   // how much later than asked it woke
    uint64_t called_us;                 // its own calls to PC/SC
    uint64_t gap_us;                    // the longest it slept while a wait was under way, without a cancel
    uint64_t stalled_us;                // what the machine stalled meanwhile
    unsigned long calls, cancels;
    // since the last cancel
    uint64_t since_us;
    unsigned long before;
};

static __thread struct ending *ending_mine;     // in the thread that is in C_Finalize

// The library's sleeps pass here.
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    struct ending *e = ending_mine;
    uint64_t asked = (uint64_t)wanted->tv_sec * 1000000 + (uint64_t)wanted->tv_nsec / 1000;
    if (!e) return (int)syscall(SYS_nanosleep, wanted, left);
    struct ending_seen now = ending_seen();
    if (now.cancels != e->before || !now.waits) e->since_us = 0;
    e->before = now.cancels;
    e->since_us += asked;
    if (e->since_us > e->gap_us && now.waits) e->gap_us = e->since_us;
    e->slept_us += asked;
    if (now.served) e->served_us += asked;
    uint64_t begun = now_us();
    int r = (int)syscall(SYS_nanosleep, wanted, left);
    uint64_t took = now_us() - begun;
    if (took > asked) e->late_us += took - asked;
    return r;
}

static inline CK_RV ending_run(struct ending *e)
{
    struct ending_seen before = ending_seen();
    uint64_t stalled = stall_so_far_us(), begun = now_us();
    *e = (struct ending){ .before = before.cancels };
    ending_mine = e;
    CK_RV rv = C_Finalize(NULL);
    ending_mine = NULL;
    e->took_us = now_us() - begun;
    e->stalled_us = stall_so_far_us() - stalled;
    struct ending_seen after = ending_seen();
    e->called_us = after.spent_us - before.spent_us;
    e->calls = after.calls - before.calls;
    e->cancels = after.cancels - before.cancels;
    return rv;
}

// What it took without what is not the library's: waking late, and PC/SC's own work.
static inline uint64_t ending_own_us(const struct ending *e)
{
    uint64_t others = e->late_us + e->served_us + e->called_us;
    return e->took_us > others ? e->took_us - others : 0;
}

// NULL, or what it did that it should not. The first three no machine is to blame for, however busy.
static inline const char *ending_wrong(const struct ending *e, unsigned waiters)
{
    if (e->gap_us > ENDING_GAP_MS * 1000) return "a wait went on and was not cancelled again";
    if (e->cancels > waiters * (8 + e->slept_us / 32000)) return "more cancels than needed";
    if (e->calls > ENDING_CALLS * waiters + 1) return "threads that were to end went on";
    if (ending_own_us(e) > ENDING_MS * 1000 + e->stalled_us) return "it took too long";
    return NULL;
}

static inline void ending_print(const struct ending *e)
{
    printf("took %.1f ms: asked to sleep %.1f (%.1f while PC/SC was busy), woke %.1f late, called PC/SC "
           "%.1f; %.1f of sleep without a cancel; %lu cancels, %lu calls; the machine stalled %.1f\n",
           (double)e->took_us / 1000, (double)e->slept_us / 1000, (double)e->served_us / 1000,
           (double)e->late_us / 1000, (double)e->called_us / 1000, (double)e->gap_us / 1000, e->cancels,
           e->calls, (double)e->stalled_us / 1000);
}

#endif
