# long_runs.sh: the long runs, for build.sh, which reads it: the storm and the kiosk. Not a test by itself.
# SPDX-License-Identifier: 0BSD

# long_program <directory> <flags>: the storm, in process.
long_program() {
    name=$1; shift
    find_parts custom
    compile_parts "$name" "$@" -DSLOT_REST_MS=20        # or no card without a session would ever be let go
    bg_wait
    run $CC $warn $custom "$@" tests/programs/storm.c "$OUT/$name/scard11.o" $(sim_objects "$name") $test_libs \
        -o "$OUT/storm/$name"
}

# long_pcscd <flags> <arguments...>: through a real pcscd.
long_pcscd() {
    sanitizer=$1; shift
    need $pkg_lib libssl-dev pcscd vsmartcard-vpcd
    run $CC $warn -O2 tests/pcsc/lab.c -o "$OUT/storm/lab"
    run $CC $warn -O2 -shared -fPIC tests/pcsc/fastpoll.c -o "$OUT/storm/fastpoll.so"
    run $CC $warn $sanitizer -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1 -DSTORM_PCSCD -DSLOT_REST_MS=20 $pcsc_h -I. tests/programs/storm.c scard11.c \
        $(sims | grep -v 'sim_reader\|sim_pinpad') $pcsc $test_libs -o "$OUT/storm/pcscd"
    mkdir -p "$OUT/storm/run"
    case $OUT in /*) at=$OUT/storm ;; *) at=$PWD/$OUT/storm ;; esac
    export STORM_PORT=$((20000 + $$ % 20000))
    run "$at/lab" --name Storm --preload "$at/fastpoll.so" "$at/run" $STORM_PORT -- "$at/pcscd" "$@"
}

long_storm() {
    need $pkg_lib libssl-dev
    out storm
    export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
    case ${1:-} in
        pcscd) long_pcscd "$asan" seconds $((${2:-1} * 60)) seed "${3:-$(date +%s)}" ;;
        pcscd-tsan) export TSAN_OPTIONS="$TSAN_OPTIONS:suppressions=$PWD/tests/pcsc/tsan.supp"
            long_pcscd "$tsan" seconds $((${2:-1} * 60)) seed "${3:-$(date +%s)}" ;;
        events) long_program fast $CFLAGS
            run "$OUT/storm/fast" fast events "${2:-10000000}" seed "${3:-$(date +%s)}" ;;
        seeds) long_program tsan $tsan
            first=${3:-1}; i=$first
            bad=''
            while [ $i -lt $((first + ${2:-20})) ]; do
                run "$OUT/storm/tsan" seconds 10 seed $i || bad="$bad $i"; i=$((i + 1))
            done
            [ -z "$bad" ] || die "wrong with these seeds:$bad" ;;
        seeded) find_parts none; compile_parts asan $asan
            bg_wait
            run sh tests/tools/storm_seeded.sh "$(sim_objects asan)" "$asan" ;;
        *) long_program asan $asan
            long_program tsan $tsan
            seed=${2:-$(date +%s)}
            bg "$OUT/storm/asan" seconds $((${1:-1} * 60)) seed "$seed"
            bg "$OUT/storm/tsan" seconds $((${1:-1} * 60)) seed "$seed"
            bg_wait ;;
    esac
}

long_kiosk() {
    need $pkg_lib libssl-dev
    out storm
    find_parts custom
    compile_parts fast $CFLAGS
    bg_wait
    run $CC $warn $CFLAGS $custom tests/programs/kiosk.c "$OUT/fast/scard11.o" $(sim_objects fast) $test_libs -o "$OUT/storm/kiosk"
    run "$OUT/storm/kiosk" insertions "${1:-100000}" ends 10000 seconds 60 objects 1000000
}
