// bench.c: what the library itself costs: processor time of each call in microseconds, without the
// simulated card's own work, and the commands it sends. SPDX-License-Identifier: 0BSD
//
// Times are of the calling thread's processor (CLOCK_THREAD_CPUTIME_ID): other programs do not count.
// The middle of many rounds is shown, and the best. What a call costs with a real card is its
// commands, at 5 to 100 ms each.
#define _GNU_SOURCE
#include "../programs/scene.h"
#include <stdlib.h>
#include <time.h>

#define ROUNDS 400

static unsigned long rounds = ROUNDS;
static double card_us;                  // the simulated card's own part of the call under way
static unsigned long card_commands;
static size_t (*card_apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t timed_apdu(struct sim_card *c, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    double begun = cpu_us();
    size_t len = card_apdu(c, cmd, n, rsp, room);
    card_us += cpu_us() - begun;
    card_commands++;
    return len;
}

static void must(CK_RV rv, const char *what)
{
    if (!rv) return;
    fprintf(stderr, "bench: %s: %#lx\n", what, (unsigned long)rv);
    exit(1);
}
#define MUST(call) must((call), #call)

// ---- One kind of call ----

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE rsa, ec;
static CK_BYTE text[] = "twenty bytes of text", sig[512];

static void open_close(void)
{
    CK_SESSION_HANDLE s;
    MUST(scene_open(&s));
    MUST(C_CloseSession(s));
}

static void login(void)
{
    MUST(C_Login(session, CKU_USER, PIN, 6));
}

static void logout(void)
{
    C_Logout(session);
}

static void search(void)
{
    CK_OBJECT_HANDLE h;
    MUST(scene_find(session, CKO_PRIVATE_KEY, 1, &h));
    if (!h) must(CKR_GENERAL_ERROR, "a search");
}

// As programs do that show what is on a card: all objects, their class, label and ID.
static void list(void)
{
    CK_OBJECT_HANDLE h[64];
    CK_ULONG n;
    MUST(C_FindObjectsInit(session, NULL, 0));
    MUST(C_FindObjects(session, h, 64, &n));
    MUST(C_FindObjectsFinal(session));
    for (CK_ULONG i = 0; i < n; i++) {
        CK_OBJECT_CLASS class;
        CK_BYTE label[128], id[64];
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, label, sizeof label },
                             { CKA_ID, id, sizeof id } };
        C_GetAttributeValue(session, h[i], a, 3);
    }
}

static void sign_rsa(void)
{
    CK_ULONG n = sizeof sig;
    MUST(scene_sign(session, rsa, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n));
}

static void sign_ec(void)
{
    CK_ULONG n = sizeof sig;
    MUST(scene_sign(session, ec, CKM_ECDSA_SHA256, text, sizeof text, sig, &n));
}

static void slot_info(void)
{
    CK_SLOT_INFO info;
    MUST(C_GetSlotInfo(scene_slot, &info));
}

static void session_info(void)
{
    CK_SESSION_INFO info;
    MUST(C_GetSessionInfo(session, &info));
}

static void token_info(void)
{
    CK_TOKEN_INFO info;
    MUST(C_GetTokenInfo(scene_slot, &info));
}

static void slot_list(void)
{
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    MUST(C_GetSlotList(CK_TRUE, slots, &n));
}

static void poll_event(void)
{
    CK_SLOT_ID slot;
    C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// before runs before each round, untimed; NULL: nothing.
static void measure(const char *what, void (*run)(void), void (*before)(void))
{
    double *us = malloc(rounds * sizeof *us);
    if (!us) abort();
    if (before) before();
    run();                              // what is read once was read
    unsigned long commands = 0;
    for (unsigned long i = 0; i < rounds; i++) {
        if (before) before();
        card_us = 0;
        card_commands = 0;
        double begun = cpu_us();
        run();
        us[i] = cpu_us() - begun - card_us;
        commands = card_commands;
    }
    qsort(us, rounds, sizeof *us, by_size);
    printf("%-36s %8.1f us (best %.1f), %lu commands\n", what, us[rounds / 2], us[0], commands);
    free(us);
}

int main(int argc, char **argv)
{
    const struct sim_piv_key keys[] = {
        { .ref = 0x9a, .key = SIM_RSA2048A }, { .ref = 0x9c, .key = SIM_P256A },
        { .ref = 0x9d, .key = SIM_RSA2048B }, { .ref = 0x9e, .key = SIM_P256B },
    };
    struct sim_piv_options o = { .keys = keys, .n_keys = 4, .extended = true,
                                 .discovery = SIM_APPLICATION_PIN };
    struct scard11_counters counters;
    if (argc > 1) rounds = strtoul(argv[1], NULL, 0);
    if (!rounds) rounds = ROUNDS;
    MUST(scene_begin(&o));
    card_apdu = scene_card->apdu;
    scene_card->apdu = timed_apdu;
    double begun = cpu_us();
    slot_list();
    MUST(scene_open(&session));
    printf("%-36s %8.1f us, %lu commands\n", "a new card, to its first session",
           cpu_us() - begun - card_us, card_commands);
    card_us = 0, card_commands = 0, begun = cpu_us();
    list();
    printf("%-36s %8.1f us, %lu commands\n", "all objects of a new card",
           cpu_us() - begun - card_us, card_commands);
    login();
    MUST(scene_find(session, CKO_PRIVATE_KEY, 1, &rsa));
    MUST(scene_find(session, CKO_PRIVATE_KEY, 4, &ec));
    measure("C_Sign, RSA-2048 (SHA-256)", sign_rsa, NULL);
    measure("C_Sign, P-256 (SHA-256)", sign_ec, NULL);
    measure("a search for one key", search, NULL);
    measure("all objects, again", list, NULL);
    measure("C_OpenSession and C_CloseSession", open_close, NULL);
    measure("C_Login", login, logout);
    measure("C_GetSlotInfo", slot_info, NULL);
    measure("C_GetSlotList(CK_TRUE)", slot_list, NULL);
    measure("C_GetTokenInfo", token_info, NULL);
    measure("C_GetSessionInfo", session_info, NULL);
    measure("C_WaitForSlotEvent, not blocking", poll_event, NULL);
    if (!scard11_stats(scene_slot, &counters))
        printf("the card takes %lu bytes, the reader %lu besides\n",
               (unsigned long)counters.card_memory, (unsigned long)SCARD11_SCRATCH);
    scene_end();
    return 0;
}
