// stream.c: >>stream, as far as it can be tried without a key; module.c and vectors.c do the rest.
// SPDX-License-Identifier: 0BSD

// AES-CTR's counter: so many last bits count, the rest stays (NIST SP 800-38A, B.1).
TEST(stream_counts_in_the_last_bits)
{
    u8 block[ALG_BLOCK];
    memset(block, 0xff, sizeof block);
    stream_count(block, 128, 1);
    CHECK_BYTES(block, sizeof block, "00000000000000000000000000000000");
    stream_count(block, 128, 0x123456789a);
    CHECK_BYTES(block, sizeof block, "0000000000000000000000123456789a");
    memset(block, 0xff, sizeof block);
    stream_count(block, 12, 2);
    CHECK_BYTES(block, sizeof block, "fffffffffffffffffffffffffffff001");
    stream_count(block, 1, 1);
    CHECK_BYTES(block, sizeof block, "fffffffffffffffffffffffffffff000");
    stream_count(block, 33, 0x100000000u);
    CHECK_BYTES(block, sizeof block, "fffffffffffffffffffffffefffff000");
}

// RFC 5652, 6.3: one to sixteen bytes that all say how many.
TEST(stream_unpads_a_block)
{
    u8 block[ALG_BLOCK];
    size_t n;
    for (unsigned pad = 0; pad < 256; pad++) {
        memset(block, (int)pad, sizeof block);
        bool good = pad >= 1 && pad <= ALG_BLOCK;
        CHECK_ST(stream_unpad(bytes_of(block, sizeof block), &n), good ? ST_OK : ST_CIPHER_DATA);
        if (good) CHECK_EQ(n, ALG_BLOCK - pad);
        if (!good || pad < 2) continue;
        block[ALG_BLOCK - pad] ^= 1;
        CHECK_ST(stream_unpad(bytes_of(block, sizeof block), &n), ST_CIPHER_DATA);
    }
}

// What comes out when so much goes in: whole blocks, but CBC_PAD's last one, and all of CTR's.
TEST(stream_puts_out_whole_blocks)
{
    struct op op = { .use = { .scheme = ALG_CBC, .block = ALG_BLOCK } };
    CHECK_EQ(stream_size(&op, true, 15), 0);
    CHECK_EQ(stream_size(&op, false, 33), 32);
    op.at.stream.rest_n = 15;
    CHECK_EQ(stream_size(&op, true, 1), 16);
    op.use.scheme = ALG_CBC_PADDED;
    CHECK_EQ(stream_size(&op, true, 1), 16);
    CHECK_EQ(stream_size(&op, false, 1), 0);                // it may be the last
    CHECK_EQ(stream_size(&op, false, 2), 16);
    op.use.scheme = ALG_CTR;
    CHECK_EQ(stream_size(&op, true, 7), 7);
}

// A buffer is large enough, too small, or not there: the length is told each time.
TEST(stream_tells_the_length)
{
    u8 out[4];
    CK_ULONG n = 4;
    CHECK(stream_fits(out, &n, 4) && n == 4);
    CHECK(stream_fits(out, &n, 3) && n == 3);
    CHECK(!stream_fits(out, &n, 4) && n == 4);
    CHECK(!stream_fits(NULL, &n, 2) && n == 2);
}

static void test_stream(void)
{
    RUN(stream_puts_out_whole_blocks);
    RUN(stream_tells_the_length);
    RUN(stream_counts_in_the_last_bits);
    RUN(stream_unpads_a_block);
}
