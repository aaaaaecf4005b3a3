#!/bin/sh
# run_one.sh <name> <program or script>: runs one test for build.sh, its output to $OUT/log/<name>.txt, and
# prints one line; what failed shows its output. Each must end with "N passed, N failed". Of one that
# does not, what had passed until then is counted, and one failure more; the line says in which case it
# ended, and how. All cases that ran are in $OUT/log/<name>.at (cases.sh reads it).
# SPDX-License-Identifier: 0BSD
name=$1 log=$OUT/log/$1.txt begun=$(date +%s)
case $OUT in /*) TEST_AT=$log ;; *) TEST_AT=$PWD/$log ;; esac
export TEST_AT="${TEST_AT%.txt}.at"
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
case $2 in
    *.sh) set -- sh "$2" ;;
    *) set -- "$2"
        [ "$name" != unit ] || set -- "$@" $ONLY ;;
esac
[ "$name" != clients ] || limit=2400       # many programs, each with a limit of its own
limit=${TEST_SECONDS:-${limit:-900}}
! command -v timeout >/dev/null || set -- timeout -k 10 "$limit" "$@"
rm -f "$TEST_AT"
"$@" > "$log" 2>&1 </dev/null
rc=$? seconds=$(($(date +%s) - begun))
times > "$OUT/log/$name.sum"       # of this shell: a subshell has none
cpu=$(awk 'NR == 2 { split($1 "m" $2, t, "m"); printf "%.0f", t[1] * 60 + t[2] + t[3] * 60 + t[4] }' "$OUT/log/$name.sum")

how() {         # how did it end?
    if [ $rc = 124 ] || { [ $rc = 137 ] && [ $seconds -ge "$limit" ]; }; then echo "no end after $limit s"
    elif [ $rc -gt 128 ]; then echo "signal $(kill -l $rc 2>/dev/null || echo $((rc - 128)))"
    else echo "exit code $rc"; fi
}

last=$(tail -n 1 "$log")
if ! echo "$last" | grep -q '^[0-9][0-9]* passed, [0-9][0-9]* failed$'; then
    passed=0 failed=0 at=
    [ ! -f "$TEST_AT" ] || read -r passed failed at <<EOF
$(tail -n 1 "$TEST_AT")
EOF
    passed=${passed:-0} failed=$((${failed:-0} + 1))
    why=" (it ended early, after $passed passed, ${at:+in }${at:-outside a case}: $(how))"
else
    passed=${last%% *} failed=${last#*, } failed=${failed%% *} why=
    [ "$passed$failed" != 00 ] || failed=1 why=" (it ran nothing)"
    [ "$failed" != 0 ] || [ $rc = 0 ] || failed=1 why=" ($(how))"
fi
last="$passed passed, $failed failed"
echo "$last" > "$OUT/log/$name.sum"
case $last in
    *" 0 failed") ;;
    *) tail -n 200 "$log" | awk -v name="$name" '{ print name ": " $0 }' ;;    # whole lines
esac
printf '%-18s %s%s, %d s, CPU %s s, %s\n' "$name" "$last" "$why" $seconds "$cpu" "$log"
exit 0
