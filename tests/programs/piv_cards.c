// piv_cards.c: PIV cards as SP 800-73 lets them be and as makers have made them: what works on each,
// what it costs in commands, and what one model does and no other. SPDX-License-Identifier: 0BSD
#define _GNU_SOURCE         // usleep, memmem
#include "scene.h"
#include <unistd.h>

static CK_BYTE text[] = "what a PIV card signs", sig[512];
static CK_ULONG sig_len;

// What stands at one place of a card; 0: as its reference has it.
#define KEYS4(a, c, d, e) {                                                                       \
    { 0x9a, SIM_RSA2048A, false, false, a }, { 0x9c, SIM_P256A, false, false, c },                \
    { 0x9d, SIM_RSA2048B, false, false, d }, { 0x9e, SIM_P256B, false, false, e } }
static const struct sim_piv_key usual[] = KEYS4(0, 0, 0, 0);
static const struct sim_piv_key policies[] = KEYS4(SIM_PIN_ALWAYS, SIM_PIN_ONCE, SIM_PIN_ONCE,
                                                   SIM_PIN_ONCE);
static const struct sim_piv_key fingers[] = KEYS4(SIM_MATCH_ALWAYS, SIM_MATCH_ONCE, 0,
                                                  SIM_MATCH_ONCE);
static const struct sim_piv_key never[] = KEYS4(SIM_PIN_NEVER, SIM_PIN_NEVER, 0, 0);
static const struct sim_piv_key six[] = {
    { 0x9a, SIM_RSA2048A, false, false, 0 }, { 0x9c, SIM_P256A, false, false, 0 },
    { 0x9d, SIM_RSA2048B, false, false, 0 }, { 0x9e, SIM_P256B, false, false, 0 },
    { 0x82, SIM_P384A, false, false, 0 }, { 0x83, SIM_P384B, false, false, 0 } };

// The most commands, from a cold card on: C_GetTokenInfo; all objects and what they are; login and
// a signature of the RSA key in 9A, and of an EC key: 9C's, or 9E's where 9C wants the PIN each
// time. again: exactly each further one. 0: not held to one. Where 9A wants the PIN each time, that
// costs two more: SELECT, so that it goes nowhere else, and VERIFY. In all but again is the SELECT
// that asks once whether the chip has OpenPGP, too.
struct kind {
    const char *name;
    struct sim_piv_options o;
    unsigned token, list, rsa, ec, again_rsa, again_ec;
};

#define WHOLE  .extended = true, .discovery = SIM_APPLICATION_PIN
#define BUDGET 4, 10, 8, 8, 1, 1

static const struct kind kinds[] = {
    { "to the letter, SELECT ends the login", { WHOLE }, BUDGET },
    { "SELECT keeps the login", { WHOLE, .keeps_login = true }, BUDGET },
    { "in 255-byte pieces", { WHOLE, .pieces = true }, 4, 20, 10, 8, 2, 1 },
    { "short, 6 certificates", { .keys = six, .n_keys = 6, .retired = 2,
                                 .discovery = SIM_APPLICATION_PIN }, 4, 30, 11, 8, 3, 1 },
    { "without key history", { WHOLE, .no_history = true }, BUDGET },
    { "without CHUID", { WHOLE, .no_chuid = true }, 5, 10, 9, 9, 1, 1 },
    { "without CHUID and discovery", { .extended = true, .no_chuid = true }, 5, 10, 9, 9, 1, 1 },
    { "a signed CHUID", { WHOLE, .long_chuid = true }, 5, 10, 9, 9, 1, 1 },
    { "a signed CHUID, no discovery", { .extended = true, .long_chuid = true }, 5, 10, 9, 9, 1, 1 },
    { "a signed CHUID, no discovery, no state of the PIN",
      { .extended = true, .long_chuid = true, .no_status = true }, 5, 10, 9, 9, 1, 1 },
    { "useless discovery, as a dual CAC", { .extended = true, .discovery = SIM_USELESS_DISCOVERY,
      .long_chuid = true, .no_status = true, .no_history = true }, 5, 11, 9, 9, 1, 1 },
    { "VERIFY FF is 6A86", { WHOLE, .sw_logout = 0x6a86 }, BUDGET },
    { "VERIFY FF is 6D00, SELECT keeps the login",
      { WHOLE, .sw_logout = 0x6d00, .keeps_login = true }, BUDGET },
    // Each answer to a command with data is fetched.
    { "T=0", { .t0 = true, .discovery = SIM_APPLICATION_PIN }, 6, 24, 16, 13, 4, 2 },
    { "the global PIN", { .extended = true, .discovery = SIM_GLOBAL_PIN }, BUDGET },
    { "YubiKey 5.4", { WHOLE, .yubikey = true }, 4, 10, 9, 9, 1, 1 },
    // Its 20 retired keys are asked for one by one: nothing else tells which of them there are.
    { "YubiKey 5.4 without history", { WHOLE, .yubikey = true, .no_history = true }, 4, 30, 9, 9, 1, 1 },
    { "YubiKey 4", { WHOLE, .yubikey = true, .yubikey_lacks = SIM_NO_METADATA | SIM_NO_SERIAL,
                     .no_status = true }, 4, 10, 9, 9, 1, 1 },
    { "YubiKey NEO", { WHOLE, .yubikey = true, .no_status = true, .tries_0x = true,
      .yubikey_lacks = SIM_NO_METADATA | SIM_NO_SERIAL | SIM_NO_ATTESTATION }, 4, 10, 9, 9, 1, 1 },
    { "YubiKey without attestation", { WHOLE, .yubikey = true,
                                       .yubikey_lacks = SIM_NO_ATTESTATION }, 4, 10, 9, 9, 1, 1 },
    { "PIN policies: 9A always, 9C and 9E once",
      { WHOLE, .keys = policies, .n_keys = 4, .yubikey = true }, 4, 10, 11, 9, 3, 1 },
    { "YubiKey Bio: 9A the PIN or a finger each time, 9C and 9E once",
      { WHOLE, .keys = fingers, .n_keys = 4, .yubikey = true }, 4, 10, 11, 9, 3, 1 },
    { "PIN policies: 9A and 9C never", { WHOLE, .keys = never, .n_keys = 4, .yubikey = true },
      4, 10, 9, 9, 1, 1 },
};

static const struct kind *kind;

#define COUNT(a) (sizeof(a) / sizeof *(a))

// ---- A card of a kind ----

static enum sim_policy policy_of(CK_BYTE id)
{
    const struct sim_piv_key *keys = kind->o.keys ? kind->o.keys : usual;
    if (keys[id - 1].policy) return keys[id - 1].policy;
    return id == 2 ? SIM_PIN_ALWAYS : id == 4 ? SIM_PIN_NEVER : SIM_PIN_ONCE;
}

static bool wants_the_pin_each_time(CK_BYTE id)
{
    return policy_of(id) == SIM_PIN_ALWAYS || policy_of(id) == SIM_MATCH_ALWAYS;
}

static CK_RV sign_with(CK_SESSION_HANDLE session, CK_BYTE id)
{
    static const enum sim_key keys[] = { SIM_RSA2048A, SIM_P256A, SIM_RSA2048B, SIM_P256B };
    CK_MECHANISM m = { id == 1 ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    CK_OBJECT_HANDLE key;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, id, &key);
    if (!rv && !key) rv = CKR_KEY_HANDLE_INVALID;
    if (!rv) rv = C_SignInit(session, &m, key);
    if (!rv && wants_the_pin_each_time(id))
        rv = C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6);
    sig_len = sizeof sig;
    if (!rv) rv = C_Sign(session, text, sizeof text, sig, &sig_len);
    if (!rv && !scene_good(keys[id - 1], text, sizeof text, sig, sig_len)) rv = CKR_GENERAL_ERROR;
    return rv;
}

static void check_key(CK_SESSION_HANDLE session, CK_BYTE id, bool logged_in)
{
    CK_OBJECT_HANDLE key;
    CK_BBOOL always = 9, private = 9;
    CK_ATTRIBUTE a[] = { { CKA_ALWAYS_AUTHENTICATE, &always, 1 }, { CKA_PRIVATE, &private, 1 } };
    bool is_never = policy_of(id) == SIM_PIN_NEVER;
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
    CHECK_EQ(key != 0, logged_in || is_never);
    if (!key) return;
    CHECK_RV(C_GetAttributeValue(session, key, a, 2), CKR_OK);
    CHECK_EQ(always, wants_the_pin_each_time(id));
    CHECK_EQ(private, !is_never);
}

// What needs the PIN, after something else was looked for: the login stays.
static void check_printed(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    char label[] = "Printed Information";
    CK_BYTE value[64];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, label, sizeof label - 1 } };
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
    CK_OBJECT_HANDLE object;
    if (test_failing) return;
    CHECK_RV(scene_search(session, t, 2, &object), CKR_OK);
    CHECK(object);
    CHECK_RV(C_GetAttributeValue(session, object, &v, 1), CKR_OK);
}

static void works(void)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_OBJECT_HANDLE none;
    CHECK_RV(scene_begin(&kind->o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(token.flags & CKF_LOGIN_REQUIRED && !(token.flags & CKF_USER_PIN_COUNT_LOW));
    CHECK_RV(scene_open(&session), CKR_OK);
    for (CK_BYTE id = 1; id <= 4; id++) check_key(session, id, false);
    for (CK_BYTE id = 1; id <= 4; id++)
        if (id != 3 && policy_of(id) == SIM_PIN_NEVER) CHECK_RV(sign_with(session, id), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)"999999", 6), CKR_PIN_INCORRECT);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(token.flags & CKF_USER_PIN_COUNT_LOW);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    for (CK_BYTE id = 1; id <= 4; id++) check_key(session, id, true);
    for (CK_BYTE id = 1; id <= 4; id++) if (id != 3) CHECK_RV(sign_with(session, id), CKR_OK);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 24, &none), CKR_OK);  // not there
    CHECK(!none);
    check_printed(session);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK(!scene_card->verified(scene_card));
    for (CK_BYTE id = 1; id <= 4; id++) check_key(session, id, false);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    CHECK(!scene_card->verified(scene_card));
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

// A case fails for each kind by itself, and says for which.
static void for_kinds(void (*run)(void))
{
    bool failed = false;
    const char *only = getenv("PIV_KIND");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        kind = &kinds[i];
        if (only && strcmp(kind->name, only)) continue;
        run();
        judge_case();
        if (test_failing) printf("    so it was with: %s\n", kind->name);
        failed = failed || test_failing;
        test_failing = false;
    }
    test_failing = failed;
}

TEST(piv_cards_work) { for_kinds(works); }

// ---- Commands ----

// Every attribute of keys and certificates.
static CK_RV read_everything(CK_SESSION_HANDLE session)
{
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_ID,
        CKA_SUBJECT, CKA_KEY_TYPE, CKA_SIGN, CKA_MODULUS, CKA_MODULUS_BITS, CKA_EC_PARAMS,
        CKA_EC_POINT, CKA_PUBLIC_KEY_INFO, CKA_UNIQUE_ID };
    static CK_BYTE value[8192];
    CK_OBJECT_HANDLE objects[64];
    CK_ULONG n;
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = C_FindObjects(session, objects, 64, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; !rv && i < n; i++) {
        CK_OBJECT_CLASS class = 0;
        CK_ATTRIBUTE c = { CKA_CLASS, &class, sizeof class };
        rv = C_GetAttributeValue(session, objects[i], &c, 1);
        for (size_t k = 0; !rv && k < COUNT(types) && class != CKO_DATA; k++) {
            CK_ATTRIBUTE a = { types[k], value, sizeof value };
            CK_RV one = C_GetAttributeValue(session, objects[i], &a, 1);
            if (one != CKR_ATTRIBUTE_TYPE_INVALID && one != CKR_ATTRIBUTE_SENSITIVE) rv = one;
        }
    }
    return rv;
}

// All figures of a kind are printed, whichever is too high.
static bool over;

static void hold_to(const char *what, unsigned got, unsigned most, bool exactly)
{
    bool bad = most && (exactly ? got != most : got > most);
    printf("    %s: %s takes %u commands of %u%s\n", kind->name, what, got, most,
           bad ? ", WHICH IS NOT WHAT IT MAY" : "");
    over = over || bad;
}

static void begin_cold(void)
{
    CK_TOKEN_INFO token;
    CHECK_RV(scene_begin(&kind->o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
}

static void signature_budget(bool rsa)
{
    CK_SESSION_HANDLE session;
    CK_BYTE id = rsa ? 1 : wants_the_pin_each_time(2) ? 4 : 2;
    begin_cold();
    if (test_failing) return;
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(sign_with(session, id), CKR_OK);
    hold_to(rsa ? "an RSA signature" : "an EC signature", scene_card->apdus,
            rsa ? kind->rsa : kind->ec, false);
    for (int i = 0; i < 2; i++) {
        unsigned before = scene_card->apdus;
        CHECK_RV(sign_with(session, id), CKR_OK);
        hold_to("a further one", scene_card->apdus - before,
                rsa ? kind->again_rsa : kind->again_ec, true);
    }
    scene_end();
}

static void budgets(void)
{
    CK_SESSION_HANDLE session;
    over = false;
    begin_cold();
    if (test_failing) return;
    hold_to("the token", scene_card->apdus, kind->token, false);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(read_everything(session), CKR_OK);
    hold_to("all objects", scene_card->apdus, kind->list, false);
    unsigned before = scene_card->apdus;
    CHECK_RV(read_everything(session), CKR_OK);
    CHECK_EQ(scene_card->apdus, before);        // kept
    scene_end();
    signature_budget(true);
    if (test_failing) return;
    signature_budget(false);
    CHECK(!over);
}

TEST(piv_budgets) { for_kinds(budgets); }

// ---- Another program's login ----

static const CK_BYTE select_piv[] = { 0, 0xa4, 4, 0, 9, 0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0 };
static CK_BYTE verify_pin[] = { 0, 0x20, 0, 0x80, 8, '1', '2', '3', '4', '5', '6', 0xff, 0xff };

// Another program is connected, and does nothing more.
static void idle(struct sim_card *card, void *arg)
{
    (void)card; (void)arg;
}

static void other_logs_in(void)
{
    static uint8_t rsp[65538];
    sim_reader_foreign(0, idle, NULL);
    judge_other_login(true);
    verify_pin[3] = kind->o.discovery == SIM_GLOBAL_PIN ? 0x00 : 0x80;
    scene_card->apdu(scene_card, select_piv, sizeof select_piv, rsp, sizeof rsp);
    scene_card->apdu(scene_card, verify_pin, sizeof verify_pin, rsp, sizeof rsp);
    CHECK(scene_card->verified(scene_card));
}

static void look(void)
{
    CK_SESSION_HANDLE session;
    CHECK(scene_card->verified(scene_card));
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK(scene_card->verified(scene_card));
    CHECK_RV(read_everything(session), CKR_OK);
    CHECK(scene_card->verified(scene_card));
    CHECK_RV(C_CloseSession(session), CKR_OK);
    CHECK(scene_card->verified(scene_card));
}

static void look_first(void)
{
    CHECK_RV(scene_begin(&kind->o), CKR_OK);
    other_logs_in();
    if (!test_failing) look();
    scene_end();
}

// Who only looks at a card, its token and its objects, ends nobody's login.
TEST(piv_a_look_leaves_another_program_s_login) { for_kinds(look_first); judge_other_login(false); }

static void look_again(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&kind->o), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    other_logs_in();
    if (!test_failing) look();
    scene_end();
}

// The same for a card that was known, and let go before the other program came.
TEST(piv_a_second_look_leaves_another_program_s_login) { for_kinds(look_again); judge_other_login(false); }

// ---- One model each ----

// Whatever else a model does: its token, a login and a signature of 9A.
// What a later search finds to be as it was keeps its handle, of however much of it was read.
TEST(piv_a_later_search_leaves_the_handles_of_what_is_the_same)
{
    static const struct sim_piv_options some[] = {
        { .n_keys = 0 }, { .extended = true }, { .pieces = true }, { .pieces = true, .yubikey = true } };
    static const CK_OBJECT_CLASS classes[] = { CKO_PUBLIC_KEY, CKO_CERTIFICATE };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
        CK_SESSION_HANDLE session = 0;
        CHECK_RV(scard11_configure("SCARD11_BELIEVED", "0"), CKR_OK);
        CHECK_RV(scene_begin(&some[i]), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        for (CK_BYTE id = 1; id <= 4 && !test_failing; id++) {
            for (size_t c = 0; c < 2 && !test_failing; c++) {
                CK_OBJECT_HANDLE first, later;
                CHECK_RV(scene_find(session, classes[c], id, &first), CKR_OK);
                CHECK_RV(scene_find(session, classes[c], id, &later), CKR_OK);
                CHECK(first && first == later);
            }
        }
        scene_end();
        CHECK_RV(scard11_configure("SCARD11_BELIEVED", "4294967295"), CKR_OK);
    }
}

TEST(piv_models_sign_with_9a)
{
    static const struct sim_piv_key two[] = { { 0x9a, SIM_RSA2048A, false, false, 0 },
                                              { 0x82, SIM_P256B, false, false, 0 } };
    static const struct sim_piv_options models[] = {
        { WHOLE, .keeps_login = true, .sw_logout = 0x6d00 },
        { .extended = true, .discovery = SIM_USELESS_DISCOVERY },
        { WHOLE, .yubikey = true, .touch_key = 0x9a },
        { WHOLE, .yubikey = true, .simple_refused = true },
        { WHOLE, .keys = two, .n_keys = 2, .retired = 1, .consent_key = 0x82 },
        { WHOLE, .yubikey = true, .yubikey_lacks = SIM_NO_METADATA },
    };
    kind = &kinds[0];
    for (size_t i = 0; i < COUNT(models); i++) {
        CK_SESSION_HANDLE session;
        CK_TOKEN_INFO token;
        CHECK_RV(scene_begin(&models[i]), CKR_OK);
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        CHECK_RV(scene_login(&session), CKR_OK);
        CHECK_RV(sign_with(session, 1), CKR_OK);
        scene_end();
    }
}

// Nobody touches the key in time: that is one refusal, and the login stays.
TEST(piv_a_missed_touch_costs_no_login)
{
    struct sim_piv_options o = { WHOLE, .yubikey = true, .touch_key = 0x9a };
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    kind = &kinds[0];
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    unsigned signatures = sim_piv_signatures(scene_card);
    for (int i = 0; i < 2; i++) {
        sim_piv_miss_touches(scene_card, 1);
        CHECK_RV(sign_with(session, 1), CKR_FUNCTION_REJECTED);
        CHECK_EQ(sim_piv_signatures(scene_card), signatures);       // nor was it asked again
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
        CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    }
    CHECK_RV(sign_with(session, 1), CKR_OK);
    CHECK_EQ(sim_piv_verifies(scene_card), 1);
    scene_end();
}

// 5.7 refuses simple PINs, by 6985: that is no matter of logins.
TEST(piv_a_simple_pin_is_refused)
{
    struct sim_piv_options o = { WHOLE, .yubikey = true, .simple_refused = true };
    CK_SESSION_HANDLE session;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_UTF8CHAR_PTR)"111111", 6), CKR_PIN_INVALID);
    CHECK_RV(C_SetPIN(session, PIN, 6, (CK_UTF8CHAR_PTR)"712853", 6), CKR_OK);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

// A retired key whose certificate is for nonRepudiation wants the PIN each time.
TEST(piv_a_retired_key_of_consent_wants_the_pin_each_time)
{
    static const struct sim_piv_key keys[] = { { 0x9a, SIM_RSA2048A, false, false, 0 },
                                               { 0x82, SIM_P256B, false, false, 0 } };
    struct sim_piv_options o = { WHOLE, .keys = keys, .n_keys = 2, .retired = 1,
                                 .consent_key = 0x82 };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BBOOL always = 9;
    CK_ATTRIBUTE a = { CKA_ALWAYS_AUTHENTICATE, &always, 1 };
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 5, &key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, key, &a, 1), CKR_OK);
    CHECK_EQ(always, CK_TRUE);
    for (int i = 0; i < 2; i++) {
        CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
        CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
        sig_len = sizeof sig;
        CHECK_RV(C_Sign(session, text, sizeof text, sig, &sig_len), CKR_OK);
        CHECK(scene_good(SIM_P256B, text, sizeof text, sig, sig_len));
    }
    scene_end();
}

// ---- Which PIN ----

// The tries left of a PIN, as the card says.
static int tries_of(CK_BYTE reference)
{
    static uint8_t rsp[300];
    const CK_BYTE ask[] = { 0, 0x20, 0, reference };
    scene_card->apdu(scene_card, select_piv, sizeof select_piv, rsp, sizeof rsp);
    size_t n = scene_card->apdu(scene_card, ask, sizeof ask, rsp, sizeof rsp);
    return n == 2 && rsp[0] == 0x63 ? rsp[1] & 15 : 0;
}

// Where the global PIN is the primary one, it is what C_Login and C_SetPIN send, whatever came
// before; no try of the application's own is taken. From a wrong PIN on its tries are told.
TEST(piv_the_global_pin_is_asked_for)
{
    struct sim_piv_options o = { WHOLE };
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    o.discovery = SIM_GLOBAL_PIN;
    for (int way = 0; way < 4; way++) {
        o.long_chuid = way == 2;
        CHECK_RV(scene_begin(&o), CKR_OK);
        if (way == 3) sim_reader_foreign(0, idle, NULL);
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        if (way == 1)
            CHECK_RV(C_SetPIN(session, PIN, 6, (CK_UTF8CHAR_PTR)"712853", 6), CKR_OK);
        CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)"999999", 6), CKR_PIN_INCORRECT);
        CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
        CHECK(token.flags & CKF_USER_PIN_COUNT_LOW);
        CHECK_RV(C_Login(session, CKU_USER, way == 1 ? (CK_UTF8CHAR_PTR)"712853" : PIN, 6), CKR_OK);
        CHECK_RV(C_CloseSession(session), CKR_OK);
        CHECK_EQ(tries_of(0x80), 3);
        CHECK_EQ(tries_of(0x00), 3);
        scene_end();
    }
}

// The application's own PIN is blocked, or was never set: nobody is told that of the global one.
TEST(piv_the_application_s_pin_may_be_blocked)
{
    struct sim_piv_options o = { WHOLE, .own_blocked = true };
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    o.discovery = SIM_GLOBAL_PIN;
    kind = &kinds[0];
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK(!(token.flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)));
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    scene_end();
}

// Another program has selected its application since the card was looked at: what that says of the
// discovery object is not believed.
TEST(piv_the_global_pin_after_another_program)
{
    struct sim_piv_options o = { WHOLE };
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    o.discovery = SIM_GLOBAL_PIN;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(C_GetTokenInfo(scene_slot, &token), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    sim_piv_select_other(scene_card);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    CHECK_EQ(tries_of(0x80), 3);
    scene_end();
}

// ---- Certificates that come in pieces ----

static struct sim_piv_options in_pieces = { .pieces = true, .discovery = SIM_APPLICATION_PIN };

// A value of an object, by class and CKA_ID. false: there is none, or it has none.
static bool value_of(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_BYTE id,
                     CK_ATTRIBUTE_TYPE type, CK_BYTE *value, CK_ULONG *n)
{
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE a = { type, value, *n };
    if (scene_find(session, class, id, &object) || !object ||
        C_GetAttributeValue(session, object, &a, 1)) return false;
    *n = a.ulValueLen;
    return true;
}

static bool may(CK_SESSION_HANDLE session, CK_BYTE id, CK_ATTRIBUTE_TYPE use)
{
    CK_BYTE yes = 9;
    CK_ULONG n = 1;
    return value_of(session, CKO_PRIVATE_KEY, id, use, &yes, &n) && n == 1 && yes == CK_TRUE;
}

// A key is looked for, and used: its certificate is read as far as the key. What stands before that
// is known; the rest is read when it is asked for, once.
TEST(piv_a_certificate_is_read_as_far_as_it_is_asked_for)
{
    static CK_BYTE value[2048];
    CK_SESSION_HANDLE session;
    size_t len;
    const uint8_t *der = sim_piv_certificate(SIM_RSA2048A, &len);
    CK_ULONG n = sizeof value;
    kind = &kinds[0];
    CHECK_RV(scene_begin(&in_pieces), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    unsigned before = scene_card->apdus;
    CHECK(value_of(session, CKO_PRIVATE_KEY, 1, CKA_MODULUS, value, &n) && n == 256);
    CHECK(memmem(der, len, value, n));
    n = sizeof value;
    CHECK(value_of(session, CKO_PUBLIC_KEY, 1, CKA_PUBLIC_KEY_INFO, value, &n));
    CHECK(memmem(der, len, value, n));
    n = sizeof value;
    CHECK(value_of(session, CKO_PRIVATE_KEY, 1, CKA_SUBJECT, value, &n));
    CHECK(n && memmem(der, len, value, n));
    CHECK_EQ(scene_card->apdus, before + 2);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    CHECK_EQ(scene_card->apdus, before + 2 + 3);
    n = sizeof value;
    CHECK(value_of(session, CKO_CERTIFICATE, 1, CKA_VALUE, value, &n));
    CHECK(n == len && !memcmp(value, der, n));
    CHECK_EQ(scene_card->apdus, before + 5 + 3);
    n = sizeof value;
    CHECK(value_of(session, CKO_CERTIFICATE, 1, CKA_ISSUER, value, &n));
    CHECK(n && memmem(der, len, value, n));
    CHECK(may(session, 1, CKA_SIGN) && !may(session, 1, CKA_DERIVE));
    CHECK_EQ(scene_card->apdus, before + 8);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    scene_end();
}

// Which comes first does not matter: a certificate is read once where it was looked for before.
TEST(piv_a_certificate_that_was_read_is_not_read_for_its_key)
{
    static CK_BYTE value[2048];
    CK_SESSION_HANDLE session;
    CK_ULONG n = sizeof value;
    CHECK_RV(scene_begin(&in_pieces), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK(value_of(session, CKO_CERTIFICATE, 1, CKA_VALUE, value, &n));
    unsigned before = scene_card->apdus;
    n = sizeof value;
    CHECK(value_of(session, CKO_PRIVATE_KEY, 1, CKA_MODULUS, value, &n));
    CHECK(may(session, 1, CKA_SIGN));
    CHECK_EQ(scene_card->apdus, before);
    scene_end();
}

// The data object of a certificate of SIM_P256B, for key agreement and nothing else.
static size_t for_agreement(uint8_t *out)
{
    size_t n;
    const uint8_t *der = sim_key_consent(&n);
    uint8_t head[] = { 0x53, 0x82, (uint8_t)((n + 4) >> 8), (uint8_t)(n + 4),
                       0x70, 0x82, (uint8_t)(n >> 8), (uint8_t)n };
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, der, n);
    uint8_t *usage = memmem(out, n, "\x55\x1d\x0f", 3);
    while (usage && memcmp(usage, "\x03\x02", 2)) usage++;
    if (usage) usage[2] = 3, usage[3] = 0x08;
    return n + sizeof head;
}

// What a key may be used for stands behind it in its certificate. Asked for, it is read; and before
// a key is refused.
TEST(piv_what_a_key_is_for_is_read_when_it_is_asked_for)
{
    static uint8_t object[1024];
    static const uint8_t *point = sim_p256_point;
    CK_ECDH1_DERIVE_PARAMS dh = { CKD_NULL, 0, NULL, 65, (CK_BYTE *)(uintptr_t)point };
    CK_MECHANISM derive = { CKM_ECDH1_DERIVE, &dh, sizeof dh };
    CK_MECHANISM sign = { CKM_ECDSA_SHA256, NULL, 0 };
    for (int way = 0; way < 3; way++) {
        struct sim_piv_options o = in_pieces;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key, secret;
        o.object = object;
        o.object_len = for_agreement(object);
        o.object_tag = 0x5fc101;
        CHECK_RV(scene_begin(&o), CKR_OK);
        CHECK_RV(scene_login(&session), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 4, &key), CKR_OK);
        if (way == 0) CHECK_RV(C_DeriveKey(session, &derive, key, NULL, 0, &secret), CKR_OK);
        if (way == 1) CHECK(may(session, 4, CKA_DERIVE) && !may(session, 4, CKA_SIGN));
        if (way == 2) CHECK(!may(session, 4, CKA_SIGN) && may(session, 4, CKA_DERIVE));
        CHECK_RV(C_SignInit(session, &sign, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        CHECK(!may(session, 4, CKA_SIGN) && may(session, 4, CKA_DERIVE));
        scene_end();
    }
}

// A compressed certificate shows nothing before it is whole; one that cannot be used is read to its
// end, and is none.
TEST(piv_certificates_in_pieces_that_must_come_whole)
{
    static const struct sim_piv_key packed[] = { { 0x9a, SIM_RSA2048A, false, true, 0 },
                                                 { 0x9e, SIM_P256B, false, true, 0 } };
    static uint8_t broken[700];
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    struct sim_piv_options o = in_pieces;
    kind = &kinds[0];
    o.keys = packed;
    o.n_keys = 2;
    CK_RV unpacked = SCARD11_ZLIB ? CKR_OK : CKR_KEY_HANDLE_INVALID;    // no certificate, no key
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(sign_with(session, 1), unpacked);
    CHECK_RV(sign_with(session, 4), unpacked);
    scene_end();
    o = in_pieces;
    memset(broken, 0x30, sizeof broken);
    memcpy(broken, "\x53\x82\x02\xb8\x70\x82\x02\xb4", 8);
    o.object = broken;
    o.object_len = sizeof broken;
    o.object_tag = 0x5fc101;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 4, &key), CKR_OK);
    CHECK(!key);
    CHECK_RV(sign_with(session, 1), CKR_OK);
    scene_end();
}

// Keys without certificate: by metadata; before there was that, by the attestation of each; and on
// a card that has neither, none.
TEST(piv_keys_without_certificate)
{
    static const struct sim_piv_key bare[] = { { 0x9a, SIM_RSA2048A, true, false, 0 },
        { 0x9c, SIM_P256A, true, false, 0 }, { 0x9e, SIM_P256B, true, false, 0 } };
    static const struct { unsigned lacks; bool yubikey, seen; } cards[] = {
        { 0, true, true }, { SIM_NO_ATTESTATION, true, true }, { SIM_NO_METADATA, true, true },
        { SIM_NO_METADATA | SIM_NO_ATTESTATION, true, false }, { 0, false, false } };
    kind = &kinds[0];
    for (size_t i = 0; i < COUNT(cards); i++) {
        struct sim_piv_options o = { WHOLE, .keys = bare, .n_keys = 3, .yubikey = cards[i].yubikey,
                                     .yubikey_lacks = cards[i].lacks };
        CK_SESSION_HANDLE session;
        CHECK_RV(scene_begin(&o), CKR_OK);
        CHECK_RV(scene_login(&session), CKR_OK);
        CHECK_RV(sign_with(session, 1), cards[i].seen ? CKR_OK : CKR_KEY_HANDLE_INVALID);
        CHECK_RV(sign_with(session, 2), cards[i].seen ? CKR_OK : CKR_KEY_HANDLE_INVALID);
        scene_end();
    }
}

// ---- Public certificates ----

// Does a token promise what lets NSS look for certificates without a login? 9: no answer.
static CK_ULONG promises(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_PROFILE;
    CK_PROFILE_ID id = CKP_PUBLIC_CERTIFICATES_TOKEN;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_PROFILE_ID, &id, sizeof id } };
    CK_OBJECT_HANDLE object = 0;
    if (scene_search(session, t, 2, &object)) return 9;
    return object != 0;
}

// A key that needs no PIN is seen before the login, and NSS would not log in to use it: a card that
// has one, in whichever place, promises nothing. Only metadata tells of one outside 9E. It is asked
// for once, and not again when keys are looked for.
TEST(piv_public_certificates_are_promised_where_every_key_wants_the_pin)
{
    static const struct {
        bool yubikey;
        unsigned lacks;
        enum sim_policy a;
        uint8_t other;                  // another key than 9A's; 0: none
        enum sim_policy policy;         // its
        bool promised;
        unsigned cost;                  // commands; with metadata one to be sure and four, and
                                        // the certificate of a key that is found
    } cards[] = {
        { true, 0, SIM_PIN_BY_SLOT, 0, SIM_PIN_BY_SLOT, true, 5 },
        { true, 0, SIM_PIN_NEVER, 0, SIM_PIN_BY_SLOT, false, 7 },
        { true, 0, SIM_PIN_BY_SLOT, 0x9c, SIM_PIN_NEVER, false, 7 },
        { true, 0, SIM_PIN_BY_SLOT, 0x9d, SIM_PIN_NEVER, false, 7 },
        { true, 0, SIM_PIN_BY_SLOT, 0x9e, SIM_PIN_BY_SLOT, false, 7 },
        { true, 0, SIM_PIN_BY_SLOT, 0x9e, SIM_PIN_ONCE, true, 5 },
        { true, SIM_NO_METADATA, SIM_PIN_BY_SLOT, 0, SIM_PIN_BY_SLOT, true, 4 },
        { true, SIM_NO_METADATA, SIM_PIN_BY_SLOT, 0x9e, SIM_PIN_BY_SLOT, false, 3 },
        { false, 0, SIM_PIN_BY_SLOT, 0, SIM_PIN_BY_SLOT, true, 3 },
        { false, 0, SIM_PIN_BY_SLOT, 0x9e, SIM_PIN_BY_SLOT, false, 1 },
    };
    for (size_t i = 0; i < COUNT(cards); i++) {
        const struct sim_piv_key keys[] = {
            { .ref = 0x9a, .key = SIM_RSA2048A, .policy = cards[i].a },
            { .ref = cards[i].other, .key = SIM_P256A, .policy = cards[i].policy } };
        struct sim_piv_options o = { WHOLE, .keys = keys, .n_keys = cards[i].other ? 2 : 1,
                                     .yubikey = cards[i].yubikey, .yubikey_lacks = cards[i].lacks };
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;
        CHECK_RV(scene_begin(&o), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        unsigned before = scene_card->apdus;
        CHECK_EQ(promises(session), cards[i].promised);
        if (SCARD11_ANSWER > 258) CHECK_EQ(scene_card->apdus - before, cards[i].cost);
        before = scene_card->apdus;
        CHECK_EQ(promises(session), cards[i].promised);
        CHECK_EQ(scene_card->apdus, before);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        if (!key) CHECK_EQ(scene_card->apdus, before);
        CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        CHECK_EQ(promises(session), cards[i].promised);
        scene_end();
    }
}

#include "cards_piv_admin.h"

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(piv_cards_work);
    if (SCARD11_ANSWER > 258) RUN(piv_budgets);
    RUN(piv_a_look_leaves_another_program_s_login);
    RUN(piv_a_second_look_leaves_another_program_s_login);
    RUN(piv_a_later_search_leaves_the_handles_of_what_is_the_same);
    RUN(piv_models_sign_with_9a);
    RUN(piv_a_missed_touch_costs_no_login);
    RUN(piv_a_simple_pin_is_refused);
    RUN(piv_a_retired_key_of_consent_wants_the_pin_each_time);
    RUN(piv_the_global_pin_is_asked_for);
    RUN(piv_the_application_s_pin_may_be_blocked);
    RUN(piv_the_global_pin_after_another_program);
    RUN(piv_a_certificate_is_read_as_far_as_it_is_asked_for);
    RUN(piv_a_certificate_that_was_read_is_not_read_for_its_key);
    RUN(piv_what_a_key_is_for_is_read_when_it_is_asked_for);
    RUN(piv_certificates_in_pieces_that_must_come_whole);
    RUN(piv_keys_without_certificate);
    RUN(piv_public_certificates_are_promised_where_every_key_wants_the_pin);
    piv_admin_cases();
    return test_end();
}
