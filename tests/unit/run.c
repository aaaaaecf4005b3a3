// run.c: >>run, over the token of place.c. The work is a command 00CA; turns are counted.
// SPDX-License-Identifier: 0BSD

#define RUN_WORK "00ca0000 > "

static struct reader run_reader;

static void run_test_begin(const char *const *lines)
{
    same_begin(lines);
    if (test_failing) return;
    CHECK_ST(link_status(&card_it.link, &card_it.state), ST_OK);
    card_it.unproven = false;
    link_end(&card_it.link);
    run_reader = (struct reader){ .card = &card_it, .scratch = padding_scratch() };
    CHECK_ST(os_lock_make(&run_reader.lock, NULL), ST_OK);
    os_acquire(&run_reader.lock);
}

static void run_test_end(void)
{
    os_release(&run_reader.lock);
    CHECK(!card_it.link.offline);
    card_script_over();
}

static struct run run_of(void)
{
    return (struct run){ .reader = &run_reader, .token = card_t };
}

static st run_work(void)
{
    u8 none[4];
    struct buf rsp = buf_on(none, sizeof none);
    return link_exchange(&card_it.link, &(struct apdu){ .ins = 0xca }, &rsp);
}

TEST(run_does_the_work_once_in_a_transaction)
{
    static const char *const lines[] = { RUN_WORK "9000", RUN_WORK "6a80", NULL };
    run_test_begin(lines);
    if (test_failing) return;
    for (st want = ST_OK; want != 0x6a80; want = 0x6a80) {
        struct run run = run_of();
        unsigned turns = 0;
        card_it.sure = true;
        while (run_next(&run)) {
            CHECK(card_it.link.open && !card_it.sure && !turns++);
            run.s = run_work();
        }
        CHECK_ST(run.s, want);
        CHECK(turns == 1 && !card_it.link.open);
    }
    struct run run = run_of();
    while (run_next(&run)) run.s = run_work();
    CHECK_ST(run.s, 0x6a80);                            // an answer is not begun again
    run.step = RUN_NEW;
    card_it.link.dead = true;                           // it was removed
    while (run_next(&run)) CHECK(false);
    CHECK_ST(run.s, ST_CARD_REMOVED);
    run_test_end();
}

// A reset by another program is seen when the transaction begins, or by the work.
TEST(run_begins_again_after_a_reset)
{
    static const char *const lines[] = {
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000", RUN_WORK "9000",
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000", RUN_WORK "9000", NULL };
    run_test_begin(lines);
    if (test_failing) return;
    for (unsigned before = 0; before < 2; before++) {
        struct run run = run_of();
        unsigned turns = 0;
        if (before) sim_reader_reset(0);
        while (run_next(&run)) {
            CHECK(!card_it.unproven && card_it.link.open);
            if (!turns++ && !before) sim_reader_reset(0);
            run.s = run_work();
        }
        CHECK_ST(run.s, ST_OK);
        CHECK(turns == 2 - before && !card_it.link.open);
    }
    run_test_end();
}

// What writes, or needs a login, is not begun again; nor is anything twice.
TEST(run_does_not_begin_again_what_must_not_be)
{
    static const char *const lines[] = {
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000",
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000",
        PLACE_SELECT "9000", PLACE_MARK "01020304 9000", NULL };
    static const struct { bool write, login; unsigned turns; st want; } cases[] = {
        { true, false, 1, ST_NOT_LOGGED_IN }, { false, true, 1, ST_NOT_LOGGED_IN },
        { false, false, 2, ST_READER } };
    run_test_begin(lines);
    if (test_failing) return;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run run = run_of();
        unsigned turns = 0;
        run.write = cases[i].write;
        run.login = card_t->login = cases[i].login;
        while (run_next(&run)) {
            turns++;
            sim_reader_reset(0);
            run.s = run_work();
        }
        CHECK_ST(run.s, cases[i].want);
        CHECK(turns == cases[i].turns && !card_t->login && !card_it.link.open);
    }
    run_test_end();
}

// The first turn is without the card: nothing is sent, and nobody is kept off.
TEST(run_tries_what_may_be_known_without_the_card)
{
    static const char *const lines[] = { RUN_WORK "9000", NULL };
    run_test_begin(lines);
    if (test_failing) return;
    for (unsigned known = 0; known < 2; known++) {
        struct run run = run_of();
        unsigned turns = 0;
        run.known = true;
        while (run_next(&run)) {
            CHECK_EQ(card_it.link.open, turns++);
            run.s = known ? ST_NOT_FOUND : run_work();
        }
        CHECK_ST(run.s, known ? ST_NOT_FOUND : ST_OK);
        CHECK_EQ(turns, 2 - known);
    }
    run_test_end();
}

// A context login keeps its transaction open for its session's work; another's ends it, but not if
// the card need not be asked.
TEST(run_leaves_a_transaction_open_for_whom_it_is)
{
    static const char *const lines[] = { RUN_WORK "9000", RUN_WORK "9000", RUN_WORK "9000", NULL };
    struct session mine = { .handle = 1 };
    run_test_begin(lines);
    if (test_failing) return;
    struct run run = run_of();
    run.keep = &mine;
    run.leave_open = run.write = true;
    while (run_next(&run)) run.s = run_work();
    CHECK(!run.s && card_it.link.open);
    card_it.open_op = &mine;
    card_it.sure = true;
    run = run_of();
    run.known = true;                                   // somebody else asks for what is known
    while (run_next(&run)) run.s = ST_OK;
    CHECK(card_it.open_op == &mine && card_it.link.open && card_it.sure);
    run = run_of();
    run.keep = &mine;
    while (run_next(&run)) {
        CHECK(card_it.sure);                            // nobody came between
        run.s = run_work();
    }
    CHECK(!run.s && !card_it.open_op && !card_it.link.open);
    CHECK_ST(link_begin(&card_it.link), ST_OK);
    card_it.open_op = &mine;
    run = run_of();
    while (run_next(&run)) {
        CHECK(!card_it.open_op && !card_it.sure);       // ended, and one of its own begun
        run.s = run_work();
    }
    CHECK(!run.s && !card_it.link.open);
    run_test_end();
}

// The card wants a login that we believed in: another program ended it.
TEST(run_notes_a_login_that_is_gone)
{
    static const char *const lines[] = { NULL };
    run_test_begin(lines);
    if (test_failing) return;
    for (unsigned keep = 0; keep < 2; keep++) {
        struct session mine = { .handle = 1 };
        struct run run = run_of();
        run.login = card_t->login = true;
        run.keep = keep ? &mine : NULL;                 // a key's own PIN, not the user's login
        while (run_next(&run)) run.s = ST_NOT_LOGGED_IN;
        CHECK_ST(run.s, ST_NOT_LOGGED_IN);
        CHECK_EQ(card_t->login, keep);
    }
    struct run run = run_of();
    card_t->login = false;
    run.login = true;
    while (run_next(&run)) CHECK(false);                // there is none: the card is not asked
    CHECK_ST(run.s, ST_NOT_LOGGED_IN);
    run_test_end();
}

static void test_run(void)
{
    RUN(run_does_the_work_once_in_a_transaction);
    RUN(run_begins_again_after_a_reset);
    RUN(run_does_not_begin_again_what_must_not_be);
    RUN(run_tries_what_may_be_known_without_the_card);
    RUN(run_leaves_a_transaction_open_for_whom_it_is);
    RUN(run_notes_a_login_that_is_gone);
}
