#!/bin/sh
# hotplug_test.sh: does ./build.sh hotplug find the faults of a module that has some (faulty_module.c), and
# none where there are none?
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/tools/count.sh
dir=$OUT/hotplug
mkdir -p "$dir"
table=$dir/table.txt

try() {         # try <what> <command...>
    what=$1; shift
    at "$what"
    if "$@" > "$dir/out" 2>&1; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "failed: $what"
    sed 's/^/    /' "$dir/out" "$table" | tail -n 40
}
hotplug() { sh tests/pcsc/hotplug.sh "$@" > "$table" 2>&1; }
# says <row> <theirs> <ours>
says() { grep -E "^ *$1 +$2 +$3\$" "$table"; }
fails() { ! "$@"; }

GOOD=$OUT/scard11.so
export GOOD
try 'a module that is not there' fails hotplug --seconds 0 "$dir/none.so"
try 'which is said' grep 'no PKCS#11 module' "$table"
# shellcheck disable=SC2086
try 'a module with faults is built' $CC -shared -fPIC tests/pcsc/faulty_module.c -o "$dir/faulty.so"
try 'its faults are not ours' hotplug --seconds 0 --cases 'all_sessions\|closing\|desktop' "$dir/faulty.so"
try 'a session that stays' says 'a removal ends all sessions in one step' differs ok
try 'a crash' says 'closing in the middle of everything leaves nothing' 'crash \(ABRT\)' ok
try 'what is right' says 'a desktop s pattern' ok ok
try 'a storm' hotplug --seconds 4 --cases 'out_and_in' "$GOOD"
try 'its case' says 'out and in between two calls is a removal and a logout' ok ok
try 'its end' says 'a storm of 4 s: it came to its end' ok ok
for figure in 'old handles honoured' 'PINs that reached another card' 'data or signatures of another card' 'tries taken'; do
    try "none: $figure" says "$figure" 0 0
done
try 'it was used' says signatures '[1-9][0-9]*' '[1-9][0-9]*'

sum_up
