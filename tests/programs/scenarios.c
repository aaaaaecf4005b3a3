// scenarios.c: what readers, cards, the service, other programs and threads do to a PKCS#11 library
// in the field, each as a case, in three surroundings (world.h). SPDX-License-Identifier: 0BSD
//
// The rows, numbered, stand in the table at the end of this file: what happens, which case shows
// it, or where else it is shown. A row that a surrounding cannot play says why, and is not counted.
#define _GNU_SOURCE
#include "world.h"
#include "finalize_watch.h"
#include "../sim/sim_generic.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITERS 16

static struct sim_card *card_a, *card_b;        // two cards of one kind, with different keys
static CK_BYTE text[] = "a scenario";
static unsigned long rounds_long = 1;           // "long" makes the long ones 10 times as long

// ---- Begin and end ----

static CK_SLOT_ID slot_ids[2] = { 0, 2 };       // the first one of each reader

static CK_SLOT_ID slot_of(int reader) { return slot_ids[reader]; }

// A module has IDs of its own: the description tells the reader.
static void find_slots(void)
{
#ifdef ANY_MODULE
    CK_SLOT_ID list[64];
    CK_ULONG n = 64;
    CK_SLOT_INFO info;
    CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
    for (CK_ULONG i = n; i-- > 0; )
        for (int reader = 0; reader < 2; reader++)
            if (!C_GetSlotInfo(list[i], &info) && !memcmp(info.slotDescription, world_names[reader],
                                                          strlen(world_names[reader])))
                slot_ids[reader] = list[i];
#endif
}

static void begin_with(const struct sim_piv_options *options)
{
    struct sim_piv_options o = *options;
    C_Finalize(NULL);
    world_clear();
    card_a = sim_piv_new(&o);
    o.second = true;
    card_b = sim_piv_new(&o);
    world_add(0);
    world_add(1);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    find_slots();
    scene_slot = slot_of(0);
}

static void begin(void)
{
    begin_with(&(struct sim_piv_options){ .extended = true, .discovery = SIM_APPLICATION_PIN,
                                           .yubikey = !STRICT });       // some modules know no other PIV cards
}

static void end(void)
{
    C_Finalize(NULL);
    bool clean = world_is_clean();
    int lost = 6 - sim_piv_tries(card_a) - sim_piv_tries(card_b);
    world_clear();
    card_a->free(card_a);
    card_b->free(card_b);
    if (test_failing) return;
    CHECK(clean);
    CHECK_EQ(lost, 0);
}

static CK_RV open_on(CK_SLOT_ID slot, CK_SESSION_HANDLE *session)
{
    return C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);
}

// Logs in and signs, and the signature is this card's.
static CK_RV use_session(CK_SESSION_HANDLE session, enum sim_key key, CK_OBJECT_HANDLE *object)
{
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CK_RV rv = C_Login(session, CKU_USER, PIN, 6);
    if (!rv) rv = scene_find(session, CKO_PRIVATE_KEY, 1, object);
    if (!rv) rv = scene_sign(session, *object, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
    if (!rv && !scene_good(key, text, sizeof text, sig, n)) rv = CKR_GENERAL_ERROR;
    return rv;
}

static CK_RV use(CK_SLOT_ID slot, enum sim_key key, CK_SESSION_HANDLE *session,
                 CK_OBJECT_HANDLE *object)
{
    CK_RV rv = open_on(slot, session);
    return rv ? rv : use_session(*session, key, object);
}

#define USE(slot, key, session, object) CHECK_RV(use(slot, key, session, object), CKR_OK)

// After the card has lost a login. A module may not have seen that it has.
static void log_in_again(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *key)
{
    CK_RV rv = C_Login(session, CKU_USER, PIN, 6);
    if (!STRICT && rv == CKR_USER_ALREADY_LOGGED_IN) {
        (void)C_Logout(session);
        rv = C_Login(session, CKU_USER, PIN, 6);
    }
    CHECK_RV(rv, CKR_OK);
    if (!STRICT) CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, key), CKR_OK);
}

static bool is_refused(CK_RV rv)
{
    return STRICT ? rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_DEVICE_REMOVED : rv != CKR_OK;
}

// The session is not there any more.
#define CHECK_GONE(call)                                                                        \
    do {                                                                                        \
        CK_RV gone = (call);                                                                    \
        if (STRICT) CHECK_RV(gone, CKR_SESSION_HANDLE_INVALID);                                 \
        else if (!gone) { test_fail(__FILE__, __LINE__, "%s is CKR_OK", #call); return; }       \
    } while (0)

// A module may have to be asked before it sees what happened.
static void let_look(void)
{
    CK_SLOT_INFO info;
    for (int reader = 0; !STRICT && reader < 2; reader++) (void)C_GetSlotInfo(slot_of(reader), &info);
}

// Every use of a session and object of a card that is gone is refused, from the first call on.
static void check_dead(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_SESSION_INFO info;
    CK_BYTE sig[256], id[4];
    CK_ULONG n = sizeof sig;
    CK_ATTRIBUTE t = { CKA_ID, id, sizeof id };
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    if (test_failing) return;
    usleep((SCARD11_LOOK_MS + 1) * 1000);
    let_look();
    CHECK(is_refused(C_GetAttributeValue(session, object, &t, 1)));
    CHECK_GONE(C_GetSessionInfo(session, &info));
    CHECK_GONE(C_SignInit(session, &m, object));
    CHECK_GONE(C_Sign(session, text, sizeof text, sig, &n));
    CHECK_GONE(C_Login(session, CKU_USER, PIN, 6));
    CHECK_GONE(C_FindObjectsInit(session, NULL, 0));
    CHECK_GONE(C_CloseSession(session));
}

// ---- Waiting ----

struct waiter {
    pthread_t thread;
    CK_RV rv;
    CK_SLOT_ID id;
    unsigned events;
    bool once;
    uint64_t stalled_us;                // its thread, until it ended
};

static void *wait_run(void *arg)
{
    struct waiter *w = arg;
    for (;;) {
        CK_SLOT_ID id = 4711;
        CK_RV rv = C_WaitForSlotEvent(0, &id, NULL);
        __atomic_store_n(&w->id, id, __ATOMIC_RELEASE);
        __atomic_store_n(&w->rv, rv, __ATOMIC_RELEASE);
        w->stalled_us = rv ? stall_of_thread_us() : 0;
        if (rv) return NULL;
        __atomic_add_fetch(&w->events, 1, __ATOMIC_ACQ_REL);
        if (w->once) return NULL;
    }
}

static void wait_begin(struct waiter *w, bool once)
{
    *w = (struct waiter){ .once = once };
    if (pthread_create(&w->thread, NULL, wait_run, w)) abort();
}

// Until the waiter has had so many events; false: not within 10 s.
static bool wait_events(struct waiter *w, unsigned n)
{
    for (uint64_t begun = now_us(); now_us() - begun < 10000000; usleep(200))
        if (__atomic_load_n(&w->events, __ATOMIC_ACQUIRE) >= n) return true;
        else if (!STRICT && __atomic_load_n(&w->rv, __ATOMIC_ACQUIRE)) break;
    if (!STRICT) printf("C_WaitForSlotEvent said %#lx\n", (unsigned long)w->rv);
    return false;
}

static void drain(void)
{
    CK_SLOT_ID id;
    while (!C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL)) { }
}

static CK_FLAGS flags_of(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    return C_GetSlotInfo(slot, &info) ? ~(CK_FLAGS)0 : info.flags & CKF_TOKEN_PRESENT;
}

// Somebody looks: what PC/SC shows is noted now, and not 20 ms after the last look.
#define LOOK(slot, present) CHECK_EQ(flags_of(slot), present ? CKF_TOKEN_PRESENT : 0)

// ---- The scenarios: cards ----

// 1
TEST(inserted_listed_and_removed_again_and_again_the_objects_are_the_same)
{
    CK_ULONG first = 0, n;
    unsigned rounds = WORLD == WORLD_PCSCD ? 40 : 1000;
    begin();
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        CK_SESSION_HANDLE session;
        world_insert(0, card_a);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);
        if (!i) first = n;
        CHECK(n == first && n > 4);
        world_eject(0);
        CHECK(!flags_of(slot_of(0)));
    }
    end();
}

// 7
TEST(a_removal_ends_all_sessions_in_one_step)
{
    CK_SESSION_HANDLE all[40];
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_SESSION_INFO info;
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &all[0], &key);
    for (int i = 1; i < 40; i++) {
        CHECK_RV(scene_open(&all[i]), CKR_OK);
        if (i % 2) CHECK_RV(C_FindObjectsInit(all[i], NULL, 0), CKR_OK);
        else       CHECK_RV(C_SignInit(all[i], &m, key), CKR_OK);
    }
    world_eject(0);
    usleep((SCARD11_LOOK_MS + 1) * 1000);
    let_look();
    CHECK(is_refused(C_GetSessionInfo(all[17], &info)));
    for (int i = 0; i < 40; i++)
        CHECK_GONE(C_GetSessionInfo(all[i], &info));
    for (int i = 0; i < 40; i += 13) check_dead(all[i], key);
    world_insert(0, card_a);
    for (int i = 0; i < 40; i += 13) check_dead(all[i], key);
    USE(slot_of(0), SIM_RSA2048A, &all[0], &key);
    end();
}

// 9, 29
TEST(out_and_in_between_two_calls_is_a_removal_and_a_logout)
{
    CK_SESSION_HANDLE old, session;
    CK_OBJECT_HANDLE key, now;
    CK_SESSION_INFO info;
    begin();
    for (int i = 0; i < 5; i++) {
        world_insert(0, card_a);
        LOOK(slot_of(0), true);
        USE(slot_of(0), SIM_RSA2048A, &old, &key);
        world_eject(0);
        world_insert(0, card_a);
        check_dead(old, key);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
        CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &now), CKR_OK);
        CHECK(!now);
        world_eject(0);
    }
    end();
}

// 10
TEST(another_card_between_two_calls_gets_nothing_meant_for_the_first)
{
    CK_SESSION_HANDLE old, session;
    CK_OBJECT_HANDLE key;
    begin();
    for (int i = 0; i < 4; i++) {
        unsigned verifies = sim_piv_verifies(card_b), signatures = sim_piv_signatures(card_b);
        world_insert(0, card_a);
        LOOK(slot_of(0), true);
        USE(slot_of(0), SIM_RSA2048A, &old, &key);
        world_swap(0, card_b);
        check_dead(old, key);
        CHECK_EQ(sim_piv_verifies(card_b), verifies);
        CHECK_EQ(sim_piv_signatures(card_b), signatures);
        USE(slot_of(0), SIM_RSA2048B, &session, &key);
        world_eject(0);
        check_dead(session, key);
    }
    end();
}

// 27
TEST(two_cards_of_one_kind_share_nothing)
{
    CK_SESSION_HANDLE a, b;
    CK_OBJECT_HANDLE key_a, key_b;
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    world_insert(1, card_b);
    USE(slot_of(0), SIM_RSA2048A, &a, &key_a);
    USE(slot_of(1), SIM_RSA2048B, &b, &key_b);
    for (int i = 0; i < 10; i++) {
        CK_ULONG n = sizeof sig;
        CHECK_RV(scene_sign(a, key_a, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
        CHECK(scene_good(SIM_RSA2048A, text, sizeof text, sig, n));
        n = sizeof sig;
        CHECK_RV(scene_sign(b, key_b, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
        CHECK(scene_good(SIM_RSA2048B, text, sizeof text, sig, n));
    }
    CK_RV rv = scene_sign(a, key_b, CKM_SHA256_RSA_PKCS, text, sizeof text, sig,
                          &(CK_ULONG){ 256 });
    CHECK(STRICT ? rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID : rv != CKR_OK);
    world_eject(0);
    check_dead(a, key_a);
    CHECK_RV(C_Logout(b), CKR_OK);
    end();
}

// 28
TEST(a_handle_kept_over_many_insertions_is_refused)
{
    CK_SESSION_HANDLE first, session;
    CK_OBJECT_HANDLE key, other;
    unsigned rounds = WORLD == WORLD_PCSCD ? 30 : 2000;
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &first, &key);
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        world_eject(0);
        world_insert(0, i & 1 ? card_a : card_b);
        LOOK(slot_of(0), true);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &other), CKR_OK);
        CHECK(session != first && other != key);
        CHECK_GONE(C_CloseSession(first));
    }
    check_dead(first, key);
    end();
}

// ---- Events ----

// 3, 30
TEST(every_change_while_a_thread_waits_is_reported)
{
    struct waiter w;
    unsigned rounds = WORLD == WORLD_PCSCD ? 30 : 400, seen = 0;
    begin();
    drain();
    wait_begin(&w, false);
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        world_insert(0, card_a);
        CHECK(flags_of(slot_of(0)) == CKF_TOKEN_PRESENT);        // who polls takes nothing from who waits
        if (!wait_events(&w, ++seen))
            test_fail(__FILE__, __LINE__, "insertion %u was not reported", i);
        world_eject(0);
        CHECK(!flags_of(slot_of(0)));
        if (!wait_events(&w, ++seen))
            test_fail(__FILE__, __LINE__, "removal %u was not reported", i);
    }
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(w.thread, NULL);
    CHECK_RV(w.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(w.events, seen);
    end();
}

// 30
TEST(changes_that_nobody_waits_for_may_merge_but_the_last_state_is_told)
{
    CK_SLOT_ID id = 4711;
    begin();
    drain();
    world_insert(0, card_a);
    world_eject(0);
    world_insert(0, card_a);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_EQ(id, slot_of(0));
    CHECK_EQ(flags_of(slot_of(0)), CKF_TOKEN_PRESENT);
    id = 4711;
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
    if (STRICT) CHECK_EQ(id, 4711);
    end();
}

static bool list_over;

static void *list_run(void *arg)
{
    unsigned long *rounds = arg;
    while (!__atomic_load_n(&list_over, __ATOMIC_RELAXED)) {
        CK_SLOT_ID list[16];
        CK_ULONG n = 16;
        if (C_GetSlotList(CK_FALSE, list, &n)) break;
        ++*rounds;
        usleep(500);
    }
    return NULL;
}

// 2; two waiters, and events for one at a time
TEST(waiters_and_listers_miss_nothing_while_cards_come_and_go)
{
    struct waiter w[2];
    pthread_t lister;
    unsigned long rounds = 0;
    unsigned turns = WORLD == WORLD_PCSCD ? 20 : 200;
    begin();
    drain();
    list_over = false;
    for (int i = 0; i < 2; i++) wait_begin(&w[i], false);
    CHECK(!pthread_create(&lister, NULL, list_run, &rounds));
    for (unsigned i = 0; i < turns; i++) {
        unsigned before = __atomic_load_n(&w[0].events, __ATOMIC_ACQUIRE) +
                          __atomic_load_n(&w[1].events, __ATOMIC_ACQUIRE), now = before;
        if (i & 1) world_eject(0); else world_insert(0, card_a);
        for (uint64_t begun = now_us(); now == before && now_us() - begun < 10000000; usleep(200))
            now = __atomic_load_n(&w[0].events, __ATOMIC_ACQUIRE) +
                  __atomic_load_n(&w[1].events, __ATOMIC_ACQUIRE);
        if (now == before) test_fail(__FILE__, __LINE__, "change %u was not reported", i);
    }
    __atomic_store_n(&list_over, true, __ATOMIC_RELAXED);
    pthread_join(lister, NULL);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    for (int i = 0; i < 2; i++) pthread_join(w[i].thread, NULL);
    if (STRICT) CHECK_EQ(w[0].events + w[1].events, turns);     // each told once, to one of them
    end();
}

#if WORLD != WORLD_PCSCD
// 4, 24, 34, 36
TEST(a_reader_that_goes_is_told_once_and_comes_back_with_its_id)
{
    CK_SLOT_ID id = 4711, list[8];
    CK_SLOT_INFO info;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    begin();
    world_insert(0, card_a);
    drain();
    for (int i = 0; i < 20; i++) {
        CK_ULONG n = 8;
        USE(slot_of(0), SIM_RSA2048A, &session, &key);
        world_unplug(0);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
        CHECK_EQ(id, slot_of(0));
        id = 4711;
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
        CHECK_EQ(id, 4711);
        CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
        CHECK(n == 1 && list[0] == 2);
        check_dead(session, key);
        if (i % 3 == 2) {               // another token under the same name, the count at 0 again
            sim_reader_eject(0);
            sim_reader_insert(0, i & 1 ? card_a : card_b);
            sim_reader_eject(0);
            sim_reader_insert(0, card_a);
        }
        world_plug(0);
        check_dead(session, key);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
        CHECK_EQ(id, slot_of(0));
        CHECK_RV(C_GetSlotInfo(slot_of(0), &info), CKR_OK);
        CHECK(info.flags & CKF_TOKEN_PRESENT);
    }
    end();
}

// 36: nobody looked between
TEST(another_token_under_the_same_name_and_count_is_another_card)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    for (unsigned count = 0; count < 2; count++) {
        begin();
        sim_reader_insert(0, card_a);
        sim_reader_set_count(0, count);
        USE(slot_of(0), SIM_RSA2048A, &session, &key);
        world_unplug(0);
        sim_reader_eject(0);
        sim_reader_insert(0, card_b);
        world_plug(0);
        sim_reader_set_count(0, count);
        check_dead(session, key);
        CHECK_EQ(sim_piv_verifies(card_b), 0);
        USE(slot_of(0), SIM_RSA2048B, &session, &key);
        end();
    }
}

// 28: the count wraps at FFFF
TEST(the_count_wraps)
{
    CK_SESSION_HANDLE session, again;
    CK_OBJECT_HANDLE key;
    begin();
    sim_reader_set_count(0, 0xfffe);
    world_insert(0, card_a);
    drain();
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    world_eject(0);
    world_insert(0, card_a);
    check_dead(session, key);
    USE(slot_of(0), SIM_RSA2048A, &again, &key);
    end();
}

// 35
TEST(a_usb_key_that_is_plugged_in_again_takes_its_pin)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    begin();
    world_insert(0, card_a);
    for (int i = 0; i < 30; i++) {
        USE(slot_of(0), SIM_RSA2048A, &session, &key);
        world_unplug(0);
        if (i & 1) usleep((SCARD11_LOOK_MS + 1) * 1000);
        world_plug(0);
        if (i % 3) check_dead(session, key);
        else       usleep((SCARD11_LOOK_MS + 1) * 1000);
    }
    end();
}

// 8
TEST(one_slot_id_is_one_reader_however_many_come_and_go)
{
    begin();
    for (int i = 0; i < 300 && !test_failing; i++) {
        int r = (int)test_any_below(2);
        CK_SLOT_INFO info;
        CK_SLOT_ID list[8];
        CK_ULONG n = 8;
        world_unplug(r);
        if (test_any_below(2)) CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
        world_plug(r);
        n = 8;
        CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
        CHECK_EQ(n, 2);
        for (CK_ULONG k = 0; k < n; k++) {
            CHECK_RV(C_GetSlotInfo(list[k], &info), CKR_OK);
            CHECK(info.slotDescription[6] == '0' + (char)(list[k] / 2));
        }
    }
    end();
}

// 34
TEST(a_reader_that_comes_while_a_thread_waits_is_told_with_an_id_that_works)
{
    struct waiter w;
    CK_SLOT_INFO info;
    CK_SLOT_ID list[8];
    CK_ULONG n = 0;
    for (int full = 0; full < 2; full++) {
        begin();
        CHECK_RV(C_Finalize(NULL), CKR_OK);
        world_unplug(0);
        world_unplug(1);
        if (full) sim_reader_insert(1, card_a);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        wait_begin(&w, true);
        CHECK(full || world_await_waiting(1));          // with no reader at all it must not spin
        world_plug(1);
        CHECK(wait_events(&w, 1));
        pthread_join(w.thread, NULL);
        CHECK_RV(C_GetSlotInfo(w.id, &info), CKR_OK);
        CHECK_EQ(!!(info.flags & CKF_TOKEN_PRESENT), full);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        CHECK_EQ(n, 1);
        CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
        CHECK_EQ(list[0], w.id);
        end();
    }
}

#endif

// 5: fails half-way through reading
TEST(a_card_that_fails_half_way_is_tried_again_but_not_by_polling)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    begin();
    for (unsigned nth = 1; nth < 4; nth++) {
        world_insert(0, card_a);
        LOOK(slot_of(0), true);
        world_fail(0, nth);
        CK_RV rv = C_GetTokenInfo(slot_of(0), &token);
        if (rv != CKR_TOKEN_NOT_RECOGNIZED && rv != CKR_DEVICE_ERROR) CHECK_RV(rv, CKR_OK);
        unsigned long before = world_commands();
        for (int i = 0; i < 50; i++) CHECK_EQ(flags_of(slot_of(0)), CKF_TOKEN_PRESENT);
        CHECK_EQ(world_commands(), before);
        if (rv == CKR_TOKEN_NOT_RECOGNIZED) usleep(1050000);
        CHECK_RV(scene_open(&session), CKR_OK);
        world_eject(0);
    }
    end();
}

// ---- The service ----

// 14, and a context that ends under a waiter
TEST(the_service_stops_and_comes_back_under_a_waiter)
{
    struct waiter w;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_ULONG n;
    begin();
    world_insert(0, card_a);
    drain();
#if WORLD == WORLD_PCSC
    static const long codes[] = { 0x8010001d, 0x8010001e, 0x80100003, 0x80100013 };
#endif
    wait_begin(&w, false);
    for (unsigned i = 0; i < 8; i++) {
        unsigned before;
        USE(slot_of(0), SIM_RSA2048A, &session, &key);
#if WORLD == WORLD_PCSC
        pcsc_dead_code((long)(int)codes[i % 4]);
#endif
        before = __atomic_load_n(&w.events, __ATOMIC_ACQUIRE);
        world_service(false);
        if (STRICT) CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        if (STRICT) CHECK_EQ(n, 0);
        check_dead(session, key);
        if (STRICT) CHECK(wait_events(&w, before + 2)); // both readers are gone
        if (!i) {                       // it waits quietly until the service is back
            struct rusage u, v;
            getrusage(RUSAGE_SELF, &u);
            usleep(500000);
            getrusage(RUSAGE_SELF, &v);
            CHECK(v.ru_utime.tv_sec * 1000000 + v.ru_utime.tv_usec -
                  u.ru_utime.tv_sec * 1000000 - u.ru_utime.tv_usec < 250000);
        }
        before = __atomic_load_n(&w.events, __ATOMIC_ACQUIRE);
        world_service(true);
        if (STRICT) CHECK(wait_events(&w, before + 2));
        else        (void)C_GetSlotList(CK_FALSE, NULL, &n);
        check_dead(session, key);
    }
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(w.thread, NULL);
    end();
}

// 42: a logout ends the handles of private objects, a login that is lost does not
TEST(a_logout_renews_private_handles_a_lost_login_does_not)
{
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key, again;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(use_session(session, SIM_RSA2048A, &again), CKR_OK);
    CHECK(again != key);
    CHECK_RV(C_SignInit(session, &m, key), CKR_KEY_HANDLE_INVALID);
    world_reset(0);
    CHECK_RV(scene_sign(session, again, m.mechanism, text, sizeof text, sig, &n),
             CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    n = sizeof sig;
    CHECK_RV(scene_sign(session, again, m.mechanism, text, sizeof text, sig, &n), CKR_OK);
    end();
}

// 40: a context login ends with another session's call of the card
TEST(a_context_login_does_not_outlive_another_session_s_call)
{
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_SESSION_HANDLE one, two;
    CK_OBJECT_HANDLE key, each_time;
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &one, &key);
    CHECK_RV(open_on(slot_of(0), &two), CKR_OK);
    CHECK_RV(scene_find(one, CKO_PRIVATE_KEY, 2, &each_time), CKR_OK);
    for (int other = 1; other >= 0; other--) {
        CK_ULONG n = sizeof sig;
        CHECK_RV(C_SignInit(one, &m, each_time), CKR_OK);
        CHECK_RV(C_Login(one, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
        if (other)
            CHECK_RV(scene_sign(two, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
        n = sizeof sig;
        CHECK_RV(C_Sign(one, text, sizeof text, sig, &n), other ? CKR_USER_NOT_LOGGED_IN : CKR_OK);
    }
    end();
}

// 26: a session's objects go with it
TEST(session_objects_go_with_their_session)
{
    static CK_OBJECT_CLASS class = CKO_DATA;
    static CK_BYTE value[64];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_VALUE, value, sizeof value } };
    CK_SESSION_HANDLE stays, goes;
    CK_OBJECT_HANDLE object;
    begin();
    world_insert(0, card_a);
    CHECK_RV(open_on(slot_of(0), &stays), CKR_OK);
    for (int i = 0; i < 500 && !test_failing; i++) {
        CHECK_RV(open_on(slot_of(0), &goes), CKR_OK);
        CHECK_RV(C_CreateObject(goes, t, 2, &object), CKR_OK);
        CHECK_RV(C_GetAttributeValue(stays, object, t + 1, 1), CKR_OK);
        CHECK_RV(C_CloseSession(goes), CKR_OK);
        CHECK_RV(C_GetAttributeValue(stays, object, t + 1, 1), CKR_OBJECT_HANDLE_INVALID);
    }
    end();
}

static void *initialize_run(void *arg)
{
    *(CK_RV *)arg = C_Initialize(NULL);
    return NULL;
}

// 17
TEST(of_many_that_initialize_at_once_one_does)
{
    begin();
    for (int i = 0; i < 20 && !test_failing; i++) {
        pthread_t t[8];
        CK_RV rv[8];
        int done = 0;
        CHECK_RV(C_Finalize(NULL), CKR_OK);
        for (int k = 0; k < 8; k++)
            if (pthread_create(&t[k], NULL, initialize_run, &rv[k])) abort();
        for (int k = 0; k < 8; k++) pthread_join(t[k], NULL);
        for (int k = 0; k < 8; k++) {
            done += rv[k] == CKR_OK;
            if (rv[k]) CHECK_RV(rv[k], CKR_CRYPTOKI_ALREADY_INITIALIZED);
        }
        CHECK_EQ(done, 1);
    }
    end();
}

// 16: polling costs the card nothing
TEST(polling_sends_no_command)
{
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_SLOT_ID list[8];
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    CHECK_RV(C_GetTokenInfo(slot_of(0), &token), CKR_OK);
    unsigned long before = world_commands();
    for (uint64_t begun = now_us(); now_us() - begun < 500000 && !test_failing; usleep(500)) {
        CK_ULONG n = 8;
        CHECK_EQ(flags_of(slot_of(0)), CKF_TOKEN_PRESENT);
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
        CHECK_RV(C_GetSlotList(CK_TRUE, list, &n), CKR_OK);
        CHECK_RV(C_GetTokenInfo(slot_of(0), &token), CKR_OK);
    }
    CHECK(before > 0);
    CHECK_EQ(world_commands(), before);
    end();
}

#if WORLD == WORLD_PCSCD
// 4, 8, 24, 34, 35, 36: readers go with the service, and come back, each second time with another
// card, whose count is the same then
TEST(readers_that_go_with_the_service_come_back_with_their_ids_and_other_cards)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    begin();
    world_insert(0, card_a);
    drain();
    for (int i = 0; i < 8 && !test_failing; i++) {
        struct sim_card *now = i / 2 & 1 ? card_b : card_a;
        struct sim_card *next = (i + 1) / 2 & 1 ? card_b : card_a;
        CK_SLOT_ID one = 4711, two = 4711, none = 4711;
        CK_ULONG n = 0;
        USE(slot_of(0), now == card_b ? SIM_RSA2048B : SIM_RSA2048A, &session, &key);
        unsigned verifies = sim_piv_verifies(next);
        world_service(false);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &one, NULL), CKR_OK);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &two, NULL), CKR_OK);
        CHECK(one + two == 2 && (one == 0 || two == 0));
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &none, NULL), CKR_NO_EVENT);
        CHECK_EQ(none, 4711);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        CHECK_EQ(n, 0);
        if (i % 3) check_dead(session, key);            // else nobody looks until it is back
        world_replace(0, next);
        world_service(true);
        check_dead(session, key);
        CHECK_EQ(sim_piv_verifies(next), verifies);
        drain();
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        CHECK_EQ(n, 2);
        LOOK(slot_of(0), true);
        LOOK(slot_of(1), false);
    }
    end();
}

// 34
TEST(readers_that_come_with_the_service_are_told_with_ids_that_work)
{
    struct waiter w;
    CK_SLOT_INFO info;
    CK_SLOT_ID list[8];
    CK_ULONG n = 8;
    begin();
    world_insert(1, card_a);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    world_service(false);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    wait_begin(&w, true);
    world_nap(50);
    world_service(true);
    CHECK(wait_events(&w, 1));
    pthread_join(w.thread, NULL);
    CHECK_RV(C_GetSlotInfo(w.id, &info), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_FALSE, list, &n), CKR_OK);
    CHECK(n == 2 && (list[0] == w.id || list[1] == w.id));
    end();
}

// 11, 31: at each command of a login, a search and a signature the card is pulled, or another
// follows at once
static void cut_everywhere(enum world_fault fault, unsigned least)
{
    CK_SESSION_HANDLE session, again;
    CK_OBJECT_HANDLE key = 0;
    bool came = true;
    unsigned n = 0;
    begin();
    while (came && !test_failing) {
        world_insert(0, card_a);
        usleep((SCARD11_LOOK_MS + 1) * 1000);
        CHECK_RV(open_on(slot_of(0), &session), CKR_OK);
        world_fault(0, fault, ++n, card_b);
        unsigned verifies = sim_piv_verifies(card_b);
        CK_RV rv = use_session(session, SIM_RSA2048A, &key);
        came = !world_fault_is_due(0);
        // a virtual reader whose card was pulled answers with nothing; the reset after it shows why
        if (came && fault == WORLD_PULLED && STRICT) CHECK_RV(rv, CKR_DEVICE_REMOVED);
        if (came) CHECK(STRICT ? rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR : rv != CKR_OK);
        else      CHECK_RV(rv, CKR_OK);
        CHECK_EQ(sim_piv_verifies(card_b), verifies);
        if (came) check_dead(session, key);
        if (came && fault == WORLD_SWAPPED && !world_shows(0)) {    // too quick to be seen
            world_eject(0);
            world_insert(0, card_b);
        }
        if (came && fault == WORLD_SWAPPED) USE(slot_of(0), SIM_RSA2048B, &again, &key);
        CHECK_EQ(sim_piv_verifies(card_b), verifies + (came && fault == WORLD_SWAPPED));
        world_eject(0);
    }
    CHECK(n > least);
    end();
}

TEST(pulled_at_the_nth_command) { cut_everywhere(WORLD_PULLED, 4); }
TEST(a_command_in_the_gap_of_a_swap_never_reaches_the_new_card)
{
    cut_everywhere(WORLD_SWAPPED, 4);
}

// 11: and while the card is met, when it is for C_OpenSession to say that there is none
TEST(pulled_at_the_nth_command_of_the_first_look)
{
    CK_SESSION_HANDLE session;
    bool came = true;
    unsigned n = 0;
    begin();
    while (came && !test_failing) {
        world_insert(0, card_a);
        world_fault(0, WORLD_PULLED, ++n, NULL);
        CK_RV rv = open_on(slot_of(0), &session);
        came = !world_fault_is_due(0);
        if (came && STRICT) CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT ||
                                  rv == CKR_DEVICE_ERROR);
        if (!came) CHECK_RV(rv, CKR_OK);
        world_eject(0);
    }
    CHECK(n > 2);
    end();
}

static void *use_run(void *arg)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    *(CK_RV *)arg = use(slot_of(0), SIM_RSA2048A, &session, &key);
    return NULL;
}

// 41
TEST(a_card_that_never_answers_does_not_hold_up_the_end)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV rv = CKR_OK;
    pthread_t t;
    begin();
    world_insert(0, card_a);
    world_fault(0, WORLD_HANGS, 4, NULL);
    CHECK(!pthread_create(&t, NULL, use_run, &rv));
    while (world_fault_is_due(0)) world_nap(1);
    uint64_t begun = now_us();
    CHECK_RV(C_Finalize(NULL), CKR_FUNCTION_FAILED);
    CHECK(now_us() - begun < (SCARD11_FINALIZE_MS + 2000) * 1000);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    world_eject(0);
    pthread_join(t, NULL);
    CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR);
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    end();
}

// 21, 39: never a wrong object, never a PIN that nobody gave
TEST(another_program_selects_its_application_between_our_calls)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    for (int i = 0; i < 10 && !test_failing; i++) {
        CK_ULONG n = sizeof sig;
        unsigned verifies = sim_piv_verifies(card_a);
        world_select(0);
        CK_RV rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
        if (STRICT) CHECK_RV(rv, CKR_USER_NOT_LOGGED_IN);
        if (!rv) CHECK(scene_good(SIM_RSA2048A, text, sizeof text, sig, n));
        CHECK_EQ(sim_piv_verifies(card_a), verifies);
        world_select(0);
        log_in_again(session, &key);
        if (test_failing) return;
        CHECK_EQ(sim_piv_verifies(card_a), verifies + 1);
        n = sizeof sig;
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
        CHECK(scene_good(SIM_RSA2048A, text, sizeof text, sig, n));
    }
    CHECK_EQ(card_a->stray_secrets, 0);
    end();
}
#endif

// 15: as after a suspend, the card is pulled and nobody was told
TEST(pulled_while_everything_slept)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    world_eject(0);
    check_dead(session, key);
    let_look();
    CK_RV rv = scene_open(&session);
    if (STRICT) CHECK_RV(rv, CKR_TOKEN_NOT_PRESENT);
    CHECK(rv != CKR_OK);
    end();
}

// ---- Ends ----

// In every round C_Finalize does what it should, and its own part is over in time (finalize_watch.h).
static void end_while_waiting(unsigned rounds)
{
    struct ending e, longest = { .took_us = 0 };
    begin();
    stall_begin();
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        struct waiter w[WAITERS];
        for (int k = 0; k < WAITERS; k++) wait_begin(&w[k], false);
        if (i % 4) (void)world_await_waiting(WAITERS);  // else some have not begun to wait
        world_lose_cancels(i % 4 == 1);                 // as if all had begun too late for the first
        CK_RV rv = ending_run(&e);
        CK_RV again = C_Initialize(NULL);               // at once
        // one that began late waits in the new library: it is ended too
        CK_RV last = C_Finalize(NULL);
        for (int k = 0; k < WAITERS; k++) {
            pthread_join(w[k].thread, NULL);
            e.stalled_us += w[k].stalled_us;
        }
        world_lose_cancels(false);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        CHECK_RV(rv, CKR_OK);
        CHECK_RV(again, CKR_OK);
        CHECK_RV(last, CKR_OK);
        for (int k = 0; k < WAITERS; k++) CHECK_RV(w[k].rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        if (e.took_us > longest.took_us) longest = e;
        if (ending_wrong(&e, WAITERS)) test_fail(__FILE__, __LINE__, "%s", ending_wrong(&e, WAITERS));
    }
    stall_end();
    printf("C_Finalize with %d waiters, %u times, at most ", WAITERS, rounds);
    ending_print(test_failing ? &e : &longest);
    end();
}

// 6
TEST(finalize_ends_sixteen_waits_within_100_ms)
{
    end_while_waiting((WORLD == WORLD_PCSCD ? 20 : 150) * (unsigned)rounds_long);
}

static void *finalize_run(void *arg)
{
    *(CK_RV *)arg = C_Finalize(NULL);
    return NULL;
}

// Of threads that all end the library at once one does
TEST(finalize_by_many_threads_is_one)
{
    for (int i = 0; i < 30 && !test_failing; i++) {
        pthread_t t[8];
        CK_RV rv[8];
        struct waiter w;
        unsigned good = 0;
        begin();
        wait_begin(&w, false);
        for (int k = 0; k < 8; k++) CHECK(!pthread_create(&t[k], NULL, finalize_run, &rv[k]));
        for (int k = 0; k < 8; k++) pthread_join(t[k], NULL);
        pthread_join(w.thread, NULL);
        for (int k = 0; k < 8; k++) {
            CHECK(rv[k] == CKR_OK || rv[k] == CKR_CRYPTOKI_NOT_INITIALIZED);
            good += rv[k] == CKR_OK;
        }
        CHECK_EQ(good, 1);
        end();
    }
}

// 32
TEST(a_desktop_s_pattern)
{
    CK_TOKEN_INFO token;
    unsigned rounds = WORLD == WORLD_PCSCD ? 5 : 60;
    begin();
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        struct waiter w;
        drain();
        wait_begin(&w, false);
        world_insert(0, card_a);
        CHECK(wait_events(&w, 1));
        CHECK_EQ(flags_of(w.id), CKF_TOKEN_PRESENT);
        CHECK_RV(C_GetTokenInfo(w.id, &token), CKR_OK);
        world_eject(0);
        CHECK(wait_events(&w, 2));
        CHECK_RV(C_Finalize(NULL), CKR_OK);
        CHECK_RV(C_Initialize(NULL), CKR_OK);           // at once
        CHECK_RV(C_Finalize(NULL), CKR_OK);             // the waiter may be in the new library
        pthread_join(w.thread, NULL);
        CHECK_RV(w.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
    }
    end();
}

// 20, while a thread waits and while another is in a command
TEST(a_fork_while_threads_wait_and_work)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    struct waiter w;
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    drain();
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    wait_begin(&w, false);
    for (int i = 0; i < 10 && !test_failing; i++) {
        CK_ULONG n = sizeof sig;
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            CK_SLOT_ID id;
            alarm(20);                          // it must not hang
            if (i % 3 == 0) _exit(0);
            CK_RV rv = C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
            if (STRICT && rv != CKR_CRYPTOKI_NOT_INITIALIZED) _exit(1);
            _exit(STRICT && C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
    }
    world_eject(0);
    CHECK(wait_events(&w, 1));
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(w.thread, NULL);
    end();
}

// 22
TEST(closing_in_the_middle_of_everything_leaves_nothing)
{
    CK_SESSION_HANDLE session, other;
    CK_OBJECT_HANDLE key, certificate;
    CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 }, digest = { CKM_SHA256, NULL, 0 };
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    for (int i = 0; i < 24 && !test_failing; i++) {
        CK_ULONG n = sizeof sig;
        USE(slot_of(0), SIM_RSA2048A, &session, &key);
        CHECK_RV(scene_open(&other), CKR_OK);
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &certificate), CKR_OK);
        if (i & 1) CHECK_RV(C_SignInit(session, &sign, key), CKR_OK);
        else       CHECK_RV(C_DigestInit(session, &digest), CKR_OK);
        if (i & 1) CHECK_RV(C_SignUpdate(session, text, 3), CKR_OK);
        else       CHECK_RV(C_DigestUpdate(session, text, 3), CKR_OK);
        if (i & 2) CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
        switch (i % 3) {
        case 0:
            CHECK_RV(C_CloseSession(session), CKR_OK);
            CHECK_RV(C_CloseSession(other), CKR_OK);
            break;
        case 1: CHECK_RV(C_CloseAllSessions(slot_of(0)), CKR_OK); break;
        default:
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            CHECK_RV(C_Initialize(NULL), CKR_OK);
        }
        CHECK_GONE(C_SignFinal(session, sig, &n));
        CHECK_GONE(C_FindObjectsFinal(session));
        CHECK_GONE(C_CloseSession(other));
    }
    end();
}

// ---- Other programs ----

// 12, 37: a reset between two calls
TEST(a_reset_by_another_program_costs_the_login_only)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    CK_ULONG n;
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    for (int i = 0; i < 5; i++) {
        world_reset(0);
        n = sizeof sig;
        CK_RV rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
        if (STRICT) CHECK_RV(rv, CKR_USER_NOT_LOGGED_IN);
        if (!rv) CHECK(scene_good(SIM_RSA2048A, text, sizeof text, sig, n));
        log_in_again(session, &key);
        if (test_failing) return;
        n = sizeof sig;
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
        world_reset(0);
        CHECK_RV(scene_count(session, NULL, 0, &n), CKR_OK);    // needs no login
        log_in_again(session, &key);
        if (test_failing) return;
    }
    end();
}

// 38: holds the card for itself, or a transaction
TEST(a_card_that_another_program_holds_is_waited_for_by_nobody_who_need_not)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_TOKEN_INFO token;
    CK_SESSION_INFO info;
    CK_SLOT_ID id;
    CK_ULONG n = 0;
    begin();
    world_insert(0, card_a);
    world_busy(0, true);
    CHECK_RV(C_GetTokenInfo(slot_of(0), &token), CKR_DEVICE_ERROR);
    CHECK_EQ(flags_of(slot_of(0)), CKF_TOKEN_PRESENT);
    world_busy(0, false);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    CHECK_RV(C_GetTokenInfo(slot_of(0), &token), CKR_OK);
    drain();
    stall_begin();
    world_hold(0, true);
    usleep((SCARD11_LOOK_MS + 1) * 1000);
    stall_reset();
    uint64_t begun = now_us();
    CK_FLAGS flags = flags_of(slot_of(0));
    CK_RV list = C_GetSlotList(CK_FALSE, NULL, &n);
    CK_RV wait = C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
    CK_RV session_info = C_GetSessionInfo(session, &info), token_info = C_GetTokenInfo(slot_of(0), &token);
    uint64_t over = stall_over_us(now_us() - begun, 300000);
    world_hold(0, false);
    stall_end();
    CHECK_EQ(flags, CKF_TOKEN_PRESENT);
    CHECK_RV(list, CKR_OK);
    CHECK_RV(wait, CKR_NO_EVENT);
    CHECK_RV(session_info, CKR_OK);
    CHECK_RV(token_info, CKR_OK);
    CHECK_EQ(over, 0);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    end();
}

#if WORLD != WORLD_PCSCD
// ---- Times ----

struct signer {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV rv;
    uint64_t done_us;
};

static void *sign_run(void *arg)
{
    struct signer *s = arg;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    s->rv = scene_sign(s->session, s->key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
    s->done_us = now_us();
    return NULL;
}

// An operation under way ends within 100 ms of its command's end, and says so
TEST(an_operation_under_way_ends_with_its_card)
{
    uint64_t longest = 0;
    stall_begin();
    for (int i = 0; i < 30 && !test_failing; i++) {
        struct signer s;
        begin();
        world_insert(0, card_a);
        USE(slot_of(0), SIM_RSA2048A, &s.session, &s.key);
        sim_reader_fault(SIM_HANG, 1, NULL);
        CHECK(!pthread_create(&s.thread, NULL, sign_run, &s));
        CHECK(sim_reader_await_hang(5000));
        stall_reset();
        uint64_t begun = now_us();
        if (i & 1) world_unplug(0); else world_eject(0);
        pthread_join(s.thread, NULL);
        uint64_t took = s.done_us - begun;
        CHECK_RV(s.rv, CKR_DEVICE_REMOVED);
        CHECK_EQ(stall_over_us(took, 100000), 0);
        if (took > longest) longest = took;
        CHECK_RV(C_CloseSession(s.session), CKR_SESSION_HANDLE_INVALID);
        end();
    }
    stall_end();
    printf("an operation whose card went ended after %.2f ms at most\n", (double)longest / 1000);
}

// A reader is replaced by another while a waiter lists and waits
TEST(readers_replaced_under_a_waiter_are_all_told)
{
    struct waiter w;
    begin();
    drain();
    wait_begin(&w, false);
    for (int i = 0; i < 100 && !test_failing; i++) {
        unsigned before = __atomic_load_n(&w.events, __ATOMIC_ACQUIRE);
        world_unplug(i & 1);
        world_plug(i & 1);                              // may merge to one
        world_insert(i & 1, card_a);
        CHECK(wait_events(&w, before + 1));
        CHECK_EQ(flags_of(slot_of(i & 1)), CKF_TOKEN_PRESENT);
        world_eject(i & 1);
        CHECK(!flags_of(slot_of(i & 1)));
    }
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(w.thread, NULL);
    CHECK_RV(w.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    end();
}

#endif

#include "scenarios_at_rest.h"

// ---- The rows ----

#define ALL     (WORLD_SIM | WORLD_PCSC | WORLD_PCSCD)
#define PROCESS (WORLD_SIM | WORLD_PCSC)
static const struct row {
    unsigned number;
    const char *what;
    unsigned worlds;            // where it is shown
    const char *where;          // NULL: here; else what shows it
    const char *why_not;        // the other worlds do not
} rows[] = {
    { 1, "inserted, listed, removed, 1,000 times: the same objects, no growth", ALL, NULL, NULL },
    { 2, "a waiter, a lister, cards that come and go: nothing missed, nothing freed",
      ALL, NULL, NULL },
    { 3, "a card leaves while another thread polls: the waiter gets its event", ALL, NULL, NULL },
    { 4, "reader unplugged: told once, then CKR_NO_EVENT, *pSlot untouched", ALL, NULL, NULL },
    { 5, "mute, unknown or half-way failing card: event; tried again once a second",
      ALL, "here; mute and unknown: module.c", NULL },
    { 6, "C_Finalize while threads wait, then C_Initialize at once", ALL, NULL, NULL },
    { 7, "removed with sessions, operations, searches, login: all dead in one step",
      ALL, NULL, NULL },
    { 8, "slot IDs over readers that come and go: one ID, one reader", ALL, NULL, NULL },
    { 9, "removed and inserted, nobody looked", ALL, NULL, NULL },
    { 10, "swapped for another card, nobody looked", ALL, NULL, NULL },
    { 11, "pulled at the n-th command of everything",
      ALL, "here (login and signature), faults.c", NULL },
    { 12, "reset by another program at the n-th command",
      ALL, "between calls here; at each command: faults.c", NULL },
    { 13, "the n-th allocation fails; each PC/SC call returns each error",
      PROCESS, "faults.c", "pcscd's errors are its own" },
    { 14, "the service stops and starts", ALL, NULL, NULL },
    { 15, "suspend, pull, resume", ALL, NULL, NULL },
    { 16, "a minute of polling: no command", ALL, "here in short, kiosk.c", NULL },
    { 17, "8 threads call C_Initialize at once", ALL, "here; threads.c", NULL },
    { 18, "8 threads, 2 readers, all kinds of calls",
      WORLD_SIM | WORLD_PCSCD, "threads.c, storm.c", "as WORLD_SIM, one layer lower" },
    { 19, "C_Initialize(NULL), threads anyway", ALL, "every case here", NULL },
    { 20, "fork: the child does nothing, or anything; threads wait",
      ALL, "here and module.c", NULL },
    { 21, "another program selects or resets between our calls",
      ALL, "here through pcscd, module.c", NULL },
    { 22, "closed and ended in the middle of every operation", ALL, NULL, NULL },
    { 23, "handles of every wrong kind",
      PROCESS, "module.c, fuzz.c", "handles are the same there" },
    { 24, "reader unplugged with its card and plugged in again", ALL, NULL, NULL },
    { 25, "only C_* and scard11_* are exported",
      WORLD_PCSCD, "e2e.sh", "no program here loads it" },
    { 26, "session objects go with their session; no growth",
      ALL, "here; a million: kiosk.c", NULL },
    { 27, "two cards of one kind share nothing", ALL, NULL, NULL },
    { 28, "a handle kept over many insertions; the count wraps",
      ALL, "here, handle.c and kiosk.c", NULL },
    { 29, "a new insertion is logged out", ALL, NULL, NULL },
    { 30, "changes merge only when nobody waits; the last is told", ALL, NULL, NULL },
    { 31, "a command in the gap of a swap, then the new card answers",
      ALL, "here through pcscd, module.c, faults.c", NULL },
    { 32, "a desktop's pattern", ALL, "here; clients/gsd.c", NULL },
    { 33, "NSS's pattern", WORLD_PCSCD, "clients/nss_events.c", "libnss3 loads the module" },
    { 34, "a reader plugged in later", ALL, NULL, NULL },
    { 35, "a USB key plugged in again takes its PIN", ALL, NULL, NULL },
    { 36, "another token, same reader name and count", ALL, NULL, NULL },
    { 37, "RESET reported for what was a swap",
      PROCESS, "module.c, faults.c", "pcscd writes REMOVED there: chance, the storm" },
    { 38, "held by another program", ALL, NULL, NULL },
    { 39, "another application selected while we are logged in",
      ALL, "here through pcscd, module.c", NULL },
    { 40, "a context login, then another session's call", ALL, "here; module.c", NULL },
    { 41, "a card that never answers, C_Finalize", ALL, "here through pcscd, threads.c", NULL },
    { 42, "logout renews private handles, a lost login does not", ALL, "here; module.c", NULL },
    { 43, "another card at rest: same count, none, stuck at 0; service restarted", ALL,
      "here; through pcscd by its restart", NULL },
    { 44, "after every end of a login the card asks for the PIN", ALL, "here; judge.h", NULL },
    { 47, "another process looks while we are logged in", ALL,
      "here through pcscd, piv_cards.c, cards.c", NULL },
    { 48, "no secret goes to another application", ALL, "pins.c; judge.h", NULL },
    { 50, "a card with two tokens: events for both slots", PROCESS, NULL, "it has one card type" },
    { 51, "no bytes from a card just pulled: a removal", PROCESS, NULL, "by chance: the storm" },
};

static void print_rows(void)
{
    unsigned here = 0, elsewhere = 0, cannot = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        bool shown = r->worlds & WORLD;
        printf("%3u  %-74s %s\n", r->number, r->what,
               !shown ? r->why_not : r->where ? r->where : "here");
        if (!shown) cannot++; else if (r->where) elsewhere++; else here++;
    }
    printf("%u rows here, %u shown by others too, %u not in this surrounding\n", here, elsewhere,
           cannot);
}

#ifdef ANY_MODULE
// ---- Any module: what the standard says, and what is safe ----

// Without a name the cases are listed, with one it is run.
static void any_case(const char *name, void (*run)(void), const char *wanted)
{
    if (!wanted) puts(name);
    else if (!strcmp(name, wanted)) test_case(name, run);
}

#define ANY(name) any_case(#name, case_##name, argv[1])

int main(int argc, char **argv)
{
    if (argc > 1) test_begin(1, argv);
    ANY(inserted_listed_and_removed_again_and_again_the_objects_are_the_same);
    ANY(a_removal_ends_all_sessions_in_one_step);
    ANY(out_and_in_between_two_calls_is_a_removal_and_a_logout);
    ANY(another_card_between_two_calls_gets_nothing_meant_for_the_first);
    ANY(two_cards_of_one_kind_share_nothing);
    ANY(a_handle_kept_over_many_insertions_is_refused);
    ANY(every_change_while_a_thread_waits_is_reported);
    ANY(changes_that_nobody_waits_for_may_merge_but_the_last_state_is_told);
    ANY(waiters_and_listers_miss_nothing_while_cards_come_and_go);
    ANY(a_desktop_s_pattern);
    ANY(pulled_while_everything_slept);
    ANY(pulled_at_the_nth_command);
    ANY(pulled_at_the_nth_command_of_the_first_look);
    ANY(a_command_in_the_gap_of_a_swap_never_reaches_the_new_card);
    ANY(closing_in_the_middle_of_everything_leaves_nothing);
    ANY(after_every_end_of_a_login_the_card_asks_for_the_pin);
    ANY(another_program_selects_its_application_between_our_calls);
    ANY(a_reset_by_another_program_costs_the_login_only);
    ANY(a_look_of_another_process_ends_no_login);
    ANY(a_fork_while_threads_wait_and_work);
    ANY(the_service_stops_and_comes_back_under_a_waiter);
    ANY(another_card_at_rest_is_another_card);
    return argc > 1 ? test_end() : 0;
}
#else
int main(int argc, char **argv)
{
    bool is_long = argc > 1 && !strcmp(argv[1], "long");
    if (is_long) rounds_long = 67;
    test_begin(is_long ? 1 : argc, argv);
    RUN(inserted_listed_and_removed_again_and_again_the_objects_are_the_same);
    RUN(a_removal_ends_all_sessions_in_one_step);
    RUN(out_and_in_between_two_calls_is_a_removal_and_a_logout);
    RUN(another_card_between_two_calls_gets_nothing_meant_for_the_first);
    RUN(two_cards_of_one_kind_share_nothing);
    RUN(a_handle_kept_over_many_insertions_is_refused);
    RUN(every_change_while_a_thread_waits_is_reported);
    RUN(changes_that_nobody_waits_for_may_merge_but_the_last_state_is_told);
    RUN(waiters_and_listers_miss_nothing_while_cards_come_and_go);
#if WORLD != WORLD_PCSCD
    RUN(a_reader_that_goes_is_told_once_and_comes_back_with_its_id);
    RUN(another_token_under_the_same_name_and_count_is_another_card);
    RUN(the_count_wraps);
    RUN(a_usb_key_that_is_plugged_in_again_takes_its_pin);
    RUN(one_slot_id_is_one_reader_however_many_come_and_go);
    RUN(a_reader_that_comes_while_a_thread_waits_is_told_with_an_id_that_works);
    RUN(an_operation_under_way_ends_with_its_card);
    RUN(readers_replaced_under_a_waiter_are_all_told);
#else
    RUN(readers_that_go_with_the_service_come_back_with_their_ids_and_other_cards);
    RUN(readers_that_come_with_the_service_are_told_with_ids_that_work);
    RUN(pulled_at_the_nth_command);
    RUN(pulled_at_the_nth_command_of_the_first_look);
    RUN(a_command_in_the_gap_of_a_swap_never_reaches_the_new_card);
    RUN(a_card_that_never_answers_does_not_hold_up_the_end);
    RUN(another_program_selects_its_application_between_our_calls);
#endif
    RUN(a_card_that_fails_half_way_is_tried_again_but_not_by_polling);
    RUN(the_service_stops_and_comes_back_under_a_waiter);
    RUN(polling_sends_no_command);
    RUN(a_logout_renews_private_handles_a_lost_login_does_not);
    RUN(a_context_login_does_not_outlive_another_session_s_call);
    RUN(session_objects_go_with_their_session);
    RUN(of_many_that_initialize_at_once_one_does);
    RUN(pulled_while_everything_slept);
    RUN(finalize_ends_sixteen_waits_within_100_ms);
    RUN(finalize_by_many_threads_is_one);
    RUN(a_desktop_s_pattern);
    RUN(a_fork_while_threads_wait_and_work);
    RUN(closing_in_the_middle_of_everything_leaves_nothing);
    RUN(a_reset_by_another_program_costs_the_login_only);
    RUN(a_card_that_another_program_holds_is_waited_for_by_nobody_who_need_not);
    run_rest();
    print_rows();
    return test_end();
}
#endif
