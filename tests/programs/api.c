// api.c: black box. All of PKCS#11, on simulated cards: two tables, and session objects.
// SPDX-License-Identifier: 0BSD
//
//   api_args.h      every C_* function with every wrong argument that its clause lists
//   api_mechs.h     every mechanism in every use: lengths, parts, sessions and operations crossed
//   api_objects.h   session objects and secret keys, with vectors that are not ours
#define _DEFAULT_SOURCE     // fork
#include "scene.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_schsm.h"
#include "../posix.h"

#include "api_args.h"
#include "api_mechs.h"
#include "api_objects.h"

// ---- Cards ----

static const struct sim_piv_options whole = { .extended = true, .discovery = SIM_APPLICATION_PIN };
static const struct sim_piv_options pieces = { .pieces = true, .discovery = SIM_APPLICATION_PIN };
static const struct sim_piv_key ec_keys[] = {
    { 0x9a, SIM_P384A, false, false, SIM_PIN_BY_SLOT }, { 0x9d, SIM_P256A, false, false,
                                                          SIM_PIN_BY_SLOT } };
static const struct sim_piv_options elliptic = { .extended = true, .keys = ec_keys, .n_keys = 2 };
#if SIM_OPENSSL
static const struct sim_piv_key x_keys[] = {
    { 0x9a, SIM_ED25519, false, false, SIM_PIN_BY_SLOT }, { 0x9d, SIM_X25519, false, false,
                                                            SIM_PIN_BY_SLOT } };
static const struct sim_piv_options edwards = { .extended = true, .keys = x_keys, .n_keys = 2 };
#endif

static struct sim_card *card_whole(void)    { return sim_piv_new(&whole); }
static struct sim_card *card_pieces(void)   { return sim_piv_new(&pieces); }
static struct sim_card *card_elliptic(void) { return sim_piv_new(&elliptic); }
#if SIM_OPENSSL
static struct sim_card *card_edwards(void)  { return sim_piv_new(&edwards); }
#endif

static struct sim_card *card_generic(void)
{
    struct sim_generic_options o = { .extended = true };
    return sim_generic_new(&o);
}

static struct sim_card *card_isoapplet(void)
{
    struct sim_isoapplet_options o = { .second = false };
    return sim_isoapplet_new(&o);
}

static struct sim_card *card_myeid(void)
{
    struct sim_myeid_options o = { .second = false };
    return sim_myeid_new(&o);
}

static struct sim_card *card_schsm(void)
{
    struct sim_schsm_options o = { .second = false };
    return sim_schsm_new(&o);
}

// ---- Beginning and end ----

static void keys_of_the_host(void)
{
    static CK_BYTE value[] = "0123456789abcdef0123456789abcdef";
    CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_aes),
                         { CKA_VALUE, value, 32 } };
    CK_ATTRIBUTE h[] = { AT(CKA_CLASS, class_secret), AT(CKA_KEY_TYPE, type_aes),
                         { CKA_VALUE, value, 32 }, AT(CKA_ENCRYPT, no), AT(CKA_DECRYPT, no),
                         AT(CKA_SIGN, no), AT(CKA_EXTRACTABLE, no), AT(CKA_SENSITIVE, yes) };
    memcpy(b + 512, value, 32);
    CHECK_RV(C_CreateObject(s, t, 3, &aes), CKR_OK);
    CHECK_RV(C_CreateObject(s, h, 8, &hidden), CKR_OK);
    t[1].pValue = h[1].pValue = &type_generic;
    CHECK_RV(C_CreateObject(s, t, 3, &generic), CKR_OK);
    CHECK_RV(C_CreateObject(s, h, 8, &silent), CKR_OK);
}

static void api_begin(struct sim_card *(*card)(void))
{
    C_Finalize(NULL);
    sim_reader_clear();
    scene_card = card();
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (CK_BYTE)(i * 5 + 1);
    memset(b, 0, sizeof b);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    slot = scene_slot = 0;
    CHECK_RV(scene_login(&s), CKR_OK);
    CHECK_RV(scene_open(&s2), CKR_OK);
    hkdf_given = (CK_HKDF_PARAMS){ CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_NULL, NULL, 0, 0,
                                   NULL, 0 };
    keys_of_the_host();
}

// ... with the handles that the first table takes, of the four keys of a PIV card.
static void api_begin_table(void)
{
    api_begin(card_whole);
    if (test_failing) return;
    CHECK_RV(scene_find(s, CKO_PRIVATE_KEY, 1, &rsa), CKR_OK);
    CHECK_RV(scene_find(s, CKO_PUBLIC_KEY, 1, &rsa_public), CKR_OK);
    CHECK_RV(scene_find(s, CKO_CERTIFICATE, 1, &certificate), CKR_OK);
    CHECK_RV(scene_find(s, CKO_PRIVATE_KEY, 4, &ec), CKR_OK);
    CHECK_RV(scene_find(s, CKO_PRIVATE_KEY, 3, &decrypter), CKR_OK);
    CHECK_RV(scene_find(s, CKO_PUBLIC_KEY, 3, &decrypter_public), CKR_OK);
    CHECK(rsa && rsa_public && certificate && ec && decrypter && decrypter_public);
}

static void api_end(void)
{
    scene_end();
}

// ---- The first table ----

TEST(every_function_with_every_wrong_argument)
{
    static const char *const all[] = {
#define X(name) #name,
        SCARD11_FUNCTIONS_2_40(X) SCARD11_FUNCTIONS_3_0(X) SCARD11_FUNCTIONS_3_2(X)
#undef X
    };
    CHECK_EQ(sizeof all / sizeof *all,
             (sizeof(CK_FUNCTION_LIST_3_2) - offsetof(CK_FUNCTION_LIST_3_2, C_Initialize)) /
                 sizeof(CK_C_Initialize));
    api_begin_table();
    if (test_failing) return;
    void (*const rows[])(void) = { rows_slots, rows_slot, rows_sessions, rows_create, rows_objects,
        rows_ciphers, rows_digests, rows_signatures, rows_verify, rows_dual, rows_messages,
        rows_keys, rows_pairs, rows_wrapping, rows_refused, rows_logins, rows_rest, rows_library };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) rows[i]();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!has_row(all[i])) test_fail(__FILE__, __LINE__, "%s has no row", all[i]);
    printf("%zu rows of %zu functions\n", seen_n, sizeof all / sizeof *all);
    api_end();
}

TEST(every_function_without_a_right_session)
{
    api_begin_table();
    if (test_failing) return;
    CK_SESSION_HANDLE right = s, closed = s2;
    CHECK_RV(C_CloseSession(closed), CKR_OK);
    rows_session(0, "0");
    rows_session((CK_SESSION_HANDLE)-1, "all ones");
    rows_session(rsa, "an object");
    rows_session(right + 1, "another");
    rows_session(closed, "a closed one");
    s = right;
    sim_reader_eject(0);
    usleep(30000);                      // longer than a look serves
    CHECK_RV(C_Logout(right), CKR_DEVICE_REMOVED);      // who sees it first
    rows_session(right, "of a card that was pulled");
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    rows_without_initialize();
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    rows_session(right, "of an earlier C_Initialize");
    fflush(stdout);
    pid_t child = fork();
    if (!child) {                       // the child of a fork has not called C_Initialize
        test_failing = false;
        rows_without_initialize();
        _exit(test_failing);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && !status);
    api_end();
}

// ---- The second table ----

static void mechanisms_of(struct sim_card *(*card)(void), unsigned least)
{
    CK_MECHANISM_TYPE list[128];
    CK_ULONG count = 128;
    mech_uses = 0;
    api_begin(card);
    if (test_failing) return;
    CHECK_RV(C_GetMechanismList(slot, list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        mechanism_whole(list[i]);
        if (test_failing) {
            printf("... mechanism %#lx\n", list[i]);
            return;
        }
    }
    printf("%u uses of %lu mechanisms\n", mech_uses, count);
    CHECK(mech_uses >= least);
    api_end();
}

TEST(every_mechanism_of_a_piv_card)             { mechanisms_of(card_whole, 60); }
TEST(every_mechanism_of_a_card_with_short_apdus) { mechanisms_of(card_pieces, 60); }
TEST(every_mechanism_of_a_card_with_ec_keys)    { mechanisms_of(card_elliptic, 40); }
#if SIM_OPENSSL
TEST(every_mechanism_of_a_card_with_edwards_keys) { mechanisms_of(card_edwards, 30); }
#endif
TEST(every_mechanism_of_a_pkcs15_card)          { mechanisms_of(card_generic, 40); }
TEST(every_mechanism_of_an_isoapplet_card)      { mechanisms_of(card_isoapplet, 40); }

TEST(every_mechanism_of_a_card_with_secret_keys)
{
    mechanisms_of(card_myeid, 60);
    with_card_s_keys = true;
    if (!test_failing) mechanisms_of(card_myeid, 60);
    with_card_s_keys = false;
}

TEST(every_mechanism_of_a_smartcard_hsm)
{
    mechanisms_of(card_schsm, 60);
    with_card_s_keys = true, key_wraps = false;
    if (!test_failing) mechanisms_of(card_schsm, 60);
    with_card_s_keys = false, key_wraps = true;
}

// ---- Session objects ----

// Runs all of api_objects.h within one session of one card.
static void test_objects(void)
{
    RUN(vectors_of_hmac);
    RUN(vectors_of_hmac_with_a_long_key);
    RUN(vectors_of_aes);
    RUN(vectors_of_cmac);
    RUN(vectors_of_hkdf);
    RUN(ciphers_of_any_length_and_in_place);
    RUN(counters_count_in_their_bits);
    RUN(counters_end_before_their_key_stream_comes_again);
    RUN(parts_that_fail_end_the_operation);
    RUN(a_message_s_last_part_gives_its_signature);
    RUN(a_question_for_the_length_takes_nothing);
    RUN(gcm_takes_what_the_header_says);
    RUN(gcm_gives_nothing_out_that_is_not_authentic);
    RUN(two_operations_at_once_are_each_as_alone);
    RUN(a_key_s_value_is_digested);
    RUN(generated_keys_are_what_their_template_says);
    RUN(session_objects_are_found_and_changed);
    RUN(public_keys_and_certificates_come_from_outside);
    RUN(check_values_of_secret_keys);
    RUN(secrets_stay_and_private_ones_follow_the_login);
    RUN(objects_go_with_their_session);
    RUN(objects_that_come_and_go_leave_nothing);
    RUN(objects_that_cannot_be_made_leave_nothing);
    RUN(short_rsa_keys_are_not_used);
    RUN(allowed_mechanisms_are_all);
}

// Keys of EC that derive, one of which wants the PIN each time: C_DeriveKey has no moment for that.
static struct sim_card *card_consent(void)
{
    static const struct sim_p15_key keys[] = {
        { .label = "Derive", .key = SIM_P256A, .id = 1, .pin_id = 1, .ref = 1,
          .usage = P15_SIGN | P15_DERIVE, .algorithms = "\4\5" },
        { .label = "Each time", .key = SIM_P256B, .id = 2, .pin_id = 1, .ref = 2, .consent = 1,
          .usage = P15_SIGN | P15_DERIVE, .algorithms = "\4\5" } };
    static const struct sim_p15 files = { .keys = keys, .n_keys = 2 };
    static const struct sim_generic_options o = { .p15 = &files };
    return sim_generic_new(&o);
}

TEST(what_the_pin_each_time_rules_out)
{
    CK_BYTE point[140];
    CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 65, point + 2 };
    CK_MECHANISM dh = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_OBJECT_HANDLE private, public;
    CK_ATTRIBUTE t[] = { AT(CKA_VALUE_LEN, len32) }, curve[] = { { CKA_EC_POINT, point, 140 } };
    api_begin(card_consent);
    if (test_failing) return;
    for (CK_BYTE id = 1; id <= 2; id++) {
        CK_BBOOL is[3] = { 9, 9, 9 };
        CK_ATTRIBUTE of_private[] = { AT(CKA_DERIVE, is[0]), AT(CKA_ALWAYS_AUTHENTICATE, is[1]) },
                     of_public[] = { AT(CKA_DERIVE, is[2]) };
        CHECK_RV(scene_find(s, CKO_PRIVATE_KEY, id, &private), CKR_OK);
        CHECK_RV(scene_find(s, CKO_PUBLIC_KEY, id, &public), CKR_OK);
        CHECK_RV(C_GetAttributeValue(s, private, of_private, 2), CKR_OK);
        CHECK_RV(C_GetAttributeValue(s, public, of_public, 1), CKR_OK);
        CHECK(is[0] == (id == 1) && is[1] == (id == 2) && is[2] == is[0]);
        CHECK_RV(C_GetAttributeValue(s, public, curve, 1), CKR_OK);
        curve->ulValueLen = 140;
        CHECK_RV(C_DeriveKey(s, &dh, private, t, 1, &made),
                 id == 1 ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
    api_end();
}

TEST(elliptic_begin) { api_begin(card_elliptic); }
TEST(objects_begin)  { api_begin_table(); }
TEST(objects_end)    { api_end(); }

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(every_function_with_every_wrong_argument);
    RUN(every_function_without_a_right_session);
    RUN(every_mechanism_of_a_piv_card);
    RUN(every_mechanism_of_a_card_with_short_apdus);
    RUN(every_mechanism_of_a_card_with_ec_keys);
#if SIM_OPENSSL
    RUN(every_mechanism_of_a_card_with_edwards_keys);
#endif
    RUN(every_mechanism_of_a_pkcs15_card);
    RUN(every_mechanism_of_an_isoapplet_card);
    RUN(every_mechanism_of_a_card_with_secret_keys);
    RUN(every_mechanism_of_a_smartcard_hsm);
    RUN(what_the_pin_each_time_rules_out);
    RUN(objects_begin);
    SECTION(objects);
    RUN(objects_end);
    RUN(elliptic_begin);
    RUN(a_secret_from_ecdh_is_used_on_the_host);
    RUN(objects_end);
    return test_end();
}
