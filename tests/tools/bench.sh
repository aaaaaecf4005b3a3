#!/bin/sh
# bench.sh: what ./build.sh bench does: the library's own time in process (tests/tools/bench.c), then this
# module, OpenSC's and ykcs11 in turns on simulated cards behind a pcscd (tests/tools/bench_peer.c). Not a
# test. The cards answer at once: what a real one takes (5 to 100 ms a command) comes on top.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc ykcs11 libssl-dev
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
. tests/pcsc/lab.sh

find_module() { find /usr/lib -name "$1" 2>/dev/null | sort | head -n 1; }
version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo '?'; }
scard11=$OUT/scard11.so opensc=$(find_module opensc-pkcs11.so) ykcs11=$(find_module 'libykcs11.so*')
scenes='token objects rsa rsa-again ec ec-again'
rounds=15

# one <name> <scene>: one run of a module, <milliseconds> <commands> to $dir/<name>.<scene>
one() {
    eval "module=\$$1"
    # shellcheck disable=SC2154
    timeout 60 "$OUT/bench/peer" "$module" "$2" "$dir/count" >> "$dir/$1.$2" || echo "failed: $1 $2"
}
quickest() { sort -n "$1" | sed -n 1p; }    # the round in which other programs took least

# compare <module...>: the modules in turns, each scene; a table of commands and milliseconds
compare() {
    for scene in $scenes; do
        for _ in $(seq $rounds); do
            for name; do one "$name" "$scene"; done
        done
    done
    printf '%-10s' commands/ms
    for name; do printf ' %18s' "$name"; done
    for scene in $scenes; do
        printf '\n%-10s' "$scene"
        for name; do
            # shellcheck disable=SC2046
            printf ' %6s %8s ms' $(quickest "$dir/$name.$scene" | sed 's/\(.*\) \(.*\)/\2 \1/')
        done
    done
    echo
}

inside_piv()     { card extended; compare scard11 opensc; }
inside_yubikey() { card extended yubikey; compare scard11 opensc ykcs11; }

[ "${1:-}" = --inside ] || {
    mkdir -p "$OUT/bench"
    # shellcheck disable=SC2086
    $CC -std=c99 $CFLAGS -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 tests/tools/bench.c scard11.c \
        $(ls tests/sim/sim_*.c | grep -v '_test\.c$') -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto \
        -o "$OUT/bench/bench" &&
        $CC -std=c99 $CFLAGS -I. tests/tools/bench_peer.c -ldl -o "$OUT/bench/peer" || exit 1
    echo "in process, without the simulated card's own time:"
    "$OUT/bench/bench" || exit 1
    # shellcheck disable=SC2086
    $CC -std=c99 $CFLAGS -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM tests/tools/bench_unpad.c \
        $(ls tests/sim/sim_*.c | grep -v '_test\.c$') -lmbedcrypto -lmbedx509 -lz -lpthread -o "$OUT/bench/unpad" || exit 1
    echo "taking off a malformed padding, two kinds of it (Welch's t-test):"
    "$OUT/bench/unpad" || exit 1
}
run_inside "$@"
echo "behind pcscd $(version pcscd), the quickest of $rounds rounds; scenes: tests/tools/bench_peer.c"
echo "scard11 with libmbedcrypto $(version libmbedtls-dev), OpenSC $(version opensc), ykcs11 $(version ykcs11)"
echo "a PIV card, extended length:"
in_lab piv 'Virtual PCD'
echo "a YubiKey 5.4.3:"
in_lab yubikey 'Yubico Virtual PCD'
