// storm_pcscd.h: the storm through a real pcscd: who plays the cards, and what PC/SC showed when.
// SPDX-License-Identifier: 0BSD
//
// Runs inside tests/pcsc/lab.c with --preload of tests/pcsc/fastpoll.c; STORM_PORT is the first reader's port.
// Each reader has a thread that plays its card. Besides, a thread asks PC/SC for itself what is in
// the readers: a change is what it sees, and an insertion is over when it saw the reader empty, or
// pcscd ended: the lab stops and starts it.
// Between two cards there are at least 12 ms, or pcscd itself may miss it. There are two readers: the
// driver's state is one for the whole of pcscd, so that a second entry of it would share the first's.
#ifndef STORM_PCSCD_H
#define STORM_PCSCD_H

#define WORLD_IS_PCSCD                  // the cards are other threads'
#include "../programs/storm_worker.h"
#include "vpcd_player.h"
#include <signal.h>
#include <winscard.h>

#ifdef ANY_MODULE                      // which knows PIV cards, in readers of a known maker
#define CARDS       2
#define READER      "Yubico YubiKey 00 "
#else
#define CARDS       (STORM_KINDS + 1)   // for each reader: two sets of PIV keys, and others
#define READER      "Storm 00 "
#endif
#define OUT_NS      (12u * NS_MS)

static unsigned world_turns = 1610;     // over 400 insertions in each reader
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
    unsigned steps, resets, restarts, repeats, lulls;
    uint64_t chance;
} world;

// All readers, as PC/SC knows them.
struct readers {
    SCARD_READERSTATE states[READERS];
    char names[READERS][32];
};

static void name_readers(struct readers *all)
{
    memset(all, 0, sizeof *all);
    for (unsigned i = 0; i < storm.reader_count; i++) {
        snprintf(all->names[i], sizeof all->names[i], READER "%02X", i);
        all->states[i].szReader = all->names[i];
    }
}

static int world_reader_of(const CK_UTF8CHAR *description)
{
    size_t n = sizeof READER - 1;
    return memcmp(description, READER "0", n + 1) ? -1 : description[n + 1] - '0';
}

// The cards are in other processes: nobody can ask them.
static void world_check_objects(void) {}
static void world_check_all(void) {}

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

// A new insertion of a card, from its first command to the end.
static void play_insertion(struct player *p, int number, struct storm_card *card)
{
    storm_set_stamp(card, judge_new(card->set));
    card->card.reset(&card->card);
    judge_in(number, card->stamp);
    play(p, number, &card->card);
    pthread_mutex_lock(&p->v.lock);
    if (p->v.wanted == &card->card) p->v.wanted = NULL;
    p->out_ns = now_ns();
    pthread_mutex_unlock(&p->v.lock);
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
        p->v.in = !over;
        pthread_mutex_unlock(&p->v.lock);
        if (over) return NULL;
        if (vpcd_connect(&p->v.reader, p->v.port)) play_insertion(p, number, card);
        else nap(NS_MS);                // pcscd is not there yet
        pthread_mutex_lock(&p->v.lock);
        p->v.in = false;
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

// What a look or a wait brought, to who keeps the states. first: then nothing of it is a change.
static void note_states(struct readers *all, SCARDCONTEXT context, bool first, bool is_witness)
{
    const DWORD mask = 0xffff0000u | SCARD_STATE_PRESENT | SCARD_STATE_EMPTY;
    for (unsigned i = 0; i < storm.reader_count; i++) {
        DWORD was = all->states[i].dwCurrentState, is = all->states[i].dwEventState;
        all->states[i].dwCurrentState = is & ~(DWORD)SCARD_STATE_CHANGED;
        if (first || !((was ^ is) & mask)) continue;
        if (!is_witness) { look_again(context); judge_seen_by_another((int)i); continue; }
        judge_changing((int)i);
        if (is & SCARD_STATE_EMPTY) judge_shown((int)i);
    }
}

// In place of a context of a pcscd that has ended.
static void begin_again(SCARDCONTEXT *context, const bool *over)
{
    SCardReleaseContext(*context);
    while (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, context)) {
        if (over && storm_is(over)) return;
        nap(NS_MS);
    }
}

static void *witness(void *arg)
{
    struct readers all;
    bool first = true, is_witness = !arg;
    SCARDCONTEXT *context = arg ? &world.another_context : &world.witness_context;
    name_readers(&all);
    while (!storm_is(&world.over)) {
        LONG rv = SCardGetStatusChange(*context, first ? 0 : 1000, all.states, storm.reader_count);
        if (rv == SCARD_S_SUCCESS) {
            note_states(&all, *context, first, is_witness);
            first = false;
            if (is_witness) __atomic_store_n(&world.ready, true, __ATOMIC_RELEASE);
        } else if (rv != (LONG)SCARD_E_TIMEOUT) {
            nap(NS_MS);
            if (rv != (LONG)SCARD_E_UNKNOWN_READER) begin_again(context, &world.over);
            name_readers(&all);
            first = true;
        }
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
    snprintf(name, sizeof name, READER "%02X", (unsigned)reader);
    if (SCardConnect(world.other, name, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                     &card, &protocol)) return;
    if (!SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                        SCARD_RESET_CARD, &protocol)) world.resets++;
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    judge_event();
}

// The count that PC/SC shows of each reader; 0: no card is in.
static bool counts_of(unsigned *counts)
{
    struct readers all;
    name_readers(&all);
    if (SCardGetStatusChange(world.other, 0, all.states, storm.reader_count)) return false;
    for (unsigned i = 0; i < storm.reader_count; i++) {
        DWORD state = all.states[i].dwEventState;
        counts[i] = state & SCARD_STATE_PRESENT ? (unsigned)(state >> 16) : 0;
    }
    return true;
}

static void stop_pcscd(void)
{
    SCARDCONTEXT probe;
    kill(getppid(), SIGUSR1);
    while (!SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &probe)) {
        SCardReleaseContext(probe);
        nap(NS_MS);
    }
    for (int r = 0; r < (int)storm.reader_count; r++) {
        vpcd_player_take_out(&world.players[r].v);
        judge_shown(r);
    }
}

static void start_pcscd(void)
{
    unsigned counts[READERS];
    kill(getppid(), SIGUSR2);
    begin_again(&world.other, NULL);
    while (!counts_of(counts)) nap(NS_MS);              // the readers are not there yet
}

// pcscd ends, and another one is there soon: all cards were removed. It counts from 0, so others that
// are in have the count that the first ones had before. at_once: they are when it shows its readers.
static void restart(bool at_once)
{
    unsigned before[READERS] = { 0 }, after[READERS] = { 0 };
    unsigned long reports[READERS];
    bool held = random_of(&world.chance, 2);            // the library does not end meanwhile
    if (held) pthread_mutex_lock(&storm.ending);
    counts_of(before);
    for (int r = 0; r < (int)storm.reader_count; r++) {
        judge_changing(r);
        reports[r] = judge_truth(r).reports;
    }
    stop_pcscd();
    for (unsigned r = 0; r < storm.reader_count && at_once; r++) {
        struct player *p = &world.players[r];
        vpcd_player_put_in(&p->v, &p->cards[random_of(&world.chance, CARDS)]->card);
    }
    start_pcscd();
    for (int r = 0; held && r < (int)storm.reader_count; r++)
        judge_await(r, reports[r] + 1, "pcscd anew");
    if (held) pthread_mutex_unlock(&storm.ending);
    __atomic_fetch_add(&world.restarts, 1, __ATOMIC_RELAXED);
    if (!counts_of(after)) return;
    for (unsigned r = 0; r < storm.reader_count; r++)
        __atomic_fetch_add(&world.repeats, after[r] && after[r] == before[r], __ATOMIC_RELAXED);
}

// Nobody is logged in, so no card has anything verified.
static void check_left(void)
{
    pthread_mutex_lock(&storm.ending);
    for (int r = 0; r < (int)storm.reader_count; r++) {
        struct player *p = &world.players[r];
        pthread_mutex_lock(&p->v.lock);
        const struct sim_card *card = p->v.in ? p->v.wanted : NULL;
        if (card && card->verified(card)) judge_count(LEFT, "in reader %d, at rest", r);
        pthread_mutex_unlock(&p->v.lock);
    }
    pthread_mutex_unlock(&storm.ending);
}

// No worker has a session, or none a login, for a while: cards rest, connected or let go. Then others
// are in, another program resets them, or pcscd was away.
static void lull(unsigned what)
{
    bool idle = lull_begin(random_of(&world.chance, 3) ? LULL_CLOSED : LULL_LOGGED_OUT);
    if (idle) check_left();
    if (idle) __atomic_fetch_add(&world.lulls, 1, __ATOMIC_RELAXED);
    if (idle && random_of(&world.chance, 2)) nap(random_of(&world.chance, 60 * NS_MS));
    for (unsigned r = 0; idle && what && r < storm.reader_count; r++) {
        struct player *p = &world.players[r];
        if (what == 1) { reset_card((int)r); continue; }
        vpcd_player_take_out(&p->v);
        put_in(p, p->cards[random_of(&world.chance, CARDS)]);
    }
    if (idle && !what) restart(true);
    lull_end();
}

// Twice in a row, and the cards are used between: the second ones have the count of the first.
static void restart_twice(void)
{
    for (unsigned r = 0; r < storm.reader_count; r++) cut_at(&world.players[r], 0);
    restart(true);
    nap(random_of(&world.chance, 300) * NS_MS);
    if (random_of(&world.chance, 2)) lull(0);
    else restart(true);
}

static void world_step(void)
{
    int r = (int)random_of(&world.chance, storm.reader_count);
    unsigned n = random_of(&world.chance, 100);
    struct player *p = &world.players[r];
    struct storm_card *card = p->cards[random_of(&world.chance, CARDS)];
    unsigned rare = world.steps++ % 120;
    if (rare == 60) restart_twice();
    else if (rare == 0) restart(random_of(&world.chance, 2));
    else if (rare % 30 == 15) lull(random_of(&world.chance, 4));
    else if (!is_in(p)) put_in(p, card);
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

// Is there something that was never done yet?
static bool world_lacks(void)
{
    return !__atomic_load_n(&world.restarts, __ATOMIC_RELAXED) ||
           !__atomic_load_n(&world.repeats, __ATOMIC_RELAXED) ||
           !__atomic_load_n(&world.lulls, __ATOMIC_RELAXED);
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
    printf("through pcscd; %u resets by another program, %u restarts of it, %u cards under the count of "
           "before one, %u times no session or login needed a card\n", world.resets, world.restarts,
           world.repeats, world.lulls);
    if (world_lacks()) judge_count(STATE, "a restart, or a lull, was never done");
}

#endif
