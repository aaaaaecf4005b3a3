// storm_sim.h: the storm in process: what moves the simulated cards of sim_reader.h.
// SPDX-License-Identifier: 0BSD
#ifndef STORM_SIM_H
#define STORM_SIM_H

#include "storm_worker.h"
#include "storm_asked.h"

#define CARDS       (4 * (STORM_KINDS - 1))
static unsigned world_turns = 400;
static const unsigned world_readers = READERS;

static struct {
    struct storm_card *cards[CARDS];
    struct storm_card *in[READERS];     // as we know it: a plan may have changed it
    bool armed;
    struct storm_card *waiting;         // what a plan may put in
    uint64_t chance;
    bool fast, over;
    unsigned long lulls, shown;
    pthread_t another;
} world;

// A program that waits for the readers, as ours does.
static void *another(void *arg)
{
    struct scard11_reader_state states[READERS];
    char names[READERS][24];
    void *context = NULL;
    (void)arg;
    memset(states, 0, sizeof states);
    for (unsigned i = 0; i < storm.reader_count; i++) {
        snprintf(names[i], sizeof names[i], "Storm %u", i);
        states[i].name = names[i];
    }
    while (!storm_is(&world.over)) {
        if (!storm_is(&judge.latency_exact)) { nap(10 * NS_MS); continue; }
        if (!context && scard11_reader_start(&context)) abort();
        if (scard11_reader_wait(context, states, storm.reader_count, 100)) continue;
        char list[READERS * 24];
        size_t len = sizeof list;
        scard11_reader_list(context, list, &len);
        for (unsigned i = 0; i < storm.reader_count; i++) {
            if (states[i].known != states[i].state && states[i].known) judge_seen_by_another((int)i);
            states[i].known = states[i].state;
        }
    }
    if (context) scard11_reader_stop(context);
    return NULL;
}

// The first half are PIV cards; of each kind two sets of keys, in turns.
static int world_set(int i)
{
    return i < CARDS / 2 ? i & 1 : 2 * (STORM_PIV + 1 + (i / 2) % (STORM_KINDS - 1)) + (i & 1);
}

static void world_begin(unsigned readers, uint64_t seed, bool fast)
{
    world.chance = seed ^ 0x5731;
    world.fast = fast;
    for (int i = 0; i < CARDS; i++) world.cards[i] = storm_card_new(world_set(i));
    for (unsigned i = 0; i < readers; i++) {
        char name[24];
        snprintf(name, sizeof name, "Storm %u", i);
        sim_reader_add(name);
        judge.readers[i].plugged = true;
    }
    if (pthread_create(&world.another, NULL, another, NULL)) abort();
}

// Nobody is logged in, so no card has anything verified.
static void check_left(const char *when)
{
    pthread_mutex_lock(&storm.ending);
    for (int i = 0; i < (int)storm.reader_count && JUDGE_LOGINS; i++) {
        bool plugged;
        const struct sim_card *card = sim_reader_holds(i, &plugged);
        if (card && plugged && card->verified(card)) judge_count(LEFT, "in reader %d, %s", i, when);
    }
    pthread_mutex_unlock(&storm.ending);
}

// ---- What is shown of a card that is written ----

static int world_reader_of(const CK_UTF8CHAR *description)
{
    return memcmp(description, "Storm ", 6) ? -1 : description[6] - '0';
}

// The card of a reader, if that is certain.
static struct storm_card *world_known(int r)
{
    struct truth t = judge_truth(r);
    struct storm_card *c = world.in[r];
    bool known = t.plugged && t.stamp && !t.unshown_n && c && c->stamp == t.stamp;
    return known && c->set / 2 != STORM_CAC ? c : NULL;
}

// Nobody else uses a card now.
static void world_check_objects(void)
{
    struct worker *w = &storm.worker[WORKERS + 3];
    CK_SLOT_ID slots[4 * READERS];
    CK_ULONG n = sizeof slots / sizeof *slots;
    CK_SLOT_INFO info;
    CK_SESSION_HANDLE session;
    if (CALL(w, C_GetSlotList, CK_TRUE, slots, &n)) return;
    for (CK_ULONG i = 0; i < n; i++) {
        int r = CALL(w, C_GetSlotInfo, slots[i], &info) ? -1 : world_reader_of(info.slotDescription);
        struct storm_card *c = r < 0 || r >= (int)storm.reader_count ? NULL : world_known(r);
        CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        if (!c || CALL(w, C_OpenSession, slots[i], flags, NULL, NULL, &session)) continue;
        world.shown += asked_check(w, c, session);
        if (random_of(&world.chance, 2)) {
            struct kept k = { .session = session, .stamp = c->stamp, .set = c->set, .life = judge_life() };
            log_in(w, &k);
            world.shown += asked_check(w, c, session);
            CALL(w, C_Logout, session);
        }
        CALL(w, C_CloseSession, session);
    }
}

static bool world_lacks(void)
{
    return false;
}

static void world_end(void)
{
    __atomic_store_n(&world.over, true, __ATOMIC_RELEASE);
    pthread_join(world.another, NULL);
    struct sim_reader_stats s = sim_reader_stats();
    check_left("at the end");
    sim_reader_clear();
    for (int i = 0; i < CARDS; i++)
        if (world.cards[i]->set / 2 == STORM_PIV)
            judge.figures[STRAY_PINS] += sim_piv_wrong_answers(world.cards[i]->base);
    for (int i = 0; i < CARDS; i++) world.cards[i]->card.free(&world.cards[i]->card);
    unsigned long bad = s.unbalanced + s.outside + s.after_removed + s.connections + s.contexts;
    if (bad) judge_count(MISUSE, "%lu unbalanced, %lu outside a transaction, %lu after removal, "
                         "%lu connections and %lu contexts left", s.unbalanced, s.outside,
                         s.after_removed, s.connections, s.contexts);
    judge.figures[STRAY_PINS] += storm_cards.stray_pins;
    printf("%lu times no session needed a card; %lu objects were seen to be there\n", world.lulls,
           world.shown);
}

// A card that is in no reader; of the same keys as another, or not. Half of the time one that was not
// written in all ways yet, if there is one.
static struct storm_card *free_card(const struct storm_card *like, bool same)
{
    unsigned at = random_of(&world.chance, CARDS), from = at;
    bool lacking = !like && !all_written() && random_of(&world.chance, 2);
    for (;; at++) {
        struct storm_card *c = world.cards[at % CARDS];
        bool in = c == world.waiting;
        for (int i = 0; i < READERS; i++) in = in || world.in[i] == c;
        if (lacking && at < from + CARDS && writer_lacks(c->set / 2) < 0) continue;
        if (!in && (!like || (c->set == like->set) == same || at > 4 * CARDS)) return c;
    }
}

// Writes down what a plan did meanwhile, and ends it.
static void settle(void)
{
    if (!world.armed) return;
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    world.armed = false;
    for (int i = 0; i < (int)storm.reader_count; i++) {
        bool plugged;
        struct storm_card *c = (struct storm_card *)sim_reader_holds(i, &plugged);
        struct truth t = judge_truth(i);
        if (c == world.in[i] && plugged == t.plugged) continue;
        judge_changing(i);
        judge_may_merge(i);
        if (plugged != t.plugged) judge_plugged(i, plugged);
        judge_gone(i, true);
        world.in[i] = c;
        if (c && plugged) judge_in(i, c->stamp);
    }
    world.waiting = NULL;
}

static void insert(int r, struct storm_card *c)
{
    storm_set_stamp(c, judge_new(c->set));
    judge_changing(r);
    sim_reader_insert(r, &c->card);
    world.in[r] = c;
    judge_in(r, c->stamp);
}

static void eject(int r)
{
    judge_changing(r);
    sim_reader_eject(r);
    judge_gone(r, true);
    world.in[r] = NULL;
}

static void swap(int r, struct storm_card *c, unsigned how)
{
    uint64_t stamp = judge_new(c->set);
    storm_set_stamp(c, stamp);
    if (how < 8) {
        judge_changing(r);
        if (how < 5) sim_reader_swap(r, &c->card); else sim_reader_swap_as_reset(r, &c->card);
    } else {
        sim_reader_swap_unseen(r, &c->card);
        judge_event();
    }
    judge_gone(r, how < 8);
    world.in[r] = c;
    judge_in(r, stamp);
}

// Nothing shows it, but to a card's own connection.
static void swap_same_count(int r, struct storm_card *c)
{
    storm_set_stamp(c, judge_new(c->set));
    sim_reader_swap_same_count(r, &c->card);
    judge_event();
    judge_gone(r, true);
    world.in[r] = c;
    judge_in(r, c->stamp);
}

// Something is to happen at one of the next commands or calls, in whichever reader it then is.
static void arm(void)
{
    static const enum sim_fault plans[] = {
        SIM_EJECT, SIM_EJECT_AFTER, SIM_SWAP, SIM_SWAP_AFTER, SIM_SWAP_AS_RESET, SIM_SWAP_AS_RESET,
        SIM_RESET, SIM_RESET_AFTER, SIM_UNPLUG, SIM_FAILED, SIM_FAILED_AFTER, SIM_EJECT, SIM_SWAP,
    };
    enum sim_fault what = plans[random_of(&world.chance, sizeof plans / sizeof *plans)];
    if (what == SIM_UNPLUG && world.fast && random_of(&world.chance, 50)) what = SIM_EJECT;
    world.waiting = free_card(world.in[random_of(&world.chance, storm.reader_count)],
                              random_of(&world.chance, 2));
    storm_set_stamp(world.waiting, judge_new(world.waiting->set));
    world.armed = true;
    if (random_of(&world.chance, 3))
        sim_reader_fault(what, 1 + random_of(&world.chance, 12), &world.waiting->card);
    else
        sim_reader_fault_any(what, 1 + random_of(&world.chance, 20), &world.waiting->card);
    judge_event();
}

static void plug(int r)
{
    struct storm_card *c = world.in[r];
    if (c) storm_set_stamp(c, judge_new(c->set));
    judge_changing(r);
    judge_plugged(r, true);
    sim_reader_plug(r);
    if (c) judge_in(r, c->stamp);
}

static void unplug(int r)
{
    judge_changing(r);
    sim_reader_unplug(r);
    judge_gone(r, true);
    judge_plugged(r, false);
}

// A card was in when the service ended, and is anew in for the next one.
static void anew(int r, struct sim_card *card)
{
    struct storm_card *c = (struct storm_card *)(void *)card;
    judge_gone(r, true);
    storm_set_stamp(c, judge_new(c->set));
    judge_in(r, c->stamp);
}

// The PC/SC service ends, and the next one is there before anybody can look, with the same cards. Now
// and then each reader shows the count of before: then only the lost context tells.
static void restart(void)
{
    unsigned long reports[READERS];
    bool held = random_of(&world.chance, 2);            // the library does not end meanwhile
    if (held) pthread_mutex_lock(&storm.ending);
    for (int r = 0; r < (int)storm.reader_count; r++) {
        if (judge_truth(r).plugged) judge_changing(r);
        reports[r] = judge_truth(r).reports;
    }
    sim_reader_service_anew(random_of(&world.chance, 2), anew);
    for (int r = 0; held && r < (int)storm.reader_count; r++)
        if (judge_truth(r).plugged) judge_await(r, reports[r] + 1, "the service anew");
    if (held) pthread_mutex_unlock(&storm.ending);
}

// The service is away for a while, which may be seen; afterwards it may show the counts of before, too.
static void service_away(void)
{
    unsigned counts[READERS];
    bool repeat = random_of(&world.chance, 2);
    for (int r = 0; r < (int)storm.reader_count; r++) counts[r] = sim_reader_get_count(r);
    for (int r = 0; r < (int)storm.reader_count; r++) if (judge_truth(r).plugged) judge_changing(r);
    sim_reader_service(false);
    for (int r = 0; r < (int)storm.reader_count; r++) judge_gone(r, true);
    nap(random_of(&world.chance, 5 * NS_MS));
    for (int r = 0; r < (int)storm.reader_count; r++) {
        struct storm_card *c = world.in[r];
        if (!c || !judge_truth(r).plugged) continue;
        sim_reader_eject(r);                    // a command may still run; out, it can be stamped
        storm_set_stamp(c, judge_new(c->set));
        sim_reader_insert(r, &c->card);
    }
    for (int r = 0; r < (int)storm.reader_count; r++) {
        struct storm_card *c = world.in[r];
        if (!judge_truth(r).plugged) continue;
        judge_changing(r);
        if (repeat) sim_reader_set_count(r, counts[r]);
        if (c) judge_in(r, c->stamp);
    }
    sim_reader_service(true);
}

// No worker has a session, or none a login, for a while: cards rest, connected or let go. Then others
// are in, under the counts of before, or the service was away. Afterwards nothing of the cards of
// before may come; a session of them shows to the connection it has, so who was in is seen to be out
// though PC/SC shows nothing.
static void lull(void)
{
    unsigned what = random_of(&world.chance, 4);
    bool idle = lull_begin(random_of(&world.chance, 3) ? LULL_CLOSED : LULL_LOGGED_OUT);
    if (idle) check_left("at rest");
    if (idle) world.lulls++;
    if (idle && random_of(&world.chance, 2)) {          // else cards would not rest
        pthread_mutex_lock(&storm.ending);
        world_check_objects();
        pthread_mutex_unlock(&storm.ending);
    }
    if (idle && random_of(&world.chance, 4) == 0) nap(random_of(&world.chance, 60 * NS_MS));
    for (int r = 0; idle && what && r < (int)storm.reader_count; r++)
        if (world.in[r] && judge_truth(r).plugged) swap_same_count(r, free_card(world.in[r], what & 1));
    if (idle && !what) restart();
    lull_end();
}

// A reader is away for so long that a thread that waits can see it: plugged in again, it counts
// from 0, and could look as before.
static bool is_away(int r)
{
    struct truth t = judge_truth(r);
    return !t.plugged && now_ns() < t.changed_ns + 20 * NS_MS;
}

static void world_pause(void)
{
    if (!world.fast) { nap(NS_MS + random_of(&world.chance, 49 * NS_MS)); return; }
    unsigned n = random_of(&world.chance, 1000);
    if (n < 1) nap(random_of(&world.chance, 10 * NS_MS));
    else if (n < 20) nap(random_of(&world.chance, 100000));
}

// One event, and a pause.
static void world_step(void)
{
    int r = (int)random_of(&world.chance, storm.reader_count);
    unsigned n = random_of(&world.chance, 100);
    settle();
    if (!random_of(&world.chance, world.fast ? 20000 : 300)) {
        if (random_of(&world.chance, 2)) restart();
        else service_away();
        return;
    }
    if (!random_of(&world.chance, world.fast ? 2000 : 60)) { lull(); return; }
    if (is_away(r)) nap(world.fast ? 10000 : NS_MS);
    else if (!judge_truth(r).plugged) plug(r);
    else if (n < 4 && (!world.fast || !random_of(&world.chance, 100))) unplug(r);
    else if (!world.in[r]) insert(r, free_card(NULL, false));
    else if (n < 45) eject(r);
    else if (n < 70) swap(r, free_card(world.in[r], n & 1), random_of(&world.chance, 10));
    else if (n < 80) { sim_reader_reset(r); judge_event(); }
    else arm();
    if (!is_away(r)) world_pause();
}

// For exact counting: the card of a reader goes out, or one goes in.
static void world_turn(int r)
{
    settle();
    if (!judge_truth(r).plugged) plug(r);
    else if (world.in[r]) eject(r);
    else insert(r, free_card(NULL, false));
}

static void world_rest(void) { settle(); }

// ---- Each card, after the storm ----

static bool open_in(int r, CK_SESSION_HANDLE *session)
{
    struct worker *w = &storm.worker[WORKERS + 3];
    CK_SLOT_ID slots[4 * READERS];
    CK_ULONG n = sizeof slots / sizeof *slots;
    CK_SLOT_INFO info;
    if (CALL(w, C_GetSlotList, CK_TRUE, slots, &n)) return false;
    for (CK_ULONG i = 0; i < n; i++)
        if (!CALL(w, C_GetSlotInfo, slots[i], &info) && world_reader_of(info.slotDescription) == r)
            return !CALL(w, C_OpenSession, slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                         session);
    return false;
}

// A card is what it was, has what it shows, and is written on, whatever happened to it.
static void check_card_in_peace(struct storm_card *c)
{
    struct worker *w = &storm.worker[WORKERS + 3];
    struct kept k = { .stamp = c->stamp, .set = c->set, .life = judge_life() };
    unsigned long before = storm.of_kind[c->set / 2];
    if (!open_in(0, &k.session)) {
        judge_count(STATE, "%s: no session", storm_kind_names[c->set / 2]);
        return;
    }
    log_in(w, &k);
    sign_rsa(w, &k);
    if (storm.of_kind[c->set / 2] != before + 1)
        judge_count(STATE, "%s: does not sign", storm_kind_names[c->set / 2]);
    unsigned shown = c->set / 2 != STORM_CAC ? asked_check(w, c, k.session) : 1;
    if (!shown) judge_count(STATE, "%s: shows nothing", storm_kind_names[c->set / 2]);
    world.shown += shown;
    int lacks = write_in_peace(w, &k);
    if (lacks >= 0)
        judge_count(STATE, "%s: %s never", storm_kind_names[c->set / 2], written_names[lacks]);
    if (c->set / 2 != STORM_CAC) world.shown += asked_check(w, c, k.session);
    CALL(w, C_CloseSession, k.session);
}

static void world_check_all(void)
{
    settle();
    for (int r = 0; r < (int)storm.reader_count; r++) {
        if (!judge_truth(r).plugged) plug(r);
        if (world.in[r]) eject(r);
    }
    for (int i = 0; i < CARDS; i++) {
        nap(30 * NS_MS);
        insert(0, world.cards[i]);
        nap(30 * NS_MS);                // what is known of a reader answers for 20 ms
        check_card_in_peace(world.cards[i]);
        eject(0);
    }
}

#endif
