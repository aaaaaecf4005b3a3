# mbedtls.sh: scard11 with each mbedTLS, for build.sh, which reads it. Not a row of suite.txt.
# SPDX-License-Identifier: 0BSD
# Packages: binutils libssl-dev
#
# ./build.sh mbedtls                the versions that Debian has, compiled from its sources, then the options
# ./build.sh mbedtls <version>      those that begin so: 2.28, 3.6
# ./build.sh mbedtls <directory>    one that is installed there: include/, lib/
# ./build.sh mbedtls options [2.28|3.6|psa]
#                                   with the options that scard11.h names, and no other; and without one of them. psa:
#                                   those of TF-PSA-Crypto, which 3.6 has, too, and the code for mbedTLS 4.1
#
# The versions of Debian are those of tests and simulated cards, too. An installed one, and one with few options, is
# sealed in: nothing but scard11.c has it, and the tests have the system's. So mbedTLS 4 can be tested, which lacks
# functions that the simulated cards need.
. tests/tools/debian_source.sh
. tests/tools/count.sh
mbedtls_releases='bookworm trixie forky sid'
mbedtls_rows='unit vectors wycheproof module cards pins eid api conformance'
mbedtls_sealed_rows='vectors wycheproof module cards pins api conformance'

# mbedtls_compile <source> <directory> <option...>: libmbedcrypto.a and libmbedx509.a
mbedtls_compile() {
    from=$1 to=$2; shift 2
    out "${to#"$OUT"/}/o"
    # shellcheck disable=SC2016
    find "$from/library" -name '*.c' ! -name 'ssl_*' ! -name net_sockets.c |
        xargs -P 2 -I F sh -c '"$@" -O2 -w -c F -o "$0/$(basename F .c).o" || exit 255' "$to/o" \
            "$CC" -I"$from/include" -I"$from/library" "$@" || return 1
    rm -f "$to"/*.a
    (cd "$to/o" && ar rcs ../libmbedx509.a x509*.o && find . -name '*.o' ! -name 'x509*' -exec ar rcs ../libmbedcrypto.a {} +)
}
# mbedtls_seal <object> <include> <library> <source> <option...>: compiled with this mbedTLS inside, which nobody sees
mbedtls_seal() {
    object=$1 include=$2 lib=$3 file=$4; shift 4
    # shellcheck disable=SC2086
    $CC $warn $asan -O0 $steady -I"$include" "$@" -c "$file" -o "$object.alone" &&
        ld -r "$object.alone" "$lib" -o "$object.joined" &&
        nm --defined-only -g "$lib" | awk 'NF == 3 { print $3 }' | sort -u > "$object.names" &&
        objcopy --localize-symbols="$object.names" "$object.joined" "$object"
}
# mbedtls_sealed <what> <include> <library> <rows> <option...>: those rows, with this mbedTLS in scard11.c alone
mbedtls_sealed() {
    what=$1 with=$2 lib=$3 rows=$4; shift 4
    options=$custom objects='' told=$(for o; do case $o in -DSCARD11_*) echo "$o" ;; esac; done)
    # shellcheck disable=SC2086
    compile_parts asan $asan
    out sealed log; sealed=$OUT/sealed
    bg_wait
    # shellcheck disable=SC2086
    quietly mbedtls_seal "$sealed/scard11.o" "$with" "$lib" scard11.c $custom "$@"
    for name in $rows; do
        find_test "$name"
        at "$what: $name"
        # shellcheck disable=SC2086
        case $library in
            inside) quietly mbedtls_seal "$sealed/$name.o" "$with" "$lib" "$source" $custom "$@"; rest='' ;;
            *) quietly $CC $warn $asan -O0 $custom $steady $told -c "$source" -o "$sealed/$name.o"; rest=$sealed/scard11.o ;;
        esac
        # shellcheck disable=SC2046,SC2086
        quietly $CC $asan "$sealed/$name.o" $rest $(sim_objects asan) $test_libs -o "$sealed/$name"
        sh tests/tools/run_one.sh "$name" "$sealed/$name" | sed "s|^|$what: |"
        read -r p _ f _ < "$OUT/log/$name.sum"
        passed=$((passed + p)) failed=$((failed + f))
    done
}

# ---- The versions that Debian has ----

mbedtls_get() {         # mbedtls_get <version> <version of the package>: its source; with CMAC, as Debian has it
    to=$mbedtls_dir/$1
    if [ ! -d "$to/source/library" ]; then
        quietly debian_source "mbedtls=$2" "$to/source"
        sed -i 's|^//\(#define MBEDTLS_CMAC_C\)|\1|' "$to"/source/include/mbedtls/*config.h
    fi
    [ -e "$to/libmbedcrypto.a" ] || quietly mbedtls_compile "$to/source" "$to"
}
mbedtls_lists() {       # to $versions: 2.28.3=2.28.3-1 and others, each upstream version once
    # shellcheck disable=SC2086
    quietly debian_lists "$mbedtls_dir/apt" $mbedtls_releases
    versions=$(debian_versions mbedtls | awk '{ up = $0; sub(/^[0-9]*:/, "", up); sub(/-[^-]*$/, "", up)
        if (!(up in seen)) print up "=" $0; seen[up] = 1 }')
}
mbedtls_version() {     # mbedtls_version <version>: the rows, all with it
    at "$1"
    v=$mbedtls_dir/$1
    # shellcheck disable=SC2086
    CPATH=$v/source/include LIBRARY_PATH=$v OUT=$v/tests sh build.sh test $mbedtls_rows > "$v/tests.txt" 2>&1 || :
    grep ' passed, ' "$v/tests.txt" | sed '$d' | sed "s|^|$1: |"
    read -r p _ f _ <<END
$(tail -n 1 "$v/tests.txt")
END
    case $p$f in '' | *[!0-9]*) p=0 f=1; tail -n 20 "$v/tests.txt" ;; esac
    passed=$((passed + p)) failed=$((failed + f))
}
mbedtls_installed() {   # mbedtls_installed <prefix>
    lib=$(find "$1" -name libtfpsacrypto.a | head -n 1)
    lib=${lib:-$(find "$1" -name libmbedcrypto.a | head -n 1)}
    [ -n "$lib" ] || die "there is neither libtfpsacrypto.a nor libmbedcrypto.a in $1"
    case $lib in *libtfpsacrypto.a) set -- "$1" "$mbedtls_4" ;; esac
    mbedtls_sealed installed "$1/include" "$lib" "$mbedtls_sealed_rows" ${2:+"$2"}
}

# ---- The options that scard11.h names ----

mbedtls_curves='SECP256R1 SECP384R1 SECP521R1 SECP256K1 BP256R1 BP384R1 BP512R1'
mbedtls_named() {       # mbedtls_named <2.28, 3.6 or psa>: a line each
    case $1 in
        psa)
            echo MBEDTLS_PSA_CRYPTO_C
            for o in RSA_PUBLIC_KEY RSA_KEY_PAIR_IMPORT ECC_PUBLIC_KEY ECC_KEY_PAIR_IMPORT AES; do echo PSA_WANT_KEY_TYPE_$o; done
            for o in RSA_PKCS1V15_SIGN RSA_PKCS1V15_CRYPT RSA_OAEP RSA_PSS ECDSA SHA_1 SHA_224 SHA_256 SHA_384 SHA_512 \
                ECB_NO_PADDING CBC_NO_PADDING CTR GCM; do echo PSA_WANT_ALG_$o; done
            for o in SECP_R1_256 SECP_R1_384 SECP_R1_521 SECP_K1_256 BRAINPOOL_P_R1_256 BRAINPOOL_P_R1_384 \
                BRAINPOOL_P_R1_512; do echo PSA_WANT_ECC_$o; done ;;
        *)
            for o in PSA_CRYPTO_C BIGNUM_C RSA_C PKCS1_V15 ECP_C ECDSA_C SHA1_C SHA256_C SHA512_C AES_C GCM_C CIPHER_MODE_CBC \
                CIPHER_MODE_CTR; do echo MBEDTLS_$o; done
            [ "$1" = 2.28 ] || printf 'MBEDTLS_SHA%s_C\n' 224 384
            for o in $mbedtls_curves; do echo MBEDTLS_ECP_DP_${o}_ENABLED; done ;;
    esac
}
mbedtls_in_turn() {     # what those need in turn
    for o in CTR_DRBG_C ENTROPY_C; do echo MBEDTLS_$o; done
    [ "$1" != psa ] || { echo MBEDTLS_PSA_CRYPTO_CONFIG; return; }
    for o in CIPHER_C MD_C OID_C ASN1_PARSE_C ASN1_WRITE_C PK_C PK_PARSE_C PK_WRITE_C; do echo MBEDTLS_$o; done
}
# mbedtls_config <2.28, 3.6 or psa> <option that is left out> <directory>: config.h and crypto_config.h
mbedtls_config() {
    mkdir -p "$3"
    case $2 in *_PUBLIC_KEY) set -- "$1" "${2%PUBLIC_KEY}.*" "$3" ;; esac    # who takes key pairs takes these
    { mbedtls_named "$1"; mbedtls_in_turn "$1"; } | grep -vx "$2" | sed 's/.*/#define & 1/' > "$3/all"
    grep -v PSA_WANT "$3/all" > "$3/config.h"
    grep PSA_WANT "$3/all" > "$3/crypto_config.h" || :
    [ "$1" != 2.28 ] || echo '#include <mbedtls/check_config.h>' >> "$3/config.h"
}
# mbedtls_without <which> <source> <option> <option of the compiler...>: without it there are only #error, one names it
mbedtls_without() {
    which=$1 from=$2 left_out=$3; shift 3
    d=$mbedtls_dir/options/$which/without
    mbedtls_config "$which" "$left_out" "$d"
    # shellcheck disable=SC2086
    $CC -std=c99 $custom -I"$from/include" "-DMBEDTLS_CONFIG_FILE=\"$d/config.h\"" \
        "-DMBEDTLS_PSA_CRYPTO_CONFIG_FILE=\"$d/crypto_config.h\"" "$@" -fsyntax-only scard11.c > "$d/out.txt" 2>&1 || :
    grep 'error:' "$d/out.txt" > "$d/errors.txt" || :
    if grep -q "#error .*$left_out" "$d/errors.txt" && ! grep -v 'error: #error ' "$d/errors.txt"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$which without $left_out:"; head -n 3 "$d/errors.txt"
    fi
}
mbedtls_options() {     # mbedtls_options <which> <version> <option of the compiler, for scard11.c alone...>
    which=$1 from=$mbedtls_dir/$2/source; shift 2
    o=$mbedtls_dir/options/$which
    at "the options of $which"
    echo "the options of $which: ${from%/source}"
    mbedtls_config "$which" none "$o"
    config="-DMBEDTLS_CONFIG_FILE=\"$o/config.h\"" crypto="-DMBEDTLS_PSA_CRYPTO_CONFIG_FILE=\"$o/crypto_config.h\""
    [ -e "$o/libmbedcrypto.a" ] || quietly mbedtls_compile "$from" "$o" "$config" "$crypto"
    mbedtls_sealed "options of $which" "$from/include" "$o/libmbedcrypto.a" 'vectors wycheproof module' "$config" "$crypto" "$@"
    for left_out in $(mbedtls_named "$which"); do mbedtls_without "$which" "$from" "$left_out" "$@"; done
}

mbedtls_run() {
    mbedtls_dir=$OUT/mbedtls
    said=$mbedtls_dir/build.txt
    out mbedtls
    : > "$said"
    if [ -d "${1:-}" ]; then mbedtls_installed "$(cd "$1" && pwd)"; sum_up; return; fi
    mbedtls_lists
    for version in $versions; do
        up=${version%%=*}
        mbedtls_get "$up" "${version#*=}"
        case $up in "${1:-}"*) mbedtls_version "$up" ;; esac
    done
    old=$(echo "$versions" | sed -n 's/^\(2\.28[^=]*\)=.*/\1/p' | tail -n 1)
    new=$(echo "$versions" | sed -n 's/^\(3\.6[^=]*\)=.*/\1/p' | tail -n 1)
    case ${1:-options}.${2:-2.28} in options.2.28) mbedtls_options 2.28 "$old" ;; esac
    case ${1:-options}.${2:-3.6} in options.3.6) mbedtls_options 3.6 "$new" ;; esac
    case ${1:-options}.${2:-psa} in options.psa)
        mbedtls_options psa "$new" "$mbedtls_4" -DTF_PSA_CRYPTO_VERSION_NUMBER=0x01010000 ;;
    esac
    sum_up
}
