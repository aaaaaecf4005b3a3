// wiped.c: a private key that a card is given, PINs, PUKs and the key of the SO are nowhere in the process
// afterwards, beside the caller's own, nor in the log: whether the card took them, refused them, or was
// pulled. Everything that can be written to is searched: heap, stacks, data.
// SPDX-License-Identifier: 0BSD
//
// The simulated card is in another process, as it holds the key by right. What that process and this one
// share is the caller's: the template, what is searched for, and the commands on their way.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS        // a private key's number, of mbedTLS 3
#define _GNU_SOURCE
#include "written.h"
#include <ctype.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS  8
#define WINDOW   16                     // bytes in a row of a secret that are too many
#define WINDOWS  400
#define PIN_LEAST 8                     // characters of a PIN: fewer are found by chance

static struct shared {
    sem_t asked, answered;
    struct sim_card like;               // what all kinds have of the card
    bool resets, ends;
    size_t cmd_n, rsp_n;
    uint8_t cmd[70000], rsp[70000];
    // The template: numbers, with their attributes
    size_t numbers;
    struct { CK_ATTRIBUTE_TYPE type; size_t n; bool secret; uint8_t bytes[512]; } number[NUMBERS];
    CK_ATTRIBUTE template[NUMBERS + 8];
    CK_ULONG template_n;
    // What is searched for: windows of the secrets, as they are and turned round, as mbedTLS has them
    size_t windows;
    uint8_t window[WINDOWS][WINDOW];
    size_t window_n[WINDOWS];           // WINDOW, or as long as a PIN is
    // What a call gives: an old and a new PIN or key of the SO, or the only one
    struct { size_t n; uint8_t bytes[64]; } old, fresh;
    uint8_t begins[65536 / 8];          // with which two bytes
    char log[100000];
    size_t log_n;
} *shared;

static const struct written_kind *kind;

// ---- The card in another process ----

static pid_t card_process;

static size_t far_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    card->apdus++;
    memcpy(shared->cmd, cmd, n);
    shared->cmd_n = n;
    sem_post(&shared->asked);
    sem_wait(&shared->answered);
    if (shared->rsp_n > room) abort();
    memcpy(rsp, shared->rsp, shared->rsp_n);
    return shared->rsp_n;
}

static void far_reset(struct sim_card *card)
{
    (void)card;
    shared->resets = true;
    sem_post(&shared->asked);
    sem_wait(&shared->answered);
}

static void far_free(struct sim_card *card)
{
    shared->ends = true;
    sem_post(&shared->asked);
    waitpid(card_process, NULL, 0);
    card_process = 0;
    free(card);
}

// ---- What is searched for ----

static void search_for_few(const uint8_t *p, size_t n)
{
    if (shared->windows == WINDOWS || n > WINDOW) abort();
    shared->window_n[shared->windows] = n;
    memcpy(shared->window[shared->windows++], p, n);
    unsigned first = (unsigned)p[0] << 8 | p[1];
    shared->begins[first / 8] |= (uint8_t)(1u << first % 8);
}

static void search_for(const uint8_t *p) { search_for_few(p, WINDOW); }

static void search_for_secret(const uint8_t *p, size_t n)
{
    uint8_t turned[512];
    for (size_t i = 0; i < n; i++) turned[i] = p[n - 1 - i];
    for (size_t at = 0; at + WINDOW <= n; at += WINDOW) search_for(p + at), search_for(turned + at);
    memset(turned, 0, sizeof turned);   // this process may not have it either
    __asm__ volatile("" : : "r"(turned) : "memory");
}

static void add_number(CK_ATTRIBUTE_TYPE type, const mbedtls_mpi *number, size_t size, bool secret)
{
    uint8_t *to = shared->number[shared->numbers].bytes;
    size_t n = size ? size : mbedtls_mpi_size(number);
    if (shared->numbers == NUMBERS || mbedtls_mpi_write_binary(number, to, n)) abort();
    shared->number[shared->numbers].type = type;
    shared->number[shared->numbers].n = n;
    shared->numbers++;
    if (secret) search_for_secret(to, n);
}

static void add_rsa(const mbedtls_rsa_context *rsa)
{
    static const struct { CK_ATTRIBUTE_TYPE type; bool secret; } parts[] = {
        { CKA_MODULUS, false }, { CKA_PRIME_1, true }, { CKA_PRIME_2, true },
        { CKA_PRIVATE_EXPONENT, true }, { CKA_PUBLIC_EXPONENT, false }, { CKA_EXPONENT_1, true },
        { CKA_EXPONENT_2, true }, { CKA_COEFFICIENT, true } };
    mbedtls_mpi n[8];
    for (int i = 0; i < 8; i++) mbedtls_mpi_init(&n[i]);
    if (mbedtls_rsa_export(rsa, &n[0], &n[1], &n[2], &n[3], &n[4]) ||
        mbedtls_rsa_export_crt(rsa, &n[5], &n[6], &n[7])) abort();
    for (int i = 0; i < 8; i++) add_number(parts[i].type, &n[i], 0, parts[i].secret);
}

// In the card's process: the template is made where this one has never seen the key.
static void prepare(enum sim_key key)
{
    mbedtls_pk_context pk;
    sim_key_parse(&pk, sim_key_data(key));
    if (sim_key_data(key)->rsa) add_rsa(mbedtls_pk_rsa(pk));
    else add_number(CKA_VALUE, &mbedtls_pk_ec(pk)->d, sim_key_data(key)->bits / 8, true);
}

static void card_runs(enum sim_key key)
{
    struct sim_card *card = kind->blank(false);
    if (key) prepare(key);
    shared->like = *card;
    sem_post(&shared->answered);
    for (;;) {
        sem_wait(&shared->asked);
        if (shared->ends) _exit(0);
        if (shared->resets) card->reset(card);
        else shared->rsp_n = card->apdu(card, shared->cmd, shared->cmd_n, shared->rsp, 70000);
        shared->resets = false;
        sem_post(&shared->answered);
    }
}

// A stand-in for a card in a process of its own: this one has never had what such a card knows.
static struct sim_card *card_far_away(enum sim_key key)
{
    struct sim_card *card = malloc(sizeof *card);
    if (card_process) kill(card_process, SIGKILL), waitpid(card_process, NULL, 0);  // of a case that failed
    if (!card) abort();
    memset(shared, 0, sizeof *shared);
    if (sem_init(&shared->asked, 1, 0) || sem_init(&shared->answered, 1, 0)) abort();
    fflush(stdout);
    card_process = fork();
    if (!card_process) card_runs(key);
    sem_wait(&shared->answered);
    *card = shared->like;
    card->apdu = far_apdu;
    card->reset = far_reset;
    card->free = far_free;
    card->verified = NULL;
    card->pin = NULL;
    card->select_other = NULL;
    return card;
}

// ---- The search ----

// Where in these bytes something of a secret stands; NULL: nowhere.
static const uint8_t *search(const uint8_t *p, size_t n)
{
    for (size_t at = 0; at + WINDOW <= n; at++) {
        unsigned first = (unsigned)p[at] << 8 | p[at + 1];
        if (!(shared->begins[first / 8] & 1u << first % 8)) continue;
        for (size_t i = 0; i < shared->windows; i++)
            if (!memcmp(p + at, shared->window[i], shared->window_n[i])) return p + at;
    }
    return NULL;
}

// All memory of this process that can be written to, but what is shared. How often, and where first.
static unsigned search_all(char where[200])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[400], rights[8];
    unsigned long from, to;
    unsigned found = 0;
    *where = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3) continue;
        if (rights[0] != 'r' || rights[1] != 'w' || from == (unsigned long)shared) continue;
        const uint8_t *p = (const uint8_t *)from, *hit; // NOLINT
        for (; (hit = search(p, to - (unsigned long)p)); p = hit + WINDOW)
            if (!found++) snprintf(where, 200, "%p in %.160s", (const void *)hit, line);
    }
    if (maps) fclose(maps);
    return found;
}

static void check_nothing_left(const char *when)
{
    char where[200];
    unsigned n = search_all(where);
    if (n) test_fail(__FILE__, __LINE__, "%s, %s: %u parts are left, the first at %s", kind->name, when,
                     n, where);
    char hex[2 * WINDOW + 1];
    for (size_t i = 0; i < shared->log_n; i++) shared->log[i] = (char)tolower(shared->log[i]);
    for (size_t i = 0; i < shared->windows && !test_failing; i++) {
        size_t n_i = shared->window_n[i];
        for (size_t k = 0; k < n_i; k++) snprintf(hex + 2 * k, 3, "%02x", shared->window[i][k]);
        bool told = strstr(shared->log, hex) || memmem(shared->log, shared->log_n, shared->window[i], n_i);
        memset(hex, 0, sizeof hex);
        if (told) test_fail(__FILE__, __LINE__, "%s, %s: it is in the log", kind->name, when);
    }
}

TEST(wiped_what_is_left_would_be_found)
{
    char where[200];
    kind = &written_kinds[0];
    struct sim_card *card = card_far_away(SIM_RSA2048A);
    CHECK(shared->windows > 100);
    check_nothing_left("now");
    uint8_t *copy = malloc(200), on_stack[WINDOW];
    if (!copy) abort();
    memcpy(copy + 3, shared->number[1].bytes + 32, 40);
    CHECK(search_all(where) > 0);
    memset(copy, 0, 200);
    __asm__ volatile("" : : "r"(copy) : "memory");
    check_nothing_left("now");
    for (int i = 0; i < WINDOW; i++) on_stack[i] = shared->number[3].bytes[255 - i];
    __asm__ volatile("" : : "r"(on_stack) : "memory");
    CHECK_EQ(search_all(where), 1);
    memset(on_stack, 0, sizeof on_stack);
    __asm__ volatile("" : : "r"(on_stack) : "memory");
    free(copy);
    card->free(card);
}

// ---- Scenes ----

static void take_line(void *context, const char *line)
{
    size_t n = strlen(line);
    (void)context;
    if (shared->log_n + n + 1 < sizeof shared->log) memcpy(shared->log + shared->log_n, line, n);
    if (shared->log_n + n + 1 < sizeof shared->log) shared->log_n += n;
}

static void begin_blank(enum sim_key key)
{
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = card_far_away(key);
    scene_slot = 0;
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    CHECK_RV(scard11_set_log(take_line, NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

static void begin(enum sim_key key)
{
    begin_blank(key);
    if (!test_failing) CHECK_RV(written_set_up(kind), CKR_OK);
}

static void fill_template(enum sim_key key, CK_BYTE *id)
{
    static CK_KEY_TYPE rsa = CKK_RSA, ec = CKK_EC;
    static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    const CK_ATTRIBUTE more[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 },
        { CKA_KEY_TYPE, sim_key_data(key)->rsa ? &rsa : &ec, sizeof rsa }, { CKA_ID, id, 1 },
        { CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256 } };
    CK_ULONG n = 0;
    for (size_t i = 0; i < shared->numbers; i++)
        shared->template[n++] = (CK_ATTRIBUTE){ shared->number[i].type, shared->number[i].bytes,
                                                shared->number[i].n };
    for (size_t i = 0; i < (sim_key_data(key)->rsa ? 4u : 5u); i++) shared->template[n++] = more[i];
    shared->template_n = n;
}

// An AES key that only the caller has.
static void fill_secret_template(CK_BYTE *id)
{
    static CK_KEY_TYPE aes = CKK_AES;
    static CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    uint8_t *value = shared->number[0].bytes;
    const CK_ATTRIBUTE all[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 },
        { CKA_KEY_TYPE, &aes, sizeof aes }, { CKA_ID, id, 1 }, { CKA_VALUE, value, 32 } };
    for (size_t i = 0; i < 32; i++) value[i] = (uint8_t)test_any_below(256);
    search_for_secret(value, 32);
    memcpy(shared->template, all, sizeof all);
    shared->template_n = 5;
}

// In a thread, whose stack nobody writes to afterwards.
static CK_RV create_rv;
static uint8_t *thread_stack;
#define STACK (1024u * 1024)

static void *create(void *arg)
{
    CK_OBJECT_HANDLE made;
    (void)arg;
    create_rv = C_CreateObject(session, shared->template, shared->template_n, &made);
    return NULL;
}

static CK_RV create_in_a_thread(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) || pthread_attr_setstack(&attr, thread_stack, STACK) ||
        pthread_create(&thread, &attr, create, NULL) || pthread_join(thread, NULL)) abort();
    pthread_attr_destroy(&attr);
    return create_rv;
}

static bool takes(enum sim_key key)
{
    if (!key) return kind->takes_secret_keys;
    const struct sim_key_data *asked = sim_key_data(key);
    for (int i = 0; i < 4 && kind->imports[i]; i++) {
        const struct sim_key_data *given = sim_key_data(kind->imports[i]);
        if (given->rsa == asked->rsa && given->bits == asked->bits) return true;
    }
    return false;
}

// SIM_NO_KEY: an AES key. Returns whether the fault came to pass.
static bool give(enum sim_key key, enum sim_fault fault, unsigned n)
{
    CK_BYTE id = kind->ids[0];
    begin(key);
    if (test_failing) return false;
    if (key) fill_template(key, &id);
    else     fill_secret_template(&id);
    sim_reader_fault(fault, n, NULL);
    CK_RV rv = create_in_a_thread();
    bool fired = sim_reader_fired();
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (!fired && rv && takes(key))
        test_fail(__FILE__, __LINE__, "%s: C_CreateObject: %#lx", kind->name, rv);
    if (!test_failing) check_nothing_left(fired ? sim_fault_name(fault) : "given");
    C_Finalize(NULL);
    if (!test_failing) check_nothing_left("at the end");
    scene_end();
    return fired && !test_failing;
}

TEST(wiped_keys_that_a_card_was_given)
{
    static const enum sim_key keys[] = { SIM_RSA2048A, SIM_P256A };
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_FAILED_AFTER, SIM_ANSWER_6F00, SIM_RESET,
                                             SIM_EJECT_AFTER };
    for (size_t k = 0; k < WRITTEN_KINDS; k++)
        for (size_t i = 0; i < 2 && !test_failing; i++) {
            kind = &written_kinds[k];
            bool fired = true;
            give(keys[i], SIM_NO_FAULT, 0);
            for (unsigned n = 1; fired && !test_failing; n += 1 + n / 6)
                fired = give(keys[i], faults[n % 5], n);
        }
}

// AES keys: of a kind that takes none it is refused.
TEST(wiped_secret_keys_that_a_card_was_given)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_FAILED_AFTER, SIM_ANSWER_6F00, SIM_RESET,
                                             SIM_EJECT_AFTER };
    for (size_t k = 0; k < WRITTEN_KINDS && !test_failing; k++) {
        kind = &written_kinds[k];
        bool fired = kind->takes_secret_keys;
        give(SIM_NO_KEY, SIM_NO_FAULT, 0);
        for (unsigned n = 1; fired && !test_failing; n += 1 + n / 6)
            fired = give(SIM_NO_KEY, faults[n % 5], n);
    }
}

// A template that says too little, or does not go together, is refused before the card is asked.
TEST(wiped_keys_that_were_refused)
{
    for (unsigned i = 0; i < 9 && !test_failing; i++) {
        CK_BYTE id = 1;
        kind = &written_kinds[0];
        begin(SIM_RSA2048A);
        if (test_failing) return;
        fill_template(SIM_RSA2048A, &id);
        if (i < 8) shared->template[i] = shared->template[--shared->template_n];
        else shared->number[1].bytes[64] ^= 1;
        CHECK(create_in_a_thread() != CKR_OK);
        if (i == 8) shared->number[1].bytes[64] ^= 1;
        check_nothing_left("refused");
        if (!test_failing) scene_end();
    }
}

// The key that the SO gave is kept as long as the login.
TEST(wiped_key_of_the_so)
{
    for (size_t k = 0; k < WRITTEN_KINDS && !test_failing; k++) {
        uint8_t key[64];
        kind = &written_kinds[k];
        size_t n = kind->so ? strlen(kind->so) / 2 : 0;
        if (n < WINDOW) continue;
        begin(SIM_NO_KEY);
        if (test_failing) return;
        for (size_t i = 0; i < n; i++) {
            unsigned byte;
            if (sscanf(kind->so + 2 * i, "%2x", &byte) != 1) abort();
            key[i] = (uint8_t)byte;
        }
        search_for(key);
        memset(key, 0, sizeof key);
        __asm__ volatile("" : : "r"(key) : "memory");
        CHECK_RV(C_Logout(session), CKR_OK);
        check_nothing_left("logged out");
        if (!test_failing) scene_end();
    }
}

// ---- PINs ----

enum work { LOGIN_USER, LOGIN_SO, SET_PIN, INIT_PIN, INIT_TOKEN };

// Digits, or hexadecimal ones, that only the caller has.
static void choose(size_t n, bool hex, size_t *out_n, uint8_t *out)
{
    *out_n = n;
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)"0123456789abcdef"[test_any_below(hex ? 16 : 10)];
    for (size_t at = 0; at + PIN_LEAST <= n; at += PIN_LEAST) search_for_few(out + at, PIN_LEAST);
    size_t piece = n < 2 * WINDOW ? n : 2 * WINDOW;
    for (size_t at = 0; hex && at + piece <= n; at += piece) {                    // what they stand for
        uint8_t bytes[WINDOW];
        for (size_t i = 0; i < piece; i++) {
            unsigned digit = out[at + i] <= '9' ? out[at + i] - '0' + 0u : out[at + i] - 'a' + 10u;
            bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
        }
        search_for_few(bytes, piece / 2);
        memset(bytes, 0, sizeof bytes);
        __asm__ volatile("" : : "r"(bytes) : "memory");
    }
}

static void *work_in_thread(void *arg)
{
    CK_UTF8CHAR *old = shared->old.bytes, *fresh = shared->fresh.bytes;
    CK_UTF8CHAR label[33] = "Wiped                           ";
    switch (*(enum work *)arg) {
    case LOGIN_USER: create_rv = C_Login(session, CKU_USER, old, shared->old.n); break;
    case LOGIN_SO:   create_rv = C_Login(session, CKU_SO, old, shared->old.n); break;
    case SET_PIN:    create_rv = C_SetPIN(session, old, shared->old.n, fresh, shared->fresh.n); break;
    case INIT_TOKEN: create_rv = C_InitToken(scene_slot, old, shared->old.n, label); break;
    default:         create_rv = C_InitPIN(session, fresh, shared->fresh.n);
    }
    return NULL;
}

static CK_RV work_apart(enum work work)
{
    pthread_t thread;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) || pthread_attr_setstack(&attr, thread_stack, STACK) ||
        pthread_create(&thread, &attr, work_in_thread, &work) || pthread_join(thread, NULL)) abort();
    pthread_attr_destroy(&attr);
    return create_rv;
}

static void take(const char *text)
{
    shared->old.n = strlen(text);
    memcpy(shared->old.bytes, text, shared->old.n);
}

static void take_fresh(void) { memcpy(&shared->old, &shared->fresh, sizeof shared->old); }

// A step of a scene, after which no login is left that keeps something. Its fault came to pass: the rest
// is left out.
static bool step(const char *what, enum work work, CK_RV want)
{
    if (test_failing || sim_reader_fired()) return false;
    CK_RV rv = work_apart(work);
    bool so = work == LOGIN_SO || work == INIT_PIN;
    if (rv != want && !sim_reader_fired()) test_fail(__FILE__, __LINE__, "%s, %s: %#lx", kind->name, what, rv);
    if (so && !rv && !sim_reader_fired()) return true;              // it is kept as long as that login
    if (!test_failing) C_Logout(session);
    if (!test_failing) check_nothing_left(what);
    return !rv;
}

// The SO's PIN or key given, changed, and by it the user's; then a wrong one.
static void give_so_pins(const char *so)
{
    bool key = strlen(so) > 16;
    take(so);
    choose(strlen(so), key, &shared->fresh.n, shared->fresh.bytes);
    if (step("the SO", LOGIN_SO, CKR_OK)) {
        CK_RV rv = work_apart(SET_PIN);             // not all cards' can be changed
        C_Logout(session);
        if (!test_failing) check_nothing_left("the SO's set");
        if (!rv) take_fresh();
    }
    if (step("the SO's new one", LOGIN_SO, CKR_OK)) {
        choose(PIN_LEAST, false, &shared->fresh.n, shared->fresh.bytes);
        (void)work_apart(INIT_PIN);
        C_Logout(session);
        if (!test_failing) check_nothing_left("a PIN by the SO");
    }
    choose(strlen(so), key, &shared->old.n, shared->old.bytes);
    if (key) shared->old.n /= 2;                    // the bytes of a key, not digits
    if (!sim_reader_fired() && !test_failing) (void)work_apart(LOGIN_SO);
    C_Logout(session);
    if (!test_failing) check_nothing_left("a wrong one of the SO's");
}

// The user's PIN changed, right and wrong ones given; then the SO's, where the kind has one.
static bool give_pins(enum sim_fault fault, unsigned n)
{
    const char *so = kind->so ? kind->so : kind->first_so;
    begin(SIM_NO_KEY);
    if (test_failing) return false;
    C_Logout(session);
    sim_reader_fault(fault, n, NULL);
    choose(PIN_LEAST, false, &shared->fresh.n, shared->fresh.bytes);
    take(kind->user);
    step("a PIN set", SET_PIN, CKR_OK);
    take_fresh();
    step("a right PIN", LOGIN_USER, CKR_OK);
    choose(PIN_LEAST, false, &shared->old.n, shared->old.bytes);
    step("a wrong PIN", LOGIN_USER, CKR_PIN_INCORRECT);
    if (so) give_so_pins(so);
    bool fired = sim_reader_fired();
    C_Finalize(NULL);
    if (!test_failing) check_nothing_left("at the end");
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    judge_wrong(2);
    scene_end();
    return fired && !test_failing;
}

TEST(wiped_pins)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_FAILED_AFTER, SIM_ANSWER_6F00, SIM_RESET,
                                             SIM_EJECT_AFTER };
    for (size_t k = 0; k < WRITTEN_KINDS && !test_failing; k++) {
        kind = &written_kinds[k];
        bool fired = true;
        give_pins(SIM_NO_FAULT, 0);
        for (unsigned n = 1; fired && !test_failing; n += 1 + n / 4) fired = give_pins(faults[n % 5], n);
    }
}

// What a blank card is begun with, which is its SO's then.
TEST(wiped_what_a_card_is_begun_with)
{
    for (size_t k = 0; k < WRITTEN_KINDS && !test_failing; k++) {
        kind = &written_kinds[k];
        if (!kind->init_token) continue;
        begin_blank(SIM_NO_KEY);
        if (test_failing) return;
        size_t n = strlen(kind->first_so);
        choose(n, n > PIN_LEAST, &shared->old.n, shared->old.bytes);
        CHECK_RV(work_apart(INIT_TOKEN), CKR_OK);
        check_nothing_left("begun");
        if (!test_failing) scene_end();
    }
}

int main(int argc, char **argv)
{
    // A function that is looked up when it is first called has the registers put on the stack.
    if (!getenv("LD_BIND_NOW") && !setenv("LD_BIND_NOW", "1", 1)) execv("/proc/self/exe", argv);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    thread_stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || thread_stack == MAP_FAILED) return 1;
    test_begin(argc, argv);
    RUN(wiped_what_is_left_would_be_found);
    RUN(wiped_keys_that_a_card_was_given);
    RUN(wiped_secret_keys_that_a_card_was_given);
    RUN(wiped_keys_that_were_refused);
    RUN(wiped_key_of_the_so);
    RUN(wiped_pins);
    RUN(wiped_what_a_card_is_begun_with);
    if (card_process) kill(card_process, SIGKILL);
    return test_end();
}
