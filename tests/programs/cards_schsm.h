// cards_schsm.h: SmartCard-HSMs as they come from the maker, as people set them up, and as many keys as
// they hold. For cards.c. SPDX-License-Identifier: 0BSD

static struct sim_schsm_options schsm_option;

static struct sim_card *make_schsm_option(bool second)
{
    struct sim_schsm_options o = schsm_option;
    o.second = second;
    return sim_schsm_new(&o);
}

static const struct cards_kind *schsm_kind(const char *like, struct sim_schsm_options o)
{
    static struct cards_kind with;
    schsm_option = o;
    with = *kind_named(like);
    with.make = make_schsm_option;
    for (unsigned i = 0; o.no_certificates && i < CARDS_KEYS; i++) with.keys[i].no_certificate = true;
    return kind = &with;
}

TEST(cards_schsm_in_other_ways)
{
    static const struct { const char *like; struct sim_schsm_options o; } ways[] = {
        { "Pico HSM", { .short_only = true } }, { "Pico HSM", { .pieces = true } },
        { "Pico HSM", { .short_only = true, .pieces = true } }, { "Pico HSM", { .no_label = true } },
        { "Pico HSM", { .no_certificates = true } },
        { "CardContact's HSM", { .cardcontact = true, .no_label = true, .no_certificates = true } } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !test_failing; i++) {
        schsm_kind(ways[i].like, ways[i].o);
        check_all_of_it();
        if (test_failing) printf("    way %zu\n", i);
    }
}

TEST(cards_schsm_curves)
{
    static struct cards_kind with;
    static const struct cards_key keys[] = {
        { 1, SIM_BP256A, SIM_BP256A, CARDS_EC, 0, false, false, 0, 0 },
        { 2, SIM_BP384A, SIM_BP384A, CARDS_EC, 0, false, true, 0, 0 },
        { 3, SIM_BP512A, SIM_BP512A, CARDS_EC, 0, false, false, 0, 0 },
        { 4, SIM_K256A, SIM_K256A, CARDS_EC, 0, false, true, 0, 0 } };
    for (int cardcontact = 0; cardcontact < 2 && !test_failing; cardcontact++) {
        with = *schsm_kind("Pico HSM", (struct sim_schsm_options){ .curves = true, .cardcontact = cardcontact });
        memset(with.keys, 0, sizeof with.keys);
        memcpy(with.keys, keys, sizeof keys);
        kind = &with;
        check_all_of_it();
    }
}

// As made: no PIN, which is said before the card is asked, and a token that is not initialised.
TEST(cards_schsm_blank)
{
    CK_TOKEN_INFO info;
    CK_ULONG n = 9;
    for (int cardcontact = 0; cardcontact < 2 && !test_failing; cardcontact++) {
        schsm_kind("Pico HSM", (struct sim_schsm_options){ .blank = true, .cardcontact = cardcontact });
        begin(1);
        CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
        CHECK(!(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_LOCKED |
                              CKF_USER_PIN_TO_BE_CHANGED)));
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
        unsigned before = cards[0]->verifies;
        CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
        CHECK_EQ(cards[0]->verifies, before);
        end();
    }
}

static unsigned schsm_told;

static void schsm_log(void *arg, const char *line)
{
    (void)arg;
    schsm_told += strstr(line, "a transport PIN") != NULL;
}

// There is no login with a transport PIN until it is changed, and no try is lost; the log says so.
TEST(cards_schsm_transport_pin)
{
    for (int cardcontact = 0; cardcontact < 2 && !test_failing; cardcontact++) {
        schsm_kind("Pico HSM", (struct sim_schsm_options){ .transport = true, .cardcontact = cardcontact });
        C_Finalize(NULL);
        CHECK_RV(scard11_set_log(schsm_log, NULL), CKR_OK);
        begin(1);
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        CHECK(token_flags(0) & CKF_TOKEN_INITIALIZED && token_flags(0) & CKF_USER_PIN_TO_BE_CHANGED);
        CHECK(!(token_flags(0) & (CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_LOCKED | CKF_USER_PIN_COUNT_LOW)));
        unsigned before = cards[0]->verifies;
        schsm_told = 0;
        CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
        CHECK(schsm_told && cards[0]->verifies == before);
        CHECK_RV(set_pin("123450", "654321"), CKR_PIN_INCORRECT);
        CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, 2);
        CHECK_RV(set_pin("123456", "654321"), CKR_OK);
        CHECK(token_flags(0) & CKF_USER_PIN_INITIALIZED && !(token_flags(0) & CKF_USER_PIN_TO_BE_CHANGED));
        CHECK_RV(login("654321"), CKR_OK);
        check_sign(0, kind->keys);
        CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, 3);
        end();
        C_Finalize(NULL);
        CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
    }
}

// A key that may be used so often and no more: said, and all else goes on.
TEST(cards_schsm_key_that_is_used_up)
{
    for (int cardcontact = 0; cardcontact < 2 && !test_failing; cardcontact++) {
        schsm_kind("Pico HSM", (struct sim_schsm_options){ .uses = 3, .cardcontact = cardcontact });
        CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        for (unsigned i = 0; i < 3; i++) CHECK_RV(sign_with(0, kind->keys, &m, text, sizeof text), CKR_OK);
        CHECK_RV(sign_with(0, kind->keys, &m, text, sizeof text), CKR_FUNCTION_FAILED);
        check_sign(0, &kind->keys[1]);
        end();
    }
}

// Sixty keys: one that is named by its CKA_ID costs the descriptions up to it, and its own file.
TEST(cards_schsm_with_many_keys)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE out_id = 0;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE by_label[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_LABEL, (void *)(uintptr_t)"Key 31", 6 } };
    CK_ATTRIBUTE id = { CKA_ID, &out_id, 1 };
    CK_ULONG n = 0;
    schsm_kind("Pico HSM", (struct sim_schsm_options){ .many = true });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    unsigned at = cards[0]->apdus;
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, 20, &key), CKR_OK);
    CHECK(key && cards[0]->apdus - at <= 21);               // the list, 20 descriptions
    at = cards[0]->apdus;
    CHECK_RV(scene_sign(sessions[0], key, CKM_ECDSA_SHA256, text, sizeof text, out, &out_len), CKR_OK);
    CHECK_EQ(cards[0]->apdus - at, 2);                      // its request, the signature
    at = cards[0]->apdus;
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    CHECK(key && cards[0]->apdus == at);
    CHECK_RV(scene_count(sessions[0], by_label, 2, &n), CKR_OK);
    CHECK(n == 1 && cards[0]->apdus - at == 40);            // the other descriptions
    at = cards[0]->apdus;
    CHECK_RV(scene_count(sessions[0], by_label, 1, &n), CKR_OK);
    CHECK(n == 60 && cards[0]->apdus == at);
    CHECK_EQ(count_of(0, CKO_CERTIFICATE), 30);
    CHECK_RV(scene_find(sessions[0], CKO_CERTIFICATE, 59, &key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(sessions[0], key, &id, 1), CKR_OK);
    CHECK_EQ(out_id, 59);
    end();
}

static void run_schsm(void)
{
    RUN(cards_schsm_in_other_ways);
    RUN(cards_schsm_curves);
    RUN(cards_schsm_blank);
    RUN(cards_schsm_transport_pin);
    RUN(cards_schsm_key_that_is_used_up);
    RUN(cards_schsm_with_many_keys);
}
