/* hotplug.pml: the locks, events and ends of scard11.c, for Spin. SPDX-License-Identifier: 0BSD
 *
 * To be read beside >>slot, >>life and >>gate: each inline bears the name of the function that it follows and
 * takes its steps in its order. One reader with one slot; two, with the other's place. What is left
 * out: what a card says, transactions, resets, a table that is full. Whether a look is younger than
 * SCARD11_LOOK_MS is a matter of chance, and a wait never ends by itself after a second, so that
 * nothing here comes right only because of time. A section under the library lock is one step: all
 * that it touches is touched nowhere else (that this is so is for ThreadSanitizer to say).
 *
 * The world is one number: how often a card went in or out. It is odd while a card is in, and each
 * insertion has a number of its own. What PC/SC shows is another, its count and state in one: it follows
 * the world, but for a reader that is plugged in again with another card under the count of before, and
 * for a service that was away and shows what it showed. A card at rest has no session; its connection
 * may be kept for a while or let go.
 *
 * tests/tools/model.sh runs it in several sizes, and once with each of the faults FAULT_..., which must be
 * found.
 */
#ifndef CHANGES
#define CHANGES 3               /* of the world */
#endif
#ifndef USERS
#define USERS 1                 /* threads that open sessions and use them, */
#endif
#ifndef CALLS
#define CALLS 2                 /* ... so many calls each */
#endif
#ifndef WAITERS
#define WAITERS 0               /* threads in C_WaitForSlotEvent */
#endif
#ifndef LISTS
#define LISTS 0                 /* calls of C_GetSlotList by one more thread */
#endif
#ifndef ENDS
#define ENDS 0                  /* of the library; it is begun anew after each but the last */
#endif
#ifndef PACE
#define PACE 2                  /* most turns of C_Finalize from one cancel to the next */
#endif
/* HANGS: a command may have no answer for long, and C_Finalize may give up at any time.
 * ONE_BY_ONE: the world changes only while all that wait really wait for it.
 * FAIR: who wants the gate takes a turn; without, no thread can be sure ever to get it. */

#ifndef REPEATS
#define REPEATS 0               /* other cards that come in under the count of before */
#endif
#ifndef RESTARTS
#define RESTARTS 0              /* of the service; another card is in afterwards, under the same count */
#endif

#define ARENAS  3
#define NONE    255
#define TURNS   8

mtype = { OK, NOT_INIT, NO_SESSION, NO_TOKEN, REMOVED };

byte world;                     /* odd: a card is in */
byte shown;                     /* ... as PC/SC shows it */
byte service;                   /* which one runs: contexts of others are lost */
bool released = true;           /* false: cards may not answer */
bool all_over;

/* The reader, under the library lock: struct reader, first half. */
byte table, changes, pending, inside;
bool lost, watching, context;
byte context_of;                /* the service that it belongs to */
byte generation;                /* slot_generation: read under the gate too, written under both */
/* ... under its own lock: second half. */
byte card = NONE;               /* an index of arenas; NONE: NULL */
bool block;
/* The library: under the gate. */
bool up, stopping, library_made;
byte calls, stragglers;
bool listed[WAITERS + 1], has_context[WAITERS + 1];

typedef struct_card {
    bool alive;                 /* not freed */
    byte state, changes;        /* of before it was connected */
    byte conn;                  /* which insertion the connection leads to; NONE: none */
    byte is;                    /* the insertion that all that is remembered is of; 0: nothing is yet */
    byte session;               /* the handle of its one session; 0: none */
};
struct_card arenas[ARENAS];
byte epoch;

/* What PC/SC knows of those who wait. */
bool live[WAITERS + 1], waiting[WAITERS + 1], cancelled[WAITERS + 1];
byte known[WAITERS + 1], known_by[WAITERS + 1];     /* by: the service that its own context is of */

/* For the claims alone. */
byte reports, reported;
byte table_of;                  /* the world that the table shows */
byte noticed, told;             /* the last world that anybody noticed, and that was reported */
bool finalizing;

/* ---- Locks ---- */

byte library, reader_lock;
#ifdef FAIR
byte gate_next, gate_now, turn[16];
inline acquire_gate()
{
    d_step { turn[_pid] = gate_next; gate_next = (gate_next + 1) % TURNS }
    d_step { gate_now == turn[_pid] -> turn[_pid] = 0 }
}
inline release_gate()
{
    d_step {
        gate_now = (gate_now + 1) % TURNS;
        if :: gate_now == gate_next -> gate_now = 0; gate_next = 0 :: else fi
    }
}
#else
byte gate;
inline acquire_gate()    { atomic { gate == 0 -> gate = _pid + 1 } }
inline release_gate()    { gate = 0 }
#endif
inline acquire_library() { library == 0 -> assert(library_made); library = _pid + 1 }
inline release_library() { assert(library == _pid + 1); library = 0 }

/* ---- >>slot: what PC/SC says. Under the library lock ---- */

inline slot_change()
{
    changes++;
    if :: watching -> pending = 1 :: else fi
}

/* slot_note, of a look at the world as it was then. An older state never comes over a newer. */
inline slot_note(state, at)
{
    assert(!watching || at >= table_of);
    table_of = at;
    if
    :: table != state ->
        table = state;
        noticed = at;
        slot_change();
#ifdef FAULT_FREE_WITHOUT_LOCK
        if :: card != NONE -> arenas[card].alive = false; card = NONE :: else fi
#endif
    :: else
    fi
}

/* A card at rest with a connection: that shows what no count does. Nobody is inside. */
inline slot_mind_rest()
{
    if
#ifdef FAULT_REST_UNDER_A_CALL
    :: card != NONE && arenas[card].conn != NONE && arenas[card].session == 0 &&
       changes == arenas[card].changes ->
#else
    :: inside == 0 && card != NONE && arenas[card].conn != NONE && arenas[card].session == 0 &&
       changes == arenas[card].changes ->
        assert(reader_lock == 0);
#endif
        if
        :: arenas[card].conn != world ->
            noticed = world;
#ifndef FAULT_REST_TELLS_NOBODY
            slot_change()
#endif
        :: arenas[card].conn == world -> arenas[card].conn = NONE       /* let go, or a little later */
        :: arenas[card].conn == world
        fi
    :: else
    fi
}

/* slot_look_all. While the library is down, a call that hung over its end may come here. A reader
 * that was lost to a call keeps its place as it is. A context of a service that is gone: no reader is
 * there (slot_note_gone), and then what the new one shows. */
inline slot_look_all()
{
    if
    :: watching || starting ->
        if
        :: context && context_of != service && !lost && table % 2 ->
#ifndef FAULT_LOST_CONTEXT_IS_NOTHING
            noticed = world; table = 0; slot_change()
#else
            noticed = world
#endif
        :: else
        fi;
        context = true; context_of = service;
        if :: !lost -> slot_note(shown, world); slot_mind_rest() :: else fi
    :: else
    fi
}

/* ---- >>same, >>life: the card. Under the reader's lock ---- */

inline slot_empty()
{
    d_step {
        if
        :: card != NONE ->
            assert(arenas[card].alive);
            arenas[card].alive = false; arenas[card].session = 0; arenas[card].state = 0;
            arenas[card].changes = 0; arenas[card].conn = NONE; arenas[card].is = 0;
            card = NONE
        :: else
        fi
    }
}

/* What its own connection showed, and PC/SC does not, is told as well. */
inline life_drop()
{
    noted = arenas[card].changes;
    slot_empty();
    atomic {
        acquire_library();
        slot_look_all();
        if
        :: s == REMOVED && changes == noted && !lost ->
            noticed = world;
#ifndef FAULT_SWAP_TELLS_NOBODY
            slot_change()
#endif
        :: else
        fi;
        release_library()
    }
}

/* A call of the card with a connection: does it reach the insertion that it was connected to? */
inline link_status(c)
{
    d_step {
        assert(arenas[c].alive);
        if :: arenas[c].conn != world || arenas[c].state != shown -> s = REMOVED :: else fi
    }
}

inline life_look()
{
    if :: arenas[card].session != 0 -> fresh = true :: fresh = false fi;       /* at rest, none is young enough */
    atomic {
        acquire_library();
        if
        :: lost || changes != arenas[card].changes -> s = NO_SESSION
        :: else ->
            if :: !fresh && arenas[card].conn == NONE -> slot_look_all() :: else fi;
            if :: changes != arenas[card].changes -> s = REMOVED :: else fi
        fi;
        release_library()
    }
    if
    :: s == OK && !fresh && arenas[card].conn != NONE -> link_status(card)
    :: else
    fi;
    if :: s != OK -> life_drop() :: else fi
}

/* same_connect_new: connects to whatever is in, then looks whether it is what was seen before. */
inline same_connect_new()
{
    d_step {
        assert(arenas[card].alive);
        if
        :: world % 2 ->
            arenas[card].conn = world;
            if :: arenas[card].is == 0 -> arenas[card].is = world :: else fi
        :: else -> s = REMOVED
        fi
    }
    if :: s == OK -> link_status(card) :: else fi
}

/* A card that rested without a connection, and can be told from others (or it is begun anew): what no
 * other has is asked for before anything else. */
inline life_take_up()
{
    if
    :: arenas[card].conn != NONE
    :: arenas[card].conn == NONE -> slot_empty(); s = NO_SESSION
    :: arenas[card].conn == NONE ->
        same_connect_new();
#ifndef FAULT_NOT_PROVED
        d_step {                                                /* same_prove */
            if
            :: s == OK && (arenas[card].conn != world || arenas[card].is != world) -> s = REMOVED
            :: else
            fi
        }
#endif
        if :: s != OK -> life_drop() :: else fi
    fi
}

/* One command. A card that answers is the one that the connection leads to. */
inline transmit()
{
    c = card;
    if
    :: true
#ifdef HANGS
    :: !released -> released
#endif
    fi;
    d_step {
        assert(c == card && arenas[c].alive && block);
        if
        :: arenas[c].conn == world -> assert(arenas[c].is == world)
        :: else -> s = REMOVED
        fi
    }
}

inline life_make_card()
{
    atomic { acquire_library(); epoch++; release_library() }
    d_step {
        c = 0;
        do :: c < ARENAS && arenas[c].alive -> c++ :: else -> break od;
        assert(c < ARENAS);
        arenas[c].alive = true; arenas[c].state = seen; arenas[c].changes = noted;
        block = true;
        card = c
    }
}

inline life_card()
{
    if :: card != NONE -> life_look() :: else -> s = NO_SESSION fi;
    if :: s == OK -> life_take_up() :: else fi;
    tries = 2;
    do
    :: s == OK || s == NO_TOKEN || tries == 0 -> break
    :: else ->
        s = OK;
        tries--;
        atomic {
            acquire_library();
            slot_look_all();
            seen = table; noted = changes;
            release_library()
        }
        if
        :: seen % 2 == 0 -> s = NO_TOKEN
        :: else ->
            life_make_card();
            same_connect_new();
            if :: s == OK -> transmit() :: else fi;         /* life_probe */
            if :: s != OK -> slot_empty() :: else fi
        fi
    od
}

/* ---- >>slot: entering a reader ---- */

inline slot_enter()
{
    atomic {
        acquire_library();
        if
#ifndef FAULT_GENERATION_NOT_COMPARED
        :: mine != generation -> s = NOT_INIT
#ifndef FAULT_LOST_READER_ENTERED
        :: mine == generation && lost -> s = NO_SESSION
        :: mine == generation && !lost -> inside++; entered = true
#else
        :: mine == generation -> inside++; entered = true
#endif
#else
        :: lost -> s = NO_SESSION
        :: else -> inside++; entered = true
#endif
        fi;
#ifdef FAULT_READER_LOCK_UNDER_LIBRARY
        if :: entered -> reader_lock == 0 -> reader_lock = _pid + 1 :: else fi;
#endif
        release_library()
    }
    if
    :: entered ->
#ifndef FAULT_READER_LOCK_UNDER_LIBRARY
        atomic { reader_lock == 0 -> reader_lock = _pid + 1 }
#endif
        atomic {                                                /* slot_wait */
            acquire_library();
            if :: lost -> s = NOT_INIT :: else fi;
            release_library()
        }
    :: else
    fi
}

/* The last call of a reader that C_Finalize gave up frees what was left to it. */
inline slot_leave()
{
    d_step { assert(reader_lock == _pid + 1); reader_lock = 0 }
    atomic {
        acquire_library();
        inside--;
        if
        :: lost && inside == 0 ->
            slot_empty(); block = false; table = 0; pending = 0; lost = false
        :: else
        fi;
        release_library()
    }
}

/* ---- >>slot: begin and end of the library. Under the gate ---- */

inline slot_start()
{
    atomic {
        acquire_library();
        assert(!watching);
        if
        :: !lost -> assert(inside == 0 && card == NONE && !block); table = 0; pending = 0
        :: else
        fi;
        starting = true; slot_look_all(); starting = false;
        watching = true;
        release_library()
    }
}

inline slot_stop()
{
    atomic {
        acquire_library();
        generation++;
        watching = false;
        if :: inside > 0 -> lost = true :: else fi;
        if
#ifdef FAULT_END_FREES_ALL
        :: true
#else
        :: !lost
#endif
            -> slot_empty(); block = false; table = 0; pending = 0
        :: else
        fi;
        context = false;
        release_library()
    }
}

/* ---- >>gate: one call ---- */

inline gate_enter_library()
{
    s = OK; entered = false;
    acquire_gate();
    atomic {
        if
        :: up && !stopping -> calls++; mine = generation; counted = true
        :: else -> s = NOT_INIT; counted = false
        fi;
        release_gate()
    }
}

inline gate_enter(h)
{
    gate_enter_library();
    if :: s == OK -> slot_enter() :: else fi;
    if
    :: s == OK ->
        if
#ifdef FAULT_EPOCH_NOT_COMPARED
        :: card == NONE || arenas[card].session == 0 -> s = NO_SESSION
        :: card != NONE && arenas[card].session != 0 -> life_look()
#else
        :: card == NONE || arenas[card].session != h -> s = NO_SESSION
        :: card != NONE && arenas[card].session == h -> life_look()
#endif
        fi
    :: else
    fi
}

inline gate_leave()
{
    if
    :: entered ->
        if
        :: s == REMOVED && card != NONE -> life_drop()     /* life_settle */
        :: else
        fi;
        slot_leave()
    :: else
    fi;
    if
    :: counted ->
        acquire_gate();
        atomic {
            if
            :: mine == generation -> calls--; assert(s != NOT_INIT)
            :: else ->
                stragglers--;
#ifndef FAULT_LIBRARY_LOCK_LEFT
                if
                :: stragglers == 0 && !up && !stopping -> library_made = false
                :: else
                fi
#endif
            fi;
            release_gate()
        }
    :: else
    fi
}

/* ---- Threads ---- */

/* C_OpenSession. */
inline open_session()
{
    gate_enter_library();
    if :: s == OK -> slot_enter() :: else fi;
    if :: s == OK -> life_card() :: else fi;
    if
    :: s == OK ->
        atomic { acquire_library(); epoch++; h = epoch; release_library() }
        d_step {
            arenas[card].session = h;
            owner = arenas[card].is;
            fresh = true;
            assert(arenas[card].conn == owner)                     /* and never another's memory */
        }
    :: else
    fi;
    gate_leave()
}

/* C_GetAttributeValue of what was read, or C_Sign, with the handle of the last C_OpenSession. Where
 * that was a card of long ago, this is a stale handle. */
inline use_session()
{
    begun = world;
    gate_enter(h);
    if
    :: s == OK ->
        d_step {
            assert(arenas[card].alive && block);
            assert(arenas[card].is == owner);                      /* never another card's */
            assert(fresh || begun <= owner)                        /* never when it is seen to be out */
        }
        if
        :: true                                                 /* from memory */
        :: transmit()
        fi
    :: else
    fi;
    gate_leave()
}

/* C_CloseSession of the last session: life_rest, the card stays known, and may stay connected. */
inline close_session()
{
    gate_enter(h);
    if
    :: s == OK -> arenas[card].session = 0
    :: s == OK -> d_step { arenas[card].session = 0; arenas[card].conn = NONE }
    :: else
    fi;
    gate_leave()
}

proctype user()
{
    mtype s;
    bool entered, counted, fresh, starting;
    byte mine, h, owner, begun, seen, noted, c, tries, left = CALLS;
    do
    :: left == 0 -> break
    :: left > 0 -> left--; open_session()
    :: left > 0 && h != 0 -> left--; use_session()
    :: left > 0 && h != 0 -> left--; close_session()
    od
}

/* C_GetSlotList(CK_FALSE) and C_GetSlotInfo. */
proctype lister()
{
    mtype s;
    bool entered, counted, starting;
    byte mine, seen, noted, left = LISTS;
    do
    :: left == 0 -> break
    :: else ->
        left--;
        gate_enter_library();
        if
        :: s == OK ->
#ifdef FAULT_LOOK_OUTSIDE_LOCK
            d_step { seen = shown; noted = world }
            atomic { acquire_library(); slot_note(seen, noted); release_library() }
#else
            atomic {
                acquire_library();
                slot_look_all();
#ifdef FAULT_LIST_TAKES_EVENTS
                pending = 0;
#endif
                release_library()
            }
#endif
        :: else
        fi;
        gate_leave()
    od
}

/* The context is known to C_Finalize from here to gate_stop_waiter. */
inline gate_start_waiter(i)
{
    if
    :: !live[i] ->
        live[i] = true; known_by[i] = service;
        acquire_gate();
        atomic { has_context[i] = true; release_gate() }
    :: else
    fi
}

inline gate_stop_waiter(i)
{
    acquire_gate();
    atomic { has_context[i] = false; release_gate() }
    live[i] = false
}

/* A context of a service that is gone ends its wait, and is made anew. */
inline gate_wait_once(i)
{
    acquire_gate();
    atomic { ok = up && !stopping; release_gate() }
    if
    :: ok && known[i] != NONE ->
        waiting[i] = true;
end_wait:
        atomic {
            shown != known[i] || cancelled[i] || service != known_by[i] ->
            waiting[i] = false; cancelled[i] = false
        }
        if :: service != known_by[i] -> gate_stop_waiter(i) :: else fi
    :: ok && known[i] == NONE -> stopping || !up || !lost       /* sleeps, and looks */
    :: else
    fi
}

/* C_WaitForSlotEvent, again and again. */
proctype waiter(byte i)
{
    mtype s;
    bool ok, starting;
begin:
    acquire_gate();
    atomic { ok = up && !stopping; listed[i] = ok; release_gate() }
    s = (ok -> OK : NOT_INIT);
    do
    :: s == NOT_INIT -> break
    :: else ->
        acquire_gate();
        atomic { ok = up && !stopping; release_gate() }
        if :: !ok -> s = NOT_INIT; break :: else fi;
#ifndef FAULT_CONTEXT_AFTER_LOOK
        gate_start_waiter(i);
#endif
        atomic {                                                /* gate_look_for_event */
            acquire_library();
            slot_look_all();
            if
            :: pending -> pending = 0; reports++; reported = table; told = noticed; ok = true
            :: else ->
                ok = false;
#ifndef FAULT_WATCHED_LATER
                known[i] = (lost -> NONE : table)
#endif
            fi;
            release_library()
        }
        if :: ok -> break :: else fi;
#ifdef FAULT_WATCHED_LATER
        atomic { acquire_library(); known[i] = (lost -> NONE : table); release_library() }
#endif
#ifdef FAULT_CONTEXT_AFTER_LOOK
        gate_start_waiter(i);
#endif
        gate_wait_once(i)
    od;
#ifdef FAULT_WAITER_LEAVES_FIRST
    acquire_gate();
    atomic { listed[i] = false; has_context[i] = false; release_gate() }
    live[i] = false;
#else
    gate_stop_waiter(i);
    acquire_gate();
    atomic { listed[i] = false; release_gate() }
#endif
    assert(s == OK || stopping || !up || ENDS > 1);
end_down:
    if
    :: s == OK -> goto begin
    :: else -> atomic { (up && !stopping) || all_over -> if :: !all_over -> goto begin :: else fi }
    fi
}

/* ---- The end ---- */

inline scard11_reader_cancel(i)
{
    assert(live[i]);
    if :: waiting[i] -> cancelled[i] = true :: else fi      /* before the wait, it is lost */
}

/* It cancels at the first turn, then after 1, 2, 4 ... PACE turns more. */
inline gate_wait_until_empty()
{
    rest = 0; pause = 1;
    do
    :: true ->
        acquire_gate();
        atomic {
            busy = calls > 0; waits = false; i = 0;
            do
            :: i == WAITERS -> break
            :: else ->
                waits = waits || listed[i];
                if
                :: rest == 0 && listed[i] && has_context[i] -> scard11_reader_cancel(i)
                :: else
                fi;
                i++
            od;
#ifdef FAULT_CANCEL_ONCE
            rest = 1;
#else
            if
            :: rest == 0 -> rest = pause; pause = (pause < PACE -> 2 * pause : pause)
            :: else
            fi;
            rest--;
#endif
            release_gate()
        }
        if
        :: !waits && !busy -> break
#ifdef HANGS
        :: !waits -> break
#endif
#ifdef FAULT_END_WITHOUT_WAITERS
        :: !busy -> break
#endif
        :: else
        fi
    od
}

inline gate_finalize()
{
    acquire_gate();
    atomic { stopping = true; finalizing = true; release_gate() }
    gate_wait_until_empty();
    acquire_gate();
    stragglers = stragglers + calls;
    calls = 0;
    slot_stop();
    release_gate();                                             /* os_log_close, which may take long */
    acquire_gate();
    atomic {
#ifndef FAULT_END_WITHOUT_WAITERS
        i = 0;
        do :: i == WAITERS -> break :: else -> assert(!live[i]); i++ od;    /* all are stopped */
#endif
#ifdef FAULT_LIBRARY_LOCK_DROPPED
        library_made = false;
#else
        if :: stragglers == 0 -> library_made = false :: else fi;
#endif
        up = false; stopping = false; finalizing = false;
        release_gate()
    }
}

inline C_Initialize()
{
    acquire_gate();
    assert(library_made == (stragglers > 0));       /* never made twice, never missing */
    library_made = true;
    slot_start();
    atomic { up = true; release_gate() }
}

proctype ender()
{
    bool busy, waits, starting;
    byte i, rest, pause, left = ENDS;
    do
    :: left == 0 -> break
    :: else ->
        left--;
        gate_finalize();
        if :: left > 0 -> C_Initialize() :: else fi
    od;
    all_over = true
}

/* ---- The world ---- */

#if WAITERS == 2
#define ALL_WAIT (waiting[0] && known[0] == shown && waiting[1] && known[1] == shown)
#else
#define ALL_WAIT (waiting[0] && known[0] == shown)
#endif

proctype mover()
{
    byte left = CHANGES, repeats = REPEATS, restarts = RESTARTS;
    do
    :: left == 0 -> break
#ifdef ONE_BY_ONE
    :: left > 0 -> atomic { ALL_WAIT -> world++; shown++; left-- }
#else
    :: left > 0 -> d_step { world++; shown++; left-- }
    :: left > 1 && world % 2 ->                                                 /* a swap */
        d_step { world = world + 2; shown = shown + 2; left = left - 2 }
    :: repeats > 0 && world % 2 -> d_step { world = world + 2; repeats-- }
    :: restarts > 0 && world % 2 -> d_step { world = world + 2; service++; restarts-- }
#endif
#ifdef HANGS
    :: !released -> released = true
#endif
    od;
    released = true
}

/* When nothing moves any more: the last state was reported, and each that was waited for; and whatever
 * anybody noticed, or a waiter will find it pending. */
proctype judge()
{
    timeout;
    assert(reported == shown);
    assert(pending || told == noticed);
    if :: RESTARTS > 0 && context && table % 2 -> assert(context_of == service) :: else fi;
#ifdef ONE_BY_ONE
    assert(reports == world)
#endif
}

#ifdef FAIR
ltl ends { [] (finalizing -> <> !finalizing) }
#endif

init
{
    bool starting;
    byte i;
    atomic {
        for (i : 0 .. ARENAS - 1) { arenas[i].conn = NONE }
        C_Initialize();
#ifdef HANGS
        released = false;
#endif
        i = 0;
        do :: i < USERS -> run user(); i++ :: else -> break od;
        if :: WAITERS > 0 -> run waiter(0) :: else fi;
        if :: WAITERS > 1 -> run waiter(1) :: else fi;
        if :: LISTS > 0 -> run lister() :: else fi;
        if :: ENDS > 0 -> run ender() :: else fi;
        if :: WAITERS > 0 && ENDS == 0 -> run judge() :: else fi;
        run mover()
    }
}
