// iso.c: >>iso. What status words mean.
// SPDX-License-Identifier: 0BSD

TEST(iso_pin_status_words)
{
    static const struct { st sw; st want; int tries; } cases[] = {
        { ST_OK, ST_OK, 7 }, { 0x63c2, ST_PIN_INCORRECT, 2 }, { 0x63c0, ST_PIN_LOCKED, 0 },
        { 0x6300, ST_PIN_INCORRECT, 7 }, { 0x6983, ST_PIN_LOCKED, 0 }, { 0x6984, ST_PIN_LOCKED, 0 },
        { 0x6982, ST_PIN_INCORRECT, 7 }, { 0x6a80, ST_PIN_LEN, 7 }, { 0x6700, ST_PIN_LEN, 7 },
        { 0x6a88, ST_PIN_MISSING, 7 }, { 0x6f00, 0x6f00, 7 }, { ST_CARD_REMOVED, ST_CARD_REMOVED, 7 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int tries = 7;
        CHECK_ST(iso_pin_status(cases[i].sw, &tries), cases[i].want);
        CHECK_EQ(tries, cases[i].tries);
    }
}

TEST(iso_commands_as_the_standard_has_them)
{
    static const char *const lines[] = {
        "00a40400 02 a000 00 > 6f00 9000", "00a40400 02 a000 00 > 6a82", "00a40400 02 a000 00 > 6d00",
        "00200080 02 3132 > 63c1", "00200080 > 63c3", "00 20 ff 80 > 9000",
        "00cb3fff 000003 5c017e 0000 > 7e00 9000", NULL };
    struct buf rsp = buf_on(link_room, sizeof link_room);
    int tries = -1;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(iso_select_aid(&link_l, BYTES(0xa0, 0), &rsp), ST_OK);
    CHECK_ST(iso_select_aid(&link_l, BYTES(0xa0, 0), &rsp), ST_NOT_FOUND);
    CHECK_ST(iso_select_aid(&link_l, BYTES(0xa0, 0), &rsp), ST_NOT_FOUND);
    CHECK_ST(iso_verify(&link_l, 0x80, bytes_text("12"), &tries), ST_PIN_INCORRECT);
    CHECK_EQ(tries, 1);
    CHECK_ST(iso_verify(&link_l, 0x80, BYTES_NONE, &tries), ST_PIN_INCORRECT);
    CHECK_EQ(tries, 3);
    CHECK_ST(iso_logout(&link_l, 0x80), ST_OK);
    rsp.n = 0;
    CHECK_ST(iso_get_data(&link_l, 0x3fff, BYTES(0x5c, 1, 0x7e), &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "7e00");
    link_over();
}

// Parts of a chain are answered; what is left of an answer is fetched outside of it.
TEST(iso_work_with_secret_keys)
{
    static const char *const lines[] = {
        "102a8480 04 01020304 00 > 11121314 9000", "002a8480 04 05060708 00 > 15161718 9000",
        "102a8084 04 11121314 00 > 6104", "00c00000 04 > 01020304 9000",
        "002a8084 04 15161718 00 > 6985", NULL };
    struct buf rsp = buf_on(link_room, sizeof link_room);
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(iso_crypt(&link_l, true, true, BYTES(1, 2, 3, 4), &rsp), ST_OK);
    CHECK_ST(iso_crypt(&link_l, true, false, BYTES(5, 6, 7, 8), &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "11121314 15161718");
    rsp.n = 0;
    CHECK_ST(iso_crypt(&link_l, false, true, BYTES(0x11, 0x12, 0x13, 0x14), &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "01020304");
    CHECK_ST(iso_crypt(&link_l, false, false, BYTES(0x15, 0x16, 0x17, 0x18), &rsp), 0x6985);
    link_over();
}

static void test_iso(void)
{
    RUN(iso_work_with_secret_keys);
    RUN(iso_pin_status_words);
    RUN(iso_commands_as_the_standard_has_them);
}
