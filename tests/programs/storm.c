// storm.c: many threads use the library while cards and readers come and go as fast as they can.
// SPDX-License-Identifier: 0BSD
//
//     storm [events N] [seconds N] [turns N] [fast] [seed N]
//
// It ends after so many seconds (10), or so many events, whichever is first; then cards move so many
// times one by one, and each is counted. fast: events without pauses, and no
// elliptic curve work on the host. All chance comes from the seed; when which thread runs does not,
// so a seed gives the same events, not the same outcome. Every answer is held against what is
// physically true (storm_judge.h, storm_card.h). Afterwards each card is put in once more, asked what it
// has (storm_asked.h), and written. The figures come at the end; the exit status is 1 if one of those
// that should be 0 is not, if memory or descriptors grew, or if a kind of card that can be written
// (storm_writer.h) was not, in one of the ways that it can.
//
// With STORM_PCSCD the same goes through a real pcscd (storm_pcscd.h), else in process
// (storm_sim.h).
#define _GNU_SOURCE
#ifdef STORM_PCSCD
#include "../pcsc/storm_pcscd.h"
#else
#include "storm_sim.h"
#endif
#include "growth.h"
#include <signal.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1                     // their memory grows by itself
#else
#define SANITIZED 0
#endif

static uint64_t seed, cycler_chance;
static struct worker *const waiter = &storm.worker[WORKERS], *const poller = waiter + 1,
    *const cycler = waiter + 2, *const tester = waiter + 3;
static unsigned long cycles, waits_ended;
static bool stir_over;

// ---- Events ----

// Which reader is a slot of? -1: that cannot be told any more.
static int reader_of(struct worker *w, CK_SLOT_ID slot, unsigned life)
{
    CK_SLOT_INFO info;
    CK_RV rv = CALL(w, C_GetSlotInfo, slot, &info);
    if (life != judge_life() || life & 1) return -1;
    if (rv) judge_count(UNEXPECTED, "C_GetSlotInfo of a slot that had an event: %#lx", rv);
    int reader = rv ? -1 : world_reader_of(info.slotDescription);
    return reader >= 0 && reader < (int)storm.reader_count ? reader : -1;
}

static void *wait_for_events(void *arg)
{
    struct worker *w = arg;
    while (!storm_is(&stir_over)) {
        CK_SLOT_ID slot = 0x5555;
        unsigned life = judge_life();
        // An event that comes just after C_Initialize, before that is written down, could not be
        // told from one of before.
        if (life & 1) { nap(NS_MS / 20); continue; }
        w->life = life;
        CK_RV rv = C_WaitForSlotEvent(0, &slot, NULL);
        if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) {
            add(&waits_ended);
            if (slot != 0x5555) judge_count(UNEXPECTED, "*pSlot was written without an event");
            nap(NS_MS / 10);
        } else if (rv) {
            judge_count(UNEXPECTED, "C_WaitForSlotEvent: %#lx", rv);
            nap(NS_MS);
        } else {
            int reader = reader_of(w, slot, life);
            if (reader >= 0) judge_reported(reader);
        }
    }
    return NULL;
}

static void *poll_for_events(void *arg)
{
    struct worker *w = arg;
    while (!storm_is(&stir_over)) {
        CK_SLOT_ID slots[4 * READERS], slot;
        CK_ULONG n = sizeof slots / sizeof *slots;
        CK_SLOT_INFO info;
        unsigned life = judge_life();
        if (!storm_is(&storm.paused) && !CALL(w, C_WaitForSlotEvent, CKF_DONT_BLOCK, &slot, NULL)) {
            int reader = reader_of(w, slot, life);
            if (reader >= 0) judge_reported(reader);
        }
        if (!CALL(w, C_GetSlotList, CK_FALSE, slots, &n) && n)
            CALL(w, C_GetSlotInfo, slots[random_of(&w->chance, (unsigned)n)], &info);
        nap(storm_is(&judge.latency_exact) ? 10 * NS_MS : NS_MS / 2);
    }
    return NULL;
}

// Ends the library and begins it anew, under all the others.
static void cycle(struct worker *w)
{
    pthread_mutex_lock(&storm.ending);
    __atomic_add_fetch(&judge.life, 1, __ATOMIC_ACQ_REL);
    CK_RV rv = CALL(w, C_Finalize, NULL);
    if (rv) judge_count(UNEXPECTED, "C_Finalize: %#lx", rv);
    nap(random_of(&cycler_chance, 2 * NS_MS));
    rv = CALL(w, C_Initialize, NULL);
    if (rv) judge_count(UNEXPECTED, "C_Initialize: %#lx", rv);
    pthread_mutex_lock(&judge.lock);
    judge.up_ns = now_ns();
    __atomic_add_fetch(&judge.life, 1, __ATOMIC_ACQ_REL);
    pthread_mutex_unlock(&judge.lock);
    pthread_mutex_unlock(&storm.ending);
    cycles++;
}

static void *cycle_now_and_then(void *arg)
{
    while (!storm_is(&storm.over)) {
        for (unsigned i = 5 + random_of(&cycler_chance, 60); i && !storm_is(&storm.over); i--)
            nap(20 * NS_MS);
        if (!storm_is(&storm.over)) cycle(arg);
    }
    return NULL;
}

static unsigned long events_wanted;

static void *stir(void *arg)
{
    (void)arg;
    while (!storm_is(&storm.over)) world_step();
    world_rest();
    return NULL;
}

// ---- Watching ----

static void watch_calls(void)
{
    for (int i = 0; i < WORKERS + 4; i++) {
        struct worker *w = &storm.worker[i];
        const char *call = __atomic_load_n(&w->call, __ATOMIC_ACQUIRE);
        uint64_t took = now_ns() - __atomic_load_n(&w->begun_ns, __ATOMIC_RELAXED);
        if (!call || took > UINT64_MAX / 2 || took < 5000ull * NS_MS) continue;
        if (!__atomic_exchange_n(&w->hung, true, __ATOMIC_ACQ_REL))
            judge_count(HANGS, "%s, and still", call);
        if (took < 60000ull * NS_MS) continue;
        printf("%s does not return: the end. seed %llu\n", call, (unsigned long long)seed);
        fflush(stdout);
        abort();
    }
}

static void join(pthread_t thread, const char *who)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    if (!pthread_timedjoin_np(thread, NULL, &until)) return;
    printf("%s did not end. seed %llu\n", who, (unsigned long long)seed);
    fflush(stdout);
    abort();
}

static unsigned long rss_early, rss_late;

static void watch(uint64_t ns)
{
    uint64_t begun = now_ns();
    for (;;) {
        uint64_t gone = now_ns() - begun;
        unsigned long n = __atomic_load_n(&judge.events, __ATOMIC_RELAXED);
        uint64_t before = now_ns();
        nap(50 * NS_MS);
        judge_stalled(now_ns() - before - 50 * NS_MS);
        watch_calls();
        for (int i = 0; i < (int)storm.reader_count; i++) judge_check_missed(i);
        bool early = gone > ns / 4 || (events_wanted && n > events_wanted / 4);
        if (early && !rss_early) rss_early = rss_kib();
        // What the world should do at least once may take longer on a busy machine.
        bool enough = (!world_lacks() && all_written()) || gone >= 5 * ns;
        if ((gone >= ns && enough) || (events_wanted && n >= events_wanted)) break;
    }
    rss_late = rss_kib();
}

// ---- After the storm ----

// Waits until a reader was reported so many times. false: it was not, within a second; more where the
// machine keeps threads waiting (see judge_check_missed).
static bool await_reports(int reader, unsigned long reports)
{
    uint64_t begun = now_ns(), stalled = 0;
    while (judge_truth(reader).reports < reports) {
        uint64_t now = now_ns();
        if (now > begun + judge_late(stalled)) return false;
        if (now > begun + LATE_NS) judge_excuse(reader);
        nap(NS_MS / 10);
        uint64_t took = now_ns() - now;
        if (took > 2 * NS_MS) stalled += took;
    }
    return true;
}

// One change at a time while a thread waits: each must be reported. The poller does not take them.
static void count_exactly(unsigned turns)
{
    __atomic_store_n(&storm.paused, true, __ATOMIC_RELEASE);
    nap(300 * NS_MS);
    __atomic_store_n(&judge.latency_exact, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < turns && judge.figures[MISSED] < 20; i++) {
        int reader = (int)(i % storm.reader_count);
        unsigned long before = judge_truth(reader).reports;
        world_turn(reader);
        if (!await_reports(reader, before + 1))
            judge_count(MISSED, "change %u after the storm, reader %d", i, reader);
        nap(10 * NS_MS + (uint64_t)(i % 7) * NS_MS / 3);
    }
}

static void check_card(CK_SLOT_ID slot, const struct truth *t)
{
    struct worker *w = tester;
    struct kept k = { .slot = slot, .stamp = t->stamp, .life = judge_life() };
    unsigned long before = storm.signatures + storm.secrets;
    uint64_t stamp = 0;
    judge_over(k.stamp, 0, &k.set);
    CK_RV rv = CALL(w, C_OpenSession, slot, CKF_SERIAL_SESSION, NULL, NULL, &k.session);
    if (!rv) rv = find(w, k.session, CKO_CERTIFICATE, 1, &k.certificate);
    if (!rv) rv = read_stamp(w, k.session, k.certificate, &stamp);
    if (rv || stamp != t->stamp) {
        judge_count(STATE, "slot %lu: %#lx, insertion %llu, not %llu", slot, rv,
                    (unsigned long long)stamp, (unsigned long long)t->stamp);
        return;
    }
    log_in(w, &k);
    sign_rsa(w, &k);
    sign_ec(w, &k, is_piv(&k) ? 4 : 2);
    derive(w, &k);
    if (storm.signatures + storm.secrets != before + 1 + storm_has_ec(k.set) + is_piv(&k))
        judge_count(STATE, "slot %lu: a card that does not work", slot);
    CALL(w, C_CloseSession, k.session);
}

static void check_old_handles(void)
{
    CK_SESSION_INFO info;
    for (unsigned i = 0; i < storm.workers; i++)
        for (int j = 0; j < OLD; j++) {
            const struct kept *k = &storm.worker[i].old[j];
            if (k->session && !CALL(tester, C_GetSessionInfo, k->session, &info))
                judge_count(STALE, "after the storm: insertion %llu", (unsigned long long)k->stamp);
        }
}

// Does the library say what is?
static void check_state(void)
{
    CK_SLOT_ID slots[4 * READERS], id;
    CK_ULONG n = sizeof slots / sizeof *slots;
    CK_SLOT_INFO info;
    bool listed[READERS] = { false };
    nap(1000 * NS_MS);
    while (!CALL(tester, C_WaitForSlotEvent, CKF_DONT_BLOCK, &id, NULL)) ;
    if (CALL(tester, C_GetSlotList, CK_FALSE, slots, &n)) judge_count(STATE, "no slot list"), n = 0;
    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV rv = CALL(tester, C_GetSlotInfo, slots[i], &info);
        int reader = rv ? -1 : world_reader_of(info.slotDescription);
        if (reader < 0 || reader >= (int)storm.reader_count) continue;
        struct truth t = judge_truth(reader);
        bool in = t.plugged && t.stamp;
        if (!(info.flags & CKF_TOKEN_PRESENT) != !in)
            judge_count(STATE, "reader %d: %s", reader, in ? "a card is in" : "it is empty");
        else if (in) check_card(slots[i], &t);
        listed[reader] = true;
    }
    for (int i = 0; i < (int)storm.reader_count; i++)
        if (judge_truth(i).plugged && !listed[i]) judge_count(STATE, "reader %d is not listed", i);
    world_check_objects();
    check_old_handles();
    world_check_all();
}

// ---- The figures ----

// What was written of each kind. 1: something never was.
static unsigned writing_figures(void)
{
    unsigned bad = 0;
    for (int i = 0; i < STORM_KINDS; i++) {
        int lacks = writer_lacks(i);
        if (!is_written(i)) continue;
        printf("%s:", storm_kind_names[i]);
        for (int j = 0; j < WRITTEN; j++) printf(" %s %lu", written_names[j], storm.written[i][j]);
        printf("%s%s\n", lacks < 0 ? "" : "; never ", lacks < 0 ? "" : written_names[lacks]);
        bad |= lacks >= 0;
    }
    return bad;
}

static int figures(uint64_t took_ns, unsigned long fds_before, unsigned long fds_after)
{
    unsigned long bad = 0, grown = rss_late > rss_early ? rss_late - rss_early : 0;
    printf("seed %llu: %lu events, %lu insertions in %.1f s, %u readers, %u workers\n",
           (unsigned long long)seed, judge.events, judge.insertions, (double)took_ns / 1e9,
           storm.reader_count, storm.workers);
    printf("%lu calls, %lu sessions, %lu signatures, %lu derived keys, %lu old handles refused, "
           "%lu ends and beginnings of the library, %u commands\n", storm.calls, storm.sessions,
           storm.signatures, storm.secrets, storm.refused_old, cycles, storm_cards.commands);
    for (int i = 0; i < STORM_KINDS; i++)
        printf("%s %s %lu", i ? "," : "RSA signatures:", storm_kind_names[i], storm.of_kind[i]);
    printf("\n");
    bad += writing_figures();
    printf("an event is reported after %.2f ms (median), %.2f ms (99 of 100), %.2f ms (most)\n",
           latency_ms(&judge.latencies, 0.5), latency_ms(&judge.latencies, 0.99),
           latency_ms(&judge.latencies, 1));
    printf("memory %lu KiB after a quarter, %lu KiB at the end; descriptors %lu before, %lu after\n",
           rss_early, rss_late, fds_before, fds_after);
    for (int i = 0; i < FIGURES; i++) {
        printf("%6lu %s\n", judge.figures[i], figure_names[i]);
        bad += judge.figures[i];
    }
    printf("%6lu events reported after more than a second, while the machine stalled\n", judge.excused);
    if (!SANITIZED && grown > 4096) printf("memory grew by %lu KiB\n", grown), bad++;
    printf("a plain PC/SC program that looks as we do saw it after %.2f ms (median), %.2f ms (99 of 100)\n",
           latency_ms(&judge.others, 0.5), latency_ms(&judge.others, 0.99));
    bool busy = latency_ms(&judge.others, 0.5) >= 2 || latency_ms(&judge.others, 0.99) >= 10;
    bool late = latency_ms(&judge.latencies, 0.5) >= 2 + latency_ms(&judge.others, 0.5) ||
                latency_ms(&judge.latencies, 0.99) >= 10 + latency_ms(&judge.others, 0.99);
#ifdef __SANITIZE_THREAD__
    busy = true;                        // our side is many times slower than it is
#endif
    if (busy) printf("too busy a machine, or program, to say whether events are late\n");
    else if (late) printf("events are late\n"), bad++;
    if (fds_after > fds_before) printf("descriptors were left open\n"), bad++;
    if (!storm.signatures || !storm.secrets || !storm.refused_old || !judge.events)
        printf("something was never done\n"), bad++;
    printf("%d passed, %d failed\n", !bad, bad != 0);
    return bad != 0;
}

#ifdef ANY_MODULE
// A module may crash, or hang until it is ended: the figures until then.
static uint64_t storm_begun_ns;

static void end_early(int sig)
{
    signal(sig, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    alarm(5);
    printf("ended early: %s\n", strsignal(sig));
    figures(now_ns() - storm_begun_ns, 0, 0);
    fflush(stdout);
    _exit(128 + sig);
}

static void watch_for_the_end(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM };
    storm_begun_ns = now_ns();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], end_early);
}
#endif

static void start(struct worker *w, void *(*run)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, w)) abort();
    w->thread = thread;
}

static void *end_library(void *arg)
{
    __atomic_add_fetch(&judge.life, 1, __ATOMIC_ACQ_REL);
    if (CALL(arg, C_Finalize, NULL)) judge_count(UNEXPECTED, "the last C_Finalize");
    return NULL;
}

static void begin_threads(pthread_t *stirrer)
{
    for (int i = 0; i < WORKERS + 4; i++) storm.worker[i].chance = seed * 31 + (uint64_t)i;
    judge.up_ns = now_ns();
    start(waiter, wait_for_events);
    start(poller, poll_for_events);
    if (STRICT) start(cycler, cycle_now_and_then);      // else: what others call meanwhile is undefined
    for (unsigned i = 0; i < storm.workers; i++) start(&storm.worker[i], worker);
    pthread_create(stirrer, NULL, stir, NULL);
}

static void end_threads(pthread_t stirrer)
{
    __atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
    join(stirrer, "who moves the cards");
    for (unsigned i = 0; i < storm.workers; i++) join(storm.worker[i].thread, "a worker");
    if (STRICT) join(cycler->thread, "C_Finalize and C_Initialize");
}

int main(int argc, char **argv)
{
    unsigned long seconds = 10;
    pthread_t stirrer;
    bool fast = false;
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++) {
        unsigned long v = i + 1 < argc ? strtoul(argv[i + 1], NULL, 0) : 0;
        if (!strcmp(argv[i], "fast")) fast = true;
        else if (!strcmp(argv[i], "seconds")) seconds = v, i++;
        else if (!strcmp(argv[i], "events")) events_wanted = v, seconds = 86400, i++;
        else if (!strcmp(argv[i], "turns")) world_turns = (unsigned)v, i++;
        else if (!strcmp(argv[i], "seed")) seed = strtoull(i + 1 < argc ? argv[i + 1] : "0", NULL, 0), i++;
        else return fprintf(stderr, "storm: what is %s?\n", argv[i]), 2;
    }
    cycler_chance = seed ^ 0xc1c1e;
    storm.cheap = fast;
    storm.reader_count = 2 + random_of(&cycler_chance, world_readers - 1);
    storm.workers = 4 + (fast ? 0 : random_of(&cycler_chance, WORKERS - 3));
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    unsigned long fds = descriptors();
#ifdef ANY_MODULE
    watch_for_the_end();
#endif
    world_begin(storm.reader_count, seed, fast);
    uint64_t begun = now_ns();
#if STRICT                              // or what another program changed would be seen late
    if (scard11_configure("SCARD11_BELIEVED", "20")) return printf("no such option\n"), 1;
#endif
    if (C_Initialize(NULL)) return printf("C_Initialize fails\n"), 1;
    begin_threads(&stirrer);
    watch(seconds * 1000u * NS_MS);
    uint64_t took = now_ns() - begun;
    end_threads(stirrer);
    count_exactly(world_turns);
    check_state();
    __atomic_store_n(&stir_over, true, __ATOMIC_RELEASE);
    start(tester, end_library);
    join(tester->thread, "the last C_Finalize");
    join(waiter->thread, "who waits for events");
    join(poller->thread, "who polls for events");
    world_end();
    judge.figures[STRAY_SECRETS] += sim_seen.stray_secrets;
    judge.figures[TRIES] += sim_seen.tries_taken;
    unsigned long fds_after = descriptors();
    return figures(took, fds, fds_after);
}
