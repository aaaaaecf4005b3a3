// session.c: >>session's tables and searches over a card without a driver.
// SPDX-License-Identifier: 0BSD

TEST(session_handles_name_reader_and_entry)
{
    CK_SESSION_HANDLE h[40], old;
    card_begin(1 << 20);
    u32 last = SCARD11_READERS_MAX - 1;
    for (u32 i = 0; i < 40; i++) {
        CHECK_ST(session_open(&card_it, i % 2 ? last : 0, card_t, i % 3 ? 0 : CKF_RW_SESSION,
                              &h[i]), ST_OK);
        CHECK_EQ(session_reader_of(h[i]), i % 2 ? last : 0);
        CHECK(session_find(&card_it, h[i]) == session_at(&card_it, i));
        for (u32 j = 0; j < i; j++) CHECK(h[j] != h[i]);
    }
    CHECK_EQ(card_t->session_count, 40);
    CHECK_EQ(card_t->rw_count, 14);
    old = h[5];
    session_at(&card_it, 5)->handle = 0;                // closed
    CHECK(!session_find(&card_it, old));
    CHECK_ST(session_open(&card_it, 0, card_t, 0, &h[5]), ST_OK);
    CHECK(session_find(&card_it, h[5]) == session_at(&card_it, 5) && h[5] != old);
    CHECK(!session_find(&card_it, old) && !session_find(&card_it, 0));
    CHECK(!session_find(&card_it, handle_make(old >> HANDLE_INDEX_BITS, HANDLE_INDEX_MASK)));
    arena_free(&card_it.arena);
}

TEST(session_table_is_bounded)
{
    CK_SESSION_HANDLE h;
    u32 n = 0;
    st s = ST_OK;
    card_begin(8 << 20);
    while (!s && n <= SESSION_MAX) {
        s = session_open(&card_it, SCARD11_READERS_MAX - 1, card_t, 0, &h);
        n += !s;
    }
    CHECK_ST(s, ST_SESSION_COUNT);
    CHECK_EQ(n, SESSION_MAX);
    arena_free(&card_it.arena);
}

TEST(session_finds_over_the_ends_of_pieces)
{
    static const struct driver none = { .name = "none" };
    static CK_OBJECT_HANDLE all[700], got[700];
    CK_SESSION_HANDLE h;
    for (CK_ULONG step = 1; step <= 700; step += step < 3 ? 1 : step < 252 ? 249 : 112) {
        CK_ULONG n = 0, sum = 0, dropped = 3;
        card_begin(2 << 20);
        struct reader r = { .card = &card_it };
        card_t->driver = &none;
        for (u32 i = 0; i < 700; i++)
            all[i] = card_add(&card_it, card_t, CKO_DATA, card_it.epoch)->handle;
        CHECK_ST(session_open(&card_it, 0, card_t, 0, &h), ST_OK);
        struct session *se = session_find(&card_it, h);
        CHECK_ST(session_found(&card_it, se, got, 10, &n), ST_OP_NONE);
        CHECK_ST(session_search(&r, se, NULL, 0, padding_scratch()), ST_OK);
        CHECK_ST(session_search(&r, se, NULL, 0, padding_scratch()), ST_OP_ACTIVE);
        CHECK(se->found.n == 700 * sizeof *all && se->found.first != se->found.last);
        card_drop(&card_it, card_object_at(&card_it, 100));     // gone while the search runs
        card_drop(&card_it, card_object_at(&card_it, 252));
        card_drop(&card_it, card_object_at(&card_it, 699));
        CHECK(card_add(&card_it, card_t, CKO_DATA, handle_new_epoch()));    // came too late
        for (;;) {
            CK_ULONG most = 700 - sum < step ? 700 - sum : step;
            CHECK_ST(session_found(&card_it, se, got + sum, most, &n), ST_OK);
            if (!n) break;
            sum += n;
        }
        CHECK_EQ(sum, 700 - dropped);
        for (u32 i = 0, j = 0; i < 700; i++)
            if (i != 100 && i != 252 && i != 699) CHECK(got[j++] == all[i]);
        CHECK_ST(session_found(&card_it, se, got, 0, &n), ST_OK);
        session_end_search(&card_it, se);
        CHECK(!se->found.first && card_it.arena.pieces);
        CHECK_ST(session_found(&card_it, se, got, 1, &n), ST_OP_NONE);
        arena_free(&card_it.arena);
    }
}

// Where CK_ULONG has 32 bits epochs begin again after a million: what is older has the higher ones.
TEST(session_finds_what_is_older_than_the_wrap_of_epochs)
{
    static const struct driver none = { .name = "none" };
    u64 before = handle_last_epoch;
    CK_OBJECT_HANDLE got[3];
    CK_SESSION_HANDLE h;
    CK_ULONG n = 0;
    handle_last_epoch = HANDLE_EPOCH_MAX - 2;
    card_begin(1 << 20);
    struct reader r = { .card = &card_it };
    card_t->driver = &none;
    CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    CHECK(card_add(&card_it, card_t, CKO_DATA, handle_new_epoch()));
    CHECK_ST(session_open(&card_it, 0, card_t, 0, &h), ST_OK);
    struct session *se = session_find(&card_it, h);
    CHECK_ST(session_search(&r, se, NULL, 0, padding_scratch()), ST_OK);
    CHECK(card_add(&card_it, card_t, CKO_DATA, handle_new_epoch()));    // came too late
    CHECK_ST(session_found(&card_it, se, got, 3, &n), ST_OK);
    CHECK_EQ(n, 2);
    arena_free(&card_it.arena);
    handle_last_epoch = before;
}

TEST(session_search_that_fails_leaves_nothing)
{
    static const struct driver none = { .name = "none" };
    CK_SESSION_HANDLE h;
    CK_ATTRIBUTE bad = { CKA_LABEL, NULL, 5 };
    card_begin(1 << 20);
    struct reader r = { .card = &card_it };
    card_t->driver = &none;
    CHECK_ST(session_open(&card_it, 0, card_t, 0, &h), ST_OK);
    struct session *se = session_find(&card_it, h);
    CHECK_ST(session_search(&r, se, &bad, 1, padding_scratch()), ST_ARGS);
    CHECK(!se->searching && !se->found.first);
    for (u32 i = 0; i < 600; i++) CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    while (arena_piece(&card_it.arena)) {}              // the card's memory is used up
    CHECK_ST(session_search(&r, se, NULL, 0, padding_scratch()), ST_ARENA_FULL);
    CHECK(!se->searching && !se->found.first && !se->found.n);
    arena_free(&card_it.arena);
}

TEST(session_states)
{
    struct token t = { .login = false };
    struct session s = { .token = &t };
    CHECK_EQ(session_state(&s), CKS_RO_PUBLIC_SESSION);
    s.flags = CKF_RW_SESSION;
    CHECK_EQ(session_state(&s), CKS_RW_PUBLIC_SESSION);
    t.login = true;
    CHECK_EQ(session_state(&s), CKS_RW_USER_FUNCTIONS);
    s.flags = 0;
    CHECK_EQ(session_state(&s), CKS_RO_USER_FUNCTIONS);
}

static void test_session(void)
{
    RUN(session_handles_name_reader_and_entry);
    RUN(session_table_is_bounded);
    RUN(session_finds_over_the_ends_of_pieces);
    RUN(session_finds_what_is_older_than_the_wrap_of_epochs);
    RUN(session_search_that_fails_leaves_nothing);
    RUN(session_states);
}
