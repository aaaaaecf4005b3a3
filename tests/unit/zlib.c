// zlib.c: >>zlib.
// SPDX-License-Identifier: 0BSD

#if SCARD11_ZLIB
static u8 ALIGNED zlib_room[SCARD11_SCRATCH + ARENA_ALIGN];

static struct scratch zlib_scratch(size_t n)
{
    return scratch_on(zlib_room, n + ARENA_ALIGN);
}

// Compresses into out: wbits 15 is zlib, 31 gzip, -15 neither.
static size_t zlib_pack(bytes in, int wbits, u8 *out, size_t room)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    if (deflateInit2(&z, 9, Z_DEFLATED, wbits, 8, Z_DEFAULT_STRATEGY)) abort();
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    deflateEnd(&z);
    return room - z.avail_out;
}

TEST(zlib_inflates_gzip_and_zlib)
{
    static u8 packed[4096];
    for (size_t i = 0; i < 2 * COUNT(x509_samples); i++) {
        bytes want = x509_samples[i / 2].certificate, got;
        size_t n = zlib_pack(want, i % 2 ? 31 : 15, packed, sizeof packed);
        struct scratch s = zlib_scratch(SCARD11_SCRATCH);
        u8 *p = tlv_exact(bytes_of(packed, n));
        CHECK_ST(zlib_inflate(bytes_of(p, n), &s, &got), ST_OK);
        free(p);
        CHECK(bytes_equal(got, want));
        CHECK(got.p >= zlib_room && got.p + got.n <= s.at && s.at <= (u8 *)s.end);
        u8 *next = scratch_alloc(&s, 16);               // what comes then does not lie over it
        CHECK(next && next >= got.p + got.n);
        CHECK(bytes_equal(got, want));
    }
}

TEST(zlib_empty_and_followed_by_something)
{
    u8 packed[64];
    bytes got = BYTES(1);
    size_t n = zlib_pack(BYTES_NONE, 31, packed, sizeof packed);
    struct scratch s = zlib_scratch(SCARD11_SCRATCH);
    CHECK_ST(zlib_inflate(bytes_of(packed, n), &s, &got), ST_OK);
    CHECK_EQ(got.n, 0);
    n = zlib_pack(BYTES(7, 8), 31, packed, sizeof packed);
    s = zlib_scratch(SCARD11_SCRATCH);
    CHECK_ST(zlib_inflate(bytes_of(packed, n + 5), &s, &got), ST_OK);
    CHECK_BYTES(got.p, got.n, "0708");
}

TEST(zlib_a_bomb_stops_at_the_end_of_scratch)
{   // 100 MB of zeros
    static u8 zeros[100000], packed[200000];
    z_stream z;
    bytes got = BYTES_NONE;
    memset(&z, 0, sizeof z);
    CHECK(!deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY));
    z.next_out = packed;
    z.avail_out = sizeof packed;
    for (int i = 0; i < 1000; i++) {
        z.next_in = zeros;
        z.avail_in = sizeof zeros;
        deflate(&z, i == 999 ? Z_FINISH : Z_NO_FLUSH);
    }
    size_t n = sizeof packed - z.avail_out;
    CHECK_EQ(z.total_in, 100000000);
    deflateEnd(&z);
    struct scratch s = zlib_scratch(SCARD11_SCRATCH), before = s;
    CHECK_ST(zlib_inflate(bytes_of(packed, n), &s, &got), ST_ARENA_FULL);
    CHECK(s.at == before.at && !got.n);                 // takes nothing when it fails
}

TEST(zlib_truncated_and_corrupt)
{
    static u8 packed[4096];
    bytes want = x509_samples[3].certificate, got;
    for (int wbits = 15; wbits <= 31; wbits += 16) {
        size_t n = zlib_pack(want, wbits, packed, sizeof packed);
        for (size_t part = 0; part < n; part++) {
            struct scratch s = zlib_scratch(SCARD11_SCRATCH);
            u8 *p = tlv_exact(bytes_of(packed, part));
            CHECK_ST(zlib_inflate(bytes_of(p, part), &s, &got), ST_PROTOCOL);
            free(p);
        }
        for (size_t i = 0; i < n; i++) {                // one that passes is a header's free field
            struct scratch s = zlib_scratch(SCARD11_SCRATCH);
            packed[i] ^= 0x10;
            st r = zlib_inflate(bytes_of(packed, n), &s, &got);
            CHECK(r == ST_OK ? i < 10 && bytes_equal(got, want) : r == ST_PROTOCOL);
            packed[i] ^= 0x10;
        }
    }
    struct scratch s = zlib_scratch(SCARD11_SCRATCH);
    size_t n = zlib_pack(want, -15, packed, sizeof packed);
    CHECK_ST(zlib_inflate(bytes_of(packed, n), &s, &got), ST_PROTOCOL);     // bare deflate
    CHECK_ST(zlib_inflate(want, &s, &got), ST_PROTOCOL);                    // not compressed
    CHECK_ST(zlib_inflate(BYTES(0x78, 0xbb, 1, 2, 3, 4), &s, &got), ST_PROTOCOL);   // dictionary
}

TEST(zlib_in_every_size_of_scratch)
{
    static u8 packed[4096];
    bytes want = x509_samples[3].certificate, got;
    size_t n = zlib_pack(want, 31, packed, sizeof packed);
    bool fitted = false;
    for (size_t room = 0; room <= SCARD11_SCRATCH; room += room < 60000 ? 16 : 976) {
        struct scratch s = zlib_scratch(room);
        st r = zlib_inflate(bytes_of(packed, n), &s, &got);
        CHECK(r == ST_OK || (!fitted && (r == ST_HOST_MEMORY || r == ST_ARENA_FULL)));
        CHECK(r || bytes_equal(got, want));
        CHECK(s.end->high <= zlib_room + room);
        fitted = fitted || !r;
    }
    CHECK(fitted);
    struct scratch s = zlib_scratch(SCARD11_SCRATCH);
    CHECK_ST(zlib_inflate(bytes_of(packed, 0x1000000), &s, &got), ST_HOST_MEMORY);  // not looked at
}

#if ZLIB_DEFLATES
TEST(zlib_deflates_to_gzip_and_zlib)
{
    bytes want = x509_samples[3].certificate, packed, got;
    bool fitted = false;
    for (int gzip = 0; gzip < 2; gzip++)
        for (size_t room = 0; room <= SCARD11_SCRATCH; room += room < 60000 ? 976 : 20000) {
            struct scratch s = zlib_scratch(room);
            st r = zlib_deflate(want, gzip, &s, &packed);
            CHECK(r == ST_OK || (r == ST_HOST_MEMORY && room < 60000));
            if (r) continue;
            fitted = true;
            CHECK(bytes_begin(packed, gzip ? BYTES(0x1f, 0x8b) : BYTES(0x48)));
            CHECK(packed.p + packed.n <= s.at);
            if (room < SCARD11_SCRATCH - 20000) continue;
            CHECK_ST(zlib_inflate(packed, &s, &got), ST_OK);
            CHECK(bytes_equal(got, want));
        }
    CHECK(fitted);
}
#endif

static void test_zlib(void)
{
    RUN(zlib_inflates_gzip_and_zlib);
#if ZLIB_DEFLATES
    RUN(zlib_deflates_to_gzip_and_zlib);
#endif
    RUN(zlib_empty_and_followed_by_something);
    RUN(zlib_a_bomb_stops_at_the_end_of_scratch);
    RUN(zlib_truncated_and_corrupt);
    RUN(zlib_in_every_size_of_scratch);
}
#else
TEST(zlib_is_off)
{
    struct scratch s = { NULL, NULL };
    bytes got;
    CHECK_ST(zlib_inflate(BYTES(0x78), &s, &got), ST_NOT_SUPPORTED);
}

static void test_zlib(void)
{
    RUN(zlib_is_off);
}
#endif
