// iso.c: >>iso. What status words mean.
// SPDX-License-Identifier: 0BSD

TEST(iso_pin_status_words)
{
    static const struct { st sw; st want; int tries; } cases[] = {
        { ST_OK, ST_OK, 7 }, { 0x63c2, ST_PIN_INCORRECT, 2 }, { 0x63c0, ST_PIN_LOCKED, 0 },
        { 0x6300, ST_PIN_INCORRECT, 7 }, { 0x6302, ST_PIN_INCORRECT, 2 },
        { 0x6983, ST_PIN_LOCKED, 0 }, { 0x6984, ST_PIN_LOCKED, 0 },
        { 0x6982, ST_PIN_INCORRECT, 7 }, { 0x6a80, ST_PIN_LEN, 7 }, { 0x6700, ST_PIN_LEN, 7 },
        { 0x6a88, ST_PIN_MISSING, 7 },
        { 0x6a82, ST_PIN_MISSING, 7 }, { 0x6f00, 0x6f00, 7 }, { ST_CARD_REMOVED, ST_CARD_REMOVED, 7 },
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
        "00200080 > 63c3", "00 20 ff 80 > 9000",
        "00cb3fff 000003 5c017e 0000 > 7e00 9000", NULL };
    struct buf rsp = buf_on(link_room, sizeof link_room);
    int tries = -1;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(iso_select_aid(&link_l, ISO_FCI, BYTES(0xa0, 0), &rsp), ST_OK);
    CHECK_ST(iso_select_aid(&link_l, ISO_FCI, BYTES(0xa0, 0), &rsp), ST_NOT_FOUND);
    CHECK_ST(iso_select_aid(&link_l, ISO_FCI, BYTES(0xa0, 0), &rsp), ST_NOT_FOUND);
    CHECK_ST(iso_ask_pin(&link_l, 0x80, &tries), ST_PIN_INCORRECT);
    CHECK_EQ(tries, 3);
    CHECK_ST(iso_logout(&link_l, 0x80), ST_OK);
    rsp.n = 0;
    CHECK_ST(iso_get_data(&link_l, 0x3fff, BYTES(0x5c, 1, 0x7e), NULL, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "7e00");
    link_over();
}

static st iso_try(int what, const char *answer, struct buf *rsp)
{
    static char line[100];
    static const char *const commands[] = { "00b00000 10", "00b20104 00", "00cb3fff 03 5c017e 00",
        "00a40204 02 4401 00", "00a40000 02 4401 00", "00a40400 02 a000 00" };
    static const char *lines[] = { line, NULL };
    st s = ST_FAILED;
    snprintf(line, sizeof line, "%s > %s", commands[what], answer);
    *rsp = buf_on(link_room, sizeof link_room);
    link_open_script(lines);
    if (test_failing) return s;
    link_l.extended.on = false;
    if (what == 0) s = iso_read_binary(&link_l, 0, 16, rsp);
    if (what == 1) s = iso_read_record(&link_l, 1, rsp);
    if (what == 2) s = iso_get_data(&link_l, 0x3fff, BYTES(0x5c, 1, 0x7e), NULL, rsp);
    if (what == 3) s = iso_select(&link_l, 0x02, ISO_FCP, BYTES(0x44, 0x01), rsp);
    if (what == 4) s = iso_select(&link_l, 0x00, ISO_FCI, BYTES(0x44, 0x01), rsp);
    if (what == 5) s = iso_select_aid(&link_l, ISO_FCI, BYTES(0xa0, 0), rsp);
    link_over();
    return s;
}

// The end of a file is no error when there is something before it; what is not there is said in
// many ways; what is no status word at all is none of them.
TEST(iso_what_is_not_there)
{
    enum { BINARY, RECORD, DATA, EF, FILE_, AID };
    static const struct { int what; const char *answer; st want; } cases[] = {
        { BINARY, "0102 6282", ST_OK }, { BINARY, "6b00", ST_NOT_FOUND },
        { BINARY, "6a86", ST_NOT_FOUND }, { BINARY, "6a82", ST_NOT_FOUND },
        { BINARY, "6982", ST_NOT_LOGGED_IN }, { BINARY, "6986", 0x6986 },
        { RECORD, "0102 6282", ST_OK }, { RECORD, "6a83", ST_NOT_FOUND },
        { RECORD, "6a82", ST_NOT_FOUND }, { RECORD, "6982", ST_NOT_LOGGED_IN },
        { RECORD, "6981", 0x6981 },
        { DATA, "6a82", ST_NOT_FOUND }, { DATA, "6a88", ST_NOT_FOUND },
        { DATA, "6982", ST_NOT_LOGGED_IN }, { DATA, "6a80", 0x6a80 },
        { EF, "6a82", ST_NOT_FOUND }, { EF, "6a83", ST_NOT_FOUND }, { EF, "6d00", ST_NOT_FOUND },
        { EF, "6999", ST_NOT_FOUND }, { EF, "6986", ST_NOT_FOUND }, { EF, "6985", 0x6985 },
        { FILE_, "6a82", ST_NOT_FOUND }, { FILE_, "6a83", ST_NOT_FOUND },
        { FILE_, "6d00", ST_NOT_FOUND }, { FILE_, "6999", ST_NOT_FOUND },
        { FILE_, "6986", ST_NOT_FOUND }, { FILE_, "6700", 0x6700 },
        { AID, "6986", ST_NOT_FOUND }, { AID, "5000", ST_NOT_FOUND }, { AID, "6e00", ST_NOT_FOUND } };
    struct buf rsp;
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        CHECK_ST(iso_try(cases[i].what, cases[i].answer, &rsp), cases[i].want);
        if (cases[i].want == ST_OK) CHECK_BYTES(rsp.p, rsp.n, "0102");
        if (test_failing) printf("    case %zu\n", i);
    }
    link_open_script((const char *const[]){ NULL });
    if (test_failing) return;
    CHECK_ST(iso_read_binary(&link_l, 0x8000, 1, &rsp), ST_NOT_FOUND);  // beyond what P1 P2 reach
    link_over();
}

TEST(iso_sizes_of_files)
{
    static const u8 fcp[][12] = {
        { 9, 0x62, 7, 0x80, 2, 0x01, 0x02, 0x82, 1, 1 }, { 6, 0x6f, 4, 0x81, 2, 0x03, 0x04 },
        { 9, 0x6f, 7, 0x80, 5, 1, 2, 3, 4, 5 }, { 4, 0x6f, 2, 0x80, 0 }, { 6, 0x64, 4, 0x80, 2, 1, 2 },
        { 5, 0x62, 3, 0x83, 1, 1 }, { 1, 0x62 }, { 0 } };
    static const u32 size[] = { 0x0102, 0x0304, 0, 0, 0, 0, 0, 0 };
    for (size_t i = 0; i < COUNT(size); i++)
        CHECK_EQ(iso_file_size(bytes_of(fcp[i] + 1, *fcp[i])), size[i]);
}

#if SCARD11_WRITE
// Bytes that are written in hex, with spaces between; how many.
static size_t iso_hex(const char *s, u8 *out)
{
    size_t n = 0;
    unsigned byte;
    for (int len; sscanf(s, "%2x%n", &byte, &len) == 1; s += len) out[n++] = (u8)byte;
    return n;
}

// Access rules of an EF: to read, update and delete it, by PIN 1. The compact form has its conditions
// in the order of the bits; of the expanded form the easiest one counts.
TEST(iso_rules_of_files)
{
    static const struct { const char *fcp; enum iso_takes read, update, delete; } cases[] = {
        { "8c 01 00", ISO_UNSAID, ISO_UNSAID, ISO_UNSAID },
        { "8c 02 03ff", ISO_UNSAID, ISO_NEVER, ISO_UNSAID },          // one is missing
        { "8c 03 031000", ISO_FREE, ISO_USER, ISO_UNSAID },
        { "8c 03 03ff91", ISO_USER, ISO_NEVER, ISO_UNSAID },
        { "8c 05 5390001110", ISO_USER, ISO_USER, ISO_USER },
        { "8c 05 53ff001110", ISO_USER, ISO_USER, ISO_NEVER },
        { "8c 05 d3ff001110", ISO_UNSAID, ISO_UNSAID, ISO_UNSAID },     // modes of its own
        { "8c 04 432050b0", ISO_OTHER, ISO_USER, ISO_OTHER },           // key; one of two; both
        { "8c 04 4301c060", ISO_OTHER, ISO_OTHER, ISO_UNSAID },
        { "86 03 ffffff", ISO_UNSAID, ISO_UNSAID, ISO_UNSAID },
        { "ab 0a 800101 9000 800142 9700", ISO_FREE, ISO_NEVER, ISO_NEVER },
        { "ab 10 800101 9e0110 8401d6 a403830101 9700", ISO_USER, ISO_USER, ISO_UNSAID },
        { "ab 0d 800143 a408 830182 950108 9700", ISO_OTHER, ISO_OTHER, ISO_OTHER },
        { "ab 0a 800103 a005 9e0110 9700", ISO_USER, ISO_USER, ISO_UNSAID },        // one of two
        { "ab 0a 800103 af05 9e0110 9700", ISO_NEVER, ISO_NEVER, ISO_UNSAID },      // both
        { "ab 0a 800103 af05 9e0110 9000", ISO_USER, ISO_USER, ISO_UNSAID },
        { "ab 0f 800101 a403830182 a403830101 9700", ISO_USER, ISO_UNSAID, ISO_UNSAID },
        { "ab 0b 800101 9700 800103 9e0110", ISO_USER, ISO_USER, ISO_UNSAID },
        { "ab 07 800103 a000 9700", ISO_UNSAID, ISO_UNSAID, ISO_UNSAID },
        { "ab 09 8401b0 9000 8401e4 97", ISO_FREE, ISO_UNSAID, ISO_UNSAID },
        { "ab 05 800103 a400", ISO_UNSAID, ISO_UNSAID, ISO_UNSAID } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        u8 room[40] = { ISO_TAG_FCI };
        size_t n = iso_hex(cases[i].fcp, room + 2);
        room[1] = (u8)n;
        bytes told = bytes_of(room, n + 2);
        CHECK_EQ(iso_file_rule(told, ISO_READ, 1), cases[i].read);
        CHECK_EQ(iso_file_rule(told, ISO_UPDATE, 1), cases[i].update);
        CHECK_EQ(iso_file_rule(told, ISO_DELETE, 1), cases[i].delete);
        if (test_failing) printf("    %s\n", cases[i].fcp);
    }
}
#else
TEST(iso_rules_of_files) { }
#endif

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
    RUN(iso_what_is_not_there);
    RUN(iso_sizes_of_files);
    RUN(iso_rules_of_files);
    RUN(iso_commands_as_the_standard_has_them);
}
