// faults.c: everything fails once, at every place where it can. Whole scenes on a PIV card, with
// the card pulled, swapped or reset, the reader failing, the service stopped at the n-th use of the
// connection, and with the n-th allocation failing; n = 1, 2, ... until nothing fires. The last
// also with all that there is to do on a chip with PIV and OpenPGP, and with a card of each kind of
// kinds.h; what else fails of those is in cards.c.
// SPDX-License-Identifier: 0BSD
//
// Afterwards, whatever happened: no leak (of memory, connections, contexts, transactions), every
// handle of a card that is gone refused, no PIN and no signature of another card, no try lost, and
// the card usable when it is in again. It includes scard11.c, to count its allocations.
#define _POSIX_C_SOURCE 200809L
#include "counted.h"
#include "../../scard11.c"
#include "kinds.h"
#include "../sim/sim_chip.h"
#include "../sim/sim_pinpad.h"
#if SCARD11_READER == SCARD11_READER_PCSC
#include "../pcsc/pcsc_stand_in.h"
#endif

// ---- The scenes ----

static const struct sim_piv_key scene_keys[] = {
    { 0x9a, SIM_RSA2048A, false, false, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_P256A, false, true, SIM_PIN_BY_SLOT },
    { 0x9d, SIM_P256B, false, false, SIM_PIN_BY_SLOT },
        { 0x82, SIM_RSA2048B, false, false, SIM_PIN_BY_SLOT } };
static const struct sim_piv_key other_keys[] = {
    { 0x9a, SIM_RSA2048B, false, false, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_P256B, false, false, SIM_PIN_BY_SLOT },
    { 0x9d, SIM_P256A, false, false, SIM_PIN_BY_SLOT },
        { 0x82, SIM_RSA2048A, false, true, SIM_PIN_BY_SLOT } };

// What a scene works with; filled in by what comes before the fault.
static CK_SESSION_HANDLE session, second;
static CK_OBJECT_HANDLE key;
static CK_BYTE text[] = "signed", out[512], cipher[256];
static CK_ULONG out_len, cipher_len, listed;

static CK_RV find_key(CK_BYTE id)
{
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, id, &key);
    return rv ? rv : key ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

static CK_RV prepare_nothing(void) { return CKR_OK; }

static CK_RV prepare_session(void)
{
    CK_RV rv = scene_open(&session);
    return rv ? rv : scene_open(&second);
}

static CK_RV prepare_login(void)
{
    CK_RV rv = prepare_session();
    return rv ? rv : C_Login(session, CKU_USER, PIN, 6);
}

static CK_RV prepare_sign(void)
{
    CK_RV rv = prepare_login();
    return rv ? rv : find_key(1);
}

static CK_RV prepare_context(void)
{
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_RV rv = prepare_login();
    if (!rv) rv = find_key(2);
    return rv ? rv : C_SignInit(session, &m, key);
}

static CK_RV prepare_decrypt(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE public_key;
    CK_RV rv = prepare_login();
    if (!rv) rv = scene_find(session, CKO_PUBLIC_KEY, 5, &public_key);
    if (!rv) rv = C_EncryptInit(session, &m, public_key);
    cipher_len = sizeof cipher;
    if (!rv) rv = C_Encrypt(session, text, sizeof text, cipher, &cipher_len);
    return rv ? rv : find_key(5);
}

static CK_RV prepare_derive(void)
{
    CK_RV rv = prepare_login();
    return rv ? rv : find_key(3);
}

static CK_RV do_token(void)
{
    CK_TOKEN_INFO info;
    CK_RV rv = C_GetTokenInfo(scene_slot, &info);
    return rv ? rv : scene_open(&session);
}

static bool list_is_whole(void) { return listed == 11 + 4 || listed == 18 + 4; }   // 4 profiles

static CK_RV do_list(void)
{
    return scene_count(session, NULL, 0, &listed);
}

static CK_RV do_read(void)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)"Printed Information", 19 } };
    CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
    CK_OBJECT_HANDLE object;
    CK_RV rv = scene_search(session, t, 2, &object);
    if (!rv && !object) return CKR_OBJECT_HANDLE_INVALID;
    return rv ? rv : C_GetAttributeValue(session, object, &v, 1);
}

static CK_RV do_login(void) { return C_Login(session, CKU_USER, PIN, 6); }

static CK_RV sign_with(enum sim_key with)
{
    out_len = sizeof out;
    CK_RV rv = scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, out, &out_len);
    if (!rv && !scene_good(with, text, sizeof text, out, out_len)) return CKR_GENERAL_ERROR;
    return rv;
}

static CK_RV do_sign(void) { return sign_with(SIM_RSA2048A); }

static CK_RV do_context(void)
{
    out_len = sizeof out;
    CK_RV rv = C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6);
    if (!rv) rv = C_Sign(session, text, sizeof text, out, &out_len);
    if (!rv && !scene_good(SIM_P256A, text, sizeof text, out, out_len)) return CKR_GENERAL_ERROR;
    return rv;
}

static CK_RV do_decrypt(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    out_len = sizeof out;
    CK_RV rv = C_DecryptInit(session, &m, key);
    if (!rv) rv = C_Decrypt(session, cipher, cipher_len, out, &out_len);
    if (!rv && (out_len != sizeof text || memcmp(out, text, out_len))) return CKR_GENERAL_ERROR;
    return rv;
}

static CK_RV do_derive(void)
{
    CK_ECDH1_DERIVE_PARAMS p = { CKD_SHA256_KDF, 0, NULL, sizeof sim_p256_point, (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
    CK_OBJECT_HANDLE made;
    CK_RV rv = C_DeriveKey(session, &m, key, NULL, 0, &made);
    return rv ? rv : C_GetAttributeValue(session, made, &v, 1);
}

static CK_RV do_set_pin(void) { return C_SetPIN(session, PIN, 6, PIN, 6); }

#define PUK ((CK_UTF8CHAR *)"12345678")
static CK_RV prepare_so(void)
{
    CK_RV rv = prepare_session();
    return rv ? rv : C_Login(session, CKU_SO, PUK, 8);
}

static CK_RV do_so_login(void) { return C_Login(session, CKU_SO, PUK, 8); }
static CK_RV do_unblock(void) { return C_InitPIN(session, PIN, 6); }
static CK_RV do_set_puk(void) { return C_SetPIN(session, PUK, 8, PUK, 8); }

// ---- Who writes the card ----

#define ADMIN ((CK_UTF8CHAR *)"010203040506070801020304050607080102030405060708")

static CK_BBOOL yes = CK_TRUE;

static CK_RV prepare_admin(void)
{
    CK_RV rv = prepare_session();
    return rv ? rv : C_Login(session, CKU_SO, ADMIN, 48);
}

static CK_RV do_admin(void) { return C_Login(session, CKU_SO, ADMIN, 48); }

// Under 83, where nothing is.
static CK_RV do_make(void)
{
    static const CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CK_BYTE id = 6;
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, &id, 1 },
                         { CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256 } };
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE made[2];
    return C_GenerateKeyPair(session, &m, a, 3, a, 2, &made[0], &made[1]);
}

// Under 84, where nothing is; then in its place the same.
static CK_RV do_store(void)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    CK_BYTE id = 7;
    size_t n;
    const uint8_t *der = sim_piv_certificate(SIM_P384B, &n);
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 },
                         { CKA_CERTIFICATE_TYPE, &x509, sizeof x509 }, { CKA_ID, &id, 1 },
                         { CKA_VALUE, (void *)(uintptr_t)der, n } };
    CK_OBJECT_HANDLE made;
    CK_RV rv = C_CreateObject(session, a, 5, &made);
    return rv ? rv : C_CreateObject(session, a, 5, &made);
}

static CK_RV do_store_data(void)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 },
                         { CKA_APPLICATION, (void *)(uintptr_t)"Security Object", 15 },
                         { CKA_VALUE, text, sizeof text } };
    CK_OBJECT_HANDLE made;
    CK_RV rv = C_CreateObject(session, a, 4, &made);
    return rv ? rv : C_DestroyObject(session, made);
}

// The certificate of 9C.
static CK_RV do_erase(void)
{
    CK_OBJECT_HANDLE certificate;
    CK_RV rv = scene_find(session, CKO_CERTIFICATE, 2, &certificate);
    return rv ? rv : C_DestroyObject(session, certificate);
}

// The same at a reader's pinpad: what is typed, and what for.
static struct sim_pinpad pad;

static CK_RV do_pad_login(void)
{
    pad.typed[0] = "123456";
    return C_Login(session, CKU_USER, NULL, 0);
}

static CK_RV do_pad_set_pin(void)
{
    pad.typed[0] = pad.typed[1] = pad.typed[2] = "123456";
    return C_SetPIN(session, NULL, 0, NULL, 0);
}

static CK_RV do_pad_unblock(void)
{
    pad.typed[0] = "12345678";
    pad.typed[1] = pad.typed[2] = "123456";
    CK_RV rv = C_Login(session, CKU_SO, NULL, 0);
    return rv ? rv : C_InitPIN(session, NULL, 0);
}

static CK_RV do_logout(void) { return C_Logout(session); }
static CK_RV do_close(void) { return C_CloseAllSessions(scene_slot); }

static CK_RV do_wait(void)
{
    CK_SLOT_ID id;
    CK_RV rv = C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
    return rv == CKR_NO_EVENT ? CKR_OK : rv;
}

static const struct scene {
    const char *name;
    CK_RV (*prepare)(void), (*run)(void);
    bool login;                     // needs the login, or makes it
} scenes[] = {
    { "token", prepare_nothing, do_token, false },    { "list", prepare_session, do_list, false },
    { "login", prepare_session, do_login, true },
        { "list after login", prepare_login, do_list, true },
    { "read", prepare_login, do_read, true },         { "sign", prepare_sign, do_sign, true },
    { "context", prepare_context, do_context, true },
        { "decrypt", prepare_decrypt, do_decrypt, true },
    { "derive", prepare_derive, do_derive, true },
        { "set pin", prepare_login, do_set_pin, true },
    { "so login", prepare_session, do_so_login, true },
        { "unblock", prepare_so, do_unblock, true },
    { "set puk", prepare_so, do_set_puk, true },
        { "pad login", prepare_session, do_pad_login, true },
    { "pad set pin", prepare_login, do_pad_set_pin, true },
        { "pad unblock", prepare_session, do_pad_unblock, true },
    { "logout", prepare_login, do_logout, true },     { "close", prepare_login, do_close, true },
    { "wait", prepare_login, do_wait, false },
    { "admin", prepare_session, do_admin, true },     { "make", prepare_admin, do_make, true },
    { "store", prepare_admin, do_store, true },
        { "store data", prepare_admin, do_store_data, true },
    { "erase", prepare_admin, do_erase, true },
};
#define SCENES (sizeof scenes / sizeof *scenes)

// ---- The judgement ----

static bool is_removal(enum sim_fault f)
{
    return f != SIM_RESET && f != SIM_RESET_AFTER && f != SIM_ANSWER_6F00 && f != SIM_ANSWER_9000;
}

static bool is_defined(CK_RV rv)
{
    static const CK_RV fine[] = {
        CKR_OK, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID,
            CKR_TOKEN_NOT_PRESENT,
        CKR_TOKEN_NOT_RECOGNIZED, CKR_USER_NOT_LOGGED_IN, CKR_HOST_MEMORY, CKR_DEVICE_MEMORY,
            CKR_FUNCTION_FAILED,
        CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (rv == fine[i]) return true;
    return false;
}

static struct sim_card *the_card, *the_other;

// Puts things right again: service up, reader plugged in, a card in it.
static void mend(enum sim_fault fault)
{
    if (fault == SIM_SERVICE_DOWN) sim_reader_service(true);
    if (fault == SIM_UNPLUG) sim_reader_plug(0);
    // A certificate that was empty once is not asked for again while the card is in.
    if (fault == SIM_ANSWER_9000) sim_reader_eject(0);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (!sim_reader_cards()) sim_reader_insert(0, the_card);
}

// The right card signs with its own key, after a login of its own.
static void check_usable(void)
{
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CK_SESSION_INFO info;
    if (test_failing) return;
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    CK_RV rv = scene_open(&session);
    if (rv == CKR_TOKEN_NOT_RECOGNIZED) {       // it is tried again later
        nanosleep(&(struct timespec){ 0, (LIFE_UNKNOWN_RETRY_MS + 2) * 1000000 }, NULL);
        rv = scene_open(&session);
    }
    CHECK_RV(rv, CKR_OK);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(find_key(1), CKR_OK);
    CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, sig, &n), CKR_OK);
    bool is_other = sim_piv_signatures(the_other) > 0;
    CHECK(scene_good(is_other ? SIM_RSA2048B : SIM_RSA2048A, text, sizeof text, sig, n));
    CHECK_RV(C_CloseSession(session), CKR_OK);
}

// Handles from before the fault, when the card they belonged to is gone.
static void check_refused(CK_SESSION_HANDLE old, CK_OBJECT_HANDLE old_key)
{
    CK_SESSION_INFO info;
    CK_ATTRIBUTE t = { CKA_ID, out, sizeof out };
    if (test_failing || !old) return;
    CK_RV rv = C_GetSessionInfo(old, &info);
    CHECK(rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_DEVICE_REMOVED);
    CHECK_RV(C_GetAttributeValue(old, old_key, &t, 1), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_Login(old, CKU_USER, PIN, 6), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_CloseSession(old), CKR_SESSION_HANDLE_INVALID);
}

// It was there when the call began that met it.
static bool is_pull(enum sim_fault f)
{
    return f == SIM_EJECT || f == SIM_EJECT_AFTER || f == SIM_UNPLUG || f == SIM_SERVICE_DOWN;
}

static void check_after(const struct scene *s, enum sim_fault fault, bool any, CK_RV rv)
{
    if (test_failing) return;
    // The card says that it took the PIN once more, and did not: it has it verified still, so that
    // its refusal is one for another reason.
    bool unmoved = s->run == do_context && fault == SIM_ANSWER_9000;
    CHECK(is_defined(rv) || (unmoved && rv == CKR_FUNCTION_REJECTED));
    if (is_pull(fault) && !any) CHECK_RV(rv, CKR_DEVICE_REMOVED);
    CHECK_EQ(sim_piv_verifies(the_other), 0);       // no PIN went to the other card
    CHECK_EQ(sim_piv_signatures(the_other), 0);
    CHECK(sim_piv_tries(the_card) == 3 && sim_piv_puk_tries(the_card) == 3);
    CHECK_EQ(pad.malformed, 0);
    bool reset = fault == SIM_RESET || fault == SIM_RESET_AFTER || fault == SIM_SWAP_AS_RESET;
    if (reset && fault != SIM_SWAP_AS_RESET) {
        CHECK(rv == CKR_OK || (s->login && (rv == CKR_USER_NOT_LOGGED_IN ||
                                            rv == CKR_DEVICE_ERROR ||
                                            rv == CKR_KEY_HANDLE_INVALID ||
                                            rv == CKR_OBJECT_HANDLE_INVALID)));
        CK_SESSION_INFO info;
        if (second) CHECK(s->run == do_close || !C_GetSessionInfo(second, &info));
    }
    if (s->run == do_list && !rv && fault != SIM_ANSWER_9000) {
        // what failed is asked for again
        if (fault == SIM_ANSWER_6F00) CHECK_RV(do_list(), CKR_OK);
        // A reset between two C_FindObjects ends the login: from there on only what is public.
        CHECK(list_is_whole() || (reset && listed > 15 && listed < 22));
    }
    if (is_removal(fault) && second) {
        check_refused(session, key);
        check_refused(second, key);
    }
}

static void begin(bool exclusive, bool pieces)
{
    struct sim_piv_options o = { .keys = scene_keys, .n_keys = 4, .extended = !pieces,
                                 .pieces = pieces,
                                 .retired = 1, .discovery = SIM_APPLICATION_PIN };
    session = second = key = 0;
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", exclusive ? "1" : "0"), CKR_OK);
    CHECK_RV(scene_begin(&o), CKR_OK);
    pad = (struct sim_pinpad){ .cancel = false };
    sim_pinpad_fit(0, &pad, 1u << SIM_PAD_VERIFY | 1u << SIM_PAD_MODIFY, 0, 0);
    the_card = scene_card;
    o.keys = other_keys;
    o.second = true;
    the_other = sim_piv_new(&o);
}

static void end(void)
{
    scene_end();
    the_other->free(the_other);
    if (test_failing) return;
    CHECK_EQ(counted_blocks, 0);
}

// One scene with one fault. Returns whether it came to pass; false also ends the search for more.
static bool run_fault(const struct scene *s, enum sim_fault fault, unsigned n, bool any,
                      bool exclusive, bool pieces)
{
    begin(exclusive, pieces);
    CK_RV rv = s->prepare();
    if (rv) test_fail(__FILE__, __LINE__, "%s: prepare: %#lx", s->name, rv);
    (any ? sim_reader_fault_any : sim_reader_fault)(fault, n, the_other);
    if (!test_failing) rv = s->run();
    bool fired = sim_reader_fired();
    if (!fired && !test_failing && rv) test_fail(__FILE__, __LINE__, "%s: %#lx without a fault",
                                                 s->name, rv);
    if (fault == SIM_ANSWER_9000) judge_misled_logout();
    if (fault != SIM_ANSWER_9000) mend(fired ? fault : SIM_NO_FAULT);
    if (fired) check_after(s, fault, any, rv);
    if (fault == SIM_ANSWER_9000) mend(fired ? fault : SIM_NO_FAULT);
    check_usable();
    end();
    if (test_failing)
        printf("    in scene %s: %s at %s %u, %s, %s: %#lx\n", s->name, sim_fault_name(fault), any
               ? "call" : "command",
               n, exclusive ? "exclusive" : "shared", pieces ? "pieces" : "whole", rv);
    return fired && !test_failing;
}

static unsigned long faults_fired;

static void run_scenes(bool any, bool exclusive, bool pieces)
{
    for (size_t i = 0; i < SCENES && !test_failing; i++)
        for (enum sim_fault f = SIM_EJECT; f < SIM_HANG && !test_failing; f++)
            for (unsigned n = 1; run_fault(&scenes[i], f, n, any, exclusive,
                                           pieces); n++) faults_fired++;
    CHECK(!test_failing);
}

TEST(faults_at_every_command)           { run_scenes(false, false, false); }
TEST(faults_at_every_command_in_pieces) { run_scenes(false, false, true); }
TEST(faults_at_every_call)              { run_scenes(true, false, false); }
TEST(faults_at_every_command_exclusive) { run_scenes(false, true, false); }

TEST(faults_of_every_allocation)
{
    for (size_t i = 0; i < SCENES && !test_failing; i++) {
        for (unsigned long n = 1, fired = 1; fired && !test_failing; n++) {
            counted_at = 0;
            begin(false, false);
            counted_calls = 0;
            counted_at = n;
            CK_RV rv = scenes[i].prepare();
            if (!rv) rv = scenes[i].run();
            fired = counted_calls >= n;
            counted_at = 0;
            faults_fired += fired;
            if (!fired) CHECK_RV(rv, CKR_OK);
            CHECK(rv == CKR_OK || rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_MEMORY);
            check_usable();
            end();
            if (test_failing) printf("    in scene %s: allocation %lu: %#lx\n", scenes[i].name, n,
                                     rv);
        }
    }
}

// ---- A chip with PIV and OpenPGP ----

// All objects of a token, and what they show.
static CK_RV chip_list(void)
{
    static CK_BYTE value[4096];
    CK_OBJECT_HANDLE all[64];
    CK_ULONG n = 0;
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = C_FindObjects(session, all, 64, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; i < n && !rv; i++) {
        CK_ATTRIBUTE t[] = { { CKA_VALUE, value, sizeof value },
                             { CKA_PUBLIC_KEY_INFO, out, sizeof out } };
        rv = C_GetAttributeValue(session, all[i], t, 2);
        if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE) rv = CKR_OK;
    }
    return rv;
}

static CK_RV chip_user(CK_SLOT_ID slot, enum sim_key with)
{
    CK_TOKEN_INFO info;
    CK_RV rv = C_GetTokenInfo(slot, &info);
    if (!rv) rv = C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (!rv) rv = chip_list();
    if (!rv) rv = do_login();
    if (!rv) rv = find_key(1);
    if (!rv) rv = sign_with(with);
    if (!rv) rv = do_set_pin();
    return rv ? rv : chip_list();
}

// Both have the same PUK.
static CK_RV chip_so(void)
{
    CK_RV rv = do_logout();
    if (!rv) rv = do_so_login();
    if (!rv) rv = do_unblock();
    return rv ? rv : do_logout();
}

// CKR_TOKEN_NOT_PRESENT: there was no memory to find one of them.
static CK_RV chip_use(void)
{
    CK_SLOT_ID slots[4];
    CK_ULONG n = 4;
    CK_RV rv = C_GetSlotList(CK_TRUE, slots, &n);
    if (!rv && n != 2) rv = CKR_TOKEN_NOT_PRESENT;
    if (!rv) rv = chip_user(slots[1], SIM_RSA2048B);
    if (!rv) rv = chip_user(slots[0], SIM_RSA2048A);
    if (!rv) rv = chip_so();
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    if (!rv) rv = C_OpenSession(slots[1], flags, NULL, NULL, &session);
    if (!rv) rv = do_login();
    return rv ? rv : chip_so();
}

static void chip_begin(unsigned long n)
{
    struct sim_piv_options p = { .keys = scene_keys, .n_keys = 4, .extended = true };
    struct sim_openpgp_options o = { .sig = SIM_RSA2048B, .kdf = n & 1, .no_certificate = 4 };
    struct sim_chip_options c = { .applications = { sim_piv_new(&p), sim_openpgp_new(&o) } };
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = sim_chip_new(&c);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

// Whatever happened: what is asked for later works, no PIN went astray, nothing is left.
static void chip_end(CK_RV rv)
{
    CHECK(rv == CKR_OK || rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_MEMORY ||
          rv == CKR_TOKEN_NOT_PRESENT);
    CHECK_RV(C_CloseAllSessions(0), CKR_OK);
    C_CloseAllSessions(1);
    CHECK(!scene_card->verified(scene_card));
    if (rv == CKR_TOKEN_NOT_PRESENT) sim_reader_eject(0);
    if (rv == CKR_TOKEN_NOT_PRESENT) sim_reader_insert(0, scene_card);
    if (rv) CHECK_RV(chip_use(), CKR_OK);
    CHECK_EQ(scene_card->tries_taken + scene_card->stray_secrets, 0);
    scene_end();
    CHECK_EQ(counted_blocks, 0);
}

TEST(faults_of_every_allocation_of_a_chip)
{
    for (unsigned long n = 1, fired = 1; fired && !test_failing; n++) {
        counted_at = 0;
        chip_begin(n);
        counted_calls = 0;
        counted_at = n;
        CK_RV rv = chip_use();
        fired = counted_calls >= n;
        counted_at = 0;
        faults_fired += fired;
        if (!fired) CHECK_RV(rv, CKR_OK);
        chip_end(rv);
        if (test_failing) printf("    allocation %lu: %#lx\n", n, rv);
    }
}

// A card's memory ends after so many bytes: anything that is kept of it may be what does not fit.
TEST(faults_of_a_chip_s_memory)
{
    CK_RV rv = CKR_DEVICE_MEMORY;
    for (unsigned long n = 0; rv && !test_failing; n++) {
        CK_ULONG count = 0;
        size_t room = n * 256, left;
        chip_begin(n);
        CHECK_RV(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
        const struct card *card = slot_readers[0].card;
        struct arena *a = &slot_readers[0].card->arena;
        CHECK(arena_grow(a, 100000) && room < 100000);
        u8 *end = a->end;
        left = a->left;
        a->left = a->kept = 0;
        a->end = a->at + room;
        rv = chip_use();
        faults_fired += rv != CKR_OK;
        CHECK(slot_readers[0].card == card && rv != CKR_TOKEN_NOT_PRESENT);
        a->left = left;
        a->end = end;
        chip_end(rv);
        if (test_failing) printf("    after %zu bytes: %#lx\n", room, rv);
    }
}

// ---- Each kind of card, with each allocation failing ----

static CK_RV kind_sign(const struct cards_kind *kind)
{
    const struct cards_key *k = kind->keys;
    while (k->id && (k->token || k->always || !(k->use & CARDS_SIGN))) k++;
    if (!k->id) return CKR_OK;
    bool rsa = sim_key_data(k->key)->rsa, edwards = k->key == SIM_ED25519;
    CK_MECHANISM_TYPE type = edwards ? CKM_EDDSA : rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256;
    if (k->only) type = k->only;
    CK_RV rv = find_key(k->id);
    out_len = sizeof out;
    if (!rv) rv = scene_sign(session, key, type, text, sizeof text, out, &out_len);
    bool sha2 = !rv && !edwards && type != CKM_ECDSA_SHA1;
    if (sha2 && !scene_good(k->key, text, sizeof text, out, out_len)) return CKR_GENERAL_ERROR;
    return rv;
}

// All objects, with and without a login, a certificate, a signature, the PIN changed, and set by the
// SO. It stays what it is.
static CK_RV kind_run(const struct cards_kind *kind)
{
    static CK_BYTE value[5000];
    const struct cards_token *t = &kind->tokens[0];
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)(uintptr_t)t->pin, *puk = (CK_UTF8CHAR *)(uintptr_t)t->puk;
    CK_ULONG n = strlen(t->pin);
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE what = { CKA_CLASS, &class, sizeof class }, v = { CKA_VALUE, value, sizeof value };
    CK_OBJECT_HANDLE certificate = 0;
    CK_RV rv = do_token();
    if (!rv) rv = do_list();
    if (!rv) rv = C_Login(session, CKU_USER, pin, n);
    if (!rv) rv = do_list();
    if (!rv) rv = scene_search(session, &what, 1, &certificate);
    if (!rv && certificate) rv = C_GetAttributeValue(session, certificate, &v, 1);
    if (!rv) rv = kind_sign(kind);
    if (!rv) rv = C_SetPIN(session, pin, n, pin, n);
    if (!rv) rv = C_Logout(session);
    if (!rv && puk) rv = C_Login(session, CKU_SO, puk, strlen(t->puk));
    if (!rv && puk) rv = C_InitPIN(session, pin, n);
    return rv ? rv : C_CloseAllSessions(scene_slot);
}

// A world with a card of a kind. The scene after the failure, as if nothing had been.
static bool kind_fails(const struct cards_kind *kind, struct sim_card *card, unsigned long n)
{
    sim_reader_clear();
    card->reset(card);
    sim_reader_insert(sim_reader_add(SCENE_READER), card);
    session = second = key = 0;
    CK_RV rv = C_Initialize(NULL), again = CKR_OK;
    counted_calls = 0;
    counted_at = n;
    if (!rv) rv = kind_run(kind);
    bool fired = counted_calls >= n;
    counted_at = 0;
    faults_fired += fired;
    C_CloseAllSessions(scene_slot);
    // What cannot be known for want of memory is nobody's card for a moment.
    bool unknown = fired && rv == CKR_TOKEN_NOT_RECOGNIZED;
    if (unknown) nanosleep(&(struct timespec){ 0, (LIFE_UNKNOWN_RETRY_MS + 2) * 1000000 }, NULL);
    if (fired) again = kind_run(kind);
    C_Finalize(NULL);
    bool fine = rv == CKR_OK || unknown || (fired && (rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_MEMORY));
    if (!fine || again) test_fail(__FILE__, __LINE__, "%#lx, and %#lx again", rv, again);
    if (counted_blocks) test_fail(__FILE__, __LINE__, "%lu blocks are left", counted_blocks);
    if (*cards_pin(card, &kind->tokens[0]).left != (int)kind->tokens[0].tries)
        test_fail(__FILE__, __LINE__, "a try was lost");
    if (test_failing) printf("    %s: allocation %lu\n", kind->name, n);
    return fired && !test_failing;
}

TEST(faults_of_every_allocation_of_each_kind)
{
    scene_slot = 0;
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
    for (size_t i = 0; i < CARDS_KINDS && !test_failing; i++) {
        struct sim_card *card = cards_kinds[i].make(false);
        for (unsigned long n = 1; kind_fails(&cards_kinds[i], card, n); n++) {}
        sim_reader_clear();
        card->free(card);
    }
}

#if SCARD11_READER == SCARD11_READER_PCSC
// ---- Every error of every call of PC/SC (pcsc_stand_in.h) ----

static bool all_codes;

// The library after one call of PC/SC said something: what it answers is defined, no try is lost, and
// a card that it holds for gone is gone with all its handles. canceled: a pinpad's driver may have said that nobody typed.
static void check_after_error(CK_RV rv, bool canceled)
{
    CK_SESSION_INFO info;
    CK_ATTRIBUTE t = { CKA_ID, out, sizeof out };
    if (test_failing) return;
    CHECK(is_defined(rv) || (canceled && rv == CKR_FUNCTION_CANCELED));
    CHECK_EQ(sim_piv_tries(the_card), 3);
    if (second && C_GetSessionInfo(second, &info)) {
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
        CHECK_RV(C_GetAttributeValue(second, key, &t, 1), CKR_SESSION_HANDLE_INVALID);
        CHECK_RV(C_Login(second, CKU_USER, PIN, 6), CKR_SESSION_HANDLE_INVALID);
    }
}

// One scene, with the nth call of PC/SC failing. initialize: counted from before C_Initialize.
static bool run_error(const struct scene *s, unsigned n, long code, const char *name, bool after)
{
    begin(false, false);
    pcsc_clear();
    CK_RV rv = s->prepare();
    if (rv) test_fail(__FILE__, __LINE__, "%s: prepare: %#lx", s->name, rv);
    pcsc_fail(n, code, after);
    if (!test_failing) rv = s->run();
    bool fired = pcsc_fired();
    const char *at = pcsc_fired_at();
    pcsc_fail(0, 0, false);
    if (!fired && !test_failing && rv)
        test_fail(__FILE__, __LINE__, "%s: %#lx without an error", s->name, rv);
    check_after_error(rv, !strcmp(at, "SCardControl") && (code == SCARD_E_TIMEOUT || code == SCARD_E_CANCELLED));
    check_usable();
    C_Finalize(NULL);
    struct pcsc_stats pcsc = pcsc_stats();
    if (!test_failing && (pcsc.contexts || pcsc.cards || pcsc.stale || pcsc.left || pcsc.after_failed))
        test_fail(__FILE__, __LINE__, "%lu contexts, %lu cards open; %lu stale, %lu left, %lu used after "
                  "their end", pcsc.contexts, pcsc.cards, pcsc.stale, pcsc.left, pcsc.after_failed);
    end();
    if (test_failing)
        printf("    in scene %s: %s%s from call %u, %s: %#lx\n", s->name, name, after ? " afterwards" : "", n, at, rv);
    return fired && !test_failing;
}

// Each call of each scene. In short every call says five of the codes, in turns, so that in each
// scene each code is said; "faults_pcsc all" says them all at each.
TEST(every_error_of_every_call)
{
    static const unsigned each = 5;
    unsigned turn = 0, codes = 0;
    const char *name;
    while (pcsc_code(codes, &name)) codes++;
    for (size_t i = 0; i < SCENES && !test_failing; i++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            for (unsigned k = 0; k < (all_codes ? codes : each) && !test_failing; k++, turn++) {
                long code = pcsc_code(turn % codes, &name);
                fired = run_error(&scenes[i], n, code, name, false);
                faults_fired += fired;
                if (!fired) break;
                if (all_codes || turn % 4 == 0) run_error(&scenes[i], n, code, name, true);
            }
        }
    }
}

// A reader that says that the card is gone, after it did what it was told: what it has verified is
// not left so, whichever command that was.
TEST(a_card_that_is_denied_is_not_left_verified)
{
    for (size_t i = 0; i < SCENES && !test_failing; i++) {
        bool fired = scenes[i].login;
        for (unsigned n = 1; fired && !test_failing; n++) {
            fired = run_error(&scenes[i], n, SCARD_E_NO_SMARTCARD, "SCARD_E_NO_SMARTCARD", true);
            if (judged.left[0]) printf("    in scene %s, call %u\n", scenes[i].name, n);
            if (judged.left[0]) break;
        }
        if (judged.left[0]) break;
    }
}

// Nothing is there to answer when the library begins, or what is there fails.
TEST(every_error_while_the_library_begins)
{
    const char *name;
    for (unsigned n = 1, fired = 1; fired && !test_failing; n++) {
        for (unsigned k = 0; pcsc_code(k, &name) && fired && !test_failing; k++) {
            begin(false, false);
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            pcsc_fail(n, pcsc_code(k, &name), false);
            CHECK_RV(C_Initialize(NULL), CKR_OK);
            fired = pcsc_fired();
            pcsc_fail(0, 0, false);
            CK_ULONG count = 0;
            CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK);
            CHECK_EQ(count, 1);
            check_usable();
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            CHECK_EQ(pcsc_stats().contexts + pcsc_stats().cards, 0);
            end();
            if (test_failing) printf("    %s from call %u\n", name, n);
        }
    }
}
#endif

// C_Initialize itself: the locks of an application that cannot be made are in module.c.
TEST(faults_leave_no_card_s_memory_at_its_limit)
{
    CK_SESSION_HANDLE all[300];
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, sizeof sim_p256_point, (CK_BYTE *)sim_p256_point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_OBJECT_HANDLE made;
    CK_RV rv = CKR_OK;
    unsigned n = 0;
    begin(false, false);
    CHECK_RV(prepare_derive(), CKR_OK);
    while (!rv && n < 5000) {
        rv = C_DeriveKey(session, &m, key, NULL, 0, &made);
        n += !rv;
    }
    CHECK_RV(rv, CKR_DEVICE_MEMORY);                // full: all else goes on
    CHECK(n > 300);
    CHECK_RV(C_DeriveKey(session, &m, key, NULL, 0, &made), CKR_DEVICE_MEMORY);
    for (n = 0; n < 300; n++)
        if (scene_open(&all[n])) break;
    CHECK_RV(C_CloseSession(session), CKR_OK);      // gives back what it held
    if (!n) CHECK_RV(scene_open(&all[n++]), CKR_OK);
    session = second;
    CHECK_RV(find_key(3), CKR_OK);
    CHECK_RV(C_DeriveKey(session, &m, key, NULL, 0, &made), CKR_OK);
    CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
    check_usable();
    end();
}

#if SCARD11_READER == SCARD11_READER_CUSTOM
// A PUK that the card verifies is sent to it only when there is room to keep it: the card would have
// it verified, and no login of ours would end that.
TEST(a_puk_is_not_verified_where_it_cannot_be_kept)
{
    begin(false, false);
    sim_reader_eject(0);
    struct sim_card *card = sim_generic_new(NULL);
    const struct sim_fs_pin *puk = &((struct sim_fs *)card)->pins[1];
    sim_reader_insert(0, card);
    CHECK_RV(scene_open(&session), CKR_OK);
    struct arena *a = &slot_readers[0].card->arena, was = *a;
    a->left = 0;
    a->end = a->at;
    CHECK_RV(C_Login(session, CKU_SO, PUK, 8), CKR_DEVICE_MEMORY);
    CHECK(!card->verified(card) && !puk->verified);
    a->left = was.left;
    a->end = was.end;
    CHECK(C_Login(session, CKU_SO, (CK_UTF8CHAR *)"87654321", 8) == CKR_PIN_INCORRECT);
    CHECK(!slot_readers[0].card->tokens[0].so);
    CHECK_RV(C_Login(session, CKU_SO, PUK, 8), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    sim_reader_eject(0);
    card->free(card);
    end();
}
#endif

int main(int argc, char **argv)
{
#if SCARD11_READER == SCARD11_READER_PCSC
    all_codes = argc > 1 && !strcmp(argv[1], "all");
    test_begin(all_codes ? 1 : argc, argv);
    RUN(every_error_of_every_call);
    RUN(a_card_that_is_denied_is_not_left_verified);
    RUN(every_error_while_the_library_begins);
    printf("%lu errors were said\n", faults_fired);
    if (!all_codes) RUN(faults_at_every_call);
    return test_end();
#else
    test_begin(argc, argv);
#endif
    RUN(faults_at_every_command);
    RUN(faults_at_every_command_in_pieces);
    RUN(faults_at_every_call);
    RUN(faults_at_every_command_exclusive);
    RUN(faults_of_every_allocation);
    RUN(faults_of_every_allocation_of_a_chip);
    RUN(faults_of_a_chip_s_memory);
    RUN(faults_of_every_allocation_of_each_kind);
#if SCARD11_READER == SCARD11_READER_CUSTOM
    RUN(a_puk_is_not_verified_where_it_cannot_be_kept);
#endif
    RUN(faults_leave_no_card_s_memory_at_its_limit);
    printf("%lu faults came to pass\n", faults_fired);
    return test_end();
}
