// apdu.c: >>apdu. The four cases of ISO 7816-3.
// SPDX-License-Identifier: 0BSD

static struct buf apdu_encoded(const struct apdu *a, u32 most, bool t0)
{
    static u8 room[70000];
    struct buf b = buf_on(room, sizeof room);
    apdu_encode(&b, a, most, t0);
    return b;
}

TEST(apdu_short_cases)
{
    struct apdu a = { 0x00, 0x20, 0x01, 0x80, BYTES_NONE, 0, false, false, false, NULL };
    struct buf b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180");
    a.le = 256;
    b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180 00");
    a.le = 20;
    b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180 14");
    a.data = BYTES(0xaa, 0xbb);
    b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180 02aabb 14");
    a.le = 0;
    b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180 02aabb");
    a.le = APDU_LE_ALL;                         // as much as a short one can
    b = apdu_encoded(&a, 0, false);
    CHECK_BYTES(b.p, b.n, "00200180 02aabb 00");
}

TEST(apdu_extended_cases)
{
    struct apdu a = { 0x00, 0xcb, 0x3f, 0xff, BYTES_NONE, APDU_LE_ALL, false, false, false, NULL };
    struct buf b = apdu_encoded(&a, 65536, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 000000");
    a.le = 0x1234;
    b = apdu_encoded(&a, 65536, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 001234");
    a.data = BYTES(0x5c, 0x00);
    b = apdu_encoded(&a, 65536, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 000002 5c00 1234");
    a.le = 0;
    b = apdu_encoded(&a, 65536, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 000002 5c00");
    static u8 data[300];
    a.data = bytes_of(data, sizeof data);
    b = apdu_encoded(&a, 65536, false);
    CHECK_EQ(b.n, 307);
    CHECK_BYTES(b.p, 7, "00cb3fff 00012c");
}

// What is asked for has room where it is put: with a small SCARD11_ANSWER that is less than all.
TEST(apdu_asks_for_no_more_than_there_is_room_for)
{
    struct apdu a = { 0x00, 0xcb, 0x3f, 0xff, BYTES(0x5c, 0x00), APDU_LE_ALL, false, false, false, NULL };
    struct buf b = apdu_encoded(&a, 1022, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 000002 5c00 03fe");
    a.data = BYTES_NONE;
    b = apdu_encoded(&a, 65535, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 00ffff");
    a.le = 300;
    b = apdu_encoded(&a, 1022, false);
    CHECK_BYTES(b.p, b.n, "00cb3fff 00012c");
}

TEST(apdu_t0_has_no_le_beside_data)
{
    struct apdu a = { 0x00, 0xa4, 0x04, 0x00, BYTES(0xa0), 256, false, false, false, NULL };
    struct buf b = apdu_encoded(&a, 0, true);
    CHECK_BYTES(b.p, b.n, "00a40400 01a0");
    a.data = BYTES_NONE;
    b = apdu_encoded(&a, 0, true);
    CHECK_BYTES(b.p, b.n, "00a40400 00");
    a.le = 0;
    b = apdu_encoded(&a, 0, true);
    CHECK_BYTES(b.p, b.n, "00a40400 00");       // case 1: P3 is 0
}

static void test_apdu(void)
{
    RUN(apdu_short_cases);
    RUN(apdu_extended_cases);
    RUN(apdu_asks_for_no_more_than_there_is_room_for);
    RUN(apdu_t0_has_no_le_beside_data);
}
