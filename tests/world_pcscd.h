// world_pcscd.h: world.h through a real pcscd, inside tests/lab.c with --preload of tests/fastpoll.c.
// SPDX-License-Identifier: 0BSD
//
// Each of the two virtual readers has a thread that plays its card; WORLD_PORT is the first one's
// port. A function that moves a card returns when PC/SC shows it to a program of its own.
#ifndef WORLD_PCSCD_H
#define WORLD_PCSCD_H

#include "scene.h"
#include "vpcd.h"
#include <poll.h>
#include <pthread.h>
#include <winscard.h>

struct player {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sim_card *wanted;        // NULL: none
    bool in, started;
    int port;
    struct vpcd reader;
};

static struct player players[2];
static SCARDCONTEXT world_context;
static SCARDHANDLE world_other;     // another program's connection
static const char *const world_names[2] = { "World 00 00", "World 00 01" };

static inline void world_nap(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

// Waits until PC/SC shows a card, or none.
static inline void world_await(int reader, bool present)
{
    SCARD_READERSTATE s = { .szReader = world_names[reader] };
    for (int tries = 0; tries < 20000; tries++, world_nap(1)) {
        s.dwCurrentState = SCARD_STATE_UNAWARE;
        if (SCardGetStatusChange(world_context, 0, &s, 1)) continue;
        if (present == !!(s.dwEventState & SCARD_STATE_PRESENT)) return;
    }
    fprintf(stderr, "world: pcscd does not show what was done\n");
    exit(1);
}

static inline void player_serve(struct player *p, struct sim_card *card)
{
    size_t n;
    for (;;) {
        struct pollfd ready = { p->reader.s, POLLIN, 0 };
        pthread_mutex_lock(&p->lock);
        bool still = p->wanted == card;
        pthread_mutex_unlock(&p->lock);
        if (!still) return;
        if (poll(&ready, 1, 1) <= 0) continue;
        if (!vpcd_frame(&p->reader, card, &n)) return;
        if (!n) continue;
        n = card->apdu(card, p->reader.command, n, p->reader.frame + 2, 65538);
        if (!vpcd_answer(&p->reader, n)) return;
    }
}

static inline void *player_run(void *arg)
{
    struct player *p = arg;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->wanted) pthread_cond_wait(&p->changed, &p->lock);
        struct sim_card *card = p->wanted;
        p->in = true;
        pthread_mutex_unlock(&p->lock);
        card->reset(card);
        if (vpcd_connect(&p->reader, p->port)) {
            player_serve(p, card);
            close(p->reader.s);
        }
        pthread_mutex_lock(&p->lock);
        if (p->wanted == card) p->wanted = NULL;
        p->in = false;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

static inline void world_insert(int reader, struct sim_card *card)
{
    struct player *p = &players[reader];
    pthread_mutex_lock(&p->lock);
    p->wanted = card;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    world_await(reader, true);
}

static inline void world_eject(int reader)
{
    struct player *p = &players[reader];
    pthread_mutex_lock(&p->lock);
    p->wanted = NULL;
    while (p->in) pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    world_await(reader, false);
}

static inline void world_swap(int reader, struct sim_card *card)
{
    world_eject(reader);
    world_insert(reader, card);
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
    for (int tries = 0; !world_context && SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL,
                                                                &world_context); ) {
        if (!port || ++tries > 200) fprintf(stderr, "world: no pcscd\n"), exit(1);
        world_nap(50);
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    p->port = (port ? atoi(port) : 0) + reader;
    p->started = true;
    world_await(reader, false);
    if (pthread_create(&p->thread, NULL, player_run, p)) abort();
}

static inline bool world_is_clean(void) { return true; }        // what is left, ASan says

#endif
