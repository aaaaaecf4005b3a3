#!/bin/sh
# beside_gpg.sh: scard11's module and GnuPG take turns at one OpenPGP card behind a real pcscd: beside_gpg.c says
# what must hold. GnuPG makes the keys, and shares the card, or keeps it for itself, which is its default.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd openssl libssl-dev gnupg scdaemon openssh-client
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${SEED:=$(date +%s)}" "${TURNS:=24}"
. tests/pcsc/lab.sh
. tests/pcsc/gpg.sh
build_beside() {
    $CC -std=c99 -Wall -Wextra -Wconversion -Wshadow -O1 -g tests/pcsc/beside_gpg.c -ldl -lcrypto -o "$lab/beside_gpg" ||
        exit 1
}

beside() {          # beside <how GnuPG connects> <what is typed before the keys are made...>
    card openpgp empty
    gpg_begin "$1"; shift
    [ $# = 0 ] || try 'gpg key-attr' gpg_edit key-attr "$@"
    gpg_generate
    gpg_uses
    cp "$dir/text.enc" "$dir/enc"
    try "turns from $SEED on" timeout 200 "$lab/beside_gpg" "$OUT/scard11.so" "$dir" "$SEED" "$TURNS"
    sed 's/^/    /' "$dir/out"
    gpg_end
}
inside_shared()    { beside pcsc-shared; }
inside_ec()        { beside pcsc-shared 2 1 2 1 2 1; }
inside_exclusive() { export EXCLUSIVE=1; beside ''; }

export SEED TURNS
run_inside "$@"
build_beside
for part in ${PARTS:-shared ec exclusive}; do in_lab "$part" 'Virtual PCD'; done
sum_up
