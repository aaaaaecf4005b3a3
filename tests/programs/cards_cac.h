// cards_cac.h: CACs as the standard lets them be and as makers have made them, for cards.c.
// SPDX-License-Identifier: 0BSD

static struct sim_cac_options cac_option;

static struct sim_card *make_cac_option(bool second)
{
    struct sim_cac_options o = cac_option;
    o.second = second;
    return sim_cac_new(&o);
}

static struct cards_kind *cac_with(const struct sim_cac_options *o)
{
    static struct cards_kind with;
    with = *kind_named("CAC");
    with.make = make_cac_option;
    with.keys[2].key = o->small_key ? SIM_RSA1024 : with.keys[2].key;
    cac_option = *o;
    kind = &with;
    return &with;
}

TEST(cards_cac_in_every_form)
{
    static const struct { const char *name; struct sim_cac_options o; } forms[] = {
        { "answers that are fetched", { .whole = false } },
        { "compressed certificates", { .whole = true, .gzip = true } },
        { "the certificate first", { .whole = true, .certificate_first = true } },
        { "... compressed", { .whole = true, .certificate_first = true, .gzip = true } },
        { "a key of one block", { .whole = true, .small_key = true } },
        { "no CCC", { .whole = true, .no_ccc = true } },
        { "no CCC, fetched", { .no_ccc = true, .gzip = true } },
        { "PKI applets alone", { .whole = true, .pki_only = true } },
        { "PKI applets alone, fetched", { .pki_only = true } },
        { "data of a person", { .whole = true, .persons = true } },
        { "the ACA alone takes the PIN", { .whole = true, .pin_in_aca = true } },
        { "no CCC, and the ACA alone takes the PIN", { .no_ccc = true, .pin_in_aca = true } },
        { "a SELECT of nothing", { .whole = true, .lost_by_failure = true } } };
    bool failed = false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        cac_with(&forms[i].o);
        check_all_of_it();
        judge_case();
        if (test_failing) printf("    so it was with: %s\n", forms[i].name);
        failed = failed || test_failing;
        test_failing = false;
    }
    test_failing = failed;
}

// Where the card is PIV as well it is a PIV card, once; no PIN of one goes to the other.
TEST(cards_cac_that_is_piv_is_piv)
{
    CK_TOKEN_INFO info;
    for (int whole = 0; whole < 2 && !test_failing; whole++) {
        cac_with(&(struct sim_cac_options){ .piv = true, .whole = whole });
        begin(1);
        if (test_failing) return;
        CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
        CHECK(!memcmp(info.model, "PIV", 3));
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), 4);
        check_sign(0, &kind->keys[0]);              // 9A has the key of the first applet
        CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified && !cards[0]->verifies);
        CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        CHECK(!cards[0]->verified(cards[0]));
        CHECK_EQ(cards[0]->stray_secrets, 0);
        end();
    }
}

// A login may be good for the applet that was selected. Nobody asks the card with a PIN that nobody
// gave: who wants the other key logs in again.
TEST(cards_cac_login_of_an_applet)
{
    mbedtls_md_type_t md;
    cac_with(&(struct sim_cac_options){ .whole = true, .pki_only = true, .login_of_applet = true });
    CK_MECHANISM m = usual(&kind->keys[0], &md);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (const struct cards_key *k = kind->keys; k < kind->keys + 3 && !test_failing; k++) {
        unsigned verifies = cards[0]->verifies;
        CK_RV rv = sign_with(0, k, &m, text, sizeof text);
        if (rv) CHECK_RV(rv, CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(cards[0]->verifies, verifies);
        if (rv) CHECK_RV(login("123456"), CKR_OK);
        check_sign(0, k);
    }
    check_sign(0, &kind->keys[2]);
    CHECK_EQ(*cards_pin(cards[0], &kind->tokens[0]).left, 3);
    end();
}

// What has no word for a change of the PIN says so, and nothing is lost.
TEST(cards_cac_without_a_change_of_the_pin)
{
    cac_with(&(struct sim_cac_options){ .whole = true, .no_change = true });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(set_pin("123456", "654321"), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_EQ(*cards_pin(cards[0], &kind->tokens[0]).left, 3);
    check_sign(0, &kind->keys[0]);
    end();
}

// A wrong PIN costs one try, and nobody is told how many are left.
TEST(cards_cac_that_tells_no_tries)
{
    cac_with(&(struct sim_cac_options){ .whole = true, .tries_untold = true });
    begin(1);
    struct sim_pin pin = cards_pin(cards[0], &kind->tokens[0]);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(login("654321"), CKR_PIN_INCORRECT);
    CHECK_EQ(*pin.left, 2);
    CHECK(!(token_flags(0) & CKF_USER_PIN_LOCKED));
    CHECK_RV(login("654321"), CKR_PIN_INCORRECT);
    CHECK_RV(login("654321"), CKR_PIN_INCORRECT);
    CHECK_RV(login("123456"), CKR_PIN_LOCKED);
    CHECK(token_flags(0) & CKF_USER_PIN_LOCKED);
    CHECK_EQ(*pin.left, 0);
    end();
}

// A change of the PIN goes where the PIN is, though nobody has logged in before.
TEST(cards_cac_changes_the_pin_in_the_aca)
{
    cac_with(&(struct sim_cac_options){ .whole = true, .pin_in_aca = true });
    begin(1);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(set_pin("123456", "654321"), CKR_OK);
    CHECK_RV(login("123456"), CKR_PIN_INCORRECT);
    CHECK_RV(login("654321"), CKR_OK);
    check_sign(0, &kind->keys[0]);
    CHECK_RV(set_pin("654321", "123456"), CKR_OK);
    CHECK_EQ(*cards_pin(cards[0], &kind->tokens[0]).left, 3);
    end();
}
