#!/bin/sh
# bench_readme.sh: README's figures of speed come from tests/data/bench.tsv and bench_host.tsv, which bench.sh keep
# wrote. Without an argument: are they those? With write: puts them there. SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
data=tests/data
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# figures <bench.tsv> <bench_host.tsv>: what stands between the marks
figures() {
    awk '
        function wrap(text, at,    words, n, i, line) {
            n = split(text, words, " ")
            for (i = 1; i <= n; i++) {
                if (length(line) + length(words[i]) + 1 > 100) { print line; line = "" }
                line = line (line == "" ? "" : " ") words[i]
            }
            print line
        }
        function time(ms) {
            if (ms >= 1000) return sprintf("%.2f s", ms / 1000)
            return ms >= 100 ? sprintf("%.0f ms", ms) : sprintf(ms >= 10 ? "%.1f ms" : "%.2f ms", ms)
        }
        function cell(card, scene, delay, module,    k, each) {
            k = card FS scene FS delay FS module
            if (!(k in ms)) return "-"
            each = signatures[k] && scene !~ /^first/ ? signatures[k] : 1
            return sprintf("%.4g, %s", commands[k] / each, time(ms[k] / each))
        }
        function short(version) { sub(/-.*/, "", version); return version }
        function rows(delay,    s, c, name) {
            for (s = 1; s <= scenes; s++) for (c = 1; c <= 2; c++)
                printf "| %s | %s | %s | %s | %s |\n", c == 1 ? said[s] : "", cards[c], cell(cards[c], scene[s], delay, "scard11"),
                    cell(cards[c], scene[s], delay, "opensc"), cell(cards[c], scene[s], delay, "ykcs11")
        }
        function process(name, module,    k) {
            k = "PIV" FS "first_RSA-2048" FS 0 FS module
            printf "| %s | %s | %s | %.1f MiB | %d | %s |\n", name, time(ms[k]), time(cpu[k]), rss[k] / 1024, libs[k], calls[k]
        }
        BEGIN {
            FS = "\t"
            scenes = split("list|objects|first_RSA-2048|first_P-256|insert|further_RSA-2048|further_P-256|further_P-384|" \
                "two_readers_P-256|8_threads_P-256", scene, "|")
            split("the tokens|all objects: class, label, ID|login, RSA-2048 signature|login, P-256 signature|" \
                "a card put in, to its token info|each further RSA-2048 signature|each further P-256 signature|" \
                "each further P-384 signature|... two readers at once, P-256|... 8 threads on a card, P-256", said, "|")
            split("PIV MyEID", cards, " ")
        }
        /^# / { sub(/^# /, ""); about[$1] = $2; next }
        FILENAME == ARGV[1] {
            k = $1 FS $2 FS $3 FS $4
            signatures[k] = $6; commands[k] = $7; calls[k] = $10; ms[k] = $11; cpu[k] = $14; rss[k] = $15; libs[k] = $16
            next
        }
        { ns[$1 ": " $2] = $4 }
        function host(name, key,    us) {
            us = ns[key] / 1000
            if (us >= 1000) printf "| %s | %.1f ms |\n", name, us / 1000
            else printf "| %s | %.*f us |\n", name, us < 10 ? 2 : 0, us
        }
        END {
            wrap(sprintf("Commands and time, where each command takes 45 ms, as with a usual card or virtual reader " \
                "(median; %s; pcscd %s, scard11 %s; %s):", about["system"], short(about["pcscd"]), short(about["scard11"]), about["date"]))
            printf "\n| | card | scard11 | OpenSC %s | ykcs11 %s |\n|---|---|---|---|---|\n", short(about["opensc"]),
                short(about["ykcs11"])
            rows(45)
            print ""
            wrap("What a process takes besides, to log in and make a first RSA-2048 signature on the PIV card, where " \
                "commands take no time (" about["machine"] "):")
            print "\n| | time | processor | memory | libraries | PC/SC calls |\n|---|---|---|---|---|---|"
            process("scard11", "scard11"); process("OpenSC", "opensc"); process("ykcs11", "ykcs11")
            print ""
            wrap("What the library itself takes, on a reader and a card that answer at once (" about["compiler"] "):")
            print "\n| | |\n|---|---|"
            host("signature, P-256 on PIV, or any key with `SCARD11_EXCLUSIVE`", "PIV: C_SignInit, C_Sign: P-256")
            host("signature, RSA-2048, checked", "PIV: C_SignInit, C_Sign: RSA-2048")
            host("signature, P-256, checked (MyEID and others with MSE)", "MyEID: C_SignInit, C_Sign: P-256")
            host("`C_GetAttributeValue`", "PIV: C_GetAttributeValue, one")
            host("a search over 3 objects", "3 objects: a search that finds nothing")
            host("a search over 500 objects", "500 objects: a search that finds nothing")
            host("`C_OpenSession` and `C_CloseSession`", "PIV: C_OpenSession, C_CloseSession")
            host("`C_GetSlotList`, 1 reader", "1 readers: C_GetSlotList")
            host("`C_GetSlotList`, 16 readers", "16 readers: C_GetSlotList")
        }' "$1" "$2"
}

# with_figures <README> <bench.tsv> <bench_host.tsv>: README with them
with_figures() {
    figures "$2" "$3" > "$dir/figures" || return 1
    awk -v figures="$dir/figures" '
        /^<!-- bench: / { print; while ((getline line < figures) > 0) print line; skip = 1; next }
        /^<!-- end of bench -->/ { skip = 0; ends++ }
        !skip
        END { exit ends != 1 }' "$1"
}
right() { with_figures "$1" "$2" $data/bench_host.tsv > "$dir/README" && cmp -s "$dir/README" "$1"; }

if [ "${1:-}" = write ]; then
    with_figures README.md $data/bench.tsv $data/bench_host.tsv > "$dir/README" && cat "$dir/README" > README.md
    exit
fi
. tests/tools/count.sh
try() {         # try <what holds> <command...>
    what=$1; shift
    at "$what"
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "failed: $what: ./build.sh bench keep"; fi
}
wrong() { ! right "$@"; }
awk -F '\t' -v OFS='\t' '$1 == "PIV" { $11 *= 2 } 1' $data/bench.tsv > "$dir/slower.tsv"
sed 's/ ms / s /' README.md > "$dir/other.md"
try "README's figures are those of tests/data/bench.tsv" right README.md $data/bench.tsv
try 'other measurements are noticed' wrong README.md "$dir/slower.tsv"
try 'another README is noticed' wrong "$dir/other.md" $data/bench.tsv
try 'the picture is of them' grep -q "of $(cksum < $data/bench.tsv)" $data/bench.svg
sum_up
