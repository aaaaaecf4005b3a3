# size.awk: bytes of each section of scard11.c, by the Names of its banners.
# SPDX-License-Identifier: 0BSD
# Usage: nm -S --defined-only scard11.o | awk -f size.awk scard11.c -
# Build it with -fno-inline, or functions count with their callers.
function owner_of(name,    n) {
    for (n = length(name); n; n--)
        if (substr(name, 1, n) in owner) return owner[substr(name, 1, n)]
    return "(other)"
}
function number(hex,    i, n) {
    for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return n
}
FILENAME != "-" {
    if (/^ \* MARK: - >>/) { tag = $4; sub(/^>>/, "", tag); list[++sections] = tag }
    if (/^ \* Names /) for (i = 3; i <= NF; i++) owner[$i] = tag
    next
}
NF == 4 {
    kind = $3 ~ /[bBC]/ ? "bss" : $3 ~ /[tT]/ ? "text" : "data"
    tag = owner_of($4); size[tag, kind] += number($2); total[kind] += number($2); known[tag] = 1
}
END {
    list[++sections] = "(other)"
    printf "%8s %8s %8s\n", "code", "tables", "static"
    for (i = 1; i <= sections; i++) if (list[i] in known)
        printf "%8d %8d %8d  %s%s\n", size[list[i], "text"], size[list[i], "data"],
            size[list[i], "bss"], list[i] ~ /^\(/ ? "" : ">>", list[i]
    printf "%8d %8d %8d  all\n", total["text"], total["data"], total["bss"]
}
