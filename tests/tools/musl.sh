#!/bin/sh
# musl.sh: the library with musl instead of glibc: README's line, and tests of programs/. ./build.sh musl calls it.
# SPDX-License-Identifier: 0BSD
# Packages: musl-tools dpkg-dev
#
# Debian has no libraries for musl: mbedTLS and zlib are built from Debian's source, which apt-get fetches (or from
# the directories MBEDTLS_SOURCE and ZLIB_SOURCE), once, into build/musl. In place of libpcsclite is the stand-in for
# it, with simulated cards. Everything is linked statically, so that nothing of glibc is near.
cd "$(dirname "$0")/../.." || exit 1
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
. tests/tools/count.sh
. tests/tools/debian_source.sh
dir=$OUT/musl cc=${MUSL_CC:-musl-gcc}
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic -Werror'
mkdir -p "$dir/lib" "$dir/o"

# ---- mbedTLS and zlib ----

mbedtls=${MBEDTLS_SOURCE:-$dir/mbedtls} zlib=${ZLIB_SOURCE:-$dir/zlib}
with="-DMBEDTLS_CMAC_C -isystem $mbedtls/include -isystem $zlib"        # Debian's mbedTLS has CMAC, too
# library <name> <sources...>
library() {
    name=$1; shift
    rm -rf "$dir/o/$name"
    mkdir -p "$dir/o/$name"
    echo "$@" | xargs -n 1 -P 2 sh -c "$cc -O2 -D_GNU_SOURCE $with -c \$0 -o $dir/o/$name/\$(basename \$0 .c).o || exit 255" &&
        ar rcs "$dir/lib/lib$name.a" "$dir/o/$name"/*.o
}
from_debian() { debian_lists "$dir/apt" "$(debian_release)" && debian_source "$1" "$2"; }
build_mbedtls() {
    [ -d "$mbedtls/library" ] || from_debian mbedtls "$mbedtls" || return 1
    # shellcheck disable=SC2046
    library mbedcrypto $(find "$mbedtls/library" -name '*.c' ! -name 'net_sockets.c' ! -name 'ssl_*')
}
build_zlib() {
    [ -e "$zlib/zlib.h" ] || from_debian zlib "$zlib" || return 1
    library z "$zlib/adler32.c" "$zlib/crc32.c" "$zlib/zutil.c" "$zlib"/inf*.c "$zlib/trees.c" "$zlib/deflate.c" "$zlib/compress.c"
}
[ -e "$dir/lib/libmbedcrypto.a" ] || try 'mbedTLS' build_mbedtls || { sum_up; exit 1; }
[ -e "$dir/lib/libz.a" ] || try 'zlib' build_zlib || { sum_up; exit 1; }

# ---- Simulated cards, and README's line ----

custom="-DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1 -DSCARD11_BELIEVED=SCARD11_BELIEVED_ALWAYS -I. $with"
pcsc_h=$(pkg-config --cflags libpcsclite 2>/dev/null || echo -I/usr/include/PCSC)
objects() {     # without OpenSSL: no Curve25519
    for f in $(ls tests/sim/sim_*.c | grep -v '_test\.c$'); do echo "$f"; done |
        xargs -P 2 -I F sh -c "$cc -std=gnu99 -O1 $custom -c F -o $dir/o/\$(basename F .c).o || exit 255" &&
        $cc -std=gnu99 -O1 $pcsc_h -I. $with -c tests/pcsc/pcsc_stand_in.c -o "$dir/o/pcsc_stand_in.o" &&
        rm -f "$dir/lib/libpcsclite.a" && ar rcs "$dir/lib/libpcsclite.a" "$dir"/o/sim_*.o "$dir/o/pcsc_stand_in.o"
}
app() {         # the program of the first page, with the line below it
    rm -rf "$dir/app"
    mkdir "$dir/app"
    sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' > "$dir/app/app.c"
    cp scard11.c scard11.h "$dir/app"
    line=$(sed -n 's/^    cc \(app\.c .*\)/\1/p' README.md | sed -n 1p | sed "s|\$(pkg-config[^)]*)|$pcsc_h -lpcsclite|")
    [ -n "$line" ] && (cd "$dir/app" && eval "$cc -static -Werror -Wall -Wextra $with -L$dir/lib $line")
}
signs() {       # the same, with a card that is there before main
    # shellcheck disable=SC2086
    $cc -static -I. $pcsc_h $with "$dir/app/app.c" scard11.c tests/programs/card_before_main.c -L"$dir/lib" \
        -lpcsclite -lmbedcrypto -lz -o "$dir/app/signs" && [ "$("$dir/app/signs" 123456 'with musl' | wc -c)" = 513 ]
}
no_glibc() { file=$1; ! grep -q 'GLIBC_\|GNU C Library' "$file" && grep -q musl "$dir/musl.txt"; }
try 'simulated cards' objects || { sum_up; exit 1; }
$cc -v > "$dir/musl.txt" 2>&1
try "README's program" app
try 'it signs' signs
try 'without glibc' no_glibc "$dir/app/signs"

# ---- Tests, with the custom reader ----

# shellcheck disable=SC2086
try 'scard11.c' $cc $warn -O1 $custom -c scard11.c -o "$dir/o/scard11.o"
build() {       # build <source> <objects...>
    source=$1; shift
    # shellcheck disable=SC2086
    $cc -std=gnu99 -O0 -static $custom "tests/$source.c" "$@" "$dir"/o/sim_*.o -L"$dir/lib" -lmbedcrypto -lz -o "$dir/$name"
}
run() {         # run <program>: what it counts, counts here
    timeout 1200 "$dir/$1" > "$dir/$1.txt" 2>&1
    read -r p _ f _ <<END
$(tail -n 1 "$dir/$1.txt")
END
    case "$p$f" in
        '' | *[!0-9]*) failed=$((failed + 1)); echo "failed: $1 did not come to its end: $dir/$1.txt"; return ;;
    esac
    passed=$((passed + p)) failed=$((failed + f))
    echo "$1: $p passed, $f failed: $dir/$1.txt"
    [ "$f" = 0 ] || grep '^tests' "$dir/$1.txt" | sed 's/^/    /'
}
for test in unit/unit programs/module programs/threads programs/api programs/pins programs/cards programs/chips \
    programs/conformance programs/traces; do
    name=$(basename "$test")
    case $test in unit/*) set -- ;; *) set -- "$dir/o/scard11.o" ;; esac
    if try "$name is built" build "$test" "$@"; then run "$name"; fi
done
sum_up
