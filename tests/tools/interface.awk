# interface.awk: what a program is written against, of scard11.h: options and their defaults, constants,
# functions, structs, a line each. header.sh holds it against what the last release had.
# SPDX-License-Identifier: 0BSD
#
# What a release has, with its version and that of its interface in the first line:
#     awk -v head=1 -f tests/tools/interface.awk scard11.h > tests/data/interface.txt
/^#define SCARD11_VERSION_/ { version = version (version == "" ? "" : ".") $3 }
/^#define SCARD11_INTERFACE_VERSION / && head { print version, $3 }
function flat(text) { gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/ *\/\/.*/, "", text); sub(/ $/, "", text); return text }
/^\/\/ ---- [0-9]/ { part = $3 }
part < 1 || part > 3 || /^#define SCARD11_(API|NEEDS_STDLIB) / { next }
/^\/\/ SCARD11_[A-Z0-9_]+(, SCARD11_[A-Z0-9_]+)*:/ && part == 1 {
    line = $0; sub(/^\/\/ /, "", line); sub(/:.*/, "", line); n = split(line, names, ", ")
    for (i = 1; i <= n; i++) print "option " names[i]
}
/^\/\/   SCARD11_[A-Z0-9_]+  / && part == 2 { print "at run time " $2 }
/^#define SCARD11_[A-Z0-9_]+ / { print (part == 1 ? "default " : "constant ") flat(substr($0, 9)) }
/^struct scard11_[a-z_]+ \{/ { name = $2; next }
name != "" && /^};/ { name = ""; next }
name != "" && /;/ { print "member " name ": " flat($0); next }
text == "" && /^(SCARD11_API |int scard11_|void scard11_)/ { text = " " }
text != "" { text = text " " $0; if (/;/) { print "function " flat(text); text = "" } }
