// pins.c: the SO, unblocking, changing the PUK, through C_*, on every kind of card.
// SPDX-License-Identifier: 0BSD
#include "scene.h"
#include "sim_generic.h"
#include "sim_isoapplet.h"

static const struct sim_piv_options whole = { .extended = true };

// What a case needs to know of a kind of card.
static const struct kind {
    const char *name;
    struct sim_card *(*make)(void);
    const char *puk, *wrong, *short_puk;        // of a right length the second
    int puk_tries;
    bool verifies;                              // C_Login asks the card
    bool changes;                               // the PUK can be changed
} *kind;

static struct sim_card *make_piv(void)       { return sim_piv_new(&whole); }
static struct sim_card *make_generic(void)   { return sim_generic_new(NULL); }
static struct sim_card *make_isoapplet(void) { return sim_isoapplet_new(NULL); }

static const struct kind kinds[] = {
    { "PIV", make_piv, "12345678", "87654321", "12345", 3, false, true },
    { "generic", make_generic, "12345678", "87654321", "1234567", 3, true, true },
    { "IsoApplet", make_isoapplet, "1234567812345678", "8765432187654321", "123456781234567", 5,
      false, false },
};

static CK_UTF8CHAR *text(const char *s) { return (CK_UTF8CHAR *)(uintptr_t)s; }

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
    return C_Login(session, user, text(pin), (CK_ULONG)strlen(pin));
}

static CK_RV init_pin(CK_SESSION_HANDLE session, const char *pin)
{
    return C_InitPIN(session, text(pin), (CK_ULONG)strlen(pin));
}

static CK_RV set_pin(CK_SESSION_HANDLE session, const char *old, const char *fresh)
{
    return C_SetPIN(session, text(old), (CK_ULONG)strlen(old), text(fresh),
                    (CK_ULONG)strlen(fresh));
}

static CK_FLAGS token_flags(void)
{
    CK_TOKEN_INFO info = { .flags = 0 };
    C_GetTokenInfo(scene_slot, &info);
    return info.flags;
}

static CK_STATE state(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info = { .state = 99 };
    C_GetSessionInfo(session, &info);
    return info.state;
}

static CK_RV begin(void)
{
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = kind->make();
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    return C_Initialize(NULL);
}

static void lock_pin(CK_SESSION_HANDLE session)
{
    CK_RV rv = CKR_OK;
    for (int i = 0; i < 20 && rv != CKR_PIN_LOCKED; i++) rv = login(session, CKU_USER, "999999");
    if (rv != CKR_PIN_LOCKED) test_fail(__FILE__, __LINE__, "%s: %#lx", kind->name, rv);
}

// ---- The SO ----

static void so_unblocks(void)
{
    CK_SESSION_HANDLE session, second;
    CHECK_RV(begin(), CKR_OK);
    CHECK(token_flags() & CKF_USER_PIN_INITIALIZED);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_open(&second), CKR_OK);
    lock_pin(session);
    if (test_failing) return;
    CHECK(token_flags() & CKF_USER_PIN_LOCKED);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_SO_FUNCTIONS);
    CHECK_EQ(state(second), CKS_RW_SO_FUNCTIONS);
    CHECK_RV(init_pin(second, "246802"), CKR_OK);
    CHECK(!(token_flags() & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)));
    CHECK_RV(init_pin(session, "135791"), CKR_OK);              // and again
    CHECK_RV(login(session, CKU_USER, "135791"), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_EQ(state(second), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(session, CKU_USER, "246802"), CKR_PIN_INCORRECT);
    CHECK_RV(login(session, CKU_USER, "135791"), CKR_OK);
    scene_end();
}

static void so_codes(void)
{
    CK_SESSION_HANDLE session, ro;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    CHECK_RV(init_pin(ro, "246802"), CKR_SESSION_READ_ONLY);
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(login(ro, CKU_SO, kind->puk), CKR_SESSION_READ_ONLY_EXISTS);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_SESSION_READ_ONLY_EXISTS);
    CHECK_RV(C_CloseSession(ro), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_SO, NULL, 8), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Login(session, CKU_SO, text(kind->puk), 0), CKR_PIN_LEN_RANGE);
    CHECK_RV(login(session, CKU_SO, kind->short_puk), CKR_PIN_LEN_RANGE);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    CHECK_RV(login(session, CKU_CONTEXT_SPECIFIC, "123456"), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &ro),
             CKR_SESSION_READ_WRITE_SO_EXISTS);
    CHECK_RV(init_pin(session, "123"), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_InitPIN(session, NULL, 6), CKR_ARGUMENTS_BAD);
    CHECK_RV(init_pin(session, ""), CKR_PIN_LEN_RANGE);
    CHECK_EQ(state(session), CKS_RW_SO_FUNCTIONS);              // no try was lost
    CHECK_RV(init_pin(session, "246802"), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);                  // ends the login
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    scene_end();
}

// The try of the PUK that is wrong: at C_Login, or where the card cannot be asked, at C_InitPIN.
static CK_RV wrong_puk(CK_SESSION_HANDLE session)
{
    CK_RV rv = login(session, CKU_SO, kind->wrong);
    if (kind->verifies || rv) return rv;
    return init_pin(session, "246802");
}

static void so_puk_counts(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK(!(token_flags() & (CKF_SO_PIN_LOCKED | CKF_SO_PIN_FINAL_TRY)));
    CHECK_RV(wrong_puk(session), CKR_PIN_INCORRECT);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);            // forgotten: no second try is lost
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    CHECK(token_flags() & CKF_USER_PIN_INITIALIZED && !(token_flags() & CKF_USER_PIN_LOCKED));
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);       // the PIN is what it was
    CHECK_RV(C_Logout(session), CKR_OK);
    for (int i = kind->puk_tries - 2; i > 0; i--) CHECK_RV(wrong_puk(session), CKR_PIN_INCORRECT);
    CHECK_EQ(token_flags() & (CKF_SO_PIN_LOCKED | CKF_SO_PIN_FINAL_TRY), CKF_SO_PIN_FINAL_TRY);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);        // the last one is right
    CHECK_RV(init_pin(session, "123456"), CKR_OK);
    CHECK(!(token_flags() & CKF_SO_PIN_FINAL_TRY));
    CHECK_RV(C_Logout(session), CKR_OK);
    for (int i = kind->puk_tries - 1; i > 0; i--) CHECK_RV(wrong_puk(session), CKR_PIN_INCORRECT);
    CHECK_RV(wrong_puk(session), CKR_PIN_LOCKED);
    CHECK(token_flags() & CKF_SO_PIN_LOCKED);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_PIN_LOCKED);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    scene_end();
}

static void so_changes_puk(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(set_pin(session, kind->puk, kind->short_puk), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_SetPIN(session, text(kind->puk), 8, NULL, 8), CKR_ARGUMENTS_BAD);
    if (!kind->changes) {
        CHECK_RV(set_pin(session, kind->puk, kind->wrong), CKR_FUNCTION_NOT_SUPPORTED);
    } else {
        CHECK_RV(set_pin(session, kind->wrong, kind->puk), CKR_PIN_INCORRECT);
        CHECK(state(session) == CKS_RW_SO_FUNCTIONS);
        CHECK_RV(set_pin(session, kind->puk, kind->wrong), CKR_OK);
        CHECK_RV(init_pin(session, "246802"), CKR_OK);          // with the new one
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(login(session, CKU_SO, kind->wrong), CKR_OK);
    }
    CHECK_RV(init_pin(session, "135791"), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "135791"), CKR_OK);
    CHECK_RV(set_pin(session, "135791", "1357913"), CKR_OK);    // the user's own, as ever
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "1357913"), CKR_OK);
    scene_end();
}

// The PUK goes with the card, with the login, with C_Finalize: another login starts from nothing.
static void so_ends(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    sim_reader_eject(0);
    sim_reader_insert(0, scene_card);
    CHECK_RV(init_pin(session, "246802"), CKR_DEVICE_REMOVED);
    CHECK_RV(init_pin(session, "246802"), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    sim_reader_reset(0);                                        // another program's
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    sim_reader_reset(0);                    // a PUK is not tried as the user PIN, whose state it is
    CHECK_RV(set_pin(session, kind->puk, kind->puk), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(set_pin(session, "123456", "123456"), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(init_pin(session, "246802"), CKR_USER_NOT_LOGGED_IN);
    scene_end();
}

static void on_all(void (*fn)(void))
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !test_failing; i++) {
        kind = &kinds[i];
        fn();
        if (test_failing) printf("    on a %s card\n", kind->name);
    }
}

TEST(the_so_unblocks_the_pin)               { on_all(so_unblocks); }
TEST(the_so_gets_the_standard_s_codes)      { on_all(so_codes); }
TEST(a_wrong_puk_counts_by_one)             { on_all(so_puk_counts); }
TEST(the_so_changes_the_puk)                { on_all(so_changes_puk); }
TEST(the_puk_goes_with_the_login)           { on_all(so_ends); }

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(the_so_unblocks_the_pin);
    RUN(the_so_gets_the_standard_s_codes);
    RUN(a_wrong_puk_counts_by_one);
    RUN(the_so_changes_the_puk);
    RUN(the_puk_goes_with_the_login);
    return test_end();
}
