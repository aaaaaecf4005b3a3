#!/bin/sh
# bench.sh: what ./build.sh bench does: the library's own time in process (tests/bench.c), then our module
# and OpenSC's in turns on the simulated PIV card through a pcscd (tests/bench_peer.c). Not a test.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc libssl-dev
cd "$(dirname "$0")/.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
. tests/lab.sh

opensc=$(find /usr/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
rounds=7

# one <name> <module> <task>: one run; its milliseconds and commands go to $dir/<name>.<task>
one() {
    before=$(commands)
    ms=$("$OUT/bench/peer" "$2" "$3") || { echo "failed: $1 $3"; return; }
    echo "$ms $(($(commands) - before))" >> "$dir/$1.$3"
}
middle() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }

inside_bench() {
    card extended
    for task in list sign; do
        for _ in $(seq $rounds); do
            one scard11 "$OUT/scard11.so" $task
            one opensc "$opensc" $task
        done
    done
    for name in scard11 opensc; do
        for task in list sign; do
            middle "$dir/$name.$task" | { read -r ms n; echo "$name $task $n $ms"; }
        done
    done | awk 'BEGIN { print "\nPIV card through pcscd, from C_Initialize to C_Finalize, the middle of '$rounds':" }
        { printf "%-8s %-18s %4d commands, %8.1f ms\n", $1, $2 == "list" ? "lists all objects" : "logs in and signs", $3, $4 }'
}

[ "${1:-}" = --inside ] || {
    mkdir -p "$OUT/bench"
    # shellcheck disable=SC2086
    $CC -std=c99 $CFLAGS -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 tests/bench.c scard11.c \
        $(ls tests/sim_*.c | grep -v '_test\.c$') -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto \
        -o "$OUT/bench/bench" &&
        $CC -std=c99 $CFLAGS -I. tests/bench_peer.c -ldl -o "$OUT/bench/peer" || exit 1
    echo "in process, without the simulated card's own time:"
    "$OUT/bench/bench" || exit 1
    # shellcheck disable=SC2086
    $CC -std=c99 $CFLAGS -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM tests/bench_unpad.c \
        $(ls tests/sim_*.c | grep -v '_test\.c$') -lmbedcrypto -lmbedx509 -lz -lpthread -o "$OUT/bench/unpad" || exit 1
    echo "taking off a malformed padding, two kinds of it (Welch's t-test):"
    "$OUT/bench/unpad" || exit 1
}
run_inside "$@"
in_lab bench 'Virtual PCD'
