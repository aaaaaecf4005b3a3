// p15object.c: >>p15object. Directories written as text, and what PKCS#11 shows of them.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

TEST(p15object_a_directory_of_everything)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, P15_PIN "30(30(0c'PUK') 30(04:02) a1(30(03:0102 0a:01 02:08 02:08 80:02)))"
             "30(30(0c'SO') 30(04:03) a1(30(03:0001 0a:01 02:08 02:08 80:03)))"
             "a0(30(0c'finger') 30(04:04) a1(30(03:00)))");
    // an RSA key; an EC key with its curve in the parameters; one of a kind that is not known
    p15_file(0x4402, "30(30(0c'RSA' 03:0780 04:01) 30(04:01 03:0520 01:ff 03:00 02:81)"
             "a0(30(30(31(30(06:550403 0c'Name'))))) a1(30(30(04:4b01) 02:0400)))"
             "a0(30(0c'EC' 03:0780 04:01) 30(04:02 03:070080 02:02) a1(30(30(04:) "
             "30(06:2a8648ce3d030107))))"
             "a1(30(0c'DH') 30(04:03) a1(30(30(04:))))");
    p15_file(0x4403, "30(30(0c'RSA public') 30(04:01 03:0102) a1(30(30(04:3301) 02:0400)))"
             "30(30(0c'alone') 30(04:09 03:0182) a1(30(30(04:3309) 02:0400)))"
             "a1(30(0c'DH') 30(04:03) a1(30(30(04:))))");
    p15_file(0x4407, "a0(30(0c'trusted') 30(04:08 03:070080) a1(30(30(04:3308) "
             "06:2a8648ce3d030107)))");
    p15_file(0x4404, "30(30(0c'') 30(04:01 01:00) a1(30(30(04:3401))))"
             "a1(30(0c'SPKI') 30(04:07) a1(30(30(04:3401)))) 30(30(0c'URL') 30(04:06) "
             "a1(30(13'http:')))");
    p15_file(0x4408, "30(30(0c'CA') 30(04:0a 01:ff) a1(30(30(04:340a))))");
    p15_file(0x4409, "30(30(0c'broken') 30(04:0b) a1(30(30(04:340b))))");
    p15_file(0x4405, "30(30(0c'text' 03:00) 30(0c'app' 06:2a03) a1(30(04:3501)))"
             "a1(30(0c'named') 30(0c'app') a1(30(06:2a04 30(04:3502))))"
             "a1(30(0c'nothing') 30(0c'app') a1(30(06:2a04)))"
             "a0(30(0c'external') 30(0c'app') a1(30(04:3501)))"
             "30(30(0c'inside' 03:0780 04:01) 30(0c'app') a1(a0(04:010203)))");
    p15_file(0x4406, "af(30(0c'AES') 30(04:10) a1(30(30(04:4d01))))");
    p15_file(0x3501, "=74657874");
    p15_file(0x3502, "=0102");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_certificate_file(0x340a, SIM_P256A);
    p15_file(0x340b, "30(02:01)");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(card_it.token_count, 0);           // one more is the prober's to count
    CHECK_EQ(card_pin(card_t)->reference, 1);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    struct object *rsa = p15_object(CKO_PRIVATE_KEY, 1), *ec = p15_object(CKO_PRIVATE_KEY, 2);
    CHECK(rsa && ec && p15_count(CKO_PRIVATE_KEY) == 2);
    CHECK(rsa->private && rsa->ref == 0x81 && rsa->use == CARD_SIGN);
    CHECK(rsa->key && rsa->key->type == ALG_RSA && rsa->key->bits == 1024 && rsa->key->spki.n);
    CHECK(rsa->subject.n && *rsa->subject.p == 0x30);
    CHECK(ec->key && ec->key->curve == alg_curve_named("P-256") && !ec->key->spki.n);
    CHECK_EQ(ec->use, CARD_DERIVE);
    CHECK_EQ(p15_count(CKO_PUBLIC_KEY), 4);     // 1, 2, 8, 9
    struct object *alone = p15_object(CKO_PUBLIC_KEY, 9), *trusted = p15_object(CKO_PUBLIC_KEY, 8);
    CHECK(alone && alone->use == (CARD_SIGN | CARD_DECRYPT));
    CHECK(alone->key && alone->key->bits == 1024);
    CHECK(trusted && trusted->use == CARD_DERIVE);
    struct object *certificate = p15_object(CKO_CERTIFICATE, 1);
    CHECK(certificate && certificate->x509 && p15_count(CKO_CERTIFICATE) == 3);
    CHECK(certificate->label.n && certificate->label.n < 40);       // the subject's name
    CHECK(!certificate->trusted && !certificate->authority);
    struct object *ca = p15_object(CKO_CERTIFICATE, 0x0a);
    struct object *useful = p15_object(CKO_CERTIFICATE, 0x0b);
    CHECK(ca->x509 && ca->trusted && ca->authority);
    CHECK(!useful->x509 && !useful->trusted && !useful->authority);
    CHECK(trusted->trusted && !alone->trusted && !rsa->trusted);
    CHECK_EQ(p15_count(CKO_DATA), 3);
    for (u32 i = 0; i < card_it.object_count; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->class != CKO_DATA) continue;
        if (o->label.n == 4) CHECK_BYTES(o->value.p, o->value.n, "74657874");
        if (o->label.n == 4) CHECK_BYTES(o->oid.p, o->oid.n, "06022a03");
        if (o->label.n == 5) CHECK_BYTES(o->value.p, o->value.n, "0102");
        if (o->label.n == 5) CHECK_BYTES(o->oid.p, o->oid.n, "06022a04");
        if (o->label.n == 6) CHECK_BYTES(o->value.p, o->value.n, "0403010203");
        CHECK_EQ(o->private, o->label.n == 6);
    }
    CHECK(!memcmp(card_t->label, "PKCS#15", 8));
    p15_end();
}

static struct object *p15_one_key(const char *private, const char *public)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4402, private);
    p15_file(0x4403, public);
    p15_connect(1 << 20);
    if (test_failing || p15_take() || p15_take_all(card_t)) return NULL;
    return p15_object(CKO_PRIVATE_KEY, 1);
}

// A curve that is not told is the one that the point lies on, whatever its size.
TEST(p15object_curves_that_are_not_told)
{
    static const struct { const char *point, *curve; } cases[] = {
        { CIPHER_P256, "P-256" }, { CIPHER_K256, "secp256k1" },
        { CIPHER_BRAINPOOL, "brainpoolP256r1" }, { NULL, NULL } };
    char text[600];
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        snprintf(text, sizeof text, "a0(30(0c'EC') 30(04:01) a1(30(a0(04:%s))))",
                 cases[i].point ? cases[i].point : "04" "11111111111111111111111111111111"
                 "11111111111111111111111111111111222222222222222222222222222222222222222222222222"
                 "2222222222222222");
        struct object *o = p15_one_key("a0(30(0c'EC' 03:0780) 30(04:01) a1(30(30(04:))))", text);
        CHECK(o && !o->unread);
        CHECK(cases[i].curve ? o->key && o->key->curve == alg_curve_named(cases[i].curve) : !o->key);
        p15_end();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// What each half of a pair says of itself: its label, and how the pair came to be.
TEST(p15object_halves_of_a_pair)
{
    static const struct { const char *private, *public; bool local, sensitive, never; }
        cases[] = {
        { " 01:ff 03:03b8", "", true, true, true },             // sensitive, always, never, local
        { " 01:ff 03:03b8", " 03:0308", true, true, true },
        { " 01:ff 03:0430", "", false, true, true },
        { " 01:ff 03:0780", "", false, false, false },
        { " 01:ff 03:04d0", "", false, false, false },          // extractable: was so never
        { "", " 01:ff 03:0308", true, false, false },           // PuKDF says it of both
        { "", "", false, false, false } };
    char text[2][300];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        snprintf(text[0], sizeof text[0], "30(30(0c'inner' 03:0780 04:01) 30(04:01 03:0520%s 02:01)"
                 "a1(30(30(04:) 02:0400)))", cases[i].private);
        snprintf(text[1], sizeof text[1], "30(30(0c'outer') 30(04:01 03:0102%s)"
                 "a1(30(30(04:3301) 02:0400)))", cases[i].public);
        struct object *o = p15_one_key(text[0], text[1]), *half = p15_object(CKO_PUBLIC_KEY, 1);
        CHECK(o && half);
        CHECK(bytes_equal(o->label, bytes_text("inner")));
        CHECK(bytes_equal(half->label, bytes_text("outer")));
        CHECK_EQ(attr_true(half, CKA_LOCAL, padding_scratch()), cases[i].local);
        CHECK_EQ(attr_true(o, CKA_ALWAYS_SENSITIVE, padding_scratch()), cases[i].sensitive);
        CHECK_EQ(attr_true(o, CKA_NEVER_EXTRACTABLE, padding_scratch()), cases[i].never);
        CHECK(attr_true(o, CKA_SENSITIVE, padding_scratch()));
        CHECK(!attr_true(o, CKA_EXTRACTABLE, padding_scratch()));
        if (*cases[i].private) CHECK_EQ(attr_true(o, CKA_LOCAL, padding_scratch()), cases[i].local);
        p15_end();
        if (test_failing) printf("    case %zu\n", i);
    }
    struct object *o = p15_one_key("30(30(0c'inner') 30(04:01) a1(30(30(04:) 02:0400)))",
                                   "30(30() 30(04:01) a1(30(30(04:3301) 02:0400)))");
    CHECK(o && bytes_equal(p15_object(CKO_PUBLIC_KEY, 1)->label, o->label));    // it has none
    p15_end();
}

// Entries that are the same byte for byte are objects that a program can tell from each other, by
// the same names the next time.
TEST(p15object_entries_that_are_the_same)
{
    static u8 names[2][8][128];
    for (int run = 0; run < 2; run++) {
        size_t n = 0, len[8];
        p15_begin();
        p15_file(0x5031, P15_ODF);
        p15_file(0x4404, "30(30(0c'x') 30(04:01) a1(30(30(04:3401))))"
                 "30(30(0c'x') 30(04:01) a1(30(30(04:3401)))) 30(30(0c'y') 30(04:01) "
                 "a1(30(30(04:3401)))) 30(30(0c'x') 30(04:01) a1(30(30(04:3401))))");
        p15_certificate_file(0x3401, SIM_RSA1024);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        CHECK_ST(p15_take_all(card_t), ST_OK);
        for (u32 i = 0; i < card_it.object_count && n < 8; i++) {
            struct scratch scratch = padding_scratch();
            bytes name;
            CHECK_ST(attr_get(card_object_at(&card_it, i), CKA_UNIQUE_ID, &scratch, &name), ST_OK);
            CHECK(name.n < 128);
            memset(names[run][n], 0, 128);
            memcpy(names[run][n], name.p, len[n] = name.n);
            for (size_t k = 0; k < n; k++) CHECK(memcmp(names[run][n], names[run][k], 128));
            n++;
        }
        CHECK_EQ(n, 4);
        p15_end();
    }
    CHECK(!memcmp(names[0], names[1], sizeof names[0]));
}

TEST(p15object_public_keys_of_every_form)
{
    CHECK_ST(cipher_start(), ST_OK);
    static const struct { const char *value, *parameters; bool good; } forms[] = {
        { "a0(" P15_SPKI ")", "", true },
        { "a0(a1(" P15_SPKI "))", "", true },
        { "a0(04:" P15_POINT ")", "", true },
        { "a0(03:00" P15_POINT ")", "", true },
        { "a0(=" P15_POINT ")", "", true },
        { "a0(04:" P15_POINT ")", "06:2a8648ce3d030107", true },
        { "a0(04:" P15_POINT ")", "a0(06:2a8648ce3d030107)", true },
        { "a0(04:" P15_POINT ")", "06:2b81040022", false },         // P-384 has longer points
        { "a0(04:0401)", "", false },
        { "a0(30(02:0100 02:03))", "", false },                     // of an RSA key
        { "a0(a1(30(02:01)))", "", false },
        { "a1(04:01)", "", false },                                 // protected
    };
    char text[600];
    for (size_t i = 0; i < COUNT(forms) && !test_failing; i++) {
        snprintf(text, sizeof text, "a0(30(0c'EC') 30(04:01) a1(30(%s %s)))", forms[i].value,
                 forms[i].parameters);
        struct object *o = p15_one_key("a0(30(0c'EC' 03:0780) 30(04:01) a1(30(30(04:))))", text);
        CHECK(o && !o->unread && o->private && o->use == (CARD_SIGN | CARD_DERIVE));
        CHECK_EQ(o->key && o->key->point.n == 65 && o->key->spki.n == 91, forms[i].good);
        p15_end();
        if (test_failing) printf("    form %zu\n", i);
    }
    struct object *o = p15_one_key("30(30(0c'') 30(04:01) a1(30(30(04:) 02:0400)))",
                                   "30(30(0c'R') 30(04:01) a1(30(a0(30(02:0100 02:03)))))");
    CHECK(o && o->key && o->key->bits == 1024 && !o->key->modulus.n);   // as PrKDF says
    CHECK(!o->credential && !o->private);
    p15_end();
    o = p15_one_key("30(30(0c'') 30(04:01) a1(30(30(04:) 02:10)))", "");
    CHECK(o && !o->key && !o->unread);                                  // 16 bits are none
    p15_end();
}

TEST(p15object_without_an_id_is_no_pair)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4402, "30(30(0c'a') 30(03:0520) a1(30(30(04:) 02:0400)))");
    p15_file(0x4403, "30(30(0c'b') 30(03:0520) a1(30(30(04:3301) 02:0400)))");
    p15_file(0x4404, "30(30(0c'c') 30(04:) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_count(CKO_PRIVATE_KEY) == 1 && p15_count(CKO_PUBLIC_KEY) == 2);
    for (u32 i = 0; i < card_it.object_count; i++) {
        const struct object *o = card_object_at(&card_it, i);
        if (o->class == CKO_PRIVATE_KEY) CHECK(o->key && !o->key->spki.n);
    }
    p15_end();
}

// What is rare in a directory, but legal or written by some card.
TEST(p15object_rare_entries)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN' 04:03) 30(02:05 04:01 80:02) a1(30(03:0410 0a:01 02:04 02:08)))"
             "30(30(0c'no numbers') 30(04:02) a1(30(03:00 0a:01)))"
             "30(30(0c'PUK') 30(04:03 a0(02:07)) a1(30(03:0102 0a:01 02:08 02:08 80:02)))");
    // a long label; a subject that is none; usage of the other type; free; consent without a PIN
    p15_file(0x4402, "30(30(0c:" P15_LONG " 02:01) 30(04:01 04:99 03:03fc) a0(04:01)"
             "a1(30(30(04:) 02:0404 02:0400)))"
             "a0(30(30(30(03:0520 05:)) 03:0780) 30(04:02 03:04ffe0) a0(30(30())) a1(30(30(04:) "
             "30(30(02:01)))))"
             "30(30() 30(04:03 03:070080) a0(30(30(02:01))) a1(30(30(04:) 02:0401)))"
             "30(30() 30(04:04) a0(=3005) a1(30(30(04:) 02:7fffff)))"
             "30(30() 30(04:05) a1(30())) 30(30() 30(04:0f))"
             "30(30(30(30(03:0520 30(03:0520 02:07)))) 30(04:10) a1(30(30(04:) 02:0400)))"
             "30(30() 30(04:06) a1(30(30(04:) 02:0400)))"
             "30(30() 30(04:06) a1(30(30(04:) 02:0400)))"
             "a0(30() 30(04:08) a1(30(30(04:) a0(06:2b81040022))))"
             "a0(30() 30(04:0c) a1(30(30(04:) 30(06:2b81040022))))");
    // of another type than its private half; twice; what the private half said already
    p15_file(0x4403, "a0(30() 30(04:01) a1(30(30(04:3301))))"
             "30(30() 30(04:06) a1(30(a0(30(02:0100 02:03)))))"
             "30(30() 30(04:06) a1(30(a0(30(02:0100 02:03)))))"
             "30(30() 30(04:06) a1(30(30(a1(4f:a0000001)))))"
             "30(30() 30(04:06) a1(30(30(a1(4f:a0000002)))))"
             "a0(30() 30(04:0c) a1(30(a0(03:) 06:2b81040022)))"
             "30(30() 30(04:0d) a1(30(a0(" P15_SPKI "))))"
             "30(30() 30(04:0e) a1(30(a0(a1(" P15_SPKI ")))))");
    // without attributes, an identifier, a value; of another key's type; of the application itself
    p15_file(0x4404, "30(30() 30(04:20)) 30(30() 30() a1(30(30(04:3401))))"
             "30(30(03:0780) 30(04:21) a1(30(a0())))"
             "30(30(03:0780) 30(04:02 04:99 01:) a1(30(30(04:3401))))"
             "30(30(03:0780 04:01) 30(04:22 01:00) a1(30(30(04:7fff))))"
             "30(30() 30(04:23) a1(30(30(04:3402))))"
             "30(30(03:0780 30(30(03:0780 04:01))) 30(04:24) a1(30(30(04:7fff))))"
             "30(30() 30(04:0f) a1(30(30(04:3403))))");
    static u8 strange[2000];                    // a certificate of a key of no known kind
    const struct sim_key_data *d = sim_key_data(SIM_RSA1024);
    memcpy(strange, d->certificate, d->certificate_len);
    for (size_t i = 0; i + 9 < d->certificate_len; i++)
        if (!memcmp(strange + i, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) strange[i + 8] = 0x7f;
    sim_files_add(&p15_card, 0x3403, strange, d->certificate_len);
    p15_file(0x4405, "30(30(0c'no value') 30(0c'app')) 30(30() 30() a1(30(04:44)))"
             "30(30(0c'root') 30(06:2a03 06:2a04) a1(30(04:3f00)))"
             "a1(30(0c'oid') 30(06:2a03) a1(30(06:2a04 30(04:3500))))");
    p15_file(0x3402, "=1f820004 =8210 =000000000000");  // a tag of several bytes
    p15_file(0x3500, "=01");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(card_pin(card_t)->min == 4 && !test_puk(card_t)->max);        // its flags say: no unblocking
    CHECK_EQ(((struct p15 *)card_t->state)->pins->environment, 2);
    CHECK_EQ(((struct p15 *)card_t->state)->pins->next->environment, 7);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    struct object *o = p15_object(CKO_PRIVATE_KEY, 1);
    CHECK(o && o->label.n == 255 && !o->subject.n && !o->always_auth && !o->credential);
    CHECK(o->use == (CARD_SIGN | CARD_DECRYPT) && o->key && o->key->bits == 1024);
    o = p15_object(CKO_PRIVATE_KEY, 2);
    CHECK(o && !o->private && !o->key && !o->subject.n && o->use == (CARD_SIGN | CARD_DERIVE));
    o = p15_object(CKO_PRIVATE_KEY, 3);
    CHECK(o && !o->key && o->use == 0 && !o->subject.n);    // 1025 bits; derive alone
    o = p15_object(CKO_PRIVATE_KEY, 4);
    CHECK(o && !o->key);
    CHECK(p15_object(CKO_PRIVATE_KEY, 5) && !p15_object(CKO_PRIVATE_KEY, 5)->key);
    o = p15_object(CKO_PRIVATE_KEY, 8);
    CHECK(o && o->key && o->key->curve == alg_curve_named("P-384"));
    o = p15_object(CKO_PRIVATE_KEY, 0x10);          // a PIN, whosever, in SE 7
    CHECK(o && o->private && ((struct p15_key *)o->state)->environment == 7);
    CHECK_EQ(p15_count(CKO_PRIVATE_KEY), 11);
    CHECK(p15_object(CKO_PUBLIC_KEY, 0x0d) && !p15_object(CKO_PUBLIC_KEY, 0x0d)->key);
    CHECK(p15_object(CKO_PUBLIC_KEY, 0x0e) && !p15_object(CKO_PUBLIC_KEY, 0x0e)->key);
    CHECK_EQ(p15_count(CKO_CERTIFICATE), 6);
    CHECK(p15_object(CKO_CERTIFICATE, 0x24)->private && p15_object(CKO_CERTIFICATE, 0x0f)->x509);
    CHECK(!p15_object(CKO_PRIVATE_KEY, 0x0f)->key);
    o = p15_object(CKO_CERTIFICATE, 2);
    CHECK(o && o->x509 && !o->private && !o->authority);    // private, but nobody's: all may
    CHECK(!p15_object(CKO_CERTIFICATE, 0x23)->x509);
    CHECK(p15_object(CKO_CERTIFICATE, 0x22)->private);
    CHECK_EQ(p15_count(CKO_DATA), 2);
    p15_end();
}

// Of a directory file, on a card whose driver can work with them.
static st p15_take_secrets(const char *text)
{
    static struct driver able;
    able = driver_generic;
    able.crypt = driver_myeid.crypt;
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card' a2(30(02:01 02:1081) 30(02:02 02:0251 05:)"
             "30(02:03 02:0133) 30(02:04) 30(04:05) 30(02:06 02:0125)))");
    p15_file(0x4406, text);
    p15_connect(1 << 20);
    if (test_failing) return ST_FAILED;
    TRY(p15_take());
    card_t->driver = &able;
    return p15_take_all(card_t);
}

// What tags, algorithms and lengths say: PKCS#15's numbers, and ISO 7816-15's, whose [15] and
// SEQUENCE leave the kind to the algorithms.
TEST(p15object_secret_keys_of_every_kind)
{
    static const struct { const char *entry; CK_KEY_TYPE type; u32 len; } cases[] = {
        { "af(30() 30(04:01) a1(30(30(04:4d01))))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(30(02:0100)) a1(30(30(04:4d01))))", CKK_GENERIC_SECRET, 32 },
        { "30(30() 30(04:01) a0(02:0080) a1(30(04:4d01)))", CKK_GENERIC_SECRET, 16 },
        { "30(30() 30(04:01 a1(02:01)) a0(02:0080) a1(30(04:4d01)))", CKK_AES, 16 },
        { "af(30() 30(04:01 a1(02:02 02:04 02:05 02:09 02:01)) a0(02:0100))", CKK_AES, 32 },
        { "30(30() 30(04:01 a1(02:03)) a0(02:00c0) a1(30(04:4d01)))", CKK_DES3, 24 },
        { "30(30() 30(04:01 a1(02:03)) a0(02:0080) a1(30(04:4d01)))", CKK_DES2, 16 },
        { "30(30() 30(04:01 a1(02:06)) a1(30(04:4d01)))", CKK_GENERIC_SECRET, 0 },
        { "a2(30() 30(04:01) a0(02:38))", CKK_DES, 8 }, { "a3(30() 30(04:01))", CKK_DES2, 16 },
        { "a4(30() 30(04:01) a0(02:00a8))", CKK_DES3, 24 }, { "a4(30() 30(04:01))", CKK_DES3, 24 },
        { "a4(30() 30(04:01) a0(02:70))", CKK_DES2, 16 },
        { "a4(30() 30(04:01) a0(02:0080))", CKK_DES2, 16 },
        { "a0(30() 30(04:01) a0(02:28))", CKK_RC2, 5 }, { "a1(30() 30(04:01))", CKK_RC4, 0 },
        { "a9(30() 30(04:01) a0(02:0080))", CKK_IDEA, 16 },
        { "ac(30() 30(04:01) a0(02:00f0))", CKK_JUNIPER, 30 },
        { "af(30() 30(04:01) a0(02:1000))", CKK_GENERIC_SECRET, 512 },
        { "af(30() 30(04:01) a0(02:1001))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(02:0102030405))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(04:10))", CKK_GENERIC_SECRET, 0 } };
    static const char *const none[] = { "ad(30() 30(04:01))", "ae(30() 30(04:01))",
        "31(30() 30(04:01))", "bf21(30() 30(04:01))", "81(30() 30(04:01))", "af(30())" };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        CHECK_ST(p15_take_secrets(cases[i].entry), ST_OK);
        const struct object *o = p15_object(CKO_SECRET_KEY, 1);
        CHECK(o && !o->unread && !o->private && !o->credential && !o->use);
        CHECK_EQ(o->secret_type, cases[i].type);
        CHECK_EQ(o->secret_len, cases[i].len);
        p15_end();
        if (test_failing) printf("    %s\n", cases[i].entry);
    }
    for (size_t i = 0; i < COUNT(none) && !test_failing; i++) {
        char text[100];                         // behind one that is
        snprintf(text, sizeof text, "a2(30() 30(04:02)) %s", none[i]);
        CHECK_ST(p15_take_secrets(text), ST_OK);
        CHECK(p15_object(CKO_SECRET_KEY, 2) && !p15_object(CKO_SECRET_KEY, 1));
        p15_end();
    }
}

TEST(p15object_what_a_secret_key_may_do)
{
    static const struct { const char *class; u32 use, access; } cases[] = {
        { "", 0, CARD_SENSITIVE },
        { "03:06c0", CARD_ENCRYPT | CARD_DECRYPT, CARD_SENSITIVE },
        { "03:020c 03:0780", CARD_WRAP | CARD_UNWRAP, CARD_SENSITIVE },
        { "03:0780 03:03b8", CARD_ENCRYPT,
          CARD_SENSITIVE | CARD_ALWAYS_SENSITIVE | CARD_NEVER_EXTRACTABLE | CARD_LOCAL },
        { "03:0640 03:0470", CARD_DECRYPT,
          CARD_SENSITIVE | CARD_EXTRACTABLE | CARD_ALWAYS_SENSITIVE },
        { "03:0520 03:0308", 0, CARD_LOCAL }, { "03:0520 03:0328", 0, CARD_LOCAL } };
    struct object *o;
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char text[100];
        snprintf(text, sizeof text, "a4(30(0c'x' 03:0780 04:01) 30(04:01 %s))", cases[i].class);
        CHECK_ST(p15_take_secrets(text), ST_OK);
        o = p15_object(CKO_SECRET_KEY, 1);
        CHECK(o && o->private && o->credential && !o->always_auth && o->label.n == 1);
        CHECK_EQ(o->use, cases[i].use);
        CHECK_EQ(o->access, cases[i].access);
        CHECK(!o->start[0] && !o->end[0]);
        p15_end();
        if (test_failing) printf("    %s\n", cases[i].class);
    }
    CHECK_ST(p15_take_secrets("a4(30(0c'x' 02:01 30(30(03:0780 05:) 30(03:070080 04:01))) 30(04:01 "
             "03:06c0 01:ff 02:07 18'20240229120000Z' 80'20301231235959Z') a1(30(30(04:4d07))))"
             "a4(30() 30(04:02 18'2024022' 80'2030x231'))"
             "a4(30() 30(04:03 18'2024-229' 80'        '))"), ST_OK);
    o = p15_object(CKO_SECRET_KEY, 1);
    CHECK(o && o->private && o->ref == 7);              // by the rule for enciphering
    CHECK(!memcmp(o->start, "20240229", 8) && !memcmp(o->end, "20301231", 8));
    CHECK_BYTES(((const struct p15_key *)o->state)->where.file.p, 2, "4d07");
    o = p15_object(CKO_SECRET_KEY, 2);
    CHECK(o && !o->start[0] && !o->end[0]);             // no days
    o = p15_object(CKO_SECRET_KEY, 3);
    CHECK(o && !o->start[0] && !o->end[0]);
    card_t->driver = &driver_generic;                   // which cannot work with it
    CHECK_EQ(p15object_secret_use(card_t, 0x33), 0);
    p15_end();
}

// The SKDF is read by a search that secret keys can match, once, and with TokenInfo.
TEST(p15object_secret_keys_are_read_for_who_may_want_them)
{
    static const CK_OBJECT_CLASS others[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE,
                                              CKO_DATA };
    struct query q = { .any_id = true };
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card' a2(30(02:01 02:1081)))");
    p15_file(0x4402, "30(30(0c'a') 30(04:01 18'20200101000000Z') a1(30(30(04:4b01) 02:0400)))");
    p15_file(0x4406, "30(30(0c'AES') 30(04:10 a1(02:01)) a1(30(30(04:4d01))))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    for (size_t i = 0; i < COUNT(others); i++) {
        q.class = others[i];
        CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    }
    CHECK(!memcmp(p15_object(CKO_PRIVATE_KEY, 1)->start, "20200101", 8));
    q.any_class = q.no_secret = true;
    CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    q = (struct query){ .class = CKO_SECRET_KEY, .any_id = true, .no_secret = true };
    CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    q.no_secret = false;
    ((struct p15 *)card_t->state)->info_read = false;
    sim_reader_fault(SIM_EJECT, 1, NULL);
    CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_CARD_REMOVED);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    p15_end();
    sim_reader_clear();
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    p15_seen[0] = 0;
    ((struct p15 *)card_t->state)->info_read = false;
    CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    const char *first = strstr(p15_seen, "4406");
    CHECK(first && !strstr(first + 1, "4406") && strstr(p15_seen, "5032"));
    CHECK_EQ(p15_object(CKO_SECRET_KEY, 0x10)->secret_type, CKK_AES);
    p15_seen[0] = 0;
    q.any_class = true;
    q.class = 0;
    CHECK_ST(p15object_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    p15_end();
}

// A certificate that the card refuses before the login is not asked for again until the login, and
// then its key learns of it.
TEST(p15object_certificates_that_are_refused_before_the_login)
{
    static const unsigned refusals[] = { 0x6985, 0x6986, 0x6982 };
    for (size_t i = 0; i < COUNT(refusals) && !test_failing; i++) {
        bool said = refusals[i] == 0x6982;              // for an attribute of the certificate
        p15_begin();
        p15_file(0x5031, P15_ODF);
        p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))");
        p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))");
        p15_certificate_file(0x3401, SIM_RSA1024);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        p15_card.odd = 0x3401;
        p15_card.sw = refusals[i];
        CHECK_ST(p15_take_all(card_t), said ? ST_NOT_LOGGED_IN : ST_OK);
        struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
        struct object *certificate = p15_object(CKO_CERTIFICATE, 1);
        CHECK_ST(p15object_read(&card_it, key, p15_scratch()), ST_OK);
        CHECK(key->key && key->key->bits == 1024 && !key->key->spki.n && key->unread);
        CHECK(certificate->unread && !certificate->x509);
        p15_seen[0] = 0;
        CHECK_ST(p15object_read(&card_it, key, p15_scratch()), ST_OK);
        if (!said) CHECK_ST(p15object_read(&card_it, certificate, p15_scratch()), ST_OK);
        CHECK(p15_sent(""));
        p15_card.odd = 0;
        card_t->login = true;
        card_t->login_epoch++;
        CHECK_ST(p15object_read(&card_it, key, p15_scratch()), ST_OK);
        CHECK(certificate->x509 && !certificate->unread);
        CHECK(key->key->spki.n && !key->unread && p15_object(CKO_PUBLIC_KEY, 1)->key == key->key);
        p15_end();
        if (test_failing) printf("    answer %04x\n", refusals[i]);
    }
}

// Where neither a public key's own file nor the certificate that is found after it gives a key, each
// was read once.
TEST(p15object_a_useless_public_key_is_read_once)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))");
    p15_file(0x4403, "30(30() 30(04:01) a1(30(30(04:3201) 02:0400)))");
    p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))");
    p15_file(0x3201, "30(02:01 02:03)");                // no key that is used
    p15_file(0x3401, "30(30(02:01))");                  // no certificate
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    const struct query keys = { .class = CKO_PRIVATE_KEY, .any_id = true, .logged_in = true };
    CHECK_ST(p15object_list(&card_it, card_t, &keys, p15_scratch()), ST_OK);
    p15_seen[0] = 0;
    CHECK_ST(p15object_read(&card_it, p15_object(CKO_PRIVATE_KEY, 1), p15_scratch()), ST_OK);
    const char *file = strstr(p15_seen, "3201"), *certificate = strstr(p15_seen, "3401");
    CHECK(file && certificate && file < certificate && !strstr(file + 1, "3201"));
    p15_end();
}

// The secret keys that it wrote onto a MyEID: AES by supportedAlgorithms, 3DES by its tag.
static void p15_check_made_secrets(void)
{
    static const struct { u8 id[2]; CK_KEY_TYPE type; u32 len; const char *label; } made[] = {
        { { 0x01, 0x28 }, CKK_AES, 16, "AES 128" }, { { 0x02, 0x56 }, CKK_AES, 32, "AES 256" },
        { { 0x11, 0x28 }, CKK_DES2, 16, "3DES 128" }, { { 0x11, 0x92 }, CKK_DES3, 24, "3DES 192" } };
    CHECK_EQ(p15_count(CKO_SECRET_KEY), COUNT(made));
    for (size_t i = 0; i < COUNT(made); i++) {
        const struct object *o = NULL;
        for (u32 j = 0; j < card_it.object_count; j++)
            if (bytes_equal(card_object_at(&card_it, j)->id, bytes_of(made[i].id, 2)))
                o = card_object_at(&card_it, j);
        CHECK(o && o->class == CKO_SECRET_KEY && o->private && !o->unread);
        CHECK(bytes_equal(o->label, bytes_text(made[i].label)));
        CHECK_EQ(o->secret_type, made[i].type);
        CHECK_EQ(o->secret_len, made[i].len);
        CHECK_EQ(o->use, CARD_ENCRYPT | CARD_DECRYPT);
        CHECK_EQ(o->access, CARD_SENSITIVE);
        CHECK_EQ(((const struct p15_key *)o->state)->where.file.n, 6);
    }
}

// What OpenSC's pkcs15-init wrote: four keys, their public halves and certificates, a data object.
static void p15_read_made(const char *name, unsigned which)
{
    p15_begin();
    p15_card.kind = which;
    CHECK(sim_files_load(&p15_card, name) > 10);
    p15_connect(1 << 20);
    if (test_failing) return;
    card_t->driver = which == 1 ? &driver_myeid : &driver_generic;
    CHECK_ST(card_t->driver->probe(&card_it, card_t, p15_scratch()), ST_OK);
    CHECK(!memcmp(card_t->label, "Made by pkcs15-init", 19));
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_count(CKO_PRIVATE_KEY) == 4 && p15_count(CKO_PUBLIC_KEY) == 4);
    CHECK(p15_count(CKO_CERTIFICATE) == 4 && p15_count(CKO_DATA) == 1);
    for (u8 id = 1; id <= 4; id++) {
        const struct object *private = p15_object(CKO_PRIVATE_KEY, id);
        const struct object *certificate = p15_object(CKO_CERTIFICATE, id);
        CHECK(private && certificate && private->private && certificate->x509);
        CHECK(private->key && bytes_equal(private->key->spki, certificate->x509->spki));
        CHECK_EQ(private->key->type, id % 2 ? ALG_RSA : ALG_EC);
        CHECK(private->use & CARD_SIGN && certificate->label.n);
    }
    for (u32 i = 0; i < card_it.object_count; i++) {
        const struct object *o = card_object_at(&card_it, i);
        if (o->class == CKO_DATA) CHECK_BYTES(o->value.p, o->value.n, "7769746e6573736564");
    }
    if (which == 1) p15_check_made_secrets();
}

TEST(p15object_files_that_opensc_wrote)
{
    static const char *const names[] = { "isoapplet", "myeid" };
    char path[80];
    for (unsigned which = 0; which < 2 && !test_failing; which++) {
        snprintf(path, sizeof path, "tests/data/p15_files/%s.txt", names[which]);
        p15_read_made(path, which);
        for (unsigned i = 0; i < p15_card.n; i++) free((void *)(uintptr_t)p15_card.file[i].p);
        p15_end();
    }
}

// Every allocation that can fail does, and no more than that comes of it. room: of the arena.
static st p15_take_in_room(size_t room, CK_OBJECT_CLASS first)
{
    char keys[1200], *at = keys;
    at += sprintf(at, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))"
                  "a0(30(0c'e') 30(04:05) a1(30(30(04:4b05) 06:2a8648ce3d030107)))");
    for (unsigned i = 2; i < CARD_OBJECT_PAGE; i++)     // a page of objects, and then one more
        at += sprintf(at, "30(30() 30(04:%02x) a1(30(30(04:) 02:0400)))", 0x40 + i);
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card')");
    p15_file(0x4401, P15_PIN);
    p15_file(0x4402, keys);
    p15_file(0x4403, "30(30(0c'b') 30(04:02) a1(30(a0(30(02:0100 02:03)))))"
             "a0(30(0c'c') 30(04:03) a1(30(a0(" P15_SPKI "))))");
    p15_file(0x4404, "30(30(0c'') 30(04:01) a1(30(30(04:3401))))"
             "30(30(0c'') 30(04:03) a1(30(30(04:3401))))");     // of another type than its key
    p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
    p15_file(0x4406, "a4(30(0c'3DES') 30(04:10) a1(30(30(04:4d01))))");
    p15_file(0x3500, "=0102");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing || !arena_alloc(&card_it.arena, 1 << 17, 1)) return ST_FAILED;
    card_it.arena.at = card_it.arena.end - room;
    card_it.arena.left = 0;
    st s = p15_take();
    if (!s) s = p15_take_in_order(card_t, first);
    p15_end();
    return s;
}

TEST(p15object_memory_ends_anywhere)
{
    static const CK_OBJECT_CLASS firsts[] = { CKO_DATA, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
                                              CKO_CERTIFICATE, CKO_SECRET_KEY };
    for (size_t i = 0; i < COUNT(firsts) && !test_failing; i++) {
        st s = ST_ARENA_FULL;
        for (size_t room = 0; s == ST_ARENA_FULL && room < 1 << 17 && !test_failing; room += 16)
            s = p15_take_in_room(room, firsts[i]);
        CHECK_ST(s, ST_OK);
    }
}

// The card is pulled at every command: that is said, and nothing else comes of it.
TEST(p15object_removed_at_every_command)
{
    static const CK_OBJECT_CLASS firsts[] = { CKO_PRIVATE_KEY, CKO_CERTIFICATE, CKO_PUBLIC_KEY,
                                              CKO_SECRET_KEY };
    for (size_t f = 0; f < COUNT(firsts); f++) {
        bool fired = true;
        for (unsigned n = 1; n < 60 && fired && !test_failing; n++) {
            p15_begin();
            p15_file(0x5031, P15_ODF);
            p15_file(0x5032, "30(02:00 04:01 80'Card' a5(18'20250101000000Z'))");
            p15_file(0x4401, P15_PIN);
            p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))"
                     "30(30(0c'b') 30(04:02) a1(30(30(04:4b02) 02:0400)))"
                     "30(30(0c'c') 30(04:03) a1(30(30(04:4b03) 02:0400)))"
                     "a0(30(0c'd') 30(04:04) a1(30(30(04:4b04))))");
            p15_file(0x4403, "30(30() 30(04:01) a1(30(a0(30(02:0100 02:03)))))"
                     "30(30() 30(04:02) a1(30(30(04:3302))))"
                     "a0(30() 30(04:04) a1(30(a0(" P15_SPKI "))))");
            p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))"
                     "30(30() 30(04:02) a1(30(30(04:3402)))) 30(30() 30(04:03) a1(30(30(04:3403))))"
                     "30(30() 30(04:04) a1(30(30(04:3401))))");
            p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
            p15_file(0x4406, "a4(30(0c'3DES') 30(04:10) a1(30(30(04:4d01))))");
            p15_file(0x3500, "=0102");
            p15_file(0x3402, "30(02:01)");
            p15_certificate_file(0x3401, SIM_RSA1024);
            p15_certificate_file(0x3403, SIM_P256A);
            p15_connect(1 << 20);
            if (test_failing) return;
            sim_reader_fault(SIM_EJECT, n, NULL);
            st s = p15_take();
            if (!s) s = p15token_open(&card_it, card_t, p15_scratch());
            if (!s) s = p15_take_in_order(card_t, firsts[f]);
            fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            CHECK_ST(s, fired ? ST_CARD_REMOVED : ST_OK);
            if (!fired) CHECK(p15_object(CKO_PRIVATE_KEY, 1)->key->spki.n);
            if (!fired) CHECK(!p15_object(CKO_PRIVATE_KEY, 3)->key->spki.n);
            p15_end();
        }
        CHECK(!fired);
    }
}

static void test_p15object(void)
{
    RUN(p15object_a_directory_of_everything);
    RUN(p15object_curves_that_are_not_told);
    RUN(p15object_halves_of_a_pair);
    RUN(p15object_entries_that_are_the_same);
    RUN(p15object_public_keys_of_every_form);
    RUN(p15object_without_an_id_is_no_pair);
    RUN(p15object_rare_entries);
    RUN(p15object_secret_keys_of_every_kind);
    RUN(p15object_what_a_secret_key_may_do);
    RUN(p15object_secret_keys_are_read_for_who_may_want_them);
    RUN(p15object_certificates_that_are_refused_before_the_login);
    RUN(p15object_a_useless_public_key_is_read_once);
    RUN(p15object_files_that_opensc_wrote);
    RUN(p15object_memory_ends_anywhere);
    RUN(p15object_removed_at_every_command);
}
