#!/bin/sh
# model.sh: tests/tools/hotplug.pml, checked by Spin: in several sizes without a fault, then with one
# fault at a time, each of which must be found. SPDX-License-Identifier: 0BSD
# Packages: spin
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/count.sh
model=$PWD/tests/tools/hotplug.pml
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1

# check <name> <flags of the model>: 0: nothing is wrong, 1: something was found, 2: it did not end.
# With FAIR it is about C_Finalize's end, else about assertions and states that nobody leaves.
check() {
    name=$1; shift
    case " $* " in *' -DFAIR '*) how='-DNOREDUCE' search='-a -f' ;; *) how='-DSAFETY' search='' ;; esac
    rm -f pan* ./*.trail
    spin -a "$@" "$model" > "$name.txt" 2>&1 && ${CC:-cc} -O0 -w $how -DMEMLIM=2000 -o pan pan.c \
        && ./pan -m100000 -w22 $search >> "$name.txt" 2>&1
    if ! grep -q 'errors: ' "$name.txt" || grep -q 'Search not completed\|max search depth too small' "$name.txt"
    then grep -q 'errors: 1' "$name.txt" && return 1; return 2; fi
    grep -q 'errors: 0' "$name.txt"
}
states() { sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$name.txt"; }
why() { sed -n 's/^pan:[0-9]*: //p' "$name.txt" | sed 's/ (at depth.*//' | head -n 1; }

# right <what it shows> <flags>
right() {
    what=$1; shift
    at "$what"
    if check right "$@"; then
        passed=$((passed + 1))
        echo "$what: $(states) states, nothing wrong"
    else
        failed=$((failed + 1))
        echo "FAILED: $what ($*)"
        cat right.txt
    fi
}

# fault <name> <flags>
fault() {
    what=$1; shift
    at "$what"
    check fault "-DFAULT_$what" "$@"
    if [ $? = 1 ]; then
        passed=$((passed + 1))
        echo "found $what: $(why)"
    else
        failed=$((failed + 1))
        echo "FAILED: $what was not found ($*)"
        cat fault.txt
    fi
}

card='-DUSERS=2 -DCALLS=2 -DCHANGES=4'
events='-DUSERS=0 -DWAITERS=2 -DLISTS=2 -DCHANGES=3'
ends='-DUSERS=1 -DCALLS=2 -DWAITERS=1 -DCHANGES=1 -DENDS=2'
rest='-DUSERS=1 -DCALLS=3 -DCHANGES=1'
hangs='-DHANGS -DUSERS=1 -DCALLS=3 -DCHANGES=2 -DENDS=2'
hang_two='-DHANGS -DUSERS=2 -DCALLS=1 -DCHANGES=1 -DENDS=2'
fair='-DFAIR -DWAITERS=1 -DCHANGES=1 -DENDS=1'

right 'arenas and old handles, two threads' $card
right 'events, two that wait and a list' $events
right 'events that calls of the card notice first' -DUSERS=1 -DCALLS=2 -DWAITERS=1 -DCHANGES=3
right 'every change that is waited for' -DONE_BY_ONE -DUSERS=1 -DCALLS=1 -DWAITERS=2 -DLISTS=1 -DCHANGES=3
right 'cards at rest, and others under the same count' $rest -DREPEATS=2 -DLISTS=1
right 'cards at rest, and who waits for events' $rest -DREPEATS=1 -DWAITERS=1
right 'lost contexts' $rest -DRESTARTS=1 -DWAITERS=1
right 'the end, with calls and waits' $ends
right 'the end, two that wait' -DUSERS=0 -DWAITERS=2 -DCHANGES=2 -DENDS=2
right 'commands that hang over the end' $hangs
right 'commands that hang over the end, two threads' $hang_two
right 'the end comes' -DUSERS=0 $fair -DLISTS=1
right 'the end comes, with longer pauses' -DUSERS=0 $fair -DPACE=4

fault FREE_WITHOUT_LOCK $card
fault READER_LOCK_UNDER_LIBRARY $card
fault EPOCH_NOT_COMPARED $card
fault LOOK_OUTSIDE_LOCK $events
fault LIST_TAKES_EVENTS $events
fault WATCHED_LATER $events
fault NOT_PROVED $rest -DREPEATS=1
fault REST_UNDER_A_CALL $rest -DREPEATS=1 -DLISTS=1
fault REST_TELLS_NOBODY $rest -DREPEATS=1 -DWAITERS=1
fault SWAP_TELLS_NOBODY $rest -DREPEATS=1 -DWAITERS=1
fault LOST_CONTEXT_IS_NOTHING $rest -DRESTARTS=1 -DWAITERS=1
fault CONTEXT_AFTER_LOOK $rest -DRESTARTS=1 -DWAITERS=1
fault END_WITHOUT_WAITERS $ends
fault WAITER_LEAVES_FIRST $ends
fault CANCEL_ONCE -DUSERS=0 $fair
fault END_FREES_ALL $hangs
fault GENERATION_NOT_COMPARED $hangs
fault LOST_READER_ENTERED $hang_two
fault LIBRARY_LOCK_DROPPED $hangs
fault LIBRARY_LOCK_LEFT $hangs

sum_up
