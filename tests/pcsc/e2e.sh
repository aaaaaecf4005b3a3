#!/bin/sh
# e2e.sh: build/scard11.so through a real pcscd, with programs that people have: pkcs11-tool, ssh-keygen,
# p11tool, openssl, ssh. The cards are simulated, on a virtual reader. What pkcs11-tool writes on a
# blank one is read and used by OpenSC's module and tools, sc-hsm-tool, yubico-piv-tool and ykcs11, which know nothing
# of scard11.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc gnutls-bin openssh-client openssl valgrind libssl-dev openssh-server
# Packages: python3-pykcs11 yubico-piv-tool ykcs11 gnupg scdaemon
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
. tests/pcsc/gpg.sh
module=$OUT/scard11.so
tool() { timeout 60 pkcs11-tool --module "$module" "$@"; }
signed() { tool --login --pin 123456 --sign "$@"; }
key_of() {      # key_of <id> <file>: the public key in the certificate of that CKA_ID
    tool --read-object --type cert --id "$1" -o "$dir/crt.der" >/dev/null 2>&1 &&
        openssl x509 -inform DER -in "$dir/crt.der" -pubkey -noout > "$2"
}

# ---- RSA-2048 in 9A and 9D, P-256 in 9C and 9E ----
inside_first() {
    card extended
    printf 'signed end to end' > "$dir/text"
    try 'pkcs11-tool -L' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'PIV 317790a4'"
    try 'token info takes at most 4 commands' test "$(commands)" -le 4
    try 'pkcs11-tool -O' sh -c "timeout 60 pkcs11-tool --module $module -O > $dir/objects &&
        [ \$(grep -c '^Certificate Object' $dir/objects) = 4 ] &&
        [ \$(grep -c '^Public Key Object' $dir/objects) = 4 ]"
    before=$(commands)
    try 'login and a signature' signed --id 01 -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    echo "    $(($(commands) - before)) commands"
    try 'its key' key_of 01 "$dir/01.pem"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/01.pem" -signature "$dir/sig" "$dir/text"
    its=$OUT/examples/module.so         # examples/module
    try 'a module of one'"'"'s own' sh -c "timeout 60 pkcs11-tool --module $its -I | grep -q 'Cards of Example'"
    try 'it signs' timeout 60 pkcs11-tool --module "$its" --login --pin 123456 --sign --id 01 -m SHA256-RSA-PKCS \
        -i "$dir/text" -o "$dir/its"
    try 'the same' cmp "$dir/sig" "$dir/its"
    try 'PSS' signed --id 01 -m SHA256-RSA-PKCS-PSS --salt-len 32 -i "$dir/text" -o "$dir/pss"
    try 'openssl verifies it' openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
        -verify "$dir/01.pem" -signature "$dir/pss" "$dir/text"
    try 'EC, the PIN each time (9C)' signed --id 02 -m ECDSA-SHA256 --signature-format openssl \
        -i "$dir/text" -o "$dir/ec"
    key_of 02 "$dir/02.pem"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/02.pem" -signature "$dir/ec" "$dir/text"
    try 'EC (9E)' signed --id 04 -m ECDSA-SHA256 --signature-format openssl -i "$dir/text" -o "$dir/ec"
    key_of 04 "$dir/04.pem"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/04.pem" -signature "$dir/ec" "$dir/text"
    key_of 03 "$dir/03.pem"
    openssl pkeyutl -encrypt -pubin -inkey "$dir/03.pem" -in "$dir/text" -out "$dir/cipher"
    try 'decryption' tool --login --pin 123456 --decrypt --id 03 -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain"
    try 'of what openssl encrypted' cmp "$dir/text" "$dir/plain"
    openssl pkeyutl -encrypt -pubin -inkey "$dir/03.pem" -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt rsa_oaep_md:sha256 -in "$dir/text" -out "$dir/cipher"
    try 'OAEP' tool --login --pin 123456 --decrypt --id 03 -m RSA-PKCS-OAEP --hash-algorithm SHA256 \
        -i "$dir/cipher" -o "$dir/plain"
    try 'of what openssl encrypted' cmp "$dir/text" "$dir/plain"
    try 'a wrong PIN is refused' sh -c "! timeout 60 pkcs11-tool --module $module --login --pin 111111 -O"
    try 'a report of the card' sh -c "timeout 60 '$OUT/examples/report' > '$dir/report' &&
        grep -q '^# 0 answers 6982' '$dir/report' && ! grep -q 9F025D38317790A4 '$dir/report'"
    try 'a PIN is changed' tool --login --pin 123456 --change-pin --new-pin 654321
    try 'and back' tool --login --pin 654321 --change-pin --new-pin 123456
    tool --test --login --pin 123456 > "$dir/test" 2>&1
    try 'pkcs11-tool --test --login' grep -q '^No errors' "$dir/test"
    try 'ssh-keygen -D' sh -c "ssh-keygen -D $module | grep -c 'ssh-rsa\|ecdsa' | grep -q '^4\$'"
    try 'p11tool --list-all' sh -c "p11tool --provider=$module --list-all 'pkcs11:token=PIV%20317790a4' |
        grep -c '^Object' | grep -q '^1[0-9]'"
    try 'p11tool --list-all --login' sh -c "GNUTLS_PIN=123456 p11tool --provider=$module --login --list-privkeys \
        'pkcs11:token=PIV%20317790a4' | grep -c 'Private key' | grep -q '^4\$'"
    try 'the log' env SCARD11_LOG="$dir/log" pkcs11-tool --module "$module" --login --pin 123456 -O
    try 'shows commands' grep -q '00a40400' "$dir/log"
    try 'and no PIN' sh -c "! grep -qi '313233343536' $dir/log"
    try 'SCARD11_READERS' sh -c "! SCARD11_READERS=Nothing pkcs11-tool --module $module -L | grep -q Virtual"
    try 'SCARD11_EXCLUSIVE' env SCARD11_EXCLUSIVE=1 pkcs11-tool --module "$module" --login --pin 123456 --sign \
        --id 01 -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    try 'valgrind finds nothing' valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$OUT/examples/sign" 123456
    try 'a transaction of another program holds up no answer from memory' "$lab/held"
    try 'examples/list' sh -c "$OUT/examples/list | grep -q 'Key Management, ID 03'"
    try 'only C_* and scard11_* are exported' sh -c "nm -D --defined-only $module > $dir/names &&
        grep -q ' C_GetFunctionList\$' $dir/names && ! grep -qv ' [A-Z] \(C_\|scard11_\)' $dir/names"
    try 'a host with functions of the same names' sh -c "$CC -std=c99 -rdynamic tests/pcsc/host_with_pkcs11.c -ldl -o $dir/host &&
        $dir/host $module"
    # Events: a removal, an insertion and a swap while a program waits.
    "$OUT/examples/wait" 4 > "$dir/waited" 2>&1 &
    waiter=$!
    sleep 1
    tell remove; sleep 1.2; tell insert; sleep 1.5; tell swap; sleep 3
    try 'a waiting program ends after its events' wait $waiter
    try 'it saw the removal' grep -q 'slot 0: empty' "$dir/waited"
    try 'the card come back' sh -c "[ \$(grep -c 'PIV 317790a4' $dir/waited) -ge 2 ]"
    try 'and the other card' grep -q 'PIV 317790a5' "$dir/waited"
    try 'the other card signs' signed --id 01 -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    try 'with its own key' sh -c "! openssl dgst -sha256 -verify $dir/01.pem -signature $dir/sig $dir/text"
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}

# ---- P-384 in 9A, RSA-2048 in 9C, P-256 in 9D, on a card with short commands and answers in pieces ----
inside_second() {
    card ec pieces
    printf 'signed end to end' > "$dir/text"
    key_of 01 "$dir/01.pem"
    try 'P-384' signed --id 01 -m ECDSA-SHA384 --signature-format openssl -i "$dir/text" -o "$dir/ec"
    try 'openssl verifies it' openssl dgst -sha384 -verify "$dir/01.pem" -signature "$dir/ec" "$dir/text"
    key_of 02 "$dir/02.pem"
    try 'RSA, the PIN each time' signed --id 02 -m SHA512-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    try 'openssl verifies it' openssl dgst -sha512 -verify "$dir/02.pem" -signature "$dir/sig" "$dir/text"
    key_of 03 "$dir/03.pem"
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/peer.pem"
    openssl pkey -in "$dir/peer.pem" -pubout -outform DER -out "$dir/peer.der"
    try 'ECDH' tool --login --pin 123456 --derive -m ECDH1-DERIVE --id 03 -i "$dir/peer.der" -o "$dir/secret"
    openssl pkeyutl -derive -inkey "$dir/peer.pem" -peerkey "$dir/03.pem" -out "$dir/expected"
    try 'openssl derives the same' cmp "$dir/secret" "$dir/expected"
    tool --test --login --pin 123456 > "$dir/test" 2>&1
    try 'pkcs11-tool --test --login' grep -q '^No errors' "$dir/test"
}

# ---- A chip with PIV and OpenPGP: a slot for each ----
slot_signs() {  # slot_signs <slot>: RSA, by its first key, and openssl verifies it
    at=$1
    try "slot $at signs" tool --slot "$at" --login --pin 123456 --sign --id 01 -m SHA256-RSA-PKCS \
        -i "$dir/text" -o "$dir/sig"
    try 'its certificate' tool --slot "$at" --read-object --type cert --id 01 -o "$dir/crt.der"
    openssl x509 -inform DER -in "$dir/crt.der" -pubkey -noout > "$dir/$at.pem"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/$at.pem" -signature "$dir/sig" "$dir/text"
}
inside_chip() {
    card chip
    printf 'signed end to end' > "$dir/text"
    slot_signs 1                # whoever knows the second slot need not list it
    slot_signs 0
    slot_signs 1
    tool -T > "$dir/slots"
    try 'pkcs11-tool -T: two slots' sh -c "[ \$(grep -c '^Slot' $dir/slots) = 2 ]"
    try 'PIV first' sh -c "grep 'token model' $dir/slots | tr -d '\n' | grep -q 'PIV.*OpenPGP'"
    try 'a wrong PIN is refused' sh -c "! timeout 60 pkcs11-tool --module $module --slot 1 --login --pin 111111 -O"
    try 'a PIN is changed' tool --slot 1 --login --pin 123456 --change-pin --new-pin 654321
    try 'and the other one is what it was' tool --slot 0 --login --pin 123456 -O
    try 'pkcs11-tool --test --login, slot 0' sh -c "timeout 100 pkcs11-tool --module $module --slot 0 \
        --test --login --pin 123456 2>&1 | grep -q '^No errors'"
    try 'and 1' sh -c "timeout 100 pkcs11-tool --module $module --slot 1 \
        --test --login --pin 654321 2>&1 | grep -q '^No errors'"
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}

# ---- A login with the authentication key of an OpenPGP card ----

ssh_server() {      # ssh_server <public key>: lets in who has it
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
    cp "$1" "$dir/authorized"
    printf '%s\n' "Port $((port + 1000))" 'ListenAddress 127.0.0.1' "HostKey $dir/host" \
        "AuthorizedKeysFile $dir/authorized" 'StrictModes no' 'UsePAM no' 'PermitRootLogin yes' \
        'PasswordAuthentication no' 'PidFile none' > "$dir/sshd"
    /usr/sbin/sshd -D -e -f "$dir/sshd" 2> "$dir/sshd.log" &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q 'Server listening' "$dir/sshd.log" && break
        sleep 0.2
    done
}
ssh_logs_in() {     # ssh_logs_in <option...>
    timeout 60 ssh -F none -o UserKnownHostsFile="$dir/known" -o StrictHostKeyChecking=no "$@" -p $((port + 1000)) \
        "$(id -un)@127.0.0.1" 'echo logged in' < /dev/null > "$dir/said" && grep -q '^logged in' "$dir/said"
}
card_is_unhurt() {
    try 'no try was taken' test "$(cat "$dir/tries")" = 0
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}

inside_sshrsa() {
    card openpgp aut-rsa
    printf '#!/bin/sh\necho 123456\n' > "$dir/askpass"
    chmod +x "$dir/askpass"
    export SSH_ASKPASS="$dir/askpass" SSH_ASKPASS_REQUIRE=force
    try 'ssh-keygen -D' sh -c "ssh-keygen -D $module | grep Authentication > $dir/key"
    ssh_server "$dir/key"
    try 'ssh logs in with RSA' ssh_logs_in -o IdentityAgent=none -I "$module"
    try 'by the card' grep -q 'Accepted publickey.*: RSA' "$dir/sshd.log"
    kill "$server"
    card_is_unhurt
}
inside_sshed() {
    card openpgp ec no-certificates
    /usr/bin/python3 tests/pcsc/ed25519_agent.py "$module" 123456 3 "$dir/agent" "$dir/key" & agent=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$dir/key" ] && break; sleep 0.2; done
    try 'the key is a key' ssh-keygen -l -f "$dir/key"
    ssh_server "$dir/key"
    try 'ssh logs in with Ed25519' ssh_logs_in -o IdentityAgent="$dir/agent"
    try 'by the card' grep -q 'Accepted publickey.*: ED25519' "$dir/sshd.log"
    kill "$server" "$agent"
    card_is_unhurt
}

# ---- Blank cards, filled by pkcs11-tool ----

find_module() { find /usr/lib -name "$1" 2>/dev/null | head -n 1; }
by() {          # by <module> <command...>
    theirs=$1 scard11=$module; shift
    module=$theirs
    "$@"
    rc=$? module=$scard11
    return $rc
}
not() { ! "$@"; }
fails() { ! "$@" > "$dir/said" 2>&1; }
so_key=010203040506070801020304050607080102030405060708
so() { tool --login --login-type so --so-pin "${key:-$so_key}" "$@"; }
user() { tool --login --pin 123456 "$@"; }
pair() {        # pair <ID> <option...>: a pair is made, and comes to that place
    id=$1; shift
    so --keypairgen "$@" > "$dir/said" || return 1
    cat "$dir/said"
    grep -q '^Key pair generated:' "$dir/said" && [ "$(grep -c "^  ID: *$id *\$" "$dir/said")" = 2 ] &&
        [ "$(grep -c '^Private Key Object;\|^Public Key Object;' "$dir/said")" = 2 ] &&
        grep -q '^  Access: .*never extractable, local' "$dir/said"
}
to_pem() { openssl pkey -pubin -inform DER -in "$dir/$1.der" -out "$dir/$1.key"; }
said_point() {  # said_point <ID> <SPKI's beginning>: the key, by the point that pkcs11-tool has shown
    /usr/bin/printf "$(echo "$2$(sed -n 's/^  EC_POINT: *04..//p' "$dir/said" | head -n 1)" | sed 's/../\\x&/g')" \
        > "$dir/$1.der"
    to_pem "$1"
}
spki256=3059301306072a8648ce3d020106082a8648ce3d030107034200 spki384=3076301006072a8648ce3d020106052b81040022036200
stored() {      # stored <ID> <option...>: a certificate of the key in <ID>.key is issued and written
    id=$1; shift
    certify "$dir/$id.key" "$dir/$id.crt" &&
        openssl x509 -in "$dir/$id.crt" -outform DER -out "$dir/$id.cer" &&
        so --write-object "$dir/$id.cer" --type cert "$@" > "$dir/said" && cat "$dir/said" &&
        grep -q '^Created certificate:' "$dir/said" && grep -q "^  ID: *$id *\$" "$dir/said"
}
same() {        # same <ID>: is it read back as it was written?
    rm -f "$dir/crt.der"
    tool --read-object --type cert --id "$1" -o "$dir/crt.der" && cmp "$dir/crt.der" "$dir/$1.cer"
}
good() {        # good <ID> <mechanism> <hash>: openssl verifies a signature by the key in <ID>.key
    rm -f "$dir/sig"
    user --sign --id "$1" -m "$2" --signature-format openssl -i "$dir/text" -o "$dir/sig" &&
        openssl dgst "-$3" -verify "$dir/$1.key" -signature "$dir/sig" "$dir/text"
}
has() {         # has <number> <kind of object>: as the user sees it
    user -O > "$dir/said" && [ "$(grep -c "^$2 Object" "$dir/said")" = "$1" ]
}
value() {       # value <label> <file>: does the user read this?
    rm -f "$dir/value"
    user --read-object --type data --label "$1" -o "$dir/value" && cmp "$dir/value" "$2"
}
writes() { cat "$dir/writes"; }
refused() {     # refused <what> <what is said> <command...>, and nothing is written
    what=$1 why=$2 before=$(writes); shift 2
    try "$what is refused" fails "$@"
    try "it says $why" grep -q "$why" "$dir/said"
    try 'nothing is written' test "$(writes)" = "$before"
}
filled() {      # begins a part in which a card is filled
    authority
    printf 'signed end to end' > "$dir/text"
    : > "$dir/empty"
    # 30 FASC-N, 34 GUID, 35 20301231, 3E, FE
    { printf '\060\031\324\347\071\332\163\234\355\071\316\163\235\203\150\130\041\010\102\020\204\041\310\102'
        printf '\020\303\353\064\020abcdefghijklmnop\065\01020301231\076\000\376\000'; } > "$dir/chuid"
}
no_other_key() { # a wrong management key is sent once, and the user is not the SO
    key=01020304050607080102030405060708010203040506070A
    refused 'a wrong management key' CKR_PIN_INCORRECT so --keypairgen --key-type EC:prime256v1 --id 01
    unset key
    try 'it was tried once' test "$(cat "$dir/wrong")" = 1
    refused "a key of the user's" CKR_USER_NOT_LOGGED_IN user --keypairgen --key-type EC:prime256v1 --id 01
}
unhurt() {
    try 'no other key was tried' test "$(cat "$dir/wrong")" = "$1"
    card_is_unhurt
}

# RSA-2048 in 9A, P-256 in 9C, P-384 in 9D. This card tells a public key once: to who has it made.
inside_fill() {
    card extended blank prepared
    filled
    opensc=$(find_module opensc-pkcs11.so)
    try 'it has no keys' has 0 'Private Key'
    no_other_key
    try 'makes RSA-2048' pair 01 --key-type rsa:2048 --id 01 --read-object --type pubkey -o "$dir/01.der"
    try 'its size is told' grep -q '^Public Key Object; RSA 2048 bits' "$dir/said"
    try 'its public key' to_pem 01
    try 'its certificate' stored 01 --id 01
    try 'makes P-256' pair 02 --key-type EC:prime256v1 --id 02 --read-object --type pubkey -o "$dir/02.der"
    try 'its public key' to_pem 02
    said_point shown $spki256
    try 'is the one that was shown' cmp "$dir/02.der" "$dir/shown.der"
    try 'its certificate' stored 02 --id 02
    refused 'a key, where no place is free for certain' CKR_TEMPLATE_INCOMPLETE so --keypairgen --key-type EC:secp384r1
    try 'makes P-384' pair 03 --key-type EC:secp384r1 --id 03
    try 'its public key' said_point 03 $spki384
    try 'its certificate' stored 03 --id 03
    try 'makes P-256 in 83' pair 06 --key-type EC:prime256v1 --id 06 --read-object --type pubkey -o "$dir/06.der"
    try 'its public key' to_pem 06
    try 'its certificate' stored 06 --id 06
    for id in 01 02 03 06; do try "certificate $id is what was written" same $id; done
    try 'P-256 in 83 signs' good 06 ECDSA-SHA256 sha256
    try 'RSA signs' good 01 SHA256-RSA-PKCS sha256
    try 'P-256 signs, the PIN each time' good 02 ECDSA-SHA256 sha256
    openssl ecparam -name secp384r1 -genkey -noout -out "$dir/peer.pem"
    openssl pkey -in "$dir/peer.pem" -pubout -outform DER -out "$dir/peer.der"
    openssl pkeyutl -derive -inkey "$dir/peer.pem" -peerkey "$dir/03.key" -out "$dir/expected"
    try 'P-384 derives' user --derive -m ECDH1-DERIVE --id 03 -i "$dir/peer.der" -o "$dir/secret"
    try 'openssl the same' cmp "$dir/secret" "$dir/expected"
    refused 'a new key where a certificate is' CKR_ATTRIBUTE_VALUE_INVALID so --keypairgen --key-type rsa:2048 --id 01
    refused 'a certificate of another key' CKR_TEMPLATE_INCONSISTENT so --write-object "$dir/03.cer" --type cert --id 02
    refused 'deleting a key, which PIV cannot' 0x1b so --delete-object --type privkey --id 03
    try 'writes data' so --write-object "$dir/text" --type data --private --label 'Printed Information'
    try 'which the user reads' value 'Printed Information' "$dir/text"
    try 'writes data by its OID' so --write-object "$dir/chuid" --type data --application-id 2.16.840.1.101.3.7.2.48.0
    try 'the card is called by it' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'PIV 6d6e6f70'"
    # What others see of it.
    try 'OpenSC sees the CHUID' sh -c 'opensc-tool --serial 2>/dev/null | grep -q abcdefghijklmnop'
    try 'OpenSC has four certificates' by "$opensc" has 4 Certificate
    try 'and keys' grep -c '^Private Key Object' "$dir/said"
    for id in 01 02 03 06; do try "certificate $id is the same" by "$opensc" same $id; done
    try 'signs with RSA' by "$opensc" good 01 SHA256-RSA-PKCS sha256
    try 'with P-256' by "$opensc" good 02 ECDSA-SHA256 sha256
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/peer.pem"
    openssl pkey -in "$dir/peer.pem" -pubout -outform DER -out "$dir/peer.der"
    openssl pkeyutl -derive -inkey "$dir/peer.pem" -peerkey "$dir/06.key" -out "$dir/expected"
    try 'derives with the one in 83' by "$opensc" user --derive -m ECDH1-DERIVE --id 06 -i "$dir/peer.der" -o "$dir/secret"
    try 'as openssl does' cmp "$dir/secret" "$dir/expected"
    try 'pkcs15-tool lists the keys' sh -c "pkcs15-tool --list-keys | grep -c '^Private' | grep -q '^4\$'"
    openssl dgst -sha256 -binary "$dir/text" > "$dir/hash"
    try 'pkcs15-crypt signs' pkcs15-crypt --sign -k 01 --pin 123456 --sha-256 --pkcs1 --raw -i "$dir/hash" \
        -o "$dir/sig15"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/01.key" -signature "$dir/sig15" "$dir/text"
    # Deleted again.
    try 'deletes data' so --delete-object --type data --label 'Printed Information'
    try 'which is gone' value 'Printed Information' "$dir/empty"
    try 'deletes a certificate' so --delete-object --type cert --id 01
    try 'three are there' has 3 Certificate
    try 'as OpenSC has it' by "$opensc" has 3 Certificate
    try 'a new key can be made now' pair 01 --key-type EC:prime256v1 --id 01
    unhurt 1
}

yk() { timeout 60 yubico-piv-tool -r '' "$@"; }
yk_has() {      # yk_has <places...>: yubico-piv-tool shows certificates there, and nowhere else
    yk -a status > "$dir/said" && cat "$dir/said" && [ "$(sed -n 's/^Slot \(..\):.*/\1/p' "$dir/said" | xargs)" = "$*" ]
}
yk_uses() {     # yk_uses <place> <ID> <option...>: is the key there that of the certificate in <ID>.crt?
    at=$1 id=$2; shift 2
    yk -a verify-pin -P 123456 -a test-signature -s "$at" -i "$dir/$id.crt" "$@"
}

# RSA-2048 in 9A, P-256 in 9C, P-384 in 86; its first management key is of AES.
inside_fillyk() {
    card extended 5.7 blank prepared
    filled
    ykcs11=$(find_module 'libykcs11.so*')
    no_other_key
    try 'makes RSA-2048' pair 01 --key-type rsa:2048 --id 01
    try 'makes P-256, where a place is free' pair 02 --key-type EC:prime256v1 --always-auth
    try 'makes P-384' pair 09 --key-type EC:secp384r1 --id 09
    said_point 09 $spki384
    for id in 01 02; do
        try "public key $id" tool --read-object --type pubkey --id $id -o "$dir/$id.der"
        to_pem $id
        try 'its certificate' stored $id --id $id
    done
    try 'a certificate finds its key' stored 09
    for id in 01 02 09; do try "certificate $id is what was written" same $id; done
    try 'RSA signs' good 01 SHA256-RSA-PKCS sha256
    try 'P-256 signs, the PIN each time' good 02 ECDSA-SHA256 sha256
    try 'P-384 signs' good 09 ECDSA-SHA384 sha384
    # (yubico-piv-tool has no AES in all its versions: it only reads.)
    try 'yubico-piv-tool has them' yk_has 9a 9c 86
    try 'its test of RSA' yk_uses 9a 01
    try 'of P-256' yk_uses 9c 02
    try 'of P-384' yk_uses 86 09 -H SHA384
    try 'attests the key in 9A' sh -c "timeout 60 yubico-piv-tool -r '' -a attest -s 9a |
        openssl x509 -noout -pubkey | cmp - $dir/01.key"
    try 'ykcs11 has the certificate' by "$ykcs11" same 01
    try 'signs with RSA' by "$ykcs11" good 01 SHA256-RSA-PKCS sha256
    try 'with P-256' by "$ykcs11" good 02 ECDSA-SHA256 sha256
    try 'writes data' so --write-object "$dir/text" --type data --label 'Security Object'
    try 'yubico-piv-tool reads it' yk -a read-object --id 0x5fc106 -f binary -o "$dir/value"
    try 'as it was written' cmp "$dir/text" "$dir/value"
    try 'deletes data' so --delete-object --type data --label 'Security Object'
    try 'yubico-piv-tool has none' not yk -a read-object --id 0x5fc106 -f binary -o "$dir/value"
    try 'deletes a certificate' so --delete-object --type cert --id 02
    try 'the key is there' good 02 ECDSA-SHA256 sha256
    try 'deletes the key' so --delete-object --type privkey --id 02
    try 'it is gone' has 2 'Private Key'
    try 'yubico-piv-tool has two' yk_has 9a 86
    try 'and not that key' not yk_uses 9c 02
    try 'its place is free' pair 02 --key-type EC:prime256v1
    unhurt 1
}

# What yubico-piv-tool wrote: a key that was made, one that was imported, a CHUID. (With 3DES: not all its versions
# have AES.)
inside_emptyyk() {
    card extended 5.7 3des blank prepared
    filled
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/imported"
    openssl pkey -in "$dir/imported" -pubout -out "$dir/05.key"
    try 'yubico-piv-tool makes a key' yk -a generate -s 9a -A RSA2048 -o "$dir/01.key"
    try 'imports one' yk -a import-key -s 82 -i "$dir/imported"
    for to in 01:9a 05:82; do
        certify "$dir/${to%:*}.key" "$dir/${to%:*}.crt"
        try 'its certificate' yk -a import-certificate -s ${to#*:} -i "$dir/${to%:*}.crt"
    done
    try 'set-chuid' yk -a set-chuid
    try 'signs with the first' good 01 SHA256-RSA-PKCS sha256
    try 'signs with the second' good 05 ECDSA-SHA256 sha256
    try 'so does yubico-piv-tool' yk_uses 82 05
    try 'the second gets another certificate' stored 05 --id 05
    try 'which yubico-piv-tool reads' sh -c "timeout 60 yubico-piv-tool -r '' -a read-certificate -s 82 |
        cmp - $dir/05.crt"
    for id in 01 05; do
        try "deletes certificate $id" so --delete-object --type cert --id $id
        try "deletes key $id" so --delete-object --type privkey --id $id
    done
    try 'deletes the CHUID' so --delete-object --type data --label 'Card Holder Unique Identifier'
    try 'yubico-piv-tool finds nothing' yk_has
    try 'and no CHUID' grep -q '^CHUID:.*No data' "$dir/said"
    try 'nor the keys' not yk_uses 9a 01
    try 'nor the other' not yk_uses 82 05
    try 'scard11 neither' has 0 'Private Key'
    unhurt 0
}

# A new YubiKey gets its owner, keys that openssl made, and is begun anew. (pkcs11-tool gives no Ed25519 key to a card
# in all its versions.)
inside_anewyk() {
    card extended 5.7 blank prepared
    filled
    ykcs11=$(find_module 'libykcs11.so*')
    own=9f8e7d6c5b4a392817161514131211100f0e0d0c0b0a0908 next=00112233445566778899aabbccddeeff
    openssl genrsa -out "$dir/rsa" 2048 2> "$dir/out"
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
    for k in rsa:01 ec:02; do
        openssl pkey -in "$dir/${k%:*}" -outform DER -out "$dir/${k#*:}.p8"
        openssl pkey -in "$dir/${k%:*}" -pubout -out "$dir/${k#*:}.key"
    done
    try 'a new card gets its owner' tool --init-token --label 'Any' --so-pin "$own"
    refused 'another owner' CKR_PIN_INCORRECT tool --init-token --label 'Any' --so-pin "$so_key"
    try 'yubico-piv-tool sees a CHUID' sh -c "timeout 60 yubico-piv-tool -r '' -a status | grep -q '^CHUID:.*3410'"
    try 'and a CCC' sh -c "timeout 60 yubico-piv-tool -r '' -a status | grep -q '^CCC:.*f015a000000116'"
    key=$own
    try 'its first PIN' so --init-pin --new-pin 97531864
    refused 'another first PIN' CKR_FUNCTION_NOT_SUPPORTED so --init-pin --new-pin 123456
    try 'it is changed' tool --login --pin 97531864 --change-pin --new-pin 123456
    try 'takes an RSA key' so --write-object "$dir/01.p8" --type privkey --id 01
    try 'takes a key on P-256' so --write-object "$dir/02.p8" --type privkey --id 02
    try 'makes X25519' pair 07 --key-type EC:curve25519 --id 07
    try 'makes Ed25519' pair 08 --key-type EC:edwards25519 --id 08
    for id in 01 02; do
        try "certificate $id" stored $id
        try "the public key $id" sh -c "timeout 60 pkcs11-tool --module $module --read-object --type pubkey --id $id \
            -o '$dir/$id.der' && openssl pkey -pubin -inform DER -in '$dir/$id.der' | cmp - '$dir/$id.key'"
    done
    try 'RSA signs' good 01 SHA256-RSA-PKCS sha256
    try 'P-256 signs' good 02 ECDSA-SHA256 sha256
    try 'yubico-piv-tool has them' yk_has 9a 9c
    try 'its test of RSA' yk_uses 9a 01
    try 'of P-256' yk_uses 9c 02
    try 'it attests no key that was given' not yk -a attest -s 9a
    try 'ykcs11 signs with RSA' by "$ykcs11" good 01 SHA256-RSA-PKCS sha256
    try 'a key moves' so --type privkey --id 02 --set-id 06
    try 'yubico-piv-tool has it there' yk_has 9a 83
    for end in key crt; do cp "$dir/02.$end" "$dir/06.$end"; done
    try 'and its test' yk_uses 83 06
    try 'it signs there' good 06 ECDSA-SHA256 sha256
    try 'another management key' tool --login --login-type so --so-pin "$own" --change-pin --new-pin $next
    refused 'the old one' CKR_PIN_INCORRECT so --delete-object --type cert --id 01
    key=$next
    try 'the new one deletes' so --delete-object --type cert --id 01
    refused 'beginning anew by the old one' CKR_PIN_INCORRECT tool --init-token --label 'Any' --so-pin "$own"
    try 'by the new one it begins anew' tool --init-token --label 'Any' --so-pin "$next"
    try 'yubico-piv-tool finds nothing' yk_has
    try 'nor the key' not yk_uses 83 06
    try 'scard11 neither' has 0 'Private Key'
    try 'PIN and PUK are blocked before that, and nothing else' test "$(cat "$dir/tries")" = 12
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}

# ---- SmartCard-HSMs: the user writes them ----

hsm_so=3537363231383830
hsm_begins() {
    filled
    opensc=$(find_module opensc-pkcs11.so)
    so() { user "$@"; }
    hsm() { tool --login --login-type so --so-pin $hsm_so "$@"; }
}
hsm_shows() { timeout 60 sc-hsm-tool 2>/dev/null | tr -s ' ' > "$dir/said"; cat "$dir/said"; grep -q "$1" "$dir/said"; }
hsm_data() {    # hsm_data <label>: does pkcs15-tool read "signed end"?
    timeout 60 pkcs15-tool --read-data-object "$1" --verify-pin --pin 123456 | grep -q '73 69 67 6E 65 64 20 65 6E 64'
}
hsm_pkcs15() { openssl dgst -sha256 -binary "$dir/text" > "$dir/hash"
    timeout 60 pkcs15-crypt --sign -k "$1" --pin 123456 --sha-256 --pkcs1 --raw -i "$dir/hash" -o "$dir/sig15"; }

# A new card of CardContact's: initialised, its PINs set, keys of each type, certificates, data.
inside_fillhsm() {
    card schsm cardcontact blank
    hsm_begins
    try 'initialises a card' tool --init-token --label 'Made by scard11' --so-pin $hsm_so
    try 'sets the PIN' hsm --init-pin --new-pin 123456
    try 'its label' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'Made by scard11'"
    try 'which OpenSC tells, too' sh -c "timeout 60 pkcs11-tool --module $opensc -L | grep -q 'Made by scard11'"
    try 'sc-hsm-tool counts 15 tries' hsm_shows 'SO-PIN tries left : 15'
    try 'and 3 tries' grep -q 'User PIN tries left : 3' "$dir/said"
    try 'no DKEK is set up' grep -q '^DKEK shares : 0' "$dir/said"
    try 'another SO-PIN does not begin it anew' fails tool --init-token --label 'Other' --so-pin 3537363231383831
    try 'it says so' grep -q CKR_PIN_INCORRECT "$dir/said"
    try 'that was counted once' hsm_shows 'SO-PIN tries left : 14'
    for key in 01:rsa:2048 02:EC:prime256v1 03:EC:secp384r1 05:EC:brainpoolP256r1; do
        id=${key%%:*}
        try "makes ${key#*:}" pair "$id" --key-type "${key#*:}" --id "$id" --label "Key $id"
        case $id in 03) said_point 03 $spki384; continue ;; esac
        try "public key $id" tool --read-object --type pubkey --id "$id" -o "$dir/$id.der"
        to_pem "$id"
    done
    for id in 01 02; do try "certificate $id" stored $id --id $id; done
    try 'a certificate finds its key' stored 03
    try 'makes an AES key' user --keygen --key-type AES:32 --id 04 --label 'AES' --private --sensitive
    openssl x509 -in "$dir/ca" -outform DER -out "$dir/40.cer"
    try 'a certificate of no key' user --write-object "$dir/40.cer" --type cert --id 40 --label 'Authority'
    try 'writes data' user --write-object "$dir/text" --type data --label 'Note'
    try 'and private data' user --write-object "$dir/text" --type data --private --label 'Secret'
    for id in 01 02 03 40; do try "certificate $id is what was written" same $id; done
    try 'RSA signs' good 01 SHA256-RSA-PKCS sha256
    try 'P-384 signs' good 03 ECDSA-SHA384 sha384
    try 'brainpoolP256r1 signs' good 05 ECDSA-SHA256 sha256
    try 'the user reads data' value 'Secret' "$dir/text"
    try 'AES is listed' has 1 'Secret Key'
    # What others see of it.
    try 'OpenSC has four certificates' by "$opensc" has 4 Certificate
    for id in 01 02 03 40; do try "certificate $id is the same" by "$opensc" same $id; done
    try 'signs with RSA' by "$opensc" good 01 SHA256-RSA-PKCS sha256
    try 'with P-256' by "$opensc" good 02 ECDSA-SHA256 sha256
    try 'without a certificate' by "$opensc" good 05 ECDSA-SHA256 sha256
    try 'reads data' hsm_data Note
    try 'and private data' hsm_data Secret
    try 'pkcs15-tool lists the keys' sh -c "timeout 60 pkcs15-tool --list-keys | grep -c '^Private.*\[Key 0[1235]\]' |
        grep -q '^4\$'"
    try 'pkcs15-crypt signs' hsm_pkcs15 01
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/01.key" -signature "$dir/sig15" "$dir/text"
    # Changed and deleted again.
    try 'another ID' user --type privkey --id 05 --set-id 06
    cp "$dir/05.key" "$dir/06.key"
    try 'by which OpenSC knows the key' by "$opensc" good 06 ECDSA-SHA256 sha256
    try 'a certificate is deleted' user --delete-object --type cert --id 02
    try 'its key is known' good 02 ECDSA-SHA256 sha256
    try 'to OpenSC, too' by "$opensc" good 02 ECDSA-SHA256 sha256
    try 'it gets another one' stored 02 --id 02
    try 'a key is deleted' user --delete-object --type privkey --id 01
    try 'data are deleted' user --delete-object --type data --label 'Note'
    try 'the AES key is deleted' user --delete-object --type secrkey --id 04
    try 'so is the certificate of no key' user --delete-object --type cert --id 40
    try 'OpenSC has two certificates' by "$opensc" has 2 Certificate
    try 'and no such key' not by "$opensc" good 01 SHA256-RSA-PKCS sha256
    try 'nor such data' not hsm_data Note
    # PINs.
    try 'the PIN is changed' user --change-pin --new-pin 654321
    try 'which OpenSC takes' pkcs15-tool --verify-pin --pin 654321
    for _ in 1 2 3; do try 'a wrong PIN' fails tool --login --pin 111111 -O; done
    try 'it is locked' fails tool --login --pin 654321 -O
    try 'the SO sets it anew' hsm --init-pin --new-pin 123456
    try 'it is right' good 02 ECDSA-SHA256 sha256
    try 'begins the card anew' tool --init-token --label 'Again' --so-pin $hsm_so
    try 'sets the PIN' hsm --init-pin --new-pin 123456
    try 'it is empty' has 0 'Private Key'
    try 'as OpenSC has it' by "$opensc" has 0 Certificate
    try 'a secret came to its place alone' test "$(cat "$dir/secrets")" = 0
}

wrapped() { timeout 60 /usr/bin/python3 tests/pcsc/wrapped_key.py "$module" 123456 "$@"; }

# What sc-hsm-tool and OpenSC wrote is used, changed and deleted; what either wrapped the other unwraps.
inside_emptyhsm() {
    card schsm cardcontact blank
    hsm_begins
    try 'sc-hsm-tool --initialize' timeout 60 sc-hsm-tool --initialize --so-pin $hsm_so --pin 123456 --label 'Theirs' \
        --dkek-shares 1
    try 'a share of the DKEK' timeout 60 opensc-tool -s 00A404000BE82B0601040181C31F020100 \
        -s "8052000020$(openssl rand -hex 32)00"
    for key in 21:rsa:2048 22:EC:prime256v1; do
        id=${key%%:*}
        try "OpenSC makes ${key#*:}" by "$opensc" user --keypairgen --key-type "${key#*:}" --id "$id" --label "Key $id"
        try "public key $id" tool --read-object --type pubkey --id "$id" -o "$dir/$id.der"
        to_pem "$id"
    done
    try 'RSA signs' good 21 SHA256-RSA-PKCS sha256
    try 'P-256 signs' good 22 ECDSA-SHA256 sha256
    try 'sc-hsm-tool wraps a key' timeout 60 sc-hsm-tool --wrap-key "$dir/blob1" --key-reference 1 --pin 123456
    try 'which we unwrap' wrapped unwrap 31 "$dir/blob1"
    cp "$dir/21.key" "$dir/31.key"
    try 'it signs' good 31 SHA256-RSA-PKCS sha256
    try 'for OpenSC, too' by "$opensc" good 31 SHA256-RSA-PKCS sha256
    try 'it is deleted' user --delete-object --type privkey --id 31
    try 'we wrap a key' wrapped wrap 22 "$dir/blob2"
    try 'and delete it' user --delete-object --type privkey --id 22
    try 'sc-hsm-tool unwraps it' timeout 60 sc-hsm-tool --unwrap-key "$dir/blob2" --key-reference 9 --pin 123456
    try 'it signs for OpenSC' by "$opensc" good 22 ECDSA-SHA256 sha256
    try 'and for us' good 22 ECDSA-SHA256 sha256
    certify "$dir/21.key" "$dir/21.crt" && openssl x509 -in "$dir/21.crt" -outform DER -out "$dir/21.cer"
    try 'OpenSC writes a certificate' by "$opensc" user --write-object "$dir/21.cer" --type cert --id 21
    try 'which is read' same 21
    try 'OpenSC writes data' by "$opensc" user --write-object "$dir/text" --type data --label 'Theirs'
    try 'which are read' value 'Theirs' "$dir/text"
    try 'a certificate by us' stored 22 --id 22
    try 'OpenSC reads it' by "$opensc" same 22
    try 'another ID' user --type privkey --id 22 --set-id 23
    cp "$dir/22.key" "$dir/23.key"
    try 'OpenSC signs by it' by "$opensc" good 23 ECDSA-SHA256 sha256
    try 'their certificate is deleted' user --delete-object --type cert --id 21
    try 'OpenSC knows the key' by "$opensc" good 21 SHA256-RSA-PKCS sha256
    try 'their key is deleted' user --delete-object --type privkey --id 21
    try 'their data' user --delete-object --type data --label 'Theirs'
    try 'OpenSC has one certificate' by "$opensc" has 1 Certificate
    try 'and no such key' not by "$opensc" good 21 SHA256-RSA-PKCS sha256
    try 'nor data' not hsm_data Theirs
    try 'OpenSC deletes our certificate' by "$opensc" user --delete-object --type cert --id 23
    try 'and the key' by "$opensc" user --delete-object --type privkey --id 23
    try 'nothing is left' has 0 'Private Key'
    try 'a secret came to its place alone' test "$(cat "$dir/secrets")" = 0
}

# ---- examples/personalise fills a blank YubiKey, whose keys are shown without a certificate ----
inside_personalise() {
    card blank prepared yubikey 5.7 extended
    printf 'signed end to end' > "$dir/text"
    export PERSONALISE_SO=010203040506070801020304050607080102030405060708 PERSONALISE_PIN=123456
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj '/CN=Test authority' \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" 2> "$dir/out"
    for key in '1 rsa2048' '2 p256' '4 p384'; do
        try "a key, $key" sh -c "'$OUT/examples/personalise' key $key 'O=Example,CN=Jane Doe' > '$dir/request.pem'"
        try 'openssl issues a certificate' openssl x509 -req -in "$dir/request.pem" -CA "$dir/ca.pem" \
            -CAkey "$dir/ca.key" -CAcreateserial -days 9 -out "$dir/${key%% *}.pem"
    done
    for id in 4 1 2; do
        try "certificate $id goes to its key" sh -c "'$OUT/examples/personalise' certificate '$dir/$id.pem' 2>&1 |
            grep 'with ID $id'"
        key_of "0$id" "$dir/0$id.pem"
    done
    try 'RSA' signed --id 01 -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig"
    try 'openssl verifies it' openssl dgst -sha256 -verify "$dir/01.pem" -signature "$dir/sig" "$dir/text"
    try 'EC' signed --id 04 -m ECDSA-SHA384 --signature-format openssl -i "$dir/text" -o "$dir/ec"
    try 'openssl verifies it' openssl dgst -sha384 -verify "$dir/04.pem" -signature "$dir/ec" "$dir/text"
    card_is_unhurt
}

# ---- IsoApplet: a blank one becomes a PKCS#15 card, which OpenSC goes on with; and the other way round ----

puk=1234567812345678
so_puk() { tool --login --login-type so --so-pin $puk "$@"; }
user_pair() {   # user_pair <ID> <type>: the user has a pair made; its public key is what can be read
    user --keypairgen --key-type "$2" --id "$1" --label "Made $1" > "$dir/said" || return 1
    cat "$dir/said"
    user --read-object --type pubkey --id "$1" -o "$dir/$1.der" && to_pem "$1"
}
user_gives() {  # user_gives <ID> <PEM key>
    openssl pkey -in "$2" -outform DER -out "$dir/given.der" && openssl pkey -in "$2" -pubout -out "$dir/$1.key" &&
        user --write-object "$dir/given.der" --type privkey --id "$1" --label "Given $1"
}
user_stores() { # user_stores <ID>: a certificate of the key in <ID>.key
    certify "$dir/$1.key" "$dir/$1.crt" && openssl x509 -in "$dir/$1.crt" -outform DER -out "$dir/$1.cer" &&
        user --write-object "$dir/$1.cer" --type cert --id "$1" --label "Certificate $1"
}
iso_signs() {   # iso_signs <ID...>: all of them sign; the even ones are EC
    for id in "$@"; do
        case $id in 02 | 04 | 06) good "$id" ECDSA-SHA1 sha1 ;; *) good "$id" SHA256-RSA-PKCS sha256 ;; esac || return 1
    done
}
init15() { what=$1; shift; try "pkcs15-init $what" timeout 100 pkcs15-init --pin 123456 --so-pin 123456 "$@"; }
listed() {      # listed <number> <--list-keys ...> <word>: what pkcs15-tool lists
    pkcs15-tool "$2" > "$dir/listed" 2> "$dir/said"
    [ "$(grep -c "^$3" "$dir/listed")" = "$1" ]
}
inside_isoapplet() {
    card isoapplet0 empty
    filled
    opensc=$(find_module opensc-pkcs11.so)
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2> "$dir/out"
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
    try 'nobody has set it up' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'token state: *uninitialized'"
    try 'a PUK of another length is refused' fails tool --init-token --slot-index 0 --so-pin 12345678 --label Iso
    try 'pkcs11-tool --init-token' tool --init-token --slot-index 0 --so-pin $puk --label 'Made by scard11'
    try 'its label' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'Made by scard11'"
    try 'pkcs11-tool --init-pin' so_puk --init-pin --new-pin 123456
    try 'makes RSA-2048' user_pair 01 rsa:2048
    try 'makes P-256' user_pair 02 EC:prime256v1
    try 'is given RSA' user_gives 03 "$dir/rsa"
    try 'is given P-256' user_gives 04 "$dir/ec"
    for id in 01 02 03 04; do try "certificate $id" user_stores $id; done
    try 'writes data' user --write-object "$dir/text" --type data --label Data --application-label scard11
    try 'writes private data' user --write-object "$dir/chuid" --type data --private --label Private
    for id in 01 02 03 04; do try "certificate $id is what was written" same $id; done
    try 'all sign' iso_signs 01 02 03 04
    try 'changes the PIN' user --change-pin --new-pin 654321
    try 'sets it with the PUK' so_puk --init-pin --new-pin 123456
    # What OpenSC sees of it, and how it goes on.
    try 'pkcs15-tool lists the keys' listed 4 --list-keys Private
    try 'and public keys' listed 4 --list-public-keys Public
    try 'and certificates' listed 4 --list-certificates X.509
    try 'and data' listed 2 --list-data-objects Data
    try 'and the PIN' listed 1 --list-pins PIN
    for id in 01 02 03 04; do try "OpenSC reads certificate $id" by "$opensc" same $id; done
    try 'OpenSC reads data' by "$opensc" value Data "$dir/text"
    try 'OpenSC signs with all' by "$opensc" iso_signs 01 02 03 04
    init15 'makes a key' --generate-key rsa/2048 --id 05 --auth-id 01 --label Theirs
    pkcs15-tool --read-public-key 05 > "$dir/05.key" 2> "$dir/out"
    certify "$dir/05.key" "$dir/05.crt"
    init15 'stores a certificate' --store-certificate "$dir/05.crt" --id 05 --auth-id 01
    openssl x509 -in "$dir/05.crt" -outform DER -out "$dir/05.cer"
    try 'which is read' same 05
    try 'and its key signs' iso_signs 05
    try 'deletes their key' user --delete-object --type privkey --id 05
    try 'their certificate' user --delete-object --type cert --id 05
    try 'and its own' user --delete-object --type privkey --id 02
    try 'three keys are left' has 3 'Private Key'
    try 'as OpenSC has it' listed 3 --list-keys Private
    try 'and public keys' listed 3 --list-public-keys Public
    try 'makes another one' user_pair 06 EC:prime256v1
    try 'OpenSC signs with it' by "$opensc" iso_signs 06 01
    init15 'deletes a key of ours' --delete-objects privkey,pubkey --id 03 --auth-id 01
    try 'which is gone' has 3 'Private Key'
    try 'the others sign' iso_signs 01 04 06
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
    # Begun anew, by who has the PUK.
    try 'a wrong PUK is refused' fails tool --init-token --slot-index 0 --so-pin 8765432187654321 --label Anew
    try 'it cost a try' test "$(cat "$dir/tries")" = 1
    try 'all is there' has 3 'Private Key'
    try 'begins it anew' tool --init-token --slot-index 0 --so-pin $puk --label 'Begun anew'
    try 'the PIN' so_puk --init-pin --new-pin 123456
    try 'nothing is there' has 0 'Private Key'
    try 'makes RSA-2048' user_pair 01 rsa:2048
    try 'which signs' iso_signs 01
}
inside_isoinit() {      # pkcs15-init makes the card, and we go on
    card isoapplet0 empty
    filled
    opensc=$(find_module opensc-pkcs11.so)
    try 'pkcs15-init --create-pkcs15' timeout 60 pkcs15-init --create-pkcs15 --so-pin 123456 --so-puk $puk \
        --label 'Made by OpenSC'
    init15 'makes RSA-2048' --generate-key rsa/2048 --id 01 --auth-id ff --label First
    pkcs15-tool --read-public-key 01 > "$dir/01.key" 2> "$dir/out"
    init15 'stores data' --store-data "$dir/text" --application-name scard11 --label Data --auth-id ff
    try 'makes P-256' user_pair 02 EC:prime256v1
    for id in 01 02; do try "certificate $id" user_stores $id; done
    try 'both sign' iso_signs 01 02
    try 'and by OpenSC' by "$opensc" iso_signs 01 02
    for id in 01 02; do try "OpenSC reads certificate $id" by "$opensc" same $id; done
    try 'another label' user --type data --label Data --delete-object
    try 'OpenSC has no data' listed 0 --list-data-objects Data
    try 'deletes their key' user --delete-object --type privkey --id 01
    try 'OpenSC has one' listed 1 --list-keys Private
    try 'the other signs' by "$opensc" iso_signs 02
    card_is_unhurt
}

# ---- Other cards with PKCS#15: files that the card makes like others, and unused space; OpenSC reads them ----

generic_written() { # generic_written <certificates> <data>: what OpenSC sees of it, which its standard driver reads
    try 'pkcs15-tool lists the certificates' listed "$1" --list-certificates X.509
    try 'and data' listed "$2" --list-data-objects Data
    for id in 01 09; do try "OpenSC reads certificate $id" by "$opensc" same $id; done
    try 'OpenSC reads data' by "$opensc" value Data "$dir/text"
}
generic_part() {
    filled
    opensc=$(find_module opensc-pkcs11.so)
    opensc_driver 'enable_default_driver = true;'
    timeout 60 pkcs15-tool --list-info > "$dir/before" 2>&1
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> "$dir/out" | openssl pkey -pubout > "$dir/09.key"
    try 'deletes a certificate' user --delete-object --type cert --id 01
    tool --read-object --type pubkey --id 01 -o "$dir/01.der" && to_pem 01
    try 'writes another' user_stores 01
    try 'and one of a key that is not there' user_stores 09
    try 'writes data' user --write-object "$dir/text" --type data --label Data --application-label scard11
    for id in 01 09; do try "certificate $id" same $id; done
    try 'data' value Data "$dir/text"
    generic_written 5 3
    timeout 60 pkcs15-tool --list-info > "$dir/after" 2>&1
    try 'lastUpdate changed' sh -c "grep -q 'Last update' $dir/after && ! cmp $dir/before $dir/after"
    try 'makes no key' fails user --keypairgen --key-type EC:prime256v1 --id 33
    try 'deletes data' user --delete-object --type data --label Data
    try 'and a certificate' user --delete-object --type cert --id 09
    try 'OpenSC has it no more' listed 4 --list-certificates X.509
    try 'nor the data' listed 2 --list-data-objects Data
    try 'the other one is whole' by "$opensc" same 01
    card_is_unhurt
}
inside_generic() { card generic extended arr pin-writes creates-inactive dated padded-ff; generic_part; }
inside_genericspace() { card generic extended expanded pin-writes one-file dated padded; generic_part; }

# ---- GIDS: a blank one, filled by pkcs11-tool, which OpenSC and gids-tool use; and the other way round ----

gids_key=0123456789abcdef0123456789abcdef0123456789abcdef gids_next=00112233445566778899aabbccddeeff0011223344556677
so_gids() { tool --login --login-type so --so-pin "${key:-$gids_key}" "$@"; }
theirs() {      # theirs <ID>: what OpenSC calls it
    printf '%02x' $((0x$1 - 1))
}
gids_signs() {  # gids_signs <ID...>: RSA, by us and by OpenSC
    for id in "$@"; do
        good "$id" SHA256-RSA-PKCS sha256 || return 1
        cp "$dir/$id.key" "$dir/as-$(theirs "$id").key"
        rm -f "$dir/sig"
        by "$opensc" user --sign --id "$(theirs "$id")" -m SHA256-RSA-PKCS -i "$dir/text" -o "$dir/sig" || return 1
        openssl dgst -sha256 -verify "$dir/$id.key" -signature "$dir/sig" "$dir/text" || return 1
    done
}
gids_same() {   # gids_same <ID>: its certificate, read by us and by OpenSC
    same "$1" || return 1
    rm -f "$dir/crt.der"
    by "$opensc" tool --read-object --type cert --id "$(theirs "$1")" -o "$dir/crt.der" && cmp "$dir/crt.der" "$dir/$1.cer"
}
inside_gids() {
    card gids empty
    filled
    opensc=$(find_module opensc-pkcs11.so)
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2> "$dir/out"
    try 'nobody has set it up' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'token state: *uninitialized'"
    try 'a key of another length is refused' fails tool --init-token --slot-index 0 --so-pin 12345678 --label Any
    try 'pkcs11-tool --init-token' tool --init-token --slot-index 0 --so-pin $gids_key --label Any
    key=f123456789abcdef0123456789abcdef0123456789abcdef
    refused 'another key' CKR_PIN_INCORRECT so_gids --init-pin --new-pin 123456
    unset key
    try 'it was shown once' test "$(cat "$dir/wrong")" = 1
    try 'pkcs11-tool --init-pin' so_gids --init-pin --new-pin 123456
    refused 'a key by the SO' CKR_USER_NOT_LOGGED_IN so_gids --keypairgen --key-type rsa:2048 --id 01
    try 'makes RSA-2048' user_pair 01 rsa:2048
    refused 'another one in its place' CKR_ATTRIBUTE_VALUE_INVALID user --keypairgen --key-type rsa:2048 --id 01
    try 'is given RSA' user_gives 02 "$dir/rsa"
    for id in 01 02; do try "certificate $id" user_stores $id; done
    refused 'a certificate of another key' CKR_TEMPLATE_INCONSISTENT user --write-object "$dir/01.cer" --type cert --id 02
    for id in 01 02; do try "certificate $id, as OpenSC reads it" gids_same $id; done
    try 'both sign, by OpenSC as well' gids_signs 01 02
    openssl pkeyutl -encrypt -pubin -inkey "$dir/02.key" -in "$dir/text" -out "$dir/cipher"
    try 'OpenSC decrypts' by "$opensc" user --decrypt --id 01 -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain"
    try 'what openssl encrypted' cmp "$dir/text" "$dir/plain"
    try 'pkcs15-tool lists the keys' listed 2 --list-keys Private
    try 'by their labels' grep -q 'Made 01' "$dir/listed"
    try 'and certificates' listed 2 --list-certificates X.509
    try 'changes the PIN' user --change-pin --new-pin 654321
    try 'unblocks it' so_gids --init-pin --new-pin 123456
    try 'gids-tool does' gids-tool --unblock --pin 654321 --admin-key $gids_key
    try 'with the PIN it has set' pkcs15-tool --verify-pin --pin 654321
    try 'back again' so_gids --init-pin --new-pin 123456
    # How OpenSC goes on, and how its keys are changed and deleted.
    try 'OpenSC makes a key' by "$opensc" user --keypairgen --key-type rsa:2048 --id 02 --label Theirs
    try 'its public key' user --read-object --type pubkey --id 03 -o "$dir/03.der"
    to_pem 03
    try 'its certificate' user_stores 03
    try 'which OpenSC reads' gids_same 03
    try 'and it signs' gids_signs 03
    try 'its certificate is deleted' user --delete-object --type cert --id 03
    try 'and the key' user --delete-object --type privkey --id 03
    try 'OpenSC has two' listed 2 --list-keys Private
    try 'a key with its certificate is deleted' user --delete-object --type privkey --id 02
    try 'OpenSC has one certificate' listed 1 --list-certificates X.509
    try 'the other one signs' gids_signs 01
    try 'its place is used again' user_gives 02 "$dir/rsa"
    try 'and signs' gids_signs 02
    # Another key of the administrator, and a card begun anew.
    try 'another key of the administrator' so_gids --change-pin --new-pin $gids_next
    try 'gids-tool has it no more' fails gids-tool --unblock --pin 123456 --admin-key $gids_key
    try 'but the new one' gids-tool --unblock --pin 123456 --admin-key $gids_next
    refused 'beginning anew by the old one' CKR_PIN_INCORRECT tool --init-token --slot-index 0 --so-pin $gids_key --label A
    try 'by the new one it begins anew' tool --init-token --slot-index 0 --so-pin $gids_next --label Any
    try 'the PIN is none any more' fails user -O
    key=$gids_next
    try 'another is set' so_gids --init-pin --new-pin 123456
    try 'there are no keys' has 0 'Private Key'
    try 'nor are there as OpenSC has it' listed 0 --list-keys Private
    try 'makes P-256' user_pair 01 EC:prime256v1
    try 'which signs' good 01 ECDSA-SHA256 sha256
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}
inside_gidstool() { # what gids-tool and OpenSC wrote is changed and deleted
    card gids empty
    filled
    opensc=$(find_module opensc-pkcs11.so)
    try 'gids-tool --initialize' gids-tool --initialize --pin 123456 --admin-key $gids_key \
        --serial 00112233445566778899AABBCCDDEEFF
    try 'the card is called by that number' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'GIDS ccddeeff'"
    for id in 00 01; do try "OpenSC makes key $id" by "$opensc" user --keypairgen --key-type rsa:2048 --id $id; done
    for id in 01 02; do
        try "public key $id" user --read-object --type pubkey --id $id -o "$dir/$id.der"
        to_pem $id
        try 'its certificate' user_stores $id
        try 'as OpenSC reads it' gids_same $id
    done
    try 'both sign' gids_signs 01 02
    try 'the first one is deleted' user --delete-object --type privkey --id 01
    try 'its place is used again' user_pair 01 rsa:2048
    try 'it has no certificate' has 1 Certificate
    try 'both sign' gids_signs 01 02
    try 'sets the PIN' so_gids --init-pin --new-pin 123456
    card_is_unhurt
}

# ---- OpenPGP: RSA-2048 that signs, P-256 that derives, P-384 that authenticates; GnuPG knows them ----
pgp_keys() {    # so many keys that GnuPG sees on the card
    timeout 100 gpg --card-status > "$dir/said" 2>&1
    cat "$dir/said"
    [ "$(grep -c '^\(Signature\|Encryption\|Authentication\) key *[.]*: [0-9A-F]' "$dir/said")" = "$1" ]
}
# GnuPG makes the card's keys those of a user: as they are on the card, if they are of the same second.
pgp_date() {    # pgp_date <field>: when a key was made
    timeout 100 gpg --with-colons --card-status | sed -n 's/^fprtime://p' | cut -d : -f "$1"
}
pgp_adopt() {
    printf '%s\n' 14 1 q 0 'Card Holder' card@example.org '' |
        timeout 100 gpg --faked-system-time "$(pgp_date 1)!" --command-fd 0 --expert --full-generate-key &&
        printf '%s\n' addkey 14 2 q 0 save |
        timeout 100 gpg --faked-system-time "$(pgp_date 2)!" --command-fd 0 --expert --edit-key card@example.org
}
pgp_are_known() {   # are fingerprints of the card those that GnuPG computed?
    timeout 100 gpg --with-colons --card-status | sed -n 's/^fpr:\([^:]*\):\([^:]*\):.*/\1\n\2/p' | sort > "$dir/prints"
    gpg --with-colons -k | sed -n 's/^fpr:*\([^:]*\):/\1/p' | sort > "$dir/own"
    cat "$dir/own" && cmp "$dir/prints" "$dir/own"
}
denied() {      # denied <what> <what is said> <command...>
    what=$1 why=$2; shift 2
    try "$what is refused" fails "$@"
    try "it says $why" grep -q "$why" "$dir/said"
}
inside_fillpgp() {
    card openpgp empty
    filled
    key=12345678
    try 'it has no keys' has 0 'Private Key'
    key=12345679
    denied 'a wrong PW3' CKR_PIN_INCORRECT so --keypairgen --key-type EC:prime256v1 --id 01
    key=12345678
    try 'makes RSA-2048' pair 01 --key-type rsa:2048 --usage-sign
    try 'makes P-256' pair 02 --key-type EC:prime256v1 --id 02
    openssl ecparam -name secp384r1 -genkey -noout -out "$dir/given.pem"
    openssl pkey -in "$dir/given.pem" -outform DER -out "$dir/given.der"
    openssl pkey -in "$dir/given.pem" -pubout -out "$dir/03.key"
    try 'is given P-384' so --write-object "$dir/given.der" --type privkey --usage-sign --id 03
    for id in 01 02; do
        try "public key $id" tool --read-object --type pubkey --id $id -o "$dir/$id.der"
        to_pem $id
    done
    for id in 01 02 03; do try "certificate $id" stored $id --id $id; done
    for id in 01 02 03; do try "certificate $id is what was written" same $id; done
    try 'RSA signs' good 01 SHA256-RSA-PKCS sha256
    try 'P-384 signs' good 03 ECDSA-SHA384 sha384
    denied 'deleting a key' 0x1b so --delete-object --type privkey --id 03
    denied 'a new key where a certificate is' CKR_ATTRIBUTE_VALUE_INVALID so --keypairgen --key-type rsa:2048 --id 01
    printf 'holder' > "$dir/name"
    try 'writes data' so --write-object "$dir/name" --type data --label 'Login data'
    try 'sets the PIN' so --init-pin --new-pin 654321
    try 'the user has it' tool --login --pin 654321 -O
    try 'and changes it' tool --login --pin 654321 --change-pin --new-pin 123456
    gpg_begin pcsc-shared
    try 'GnuPG sees three keys' pgp_keys 3
    try 'of these kinds' grep -q 'Key attributes .*rsa2048 nistp256 nistp384' "$dir/said"
    try 'whose they are' grep -q 'Login data .*: holder' "$dir/said"
    try 'GnuPG takes them' pgp_adopt
    try 'their fingerprints are on the card' pgp_are_known
    try 'signs' timeout 100 gpg -o "$dir/text.gpg" --detach-sign "$dir/text"
    try 'and finds it good' gpg --verify "$dir/text.gpg" "$dir/text"
    try 'encrypts' gpg --trust-model always -r card@example.org -o "$dir/text.enc" -e "$dir/text"
    try 'and decrypts' sh -c "timeout 100 gpg -d $dir/text.enc | cmp - $dir/text"
    gpg_end
    opensc=$(find_module opensc-pkcs11.so)
    for id in 02 03; do try "OpenSC has certificate $id" by "$opensc" same $id; done
    try 'pkcs15-tool lists the keys' sh -c "pkcs15-tool --list-keys | grep -c '^Private' | grep -q '^3\$'"
    try 'openpgp-tool verifies PW1' openpgp-tool --verify CHV1 --pin 123456
    try 'begins the card anew' tool --init-token --label x --so-pin 12345678
    try 'it has no keys' has 0 'Private Key'
    try 'a PW3 of its own' tool --init-token --label x --so-pin 12345678
    unset key
}

# What GnuPG and openpgp-tool made: changed, deleted, begun anew with another PW3.
inside_emptypgp() {
    card openpgp empty
    filled
    key=12345678
    gpg_begin pcsc-shared
    gpg_generate
    try 'GnuPG sets login data' gpg_edit login holder
    gpg_end
    try 'three keys' has 3 'Private Key'
    try 'public key 01' tool --read-object --type pubkey --id 01 -o "$dir/01.der"
    to_pem 01
    try 'it signs' good 01 SHA256-RSA-PKCS sha256
    try 'its certificate' stored 01 --id 01
    try 'is deleted again' so --delete-object --type cert --id 01
    try 'deletes login data' so --delete-object --type data --label 'Login data'
    try "a key takes GnuPG's place" pair 03 --key-type EC:prime256v1 --id 03
    try 'GnuPG sees three keys' pgp_keys 3
    try 'one of them is another' grep -q 'Key attributes .*rsa2048 rsa2048 nistp256' "$dir/said"
    try 'and no login data' grep -q 'Login data .*not set' "$dir/said"
    gpg_end
    try 'begins the card anew' tool --init-token --label x --so-pin 12345678
    try 'PW3 is changed' so --change-pin --new-pin 87654321
    key=87654321
    try 'and lets keys be made' pair 01 --key-type EC:prime256v1 --id 01
    try 'begins the card anew by that' tool --init-token --label x --so-pin 87654321
    try 'GnuPG sees none' pgp_keys 0
    gpg_end
    key=12345678
    denied 'PW3 of before' CKR_PIN_INCORRECT so --keypairgen --key-type EC:prime256v1 --id 01
    key=87654321
    try 'the one that it was given' pair 01 --key-type EC:prime256v1 --id 01
    unset key
}

# ---- A blank MyEID becomes a PKCS#15 card, and OpenSC goes on with it ----

myeid_init() {  # myeid_init <option...>: pkcs15-init, as the user
    timeout 60 pkcs15-init --so-pin 87654321 --pin 123456 --auth-id 01 "$@"
}
owns() {        # owns <ID> <option...>: the user has a pair made; OpenSC tells its public half
    id=$1; shift
    user --keypairgen --id "$id" "$@" && pkcs15-tool --read-public-key "$id" > "$dir/$id.key"
}
gives() {       # gives <ID> <private key>: the card is given it
    openssl pkey -in "$2" -outform DER -out "$dir/private" && openssl pkey -in "$2" -pubout -out "$dir/$1.key" &&
        user --write-object "$dir/private" --type privkey --id "$1"
}
keeps() {       # keeps <ID>: a certificate of the key in <ID>.key, as the user's
    certify "$dir/$1.key" "$dir/$1.crt" && openssl x509 -in "$dir/$1.crt" -outform DER -out "$dir/$1.cer" &&
        user --write-object "$dir/$1.cer" --type cert --id "$1" --label "Certificate $1"
}
opens() {       # opens <ID>: decrypts with RSA what openssl encrypted
    openssl pkeyutl -encrypt -pubin -inkey "$dir/$1.key" -in "$dir/text" -out "$dir/cipher" &&
        user --decrypt --id "$1" -m RSA-PKCS -i "$dir/cipher" -o "$dir/plain" && cmp "$dir/text" "$dir/plain"
}
rsa_and_ec() {  # private keys of openssl's
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa" 2> /dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ec"
}

inside_myeid() {
    card myeid classic empty
    filled
    rsa_and_ec
    opensc=$(find_module opensc-pkcs11.so)
    try 'it is not set up' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q uninitialized"
    try 'C_InitToken' tool --init-token --so-pin 87654321 --label 'By scard11'
    try 'it has that label' sh -c "timeout 60 pkcs11-tool --module $module -L | grep -q 'label *: By scard11'"
    try 'C_InitPIN' tool --init-pin --so-pin 87654321 --pin 123456
    try 'makes RSA-2048' owns 01 --key-type rsa:2048 --label 'RSA made'
    try 'makes P-256' owns 02 --key-type EC:prime256v1 --label 'EC made'
    try 'is given RSA-2048' gives 03 "$dir/rsa"
    try 'is given P-256' gives 04 "$dir/ec"
    for id in 01 02 03 04; do try "certificate $id" keeps $id; done
    head -c 32 /dev/urandom > "$dir/aes"
    head -c 64 /dev/urandom > "$dir/blocks"
    try 'is given AES-256' user --write-object "$dir/aes" --type secrkey --key-type AES:32 --private \
        --sensitive --id 06 --label AES
    openssl enc -aes-256-cbc -nopad -K "$(od -An -tx1 "$dir/aes" | tr -d ' \n')" -iv 00 -in "$dir/blocks" \
        -out "$dir/enciphered" 2> /dev/null
    try 'data for all' user --write-object "$dir/text" --type data --label Note --application-label scard11
    try "data for the user" user --write-object "$dir/text" --type data --private --label Secret
    for id in 01 03; do
        try "RSA $id signs" good $id SHA256-RSA-PKCS sha256
        try "RSA $id decrypts" opens $id
    done
    for id in 02 04; do try "EC $id signs" good $id ECDSA-SHA256 sha256; done
    try 'the PIN is changed' tool --login --pin 123456 --change-pin --new-pin 654321
    for _ in 1 2 3; do try 'a wrong PIN' fails user -O; done
    try 'it is locked' fails tool --login --pin 654321 -O
    try 'the SO unlocks it' tool --init-pin --so-pin 87654321 --pin 123456
    # What others see of it.
    try 'OpenSC has four certificates' by "$opensc" has 4 Certificate
    try 'and four keys' test "$(grep -c '^Private Key Object' "$dir/said")" = 4
    for id in 01 02 03 04; do try "certificate $id is the same" by "$opensc" same $id; done
    for id in 01 03; do
        try "OpenSC signs with RSA $id" by "$opensc" good $id SHA256-RSA-PKCS sha256
        try "decrypts with RSA $id" by "$opensc" opens $id
    done
    for id in 02 04; do try "OpenSC signs with EC $id" by "$opensc" good $id ECDSA-SHA256 sha256; done
    try 'encrypts by AES' user --encrypt --id 06 -m AES-CBC --iv 00000000000000000000000000000000 -i "$dir/blocks" \
        -o "$dir/by_us"
    try 'as openssl does' cmp "$dir/by_us" "$dir/enciphered"
    try 'OpenSC encrypts by AES' by "$opensc" user --encrypt --id 06 -m AES-CBC \
        --iv 00000000000000000000000000000000 -i "$dir/blocks" -o "$dir/by_opensc"
    try 'as openssl does' cmp "$dir/by_opensc" "$dir/enciphered"
    try 'OpenSC reads the data' by "$opensc" value Secret "$dir/text"
    try 'pkcs15-tool lists the keys' sh -c "pkcs15-tool --list-keys | grep -c '^Private' | grep -q '^4\$'"
    try 'and the PINs' sh -c "pkcs15-tool --list-pins | grep -c '^PIN' | grep -q '^2\$'"
    # OpenSC goes on.
    try 'pkcs15-init makes a key' myeid_init --generate-key rsa/2048 --id 05 --label 'One more'
    try 'which scard11 has, too' has 5 'Private Key'
    pkcs15-tool --read-public-key 05 > "$dir/05.key" 2> /dev/null
    try 'and signs with' good 05 SHA256-RSA-PKCS sha256
    try 'pkcs15-init deletes one of ours' myeid_init --delete-objects privkey,pubkey,cert --id 02
    try 'scard11 does not have it' has 4 'Private Key'
    try 'scard11 deletes one of theirs' user --delete-object --type privkey --id 05
    try 'OpenSC does not have it' by "$opensc" has 3 'Private Key'
    try 'nor its public half' by "$opensc" has 3 'Public Key'
    for id in 01 03 04; do
        try "key $id is deleted" user --delete-object --type privkey --id $id
        try "certificate $id, too" user --delete-object --type cert --id $id
    done
    for name in Note Secret; do try "$name is deleted" user --delete-object --type data --label $name; done
    try 'nothing is left' by "$opensc" has 0 'Private Key'
    try 'no certificate, no data' not grep -q '^Certificate\|^Data' "$dir/said"
    try 'makes a key again' owns 01 --key-type EC:secp384r1
    try 'which signs' by "$opensc" good 01 ECDSA-SHA384 sha384
    try 'who is not the SO does not begin it anew' fails tool --init-token --so-pin 11111111 --label Other
    try 'the key is there' has 1 'Private Key'
    try 'the SO does' tool --init-token --so-pin 87654321 --label Other
    try 'with a PIN' tool --init-pin --so-pin 87654321 --pin 123456
    try 'it is empty' has 0 'Private Key'
    try 'four PINs were wrong' test "$(cat "$dir/tries")" = 4
    try 'no secret went to another application' test "$(cat "$dir/secrets")" = 0
}

# ---- What pkcs15-init has made is changed and deleted by scard11 ----
inside_myeidtheirs() {
    card myeid classic empty
    filled
    rsa_and_ec
    opensc=$(find_module opensc-pkcs11.so)
    try 'pkcs15-init begins' pkcs15-init --create-pkcs15 --so-pin 87654321 --so-puk 12345678 --label Theirs
    try 'a PIN' pkcs15-init --store-pin --auth-id 01 --pin 123456 --puk 12345678 --so-pin 87654321 --label User
    try 'and ends' pkcs15-init --finalize
    try 'a key' myeid_init --generate-key rsa/2048 --id 01 --label 'RSA made' --key-usage sign,decrypt
    try 'one that is given' myeid_init --store-private-key "$dir/ec" --id 02 --label 'EC stored'
    try 'data' myeid_init --store-data "$dir/text" --application-name scard11 --label Data
    pkcs15-tool --read-public-key 01 > "$dir/01.key" 2> /dev/null
    openssl pkey -in "$dir/ec" -pubout -out "$dir/02.key"
    try 'scard11 stores a certificate' keeps 01
    try 'scard11 makes a key' owns 03 --key-type EC:secp384r1 --label 'By scard11'
    try 'is given one' gives 04 "$dir/rsa"
    try 'scard11 has four keys' has 4 'Private Key'
    try 'OpenSC, too' by "$opensc" has 4 'Private Key'
    try 'OpenSC signs with 01' by "$opensc" good 01 SHA256-RSA-PKCS sha256
    try 'with 03' by "$opensc" good 03 ECDSA-SHA384 sha384
    try 'with 04' by "$opensc" good 04 SHA256-RSA-PKCS sha256
    try 'OpenSC has the certificate' by "$opensc" same 01
    try "the certificate's ID is changed" user --set-id 07 --type cert --id 01
    try 'as OpenSC has it' sh -c "pkcs15-tool --list-certificates | grep -q 'ID *: 07'"
    try 'deletes their key' user --delete-object --type privkey --id 02
    try 'deletes their data' user --delete-object --type data --label Data
    try 'OpenSC has three keys' by "$opensc" has 3 'Private Key'
    try 'and no data' not grep -q '^Data' "$dir/said"
    try 'pkcs15-init goes on' myeid_init --store-private-key "$dir/ec" --id 08 --label 'EC again'
    openssl pkey -in "$dir/ec" -pubout -out "$dir/08.key"
    try 'scard11 signs with it' good 08 ECDSA-SHA256 sha256
    try 'C_InitToken by their SO-PIN' tool --init-token --so-pin 87654321 --label Anew
    try 'C_InitPIN' tool --init-pin --so-pin 87654321 --pin 123456
    try 'it is empty' has 0 'Private Key'
    card_is_unhurt
}

run_inside "$@"
in_lab first 'Virtual PCD'
in_lab second 'Virtual PCD'
in_lab sshrsa 'Virtual PCD'
in_lab sshed 'Virtual PCD'
in_lab chip 'Virtual PCD'
in_lab fill 'Virtual PCD'
in_lab fillyk 'Yubico Virtual PCD'
in_lab emptyyk 'Yubico Virtual PCD'
in_lab anewyk 'Yubico Virtual PCD'
in_lab personalise 'Yubico Virtual PCD'
in_lab isoapplet 'Virtual PCD'
in_lab isoinit 'Virtual PCD'
in_lab generic 'Virtual PCD'
in_lab genericspace 'Virtual PCD'
in_lab fillhsm 'Virtual PCD'
in_lab emptyhsm 'Virtual PCD'
in_lab gids 'Virtual PCD'
in_lab gidstool 'Virtual PCD'
in_lab fillpgp 'Virtual PCD'
in_lab emptypgp 'Virtual PCD'
in_lab myeid 'Virtual PCD'
in_lab myeidtheirs 'Virtual PCD'
sum_up
