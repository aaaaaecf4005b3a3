# made.sh: blank cards on which keys are made through scard11, and what clients make of them: keys, requests, PINs.
# Read by tests/clients/clients.sh.
# SPDX-License-Identifier: 0BSD
# shellcheck shell=sh disable=SC2154
#
# On each such card is an RSA key with ID 01 and its certificate, which pkcs11-tool had scard11 make; other clients,
# of the other tables, use these.
table="$table
test-ec         madepiv madepgp madehsm mademyeid madeiso madegids  quick
p11tool-make    madepiv madepgp madehsm mademyeid madeiso madegids  quick
certutil-make   madehsm mademyeid madeiso  quick
keytool-make    mademyeid  quick
provider        rsa mademyeid  quick
pins            madepiv madepgp madehsm mademyeid madeiso madegids generic esteid fineid belpic  quick
"
# roles <card>: what its SO says, who writes it, and the ID of a further key that signs
roles() {
    puk=12345678 writer=user second=02
    case $1 in
        madepiv) writer=so second=05 so=010203040506070801020304050607080102030405060708 ;;
        madepgp) writer=so second=03 ;;
        madehsm) puk=3537363231383830 ;;
        mademyeid) puk=87654321 ;;
        madeiso) puk=1234567812345678 ;;
        madegids) puk=0123456789abcdef0123456789abcdef0123456789abcdef ;;
        belpic) puk=123456789012 ;;
    esac
    : "${so:=$puk}"
}
as_so() { p11 --login --login-type so --so-pin "$so" "$@"; }
as_writer() { if [ $writer = so ]; then as_so "$@"; else p11 --login --pin "$PIN" "$@"; fi; }

# made_card: the card of this part, filled, by scard11 in both columns.
made_card() {
    module=$ours
    roles "$part"
    case $part in
        madepiv) card extended 5.7 3des blank prepared ;;
        madepgp) card openpgp empty ;;
        madehsm) card schsm blank ;;
        mademyeid) card myeid empty ;;
        madeiso) card isoapplet empty ;;
        madegids) card gids empty ;;
    esac
    (   set -e
        exec > "$OUT/clients/$COLUMN/$part.log" 2>&1
        cd "$dir"
        case $part in
            madepiv | madepgp) ;;
            *) p11 --init-token --slot-index 0 --so-pin "$so" --label Made
                as_so --init-pin --new-pin "$PIN" ;;
        esac
        as_writer --keypairgen --key-type rsa:2048 --id 01 --label Made
        p11 --login --pin "$PIN" --read-object --type pubkey --id 01 -o pub.der
        issue_to pub.der "$pki/user-$part"
        as_writer --write-object "$pki/user-$part.der" --type cert --id 01 --label Made
    ) || cat "$OUT/clients/$COLUMN/$part.log"
}

# issue_to <public key> <name>: the authority's certificate for it, <name>.pem and <name>.der
issue_to() {
    openssl pkey -pubin -inform DER -in "$1" -out key.pem
    openssl req -new -key "$pki/server.key" -subj /CN=user -out user.csr
    openssl x509 -req -in user.csr -force_pubkey key.pem -CA "$pki/ca.pem" -CAkey "$pki/ca.key" \
        -set_serial "0x$(openssl rand -hex 8)" -days 3000 -extfile "$root/tests/clients/pki.cnf" \
        -extensions user_rsa -out "$2.pem"
    openssl x509 -in "$2.pem" -outform DER -out "$2.der"
}

# pkcs11-tool opens a read-only session for this test, in which no key can be made, unless it is told otherwise.
client_test_ec() {
    roles $card
    test_ec() { p11 --test-ec --session-rw --login "$@" --id $second --key-type EC:prime256v1 > said 2>&1; }
    if [ $writer = so ]; then
        fails test_ec --login-type so --so-pin "$so"
        grep '^Key pair generated' said
        grep 'C_Sign failed: rv = CKR_USER_NOT_LOGGED_IN' said
        [ $card = madepgp ] || as_so --delete-object --type privkey --id $second
        skip 'the SO makes keys on this card, and cannot sign with them'
    fi
    test_ec --pin "$PIN"
    grep '^==> OK' said
    p11 --login --pin "$PIN" -O > objects
    test "$(grep -c '^Private Key Object\|^Public Key Object' objects)" = 2
}

# p11tool makes a pair, certtool a request, p11tool writes the certificate.
client_p11tool_make() {
    roles $card
    export GNUTLS_PIN="$PIN" GNUTLS_SO_PIN="$so"
    gnutls() { p11tool --provider="$module" "$@"; }
    [ $writer = so ] && as=--so-login || as=--login
    url=$(gnutls --list-token-urls | grep -m 1 serial=)
    case $card in
        madehsm | madegids) type='rsa --bits=2048' m=SHA256-RSA-PKCS ;;
        *) type='ecdsa --curve=secp256r1' m=ECDSA-SHA256 ;;
    esac
    # shellcheck disable=SC2086
    gnutls $as --generate-privkey=$type --id=$second --label=By-p11tool --outfile made.pem "$url"
    echo 'cn = me' > template
    certtool --provider="$module" --generate-request --load-privkey "$url;id=%$second;type=private" \
        --load-pubkey "$url;id=%$second;type=public" --template template --hash SHA256 --outfile csr
    openssl req -in csr -verify -noout
    openssl req -in csr -pubkey -noout | cmp - made.pem
    openssl pkey -pubin -in made.pem -outform DER -out made.der
    issue_to made.der issued
    gnutls $as --write --load-certificate=issued.pem --id=$second --label=By-p11tool "$url"
    gnutls --export "$url;id=%$second;type=cert" | openssl x509 -outform DER | cmp - issued.der
    text
    p11 --login --pin "$PIN" --sign --id $second -m $m --signature-format openssl -i text -o sig
    openssl dgst -sha256 -verify made.pem -signature sig text
    if [ $card = madehsm ]; then        # what OpenSC sees of it
        theirs() { pkcs11-tool --module "$opensc" --login --pin "$PIN" "$@"; }
        theirs --read-object --type cert --id $second | cmp - issued.der
        theirs --sign --id $second -m $m --signature-format openssl -i text -o theirs
        openssl dgst -sha256 -verify made.pem -signature theirs text
        gnutls $as --batch --delete "$url;id=%$second;type=private"
        fails theirs --sign --id $second -m $m -i text -o theirs
        return
    fi
    as_writer --delete-object --type cert --id $second
    [ $card = madepgp ] || as_writer --delete-object --type privkey --id $second
}

# NSS makes a pair and a request, gives the pair the CKA_ID that it goes by, and stores the certificate.
client_certutil_make() {
    roles $card
    nss_db
    head -c 64 /dev/urandom > noise
    certutil -R -d sql:db -h "$token" -k ec -q nistp256 -s CN=me -f pin -z noise -a -Z SHA256 -o csr
    openssl req -in csr -verify -noout
    openssl req -in csr -pubkey -noout | openssl pkey -pubin -outform DER -out made.der
    issue_to made.der issued
    certutil -A -d sql:db -h "$token" -n Made-by-NSS -t u,u,u -f pin -i issued.pem
    p11 --login --pin "$PIN" -O --type privkey > keys
    its=$(sed -n 's/^  ID: *//p' keys | grep -v '^01$')
    certutil -K -d sql:db -h "$token" -f pin | grep "$its"
    p11 --read-object --type cert --id "$its" | cmp - issued.der
    p11 --login --pin "$PIN" --delete-object --type cert --id "$its"
    p11 --login --pin "$PIN" --delete-object --type privkey --id "$its"
}

# Java makes pairs on a token where its configuration says so; keytool stores a certificate that it signed by them.
client_keytool_make() {
    roles $card
    java_config
    cat >> conf <<EOF
attributes(generate, CKO_PRIVATE_KEY, *) = { CKA_TOKEN = true
    CKA_PRIVATE = true
    CKA_SENSITIVE = true }
attributes(generate, CKO_PUBLIC_KEY, *) = { CKA_TOKEN = true }
EOF
    # shellcheck disable=SC2086
    keytool -genkeypair $store -alias made -keyalg EC -groupname secp256r1 -dname CN=made
    # shellcheck disable=SC2086
    keytool -list $store > list
    test "$(grep -c PrivateKeyEntry list)" = 2
    # shellcheck disable=SC2086
    keytool -certreq $store -alias made > csr
    openssl req -in csr -verify -noout
    # shellcheck disable=SC2086
    keytool -delete $store -alias made
    p11 --login --pin "$PIN" -O > objects
    test "$(grep -c '^Private Key Object\|^Certificate Object' objects)" = 2
}

# What OpenSSL 3 has instead of its engine; from Debian 13 on.
client_provider() {
    roles $card
    provider=$(find /usr/lib -name pkcs11.so -path '*ossl-modules*' | head -n 1)
    [ -n "$provider" ] || skip 'pkcs11-provider is not there'
    cat > openssl.cnf <<EOF
openssl_conf = init
[init]
providers = list
[list]
default = on
pkcs11 = card
[on]
activate = 1
[card]
module = $provider
pkcs11-module-path = $module
pkcs11-module-token-pin = $PIN
pkcs11-module-encode-provider-uri-to-pem = true
activate = 1
EOF
    text; pub
    card() { OPENSSL_CONF="$here/openssl.cnf" openssl "$@"; }
    card dgst -sha256 -sign "$(uri 01)" -out sig text
    verify sig
    card req -new -key "$(uri 01)" -subj /CN=me -out csr
    openssl req -in csr -verify -noout
    openssl req -in csr -pubkey -noout | cmp - pub
    [ "$card" != rsa ] || return 0
    card genpkey -out made.pem -propquery provider=pkcs11 -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
        -pkeyopt "pkcs11_uri:pkcs11:object=By-openssl;id=%$second"
    card req -new -key "$(uri $second)" -subj /CN=me -out csr
    openssl req -in csr -verify -noout
    p11 --login --pin "$PIN" --delete-object --type privkey --id $second
}

# ---- PINs: changed, blocked, and set anew by the SO; the card itself counts the tries ----
tries() { cat "$dir/tries"; }
fails_with() { why=$1; shift; fails "$@" > said 2>&1; grep "$why" said; }
wrong_pin() { fails p11 --login --pin 111111 -O > said 2>&1; }
# The option by which C_SetPIN takes the PUK: the PIN has $n tries.
unlock() { (SCARD11_UNBLOCK=set_pin && export SCARD11_UNBLOCK && p11 --unlock-pin "$@" --new-pin "$PIN"); }
client_unlock() {
    for _ in $(seq 1 $n); do wrong_pin; done
    fails_with CKR_PIN_LOCKED user -O
    before=$(tries)
    fails_with CKR_PIN_INCORRECT unlock --puk "$wrong_so"
    test "$(($(tries) - before))" = 1
    fails_with CKR_PIN_LOCKED user -O
    unlock --puk "$puk"
    user -O | grep '^Private Key Object'
}
client_pins() {
    roles $card
    by_so() { p11 --login --login-type so --so-pin "$@"; }
    user() { p11 --login --pin "$PIN" "$@"; }
    wrong_so=9${puk#?} next_so=5${puk#?} before=$(tries) n=1
    user --change-pin --new-pin 654321
    p11 --login --pin 654321 --change-pin --new-pin "$PIN"
    test "$(tries)" = "$before"
    wrong_pin
    until grep CKR_PIN_LOCKED said; do
        grep CKR_PIN_INCORRECT said
        wrong_pin
        n=$((n + 1))
    done
    test "$(($(tries) - before))" = $n
    fails_with CKR_PIN_LOCKED user -O
    # It gives C_SetPIN the PUK as the PIN's old value, in a session of nobody: the standard has no such use, and
    # it is not taken so by default.
    fails_with 'C_SetPIN failed' p11 --unlock-pin --puk "$puk" --new-pin "$PIN"
    test "$(($(tries) - before))" = $n
    fails_with CKR_PIN_INCORRECT by_so "$wrong_so" --init-pin --new-pin "$PIN"
    [ $card = madegids ] || test "$(($(tries) - before))" = $((n + 1))
    fails_with CKR_PIN_LOCKED user -O
    by_so "$puk" --init-pin --new-pin "$PIN"
    for _ in $(seq 2 $n); do wrong_pin; grep CKR_PIN_INCORRECT said; done     # it has all of its tries
    user -O | grep '^Private Key Object'
    [ $card = madegids ] || client_unlock
    case $card in
        mademyeid | madeiso | belpic)       # no command changes it
            fails_with CKR_FUNCTION_NOT_SUPPORTED by_so "$puk" --change-pin --new-pin "$next_so"
            return ;;
    esac
    by_so "$puk" --change-pin --new-pin "$next_so"
    fails_with CKR_PIN_INCORRECT by_so "$puk" --init-pin --new-pin "$PIN"
    by_so "$next_so" --init-pin --new-pin "$PIN"
    by_so "$next_so" --change-pin --new-pin "$puk"
}
