// extended.c: >>extended. What moves its states: each row of the two tables in scard11.c.
// SPDX-License-Identifier: 0BSD
#include "scripted_card.h"

TEST(extended_reads_the_atr)
{
    static const struct { const char *atr; bool extended; } cases[] = {
        { "3b8080 0101", true },                        // no historical bytes that say: worth a try
        { "3bfd1300008131fe158073c021c057597562694b657940", true },     // YubiKey 5: 73 C0 21 C0
        { "3b8d80018073c021c057597562694b6579f9", true },
        { "3b85800173000080 00", true },                // category 73: not compact-TLV
        { "3b8580018073c02180", false },                // 73 C0 21 80: no extended length
        { "3b", true }, { "", true },
        { "3bff", true }, { "3b8f", true },             // cut off
        { "3b83018073", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        u8 atr[40];
        size_t n = sim_script_hex(cases[i].atr, cases[i].atr + strlen(cases[i].atr), atr);
        CHECK_EQ(extended_atr_says(bytes_of(atr, n)), cases[i].extended);
    }
}

TEST(extended_reads_the_protocols_of_an_atr)
{
    static const struct { const char *atr; bool t0; } cases[] = {
        { "3b00", true },                               // no TD: T=0
        { "3b6700002920006f789000", true }, { "3b8000", true },
        { "3b800f", true },                             // 15 is no protocol
        { "3b8001", false }, { "3b8080 0101", false }, { "3bfd1300008131fe158073c021", false },
        { "3bd096ff80 1f0331", true }, { "3b", false }, { "", false },
        { "3bff", true }, { "3bf0112233", true },       // cut off
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        u8 atr[40];
        size_t n = sim_script_hex(cases[i].atr, cases[i].atr + strlen(cases[i].atr), atr);
        CHECK_EQ(extended_atr_is_t0(bytes_of(atr, n)), cases[i].t0);
        if (test_failing) printf("    %s\n", cases[i].atr);
    }
}

TEST(extended_is_on_where_card_and_reader_allow_it)
{
    static const struct { bool t0; u32 reader_max; u8 refused, trust; bool on; }
    cases[] = {
        { false, 0, 0, EXTENDED_GOOD, true },
        { false, 262, 0, EXTENDED_GOOD, true },
        { false, 261, 0, EXTENDED_GOOD, false },
        { true, 0, 0, EXTENDED_GOOD, false },
        { false, 0, EXTENDED_FORMS, EXTENDED_GOOD, false },
        { false, 0, EXTENDED_LE_DATA, EXTENDED_GOOD, true },
        { false, 0, 0, EXTENDED_SUSPECTED, false },
        { false, 0, 0, EXTENDED_DOUBTED, true },
        { false, 0, 0, EXTENDED_SUSPECTED_AGAIN, false },
        { false, 0, 0, EXTENDED_SHORT, false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct extended_reader reader = { cases[i].trust, 0 };
        struct extended e = { .refused = cases[i].refused, .reader = &reader };
        extended_connected(&e, cases[i].t0, cases[i].reader_max, BYTES_NONE);
        CHECK_EQ(e.on, cases[i].on);
        e.proven = EXTENDED_LE_ALONE;                   // a card that has proven it is not asked again
        extended_connected(&e, !cases[i].t0, cases[i].reader_max, BYTES_NONE);
        CHECK_EQ(e.on, cases[i].on);
        if (test_failing) printf("    case %zu\n", i);
    }
}

// What comes back for a command of a form that is open, and where nothing or another one is proven.
TEST(extended_proves_each_form_by_itself)
{
    const struct apdu read = { .ins = 0xcb, .le = APDU_LE_ALL };
    const struct apdu ask = { .ins = 0xcb, .data = BYTES(1), .le = APDU_LE_ALL };
    struct extended_reader reader = { EXTENDED_GOOD, 0 };
    struct extended e = { .on = true, .reader = &reader };
    CHECK(extended_is_untried(&e) && extended_tries(&e, &read) && extended_takes_all(&e));
    u8 forms = extended_shorten(&e, &ask);              // nothing is proven: all go short
    CHECK(forms == EXTENDED_FORMS && !extended_takes(&e, &read) && !extended_takes_data(&e));
    extended_reopen(&e, forms);
    CHECK(!e.on && !e.refused);                         // until the next connect
    extended_connected(&e, false, 0, BYTES_NONE);
    CHECK(extended_tries(&e, &read));
    extended_done(&e, &read);
    CHECK(extended_takes(&e, &read) && !extended_tries(&e, &read) && extended_tries(&e, &ask));
    forms = extended_shorten(&e, &ask);                 // this form alone
    CHECK(forms == EXTENDED_LE_DATA && !extended_takes(&e, &ask) && extended_takes(&e, &read));
    CHECK(extended_takes_data(&e) && !extended_takes_all(&e));
    extended_reopen(&e, forms);
    CHECK(extended_tries(&e, &ask) && !extended_is_untried(&e));
    extended_failed(&e, &read);                         // of a proven form it says nothing
    CHECK_EQ(reader.trust, EXTENDED_GOOD);
    extended_failed(&e, &(struct apdu){ .ins = 0xcb, .le = 256 });
    CHECK_EQ(reader.trust, EXTENDED_GOOD);              // nor does a short one
    extended_failed(&e, &ask);
    CHECK_EQ(reader.trust, EXTENDED_SUSPECTED);
}

TEST(extended_suspects_a_reader_until_the_next_card)
{
    static const struct { u8 failed, left, same, another; } moves[] = {
        [EXTENDED_GOOD] = { EXTENDED_SUSPECTED, EXTENDED_GOOD, EXTENDED_GOOD, EXTENDED_GOOD },
        [EXTENDED_SUSPECTED] = { EXTENDED_SUSPECTED, EXTENDED_SUSPECTED, EXTENDED_SHORT,
                                 EXTENDED_DOUBTED },
        [EXTENDED_DOUBTED] = { EXTENDED_SUSPECTED_AGAIN, EXTENDED_GOOD, EXTENDED_DOUBTED,
                               EXTENDED_DOUBTED },
        [EXTENDED_SUSPECTED_AGAIN] = { EXTENDED_SUSPECTED_AGAIN, EXTENDED_SUSPECTED,
                                       EXTENDED_SHORT, EXTENDED_SHORT },
        [EXTENDED_SHORT] = { EXTENDED_SHORT, EXTENDED_SHORT, EXTENDED_SHORT, EXTENDED_SHORT } };
    const struct apdu cmd = { .ins = 0xcb, .le = APDU_LE_ALL };
    for (size_t i = 0; i < COUNT(moves); i++) {
        const struct extended_reader before = { (u8)i, 7 };
        struct extended_reader reader = before;
        struct extended e = { .on = true, .reader = &reader };
        extended_failed(&e, &cmd);
        CHECK_EQ(reader.trust, moves[i].failed);
        reader = before;
        extended_card_left(&reader, &e, 8);             // one that had proven nothing
        CHECK(reader.trust == before.trust && reader.changes == 8);
        e.proven = EXTENDED_LE_DATA;
        extended_card_left(&reader, &e, 9);
        CHECK(reader.trust == moves[i].left && reader.changes == 9);
        reader = before;
        extended_card_came(&reader, 7);
        CHECK_EQ(reader.trust, moves[i].same);
        reader = before;
        extended_card_came(&reader, 8);
        CHECK_EQ(reader.trust, moves[i].another);
        if (test_failing) printf("    state %zu\n", i);
    }
}

static void test_extended(void)
{
    RUN(extended_reads_the_atr);
    RUN(extended_reads_the_protocols_of_an_atr);
    RUN(extended_is_on_where_card_and_reader_allow_it);
    RUN(extended_proves_each_form_by_itself);
    RUN(extended_suspects_a_reader_until_the_next_card);
}
