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

static void test_stream(void)
{
    RUN(stream_counts_in_the_last_bits);
    RUN(stream_unpads_a_block);
}
