// scenarios_at_rest.h: for scenarios.c: what happens while the library rests with a card that it
// remembers, and what it leaves on a card. SPDX-License-Identifier: 0BSD

// ---- 43: another card, while nothing is open ----

// How the first card comes to rest.
enum rest { REST_CLOSED, REST_LOGGED_OUT, REST_ALL_CLOSED, RESTS };

// How the other one comes in.
enum change {
    CHANGE_UNPLUGGED,               // with the reader, which counts from where it did before
    CHANGE_STUCK,                   // a swap, where the count stays 0
    CHANGE_UNCOUNTED,               // a swap, where there is no count
    CHANGE_SERVICE,                 // while the service was stopped
    CHANGES
};

static const char *const rest_names[RESTS] = { "closed", "logged out", "all closed" };
static const char *const change_names[CHANGES] = { "reader unplugged", "count stuck at 0", "no count",
                                                   "service restarted" };

static void come_to_rest(enum rest how, CK_SESSION_HANDLE session)
{
    if (how == REST_CLOSED) CHECK_RV(C_CloseSession(session), CKR_OK);
    if (how == REST_LOGGED_OUT) CHECK_RV(C_Logout(session), CKR_OK);
    if (how == REST_ALL_CLOSED) CHECK_RV(C_CloseAllSessions(slot_of(0)), CKR_OK);
}

static void count_as(enum change how)
{
#if WORLD != WORLD_PCSCD
    if (how == CHANGE_STUCK) sim_reader_counts(0, SIM_COUNTS_ZERO);
    if (how == CHANGE_UNCOUNTED) sim_reader_counts(0, SIM_COUNTS_NOT);
    if (how == CHANGE_UNPLUGGED || how == CHANGE_SERVICE) sim_reader_counts(0, SIM_COUNTS);
    if (how == CHANGE_UNPLUGGED || how == CHANGE_SERVICE) sim_reader_set_count(0, 1);
#else
    (void)how;
#endif
}

// Nobody looks meanwhile.
static void change_cards(enum change how)
{
    switch (how) {
#if WORLD != WORLD_PCSCD
    case CHANGE_UNPLUGGED:
        world_unplug(0);
        sim_reader_eject(0);
        sim_reader_insert(0, card_b);
        world_plug(0);
        sim_reader_set_count(0, 1);
        break;
    case CHANGE_SERVICE:
        world_service(false);
        sim_reader_eject(0);
        sim_reader_insert(0, card_b);
        sim_reader_set_count(0, 1);
        world_service(true);
        break;
#else
    case CHANGE_SERVICE:
        world_service(false);
        world_replace(0, card_b);
        world_service(true);
        break;
#endif
    default: world_swap(0, card_b);
    }
}

// Which of the two is it, by all that the library says of it from memory or asks it for?
static void check_it_is_the_second(const CK_TOKEN_INFO *first)
{
    static CK_BYTE value[4000];
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
    size_t n;
    const uint8_t *der = sim_piv_certificate(SIM_RSA2048B, &n);
    if (test_failing) return;
    CK_RV rv = C_GetTokenInfo(slot_of(0), &info);
    if (rv != CKR_DEVICE_REMOVED && STRICT) CHECK_RV(rv, CKR_OK);
    CHECK_RV(C_GetTokenInfo(slot_of(0), &info), CKR_OK);
    CHECK(memcmp(info.serialNumber, first->serialNumber, sizeof info.serialNumber));
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, key, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == n && !memcmp(value, der, n));
    CHECK_EQ(sim_piv_verifies(card_b), 0);
    CHECK_RV(use_session(session, SIM_RSA2048B, &key), CKR_OK);
    CHECK_EQ(sim_piv_verifies(card_b), 1);
    CHECK_RV(C_CloseSession(session), CKR_OK);
}

static void swap_at_rest(enum rest rest, enum change change)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_TOKEN_INFO first;
    CK_SLOT_ID id = 4711;
    CK_ULONG n = 0;
    (void)n;
    begin();
    world_insert(0, card_a);
    count_as(change);
    CHECK_RV(C_GetTokenInfo(slot_of(0), &first), CKR_OK);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    drain();
    come_to_rest(rest, session);
    if (test_failing) return;
    unsigned signatures = sim_piv_signatures(card_a);
    change_cards(change);
    if (!STRICT) (void)C_GetSlotList(CK_FALSE, NULL, &n);
    if (rest == REST_LOGGED_OUT) check_dead(session, key);
    check_it_is_the_second(&first);
    if (test_failing) return;
    CHECK_EQ(sim_piv_signatures(card_a), signatures);
    if (STRICT) CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    if (STRICT) CHECK_EQ(id, slot_of(0));
    end();
}

TEST(another_card_at_rest_is_another_card)
{
    bool failed = false;
    for (enum rest rest = 0; rest < RESTS; rest++)
        for (enum change change = 0; change < CHANGES; change++) {
            if (WORLD == WORLD_PCSCD && change != CHANGE_SERVICE) continue;
            test_failing = false;
            swap_at_rest(rest, change);
            if (test_failing) printf("    %s, %s\n", rest_names[rest], change_names[change]);
            failed = failed || test_failing;
        }
    test_failing = failed;
}

// ---- 44: what stays on a card ----

enum end { END_LOGOUT, END_CLOSE, END_CLOSE_ALL, END_FINALIZE, END_DROPPED, ENDS };
static const char *const end_names[ENDS] = { "C_Logout", "last close", "C_CloseAllSessions",
                                             "C_Finalize", "a card that was dropped" };

// The card asks for the PIN again: soon, as pcscd has the card reset by another thread.
static bool asks_again(struct sim_card *card)
{
    for (int i = 0; i < 500 && card->verified(card); i++) usleep(WORLD == WORLD_PCSCD ? 1000 : 1);
    return !card->verified(card);
}

static void end_login(enum end how, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    if (how == END_LOGOUT) CHECK_RV(C_Logout(session), CKR_OK);
    if (how == END_CLOSE) CHECK_RV(C_CloseSession(session), CKR_OK);
    if (how == END_CLOSE_ALL) CHECK_RV(C_CloseAllSessions(slot_of(0)), CKR_OK);
    if (how == END_FINALIZE) CHECK_RV(C_Finalize(NULL), CKR_OK);
#if WORLD != WORLD_PCSCD
    if (how != END_DROPPED) return;
    sim_reader_fault(SIM_FAILED, 1, NULL);
    CHECK(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n) != CKR_OK);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
#else
    (void)key; (void)sig; (void)n;
#endif
}

static void login_ends(enum end how, bool keeps_login, unsigned sw_logout)
{
    struct sim_piv_options o = { .extended = true, .discovery = SIM_APPLICATION_PIN, .yubikey = !STRICT,
                                 .keeps_login = keeps_login, .sw_logout = sw_logout };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    begin_with(&o);
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
#if WORLD == WORLD_PCSCD
    world_connect(0, SCARD_SHARE_SHARED);       // so that pcscd keeps the card powered
#endif
    CHECK(card_a->verified(card_a));
    end_login(how, session, key);
    if (test_failing) return;
    CHECK(asks_again(card_a));
#if WORLD == WORLD_PCSCD
    SCardDisconnect(world_other, SCARD_LEAVE_CARD);
#endif
    end();
}

TEST(after_every_end_of_a_login_the_card_asks_for_the_pin)
{
    static const unsigned words[] = { 0, 0x6a86, 0x6d00 };
    bool failed = false;
    for (unsigned i = 0; i < 6; i++)
        for (enum end how = 0; how < ENDS; how++) {
            if (WORLD == WORLD_PCSCD && how == END_DROPPED) continue;
            test_failing = false;
            login_ends(how, i % 2, words[i / 2]);
            if (test_failing) printf("    %s, SELECT %s the login, VERIFY FF says %04x\n",
                                     end_names[how], i % 2 ? "keeps" : "ends", words[i / 2]);
            failed = failed || test_failing;
        }
    test_failing = failed;
}

#if WORLD == WORLD_PCSCD
// ---- 47: another process looks ----

static int look_as_another_process(void)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_ID list[8];
    CK_TOKEN_INFO info;
    CK_ULONG n = 8;
    if (C_Initialize(NULL) || C_GetSlotList(CK_TRUE, list, &n) || !n) return 1;
    if (C_GetTokenInfo(list[0], &info) || open_on(list[0], &session)) return 2;
    if (scene_count(session, NULL, 0, &n) || n < 4) return 3;
    return C_Finalize(NULL) ? 4 : 0;
}

TEST(a_look_of_another_process_ends_no_login)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    begin();
    world_insert(0, card_a);
    USE(slot_of(0), SIM_RSA2048A, &session, &key);
    for (int i = 0; i < 3; i++) {
        CK_ULONG n = sizeof sig;
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            alarm(20);
            _exit(look_as_another_process());
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
    }
    CHECK_EQ(sim_piv_verifies(card_a), 1);
    end();
}
#else
// ---- 50: a card with two tokens ----

static CK_FLAGS known_as[4];            // what C_GetSlotInfo said at a slot's last event

// Takes all events: each is of a change, and says what is.
static void take_events(void)
{
    CK_SLOT_ID id;
    while (!C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL)) {
        CHECK(id < 4);
        CHECK(flags_of(id) != known_as[id]);
        known_as[id] = flags_of(id);
    }
}

TEST(each_slot_of_a_card_with_two_tokens_has_its_events)
{
    struct sim_card *two = sim_generic_new(&(struct sim_generic_options){ .two_pins = true });
    CK_SLOT_ID list[8];
    CK_ULONG n;
    begin();
    drain();
    memset(known_as, 0, sizeof known_as);
    for (int i = 0; i < 6 && !test_failing; i++) {
        world_insert(0, two);
        take_events();
        n = 8;
        CHECK_RV(C_GetSlotList(CK_TRUE, list, &n), CKR_OK);     // which tokens there are
        CHECK_EQ(n, 2);
        take_events();
        if (test_failing) break;
        CHECK_EQ(known_as[0], CKF_TOKEN_PRESENT);
        CHECK_EQ(known_as[1], CKF_TOKEN_PRESENT);
        if (i % 2) { world_unplug(0); world_plug(0); }
        world_eject(0);
        take_events();
        if (test_failing) break;
        CHECK_EQ(known_as[0], 0);
        CHECK_EQ(known_as[1], 0);
    }
    end();
    two->free(two);
}

// A wait that returns for no reason is no event.
TEST(a_wait_that_ends_for_nothing_tells_nothing)
{
    struct waiter w;
    begin();
    drain();
    sim_reader_wait_early(true);
    wait_begin(&w, false);
    usleep(20000);
    CHECK_EQ(__atomic_load_n(&w.events, __ATOMIC_ACQUIRE), 0);
    world_insert(0, card_a);
    CHECK(wait_events(&w, 1));
    sim_reader_wait_early(false);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.events, 1);
    end();
}

// ---- 51: a transmit on a card just pulled comes back with no bytes ----

TEST(no_bytes_from_a_card_just_pulled_is_a_removal)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE sig[256];
    for (int late = 0; late < 2 && !test_failing; late++) {
        begin();
        world_insert(0, card_a);
        for (int i = 0; i < 4; i++) {
            CK_ULONG n = sizeof sig;
            USE(slot_of(0), SIM_RSA2048A, &session, &key);
            sim_reader_late(0, late);
            sim_reader_empty(0, true);
            world_eject(0);
            CK_RV rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n);
            CHECK(is_refused(rv));
            sim_reader_empty(0, false);
            sim_reader_poll(0);
            sim_reader_late(0, false);
            check_dead(session, key);
            world_insert(0, card_a);
        }
        end();
    }
}
#endif

static void run_rest(void)
{
    RUN(another_card_at_rest_is_another_card);
    RUN(after_every_end_of_a_login_the_card_asks_for_the_pin);
#if WORLD == WORLD_PCSCD
    RUN(a_look_of_another_process_ends_no_login);
#else
    RUN(each_slot_of_a_card_with_two_tokens_has_its_events);
    RUN(a_wait_that_ends_for_nothing_tells_nothing);
    RUN(no_bytes_from_a_card_just_pulled_is_a_removal);
#endif
}
