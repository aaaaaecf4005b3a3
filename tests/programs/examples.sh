#!/bin/sh
# examples.sh: does each example build as a user would build it, and do what it says?
# SPDX-License-Identifier: 0BSD
# Packages: pkg-config openssl
#
# The first line of an example says what it shows, the second how to build it with cc. A line
#     // Test: <arguments> => <text>
# gives the arguments to run it with here and what its output must contain (" ... ": then, later;
# several lines: several runs; "// Test: none, <why>": it is only built). It runs on simulated cards:
# tests/programs/card_before_main.c, linked in, puts a card into a reader before main. One that calls
# PC/SC itself has the stand-in for libpcsclite.
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:=build}" "${CC:=gcc}"
. tests/tools/count.sh
flags='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic -Werror
    -g -O1 -fsanitize=address,undefined -I. -DSCARD11_READER=SCARD11_READER_CUSTOM'
libs='-lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'
dir=$OUT/examples/test
mkdir -p "$dir"

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "$name: $*"; }
contains() {    # contains <output> <text ... text ...>: all texts, in that order
    rest=$1 wants=$2
    while [ -n "$wants" ]; do
        one=${wants%%" ... "*}
        case $rest in *"$one"*) rest=${rest#*"$one"} ;; *) return 1 ;; esac
        case $wants in *" ... "*) wants=${wants#*" ... "} ;; *) wants= ;; esac
    done
}

for f in examples/*.c; do
    name=$(basename "$f" .c)
    at "$name"
    [ -e "$f" ] || { fail "there are no examples"; continue; }
    sed -n 1p "$f" | grep -q "^// $name\.c: " || fail "line 1 does not say what it shows"
    sed -n 2p "$f" | grep -q '^//.* cc ' || fail "line 2 does not say how to build it"
    ! grep '^#include "' "$f" | grep -qv '"\(\.\./\)\{0,1\}scard11\.h"' ||
        fail "includes more than scard11.h"
    stage="tests/programs/card_before_main.c $(find "$OUT/asan" -name 'sim_*.o' | tr '\n' ' ')"
    ! grep -q '^int scard11_reader_start' "$f" || stage=
    ! grep -q '^#include <winscard.h>' "$f" ||
        stage="$stage tests/pcsc/pcsc_stand_in.c -I/usr/include/PCSC -I/usr/local/include/PCSC"
    # shellcheck disable=SC2086
    if ! $CC $flags "$f" $stage "$OUT/asan/scard11.o" $libs -o "$dir/$name"; then
        fail "does not build"
        continue
    fi
    pass
    grep -q '^// Test: ' "$f" || fail "has no line // Test:"
    sed -n 's|^// Test: *||p' "$f" > "$dir/$name.tests"
    while read -r line; do
        case $line in none,*) continue ;; esac
        args=${line%%=>*} want=${line#*=>}
        [ "$want" != "$line" ] || want=
        want=${want# }
        # shellcheck disable=SC2086
        if out=$(eval "set -- $args"; "$dir/$name" "$@" 2>&1 </dev/null); then
            if contains "$out" "$want"; then pass
            else fail "$args: there is no '$want' in: $out"
            fi
        else
            fail "$args: $out"
        fi
    done < "$dir/$name.tests"
done
# A reader of one's own will be copied: its functions again, used by several threads.
name=custom_reader
at "$name, threads"
counted() {     # counted <program>: what it counts, counts here
    out=$("$1" 2>&1) || { echo "$out"; failed=$((failed + 1)); }
    out=$(echo "$out" | sed -n 's/^\([0-9]*\) passed, .*/\1/p')
    passed=$((passed + ${out:-0}))
}
# shellcheck disable=SC2086
if $CC $flags -fno-sanitize=all -fsanitize=thread tests/programs/custom_reader_threads.c -lpthread -o "$dir/threads"
then counted "$dir/threads"
else fail "its test does not build"; fi

# What is to go on whatever becomes of its card.
name=daemon
at "$name, a card that comes and goes"
# shellcheck disable=SC2046,SC2086
if $CC $flags -Dmain=daemon_main -c examples/daemon.c -o "$dir/daemon.o" &&
    $CC $flags -DSIM_OPENSSL=1 tests/programs/daemon_run.c "$dir/daemon.o" $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$dir/daemon_run"
then
    cd "$dir" || exit 1
    counted ./daemon_run
    cd "$OLDPWD" || exit 1
else fail "does not build with the simulated cards"; fi

# What fills a blank card gets one, and openssl as the authority.
name=personalise
at "$name, blank cards"
blank=$dir/blank
rm -rf "$blank"
mkdir -p "$blank"
# shellcheck disable=SC2046,SC2086
if $CC $flags -DSIM_OPENSSL=1 tests/programs/personalised.c $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$blank/personalised"
then
    cd "$blank" || exit 1
    counted ./personalised
    cd "$OLDPWD" || exit 1
else fail "does not build with the simulated cards"; fi

# The first program, as it stands in README.md and in scard11.h: one and the same, it compiles with the
# line that stands beside it, in a directory with nothing but the two files, and it signs with every
# kind of card (first_program.c).
name='first program'
at "$name"
first=$dir/first
rm -rf "$first"
mkdir -p "$first"
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' > "$first/app.c"
sed -n '/^\/\/ *\/\/ app\.c: /,$p' scard11.h | sed 's|^//      ||; s|^//$||' |
    sed -n "1,$(wc -l < "$first/app.c")p" > "$first/header.c"
grep -q 'main(' "$first/app.c" || fail "README.md has none"
if cmp "$first/app.c" "$first/header.c"; then pass
else fail "it is another one in scard11.h"; fi
line=$(sed -n 's/^    \(cc app\.c .*\)/\1/p' README.md | sed -n 1p)
if [ -n "$line" ] && [ "$(sed -n 's|^//  *\(cc app\.c .*\)|\1|p' scard11.h)" = "$line" ]; then pass
else fail "the line that compiles it is another one in scard11.h: $line"; fi
cp scard11.c scard11.h "$first"
if (cd "$first" && eval "$line"); then pass
else fail "does not compile with: $line"; fi
# shellcheck disable=SC2046,SC2086
if $CC $flags -Dmain=first_main -c "$first/app.c" -o "$first/app.o" &&
    $CC $flags -DSIM_OPENSSL=1 tests/programs/first_program.c "$first/app.o" $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$first/first"
then
    counted "$first/first"
else fail "does not build with the simulated cards"; fi

sum_up
