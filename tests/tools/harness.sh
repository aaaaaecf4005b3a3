#!/bin/sh
# harness.sh: does what runs the tests tell what happened? Programs and scripts that end early, each in
# its way, and what tests/tools/run_one.sh says of them; what tests/clients/clients.sh says of a client that fails.
# SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/count.sh
: "${CC:=gcc}"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$dir/tests/tools" "$dir/out/log" "$dir/out/test"
cp tests/tools/run_one.sh tests/tools/count.sh "$dir/tests/tools"

cat > "$dir/ends.c" <<'END'
#include "test.h"
#include <signal.h>
#include <unistd.h>
static const char *how;
TEST(first)  { CHECK(how != NULL); }
TEST(second) { CHECK(strcmp(how, "failed") && strcmp(how, "failed_segv")); }
TEST(third)
{
    printf("not a whole line");
    fflush(stdout);
    if (strstr(how, "segv")) raise(SIGSEGV);
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "kill")) raise(SIGKILL);
    if (!strcmp(how, "exit")) exit(3);
    if (!strcmp(how, "quiet")) _exit(0);
    for (int i = 0; !strcmp(how, "hang") && i < 60; i++) sleep(1);
    putchar('\n');
}
int main(int argc, char **argv)
{
    how = strrchr(argv[0], '/') + 1;
    test_begin(1, argv);
    if (!strcmp(how, "before")) return 5;
    RUN(first);
    RUN(second);
    RUN(third);
    if (!strcmp(how, "nothing")) test_passed = 0;
    if (!strcmp(how, "between")) raise(SIGSEGV);
    int rc = argc ? test_end() : 0;
    if (!strcmp(how, "leak")) puts("and then something was found"), rc = 23;
    if (!strcmp(how, "late")) rc = 23;
    return rc;
}
END
cat > "$dir/tests/tools/script.sh" <<'END'
. tests/tools/count.sh
at one; passed=1
at 'two, with a | and more'; failed=1
at three; kill -9 $$
END
cat > "$dir/tests/tools/whole.sh" <<'END'
. tests/tools/count.sh
at one; passed=1
sum_up
END
"$CC" -std=c99 -D_POSIX_C_SOURCE=200809L -Itests "$dir/ends.c" -o "$dir/ends" || { failed=1; sum_up; exit 1; }

# says <program> <sum> <what its line has too>
says() {
    at "$1"
    test=tests/tools/$1.sh
    [ -f "$dir/$test" ] || { test=out/test/$1; cp "$dir/ends" "$dir/$test"; }
    out=$(cd "$dir" && OUT=out TEST_SECONDS=$seconds sh tests/tools/run_one.sh "$1" "$test" | tail -n 1)
    sum=$(cat "$dir/out/log/$1.sum")
    case $sum:$out in
        "$2:$1 "*" $2$3, "*" s, "*) passed=$((passed + 1)) ;;
        *) failed=$((failed + 1)); echo "harness.sh: $1: $sum: $out" ;;
    esac
}
seconds=30
says good        '3 passed, 0 failed' ''
says failed      '2 passed, 1 failed' ''
says segv        '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: signal SEGV)'
says abort       '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: signal ABRT)'
says kill        '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: signal KILL)'
says exit        '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: exit code 3)'
says quiet       '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: exit code 0)'
says failed_segv '1 passed, 2 failed' ' (it ended early, after 1 passed, in third: signal SEGV)'
says before      '0 passed, 1 failed' ' (it ended early, after 0 passed, outside a case: exit code 5)'
says between     '3 passed, 1 failed' ' (it ended early, after 3 passed, outside a case: signal SEGV)'
says leak        '3 passed, 1 failed' ' (it ended early, after 3 passed, outside a case: exit code 23)'
says late        '3 passed, 1 failed' ' (exit code 23)'
says script      '1 passed, 2 failed' ' (it ended early, after 1 passed, in three: signal KILL)'
says whole       '1 passed, 0 failed' ''
seconds=1
says hang        '2 passed, 1 failed' ' (it ended early, after 2 passed, in third: no end after 1 s)'

# A client that fails: its last command, however long.
at 'a client that fails'
long="and $(seq -s ' ' 60) | to the last"
cat > "$dir/client.sh" <<'END'
set -ex
trap 'set +e; rc=$?; at_end() { rc=1; set +x; }; at_end' EXIT
echo before
cat "$1"
END
sh "$dir/client.sh" "$long" > "$dir/client.log" 2>&1
echo '---- /a/file' >> "$dir/client.log"
echo '+ not a command' >> "$dir/client.log"
said=$(sh tests/clients/clients.sh --why "$dir/client.log")
if [ "$said" = "cat $long" ] || [ "$said" = "cat '$long'" ]; then passed=$((passed + 1))
else failed=$((failed + 1)); echo "harness.sh: a client that fails: $said"; fi

sum_up
