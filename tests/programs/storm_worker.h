// storm_worker.h: the threads that use the library in the storm. SPDX-License-Identifier: 0BSD
//
// A worker opens a session, reads from it which insertion it has to do with, and from then on holds
// every answer against that. It keeps old handles, and uses them on purpose.
#ifndef STORM_WORKER_H
#define STORM_WORKER_H

#include "storm_writer.h"

// ---- What is done with a session ----

static void read_certificate(struct worker *w, const struct kept *k, CK_BYTE id)
{
    CK_OBJECT_HANDLE object;
    uint64_t stamp;
    if (k->set / 2 == STORM_GIDS && id > 2) return;     // it was written, and may be of an earlier one
    if (find(w, k->session, CKO_CERTIFICATE, id, &object) || !object) return;
    if (read_stamp(w, k->session, object, &stamp)) return;
    hold_against(w, k, "certificate");
    must_be(k, stamp, "certificate");
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
    CK_RV rv = CKR_OK;
    // What is read anew gets new handles, also in the middle of a search: another thread's change was
    // broken off.
    for (int i = 0; i < 3 && !rv && !k->certificate; i++)
        rv = find(w, k->session, CKO_CERTIFICATE, 1, &k->certificate);
    if (!rv && k->certificate) rv = read_stamp(w, k->session, k->certificate, &k->stamp);
    if (!rv && k->certificate && k->life == judge_life() && !(k->life & 1)) {
        if (judge_over(k->stamp, opened, &k->set)) hold_against(w, k, "C_OpenSession");
        else return true;
    } else if (!rv && !k->certificate) {
        CK_TOKEN_INFO info;
        if (C_GetTokenInfo(k->slot, &info)) memset(&info, '?', sizeof info);
        judge_count(UNEXPECTED, "a card without its certificate: %.16s %.16s", (char *)info.model,
                    (char *)info.serialNumber);
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
        switch (random_of(&w->chance, storm.cheap ? 10 : 13)) {
        case 0: if (!CALL(w, C_GetSessionInfo, k.session, &info)) hold_against(w, &k, "C_GetSessionInfo"); break;
        case 1: CALL(w, C_GetTokenInfo, k.slot, &token); break;
        case 2: read_certificate(w, &k, (CK_BYTE)(1 + random_of(&w->chance, 4))); break;
        case 3: case 4: sign_rsa(w, &k); break;
        case 5: derive(w, &k); break;
        case 6: case 7: use_old(w, &k); break;
        case 8: if (!random_of(&w->chance, 3)) write_some(w, &k); break;
        case 9: if (!is_piv(&k)) write_some(w, &k); break;
        case 10: sign_ec(w, &k, 2); break;
        case 11: sign_ec(w, &k, 4); break;
        case 12: sign_made(w, &k); break;
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
