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
    u8 modulus[64] = { 0 }, block[64] = { 0 }, signature[64] = { 0 };
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

// Input that comes with the last call alone is not copied; what was kept before goes in front of it.
TEST(op_input_is_the_caller_s_where_nothing_was_kept)
{
    static u8 much[OP_DATA_MAX];
    static const struct mech_row row = { .type = CKM_RSA_PKCS };
    struct chain data = { .n = 0 };
    struct op op = { .row = &row, .use = { .scheme = ALG_PKCS1 }, .data = &data };
    struct scratch scratch = p15_scratch();
    bytes in, last = bytes_text("last");
    card_begin(1 << 20);
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(in.p == last.p && in.n == last.n);
    CHECK_ST(op_input(&op, bytes_of(much, sizeof much), &scratch, &in), ST_OK);
    CHECK_ST(op_add(&card_it, &op, bytes_text("first, ")), ST_OK);
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, bytes_text("first, last")));
    CHECK_ST(op_input(&op, bytes_of(much, sizeof much - 6), &scratch, &in), ST_DATA_LEN);
    CHECK_ST(op_add(&card_it, &op, bytes_of(much, sizeof much - 6)), ST_DATA_LEN);
    op.head = 5;                                // ... which a signature that came early is not
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, bytes_text(", last")));
    arena_free(&card_it.arena);
}

// The digest of all parts, the last of them with the call that ends it.
TEST(op_input_is_hashed_with_its_last_part)
{
    static const struct mech_row row = { .type = CKM_SHA256_RSA_PKCS, .hash = CKM_SHA256 };
    u8 room[ALG_HASH_MAX];
    struct buf want = buf_on(room, sizeof room);
    struct chain data = { .n = 0 };
    struct op op = { .row = &row, .use = { .hash = alg_hash_find(CKM_SHA256) }, .data = &data };
    struct scratch scratch = p15_scratch();
    bytes in;
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(hash_of(op.use.hash, bytes_text("first, last"), &want), ST_OK);
    CHECK_ST(op_start(&op, NULL, SESSION_VERIFY, scratch), ST_OK);
    CHECK_ST(op_add(NULL, &op, bytes_text("first, ")), ST_OK);
    CHECK_ST(op_input(&op, bytes_text("last"), &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, buf_bytes(&want)) && !op.hashing && !data.n);
}

static void test_op(void)
{
    RUN(op_input_is_the_caller_s_where_nothing_was_kept);
    RUN(op_input_is_hashed_with_its_last_part);
    RUN(op_short_signatures_are_looked_at);
    RUN(op_fits_a_hash_to_the_curve);
}
