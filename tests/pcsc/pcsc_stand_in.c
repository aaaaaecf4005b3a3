// pcsc_stand_in.c: see pcsc_stand_in.h. SPDX-License-Identifier: 0BSD
//
// A layer over the custom reader of sim_reader.c, which has the readers, the cards and the faults.
// One mutex guards the tables here; it is never held over a call of the layer below.
#define _POSIX_C_SOURCE 200809L
#undef SCARD11_READER
#define SCARD11_READER SCARD11_READER_CUSTOM    // of the layer below
#include "../../scard11.h"
#include "pcsc_stand_in.h"
#include "../sim/sim_reader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <winscard.h>
#include <reader.h>

#define CONTEXTS 256
#define CARDS    256
#define FEATURE_CODE(n) ((DWORD)SCARD_CTL_CODE(3500u + (n)))
#define GET_FEATURES    ((DWORD)SCARD_CTL_CODE(3400u))
#define TLV_PROPERTIES  0x12u

struct context {
    SCARDCONTEXT id;                // 0: free
    void *sim;
    bool busy;
    unsigned cards;
    pid_t owner;
};

struct card {
    SCARDHANDLE id;                 // 0: free
    void *sim;
    struct context *context;
    char name[128];
    struct scard11_reader_card about;
    bool begun, failed, troubled;   // failed: ended by an error; troubled: any error was said
};

static struct {
    pthread_mutex_t lock;
    bool ready;
    struct context contexts[CONTEXTS];
    struct card cards[CARDS];
    SCARDCONTEXT last_context;
    SCARDHANDLE last_card;
    unsigned fail_in;
    LONG fail_code, dead_code;
    bool fail_after, fired;
    const char *fired_at;
    struct pcsc_stats stats;
} pcsc = { .lock = PTHREAD_MUTEX_INITIALIZER, .last_context = 0x01000000, .last_card = 0x02000000,
           .dead_code = SCARD_E_NO_SERVICE, .fired_at = "" };

const SCARD_IO_REQUEST g_rgSCardT0Pci = { SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST) };
const SCARD_IO_REQUEST g_rgSCardT1Pci = { SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST) };
const SCARD_IO_REQUEST g_rgSCardRawPci = { SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST) };

static void unlock(void) { pthread_mutex_unlock(&pcsc.lock); }

static void forked(void)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    memcpy(&pcsc.lock, &fresh, sizeof fresh);
    for (int i = 0; i < CONTEXTS; i++) pcsc.contexts[i].busy = false;
}

static void lock(void)
{
    pthread_mutex_lock(&pcsc.lock);
    if (pcsc.ready) return;
    pcsc.ready = true;
    pthread_atfork(lock, unlock, forked);
}

static void wrong(const char *call, const char *what)
{
    fprintf(stderr, "pcsc_stand_in: wrong use: %s: %s\n", call, what);
    abort();
}

static void nap(void)
{
    nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

// ---- The failure that is planned ----

// Counts a call. Returns what it is to say; 0: nothing is planned for it.
static LONG step(const char *call, bool *after)
{
    LONG code = SCARD_S_SUCCESS;
    lock();
    pcsc.stats.calls++;
    if (pcsc.fail_in && !--pcsc.fail_in) {
        code = pcsc.fail_code;
        *after = pcsc.fail_after;
        pcsc.fired = true;
        pcsc.fired_at = call;
    }
    unlock();
    return code;
}

// ---- Contexts and cards ----

static struct context *context_enter(SCARDCONTEXT id, const char *call)
{
    struct context *c = NULL;
    lock();
    for (int i = 0; i < CONTEXTS && id && !c; i++)
        if (pcsc.contexts[i].id == id) c = &pcsc.contexts[i];
    if (!c) pcsc.stats.stale++;
    else if (c->owner != getpid()) pcsc.stats.foreign++;
    else if (c->busy) wrong(call, "another thread is in a call on this context");
    if (c) c->busy = true;
    unlock();
    return c;
}

static void context_leave(struct context *c)
{
    lock();
    c->busy = false;
    unlock();
}

// The card of a handle, and its context entered.
static struct card *card_enter(SCARDHANDLE id, const char *call, bool ends)
{
    struct card *c = NULL;
    lock();
    for (int i = 0; i < CARDS && id && !c; i++)
        if (pcsc.cards[i].id == id) c = &pcsc.cards[i];
    if (!c) pcsc.stats.stale++;
    else if (c->failed && !ends) {
        pcsc.stats.after_failed++;
        fprintf(stderr, "pcsc_stand_in: %s after an error that ended the card\n", call);
    }
    SCARDCONTEXT context = c ? c->context->id : 0;
    unlock();
    if (c) context_enter(context, call);
    return c;
}

// Is a call's error the end of its card? After a reset it is to be taken up again.
static LONG card_leave(struct card *c, LONG rv)
{
    lock();
    if (rv) c->troubled = true;
    if (rv && rv != SCARD_W_RESET_CARD) c->failed = true;
    c->context->busy = false;
    unlock();
    return rv;
}

static LONG dead(void)
{
    lock();
    LONG code = pcsc.dead_code;
    unlock();
    return code;
}

// What a call on a card says for what the layer below said. pcscd's word for a command that failed
// in the reader is SCARD_E_NOT_TRANSACTED.
static LONG card_code(const struct card *c, int code)
{
    enum sim_why why = SIM_WHY_REMOVED;
    switch (code) {
    case SCARD11_READER_OK:      return SCARD_S_SUCCESS;
    case SCARD11_READER_RESET:   return SCARD_W_RESET_CARD;
    case SCARD11_READER_BUSY:    return SCARD_E_SHARING_VIOLATION;
    case SCARD11_READER_MUTE:    return SCARD_W_UNRESPONSIVE_CARD;
    case SCARD11_READER_DOWN:    return dead();
    case SCARD11_READER_FAILED:  return SCARD_E_NOT_TRANSACTED;
    case SCARD11_READER_REFUSED: return SCARD_E_UNSUPPORTED_FEATURE;
    default:
        if (c && c->sim) sim_reader_peek(c->sim, c->name, &why, NULL);
        return why == SIM_WHY_UNPLUGGED ? SCARD_E_READER_UNAVAILABLE
             : why == SIM_WHY_DOWN ? dead() : SCARD_W_REMOVED_CARD;
    }
}

// Waits while another program has a transaction, as pcsc-lite does, by looking again and again.
static void await_free(const void *sim, const char *name)
{
    bool taken = true;
    while (sim_reader_peek(sim, name, NULL, &taken), taken) nap();
}

LONG SCardEstablishContext(DWORD scope, LPCVOID reserved1, LPCVOID reserved2, LPSCARDCONTEXT context)
{
    bool after = false;
    void *sim = NULL;
    LONG forced = step(__func__, &after);
    (void)reserved1; (void)reserved2;
    *context = 0;
    if (forced) return forced;
    if (scope > SCARD_SCOPE_GLOBAL) return SCARD_E_INVALID_VALUE;
    if (scard11_reader_start(&sim)) return SCARD_E_NO_SERVICE;
    lock();
    for (int i = 0; i < CONTEXTS && !*context; i++) {
        if (pcsc.contexts[i].id) continue;
        *context = ++pcsc.last_context;
        pcsc.contexts[i] = (struct context){ .id = *context, .sim = sim, .owner = getpid() };
        pcsc.stats.contexts++;
    }
    unlock();
    if (!*context) wrong(__func__, "too many contexts");
    return SCARD_S_SUCCESS;
}

LONG SCardReleaseContext(SCARDCONTEXT context)
{
    bool after = false;
    LONG forced = step(__func__, &after);
    struct context *c = context_enter(context, __func__);
    if (!c) return SCARD_E_INVALID_HANDLE;
    scard11_reader_stop(c->sim);
    lock();
    if (c->cards) pcsc.stats.left++;
    c->id = 0;
    pcsc.stats.contexts--;
    unlock();
    return forced;
}

LONG SCardIsValidContext(SCARDCONTEXT context)
{
    bool after = false;
    LONG forced = step(__func__, &after);
    struct context *c = forced ? NULL : context_enter(context, __func__);
    if (c) context_leave(c);
    return forced ? forced : c ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

// Not counted, and not kept waiting: it is what ends the wait. Before the wait begins it is lost.
LONG SCardCancel(SCARDCONTEXT context)
{
    void *sim = NULL;
    lock();
    for (int i = 0; i < CONTEXTS && context; i++)
        if (pcsc.contexts[i].id == context) sim = pcsc.contexts[i].sim;
    if (!sim) pcsc.stats.stale++;
    if (sim) scard11_reader_cancel(sim);
    unlock();
    return sim ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD len)
{
    char names[SIM_READERS * 128 + 2];
    size_t n = sizeof names;
    bool after = false;
    LONG forced = step(__func__, &after);
    (void)groups;
    if (forced) return forced;
    struct context *c = context_enter(context, __func__);
    if (!c) return SCARD_E_INVALID_HANDLE;
    int code = scard11_reader_list(c->sim, names, &n);
    context_leave(c);
    if (code) return dead();
    if (n <= 1) return SCARD_E_NO_READERS_AVAILABLE;
    DWORD room = *len;
    *len = (DWORD)n;
    if (!readers) return SCARD_S_SUCCESS;
    if (room < n) return SCARD_E_INSUFFICIENT_BUFFER;
    memcpy(readers, names, n);
    return SCARD_S_SUCCESS;
}

// ---- States ----

static bool is_pnp(const char *name)
{
    return !strcmp(name, "\\\\?PnP?\\Notification");
}

static uint32_t known_of(DWORD state)
{
    uint32_t known = SCARD11_READER_COUNTED | (uint32_t)(state & 0xffff0000u);
    if (state & (SCARD_STATE_UNAVAILABLE | SCARD_STATE_UNKNOWN)) return SCARD11_READER_GONE;
    if (state & SCARD_STATE_PRESENT) known |= SCARD11_READER_PRESENT;
    if (state & SCARD_STATE_MUTE) known |= SCARD11_READER_CARD_MUTE;
    return known;
}

static bool is_connected(const char *name)
{
    bool found = false;
    lock();
    for (int i = 0; i < CARDS; i++)
        found = found || (pcsc.cards[i].id && !strcmp(pcsc.cards[i].name, name));
    unlock();
    return found;
}

static DWORD event_of(const char *name, uint32_t state)
{
    DWORD event = state & 0xffff0000u;
    if (state & SCARD11_READER_GONE) return SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE;
    if (!(state & SCARD11_READER_PRESENT)) return event | SCARD_STATE_EMPTY;
    bool used = is_connected(name) || state & SCARD11_READER_IN_USE;
    event |= SCARD_STATE_PRESENT | (used ? SCARD_STATE_INUSE : SCARD_STATE_UNPOWERED);
    return event | (state & SCARD11_READER_CARD_MUTE ? SCARD_STATE_MUTE : 0);
}

// Says for each reader what it is now. Returns whether one differs from what the caller knew, and in
// *missing whether one is not there.
static bool states_fill(void *sim, SCARD_READERSTATE *states, DWORD n, bool *missing)
{
    bool differs = false;
    *missing = false;
    for (DWORD i = 0; i < n; i++) {
        SCARD_READERSTATE *s = &states[i];
        struct scard11_reader_state one = { s->szReader, 0, 0 };
        if (is_pnp(s->szReader)) { s->dwEventState = 0; continue; }
        if (scard11_reader_wait(sim, &one, 1, 0)) one.state = SCARD11_READER_GONE;
        bool gone = one.state & SCARD11_READER_GONE;
        s->cbAtr = (DWORD)sim_reader_atr(s->szReader, s->rgbAtr);
        *missing = *missing || gone;
        s->dwEventState = event_of(s->szReader, one.state);
        one.state &= ~SCARD11_READER_IN_USE;            // no change of it ends a wait
        if (s->dwCurrentState != SCARD_STATE_UNAWARE &&
            (gone ? SCARD11_READER_GONE : one.state) == known_of(s->dwCurrentState)) continue;
        s->dwEventState |= SCARD_STATE_CHANGED;
        differs = true;
    }
    return differs;
}

// One wait below, for the readers of a call. Returns its code.
static int states_wait(void *sim, const SCARD_READERSTATE *states, DWORD n, DWORD ms, bool *pnp)
{
    struct scard11_reader_state below[SIM_READERS + 1];
    size_t count = 0;
    *pnp = false;
    for (DWORD i = 0; i < n && count < SIM_READERS; i++) {
        if (is_pnp(states[i].szReader)) *pnp = true;
        else below[count++] = (struct scard11_reader_state){ states[i].szReader,
                                                             known_of(states[i].dwCurrentState), 0 };
    }
    return scard11_reader_wait(sim, below, count, (uint32_t)ms);
}

static unsigned long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

static LONG status_change(void *sim, DWORD ms, SCARD_READERSTATE *states, DWORD n)
{
    unsigned long end = now_ms() + ms;
    bool missing, pnp;
    if (!n) return SCARD_S_SUCCESS;
    struct scard11_reader_state none;
    if (scard11_reader_wait(sim, &none, 0, 0) == SCARD11_READER_DOWN) return dead();
    if (states_fill(sim, states, n, &missing) && !missing) return SCARD_S_SUCCESS;
    if (missing) return SCARD_E_UNKNOWN_READER;
    for (;;) {
        unsigned long now = now_ms();
        if (now >= end) return SCARD_E_TIMEOUT;
        int code = states_wait(sim, states, n, end - now, &pnp);
        if (code == SCARD11_READER_DOWN) return dead();
        bool differs = states_fill(sim, states, n, &missing);
        if (code == SCARD11_READER_CANCELLED) return SCARD_E_CANCELLED;
        if (differs) return SCARD_S_SUCCESS;
        if (code == SCARD11_READER_OK && pnp) {         // a reader came, or it woke early
            for (DWORD i = 0; i < n; i++)
                if (is_pnp(states[i].szReader)) states[i].dwEventState = SCARD_STATE_CHANGED;
            return SCARD_S_SUCCESS;
        }
    }
}

LONG SCardGetStatusChange(SCARDCONTEXT context, DWORD ms, SCARD_READERSTATE *states, DWORD n)
{
    bool after = false;
    LONG forced = step(__func__, &after);
    if (forced) return forced;
    struct context *c = context_enter(context, __func__);
    if (!c) return SCARD_E_INVALID_HANDLE;
    // As pcsc-lite's: more states than it knows readers.
    LONG rv = n > PCSCLITE_MAX_READERS_CONTEXTS ? SCARD_E_INVALID_VALUE
                                                : status_change(c->sim, ms, states, n);
    context_leave(c);
    return rv;
}

// ---- Connections ----

static SCARDHANDLE card_new(struct context *context, void *sim, const char *name,
                            const struct scard11_reader_card *about)
{
    SCARDHANDLE id = 0;
    lock();
    for (int i = 0; i < CARDS && !id; i++) {
        struct card *c = &pcsc.cards[i];
        if (c->id) continue;
        id = ++pcsc.last_card;
        *c = (struct card){ .id = id, .sim = sim, .context = context, .about = *about };
        strncpy(c->name, name, sizeof c->name - 1);
        context->cards++;
        pcsc.stats.cards++;
    }
    unlock();
    if (!id) wrong("SCardConnect", "too many cards");
    return id;
}

static unsigned how_of(DWORD share)
{
    return share == SCARD_SHARE_EXCLUSIVE ? SCARD11_READER_EXCLUSIVE : 0;
}

LONG SCardConnect(SCARDCONTEXT context, LPCSTR name, DWORD share, DWORD protocols,
                  LPSCARDHANDLE card, LPDWORD protocol)
{
    struct scard11_reader_card about = { .atr_len = 0 };
    void *sim = NULL;
    bool after = false;
    LONG forced = step(__func__, &after), rv = SCARD_S_SUCCESS;
    (void)protocols;
    if (forced) return forced;
    struct context *c = context_enter(context, __func__);
    if (!c) return SCARD_E_INVALID_HANDLE;
    struct scard11_reader_state one = { name, 0, 0 };
    int code = scard11_reader_wait(c->sim, &one, 1, 0);
    if (code == SCARD11_READER_DOWN) rv = dead();
    else if (code || one.state & SCARD11_READER_GONE) rv = SCARD_E_UNKNOWN_READER;
    else if (!(one.state & SCARD11_READER_PRESENT)) rv = SCARD_E_NO_SMARTCARD;
    if (!rv) await_free(NULL, name);
    if (!rv) rv = card_code(NULL, scard11_reader_connect(&sim, name, how_of(share), &about));
    if (rv == SCARD_W_REMOVED_CARD) rv = SCARD_E_NO_SMARTCARD;
    if (!rv) *card = card_new(c, sim, name, &about);
    if (!rv) *protocol = about.protocol ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
    context_leave(c);
    return rv;
}

// Begins what every call on a card begins with: it is counted, and may be planned to fail.
static struct card *card_begin(SCARDHANDLE id, const char *call, bool ends, LONG *forced, bool *after)
{
    *after = false;
    *forced = step(call, after);
    struct card *c = card_enter(id, call, ends);
    if (c && *forced == SCARD_W_RESET_CARD) {
        sim_reader_reset_named(c->name);
        *forced = 0;
    }
    return c;
}

LONG SCardReconnect(SCARDHANDLE id, DWORD share, DWORD protocols, DWORD how, LPDWORD protocol)
{
    LONG forced;
    bool after;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    (void)protocols;
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (how != SCARD_LEAVE_CARD && how != SCARD_RESET_CARD) wrong(__func__, "not simulated");
    if (forced && !after) return card_leave(c, forced);
    await_free(c->sim, c->name);
    unsigned below = how_of(share) | (how == SCARD_RESET_CARD ? SCARD11_READER_RESET_CARD : 0);
    LONG rv = card_code(c, scard11_reader_connect(&c->sim, c->name, below, &c->about));
    if (!rv) *protocol = c->about.protocol ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
    return card_leave(c, forced ? forced : rv);
}

// A transaction that is open ends with it.
LONG SCardDisconnect(SCARDHANDLE id, DWORD how)
{
    LONG forced;
    bool after;
    struct card *c = card_begin(id, __func__, true, &forced, &after);
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (c->troubled && c->begun && !sim_reader_peek(c->sim, c->name, NULL, NULL))
        scard11_reader_end(c->sim);
    scard11_reader_disconnect(c->sim, how == SCARD_RESET_CARD);
    lock();
    c->id = 0;
    c->context->cards--;
    c->context->busy = false;
    pcsc.stats.cards--;
    unlock();
    return forced;
}

LONG SCardBeginTransaction(SCARDHANDLE id)
{
    LONG forced, rv = 0;
    bool after;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (!forced || after) {
        rv = card_code(c, scard11_reader_begin(c->sim));
        if (!rv) c->begun = true;
    }
    return card_leave(c, forced ? forced : rv);
}

LONG SCardEndTransaction(SCARDHANDLE id, DWORD how)
{
    LONG forced, rv = 0;
    bool after;
    struct card *c = card_begin(id, __func__, true, &forced, &after);
    (void)how;
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (!forced || after) {
        rv = card_code(c, scard11_reader_end(c->sim));
        if (rv != SCARD_W_RESET_CARD) c->begun = false;
    }
    return card_leave(c, forced ? forced : rv);
}

static LONG put(LPBYTE out, LPDWORD len, const void *p, size_t n)
{
    DWORD room = len ? *len : 0;
    if (len) *len = (DWORD)n;
    if (!out) return SCARD_S_SUCCESS;
    memcpy(out, p, n < room ? n : room);
    return n > room ? SCARD_E_INSUFFICIENT_BUFFER : SCARD_S_SUCCESS;
}

LONG SCardStatus(SCARDHANDLE id, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol,
                 LPBYTE atr, LPDWORD atr_len)
{
    LONG forced;
    bool after;
    uint32_t flags = 0;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (forced && !after) return card_leave(c, forced);
    await_free(c->sim, c->name);
    LONG rv = card_code(c, scard11_reader_status(c->sim, &flags));
    if (!rv && state)
        *state = (flags & 0xffff0000u) | (flags & SCARD11_READER_PRESENT
                  ? SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE : SCARD_ABSENT);
    if (!rv && protocol) *protocol = c->about.protocol ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
    if (!rv) rv = put((LPBYTE)name, name_len, c->name, strlen(c->name) + 1);
    if (!rv) rv = put(atr, atr_len, c->about.atr, c->about.atr_len);
    return card_leave(c, forced ? forced : rv);
}

// Its error ends nothing: pcsc-lite's does not wait for another program's transaction.
LONG SCardGetAttrib(SCARDHANDLE id, DWORD attribute, LPBYTE out, LPDWORD len)
{
    LONG forced;
    bool after, taken = false;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    if (!c) return SCARD_E_INVALID_HANDLE;
    LONG rv = card_code(c, sim_reader_peek(c->sim, c->name, NULL, &taken));
    if (!rv && taken) rv = SCARD_E_SHARING_VIOLATION;
    if (!rv && attribute != SCARD_ATTR_ATR_STRING) rv = SCARD_E_UNSUPPORTED_FEATURE;
    if (!rv) rv = put(out, len, c->about.atr, c->about.atr_len);
    context_leave(c->context);
    return forced ? forced : rv;
}

LONG SCardTransmit(SCARDHANDLE id, const SCARD_IO_REQUEST *pci, LPCBYTE cmd, DWORD cmd_len,
                   SCARD_IO_REQUEST *answer_pci, LPBYTE rsp, LPDWORD rsp_len)
{
    LONG forced, rv = 0;
    bool after;
    size_t n = *rsp_len;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    (void)answer_pci;
    if (!c) return SCARD_E_INVALID_HANDLE;
    if (pci->dwProtocol != (c->about.protocol ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0))
        wrong(__func__, "the wrong protocol");
    if (!forced || after) rv = card_code(c, scard11_reader_transmit(c->sim, cmd, cmd_len, rsp, &n));
    if (!rv && !forced) *rsp_len = (DWORD)n;
    return card_leave(c, forced ? forced : rv);
}

// ---- Control: features and pinpads (PC/SC part 10) ----

static size_t features(const struct card *c, uint8_t *out)
{
    size_t n = 0;
    for (uint32_t f = 1; f < 32; f++) {
        if (!(c->about.features >> f & 1) && f != TLV_PROPERTIES) continue;
        uint32_t code = (uint32_t)FEATURE_CODE(f);
        const uint8_t entry[] = { (uint8_t)f, 4, (uint8_t)(code >> 24), (uint8_t)(code >> 16),
                                  (uint8_t)(code >> 8), (uint8_t)code };
        memcpy(out + n, entry, sizeof entry);
        n += sizeof entry;
    }
    return n;
}

// The last one, where it is known; 0 says that the reader takes short APDUs only.
static size_t properties(const struct card *c, uint8_t *out)
{
    uint32_t most = c->about.max_data > 261 ? c->about.max_data : 0;
    const uint8_t all[] = { 0x06, 1, c->about.pin_min, 0x07, 1, c->about.pin_max, 0x0a, 4,
                            (uint8_t)most, (uint8_t)(most >> 8), (uint8_t)(most >> 16),
                            (uint8_t)(most >> 24) };
    memcpy(out, all, sizeof all);
    return c->about.max_data ? sizeof all : sizeof all - 6;
}

LONG SCardControl(SCARDHANDLE id, DWORD code, LPCVOID in, DWORD in_len, LPVOID out, DWORD room,
                  LPDWORD got)
{
    uint8_t answer[256];
    size_t n = room;
    LONG forced, rv = 0;
    bool after;
    struct card *c = card_begin(id, __func__, false, &forced, &after);
    if (!c) return SCARD_E_INVALID_HANDLE;
    *got = 0;
    if (!forced || after) {
        if (code == GET_FEATURES || code == FEATURE_CODE(TLV_PROPERTIES)) {
            n = code == GET_FEATURES ? features(c, answer) : properties(c, answer);
            rv = card_code(c, sim_reader_peek(c->sim, c->name, NULL, NULL));
            if (!rv && n > room) rv = SCARD_E_INSUFFICIENT_BUFFER;
            if (!rv) memcpy(out, answer, n);
        } else {
            rv = card_code(c, scard11_reader_control(c->sim, (uint32_t)(code - FEATURE_CODE(0)), in,
                                                     in_len, out, &n));
        }
    }
    if (!rv) *got = (DWORD)n;
    lock();
    if (forced || rv) c->troubled = true;       // not its end: readers say all kinds of things here
    unlock();
    context_leave(c->context);
    return forced ? forced : rv;
}

// ---- The test's side ----

void pcsc_fail(unsigned nth, long code, bool after)
{
    lock();
    pcsc.fail_in = nth;
    pcsc.fail_code = (LONG)code;
    pcsc.fail_after = after;
    pcsc.fired = false;
    pcsc.fired_at = "";
    unlock();
}

bool pcsc_fired(void)
{
    lock();
    bool fired = pcsc.fired;
    unlock();
    return fired;
}

const char *pcsc_fired_at(void)
{
    lock();
    const char *at = pcsc.fired_at;
    unlock();
    return at;
}

void pcsc_dead_code(long code)
{
    lock();
    pcsc.dead_code = (LONG)code;
    unlock();
}

#define CODE(name) { name, #name }
static const struct { LONG code; const char *name; } codes[] = {
    CODE(SCARD_F_INTERNAL_ERROR), CODE(SCARD_E_CANCELLED), CODE(SCARD_E_INVALID_HANDLE),
    CODE(SCARD_E_INVALID_PARAMETER), CODE(SCARD_E_INVALID_TARGET), CODE(SCARD_E_NO_MEMORY),
    CODE(SCARD_F_WAITED_TOO_LONG), CODE(SCARD_E_INSUFFICIENT_BUFFER),
    CODE(SCARD_E_UNKNOWN_READER), CODE(SCARD_E_TIMEOUT), CODE(SCARD_E_SHARING_VIOLATION),
    CODE(SCARD_E_NO_SMARTCARD), CODE(SCARD_E_UNKNOWN_CARD), CODE(SCARD_E_CANT_DISPOSE),
    CODE(SCARD_E_PROTO_MISMATCH), CODE(SCARD_E_NOT_READY), CODE(SCARD_E_INVALID_VALUE),
    CODE(SCARD_E_SYSTEM_CANCELLED), CODE(SCARD_F_COMM_ERROR), CODE(SCARD_F_UNKNOWN_ERROR),
    CODE(SCARD_E_INVALID_ATR), CODE(SCARD_E_NOT_TRANSACTED), CODE(SCARD_E_READER_UNAVAILABLE),
    CODE(SCARD_P_SHUTDOWN), CODE(SCARD_E_PCI_TOO_SMALL), CODE(SCARD_E_READER_UNSUPPORTED),
    CODE(SCARD_E_DUPLICATE_READER), CODE(SCARD_E_CARD_UNSUPPORTED), CODE(SCARD_E_NO_SERVICE),
    CODE(SCARD_E_SERVICE_STOPPED), CODE(SCARD_E_UNEXPECTED), CODE(SCARD_E_ICC_INSTALLATION),
    CODE(SCARD_E_ICC_CREATEORDER), CODE(SCARD_E_DIR_NOT_FOUND), CODE(SCARD_E_FILE_NOT_FOUND),
    CODE(SCARD_E_NO_DIR), CODE(SCARD_E_NO_FILE), CODE(SCARD_E_NO_ACCESS),
    CODE(SCARD_E_WRITE_TOO_MANY), CODE(SCARD_E_BAD_SEEK), CODE(SCARD_E_INVALID_CHV),
    CODE(SCARD_E_UNKNOWN_RES_MNG), CODE(SCARD_E_NO_SUCH_CERTIFICATE),
    CODE(SCARD_E_CERTIFICATE_UNAVAILABLE), CODE(SCARD_E_NO_READERS_AVAILABLE),
    CODE(SCARD_E_COMM_DATA_LOST), CODE(SCARD_E_NO_KEY_CONTAINER), CODE(SCARD_E_SERVER_TOO_BUSY),
    CODE(SCARD_W_UNSUPPORTED_CARD), CODE(SCARD_W_UNRESPONSIVE_CARD), CODE(SCARD_W_UNPOWERED_CARD),
    CODE(SCARD_W_RESET_CARD), CODE(SCARD_W_REMOVED_CARD), CODE(SCARD_W_SECURITY_VIOLATION),
    CODE(SCARD_W_WRONG_CHV), CODE(SCARD_W_CHV_BLOCKED), CODE(SCARD_W_EOF),
    CODE(SCARD_W_CANCELLED_BY_USER), CODE(SCARD_W_CARD_NOT_AUTHENTICATED),
};

long pcsc_code(unsigned n, const char **name)
{
    if (n >= sizeof codes / sizeof *codes) return 0;
    *name = codes[n].name;
    return codes[n].code;
}

struct pcsc_stats pcsc_stats(void)
{
    lock();
    struct pcsc_stats stats = pcsc.stats;
    unlock();
    return stats;
}

void pcsc_clear(void)
{
    lock();
    pcsc.fail_in = 0;
    pcsc.fired = false;
    pcsc.dead_code = SCARD_E_NO_SERVICE;
    pcsc.stats = (struct pcsc_stats){ .contexts = pcsc.stats.contexts, .cards = pcsc.stats.cards };
    unlock();
}
