// cards_openpgp.h: for cards.c: what the OpenPGP card's standard leaves to cards, and what cards have
// made of it. Each is listed, each of its keys works, PINs are counted and changed, a logout is one.
// SPDX-License-Identifier: 0BSD

#define OPENPGP_RSA(id, key, second, use) { id, key, second, use, 0, false, false, 0, 0 }
#define OPENPGP_SAME(id, key, use) OPENPGP_RSA(id, key, key, use)

static const struct openpgp_variant {
    const char *name;
    struct sim_openpgp_options o;
    struct cards_key keys[3];           // none: the usual ones
} openpgp_variants[] = {
    { "SmartPGP", { .bare_select = true, .own_tag = true, .zero_halves = true, .sha2_only = true,
                    .hash_known = true, .no_historical = true, .missing = true,
                    .no_certificate = 1 << SIM_DEC, .maker = 0xafaf }, { { 0 } } },
    { "CanoKey", { .once = true, .only_6e = true, .empty_ends = true, .select_data_once = true,
                   .bare_select = true, .keeps_login = true, .hash_fits = true, .button = true,
                   .maker = 0xf1d0 }, { { 0 } } },
    { "Pico", { .bare = true, .says_tries = true, .length_costs = true, .button = true,
                .cardholder = true }, { { 0 } } },
    { "YubiKey 5.2", { .select_data_06 = true, .trailing_00 = true, .maker = 0x0006 }, { { 0 } } },
#if defined(SIM_OPENSSL) && SIM_OPENSSL         // which makes the keys
    { "a 00 after the OID", { .trailing_00 = true,
                              .sig = SIM_ED25519, .dec = SIM_X25519, .aut = SIM_ED25519 },
      { OPENPGP_SAME(1, SIM_ED25519, CARDS_SIGN), OPENPGP_SAME(2, SIM_X25519, CARDS_DERIVE),
        OPENPGP_SAME(3, SIM_ED25519, CARDS_SIGN) } },
#endif
    { "an FF after the OID", { .trailing_ff = true,
                               .sig = SIM_P384A, .dec = SIM_P256A, .aut = SIM_P521A },
      { OPENPGP_SAME(1, SIM_P384A, CARDS_SIGN), OPENPGP_SAME(2, SIM_P256A, CARDS_DERIVE),
        OPENPGP_SAME(3, SIM_P521A, CARDS_SIGN) } },
    { "no chaining", { .no_chaining = true }, { { 0 } } },
    { "a KDF with SHA-512", { .kdf_sha512 = true }, { { 0 } } },
    { "a KDF with one salt", { .kdf_single = true }, { { 0 } } },
    { "a touch for each key", { .button = true, .uif = 7 }, { { 0 } } },
    { "the whole point", { .whole_point = true, .short_only = true, .zero_halves = true,
                           .sig = SIM_BP256A, .dec = SIM_BP512A, .aut = SIM_BP384A },
      { OPENPGP_SAME(1, SIM_BP256A, CARDS_SIGN), OPENPGP_SAME(2, SIM_BP512A, CARDS_DERIVE),
        OPENPGP_SAME(3, SIM_BP384A, CARDS_SIGN) } },
    { "secp256k1", { .change_ends = true, .sig = SIM_K256A, .dec = SIM_K256A, .aut = SIM_RSA3072 },
      { OPENPGP_SAME(1, SIM_K256A, CARDS_SIGN), OPENPGP_SAME(2, SIM_K256A, CARDS_DERIVE),
        OPENPGP_SAME(3, SIM_RSA3072, CARDS_SIGN) } },
    { "RSA-4096", { .pieces = true, .sig = SIM_RSA4096, .dec = SIM_RSA4096, .aut = SIM_RSA4096 },
      { OPENPGP_SAME(1, SIM_RSA4096, CARDS_SIGN), OPENPGP_SAME(2, SIM_RSA4096, CARDS_DECRYPT),
        OPENPGP_SAME(3, SIM_RSA4096, CARDS_SIGN) } },
    { "two keys", { .no_key = 1 << SIM_DEC, .missing = true },
      { OPENPGP_RSA(1, SIM_RSA2048A, SIM_RSA2048B, CARDS_SIGN),
        OPENPGP_RSA(3, SIM_P256A, SIM_P256B, CARDS_SIGN) } },
    { "2.0", { .version = 0x0200, .no_status = true, .no_certificate = 1 << SIM_AUT }, { { 0 } } },
    { "3.0", { .version = 0x0300, .no_certificate = 7 }, { { 0 } } },
};

static const struct openpgp_variant *openpgp_now;

static struct sim_card *make_openpgp_variant(bool second)
{
    struct sim_openpgp_options o = openpgp_now->o;
    o.second = second;
    o.reset_code = true;
    return sim_openpgp_new(&o);
}

static void openpgp_as(const struct openpgp_variant *v)
{
    static struct cards_kind with;
    with = *kind_named("OpenPGP");
    with.make = make_openpgp_variant;
    with.token_info = with.list = with.rsa = with.ec = with.no_sha1 = 0;
    if (v->keys[0].id) memset(with.keys, 0, sizeof with.keys);
    if (v->keys[0].id) memcpy(with.keys, v->keys, sizeof v->keys);
    for (unsigned i = 0; i < 3 && with.keys[i].id; i++) {
        unsigned slot = with.keys[i].id - 1u;
        with.keys[i].always = slot == SIM_SIG && v->o.once;
        if (slot == SIM_SIG && v->o.sha2_only) with.no_sha1 = with.keys[i].id;
        with.keys[i].no_certificate = v->o.no_certificate & 1u << slot ||
            (v->o.version && v->o.version < 0x0300 && slot != SIM_AUT);
    }
    openpgp_now = v;
    kind = &with;
}

// Each key waits for a finger. One that does not come is told, costs no login and no try.
TEST(cards_openpgp_missed_touches)
{
    static const struct openpgp_variant touch = { "touch", { .button = true, .uif = 7 },
                                                  { { 0 } } };
    static const unsigned answers[] = { 0, 0x6985 };
    for (size_t i = 0; i < sizeof answers / sizeof *answers && !test_failing; i++) {
        struct openpgp_variant v = touch;
        v.o.sw_touch = answers[i];
        openpgp_as(&v);
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        for (unsigned k = 0; k < 3 && !test_failing; k += 2) {
            mbedtls_md_type_t md;
            CK_MECHANISM m = usual(&kind->keys[k], &md);
            check_sign(0, &kind->keys[k]);
            sim_openpgp_miss_touches(cards[0], 1);
            unsigned signatures = cards[0]->signatures, verifies = cards[0]->verifies;
            CK_RV rv = sign_with(0, &kind->keys[k], &m, text, sizeof text);
            if (rv != CKR_FUNCTION_REJECTED) printf("    key %u with %04x\n", k + 1, answers[i]);
            CHECK_RV(rv, CKR_FUNCTION_REJECTED);
            CHECK_EQ(cards[0]->signatures, signatures);         // nor was it asked again
            check_sign(0, &kind->keys[k]);
            CHECK_EQ(cards[0]->verifies, verifies);
        }
        end();
    }
}

// A card without keys: a login, and nothing that it could be for.
TEST(cards_openpgp_without_keys)
{
    static const struct openpgp_variant empty = { "empty", { .empty = true }, { { 0 } } };
    openpgp_as(&empty);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 0);
    CHECK_EQ(count_of(0, CKO_PUBLIC_KEY), 0);
    CHECK_EQ(count_of(0, CKO_CERTIFICATE), 0);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    end();
}

// MSE: RSA's key for authentication decrypts, the one for decryption signs.
TEST(cards_openpgp_swaps)
{
    static const struct openpgp_variant swaps = { "MSE", { .swaps = true, .aut = SIM_RSA3072 }, {
        OPENPGP_RSA(1, SIM_RSA2048A, SIM_RSA2048B, CARDS_SIGN),
        OPENPGP_RSA(2, SIM_RSA2048B, SIM_RSA2048A, CARDS_RSA),
        OPENPGP_SAME(3, SIM_RSA3072, CARDS_RSA) } };
    openpgp_as(&swaps);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < 8 && !test_failing; i++) {
        check_decrypt(0, &kind->keys[2], false);
        check_sign(0, &kind->keys[i & 1 ? 1 : 2]);
        if (i & 2) check_decrypt(0, &kind->keys[1], false);
        check_sign(0, &kind->keys[i & 1 ? 2 : 1]);
        check_sign(0, &kind->keys[0]);
    }
    end();
}

// Name, language, salutation, login, URL and the private objects.
TEST(cards_openpgp_cardholder)
{
    static const struct openpgp_variant holder = { "cardholder", { .cardholder = true },
                                                   { { 0 } } };
    static const char *const values[] = { "Holder<<Card", "en", "9", "cardholder",
        "https://example.org/key.asc", "anyone may read this", "with the PIN" };
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    CK_OBJECT_HANDLE found[16];
    CK_ULONG n;
    unsigned seen = 0;
    openpgp_as(&holder);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(C_FindObjectsInit(sessions[0], &t, 1), CKR_OK);
    CHECK_RV(C_FindObjects(sessions[0], found, 16, &n), CKR_OK);
    CHECK_RV(C_FindObjectsFinal(sessions[0]), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
        CHECK_RV(C_GetAttributeValue(sessions[0], found[i], &v, 1), CKR_OK);
        for (size_t j = 0; j < sizeof values / sizeof *values; j++)
            if (strlen(values[j]) == v.ulValueLen && !memcmp(values[j], out, v.ulValueLen))
                seen |= 1u << j;
    }
    CHECK_EQ(seen, 0x7f);
    end();
}

// PW3 is blocked: the resetting code is what CKU_SO has then. A wrong one costs a try of its own, the
// right one sets PW1 anew, derived by its own salt where there is a KDF-DO; nothing changes it.
TEST(cards_openpgp_resetting_code)
{
    static const struct openpgp_variant with[] = {
        { "resetting code", { .says_tries = true }, { { 0 } } },
        { "resetting code, derived", { .kdf = true }, { { 0 } } } };
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        openpgp_as(&with[i]);
        begin(1);
        struct sim_pin pw1 = cards[0]->pin(cards[0], 0), pw3 = cards[0]->pin(cards[0], 1),
                       code = cards[0]->pin(cards[0], 2);
        sim_reader_eject(0);
        *pw1.left = *pw3.left = 0;
        sim_reader_insert(0, cards[0]);
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        CHECK_RV(login("123456"), CKR_PIN_LOCKED);
        CHECK_RV(C_Login(sessions[0], CKU_SO, (CK_UTF8CHAR_PTR)"12345678", 8), CKR_OK);
        CHECK_RV(C_InitPIN(sessions[0], (CK_UTF8CHAR_PTR)"246802", 6), CKR_PIN_INCORRECT);
        CHECK_EQ(*code.left, 2);
        CHECK_RV(C_Login(sessions[0], CKU_SO, (CK_UTF8CHAR_PTR)"87654321", 8), CKR_OK);
        CHECK_RV(set_pin("87654321", "12345678"), CKR_FUNCTION_NOT_SUPPORTED);
        CHECK_RV(C_InitPIN(sessions[0], (CK_UTF8CHAR_PTR)"246802", 6), CKR_OK);
        CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        CHECK_RV(login("246802"), CKR_OK);
        check_sign(0, &kind->keys[0]);
        end();
        if (test_failing) printf("    so it was with %s\n", with[i].name);
    }
}

// ---- Another program at the same card ----

// One of its commands: the status word, and in rsp the answer before it.
static unsigned openpgp_other(struct sim_card *card, const uint8_t *head, const uint8_t *data,
                              size_t n, uint8_t *rsp, size_t *rsp_n)
{
    static uint8_t cmd[300], answer[1000];
    memcpy(cmd, head, 4);
    cmd[4] = (uint8_t)n;
    if (n) memcpy(cmd + 5, data, n);
    size_t got = card->apdu(card, cmd, 5 + n, answer, sizeof answer);
    if (got < 2) return 0;
    if (rsp) memcpy(rsp, answer, got - 2);
    if (rsp_n) *rsp_n = got - 2;
    return (unsigned)answer[got - 2] << 8 | answer[got - 1];
}

// It sets the KDF-DO of a card, with the passwords that come with it, to that of another card.
static void openpgp_other_sets_kdf(struct sim_card *card, const struct sim_openpgp_options *as)
{
    static const uint8_t select[] = { 0x00, 0xa4, 0x04, 0x00 }, get[] = { 0x00, 0xca, 0x00, 0xf9 },
        put[] = { 0x00, 0xda, 0x00, 0xf9 }, verify[] = { 0x00, 0x20, 0x00, 0x83 };
    static const uint8_t aid[] = { 0xd2, 0x76, 0x00, 0x01, 0x24, 0x01 };
    struct sim_card *like = sim_openpgp_new(as);
    uint8_t was[255], kdf[255];
    size_t was_n = 0, kdf_n = 0, len = 0;
    CHECK_EQ(openpgp_other(like, select, aid, sizeof aid, NULL, NULL), 0x9000);
    CHECK_EQ(openpgp_other(card, select, aid, sizeof aid, NULL, NULL), 0x9000);
    CHECK_EQ(openpgp_other(like, get, NULL, 0, kdf, &kdf_n), 0x9000);
    CHECK_EQ(openpgp_other(card, get, NULL, 0, was, &was_n), 0x9000);
    const uint8_t *pw3 = sim_get_tlv(was, was_n, 0x88, &len);
    if (!pw3) pw3 = (const uint8_t *)"12345678", len = 8;
    CHECK_EQ(openpgp_other(card, verify, pw3, len, NULL, NULL), 0x9000);
    CHECK_EQ(openpgp_other(card, put, kdf, kdf_n, NULL, NULL), 0x9000);
    like->free(like);
}

// Another program sets a KDF, another one, or none, between two logins in one connection: what is
// sent is made as the card has it now, and no try is lost.
TEST(cards_openpgp_kdf_set_meanwhile)
{
    static const struct sim_openpgp_options ways[] = { { .kdf = false }, { .kdf = true },
                                                       { .kdf_sha512 = true } };
    for (unsigned i = 0; i < 9 && !test_failing; i++) {
        struct openpgp_variant v = { "KDF", ways[i / 3], { { 0 } } };
        const struct sim_openpgp_options *to = &ways[i % 3];
        v.o.once = true;
        openpgp_as(&v);
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        check_sign(0, &kind->keys[0]);
        openpgp_other_sets_kdf(cards[0], to);
        CHECK_RV(C_SetPIN(sessions[0], PIN, 6, (CK_UTF8CHAR_PTR)"654321", 6), CKR_OK);
        CHECK_RV(C_SetPIN(sessions[0], (CK_UTF8CHAR_PTR)"654321", 6, PIN, 6), CKR_OK);
        C_Logout(sessions[0]);
        openpgp_other_sets_kdf(cards[0], &v.o);
        CHECK_RV(login("123456"), CKR_OK);
        check_sign(0, &kind->keys[0]);
        CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        openpgp_other_sets_kdf(cards[0], to);
        CHECK_RV(C_Login(sessions[0], CKU_SO, (CK_UTF8CHAR_PTR)"12345678", 8), CKR_OK);
        openpgp_other_sets_kdf(cards[0], &v.o);
        CHECK_RV(C_InitPIN(sessions[0], (CK_UTF8CHAR_PTR)"654321", 6), CKR_OK);
        CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        CHECK_RV(login("654321"), CKR_OK);
        CHECK_EQ(cards[0]->tries_taken, 0);
        if (test_failing) printf("    from way %u to way %u\n", i / 3, i % 3);
        end();
    }
}

// Another program sets the other key for the job, and ends the login, which a kept PIN brings back:
// what signs is the key that was meant.
TEST(cards_openpgp_swapped_meanwhile)
{
    static const struct openpgp_variant swaps = { "MSE", { .swaps = true, .dec = SIM_RSA2048A,
                                                           .aut = SIM_RSA2048B }, {
        OPENPGP_SAME(2, SIM_RSA2048A, CARDS_RSA), OPENPGP_SAME(3, SIM_RSA2048B, CARDS_RSA) } };
    static const uint8_t mse[] = { 0x00, 0x22, 0x41, 0xa4 }, dec[] = { 0x83, 0x01, 0x02 },
        forget[] = { 0x00, 0x20, 0xff, 0x82 }, no_data[] = { 0 };
    openpgp_as(&swaps);
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, &kind->keys[1]);
    for (unsigned i = 0; i < 4 && !test_failing; i++) {
        CHECK_EQ(openpgp_other(cards[0], mse, dec, sizeof dec, NULL, NULL), 0x9000);
        if (i & 1) CHECK_EQ(openpgp_other(cards[0], forget, no_data, 0, NULL, NULL), 0x9000);
        if (i & 2) check_decrypt(0, &kind->keys[0], false);
        check_sign(0, &kind->keys[1]);
    }
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "0"), CKR_OK);
}

// The certificate of a key is one of an earlier key: what is signed is good all the same, be it a
// DigestInfo or not.
TEST(cards_openpgp_with_an_old_certificate)
{
    static const struct openpgp_variant old = { "old", { .aut = SIM_RSA2048B }, {
        OPENPGP_SAME(3, SIM_RSA2048B, CARDS_SIGN) } };
    static const uint8_t select[] = { 0x00, 0xa4, 0x04, 0x00 }, pw3[] = "12345678",
        verify[] = { 0x00, 0x20, 0x00, 0x83 }, leave[] = { 0x00, 0x20, 0xff, 0x83 },
        aid[] = { 0xd2, 0x76, 0x00, 0x01, 0x24, 0x01 };
    const struct sim_key_data *d = sim_key_data(SIM_RSA2048A);
    for (unsigned bare = 0; bare < 2 && !test_failing; bare++) {
        CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
        uint8_t put[2000] = { 0x00, 0xda, 0x7f, 0x21, 0x00 }, rsp[8];
        openpgp_as(&old);
        begin(1);
        CHECK_EQ(openpgp_other(cards[0], select, aid, sizeof aid, NULL, NULL), 0x9000);
        CHECK_EQ(openpgp_other(cards[0], verify, pw3, 8, NULL, NULL), 0x9000);
        put[5] = (uint8_t)(d->certificate_len >> 8);
        put[6] = (uint8_t)d->certificate_len;
        memcpy(put + 7, d->certificate, d->certificate_len);
        CHECK_EQ(cards[0]->apdu(cards[0], put, 7 + d->certificate_len, rsp, sizeof rsp), 2);
        CHECK_EQ(rsp[0], 0x90);
        CHECK_EQ(openpgp_other(cards[0], leave, NULL, 0, NULL, NULL), 0x9000);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), 3);
        if (bare) CHECK_RV(sign_with(0, &kind->keys[0], &m, text, sizeof text), CKR_OK);
        check_sign(0, &kind->keys[0]);
        end();
    }
}

// ---- Whatever happens at each command ----

// What cards_faults does not do with one key: PW1 for each signature, the key for decryption, the
// PIN changed, PW3, PW1 set anew.
static CK_RV openpgp_use(bool *wrong)
{
    CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 }, sig = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE cipher[256], plain[256];
    CK_ULONG n = sizeof cipher, plain_n = sizeof plain;
    CK_OBJECT_HANDLE public, private;
    CK_RV rv = open_token(0, 0, true);
    if (!rv) rv = sign_with(0, &kind->keys[0], &sig, text, sizeof text);
    if (!rv) *wrong = !good(SIM_RSA2048A, MBEDTLS_MD_SHA256, false, 0, out, out_len);
    if (!rv) rv = scene_find(sessions[0], CKO_PUBLIC_KEY, 2, &public);
    if (!rv) rv = C_EncryptInit(sessions[0], &pkcs, public);
    if (!rv) rv = C_Encrypt(sessions[0], text, sizeof text, cipher, &n);
    if (!rv) rv = scene_find(sessions[0], CKO_PRIVATE_KEY, 2, &private);
    if (!rv && !private) rv = CKR_USER_NOT_LOGGED_IN;
    if (!rv) rv = C_DecryptInit(sessions[0], &pkcs, private);
    if (!rv) rv = C_Decrypt(sessions[0], cipher, n, plain, &plain_n);
    if (!rv) *wrong |= plain_n != sizeof text || memcmp(plain, text, sizeof text);
    if (!rv) rv = C_SetPIN(sessions[0], PIN, 6, PIN, 6);
    if (!rv) rv = C_Logout(sessions[0]);
    if (!rv) rv = C_Login(sessions[0], CKU_SO, (CK_UTF8CHAR_PTR)"12345678", 8);
    if (!rv) rv = C_InitPIN(sessions[0], PIN, 6);
    return rv ? rv : C_Logout(sessions[0]);
}

TEST(cards_openpgp_faults)
{
    static const struct openpgp_variant once = { "once", { .once = true }, { { 0 } } };
    static const enum sim_fault faults[] = { SIM_EJECT_AFTER, SIM_SWAP, SIM_SWAP_AS_RESET, SIM_RESET,
        SIM_RESET_AFTER, SIM_FAILED_AFTER, SIM_ANSWER_6F00 };
    openpgp_as(&once);
    for (size_t i = 0; i < sizeof faults / sizeof *faults && !test_failing; i++) {
        bool fired = true, wrong = false;
        for (unsigned n = 1; fired && !test_failing; n++) {
            begin(1);
            struct sim_card *other = kind->make(true);
            sim_reader_fault(faults[i], n, other);
            CK_RV rv = openpgp_use(&wrong);
            fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            C_CloseAllSessions(slots[0][0]);
            if (fired && faults[i] == SIM_ANSWER_6F00 && rv == CKR_ENCRYPTED_DATA_INVALID)
                rv = CKR_OK;                            // SmartPGP says that of a bad padding
            CHECK(fired ? is_defined(rv) && !wrong : !rv);
            CHECK_EQ(other->verifies + other->signatures, 0);
            sim_reader_eject(0);
            sim_reader_insert(0, cards[0]);
            rv = openpgp_use(&wrong);
            if (rv == CKR_DEVICE_REMOVED) rv = openpgp_use(&wrong);     // the first that sees it
            CHECK_RV(rv, CKR_OK);
            CHECK(!wrong);
            CHECK_EQ(cards[0]->tries_taken + other->tries_taken, 0);
            if (test_failing)
                printf("    %s at command %u: %#lx\n", sim_fault_name(faults[i]), n, rv);
            end();
            other->free(other);
        }
    }
}

static void openpgp_run(void)
{
    for (size_t i = 0; i < sizeof openpgp_variants / sizeof *openpgp_variants; i++) {
        unsigned failed = test_failed;
        openpgp_as(&openpgp_variants[i]);
        RUN(cards_list);
        RUN(cards_work);
        RUN(cards_pins);
        RUN(cards_logged_out);
        RUN(cards_shared);
        if (test_failed != failed) printf("    so it was with %s\n", openpgp_now->name);
    }
    RUN(cards_openpgp_missed_touches);
    RUN(cards_openpgp_without_keys);
    RUN(cards_openpgp_swaps);
    RUN(cards_openpgp_cardholder);
    RUN(cards_openpgp_resetting_code);
    RUN(cards_openpgp_kdf_set_meanwhile);
    RUN(cards_openpgp_swapped_meanwhile);
    RUN(cards_openpgp_with_an_old_certificate);
    RUN(cards_openpgp_faults);
}
