#!/bin/sh
# storm_pcscd.sh: a short storm through a real pcscd; ./build.sh storm pcscd makes long ones, and says
# whether events are late.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
cd "$(dirname "$0")/.." || exit 1
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
case $OUT in /*) at=$OUT/storm ;; *) at=$PWD/$OUT/storm ;; esac
mkdir -p "$at"
dir=$(mktemp -d) port=$((20000 + ($$ * 13) % 20000))
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2046,SC2086
$CC $warn -O2 tests/lab.c -o "$at/lab" &&
    $CC $warn -O2 -shared -fPIC tests/fastpoll.c -o "$at/fastpoll.so" &&
    $CC $warn -g -O1 -I. -I/usr/include/PCSC -DSTORM_PCSCD -DSLOT_REST_MS=20 -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1 \
        tests/storm.c scard11.c $(ls tests/sim_*.c | grep -v 'sim_reader\|sim_pad') -lpcsclite -lmbedx509 \
        -lmbedcrypto -lz -lpthread -lcrypto -o "$at/storm_pcscd" || { echo "0 passed, 1 failed"; exit 1; }
STORM_PORT=$port "$at/lab" --name Storm --preload "$at/fastpoll.so" "$dir" "$port" -- \
    "$at/storm_pcscd" seconds 20 turns 0 "$@"
