// mech.c: >>mech.
// SPDX-License-Identifier: 0BSD

// A driver that can do it all: what these functions would do is not called here.
static st mech_never_sign(struct card *c, struct object *o, const struct alg_use *use, bytes in,
                          struct scratch scratch, struct buf *out)
{
    (void)c; (void)o; (void)use; (void)in; (void)scratch; (void)out;
    return ST_FAILED;
}

static st mech_never_derive(struct card *c, struct object *o, bytes point, struct scratch scratch,
                            struct buf *out)
{
    return mech_never_sign(c, o, NULL, point, scratch, out);
}

static st mech_never_crypt(struct card *c, struct object *o, const struct alg_use *use, bool encrypt,
                           bytes iv, bytes in, struct scratch scratch, struct buf *out)
{
    (void)encrypt; (void)iv;
    return mech_never_sign(c, o, use, in, scratch, out);
}

static st mech_never_mac(struct card *c, struct object *o, bytes in, struct scratch scratch, struct buf *out)
{
    return mech_never_sign(c, o, NULL, in, scratch, out);
}

// Its cards make keys of the kinds that they may have, but no RSA-1024.
static bool mech_test_makes(const struct token *token, const struct draft *draft)
{
    return token->key_types & CARD_TYPE(draft->key.type) && draft->key.bits != 1024;
}

static const struct writer mech_writer = { .makes = mech_test_makes, .wraps = true };

static const struct driver mech_driver = { .name = "all", .sign = mech_never_sign,
    .decrypt = mech_never_sign, .derive = mech_never_derive, .crypt = mech_never_crypt, .mac = mech_never_mac,
    .writer = &mech_writer },
    mech_signer = { .name = "signer", .sign = mech_never_sign };

#define MECH_TEST_ALL (CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC) | CARD_TYPE(ALG_EDWARDS) | \
                       CARD_TYPE(ALG_MONTGOMERY))

static struct token mech_token(u32 key_types)
{
    return (struct token){ .driver = &mech_driver, .key_types = key_types,
                           .secrets = key_types == MECH_TEST_ALL ? CARD_AES | CARD_DES3 : 0 };
}

TEST(mech_rows_are_whole)
{
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        const struct mech_row *m = &mech_rows[i];
        for (size_t j = 0; j < i; j++) CHECK(mech_rows[j].type != m->type);
        CHECK(m->flags);
        CHECK(!m->hash || alg_hash_find(m->hash));
        CHECK(m->key != ALG_NONE || m->flags == CKF_GENERATE || m->flags == MECH_WU ||
              (m->flags == CKF_DIGEST && m->hash == m->type));
        CHECK((m->scheme == ALG_HMAC) == (m->key == ALG_SECRET && m->hash));
        CHECK(m->scheme != ALG_GCM || m->param == MECH_GCM);
        CHECK((m->key == ALG_SECRET || m->flags == CKF_GENERATE) == (m->secret != 0));
        CHECK(!m->secret || m->secret == MECH_ANY || make_secret_type(m->secret));
        CHECK((m->scheme == ALG_PSS) == (m->param == MECH_PSS));
        CHECK((m->scheme == ALG_OAEP) == (m->param == MECH_OAEP));
    }
}

TEST(mech_found_by_what_the_token_has)
{
    struct token none = mech_token(0), rsa = mech_token(CARD_TYPE(ALG_RSA)),
        ec = mech_token(CARD_TYPE(ALG_EC)), x = mech_token(CARD_TYPE(ALG_MONTGOMERY)),
        all = mech_token(MECH_TEST_ALL);
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        const struct mech_row *m = &mech_rows[i];
        CHECK(mech_find(&all, m->type, 0) == m);
        CHECK(mech_find(&all, m->type, m->flags) == m);
        bool host = (m->key == ALG_NONE || m->key == ALG_SECRET) && !mech_not_here(m);
        host |= m->type == SCARD11_CKM_CARD_WRAP;       // which needs no key that is an object
        CHECK((mech_find(&none, m->type, 0) == m) == host);
        CHECK((mech_find(&rsa, m->type, 0) == m) == (host || m->key == ALG_RSA));
        CHECK((mech_find(&ec, m->type, 0) == m) == (host || m->key == ALG_EC));
        CHECK((mech_find(&x, m->type, 0) == m) ==
              (host || m->param == MECH_ECDH || m->key == ALG_MONTGOMERY));
    }
    CHECK(!mech_find(&all, CKM_AES_CCM, 0));
    CHECK(!mech_find(&all, CKM_RSA_PKCS_PSS, CKF_WRAP));
    CHECK(!mech_find(&all, CKM_SHA256, CKF_SIGN));
    CHECK(!mech_find(&all, CKM_EDDSA, CKF_VERIFY));
    CHECK(mech_find(&all, CKM_RSA_PKCS, CKF_VERIFY));
    CHECK(mech_find(&all, CKM_SHA256_RSA_PKCS_PSS, CKF_VERIFY));
    CHECK_EQ(!mech_find(&all, CKM_RSA_X_509, CKF_VERIFY), !CIPHER_BIGNUM);
    CHECK_EQ(!mech_find(&all, CKM_RSA_X_509, CKF_ENCRYPT), !CIPHER_BIGNUM);
    CHECK_EQ(!mech_find(&all, CKM_RSA_PKCS, CKF_VERIFY_RECOVER), !CIPHER_BIGNUM);
    CHECK_EQ(!mech_find(&all, CKM_RSA_PKCS_OAEP, CKF_WRAP), !CIPHER_BIGNUM && !CIPHER_SEALS);
}

TEST(mech_info_of_each)
{
    struct token all = mech_token(MECH_TEST_ALL), x = mech_token(CARD_TYPE(ALG_MONTGOMERY));
    CK_MECHANISM_INFO info;
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        mech_info(&all, &mech_rows[i], &info);
        CHECK((info.flags & mech_rows[i].flags) == mech_uses(&mech_rows[i]));
        bool host = mech_rows[i].key == ALG_NONE || mech_rows[i].key == ALG_SECRET;
        CHECK(!(info.flags & CKF_HW) == (host && !mech_on_card(&all, &mech_rows[i])));
        CHECK(info.ulMinKeySize <= info.ulMaxKeySize);
    }
    mech_info(&all, mech_find(&all, CKM_SHA256, 0), &info);
    CHECK(info.flags == CKF_DIGEST && !info.ulMinKeySize && !info.ulMaxKeySize);
    mech_info(&all, mech_find(&all, CKM_RSA_PKCS_PSS, 0), &info);
    CHECK(info.flags == (CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY |
                         CKF_MULTI_MESSAGE));
    CHECK(info.ulMinKeySize == 1024 && info.ulMaxKeySize == 4096);
    mech_info(&all, mech_find(&all, CKM_RSA_PKCS_KEY_PAIR_GEN, 0), &info);
    CHECK(info.flags == (CKF_HW | CKF_GENERATE_KEY_PAIR));
    CHECK(info.ulMinKeySize == 2048 && info.ulMaxKeySize == 4096);
    mech_info(&all, mech_find(&all, CKM_EC_KEY_PAIR_GEN, 0), &info);
    CHECK(info.ulMinKeySize == 256 && info.ulMaxKeySize == 521 && info.flags & CKF_EC_NAMEDCURVE);
    mech_info(&all, mech_find(&all, CKM_ECDSA, 0), &info);
    CHECK(info.ulMinKeySize == 256 && info.ulMaxKeySize == 521 && info.flags & CKF_EC_NAMEDCURVE);
    mech_info(&x, mech_find(&x, CKM_ECDH1_DERIVE, 0), &info);
    CHECK(info.ulMinKeySize == 255 && info.ulMaxKeySize == 255);
    mech_info(&all, mech_find(&all, CKM_ECDH1_DERIVE, 0), &info);       // X25519 and P-521
    CHECK(info.ulMinKeySize == 255 && info.ulMaxKeySize == 521);
    mech_info(&all, mech_find(&all, CKM_EDDSA, 0), &info);
    CHECK(info.ulMinKeySize == 255 && info.ulMaxKeySize == 255);
}

static const struct mech_row mech_cmac = { CKM_AES_CMAC, ALG_SECRET, ALG_CMAC, 0, 0, CKK_AES, MECH_SV };

// Secret keys of a card: what it does itself, and what its keys may be used with.
TEST(mech_of_secret_keys)
{
    struct token all = mech_token(MECH_TEST_ALL), aes = all, none = mech_token(0);
    const struct mech_row *des = mech_find(&all, CKM_DES3_CBC, 0);
    struct object o = { .class = CKO_SECRET_KEY, .token = &all, .secret_type = CKK_DES2,
                        .use = CARD_ENCRYPT };
    CK_MECHANISM_INFO info;
    aes.secrets = CARD_AES;
    CHECK(des && !mech_find(&aes, CKM_DES3_CBC, 0) && !mech_find(&none, CKM_DES3_ECB, 0));
    CHECK(mech_on_card(&aes, mech_find(&aes, CKM_AES_CBC_PAD, 0)));
    CHECK(!mech_on_card(&none, mech_find(&none, CKM_AES_CBC_PAD, 0)));
    CHECK(!mech_on_card(&all, mech_find(&all, CKM_AES_CTR, 0)));
    CHECK(mech_on_card(&aes, mech_find(&aes, CKM_AES_CMAC, 0)));
    CHECK(!mech_on_card(&none, &mech_cmac) && !mech_find(&none, CKM_AES_CMAC, 0) == !CIPHER_CMAC);
    aes.driver = &mech_signer;                          // none that works with secret keys
    CHECK(!mech_on_card(&aes, &mech_cmac));
    CHECK(!mech_on_card(&aes, mech_find(&aes, CKM_AES_CBC, 0)));
    mech_info(&all, des, &info);
    CHECK(info.flags == (CKF_HW | CKF_ENCRYPT | CKF_DECRYPT));
    CHECK(info.ulMinKeySize == 16 && info.ulMaxKeySize == 24);
    mech_info(&none, mech_find(&none, CKM_AES_CBC, 0), &info);
    CHECK(info.flags == (CKF_ENCRYPT | CKF_DECRYPT) && info.ulMinKeySize == 16);
    CHECK(mech_fits(des, &o) && !mech_fits(mech_find(&all, CKM_AES_CBC, 0), &o));
    o.secret_type = CKK_DES3;
    CHECK(mech_fits(des, &o));
    o.secret_type = CKK_DES;
    CHECK(!mech_fits(des, &o));
    o.secret_type = CKK_AES;
    CHECK(!mech_fits(des, &o) && mech_fits(mech_find(&all, CKM_AES_CBC_PAD, 0), &o));
    CHECK(!mech_fits(mech_find(&all, CKM_AES_CTR, 0), &o));
    o.owner = 5;                                        // a session's: on the host
    CHECK(mech_fits(mech_find(&all, CKM_AES_CTR, 0), &o));
    o.use = CARD_WRAP;
    CHECK(mech_fits(mech_find(&all, CKM_AES_CBC_PAD, 0), &o));
    CHECK(!mech_fits(mech_find(&all, CKM_AES_CBC, 0), &o));
    o.use = CARD_UNWRAP;
    CHECK(mech_fits(mech_find(&all, CKM_AES_CBC_PAD, 0), &o));
    o.use = CARD_DECRYPT;
    CHECK(mech_fits(mech_find(&all, CKM_AES_CBC, 0), &o));
    o.use = CARD_DERIVE;
    CHECK(!mech_fits(mech_find(&all, CKM_AES_CBC_PAD, 0), &o) && !mech_fits(&mech_cmac, &o));
    o.use = CARD_SIGN;
    CHECK_EQ(mech_fits(&mech_cmac, &o), CIPHER_CMAC);
    o.owner = 0;
    CHECK(mech_fits(&mech_cmac, &o));
    o.secret_type = CKK_DES3;
    CHECK(!mech_fits(&mech_cmac, &o));
}

// mech_use with parameters of n bytes at p.
static st mech_try(CK_MECHANISM_TYPE type, const void *p, size_t n, struct alg_use *use,
                   struct mech_given *given)
{
    struct token all = mech_token(MECH_TEST_ALL);
    CK_MECHANISM mechanism = { type, (void *)(uintptr_t)p, (CK_ULONG)n };
    return mech_use(&mechanism, mech_find(&all, type, 0), use, given);
}

TEST(mech_parameters_of_a_wrong_length)
{
    struct alg_use use;
    struct mech_given given;
    u8 iv[12] = { 0 };
    union { CK_RSA_PKCS_PSS_PARAMS pss; CK_RSA_PKCS_OAEP_PARAMS oaep; CK_AES_CTR_PARAMS counter;
            CK_GCM_PARAMS gcm; CK_MAC_GENERAL_PARAMS mac; u8 room[128]; } p;
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        const struct mech_row *m = &mech_rows[i];
        size_t want = m->param == MECH_PSS ? sizeof(CK_RSA_PKCS_PSS_PARAMS)
                    : m->param == MECH_OAEP ? sizeof(CK_RSA_PKCS_OAEP_PARAMS)
                    : m->param == MECH_EDDSA ? sizeof(CK_EDDSA_PARAMS)
                    : m->param == MECH_MAC ? sizeof(CK_MAC_GENERAL_PARAMS)
                    : m->param == MECH_IV ? (mech_is_des3(m) ? 8 : ALG_BLOCK)
                    : m->param == MECH_COUNTER ? sizeof(CK_AES_CTR_PARAMS)
                    : m->param == MECH_GCM ? sizeof(CK_GCM_PARAMS) : 0;
        if (m->param == MECH_ECDH || m->param == MECH_HKDF) {   // >>keys reads them
            CHECK_ST(mech_try(m->type, NULL, 0, &use, &given), ST_OK);
            continue;
        }
        memset(&p, 0, sizeof p);
        for (size_t n = 0; n < sizeof p; n++) {
            if (m->param == MECH_PSS) {
                p.pss.hashAlg = m->hash ? m->hash : CKM_SHA256;
                p.pss.mgf = CKG_MGF1_SHA256;
            }
            if (m->param == MECH_OAEP) p.oaep.hashAlg = CKM_SHA256, p.oaep.mgf = CKG_MGF1_SHA256;
            if (m->param == MECH_MAC) p.mac = 16;
            if (m->param == MECH_COUNTER) p.counter.ulCounterBits = 128;
            if (m->param == MECH_GCM) p.gcm = (CK_GCM_PARAMS){ iv, 12, 96, NULL, 0, 128 };
            bool right = n == want || (!n && m->param == MECH_EDDSA);
            CHECK_ST(mech_try(m->type, &p, n, &use, &given), right ? ST_OK : ST_MECH_PARAM);
            CHECK_ST(mech_try(m->type, NULL, n, &use, &given),
                     !n && (!want || m->param == MECH_EDDSA) ? ST_OK : ST_MECH_PARAM);
        }
        CHECK_EQ(use.type, m->key);
        CHECK_EQ(use.scheme, m->scheme);
    }
}

TEST(mech_pss_parameters)
{
    CK_RSA_PKCS_PSS_PARAMS p = { CKM_SHA256, CKG_MGF1_SHA1, 20 };
    struct alg_use use;
    struct mech_given given;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_OK);
    CHECK(use.hash == &alg_hashes[2] && use.mgf == &alg_hashes[0] && use.salt == 20);
    CHECK_ST(mech_try(CKM_SHA256_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_OK);
    CHECK_ST(mech_try(CKM_SHA384_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.sLen = 512;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_OK);
    p.sLen = 513;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.sLen = (CK_ULONG)-1;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.sLen = 0, p.hashAlg = CKM_MD5;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.hashAlg = CKM_SHA256, p.mgf = 0;
    CHECK_ST(mech_try(CKM_RSA_PKCS_PSS, &p, sizeof p, &use, &given), ST_MECH_PARAM);
}

TEST(mech_oaep_parameters)
{
    u8 text[] = { 1, 2, 3 };
    CK_RSA_PKCS_OAEP_PARAMS p = { CKM_SHA_1, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, text, 3 };
    struct alg_use use;
    struct mech_given given;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_OK);
    CHECK(use.hash == &alg_hashes[0] && use.mgf == &alg_hashes[2]);
    CHECK_BYTES(given.label.p, given.label.n, "010203");
    p.pSourceData = NULL;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.ulSourceDataLen = 0, p.source = 0;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_OK);
    CHECK_EQ(given.label.n, 0);
    p.source = 2;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.source = CKZ_DATA_SPECIFIED, p.hashAlg = CKM_SHA256_RSA_PKCS;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p.hashAlg = CKM_SHA_1, p.mgf = 99;
    CHECK_ST(mech_try(CKM_RSA_PKCS_OAEP, &p, sizeof p, &use, &given), ST_MECH_PARAM);
}

TEST(mech_eddsa_is_pure)
{
    u8 context[1] = { 0 };
    CK_EDDSA_PARAMS p = { CK_FALSE, 0, NULL };
    struct alg_use use;
    struct mech_given given;
    CHECK_ST(mech_try(CKM_EDDSA, &p, sizeof p, &use, &given), ST_OK);
    p.phFlag = CK_TRUE;
    CHECK_ST(mech_try(CKM_EDDSA, &p, sizeof p, &use, &given), ST_MECH_PARAM);
    p = (CK_EDDSA_PARAMS){ CK_FALSE, 1, context };
    CHECK_ST(mech_try(CKM_EDDSA, &p, sizeof p, &use, &given), ST_MECH_PARAM);
}

TEST(mech_allowed_follows_the_key)
{
    struct alg_key rsa = { .type = ALG_RSA }, ec = { .type = ALG_EC },
        x = { .type = ALG_MONTGOMERY };
    struct object o = { .class = CKO_PRIVATE_KEY, .key = &rsa, .use = CARD_DECRYPT };
    CK_MECHANISM_TYPE list[COUNT(mech_rows)];
    struct buf b = buf_on(list, sizeof list);
    mech_allowed(&o, &b);
    CHECK_EQ(b.n, 3 * sizeof *list);
    CHECK(list[0] == CKM_RSA_PKCS && list[1] == CKM_RSA_X_509 && list[2] == CKM_RSA_PKCS_OAEP);
    o.use = CARD_SIGN, b.n = 0;
    mech_allowed(&o, &b);
    CHECK_EQ(b.n, 13 * sizeof *list);                   // RSA's but OAEP
    o.key = &ec, b.n = 0;
    mech_allowed(&o, &b);
    CHECK_EQ(b.n, 6 * sizeof *list);
    o.key = &x, o.use = CARD_DERIVE, b.n = 0;
    mech_allowed(&o, &b);
    CHECK_EQ(b.n, 2 * sizeof *list);
    o.class = CKO_PUBLIC_KEY, b.n = 0;
    mech_allowed(&o, &b);
    CHECK_EQ(b.n, 0);
    CHECK(!mech_key_allows(&o, CKF_SIGN) && mech_key_allows(&o, CKF_DERIVE));
}

TEST(mech_what_a_card_cannot_do)
{
    struct token t = mech_token(CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC));
    t.driver = &mech_signer;
    t.card_pads = CARD_SCHEME(ALG_PKCS1);
    CHECK(mech_find(&t, CKM_RSA_PKCS, CKF_SIGN) && !mech_find(&t, CKM_RSA_PKCS, CKF_DECRYPT));
    CHECK(!mech_find(&t, CKM_RSA_PKCS_PSS, CKF_SIGN) && mech_find(&t, CKM_RSA_PKCS_PSS, CKF_VERIFY));
    CHECK(!mech_find(&t, CKM_ECDH1_DERIVE, 0) && mech_find(&t, CKM_ECDSA, CKF_SIGN));
    CHECK(mech_find(&t, CKM_RSA_PKCS_OAEP, CKF_ENCRYPT) && !mech_find(&t, CKM_RSA_PKCS_OAEP, CKF_DECRYPT));
    CHECK(mech_flags(&t, mech_find(&t, CKM_SHA256_RSA_PKCS_PSS, 0)) == CKF_VERIFY);
}

static void test_mech(void)
{
    RUN(mech_what_a_card_cannot_do);
    RUN(mech_rows_are_whole);
    RUN(mech_found_by_what_the_token_has);
    RUN(mech_info_of_each);
    RUN(mech_of_secret_keys);
    RUN(mech_parameters_of_a_wrong_length);
    RUN(mech_pss_parameters);
    RUN(mech_oaep_parameters);
    RUN(mech_eddsa_is_pure);
    RUN(mech_allowed_follows_the_key);
}
