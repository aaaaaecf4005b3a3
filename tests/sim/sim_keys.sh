#!/bin/sh
# sim_keys.sh: made sim_keys.h once, with openssl: keys and self-signed certificates of the simulated
# cards. Test values, worthless. Running it again makes new ones: tests/sim/sim_keys.sh > tests/sim/sim_keys.h
# SPDX-License-Identifier: 0BSD
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '// sim_keys.h: keys and certificates of the simulated cards: test values, worthless. Made by'
echo '// tests/sim/sim_keys.sh with openssl. SPDX-License-Identifier: 0BSD'
emit() { # emit <name> <file>
    printf 'static const uint8_t sim_%s[] = {' "$1"
    od -An -v -tx1 -w16 "$2" | sed 's/ \(..\)/0x\1,/g; s/^/\n    /' | tr -d '\r' | grep -v '^$'
    echo '};'
}
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out ca.pem 2>/dev/null
openssl req -x509 -new -key ca.pem -subj '/CN=scard11 test authority' -days 7300 -out ca.crt
for key in rsa1024:RSA:rsa_keygen_bits:1024 rsa2048a:RSA:rsa_keygen_bits:2048 \
    rsa2048b:RSA:rsa_keygen_bits:2048 rsa3072:RSA:rsa_keygen_bits:3072 rsa4096:RSA:rsa_keygen_bits:4096 \
    p256a:EC:ec_paramgen_curve:P-256 p256b:EC:ec_paramgen_curve:P-256 p384a:EC:ec_paramgen_curve:P-384 \
    p384b:EC:ec_paramgen_curve:P-384 ed25519:ED25519:: x25519:X25519:: \
    p521a:EC:ec_paramgen_curve:P-521 p192a:EC:ec_paramgen_curve:prime192v1 \
    bp256a:EC:ec_paramgen_curve:brainpoolP256r1 bp384a:EC:ec_paramgen_curve:brainpoolP384r1 \
    bp512a:EC:ec_paramgen_curve:brainpoolP512r1 k256a:EC:ec_paramgen_curve:secp256k1; do
    name=${key%%:*} rest=${key#*:} algorithm=${rest%%:*} option=${rest#*:}
    [ "$option" = ":" ] && option='' || option="-pkeyopt $option"
    # shellcheck disable=SC2086
    openssl genpkey -algorithm "$algorithm" $option -out k.pem 2>/dev/null
    openssl pkey -in k.pem -pubout -out pub.pem
    openssl pkey -in k.pem -outform DER -out k.der
    # Signed by the test authority, because X25519 cannot sign for itself.
    openssl req -new -key ca.pem -subj "/O=scard11/CN=Test $name" -out k.csr
    openssl x509 -req -in k.csr -force_pubkey pub.pem -CA ca.crt -CAkey ca.pem -CAcreateserial \
        -days 7300 -outform DER -out k.crt 2>/dev/null
    emit "key_$name" k.der
    emit "cert_$name" k.crt
    [ $name != p256b ] || cp k.pem nr.pem
done
# The certificate of a key that wants its owner's consent.
openssl req -x509 -new -key nr.pem -subj '/O=scard11/CN=Test p256b nr' -days 7300 \
    -addext keyUsage=critical,nonRepudiation -outform DER -out k.crt
emit cert_p256b_nr k.crt
