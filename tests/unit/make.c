// make.c: >>make, in a session on a card without a driver: what templates may give, and what they
// make. Through C_* it is in api.c and conformance.c.
// SPDX-License-Identifier: 0BSD

static struct session *make_session;

static void make_begin_session(CK_FLAGS flags)
{
    static const struct driver none = { .name = "none" };
    CK_SESSION_HANDLE handle = 0;
    card_begin(1 << 20);
    card_t->driver = &none;
    CHECK_ST(session_open(&card_it, 0, card_t, flags, &handle), ST_OK);
    CHECK_ST(cipher_start(), ST_OK);
    make_session = session_find(&card_it, handle);
    CHECK(make_session);
}

static void make_end_session(void)
{
    arena_free(&card_it.arena);
}

// How many objects there are.
static u32 make_count(void)
{
    u32 n = 0;
    for (u32 i = 0; i < card_it.object_count; i++) n += card_object_at(&card_it, i)->handle != 0;
    return n;
}

// Templates are written as lists of these; numbers stand in variables, as C99 wants their address.
#define MAKE_GIVES(type, value) { (type), (void *)&(value), sizeof (value) }
#define MAKE_TEXT(type, text)   { (type), (void *)(uintptr_t)(text), sizeof (text) - 1 }

static const CK_BBOOL make_yes = CK_TRUE, make_no = CK_FALSE;
static const CK_OBJECT_CLASS make_class_data = CKO_DATA, make_class_secret = CKO_SECRET_KEY,
                             make_class_public = CKO_PUBLIC_KEY, make_class_cert = CKO_CERTIFICATE,
                             make_class_private = CKO_PRIVATE_KEY;
static const CK_KEY_TYPE make_type_aes = CKK_AES, make_type_generic = CKK_GENERIC_SECRET,
                         make_type_rsa = CKK_RSA, make_type_ec = CKK_EC,
                         make_type_edwards = CKK_EC_EDWARDS;
static const u8 make_key[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static st make_try(const CK_ATTRIBUTE *template, CK_ULONG n, struct object **out)
{
    return make_create(&card_it, make_session, template, n, padding_scratch(), out);
}

// ---- Templates ----

// What a class has, who may give it and when, and what values it can have (4.1.1).
TEST(make_takes_what_a_class_has)
{
    static const u8 value[16] = { 2 }, yes[2] = { 1, 0 };
    static const struct { CK_ATTRIBUTE_TYPE type; u8 first, n; u32 class, may; st want; }
    cases[] = {
        { CKA_MODULUS, 2, 16, ATTR_SEC, MAKE_CREATE, ST_ATTR_TYPE },
        { CKA_APPLICATION, 2, 16, ATTR_SEC, MAKE_CREATE, ST_ATTR_TYPE },
        { CKA_APPLICATION, 2, 16, ATTR_DATA, MAKE_CREATE, ST_OK },
        { CKA_LOCAL, 1, 1, ATTR_SEC, MAKE_CREATE, ST_ATTR_RO },
        { CKA_KEY_GEN_MECHANISM, 2, 8, ATTR_SEC, MAKE_NEW, ST_ATTR_RO },
        { CKA_LABEL, 2, 16, ATTR_SEC, MAKE_SET, ST_OK },
        { CKA_CLASS, 2, sizeof(CK_ULONG), ATTR_SEC, MAKE_SET, ST_ATTR_RO },
        { CKA_VALUE, 2, 16, ATTR_SEC, MAKE_NEW, ST_ATTR_RO },
        { CKA_VALUE, 2, 16, ATTR_CERT, MAKE_SET, ST_ATTR_RO },
        { CKA_TOKEN, 1, 1, ATTR_SEC, MAKE_SET, ST_ATTR_RO },
        { CKA_TOKEN, 1, 1, ATTR_SEC, MAKE_COPY, ST_OK },
        { CKA_PRIVATE, 1, 1, ATTR_SEC, MAKE_CREATE, ST_OK },
        { CKA_PRIVATE, 2, 1, ATTR_SEC, MAKE_CREATE, ST_ATTR_VALUE },
        { CKA_PRIVATE, 1, 2, ATTR_SEC, MAKE_CREATE, ST_ATTR_VALUE },
        { CKA_PRIVATE, 1, 0, ATTR_SEC, MAKE_CREATE, ST_ATTR_VALUE },
        { CKA_VALUE_LEN, 2, sizeof(CK_ULONG) - 1, ATTR_SEC, MAKE_CREATE, ST_ATTR_VALUE },
        { CKA_START_DATE, 2, 0, ATTR_SEC, MAKE_CREATE, ST_OK },
        { CKA_START_DATE, 2, 8, ATTR_SEC, MAKE_CREATE, ST_OK },
        { CKA_START_DATE, 2, 7, ATTR_SEC, MAKE_CREATE, ST_ATTR_VALUE },
        { CKA_ALLOWED_MECHANISMS, 2, 2 * sizeof(CK_ULONG), ATTR_SEC, MAKE_CREATE, ST_OK },
        { CKA_ALLOWED_MECHANISMS, 2, 2 * sizeof(CK_ULONG) - 1, ATTR_SEC, MAKE_CREATE,
          ST_ATTR_VALUE },
        { CKA_TRUSTED, 0, 1, ATTR_CERT, MAKE_CREATE, ST_OK },
        { CKA_TRUSTED, 1, 1, ATTR_CERT, MAKE_CREATE, ST_ATTR_RO },      // the SO's to give
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const u8 *p = cases[i].first == 2 ? value : cases[i].first ? yes : yes + 1;
        CK_ATTRIBUTE one = { cases[i].type, (void *)(uintptr_t)p, cases[i].n };
        st s = make_check(&one, 1, cases[i].class, cases[i].may);
        if (s != cases[i].want) printf("case %zu\n", i);
        CHECK_ST(s, cases[i].want);
    }
}

// What a template gives twice is the same both times.
TEST(make_takes_one_value)
{
    CK_ATTRIBUTE t[] = { MAKE_TEXT(CKA_LABEL, "one"), MAKE_TEXT(CKA_ID, "x"),
                         MAKE_TEXT(CKA_LABEL, "one") };
    CHECK_ST(make_check(t, 3, ATTR_SEC, MAKE_CREATE), ST_OK);
    t[2].pValue = t[1].pValue, t[2].ulValueLen = 1;
    CHECK_ST(make_check(t, 3, ATTR_SEC, MAKE_CREATE), ST_TEMPLATE_MIXED);
}

TEST(make_places_objects_in_sessions)
{
    CK_ATTRIBUTE token = MAKE_GIVES(CKA_TOKEN, make_yes),
                 private = MAKE_GIVES(CKA_PRIVATE, make_yes);
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_check_place(make_session, &token, 1, true), ST_SESSION_RO);
    make_session->flags = CKF_RW_SESSION;
    CHECK_ST(make_check_place(make_session, &token, 1, true), ST_TOKEN_RO);
    card_t->driver = &mech_driver;              // its cards are written
    CHECK_ST(make_check_place(make_session, &token, 1, true), ST_OK);
    CHECK_ST(make_check_place(make_session, &token, 1, false), ST_ATTR_VALUE);
    CHECK_ST(make_check_place(make_session, &private, 1, true), ST_NOT_LOGGED_IN);
    card_t->login = true;
    CHECK_ST(make_check_place(make_session, &private, 1, true), ST_OK);
    CHECK_ST(make_check_place(make_session, NULL, 0, true), ST_OK);
    make_end_session();
}

TEST(make_lengths_of_keys)
{
    CK_ULONG want = 16;
    CK_ATTRIBUTE t = { CKA_VALUE_LEN, &want, sizeof want };
    size_t len = 0;
    CHECK_ST(make_length(&t, 1, 32, CKK_AES, &len), ST_OK);
    CHECK_EQ(len, 16);
    CHECK_ST(make_length(NULL, 0, 32, CKK_AES, &len), ST_TEMPLATE_LESS);
    CHECK_ST(make_length(NULL, 0, 32, CKK_GENERIC_SECRET, &len), ST_OK);
    CHECK_EQ(len, 32);
    want = 17;
    CHECK_ST(make_length(&t, 1, 32, CKK_AES, &len), ST_KEY_SIZE);
    CHECK_ST(make_length(&t, 1, 32, CKK_DES3, &len), ST_OK);
    CHECK_EQ(len, 24);
    want = 513;
    CHECK_ST(make_length(&t, 1, 32, CKK_GENERIC_SECRET, &len), ST_KEY_SIZE);
}

// Every attribute that a template may give is one of its class, and no rule stands twice.
TEST(make_rules_go_with_the_attributes)
{
    for (size_t i = 0; i < COUNT(make_rules); i++) {
        const struct make_rule *m = &make_rules[i];
        CHECK(m->may & (MAKE_ANY | MAKE_COPY));
        CHECK(!(m->may & (MAKE_RISE | MAKE_FALL)) || m->may & MAKE_BOOL);
        for (size_t j = 0; j < i; j++)
            CHECK(make_rules[j].type != m->type || !(make_rules[j].classes & m->classes));
    }
}

// What a template gives takes so many bytes at most, all attributes and their heads together.
TEST(make_templates_end_at_a_size)
{
    static u8 value[MAKE_MAX + 1];
    CK_ATTRIBUTE t[] = { { CKA_LABEL, value, 0 }, { CKA_VALUE, value, 0 },
                         { CKA_APPLICATION, value, 0 } };
    const CK_ULONG room = (CK_ULONG)(MAKE_MAX - 2 * sizeof(struct attr_head));
    for (CK_ULONG label = 0; label <= room; label += room / 5) {
        t[0].ulValueLen = label, t[1].ulValueLen = room - label;
        CHECK_ST(make_check(t, 2, ATTR_DATA, MAKE_CREATE), ST_OK);
        t[1].ulValueLen++;
        CHECK_ST(make_check(t, 2, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);
    }
    t[0].ulValueLen = MAKE_MAX - sizeof(struct attr_head);
    CHECK_ST(make_check(t, 1, ATTR_DATA, MAKE_CREATE), ST_OK);
    t[0].ulValueLen++;
    CHECK_ST(make_check(t, 1, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);
    t[0].ulValueLen = MAKE_MAX, t[1].ulValueLen = t[2].ulValueLen = (CK_ULONG)-1;
    CHECK_ST(make_check(t, 3, ATTR_DATA, MAKE_CREATE), ST_ARENA_FULL);     // no sum goes round
}

// ---- Objects ----

TEST(make_creates_data_in_a_session)
{
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_data), MAKE_TEXT(CKA_LABEL, "a note"),
                         MAKE_TEXT(CKA_VALUE, "what it says"), MAKE_GIVES(CKA_PRIVATE, make_yes) };
    struct object *object = NULL;
    make_begin_session(0);
    if (test_failing) return;
    card_t->login = true;
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    CHECK(object->owner == make_session->handle && object->private);
    CHECK(card_find(&card_it, card_t, object->handle) == object);
    CHECK(attr_is(object, CKA_LABEL, bytes_text("a note")));
    CHECK(attr_is(object, CKA_VALUE, bytes_text("what it says")));
    CHECK_EQ(object->attributes.n, 2 * sizeof(struct attr_head) + 18);  // what is known is not kept
    make_end_session();
}

// What cannot be made, why, and that nothing is left of it.
TEST(make_refuses_and_leaves_nothing)
{
    static const CK_ULONG short_len = 15, any_class = 0x1234;
    const CK_ATTRIBUTE class = MAKE_GIVES(CKA_CLASS, make_class_secret),
                       aes = MAKE_GIVES(CKA_KEY_TYPE, make_type_aes),
                       rsa = MAKE_GIVES(CKA_KEY_TYPE, make_type_rsa),
                       value = MAKE_GIVES(CKA_VALUE, make_key),
                       cut = { CKA_VALUE, (void *)(uintptr_t)make_key, 15 },
                       len = MAKE_GIVES(CKA_VALUE_LEN, short_len),
                       check = MAKE_TEXT(CKA_CHECK_VALUE, "not"),
                       private = MAKE_GIVES(CKA_CLASS, make_class_private),
                       other = MAKE_GIVES(CKA_CLASS, any_class);
    const struct { CK_ATTRIBUTE t[4]; CK_ULONG n; st want; } cases[] = {
        { { aes, value }, 2, ST_TEMPLATE_LESS },                // of which class?
        { { class, value }, 2, ST_TEMPLATE_LESS },
        { { class, aes }, 2, ST_TEMPLATE_LESS },
        { { class, aes, cut }, 3, ST_ATTR_VALUE },
        { { class, rsa, value }, 3, ST_ATTR_VALUE },
        { { class, aes, value, len }, 4, ST_TEMPLATE_MIXED },
        { { class, aes, value, check }, 4, ST_ATTR_VALUE },     // when the object is there already
        { { private, aes, value }, 3, ST_ATTR_VALUE },
        { { other, aes, value }, 3, ST_ATTR_VALUE },
    };
    make_begin_session(0);
    if (test_failing) return;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct object *object;
        st s = make_try(cases[i].t, cases[i].n, &object);
        if (s != cases[i].want) printf("case %zu\n", i);
        CHECK_ST(s, cases[i].want);
        CHECK_EQ(make_count(), 0);
    }
    make_end_session();
}

// An object that the card's memory has no more room for is dropped, whatever was made of it.
TEST(make_drops_what_has_no_room)
{
    static u8 most[MAKE_MAX / 2];
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_data), MAKE_GIVES(CKA_VALUE, most) };
    struct object *object;
    u32 made = 0;
    st s;
    make_begin_session(0);
    if (test_failing) return;
    card_it.arena.left = card_it.arena.kept + 100000;
    while ((s = make_try(t, 2, &object)) == ST_OK && made < 1000) made++;
    CHECK_ST(s, ST_ARENA_FULL);
    CHECK(made > 2);
    CHECK_EQ(make_count(), made);
    for (u32 i = 0; i < card_it.object_count; i++)      // half of one gives room for one again
        if (card_object_at(&card_it, i)->handle) {
            card_drop(&card_it, card_object_at(&card_it, i));
            break;
        }
    CHECK_ST(make_try(t, 2, &object), ST_OK);
    CHECK_EQ(make_count(), made);
    make_end_session();
}

// CKA_CHECK_VALUE (4.10.2), by openssl: the AES key's block of zeros; SHA-1 of "abc".
TEST(make_check_values)
{
    static const u8 of_aes[] = { 0xc6, 0xa1, 0x3b }, of_abc[] = { 0xa9, 0x99, 0x3e };
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_secret),
                         MAKE_GIVES(CKA_KEY_TYPE, make_type_aes), MAKE_GIVES(CKA_VALUE, make_key),
                         { CKA_CHECK_VALUE, NULL, 0 } };
    struct object *object;
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_try(t, 3, &object), ST_OK);
    CHECK(attr_is(object, CKA_CHECK_VALUE, bytes_of(of_aes, 3)));
    CHECK_ST(make_try(t, 4, &object), ST_OK);               // empty: not wanted
    CHECK(!attr_of(object, CKA_CHECK_VALUE).n);
    t[1].pValue = (void *)(uintptr_t)&make_type_generic;
    t[2] = (CK_ATTRIBUTE)MAKE_TEXT(CKA_VALUE, "abc");
    CHECK_ST(make_try(t, 3, &object), ST_OK);
    CHECK(attr_is(object, CKA_CHECK_VALUE, bytes_of(of_abc, 3)));
    make_end_session();
}

// How a secret key came about: what it was made from was always sensitive, or not; what it says
// itself counts too.
TEST(make_remembers_where_a_key_came_from)
{
    static const struct make_origin made = { true, CKM_AES_KEY_GEN, true, true },
                                    given = { .local = false };
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_SENSITIVE, make_yes),
                         MAKE_GIVES(CKA_EXTRACTABLE, make_no) };
    struct object *object;
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_secret(&card_it, make_session, t, 2, CKK_AES, &made, bytes_of(make_key, 16),
                         &object), ST_OK);
    CHECK(attr_is(object, CKA_LOCAL, attr_bool(true)));
    CHECK(attr_is_number(object, CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN));
    CHECK(attr_is(object, CKA_ALWAYS_SENSITIVE, attr_bool(true)));
    CHECK(attr_is(object, CKA_NEVER_EXTRACTABLE, attr_bool(true)));
    CHECK_ST(make_secret(&card_it, make_session, t, 0, CKK_AES, &made, bytes_of(make_key, 16),
                         &object), ST_OK);
    CHECK(attr_is(object, CKA_ALWAYS_SENSITIVE, attr_bool(false)));
    CHECK(attr_is(object, CKA_NEVER_EXTRACTABLE, attr_bool(false)));
    CHECK_ST(make_secret(&card_it, make_session, t, 2, CKK_AES, &given, bytes_of(make_key, 16),
                         &object), ST_OK);
    CHECK(attr_is(object, CKA_LOCAL, attr_bool(false)));
    CHECK(attr_is(object, CKA_ALWAYS_SENSITIVE, attr_bool(false)));
    CHECK(attr_is(object, CKA_NEVER_EXTRACTABLE, attr_bool(false)));
    CHECK(attr_is(object, CKA_SENSITIVE, attr_bool(true)));
    make_end_session();
}

// ---- Public keys and certificates ----

// Zeros before a modulus do not count; its bits are found out, and compared where they are given.
TEST(make_rsa_public_keys)
{
    u8 modulus[130] = { 0, 0, 0xc0 };
    static const u8 exponent[] = { 1, 0, 1 };
    CK_ULONG bits = 1024;
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_public),
                         MAKE_GIVES(CKA_KEY_TYPE, make_type_rsa), MAKE_GIVES(CKA_MODULUS, modulus),
                         MAKE_GIVES(CKA_PUBLIC_EXPONENT, exponent),
                         MAKE_GIVES(CKA_MODULUS_BITS, bits) };
    struct object *object;
    modulus[129] = 1;
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_try(t, 5, &object), ST_OK);
    CHECK(attr_is_number(object, CKA_MODULUS_BITS, 1024) && object->type == ALG_RSA);
    bits = 1040;
    CHECK_ST(make_try(t, 5, &object), ST_TEMPLATE_MIXED);
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    CHECK_ST(make_try(t, 3, &object), ST_TEMPLATE_LESS);
    t[3].ulValueLen = 0;
    CHECK_ST(make_try(t, 4, &object), ST_ATTR_VALUE);
    make_end_session();
}

// CKA_EC_POINT is raw or a DER OCTET STRING: the same key. A point of another curve is none.
TEST(make_ec_public_keys)
{
    struct alg_key p256, p384;
    CHECK(cipher_key(bytes_of(sim_cert_p256a, sizeof sim_cert_p256a), &p256));
    CHECK(cipher_key(bytes_of(sim_cert_p384a, sizeof sim_cert_p384a), &p384));
    u8 wrapped[2 + 65] = { 0x04, 65 };
    u8 parameters[sizeof p256.curve->oid];
    memcpy(wrapped + 2, p256.point.p, 65);
    memcpy(parameters, p256.curve->oid, sizeof parameters);
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_public),
                         MAKE_GIVES(CKA_KEY_TYPE, make_type_ec),
                         { CKA_EC_PARAMS, parameters, p256.curve->oid_len },
                         MAKE_GIVES(CKA_EC_POINT, wrapped) };
    struct object *object;
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    CHECK(attr_is(object, CKA_PUBLIC_KEY_INFO, p256.spki));
    t[3].pValue = wrapped + 2, t[3].ulValueLen = 65;
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    CHECK(attr_is(object, CKA_PUBLIC_KEY_INFO, p256.spki));
    t[3].pValue = (void *)(uintptr_t)p384.point.p, t[3].ulValueLen = p384.point.n;
    CHECK_ST(make_try(t, 4, &object), ST_ATTR_VALUE);
    t[1].pValue = (void *)(uintptr_t)&make_type_edwards;
    CHECK_ST(make_try(t, 4, &object), ST_TEMPLATE_MIXED);
    parameters[p256.curve->oid_len - 1] ^= 0x40;
    CHECK_ST(make_try(t, 4, &object), ST_CURVE);
    make_end_session();
}

// What a certificate says of itself is there without being given; given otherwise, it is refused.
TEST(make_certificates_speak_for_themselves)
{
    static const CK_CERTIFICATE_TYPE x509_type = CKC_X_509;
    static u8 whole[sizeof sim_cert_p256a + 1], number[32];
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_cert),
                         MAKE_GIVES(CKA_CERTIFICATE_TYPE, x509_type),
                         { CKA_VALUE, whole, sizeof sim_cert_p256a },
                         MAKE_TEXT(CKA_SUBJECT, "somebody else") };
    struct object *object;
    struct x509 x509;
    memcpy(whole, sim_cert_p256a, sizeof sim_cert_p256a);
    CHECK_ST(x509_parse(bytes_of(whole, sizeof sim_cert_p256a), &x509), ST_OK);
    CHECK(x509.serial.n <= sizeof number);
    memcpy(number, x509.serial.p, x509.serial.n);
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_try(t, 3, &object), ST_OK);
    CHECK(attr_is(object, CKA_SUBJECT, x509.subject));
    CHECK(attr_is(object, CKA_SERIAL_NUMBER, x509.serial));
    CHECK_ST(make_try(t, 4, &object), ST_TEMPLATE_MIXED);
    t[3] = (CK_ATTRIBUTE){ CKA_SERIAL_NUMBER, number, x509.serial.n };
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    t[3].pValue = number + 2, t[3].ulValueLen -= 2;         // without its tag
    CHECK_ST(make_try(t, 4, &object), ST_OK);
    number[2] ^= 1;
    CHECK_ST(make_try(t, 4, &object), ST_TEMPLATE_MIXED);
    t[2].ulValueLen++;                                      // a byte after its end
    CHECK_ST(make_try(t, 3, &object), ST_ATTR_VALUE);
    CHECK_EQ(make_count(), 3);
    make_end_session();
}

// ---- Changing and copying ----

static struct object *make_aes_key(void)
{
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_secret),
                         MAKE_GIVES(CKA_KEY_TYPE, make_type_aes), MAKE_GIVES(CKA_VALUE, make_key),
                         MAKE_TEXT(CKA_LABEL, "first"), MAKE_TEXT(CKA_ID, "id") };
    struct object *object = NULL;
    return make_try(t, 5, &object) ? NULL : object;
}

// All of a template or nothing. What is sensitive stays so; what cannot be extracted never can.
TEST(make_sets_all_or_nothing)
{
    CK_ATTRIBUTE label = MAKE_TEXT(CKA_LABEL, "second"), id = MAKE_TEXT(CKA_ID, ""),
                 hidden = MAKE_GIVES(CKA_SENSITIVE, make_yes),
                 shown = MAKE_GIVES(CKA_SENSITIVE, make_no),
                 kept = MAKE_GIVES(CKA_EXTRACTABLE, make_no),
                 given = MAKE_GIVES(CKA_EXTRACTABLE, make_yes);
    make_begin_session(0);
    if (test_failing) return;
    struct object *key = make_aes_key();
    CHECK(key);
    CK_ATTRIBUTE both[] = { label, hidden }, wrong[] = { id, shown };
    CHECK_ST(make_set(&card_it, key, both, 2, padding_scratch()), ST_OK);
    CHECK(attr_is(key, CKA_LABEL, bytes_text("second")) && attr_is(key, CKA_ID, bytes_text("id")));
    CHECK(attr_is(key, CKA_SENSITIVE, attr_bool(true)));
    CHECK_ST(make_set(&card_it, key, wrong, 2, padding_scratch()), ST_ATTR_RO);
    CHECK(attr_is(key, CKA_ID, bytes_text("id")));
    CHECK_ST(make_set(&card_it, key, &given, 1, padding_scratch()), ST_OK);     // as it was
    CHECK_ST(make_set(&card_it, key, &kept, 1, padding_scratch()), ST_OK);
    CHECK_ST(make_set(&card_it, key, &given, 1, padding_scratch()), ST_ATTR_RO);
    CHECK_ST(make_set(&card_it, key, &id, 1, padding_scratch()), ST_OK);        // empty now
    CHECK(!attr_of(key, CKA_ID).n && attr_is(key, CKA_LABEL, bytes_text("second")));
    make_end_session();
}

// Without room for the new attributes the old ones stay.
TEST(make_set_without_room_changes_nothing)
{
    static const u8 much[2000];
    CK_ATTRIBUTE t[] = { MAKE_TEXT(CKA_LABEL, "second"), MAKE_GIVES(CKA_ID, much) };
    make_begin_session(0);
    if (test_failing) return;
    struct object *key = make_aes_key();
    CHECK(key);
    size_t before = key->attributes.n;
    card_it.arena.at = card_it.arena.end, card_it.arena.left = 0;
    CHECK_ST(make_set(&card_it, key, t, 2, padding_scratch()), ST_ARENA_FULL);
    CHECK_EQ(key->attributes.n, before);
    CHECK(attr_is(key, CKA_LABEL, bytes_text("first")) && attr_is(key, CKA_ID, bytes_text("id")));
    make_end_session();
}

TEST(make_set_asks_whether_it_may)
{
    CK_ATTRIBUTE t[] = { MAKE_GIVES(CKA_CLASS, make_class_data),
                         MAKE_GIVES(CKA_MODIFIABLE, make_no),
                         MAKE_GIVES(CKA_COPYABLE, make_no) }, label = MAKE_TEXT(CKA_LABEL, "x");
    struct object *object, *copy;
    make_begin_session(0);
    if (test_failing) return;
    CHECK_ST(make_try(t, 3, &object), ST_OK);
    CHECK_ST(make_set(&card_it, object, &label, 1, padding_scratch()), ST_PROHIBITED);
    CHECK_ST(make_copy(&card_it, make_session, object, NULL, 0, padding_scratch(), &copy),
             ST_PROHIBITED);
    CHECK_EQ(make_count(), 1);
    make_end_session();
}

// A copy has its own handle, and the key's value; what is private does not become public.
TEST(make_copies)
{
    CK_ATTRIBUTE t[] = { MAKE_TEXT(CKA_LABEL, "copy"), MAKE_GIVES(CKA_PRIVATE, make_yes) },
                 public = MAKE_GIVES(CKA_PRIVATE, make_no);
    struct object *copy, *again;
    struct scratch scratch = padding_scratch();
    bytes value;
    make_begin_session(0);
    if (test_failing) return;
    struct object *key = make_aes_key();
    CHECK(key);
    card_t->login = true;
    CHECK_ST(make_copy(&card_it, make_session, key, t, 2, padding_scratch(), &copy), ST_OK);
    CHECK(copy != key && copy->handle != key->handle && copy->private && !key->private);
    CHECK(attr_is(copy, CKA_LABEL, bytes_text("copy")) && attr_is(copy, CKA_ID, bytes_text("id")));
    CHECK(attr_is(key, CKA_LABEL, bytes_text("first")));
    card_drop(&card_it, key);
    CHECK_ST(attr_secret_value(copy, &scratch, &value), ST_OK);
    CHECK(bytes_equal(value, bytes_of(make_key, sizeof make_key)));
    CHECK_ST(make_copy(&card_it, make_session, copy, &public, 1, padding_scratch(), &again),
             ST_TEMPLATE_MIXED);
    CHECK_EQ(make_count(), 1);
    make_end_session();
}

static void test_make(void)
{
    RUN(make_takes_what_a_class_has);
    RUN(make_takes_one_value);
    RUN(make_places_objects_in_sessions);
    RUN(make_creates_data_in_a_session);
    RUN(make_refuses_and_leaves_nothing);
    RUN(make_drops_what_has_no_room);
    RUN(make_check_values);
    RUN(make_remembers_where_a_key_came_from);
    RUN(make_rsa_public_keys);
    RUN(make_ec_public_keys);
    RUN(make_certificates_speak_for_themselves);
    RUN(make_sets_all_or_nothing);
    RUN(make_set_without_room_changes_nothing);
    RUN(make_set_asks_whether_it_may);
    RUN(make_copies);
    RUN(make_templates_end_at_a_size);
    RUN(make_lengths_of_keys);
    RUN(make_rules_go_with_the_attributes);
}
