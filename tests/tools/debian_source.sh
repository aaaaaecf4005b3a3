# debian_source.sh: the source of a Debian package, as its authors gave it, for scripts that read this. The lists
# that apt-get reads are its own: the system's are not touched. Not a test by itself.
# SPDX-License-Identifier: 0BSD

debian_release() { (. /etc/os-release && echo "$VERSION_CODENAME"); }
debian_apt() {          # debian_apt <apt-get or apt-cache> <words...>: after debian_lists
    tool=$1; shift
    "$tool" -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$debian_dir/parts" \
        -o "Dir::State::Lists=$debian_dir/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Sandbox::User=root "$@"
}
debian_lists() {        # debian_lists <directory> <release...>: fetches the lists of their sources
    debian_dir=$1; shift
    mkdir -p "$debian_dir/parts" "$debian_dir/lists/partial" || return 1
    from=$(apt-cache policy | sed -n 's|.* \(http[^ ]*\) [a-z]*/main .*|\1|p' | grep '/debian/*$' | head -n 1)
    cat > "$debian_dir/parts/source.sources" <<END
Types: deb-src
URIs: ${from:-http://deb.debian.org/debian}
Suites: $*
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    debian_apt apt-get update
}
debian_versions() {     # debian_versions <package>: that those lists have, the oldest first
    debian_apt apt-cache showsrc "$1" | sed -n 's/^Version: //p' | sort -uV
}
debian_source() {       # debian_source <package or package=version> <directory>: unpacks it there
    rm -rf "$debian_dir/tar" "$2"
    mkdir -p "$debian_dir/tar" "$2" &&
        (cd "$debian_dir/tar" && debian_apt apt-get --download-only --tar-only source "$1") &&
        tar xf "$(find "$debian_dir/tar" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)" -C "$2" --strip-components 1
}
