// p15key.c: >>p15key. What drivers do with it is in their own files.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

// The secret comes bare or in 7C { 82 }, as long as the curve.
TEST(p15key_secrets)
{
#define P15KEY_AGREED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static const struct { const char *answer; st want; } cases[] = {
        { "00860000 05 7c03850104 00 > " P15KEY_AGREED " 9000", ST_OK },
        { "00860000 05 7c03850104 00 > 7c22 8220 " P15KEY_AGREED " 9000", ST_OK },
        { "00860000 05 7c03850104 00 > 7c03 820101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 7c03 830101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 3003 820101 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 9000", ST_PROTOCOL },
        { "00860000 05 7c03850104 00 > 6a80", 0x6a80 } };
    struct alg_key key = { .type = ALG_EC, .curve = alg_curve_named("P-256") };
    struct object o = { .key = &key };
    u8 room[64];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { cases[i].answer, NULL };
        struct buf out = buf_on(room, sizeof room);
        p15_begin_script(lines, 0);
        if (test_failing) return;
        CHECK_ST(p15key_agree(&card_it, &o, BYTES(4), p15_scratch(), &out), cases[i].want);
        if (!cases[i].want) CHECK_BYTES(out.p, out.n, P15KEY_AGREED);
        card_script_over();
        if (test_failing) printf("    %s\n", cases[i].answer);
    }
}

TEST(p15key_what_a_key_says)
{
    static const st failed[] = { 0x6a80, 0x6a81, 0x6a86, 0x6a88, 0x6a82, 0x6700, 0x6984 };
    for (size_t i = 0; i < COUNT(failed); i++) CHECK_ST(p15key_status(failed[i]), ST_FAILED);
    CHECK_ST(p15key_status(0x6982), ST_NOT_LOGGED_IN);
    CHECK_ST(p15key_status(0x6985), 0x6985);
    CHECK_ST(p15key_status(ST_OK), ST_OK);
}

static void test_p15key(void)
{
    RUN(p15key_secrets);
    RUN(p15key_what_a_key_says);
}
