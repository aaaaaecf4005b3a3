// pins.c: the SO, unblocking, changing the PUK; pinpads; through C_*, on every kind of card.
// SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE     // usleep
#include <pthread.h>
#include <unistd.h>
#include "scene.h"
#include "../sim/sim_belpic.h"
#include "../sim/sim_esteid.h"
#include "../sim/sim_fineid.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_pinpad.h"
#include "../sim/sim_schsm.h"
#if SCARD11_READER == SCARD11_READER_PCSC
#include "../pcsc/pcsc_stand_in.h"
#include <winscard.h>
#endif

static const struct sim_piv_options whole = { .extended = true };

// What a case needs to know of a kind of card.
static const struct kind {
    const char *name;
    struct sim_card *(*make)(void);
    const char *puk, *wrong, *short_puk;        // of a right length the second
    int puk_tries;
    bool verifies;                              // C_Login asks the card
    bool changes;                               // the PUK can be changed
    bool only_login;                            // a pinpad is no use for new PINs
    bool types_no_puk;                          // a pinpad cannot encode it
} *kind;

static struct sim_card *make_piv(void)       { return sim_piv_new(&whole); }
static struct sim_card *make_generic(void)   { return sim_generic_new(NULL); }
static struct sim_card *make_isoapplet(void) { return sim_isoapplet_new(NULL); }
static struct sim_card *make_myeid(void)     { return sim_myeid_new(NULL); }
static struct sim_card *make_schsm(void)     { return sim_schsm_new(NULL); }
static struct sim_card *make_esteid(void)    { return sim_esteid_new(NULL); }
static struct sim_card *make_fineid(void)    { return sim_fineid_new(NULL); }
static struct sim_card *make_belpic(void)    { return sim_belpic_new(NULL); }
static struct sim_card *make_openpgp(void)   { return sim_openpgp_new(NULL); }

static struct sim_card *make_latvian(void)
{
    return sim_esteid_new(&(struct sim_esteid_options){ .latvian = true });
}

static struct sim_card *make_thales(void)
{
    return sim_fineid_new(&(struct sim_fineid_options){ .estonian = true });
}

static struct sim_card *make_gids(void)
{
    return sim_gids_new(&(struct sim_gids_options){ .puk = true });
}

// A standard card whose PINs are BCD in 8 bytes.
static struct sim_card *make_bcd(void)
{
    enum { FLAGS = P15_CASE | P15_INITIALIZED | P15_PADDED };
    static const struct sim_p15_pin pins[] = {
        { "PIN", 1, 2, FLAGS, P15_BCD, 4, 8, 12, 0x81, 0xff, false },
        { "PUK", 2, 0, FLAGS | P15_UNBLOCKING, P15_BCD, 8, 8, 12, 0x83, 0xff, false } };
    static const struct sim_p15 d = { .pins = pins, .n_pins = 2 };
    return sim_generic_new(&(struct sim_generic_options){ .p15 = &d });
}

static const struct kind kinds[] = {
    { "PIV", make_piv, "12345678", "87654321", "12345", 3, false, true, false, false },
    { "generic", make_generic, "12345678", "87654321", "1234567", 3, true, true, false, false },
    { "BCD", make_bcd, "12345678", "87654321", "1234567", 3, true, true, false, false },
    { "IsoApplet", make_isoapplet, "1234567812345678", "8765432187654321", "123456781234567", 5,
      false, false, true, false },
    { "MyEID", make_myeid, "12345678", "87654321", "123", 10, false, false, false, false },
    { "SmartCard-HSM", make_schsm, "3537363231383830", "0123456789abcdef", "353736323138383", 15,
      true, true, false, true },
    { "GIDS", make_gids, "12345678", "87654321", "123", 3, false, true, false, false },
    { "OpenPGP", make_openpgp, "12345678", "87654321", "1234567", 3, true, true, false, false },
    { "EstEID", make_esteid, "12345678", "87654321", "1234567", 3, true, true, false, false },
    { "Latvian eID", make_latvian, "12345678", "87654321", "1234567", 3, true, true, false, false },
    { "FinEID", make_fineid, "12345678", "87654321", "1234567", 5, true, true, false, false },
    { "EstEID 2025", make_thales, "12345678", "87654321", "1234567", 3, true, true, false, false },
};
static const struct kind belgian = { "Belgian eID", make_belpic, "123456789012", "210987654321",
                                     "12345678901", 3, false, false, false, false };

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

// The tries that a user's PIN has left, as the card says; -1: it does not say, -2: an error.
static int tries_left(CK_USER_TYPE user)
{
    CK_ULONG left;
    if (scard11_pin_tries(scene_slot, user, &left)) return -2;
    return left == CK_UNAVAILABLE_INFORMATION ? -1 : (int)left;
}

static void so_puk_counts(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK(!(token_flags() & (CKF_SO_PIN_LOCKED | CKF_SO_PIN_FINAL_TRY)));
    CHECK_RV(wrong_puk(session), CKR_PIN_INCORRECT);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);            // forgotten: no second try is lost
    if (!kind->verifies)                // nor one of the user PIN, whose state it is now
        CHECK_RV(set_pin(session, kind->puk, kind->puk), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(tries_left(CKU_SO), kind->puk_tries - 1);
    CHECK_EQ(tries_left(CKU_CONTEXT_SPECIFIC), -2);
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
    CHECK_EQ(tries_left(CKU_SO), 0);
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

// ---- C_SetPIN by the PUK ----

static unsigned unblocks_sent;

static void count_unblocks(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                           size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (n > 4 && cmd[1] == 0x2c) unblocks_sent++;
}

static void begin_unblocking(CK_SESSION_HANDLE *session, const char *how)
{
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_UNBLOCK", how), CKR_OK);
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(session), CKR_OK);
    CHECK_RV(scard11_configure("SCARD11_UNBLOCK", ""), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    sim_reader_trace(count_unblocks, NULL);
    unblocks_sent = 0;
}

static void end_unblocking(void)
{
    sim_reader_trace(NULL, NULL);
    scene_end();
    CHECK_RV(scard11_configure("SCARD11_UNBLOCK", ""), CKR_OK);
}

// A wrong PUK costs one try of its own, and none of the PIN's; the right one sets a new PIN. Nobody is
// logged in by that. Who is logged in changes the PIN by the old one.
static void set_pin_unblocks(void)
{
    CK_SESSION_HANDLE session = 0, ro;
    begin_unblocking(&session, "set_pin");
    if (test_failing) return;
    unsigned before = scene_card->tries_taken;
    CHECK_RV(set_pin(session, kind->short_puk, "246802"), CKR_PIN_LEN_RANGE);
    CHECK_RV(set_pin(session, kind->puk, "123"), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD);
    CHECK_EQ(scene_card->tries_taken, before);
    CHECK_RV(set_pin(session, kind->wrong, "246802"), CKR_PIN_INCORRECT);
    CHECK_EQ(scene_card->tries_taken, before + 1);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK(!(token_flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED)));
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CK_RV rv = set_pin(session, kind->wrong, "246802");       // not so long, or wrong
    CHECK(rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INCORRECT);
    CHECK_RV(C_Logout(session), CKR_OK);
    lock_pin(session);
    if (test_failing) return;
    CHECK_RV(set_pin(session, kind->puk, "246802"), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK(!(token_flags() & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)));
    CHECK_RV(login(session, CKU_USER, "246802"), CKR_OK);
    CHECK_RV(set_pin(session, "246802", "135791"), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(init_pin(session, "123456"), CKR_OK);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    CHECK_RV(set_pin(ro, kind->puk, "246802"), CKR_SESSION_READ_ONLY);
    end_unblocking();
}

// By default it is an old PIN, which is wrong; the PUK has all of its tries.
static void set_pin_unblocks_not(void)
{
    CK_SESSION_HANDLE session = 0;
    begin_unblocking(&session, "");
    if (test_failing) return;
    lock_pin(session);
    if (test_failing) return;
    unsigned before = scene_card->tries_taken;
    CK_RV rv = set_pin(session, kind->puk, "246802");
    CHECK(rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_LOCKED);
    CHECK_EQ(scene_card->tries_taken, before);
    CHECK_EQ(unblocks_sent, 0);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(init_pin(session, "246802"), CKR_OK);
    end_unblocking();
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
TEST(set_pin_takes_the_puk_where_it_is_to)  { on_all(set_pin_unblocks); }
TEST(set_pin_takes_no_puk_by_default)       { on_all(set_pin_unblocks_not); }

// A card whose PUK gives the tries back and cannot set another PIN: the new PIN is the old one.
TEST(a_puk_that_only_frees_the_pin)
{
    CK_SESSION_HANDLE session;
    kind = &belgian;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    lock_pin(session);
    if (test_failing) return;
    CHECK_RV(login(session, CKU_SO, kind->wrong), CKR_OK);
    CHECK_RV(init_pin(session, "123456"), CKR_PIN_INCORRECT);
    CHECK(token_flags() & CKF_SO_PIN_COUNT_LOW && token_flags() & CKF_USER_PIN_LOCKED);
    CHECK_RV(login(session, CKU_SO, kind->puk), CKR_OK);
    CHECK_RV(init_pin(session, "123456"), CKR_OK);
    CHECK(!(token_flags() & (CKF_SO_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED)));
    CHECK_RV(set_pin(session, kind->puk, kind->wrong), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    scene_end();
}

// ---- PINs that are kept ----

static CK_RV begin_keeping(const struct kind *k)
{
    kind = k;
    C_Finalize(NULL);
    CK_RV rv = scard11_configure("SCARD11_PIN_CACHE", "1");
    return rv ? rv : begin();
}

static void end_keeping(void)
{
    scene_end();
    scard11_configure("SCARD11_PIN_CACHE", "0");
}

static CK_OBJECT_HANDLE signer;                 // key 1, found while somebody is logged in

static CK_RV login_to_sign(CK_SESSION_HANDLE *session)
{
    CK_RV rv = scene_login(session);
    return rv ? rv : scene_find(*session, CKO_PRIVATE_KEY, 1, &signer);
}

// Signs; how many commands it took.
static CK_RV sign_with(CK_SESSION_HANDLE session, unsigned *apdus)
{
    CK_BYTE signature[256];
    CK_ULONG n = sizeof signature;
    unsigned before = scene_card->apdus;
    CK_RV rv = scene_sign(session, signer, CKM_SHA256_RSA_PKCS, "signed", 6, signature, &n);
    *apdus = scene_card->apdus - before;
    return rv;
}

// As another program, which knows the PIN.
static void change_on_card(const char *old, const char *fresh)
{
    static const uint8_t select[] = { 0, 0xa4, 4, 0, 9, 0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0 };
    uint8_t rsp[65538], cmd[21] = { 0, 0x24, 0, 0x80, 16 };
    memset(cmd + 5, 0xff, 16);
    memcpy(cmd + 5, old, strlen(old));
    memcpy(cmd + 13, fresh, strlen(fresh));
    scene_card->apdu(scene_card, select, sizeof select, rsp, sizeof rsp);
    size_t n = scene_card->apdu(scene_card, cmd, sizeof cmd, rsp, sizeof rsp);
    if (n != 2 || rsp[0] != 0x90) test_fail(__FILE__, __LINE__, "the PIN is not changed");
    sim_piv_select_other(scene_card);
}

TEST(no_pin_is_kept_by_default)
{
    CK_SESSION_HANDLE session;
    unsigned n;
    kind = &kinds[0];
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(login_to_sign(&session), CKR_OK);
    CHECK_EQ(sim_piv_verifies(scene_card), 1);
    sim_piv_select_other(scene_card);
    CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    sim_reader_reset(0);
    CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_verifies(scene_card), 2);
    scene_end();
}

TEST(a_kept_pin_brings_the_login_back)
{
    CK_SESSION_HANDLE session;
    unsigned n;
    CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
    CHECK_RV(login_to_sign(&session), CKR_OK);
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(n, 1);
    // on trust, CHUID, SELECT, once more, VERIFY, once more
    sim_piv_select_other(scene_card);
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(n, 6);
    CHECK_EQ(sim_piv_verifies(scene_card), 2);
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(n, 1);
    sim_reader_reset(0);        // the same card: SELECT, CHUID, which says so, VERIFY, the signature
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(n, 4);
    CHECK_EQ(sim_piv_verifies(scene_card), 3);
    CHECK_EQ(state(session), CKS_RW_USER_FUNCTIONS);
    CHECK_EQ(scene_card->stray_secrets, 0);
    CHECK_RV(set_pin(session, "123456", "246802"), CKR_OK);
    sim_piv_select_other(scene_card);           // the new one is kept
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    CHECK_RV(C_Logout(session), CKR_OK);        // and gone now
    n = sim_piv_verifies(scene_card);
    sim_piv_select_other(scene_card);
    sim_reader_reset(0);
    CHECK_RV(scene_count(session, NULL, 0, &(CK_ULONG){ 0 }), CKR_OK);
    CHECK_EQ(sim_piv_verifies(scene_card), n);
    end_keeping();
}

static void kept_on_all(void)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE keys = { CKA_CLASS, &class, sizeof class };
    CK_OBJECT_HANDLE key;
    CK_ULONG all, again;
    CHECK_RV(begin_keeping(kind), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_count(session, NULL, 0, &all), CKR_OK);
    CHECK_RV(scene_search(session, &keys, 1, &key), CKR_OK);
    sim_reader_reset(0);
    CHECK_EQ(state(session), CKS_RW_USER_FUNCTIONS);
    CHECK_RV(scene_count(session, NULL, 0, &again), CKR_OK);
    CHECK_EQ(again, all);
    CHECK_EQ(state(session), CKS_RW_USER_FUNCTIONS);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "999999"), CKR_PIN_INCORRECT);
    sim_reader_reset(0);                                        // nothing is kept of a wrong one
    CHECK_RV(scene_count(session, NULL, 0, &again), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CHECK(!(token_flags() & CKF_USER_PIN_COUNT_LOW));
    end_keeping();
}

TEST(a_kept_pin_on_every_card) { on_all(kept_on_all); }

// Selects its own applet before each of our transactions.
static void stranger(struct sim_card *card, void *arg)
{
    (void)arg;
    card->select_other(card);
}

static unsigned strays(void) { return scene_card->stray_secrets; }

// Each login goes at once, each key brings it back, and nobody else gets the PIN.
static void kept_beside_a_stranger(void)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE, always;
    CK_ATTRIBUTE keys[] = { { CKA_CLASS, &class, sizeof class }, { CKA_SIGN, &yes, 1 } };
    CK_ATTRIBUTE each = { CKA_ALWAYS_AUTHENTICATE, &always, 1 }, type = { CKA_KEY_TYPE, NULL, 0 };
    CK_KEY_TYPE what;
    CK_OBJECT_HANDLE key;
    CK_BYTE digest[32] = { 1 }, signature[512];
    CHECK_RV(begin_keeping(kind), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_search(session, keys, 2, &key), CKR_OK);
    if (!key) {                                                 // a card without keys
        end_keeping();
        return;
    }
    type = (CK_ATTRIBUTE){ CKA_KEY_TYPE, &what, sizeof what };
    CHECK_RV(C_GetAttributeValue(session, key, &each, 1), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, key, &type, 1), CKR_OK);
    sim_reader_foreign(0, stranger, NULL);
    for (int i = 0; i < 3 && !always; i++) {
        CK_ULONG n = sizeof signature;
        CHECK_RV(scene_sign(session, key, what == CKK_RSA ? CKM_RSA_PKCS : CKM_ECDSA, digest, 32, signature, &n),
                 CKR_OK);
    }
    CHECK_EQ(strays(), 0);
    CHECK_EQ(state(session), CKS_RW_USER_FUNCTIONS);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CHECK(!(token_flags() & CKF_USER_PIN_COUNT_LOW));
    end_keeping();
}

TEST(a_kept_pin_goes_to_nobody_else) { on_all(kept_beside_a_stranger); }

// Every call that sends a PIN or a PUK, while another program selects its application before each
// of our transactions: whatever comes of it, the secret goes where it is known, and costs no try.
static void secrets_beside_a_stranger(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    sim_reader_foreign(0, stranger, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
        CHECK(set_pin(session, "123456", "246802") != CKR_PIN_INCORRECT);
        C_Logout(session);
        CK_RV rv = login(session, CKU_SO, kind->puk);
        CHECK(rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LOCKED);
        if (!rv) rv = init_pin(session, "123456");
        CHECK(rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LOCKED);
        if (!rv) CHECK(set_pin(session, kind->puk, kind->puk) != CKR_PIN_INCORRECT);
        C_Logout(session);
        sim_reader_foreign(0, NULL, NULL);
        if (login(session, CKU_USER, "246802") == CKR_OK)
            CHECK_RV(set_pin(session, "246802", "123456"), CKR_OK);
        C_Logout(session);
        sim_reader_foreign(0, stranger, NULL);
        CHECK_EQ(strays(), 0);
    }
    sim_reader_foreign(0, NULL, NULL);
    scene_end();
}

TEST(no_secret_goes_to_another_application) { on_all(secrets_beside_a_stranger); }

TEST(a_kept_pin_that_was_changed_costs_one_try)
{
    CK_SESSION_HANDLE session;
    unsigned n;
    CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
    CHECK_RV(login_to_sign(&session), CKR_OK);
    change_on_card("123456", "654321");
    CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_verifies(scene_card), 2);
    CHECK_EQ(sim_piv_tries(scene_card), 2);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    judge_wrong(1);                             // which the call could not know
    CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
    sim_reader_reset(0);
    CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_verifies(scene_card), 2);
    CHECK_RV(login(session, CKU_USER, "654321"), CKR_OK);
    sim_reader_reset(0);
    CHECK_RV(sign_with(session, &n), CKR_OK);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    end_keeping();
}

// A change that failed may have been done: which of the two it is now nobody knows, and none is sent.
TEST(a_kept_pin_is_not_sent_after_a_change_that_failed)
{
    CK_SESSION_HANDLE session;
    unsigned n, failed = 0;
    for (unsigned nth = 1; nth <= 3 && !test_failing; nth++) {
        CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
        CHECK_RV(login_to_sign(&session), CKR_OK);
        sim_reader_fault(SIM_ANSWER_6F00, nth, NULL);
        CK_RV rv = set_pin(session, "123456", "654321");
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        failed += rv != CKR_OK;
        sim_piv_select_other(scene_card);
        if (!rv) CHECK_RV(sign_with(session, &n), CKR_OK);
        if (!rv) end_keeping();
        if (!rv) continue;
        CHECK_RV(rv, CKR_DEVICE_ERROR);
        CHECK_RV(sign_with(session, &n), CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(sim_piv_verifies(scene_card), 1);
        CHECK_EQ(sim_piv_tries(scene_card), 3);
        end_keeping();
    }
    CHECK(failed);
}

// The login that a reset ended, and the kept PIN could bring back, is over with a change: the old PIN
// is never sent again.
TEST(a_kept_pin_is_not_sent_after_a_reset_and_a_change)
{
    CK_SESSION_HANDLE session;
    unsigned n;
    for (int fails = 0; fails < 2 && !test_failing; fails++) {
        CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
        CHECK_RV(login_to_sign(&session), CKR_OK);
        sim_reader_reset(0);
        CHECK_RV(set_pin(session, fails ? "999999" : "123456", "654321"),
                 fails ? CKR_PIN_INCORRECT : CKR_OK);
        CHECK_EQ(sim_piv_tries(scene_card), 3 - fails);
        unsigned verifies = sim_piv_verifies(scene_card);
        CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
        CHECK(sign_with(session, &n) != CKR_OK);
        CHECK_EQ(sim_piv_verifies(scene_card), verifies);
        CHECK_RV(login(session, CKU_USER, fails ? "123456" : "654321"), CKR_OK);
        CHECK_EQ(sim_piv_tries(scene_card), 3);
        end_keeping();
    }
}

// Another card, the same card again, another session: each starts from nothing.
TEST(a_kept_pin_is_of_one_insertion_and_login)
{
    CK_SESSION_HANDLE session;
    CK_ULONG all;
    unsigned n;
    CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
    CHECK_RV(login_to_sign(&session), CKR_OK);
    struct sim_card *first = scene_card, *second = sim_piv_new(&(struct sim_piv_options){ .extended = true });
    sim_reader_eject(0);
    sim_reader_insert(0, second);
    CHECK_RV(sign_with(session, &n), CKR_DEVICE_REMOVED);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &signer), CKR_OK);
    CHECK_EQ(signer, 0);                                        // seen by nobody who is not logged in
    CHECK_RV(scene_count(session, NULL, 0, &all), CKR_OK);
    CHECK_EQ(sim_piv_verifies(second), 0);
    sim_reader_eject(0);
    sim_reader_insert(0, first);
    usleep((SCARD11_LOOK_MS + 1) * 1000);                       // or memory answers
    CHECK_RV(scene_count(session, NULL, 0, &all), CKR_DEVICE_REMOVED);
    second->free(second);
    CHECK_RV(login_to_sign(&session), CKR_OK);
    CHECK_EQ(sim_piv_verifies(first), 2);
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    sim_reader_reset(0);
    CHECK_RV(scene_count(session, NULL, 0, &all), CKR_OK);
    CHECK_EQ(sim_piv_verifies(first), 2);
    end_keeping();
}

// A key that wants the PIN before each use gets it from the caller, never from what was kept.
TEST(a_kept_pin_is_not_for_each_signature)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE signature[160];
    CK_ULONG n = sizeof signature;
    CHECK_RV(begin_keeping(&kinds[0]), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Sign(session, (CK_BYTE *)"signed", 6, signature, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    sim_reader_reset(0);
    CHECK_RV(C_Sign(session, (CK_BYTE *)"signed", 6, signature, &n), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_verifies(scene_card), 2);
    end_keeping();
}

// ---- pinpads ----

#define BOTH (1u << SIM_PAD_VERIFY | 1u << SIM_PAD_MODIFY)
#define TELLS_KEYS (SIM_PAD_IN_TWO | 1u << SIM_PAD_KEY)

static struct sim_pinpad pad;
static uint32_t offered = BOTH;                 // by the reader

static CK_RV begin_at(const struct kind *k, uint32_t features, uint8_t min, uint8_t max)
{
    kind = k;
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = kind->make();
    pad = (struct sim_pinpad){ .cancel = false };
    int reader = sim_reader_add(SCENE_READER);
    sim_pinpad_fit(reader, &pad, features, min, max);
    sim_reader_insert(reader, scene_card);
    scene_slot = 0;
    return C_Initialize(NULL);
}

static void type(const char *first, const char *second, const char *third)
{
    pad.typed[0] = first, pad.typed[1] = second, pad.typed[2] = third;
}

// The length of a PIN that is not given says nothing.
static CK_RV login_at_pad(CK_SESSION_HANDLE session, CK_USER_TYPE user)
{
    static CK_ULONG turn;
    return C_Login(session, user, NULL, turn++ % 2 ? 0 : 6);
}

static void pad_login(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(kind, offered, 0, 0), CKR_OK);
    CHECK(token_flags() & CKF_PROTECTED_AUTHENTICATION_PATH);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("999999", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_PIN_INCORRECT);
    CHECK(token_flags() & CKF_USER_PIN_COUNT_LOW);
    CHECK_EQ(pad.entries, 1);
    pad.cancel = true;                                  // costs no try
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_FUNCTION_CANCELED);
    pad.cancel = false;
    type(NULL, NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_FUNCTION_CANCELED);
    type("1", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_PIN_LEN_RANGE);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK(!(token_flags() & CKF_USER_PIN_COUNT_LOW));
    CHECK_EQ(state(session), CKS_RW_USER_FUNCTIONS);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_USER_ALREADY_LOGGED_IN);
    unsigned entries = kind->make == make_openpgp ? 6 : 5;      // its PIN has two references
    CHECK_EQ(pad.entries, entries);
    CHECK_EQ(pad.feature, SIM_PAD_VERIFY);
    CHECK_EQ(pad.malformed, 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);       // still allowed
    CHECK_EQ(pad.entries, entries);
    scene_end();
}

static void pad_change(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(kind, offered, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_SetPIN(session, NULL, 0, text("246802"), 6), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SetPIN(session, text("123456"), 6, NULL, 0), CKR_ARGUMENTS_BAD);
    if (kind->only_login) {
        CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD);
        CHECK_EQ(pad.entries, 0);
        scene_end();
        return;
    }
    type("123456", "246802", "246803");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_PIN_INVALID);
    type("123456", "246802", NULL);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_FUNCTION_CANCELED);
    type("999999", "246802", "246802");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_PIN_INCORRECT);
    type("123456", "246802", "246802");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    CHECK_EQ(pad.feature, SIM_PAD_MODIFY);
    CHECK_EQ(pad.malformed, 0);
    CHECK_RV(login(session, CKU_USER, "246802"), CKR_OK);
    type("246802", "123456", "123456");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);            // the login has to be typed again
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    scene_end();
}

static void pad_unblock(void)
{
    CK_SESSION_HANDLE session;
    if (kind->only_login) return;
    CHECK_RV(begin_at(kind, offered, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    if (kind->types_no_puk) {
        CHECK_RV(login_at_pad(session, CKU_SO), CKR_ARGUMENTS_BAD);
        CHECK_EQ(pad.entries, 0);
        scene_end();
        return;
    }
    lock_pin(session);
    if (test_failing) return;
    pad.cancel = true;
    if (kind->verifies) CHECK_RV(login_at_pad(session, CKU_SO), CKR_FUNCTION_CANCELED);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    pad.cancel = false;
    pad.entries = 0;
    type(kind->puk, "246802", "246802");
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_OK);
    CHECK_EQ(state(session), CKS_RW_SO_FUNCTIONS);
    CHECK_EQ(pad.entries, kind->verifies);
    CHECK_RV(init_pin(session, "246802"), CKR_ARGUMENTS_BAD);   // the PUK was not given to us
    type(kind->wrong, "246802", "246802");
    CHECK_RV(C_InitPIN(session, NULL, 0), CKR_PIN_INCORRECT);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    type(kind->puk, "246802", "246802");
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_OK);
    CHECK_RV(C_InitPIN(session, NULL, 0), CKR_OK);
    CHECK_EQ(pad.malformed, 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "246802"), CKR_OK);
    scene_end();
}

// EstEID and OpenPGP have two commands for it: the pinpad asks for the PUK first, then for the new
// PIN, twice.
static void pad_unblock_in_two(void)
{
    static const char *const fresh[] = { "246802", "246802", NULL };
    static const char *const unlike[] = { "246802", "246803", NULL };
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(kind, offered, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    lock_pin(session);
    if (test_failing) return;
    type(kind->wrong, NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_PIN_INCORRECT);
    type(kind->puk, NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_OK);
    pad.next = unlike;
    CHECK_RV(C_InitPIN(session, NULL, 0), CKR_PIN_INVALID);
    CHECK_EQ(state(session), CKS_RW_SO_FUNCTIONS);
    type(kind->puk, NULL, NULL);
    pad.next = fresh;
    CHECK_RV(C_InitPIN(session, NULL, 0), CKR_OK);
    CHECK(pad.feature == SIM_PAD_MODIFY && pad.confirm == 1);
    CHECK_EQ(pad.entries, 6);
    CHECK_EQ(pad.malformed, 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "246802"), CKR_OK);
    scene_end();
}

// C_SetPIN with SCARD11_UNBLOCK: the PUK is typed once, and the new PIN twice.
static void pad_unblocks_by_set_pin(void)
{
    CK_SESSION_HANDLE session;
    bool no_pad = kind->only_login || kind->types_no_puk;
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_UNBLOCK", "set_pin"), CKR_OK);
    CHECK_RV(begin_at(kind, BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    lock_pin(session);
    if (test_failing) return;
    type(kind->puk, "246802", "246802");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), no_pad ? CKR_ARGUMENTS_BAD : CKR_OK);
    CHECK_EQ(pad.entries, !no_pad);
    CHECK_EQ(state(session), CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(pad.malformed, 0);
    if (!no_pad) CHECK_RV(login(session, CKU_USER, "246802"), CKR_OK);
    end_unblocking();
}

static bool pad_unblocks_in_two(void)
{
    return kind->make == make_esteid || kind->make == make_latvian || kind->make == make_openpgp;
}

static void pad_set_pin(void)
{
    if (!pad_unblocks_in_two()) pad_unblocks_by_set_pin();
}

static void pad_unblock_all(void)
{
    pad_unblocks_in_two() ? pad_unblock_in_two() : pad_unblock();
}

// At readers that do it in one control, in two, and in two with keys told between.
static void at_all_pads(void (*fn)(void))
{
    static const uint32_t pads[] = { BOTH, SIM_PAD_IN_TWO, TELLS_KEYS };
    for (size_t i = 0; i < sizeof pads / sizeof *pads && !test_failing; i++) {
        offered = pads[i];
        on_all(fn);
        if (test_failing) printf("    with features %x\n", (unsigned)offered);
    }
    offered = BOTH;
}

TEST(a_pad_logs_in)             { at_all_pads(pad_login); }
TEST(a_pad_changes_the_pin)     { at_all_pads(pad_change); }
TEST(a_pad_unblocks_the_pin)    { at_all_pads(pad_unblock_all); }

TEST(a_pad_unblocks_by_set_pin) { on_all(pad_set_pin); }

TEST(a_pad_in_two_with_half_of_it_is_none)
{
    static const uint32_t halves[] = { 1u << 1, 1u << 2, 1u << 1 | 1u << 4, 1u << 3 | 1u << 4 };
    CK_SESSION_HANDLE session;
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        CHECK_RV(begin_at(&kinds[0], halves[i], 0, 0), CKR_OK);
        CHECK(!(token_flags() & CKF_PROTECTED_AUTHENTICATION_PATH));
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(login_at_pad(session, CKU_USER), CKR_ARGUMENTS_BAD);
        CHECK_EQ(pad.entries, 0);
        scene_end();
    }
    CHECK_RV(begin_at(&kinds[0], TELLS_KEYS, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK_EQ(pad.keys_asked, 4);
    CHECK(!pad.begun);
    CHECK_EQ(pad.malformed, 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    pad.pull = true;                                    // the card, while keys are pressed
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_DEVICE_REMOVED);
    scene_end();
}

TEST(a_pad_encodes_as_iso_9564)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(&belgian, BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", "12345", "12345");
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK_BYTES(pad.command, pad.command_len, "0020000108 26123456ffffffff");
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    CHECK_BYTES(pad.command, pad.command_len, "0024000110 26123456ffffffff 2512345fffffffff");
    CHECK_RV(login(session, CKU_USER, "12345"), CKR_OK);
    scene_end();
}

TEST(readers_without_a_pad_for_it_take_no_null)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(&kinds[0], 0, 0, 0), CKR_OK);
    CHECK(!(token_flags() & CKF_PROTECTED_AUTHENTICATION_PATH));
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_ARGUMENTS_BAD);
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_ARGUMENTS_BAD);
    scene_end();
    CHECK_RV(begin_at(&kinds[0], 1u << SIM_PAD_VERIFY, 0, 0), CKR_OK);      // cannot change one
    CHECK(token_flags() & CKF_PROTECTED_AUTHENTICATION_PATH);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD);
    CHECK_RV(login_at_pad(session, CKU_SO), CKR_ARGUMENTS_BAD);
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    scene_end();
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 5), CKR_OK);          // PIV wants 6 digits
    CHECK(!(token_flags() & CKF_PROTECTED_AUTHENTICATION_PATH));
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_ARGUMENTS_BAD);
    CHECK_EQ(pad.entries, 0);
    scene_end();
    CHECK_RV(begin_at(&kinds[0], BOTH, 4, 7), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK(pad.min == 6 && pad.max == 7);
    scene_end();
}

TEST(a_pad_for_each_signature)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE data[] = "signed", signature[160];
    CK_ULONG n = sizeof signature;
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    pad.cancel = true;
    CHECK_RV(login_at_pad(session, CKU_CONTEXT_SPECIFIC), CKR_FUNCTION_CANCELED);
    pad.cancel = false;
    CHECK_RV(login_at_pad(session, CKU_CONTEXT_SPECIFIC), CKR_OK);
    CHECK_RV(C_Sign(session, data, sizeof data, signature, &n), CKR_OK);
    CHECK(scene_good(SIM_P256A, data, sizeof data, signature, n));
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

#if SCARD11_READER == SCARD11_READER_PCSC
// A driver may tell by PC/SC's own codes that nobody typed, or cancelled: the card is there as before.
TEST(a_driver_s_word_for_cancelled_costs_no_card)
{
    static const LONG codes[] = { SCARD_E_TIMEOUT, SCARD_E_CANCELLED };
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        CK_RV rv = CKR_OK;
        for (unsigned n = 1; n < 20; n++) {             // until it is the pinpad's call
            pcsc_fail(n, codes[i], false);
            rv = login_at_pad(session, CKU_USER);
            if (!strcmp(pcsc_fired_at(), "SCardControl")) break;
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            CHECK_RV(C_Initialize(NULL), CKR_OK);
            CHECK_RV(scene_open(&session), CKR_OK);
        }
        CHECK_RV(rv, CKR_FUNCTION_CANCELED);
        pcsc_fail(0, 0, false);
        CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
        CHECK_RV(C_Logout(session), CKR_OK);
    }
    scene_end();
}
#endif

TEST(a_card_pulled_during_the_entry)
{
    CK_SESSION_HANDLE session;
    for (int change = 0; change < 2; change++) {
        CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        type("123456", "246802", "246802");
        pad.pull = true;
        CHECK_RV(change ? C_SetPIN(session, NULL, 0, NULL, 0) : login_at_pad(session, CKU_USER),
                 CKR_DEVICE_REMOVED);
        CHECK_RV(login_at_pad(session, CKU_USER), CKR_SESSION_HANDLE_INVALID);
        CHECK_EQ(sim_piv_verifies(scene_card), 0);
        sim_reader_insert(0, scene_card);
        pad.pull = false;
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
        scene_end();
    }
}

TEST(another_application_never_gets_what_is_typed)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    sim_reader_foreign(0, stranger, NULL);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", "123456", "123456");
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    CHECK_EQ(scene_card->stray_secrets, 0);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    CHECK_EQ(pad.entries, 2);
    scene_end();
}

static void *enter(void *session)
{
    return (void *)(uintptr_t)login_at_pad(*(CK_SESSION_HANDLE *)session, CKU_USER);
}

// Somebody is at the pinpad: what looks at readers goes on, C_Finalize waits for the entry.
TEST(the_library_goes_on_while_a_pin_is_typed)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_INFO info;
    CK_SLOT_ID slot;
    CK_ULONG n = 1;
    pthread_t typist;
    void *result;
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    sim_reader_fault(SIM_HANG, 2, NULL);                // the first is SELECT
    CHECK(!pthread_create(&typist, NULL, enter, &session));
    bool hangs = sim_reader_await_hang(10000);
    CK_RV look = C_GetSlotInfo(0, &info), list = C_GetSlotList(CK_FALSE, &slot, &n);
    CK_RV event = C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
    sim_reader_eject(0);                                // ends it
    pthread_join(typist, &result);
    CHECK(hangs);
    CHECK_RV(look, CKR_OK);
    CHECK_RV(list, CKR_OK);
    CHECK_RV(event, CKR_NO_EVENT);
    CHECK_RV((CK_RV)(uintptr_t)result, CKR_DEVICE_REMOVED);
    scene_end();
}

static void *finalize(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)C_Finalize(NULL);
}

TEST(finalize_waits_for_the_entry)
{
    CK_SESSION_HANDLE session;
    pthread_t typist, ender;
    void *result, *end;
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", NULL, NULL);
    sim_reader_fault(SIM_HANG, 2, NULL);
    CHECK(!pthread_create(&typist, NULL, enter, &session));
    bool hangs = sim_reader_await_hang(10000);
    CHECK(!pthread_create(&ender, NULL, finalize, NULL));
    for (CK_ULONG n; C_GetSlotList(CK_FALSE, NULL, &n) == CKR_OK; ) { }     // it has begun
    sim_reader_release();                               // the PIN is typed now
    pthread_join(typist, &result);
    pthread_join(ender, &end);
    CHECK(hangs);
    CHECK_RV((CK_RV)(uintptr_t)end, CKR_OK);
    CHECK_RV((CK_RV)(uintptr_t)result, CKR_OK);
    scene_end();
}

// ---- What a call waits for is told ----

// What a program was told: letters for what begins, and small ones for what is over.
static struct {
    char letters[40];
    unsigned long slot, key;
    unsigned entries, signatures;           // how many there had been when the last one began
    unsigned amiss;                         // over, but not what had begun; of another slot or key
    pthread_mutex_t lock;
} told = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void tell(void *context, unsigned long slot, unsigned long key, unsigned reason, int begins)
{
    pthread_mutex_lock(&told.lock);
    size_t n = strlen(told.letters);
    char letter = (char)((begins ? "?TPS" : "?tps")[reason <= 3 ? reason : 0]);
    char before = n ? told.letters[n - 1] : 'x';
    bool open = before >= 'A' && before <= 'Z';
    if (context != &told || (begins ? open : before != letter - 'a' + 'A')) told.amiss++;
    if (!begins && (slot != told.slot || key != told.key)) told.amiss++;
    if (n < sizeof told.letters - 1) told.letters[n] = letter;
    told.slot = slot;
    told.key = key;
    if (begins) told.entries = pad.entries;
    if (begins) told.signatures = scene_card->signatures;
    pthread_mutex_unlock(&told.lock);
}

static CK_RV tell_from_now_on(void)
{
    C_Finalize(NULL);
    memset(told.letters, 0, sizeof told.letters);
    told.amiss = 0;
    return scard11_set_notice(tell, &told);
}

// Was that told since the last time?
static bool was_told(const char *letters)
{
    pthread_mutex_lock(&told.lock);
    bool same = !strcmp(told.letters, letters) && !told.amiss;
    if (!same) printf("    told: %s, %u amiss\n", told.letters, told.amiss);
    memset(told.letters, 0, sizeof told.letters);
    pthread_mutex_unlock(&told.lock);
    return same;
}

static bool is_told(char letter)
{
    pthread_mutex_lock(&told.lock);
    bool is = strchr(told.letters, letter);
    pthread_mutex_unlock(&told.lock);
    return is;
}

static unsigned long commands(void)
{
    struct scard11_counters counters = { .commands = 0 };
    scard11_stats(scene_slot, &counters);
    return (unsigned long)counters.commands;
}

// Each entry has begun before anybody is asked, and is over whatever comes of it.
static void pad_tells(void)
{
    CK_SESSION_HANDLE session;
    CHECK_RV(tell_from_now_on(), CKR_OK);
    CHECK_RV(begin_at(&kinds[0], offered, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login(session, CKU_USER, "123456"), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK(was_told(""));
    pad.cancel = true;
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_FUNCTION_CANCELED);
    CHECK(was_told("Pp") && !told.entries && told.slot == scene_slot && !told.key);
    pad.cancel = false;
    type("999999", "246802", "246802");
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_PIN_INCORRECT);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_PIN_INCORRECT);
    CHECK(was_told("PpPp"));
    type("123456", NULL, NULL);
    pad.pull = true;
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_DEVICE_REMOVED);
    CHECK(was_told("Pp"));
    CHECK_EQ(told.entries, 3);
    scene_end();
}

TEST(a_pad_tells_when_it_waits)
{
    static const uint32_t pads[] = { BOTH, SIM_PAD_IN_TWO, TELLS_KEYS };
    for (size_t i = 0; i < sizeof pads / sizeof *pads && !test_failing; i++) {
        offered = pads[i];
        pad_tells();
    }
    offered = BOTH;
}

static CK_RV sign_by(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE by, bool always)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_KEY_TYPE type;
    CK_ATTRIBUTE is = { CKA_KEY_TYPE, &type, sizeof type };
    CK_BYTE made[512];
    CK_ULONG n = sizeof made;
    CK_RV rv = C_GetAttributeValue(session, by, &is, 1);
    if (!rv && type == CKK_EC) m.mechanism = CKM_ECDSA;
    if (!rv) rv = C_SignInit(session, &m, by);
    if (!rv && always) rv = login(session, CKU_CONTEXT_SPECIFIC, "123456");
    return rv ? rv : C_Sign(session, (CK_BYTE *)"hash", 4, made, &n);
}

// A touch has begun to be waited for before the key is used, by its slot and its handle; it is over
// when it came, when none came, when the card was pulled. Not of a key that wants none. The commands
// are those that are sent when nobody is told.
static void touch_tells(struct sim_card *card, void (*miss)(struct sim_card *, unsigned), CK_BYTE id,
                        CK_BYTE other)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE by = 0, silent = 0;
    unsigned long sent[2];
    for (int heard = 0; heard < 2 && !test_failing; heard++) {
        CHECK_RV(tell_from_now_on(), CKR_OK);
        if (!heard) CHECK_RV(scard11_set_notice(NULL, NULL), CKR_OK);
        sim_reader_clear();
        scene_card = card;
        sim_reader_insert(sim_reader_add(SCENE_READER), card);
        scene_slot = 0;
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        CHECK_RV(scene_login(&session), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &by), CKR_OK);
        CHECK_RV(sign_by(session, by, false), CKR_OK);
        sent[heard] = commands();
    }
    CHECK(was_told("Tt") && told.slot == scene_slot && told.key == by);
    CHECK_EQ(card->signatures, told.signatures + 1);
    CHECK_EQ(sent[1], sent[0]);
    miss(card, 1);
    CHECK_RV(sign_by(session, by, false), CKR_FUNCTION_REJECTED);
    CHECK(was_told("Tt"));
    if (other) CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, other, &silent), CKR_OK);
    if (other) CHECK_RV(sign_by(session, silent, true), CKR_OK);
    CHECK(was_told(""));
    sim_reader_fault(SIM_EJECT, 1, NULL);
    CHECK_RV(sign_by(session, by, false), CKR_DEVICE_REMOVED);
    CHECK(was_told("Tt"));
    scene_end();
}

TEST(a_touch_is_told)
{
    struct sim_piv_options piv = { .extended = true, .yubikey = true, .touch_key = 0x9a };
    struct sim_openpgp_options pgp = { .button = true, .uif = 7 };
    touch_tells(sim_piv_new(&piv), sim_piv_miss_touches, 1, 2);
    if (!test_failing) touch_tells(sim_openpgp_new(&pgp), sim_openpgp_miss_touches, 1, 0);
}

// The card makes a key: that takes long, and is told without waiting for it.
TEST(the_making_of_a_key_is_told)
{
    static CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CK_BBOOL yes = CK_TRUE;
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE curve = { CKA_EC_PARAMS, p256, sizeof p256 };
    CK_ATTRIBUTE token = { CKA_TOKEN, &yes, sizeof yes };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE public_key, private_key;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].make == make_isoapplet) kind = &kinds[i];
    CHECK_RV(tell_from_now_on(), CKR_OK);
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_GenerateKeyPair(session, &m, &curve, 1, &token, 1, &public_key, &private_key),
             CKR_OK);
    CHECK(was_told("Ss") && told.slot == scene_slot);
    CHECK_RV(C_GenerateKeyPair(session, &m, NULL, 0, &token, 1, &public_key, &private_key),
             CKR_TEMPLATE_INCOMPLETE);
    CHECK(was_told(""));
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);               // it was for the time before
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_GenerateKeyPair(session, &m, &curve, 1, &token, 1, &public_key, &private_key),
             CKR_OK);
    CHECK(was_told(""));
    CHECK_RV(scard11_set_notice(tell, &told), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    scene_end();
}

static CK_OBJECT_HANDLE slow_key;

static void *sign_slowly(void *session)
{
    return (void *)(uintptr_t)sign_by(*(CK_SESSION_HANDLE *)session, slow_key, false);
}

static void *await_event(void *arg)
{
    CK_SLOT_ID slot;
    (void)arg;
    return (void *)(uintptr_t)C_WaitForSlotEvent(0, &slot, NULL);
}

// A card that takes more than a second for a signature: who waits for an event finds that out, while
// the one who waits for the card cannot. It is over with the call, and not told of a short one.
TEST(a_card_that_takes_long_is_told)
{
    CK_SESSION_HANDLE session;
    pthread_t user, waiter;
    void *made, *event;
    kind = &kinds[0];
    CHECK_RV(tell_from_now_on(), CKR_OK);
    CHECK_RV(begin(), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &slow_key), CKR_OK);
    CHECK_RV(sign_by(session, slow_key, false), CKR_OK);
    sim_reader_fault(SIM_HANG, 1, NULL);
    CHECK(!pthread_create(&waiter, NULL, await_event, NULL));
    CHECK(!pthread_create(&user, NULL, sign_slowly, &session));
    bool hangs = sim_reader_await_hang(10000);
    usleep(500 * 1000);
    bool early = is_told('S'), late = false;
    for (int i = 0; i < 300 && !late; i++) {
        usleep(10 * 1000);
        late = is_told('S');
    }
    sim_reader_release();
    pthread_join(user, &made);
    CHECK(hangs && late && !early);
    CHECK_RV((CK_RV)(uintptr_t)made, CKR_OK);
    CHECK(was_told("Ss") && told.slot == scene_slot && told.key == slow_key);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    pthread_join(waiter, &event);
    CHECK_RV((CK_RV)(uintptr_t)event, CKR_CRYPTOKI_NOT_INITIALIZED);
    scene_end();
}

static char logged[60000];
static size_t logged_len;

static void log_line(void *arg, const char *line)
{
    (void)arg;
    size_t n = strlen(line);
    if (logged_len + n + 2 > sizeof logged) return;
    memcpy(logged + logged_len, line, n);
    logged[logged_len += n] = '\n';
    logged[++logged_len] = 0;
}

// Both begin with 123456 in ASCII, which must not be there; what a pinpad is asked may be.
TEST(the_log_shows_no_pin_and_no_puk)
{
    CK_SESSION_HANDLE session;
    C_Finalize(NULL);
    logged_len = 0;
    CHECK_RV(scard11_set_log(log_line, NULL), CKR_OK);
    CHECK_RV(begin_at(&kinds[0], BOTH, 0, 0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    type("123456", "123456", "123456");
    CHECK_RV(login_at_pad(session, CKU_USER), CKR_OK);
    CHECK_RV(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    CHECK_RV(login(session, CKU_SO, "12345678"), CKR_OK);
    CHECK_RV(init_pin(session, "123456"), CKR_OK);
    CHECK_RV(set_pin(session, "12345678", "12345678"), CKR_OK);
    scene_end();
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
    CHECK(strstr(logged, "0024008010ffffffff"));
    CHECK(!strstr(logged, "313233343536"));
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(the_so_unblocks_the_pin);
    RUN(the_so_gets_the_standard_s_codes);
    RUN(a_wrong_puk_counts_by_one);
    RUN(the_so_changes_the_puk);
    RUN(the_puk_goes_with_the_login);
    RUN(set_pin_takes_the_puk_where_it_is_to);
    RUN(set_pin_takes_no_puk_by_default);
    RUN(a_puk_that_only_frees_the_pin);
    RUN(no_pin_is_kept_by_default);
    RUN(a_kept_pin_brings_the_login_back);
    RUN(a_kept_pin_on_every_card);
    RUN(a_kept_pin_goes_to_nobody_else);
    RUN(no_secret_goes_to_another_application);
    RUN(a_kept_pin_that_was_changed_costs_one_try);
    RUN(a_kept_pin_is_not_sent_after_a_change_that_failed);
    RUN(a_kept_pin_is_not_sent_after_a_reset_and_a_change);
    RUN(a_kept_pin_is_of_one_insertion_and_login);
    RUN(a_kept_pin_is_not_for_each_signature);
    RUN(a_pad_logs_in);
    RUN(a_pad_changes_the_pin);
    RUN(a_pad_unblocks_the_pin);
    RUN(a_pad_unblocks_by_set_pin);
    RUN(a_pad_in_two_with_half_of_it_is_none);
    RUN(a_pad_encodes_as_iso_9564);
    RUN(readers_without_a_pad_for_it_take_no_null);
    RUN(a_pad_for_each_signature);
#if SCARD11_READER == SCARD11_READER_PCSC
    RUN(a_driver_s_word_for_cancelled_costs_no_card);
#endif
    RUN(a_card_pulled_during_the_entry);
    RUN(another_application_never_gets_what_is_typed);
    RUN(the_library_goes_on_while_a_pin_is_typed);
    RUN(finalize_waits_for_the_entry);
    RUN(a_pad_tells_when_it_waits);
    RUN(a_touch_is_told);
    RUN(the_making_of_a_key_is_told);
    RUN(a_card_that_takes_long_is_told);
    RUN(the_log_shows_no_pin_and_no_puk);
    return test_end();
}
