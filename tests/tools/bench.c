// bench.c: what the library itself costs: each call that a program makes in a loop, on cards that answer at
// once, and how it grows with objects, sessions and readers. SPDX-License-Identifier: 0BSD
//
//     bench [ROUNDS]      a line for each: scene, call, commands, nanoseconds (median, least)
//
// The reader is of this program, without a lock. It remembers what a card answered to the commands that have a
// key at work, and says it again: a card that takes no time. What the card takes for other commands is not
// counted. Times are of the thread's processor. Under callgrind (instructions.sh) each call is made once, as a
// part of the profile with its name. What a call costs with a real card is its commands, at 5 to 100 ms each.
#define _GNU_SOURCE
#include "../../scard11.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_piv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef BENCH_CALLGRIND
#include <valgrind/callgrind.h>
#endif

#define ROUNDS   200
#define CALLS    16                     // of a round, where nothing goes before each
#define MOST_NS  300e6                  // after so much no round begins, once there were five
#define READERS  16
#define PIN      ((CK_UTF8CHAR *)"123456")

static unsigned rounds = ROUNDS;

// ---- The reader ----

struct answer {
    struct sim_card *card;
    uint8_t cmd[600], rsp[600];
    size_t cmd_len, rsp_len;
};

static struct sim_card *cards[READERS];
static unsigned readers, answer_count;
static struct answer answers[64];
static uint8_t room[65538];
static double card_ns;                  // the cards' own part of the call under way
static unsigned long commands;

static double now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int scard11_reader_start(void **context)
{
    *context = cards;
    return SCARD11_READER_OK;
}

void scard11_reader_stop(void *context) { (void)context; }
void scard11_reader_cancel(void *context) { (void)context; }

int scard11_reader_list(void *context, char *names, size_t *len)
{
    char all[READERS * 12 + 1], *to = all;
    (void)context;
    for (unsigned i = 0; i < readers; i++) to += sprintf(to, "Reader %02u", i) + 1;
    *to++ = 0;
    size_t n = (size_t)(to - all);
    if (*len >= n) memcpy(names, all, n);
    else if (*len) *names = 0;
    *len = n;
    return SCARD11_READER_OK;
}

#define STATE (1u << 16 | SCARD11_READER_COUNTED | SCARD11_READER_PRESENT)

int scard11_reader_wait(void *context, struct scard11_reader_state *states, size_t n, uint32_t timeout_ms)
{
    (void)context; (void)timeout_ms;
    for (size_t i = 0; i < n; i++) states[i].state = STATE;
    return SCARD11_READER_OK;
}

int scard11_reader_connect(void **conn, const char *name, unsigned how, struct scard11_reader_card *info)
{
    struct sim_card *card = cards[atoi(name + 7)];
    if (!*conn || how & SCARD11_READER_RESET_CARD) card->reset(card);
    *conn = card;
    info->protocol = 1;
    info->atr_len = card->atr_len;
    memcpy(info->atr, card->atr, card->atr_len);
    return SCARD11_READER_OK;
}

void scard11_reader_disconnect(void *conn, int reset)
{
    struct sim_card *card = conn;
    if (reset) card->reset(card);
}

int scard11_reader_status(void *conn, uint32_t *state)
{
    (void)conn;
    *state = STATE;
    return SCARD11_READER_OK;
}

int scard11_reader_begin(void *conn) { (void)conn; return SCARD11_READER_OK; }
int scard11_reader_end(void *conn) { (void)conn; return SCARD11_READER_OK; }

static struct answer *remembered(struct sim_card *card, const uint8_t *cmd, size_t n)
{
    for (unsigned i = 0; i < answer_count; i++)
        if (answers[i].card == card && answers[i].cmd_len == n && !memcmp(answers[i].cmd, cmd, n))
            return &answers[i];
    return NULL;
}

static void remember(struct sim_card *card, const uint8_t *cmd, size_t n, const uint8_t *rsp, size_t rsp_len)
{
    struct answer *a = &answers[answer_count];
    if (answer_count == sizeof answers / sizeof *answers || n > sizeof a->cmd || rsp_len > sizeof a->rsp ||
        rsp_len < 66) return;
    answer_count++;
    a->card = card;
    memcpy(a->cmd, cmd, a->cmd_len = n);
    memcpy(a->rsp, rsp, a->rsp_len = rsp_len);
}

int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len, uint8_t *rsp, size_t *rsp_len)
{
    struct sim_card *card = conn;
    bool works = cmd[1] == 0x87 || cmd[1] == 0x2a;
    struct answer *a = works ? remembered(card, cmd, cmd_len) : NULL;
    commands++;
    if (a) {
        memcpy(rsp, a->rsp, *rsp_len = a->rsp_len);
        return SCARD11_READER_OK;
    }
    double begun = now_ns(CLOCK_THREAD_CPUTIME_ID);
    size_t n = card->apdu(card, cmd, cmd_len, room, sizeof room);
    card_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
    if (n > *rsp_len) return SCARD11_READER_FAILED;
    memcpy(rsp, room, *rsp_len = n);
    if (works) remember(card, cmd, cmd_len, rsp, n);
    return SCARD11_READER_OK;
}

int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len, uint8_t *out,
                           size_t *out_len)
{
    (void)conn; (void)feature; (void)in; (void)in_len; (void)out; (void)out_len;
    return SCARD11_READER_REFUSED;
}

// ---- Measuring ----

static const char *scene;

static void must(CK_RV rv, const char *what)
{
    if (!rv) return;
    fprintf(stderr, "bench: %s: %s: %#lx\n", scene, what, (unsigned long)rv);
    exit(1);
}
#define MUST(call) must((call), #call)

#ifdef BENCH_CALLGRIND
// The library's clock (SCARD11_NOW_MS): valgrind is slow, and what is older than some milliseconds is asked for anew.
uint64_t bench_ms(void) { return 1000; }

static void measure(const char *what, void (*run)(void), void (*before)(void))
{
    char name[200];
    if (before) before();
    run();                              // what is read once was read
    if (before) before();
    commands = 0;
    CALLGRIND_ZERO_STATS;
    run();
    snprintf(name, sizeof name, "%s\t%s\t%lu", scene, what, commands);
    CALLGRIND_DUMP_STATS_AT(name);
}
#else
static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// before runs before each call, untimed; NULL: nothing.
static void measure(const char *what, void (*run)(void), void (*before)(void))
{
    unsigned long each = 0, calls = before ? 1 : CALLS;
    double *ns = malloc(rounds * sizeof *ns), spent = 0;
    unsigned n = 0;
    if (!ns) abort();
    if (before) before();
    run();                              // what is read once was read
    for (; n < rounds && (n < 5 || spent < MOST_NS); n++) {
        if (before) before();
        card_ns = 0;
        commands = 0;
        double begun = now_ns(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned long k = 0; k < calls; k++) run();
        ns[n] = (now_ns(CLOCK_THREAD_CPUTIME_ID) - begun - card_ns) / (double)calls;
        spent += ns[n] * (double)calls;
        each = commands / calls;
    }
    qsort(ns, n, sizeof *ns, by_size);
    printf("%s\t%s\t%lu\t%.0f\t%.0f\n", scene, what, each, ns[n / 2], ns[0]);
    fflush(stdout);
    free(ns);
}
#endif

// ---- The calls ----

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key, certificate, public_key, last;
static CK_MECHANISM_TYPE scheme;
static CK_BYTE text[] = "twenty bytes of text", out[4096], signature[512];
static CK_ULONG signature_len;
static char last_label[16];

static void begin(struct sim_card *(*make)(unsigned n), unsigned n, const char *exclusive)
{
    C_Finalize(NULL);
    for (unsigned i = 0; i < readers; i++) cards[i]->free(cards[i]);
    answer_count = 0;
    for (readers = 0; readers < n; readers++) cards[readers] = make(readers);
    MUST(scard11_configure("SCARD11_EXCLUSIVE", exclusive));
    MUST(C_Initialize(NULL));
}

static CK_SLOT_ID slots[64];
static void slot_list(void)
{
    CK_ULONG n = 64;
    MUST(C_GetSlotList(CK_TRUE, slots, &n));
}

static void open_first(void)
{
    slot_list();
    MUST(C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
}

static void open_close(void)
{
    CK_SESSION_HANDLE s;
    MUST(C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
    MUST(C_CloseSession(s));
}

static void new_library(void)
{
    MUST(C_Initialize(NULL));
    C_Finalize(NULL);
}

static void again(void)
{
    C_Finalize(NULL);
    MUST(C_Initialize(NULL));
}

static void again_open(void)
{
    again();
    open_first();
}

static void login(void) { MUST(C_Login(session, CKU_USER, PIN, 6)); }
static void logout(void) { C_Logout(session); }

static CK_ULONG find(CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *found, CK_ULONG most)
{
    CK_ULONG count;
    MUST(C_FindObjectsInit(session, t, n));
    MUST(C_FindObjects(session, found, most, &count));
    MUST(C_FindObjectsFinal(session));
    return count;
}

static CK_ULONG find_key(CK_OBJECT_CLASS class, CK_BYTE id, CK_OBJECT_HANDLE *found)
{
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    return find(t, 2, found, 1);
}

static void search_key(void)
{
    CK_OBJECT_HANDLE h;
    if (!find_key(CKO_PRIVATE_KEY, 1, &h)) must(CKR_GENERAL_ERROR, "a search");
}

static void search_none(void)
{
    CK_OBJECT_HANDLE h;
    if (find_key(CKO_PRIVATE_KEY, 0xee, &h)) must(CKR_GENERAL_ERROR, "a search");
}

static void search_label(void)
{
    CK_OBJECT_HANDLE h;
    CK_ATTRIBUTE t[] = { { CKA_LABEL, last_label, strlen(last_label) } };
    if (!find(t, 1, &h, 1)) must(CKR_GENERAL_ERROR, "a search");
}

static void search_all(void)
{
    CK_OBJECT_HANDLE h[600];
    find(NULL, 0, h, 600);
}

// As programs do that show what is on a card: all objects, their class, label and ID.
static void list(void)
{
    CK_OBJECT_HANDLE h[600];
    CK_ULONG n = find(NULL, 0, h, 600);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_OBJECT_CLASS class;
        CK_BYTE label[128], id[64];
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, label, sizeof label },
                             { CKA_ID, id, sizeof id } };
        C_GetAttributeValue(session, h[i], a, 3);
    }
}

static void one_attribute(void)
{
    CK_ATTRIBUTE a[] = { { CKA_LABEL, out, sizeof out } };
    MUST(C_GetAttributeValue(session, last, a, 1));
}

static void six_attributes(void)
{
    CK_ULONG class, type;
    CK_BBOOL sign, again_pin;
    CK_BYTE id[64];
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_ID, id, sizeof id }, { CKA_LABEL, out, sizeof out }, { CKA_SIGN, &sign, sizeof sign },
        { CKA_ALWAYS_AUTHENTICATE, &again_pin, sizeof again_pin } };
    MUST(C_GetAttributeValue(session, key, a, 6));
}

static void certificate_value(void)
{
    CK_ATTRIBUTE a[] = { { CKA_VALUE, out, sizeof out } };
    MUST(C_GetAttributeValue(session, certificate, a, 1));
}

static void sign(void)
{
    CK_MECHANISM m = { scheme, NULL, 0 };
    signature_len = sizeof signature;
    MUST(C_SignInit(session, &m, key));
    MUST(C_Sign(session, text, 20, signature, &signature_len));
}

static void verify(void)
{
    CK_MECHANISM m = { scheme, NULL, 0 };
    MUST(C_VerifyInit(session, &m, public_key));
    MUST(C_Verify(session, text, 20, signature, signature_len));
}

// To the card's own key, which is used with the cryptogram that this made.
static CK_BYTE cryptogram[512];
static CK_ULONG cryptogram_len;
static void encrypt(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    cryptogram_len = sizeof cryptogram;
    MUST(C_EncryptInit(session, &m, public_key));
    MUST(C_Encrypt(session, text, 20, cryptogram, &cryptogram_len));
}

static void decrypt(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_ULONG n = sizeof out;
    MUST(C_DecryptInit(session, &m, key));
    MUST(C_Decrypt(session, cryptogram, cryptogram_len, out, &n));
}

static CK_OBJECT_HANDLE aes;
static void make_aes(void)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_ENCRYPT, &yes, sizeof yes }, { CKA_VALUE, "sixteen bytes...", 16 } };
    MUST(C_CreateObject(session, t, 4, &aes));
}

static void encrypt_aes(void)
{
    CK_MECHANISM m = { CKM_AES_CBC_PAD, text, 16 };
    CK_ULONG n = sizeof out;
    MUST(C_EncryptInit(session, &m, aes));
    MUST(C_Encrypt(session, text, 20, out, &n));
}

static void digest(void)
{
    CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
    CK_ULONG n = sizeof out;
    MUST(C_DigestInit(session, &m));
    MUST(C_Digest(session, text, 20, out, &n));
}

static void random_bytes(void) { MUST(C_GenerateRandom(session, out, 32)); }

static void make_data(const char *label, CK_OBJECT_HANDLE *made)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, (void *)(size_t)label, strlen(label) },
                         { CKA_VALUE, text, 20 } };
    MUST(C_CreateObject(session, t, 3, made));
}

static void create_destroy(void)
{
    CK_OBJECT_HANDLE h;
    make_data("made", &h);
    MUST(C_DestroyObject(session, h));
}

static void slot_info(void)
{
    CK_SLOT_INFO info;
    MUST(C_GetSlotInfo(slots[readers - 1], &info));
}

static void session_info(void)
{
    CK_SESSION_INFO info;
    MUST(C_GetSessionInfo(session, &info));
}

static void token_info(void)
{
    CK_TOKEN_INFO info;
    MUST(C_GetTokenInfo(slots[0], &info));
}

static void mechanism_list(void)
{
    CK_MECHANISM_TYPE types[200];
    CK_ULONG n = 200;
    MUST(C_GetMechanismList(slots[0], types, &n));
}

static void mechanism_info(void)
{
    CK_MECHANISM_INFO info;
    MUST(C_GetMechanismInfo(slots[0], CKM_RSA_PKCS, &info));
}

static void poll_event(void)
{
    CK_SLOT_ID slot;
    C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
}

// ---- The scenes ----

static struct sim_card *piv(unsigned n)
{
    static const struct sim_piv_key keys[] = {
        { .ref = 0x9a, .key = SIM_RSA2048A }, { .ref = 0x9c, .key = SIM_P256A },
        { .ref = 0x9d, .key = SIM_RSA2048B }, { .ref = 0x9e, .key = SIM_P256B },
    };
    return sim_piv_new(&(struct sim_piv_options){ .keys = keys, .n_keys = 4, .extended = true,
        .second = n & 1, .discovery = SIM_APPLICATION_PIN });
}

static struct sim_card *piv_384(unsigned n)
{
    static const struct sim_piv_key keys[] = { { .ref = 0x9a, .key = SIM_P384A } };
    (void)n;
    return sim_piv_new(&(struct sim_piv_options){ .keys = keys, .n_keys = 1, .extended = true,
        .discovery = SIM_APPLICATION_PIN });
}

static struct sim_card *myeid(unsigned n)
{
    return sim_myeid_new(&(struct sim_myeid_options){ .second = n & 1 });
}

// As many objects in all as it is asked for: the profile, a key pair; beyond that its certificate, and data.
static unsigned object_count;
static struct sim_card *full(unsigned n)
{
    static struct sim_p15_key rsa = { .label = "Key", .key = SIM_RSA2048A, .id = 1, .pin_id = 1, .ref = 1 };
    static struct sim_p15_data data[600];
    static char labels[600][16];
    (void)n;
    rsa.no_certificate = object_count == 3;
    struct sim_p15 p15 = { .keys = &rsa, .n_keys = 1, .data = data,
                           .n_data = object_count > 3 ? object_count - 4 : 0 };
    for (unsigned i = 0; i < p15.n_data; i++) {
        sprintf(labels[i], "data %03u", i);
        data[i] = (struct sim_p15_data){ .label = labels[i], .application = "bench", .value = "twenty bytes of text" };
    }
    return sim_generic_new(&(struct sim_generic_options){ .extended = true, .p15 = &p15, .no_data = true });
}

static void use_key(CK_BYTE id, CK_MECHANISM_TYPE with)
{
    if (!find_key(CKO_PRIVATE_KEY, id, &key) || !find_key(CKO_PUBLIC_KEY, id, &public_key))
        must(CKR_GENERAL_ERROR, "no key");
    find_key(CKO_CERTIFICATE, id, &certificate);
    last = key;
    scheme = with;
}

static void scene_library(void)
{
    scene = "PIV";
    begin(piv, 1, "0");
    C_Finalize(NULL);
    measure("C_Initialize, C_Finalize", new_library, NULL);
    MUST(C_Initialize(NULL));
    measure("a new card, to its first session", open_first, again);
    measure("all objects of a new card", list, again_open);
}

static void scene_calls(void)
{
    measure("C_GetSlotList", slot_list, NULL);
    measure("C_GetSlotInfo", slot_info, NULL);
    measure("C_GetTokenInfo", token_info, NULL);
    measure("C_GetMechanismList", mechanism_list, NULL);
    measure("C_GetMechanismInfo", mechanism_info, NULL);
    measure("C_WaitForSlotEvent, not blocking", poll_event, NULL);
    measure("C_OpenSession, C_CloseSession", open_close, NULL);
    measure("C_GetSessionInfo", session_info, NULL);
    measure("C_Login", login, logout);
    use_key(1, CKM_SHA256_RSA_PKCS);
    measure("a search for a key", search_key, NULL);
    measure("all objects: class, label, ID", list, NULL);
    measure("C_GetAttributeValue, one", one_attribute, NULL);
    measure("C_GetAttributeValue, six", six_attributes, NULL);
    measure("C_GetAttributeValue, a certificate", certificate_value, NULL);
    measure("C_CreateObject, C_DestroyObject", create_destroy, NULL);
    measure("C_GenerateRandom, 32 bytes", random_bytes, NULL);
    measure("C_DigestInit, C_Digest", digest, NULL);
    make_aes();
    measure("C_EncryptInit, C_Encrypt: AES-128", encrypt_aes, NULL);
    use_key(3, CKM_RSA_PKCS);
    measure("C_EncryptInit, C_Encrypt: RSA-2048", encrypt, NULL);
    measure("C_DecryptInit, C_Decrypt: RSA-2048", decrypt, NULL);
}

static void sign_with(CK_BYTE id, CK_MECHANISM_TYPE with, const char *what)
{
    use_key(id, with);
    measure(what, sign, NULL);
}

static void scene_sign(const char *name, struct sim_card *(*make)(unsigned), const char *exclusive)
{
    bool is_piv = make != myeid;
    scene = name;
    begin(make, 1, exclusive);
    open_first();
    login();
    if (make == piv_384) {
        sign_with(1, CKM_ECDSA_SHA256, "C_SignInit, C_Sign: P-384");
        return;
    }
    sign_with(1, CKM_SHA256_RSA_PKCS, "C_SignInit, C_Sign: RSA-2048");
    if (is_piv && *exclusive == '0') measure("C_VerifyInit, C_Verify: RSA-2048", verify, NULL);
    sign_with(is_piv ? 4 : 2, CKM_ECDSA_SHA256, "C_SignInit, C_Sign: P-256");
    if (is_piv && *exclusive == '0') measure("C_VerifyInit, C_Verify: P-256", verify, NULL);
    if (*exclusive == '0') return;
    measure("a search for a key", search_key, NULL);
    measure("C_GetAttributeValue, one", one_attribute, NULL);
}

// A directory of PKCS#15 has 256 entries at most: what is more are data objects of the session.
static void scene_objects(unsigned n)
{
    static char name[40];
    CK_OBJECT_HANDLE all[600];
    scene = name;
    sprintf(name, "%u objects", n);
    object_count = n < 250 ? n : 250;
    begin(full, 1, "0");
    open_first();
    sprintf(last_label, object_count > 3 ? "data %03u" : "Key", object_count - 5);
    for (unsigned i = object_count; i < n; i++) {
        sprintf(last_label, "made %03u", i);
        make_data(last_label, &last);
    }
    if (find(NULL, 0, all, 600) != n) must(CKR_GENERAL_ERROR, "so many objects");
    last = all[n - 1];
    measure("a search that finds nothing", search_none, NULL);
    measure("a search for the last label", search_label, NULL);
    measure("a search for all", search_all, NULL);
    measure("C_GetAttributeValue, one", one_attribute, NULL);
    measure("all objects: class, label, ID", list, NULL);
    login();
    sign_with(1, CKM_SHA256_RSA_PKCS, "C_SignInit, C_Sign: RSA-2048");
}

static void scene_sessions(unsigned n)
{
    static char name[40];
    scene = name;
    sprintf(name, "%u sessions", n);
    begin(piv, 1, "0");
    for (unsigned i = 0; i < n; i++) open_first();
    login();
    use_key(4, CKM_ECDSA_SHA256);
    measure("C_GetSessionInfo", session_info, NULL);
    measure("C_OpenSession, C_CloseSession", open_close, NULL);
    measure("C_GetAttributeValue, one", one_attribute, NULL);
    measure("a search for a key", search_key, NULL);
    measure("C_SignInit, C_Sign: P-256", sign, NULL);
    measure("C_Login", login, logout);
}

static void scene_readers(unsigned n)
{
    static char name[40];
    scene = name;
    sprintf(name, "%u readers", n);
    begin(piv, n, "0");
    open_first();
    login();
    use_key(4, CKM_ECDSA_SHA256);
    measure("C_GetSlotList", slot_list, NULL);
    measure("C_GetSlotInfo", slot_info, NULL);
    measure("C_WaitForSlotEvent, not blocking", poll_event, NULL);
    measure("C_OpenSession, C_CloseSession", open_close, NULL);
    measure("C_SignInit, C_Sign: P-256", sign, NULL);
    measure("a new card, to its first session", open_first, again);
}

int main(int argc, char **argv)
{
    if (argc > 1) rounds = (unsigned)strtoul(argv[1], NULL, 0);
    if (!rounds) rounds = ROUNDS;
    scene_library();
    open_first();
    scene_calls();
    scene_sign("PIV", piv, "0");
    scene_sign("PIV", piv_384, "0");
    scene_sign("PIV, exclusive", piv, "1");
    scene_sign("PIV, exclusive", piv_384, "1");
    scene_sign("MyEID", myeid, "0");
    scene_sign("MyEID, exclusive", myeid, "1");
    static const unsigned objects[] = { 3, 30, 120, 500 }, sessions[] = { 1, 16, 200 }, some[] = { 1, 4, 16 };
    for (size_t i = 0; i < 4; i++) scene_objects(objects[i]);
    for (size_t i = 0; i < 3; i++) scene_sessions(sessions[i]);
    for (size_t i = 0; i < 3; i++) scene_readers(some[i]);
    C_Finalize(NULL);
    for (unsigned i = 0; i < readers; i++) cards[i]->free(cards[i]);
    return 0;
}
