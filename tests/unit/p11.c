// p11.c: >>p11's helpers; the functions themselves are module.c's.
// SPDX-License-Identifier: 0BSD

static bool p11_padded(const char *text, size_t size, const char *want)
{
    CK_UTF8CHAR field[16];
    p11_pad_text(field, size, text);
    return strlen(want) == size && !memcmp(field, want, size);
}

TEST(p11_pads_text_and_cuts_it_between_characters)
{
    CHECK(p11_padded("abc", 5, "abc  "));
    CHECK(p11_padded("", 2, "  "));
    CHECK(p11_padded("abcde", 5, "abcde"));
    CHECK(p11_padded("abcdef", 5, "abcde"));
    CHECK(p11_padded("abc\xc3\xa4", 5, "abc\xc3\xa4"));
    CHECK(p11_padded("abcd\xc3\xa4", 5, "abcd "));
    CHECK(p11_padded("abc\xe2\x82\xac", 5, "abc  "));
    CHECK(p11_padded("\x80\x80\x80", 2, "  "));
}

static CK_RV p11_mutex(void *m)
{
    (void)m;
    return CKR_OK;
}

static CK_RV p11_mutex_new(void **m)
{
    *m = NULL;
    return CKR_OK;
}

TEST(p11_takes_all_mutex_functions_or_none)
{
    CK_C_INITIALIZE_ARGS args;
    struct os_mutexes m;
    memset(&args, 0, sizeof args);
    CHECK_ST(p11_mutexes(NULL, &m), ST_OK);
    CHECK_ST(p11_mutexes(&args, &m), ST_OK);
    args.LockMutex = args.UnlockMutex = args.DestroyMutex = p11_mutex;
    CHECK_ST(p11_mutexes(&args, &m), ST_ARGS);
    args.CreateMutex = p11_mutex_new;
    CHECK_ST(p11_mutexes(&args, &m), ST_OK);
    args.pReserved = &m;
    CHECK_ST(p11_mutexes(&args, &m), ST_ARGS);
}

TEST(p11_flags_tell_of_the_tries)
{
    struct token t = { .login = false };
    *test_pin(&t) = (struct credential){ .tries = 3, .tries_max = 3 };
    CK_FLAGS all = CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW;
    CHECK_EQ(p11_token_flags(&t) & all, 0);
    CHECK(p11_token_flags(&t) & CKF_USER_PIN_INITIALIZED);
    test_pin(&t)->tries = 2;
    CHECK_EQ(p11_token_flags(&t) & all, CKF_USER_PIN_COUNT_LOW);
    test_pin(&t)->tries = 1;
    CHECK_EQ(p11_token_flags(&t) & all, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    test_pin(&t)->tries = 0;
    CHECK_EQ(p11_token_flags(&t) & all, CKF_USER_PIN_LOCKED);
    test_pin(&t)->tries = -1;
    CHECK_EQ(p11_token_flags(&t) & all, 0);
    test_pin(&t)->missing = true;
    CHECK(!(p11_token_flags(&t) & CKF_USER_PIN_INITIALIZED));
}

// A child that was forked while another thread of its parent made the locks: it makes its own.
TEST(p11_own_by_a_child_of_a_fork_in_the_middle)
{
    int status = 0;
    u32 owner = os_load(&p11_owner);
    os_store(&p11_owner, os_pid() | P11_MAKING);
    pid_t pid = fork();
    if (!pid) {
        alarm(10);
        p11_own();
        _exit(os_load(&p11_owner) == os_pid() ? 0 : 1);
    }
    os_store(&p11_owner, owner);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));                   // else it waited for a thread that it has not
    CHECK_EQ(WEXITSTATUS(status), 0);
}

// A PIN that nothing unblocks: no flag speaks of an SO's, and nobody logs in with it.
TEST(p11_flags_of_a_token_without_puk)
{
    struct token t = { .index = 0 };
    struct credential puk = { .role = ROLE_PUK };
    card_set_credential(&t, &(struct credential){ .role = ROLE_USER, .max = 8, .tries = 3 });
    CK_FLAGS flags = p11_token_flags(&t);
    card_set_credential(&t, &puk);              // as a directory without one has it
    CHECK_EQ(p11_token_flags(&t), flags);
    CHECK(!login_puk(&t));
    puk.max = 8;
    card_set_credential(&t, &puk);
    CHECK_EQ(p11_token_flags(&t), flags | CKF_SO_PIN_LOCKED);
    CHECK(login_puk(&t));
}

static void test_p11(void)
{
    RUN(p11_flags_of_a_token_without_puk);
    RUN(p11_pads_text_and_cuts_it_between_characters);
    RUN(p11_takes_all_mutex_functions_or_none);
    RUN(p11_flags_tell_of_the_tries);
    RUN(p11_own_by_a_child_of_a_fork_in_the_middle);
}
