# tools.sh: clients that list, sign and decrypt. Read by tests/clients/clients.sh.
# SPDX-License-Identifier: 0BSD
# shellcheck shell=sh disable=SC2154
table="$table
pkcs11-tool     rsa ec  quick
test            rsa ec  quick
test-threads    rsa     quick
test-fork       rsa     quick
pkcs11-dump     rsa     quick
p11tool         rsa ec  quick
certtool        rsa ec  quick
p11-kit         rsa     quick
p11-kit-server  rsa     quick
ssh-keygen      rsa ec madepiv  quick
ssh-agent       rsa ec madepiv  quick
sshd            rsa ec madepiv madepgp madegids  quick
cryptenroll     rsa hsm generic openpgp cac madepiv madehsm mademyeid madeiso madegids  quick
java            rsa ec  quick
jarsigner       rsa ec  quick
pykcs11         rsa ec  quick
engine          rsa ec madepiv madehsm madeiso  quick
osslsigncode    rsa     quick
pkcs11-helper   rsa     quick
openvpn-ids     rsa     quick
gnupg-scd       rsa     quick
strongswan      rsa ec madepiv madepgp mademyeid  quick
pam_pkcs11      rsa ec  quick
pam_p11         rsa ec  quick
pkinit          rsa ec  quick
graphene        rsa     slow
memory          rsa     slow
"
p11() { pkcs11-tool --module "$module" "$@"; }
text() { echo 'signed by a client' > text; }
pub() { openssl x509 -in "$pki/user-$card.pem" -pubkey -noout > pub; }
verify() { openssl dgst -sha256 -verify pub -signature "$1" text; }  # verify <DER or PKCS#1 signature>

client_pkcs11_tool() {
    text; pub
    p11 -L; p11 -M
    p11 -O --login --pin "$PIN" > objects
    test "$(grep -c '^Certificate Object' objects)" = 4
    test "$(grep -c '^Private Key Object' objects)" = 4
    case $card in rsa) m=SHA256-RSA-PKCS ;; ec) m=ECDSA-SHA256 ;; esac
    p11 --login --pin "$PIN" --sign --id 01 -m $m --signature-format openssl -i text -o sig
    verify sig
    if [ "$card" = rsa ]; then
        openssl pkeyutl -encrypt -pubin -inkey pub -in text -out cipher
        p11 --login --pin "$PIN" --decrypt --id 01 -m RSA-PKCS -i cipher -o plain
    else
        p11 --read-object --type cert --id 03 | openssl x509 -inform DER -pubkey -noout > peer
        openssl ecparam -name prime256v1 -genkey -noout -out own
        openssl pkey -in own -pubout -outform DER -out own.der
        p11 --login --pin "$PIN" --derive -m ECDH1-DERIVE --id 03 -i own.der -o plain
        openssl pkeyutl -derive -inkey own -peerkey peer -out text
    fi
    cmp text plain
}
client_test() {
    p11 --test --login --pin "$PIN" > said 2>&1
    grep '^No errors' said
}
client_test_threads() {
    # Two threads call C_Initialize, all ask for slots and tokens; "already initialized" is right for one.
    # --test keeps the main thread busy: it waits 30 s for threads that are not done at its end.
    p11 --test-threads ILGISLT0 --test-threads ILGISLT0 --test-threads GISLT0T0 --test-threads SLT0SLT0 \
        --test --login --pin "$PIN" > said 2>&1
    grep 'all threads have ended\|test_threads cleanup finished' said
    grep '^No errors' said
    fails grep 'test_threads thread:.*rv:CKR_[^OC]' said
    fails grep 'test_threads thread:.*rv:CKR_C[^R]' said
}
client_test_fork() { p11 --test-fork; }
client_pkcs11_dump() {
    pkcs11-dump slotlist "$module" | tee slots
    slot=$(awk '/token|Slot|^[0-9]/ { print $1; exit }' slots)
    pkcs11-dump info "$module"
    pkcs11-dump dump "$module" "${slot%:}" "$PIN" > dump
    grep -c CKO_PRIVATE_KEY dump | grep '^[4-9]'
}
client_p11tool() {
    export GNUTLS_PIN=$PIN
    p11tool --provider="$module" --list-tokens
    p11tool --provider="$module" --login --list-all 'pkcs11:' > all
    test "$(grep -c 'Type: Private key' all)" = 4
    p11tool --provider="$module" --list-mechanisms > mechanisms
    p11 -M > theirs
    test "$(grep -c '^.0x' mechanisms)" = "$(grep -c '^  ' theirs)"
    p11tool --provider="$module" --login --test-sign "$(uri 01)"
    p11tool --provider="$module" --export "$(uri 01 cert)" | openssl x509 -outform DER -out cert
    cmp "$pki/user-$card.der" cert
}
client_certtool() {
    export GNUTLS_PIN=$PIN
    echo 'cn = me' > template
    certtool --provider="$module" --generate-request --load-privkey "$(uri 01)" --load-pubkey "$(uri 01 public)" \
        --template template --outfile csr
    openssl req -in csr -verify -noout
    pub
    openssl req -in csr -pubkey -noout | cmp - pub
}
client_p11_kit() {
    p11_kit_registry
    as_user p11-kit list-modules > modules
    grep -A 20 '^\(module: \)*opensc-pkcs11' modules | grep 'token: '
}
# A card in one machine used from another: here through a socket.
client_p11_kit_server() {
    text; pub
    serve p11-kit server -f -n "$here/socket" --provider "$module" pkcs11:
    until_exists socket
    export P11_KIT_SERVER_ADDRESS="unix:path=$here/socket"
    module=$(find /usr/lib -name p11-kit-client.so | head -n 1)
    p11 -L
    p11 --login --pin "$PIN" --sign --id 01 -m SHA256-RSA-PKCS -i text -o sig
    verify sig
    p11 --login --pin "$PIN" -O | grep -c '^Private Key Object' | grep 4
}

# ---- OpenSSH: the PIN comes from a program ----
askpass() {
    printf '#!/bin/sh\necho %s\n' "$PIN" > askpass
    chmod +x askpass
    export SSH_ASKPASS="$here/askpass" SSH_ASKPASS_REQUIRE=force
}
client_ssh_keygen() {
    ssh-keygen -D "$module" > keys
    test "$(grep -c '^ssh-rsa\|^ecdsa' keys)" = "$(n_keys)"
    pub
    ssh-keygen -i -m PKCS8 -f pub > key
    grep -F "$(cut -d ' ' -f 2 key)" keys
}
client_ssh_agent() {
    askpass; pub; text
    export SSH_AUTH_SOCK="$here/agent"
    serve ssh-agent -D -a agent -P '*'
    until_exists agent
    ssh-add -s "$module"
    ssh-add -L > keys
    test "$(wc -l < keys)" = "$(n_keys)"
    ssh-keygen -i -m PKCS8 -f pub > key.pub
    ssh-add -T key.pub
    ssh-keygen -Y sign -U -f key.pub -n file text
    echo "user $(cat key.pub)" > signers
    ssh-keygen -Y verify -f signers -I user -n file -s text.sig < text
    ssh-add -e "$module"
    fails ssh-add -L
}
client_sshd() {
    askpass; pub
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f host
    ssh-keygen -i -m PKCS8 -f pub > authorized
    cat > conf <<EOF
Port $port
ListenAddress 127.0.0.1
HostKey $here/host
AuthorizedKeysFile $here/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PidFile none
EOF
    serve /usr/sbin/sshd -D -e -f "$here/conf"
    listening "$port"
    ssh -F none -o UserKnownHostsFile=known -o StrictHostKeyChecking=no -o IdentityAgent=none \
        -I "$module" -p "$port" "$(id -un)@127.0.0.1" 'echo logged in' > said
    grep '^logged in' said
}

# The volume key's wrapper goes through the card: what was enrolled opens the image again.
client_cryptenroll() {
    p11_kit_registry
    truncate -s 32M luks
    printf first > first
    cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 luks first ||
        skip 'cryptsetup makes no LUKS2 image here'
    PASSWORD=first as_user systemd-cryptenroll --pkcs11-token-uri="$(uri $id cert)" luks
    cryptsetup token export --token-id 0 luks > token
    sed 's/.*"pkcs11-key":"\([^"]*\)".*/\1/' token | base64 -d > cipher
    p11 --login --pin "$PIN" --decrypt --id "$id" -m RSA-PKCS -i cipher -o key
    base64 -w 0 key > phrase
    cryptsetup open --test-passphrase --key-file phrase luks
}

# ---- Java ----
java_config() {
    printf 'name = card\nlibrary = %s\nslotListIndex = 0\nshowInfo = true\n' "$module" > conf
    set -- -keystore NONE -storetype PKCS11 -storepass "$PIN" -providerClass sun.security.pkcs11.SunPKCS11 \
        -providerArg conf
    store="$*"
}
client_java() {
    java_config
    # shellcheck disable=SC2086
    keytool -list $store > list
    test "$(grep -c PrivateKeyEntry list)" = 4
    java "$root/tests/clients/Card.java" conf "$PIN" > said
    [ "$card" = rsa ] || grep ' 1 agreements' said
}
client_jarsigner() {
    java_config; text
    jar cf a.jar text
    # shellcheck disable=SC2086
    alias=$(keytool -list -v $store | awk -F': ' '/^Alias name/ { a = $2 } /^Owner: CN=user/ { print a; exit }')
    # shellcheck disable=SC2086
    jarsigner $store a.jar "$alias"
    jarsigner -verify a.jar | grep 'jar verified'
}

client_pykcs11() { /usr/bin/python3 "$root/tests/clients/pykcs11.py" "$module" "$PIN"; }

# ---- OpenSSL's engine ----
engine() { export PKCS11_MODULE_PATH="$module"; key="$(uri 01);pin-value=$PIN"; }
client_engine() {
    engine; text; pub
    openssl dgst -engine pkcs11 -keyform engine -sha256 -sign "$key" -out sig text
    verify sig
    openssl req -new -engine pkcs11 -keyform engine -key "$key" -subj /CN=me -out csr
    openssl req -in csr -verify -noout
    [ "$card" = rsa ] || return 0
    openssl dgst -engine pkcs11 -keyform engine -sha256 -sigopt rsa_padding_mode:pss -sign "$key" -out pss text
    openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify pub -signature pss text
    openssl pkeyutl -encrypt -pubin -inkey pub -in text -out cipher
    openssl pkeyutl -decrypt -engine pkcs11 -keyform engine -inkey "$key" -in cipher | cmp - text
}
client_osslsigncode() {
    /usr/bin/python3 -c 'import struct
p = bytearray(1024)
p[0:2] = b"MZ"; p[60:64] = struct.pack("<I", 64); p[64:68] = b"PE\0\0"
p[68:88] = struct.pack("<HHIIIHH", 0x14c, 0, 0, 0, 0, 224, 0x102); p[88:90] = b"\x0b\x01"
p[88 + 92:88 + 96] = struct.pack("<I", 16)
open("a.exe", "wb").write(p)'
    osslsigncode sign -pkcs11module "$module" -certs "$pki/user-rsa.pem" -key "$(uri 01)" -pass "$PIN" \
        -in a.exe -out b.exe
    osslsigncode verify -CAfile "$pki/ca.pem" b.exe > said || :
    grep 'Signature verification: ok' said
}
client_pkcs11_helper() {
    helper pkcs11_helper -lpkcs11-helper
    "$helper" "$module"
}
client_openvpn_ids() {
    openvpn --show-pkcs11-ids "$module" > ids
    test "$(grep -c 'Serialized id' ids)" -ge 4
}
client_gnupg_scd() {
    mkdir -p home; text
    printf 'providers card\nprovider-card-library %s\n' "$module" > home/gnupg-pkcs11-scd.conf
    printf %s "$PIN" > pin
    printf '#!/bin/sh\nexec gnupg-pkcs11-scd --server --homedir %s/home\n' "$here" > scd.sh
    chmod +x scd.sh
    scd() { gpg-connect-agent --homedir home --exec "$here/scd.sh"; }
    printf '%s\n' '/definqfile NEEDPIN pin' SERIALNO 'LEARN --force' /bye | scd > learnt
    test "$(grep -c KEYPAIRINFO learnt)" -ge 2
    id=$(awk '/KEYPAIRINFO/ { print $4 }' learnt | head -n 1)
    hash=$(openssl dgst -sha256 -r text | cut -c 1-64)
    printf '%s\n' '/definqfile NEEDPIN pin' SERIALNO "SETDATA $hash" "PKSIGN --hash=sha256 $id" /bye |
        scd > signed
    grep -a -c '^D' signed
}
client_strongswan() {
    pub
    echo "libstrongswan { plugins { pkcs11 { modules { card { path = $module } } } } }" > conf
    export STRONGSWAN_CONF="$here/conf"
    echo "$PIN" | setsid -w pki --req --keyid 01 --dn CN=me --outform pem > csr
    openssl req -in csr -verify -noout
    echo "$PIN" | setsid -w pki --self --keyid 01 --dn CN=me --outform pem > cert
    openssl verify -CAfile cert -partial_chain cert
    openssl x509 -in cert -pubkey -noout | cmp pub
}

# ---- PAM, with its service and the user's home in a directory of the test ----
pam() {         # pam <line of the service>
    helper pam -lpam
    mkdir -p services
    printf '%s\n' "$1" 'account required pam_permit.so' > services/card
    echo "user:x:1000:1000::$here:/bin/sh" > passwd
    echo 'user:x:1000:' > group
    LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD="$here/passwd" NSS_WRAPPER_GROUP="$here/group" \
        "$helper" card user "$here/services"
}
client_pam_pkcs11() {
    mkdir -p ca
    cp "$pki/ca.pem" ca/
    pkcs11_make_hash_link ca
    echo 'user -> user' > map
    cat > conf <<EOF
pam_pkcs11 { nullok = false; debug = true; use_first_pass = false; use_pkcs11_module = card;
    pkcs11_module card { module = $module; slot_num = 0; ca_dir = $here/ca; crl_dir = $here/ca;
        support_threads = false; cert_policy = ca, signature; token_type = "card"; }
    use_mappers = cn;
    mapper cn { debug = true; module = internal; mapfile = file://$here/map; } }
EOF
    echo "$PIN" | setsid -w pklogin_finder config_file="$here/conf" > found
    grep '^user' found
    pam "auth required pam_pkcs11.so config_file=$here/conf"
}
client_pam_p11() {
    mkdir -p .eid
    cp "$pki/user-$card.pem" .eid/authorized_certificates
    pam "auth required pam_p11.so $module"
}

# A ticket from a Kerberos server of the test, which knows no password of the user.
client_pkinit() {
    # https://github.com/krb5/krb5/pull/1328, which is in 1.22
    case $card,$(klist -V) in
        ec,*\ 1.1[0-9].* | ec,*\ 1.2[01].*) skip "PKINIT of this krb5 looks for RSA keys alone" ;;
    esac
    cat > krb5.conf <<EOF
[libdefaults]
default_realm = LAB
dns_lookup_kdc = false
dns_lookup_realm = false
rdns = false
[realms]
LAB = {
    kdc = 127.0.0.1:$port
    pkinit_anchors = FILE:$pki/ca.pem
}
EOF
    cat > kdc.conf <<EOF
[kdcdefaults]
kdc_listen = 127.0.0.1:$port
kdc_tcp_listen = 127.0.0.1:$port
[realms]
LAB = {
    database_name = $here/principal
    key_stash_file = $here/stash
    pkinit_identity = FILE:$pki/server.pem,$pki/server.key
    pkinit_anchors = FILE:$pki/ca.pem
}
EOF
    export KRB5_CONFIG="$here/krb5.conf" KRB5_KDC_PROFILE="$here/kdc.conf" KRB5CCNAME="FILE:$here/cache"
    PATH=$PATH:/usr/sbin
    kdb5_util create -s -r LAB -P master
    kadmin.local addprinc -nokey +requires_preauth user
    serve krb5kdc -n > server 2>&1
    listening "$port"
    echo "$PIN" | KRB5_TRACE=$here/trace setsid -w kinit -X "X509_user_identity=PKCS11:module_name=$module:certid=01" user
    klist | grep 'krbtgt/LAB@LAB'
}

# From npm, which compiles it: without a registry it can't be tried.
client_graphene() {
    npm_config_userconfig=$user_home/.npmrc timeout 120 npm install --no-audit --no-fund pkcs11js@2 graphene-pk11@2 > npm 2>&1 || skip 'npm has no registry, or no compiler'
    node -e "require('pkcs11js')" || skip 'npm did not build pkcs11js'
    NODE_PATH=$here/node_modules node "$root/tests/clients/graphene.js" "$module" "$PIN"
}

# Memory of the module while programs use it: no wrong access, nothing lost that the module allocated.
client_memory() {
    text
    check() {       # an error counts when a function of the module has part in it
        valgrind -q --keep-debuginfo=yes --leak-check=full --show-leak-kinds=definite --log-file=valgrind "$@"
        fails grep -i -B 12 -A 3 'scard11\.c\|scard11\.so\|opensc' valgrind
    }
    check pkcs11-tool --module "$module" --login --pin "$PIN" --sign --id 01 -m SHA256-RSA-PKCS -i text -o sig
    check pkcs11-tool --module "$module" --test --login --pin "$PIN"
    GNUTLS_PIN=$PIN check p11tool --provider="$module" --login --list-all
    check openvpn --show-pkcs11-ids "$module"
}
