# suite.sh: what a row of tests/suite.txt says, and how it is compiled; for build.sh, which reads it. Not a
# test by itself.
# SPDX-License-Identifier: 0BSD
asan='-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'
tsan='-g -O1 -fsanitize=thread'
mbedtls_4='-DSCARD11_MBEDTLS_MAJOR=4'
small='-DSCARD11_ZLIB=0 -DSCARD11_ANSWER=258 -DSCARD11_SCRATCH=6674 -DSCARD11_CHECK_SIGNATURES=1'
# What counts commands must not depend on how fast the machine is.
steady='-DSCARD11_DEBUG=1 -DSIM_OPENSSL=1 -DSCARD11_BELIEVED=SCARD11_BELIEVED_ALWAYS'
compiled=''

sims() { ls tests/sim/sim_*.c | grep -v '_test\.c$'; }
sim_objects() { for f in $(sims); do echo "$OUT/$1/$(basename "$f" .c).o"; done; }      # sim_objects <directory>

list_tests() { awk '!/^#/ { print $1 }' tests/suite.txt; }
find_test() {   # find_test <name>: its $source, $built, $library, and what it $does: waits or computes
    # shellcheck disable=SC2046
    set -- $(awk -v name="$1" '$1 == name { print $2, $3, $4, $5 }' tests/suite.txt)
    [ $# -ge 3 ] || return 1
    source=tests/$1 built=$2 library=$3 does=${4:-computes}
    there "$source"
}

find_flags() {  # find_flags <built>: $flags of the compiler
    case $1 in
        asan) flags=$asan ;;
        tsan) flags=$tsan ;;
        fast) flags=$CFLAGS ;;
    esac
}
find_parts() {  # find_parts <library>: $objects to link, and $options that they and the test are compiled with
    options=$custom objects='' exports=''
    case $1 in
        custom)      objects=scard11 ;;
        mbedtls_4)   options="$custom $mbedtls_4" objects=scard11_mbedtls_4 ;;
        small)       options="$custom $small" objects=scard11_small ;;
        pcsc)        options="-I. $pcsc_h" objects='scard11_pcsc pcsc_stand_in' ;;
        inside_4)    options="$custom $mbedtls_4 -DSCARD11_ENTROPY=unit_entropy" ;;
        inside_pcsc) options="-I. $pcsc_h" objects=pcsc_stand_in ;;
        inside_opensc) options="$custom $pcsc_h" objects=pcsc_stand_in exports='-Wl,--export-dynamic-symbol=SCard*' ;;
    esac
}

# compile_parts <directory> <flags>: what stands in $objects, and the simulated cards.
compile_parts() {
    dir=$1; shift; out "$dir"
    for o in $objects; do
        case $o in scard11*) file=scard11.c ;; *) file=tests/pcsc/$o.c ;; esac
        # shellcheck disable=SC2086
        compile_once "$file" "$OUT/$dir/$o.o" $options "$@"
    done
    for file in $(sims); do
        # shellcheck disable=SC2086
        compile_once "$file" "$OUT/$dir/$(basename "$file" .c).o" $custom "$@"
    done
}
compile_once() {        # compile_once <source> <object> <flags>
    case " $compiled " in *" $2 "*) return ;; esac
    compiled="$compiled $2" file=$1 object=$2; shift 2
    # shellcheck disable=SC2086
    bg $CC $warn "$@" $steady -c "$file" -o "$object"
}
# link_test <name>: to $OUT/test. What is compiled for one program is not made faster: that takes longer than its run.
link_test() {
    case $built in asan) plain=-O0 ;; *) plain='' ;; esac
    # shellcheck disable=SC2046,SC2086
    bg $CC $warn $flags $plain $options $steady "$source" \
        $(for o in $objects; do echo "$OUT/$built/$o.o"; done) $(sim_objects "$built") $exports $test_libs -o "$OUT/test/$1"
}

# run_rows <waits|computes> <at a time> <command before each>. Two rows compute, and one beside them waits for
# most of its time; as it measures time, the others are nice to it.
run_rows() {
    [ -e "$OUT/log/$1" ] || return 0
    rows=$OUT/log/$1 jobs=$2; shift 2
    CLIENTS=quick ONLY=$cases xargs -n 2 -P "$jobs" "$@" sh tests/tools/run_one.sh < "$rows"
}

# ./build.sh test <names>: those rows, and cases or sections of unit.
run_tests() {
    list='' cases='' packages='' module=''
    for name; do
        if find_test "$name"; then list="$list $name"; else cases="$cases $name"; fi
    done
    [ $# -gt 0 ] || list=$(list_tests)
    [ -z "$cases" ] || list="unit $list"
    for name in $list; do
        find_test "$name"
        packages="$packages $(sed -n 's/^\(#\|\/\/\) Packages: *//p' "$source")"
        case $library in module) module=yes ;; esac
    done
    need $pkg_lib libssl-dev $packages
    out log test
    rm -f "$OUT"/log/*
    for name in $list; do
        find_test "$name"
        [ "$built" != - ] || continue
        find_flags "$built"
        find_parts "$library"
        # shellcheck disable=SC2086
        compile_parts "$built" $flags
    done
    [ -z "$module" ] || cmd_library
    bg_wait
    for name in $list; do
        find_test "$name"
        case $source in *.c) ;; *) continue ;; esac
        find_flags "$built"
        find_parts "$library"
        link_test "$name"
    done
    bg_wait
    rm -f "$OUT/log/waits" "$OUT/log/computes"
    for name in $list; do
        find_test "$name"
        case $source in *.c) program=$OUT/test/$name ;; *) program=$source ;; esac
        echo "$name $program" >> "$OUT/log/$does"
    done
    run_rows waits 1 & beside=$!
    trap 'kill $beside; exit 1' HUP INT TERM    # what is beside does not hear of them
    run_rows computes 2 nice -n 5
    wait $beside
    trap - HUP INT TERM
    cat "$OUT"/log/*.sum | awk '{ p += $1; f += $3 }
        END { print p + 0 " passed, " f + 0 " failed"; exit !p || f > 0 }'
}
