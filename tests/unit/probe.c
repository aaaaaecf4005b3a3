// probe.c: >>probe.
// SPDX-License-Identifier: 0BSD

static bool probe_shared;               // another program has the card

// A scripted card, probed; the status, and the card in card_it.
static st probe_script(const char *const *lines)
{
    card_script(lines);
    card_it.shared = probe_shared;
    u8 ALIGNED room[70000 / 8];
    struct scratch scratch = scratch_on(room, sizeof room);
    st s = probe_card(&card_it, scratch);
    link_l = card_it.link;
    return s;
}

TEST(probe_unknown_cards)
{
    const char *no[30], *never[30];
    for (size_t i = 0; i < COUNT(no); i++) {            // whatever the drivers ask
        no[i] = i < 29 ? "* > 6a82" : NULL;
        never[i] = i < 29 ? i % 2 ? "* > 6d00" : "* > 6999" : NULL;
    }
    CHECK_ST(probe_script(no), ST_UNKNOWN_TOKEN);
    while (link_card.lines[link_card.at]) link_card.at++;
    CHECK_EQ(card_it.token_count, 0);
    arena_free(&card_it.arena);
    link_over();
    if (test_failing) return;
    CHECK_ST(probe_script(never), ST_UNKNOWN_TOKEN);
    while (link_card.lines[link_card.at]) link_card.at++;
    arena_free(&card_it.arena);
    link_over();
}

static char probe_sent[40][64];         // each command, in hex
static unsigned probe_sent_n, probe_twice;
static size_t (*probe_apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);

static size_t probe_counts(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                           size_t room)
{
    char *line = probe_sent[probe_sent_n++ % COUNT(probe_sent)];
    for (size_t i = 0; i < n && i < 31; i++) sprintf(line + 2 * i, "%02x", cmd[i]);
    for (unsigned i = 0; i + 1 < probe_sent_n; i++) probe_twice += !strcmp(probe_sent[i], line);
    return probe_apdu(card, cmd, n, rsp, room);
}

// A card that has nothing of what is asked for is asked for each AID once, for EF.DIR, and for the
// DF of PKCS#15: the fewest commands that there are. An ATR that is like another card's costs none.
TEST(probe_asks_an_unknown_card_once)
{
    static const char *const atrs[] = { "", "eID2", "\xad\x13", "OsEID", "\xb0\x85\x05" };
    const char *no[30];
    u8 ALIGNED room[70000 / 8];
    unsigned aids = SCARD11_PIV + SCARD11_OPENPGP + SCARD11_ISOAPPLET + SCARD11_SCHSM +
                    SCARD11_GIDS + SCARD11_ESTEID + SCARD11_BELPIC + 3 * SCARD11_CAC +
                    (SCARD11_MYEID || SCARD11_FINEID || SCARD11_GENERIC);
    for (size_t i = 0; i < COUNT(no); i++) no[i] = i < 29 ? "* > 6a82" : NULL;
    for (size_t i = 0; i < COUNT(atrs) && !test_failing; i++) {
        probe_sent_n = probe_twice = 0;
        link_open_script(no);
        if (test_failing) return;
        probe_apdu = link_card.card.apdu;
        link_card.card.apdu = probe_counts;
        card_begin(1 << 20);
        card_it.link = link_l;
        card_it.link.atr_len = strlen(atrs[i]);
        memcpy(card_it.link.atr, atrs[i], card_it.link.atr_len);
        CHECK_ST(probe_card(&card_it, scratch_on(room, sizeof room)), ST_UNKNOWN_TOKEN);
        link_l = card_it.link;
        CHECK_EQ(probe_twice, 0);
        CHECK_EQ(probe_sent_n, aids + 2 * SCARD11_GENERIC);
        while (link_card.lines[link_card.at]) link_card.at++;
        arena_free(&card_it.arena);
        link_over();
    }
}

// Each driver is asked once, the one that the ATR hints at first.
TEST(probe_asks_each_driver_once_in_order)
{
    for (const struct probe_row *row = probe_drivers; row->driver && !test_failing; row++) {
        card_begin(1 << 20);
        card_it.link.atr_len = row->hint ? strlen(row->hint) : 0;
        if (row->hint) memcpy(card_it.link.atr, row->hint, card_it.link.atr_len);
        struct probe_order order = probe_order_of(&card_it);
        if (row->hint && *row->hint) CHECK(order.at[0] == row->driver);
        for (u32 i = 0; i < order.n; i++)
            for (u32 k = 0; k < i; k++) CHECK(order.at[i] != order.at[k]);
        unsigned there = 0;
        for (u32 i = 0; i < order.n; i++) there += order.at[i] == row->driver;
        CHECK_EQ(there, 1);
        arena_free(&card_it.arena);
    }
}

// What a writer promises, its driver's row of probe_writers does; no other driver has a row.
TEST(probe_writers_do_what_their_writers_promise)
{
    static const struct writer silent = { .wraps = false };
    for (const struct probe_row *row = probe_drivers; row->driver; row++) {
        const struct writer *writer = row->driver->writer ? row->driver->writer : &silent;
        const struct token token = { .driver = row->driver };
        const struct writing *writing = probe_writing(&token);
        CHECK_EQ(writing->store != NULL, row->driver->writer != NULL);
        CHECK_EQ(writing->generate != NULL, writer->makes != NULL);
        CHECK(!writing->import || writer->makes);
        CHECK_EQ(writing->set != NULL, writer->sets != NULL);
        CHECK_EQ(writing->erase != NULL, writer->erases != NULL);
        CHECK_EQ(writing->wrap != NULL, writer->wraps);
        CHECK_EQ(writing->unwrap != NULL, writer->wraps);
        CHECK_EQ(writing->set_key != NULL, writer->prove != NULL);
    }
}

#if SCARD11_PIV
#define PROBE_PIV   "00a40400 09 a00000030800001000 00 > "
#define PROBE_CHUID "00cb3fff 000005 5c035fc102 0000 > "
#define PROBE_7E    "00cb3fff 000003 5c017e 0000 > "
#define PROBE_9A    "00cb3fff 000005 5c035fc105 0000 > "
#define PROBE_PGP   "00a40400 06 d27600012401 00 > "
#define PROBE_SEARCHES (SCARD11_OPENPGP && SCARD11_READER_SLOTS > 1)
#if PROBE_SEARCHES
#define PROBE_NO_PGP PROBE_PGP "6a82",
#else
#define PROBE_NO_PGP
#endif
#if SCARD11_GIDS                        // asked whether it is selected, too
#define PROBE_NO_GIDS "00cba012 04 5c02df20 00 > 6d00",
#else
#define PROBE_NO_GIDS
#endif
// After the CHUID: no discovery object, and three tries left; and no other application.
#define PROBE_REST PROBE_7E "6a82", "00200080 > 63c3", PROBE_NO_PGP

static void probe_over(void)
{
    arena_free(&card_it.arena);
    link_over();
}

TEST(probe_takes_piv)
{
    static const char *const whole[] = { PROBE_PIV "9000", PROBE_CHUID "6a82", PROBE_REST NULL };
    CHECK_ST(probe_script(whole), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    CHECK(card_it.sure == !PROBE_SEARCHES);        // a no to another AID shows nothing
    CHECK(card_it.current == &card_it.tokens[0]);
    probe_over();
}

// 6F00 is no answer to what was asked: PIV is asked again, whatever came after it.
TEST(probe_asks_again_after_an_error)
{
    static const char *const select[] = { PROBE_PIV "6f00", PROBE_PIV "9000", PROBE_CHUID "6a82",
        PROBE_REST NULL };
    static const char *const later[] = { PROBE_PIV "9000", PROBE_CHUID "6581", PROBE_7E "6a82",
        "00200080 > 63c3", PROBE_PIV "9000", PROBE_CHUID "6a82", PROBE_REST NULL };
    CHECK_ST(probe_script(select), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    probe_over();
    if (test_failing) return;
    CHECK_ST(probe_script(later), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    probe_over();
}

#if PROBE_SEARCHES
// OpenPGP beside PIV is the second token, and the application that is selected then.
TEST(probe_finds_two_applications)
{
    const char *both[] = { PROBE_PIV "9000", PROBE_CHUID "6a82", PROBE_7E "6a82",
        "00200080 > 63c3", PROBE_PGP "9000",
        openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C4, false), NULL };
    CHECK_ST(probe_script(both), ST_OK);
    CHECK_EQ(card_it.token_count, 2);
    CHECK(card_it.tokens[0].driver == &driver_piv && card_it.tokens[1].driver == &driver_openpgp);
    CHECK(card_it.tokens[0].index == 0 && card_it.tokens[1].index == 1);
    CHECK(card_it.sure && card_it.current == &card_it.tokens[1] && !card_it.more);
    probe_over();
}

// A card that says yes to any AID, and has nothing there: PIV stays, and is to be selected again.
TEST(probe_does_not_know_where_a_yes_led)
{
    static const char *const yes[] = { PROBE_PIV "9000", PROBE_CHUID "6a82", PROBE_7E "6a82",
        "00200080 > 63c3", PROBE_PGP "9000", "00ca006e 000000 > 6a88", NULL };
    CHECK_ST(probe_script(yes), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    CHECK(!card_it.sure && !card_it.current);
    probe_over();
}

// Another program has the card: both are asked whether they are selected before any SELECT. The one
// that is is taken; the other one waits, unless the first says that nobody is logged in.
TEST(probe_looks_before_it_selects)
{
    const char *piv_login[] = { PROBE_7E "6a82", PROBE_CHUID "6a82", PROBE_9A "530101 9000",
        PROBE_CHUID "6a82", PROBE_7E "6a82", "00200080 > 9000", NULL };
    const char *piv_idle[] = { PROBE_7E "6a82", PROBE_CHUID "6a82", PROBE_9A "530101 9000",
        PROBE_CHUID "6a82", PROBE_7E "6a82", "00200080 > 63c3", PROBE_PGP "6a82", NULL };
    const char *pgp[] = { PROBE_7E "6a82", PROBE_CHUID "6a82", PROBE_9A "6a82",
        OPENPGP_GET_4F OPENPGP_AID_A "9000",
        openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C4, false), NULL };
    const char *neither[] = { PROBE_7E "6a82", PROBE_CHUID "6a82", PROBE_9A "6a82",
        OPENPGP_GET_4F "6d00", PROBE_NO_GIDS PROBE_PIV "6a82", PROBE_PGP "9000",
        openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C4, false), NULL };
    const char *no_get_data[] = { PROBE_7E "6d00", OPENPGP_GET_4F "6d00", PROBE_PIV "6a82",
        PROBE_PGP "9000", openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C4, false), NULL };
    const struct { const char *const *lines; const struct driver *driver; bool more; } cases[] = {
        { piv_login, &driver_piv, true }, { piv_idle, &driver_piv, false },
        { pgp, &driver_openpgp, true }, { neither, &driver_openpgp, false },
        { no_get_data, &driver_openpgp, false } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        probe_shared = true;
        st s = probe_script(cases[i].lines);
        probe_shared = false;
        CHECK_ST(s, ST_OK);
        CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == cases[i].driver);
        CHECK_EQ(card_it.more, cases[i].more);
        if (test_failing) printf("    case %zu\n", i);
        probe_over();
    }
}
#endif
#endif

static void test_probe(void)
{
    RUN(probe_unknown_cards);
    RUN(probe_asks_an_unknown_card_once);
    RUN(probe_asks_each_driver_once_in_order);
    RUN(probe_writers_do_what_their_writers_promise);
#if SCARD11_PIV
    RUN(probe_takes_piv);
    RUN(probe_asks_again_after_an_error);
#if PROBE_SEARCHES
    RUN(probe_finds_two_applications);
    RUN(probe_does_not_know_where_a_yes_led);
    RUN(probe_looks_before_it_selects);
#endif
#endif
}
