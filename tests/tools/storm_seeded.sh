#!/bin/sh
# storm_seeded.sh: can the storm find anything? One fault at a time is put into a copy of scard11.c;
# each must be found, by the figure that is there for it. ./build.sh storm seeded runs it.
# SPDX-License-Identifier: 0BSD
#
# Needs what build.sh made of the simulated cards ($1: their objects); $2: flags of the compiler. FIT=1
# only asks whether each change has its place in scard11.c (structure.sh does).
cd "$(dirname "$0")/../.." || exit 1
objects=${1:-} flags=${2:-} out=${OUT:-build}/seeded
mkdir -p "$out"
passed=0 failed=0 seconds=5
export ASAN_OPTIONS="detect_leaks=1:${ASAN_OPTIONS:-}"

# seeded <name> <what it must say> <sed>
seeded() {
    name=$1 say=$2; shift 2
    case " ${ONLY:-$name} " in *" $name "*) ;; *) return ;; esac
    for part; do                        # each is "-e" and a change
        [ "$part" != -e ] || continue
        sed "$part" scard11.c | cmp -s scard11.c - || continue
        failed=$((failed + 1)); echo "FAILED: $name: nothing to change: $part"; return
    done
    [ -z "${FIT:-}" ] || { passed=$((passed + 1)); return; }
    sed "$@" scard11.c > "$out/scard11.c"
    if ! $CC -std=c99 -w $flags -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1 -DSLOT_REST_MS=20 tests/programs/storm.c \
        "$out/scard11.c" $objects -lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto -o "$out/$name"; then
        failed=$((failed + 1)); echo "$name: does not compile"; return
    fi
    for seed in 1 2 3 4 5 6; do
        timeout -k 5 120 "$out/$name" seconds $seconds seed $seed > "$out/$name.txt" 2>&1 && continue
        grep -q "$say" "$out/$name.txt" || continue
        passed=$((passed + 1))
        echo "$name: found, seed $seed: $(grep -m 1 "$say" "$out/$name.txt" | cut -c 1-80)"
        return
    done
    failed=$((failed + 1))
    echo "$name: NOT found"
    tail -n 20 "$out/$name.txt"
}

bad() { echo "^ *[1-9][0-9]* $1"; }

# in_ <function> <what> <by what>: a sed that changes this in that function alone
in_() { echo "/^[A-Za-z].*[ *]$1(/,/^}/s/$2/$3/"; }

seeded epoch_of_sessions "$(bad 'old handles honoured')" \
    -e "$(in_ session_find 'session->handle == handle' 'session->handle')"
seeded epoch_of_objects "$(bad 'old handles honoured')\|$(bad 'data or signatures')" \
    -e "$(in_ card_find_hidden 'object->handle == handle' 'object->handle')"
seeded look "$(bad 'old handles honoured')\|$(bad 'wrong states')" \
    -e "$(in_ life_look 'bool fresh = .*' 'bool fresh = true;')" -e "$(in_ life_look_at_table 'reader->changes != card->changes' 'false')"
seeded free_without_lock 'ERROR: AddressSanitizer' \
    -e "/^static void slot_change(/,/^}/s/    reader->changes++;/    reader->changes++; if (reader->card) { struct arena a = reader->card->arena; reader->card = NULL; while (a.blocks) { struct arena_block *b = a.blocks; a.blocks = b->next; SCARD11_FREE(b, b->size); } }/"
seconds=30         # few cards are replaced so by one that nothing else tells from it
seeded resumed_on_another_card "$(bad 'data or signatures')\|$(bad 'PINs that')\|$(bad 'old handles')" \
    -e "$(in_ same_shown 'return (state.*' 'return true;')"
seconds=5
seeded destroyed_is_shown "$(bad 'objects shown')" \
    -e "$(in_ pivadmin_erase_certificate 'card_drop(card, object);' '')" \
    -e "$(in_ pivadmin_erase_certificate 'pivadmin_set_certificate(.*' '')"
seconds=10
seeded certificate_of_another_key "$(bad 'objects shown')" \
    -e "$(in_ p15store_begin 'TRY(p15store_uncertified.*' '')"
seeded key_reference_taken_twice "$(bad 'objects shown')" \
    -e "$(in_ p15store_reference 'if (key.reference < 64) .*' '')"
seconds=5
seeded rest_unproven "$(bad 'data or signatures')\|$(bad 'PINs that')\|$(bad 'old handles')" \
    -e "$(in_ same_prove 'if (!card->unproven) return ST_OK;' 'card->unproven = false; return ST_OK;')"
seeded rest_connection_kept_blindly "$(bad 'data or signatures')\|$(bad 'PINs that')\|$(bad 'old handles')" \
    -e "$(in_ life_take_up 'if (!same_witness(card)) return ST_NOT_FOUND;' '')" \
    -e "$(in_ same_witness 'return .*' 'return NULL;')"
seeded login_left_at_rest "$(bad 'PINs left verified')" \
    -e "$(in_ life_rest 'life_log_out_all(reader);' '')" \
    -e "$(in_ session_close 'return .*' 'return ST_OK;')"
seeded logged_out_here_alone "$(bad 'PINs left verified')" \
    -e "$(in_ life_log_out 'st s = life_end_all_verified.*' 'st s = ST_OK;')"
seconds=20
seeded lost_context_is_nothing "$(bad 'events missed')" \
    -e "$(in_ slot_look_all '^        slot_note_gone(NULL);' '')"
seconds=5
seeded event_swallowed "$(bad 'events missed')" \
    -e "/^static st p11_slot_list(/,/^}/s/    slot_look_all();/    slot_look_all(); for (u32 i = 0; i < SCARD11_READERS_MAX; i++) slot_readers[i].pending = 0;/"
seeded event_unseen "$(bad 'events missed')\|$(bad 'wrong states')" \
    -e "$(in_ slot_change 'if (slot_watching)' 'if (slot_watching \&\& reader->listed \&\& reader->state \& SCARD11_READER_PRESENT)')"
seeded cancel_never 'did not end' \
    -e "$(in_ gate_wait_until_empty 'if (waiter->context) scard11_reader_cancel(waiter->context);' ';')" \
    -e 's/^#define GATE_WAIT_MS .*/#define GATE_WAIT_MS 100000/'
seeded late "events are late" \
    -e "$(in_ gate_wait_once 'u32 sleep = ' 'u32 sleep = !code ? 20 : ')"
seeded present_for_ever "$(bad 'wrong states')" \
    -e "$(in_ slot_has_token 'return ' 'return reader->changes > 1 || ')"
seeded arena_kept 'LeakSanitizer' \
    -e "$(in_ slot_empty 'arena_free(&everything);' '(void)everything;')"
seeded context_kept "$(bad 'misuse of the reader')\|more than 128 contexts" \
    -e "$(in_ gate_stop_waiter 'if (context) scard11_reader_stop(context);' '(void)context;')"
seeded lock_not_held "$(bad 'unexpected')\|Sanitizer\|wrong use" \
    -e "$(in_ slot_wait 'os_acquire(&reader->lock);' 'reader->lock.held = true;')" -e "$(in_ slot_leave 'os_release(&reader->lock);' '')"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
