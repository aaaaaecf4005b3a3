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
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "0"), ST_OK);
    CHECK(!option_environment);
    CHECK_ST(option_set("SCARD11_READERS", "Alpha,Beta"), ST_OK);
    CHECK_ST(option_set("SCARD11_EXCLUSIVE", "1"), ST_OK);
    CHECK(option_keeps_pin == SCARD11_PIN_CACHE);
    CHECK_ST(option_set("SCARD11_PIN_CACHE", "1"), ST_OK);
    CHECK_ST(option_set("SCARD11_NOTHING", "1"), ST_ARGS);
    CHECK_ST(option_set("", ""), ST_ARGS);
    option_apply();
    CHECK(!strcmp(slot_filter, "Alpha,Beta"));
    CHECK(slot_exclusive && slot_keeps_pin);
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
    option_apply();
    CHECK(!*slot_filter && !slot_exclusive && !slot_keeps_pin);
    option_environment = environment;
}

#if SCARD11_ENVIRONMENT && !defined(_WIN32)
TEST(option_environment_comes_first)
{
    CHECK_ST(option_set("SCARD11_READERS", "Ours"), ST_OK);
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "1"), ST_OK);
    setenv("SCARD11_READERS", "Theirs", 1);
    setenv("SCARD11_EXCLUSIVE", "1", 1);
    option_apply();
    CHECK(!strcmp(slot_filter, "Theirs") && slot_exclusive);
    CHECK_ST(option_set("SCARD11_ENVIRONMENT", "0"), ST_OK);            // not asked
    option_apply();
    CHECK(!strcmp(slot_filter, "Ours") && !slot_exclusive);
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
    CHECK_ST(option_set("SCARD11_READERS", ""), ST_OK);
    option_apply();
    CHECK(!*slot_filter && !slot_exclusive);
}
#endif

static void test_option(void)
{
    RUN(option_words_for_no);
    RUN(option_set_and_apply);
#if SCARD11_ENVIRONMENT && !defined(_WIN32)
    RUN(option_environment_comes_first);
#endif
}
