#!/bin/sh
# witness.sh: the simulated cards before programs that know nothing of scard11: OpenSC's module and tools,
# yubico-piv-tool, ykcs11, GnuPG. What they can do with a card makes it a witness for what scard11 does with it. Secret
# keys that OpenSC stores are used by scard11, and openssl says with what result.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc openssl yubico-piv-tool ykcs11 libssl-dev python3-pykcs11 gnupg scdaemon openssh-client
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
. tests/pcsc/gpg.sh

find_module() { find /usr/lib -name "$1" 2>/dev/null | head -n 1; }
opensc=$(find_module opensc-pkcs11.so)
ours=$OUT/scard11.so
ykcs11=$(find_module 'libykcs11.so*')

tool() { timeout 100 pkcs11-tool --module "$module" "$@"; }
public_key() {      # public_key <id>: the certificate's, to $dir/pem
    tool --read-object --type cert --id "$1" -o "$dir/crt" >/dev/null 2>&1
    openssl x509 -inform DER -in "$dir/crt" -pubkey -noout > "$dir/pem"
}
signs() {           # signs <id> <mechanism> <hash>: openssl verifies what the module signs
    public_key "$1"
    rm -f "$dir/sig"
    try "signs with $1 and $2" tool --login --pin 123456 --sign --id "$1" -m "$2" --signature-format openssl \
        -i "$dir/text" -o "$dir/sig"
    try 'which openssl verifies' openssl dgst "-$3" -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
}
decrypts() {        # decrypts <id>
    public_key "$1"
    rm -f "$dir/plain"
    openssl pkeyutl -encrypt -pubin -inkey "$dir/pem" -in "$dir/text" -out "$dir/cipher"
    try "decrypts with $1" tool --login --pin 123456 --decrypt --id "$1" -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain"
    try 'what openssl encrypted' cmp "$dir/text" "$dir/plain"
}
lists() {           # lists <certificates>
    try 'lists' sh -c "timeout 100 pkcs11-tool --module $module -O --login --pin 123456 > $dir/objects &&
        [ \$(grep -c '^Certificate Object' $dir/objects) -ge $1 ] && grep -q '^Private Key Object' $dir/objects"
}
with_module() {     # with_module <module> <rsa id> <ec id> <decrypt id>: lists, signs, decrypts
    module=$1
    printf 'witnessed' > "$dir/text"
    lists 4
    signs "$2" SHA256-RSA-PKCS sha256
    signs "$3" ECDSA-SHA256 sha256
    decrypts "$4"
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

# ---- PIV cards that others fill ----

# fits <what> <key file...>: is the public key of the certificate in $dir/crt, PEM, that of a PEM file?
fits() { what=$1; shift; try "$what" sh -c "openssl x509 -in $dir/crt -pubkey -noout > $dir/pem &&
    openssl pkey -pubin -pubout -in $* 2>/dev/null | cmp - $dir/pem"; }

# piv_make <M|A> <reference:algorithm>: a key, its public one to $dir/made<reference>. (Of OpenSC 0.23 it is taken
# from what the card answers: it cannot write it.)
piv_make() {
    made=$dir/made${2%:*} n=0
    rm -f "$made"
    piv-tool -A "$1:9B:03" -G "$2" -o "$made" > "$dir/said" 2>&1
    if grep -q 'unable to gen' "$dir/said"; then
        piv-tool -A "$1:9B:03" -s "00:47:00:${2%:*}:05:AC:03:80:01:${2#*:}:00" 2>/dev/null |
            sed -n 's/^\(\([0-9A-F][0-9A-F] \)\{1,16\}\).*/\1/p' | tr -d ' \n' > "$dir/hex"
        case $2 in
            *:07) n=$(cut -c 19-530 "$dir/hex")
                head=30820122300d06092a864886f70d01010105000382010f003082010a0282010100 n=${n}0203010001 ;;
            *) head=3059301306072a8648ce3d020106082a8648ce3d030107034200 n=$(cut -c 11- "$dir/hex") ;;
        esac
        /usr/bin/printf "$(echo "$head$n" | sed 's/../\\x&/g')" | openssl pkey -pubin -inform DER -out "$made"
    fi
    try "makes a key: $2" openssl pkey -pubin -in "$made" -noout
}
inside_pivinit() {  # piv-tool, which knows nothing of Yubico's
    card extended blank
    module=$opensc
    printf 'witnessed' > "$dir/text"
    authority
    export PIV_EXT_AUTH_KEY="$dir/key"
    echo 01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:0A > "$dir/key"
    try 'a wrong key' sh -c '! piv-tool -A M:9B:03'
    try 'no key' sh -c "piv-tool -s 00:47:00:9A:05:AC:03:80:01:07:00 | grep -q 'SW1=0x69, SW2=0x82'"
    echo 01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08 > "$dir/key"
    try 'it has nothing' sh -c "! timeout 100 pkcs11-tool --module $opensc -O | grep -q '^Certificate Object'"
    # 53 { 30 FASC-N, 34 GUID, 35 20301231, 3E, FE }
    { printf '\123\073\060\031\324\347\071\332\163\234\355\071\316\163\235\203\150\130\041\010\102'
        printf '\020\204\041\310\102\020\303\353\064\020abcdefghijklmnop\065\01020301231\076\000\376\000'
    } > "$dir/chuid"
    # (What it wrote is read: OpenSC 0.23 says that it failed, whatever it wrote.)
    piv-tool -A M:9B:03 -O 3000 -i "$dir/chuid" >/dev/null 2>&1
    try 'writes a CHUID' sh -c "piv-tool -s 00:A4:04:00:05:A0:00:00:03:08 -s 00:CB:3F:FF:05:5C:03:5F:C1:02:00 |
        grep -q '^53 3B 30 19'"
    way=A       # single authentication, mutual where this one cannot (it fails by itself)
    ! piv-tool -A A:9B:03 2>&1 | grep -q 'admin_mode failed -1400' || way=M
    for key in M:9A:07 $way:9D:07 M:9E:11; do
        ref=${key#*:} ref=${ref%:*}
        piv_make "${key%%:*}" "${key#*:}"
        certify "$dir/made$ref" "$dir/crt$ref"
        piv-tool -A "${key%%:*}:9B:03" -C "$ref" -i "$dir/crt$ref" >/dev/null 2>&1
    done
    lists 3
    for key in 01:9A 03:9D 04:9E; do
        tool --read-object --type cert --id ${key%:*} -o "$dir/der" >/dev/null 2>&1
        try "the certificate of ${key#*:}" sh -c "openssl x509 -in $dir/crt${key#*:} -outform DER | cmp - $dir/der"
    done
    signs 01 SHA256-RSA-PKCS sha256
    decrypts 03
    signs 04 ECDSA-SHA256 sha256
    mv "$dir/made9A" "$dir/old"
    piv_make M 9A:07
    try 'which is another' sh -c "! cmp -s $dir/old $dir/made9A"
    rm -f "$dir/sig"
    tool --login --pin 123456 --sign --id 01 -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig" >/dev/null 2>&1
    try 'with which it signs' openssl dgst -sha256 -verify "$dir/made9A" -signature "$dir/sig" "$dir/text"
}

yk() { what=$1; shift; try "$what" timeout 100 yubico-piv-tool -r '' "$@"; }
yk_not() { what=$1; shift; try "$what" sh -c "! timeout 100 yubico-piv-tool -r '' $*"; }
yk_has() {          # yk_has <certificates> <what status says, too>
    yubico-piv-tool -r '' -a status > "$dir/status" && grep -q "$2" "$dir/status" &&
        [ "$(grep -c '^Slot' "$dir/status")" = "$1" ]
}
yk_can() { yubico-piv-tool --full-help | grep -q -e "$1"; }      # is there such an option or action?
yk_fill() {         # yk_fill <place> <algorithm> <option...>: a key is made, and has a certificate
    place=$1 algorithm=$2; shift 2
    yk "makes a key in $place: $algorithm" "$@" -a generate -s "$place" -A "$algorithm" -o "$dir/made$place"
    certify "$dir/made$place" "$dir/crt$place"
    yk 'writes its certificate' "$@" -a import-certificate -s "$place" -i "$dir/crt$place"
}
yk_import() {       # yk_import <place> <key>
    yk "imports a key to $1" -a import-key -s "$1" -i "$2"
    openssl pkey -in "$2" -pubout -out "$dir/made$1"
    certify "$dir/made$1" "$dir/crt$1"
    yk 'and its certificate' -a import-certificate -s "$1" -i "$dir/crt$1"
}
inside_ykinit() {   # yubico-piv-tool fills a YubiKey
    card extended yubikey blank
    module=$ykcs11
    printf 'witnessed' > "$dir/text"
    authority
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
    openssl ecparam -name secp384r1 -genkey -noout -out "$dir/ec384"
    try 'nothing is there' yk_has 0 'CHUID:.*No data'
    yk_not 'a wrong management key' --key=01020304050607080102030405060708010203040506070A -a set-chuid
    yk 'set-chuid' -a set-chuid
    yk 'set-ccc' -a set-ccc
    yk_fill 9a RSA2048
    yk_fill 9d ECCP384 --pin-policy=once --touch-policy=never
    yk_fill 9e ECCP256
    yk 'makes a key in 9c' -a generate -s 9c -A ECCP256 -o "$dir/made9c"
    certify "$dir/made9c" "$dir/crt"
    # (Not all can sign one: then no command for it comes to the card.)
    yubico-piv-tool -r '' -v2 -a verify-pin -P 123456 -a selfsign-certificate -s 9c -S '/CN=Self/' \
        -i "$dir/made9c" -o "$dir/self" > "$dir/said" 2>&1
    if grep -q '> 00 *87 *11' "$dir/said"; then
        cp "$dir/self" "$dir/crt"
        try 'signs its certificate' openssl verify -CAfile "$dir/crt" "$dir/crt"
    fi
    fits 'which is of that key' "$dir/made9c"
    yk 'writes it' -a import-certificate -s 9c -i "$dir/crt"
    yk 'and it is the key' -a verify-pin -P 123456 -a test-signature -s 9c -i "$dir/crt"
    yk_import 82 "$dir/rsa"
    yk_import 83 "$dir/ec"
    yk_import 84 "$dir/ec384"
    try 'seven are there' yk_has 7 'CHUID:.*3019'
    lists 7
    signs 01 SHA256-RSA-PKCS sha256
    signs 03 ECDSA-SHA384 sha384
    signs 04 ECDSA-SHA256 sha256
    signs 05 SHA256-RSA-PKCS sha256
    signs 06 ECDSA-SHA256 sha256
    signs 07 ECDSA-SHA384 sha384
    decrypts 05
    yk 'attests a key that was made' -a attest -s 9a -o "$dir/crt"
    fits 'by its own public key' "$dir/made9a"
    yk_not 'attests no key that was imported' -a attest -s 82
    yk 'delete-certificate' -a delete-certificate -s 82
    yk_not 'it is gone' -a read-certificate -s 82
    yk 'write-object' -a write-object --id 0x5fff10 -f binary -i "$dir/text"
    yk 'read-object' -a read-object --id 0x5fff10 -f binary -o "$dir/read"
    try 'what was written' cmp "$dir/text" "$dir/read"
    yk_secrets
}
yk_secrets() {
    new=0123456789ABCDEF1122334455667788FEDCBA9876543210
    yk 'set-mgm-key' -a set-mgm-key -n $new
    yk_not 'the old one is none' -a set-chuid
    yk 'the new one is' --key=$new -a set-chuid
    yk 'change-puk' -a change-puk -P 12345678 -N 87654321
    yk 'unblock-pin' -a unblock-pin -P 87654321 -N 654321
    yk 'verify-pin' -a verify-pin -P 654321
    yk 'pin-retries' --key=$new -a verify-pin -P 654321 -a pin-retries --pin-retries=2 --puk-retries=1
    yk 'which sets the PIN, too' -a verify-pin -P 123456
    yk_not 'reset, before all is blocked' -a reset
    yk_not 'a wrong PIN' -a verify-pin -P 111111
    yk_not 'another' -a verify-pin -P 111111
    yk_not 'which is blocked' -a verify-pin -P 123456
    yk_not 'reset, before the PUK is blocked' -a reset
    yk_not 'a wrong PUK' -a unblock-pin -P 11111111 -N 123456
    yk 'reset' -a reset
    try 'nothing is there' yk_has 0 'CHUID:.*No data'
    yk 'the first management key is it again' -a set-chuid
    yk 'and the first PIN' -a verify-pin -P 123456
}
inside_ykcs11() {   # the SO of ykcs11 is the management key
    card extended yubikey blank
    module=$ykcs11
    printf 'witnessed' > "$dir/text"
    for key in 01:rsa:2048 04:EC:secp256r1; do
        try "makes a key: $key" tool --login --login-type so \
            --so-pin 010203040506070801020304050607080102030405060708 --keypairgen --id ${key%%:*} \
            --key-type ${key#*:}
    done
    try 'not with another SO PIN' sh -c "! timeout 100 pkcs11-tool --module $module --login --login-type so \
        --so-pin 01020304050607080102030405060708010203040506070A --keypairgen --id 03 --key-type rsa:2048"
    for key in 01:SHA256-RSA-PKCS 04:ECDSA-SHA256; do
        try 'its public key' tool --read-object --type pubkey --id ${key%%:*} -o "$dir/pub"
        try 'signs' tool --login --pin 123456 --sign --id ${key%%:*} -m ${key#*:} --signature-format openssl \
            -i "$dir/text" -o "$dir/sig"
        try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pub" -keyform DER -signature "$dir/sig" \
            "$dir/text"
    done
}
inside_ykmove() {   # what this yubico-piv-tool can do with a YubiKey 5.7
    card extended 5.7 blank
    module=$ykcs11
    printf 'witnessed' > "$dir/text"
    authority
    try 'its version' sh -c "yubico-piv-tool -r '' -a version | grep -q '5\.7\.0'"
    yk_can new-key-algo || return 0     # it has no AES, with which a 5.7 begins
    yk_fill 9a ECCP256
    ! yk_can RSA3072 || yk_fill 9d RSA3072
    if yk_can ED25519; then
        yk 'makes a key: Ed25519' -a generate -s 9e -A ED25519 -o "$dir/made9e"
        try 'which it is' sh -c "openssl pkey -pubin -in $dir/made9e -text -noout | grep -qi ed25519"
    fi
    yk 'set-mgm-key' -a set-mgm-key -n 0102030405060708010203040506070801020304050607080102030405060709 \
        --new-key-algo=AES256
    yk 'the new one is it' --key=0102030405060708010203040506070801020304050607080102030405060709 -a set-chuid
    yk_can move-key || return 0
    key=--key=0102030405060708010203040506070801020304050607080102030405060709
    yk 'move-key' $key -a move-key -s 9a --to-slot=82
    yk 'the key is there' -a verify-pin -P 123456 -a test-signature -s 82 -i "$dir/crt9a"
    yk_not 'and no more where it was' -a verify-pin -P 123456 -a test-signature -s 9a -i "$dir/crt9a"
    yk 'delete-key' $key -a delete-key -s 82
    yk_not 'it is gone' -a verify-pin -P 123456 -a test-signature -s 82 -i "$dir/crt9a"
}

# ---- PKCS#15 ----

counts() {          # counts <pins> <private keys> <public keys> <certificates>: pkcs15-tool --dump shows as many
    try "pkcs15-tool --dump: $1 PINs, $2, $3 and $4 objects" sh -c "timeout 100 pkcs15-tool --dump > $dir/dumped &&
        [ \"\$(grep -c '^PIN' $dir/dumped) \$(grep -c '^Private' $dir/dumped) \$(grep -c '^Public' $dir/dumped) \
\$(grep -c '^X.509' $dir/dumped)\" = '$1 $2 $3 $4' ]"
}
certificates() {    # certificates <id...>: each can be read and fits its public key
    for id; do
        try "certificate $id fits its public key" sh -c "pkcs15-tool --read-certificate $id > $dir/crt &&
            openssl x509 -in $dir/crt -pubkey -noout > $dir/pem && pkcs15-tool --read-public-key $id > $dir/pub &&
            openssl pkey -pubin -in $dir/pub -pubout | cmp - $dir/pem"
    done
}
pins() {            # the PIN is changed, forgotten until it is blocked, and set with the PUK
    try 'changes the PIN' pkcs15-tool --change-pin --pin 123456 --new-pin 87654321
    try 'the old one is wrong' sh -c '! pkcs15-tool --verify-pin --pin 123456'
    try 'the new one is right' pkcs15-tool --verify-pin --pin 87654321
    try 'and back' pkcs15-tool --change-pin --pin 87654321 --new-pin 123456
}

isoapplet() {       # isoapplet <ec mechanism's hash>: what both API versions can
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q IsoApplet'
    counts 1 4 4 4
    try 'pkcs15-tool --list-keys' sh -c "[ \$(pkcs15-tool --list-keys | grep -c '^Private') = 4 ]"
    certificates 01 02 03 0a
    lists 4
    signs 01 SHA256-RSA-PKCS sha256
    signs 01 SHA512-RSA-PKCS sha512
    pins
}
isoapplet0() {
    isoapplet
    signs 02 ECDSA-SHA1 sha1
    signs 03 ECDSA-SHA1 sha1
    decrypts 01
    decrypts 0a
}
inside_isoapplet0() { card isoapplet0; isoapplet0; }
inside_isoshort()   { card isoapplet0 short; isoapplet0; }

# API v1 signs hashes. OpenSC 0.23 takes it for v0 and sends it the message: so it gets a hash as one. (It would
# chain to decrypt, which v1 refuses.) Later ones know it.
inside_isoapplet() {
    card isoapplet
    isoapplet
    for id in 02 03; do
        if tool -M | grep -q ECDSA-SHA256; then signs $id ECDSA-SHA256 sha256; continue; fi
        public_key $id
        openssl dgst -sha256 -binary "$dir/text" > "$dir/hash"
        rm -f "$dir/sig"
        try "signs a hash with $id" tool --login --pin 123456 --sign --id $id -m ECDSA-SHA1 \
            --signature-format openssl -i "$dir/hash" -o "$dir/sig"
        try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
    done
    try 'GET DATA tells API v1' sh -c 'opensc-tool -s 00A404000CF276A288BCFBA69D34F31001 -s 00CA010103 |
        grep -q "^01 00 2F"'
}

init() { try "pkcs15-init $1" timeout 100 pkcs15-init --so-pin 123456 --pin 123456 --auth-id ff "$@"; }
init_certificate() { # init_certificate <id> <public key>: a certificate by a test authority
    openssl x509 -req -in "$dir/csr" -force_pubkey "$2" -CA "$dir/ca" -CAkey "$dir/cakey" -CAcreateserial \
        -days 7300 -out "$dir/stored" 2>/dev/null
    init --store-certificate "$dir/stored" --id "$1"
}
inside_init() {     # pkcs15-init makes a card of an empty one
    card isoapplet0 empty
    module=$opensc
    printf 'witnessed' > "$dir/text"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/cakey" -out "$dir/ca" -subj '/CN=Test authority' \
        -days 7300 2>/dev/null
    openssl req -new -key "$dir/cakey" -subj '/O=scard11/CN=Stored' -out "$dir/csr"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
    try 'pkcs15-init --create-pkcs15' pkcs15-init --create-pkcs15 --so-pin 123456 --so-puk 1234567812345678 \
        --label 'Made by pkcs15-init'
    init --generate-key rsa/2048 --id 01 --label 'RSA made' --key-usage sign,decrypt
    init --generate-key ec/prime256v1 --id 02 --label 'EC made'
    init --store-private-key "$dir/rsa" --id 03 --label 'RSA stored' --key-usage sign,decrypt
    init --store-private-key "$dir/ec" --id 04 --label 'EC stored'
    init --store-data "$dir/text" --application-name scard11 --label 'Data'
    for id in 01 02 03 04; do
        pkcs15-tool --read-public-key $id > "$dir/made" 2>/dev/null
        init_certificate $id "$dir/made"
    done
    counts 1 4 4 4
    certificates 01 02 03 04
    for id in 01 03; do signs $id SHA256-RSA-PKCS sha256; decrypts $id; done
    for id in 02 04; do signs $id ECDSA-SHA1 sha1; done
    init --generate-key rsa/2048 --id 05 --label 'one more'
    try 'pkcs15-init deletes a key' pkcs15-init --delete-objects privkey,pubkey --id 05 --pin 123456 --so-pin 123456
    counts 1 4 4 4
    [ -z "${KEEP:-}" ] || { : > "$dir/dump"; sleep 1; cp "$dir/files" "$KEEP"; }
}

ciphers() {         # ciphers <id> <bits> <key file>: AES with a key of the card is what openssl's AES is
    iv=000102030405060708090a0b0c0d0e0f key=$(hex "$3")
    for m in ECB CBC CBC-PAD; do
        case $m in ECB) mode=ecb with='' pad=-nopad ;; CBC) mode=cbc with="-iv $iv" pad=-nopad ;;
            *) mode=cbc with="-iv $iv" pad='' ;; esac
        for n in 16 160 1008 1000; do
            [ "$n$pad" != 1000-nopad ] || continue
            head -c $n "$dir/long" > "$dir/clear"
            # shellcheck disable=SC2086
            openssl enc "-aes-$2-$mode" -K "$key" $with $pad -in "$dir/clear" -out "$dir/want"
            rm -f "$dir/cipher" "$dir/plain"
            try "encrypts $n bytes with $1 and AES-$m" tool --login --pin 123456 --encrypt --id "$1" -m "AES-$m" \
                --iv $iv -i "$dir/clear" -o "$dir/cipher"
            try 'what openssl encrypts' cmp "$dir/cipher" "$dir/want"
            [ "$(wc -c < "$dir/want")" -gt 16 ] || continue     # decryption: of two blocks and more
            try "decrypts $n bytes with $1 and AES-$m" tool --login --pin 123456 --decrypt --id "$1" -m "AES-$m" \
                --iv $iv -i "$dir/want" -o "$dir/plain"
            try 'what openssl encrypted' cmp "$dir/plain" "$dir/clear"
        done
    done
}

ciphers_des() {     # ciphers_des <id> <ede|ede3> <key file>: 3DES with a key of the card, by our module
    iv=0001020304050607 key=$(hex "$3")
    for m in ECB CBC CBC_PAD; do
        case $m in ECB) mode=-ecb with='' pad=-nopad ;; CBC) mode=-cbc with="-iv $iv" pad=-nopad ;;
            *) mode=-cbc with="-iv $iv" pad='' ;; esac
        [ "$2$mode" != ede-ecb ] || mode=''
        [ "$2$mode" != ede3-ecb ] || mode=''
        for n in 8 160 1008 1001; do
            [ "$n$pad" != 1001-nopad ] || continue
            head -c $n "$dir/long" > "$dir/clear"
            # shellcheck disable=SC2086
            openssl enc "-des-$2$mode" -K "$key" $with $pad -in "$dir/clear" -out "$dir/want"
            rm -f "$dir/cipher" "$dir/plain"
            try "encrypts $n bytes with $1 and DES3-$m" /usr/bin/python3 tests/pcsc/secret_key_crypt.py "$ours" 123456 "$1" \
                "DES3_$m" "$iv" encrypt "$dir/clear" "$dir/cipher"
            try 'what openssl encrypts' cmp "$dir/cipher" "$dir/want"
            try "decrypts $n bytes with $1 and DES3-$m" /usr/bin/python3 tests/pcsc/secret_key_crypt.py "$ours" 123456 "$1" \
                "DES3_$m" "$iv" decrypt "$dir/want" "$dir/plain"
            try 'what openssl encrypted' cmp "$dir/plain" "$dir/clear"
        done
    done
}

derives() {         # derives <id> <curve>: ECDH as openssl does it
    openssl ecparam -name "$2" -genkey -noout -out "$dir/peer"
    openssl pkey -in "$dir/peer" -pubout -outform DER -out "$dir/peer.der"
    public_key "$1"
    try "derives with $1" tool --login --pin 123456 --derive --id "$1" -m ECDH1-DERIVE -i "$dir/peer.der" -o "$dir/z"
    openssl pkeyutl -derive -inkey "$dir/peer" -peerkey "$dir/pem" -out "$dir/want"
    try 'what openssl derives' cmp "$dir/z" "$dir/want"
}

# MyEID: OpenSC knows it by its ATR.
myeid() {
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q MyEID'
    counts 2 "$1" "$1" "$1"
    certificates 01 02
    lists "$1"
    signs 01 SHA256-RSA-PKCS sha256
    signs 01 SHA512-RSA-PKCS sha512
    signs 02 ECDSA-SHA256 sha256
    decrypts 01
    derives 02 prime256v1
    pins
    try 'opensc-explorer' sh -c "printf 'cd 5015\ninfo 5031\nls\n' | opensc-explorer | grep -q 4402"
}
inside_myeid()   { card myeid classic; myeid 4; }
inside_myeidtwo() { card myeid classic two; myeid 2; }
inside_myeidinit() { # pkcs15-init makes a card of an empty one
    card myeid classic empty
    module=$opensc
    printf 'witnessed' > "$dir/text"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/cakey" -out "$dir/ca" -subj '/CN=Test authority' \
        -days 7300 2>/dev/null
    openssl req -new -key "$dir/cakey" -subj '/O=scard11/CN=Stored' -out "$dir/csr"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
    try 'pkcs15-init --erase-card' pkcs15-init --erase-card
    try 'pkcs15-init --create-pkcs15' pkcs15-init --create-pkcs15 --so-pin 87654321 --so-puk 12345678 \
        --label 'Made by pkcs15-init'
    try 'pkcs15-init --store-pin' pkcs15-init --store-pin --auth-id 01 --pin 123456 --puk 12345678 \
        --so-pin 87654321 --label 'User'
    try 'pkcs15-init --finalize' pkcs15-init --finalize
    myeid_init() { try "pkcs15-init $1" timeout 100 pkcs15-init --so-pin 87654321 --pin 123456 --auth-id 01 "$@"; }
    myeid_init --generate-key rsa/2048 --id 01 --label 'RSA made' --key-usage sign,decrypt
    myeid_init --generate-key ec/prime256v1 --id 02 --label 'EC made'
    myeid_init --store-private-key "$dir/rsa" --id 03 --label 'RSA stored' --key-usage sign,decrypt
    myeid_init --store-private-key "$dir/ec" --id 04 --label 'EC stored'
    myeid_init --store-data "$dir/text" --application-name scard11 --label 'Data'
    for id in 01 02 03 04; do
        pkcs15-tool --read-public-key $id > "$dir/made" 2>/dev/null
        openssl x509 -req -in "$dir/csr" -force_pubkey "$dir/made" -CA "$dir/ca" -CAkey "$dir/cakey" \
            -CAcreateserial -days 7300 -out "$dir/stored" 2>/dev/null
        myeid_init --store-certificate "$dir/stored" --id $id
    done
    counts 2 4 4 4
    certificates 01 02 03 04
    for id in 01 03; do signs $id SHA256-RSA-PKCS sha256; decrypts $id; done
    for id in 02 04; do signs $id ECDSA-SHA256 sha256; done
    head -c 1008 /dev/urandom > "$dir/long"
    for bits in 128 256; do
        head -c $((bits / 8)) /dev/urandom > "$dir/aes$bits"
        myeid_init --store-secret-key "$dir/aes$bits" --secret-key-algorithm aes/$bits --id "0$bits" --label "AES $bits"
        ciphers "0$bits" $bits "$dir/aes$bits"
        module=$ours
        ciphers "0$bits" $bits "$dir/aes$bits"
        module=$opensc
    done
    # This OpenSC makes the file of a 3DES key and its entry, and has no mechanism for it: the value is put in here.
    for bits in 128 192; do
        head -c $((bits / 8)) /dev/urandom > "$dir/des$bits"
        myeid_init --store-secret-key "$dir/des$bits" --secret-key-algorithm 3des/$bits --id "1$bits" \
            --label "3DES $bits"
        file=4D0$((bits / 64 + 1))
        value=$(printf %02X $((bits / 8)))$(hex "$dir/des$bits")
        try "the value goes into $file" sh -c "opensc-tool -s 00A40800045015$file -s 0020000108313233343536FFFF \
            -s 00DA01A0$value 2>/dev/null | tail -n 1 | grep -q 'SW1=0x90'"
    done
    ciphers_des 1128 ede "$dir/des128"
    ciphers_des 1192 ede3 "$dir/des192"
    try 'no AES without the PIN' sh -c "! timeout 100 pkcs11-tool --module $module --encrypt --id 0128 -m AES-ECB \
        -i $dir/long -o $dir/cipher"
    myeid_init --generate-key rsa/2048 --id 05 --label 'one more'
    try 'pkcs15-init deletes a key' pkcs15-init --delete-objects privkey,pubkey --id 05 --pin 123456 \
        --so-pin 87654321
    counts 2 4 4 4
    [ -z "${KEEP:-}" ] || { : > "$dir/dump"; sleep 1; cp "$dir/files" "$KEEP"; }
}

# The standard's card has no driver of its own in OpenSC: listed with the default one; the keys are used with a
# driver that does what the standard says, for this ATR.
inside_generic() {
    card generic extended no-indicator
    module=$opensc
    printf 'witnessed' > "$dir/text"
    opensc_driver 'enable_default_driver = true;'
    counts 2 4 4 4
    certificates 01 02 03 04
    pins
    opensc_driver 'card_atr 3b:85:80:01:80:73:c4:01:c0:f2 { driver = "MaskTech"; }'
    lists 4
    for id in 01 04; do
        public_key $id
        { printf '\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040'
            openssl dgst -sha256 -binary "$dir/text"; } > "$dir/info"
        rm -f "$dir/sig"
        try "signs with $id" tool --login --pin 123456 --sign --id $id -m RSA-PKCS -i "$dir/info" -o "$dir/sig"
        try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
    done
    decrypts 01
}

# What OpenSC's driver for cards that it does not know, which goes by the standard, creates, writes and deletes.
# (Whatever was wrong with reading or writing, it says that an offset was: there the status words are asked for.)
explore() {         # explore <what> <what it says> <command...>: opensc-explorer in the application's DF
    what=$1 says=$2; shift 2
    try "$what" sh -c "{ printf '%s\n' 'cd 5015'; cat; } | timeout 60 opensc-explorer > $dir/explored 2>&1
        tr '\n' '~' < $dir/explored | grep -q '$says' || { cat $dir/explored; false; }" <<-EOF
	$(for line; do echo "$line"; done)
	EOF
}
on_card() { rm -f "$dir/files"; tell dump; sleep 0.2; grep "^3f005015$1 " "$dir/files" | cut -d ' ' -f 2; }
pin='verify CHV129 31:32:33:34:35:36:FF:FF'
inside_generic_written() {
    card generic extended no-indicator arr pin-writes creates small dated spare padded
    opensc_driver 'enable_default_driver = true;'
    try 'lastUpdate' sh -c "pkcs15-tool --list-info 2>&1 | grep -q 'Last update *: 20240102030405Z'"
    explore 'EF.UnusedSpace' 'OCTET STRING.*3F 00 50 15 34 80.*INTEGER.*: 0.*Context 0.*: 0F A0' 'asn1 5033'
    explore 'no file without the PIN' 'Security status not satisfied' 'create 3700 900'
    explore 'no writing without the PIN' 'SW1=0x69, SW2=0x82' 'apdu 00A40000024404' 'apdu 00D600000130'
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key" -outform DER -out "$dir/der" -subj '/CN=Witness' \
        -days 7300 2>/dev/null
    n=$(wc -c < "$dir/der")
    explore 'creates a file' "bytes written to 3700.*File size: *$n bytes" "$pin" "create 3700 $n" \
        "put 3700 $dir/der" 'info 3700'
    try 'which is on the card' [ "$(on_card 3700)" = "$(hex "$dir/der")" ]
    explore 'not twice' 'File already exists' "$pin" 'create 3700 10'
    explore 'no more than there is room for' 'Not enough memory' "$pin" 'create 3701 500'
    # An entry of it in the CDF: label, ID, path
    was=$(on_card 4404 | sed 's/\(00\)*$//')
    { echo "$was" | sed 's/../\\x&/g'; printf '%s' '\x30\x1e\x30\x09\x0c\x07Witness\x30\x03\x04\x01\x09'
        printf '%s' '\xa1\x0c\x30\x0a\x30\x08\x04\x06\x3f\x00\x50\x15\x37\x00'; } | tr -d '\n' > "$dir/format"
    /usr/bin/printf "$(cat "$dir/format")" > "$dir/cdf"
    explore 'writes the CDF' 'bytes written to 4404' "$pin" "put 4404 $dir/cdf"
    counts 2 4 4 5
    try 'pkcs15-tool reads the certificate' sh -c "pkcs15-tool --read-certificate 09 2>/dev/null |
        openssl x509 -outform DER | cmp - $dir/der"
    explore 'takes its entry out' 'Total of 32 bytes written' "$pin" \
        "update_binary 4404 $((${#was} / 2)) $(printf "%064d" 0)"
    explore 'deletes the file' 'File not found' "$pin" 'rm 3700' 'info 3700'
    counts 2 4 4 4
    try 'which is no more on the card' [ -z "$(on_card 3700)" ]
    explore 'whose room is free again' 'size: *900 bytes' "$pin" 'create 3701 900' 'info 3701'
}
inside_generic_second() {   # the second PIN writes; a new file is to be activated; certificates are in one file
    card generic extended no-indicator compact second-writes creates-inactive one-file 6700-beyond
    opensc_driver 'enable_default_driver = true;'
    second='verify CHV130 36:35:34:33:32:31:FF:FF'
    counts 3 3 3 3
    certificates 01 02 03
    explore 'EF.UnusedSpace' 'OCTET STRING.*3F 00 50 15 34 00.*Context 0.*: 0F A0' 'asn1 5033'
    explore 'not by the PIN' 'Security status not satisfied' "$pin" 'create 3700 20'
    explore 'creates a file' 'Total of 3 bytes written.*Life cycle: *Creation' "$second" 'create 3700 20' \
        'update_binary 3700 0 010203' 'info 3700'
    explore 'which cannot be read' 'SW1=0x69, SW2=0x85' "$second" 'apdu 00A4000C023700' 'apdu 00B0000003'
    explore 'until it is activated' '01 02 03.*Operational, activated' "$second" 'apdu 00440000023700' 'cat 3700' 'info 3700'
    explore 'not over its end' 'SW1=0x67, SW2=0x00' "$second" 'apdu 00A4000C023700' 'apdu 00D60013020102'
    explore 'deletes it' 'File not found' "$second" 'rm 3700' 'info 3700'
}
inside_generic_bits() {     # it takes 32 bytes at a time, and keeps what was made
    card generic extended no-indicator arr-se all-write creates filled no-delete bits read-only fixed-directories fixed-info
    opensc_driver 'enable_default_driver = true;'
    head -c 100 /dev/urandom > "$dir/long"
    try 'it is read-only' sh -c "pkcs15-tool --list-info 2>&1 | grep -q 'Flags.*Read-only'"
    explore 'not all at once' 'SW1=0x67, SW2=0x00' 'create 3700 100' 'apdu 00A4000C023700' "apdu 00D6000064$(hex "$dir/long")"
    explore 'it is full of something' 'A5 A5 A5' 'cat 3700'
    explore 'but in pieces' 'Total of 32 bytes written' \
        "update_binary 3700 0 $(hex "$dir/long" | cut -c 1-64)"
    explore 'cannot delete' 'Unsupported INS' 'rm 3700'
    for file in 4404 5031 5032; do explore "nobody writes $file" 'SW1=0x69, SW2=0x82' "apdu 00A4000C02$file" \
        'apdu 00D600000130'; done
    counts 2 4 4 4
}

hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
apdus() {           # apdus <apdu...>: the last answer's bytes go to $dir/answer
    set -- $(for apdu; do echo "-s $apdu"; done)
    opensc-tool "$@" 2>/dev/null | awk '/^Received/ { n = 0; delete line } /^[0-9A-F][0-9A-F] / {
        line[n++] = substr($0, 1, 48) } END { for (i = 0; i < n; i++) print line[i] }' |
        tr -d ' \n' | tr a-f A-F > "$dir/hex"
    : > "$dir/answer"
    for byte in $(sed 's/../& /g' "$dir/hex"); do printf "\\$(printf %o "0x$byte")" >> "$dir/answer"; done
    [ -s "$dir/answer" ]
}
inside_raw() {      # its EC keys and PSS, by commands of the standard
    card generic der extended
    opensc_driver 'enable_default_driver = true;'
    printf 'witnessed' > "$dir/text"
    openssl dgst -sha256 -binary "$dir/text" > "$dir/hash"
    select=00A404000CA000000063504B43532D313500 verify=0020008108313233343536FFFF
    for key in 02 03; do
        pkcs15-tool --read-public-key $key > "$dir/pem" 2>/dev/null
        try "ECDSA with key $key" apdus $select $verify "002241B6068001048401$key" "002A9E9A20$(hex "$dir/hash")00"
        try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/answer" "$dir/text"
    done
    pkcs15-tool --read-public-key 01 > "$dir/pem" 2>/dev/null
    try 'PSS' apdus $select $verify 002241B606800106840101 "002A9E9A20$(hex "$dir/hash")00"
    try 'which openssl verifies' openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify "$dir/pem" \
        -signature "$dir/answer" "$dir/text"
    pkcs15-tool --read-public-key 03 > "$dir/pem" 2>/dev/null
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$dir/peer"
    openssl pkey -in "$dir/peer" -pubout -outform DER | tail -c 97 > "$dir/point"
    openssl pkeyutl -derive -inkey "$dir/peer" -peerkey "$dir/pem" -out "$dir/secret"
    try 'ECDH' apdus $select $verify 002241A406800105840103 "00860000657C638561$(hex "$dir/point")00"
    try 'which openssl derives too' sh -c "tail -c 48 $dir/answer | cmp - $dir/secret"
}

# ---- eID cards ----

# Two PINs: OpenSC shows a slot for each, and wants PIN2 again for each signature with its key.
inside_esteid() {
    card esteid
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q "EstEID 2018"'
    counts 3 2 0 2
    try 'the document number' sh -c "pkcs15-tool --list-info 2>/dev/null | grep -q AS0001111"
    for id in 01 02; do
        pkcs15-tool --read-certificate $id > "$dir/crt$id" 2>/dev/null
        openssl x509 -in "$dir/crt$id" -pubkey -noout > "$dir/pem$id"
    done
    for slot in 0 1; do
        id=0$((slot + 1)) pin=$([ $slot = 0 ] && echo 123456 || echo 654321)
        rm -f "$dir/sig"
        try "signs with $id" tool --slot-index $slot --login --pin "$pin" --sign --id $id -m ECDSA-SHA384 \
            --signature-format openssl -i "$dir/text" -o "$dir/sig"
        try 'which openssl verifies' openssl dgst -sha384 -verify "$dir/pem$id" -signature "$dir/sig" "$dir/text"
    done
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$dir/peer" 2>/dev/null
    openssl pkey -in "$dir/peer" -pubout -outform DER > "$dir/point"
    openssl pkeyutl -derive -inkey "$dir/peer" -peerkey "$dir/pem01" -out "$dir/secret"
    try 'derives' tool --slot-index 0 --login --pin 123456 --derive --id 01 -m ECDH1-DERIVE -i "$dir/point" \
        -o "$dir/derived"
    try 'what openssl derives' cmp "$dir/secret" "$dir/derived"
    for auth in 01 02; do
        pin=$([ $auth = 01 ] && echo 123456 || echo 654321)
        try "changes PIN $auth" pkcs15-tool --auth-id $auth --change-pin --pin "$pin" --new-pin 13579
        try 'and back' pkcs15-tool --auth-id $auth --change-pin --pin 13579 --new-pin "$pin"
        for _ in 1 2 3; do pkcs15-tool --auth-id $auth --verify-pin --pin 111111 >/dev/null 2>&1; done
        try "PIN $auth is blocked" sh -c "! pkcs15-tool --auth-id $auth --verify-pin --pin $pin"
        try 'the PUK frees it' pkcs15-tool --auth-id $auth --unblock-pin --puk 12345678 --new-pin "$pin"
        try 'so that it is right again' pkcs15-tool --auth-id $auth --verify-pin --pin "$pin"
    done
}

# (This OpenSC has no window to ask for the PIN of the key for signatures: it refuses that one.)
inside_belpic() {
    card belpic
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q Belpic'
    counts 1 2 0 4
    try 'its label' sh -c 'pkcs15-tool --list-info 2>/dev/null | grep -q BELPIC'
    lists 4
    pkcs15-tool --read-certificate 02 2>/dev/null | openssl x509 -pubkey -noout > "$dir/pem"
    for hash in sha1 sha256; do
        rm -f "$dir/sig"
        try "signs with $hash" tool --login --pin 123456 --sign --id 02 -m "$(echo $hash | tr a-z A-Z)-RSA-PKCS" \
            -i "$dir/text" -o "$dir/sig"
        try 'which openssl verifies' openssl dgst -$hash -verify "$dir/pem" -signature "$dir/sig" "$dir/text"
    done
    pins
    try 'reads the identity file' apdus 00A4080C063F00DF014031 00B0000000
    try 'which has a name' grep -q SPECIMEN "$dir/answer"
    pkcs15-tool --read-certificate 03 2>/dev/null | openssl x509 -pubkey -noout > "$dir/pem"
    { printf '\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040'
        openssl dgst -sha256 -binary "$dir/text"; } > "$dir/info"
    try 'MSE, PIN, signature with key 83' apdus 00A4080C043F00DF00 002241B6050480018483 \
        002000010826123456FFFFFFFF "002A9E9A33$(hex "$dir/info")00"
    try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/answer" "$dir/text"
}

# ---- SmartCard-HSM ----

schsm_counts() {    # OpenSC 0.23 shows the card's own key, too, whose ID is all 00; a later one passes over it
    own=0
    ! pkcs15-tool --list-keys 2>/dev/null | grep -q 'ID *: 0\{40\}$' || own=1
    counts 2 $((5 + own)) $((3 + own)) 3
}
schsm() {
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q SmartCard-HSM'
    try 'sc-hsm-tool' sh -c 'sc-hsm-tool 2>/dev/null | tr -s " " | grep -q "SO-PIN tries left : 15"'
    schsm_counts
    certificates 01 03
    lists 3
    signs 01 SHA256-RSA-PKCS sha256
    signs 01 SHA512-RSA-PKCS sha512
    signs 03 ECDSA-SHA256 sha256
    decrypts 01
    pins
    try 'reads data' sh -c "pkcs15-tool --read-data-object Secret --verify-pin --pin 123456 | grep -q \
        '77 69 74 68 20 74 68 65 20 50 49 4E'"
}
inside_schsm()      { card schsm; schsm; }
# (OpenSC asks for the list in extended length only, and takes both coordinates from the answer to ECDH, as CardContact's gives them.)
inside_schsmcc()    { card schsm cardcontact; module=$opensc; printf 'witnessed' > "$dir/text"; schsm_counts
    signs 01 SHA256-RSA-PKCS sha256; decrypts 01; derives 03 prime256v1; }
answers() {         # answers <apdu...>: the answers' bytes go to $dir/answer1, 2 ...
    set -- $(for apdu; do echo "-s $apdu"; done)
    opensc-tool "$@" 2>/dev/null > "$dir/said"
    awk -v to="$dir/hex" '
        function end() { if (n == 1) one = substr(one, 1, int(length(one) / 4) * 3); if (at) print (n == 1 ? one : all) > (to at) }
        /^Sending/ { end(); at++; n = 0; all = one = "" }
        /^[0-9A-F][0-9A-F] / { n++; one = $0; all = all substr($0, 1, 48) }     # a line alone is not filled
        END { end() }' "$dir/said"
    n=0
    while n=$((n + 1)); [ -e "$dir/hex$n" ]; do
        /usr/bin/printf "$(tr -d ' \n' < "$dir/hex$n" | sed 's/../\\x&/g')" > "$dir/answer$n"
    done
    [ "$(grep -c 'SW1=0x90' "$dir/said")" = $(($# / 2)) ]
}
verified() {        # verified <number> <option of openssl dgst...>: is an answer a signature of the text by $dir/pem?
    answer=$dir/answer$1; shift
    try "openssl verifies $*" openssl dgst "$@" -verify "$dir/pem" -signature "$answer" "$dir/text"
}
encrypted() {       # encrypted <plain> <options of openssl pkeyutl...>
    plain=$1; shift
    openssl pkeyutl -encrypt -pubin -inkey "$dir/pem" -in "$plain" "$@" | od -An -v -tx1 | tr -d ' \n'
}
hashes='sha1 sha224 sha256 sha384 sha512'
inside_schsmraw() { # every algorithm, by commands
    card schsm
    module=$opensc
    printf 'witnessed' > "$dir/text"
    text=$(hex "$dir/text") hash=$(openssl dgst -sha256 -r "$dir/text" | cut -c 1-64)
    public_key 01
    head -c 256 /dev/zero | tr '\0' '\1' > "$dir/block"
    printf 'aes key of the simulated SC-HSM.' > "$dir/aes"
    head -c 960 /dev/urandom > "$dir/long"
    set -- 00A404000BE82B0601040181C31F020100 0020008106313233343536
    for n in 1 2 3 4 5; do set -- "$@" "8068013${n}000009${text}0000" "8068014${n}000009${text}0000" "8068027${n}09${text}00"; done
    set -- "$@" "80680140000020${hash}0000" \
        "80620121000100$(encrypted "$dir/block" -pkeyopt rsa_padding_mode:none)0000" \
        "80620122000100$(encrypted "$dir/text" -pkeyopt rsa_padding_mode:pkcs1)0000" \
        "80620123000100$(encrypted "$dir/text" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256)0000" \
        "807806100003C0$(hex "$dir/long")0000" "807806110003C0$(hex "$dir/long")0000" "8078061809${text}00"
    try 'every algorithm' answers "$@"
    n=3
    for hash in $hashes; do verified $n -$hash; verified $((n + 1)) -$hash -sigopt rsa_padding_mode:pss; n=$((n + 3)); done
    verified 18 -sha256 -sigopt rsa_padding_mode:pss
    public_key 03
    n=5
    for hash in $hashes; do verified $n -$hash; n=$((n + 3)); done
    try 'decrypts a block' cmp "$dir/answer19" "$dir/block"
    for n in 20 21; do try 'decrypts' cmp "$dir/answer$n" "$dir/text"; done
    n=22
    for way in e d; do
        openssl enc -$way -aes-256-cbc -nopad -K "$(hex "$dir/aes")" -iv 00000000000000000000000000000000 \
            -in "$dir/long" -out "$dir/want"
        try 'AES is what openssl does' cmp "$dir/answer$n" "$dir/want"
        n=$((n + 1))
    done
    try 'CMAC is what openssl does' [ "$(openssl mac -cipher AES-256-CBC -macopt "hexkey:$(hex "$dir/aes")" \
        -in "$dir/text" CMAC | tr A-F a-f)" = "$(hex "$dir/answer24")" ]
}
schsm_made() {      # schsm_made <id> <mechanism>: a key without certificate signs
    rm -f "$dir/sig" "$dir/pub"
    try "public key $1" tool --read-object --type pubkey --id "$1" -o "$dir/pub"
    try "signs with $1" tool --login --pin 648219 --sign --id "$1" -m "$2" --signature-format openssl \
        -i "$dir/text" -o "$dir/sig"
    try 'which openssl verifies' openssl dgst -sha256 -verify "$dir/pub" -keyform DER -signature "$dir/sig" "$dir/text"
}
inside_schsminit() { # sc-hsm-tool initialises a card; keys are made, wrapped, deleted and unwrapped
    card schsm cardcontact blank
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'it has no PIN' sh -c '! pkcs15-tool --verify-pin --pin 648219'
    try 'sc-hsm-tool --initialize' sc-hsm-tool --initialize --so-pin 3537363231383830 --pin 648219 --dkek-shares 1 \
        --label 'Made by sc-hsm-tool'
    try 'its label' sh -c "timeout 100 pkcs11-tool --module $module -L | grep -q 'Made by sc-hsm-tool'"
    if [ -n "${LONG:-}" ]; then     # its password is hashed for ten seconds
        try 'a DKEK share' sc-hsm-tool --create-dkek-share "$dir/share" --password secret1
        try 'its import' sc-hsm-tool --import-dkek-share "$dir/share" --password secret1
    else
        try 'a DKEK share' apdus 00A404000BE82B0601040181C31F020100 8052000020$(openssl rand -hex 32)00
    fi
    try 'its check value' sh -c 'sc-hsm-tool 2>/dev/null | grep "check value" | grep -qv 0000000000000000'
    n=0x20
    for type in rsa:2048 EC:prime256v1 EC:brainpoolP256r1; do
        n=$((n + 1))
        try "makes a key: $type" tool --login --pin 648219 --keypairgen --key-type $type --id "$(printf %02x $n)" \
            --label "$type"
    done
    schsm_made 21 SHA256-RSA-PKCS
    schsm_made 22 ECDSA-SHA256
    schsm_made 23 ECDSA-SHA256
    for n in 1 2; do
        try "wraps key $n" sc-hsm-tool --wrap-key "$dir/blob$n" --key-reference $n --pin 648219
        try "deletes key $n" tool --login --pin 648219 --delete-object --type privkey --id 2$n
        try 'it is gone' sh -c "! timeout 100 pkcs11-tool --module $module --login --pin 648219 --sign --id 2$n \
            -m SHA256-RSA-PKCS -i $dir/text -o $dir/sig"
        try "unwraps key $n" sc-hsm-tool --unwrap-key "$dir/blob$n" --key-reference $((n + 6)) --pin 648219
    done
    schsm_made 21 SHA256-RSA-PKCS
    schsm_made 22 ECDSA-SHA256
    try 'the SO sets the PIN' tool --login --login-type so --so-pin 3537363231383830 --init-pin --new-pin 123456
    try 'which is right' pkcs15-tool --verify-pin --pin 123456
    try 'writes data' tool --login --pin 123456 --write-object "$dir/text" --type data --label Data
    try 'and reads it' sh -c "pkcs15-tool --read-data-object Data | grep -q '77 69 74 6E 65 73 73 65 64'"
}

# ---- GIDS ----

gids() {
    module=$opensc
    printf 'witnessed' > "$dir/text"
    try 'opensc-tool -n' sh -c 'opensc-tool -n | grep -q GIDS'
    counts 1 "$1" "$1" "$2"
    certificates 00 01
    lists 2
    for id in 00 01; do signs $id SHA256-RSA-PKCS sha256; done
    signs 00 SHA512-RSA-PKCS sha512
    decrypts 00
}
inside_gids()       { card gids; gids 2 2; pins; }
inside_gidspieces() { card gids pieces no-certificate; module=$opensc; printf 'witnessed' > "$dir/text"; counts 1 3 3 2
    signs 01 SHA256-RSA-PKCS sha256; decrypts 00; }
gids_admin=000000000000000000000000000000000000000000000000
inside_gidsinit() { # gids-tool initialises a card; a key is made, another one is imported with its certificate
    card gids empty
    module=$opensc
    printf 'witnessed' > "$dir/text"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key" -outform DER -out "$dir/crt1" -subj '/CN=Imported' \
        -days 7300 2>/dev/null
    openssl rsa -in "$dir/key" -outform DER -out "$dir/key1" 2>/dev/null
    try 'gids-tool --initialize' gids-tool --initialize --pin 123456 --admin-key $gids_admin \
        --serial 00112233445566778899AABBCCDDEEFF
    try 'makes a key' tool --login --pin 123456 --keypairgen --key-type rsa:2048 --id 00
    try 'imports a key' tool --login --pin 123456 --write-object "$dir/key1" --type privkey --id 01 --usage-sign \
        --usage-decrypt
    try 'and its certificate' tool --login --pin 123456 --write-object "$dir/crt1" --type cert --id 01
    counts 1 2 2 1
    certificates 01
    signs 01 SHA256-RSA-PKCS sha256
    decrypts 01
    for _ in 1 2 3; do try 'a wrong PIN' sh -c '! pkcs15-tool --verify-pin --pin 654321'; done
    try 'which is blocked' sh -c '! pkcs15-tool --verify-pin --pin 123456'
    try 'unblocks the PIN' gids-tool --unblock --pin 87654321 --admin-key $gids_admin
    try 'which is another' pkcs15-tool --verify-pin --pin 87654321
    try 'another key of the administrator' gids-tool --change-admin-key --admin-key $gids_admin \
        --new-admin-key 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
    try 'the old one is none' sh -c "! gids-tool --unblock --pin 123456 --admin-key $gids_admin"
    try 'the new one is' gids-tool --unblock --pin 123456 \
        --admin-key 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
}

# ---- CAC ----

cac() {             # cac <option of the card...>: OpenSC knows it, lists it, signs and decrypts with each key
    card cac "$@"
    module=$opensc
    printf 'witnessed' > "$dir/text"
    lists 3
    for id in $(sed -n '/^Certificate Object/,$s/^ *ID: *//p' "$dir/objects" | sort -u); do
        signs "$id" SHA256-RSA-PKCS sha256
        decrypts "$id"
    done
}
inside_cac()    { cac; }
inside_cacaca() { cac no-ccc gzip whole; }
inside_cacalt() { cac pki-only first small; }

# ---- OpenPGP ----

inside_openpgp() {  # as OpenSC and openpgp-tool see it
    card openpgp cardholder
    gpg_begin pcsc-shared
    module=$opensc
    try 'gpg --card-status' gpg_says 'Name of cardholder: Card Holder'
    try 'its keys' gpg_says 'Key attributes ...: rsa2048 rsa2048 nistp256'
    gpg_end
    try 'openpgp-tool -U' sh -c "openpgp-tool -U | grep -q 'https://example.org/key.asc'"
    try 'openpgp-tool -d 1' sh -c "openpgp-tool -d 1 2>/dev/null | grep -q 'anyone may read'"
    try 'openpgp-tool verifies PW1' openpgp-tool --verify CHV1 --pin 123456
    try 'openpgp-tool verifies PW3' openpgp-tool --verify CHV3 --pin 12345678
    try 'openpgp-tool refuses a wrong one' sh -c '! openpgp-tool --verify CHV1 --pin 111111'
    counts 3 3 3 3
    certificates 01 02 03
    lists 2
    signs 03 ECDSA-SHA256 sha256
    decrypts 02
    pkcs15-tool --read-certificate 03 > "$dir/crt" 2>/dev/null
    tool() { timeout 100 pkcs11-tool --module "$module" --slot-index 1 "$@"; }   # of the PIN for signatures
    signs 01 SHA256-RSA-PKCS sha256
}
inside_openpgprsa() {
    card openpgp empty pieces
    gpg_begin pcsc-shared
    gpg_generate
    gpg_uses
    try 'gpg wants a PIN for each signature' gpg_edit forcesig
    try 'gpg signs' timeout 100 gpg -o "$dir/text.once" --detach-sign "$dir/text"
    try 'and again' timeout 100 gpg -o "$dir/text.twice" --detach-sign "$dir/text"
    try 'gpg resets it' gpg_edit factory-reset y yes
    try 'so that no key is there' gpg_says '^Signature key ....: .none.'
    gpg_end
}
inside_openpgpec() { # Gnuk's way: short commands, Curve25519, PINs derived
    card openpgp empty short
    gpg_begin pcsc-shared
    try 'gpg kdf-setup' gpg_edit kdf-setup
    try 'which is on' gpg_says 'KDF setting ......: on'
    try 'gpg key-attr' gpg_edit key-attr 2 1 2 1 2 1
    gpg_generate
    try 'ed25519 and cv25519' gpg_says 'Key attributes ...: ed25519 cv25519 ed25519'
    gpg_uses
    gpg_end
}

# Other ways to write the files. (OpenSC reads no objects inside the ODF, nothing past a deleted record, and
# overlooks the curve beside an ECPoint.)
files_like() {
    name=$1; shift
    eval "inside_$name() { card generic $*; opensc_driver 'enable_default_driver = true;'; counts 2 4 4 4
        certificates 01 02 03 04; }"
}
files_like gpieces pieces
files_like gt0 t0
inside_inline() {   # pkcs15-tool cannot read such an EC key, the module can
    card generic inline
    module=$opensc
    opensc_driver 'enable_default_driver = true;'
    counts 2 4 4 4
    certificates 01 04
    lists 4
    for id in 02 03; do
        public_key $id
        openssl pkey -pubin -in "$dir/pem" -outform DER | tail -c 64 > "$dir/point"
        try "public key $id fits its certificate" grep -q "EC_POINT: .*$(hex "$dir/point")" "$dir/objects"
    done
}
files_like wholepath whole-path padded-ff
files_like relative relative by-curve no-dir
files_like records records negative padded

run_inside "$@"
for part in ${PARTS:-extended pieces t0 gzip pivinit yubico ykinit ykcs11 ykmove cac cacaca cacalt esteid belpic isoapplet0 isoshort isoapplet init myeid myeidtwo myeidinit generic generic_written generic_second generic_bits raw schsm schsmcc schsmraw schsminit gids gidspieces gidsinit gpieces gt0 inline wholepath relative records openpgp openpgprsa openpgpec}; do
    case $part in yubico | yk*) in_lab $part 'Yubico Virtual PCD' ;; *) in_lab $part 'Virtual PCD' ;; esac
done
sum_up
