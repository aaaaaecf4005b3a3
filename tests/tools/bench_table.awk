# bench_table.awk: prints a table of what bench.sh wrote, each module's figures and their ratios to scard11's.
# SPDX-License-Identifier: 0BSD
BEGIN {
    FS = "\t"
    names = "list objects first_RSA-2048 first_P-256 first_P-384 further_RSA-2048 further_P-256 further_P-384 "
    names = names "insert two_readers_P-256 8_threads_P-256 8_threads_P-384"
    scenes = split(names, scene, " ")
    modules = split("scard11 opensc ykcs11", module, " ")
}
/^#/ { sub(/^# /, ""); print; next }
$1 == "card" { next }
{
    k = $1 FS $2 FS $3 FS $4
    if (!($1 in cards)) { cards[$1] = 1; card[++n_cards] = $1 }
    if (!($3 in delays)) { delays[$3] = 1; delay[++n_delays] = $3 + 0 }
    signatures[k] = $6; commands[k] = $7; bytes[k] = $8 + $9; calls[k] = $10
    ms[k] = $11; least[k] = $12; most[k] = $13; cpu[k] = $14; rss[k] = $15; libs[k] = $16
    there[k] = 1
}
function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }
END {
    for (c = n_cards; c; c--) for (d = 1; d <= n_delays; d++) {
        printf "\n%s, %d ms a command%s\n", card[c], delay[d], "; of each ratio: scard11 to it"
        printf "%-20s %-8s %5s %6s %7s %6s %9s %-19s %6s %8s %5s %7s %4s %5s\n", "", "", "sign.", "APDUs", "bytes", "PC/SC",
            "ms", "  (least to most)", "ratio", "CPU ms", "ratio", "RSS KiB", "libs", "ratio"
        for (s = 1; s <= scenes; s++) for (m = 1; m <= modules; m++) {
            k = card[c] FS scene[s] FS delay[d] FS module[m]
            us = card[c] FS scene[s] FS delay[d] FS module[1]
            if (!(k in there)) continue
            printf "%-20s %-8s %5s %6d %7d %6s %9.2f %-19s %6s %8.2f %5s %7d %4d %5s\n", m == 1 ? scene[s] : "", module[m],
                signatures[k] ? signatures[k] : "", commands[k], bytes[k], calls[k], ms[k],
                sprintf("  (%.1f to %.1f)", least[k], most[k]), m == 1 ? "" : ratio(ms[us], ms[k]), cpu[k],
                m == 1 ? "" : ratio(cpu[us], cpu[k]), rss[k], libs[k], m == 1 ? "" : ratio(rss[us], rss[k])
        }
    }
}
