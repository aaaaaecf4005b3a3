#!/bin/sh
# install.sh: puts what ./build.sh made where it is found; ./build.sh install calls it.
# SPDX-License-Identifier: 0BSD
#
# From the environment, or as arguments (PREFIX=/usr):
#     PREFIX      /usr/local if it is not set
#     LIBDIR      lib: under PREFIX, or a whole path
#     DESTDIR     before each path: for packages, which are moved to PREFIX later
#
# scard11.h and libscard11.a; scard11.pc, by which pkg-config, CMake and meson find them; the module, in
# the directory pkcs11 of LIBDIR, and the file by which p11-kit finds that. Options of scard11.h that
# the library was compiled with (-DSCARD11_... in CFLAGS) are in scard11.pc, too: they change the header.
cd "$(dirname "$0")/../.." || exit 1
set -eu
: "${OUT:=build}" "${CC:=gcc}" "${READER:=pcsc}" "${CFLAGS:=}" "${LDFLAGS:=}" "${DESTDIR:=}"
for set; do
    case $set in
        PREFIX=* | LIBDIR=* | DESTDIR=*) eval "${set%%=*}=\${set#*=}" ;;
        *) echo "install.sh: what is $set?" >&2; exit 2 ;;
    esac
done
: "${PREFIX:=/usr/local}" "${LIBDIR:=lib}"
case $PREFIX in /*) ;; *) echo "install.sh: PREFIX is to be a whole path" >&2; exit 2 ;; esac
case $DESTDIR in '' | /*) ;; *) DESTDIR=$PWD/$DESTDIR ;; esac
case $LIBDIR in /*) ;; *) LIBDIR=$PREFIX/$LIBDIR ;; esac
modules=$LIBDIR/pkcs11 configs=$PREFIX/share/p11-kit/modules

run() { echo "+ $*"; "$@"; }
put() {         # put <file> <directory> <mode>
    run install -d "$DESTDIR$2"
    run install -m "$3" "$1" "$DESTDIR$2"
}

# part <pkg-config's name> <the linker's words>: pkg-config knows it, or it is linked by its name.
requires='' links=''
part() {
    if pkg-config --exists "$1" 2>/dev/null; then requires="$requires $1"; else links="$links $2"; fi
}
# mbedTLS 2.28 has no .pc files, 3.6 has mbedcrypto.pc, 4 tfpsacrypto.pc.
mbedtls_major() {
    printf '#include <mbedtls/version.h>\nfound_here MBEDTLS_VERSION_MAJOR\n' | $CC $CFLAGS -E -P - 2>/dev/null |
        tr '\n' ' ' | sed -n 's/.*found_here *\([0-9]*\) *$/\1/p'
}
parts() {
    case $READER.$(uname) in
        custom.*) ;;
        *.Darwin) links="$links -framework PCSC" ;;
        *) part libpcsclite -lpcsclite ;;
    esac
    case " $CFLAGS " in *' -DSCARD11_ZLIB=0 '*) ;; *) part zlib -lz ;; esac
    case $(mbedtls_major) in
        2 | 3) part mbedcrypto -lmbedcrypto ;;
        *) part tfpsacrypto -ltfpsacrypto ;;
    esac
    for word in $LDFLAGS; do case $word in -L*) links=" $word$links" ;; esac; done
    links="$links -lpthread"
}
options() {
    [ "$READER" != custom ] || echo -DSCARD11_READER=SCARD11_READER_CUSTOM
    for word in $CFLAGS; do case $word in -DSCARD11_*) echo "$word" | sed 's/"/\\"/g' ;; esac; done
}
version() { sed -n 's/^#define SCARD11_VERSION_[A-Z]* //p' scard11.h | paste -s -d . -; }
pc() {
    case $LIBDIR in "$PREFIX"/*) libdir='${prefix}/'${LIBDIR#"$PREFIX"/} ;; *) libdir=$LIBDIR ;; esac
    cat <<END
prefix=$PREFIX
includedir=\${prefix}/include
libdir=$libdir
module=\${libdir}/pkcs11/scard11.so
interface=$(sed -n 's/^#define SCARD11_INTERFACE_VERSION //p' scard11.h)

Name: scard11
Description: PKCS#11 for smart cards
Version: $(version)
Requires.private:$requires
Libs: -L\${libdir} -lscard11
Libs.private:$links
Cflags: -I\${includedir} $(options | paste -s -d ' ' -)
END
}

mkdir -p "$OUT/install"
parts
pc | sed 's/ *$//' > "$OUT/install/scard11.pc"
put scard11.h "$PREFIX/include" 644
put "$OUT/libscard11.a" "$LIBDIR" 644
put "$OUT/install/scard11.pc" "$LIBDIR/pkgconfig" 644
[ "$READER" != custom ] || exit 0
echo "module: $modules/scard11.so" > "$OUT/install/scard11.module"
put "$OUT/scard11.so" "$modules" 755
put "$OUT/install/scard11.module" "$configs" 644
known=$(pkg-config --variable=p11_module_configs p11-kit-1 2>/dev/null || :)
[ "${known:-$configs}" = "$configs" ] ||
    echo "p11-kit looks in $known and /etc/pkcs11/modules: link or copy $configs/scard11.module there"
