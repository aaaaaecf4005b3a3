// storm_calls.h: the state of the storm, and how a worker calls the library: each call is watched, and
// what it returns is held against what is physically true. SPDX-License-Identifier: 0BSD
#ifndef STORM_CALLS_H
#define STORM_CALLS_H

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
    CK_RV may[2];                       // what the call it is in may return beside what is usual
    struct kept old[OLD];
    unsigned old_at;
};

// What was done to a card.
enum written { MADE, STORED, CHANGED, DESTROYED, PINS_SET, SIGNED, WRITTEN };

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
    unsigned long written[STORM_KINDS][WRITTEN];
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
    if (!rv_is_usual(rv) && rv != w->may[0] && rv != w->may[1])
        judge_count(UNEXPECTED, "%s: %#lx", name, (unsigned long)rv);
    w->may[0] = w->may[1] = CKR_OK;
    return rv;
}

// One call of the library, watched.
#define CALL(w, f, ...) (begin_call((w), #f), end_call((w), f(__VA_ARGS__)))

// The same; it may return these, too.
#define CALL_MAY(w, rv, other, f, ...) \
    ((w)->may[0] = (rv), (w)->may[1] = (other), CALL(w, f, __VA_ARGS__))

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

// ---- What all do with a session ----

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

#endif
