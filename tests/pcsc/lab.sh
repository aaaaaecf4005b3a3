# lab.sh: what e2e.sh, witness.sh and others share: a pcscd of their own for each part, the simulated card, certificates
# for it, counting.
# SPDX-License-Identifier: 0BSD
#
# The script that reads it has functions inside_<part>; in_lab runs one inside tests/pcsc/lab.c, by calling the
# script again. try <what> <command...> counts; the results of a part go through a file.
lab=$OUT/lab
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
# Each program comes to its name whole: another script may be running it. One that is newer than what it is made
# of stays.
build_part() {  # build_part <program> <files that it is made of> <what the compiler is told besides...>
    part=$1 of=$2; shift 2
    # shellcheck disable=SC2086
    if [ -e "$lab/$part" ] && [ -z "$(find $of -newer "$lab/$part")" ]; then return 0; fi
    # shellcheck disable=SC2086
    $CC $warn -O1 -g "$@" -o "$lab/$$/$part" && mv -f "$lab/$$/$part" "$lab"
}
build_reader() {    # pcscd's surroundings, and the cards
    mkdir -p "$lab/$$"
    # shellcheck disable=SC2046
    build_part lab tests/pcsc/lab.c tests/pcsc/lab.c &&
        build_part vpcd 'tests/pcsc tests/sim' -DSIM_OPENSSL=1 tests/pcsc/vpcd.c \
            $(ls tests/sim/sim_*.c | grep -v 'sim_reader\|sim_pinpad') -lmbedx509 -lmbedcrypto -lz -lcrypto || exit 1
}
build_lab() {
    build_reader
    build_part held 'scard11.c scard11.h tests/pcsc/transaction_held.c' -I/usr/include/PCSC \
        tests/pcsc/transaction_held.c scard11.c -lpcsclite -lmbedcrypto -lz -lpthread && rmdir "$lab/$$" || exit 1
}

. tests/tools/count.sh
try() {
    what=$1; shift
    at "$part: $what"
    if "$@" > "$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $part: $what"
        sed 's/^/    /' "$dir/out" | tail -n 15
    fi
}

card() {        # card <option...>: puts a card in, and waits until pcscd shows it
    "$lab/vpcd" "$port" "$dir" "$@" &
    wait_for_card
}
wait_for_card() {   # of the program that was just started
    vpcd=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -e "$dir/in" ] && break
        sleep 0.2
    done
    sleep 1
}
authority() {       # whose certificates a card gets
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/cakey" -out "$dir/ca" -subj '/CN=Test authority' \
        -days 7300 2>/dev/null
    openssl req -new -key "$dir/cakey" -subj '/O=scard11/CN=Written' -out "$dir/csr"
}
certify() {         # certify <public key> <certificate>: PEM
    openssl x509 -req -in "$dir/csr" -force_pubkey "$1" -CA "$dir/ca" -CAkey "$dir/cakey" -CAcreateserial \
        -days 7300 -out "$2" 2>/dev/null
}
tell() { : > "$dir/$1"; }
commands() { cat "$dir/count"; }

run_inside() {  # called again inside the lab: runs the part, and leaves its counts
    [ "${1:-}" = --inside ] || { build_lab; dirs=''; return 0; }
    part=$2 dir=$3 port=$4
    export XDG_CACHE_HOME="$dir"        # what OpenSC keeps of a card is of this part
    "inside_$part"
    kill "$vpcd" 2>/dev/null
    echo "$passed $failed" > "$dir/counts"
    exit 0
}

# Below the ports (32768 up) that the system gives to connections, up to 5500 of which clients.sh counts on.
in_lab() {      # in_lab <part> <reader's name>; preload: what pcscd gets by LD_PRELOAD
    dir=$(mktemp -d) port=$((20000 + ($$ * 7 + passed) % 7000))
    export passed_before=$passed failed_before=$failed
    at "$1"
    # shellcheck disable=SC2086
    "$lab/lab" --name "$2" ${preload:+--preload "$preload"} "$dir" "$port" -- sh tests/*/"$(basename "$0")" --inside "$1" "$dir" "$port"
    if [ -f "$dir/counts" ]; then
        read -r p f < "$dir/counts"
    else
        p=0 f=1
        echo "failed: $1: it did not come to its end"
        tail -n 5 "$dir/pcscd.log"
    fi
    passed=$((passed + p)) failed=$((failed + f)) passed_before=0 failed_before=0
    rm -rf "$dir"
}

# OpenSC takes the card by this driver, or as its configuration says.
opensc_driver() {
    echo "app default { $1 }" > "$dir/opensc.conf"
    OPENSC_CONF=$dir/opensc.conf
    export OPENSC_CONF
}
