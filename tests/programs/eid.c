// eid.c: what is particular to the eID cards of tests/programs/kinds.h: two PINs in two slots, the PIN
// before each qualified signature, who holds the card as data objects; and every fault at every command of
// what is done with such a card. SPDX-License-Identifier: 0BSD
#define SCARD11_LOOK_MS 0               // no look is young: each call finds out by itself
#include "../../scard11.c"
#include "kinds.h"

static const struct cards_kind *kind;
static struct sim_card *card, *other;       // in the reader; to be swapped with it
static CK_SLOT_ID slots[2];
static CK_SESSION_HANDLE sessions[2];       // of each token
static CK_BYTE text[] = "signed", out[4096];
static CK_ULONG out_len;

static bool two_pins(void) { return kind->tokens[1].pin; }

// ---- A card in a reader ----

static void begin(void)
{
    CK_ULONG n = 2;
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    sessions[0] = sessions[1] = 0;
    card = scene_card = kind->make(false);
    other = kind->make(true);
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    CHECK_EQ(n, two_pins() ? 2 : 1);
}

static void end(void)
{
    scene_end();
    other->free(other);
}

static CK_RV open_token(unsigned token)
{
    return C_OpenSession(slots[token], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                         &sessions[token]);
}

static CK_RV login_as(unsigned token, CK_USER_TYPE user, const char *pin)
{
    return C_Login(sessions[token], user, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV login(unsigned token)
{
    return login_as(token, CKU_USER, kind->tokens[token].pin);
}

static struct sim_fs_pin *pin_of(unsigned token)
{
    return &((struct sim_fs *)card)->pins[kind->tokens[token].index];
}

static CK_STATE state(unsigned token)
{
    CK_SESSION_INFO info = { .state = 99 };
    C_GetSessionInfo(sessions[token], &info);
    return info.state;
}

// The key for authentication is the first of the table, that for signatures the second.
static const struct cards_key *key_of(bool qualified) { return &kind->keys[qualified]; }

static CK_RV find_key(bool qualified, CK_OBJECT_HANDLE *key)
{
    const struct cards_key *k = key_of(qualified);
    CK_RV rv = scene_find(sessions[k->token], CKO_PRIVATE_KEY, k->id, key);
    return rv ? rv : *key ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

// What was right once is not computed again: eid_faults has the same signatures hundreds of times.
static struct { const struct sim_key_data *key; CK_BYTE sig[512]; size_t n; } proven[2];

static bool good(bool qualified)
{
    bool second = other->signatures > 0;
    const struct sim_key_data *d = sim_key_data(cards_which(key_of(qualified), second));
    uint8_t hash[32], der[120];
    mbedtls_x509_crt crt;
    size_t at = 0, half = out_len / 2;
    if (out_len && proven[qualified].key == d && proven[qualified].n == out_len &&
        !memcmp(proven[qualified].sig, out, out_len)) return true;
    mbedtls_x509_crt_init(&crt);
    mbedtls_sha256(text, sizeof text, hash, 0);
    if (mbedtls_x509_crt_parse_der(&crt, d->certificate, d->certificate_len)) abort();
    if (!d->rsa) {
        for (int i = 0; i < 2; i++) {
            const CK_BYTE *p = out + (size_t)i * half;
            size_t n = half;
            while (n > 1 && !*p) p++, n--;
            der[2 + at++] = 2;
            der[2 + at++] = (uint8_t)(n + (*p >> 7));
            if (*p & 0x80) der[2 + at++] = 0;
            memcpy(der + 2 + at, p, n);
            at += n;
        }
        der[0] = 0x30;
        der[1] = (uint8_t)at;
    }
    int rc = mbedtls_pk_verify(&crt.pk, MBEDTLS_MD_SHA256, hash, 32, d->rsa ? out : der, d->rsa
                               ? out_len : at + 2);
    mbedtls_x509_crt_free(&crt);
    if (rc || out_len > sizeof proven->sig) return !rc;
    proven[qualified].key = d;
    memcpy(proven[qualified].sig, out, proven[qualified].n = out_len);
    return true;
}

static CK_MECHANISM mechanism(void)
{
    return (CK_MECHANISM){ sim_key_data(kind->keys->key)->rsa ? CKM_SHA256_RSA_PKCS
                           : CKM_ECDSA_SHA256, NULL, 0 };
}

static CK_RV sign_init(bool qualified)
{
    CK_MECHANISM m = mechanism();
    CK_OBJECT_HANDLE key;
    CK_RV rv = find_key(qualified, &key);
    return rv ? rv : C_SignInit(sessions[key_of(qualified)->token], &m, key);
}

static CK_RV finish(bool qualified)
{
    out_len = sizeof out;
    CK_RV rv = C_Sign(sessions[key_of(qualified)->token], text, sizeof text, out, &out_len);
    return rv || good(qualified) ? rv : CKR_GENERAL_ERROR;
}

static CK_RV sign(bool qualified)
{
    unsigned token = key_of(qualified)->token;
    CK_RV rv = sign_init(qualified);
    if (!rv && qualified) rv = login_as(token, CKU_CONTEXT_SPECIFIC, kind->tokens[token].pin);
    return rv ? rv : finish(qualified);
}

// ---- Two PINs ----

// Both at once, taking turns; the end of one login on such a card is the end of both.
TEST(eid_two_slots)
{
    CK_TOKEN_INFO info[2];
    begin();
    if (test_failing || !two_pins()) { end(); return; }
    for (unsigned t = 0; t < 2; t++) {
        CHECK_RV(C_GetTokenInfo(slots[t], &info[t]), CKR_OK);
        CHECK_RV(open_token(t), CKR_OK);
    }
    CHECK(memcmp(info[0].label, info[1].label, 32));
    CHECK(!memcmp(info[0].serialNumber, info[1].serialNumber, 16));
    CHECK_RV(login(1), CKR_OK);                 // PIN2 alone
    CHECK_RV(sign(true), CKR_OK);
    CHECK_EQ(state(0), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(0), CKR_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_RV(sign(false), CKR_OK);
        CHECK_RV(sign(true), CKR_OK);
        CHECK_RV(sign(false), CKR_OK);          // PIN1 is verified still
    }
    CHECK_EQ(pin_of(0)->left, kind->tokens[0].tries);
    CHECK_EQ(pin_of(1)->left, kind->tokens[1].tries);
    CHECK_RV(C_Logout(sessions[1]), CKR_OK);
    CHECK(!pin_of(0)->verified && !pin_of(1)->verified);
    CHECK_EQ(state(0), CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(state(1), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(0), CKR_OK);
    CHECK_RV(sign(false), CKR_OK);
    CHECK_EQ(card->stray_secrets, 0);
    end();
}

// The one event that is there now. false: there is none, or another after it.
static bool next_event(CK_SLOT_ID want, bool last)
{
    CK_SLOT_ID id;
    if (C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL) != CKR_OK || id != want) return false;
    return !last || C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL) == CKR_NO_EVENT;
}

static bool has_token(unsigned token)
{
    CK_SLOT_INFO info;
    return !C_GetSlotInfo(slots[token], &info) && info.flags & CKF_TOKEN_PRESENT;
}

// The second slot has its events when its token comes, which is when somebody asks what the card has,
// and when it goes: each with what C_GetSlotInfo then says.
TEST(eid_events_of_two_slots)
{
    CK_TOKEN_INFO info;
    CK_ULONG n = 0;
    CK_SLOT_ID id;
    begin();
    if (test_failing || !two_pins()) { end(); return; }
    CHECK_RV(C_GetTokenInfo(slots[0], &info), CKR_OK);
    while (!C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL)) {}
    for (int i = 0; i < 3; i++) {
        sim_reader_eject(0);
        CHECK(next_event(slots[0], false) && next_event(slots[1], true));
        CHECK(!has_token(0) && !has_token(1));
        sim_reader_insert(0, card);
        CHECK(next_event(slots[0], true));
        CHECK(has_token(0) && !has_token(1));
        CHECK_RV(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
        CHECK_EQ(n, 2);
        CHECK(next_event(slots[1], true));
        CHECK(has_token(0) && has_token(1));
    }
    end();
}

// A key of one, at work when the other's C_Logout ends both logins: the library knows, and says so
// without asking the card. No PIN is sent for it, no try is lost.
TEST(eid_logout_of_the_other)
{
    begin();
    if (test_failing || !two_pins()) { end(); return; }
    for (unsigned q = 0; q < 2; q++) {          // whose key: not the qualified one's, the one's
        unsigned mine = key_of(q)->token, signatures, commands, verifies;
        if (!q) CHECK_RV(open_token(0), CKR_OK);
        if (!q) CHECK_RV(open_token(1), CKR_OK);
        for (int begun = 0; begun < 2; begun++) {
            CHECK_RV(login(0), CKR_OK);
            CHECK_RV(login(1), CKR_OK);
            CHECK_RV(sign(q), CKR_OK);
            CHECK_RV(sign_init(q), CKR_OK);
            if (q && begun) CHECK_RV(login_as(mine, CKU_CONTEXT_SPECIFIC, kind->tokens[mine].pin),
                                     CKR_OK);
            CHECK_RV(C_Logout(sessions[!mine]), CKR_OK);
            CHECK_EQ(state(mine), CKS_RW_PUBLIC_SESSION);
            signatures = card->signatures, commands = card->apdus, verifies = card->verifies;
            if (q && !begun) CHECK_RV(login_as(mine, CKU_CONTEXT_SPECIFIC, kind->tokens[mine].pin),
                                      CKR_USER_NOT_LOGGED_IN);
            CHECK_RV(finish(q), CKR_USER_NOT_LOGGED_IN);
            CHECK_RV(sign_init(q), CKR_KEY_HANDLE_INVALID);     // it is hidden now
            CHECK_EQ(card->apdus, commands);
            CHECK(card->signatures == signatures && card->verifies == verifies);
        }
    }
    for (unsigned t = 0; t < 2; t++) CHECK_EQ(pin_of(t)->left, kind->tokens[t].tries);
    CHECK_EQ(card->stray_secrets, 0);
    end();
}

// The PIN of one is not the PIN of the other, and their tries are counted apart.
TEST(eid_pins_are_apart)
{
    begin();
    if (test_failing || !two_pins()) { end(); return; }
    CHECK_RV(open_token(0), CKR_OK);
    CHECK_RV(open_token(1), CKR_OK);
    CHECK_RV(login_as(0, CKU_USER, kind->tokens[1].pin), CKR_PIN_INCORRECT);
    CHECK_EQ(pin_of(0)->left, kind->tokens[0].tries - 1);
    CHECK_EQ(pin_of(1)->left, kind->tokens[1].tries);
    CHECK_RV(login_as(1, CKU_USER, kind->tokens[0].pin), CKR_PIN_INCORRECT);
    CHECK_EQ(pin_of(1)->left, kind->tokens[1].tries - 1);
    CHECK_RV(login(0), CKR_OK);
    CHECK_EQ(pin_of(1)->left, kind->tokens[1].tries - 1);
    CHECK_RV(login(1), CKR_OK);
    CHECK_RV(sign(false), CKR_OK);              // the second login left the first alone
    end();
}

// ---- The PUK ----

static CK_RV init_pin(unsigned token, const char *pin)
{
    return C_InitPIN(sessions[token], (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

// A blocked PIN is freed with the PUK, which is counted, too. A Belgian one stays what it was.
static void check_unblock(unsigned token)
{
    const char *puk = two_pins() ? kind->tokens[token].puk : "123456789012", *pin =
        kind->tokens[token].pin, *fresh = two_pins() ? "864209" : pin;
    struct sim_fs *f = (struct sim_fs *)card;
    struct sim_fs_pin *the_puk = &f->pins[two_pins() ? 2 : 1];
    char wrong[20];
    CHECK_RV(open_token(token), CKR_OK);
    strcpy(wrong, pin);
    wrong[0] ^= 1;
    while (pin_of(token)->left) CHECK(login_as(token, CKU_USER, wrong) != CKR_OK);
    CHECK_RV(login(token), CKR_PIN_LOCKED);
    strcpy(wrong, puk);
    wrong[0] ^= 1;
    CK_RV rv = login_as(token, CKU_SO, wrong);  // the card is asked at once, or by the first use
    if (!rv) rv = init_pin(token, fresh);
    CHECK_RV(rv, CKR_PIN_INCORRECT);
    CHECK_EQ(the_puk->left, the_puk->tries - 1);
    C_Logout(sessions[token]);
    CHECK_RV(login_as(token, CKU_SO, puk), CKR_OK);
    CHECK_RV(init_pin(token, fresh), CKR_OK);
    CHECK_EQ(the_puk->left, the_puk->tries);
    CHECK_RV(C_Logout(sessions[token]), CKR_OK);
    CHECK_EQ(pin_of(token)->left, kind->tokens[token].tries);
    if (two_pins()) CHECK_RV(login(token), CKR_PIN_INCORRECT);
    CHECK_RV(login_as(token, CKU_USER, fresh), CKR_OK);
    CHECK_RV(C_CloseSession(sessions[token]), CKR_OK);
}

TEST(eid_puk)
{
    begin();
    for (unsigned t = 0; t < 1 + (unsigned)two_pins() && !test_failing; t++) check_unblock(t);
    end();
}

// ---- The PIN before each qualified signature ----

TEST(eid_each_signature_wants_the_pin)
{
    unsigned token = key_of(true)->token;
    char wrong[20];
    strcpy(wrong, kind->tokens[token].pin);
    wrong[0] ^= 1;
    begin();
    if (test_failing) return;
    CHECK_RV(open_token(token), CKR_OK);
    CHECK_RV(login(token), CKR_OK);
    CHECK_RV(sign_init(true), CKR_OK);
    out_len = sizeof out;
    CHECK_RV(C_Sign(sessions[token], text, sizeof text, out, &out_len), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(card->signatures, 0);
    CHECK_RV(sign_init(true), CKR_OK);
    CHECK_RV(login_as(token, CKU_CONTEXT_SPECIFIC, wrong), CKR_PIN_INCORRECT);
    CHECK_EQ(pin_of(token)->left, kind->tokens[token].tries - 1);
    CHECK_RV(login_as(token, CKU_CONTEXT_SPECIFIC, kind->tokens[token].pin), CKR_OK);
    CHECK_RV(finish(true), CKR_OK);
    CHECK_EQ(pin_of(token)->left, kind->tokens[token].tries);
    CHECK_RV(sign_init(true), CKR_OK);          // that PIN was for that signature
    out_len = sizeof out;
    CHECK_RV(C_Sign(sessions[token], text, sizeof text, out, &out_len), CKR_USER_NOT_LOGGED_IN);
    for (int i = 0; i < 3; i++) CHECK_RV(sign(true), CKR_OK);
    CHECK_EQ(card->signatures, 4);
    end();
}

// ---- Who holds the card ----

static CK_RV read_data(const char *label)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL private = CK_TRUE;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
    CK_ATTRIBUTE v[] = { { CKA_VALUE, out, sizeof out }, { CKA_PRIVATE, &private, 1 } };
    CK_OBJECT_HANDLE o;
    CK_RV rv = scene_search(sessions[0], t, 2, &o);
    if (!rv && !o) return CKR_OBJECT_HANDLE_INVALID;
    if (!rv) rv = C_GetAttributeValue(sessions[0], o, v, 2);
    out_len = v[0].ulValueLen;
    return rv ? rv : private ? CKR_GENERAL_ERROR : CKR_OK;
}

static void check_value(const char *label, const char *want)
{
    if (test_failing) return;
    CHECK_RV(read_data(label), CKR_OK);
    CHECK(out_len == strlen(want) && !memcmp(out, want, out_len));
}

static void check_person(void)
{
    check_value("Surname", "J\xc3\x95" "EORG");
    check_value("First name", "JAAK-KRISTJAN");
    check_value("Personal identification code", "38001085718");
    check_value("Expiry date", strstr(kind->name, "2025") ? "07 12 2030" : "07 12 2028");
    check_value("Document number", strstr(kind->name, "2025") ? "AT0001111" : "AS0001111");
    if (test_failing) return;
    CHECK_RV(read_data("Notes 5"), CKR_OK);
    CHECK(out_len == 1 && !*out);
}

static void check_belgian(void)
{
    struct sim_fs *f = (struct sim_fs *)card;
    static const struct { const char *label, *path; } files[] = {
        { "DATA_FILE", "3f00df014031" }, { "SIGN_DATA_FILE", "3f00df014032" },
        { "ADDRESS_FILE", "3f00df014033" }, { "SIGN_ADDRESS_FILE", "3f00df014034" },
        { "PHOTO_FILE", "3f00df014035" }, { "CERT_RN_FILE", "3f00df00503c" } };
    for (size_t i = 0; i < sizeof files / sizeof *files && !test_failing; i++) {
        const struct sim_fs_file *file = sim_fs_path(f, files[i].path);
        CHECK_RV(read_data(files[i].label), CKR_OK);
        CHECK(out_len == file->data_len && !memcmp(out, file->data, out_len));
    }
}

TEST(eid_data)
{
    begin();
    if (test_failing) return;
    CHECK_RV(open_token(0), CKR_OK);
    if (kind->data == 15) check_person();
    if (kind->data == 6) check_belgian();
    if (test_failing) return;
    unsigned commands = card->apdus;
    if (kind->data) CHECK_RV(read_data(kind->data == 15 ? "Surname" : "PHOTO_FILE"), CKR_OK);
    CHECK_EQ(card->apdus, commands);            // it was read once
    CHECK_RV(login(0), CKR_OK);
    CHECK_RV(sign(false), CKR_OK);
    if (kind->data == 15) check_person();       // with a login, which it leaves alone
    if (kind->data == 6) check_belgian();
    if (test_failing) return;
    CHECK_RV(sign(false), CKR_OK);
    end();
}

// ---- Faults ----

static CK_RV prepare_nothing(void) { return CKR_OK; }

static CK_RV prepare_sessions(void)
{
    CK_RV rv = open_token(0);
    return rv || !two_pins() ? rv : open_token(1);
}

static CK_RV prepare_login(void)
{
    CK_RV rv = prepare_sessions();
    return rv ? rv : login(0);
}

static CK_RV prepare_signed(void)
{
    CK_RV rv = prepare_login();
    return rv ? rv : sign(false);
}

static CK_RV prepare_context(void)
{
    CK_RV rv = prepare_sessions();
    if (!rv) rv = login(key_of(true)->token);
    return rv ? rv : sign_init(true);
}

static CK_RV do_token(void)
{
    CK_TOKEN_INFO info;
    CK_RV rv = CKR_OK;
    for (unsigned t = 0; t < 1 + (unsigned)two_pins() && !rv; t++)
        rv = C_GetTokenInfo(slots[t], &info);
    return rv;
}

static CK_RV do_list(void)
{
    CK_ULONG n;
    CK_RV rv = scene_count(sessions[0], NULL, 0, &n);
    return rv || !kind->data ? rv : read_data(kind->data == 15 ? "Surname" : "ADDRESS_FILE");
}

static CK_RV do_login(void) { return login(0); }
static CK_RV do_sign(void) { return sign(false); }

static CK_RV do_context(void)
{
    unsigned token = key_of(true)->token;
    CK_RV rv = login_as(token, CKU_CONTEXT_SPECIFIC, kind->tokens[token].pin);
    return rv ? rv : finish(true);
}

static CK_RV do_set_pin(void)
{
    const char *pin = kind->tokens[two_pins()].pin;
    return C_SetPIN(sessions[two_pins()], (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin),
                    (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV do_logout(void) { return C_Logout(sessions[0]); }

static const struct scene {
    const char *name;
    CK_RV (*prepare)(void), (*run)(void);
    bool login;                     // needs the login, or makes it
} scenes[] = {
    { "token", prepare_nothing, do_token, false }, { "list", prepare_sessions, do_list, false },
    { "login", prepare_sessions, do_login, true }, { "sign", prepare_login, do_sign, true },
    { "context", prepare_context, do_context, true },
    { "set pin", prepare_sessions, do_set_pin, true },
    { "logout", prepare_signed, do_logout, true },
};

static bool is_defined(CK_RV rv)
{
    static const CK_RV fine[] = {
        CKR_OK, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID,
        CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_USER_NOT_LOGGED_IN,
        CKR_FUNCTION_FAILED, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (rv == fine[i]) return true;
    return false;
}

static void mend(enum sim_fault fault)
{
    if (fault == SIM_SERVICE_DOWN) sim_reader_service(true);
    if (fault == SIM_UNPLUG) sim_reader_plug(0);
    // A certificate that was empty once is not asked for again while the card is in.
    if (fault == SIM_ANSWER_9000) sim_reader_eject(0);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (!sim_reader_cards()) sim_reader_insert(0, card);
}

// After it, no PIN has gone astray and no try is lost, and the card that is in signs with both
// keys.
static void check_after(enum sim_fault fault, CK_RV rv)
{
    if (test_failing) return;
    // A card that says yes and does nothing is in another DF, where it has no such PIN. A key whose
    // certificate could not be read is of no known kind.
    bool lied = fault == SIM_ANSWER_9000 && rv == CKR_USER_PIN_NOT_INITIALIZED;
    bool unread = fault == SIM_ANSWER_9000 && rv == CKR_KEY_TYPE_INCONSISTENT;
    CHECK(is_defined(rv) || lied || unread);
    CHECK_EQ(other->verifies, 0);
    CHECK_EQ(other->signatures, 0);
    for (unsigned t = 0; t < 1 + (unsigned)two_pins(); t++)
        CHECK_EQ(pin_of(t)->left, kind->tokens[t].tries);
    mend(fault);
    C_CloseAllSessions(slots[0]);
    if (two_pins()) C_CloseAllSessions(slots[1]);
    CK_RV again = prepare_sessions();
    if (again == CKR_TOKEN_NOT_RECOGNIZED) {    // nobody's card until it is in anew
        sim_reader_eject(0);
        sim_reader_insert(0, card);
        again = prepare_sessions();
    }
    CHECK_RV(again, CKR_OK);
    CHECK_RV(login(0), CKR_OK);
    CHECK_RV(sign(false), CKR_OK);
    if (two_pins()) CHECK_RV(login(1), CKR_OK);
    CHECK_RV(sign(true), CKR_OK);
}

// One scene with one fault. false: it did not come to pass; then there is no later one.
static bool run_fault(const struct scene *s, enum sim_fault fault, unsigned n)
{
    begin();
    if (test_failing) return false;
    unsigned stray = sim_seen.stray_secrets;
    CK_RV rv = s->prepare();
    if (rv) test_fail(__FILE__, __LINE__, "%s: prepare: %#lx", s->name, rv);
    sim_reader_fault(fault, n, other);
    if (!test_failing) rv = s->run();
    bool fired = sim_reader_fired();
    if (!fired && !test_failing && rv)
        test_fail(__FILE__, __LINE__, "%s: %#lx without a fault", s->name, rv);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (fault == SIM_ANSWER_9000) {
        judge_misled(sim_seen.stray_secrets - stray);
        judge_misled_logout();
    }
    if (fired) check_after(fault, rv);
    if (test_failing)
        printf("    in scene %s: %s at command %u: %#lx\n", s->name, sim_fault_name(fault), n, rv);
    end();
    return fired && !test_failing;
}

static unsigned long fired;

TEST(eid_faults)
{
    // One card of each way to be spoken to.
    if (strstr(kind->name, ", ")) return;
    sim_remembers = true;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes && !test_failing; i++)
        for (enum sim_fault f = SIM_EJECT; f < SIM_HANG && !test_failing; f++)
            for (unsigned n = 1; run_fault(&scenes[i], f, n); n++) fired++;
    sim_remembers = false;
    CHECK(!test_failing);
}

int main(int argc, char **argv)
{
    const char *only = getenv("CARDS_KIND");
    test_begin(argc, argv);
    for (size_t i = 0; i < CARDS_KINDS; i++) {
        kind = &cards_kinds[i];
        if (!kind->keys[1].always || (only && !strstr(kind->name, only))) continue;
        unsigned failed = test_failed;
        RUN(eid_two_slots);
        RUN(eid_events_of_two_slots);
        RUN(eid_logout_of_the_other);
        RUN(eid_pins_are_apart);
        RUN(eid_puk);
        RUN(eid_each_signature_wants_the_pin);
        RUN(eid_data);
        RUN(eid_faults);
        if (test_failed != failed) printf("    so it was with %s\n", kind->name);
    }
    printf("%lu faults came to pass\n", fired);
    return test_end();
}
