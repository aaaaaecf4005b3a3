# structure.awk: is scard11.c still built the way its map says?
# SPDX-License-Identifier: 0BSD
#
# Usage: awk -f structure.awk scard11.c                     silent when it is, else file:line: what
#        awk -v dir=. -f structure.awk scard11.c            ... and do the tests named exist in dir?
#        awk -v types=1 -f structure.awk scard11.c          ... a struct, union or enum is a use
#        awk -v strict=1 -f structure.awk scard11.c         ... and what makes a function hard to read
#        awk -v map=1 -f structure.awk scard11.c            the map: line, lines, functions, section
#        awk -v dot=1 -f structure.awk scard11.c            the sections and their uses, for Graphviz
#        awk -v worst=30 -f structure.awk scard11.c         the 30 functions that decide most: decisions,
#                                                           lines, first line, name
#
# A decision is an if, case, for, while, &&, || or ?: each. strict reports a function with more of them than
# most, a ?: inside a ?:, two statements that decide on one line, an if, for or while with a &&, || or ?: behind
# it on its line, and a function of 15 lines and more (other than the standard's C_*) without a comment above it.
#
# It reads C as scard11.c writes it: a function's brace and its last } are in column 1. Macros are
# seen, not expanded. What a banner must say is who is called; what it need not say is a section of
# which nothing is named: no function, variable, macro, typedef or tag, nor the section itself.
BEGIN {
    if (!most) most = 19
    # Laws with one keeper: what is named in its function alone, "" in none.
    keeper["psa_generate_random"] = keeper["random_stir"] = "random_bytes"
    keeper["os_random"] = "random_stir"
    keeper["psa_asymmetric_encrypt"] = "cipher_seal"
    keeper["pinpad_enter"] = "secret_send"
    keeper["psa_generate_key"] = keeper["psa_cipher_generate_iv"] = keeper["psa_cipher_encrypt"] = ""
}

function bad(line, what) { printf "%s:%d: %s\n", FILENAME, line, what; errors++ }

# The code of a line: comments gone, strings and characters empty. in_comment goes on.
function code_of(s,    out, at) {
    out = ""
    for (;;) {
        if (in_comment) {
            at = index(s, "*/"); if (!at) return out
            s = substr(s, at + 2); in_comment = 0; out = out " "
        }
        if (!match(s, /"|'|\/\/|\/\*/)) return out s
        out = out substr(s, 1, RSTART - 1); s = substr(s, RSTART)
        if (s ~ /^\/\//) return out
        if (s ~ /^\/\*/) { s = substr(s, 3); in_comment = 1; continue }
        if (s ~ /^"/) { out = out "\"\""; if (!match(s, /^"([^"\\]|\\.)*"/)) return out }
        else          { out = out "0";    if (!match(s, /^'([^'\\]|\\.)*'/)) return out }
        s = substr(s, RLENGTH + 1)
    }
}

# How often the word or operator what, an expression, is in s; each has one character of its own around it.
function times(s, what,    n, copy) {
    copy = " " s " "
    while (match(copy, what)) { n++; copy = substr(copy, RSTART + RLENGTH - 1) }
    return n + 0
}

# The decisions in a line of code, and how many statements decide: words if, for, while, switch, and an else
# after one of them.
function decide(s,    not_word, ifs, loops) {
    not_word = "[^A-Za-z0-9_]"
    ifs = times(s, not_word "if" not_word)
    loops = times(s, not_word "(for|while)" not_word)
    line_decisions = ifs + loops + times(s, not_word "case" not_word) + gsub(/&&|[|][|]|[?]/, "&", s)
    deciding = ifs + loops + times(s, not_word "switch" not_word)
    if (match(s, /(^|[^A-Za-z0-9_])(if|for|while) *\(.*;.*[^A-Za-z0-9_]else([^A-Za-z0-9_]|$)/)) deciding++
}

# What follows the brackets of the first if, for or while of a line; "" if they do not end on it.
function guarded(s,    i, depth, c) {
    if (!match(s, /(^|[^A-Za-z0-9_])(if|for|while) *\(/)) return ""
    for (i = RSTART + RLENGTH - 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        depth += (c == "(") - (c == ")")
        if (!depth) return substr(s, i + 1)
    }
    return ""
}

# Is there a ?: inside a ?: in s, which goes on from the line before? level counts brackets of all kinds. The
# expression at each level ends at a comma, a semicolon or an assignment; asks says that it has a ?, deeper
# that one of its brackets had.
function nested_choice(s,    c, i, found) {
    while (match(s, /[][(){},;=?]/)) {
        c = substr(s, RSTART, 1)
        if (c == "=" && substr(s, RSTART, 2) == "==") { s = substr(s, RSTART + 2); continue }
        if (c == "=" && RSTART > 1 && substr(s, RSTART - 1, 1) ~ /[!<>]/) c = ""
        s = substr(s, RSTART + 1)
        if (c ~ /[({[]/) { level++; asks[level] = deeper[level] = 0 }
        else if (c ~ /[]})]/) {
            if (asks[level] || deeper[level]) deeper[level - 1] = 1
            level--
            if (c == "}" && !asks[level]) deeper[level] = 0
        }
        else if (c ~ /[,;]/ || (c == "=" && !asks[level])) asks[level] = deeper[level] = 0
        else if (c == "?") {
            for (i = 0; i <= level; i++) if (asks[i]) found = 1
            if (deeper[level]) found = 1
            asks[level] = 1
        }
    }
    return found
}

# The section that the longest prefix of a name belongs to; "" if none does.
function owner_of(name,    n) {
    for (n = length(name); n; n--)
        if (substr(name, 1, n) in owner) return owner[substr(name, 1, n)]
    return ""
}

# The function that a declaration ending in ) is of: the word before its last list of parameters.
function declared_name(s,    i, depth, c) {
    for (i = length(s); i; i--) {
        c = substr(s, i, 1)
        if (c == ")") depth++
        if (c == "(" && !--depth) break
    }
    s = substr(s, 1, i - 1); sub(/ +$/, "", s)
    return match(s, /[A-Za-z_][A-Za-z0-9_]*$/) ? substr(s, RSTART) : ""
}

function uses(from, what) {
    if (from == "" || from == tag) return
    used[tag, from] = 1
    if (what != "" && !((tag, from) in declared) && !(from in ground))
        bad(NR, what " of >>" from ", which its banner does not say")
}

function close_section(   i) {
    if (!tag) return
    if (map) printf "%6d %6d %4d  >>%s\n", start, NR - start, functions, tag
    if (NR - start > 1500) bad(start, ">>" tag " has more than 1500 lines: make it two sections")
    if (NR - start > 400 && !divided)
        bad(start, ">>" tag " has more than 400 lines: divide it with // ---- lines")
    for (i = 1; i <= use_n; i++)
        if (!((tag, use[i]) in used) && !(use[i] in ground))
            bad(start, ">>" tag " does not use >>" use[i])
}

function close_banner(   i, n, w) {
    in_banner = in_comment = 0
    if (field["Tests"] != "tests/unit/" tag ".c") bad(start, "Tests should be tests/unit/" tag ".c")
    else if (dir && (getline i < (dir "/" field["Tests"])) < 0)
        bad(start, "there is no " field["Tests"])
    if (field["Owns"] == "") bad(start, "no Owns")
    n = split(field["Names"], w, " "); if (!n) bad(start, "no Names")
    for (i = 1; i <= n; i++) {
        if (w[i] in owner) bad(start, w[i] " belongs to >>" owner[w[i]])
        owner[w[i]] = tag
    }
    use_n = split(field["Uses"], use, " ")
    for (i = 1; i <= use_n; i++) {
        if (use[i] !~ /^>>/) bad(start, "Uses is a list of >>sections, not " use[i])
        sub(/^>>/, "", use[i]); declared[tag, use[i]] = 1
        if (!(use[i] in order) || use[i] == tag)
            bad(start, "uses >>" use[i] ", which is not above it")
        else if (use[i] in driver && tag != "probe") bad(start, "uses a driver, >>" use[i])
    }
}

length($0) > 100            { bad(NR, "longer than 100 columns") }
/\t|[ \t]$/                 { bad(NR, "tab or trailing space") }
/TODO|FIXME|XXX/ && !/TODO\([^)]+\): / { bad(NR, "a mark is TODO(<issue>): or QUIRK(<card>):") }
/QUIRK/ && !/QUIRK\([^)]+\): / && tag  { bad(NR, "a mark is TODO(<issue>): or QUIRK(<card>):") }

# The map, in the opening comment: its tags, in order.
!opened && /\*\//           { opened = NR }
opened == NR && NR > 104    { bad(NR, "the opening comment has more than 104 lines") }
/^ \* MAP/                  { in_map = 1 }
/^ \* END OF MAP/           { in_map = 0 }
in_map && /^ \*   [0-9] /   {
    part = $2; s = $0; sub(/^ \*   [0-9] /, "", s); sub(/ *>>.*/, "", s); part_name[part] = s
}
in_map                      {
    s = $0
    while (match(s, />>[a-z0-9]+/)) {
        t = substr(s, RSTART + 2, RLENGTH - 2); s = substr(s, RSTART + RLENGTH)
        if (t in mapped) bad(NR, ">>" t " is in the map twice")
        map_tag[++map_n] = t; mapped[t] = 1; part_of[t] = part
        if (part == 1) { ground[t] = 1; ground_n++ }        # part 1 is for everyone: not listed in Uses
    }
}

# A banner opens a section.
/^ \* MARK: - >>/ {
    close_section()
    tag = $4; sub(/^>>/, "", tag); start = NR; seen_n++
    if (tag in order) bad(NR, "there are two sections >>" tag)
    else if (tag != map_tag[seen_n])
        bad(NR, ">>" tag " stands where the map has >>" map_tag[seen_n])
    if (before !~ /^\/\* =+$/ || length(before) < 90) bad(NR, "a banner begins with a line of ===")
    order[tag] = seen_n; in_banner = 1; functions = divided = 0; key = text = ""; depth = 0
    split("", field)
    next
}
{ before = $0 }
in_banner && /^ \* =+\*\// { close_banner(); next }
in_banner && /^ \* (Owns|Uses|Names|Specs|Tests) / { key = $2; $1 = $2 = ""; field[key] = $0 }
in_banner && /^ \*      / && key != ""             { $1 = ""; field[key] = field[key] " " $0 }
in_banner { for (k in field) { gsub(/^ +| +$/, "", field[k]) }; next }
!tag { next }

# Code.
/^\/\/ ---- / { divided = 1 }
/^\/\// && !/^\/\/ ---- / || /^[^"]*\*\/ *$/ || (commented == NR - 1 && /^ *#/) { commented = NR }
{
    was_macro = macro; macro = $0 ~ /\\$/ && (macro || $0 ~ /^ *#/)
    directive = was_macro || (!in_comment && $0 ~ /^ *#/)
    code = code_of($0)
    if (match(code, /(^|[^A-Za-z0-9_])goto /)) bad(NR, "goto")
    line_decisions = deciding = 0
    if (!directive) decide(code)
    if (in_function) decisions += line_decisions
    if (in_function && strict) {
        if (deciding > 1) bad(NR, "two statements that decide are on one line")
        if (!directive && guarded(code) ~ /&&|[|][|]|[?]/)
            bad(NR, "what an if leads to decides again, on its line")
        if (!directive && nested_choice(code)) bad(NR, "a ?: inside a ?:")
    }
    if (code ~ /^ *# *define /) {
        s = code; sub(/^ *# *define +/, "", s); match(s, /^[A-Za-z0-9_]+/)
        s = substr(s, 1, RLENGTH); if (!(s in macro_owner)) macro_owner[s] = tag
    }
    if (code ~ /^typedef .*[a-z0-9_]+;$/) {
        s = code; sub(/;$/, "", s); sub(/.*[^A-Za-z0-9_]/, "", s); type_owner[s] = tag
    }

    # What its comments send readers to.
    if (match($0, /[Ss]ee [a-z0-9]+_[a-z0-9_]+/)) seen_at[substr($0, RSTART + 4, RLENGTH - 4)] = NR

    # What it names.
    s = code; last = ""
    while (match(s, /[A-Za-z_][A-Za-z0-9_]*/)) {
        name = substr(s, RSTART, RLENGTH); s = substr(s, RSTART + RLENGTH); is_named[name] = 1
        before_name = substr(code, 1, length(code) - length(s))
        call = s ~ /^\(/
        if (last ~ /^(struct|union|enum)$/ && name in tag_owner)
            uses(tag_owner[name], types ? "names " last " " name : "")
        else if (name in macro_owner) uses(macro_owner[name], call ? "uses " name "()" : "")
        else if (name in type_owner)  uses(type_owner[name], "")
        else if (name in order) uses(name, "")
        else uses(owner_of(name), call ? "calls " name "()" : "")
        # What a line of the log calls is not called where there is no log (SCARD11_TRACE 0).
        if (in_log && call && name !~ /(_text|_head)$/)
            bad(NR, name "() in a line of the log must not be needed for anything else")
        if (name ~ /^os_log(_hex)?$/ && call && in_function) in_log = 1
        if (name in keeper && keeper[name] != in_name && (in_function || before_name ~ /{/))
            bad(NR, name " is for " (keeper[name] ? keeper[name] "()" : "nobody") " alone")
        last = name
    }
    if (code ~ /;/) in_log = 0
    # What an entry point is called in the log.
    if (in_function && match($0, /\("(C_|scard11_)[A-Za-z0-9_]*"/) &&
        substr($0, RSTART + 2, RLENGTH - 3) != in_name)
        bad(NR, in_name "() says that it is " substr($0, RSTART + 2, RLENGTH - 3) "()")
    # Laws kept by what a member is set to, and where.
    if (code ~ /[.>]secret_in *= *[^=]/ && in_name !~ /^secret_(send|give)$/)
        bad(NR, "a command with a secret is for secret_send() and secret_give() alone")
    if (code ~ /[.>]sure *= *true/ && in_name != "place_seen")
        bad(NR, "place_seen() alone says that a card is sure")

    # Both branches of an #if begin as the first did.
    if (code ~ /^ *# *if/)             { depths[++if_n] = depth; texts[if_n] = text }
    if (code ~ /^ *# *el/ && if_n)     { depth = depths[if_n]; text = texts[if_n] }
    if (code ~ /^ *# *endif/ && if_n)  if_n--
    if (directive) next

    # What it defines: text is what stands outside of all braces since the last ; or }.
    if (code ~ /^}/) depth = depth > 1 ? 1 : depth
    if (text == "") { text_line = NR; text_commented = commented == NR - 1 }
    while (match(code, /[{};]/)) {
        c = substr(code, RSTART, 1)
        if (!depth) {
            if (text == "" && substr(code, 1, RSTART - 1) ~ /[^ ]/) text_line = NR
            text = text substr(code, 1, RSTART - 1)
        }
        code = substr(code, RSTART + 1)
        if (depth) { depth += (c == "{") - (c == "}"); if (!depth) closed() ; continue }
        gsub(/ +/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
        if (c == "{") { depth = 1; opens() }
        if (c == ";") {
            if (text ~ /^static .*\)$/ && text !~ /=/ && (name = declared_name(text)) != "")
                bad(text_line, name "() is declared ahead: move it up, or its caller down")
            text = ""
        }
    }
    if (!depth) {
        if (text == "") { text_line = NR; text_commented = commented == NR - 1 }
        text = text code " "
        if (text ~ /^ +$/) text = ""
    }
}

# An opening brace outside of all others.
function opens(   name, w, n) {
    n = split(text, w, " ")
    if (n > 1 && w[n - 1] ~ /^(struct|union|enum)$/ && !(w[n] in tag_owner)) tag_owner[w[n]] = tag
    if (text ~ /struct driver driver_/ && tag != "p15") driver[tag] = 1
    if (text !~ /\)$/ || text ~ /=/ || (name = declared_name(text)) == "") return
    in_function = text_line; in_name = name; functions++
    decisions = line_decisions; level = asks[0] = deeper[0] = 0; is_commented = text_commented
    if (owner_of(name) != tag)
        bad(text_line, name "() is in >>" tag ", whose names are: " field["Names"])
    if (text !~ /(^| )static / && name !~ /^(C_|scard11_)/)
        bad(text_line, name "() is not static")
}

function closed() {
    if (in_function) {
        lines = NR - in_function + 1
        if (lines > 80) bad(in_function, "longer than 80 lines")
        if (strict && decisions > most) bad(in_function, in_name "() decides " decisions " times, more than " most)
        if (strict && lines >= 15 && !is_commented && in_name !~ /^C_/)
            bad(in_function, in_name "() has " lines " lines and no comment above it")
        all_n++; all_decisions[all_n] = decisions
        all_says[all_n] = sprintf("%4d %4d %6d  %s", decisions, lines, in_function, in_name)
        text = ""
    }
    in_function = 0; in_name = ""
}

# A section uses what its banner says; >>probe has each driver work, through struct driver.
function leads(from, to) { return ((from, to) in declared) || (from == "probe" && (to in driver)) }

# Does from use to through a third section? Then its own use of it needs no line in the picture.
function reaches(from, to,    i, t) {
    for (i = order[from] - 1; i > order[to]; i--) {
        t = map_tag[i]
        if (leads(from, t) && (leads(t, to) || reaches(t, to))) return 1
    }
    return 0
}

# The parts as boxes, the entry points on top; a line from a section to each that it uses. Ground is below the
# lowest section, without lines.
function draw(    p, i, j, a, b) {
    print "digraph scard11 {"
    print "    bgcolor=white; newrank=true; nodesep=0.15; ranksep=0.45; fontname=\"sans-serif\"; fontsize=13"
    print "    node [shape=box, style=\"rounded,filled\", fillcolor=white, color=gray40, fontname=\"sans-serif\","
    print "          fontsize=12, height=0.3, margin=\"0.1,0.04\"]"
    print "    edge [color=gray40, arrowsize=0.6]"
    for (p = part; p; p--) {
        print "    subgraph cluster_" p " {"
        print "        label=\"" part_name[p] (p == 1 ? " (used by all)" : "") "\"; labeljust=l;"
        print "        style=\"rounded,filled\"; color=gray92"
        for (i = map_n; i; i--) if (part_of[map_tag[i]] == p) print "        " map_tag[i]
        print "    }"
    }
    for (i = map_n; i > ground_n; i--) for (j = i - 1; j; j--) {
        a = map_tag[i]; b = map_tag[j]
        if (b in ground) { if (i == ground_n + 1) print "    " a " -> " b " [style=invis]" }
        else if (leads(a, b) && !reaches(a, b))
            print "    " a " -> " b ((a, b) in declared ? "" : " [style=dashed]")
    }
    print "}"
}

END {
    close_section()
    if (dot) draw()
    for (; worst > 0 && all_n; worst--) {
        for (at = i = 1; i <= all_n; i++) if (all_decisions[i] > all_decisions[at]) at = i
        print all_says[at]; all_decisions[at] = -1
    }
    for (name in seen_at) if (!(name in is_named)) bad(seen_at[name], "a comment says see " name ": there is none")
    if (seen_n != map_n) bad(1, "the map has " map_n " sections, the file " seen_n + 0)
    if (dir) {
        while ((getline s < (dir "/tests/unit/unit.c")) > 0)
            if (match(s, /^#include "[a-z0-9]+\.c"/)) included[substr(s, 11, RLENGTH - 13)] = 1
        for (t in order) if (!(t in included)) bad(1, "tests/unit/unit.c does not include " t ".c")
    }
    exit errors > 0
}
