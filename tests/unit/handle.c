// handle.c: >>handle.
// SPDX-License-Identifier: 0BSD

TEST(handle_epochs_are_never_given_twice)
{
    u64 last = handle_new_epoch();
    for (int i = 0; i < 100000; i++) {
        u64 next = handle_new_epoch();
        CHECK(next == last + 1);
        last = next;
    }
}

TEST(handle_carries_epoch_and_index)
{
    CK_ULONG h = handle_make(5, 4095);
    CHECK_EQ(h >> HANDLE_INDEX_BITS, 5);
    CHECK_EQ(handle_index(h), 4095);
    CHECK(handle_make(1, 0) != 0);
    CHECK_EQ(HANDLE_EPOCH_MAX, sizeof(CK_ULONG) == 8 ? 0xfffffffffffffull : 0xfffffu);
}

TEST(handle_epoch_0_is_left_out_at_the_wrap)
{
    u64 before = handle_last_epoch;
    handle_last_epoch = HANDLE_EPOCH_MAX - 1;
    CHECK_EQ(handle_new_epoch(), HANDLE_EPOCH_MAX);
    CHECK_EQ(handle_new_epoch(), 1);
    handle_last_epoch = before;
}

static void test_handle(void)
{
    RUN(handle_epochs_are_never_given_twice);
    RUN(handle_carries_epoch_and_index);
    RUN(handle_epoch_0_is_left_out_at_the_wrap);
}
