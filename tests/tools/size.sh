#!/bin/sh
# size.sh: what ./build.sh size does: bytes of each section, of the whole with each driver off, and in a program
# that lists and signs (examples/sign.c, -Os, what it does not use dropped); the deepest stack.
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

# ---- In a program ----

drivers=$(sed -n 's|^// SCARD11_\([A-Z0-9]*\): 1 compiles the driver.*|-DSCARD11_\1=0|p' scard11.h | grep -v '_PIV=' | paste -s -d ' ' -)
linked() {      # linked <what it is> <KiB of code that it may take, or -> <option...>
    what=$1 most=$2; shift 2
    # shellcheck disable=SC2086
    $CC -Os -std=c99 -ffunction-sections -fdata-sections -I. $pcsc_h "$@" -c scard11.c -o "$dir/linked.o" &&
        $CC -Os -std=c99 -ffunction-sections -fdata-sections -I. $pcsc_h "$@" examples/sign.c "$dir/linked.o" \
            -Wl,--gc-sections -Wl,-Map="$dir/linked.map" -lpcsclite -lmbedcrypto -lz -lpthread -o "$dir/linked" || exit 1
    # shellcheck disable=SC2046
    set -- $(python3 tests/tools/in_map.py "$dir/linked.map" linked.o)
    printf '%8d code and constants, %6d static RAM  %s\n' "$1" "$2" "$what"
    [ "$most" = - ] || [ "$1" -le $((most * 1024)) ] || { echo "size.sh: more than $most KiB"; exit 1; }
}
pcsc_h='-I/usr/include/PCSC -I/usr/local/include/PCSC'
echo "in a program that lists and signs, $($CC -dumpmachine), -Os:"
# shellcheck disable=SC2086
{
    linked 'all kinds of cards' 200
    linked 'without the log' - -DSCARD11_TRACE=0
    linked 'without writing' - -DSCARD11_WRITE=0
    linked 'PIV alone' - $drivers
    linked 'PIV alone, without writing' 75 $drivers -DSCARD11_WRITE=0
    linked 'PIV alone, without writing and the log' - $drivers -DSCARD11_WRITE=0 -DSCARD11_TRACE=0
}
echo '(for a Cortex-M4: ./build.sh device)'

# ---- The stack ----

stack() {       # stack <what it is> <option...>
    what=$1; shift
    echo "stack, $what:"
    # shellcheck disable=SC2086
    $CC -Os -std=c99 -DSCARD11_READER=SCARD11_READER_CUSTOM -fcallgraph-info=su "$@" -c scard11.c -o "$dir/stack.o" &&
        python3 tests/tools/stack.py "$dir/stack.ci" scard11.c 8192 || exit 1
}
if echo 'int x;' | $CC -fcallgraph-info=su -c -o "$dir/stack.o" -x c - 2>/dev/null; then
    stack 'all kinds of cards'
    stack 'without the log' -DSCARD11_TRACE=0
    # shellcheck disable=SC2086
    stack 'PIV alone, without writing and the log' $drivers -DSCARD11_WRITE=0 -DSCARD11_TRACE=0
    # shellcheck disable=SC2086
    $CC -Os tests/tools/stack_mbedtls.c -lmbedcrypto -lpthread -o "$dir/stack_mbedtls" &&
        "$dir/stack_mbedtls"
else
    echo "(no stack: $CC has no -fcallgraph-info)"
fi
