// store.c: >>store, what templates say of new objects; whole cards are write.c's.
// SPDX-License-Identifier: 0BSD

TEST(store_curves_by_oid_and_by_name)
{
    static const u8 p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CHECK(store_curve(bytes_of(p256, sizeof p256)) == alg_curve_named("P-256"));
    CHECK(store_curve(bytes_text("\x13\x0c" "edwards25519")) == alg_curve_named("Ed25519"));
    CHECK(store_curve(bytes_text("\x13\x0a" "curve25519")) == alg_curve_named("X25519"));
    CHECK(!store_curve(bytes_text("\x13\x0a" "curve25518")));
    CHECK(!store_curve(bytes_text("\x13\x0b" "curve25519")));
    CHECK(!store_curve(bytes_of(p256, sizeof p256 - 1)) && !store_curve(BYTES_NONE));
}

TEST(store_rsa_exponents)
{
    static const struct { u8 exponent[4]; u8 n; st want; } some[] = {
        { { 1, 0, 1 }, 3, ST_OK }, { { 0, 1, 0, 1 }, 4, ST_OK }, { { 3 }, 1, ST_ATTR_VALUE },
        { { 0 }, 0, ST_ATTR_VALUE }, { { 1, 0, 3 }, 3, ST_ATTR_VALUE },
    };
    CK_ULONG bits = 2048;
    for (size_t i = 0; i < COUNT(some); i++) {
        const CK_ATTRIBUTE t[] = { { CKA_MODULUS_BITS, &bits, sizeof bits },
            { CKA_PUBLIC_EXPONENT, (void *)(uintptr_t)some[i].exponent, some[i].n } };
        struct alg_key key = { .type = ALG_RSA };
        CHECK_ST(store_rsa(t, 2, &key), some[i].want);
        CHECK_EQ(key.bits, 2048);
        CHECK_ST(store_rsa(t + 1, 1, &key), ST_TEMPLATE_LESS);
    }
}

// What both halves' templates give must be the same; what one gives is enough.
TEST(store_halves_agree)
{
    u8 one = 1, two = 2;
    const CK_ATTRIBUTE a[] = { { CKA_ID, &one, 1 } }, b[] = { { CKA_ID, &two, 1 } };
    bytes value;
    const struct store_pair first = { a, NULL, 1, 0 }, second = { NULL, b, 0, 1 },
        same = { a, a, 1, 1 }, mixed = { a, b, 1, 1 }, none = { NULL, NULL, 0, 0 };
    CHECK(!store_shared(&first, CKA_ID, &value) && bytes_equal(value, BYTES(1)));
    CHECK(!store_shared(&second, CKA_ID, &value) && bytes_equal(value, BYTES(2)));
    CHECK(!store_shared(&same, CKA_ID, &value) && bytes_equal(value, BYTES(1)));
    CHECK(!store_shared(&none, CKA_ID, &value) && !value.n);
    CHECK_ST(store_shared(&mixed, CKA_ID, &value), ST_TEMPLATE_MIXED);
}

// Each kind of card has one whose login lets it be written.
TEST(store_asks_for_the_right_login)
{
    static const struct writer by_user = { .by = ROLE_USER }, by_admin = { .by = ROLE_ADMIN };
    static const struct driver of_user = { .name = "", .writer = &by_user },
        of_admin = { .name = "", .writer = &by_admin }, of_none = { .name = "" };
    struct token token = { .driver = &of_none };
    struct session session = { .token = &token };
    CHECK_ST(store_may(&session), ST_SESSION_RO);
    session.flags = CKF_RW_SESSION;
    CHECK_ST(store_may(&session), ST_TOKEN_RO);
    for (int login = 0; login < 8; login++) {
        token.login = login & 1;
        token.so = login & 2;
        token.admin = login & 4;
        token.driver = &of_user;
        CHECK_ST(store_may(&session), token.login ? ST_OK : ST_NOT_LOGGED_IN);
        token.driver = &of_admin;
        CHECK_ST(store_may(&session), token.admin ? ST_OK : ST_NOT_LOGGED_IN);
    }
}

static void test_store(void)
{
    RUN(store_curves_by_oid_and_by_name);
    RUN(store_rsa_exponents);
    RUN(store_halves_agree);
    RUN(store_asks_for_the_right_login);
}
