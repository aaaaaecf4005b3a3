# tls.sh: clients that prove themselves to a TLS server with the card. Read by tests/clients/clients.sh.
# SPDX-License-Identifier: 0BSD
# shellcheck shell=sh disable=SC2154
table="$table
gnutls-cli      rsa ec hsm hsmec  quick
gnutls-serv     rsa ec hsm hsmec  quick
nss             rsa ec  quick
nss-tls         rsa ec hsm hsmec  quick
nss-no-pin      rsa ec  quick
nss-public      few     quick
nss-serv        rsa ec hsm hsmec  quick
cmsutil         rsa     quick
java-tls        rsa ec  quick
s_client        rsa ec  quick
curl            rsa ec  quick
stunnel         rsa ec  quick
openvpn         rsa ec  quick
eapol_test      rsa ec  quick
"
versions='1.2 1.3'

# Each server demands a certificate of our authority. s_server answers GET with a page that names it.
s_server() {        # s_server <version> <port>
    serve openssl s_server -accept "$2" -cert "$pki/server.pem" -key "$pki/server.key" -CAfile "$pki/ca.pem" \
        -Verify 2 -verify_return_error -www "-tls1_$(echo "$1" | cut -c 3)" > "server$1" 2>&1
    listening "$2"
}

client_gnutls_cli() {
    export GNUTLS_PIN=$PIN
    for v in $versions; do
        port=$((port + 1))
        serve gnutls-serv -p $port --x509certfile "$pki/server.pem" --x509keyfile "$pki/server.key" \
            --x509cafile "$pki/ca.pem" --require-client-cert --verify-client-cert --echo > "server$v" 2>&1
        listening $port
        echo hello | gnutls-cli -p $port --provider="$module" --x509cafile "$pki/ca.pem" \
            --x509certfile "$(uri $id cert)" --x509keyfile "$(uri $id)" \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS$v" localhost > said
        grep '^hello' said
        grep "Description: (TLS$v" said
        grep 'Client Signature' "server$v"
    done
}

# The other way round: the card is the server's. With RSA also without Diffie-Hellman: then it decrypts.
ask_server() {      # ask_server <port> <option of s_client...>: a page from the server that has the card's key
    at=$1; shift
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect "127.0.0.1:$at" -CAfile "$pki/ca.pem" -ign_eof "$@" > said
    grep -a '^HTTP/1.0 200' said
    grep -a '^subject=CN *= *user' said
}
ask_each_way() {
    ask_server "$1" -tls1_3
    ask_server "$1" -tls1_2
    ! is_rsa || ask_server "$1" -tls1_2 -cipher AES128-GCM-SHA256
}
client_gnutls_serv() {
    export GNUTLS_PIN=$PIN
    serve gnutls-serv --http -p "$port" --provider="$module" --x509certfile "$(uri $id cert)" \
        --x509keyfile "$(uri $id)" --priority NORMAL:+RSA --disable-client-cert > server 2>&1
    listening "$port"
    ask_each_way "$port"
}

# ---- NSS ----
nss_db() {
    mkdir -p db
    echo "$PIN" > pin
    certutil -N -d sql:db --empty-password
    certutil -A -d sql:db -n ca -t CT,C,C -i "$pki/ca.pem"
    modutil -force -dbdir sql:db -add card -libfile "$module"
    certutil -L -d sql:db -h all -f pin > certs
    token=$(modutil -dbdir sql:db -list | sed -n '/^ *2\. card/,$p' | sed -n 's/^.*token: //p' | head -n 1)
    certutil -L -d sql:db -h "$token" -f pin > certs
    case $card in hsm) label=RSA ;; hsmec) label=P-384 ;; *) label='.*PIV Authentication' ;; esac
    nick=$(sed -n "s/^\($token:$label\) *u,u,u *$/\1/p" certs | head -n 1)
}
client_nss() {
    nss_db
    modutil -dbdir sql:db -list
    test "$(grep -c "^$token:" certs)" = 4
    certutil -K -d sql:db -h "$token" -f pin > keys
    test "$(grep -c '^<' keys)" = 4
    certutil -L -d sql:db -h "$token" -n "$nick" -f pin -r | cmp - "$pki/user-$card.der"
    case $card in rsa) k=rsa ;; ec) k=ec ;; esac
    certutil -R -d sql:db -h "$token" -k 01 -s CN=me -f pin -a -Z SHA256 -o csr
    openssl req -in csr -verify -noout -text | grep -i "$k"
}
nss_server_db() {
    mkdir -p serverdb
    certutil -N -d sql:serverdb --empty-password
    certutil -A -d sql:serverdb -n ca -t CT,C,C -i "$pki/ca.pem"
    openssl pkcs12 -export -in "$pki/server.pem" -inkey "$pki/server.key" -name server -passout pass:x -out server.p12
    pk12util -i server.p12 -d sql:serverdb -W x
}
nss_ask() {         # nss_ask <who>: selfserv takes the certificate $nick, and its signature, from tstclnt
    printf 'GET / HTTP/1.0\r\n\r\n' > request
    for v in $versions; do
        port=$((port + 1))
        serve selfserv -d sql:serverdb -n server -p $port -r -r -V "tls$v:tls$v" -v > "server$v" 2>&1
        listening $port
        tstclnt -h localhost -p $port -d sql:db -n "$nick" -w "$PIN" -V "tls$v:tls$v" -4 -A request > "said$v" 2>&1
        grep -a '^HTTP/1.0 200' "said$v"
        until_seen "subject DN: $1" "server$v"
    done
}
client_nss_tls() {
    nss_db
    nss_server_db
    nss_ask CN=user
}
# The key in 9E needs no PIN; its certificate is nobody's, the server is told to trust it.
client_nss_no_pin() {
    nss_db
    nick=$(sed -n "s/^\($token:.*Card Auth.*[^ ]\) *u,u,u *$/\1/p" certs | head -n 1)
    certutil -L -d sql:db -h "$token" -n "$nick" -f pin -r > 9e.der
    nss_server_db
    certutil -A -d sql:serverdb -n 9e -t P,, -i 9e.der
    nss_ask "$(openssl x509 -inform DER -in 9e.der -noout -subject -nameopt RFC2253 | sed 's/^subject=//')"
}
# Where every key wants the PIN, nothing else does: NSS lists the certificates, and logs in for the key.
client_nss_public() {
    nss_db
    certutil -L -d sql:db -h "$token" > public </dev/null
    test "$(grep -c "^$token:" public)" = 3
    nss_server_db
    nss_ask CN=user
}
client_nss_serv() {
    nss_db
    serve selfserv -d sql:db -n "$nick" -w "$PIN" -p "$port" -V tls1.2:tls1.3 -c :C02F:C030:C02B:C02C:009C:1301:1302 \
        > server 2>&1
    listening "$port"
    ask_each_way "$port"
}
client_cmsutil() {
    nss_db
    echo 'signed by NSS' > text
    cmsutil -S -d sql:db -N "$nick" -f pin -i text -o signed -H SHA256 -G
    openssl cms -verify -inform DER -in signed -CAfile "$pki/ca.pem" -purpose any | grep 'signed by NSS'
    cmsutil -D -d sql:db -f pin -i signed -o out
    cmp text out
    openssl cms -encrypt -aes128 -outform DER -in text -binary -out cipher "$pki/user-rsa.pem"
    cmsutil -D -d sql:db -f pin -i cipher -o out
    cmp text out
}

client_java_tls() {
    printf 'name = card\nlibrary = %s\nslotListIndex = 0\n' "$module" > conf
    javac -d . "$root/tests/clients/Tls.java"
    for v in $versions; do
        port=$((port + 1))
        s_server "$v" $port
        java Tls conf "$PIN" "TLSv$v" $port > said
        grep -i 'subject.*CN *= *user' said
    done
}
client_s_client() {
    engine
    for v in $versions; do
        port=$((port + 1))
        s_server "$v" $port
        printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:$port -engine pkcs11 -keyform engine \
            -key "$key" -cert "$pki/user-$card.pem" -CAfile "$pki/ca.pem" -quiet -ign_eof > said
        grep -i 'subject.*CN *= *user' said
    done
}
client_curl() {
    engine
    for v in $versions; do
        port=$((port + 1))
        s_server "$v" $port
        /usr/bin/curl -sS --cacert "$pki/ca.pem" --cert "$(uri 01 cert)" --key "$key" "https://localhost:$port/" > said
        grep -i 'subject.*CN *= *user' said
    done
}
client_stunnel() {
    s_server 1.3 $((port + 1))
    cat > conf <<EOF
foreground = yes
pid =
engine = pkcs11
engineCtrl = MODULE_PATH:$module
engineCtrl = PIN:$PIN
[out]
client = yes
accept = 127.0.0.1:$port
connect = 127.0.0.1:$((port + 1))
engineId = pkcs11
cert = $pki/user-$card.pem
key = $(uri 01)
CAfile = $pki/ca.pem
verifyChain = yes
EOF
    serve stunnel4 conf
    listening "$port"
    /usr/bin/curl -sS "http://127.0.0.1:$port/" > said
    grep -i 'subject.*CN *= *user' said
}

# dev null: a tunnel to nowhere, but the whole of the authentication. The PIN goes through the management socket.
client_openvpn() {
    for v in $versions; do
        port=$((port + 1))
        serve openvpn --dev null --tls-server --proto udp --local 127.0.0.1 --port $port --dh none --verb 4 \
            --ca "$pki/ca.pem" --cert "$pki/server.pem" --key "$pki/server.key" --tls-version-min "$v" \
            --tls-version-max "$v" > "server$v" 2>&1
        until_seen 'UDPv4 link local' "server$v"
        id=$(openvpn --show-pkcs11-ids "$module" | awk '/CN=user/ { u = 1 } u && /Serialized id/ { print $3; exit }')
        serve openvpn --dev null --tls-client --nobind --proto udp --remote 127.0.0.1 $port --ca "$pki/ca.pem" \
            --pkcs11-providers "$module" --pkcs11-id "$id" --verb 3 --management manage unix \
            --management-query-passwords > "said$v" 2>&1
        until_exists manage
        /usr/bin/python3 "$root/tests/clients/openvpn.py" manage "$PIN"
        until_seen 'Initialization Sequence Completed' "said$v"
        until_seen 'VERIFY OK: depth=0, CN=user' "server$v"
        until_seen "Control Channel: TLSv$v" "server$v"
        kill $!; wait $! || :
        rm -f manage
    done
}

# wpa_supplicant's EAP-TLS, against hostapd as RADIUS server. It loads modules from /usr/lib alone: so p11-kit's
# proxy, and what that loads is ours.
client_eapol_test() {
    p11_kit_registry
    cat > hostapd.conf <<EOF
driver=none
interface=none
logger_stdout=-1
radius_server_clients=$here/clients
radius_server_auth_port=$port
eap_server=1
eap_user_file=$here/users
ca_cert=$pki/ca.pem
server_cert=$pki/server.pem
private_key=$pki/server.key
tls_flags=[ENABLE-TLSv1.3]
EOF
    echo '127.0.0.1/32 secret' > clients
    echo '* TLS' > users
    serve hostapd hostapd.conf > server 2>&1
    until_seen AP-ENABLED server
    for v in $versions; do
        case $v in 1.2) phase=tls_disable_tlsv1_3=1 ;; 1.3) phase=tls_disable_tlsv1_3=0 ;; esac
        cat > conf <<EOF
pkcs11_engine_path=$(find /usr/lib -path '*engines-3/pkcs11.so' | head -n 1)
pkcs11_module_path=$(find /usr/lib -name p11-kit-proxy.so | head -n 1)
network={
    key_mgmt=IEEE8021X
    eap=TLS
    identity="user"
    ca_cert="$pki/ca.pem"
    client_cert="$(uri 01 cert)"
    private_key="$(uri 01)"
    pin="$PIN"
    phase1="$phase"
}
EOF
        as_user eapol_test -c conf -a 127.0.0.1 -p "$port" -s secret -t 60 > said
        tail -n 1 said | grep '^SUCCESS'
        grep -a "Using TLS version TLSv$v" said
    done
}
