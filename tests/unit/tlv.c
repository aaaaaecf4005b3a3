// tlv.c: >>tlv.
// SPDX-License-Identifier: 0BSD

// A copy in memory of exactly that size, so that the sanitizer sees a read behind it. The test
// frees it.
static u8 *tlv_exact(bytes s)
{
    u8 *p = malloc(s.n ? s.n : 1);
    if (!p) abort();
    if (s.n) memcpy(p, s.p, s.n);
    return s.n ? p : (free(p), NULL);
}

// The first of what a literal holds, which lives only as long as the CHECK around it.
static st tlv_try(bytes in, struct tlv *t)
{
    static u8 kept[16];
    if (in.n <= sizeof kept) in.p = in.n ? memcpy(kept, in.p, in.n) : NULL;
    return tlv_next(&in, t);
}

TEST(tlv_takes_one_after_the_other)
{
    bytes in = BYTES(0x53, 2, 0xaa, 0xbb, 0x5f, 0x2f, 1, 0x40, 0x71, 0);
    struct tlv t;
    CHECK_ST(tlv_next(&in, &t), ST_OK);
    CHECK_EQ(t.tag, 0x53);
    CHECK_BYTES(t.value.p, t.value.n, "aabb");
    CHECK_BYTES(t.whole.p, t.whole.n, "5302aabb");
    CHECK_ST(tlv_next(&in, &t), ST_OK);
    CHECK_EQ(t.tag, 0x5f2f);
    CHECK_BYTES(t.whole.p, t.whole.n, "5f2f0140");
    CHECK_ST(tlv_next(&in, &t), ST_OK);
    CHECK_EQ(t.tag, 0x71);
    CHECK_EQ(t.value.n, 0);
    CHECK_ST(tlv_next(&in, &t), ST_NOT_FOUND);
    CHECK_ST(tlv_next(&in, &t), ST_NOT_FOUND);
}

TEST(tlv_tags_have_up_to_four_bytes)
{
    struct tlv t;
    CHECK_ST(tlv_try(BYTES(0x1f, 0x7f, 0), &t), ST_OK);
    CHECK_EQ(t.tag, 0x1f7f);
    CHECK_ST(tlv_try(BYTES(0x7f, 0x81, 0x01, 0), &t), ST_OK);
    CHECK_EQ(t.tag, 0x7f8101);
    CHECK_ST(tlv_try(BYTES(0xff, 0xff, 0x80, 0x01, 0), &t), ST_OK);
    CHECK_EQ(t.tag, 0xffff8001u);
    CHECK_ST(tlv_try(BYTES(0x1f, 0x81, 0x81, 0x81, 0x01, 0), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x1f), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x1f, 0x81), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x1f, 0x01), &t), ST_PROTOCOL);
}

TEST(tlv_opens_what_there_is)
{
    static const u8 some[] = { 0x53, 3, 0xaa, 0xbb, 0xcc, 0x71 };
    bytes value;
    for (size_t n = 0; n <= sizeof some; n++) {
        bytes in = bytes_of(some, n);
        CHECK_ST(tlv_open_some(in, true, 0x53, &value), n < 2 ? ST_PROTOCOL : ST_OK);
        if (n >= 2) CHECK_EQ(value.n, n - 2 < 3 ? n - 2 : 3);
        CHECK_ST(tlv_open_some(in, false, 0x53, &value), n < 5 ? ST_PROTOCOL : ST_OK);
        CHECK_ST(tlv_open_some(in, true, 0x71, &value), ST_PROTOCOL);
    }
    CHECK_ST(tlv_open_some(BYTES(0x53, 0x82, 0x01), true, 0x53, &value), ST_PROTOCOL);
}

TEST(tlv_lengths_that_cannot_be)
{
    struct tlv t;
    bytes in = BYTES(0x30, 0x03, 1, 2);
    CHECK_ST(tlv_next(&in, &t), ST_PROTOCOL);
    CHECK_EQ(in.n, 4);                                          // an error takes nothing
    CHECK_ST(tlv_try(BYTES(0x30), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x80, 0, 0), &t), ST_PROTOCOL);        // indefinite
    CHECK_ST(tlv_try(BYTES(0x30, 0x81), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x82, 0), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x84, 0xff, 0xff, 0xff, 0xff), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x84, 0x80, 0, 0, 0, 1), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x85, 0, 0, 0, 0, 1, 9), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0xff, 1), &t), ST_PROTOCOL);
    CHECK_ST(tlv_try(BYTES(0x30, 0x84, 0, 0, 0, 1, 9), &t), ST_OK);     // long, but BER
    CHECK_BYTES(t.value.p, t.value.n, "09");
    CHECK_ST(tlv_try(BYTES(0x30, 0x81, 1, 9), &t), ST_OK);
}

TEST(tlv_never_reads_outside)
{
    static const u8 from[] = { 0x7f, 0x49, 0x81, 0x85, 0x82, 0x00, 0x80, 0x30, 0x1f, 0x84, 0xff };
    for (u32 run = 0; run < 20000; run++) {
        u8 room[12];
        size_t n = 1 + test_any_below(sizeof room);
        for (size_t i = 0; i < n; i++) room[i] = from[test_any_below(sizeof from)];
        u8 *p = tlv_exact(bytes_of(room, n));
        bytes in = bytes_of(p, n);
        struct tlv t;
        st s = ST_OK;
        while (!s) {
            size_t before = in.n;
            s = tlv_next(&in, &t);
            if (s) break;
            CHECK(t.whole.p >= p && t.whole.p + t.whole.n <= p + n && in.n < before);
            CHECK(t.value.p + t.value.n == t.whole.p + t.whole.n);
        }
        CHECK(s == ST_NOT_FOUND ? !in.n : s == ST_PROTOCOL && in.n);
        free(p);
    }
}

TEST(tlv_finds_among_siblings)
{
    bytes in = BYTES(0x70, 4, 0x71, 2, 1, 2, 0x71, 1, 3, 0x71, 1, 4), value;
    CHECK(tlv_find(in, 0x71, &value));
    CHECK_BYTES(value.p, value.n, "03");                        // not the one inside 70
    CHECK(!tlv_find(in, 0x72, &value));
    CHECK(!tlv_find(BYTES_NONE, 0x71, &value));
    CHECK(!tlv_find(BYTES(0x70, 9, 0x71, 0), 0x71, &value));    // what is before it is broken
    CHECK(tlv_find(BYTES(0x71, 0, 0x70, 9), 0x71, &value));     // what is behind it does not matter
}

TEST(tlv_opens_only_the_right_tag)
{
    bytes in = BYTES(0x30, 1, 7, 0x31, 0), value;
    struct tlv t;
    CHECK_ST(tlv_open(in, 0x30, &value), ST_OK);
    CHECK_BYTES(value.p, value.n, "07");
    CHECK_ST(tlv_open(in, 0x31, &value), ST_PROTOCOL);
    CHECK_ST(tlv_open(BYTES_NONE, 0x30, &value), ST_PROTOCOL);
    CHECK_ST(tlv_take(&in, 0x30, &t), ST_OK);
    CHECK_ST(tlv_take(&in, 0x30, &t), ST_PROTOCOL);
    CHECK_ST(tlv_take(&in, 0x31, &t), ST_PROTOCOL);
}

TEST(tlv_writes_what_it_reads)
{
    static const struct { size_t n; const char *header; } sizes[] = {
        { 0, "30 00" }, { 1, "30 01" }, { 127, "30 7f" }, { 128, "30 8180" }, { 255, "30 81ff" },
        { 256, "30 820100" }, { 65535, "30 82ffff" }, { 65536, "30 83010000" },
    };
    static u8 value[65536], room[65536 + 8];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct buf b = buf_on(room, sizeof room);
        struct tlv t;
        tlv_put_header(&b, 0x30, sizes[i].n);
        CHECK_BYTES(b.p, b.n, sizes[i].header);
        b.n = 0;
        tlv_put(&b, 0x30, bytes_of(value, sizes[i].n));
        CHECK(!b.full);
        CHECK_EQ(b.n, tlv_size(0x30, sizes[i].n));
        CHECK_ST(tlv_try(buf_bytes(&b), &t), ST_OK);
        CHECK_EQ(t.value.n, sizes[i].n);
        CHECK_EQ(t.whole.n, b.n);
        b = buf_on(room, b.n - 1);                              // one byte less
        tlv_put(&b, 0x30, bytes_of(value, sizes[i].n));
        CHECK(b.full);
    }
}

TEST(tlv_writes_long_tags)
{
    static const struct { u32 tag; const char *header; } tags[] = {
        { 0x5a, "5a00" }, { 0x7f49, "7f4900" }, { 0x5fc105, "5fc10500" },
        { 0xffff8001u, "ffff800100" }, { 0, "0000" },
    };
    for (size_t i = 0; i < COUNT(tags); i++) {
        u8 room[8];
        struct buf b = buf_on(room, sizeof room);
        struct tlv t;
        tlv_put(&b, tags[i].tag, BYTES_NONE);
        CHECK_BYTES(b.p, b.n, tags[i].header);
        CHECK_EQ(b.n, tlv_size(tags[i].tag, 0));
        CHECK_ST(tlv_try(buf_bytes(&b), &t), ST_OK);
        CHECK_EQ(t.tag, tags[i].tag);
    }
}

TEST(tlv_integers)
{
    u8 room[32];
    struct buf b = buf_on(room, sizeof room);
    bytes number;
    tlv_put_integer(&b, BYTES_NONE);
    tlv_put_integer(&b, BYTES(0, 0));
    tlv_put_integer(&b, BYTES(0x7f));
    tlv_put_integer(&b, BYTES(0x80));
    tlv_put_integer(&b, BYTES(0, 0, 0xff, 0x01));
    CHECK_BYTES(b.p, b.n, "020100 020100 02017f 02020080 020300ff01");
    CHECK_ST(tlv_integer(BYTES(0), &number), ST_OK);
    CHECK_EQ(number.n, 0);
    bytes sign = BYTES(0, 0x80), long_one = BYTES(0, 0, 1);
    CHECK_ST(tlv_integer(sign, &number), ST_OK);
    CHECK_BYTES(number.p, number.n, "80");
    CHECK_ST(tlv_integer(long_one, &number), ST_OK);            // not DER; cards write such
    CHECK_BYTES(number.p, number.n, "01");
    CHECK_ST(tlv_integer(BYTES(0x80), &number), ST_PROTOCOL);
    CHECK_ST(tlv_integer(BYTES(0xff, 0x01), &number), ST_PROTOCOL);
    CHECK_ST(tlv_integer(BYTES_NONE, &number), ST_PROTOCOL);
}

static void test_tlv(void)
{
    RUN(tlv_takes_one_after_the_other);
    RUN(tlv_tags_have_up_to_four_bytes);
    RUN(tlv_opens_what_there_is);
    RUN(tlv_lengths_that_cannot_be);
    RUN(tlv_never_reads_outside);
    RUN(tlv_finds_among_siblings);
    RUN(tlv_opens_only_the_right_tag);
    RUN(tlv_writes_what_it_reads);
    RUN(tlv_writes_long_tags);
    RUN(tlv_integers);
}
