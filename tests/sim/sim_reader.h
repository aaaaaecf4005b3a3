// sim_reader.h: simulated readers in process, behind the custom reader of scard11.h part 3.
// SPDX-License-Identifier: 0BSD
//
// A test adds readers, puts simulated cards (sim.h) into them and pulls them out, from any thread
// and at any time, also while the library waits or transmits. Readers are named by the number that
// sim_reader_add returned. Cards stay the test's: a card is in use until eject, swap or clear has
// returned, then it may be inserted again or freed. None of these functions may be called by a card
// or a hook, except where it says so.
//
// The backend aborts with a message on use that scard11.h forbids and that would be a crash with
// PC/SC: a connection used after its disconnect or by two threads at once, a context likewise, room
// for less than 258 bytes. Milder misuse is counted in sim_reader_stats: unbalanced, outside and
// after_removed should be 0 at the end of every test, connections and contexts after C_Finalize.
// A forked child goes on with a copy of it all.
#ifndef SIM_READER_H
#define SIM_READER_H

#include "sim.h"

#define SIM_READERS 40                  // so many at most

// ---- The world ----

// Begins anew: no readers, counters 0, no fault, no hooks, service up. Connections and contexts
// that are still open are dead.
void sim_reader_clear(void);

// The PC/SC service stops: every call says _DOWN, all contexts and connections are dead for good,
// the cards have no power.
// When it is up again new ones can be made; counts of insertions begin at 0 again.
void sim_reader_service(bool up);

// It stops and is up again as soon as no command runs, so that only what is dead shows it; the counts
// of insertions may be those of before. anew (or NULL) is told of each card that is in, when its last command is over.
void sim_reader_service_anew(bool counts_stay, void (*anew)(int reader, struct sim_card *card));

// ---- Readers ----

int  sim_reader_add(const char *name);  // a new reader, plugged in and empty; aborts at too many
void sim_reader_unplug(int reader);     // its card stays in it, as in a USB token, and loses power
void sim_reader_plug(int reader);       // its count begins at 0 again, as pcsc-lite's does

enum sim_count { SIM_COUNTS, SIM_COUNTS_NOT, SIM_COUNTS_ZERO };
void sim_reader_counts(int reader, enum sim_count how);     // NOT: no count; ZERO: it is stuck at 0
void sim_reader_set_count(int reader, unsigned count);      // it wraps after 0xffff
unsigned sim_reader_get_count(int reader);

// says: the most bytes of an APDU that connect reports (0: not known). takes: the most it really
// takes, else transmit is _FAILED (0: any); up to 261, one that knows no extended length.
void sim_reader_limit(int reader, uint32_t says, uint32_t takes);

// A reader with a pinpad. connect reports features (bit n: PC/SC part 10 feature n) and how many
// digits it takes (0: not known). type is the person at it and the reader's firmware: it makes of
// what scard11_reader_control got the command for the card, in cmd (300 bytes), and returns its
// length, or 0 and what the reader answers itself: a status, one byte (SIM_READER_BYTE and it), or
// nothing (0). It may call the functions of this header, and
// pull the card. A control of such a feature counts as a transmit in plans of faults.
#define SIM_READER_BYTE 0x100
struct sim_reader_pinpad {
    uint32_t features;
    uint8_t pin_min, pin_max;
    size_t (*type)(void *arg, int reader, uint32_t feature, const uint8_t *in, size_t n,
                   uint8_t *cmd, unsigned *sw);
    void *arg;
};
void sim_reader_pinpad(int reader, const struct sim_reader_pinpad *pad);      // NULL: none

// A reader that is late: pulling its card makes transmit _FAILED, but looks and status go on
// showing the card until sim_reader_poll: as mute once a disconnect was to reset it.
void sim_reader_late(int reader, bool on);
void sim_reader_poll(int reader);
void sim_reader_empty(int reader, bool on);     // transmit then answers no bytes: pcscd's usual way

// wait returns after a millisecond for no reason.
void sim_reader_wait_early(bool on);

void sim_reader_slow_stops(unsigned n, unsigned ms);    // the next n contexts take so long to stop

// The first cancel of each wait is lost, as one is that comes before the wait has begun.
void sim_reader_lose_cancels(bool on);

// ---- Cards ----

void sim_reader_insert(int reader, struct sim_card *card);              // count + 1
struct sim_card *sim_reader_eject(int reader);                          // count + 1; NULL if empty
struct sim_card *sim_reader_swap(int reader, struct sim_card *card);    // count + 2, in one step

// The same, but connections to the old card see a reset where they should see a removal, as
// pcsc-lite's may; taken up again, they lead to the new card.
struct sim_card *sim_reader_swap_as_reset(int reader, struct sim_card *card);

// The same, but nothing shows it: one command (the next) is _FAILED, then the new card answers on
// the old connection, count unchanged.
struct sim_card *sim_reader_swap_unseen(int reader, struct sim_card *card);

// The reader is plugged in again with another card in it, in one step, and its count happens to come to
// the same: no look shows it, connections to the old card see the removal.
struct sim_card *sim_reader_swap_same_count(int reader, struct sim_card *card);

void sim_reader_mute(int reader, bool on);      // the card does not answer
int  sim_reader_cards(void);                    // how many cards are in readers
int  sim_reader_count(void);                    // how many readers there are, plugged in or not
struct sim_card *sim_reader_holds(int reader, bool *plugged);   // the card that is in; NULL: none

// ---- Other programs ----

void sim_reader_reset(int reader);              // resets the card: our connections get _RESET until
                                                // connect takes them up again
void sim_reader_busy(int reader, bool on);      // has the card to itself: connect is _BUSY
void sim_reader_hold(int reader, long ms);      // its transaction: begin waits. -1: until 0

// Runs fn each time another program could have had the card: before each of our transactions, and
// before each command outside one. Never inside a transaction or for an exclusive connection. fn
// may call card->apdu. NULL: no more. As long as there is one, the card is in use.
void sim_reader_foreign(int reader, void (*fn)(struct sim_card *card, void *arg), void *arg);

// ---- Faults ----

enum sim_fault {
    SIM_NO_FAULT,
    SIM_EJECT,              // the card is pulled before it gets the command
    SIM_EJECT_AFTER,        // ... after it did what the command says; the answer is lost
    SIM_SWAP,               // replaced by the card given, before
    SIM_SWAP_AFTER,
    SIM_SWAP_AS_RESET,      // as sim_reader_swap_as_reset
    SIM_SWAP_UNSEEN,        // as sim_reader_swap_unseen: this command is _FAILED
    SIM_RESET,              // another program resets it, before
    SIM_RESET_AFTER,        // after: the answer arrives, the next call sees the reset
    SIM_UNPLUG,             // the reader goes, with its card
    SIM_SERVICE_DOWN,       // ... or the service
    SIM_FAILED,             // _FAILED, the card got nothing
    SIM_FAILED_AFTER,       // _FAILED, the card got it and did it
    SIM_ANSWER_1,           // the answer is cut to 1 byte
    SIM_ANSWER_0,           // ... to none
    SIM_ANSWER_6F00,        // the card says 6F00 and does nothing
    SIM_ANSWER_9000,        // the card says 9000 without data and does nothing
    SIM_HANG,               // no answer until sim_reader_release, or until the card is pulled
    SIM_FAULTS
};

// Does it once, at the nth transmit from now (1: the next), counted over all readers. other: the
// card for SIM_SWAP*. A new plan replaces the old; nth 0 clears it.
void sim_reader_fault(enum sim_fault what, unsigned nth, struct sim_card *other);

// The same, counted over all calls that use a connection: connect, status, begin, transmit, end. At
// other calls than transmit, faults of the answer count as SIM_FAILED, and *_AFTER as before.
void sim_reader_fault_any(enum sim_fault what, unsigned nth, struct sim_card *other);

bool sim_reader_fired(void);                    // did the plan come to pass?
const char *sim_fault_name(enum sim_fault what);
void sim_reader_release(void);                  // ends SIM_HANG
bool sim_reader_await_hang(unsigned ms);        // waits until a command hangs; false: none did

// ---- What happened ----

struct sim_reader_stats {
    unsigned long lists, looks, waits;          // looks: waits with timeout 0
    unsigned long cancels;
    unsigned long connects, disconnects;        // successful connects, taking up again not counted
    unsigned long resumes;                      // connections taken up again after a reset
    unsigned long resets;                       // connects that reset the card of a connection
    unsigned long disconnect_resets;            // disconnects that asked for a reset
    unsigned long stray_resets;                 // resets of a card that came after the connection's own
    unsigned long statuses, begins, ends, transmits, controls;
    unsigned long foreigns;                     // runs of the hook of sim_reader_foreign
    unsigned long connections, contexts;        // open now
    unsigned long waiting;                      // threads inside a wait now
    // Misuse. After a reset within a transaction, whether it is still open depends on the platform:
    // right is to end it and begin another; anything else counts as unbalanced or outside.
    unsigned long unbalanced;                   // begin twice, end without begin, or no end
    unsigned long outside;                      // shared, and a command outside a transaction
    unsigned long after_removed;                // any call but disconnect after _REMOVED
};

struct sim_reader_stats sim_reader_stats(void);
bool sim_reader_await_waiting(unsigned n, unsigned ms);     // until n threads are inside a wait

// ---- For pcsc_stand_in.c ----

// What a connection would say now, without a use of it: _OK, _REMOVED or _RESET; why it was removed;
// whether another has a transaction. conn NULL: of the reader of that name.
enum sim_why { SIM_WHY_REMOVED, SIM_WHY_UNPLUGGED, SIM_WHY_DOWN };
int sim_reader_peek(const void *conn, const char *name, enum sim_why *why, bool *taken);
void sim_reader_reset_named(const char *name);
size_t sim_reader_atr(const char *name, uint8_t *atr);      // of the card that is in; 0: none

// ---- Hooks ----

// Called with each command that reached a card and its answer. With the environment variable
// SIM_TRACE set, and no hook, they are printed to stderr.
void sim_reader_trace(void (*fn)(void *arg, int reader, const uint8_t *cmd, size_t cmd_len,
                                 const uint8_t *rsp, size_t rsp_len), void *arg);


#endif
