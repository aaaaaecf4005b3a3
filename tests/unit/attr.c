// attr.c: >>attr, on objects that are made here as a driver would.
// SPDX-License-Identifier: 0BSD

// A card with objects of every class over a sample's certificate.
static struct card attr_card;
static struct token *const attr_token = &attr_card.tokens[0];
static struct x509 attr_x509;
static struct alg_key attr_key_of_it;
static struct object *attr_data, *attr_cert, *attr_pub, *attr_priv, *attr_secret;

static void attr_begin(const struct x509_sample *sample)
{
    memset(&attr_card, 0, sizeof attr_card);
    arena_init(&attr_card.arena, 1 << 20);
    attr_card.epoch = handle_new_epoch();
    static const struct driver named = { .name = "PIV" };
    attr_token->driver = &named;
    CHECK(cipher_key(sample->certificate, &attr_key_of_it));
    CHECK_ST(x509_parse(sample->certificate, &attr_x509), ST_OK);
    static const u8 id[] = { 0x9a };
    struct object like = { .token = attr_token, .use = CARD_SIGN, .ref = 3, .key = &attr_key_of_it,
                           .id = { id, 1 }, .label = bytes_text("A key"), .always_auth = true,
                           .private = true };
    attr_priv = card_add_key(&attr_card, &like, &attr_x509);
    CHECK(attr_priv);
    attr_cert = card_object_at(&attr_card, 0);
    attr_pub = card_object_at(&attr_card, 1);
    attr_data = card_add(&attr_card, attr_token, CKO_DATA, attr_card.epoch);
    attr_data->application = bytes_text("App");
    attr_data->value = bytes_text("value");
    attr_data->oid = bytes_of(alg_oid_rsa, sizeof alg_oid_rsa);
    attr_secret = card_add(&attr_card, attr_token, CKO_SECRET_KEY, handle_new_epoch());
    attr_secret->owner = 1;
    CHECK(attr_cert->class == CKO_CERTIFICATE && attr_pub->class == CKO_PUBLIC_KEY);
}

static void attr_end(void)
{
    arena_free(&attr_card.arena);
}

// What an attribute gives; status of the last in attr_got.
static st attr_got;

static bytes attr_of(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
    struct scratch s = padding_scratch();
    bytes v = BYTES_NONE;
    attr_got = attr_get(o, type, &s, &v);
    return attr_got ? BYTES_NONE : v;
}

static bool attr_is(const struct object *o, CK_ATTRIBUTE_TYPE type, bytes want)
{
    return bytes_equal(attr_of(o, type), want) && !attr_got;
}

static bool attr_is_number(const struct object *o, CK_ATTRIBUTE_TYPE type, CK_ULONG want)
{
    return attr_is(o, type, bytes_of(&want, sizeof want));
}

static bool attr_is_bool(const struct object *o, CK_ATTRIBUTE_TYPE type, bool want)
{
    return attr_is(o, type, bytes_of(want ? "\1" : "", 1));
}

TEST(attr_rows_are_unique)
{
    for (size_t i = 0; i < COUNT(attr_rows); i++) {
        CHECK(attr_rows[i].classes && !(attr_rows[i].classes & ~ATTR_ALL));
        for (size_t j = 0; j < i; j++)
            CHECK(attr_rows[i].type != attr_rows[j].type ||
                  !(attr_rows[i].classes & attr_rows[j].classes));
    }
}

// Every row of every class answers as its kind does, for every kind of key.
TEST(attr_every_row_on_every_class)
{
    for (size_t k = 0; k < COUNT(x509_samples); k++) {
        attr_begin(&x509_samples[k]);
        if (test_failing) return;
        bool rsa = attr_key_of_it.type == ALG_RSA;
        struct object *const all[] = { attr_data, attr_cert, attr_pub, attr_priv, attr_secret };
        for (size_t i = 0; i < COUNT(attr_rows); i++)
            for (size_t o = 0; o < COUNT(all); o++) {
                bool there = false;
                for (size_t j = 0; j < COUNT(attr_rows); j++)
                    there = there || (attr_rows[j].type == attr_rows[i].type &&
                                      attr_rows[j].classes & attr_class_bit(all[o]->class));
                bytes v = attr_of(all[o], attr_rows[i].type);
                if (!there) {
                    CHECK_ST(attr_got, ST_ATTR_TYPE);
                    continue;
                }
                if (!(attr_rows[i].classes & attr_class_bit(all[o]->class))) continue;
                enum attr_kind kind = attr_rows[i].kind;
                st want = kind == ATTR_SECRET ? ST_ATTR_SECRET : ST_OK;
                if (kind == ATTR_SECRET_RSA) want = rsa ? ST_ATTR_SECRET : ST_ATTR_TYPE;
                if (kind == ATTR_SECRET_EC) want = rsa ? ST_ATTR_TYPE : ST_ATTR_SECRET;
                if (kind == ATTR_RSA || kind == ATTR_BITS)
                    want = rsa ? ST_OK : ST_ATTR_TYPE;
                if (kind == ATTR_PARAMS || kind == ATTR_POINT) want = rsa ? ST_ATTR_TYPE : ST_OK;
                // The value of a session's secret key is hidden unless it was made to be seen.
                CHECK_ST(attr_got, want);
                if (kind == ATTR_BOOL) CHECK(v.n == 1 && *v.p == attr_rows[i].of);
                if (kind == ATTR_NUMBER && !attr_rows[i].of) CHECK(v.n == sizeof(CK_ULONG) && !bytes_trim(v).n);
            }
        attr_of(attr_pub, CKA_VENDOR_DEFINED);
        CHECK_ST(attr_got, ST_ATTR_TYPE);
        attr_end();
    }
}

TEST(attr_of_all_objects)
{
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    CHECK(attr_is_number(attr_data, CKA_CLASS, CKO_DATA));
    CHECK(attr_is_number(attr_priv, CKA_CLASS, CKO_PRIVATE_KEY));
    CHECK(attr_is_bool(attr_cert, CKA_TOKEN, true) && attr_is_bool(attr_secret, CKA_TOKEN, false));
    CHECK(attr_is_bool(attr_cert, CKA_PRIVATE, false));
    CHECK(attr_is_bool(attr_priv, CKA_PRIVATE, true));
    CHECK(attr_is(attr_priv, CKA_LABEL, bytes_text("A key")));
    CHECK(attr_is(attr_pub, CKA_ID, BYTES(0x9a)) && attr_is(attr_cert, CKA_ID, BYTES(0x9a)));
    CHECK(attr_is_bool(attr_cert, CKA_DESTROYABLE, false));
    CHECK(attr_is_bool(attr_secret, CKA_DESTROYABLE, true));
    CHECK(attr_is_bool(attr_cert, CKA_MODIFIABLE, false));
    CHECK(attr_is(attr_data, CKA_APPLICATION, bytes_text("App")));
    CHECK(attr_is(attr_data, CKA_VALUE, bytes_text("value")));
    CHECK(attr_is(attr_data, CKA_OBJECT_ID, bytes_of(alg_oid_rsa, sizeof alg_oid_rsa)));
    CHECK(attr_is(attr_cert, CKA_UNIQUE_ID, bytes_text("PIV-01000003")));
    CHECK(attr_is(attr_pub, CKA_UNIQUE_ID, bytes_text("PIV-02000003")));
    u8 unique[64];
    bytes mine = attr_of(attr_secret, CKA_UNIQUE_ID);
    CHECK_EQ(mine.n, 4 + 16);
    memcpy(unique, mine.p, mine.n);
    struct object *other = card_add(&attr_card, attr_token, CKO_SECRET_KEY, handle_new_epoch());
    other->owner = 1;
    CHECK(!attr_is(other, CKA_UNIQUE_ID, bytes_of(unique, 20)));
    attr_end();
}

TEST(attr_of_a_certificate)
{
    struct x509_sample p521 = { "p521", BYTES_NONE, { x509_p521, sizeof x509_p521 } };
    attr_begin(&p521);
    if (test_failing) return;
    CHECK(attr_is(attr_cert, CKA_VALUE, p521.certificate));
    CHECK(attr_is_number(attr_cert, CKA_CERTIFICATE_TYPE, CKC_X_509));
    CHECK(attr_is(attr_cert, CKA_SERIAL_NUMBER, BYTES(2, 6, 0, 0x80, 1, 2, 3, 4)));
    CHECK(attr_is(attr_cert, CKA_START_DATE, bytes_text("20261124")));
    CHECK(attr_is(attr_cert, CKA_END_DATE, bytes_text("20760306")));
    CHECK(attr_is(attr_priv, CKA_START_DATE, BYTES_NONE));
    CHECK(attr_is(attr_cert, CKA_ISSUER, attr_x509.issuer));
    CHECK(attr_is(attr_cert, CKA_SUBJECT, attr_x509.subject));
    CHECK(attr_is(attr_pub, CKA_SUBJECT, attr_x509.subject));
    CHECK(attr_is(attr_cert, CKA_PUBLIC_KEY_INFO, attr_x509.spki));
    CHECK(attr_is(attr_priv, CKA_PUBLIC_KEY_INFO, attr_x509.spki));
    u8 room[20];
    struct buf digest = buf_on(room, sizeof room);
    CHECK_ST(hash_of(&alg_hashes[0], p521.certificate, &digest), ST_OK);
    CHECK(attr_is(attr_cert, CKA_CHECK_VALUE, bytes_of(room, 3)));
    // OpenSSL makes self-signed certificates of authorities.
    CHECK(attr_is_number(attr_cert, CKA_CERTIFICATE_CATEGORY,
                         CK_CERTIFICATE_CATEGORY_AUTHORITY));
    attr_x509.extensions = BYTES_NONE;
    CHECK(attr_is_number(attr_cert, CKA_CERTIFICATE_CATEGORY,
                         CK_CERTIFICATE_CATEGORY_TOKEN_USER));
    attr_cert->authority = true;                        // the card knows better
    CHECK(attr_is_number(attr_cert, CKA_CERTIFICATE_CATEGORY,
                         CK_CERTIFICATE_CATEGORY_AUTHORITY));
    attr_cert->authority = false;
    CHECK(attr_is(attr_cert, CKA_TRUSTED, BYTES(CK_FALSE)));
    attr_cert->trusted = true;
    CHECK(attr_is(attr_cert, CKA_TRUSTED, BYTES(CK_TRUE)));
    attr_cert->trusted = false;
    attr_cert->key = NULL;                              // a certificate without a key here
    CHECK(attr_is_number(attr_cert, CKA_CERTIFICATE_CATEGORY,
                         CK_CERTIFICATE_CATEGORY_UNSPECIFIED));
    attr_x509.not_before = BYTES_NONE;                  // a date that is none is empty
    CHECK(attr_is(attr_cert, CKA_START_DATE, BYTES_NONE));
    attr_priv->x509 = NULL;                             // a key without a certificate
    CHECK(attr_is(attr_priv, CKA_SUBJECT, BYTES_NONE));
    CHECK(attr_is(attr_priv, CKA_PUBLIC_KEY_INFO, attr_key_of_it.spki));
    attr_end();
}

// The hash of the subject's key is that of the bits alone, as RFC 5280 4.2.1.2 (1) has it for the key
// identifier: what OpenSSL put into a certificate's subjectKeyIdentifier.
TEST(attr_hash_of_the_subject_s_key)
{
    struct x509_sample p521 = { "p521", BYTES_NONE, { x509_p521, sizeof x509_p521 } };
    bytes inner = BYTES_NONE;
    attr_begin(&p521);
    if (test_failing) return;
    bool there = !tlv_open(x509_extension(&attr_x509, 14), 0x04, &inner) && inner.n == 20;
    CHECK(attr_is(attr_cert, CKA_HASH_OF_ISSUER_PUBLIC_KEY, BYTES_NONE));
    CHECK(attr_is_number(attr_cert, CKA_NAME_HASH_ALGORITHM, CKM_SHA_1));
    CHECK(attr_is(attr_cert, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, inner));
    attr_x509.spki = BYTES(0x30, 0);                    // no key that anyone could hash
    CHECK(!attr_is(attr_cert, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, inner));
    attr_end();
    CHECK(there);
}

// Attributes of one kind of key are not those of another; templates of wrapping are there and empty.
TEST(attr_only_what_the_class_has)
{
    static const CK_ATTRIBUTE_TYPE rsa_only[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2,
        CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT };
    static const CK_ATTRIBUTE_TYPE never[] = { CKA_PARAMETER_SET, CKA_SEED, CKA_PRIME, CKA_VALUE_BITS,
        CKA_PUBLIC_CRC64_VALUE, CKA_PROFILE_ID, CKA_HW_FEATURE_TYPE, CKA_MECHANISM_TYPE };
    static const size_t samples[] = { 1, 5 };           // RSA-2048, P-256
    for (size_t k = 0; k < COUNT(samples); k++) {
        attr_begin(&x509_samples[samples[k]]);
        if (test_failing) return;
        bool rsa = attr_key_of_it.type == ALG_RSA;
        for (size_t i = 0; i < COUNT(rsa_only); i++) {
            attr_of(attr_priv, rsa_only[i]);
            CHECK_ST(attr_got, rsa ? ST_ATTR_SECRET : ST_ATTR_TYPE);
            attr_of(attr_pub, rsa_only[i]);
            CHECK_ST(attr_got, ST_ATTR_TYPE);
        }
        attr_of(attr_priv, CKA_VALUE);
        CHECK_ST(attr_got, rsa ? ST_ATTR_TYPE : ST_ATTR_SECRET);
        struct object *const all[] = { attr_data, attr_cert, attr_pub, attr_priv, attr_secret };
        for (size_t o = 0; o < COUNT(all); o++)
            for (size_t i = 0; i < COUNT(never); i++) {
                attr_of(all[o], never[i]);
                CHECK_ST(attr_got, ST_ATTR_TYPE);
            }
        CHECK(attr_is(attr_pub, CKA_WRAP_TEMPLATE, BYTES_NONE));
        CHECK(attr_is(attr_priv, CKA_UNWRAP_TEMPLATE, BYTES_NONE));
        CHECK(attr_is(attr_priv, CKA_DERIVE_TEMPLATE, BYTES_NONE));
        CHECK(attr_is_bool(attr_pub, CKA_ENCAPSULATE, false));
        CHECK(attr_is_bool(attr_priv, CKA_DECAPSULATE, false));
        CHECK(attr_is_number(attr_priv, CKA_OBJECT_VALIDATION_FLAGS, 0));
        attr_of(attr_priv, CKA_WRAP_TEMPLATE);
        CHECK_ST(attr_got, ST_ATTR_TYPE);
        attr_end();
    }
}

TEST(attr_of_keys)
{
    attr_begin(&x509_samples[1]);                       // RSA-2048
    if (test_failing) return;
    CHECK(attr_is_number(attr_pub, CKA_KEY_TYPE, CKK_RSA));
    CHECK(attr_is_number(attr_pub, CKA_MODULUS_BITS, 2048));
    CHECK(attr_is(attr_priv, CKA_MODULUS, attr_key_of_it.modulus) && attr_of(attr_priv,
          CKA_MODULUS).n == 256);
    CHECK(attr_is(attr_pub, CKA_PUBLIC_EXPONENT, BYTES(1, 0, 1)));
    attr_of(attr_priv, CKA_MODULUS_BITS);
    CHECK_ST(attr_got, ST_ATTR_TYPE);
    attr_of(attr_priv, CKA_PRIME_1);
    CHECK_ST(attr_got, ST_ATTR_SECRET);
    CHECK(attr_is_bool(attr_priv, CKA_SIGN, true) && attr_is_bool(attr_priv, CKA_DECRYPT, false));
    CHECK(attr_is_bool(attr_pub, CKA_VERIFY, true) && attr_is_bool(attr_pub, CKA_ENCRYPT, false));
    CHECK(attr_is_bool(attr_priv, CKA_SENSITIVE, true));
    CHECK(attr_is_bool(attr_priv, CKA_EXTRACTABLE, false));
    CHECK(attr_is_bool(attr_priv, CKA_ALWAYS_AUTHENTICATE, true));
    CHECK(attr_is_number(attr_priv, SCARD11_CKA_TOUCH, SCARD11_TOUCH_UNKNOWN));
    attr_of(attr_pub, SCARD11_CKA_TOUCH);
    CHECK_ST(attr_got, ST_ATTR_TYPE);
    CHECK(attr_is_number(attr_priv, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION));
    CHECK_EQ(attr_of(attr_priv, CKA_ALLOWED_MECHANISMS).n, 13 * sizeof(CK_MECHANISM_TYPE));
    attr_end();
    attr_begin(&x509_samples[5]);                       // P-256
    if (test_failing) return;
    CHECK(attr_is_number(attr_pub, CKA_KEY_TYPE, CKK_EC));
    CHECK(attr_is(attr_pub, CKA_EC_PARAMS, alg_curve_oid(alg_curve_named("P-256"))));
    bytes point = attr_of(attr_pub, CKA_EC_POINT);
    CHECK(point.n == 67 && point.p[0] == 4 && point.p[1] == 65 && point.p[2] == 4);
    attr_end();
    attr_begin(&x509_samples[9]);                       // Ed25519
    if (test_failing) return;
    CHECK(attr_is_number(attr_pub, CKA_KEY_TYPE, CKK_EC_EDWARDS));
    CHECK(attr_is(attr_pub, CKA_EC_POINT, attr_key_of_it.point));
    CHECK_EQ(attr_key_of_it.point.n, 32);
    attr_end();
}

static bool attr_matches(const struct object *o, CK_ATTRIBUTE_TYPE type, bytes value)
{
    CK_ATTRIBUTE t = { type, (void *)(uintptr_t)value.p, (CK_ULONG)value.n };
    return attr_match(o, &t, 1, padding_scratch());
}

TEST(attr_match_points_in_both_forms)
{
    for (size_t k = 5; k < COUNT(x509_samples); k += 4) {       // P-256, Ed25519
        attr_begin(&x509_samples[k]);
        if (test_failing) return;
        u8 room[100];
        struct buf b = buf_on(room, sizeof room);
        bytes point = attr_key_of_it.point;
        tlv_put(&b, 0x04, point);
        CHECK(attr_matches(attr_pub, CKA_EC_POINT, point));
        CHECK(attr_matches(attr_pub, CKA_EC_POINT, buf_bytes(&b)));
        CHECK(!attr_matches(attr_pub, CKA_EC_POINT, bytes_head(point, point.n - 1)));
        CHECK(!attr_matches(attr_pub, CKA_EC_POINT, BYTES_NONE));
        room[0] = 0x03;
        CHECK(!attr_matches(attr_pub, CKA_EC_POINT, buf_bytes(&b)));
        CHECK(!attr_matches(attr_data, CKA_EC_POINT, point));
        attr_end();
    }
    attr_begin(&x509_samples[0]);
    if (test_failing) return;
    CHECK(!attr_matches(attr_pub, CKA_EC_POINT, BYTES_NONE));   // RSA has none
    attr_end();
}

TEST(attr_match_wants_all)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    u8 id[] = { 0x9a };
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, 1 },
                         { CKA_SIGN, &yes, 1 } };
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    CHECK(attr_match(attr_priv, t, 3, padding_scratch()));
    CHECK(attr_match(attr_priv, NULL, 0, padding_scratch()));
    CHECK(!attr_match(attr_pub, t, 3, padding_scratch()));
    id[0] = 0x9c;
    CHECK(!attr_match(attr_priv, t, 3, padding_scratch()));
    CHECK(!attr_matches(attr_priv, CKA_CLASS, BYTES(3)));       // a number of one byte
    CHECK(!attr_matches(attr_priv, CKA_PRIME_1, BYTES_NONE));   // never by what is secret
    CHECK(!attr_matches(attr_priv, CKA_APPLICATION, BYTES_NONE));
    attr_end();
}

static struct query attr_asked;

static bool attr_ask(CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
    CK_ATTRIBUTE t = { type, (void *)(uintptr_t)p, (CK_ULONG)n };
    return attr_query(&t, 1, attr_token, &attr_asked);
}

TEST(attr_query_narrows)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
    memset(&attr_card, 0, sizeof attr_card);
    CHECK(attr_query(NULL, 0, attr_token, &attr_asked));
    CHECK(attr_asked.any_class && attr_asked.any_id && !attr_asked.logged_in);
    CHECK(attr_ask(CKA_CLASS, &class, sizeof class));
    CHECK(!attr_asked.any_class && attr_asked.class == CKO_CERTIFICATE && attr_asked.any_id);
    class = CKO_DATA;
    CHECK(attr_ask(CKA_CLASS, &class, sizeof class));
    CHECK(!attr_asked.any_class && attr_asked.class == CKO_DATA);
    class = CKO_DOMAIN_PARAMETERS;
    CHECK(!attr_ask(CKA_CLASS, &class, sizeof class));
    CHECK(attr_ask(CKA_ID, "\x9a", 1));
    CHECK(attr_asked.any_class && !attr_asked.any_id && attr_asked.id.n == 1);
    CHECK(attr_ask(CKA_ISSUER, NULL, 0));
    CHECK(!attr_asked.any_class && attr_asked.class == CKO_CERTIFICATE);
    CHECK(attr_ask(CKA_APPLICATION, NULL, 0));
    CHECK(!attr_asked.any_class && attr_asked.class == CKO_DATA);
    CHECK(!attr_ask(CKA_TOKEN, &no, 1));                        // nothing on a card
    CHECK(attr_ask(CKA_TOKEN, &yes, 1));
    attr_token->login = true;
    CHECK(attr_query(NULL, 0, attr_token, &attr_asked) && attr_asked.logged_in);
}

TEST(attr_templates)
{
    u8 one = 1;
    CK_ULONG number = 77;
    CK_ATTRIBUTE t[] = { { CKA_ENCRYPT, &one, 1 }, { CKA_VALUE_LEN, &number, sizeof number },
                         { CKA_LABEL, NULL, 0 }, { CKA_ID, NULL, 3 } };
    CHECK_ST(attr_check_template(t, 3), ST_OK);
    CHECK_ST(attr_check_template(t, 4), ST_ARGS);
    CHECK_ST(attr_check_template(NULL, 0), ST_OK);
    CHECK_ST(attr_check_template(NULL, 1), ST_ARGS);
    CHECK(attr_find(t, 3, CKA_LABEL) == &t[2] && !attr_find(t, 3, CKA_ID));
    CHECK_EQ(attr_number(t, 3, CKA_ENCRYPT, 9), 1);
    CHECK_EQ(attr_number(t, 3, CKA_VALUE_LEN, 9), 77);
    CHECK_EQ(attr_number(t, 3, CKA_LABEL, 9), 9);
    CHECK_EQ(attr_number(t, 3, CKA_SIGN, 9), 9);
}

TEST(attr_copies_out)
{
    u8 room[300];
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    CK_ATTRIBUTE a = { CKA_MODULUS, NULL, 0 };
    CHECK_ST(attr_copy_out(attr_pub, &a, padding_scratch()), ST_OK);
    CHECK_EQ(a.ulValueLen, 256);
    a.pValue = room, a.ulValueLen = 255;
    memset(room, 0x5a, sizeof room);
    CHECK_ST(attr_copy_out(attr_pub, &a, padding_scratch()), ST_TOO_SMALL);
    CHECK_EQ(a.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK(room[0] == 0x5a);
    a.ulValueLen = sizeof room;
    CHECK_ST(attr_copy_out(attr_pub, &a, padding_scratch()), ST_OK);
    CHECK_EQ(a.ulValueLen, 256);
    CHECK(bytes_equal(bytes_of(room, 256), attr_key_of_it.modulus) && room[256] == 0x5a);
    a = (CK_ATTRIBUTE){ CKA_PRIME_1, room, sizeof room };
    CHECK_ST(attr_copy_out(attr_priv, &a, padding_scratch()), ST_ATTR_SECRET);
    CHECK_EQ(a.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    a = (CK_ATTRIBUTE){ CKA_APPLICATION, NULL, 0 };
    CHECK_ST(attr_copy_out(attr_priv, &a, padding_scratch()), ST_ATTR_TYPE);
    CHECK_EQ(a.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    a = (CK_ATTRIBUTE){ CKA_START_DATE, room, 0 };              // empty fits nothing
    CHECK_ST(attr_copy_out(attr_priv, &a, padding_scratch()), ST_OK);
    CHECK_EQ(a.ulValueLen, 0);
    attr_end();
}

TEST(attr_session_objects_longer_than_a_piece)
{
    static u8 value[3000];
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    for (size_t i = 0; i < sizeof value; i++) value[i] = (u8)(i * 13);
    static const size_t sizes[] = { 0, 1, 471, 472, 503, 504, 505, 1008, 3000 };
    for (size_t i = 0; i < COUNT(sizes); i++)
        CHECK_ST(attr_put(&attr_card, attr_secret, CKA_VENDOR_DEFINED + i,
                          bytes_of(value, sizes[i])), ST_OK);
    for (size_t i = 0; i < COUNT(sizes); i++)
        CHECK(attr_is(attr_secret, CKA_VENDOR_DEFINED + i, bytes_of(value, sizes[i])));
    attr_of(attr_secret, CKA_VENDOR_DEFINED + COUNT(sizes));
    CHECK_ST(attr_got, ST_ATTR_TYPE);
    struct scratch none = scratch_on(padding_room, 112);
    bytes v;
    CHECK(!attr_kept(attr_secret, CKA_VENDOR_DEFINED + 2, &none, &v));
    card_drop(&attr_card, attr_secret);
    CHECK(!attr_secret->attributes.first && attr_card.arena.pieces);
    attr_end();
}

TEST(attr_session_secrets)
{
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    CHECK_ST(arena_chain_put(&attr_card.arena, &attr_secret->secret, BYTES(1, 2, 3)), ST_OK);
    attr_of(attr_secret, CKA_VALUE);
    CHECK_ST(attr_got, ST_ATTR_SECRET);                         // not extractable
    CHECK_ST(attr_put(&attr_card, attr_secret, CKA_EXTRACTABLE, BYTES(1)), ST_OK);
    CHECK(attr_is(attr_secret, CKA_VALUE, BYTES(1, 2, 3)));
    CHECK_ST(attr_put(&attr_card, attr_secret, CKA_SENSITIVE, BYTES(1)), ST_OK);
    attr_of(attr_secret, CKA_VALUE);
    CHECK_ST(attr_got, ST_ATTR_SECRET);
    CHECK(!attr_matches(attr_secret, CKA_VALUE, BYTES(1, 2, 3)));
    struct scratch none = scratch_on(padding_room, ARENA_ALIGN);    // no room is never an empty value
    bytes v = { padding_room, 7 };
    CHECK_ST(attr_get(attr_secret, CKA_VALUE, &none, &v), ST_HOST_MEMORY);
    CHECK_ST(attr_get(attr_secret, CKA_LABEL, &none, &v), ST_HOST_MEMORY);
    CHECK(v.n == 7);
    attr_end();
}

// What a secret key of a card says of its use and life is what its directory said.
TEST(attr_of_a_card_s_secret_key)
{
    static const struct { CK_ATTRIBUTE_TYPE type; u32 use, access; } flags[] = {
        { CKA_ENCRYPT, CARD_ENCRYPT, 0 }, { CKA_DECRYPT, CARD_DECRYPT, 0 },
        { CKA_WRAP, CARD_WRAP, 0 }, { CKA_UNWRAP, CARD_UNWRAP, 0 },
        { CKA_SENSITIVE, 0, CARD_SENSITIVE }, { CKA_EXTRACTABLE, 0, CARD_EXTRACTABLE },
        { CKA_ALWAYS_SENSITIVE, 0, CARD_ALWAYS_SENSITIVE },
        { CKA_NEVER_EXTRACTABLE, 0, CARD_NEVER_EXTRACTABLE }, { CKA_LOCAL, 0, CARD_LOCAL } };
    attr_begin(&x509_samples[1]);
    if (test_failing) return;
    struct object o = { .class = CKO_SECRET_KEY, .token = attr_token, .secret_type = CKK_DES3,
                        .secret_len = 24 };
    for (size_t i = 0; i < COUNT(flags); i++) {
        o.use = flags[i].use;
        o.access = flags[i].access;
        for (size_t j = 0; j < COUNT(flags); j++)
            CHECK(attr_is_bool(&o, flags[j].type, i == j));
    }
    attr_of(&o, CKA_VALUE);
    CHECK_ST(attr_got, ST_ATTR_SECRET);
    CHECK(attr_is_number(&o, CKA_KEY_TYPE, CKK_DES3) && attr_is_number(&o, CKA_VALUE_LEN, 24));
    CHECK(attr_is(&o, CKA_START_DATE, BYTES_NONE) && attr_is(&o, CKA_END_DATE, BYTES_NONE));
    memcpy(o.start, "20250131", 8);
    memcpy(attr_priv->end, "20351231", 8);
    CHECK(attr_is(&o, CKA_START_DATE, bytes_text("20250131")));
    CHECK(attr_is(&o, CKA_END_DATE, BYTES_NONE));
    CHECK(attr_is(attr_priv, CKA_START_DATE, BYTES_NONE));      // its certificate's are not its
    CHECK(attr_is(attr_priv, CKA_END_DATE, bytes_text("20351231")));
    attr_end();
}

// A search for what no secret key has leaves the directory of them alone.
TEST(attr_query_rules_secret_keys_out)
{
    static const CK_ATTRIBUTE_TYPE never[] = { CKA_MODULUS, CKA_SUBJECT, CKA_ISSUER, CKA_EC_PARAMS,
        CKA_CHECK_VALUE, CKA_APPLICATION, CKA_VENDOR_DEFINED },
        may[] = { CKA_ID, CKA_LABEL, CKA_PRIVATE, CKA_ENCRYPT, CKA_VALUE_LEN, CKA_UNIQUE_ID };
    CK_KEY_TYPE type = CKK_AES;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CHECK(attr_query(NULL, 0, attr_token, &attr_asked) && !attr_asked.no_secret);
    for (size_t i = 0; i < COUNT(never); i++)
        CHECK(attr_ask(never[i], "x", 1) && attr_asked.no_secret);
    for (size_t i = 0; i < COUNT(may); i++)
        CHECK(attr_ask(may[i], "x", 1) && !attr_asked.no_secret);
    CHECK(attr_ask(CKA_CLASS, &class, sizeof class) && !attr_asked.no_secret);
    CHECK(attr_asked.class == CKO_SECRET_KEY);
    CHECK(attr_ask(CKA_KEY_TYPE, &type, sizeof type) && !attr_asked.no_secret);
    type = CKK_RSA;
    CHECK(attr_ask(CKA_KEY_TYPE, &type, sizeof type) && attr_asked.no_secret);
    type = CKK_EC;
    CHECK(attr_ask(CKA_KEY_TYPE, &type, sizeof type) && attr_asked.no_secret);
}

TEST(attr_what_must_be_read_first)
{
    struct object secret = { .class = CKO_SECRET_KEY, .unread = true };
    CHECK(attr_needs_read(&secret, CKA_KEY_TYPE) && attr_needs_read(&secret, CKA_VALUE_LEN));
    CHECK(attr_needs_read(&secret, CKA_ALLOWED_MECHANISMS) && !attr_needs_read(&secret, CKA_ID));
    secret.unread = false;
    CHECK(!attr_needs_read(&secret, CKA_KEY_TYPE));
    struct object data = { .class = CKO_DATA, .unread = true },
        key = { .class = CKO_PRIVATE_KEY, .unread = true },
        certificate = { .class = CKO_CERTIFICATE, .unread = true };
    struct alg_key public_key = { .type = ALG_RSA };
    CHECK(attr_needs_read(&key, CKA_MODULUS) && attr_needs_read(&key, CKA_EC_PARAMS));
    CHECK(!attr_needs_read(&key, CKA_ID) && !attr_needs_read(&key, CKA_ALWAYS_AUTHENTICATE));
    CHECK(attr_needs_read(&certificate, CKA_ISSUER) && !attr_needs_read(&certificate, CKA_ID));
    key.key = &public_key;
    CHECK(attr_needs_read(&data, CKA_VALUE) && !attr_needs_read(&data, CKA_LABEL));
    CHECK(attr_needs_read(&key, CKA_ALWAYS_AUTHENTICATE) && !attr_needs_read(&key, CKA_VALUE));
    CHECK(attr_needs_read(&key, CKA_MODULUS));          // the directory has told its size alone
    public_key.spki = BYTES(0x30, 0);
    CHECK(attr_needs_read(&key, CKA_ALWAYS_AUTHENTICATE) && !attr_needs_read(&key, CKA_MODULUS));
    CHECK(attr_needs_read(&key, SCARD11_CKA_TOUCH));
    CHECK(!attr_needs_read(&key, CKA_DERIVE) && !attr_needs_read(&key, CKA_UNWRAP));
    key.use = CARD_DERIVE | CARD_DECRYPT;
    CHECK(attr_needs_read(&key, CKA_DERIVE) && attr_needs_read(&key, CKA_UNWRAP));
    data.unread = false;
    CHECK(!attr_needs_read(&data, CKA_VALUE));
}

static bool attr_says(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
    return attr_true(o, type, padding_scratch());
}

// Both halves of a pair derive, or neither; a key that wants the PIN each time does not derive, nor
// unwrap, and still signs and decrypts.
TEST(attr_what_the_pin_each_time_rules_out)
{
    struct object private = { .class = CKO_PRIVATE_KEY, .type = ALG_EC, .token = card_t,
                              .use = CARD_SIGN | CARD_DECRYPT | CARD_DERIVE };
    struct object public = private;
    public.class = CKO_PUBLIC_KEY;
    CHECK(attr_says(&private, CKA_DERIVE) && attr_says(&public, CKA_DERIVE));
    CHECK(attr_says(&private, CKA_UNWRAP));
    private.always_auth = public.always_auth = true;
    CHECK(!attr_says(&private, CKA_DERIVE) && !attr_says(&public, CKA_DERIVE));
    CHECK(!attr_says(&private, CKA_UNWRAP));
    CHECK(attr_says(&private, CKA_SIGN) && attr_says(&private, CKA_DECRYPT));
    CHECK(attr_says(&public, CKA_VERIFY) && attr_says(&public, CKA_WRAP));
}

static void test_attr(void)
{
    RUN(attr_what_the_pin_each_time_rules_out);
    RUN(attr_rows_are_unique);
    RUN(attr_every_row_on_every_class);
    RUN(attr_of_all_objects);
    RUN(attr_of_a_certificate);
    RUN(attr_hash_of_the_subject_s_key);
    RUN(attr_only_what_the_class_has);
    RUN(attr_of_keys);
    RUN(attr_match_points_in_both_forms);
    RUN(attr_match_wants_all);
    RUN(attr_query_narrows);
    RUN(attr_templates);
    RUN(attr_copies_out);
    RUN(attr_session_objects_longer_than_a_piece);
    RUN(attr_session_secrets);
    RUN(attr_of_a_card_s_secret_key);
    RUN(attr_query_rules_secret_keys_out);
    RUN(attr_what_must_be_read_first);
}
