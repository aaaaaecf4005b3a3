#!/bin/sh
# instructions.sh: how many instructions the library executes in each call of tests/tools/bench.c, counted by
# callgrind: ./build.sh bench instructions. SPDX-License-Identifier: 0BSD
# Packages: valgrind libssl-dev
#
# Usage: instructions.sh [dir]       the scard11.c of dir (this tree), held against tests/data/instructions.tsv:
#                                    what changed by more than 2 %, with this compiler and this mbedTLS
#        instructions.sh [dir] all       ... each call, and what it was
#        instructions.sh [dir] functions [call]     ... which functions of scard11.c execute them, and what they call
#        instructions.sh keep        writes that table anew, for this compiler and this mbedTLS
#
# Times change with the machine and with what else runs; instructions do not. "own" is what functions of
# scard11.c execute; "libraries" is what they have executed by mbedTLS and the C library. That depends on the
# processor and on where data lies, too: less than a thousand is not held against it. Reader and card are left
# out. A call is counted after the first one of its kind, which may read what later ones remember.
here=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
tree=$here table=$here/tests/data/instructions.tsv
if [ -d "${1:-}" ]; then tree=$(cd "$1" && pwd); shift; fi
what=${1:-changed}
case ${OUT:=$here/build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
: "${CC:=gcc}" "${CFLAGS:=-O2 -g}"
dir=$OUT/instructions
command -v valgrind >/dev/null || { echo "instructions.sh: there is no valgrind" >&2; exit 1; }
rm -rf "$dir" && mkdir -p "$dir" || exit 1

cd "$here" || exit 1
# shellcheck disable=SC2046,SC2086
$CC -std=c99 $CFLAGS -I"$tree" -DSCARD11_READER=SCARD11_READER_CUSTOM -DSIM_OPENSSL=1 -DBENCH_CALLGRIND -DSCARD11_NOW_MS=bench_ms -fno-plt -gdwarf-4 \
    tests/tools/bench.c "$tree/scard11.c" $(ls tests/sim/sim_*.c | grep -v '_test\.c$\|sim_reader\|sim_pinpad') \
    -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto -o "$dir/bench" || exit 1
compiler="$($CC -dumpmachine | cut -d- -f1) $(basename "$CC") $($CC -dumpfullversion -dumpversion) $CFLAGS"
mbedtls=$(printf '#include <mbedtls/build_info.h>\n' | $CC -E - >/dev/null 2>&1 && v=build_info || v=version
    printf '#include <mbedtls/%s.h>\nMBEDTLS_VERSION_STRING\n' "$v" | $CC -E -P - | tail -n 1 | tr -d '" ')
valgrind -q --tool=callgrind --callgrind-out-file="$dir/out" "$dir/bench" > /dev/null || exit 1

# A part of the profile for each call, whose name it bears.
# shellcheck disable=SC2012,SC2046
awk -F '\t' -v functions="$dir/functions" '
    # Names are written once in a part, with a number that stands for them later.
    function name_of(kind, s,    id) {
        id = s; sub(/\).*/, ")", id); sub(/^[^)]*\) ?/, "", s)
        if (s != "") names[kind, id] = s
        return names[kind, id]
    }
    FNR == 1 { call = ""; after_calls = 0; split("", names) }
    /^desc: Trigger: Client Request: / {
        sub(/^desc: Trigger: Client Request: /, "")
        call = $0
        order[++n] = call
    }
    /^fl=/  { ours = name_of("file", substr($0, 4)) ~ /scard11\.c$/; next }
    /^f[ie]=/ { name_of("file", substr($0, 4)); next }
    /^cf[il]=/ { to_ours = name_of("file", substr($0, 5)) ~ /scard11\.c$/; said = 1; next }
    /^fn=/  { from = name_of("fn", substr($0, 4)); next }
    /^cfn=/ { to = name_of("fn", substr($0, 5)); if (!said) to_ours = ours; said = 0; next }
    /^calls=/ { after_calls = 1; next }
    /^[0-9+*-]/ {
        split($0, cost, " ")
        if (ours && !after_calls) { own[call] += cost[2]; by[call "\t" from] += cost[2] }
        else if (ours && !to_ours && to !~ /^scard11_reader_/) { lib[call] += cost[2]; by[call "\t(" to ")"] += cost[2] }
        after_calls = 0
    }
    END {
        for (i = 1; i <= n; i++) if (order[i] != "") printf "%s\t%d\t%d\n", order[i], own[order[i]], lib[order[i]]
        for (x in by) if (by[x]) print x "\t" by[x] > functions
    }' $(ls "$dir"/out.* | sort -t . -k 2n) > "$dir/now"

case $what in
functions)
    sort -t '	' -k 1,3 -k 5,5nr "$dir/functions" | grep -F "${2:-}" |
        awk -F '\t' '{ print $5 "\t" $1 ", " $2 "\t" $4 }' ;;
keep)
    {
        printf '# Instructions of each call of tests/tools/bench.c: ./build.sh bench instructions (keep)\n'
        printf 'compiler\tmbedTLS\tscene\tcall\tcommands\town\tlibraries\n'
        awk -F '\t' -v c="$compiler" -v m="$mbedtls" 'FNR > 2 && !($1 == c && $2 == m)' "$table" 2>/dev/null
        sed "s/^/$compiler	$mbedtls	/" "$dir/now"
    } > "$dir/table" && mv "$dir/table" "$table" && echo "kept: $table" ;;
*)
    echo "$compiler, mbedTLS $mbedtls"
    awk -F '\t' -v all="$what" -v c="$compiler" -v m="$mbedtls" -v table="$table" '
        function change(old, new) { return old == new ? "" : old ? sprintf("%+.1f %%", (new - old) * 100 / old) : "new" }
        function beyond(old, new, least,    by) { by = new > old ? new - old : old - new; return by > old / 50 && by > least }
        FILENAME == table { if ($1 == c && $2 == m) { k = $3 "\t" $4; was[k] = $6; was_lib[k] = $7; cmds[k] = $5; known++ } next }
        FNR == 1 { printf "%9s %9s %9s %9s   %s\n", "own", "", "libraries", "", "instructions of a call"
                   if (!known) { all = "all"; print "(nothing is kept of this compiler and mbedTLS: keep)" } }
        {
            k = $1 "\t" $2; seen[k] = 1
            differs = known && (!(k in was) || beyond(was[k], $4, 0) || beyond(was_lib[k], $5, 1000) || cmds[k] != $3)
            if (all != "all" && !differs) next
            changed += differs
            printf "%9d %9s %9d %9s   %s: %s%s\n", $4, known ? change(was[k], $4) : "", $5,
                known ? change(was_lib[k], $5) : "", $1, $2,
                k in cmds && cmds[k] != $3 ? " (" cmds[k] " commands, now " $3 ")" : ""
        }
        END {
            for (k in was) if (!(k in seen)) { sub(/\t/, ": ", k); print "gone: " k; changed++ }
            if (known) print changed + 0 " of " known " changed by more than 2 %"
        }' "$table" "$dir/now" ;;
esac
