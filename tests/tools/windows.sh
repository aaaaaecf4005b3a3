#!/bin/sh
# windows.sh: the library for Windows, built here with MinGW-w64: README's line, the module as a DLL that a
# program loads, and tests of programs/ with the custom reader, run under wine. ./build.sh windows calls it.
# SPDX-License-Identifier: 0BSD
# Packages: gcc-mingw-w64-x86-64 libz-mingw-w64-dev wine dpkg-dev
#
# Debian has no mbedTLS for MinGW: it is built from Debian's source, which apt-get fetches (or from the
# directory MBEDTLS_SOURCE), once, into build/windows. Without OpenSSL the simulated cards have no Curve25519.
# Without wine everything is compiled and linked, and nothing run.
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
. tests/tools/count.sh
. tests/tools/debian_source.sh
dir=$OUT/windows cc=x86_64-w64-mingw32-gcc
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic -Werror'
mkdir -p "$dir/mbedtls" "$dir/o"

# ---- mbedTLS ----

fetch() {       # Debian's source package, without a change of this machine's lists
    [ -e /etc/os-release ] || return 1
    debian_lists "$dir/apt" "$(debian_release)" && debian_source mbedtls "$dir/apt/mbedtls"
}
build_mbedtls() {
    source=${MBEDTLS_SOURCE:-$dir/apt/mbedtls}
    [ -d "$source/library" ] || fetch || return 1
    rm -f "$dir"/mbedtls/*
    # shellcheck disable=SC2086
    find "$source/library" -name '*.c' ! -name 'net_sockets.c' ! -name 'ssl_*' | xargs -P 2 -I F sh -c \
        "$cc -O1 $mbedtls -c F -o $dir/mbedtls/\$(basename F .c).o || exit 255" &&
        x86_64-w64-mingw32-ar rcs "$dir/mbedtls/libmbedcrypto.a" "$dir"/mbedtls/*.o
}
mbedtls="-DMBEDTLS_CMAC_C -I${MBEDTLS_SOURCE:-$dir/apt/mbedtls}/include"        # Debian's has CMAC, too
[ -e "$dir/mbedtls/libmbedcrypto.a" ] || try 'mbedTLS' build_mbedtls || { sum_up; exit 1; }

# ---- What README says ----

with="$mbedtls -L$dir/mbedtls"
app() {
    rm -rf "$dir/app"
    mkdir "$dir/app"
    sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' > "$dir/app/app.c"
    cp scard11.c scard11.h "$dir/app"
    line=$(sed -n 's/^    gcc \(app\.c .*\)/\1/p' README.md | sed -n 1p)
    [ -n "$line" ] && (cd "$dir/app" && eval "$cc -static -Werror -Wall -Wextra $with $line")
}
dll() {
    line=$(sed -n 's/^    gcc \(-shared .*\)/\1/p' README.md | sed -n 1p)
    # shellcheck disable=SC2086
    [ -n "$line" ] && eval "$cc $warn -static $with $line" && mv scard11.dll "$dir"
}
exports() {     # C_* and scard11_*, and nothing else
    x86_64-w64-mingw32-objdump -p "$dir/scard11.dll" | sed '1,/Name Pointer\] Table/d; /^$/,$d' |
        sed 's/.*\] *//; s/\r$//' > "$dir/exports.txt"
    grep -v '^C_\|^scard11_' "$dir/exports.txt" && return 1
    grep '^C_GetFunctionList$' "$dir/exports.txt" && grep '^C_GetInterface$' "$dir/exports.txt"
}
try "README's program" app
try 'the module' dll
try 'what it exports' exports

# ---- Tests, with the custom reader ----

custom="-DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1 -I. $with"
libs='-lmbedcrypto -lz -lbcrypt -lpthread'
objects() {
    for f in $(ls tests/sim/sim_*.c | grep -v '_test\.c$\|sim_report'); do echo "$f"; done |
        xargs -P 2 -I F sh -c "$cc -std=gnu99 -O1 $custom -c F -o $dir/o/\$(basename F .c).o || exit 255" &&
        $cc $warn -O1 $custom -c scard11.c -o "$dir/o/scard11.o"
}
build() {       # build <source> <objects...>
    source=$1; shift
    # shellcheck disable=SC2086
    $cc -std=gnu99 -O0 -static $custom "tests/$source.c" "$@" $libs -o "$dir/$(basename "$source").exe"
}
wine=$(command -v wine64 || find /usr/lib/wine -name wine64 2>/dev/null | head -n 1)
export WINEPREFIX="$dir/wine" WINEDEBUG=-all WINEDLLOVERRIDES='winedbg.exe=d'    # else a crash waits for ever
run() {         # run <program> <arguments...>: what it counts, counts here
    name=$1; shift
    timeout 300 "$wine" "$dir/$name.exe" "$@" > "$dir/$name.txt" 2>&1       # here are the files of tests/data
    tr -d '\r' < "$dir/$name.txt" > "$dir/out.txt"
    read -r p _ f _ <<END
$(tail -n 1 "$dir/out.txt")
END
    case "$p$f" in
        '' | *[!0-9]*) failed=$((failed + 1)); echo "failed: $name did not come to its end: $dir/$name.txt"; return ;;
    esac
    passed=$((passed + p)) failed=$((failed + f))
    echo "$name: $p passed, $f failed: $dir/$name.txt"
    [ "$f" = 0 ] || grep '^tests' "$dir/out.txt" | sed 's/^/    /'
}
load() {        # the module in a program, where no reader is
    $cc -std=gnu99 -Wall -I. tests/tools/windows_load.c -o "$dir/load.exe" &&
        (cd "$dir" && timeout 60 "$wine" ./load.exe scard11.dll)
}
try 'simulated cards' objects || { sum_up; exit 1; }
[ -n "$wine" ] || echo 'no wine here: nothing is run'
[ -z "$wine" ] || try 'a program loads the module' load
for test in unit/unit programs/module programs/api programs/pins programs/cards programs/chips programs/conformance \
    programs/traces; do
    case $test in
        unit/*) set -- -DSCARD11_ENTROPY=unit_entropy ;;
        *) set -- "$dir/o/scard11.o" ;;
    esac
    name=$(basename "$test")
    # shellcheck disable=SC2046
    if try "$name is built" build "$test" "$@" $(ls "$dir"/o/sim_*.o) && [ -n "$wine" ]; then run "$name"; fi
done
sum_up
