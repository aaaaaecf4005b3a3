// base.c: >>base.
// SPDX-License-Identifier: 0BSD

TEST(base_views_stay_inside)
{
    bytes s = BYTES(1, 2, 3);
    CHECK_EQ(bytes_from(s, 1).n, 2);
    CHECK_EQ(bytes_from(s, 3).n, 0);
    CHECK_EQ(bytes_from(s, 99).n, 0);
    CHECK_EQ(bytes_head(s, 99).n, 3);
    CHECK_EQ(bytes_head(s, 2).n, 2);
    CHECK(bytes_begin(s, BYTES(1, 2)));
    CHECK(!bytes_begin(s, BYTES(1, 3)));
    CHECK(!bytes_begin(s, BYTES(1, 2, 3, 4)));
    CHECK(bytes_begin(s, BYTES_NONE));
}

TEST(base_compares_whole)
{
    CHECK(bytes_equal(BYTES(1, 2), BYTES(1, 2)));
    CHECK(!bytes_equal(BYTES(1, 2), BYTES(1, 3)));
    CHECK(!bytes_equal(BYTES(1, 2), BYTES(1)));
    CHECK(bytes_equal(BYTES_NONE, BYTES_NONE));
}

TEST(base_numbers)
{
    CHECK_EQ(bytes_number(BYTES(0x12, 0x34, 0x56)), 0x123456);
    CHECK_EQ(bytes_number(BYTES_NONE), 0);
    CHECK_EQ(bytes_trim(BYTES(0, 0, 1, 0)).n, 2);
    CHECK_EQ(bytes_trim(BYTES(0, 0)).n, 0);
}

TEST(base_a_full_writer_stays_full)
{
    u8 room[4];
    struct buf b = buf_on(room, sizeof room);
    buf_put(&b, BYTES(1, 2, 3));
    CHECK(!b.full);
    buf_put(&b, BYTES(4, 5));
    CHECK(b.full);
    CHECK_BYTES(b.p, b.n, "010203");
    buf_put8(&b, 4);                            // would fit: but what is before it is missing
    CHECK_BYTES(b.p, b.n, "010203");
    CHECK(b.full);
    b = buf_on(NULL, 0);
    buf_put8(&b, 1);
    CHECK(b.full);
    b = buf_on(room, sizeof room);
    buf_fill(&b, 9, 5);
    CHECK(b.full && b.n == 0);
}

TEST(base_writes_numbers_of_a_length)
{
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    buf_put_number(&b, BYTES(0, 0, 7), 2);
    buf_put_number(&b, BYTES(1, 2, 3), 4);
    CHECK_BYTES(b.p, b.n, "0007 00010203");
    buf_put_number(&b, BYTES(1, 2, 3), 2);
    CHECK(b.full);
}

TEST(base_writes_hex_and_shorts)
{
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    buf_put_hex(&b, BYTES(0xa5, 0x0f));
    buf_put16(&b, 0x1234);
    CHECK_BYTES(b.p, b.n, "61 35 30 66 1234");
}

TEST(base_wipes)
{
    u8 secret[3] = { 1, 2, 3 };
    mem_wipe(secret, sizeof secret);
    mem_wipe(NULL, 0);
    CHECK_BYTES(secret, sizeof secret, "000000");
}

static void test_base(void)
{
    RUN(base_views_stay_inside);
    RUN(base_compares_whole);
    RUN(base_numbers);
    RUN(base_a_full_writer_stays_full);
    RUN(base_writes_numbers_of_a_length);
    RUN(base_writes_hex_and_shorts);
    RUN(base_wipes);
}
