# browser.sh: a login with a certificate to a page, in browsers. Read by tests/clients/clients.sh.
# SPDX-License-Identifier: 0BSD
# shellcheck shell=sh disable=SC2154
table="$table
chromium        rsa ec  slow
firefox         rsa ec  slow
"

# A display of our own, without a screen. It chooses its number and writes it.
display() {
    serve Xvfb -displayfd 4 -screen 0 1000x800x24 4> number 2> xvfb
    until_true 60 test -s number
    DISPLAY=:$(cat number)
    export DISPLAY
}

# The certificate is chosen by policy, for this page alone; the module stands in the user's NSS database.
client_chromium() {
    policies=/etc/chromium/policies/managed
    mkdir -p "$policies" || skip 'policies go to /etc, for which root is needed'
    display
    mkdir -p .pki/nssdb
    certutil -N -d sql:.pki/nssdb --empty-password
    certutil -A -d sql:.pki/nssdb -n ca -t CT,C,C -i "$pki/ca.pem"
    modutil -force -dbdir sql:.pki/nssdb -add card -libfile "$module"
    s_server 1.3 "$port"
    policy=$policies/scard11-$port.json
    leave=$policy
    printf '{"AutoSelectCertificateForUrls":["{\\"pattern\\":\\"%s\\",\\"filter\\":{\\"ISSUER\\":{\\"CN\\":\\"%s\\"}}}"]}\n' \
        "https://localhost:$port" 'clients authority' > "$policy"
    /usr/bin/python3 "$root/tests/clients/chromium.py" "https://localhost:$port/" "$PIN" \
        "$OUT/clients/$COLUMN/chromium-$card.png" $((port + 1)) "$here/profile" > page
    grep -i 'subject.*CN *= *user' page
    grep '^asked for the PIN' page
    test "$(wc -c < "$OUT/clients/$COLUMN/chromium-$card.png")" -gt 10000
}

# The authority and the module stand in the profile; the certificate is chosen by a setting.
client_firefox() {
    display
    mkdir profile
    certutil -N -d sql:profile --empty-password
    certutil -A -d sql:profile -n ca -t CT,C,C -i "$pki/ca.pem"
    modutil -force -dbdir sql:profile -add card -libfile "$module"
    s_server 1.3 "$port"
    picture=$OUT/clients/$COLUMN/firefox-$card.png
    /usr/bin/python3 "$root/tests/clients/firefox.py" "https://localhost:$port/" "$PIN" "$picture" $((port + 1)) \
        "$here/profile" > page
    grep -i 'subject.*CN *= *user' page
    grep '^asked for the PIN' page
    test "$(wc -c < "$picture")" -gt 10000
}
