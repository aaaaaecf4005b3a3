// probe.c: >>probe.
// SPDX-License-Identifier: 0BSD

// A scripted card, probed; the status, and the card in card_it.
static st probe_script(const char *const *lines)
{
    link_open_script(lines);
    card_begin(1 << 20);
    card_it.link = link_l;
    u8 room[70000 / 8], *high = room;
    struct scratch scratch = { room, room + sizeof room, &high };
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

#if SCARD11_PIV
// After the discovery object: no CHUID, and three tries left.
#define PROBE_REST "00cb3fff 000005 5c035fc102 0000 > 6a82", "00200080 > 63c3"

TEST(probe_takes_piv)
{
    static const char *const whole[] = { "00a40400 09 a00000030800001000 00 > 9000",
                                         "00cb3fff 000003 5c017e 0000 > 6a82", PROBE_REST, NULL };
    CHECK_ST(probe_script(whole), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    CHECK(card_it.sure && card_it.current == &card_it.tokens[0]);
    arena_free(&card_it.arena);
    link_over();
}

// 6F00 is no answer to what was asked: PIV is asked again, whatever came after it.
TEST(probe_asks_again_after_an_error)
{
    static const char *const select[] = { "00a40400 09 a00000030800001000 00 > 6f00",
        "00a40400 09 a00000030800001000 00 > 9000", "00cb3fff 000003 5c017e 0000 > 6a82", PROBE_REST,
        NULL };
    static const char *const later[] = { "00a40400 09 a00000030800001000 00 > 9000",
        "00cb3fff 000003 5c017e 0000 > 6581", PROBE_REST,
        "00a40400 09 a00000030800001000 00 > 9000", "00cb3fff 000003 5c017e 0000 > 6a82", PROBE_REST,
        NULL };
    CHECK_ST(probe_script(select), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    arena_free(&card_it.arena);
    link_over();
    if (test_failing) return;
    CHECK_ST(probe_script(later), ST_OK);
    CHECK(card_it.token_count == 1 && card_it.tokens[0].driver == &driver_piv);
    arena_free(&card_it.arena);
    link_over();
}
#endif

static void test_probe(void)
{
    RUN(probe_unknown_cards);
#if SCARD11_PIV
    RUN(probe_takes_piv);
    RUN(probe_asks_again_after_an_error);
#endif
}
