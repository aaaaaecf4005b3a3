// random.c: tests of >>random.
// SPDX-License-Identifier: 0BSD

TEST(random_bytes_is_not_constant)
{
    u8 a[32] = { 0 }, b[32] = { 0 };
    hash_start();
    CHECK_ST(random_bytes(a, sizeof a), ST_OK);
    CHECK_ST(random_bytes(b, sizeof b), ST_OK);
    CHECK(memcmp(a, b, sizeof a));
    CHECK_ST(random_bytes(NULL, 0), ST_OK);
}

#if defined(SCARD11_ENTROPY)
// The system's part is laid over PSA's: every byte of it is asked for, and without it there is
// nothing.
TEST(random_bytes_is_of_two_sources)
{
    u8 a[200], b[200], none[200] = { 0 };
    hash_start();
    os_entropy = OS_ENTROPY_ZERO;                       // PSA's alone
    os_entropy_given = 0;
    CHECK_ST(random_bytes(a, sizeof a), ST_OK);
    CHECK_EQ(os_entropy_given, sizeof a);
    CHECK_ST(random_bytes(b, sizeof b), ST_OK);
    CHECK(memcmp(a, b, sizeof a));
    os_entropy = OS_ENTROPY_FAILS;
    CHECK_ST(random_bytes(a, sizeof a), ST_RANDOM);
    os_entropy_given = 0;
    os_entropy = OS_ENTROPY_FAILS_LATE;
    CHECK_ST(random_bytes(b, sizeof b), ST_RANDOM);
    CHECK(os_entropy_given && os_entropy_given < sizeof b);
    CHECK(!memcmp(a, none, sizeof a) && !memcmp(b, none, sizeof b));
    os_entropy = OS_ENTROPY_SYSTEM;
}
#endif

static void test_random(void)
{
    RUN(random_bytes_is_not_constant);
#if defined(SCARD11_ENTROPY)
    RUN(random_bytes_is_of_two_sources);
#endif
}
