// vpcd_player.h: a virtual reader of pcscd and the thread that plays the card in it, which others put in and take out.
// SPDX-License-Identifier: 0BSD
#ifndef VPCD_PLAYER_H
#define VPCD_PLAYER_H

#include "vpcd.h"
#include <poll.h>
#include <pthread.h>

struct vpcd_player {
    pthread_t thread;
    pthread_mutex_t lock;               // of what follows, and of what else a player has
    pthread_cond_t changed;
    struct sim_card *wanted;            // NULL: none
    bool in;
    int port;
    struct vpcd reader;
};

static inline void vpcd_player_init(struct vpcd_player *v, int port)
{
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    v->port = port;
    v->reader.s = -1;
}

// The next command for the card, *n bytes in v->reader.command. false: it is to come out, or pcscd is gone.
static inline bool vpcd_player_next(struct vpcd_player *v, struct sim_card *card, size_t *n)
{
    for (;;) {
        struct pollfd ready = { v->reader.s, POLLIN, 0 };
        pthread_mutex_lock(&v->lock);
        bool still = v->wanted == card;
        pthread_mutex_unlock(&v->lock);
        if (!still) return false;
        if (poll(&ready, 1, 1) <= 0) continue;
        if (!vpcd_frame(&v->reader, card, n)) return false;
        if (*n) return true;
    }
}

static inline void vpcd_player_put_in(struct vpcd_player *v, struct sim_card *card)
{
    pthread_mutex_lock(&v->lock);
    v->wanted = card;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
}

// Returns when the card is out.
static inline void vpcd_player_take_out(struct vpcd_player *v)
{
    pthread_mutex_lock(&v->lock);
    v->wanted = NULL;
    while (v->in) pthread_cond_wait(&v->changed, &v->lock);
    pthread_mutex_unlock(&v->lock);
}

#endif
