#!/bin/sh
# Compares the constants of scard11.h with those of p11-kit's pkcs11.h, which others wrote and keep.
# Every CK*_ name that both define must have one value; what only one of them has is counted.
# Without p11-kit's development files there is nothing to compare with: it says so and succeeds.
# Packages: libp11-kit-dev pkg-config
#
#     tests/tools/constants.sh          CC is honoured
set -u
cd "$(dirname "$0")/../.." || exit 1
CC=${CC:-cc}
flags=$(pkg-config --cflags p11-kit-1 2>/dev/null) || flags=
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# names <file> <header>: the CK*_ constants that a header defines.
names() {
    printf '#include %s\n' "$2" > "$dir/$1.c"
    $CC -I. $flags -E -dM "$dir/$1.c" 2>/dev/null |
        sed -n 's/^#define \(CK[ACDFGHKMNOPRSTUVZ]*_[A-Z0-9_]*\) .*/\1/p' | sort -u \
        > "$dir/$1.names"
}

# values <file> <header>: name and value of every constant in both.
values() {
    {
        printf '#include <stdio.h>\n#include %s\nint main(void)\n{\n' "$2"
        sed 's/.*/    printf("& %lx\\n", (unsigned long)(&));/' "$dir/both"
        printf '    return 0;\n}\n'
    } > "$dir/$1.c"
    $CC -I. $flags -o "$dir/$1" "$dir/$1.c" && "$dir/$1" > "$dir/$1.values"
}

names theirs '<p11-kit/pkcs11.h>'
names ours '"scard11.h"'
if ! [ -s "$dir/theirs.names" ]; then
    echo "skipped: p11-kit's pkcs11.h is not there (Debian: libp11-kit-dev)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

# Types and words that are macros have no value to compare.
comm -12 "$dir/ours.names" "$dir/theirs.names" | grep -v -e '_PTR$' -e '^CK_DE' > "$dir/both"
if ! values theirs '<p11-kit/pkcs11.h>' || ! values ours '"scard11.h"'; then
    echo "0 passed, 1 failed"
    exit 1
fi

# Differences that are known, with the reason.
# These five are 0x1b5 to 0x1b9 in the standard (and in NSS); p11-kit 0.24 has 0x1c0 to 0x1c4.
cat > "$dir/known" <<'END'
CKR_EXCEEDED_MAX_ITERATIONS
CKR_FIPS_SELF_TEST_FAILED
CKR_LIBRARY_LOAD_FAILED
CKR_PIN_TOO_WEAK
CKR_PUBLIC_KEY_INVALID
END

all=$(wc -l < "$dir/both")
diff "$dir/ours.values" "$dir/theirs.values" | sed -n 's/^[<>] \([^ ]*\) .*/\1/p' | sort -u |
    grep -v -x -F -f "$dir/known" > "$dir/bad"
while read -r name; do
    echo "$name: $(sed -n "s/^$name //p" "$dir/ours.values") here," \
         "$(sed -n "s/^$name //p" "$dir/theirs.values") in p11-kit"
done < "$dir/bad"
bad=$(wc -l < "$dir/bad")
echo "only in p11-kit: $(comm -13 "$dir/ours.names" "$dir/theirs.names" | tr '\n' ' ')"
echo "$((all - bad)) passed, $((bad)) failed"
[ "$bad" -eq 0 ]
