// make.c: >>make, as far as it can be tried without a card; api.c does the rest.
// SPDX-License-Identifier: 0BSD

TEST(make_lengths_of_keys)
{
    CK_ULONG want = 16;
    CK_ATTRIBUTE t = { CKA_VALUE_LEN, &want, sizeof want };
    size_t len = 0;
    CHECK_ST(make_length(&t, 1, 32, CKK_AES, &len), ST_OK);
    CHECK_EQ(len, 16);
    CHECK_ST(make_length(NULL, 0, 32, CKK_AES, &len), ST_TEMPLATE_LESS);
    CHECK_ST(make_length(NULL, 0, 32, CKK_GENERIC_SECRET, &len), ST_OK);
    CHECK_EQ(len, 32);
    want = 17;
    CHECK_ST(make_length(&t, 1, 32, CKK_AES, &len), ST_KEY_SIZE);
    CHECK_ST(make_length(&t, 1, 32, CKK_DES3, &len), ST_OK);
    CHECK_EQ(len, 24);
    want = 513;
    CHECK_ST(make_length(&t, 1, 32, CKK_GENERIC_SECRET, &len), ST_KEY_SIZE);
}

// Every attribute that a template may give is one of its class, and no rule stands twice.
TEST(make_rules_go_with_the_attributes)
{
    for (size_t i = 0; i < COUNT(make_rules); i++) {
        const struct make_rule *m = &make_rules[i];
        CHECK(m->may & (MAKE_ANY | MAKE_COPY));
        CHECK(!(m->may & (MAKE_RISE | MAKE_FALL)) || m->may & MAKE_BOOL);
        for (size_t j = 0; j < i; j++)
            CHECK(make_rules[j].type != m->type || !(make_rules[j].classes & m->classes));
    }
}

static void test_make(void)
{
    RUN(make_lengths_of_keys);
    RUN(make_rules_go_with_the_attributes);
}
