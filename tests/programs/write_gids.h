// write_gids.h: GIDS cards: what Windows reads of a card after a change, its administrator's key, what a
// change that was broken off leaves. That all that is shown goes on is in written.c.
// SPDX-License-Identifier: 0BSD
#ifndef WRITE_GIDS_H
#define WRITE_GIDS_H

#include "../sim/sim_gids.h"

#define GIDS_ZEROS "000000000000000000000000000000000000000000000000"   // of a card in use
#define GIDS_OURS  "0123456789abcdef0123456789abcdef0123456789abcdef"

static CK_RV gids_login(CK_USER_TYPE user, const char *pin)
{
    return C_Login(session, user, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
}

static CK_RV gids_init_token(const char *key)
{
    CK_UTF8CHAR label[33] = "Any                             ";
    return C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)key, strlen(key), label);
}

static void gids_insert(const struct sim_gids_options *options)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_gids_new(options);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

// A card in a session; an empty one is set up. The user is logged in.
static void gids_begin(const struct sim_gids_options *options)
{
    gids_insert(options);
    if (options->empty) CHECK_RV(gids_init_token(GIDS_ZEROS), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    if (options->empty) {
        CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_OK);
        CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
        CHECK_RV(C_Logout(session), CKR_OK);
    }
    CHECK_RV(gids_login(CKU_USER, "123456"), CKR_OK);
}

// Does the key of a container sign, as the card has it?
static bool gids_signs(CK_BYTE id)
{
    mbedtls_pk_context *pk = sim_gids_pk(scene_card, (uint8_t)(0x80 + id));
    bool rsa = pk && mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA);
    uint8_t hash[32], der[160];
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    mbedtls_sha256(text, sizeof text, hash, 0);
    out_len = sizeof out;
    if (!pk || scene_find(session, CKO_PRIVATE_KEY, id, &key) || !key) return false;
    if (C_SignInit(session, &m, key) || C_Sign(session, text, sizeof text, out, &out_len)) return false;
    size_t n = rsa ? 0 : scene_der(out, out_len, der);
    return !mbedtls_pk_verify(pk, MBEDTLS_MD_SHA256, hash, 32, rsa ? out : der, rsa ? out_len : n);
}

// A part of a data object is this.
static bool gids_has(uint16_t ef, uint16_t tag, size_t at, const void *p, size_t n)
{
    size_t all;
    const uint8_t *is = sim_gids_object(scene_card, ef, tag, &all);
    return is && at + n <= all && !memcmp(is + at, p, n);
}

static size_t gids_size(uint16_t ef, uint16_t tag)
{
    size_t n;
    return sim_gids_object(scene_card, ef, tag, &n) ? n : 0;
}

// ---- What Windows reads ----

// The container map, the key map, the master file and cardcf after each change.
TEST(write_gids_maps)
{
    CK_OBJECT_HANDLE stored;
    CK_ATTRIBUTE sign = { CKA_SIGN, &yes, 1 }, label = { CKA_LABEL, "Two", 3 };
    gids_begin(&(struct sim_gids_options){ .empty = true });
    if (test_failing) return;
    CHECK(gids_has(0xa010, 0xdf21, 0, "mscp\0\0\0\0", 8) && !gids_size(0xa010, 0xdf23));
    CHECK(gids_has(0xa010, 0xdf22, 0, "\0\0\0\0\0\0", 6));
    CHECK_EQ(gids_size(0xa012, 0xdf20), 16);
    CHECK_EQ(gids_size(0xa000, 0xdf1f), 1 + 5 * 28);
    CHECK_RV(make(&makes[RSA_2048], 0), CKR_OK);
    CHECK_EQ(id_of(private_key), 1);
    CHECK_EQ(gids_size(0xa010, 0xdf23), 86);
    CHECK(gids_has(0xa010, 0xdf23, 80, "\3\0\0\0\0\x08", 6));           // default; for exchange
    CHECK(gids_has(0xa000, 0xdf20, 0, "\1\1\0\0\0\7\x9a\x81\xb0\xff\xff\0\0", 13));
    CHECK(gids_has(0xa010, 0xdf22, 0, "\0\0\1\0\1\0", 6));
    CHECK(gids_has(0xa010, 0xdf23, 16, "-\0", 2) && gids_has(0xa010, 0xdf23, 72, "\0\0", 2));
    CK_OBJECT_HANDLE first = public_key;
    CHECK_RV(make_with(&makes[RSA_2048], 2, &sign, 1), CKR_OK);
    CHECK(gids_has(0xa010, 0xdf23, 86 + 80, "\1\0\0\x08\0\0", 6));      // for signatures
    CHECK(gids_has(0xa000, 0xdf20, 13, "\1\0\0\0\7\x9c\x82\xb0\xff\xff\0\0", 12));
    CHECK(!is_true(private_key, CKA_DECRYPT) && is_true(private_key, CKA_SIGN));
    certificate_n = issue(first, certificate, sizeof certificate);
    CHECK_RV(store_certificate(0, &stored), CKR_OK);
    CHECK_EQ(id_of(stored), 1);
    CHECK(gids_has(0xa000, 0xdf1f, 1 + 5 * 28, "mscp\0\0\0\0\0kxc00\0\0\0\0\0\0\x24\xdf\0\0\x10\xa0\0\0", 28));
    CHECK(gids_has(0xa010, 0xdf22, 0, "\0\0\2\0\3\0", 6));
    CHECK_RV(store_certificate(1, &stored), CKR_OK);                    // another in its place
    CHECK(gids_has(0xa000, 0xdf1f, 1 + 5 * 28 + 20, "\x25\xdf", 2) && !gids_size(0xa010, 0xdf24));
    CHECK_RV(C_SetAttributeValue(session, private_key, &label, 1), CKR_OK);
    CHECK(gids_has(0xa010, 0xdf23, 86, "T\0w\0o\0\0\0", 8));
    CK_OBJECT_HANDLE key;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);
    CHECK(!id_of(stored) && id_of(private_key) == 2);
    CHECK(gids_has(0xa010, 0xdf23, 80, "\0\0\0\0\0\0T\0w\0o", 11));
    CHECK(gids_has(0xa010, 0xdf23, 86 + 80, "\3", 1));                  // it is the default one now
    CHECK(gids_has(0xa000, 0xdf20, 1, "\0\0\0\0\0\0\xff\xff\xff\xff\0\0\1", 13));
    CHECK_EQ(gids_size(0xa000, 0xdf1f), 1 + 5 * 28);
    CHECK(!sim_gids_has_file(scene_card, 0xb081) && !gids_size(0xa010, 0xdf25));
    CHECK(gids_signs(2));
    CHECK_RV(C_DestroyObject(session, private_key), CKR_OK);
    CHECK(!gids_size(0xa010, 0xdf23));
    CHECK_EQ(gids_size(0xa000, 0xdf20), 1);
    scene_end();
}

// What programs that are not ours wrote goes on: names in decimal or hexadecimal digits, no cardcf.
TEST(write_gids_on_cards_of_others)
{
    static const struct sim_gids_options some[] = { { .many = true }, { .many = true, .decimal = true },
        { .no_cache_file = true, .puk = true }, { .no_certificate = true, .plain = true },
        { .extended = true, .ec = true } };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
        CK_OBJECT_HANDLE stored;
        gids_begin(&some[i]);
        if (test_failing) return;
        CK_ULONG keys = count(CKO_PRIVATE_KEY), certificates = count(CKO_CERTIFICATE);
        CHECK_RV(make(&makes[P_256], 0), CKR_OK);
        CK_BYTE id = id_of(private_key);
        CHECK_EQ(id, keys + 1);
        certificate_n = issue(public_key, certificate, sizeof certificate);
        CHECK_RV(store_certificate(id, &stored), CKR_OK);
        meet_anew("123456");
        CHECK_EQ(count(CKO_PRIVATE_KEY), keys + 1);
        CHECK_EQ(count(CKO_CERTIFICATE), certificates + 1);
        CHECK(gids_signs(id) && gids_signs(1));
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, id, &stored), CKR_OK);
        uint8_t value[4096];
        CHECK_EQ(attribute(stored, CKA_VALUE, value, sizeof value), certificate_n);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 2, &private_key), CKR_OK);
        CHECK_RV(C_DestroyObject(session, private_key), CKR_OK);
        meet_anew("123456");
        CHECK_EQ(count(CKO_PRIVATE_KEY), keys);
        CHECK(gids_signs(id) && gids_signs(1));
        scene_end();
    }
}

// ---- What does not go ----

TEST(write_gids_refuses)
{
    CK_ATTRIBUTE long_label = { CKA_LABEL, "1234567890123456789012345678901234567890", 40 };
    CK_ATTRIBUTE public = { CKA_PRIVATE, &no, 1 };
    CK_OBJECT_HANDLE made;
    gids_begin(&(struct sim_gids_options){ .no_ec = true });
    if (test_failing) return;
    unsigned before = sim_gids_writes(scene_card);
    CHECK_RV(make(&makes[RSA_2048], 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[RSA_2048], 4), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make_with(&makes[RSA_2048], 3, &long_label, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make_with(&makes[RSA_2048], 3, &public, 1), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(make(&(struct make){ "", CKM_RSA_PKCS_KEY_PAIR_GEN, 1536, NULL, 0, false }, 3),
             CKR_KEY_SIZE_RANGE);
    CHECK_RV(store_data("Any", text, sizeof text, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    certificate_n = sim_key_data(SIM_P256A)->certificate_len;
    memcpy(certificate, sim_key_data(SIM_P256A)->certificate, certificate_n);
    CHECK_RV(store_certificate(0, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(store_certificate(1, &made), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(store_certificate(3, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &made), CKR_OK);
    CHECK_RV(C_DestroyObject(session, made), CKR_ACTION_PROHIBITED);
    CHECK_EQ(sim_gids_writes(scene_card), before);
    CHECK_RV(make(&makes[P_256], 3), CKR_CURVE_NOT_SUPPORTED);          // so the card says
    CHECK(!sim_gids_has_file(scene_card, 0xb083));
    CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
    CHECK(gids_signs(1) && gids_signs(2));
    scene_end();
}

// A card that is full says so; what was there stays, and nothing is left behind.
TEST(write_gids_full_card)
{
    CK_OBJECT_HANDLE stored;
    gids_begin(&(struct sim_gids_options){ .empty = true, .room = 360 });
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(1, &stored), CKR_DEVICE_MEMORY);
    CHECK_RV(make(&makes[P_256], 2), CKR_DEVICE_MEMORY);
    CHECK(!sim_gids_has_file(scene_card, 0xb082));
    CHECK(gids_size(0xa010, 0xdf23) == 86 && gids_size(0xa000, 0xdf20) == 13);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 1);
    CHECK_EQ(count(CKO_CERTIFICATE), 0);
    meet_anew("123456");
    CHECK(gids_signs(1));
    CHECK_EQ(count(CKO_PRIVATE_KEY), 1);
    scene_end();
}

// ---- Broken off ----

// A key that was broken off at each command, on cards that tell of that and do with it what they will.
TEST(write_gids_half_made_keys)
{
    static const struct sim_gids_options some[] = { { .exists_6984 = true }, { .no_delete = true },
        { .no_delete = true, .exists_6984 = true, .quiet = true }, { .quiet = true } };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            struct sim_gids_options o = some[i];
            o.empty = true;
            gids_begin(&o);
            if (test_failing) return;
            CHECK_RV(make(&makes[P_256], 1), CKR_OK);
            sim_reader_fault(SIM_EJECT_AFTER, n, NULL);
            CK_RV rv = make(&makes[P_256], 2);
            fired = broken_off(rv);
            meet_anew("123456");
            CK_ULONG keys = count(CKO_PRIVATE_KEY);
            CHECK(keys == 1 || keys == 2);
            CHECK(gids_signs(1) && (keys == 1 || gids_signs(2)));
            CHECK_RV(make(&makes[P_256], 0), CKR_OK);
            CHECK(gids_signs((CK_BYTE)(keys + 1)));
            meet_anew("123456");
            CHECK_EQ(count(CKO_PRIVATE_KEY), keys + 1);
            scene_end();
        }
    }
}

// A key that is deleted leaves its certificate for a moment: what comes to its place has none.
TEST(write_gids_certificates_without_keys)
{
    bool fired = true;
    for (unsigned n = 1; fired && !test_failing; n++) {
        CK_OBJECT_HANDLE stored;
        gids_begin(&(struct sim_gids_options){ .empty = true });
        if (test_failing) return;
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        certificate_n = issue(public_key, certificate, sizeof certificate);
        CHECK_RV(store_certificate(1, &stored), CKR_OK);
        sim_reader_fault(SIM_EJECT_AFTER, n, NULL);
        CK_RV rv = C_DestroyObject(session, private_key);
        fired = broken_off(rv);
        meet_anew("123456");
        CK_ULONG keys = count(CKO_PRIVATE_KEY);
        CHECK_EQ(count(CKO_CERTIFICATE), keys);
        if (!keys) CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        CHECK_EQ(count(CKO_CERTIFICATE), keys);
        meet_anew("123456");
        CHECK_EQ(count(CKO_CERTIFICATE), keys);
        CHECK(gids_signs(1));
        scene_end();
    }
}

// ---- The administrator ----

TEST(write_gids_so_has_the_administrator_s_key)
{
    static const CK_BYTE raw[24];
    for (unsigned puk = 0; puk < 2 && !test_failing; puk++) {
        gids_begin(&(struct sim_gids_options){ .puk = puk });
        if (test_failing) return;
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(C_InitPIN(session, PIN, 6), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(gids_login(CKU_SO, GIDS_OURS), CKR_PIN_INCORRECT);
        CHECK_EQ(sim_gids_wrong_answers(scene_card), 1);
        CHECK(!sim_gids_admin(scene_card));
        CHECK_RV(C_Login(session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)raw, 24), CKR_OK);
        CHECK(sim_gids_admin(scene_card));
        CHECK_RV(make(&makes[P_256], 3), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"86421357", 8), CKR_OK);     // proven once more
        CHECK_RV(C_SetPIN(session, (CK_UTF8CHAR *)GIDS_ZEROS, 48, (CK_UTF8CHAR *)GIDS_OURS, 48), CKR_OK);
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK(!sim_gids_admin(scene_card));
        CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_PIN_INCORRECT);
        CHECK_EQ(sim_gids_wrong_answers(scene_card), 2);
        CHECK_RV(gids_login(CKU_USER, "97531864"), CKR_OK);
        CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
        CHECK(gids_signs(1));
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(gids_login(CKU_SO, "12345678"), puk ? CKR_OK : CKR_USER_TYPE_INVALID);
        scene_end();
    }
}

// A card that takes our answer and does not know its own key.
TEST(write_gids_card_that_does_not_know_its_key)
{
    gids_insert(&(struct sim_gids_options){ .wrong_answer = true });
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_DEVICE_ERROR);
    CHECK(!sim_gids_admin(scene_card));
    CHECK_EQ(sim_gids_wrong_answers(scene_card), 0);
    scene_end();
}

static void gids_select_other(struct sim_card *card, void *arg)
{
    (void)arg;
    card->select_other(card);
}

// Another program's SELECT ends what the key has proven: it is proven again.
TEST(write_gids_administrator_after_another_program)
{
    gids_insert(&(struct sim_gids_options){ .second = true });
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_OK);
    sim_reader_foreign(0, gids_select_other, NULL);
    CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    CHECK_RV(C_SetPIN(session, (CK_UTF8CHAR *)GIDS_ZEROS, 48, (CK_UTF8CHAR *)GIDS_OURS, 48), CKR_OK);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_EQ(sim_gids_wrong_answers(scene_card), 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(gids_login(CKU_USER, "97531864"), CKR_OK);
    scene_end();
}

static void gids_change_key(struct sim_card *card, void *arg)
{
    (void)arg;
    sim_gids_change_key(card);
}

// Another program has changed the key: the one that was kept is shown once more, and then forgotten.
TEST(write_gids_administrator_s_key_changed_by_another_program)
{
    gids_insert(&(struct sim_gids_options){ .puk = false });
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_OK);
    sim_reader_foreign(0, gids_change_key, NULL);
    for (int i = 0; i < 3; i++)
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(sim_gids_wrong_answers(scene_card), 1);
    CK_SESSION_INFO info;
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_PIN_INCORRECT);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_EQ(sim_gids_wrong_answers(scene_card), 2);
    CHECK_RV(gids_login(CKU_USER, "123456"), CKR_OK);
    scene_end();
}

// ---- C_InitToken ----

// A card in use is emptied by its administrator, and by nobody else.
TEST(write_gids_begins_anew)
{
    gids_insert(&(struct sim_gids_options){ .many = true });
    unsigned before = sim_gids_writes(scene_card);
    CHECK_RV(gids_init_token("12345678"), CKR_PIN_LEN_RANGE);
    CHECK_RV(gids_init_token(GIDS_OURS), CKR_PIN_INCORRECT);
    CHECK_EQ(sim_gids_writes(scene_card), before);
    CHECK_EQ(sim_gids_wrong_answers(scene_card), 1);
    CHECK_RV(gids_init_token(GIDS_ZEROS), CKR_OK);
    CHECK(!gids_size(0xa010, 0xdf23) && !gids_size(0xa010, 0xdf24));
    CHECK_EQ(gids_size(0xa000, 0xdf1f), 1 + 5 * 28);
    CHECK(!sim_gids_has_file(scene_card, 0xb081) && !sim_gids_has_file(scene_card, 0xb08c));
    CHECK(gids_has(0xa012, 0xdf20, 0, "\0\x11\x22", 3));                // it is the same card
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(gids_login(CKU_USER, "123456"), CKR_PIN_INCORRECT);
    CHECK_RV(gids_login(CKU_SO, GIDS_ZEROS), CKR_OK);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(gids_login(CKU_USER, "123456"), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 0);
    CHECK_RV(make(&makes[RSA_2048], 1), CKR_OK);
    CHECK(gids_signs(1));
    scene_end();
}

// Broken off at each command, a blank card is no token yet, or one whose rules are in force; the next
// C_InitToken makes it one.
TEST(write_gids_blank_card_is_pulled)
{
    static const enum sim_fault faults[] = { SIM_EJECT_AFTER, SIM_EJECT, SIM_RESET_AFTER };
    for (size_t f = 0; f < 6 && !test_failing; f++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            CK_TOKEN_INFO info;
            gids_insert(&(struct sim_gids_options){ .empty = true, .exists_6984 = f >= 3 });
            CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
            CHECK(!(info.flags & CKF_TOKEN_INITIALIZED));
            sim_reader_fault(faults[f % 3], n, NULL);
            CK_RV rv = gids_init_token(GIDS_OURS);
            fired = broken_off(rv);
            CHECK_RV(C_Finalize(NULL), CKR_OK);
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
            CHECK_RV(C_Initialize(NULL), CKR_OK);
            CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
            CHECK(!(info.flags & CKF_TOKEN_INITIALIZED) || sim_gids_active(scene_card));
            CHECK_RV(gids_init_token(GIDS_OURS), CKR_OK);
            CHECK(sim_gids_active(scene_card));
            CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
            CHECK(info.flags & CKF_TOKEN_INITIALIZED);
            CHECK_RV(scene_open(&session), CKR_OK);
            CHECK_RV(gids_login(CKU_SO, GIDS_OURS), CKR_OK);
            CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
            CHECK_RV(C_Logout(session), CKR_OK);
            CHECK_RV(gids_login(CKU_USER, "123456"), CKR_OK);
            CHECK_RV(make(&makes[P_256], 1), CKR_OK);
            CHECK(gids_signs(1));
            CHECK_EQ(sim_gids_wrong_answers(scene_card), 0);
            scene_end();
        }
    }
}

#define RUN_WRITE_GIDS()                                                                         \
    RUN(write_gids_maps);                                                                        \
    RUN(write_gids_on_cards_of_others);                                                          \
    RUN(write_gids_refuses);                                                                     \
    RUN(write_gids_full_card);                                                                   \
    RUN(write_gids_half_made_keys);                                                              \
    RUN(write_gids_certificates_without_keys);                                                   \
    RUN(write_gids_so_has_the_administrator_s_key);                                              \
    RUN(write_gids_card_that_does_not_know_its_key);                                             \
    RUN(write_gids_administrator_after_another_program);                                         \
    RUN(write_gids_administrator_s_key_changed_by_another_program);                                         \
    RUN(write_gids_begins_anew);                                                                 \
    RUN(write_gids_blank_card_is_pulled)

#endif
