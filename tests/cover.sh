#!/bin/sh
# cover.sh: what ./build.sh cover does: unit, module and faults under gcov, counted by section.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/.." || exit 1
: "${OUT:=build}"
flags='-std=c99 -O0 -g --coverage -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1
    -DSIM_OPENSSL=1' libs='-lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'
dir=$OUT/cover sims=
run() { echo "+ $*"; "$@" || exit 1; }

rm -rf "$dir"
mkdir -p "$dir"
# shellcheck disable=SC2086
for f in scard11.c tests/sim_*.c tests/unit.c tests/module.c tests/faults.c; do
    case $f in *_test.c) continue ;; esac
    o=$dir/$(basename "$f" .c).o
    run gcc $flags -c "$f" -o "$o"
    case $f in tests/sim_*) sims="$sims $o" ;; esac
done
# shellcheck disable=SC2086
for t in unit module faults; do
    lib=$dir/scard11.o
    [ $t != unit ] || lib=
    run gcc --coverage "$dir/$t.o" $lib $sims $libs -o "$dir/$t"
    echo "+ $dir/$t"
    "$dir/$t" > "$dir/$t.txt" || { cat "$dir/$t.txt"; exit 1; }
done
for t in unit scard11; do gcov -t -b -c "$dir/$t.gcda" > "$dir/$t.gcov" 2>/dev/null; done
awk -v map=1 -f tests/structure.awk scard11.c | awk -f tests/cover.awk - "$dir"/*.gcov
