// list.c: >>list. SPDX-License-Identifier: 0BSD

// A later list begins with the earlier ones.
TEST(list_begins_with_the_earlier_one)
{
    const size_t at = sizeof(CK_VERSION) < sizeof(void *) ? sizeof(void *) : sizeof(CK_VERSION);
    CHECK(!memcmp((u8 *)&list_2_40 + at, (u8 *)&list_3_0 + at, sizeof list_2_40 - at));
    CHECK(!memcmp((u8 *)&list_3_0 + at, (u8 *)&list_3_2 + at, sizeof list_3_0 - at));
    CHECK_EQ(list_interfaces[0].pFunctionList == &list_3_2, true);
}

static void test_list(void)
{
    RUN(list_begins_with_the_earlier_one);
}
