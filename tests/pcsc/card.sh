#!/bin/sh
# card.sh: a simulated card behind a pcscd of its own, for whoever tests a program without hardware;
# ./build.sh card calls it. Until Ctrl-C; the cards and readers of the machine are not touched.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh

kinds() { sed -n 's/^    { "\([a-z0-9]*\)", make_.*/\1/p' tests/pcsc/vpcd.c | paste -s -d ' ' -; }
usage() {
    cat >&2 <<END
./build.sh card KIND [option...] [--pull N] [--name READER]
    KIND        one of: $(kinds)
    option      second, empty, ec, yubikey and others: at the head of tests/pcsc/vpcd.c
    --pull N    the card is pulled at its N-th command
    --name      of the reader: some programs look for a maker's name (yubikey: Yubico)
END
    exit 2
}
about() {       # about <kind>: what its header says of the card
    case $1 in
        isoapplet0) set -- isoapplet ;;
        chip) about piv; set -- openpgp ;;
    esac
    sed -n '3,/^#ifndef/s|^//  *|  |p' "tests/sim/sim_$1.h"
}

say_how() {
    cat <<END

A card is in a reader of its own ($name). In another terminal:

    export PCSCLITE_CSOCK_NAME=$PCSCLITE_CSOCK_NAME
    opensc-tool --atr
    pkcs11-tool --module $OUT/scard11.so --login --pin 123456 -O       # or your module

$(about "$1")

Here (or by files in $dir, see tests/pcsc/vpcd.c):

    out, in, swap       the card is taken out, put in, exchanged for another one
    pull N              it is pulled at the N-th command from now, which it does not do
    other               another program selects another application on it
    count               says how many commands it was sent

Ctrl-C ends it.
END
}
obey() {        # the lines that are typed
    while read -r what number; do
        case $what in
            out) tell remove ;;
            in) tell insert ;;
            swap) tell swap ;;
            other) tell other ;;
            pull) echo "${number:-1}" > "$dir/pull" ;;
            count) commands ;;
            '') ;;
            *) echo "out, in, swap, pull N, other, or count" ;;
        esac
    done
}
watch() {       # says what becomes of the card, as long as there is one
    was=in
    while kill -0 "$vpcd" 2>/dev/null; do
        if [ -e "$dir/in" ]; then is=in; else is=out; fi
        [ $is = $was ] || echo "the card is $is"
        was=$is
        sleep 0.2
    done
}
inside() {      # inside <directory> <port> <commands until it is pulled> <kind> <option...>: in the lab
    dir=$1 port=$2 pull=$3
    shift 3
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 0' HUP INT TERM
    card "$@"
    kill -0 "$vpcd" 2>/dev/null || exit 2       # it has said why
    [ -e "$dir/in" ] || { echo "card.sh: pcscd does not take the card: $dir/pcscd.log" >&2; trap - EXIT; exit 1; }
    [ "$pull" = 0 ] || echo "$pull" > "$dir/pull"
    say_how "$1"
    obey <&3 &
    watch
}

[ "${1:-}" != --inside ] || { shift; name=$1; shift; inside "$@"; exit; }
case " $(kinds) " in *" ${1:--} "*) ;; *) usage ;; esac
kind=$1 pull=0 name='' options=''
shift
while [ $# -gt 0 ]; do
    case $1 in
        --pull) pull=${2:-x}; shift ;;
        --name) name=${2:-}; shift ;;
        -*) usage ;;
        *) options="$options $1" ;;
    esac
    [ $# = 0 ] || shift
done
case $pull in *[!0-9]*) usage ;; esac
case " $options " in *' yubikey '* | *' 5.7 '*) : "${name:=Yubico simulated}" ;; esac
: "${name:=Simulated $kind}"
[ -e "$lab/vpcd" ] || echo "compiling the simulated cards"
build_reader
rmdir "$lab/$$"
dir=$(mktemp -d) port=$((27000 + $$ % 5000))
# shellcheck disable=SC2086
exec "$lab/lab" --name "$name" "$dir" $port -- sh tests/pcsc/card.sh --inside "$name" "$dir" $port "$pull" "$kind" \
    $options 3<&0
