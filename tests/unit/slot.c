// slot.c: >>slot's table of readers; cards that come and go are module.c's and faults.c's.
// SPDX-License-Identifier: 0BSD

static bool slot_filtered(const char *filter, const char *name)
{
    strcpy(slot_filter, filter);
    bool wanted = slot_wanted(name);
    *slot_filter = '\0';
    return wanted;
}

TEST(slot_filter_takes_parts_of_names)
{
    CHECK(slot_filtered("", "Anything"));
    CHECK(slot_filtered("Yubi", "Yubico YubiKey 00 00"));
    CHECK(slot_filtered("Key 00", "Yubico YubiKey 00 00"));
    CHECK(!slot_filtered("yubi", "Yubico YubiKey 00 00"));
    CHECK(slot_filtered("ACS,Yubi", "Yubico YubiKey 00 00"));
    CHECK(slot_filtered("Yubi,ACS", "Yubico YubiKey 00 00"));
    CHECK(!slot_filtered("ACS,Gemalto", "Yubico YubiKey 00 00"));
    CHECK(!slot_filtered("Yubico YubiKey 00 001", "Yubico YubiKey 00 00"));
    CHECK(slot_filtered(",,Yubi,,", "Yubico"));         // empty ones are nothing
    CHECK(!slot_filtered(",", "Yubico"));
    CHECK(!slot_filtered("A", ""));
}

// An empty table, before and after.
static void slot_clear(void)
{
    memset(slot_readers, 0, sizeof slot_readers);
    slot_next_id = 0;
    slot_dropped_count = 0;
    slot_watching = false;
}

// A case has the table to itself, empty before and after.
static void slot_begin(void)
{
    if (!os_library.held) os_acquire(&os_library);      // a case that failed has it still
    slot_clear();
}

static void slot_end(void)
{
    slot_clear();
    os_release(&os_library);
}

TEST(slot_changes_are_events)
{
    u32 in = SCARD11_READER_PRESENT;
    CK_SLOT_ID id = 99;
    slot_begin();
    struct reader *r = slot_named("A"), *other = slot_named("B");
    CHECK(r && other && r != other && slot_named("A") == r);
    slot_note(r, true, 0);
    CHECK(!slot_take_event(&id));                       // the first look reports nothing
    slot_watching = true;
    u32 changes = r->changes;
    slot_note(r, true, 0);
    CHECK_EQ(r->changes, changes);
    slot_note(r, true, in);
    CHECK(r->changes == changes + 1 && slot_present(r));
    CHECK(slot_take_event(&id));
    CHECK_EQ(id, r->first_id);
    CHECK(!slot_take_event(&id));
    slot_note(r, true, in | 0x00070000);                // a count that nobody vouches for
    CHECK(!slot_take_event(&id));
    slot_note(r, true, in | SCARD11_READER_COUNTED | 0x00010000);
    CHECK(slot_take_event(&id));
    slot_note(r, true, in | SCARD11_READER_COUNTED | 0x00030000);       // out and in again
    CHECK(slot_take_event(&id));
    slot_note(other, true, in);
    slot_note_gone(NULL);
    CHECK(slot_take_event(&id) && slot_take_event(&id) && !slot_take_event(&id));
    CHECK(!slot_present(r) && !slot_present(other));
    CHECK(r->gone_ms);
    slot_end();
}

#if SCARD11_READER_SLOTS > 1
// A further slot has an event when it gets a token, which is when the card is known, and when it
// loses it; none while cards come and go that do not need it. C_GetSlotInfo says the same.
TEST(slot_further_ones_have_events_of_their_own)
{
    u32 in = SCARD11_READER_PRESENT | SCARD11_READER_COUNTED, out = SCARD11_READER_COUNTED;
    CK_SLOT_ID id;
    slot_begin();
    struct reader *r = slot_named("A");
    slot_note(r, true, out);
    slot_watching = true;
    slot_note(r, true, in | 0x10000);
    CHECK_EQ(r->pending, 1);
    slot_know_tokens(r, r->changes - 1, 2, false);      // of a card that is gone
    CHECK(r->pending == 1 && r->shown == 1);
    CHECK(slot_take_event(&id) && !slot_take_event(&id));
    slot_know_tokens(r, r->changes, 2, false);
    CHECK(r->pending == 2 && slot_has_token(r, 1) && r->shown == 2);
    slot_know_tokens(r, r->changes, 2, false);
    CHECK(slot_take_event(&id) && id == r->first_id + 1 && !slot_take_event(&id));
    slot_note(r, true, in | 0x30000);                   // out, and another in
    CHECK(r->pending == 3 && slot_has_token(r, 0) && !slot_has_token(r, 1));
    r->pending = 0;
    slot_know_tokens(r, r->changes, 1, false);          // which has one token
    slot_note(r, true, out | 0x40000);
    CHECK_EQ(r->pending, 1);
    slot_note(r, true, in | 0x50000);
    CHECK_EQ(r->pending, 1);
    slot_know_tokens(r, r->changes, 2, false);
    CHECK_EQ(r->pending, 3);
    r->pending = 0;
    slot_note(r, false, SCARD11_READER_GONE);
    CHECK(r->pending == 3 && !slot_has_token(r, 0) && !slot_has_token(r, 1));
    slot_end();
}
#endif

// A thread that waits and finds that another one took the event has not waited for nothing: only
// who wakes up again and again without any change rests a little before the next look.
TEST(slot_waits_for_nothing_are_counted)
{
    struct slot_watch w = { .n = 0 };
    slot_begin();
    struct reader *r = slot_named("R");
    slot_note(r, true, SCARD11_READER_COUNTED);
    slot_watch_all(&w);
    slot_watch_all(&w);
    slot_watch_all(&w);
    CHECK(w.n == 1 && w.idle == 2);
    slot_note(r, true, SCARD11_READER_COUNTED | SCARD11_READER_PRESENT | 0x10000);
    slot_watch_all(&w);
    CHECK_EQ(w.idle, 0);
    slot_end();
}

TEST(slot_places_are_used_again)
{
    char name[8];
    slot_begin();
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        snprintf(name, sizeof name, "R%u", i);
        struct reader *r = slot_named(name);
        CHECK(r == &slot_readers[i]);
        CHECK_EQ(r->first_id, i * SCARD11_READER_SLOTS);
        slot_note(r, true, 0);
    }
    CHECK(!slot_named("One more"));
#if SCARD11_READERS_MAX >= 4
    for (u32 i = 0; i < 4; i++) {
        slot_note(&slot_readers[i], false, SCARD11_READER_GONE);
        slot_readers[i].gone_ms = 100 - i;
    }
    slot_readers[3].inside = 1;                         // gone longest, but somebody is inside
    CHECK(slot_named("R3") == &slot_readers[3]);        // it is still that one
    struct reader *r = slot_named("One more");
    CHECK(r == &slot_readers[2]);
    CHECK_EQ(r->first_id, SCARD11_READERS_MAX * SCARD11_READER_SLOTS);  // no ID is given twice
    slot_readers[1].lost = true;
    CHECK(slot_named("Another") == &slot_readers[0]);   // not where the one before it is to be
    CHECK(!slot_named("R1"));                           // lost: neither found nor replaced
    CHECK(!slot_named("A third"));
    slot_note_gone(NULL);                                 // they have been looked at
    slot_readers[2].gone_ms--;
    CHECK(slot_named("A third") == &slot_readers[2]);
#endif
    slot_end();
}

// What a reader left unreported is reported when another has its place: the oldest first, and of
// too many the oldest are given up.
TEST(slot_events_outlive_their_place)
{
    u32 in = SCARD11_READER_PRESENT | SCARD11_READER_COUNTED;
    char name[8];
    CK_SLOT_ID id = 0, first = 0;
    slot_begin();
    slot_watching = true;
    for (u32 i = 0; i < SCARD11_READERS_MAX + 2; i++) {
        snprintf(name, sizeof name, "R%u", i);
        struct reader *r = slot_named(name);
        CHECK(r);
        slot_note(r, true, in);
        slot_know_tokens(r, r->changes, SCARD11_READER_SLOTS, false);
        if (i < SCARD11_READERS_MAX - 1) continue;
        slot_note(&slot_readers[i % SCARD11_READERS_MAX], true, in);
        slot_note(&slot_readers[(i + 1) % SCARD11_READERS_MAX], false, SCARD11_READER_GONE);
    }
    CHECK_EQ(slot_dropped_count, 2 * SCARD11_READER_SLOTS);
    while (slot_dropped_count) {
        CHECK(slot_take_event(&id));
        CHECK_EQ(id, first++);                          // R0's, then R1's
    }
    slot_readers[0].first_id = 0;
    for (u32 i = 0; i < SLOT_DROPPED + 3; i++) {
        slot_readers[0].first_id = i;
        slot_readers[0].pending = 1;
        slot_keep_events(&slot_readers[0]);
    }
    CHECK(slot_dropped_count == SLOT_DROPPED && !slot_readers[0].pending);
    CHECK(slot_take_event(&id) && id == 3);
    slot_end();
}

static void test_slot(void)
{
    RUN(slot_filter_takes_parts_of_names);
    RUN(slot_changes_are_events);
#if SCARD11_READER_SLOTS > 1
    RUN(slot_further_ones_have_events_of_their_own);
#endif
    RUN(slot_waits_for_nothing_are_counted);
    RUN(slot_places_are_used_again);
    RUN(slot_events_outlive_their_place);
}
