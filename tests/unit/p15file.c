// p15file.c: >>p15file. Files are read in p15.c, with a card that has some; what tells their end is here.
// SPDX-License-Identifier: 0BSD

TEST(p15file_knows_when_a_file_is_whole)
{
    static const u8 object[] = { 0x30, 0x02, 0x05, 0x00 }, two[] = { 0x30, 0x00, 0xa0, 0x00 },
        padded[] = { 0x30, 0x00, 0, 0, 0, 0, 0, 0, 0, 0 };
    CHECK(p15file_enough(bytes_of(object, 4), P15_OBJECT));
    CHECK(!p15file_enough(bytes_of(object, 3), P15_OBJECT));
    CHECK(!p15file_enough(bytes_of(object, 4), P15_ANY));
    CHECK(!p15file_enough(bytes_of(two, 4), P15_RECORDS));      // more may come
    CHECK(p15file_enough(bytes_of(padded, 10), P15_RECORDS));   // filler: none will
    CHECK(!p15file_enough(bytes_of(padded, 9), P15_RECORDS));
}

TEST(p15file_trusts_what_looks_right)
{
    CHECK(p15file_plausible(BYTES(0x30, 0x00), P15_OBJECT) && p15file_plausible(BYTES(0x04, 0x00), P15_OBJECT));
    CHECK(!p15file_plausible(BYTES(0x31, 0x00), P15_OBJECT) && !p15file_plausible(BYTES(0x30, 0x01), P15_OBJECT));
    CHECK(p15file_plausible(BYTES(0x00, 0xff, 0xa0), P15_RECORDS) && p15file_plausible(BYTES_NONE, P15_RECORDS));
    CHECK(!p15file_plausible(BYTES(0x00, 0x6f), P15_RECORDS) && !p15file_plausible(BYTES(0x30, 0x00), P15_ANY));
}

static void test_p15file(void)
{
    RUN(p15file_knows_when_a_file_is_whole);
    RUN(p15file_trusts_what_looks_right);
}
