#!/bin/sh
# clients.sh: programs that people have, unattended, with build/scard11.so and beside it with OpenSC's module,
# on the same simulated PIV card. clients.sh [quick | name...]: quick is what takes under 10 s, ours alone.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc opensc-pkcs11 openssl libssl-dev pkcs11-dump gnutls-bin p11-kit
# Packages: p11-kit-modules openssh-client openssh-server libnss3-tools libnss3-dev pkg-config
# Packages: default-jdk-headless libengine-pkcs11-openssl curl stunnel4 osslsigncode eapoltest hostapd openvpn
# Packages: libpkcs11-helper1-dev gnupg-pkcs11-scd strongswan-pki libstrongswan-extra-plugins libpam-pkcs11 libpam-p11 libpam0g-dev
# Packages: libnss-wrapper krb5-user krb5-kdc krb5-admin-server krb5-pkinit python3-pykcs11 systemd systemd-cryptsetup
# Packages: cryptsetup-bin gpgconf pkcs11-provider
# Heavy: chromium chromium-driver firefox-esr xvfb xdotool fonts-dejavu-core valgrind nodejs npm
#
# A client is a function client_<name> in tests/clients/*.sh: plain commands, of which the first that fails is
# why it fails. It runs in a process and a directory of its own ($here, its HOME), with $module, $card (rsa or
# ec), $port for a server, $pki; serve starts what ends with it; skip says why it can't be tried here.
# $card may be few: an RSA card on which every key wants the PIN, as nothing is in 9E; hsm, hsmec: a
# SmartCard-HSM and its RSA or P-384 key; or another kind of card whose RSA key decrypts. $id is the key's.
# made<kind> (made.sh) was blank: scard11 made the RSA key in it, and stored its certificate.
# The EC card's key in 9A is P-384, and signs 48 bytes, nothing shorter: who gives it SHA-256 has to fill it up.
# A table in each file says which cards it meets, and which set it is of: quick or slow.
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}"
. tests/pcsc/lab.sh
root=$PWD pki=$OUT/clients/pki
ours=$OUT/scard11.so
opensc=$(find /usr/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
export PIN=123456 OUT CC user_home="${user_home:-$HOME}"

# ---- What the functions of clients use ----

skip() { echo "skip: $*"; exit 77; }
fails() { ! "$@"; }             # set -e does not see "! command"
serve() { "$@" & servers="${servers:-} $!"; }
until_true() {                  # until_true <seconds> <command...>: until it succeeds
    _left=$(($1 * 10)); shift
    until "$@"; do
        [ "$_left" != 0 ] || return 1
        _left=$((_left - 1))
        sleep 0.1
    done
}
listens() { grep -q ":$(printf %04X "$1") .* 0A " /proc/net/tcp /proc/net/tcp6; }
listening() { until_true 60 listens "$1"; }     # listening <port>: until something listens there
seen() { [ "$(grep -a -c -e "$1" "$2" 2>/dev/null)" -ge "${3:-1}" ]; }
until_seen() { until_true 60 seen "$@"; }   # until_seen <text> <file> [times]: until the file has it
until_exists() { until_true 60 test -e "$1"; }
card_out() { tell remove; "$OUT/clients/present" out; }
card_in() { tell insert; "$OUT/clients/present" in; }
uri() { echo "pkcs11:id=%$1;type=${2:-private}"; }
parts='rsa ec few hsm hsmec generic openpgp cac esteid fineid belpic
    madepiv madepgp madehsm mademyeid madeiso madegids'
id_of() { case $1 in hsmec) echo 04 ;; cac) echo 03 ;; openpgp) echo 02 ;; *) echo 01 ;; esac; }
n_keys() { case $card in made*) echo 1 ;; *) echo 4 ;; esac; }
is_rsa() { case $card in ec | hsmec) return 1 ;; esac; }
# helper <name>[.so] [flags]: builds tests/clients/<name>.c once
helper() {
    helper=$OUT/clients/$1
    [ "$helper" -nt "$root/tests/clients/${1%.so}.c" ] && return 0
    # shellcheck disable=SC2086
    $CC -std=c99 -Wall -Wextra -O1 -g "-I$root" "$root/tests/clients/${1%.so}.c" -o "$helper" ${2:-}
}

table=
for f in browser hotplug tls tools made; do . "tests/clients/$f.sh"; done

# ---- Running them ----

# An authority of ours, a server's certificate, and one for the key in 9A of each card.
make_pki() {
    [ ! -e "$pki/done" ] || [ ! -e "$pki/user-hsm.pem" ] || return 0
    mkdir -p "$pki"
    (   cd "$pki" && set -e
        exec > log 2>&1
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=clients authority' \
            -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign
        sign() { openssl x509 -req -CA ca.pem -CAkey ca.key -days 3000 -extfile "$root/tests/clients/pki.cnf" "$@"; }
        openssl req -new -newkey rsa:2048 -nodes -keyout server.key -subj /CN=localhost -out server.csr
        sign -in server.csr -extensions server -set_serial 2 -out server.pem
        for kind in rsa ec; do
            "$lab/vpcd" --certificate $kind | openssl x509 -inform DER -pubkey -noout > $kind.pub
            openssl req -new -key server.key -subj "/CN=user" -out user.csr
            sign -in user.csr -force_pubkey $kind.pub -extensions user_$kind -set_serial 3 -out user-$kind.pem
            openssl x509 -in user-$kind.pem -outform DER -out user-$kind.der
        done
        for f in pem der; do cp user-rsa.$f user-hsm.$f; cp user-ec.$f user-hsmec.$f; done
        : > done
    ) || { cat "$pki/log"; exit 1; }
}

for part in $parts; do eval "inside_$part() { fresh_card; each_client; }"; done
wait_for_card() { vpcd=$!; "$OUT/clients/present" in; }     # of card, in lab.sh
fresh_card() {                  # at the beginning, and when a client failed: it may have blocked the PIN
    [ -z "${vpcd:-}" ] || { kill "$vpcd"; wait "$vpcd"; rm -f "$dir/in"; "$OUT/clients/present" out; }
    case $part in
        rsa) card extended "9a=$pki/user-rsa.der" ;;
        ec) card extended ec "9a=$pki/user-ec.der" ;;
        few) card extended no-9e "9a=$pki/user-rsa.der" ;;
        hsm) card schsm "ce01=$pki/user-rsa.der" ;;
        hsmec) card schsm "ce03=$pki/user-ec.der" ;;
        made*) made_card ;;
        *) card "$part" ;;
    esac
}

# The log of a client that failed: what it wrote before its end, and the command that failed, whole
# (clients.sh --why <log>).
what_it_said() { sed '/^+ at_end/,$d;/^---- /,$d' "$1"; }
failed_command() {
    what_it_said "$1" | grep -a '^+ ' |
        grep -a -v '^+ \(rc=\|set\|return\|sleep\|\[\|_left\|grep -a -c\)' | tail -n 1 | cut -c 3-
}

each_client() {
    for name in $NAMES; do
        card=$part
        case " $(row "$name") " in *" $card "*) ;; *) continue ;; esac
        at "$name ($card)"
        [ -e "$dir/in" ] || card_in
        "$OUT/clients/present" in
        log=$OUT/clients/$COLUMN/$name-$card.log begun=$(date +%s)
        mkdir -p "$dir/$name"
        # shellcheck disable=SC2097,SC2098
        module=$MODULE card=$card id=$(id_of "$card") here=$dir/$name HOME=$dir/$name XDG_CACHE_HOME=$dir/$name/.cache port=$((port + 100)) dir=$dir \
            timeout -k 5 "${CLIENT_SECONDS:-150}" sh tests/clients/clients.sh --client "$name" > "$log" 2>&1 </dev/null
        rc=$? seconds=$(($(date +%s) - begun))
        case $rc in
            0) result=pass why= ;;
            77) result=skip why=$(sed -n 's/^skip: //p' "$log" | tail -n 1) ;;
            124 | 137) result=fail why="no end after ${CLIENT_SECONDS:-150} s" ;;
            *) result=fail why=$(failed_command "$log") ;;
        esac
        case $result in pass) passed=$((passed + 1)) ;; fail) failed=$((failed + 1)) ;; esac
        echo "$name|$card|$result|$seconds|$why" >> "$OUT/clients/$COLUMN/results"
        echo "$COLUMN: $name ($card): $result, $seconds s${why:+: }$why"
        [ "$COLUMN $result" != 'ours fail' ] || what_it_said "$log" | tail -n 20 | sed 's/^/    /'
        rm -rf "${dir:?}/$name"
        case $rc in 0 | 77) ;; *) fresh_card 2>/dev/null ;; esac
    done
}

# What a client leaves: its servers end; when it failed, what it wrote goes to the log.
at_end() {
    rc=$?
    set +ex
    for p in ${servers:-}; do kill "$p"; wait "$p"; done 2>/dev/null
    for f in ${leave:-}; do rm -f "$f"; done
    case $rc in 0 | 77) exit $rc ;; esac
    find "$here" -type f -size -60k | sort | while read -r f; do
        ! grep -qI . "$f" || { echo "---- $f"; tail -n 40 "$f"; }
    done
    exit $rc
}

row() { printf '%s\n' "$table" | awk -v n="$1" '$1 == n { $1 = ""; print }'; }

column() {      # column <ours|opensc> <module>: all clients with that module
    export COLUMN=$1 MODULE=$2
    mkdir -p "$OUT/clients/$1"
    rm -f "$OUT/clients/$1"/*
    for kind in $parts; do
        case " $(for n in $NAMES; do row "$n"; done | tr '\n' ' ')" in *" $kind "*) in_lab $kind 'Virtual PCD' ;; esac
    done
}

# Both columns, a line for each client and card; and what ours fails.
print_table() {
    printf '\n%-16s %-9s %-12s %-12s %s\n' client card scard11 OpenSC why
    touch "$OUT/clients/opensc/results"
    awk -F'|' '
        function why_of() { return substr($0, length($1 $2 $3 $4) + 5) }    # there may be a | in it
        FILENAME == ARGV[1] { theirs[$1 "|" $2] = $3; t[$1 "|" $2] = $4; said[$1 "|" $2] = why_of(); next }
        { k = $1 "|" $2; o = k in theirs ? theirs[k] " " t[k] " s" : "-"; why = why_of()
          if (k in theirs && theirs[k] != "pass" && said[k] != why) why = why (why ? "; " : "") "OpenSC: " said[k]
          printf "%-16s %-9s %-12s %-12s %s\n", $1, $2, $3 " " $4 " s", o, why }' \
        "$OUT/clients/opensc/results" "$OUT/clients/ours/results"
    awk -F'|' '{ n[$3]++ } END { if (n["skip"]) print n["skip"] " skipped"
        print n["pass"] + 0 " passed, " n["fail"] + 0 " failed"; exit !n["pass"] || n["fail"] > 0 }' \
        "$OUT/clients/ours/results"
}

case ${1:-} in
    --why) failed_command "$2"; exit ;;
    --inside) run_inside "$@" ;;
    --client)
        trap at_end EXIT
        trap 'exit 143' TERM
        set -ex
        cd "$here"
        "client_$(echo "$2" | tr - _)"
        exit 0 ;;
esac
build_lab
mkdir -p "$OUT/clients/ours" "$OUT/clients/opensc"
make_pki
helper present "$(pkg-config --cflags --libs libpcsclite)" || exit 1
rm -f "$OUT/clients/opensc/results"
case ${1:-${CLIENTS:-}} in
    quick) NAMES=$(printf '%s\n' "$table" | awk '/ quick/ { print $1 }') ;;
    '') NAMES=$(printf '%s\n' "$table" | awk 'NF { print $1 }') ;;
    *) NAMES=${*:-$CLIENTS} ;;
esac
export NAMES
column ours "$ours"
[ "${1:-${CLIENTS:-}}" = quick ] || column opensc "$opensc"
print_table
