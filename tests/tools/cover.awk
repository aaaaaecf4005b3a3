# cover.awk: lines and branches of scard11.c that ran, by section.
# SPDX-License-Identifier: 0BSD
# Usage: awk -v map=1 -f structure.awk scard11.c | awk [-v only=section] -f cover.awk - *.gcov
# Several .gcov files (gcov -t -b -c) of scard11.c are added up: a line ran if it ran in one.
# only: after the figures each line of that section that did not run, or not in all its branches.
FILENAME == "-" { begin[++sections] = $1; name[sections] = $4; next }
{ split($0, f, ":") }
f[2] ~ /^ *0$/  { if (f[3] == "Source") { mine = $0 ~ /(^|[:\/])scard11\.c$/; line = 0 } next }
!mine           { next }
/^branch /      { b = line "," ++branch; branches[b] = line; of[line] = branch > of[line] ? branch : of[line] }
/^branch /      { if (!/never|taken 0( |$)/) taken[b] = 1; next }
/^(call|function|unconditional|-----)/ || !/^ *[^ :]+: *[0-9]+:/ { next }
                { line = f[2] + 0; branch = 0; sub(/^ */, "", f[1]) }
f[1] == "-"     { next }
only            { text[line] = $0; sub(/^[^:]*:[^:]*:/, "", text[line]) }
                { lines[line] = 1; if (f[1] !~ /^[#=]/) ran[line] = 1 }
function section_of(l,    i) { for (i = sections; i > 1; i--) if (begin[i] <= l) break; return i }
function show(what, i) {
    printf "%6d %6.1f%% %8d %6.1f%%  %s\n", l[i], l[i] ? 100 * lr[i] / l[i] : 100,
        bn[i], bn[i] ? 100 * bt[i] / bn[i] : 100, what
}
function show_missing(from, to,    n, b, missing) {
    for (n = from; n < to; n++) {
        missing = ""
        for (b = 1; b <= of[n]; b++) if (!((n "," b) in taken)) missing = missing " " b
        if (!(n in lines) || ((n in ran) && missing == "")) continue
        if (n in ran) printf "%6d %-16s%s\n", n, "of " of[n] ":" missing, text[n]
        else printf "%6d %-16s%s\n", n, "not run", text[n]
    }
}
END {
    for (n in lines) { i = section_of(n + 0); l[i]++; l[0]++; if (n in ran) { lr[i]++; lr[0]++ } }
    for (b in branches) {
        i = section_of(branches[b]); bn[i]++; bn[0]++
        if (b in taken) { bt[i]++; bt[0]++ }
    }
    printf "%6s %7s %8s %7s\n", "lines", "ran", "branches", "taken"
    for (i = 1; i <= sections; i++) if (!only || name[i] == ">>" only) show(name[i], i)
    if (!only) show("all", 0)
    for (i = 1; i <= sections; i++)
        if (name[i] == ">>" only) show_missing(begin[i], i < sections ? begin[i + 1] : 1e6)
}
