// fineid.c: >>fineid, what it makes of answers; whole conversations are cards.c's and eid.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_FINEID

#define FINEID_SELECT "00a40400 0c a000000063504b43532d3135 00"

// Cards of other kinds have PKCS#15's AID, too: what they say to GET DATA is not what these say.
TEST(fineid_leaves_other_cards_alone)
{
    static const char *const answers[] = { "6d00", "6a88", "9000", "a000 9000", "a0038301119000",
        "a003df2100 9000", "30 05 df21020505 9000", "a0ff 9000" };
    static char line[2][100];
    static const char *lines[] = { FINEID_SELECT " > 9000", line[0], line[1], NULL };
    static const char *const no[] = { FINEID_SELECT " > 6a82", NULL };
    for (size_t i = 0; i < COUNT(answers); i++) {
        snprintf(line[0], sizeof line[0], "00cb00ff 05 a003830111 00 > %s", answers[i]);
        snprintf(line[1], sizeof line[1], "00cb00ff 05 a003830181 00 > %s", answers[i]);
        esteid_begin(lines);
        CHECK_ST(fineid_probe(&card_it, card_t, padding_scratch()), ST_NOT_MINE);
        card_script_over();
    }
    esteid_begin(no);
    CHECK_ST(fineid_probe(&card_it, card_t, padding_scratch()), ST_NOT_MINE);
    card_script_over();
}

TEST(fineid_knows_an_estonian_card)
{
    static const char *const lines[] = { FINEID_SELECT " > 9000",
        "00cb00ff 05 a003830111 00 > 6a88",
        "00cb00ff 05 a003830181 00 > a00a 830181 df210402ffa503 9000", NULL };
    esteid_begin(lines);
    CHECK_ST(fineid_probe(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(!strcmp(card_t->label, "EstEID (PIN1)"));
    CHECK(!strcmp(card_it.tokens[1].label, "EstEID (PIN2)"));
    CHECK_EQ(card_pin(card_t)->tries, 2);
    CHECK_EQ(card_pin(card_t)->tries_max, 3);
    CHECK_EQ(card_pin(&card_it.tokens[1])->tries, -1);
    CHECK_EQ(card_pin(&card_it.tokens[1])->reference, 0x82);
    CHECK_EQ(test_puk(card_t)->reference, 0x83);
    card_script_over();
}

// Another program uses the card: which kind it is, it says without a SELECT that would end a login.
TEST(fineid_looks_without_select)
{
    static const char *const estonian[] = { "00cb00ff 05 a003830111 00 > 6a88",
        "00cb00ff 05 a003830181 00 > a00a 830181 df210402ffa503 9000", NULL };
    static const char *const finnish[] = {
        "00cb00ff 05 a003830111 00 > a00a 830111 df210405ffa503 9000",
        "00a40804 02 5031 00 > 6a82", NULL };
    static const char *const elsewhere[] = { "00cb00ff 05 a003830111 00 > 6d00",
        "00cb00ff 05 a003830181 00 > 6d00", FINEID_SELECT " > 9000",
        "00cb00ff 05 a003830111 00 > 6a88",
        "00cb00ff 05 a003830181 00 > a00a 830181 df210402ffa503 9000", NULL };
    static const char *const no[] = { "00cb00ff 05 a003830111 00 > 6d00",
        "00cb00ff 05 a003830181 00 > 6d00", FINEID_SELECT " > 6a82", NULL };
    const char *const *const cases[] = { estonian, finnish, elsewhere, no };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        esteid_begin(cases[i]);
        if (test_failing) return;
        card_it.shared = true;
        CHECK_ST(fineid_probe(&card_it, card_t, padding_scratch()), i == 3 ? ST_NOT_MINE : ST_OK);
        if (i < 3) CHECK(card_it.sure && card_it.current == card_t);
        if (i < 3) CHECK_EQ(card_pin(card_t)->tries, i == 1 ? 5 : 2);
        card_script_over();
        card_it.shared = false;
    }
}

TEST(fineid_that_leaves_or_is_too_much)
{
    static const char *const lines[] = { FINEID_SELECT " > 9000",
        "00cb00ff 05 a003830111 00 > 6a88",
        "00cb00ff 05 a003830181 00 > a00a 830181 df210402ffa503 9000", NULL };
    esteid_probes = fineid_probe;
    esteid_check_ends(lines);
}

// ECDH is deciphering a point: the secret as it comes, or what is wrong.
TEST(fineid_derives)
{
    static char line[200];
    static const char *const lines[] = { "002241b8 03 840101 > 9000", line, NULL };
    static const struct { const char *answer; st want; } cases[] = {
        { NULL, ST_OK }, { "0102 9000", ST_PROTOCOL }, { "6982", ST_NOT_LOGGED_IN },
        { "6a80", ST_FAILED }, { "6985", 0x6985 } };
    static struct fineid f;
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        u8 room[64];
        struct buf out = buf_on(room, sizeof room);
        snprintf(line, sizeof line, "002a8086 02 0004 00 > %s%s",
                 cases[i].answer ? cases[i].answer : p15_hex_of(4, 32),
                 cases[i].answer ? "" : " 9000");
        p15dir_init(&f.p15, BYTES_NONE, P15_FLAT);
        p15_begin_key(lines, &f.p15, ALG_EC, 256);
        if (test_failing) return;
        CHECK_ST(fineid_derive(&card_it, &p15_scripted_object, BYTES(4), p15_scratch(), &out),
                 cases[i].want);
        if (!cases[i].want) CHECK_BYTES(out.p, out.n, p15_hex_of(4, 32));
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}
#endif

static void test_fineid(void)
{
#if SCARD11_FINEID
    RUN(fineid_leaves_other_cards_alone);
    RUN(fineid_knows_an_estonian_card);
    RUN(fineid_looks_without_select);
    RUN(fineid_that_leaves_or_is_too_much);
    RUN(fineid_derives);
#endif
}
