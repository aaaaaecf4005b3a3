// PINs and keys of PKCS#15 cards. Whole cards use them in cards.c, pins.c and eid.c.
// SPDX-License-Identifier: 0BSD

TEST(p15use_unpadded_blocks)
{
    u8 block[64];
    struct buf b = buf_on(block, sizeof block);
    CHECK_ST(pad_pkcs1_sign(BYTES(0x30, 0x01, 0xff), 64, &b), ST_OK);
    bytes info = p15use_unpadded(bytes_of(block, 64));
    CHECK_BYTES(info.p, info.n, "3001ff");
    CHECK(!p15use_unpadded(bytes_of(block, 10)).n);
    block[20] = 0xfe;
    CHECK(!p15use_unpadded(bytes_of(block, 64)).n);
    block[20] = 0xff, block[1] = 2;
    CHECK(!p15use_unpadded(bytes_of(block, 64)).n);
    memset(block, 0xff, 64), block[0] = 0, block[1] = 1;
    CHECK(!p15use_unpadded(bytes_of(block, 64)).n);
    block[5] = 0;
    CHECK(!p15use_unpadded(bytes_of(block, 64)).n);
}

static void test_p15use(void)
{
    RUN(p15use_unpadded_blocks);
}
