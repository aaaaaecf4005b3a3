#!/bin/sh
# installed.sh: what ./build.sh install puts where is found by pkg-config, CMake, meson and p11-kit, as
# README.md says; ./build.sh sbom prints what such a list must have.
# SPDX-License-Identifier: 0BSD
# Packages: pkg-config cmake make meson p11-kit python3
cd "$(dirname "$0")/../.." || exit 1
: "${CC:=gcc}"
case ${OUT:=build} in /*) ;; *) OUT=$PWD/$OUT ;; esac
. tests/tools/count.sh
dir=$OUT/installed
rm -rf "$dir"
mkdir -p "$dir"

try() {         # try <what> <command...>
    what=$1; shift
    at "$what"
    if "$@" > "$dir/out" 2>&1; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "failed: $what"
    sed 's/^/    /' "$dir/out" | tail -n 20
}
install_to() { CFLAGS=-O2 LDFLAGS='' READER=pcsc sh tests/tools/install.sh "$@"; }

# ---- The files ----

files() { (cd "$1" && find . -type f | LC_ALL=C sort); }
is_whole() {    # for a package: each file at its place, none of which knows the directory it was built in
    cat > "$dir/wanted" <<END
./usr/include/scard11.h
./usr/lib/any/libscard11.a
./usr/lib/any/pkcs11/scard11.so
./usr/lib/any/pkgconfig/scard11.pc
./usr/share/p11-kit/modules/scard11.module
END
    files "$dir/package" | diff "$dir/wanted" - && ! grep -r "$dir" "$dir/package" &&
        grep '^module: /usr/lib/any/pkcs11/scard11.so$' "$dir/package/usr/share/p11-kit/modules/scard11.module"
}
try 'a package' install_to PREFIX=/usr LIBDIR=/usr/lib/any DESTDIR="$dir/package"
try 'a package has each file at its place' is_whole
try 'a prefix' install_to PREFIX="$dir/usr"
try 'what is not known is refused' sh -c '! sh tests/tools/install.sh prefix=/usr'

# ---- What scard11.pc says: with mbedTLS that has a file of its own for pkg-config, and without ----

# says <name> <options of the library> <words that pkg-config is to print>
says() {
    name=$1 pc=$dir/$1/lib/pkgconfig
    env PKG_CONFIG_LIBDIR="$dir/pc" CFLAGS="$2" LDFLAGS='' READER="$4" sh tests/tools/install.sh PREFIX="$dir/$1" || return 1
    PKG_CONFIG_LIBDIR="$dir/pc" PKG_CONFIG_PATH=$pc pkg-config --static --cflags --libs scard11 > "$dir/words"
    cat "$pc/scard11.pc" "$dir/words"
    xargs -n 1 < "$dir/words" | grep -v '^-L\|^-I/usr/include\|^-pthread$' | sort -u | xargs > "$dir/sorted"
    [ "$(cat "$dir/sorted")" = "$(echo "-I$dir/$1/include $3" | xargs -n 1 | sort -u | xargs)" ]
}
mkdir "$dir/pc"
for name in libpcsclite zlib; do
    cp "$(pkg-config --variable=pcfiledir $name)/$name.pc" "$dir/pc"
done
all='-lscard11 -lmbedcrypto -lpcsclite -lz -lpthread'
try 'mbedTLS without a file for pkg-config' says without -O2 "$all" pcsc
try 'that is named' grep -q '^Libs.private: -lmbedcrypto -lpthread$' "$dir/without/lib/pkgconfig/scard11.pc"
printf 'Name: mbedcrypto\nDescription: -\nVersion: 3\nLibs: -lmbedcrypto -lof_its_own\n' > "$dir/pc/mbedcrypto.pc"
try 'mbedTLS with one' says with -O2 "$all -lof_its_own" pcsc
try 'options of the header' says options '-O2 -DSCARD11_ZLIB=0 -DSCARD11_READER_SLOTS=1' \
    '-DSCARD11_ZLIB=0 -DSCARD11_READER_SLOTS=1 -lscard11 -lmbedcrypto -lof_its_own -lpcsclite -lpthread' pcsc
try 'a reader of its own' says custom -O2 \
    '-DSCARD11_READER=SCARD11_READER_CUSTOM -lscard11 -lmbedcrypto -lof_its_own -lz -lpthread' custom
try 'for which there is no module' test ! -e "$dir/custom/lib/pkcs11"

# ---- README's program, with the lines that stand there ----

export PKG_CONFIG_PATH="$dir/usr/lib/pkgconfig"
unset CFLAGS            # of build.sh: CMake and meson would take them, and optimise for nothing
# snippet <language> <n>: the n-th one in README.md
snippet() { awk -v begin="^\`\`\`$1\$" -v n="$2" '/^```/ { on = 0 } on { print } $0 ~ begin { on = ++i == n }' README.md; }
project() {     # project <name> <language> <n> <file>: a directory with the program, and the snippet as that file
    mkdir -p "$dir/$1"
    snippet c 1 > "$dir/$1/app.c"
    snippet "$2" "$3" > "$dir/$1/$4"
    [ -s "$dir/$1/app.c" ] && [ -s "$dir/$1/$4" ]
}
runs() { "$1"; [ $? = 2 ]; }            # without arguments
by_pkg_config() {
    project line c 1 app.c || return 1
    line=$(sed -n 's/^    \(cc app\.c .*pkg-config --static.*\)/\1/p' README.md)
    [ -n "$line" ] && (cd "$dir/line" && eval "$line") && runs "$dir/line/app"
}
by_cmake() {    # by_cmake <n>
    project "cmake$1" cmake "$1" CMakeLists.txt || return 1
    [ "$1" = 2 ] || cp scard11.[ch] "$dir/cmake$1"
    cmake -S "$dir/cmake$1" -B "$dir/cmake$1/build" && cmake --build "$dir/cmake$1/build" && runs "$dir/cmake$1/build/app"
}
by_meson() {
    project "meson$1" meson "$1" meson.build || return 1
    [ "$1" = 2 ] || cp scard11.[ch] "$dir/meson$1"
    meson setup "$dir/meson$1/build" "$dir/meson$1" && meson compile -C "$dir/meson$1/build" &&
        runs "$dir/meson$1/build/app"
}
try 'by pkg-config' by_pkg_config
try 'by CMake, with the two files' by_cmake 1
try 'by CMake, installed' by_cmake 2
try 'by meson, with the two files' by_meson 1
try 'by meson, installed' by_meson 2

# ---- p11-kit ----

# It reads no user's configuration as root: so it is told that it is somebody else.
lists_module() {
    mkdir -p "$dir/home/.config/pkcs11/modules"
    echo 'user-config: only' > "$dir/home/.config/pkcs11/pkcs11.conf"
    cp "$dir/usr/share/p11-kit/modules/scard11.module" "$dir/home/.config/pkcs11/modules"
    $CC -shared -fPIC tests/clients/user.c -o "$dir/user.so" || return 1
    HOME=$dir/home XDG_CONFIG_HOME='' LD_PRELOAD=$dir/user.so p11-kit list-modules > "$dir/modules" || return 1
    cat "$dir/modules"
    # 0.25 has the path on a line of its own
    grep "^\(scard11\|    path\): $dir/usr/lib/pkcs11/scard11.so$" "$dir/modules" && grep 'library-manufacturer: scard11' "$dir/modules"
}
try 'p11-kit lists the module' lists_module

# ---- What it consists of ----

cat > "$dir/sbom.py" <<'END'
import hashlib, json, re, sys
bom = json.load(open(sys.argv[1]))
assert bom["bomFormat"] == "CycloneDX" and bom["specVersion"] == "1.5" and bom["version"] == 1
assert "serialNumber" not in bom and "timestamp" not in bom["metadata"]     # else no two would be alike
top = bom["metadata"]["component"]
assert (top["type"], top["name"], top["version"]) == ("library", "scard11", sys.argv[2])
assert top["licenses"] == [{"license": {"id": "0BSD"}}]
for f in top["components"]:
    assert f["type"] == "file" and f["hashes"][0]["alg"] == "SHA-256"
    assert f["hashes"][0]["content"] == hashlib.sha256(open(f["name"], "rb").read()).hexdigest()
assert [f["name"] for f in top["components"]] == ["scard11.h", "scard11.c"]
names = sys.argv[3:]
assert [c["name"] for c in bom["components"]] == names
for c in bom["components"]:
    assert c["type"] == "library" and re.fullmatch(r"[0-9]+(\.[0-9]+)+", c["version"]), c
refs = [top["bom-ref"]] + [c["bom-ref"] for c in bom["components"]]
assert len(set(refs)) == len(refs) and [d["ref"] for d in bom["dependencies"]] == refs
assert bom["dependencies"][0]["dependsOn"] == refs[1:]
allowed = {"bomFormat", "specVersion", "version", "metadata", "components", "dependencies"}
assert set(bom) == allowed
END
version=$(sed -n 's/^#define SCARD11_VERSION_[A-Z]* //p' scard11.h | paste -s -d . -)
is_bom() {      # is_bom <READER> <CFLAGS> <libraries...>
    READER=$1 CFLAGS=$2 sh tests/tools/sbom.sh > "$dir/bom.json" || return 1
    shift 2
    python3 "$dir/sbom.py" "$dir/bom.json" "$version" "$@"
}
try 'sbom' is_bom pcsc -O2 mbedtls pcsc-lite zlib
try 'sbom, a reader of its own and no zlib' is_bom custom -DSCARD11_ZLIB=0 mbedtls

sum_up
