// sim_reader.c: the custom reader of scard11.h part 3 over simulated cards. See sim_reader.h.
// SPDX-License-Identifier: 0BSD
//
// One mutex guards everything but the inside of a card. A card works for one caller at a time: who
// has set seat.running may call it, without the mutex. Every change wakes everybody.
#define _POSIX_C_SOURCE 200809L
#include "../../scard11.h"
#include "sim_reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if SCARD11_READER != SCARD11_READER_CUSTOM
#error "build with -DSCARD11_READER=SCARD11_READER_CUSTOM"
#endif

#define ANSWER_MAX   65538
#define CONNS        256
#define CONTEXTS     128
#define FOREVER      (-1)

// A reader.
struct seat {
    char name[128];                 // empty: not used
    bool plugged, mute, busy, late, empty;
    bool stale;                     // late: shows what was before
    uint32_t shown;                 // ... namely this
    struct sim_card *card;
    uint16_t count;
    enum sim_count counts;
    uint32_t says, takes;           // limits of an APDU; 0: none
    struct sim_reader_pinpad pad;
    bool fail_once;                 // a swap that nobody saw: one command fails
    bool running;                   // somebody is inside the card
    pthread_t runner;
    struct conn *owner;             // whose transaction it is
    bool held;                      // another program's
    struct timespec held_until;     // tv_sec 0: for ever
    void (*foreign)(struct sim_card *, void *);
    void *foreign_arg;
    uint8_t answer[ANSWER_MAX];
};

enum begun { BEGUN_NOT, BEGUN, BEGUN_UNSURE };      // UNSURE: there was a reset

struct conn {
    bool open, exclusive, inside;
    bool dead;                      // removed
    bool gone;                      // the same, but the reader is late
    bool reset;                     // _RESET until taken up again
    bool told_removed, told_reset;
    enum sim_why why;
    enum begun begun;
    int seat;
};

struct context {
    bool open, dead, waiting, cancelled, cancel_lost;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready, down, wait_early, lose_cancels;
    unsigned readers_epoch;         // readers came
    struct seat seats[SIM_READERS];
    struct conn conns[CONNS];
    struct context contexts[CONTEXTS];
    size_t last_conn, last_context;
    enum sim_fault fault;
    unsigned fault_in;              // so many calls from now
    bool fault_any, fired, released;
    unsigned happening;             // plans that have come to pass and are not over
    unsigned hanging;
    struct sim_card *other;
    unsigned slow_stops, stop_ms;
    struct sim_reader_stats stats;
    void (*trace)(void *, int, const uint8_t *, size_t, const uint8_t *, size_t);
    void *trace_arg;
} sim = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sim_reader: wrong use: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

// ---- The lock and time --------------------------------------------------------------------------

static void unlock(void)
{
    pthread_mutex_unlock(&sim.lock);
}

#if defined(_WIN32)                     // winpthreads know no other
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

static void ready(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, WAIT_CLOCK);
    pthread_cond_init(&sim.changed, &attr);
    pthread_condattr_destroy(&attr);
    sim.ready = true;
}

// A forked child has readers and cards of its own, as they were, and none of its parent's threads.
static void forked(void)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    memcpy(&sim.lock, &fresh, sizeof fresh);
    ready();
    for (int i = 0; i < SIM_READERS; i++) sim.seats[i].running = false;
    for (int i = 0; i < CONNS; i++) sim.conns[i].inside = false;
    for (int i = 0; i < CONTEXTS; i++) sim.contexts[i].waiting = false;
    sim.stats.waiting = sim.hanging = 0;
}

static void lock(void)
{
    pthread_mutex_lock(&sim.lock);
    if (sim.ready) return;
    ready();
    pthread_atfork(lock, unlock, forked);
}

static void wake(void)
{
    pthread_cond_broadcast(&sim.changed);
}

static struct timespec in_ms(unsigned long ms)
{
    struct timespec t;
    clock_gettime(WAIT_CLOCK, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) { t.tv_nsec -= 1000000000; t.tv_sec++; }
    return t;
}

// Waits for a change, at most until a time. false: the time has come.
static bool await(const struct timespec *until)
{
    if (!until) return pthread_cond_wait(&sim.changed, &sim.lock) == 0;
    return pthread_cond_timedwait(&sim.changed, &sim.lock, until) != ETIMEDOUT;
}

// ---- What happens to cards (all under the lock) -------------------------------------------------

static struct seat *seat_of(int reader)
{
    if (reader < 0 || reader >= SIM_READERS || !sim.seats[reader].name[0])
        wrong("there is no reader %d", reader);
    return &sim.seats[reader];
}

static int seat_index(const struct seat *s)
{
    return (int)(s - sim.seats);
}

static struct seat *seat_find(const char *name)
{
    for (int i = 0; i < SIM_READERS; i++)
        if (sim.seats[i].name[0] && sim.seats[i].plugged && !strcmp(sim.seats[i].name, name))
            return &sim.seats[i];
    return NULL;
}

// Is anybody connected to its card: our own connections count, as with PC/SC.
static bool seat_used(const struct seat *s)
{
    if (s->foreign || s->held || s->busy) return true;
    for (const struct conn *c = sim.conns; c < sim.conns + CONNS; c++)
        if (c->open && !c->dead && &sim.seats[c->seat] == s) return true;
    return false;
}

static uint32_t seat_state(const struct seat *s)
{
    uint32_t v = 0;
    if (!s->plugged) return SCARD11_READER_GONE;
    if (s->stale) return s->shown;
    if (s->card) v |= SCARD11_READER_PRESENT;
    if (s->card && seat_used(s)) v |= SCARD11_READER_IN_USE;
    if (s->card && s->mute) v |= SCARD11_READER_CARD_MUTE;
    if (s->counts != SIM_COUNTS_NOT) v |= SCARD11_READER_COUNTED;
    if (s->counts == SIM_COUNTS) v |= (uint32_t)s->count << 16;
    return v;
}

// Waits until nobody is inside the card, unless the caller is.
static void seat_settle(struct seat *s)
{
    wake();
    while (s->running && !pthread_equal(s->runner, pthread_self())) await(NULL);
}

enum lost { LOST_DEAD, LOST_RESET };

// What the connections to a card see when it goes, or when it is reset.
static void seat_cut(struct seat *s, enum lost how)
{
    for (struct conn *c = sim.conns; c < sim.conns + CONNS; c++) {
        if (!c->open || c->dead || &sim.seats[c->seat] != s) continue;
        if (how == LOST_RESET) c->told_reset = c->reset && c->told_reset, c->reset = true;
        else if (s->late) c->gone = true;
        else c->dead = true;
        if (c->begun) c->begun = BEGUN_UNSURE;
        if (s->owner == c) s->owner = NULL;
    }
    wake();
}

static void seat_freeze(struct seat *s)
{
    if (s->late && !s->stale) { s->shown = seat_state(s); s->stale = true; }
}

static struct sim_card *seat_eject(struct seat *s)
{
    struct sim_card *card = s->card;
    if (!card) return NULL;
    seat_freeze(s);
    seat_cut(s, LOST_DEAD);
    s->card = NULL;
    s->mute = false;
    s->held = false;
    s->count++;
    return card;
}

static void seat_put(struct seat *s, struct sim_card *card)
{
    if (!card || !card->apdu || !card->reset) wrong("that is no card");
    if (s->card) wrong("%s has a card already", s->name);
    for (int i = 0; i < SIM_READERS; i++)
        if (sim.seats[i].card == card) wrong("the card is in %s already", sim.seats[i].name);
    seat_freeze(s);
    s->card = card;
    s->count++;
    card->reset(card);
    wake();
}

static void seat_reset(struct seat *s)
{
    seat_cut(s, LOST_RESET);
    if (s->card) s->card->reset(s->card);
}

static void seat_unplug(struct seat *s)
{
    seat_cut(s, LOST_DEAD);
    for (struct conn *c = sim.conns; c < sim.conns + CONNS; c++)
        if (c->open && &sim.seats[c->seat] == s) { c->dead = true; c->why = SIM_WHY_UNPLUGGED; }
    s->plugged = s->stale = s->held = false;
    wake();
}

static void world_down(bool counts_stay, void (*anew)(int reader, struct sim_card *card))
{
    for (int i = 0; i < SIM_READERS; i++) {
        sim.seats[i].owner = NULL;
        sim.seats[i].held = sim.seats[i].stale = false;
        if (!counts_stay) sim.seats[i].count = 0;
    }
    for (struct conn *c = sim.conns; c < sim.conns + CONNS; c++)
        if (c->open) {
            c->dead = true;
            c->why = SIM_WHY_DOWN;
            c->begun = c->begun ? BEGUN_UNSURE : BEGUN_NOT;
        }
    for (struct context *c = sim.contexts; c < sim.contexts + CONTEXTS; c++) c->dead = true;
    wake();
    for (struct seat *s = sim.seats; s < sim.seats + SIM_READERS; s++) {
        if (!s->card) continue;
        seat_settle(s);
        if (s->card) s->card->reset(s->card);       // a service that ends powers its readers down
        if (s->card && anew) anew((int)(s - sim.seats), s->card);
    }
}

// Replaces the card as a fault or a function asks. The old card's last command is over.
static struct sim_card *seat_swap(struct seat *s, enum sim_fault how, struct sim_card *card)
{
    struct sim_card *old = s->card;
    uint16_t count = s->count;
    if (how == SIM_SWAP || how == SIM_SWAP_AFTER) {
        seat_eject(s);
        seat_put(s, card);
        return old;
    }
    if (how == SIM_SWAP_AS_RESET) seat_cut(s, LOST_RESET);
    s->card = NULL;
    seat_put(s, card);
    s->count = (uint16_t)(how == SIM_SWAP_UNSEEN ? count : count + 2);
    return old;
}

// ---- Connections (under the lock) ---------------------------------------------------------------

static struct conn *conn_of(void *p, const char *call)
{
    struct conn *c = p;
    if (c < sim.conns || c >= sim.conns + CONNS) wrong("%s: that is no connection", call);
    if (!c->open) wrong("%s after disconnect", call);
    if (c->inside) wrong("%s while another thread uses the connection", call);
    return c;
}

static int conn_check(struct conn *c)
{
    if (c->dead) {
        if (c->told_removed) sim.stats.after_removed++;
        c->told_removed = true;
        return SCARD11_READER_REMOVED;
    }
    if (!c->reset) return SCARD11_READER_OK;
    c->told_reset = true;
    return SCARD11_READER_RESET;
}

// Enters the card; NULL: the connection ended meanwhile. Between, the lock is not held.
static struct sim_card *card_enter(struct conn *c)
{
    struct seat *s = &sim.seats[c->seat];
    while (s->running && !c->dead && !c->reset) await(NULL);
    if (c->dead || c->gone || c->reset || !s->card) return NULL;
    struct sim_card *card = s->card;
    s->running = true;
    s->runner = pthread_self();
    unlock();
    return card;
}

static void card_leave(struct conn *c)
{
    lock();
    sim.seats[c->seat].running = false;
    wake();
}

// Gives another program its chance.
static void conn_foreign(struct conn *c)
{
    struct seat *s = &sim.seats[c->seat];
    void (*fn)(struct sim_card *, void *) = s->foreign;
    void *arg = s->foreign_arg;
    if (!fn || c->exclusive || !s->card) return;
    sim.stats.foreigns++;
    struct sim_card *card = card_enter(c);
    if (!card) return;
    fn(card, arg);
    card_leave(c);
}

// Has the next plan to wait until this one is over? A call that hangs would never be.
static bool plan_takes_time(enum sim_fault what)
{
    return what != SIM_NO_FAULT && what != SIM_HANG;
}

// Is this the call at which the plan comes to pass? Returns what then happens.
static enum sim_fault plan_step(bool transmit)
{
    enum sim_fault what = sim.fault;
    if (!sim.fault_in || (!transmit && !sim.fault_any) || --sim.fault_in) return SIM_NO_FAULT;
    sim.fault = SIM_NO_FAULT;
    sim.fired = true;
    if (plan_takes_time(what)) sim.happening++;
    return what;
}

static void plan_over(enum sim_fault what)
{
    if (!plan_takes_time(what)) return;
    sim.happening--;
    wake();
}

// The part of a fault that comes before the card gets the command.
static void plan_before(struct seat *s, enum sim_fault what)
{
    if (what != SIM_NO_FAULT) seat_settle(s);
    if (what == SIM_EJECT) seat_eject(s);
    if (what == SIM_SWAP || what == SIM_SWAP_AS_RESET || what == SIM_SWAP_UNSEEN)
        seat_swap(s, what, sim.other);
    if (what == SIM_RESET) seat_reset(s);
    if (what == SIM_UNPLUG) seat_unplug(s);
    if (what == SIM_SERVICE_DOWN) { sim.down = true; world_down(false, NULL); }
}

static void plan_after(struct seat *s, enum sim_fault what)
{
    if (what != SIM_NO_FAULT) seat_settle(s);
    if (what == SIM_EJECT_AFTER) seat_eject(s);
    if (what == SIM_SWAP_AFTER) seat_swap(s, what, sim.other);
    if (what == SIM_RESET_AFTER) seat_reset(s);
}

// Faults at calls other than transmit: _FAILED where the fault is one of the answer.
static bool plan_fails(enum sim_fault what)
{
    return what == SIM_SWAP_UNSEEN || what == SIM_FAILED || what == SIM_FAILED_AFTER ||
           (what >= SIM_ANSWER_1 && what < SIM_FAULTS);
}

// ---- scard11.h part 3: contexts -----------------------------------------------------------------

static struct context *context_of(void *p, const char *call)
{
    struct context *c = p;
    if (c < sim.contexts || c >= sim.contexts + CONTEXTS || !c->open)
        wrong("%s: that is no context", call);
    return c;
}

int scard11_reader_start(void **context)
{
    int r = SCARD11_READER_DOWN;
    lock();
    for (size_t i = 0; i < CONTEXTS && !sim.down; i++) {
        struct context *c = &sim.contexts[sim.last_context++ % CONTEXTS];
        if (c->open) continue;
        *c = (struct context){ .open = true };
        *context = c;
        sim.stats.contexts++;
        r = SCARD11_READER_OK;
        break;
    }
    if (r && !sim.down) wrong("start: more than %d contexts", CONTEXTS);
    unlock();
    return r;
}

void scard11_reader_stop(void *context)
{
    lock();
    struct timespec until = in_ms(sim.stop_ms);
    bool slow = sim.slow_stops && sim.slow_stops--;
    while (slow && await(&until)) {}
    struct context *c = context_of(context, "stop");
    if (c->waiting) wrong("stop while a thread waits");
    c->open = false;
    sim.stats.contexts--;
    unlock();
}

int scard11_reader_list(void *context, char *names, size_t *len)
{
    size_t n = 0, all = 1;
    lock();
    struct context *c = context_of(context, "list");
    sim.stats.lists++;
    for (int i = 0; i < SIM_READERS && !c->dead; i++) {
        const struct seat *s = &sim.seats[i];
        size_t size = strlen(s->name) + 1;
        if (size == 1 || !s->plugged) continue;
        bool fits = n + 1 == all && all + size <= *len;
        all += size;
        if (!fits) continue;
        memcpy(names + n, s->name, size);
        n += size;
    }
    if (!c->dead) names[n] = 0;
    *len = all;
    int r = c->dead ? SCARD11_READER_DOWN : SCARD11_READER_OK;
    unlock();
    return r;
}

// Sets state of each. Returns _UNKNOWN if there is a reader that was not there when the wait began.
static int states_look(struct scard11_reader_state *readers, size_t n, bool *differs)
{
    *differs = false;
    for (size_t i = 0; i < n; i++)
        if (!seat_find(readers[i].name)) return SCARD11_READER_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        readers[i].state = seat_state(seat_find(readers[i].name));
        if ((readers[i].state ^ readers[i].known) & ~SCARD11_READER_IN_USE) *differs = true;
    }
    return SCARD11_READER_OK;
}

int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms)
{
    struct timespec until = in_ms(timeout_ms), soon = in_ms(1);
    bool differs = false, in_time = true;
    lock();
    struct context *c = context_of(context, "wait");
    unsigned epoch = sim.readers_epoch;
    if (c->waiting) wrong("wait twice at once with one context");
    if (timeout_ms) sim.stats.waits++; else sim.stats.looks++;
    int r = c->dead ? SCARD11_READER_DOWN : states_look(readers, n, &differs);
    if (!timeout_ms || r) { unlock(); return r; }

    c->waiting = true;
    c->cancelled = c->cancel_lost = false;
    sim.stats.waiting++;
    wake();
    while (!differs && epoch == sim.readers_epoch && in_time && !c->cancelled && !c->dead && !r) {
        in_time = await(sim.wait_early ? &soon : &until);
        if (!c->dead) r = states_look(readers, n, &differs);
    }
    c->waiting = false;
    sim.stats.waiting--;
    if (c->dead) r = SCARD11_READER_DOWN;
    else if (r == SCARD11_READER_OK && c->cancelled) r = SCARD11_READER_CANCELLED;
    else if (r == SCARD11_READER_OK && !differs && !in_time && !sim.wait_early)
        r = SCARD11_READER_TIMEOUT;
    unlock();
    return r;
}

void scard11_reader_cancel(void *context)
{
    lock();
    struct context *c = context_of(context, "cancel");
    sim.stats.cancels++;
    if (c->waiting && (c->cancel_lost || !sim.lose_cancels)) c->cancelled = true;
    c->cancel_lost = true;
    wake();
    unlock();
}

// ---- scard11.h part 3: connections --------------------------------------------------------------

static bool seat_taken(const struct seat *s, const struct conn *c)
{
    return (s->owner && s->owner != c) || s->held;
}

// Resets what is in a reader that does not know yet that it is not the card of this connection: it
// takes a card that is gone for mute, and leads to one that came instead.
static int conn_reset_late(struct conn *c)
{
    struct seat *s = &sim.seats[c->seat];
    if (s->stale && !s->card) s->shown |= SCARD11_READER_CARD_MUTE;
    if (!s->card) return SCARD11_READER_MUTE;
    c->gone = false;
    return SCARD11_READER_OK;
}

// As pcsc-lite has it: a reset through the connection of a card that was pulled is one of the card
// that is in now, and so is the connection from then on.
static bool conn_reset_stray(struct conn *c)
{
    const struct seat *s = &sim.seats[c->seat];
    bool pulled = c->dead && c->why == SIM_WHY_REMOVED;     // not its reader, nor the service
    if (sim.down || !pulled || !s->plugged || !s->card || s->mute) return false;
    sim.stats.stray_resets++;
    c->dead = c->told_removed = false;
    return true;
}

static int connect_check(const struct seat *s, const struct conn *self, unsigned how)
{
    if (sim.down) return SCARD11_READER_DOWN;
    if (!s || !s->plugged || !s->card) return SCARD11_READER_REMOVED;
    if (s->busy) return SCARD11_READER_BUSY;
    if (s->mute) return SCARD11_READER_MUTE;
    for (const struct conn *c = sim.conns; c < sim.conns + CONNS; c++)
        if (c != self && c->open && !c->dead && !c->gone && &sim.seats[c->seat] == s &&
            (c->exclusive || how & SCARD11_READER_EXCLUSIVE)) return SCARD11_READER_BUSY;
    return SCARD11_READER_OK;
}

static struct conn *conn_new(struct seat *s, unsigned how)
{
    for (size_t i = 0; i < CONNS; i++) {
        struct conn *c = &sim.conns[sim.last_conn++ % CONNS];
        if (c->open) continue;
        *c = (struct conn){ .open = true, .exclusive = how & SCARD11_READER_EXCLUSIVE,
                            .seat = seat_index(s) };
        sim.stats.connects++;
        sim.stats.connections++;
        return c;
    }
    wrong("connect: more than %d connections", CONNS);
    return NULL;
}

// Resets the card for a connection, which sees no reset: when no other program has it.
static void conn_reset(struct conn *c)
{
    struct seat *s = &sim.seats[c->seat];
    c->inside = true;
    while (!c->dead && seat_taken(s, c))
        if (!await(s->held && s->held_until.tv_sec ? &s->held_until : NULL)) s->held = false;
    seat_settle(s);
    c->inside = false;
    if (!c->dead) seat_reset(s);
    sim.stats.resets++;
}

int scard11_reader_connect(void **conn, const char *name, unsigned how,
                           struct scard11_reader_card *card)
{
    lock();
    struct conn *c = *conn ? conn_of(*conn, "connect") : NULL;
    struct seat *s = seat_find(name);
    bool reset = how & SCARD11_READER_RESET_CARD;
    int r = SCARD11_READER_OK;
    if (!c && reset) wrong("connect resets what is not connected");
    if (c && !c->dead && !c->told_reset && !reset) wrong("connect takes up what was not reset");
    if (c && strcmp(sim.seats[c->seat].name, name)) wrong("connect takes up another reader's");
    enum sim_fault what = plan_step(false);
    if (s) plan_before(s, what);
    if (plan_fails(what)) r = SCARD11_READER_FAILED;
    else if (c && c->dead && !(reset && conn_reset_stray(c))) r = conn_check(c);
    else if (c && c->gone && reset) r = conn_reset_late(c);
    else r = connect_check(s, c, how);
    if (r == SCARD11_READER_OK && reset) {
        conn_reset(c);
        r = c->dead ? conn_check(c) : connect_check(s, c, how);
    }
    if (r == SCARD11_READER_OK && c) {
        c->reset = c->told_reset = false;
        c->exclusive = how & SCARD11_READER_EXCLUSIVE;
        if (!reset) sim.stats.resumes++;
    } else if (r == SCARD11_READER_OK) {
        *conn = conn_new(s, how);
    }
    if (r == SCARD11_READER_OK) {
        *card = (struct scard11_reader_card){ .atr_len = s->card->atr_len,
            .protocol = s->card->protocol, .max_data = s->says, .features = s->pad.features,
            .pin_min = s->pad.pin_min, .pin_max = s->pad.pin_max };
        memcpy(card->atr, s->card->atr, s->card->atr_len);
    }
    if (s) plan_after(s, what);
    plan_over(what);
    unlock();
    return r;
}

void scard11_reader_disconnect(void *conn, int reset)
{
    lock();
    struct conn *c = conn_of(conn, "disconnect");
    struct seat *s = &sim.seats[c->seat];
    // After a reset only taking up could end it: disconnecting does as well.
    if (c->begun == BEGUN && !c->dead && !c->gone && !c->reset) sim.stats.unbalanced++;
    if (s->owner == c) s->owner = NULL;
    c->open = false;
    if (reset) sim.stats.disconnect_resets++;
    // The service cannot power up what is gone: it takes it for mute until it looks for the card.
    if (reset && c->gone && s->stale) s->shown |= SCARD11_READER_CARD_MUTE;
    if (reset && ((!c->dead && !c->gone) || conn_reset_stray(c))) {
        seat_settle(s);
        seat_reset(s);
    }
    sim.stats.disconnects++;
    sim.stats.connections--;
    wake();
    unlock();
}

int scard11_reader_status(void *conn, uint32_t *state)
{
    lock();
    struct conn *c = conn_of(conn, "status");
    struct seat *s = &sim.seats[c->seat];
    enum sim_fault what = plan_step(false);
    sim.stats.statuses++;
    plan_before(s, what);
    int r = conn_check(c);
    if (r == SCARD11_READER_OK && plan_fails(what)) r = SCARD11_READER_FAILED;
    if (r == SCARD11_READER_OK) *state = seat_state(s) & ~SCARD11_READER_IN_USE;
    plan_after(s, what);
    plan_over(what);
    unlock();
    return r;
}

int scard11_reader_begin(void *conn)
{
    lock();
    struct conn *c = conn_of(conn, "begin");
    struct seat *s = &sim.seats[c->seat];
    enum sim_fault what = plan_step(false);
    sim.stats.begins++;
    c->inside = true;
    plan_before(s, what);
    while (!c->dead && !c->reset && seat_taken(s, c))
        if (!await(s->held && s->held_until.tv_sec ? &s->held_until : NULL)) s->held = false;
    if (!c->dead && !c->reset && !plan_fails(what) && !c->begun) conn_foreign(c);
    int r = conn_check(c);
    if (r == SCARD11_READER_OK && plan_fails(what)) r = SCARD11_READER_FAILED;
    if (r == SCARD11_READER_OK) {
        if (c->begun) sim.stats.unbalanced++;
        c->begun = BEGUN;
        s->owner = c;
    }
    c->inside = false;
    plan_after(s, what);
    plan_over(what);
    unlock();
    return r;
}

int scard11_reader_end(void *conn)
{
    lock();
    struct conn *c = conn_of(conn, "end");
    struct seat *s = &sim.seats[c->seat];
    enum sim_fault what = plan_step(false);
    sim.stats.ends++;
    plan_before(s, what);
    if (!c->begun && !c->dead) sim.stats.unbalanced++;
    int r = conn_check(c);
    if (r == SCARD11_READER_OK && plan_fails(what)) r = SCARD11_READER_FAILED;
    if (r != SCARD11_READER_RESET) {
        c->begun = BEGUN_NOT;
        if (s->owner == c) s->owner = NULL;
    }
    plan_after(s, what);
    wake();
    plan_over(what);
    unlock();
    return r;
}

// ---- scard11.h part 3: commands -----------------------------------------------------------------

static void hex(FILE *f, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(f, "%02x", p[i]);
}

static void trace(int reader, const uint8_t *cmd, size_t cmd_len, const uint8_t *rsp, size_t n)
{
    if (sim.trace) { sim.trace(sim.trace_arg, reader, cmd, cmd_len, rsp, n); return; }
    if (!getenv("SIM_TRACE")) return;
    fprintf(stderr, "%d> ", reader);
    hex(stderr, cmd, cmd_len);
    fprintf(stderr, "\n%d< ", reader);
    hex(stderr, rsp, n);
    fputc('\n', stderr);
}

// The card works. Returns the length of its answer, 0 if the connection ended before it got the
// command. Called with the lock, which is let go meanwhile.
static size_t card_run(struct conn *c, const uint8_t *cmd, size_t cmd_len, enum sim_fault what)
{
    struct seat *s = &sim.seats[c->seat];
    size_t n = 0;
    struct sim_card *card = card_enter(c);
    if (!card) return 0;
    if (what == SIM_ANSWER_6F00 || what == SIM_ANSWER_9000) {
        s->answer[n++] = what == SIM_ANSWER_6F00 ? 0x6f : 0x90;
        s->answer[n++] = 0;
    } else {
        n = card->apdu(card, cmd, cmd_len, s->answer, ANSWER_MAX);
        if (n < 2 || n > ANSWER_MAX) wrong("a card answered %zu bytes", n);
    }
    trace(c->seat, cmd, cmd_len, s->answer, n);
    card_leave(c);
    return n;
}

// What transmit says in a reader that does not know yet that the card was pulled.
static int gone(const struct seat *s, size_t *rsp_len)
{
    if (!s->empty) return SCARD11_READER_FAILED;
    *rsp_len = 0;
    return SCARD11_READER_OK;
}

// One command on a connection that is well, with the plan's part in it.
static int conn_run(struct conn *c, const uint8_t *cmd, size_t cmd_len,
                    uint8_t *rsp, size_t *rsp_len, enum sim_fault what)
{
    struct seat *s = &sim.seats[c->seat];
    size_t n;

    if (what == SIM_HANG) {
        sim.hanging++;
        wake();
        while (!sim.released && !c->dead && !c->gone && !c->reset) await(NULL);
        sim.hanging--;
    }
    if (what == SIM_FAILED || what == SIM_SWAP_UNSEEN || s->fail_once) {
        s->fail_once = false;
        return SCARD11_READER_FAILED;
    }
    bool extended = cmd_len > 5 && !cmd[4];
    if (s->takes && (cmd_len > s->takes || (s->takes <= 261 && extended)))
        return SCARD11_READER_FAILED;
    if (!c->begun && !c->exclusive) conn_foreign(c);
    n = card_run(c, cmd, cmd_len, what);
    memcpy(rsp, s->answer, n < *rsp_len ? n : *rsp_len);
    if (n) plan_after(s, what);
    if (c->gone) return gone(s, rsp_len);
    if (c->dead || !n) return conn_check(c);
    if (what == SIM_FAILED_AFTER) return SCARD11_READER_FAILED;
    if (what == SIM_ANSWER_1) n = 1;
    if (what == SIM_ANSWER_0) n = 0;
    if (n > *rsp_len) return SCARD11_READER_FAILED;
    *rsp_len = n;
    return SCARD11_READER_OK;
}

// One command that is sent, with the plan's part before it.
static int conn_send(struct conn *c, const uint8_t *cmd, size_t cmd_len, uint8_t *rsp,
                     size_t *rsp_len, enum sim_fault what)
{
    struct seat *s = &sim.seats[c->seat];
    int r = conn_check(c);
    if (r == SCARD11_READER_OK && s->mute) { seat_cut(s, LOST_DEAD); r = conn_check(c); }
    if (r == SCARD11_READER_OK && c->gone) return gone(s, rsp_len);
    if (r == SCARD11_READER_OK && seat_taken(s, c)) r = SCARD11_READER_FAILED;
    return r == SCARD11_READER_OK ? conn_run(c, cmd, cmd_len, rsp, rsp_len, what) : r;
}

// A command from the caller or from the pinpad is about to be sent.
static enum sim_fault conn_plan(struct conn *c)
{
    enum sim_fault what = plan_step(true);
    c->inside = true;
    plan_before(&sim.seats[c->seat], what);
    if (c->begun != BEGUN && !c->exclusive && !c->dead && !c->gone && !c->reset)
        sim.stats.outside++;
    return what;
}

int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len)
{
    lock();
    struct conn *c = conn_of(conn, "transmit");
    if (*rsp_len < 258) wrong("transmit with room for %zu bytes", *rsp_len);
    if (cmd_len < 4 || cmd_len > SCARD11_COMMAND_MAX) wrong("transmit of %zu bytes", cmd_len);
    sim.stats.transmits++;
    enum sim_fault what = conn_plan(c);
    int r = conn_send(c, cmd, cmd_len, rsp, rsp_len, what);
    c->inside = false;
    plan_over(what);
    unlock();
    return r;
}

// The person types without the lock: the card may be pulled meanwhile.
int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *out_len)
{
    lock();
    struct conn *c = conn_of(conn, "control");
    const struct sim_reader_pinpad pad = sim.seats[c->seat].pad;
    uint8_t cmd[300];
    unsigned sw = 0;
    int r = conn_check(c);
    sim.stats.controls++;
    if (r == SCARD11_READER_OK && (feature > 31 || !(pad.features >> feature & 1) || !pad.type))
        r = SCARD11_READER_REFUSED;
    if (r == SCARD11_READER_OK) {
        enum sim_fault what = conn_plan(c);
        int reader = c->seat;
        unlock();
        size_t n = pad.type(pad.arg, reader, feature, in, in_len, cmd, &sw);
        lock();
        r = n ? conn_send(c, cmd, n, out, out_len, what) : conn_check(c);
        if (!n && r == SCARD11_READER_OK) {
            if (*out_len < 2) wrong("control with room for %zu bytes", *out_len);
            bool byte = sw >> 8 == SIM_READER_BYTE >> 8;
            out[0] = (uint8_t)(byte ? sw : sw >> 8);
            out[1] = (uint8_t)sw;
            *out_len = !sw ? 0 : byte ? 1 : 2;
        }
        c->inside = false;
        plan_over(what);
    }
    unlock();
    return r;
}

// ---- The test's side ----------------------------------------------------------------------------

void sim_reader_clear(void)
{
    lock();
    for (int i = 0; i < SIM_READERS; i++) seat_settle(&sim.seats[i]);
    world_down(false, NULL);
    for (int i = 0; i < SIM_READERS; i++) {
        struct seat *s = &sim.seats[i];
        s->name[0] = 0;
        s->card = NULL;
        s->plugged = s->mute = s->busy = s->late = s->empty = s->stale = s->held = s->fail_once = false;
        s->foreign = NULL;
        s->says = s->takes = 0;
        s->pad = (struct sim_reader_pinpad){ .features = 0 };
        s->counts = SIM_COUNTS;
    }
    sim.down = sim.wait_early = sim.lose_cancels = sim.fired = sim.released = false;
    sim.fault_in = sim.slow_stops = 0;
    sim.trace = NULL;
    sim.stats = (struct sim_reader_stats){ .connections = sim.stats.connections,
        .contexts = sim.stats.contexts, .waiting = sim.stats.waiting };
    unlock();
}

void sim_reader_service(bool up)
{
    lock();
    sim.down = !up;
    if (!up) world_down(false, NULL);
    unlock();
}

void sim_reader_service_anew(bool counts_stay, void (*anew)(int reader, struct sim_card *card))
{
    lock();
    sim.down = true;                                // while a last command runs
    world_down(counts_stay, anew);
    sim.down = false;
    unlock();
}

int sim_reader_add(const char *name)
{
    int i = 0;
    lock();
    while (i < SIM_READERS && sim.seats[i].name[0]) i++;
    if (i == SIM_READERS) wrong("more than %d readers", SIM_READERS);
    struct seat *s = &sim.seats[i];
    if (!name[0] || strlen(name) >= sizeof s->name) wrong("the reader's name is empty or too long");
    strcpy(s->name, name);
    s->plugged = true;
    s->count = 0;
    sim.readers_epoch++;
    wake();
    unlock();
    return i;
}

void sim_reader_unplug(int reader)
{
    lock();
    struct seat *s = seat_of(reader);
    seat_unplug(s);
    seat_settle(s);
    unlock();
}

void sim_reader_plug(int reader)
{
    lock();
    struct seat *s = seat_of(reader);
    s->plugged = true;
    s->count = 0;
    if (s->card) s->card->reset(s->card);
    sim.readers_epoch++;
    wake();
    unlock();
}

// Most of what a test sets is one line under the lock.
#define SET(reader, ...)                                \
    do {                                                \
        lock();                                         \
        struct seat *s = seat_of(reader);               \
        __VA_ARGS__;                                    \
        wake();                                         \
        unlock();                                       \
    } while (0)

void sim_reader_counts(int reader, enum sim_count how) { SET(reader, s->counts = how); }
void sim_reader_set_count(int reader, unsigned n)      { SET(reader, s->count = (uint16_t)n); }

unsigned sim_reader_get_count(int reader)
{
    unsigned n;
    lock();
    n = seat_of(reader)->count;
    unlock();
    return n;
}

void sim_reader_mute(int reader, bool on)              { SET(reader, s->mute = on); }
void sim_reader_busy(int reader, bool on)              { SET(reader, s->busy = on); }

void sim_reader_limit(int reader, uint32_t says, uint32_t takes)
{
    SET(reader, s->says = says; s->takes = takes);
}

void sim_reader_foreign(int reader, void (*fn)(struct sim_card *card, void *arg), void *arg)
{
    SET(reader, s->foreign = fn; s->foreign_arg = arg);
}

void sim_reader_hold(int reader, long ms)
{
    SET(reader, s->held = ms != 0;
        s->held_until = ms > 0 ? in_ms((unsigned long)ms) : (struct timespec){ 0, 0 });
}

// Shows what a late reader has not shown yet.
static void seat_show(struct seat *s)
{
    s->stale = false;
    for (struct conn *c = sim.conns; c < sim.conns + CONNS; c++)
        if (c->open && c->gone && &sim.seats[c->seat] == s) c->dead = true;
}

void sim_reader_late(int reader, bool on) { SET(reader, s->late = on; seat_show(s)); }
void sim_reader_poll(int reader)          { SET(reader, seat_show(s)); }
void sim_reader_empty(int reader, bool on) { SET(reader, s->empty = on); }

void sim_reader_slow_stops(unsigned n, unsigned ms)
{
    lock();
    sim.slow_stops = n;
    sim.stop_ms = ms;
    unlock();
}

void sim_reader_lose_cancels(bool on)
{
    lock();
    sim.lose_cancels = on;
    unlock();
}

void sim_reader_wait_early(bool on)
{
    lock();
    sim.wait_early = on;
    wake();
    unlock();
}

void sim_reader_insert(int reader, struct sim_card *card)
{
    lock();
    seat_put(seat_of(reader), card);
    unlock();
}

struct sim_card *sim_reader_eject(int reader)
{
    lock();
    struct seat *s = seat_of(reader);
    struct sim_card *card = seat_eject(s);
    seat_settle(s);
    unlock();
    return card;
}

// The reader is marked first, so that whoever is inside the old card comes out with an error.
static struct sim_card *swap(int reader, enum sim_fault how, struct sim_card *card)
{
    lock();
    struct seat *s = seat_of(reader);
    if (how == SIM_SWAP) seat_cut(s, LOST_DEAD);
    if (how == SIM_SWAP_AS_RESET) seat_cut(s, LOST_RESET);
    seat_settle(s);
    if (how == SIM_SWAP_UNSEEN) s->fail_once = true;    // not before: a command may have come
    struct sim_card *old = seat_swap(s, how, card);
    unlock();
    return old;
}

struct sim_card *sim_reader_swap(int reader, struct sim_card *card)
{
    return swap(reader, SIM_SWAP, card);
}

struct sim_card *sim_reader_swap_as_reset(int reader, struct sim_card *card)
{
    return swap(reader, SIM_SWAP_AS_RESET, card);
}

struct sim_card *sim_reader_swap_same_count(int reader, struct sim_card *card)
{
    lock();
    struct seat *s = seat_of(reader);
    uint16_t count = s->count;
    seat_unplug(s);
    seat_settle(s);
    struct sim_card *old = s->card;
    s->card = NULL;
    s->plugged = true;
    seat_put(s, card);
    s->count = count;
    unlock();
    return old;
}

struct sim_card *sim_reader_swap_unseen(int reader, struct sim_card *card)
{
    return swap(reader, SIM_SWAP_UNSEEN, card);
}

void sim_reader_reset_named(const char *name)
{
    lock();
    struct seat *s = seat_find(name);
    int reader = s ? seat_index(s) : -1;
    unlock();
    if (s) sim_reader_reset(reader);
}

size_t sim_reader_atr(const char *name, uint8_t *atr)
{
    size_t n = 0;
    lock();
    const struct seat *s = seat_find(name);
    if (s && s->card && s->plugged && !s->mute) {
        n = s->card->atr_len;
        memcpy(atr, s->card->atr, n);
    }
    unlock();
    return n;
}

int sim_reader_peek(const void *conn, const char *name, enum sim_why *why, bool *taken)
{
    const struct conn *c = conn;
    lock();
    struct seat *s = c ? &sim.seats[c->seat] : seat_find(name);
    bool well = !c || (!c->dead && !c->reset);
    if (s && s->held && s->held_until.tv_sec) {
        struct timespec now = in_ms(0);
        if (now.tv_sec > s->held_until.tv_sec ||
            (now.tv_sec == s->held_until.tv_sec && now.tv_nsec >= s->held_until.tv_nsec))
            s->held = false;
    }
    if (why) *why = c ? c->why : SIM_WHY_REMOVED;
    if (taken) *taken = s && well && seat_taken(s, c);
    int r = c && c->dead ? SCARD11_READER_REMOVED : c && c->reset ? SCARD11_READER_RESET
                                                                  : SCARD11_READER_OK;
    unlock();
    return r;
}

int sim_reader_cards(void)
{
    int n = 0;
    lock();
    for (int i = 0; i < SIM_READERS; i++) n += sim.seats[i].card != NULL;
    unlock();
    return n;
}

struct sim_card *sim_reader_holds(int reader, bool *plugged)
{
    lock();
    struct seat *s = seat_of(reader);
    struct sim_card *card = s->card;
    *plugged = s->plugged;
    unlock();
    return card;
}

int sim_reader_count(void)
{
    int n = 0;
    lock();
    while (n < SIM_READERS && sim.seats[n].name[0]) n++;
    unlock();
    return n;
}

void sim_reader_reset(int reader)
{
    lock();
    struct seat *s = seat_of(reader);
    seat_cut(s, LOST_RESET);
    seat_settle(s);
    seat_reset(s);
    unlock();
}

static void plan(enum sim_fault what, unsigned nth, struct sim_card *other, bool any)
{
    lock();
    sim.fault_in = 0;
    while (sim.happening) await(NULL);
    sim.fault = what;
    sim.fault_in = nth;
    sim.fault_any = any;
    sim.other = other;
    sim.fired = sim.released = false;
    unlock();
}

void sim_reader_fault(enum sim_fault what, unsigned nth, struct sim_card *other)
{
    plan(what, nth, other, false);
}

void sim_reader_fault_any(enum sim_fault what, unsigned nth, struct sim_card *other)
{
    plan(what, nth, other, true);
}

bool sim_reader_fired(void)
{
    lock();
    bool fired = sim.fired;
    unlock();
    return fired;
}

const char *sim_fault_name(enum sim_fault what)
{
    static const char *const names[SIM_FAULTS] = {
        "none", "eject", "eject after", "swap", "swap after", "swap as reset", "swap unseen",
        "reset", "reset after", "unplug", "service down", "failed", "failed after",
        "answer of 1 byte", "answer of 0 bytes", "answer 6F00", "answer 9000", "hang",
    };
    return what < SIM_FAULTS ? names[what] : "?";
}

void sim_reader_release(void)
{
    lock();
    sim.released = true;
    wake();
    unlock();
}

bool sim_reader_await_hang(unsigned ms)
{
    struct timespec until = in_ms(ms);
    lock();
    while (!sim.hanging && await(&until)) {}
    bool hangs = sim.hanging != 0;
    unlock();
    return hangs;
}

bool sim_reader_await_waiting(unsigned n, unsigned ms)
{
    struct timespec until = in_ms(ms);
    lock();
    while (sim.stats.waiting < n && await(&until)) {}
    bool waiting = sim.stats.waiting >= n;
    unlock();
    return waiting;
}

struct sim_reader_stats sim_reader_stats(void)
{
    lock();
    struct sim_reader_stats stats = sim.stats;
    unlock();
    return stats;
}

void sim_reader_trace(void (*fn)(void *arg, int reader, const uint8_t *cmd, size_t cmd_len,
                                 const uint8_t *rsp, size_t rsp_len), void *arg)
{
    lock();
    sim.trace = fn;
    sim.trace_arg = arg;
    unlock();
}

void sim_reader_pinpad(int reader, const struct sim_reader_pinpad *pad)
{
    lock();
    seat_of(reader)->pad = pad ? *pad : (struct sim_reader_pinpad){ .features = 0 };
    unlock();
}
