// write.c: cards personalised through PKCS#11: keys made, certificates and data stored, all of it
// destroyed again: what one kind of card alone does. After each scene the card itself is asked what it
// has. What holds of every kind that is written is in written.c. SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "writing.h"
#include <stdlib.h>

static CK_BYTE text[] = "what is signed", out[512];
static CK_ULONG out_len;
static CK_BBOOL no = CK_FALSE;

#define USUAL "010203040506070801020304050607080102030405060708"     // of a new card, in hex

// ---- Begin and end ----

static void begin(const struct sim_piv_options *options)
{
    struct sim_piv_options o = *options;
    o.prepared = true;
    CHECK_RV(scene_begin(&o), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
}

static CK_RV login_so(const void *key, size_t n)
{
    return C_Login(session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)key, n);
}

static CK_RV login_usual(void) { return login_so(USUAL, 48); }

static void begin_so(const struct sim_piv_options *options)
{
    begin(options);
    if (test_failing) return;
    CHECK_RV(login_usual(), CKR_OK);
    CHECK(sim_piv_admin(scene_card));
}

// The SO is out, the user in: in a session of the same kind.
static void change_to_user(void)
{
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK(!sim_piv_admin(scene_card));
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
}

// ---- What the card has ----

static uint8_t reference_of(CK_BYTE id)
{
    static const uint8_t first[] = { 0x9a, 0x9c, 0x9d, 0x9e };
    return id <= 4 ? first[id - 1] : (uint8_t)(0x82 + id - 5);
}

static uint32_t tag_of(CK_BYTE id)
{
    static const uint32_t first[] = { 0x5fc105, 0x5fc10a, 0x5fc10b, 0x5fc101 };
    return id <= 4 ? first[id - 1] : 0x5fc10d + id - 5u;
}

// Is the public key that we tell the one that the card has there?
static bool is_the_cards(CK_OBJECT_HANDLE object, CK_BYTE id)
{
    uint8_t spki[600], real[600];
    size_t n = attribute(object, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    mbedtls_pk_context *pk = sim_piv_pk(scene_card, reference_of(id));
    int real_n = pk ? mbedtls_pk_write_pubkey_der(pk, real, sizeof real) : 0;
    return n && real_n == (int)n && !memcmp(spki, real + sizeof real - n, n);
}

// Has the card a data object with something in it? One that is deleted may stay as an empty one.
static bool holds(uint32_t tag)
{
    static const uint8_t empty[] = { 0x53, 0 };
    uint8_t digest[32], none[32];
    mbedtls_sha256(empty, sizeof empty, none, 0);
    return sim_piv_object(scene_card, tag, digest) && memcmp(digest, none, sizeof none);
}

// Does a signature by the key come out right, with the key as the card has it?
static bool signs(CK_BYTE id)
{
    mbedtls_pk_context *pk = sim_piv_pk(scene_card, reference_of(id));
    bool rsa = pk && mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA);
    uint8_t hash[32];
    mbedtls_sha256(text, sizeof text, hash, 0);
    CK_OBJECT_HANDLE key;
    if (scene_find(session, CKO_PRIVATE_KEY, id, &key) || !key) return false;
    CK_MECHANISM m = { rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    out_len = sizeof out;
    CK_RV rv = C_SignInit(session, &m, key);
    if (!rv && is_true(key, CKA_ALWAYS_AUTHENTICATE))
        rv = C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6);
    if (!rv) rv = C_Sign(session, text, sizeof text, out, &out_len);
    if (rv) return false;
    if (rsa) return !mbedtls_pk_verify(pk, MBEDTLS_MD_SHA256, hash, 32, out, out_len);
    uint8_t der[160];
    size_t n = scene_der(out, out_len, der);
    return !mbedtls_pk_verify(pk, MBEDTLS_MD_SHA256, hash, 32, der, n);
}

// ---- The SO ----

TEST(write_so_logs_in_by_the_management_key)
{
    static const struct { uint8_t algorithm, n; } some[] = { { 3, 24 }, { 8, 16 }, { 10, 24 },
                                                             { 12, 32 } };
    static const uint8_t other[32] = "another key of an administrator";
    for (unsigned i = 0; i < 16 && !test_failing; i++) {
        size_t n = some[i / 4].n;
        char hex[65];
        begin(&(struct sim_piv_options){ .management = some[i / 4].algorithm, .management_key = other,
                                         .no_mutual = i % 4 == 1, .no_single = i % 4 == 2,
                                         .keeps_login = i % 4 == 3 });
        for (size_t k = 0; k < n; k++) snprintf(hex + 2 * k, 3, "%02x", other[k]);
        bool raw = i % 2;
        CHECK_RV(login_so(raw ? (const void *)other : hex, raw ? n : 2 * n), CKR_OK);
        CHECK(sim_piv_admin(scene_card));
        CHECK_EQ(sim_piv_wrong_answers(scene_card), 0);
        CHECK_RV(login_so(hex, 2 * n), CKR_USER_ALREADY_LOGGED_IN);
        CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        CHECK_RV(C_InitPIN(session, PIN, 6), CKR_FUNCTION_NOT_SUPPORTED);
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK(!sim_piv_admin(scene_card));
        CHECK_EQ(sim_piv_verifies(scene_card), 0);
        scene_end();
    }
}

TEST(write_wrong_management_key_is_tried_once)
{
    static const uint8_t other[24] = "another key, and longer";
    static const struct { const char *key; CK_RV rv; unsigned wrong; } some[] = {
        { USUAL, CKR_PIN_INCORRECT, 1 }, { "01020304050607080102030405060708", CKR_PIN_INCORRECT, 0 },
        { "0102030405060708010203040506", CKR_PIN_LEN_RANGE, 0 }, { "123456789", CKR_PIN_LEN_RANGE, 0 } };
    for (unsigned single = 0; single < 2; single++) {
        begin(&(struct sim_piv_options){ .management_key = other, .no_mutual = single });
        for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
            unsigned before = sim_piv_wrong_answers(scene_card);
            CHECK_RV(login_so(some[i].key, strlen(some[i].key)), some[i].rv);
            CHECK_EQ(sim_piv_wrong_answers(scene_card) - before, some[i].wrong);
            CHECK(!sim_piv_admin(scene_card));
        }
        CHECK_RV(make(&makes[P_256], 1), CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(sim_piv_writes(scene_card), 0);
        CHECK_EQ(sim_piv_puk_tries(scene_card), 3);
        scene_end();
    }
}

// A card that takes our answer and does not know its own: the SO is not in, on the card neither.
TEST(write_card_that_does_not_know_its_key)
{
    begin(&(struct sim_piv_options){ .wrong_response = true });
    CHECK_RV(login_usual(), CKR_DEVICE_ERROR);
    CHECK(!sim_piv_admin(scene_card));
    CHECK_RV(make(&makes[P_256], 5), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_writes(scene_card) + sim_piv_wrong_answers(scene_card), 0);
    scene_end();
}

TEST(write_puk_stays_the_pin_of_the_so)
{
    begin(&(struct sim_piv_options){ .extended = true });
    CHECK_RV(login_so("12345678", 8), CKR_OK);
    CHECK_RV(make(&makes[P_256], 5), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    scene_end();
}

// ---- Keys ----

TEST(write_makes_keys_on_a_blank_card)
{
    for (unsigned yubikey = 0; yubikey < 2 && !test_failing; yubikey++) {
        begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = yubikey,
                                            .version = 0x050700, .management = 3, .extended = true });
        for (unsigned i = 0; i < MAKES && !test_failing; i++) {
            CK_BYTE id = (CK_BYTE)(i + 1);
            bool can = yubikey || !makes[i].yubikey;
            CHECK_RV(make(&makes[i], id), can ? CKR_OK : CKR_MECHANISM_INVALID);
            if (!can) continue;
            CHECK(id_of(public_key) == id && id_of(private_key) == id);
            CHECK(is_true(private_key, CKA_LOCAL) && is_true(private_key, CKA_TOKEN));
            CHECK(is_true(private_key, CKA_NEVER_EXTRACTABLE));
            CHECK_EQ(sim_piv_origin(scene_card, reference_of(id)), SIM_GENERATED);
            CHECK(makes[i].yubikey || is_the_cards(public_key, id));
        }
        change_to_user();
        CHECK(signs(1) && signs(2) && signs(3));
        CHECK_RV(make(&makes[P_256], 8), CKR_USER_NOT_LOGGED_IN);
        scene_end();
    }
}

// Without CKA_ID: the first that is free, but 9E, whose keys want no PIN. A card that does not tell of
// keys without certificates has none that is free for certain.
TEST(write_finds_a_free_place)
{
    static const CK_BYTE ids[] = { 1, 2, 3, 5, 6 };
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(make(&makes[P_256], 0), CKR_TEMPLATE_INCOMPLETE);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    scene_end();
    begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = true, .management = 3 });
    for (size_t i = 0; i < sizeof ids && !test_failing; i++) {
        CHECK_RV(make(&makes[P_256], 0), CKR_OK);
        CHECK_EQ(id_of(private_key), ids[i]);
    }
    scene_end();
    begin_so(&(struct sim_piv_options){ .extended = true, .yubikey = true, .management = 3 });
    CHECK_RV(make(&makes[P_256], 0), CKR_OK);
    CHECK_EQ(id_of(private_key), 5);
    scene_end();
}

// A key with a certificate is not made anew, and what cannot be is not sent.
TEST(write_refuses_what_does_not_go_together)
{
    CK_KEY_TYPE ec = CKK_EC;
    CK_ULONG once = SCARD11_PIN_ONCE;
    begin_so(&(struct sim_piv_options){ .extended = true });
    CHECK_RV(make(&makes[P_256], 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[P_256], 25), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[ED25519], 5), CKR_MECHANISM_INVALID);
    CHECK_RV(make(&(struct make){ "", CKM_RSA_PKCS_KEY_PAIR_GEN, 2047, NULL, 0, false }, 5),
             CKR_KEY_SIZE_RANGE);
    CHECK_RV(make(&(struct make){ "", CKM_EC_KEY_PAIR_GEN, 0, ed25519, sizeof ed25519, false }, 5),
             CKR_CURVE_NOT_SUPPORTED);
    const struct { CK_ATTRIBUTE a; CK_RV rv; } some[] = {
        { { CKA_EXTRACTABLE, &yes, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_SENSITIVE, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_PRIVATE, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_TOKEN, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_KEY_TYPE, &ec, sizeof ec }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_MODULUS, &yes, 1 }, CKR_ATTRIBUTE_READ_ONLY },
        { { CKA_VALUE, &yes, 1 }, CKR_ATTRIBUTE_READ_ONLY },
        { { SCARD11_CKA_YUBICO_PIN, &once, sizeof once }, CKR_ATTRIBUTE_VALUE_INVALID },
    };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++)
        CHECK_RV(make_with(&makes[RSA_2048], 5, &some[i].a, 1), some[i].rv);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CK_SESSION_HANDLE rw = session;
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_OpenSession(scene_slot, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(make(&makes[P_256], 5), CKR_SESSION_READ_ONLY);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    session = rw;
    scene_end();
}

// ---- Certificates ----

// The whole way of a blank card: key, certificate, another program's view, all of it destroyed.
TEST(write_certificates_come_and_go)
{
    for (unsigned yubikey = 0; yubikey < 2 && !test_failing; yubikey++) {
        CK_OBJECT_HANDLE stored, again, its_public, its_private;
        uint8_t value[4096];
        begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = yubikey, .management = 3,
                                            .version = 0x050700, .empty_stays = !yubikey });
        CHECK_RV(make(&makes[P_256], 2), CKR_OK);
        its_public = public_key;
        its_private = private_key;
        CHECK((certificate_n = issue(public_key, certificate, sizeof certificate)) > 100);
        CHECK_RV(store_certificate(0, &stored), CKR_OK);            // it goes to its key
        CHECK_EQ(id_of(stored), 2);
        CHECK(holds(tag_of(2)));
        CHECK_EQ(attribute(stored, CKA_VALUE, value, sizeof value), certificate_n);
        CHECK(!memcmp(value, certificate, certificate_n));
        CHECK(id_of(its_private) == 2 && is_the_cards(its_public, 2));      // the handles stay
        CHECK(attribute(its_private, CKA_SUBJECT, value, sizeof value) > 10);
        CHECK_RV(store_certificate(3, &again), CKR_OK);             // elsewhere, where no key is known
        CHECK_RV(make(&makes[P_384], 5), CKR_OK);
        CHECK_RV(store_certificate(5, &again), CKR_TEMPLATE_INCONSISTENT);
        CHECK_RV(store_certificate(2, &again), CKR_OK);             // in place of the first
        CHECK(!id_of(stored) && id_of(again) == 2);
        change_to_user();
        CHECK(signs(2));
        CHECK_EQ(count(CKO_CERTIFICATE), 2 + yubikey);          // F9's is one, too
        CHECK_RV(C_DestroyObject(session, again), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(login_usual(), CKR_OK);
        CHECK_RV(C_DestroyObject(session, again), CKR_OK);
        CHECK(!id_of(again));
        CHECK(is_the_cards(its_public, 2));
        CHECK(!attribute(its_private, CKA_SUBJECT, value, sizeof value));
        CHECK(!holds(tag_of(2)));
        CHECK_EQ(count(CKO_CERTIFICATE), 1 + yubikey);
        CHECK_RV(C_DestroyObject(session, public_key), CKR_ACTION_PROHIBITED);
        scene_end();
    }
}

// Who names no place may come after an insertion, when no key is known yet.
TEST(write_certificate_finds_its_key_after_an_insertion)
{
    CK_OBJECT_HANDLE stored;
    begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = true, .management = 3 });
    CHECK_RV(make(&makes[P_256], 9), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    insert_again();
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_RV(store_certificate(0, &stored), CKR_OK);
    CHECK_EQ(id_of(stored), 9);
    CHECK(holds(tag_of(9)) && !holds(tag_of(1)));
    scene_end();
}

// After the next insertion the card shows what was written, to whoever comes.
TEST(write_stays_on_the_card)
{
    CK_OBJECT_HANDLE stored;
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(make(&makes[RSA_2048], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(1, &stored), CKR_OK);
    insert_again();
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_EQ(count(CKO_CERTIFICATE), 1);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 1);
    CHECK(signs(1));
    scene_end();
}

// What shows which card it is, is written anew: it is the same card all the same.
TEST(write_what_shows_the_card)
{
    CK_OBJECT_HANDLE stored;
    for (unsigned data = 0; data < 2 && !test_failing; data++) {
        begin_so(&(struct sim_piv_options){ .blank = true });
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        certificate_n = issue(public_key, certificate, sizeof certificate);
        for (unsigned i = 0; i < 2; i++) {
            certificate[certificate_n - 1] ^= (uint8_t)i;           // another certificate
            CHECK_RV(data ? store_data("Card Holder Unique Identifier", certificate, 40 + i, &stored)
                          : store_certificate(1, &stored), CKR_OK);
        }
        sim_reader_reset(0);
        CHECK_RV(login_usual(), CKR_OK);
        CHECK(id_of(private_key) == 1 && is_true(stored, CKA_TOKEN));
        CHECK_RV(C_DestroyObject(session, stored), CKR_OK);
        sim_reader_reset(0);
        CHECK_RV(login_usual(), CKR_OK);
        CHECK_EQ(id_of(private_key), 1);
        scene_end();
    }
}

TEST(write_deletes_keys_of_a_yubikey)
{
    for (unsigned old = 0; old < 2 && !test_failing; old++) {
        begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = true, .management = 3,
                                            .version = old ? 0x050403 : 0x050700 });
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        CHECK(is_true(private_key, CKA_DESTROYABLE));
        CHECK_RV(C_DestroyObject(session, private_key), old ? CKR_ACTION_PROHIBITED : CKR_OK);
        CHECK_EQ(sim_piv_origin(scene_card, 0x9a), old ? SIM_GENERATED : SIM_NOT_THERE);
        CHECK_EQ(!id_of(public_key) && !id_of(private_key), !old);
        CHECK_RV(make(&makes[P_384], 1), CKR_OK);                   // named, it is made anew
        CHECK(is_the_cards(public_key, 1));
        CHECK_EQ(count(CKO_PRIVATE_KEY), 1);
        scene_end();
    }
}

// Policies by the names that Yubico's own module has for them.
TEST(write_policies_of_a_yubikey)
{
    CK_ULONG never = SCARD11_PIN_NEVER, always = SCARD11_PIN_ALWAYS, touch = SCARD11_TOUCH_ALWAYS;
    const CK_ATTRIBUTE a = { SCARD11_CKA_YUBICO_PIN, &never, sizeof never },
        b[] = { { SCARD11_CKA_YUBICO_PIN, &always, sizeof always },
                { SCARD11_CKA_YUBICO_TOUCH, &touch, sizeof touch } };
    CK_ULONG told = 0;
    begin_so(&(struct sim_piv_options){ .blank = true, .yubikey = true, .management = 3 });
    CHECK_RV(make_with(&makes[P_256], 1, &a, 1), CKR_OK);
    CHECK(!is_true(private_key, CKA_PRIVATE));
    CHECK_RV(make_with(&makes[P_256], 3, b, 2), CKR_OK);
    CHECK(is_true(private_key, CKA_ALWAYS_AUTHENTICATE));
    CHECK_EQ(attribute(private_key, SCARD11_CKA_TOUCH, &told, sizeof told), sizeof told);
    CHECK_EQ(told, SCARD11_TOUCH_ALWAYS);
    insert_again();
    CHECK(signs(1));                                                // without a login
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CK_OBJECT_HANDLE key;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
    CHECK(is_true(key, CKA_ALWAYS_AUTHENTICATE));                   // as the card itself tells
    scene_end();
}

// ---- Data ----

TEST(write_data_objects)
{
    CK_OBJECT_HANDLE chuid, printed, other;
    uint8_t value[32], guid[] = { 0x34, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                  0xfe, 0 };
    CK_TOKEN_INFO info;
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(store_data("Card Holder Unique Identifier", guid, sizeof guid, &chuid), CKR_OK);
    CHECK_EQ(attribute(chuid, CKA_VALUE, value, sizeof value), sizeof guid);
    CHECK(!memcmp(value, guid, sizeof guid));
    CHECK_RV(C_GetTokenInfo(scene_slot, &info), CKR_OK);
    CHECK(!memcmp(info.serialNumber, "090a0b0c0d0e0f10", 16));
    CHECK_RV(store_data("Printed Information", "\1\4Name", 6, &printed), CKR_OK);
    CHECK_RV(store_data("Something Else", "\1\4Name", 6, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(C_DestroyObject(session, chuid), CKR_OK);
    CHECK(!holds(0x5fc102) && holds(0x5fc109));
    CHECK_RV(store_data("Card Holder Unique Identifier", guid, sizeof guid, &chuid), CKR_OK);
    CHECK_EQ(count(CKO_DATA), 6);
    scene_end();
}

// By its OID: as DER has it, or, as some programs give it, without tag and length.
TEST(write_data_objects_by_oid)
{
    CK_BYTE oid[] = { 6, 10, 0x60, 0x86, 0x48, 1, 0x65, 3, 7, 2, 0x30, 1 };
    CK_OBJECT_HANDLE made;
    begin_so(&(struct sim_piv_options){ .blank = true });
    for (CK_ULONG skip = 0; skip < 3 && !test_failing; skip++) {
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class }, { CKA_TOKEN, &yes, 1 },
                             { CKA_VALUE, &oid[skip], 4 },
                             { CKA_OBJECT_ID, &oid[skip], sizeof oid - skip } };
        CHECK_RV(C_CreateObject(session, a, 4, &made),
                 skip % 2 ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK);
        CHECK_EQ(holds(0x5fc109), !(skip % 2));
        if (!(skip % 2)) CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    }
    scene_end();
}

// A card that is full says so, and what was there stays.
TEST(write_full_card)
{
    CK_OBJECT_HANDLE made;
    static uint8_t large[900];
    begin_so(&(struct sim_piv_options){ .blank = true, .room = 1200 });
    CHECK_RV(store_data("Security Object", large, sizeof large, &made), CKR_OK);
    CHECK_RV(store_data("Cardholder Fingerprints", large, sizeof large, &made), CKR_DEVICE_MEMORY);
    CHECK(holds(0x5fc106) && !holds(0x5fc103));
    scene_end();
}

// ---- What others do meanwhile ----

static void select_other(struct sim_card *card, void *arg)
{
    ++*(unsigned *)arg;
    sim_piv_select_other(card);
}

// The management key is proven to the application that it is meant for.
TEST(write_proves_the_key_where_it_is_meant_for)
{
    for (unsigned i = 0; i < 4 && !test_failing; i++) {
        unsigned times = 0;
        begin(&(struct sim_piv_options){ .blank = i & 1, .no_mutual = i & 2 });
        sim_reader_foreign(0, select_other, &times);
        CHECK_RV(login_usual(), CKR_OK);
        CHECK(times && sim_piv_admin(scene_card));
        sim_reader_foreign(0, NULL, NULL);
        CHECK_EQ(sim_piv_wrong_answers(scene_card), 0);
        scene_end();
    }
}

// Another program's SELECT ends what the key has proven: it is proven again, and the change made.
TEST(write_goes_on_after_another_program)
{
    for (unsigned blank = 0; blank < 2 && !test_failing; blank++) {
        begin_so(&(struct sim_piv_options){ .blank = blank });
        for (CK_BYTE id = 5; id < 8 && !test_failing; id++) {
            unsigned times = 0;
            sim_reader_foreign(0, select_other, &times);
            CHECK_RV(make(&makes[P_256], id), CKR_OK);
            CHECK(times);
            CHECK_EQ(sim_piv_origin(scene_card, reference_of(id)), SIM_GENERATED);
            sim_reader_foreign(0, NULL, NULL);
        }
        CHECK_EQ(sim_piv_wrong_answers(scene_card), 0);
        scene_end();
    }
}

// A reset by another program ends the login.
TEST(write_not_after_a_reset)
{
    begin_so(&(struct sim_piv_options){ .blank = true });
    sim_reader_reset(0);
    CHECK_RV(make(&makes[P_256], 5), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_RV(make(&makes[P_256], 5), CKR_OK);
    scene_end();
}

#include "write_piv.h"
#include "write_openpgp.h"
#include "write_p15.h"
#include "write_generic.h"
#include "write_schsm.h"
#include "write_gids.h"
#include "write_myeid.h"

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(write_so_logs_in_by_the_management_key);
    RUN(write_wrong_management_key_is_tried_once);
    RUN(write_card_that_does_not_know_its_key);
    RUN(write_puk_stays_the_pin_of_the_so);
    RUN(write_makes_keys_on_a_blank_card);
    RUN(write_finds_a_free_place);
    RUN(write_refuses_what_does_not_go_together);
    RUN(write_certificates_come_and_go);
    RUN(write_certificate_finds_its_key_after_an_insertion);
    RUN(write_stays_on_the_card);
    RUN(write_what_shows_the_card);
    RUN(write_deletes_keys_of_a_yubikey);
    RUN(write_policies_of_a_yubikey);
    RUN(write_data_objects);
    RUN(write_data_objects_by_oid);
    RUN(write_full_card);
    RUN(write_proves_the_key_where_it_is_meant_for);
    RUN(write_goes_on_after_another_program);
    RUN(write_not_after_a_reset);
    RUN_WRITE_PIV();
    RUN_WRITE_OPENPGP();
    RUN_WRITE_P15();
    RUN_WRITE_GENERIC();
    RUN_WRITE_SCHSM();
    RUN_WRITE_GIDS();
    RUN_WRITE_MYEID();
    return test_end();
}
