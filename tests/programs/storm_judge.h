// storm_judge.h: what is physically true in the storm, and the figures that come of it.
// SPDX-License-Identifier: 0BSD
//
// Who moves a card says so here: judge_changing before, judge_in and judge_gone after. A card that
// was replaced in a way that nothing shows is left to the next change that something does show.
#ifndef STORM_JUDGE_H
#define STORM_JUDGE_H

#include "storm_card.h"
#include <stdarg.h>
#include <stdbool.h>
#include <time.h>

#define READERS     4                   // so many at most
#define STAMPS      65536               // the last insertions; earlier ones are gone for sure
#define UNSHOWN     8
#define NS_MS       1000000u
#define LOOK_NS     (20u * NS_MS)       // a change shown for so long must be known
#define LATE_NS     (1000u * NS_MS)     // a report after so long was missed
#define LATENCIES   100000              // in steps of 10 microseconds
#ifdef STORM_PCSCD
#define EARLY_NS    (5u * NS_MS)        // the library may see it before who notes it here
#else
#define EARLY_NS    1u                  // never
#endif

enum figure { HANGS, STALE, FOREIGN, GHOSTS, STRAY_PINS, STRAY_SECRETS, TRIES, LEFT, MISSED, STATE,
              UNEXPECTED, MISUSE, FIGURES };
static const char *const figure_names[FIGURES] = {
    "calls that took over 5 s", "old handles honoured", "data or signatures of another card",
    "objects shown that the card does not have", "PINs that reached another card",
    "secrets that reached another application", "tries taken", "PINs left verified", "events missed",
    "wrong states after the storm",
    "unexpected return values", "misuse of the reader",
};

static struct {
    pthread_mutex_t lock;
    struct { uint64_t stamp, gone_ns; int set; } history[STAMPS];
    uint64_t stamps;
    struct truth {
        uint64_t stamp;                 // who is in; 0: nobody
        uint64_t unshown[UNSHOWN];      // who is out, but nothing showed it
        int unshown_n;
        bool plugged, may_merge;        // may_merge: gone and back as it was, perhaps unseen
        uint64_t changed_ns, reported_ns, stalled_ns;
        uint64_t early_ns;              // a report that no change came before
        unsigned long changes, reports;
        bool latency_due, other_due, other_early, excused;
    } readers[READERS];
    unsigned long events, insertions, figures[FIGURES];
    unsigned long excused;              // reports later than LATE_NS on a machine that stalled
    struct latencies { unsigned n[LATENCIES]; } latencies, others;  // others: of a plain program
    uint64_t up_ns;                     // since when the library is initialised
    unsigned life;                      // odd: it is just not
    uint64_t stalled_ns;                // how long the machine kept the thread that watches waiting
    bool latency_exact;                 // take latencies now
} judge = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void nap(uint64_t ns)
{
    struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
    nanosleep(&t, NULL);
}

// Counts, and says what it was: the first twenty of a kind.
static inline void judge_count(enum figure f, const char *format, ...)
{
    va_list args;
    if (__atomic_add_fetch(&judge.figures[f], 1, __ATOMIC_RELAXED) > 20) return;
    flockfile(stdout);
    printf("%s: ", figure_names[f]);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    funlockfile(stdout);
}

static inline unsigned judge_life(void)
{
    return __atomic_load_n(&judge.life, __ATOMIC_ACQUIRE);
}

// ---- Who moves cards ----

static inline void judge_event(void)
{
    __atomic_add_fetch(&judge.events, 1, __ATOMIC_RELAXED);
}

// A new insertion is about to be.
static inline uint64_t judge_new(int set)
{
    pthread_mutex_lock(&judge.lock);
    uint64_t stamp = ++judge.stamps;
    judge.history[stamp % STAMPS].stamp = stamp;
    judge.history[stamp % STAMPS].gone_ns = 0;
    judge.history[stamp % STAMPS].set = set;
    judge.insertions++;
    pthread_mutex_unlock(&judge.lock);
    return stamp;
}

static inline void judge_changing(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    uint64_t now = now_ns();
    bool early = t->early_ns && now - t->early_ns < EARLY_NS;
    t->latency_due = !early && t->reported_ns > t->changed_ns;
    t->changed_ns = now;
    t->stalled_ns = judge.stalled_ns;
    t->excused = false;
    if (early) t->reported_ns = now;
    if (early && __atomic_load_n(&judge.latency_exact, __ATOMIC_ACQUIRE)) judge.latencies.n[0]++;
    t->early_ns = 0;
    t->other_due = !t->other_early;
    t->other_early = false;
    t->changes++;
    judge_event();
    t->may_merge = false;
    pthread_mutex_unlock(&judge.lock);
}

static inline void judge_mark_gone(uint64_t stamp, uint64_t at)
{
    if (judge.history[stamp % STAMPS].stamp == stamp && !judge.history[stamp % STAMPS].gone_ns)
        judge.history[stamp % STAMPS].gone_ns = at;
}

// Whoever was in is out, and it shows (or not: then whoever knows that calls judge_shown later).
static inline void judge_gone(int reader, bool shows)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    uint64_t now = now_ns();
    if (t->stamp && t->unshown_n < UNSHOWN) t->unshown[t->unshown_n++] = t->stamp;
    t->stamp = 0;
    for (int i = 0; shows && i < t->unshown_n; i++) judge_mark_gone(t->unshown[i], now);
    if (shows) t->unshown_n = 0;
    pthread_mutex_unlock(&judge.lock);
}

// PC/SC shows the reader empty: whoever was in before is seen to be out.
static inline void judge_shown(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    uint64_t now = now_ns();
    for (int i = 0; i < t->unshown_n; i++) judge_mark_gone(t->unshown[i], now);
    t->unshown_n = 0;
    pthread_mutex_unlock(&judge.lock);
}

static inline void judge_in(int reader, uint64_t stamp)
{
    pthread_mutex_lock(&judge.lock);
    judge.readers[reader].stamp = stamp;
    pthread_mutex_unlock(&judge.lock);
}

static inline void judge_plugged(int reader, bool plugged)
{
    pthread_mutex_lock(&judge.lock);
    judge.readers[reader].plugged = plugged;
    if (plugged) judge.readers[reader].may_merge = true;
    pthread_mutex_unlock(&judge.lock);
}

// The change may have been reported before it was written down here.
static inline void judge_may_merge(int reader)
{
    pthread_mutex_lock(&judge.lock);
    judge.readers[reader].may_merge = true;
    pthread_mutex_unlock(&judge.lock);
}

static inline struct truth judge_truth(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth t = judge.readers[reader];
    pthread_mutex_unlock(&judge.lock);
    return t;
}

// ---- Who uses them ----

// Was an insertion over, and seen to be over, when a call began? Says its set of keys as well.
static inline bool judge_over(uint64_t stamp, uint64_t begun_ns, int *set)
{
    pthread_mutex_lock(&judge.lock);
    bool known = judge.history[stamp % STAMPS].stamp == stamp;
    uint64_t gone = judge.history[stamp % STAMPS].gone_ns;
    if (set) *set = known ? judge.history[stamp % STAMPS].set : -1;
    pthread_mutex_unlock(&judge.lock);
    return !known || (gone && begun_ns > gone + LOOK_NS);
}

static inline void judge_latency(struct latencies *of, uint64_t ns)
{
    uint64_t step = ns / 10000u;
    if (!__atomic_load_n(&judge.latency_exact, __ATOMIC_ACQUIRE)) return;
    of->n[step < LATENCIES ? step : LATENCIES - 1]++;
}

// Another program that waits for the readers saw a change too.
static inline void judge_seen_by_another(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    judge_latency(&judge.others, t->other_due ? now_ns() - t->changed_ns : 0);
    t->other_early = !t->other_due;
    t->other_due = false;
    pthread_mutex_unlock(&judge.lock);
}

// C_WaitForSlotEvent named a slot of this reader.
static inline void judge_reported(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    uint64_t now = now_ns(), late = now - t->changed_ns;
    if (t->latency_due) judge_latency(&judge.latencies, late);
    t->early_ns = t->reported_ns < t->changed_ns ? 0 : now;
    t->latency_due = false;
    t->reported_ns = now;
    t->reports++;
    pthread_mutex_unlock(&judge.lock);
}

// The machine kept the thread that watches waiting for so long.
static inline void judge_stalled(uint64_t ns)
{
    pthread_mutex_lock(&judge.lock);
    judge.stalled_ns += ns;
    pthread_mutex_unlock(&judge.lock);
}

static inline uint64_t judge_stalls(void)
{
    pthread_mutex_lock(&judge.lock);
    uint64_t ns = judge.stalled_ns;
    pthread_mutex_unlock(&judge.lock);
    return ns;
}

// How late a report may be. It takes some ten steps of two programs, so a machine that keeps threads
// waiting delays it by as many times that, but not without end. What only this allows is a figure of
// its own: on a machine with time to spare it must be 0.
static inline uint64_t judge_late(uint64_t stalled_ns)
{
    return LATE_NS + (10 * stalled_ns < 4 * LATE_NS ? 10 * stalled_ns : 4 * LATE_NS);
}

static inline void judge_excuse(int reader)
{
    pthread_mutex_lock(&judge.lock);
    judge.excused += !judge.readers[reader].excused;
    judge.readers[reader].excused = true;
    pthread_mutex_unlock(&judge.lock);
}

// Waits until a reader was reported so many times, which it must be in time. The library does not end
// meanwhile.
static inline void judge_await(int reader, unsigned long reports, const char *what)
{
    uint64_t begun = now_ns(), stalled = judge_stalls();
    while (judge_truth(reader).reports < reports) {
        nap(NS_MS / 10);
        if (now_ns() < begun + judge_late(judge_stalls() - stalled)) continue;
        judge_count(MISSED, "%s, reader %d", what, reader);
        return;
    }
}

// Was a change not reported in time?
static inline void judge_check_missed(int reader)
{
    pthread_mutex_lock(&judge.lock);
    struct truth *t = &judge.readers[reader];
    uint64_t now = now_ns(), changed = t->changed_ns;
    bool late = changed && !(judge_life() & 1) && changed > judge.up_ns + LOOK_NS &&
                now > changed + LATE_NS && t->reported_ns < changed && !t->may_merge;
    bool missed = late && now > changed + judge_late(judge.stalled_ns - t->stalled_ns);
    if (missed) t->reported_ns = now;
    pthread_mutex_unlock(&judge.lock);
    if (late && !missed) judge_excuse(reader);
    if (missed) judge_count(MISSED, "reader %d, %lu ms ago", reader,
                            (unsigned long)((now - changed) / NS_MS));
}

static inline double latency_ms(const struct latencies *of, double part)
{
    unsigned long all = 0, sum = 0;
    for (int i = 0; i < LATENCIES; i++) all += of->n[i];
    for (int i = 0; i < LATENCIES; i++)
        if ((double)(sum += of->n[i]) >= part * (double)all && all) return (i + 1) / 100.0;
    return 0;
}

#endif
