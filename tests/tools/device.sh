#!/bin/sh
# device.sh: scard11 without an operating system: examples/device for a Cortex-M4, its size, and its run in QEMU
# with a simulated card on a serial line: it lists, logs in, signs; the card is pulled, and put in again.
# ./build.sh device calls it: the compiler takes more room than a test may. Not a row of suite.txt.
# SPDX-License-Identifier: 0BSD
# Packages: gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm libssl-dev openssl python3
#
# mbedTLS for the device is compiled from the source of Debian's package, which apt fetches to build/device.
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/count.sh
. tests/tools/debian_source.sh
: "${OUT:=build}" "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
case $OUT in /*) ;; *) OUT=$PWD/$OUT ;; esac
dir=$OUT/device port=$((20000 + $$ % 10000))
arm='-mcpu=cortex-m4 -mthumb -Os -ffunction-sections -fdata-sections'
warn='-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -pedantic'
options="-I. -Iexamples/device -DSCARD11_CONFIG=\"device.h\" -DMBEDTLS_CONFIG_FILE=\"device_mbedtls.h\""
end='--specs=nano.specs --specs=nosys.specs -nostartfiles -T examples/device/device.ld -Wl,--gc-sections'

fail() { failed=$((failed + 1)); echo "device.sh: $*"; }
good() {        # good <what> <command...>
    what=$1; shift
    at "$what"
    if said=$("$@" 2>&1) ; then passed=$((passed + 1)); else fail "$what: $said"; fi
}
get_mbedtls() {
    [ -d "$dir/mbedtls/library" ] && return
    { debian_lists "$dir/apt" "$(debian_release)" && debian_source mbedtls "$dir/mbedtls"; } > "$dir/apt.txt" 2>&1
}
compile_mbedtls() {
    mkdir -p "$dir/objects" || return 1
    (cd "$dir/mbedtls/library" && ls psa_crypto*.c platform*.c constant_time.c bignum*.c rsa*.c ecp*.c ecdsa.c \
        sha256.c asn1*.c oid.c pk*.c md*.c hash_info.c 2>/dev/null) |
        xargs -P 2 -I '{}' arm-none-eabi-gcc -std=c99 -w $arm -I"$dir/mbedtls/include" -I"$dir/mbedtls/library" \
            -Iexamples/device '-DMBEDTLS_CONFIG_FILE="device_mbedtls.h"' -c "$dir/mbedtls/library/{}" \
            -o "$dir/objects/{}.o" &&
        rm -f "$dir/libmbedcrypto.a" && arm-none-eabi-ar rcs "$dir/libmbedcrypto.a" "$dir"/objects/*.o
}
compile() {     # compile <source> <object> <option...>
    source=$1 object=$2; shift 2
    # shellcheck disable=SC2086
    said=$(arm-none-eabi-gcc $warn $arm $options -I"$dir/mbedtls/include" "$@" -c "$source" -o "$object" 2>&1)
    [ -z "$said" ] || { echo "$said"; return 1; }
}
link_device() {
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $arm "$dir/device.o" "$dir/scard11.o" "$dir/libmbedcrypto.a" $end -Wl,-Map="$dir/map" \
        -o "$dir/device.elf"
}
under() { [ "$1" -lt "$2" ]; }

# ---- In QEMU ----

run_device() {
    rm -rf "$dir/run"; mkdir -p "$dir/run/card"
    qemu-system-arm -M mps2-an386 -display none -monitor none -semihosting-config enable=on,target=native \
        -kernel "$dir/device.elf" -serial "tcp:127.0.0.1:$port,server,nowait" -serial "file:$dir/run/text" \
        > "$dir/run/qemu.txt" 2>&1 & qemu=$!
    "$dir/vpcd" "$port" "$dir/run/card" "$@" > "$dir/run/vpcd.txt" 2>&1 & vpcd=$!
}
end_device() { kill "$qemu" "$vpcd" 2>/dev/null; wait "$qemu" "$vpcd" 2>/dev/null; }
says() {        # says <n> <what>: its n-th line like that comes within 20 seconds
    for _ in $(seq 200); do
        [ "$(cat "$dir/run/text" 2>/dev/null | grep -c "$2")" -ge "$1" ] && return
        sleep 0.1
    done
    tail -n 5 "$dir/run/text"; return 1
}
signature_good() {      # signature_good <rsa|ec>: the last one that it printed, by the certificate of the card
    "$dir/vpcd" --certificate "$1" > "$dir/run/certificate" &&
        openssl x509 -in "$dir/run/certificate" -pubkey -noout > "$dir/run/key" || return 1
    sed -n 's/^signature: \([0-9a-f]*\).*/\1/p' "$dir/run/text" | tail -n 1 | python3 -c '
import sys
raw = bytes.fromhex(sys.stdin.read().strip())
def number(b):
    b = b.lstrip(b"\0") or b"\0"
    if b[0] & 128: b = b"\0" + b
    return bytes([2, len(b)]) + b
if sys.argv[1] == "ec":
    half = len(raw) // 2
    raw = number(raw[:half]) + number(raw[half:])
    raw = bytes([48, len(raw)]) + raw
sys.stdout.buffer.write(raw)' "$1" > "$dir/run/signature"
    printf scard11 | openssl dgst -sha256 -verify "$dir/run/key" -signature "$dir/run/signature"
}
logged_in_once() { [ "$(cat "$dir/run/card/tries")" = 0 ]; }
scene() {       # scene <rsa|ec> <certificates> <option...>
    key=$1 certificates=$2; shift 2
    run_device piv "$@"
    good "$key: the token is shown" says 1 '^token: PIV'
    good "$key: its certificates are listed" says "$certificates" '^certificate: '
    good "$key: it signs" says 1 '^signature: '
    good "$key: the signature is good" signature_good "$key"
    good "$key: the card takes little memory" says 1 '^bytes for the card: '
    : > "$dir/run/card/remove"
    good "$key: the card has left" says 1 '^the card has left'
    : > "$dir/run/card/insert"
    good "$key: it is back, and signs" says 2 '^signature: '
    good "$key: that signature is good, too" signature_good "$key"
    good "$key: no try of a PIN was taken" logged_in_once
    echo 3 > "$dir/run/card/pull"
    : > "$dir/run/card/remove"
    good "$key: out once more" says 2 '^the card has left'
    : > "$dir/run/card/insert"
    good "$key: pulled at a command" says 3 '^the card has left'
    good "$key: no fault" sh -c '! grep fault "$0"' "$dir/run/text"
    sed -n "s/^bytes for the card: \([0-9]*\).*/$key: a card takes \1 bytes/p" "$dir/run/text" | tail -n 1
    end_device
}

mkdir -p "$dir" || exit 1
good "the source of mbedTLS comes ($dir/apt.txt)" get_mbedtls
[ "$failed" = 0 ] || { sum_up; exit 1; }
good 'mbedTLS compiles' compile_mbedtls
good 'scard11.c compiles' compile scard11.c "$dir/scard11.o"
good 'the example compiles' compile examples/device/device.c "$dir/device.o"
good 'it links' link_device
# shellcheck disable=SC2046
set -- $(python3 tests/tools/in_map.py "$dir/map" scard11.o)
code=$1 ram=$2
echo "scard11 in the program: $code bytes of code and constants, $ram bytes of RAM beside a card's"
arm-none-eabi-size "$dir/device.elf"
good 'under 55 KiB, PIV alone' under "$code" 56320
good 'under 1.5 KiB of static RAM' under "$ram" 1536
good 'vpcd compiles' $CC -std=c99 -O1 -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 tests/pcsc/vpcd.c \
    $(ls tests/sim/sim_*.c | grep -v '_test\.c$') -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto -o "$dir/vpcd"
[ "$failed" = 0 ] && scene rsa 4
[ "$failed" = 0 ] && scene ec 3 ec
sum_up
