// judge.h: the simulated cards are asked, whatever a case looks at itself. SPDX-License-Identifier: 0BSD
//
// After each case, of all cards that were in it:
//     did a secret go to another application than its own? (sim_common.h, sim_is_secret)
//     have more tries been taken than calls said that a PIN was wrong? A case that gives wrong ones
//     in another way, or whose call may not tell, says how many: judge_wrong.
// After each call that ends logins, C_Logout, C_CloseSession, C_CloseAllSessions and C_Finalize, of
// the cards that are in readers then:
//     is a PIN verified that no login accounts for?
//
// It needs no help of a case: scene.h, which includes this, makes calls of those functions go
// through here, and test_begin sets what test.h asks after each case. A call through a function
// list, or by a function's address, is not seen; of threads beside the first, only that they were
// there: then nobody can say which login accounts for what, until C_Finalize. A program that calls
// through function lists defines JUDGE_LISTS, and is asked for strayed secrets only.
#ifndef JUDGE_H
#define JUDGE_H

#include "../../scard11.h"
#include "../sim/sim_common.h"
#include "../sim/sim_reader.h"
#include "../test.h"
#include <pthread.h>

#define JUDGE_SLOTS    32               // slot IDs from 0 on; what has others is not judged
#define JUDGE_SESSIONS 64               // of a slot; with more, its end by C_CloseSession is not seen

static struct {
    pthread_t first;                    // the thread that runs the cases
    bool others;                        // others call, too
    unsigned wrong;                     // PINs that were wrong, of this case
    bool other;                         // another program is logged in
    unsigned misled;                    // secrets that went astray because a card lied
    struct sim_seen before;             // the case
    struct judge_slot {
        CK_SESSION_HANDLE sessions[JUDGE_SESSIONS];
        unsigned n;
        bool many, login;
    } slots[JUDGE_SLOTS];
    char left[80];                      // the call that left a PIN verified; "": none did
} judged;

// So many PINs were wrong, and no call said so.
static inline void judge_wrong(unsigned n) { __atomic_add_fetch(&judged.wrong, n, __ATOMIC_RELAXED); }

// So many secrets went astray because a fault made the card say that it had selected what it had not.
static inline void judge_misled(unsigned n) { judged.misled += n; }

// A fault made the card say that it had forgotten a PIN which it had not.
static inline void judge_misled_logout(void) { judged.left[0] = 0; }

// Another program is logged in to a card, or no more.
static inline void judge_other_login(bool in) { judged.other = in; }

// ---- After a case ----

static inline void judge_case(void)
{
    unsigned stray = sim_seen.stray_secrets - judged.before.stray_secrets - judged.misled;
    unsigned taken = sim_seen.tries_taken - judged.before.tries_taken, wrong = judged.wrong;
    judged.before = sim_seen;
    judged.wrong = judged.misled = 0;
    if (!test_failing && stray)
        test_fail(__FILE__, __LINE__, "%u secrets went to another application", stray);
#ifdef JUDGE_LISTS
    wrong = taken;
#endif
    if (!test_failing && taken > wrong)
        test_fail(__FILE__, __LINE__, "%u tries were taken, and %u PINs were wrong", taken, wrong);
    if (!test_failing && *judged.left)
        test_fail(__FILE__, __LINE__, "a PIN stayed verified after %s", judged.left);
    judged.left[0] = 0;
}

// ---- After a call that ends logins ----

// Through pcscd the cards are another thread's.
static inline unsigned judge_cards_verified(void)
{
    unsigned n = 0;
#ifndef WORLD_IS_PCSCD
    for (int i = 0; i < sim_reader_count(); i++) {
        bool plugged;
        const struct sim_card *card = sim_reader_holds(i, &plugged);
        n += card && plugged && card->verified && card->verified(card);
    }
#endif
    return n;
}

static inline bool judge_sees(void)
{
    bool first = pthread_equal(judged.first, pthread_self());
    if (!first) __atomic_store_n(&judged.others, true, __ATOMIC_RELAXED);
    return first && !__atomic_load_n(&judged.others, __ATOMIC_RELAXED);
}

static inline void judge_logins(const char *call)
{
    unsigned logins = judged.other;
    if (!judge_sees()) return;
    for (unsigned i = 0; i < JUDGE_SLOTS; i++) logins += judged.slots[i].login;
    unsigned verified = JUDGE_LOGINS ? judge_cards_verified() : 0;
    if (verified <= logins || *judged.left) return;
    snprintf(judged.left, sizeof judged.left, "%s (%u cards, %u logins)", call, verified, logins);
    if (JUDGE_LOGINS > 1) printf("    %s: a PIN stays verified after %s\n", test_name, judged.left);
}

static inline struct judge_slot *judge_slot(CK_SLOT_ID slot)
{
    return slot < JUDGE_SLOTS ? &judged.slots[slot] : NULL;
}

static inline struct judge_slot *judge_slot_of(CK_SESSION_HANDLE session)
{
    for (unsigned i = 0; i < JUDGE_SLOTS; i++)
        for (unsigned k = 0; k < judged.slots[i].n; k++)
            if (judged.slots[i].sessions[k] == session) return &judged.slots[i];
    return NULL;
}

static inline void judge_forget(struct judge_slot *s)
{
    if (s) *s = (struct judge_slot){ .n = 0 };
}

// ---- The calls ----

static inline CK_RV judge_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *arg,
                                        CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    struct judge_slot *s = judge_slot(slot);
    CK_RV rv = C_OpenSession(slot, flags, arg, notify, session);
    if (rv || !s || !judge_sees()) return rv;
    if (s->n == JUDGE_SESSIONS) s->many = true;
    else s->sessions[s->n++] = *session;
    return rv;
}

static inline CK_RV judge_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user,
                                  CK_UTF8CHAR_PTR pin, CK_ULONG n)
{
    CK_RV rv = C_Login(session, user, pin, n);
    struct judge_slot *s = judge_sees() ? judge_slot_of(session) : NULL;
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED) judge_wrong(1);
    if (!rv && s && user != CKU_CONTEXT_SPECIFIC) s->login = true;
    return rv;
}

static inline CK_RV judge_C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_n,
                                   CK_UTF8CHAR_PTR fresh, CK_ULONG fresh_n)
{
    CK_RV rv = C_SetPIN(session, old, old_n, fresh, fresh_n);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED) judge_wrong(1);
    return rv;
}

static inline CK_RV judge_C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG n)
{
    CK_RV rv = C_InitPIN(session, pin, n);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED) judge_wrong(1);
    return rv;
}

static inline CK_RV judge_C_Logout(CK_SESSION_HANDLE session)
{
    CK_RV rv = C_Logout(session);
    struct judge_slot *s = judge_sees() ? judge_slot_of(session) : NULL;
    if (rv || !s) return rv;
    s->login = false;
    judge_logins("C_Logout");
    return rv;
}

static inline CK_RV judge_C_CloseSession(CK_SESSION_HANDLE session)
{
    CK_RV rv = C_CloseSession(session);
    struct judge_slot *s = judge_sees() ? judge_slot_of(session) : NULL;
    for (unsigned i = 0; s && i < s->n; i++)
        if (s->sessions[i] == session) s->sessions[i--] = s->sessions[--s->n];
    if (rv || !s || s->n || s->many) return rv;
    s->login = false;
    judge_logins("the last C_CloseSession");
    return rv;
}

static inline CK_RV judge_C_CloseAllSessions(CK_SLOT_ID slot)
{
    CK_RV rv = C_CloseAllSessions(slot);
    if (rv || !judge_sees()) return rv;
    judge_forget(judge_slot(slot));
    judge_logins("C_CloseAllSessions");
    return rv;
}

static inline CK_RV judge_C_Finalize(void *arg)
{
    CK_RV rv = C_Finalize(arg);
    if (rv == CKR_ARGUMENTS_BAD || !pthread_equal(judged.first, pthread_self())) return rv;
    __atomic_store_n(&judged.others, false, __ATOMIC_RELAXED);
    for (CK_SLOT_ID i = 0; i < JUDGE_SLOTS; i++) judge_forget(judge_slot(i));
    if (!rv) judge_logins("C_Finalize");
    return rv;
}

static inline void judge_begin(void)
{
    judged.first = pthread_self();
    test_judge = judge_case;
}

#ifndef JUDGE_LISTS
#define C_OpenSession(...)      judge_C_OpenSession(__VA_ARGS__)
#define C_Login(...)            judge_C_Login(__VA_ARGS__)
#define C_SetPIN(...)           judge_C_SetPIN(__VA_ARGS__)
#define C_InitPIN(...)          judge_C_InitPIN(__VA_ARGS__)
#define C_Logout(...)           judge_C_Logout(__VA_ARGS__)
#define C_CloseSession(...)     judge_C_CloseSession(__VA_ARGS__)
#define C_CloseAllSessions(...) judge_C_CloseAllSessions(__VA_ARGS__)
#define C_Finalize(...)         judge_C_Finalize(__VA_ARGS__)
#endif
#define test_begin(...)         (judge_begin(), test_begin(__VA_ARGS__))

#endif
