// option.c: >>option.
// SPDX-License-Identifier: 0BSD

TEST(option_words_for_no)
{
    CHECK(option_is_on("1") && option_is_on("yes") && option_is_on("on") && option_is_on("00"));
    CHECK(!option_is_on("") && !option_is_on("0") && !option_is_on("no") && !option_is_on("off"));
}

TEST(option_set_and_apply)
{
    static char longest[sizeof option_readers + 1];
    bool environment = option_environment;
    u32 believed = option_believed;
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "0"), ST_OK);
    CHECK(!option_environment);
    CHECK_ST(option_set("SCARD11_READERS", "Alpha,Beta"), ST_OK);
    CHECK_ST(option_set("SCARD11_EXCLUSIVE", "1"), ST_OK);
    CHECK(option_keeps_pin == SCARD11_PIN_CACHE);
    CHECK_ST(option_set("SCARD11_PIN_CACHE", "1"), ST_OK);
    CHECK_ST(option_set("SCARD11_BELIEVED", "4294967295"), ST_OK);
    CHECK_ST(option_set("SCARD11_BELIEVED", "4294967296"), ST_ARGS);
    CHECK_ST(option_set("SCARD11_BELIEVED", ""), ST_ARGS);
    CHECK_ST(option_set("SCARD11_BELIEVED", "-1"), ST_ARGS);
    CHECK_ST(option_set("SCARD11_BELIEVED", "1s"), ST_ARGS);
    CHECK_ST(option_set("SCARD11_UNBLOCK", "set_pin"), ST_OK);
    CHECK_ST(option_set("SCARD11_UNBLOCK", "1"), ST_ARGS);
    CHECK_ST(option_set("SCARD11_NOTHING", "1"), ST_ARGS);
    CHECK_ST(option_set("", ""), ST_ARGS);
    option_apply();
    CHECK(!strcmp(slot_filter, "Alpha,Beta"));
    CHECK(same_exclusive && login_keeps_pin && card_believed_ms == SCARD11_BELIEVED_ALWAYS);
    CHECK(login_set_pin_unblocks);
    CHECK_ST(option_set("SCARD11_UNBLOCK", ""), ST_OK);
    memset(longest, 'x', sizeof longest - 1);
    CHECK_ST(option_set("SCARD11_READERS", longest), ST_ARGS);          // one too long
    CHECK(!strcmp(option_readers, "Alpha,Beta"));
    longest[sizeof option_readers - 1] = '\0';
    CHECK_ST(option_set("SCARD11_READERS", longest), ST_OK);
    option_apply();
    CHECK(!strcmp(slot_filter, longest));
    CHECK_ST(option_set("SCARD11_LOG", ""), ST_OK);
    CHECK_ST(option_set("SCARD11_READERS", ""), ST_OK);
    CHECK_ST(option_set("SCARD11_EXCLUSIVE", "off"), ST_OK);
    CHECK_ST(option_set("SCARD11_PIN_CACHE", "0"), ST_OK);
    CHECK_ST(option_set("SCARD11_BELIEVED", "2000"), ST_OK);
    option_apply();
    CHECK(!*slot_filter && !same_exclusive && !login_keeps_pin && card_believed_ms == 2000);
    CHECK(!login_set_pin_unblocks);
    option_environment = environment;
    option_believed = believed;
}

TEST(option_numbers_of_tries)
{
    static const char *const bad[] = { "0", "16", "-1", "3,", ",3", "3,0", "3,16", "3,4,5", "3 ", "100",
                                       "3, 4", "three", "4294967299" };
    bool environment = option_environment;
    option_environment = false;
    CHECK_ST(option_set("SCARD11_PIN_TRIES", "15,1"), ST_OK);
    for (size_t i = 0; i < COUNT(bad); i++) CHECK_ST(option_set("SCARD11_PIN_TRIES", bad[i]), ST_ARGS);
    option_apply();
    CHECK(card_pin_tries.pin == 15 && card_pin_tries.puk == 1);
    CHECK_ST(option_set("SCARD11_PIN_TRIES", "08"), ST_OK);
    option_apply();
    CHECK(card_pin_tries.pin == 8 && card_pin_tries.puk == 0);
    CHECK_ST(option_set("SCARD11_PIN_TRIES", ""), ST_OK);
    option_apply();
    CHECK(card_pin_tries.pin == 0 && card_pin_tries.puk == 0);
    option_environment = environment;
}

#if SCARD11_ENVIRONMENT && !defined(_WIN32)
TEST(option_environment_comes_first)
{
    setenv("SCARD11_PIN_TRIES", "4,5", 1);
    option_apply();
    CHECK(!option_environment || (card_pin_tries.pin == 4 && card_pin_tries.puk == 5));
    setenv("SCARD11_PIN_TRIES", "16", 1);                               // as if unset
    option_apply();
    CHECK(!card_pin_tries.pin && !card_pin_tries.puk);
    unsetenv("SCARD11_PIN_TRIES");
    CHECK_ST(option_set("SCARD11_READERS", "Ours"), ST_OK);
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "1"), ST_OK);
    setenv("SCARD11_READERS", "Theirs", 1);
    setenv("SCARD11_EXCLUSIVE", "1", 1);
    setenv("SCARD11_BELIEVED", "7", 1);
    setenv("SCARD11_UNBLOCK", "set_pin", 1);
    option_apply();
    CHECK(login_set_pin_unblocks);
    setenv("SCARD11_UNBLOCK", "sometimes", 1);                          // as if unset
    option_apply();
    CHECK(!login_set_pin_unblocks);
    unsetenv("SCARD11_UNBLOCK");
    CHECK(!strcmp(slot_filter, "Theirs") && same_exclusive && card_believed_ms == 7);
    setenv("SCARD11_BELIEVED", "seven", 1);                             // as if unset
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "0"), ST_OK);            // not asked
    option_apply();
    CHECK(!strcmp(slot_filter, "Ours") && !same_exclusive);
    CHECK(card_believed_ms == SCARD11_BELIEVED);
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "1"), ST_OK);
    char *longest = malloc(sizeof slot_filter + 1);
    memset(longest, 'x', sizeof slot_filter);
    longest[sizeof slot_filter] = '\0';
    setenv("SCARD11_READERS", longest, 1);                              // too long: as if unset
    option_apply();
    free(longest);
    CHECK(!strcmp(slot_filter, "Ours"));
    unsetenv("SCARD11_READERS");
    unsetenv("SCARD11_EXCLUSIVE");
    unsetenv("SCARD11_BELIEVED");
    CHECK_ST(option_set("SCARD11_READERS", ""), ST_OK);
    option_apply();
    CHECK(!*slot_filter && !same_exclusive);
}
#endif

#if SCARD11_ENVIRONMENT && defined(__linux__)
#define OPTION_COPY "SCARD11_TEST_SETUID"       // set where this runs as a setuid copy of itself

// In any program: the environment is read unless it is a setuid one. The copy says what it is and
// ends: who cannot look at its own memory is no good for a sanitizer's last words.
TEST(option_environment_unless_setuid)
{
    bool setuid_copy = getuid() != geteuid();
    CHECK_ST(option_set("SCARD11_READERS", "Ours"), ST_OK);
    setenv("SCARD11_READERS", "Theirs", 1);
    option_apply();
    if (getenv(OPTION_COPY)) {
        printf("%s: %s\n", setuid_copy ? "setuid" : "as any program", slot_filter);
        fflush(stdout);
        _exit(0);
    }
    CHECK(!strcmp(slot_filter, setuid_copy ? "Ours" : "Theirs"));
    unsetenv("SCARD11_READERS");
    CHECK_ST(option_set("SCARD11_READERS", ""), ST_OK);
    option_apply();
}

// A copy of this program that runs as another user, whoever starts it.
static bool option_copy_this_program(const char *name)
{
    static char block[1 << 16];
    FILE *from = fopen("/proc/self/exe", "rb"), *to = fopen(name, "wb");
    size_t n = 1;
    while (from && to && (n = fread(block, 1, sizeof block, from)) > 0)
        if (fwrite(block, 1, n, to) != n) break;
    if (from) fclose(from);
    return to && !fclose(to) && !n && !chown(name, 65534, 65534) && !chmod(name, 04755);
}

// Runs the copy; what it prints goes to said.
static bool option_run_copy(const char *name, char *said, size_t room)
{
    char command[200];
    snprintf(command, sizeof command, OPTION_COPY "=1 %s option_environment_unless_setuid 2>&1",
             name);
    FILE *run = popen(command, "r");
    size_t n = run ? fread(said, 1, room - 1, run) : 0;
    said[n] = 0;
    return run && pclose(run) != -1;
}

// Only root can give a program to another user, and not every file system has setuid programs: where
// it cannot be judged, it says so.
TEST(option_environment_is_not_read_by_a_setuid_program)
{
    static char said[4096];
    char name[64];
    bool ran = false;
    snprintf(name, sizeof name, "/tmp/scard11-setuid-%u", os_pid());
    if (!geteuid() && option_copy_this_program(name)) ran = option_run_copy(name, said, sizeof said);
    remove(name);
    if (!ran || strstr(said, "as any program: ")) {
        printf("no setuid program can be made here: not judged\n");
        test_not_judged = true;
        return;
    }
    CHECK(strstr(said, "setuid: Ours\n"));
}
#endif

static void test_option(void)
{
    RUN(option_words_for_no);
    RUN(option_set_and_apply);
    RUN(option_numbers_of_tries);
#if SCARD11_ENVIRONMENT && !defined(_WIN32)
    RUN(option_environment_comes_first);
#endif
#if SCARD11_ENVIRONMENT && defined(__linux__)
    RUN(option_environment_unless_setuid);
    RUN(option_environment_is_not_read_by_a_setuid_program);
#endif
}
