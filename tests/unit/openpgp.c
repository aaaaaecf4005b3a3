// openpgp.c: >>openpgp, what it makes of answers; conversations with a whole card are in cards.c,
// those with recorded ones in traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_OPENPGP

#define OPENPGP_SELECT "00a40400 06 d27600012401 00 > "
#define OPENPGP_GET_6E "00ca006e 000000 > "
#define OPENPGP_GET_4F "00ca004f 00 > "
#define OPENPGP_AID_A  "d2760001240103040006123456780000"   // version 3.4, Yubico, 12345678
#define OPENPGP_RSA_C1 "c1 06 010800001100"
#define OPENPGP_P256_C3 "c3 09 132a8648ce3d030107"
#define OPENPGP_C4     "c4 07 017f7f7f030003"
#define OPENPGP_C5     "c5 3c 0102030405060708090a0b0c0d0e0f1011121314" \
                       "0000000000000000000000000000000000000000" \
                       "a10203a405060708090a0b0c0d0e0f1011121314"
#define OPENPGP_REST   OPENPGP_RSA_C1 "c2 06 010800001100" OPENPGP_P256_C3 OPENPGP_C4 OPENPGP_C5
#define OPENPGP_C0(first, last) "c0 0a " first " 000080 0480 0800 00 " last

static char openpgp_lines[4][2000];
static struct token *const openpgp_token = &card_it.tokens[0];

static struct openpgp *openpgp_it(void)
{
    return openpgp_token->state;
}

// An answer to GET DATA 6E: an AID, and what is in 73; bare: without the outermost tag.
static const char *openpgp_6e(const char *command, const char *aid, const char *more, bool bare)
{
    static u8 in[1000], inner[800], out[1000];
    struct buf whole = buf_on(in, sizeof in), all = buf_on(out, sizeof out);
    static unsigned turn;
    char *line = openpgp_lines[turn++ % COUNT(openpgp_lines)];
    size_t n = sim_script_hex(aid, aid + strlen(aid), inner);
    tlv_put(&whole, 0x4f, bytes_of(inner, n));
    tlv_put(&whole, 0x5f52, BYTES(0x00, 0x31, 0xc5));
    n = sim_script_hex(more, more + strlen(more), inner);
    tlv_put(&whole, 0x73, bytes_of(inner, n));
    if (bare) buf_put(&all, buf_bytes(&whole));
    else      tlv_put(&all, 0x6e, buf_bytes(&whole));
    char *p = line + sprintf(line, "%s", command);
    for (size_t i = 0; i < all.n; i++) p += sprintf(p, "%02x", all.p[i]);
    sprintf(p, " 9000");
    return line;
}

static void openpgp_begin(const char *const *lines)
{
    card_script(lines);
    openpgp_token->driver = &driver_openpgp;
    card_it.token_count = 1;
}

// A card that says so of itself, probed. Where the test needs no more, it ends here.
static void openpgp_probed(const char *aid, const char *more, bool bare)
{
    static const char *lines[3];
    lines[0] = OPENPGP_SELECT "9000";
    lines[1] = openpgp_6e(OPENPGP_GET_6E, aid, more, bare);
    openpgp_begin(lines);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
}

// SELECT and 6E: that is all, and tells all of C_GetTokenInfo.
TEST(openpgp_tells_what_it_is)
{
    openpgp_probed(OPENPGP_AID_A, OPENPGP_C0("7f", "01") OPENPGP_REST, false);
    if (test_failing) return;
    const struct openpgp *o = openpgp_it();
    CHECK(!strcmp(openpgp_token->label, "OpenPGP 12345678"));
    CHECK(!strcmp(openpgp_token->serial, "12345678") && !strcmp(openpgp_token->maker, "Yubico"));
    CHECK(openpgp_token->firmware.major == 3 && openpgp_token->firmware.minor == 4);
    CHECK(o->mse && o->abilities == 0x7f && o->version == 0x0304);
    CHECK(o->mark.known && o->identity.known && o->identity.unique && card_it.sure);
    CHECK(o->keys[OPENPGP_SIG].there && !o->keys[OPENPGP_DEC].there && o->keys[OPENPGP_AUT].there);
    CHECK_EQ(openpgp_token->key_types, CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC));
    CHECK_ST(openpgp_read_tries(&card_it, openpgp_token, p15_scratch()), ST_OK);    // no command
    card_script_over();
}

// The passwords: two references of one; who unblocks; what a card says of lengths and tries.
TEST(openpgp_passwords)
{
    static const struct { const char *state; u8 max, puk, puk_max; int tries, puk_tries; bool apart; }
    cases[] = {
        { "c4 07 017f7f7f030003", 64, 0x83, 64, 3, 3, false },
        { "c4 07 002020a0020301", 32, 0x83, 32, 2, 1, true },   // a bit says that PIN blocks do, too
        { "c4 07 01100c0c000200", 16, 0x81, 12, 0, 2, false },  // PW3 is blocked: resetting code
        { "c4 07 01100c0c000000", 16, 0x83, 12, 0, 0, false },
        { "c4 03 000000", 64, 0x83, 64, -1, -1, true },
        { "", 64, 0x83, 64, -1, -1, false },
    };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char more[300];
        snprintf(more, sizeof more, "%s", cases[i].state);
        openpgp_probed(OPENPGP_AID_A, more, false);
        if (test_failing) return;
        const struct credential *pin = card_pin(openpgp_token);
        const struct credential *sign = card_credential(openpgp_token, ROLE_SIGN);
        const struct credential *puk = card_credential(openpgp_token, ROLE_PUK);
        bool code = cases[i].puk == 0x81;
        CHECK(pin->reference == 0x82 && pin->set_by == 0x81 && sign->reference == 0x81);
        CHECK(sign->same_as == 1 && sign->apart == cases[i].apart);
        CHECK(pin->min == 6 && pin->max == cases[i].max && !pin->ask);
        CHECK_EQ(pin->tries, cases[i].tries);
        CHECK(puk->min == 8 && puk->max == cases[i].puk_max && puk->presented == !code);
        CHECK_EQ(puk->tries, cases[i].puk_tries);
        CHECK_EQ(puk->unblock_by, code ? UNBLOCK_TOGETHER : UNBLOCK_APART);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Cards leave the tag of 6E out, lengths inside are wrong, and what is not told is not there.
TEST(openpgp_reads_what_cards_make_of_6e)
{
    static const char wrong[] = OPENPGP_GET_6E
        "6e 38 4f10 " OPENPGP_AID_A "73 7f c00a 7f000080048008000000 c106 010800001100"
        "c407 017f7f7f030003 9000";                     // 73 says that it is longer than 6E
    static const char *const lines[] = { OPENPGP_SELECT "9000", wrong, NULL };
    openpgp_probed(OPENPGP_AID_A, OPENPGP_C0("7f", "00") OPENPGP_REST, true);
    if (test_failing) return;
    CHECK(!openpgp_it()->mse && openpgp_it()->keys[OPENPGP_AUT].there);
    card_script_over();
    openpgp_begin(lines);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
    CHECK_EQ(card_pin(openpgp_token)->tries, 3);
    CHECK(!openpgp_it()->keys[OPENPGP_SIG].there);      // neither fingerprint nor date
    card_script_over();
}

// What says yes to any AID, what has another 6E, and what nests for ever.
TEST(openpgp_is_not_any_card)
{
    static char nests[4000];
    static const char *const answers[] = { OPENPGP_GET_6E "6a88", OPENPGP_GET_6E "9000",
        OPENPGP_GET_6E "6e00 9000", OPENPGP_GET_6E "6e12 4f10 a0000000030000100001000000000000 9000",
        OPENPGP_GET_6E "6e11 4f0f d27600012401030400061234567800 9000", nests };
    char *p = nests + sprintf(nests, OPENPGP_GET_6E);
    for (int i = 0; i < 400; i++) p += sprintf(p, "%s", i % 2 ? "73 8201f0" : "6e 8201f4");
    sprintf(p, " 9000");
    for (size_t i = 0; i < COUNT(answers) && !test_failing; i++) {
        const char *lines[] = { OPENPGP_SELECT "9000", answers[i], NULL };
        openpgp_begin(lines);
        if (test_failing) return;
        unit_tlvs = 0;
        CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_NOT_MINE);
        CHECK(unit_tlvs < 20);
        card_script_over();
    }
    static const char *const no[] = { OPENPGP_SELECT "6a82", NULL };
    openpgp_begin(no);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_NOT_MINE);
    card_script_over();
}

// A hundred of each data object make no more work than is in the answer.
TEST(openpgp_many_data_objects)
{
    static char more[1500];
    char *p = more;
    for (int i = 0; i < 100; i++) p += sprintf(p, "c10101c40100");
    openpgp_probed(OPENPGP_AID_A, more, false);
    if (test_failing) return;
    CHECK(unit_tlvs < 10000);
    CHECK_EQ(openpgp_it()->keys[0].key.type, ALG_NONE);
    card_script_over();
}

// Another program is logged in: the application is asked before it is selected.
TEST(openpgp_looks_without_select)
{
    const char *there[] = { OPENPGP_GET_4F OPENPGP_AID_A "9000",
        openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C4, false), NULL };
    const char *elsewhere[] = { OPENPGP_GET_4F "a000000308000010000100 9000",
        OPENPGP_SELECT "9000", there[1], NULL };
    const char *const *const cases[] = { there, elsewhere };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        openpgp_begin(cases[i]);
        if (test_failing) return;
        CHECK_ST(openpgp_selected(&card_it, openpgp_token, p15_scratch()), i ? ST_NOT_FOUND : ST_OK);
        CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
        CHECK(card_it.sure && card_it.current == openpgp_token);
        card_script_over();
    }
}

static void openpgp_algorithm(const char *hex, enum alg_type type, u32 bits, const char *curve)
{
    u8 room[64];
    struct alg_key key;
    size_t n = sim_script_hex(hex, hex + strlen(hex), room);
    openpgp_parse_algorithm(bytes_of(room, n), &key);
    CHECK_EQ(key.type, type);
    CHECK_EQ(key.bits, type == ALG_NONE ? key.bits : bits);
    CHECK(curve ? key.curve == alg_curve_named(curve) : !key.curve);
    if (test_failing) printf("    %s\n", hex);
}

// Algorithm attributes in each form that a card has given them.
TEST(openpgp_algorithms)
{
    openpgp_algorithm("01 0800 0011 03", ALG_RSA, 2048, NULL);
    openpgp_algorithm("01 1000 0020 00", ALG_RSA, 4096, NULL);
    openpgp_algorithm("01 0c00 0011", ALG_RSA, 3072, NULL);
    openpgp_algorithm("01 0400", ALG_RSA, 1024, NULL);
    openpgp_algorithm("01 08", ALG_NONE, 0, NULL);
    openpgp_algorithm("01 0801 0011 00", ALG_NONE, 0, NULL);
    openpgp_algorithm("01 2000 0011 00", ALG_NONE, 0, NULL);
    openpgp_algorithm("13 2a8648ce3d030107", ALG_EC, 256, "P-256");
    openpgp_algorithm("13 2a8648ce3d030107 ff", ALG_EC, 256, "P-256");
    openpgp_algorithm("12 2a8648ce3d030107 00", ALG_EC, 256, "P-256");
    openpgp_algorithm("13 2a8648ce3d030107 5a", ALG_EC, 256, "P-256");
    openpgp_algorithm("13 2a8648ce3d030107 0000", ALG_NONE, 0, NULL);
    openpgp_algorithm("13 2b81040022", ALG_EC, 384, "P-384");
    openpgp_algorithm("12 2b81040023 ff", ALG_EC, 521, "P-521");
    openpgp_algorithm("13 2b8104000a", ALG_EC, 256, "secp256k1");
    openpgp_algorithm("13 2b2403030208010107", ALG_EC, 256, "brainpoolP256r1");
    openpgp_algorithm("13 2b240303020801010b ff", ALG_EC, 384, "brainpoolP384r1");
    openpgp_algorithm("12 2b240303020801010d", ALG_EC, 512, "brainpoolP512r1");
    openpgp_algorithm("16 2b06010401da470f01", ALG_EDWARDS, 255, "Ed25519");
    openpgp_algorithm("16 2b06010401da470f01 ff", ALG_EDWARDS, 255, "Ed25519");
    openpgp_algorithm("16 2b6570", ALG_EDWARDS, 255, "Ed25519");
    openpgp_algorithm("12 2b060104019755010501", ALG_MONTGOMERY, 255, "X25519");
    openpgp_algorithm("12 2b060104019755010501 00", ALG_MONTGOMERY, 255, "X25519");
    openpgp_algorithm("16 2b6571", ALG_NONE, 0, NULL);              // Ed448
    openpgp_algorithm("13", ALG_NONE, 0, NULL);
    openpgp_algorithm("11 0800", ALG_NONE, 0, NULL);                // DSA
    openpgp_algorithm("", ALG_NONE, 0, NULL);
}

// Which keys there are: "key information" tells, where there is some; how they came there, too.
TEST(openpgp_keys_that_are_there)
{
    openpgp_probed(OPENPGP_AID_A, OPENPGP_REST "de 06 010202010300 d6 02 0020 d7 02 0120 d8 02 0420",
                   false);
    if (test_failing) return;
    const struct openpgp_key *keys = openpgp_it()->keys;
    CHECK(keys[0].there && keys[1].there && !keys[2].there);
    CHECK(!(keys[0].access & CARD_LOCAL) && keys[1].access & CARD_NEVER_EXTRACTABLE);
    CHECK(keys[0].touch == SCARD11_TOUCH_NEVER && keys[1].touch == SCARD11_TOUCH_ALWAYS);
    CHECK_EQ(keys[2].touch, SCARD11_TOUCH_CACHED);
    card_script_over();
    openpgp_probed("d2760001240103040005000000000000", OPENPGP_RSA_C1 OPENPGP_C4
                   "cd 0c 00000000 00000000 00000000", false);
    if (test_failing) return;
    CHECK(!openpgp_it()->keys[0].there && !openpgp_it()->identity.unique);
    CHECK_EQ(openpgp_it()->keys[0].touch, SCARD11_TOUCH_UNKNOWN);
    card_script_over();
    openpgp_probed("d2760001240103040005000000000000", OPENPGP_RSA_C1 OPENPGP_C4
                   "cd 0c 60000000 00000000 00000000", false);
    if (test_failing) return;
    CHECK(openpgp_it()->keys[0].there && openpgp_it()->identity.unique);
    card_script_over();
    // A key that nobody gave a fingerprint or a date does not tell its card from another.
    openpgp_probed("d2760001240103040005000000000000", OPENPGP_RSA_C1 OPENPGP_C4
                   "cd 0c 00000000 00000000 00000000 de 06 010102000300", false);
    if (test_failing) return;
    CHECK(openpgp_it()->keys[0].there && !openpgp_it()->identity.unique);
    card_script_over();
}

// What ends a login, by version and maker.
TEST(openpgp_ends_logins)
{
    static const struct { const char *aid; u8 by; } cases[] = {
        { "d2760001240103040005000000010000", LOGOUT_VERIFY_FF },
        { "d2760001240103010005000000010000", LOGOUT_VERIFY_FF },
        { "d2760001240103000005000000010000", LOGOUT_RESET },
        { "d276000124010200f517000000010000", LOGOUT_RESET },
        { "d2760001240102010006000000010000", LOGOUT_SELECT },
        { "d2760001240103040006000000010000", LOGOUT_VERIFY_FF } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        openpgp_probed(cases[i].aid, OPENPGP_REST, false);
        if (test_failing) return;
        for (u32 n = 0; n < openpgp_token->credential_count; n++)
            CHECK_EQ(openpgp_token->credentials[n].logout_by, cases[i].by);
        card_script_over();
    }
}

#define OPENPGP_GET_F9 "00ca00f9 00 > "
#define OPENPGP_KDF "8101038201088304000186a08408303132333435363785083837363534333231" \
                    "86086162636465666768"

static void openpgp_kdf(const char *const *lines, const char *abilities, st want, bool derived)
{
    static const char *all[8];
    size_t n = 2;
    char more[400];
    snprintf(more, sizeof more, "c0 0a %s 000080048008000000" OPENPGP_REST, abilities);
    all[0] = OPENPGP_SELECT "9000";
    all[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, more, false);
    while (*lines) all[n++] = *lines++;
    all[n] = NULL;
    openpgp_begin(all);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_OK);
    place_unsure(&card_it);                     // another transaction
    st s = openpgp_learn(&card_it, openpgp_token, p15_scratch());
    if (!s) s = place_be_sure(&card_it, openpgp_token, p15_scratch());  // as secret_send does
    CHECK_ST(s, want);
    CHECK_EQ(openpgp_token->credentials[0].kdf != NULL, derived);
    CHECK(want || card_it.sure);
}

// The KDF-DO is read where the card may have one, once in each transaction; and shows that the
// application is there.
TEST(openpgp_learns_how_passwords_are_made)
{
    static const char *const no_bit[] = { OPENPGP_GET_4F OPENPGP_AID_A "9000", NULL };
    static const char *const lost[] = { OPENPGP_GET_4F "6d00", OPENPGP_SELECT "9000", NULL };
    static const char *const off[] = { OPENPGP_GET_F9 "810100 9000", NULL };
    static const char *const wrapped[] = { OPENPGP_GET_F9 "f903810100 9000", NULL };
    static const char *const on[] = { OPENPGP_GET_F9 OPENPGP_KDF "9000", NULL };
    static const char *const one_salt[] = { OPENPGP_GET_F9 "81010382010a8304000000108408"
                                            "3031323334353637 9000", NULL };
    static const char *const none[] = { OPENPGP_GET_F9 "6a88", OPENPGP_GET_4F OPENPGP_AID_A "9000",
                                        OPENPGP_GET_F9 "6a88", NULL };
    static const char *const set_later[] = { OPENPGP_GET_F9 "810100 9000",
                                             OPENPGP_GET_F9 OPENPGP_KDF "9000", NULL };
    static const char *const none_twice[] = { OPENPGP_GET_F9 "9000", OPENPGP_GET_4F OPENPGP_AID_A
        "9000", OPENPGP_GET_F9 "9000", OPENPGP_GET_4F OPENPGP_AID_A "9000",
        OPENPGP_GET_F9 "9000", NULL };
    static const char *const elsewhere[] = { OPENPGP_GET_F9 "9000", OPENPGP_GET_4F "6d00",
                                             OPENPGP_SELECT "9000", OPENPGP_GET_F9 "810100 9000", NULL };
    openpgp_kdf(no_bit, "7e", ST_OK, false);
    if (!test_failing) card_script_over();
    openpgp_kdf(lost, "7e", ST_OK, false);
    if (!test_failing) card_script_over();
    openpgp_kdf(off, "7f", ST_OK, false);
    if (test_failing) return;
    CHECK_ST(openpgp_learn(&card_it, openpgp_token, p15_scratch()), ST_OK);     // no command
    card_script_over();
    openpgp_kdf(set_later, "7f", ST_OK, false);
    if (test_failing) return;
    place_unsure(&card_it);
    card_it.link.turns++;
    CHECK_ST(openpgp_learn(&card_it, openpgp_token, p15_scratch()), ST_OK);
    CHECK(card_it.sure && openpgp_token->credentials[0].kdf);
    card_script_over();
    openpgp_kdf(none_twice, "7f", ST_OK, false);
    if (test_failing) return;
    place_unsure(&card_it);
    card_it.link.turns++;
    CHECK_ST(openpgp_learn(&card_it, openpgp_token, p15_scratch()), ST_OK);
    card_script_over();
    openpgp_kdf(wrapped, "7f", ST_OK, false);
    if (!test_failing) card_script_over();
    openpgp_kdf(on, "7f", ST_OK, true);
    if (test_failing) return;
    const struct card_kdf *kdf = openpgp_token->credentials[0].kdf;
    CHECK(kdf->count == 100000 && kdf->hash == alg_hash_find(CKM_SHA256));
    CHECK(bytes_equal(kdf->salt, bytes_text("01234567")));
    CHECK(card_credential(openpgp_token, ROLE_SIGN)->kdf == kdf);
    CHECK(bytes_equal(card_credential(openpgp_token, ROLE_PUK)->kdf->salt, bytes_text("abcdefgh")));
    card_script_over();
    openpgp_kdf(one_salt, "7f", ST_OK, true);
    if (test_failing) return;
    kdf = card_credential(openpgp_token, ROLE_PUK)->kdf;
    CHECK(bytes_equal(kdf->salt, bytes_text("01234567")) && kdf->hash->size == 64);
    card_script_over();
    openpgp_kdf(none, "7f", ST_OK, false);
    if (!test_failing) card_script_over();
    openpgp_kdf(elsewhere, "7f", ST_OK, false);
    if (!test_failing) card_script_over();
}

// What cannot be made is not sent: a wrong password would cost a try.
TEST(openpgp_kdf_that_is_not_known)
{
    static const char *const answers[] = {
        OPENPGP_GET_F9 "810103820109830400000010840830313233343536379000",      // SHA-384
        OPENPGP_GET_F9 "81010382010883020010840830313233343536379000",
        OPENPGP_GET_F9 "810103820108830404000000840830313233343536379000",      // too long
        OPENPGP_GET_F9 "8101038201088304000000109000",                          // no salt
        OPENPGP_GET_F9 "810103820108830400000010840090 00",
        OPENPGP_GET_F9 "81010382010883040000001084113031323334353637383930313233343536 9000" };
    for (size_t i = 0; i < COUNT(answers) && !test_failing; i++) {
        const char *lines[] = { answers[i], NULL };
        openpgp_kdf(lines, "7f", ST_PROTOCOL, false);
        if (!test_failing) card_script_over();
    }
    static const char *const other[] = { OPENPGP_GET_F9 "810107 9000", OPENPGP_GET_4F OPENPGP_AID_A
                                         "9000", OPENPGP_GET_F9 "810107 9000", NULL };
    static const char *const error[] = { OPENPGP_GET_F9 "6581", OPENPGP_GET_4F OPENPGP_AID_A "9000",
                                         OPENPGP_GET_F9 "6581", NULL };
    openpgp_kdf(other, "7f", ST_PROTOCOL, false);
    if (!test_failing) card_script_over();
    openpgp_kdf(error, "7f", 0x6581, false);
    if (!test_failing) card_script_over();
}

// What is made of a password goes to the card from the first time on, and under both references.
TEST(openpgp_sends_what_is_made)
{
#define OPENPGP_MADE "773784a602b6c81e3f092f4d7d00e17cc822d88f7360fcf2d2ef2d9d901f44b6"
#define OPENPGP_MADE_OF_PW3 "60126c784c62db298474ee156377de6eaf0865e1882af8f27fa348115ddbcb58"
    static const char *lines[] = { OPENPGP_SELECT "9000", NULL, OPENPGP_GET_F9 OPENPGP_KDF "9000",
        "00200082 20 " OPENPGP_MADE " > 9000", "00200081 20 " OPENPGP_MADE " > 9000",
        "00200083 20 " OPENPGP_MADE_OF_PW3 " > 9000", "002c0281 20 " OPENPGP_MADE " > 9000", NULL };
    lines[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_C0("7f", "00") OPENPGP_REST, false);
    openpgp_begin(lines);
    if (test_failing) return;
    struct scratch s = p15_scratch();
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, s), ST_OK);
    struct credential *pin = card_pin(openpgp_token), *puk = card_credential(openpgp_token, ROLE_PUK);
    CHECK_ST(secret_login(&card_it, openpgp_token, pin, bytes_text("123456"), s), ST_OK);
    CHECK_ST(secret_unblock(&card_it, openpgp_token, puk, pin, bytes_text("12345678"),
                            bytes_text("123456"), s), ST_OK);
    card_script_over();
}

// A wrong password with nothing but 6982: C4 tells the tries, and that it was the last.
TEST(openpgp_counts_again)
{
    static const char *lines[] = { OPENPGP_SELECT "9000", NULL, "00200082 06 313233343536 > 6982",
        "00ca00c4 00 > 017f7f7f020003 9000", "00200083 08 3132333435363738 > 6982",
        "00ca00c4 00 > c407017f7f7f020002 9000", "00240081 0c 313233343536 363534333231 > 6982",
        "00ca00c4 00 > 017f7f7f000002 9000", "00200083 08 3132333435363738 > 6982",
        "00ca00c4 00 > 6581", "00ca00c4 00 > 017f7f7f000001 9000", NULL };
    lines[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_REST, false);
    openpgp_begin(lines);
    if (test_failing) return;
    struct scratch s = p15_scratch();
    bytes p = bytes_text("123456"), q = bytes_text("654321"), a = bytes_text("12345678");
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, s), ST_OK);
    struct credential *pin = card_pin(openpgp_token), *puk = card_credential(openpgp_token, ROLE_PUK);
    CHECK_ST(secret_login(&card_it, openpgp_token, pin, p, s), ST_PIN_INCORRECT);
    CHECK(pin->tries == 2 && pin->tries_max == 3 && puk->tries == 3);
    CHECK_ST(secret_login_puk(&card_it, openpgp_token, puk, a, s), ST_PIN_INCORRECT);
    CHECK(pin->tries == 2 && puk->tries == 2);
    CHECK_ST(secret_change(&card_it, openpgp_token, pin, p, q, s), ST_PIN_LOCKED);
    CHECK_EQ(card_credential(openpgp_token, ROLE_SIGN)->tries, 0);
    openpgp_token->opened = true;
    CHECK_ST(secret_login_puk(&card_it, openpgp_token, puk, a, s), ST_PIN_INCORRECT);
    CHECK(puk->tries == -1 && !openpgp_token->opened);      // C_GetTokenInfo asks
    CHECK_ST(openpgp_read_tries(&card_it, openpgp_token, s), ST_OK);
    CHECK_EQ(puk->tries, 1);
    card_script_over();
}

// One password, two references; PW3 unblocks after its own VERIFY, the resetting code goes along.
TEST(openpgp_sends_passwords)
{
    static const char *lines[] = { OPENPGP_SELECT "9000", NULL, "00200082 06 313233343536 > 9000",
        "00200081 06 313233343536 > 9000", "00240081 0c 313233343536 363534333231 > 9000",
        "00200083 08 3132333435363738 > 9000", "002c0281 06 313233343536 > 9000",
        "0020ff82 > 9000", "0020ff81 > 9000", "0020ff83 > 9000", NULL };
    static const char *code[] = { OPENPGP_SELECT "9000", NULL,
        "002c0081 0e 3132333435363738 313233343536 > 9000", NULL };
    bytes p = bytes_text("123456"), q = bytes_text("654321"), a = bytes_text("12345678");
    lines[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_REST, false);
    openpgp_begin(lines);
    if (test_failing) return;
    struct scratch s = p15_scratch();
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, s), ST_OK);
    struct credential *pin = card_pin(openpgp_token), *puk = card_credential(openpgp_token, ROLE_PUK);
    CHECK_ST(secret_login(&card_it, openpgp_token, pin, p, s), ST_OK);
    CHECK_ST(secret_change(&card_it, openpgp_token, pin, p, q, s), ST_OK);
    CHECK_ST(secret_unblock(&card_it, openpgp_token, puk, pin, a, p, s), ST_OK);
    CHECK_ST(secret_end(&card_it, openpgp_token, s), ST_OK);
    CHECK(!card_verified(openpgp_token));
    card_script_over();
    code[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, "c4 07 017f7f7f000300", false);
    openpgp_begin(code);
    if (test_failing) return;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, s), ST_OK);
    puk = card_credential(openpgp_token, ROLE_PUK);
    CHECK_ST(secret_unblock(&card_it, openpgp_token, puk, card_pin(openpgp_token), a, p, s), ST_OK);
    CHECK_ST(secret_change(&card_it, openpgp_token, puk, a, a, s), ST_NOT_SUPPORTED);
    card_script_over();
}

// Keys that another program made anew make another card of it.
TEST(openpgp_identity)
{
    static const char *lines[] = { OPENPGP_SELECT "9000", NULL, NULL, NULL, NULL };
    lines[1] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_REST, false);
    lines[2] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_REST "de 06 010102000301", true);
    lines[3] = openpgp_6e(OPENPGP_GET_6E, OPENPGP_AID_A, OPENPGP_REST "cd 0c 6000000000000000"
                          "00000000", false);
    openpgp_begin(lines);
    if (test_failing) return;
    struct scratch s = p15_scratch();
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, s), ST_OK);
    CHECK_ST(place_find_landmark(&card_it, openpgp_token, openpgp_token->identity, s), ST_OK);
    CHECK_ST(place_find_landmark(&card_it, openpgp_token, openpgp_token->identity, s), ST_NOT_FOUND);
    card_script_over();
}

// Without memory, and with a card that leaves.
TEST(openpgp_that_leaves_or_is_too_much)
{
    static const char *const none[] = { NULL };
    openpgp_begin(none);
    if (test_failing) return;
    card_it.arena.left = 0;
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_ARENA_FULL);
    card_script_over();
    openpgp_begin(none);
    if (test_failing) return;
    sim_reader_eject(0);
    CHECK_ST(openpgp_probe(&card_it, openpgp_token, p15_scratch()), ST_CARD_REMOVED);
    card_script_over();
}
#endif

static void test_openpgp(void)
{
#if SCARD11_OPENPGP
    RUN(openpgp_tells_what_it_is);
    RUN(openpgp_passwords);
    RUN(openpgp_reads_what_cards_make_of_6e);
    RUN(openpgp_is_not_any_card);
    RUN(openpgp_many_data_objects);
    RUN(openpgp_looks_without_select);
    RUN(openpgp_algorithms);
    RUN(openpgp_keys_that_are_there);
    RUN(openpgp_ends_logins);
    RUN(openpgp_learns_how_passwords_are_made);
    RUN(openpgp_kdf_that_is_not_known);
    RUN(openpgp_sends_what_is_made);
    RUN(openpgp_counts_again);
    RUN(openpgp_sends_passwords);
    RUN(openpgp_identity);
    RUN(openpgp_that_leaves_or_is_too_much);
#endif
}
