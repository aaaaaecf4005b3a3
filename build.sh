#!/bin/sh
# build.sh: builds and tests scard11.h and scard11.c. ./build.sh help says how.
# SPDX-License-Identifier: 0BSD
#
# Everything goes into build/ (or OUT). Debian packages that a command needs are installed if that
# may be done, else named. Each command is printed before it runs, or goes with its output to a file
# that is named; the first failure is the end.
set -eu
case ${OUT:-} in '' | /*) ;; *) OUT=$PWD/$OUT ;; esac
cd "$(dirname "$0")"
OUT=${OUT:-build} CC=${CC:-gcc} CFLAGS=${CFLAGS:--O2 -g} LDFLAGS=${LDFLAGS:-} READER=${READER:-pcsc}
export OUT CC CFLAGS LDFLAGS READER
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
custom='-I. -DSCARD11_READER=SCARD11_READER_CUSTOM'
libs="$LDFLAGS -lmbedcrypto -lz -lpthread" pcsc='-lpcsclite'
example_libs="-lmbedtls -lmbedx509 $libs"       # TLS, requests, certificates
test_libs="$example_libs -lcrypto"      # the simulated cards have Ed25519 and X25519 from OpenSSL
pcsc_h='-I/usr/include/PCSC -I/usr/local/include/PCSC'
case $(uname) in Darwin) pcsc='-framework PCSC' ;; esac
[ "$READER" != custom ] && reader=$pcsc_h || reader=$custom
pkg_lib="gcc libc6-dev libmbedtls-dev libpcsclite-dev zlib1g-dev"

die() { echo "build.sh: $*" >&2; exit 1; }
run() { echo "+ $*"; "$@"; }

# Two commands at a time: bg starts one, bg_wait ends when all have, and fails if one did.
bg_old='' bg_new=''
bg() { [ -z "$bg_old" ] || wait "$bg_old" || exit 1
    echo "+ $*"; bg_old=$bg_new; "$@" & bg_new=$!; }
bg_wait() { for p in $bg_old $bg_new; do wait "$p" || exit 1; done; bg_old='' bg_new=''; }

. tests/tools/need.sh
. tests/tools/suite.sh
out() { for d; do mkdir -p "$OUT/$d"; done; : > "$OUT/.scard11"; }
there() { for f; do [ -e "$f" ] || die "there is no $f"; done; }

# ./build.sh                    the library (libscard11.a, scard11.so) and the examples
cmd_library() {
    need $pkg_lib
    out examples
    run $CC $warn $CFLAGS $reader -fPIC -fvisibility=hidden -c scard11.c -o "$OUT/scard11.o"
    rm -f "$OUT/libscard11.a"
    run ar rcs "$OUT/libscard11.a" "$OUT/scard11.o"
    [ "$READER" = custom ] || run $CC -shared "$OUT/scard11.o" $pcsc $libs -o "$OUT/scard11.so"
    again="$CFLAGS -O1"         # scard11.c once more, for an example, takes half the time
    for f in examples/*.c; do
        [ -e "$f" ] || continue
        o=$OUT/examples/$(basename "$f" .c)
        if grep -q '^int scard11_reader_start' "$f"; then
            bg $CC $warn $again $custom "$f" scard11.c $example_libs -o "$o"
        elif [ "$READER" != custom ]; then
            bg $CC $warn $CFLAGS -I. $pcsc_h "$f" "$OUT/libscard11.a" $pcsc $example_libs -o "$o"
        fi
    done
    [ "$READER" = custom ] || bg $CC $warn $again -shared -fPIC -Iexamples/module -I. $pcsc_h \
        '-DSCARD11_CONFIG="module.h"' examples/module/module.c scard11.c $pcsc $libs -o "$OUT/examples/module.so"
    bg_wait
}

# ./build.sh install [PREFIX=/usr/local] [LIBDIR=lib] [DESTDIR=] header, library, module, scard11.pc
cmd_install() { cmd_library; run sh tests/tools/install.sh "$@"; }

# ./build.sh sbom               prints what it consists of and is linked with, as CycloneDX (JSON)
cmd_sbom() { sh tests/tools/sbom.sh; }

# ./build.sh demo               shows it at work: on a card if there is one, else on a simulated one
cmd_demo() {
    need $pkg_lib
    there tests/tools/demo.c
    out demo
    said=$OUT/demo/build.txt
    echo "compiling (its output: $said)"
    : > "$said"
    quietly $CC $warn $CFLAGS $pcsc_h -I. tests/tools/demo.c scard11.c $pcsc $libs -o "$OUT/demo/pcsc" & first=$!
    quietly $CC $warn $CFLAGS $custom tests/tools/demo.c scard11.c $(sims) $libs -o "$OUT/demo/simulated"
    wait $first || exit 1
    echo
    rc=0; "$OUT/demo/pcsc" "$OUT/demo/no_card.txt" || rc=$?     # 77: there is no reader with a card
    [ $rc = 77 ] || return $rc
    "$OUT/demo/simulated" "$OUT/demo/no_card.txt"
}

# ./build.sh test [name...]     all tests; or rows of tests/suite.txt, sections or cases of unit
cmd_test() { run_tests "$@"; }

# ./build.sh cases              the cases that passed in the last test, by name
cmd_cases() { sh tests/tools/cases.sh; }

# ./build.sh check              what a compiler and the map can find: every option, no warning
cmd_check() {
    need $pkg_lib
    out check
    run sh tests/tools/check.sh
}

# ./build.sh mutants [name...]  is each law kept by a test? Faults around its keeper, one at a time
cmd_mutants() {
    need $pkg_lib libssl-dev opensc-pkcs11
    out mutants
    ONLY="$*" run sh tests/tools/mutants.sh
}

# ./build.sh map                the map of scard11.c: line, lines, functions, section; and its picture
cmd_map() { awk -v map=1 -f tests/tools/structure.awk scard11.c; sh tests/tools/map.sh; }

# ./build.sh worst [n]          the n (30) functions that decide most: decisions, lines, first line, name
cmd_worst() { awk -v worst="${1:-30}" -f tests/tools/structure.awk scard11.c; }

# ./build.sh figures [file...]  how dense the code is: lengths, decisions, names (tests/tools/figures says what)
cmd_figures() { need python3; tests/tools/figures "$@"; }

# ./build.sh quirks             every QUIRK, by card: its section, and what the card does
cmd_quirks() { sh tests/tools/quirks.sh; }

# ./build.sh size               bytes of each section, of the whole with each driver off, and in a program
cmd_size() {
    need $pkg_lib python3
    run sh tests/tools/size.sh
}

# ./build.sh cover [section]    lines and branches that tests run, by section; which of one did not
cmd_cover() {
    need $pkg_lib
    run sh tests/tools/cover.sh "$@"
}

# ./build.sh fuzz <entry> [s]   libFuzzer on one entry of tests/tools/fuzz.c, for s seconds (60)
cmd_fuzz() { . tests/tools/fuzz.sh; fuzz_entry "$@"; }

# ./build.sh storm [min] [seed] cards and readers come and go under many threads (ASan and TSan)
# ./build.sh storm events [n] [seed]    so many events (10 million), as fast as they come
# ./build.sh storm seeds [n] [first]    10 s under TSan for each of n seeds
# ./build.sh storm pcscd [min] [seed]   through a real pcscd that polls each millisecond (pcscd-tsan: TSan)
# ./build.sh storm seeded       does the storm find the faults that are put in?
cmd_storm() { . tests/tools/long_runs.sh; long_storm "$@"; }

# ./build.sh kiosk [insertions] a kiosk's long run: memory, handles, ends of the library, polling
cmd_kiosk() { . tests/tools/long_runs.sh; long_kiosk "$@"; }

# ./build.sh witness            the module and the simulated cards against programs of others
cmd_witness() { cmd_test witness; cat "$OUT/log/witness.txt"; }

# ./build.sh bench              beside OpenSC's module and ykcs11: commands, times, memory (ten minutes)
# ./build.sh bench host|peers|padding|table|draw    a part of it
# ./build.sh bench keep         ... written to tests/data, with the picture and README's figures
# ./build.sh bench instructions [dir] [all|functions|keep]      of each call; what changed by more than 2 %
cmd_bench() {
    if [ "${1:-}" = instructions ]; then shift; cmd_instructions "$@"; return; fi
    need $pkg_lib $(sed -n 's/^# Packages: *//p' tests/tools/bench.sh)
    case ${1:-} in '' | keep | peers) cmd_library ;; esac
    out bench
    run sh tests/tools/bench.sh "$@"
}

# ./build.sh instructions       the same: the scard11.c of dir, or this one
cmd_instructions() {
    need $pkg_lib $(sed -n 's/^# Packages: *//p' tests/tools/instructions.sh)
    run sh tests/tools/instructions.sh "$@"
}

# ./build.sh model              the locks, events and ends as a model that Spin checks, and its faults
cmd_model() { cmd_test model; cat "$OUT/log/model.txt"; }

# ./build.sh clients [name...]  programs that people have, with this module and with OpenSC's, side by side
cmd_clients() {
    need $pkg_lib libssl-dev $(sed -n 's/^# \(Packages\|Heavy\): *//p' tests/clients/clients.sh)
    cmd_library
    run sh tests/clients/clients.sh "$@"
}

# ./build.sh card KIND [--pull N]   a simulated card behind a pcscd of its own, until Ctrl-C
cmd_card() { need $pkg_lib libssl-dev pcscd vsmartcard-vpcd; exec sh tests/pcsc/card.sh "$@"; }

# ./build.sh hotplug MODULE.so  cards come and go under a PKCS#11 module, any one, and under this one beside it
cmd_hotplug() { need $pkg_lib libssl-dev pcscd vsmartcard-vpcd; cmd_library; run sh tests/pcsc/hotplug.sh "$@"; }

# ./build.sh device             examples/device for a Cortex-M4: its size, and its run in QEMU with a simulated card
cmd_device() {
    need $pkg_lib $(sed -n 's/^# Packages: *//p' tests/tools/device.sh)
    out device
    run sh tests/tools/device.sh
}

# ./build.sh windows            program and module for Windows by MinGW-w64; tests of them under wine
cmd_windows() { need $(sed -n 's/^# Packages: *//p' tests/tools/windows.sh); out windows; run sh tests/tools/windows.sh; }

# ./build.sh musl               README's program and tests with musl instead of glibc, linked statically
cmd_musl() { need $pkg_lib $(sed -n 's/^# Packages: *//p' tests/tools/musl.sh); out musl; run sh tests/tools/musl.sh; }
# ./build.sh mbedtls [version]  with each mbedTLS that Debian has, one that is installed (its directory), and few options
cmd_mbedtls() {
    need $pkg_lib $(sed -n 's/^# Packages: *//p' tests/tools/mbedtls.sh)
    . tests/tools/mbedtls.sh; mbedtls_run "$@"
}

# ./build.sh clean              removes build/
cmd_clean() { [ ! -e "$OUT" ] || { there "$OUT/.scard11"; run rm -rf "$OUT"; }; }

# ./build.sh help               this (CC, CFLAGS, LDFLAGS, READER=pcsc|custom, OUT are honoured)
cmd_help() { sed -n 's/^# \(\.\/build\.sh .*\)/\1/p' build.sh; }

cmd=${1:-library}
[ $# = 0 ] || shift
case $cmd in -h | --help) cmd=help ;; esac
command -v "cmd_$cmd" >/dev/null || { cmd_help; die "what is $cmd?"; }
"cmd_$cmd" "$@"
