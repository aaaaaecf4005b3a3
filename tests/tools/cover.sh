#!/bin/sh
# cover.sh: what ./build.sh cover does: unit, faults, eid, module, cards, pins and api under gcov, counted
# by section; with the name of a section, the lines and branches of it that did not run.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:=build}"
flags='-std=c99 -O0 -g --coverage -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1
    -DSIM_OPENSSL=1' libs='-lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'
white='unit faults eid' black='module cards pins api'       # the first have the library inside
dir=$OUT/cover sims=
run() { echo "+ $*"; "$@" || exit 1; }

if [ "${AGAIN:-}" ]; then       # only shows what the last run counted
    awk -v map=1 -f tests/tools/structure.awk scard11.c |
        awk -v only="${1:-}" -f tests/tools/cover.awk - "$dir"/*.gcov
    exit
fi
rm -rf "$dir"
mkdir -p "$dir"
# shellcheck disable=SC2086
for f in scard11 sim $white $black; do
    case $f in sim) list=$(ls tests/sim/sim_*.c | grep -v '_test\.c$') ;; scard11) list=scard11.c ;;
        *) list=$(ls tests/*/"$f".c) ;; esac
    for c in $list; do
        o=$dir/$(basename "$c" .c).o
        run gcc $flags -c "$c" -o "$o"
        [ "$f" != sim ] || sims="$sims $o"
    done
done
# shellcheck disable=SC2086
for t in $white $black; do
    lib=
    case " $black " in *" $t "*) lib=$dir/scard11.o ;; esac
    run gcc --coverage "$dir/$t.o" $lib $sims $libs -o "$dir/$t"
    echo "+ $dir/$t"
    "$dir/$t" > "$dir/$t.txt" || { cat "$dir/$t.txt"; exit 1; }
done
for t in $white scard11; do gcov -t -b -c "$dir/$t.gcda" > "$dir/$t.gcov" 2>/dev/null; done
awk -v map=1 -f tests/tools/structure.awk scard11.c |
    awk -v only="${1:-}" -f tests/tools/cover.awk - "$dir"/*.gcov
