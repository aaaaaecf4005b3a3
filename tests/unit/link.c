// link.c: >>link. What ISO 7816-4 says of chaining and long answers, and how a connection dies.
// SPDX-License-Identifier: 0BSD
#include "scripted_card.h"

// A link to a scripted card in a reader of its own.
static struct link link_l;
static struct link_count link_counts;
static struct extended_reader link_reader;
static struct sim_script link_card;
static u8 link_raw[LINK_COMMAND], link_answer[SCARD11_ANSWER], link_room[70000];

static void link_open_script(const char *const *lines)
{
    sim_reader_clear();
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_counts = (struct link_count){ 0, 0, 0, 0 };
    link_card = sim_script(lines);
    sim_reader_insert(sim_reader_add("Reader"), &link_card.card);
    link_l = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                            .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&link_l, false), ST_OK);
    CHECK_ST(link_begin(&link_l), ST_OK);
}

static st link_try(struct apdu cmd, struct buf *rsp)
{
    *rsp = buf_on(link_room, sizeof link_room);
    return link_exchange(&link_l, &cmd, rsp);
}

static void link_over(void)
{
    link_end(&link_l);
    link_disconnect(&link_l, false);
    CHECK_EQ(link_card.wrong, 0);
    CHECK(!link_card.lines[link_card.at]);
    CHECK_EQ(sim_reader_stats().unbalanced + sim_reader_stats().after_removed, 0);
    CHECK_EQ(sim_reader_stats().connections, 0);
}

TEST(link_collects_the_whole_answer)
{
    static const char *const lines[] = {
        "00cb3fff 00 > 0102 6102", "00c00000 02 > 0304 6101", "00c00000 01 > 05 9000", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = 256 }, &rsp),
             ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "0102030405");
    CHECK_EQ(link_counts.commands, 3);
    link_over();
}

// GET RESPONSE is a command of ISO 7816, of class 00, also after one of the card's own class.
TEST(link_collects_with_the_class_of_the_standard)
{
    static const char *const lines[] = {
        "80420000 01 00 00 > 6102", "00c00000 02 > 0102 9000", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .cla = 0x80, .ins = 0x42, .data = BYTES(0), .le = 256 }, &rsp),
             ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "0102");
    link_over();
}

static bool link_has_three(bytes answer)
{
    return answer.n >= 3;
}

// An answer in pieces is ended when there is enough of it, on T=0 too, whose first piece is none;
// one that comes whole comes whole.
TEST(link_stops_when_it_has_enough)
{
    static const char *const lines[] = {
        "00cb0000 00 > 0102 6100", "00c00000 00 > 0304 6180", "00a40000 > 6140",
        "00cb0000 00 > 6110", "00c00000 10 > 010203 610d",
        "00cb0000 00 > 01020304 9000", "00cb0000 00 > 01 6101", "00c00000 01 > 02 9000", NULL };
    static const struct { const char *got; u16 sw; } want[] = {
        { "01020304", 0x6180 }, { "010203", 0x610d }, { "01020304", 0x9000 }, { "0102", 0x9000 } };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    for (size_t i = 0; i < COUNT(want); i++) {
        rsp = buf_on(link_room, sizeof link_room);
        buf_put(&rsp, BYTES(0xee, 0xee, 0xee));         // not of this answer
        CHECK_ST(link_exchange(&link_l, &(struct apdu){ .ins = 0xcb, .le = 256,
                                                        .enough = link_has_three }, &rsp), ST_OK);
        CHECK_BYTES(rsp.p + 3, rsp.n - 3, want[i].got);
        CHECK_EQ(link_l.sw, want[i].sw);
        if (i) continue;
        rsp = buf_on(link_room, sizeof link_room);      // and another command follows
        CHECK_ST(link_transmit(&link_l, &(struct apdu){ .ins = 0xa4 }, &rsp), ST_OK);
    }
    link_over();
}

TEST(link_asks_again_with_the_right_le)
{
    static const char *const lines[] = { "00b00000 00 > 6c03", "00b00000 03 > 010203 9000", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xb0, .le = 256 }, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "010203");
    link_over();
}

// DELETE FILE, sent twice, would delete the DF that the file was in.
TEST(link_sends_a_header_alone_once)
{
    static const char *const lines[] = { "a0e40000 > 6c00", "00a40000 02 3f00 > 6c02", "00a40000 02 3f00 02 > 0102 9000",
        NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .cla = 0xa0, .ins = 0xe4 }, &rsp), 0x6c00);
    CHECK_ST(link_try((struct apdu){ .ins = 0xa4, .data = BYTES(0x3f, 0) }, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "0102");
    link_over();
}

TEST(link_chains_what_a_short_command_cannot_hold)
{
    static u8 data[600];
    static char first[1200], second[1200], third[400];
    static const char *lines[] = { first, second, third, NULL };
    struct buf rsp;
    snprintf(first, sizeof first, "102a9e9a ff");
    snprintf(second, sizeof second, "102a9e9a ff");
    snprintf(third, sizeof third, "002a9e9a 5a");
    for (int i = 0; i < 255; i++) strcat(first, "00"), strcat(second, "00");
    for (int i = 0; i < 90; i++) strcat(third, "00");
    strcat(first, " > 9000");
    strcat(second, " > 9000");
    strcat(third, "00 > aa 9000");
    link_open_script(lines);
    if (test_failing) return;
    link_l.extended.on = false;
    CHECK_ST(link_try((struct apdu){ .ins = 0x2a, .p1 = 0x9e, .p2 = 0x9a,
                                     .data = bytes_of(data, 600),
                                     .le = 256 }, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "aa");
    link_over();
}

// Another program left a chain open: whoever comes is told, and comes again; once.
TEST(link_a_chain_of_others_is_ended)
{
    static const char *const lines[] = { "00220000 02 0102 > 6883", "00220000 02 0102 > 9000",
        "00220000 02 0102 > 6883", "00220000 02 0102 > 6883", "10220000 02 0102 > 6883", NULL };
    struct apdu cmd = { .ins = 0x22, .data = BYTES(1, 2) };
    struct buf rsp = buf_on(link_room, sizeof link_room);
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_exchange(&link_l, &cmd, &rsp), ST_OK);
    CHECK_ST(link_exchange(&link_l, &cmd, &rsp), 0x6883);
    cmd.cla = CLA_CHAIN;                                // ours, which is not whole: not again
    CHECK_ST(link_exchange(&link_l, &cmd, &rsp), 0x6883);
    link_over();
}

TEST(link_a_chain_ends_where_the_card_says_no)
{
    static u8 data[300];
    static const char *const lines[] = { "* > 6884", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    link_l.extended.on = false;
    CHECK_ST(link_try((struct apdu){ .ins = 0x2a, .data = bytes_of(data, 300) }, &rsp), 0x6884);
    link_over();
}

TEST(link_falls_back_when_extended_length_is_refused)
{
    static const char *const lines[] = {
        "00cb3fff 000000 > 6700", "00cb3fff 00 > 0102 9000", "00cb3fff 00 > 03 9000", NULL };
    struct buf rsp;
    struct apdu cmd = { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_ALL };
    link_open_script(lines);
    if (test_failing) return;
    CHECK(link_l.extended.on);
    CHECK_ST(link_try(cmd, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "0102");
    CHECK_ST(link_try(cmd, &rsp), ST_OK);       // remembered
    link_over();
}

// It is known of the card, not of the connection. That the command was answered when it came short
// shows that its length was what the card refused; one that refused both says nothing of lengths.
TEST(link_remembers_what_the_card_refused)
{
    static const struct { const char *shorter, *then; st want; bool forgets; } cases[] = {
        { "00cb3fff 00 > 0102 9000", "00cb3fff 00 > 03 9000", ST_OK, false },
        { "00cb3fff 00 > 0102 6282", "00cb3fff 00 > 03 9000", 0x6282, false },
        { "00cb3fff 00 > 6700", "00cb3fff 000000 > 03 9000", 0x6700, true },
        { "00cb3fff 00 > 6d00", "00cb3fff 000000 > 03 9000", 0x6d00, true } };
    struct apdu cmd = { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_ALL };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { "00cb3fff 000000 > 6700", cases[i].shorter, cases[i].then,
                                      NULL };
        struct buf rsp;
        link_open_script(lines);
        if (test_failing) return;
        CHECK_ST(link_try(cmd, &rsp), cases[i].want);
        link_end(&link_l);
        link_disconnect(&link_l, false);
        CHECK_ST(link_connect(&link_l, false), ST_OK);
        CHECK_EQ(link_l.extended.on, cases[i].forgets);
        CHECK_ST(link_begin(&link_l), ST_OK);
        CHECK_ST(link_try(cmd, &rsp), ST_OK);
        CHECK_BYTES(rsp.p, rsp.n, "03");
        link_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

TEST(link_6700_is_an_answer_once_extended_length_is_proven)
{
    static const char *const lines[] = { "00cb0000 000000 > 9000", "00cb0000 000000 > 6700", NULL };
    struct buf rsp;
    struct apdu cmd = { .ins = 0xcb, .le = APDU_LE_ALL };
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try(cmd, &rsp), ST_OK);
    CHECK_ST(link_try(cmd, &rsp), 0x6700);
    link_over();
}

// A card that answers extended Le may refuse extended Lc: then long data goes in a chain, which is
// short to its end. And what is proven by itself stays.
TEST(link_proves_each_form_by_itself)
{
    static u8 data[300];
    static char whole[700], first[600], second[120];
    static const char *lines[] = { "00cb3fff 000000 > 01 9000", whole, first, second,
        "00cb3fff 000000 > 02 9000", "00cb3fff 000002 5c00 0000 > 6700",
        "00cb3fff 02 5c00 00 > 03 9000", first, second, NULL };
    struct apdu read = { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_ALL };
    struct apdu sign = { .ins = 0x87, .data = bytes_of(data, sizeof data), .le = APDU_LE_ALL };
    struct apdu ask = read;
    struct buf rsp;
    u32 state;
    snprintf(whole, sizeof whole, "00870000 00012c %0*d 0000 > 6700", 600, 0);
    snprintf(first, sizeof first, "10870000 ff %0*d > 9000", 510, 0);
    snprintf(second, sizeof second, "00870000 2d %0*d 00 > aa 9000", 90, 0);
    ask.data = BYTES(0x5c, 0x00);
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try(read, &rsp), ST_OK);
    CHECK_ST(link_try(sign, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "aa");
    CHECK_ST(link_try(read, &rsp), ST_OK);
    CHECK_ST(link_try(ask, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "03");
    link_end(&link_l);
    link_disconnect(&link_l, false);
    CHECK_ST(link_connect(&link_l, false), ST_OK);
    CHECK_ST(link_status(&link_l, &state), ST_OK);
    CHECK_ST(link_begin(&link_l), ST_OK);
    CHECK_ST(link_try(sign, &rsp), ST_OK);              // of the card, not of the connection
    link_over();
}

// ... where it was refused short as well, the length was not why: nothing is remembered.
TEST(link_6700_to_both_lengths_says_nothing_of_them)
{
    static u8 data[300];
    static const char *const lines[] = { "00cb0000 000000 > 9000", "* > 6700", "* > 9000",
                                         "* > 6700", "* > 9000", NULL };
    struct apdu sign = { .ins = 0x87, .data = bytes_of(data, sizeof data) };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = APDU_LE_ALL }, &rsp), ST_OK);
    CHECK_ST(link_try(sign, &rsp), 0x6700);
    CHECK_ST(link_try(sign, &rsp), ST_OK);
    CHECK_EQ(link_l.extended.proven, EXTENDED_LE_ALONE | EXTENDED_LONG_DATA);
    link_over();
}

// A reader that takes less than the card's longest gets pieces: the first may be refused as well.
TEST(link_a_chain_of_long_pieces_is_refused)
{
    static u8 data[600];
    static const char *const lines[] = { "* > 6700", "* > 9000", "* > 9000", "* > aa 9000", NULL };
    struct buf rsp;
    link_card = sim_script(lines);
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), &link_card.card);
    sim_reader_limit(0, 512, 0);
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_l = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                            .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&link_l, false), ST_OK);
    CHECK_ST(link_begin(&link_l), ST_OK);
    CHECK_ST(link_try((struct apdu){ .ins = 0x2a, .data = bytes_of(data, 600) }, &rsp), ST_OK);
    CHECK_EQ(link_l.extended.refused, EXTENDED_FORMS);
    link_over();
}

TEST(link_a_card_that_talks_for_ever_is_ended)
{
    static const char *const lines[] = { "* > 6100", "* > 6100", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_PROTOCOL);
    link_over();
}

// GET RESPONSE may be told the right length, too, and what is fetched must have room.
TEST(link_fetches_as_it_is_told)
{
    static const char *const lines[] = { "00cb0000 00 > 6c00", "00cb0000 00 > 01 6110",
        "00c00000 10 > 6c02", "00c00000 02 > 0203 6100", "00c00000 00 > 6c00",
        "00c00000 00 > 04 9000", NULL };
    static const char *const more[] = { "* > 01 6102", "* > 0203 9000", NULL };
    struct buf rsp;
    u8 room[2];
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_OK);
    CHECK_BYTES(rsp.p, rsp.n, "01020304");
    link_over();
    rsp = buf_on(room, sizeof room);
    link_open_script(more);
    if (test_failing) return;
    CHECK_ST(link_exchange(&link_l, &(struct apdu){ .ins = 0xcb, .le = 256 }, &rsp),
             ST_ARENA_FULL);
    link_over();
}

// A card that is pulled at any command of a conversation: the conversation is over.
TEST(link_pulled_at_every_command)
{
    static const char *const lines[] = { "* > 6700", "* > 9000", "* > 9000", "* > 6c02",
        "* > 01 6102", "* > 6c01", "* > 02 6101", "* > 03 9000", NULL };
    static u8 data[600];
    const struct apdu cmd = { .ins = 0x2a, .data = bytes_of(data, sizeof data), .le = APDU_LE_ALL };
    for (unsigned n = 1; n <= COUNT(lines) && !test_failing; n++) {
        bool pulled = n < COUNT(lines);
        struct buf rsp;
        link_open_script(lines);
        if (test_failing) return;
        sim_reader_fault(SIM_EJECT, pulled ? n : 0, NULL);
        CHECK_ST(link_try(cmd, &rsp), pulled ? ST_CARD_REMOVED : ST_OK);
        CHECK_EQ(link_counts.commands, pulled ? n : n - 1);
        CHECK_EQ(link_l.dead, pulled);
        if (pulled) CHECK_ST(link_try(cmd, &rsp), ST_CARD_REMOVED);
        if (!pulled) CHECK_BYTES(rsp.p, rsp.n, "010203");
        link_end(&link_l);
        link_disconnect(&link_l, false);
        if (test_failing) printf("    command %u\n", n);
    }
}

// A reader that takes extended length up to a limit gets longer data in a chain of such pieces.
TEST(link_chains_what_the_reader_cannot_take)
{
    static u8 data[600];
    static char first[1100], second[300];
    static const char *lines[] = { first, second, NULL };
    struct buf rsp;
    snprintf(first, sizeof first, "102a0000 0001f7 %0*d > 9000", 2 * 503, 0);
    snprintf(second, sizeof second, "002a0000 61 %0*d > 9000", 2 * 97, 0);
    link_card = sim_script(lines);
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), &link_card.card);
    sim_reader_limit(0, 512, 0);
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_l = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                            .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&link_l, false), ST_OK);
    CHECK_ST(link_begin(&link_l), ST_OK);
    CHECK(link_l.extended.on && link_l.most_data == 503);
    CHECK_ST(link_try((struct apdu){ .ins = 0x2a, .data = bytes_of(data, 600) }, &rsp), ST_OK);
    link_over();
}

// Pieces of one byte each: the answer may be long, but not that slow. The first GET RESPONSE is what
// every answer of a T=0 reader takes, and is not counted.
TEST(link_a_card_that_dribbles_is_ended)
{
    static const char *lines[LINK_READS_MAX + 5];
    struct buf rsp;
    for (size_t i = 0; i < LINK_READS_MAX + 3; i++) lines[i] = "* > aa 6100";
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_READER);
    CHECK_EQ(link_counts.commands, LINK_READS_MAX + 2);
    CHECK(link_l.dead && link_l.broken);
    link_end(&link_l);
    link_disconnect(&link_l, false);
    CHECK_EQ(sim_reader_stats().disconnect_resets, 1);
    link_open_script(lines);
    for (size_t i = 0; i < LINK_READS_MAX + 3; i++) lines[i] = i % 2 ? "* > aa 9000" : "* > 6101";
    for (size_t i = 0; i < LINK_READS_MAX + 2 && !test_failing; i += 2)
        CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_OK);
    CHECK_EQ(link_l.reads, 0);
    link_end(&link_l);
    link_disconnect(&link_l, false);
}

TEST(link_an_answer_longer_than_the_room_is_refused)
{
    static const char *const lines[] = { "* > 01020304 9000", NULL };
    u8 room[3];
    struct buf rsp = buf_on(room, sizeof room);
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_exchange(&link_l, &(struct apdu){ .ins = 0xcb, .le = 256 }, &rsp),
             ST_ARENA_FULL);
    link_over();
}

TEST(link_truncated_answers_end_the_connection)
{
    static const char *const lines[] = { "* > 9000", NULL };
    for (int i = 0; i < 2; i++) {
        struct buf rsp;
        u32 state;
        link_open_script(lines);
        if (test_failing) return;
        sim_reader_fault(i ? SIM_ANSWER_0 : SIM_ANSWER_1, 1, NULL);
        CHECK_ST(link_status(&link_l, &state), ST_OK);
        CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_READER);
        CHECK(link_l.dead && !link_l.open);
        link_end(&link_l);
        link_disconnect(&link_l, false);
        CHECK_EQ(sim_reader_stats().resets, 1);
    }
}

// Why an answer of no bytes is no proof of anything, and what is: a reader that counts, which shows
// the card with the count it had, and the card itself, which answers a reset as it did before.
enum link_gone { LINK_PULLED, LINK_PULLED_LATE, LINK_OTHER, LINK_UNCOUNTED, LINK_AT_0,
                 LINK_NOT_SEEN, LINK_THERE, LINK_GONE_WAYS };

static void link_make_gone(enum link_gone how, struct sim_script *other)
{
    if (how == LINK_PULLED_LATE || how == LINK_OTHER) {
        sim_reader_late(0, true);
        sim_reader_empty(0, true);
        sim_reader_eject(0);
        if (how == LINK_OTHER) sim_reader_insert(0, &other->card);
    } else {
        sim_reader_fault(how == LINK_PULLED ? SIM_EJECT : SIM_ANSWER_0, 1, NULL);
    }
}

TEST(link_without_an_answer_it_is_a_removal)
{
    static const char *const lines[] = { "* > 9000", "* > 9000", NULL };
    for (int how = 0; how < LINK_GONE_WAYS && !test_failing; how++) {
        struct sim_script other = sim_script(lines);
        struct buf rsp;
        u32 state;
        other.card.atr[4] ^= 1;
        link_open_script(lines);
        if (test_failing) return;
        if (how == LINK_UNCOUNTED) sim_reader_counts(0, SIM_COUNTS_NOT);
        if (how == LINK_AT_0) sim_reader_counts(0, SIM_COUNTS_ZERO);
        if (how != LINK_NOT_SEEN) CHECK_ST(link_status(&link_l, &state), ST_OK);
        link_make_gone(how, &other);
        st s = link_try((struct apdu){ .ins = 0x20, .data = BYTES(1, 2, 3, 4) }, &rsp);
        CHECK_ST(s, how == LINK_THERE ? ST_READER : ST_CARD_REMOVED);
        CHECK_ST(link_try((struct apdu){ .ins = 0xcb }, &rsp), ST_CARD_REMOVED);
        CHECK(!other.card.apdus);
        link_end(&link_l);
        link_disconnect(&link_l, false);
        CHECK_EQ(sim_reader_stats().unbalanced + sim_reader_stats().after_removed, 0);
        if (test_failing) printf("    case %d\n", how);
    }
}

TEST(link_dies_with_the_card)
{
    static const char *const lines[] = { NULL };
    struct buf rsp;
    u32 state;
    link_open_script(lines);
    if (test_failing) return;
    sim_reader_eject(0);
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_CARD_REMOVED);
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = 256 }, &rsp), ST_CARD_REMOVED);
    CHECK_ST(link_status(&link_l, &state), ST_CARD_REMOVED);
    CHECK_ST(link_begin(&link_l), ST_CARD_REMOVED);
    link_over();
}

// A reset of our own: the connection and the count stay, the transaction is over, and what was
// known of lengths is still known. Where it does not work nothing is sent any more.
TEST(link_resets_the_card)
{
    static const char *const lines[] = { "00cb0000 000000 > 9000", "* > 9000", NULL };
    struct apdu cmd = { .ins = 0xcb, .le = APDU_LE_ALL };
    struct buf rsp;
    u32 before = 0, after = 0;
    link_open_script(lines);
    if (test_failing) return;
    CHECK_ST(link_try(cmd, &rsp), ST_OK);
    CHECK_ST(link_status(&link_l, &before), ST_OK);
    CHECK_ST(link_reset(&link_l), ST_OK);
    CHECK(!link_l.open && !link_l.dead && !link_l.reset && link_l.extended.proven);
    CHECK_ST(link_status(&link_l, &after), ST_OK);
    CHECK_EQ(after, before);
    CHECK_ST(link_begin(&link_l), ST_OK);
    CHECK_ST(link_try(cmd, &rsp), ST_OK);
    link_end(&link_l);
    CHECK_ST(link_reset(&link_l), ST_OK);
    CHECK(!link_l.open);
    CHECK_EQ(sim_reader_stats().resets, 2);
    CHECK(!sim_reader_stats().disconnects && !sim_reader_stats().disconnect_resets);
    sim_reader_reset(0);                                // and when another one was first
    CHECK_ST(link_reset(&link_l), ST_OK);
    CHECK_ST(link_status(&link_l, &after), ST_OK);
    sim_reader_mute(0, true);
    CHECK_ST(link_reset(&link_l), ST_CARD_REMOVED);
    CHECK_ST(link_begin(&link_l), ST_CARD_REMOVED);
    link_over();
}

TEST(link_secrets_stay_out_of_the_log)
{
    static const char *const lines[] = { "* > 31323334 9000", "* > 6104", "* > 31323334 9000",
                                         "* > 11223344 9000", "* > 11223344 9000", NULL };
    struct buf rsp;
    link_open_script(lines);
    if (test_failing) return;
    os_line_count = 0;
    os_log_want(os_take_line, os_lines);
    CHECK_ST(os_log_open(""), ST_OK);
    st a = link_try((struct apdu){ .ins = 0x20, .data = BYTES(0x31, 0x32, 0x33, 0x34),
                                   .secret_in = true }, &rsp);
    a |= link_try((struct apdu){ .ins = 0x20, .data = BYTES(0x31, 0x32, 0x33, 0x34),
                                 .secret_in = true }, &rsp);
    bool pin = false;                   // said again by the card, too, also in GET RESPONSE's answer
    for (unsigned i = 0; i < os_line_count && i < COUNT(os_lines); i++) pin = pin || strstr(os_lines[i], "31323334");
    st b = link_try((struct apdu){ .ins = 0x87, .le = 256, .secret_out = true }, &rsp);
    link_l.quiet = true;
    b |= link_try((struct apdu){ .ins = 0xb0, .le = 256 }, &rsp);
    link_l.quiet = false;
    bool secret = false;
    for (int i = 0; i < 4; i++) secret = secret || strstr(os_lines[i], "11223344");
    CHECK(os_log_close());
    os_log_want(NULL, NULL);
    CHECK_ST(a | b, ST_OK);
    CHECK(os_line_count >= 7 && !pin && !secret);
    for (size_t i = 0; i < sizeof link_raw; i++) CHECK(!link_raw[i]);           // wiped
    for (size_t i = 0; i < 6; i++) CHECK(!link_answer[i]);
    link_over();
}

TEST(link_a_reader_without_extended_length_is_believed)
{
    static const char *const lines[] = { "00cb0000 00 > 9000", NULL };
    struct buf rsp;
    link_card = sim_script(lines);
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), &link_card.card);
    sim_reader_limit(0, 256, 261);
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_l = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                            .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&link_l, false), ST_OK);
    CHECK_ST(link_begin(&link_l), ST_OK);
    CHECK_ST(link_try((struct apdu){ .ins = 0xcb, .le = APDU_LE_ALL }, &rsp), ST_OK);
    link_over();
}

// ---- Secure messaging ----

// A toy: data as counter, Le (three bytes), data XOR 5A, sum; an answer as counter, data XOR 5A,
// status word, sum. The card takes it apart and has the script answer what was in it.
#define LINK_TOY_SENT 5
#define LINK_TOY_GOT  4

static struct link_toy {
    struct link_secure secure;      // the host's half
    u8   count, ended;
    u8   command[LINK_COMMAND];
    u8   response[SCARD11_ANSWER];
    u8   card_count;                // the card's
    u16  refuse;                    // what it says instead of an answer
    bool forges;                    // its next answer has a wrong sum
    bool gives_pieces;              // it has its answers fetched
    unsigned wrapped, plain, fetched;
    size_t longest_data, longest_answer;
    u8   left[SCARD11_ANSWER];      // to be fetched
    size_t left_n;
} link_toy;

static u8 link_toy_sum(const u8 *p, size_t n)
{
    u8 sum = 0x11;
    while (n--) sum = (u8)(sum * 3 + *p++);
    return sum;
}

static st link_toy_wrap(struct link_secure *secure, struct apdu *cmd)
{
    struct link_toy *toy = (struct link_toy *)secure;
    struct buf out = buf_on(toy->command, sizeof toy->command);
    buf_put(&out, BYTES(++toy->count, (u8)(cmd->le >> 16), (u8)(cmd->le >> 8), (u8)cmd->le));
    for (size_t i = 0; i < cmd->data.n; i++) buf_put8(&out, cmd->data.p[i] ^ 0x5a);
    buf_put8(&out, link_toy_sum(out.p, out.n));
    cmd->cla |= CLA_SECURE;
    cmd->data = buf_bytes(&out);
    return out.full ? ST_DATA_LEN : ST_OK;
}

static st link_toy_unwrap(struct link_secure *secure, bytes in, u16 *sw, struct buf *rsp)
{
    struct link_toy *toy = (struct link_toy *)secure;
    if (*sw != 0x9000 || in.n < LINK_TOY_GOT || in.p[0] != toy->count ||
        link_toy_sum(in.p, in.n - 1) != in.p[in.n - 1]) return ST_PROTOCOL;
    for (size_t i = 1; i < in.n - 3; i++) buf_put8(rsp, in.p[i] ^ 0x5a);
    *sw = (u16)(in.p[in.n - 3] << 8 | in.p[in.n - 2]);
    return ST_OK;
}

static void link_toy_end(struct link_secure *secure)
{
    struct link_toy *toy = (struct link_toy *)secure;
    toy->ended++;
}

// The next piece of what is left: what fits into le, and how much there is after it.
static size_t link_toy_piece(size_t le, u8 *rsp)
{
    size_t n = link_toy.left_n < le ? link_toy.left_n : le, more = link_toy.left_n - n;
    memcpy(rsp, link_toy.left, n);
    memmove(link_toy.left, link_toy.left + n, more);
    link_toy.left_n = more;
    rsp[n] = more ? 0x61 : 0x90;
    rsp[n + 1] = (u8)(more < 256 ? more : 0);
    if (n + 2 > link_toy.longest_answer) link_toy.longest_answer = n + 2;
    return n + 2;
}

// What the script answers to the command inside, protected.
static void link_toy_answer(struct sim_card *card, const u8 *cmd, bytes data, u32 le)
{
    static u8 encoded[LINK_COMMAND], plain[70000];
    struct buf in = buf_on(encoded, sizeof encoded), out = buf_on(link_toy.left, SCARD11_ANSWER);
    struct apdu inside = { .cla = cmd[0] & (u8)~CLA_SECURE, .ins = cmd[1], .p1 = cmd[2],
                           .p2 = cmd[3], .data = data, .le = le };
    apdu_encode(&in, &inside, apdu_is_long(&inside) ? 65536 : 0, false);
    size_t n = sim_script_apdu(card, encoded, in.n, plain, sizeof plain);
    buf_put8(&out, link_toy.card_count);
    for (size_t i = 0; i < n - 2; i++) buf_put8(&out, plain[i] ^ 0x5a);
    buf_put(&out, bytes_of(plain + n - 2, 2));
    buf_put8(&out, link_toy_sum(out.p, out.n) + link_toy.forges);
    link_toy.left_n = out.n;
}

static size_t link_toy_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                            size_t room)
{
    static u8 data[LINK_COMMAND];
    bool extended = n > 7 && !cmd[4];
    size_t head = extended ? 7 : 5, lc = extended ? (size_t)cmd[5] << 8 | cmd[6] : cmd[4];
    if (cmd[1] == INS_GET_RESPONSE && !cmd[0]) {
        link_toy.fetched++;
        return link_toy_piece(cmd[4] ? cmd[4] : 256, rsp);
    }
    if (!(cmd[0] & CLA_SECURE)) {
        link_toy.plain++;
        return sim_script_apdu(card, cmd, n, rsp, room);
    }
    if (link_toy.refuse) {
        rsp[0] = (u8)(link_toy.refuse >> 8);
        rsp[1] = (u8)link_toy.refuse;
        return 2;
    }
    link_toy.wrapped++;
    if (lc > link_toy.longest_data) link_toy.longest_data = lc;
    const u8 *p = cmd + head;
    if (lc < LINK_TOY_SENT || head + lc > n || p[0] != (u8)++link_toy.card_count ||
        link_toy_sum(p, lc - 1) != p[lc - 1]) return memcpy(rsp, "\x69\x88", 2), 2;
    for (size_t i = 0; i < lc - LINK_TOY_SENT; i++) data[i] = p[4 + i] ^ 0x5a;
    link_toy_answer(card, cmd, bytes_of(data, lc - LINK_TOY_SENT),
                    (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]);
    return link_toy_piece(link_toy.gives_pieces ? 0 : extended ? SCARD11_ANSWER - 2 : 256, rsp);
}

static void link_open_secure(const char *const *lines)
{
    link_open_script(lines);
    memset(&link_toy, 0, sizeof link_toy);
    link_card.card.apdu = link_toy_apdu;
    link_toy.secure = (struct link_secure){ .wrap = link_toy_wrap, .unwrap = link_toy_unwrap,
        .end = link_toy_end, .response = buf_on(link_toy.response, sizeof link_toy.response),
        .sent_more = LINK_TOY_SENT, .got_more = LINK_TOY_GOT };
    link_l.secure = &link_toy.secure;
}

// A line of the script: a command with n bytes 00, or an answer of so many.
static char *link_line(char *line, const char *head, size_t n, const char *tail)
{
    strcpy(line, head);
    for (char *at = line + strlen(head); n--; at += 2) strcpy(at, "00");
    return strcat(line, tail);
}

// Each command of a chain leaves room for its protection and has one of its own; what the card has
// fetched has one for all pieces, and GET RESPONSE none.
TEST(link_protects_each_command_of_a_chain)
{
    static u8 data[600];
    static char first[700], second[700], third[1000];
    static const char *const lines[] = { first, second, third, NULL };
    struct apdu cmd = { .ins = 0x2a, .p1 = 0x9e, .p2 = 0x9a, .data = bytes_of(data, sizeof data),
                        .le = APDU_LE_SHORT };
    link_line(first, "102a9e9a fa", 250, " > 9000");
    link_line(second, "102a9e9a fa", 250, " > 9000");
    link_line(third, "002a9e9a 64", 100, "00 > ");
    link_line(third + strlen(third), "", 256, "9000");
    for (int t0 = 0; t0 < 2; t0++) {
        struct buf rsp;
        link_open_secure(lines);
        if (test_failing) return;
        link_l.extended.on = false;
        link_l.t0 = link_toy.gives_pieces = t0;
        CHECK_ST(link_try(cmd, &rsp), ST_OK);
        CHECK_EQ(rsp.n, 256);
        CHECK_EQ(link_toy.wrapped, 3);
        CHECK_EQ(link_toy.fetched, t0 ? 4 : 1);
        CHECK_EQ(link_toy.plain, 0);
        CHECK_EQ(link_toy.longest_data, 255);
        CHECK_EQ(link_counts.commands, link_toy.wrapped + link_toy.fetched);
        link_over();
        CHECK_EQ(link_toy.ended, 1);
    }
}

// A chain of extended commands is cut so that each fits into the room that the header names, with
// the protection, and no further than the header and Le need.
static size_t link_longest;

static size_t link_measure(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                           size_t room)
{
    (void)card; (void)cmd; (void)room;
    if (n > link_longest) link_longest = n;
    memcpy(rsp, "\x90", 2);
    return 2;
}

TEST(link_sends_commands_as_long_as_the_header_says)
{
    static u8 data[3 * LINK_COMMAND];
    static const char *const none[] = { NULL };
    struct apdu cmd = { .ins = 0x2a, .data = bytes_of(data, sizeof data), .le = APDU_LE_SHORT };
    for (int extended = 0; extended < 2; extended++) {
        struct buf rsp;
        link_open_script(none);
        if (test_failing) return;
        link_card.card.apdu = link_measure;
        link_l.extended.on = extended;
        link_longest = 0;
        CHECK_ST(link_try(cmd, &rsp), ST_OK);
        CHECK(link_longest <= (extended ? SCARD11_COMMAND_MAX : 261));
        CHECK(link_longest >= (extended ? SCARD11_COMMAND_MAX - 16 : 260));
        link_over();
    }
}

// What READ BINARY asks for comes in one answer, protected; what else is long is fetched.
TEST(link_leaves_room_in_answers)
{
    static char far[2][60];
    static const char *const lines[] = { "00b00000 fc > 01 9000", "00b10000 02 5401 fc > 02 9000",
        "00b00000 08 > 03 9000", "00cb3fff 00 > 04 9000", far[0], "00cb3fff f0 > 06 9000", far[1],
        NULL };
    const struct apdu cmds[] = { { .ins = 0xb0, .le = APDU_LE_ALL },
        { .ins = 0xb1, .data = BYTES(0x54, 1), .le = APDU_LE_SHORT },
        { .ins = 0xb0, .le = 8 }, { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_ALL },
        { .ins = 0xb0, .le = APDU_LE_ALL }, { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = 240 },
        { .ins = 0xcb, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_ALL } };
    struct buf rsp;
    for (int i = 0; i < 2; i++)
        snprintf(far[i], sizeof far[i], "%s 00%04x > 0%d 9000", i ? "00cb3fff" : "00b00000",
                 SCARD11_ANSWER - 2 - LINK_TOY_GOT, 5 + 2 * i);
    link_open_secure(lines);
    if (test_failing) return;
    for (size_t i = 0; i < COUNT(cmds); i++) {
        link_l.extended.on = i > 3;
        CHECK_ST(link_try(cmds[i], &rsp), ST_OK);
        CHECK(rsp.n == 1 && rsp.p[0] == i + 1);
    }
    link_over();
}

// What the card says instead of an answer, a forged answer, a reset and the end of the connection
// each end it, once; what is sent then is not protected.
TEST(link_secure_messaging_ends)
{
    static const u16 refusals[] = { 0x6882, 0x6987, 0x6988 };
    static const char *const plain[] = { "00b00000 08 > 03 9000", NULL },
        *const both[] = { "00b00000 08 > 02 9000", "00b00000 08 > 03 9000", NULL };
    const struct apdu cmd = { .ins = 0xb0, .le = 8 };
    struct buf rsp;
    for (size_t i = 0; i < 6; i++) {
        bool forges = i == 3, resets = i == 4;
        link_open_secure(i < 3 ? plain : both);
        if (test_failing) return;
        if (i < 3) link_toy.refuse = refusals[i];
        link_toy.forges = forges;
        CHECK_ST(link_try(cmd, &rsp), i < 4 ? ST_SECURE : ST_OK);
        CHECK_EQ(rsp.n, i < 4 ? 0 : 1);
        if (resets) CHECK_ST(link_reset(&link_l), ST_OK);
        if (i == 5) {
            link_disconnect(&link_l, false);
            CHECK_ST(link_connect(&link_l, false), ST_OK);
        }
        CHECK(!link_l.secure);
        CHECK_EQ(link_toy.ended, 1);
        link_begin(&link_l);
        CHECK_ST(link_try(cmd, &rsp), ST_OK);
        CHECK_EQ(rsp.p[0], 3);
        CHECK_EQ(link_toy.plain, 1);
        link_over();
        CHECK_EQ(link_toy.ended, 1);
    }
}

// An error that was protected is the card's answer and ends nothing; an answer that does not fit in
// the caller's room is one for that.
TEST(link_protected_errors_are_answers)
{
    static const char *const lines[] = { "00b00000 08 > 6a82", "00b00000 08 > 6f00",
        "00b00000 08 > 0102 9000", NULL };
    struct apdu cmd = { .ins = 0xb0, .le = 8 };
    struct buf rsp, small = buf_on(link_room, 1);
    link_open_secure(lines);
    if (test_failing) return;
    CHECK_ST(link_try(cmd, &rsp), 0x6a82);
    CHECK(!link_l.erred);
    CHECK_ST(link_try(cmd, &rsp), 0x6f00);
    CHECK(link_l.erred);
    CHECK_ST(link_exchange(&link_l, &cmd, &small), ST_ARENA_FULL);
    CHECK(link_l.secure && !link_toy.ended);
    link_over();
}

// The log has what went over the wire. A reader's pinpad would send its PIN without protection.
TEST(link_protected_secrets_stay_out_of_the_log)
{
    static const char *const lines[] = { "00200080 04 31323334 > 9000",
        "00870000 08 > 11223344 9000", "00240000 04 41424344 > 9000", NULL };
    const struct apdu cmds[] = {
        { .ins = 0x20, .p2 = 0x80, .data = BYTES(0x31, 0x32, 0x33, 0x34), .secret_in = true },
        { .ins = 0x87, .le = 8, .secret_out = true },
        { .ins = 0x24, .data = BYTES(0x41, 0x42, 0x43, 0x44) } };   // not said to be secret
    static const char *const secrets[] = { "31323334", "11223344", "41424344" };
    struct buf rsp;
    st s = ST_OK;
    bool said = false;
    link_open_secure(lines);
    if (test_failing) return;
    os_line_count = 0;
    os_log_want(os_take_line, os_lines);
    CHECK_ST(os_log_open(""), ST_OK);
    for (size_t i = 0; i < COUNT(cmds); i++) {
        s |= link_try(cmds[i], &rsp);
        for (size_t k = 0; k < 4 * COUNT(secrets); k++)
            said = said || strstr(os_lines[k % 4], secrets[k / 4]);
    }
    CHECK(os_log_close());
    os_log_want(NULL, NULL);
    CHECK_ST(s, ST_OK);
    CHECK(os_line_count >= 7 && !said);
    for (size_t i = 0; i < sizeof link_raw; i++) CHECK(!link_raw[i]);
    link_l.features = 1u << pinpad_verify.direct;
    CHECK(!pinpad_is_there(&link_l, &pinpad_verify));
    link_over();
    CHECK(pinpad_is_there(&link_l, &pinpad_verify));
}

static void test_link(void)
{
    RUN(link_collects_the_whole_answer);
    RUN(link_collects_with_the_class_of_the_standard);
    RUN(link_stops_when_it_has_enough);
    RUN(link_asks_again_with_the_right_le);
    RUN(link_sends_a_header_alone_once);
    RUN(link_chains_what_a_short_command_cannot_hold);
    RUN(link_a_chain_of_others_is_ended);
    RUN(link_a_chain_ends_where_the_card_says_no);
    RUN(link_falls_back_when_extended_length_is_refused);
    RUN(link_remembers_what_the_card_refused);
    RUN(link_6700_is_an_answer_once_extended_length_is_proven);
    RUN(link_proves_each_form_by_itself);
    RUN(link_6700_to_both_lengths_says_nothing_of_them);
    RUN(link_a_chain_of_long_pieces_is_refused);
    RUN(link_a_card_that_talks_for_ever_is_ended);
    RUN(link_a_card_that_dribbles_is_ended);
    RUN(link_fetches_as_it_is_told);
    RUN(link_pulled_at_every_command);
    RUN(link_chains_what_the_reader_cannot_take);
    RUN(link_an_answer_longer_than_the_room_is_refused);
    RUN(link_truncated_answers_end_the_connection);
    RUN(link_without_an_answer_it_is_a_removal);
    RUN(link_dies_with_the_card);
    RUN(link_resets_the_card);
    RUN(link_secrets_stay_out_of_the_log);
    RUN(link_a_reader_without_extended_length_is_believed);
    RUN(link_sends_commands_as_long_as_the_header_says);
    RUN(link_protects_each_command_of_a_chain);
    RUN(link_leaves_room_in_answers);
    RUN(link_secure_messaging_ends);
    RUN(link_protected_errors_are_answers);
    RUN(link_protected_secrets_stay_out_of_the_log);
}
