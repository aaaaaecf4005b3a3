# need.sh: the packages that a command of build.sh needs, for build.sh, which reads it. Not a test by itself.
# SPDX-License-Identifier: 0BSD
header() { echo "#include <$1>" | $CC $CFLAGS $pcsc_h -E -o /dev/null -x c - 2>/dev/null; }
has() {         # is a package here? Libraries by their headers: they may come from elsewhere
    case $1 in
        libc6-dev) header stdlib.h ;;
        libmbedtls-dev) header psa/crypto.h ;;
        libpcsclite-dev) [ "$READER" = custom ] || header winscard.h ;;
        zlib1g-dev) header zlib.h ;;
        libssl-dev) header openssl/evp.h ;;
        gcc) command -v "$CC" ;;
        systemd-cryptsetup) command -v systemd-cryptenroll || grep '^12' /etc/debian_version ;;   # there in systemd
        pkcs11-provider) ls /usr/lib/*/ossl-modules/pkcs11.so || grep '^12' /etc/debian_version ;;  # not in 12
        default-jdk-headless) command -v javac ;;   # which JDK it brings is Debian's choice: 17 in 12, 21 in 13
        g++ | clang | cppcheck | npm) command -v "$1" ;;  # NodeSource has npm in nodejs
        *) ! command -v dpkg-query ||
            dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep '^install ok installed' ;;
    esac >/dev/null
}
quietly() {     # quietly <command...>: it and its output go to the file $said; one that fails shows the end
    echo "+ $*" >> "$said"
    "$@" >> "$said" 2>&1 && return
    tail -n 30 "$said" >&2
    die "this failed, and $said has all of it: $*"
}
need() {        # installs the packages that are missing, or says which
    missing='' sudo=''
    for p; do case "$missing " in *" $p "*) ;; *) has "$p" || missing="$missing $p" ;; esac; done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "missing (by Debian's names):$missing"
    install="apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || die "run this first: sudo apt-get update && sudo $install"
        sudo='sudo -n'
    fi
    out .
    said=$OUT/packages.txt
    echo "installing (output of apt-get: $said):$missing"
    : > "$said"
    quietly $sudo env DEBIAN_FRONTEND=noninteractive apt-get update
    quietly $sudo env DEBIAN_FRONTEND=noninteractive $install
    for p; do has "$p" || die "$p is installed, but $CC does not find it"; done
}
