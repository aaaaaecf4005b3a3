// storm_pcscd.h: the storm through a real pcscd: who plays the cards, and what PC/SC showed when.
// SPDX-License-Identifier: 0BSD
//
// Runs inside tests/lab.c with --preload of tests/fastpoll.c; STORM_PORT is the first reader's port.
// Each reader has a thread that plays its card. Besides, a thread asks PC/SC for itself what is in
// the readers: a change is what it sees, and an insertion is over when it saw the reader empty.
// Between two cards there are at least 12 ms, or pcscd itself may miss it. There are two readers: the
// driver's state is one for the whole of pcscd, so that a second entry of it would share the first's.
#ifndef STORM_PCSCD_H
#define STORM_PCSCD_H

#define WORLD_IS_PCSCD                  // the cards are other threads'
#include "storm_worker.h"
#include "vpcd_player.h"
#include <winscard.h>

#define CARDS       5                   // for each reader: two sets of PIV keys, and others
#define OUT_NS      (12u * NS_MS)

static const unsigned world_turns = 1610;       // over 400 insertions in each reader
static const unsigned world_readers = 2;

struct player {
    struct vpcd_player v;
    struct storm_card *cards[CARDS];
    bool over;
    unsigned cut_in;                    // the connection ends at that command, before its answer
    uint64_t out_ns;
};

static struct {
    struct player players[READERS];
    pthread_t witness, another;         // another: a program that waits, as ours does
    SCARDCONTEXT witness_context, another_context, other;
    bool over, ready;
    unsigned resets;
    uint64_t chance;
} world;

static int world_reader_of(const CK_UTF8CHAR *description)
{
    return memcmp(description, "Storm 00 0", 10) ? -1 : description[10] - '0';
}

// ---- The players ----

// Plays a card until it is not wanted any more, or cut off, or pcscd goes.
static void play(struct player *p, int number, struct sim_card *card)
{
    size_t n;
    while (vpcd_player_next(&p->v, card, &n)) {
        n = card->apdu(card, p->v.reader.command, n, p->v.reader.frame + 2, 65538);
        pthread_mutex_lock(&p->v.lock);
        bool cut = p->cut_in && !--p->cut_in;
        pthread_mutex_unlock(&p->v.lock);
        if (cut || !vpcd_answer(&p->v.reader, n)) break;
    }
    close(p->v.reader.s);
    p->v.reader.s = -1;
    judge_gone(number, false);
    judge_event();
}

static void *player(void *arg)
{
    int number = (int)(uintptr_t)arg;
    struct player *p = &world.players[number];
    for (;;) {
        pthread_mutex_lock(&p->v.lock);
        while (!p->v.wanted && !p->over) pthread_cond_wait(&p->v.changed, &p->v.lock);
        struct storm_card *card = (struct storm_card *)(void *)p->v.wanted;
        bool over = p->over;
        pthread_mutex_unlock(&p->v.lock);
        if (over) return NULL;
        storm_set_stamp(card, judge_new(card->set));
        card->card.reset(&card->card);
        judge_in(number, card->stamp);
        bool in = vpcd_connect(&p->v.reader, p->v.port);
        pthread_mutex_lock(&p->v.lock);
        p->v.in = in;
        pthread_mutex_unlock(&p->v.lock);
        if (in) play(p, number, &card->card); else judge_gone(number, false);
        pthread_mutex_lock(&p->v.lock);
        if (p->v.wanted == &card->card) p->v.wanted = NULL;
        p->v.in = false;
        p->out_ns = now_ns();
        pthread_cond_broadcast(&p->v.changed);
        pthread_mutex_unlock(&p->v.lock);
    }
}

// ---- What PC/SC shows ----

// What a program does after a wait that must not trust it: lists the readers, looks at each.
static void look_again(SCARDCONTEXT context)
{
    SCARD_READERSTATE states[READERS];
    char names[1024];
    DWORD n = sizeof names;
    unsigned count = 0;
    memset(states, 0, sizeof states);
    if (SCardListReaders(context, NULL, names, &n)) return;
    for (const char *name = names; *name && count < READERS; name += strlen(name) + 1)
        states[count++].szReader = name;
    SCardGetStatusChange(context, 0, states, count);
}

static void *witness(void *arg)
{
    SCARD_READERSTATE states[READERS];
    char names[READERS][32];
    bool first = true, is_witness = !arg;
    SCARDCONTEXT context = arg ? world.another_context : world.witness_context;
    memset(states, 0, sizeof states);
    for (unsigned i = 0; i < storm.reader_count; i++) {
        snprintf(names[i], sizeof names[i], "Storm 00 %02X", i);
        states[i].szReader = names[i];
    }
    while (!storm_is(&world.over)) {
        LONG rv = SCardGetStatusChange(context, first ? 0 : 1000, states,
                                       storm.reader_count);
        for (unsigned i = 0; rv == SCARD_S_SUCCESS && i < storm.reader_count; i++) {
            const DWORD mask = 0xffff0000u | SCARD_STATE_PRESENT | SCARD_STATE_EMPTY;
            DWORD was = states[i].dwCurrentState, is = states[i].dwEventState;
            states[i].dwCurrentState = is & ~(DWORD)SCARD_STATE_CHANGED;
            if (first || !((was ^ is) & mask)) continue;
            if (!is_witness) { look_again(context); judge_seen_by_another((int)i); continue; }
            judge_changing((int)i);
            if (is & SCARD_STATE_EMPTY) judge_shown((int)i);
        }
        if (rv == SCARD_S_SUCCESS && is_witness)
            __atomic_store_n(&world.ready, true, __ATOMIC_RELEASE);
        else if (rv != SCARD_S_SUCCESS) nap(NS_MS);
        first = rv != SCARD_S_SUCCESS && first;
    }
    return NULL;
}

// ---- Who moves the cards ----

static bool is_in(struct player *p)
{
    pthread_mutex_lock(&p->v.lock);
    bool in = p->v.wanted != NULL;
    pthread_mutex_unlock(&p->v.lock);
    return in;
}

static void put_in(struct player *p, struct storm_card *card)
{
    pthread_mutex_lock(&p->v.lock);
    uint64_t now = now_ns(), from = p->out_ns + OUT_NS;
    pthread_mutex_unlock(&p->v.lock);
    if (now < from) nap(from - now);
    vpcd_player_put_in(&p->v, &card->card);
}

static void cut_at(struct player *p, unsigned command)
{
    pthread_mutex_lock(&p->v.lock);
    p->cut_in = command;
    pthread_mutex_unlock(&p->v.lock);
}

// Another program resets the card.
static void reset_card(int reader)
{
    char name[32];
    SCARDHANDLE card;
    DWORD protocol;
    snprintf(name, sizeof name, "Storm 00 %02X", (unsigned)reader);
    if (SCardConnect(world.other, name, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                     &card, &protocol)) return;
    if (!SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                        SCARD_RESET_CARD, &protocol)) world.resets++;
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    judge_event();
}

static void world_step(void)
{
    int r = (int)random_of(&world.chance, storm.reader_count);
    unsigned n = random_of(&world.chance, 100);
    struct player *p = &world.players[r];
    struct storm_card *card = p->cards[random_of(&world.chance, CARDS)];
    if (!is_in(p)) put_in(p, card);
    else if (n < 35) vpcd_player_take_out(&p->v);
    else if (n < 60) { vpcd_player_take_out(&p->v); put_in(p, card); }
    else if (n < 75) cut_at(p, 1 + random_of(&world.chance, 12));
    else if (n < 85) reset_card(r);
    else nap(random_of(&world.chance, 100) * NS_MS);        // some time to work
    nap(NS_MS + random_of(&world.chance, 49 * NS_MS));
}

static void world_turn(int r)
{
    struct player *p = &world.players[r];
    cut_at(p, 0);
    if (is_in(p)) vpcd_player_take_out(&p->v);
    else put_in(p, p->cards[random_of(&world.chance, CARDS)]);
}

static void world_rest(void)
{
    for (unsigned i = 0; i < storm.reader_count; i++) cut_at(&world.players[i], 0);
}

// ---- Begin and end ----

static void world_begin(unsigned readers, uint64_t seed, bool fast)
{
    const char *port = getenv("STORM_PORT");
    (void)fast;
    world.chance = seed ^ 0x5731;
    if (!port) fprintf(stderr, "storm: no STORM_PORT\n"), exit(2);
    for (int tries = 0; SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL,
                                              &world.witness_context); tries++) {
        if (tries > 100) fprintf(stderr, "storm: no pcscd\n"), exit(1);
        nap(50 * NS_MS);
    }
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &world.other) ||
        SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &world.another_context)) exit(1);
    for (unsigned i = 0; i < readers; i++) {
        struct player *p = &world.players[i];
        vpcd_player_init(&p->v, atoi(port) + (int)i);
        for (int j = 0; j < CARDS; j++)
            p->cards[j] = storm_card_new(j < 2 ? j : 2 * (j - 1) + (int)(i & 1));
        judge.readers[i].plugged = true;
        if (pthread_create(&p->v.thread, NULL, player, (void *)(uintptr_t)i)) abort();
    }
    pthread_create(&world.witness, NULL, witness, NULL);
    pthread_create(&world.another, NULL, witness, &world);
    for (int tries = 0; !storm_is(&world.ready) && tries < 200; tries++) nap(50 * NS_MS);
    if (!storm_is(&world.ready)) fprintf(stderr, "storm: pcscd shows no readers\n"), exit(1);
}

static void world_end(void)
{
    __atomic_store_n(&world.over, true, __ATOMIC_RELEASE);
    pthread_join(world.witness, NULL);
    pthread_join(world.another, NULL);
    for (unsigned i = 0; i < storm.reader_count; i++) {
        struct player *p = &world.players[i];
        vpcd_player_take_out(&p->v);
        pthread_mutex_lock(&p->v.lock);
        p->over = true;
        pthread_cond_broadcast(&p->v.changed);
        pthread_mutex_unlock(&p->v.lock);
        pthread_join(p->v.thread, NULL);
        for (int j = 0; j < CARDS; j++) p->cards[j]->card.free(&p->cards[j]->card);
    }
    SCardReleaseContext(world.witness_context);
    SCardReleaseContext(world.another_context);
    SCardReleaseContext(world.other);
    judge.figures[STRAY_PINS] += storm_cards.stray_pins;
    printf("through pcscd; %u resets by another program\n", world.resets);
}

#endif
