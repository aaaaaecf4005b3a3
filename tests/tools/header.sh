#!/bin/sh
# Compiles tests/tools/header.c and tests/tools/header.cc in every way that scard11.h can be included, with each
# compiler there is. Nothing is linked or run.
#
#     tests/tools/header.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
echo '#define HEADER_OF_THE_APPLICATION 1' > "$dir/stand_in.h"
all='-Werror -pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -I.'
. tests/tools/count.sh
skipped=0

# try <what it shows> <command...>: passes when the command succeeds.
try() {
    what=$1; shift
    at "$what"
    if "$@" > "$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $what: $*"
        head -20 "$dir/out"
    fi
}

# ways <what it shows> <compiler> <flags...> <file>: that file with each way to include the header.
ways() {
    what=$1; shift
    try "$what" "$@"
    try "$what, a prefix" "$@" -DSCARD11_PREFIX=foo_ -DHEADER_PREFIX_IS_FOO
    try "$what, a prefix that renames" "$@" -DSCARD11_PREFIX=foo_ -DHEADER_PREFIX_IS_FOO -DSCARD11_RENAMES=1
    try "$what, a reader of one's own" "$@" -DSCARD11_READER=2
    try "$what, the application's pkcs11.h" "$@" "-DSCARD11_PKCS11_H=\"$dir/stand_in.h\""
}

# only_prefixed <object>: it refers to foo_C_Sign, and to no C_ function without the prefix.
only_prefixed() {
    nm "$1" > "$dir/nm" || return 1
    grep -q ' _*foo_C_Sign$' "$dir/nm" && ! grep ' U _*C_' "$dir/nm"
}

# bound <options> [text]: scard11.c takes these options; or refuses them, and says this.
bound() {
    # shellcheck disable=SC2046
    if ${CC:-cc} -E -I. -DSCARD11_READER=2 $(echo ",$1" | sed 's/,/ -DSCARD11_/g') scard11.c \
        > /dev/null 2> "$dir/said"
    then [ $# = 1 ]
    else [ $# = 2 ] && grep -q "#error.*$2" "$dir/said"
    fi
}

# The header and what is read beside it are no wider than scard11.c.
# shellcheck disable=SC2016
try 'no line over 100 columns' awk 'length > 100 || /\t|[ \t]$/ { print FILENAME ":" FNR; bad = 1 }
    END { exit bad }' scard11.h README.md examples/*.c examples/module/* tests/README.md tests/clients/README.md

# What the last release had is still there, or the interface has another number; and a release is written down.
interface_kept() {
    awk -v head=1 -f tests/tools/interface.awk "$1" > "$dir/now"
    read -r release number < tests/data/interface.txt
    read -r version now < "$dir/now"
    sed 1d "$dir/now" | LC_ALL=C sort > "$dir/has"
    if [ "$version" != "$release" ]; then
        echo "a release: write tests/data/interface.txt anew (interface.awk)"
        return 1
    fi
    [ "$now" = "$number" ] || { grep -q "^//   $version *Interface $now\." "$1"; return; }
    sed 1d tests/data/interface.txt | LC_ALL=C sort | comm -23 - "$dir/has" > "$dir/gone"
    sed 's/^/gone: /' "$dir/gone"
    [ ! -s "$dir/gone" ]
}
breaks() {      # breaks <sed expression>: after that change of scard11.h it is noticed
    sed "$1" scard11.h > "$dir/changed.h"
    ! cmp -s scard11.h "$dir/changed.h" && ! interface_kept "$dir/changed.h"
}
try 'the interface' interface_kept scard11.h
try 'an option that is gone' breaks '/^#define SCARD11_LOOK_MS /d'
try 'another type' breaks 's/^    uint64_t commands;/    uint32_t commands;/'
try 'another parameter' breaks 's/^int scard11_reader_end(void \*conn);/int scard11_reader_end(void *conn, int how);/'
try 'another interface, of which nothing is said' breaks 's/^\(#define SCARD11_INTERFACE_VERSION\) .*/\1 99/'
try 'a release that is not written down' breaks 's/^\(#define SCARD11_VERSION_MINOR\) .*/\1 99/'

for cc in gcc clang i686-w64-mingw32-gcc x86_64-w64-mingw32-gcc; do
    if ! command -v $cc > /dev/null; then
        skipped=$((skipped + 1)); echo "skipped: $cc is not there"; continue
    fi
    for std in c99 c11; do
        ways "$cc $std" $cc -std=$std $all -Wstrict-prototypes -c -o "$dir/o" tests/tools/header.c
    done
done
for cc in g++ clang++; do
    if ! command -v $cc > /dev/null; then
        skipped=$((skipped + 1)); echo "skipped: $cc is not there"; continue
    fi
    for std in c++98 c++11 c++17; do
        ways "$cc $std" $cc -std=$std $all -c -o "$dir/o" tests/tools/header.cc
    done
done
if echo 'int main(void) { return 0; }' | ${CC:-cc} -m32 -fsyntax-only -x c - 2> /dev/null; then
    ways "32-bit" ${CC:-cc} -ffreestanding -m32 -std=c99 $all -c -o "$dir/o" tests/tools/header.c
fi
try "a prefix" ${CC:-cc} -I. -DSCARD11_PREFIX=foo_ -DSCARD11_RENAMES=1 -DHEADER_PREFIX_IS_FOO -c -o "$dir/prefixed.o" tests/tools/header.c
try "a prefix leaves no C_ name" only_prefixed "$dir/prefixed.o"
all_prefixed() {    # each function is declared between a macro of its name and the end of that
    for name in $(sed -n 's/^SCARD11_API .*[ *]\(scard11_[a-z_]*\|C_[A-Za-z]*\)(.*/\1/p' "$1"); do
        awk -v name="$name" '$1 == "#define" && $2 == name { on = 1 } $1 == "#undef" && $2 == name { on = 0 }
            /^SCARD11_API / && on && index($0, name "(") { good = 1 } END { exit !(good && !on) }' "$1" ||
            { echo "$name has no prefix"; return 1; }
    done
}
forgets() { sed "/^#$2 *scard11_stats/d" scard11.h > "$dir/changed.h"; ! all_prefixed "$dir/changed.h"; }
try "a prefix is for each function" all_prefixed scard11.h
try "a function without one" forgets a define
try "a macro that does not end" forgets an undef

# The bounds of options, from both sides.
while read -r good bad text; do
    try "$good is taken" bound "$good"
    try "$bad is refused" bound "$bad" "$text"
done <<END
READERS_MAX=1 READERS_MAX=0 must be 1 to 64
READERS_MAX=64 READERS_MAX=65 must be 1 to 64
READER_SLOTS=1 READER_SLOTS=0 must be 1 to 8
READER_SLOTS=8 READER_SLOTS=9 must be 1 to 8
TOKEN_CREDENTIALS=2 TOKEN_CREDENTIALS=1 must be 2 to 16
TOKEN_CREDENTIALS=16 TOKEN_CREDENTIALS=17 must be 2 to 16
ANSWER=258 ANSWER=257 must be 258
ANSWER=65538 ANSWER=65539 to 65538
ANSWER=258,ZLIB=0,SCRATCH=6674 ANSWER=258,ZLIB=0,SCRATCH=6673 must hold an answer
ANSWER=4096,ZLIB=0,SCRATCH=14592 ANSWER=4096,ZLIB=0,SCRATCH=14591 must hold an answer
SCRATCH=131072 SCRATCH=131071 inflate needs
CRYPTO_LOCK=x,CRYPTO_UNLOCK=x CRYPTO_LOCK=x define both
ALLOC=x,FREE=x FREE=x define both
PREFIX=my_ PKCS11_H="$dir/stand_in.h" must declare PKCS#11 3.2
END

[ "$skipped" = 0 ] || echo "$skipped skipped: no 32-bit or Windows compiler here"
sum_up
