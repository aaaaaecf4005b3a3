// openpgpkey.c: >>openpgpkey, what it makes of answers; conversations with a whole card are in
// cards.c, those with recorded ones in traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_OPENPGP

#define OPENPGP_CHOOSE(n) "00a5" n "04 06 60045c027f21 > "
#define OPENPGP_CERTIFICATE "00ca7f21 000000 > "

static const char *openpgpkey_lines[12];

// A card that was probed, with more lines for what comes then.
static void openpgpkey_begin(const char *aid, const char *more, const char *const *lines)
{
    size_t n = 2;
    openpgpkey_lines[0] = OPENPGP_SELECT "9000";
    openpgpkey_lines[1] = openpgp_6e(OPENPGP_GET_6E, aid, more, false);
    while (*lines) openpgpkey_lines[n++] = *lines++;
    openpgpkey_lines[n] = NULL;
    openpgp_begin(openpgpkey_lines);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
}

static struct object *openpgpkey_object(CK_OBJECT_CLASS class, u32 i)
{
    for (u32 n = 0; n < card_it.object_count; n++) {
        struct object *object = card_object_at(&card_it, n);
        if (object->handle && object->class == class && object->ref == i + 1) return object;
    }
    return NULL;
}

static void openpgpkey_find(CK_OBJECT_CLASS class, const char *id)
{
    u8 one = id ? (u8)(*id - '0') : 0;
    struct query query = { .class = class, .any_id = !id, .id = bytes_of(&one, 1) };
    CHECK_ST(openpgpkey_list(&card_it, openpgp_token, &query, p15_scratch()), ST_OK);
}

// Keys are listed without a command: their kind and size are known.
TEST(openpgpkey_lists_keys)
{
    static const char *const none[] = { NULL };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("7f", "01") OPENPGP_REST "d8 02 0120", none);
    if (test_failing) return;
    openpgpkey_find(CKO_PRIVATE_KEY, "2");
    CHECK_EQ(card_it.object_count, 0);
    openpgpkey_find(CKO_PRIVATE_KEY, NULL);
    openpgpkey_find(CKO_PUBLIC_KEY, NULL);
    CHECK_EQ(card_it.object_count, 4);
    const struct object *sig = openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_SIG);
    const struct object *aut = openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_AUT);
    CHECK(sig && aut && !openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_DEC));
    CHECK(sig->unread && sig->private && sig->key->bits == 2048 && !sig->always_auth);
    CHECK(sig->use == CARD_SIGN && aut->use == CARD_SIGN && aut->type == ALG_EC);
    CHECK(sig->touch == SCARD11_TOUCH_UNKNOWN && aut->touch == SCARD11_TOUCH_ALWAYS);
    CHECK(!openpgpkey_object(CKO_PUBLIC_KEY, OPENPGP_SIG)->private);
    card_script_over();
}

// One signature for each PW1: its key wants that each time, under its own reference.
TEST(openpgpkey_signs_once)
{
    static const char *const none[] = { NULL };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_RSA_C1 "c4 07 007f7f7f030003" OPENPGP_C5, none);
    if (test_failing) return;
    openpgpkey_find(CKO_PRIVATE_KEY, "1");
    const struct object *sig = openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_SIG);
    CHECK(sig && sig->always_auth && sig->credential->reference == 0x81);
    CHECK(sig->credential->role == ROLE_SIGN && sig->credential->apart);
    card_script_over();
}

// What keys are for, by kind and by what the card can.
TEST(openpgpkey_uses)
{
    static struct openpgp o;
    static const struct { enum alg_type type; bool mse; u32 sig, dec, aut; } cases[] = {
        { ALG_RSA, false, CARD_SIGN, CARD_DECRYPT, CARD_SIGN },
        { ALG_RSA, true, CARD_SIGN, CARD_SIGN | CARD_DECRYPT, CARD_SIGN | CARD_DECRYPT },
        { ALG_EC, true, CARD_SIGN, CARD_DERIVE, CARD_SIGN },
        { ALG_EDWARDS, false, CARD_SIGN, 0, CARD_SIGN },
        { ALG_MONTGOMERY, false, 0, CARD_DERIVE, 0 } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        o.mse = cases[i].mse;
        for (u32 n = 0; n < OPENPGP_KEYS; n++) o.keys[n].key.type = cases[i].type;
        CHECK_EQ(openpgpkey_use(&o, OPENPGP_SIG), cases[i].sig);
        CHECK_EQ(openpgpkey_use(&o, OPENPGP_DEC), cases[i].dec);
        CHECK_EQ(openpgpkey_use(&o, OPENPGP_AUT), cases[i].aut);
    }
}

// Certificates by SELECT DATA, in each form; and where a card knows one.
TEST(openpgpkey_chooses_certificates)
{
    static const char *const plain[] = { OPENPGP_CHOOSE("02") "9000", OPENPGP_CERTIFICATE "6a88",
        OPENPGP_CHOOSE("01") "9000", OPENPGP_CERTIFICATE "9000", OPENPGP_CHOOSE("00") "9000",
        OPENPGP_CERTIFICATE "7f2100 9000", NULL };
    static const char *const length[] = { OPENPGP_CHOOSE("02") "6a80",
        "00a50204 07 0660045c027f21 > 9000", OPENPGP_CERTIFICATE "6a88",
        "00a50104 07 0660045c027f21 > 9000", OPENPGP_CERTIFICATE "9000",
        "00a50004 07 0660045c027f21 > 9000", OPENPGP_CERTIFICATE "300100 9000", NULL };
    static const char *const unknown[] = { OPENPGP_CHOOSE("02") "6d00", OPENPGP_CHOOSE("01") "6d00",
        OPENPGP_CHOOSE("00") "6d00", OPENPGP_CERTIFICATE "6a88", NULL };
    static const char *const old[] = { OPENPGP_CERTIFICATE "9000", NULL };
    static const char *const other[] = { OPENPGP_CHOOSE("02") "6a80", OPENPGP_CHOOSE("01") "6a88",
        OPENPGP_CHOOSE("00") "9000", OPENPGP_CERTIFICATE "9000", NULL };
    static const struct { const char *aid; const char *const *lines; } cases[] = {
        { OPENPGP_AID_A, plain }, { OPENPGP_AID_A, length }, { OPENPGP_AID_A, unknown },
        { "d2760001240102010006000000010000", old }, { "d2760001240103040005000000010000", other } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        openpgpkey_begin(cases[i].aid, OPENPGP_REST, cases[i].lines);
        if (test_failing) return;
        openpgpkey_find(CKO_CERTIFICATE, NULL);
        openpgpkey_find(CKO_CERTIFICATE, NULL);         // once is enough
        CHECK_EQ(card_it.object_count, 0);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// An error of the card is nothing known: the next search asks again.
TEST(openpgpkey_asks_again)
{
    static const char *const lines[] = { OPENPGP_CHOOSE("02") "9000", OPENPGP_CERTIFICATE "6581",
        OPENPGP_CHOOSE("02") "6f00", OPENPGP_CHOOSE("02") "9000", OPENPGP_CERTIFICATE "9000", NULL };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, lines);
    if (test_failing) return;
    for (int i = 0; i < 4; i++) openpgpkey_find(CKO_CERTIFICATE, "1");
    card_script_over();
}

#define OPENPGP_PUBLIC_AUT "00478100 000002 a400 0000 > "
#define OPENPGP_POINT "048fe62a4016ec2de8856829605c13e4848f3bf41bc00d47a8146e4b74b35690df" \
                      "2a7ce3aa2d6c0df923fab7e931653eb3ebdbe974b894102a5538b9caf7818cac"

// A public key without a certificate is read when it is asked for, on trust: what answers with a
// key of the right kind is the application. What does not is asked again, for certain.
TEST(openpgpkey_reads_public_keys)
{
    static const char *const good[] = { OPENPGP_PUBLIC_AUT "7f4943 8641" OPENPGP_POINT "9000", NULL };
    static const char *const lost[] = { OPENPGP_PUBLIC_AUT "6d00", OPENPGP_GET_4F "6d00",
        OPENPGP_SELECT "9000", OPENPGP_PUBLIC_AUT "7f4943 8641" OPENPGP_POINT "9000", NULL };
    static const char *const none[] = { OPENPGP_PUBLIC_AUT "6a88", OPENPGP_GET_4F OPENPGP_AID_A
        "9000", OPENPGP_PUBLIC_AUT "6a88", NULL };
    static const char *const small[] = { OPENPGP_PUBLIC_AUT "7f4904 86020400 9000", OPENPGP_GET_4F
        OPENPGP_AID_A "9000", OPENPGP_PUBLIC_AUT "7f4906 81020400 820103 9000", NULL };
    static const char *const error[] = { OPENPGP_PUBLIC_AUT "6581", OPENPGP_GET_4F OPENPGP_AID_A
        "9000", OPENPGP_PUBLIC_AUT "6581", NULL };
    static const struct { const char *const *lines; st want; bool known, unread; } cases[] = {
        { good, ST_OK, true, false }, { lost, ST_OK, true, false }, { none, ST_OK, false, false },
        { small, ST_OK, false, false }, { error, 0x6581, false, true } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, cases[i].lines);
        if (test_failing) return;
        openpgpkey_find(CKO_PRIVATE_KEY, "3");
        struct object *aut = openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_AUT);
        CHECK(aut);
        place_unsure(&card_it);
        CHECK_ST(openpgpkey_read(&card_it, aut, p15_scratch()), cases[i].want);
        CHECK(aut->unread == cases[i].unread && (aut->key->spki.n > 0) == cases[i].known);
        CHECK_EQ(openpgpkey_object(CKO_PUBLIC_KEY, OPENPGP_AUT)->unread, cases[i].unread);
        CHECK(aut->key->type == ALG_EC && aut->key->bits == 256);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// The three parts of cardholder data come with one command; 0103 wants the PIN, 0104 is not there.
TEST(openpgpkey_data)
{
    static const char *const lines[] = {
        "00ca0065 000000 > 6510 5b05 413c3c42 43 5f2d02 6465 5f3501 32 9000",
        "00ca5f50 000000 > 68747470 9000", "00ca0103 000000 > 6982", "00ca0102 000000 > 6a88",
        NULL };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("08", "00") OPENPGP_REST, lines);
    if (test_failing) return;
    openpgpkey_find(CKO_DATA, NULL);
    openpgpkey_find(CKO_DATA, NULL);
    CHECK_EQ(card_it.object_count, COUNT(openpgpkey_data_list));
    struct object *all[COUNT(openpgpkey_data_list)];
    for (u32 i = 0; i < COUNT(all); i++) CHECK((all[i] = card_object_at(&card_it, i))->unread);
    CHECK_ST(openpgpkey_read(&card_it, all[1], p15_scratch()), ST_OK);
    CHECK(bytes_equal(all[0]->value, bytes_text("A<<BC")) && !all[0]->unread);
    CHECK(bytes_equal(all[1]->value, bytes_text("de")) && bytes_equal(all[2]->value, bytes_text("2")));
    CHECK_ST(openpgpkey_read(&card_it, all[3], p15_scratch()), ST_OK);
    CHECK(bytes_equal(all[3]->value, bytes_text("http")) && all[4]->unread);
    CHECK(all[7]->private && all[7]->credential == card_pin(openpgp_token));
    CHECK_ST(openpgpkey_read(&card_it, all[7], p15_scratch()), ST_NOT_LOGGED_IN);
    CHECK(all[7]->unread);
    CHECK_ST(openpgpkey_read(&card_it, all[6], p15_scratch()), ST_OK);
    CHECK(!all[6]->value.n && !all[6]->unread);
    card_script_over();
    static const char *const none[] = { NULL };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("77", "00") OPENPGP_REST, none);
    if (test_failing) return;
    openpgpkey_find(CKO_DATA, NULL);
    CHECK_EQ(card_it.object_count, OPENPGPKEY_PRIVATE_DATA);
    card_script_over();
}

// A key that works without a check: its application was seen.
static struct object openpgpkey_at(u32 i, struct alg_key *key)
{
    return (struct object){ .handle = 1, .class = CKO_PRIVATE_KEY, .token = openpgp_token,
                            .ref = i + 1, .key = key, .type = key->type };
}

// What refusals of a signature mean.
TEST(openpgpkey_says_why_not)
{
    static const struct { const char *sw; u32 touch; const char *data; st want; } cases[] = {
        { "6982", 0, "30", ST_NOT_LOGGED_IN }, { "6600", 0, "30", ST_UNTOUCHED },
        { "6600", 3, "30", ST_UNTOUCHED }, { "6985", 2, "30", ST_UNTOUCHED },
        { "6985", 1, "30", ST_DATA }, { "6a80", 0, "30", ST_DATA },
        { "6a88", 0, "30", ST_FAILED }, { "6581", 0, "30", 0x6581 },
        { "6985", 0, "3021300906052b0e03021a05000414" "0102030405060708091011121314151617181920",
          ST_DATA },
        { "6985", 0, "3031300d060960864801650304020105000420"
          "0102030405060708091011121314151617181920212223242526272829303132", ST_FAILED } };
    static const char *const none[] = { NULL };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char line[200];
        const char *lines[] = { line, NULL };
        u8 room[256], out_room[300], data[64];
        size_t n = sim_script_hex(cases[i].data, cases[i].data + strlen(cases[i].data), data);
        struct buf block = buf_on(room, sizeof room), out = buf_on(out_room, sizeof out_room);
        struct alg_key key = { .type = ALG_RSA, .bits = 2048 };
        struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW, .made = ALG_PKCS1 };
        snprintf(line, sizeof line, "002a9e9a 0000%02zx %s 0000 > %s", n, cases[i].data, cases[i].sw);
        openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, lines);
        if (test_failing) return;
        struct object object = openpgpkey_at(OPENPGP_SIG, &key);
        object.touch = cases[i].touch;
        CHECK_ST(padding_pkcs1_sign(bytes_of(data, n), 256, &block), ST_OK);
        CHECK_ST(openpgpkey_sign(&card_it, &object, &use, buf_bytes(&block), p15_scratch(), &out),
                 cases[i].want);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, none);        // a block of PSS is not for it
    if (test_failing) return;
    u8 block[256] = { 0 }, room[300];
    struct alg_key key = { .type = ALG_RSA, .bits = 2048 };
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW, .made = ALG_PSS };
    struct object object = openpgpkey_at(OPENPGP_SIG, &key);
    struct buf out = buf_on(room, sizeof room);
    CHECK_ST(openpgpkey_sign(&card_it, &object, &use, bytes_of(block, 256), p15_scratch(), &out),
             ST_MECHANISM);
    card_script_over();
}

// EC signatures come as r || s, with zeros before them, or in DER; EdDSA's as they are.
TEST(openpgpkey_signs_with_curves)
{
#define OPENPGP_HASH "0102030405060708091011121314151617181920212223242526272829303132"
    static const struct { const char *line; enum alg_type type; st want; const char *signature; }
    cases[] = {
        { "00880000 20 " OPENPGP_HASH "00 > 00" OPENPGP_HASH "00" OPENPGP_HASH "9000", ALG_EC, ST_OK,
          OPENPGP_HASH OPENPGP_HASH },
        { "00880000 20 " OPENPGP_HASH "00 > " OPENPGP_HASH OPENPGP_HASH "9000", ALG_EC, ST_OK,
          OPENPGP_HASH OPENPGP_HASH },
        { "00880000 20 " OPENPGP_HASH "00 > " OPENPGP_HASH "9000", ALG_EC, ST_PROTOCOL, "" },
        { "00880000 20 " OPENPGP_HASH "00 > 6700", ALG_EC, ST_DATA_LEN, "" },
        { "00880000 20 " OPENPGP_HASH "00 > " OPENPGP_HASH OPENPGP_HASH "9000", ALG_EDWARDS, ST_OK,
          OPENPGP_HASH OPENPGP_HASH },
        { "00880000 20 " OPENPGP_HASH "00 > 00" OPENPGP_HASH OPENPGP_HASH "9000", ALG_EDWARDS,
          ST_PROTOCOL, "" } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *lines[] = { cases[i].line, NULL };
        u8 data[32], room[200];
        struct buf out = buf_on(room, sizeof room);
        bool ec = cases[i].type == ALG_EC;
        struct alg_key key = { .type = cases[i].type, .bits = 256,
                               .curve = alg_curve_named(ec ? "P-256" : "Ed25519") };
        struct alg_use use = { .type = cases[i].type, .scheme = ALG_RAW };
        sim_script_hex(OPENPGP_HASH, OPENPGP_HASH + 64, data);
        openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, lines);
        if (test_failing) return;
        struct object object = openpgpkey_at(OPENPGP_AUT, &key);
        CHECK_ST(openpgpkey_sign(&card_it, &object, &use, bytes_of(data, 32), p15_scratch(), &out),
                 cases[i].want);
        if (!cases[i].want) CHECK_BYTES(out.p, out.n, cases[i].signature);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// The certificate is one of an earlier key: what the card signs with its key is good all the same,
// and the key is shown as the card's from then on. Of the recording of SmartPGP.
TEST(openpgpkey_finds_that_a_certificate_is_old)
{
#define OPENPGP_SIGNS "00880000 20 91245de10a3c198a1bfa4a9ab2b96a006dcc45f4949c24e44d9f8a2be24346c0 00 > "
#define OPENPGP_SIGNED "7170e181dc75ed5b5b1839b45cad11fdc52b1545d5692b96592455a5c1e7dd7b" \
                       "371f5995745b918fcde6e7cd826e18523f3e9439eab0e35064397d643ed34878"
    static const char *const lines[] = { OPENPGP_SIGNS OPENPGP_SIGNED "9000",
        OPENPGP_GET_4F OPENPGP_AID_A "9000", OPENPGP_SIGNS OPENPGP_SIGNED "9000",
        OPENPGP_PUBLIC_AUT "7f4943 8641" OPENPGP_POINT "9000", OPENPGP_SIGNS OPENPGP_SIGNED "9000",
        OPENPGP_SIGNS OPENPGP_SIGNED "9000", NULL };
    static const char *const same[] = { OPENPGP_SIGNS "00" OPENPGP_HASH "00" OPENPGP_HASH "9000",
        OPENPGP_GET_4F OPENPGP_AID_A "9000",
        OPENPGP_SIGNS "00" OPENPGP_HASH "00" OPENPGP_HASH "9000",
        OPENPGP_PUBLIC_AUT "7f4943 8641" OPENPGP_POINT "9000", NULL };
    static const struct alg_use use = { .type = ALG_EC, .scheme = ALG_RAW };
    for (int old = 0; old < 2 && !test_failing; old++) {
        struct x509 x509;
        u8 room[200], hash[32], point[65];
        struct buf out = buf_on(room, sizeof room);
        CHECK_ST(cipher_start(), ST_OK);
        CHECK_ST(x509_parse(x509_samples[5].certificate, &x509), ST_OK);
        openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, old ? lines : same);
        if (test_failing) return;
        openpgpkey_find(CKO_PRIVATE_KEY, "3");
        struct object *aut = openpgpkey_object(CKO_PRIVATE_KEY, OPENPGP_AUT);
        struct openpgp_key *key = openpgpkey_of(aut);
        CHECK_ST(openpgpkey_learn(key, &x509), ST_OK);
        CHECK(key->x509 == &x509 && aut->x509 == &x509 && !aut->unread);
        sim_script_hex(OPENPGP_POINT, OPENPGP_POINT + 130, point);
        if (!old) key->key.point = arena_copy(&card_it.arena, bytes_of(point, 65));
        sim_script_hex(OPENPGP_SIGNS + 12, OPENPGP_SIGNS + 76, hash);
        place_unsure(&card_it);
        CHECK_ST(openpgpkey_sign(&card_it, aut, &use, bytes_of(hash, 32), p15_scratch(), &out),
                 old ? ST_OK : ST_PROTOCOL);
        if (old) {
            CHECK_BYTES(out.p, out.n, OPENPGP_SIGNED);
            CHECK(!key->x509 && !aut->x509 && bytes_equal(key->key.point, bytes_of(point, 65)));
            place_unsure(&card_it);
            CHECK_ST(openpgpkey_sign(&card_it, aut, &use, bytes_of(hash, 32), p15_scratch(), &out),
                     ST_OK);                            // on trust, by the right key
        }
        card_script_over();
    }
}

static void openpgpkey_deciphers(const char *const *lines, const char *last, u32 i,
                                 const char *curve, bool sure, st want, const char *secret)
{
    u8 in[65] = { 0x04 }, room[300];
    struct buf out = buf_on(room, sizeof room);
    struct alg_key key = { .type = ALG_MONTGOMERY, .bits = 256, .curve = alg_curve_named(curve) };
    char more[400];
    if (test_failing) return;
    snprintf(more, sizeof more, "c0 0a 7e 0000800480080000 %s" OPENPGP_REST, last);
    openpgpkey_begin(OPENPGP_AID_A, more, lines);
    if (test_failing) return;
    key.type = key.curve->type;
    struct object object = openpgpkey_at(i, &key);
    if (!sure) place_unsure(&card_it);
    size_t n = key.type == ALG_EC ? 65 : 32;
    memset(in + 1, 0x11, sizeof in - 1);
    CHECK_ST(openpgpkey_derive(&card_it, &object, bytes_of(in, n), p15_scratch(), &out), want);
    if (!want) CHECK_BYTES(out.p, out.n, secret);
    card_script_over();
}

#define OPENPGP_11 "1111111111111111111111111111111111111111111111111111111111111111"
#define OPENPGP_AGREE "002a8086 000048 a646 7f4943 8641 04" OPENPGP_11 OPENPGP_11 "0000 > "
#define OPENPGP_AGREE_25519 "002a8086 000027 a625 7f4922 8620 04" \
                            "11111111111111111111111111111111111111111111111111111111111111 0000 > "

// Keys are agreed on with a point in its template. What comes back cannot be checked: either the
// application was seen, or the key was set in the same transaction.
TEST(openpgpkey_derives)
{
    static const char *const sure[] = { OPENPGP_GET_4F OPENPGP_AID_A "9000",
        OPENPGP_AGREE OPENPGP_HASH "9000", NULL };
    static const char *const point[] = { OPENPGP_AGREE "04" OPENPGP_HASH OPENPGP_11 "9000", NULL };
    static const char *const mse[] = { "002241b8 03 830102 > 9000", OPENPGP_AGREE OPENPGP_HASH
        "9000", NULL };
    static const char *const lost[] = { "002241b8 03 830102 > 6d00", OPENPGP_GET_4F "6d00",
        OPENPGP_SELECT "9000", "002241b8 03 830102 > 9000", OPENPGP_AGREE OPENPGP_HASH "9000", NULL };
    static const char *const raw[] = { OPENPGP_AGREE_25519 OPENPGP_HASH "9000", NULL };
    static const char *const bad[] = { OPENPGP_AGREE OPENPGP_HASH "00 9000", NULL };
    static const char *const no[] = { OPENPGP_AGREE "6982", NULL };
    openpgpkey_deciphers(sure, "00", OPENPGP_DEC, "P-256", false, ST_OK, OPENPGP_HASH);
    openpgpkey_deciphers(point, "00", OPENPGP_DEC, "P-256", true, ST_OK, OPENPGP_HASH);
    openpgpkey_deciphers(mse, "01", OPENPGP_DEC, "P-256", false, ST_OK, OPENPGP_HASH);
    openpgpkey_deciphers(lost, "01", OPENPGP_DEC, "P-256", false, ST_OK, OPENPGP_HASH);
    openpgpkey_deciphers(raw, "00", OPENPGP_DEC, "X25519", true, ST_OK, OPENPGP_HASH);
    openpgpkey_deciphers(bad, "00", OPENPGP_DEC, "P-256", true, ST_PROTOCOL, "");
    openpgpkey_deciphers(no, "00", OPENPGP_DEC, "P-256", true, ST_NOT_LOGGED_IN, "");
}

// What was padded wrongly, and what a card says of it.
TEST(openpgpkey_decrypts)
{
    static const struct { const char *answer; st want; } cases[] = {
        { "686921 9000", ST_OK }, { "9000", ST_OK }, { "6a80", ST_CIPHER_DATA },
        { "6f00", ST_CIPHER_DATA }, { "6985", ST_CIPHER_DATA }, { "6600", ST_UNTOUCHED },
        { "6982", ST_NOT_LOGGED_IN }, { "6a88", ST_FAILED } };
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char line[700];
        const char *lines[] = { line, NULL };
        u8 in[128], room[300], plain_room[300];
        struct buf out = buf_on(room, sizeof room), plain = buf_on(plain_room, sizeof plain_room);
        struct alg_key key = { .type = ALG_RSA, .bits = 1024 };
        char *p = line + sprintf(line, "002a8086 000081 00");
        for (size_t n = 0; n < 128; n++) p += sprintf(p, "%02x", in[n] = (u8)n);
        sprintf(p, "0000 > %s", cases[i].answer);
        openpgpkey_begin(OPENPGP_AID_A, OPENPGP_REST, lines);
        if (test_failing) return;
        struct object object = openpgpkey_at(OPENPGP_DEC, &key);
        CHECK_ST(openpgpkey_decrypt(&card_it, &object, NULL, bytes_of(in, 128), p15_scratch(), &out),
                 cases[i].want);
        if (!cases[i].want) CHECK_ST(padding_pkcs1_open(buf_bytes(&out), &plain), ST_OK);
        CHECK_EQ(plain.n, i ? 0u : 3u);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// A key that does the other one's job: it is set for that, and from then on the own one is, too;
// each time where nobody checks what comes back, unless no other program can have set another.
TEST(openpgpkey_swaps_keys)
{
    static const char *const lines[] = {
        "002241a4 03 830102 > 9000", "00880000 000001 30 0000 > 6985",
        "002241a4 03 830103 > 9000", "00880000 000001 30 0000 > 6985",
        "002241a4 03 830103 > 9000", "00880000 000001 30 0000 > 6985",
        "00880000 000001 30 0000 > 6985", NULL };
    static const u32 keys[] = { OPENPGP_DEC, OPENPGP_AUT, OPENPGP_AUT, OPENPGP_AUT };
    u8 room[256], out_room[300];
    struct buf block = buf_on(room, sizeof room), out = buf_on(out_room, sizeof out_room);
    struct alg_key key = { .type = ALG_RSA, .bits = 2048 };
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW, .made = ALG_PKCS1 };
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("7e", "01") OPENPGP_REST, lines);
    if (test_failing) return;
    CHECK_ST(padding_pkcs1_sign(BYTES(0x30), 256, &block), ST_OK);
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct object object = openpgpkey_at(keys[i], &key);
        card_it.link.exclusive = i == 3;
        CHECK_ST(openpgpkey_sign(&card_it, &object, &use, buf_bytes(&block), p15_scratch(), &out),
                 ST_DATA);
    }
    card_it.link.exclusive = false;
    card_script_over();
}

// Random numbers of the card where it says that it has some, else of the host.
TEST(openpgpkey_random_numbers)
{
    static const char *const card[] = { "00840000 08 > 0102030405060708 9000", NULL };
    static const char *const none[] = { NULL };
    u8 got[8];
    CHECK_ST(cipher_start(), ST_OK);
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("40", "00") OPENPGP_REST, card);
    if (test_failing) return;
    CHECK_ST(openpgpkey_random(&card_it, openpgp_token, got, sizeof got), ST_OK);
    CHECK_BYTES(got, 8, "0102030405060708");
    card_script_over();
    openpgpkey_begin(OPENPGP_AID_A, OPENPGP_C0("3f", "00") OPENPGP_REST, none);
    if (test_failing) return;
    CHECK_ST(openpgpkey_random(&card_it, openpgp_token, got, sizeof got), ST_OK);
    card_script_over();
}
#endif

static void test_openpgpkey(void)
{
#if SCARD11_OPENPGP
    RUN(openpgpkey_lists_keys);
    RUN(openpgpkey_signs_once);
    RUN(openpgpkey_uses);
    RUN(openpgpkey_chooses_certificates);
    RUN(openpgpkey_asks_again);
    RUN(openpgpkey_reads_public_keys);
    RUN(openpgpkey_data);
    RUN(openpgpkey_says_why_not);
    RUN(openpgpkey_signs_with_curves);
    RUN(openpgpkey_finds_that_a_certificate_is_old);
    RUN(openpgpkey_derives);
    RUN(openpgpkey_decrypts);
    RUN(openpgpkey_swaps_keys);
    RUN(openpgpkey_random_numbers);
#endif
}
