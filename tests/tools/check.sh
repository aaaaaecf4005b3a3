#!/bin/sh
# check.sh: what ./build.sh check does: the map, every compiler found with every option and no
# warning, the exported names, malloc named once, cppcheck. Stops at the first thing that is wrong.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:=build}"
mkdir -p "$OUT/check"
warn='-Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic -Werror'
custom='-DSCARD11_READER=SCARD11_READER_CUSTOM' pcsc='-DSCARD11_READER=SCARD11_READER_PCSC'
for d in /usr/include/PCSC /usr/local/include/PCSC; do [ ! -d $d ] || pcsc="$pcsc -I$d"; done

fail() { echo "check: $*" >&2; exit 1; }
run() { echo "+ $*"; "$@" || exit 1; }

run awk -v dir=. -v types=1 -v strict=1 -f tests/tools/structure.awk scard11.c
run sh tests/tools/options.sh

drivers=$(sed -n 's|^// SCARD11_\([A-Z0-9]*\): 1 compiles the driver.*|\1|p' scard11.h)
first=
for cc in gcc clang; do
    command -v $cc >/dev/null || { echo "- no $cc here"; continue; }
    first=${first:-$cc}
    {
        for std in c99 c11; do
            echo "$cc -std=$std $warn $pcsc"
            echo "$cc -std=$std $warn $custom"
        done
        for o in THREADS=0 PIN_CACHE=1 ZLIB=0 TRACE=0 ENVIRONMENT=0 DEBUG=1 MBEDTLS_MAJOR=4 MBEDTLS_CHECK=0 ENTROPY=my_entropy PREFIX=my_ READERS_MAX=1 \
                 READERS_MAX=64 LOOK_MS=0 READER_SLOTS=1 READER_SLOTS=8 ANSWER=258 CHECK_SIGNATURES=1 WRITE=0; do
            echo "$cc -std=c99 $warn $pcsc -DSCARD11_$o"
            echo "$cc -std=c11 $warn $custom -DSCARD11_$o"
        done
        none=
        for d in $drivers; do
            echo "$cc -std=c99 $warn $pcsc -DSCARD11_$d=0"
            none="$none -DSCARD11_$d=0"
        done
        for d in $drivers; do               # each alone
            echo "$cc -std=c99 $warn $custom$none -USCARD11_$d"
        done
        small="-DSCARD11_ZLIB=0 -DSCARD11_SCRATCH=8192 -DSCARD11_ANSWER=258"
        echo "$cc -std=c99 $warn $pcsc $small"
        echo "$cc -std=c99 $warn $custom $small -DSCARD11_READERS_MAX=1 -DSCARD11_THREADS=0" \
             "-DSCARD11_TRACE=0 -DSCARD11_ENVIRONMENT=0 -DSCARD11_READER_SLOTS=1"
        device="-DSCARD11_DEVICE=1 -DSCARD11_ENTROPY=my_entropy -DSCARD11_NOW_MS=my_now -DSCARD11_SLEEP_MS=my_sleep"
        echo "$cc -std=c99 $warn -I. $device"
        echo "$cc -std=c99 $warn -I. $device $small -DSCARD11_TRACE=0 -DSCARD11_DATE=my_date -DSCARD11_ARENA_BLOCK=512"
        echo "$cc -std=c99 $warn $pcsc -DSCARD11_NOW_MS=my_now -DSCARD11_SLEEP_MS=my_sleep -DSCARD11_DATE=my_date"
        if echo '#include <stdlib.h>' | $cc -m32 -c -o /dev/null -x c - 2>/dev/null; then
            echo "$cc -m32 -std=c99 $warn $pcsc"
        else
            echo "- $cc -m32: no 32-bit headers here" >&2
        fi
    } > "$OUT/check/$cc.txt"
    # shellcheck disable=SC2016
    xargs -P 2 -I {} sh -c 'echo "+ $1"; $1 -o /dev/null || exit 255' sh '{} -O2 -c scard11.c' \
        < "$OUT/check/$cc.txt" || fail "$cc warns"
    for f in examples/*.c; do
        [ -e "$f" ] || continue
        reader=$pcsc; ! grep -q '^int scard11_reader_start' "$f" || reader=$custom
        # shellcheck disable=SC2086
        run $cc -std=c99 $warn $reader -I. -fsyntax-only "$f"
    done
    for f in tests/data/corpus/*; do
        # shellcheck disable=SC2086
        run $cc -std=c99 $warn $custom -Wno-unused-function "-DFUZZ_$(basename "$f")" -fsyntax-only \
            tests/tools/fuzz.c
    done
done
[ -n "$first" ] || fail "no compiler found"

run sh tests/tools/header.sh

# Only C_* and scard11_* are seen from outside.
# shellcheck disable=SC2086
run $first -O2 -std=c99 $pcsc -fPIC -fvisibility=hidden -c scard11.c -o "$OUT/check/scard11.o"
so=$OUT/check/scard11.so
run $first -shared "$OUT/check/scard11.o" -lpcsclite -lmbedcrypto -lz -lpthread -o "$so"
for how in "nm -D $so" "nm -g $OUT/check/scard11.o"; do
    echo "+ $how"
    seen=$($how | awk '$2 != "U" && NF == 3 && $3 !~ /^(C_|scard11_)/ { print $3 }')
    [ -z "$seen" ] || fail "these names are seen from outside: $seen"
done
nm -D "$so" | grep -q ' T C_GetFunctionList$' || fail "no C_GetFunctionList"

# Memory is had in one place: SCARD11_ALLOC and SCARD11_FREE of scard11.h.
echo "+ grep malloc and free"
calls=$(sed 's|//.*||; s|^ \*.*||' scard11.h scard11.c |
    grep -oE '(^|[^A-Za-z0-9_>.])(malloc|calloc|realloc|free|strdup|alloca)\(' |
    sed 's/^[^a-z]//' | sort | tr '\n' ' ')
[ "$calls" = "free( malloc( " ] || fail "malloc and free should be named once each: $calls"

if command -v cppcheck >/dev/null; then
    for o in 1 2; do
        run cppcheck --quiet --std=c99 --enable=warning,portability --inline-suppr \
            --error-exitcode=1 --suppress=missingIncludeSystem -DSCARD11_READER=$o scard11.c
    done
else
    echo "- no cppcheck here"
fi
echo "check: all in order"
