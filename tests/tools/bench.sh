#!/bin/sh
# bench.sh: what ./build.sh bench does. Not a test. SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd opensc ykcs11 libssl-dev gnuplot-nox
#
# Usage: bench.sh             host, peers, and the table of them
#        bench.sh keep        ... and writes tests/data/bench.tsv, bench_host.tsv, the picture, and README's part
#        bench.sh host        the library's own time (bench.c): a reader and cards that answer at once
#        bench.sh peers       this module, OpenSC's and ykcs11 in turns, on simulated cards behind one pcscd
#        bench.sh table       the table of the last run; draw: tests/data/bench.svg and .png of the kept one
#        bench.sh padding     does taking off a padding take as long whatever is wrong with it (bench_unpad.c)
#
# The peers' cards take 0, 5 or 45 ms for each command besides; a key that signed the same before takes no time of
# its own. pcscd is Debian's, and looks for cards each millisecond (fastpoll.c). Each scene (bench_peer.c) is a
# process of its own, and the modules take turns. PC/SC's calls are counted in one more run (bench_pcsc.c).
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
export OUT CC CFLAGS
. tests/pcsc/lab.sh
bench=$OUT/bench data=tests/data

# shellcheck disable=SC2034,SC2154    # lab.sh uses some, and sets some
find_module() { find /usr/lib -name "$1" 2>/dev/null | sort | head -n 1; }
version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo '?'; }
scard11=$OUT/scard11.so opensc=$(find_module opensc-pkcs11.so) ykcs11=$(find_module 'libykcs11.so*')
pcsc=$(find_module 'libpcsclite.so.1')

machine() {     # what the figures depend on: # and a line each
    printf '# machine\t%s, %s processors\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)"
    printf '# system\t%s, Linux %s\n' "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(uname -r | cut -d- -f1)"
    printf '# compiler\t%s %s %s\n' "$CC" "$($CC -dumpfullversion -dumpversion)" "$CFLAGS"
    printf '# scard11\t%s with mbedTLS %s\n' "$(sed -n 's/^ \* Version \([0-9.]*[0-9]\)\..*/\1/p' scard11.c | head -n 1)" \
        "$(version libmbedtls-dev)"
    printf '# pcscd\t%s\n# opensc\t%s\n# ykcs11\t%s\n' "$(version pcscd)" "$(version opensc)" "$(version ykcs11)"
    printf '# date\t%s\n' "$(date +%Y-%m-%d)"
}

# ---- The library's own time ----

run_host() {
    # shellcheck disable=SC2046,SC2086
    $CC -std=c99 $CFLAGS -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 tests/tools/bench.c scard11.c \
        $(ls tests/sim/sim_*.c | grep -v '_test\.c$\|sim_reader\|sim_pinpad') -lmbedx509 -lmbedcrypto -lz -lpthread \
        -lcrypto -o "$bench/host" || exit 1
    { machine; printf 'scene\tcall\tcommands\tns\tns_least\n'; "$bench/host"; } > "$bench/host.new" &&
        mv "$bench/host.new" "$bench/host.tsv" || exit 1
}
show_host() {
    awk -F '\t' '/^#/ || /^scene/ { next }
        $1 != scene { scene = $1; print scene; }
        { printf "    %-36s %9.2f us (least %.2f)%s\n", $2, $4 / 1000, $5 / 1000, $3 ? ", " $3 " commands" : "" }' "$1"
}

# ---- The peers ----

# one <name> <scene> <delay> <file> [PC/SC's place]: one run of a module; a line to the file
one() {
    eval "module=\$$1"
    second=''
    case $2 in pair-*) second=$dir/second ;; esac
    rm -rf "$dir/opensc"                # what OpenSC keeps of cards between runs
    # shellcheck disable=SC2154,SC2086
    got=$(LD_LIBRARY_PATH=${5:-} WIRE=$dir/wire timeout 120 "$bench/peer" "$module" "${2%=*}" "$3" "$dir" $second \
        2>> "$bench/failed") || got=failed
    printf '%s\t%s\t%s\t%s\t%s\n' "$card" "${2#*=}" "$3" "$1" "$got" >> "$4"
}

cards_in() {    # cards_in <option...>: cards for the two readers, of which one is in
    rm -f "$dir/in" "$dir/second/in" "$dir/wire" "$dir/second/wire"
    truncate -s 4096 "$dir/wire" "$dir/second/wire"
    "$lab/vpcd" "$port" "$dir" "$@" & first_card=$!
    "$lab/vpcd" $((port + 1)) "$dir/second" "$@" second & second_card=$!
    for _ in $(seq 100); do [ -e "$dir/in" ] && [ -e "$dir/second/in" ] && break; sleep 0.1; done
    sleep 1
    second remove
}
second() { : > "$dir/second/$1"; sleep 0.2; }
cards_out() {
    kill $first_card $second_card
    wait $first_card $second_card 2>/dev/null
    sleep 1
}

# turn <scene> <delay> <file> <PC/SC's place> <module...>: each module once
turn() {
    of=$1 takes=$2 to=$3 place=$4; shift 4
    case $of in pair-*) second insert ;; esac
    for name; do one "$name" "$of" "$takes" "$to" "$place"; done
    case $of in pair-*) second remove ;; esac
}

# compare <scenes> <module...>: the modules in turns, each scene; N and rounds by the delay
compare() {
    scenes=$1; shift
    for delay in $delays; do
        case $delay in 0) rounds=${ROUNDS:-7} N=400 ;; 5) rounds=3 N=40 ;; *) rounds=2 N=8 ;; esac
        export N
        for _ in $(seq "$rounds"); do
            for scene in $scenes; do turn "$scene" "$delay" "$bench/raw.$part" '' "$@"; done
        done
        [ "$delay" = 0 ] || continue
        for scene in $scenes; do turn "$scene" 0 "$bench/calls.$part" "$bench/pcsc" "$@"; done
    done
}

inside_piv() {
    mkdir -p "$dir/second"
    card='PIV'
    cards_in extended yubikey
    compare 'list=list objects=objects first-rsa:1=first_RSA-2048 first-ec:4=first_P-256 further-rsa:1=further_RSA-2048
        further-ec:4=further_P-256 insert=insert pair-ec:4=two_readers_P-256 threads-ec:4=8_threads_P-256' \
        scard11 opensc ykcs11
    cards_out
    cards_in extended yubikey ec
    compare 'first-ec384:1=first_P-384 further-ec384:1=further_P-384 threads-ec384:1=8_threads_P-384' scard11 opensc ykcs11
    cards_out
    vpcd=''
}
inside_myeid() {
    mkdir -p "$dir/second"
    card='MyEID'
    cards_in myeid
    compare 'list=list objects=objects first-rsa:1=first_RSA-2048 first-ec:2=first_P-256 first-ec384:3=first_P-384
        further-rsa:1=further_RSA-2048 further-ec:2=further_P-256 further-ec384:3=further_P-384 insert=insert
        pair-ec:2=two_readers_P-256 threads-ec:2=8_threads_P-256 threads-ec384:3=8_threads_P-384' scard11 opensc
    cards_out
    vpcd=''
}
inside_piv_slow()   { inside_piv; }
inside_myeid_slow() { inside_myeid; }

# Medians of what the runs said, with the least and the most time.
summarise() {
    sort -t '	' -k 1,2 -k 3,3n -k 4,4 -k 5,5g "$bench"/raw.* > "$bench/sorted"
    cat "$bench"/calls.* > "$bench/calls"
    awk -F '\t' -v OFS='\t' '
        function median(list, n,    i, j, x, a) {
            n = split(list, a, " ")
            for (i = 2; i <= n; i++) {
                x = a[i]
                for (j = i - 1; j && a[j] + 0 > x + 0; j--) a[j + 1] = a[j]
                a[j + 1] = x
            }
            return a[int((n + 1) / 2)]
        }
        FILENAME == ARGV[1] { calls[$1, $2, $4] = $10; next }
        $5 == "failed" { next }
        {
            k = $1 OFS $2 OFS $3 OFS $4
            if (!runs[k]++) { order[++keys] = k; least[k] = $5; card[k] = $1; scene[k] = $2; delay[k] = $3; module[k] = $4 }
            most[k] = $5
            for (i = 5; i <= 13; i++) all[k, i] = all[k, i] " " $i
        }
        END {
            for (o = 1; o <= keys; o++) {
                k = order[o]
                c = calls[card[k], scene[k], module[k]]
                if (delay[k] && scene[k] ~ /further|readers|threads/) c = ""    # counted for another number
                print k, runs[k], median(all[k, 13]), median(all[k, 7]), median(all[k, 8]), median(all[k, 9]),
                    (c == "" ? "-" : c), median(all[k, 5]), least[k], most[k], median(all[k, 6]),
                    median(all[k, 11]), median(all[k, 12])
            }
        }' "$bench/calls" "$bench/sorted" > "$bench/rows"
    {
        machine
        printf 'card\tscene\tdelay_ms\tmodule\truns\tsignatures\tcommands\tsent\treceived\tpcsc_calls\tms\tms_least\tms_most'
        printf '\tcpu_ms\trss_kib\tlibraries\n'
        cat "$bench/rows"
    } > "$bench/bench.tsv"
}

run_peers() {
    mkdir -p "$bench/pcsc" "$lab"
    rm -f "$bench"/raw.* "$bench"/calls.* "$bench/failed"
    build_reader
    # shellcheck disable=SC2086
    $CC -std=c99 $CFLAGS tests/tools/bench_peer.c -ldl -lpthread -o "$bench/peer" &&
        $CC -std=c99 $CFLAGS -shared -fPIC -I/usr/include/PCSC "-DREAL_PCSC=\"$pcsc\"" -Wl,-soname,libpcsclite.so.1 \
            tests/tools/bench_pcsc.c -ldl -o "$bench/pcsc/libpcsclite.so.1" &&
        $CC $CFLAGS -shared -fPIC tests/pcsc/fastpoll.c -o "$bench/fastpoll.so" || exit 1
    preload=$bench/fastpoll.so vpcd=''
    export delays=0
    in_lab piv 'Yubico Virtual PCD'
    in_lab myeid 'Virtual PCD'
    export delays='5 45'                # cards and modules mostly wait: both at once
    (passed=1000; in_lab piv_slow 'Yubico Virtual PCD') & slow=$!
    (passed=2000; in_lab myeid_slow 'Virtual PCD')
    wait $slow
    summarise
    [ ! -s "$bench/failed" ] || { echo 'not every module does everything:'; sort "$bench/failed" | uniq -c; }
}

# ---- What is shown ----

[ "${1:-}" != --inside ] || { run_inside "$@"; exit; }
mkdir -p "$bench"
case ${1:-all} in
host)  run_host; show_host "$bench/host.tsv" ;;
peers) run_peers; awk -f tests/tools/bench_table.awk "$bench/bench.tsv" ;;
table) awk -f tests/tools/bench_table.awk "$bench/bench.tsv" ;;
draw)  sh tests/tools/bench_draw.sh ;;
padding)
    # shellcheck disable=SC2046,SC2086
    $CC -std=c99 $CFLAGS -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM tests/tools/bench_unpad.c \
        $(ls tests/sim/sim_*.c | grep -v '_test\.c$') -lmbedcrypto -lmbedx509 -lz -lpthread -o "$bench/unpad" || exit 1
    echo "taking off a malformed padding, two kinds of it (Welch's t-test):"
    "$bench/unpad" ;;
all | keep)
    run_host
    show_host "$bench/host.tsv"
    run_peers
    awk -f tests/tools/bench_table.awk "$bench/bench.tsv"
    [ "${1:-}" = keep ] || exit 0
    cp "$bench/bench.tsv" $data/bench.tsv && cp "$bench/host.tsv" $data/bench_host.tsv &&
        sh tests/tools/bench_draw.sh && sh tests/tools/bench_readme.sh write ;;
*) sed -n '/^# Usage/,/^#$/s/^# *//p' "$0"; exit 2 ;;
esac
