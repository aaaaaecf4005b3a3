// notice.c: >>notice. What is told with cards and threads is in pins.c.
// SPDX-License-Identifier: 0BSD

static char notice_said[200];       // "slot key reason begins;" for each

static void notice_hear(void *context, unsigned long slot, unsigned long key, unsigned reason,
                        int begins)
{
    char *to = (char *)context + strlen(context);
    snprintf(to, sizeof notice_said - (size_t)(to - (char *)context), "%lu %lu %u %d;", slot, key,
             reason, begins);
}

static struct notice *notice_test(void)
{
    *notice_said = 0;
    notice_want((struct notice_target){ notice_hear, notice_said });
    notice_open();
    notice_enter(&notice_of[0], 7);
    return &notice_of[0];
}

static bool notice_says(const char *what)
{
    bool same = !strcmp(notice_said, what);
    if (!same) printf("    told: %s\n", notice_said);
    *notice_said = 0;
    return same;
}

// What begins is over once, and before anything else begins.
TEST(notice_begins_and_is_over)
{
    struct notice *n = notice_test();
    notice_done(n);
    CHECK(notice_says(""));
    notice_use(n, 5);
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    CHECK(notice_says("7 5 1 1;"));
    notice_use(n, 0);                                   // what is over is what had begun
    notice_begin(n, SCARD11_NOTICE_PINPAD);
    CHECK(notice_says("7 5 1 0;7 0 2 1;"));
    notice_over(n, 0);
    notice_over(n, 0);
    CHECK(notice_says("7 0 2 0;"));
    CHECK(notice_close());
}

// What takes long is told once, and not while something else is, nor soon after it.
TEST(notice_of_what_takes_long)
{
    struct notice *n = notice_test();
    notice_look_all();
    CHECK(notice_says(""));
    n->since_ms = os_now_ms() - NOTICE_SLOW_MS;
    notice_look_all();
    notice_look_all();
    CHECK(notice_says("7 0 3 1;"));
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    n->since_ms = os_now_ms() - NOTICE_SLOW_MS;
    notice_look_all();
    CHECK(notice_says("7 0 3 0;7 0 1 1;"));
    notice_done(n);
    notice_look_all();
    CHECK(notice_says("7 0 1 0;"));
    n->since_ms = os_now_ms() - NOTICE_SLOW_MS;
    n->busy = true;                                     // another thread is telling
    notice_look_all();
    n->busy = false;
    notice_over(n, 0);                                  // nobody is in the reader any more
    notice_look_all();
    CHECK(notice_says(""));
    CHECK(notice_close());
}

// What a call that hangs has told is over when it closes; and from then on it tells nothing, also
// when it is open again, for others.
TEST(notice_closes_for_calls_that_hang)
{
    struct notice *n = notice_test();
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    CHECK(notice_close());
    CHECK(notice_says("7 0 1 1;7 0 1 0;"));
    notice_over(n, 0);
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    CHECK(notice_says(""));
    notice_want((struct notice_target){ notice_hear, notice_said });
    notice_open();
    notice_done(n);
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    n->since_ms = 1;
    notice_look_all();
    CHECK(notice_says(""));
    CHECK(notice_close());
    notice_open();                                      // nobody was named
    CHECK(!notice_is_on());
}

// The application's function does not come back: that is what C_Finalize says.
TEST(notice_that_does_not_come_back)
{
    struct notice *n = notice_test();
    n->reason = SCARD11_NOTICE_SLOW;
    n->busy = true;
    CHECK(!notice_end(n, os_now_ms()));
    n->busy = false;
    CHECK(notice_close());
    CHECK(notice_says("7 0 3 0;"));
}

static int notice_child(void)
{
    struct notice *n = &notice_of[0];
    alarm(20);
    n->since_ms = 1;
    notice_look_all();
    notice_over(n, 0);
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    if (*notice_said || notice_is_on()) return 1;
    notice_abandon();                                   // what its C_Initialize does first
    notice_open();                                      // the parent's function is not its own
    if (notice_is_on()) return 2;
    notice_want((struct notice_target){ notice_hear, notice_said });
    notice_open();
    notice_over(n, 0);                                  // of the parent's call
    if (*notice_said) return 3;
    notice_enter(n, 8);
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    return notice_says("8 0 1 1;") && notice_close() ? 0 : 4;
}

TEST(notice_is_not_for_forked_children)
{
    NEEDS_FORK;
    int status = 0;
    struct notice *n = notice_test();
    notice_begin(n, SCARD11_NOTICE_TOUCH);
    *notice_said = 0;
    os_native_acquire(&notice_gate.lock);               // as another thread might just then
    pid_t pid = fork();
    if (!pid) _exit(notice_child());
    os_native_release(&notice_gate.lock);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(notice_close());
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void test_notice(void)
{
    RUN(notice_begins_and_is_over);
    RUN(notice_of_what_takes_long);
    RUN(notice_closes_for_calls_that_hang);
    RUN(notice_that_does_not_come_back);
    RUN(notice_is_not_for_forked_children);
}
