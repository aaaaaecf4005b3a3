#!/bin/sh
# witness.sh: the simulated PIV card before programs that know nothing of scard11: OpenSC's module and tools,
# yubico-piv-tool, ykcs11. What they can do with it makes it a witness for what scard11 does with it.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc openssl yubico-piv-tool ykcs11 libssl-dev
cd "$(dirname "$0")/.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/lab.sh

find_module() { find /usr/lib -name "$1" 2>/dev/null | head -n 1; }
opensc=$(find_module opensc-pkcs11.so)
ykcs11=$(find_module 'libykcs11.so*')

with_module() {     # with_module <module> <rsa id> <ec id> <decrypt id>: lists, signs, decrypts
    tool() { timeout 100 pkcs11-tool --module "$module" "$@"; }
    module=$1
    printf 'witnessed' > "$dir/text"
    try 'lists' sh -c "timeout 100 pkcs11-tool --module $module -O --login --pin 123456 > $dir/objects &&
        [ \$(grep -c '^Certificate Object' $dir/objects) -ge 4 ] && grep -q '^Private Key Object' $dir/objects"
    try 'signs with RSA' tool --login --pin 123456 --sign --id "$2" -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    tool --read-object --type cert --id "$2" -o "$dir/crt" >/dev/null 2>&1
    openssl x509 -inform DER -in "$dir/crt" -pubkey -noout > "$dir/pem"
    try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
    try 'signs with EC' tool --login --pin 123456 --sign --id "$3" -m ECDSA-SHA256 --signature-format openssl \
        -i "$dir/text" -o "$dir/sig"
    tool --read-object --type cert --id "$3" -o "$dir/crt" >/dev/null 2>&1
    openssl x509 -inform DER -in "$dir/crt" -pubkey -noout > "$dir/pem"
    try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
    tool --read-object --type cert --id "$4" -o "$dir/crt" >/dev/null 2>&1
    openssl x509 -inform DER -in "$dir/crt" -pubkey -noout > "$dir/pem"
    openssl pkeyutl -encrypt -pubin -inkey "$dir/pem" -in "$dir/text" -out "$dir/cipher"
    try 'decrypts' tool --login --pin 123456 --decrypt --id "$4" -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain"
    try 'what openssl encrypted' cmp "$dir/text" "$dir/plain"
}

opensc_tools() {
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -qi "PIV\|Personal Identity"'
    try 'opensc-tool -a' sh -c 'opensc-tool -a | grep -q 3b'
    try 'opensc-tool --serial' opensc-tool --serial
    with_module "$opensc" 01 04 03
    try 'signs with 9C, the PIN each time' tool --login --pin 123456 --sign --id 02 -m ECDSA-SHA256 \
        -i "$dir/text" -o "$dir/sig"
}

inside_extended() { card extended; opensc_tools; }
inside_pieces()   { card pieces; opensc_tools; }
inside_t0()       { card t0; opensc_tools; }
inside_gzip()     { card extended gzip; opensc_tools; }

inside_yubico() {
    card extended yubikey
    try 'yubico-piv-tool status' sh -c "yubico-piv-tool -r '' -a status | grep -q '5.4.3'"
    try 'yubico-piv-tool verifies the PIN' yubico-piv-tool -r '' -a verify-pin -P 123456
    try 'yubico-piv-tool refuses a wrong one' sh -c "! yubico-piv-tool -r '' -a verify-pin -P 111111"
    try 'yubico-piv-tool reads a certificate' yubico-piv-tool -r '' -a read-certificate -s 9a -o "$dir/9a.pem"
    try 'yubico-piv-tool test-signature' yubico-piv-tool -r '' -a verify-pin -P 123456 -a test-signature -s 9a \
        -i "$dir/9a.pem"
    try 'yubico-piv-tool changes the PIN' yubico-piv-tool -r '' -a change-pin -P 123456 -N 654321
    try 'and back' yubico-piv-tool -r '' -a change-pin -P 654321 -N 123456
    with_module "$ykcs11" 01 04 03
}

run_inside "$@"
in_lab extended 'Virtual PCD'
in_lab pieces 'Virtual PCD'
in_lab t0 'Virtual PCD'
in_lab gzip 'Virtual PCD'
in_lab yubico 'Yubico Virtual PCD'
sum_up
