// arena.c: >>arena.
// SPDX-License-Identifier: 0BSD

TEST(arena_gives_zeroed_aligned_room)
{
    struct arena a;
    arena_init(&a, 100000);
    for (size_t n = 1; n < 3000; n += 97) {
        u8 *p = ARENA_NEW(&a, u8, n);
        CHECK(p && (uintptr_t)p % ARENA_ALIGN == 0);
        for (size_t i = 0; i < n; i++) CHECK(!p[i]);
        memset(p, 0xff, n);
    }
    arena_free(&a);
    CHECK(!a.blocks && !a.at);
    CHECK(!ARENA_NEW(&a, u8, 1));               // an arena that was freed gives nothing
}

TEST(arena_keeps_its_limit)
{
    struct arena a;
    size_t sum = 0;
    arena_init(&a, 5 * SCARD11_ARENA_BLOCK);
    while (ARENA_NEW(&a, u8, 1000)) sum += 1000;
    CHECK(sum <= 5 * SCARD11_ARENA_BLOCK && sum > 4 * SCARD11_ARENA_BLOCK);
    CHECK(!ARENA_NEW(&a, u8, 100000));
    CHECK(!arena_alloc(&a, SIZE_MAX / 2, 3));
    CHECK(!arena_alloc(&a, 1, SIZE_MAX - 3));
    arena_free(&a);
}

TEST(arena_takes_large_things_whole)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    u8 *p = ARENA_NEW(&a, u8, 60000);
    CHECK(p);
    memset(p, 1, 60000);
    bytes copy = arena_copy(&a, bytes_of(p, 60000));
    CHECK(copy.p && copy.n == 60000 && bytes_equal(copy, bytes_of(p, 60000)));
    arena_free(&a);
}

TEST(arena_chains_come_and_go_in_the_same_memory)
{
    struct arena a;
    struct chain c = { NULL, NULL, 0 };
    static u8 in[5000], out[5000];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (u8)(i * 7);
    arena_init(&a, 4 * SCARD11_ARENA_BLOCK);
    size_t left = 0;
    for (int round = 0; round < 1000; round++) {
        for (size_t at = 0; at < sizeof in; at += 100)
            CHECK_ST(arena_chain_put(&a, &c, bytes_of(in + at, 100)), ST_OK);
        struct buf b = buf_on(out, sizeof out);
        arena_chain_get(&c, &b);
        CHECK(!b.full && b.n == sizeof in && !memcmp(in, out, sizeof in));
        arena_chain_drop(&a, &c);
        CHECK(!c.first && !c.n);
        if (!round) left = a.left;
        CHECK_EQ(a.left, left);
    }
    for (struct piece *p = a.pieces; p; p = p->next)
        for (size_t i = 0; i < sizeof p->data; i++) CHECK(!p->data[i]);     // given back wiped
    arena_free(&a);
}

TEST(arena_a_chain_that_finds_no_room_can_be_dropped)
{
    struct arena a;
    struct chain c = { NULL, NULL, 0 };
    static u8 in[100000];
    arena_init(&a, 2 * SCARD11_ARENA_BLOCK);
    CHECK_ST(arena_chain_put(&a, &c, bytes_of(in, sizeof in)), ST_ARENA_FULL);
    arena_chain_drop(&a, &c);
    CHECK_ST(arena_chain_put(&a, &c, bytes_of(in, 5000)), ST_OK);
    arena_chain_drop(&a, &c);
    arena_free(&a);
}

// What one owner gives back serves the next one of that size: a thousand rounds take what ten take.
TEST(arena_lots_come_and_go_in_the_same_memory)
{
    static const size_t sizes[] = { 1, 48, 49, 112, 113, 700, 3000, 65520 };
    struct arena a;
    struct lot *owner = NULL, *other = NULL;
    size_t after_ten = 0;
    arena_init(&a, 1 << 20);
    bytes stays = arena_lot_copy(&a, &other, BYTES(1, 2, 3));
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            u8 *p = arena_lot(&a, &owner, sizes[i]);
            CHECK(p && (uintptr_t)p % ARENA_ALIGN == 0 && !p[0] && !p[sizes[i] - 1]);
            memset(p, 0xee, sizes[i]);
        }
        arena_lots_drop(&a, &owner);
        if (round == 9) after_ten = a.left + (size_t)(a.end - a.at);
    }
    CHECK_EQ(a.left + (size_t)(a.end - a.at), after_ten);
    CHECK(!owner && bytes_equal(stays, BYTES(1, 2, 3)));
    CHECK(!arena_lot(&a, &owner, 65521) && !arena_lot(&a, &owner, SIZE_MAX) && !owner);
    arena_free(&a);
}

TEST(arena_scratch_is_rewound_by_return)
{
    u8 ALIGNED room[1024 + ARENA_ALIGN];
    struct scratch s = scratch_on(room, sizeof room), copy = s;
    CHECK(scratch_alloc(&copy, 100));
    CHECK(s.at == room && copy.at == room + 112 && s.end->high == copy.at);
    CHECK(!scratch_alloc(&copy, 2000));
    CHECK(!scratch_alloc(&copy, SIZE_MAX));
    struct buf b = scratch_buf(&copy, 2000);
    buf_put8(&b, 1);
    CHECK(b.full);
    b = scratch_rest(&copy);
    CHECK_EQ(b.cap, 1024 - 112);
    CHECK(!scratch_alloc(&copy, 1));
    buf_put(&b, BYTES(1, 2, 3));
    bytes kept = scratch_keep(&copy, &b);
    CHECK_BYTES(kept.p, kept.n, "010203");
    u8 *next = scratch_alloc(&copy, 16);
    CHECK(next == kept.p + 16);
}

// All that a call may have filled is wiped at its end: high says how much that is.
TEST(scratch_notes_how_far_it_was_used)
{
    u8 ALIGNED room[1024 + ARENA_ALIGN];
    struct scratch all = scratch_on(room, sizeof room);
    struct scratch s = all;
    CHECK(scratch_alloc(&s, 100));
    CHECK(all.end->high == room + 112);
    struct buf b = scratch_rest(&s);
    CHECK(all.end->high == room + 1024);          // an answer may be as long as that
    CHECK_EQ(b.cap, 1024 - 112);
    buf_put8(&b, 1);
    CHECK(scratch_keep(&s, &b).p == room + 112 && s.at == room + 128);
    CHECK(all.end->high == room + 1024);
    s = all;
    CHECK(scratch_alloc(&s, 10));
    CHECK(all.end->high == room + 1024);          // it does not go back
    CHECK(!scratch_alloc(&s, sizeof room));
}

static void test_arena(void)
{
    RUN(arena_gives_zeroed_aligned_room);
    RUN(arena_keeps_its_limit);
    RUN(arena_takes_large_things_whole);
    RUN(arena_chains_come_and_go_in_the_same_memory);
    RUN(arena_a_chain_that_finds_no_room_can_be_dropped);
    RUN(arena_lots_come_and_go_in_the_same_memory);
    RUN(arena_scratch_is_rewound_by_return);
    RUN(scratch_notes_how_far_it_was_used);
}
