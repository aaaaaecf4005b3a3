#!/bin/sh
# hotplug.sh: cards come and go under a PKCS#11 module, any one, and under scard11 beside it;
# ./build.sh hotplug calls it. It prints what each did: nothing is known of a module before.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
#
#     hotplug.sh [--seconds N] [--cases WORD] [--ours MODULE.so] MODULE.so
#
# Cases of tests/programs/scenarios.c, each in a process of its own behind a pcscd of its own that looks for
# cards each millisecond, then the storm (tests/programs/storm.c) for so many seconds (30; 0: not at all). The
# card is a PIV card (a YubiKey) in a reader that is called one. --cases: only those whose names have the word.
. "$(dirname "$0")/fast_pcscd.sh"
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
seconds=30 word='' ours=$OUT/scard11.so theirs=''
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2; shift ;;
        --cases) word=$2; shift ;;
        --ours) ours=$2; shift ;;
        -*) echo "hotplug.sh: what is $1?" >&2; exit 2 ;;
        *) theirs=$1 ;;
    esac
    shift
done
[ -n "$theirs" ] || { echo "./build.sh hotplug [--seconds N] [--cases WORD] MODULE.so" >&2; exit 2; }
case $theirs in */*) ;; *) [ ! -e "$theirs" ] || theirs=./$theirs ;; esac      # else the system's directories
name='Yubico YubiKey' limit=60
log=$OUT/hotplug/log

build() {       # unless it is newer than what it is made of
    at=$OUT/hotplug
    if [ -e "$at/storm" ] &&
        [ -z "$(find scard11.h tests/pcsc tests/programs tests/sim -name '*.[ch]' -newer "$at/storm")" ]; then return; fi
    options='-g -O0 -DANY_MODULE -Wno-unused-function'
    library=-ldl
    # shellcheck disable=SC2086
    fast_build hotplug scenarios $options -DWORLD_IS_PCSCD tests/programs/scenarios.c tests/sim/sim_piv.c \
        tests/sim/sim_common.c
    # shellcheck disable=SC2046,SC2086
    fast_build hotplug storm $options -DSTORM_PCSCD tests/programs/storm.c \
        $(ls tests/sim/sim_*.c | grep -v 'sim_reader\|sim_pinpad')
}
run() {         # run <module> <seconds at most> <log> <program> <arguments...>: in a lab of its own
    module=$1 most=$2 said=$3 program=$at/$4
    shift 4
    port=$((20000 + (port + 2) % 7000))
    rm -rf "$dir"
    mkdir -p "$dir/home"
    MODULE=$module XDG_CACHE_HOME=$dir/home WORLD_PORT=$port STORM_PORT=$port timeout -k 10 "$most" \
        "$at/lab" --name "$name" --preload "$at/fastpoll.so" "$dir" $port -- "$program" "$@" > "$said" 2>&1
}
outcome() {     # outcome <exit status>
    case $1 in
        0) echo ok ;;
        77) echo 'no module' ;;
        124 | 137) echo "no end" ;;
        129 | 1[3-9]?) echo "crash ($(kill -l $(($1 - 128))))" ;;
        *) echo differs ;;
    esac
}
row() { printf '%-70s %-14s %s\n' "$@"; }

one_case() {    # one_case <case> <module> <log>
    run "$2" $limit "$3" scenarios "$1"
    outcome $?
}
figure() {      # figure <log> <sed expression that prints it>
    value=$(sed -n "$2" "$1" | head -n 1)
    case $value in '' | '0.00, 0.00') echo - ;; *) echo "$value" ;; esac
}
storm() {       # storm <module> <log>: its figures are in the log
    run "$1" $((seconds + 150)) "$2" storm seconds "$seconds" turns 60 seed 1
    how=$(outcome $?)
    [ "$how" != differs ] || how=ok                 # what differs, the figures say
    echo "$how"
}

build
mkdir -p "$log"
rm -f "$log"/*
MODULE=$ours "$at/scenarios" > "$log/cases" || exit 1
MODULE=$theirs "$at/scenarios" > "$log/theirs" || { cat "$log/theirs"; exit 1; }
row "$(basename "$theirs") behind pcscd, cards that come and go" theirs scard11
differ=0
for case in $(grep -e "$word" "$log/cases"); do
    a=$(one_case "$case" "$theirs" "$log/$case.theirs") b=$(one_case "$case" "$ours" "$log/$case.scard11")
    [ "$b" = ok ] || differ=$((differ + 1))
    row "$(echo "$case" | tr _ ' ')" "$a" "$b"
done
if [ "$seconds" != 0 ]; then
    echo
    a=$(storm "$theirs" "$log/storm.theirs") b=$(storm "$ours" "$log/storm.scard11")
    [ "$b" = ok ] || differ=$((differ + 1))
    row "a storm of $seconds s: it came to its end" "$a" "$b"
    figures() { row "    $1" "$(figure "$log/storm.theirs" "$2")" "$(figure "$log/storm.scard11" "$2")"; }
    figures 'insertions' 's/.* events, \([0-9]*\) insertions.*/\1/p'
    figures 'calls' 's/^\([0-9]*\) calls.*/\1/p'
    figures 'signatures' 's/.* sessions, \([0-9]*\) signatures.*/\1/p'
    for what in 'calls that took over 5 s' 'old handles honoured' 'data or signatures of another card' \
        'PINs that reached another card' 'secrets that reached another application' 'tries taken' 'PINs left verified' \
        'events missed' 'wrong states after the storm'; do
        figures "$what" "s/^ *\([0-9]*\) $what\$/\1/p"
    done
    figures 'an event is reported after (median, 99 of 100), ms' \
        's/^an event is reported after \([0-9.]*\) ms (median), \([0-9.]*\) ms.*/\1, \2/p'
    figures 'memory after a quarter, at the end, KiB' 's/^memory \([0-9]*\) KiB.*, \([0-9]*\) KiB at the end.*/\1, \2/p'
fi
echo
echo "ok: as PKCS#11 has it, no PIN astray, no try lost. differs, crash, no end (in $limit s): what, says"
echo "$log/CASE.theirs. What is not supported differs, too."
[ $differ = 0 ]
