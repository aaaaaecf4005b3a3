// kiosk.c: what an unattended machine does for years, in short: cards in and out with sessions,
// signatures and derived keys; the library ended while many threads wait; polling with no card
// traffic. Memory and descriptors stay as they were after the first hundred insertions, and no
// handle is ever given out twice. SPDX-License-Identifier: 0BSD
//
//     kiosk [insertions N] [ends N] [seconds N] [objects N]
#define _GNU_SOURCE
#include "growth.h"
#include "scene.h"
#include "finalize_watch.h"
#include "storm_card.h"
#include <sys/resource.h>
#include <unistd.h>

#define WAITERS     16
#define PER_CARD    5                   // handles that one insertion gives

static unsigned long insertions = 100000, ends = 500, seconds = 5, objects = 20000;

// ---- Handles, all that were ever given out ----

static uint64_t *given;
static size_t given_room;

static bool is_new_handle(uint64_t h)
{
    size_t at = (size_t)(h * 0x9e3779b97f4a7c15u >> 20) % given_room;
    while (given[at] != UINT64_MAX) {
        if (given[at] == h) return false;
        at = (at + 1) % given_room;
    }
    given[at] = h;
    return h != 0;
}

// ---- Insertions ----

static struct storm_card *cards[3];     // the second has the keys of the first, the third others
static unsigned long rss_before, fds_before;

// One visitor: everything that the card can do, and then it is pulled, logged in and in use.
static void visit(int reader, struct storm_card *card, uint64_t stamp)
{
    CK_SESSION_HANDLE session, again;
    CK_OBJECT_HANDLE key, certificate, base, secret;
    CK_SESSION_INFO info;
    CK_BYTE text[] = "one visitor", sig[256], value[64], der[2048];
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value }, c = { CKA_VALUE, der, sizeof der };
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, sizeof sim_p256_point,
                                 (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_ULONG n = sizeof sig;
    CK_SLOT_ID slot;
    char pin[24];
    storm_set_stamp(card, stamp);
    storm_pin(stamp, pin);
    sim_reader_insert(reader, &card->card);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
    CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &certificate), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, certificate, &c, 1), CKR_OK);
    CHECK_EQ(storm_get64(der + c.ulValueLen - 8), stamp);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, 8), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &base), CKR_OK);
    CHECK_RV(C_DeriveKey(session, &m, base, NULL, 0, &secret), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, secret, &v, 1), CKR_OK);
    CHECK_EQ(storm_get64(value), stamp);
    CHECK(is_new_handle(session) && is_new_handle(key) && is_new_handle(certificate) &&
          is_new_handle(base) && is_new_handle(secret));
    sim_reader_eject(reader);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &again), CKR_TOKEN_NOT_PRESENT);
}

static void begin(void)
{
    C_Finalize(NULL);
    sim_reader_clear();
    for (int i = 0; i < 3; i++) cards[i] = storm_card_new(i == 2);
}

static void end(void)
{
    C_Finalize(NULL);
    struct sim_reader_stats s = sim_reader_stats();
    sim_reader_clear();
    for (int i = 0; i < 3; i++) cards[i]->card.free(&cards[i]->card);
    if (test_failing) return;
    CHECK_EQ(s.connections + s.contexts, 0);
    CHECK_EQ(s.unbalanced + s.outside + s.after_removed, 0);
    CHECK_EQ(storm_cards.stray_pins, 0);
}

TEST(cards_in_and_out)
{
    begin();
    given_room = PER_CARD * insertions * 2 + 1000;
    given = malloc(given_room * sizeof *given);
    CHECK(given);
    memset(given, 0xff, given_room * sizeof *given);    // all its pages are there from now on
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    int reader = sim_reader_add("Kiosk");
    CK_SLOT_ID slot;
    uint64_t begun = now_us();
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
    for (unsigned long i = 1; i <= insertions && !test_failing; i++) {
        visit(reader, cards[i % 3], i);
        if (i == 100) rss_before = rss_kib(), fds_before = descriptors();
    }
    if (test_failing) return;
    unsigned long rss = rss_kib(), fds = descriptors();
    printf("%lu insertions in %.1f s; memory %lu KiB after 100, %lu KiB at the end; "
           "descriptors %lu, %lu\n", insertions, (double)(now_us() - begun) / 1e6, rss_before, rss,
           fds_before, fds);
    CHECK(rss <= rss_before + 128);
    CHECK_EQ(fds, fds_before);
    free(given);
    end();
}

// ---- The end, while threads wait ----

static CK_RV waited[WAITERS];

// A card that stays, and keys of sessions that do not: made, used, destroyed, or gone with their
// session.
TEST(session_objects_come_and_go)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BYTE value[32] = { 1 }, iv[16] = { 2 }, out[64];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VALUE, value, sizeof value }, { CKA_LABEL, iv, sizeof iv } };
    CK_MECHANISM m = { CKM_AES_CBC_PAD, iv, sizeof iv };
    struct scard11_counters first = { 0 }, last;
    CK_SESSION_HANDLE session, mine;
    CK_OBJECT_HANDLE key, copy;
    uint64_t begun = now_us();
    begin();
    sim_reader_insert(sim_reader_add("Kiosk 00 00"), &cards[0]->card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    for (unsigned long i = 0; i < objects; i++) {
        CK_ULONG n = sizeof out;
        CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &mine), CKR_OK);
        CHECK_RV(C_CreateObject(mine, t, 4, &key), CKR_OK);
        CHECK_RV(C_CopyObject(mine, key, NULL, 0, &copy), CKR_OK);
        CHECK_RV(C_EncryptInit(mine, &m, copy), CKR_OK);
        if (i % 16 == 0) CHECK_RV(C_Encrypt(mine, value, 32, out, &n), CKR_OK);
        if (i % 3) CHECK_RV(C_DestroyObject(mine, key), CKR_OK);
        CHECK_RV(C_CloseSession(mine), CKR_OK);
        CHECK_RV(C_GetAttributeValue(session, copy, t, 1), CKR_OBJECT_HANDLE_INVALID);
        if (i == 100) CHECK_RV(scard11_stats(0, &first), CKR_OK);
    }
    CHECK_RV(scard11_stats(0, &last), CKR_OK);
    printf("%lu session objects in %.1f s; the card's memory %llu bytes after 100, %llu at the "
           "end\n", objects, (double)(now_us() - begun) / 1e6,
           (unsigned long long)first.card_memory, (unsigned long long)last.card_memory);
    CHECK_EQ(first.card_memory, last.card_memory);
    end();
}

static uint64_t waited_stalled_us[WAITERS];

static void *wait_once(void *arg)
{
    CK_SLOT_ID id;
    waited[(uintptr_t)arg] = C_WaitForSlotEvent(0, &id, NULL);
    waited_stalled_us[(uintptr_t)arg] = stall_of_thread_us();
    return NULL;
}

TEST(the_end_while_sixteen_threads_wait)
{
    uint64_t longest = 0;
    struct ending e;
    begin();
    stall_begin();
    sim_reader_insert(sim_reader_add("Kiosk"), &cards[0]->card);
    for (unsigned long round = 0; round < ends; round++) {
        pthread_t t[WAITERS];
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        for (uintptr_t i = 0; i < WAITERS; i++)
            CHECK(!pthread_create(&t[i], NULL, wait_once, (void *)i));
        // Some rounds end before all have begun to wait: those find the library not initialised.
        if (round % 4) CHECK(sim_reader_await_waiting(WAITERS, 5000));
        CHECK_RV(ending_run(&e), CKR_OK);
        if (e.took_us > longest) longest = e.took_us;
        for (int i = 0; i < WAITERS; i++) {
            pthread_join(t[i], NULL);
            e.stalled_us += waited_stalled_us[i];
        }
        if (ending_wrong(&e, WAITERS)) ending_print(&e);
        CHECK(!ending_wrong(&e, WAITERS));
        for (int i = 0; i < WAITERS; i++) CHECK_RV(waited[i], CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    stall_end();
    printf("%lu ends with %d threads that wait: C_Finalize took %.1f ms at most\n", ends, WAITERS,
           (double)longest / 1000);
    end();
}

// ---- A card pulled in mid-command ----

static CK_SESSION_HANDLE pulled_session;
static CK_RV pulled_rv;
static uint64_t pulled_us;

static void *sign_until_pulled(void *arg)
{
    CK_BYTE text[] = "pulled", sig[256];
    CK_ULONG n = sizeof sig;
    CK_OBJECT_HANDLE key = *(CK_OBJECT_HANDLE *)arg;
    pulled_rv = scene_sign(pulled_session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
    pulled_us = now_us();
    return NULL;
}

// A call whose card never answers ends when the card is pulled: within 100 ms, stalls of the machine
// not counted.
TEST(a_pulled_card_ends_the_call_under_way)
{
    CK_OBJECT_HANDLE key;
    CK_SESSION_INFO info;
    pthread_t t;
    char pin[24];
    uint64_t longest = 0;
    begin();
    stall_begin();
    int reader = sim_reader_add("Kiosk");
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    for (uint64_t stamp = 1; stamp <= 100; stamp++) {
        struct storm_card *card = cards[stamp % 3];
        storm_set_stamp(card, stamp);
        storm_pin(stamp, pin);
        sim_reader_insert(reader, &card->card);
        CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &pulled_session), CKR_OK);
        CHECK_RV(C_Login(pulled_session, CKU_USER, (CK_UTF8CHAR *)pin, 8), CKR_OK);
        CHECK_RV(scene_find(pulled_session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        sim_reader_fault(SIM_HANG, 1, NULL);
        CHECK(!pthread_create(&t, NULL, sign_until_pulled, &key));
        CHECK(sim_reader_await_hang(5000));
        stall_reset();
        uint64_t begun = now_us();
        sim_reader_eject(reader);
        pthread_join(t, NULL);
        uint64_t took = pulled_us > begun ? pulled_us - begun : 0;
        if (took > longest) longest = took;
        CHECK_EQ(stall_over_us(took, 100000), 0);
        CHECK_RV(pulled_rv, CKR_DEVICE_REMOVED);
        CHECK_RV(C_GetSessionInfo(pulled_session, &info), CKR_SESSION_HANDLE_INVALID);
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    }
    stall_end();
    printf("100 cards pulled in mid-command: the call ended after %.1f ms at most\n",
           (double)longest / 1000);
    end();
}

// ---- Polling ----

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

TEST(polling_costs_nothing)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    CK_SLOT_ID slots[8], id;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
    CK_ULONG n;
    pthread_t t;
    begin();
    sim_reader_insert(sim_reader_add("Kiosk"), &cards[0]->card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(C_GetTokenInfo(0, &token), CKR_OK);
    n = 8;
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    CHECK(!pthread_create(&t, NULL, wait_once, NULL));
    CHECK(sim_reader_await_waiting(1, 1000));
    unsigned long before = sim_reader_stats().transmits;
    double cpu = cpu_seconds();
    uint64_t begun = now_us();
    while (now_us() - begun < seconds * 1000000u) {
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
        CHECK_RV(C_GetSlotInfo(0, &slot), CKR_OK);
        CHECK_RV(C_GetTokenInfo(0, &token), CKR_OK);
        n = 8;
        CHECK_RV(C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
        n = 8;
        CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
        usleep(10000);
    }
    cpu = (cpu_seconds() - cpu) / ((double)(now_us() - begun) / 1e6);
    unsigned long sent = sim_reader_stats().transmits - before;
    printf("polling for %lu s: %lu commands to the card, %.2f %% of a core\n", seconds, sent,
           100 * cpu);
    CHECK_EQ(sent, 0);
    CHECK(cpu < 0.01);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(t, NULL);
    CHECK_RV(waited[0], CKR_CRYPTOKI_NOT_INITIALIZED);
    end();
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long v = strtoul(argv[i + 1], NULL, 0);
        if (!strcmp(argv[i], "insertions")) insertions = v;
        else if (!strcmp(argv[i], "ends")) ends = v;
        else if (!strcmp(argv[i], "seconds")) seconds = v;
        else if (!strcmp(argv[i], "objects")) objects = v;
        else return fprintf(stderr, "kiosk: what is %s?\n", argv[i]), 2;
    }
    test_begin(1, argv);
    RUN(cards_in_and_out);
    RUN(session_objects_come_and_go);
    RUN(the_end_while_sixteen_threads_wait);
    RUN(a_pulled_card_ends_the_call_under_way);
    RUN(polling_costs_nothing);
    return test_end();
}
