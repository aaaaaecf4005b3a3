# fast_pcscd.sh: what scenarios_pcscd.sh and storm_pcscd.sh share: a program behind a pcscd of its own
# that polls each millisecond. Not a test by itself.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
dir=$(mktemp -d) port=$((20000 + ($$ * 11) % 20000))
trap 'rm -rf "$dir"' EXIT

# fast_build <directory> <program> <flags, sources...>: the program there, with $library (scard11.c), and what it
# runs in.
library=scard11.c
fast_build() {
    case $OUT in /*) at=$OUT/$1 ;; *) at=$PWD/$OUT/$1 ;; esac
    program=$at/$2; shift 2
    mkdir -p "$at"
    # shellcheck disable=SC2086
    $CC $warn -O2 tests/pcsc/lab.c -o "$at/lab" &&
        $CC $warn -O2 -shared -fPIC tests/pcsc/fastpoll.c -o "$at/fastpoll.so" &&
        $CC $warn -I. -I/usr/include/PCSC -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1 "$@" $library -lpcsclite \
            -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto -o "$program" ||
        { echo "0 passed, 1 failed"; exit 1; }
}

fast_run() {    # fast_run <readers' name> <arguments...>
    name=$1; shift
    WORLD_PORT=$port STORM_PORT=$port "$at/lab" --name "$name" --preload "$at/fastpoll.so" "$dir" "$port" -- \
        "$program" "$@"
}
