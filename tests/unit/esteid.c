// esteid.c: >>esteid, what it makes of answers; whole conversations are cards.c's and eid.c's.
// SPDX-License-Identifier: 0BSD

static void esteid_begin(const char *const *lines)
{
    card_script(lines);
    *card_t = (struct token){ .index = 0 };
}

static st (*esteid_probes)(struct card *, struct token *, struct scratch);

// A card pulled at each command while it is met, and memory that ends anywhere: never another card's.
static void esteid_check_ends(const char *const *lines)
{
    unsigned n = 0, full = 0;
    st s = ST_CARD_REMOVED;
    while (lines[n]) n++;
    for (unsigned at = 1; at <= n && !test_failing; at++) {
        esteid_begin(lines);
        if (test_failing) return;
        sim_reader_fault(SIM_EJECT, at, NULL);
        CHECK_ST(esteid_probes(&card_it, card_t, padding_scratch()), ST_CARD_REMOVED);
        CHECK(card_it.link.dead);
        link_disconnect(&card_it.link, false);
        arena_free(&card_it.arena);
    }
    for (size_t left = 0; left < 40000 && s && !test_failing; left += 512) {
        esteid_begin(lines);
        if (test_failing) return;
        card_it.arena.left = left;
        s = esteid_probes(&card_it, card_t, padding_scratch());
        if (s) CHECK_ST(s, ST_ARENA_FULL);
        full += s > 0;
        link_end(&card_it.link);
        link_disconnect(&card_it.link, false);
        arena_free(&card_it.arena);
    }
    CHECK(!s && full);
}

#if SCARD11_ESTEID

#define ESTEID_SELECT "00a40400 10 a000000077010800070000fe00000100 00"

TEST(esteid_knows_its_cards)
{
    static const char *const estonian[] = { ESTEID_SELECT " > 9000",
        "00a40204 02 d003 00 > 62048002000b 9000", "00b00000 20 > 0409415330303031313131 9000",
        NULL };
    static const char *const latvian[] = { ESTEID_SELECT " > 6f00 9000",
        "00a40204 02 d003 00 > 6a82", "00a40904 04 adf15031 00 > 9000", NULL };
    static const char *const neither[] = { ESTEID_SELECT " > 9000",
        "00a40204 02 d003 00 > 6a82", "00a40904 04 adf15031 00 > 6a82", NULL };
    static const char *const odd[] = { ESTEID_SELECT " > 9000", "00a40204 02 d003 00 > 9000",
        "00b00000 20 > 30020500 9000", "00a40904 04 adf15031 00 > 6982", NULL };
    static const char *const no[] = { ESTEID_SELECT " > 6999", NULL };
    esteid_begin(estonian);
    CHECK_ST(esteid_probe(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(!strcmp(card_t->serial, "AS0001111") && !strcmp(card_t->label, "EstEID (PIN1)"));
    CHECK(!strcmp(card_it.tokens[1].label, "EstEID (PIN2)"));
    CHECK_EQ(card_pin(&card_it.tokens[1])->reference, 0x85);
    CHECK_EQ(card_pin(&card_it.tokens[1])->min, 5);
    CHECK_EQ(test_puk(&card_it.tokens[1])->reference, 0x02);
    CHECK_EQ(card_it.token_count, 1);           // the second; >>probe counts the first
    card_script_over();
    esteid_begin(latvian);
    CHECK_ST(esteid_probe(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(!strcmp(card_t->label, "LatEID (PIN1)") && !*card_t->serial);
    card_script_over();
    const char *const *const others[] = { neither, odd, no };
    for (size_t i = 0; i < COUNT(others); i++) {
        esteid_begin(others[i]);
        CHECK_ST(esteid_probe(&card_it, card_t, padding_scratch()), ST_NOT_MINE);
        card_script_over();
    }
}

// Another program uses the card: what SELECT would end is looked for first, on cards that their ATR
// names. What is not there is asked for as ever.
TEST(esteid_looks_without_select)
{
    static const char *const estonian[] = { "00a4000c > 9000",
        "00a40204 02 d003 00 > 62048002000b 9000", "00b00000 20 > 0409415330303031313131 9000",
        NULL };
    static const char *const latvian[] = { "00a4000c > 9000", "00a40204 02 d003 00 > 6a82",
        "00a40904 04 adf15031 00 > 9000", NULL };
    static const char *const elsewhere[] = { "00a4000c > 6d00", "00a4000c > 6d00",
        ESTEID_SELECT " > 9000", "00a40204 02 d003 00 > 62048002000b 9000",
        "00b00000 20 > 0409415330303031313131 9000", NULL };
    static const char *const neither[] = { "00a4000c > 9000", "00a40204 02 d003 00 > 6a82",
        "00a40904 04 adf15031 00 > 6a82", ESTEID_SELECT " > 6a82", NULL };
    static const char *const unnamed[] = { ESTEID_SELECT " > 6a82", NULL };
    const char *const *const cases[] = { estonian, latvian, elsewhere, neither, unnamed };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        esteid_begin(cases[i]);
        if (test_failing) return;
        card_it.shared = true;
        card_it.link.atr_len = i < 4 ? 5 : 0;
        memcpy(card_it.link.atr, "SeID\x0f", 5);
        CHECK_ST(esteid_probe(&card_it, card_t, padding_scratch()), i > 2 ? ST_NOT_MINE : ST_OK);
        if (i < 3) CHECK(card_it.sure && card_it.current == card_t);
        if (i < 3) CHECK_EQ(!*card_t->serial, i == 1);
        card_script_over();
        card_it.shared = false;
    }
}

TEST(esteid_that_leaves_or_is_too_much)
{
    static const char *const estonian[] = { ESTEID_SELECT " > 9000",
        "00a40204 02 d003 00 > 62048002000b 9000", "00b00000 20 > 0409415330303031313131 9000",
        NULL };
    static const char *const latvian[] = { ESTEID_SELECT " > 6f00 9000",
        "00a40204 02 d003 00 > 6a82", "00a40904 04 adf15031 00 > 9000", NULL };
    esteid_probes = esteid_probe;
    esteid_check_ends(estonian);
    if (!test_failing) esteid_check_ends(latvian);
}

// What a card says of its PIN's tries: nothing of it is believed that is not whole.
TEST(esteid_tries)
{
    static const struct { const char *answer; int tries, most; } some[] = {
        { "700dbf8101 09 a007 9a0103 9b0102 a1 9000", 2, 3 },        // what comes last is cut
        { "700cbf810108a006 9a0103 9b0102 9000", 2, 3 },
        { "700cbf810108a006 9b0100 9a0105 9000", 0, 5 },
        { "700cbf810208a006 9a0103 9b0102 9000", -1, 0 },           // of another PIN
        { "700dbf810109a007 9a0103 9b020201 9000", -1, 3 },
        { "7000 9000", -1, 0 }, { "9000", -1, 0 }, { "6a88", -1, 0 }, { "70ff 9000", -1, 0 },
    };
    static char line[200];
    static const char *lines[] = { line, NULL };
    for (size_t i = 0; i < COUNT(some); i++) {
        struct esteid e = { .model = NULL };
        snprintf(line, sizeof line, "00cb3fff 0a 4d087006bf810102a080 00 > %s", some[i].answer);
        esteid_begin(lines);
        p15dir_init(&e.p15, bytes_of(esteid_aid, sizeof esteid_aid), P15_FLAT);
        e.p15.io = &esteid_io;
        card_it.sure = true;
        card_t->driver = &driver_esteid;
        p15_attach(card_t, &e.p15);
        *test_pin(card_t) = (struct credential){ .reference = ESTEID_PIN1, .tries = -1 };
        CHECK_ST(esteid_open(&card_it, card_t, padding_scratch()), ST_OK);
        CHECK_EQ(card_pin(card_t)->tries, some[i].tries);
        CHECK_EQ(card_pin(card_t)->tries_max, some[i].most);
        card_script_over();
    }
}

// A path that there is no room for is none.
TEST(esteid_path_without_memory)
{
    static const u8 before[] = { 1 };
    bytes path = bytes_of(before, 1);
    card_begin(1 << 20);
    CHECK_ST(esteid_path(&card_it, 1, BYTES(0x34, 0x1f, 0), &path), ST_NOT_FOUND);
    CHECK_EQ(path.n, 1);
    CHECK_ST(esteid_path(&card_it, 1, BYTES(0x34, 0x1f), &path), ST_OK);
    CHECK_BYTES(path.p, path.n, "adf2341f");
    card_it.arena.left = 0;
    st s = ST_OK;
    for (int i = 0; i < 20000 && !s; i++) s = esteid_path(&card_it, 1, BYTES(0x34, 0x1f), &path);
    CHECK_ST(s, ST_ARENA_FULL);                // once what the block has left is used up
    arena_free(&card_it.arena);
}

// Another program may have left the card in another DF of the application: where it is is not taken
// from memory when the document number is looked for, and no SELECT of the application ends a login.
TEST(esteid_is_found_from_any_df)
{
    static const char *const lines[] = { "00a4000c > 9000",
        "00a40204 02 d003 00 > 62048002000b 9000", "* > 0409415330303031313131 9000", NULL };
    struct esteid e = { .model = NULL };
    esteid_begin(lines);
    p15dir_init(&e.p15, bytes_of(esteid_aid, sizeof esteid_aid), P15_FLAT);
    e.p15.io = &esteid_io;
    e.p15.mark_file.file = bytes_of(esteid_document, sizeof esteid_document);
    card_t->driver = &driver_esteid;
    p15_attach(card_t, &e.p15);
    *test_pin(card_t) = (struct credential){ .reference = ESTEID_PIN1, .tries = -1 };
    CHECK_ST(place_note(&e.p15.mark, 0, BYTES(0x04, 9, 'A', 'S', '0', '0', '0', '1', '1', '1', '1')),
             ST_OK);
    place_arrived(&card_it, card_t);
    card_t->login = true;
    card_it.sure = false;                       // a new transaction
    CHECK_ST(place_be_sure(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK(card_it.sure && card_t->login);
    card_script_over();
}

static st esteid_try_select(const char *file)
{
    const struct p15_path path = { .file = p15_text(file) };
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    p15_seen[0] = 0;
    return esteid_select_file(&card_it, &card_it.tokens[0], &path, &fcp);
}

TEST(esteid_selects_step_by_step)
{
    const struct place mf = { BYTES_NONE, BYTES(0x3f, 0x00) }, df = { BYTES_NONE, BYTES(0xdd, 1) };
    p15_white("=3f00", P15_FLAT);
    if (test_failing) return;
    CHECK_ST(esteid_try_select("=3f00"), ST_PROTOCOL);          // no file's path
    CHECK_ST(esteid_try_select("=4401"), ST_OK);
    CHECK(p15_sent("a4020402440100 "));
    CHECK_ST(esteid_try_select("=dd014401"), ST_OK);
    CHECK(p15_sent("a4090404dd01440100 "));
    CHECK_ST(esteid_try_select("=dd014402"), ST_OK);
    CHECK(p15_sent("a4020402440200 "));
    CHECK_ST(esteid_select(&card_it, &card_it.tokens[0], &df), ST_OK);
    CHECK(p15_sent(""));
    CHECK_ST(esteid_try_select("=3f004402"), ST_OK);            // back in the MF
    CHECK(p15_sent("a4000c a4020402440200 "));
    CHECK_ST(esteid_select(&card_it, &card_it.tokens[0], &df), ST_OK);
    CHECK(p15_sent("a4010c02dd01 "));
    CHECK_ST(esteid_select(&card_it, &card_it.tokens[0], &mf), ST_OK);
    CHECK(p15_sent("a4000c ") && card_it.where == CARD_HOME);
    p15_end();
}

TEST(esteid_takes_sha256_alone)
{
    u8 info[51] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                    0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 0xaa };
    CHECK(esteid_sha256(bytes_of(info, 51)).p == info + 19);
    CHECK_EQ(esteid_sha256(bytes_of(info, 51)).n, 32);
    CHECK(!esteid_sha256(bytes_of(info, 50)).n);
    info[14] = 2;                               // SHA-384's OID
    CHECK(!esteid_sha256(bytes_of(info, 51)).n);
    CHECK(!esteid_sha256(BYTES_NONE).n);
}
#endif

static void test_esteid(void)
{
#if SCARD11_ESTEID
    RUN(esteid_knows_its_cards);
    RUN(esteid_looks_without_select);
    RUN(esteid_that_leaves_or_is_too_much);
    RUN(esteid_tries);
    RUN(esteid_path_without_memory);
    RUN(esteid_is_found_from_any_df);
    RUN(esteid_selects_step_by_step);
    RUN(esteid_takes_sha256_alone);
#endif
}
