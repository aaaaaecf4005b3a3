#!/bin/sh
# mutants.sh: is each law of scard11.c's opening comment kept by a test? One fault at a time is put
# into a copy of scard11.c, around the function that keeps the law; the program that is named beside
# it must find it. ./build.sh mutants [name...] runs it. SPDX-License-Identifier: 0BSD
#
# Without sanitizers and optimization, so that one takes a few seconds. A change that changes
# nothing, does not compile, or that no test finds is a failure, and so is a test that finds
# something without it. ONLY names mutants; with ALL=1 each program runs whole, and all that found
# it is printed. FIT=1 only asks whether each change has its place in scard11.c (structure.sh does).
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/count.sh
: "${OUT:=build}" "${CC:=gcc}"
out=$OUT/mutants programs='module cards pins piv_cards cached scenarios chips write wiped'
flags='-std=c99 -O0 -w -I. -DSCARD11_READER=SCARD11_READER_CUSTOM -DSCARD11_DEBUG=1 -DSIM_OPENSSL=1'
libs='-lmbedx509 -lmbedcrypto -lz -lpthread -lcrypto'

# What includes scard11.c finds the copy, beside a directory of all the tests.
prepare() {
    rm -rf "$out"
    mkdir -p "$out/o" "$out/tests" || exit 1
    ln -s "$PWD"/tests/*.h "$out/tests"
    for d in unit programs sim pcsc; do
        mkdir "$out/tests/$d"
        ln -s "$PWD/tests/$d"/* "$out/tests/$d"
    done
    ln -s "$PWD/scard11.h" "$out/scard11.h"
    cp scard11.c "$out/scard11.c"
    for f in tests/sim/sim_*.c; do
        case $f in *_test.c) ;; *) compile "$f" || exit 1 ;; esac
    done
    for p in $programs; do compile "tests/programs/$p.c" || exit 1; done
}

compile() { $CC $flags -c "$1" -o "$out/o/$(basename "$1" .c).o"; }
link() { $CC "$out/o/$1.o" $2 "$out"/o/sim_*.o $libs -o "$out/$1"; }

# build <program>: with the copy as it is now.
build() {
    case $1 in
        unit) compile "$out/tests/unit/unit.c" && link unit '' ;;
        written) compile "$out/tests/programs/written.c" && link written '' ;;
        opensc) compile "$out/tests/programs/opensc.c" && $CC $flags -I/usr/include/PCSC -c tests/pcsc/pcsc_stand_in.c \
            -o "$out/o/pcsc_stand_in.o" && link opensc "$out/o/pcsc_stand_in.o -Wl,--export-dynamic-symbol=SCard*" ;;
        unit_4) $CC $flags -DSCARD11_MBEDTLS_MAJOR=4 -DSCARD11_ENTROPY=unit_entropy -c "$out/tests/unit/unit.c" \
            -o "$out/o/unit_4.o" && link unit_4 '' ;;
        *) compile "$out/scard11.c" && link "$1" "$out/o/scard11.o" ;;
    esac
}

# runs <program> [case...]: 0: all passed, 1: something failed.
runs() {
    program=$1; shift
    timeout -k 5 "${LIMIT:-120}" "$out/$program" "$@" > "$out/$program.txt" 2>&1 </dev/null &&
        grep -q '^[1-9][0-9]* passed, 0 failed$' "$out/$program.txt"
}

# What found it: the cases that failed, or how the program ended.
found_by() {
    found=$(sed -n 's/^.*tests\/[a-z_0-9.\/]*\.[ch]:[0-9]*: \([a-z_0-9]*\): .*/\1/p' "$out/$1.txt" | sort -u | tr '\n' ' ')
    echo "${found:-$1 ends: $(tail -n 1 "$out/$1.txt") }"
}

in_() { echo "/^[A-Za-z].*[ *]$1(/,/^}/s/$2/$3/"; }     # a change of that function alone

survived() { failed=$((failed + 1)); echo "FAILED: $name: $1"; }

# mutant <name> <program and cases that must find it> [<function> <what> <by what>]...
mutant() {
    name=$1 by=$2; shift 2
    case " ${ONLY:-$name} " in *" $name "*) ;; *) return ;; esac
    at "$name"
    change=
    while [ $# -gt 0 ]; do
        part=$(in_ "$1" "$2" "$3")
        ! sed "$part" scard11.c | cmp -s scard11.c - || { survived "nothing to change in $1"; return; }
        change="$change$part
"
        shift 3
    done
    [ -z "${FIT:-}" ] || { passed=$((passed + 1)); return; }
    cp scard11.c "$out/scard11.c"
    [ -z "${ALL:-}" ] || by=${by%% *}
    # shellcheck disable=SC2086
    if ! build ${by%% *} || ! runs $by; then
        survived "$by fails without it"; tail -n 5 "$out/${by%% *}.txt"; return
    fi
    sed "$change" scard11.c > "$out/scard11.c"
    if ! build ${by%% *}; then survived 'does not compile'; return; fi
    # shellcheck disable=SC2086
    if runs $by; then survived "not found by $by"; return; fi
    passed=$((passed + 1))
    echo "$name: found by $(found_by "${by%% *}")"
}

[ -n "${FIT:-}" ] || prepare

# a secret goes where it is meant for, seen in this transaction: secret_send
mutant secret_without_going_there 'unit secret' \
    secret_send 'TRY(place_go_to(card, token, place, scratch));' ''
mutant secret_without_asking_whether_it_is_sure 'unit secret_refuses_where_nobody_is_sure' \
    secret_send 'SCARD11_ASSERT.*\|if (!place_is_sure(card, token)) return ST_FAILED;' ''
mutant secret_without_going_there_and_asking 'module another_application_never_gets_the_pin' \
    secret_send 'TRY(place_go_to.*\|SCARD11_ASSERT.*\|if (!place_is_sure(card, token)) return ST_FAILED;' ''
mutant secret_on_any_place 'unit place' \
    place_is_here 'return .*' 'return true;'
mutant sure_without_a_look 'module another_application_never_gets_the_pin' \
    place_be_sure 'if (place_is_sure(card, token)) return ST_OK;' 'return ST_OK;'
mutant sure_after_the_transaction 'module another_application_never_gets_the_pin' \
    run_begin 'place_unsure(card);' ';'
mutant landmark_always_found 'unit place' \
    place_find_landmark 'if (memcmp(.*' ';'

mutant a_select_where_a_look_costs_no_more 'unit place' \
    place_be_sure 'cheap || ' ''
mutant sure_of_another_application 'chips chips_reset_at_each_command' \
    place_is_sure 'place_is_current(card, token)' 'card->current'
mutant sure_after_a_yes_to_another_aid 'unit probe_does_not_know_where_a_yes_led' \
    probe_driver 'place_unsure(card);' ';' \
    probe_driver 'card->link.moves == moves ? was : NULL' 'was'
mutant password_made_as_it_once_was 'cards cards_openpgp_kdf_set_meanwhile' \
    openpgp_learn 'openpgp->kdf_turn == turn' 'openpgp->kdf_turn'

# a card is written by who may, in the application that is meant, and what is known of it follows
mutant proven_wherever_the_card_is 'write write_proves_the_key_where_it_is_meant_for' \
    secret_prove 'TRY(place_go_to.*\|if (!place_is_sure(card, token)) return ST_FAILED;' ''
mutant written_without_the_login 'unit store' \
    store_may 'return may ? ST_OK : ST_NOT_LOGGED_IN;' '(void)may; return ST_OK;'
mutant gone_again_and_again 'written written_what_is_destroyed_is_gone' \
    store_destroy_gone 'token->gone = CK_INVALID_HANDLE;' ''
mutant not_proven_again 'write write_goes_on_after_another_program' \
    login_prove_again 'return s \&\& .*' 'return ST_NOT_LOGGED_IN;'
mutant identity_of_what_was_there_before 'write write_what_shows_the_card' \
    pivadmin_was_put 'if (piv->identity.ref == object) piv->identity.known = false;' ''
mutant a_certificate_of_another_key 'write write_certificates_come_and_go' \
    pivadmin_choose_certificate 'return ST_TEMPLATE_MIXED;' 'return ST_OK;'
mutant made_over_a_certificate 'write write_refuses_what_does_not_go_together' \
    pivadmin_choose_pair 'return ST_ATTR_VALUE;' 'return ST_OK;'
mutant a_card_is_begun_anew_by_anyone 'write write_piv_begins_a_yubikey_anew' \
    pivadmin_prove_owner 'return told.usual .*' 'return ST_OK;'
mutant the_makers_pin_is_tried 'write write_piv_sets_the_first_pin' \
    pivadmin_init_pin 'if (!told.usual .*' ''
mutant a_key_moves_over_another 'write write_piv_moves_keys' \
    pivadmin_check_target 'return left .*' 'return ST_OK;'
mutant a_key_that_was_given_is_local 'write write_piv_keys_say_where_they_are_from' \
    pivkey_access 'made ? always : 0' 'always'
mutant a_retired_key_is_not_told 'write write_piv_key_history' \
    pivadmin_grow_history 'return pivadmin_told_history.*' 'return ST_OK;'
mutant begun_anew_for_anybody 'write write_schsm_begun_anew_by_its_so_alone' \
    schsmadmin_init 'TRY(schsmadmin_prove_so(.*' ''
mutant begun_anew_where_the_so_pin_got_no_answer 'written written_wrong_secrets_of_the_so_count_once' \
    schsmadmin_prove_so 'if (tries >= 0) return secret_verify(.*' ''
mutant a_key_that_no_curve_has 'written written_public_halves_that_are_none' \
    cipher_check_made 'return good ? ST_OK : ST_PROTOCOL;' '(void)good; return ST_OK;'
mutant wrapped_with_another_key_s_certificate 'write write_schsm_wrapped_with_what_is_another_key_s' \
    schsmadmin_check_own 'return ST_WRAPPED;' 'return ST_OK;'
mutant the_so_s_key_is_shown_again_and_again 'write write_gids_administrator_s_key_changed_by_another_program' \
    login_init_pin_by_key 'card_login_lost(token);.*' ''
mutant what_was_left_stays 'write write_schsm_what_was_left' \
    schsmadmin_clean 'TRY(schsmadmin_delete(card, kind, number));' ''
mutant what_a_card_has_is_believed_for_ever 'written written_by_another_program_is_shown_by_the_next_search' \
    card_is_old 'if (os_now_ms() - look->ms < card_believed_ms) ' ''
mutant a_certificate_is_known_by_its_header 'written written_by_another_program_is_shown_by_the_next_search' \
    pivkey_is_shown 'if (!part .*' 'return true;'
mutant a_part_of_a_certificate_is_never_known 'piv_cards piv_a_later_search' \
    pivkey_is_shown 'bytes_equal(now.serial, shown->serial)' 'false'
mutant a_certificate_is_known_with_what_follows_it 'write write_openpgp_deletes_a_certificate' \
    x509_is_known 'usable ? x509.whole' 'usable ? given'
mutant zeros_over_what_has_no_end 'write write_schsm_a_certificate_in_the_place' \
    schsmadmin_replace 'if (longer > .*' ''
mutant listed_before_it_is_whole 'write write_schsm_pair_that_was_never_ended' \
    schsmadmin_make 'bytes first = .*' 'bytes first = object->entry;'
mutant a_pair_with_two_ids 'opensc opensc_reads_what_was_broken_off' \
    p15store_set_id '? p15store_set_pair(' '? p15store_set_key('
mutant what_was_destroyed_keeps_its_memory 'written written_a_thousand_rounds_take_no_more_memory_than_ten' \
    arena_lots_drop 'arena->lots\[size\] = lot;' ''

mutant a_puk_is_kept_before_the_card_is_met 'write write_piv_puk_after_the_management_key' \
    login_meet 'if (card->link.conn .*' 'return ST_OK;'
mutant a_call_leaves_its_scratch 'wiped wiped_keys_that_a_card_was_given' \
    slot_wipe_scratch 'mem_wipe(.*' ''
mutant a_new_key_of_the_so_elsewhere 'wiped wiped_pins' \
    pivadmin_set_key 'struct buf data = .*' 'static u8 room[64]; struct buf data = buf_on(room, sizeof room);'
mutant a_first_pin_of_the_so_elsewhere 'wiped wiped_what_a_card_is_begun_with' \
    schsmadmin_begin_anew 'struct buf data = .*' 'static u8 room[64]; struct buf data = buf_on(room, sizeof room);'

# the use of one application ends the logins to others on the chip: place_seen
mutant two_applications_logged_in 'chips chips_end_a_login_when_the_other_application_is_used' \
    place_seen 'place_end_others(card, token);' ''
mutant turned_to_without_a_select 'chips chips_change_by_one_select' \
    run_turn_to 'return .*' 'card->current = token; return ST_OK;'
mutant a_kept_pin_is_lost_on_a_turn 'chips chips_with_a_kept_pin_sign_in_turn' \
    card_login_left 'if (card_pin(token)->kept_len) token->stale = true;' ';' card_login_left 'else  *card' 'card'
mutant left_verified 'chips chips_that_keep_logins_are_logged_out_of_all' \
    life_end_all_verified 'TRY(life_end_if_free(reader, token));' ''
mutant a_logout_costs_another_login 'chips chips_let_the_so_of_one_log_out_beside_the_user_of_the_other' \
    life_would_cost 'return true;' 'return false;'
mutant known_by_the_last_application_alone 'chips chips_are_known_by_either_application' \
    same_witness 'if (same_is_known(\&card->tokens\[i\])) return .*' ';'

# the first look ends nobody's login: probe_card
mutant selects_before_it_looks 'chips chips_in_use_are_looked_at_without_ending_a_login' \
    probe_card 'if (s == ST_NOT_MINE \&\& card->shared) .*' ''
mutant searches_a_card_in_use 'chips chips_in_use_are_looked_at_without_ending_a_login' \
    probe_card 'card->more = was_selected.*' 'card->more = false;'
mutant never_searches_again 'chips chips_in_use_are_looked_at_without_ending_a_login' \
    life_card_again 'if (!s) life_find_more(reader, false);' ''
mutant searches_again_too_early 'chips chips_in_use_are_looked_at_without_ending_a_login' \
    life_find_more '(card->shared \&\& !wanted) || ' ''
mutant asks_for_an_aid_twice 'chips chips_have_a_slot_for_each_application' \
    probe_ask 'if (was_asked .*' ';'

# what is remembered of a card is used for that card only: same_prove
mutant never_proved 'cards cards_swapped_at_rest' \
    same_prove 'if (!card->unproven) return ST_OK;' 'card->unproven = false; return ST_OK;'
mutant proved_without_a_mark 'cards cards_swapped_at_rest' \
    same_prove 'if (s) return ST_CARD_REMOVED;' ''
mutant certificate_of_any_card 'cards cards_swapped_as_a_reset_before_any_rest' \
    p15object_mark_certificate 'p15->mark.unique = true;' 'p15->mark.unique = false;'
mutant begun_unproven 'cards cards_swapped_as_a_reset' \
    run_begin 'if (card->unproven) TRY(same_prove.*\|SCARD11_ASSERT(!card->unproven);' '' \
    secret_send '!card->unproven \&\& ' ''
mutant taken_up_unproven 'cards cards_swapped_at_rest' \
    life_take_up 'if (!s) s = same_prove_now(.*' ''
mutant taken_up_without_an_identity 'cards cards_without_a_name_swapped' \
    life_take_up 'if (!same_witness(card)) return ST_NOT_FOUND;' ''
mutant connected_again_without_comparing 'cards cards_without_a_name_swapped' \
    same_connect_again 'return .*' 'return ST_OK;' \
    same_connect_unproven 'TRY(same_status(card));' 'st s = same_status(card); if (s \&\& s != ST_CARD_REMOVED) return s;'
mutant connected_again_whatever_the_count 'cards cards_without_a_name_swapped' \
    same_connect_unproven 'TRY(same_status(card));' 'st s = same_status(card); if (s \&\& s != ST_CARD_REMOVED) return s;'
mutant connected_again_whatever_the_atr 'cards cards_of_two_kinds_swapped' \
    same_connect_again 'return .*' 'return ST_OK;'
mutant reset_where_nothing_counts 'module where_the_backend_does_not_count_a_reset_is_a_removal' \
    same_resume ' || !(card->state \& SCARD11_READER_COUNTED)' ''
mutant a_count_of_0_tells 'cards cards_without_a_name_swapped' \
    same_resume 'if (!same_count_tells(card) .*' ''
mutant memory_answers_unproven 'cards cards_swapped_where_the_count_is_stuck' \
    life_look_at_connection 'if (!s \&\& card->unproven .*' ''
mutant a_swap_at_rest_is_not_noted 'cards cards_swapped_after_a_look' \
    slot_mind_rest 'slot_note_swap(reader);' ';'

# a lost context is a removal of every card, with its event: slot_look_all
mutant a_lost_context_is_nothing 'module a_context_that_was_lost_is_a_removal' \
    slot_look_all '^        slot_note_gone(NULL);' ''

# after the end of a login the card itself asks for the PIN again: life_log_out
mutant logout_of_the_library_alone 'module logout_is_real_and_renews_private_handles' \
    life_log_out 'st s = life_end_all_verified(reader, token);' 'st s = ST_OK;'
mutant no_reset_where_logout_failed 'cards cards_pins cards_logout_of_one' \
    life_end_verified 'return card_verified(token) ? .*' 'return ST_OK;'
mutant logout_counts_as_done 'scenarios after_every_end_of_a_login_the_card_asks_for_the_pin' \
    secret_end_one 'if (!s) pin->verified = false;' 'pin->verified = false;'
mutant finalize_leaves_logins 'scenarios after_every_end_of_a_login_the_card_asks_for_the_pin' \
    gate_finalize 'life_log_out_everywhere();' '' slot_empty 'reset || slot_verified(reader->card)' 'reset'
mutant finalize_logs_out_by_a_reset 'module finalize_logs_out_without_a_reset' \
    gate_finalize 'life_log_out_everywhere();' ''
mutant the_last_close_leaves_logins 'scenarios after_every_end_of_a_login_the_card_asks_for_the_pin' \
    life_rest 'life_log_out_all(reader);' '' session_close 'return life_log_out(reader, token);' 'return ST_OK;'
mutant dropped_with_its_login 'module a_card_that_is_dropped_forgets_its_login' \
    slot_empty ' || slot_verified(reader->card)' '' link_disconnect 'reset || link->broken' 'reset'
mutant a_reset_that_failed_is_one 'cards cards_logouts_that_fail' \
    life_reset 'return ST_CARD_REMOVED;' '{ card_logins_reset(card); return ST_CARD_REMOVED; }' \
    link_reset 'link->broken = true;' ';'
mutant a_reset_of_whoever_is_in 'cards cards_swapped_during_a_logout' \
    life_reset 'same_connect_again(card, true)' 'link_reset(\&card->link)'
mutant a_swapped_card_is_reset 'cards cards_swapped_and_in_use' \
    life_note_left 'card_forget_verified(.*' ';'
mutant verified_is_not_noted 'module logout_is_real_and_renews_private_handles' \
    secret_verify 'if (!s) pin->verified = true;' ''
mutant half_a_login_stays 'chips chips_that_err_at_each_command' \
    login_failed 'if (!was_verified.*' ''

# what is made on trust is checked; what cannot be is not sent on trust: trial_next
mutant trial_unchecked 'unit trial' \
    trial_check 'enum trial_verdict verdict = .*' 'enum trial_verdict verdict = TRIAL_GOOD;'
mutant trial_second_attempt_unchecked 'unit trial' \
    trial_check '\&\& !trial->again' ''
mutant trial_trusts_what_it_cannot_check 'unit trial' \
    trial_begin 'bool trusted = .*' 'bool trusted = true;'
mutant trial_takes_what_it_cannot_tell 'unit trial' \
    trial_check 'verdict == TRIAL_WRONG || unknown' 'verdict == TRIAL_WRONG'
mutant trial_of_rsa_by_its_name 'unit trial' \
    trial_needs_no_check ' \&\& trial->object->key->type != ALG_RSA' ''
mutant trial_for_certain_without_going_there 'unit trial' \
    trial_again 'trial->s = place_go_to(.*' 'trial->s = ST_OK;'
mutant certain_of_another_key 'chips chips_whose_keys_another_program_swaps' \
    openpgpkey_set_key 'trial->again || unchecked' 'trial->again'

# an object is shown under the token whose credential opens it, or not: p15token_of
mutant the_first_token_takes_all 'cards cards_do_not_show_a_key_whose_pin_is_lost' \
    p15token_of 'return NULL;' 'return first;'
mutant whose_pin_is_not_asked 'unit p15token' \
    p15token_of 'if (!auth_id.n || !p15->pins) return first;' 'return first;'

# a PIN's state is asked for only where that costs nothing: secret_read_tries
mutant tries_are_asked_of_everyone 'unit secret' \
    secret_read_tries '!pin->ask || ' ''
mutant tries_are_asked_in_a_login 'unit secret' \
    secret_read_tries 'token->login || ' ''
mutant login_is_asked_of_everyone 'unit place' \
    place_ask_login ' || !pin->ask' ''

# what an earlier process read is believed of the card that it is of, as long as it is so: >>cache
mutant kept_of_a_card_that_is_not_known 'unit cache' \
    cache_name_card ' || !known' ''
mutant kept_whatever_the_card_counts 'cached cached_a_card_that_counts' \
    cache_name 'buf_put(\&b, count);' ''
mutant kept_and_not_forgotten_by_who_writes 'cached cached_who_writes' \
    store_run 'cache_forget(.*' ''
mutant kept_and_believed_after_a_change 'cached cached_a_search_that_asks' \
    pivkey_look 'cache_forget(.*' ''
mutant kept_key_that_is_not_checked 'cached cached_a_signature_by_another_key' \
    trial_needs_no_check ' || trial->card->recalled' ''
mutant kept_what_a_login_shows 'cached cached_what_a_login_shows' \
    p15dir_read_value '!place_has_login(card, token) \&\& ' ''
mutant kept_and_damaged 'unit cache' \
    cache_is_whole 'return !memcmp.*' 'return true;'
mutant kept_under_another_name 'cached cached_what_was_damaged' \
    cache_digest 'buf_put(\&b, item);' ''
mutant kept_by_a_childs_parent 'cached cached_a_child' \
    cache_is_on ' \&\& owner == os_pid()' '' cache_abandon 'cache_want(NULL)' '(void)0' cache_abandon 'cache_close();' ''

# what is random is random in every process: random_bytes
mutant random_of_one_source 'unit_4 random' \
    random_bytes 'random_stir(out, n)' 'ST_OK'
mutant random_of_the_system_alone 'unit_4 random' \
    random_bytes 'n ? psa_generate_random(out, n) : PSA_SUCCESS' 'PSA_SUCCESS; memset(out, 0, n)'
mutant random_that_failed 'unit_4 random' \
    random_bytes 'if (s \&\& n) mem_wipe(out, n);' 's = ST_OK;'

# the log is called between C_Initialize and C_Finalize only: os_log
mutant log_after_finalize 'module the_log_is_between_initialize_and_finalize' \
    gate_finalize 'os_log_close()' 'true'
mutant log_of_a_child 'module a_forked_child_does_not_log_for_its_parent' \
    os_log_is_on 'owner == os_pid()' 'true'
mutant log_that_asks_nobody 'module the_log_is_between_initialize_and_finalize' \
    os_log_is_on 'return .*' 'return true;' os_log_enter 'bool open = .*' 'bool open = true;'
mutant log_of_the_parent_in_a_child 'unit os' \
    os_log_abandon 'if (os_load(.*' ''

# what the application is told to have begun is over, once, by C_Finalize: notice_over
mutant notice_left_open 'pins a_card_that_takes_long_is_told' \
    slot_leave 'notice_over(.*' ''
mutant notice_over_twice 'unit notice' \
    notice_over 'notice->reason = 0;' ''
mutant notice_of_a_call_that_hangs 'unit notice' \
    notice_end 'bool due = .*' 'bool due = false;'
mutant notice_of_an_old_call 'unit notice' \
    notice_is_mine 'return .*' 'return os_load(\&notice_gate.owner);'
mutant notice_two_at_once 'unit notice' \
    notice_begin 'notice_over(.*' '' notice_start ' \&\& !notice->reason' ''
mutant notice_of_the_key_in_use 'pins a_card_that_takes_long_is_told' \
    notice_use 'notice->uses = key' 'notice->key = key'
mutant notice_after_finalize 'pins the_making_of_a_key_is_told' \
    gate_finalize 'notice_close()' 'true'
mutant notice_of_a_child 'unit notice' \
    notice_is_on 'owner == os_pid()' 'true'
mutant notice_of_the_parent_in_a_child 'unit notice' \
    notice_abandon 'if (os_load(.*' ''
mutant tries_asked_in_a_login 'cards cards_tries' \
    login_tries 'if (!life_has_login(.*)) TRY' 'TRY'

# a list from a card has a cap, in memory and in work
mutant algorithms_without_end 'unit p15alg' \
    p15alg_named 'n < P15ALG_MAX \&\& ' ''
mutant algorithms_named_each_time 'unit p15alg' \
    p15alg_named 'if (named->known) return named->mask;' ''
mutant algorithms_beyond_the_mask 'unit p15alg' \
    p15alg_parse 'out->n < P15ALG_MAX' 'out->n < 2 * P15ALG_MAX'
mutant reads_without_end 'unit link' \
    link_count_read 'link->reads++ < LINK_READS_MAX' 'true'

sum_up
