// storm_worker.h: the threads that use the library in the storm. SPDX-License-Identifier: 0BSD
//
// A worker opens a session, reads from it which insertion it has to do with, and from then on holds
// every answer against that. It keeps old handles, and uses them on purpose.
#ifndef STORM_WORKER_H
#define STORM_WORKER_H

#include "scene.h"
#include "storm_judge.h"
#include <unistd.h>

#define WORKERS     16
#define OLD         12

struct kept {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE certificate, rsa, secret;
    uint64_t stamp;
    unsigned life;
    CK_SLOT_ID slot;
    int set;
    bool closed;
};

struct worker {
    pthread_t thread;
    uint64_t chance;
    const char *call;                   // what it is inside, since when
    uint64_t begun_ns;
    unsigned life;
    bool hung;
    struct kept old[OLD];
    unsigned old_at;
};

// What the workers are to do when nobody is to need a card: no session is left, or no login.
enum lull { NO_LULL, LULL_CLOSED, LULL_LOGGED_OUT };

static struct {
    bool over, paused, cheap;           // cheap: no elliptic curves on the host
    enum lull lull;
    unsigned idle, rested;              // workers that begin nothing more; that have done so
    pthread_mutex_t ending;             // held while the library ends and begins anew
    unsigned workers, reader_count;
    struct worker worker[WORKERS + 4];
    unsigned long of_kind[STORM_KINDS]; // RSA signatures
    unsigned long signatures, secrets, refused_old, sessions, calls;
    unsigned long made, stored, destroyed;      // on the cards
    uint64_t texts;
} storm = { .ending = PTHREAD_MUTEX_INITIALIZER };

static unsigned random_of(uint64_t *state, unsigned below)
{   // splitmix64
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ z >> 31) >> 33) % below;
}

static bool storm_is(const bool *what)
{
    return __atomic_load_n(what, __ATOMIC_ACQUIRE);
}

static enum lull storm_lull(void)
{
    return __atomic_load_n(&storm.lull, __ATOMIC_ACQUIRE);
}

static void add(unsigned long *what)
{
    __atomic_add_fetch(what, 1, __ATOMIC_RELAXED);
}

static bool rv_is_usual(CK_RV rv)
{
    static const CK_RV usual[] = {
        CKR_OK, CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID,
        CKR_KEY_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_NO_EVENT,
        CKR_USER_NOT_LOGGED_IN, CKR_USER_ALREADY_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED,
        CKR_OPERATION_NOT_INITIALIZED, CKR_SLOT_ID_INVALID,
        CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
        CKR_DEVICE_ERROR,               // a command failed and nothing says why
    };
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) if (rv == usual[i]) return true;
    return !STRICT;                     // other modules have other names for them
}

static void begin_call(struct worker *w, const char *name)
{
    __atomic_store_n(&w->life, judge_life(), __ATOMIC_RELAXED);
    __atomic_store_n(&w->begun_ns, now_ns(), __ATOMIC_RELAXED);
    __atomic_store_n(&w->call, name, __ATOMIC_RELEASE);
    add(&storm.calls);
}

static CK_RV end_call(struct worker *w, CK_RV rv)
{
    uint64_t took = now_ns() - w->begun_ns;
    const char *name = w->call;
    __atomic_store_n(&w->call, NULL, __ATOMIC_RELEASE);
    if (took > 5000ull * NS_MS && !storm_is(&w->hung))
        judge_count(HANGS, "%s took %lu ms", name, (unsigned long)(took / NS_MS));
    if (!rv_is_usual(rv)) judge_count(UNEXPECTED, "%s: %#lx", name, (unsigned long)rv);
    return rv;
}

// One call of the library, watched.
#define CALL(w, f, ...) (begin_call((w), #f), end_call((w), f(__VA_ARGS__)))

// A call with this session or object said CKR_OK (or gave something of the card's): was that right?
static void hold_against(struct worker *w, const struct kept *k, const char *what)
{
    if (k->closed || w->life > k->life + 1 || judge_over(k->stamp, w->begun_ns, NULL))
        judge_count(STALE, "%s: insertion %llu%s, life %u in %u", what,
                    (unsigned long long)k->stamp, k->closed ? ", closed" : "", k->life, w->life);
}

static void must_be(const struct kept *k, uint64_t stamp, const char *what)
{
    if (stamp != k->stamp)
        judge_count(FOREIGN, "%s: of %llu, not %llu", what, (unsigned long long)stamp,
                    (unsigned long long)k->stamp);
}

// ---- What is done with a session ----

static CK_RV find(struct worker *w, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_BYTE id,
                  CK_OBJECT_HANDLE *object)
{
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    CK_ULONG n = 0;
    *object = 0;
    CK_RV rv = CALL(w, C_FindObjectsInit, session, t, 2);
    if (!rv) rv = CALL(w, C_FindObjects, session, object, 1, &n);
    if (!rv) rv = CALL(w, C_FindObjectsFinal, session);
    return rv;
}

// Reads a certificate: which insertion is it from?
static CK_RV read_stamp(struct worker *w, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        uint64_t *stamp)
{
    CK_BYTE der[2048];
    CK_ATTRIBUTE v = { CKA_VALUE, der, sizeof der };
    CK_RV rv = CALL(w, C_GetAttributeValue, session, object, &v, 1);
    *stamp = 0;
    if (!rv && v.ulValueLen > 8) *stamp = storm_get64(der + v.ulValueLen - 8);
    return rv;
}

static void read_certificate(struct worker *w, const struct kept *k, CK_BYTE id)
{
    CK_OBJECT_HANDLE object;
    uint64_t stamp;
    if (find(w, k->session, CKO_CERTIFICATE, id, &object) || !object) return;
    if (read_stamp(w, k->session, object, &stamp)) return;
    hold_against(w, k, "certificate");
    must_be(k, stamp, "certificate");
}

static void log_in(struct worker *w, const struct kept *k)
{
    char pin[24];
    storm_pin(k->stamp, pin);
    if (!CALL(w, C_Login, k->session, CKU_USER, (CK_UTF8CHAR *)pin, 8)) hold_against(w, k, "login");
}

static bool is_piv(const struct kept *k)
{
    return k->set / 2 == STORM_PIV;
}

static void sign_rsa(struct worker *w, struct kept *k)
{
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE text[16] = "storm", sig[256];
    CK_ULONG n = sizeof sig;
    text[6] = (CK_BYTE)random_of(&w->chance, 8);
    if (!k->rsa && find(w, k->session, CKO_PRIVATE_KEY, 1, &k->rsa)) return;
    if (!k->rsa || CALL(w, C_SignInit, k->session, &m, k->rsa)) return;
    if (CALL(w, C_Sign, k->session, text, sizeof text, sig, &n)) return;
    hold_against(w, k, "RSA signature");
    if (!scene_good(storm_rsa[k->set & 1], text, sizeof text, sig, n))
        judge_count(FOREIGN, "RSA signature with %llu", (unsigned long long)k->stamp);
    add(&storm.of_kind[k->set / 2]);
    add(&storm.signatures);
}

// Of a PIV card, 2 is 9C, which wants the PIN for each signature, and 4 is 9E, which wants none.
static void sign_ec(struct worker *w, const struct kept *k, CK_BYTE id)
{
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE text[8], sig[64];           // never the same text: the card's chance comes from it
    CK_ULONG n = sizeof sig;
    CK_OBJECT_HANDLE key;
    char pin[24];
    storm_put64(text, __atomic_add_fetch(&storm.texts, 1, __ATOMIC_RELAXED));
    storm_pin(k->stamp, pin);
    if (!storm_has_ec(k->set) || (!is_piv(k) && id != 2)) return;
    if (find(w, k->session, CKO_PRIVATE_KEY, id, &key) || !key) return;
    if (CALL(w, C_SignInit, k->session, &m, key)) return;
    if (id == 2 && is_piv(k) &&
        CALL(w, C_Login, k->session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, 8)) {
        CALL(w, C_SessionCancel, k->session, CKF_SIGN);
        return;
    }
    if (CALL(w, C_Sign, k->session, text, sizeof text, sig, &n)) return;
    hold_against(w, k, "EC signature");
    uint64_t maker = storm_maker(sig, n);
    if (n != 64 || maker) must_be(k, n == 64 ? maker : 0, "EC signature");
    add(&storm.signatures);
}

static void derive(struct worker *w, struct kept *k)
{
    CK_BYTE value[64];
    CK_OBJECT_HANDLE key, secret = 0;
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, sizeof sim_p256_point,
                                 (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    if (!is_piv(k)) return;
    if (find(w, k->session, CKO_PRIVATE_KEY, 3, &key) || !key) return;
    if (CALL(w, C_DeriveKey, k->session, &m, key, NULL, 0, &secret)) return;
    hold_against(w, k, "derived key");
    if (CALL(w, C_GetAttributeValue, k->session, secret, &v, 1)) return;
    hold_against(w, k, "derived key's value");
    must_be(k, v.ulValueLen == 32 ? storm_get64(value) : 0, "derived key");
    add(&storm.secrets);
    if (random_of(&w->chance, 2)) CALL(w, C_DestroyObject, k->session, secret);
    else k->secret = secret;
}

// ---- What is written ----
// Of PIV cards: keys 5 to 8, certificates 9 and 10, and one data object. Whoever else is logged in is
// not any more.

static void write_key(struct worker *w, const struct kept *k)
{
    static CK_BYTE curve[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_BYTE id = (CK_BYTE)(5 + random_of(&w->chance, 4));
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE a[] = { { CKA_EC_PARAMS, curve, sizeof curve }, { CKA_ID, &id, 1 },
                         { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE public, private;
    if (CALL(w, C_GenerateKeyPair, k->session, &m, a, 3, &a[1], 2, &public, &private)) return;
    hold_against(w, k, "a key made");
    add(&storm.made);
}

static void write_object(struct worker *w, const struct kept *k, bool certificate)
{
    static CK_OBJECT_CLASS classes[] = { CKO_DATA, CKO_CERTIFICATE };
    static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    CK_BYTE id = (CK_BYTE)(9 + random_of(&w->chance, 2)), value[16];
    CK_BBOOL yes = CK_TRUE;
    size_t der_n;
    const uint8_t *der = sim_piv_certificate(storm_ec[id & 1], &der_n);
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &classes[certificate], sizeof *classes },
        { CKA_TOKEN, &yes, 1 }, { CKA_VALUE, value, sizeof value },
        { CKA_LABEL, (void *)(uintptr_t)"Security Object", 15 }, { CKA_ID, &id, 1 },
        { CKA_CERTIFICATE_TYPE, &x509, sizeof x509 } };
    CK_OBJECT_HANDLE made;
    storm_put64(value, k->stamp);
    storm_put64(value + 8, __atomic_add_fetch(&storm.texts, 1, __ATOMIC_RELAXED));
    if (certificate) a[2] = (CK_ATTRIBUTE){ CKA_VALUE, (void *)(uintptr_t)der, der_n };
    if (CALL(w, C_CreateObject, k->session, a, certificate ? 6 : 4, &made)) return;
    hold_against(w, k, "an object stored");
    add(&storm.stored);
    if (random_of(&w->chance, 2) || CALL(w, C_DestroyObject, k->session, made)) return;
    hold_against(w, k, "an object destroyed");
    add(&storm.destroyed);
}

static void write_some(struct worker *w, const struct kept *k)
{
    const char *so = storm_so(k->set);
    if (!is_piv(k) || !STRICT) return;  // who the SO is, is for each module to say
    CALL(w, C_Logout, k->session);
    if (CALL(w, C_Login, k->session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)so, 48)) return;
    hold_against(w, k, "login of the SO");
    for (unsigned i = 1 + random_of(&w->chance, 3); i; i--) {
        unsigned what = random_of(&w->chance, storm.cheap ? 2 : 3);
        if (what == 2) write_key(w, k);
        else write_object(w, k, what);
    }
    CALL(w, C_Logout, k->session);
}

// ---- Handles of long ago ----

static void use_old(struct worker *w, const struct kept *now)
{
    struct kept *k = &w->old[random_of(&w->chance, OLD)];
    CK_SESSION_INFO info;
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE text[16] = "storm", sig[256];
    CK_ULONG n = sizeof sig;
    uint64_t stamp;
    CK_RV rv = CKR_OK;
    if (!k->session) return;
    switch (random_of(&w->chance, 5)) {
    case 0: rv = CALL(w, C_GetSessionInfo, k->session, &info); break;
    case 1:
        rv = read_stamp(w, k->session, k->certificate, &stamp);
        if (!rv) must_be(k, stamp, "certificate, old session");
        break;
    case 2: {                           // an old object in the session of now
        rv = read_stamp(w, now->session, k->certificate, &stamp);
        if (!rv) hold_against(w, now, "certificate, old handle");
        if (!rv && k->life != now->life) judge_count(STALE, "certificate of an earlier life");
        if (!rv) must_be(now, stamp, "certificate, old handle");
        if (!rv) must_be(k, stamp, "certificate, old handle");
        return;
    }
    case 3:
        rv = k->rsa ? CALL(w, C_SignInit, k->session, &m, k->rsa) : CKR_KEY_HANDLE_INVALID;
        if (!rv) hold_against(w, k, "C_SignInit");
        if (!rv) rv = CALL(w, C_Sign, k->session, text, sizeof text, sig, &n);
        if (!rv && !scene_good(storm_rsa[k->set & 1], text, sizeof text, sig, n))
            judge_count(FOREIGN, "RSA signature, old handle of %llu",
                        (unsigned long long)k->stamp);
        break;
    default: if (!k->closed) log_in(w, k); return;
    }
    if (!rv) hold_against(w, k, "an old handle");
    else add(&storm.refused_old);
}

// Keeps a session for later, in the place of another, which is closed.
static void keep(struct worker *w, struct kept *k, bool closed)
{
    struct kept *place = &w->old[w->old_at++ % OLD];
    if (place->session && !place->closed) CALL(w, C_CloseSession, place->session);
    k->closed = closed;
    *place = *k;
}

// ---- A worker ----

// Opens a session, and finds out what it leads to.
static bool open_session(struct worker *w, struct kept *k)
{
    CK_SLOT_ID slots[4 * READERS];
    CK_ULONG n = sizeof slots / sizeof *slots;
    memset(k, 0, sizeof *k);
    k->life = judge_life();
    if (CALL(w, C_GetSlotList, CK_TRUE, slots, &n) || !n) return false;
    k->slot = slots[random_of(&w->chance, (unsigned)n)];
    if (CALL(w, C_OpenSession, k->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
             &k->session)) return false;
    uint64_t opened = w->begun_ns;
    add(&storm.sessions);
    CK_RV rv = find(w, k->session, CKO_CERTIFICATE, 1, &k->certificate);
    if (!rv && k->certificate) rv = read_stamp(w, k->session, k->certificate, &k->stamp);
    if (!rv && k->certificate && k->life == judge_life() && !(k->life & 1)) {
        if (judge_over(k->stamp, opened, &k->set)) hold_against(w, k, "C_OpenSession");
        else return true;
    } else if (!rv && !k->certificate) {
        judge_count(UNEXPECTED, "a card without its certificate");
    }
    CALL(w, C_CloseSession, k->session);
    return false;
}

static void live(struct worker *w)
{
    struct kept k;
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;
    if (!open_session(w, &k)) return;
    if (random_of(&w->chance, 4)) log_in(w, &k);
    for (unsigned i = random_of(&w->chance, 6); i && !storm_lull(); i--) {
        switch (random_of(&w->chance, storm.cheap ? 9 : 11)) {
        case 0: if (!CALL(w, C_GetSessionInfo, k.session, &info)) hold_against(w, &k, "C_GetSessionInfo"); break;
        case 1: CALL(w, C_GetTokenInfo, k.slot, &token); break;
        case 2: read_certificate(w, &k, (CK_BYTE)(1 + random_of(&w->chance, 4))); break;
        case 3: case 4: sign_rsa(w, &k); break;
        case 5: derive(w, &k); break;
        case 6: case 7: use_old(w, &k); break;
        case 8: if (!random_of(&w->chance, 3)) write_some(w, &k); break;
        case 9: sign_ec(w, &k, 2); break;
        case 10: sign_ec(w, &k, 4); break;
        }
    }
    bool close = random_of(&w->chance, 4) != 0;
    if (close && CALL(w, C_CloseSession, k.session)) close = false;
    keep(w, &k, close);
}

static void close_all(struct worker *w)
{
    for (int i = 0; i < OLD; i++) {
        struct kept *k = &w->old[i];
        if (k->session && !k->closed) CALL(w, C_CloseSession, k->session);
        k->closed = true;
    }
}

static void log_out_all(struct worker *w)
{
    for (int i = 0; i < OLD; i++) {
        struct kept *k = &w->old[i];
        if (k->session && !k->closed) CALL(w, C_Logout, k->session);
    }
}

static bool storm_all(const unsigned *workers)
{
    return __atomic_load_n(workers, __ATOMIC_ACQUIRE) == storm.workers;
}

// Nobody needs a card, until the lull is over: cards come to rest. A login is the card's, whoever
// made it: none is ended before all are here.
static void rest(struct worker *w)
{
    bool close = storm_lull() == LULL_CLOSED;
    __atomic_add_fetch(&storm.idle, 1, __ATOMIC_ACQ_REL);
    while (storm_lull() && !storm_all(&storm.idle)) nap(NS_MS / 10);
    if (!close || random_of(&w->chance, 2)) log_out_all(w);
    if (close) close_all(w);
    __atomic_add_fetch(&storm.rested, 1, __ATOMIC_ACQ_REL);
    while (storm_lull()) nap(NS_MS / 10);
    __atomic_sub_fetch(&storm.rested, 1, __ATOMIC_ACQ_REL);
    __atomic_sub_fetch(&storm.idle, 1, __ATOMIC_ACQ_REL);
}

static void *worker(void *arg)
{
    struct worker *w = arg;
    while (!storm_is(&storm.over)) {
        if (storm_lull()) rest(w);
        unsigned long before = w->old_at;
        live(w);
        if (w->old_at == before) nap(random_of(&w->chance, 1000) * 1000u);
    }
    close_all(w);
    return NULL;
}

// ---- For who moves the cards ----

// Has all workers let go of their cards. false: they had not, in two seconds.
static bool lull_begin(enum lull how)
{
    while (__atomic_load_n(&storm.idle, __ATOMIC_ACQUIRE)) nap(NS_MS / 10);     // of the lull before
    __atomic_store_n(&storm.lull, how, __ATOMIC_RELEASE);
    for (int i = 0; i < 20000 && !storm_all(&storm.rested) && !storm_is(&storm.over); i++)
        nap(NS_MS / 10);
    return storm_all(&storm.rested);
}

static void lull_end(void)
{
    __atomic_store_n(&storm.lull, NO_LULL, __ATOMIC_RELEASE);
}

#endif
