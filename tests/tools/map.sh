#!/bin/sh
# map.sh: map.svg, the picture of the sections of scard11.c and of what each uses, which README shows.
# SPDX-License-Identifier: 0BSD
#
# Usage: map.sh                     draws it, if the sections or their uses are not those in it
#        map.sh --check [file.c]    says so, and ends with 1
#
# What Graphviz drew it from stands at its end: without Graphviz too it can be told whether it still fits.
cd "$(dirname "$0")/../.." || exit 1
picture=tests/tools/map.svg file=scard11.c
[ "${1:-}" != --check ] || file=${2:-scard11.c}

want=$(awk -v dot=1 -f tests/tools/structure.awk "$file" | sed -n '/^digraph/,$p')
have=$(sed -n '/^digraph/,/^}/p' "$picture" 2>/dev/null)
[ "$want" != "$have" ] || exit 0
if [ "${1:-}" = --check ]; then
    echo "$picture is not of these sections and uses: ./build.sh map draws it anew"
    exit 1
fi
command -v dot >/dev/null || { echo "$picture is not drawn anew: there is no dot (Debian: graphviz)"; exit 0; }
svg=$(echo "$want" | dot -Tsvg) || exit 1
printf '%s\n<!-- ./build.sh map drew it from this:\n%s\n-->\n' "$svg" "$want" > "$picture"
echo "$picture is drawn anew"
