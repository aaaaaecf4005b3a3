#!/bin/sh
# scenarios_pcscd.sh: tests/scenarios.c through a real pcscd that polls each millisecond.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
cd "$(dirname "$0")/.." || exit 1
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
asan='-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'
case $OUT in /*) at=$OUT/world ;; *) at=$PWD/$OUT/world ;; esac
mkdir -p "$at"
dir=$(mktemp -d) port=$((20000 + ($$ * 11) % 20000))
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2086
$CC $warn -O2 tests/lab.c -o "$at/lab" &&
    $CC $warn -O2 -shared -fPIC tests/fastpoll.c -o "$at/fastpoll.so" &&
    $CC $warn $asan -I. -I/usr/include/PCSC -DWORLD_IS_PCSCD -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1 \
        tests/scenarios.c scard11.c tests/sim_piv.c tests/sim_card.c -lpcsclite -lmbedx509 -lmbedcrypto \
        -lz -lpthread -lcrypto -o "$at/scenarios" || { echo "0 passed, 1 failed"; exit 1; }
WORLD_PORT=$port "$at/lab" --name World --preload "$at/fastpoll.so" "$dir" "$port" -- \
    "$at/scenarios" "$@"
