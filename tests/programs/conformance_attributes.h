// conformance_attributes.h: for conformance.c. Which attributes an object of each class has, as the tables of PKCS#11
// 3.2 say (4.4 to 4.14, 6.1, 6.3, 6.8, 6.11), and that it has no others of them; of the card's objects and of a
// session's; the same CKA_UNIQUE_ID at the next insertion. SPDX-License-Identifier: 0BSD

enum { IN_DATA = 1, IN_CERT = 2, IN_PUB = 4, IN_PRIV = 8, IN_SEC = 16, IN_PROFILE = 32, IN_KEYS = IN_PUB | IN_PRIV | IN_SEC,
       IN_ALL = 63, IN_RSA_PUB = 64, IN_RSA_PRIV = 128, IN_EC_PUB = 256, IN_EC_PRIV = 512, IN_CHECKED = 1024 };
enum form { F_BOOL, F_ULONG, F_BYTES, F_LIST, F_DATE, F_SECRET };

static const struct { CK_ATTRIBUTE_TYPE type; unsigned classes; enum form form; } table[] = {
    { CKA_CLASS, IN_ALL, F_ULONG }, { CKA_TOKEN, IN_ALL, F_BOOL }, { CKA_PRIVATE, IN_ALL, F_BOOL },
    { CKA_MODIFIABLE, IN_ALL, F_BOOL }, { CKA_COPYABLE, IN_ALL, F_BOOL }, { CKA_DESTROYABLE, IN_ALL, F_BOOL },
    { CKA_LABEL, IN_ALL, F_BYTES }, { CKA_UNIQUE_ID, IN_ALL, F_BYTES },
    { CKA_PROFILE_ID, IN_PROFILE, F_ULONG },
    { CKA_APPLICATION, IN_DATA, F_BYTES }, { CKA_OBJECT_ID, IN_DATA, F_BYTES },
    { CKA_CERTIFICATE_TYPE, IN_CERT, F_ULONG }, { CKA_CERTIFICATE_CATEGORY, IN_CERT, F_ULONG },
    { CKA_CHECK_VALUE, IN_CERT | IN_CHECKED, F_BYTES }, { CKA_ISSUER, IN_CERT, F_BYTES },
    { CKA_SERIAL_NUMBER, IN_CERT, F_BYTES }, { CKA_URL, IN_CERT, F_BYTES },
    { CKA_HASH_OF_SUBJECT_PUBLIC_KEY, IN_CERT, F_BYTES }, { CKA_HASH_OF_ISSUER_PUBLIC_KEY, IN_CERT, F_BYTES },
    { CKA_JAVA_MIDP_SECURITY_DOMAIN, IN_CERT, F_ULONG }, { CKA_NAME_HASH_ALGORITHM, IN_CERT, F_ULONG },
    { CKA_TRUSTED, IN_CERT | IN_PUB | IN_SEC, F_BOOL }, { CKA_SUBJECT, IN_CERT | IN_PUB | IN_PRIV, F_BYTES },
    { CKA_PUBLIC_KEY_INFO, IN_CERT | IN_PUB | IN_PRIV, F_BYTES }, { CKA_ID, IN_CERT | IN_KEYS, F_BYTES },
    { CKA_START_DATE, IN_CERT | IN_KEYS, F_DATE }, { CKA_END_DATE, IN_CERT | IN_KEYS, F_DATE },
    { CKA_KEY_TYPE, IN_KEYS, F_ULONG }, { CKA_DERIVE, IN_KEYS, F_BOOL }, { CKA_LOCAL, IN_KEYS, F_BOOL },
    { CKA_KEY_GEN_MECHANISM, IN_KEYS, F_ULONG }, { CKA_ALLOWED_MECHANISMS, IN_KEYS, F_LIST },
    { CKA_OBJECT_VALIDATION_FLAGS, IN_KEYS, F_ULONG },
    { CKA_ENCRYPT, IN_PUB | IN_SEC, F_BOOL }, { CKA_VERIFY, IN_PUB | IN_SEC, F_BOOL },
    { CKA_VERIFY_RECOVER, IN_PUB, F_BOOL }, { CKA_WRAP, IN_PUB | IN_SEC, F_BOOL },
    { CKA_ENCAPSULATE, IN_PUB, F_BOOL }, { CKA_DECAPSULATE, IN_PRIV, F_BOOL },
    { CKA_WRAP_TEMPLATE, IN_PUB | IN_SEC, F_LIST }, { CKA_UNWRAP_TEMPLATE, IN_PRIV | IN_SEC, F_LIST },
    { CKA_DERIVE_TEMPLATE, IN_PRIV | IN_SEC, F_LIST },
    { CKA_ENCAPSULATE_TEMPLATE, IN_PUB, F_LIST }, { CKA_DECAPSULATE_TEMPLATE, IN_PRIV, F_LIST },
    { CKA_SENSITIVE, IN_PRIV | IN_SEC, F_BOOL }, { CKA_EXTRACTABLE, IN_PRIV | IN_SEC, F_BOOL },
    { CKA_ALWAYS_SENSITIVE, IN_PRIV | IN_SEC, F_BOOL }, { CKA_NEVER_EXTRACTABLE, IN_PRIV | IN_SEC, F_BOOL },
    { CKA_WRAP_WITH_TRUSTED, IN_PRIV | IN_SEC, F_BOOL }, { CKA_DECRYPT, IN_PRIV | IN_SEC, F_BOOL },
    { CKA_SIGN, IN_PRIV | IN_SEC, F_BOOL }, { CKA_SIGN_RECOVER, IN_PRIV, F_BOOL },
    { CKA_UNWRAP, IN_PRIV | IN_SEC, F_BOOL }, { CKA_ALWAYS_AUTHENTICATE, IN_PRIV, F_BOOL },
    { CKA_VALUE_LEN, IN_SEC, F_ULONG },
    { CKA_MODULUS, IN_RSA_PUB | IN_RSA_PRIV, F_BYTES }, { CKA_PUBLIC_EXPONENT, IN_RSA_PUB | IN_RSA_PRIV, F_BYTES },
    { CKA_MODULUS_BITS, IN_RSA_PUB, F_ULONG },
    { CKA_PRIVATE_EXPONENT, IN_RSA_PRIV, F_SECRET }, { CKA_PRIME_1, IN_RSA_PRIV, F_SECRET },
    { CKA_PRIME_2, IN_RSA_PRIV, F_SECRET }, { CKA_EXPONENT_1, IN_RSA_PRIV, F_SECRET },
    { CKA_EXPONENT_2, IN_RSA_PRIV, F_SECRET }, { CKA_COEFFICIENT, IN_RSA_PRIV, F_SECRET },
    { CKA_EC_PARAMS, IN_EC_PUB | IN_EC_PRIV, F_BYTES },
    { CKA_EC_POINT, IN_EC_PUB | IN_EC_PRIV, F_BYTES },      // of private keys too: clients look there
    { CKA_VALUE, IN_DATA | IN_CERT, F_BYTES }, { CKA_VALUE, IN_EC_PRIV | IN_SEC, F_SECRET },
    // of classes that there are none of
    { CKA_HW_FEATURE_TYPE, 0, F_ULONG }, { CKA_MECHANISM_TYPE, 0, F_ULONG }, { CKA_PRIME, 0, F_BYTES },
    { CKA_PRIME_BITS, 0, F_ULONG }, { CKA_BASE, 0, F_BYTES }, { CKA_AC_ISSUER, 0, F_BYTES },
    { CKA_PARAMETER_SET, 0, F_ULONG }, { CKA_SEED, 0, F_BYTES }, { CKA_VENDOR_DEFINED, 0, F_BYTES },
};

// The columns that an object is in.
static unsigned columns_of(CK_OBJECT_HANDLE o)
{
    CK_OBJECT_CLASS class = CK_UNAVAILABLE_INFORMATION;
    CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
    CK_BYTE check[3];
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_CHECK_VALUE, check, 3 } };
    C_GetAttributeValue(session, o, a, 3);
    bool rsa = type == CKK_RSA;
    switch (class) {
    case CKO_DATA:        return IN_DATA;
    case CKO_CERTIFICATE: return IN_CERT;
    case CKO_PUBLIC_KEY:  return IN_PUB | (rsa ? IN_RSA_PUB : IN_EC_PUB);
    case CKO_PRIVATE_KEY: return IN_PRIV | (rsa ? IN_RSA_PRIV : IN_EC_PRIV);
    case CKO_SECRET_KEY:  return IN_SEC | (a[2].ulValueLen == 3 ? IN_CHECKED : 0);      // a card's have none
    default:              return class == CKO_PROFILE ? IN_PROFILE : 0;
    }
}

static bool form_is_right(enum form form, CK_ULONG n)
{
    if (form == F_BOOL) return n == 1 && *value <= 1;
    if (form == F_ULONG) return n == sizeof(CK_ULONG);
    if (form == F_DATE) return n == 0 || n == 8;
    return form != F_LIST || n % sizeof(CK_ULONG) == 0;
}

// Is a row of the table about this object? One attribute may have two rows.
static const char *row_says(size_t i, unsigned columns, CK_RV rv, CK_ULONG n)
{
    for (size_t j = 0; j < sizeof table / sizeof *table; j++) {
        if (table[j].type != table[i].type || !(table[j].classes & columns)) continue;
        if (table[j].form == F_SECRET)
            return rv == CKR_ATTRIBUTE_SENSITIVE && n == CK_UNAVAILABLE_INFORMATION ? NULL : "is not secret";
        if (rv) return "is not there";
        return form_is_right(table[j].form, n) ? NULL : "has another form";
    }
    return rv == CKR_ATTRIBUTE_TYPE_INVALID && n == CK_UNAVAILABLE_INFORMATION ? NULL : "is there";
}

static void check_object(CK_OBJECT_HANDLE o)
{
    unsigned columns = columns_of(o);
    CHECK(columns);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        CK_ULONG n = sizeof value;
        CK_RV rv = get(o, table[i].type, value, &n);
        const char *wrong = row_says(i, columns, rv, n);
        if (wrong) test_fail(__FILE__, __LINE__, "attribute %#lx of an object in columns %#x %s (%#lx, %ld bytes)",
                             table[i].type, columns, wrong, rv, (long)n);
    }
}

// Session objects of each class that can be made.
static void make_session_objects(CK_OBJECT_HANDLE *made, CK_ULONG *n_made)
{
    static CK_OBJECT_CLASS data = CKO_DATA, secret = CKO_SECRET_KEY, public = CKO_PUBLIC_KEY;
    static CK_KEY_TYPE ec = CKK_EC, types[] = { CKK_AES, CKK_GENERIC_SECRET, CKK_SHA256_HMAC };
    static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    CK_BYTE key[32] = { 1 }, point[67] = { 4, 65 };
    *n_made = 0;
    CK_ATTRIBUTE d[] = { { CKA_CLASS, &data, sizeof data }, { CKA_VALUE, text, 4 } };
    CHECK_RV(C_CreateObject(session, d, 2, &made[(*n_made)++]), CKR_OK);
    for (int i = 0; i < 3; i++) {
        CK_ATTRIBUTE t[] = { { CKA_CLASS, &secret, sizeof secret }, { CKA_KEY_TYPE, &types[i], sizeof types[i] },
                             { CKA_VALUE, key, 32 }, { CKA_SENSITIVE, &yes, 1 } };
        CHECK_RV(C_CreateObject(session, t, 4, &made[(*n_made)++]), CKR_OK);
    }
    memcpy(point + 2, sim_p256_point, 65);
    CK_ATTRIBUTE p[] = { { CKA_CLASS, &public, sizeof public }, { CKA_KEY_TYPE, &ec, sizeof ec },
                         { CKA_EC_PARAMS, p256, sizeof p256 }, { CKA_EC_POINT, point, 67 } };
    CHECK_RV(C_CreateObject(session, p, 4, &made[(*n_made)++]), CKR_OK);
}

// Every object of the card and of a session.
TEST(every_object_has_the_attributes_of_its_class)
{
    CK_OBJECT_HANDLE found[200];
    CK_ULONG n;
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(open_token(t, &session), CKR_OK);
        CHECK_RV(login(CKU_USER, t), CKR_OK);
        CHECK_RV(all_of(NULL, 0, found, &n), CKR_OK);
        CHECK(n > 2);
        for (CK_ULONG i = 0; i < n && !test_failing; i++) check_object(found[i]);
        if (test_failing) return;
        make_session_objects(found, &n);
        for (CK_ULONG i = 0; i < n && !test_failing; i++) check_object(found[i]);
        if (!test_failing) CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

// The names of all objects, sorted.
static CK_RV all_names(CK_BYTE (*names)[96], CK_ULONG *count)
{
    CK_OBJECT_HANDLE found[200];
    CK_RV rv = all_of(NULL, 0, found, count);
    for (CK_ULONG i = 0; i < *count && !rv; i++) {
        CK_ULONG n = 95;
        memset(names[i], 0, 96);
        rv = get(found[i], CKA_UNIQUE_ID, names[i], &n);
    }
    if (!rv) qsort(names, *count, 96, (int (*)(const void *, const void *))strcmp);
    return rv;
}

// CKA_UNIQUE_ID (4.4.1): of one object only, and the same as long as it is there: at the next insertion, too, and
// whatever was asked for first.
TEST(unique_ids_outlive_the_insertion)
{
    static CK_BYTE names[2][200][96];
    CK_OBJECT_HANDLE found[200];
    CK_ULONG n[2];
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        for (int again = 0; again < 2; again++) {
            CHECK_RV(open_token(t, &session), CKR_OK);
            CHECK_RV(login(CKU_USER, t), CKR_OK);
            if (again) CHECK_RV(all_of_class(CKO_PUBLIC_KEY, found, &n[1]), CKR_OK);
            CHECK_RV(all_names(names[again], &n[again]), CKR_OK);
            sim_reader_eject(0);
            sim_reader_insert(0, scene_card);
            CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n_slots), CKR_OK);
        }
        CHECK(n[0] > 2 && n[0] == n[1]);
        CHECK(!memcmp(names[0], names[1], n[0] * 96));
        for (CK_ULONG i = 1; i < n[0]; i++) CHECK(memcmp(names[0][i - 1], names[0][i], 96));
    }
    scene_end();
}
