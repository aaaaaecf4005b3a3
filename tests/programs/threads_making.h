// threads_making.h: for threads.c: a card makes a key, which takes as long as a case says: other
// readers, polling and waits go on meanwhile, and C_Finalize behaves as scard11.h says.
// SPDX-License-Identifier: 0BSD

#define MAKING_ID 5         // 82

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t (*apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);
    bool making, may_end, over;
    CK_RV rv;
    CK_SESSION_HANDLE session;
} making = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

// GENERATE ASYMMETRIC KEY PAIR does not end before it may.
static size_t making_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                          size_t room)
{
    if (cmd[1] == 0x47) {
        pthread_mutex_lock(&making.lock);
        making.making = true;
        pthread_cond_broadcast(&making.changed);
        while (!making.may_end) pthread_cond_wait(&making.changed, &making.lock);
        making.making = false;
        pthread_mutex_unlock(&making.lock);
    }
    return making.apdu(card, cmd, n, rsp, room);
}

static void *making_run(void *arg)
{
    static const CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_BYTE id = MAKING_ID;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE a[] = { { CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256 },
                         { CKA_ID, &id, 1 }, { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE public_key, private_key;
    (void)arg;
    making.rv = C_GenerateKeyPair(making.session, &m, a, 3, &a[1], 2, &public_key, &private_key);
    pthread_mutex_lock(&making.lock);
    making.over = true;
    pthread_cond_broadcast(&making.changed);
    pthread_mutex_unlock(&making.lock);
    return NULL;
}

// The card of the first reader is at it when this returns, for a thread that is t.
static void making_begin(pthread_t *t)
{
    static const char key[] = "010203040506070801020304050607080102030405060708";
    begin();
    if (test_failing) return;
    making.apdu = cards[0]->apdu;
    cards[0]->apdu = making_apdu;
    making.may_end = making.over = false;
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &making.session),
             CKR_OK);
    CHECK_RV(C_Login(making.session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)key, 48), CKR_OK);
    CHECK(!pthread_create(t, NULL, making_run, NULL));
    pthread_mutex_lock(&making.lock);
    while (!making.making && !making.over) pthread_cond_wait(&making.changed, &making.lock);
    pthread_mutex_unlock(&making.lock);
    CHECK(!making.over);
}

static bool making_goes_on(void)
{
    pthread_mutex_lock(&making.lock);
    bool is = making.making;
    pthread_mutex_unlock(&making.lock);
    return is;
}

static void making_may_end(void)
{
    pthread_mutex_lock(&making.lock);
    making.may_end = true;
    pthread_cond_broadcast(&making.changed);
    pthread_mutex_unlock(&making.lock);
}

static void *making_end_soon(void *arg)
{
    (void)arg;
    usleep(100000);
    making_may_end();
    return NULL;
}

static bool making_is_there(void)
{
    return sim_piv_origin(cards[0], 0x82) == SIM_GENERATED;
}

static void *making_look(void *arg)
{
    CK_SESSION_INFO info;
    *(CK_RV *)arg = C_GetSessionInfo(making.session, &info);
    return NULL;
}

TEST(a_card_that_makes_a_key_holds_nobody_else)
{
    pthread_t t, waiter, same;
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;
    CK_ULONG n = 0;
    CK_RV seen = CKR_GENERAL_ERROR;
    making_begin(&t);
    if (test_failing) return;
    CHECK(!pthread_create(&same, NULL, making_look, &seen));    // of the same reader: it waits
    CHECK(!pthread_create(&waiter, NULL, wait_once, (void *)0));
    CHECK(sim_reader_await_waiting(1, 3000));
    for (int i = 0; i < 5; i++) {
        live(2);
        CHECK_RV(C_GetSlotInfo(0, &info), CKR_OK);
        CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
        CHECK_RV(C_GetTokenInfo(2, &token), CKR_OK);
    }
    CHECK_EQ(done, 5);
    CHECK(notices(false) == 1 && !notices(true));               // it takes long
    sim_reader_eject(1);
    pthread_join(waiter, NULL);
    CHECK_RV(waited[0], CKR_OK);
    sim_reader_insert(1, cards[1]);
    CHECK(making_goes_on());
    making_may_end();
    pthread_join(t, NULL);
    pthread_join(same, NULL);
    CHECK_RV(seen, CKR_OK);
    CHECK_RV(making.rv, CKR_OK);
    CHECK(making_is_there());
    CHECK(notices(false) == 1 && notices(true) == 1);
    end();
}

// The key is done in time: C_Finalize waits for it, and the SO is out.
TEST(finalize_waits_for_a_key_that_is_soon_made)
{
    pthread_t t, ender;
    making_begin(&t);
    if (test_failing) return;
    CHECK(!pthread_create(&ender, NULL, making_end_soon, NULL));
    CHECK_RV(down(), CKR_OK);
    CHECK(!making_goes_on() && !sim_piv_admin(cards[0]));
    pthread_join(ender, NULL);
    pthread_join(t, NULL);
    CHECK(making.rv == CKR_OK || making.rv == CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK(making_is_there());
    end();
}

// It takes longer: C_Finalize returns, the library begins anew on the other reader, and the card is
// itself again, without the SO, when it is done.
TEST(finalize_does_not_wait_for_a_key_that_takes_long)
{
    pthread_t t;
    making_begin(&t);
    if (test_failing) return;
    judge_other_login(true);                    // that card keeps its login until the command ends
    unsigned long before = now_ms();
    CHECK_RV(down(), CKR_FUNCTION_FAILED);
    CHECK(now_ms() - before < SCARD11_FINALIZE_MS + 1000);
    CHECK(making_goes_on());
    CHECK_RV(up(NULL), CKR_OK);
    live(2);
    CHECK_EQ(done, 1);
    making_may_end();
    pthread_join(t, NULL);
    judge_other_login(false);
    CHECK(!sim_piv_admin(cards[0]) && making_is_there());
    done = 0;
    live(0);
    live(2);
    CHECK_EQ(done, 2);
    end();
}

// Another thread ends the login, or all sessions, while the key is made: that waits for it. Then the key is
// there, the SO is out, on the card, too, and what the first thread had is nothing any more.
static CK_RV making_ended;

static void *making_log_out(void *arg)
{
    (void)arg;
    making_ended = C_Logout(making.session);
    return NULL;
}

static void *making_close_all(void *arg)
{
    (void)arg;
    making_ended = C_CloseAllSessions(0);
    return NULL;
}

TEST(the_login_ends_while_a_key_is_made)
{
    for (int all = 0; all < 2; all++) {
        pthread_t t, ender;
        CK_SESSION_INFO info;
        making_begin(&t);
        if (test_failing) return;
        making_ended = CKR_GENERAL_ERROR;
        CHECK(!pthread_create(&ender, NULL, all ? making_close_all : making_log_out, NULL));
        usleep(20000);
        CHECK(making_goes_on());
        making_may_end();
        pthread_join(ender, NULL);
        pthread_join(t, NULL);
        CHECK_RV(making.rv, CKR_OK);
        CHECK_RV(making_ended, CKR_OK);
        CHECK(making_is_there() && !sim_piv_admin(cards[0]));
        CHECK_RV(C_GetSessionInfo(making.session, &info), all ? CKR_SESSION_HANDLE_INVALID : CKR_OK);
        live(0);
        CHECK_EQ(done, 1);
        end();
    }
}

// The card is pulled while it makes the key, and put in again: the call ends with that, and nothing of the
// old login holds.
TEST(a_card_is_pulled_while_it_makes_a_key)
{
    pthread_t t, ender;
    CK_SESSION_INFO info;
    making_begin(&t);
    if (test_failing) return;
    CHECK(!pthread_create(&ender, NULL, making_end_soon, NULL));
    sim_reader_eject(0);                        // a simulated card ends its command first
    pthread_join(ender, NULL);
    pthread_join(t, NULL);
    CHECK(making.rv == CKR_DEVICE_REMOVED || making.rv == CKR_OK);
    sim_reader_insert(0, cards[0]);
    usleep(30000);                              // what is known answers for 20 ms
    CHECK(!sim_piv_admin(cards[0]));
    CHECK_RV(C_GetSessionInfo(making.session, &info), CKR_SESSION_HANDLE_INVALID);
    live(0);
    CHECK_EQ(done, 1);
    end();
}
