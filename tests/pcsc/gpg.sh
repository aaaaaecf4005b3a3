# gpg.sh: what witness.sh and beside_gpg.sh share: GnuPG with the simulated OpenPGP card. Read after lab.sh.
# SPDX-License-Identifier: 0BSD
#
# Its PINs come from a pinentry of ours: PW3, or what is in $dir/pin.
gpg_begin() {       # gpg_begin [pcsc-shared]: GnuPG with a home of its own, its scdaemon behind pcscd
    export GNUPGHOME="$dir/gpg"
    mkdir -m 700 "$GNUPGHOME"
    printf 'disable-ccid\n%s\n' "${1:-}" > "$GNUPGHOME/scdaemon.conf"
    echo 123456 > "$dir/pin"
    printf 'no-greeting\nno-tty\nyes\nquiet\n' > "$GNUPGHOME/gpg.conf"
    printf 'pinentry-program %s\nenable-ssh-support\n' "$dir/pinentry" > "$GNUPGHOME/gpg-agent.conf"
    { echo '#!/bin/sh'; echo 'echo OK; while read -r line; do case $line in SETDESC*|SETPROMPT*) all="$all$line" ;;'
        echo "GETPIN) case \$all in *Admin*) echo D 12345678 ;; *) echo D \$(cat $dir/pin) ;; esac ;;"
        echo 'CONFIRM*) echo ERR 83886179 canceled; continue ;;'       # there is no other card to insert
        echo 'BYE) exit ;; esac; echo OK; done'; } > "$dir/pinentry"
    chmod +x "$dir/pinentry"
    printf 'witnessed' > "$dir/text"
}
gpg_edit() {        # gpg_edit <line...>: what is typed at gpg --card-edit
    printf '%s\n' admin "$@" quit | timeout 100 gpg --command-fd 0 --expert --card-edit
}
gpg_says() { timeout 100 gpg --card-status > "$dir/status" 2>&1 && grep -q "$1" "$dir/status"; }
gpg_generate() {    # three keys on the card, and a user
    try 'gpg generates keys' gpg_edit generate n 0 'Card Holder' card@example.org ''
    try 'three of them' sh -c "[ \$(gpg --with-colons -K | grep -c '^s[es][cb]:.*:D2760001') = 3 ]"
}
gpg_uses() {        # signs, decrypts, authenticates
    rm -f "$dir"/text.*
    try 'gpg signs' timeout 100 gpg -o "$dir/text.gpg" --detach-sign "$dir/text"
    try 'and finds it good' gpg --verify "$dir/text.gpg" "$dir/text"
    try 'gpg encrypts' gpg --trust-model always -r card@example.org -o "$dir/text.enc" -e "$dir/text"
    try 'and decrypts' sh -c "timeout 100 gpg -d $dir/text.enc | cmp - $dir/text"
    SSH_AUTH_SOCK=$(gpgconf --list-dirs agent-ssh-socket)
    export SSH_AUTH_SOCK
    try 'ssh-add -L' sh -c "ssh-add -L | grep cardno > $dir/ssh.pub && sed 's/^/holder /' $dir/ssh.pub > $dir/allowed"
    try 'ssh-keygen signs' timeout 100 ssh-keygen -Y sign -f "$dir/ssh.pub" -n file "$dir/text"
    try 'and finds it good' sh -c "ssh-keygen -Y verify -f $dir/allowed -I holder -n file -s $dir/text.sig < $dir/text"
}
gpg_end() { gpgconf --kill all; }
