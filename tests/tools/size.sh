#!/bin/sh
# size.sh: what ./build.sh size does: bytes of each section, and of the whole with each driver off.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:=build}" "${CC:=gcc}" "${CFLAGS:=-O2}"
dir=$OUT/size
flags="$CFLAGS -std=c99 -fvisibility=hidden -DSCARD11_READER=SCARD11_READER_CUSTOM"
run() { echo "+ $*"; "$@" || exit 1; }
bytes() { size "$1" | awk 'NR == 2 { print $1 + $2 }'; }

mkdir -p "$dir"
# shellcheck disable=SC2086
run $CC $flags -fno-inline -c scard11.c -o "$dir/sections.o"
run $CC $flags -c scard11.c -o "$dir/all.o"
nm -S "$dir/sections.o" | awk -f tests/tools/size.awk scard11.c -
all=$(bytes "$dir/all.o")
for d in $(sed -n 's|^// SCARD11_\([A-Z0-9]*\): 1 compiles the driver.*|\1|p' scard11.h); do
    # shellcheck disable=SC2086
    run $CC $flags "-DSCARD11_$d=0" -c scard11.c -o "$dir/$d.o"
    n=$(bytes "$dir/$d.o")
    echo "$all bytes in all, $n without $d: it takes $((all - n))"
done
