#!/bin/sh
# instructions.sh: how many instructions the library executes in each call of the bench, counted by callgrind.
# SPDX-License-Identifier: 0BSD
# Packages: valgrind
#
# Usage: instructions.sh [dir]    the scard11.c of dir (this tree), with the bench and the simulated card of this tree
#        instructions.sh [dir] functions    ... and which functions of scard11.c execute them
#
# Times change with the machine and with what else runs; instructions do not. "own" is what functions of
# scard11.c execute; "libraries" is what they have executed by mbedTLS and the C library. The simulated reader and
# card are left out. A call is counted after the first one of its kind, which may read what later ones remember.
here=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
tree=$(cd "${1:-$here}" && pwd) || exit 1
[ $# = 0 ] || shift
case ${OUT:=$here/build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
dir=$OUT/instructions
command -v valgrind >/dev/null || { echo "instructions.sh: there is no valgrind" >&2; exit 1; }
rm -rf "$dir" && mkdir -p "$dir" || exit 1

# shellcheck disable=SC2046,SC2086
$CC -std=c99 $CFLAGS -I"$tree" -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 "$here/tests/tools/bench.c" \
    "$tree/scard11.c" $(ls "$here"/tests/sim/sim_*.c | grep -v '_test\.c$') \
    -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto -o "$dir/bench" || exit 1

# A part of the profile for each call: its end is known by the bench's function for it.
calls='slot_list list sign_rsa sign_ec search open_close login slot_info token_info session_info poll_event'
dumps=$(for f in $calls; do echo "--dump-before=$f --dump-after=$f"; done)
# shellcheck disable=SC2086
valgrind -q --tool=callgrind $dumps --callgrind-out-file="$dir/out" "$dir/bench" 5 > "$dir/bench.txt" || exit 1
sed -n 's/  *[0-9.]* us.*, \([0-9]* commands\)$/: \1/p; $p' "$dir/bench.txt"
echo
# shellcheck disable=SC2012,SC2046
awk -v calls="$calls" -v functions="$*" '
    # Names are written once in a part, with a number that stands for them later.
    function name_of(kind, s,    id) {
        id = s; sub(/\).*/, ")", id); sub(/^[^)]*\) ?/, "", s)
        if (s != "") names[kind, id] = s
        return names[kind, id]
    }
    FNR == 1 { call = ""; after_calls = 0; split("", names) }
    /^desc: Trigger: --dump-before=list/ && !turns["list"] { call = "(start)" }
    /^desc: Trigger: --dump-after=/ {
        call = $3; sub(/.*=/, "", call); turn = ++turns[call]
        if (call == "slot_list" && turn == 1) call = "(start)"
        else if (call == "list" && turn == 1) call = "(new card)"
        else if (turn == (call ~ /list/ ? 2 : 1)) call = ""     # the first of its kind
        parts[call]++
    }
    /^fl=/  { ours = name_of("file", substr($0, 4)) ~ /scard11\.c$/; next }
    /^f[ie]=/ { name_of("file", substr($0, 4)); next }
    /^cf[il]=/ { to_ours = name_of("file", substr($0, 5)) ~ /scard11\.c$/; said = 1; next }
    /^fn=/  { from = name_of("fn", substr($0, 4)); next }
    /^cfn=/ { to = name_of("fn", substr($0, 5)); if (!said) to_ours = ours; said = 0; next }
    /^calls=/ { after_calls = 1; next }
    /^[0-9+*-]/ {
        if (!ours) { after_calls = 0; next }
        if (!after_calls) { own[call] += $2; by[call, from] += $2; known[from] = 1 }
        else if (!to_ours && to !~ /^scard11_reader_/) lib[call] += $2
        after_calls = 0
    }
    END {
        parts["(start)"] = 1        # two parts: the readers, the session
        printf "%12s %12s %12s   instructions of a call\n", "own", "libraries", "sum"
        n = split("(start)|(new card)|" calls, c, /[| ]/)
        c[2] = "(new card)"; for (i = 3; i < n; i++) c[i] = c[i + 1]; n--
        for (i = 1; i <= n; i++) {
            p = parts[c[i]]
            printf "%12d %12d %12d   %s\n", own[c[i]] / p, lib[c[i]] / p, (own[c[i]] + lib[c[i]]) / p, c[i]
        }
        for (call in own) { all_own += own[call]; all_lib += lib[call] }
        printf "%12d %12d %12d   the whole bench, each call six times\n", all_own, all_lib, all_own + all_lib
        if (functions == "functions") for (f in known) for (i = 1; i <= n; i++)
            if (by[c[i], f]) printf "%12d   %s %s\n", by[c[i], f] / parts[c[i]], c[i], f | "sort -k 2,2 -k 1,1nr"
    }' $(ls "$dir"/out.* | sort -t . -k 2n)
