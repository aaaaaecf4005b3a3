// threads.c: many threads at once, under ThreadSanitizer, with the log on. Two readers work at the
// same time; cards come and go while threads use them; C_Finalize ends all waits; a card that never
// answers does not hold it up; the log's function, and that of notices, is called while the library
// is up, and then only.
// SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE
#include "scene.h"
#include <pthread.h>
#include <unistd.h>

#define WORKERS 8

static CK_BYTE text[] = "signed by many";
static struct sim_card *cards[2];
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned done, refused, wrong;
static volatile bool over_value;

static bool over(void)
{
    pthread_mutex_lock(&count_lock);
    bool v = over_value;
    pthread_mutex_unlock(&count_lock);
    return v;
}

static void set_over(bool v)
{
    pthread_mutex_lock(&count_lock);
    over_value = v;
    pthread_mutex_unlock(&count_lock);
}

static void count(unsigned *what)
{
    pthread_mutex_lock(&count_lock);
    ++*what;
    pthread_mutex_unlock(&count_lock);
}

// ---- The log, in every case ----

// What the function gets is freed when C_Finalize has returned: a line that comes later, or is
// still under way then, is seen here and by the sanitizer.
struct log {
    unsigned lines, inside;
    unsigned begun, over;               // notices
    unsigned long open[2];              // slot + 1 of what has begun in a reader and is not over
};

static struct log *log_now;             // NULL: the library is not up
static unsigned log_strays;             // lines and notices that were not for log_now
static unsigned notices_amiss;          // begun twice, over without having begun, not over at the end
static bool log_is_slow;

static void take_line(void *context, const char *line)
{
    struct log *l = context;
    pthread_mutex_lock(&count_lock);
    bool stray = l != log_now || !*line, slow = log_is_slow;
    if (stray) {
        log_strays++;
    } else {
        l->lines++;
        l->inside++;
    }
    pthread_mutex_unlock(&count_lock);
    if (stray) return;
    if (slow) usleep(2000);
    pthread_mutex_lock(&count_lock);
    l->inside--;
    pthread_mutex_unlock(&count_lock);
}

static void take_notice(void *context, unsigned long slot, unsigned long key, unsigned reason,
                        int begins)
{
    struct log *l = context;
    (void)key;
    pthread_mutex_lock(&count_lock);
    if (l != log_now || !reason) {
        log_strays++;
    } else {
        unsigned long *open = &l->open[slot / 2 % 2];
        notices_amiss += *open != (begins ? 0 : slot + 1);
        *open = begins ? slot + 1 : 0;
        begins ? l->begun++ : l->over++;
    }
    pthread_mutex_unlock(&count_lock);
}

// How many notices have begun, and how many of them are over.
static unsigned notices(bool over)
{
    pthread_mutex_lock(&count_lock);
    unsigned n = over ? log_now->over : log_now->begun;
    pthread_mutex_unlock(&count_lock);
    return n;
}

static void log_change(struct log *to)
{
    pthread_mutex_lock(&count_lock);
    if (log_now && log_now->inside) log_strays++;
    if (log_now && log_now->begun != log_now->over) notices_amiss++;
    free(log_now);
    log_now = to;
    pthread_mutex_unlock(&count_lock);
}

static CK_RV up(CK_C_INITIALIZE_ARGS *args)
{
    struct log *l = calloc(1, sizeof *l);
    if (!l) abort();
    log_change(l);
    CK_RV rv = scard11_set_log(take_line, l);
    if (!rv) rv = scard11_set_notice(take_notice, l);
    return rv ? rv : C_Initialize(args);
}

static CK_RV down(void)
{
    CK_RV rv = C_Finalize(NULL);
    log_change(NULL);
    return rv;
}

static void begin(void)
{
    struct sim_piv_options o = { .extended = true, .discovery = SIM_APPLICATION_PIN };
    down();
    sim_reader_clear();
    for (int i = 0; i < 2; i++) {
        o.second = i;
        cards[i] = sim_piv_new(&o);
        sim_reader_insert(sim_reader_add(i ? "Reader B" : "Reader A"), cards[i]);
    }
    done = refused = wrong = log_strays = notices_amiss = 0;
    set_over(false);
    CHECK_RV(up(NULL), CKR_OK);
}

static void end(void)
{
    down();
    struct sim_reader_stats s = sim_reader_stats();
    sim_reader_clear();
    for (int i = 0; i < 2; i++) cards[i]->free(cards[i]);
    if (test_failing) return;
    CHECK_EQ(s.connections, 0);
    CHECK_EQ(s.contexts, 0);
    CHECK_EQ(s.unbalanced, 0);
    CHECK_EQ(s.outside, 0);
    CHECK_EQ(s.after_removed, 0);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(log_strays, 0);
    CHECK_EQ(notices_amiss, 0);
}

// One session's life on a slot: log in, sign, check, close. A refusal because the card went is no
// error.
static void live(CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CK_RV rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (!rv) rv = C_Login(session, CKU_USER, PIN, 6);
    if (rv == CKR_USER_ALREADY_LOGGED_IN) rv = CKR_OK;
    if (!rv) rv = scene_find(session, CKO_PRIVATE_KEY, 1, &key);
    if (!rv) rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
    if (!rv) {
        bool good = scene_good(SIM_RSA2048A, text, sizeof text, sig, n) ||
                    scene_good(SIM_RSA2048B, text, sizeof text, sig, n);
        count(good ? &done : &wrong);
    } else {
        count(rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_GENERAL_ERROR ? &wrong
              : &refused);
    }
    if (session) C_CloseSession(session);
}

static void *worker(void *arg)
{
    CK_SLOT_ID slot = 2 * ((uintptr_t)arg & 1);
    for (int i = 0; i < 6 && !over(); i++) live(slot);
    return NULL;
}

TEST(threads_on_two_readers_all_succeed)
{
    pthread_t t[WORKERS];
    begin();
    for (uintptr_t i = 0; i < WORKERS; i++) CHECK(!pthread_create(&t[i], NULL, worker, (void *)i));
    for (int i = 0; i < WORKERS; i++) pthread_join(t[i], NULL);
    // Some may find the login ended by another's last session: none may fail otherwise.
    CHECK(done + refused == WORKERS * 6 && done >= WORKERS * 3);
    end();
}

static void *use_until_over(void *arg)
{
    CK_SLOT_ID slot = 2 * ((uintptr_t)arg & 1);
    while (!over()) live(slot);
    return NULL;
}

static void *poll_until_over(void *arg)
{
    (void)arg;
    while (!over()) {
        CK_SLOT_ID slots[8], id;
        CK_ULONG n = 8;
        CK_SLOT_INFO info;
        C_GetSlotList(CK_FALSE, slots, &n);
        C_GetSlotInfo(2, &info);
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
        usleep(2000);
    }
    return NULL;
}

static unsigned events;

static void *wait_until_over(void *arg)
{
    CK_SLOT_ID id;
    (void)arg;
    while (C_WaitForSlotEvent(0, &id, NULL) == CKR_OK) count(&events);
    return NULL;
}

TEST(cards_come_and_go_under_threads)
{
    pthread_t t[6];
    begin();
    events = 0;
    for (uintptr_t i = 0; i < 4; i++) CHECK(!pthread_create(&t[i], NULL, use_until_over,
                                                            (void *)i));
    CHECK(!pthread_create(&t[4], NULL, poll_until_over, NULL));
    CHECK(!pthread_create(&t[5], NULL, wait_until_over, NULL));
    for (int i = 0; i < 150; i++) {
        int reader = (int)test_any_below(2);
        switch (test_any_below(5)) {
        case 0: sim_reader_reset(reader); break;
        case 1: sim_reader_unplug(reader); usleep(1000 * test_any_below(10)); sim_reader_plug(reader); break;
        default: {
            struct sim_card *card = sim_reader_eject(reader);
            usleep(1000 * test_any_below(20));
            if (card) sim_reader_insert(reader, card);
        }
        }
        usleep(1000 * test_any_below(30));
    }
    set_over(true);
    for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);
    CHECK_RV(down(), CKR_OK);
    pthread_join(t[5], NULL);
    CHECK(events > 20);
    printf("%u signatures, %u refused, %u events\n", done, refused, events);
    CHECK_EQ(sim_piv_tries(cards[0]) + sim_piv_tries(cards[1]), 6);
    end();
}

static CK_RV waited[16];

static void *wait_once(void *arg)
{
    CK_SLOT_ID id;
    waited[(uintptr_t)arg] = C_WaitForSlotEvent(0, &id, NULL);
    return NULL;
}

static unsigned long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

TEST(finalize_ends_all_waits_at_once)
{
    for (int round = 0; round < 60; round++) {
        pthread_t t[16];
        begin();
        if (test_failing) return;
        for (uintptr_t i = 0; i < 16; i++) CHECK(!pthread_create(&t[i], NULL, wait_once,
                                                                 (void *)i));
        if (round % 3) sim_reader_await_waiting(16, 1000);      // else: some have not begun to wait
        unsigned long before = now_ms();
        CHECK_RV(down(), CKR_OK);
        CHECK(now_ms() - before < 1000);
        for (int i = 0; i < 16; i++) pthread_join(t[i], NULL);
        for (int i = 0; i < 16; i++) CHECK_RV(waited[i], CKR_CRYPTOKI_NOT_INITIALIZED);
        end();
    }
}

// What a wait made for itself is gone when C_Finalize returns: the service may be ended then.
TEST(finalize_waits_for_the_end_of_waits)
{
    pthread_t t[4];
    begin();
    for (uintptr_t i = 0; i < 4; i++) CHECK(!pthread_create(&t[i], NULL, wait_once, (void *)i));
    sim_reader_await_waiting(4, 1000);
    sim_reader_slow_stops(4, 100);              // theirs, not that of C_Finalize itself
    CHECK_RV(down(), CKR_OK);
    unsigned long contexts = sim_reader_stats().contexts;
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    CHECK_EQ(contexts, 0);
    end();
}

static CK_RV initialized[8];

static void *initialize(void *arg)
{
    initialized[(uintptr_t)arg] = C_Initialize(NULL);
    return NULL;
}

TEST(initialize_by_eight_threads_is_one)
{
    for (int round = 0; round < 30; round++) {
        pthread_t t[8];
        unsigned good = 0;
        begin();
        CHECK_RV(down(), CKR_OK);
        for (uintptr_t i = 0; i < 8; i++) CHECK(!pthread_create(&t[i], NULL, initialize,
                                                                (void *)i));
        for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
        for (int i = 0; i < 8; i++) {
            CHECK(initialized[i] == CKR_OK || initialized[i] == CKR_CRYPTOKI_ALREADY_INITIALIZED);
            good += initialized[i] == CKR_OK;
        }
        CHECK_EQ(good, 1);
        end();
    }
}

static void *sign_hung(void *arg)
{
    (void)arg;
    live(0);
    return NULL;
}

TEST(a_card_that_never_answers_does_not_hold_finalize)
{
    pthread_t t;
    begin();
    sim_reader_fault(SIM_HANG, 6, NULL);
    CHECK(!pthread_create(&t, NULL, sign_hung, NULL));
    CHECK(sim_reader_await_hang(3000));
    judge_other_login(true);                    // that card keeps its login until the command ends
    unsigned long before = now_ms();
    CHECK_RV(down(), CKR_FUNCTION_FAILED);
    CHECK(now_ms() - before < SCARD11_FINALIZE_MS + 1000);
    CHECK_RV(up(NULL), CKR_OK);       // works again, on the other reader
    live(2);                                    // the hung command still holds the first one's card
    CHECK_EQ(done, 1);
    sim_reader_release();
    pthread_join(t, NULL);                      // its signature was made, or not
    judge_other_login(false);
    CHECK(done == 1 || done == 2);
    done = 1;
    CHECK_RV(down(), CKR_OK);
    CHECK_RV(up(NULL), CKR_OK);
    live(0);
    live(2);
    CHECK_EQ(done, 3);
    end();
}

static CK_SESSION_HANDLE old_session;
static CK_RV old_answer = 0x5555;
static bool old_answered;

static void *use_old_session(void *arg)
{
    CK_SESSION_INFO info;
    (void)arg;
    old_answer = C_GetSessionInfo(old_session, &info);
    set_over(true);
    return NULL;
}

// A handle of before the end leads into the reader that a hung command still holds. It is refused
// at once, and the reader comes back when the command ends.
TEST(old_sessions_do_not_wait_for_a_hung_card)
{
    pthread_t t, user;
    begin();
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &old_session), CKR_OK);
    sim_reader_fault(SIM_HANG, 2, NULL);
    CHECK(!pthread_create(&t, NULL, sign_hung, NULL));
    CHECK(sim_reader_await_hang(3000));
    CHECK_RV(down(), CKR_FUNCTION_FAILED);
    CHECK_RV(up(NULL), CKR_OK);
    CHECK(!pthread_create(&user, NULL, use_old_session, NULL));
    for (int i = 0; i < 3000 && !over(); i++) usleep(1000);
    old_answered = over();
    sim_reader_release();
    pthread_join(t, NULL);
    pthread_join(user, NULL);
    CHECK(old_answered);
    CHECK_RV(old_answer, CKR_SESSION_HANDLE_INVALID);
    done = 0;
    live(0);
    live(2);
    CHECK_EQ(done, 2);
    end();
}

// Mutexes of an application that frees what it destroyed, and counts what it has not.
static unsigned mutexes;

static void count_mutexes(int n)
{
    pthread_mutex_lock(&count_lock);
    mutexes += (unsigned)n;
    pthread_mutex_unlock(&count_lock);
}

static CK_RV mutex_new(CK_VOID_PTR_PTR m)
{
    pthread_mutex_t *p = malloc(sizeof *p);
    *m = p;
    if (!p || pthread_mutex_init(p, NULL)) return CKR_HOST_MEMORY;
    count_mutexes(1);
    return CKR_OK;
}

static CK_RV mutex_free(CK_VOID_PTR m)
{
    count_mutexes(-1);
    pthread_mutex_destroy(m);
    free(m);
    return CKR_OK;
}
static CK_RV mutex_lock(CK_VOID_PTR m) { pthread_mutex_lock(m); return CKR_OK; }
static CK_RV mutex_unlock(CK_VOID_PTR m) { pthread_mutex_unlock(m); return CKR_OK; }

// A command that hung comes back after the end: it does not look for readers, which would leave a
// context behind, no mutex that it still needs is destroyed under it, and none is left.
TEST(a_hung_call_comes_back_to_a_library_that_is_down)
{
    CK_C_INITIALIZE_ARGS own = { .CreateMutex = mutex_new, .DestroyMutex = mutex_free,
                                 .LockMutex = mutex_lock, .UnlockMutex = mutex_unlock };
    for (int anew = 0; anew < 2; anew++) {
        pthread_t t;
        begin();
        CHECK_RV(down(), CKR_OK);
        mutexes = 0;
        CHECK_RV(up(&own), CKR_OK);
        sim_reader_fault(SIM_HANG, 6, NULL);
        CHECK(!pthread_create(&t, NULL, sign_hung, NULL));
        CHECK(sim_reader_await_hang(3000));
        CHECK_RV(down(), CKR_FUNCTION_FAILED);
        if (anew) CHECK_RV(up(&own), CKR_OK);
        sim_reader_eject(0);
        sim_reader_release();
        pthread_join(t, NULL);
        struct sim_reader_stats s = sim_reader_stats();
        CHECK_EQ(s.connections, 0);
        CHECK_EQ(s.contexts, (unsigned long)anew);
        CHECK_EQ(mutexes == 0, !anew);
        if (!anew) CHECK_RV(up(NULL), CKR_OK);
        done = 0;
        live(2);
        CHECK_EQ(done, 1);
        end();
        CHECK_EQ(mutexes, 0);
    }
}

// The two readers work at the same time: while one card hangs, the other signs.
TEST(a_busy_reader_does_not_hold_the_other)
{
    pthread_t t;
    CK_SLOT_INFO info;
    CK_SLOT_ID id;
    CK_ULONG n = 0;
    begin();
    sim_reader_fault(SIM_HANG, 5, NULL);
    CHECK(!pthread_create(&t, NULL, sign_hung, NULL));
    CHECK(sim_reader_await_hang(3000));
    live(2);
    CHECK_EQ(done, 1);
    CHECK_RV(C_GetSlotInfo(0, &info), CKR_OK);  // never waits for a card
    CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    sim_reader_release();
    pthread_join(t, NULL);
    end();
}

// Calls of all kinds, good, refused, and while the library is down: each would log.
static void *call_until_over(void *arg)
{
    CK_SLOT_INFO info;
    CK_SLOT_ID id;
    CK_ULONG n;
    while (!over()) {
        C_GetSlotList(CK_FALSE, NULL, &n);
        C_GetSlotInfo(4711, &info);
        C_CloseSession(4711);
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
        if (arg) live(2 * (test_seed & 1));
        else     scard11_set_log(NULL, NULL);
    }
    return NULL;
}

TEST(the_log_while_the_library_comes_and_goes)
{
    pthread_t t[5];
    unsigned lines = 0;
    begin();
    log_is_slow = true;
    for (int i = 0; i < 5; i++)
        CHECK(!pthread_create(&t[i], NULL, call_until_over, i ? t : NULL));
    for (int round = 0; round < 100; round++) {
        usleep(1000 * test_any_below(8));
        pthread_mutex_lock(&count_lock);
        lines += log_now->lines;
        pthread_mutex_unlock(&count_lock);
        CHECK_RV(down(), CKR_OK);
        CHECK_RV(up(NULL), CKR_OK);
    }
    set_over(true);
    for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);
    log_is_slow = false;
    CHECK(lines > 100);
    end();
}

// A function of the log that does not return.
static pthread_mutex_t stuck_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stuck_changed = PTHREAD_COND_INITIALIZER;
static bool stuck_is_in, stuck_may_go;
static unsigned stuck_lines;

static void take_line_and_stay(void *context, const char *line)
{
    (void)context; (void)line;
    pthread_mutex_lock(&stuck_lock);
    stuck_lines++;
    stuck_is_in = true;
    pthread_cond_broadcast(&stuck_changed);
    while (!stuck_may_go) pthread_cond_wait(&stuck_changed, &stuck_lock);
    pthread_mutex_unlock(&stuck_lock);
}

static void *log_one_line(void *arg)
{
    CK_SLOT_INFO info;
    (void)arg;
    C_GetSlotInfo(4711, &info);         // refused, and logged
    return NULL;
}

TEST(a_log_that_never_returns_does_not_hold_finalize)
{
    pthread_t t;
    begin();
    CHECK_RV(down(), CKR_OK);
    stuck_is_in = stuck_may_go = false;
    sim_reader_clear();                 // no line of C_Initialize itself
    CHECK_RV(scard11_set_log(take_line_and_stay, NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK(!pthread_create(&t, NULL, log_one_line, NULL));
    pthread_mutex_lock(&stuck_lock);
    while (!stuck_is_in) pthread_cond_wait(&stuck_changed, &stuck_lock);
    pthread_mutex_unlock(&stuck_lock);
    unsigned long before = now_ms();
    CHECK_RV(C_Finalize(NULL), CKR_FUNCTION_FAILED);
    CHECK(now_ms() - before < 2 * SCARD11_FINALIZE_MS + 1000);
    CHECK_RV(up(NULL), CKR_OK);         // another function, and nobody waits for the old one again
    log_one_line(NULL);
    CHECK_EQ(log_now->lines, 1);
    before = now_ms();
    CHECK_RV(down(), CKR_OK);
    CHECK(now_ms() - before < SCARD11_FINALIZE_MS);
    pthread_mutex_lock(&stuck_lock);
    stuck_may_go = true;
    pthread_cond_broadcast(&stuck_changed);
    pthread_mutex_unlock(&stuck_lock);
    pthread_join(t, NULL);
    CHECK_EQ(stuck_lines, 1);
    end();
}

#include "threads_making.h"

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(threads_on_two_readers_all_succeed);
    RUN(cards_come_and_go_under_threads);
    RUN(finalize_ends_all_waits_at_once);
    RUN(finalize_waits_for_the_end_of_waits);
    RUN(initialize_by_eight_threads_is_one);
    RUN(a_card_that_never_answers_does_not_hold_finalize);
    RUN(old_sessions_do_not_wait_for_a_hung_card);
    RUN(a_hung_call_comes_back_to_a_library_that_is_down);
    RUN(a_busy_reader_does_not_hold_the_other);
    RUN(a_card_that_makes_a_key_holds_nobody_else);
    RUN(finalize_waits_for_a_key_that_is_soon_made);
    RUN(finalize_does_not_wait_for_a_key_that_takes_long);
    RUN(the_login_ends_while_a_key_is_made);
    RUN(a_card_is_pulled_while_it_makes_a_key);
    RUN(the_log_while_the_library_comes_and_goes);
    RUN(a_log_that_never_returns_does_not_hold_finalize);
    return test_end();
}
