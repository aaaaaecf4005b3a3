// pcsc_stand_in.h: a stand-in for libpcsclite: the SCard* functions over the simulated readers.
// SPDX-License-Identifier: 0BSD
//
// Linked in place of -lpcsclite with a scard11.c that was built for PC/SC, it shows what sim_reader.h
// plays (readers and cards that come and go, faults, other programs, the service, pinpads) as
// pcsc-lite shows it: handles are numbers and never given out twice; the count is in the high half of
// a reader's state; a handle bears a mark of removal or reset; Connect, Begin, Status and Reconnect
// wait for another program's transaction, GetAttrib is refused; \\?PnP?\Notification sees readers
// that come while it waits and nothing else; no reader to wait for returns at once; a reader that is
// not there when a wait begins is SCARD_E_UNKNOWN_READER, one that leaves during it is a state.
// What pcsc-lite has not it has neither: readers without a count.
//
// It aborts on two calls at once on one context (SCardCancel apart). Milder misuse is counted.
#ifndef PCSC_STAND_IN_H
#define PCSC_STAND_IN_H

#include <stdbool.h>

// The nth call from now of any SCard* function but SCardCancel (1: the next) returns code. The call
// is not done, but for SCardReleaseContext and SCardDisconnect, which always are, and for all
// others on a card if after is set. SCARD_W_RESET_CARD for a card's handle resets the card. nth 0: no
// more.
void pcsc_fail(unsigned nth, long code, bool after);
bool pcsc_fired(void);
const char *pcsc_fired_at(void);                // the function's name; "" if none

// What calls on a context say whose service is gone. SCARD_E_NO_SERVICE at first.
void pcsc_dead_code(long code);

// The nth code that PC/SC has, from 0; its name. 0: there are no more.
long pcsc_code(unsigned n, const char **name);

struct pcsc_stats {
    unsigned long calls;
    unsigned long contexts, cards;              // open now
    unsigned long stale;                        // calls with a number that is none (any more)
    unsigned long after_failed;                 // a card used again after an error ended it
    unsigned long left;                         // contexts released with a card still open
    unsigned long foreign;                      // a forked child used what its parent made
};
struct pcsc_stats pcsc_stats(void);
void pcsc_clear(void);                          // no failure, counts of misuse 0

#endif
