# debian_source.sh: the source of a Debian package, for what is built for a system that Debian has no packages for; read by
# windows.sh and musl.sh. Not a test by itself.
# SPDX-License-Identifier: 0BSD

# debian_source <package> <directory>: what its makers released, there, without a change of this machine's lists
debian_source() {
    [ -e /etc/os-release ] || return 1
    apt=$2.apt
    rm -rf "$apt" "$2"
    mkdir -p "$apt/lists/partial"
    codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
    from=$(apt-cache policy | sed -n 's|.* \(http[^ ]*\) [a-z]*/main .*|\1|p' | grep -v security | head -n 1)
    echo "deb-src ${from:-http://deb.debian.org/debian} $codename main" > "$apt/list"
    package=$1 to=$2
    set -- -o Dir::Etc::sourcelist="$apt/list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
    (cd "$apt" && apt-get "$@" update && apt-get "$@" source --download-only "$package") || return 1
    mkdir "$to" &&
        tar xf "$(find "$apt" -name "${package}_*.orig.tar.*" ! -name '*.asc' | head -n 1)" -C "$to" --strip-components=1
}
