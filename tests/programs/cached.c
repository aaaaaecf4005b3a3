// cached.c: what an application keeps of cards between processes (scard11_set_cache): the same is shown and signed
// for fewer commands; what another program changed is seen; what was kept wrongly is not believed. Each round from
// C_Initialize to C_Finalize stands for a process. SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include "shown.h"
#include "kinds.h"
#include <sys/wait.h>
#include <unistd.h>

#define KEPT 200
#define cached_count(a) (sizeof (a) / sizeof *(a))

// ---- The application's store ----

static struct kept { char card[65], item[65]; uint8_t *data; unsigned long n; } kept[KEPT];
static size_t kept_n, kept_loads, kept_hits, kept_stores, kept_drops;

static struct kept *kept_at(const char *card, const char *item)
{
    for (size_t i = 0; i < kept_n; i++)
        if (!strcmp(kept[i].card, card) && !strcmp(kept[i].item, item)) return &kept[i];
    return NULL;
}

static unsigned long kept_load(void *context, const char *card, const char *item, void *data, unsigned long room)
{
    const struct kept *at = kept_at(card, item);
    if (context != kept) abort();
    kept_loads++;
    if (!at || at->n > room) return 0;
    kept_hits++;
    memcpy(data, at->data, at->n);
    return at->n;
}

static void kept_drop(const char *card)
{
    size_t left = 0;
    for (size_t i = 0; i < kept_n; i++) {
        if (strcmp(kept[i].card, card)) kept[left++] = kept[i];
        else free(kept[i].data);
    }
    kept_n = left;
    kept_drops++;
}

static void kept_store(void *context, const char *card, const char *item, const void *data, unsigned long n)
{
    CHECK(context == kept && strlen(card) == 64 && (!item || strlen(item) == 64));
    if (!item) { CHECK_EQ(n, 0); kept_drop(card); return; }
    struct kept *at = kept_at(card, item);
    if (!at && kept_n == KEPT) abort();
    if (!at) at = &kept[kept_n++];
    else     free(at->data);
    strcpy(at->card, card);
    strcpy(at->item, item);
    at->data = malloc(n);
    at->n = n;
    memcpy(at->data, data, n);
    kept_stores++;
}

static const struct scard11_cache kept_cache = { kept_load, kept_store, kept };

static void kept_clear(void)
{
    while (kept_n) kept_drop(kept[0].card);
    kept_loads = kept_hits = kept_stores = kept_drops = 0;
}

// ---- Processes ----

static struct sim_card *card;
static char text[] = "what is signed";
static unsigned sent;                   // commands of the last process

static void cached_begin(struct sim_card *made)
{
    C_Finalize(NULL);
    scard11_set_cache(NULL);
    C_GetFunctionList((CK_FUNCTION_LIST **)(uintptr_t)&theirs);
    sim_reader_clear();
    kept_clear();
    card = made;
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
}

static void cached_end(void)
{
    C_Finalize(NULL);
    scard11_set_cache(NULL);
    scard11_configure("SCARD11_BELIEVED", "4294967295");
    sim_reader_clear();
    card->free(card);
    kept_clear();
}

// A process that shows all there is, and ends.
static void cached_shows(struct shown *shown, bool caches, const char *pin)
{
    const struct shown_how how = { pin, text, sizeof text };
    unsigned before = card->apdus;
    if (caches) CHECK_RV(scard11_set_cache(&kept_cache), CKR_OK);
    CHECK_RV(show(shown, &how), CKR_OK);
    sent = card->apdus - before;
}

static bool cached_same(const struct shown *a, const struct shown *b)
{
    for (size_t i = 0; i < a->n; i++) {
        if (has_line(b, a->lines[i])) continue;
        print_shown("one", a);
        print_shown("other", b);
        return false;
    }
    return a->n == b->n;
}

// A process that signs with a key, as ssh does: it lists, logs in, signs.
static void cached_signs(bool caches, CK_BYTE id, enum sim_key key, CK_RV want)
{
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE private = 0, certificate = 0;
    CK_BYTE signature[512];
    CK_ULONG n = sizeof signature;
    unsigned before = card->apdus;
    bool rsa = key < SIM_P256A;
    CK_MECHANISM mechanism = { rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    if (caches) CHECK_RV(scard11_set_cache(&kept_cache), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&s), CKR_OK);
    CHECK_RV(scene_find(s, CKO_CERTIFICATE, id, &certificate), CKR_OK);
    CHECK_RV(C_Login(s, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(scene_find(s, CKO_PRIVATE_KEY, id, &private), CKR_OK);
    CHECK_RV(C_SignInit(s, &mechanism, private), CKR_OK);
    CHECK_RV(C_Sign(s, (CK_BYTE *)text, sizeof text, signature, &n), want);
    if (!want) CHECK(scene_good(key, text, sizeof text, signature, n));
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    sent = card->apdus - before;
}

static struct sim_card *cached_piv(bool second)
{
    return sim_piv_new(&(struct sim_piv_options){ .second = second, .extended = true });
}

static struct sim_card *cached_piv_pieces(bool second)
{
    return sim_piv_new(&(struct sim_piv_options){ .second = second, .pieces = true, .retired = 2 });
}

static struct sim_card *cached_yubikey(bool second)
{
    return sim_piv_new(&(struct sim_piv_options){ .second = second, .yubikey = true, .extended = true });
}

static struct sim_card *cached_generic(bool second)
{
    static const struct sim_p15 files = { .size = 900, .last_update = "20240102030405Z" };
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .p15 = &files,
        .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN });
}

// The most commands of a process that finds all kept: to list, and to list and sign.
static const struct cached_kind {
    const char *name;
    struct sim_card *(*make)(bool second);
    CK_BYTE id;
    enum sim_key key;
    unsigned list, sign;
} cached_kinds[] = {
    { "PIV", cached_piv, 1, SIM_RSA2048A, 10, 10 },
    { "PIV, EC", cached_piv, 4, SIM_P256B, 10, 10 },
    { "PIV in pieces", cached_piv_pieces, 1, SIM_RSA2048A, 9, 12 },
    { "YubiKey", cached_yubikey, 1, SIM_RSA2048A, 16, 11 },
    { "MyEID", cards_myeid, 1, SIM_RSA2048A, 9, 12 },
    { "generic", cached_generic, 1, SIM_RSA2048A, 22, 23 },
};

// ---- Less is sent, and the same is shown ----

TEST(cached_what_was_kept_is_shown_for_less)
{
    static struct shown plain, first, again;
    for (size_t i = 0; i < cached_count(cached_kinds) && !test_failing; i++) {
        const struct cached_kind *k = &cached_kinds[i];
        cached_begin(k->make(false));
        cached_shows(&plain, false, NULL);
        unsigned without = sent;
        cached_shows(&first, true, NULL);
        cached_shows(&again, true, NULL);
        unsigned with = sent;
        CHECK(plain.n > 3 && cached_same(&plain, &first) && cached_same(&plain, &again));
        CHECK(kept_hits > 0 && with < without);
        cached_signs(true, k->id, k->key, CKR_OK);
        if (with > k->list || sent > k->sign) test_fail(__FILE__, __LINE__, "%s", "more commands than needed");
        if (test_failing) printf("    %s: %u, kept %u, a signature %u\n", k->name, without, with, sent);
        cached_end();
    }
}

// Every kind of card shows the same with it, before and after a login, and another card of the kind its own.
TEST(cached_every_kind_shows_the_same)
{
    static struct shown plain, kept_one, other;
    for (size_t i = 0; i < cached_count(cards_kinds) && !test_failing; i++) {
        const struct cards_kind *k = &cards_kinds[i];
        const char *const pins[] = { NULL, k->tokens[1].pin ? NULL : k->tokens[0].pin, NULL };
        cached_begin(k->make(false));
        for (size_t n = 0; n < cached_count(pins) && !test_failing; n++) {
            cached_shows(&plain, false, pins[n]);
            cached_shows(&kept_one, true, pins[n]);
            CHECK(cached_same(&plain, &kept_one));
        }
        struct sim_card *one = card;
        card = k->make(true);
        sim_reader_swap(0, card);
        cached_shows(&plain, false, NULL);
        cached_shows(&other, true, NULL);
        CHECK(cached_same(&plain, &other));
        sim_reader_swap(0, one);
        card->free(card);
        card = one;
        cached_shows(&other, true, NULL);
        CHECK(cached_same(&kept_one, &other));
        if (test_failing) printf("    %s\n", k->name);
        cached_end();
    }
}

// What is read after a login is not kept, on cards that count their changes.
TEST(cached_what_a_login_shows_is_not_kept)
{
    static struct shown shown;
    cached_begin(cards_myeid(false));
    cached_shows(&shown, true, "123456");
    CHECK_EQ(kept_stores, 0);
    cached_end();
}

// ---- What was changed ----

// Another program, which keeps nothing, destroys a certificate.
static void cached_destroy(CK_USER_TYPE user, const char *pin, CK_BYTE id)
{
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE object = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&s), CKR_OK);
    CHECK_RV(C_Login(s, user, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)), CKR_OK);
    CHECK_RV(scene_find(s, CKO_CERTIFICATE, id, &object), CKR_OK);
    CHECK_RV(C_DestroyObject(s, object), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
}

TEST(cached_a_card_that_counts_shows_what_another_program_changed)
{
    static struct shown plain, again;
    for (size_t i = 0; i < cached_count(cached_kinds) && !test_failing; i++) {
        const struct cached_kind *k = &cached_kinds[i];
        if (k->make != cards_myeid && k->make != cached_generic) continue;
        cached_begin(k->make(false));
        cached_shows(&again, true, NULL);
        cached_destroy(CKU_USER, "123456", k->id);
        cached_shows(&plain, false, NULL);
        cached_shows(&again, true, NULL);
        CHECK(cached_same(&plain, &again));
        if (test_failing) printf("    %s\n", k->name);
        cached_end();
    }
}

#define CACHED_ADMIN "010203040506070801020304050607080102030405060708"

// PIV: what was kept is shown until a search asks the card; from then on it is not, in later processes either.
TEST(cached_a_search_that_asks_the_card_sees_what_another_program_changed)
{
    static struct shown plain, stale, again;
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE object = 0;
    cached_begin(cached_piv(false));
    cached_shows(&stale, true, NULL);
    cached_destroy(CKU_SO, CACHED_ADMIN, 1);
    cached_shows(&again, true, NULL);
    CHECK(cached_same(&stale, &again));
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "0"), CKR_OK);
    CHECK_RV(scard11_set_cache(&kept_cache), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&s), CKR_OK);
    scene_find(s, CKO_CERTIFICATE, 1, &object);
    CHECK_RV(scene_find(s, CKO_CERTIFICATE, 1, &object), CKR_OK);
    CHECK_EQ(object, 0);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "4294967295"), CKR_OK);
    cached_shows(&plain, false, NULL);
    cached_shows(&again, true, NULL);
    CHECK(cached_same(&plain, &again));
    cached_end();
}

// Another program makes the key anew: no signature goes out that is not the shown key's.
TEST(cached_a_signature_by_another_key_is_not_returned)
{
    static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static struct shown plain, again;
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE made[2];
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id = 4;
    CK_MECHANISM generate = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE public[] = { { CKA_EC_PARAMS, p256, sizeof p256 }, { CKA_TOKEN, &yes, 1 }, { CKA_ID, &id, 1 } };
    CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, &id, 1 } };
    cached_begin(cached_piv(false));
    cached_signs(true, id, SIM_P256B, CKR_OK);
    cached_destroy(CKU_SO, CACHED_ADMIN, id);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&s), CKR_OK);
    CHECK_RV(C_Login(s, CKU_SO, (CK_UTF8CHAR *)CACHED_ADMIN, 48), CKR_OK);
    CHECK_RV(C_GenerateKeyPair(s, &generate, public, 3, private, 2, &made[0], &made[1]), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    cached_signs(true, id, SIM_P256B, CKR_DEVICE_REMOVED);
    CHECK_EQ(kept_n, 0);
    cached_shows(&plain, false, NULL);
    cached_shows(&again, true, NULL);
    CHECK(cached_same(&plain, &again));
    cached_end();
}

// Who writes a card forgets what was kept of it before the card changes: also if it is pulled then.
TEST(cached_who_writes_forgets_first)
{
    static struct shown plain, again;
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE object = 0;
    for (size_t i = 0; i < cached_count(cached_kinds) && !test_failing; i++) {
        const struct cached_kind *k = &cached_kinds[i];
        bool piv = k->make != cards_myeid && k->make != cached_generic;
        if (k->make == cached_yubikey) continue;
        cached_begin(k->make(false));
        cached_shows(&again, true, NULL);
        CHECK_RV(scard11_set_cache(&kept_cache), CKR_OK);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        CHECK_RV(scene_open(&s), CKR_OK);
        CHECK_RV(C_Login(s, piv ? CKU_SO : CKU_USER, piv ? (CK_UTF8CHAR *)CACHED_ADMIN : PIN, piv ? 48 : 6), CKR_OK);
        CHECK_RV(scene_find(s, CKO_CERTIFICATE, k->id, &object), CKR_OK);
        CHECK(kept_n > 0);
        CHECK_RV(C_DestroyObject(s, object), CKR_OK);
        CHECK_EQ(kept_n, 0);
        CHECK_RV(C_Finalize(NULL), CKR_OK);
        cached_shows(&plain, false, NULL);
        cached_shows(&again, true, NULL);
        CHECK(cached_same(&plain, &again));
        cached_shows(&again, true, NULL);
        CHECK(cached_same(&plain, &again));
        if (test_failing) printf("    %s\n", k->name);
        cached_end();
    }
}

// ---- A store that lies ----

#define SPOILS 6
static void cached_spoil(unsigned how)
{
    for (size_t i = 0; i < kept_n; i++) {
        struct kept *k = &kept[i];
        if (how == 0) k->data[k->n / 2] ^= 1;
        if (how == 1) k->n /= 2;
        if (how == 2) k->n = 1;
        if (how == 3) memset(k->data, 0xff, k->n);
        if (how == 4) k->data[32] ^= 0x80;          // how it came
    }
    struct kept first = kept[0];
    for (size_t i = 0; how == 5 && i + 1 < kept_n; i++) {      // each under the next one's name
        kept[i].data = kept[i + 1].data;
        kept[i].n = kept[i + 1].n;
    }
    if (how == 5) kept[kept_n - 1].data = first.data, kept[kept_n - 1].n = first.n;
}

// What was damaged, or lies under another name, is read from the card.
TEST(cached_what_was_damaged_is_read_again)
{
    static struct shown plain, again;
    for (size_t i = 0; i < SPOILS * cached_count(cached_kinds) && !test_failing; i++) {
        const struct cached_kind *k = &cached_kinds[i / SPOILS];
        cached_begin(k->make(false));
        cached_shows(&plain, true, NULL);
        unsigned first = sent;
        cached_spoil((unsigned)(i % SPOILS));
        cached_shows(&again, true, NULL);
        CHECK(cached_same(&plain, &again));
        CHECK_EQ(sent, first);
        if (test_failing) printf("    %s, %zu\n", k->name, i % SPOILS);
        cached_end();
    }
}

static unsigned long cached_load_too_much(void *context, const char *c, const char *item, void *data, unsigned long room)
{
    (void)context; (void)c; (void)item;
    memset(data, 0x30, room);
    return room + 1;
}

TEST(cached_arguments_and_lengths)
{
    struct scard11_cache one = { kept_load, NULL, NULL };
    static struct shown plain, again;
    cached_begin(cards_myeid(false));
    CHECK_RV(scard11_set_cache(&one), CKR_ARGUMENTS_BAD);
    one = (struct scard11_cache){ NULL, kept_store, NULL };
    CHECK_RV(scard11_set_cache(&one), CKR_ARGUMENTS_BAD);
    cached_shows(&plain, false, NULL);
    one = (struct scard11_cache){ cached_load_too_much, kept_store, kept };
    CHECK_RV(scard11_set_cache(&one), CKR_OK);
    cached_shows(&again, false, NULL);
    CHECK(cached_same(&plain, &again));
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scard11_set_cache(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    size_t loads = kept_loads;
    cached_shows(&again, false, NULL);      // after C_Finalize nothing is kept any more
    CHECK_EQ(kept_loads, loads);
    cached_end();
}

// A child has no store but its own.
TEST(cached_a_child_does_not_use_its_parents)
{
    static struct shown plain;
    int status = -1;
    cached_begin(cached_piv(false));
    cached_shows(&plain, true, NULL);
    CHECK_RV(scard11_set_cache(&kept_cache), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    size_t loads = kept_loads;
    pid_t child = fork();
    if (!child) {
        static struct shown again;
        cached_shows(&again, false, NULL);
        _exit(test_failing || kept_loads != loads || !cached_same(&plain, &again));
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    cached_end();
}

static void test_cached(void)
{
    RUN(cached_what_was_kept_is_shown_for_less);
    RUN(cached_every_kind_shows_the_same);
    RUN(cached_what_a_login_shows_is_not_kept);
    RUN(cached_a_card_that_counts_shows_what_another_program_changed);
    RUN(cached_a_search_that_asks_the_card_sees_what_another_program_changed);
    RUN(cached_a_signature_by_another_key_is_not_returned);
    RUN(cached_who_writes_forgets_first);
    RUN(cached_what_was_damaged_is_read_again);
    RUN(cached_arguments_and_lengths);
    RUN(cached_a_child_does_not_use_its_parents);
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    SECTION(cached);
    return test_end();
}
