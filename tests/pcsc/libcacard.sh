#!/bin/sh
# libcacard.sh: a card that this project did not write, the CAC of libcacard (in software, over an NSS
# database), with build/scard11.so through a real pcscd; and with OpenSC's module, so that what fails is known
# to be ours.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc openssl libcacard-dev libnss3-tools pkg-config
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
ours=$OUT/scard11.so opensc=$(find /usr/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
password=123456         # the database's, and so the card's PIN

build_card() {
    # shellcheck disable=SC2046
    $CC $warn -O1 -g tests/pcsc/libcacard.c $(pkg-config --cflags --libs libcacard | sed 's/-I/-isystem /g') \
        -o "$lab/libcacard" || exit 1
}
make_database() {       # three RSA keys with certificates, which are also in $dir/cert1 ... as DER
    mkdir "$dir/db"
    echo $password > "$dir/password"
    head -c 2000 /dev/urandom > "$dir/noise"
    certutil -N -d "sql:$dir/db" -f "$dir/password"
    for n in 1 2 3; do
        certutil -S -d "sql:$dir/db" -f "$dir/password" -z "$dir/noise" -k rsa -g 2048 -n cert$n -s "CN=cert $n" \
            -x -t ,, -m $n -v 120 2>/dev/null
        certutil -L -d "sql:$dir/db" -n cert$n -r > "$dir/cert$n"
        openssl x509 -inform DER -in "$dir/cert$n" -pubkey -noout > "$dir/pem$n"
    done
}
insert() {              # puts the card in, and waits until pcscd shows it
    "$lab/libcacard" "$port" "$dir" "$dir/db" &
    wait_for_card
}

tool() { timeout 60 pkcs11-tool --module "$module" "$@"; }
logged_in() { tool --login --pin $password "$@"; }
find_ids() {            # $dir/id1 ... are the CKA_IDs of the certificates in the order of the database
    tool -O --type cert 2>/dev/null | sed -n 's/^ *ID: *//p' > "$dir/ids"
    rm -f "$dir"/id[123]
    while read -r id; do
        tool --read-object --type cert --id "$id" -o "$dir/crt" > /dev/null 2>&1 </dev/null
        for n in 1 2 3; do
            ! cmp -s "$dir/crt" "$dir/cert$n" || echo "$id" > "$dir/id$n"
        done
    done < "$dir/ids"
    [ -s "$dir/id1" ] && [ -s "$dir/id2" ] && [ -s "$dir/id3" ]
}
works() {               # works <name>: lists, signs with each key, decrypts, refuses a wrong PIN
    try "$1: each certificate is the database's" find_ids
    for n in 1 2 3; do
        rm -f "$dir/sig" "$dir/plain"
        id=$(cat "$dir/id$n")
        try "$1: signs with key $n" logged_in --sign --id "$id" -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
        try "$1: which openssl verifies" openssl dgst -sha256 -verify "$dir/pem$n" -signature "$dir/sig" "$dir/text"
        openssl pkeyutl -encrypt -pubin -inkey "$dir/pem$n" -in "$dir/text" -out "$dir/cipher"
        try "$1: decrypts with key $n" logged_in --decrypt --id "$id" -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain"
        try "$1: what openssl encrypted" cmp "$dir/text" "$dir/plain"
    done
    try "$1: a wrong PIN is refused" sh -c "! timeout 60 pkcs11-tool --module $module --login --pin 11111111 -O"
    try "$1: and the right one is right then" logged_in --sign --id "$id" -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
}

inside_theirs() { make_database; insert; printf 'witnessed' > "$dir/text"; module=$opensc; works OpenSC; }

inside_ours() {
    make_database
    insert
    printf 'witnessed' > "$dir/text"
    module=$ours
    try 'pkcs11-tool -L' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'token model *: CAC'"
    try 'token info takes at most 7 commands' test "$(commands)" -le 7
    works scard11
    id=$(cat "$dir/id1")
    try 'PSS' logged_in --sign --id "$id" -m SHA256-RSA-PKCS-PSS --salt-len 32 -i "$dir/text" -o "$dir/sig"
    try 'which openssl verifies' openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
        -verify "$dir/pem1" -signature "$dir/sig" "$dir/text"
    openssl pkeyutl -encrypt -pubin -inkey "$dir/pem1" -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt rsa_oaep_md:sha256 -in "$dir/text" -out "$dir/cipher"
    try 'OAEP' logged_in --decrypt --id "$id" -m RSA-PKCS-OAEP --hash-algorithm SHA256 -i "$dir/cipher" \
        -o "$dir/plain"
    try 'of what openssl encrypted' cmp "$dir/text" "$dir/plain"
    logged_in --test > "$dir/test" 2>&1
    try 'pkcs11-tool --test --login' grep -q '^No errors' "$dir/test"
    tell remove; sleep 1.2
    try 'it goes' sh -c "! timeout 60 pkcs11-tool --module $module -L | grep -q 'token model *: CAC'"
    tell insert; sleep 1.5
    try 'and comes' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'token model *: CAC'"
    try 'and signs' logged_in --sign --id "$id" -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
}

run_inside "$@"
build_card
for part in ${PARTS:-theirs ours}; do in_lab $part 'Virtual PCD'; done
sum_up
