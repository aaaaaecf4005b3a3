#!/bin/sh
# quirks.sh: every QUIRK of scard11.c, by card: its section, and what the card does; ./build.sh quirks calls it.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
awk '
    function end() { if (said != "") print card "|>>" tag " " said; said = "" }
    /^ \* MARK: - >>/ { tag = substr($4, 3) }
    {   # what is said ends with its comment, or where the next begins
        at = index($0, "//"); text = at ? substr($0, at + 2) : ""
        sub(/^ +/, "", text)
        if (match(text, /QUIRK\([^)]+\): /)) {
            end()
            card = substr(text, RSTART + 6, RLENGTH - 9); said = substr(text, RSTART + RLENGTH)
        } else if ($0 ~ /^ *\/\/ / && said != "") said = said " " text
        else end()
    }' scard11.c | LC_ALL=C sort -t'|' -k1,1 -k2 | awk -F'|' '
    $1 != card { card = $1; print card }
    {   n = split($2, word, " "); line = "   "
        for (i = 1; i <= n; i++) {
            if (length(line " " word[i]) > 96) { print line; line = "       " }
            line = line " " word[i]
        }
        print line
    }'
