// op.c: >>op, as far as it can be tried without a card; module.c does the rest.
// SPDX-License-Identifier: 0BSD

TEST(op_fits_a_hash_to_the_curve)
{
    u8 digest[64], room[80];
    const struct alg_curve *p256 = alg_curve_named("P-256"), *p521 = alg_curve_named("P-521");
    struct buf b = buf_on(room, sizeof room);
    for (size_t i = 0; i < sizeof digest; i++) digest[i] = (u8)(i + 1);
    op_fit_hash(p256, bytes_of(digest, 64), &b);                // the leftmost
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
    b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 20), &b);                // zeros before it
    CHECK(b.n == 32 && !room[11] && room[12] == 1);
    b.n = 0;
    op_fit_hash(p521, bytes_of(digest, 64), &b);                // as it is
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 64)));
    digest[0] = 0, b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 32), &b);                // its own zero stays
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
}

// A signature that begins with 00 is looked at: here 2 ^ 3 is 8, with a modulus of 64 bytes.
TEST(op_short_signatures_are_looked_at)
{
    u8 modulus[64], block[64] = { 0 }, signature[64] = { 0 };
    const struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW };
    struct alg_key k = { .type = ALG_RSA, .bits = 512, .modulus = bytes_of(modulus, 64),
                         .exponent = BYTES(3) };
    const bytes in = bytes_of(block, 64), made = bytes_of(signature, 64);
    memset(modulus, 0xfb, sizeof modulus);
    block[63] = 8, signature[63] = 2;
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
#if SCARD11_MBEDTLS_MAJOR < 4
    signature[63] = 3;
    CHECK(!op_is_whole(&k, &use, in, made, p15_scratch()));
#endif
    signature[0] = 1;                           // as the card gave it: the trial's to check
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
    signature[0] = 0;
    k.modulus = BYTES_NONE;                     // nothing to check it with
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
}

static void test_op(void)
{
    RUN(op_short_signatures_are_looked_at);
    RUN(op_fits_a_hash_to_the_curve);
}
