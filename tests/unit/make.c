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

// What a template gives takes so many bytes at most, all attributes and their heads together.
TEST(make_templates_end_at_a_size)
{
    static u8 value[MAKE_MAX + 1];
    CK_ATTRIBUTE t[] = { { CKA_LABEL, value, 0 }, { CKA_VALUE, value, 0 },
                         { CKA_APPLICATION, value, 0 } };
    const CK_ULONG room = (CK_ULONG)(MAKE_MAX - 2 * sizeof(struct attr_head));
    for (CK_ULONG label = 0; label <= room; label += room / 5) {
        t[0].ulValueLen = label, t[1].ulValueLen = room - label;
        CHECK_ST(make_check(t, 2, ATTR_DATA, MAKE_CREATE), ST_OK);
        t[1].ulValueLen++;
        CHECK_ST(make_check(t, 2, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);
    }
    t[0].ulValueLen = MAKE_MAX - sizeof(struct attr_head);
    CHECK_ST(make_check(t, 1, ATTR_DATA, MAKE_CREATE), ST_OK);
    t[0].ulValueLen++;
    CHECK_ST(make_check(t, 1, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);
    t[0].ulValueLen = MAKE_MAX, t[1].ulValueLen = t[2].ulValueLen = (CK_ULONG)-1;
    CHECK_ST(make_check(t, 3, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);     // no sum goes round
}

static void test_make(void)
{
    RUN(make_templates_end_at_a_size);
    RUN(make_lengths_of_keys);
    RUN(make_rules_go_with_the_attributes);
}
