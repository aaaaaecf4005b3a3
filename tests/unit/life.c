// life.c: >>life, with a card that is nobody's; those that have a driver are module.c's, faults.c's
// and scenarios.c's. SPDX-License-Identifier: 0BSD

static struct reader *life_begin(void)
{
    static const struct os_mutexes none;
    struct reader *reader = NULL;
    u32 index;
    sim_reader_clear();
    sim_reader_add("Reader");
    if (slot_start(&none)) return NULL;
    return slot_enter_id(0, false, slot_generation, &reader, &index) ? NULL : reader;
}

static void life_end(struct reader *reader)
{
    slot_leave(reader);
    slot_stop();
    slot_clear();
    sim_reader_clear();
}

// It is asked once, and not again a moment later; another card is, at once.
TEST(life_of_a_card_that_is_nobodys)
{
    static const char *const lines[] = { NULL };
    struct sim_script card = sim_script(lines), other = card;
    CK_SLOT_ID id = 99;
    struct reader *reader = life_begin();
    CHECK(reader);
    CHECK_ST(life_card(reader), ST_NO_TOKEN);
    CHECK_ST(life_look(reader), ST_NO_SESSION);
    sim_reader_insert(0, &card.card);
    CHECK_ST(life_card(reader), ST_UNKNOWN_TOKEN);
    CHECK(!reader->card && card.card.apdus);
    unsigned asked = (unsigned)card.card.apdus;
    CHECK_ST(life_card(reader), ST_UNKNOWN_TOKEN);
    CHECK_EQ(card.card.apdus, asked);
    sim_reader_swap(0, &other.card);
    CHECK_ST(life_card(reader), ST_UNKNOWN_TOKEN);
    CHECK(other.card.apdus && card.card.apdus == asked);
    os_acquire(&os_library);
    CHECK(slot_present(reader) && slot_take_event(&id) && id == reader->first_id);
    os_release(&os_library);
    sim_reader_eject(0);
    CHECK_ST(life_card(reader), ST_NO_TOKEN);
    life_end(reader);
}

// A card that another program has to itself is tried again each time; it is not nobody's.
TEST(life_of_a_card_that_is_busy)
{
    static const char *const lines[] = { NULL };
    struct sim_script card = sim_script(lines);
    struct reader *reader = life_begin();
    CHECK(reader);
    sim_reader_insert(0, &card.card);
    sim_reader_busy(0, true);
    CHECK_ST(life_card(reader), ST_CARD_BUSY);
    CHECK_ST(life_card(reader), ST_CARD_BUSY);
    sim_reader_busy(0, false);
    CHECK_ST(life_card(reader), ST_UNKNOWN_TOKEN);
    life_end(reader);
}

// The end of a call: what failed for good is dropped, with an event where nobody noted it before; a
// card without a session rests, and stays known.
TEST(life_settles_after_a_call)
{
    static const char *const lines[] = { NULL };
    struct sim_script card = sim_script(lines);
    struct reader *reader = life_begin();
    CHECK(reader);
    CHECK_ST(life_settle(reader, ST_ARGS), ST_ARGS);            // no card: nothing to settle
    sim_reader_insert(0, &card.card);
    os_acquire(&os_library);
    slot_look_all();
    u32 changes = reader->changes;
    os_release(&os_library);
    CHECK_ST(life_make_card(reader, reader->state, changes), ST_OK);
    CHECK_ST(same_connect_new(reader->card), ST_OK);
    reader->card->token_count = 1;
    reader->card->tokens[0].session_count = 1;
    CHECK_ST(life_settle(reader, ST_PIN_INCORRECT), ST_PIN_INCORRECT);
    CHECK(reader->card && !reader->card->rest_ms);              // a session needs it
    reader->card->tokens[0].session_count = 0;
    CHECK_ST(life_settle(reader, ST_OK), ST_OK);
    CHECK(reader->card && reader->card->rest_ms && reader->card->link.conn);
    reader->pending = 0;
    sim_reader_eject(0);
    CHECK_ST(life_settle(reader, ST_READER), ST_CARD_REMOVED);  // that is why the reader failed
    CHECK(!reader->card && reader->pending == 1 && reader->changes == changes + 1);
    life_end(reader);
}

static void test_life(void)
{
    RUN(life_of_a_card_that_is_nobodys);
    RUN(life_of_a_card_that_is_busy);
    RUN(life_settles_after_a_call);
}
