#!/bin/sh
# structure.sh: is scard11.c in order, and does structure.awk find what it should? A small file that
# is in order passes; then one fault at a time is put in, and each must be reported with its line and its sentence.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. tests/tools/count.sh
line='================================================================================================'

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "structure.sh: $*"; }

# The file itself is in order.
said=$(awk -v dir=. -v types=1 -v strict=1 -f tests/tools/structure.awk scard11.c)
[ -z "$said" ] && pass || fail "$said"

# Nothing is at the top but what belongs there: what a program left is not committed.
said=$(git ls-files 2> /dev/null | grep -v / |
    grep -vxE 'scard11\.[hc]|build\.sh|README\.md|\..*' | tr '\n' ' ')
[ -z "$said" ] && pass || fail "at the top: $said"

# The picture of its sections is of this file.
said=$(sh tests/tools/map.sh --check)
[ -z "$said" ] && pass || fail "$said"

# The faults that are put into it elsewhere have their place in it.
for script in mutants storm_seeded; do
    said=$(FIT=1 sh tests/tools/$script.sh | grep -v 'passed, 0 failed$')
    [ -z "$said" ] && pass || fail "$script.sh: $said"
done

# banner <section> <uses> <names>
banner() {
    echo "/* $line"
    echo " * MARK: - >>$1"
    echo " * What it is: one sentence, with static void f(void); and goto in it."
    echo " *"
    echo " * Owns    struct $1"
    [ -z "$2" ] || echo " * Uses    $2"
    echo " * Names   $3"
    echo " * Tests   tests/unit/$1.c"
    echo " * ${line%==}*/"
    echo
}

{
    cat <<'END'
/* fixture.c: a file in order.
 *
 * MAP
 *   1 Ground      >>base      what all use
 *   2 Encodings   >>tlv       reading
 *   4 Commands    >>link      one connection
 *   5 Cards       >>piv       a driver
 *                 >>pgp       a driver
 *   6 PKCS#11     >>p11       the entry points
 * END OF MAP
 */
END
    banner base '' 'bytes_ mem_'
    cat <<'END'
#define COUNT(a) (sizeof(a) / sizeof *(a))

struct bytes { const unsigned char *p; unsigned n; };

static int mem_wipe(void *p, unsigned n)
{
    /* static int mem_ahead(void);  a comment } of
       two lines { */
    return p != 0 && n > '{' ? '}' : '"';       // it's a "comment": {
}

END
    banner tlv '' 'tlv_'
    cat <<'END'
enum tlv_form { TLV_SHORT, TLV_LONG };

#define TLV_TWICE(x) \
    do { tlv_read(x); tlv_read(x); } while (0)

static int tlv_read(struct bytes in,
                    unsigned tag,
                    unsigned *length)
{
    static const char text[] = "static int f(void); } \" {";
    return mem_wipe(length, (unsigned)COUNT(text)) + (int)(in.n + tag);
}

END
    banner link '>>tlv' 'link_ scard11_reader_'
    cat <<'END'
struct link { enum tlv_form form; int (*sent)(struct link *); };

static const struct { int a, b; } link_table[] = {
    { 1, 2 },
    { 3, 4 },
};

#if LINK_A
static int link_send(struct link *l)
{
#else
static int link_send(struct link *l, int n)
{
    (void)n;
#endif
    return tlv_read((struct bytes){ 0, 0 }, (unsigned)link_table[0].a, (unsigned *)&l->form);
}

int scard11_reader_send(struct link *l)
{
    return link_send(l);
}

END
    banner piv '>>link' 'piv_'
    cat <<'END'
static int piv_sign(struct link *l)
{
    return link_send(l);    // QUIRK(a card): it says so twice
}

static const struct driver driver_piv = { piv_sign };

END
    banner pgp '>>link' 'pgp_'
    cat <<'END'
static int pgp_sign(struct link *l)
{
    return link_send(l);
}

static const struct driver driver_pgp = { pgp_sign };

END
    banner p11 '>>link' 'C_ p11_ scard11_'
    cat <<'END'
// A comment, lines of the preprocessor, 15 lines.
#if P11_A
#define P11_B(x) ((x) ? 1 : (x) > 2 ? 2 : 3)
#endif
static unsigned long p11_long(int n, int m)
{
    int a = n ? 1 : 2, b = (n ? 1 : 2) + (m ? 3 : 4);
    struct link l = { n ? 1 : 2, n == 2 ? 3 : 4, { n <= 2 ? 1 : 2 } };
    if (n && m) return 3;
    else if (n) a = 2;
    m = p11_pick(l.form, (n = m > 1 ? 1 : 2, m = n > 1 ? 1 : 0));
    p11_pick(n ? 1 : 2, m ? 1 : 2);
    switch (a) {
    case 1: case 2: return "if (n) while (m) ? ? ?";
    }
    do a++; while (a);

    return b;
}

/* A comment. */
static unsigned long p11_sign(const char *name, struct link *l)
{
    (void)name;
    return (unsigned long)link_send(l);
}

unsigned long C_Sign(unsigned long session)
{
    return session ? p11_sign("C_Sign", 0) : 0;
}

unsigned long scard11_version(void)
{
    return 1;
}
END
} > "$dir/good.c"

out=$(awk -v types=1 -v strict=1 -f tests/tools/structure.awk "$dir/good.c" 2>&1) && [ -z "$out" ] &&
    pass || fail "a file in order is reported: $out"

# fault <sentence> <sed script>: the fixture changed so is reported so.
fault() {
    at "$1"
    sed "$2" "$dir/good.c" > "$dir/bad.c"
    cmp -s "$dir/good.c" "$dir/bad.c" && { fail "no fault was put in: $1"; return; }
    out=$(awk -v types=1 -v strict=1 -f tests/tools/structure.awk "$dir/bad.c" 2>&1) &&
        { fail "not reported: $1"; return; }
    case $out in
        *"bad.c:"[0-9]*": "*"$1"*) pass ;;
        *) fail "reported otherwise: $1: $out" ;;
    esac
}

fault 'link_send() in a line of the log'  's|^    return 1;|    os_log("%d",\n        link_send(0));\n&|'
fault 'a command with a secret is for secret_send() and secret_give() alone' 's|^    return 1;|    cmd.secret_in = true;|'
fault 'place_seen() alone says that a card is sure' 's|^    return 1;|    c->sure = true;|'
fault 'C_Sign() says that it is C_Si' 's|"C_Sign"|"C_SignInit"|'
fault 'longer than 100 columns'         's|^    return 1;|    return 1;                                                            // this goes far beyond the edge|'
fault 'tab or trailing space'           's|^    return 1;|&  |'
fault 'tab or trailing space'           's|^    return 1;|	return 1;|'
fault '>>tlv stands where the map has'  '/^ \*.*>>tlv  /d'
fault 'the map has 7 sections'          's|^ \* END OF MAP|                     >>new\n&|'
fault '>>link is in the map twice'      's|>>pgp  |>>link |'
fault 'Tests should be tests/unit/link.c'    's|unit/link.c|unit/iso.c|'
fault 'no Owns'                         '/Owns .*struct link/d'
fault 'no Names'                        '/Names   piv_/d'
fault 'piv_ belongs to >>piv'           's|Names   pgp_|Names   pgp_ piv_|'
fault 'uses >>link, which is not above' '/MARK: - >>link/,/Names/s|>>tlv|>>tlv >>link|'
fault 'uses >>p11, which is not above'  '/MARK: - >>piv/,/Names/s|>>link|>>link >>p11|'
fault 'uses a driver, >>piv'            '/MARK: - >>pgp/,/Names/s|>>link|>>link >>piv|'
fault 'does not use >>tlv'              '/MARK: - >>piv/,/Names/s|>>link|>>tlv >>link|'
fault 'tlv_read() of >>tlv, which its'  's|^    return 1;|    return tlv_read(0);|'
fault 'tlv_read() of >>tlv, which its'  's|^static unsigned long p11_sign|#define P11_X(x) tlv_read(x)\n&|'
fault 'TLV_TWICE() of >>tlv, which its' 's|^    return 1;|    TLV_TWICE(0);|'
fault 'enum tlv_form of >>tlv, which'   's|^    return 1;|    enum tlv_form f = 0; return f;|'
fault 'scard11_reader_send() of >>link' '/MARK: - >>piv/,$s/link_send/scard11_reader_send/;/MARK: - >>piv/,/Names/s|>>link|>>tlv|'
fault 'iso_send() is in >>link, whose'  's|^static int link_send(struct link \*l, int n)|static int iso_send(struct link *l, int n)|'
fault 'tlv_more() is in >>link, whose'  's|^static int link_send(struct link \*l, int n)|static int tlv_more(struct link *l,\n    int n)|'
fault 'scard11_get() is in >>link'      's|^int scard11_reader_send|int scard11_get|'
fault 'p11_sign() is not static'        's|^static unsigned long p11_sign|unsigned long p11_sign|'
fault 'link_late() is declared ahead'   's|^#if LINK_A|static int link_late(int n);\n&|'
fault 'link_late() is declared ahead'   's|^#if LINK_A|static int\nlink_late(int n,\n    int (*f)(void));\n&|'
fault 'longer than 80 lines'            "/^static int pgp_sign/,/^}/s|^{|{$(printf '\\n    %.0s' $(seq 79) | sed 's/ *$//;s/\\n *$//;s/    //g')\n    ;|"
fault 'more than 400 lines'             "s|^static int pgp_sign|$(printf '\\n%.0s' $(seq 400))&|"
fault 'more than 1500 lines'            "s|^static int pgp_sign|// ---- Much ----$(printf '\\n%.0s' $(seq 1500))&|"
fault 'opening comment has more than'   "s|^ \* END OF MAP|&$(printf '\\n *%.0s' $(seq 110))|"
fault 'a mark is TODO'                  's|^    return 1;|    return 1; // TODO: two|'
fault 'a mark is TODO'                  's|QUIRK(a card)|QUIRK|'
fault 'psa_generate_random is for'      's|^    return 1;|    return psa_generate_random(0, 0);|'
fault 'os_random is for random_stir()'    's|^#if LINK_A|static int link_any(void) { return os_random(0, 0); }\n\n&|'
fault 'psa_generate_key is for nobody'  's|^    return 1;|    int (*f)(void) = psa_generate_key; return f();|'
fault 'goto'                            's|^    return 1;|    goto end;|'
fault 'decides 20 times, more than 19'  "s/^    return 1;/    return n$(printf ' \&\& n%.0s' $(seq 11))\n$(printf ' || n%.0s' $(seq 9));/"
fault 'a ?: inside a ?:'                's|^    return 1;|    return n ? 1 : n > 2 ? 3 : 4;|'
fault 'a ?: inside a ?:'                's|^    return 1;|    return n ? n > 2 ? 3 : 4 : 1;|'
fault 'a ?: inside a ?:'                's|^    return 1;|    return n ? 1\n         : n > 2 ? 3 : 4;|'
fault 'a ?: inside a ?:'                's|^    return 1;|    return n ? f(n, (n > 2 ? 3 : 4)) : 1;|'
fault 'a ?: inside a ?:'                's|^    return 1;|    return (n > 2 ? 3 : 4) == 3 ? 1 : 2;|'
fault 'two statements that decide'      's|^    return 1;|    if (n) n = 1; else n = 2;|'
fault 'two statements that decide'      's|^    return 1;|    for (; n > 1; n--) if (n == 5) return 2;|'
fault 'decides again, on its line'      's|^    return 1;|    if (n) return n == 2 ? 3 : n;|'
fault 'no comment above it'             "/^static int pgp_sign/,/^}/s|^{|{$(printf '\\n%.0s' $(seq 11))|"
fault 'no comment above it'             's|^// A comment, lines|// ---- A heading ----|'
fault 'see link_gone: there is none'     's|^    return 1;|&   // see link_gone|'
fault 'there are two sections >>piv'    's|MARK: - >>pgp|MARK: - >>piv|'
fault 'a banner begins with'            '/^\/\* ===/s|====*|===|'

# With dir, the tests must exist, and tests/unit/unit.c must include them.
mkdir -p "$dir/tests/unit"
for t in base tlv link piv pgp p11; do
    : > "$dir/tests/unit/$t.c"
    echo "#include \"$t.c\"" >> "$dir/tests/unit/unit.c"
done
awk -v dir="$dir" -f tests/tools/structure.awk "$dir/good.c" && pass || fail "all tests are there"
rm "$dir/tests/unit/piv.c"
sed -i.old '/tlv/d' "$dir/tests/unit/unit.c"
out=$(awk -v dir="$dir" -f tests/tools/structure.awk "$dir/good.c")
case $out in *"there is no tests/unit/piv.c"*) pass ;; *) fail "no tests/unit/piv.c: $out" ;; esac
case $out in *"tests/unit/unit.c does not include tlv.c"*) pass ;; *) fail "tlv.c not included: $out" ;; esac

# The map: six sections, their lines add up.
out=$(awk -v map=1 -f tests/tools/structure.awk "$dir/good.c" |
    awk '{ n++; s += $2; f += $3 } END { print n, s, f }')
lines=$(wc -l < "$dir/good.c")
start=$(grep -n 'MARK: - >>base' "$dir/good.c" | cut -d: -f1)
[ "$out" = "6 $((lines - start)) 11" ] && pass || fail "the map: $out, of $lines lines"

# Its picture: what follows from other lines has none.
out=$(awk -v dot=1 -f tests/tools/structure.awk "$dir/good.c" | sed -n 's/^ *\([a-z0-9]* -> .*\)/\1/p' | tr '\n' ';')
[ "$out" = 'p11 -> link;pgp -> link;piv -> link;link -> tlv;tlv -> base [style=invis];' ] && pass || fail "the picture: $out"
sh tests/tools/map.sh --check "$dir/good.c" > /dev/null && fail "a picture of another file is not reported" || pass

# The functions that decide most.
out=$(awk -v worst=2 -f tests/tools/structure.awk "$dir/good.c" | awk '{ print $1, $2, $4 }')
[ "$out" = '16 15 p11_long
2 6 mem_wipe' ] && pass || fail "the worst: $out"

sum_up
