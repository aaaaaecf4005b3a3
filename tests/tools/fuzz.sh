# fuzz.sh: builds and runs one entry of tests/tools/fuzz.c, for build.sh, which reads it. Not a test by itself.
# SPDX-License-Identifier: 0BSD
fuzz_entry() {
    [ $# -gt 0 ] || die "entries: $(ls tests/data/corpus | tr '\n' ' ')"
    there "tests/data/corpus/$1"
    need $pkg_lib clang $(apt-cache depends clang 2>/dev/null |
        sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p')
    out fuzz "fuzz/$1.corpus"
    run clang $warn $asan -fsanitize=fuzzer $custom -DSCARD11_DEBUG=1 -Wno-unused-function \
        "-DFUZZ_$1" tests/tools/fuzz.c $(sims) $libs -o "$OUT/fuzz/$1"
    run "$OUT/fuzz/$1" -max_total_time="${2:-60}" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
        -len_control=0 -artifact_prefix="$OUT/fuzz/$1-" "$OUT/fuzz/$1.corpus" "tests/data/corpus/$1"
}
