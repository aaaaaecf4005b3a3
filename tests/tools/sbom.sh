#!/bin/sh
# sbom.sh: prints what scard11 consists of, and what it is linked with here, as CycloneDX 1.5 in JSON;
# ./build.sh sbom calls it. The same sources and libraries give the same text: it has no serial number
# and no date. SPDX-License-Identifier: 0BSD
cd "$(dirname "$0")/../.." || exit 1
set -eu
: "${CC:=gcc}" "${READER:=pcsc}" "${CFLAGS:=}"

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1; }
file() {
    printf '{ "type": "file", "name": "%s", "hashes": [ { "alg": "SHA-256", "content": "%s" } ] }' "$1" "$(sha256 "$1")"
}
# found <header> <macro>: the version that the header tells, a string; nothing where there is no such header.
found() {
    printf '#include <%s>\nfound_here %s\n' "$1" "$2" |
        $CC $CFLAGS -I/usr/include/PCSC -I/usr/local/include/PCSC -E -P - 2>/dev/null |
        tr '\n' ' ' | sed -n 's/.*found_here *"\([^"]*\)" *$/\1/p'
}
library() {     # library <name> <version>: one more that scard11 is linked with
    all="$all $1"
    printf '%s\n    { "type": "library", "bom-ref": "%s", "name": "%s"%s }' "$comma" "$1" "$1" \
        "${2:+, \"version\": \"$2\"}"
    comma=,
}
libraries() {
    comma='' all=''
    alone=$(found psa/crypto.h TF_PSA_CRYPTO_VERSION_STRING)        # mbedTLS 4 contains it
    mbedtls=$(found mbedtls/version.h MBEDTLS_VERSION_STRING)
    if [ -n "$alone" ] && [ -z "$mbedtls" ]; then library tf-psa-crypto "$alone"; else library mbedtls "$mbedtls"; fi
    case $READER.$(uname) in
        custom.* | *.Darwin) ;;         # macOS' own
        *) library pcsc-lite "$(found pcsclite.h PCSCLITE_VERSION_NUMBER)" ;;
    esac
    case " $CFLAGS " in *' -DSCARD11_ZLIB=0 '*) ;; *) library zlib "$(found zlib.h ZLIB_VERSION)" ;; esac
}
dependencies() {
    quoted=$(for name in $all; do printf '"%s" ' "$name"; done)
    printf '    { "ref": "scard11", "dependsOn": [ %s ] }' "$(echo $quoted | sed 's/ /, /g')"
    for name in $all; do printf ',\n    { "ref": "%s" }' "$name"; done
}

version=$(sed -n 's/^#define SCARD11_VERSION_[A-Z]* //p' scard11.h | paste -s -d . -)
cat <<END
{
  "bomFormat": "CycloneDX",
  "specVersion": "1.5",
  "version": 1,
  "metadata": {
    "component": {
      "type": "library", "bom-ref": "scard11", "name": "scard11", "version": "$version",
      "description": "PKCS#11 for smart cards",
      "licenses": [ { "license": { "id": "0BSD" } } ],
      "components": [
        $(file scard11.h),
        $(file scard11.c)
      ]
    }
  },
  "components": [$(libraries)
  ],
  "dependencies": [
$(libraries > /dev/null; dependencies)
  ]
}
END
