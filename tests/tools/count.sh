# count.sh: what a script of tests counts, for scripts that read it. Not a test by itself.
# SPDX-License-Identifier: 0BSD
#
# The script counts in $passed and $failed, says at each case what it is at, and ends with sum_up. So
# tests/tools/run_one.sh knows how far one came that ended early: it is told in the file that TEST_AT names, as
# programs tell it (test.h).
passed=0 failed=0
at() {          # at <the case that begins>
    [ -z "${TEST_AT:-}" ] || echo "$((passed + ${passed_before:-0})) $((failed + ${failed_before:-0})) $*" >> "$TEST_AT"
}
try() {         # try <what> <command...>: its output goes to $dir/out.txt
    what=$1; shift
    at "$what"
    if "$@" > "$dir/out.txt" 2>&1; then passed=$((passed + 1)); echo "$what"; return; fi
    failed=$((failed + 1))
    echo "failed: $what"
    grep -v 'passed, \|^ok' "$dir/out.txt" | sed 's/^/    /' | tail -n 20
    return 1
}
sum_up() {
    at ''
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
