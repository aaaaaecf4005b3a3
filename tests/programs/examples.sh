#!/bin/sh
# examples.sh: does each example build as a user would build it, and do what it says?
# SPDX-License-Identifier: 0BSD
# Packages: pkg-config openssl
#
# The first line of an example says what it shows, the second how to build it with cc. A line
#     // Test: <arguments> => <text>
# gives the arguments to run it with here and what its output must contain (" ... ": then, later;
# several lines: several runs; "// Test: none, <why>": it is only built). It runs on simulated cards:
# tests/programs/card_before_main.c, linked in, puts a card into a reader before main. One that calls
# PC/SC itself has the stand-in for libpcsclite.
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:=build}" "${CC:=gcc}"
. tests/tools/count.sh
flags='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic -Werror
    -g -O1 -fsanitize=address,undefined -I. -DSCARD11_READER=SCARD11_READER_CUSTOM'
libs='-lmbedtls -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'
dir=$OUT/examples/test
mkdir -p "$dir"

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "$name: $*"; }
contains() {    # contains <output> <text ... text ...>: all texts, in that order
    rest=$1 wants=$2
    while [ -n "$wants" ]; do
        one=${wants%%" ... "*}
        case $rest in *"$one"*) rest=${rest#*"$one"} ;; *) return 1 ;; esac
        case $wants in *" ... "*) wants=${wants#*" ... "} ;; *) wants= ;; esac
    done
}

judge_text() {  # judge_text <file>: what stands in each example
    sed -n 1p "$1" | grep -q "^// $name\.c: " || fail "line 1 does not say what it shows"
    sed -n 2p "$1" | grep -q '^// cc ' || fail "line 2 does not say how to build it"
    ! grep '^#include "' "$1" | grep -qv '"\(\.\./\)\{0,1\}scard11\.h"' ||
        fail "includes more than scard11.h"
}

for f in examples/*.c; do
    name=$(basename "$f" .c)
    at "$name"
    [ -e "$f" ] || { fail "there are no examples"; continue; }
    judge_text "$f"
    stage="tests/programs/card_before_main.c $(find "$OUT/asan" -name 'sim_*.o' | tr '\n' ' ')"
    ! grep -q '^int scard11_reader_start' "$f" || stage=
    ! grep -q '^#include <winscard.h>' "$f" ||
        stage="$stage tests/pcsc/pcsc_stand_in.c -I/usr/include/PCSC -I/usr/local/include/PCSC"
    # shellcheck disable=SC2086
    if ! $CC $flags "$f" $stage "$OUT/asan/scard11.o" $libs -o "$dir/$name"; then
        fail "does not build"
        continue
    fi
    pass
    grep -q '^// Test: ' "$f" || fail "has no line // Test:"
    sed -n 's|^// Test: *||p' "$f" > "$dir/$name.tests"
    while read -r line; do
        case $line in none,*) continue ;; esac
        args=${line%%=>*} want=${line#*=>}
        [ "$want" != "$line" ] || want=
        want=${want# }
        # shellcheck disable=SC2086
        if out=$(eval "set -- $args"; "$dir/$name" "$@" 2>&1 </dev/null); then
            if contains "$out" "$want"; then pass
            else fail "$args: there is no '$want' in: $out"
            fi
        else
            fail "$args: $out"
        fi
    done < "$dir/$name.tests"
done
# A reader of one's own will be copied: its functions again, used by several threads.
name=custom_reader
at "$name, threads"
counted() {     # counted <program>: what it counts, counts here
    out=$("$1" 2>&1) || { echo "$out"; failed=$((failed + 1)); }
    out=$(echo "$out" | sed -n 's/^\([0-9]*\) passed, .*/\1/p')
    passed=$((passed + ${out:-0}))
}
# shellcheck disable=SC2086
if $CC $flags -fno-sanitize=all -fsanitize=thread tests/programs/custom_reader_threads.c -lpthread -o "$dir/threads"
then counted "$dir/threads"
else fail "its test does not build"; fi

# What is to go on whatever becomes of its card.
name=daemon
at "$name, a card that comes and goes"
# shellcheck disable=SC2046,SC2086
if $CC $flags -Dmain=daemon_main -c examples/daemon.c -o "$dir/daemon.o" &&
    $CC $flags -DSIM_OPENSSL=1 tests/programs/daemon_run.c "$dir/daemon.o" $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$dir/daemon_run"
then
    cd "$dir" || exit 1
    counted ./daemon_run
    cd "$OLDPWD" || exit 1
else fail "does not build with the simulated cards"; fi

# What fills a blank card gets one, and openssl as the authority.
name=personalise
at "$name, blank cards"
blank=$dir/blank
rm -rf "$blank"
mkdir -p "$blank"
# shellcheck disable=SC2046,SC2086
if $CC $flags -DSIM_OPENSSL=1 tests/programs/personalised.c $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$blank/personalised"
then
    cd "$blank" || exit 1
    counted ./personalised
    cd "$OLDPWD" || exit 1
else fail "does not build with the simulated cards"; fi

# ---- What wants others: openssl is the authority, the server, and the one who verifies ----

work=$dir/others
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd) programs=$(cd "$dir" && pwd)
holds() {       # holds <what> <command...>
    at "$name, $1"
    if (cd "$work" && shift && "$@") > "$work/out" 2>&1; then pass
    else fail "$1: $(tail -n 5 "$work/out")"; fi
}
says() {        # says <text ... text ...> <command...>: it does well, and says that
    text=$1; shift
    "$@" > said 2>&1 && contains "$(cat said)" "$text" || { cat said; return 1; }
}
certify() {     # the card's key gets a certificate of an authority: 9a.der
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=Test authority' -days 7300 &&
        openssl req -new -key ca.key -subj '/O=scard11/CN=Jane Doe' -out csr &&
        openssl x509 -in signer.pem -pubkey -noout > key.pem &&
        openssl x509 -req -in csr -force_pubkey key.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 7300 \
            -outform DER -out 9a.der
}

name=cms
sign_file() { "$programs/cms" 123456 "$OLDPWD/README.md" > p7s; }
verify() {      # verify <openssl's options>: what the card signed
    openssl cms -verify -binary -inform DER -in p7s -no_check_time -out /dev/null "$@"
}
holds 'a file is signed' sign_file
holds 'openssl verifies it' verify -content "$PWD/README.md" -noverify -signer signer.pem
holds 'no other file' eval '! verify -content "$OLDPWD/build.sh" -noverify'
holds 'a certificate' certify
export STAGE_9A="$work/9a.der"
holds 'with it' sign_file
holds 'openssl verifies that, too' verify -content "$PWD/README.md" -CAfile ca.pem
unset STAGE_9A
export STAGE=ec
holds 'on an elliptic curve' sign_file
holds 'openssl verifies it' verify -content "$PWD/README.md" -noverify -signer ec.pem
unset STAGE

name=tls
serve() {       # serve <authority's certificates>: a server that wants a client's certificate; its port
    : > served
    openssl s_server -accept 0 -naccept 1 -key server.key -cert server.pem -Verify 1 -verify_return_error \
        -CAfile "$1" -partial_chain -no_check_time -www > served 2>&1 &
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' served)
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    cat served
    return 1
}
client() { timeout 30 "$programs/tls" 123456 localhost "$port" "${1:-server.pem}" 2>&1; }
shown() { serve "$1" && says "$2" client; }     # shown <authority> <text>
refused() { serve "$1" && ! client "$2"; }      # refused <client's authority> <server's>
holds 'a server' openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key \
    -out server.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 7300
tls_version=$(printf '#include <mbedtls/version.h>\nMBEDTLS_VERSION_MAJOR\n' | $CC -E -P - | tail -n 1)
if [ "$tls_version" -lt 4 ]; then
    holds 'RSA' shown signer.pem 'TLSv1.2, as O=scard11, CN=Test rsa2048a ... 200 ok ... Verify return code: 0 (ok)'
    holds 'a server that wants another authority' refused ca.pem server.pem
    holds 'a server of another authority' refused signer.pem ca.pem
fi
export STAGE=ec
[ "$tls_version" -gt 2 ] || holds 'EC' shown ec.pem 'as O=scard11, CN=Test p384a ... 200 ok ... Verify return code: 0 (ok)'
unset STAGE

name=kiosk
typed() {       # typed <lines> <arguments...>
    lines=$1; shift
    printf "$lines" | "$programs/kiosk" "$@"
}
export STAGE_9A="$work/9a.der"
holds 'a PIN' says 'another one ... open: O=scard11, CN=Jane Doe' typed '654321\n123456\n' ca.pem 0
holds 'the card goes' says 'open: ... closed ... a card ... open: ... closed' typed '123456\n123456\n' ca.pem 3
holds 'no PIN' says 'a card ... no: error 00000050' typed '' ca.pem 0
holds 'another authority' says 'it is of somebody else' typed '123456\n' server.pem 0
export STAGE=pinpad
holds 'a PIN pad' says 'at the reader ... open: O=scard11, CN=Jane Doe ... closed' typed '' ca.pem 1
unset STAGE STAGE_9A

# ---- More than one file. What is compiled for that has few drivers: it takes less time. ----

few='-O0'
for driver in OPENPGP ISOAPPLET SCHSM MYEID ESTEID FINEID BELPIC GIDS CAC GENERIC; do
    few="$few -DSCARD11_$driver=0"
done

name=module
at "$name"
judge_text examples/module/module.c
line=$(sed -n '2,3s|^// *||p' examples/module/module.c | paste -s -d ' ' -)
exports() { nm -D --defined-only "$1" | awk '{ print $3 }' | paste -s -d ' ' -; }
if (cd examples/module && eval "$line $few" -o "$programs/module.so"); then pass
else fail "does not compile with: $line"; fi
if [ "$(exports "$dir/module.so")" = C_GetFunctionList ]; then pass
else fail "exports $(exports "$dir/module.so" | cut -c 1-200)"; fi

name='two copies'
at "$name"
# shellcheck disable=SC2046,SC2086
if $CC $few -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_PREFIX=own_ -DSCARD11_WRITE=0 -c scard11.c -o "$dir/own.o" &&
    $CC $few -I/usr/include/PCSC -I/usr/local/include/PCSC -DSCARD11_PREFIX=usb_ -c scard11.c -o "$dir/usb.o" &&
    $CC $flags -I/usr/include/PCSC -I/usr/local/include/PCSC tests/programs/two_copies.c \
        tests/programs/card_before_main.c tests/pcsc/pcsc_stand_in.c $(find "$OUT/asan" -name 'sim_*.o') \
        "$dir/own.o" "$dir/usb.o" $libs -o "$dir/two_copies"
then counted "$dir/two_copies"
else fail "does not build"; fi

# The first program, as it stands in README.md and in scard11.h: one and the same, it compiles with the
# line that stands beside it, in a directory with nothing but the two files, and it signs with every
# kind of card (first_program.c).
name='first program'
at "$name"
first=$dir/first
rm -rf "$first"
mkdir -p "$first"
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' > "$first/app.c"
sed -n '/^\/\/ *\/\/ app\.c: /,$p' scard11.h | sed 's|^//      ||; s|^//$||' |
    sed -n "1,$(wc -l < "$first/app.c")p" > "$first/header.c"
grep -q 'main(' "$first/app.c" || fail "README.md has none"
if cmp "$first/app.c" "$first/header.c"; then pass
else fail "it is another one in scard11.h"; fi
line=$(sed -n 's/^    \(cc app\.c .*\)/\1/p' README.md | sed -n 1p)
if [ -n "$line" ] && [ "$(sed -n 's|^//  *\(cc app\.c .*\)|\1|p' scard11.h)" = "$line" ]; then pass
else fail "the line that compiles it is another one in scard11.h: $line"; fi
cp scard11.c scard11.h "$first"
if (cd "$first" && eval "$line"); then pass
else fail "does not compile with: $line"; fi
# shellcheck disable=SC2046,SC2086
if $CC $flags -Dmain=first_main -c "$first/app.c" -o "$first/app.o" &&
    $CC $flags -DSIM_OPENSSL=1 tests/programs/first_program.c "$first/app.o" $(find "$OUT/asan" -name 'sim_*.o') \
        "$OUT/asan/scard11.o" $libs -o "$first/first"
then
    counted "$first/first"
else fail "does not build with the simulated cards"; fi

sum_up
