// p11.c: >>p11's helpers; the functions themselves are module.c's.
// SPDX-License-Identifier: 0BSD

static bool p11_padded(const char *text, size_t size, const char *want)
{
    CK_UTF8CHAR field[16];
    p11_put_text(field, size, text);
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

TEST(p11_flags_tell_of_the_tries)
{
    struct token t = { .driver = &mech_driver };
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

// A PIN that nothing unblocks: no flag speaks of an SO's, and nobody logs in with it.
TEST(p11_flags_of_a_token_without_puk)
{
    struct token t = { .driver = &mech_driver };
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
    RUN(p11_flags_tell_of_the_tries);
}
