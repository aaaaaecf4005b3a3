# hotplug.sh: clients that see a card come and go. Read by tests/clients/clients.sh.
# SPDX-License-Identifier: 0BSD
# shellcheck shell=sh disable=SC2154
table="$table
nss-events      rsa     quick
gsd-pattern     rsa     quick
pkcs11_eventmgr rsa     quick
p11-kit-proxy   rsa     quick
test-hotplug    rsa     quick
"

# Certificate lists at each insertion, from a blocking wait and from polling; cancelled at the end.
client_nss_events() {
    helper nss_events "$(pkg-config --cflags --libs nss)"
    for how in block poll; do
        "$helper" "$module" $how > $how 2>&1 &
        pid=$!
        until_seen '^present 4' $how
        card_out; until_seen '^empty' $how
        card_in; until_seen '^present 4' $how 2
        card_out; until_seen '^empty' $how 2
        card_in; until_seen '^present 4' $how 3
        wait $pid
        cat $how
        grep -q '^cancelled' $how
    done
}

# gnome-settings-daemon's smart card service: one thread waits, others ask, C_Finalize ends the wait.
gsd() {             # gsd <module> [poll]
    helper gsd -lpthread
    as_user "$helper" "$@" > seen 2>&1 &
    pid=$!
    for n in 1 2 3; do
        until_seen '^present' seen $n
        card_out; until_seen '^empty' seen $n
        card_in
    done
    until_seen '^present' seen 4
    wait $pid
    cat seen
}
client_gsd_pattern() { gsd "$module"; }

client_pkcs11_eventmgr() {
    cat > conf <<EOF
pkcs11_eventmgr { daemon = false; debug = true; polling_time = 1; expire_time = 0; pkcs11_module = $module;
    event card_insert { on_error = ignore; action = "sh -c 'echo in >> $here/events'"; }
    event card_remove { on_error = ignore; action = "sh -c 'echo out >> $here/events'"; }
    event expire_time { on_error = ignore; action = ""; } }
EOF
    serve pkcs11_eventmgr nodaemon config_file="$here/conf" > said 2>&1
    # It does not say when it is ready: so out and in, until it speaks. From then on it may miss nothing.
    for _ in 1 2 3 4 5 6 7 8 9; do
        card_out; until_true 3 seen out events || :
        card_in; until_true 3 seen in events || :
        if seen out events; then break; fi
    done
    for _ in 1 2; do
        n=$(grep -c out events)
        card_out; until_seen out events $((n + 1))
        n=$(grep -c in events)
        card_in; until_seen in events $((n + 1))
    done
}

# Our module in the place of the one that Debian registers.
p11_kit_registry() {
    mkdir -p .config/pkcs11/modules
    echo 'user-config: only' > .config/pkcs11/pkcs11.conf
    printf 'module: %s\n' "$module" > .config/pkcs11/modules/opensc-pkcs11.module
}
# p11-kit reads no user's configuration as root: so it is told that it is somebody else.
as_user() {
    [ "$(id -u)" = 0 ] || { "$@"; return; }
    helper user.so '-shared -fPIC'
    LD_PRELOAD=$helper "$@"
}
client_p11_kit_proxy() {
    p11_kit_registry
    gsd "$(find /usr/lib -name p11-kit-proxy.so | head -n 1)" poll
}

client_test_hotplug() {
    mkfifo keys
    pkcs11-tool --module "$module" --test-hotplug < keys > seen 2>&1 &
    pid=$!
    exec 3> keys
    echo >&3; until_seen 'token label' seen
    card_out; echo >&3; until_seen '(empty)' seen
    card_in; echo >&3; until_seen 'token label' seen 2
    echo x >&3                  # now with C_WaitForSlotEvent
    echo >&3; until_seen 'Calling C_WaitForSlotEvent' seen
    card_out; until_seen '(empty)' seen 2
    echo >&3; until_seen 'Calling C_WaitForSlotEvent' seen 2
    card_in; until_seen 'token label' seen 3
    echo x >&3
    wait $pid
}
