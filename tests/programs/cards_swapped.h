// cards_swapped.h: for cards.c: another card of the same kind is in, and nothing that PC/SC tells shows it.
// SPDX-License-Identifier: 0BSD
//
// pcsc-lite counts from 0 again when a reader is plugged in, so a card that came meanwhile bears the
// count of the one before. What was remembered of that one is never answered, and nothing meant for
// it is sent.

static unsigned rest_stray;             // secrets that came to the second card

static void rest_count(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                       size_t rsp_n)
{
    bool secret = cmd[1] == 0x20 || cmd[1] == 0x24 || cmd[1] == 0x2c;
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (secret && n > 5) rest_stray++;
}

static void rest_begin(struct sim_card *second)
{
    begin(1);
    cards[1] = second;
    memcpy(slots[1], slots[0], sizeof slots[1]);
}

static void rest_end(void)
{
    C_Finalize(NULL);
    sim_reader_eject(0);
    cards[1]->free(cards[1]);
    cards[1] = NULL;
    scene_end();
}

static void replace_under_the_same_count(void)
{
    sim_reader_unplug(0);
    sim_reader_eject(0);
    sim_reader_insert(0, cards[1]);
    sim_reader_plug(0);
    sim_reader_set_count(0, 1);
}

static void rest_check(unsigned card)
{
    CHECK_RV(open_token(card, 0, true), CKR_OK);
    for (unsigned i = 0; i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        if (!on_token(k, 0)) continue;
        check_object(card, k);
        if (k->use & CARDS_SIGN) check_sign(card, k);
    }
}

// The last session closed; or C_Logout, and then closed.
static void swapped_at_rest(bool log_out)
{
    rest_begin(kind->make(1));
    if (test_failing) return;
    rest_check(0);
    if (test_failing) return;
    if (log_out) CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK_RV(C_CloseAllSessions(slots[0][0]), CKR_OK);
    replace_under_the_same_count();
    rest_check(1);
    rest_end();
}

TEST(cards_swapped_at_rest)
{
    for (int log_out = 0; log_out < 2 && !test_failing; log_out++) swapped_at_rest(log_out);
}

// A card that was only looked at stays connected for a while: its own connection shows the swap, to
// who waits for events as well.
TEST(cards_swapped_after_a_look)
{
    CK_TOKEN_INFO token;
    CK_SLOT_ID id;
    rest_begin(kind->make(1));
    if (test_failing) return;
    CHECK_RV(C_GetTokenInfo(slots[0][0], &token), CKR_OK);
    while (!C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL)) { }
    replace_under_the_same_count();
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_EQ(id, slots[0][0]);
    rest_check(1);
    rest_end();
}

// The old connection sees a reset, as pcsc-lite's may, and leads to the second card: that is found
// out before a PIN goes there, or anything is answered.
static void swap_as_a_reset(bool counted)
{
    sim_reader_trace(rest_count, NULL);
    rest_stray = 0;
    sim_reader_swap_as_reset(0, cards[1]);
    if (!counted) sim_reader_set_count(0, 1);
    nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
    CK_RV rv = scene_count(sessions[0], NULL, 0, &(CK_ULONG){ 0 });
    CHECK(rv == CKR_OK || rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    rv = login(kind->tokens[0].pin);            // at the latest now the card is asked
    CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(rest_stray, 0);
    sim_reader_trace(NULL, NULL);
    rest_check(1);
}

// Under a login. What tells the first one from it was learnt when it was let go.
static void swapped_as_a_reset(bool counted)
{
    rest_check(0);
    if (test_failing) return;
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    rest_check(0);
    if (!test_failing) swap_as_a_reset(counted);
}

TEST(cards_swapped_as_a_reset)
{
    rest_begin(kind->make(1));
    if (!test_failing) swapped_as_a_reset(false);
    rest_end();
}

// The same in the first session, once a certificate was read.
TEST(cards_swapped_as_a_reset_before_any_rest)
{
    rest_begin(kind->make(1));
    if (test_failing) return;
    rest_check(0);
    if (!test_failing) swap_as_a_reset(false);
    rest_end();
}

// And before: of some eIDs nothing was read then that another card of the kind has not. The count
// and the ATR decide, and what the session is answered from then on is the second card's.
TEST(cards_swapped_as_a_reset_before_anything)
{
    rest_begin(kind->make(1));
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    sim_reader_swap_as_reset(0, cards[1]);
    sim_reader_set_count(0, 1);
    nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
    CK_RV rv = login(kind->tokens[0].pin);
    CHECK(rv == CKR_OK || rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    if (rv) rest_check(1);
    for (unsigned i = 0; !rv && i < CARDS_KEYS; i++) {
        const struct cards_key *k = &kind->keys[i];
        if (!on_token(k, 0)) continue;
        sessions[1] = sessions[0];
        check_object(1, k);
        if (k->use & CARDS_SIGN) check_sign(1, k);
    }
    rest_end();
}

// A PIN that was kept goes to the card it was kept for, or to none.
TEST(cards_keep_a_pin_for_one_card)
{
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    rest_begin(kind->make(1));
    if (!test_failing) CHECK_RV(open_token(0, 0, true), CKR_OK);
    sim_reader_trace(rest_count, NULL);
    rest_stray = 0;
    sim_reader_swap_as_reset(0, cards[1]);
    sim_reader_set_count(0, 1);
    nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
    CK_RV rv = scene_count(sessions[0], NULL, 0, &(CK_ULONG){ 0 });
    CHECK(rv == CKR_OK || rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(rest_stray, 0);
    CHECK(!cards[1]->verified || !cards[1]->verified(cards[1]));
    sim_reader_trace(NULL, NULL);
    rest_end();
    scard11_configure("SCARD11_PIN_CACHE", "0");
}

// A count that is stuck at 0 says nothing: not even memory answers for the second card.
static void swapped_where_the_count_is_stuck(void)
{
    CK_ULONG n;
    sim_reader_counts(0, SIM_COUNTS_ZERO);
    rest_check(0);
    if (test_failing) return;
    CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
    sim_reader_trace(rest_count, NULL);
    rest_stray = 0;
    sim_reader_swap_as_reset(0, cards[1]);
    nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
    CK_RV rv = scene_count(sessions[0], NULL, 0, &n);
    CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(login(kind->tokens[0].pin), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(rest_stray, 0);
    sim_reader_trace(NULL, NULL);
    rest_check(1);
}

TEST(cards_swapped_where_the_count_is_stuck)
{
    rest_begin(kind->make(1));
    if (!test_failing) swapped_where_the_count_is_stuck();
    rest_end();
}

// ---- Cards that nothing tells apart but what PC/SC says of them ----

static struct sim_card *rest_nameless(bool second)
{
    static const struct sim_p15 d = { .serial = (const uint8_t *)"", .serial_len = 0 };
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .p15 = &d });
}

// At rest such a card is begun anew. Taken up after a reset, the count and the ATR decide.
TEST(cards_without_a_name_swapped)
{
    const struct cards_kind *before = kind;
    struct cards_kind own = *kind;
    own.make = rest_nameless;
    kind = &own;
    for (int log_out = 0; log_out < 2 && !test_failing; log_out++) swapped_at_rest(log_out);
    if (!test_failing) {
        rest_begin(kind->make(1));
        if (!test_failing) swapped_as_a_reset(true);
        rest_end();
    }
    if (!test_failing) {
        rest_begin(kind->make(1));
        if (!test_failing) swapped_where_the_count_is_stuck();
        rest_end();
    }
    kind = before;
}

// The same count, and another ATR.
TEST(cards_of_two_kinds_swapped)
{
    const struct cards_kind *before = kind;
    struct cards_kind own = *kind;
    own.make = rest_nameless;
    kind = &own;
    rest_begin(sim_piv_new(&(struct sim_piv_options){ .extended = true,
                                                      .discovery = SIM_APPLICATION_PIN }));
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    sim_reader_trace(rest_count, NULL);
    rest_stray = 0;
    sim_reader_swap_as_reset(0, cards[1]);
    sim_reader_set_count(0, 1);
    nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
    CK_RV rv = login(kind->tokens[0].pin);
    CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(rest_stray, 0);
    sim_reader_trace(NULL, NULL);
    rest_end();
    kind = before;
}

// ---- Resets of our own ----

enum ending { ENDS_LOGOUT, ENDS_CLOSE, ENDS_FINALIZE, ENDINGS };

static CK_RV end_login(enum ending how)
{
    return how == ENDS_LOGOUT ? C_Logout(sessions[0])
         : how == ENDS_CLOSE ? C_CloseSession(sessions[0]) : C_Finalize(NULL);
}

// A card from the beginning, with a login; the other one is as it was made.
static void login_again(void)
{
    CK_SLOT_ID all[4];
    CK_ULONG count = 4;
    C_Finalize(NULL);
    sim_reader_clear();
    for (int i = 0; i < 2; i++) cards[i]->reset(cards[i]);
    sim_reader_insert(sim_reader_add(SCENE_READER), cards[0]);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_TRUE, all, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count && i < 2; i++) slots[0][i] = all[i];
    CHECK_RV(open_token(0, 0, true), CKR_OK);
}

// Every use of the connection fails once while a login is ended: the reset that ends it, too. Then
// the card is given up, and asks for the PIN all the same.
TEST(cards_logouts_that_fail)
{
    rest_begin(kind->make(1));
    for (enum ending how = 0; how < ENDINGS && !test_failing; how++)
        for (unsigned n = 1, fired = 1; fired && !test_failing; n++) {
            login_again();
            if (test_failing) break;
            sim_reader_fault_any(SIM_FAILED, n, NULL);
            end_login(how);
            fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            C_CloseAllSessions(slots[0][0]);
            CHECK(!cards[0]->verified(cards[0]));
            if (test_failing) printf("    ending %d, call %u\n", how, n);
        }
    rest_end();
}

// The card is swapped at every use of the connection while its login is ended. PC/SC may let a
// reset go to the card that is in, and the connection with it: no PIN goes there.
TEST(cards_swapped_during_a_logout)
{
    static const enum sim_fault swaps[] = { SIM_SWAP, SIM_SWAP_AFTER };
    rest_begin(kind->make(1));
    for (int i = 0; i < 2 && !test_failing; i++)
        for (unsigned n = 1, fired = 1; fired && !test_failing; n++) {
            unsigned verifies = cards[1]->verifies;
            login_again();
            if (test_failing) break;
            sim_reader_fault_any(swaps[i], n, cards[1]);
            C_Logout(sessions[0]);
            fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            CK_RV rv = login(kind->tokens[0].pin);
            if (fired) CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_SESSION_HANDLE_INVALID);
            CHECK_EQ(cards[1]->verifies, verifies);
            if (test_failing) printf("    swap %d, call %u: %#lx\n", i, n, rv);
        }
    rest_end();
}

// A card with a login is swapped, and another program uses the one that came: no call of ours that
// finds out resets that one.
TEST(cards_swapped_and_in_use)
{
    rest_begin(kind->make(1));
    for (int call = 0; call < 6 && !test_failing; call++) {
        CK_SESSION_INFO info;
        login_again();
        if (test_failing) break;
        sim_reader_swap(0, cards[1]);
        *cards_pin(cards[1], &kind->tokens[0]).verified = true;
        judge_other_login(true);
        if (call == 0) C_Logout(sessions[0]);
        if (call == 1) C_CloseSession(sessions[0]);
        if (call == 2) C_CloseAllSessions(slots[0][0]);
        if (call == 3) C_GetSessionInfo(sessions[0], &info);
        if (call == 4) { nanosleep(&(struct timespec){ 0, (SCARD11_LOOK_MS + 5) * 1000000 }, NULL);
                         scene_count(sessions[0], NULL, 0, &(CK_ULONG){ 0 }); }
        if (call == 5) C_Finalize(NULL);
        CHECK(cards[1]->verified(cards[1]));
        CHECK_EQ(sim_reader_stats().stray_resets, 0);
        if (test_failing) printf("    call %d\n", call);
    }
    C_Finalize(NULL);
    judge_other_login(false);
    rest_end();
}
