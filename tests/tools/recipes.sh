#!/bin/sh
# recipes.sh: is "Where does it go?" (scard11.c) complete? A kind of card and a mechanism are added to a
# copy of the files, at the places that it names and nowhere else; the copy is checked, compiled and run.
# SPDX-License-Identifier: 0BSD
#
# What is added is in tests/tools/example. The compiler warns of nothing, with the new driver and
# without; structure.awk finds nothing; then the new card is one of the kinds that cards.c goes over.
# Packages: libssl-dev
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/count.sh
: "${OUT:=build}" "${CC:=gcc}"
case $OUT in /*) ;; *) OUT=$PWD/$OUT ;; esac
root=$PWD out=$OUT/recipes
flags='-std=c99 -O1 -Wall -Wextra -Wconversion -Wshadow -Wundef -Werror -I. -DSCARD11_READER=SCARD11_READER_CUSTOM'
tests='-std=c99 -O0 -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1'
libs='-lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'

fail() { failed=$((failed + 1)); echo "recipes.sh: $*"; }
good() {        # good <what> <command...>: it must go well
    what=$1; shift
    at "$what"
    if said=$("$@" 2>&1); then passed=$((passed + 1)); else fail "$what: $said"; fi
}
# put <file> <where> <line> <text>: text goes before or after the first line that matches, and must find one.
put() {
    cp "$1" "$1.old"
    TEXT=$4 awk -v where="$2" -v line="$3" '
        !done && $0 ~ line { done = 1; if (where == "before") print ENVIRON["TEXT"]; print
                             if (where == "after") print ENVIRON["TEXT"]; next }
        { print } END { exit !done }' "$1.old" > "$1" || fail "no line of $1 matches $3"
    rm "$1.old"
}
copy() {        # copy <name>: a copy of the files, where the script goes on
    rm -rf "${out:?}/$1"
    mkdir -p "$out/$1" || exit 1
    cp -R "$root/scard11.c" "$root/scard11.h" "$root/tests" "$out/$1"
    cd "$out/$1" || exit 1
}
structure() { awk -v dir=. -v types=1 -f tests/tools/structure.awk scard11.c; }
build() { $CC $tests -o "$1" "tests/$2" $(ls "$out"/sims/*.o) $3 $libs; }
simulate() { (cd "$out/sims" && $CC $tests -I"$root" -c "$@"); }      # simulate <source...>: cards for build
all_pass() { "$@" | tail -n 5 | grep '^[1-9][0-9]* passed, 0 failed$'; }

rm -rf "${out:?}/sims"
mkdir -p "$out/sims" || exit 1
good 'the simulated cards compile' simulate $(ls "$root"/tests/sim/sim_*.c | grep -v _test.c)

# ---- A kind of card ----

copy card
example=tests/tools/example
put scard11.h before '^// SCARD11_BELPIC: ' '// SCARD11_EXAMPLE: 1 compiles the driver for the example card.
#ifndef SCARD11_EXAMPLE
#define SCARD11_EXAMPLE 1
#endif
'
section=$(grep -n 'MARK: - >>probe$' scard11.c | cut -d: -f1)           # the banner begins a line before
sed -i.old "$((section - 2))r $example/driver.c" scard11.c
put scard11.c before '^ [*]  .*>>probe ' ' *                 >>example   driver: the example card'
put scard11.c before '^    { &driver_generic' '#endif
#if SCARD11_EXAMPLE
    { &driver_example, NULL },
#endif
#if SCARD11_GENERIC'
cp $example/sim_example.[ch] tests/sim
cp $example/unit.c tests/unit/example.c
put tests/unit/unit.c before '^#include "probe.c"' '#include "example.c"'
put tests/unit/unit.c before 'SECTION[(]probe' '    SECTION(example);'
sed -i.old 's/unsigned aids = /&SCARD11_EXAMPLE + /' tests/unit/probe.c
put tests/programs/kinds.h after '^#include "../sim/sim_belpic.h"' '#include "../sim/sim_example.h"'
rows=$(grep -n '^#define CARDS_KINDS' tests/programs/kinds.h | cut -d: -f1)           # the table ends two lines before
sed -i.old "$((rows - 3))r $example/kind.txt" tests/programs/kinds.h
good 'the map and the banners say so' structure
good 'it compiles' $CC $flags -c scard11.c -o with.o
good 'it compiles without it' $CC $flags -DSCARD11_EXAMPLE=0 -fsyntax-only scard11.c
good 'its simulated card compiles' simulate "$PWD/tests/sim/sim_example.c"
good 'its unit tests compile' build unit unit/unit.c ''
good 'its unit tests pass' all_pass ./unit example probe
good 'the cards compile' build cards programs/cards.c scard11.c
good 'the cards pass' all_pass ./cards cards_list cards_work cards_pins cards_blocked cards_logged_out

# ---- A mechanism ----

copy mechanism
put scard11.c after '0x04, 0x02, 0x03 } },$' '    { "RIPEMD-160", CKM_RIPEMD160, 0, PSA_ALG_RIPEMD160, 20, 64,
      5, { 0x2b, 0x24, 0x03, 0x02, 0x01 } },'
put scard11.c after 'CKM_AES_KEY_GEN, ' '    { CKM_RIPEMD160, ALG_NONE, ALG_RAW, CKM_RIPEMD160, 0, 0, CKF_DIGEST },
    { CKM_RIPEMD160_RSA_PKCS, ALG_RSA, ALG_PKCS1, CKM_RIPEMD160, 0, 0, MECH_SV },'
put tests/unit/hash.c after 'b0ff8318d2877eec2f' '    // H. Dobbertin, A. Bosselaers, B. Preneel: RIPEMD-160, appendix A.
    { "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc", "9c1185a5c5e9fc54612808977ee8f548b2258d31" },'
sed -i.old '/mech_allowed_follows_the_key/,/^}/s/13 \* sizeof/14 * sizeof/' tests/unit/mech.c        # how many an RSA key allows
sed -i.old '/sizes\[\] = /s/64 }/64, 20 }/' tests/unit/alg.c
good 'a mechanism: the map holds' structure
good 'a mechanism: it compiles' $CC $flags -fsyntax-only scard11.c
good 'a mechanism: its unit tests compile' build unit unit/unit.c ''
good 'a mechanism: its unit tests pass' all_pass ./unit hash alg mech
good 'a mechanism: a program compiles' build ripemd tools/example/mechanism.c scard11.c
good 'a mechanism: a card signs with it' all_pass ./ripemd

sum_up
