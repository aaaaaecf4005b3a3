#!/bin/sh
# options.sh: every way in which a simulated card or reader can differ is used by a test. What a card
# can be and no test makes it be, proves nothing.
# SPDX-License-Identifier: 0BSD
#
# Of cards: the fields of struct sim_..._options, and of struct sim_p15 those that stand after the word
# options, each set by name in a test; and the enumerators of sim_piv.h and sim_generic.h. Of
# readers: the functions and the enumerators of sim_reader.h. The first of an enumeration is what {0}
# says. Who only passes on what it is told (vpcd.c, the fuzzers, the benchmarks, the demonstration),
# and the simulations' own tests, are no tests here.
cd "$(dirname "$0")/../.." || exit 1
users=$(ls tests/unit/*.c tests/programs/*.[ch] tests/pcsc/*.[ch] | grep -vE '/(vpcd|lab|pcsc_stand_in)\.[ch]$')
readers='tests/sim/sim_pinpad.c tests/pcsc/pcsc_stand_in.c tests/tools/bench.c'     # who uses readers, too

# options_unused <header directory> <tests...>: a line for each that no test uses.
options_unused() {
    dir=$1; shift
    awk '
    # ---- What there is ----
    FILENAME ~ /\/sim_[a-z0-9_]*\.h$/ {
        line = $0
        sub(/\/\/.*/, "", line)
        if (line ~ /^struct sim_([a-z0-9_]+_options|p15) \{/) {
            match(line, /sim_[a-z0-9_]+/)
            struct = substr(line, RSTART, RLENGTH)
            next
        }
        if (line ~ /^};/) struct = ""
        if (struct == "sim_p15" && $0 ~ /: options$/) struct = "sim_p15 "
        if (struct != "" && struct != "sim_p15" && line ~ /;/) fields(struct, line)
        if (FILENAME ~ /sim_(reader|piv|generic)\.h$/) {
            if (line ~ /^enum.*[{]/) enumerating = 1
            if (line ~ /^enum.*[{]/) first = line !~ / = /    # 0: what {0} is
            while (enumerating && match(line, /SIM_[A-Z0-9_]+/)) {
                name = substr(line, RSTART, RLENGTH)
                if (name !~ /^SIM_(FAULTS|WHY_|GENERIC_(RSA|EC))/ && !first) there[name] = FILENAME
                first = 0
                line = substr(line, RSTART + RLENGTH)
            }
            if (line ~ /}/) enumerating = 0
        }
        if (FILENAME ~ /sim_reader\.h$/ && match(line, /sim_reader_[a-z_]+\(/))
            there[substr(line, RSTART, RLENGTH - 1)] = FILENAME
        next
    }
    # ---- What tests use ----
    FNR == 1 { split("", type_of) }
    {
        line = $0
        sub(/\/\/.*/, "", line)
        while (match(line, /sim_reader_[a-z_]+/)) {
            used[substr(line, RSTART, RLENGTH)] = 1
            line = substr(line, RSTART + RLENGTH)
        }
        if (FILENAME ~ /\/(sim_pinpad|pcsc_stand_in|bench)\.c$/) next
        line = $0
        sub(/\/\/.*/, "", line)
        while (match(line, /struct sim_([a-z0-9_]+_options|p15)[ *]*[a-z0-9_]*|[a-z0-9_]*[.][a-z0-9_]+ = [{]?|SIM_[A-Z0-9_]+/)) {
            what = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (what ~ /^SIM_/) used[what] = 1
            else if (what ~ /^struct/) {        # a declaration: what follows is of that type
                match(what, /sim_[a-z0-9_]+/)
                type = substr(what, RSTART, RLENGTH)
                sub(/.*[^a-z0-9_]/, "", what)
                if (what == type) what = ""        # (struct sim_a_options){ ... }
                if (what != "") type_of[what] = type
            } else {                            # x.field = or .field =
                base = field = what
                sub(/[.].*/, "", base)
                sub(/^[^.]*[.]/, "", field)
                sub(/ = .*/, "", field)
                used[(base in type_of ? type_of[base] : type) "." field] = 1
                if (what ~ /[{]$/ && base == "" && field in type_of) type = type_of[field]
            }
        }
    }
    function fields(struct, line,    n, part, i) {
        sub(/;.*/, "", line)
        n = split(line, part, /,/)
        for (i = 1; i <= n; i++) {
            sub(/\[.*/, "", part[i])
            sub(/^.*[ *]/, "", part[i])
            name = struct
            sub(/ $/, "", name)
            there[name "." part[i]] = FILENAME
        }
    }
    END { for (name in there) if (!(name in used)) print there[name] ": no test uses " name }
    ' "$dir"/sim_*.h "$@" | sort
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "options.sh: $*"; }

# It finds what it should: of two kinds of card with a field of one name, the one that nobody sets.
printf '%s\n' 'struct sim_a_options {' '    bool one, two;      // both' '    unsigned of_a;' '    bool inside;' '    int row[ROWS];' '};' > "$dir/sim_a.h"
printf '%s\n' 'struct sim_b_options {' '    const char *one;' '};' > "$dir/sim_b.h"
printf '%s\n' 'enum sim_fault {' '    SIM_NONE, SIM_NEVER_USED,     // as it says' '    SIM_USED' '};' \
    'void sim_reader_used(int reader);' 'int  sim_reader_unused(void);' > "$dir/sim_reader.h"
printf '%s\n' 'struct sim_a_options o = { .one = true };      // not .two = true' \
    'struct sim_b_options p = { 0 }; struct sim_a_options q;' \
    'struct sim_b_options r; q.of_a = 2;' \
    'with(&(struct sim_a_options){ .inside = true, .row = { 1 } });' 'sim_reader_used(SIM_USED);' > "$dir/test.c"
want='sim_a.h: no test uses sim_a_options.two
sim_b.h: no test uses sim_b_options.one
sim_reader.h: no test uses SIM_NEVER_USED
sim_reader.h: no test uses sim_reader_unused'
got=$(options_unused "$dir" "$dir/test.c" | sed "s|^$dir/||")
[ "$got" = "$want" ] && pass || fail "it says of a small example: $got"

# shellcheck disable=SC2086
unused=$(options_unused tests/sim $users $readers)
[ -z "$unused" ] && pass || fail "options that no test sets:
$unused"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
