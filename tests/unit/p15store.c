// p15store.c: >>p15store. Whole changes are in programs/written.c; here is what they rest on.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

// A directory file's image: one entry replaced, removed, added; the file may be too small.
TEST(p15store_images)
{
    static const u8 was[] = { 0x30, 1, 1, 0x30, 1, 2, 0x30, 1, 1, 0, 0, 0xff };
    bytes content = bytes_of(was, sizeof was), image;
    struct scratch scratch = p15_scratch();
    CHECK_ST(p15write_image(content, BYTES(0x30, 1, 1), BYTES_NONE, &scratch, &image), ST_OK);
    CHECK_BYTES(image.p, image.n, "300102 300101 000000 0000ff");
    CHECK_ST(p15write_image(content, BYTES_NONE, BYTES(0x30, 1, 3), &scratch, &image), ST_OK);
    CHECK_BYTES(image.p, image.n, "300101 300102 300101 300103");
    CHECK_ST(p15write_image(content, BYTES(0x30, 1, 2), BYTES(0x30, 0), &scratch, &image), ST_OK);
    CHECK_BYTES(image.p, image.n, "300101 3000 300101 00 0000ff");
    CHECK_ST(p15write_image(content, BYTES_NONE, BYTES(0x30, 2, 3, 4), &scratch, &image),
             ST_CARD_FULL);
    CHECK(p15write_has(content, BYTES(0x30, 1, 2)) && !p15write_has(content, BYTES(0x30, 1, 4)));
    CHECK_EQ(p15write_end(content), 9);
}

// Which bytes are written, and whether that is safe where they are.
TEST(p15store_spans)
{
    static u8 was[600], fresh[600];
    bytes old = bytes_of(was, sizeof was), new = bytes_of(fresh, sizeof fresh);
    struct p15write_span span = p15write_differs(old, new);
    CHECK(span.from == span.to);
    memset(was, 0, sizeof was);
    memset(fresh, 0, sizeof fresh);
    was[0] = fresh[0] = 0x30, was[1] = fresh[1] = 0x82, was[3] = fresh[3] = 0x40;
    fresh[68] = 0x30, fresh[69] = 0x82, fresh[70] = 1, fresh[71] = 0x20, fresh[350] = 7;
    span = p15write_differs(old, new);
    CHECK(span.from == 68 && span.to == 351);
    CHECK(p15write_in_place(&span, old, new, P15WRITE_PIECE));              // behind what there is
    CHECK(p15write_in_place(&span, new, old, P15WRITE_PIECE));              // at the end
    was[68] = 0x30, was[69] = 0x82, was[71] = 0x10, was[88] = 0x30, was[89] = 1;
    span = p15write_differs(old, new);
    CHECK(!p15write_in_place(&span, old, new, P15WRITE_PIECE));
    span = (struct p15write_span){ 10, 20 };
    CHECK(p15write_in_place(&span, old, new, P15WRITE_PIECE));
}

// Each second is followed by another.
TEST(p15store_later)
{
    static const struct { const char *now, *later; } times[] = {
        { "20261128055959Z", "20261128060000Z" }, { "20261109095958Z", "20261109095959Z" },
        { "20261228235959Z", "20270101000000Z" }, { "99991231235959Z", "00000101000000Z" } };
    for (size_t i = 0; i < COUNT(times); i++) {
        u8 time[P15WRITE_TIME];
        memcpy(time, times[i].now, sizeof time);
        p15write_later(time);
        CHECK(!memcmp(time, times[i].later, sizeof time));
    }
}

static void test_p15store(void)
{
    RUN(p15store_images);
    RUN(p15store_spans);
    RUN(p15store_later);
}
