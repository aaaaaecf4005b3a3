// world_pcscd.h: world.h through a real pcscd, inside tests/pcsc/lab.c with --preload of tests/pcsc/fastpoll.c.
// SPDX-License-Identifier: 0BSD
//
// Each of the two virtual readers has a thread that plays its card; WORLD_PORT is the first one's
// port. A function that moves a card returns when PC/SC shows it to a program of its own. Readers
// come and go with the service alone: the lab stops and starts its pcscd.
#ifndef WORLD_PCSCD_H
#define WORLD_PCSCD_H

#include "../programs/scene.h"
#include "../programs/stall.h"
#include "vpcd_player.h"
#include <dlfcn.h>
#include <signal.h>
#include <winscard.h>

// ---- The library's calls ----
//
// Those that a wait is made of, and what ends it, pass here on their way to libpcsclite: they are
// counted, and it is known when a thread of ours is in PC/SC's hands.

#define WORLD_WAITS 64

struct world_calls {
    unsigned long begun;                // so many: contexts begun and ended, lists, looks and waits
    unsigned long cancels;
    unsigned waits;                     // under way
    unsigned served;                    // under way, and PC/SC's to end: a cancelled wait, any other call
};

static struct world_calls world_calling;
static struct { SCARDCONTEXT context; bool cancelled, lost; } world_waiting[WORLD_WAITS];
static bool world_loses;                // the first cancel of each wait
static pthread_mutex_t world_calling_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread uint64_t world_spent_us;        // by this thread in those that PC/SC is to end

static inline struct world_calls world_calls(void)
{
    pthread_mutex_lock(&world_calling_lock);
    struct world_calls w = world_calling;
    pthread_mutex_unlock(&world_calling_lock);
    return w;
}

static inline void *world_next(const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    if (!next) abort();
    return next;
}

static inline uint64_t world_enter(bool counts)
{
    pthread_mutex_lock(&world_calling_lock);
    world_calling.begun += counts;
    world_calling.served++;
    pthread_mutex_unlock(&world_calling_lock);
    return now_us();
}

static inline void world_leave(uint64_t since)
{
    world_spent_us += now_us() - since;
    pthread_mutex_lock(&world_calling_lock);
    world_calling.served--;
    pthread_mutex_unlock(&world_calling_lock);
}

LONG SCardEstablishContext(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT context)
{
    LONG (*next)(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT);
    *(void **)&next = world_next(__func__);
    uint64_t since = world_enter(true);
    LONG rv = next(scope, r1, r2, context);
    world_leave(since);
    return rv;
}

LONG SCardReleaseContext(SCARDCONTEXT context)
{
    LONG (*next)(SCARDCONTEXT);
    *(void **)&next = world_next(__func__);
    uint64_t since = world_enter(true);
    LONG rv = next(context);
    world_leave(since);
    return rv;
}

LONG SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD len)
{
    LONG (*next)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
    *(void **)&next = world_next(__func__);
    uint64_t since = world_enter(true);
    LONG rv = next(context, groups, readers, len);
    world_leave(since);
    return rv;
}

static inline int world_wait_begins(SCARDCONTEXT context)
{
    int at = 0;
    pthread_mutex_lock(&world_calling_lock);
    while (at < WORLD_WAITS && world_waiting[at].context) at++;
    if (at == WORLD_WAITS) abort();
    world_waiting[at].context = context;
    world_waiting[at].cancelled = false;
    world_waiting[at].lost = !world_loses;
    world_calling.waits++;
    world_calling.begun++;
    pthread_mutex_unlock(&world_calling_lock);
    return at;
}

static inline void world_wait_ends(int at)
{
    pthread_mutex_lock(&world_calling_lock);
    if (world_waiting[at].cancelled) world_calling.served--;
    world_waiting[at].context = 0;
    world_calling.waits--;
    pthread_mutex_unlock(&world_calling_lock);
}

LONG SCardGetStatusChange(SCARDCONTEXT context, DWORD ms, SCARD_READERSTATE *states, DWORD n)
{
    LONG (*next)(SCARDCONTEXT, DWORD, SCARD_READERSTATE *, DWORD);
    *(void **)&next = world_next(__func__);
    uint64_t since = ms ? 0 : world_enter(true);
    int at = ms ? world_wait_begins(context) : 0;
    LONG rv = next(context, ms, states, n);
    if (ms) world_wait_ends(at); else world_leave(since);
    return rv;
}

static inline void world_lose_cancels(bool on) { world_loses = on; }

// Is this cancel one that reaches PC/SC?
static inline bool world_cancels(SCARDCONTEXT context)
{
    bool reaches = true;
    pthread_mutex_lock(&world_calling_lock);
    world_calling.cancels++;
    for (int i = 0; i < WORLD_WAITS; i++) {
        if (world_waiting[i].context != context) continue;
        reaches = world_waiting[i].lost;
        world_waiting[i].lost = true;
        if (!reaches || world_waiting[i].cancelled) continue;
        world_waiting[i].cancelled = true;
        world_calling.served++;
    }
    pthread_mutex_unlock(&world_calling_lock);
    return reaches;
}

LONG SCardCancel(SCARDCONTEXT context)
{
    LONG (*next)(SCARDCONTEXT);
    *(void **)&next = world_next(__func__);
    if (!world_cancels(context)) return SCARD_S_SUCCESS;
    uint64_t since = world_enter(false);
    LONG rv = next(context);
    world_leave(since);
    return rv;
}

// What becomes of a command, once.
enum world_fault { WORLD_NONE, WORLD_PULLED, WORLD_SWAPPED, WORLD_HANGS, WORLD_6F00 };

struct player {
    struct vpcd_player v;
    bool started, down;             // down: the service is stopped
    enum world_fault fault;
    unsigned fault_at;              // commands until then
    struct sim_card *other;         // WORLD_SWAPPED: the card that follows at once
};

static struct player players[2];
static SCARDCONTEXT world_context;
static SCARDHANDLE world_other;     // another program's connection
static unsigned long world_sent;    // commands that reached a card
#ifdef ANY_MODULE                      // some modules look for a maker's name
static const char *const world_names[2] = { "Yubico YubiKey 00 00", "Yubico YubiKey 00 01" };
#else
static const char *const world_names[2] = { "World 00 00", "World 00 01" };
#endif

static inline void world_nap(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static inline bool world_shows(int reader)
{
    SCARD_READERSTATE s = { .szReader = world_names[reader] };
    return !SCardGetStatusChange(world_context, 0, &s, 1) && s.dwEventState & SCARD_STATE_PRESENT;
}

// Waits until PC/SC shows a card, or none, and its count of changes, odd while a card is in, says the
// same: then pcscd's poll of the reader has seen what was done.
static inline void world_await(int reader, bool present)
{
    SCARD_READERSTATE s = { .szReader = world_names[reader] };
    for (int tries = 0; tries < 20000; tries++, world_nap(1)) {
        s.dwCurrentState = SCARD_STATE_UNAWARE;
        if (SCardGetStatusChange(world_context, 0, &s, 1)) continue;
        bool counted = s.dwEventState >> 16 & 1;
        if (present == !!(s.dwEventState & SCARD_STATE_PRESENT) && present == counted) return;
    }
    fprintf(stderr, "world: pcscd does not show what was done\n");
    exit(1);
}

// The fault of this command, if it is the one.
static inline enum world_fault player_fault(struct player *p)
{
    enum world_fault fault = WORLD_NONE;
    pthread_mutex_lock(&p->v.lock);
    if (p->fault && !--p->fault_at) fault = p->fault, p->fault = WORLD_NONE;
    if (fault == WORLD_PULLED) p->v.wanted = NULL;
    if (fault == WORLD_SWAPPED) p->v.wanted = p->other;
    pthread_mutex_unlock(&p->v.lock);
    __atomic_add_fetch(&world_sent, 1, __ATOMIC_RELAXED);
    return fault;
}

static inline void player_serve(struct player *p, struct sim_card *card)
{
    static const uint8_t error[] = { 0x6f, 0x00 };
    struct vpcd *reader = &p->v.reader;
    size_t n;
    while (vpcd_player_next(&p->v, card, &n)) {
        switch (player_fault(p)) {
        case WORLD_NONE:
            n = card->apdu(card, reader->command, n, reader->frame + 2, 65538);
            break;
        case WORLD_6F00: memcpy(reader->frame + 2, error, n = sizeof error); break;
        case WORLD_HANGS: continue;             // until it is pulled
        default: return;
        }
        if (!vpcd_answer(reader, n)) return;
    }
}

static inline void *player_run(void *arg)
{
    struct player *p = arg;
    for (;;) {
        pthread_mutex_lock(&p->v.lock);
        while (!p->v.wanted || p->down) pthread_cond_wait(&p->v.changed, &p->v.lock);
        struct sim_card *card = p->v.wanted;
        p->v.in = true;
        pthread_mutex_unlock(&p->v.lock);
        card->reset(card);
        if (vpcd_connect(&p->v.reader, p->v.port)) {
            player_serve(p, card);
            close(p->v.reader.s);
        } else {
            world_nap(1);           // it does not listen yet, or no more
        }
        pthread_mutex_lock(&p->v.lock);
        p->v.in = false;
        pthread_cond_broadcast(&p->v.changed);
        pthread_mutex_unlock(&p->v.lock);
    }
    return NULL;
}

static inline void world_insert(int reader, struct sim_card *card)
{
    vpcd_player_put_in(&players[reader].v, card);
    world_await(reader, true);
}

static inline void world_eject(int reader)
{
    struct player *p = &players[reader];
    pthread_mutex_lock(&p->v.lock);
    p->fault = WORLD_NONE;
    pthread_mutex_unlock(&p->v.lock);
    vpcd_player_take_out(&p->v);
    world_await(reader, false);
}

static inline void world_swap(int reader, struct sim_card *card)
{
    world_eject(reader);
    world_insert(reader, card);
}

// Something becomes of the n-th command from now; the card that follows, for WORLD_SWAPPED.
static inline void world_fault(int reader, enum world_fault fault, unsigned n, struct sim_card *other)
{
    struct player *p = &players[reader];
    pthread_mutex_lock(&p->v.lock);
    p->fault = fault;
    p->fault_at = n;
    p->other = other;
    pthread_mutex_unlock(&p->v.lock);
}

static inline void world_fail(int reader, unsigned n) { world_fault(reader, WORLD_6F00, n, NULL); }

static inline bool world_fault_is_due(int reader)
{
    struct player *p = &players[reader];
    pthread_mutex_lock(&p->v.lock);
    bool due = p->fault != WORLD_NONE;
    pthread_mutex_unlock(&p->v.lock);
    return due;
}

static inline unsigned long world_commands(void) { return __atomic_load_n(&world_sent, __ATOMIC_RELAXED); }

static inline void world_begin(void)
{
    for (int tries = 0; SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &world_context); world_nap(5))
        if (++tries > 2000) fprintf(stderr, "world: no pcscd\n"), exit(1);
}

// The cards stay in their readers.
static inline void world_service(bool up)
{
    SCARDCONTEXT probe;
    if (up) {
        kill(getppid(), SIGUSR2);
        world_begin();
    } else {
        SCardReleaseContext(world_context);
        kill(getppid(), SIGUSR1);
        while (!SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &probe)) {
            SCardReleaseContext(probe);
            world_nap(1);
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&players[i].v.lock);
        players[i].down = !up;
        pthread_cond_broadcast(&players[i].v.changed);
        pthread_mutex_unlock(&players[i].v.lock);
        if (up) world_await(i, players[i].v.wanted != NULL);
    }
}

// Another card comes into a reader that is not there.
static inline void world_replace(int reader, struct sim_card *card)
{
    vpcd_player_put_in(&players[reader].v, card);
}

static inline void world_connect(int reader, DWORD share)
{
    DWORD protocol;
    for (int tries = 0; SCardConnect(world_context, world_names[reader], share,
                                     SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &world_other, &protocol); ) {
        if (++tries < 2000) { world_nap(1); continue; }
        fprintf(stderr, "world: another program does not get the card\n");
        exit(1);
    }
}

static inline void world_reset(int reader)
{
    world_connect(reader, SCARD_SHARE_SHARED);
    SCardDisconnect(world_other, SCARD_RESET_CARD);
}

// Another program selects an application of its own.
static inline void world_select(int reader)
{
    static const uint8_t select[] = { 0, 0xa4, 4, 0, 7, 0xa0, 0, 0, 9, 0x99, 0, 1, 0 };    // see sim_piv.h
    uint8_t answer[258];
    DWORD n = sizeof answer;
    world_connect(reader, SCARD_SHARE_SHARED);
    if (SCardTransmit(world_other, SCARD_PCI_T1, select, sizeof select, NULL, answer, &n)) abort();
    SCardDisconnect(world_other, SCARD_LEAVE_CARD);
}

static inline void world_busy(int reader, bool on)
{
    if (on) world_connect(reader, SCARD_SHARE_EXCLUSIVE);
    else    SCardDisconnect(world_other, SCARD_LEAVE_CARD);
}

static inline void world_hold(int reader, bool on)
{
    if (on) {
        world_connect(reader, SCARD_SHARE_SHARED);
        SCardBeginTransaction(world_other);
    } else {
        SCardEndTransaction(world_other, SCARD_LEAVE_CARD);
        SCardDisconnect(world_other, SCARD_LEAVE_CARD);
    }
}

static inline bool world_await_waiting(unsigned n)
{
    (void)n;
    world_nap(20);                  // nobody can see how many wait
    return true;
}

static inline void world_clear(void)
{
    for (int i = 0; i < 2; i++) if (players[i].started) world_eject(i);
}

static inline void world_add(int reader)
{
    const char *port = getenv("WORLD_PORT");
    struct player *p = &players[reader];
    if (p->started) return;
    if (!port) fprintf(stderr, "world: needs WORLD_PORT, and a lab\n"), exit(1);
    if (!world_context) world_begin();
    vpcd_player_init(&p->v, atoi(port) + reader);
    p->started = true;
    world_await(reader, false);
    if (pthread_create(&p->v.thread, NULL, player_run, p)) abort();
}

static inline bool world_is_clean(void) { return true; }        // what is left, ASan says

#endif
