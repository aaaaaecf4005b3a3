// reader.c: >>reader. What the backends' codes mean; and the PC/SC half, over the stand-in for
// libpcsclite, in unit_pcsc.
// SPDX-License-Identifier: 0BSD
#include "scripted_card.h"

TEST(reader_codes)
{
    static const struct { int code; st want; } cases[] = {
        { SCARD11_READER_OK, ST_OK },               { SCARD11_READER_REMOVED, ST_CARD_REMOVED },
        { SCARD11_READER_RESET, ST_CARD_RESET },    { SCARD11_READER_BUSY, ST_CARD_BUSY },
        { SCARD11_READER_MUTE, ST_UNKNOWN_TOKEN },  { SCARD11_READER_TIMEOUT, ST_NO_EVENT },
        { SCARD11_READER_CANCELLED, ST_NO_EVENT },  { SCARD11_READER_UNKNOWN, ST_NOT_FOUND },
        { SCARD11_READER_DOWN, ST_NO_TOKEN },       { SCARD11_READER_REFUSED, ST_NOT_SUPPORTED },
        { SCARD11_READER_FAILED, ST_READER },       { -1, ST_READER }, { 12345, ST_READER },
    };
    for (size_t i = 0; i < COUNT(cases); i++) CHECK_ST(reader_st(cases[i].code), cases[i].want);
}

#if SCARD11_READER == SCARD11_READER_PCSC
#include "../pcsc/pcsc_stand_in.h"

static struct sim_script reader_card;
static int reader_number;

// One reader with a card in it, and no call of PC/SC yet.
static void reader_begin_pcsc(void)
{
    static const char *const lines[] = { "00a40000 00 > 9000", NULL };
    sim_reader_clear();
    pcsc_clear();
    reader_card = sim_script(lines);
    reader_number = sim_reader_add("Reader");
    sim_reader_insert(reader_number, &reader_card.card);
}

static unsigned long reader_open(void) { return pcsc_stats().contexts + pcsc_stats().cards; }

// ---- Codes and states ----

// A code means something else where a connection was to be made, and where there is one: whatever
// ends it is a removal.
TEST(reader_codes_of_pcsc)
{
    static const struct { LONG code; int said, conn, no_conn; } cases[] = {
        { SCARD_S_SUCCESS, SCARD11_READER_OK, SCARD11_READER_OK, SCARD11_READER_OK },
        { SCARD_W_RESET_CARD, SCARD11_READER_RESET, SCARD11_READER_RESET, SCARD11_READER_RESET },
        { SCARD_E_SHARING_VIOLATION, SCARD11_READER_BUSY, SCARD11_READER_REMOVED,
          SCARD11_READER_BUSY },
        { SCARD_W_UNPOWERED_CARD, SCARD11_READER_MUTE, SCARD11_READER_REMOVED,
          SCARD11_READER_MUTE },
        { SCARD_E_TIMEOUT, SCARD11_READER_TIMEOUT, SCARD11_READER_REMOVED,
          SCARD11_READER_REMOVED },
        { SCARD_E_CANCELLED, SCARD11_READER_CANCELLED, SCARD11_READER_REMOVED,
          SCARD11_READER_REMOVED },
        { SCARD_E_UNKNOWN_READER, SCARD11_READER_UNKNOWN, SCARD11_READER_REMOVED,
          SCARD11_READER_REMOVED },
        { SCARD_E_NO_SERVICE, SCARD11_READER_DOWN, SCARD11_READER_REMOVED, SCARD11_READER_DOWN },
        { SCARD_E_NOT_TRANSACTED, SCARD11_READER_REMOVED, SCARD11_READER_REMOVED,
          SCARD11_READER_REMOVED },
        { SCARD_F_COMM_ERROR, SCARD11_READER_FAILED, SCARD11_READER_FAILED,
          SCARD11_READER_FAILED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_EQ(reader_code(cases[i].code), cases[i].said);
        CHECK_EQ(reader_conn_code(cases[i].code), cases[i].conn);
        CHECK_EQ(reader_no_conn_code(cases[i].code), cases[i].no_conn);
    }
}

// Whatever PC/SC says, a connection goes on, was reset, has failed once, or is over.
TEST(reader_codes_of_a_connection_are_four)
{
    const char *name = "";
    unsigned n = 0;
    for (long code; (code = pcsc_code(n, &name)) != 0; n++) {
        int said = reader_conn_code((LONG)code);
        CHECK(said == SCARD11_READER_RESET || said == SCARD11_READER_FAILED ||
              said == SCARD11_READER_REMOVED);
    }
    CHECK(n > 20);
}

TEST(reader_states_of_pcsc)
{
    static const struct { DWORD event; u32 want; } cases[] = {
        { SCARD_STATE_PRESENT, SCARD11_READER_PRESENT },
        { SCARD_STATE_EMPTY, 0 },
        { SCARD_STATE_PRESENT | SCARD_STATE_MUTE,
          SCARD11_READER_PRESENT | SCARD11_READER_CARD_MUTE },
        { SCARD_STATE_PRESENT | SCARD_STATE_INUSE,
          SCARD11_READER_PRESENT | SCARD11_READER_IN_USE },
        { SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE,
          SCARD11_READER_PRESENT | SCARD11_READER_IN_USE },
        { SCARD_STATE_UNKNOWN, SCARD11_READER_GONE },
        { SCARD_STATE_PRESENT | SCARD_STATE_UNAVAILABLE, SCARD11_READER_GONE },
        { SCARD_STATE_PRESENT | SCARD_STATE_IGNORE, SCARD11_READER_GONE },
        { 0, SCARD11_READER_GONE },             // neither a card nor none: nothing is known of it
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (u32 count = 0; count <= 0xffff; count += 0x5555)
            CHECK_EQ(reader_state_flags(cases[i].event | (DWORD)count << 16),
                     cases[i].want | SCARD11_READER_COUNTED | count << 16);
}

// A wait is told what was seen before, or it would end at once.
TEST(reader_states_are_told_as_they_were_seen)
{
    static const u32 seen[] = { 0, SCARD11_READER_PRESENT, SCARD11_READER_GONE,
                                SCARD11_READER_PRESENT | SCARD11_READER_CARD_MUTE };
    for (size_t i = 0; i < COUNT(seen); i++)
        for (u32 count = 0; count <= 0xffff; count += 0x5555) {
            u32 known = seen[i] | SCARD11_READER_COUNTED | count << 16;
            CHECK_EQ(reader_state_flags(reader_known_state(known)), known);
        }
}

// GET_FEATURE_REQUEST: a tag, 4, and a code of four bytes each; what is something else, or not
// whole, is no feature.
TEST(reader_features_are_whole)
{
    static const u8 list[] = { 0x06, 4, 0x42, 0, 0x0d, 0xb2, 0x07, 3, 0, 0, 0, 1,
                               0x12, 4, 0x42, 0, 0x0d, 0xb4, 0x08, 4, 0x42, 0, 0x0d };
    struct reader_pcsc pcsc = { .features_len = sizeof list };
    memcpy(pcsc.features, list, sizeof list);
    CHECK_EQ(reader_feature(&pcsc, 0x06), 0x42000db2);
    CHECK_EQ(reader_feature(&pcsc, 0x12), 0x42000db4);
    CHECK_EQ(reader_feature(&pcsc, 0x07), 0);
    CHECK_EQ(reader_feature(&pcsc, 0x08), 0);
    pcsc.features_len = 5;
    CHECK_EQ(reader_feature(&pcsc, 0x06), 0);
}

// ---- Readers ----

// As many whole names as there is room for, and nothing beyond the room.
TEST(reader_lists_whole_names)
{
    static const char all[] = "Alpha\0Be\0Gamma Reader\0";
    const size_t whole = sizeof all, ends[] = { 1, 7, 10, sizeof all };
    void *context;
    sim_reader_clear();
    sim_reader_add("Alpha");
    sim_reader_add("Be");
    sim_reader_add("Gamma Reader");
    CHECK_EQ(scard11_reader_start(&context), SCARD11_READER_OK);
    for (size_t room = 1; room <= whole + 3; room++) {
        char names[64];
        size_t len = room, fits = 0;
        memset(names, '#', sizeof names);
        CHECK_EQ(scard11_reader_list(context, names, &len), SCARD11_READER_OK);
        for (size_t i = 0; i < COUNT(ends); i++) if (ends[i] <= room) fits = ends[i];
        CHECK(!memcmp(names, all, fits - 1) && !names[fits - 1]);
        CHECK_EQ(names[room], '#');
        CHECK_EQ(len, whole);
    }
    scard11_reader_stop(context);
}

TEST(reader_lists_none)
{
    char names[8] = "#######";
    size_t len = sizeof names;
    void *context;
    sim_reader_clear();
    CHECK_EQ(scard11_reader_start(&context), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_list(context, names, &len), SCARD11_READER_OK);
    CHECK(len == 1 && !names[0]);
    len = 0;
    CHECK_EQ(scard11_reader_list(context, names, &len), SCARD11_READER_FAILED);
    scard11_reader_stop(context);
}

// A look is over at once, and no change is no failure; of no reader nothing is asked.
TEST(reader_looks)
{
    struct scard11_reader_state state = { "Reader", 0, 0 }, other = { "Other", 0, 0 };
    struct scard11_reader_state many[SCARD11_READERS_MAX + 1] = { { "Reader", 0, 0 } };
    void *context;
    reader_begin_pcsc();
    sim_reader_set_count(reader_number, 3);
    CHECK_EQ(scard11_reader_start(&context), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_wait(context, &state, 1, 0), SCARD11_READER_OK);
    CHECK_EQ(state.state, SCARD11_READER_PRESENT | SCARD11_READER_COUNTED | 3u << 16);
    CHECK_EQ(scard11_reader_wait(context, &other, 1, 0), SCARD11_READER_UNKNOWN);
    state.known = state.state;
    CHECK_EQ(scard11_reader_wait(context, &state, 1, 1), SCARD11_READER_TIMEOUT);
    unsigned long calls = pcsc_stats().calls;
    CHECK_EQ(scard11_reader_wait(context, NULL, 0, 0), SCARD11_READER_TIMEOUT);
    CHECK_EQ(scard11_reader_wait(context, many, COUNT(many), 0), SCARD11_READER_FAILED);
    CHECK_EQ(pcsc_stats().calls, calls);
    scard11_reader_stop(context);
}

// ---- Connections ----

// Whichever call fails, a connection that was not made leaves nothing open. That the reader does
// not tell what it can do is no failure.
TEST(reader_connects_or_leaves_nothing)
{
    struct scard11_reader_card card;
    void *conn = NULL;
    unsigned nth = 1, made = 0;
    reader_begin_pcsc();
    for (;; nth++) {
        pcsc_fail(nth, SCARD_F_COMM_ERROR, false);
        int code = scard11_reader_connect(&conn, "Reader", 0, &card);
        if (!pcsc_fired()) break;
        CHECK_EQ(code, conn ? SCARD11_READER_OK : SCARD11_READER_FAILED);
        if (conn) scard11_reader_disconnect(conn, 0), made++;
        conn = NULL;
        CHECK_EQ(reader_open(), 0);
    }
    CHECK_EQ(nth, 6);                   // context, connection, ATR, features, properties
    CHECK_EQ(made, 2);
    CHECK(conn && card.atr_len == reader_card.card.atr_len);
    scard11_reader_disconnect(conn, 0);
    CHECK_EQ(reader_open(), 0);
}

// Another program may reset the card before it was asked for its ATR: taken up again, it is asked.
TEST(reader_connects_to_a_card_that_is_reset_meanwhile)
{
    struct scard11_reader_card card;
    void *conn = NULL;
    reader_begin_pcsc();
    pcsc_fail(3, SCARD_W_RESET_CARD, false);
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_OK);
    CHECK(pcsc_fired() && !strcmp(pcsc_fired_at(), "SCardStatus"));
    CHECK_EQ(sim_reader_stats().resumes, 1);
    CHECK_EQ(card.atr_len, reader_card.card.atr_len);
    CHECK_EQ(scard11_reader_begin(conn), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_end(conn), SCARD11_READER_OK);
    scard11_reader_disconnect(conn, 0);
}

// One that is there stays the caller's when it cannot be taken up again.
TEST(reader_keeps_a_connection_that_fails)
{
    struct scard11_reader_card card;
    void *conn = NULL, *same;
    reader_begin_pcsc();
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_OK);
    same = conn;
    sim_reader_eject(reader_number);
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_REMOVED);
    CHECK(conn == same);
    scard11_reader_disconnect(conn, 0);
    CHECK_EQ(reader_open(), 0);
}

// What the reader tells by its TLV properties; the pinpad's features are there, and no others.
TEST(reader_tells_what_it_can_do)
{
    const struct sim_reader_pinpad pad = { 1u << 0x06, 4, 8, NULL, NULL };
    struct scard11_reader_card card;
    void *conn = NULL;
    u8 out[8];
    size_t n = sizeof out;
    reader_begin_pcsc();
    sim_reader_limit(reader_number, 1000, 0);
    sim_reader_pinpad(reader_number, &pad);
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_OK);
    CHECK(card.features & 1u << 0x06 && !(card.features & 1u << 0x07));
    CHECK_EQ(card.max_data, 1000);
    CHECK(card.pin_min == 4 && card.pin_max == 8);
    CHECK_EQ(scard11_reader_control(conn, 0x07, NULL, 0, out, &n),
             SCARD11_READER_REFUSED);
    scard11_reader_disconnect(conn, 0);
}

// Another program's transaction holds up no question whether the card is there: SCardStatus would
// wait for its end.
TEST(reader_status_waits_for_nobody)
{
    struct scard11_reader_card card;
    enum sim_why why;
    uint32_t flags = 0;
    bool taken = false;
    void *conn = NULL;
    reader_begin_pcsc();
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_status(conn, &flags), SCARD11_READER_OK);
    CHECK_EQ(flags & SCARD11_READER_PRESENT, SCARD11_READER_PRESENT);
    sim_reader_hold(reader_number, 20000);
    flags = 0;
    CHECK_EQ(scard11_reader_status(conn, &flags), SCARD11_READER_OK);
    CHECK_EQ(flags & SCARD11_READER_PRESENT, SCARD11_READER_PRESENT);
    sim_reader_peek(NULL, "Reader", &why, &taken);
    CHECK(taken);                                   // it has still got it
    sim_reader_hold(reader_number, 0);
    sim_reader_eject(reader_number);
    CHECK_EQ(scard11_reader_status(conn, &flags), SCARD11_READER_REMOVED);
    scard11_reader_disconnect(conn, 0);
}

TEST(reader_transmits)
{
    static const u8 command[] = { 0x00, 0xa4, 0x00, 0x00, 0x00 };
    struct scard11_reader_card card;
    u8 answer[258];
    size_t n = sizeof answer;
    void *conn = NULL;
    reader_begin_pcsc();
    CHECK_EQ(scard11_reader_connect(&conn, "Reader", 0, &card), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_begin(conn), SCARD11_READER_OK);
    CHECK_EQ(scard11_reader_transmit(conn, command, sizeof command, answer, &n),
             SCARD11_READER_OK);
    CHECK_BYTES(answer, n, "9000");
    CHECK_EQ(reader_card.wrong, 0);
    sim_reader_eject(reader_number);
    n = sizeof answer;
    CHECK_EQ(scard11_reader_transmit(conn, command, sizeof command, answer, &n),
             SCARD11_READER_REMOVED);
    scard11_reader_disconnect(conn, 0);
    CHECK_EQ(reader_open(), 0);
}
#endif

static void test_reader(void)
{
    RUN(reader_codes);
#if SCARD11_READER == SCARD11_READER_PCSC
    RUN(reader_codes_of_pcsc);
    RUN(reader_codes_of_a_connection_are_four);
    RUN(reader_states_of_pcsc);
    RUN(reader_states_are_told_as_they_were_seen);
    RUN(reader_features_are_whole);
    RUN(reader_lists_whole_names);
    RUN(reader_lists_none);
    RUN(reader_looks);
    RUN(reader_connects_or_leaves_nothing);
    RUN(reader_connects_to_a_card_that_is_reset_meanwhile);
    RUN(reader_keeps_a_connection_that_fails);
    RUN(reader_tells_what_it_can_do);
    RUN(reader_status_waits_for_nobody);
    RUN(reader_transmits);
#endif
}
