// hash.c: >>hash.
// SPDX-License-Identifier: 0BSD

// FIPS 180-2, appendices A to C (change notice 1 for SHA-224): "abc". Those of the empty message:
// NIST's CAVP byte vectors, SHA*ShortMsg.rsp, Len = 0.
static const struct { const char *abc, *empty; } hash_vectors[] = {
    { "a9993e364706816aba3e25717850c26c9cd0d89d", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
      "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f" },
    { "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
      "8086072ba1e7cc2358baeca134c825a7",
      "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
      "274edebfe76f65fbd51ad2f14898b95b" },
    { "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
};

static void hash_start(void)
{
    CHECK_ST(cipher_start(), ST_OK);
}

TEST(hash_vectors_of_the_standard)
{
    hash_start();
    CHECK_EQ(COUNT(hash_vectors), COUNT(alg_hashes));
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        u8 room[64];
        struct buf b = buf_on(room, sizeof room);
        CHECK_ST(hash_of(&alg_hashes[i], bytes_text("abc"), &b), ST_OK);
        CHECK_BYTES(b.p, b.n, hash_vectors[i].abc);
        b.n = 0;
        CHECK_ST(hash_of(&alg_hashes[i], BYTES_NONE, &b), ST_OK);
        CHECK_BYTES(b.p, b.n, hash_vectors[i].empty);
    }
}

TEST(hash_in_parts)
{
    static u8 data[1000];
    hash_start();
    for (size_t i = 0; i < sizeof data; i++) data[i] = (u8)(i * 31);
    for (size_t i = 0; i < COUNT(alg_hashes); i++)
        for (size_t step = 1; step < 300; step += 37) {
            u8 whole[64], parts[64];
            struct buf a = buf_on(whole, sizeof whole), b = buf_on(parts, sizeof parts);
            struct hash h;
            CHECK_ST(hash_of(&alg_hashes[i], bytes_of(data, sizeof data), &a), ST_OK);
            CHECK_ST(hash_begin(&h, &alg_hashes[i]), ST_OK);
            for (bytes in = bytes_of(data, sizeof data); in.n; in = bytes_from(in, step)) {
                CHECK_ST(hash_add(&h, bytes_head(in, step)), ST_OK);
                CHECK_ST(hash_add(&h, BYTES_NONE), ST_OK);
            }
            CHECK_ST(hash_end(&h, &b), ST_OK);
            CHECK(a.n == alg_hashes[i].size && bytes_equal(buf_bytes(&a), buf_bytes(&b)));
        }
}

TEST(hash_appends_and_needs_room)
{
    u8 room[33] = { 9 };
    struct buf b = buf_on(room, sizeof room), tight = buf_on(room, 31);
    struct hash h;
    hash_start();
    b.n = 1;
    CHECK_ST(hash_of(&alg_hashes[2], BYTES_NONE, &b), ST_OK);
    CHECK_EQ(b.n, 33);
    CHECK(room[0] == 9 && room[1] == 0xe3);
    CHECK(hash_of(&alg_hashes[2], BYTES_NONE, &tight));
    CHECK_EQ(tight.n, 0);
    CHECK_ST(hash_begin(&h, &alg_hashes[2]), ST_OK);
    hash_drop(&h);
    CHECK(hash_add(&h, BYTES(1)));                              // it has ended
    hash_drop(&h);
}

// The key is padded to the block that the hash's row has, whatever its digest's length is.
TEST(hash_mac_takes_the_block_of_its_row)
{
    static const size_t blocks[] = { 64, 72, 128, 136, 144 };
    u8 key[ALG_HASH_BLOCK], pads[2][ALG_HASH_BLOCK], inner[32], want[32], got[32];
    hash_start();
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        CHECK(alg_hashes[i].block <= ALG_HASH_BLOCK);
        CHECK(alg_hashes[i].size <= alg_hashes[i].block);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        struct alg_hash row = alg_hashes[2];
        struct buf a = buf_on(inner, 32), b = buf_on(want, 32), c = buf_on(got, 32);
        struct hash h;
        row.block = blocks[i];
        memset(key, 0x5a, sizeof key);
        for (size_t n = 0; n < row.block; n++) {
            u8 k = n < row.block - 3 ? key[n] : 0;
            pads[0][n] = k ^ 0x36, pads[1][n] = k ^ 0x5c;
        }
        CHECK_ST(hash_begin(&h, &row), ST_OK);
        CHECK_ST(hash_add(&h, bytes_of(pads[0], row.block)), ST_OK);
        CHECK_ST(hash_add(&h, bytes_text("message")), ST_OK);
        CHECK_ST(hash_end(&h, &a), ST_OK);
        CHECK_ST(hash_begin(&h, &row), ST_OK);
        CHECK_ST(hash_add(&h, bytes_of(pads[1], row.block)), ST_OK);
        CHECK_ST(hash_add(&h, buf_bytes(&a)), ST_OK);
        CHECK_ST(hash_end(&h, &b), ST_OK);
        CHECK_ST(hash_hmac(&row, bytes_of(key, row.block - 3), bytes_text("mess"),
                           bytes_text("age"), BYTES_NONE, &c), ST_OK);
        CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&c)));
    }
}

static void test_hash(void)
{
    RUN(hash_vectors_of_the_standard);
    RUN(hash_in_parts);
    RUN(hash_appends_and_needs_room);
    RUN(hash_mac_takes_the_block_of_its_row);
}
