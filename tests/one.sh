#!/bin/sh
# one.sh: runs one test program or script for build.sh, its output to $OUT/log/<name>.txt, and
# prints one line; what failed shows its output. Each must end with "N passed, N failed".
# SPDX-License-Identifier: 0BSD
name=$1 log=$OUT/log/$1.txt begun=$(date +%s)
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
if [ -f "tests/$name.sh" ]; then
    set -- sh "tests/$name.sh"
else
    set -- "$OUT/test/$name"
    [ "$name" != unit ] || set -- "$@" $ONLY
fi
[ "$name" != clients ] || limit=2400       # many programs, each with a limit of its own
! command -v timeout >/dev/null || set -- timeout -k 10 "${TEST_SECONDS:-${limit:-900}}" "$@"
"$@" > "$log" 2>&1 </dev/null
rc=$?

last=$(tail -n 1 "$log")
if ! echo "$last" | grep -q '^[0-9][0-9]* passed, [0-9][0-9]* failed$'; then
    last="0 passed, 1 failed" why=" (it did not come to its end: exit code $rc)"
else
    passed=${last%% *} failed=${last#*, } failed=${failed%% *} why=
    [ "$passed$failed" != 00 ] || failed=1 why=" (it ran nothing)"
    [ "$failed" != 0 ] || [ $rc = 0 ] || failed=1 why=" (exit code $rc)"
    last="$passed passed, $failed failed"
fi
echo "$last" > "$OUT/log/$name.sum"
case $last in
    *" 0 failed") ;;
    *) sed "s/^/$name: /" "$log" | tail -n 200 ;;
esac
printf '%-18s %s%s, %d s, %s\n' "$name" "$last" "$why" $(($(date +%s) - begun)) "$log"
exit 0
