#!/bin/sh
# e2e.sh: build/scard11.so through a real pcscd, with programs that people have: pkcs11-tool, ssh-keygen,
# p11tool, openssl, ssh. The cards are simulated, PIV and OpenPGP, on a virtual reader.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc gnutls-bin openssh-client openssl valgrind libssl-dev openssh-server
# Packages: python3-pykcs11
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
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

run_inside "$@"
in_lab first 'Virtual PCD'
in_lab second 'Virtual PCD'
in_lab sshrsa 'Virtual PCD'
in_lab sshed 'Virtual PCD'
in_lab chip 'Virtual PCD'
sum_up
