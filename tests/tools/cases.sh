#!/bin/sh
# cases.sh: what ./build.sh cases does: the test cases that passed when tests ran last, a line for each:
# program, case. A case that runs on many kinds of card has as many lines.
# SPDX-License-Identifier: 0BSD
#
# So two states of the project can be compared by name. Each file in $OUT/log says how many had passed and
# failed, and which case comes, before each case and after it.
cd "$(dirname "$0")/../.." || exit 1
cd "${OUT:-build}/log" || exit 1
for sum in *.sum; do
    name=${sum%.sum}
    [ -f "$name.at" ] || { sed "s/^\([0-9]*\) passed.*/$name (\1, without names)/" "$sum"; continue; }
    awk -v name="$name" '
        { p = $1; f = $2; sub(/^[0-9]+ [0-9]+ ?/, "") }
        at != "" && p > passed && f == failed { print name, at }
        { passed = p; failed = f; at = $0 }' "$name.at"
done | sort
