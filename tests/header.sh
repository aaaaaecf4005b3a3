#!/bin/sh
# header.sh: does scard11.h stand alone, in every language and with both readers, without a warning?
# Packages: g++
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
warn='-Wall -Wextra -Wconversion -Wshadow -Wundef -pedantic -Werror -fsyntax-only'

# header <compiler> <standard> <file> <options>
header() {
    cc=$1 std=$2 file=$3
    shift 3
    command -v "$cc" >/dev/null || return 0
    # shellcheck disable=SC2086
    if $cc -std=$std $warn "$@" "$file"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "header.sh: $cc -std=$std $* $file"
    fi
}

for reader in -DSCARD11_READER=1 -DSCARD11_READER=2; do
    for cc in gcc clang; do
        for std in c99 c11 c17; do header $cc $std tests/header.c -Wstrict-prototypes $reader; done
    done
    for cc in g++ clang++; do
        for std in c++11 c++17; do header $cc $std tests/header.cc $reader; done
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
