// cache.c: >>cache, over a token whose identity the test sets. SPDX-License-Identifier: 0BSD

static u8 cache_kept[512];                  // what was stored last
static size_t cache_kept_n, cache_stores, cache_drops, cache_loads;
static char cache_kept_item[65];

static unsigned long cache_test_load(void *context, const char *of, const char *item, void *data, unsigned long room)
{
    (void)context;
    cache_loads++;
    if (strlen(of) != 64 || strcmp(item, cache_kept_item) || cache_kept_n > room) return 0;
    memcpy(data, cache_kept, cache_kept_n);
    return cache_kept_n;
}

static void cache_test_store(void *context, const char *of, const char *item, const void *data, unsigned long n)
{
    (void)context; (void)of;
    if (!item) { cache_drops++; return; }
    cache_stores++;
    if (n > sizeof cache_kept) abort();
    memcpy(cache_kept, data, n);
    cache_kept_n = n;
    strcpy(cache_kept_item, item);
}

static struct landmark cache_mark;

static void cache_begin(void)
{
    static const struct scard11_cache cache = { cache_test_load, cache_test_store, NULL };
    static const struct driver driver = { .name = "test" };
    card_begin(1 << 20);
    cache_mark = (struct landmark){ .known = true, .unique = true };
    *card_t = (struct token){ .driver = &driver, .identity = &cache_mark };
    cache_stores = cache_drops = cache_loads = cache_kept_n = 0;
    *cache_kept_item = 0;
    cache_want(&cache);
    cache_open();
}

static void cache_end(void)
{
    cache_close();
    cache_want(NULL);
    arena_free(&card_it.arena);
}

static void cache_keeps(const char *count, const char *place, u8 how, const char *content)
{
    cache_keep(&card_it, card_t, bytes_text(count), bytes_text(place), how, bytes_text(content), padding_scratch());
}

// Finds it, as it is expected; content NULL: not.
static bool cache_finds(const char *count, const char *place, u8 how, const char *content)
{
    struct scratch scratch = padding_scratch();
    u8 was = 0;
    bytes found = BYTES_NONE;
    if (!cache_find(&card_it, card_t, bytes_text(count), bytes_text(place), &scratch, &was, &found)) return !content;
    return content && was == how && bytes_equal(found, bytes_text(content));
}

TEST(cache_finds_what_was_kept_under_the_same_names)
{
    cache_begin();
    CHECK(cache_finds("1", "a", 0, NULL));
    cache_keeps("1", "a", 7, "content");
    CHECK(cache_finds("1", "a", 7, "content"));
    CHECK(!card_it.recalled);
    CHECK(cache_finds("2", "a", 0, NULL) && cache_finds("1", "b", 0, NULL) && cache_finds("1a", "", 0, NULL));
    cache_mark.digest[31] ^= 1;
    CHECK(cache_finds("1", "a", 7, "content"));         // the card's name is another one: the application's to tell
    cache_keeps("", "a", 1, "");
    CHECK(cache_finds("", "a", 1, ""));
    CHECK(card_it.recalled);                            // the card does not count
    cache_end();
}

TEST(cache_believes_nothing_damaged)
{
    cache_begin();
    cache_keeps("1", "a", 7, "content");
    for (size_t i = 0; i < cache_kept_n; i++) {
        cache_kept[i] ^= 1;
        CHECK(cache_finds("1", "a", 7, NULL));
        cache_kept[i] ^= 1;
    }
    for (size_t n = cache_kept_n; n--; ) {
        cache_kept_n = n;
        CHECK(cache_finds("1", "a", 7, NULL));
    }
    cache_end();
}

TEST(cache_asks_only_for_a_card_that_has_shown_which_it_is)
{
    cache_begin();
    cache_keeps("1", "a", 7, "content");
    for (int i = 0; i < 3; i++) {
        cache_mark.known = i != 0;
        cache_mark.unique = i != 1;
        card_t->identity = i == 2 ? NULL : &cache_mark;
        cache_loads = 0;
        CHECK(cache_finds("1", "a", 7, NULL));
        cache_keeps("1", "b", 7, "other");
        cache_forget(&card_it, card_t);
        CHECK(!cache_loads && cache_stores == 1 && !cache_drops);
        card_it.uncached = false;
    }
    cache_end();
}

TEST(cache_forgets_once_and_believes_nothing_after_that)
{
    cache_begin();
    cache_keeps("1", "a", 7, "content");
    cache_forget(&card_it, card_t);
    cache_forget(&card_it, card_t);
    CHECK_EQ(cache_drops, 1);
    CHECK(cache_finds("1", "a", 7, NULL));
    cache_keeps("1", "a", 7, "content");
    CHECK_EQ(cache_stores, 1);
    cache_end();
}

TEST(cache_is_closed_before_and_after)
{
    cache_begin();
    cache_close();
    CHECK(!cache_is_on() && cache_finds("1", "a", 7, NULL) && !cache_loads);
    cache_open();
    CHECK(cache_is_on());
    cache_abandon();                                    // the functions were the parent's
    cache_open();
    CHECK(!cache_is_on());
    cache_end();
}

// What does not fit in scratch is neither found nor kept.
TEST(cache_takes_no_more_than_scratch_has)
{
    static u8 room[96] ALIGNED;
    u8 how;
    bytes content;
    cache_begin();
    cache_keeps("1", "a", 7, "content");
    for (size_t n = 16; n < sizeof room; n += 16) {
        struct scratch scratch = scratch_on(room, n);
        cache_loads = 0;
        bool found = cache_find(&card_it, card_t, BYTES('1'), BYTES('a'), &scratch, &how, &content);
        CHECK(!found || n >= 1 + CARD_DIGEST + 7);
        cache_keep(&card_it, card_t, BYTES('1'), BYTES('a'), 7, bytes_text("content"), scratch_on(room, n));
    }
    cache_end();
}

static void test_cache(void)
{
    RUN(cache_finds_what_was_kept_under_the_same_names);
    RUN(cache_believes_nothing_damaged);
    RUN(cache_asks_only_for_a_card_that_has_shown_which_it_is);
    RUN(cache_forgets_once_and_believes_nothing_after_that);
    RUN(cache_is_closed_before_and_after);
    RUN(cache_takes_no_more_than_scratch_has);
}
