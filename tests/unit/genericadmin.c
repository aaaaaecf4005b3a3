// genericadmin.c: >>genericadmin, what it makes of FCPs and of EF.UnusedSpace; whole changes are in
// programs/written.c and programs/write_generic.h. SPDX-License-Identifier: 0BSD

#if SCARD11_GENERIC && SCARD11_WRITE
#include "p15_directory.h"

// Files of bytes, whose rules suit what is to be in them.
TEST(genericadmin_files_that_suit)
{
    static const struct { const char *fcp; bool bytes, rules, public, private; } cases[] = {
        { "62(82:01 8c:030000)", true, true, true, false },
        { "62(82:01 8c:031000)", true, true, true, false },
        { "62(82:01 8c:039090)", true, true, false, true },
        { "62(82:01 8c:03ff00)", true, true, false, false },    // nobody changes it
        { "62(82:01 8c:0310ff)", true, true, false, false },    // nobody reads it
        { "62(82:01 8c:032000)", true, true, false, false },    // a key changes it
        { "62(82:01 86:1234)", true, true, true, true },        // who knows
        { "6f(82:01 8b:2f0601)", true, true, true, true },
        { "6f(82:01 8b:2f0601) ab(80:02 97:)", true, true, false, false },
        { "62(82:01)", true, false, true, true },
        { "62(8c:030000)", false, true, true, false },          // a file of what?
        { "62(82:38 8c:030000)", false, true, true, false },
        { "62(82:0221 8c:030000)", false, true, true, false },
        { "", false, false, true, true } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_used = 0;
        bytes told = p15_text(cases[i].fcp);
        CHECK_EQ(genericadmin_is_bytes(told), cases[i].bytes);
        CHECK_EQ(genericadmin_has_rules(told), cases[i].rules);
        CHECK_EQ(genericadmin_suits(told, 1, false), cases[i].public);
        CHECK_EQ(genericadmin_suits(told, 1, true), cases[i].private);
        if (test_failing) printf("    %s\n", cases[i].fcp);
    }
}

// A new file's FCP: size, identifier, and what another one has of rules.
TEST(genericadmin_fcps)
{
    static const struct { const char *told, *made; st want; } cases[] = {
        { "6f(80:0100 82:01 83:3400 88:20 8a:05 8c:030000)",
          "6213 80020123 820101 83023405 8a0105 8c03030000", ST_OK },
        { "62(81:0100 82:0121 83:3400 88: 8b:2f0602 85:0102 a5(81:01))",
          "6213 81020123 82020121 83023405 8800 8b032f0602", ST_OK },
        { "62(82:01 ab(80:02 97:))", "6212 80020123 820101 83023405 ab05 800102 9700", ST_OK },
        { "62(82:38 8c:030000)", "", ST_CARD_FULL }, { "", "", ST_CARD_FULL } };
    struct p15_new_file file = { .size = 0x123, .path = BYTES(0x3f, 0, 0x50, 0x15, 0x34, 5) };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        u8 room[GENERICADMIN_FCP];
        struct buf b = buf_on(room, sizeof room);
        p15_used = 0;
        CHECK_ST(genericadmin_put_fcp(&file, p15_text(cases[i].told), &b), cases[i].want);
        CHECK_BYTES(b.p, b.n, cases[i].made);
        if (test_failing) printf("    %s\n", cases[i].told);
    }
}

// Records of EF.UnusedSpace, and such a record with another part.
TEST(genericadmin_spaces)
{
    static const struct { const char *record; st want; u32 offset, length; size_t auth_id; }
        cases[] = {
        { "30(30(04:3f0050153400 02:10 80:0100))", ST_OK, 16, 256, 0 },
        { "30(30(04:3400 02:00 80:7f) 04:01)", ST_OK, 0, 127, 1 },
        { "30(30(04:3400 02:00 a0(02:20)))", ST_OK, 0, 32, 0 },
        { "30(30(04:3400))", ST_OK, 0, 0, 0 },                          // of no byte
        { "30(30(a1(4f:a000 04:3400) 80:10))", ST_NOT_FOUND, 0, 16, 0 },
        { "30(04:3400)", ST_PROTOCOL, 0, 0, 0 }, { "31(30(04:3400))", ST_PROTOCOL, 0, 0, 0 },
        { "30(30(04:34))", ST_PROTOCOL, 0, 0, 0 } };
    struct genericadmin_space space;
    struct tlv record;
    u8 room[64];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_used = 0;
        bytes text = p15_text(cases[i].record);
        CHECK_ST(tlv_next(&text, &record), ST_OK);
        CHECK_ST(genericadmin_parse_space(&record, &space), cases[i].want);
        if (cases[i].want == ST_PROTOCOL) continue;
        CHECK_EQ(space.path.offset, cases[i].offset);
        CHECK_EQ(space.path.length, cases[i].length);
        CHECK_EQ(space.auth_id.n, cases[i].auth_id);
        if (test_failing) printf("    %s\n", cases[i].record);
    }
    struct buf b = buf_on(room, sizeof room);
    p15_used = 0;
    bytes text = p15_text("30(30(04:3400 02:00 80:7f) 04:01 30:)");
    CHECK_ST(tlv_next(&text, &record), ST_OK);
    CHECK_ST(genericadmin_parse_space(&record, &space), ST_OK);
    genericadmin_put_space(&space, 200, 0, &b);
    CHECK_BYTES(b.p, b.n, "3012 300b 04023400 020200c8 800100 040101 3000");
}

// What is given back joins what is beside it.
TEST(genericadmin_spaces_join)
{
    static const struct { const char *unused; u32 offset, length; const char *old, *fresh; }
        cases[] = {
        { "30(30(04:3400 02:64 80:10))", 90, 10, "30(30(04:3400 02:64 80:10))",
          "30(30(04:3400 02:5a 80:1a))" },
        { "30(30(04:3400 02:00 80:5a))", 90, 10, "30(30(04:3400 02:00 80:5a))",
          "30(30(04:3400 02:00 80:64))" },
        { "30(30(04:3400 02:64 80:00))", 90, 10, "30(30(04:3400 02:64 80:00))",
          "30(30(04:3400 02:5a 80:0a))" },
        { "30(30(04:3401 02:64 80:10))", 90, 10, "", "30(30(04:3400 02:5a 80:0a))" },
        { "30(30(04:3401 02:64 80:00))", 90, 10, "30(30(04:3401 02:64 80:00))",
          "30(30(04:3400 02:5a 80:0a))" },
        { "30(30(04:3400 02:70 80:10))", 90, 10, "", "30(30(04:3400 02:5a 80:0a))" },
        { "", 90, 10, "", "30(30(04:3400 02:5a 80:0a))" } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const struct genericadmin_space given = {
            .path = { .file = BYTES(0x34, 0), .offset = cases[i].offset,
                      .length = cases[i].length } };
        u8 room[64];
        struct buf b = buf_on(room, sizeof room);
        bytes old;
        p15_used = 0;
        genericadmin_join(p15_text(cases[i].unused), &given, &old, &b);
        CHECK(bytes_equal(old, p15_text(cases[i].old)));
        CHECK(bytes_equal(buf_bytes(&b), p15_text(cases[i].fresh)));
        if (test_failing) printf("    case %zu\n", i);
    }
}

// What a directory file names of a file, whole or in part.
TEST(genericadmin_named_parts)
{
    static const struct { const char *records; u32 offset, length; bool named; } cases[] = {
        { "30(30: 30: a1(30(30(04:3f0050153400))))", 0, 0, true },
        { "30(30: 30: a1(30(30(04:3401))))", 0, 0, false },
        { "30(30: 30: a1(30(30(04:3400 02:10 80:10))))", 0, 16, false },
        { "30(30: 30: a1(30(30(04:3400 02:10 80:10))))", 32, 0, false },
        { "30(30: 30: a1(30(30(04:3400 02:10 80:10))))", 31, 1, true },
        { "30(30: 30: a1(30(30(04:3400 02:10 80:10))))", 0, 17, true },
        { "a1(30: 30: a1(30(06:2a 30(04:3400))))", 0, 0, true },
        { "=000730 30(30: 30: a1(30(30(04:3402)))) 30(30: 30: a1(30(04:3400)))", 5, 1, true },
        { "30(30: 30: a1(30(a0(04:3400))))", 0, 0, false }, { "=30ff", 0, 0, false } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const struct p15_path path = { .file = BYTES(0x34, 0), .offset = cases[i].offset,
                                       .length = cases[i].length };
        p15_used = 0;
        CHECK_EQ(genericadmin_names(p15_text(cases[i].records), &path), cases[i].named);
        if (test_failing) printf("    case %zu\n", i);
    }
}

static void test_genericadmin(void)
{
    RUN(genericadmin_files_that_suit);
    RUN(genericadmin_fcps);
    RUN(genericadmin_spaces);
    RUN(genericadmin_spaces_join);
    RUN(genericadmin_named_parts);
}
#else
static void test_genericadmin(void) { }
#endif
