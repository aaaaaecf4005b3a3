#!/bin/sh
# bare.sh: does a fresh Debian get from a checkout to a working demo and passing tests by build.sh
# alone? Makes a minimal Debian with nothing but git, puts HEAD into it, and runs there
# ./build.sh demo and ./build.sh test, on a machine that is busy too if asked. Ends with a line for each
# time. Needs root, debootstrap and a network. Not part of the tests.
# SPDX-License-Identifier: 0BSD
#
# Usage: tests/tools/bare.sh [directory]      where to put it (kept then, and gone on with if it is there
#                                       already; else a temporary one, removed)
# SUITE=bookworm, MIRROR=http://deb.debian.org/debian and COMMANDS='demo test' may be set. Without
# MIRROR it is this machine's own; its apt settings (proxy, certificates) go along. BUSY='0 2' (0) is how
# many other processes keep the cores busy meanwhile: the commands run once for each number, each time
# from a checkout of its own.
set -eu
cd "$(dirname "$0")/../.."
SUITE=${SUITE:-bookworm} COMMANDS=${COMMANDS:-demo test} BUSY=${BUSY:-0}
die() { echo "bare.sh: $*" >&2; exit 1; }
run() { echo "+ $*"; "$@"; }

[ "$(id -u)" = 0 ] || die "must be run as root"
command -v debootstrap >/dev/null || die "needs debootstrap: apt-get install debootstrap"

# Mounts go with the namespace that they are made in.
if [ -z "${BARE_INSIDE:-}" ]; then
    keep=${1:-}
    dir=${keep:-$(mktemp -d)}
    [ -n "$keep" ] || chmod 755 "$dir"
    rc=0
    BARE_INSIDE=$dir unshare --mount sh "$0" || rc=$?
    [ -n "$keep" ] || rm -rf --one-file-system "$dir"
    exit $rc
fi
dir=$BARE_INSIDE

# The mirror that this machine uses for Debian itself: from one-line or deb822 sources.
sources() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}//p'
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
        awk '/^URIs:/ { u = $2 } /^Suites:/ { for (i = 2; i <= NF; i++) s[++n] = $i }
             /^$/ { for (i = 1; i <= n; i++) print u, s[i]; n = 0 }
             END { for (i = 1; i <= n; i++) print u, s[i] }'
}
mirror_of() { sources | awk -v suite="$1" '$2 == suite { print $1; exit }'; }
MIRROR=${MIRROR:-$(mirror_of "$SUITE")}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
security=$(mirror_of "$SUITE-security")

[ -e "$dir/root/scard11.bundle" ] || run debootstrap --variant=minbase --include=git,ca-certificates "$SUITE" "$dir" "$MIRROR"
{
    echo "deb $MIRROR $SUITE main"
    [ -z "$(mirror_of "$SUITE-updates")" ] || echo "deb $MIRROR $SUITE-updates main"
    [ -z "$security" ] || echo "deb $security $SUITE-security main"
} > "$dir/etc/apt/sources.list"
for f in /etc/apt/apt.conf /etc/apt/apt.conf.d/* /etc/apt/auth.conf.d/*; do
    [ -f "$f" ] || continue
    case $f in
        */auth.conf.d/*) ;;
        *) grep -qi '^[^/#]*Acquire' "$f" || continue ;;
    esac
    mkdir -p "$dir$(dirname "$f")"
    cp "$f" "$dir$f"
done
cp /etc/resolv.conf "$dir/etc/resolv.conf"
cp /etc/hosts "$dir/etc/hosts"
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
    cp /usr/local/share/ca-certificates/*.crt "$dir/usr/local/share/ca-certificates/"
    run chroot "$dir" update-ca-certificates
fi

for m in "-t proc proc $dir/proc" "--rbind /dev $dir/dev" "-t tmpfs tmpfs $dir/tmp" \
         "-t tmpfs tmpfs $dir/run"; do
    # shellcheck disable=SC2086
    run mount $m || echo "bare.sh: goes on without"
done
run git bundle create -q "$dir/root/scard11.bundle" HEAD

busy=''
busy_begin() {      # busy_begin <n>: so many processes that never rest
    for _ in $(seq "$1"); do
        sh -c 'while :; do :; done' &
        busy="$busy $!"
    done
}
busy_end() {
    # shellcheck disable=SC2086
    [ -z "$busy" ] || { kill $busy; wait $busy; } 2>/dev/null || :
    busy=''
}
trap busy_end EXIT
trap 'exit 1' HUP INT TERM

# inside <directory> <command>: ./build.sh <command> in the new Debian; $said is the last line of it.
inside() {
    { run chroot "$dir" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        "$1/build.sh" "$2" 2>&1 && echo good > "$dir/root/result" || echo FAILED > "$dir/root/result"
    } | tee "$dir/root/said"
    said=$(tail -n 1 "$dir/root/said")
}

results='' times=0
for n in $BUSY; do
    times=$((times + 1))
    source=/root/scard11-$times
    rm -rf "${dir:?}$source"
    run chroot "$dir" git clone -q /root/scard11.bundle "$source"
    busy_begin "$n"
    line="bare.sh: Debian $(cat "$dir/etc/debian_version"), $n other processes busy:"
    for c in $COMMANDS; do
        echo "==== ./build.sh $c, $n other processes busy"
        inside "$source" "$c"
        line="$line $c $(cat "$dir/root/result")"
        case $said in *' passed, '*' failed') line="$line ($said)" ;; esac
        line="$line."
    done
    busy_end
    results="$results$line
"
done
printf '\n%s' "$results"
case $results in *FAILED*) exit 1 ;; esac
