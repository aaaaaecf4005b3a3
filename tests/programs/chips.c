// chips.c: several applications on one chip, as security keys have them: PIV and OpenPGP, each a
// token in a slot of its own. Which tokens there are and when each is found, logins and signatures
// on both in turn, other programs, other chips, what the chip itself says afterwards.
// SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "scene.h"
#include "../sim/sim_chip.h"
#include "../sim/sim_openpgp.h"
#include <time.h>

// The tokens of a chip, in the order of their slots.
enum which { PIV, OPENPGP, TOKENS };

static const struct token {
    const char *model, *pin, *new_pin;
    unsigned tries;                     // of struct sim_card's pin
    enum sim_key key[2];                // of the key with CKA_ID 1: RSA; on the second chip
} tokens[TOKENS] = {
    { "PIV             ", "123456", "11223344", SIM_CHIP_PINS * PIV,
      { SIM_RSA2048A, SIM_RSA2048B } },
    { "OpenPGP         ", "123456", "a longer PW1", SIM_CHIP_PINS * OPENPGP,
      { SIM_RSA2048B, SIM_RSA2048A } },
};

static struct sim_card *chips[2];
static unsigned chip_count;
static CK_SLOT_ID slots[4];
static CK_SESSION_HANDLE sessions[TOKENS];
static CK_BYTE text[] = "what is signed", out[512];
static CK_ULONG out_len;

// ---- Chips in readers ----

static struct sim_card *piv(bool second, bool keeps_login)
{
    struct sim_piv_options o = { .second = second, .extended = true, .keeps_login = keeps_login };
    return sim_piv_new(&o);
}

static struct sim_card *openpgp(bool second, bool keeps_login)
{
    struct sim_openpgp_options o = { .second = second, .keeps_login = keeps_login };
    o.sig = tokens[OPENPGP].key[second];
    return sim_openpgp_new(&o);
}

static struct sim_card *chip(bool second, bool keeps_logins)
{
    struct sim_chip_options o = { .applications = { piv(second, keeps_logins),
                                                    openpgp(second, keeps_logins) },
                                  .keeps_logins = keeps_logins };
    return sim_chip_new(&o);
}

// Readers with these chips; b NULL: one.
static void begin(struct sim_card *a, struct sim_card *b)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    chips[0] = scene_card = a;
    chips[1] = b;
    chip_count = b ? 2 : 1;
    sim_reader_insert(sim_reader_add(SCENE_READER), a);
    if (b) sim_reader_insert(sim_reader_add("Second Reader 01 00"), b);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

// Which tokens there are; slots has theirs.
static CK_ULONG listed(CK_BBOOL present)
{
    CK_ULONG n = sizeof slots / sizeof *slots;
    CK_RV rv = C_GetSlotList(present, slots, &n);
    return rv ? ~(CK_ULONG)0 : n;
}

static void begin_listed(struct sim_card *a, struct sim_card *b)
{
    begin(a, b);
    if (test_failing) return;
    CHECK_EQ(listed(CK_TRUE), chip_count * TOKENS);
}

// out_of: a chip that is in no reader any more.
static void end_with(struct sim_card *out_of)
{
    C_Finalize(NULL);
    if (out_of) out_of->free(out_of);
    scene_end();
}

static void end(void)
{
    struct sim_card *second = chip_count == 2 ? chips[1] : NULL;
    C_Finalize(NULL);
    if (second) sim_reader_eject(1);
    end_with(second);
}

static struct sim_card *application(enum which t)
{
    return sim_chip_application(chips[0], t);
}

static bool verified(enum which t)
{
    return application(t)->verified(application(t));
}

static unsigned tries(enum which t)
{
    return *chips[0]->pin(chips[0], tokens[t].tries).left;
}

// ---- Sessions and keys ----

static CK_RV open_slot(enum which t, CK_SLOT_ID slot)
{
    return C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &sessions[t]);
}

static CK_RV login_with(enum which t, const char *pin)
{
    return C_Login(sessions[t], CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV login(enum which t)
{
    return login_with(t, tokens[t].pin);
}

static void open_both(void)
{
    for (int t = 0; t < TOKENS; t++) CHECK_RV(open_slot((enum which)t, slots[t]), CKR_OK);
}

static CK_STATE state(enum which t)
{
    CK_SESSION_INFO info;
    return C_GetSessionInfo(sessions[t], &info) ? 99 : info.state;
}

static bool logged_in(enum which t)
{
    return state(t) == CKS_RW_USER_FUNCTIONS;
}

// A signature with the key of CKA_ID 1, in out.
static CK_RV sign_in(CK_SESSION_HANDLE session, CK_BYTE *sig, CK_ULONG *len)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, 1, &key);
    if (!rv && !key) return CKR_USER_NOT_LOGGED_IN;     // it is hidden
    *len = 512;
    return rv ? rv : scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, len);
}

static CK_RV sign(enum which t)
{
    return sign_in(sessions[t], out, &out_len);
}

static bool is_good(enum which t, bool second)
{
    return scene_good(tokens[t].key[second], text, sizeof text, out, out_len);
}

static void check_sign(enum which t)
{
    CHECK_RV(sign(t), CKR_OK);
    CHECK(is_good(t, false));
}

// ---- Which tokens there are ----

static void check_info(CK_SLOT_ID slot, enum which t)
{
    CK_TOKEN_INFO info;
    CHECK_RV(C_GetTokenInfo(slot, &info), CKR_OK);
    CHECK(!memcmp(info.model, tokens[t].model, 16));
}

// The first look finds both, with each AID sent once; what C_GetTokenInfo says of them is known
// then. The order of the slots is the same each time.
TEST(chips_have_a_slot_for_each_application)
{
    begin(chip(false, false), NULL);
    if (test_failing) return;
    CHECK_EQ(listed(CK_FALSE), 1);              // nobody has looked
    CHECK_EQ(chips[0]->apdus, 0);
    for (int turn = 0; turn < 3 && !test_failing; turn++) {
        CHECK_EQ(listed(CK_TRUE), TOKENS);
        CHECK_EQ(listed(CK_FALSE), TOKENS);
        CHECK_EQ(slots[1], slots[0] + 1);
        for (int t = 0; t < TOKENS; t++) check_info(slots[t], (enum which)t);
        CHECK_EQ(sim_chip_selects(chips[0]), TOKENS);
        CHECK_EQ(sim_chip_misses(chips[0]), 0);
        CHECK(chips[0]->apdus <= 4 + 4);        // the token info of each alone
    }
    end();
}

// Who knows the ID of a slot that no card has needed yet finds its token. Where the card that is in
// needs none, or none is in, there is no such slot.
TEST(chips_are_met_by_their_second_slot)
{
    CK_TOKEN_INFO info;
    struct scard11_counters counters;
    struct sim_chip_options one = { .applications = { piv(false, false) } };
    begin(chip(false, false), sim_chip_new(&one));
    if (test_failing) return;
    CHECK_EQ(listed(CK_FALSE), 2);
    check_info(slots[0] + 1, OPENPGP);
    CHECK_RV(C_GetTokenInfo(slots[1] + 1, &info), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_OpenSession(slots[1] + 1, CKF_SERIAL_SESSION, NULL, NULL, sessions),
             CKR_SLOT_ID_INVALID);
    CHECK_RV(C_CloseAllSessions(slots[1] + 1), CKR_SLOT_ID_INVALID);
    CHECK_RV(scard11_stats(slots[1] + 1, &counters), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_GetTokenInfo(slots[1] + 2, &info), CKR_SLOT_ID_INVALID);
    CHECK_EQ(listed(CK_FALSE), 3);
    sim_reader_eject(0);
    CHECK_RV(C_GetTokenInfo(slots[1], &info), CKR_TOKEN_NOT_PRESENT);
    sim_reader_insert(0, chips[0]);
    end();
}

// A card with one application pays one SELECT for the question, once for each insertion.
TEST(chips_with_one_application_are_asked_once_for_the_other)
{
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        struct sim_chip_options o = { .applications = { t == PIV ? piv(false, false)
                                                                 : openpgp(false, false) } };
        begin(sim_chip_new(&o), NULL);
        if (test_failing) return;
        for (int turn = 0; turn < 3 && !test_failing; turn++) {
            CHECK_EQ(listed(CK_TRUE), 1);
            check_info(slots[0], (enum which)t);
            CHECK_EQ(sim_chip_misses(chips[0]), 1);
            CHECK_EQ(sim_chip_selects(chips[0]), 2);
            CHECK(chips[0]->apdus <= 4);
        }
        end();
    }
}

// ... also where that leaves nothing selected: it is sure of nothing then.
TEST(chips_that_lose_their_place_are_found_again)
{
    for (int exclusive = 0; exclusive < 2 && !test_failing; exclusive++) {
        struct sim_chip_options o = { .applications = { piv(false, false) }, .loses_place = true };
        CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", exclusive ? "1" : "0"), CKR_OK);
        begin(sim_chip_new(&o), NULL);
        if (test_failing) return;
        CHECK_EQ(listed(CK_TRUE), 1);
        CHECK_RV(open_slot(PIV, slots[0]), CKR_OK);
        CHECK_RV(login(PIV), CKR_OK);
        check_sign(PIV);
        end();
        CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
    }
}

static void check_event(CK_SLOT_ID slot)
{
    CK_SLOT_ID id = 4711;
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_OK);
    CHECK_EQ(id, slot);
}

static void check_no_event(void)
{
    CK_SLOT_ID id;
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
}

TEST(chips_make_events_for_each_slot)
{
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    CK_SLOT_ID first = slots[0], second = slots[1];
    check_event(second);                        // the first look found it
    check_no_event();
    for (int turn = 0; turn < 2 && !test_failing; turn++) {
        CK_SLOT_INFO info;
        sim_reader_eject(0);
        check_event(first);
        check_event(second);
        check_no_event();
        CHECK_EQ(listed(CK_TRUE), 0);
        sim_reader_insert(0, chips[0]);
        check_event(first);
        check_no_event();
        CHECK_RV(C_GetSlotInfo(second, &info), CKR_OK);
        CHECK(!(info.flags & CKF_TOKEN_PRESENT));
        if (turn) check_info(second, OPENPGP);  // whoever asks for it finds it
        else      CHECK_EQ(listed(CK_TRUE), TOKENS);
        check_event(second);
        check_no_event();
    }
    end();
}

// ---- Logins and signatures ----

// One application at a time has a login: using the other ends it, as the chip does.
TEST(chips_end_a_login_when_the_other_application_is_used)
{
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE private_one[] = { { CKA_CLASS, &data, sizeof data },
                                   { CKA_PRIVATE, &yes, sizeof yes } };
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    open_both();
    for (int turn = 0; turn < 4 && !test_failing; turn++) {
        enum which t = turn % 2 ? OPENPGP : PIV, other = turn % 2 ? PIV : OPENPGP;
        CK_OBJECT_HANDLE object;
        CHECK_RV(login(t), CKR_OK);
        CHECK(logged_in(t) && !logged_in(other));
        CHECK(verified(t) && !verified(other));
        CHECK_RV(C_CreateObject(sessions[t], private_one, 2, &object), CKR_OK);
        check_sign(t);
        CHECK_RV(sign(other), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_Logout(sessions[other]), CKR_USER_NOT_LOGGED_IN);
        check_sign(t);                          // the refusals cost the login nothing
        CHECK_RV(login(other), CKR_OK);
        CHECK(!logged_in(t) && logged_in(other));
        CHECK_RV(C_GetAttributeValue(sessions[t], object, private_one, 1),
                 CKR_OBJECT_HANDLE_INVALID);
        CHECK_RV(sign(t), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_Logout(sessions[other]), CKR_OK);
        CHECK(!chips[0]->verified(chips[0]));
    }
    for (int t = 0; t < TOKENS; t++) CHECK_EQ(tries((enum which)t), 3);
    end();
}

// A change to the other application is one SELECT, and nothing else; before a PIN goes to
// OpenPGP's, the question how it is made.
TEST(chips_change_by_one_select)
{
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    open_both();
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        CHECK_RV(login((enum which)t), CKR_OK);
        check_sign((enum which)t);
    }
    for (int turn = 0; turn < 4 && !test_failing; turn++) {
        enum which t = turn % 2 ? OPENPGP : PIV;
        unsigned selects = sim_chip_selects(chips[0]), verifies = chips[0]->verifies;
        unsigned apdus = chips[0]->apdus;
        CHECK_RV(login(t), CKR_OK);
        CHECK_EQ(sim_chip_selects(chips[0]), selects + 1);
        CHECK_EQ(chips[0]->apdus - apdus,
                 1u + (t == OPENPGP) + chips[0]->verifies - verifies);
        apdus = chips[0]->apdus;
        check_sign(t);
        CHECK_EQ(chips[0]->apdus, apdus + 1);
    }
    end();
}

// What is remembered of one application is told without leaving the other.
TEST(chips_tell_what_is_known_of_the_other_application)
{
    CK_ULONG n;
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    open_both();
    CHECK_RV(scene_count(sessions[OPENPGP], NULL, 0, &n), CKR_OK);
    CHECK(n > 3);
    CHECK_RV(login(PIV), CKR_OK);
    check_sign(PIV);
    unsigned apdus = chips[0]->apdus;
    check_info(slots[OPENPGP], OPENPGP);
    CHECK_RV(scene_count(sessions[OPENPGP], NULL, 0, &n), CKR_OK);
    CHECK_EQ(chips[0]->apdus, apdus);
    CHECK(logged_in(PIV) && verified(PIV));
    check_sign(PIV);
    end();
}

// With a kept PIN the login comes back with the application.
TEST(chips_with_a_kept_pin_sign_in_turn)
{
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    open_both();
    for (int t = 0; t < TOKENS; t++) CHECK_RV(login((enum which)t), CKR_OK);
    for (int turn = 0; turn < 6 && !test_failing; turn++) {
        unsigned apdus = chips[0]->apdus, verifies = chips[0]->verifies;
        enum which t = turn % 2 ? OPENPGP : PIV;
        check_sign(t);
        unsigned sent = chips[0]->apdus - apdus - (chips[0]->verifies - verifies);
        // SELECT, how the PIN is made, what is signed; and the PIN.
        if (turn > 1) CHECK_EQ(sent, 2u + (t == OPENPGP));
    }
    CHECK(logged_in(PIV) && logged_in(OPENPGP));
    CHECK_RV(C_Logout(sessions[OPENPGP]), CKR_OK);
    CHECK(!verified(OPENPGP));
    check_sign(PIV);
    CHECK_RV(sign(OPENPGP), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Logout(sessions[PIV]), CKR_OK);
    CHECK(!chips[0]->verified(chips[0]));
    CHECK(tries(PIV) == 3 && tries(OPENPGP) == 3);
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "0"), CKR_OK);
}

// A chip that keeps a login over the SELECT of another application: it is ended all the same, when
// nobody's is there any more; by whatever ends the last one.
enum ending { BY_LOGOUT, BY_CLOSE, BY_CLOSE_ALL, BY_FINALIZE, ENDINGS };

TEST(chips_that_keep_logins_are_logged_out_of_all)
{
    for (int how = 0; how < ENDINGS && !test_failing; how++) {
        begin_listed(chip(false, true), NULL);
        if (test_failing) return;
        open_both();
        CHECK_RV(login(PIV), CKR_OK);
        CHECK_RV(login(OPENPGP), CKR_OK);
        CHECK(!logged_in(PIV) && verified(PIV) && verified(OPENPGP));
        CHECK_RV(sign(PIV), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_CloseSession(sessions[PIV]), CKR_OK);
        check_sign(OPENPGP);                    // that cost its login nothing
        if (how == BY_LOGOUT) CHECK_RV(C_Logout(sessions[OPENPGP]), CKR_OK);
        if (how == BY_CLOSE) CHECK_RV(C_CloseSession(sessions[OPENPGP]), CKR_OK);
        if (how == BY_CLOSE_ALL) CHECK_RV(C_CloseAllSessions(slots[OPENPGP]), CKR_OK);
        if (how == BY_FINALIZE) CHECK_RV(C_Finalize(NULL), CKR_OK);
        CHECK(!verified(PIV) && !verified(OPENPGP));
        end();
    }
}

// The SO of one logs out while a user is logged in to the other: that login stays, and when it ends
// nothing stays verified.
TEST(chips_let_the_so_of_one_log_out_beside_the_user_of_the_other)
{
    for (int keeps = 0; keeps < 2 && !test_failing; keeps++) {
        begin_listed(chip(false, keeps), NULL);
        if (test_failing) return;
        open_both();
        CHECK_RV(C_Login(sessions[OPENPGP], CKU_SO, (CK_BYTE *)"12345678", 8), CKR_OK);
        CHECK_RV(login(PIV), CKR_OK);
        CHECK_RV(C_Logout(sessions[OPENPGP]), CKR_OK);
        CHECK(logged_in(PIV));
        check_sign(PIV);
        CHECK_RV(C_Logout(sessions[PIV]), CKR_OK);
        CHECK(!chips[0]->verified(chips[0]));
        end();
    }
}

// PINs are counted and changed in their own application.
TEST(chips_count_and_change_pins_apart)
{
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        enum which this = (enum which)t, other = t == PIV ? OPENPGP : PIV;
        const char *pin = tokens[t].pin, *new_pin = tokens[t].new_pin;
        begin_listed(chip(false, false), NULL);
        if (test_failing) return;
        open_both();
        CHECK_RV(login(other), CKR_OK);
        CHECK_RV(login_with(this, "654321"), CKR_PIN_INCORRECT);
        CHECK(tries(this) == 2 && tries(other) == 3);
        CHECK(!logged_in(other) && !chips[0]->verified(chips[0]));
        CHECK_RV(login(other), CKR_OK);
        CHECK_RV(C_SetPIN(sessions[t], (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin),
                          (CK_UTF8CHAR_PTR)(uintptr_t)new_pin, strlen(new_pin)), CKR_OK);
        CHECK(tries(this) == 3 && tries(other) == 3);
        CHECK(!chips[0]->verified(chips[0]));
        CHECK_RV(login(other), CKR_OK);         // that one's PIN is what it was
        CHECK_RV(login(this), CKR_PIN_INCORRECT);
        CHECK_RV(login_with(this, new_pin), CKR_OK);
        check_sign(this);
        end();
    }
}

// ---- Two threads, two chips ----

struct worker {
    pthread_t thread;
    enum which t;
    CK_SLOT_ID slot;
    unsigned right, lost, bad;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    CK_SESSION_HANDLE session;
    CK_BYTE sig[512];
    CK_ULONG n;
    const char *pin = tokens[w->t].pin;
    if (C_OpenSession(w->slot, CKF_SERIAL_SESSION, NULL, NULL, &session)) return w->bad++, NULL;
    for (int i = 0; i < 20; i++) {
        CK_RV rv = C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
        if (rv && rv != CKR_USER_ALREADY_LOGGED_IN) w->bad++;
        rv = sign_in(session, sig, &n);
        if (!rv && scene_good(tokens[w->t].key[0], text, sizeof text, sig, n)) w->right++;
        else if (rv == CKR_USER_NOT_LOGGED_IN) w->lost++;
        else w->bad++;
    }
    return NULL;
}

TEST(chips_serve_threads_on_both_tokens)
{
    struct worker w[2] = { { .t = PIV }, { .t = OPENPGP } };
    begin_listed(chip(false, false), NULL);
    if (test_failing) return;
    for (int t = 0; t < TOKENS; t++) {
        w[t].slot = slots[t];
        pthread_create(&w[t].thread, NULL, work, &w[t]);
    }
    for (int t = 0; t < TOKENS; t++) pthread_join(w[t].thread, NULL);
    for (int t = 0; t < TOKENS; t++) {
        CHECK_EQ(w[t].bad, 0);
        CHECK(w[t].right > 0);
    }
    C_Finalize(NULL);
    CHECK(!chips[0]->verified(chips[0]));
    CHECK(tries(PIV) == 3 && tries(OPENPGP) == 3);
    end();
}

TEST(chips_of_one_kind_in_two_readers)
{
    begin_listed(chip(false, false), chip(true, false));
    if (test_failing) return;
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        enum which this = (enum which)t;
        for (int second = 1; second >= 0; second--) {
            CHECK_RV(open_slot(this, slots[TOKENS * second + t]), CKR_OK);
            CHECK_RV(login(this), CKR_OK);
            CHECK_RV(sign(this), CKR_OK);
            CHECK(is_good(this, second));
        }
    }
    end();
}

// ---- Other programs ----

static void idle(struct sim_card *card, void *arg)
{
    (void)card; (void)arg;
}

static void select_one(struct sim_card *card, void *arg)
{
    sim_chip_select(card, *(const enum which *)arg);
}

// Another program selects an application before each of our transactions. A login that this ends is
// told to have ended, the next one holds for its own transaction; no PIN goes astray.
TEST(chips_whose_other_application_another_program_selects)
{
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        enum which this = (enum which)t, other = t == PIV ? OPENPGP : PIV;
        begin_listed(chip(false, false), NULL);
        if (test_failing) return;
        CHECK_RV(open_slot(this, slots[t]), CKR_OK);
        CHECK_RV(login(this), CKR_OK);
        check_sign(this);
        sim_reader_foreign(0, select_one, &other);
        CHECK_RV(sign(this), CKR_USER_NOT_LOGGED_IN);
        CHECK(!logged_in(this) && !chips[0]->verified(chips[0]));
        CHECK_RV(login(this), CKR_OK);
        CHECK_RV(sign(this), CKR_USER_NOT_LOGGED_IN);
        sim_reader_foreign(0, NULL, NULL);
        CHECK_RV(login(this), CKR_OK);
        check_sign(this);
        CHECK_EQ(tries(this), 3);
        end();
    }
}

// What the other program sends to log in.
static void other_logs_in(enum which t)
{
    static const uint8_t piv_verify[] = { 0, 0x20, 0, 0x80, 8, '1', '2', '3', '4', '5', '6', 0xff,
                                          0xff };
    static const uint8_t pgp_verify[] = { 0, 0x20, 0, 0x82, 6, '1', '2', '3', '4', '5', '6' };
    static uint8_t rsp[65538];
    sim_chip_select(chips[0], t);
    if (t == PIV) chips[0]->apdu(chips[0], piv_verify, sizeof piv_verify, rsp, sizeof rsp);
    else          chips[0]->apdu(chips[0], pgp_verify, sizeof pgp_verify, rsp, sizeof rsp);
}

// Another program has the card, with this application selected and its PIN verified, at the first
// look: that one is found where it is. The other one is not looked for until the card is nobody
// else's; then its slot has a token, with an event.
TEST(chips_in_use_are_looked_at_without_ending_a_login)
{
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        enum which this = (enum which)t, other = t == PIV ? OPENPGP : PIV;
        CK_ULONG n;
        begin(chip(false, false), NULL);
        if (test_failing) return;
        other_logs_in(this);
        CHECK(verified(this));
        unsigned selects = sim_chip_selects(chips[0]);
        sim_reader_foreign(0, idle, NULL);
        judge_other_login(true);
        CHECK_EQ(listed(CK_TRUE), 1);
        check_info(slots[0], this);
        CHECK_RV(open_slot(this, slots[0]), CKR_OK);
        CHECK_RV(scene_count(sessions[t], NULL, 0, &n), CKR_OK);
        CHECK_RV(C_CloseSession(sessions[t]), CKR_OK);
        CHECK_EQ(listed(CK_TRUE), 1);
        CHECK(verified(this));
        CHECK_EQ(sim_chip_selects(chips[0]), selects);
        check_no_event();
        sim_reader_foreign(0, NULL, NULL);      // it lets the card go, and its login stays
        judge_other_login(false);
        CHECK_EQ(listed(CK_TRUE), TOKENS);
        check_event(slots[1]);
        check_info(slots[0], this);
        check_info(slots[1], other);
        CHECK_EQ(sim_chip_selects(chips[0]), selects + 1);
        for (int i = 0; i < TOKENS; i++) {
            enum which turn = i ? other : this;
            CHECK_RV(open_slot(turn, slots[i]), CKR_OK);
            CHECK_RV(login(turn), CKR_OK);
            check_sign(turn);
        }
        end();
    }
}

// A logout of ours ends the other program's login as well: then both can be looked for.
TEST(chips_in_use_are_searched_when_a_logout_ended_all)
{
    begin(chip(false, false), NULL);
    if (test_failing) return;
    other_logs_in(PIV);
    sim_reader_foreign(0, idle, NULL);
    judge_other_login(true);
    CHECK_EQ(listed(CK_TRUE), 1);
    CHECK_RV(open_slot(PIV, slots[0]), CKR_OK);
    CHECK_RV(login(PIV), CKR_OK);
    check_sign(PIV);
    CHECK_EQ(listed(CK_TRUE), 1);
    CHECK_RV(C_Logout(sessions[PIV]), CKR_OK);
    judge_other_login(false);
    CHECK(!chips[0]->verified(chips[0]));
    CHECK_EQ(listed(CK_TRUE), TOKENS);
    check_event(slots[1]);
    CHECK_RV(login(PIV), CKR_OK);
    check_sign(PIV);
    end();
}

// Who asks for the second slot itself wants its token, whatever that costs the other program.
TEST(chips_in_use_are_searched_for_who_wants_the_second_slot)
{
    begin(chip(false, false), NULL);
    if (test_failing) return;
    other_logs_in(OPENPGP);
    sim_reader_foreign(0, idle, NULL);
    judge_other_login(true);
    CHECK_EQ(listed(CK_TRUE), 1);
    CHECK(verified(OPENPGP));
    CHECK_RV(open_slot(PIV, slots[0] + 1), CKR_OK);
    judge_other_login(false);
    check_info(slots[0] + 1, PIV);
    CHECK_RV(login(PIV), CKR_OK);
    check_sign(PIV);
    CHECK_EQ(listed(CK_TRUE), TOKENS);
    sim_reader_foreign(0, NULL, NULL);
    end();
}

// One that says itself that nobody is logged in is no reason to wait.
TEST(chips_in_use_without_a_login_are_searched_at_once)
{
    begin(chip(false, false), NULL);
    if (test_failing) return;
    sim_chip_select(chips[0], PIV);
    sim_reader_foreign(0, idle, NULL);
    CHECK_EQ(listed(CK_TRUE), TOKENS);
    check_info(slots[0], PIV);
    check_info(slots[1], OPENPGP);
    sim_reader_foreign(0, NULL, NULL);
    end();
}

// ---- Chips that are pulled, and others that come ----

static struct sim_card *other_chip;     // that may have come for the first one

static bool other_is_in(void)
{
    bool plugged;
    return sim_reader_holds(0, &plugged) == other_chip;
}

// Everything on both tokens. CKR_OK: all came out right, of the chip that is in; else the first
// thing that did not.
static CK_RV use_both(void)
{
    CK_RV rv = CKR_OK;
    if (listed(CK_TRUE) != TOKENS) return CKR_TOKEN_NOT_PRESENT;
    for (int t = 0; t < TOKENS && !rv; t++) rv = open_slot((enum which)t, slots[t]);
    for (int turn = 0; turn < TOKENS + 1 && !rv; turn++) {
        enum which t = turn % 2 ? OPENPGP : PIV;
        rv = login(t);
        if (!rv) rv = sign(t);
        if (!rv && !is_good(t, other_is_in())) rv = CKR_SIGNATURE_INVALID;
        if (!rv && turn == TOKENS) rv = C_Logout(sessions[t]);
    }
    return rv;
}

// A card that is pulled, swapped for another chip, or reset, at each command in turn. Nothing of
// the first is used for the second, and both tokens of what is in work afterwards.
static void at_each_command(enum sim_fault what)
{
    bool fired = true;
    for (unsigned n = 1; fired && !test_failing; n++) {
        struct sim_card *first = chip(false, false);
        bool plugged;
        other_chip = chip(true, false);
        begin(first, NULL);
        if (test_failing) return;
        sim_reader_fault(what, n, other_chip);
        CK_RV rv = use_both();
        fired = sim_reader_fired();
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        if (!fired) CHECK_RV(rv, CKR_OK);
        CHECK(rv != CKR_SIGNATURE_INVALID && rv != CKR_PIN_INCORRECT);
        if (!sim_reader_holds(0, &plugged)) sim_reader_insert(0, first);
        for (int t = 0; t < TOKENS; t++) C_CloseAllSessions(slots[t]);
        CHECK_RV(use_both(), CKR_OK);
        CHECK_EQ(first->stray_secrets + other_chip->stray_secrets, 0);
        CHECK_EQ(first->tries_taken + other_chip->tries_taken, 0);
        if (test_failing) printf("    %s at command %u: %#lx\n", sim_fault_name(what), n, rv);
        scene_card = other_is_in() ? other_chip : first;
        end_with(other_is_in() ? first : other_chip);
    }
}

static void at_each_command_both(enum sim_fault one, enum sim_fault two)
{
    at_each_command(one);
    if (!test_failing) at_each_command(two);
}

TEST(chips_pulled_at_each_command)  { at_each_command_both(SIM_EJECT, SIM_EJECT_AFTER); }
TEST(chips_swapped_at_each_command) { at_each_command_both(SIM_SWAP, SIM_SWAP_AS_RESET); }
TEST(chips_reset_at_each_command)   { at_each_command_both(SIM_RESET, SIM_RESET_AFTER); }
TEST(chips_that_fail_at_each_command) { at_each_command_both(SIM_FAILED, SIM_FAILED_AFTER); }
TEST(chips_that_err_at_each_command)  { at_each_command_both(SIM_ANSWER_6F00, SIM_ANSWER_0); }

// At rest another chip takes the place of the first, and no count shows it: whichever application
// was used last, and though only one of them tells which chip it is.
enum anonymous { NONE, NO_CHUID, WAYS };

static struct sim_card *anonymous_chip(enum anonymous how, bool second)
{
    static const struct sim_piv_key keys[2][1] = {
        { { 0x9a, SIM_RSA2048A, true, false, SIM_PIN_BY_SLOT } },
        { { 0x9a, SIM_RSA2048B, true, false, SIM_PIN_BY_SLOT } } };
    struct sim_piv_options o = { .second = second, .extended = true };
    if (how == NO_CHUID) o.no_chuid = true, o.keys = keys[second], o.n_keys = 1;
    struct sim_chip_options c = { .applications = { sim_piv_new(&o), openpgp(second, false) } };
    return sim_chip_new(&c);
}

TEST(chips_swapped_at_rest)
{
    for (int how = 0; how < WAYS && !test_failing; how++) {
        for (int last = 0; last < TOKENS && !test_failing; last++) {
            struct sim_card *first = anonymous_chip((enum anonymous)how, false),
                *other = anonymous_chip((enum anonymous)how, true);
            CK_TOKEN_INFO before, after;
            begin_listed(first, NULL);
            if (test_failing) return;
            CHECK_RV(open_slot((enum which)last, slots[last]), CKR_OK);
            CHECK_RV(login((enum which)last), CKR_OK);
            if (how == NONE || last == OPENPGP) check_sign((enum which)last);
            CHECK_RV(C_GetTokenInfo(slots[OPENPGP], &before), CKR_OK);
            CHECK_RV(C_CloseSession(sessions[last]), CKR_OK);
            sim_reader_unplug(0);
            sim_reader_eject(0);
            sim_reader_insert(0, other);
            sim_reader_plug(0);
            sim_reader_set_count(0, 1);
            CHECK_EQ(listed(CK_TRUE), TOKENS);
            CHECK_RV(C_GetTokenInfo(slots[OPENPGP], &after), CKR_OK);
            CHECK(memcmp(before.serialNumber, after.serialNumber, 16));
            CHECK_RV(open_slot(OPENPGP, slots[OPENPGP]), CKR_OK);
            CHECK_RV(login(OPENPGP), CKR_OK);
            CHECK_RV(sign(OPENPGP), CKR_OK);
            CHECK(is_good(OPENPGP, true));
            CHECK_EQ(other->stray_secrets, 0);
            scene_card = other;
            end_with(first);
        }
    }
}

// One application is enough to tell that it is the same chip, also where the other one was used
// last and has nothing of its own: its SELECT, and one command.
TEST(chips_are_known_by_either_application)
{
    begin_listed(anonymous_chip(NO_CHUID, false), NULL);
    if (test_failing) return;
    CHECK_RV(open_slot(PIV, slots[PIV]), CKR_OK);
    CHECK_RV(login(PIV), CKR_OK);
    CHECK_RV(C_CloseSession(sessions[PIV]), CKR_OK);
    unsigned apdus = chips[0]->apdus;
    check_info(slots[PIV], PIV);
    check_info(slots[OPENPGP], OPENPGP);
    CHECK_EQ(chips[0]->apdus - apdus, 2);
    end();
}

// Another program that has the card sets another key for the authentication key's job, while the
// application of PIV was used: what signs is the key that was meant.
static bool swap_keys;

static void swaps_keys(struct sim_card *card, void *arg)
{
    static const uint8_t mse[] = { 0x00, 0x22, 0x41, 0xa4, 0x03, 0x83, 0x01, 0x02 };
    uint8_t rsp[4];
    (void)arg;
    if (!swap_keys) return;
    swap_keys = false;
    sim_chip_select(card, OPENPGP);
    size_t n = card->apdu(card, mse, sizeof mse, rsp, sizeof rsp);
    CHECK(n == 2 && rsp[0] == 0x90);
}

TEST(chips_whose_keys_another_program_swaps)
{
    struct sim_openpgp_options o = { .swaps = true, .dec = SIM_RSA2048A, .aut = SIM_RSA2048B };
    struct sim_chip_options c = { .applications = { piv(false, false), sim_openpgp_new(&o) } };
    CK_OBJECT_HANDLE key;
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    begin(sim_chip_new(&c), NULL);
    if (test_failing) return;
    sim_reader_foreign(0, swaps_keys, NULL);
    CHECK_EQ(listed(CK_TRUE), TOKENS);
    open_both();
    CHECK_RV(login(OPENPGP), CKR_OK);
    CHECK_RV(scene_find(sessions[OPENPGP], CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    for (int turn = 0; turn < 4 && !test_failing; turn++) {
        if (turn & 1) CHECK_RV(login(PIV), CKR_OK);
        if (turn & 1) check_sign(PIV);
        swap_keys = true;
        out_len = sizeof out;
        CHECK_RV(scene_sign(sessions[OPENPGP], key, CKM_SHA256_RSA_PKCS, text, sizeof text, out,
                            &out_len), CKR_OK);
        CHECK(scene_good(SIM_RSA2048B, text, sizeof text, out, out_len));
        if (turn & 1) CHECK_RV(C_Logout(sessions[PIV]), CKR_OK);
    }
    sim_reader_foreign(0, NULL, NULL);
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "0"), CKR_OK);
}

// One signature for each PW1: what a context login opened is its session's alone, and the use of
// the other application, or of another session, ends it.
static CK_RV begin_once(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_RV rv = C_SignInit(session, &m, key);
    return rv ? rv : C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6);
}

static CK_RV sign_once(CK_SESSION_HANDLE session)
{
    out_len = sizeof out;
    return C_Sign(session, text, sizeof text, out, &out_len);
}

TEST(chips_give_one_signature_for_each_pin)
{
    struct sim_openpgp_options o = { .once = true, .sig = SIM_RSA2048B };
    struct sim_chip_options c = { .applications = { piv(false, false), sim_openpgp_new(&o) } };
    CK_SESSION_HANDLE other;
    CK_OBJECT_HANDLE key;
    begin_listed(sim_chip_new(&c), NULL);
    if (test_failing) return;
    open_both();
    CHECK_RV(C_OpenSession(slots[OPENPGP], CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
    for (int way = 0; way < 4 && !test_failing; way++) {
        CHECK_RV(login(OPENPGP), CKR_OK);
        CHECK_RV(scene_find(sessions[OPENPGP], CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        CHECK_RV(begin_once(sessions[OPENPGP], key), CKR_OK);
        unsigned signatures = chips[0]->signatures;
        if (way == 0) CHECK_RV(login(PIV), CKR_OK);
        if (way == 1) CHECK_RV(begin_once(other, key), CKR_OK);
        if (way == 2) CHECK_RV(C_Logout(other), CKR_OK);
        if (way == 3) CHECK_RV(begin_once(other, key), CKR_OK);
        if (way == 3) CHECK_RV(sign_once(other), CKR_OK);
        if (way == 3) CHECK(is_good(OPENPGP, false));
        CHECK_EQ(chips[0]->signatures, signatures + (way == 3));
        CHECK_RV(sign_once(sessions[OPENPGP]), CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(chips[0]->signatures, signatures + (way == 3));
        if (way == 1) CHECK_RV(sign_once(other), CKR_OK);
        if (way == 0) CHECK_RV(C_Logout(sessions[PIV]), CKR_OK);
        if (way != 0 && way != 2) CHECK_RV(C_Logout(sessions[OPENPGP]), CKR_OK);
        CHECK(!chips[0]->verified(chips[0]));
    }
    CHECK(tries(PIV) == 3 && tries(OPENPGP) == 3);
    end();
}

// As a YubiKey is, by its ATR, its PIV and its maker's number.
TEST(chips_like_a_yubikey)
{
    struct sim_piv_options p = { .extended = true, .yubikey = true };
    struct sim_openpgp_options o = { .maker = 0x0006 };
    o.sig = tokens[OPENPGP].key[0];
    struct sim_chip_options c = { .applications = { sim_piv_new(&p), sim_openpgp_new(&o) },
                                  .atr_of = 1 };
    begin_listed(sim_chip_new(&c), NULL);
    if (test_failing) return;
    open_both();
    for (int t = 0; t < TOKENS && !test_failing; t++) {
        check_info(slots[t], (enum which)t);
        CHECK_RV(login((enum which)t), CKR_OK);
        check_sign((enum which)t);
    }
    end();
}

static void test_chips(void)
{
    RUN(chips_have_a_slot_for_each_application);
    RUN(chips_are_met_by_their_second_slot);
    RUN(chips_with_one_application_are_asked_once_for_the_other);
    RUN(chips_that_lose_their_place_are_found_again);
    RUN(chips_make_events_for_each_slot);
    RUN(chips_end_a_login_when_the_other_application_is_used);
    RUN(chips_change_by_one_select);
    RUN(chips_tell_what_is_known_of_the_other_application);
    RUN(chips_with_a_kept_pin_sign_in_turn);
    RUN(chips_that_keep_logins_are_logged_out_of_all);
    RUN(chips_let_the_so_of_one_log_out_beside_the_user_of_the_other);
    RUN(chips_count_and_change_pins_apart);
    RUN(chips_serve_threads_on_both_tokens);
    RUN(chips_of_one_kind_in_two_readers);
    RUN(chips_whose_other_application_another_program_selects);
    RUN(chips_in_use_are_looked_at_without_ending_a_login);
    RUN(chips_in_use_are_searched_when_a_logout_ended_all);
    RUN(chips_in_use_are_searched_for_who_wants_the_second_slot);
    RUN(chips_in_use_without_a_login_are_searched_at_once);
    RUN(chips_pulled_at_each_command);
    RUN(chips_swapped_at_each_command);
    RUN(chips_reset_at_each_command);
    RUN(chips_that_fail_at_each_command);
    RUN(chips_that_err_at_each_command);
    RUN(chips_swapped_at_rest);
    RUN(chips_are_known_by_either_application);
    RUN(chips_whose_keys_another_program_swaps);
    RUN(chips_give_one_signature_for_each_pin);
    RUN(chips_like_a_yubikey);
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    SECTION(chips);
    return test_end();
}
