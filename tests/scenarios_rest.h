// scenarios_rest.h: for scenarios.c: what readers do that is nothing, and what is nothing that means
// something. SPDX-License-Identifier: 0BSD

#if WORLD != WORLD_PCSCD
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
            USE(0, SIM_RSA2048A, &session, &key);
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
#if WORLD != WORLD_PCSCD
    RUN(a_wait_that_ends_for_nothing_tells_nothing);
    RUN(no_bytes_from_a_card_just_pulled_is_a_removal);
#endif
}
