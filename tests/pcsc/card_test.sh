#!/bin/sh
# card_test.sh: does ./build.sh card start a card that programs see, pull it when it is told, and end clean?
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev opensc
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
part=card dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

start() {       # start <arguments of card.sh...>
    rm -f "$dir/typed" "$dir/said"
    mkfifo "$dir/typed"
    sh tests/pcsc/card.sh "$@" < "$dir/typed" > "$dir/said" 2>&1 &
    pid=$!
    exec 4> "$dir/typed"
    says 'Ctrl-C ends it' 60
    PCSCLITE_CSOCK_NAME=$(sed -n 's/^ *export PCSCLITE_CSOCK_NAME=//p' "$dir/said")
    export PCSCLITE_CSOCK_NAME
    its=$(dirname "$PCSCLITE_CSOCK_NAME")
}
says() {        # says <text> [seconds [times]]: until it is in the output
    tries=$((${2:-10} * 10))
    while [ "$(grep -c "$1" "$dir/said")" -lt "${3:-1}" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { cat "$dir/said"; return 1; }
        sleep 0.1
    done
}
end() {
    exec 4>&-
    kill $pid
    wait $pid
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$its" ] || break; sleep 0.2; done
}
list() { timeout 20 "$OUT/examples/list"; }
serial() { list | sed -n 's/.*serial //p'; }
shows_key() { list | grep 'private key'; }
comes() {       # comes <command...>: it succeeds, as soon as pcscd has seen what was done
    for _ in 1 2 3 4 5 6 7 8 9 10; do "$@" && return; sleep 0.3; done
    return 1
}
fails() { ! "$@"; }
is_other() { now=$(serial); [ -n "$now" ] && [ "$now" != "$first" ]; }

try 'a kind that is not known' fails sh tests/pcsc/card.sh cheese
try 'an option that is not known' fails sh tests/pcsc/card.sh piv cheese
try 'each kind has something said of it' sh -c 'for kind in $(sed -n "s/^    { \"\([a-z0-9]*\)\", make_.*/\1/p" tests/pcsc/vpcd.c); do
    case $kind in isoapplet0 | chip) ;; *) sed -n "3,/^#ifndef/p" tests/sim/sim_$kind.h | grep PIN\\\|PW1 || exit 1 ;; esac; done'
try 'a card starts' start piv --pull 3
try 'opensc-tool sees it' sh -c "timeout 20 opensc-tool --atr | grep '^3b'"
try 'and its reader' sh -c "timeout 20 opensc-tool -l | grep 'Simulated piv'"
try 'it is pulled while it is used' fails shows_key
try 'which is said' says 'the card is out'
try 'and is out' fails sh -c "timeout 20 opensc-tool --atr"
echo in >&4
try 'it is put in' says 'the card is in'
try 'and is there' comes shows_key
first=$(serial)
echo 'pull 6' >&4
sleep 0.3
try 'it is pulled again' fails shows_key
try 'which is said, too' says 'the card is out' 10 2
echo in >&4
try 'it is put in again' says 'the card is in' 10 2
echo swap >&4
try 'another card is put in' says 'the card is in' 10 3
try 'which it is' comes is_other
end
try 'nothing is left of it' test ! -e "$its"
try 'no process either' fails pgrep -f "$its/"

sum_up
