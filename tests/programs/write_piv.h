// write_piv.h: PIV cards, further: keys that a card is given and where they go, keys that move, the
// management key and the PIN, a YubiKey begun anew, what a key says of its origin, the key history.
// SPDX-License-Identifier: 0BSD
#ifndef WRITE_PIV_H
#define WRITE_PIV_H

#include <openssl/evp.h>
#include <zlib.h>

#define YUBIKEY(...) (&(struct sim_piv_options){ .blank = true, .yubikey = true, .extended = true, \
                                                 __VA_ARGS__ })

// ---- Keys that a card is given ----

enum { RSA_PARTS = 8 };
static uint8_t rsa_parts[RSA_PARTS][513];

// A template of a private key of sim_keys.h, as it is given to a card; its numbers have a zero before
// them, as some programs give them.
static CK_ULONG given(enum sim_key from, CK_ATTRIBUTE *t)
{
    static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    static CK_KEY_TYPE type;
    static uint8_t scalar[66];
    static const CK_ATTRIBUTE_TYPE types[RSA_PARTS] = { CKA_MODULUS, CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
        CKA_COEFFICIENT };
    const struct sim_key_data *d = sim_key_data(from);
    bool raw = from == SIM_ED25519 || from == SIM_X25519;
    size_t size = raw ? 32 : (d->bits + 7) / 8;
    CK_ULONG n = 0;
    type = raw ? from == SIM_ED25519 ? CKK_EC_EDWARDS : CKK_EC_MONTGOMERY : d->rsa ? CKK_RSA : CKK_EC;
    t[n++] = (CK_ATTRIBUTE){ CKA_CLASS, &class, sizeof class };
    t[n++] = (CK_ATTRIBUTE){ CKA_KEY_TYPE, &type, sizeof type };
    t[n++] = (CK_ATTRIBUTE){ CKA_TOKEN, &yes, 1 };
    if (d->rsa) {
        mbedtls_pk_context pk;
        mbedtls_mpi v[RSA_PARTS];
        sim_key_parse(&pk, d);
        for (unsigned i = 0; i < RSA_PARTS; i++) mbedtls_mpi_init(&v[i]);
        if (mbedtls_rsa_export(mbedtls_pk_rsa(pk), &v[0], &v[3], &v[4], &v[2], &v[1])) abort();
        if (mbedtls_rsa_export_crt(mbedtls_pk_rsa(pk), &v[5], &v[6], &v[7])) abort();
        for (unsigned i = 0; i < RSA_PARTS; i++) {
            size_t len = mbedtls_mpi_size(&v[i]) + 1;
            if (mbedtls_mpi_write_binary(&v[i], rsa_parts[i], len)) abort();
            t[n++] = (CK_ATTRIBUTE){ types[i], rsa_parts[i], len };
            mbedtls_mpi_free(&v[i]);
        }
        mbedtls_pk_free(&pk);
        return n;
    }
    const struct make *like = &makes[raw ? from == SIM_ED25519 ? ED25519 : X25519
                                         : size == 32 ? P_256 : P_384];
    t[n++] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, (void *)(uintptr_t)like->params, like->n };
    if (raw) {
        memcpy(scalar, d->key + d->key_len - 32, 32);
    } else {
        mbedtls_pk_context pk;
        sim_key_parse(&pk, d);
        if (mbedtls_mpi_write_binary(&mbedtls_pk_ec(pk)->d, scalar, size)) abort();
        mbedtls_pk_free(&pk);
    }
    t[n++] = (CK_ATTRIBUTE){ CKA_VALUE, scalar, size };
    return n;
}

// Gives it to the card; id 0: wherever there is room. more: further attributes.
static CK_RV give_with(enum sim_key from, CK_BYTE id, const CK_ATTRIBUTE *more, CK_ULONG more_n)
{
    CK_ATTRIBUTE t[20];
    CK_ULONG n = given(from, t);
    if (id) t[n++] = (CK_ATTRIBUTE){ CKA_ID, &id, 1 };
    for (CK_ULONG i = 0; i < more_n; i++) t[n++] = more[i];
    private_key = 0;
    return C_CreateObject(session, t, n, &private_key);
}

static CK_RV give(enum sim_key from, CK_BYTE id) { return give_with(from, id, NULL, 0); }

static CK_OBJECT_HANDLE found(CK_OBJECT_CLASS class, CK_BYTE id)
{
    CK_OBJECT_HANDLE object = 0;
    return scene_find(session, class, id, &object) ? 0 : object;
}

// Is the public key that we tell the one of sim_keys.h, as OpenSSL reads its certificate's?
static bool is_public_half(CK_OBJECT_HANDLE object, enum sim_key from)
{
    const struct sim_key_data *d = sim_key_data(from);
    uint8_t spki[600];
    size_t n = attribute(object, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    for (size_t i = 0; n && i + n <= d->certificate_len; i++)
        if (!memcmp(d->certificate + i, spki, n)) return true;
    return false;
}

static bool signs_ed25519(CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_MECHANISM m = { CKM_EDDSA, NULL, 0 };
    uint8_t point[64];
    size_t n = attribute(public, CKA_EC_POINT, point, sizeof point);
    out_len = sizeof out;
    if (C_SignInit(session, &m, key) || C_Sign(session, text, sizeof text, out, &out_len)) return false;
    EVP_PKEY *pkey = n == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, 32) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = pkey && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(ctx, out, out_len, text, sizeof text) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good;
}

// Each kind, into its place; and used, before and after an insertion.
TEST(write_piv_gives_keys_to_a_yubikey)
{
    static const struct { enum sim_key key; CK_BYTE id; } some[] = {
        { SIM_RSA1024, 5 }, { SIM_RSA2048A, 1 }, { SIM_RSA3072, 6 }, { SIM_RSA4096, 7 },
        { SIM_P256A, 2 }, { SIM_P384A, 3 }, { SIM_ED25519, 8 }, { SIM_X25519, 9 } };
    const size_t n = sizeof some / sizeof *some;
    begin_so(YUBIKEY(.version = 0x050700, .management = 3));
    for (size_t i = 0; i < n && !test_failing; i++) {
        CHECK_RV(give(some[i].key, some[i].id), CKR_OK);
        CHECK_EQ(id_of(private_key), some[i].id);
        CHECK_EQ(sim_piv_origin(scene_card, reference_of(some[i].id)), SIM_IMPORTED);
        CHECK(is_public_half(found(CKO_PUBLIC_KEY, some[i].id), some[i].key));
        CHECK(is_public_half(private_key, some[i].key));
        CHECK(is_true(private_key, CKA_SENSITIVE) && !is_true(private_key, CKA_EXTRACTABLE));
    }
    CHECK_EQ(count(CKO_PRIVATE_KEY), n);
    for (unsigned again = 0; again < 2 && !test_failing; again++) {
        if (again) insert_again();
        if (again) CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        else       change_to_user();
        for (size_t i = 0; i < n && !test_failing; i++) {
            CK_OBJECT_HANDLE key = found(CKO_PRIVATE_KEY, some[i].id),
                             public = found(CKO_PUBLIC_KEY, some[i].id);
            CHECK(key && is_public_half(public, some[i].key));
            CHECK(!is_true(key, CKA_LOCAL) && !is_true(public, CKA_LOCAL));
            CHECK(!is_true(key, CKA_ALWAYS_SENSITIVE) && !is_true(key, CKA_NEVER_EXTRACTABLE));
            if (some[i].key == SIM_ED25519) CHECK(signs_ed25519(key, public));
            else if (some[i].key != SIM_X25519) CHECK(signs(some[i].id));
        }
    }
    scene_end();
}

// Who made a key is told the same before an insertion and after it.
TEST(write_piv_keys_say_where_they_are_from)
{
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
                                               CKA_NEVER_EXTRACTABLE };
    begin_so(YUBIKEY(.management = 3));
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CK_OBJECT_HANDLE stored;
    CHECK_RV(store_certificate(1, &stored), CKR_OK);
    CHECK_RV(make(&makes[P_256], 2), CKR_OK);
    CHECK_RV(give(SIM_P256A, 3), CKR_OK);
    for (unsigned again = 0; again < 2 && !test_failing; again++) {
        if (again) insert_again();
        if (again) CHECK_RV(login_usual(), CKR_OK);
        for (CK_BYTE id = 1; id <= 3 && !test_failing; id++) {
            CHECK_EQ(is_true(found(CKO_PUBLIC_KEY, id), CKA_LOCAL), id < 3);
            for (size_t i = 0; i < 3; i++)
                CHECK_EQ(is_true(found(CKO_PRIVATE_KEY, id), types[i]), id < 3);
        }
        CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
        CK_ATTRIBUTE made[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LOCAL, &yes, 1 } };
        CK_ULONG n;
        CHECK_RV(scene_count(session, made, 2, &n), CKR_OK);
        CHECK_EQ(n, 2);
    }
    scene_end();
}

// A key goes to the certificate that it is for, and only there.
TEST(write_piv_given_key_finds_its_certificate)
{
    CK_OBJECT_HANDLE stored;
    uint8_t subject[64];
    begin_so(YUBIKEY(.version = 0x050700, .management = 3));
    certificate_n = sim_key_data(SIM_P256A)->certificate_len;
    memcpy(certificate, sim_key_data(SIM_P256A)->certificate, certificate_n);
    CHECK_RV(store_certificate(5, &stored), CKR_OK);
    CHECK_RV(give(SIM_P256B, 5), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(give(SIM_ED25519, 5), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[P_256], 5), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(sim_piv_origin(scene_card, 0x82), SIM_NOT_THERE);
    CHECK_RV(give(SIM_P256B, 0), CKR_OK);
    CHECK_EQ(id_of(private_key), 1);
    CHECK_RV(give(SIM_P256A, 0), CKR_OK);
    CHECK_EQ(id_of(private_key), 5);
    CHECK(attribute(private_key, CKA_SUBJECT, subject, sizeof subject) > 10);
    CHECK_EQ(sim_piv_origin(scene_card, 0x82), SIM_IMPORTED);
    CHECK_RV(C_DestroyObject(session, private_key), CKR_OK);    // its certificate stays, alone
    CHECK_RV(give(SIM_P256A, 0), CKR_OK);
    CHECK_EQ(id_of(private_key), 5);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
    change_to_user();
    CHECK(signs(5) && signs(1));
    scene_end();
}

// What is not whole, or not for such a card, is not sent.
TEST(write_piv_refuses_keys)
{
    CK_ULONG never = SCARD11_PIN_NEVER, always = SCARD11_PIN_ALWAYS, touch = SCARD11_TOUCH_CACHED;
    CK_ULONG told = 0;
    const CK_ATTRIBUTE a[] = { { SCARD11_CKA_YUBICO_PIN, &always, sizeof always },
                               { SCARD11_CKA_YUBICO_TOUCH, &touch, sizeof touch } },
        b = { SCARD11_CKA_YUBICO_PIN, &never, sizeof never }, c = { CKA_PRIVATE, &no, 1 };
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(give(SIM_P256A, 1), CKR_CURVE_NOT_SUPPORTED);          // no import on plain cards
    CHECK_RV(give(SIM_RSA2048A, 1), CKR_KEY_SIZE_RANGE);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    scene_end();
    begin_so(YUBIKEY(.management = 3));                             // 5.4
    CHECK_RV(give(SIM_ED25519, 1), CKR_KEY_SIZE_RANGE);
    CHECK_RV(give(SIM_RSA4096, 1), CKR_KEY_SIZE_RANGE);
    CHECK_RV(give_with(SIM_P256A, 5, &c, 1), CKR_TEMPLATE_INCONSISTENT);
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CHECK_RV(give_with(SIM_P256A, 5, a, 2), CKR_OK);
    CHECK(is_true(private_key, CKA_ALWAYS_AUTHENTICATE));
    CHECK_EQ(attribute(private_key, SCARD11_CKA_TOUCH, &told, sizeof told), sizeof told);
    CHECK_EQ(told, SCARD11_TOUCH_CACHED);
    CHECK_RV(give_with(SIM_P256A, 6, &b, 1), CKR_OK);
    CHECK(!is_true(private_key, CKA_PRIVATE));
    insert_again();
    CHECK(signs(6));                                                // without a login
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK(is_true(found(CKO_PRIVATE_KEY, 5), CKA_ALWAYS_AUTHENTICATE));
    scene_end();
    begin_so(YUBIKEY(.yubikey_lacks = SIM_NO_METADATA, .management = 3, .version = 0x050700));
    CHECK_RV(give(SIM_ED25519, 1), CKR_CURVE_NOT_SUPPORTED);        // its public half stays unknown
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CHECK_RV(give(SIM_P256A, 1), CKR_OK);
    CHECK(is_public_half(found(CKO_PUBLIC_KEY, 1), SIM_P256A));
    scene_end();
}

// 9E: who wants a private key gets one that wants the PIN, or none.
TEST(write_piv_private_key_in_9e)
{
    const CK_ATTRIBUTE private = { CKA_PRIVATE, &yes, 1 };
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(make_with(&makes[P_256], 4, &private, 1), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(make(&makes[P_256], 4), CKR_OK);
    CHECK(!is_true(private_key, CKA_PRIVATE));
    scene_end();
    begin_so(YUBIKEY(.management = 3));
    CHECK_RV(make_with(&makes[P_256], 4, &private, 1), CKR_OK);
    CHECK(is_true(private_key, CKA_PRIVATE));
    insert_again();
    CHECK_EQ(count(CKO_PRIVATE_KEY), 0);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK(is_true(found(CKO_PRIVATE_KEY, 4), CKA_PRIVATE));
    CHECK(signs(4));
    scene_end();
}

// ---- The management key and the PIN ----

static CK_RV set_key(const char *old, const char *fresh)
{
    return C_SetPIN(session, (CK_UTF8CHAR *)(uintptr_t)old, strlen(old),
                    (CK_UTF8CHAR *)(uintptr_t)fresh, strlen(fresh));
}

// A new key of each length; the old one is no good any more, the new one is.
TEST(write_piv_sets_the_management_key)
{
    static const char *const keys[] = {
        "a1020304050607080102030405060708a102030405060708", "b1020304050607080102030405060708",
        "c10203040506070801020304050607080102030405060708a102030405060708" };
    for (unsigned i = 0; i < 6 && !test_failing; i++) {
        const char *fresh = keys[i % 3];
        bool aes = i >= 3;                                          // what it has at first
        begin_so(YUBIKEY(.management = aes ? 10 : 3, .version = 0x050700));
        CHECK_RV(set_key(fresh, fresh), CKR_PIN_INCORRECT);         // the old one is proven
        CHECK_EQ(sim_piv_writes(scene_card), 0);
        CHECK_RV(set_key(USUAL, fresh), CKR_OK);
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);                   // the login goes on
        unsigned times = 0;
        sim_reader_foreign(0, select_other, &times);
        CHECK_RV(make(&makes[P_256], 2), CKR_OK);                   // with the new one, too
        sim_reader_foreign(0, NULL, NULL);
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(login_usual(), CKR_PIN_INCORRECT);
        CHECK_RV(login_so(fresh, strlen(fresh)), CKR_OK);
        scene_end();
    }
    begin_so(YUBIKEY(.version = 0x050300));                         // 3DES only
    CHECK_RV(set_key(USUAL, keys[1]), CKR_PIN_INVALID);
    CHECK_RV(set_key(USUAL, keys[0]), CKR_OK);
    scene_end();
    begin_so(YUBIKEY(.version = 0x040300, .yubikey_lacks = SIM_NO_METADATA));
    CHECK_RV(set_key(USUAL, keys[1]), CKR_PIN_LEN_RANGE);
    CHECK_RV(set_key(USUAL, keys[0]), CKR_OK);
    scene_end();
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(set_key(USUAL, keys[0]), CKR_FUNCTION_NOT_SUPPORTED);
    scene_end();
}

// C_InitPIN: of a PIN that is still the maker's, as the card says; of no other.
TEST(write_piv_sets_the_first_pin)
{
    begin_so(YUBIKEY(.management = 3));
    CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    CHECK(!sim_piv_admin(scene_card));
    scene_end();
    begin_so(YUBIKEY(.management = 3, .yubikey_lacks = SIM_NO_METADATA));
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

// After the end of a login by the management key the connection is a new one, and a blank card has
// nothing that shows which it is: the PUK that is given then is what the card gets.
TEST(write_piv_puk_after_the_management_key)
{
    begin_so(YUBIKEY(.management = 3));
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_SO, (CK_UTF8CHAR *)"12345678", 8), CKR_OK);
    CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    CHECK_EQ(sim_piv_puk_tries(scene_card), 3);
    CHECK_EQ(scene_card->tries_taken, 0);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    scene_end();
}

static void set_tries_option(const char *tries)
{
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_PIN_TRIES", tries), CKR_OK);
}

// SCARD11_PIN_TRIES, with the first PIN: as the card counts them. A PUK that somebody has set is not made
// the maker's again, and nobody is logged in as the user.
TEST(write_piv_sets_numbers_of_tries)
{
    static const struct { const char *option; int tries, puk_tries; unsigned writes; } some[] = {
        { "", 3, 3, 0 }, { "5,7", 5, 7, 1 }, { "15", 15, 3, 1 }, { "3", 3, 3, 0 }, { "3,3", 3, 3, 0 },
        { "1,1", 1, 1, 1 } };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
        set_tries_option(some[i].option);
        begin_so(YUBIKEY(.management = 3));
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
        CHECK_EQ(sim_piv_tries(scene_card), some[i].tries);
        CHECK_EQ(sim_piv_puk_tries(scene_card), some[i].puk_tries);
        CHECK_EQ(sim_piv_writes(scene_card), some[i].writes);
        CHECK_RV(C_InitPIN(session, PIN, 6), CKR_FUNCTION_NOT_SUPPORTED);
        CHECK_RV(C_Logout(session), CKR_OK);
        for (int n = 1; n < some[i].tries && !test_failing; n++)
            CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_PIN_INCORRECT);
        CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
        CHECK_EQ(sim_piv_tries(scene_card), some[i].tries);
        scene_end();
    }
    set_tries_option("5,7");
    begin(YUBIKEY(.management = 3));
    CHECK_RV(C_Login(session, CKU_SO, (CK_UTF8CHAR *)"12345678", 8), CKR_OK);
    CHECK_RV(set_key("12345678", "24681357"), CKR_OK);              // the PUK
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
    CHECK(sim_piv_tries(scene_card) == 3 && sim_piv_puk_tries(scene_card) == 3);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_SO, (CK_UTF8CHAR *)"24681357", 8), CKR_OK);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);                   // it is the PUK still
    scene_end();
    set_tries_option("");
}

// Broken off at each command, the same C_InitPIN does it all.
TEST(write_piv_numbers_of_tries_broken_off)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_RESET, SIM_RESET_AFTER,
                                             SIM_FAILED_AFTER, SIM_ANSWER_6F00 };
    for (size_t f = 0; f < sizeof faults / sizeof *faults && !test_failing; f++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            set_tries_option("5,7");
            begin_so(YUBIKEY(.management = 3));
            sim_reader_fault(faults[f], n, NULL);
            CK_RV rv = C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8);
            fired = broken_off(rv);
            meet_anew(NULL);
            CHECK_RV(login_usual(), CKR_OK);
            CK_RV again = C_InitPIN(session, (CK_UTF8CHAR *)"97531864", 8);
            CHECK(again == CKR_OK || again == CKR_FUNCTION_NOT_SUPPORTED);      // it was done already
            CHECK_EQ(sim_piv_tries(scene_card), 5);
            CHECK_EQ(sim_piv_puk_tries(scene_card), 7);
            CHECK_RV(C_Logout(session), CKR_OK);
            CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"97531864", 8), CKR_OK);
            CHECK_EQ(scene_card->tries_taken, 0);
            if (test_failing) printf("%s at %u\n", sim_fault_name(faults[f]), n);
            scene_end();
        }
    }
    set_tries_option("");
}

// ---- A YubiKey begun anew ----

#define OWN "9f8e7d6c5b4a392817161514131211100f0e0d0c0b0a0908"

// Yubico's reset wants PIN and PUK to be blocked: that takes their tries, and no others.
static unsigned taken;

static CK_RV init_token(const char *key)
{
    CK_UTF8CHAR label[33] = "Begun anew                      ";
    unsigned before = sim_seen.tries_taken;
    CK_RV rv = C_InitToken(scene_slot, (CK_UTF8CHAR *)(uintptr_t)key, strlen(key), label);
    taken = sim_seen.tries_taken - before;
    judge_wrong(taken);
    return rv;
}

static CK_RV close_and_init(const char *key)
{
    CK_RV rv = C_CloseAllSessions(scene_slot);
    return rv ? rv : init_token(key);
}

// Is it a card as C_InitToken leaves it, with this key? And it can be set up.
static void check_anew(const char *key)
{
    CK_OBJECT_HANDLE chuid;
    uint8_t value[64];
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK(holds(0x5fc102) && holds(0x5fc107) && !holds(0x5fc105));
    CHECK_EQ(sim_piv_origin(scene_card, 0x9a), SIM_NOT_THERE);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    CHECK_EQ(sim_piv_puk_tries(scene_card), 3);
    CHECK_RV(login_so(key, strlen(key)), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY) + count(CKO_PUBLIC_KEY), 0);
    CK_ATTRIBUTE t = { CKA_APPLICATION, (void *)(uintptr_t)"Card Holder Unique Identifier", 29 };
    CHECK_RV(scene_search(session, &t, 1, &chuid), CKR_OK);
    CHECK_EQ(attribute(chuid, CKA_VALUE, value, sizeof value), 59);
    CHECK(value[27] == 0x34 && value[28] == 16 && value[35] >> 4 == 4 && value[37] >> 6 == 2);
    CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"75319864", 8), CKR_OK);
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"75319864", 8), CKR_OK);
}

// A card in use: its key is asked for, once. Then all is gone.
TEST(write_piv_begins_a_yubikey_anew)
{
    for (unsigned aes = 0; aes < 2 && !test_failing; aes++) {
        begin_so(YUBIKEY(.version = aes ? 0x050700 : 0x050400));
        CHECK_RV(set_key(USUAL, OWN), CKR_OK);
        CHECK_RV(give(SIM_P256A, 1), CKR_OK);
        certificate_n = issue(private_key, certificate, sizeof certificate);
        CK_OBJECT_HANDLE stored;
        CHECK_RV(store_certificate(1, &stored), CKR_OK);
        CHECK_RV(init_token(OWN), CKR_SESSION_EXISTS);
        unsigned before = sim_piv_writes(scene_card);
        CHECK_RV(close_and_init(USUAL), CKR_PIN_INCORRECT);
        CHECK_EQ(sim_piv_wrong_answers(scene_card), 1);
        CHECK_EQ(sim_piv_writes(scene_card), before);
        CHECK_EQ(sim_piv_tries(scene_card), 3);
        CHECK_RV(init_token(OWN), CKR_OK);
        CHECK_EQ(taken, 6);
        CHECK_EQ(sim_piv_wrong_answers(scene_card), 1);
        check_anew(OWN);
        scene_end();
    }
}

// One that nobody owns yet takes the first key; a card without Yubico's reset loses nothing.
TEST(write_piv_begins_a_new_yubikey)
{
    begin(YUBIKEY(.version = 0x050700));
    CHECK_RV(close_and_init("123456789"), CKR_PIN_LEN_RANGE);
    CHECK_RV(init_token(OWN), CKR_OK);
    CHECK_RV(init_token(USUAL), CKR_PIN_INCORRECT);
    check_anew(OWN);
    scene_end();
    begin(YUBIKEY(.yubikey_lacks = SIM_NO_METADATA));
    CHECK_RV(close_and_init(OWN), CKR_PIN_INCORRECT);               // it does not say whose key it is
    CHECK_EQ(sim_piv_writes(scene_card), 0);
    CHECK_RV(init_token(USUAL), CKR_OK);
    scene_end();
    begin(&(struct sim_piv_options){ .extended = true });
    CHECK_RV(close_and_init(USUAL), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_EQ(sim_piv_writes(scene_card) + sim_piv_wrong_answers(scene_card), 0);
    CHECK_EQ(sim_piv_tries(scene_card), 3);
    scene_end();
}

// Broken off at each command, it can be called again, with the same key.
TEST(write_piv_broken_off_when_begun_anew)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_RESET, SIM_RESET_AFTER,
                                             SIM_FAILED_AFTER, SIM_ANSWER_6F00 };
    for (size_t f = 0; f < sizeof faults / sizeof *faults && !test_failing; f++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            begin_so(YUBIKEY(.version = 0x050700));
            CHECK_RV(set_key(USUAL, OWN), CKR_OK);
            CHECK_RV(make(&makes[P_256], 1), CKR_OK);
            CHECK_RV(C_CloseAllSessions(scene_slot), CKR_OK);
            sim_reader_fault(faults[f], n, NULL);
            CK_RV rv = init_token(OWN);
            fired = broken_off(rv);
            if (sim_reader_cards()) sim_reader_eject(0);
            sim_reader_insert(0, scene_card);
            nanosleep(&(struct timespec){ .tv_nsec = 25000000 }, NULL);
            CHECK_RV(init_token(OWN), CKR_OK);
            check_anew(OWN);
            if (test_failing) printf("%s at %u\n", sim_fault_name(faults[f]), n);
            scene_end();
        }
    }
}

// ---- Keys that move ----

static CK_RV set_id(CK_OBJECT_HANDLE object, CK_BYTE id)
{
    CK_ATTRIBUTE a = { CKA_ID, &id, 1 };
    return C_SetAttributeValue(session, object, &a, 1);
}

// With its certificate and its policies; the handles stay.
TEST(write_piv_moves_keys)
{
    CK_OBJECT_HANDLE stored, public, private;
    CK_ULONG always = SCARD11_PIN_ALWAYS;
    const CK_ATTRIBUTE policy = { SCARD11_CKA_YUBICO_PIN, &always, sizeof always };
    char label[64];
    begin_so(YUBIKEY(.version = 0x050700, .management = 3));
    CHECK_RV(make_with(&makes[P_256], 1, &policy, 1), CKR_OK);
    public = public_key;
    private = private_key;
    certificate_n = issue(public, certificate, sizeof certificate);
    CHECK_RV(store_certificate(1, &stored), CKR_OK);
    CHECK_RV(make(&makes[P_256], 2), CKR_OK);
    CHECK(is_true(private, CKA_MODIFIABLE) && !is_true(stored, CKA_MODIFIABLE));
    CHECK_RV(set_id(private, 2), CKR_ATTRIBUTE_VALUE_INVALID);      // there is one
    CHECK_RV(set_id(private, 25), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(set_id(stored, 3), CKR_ACTION_PROHIBITED);
    CHECK_RV(set_id(private, 1), CKR_OK);
    CHECK_RV(set_id(private, 6), CKR_OK);
    CHECK(id_of(private) == 6 && id_of(public) == 6 && id_of(stored) == 6);
    CHECK_EQ(attribute(private, CKA_LABEL, label, sizeof label), 24);
    CHECK(holds(tag_of(6)) && !holds(tag_of(1)));
    CHECK(sim_piv_origin(scene_card, 0x83) == SIM_GENERATED &&
          sim_piv_origin(scene_card, 0x9a) == SIM_NOT_THERE);
    CHECK_RV(set_id(private_key, 1), CKR_OK);                       // without a certificate
    CHECK(id_of(private_key) == 1 && id_of(public_key) == 1);
    insert_again();
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
    CHECK(signs(1) && signs(6));
    CHECK(is_true(found(CKO_PRIVATE_KEY, 6), CKA_ALWAYS_AUTHENTICATE));
    CHECK_RV(set_id(found(CKO_PRIVATE_KEY, 6), 7), CKR_USER_NOT_LOGGED_IN);
    scene_end();
    begin_so(YUBIKEY(.management = 3));                             // 5.4 moves none
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(1, &stored), CKR_OK);
    CHECK_RV(set_id(private_key, 6), CKR_ACTION_PROHIBITED);
    CHECK(id_of(private_key) == 1 && !holds(tag_of(6)) && holds(tag_of(1)));
    scene_end();
}

static CK_RV change_move(void)
{
    CK_OBJECT_HANDLE object;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, 1, &object);
    return rv ? rv : set_id(object, 7);
}

// A move that was broken off is gone on with: the key is at one of the two places, with its
// certificate.
TEST(write_piv_broken_off_when_moved)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_RESET, SIM_FAILED_AFTER,
                                             SIM_ANSWER_6F00 };
    for (size_t f = 0; f < sizeof faults / sizeof *faults && !test_failing; f++) {
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            begin_so(YUBIKEY(.version = 0x050700, .management = 3));
            CHECK_RV(make(&makes[P_256], 1), CKR_OK);
            certificate_n = issue(public_key, certificate, sizeof certificate);
            CHECK_RV(store_certificate(1, &private_key), CKR_OK);
            sim_reader_fault(faults[f], n, NULL);
            CK_RV rv = change_move();
            fired = broken_off(rv);
            if (sim_reader_cards()) sim_reader_eject(0);
            sim_reader_insert(0, scene_card);
            nanosleep(&(struct timespec){ .tv_nsec = 25000000 }, NULL);
            CHECK_RV(scene_open(&session), CKR_OK);
            CHECK_RV(login_usual(), CKR_OK);
            CK_BYTE at = sim_piv_origin(scene_card, 0x84) ? 7 : 1;
            CHECK(holds(tag_of(at)));
            if (at == 1) CHECK_RV(change_move(), CKR_OK);
            CHECK_EQ(sim_piv_origin(scene_card, 0x84), SIM_GENERATED);
            CHECK(holds(tag_of(7)));
            change_to_user();
            CHECK(signs(7));
            if (test_failing) printf("%s at %u\n", sim_fault_name(faults[f]), n);
            scene_end();
        }
    }
}

// ---- Certificates that are compressed ----

// What the card has where a certificate of 9A is: gzip and nothing else, and it says so (SP 800-73-4 part
// 1, table 10).
static bool is_packed(const uint8_t *der, size_t n)
{
    static uint8_t cmd[] = { 0, 0xcb, 0x3f, 0xff, 0, 0, 5, 0x5c, 3, 0x5f, 0xc1, 5, 0, 0 };
    static uint8_t rsp[5000], plain[5000];
    static const uint8_t end[] = { 0x71, 1, 1, 0xfe, 0, 0x90, 0 };
    size_t len = scene_card->apdu(scene_card, cmd, sizeof cmd, rsp, sizeof rsp);
    z_stream z = { .next_in = rsp + 8, .next_out = plain, .avail_out = sizeof plain };
    if (len < 300 || memcmp(rsp, "\x53\x82", 2) || memcmp(rsp + 4, "\x70\x82", 2)) return false;
    z.avail_in = (unsigned)rsp[6] << 8 | rsp[7];
    if (8 + z.avail_in + sizeof end != len || memcmp(rsp + len - sizeof end, end, sizeof end)) return false;
    if (inflateInit2(&z, 16 + 15)) return false;
    bool good = inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_in && z.total_out == n;
    inflateEnd(&z);
    return good && !memcmp(plain, der, n);
}

// One that the card has room for only so.
TEST(write_piv_stores_a_large_certificate_compressed)
{
    const CK_ATTRIBUTE packed = { SCARD11_CKA_COMPRESS, &yes, 1 };
    CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &certificate_class, sizeof certificate_class }, packed };
    uint8_t value[4096];
    CK_OBJECT_HANDLE stored, found_it = 0;
    begin_so(YUBIKEY(.version = 0x050700, .management = 3, .room = 2800));
    CHECK_RV(make(&makes[RSA_2048], 1), CKR_OK);
    issue_filler = 3000;
    certificate_n = issue(public_key, certificate, sizeof certificate);
    issue_filler = 0;
    CHECK(certificate_n > 3000);
    CHECK_RV(store_certificate(1, &stored), CKR_DEVICE_MEMORY);
    CHECK(!holds(tag_of(1)) && !found(CKO_CERTIFICATE, 1));
    CHECK_RV(store_certificate_with(1, &packed, &stored), CKR_OK);
    CHECK(is_packed(certificate, certificate_n));
    for (unsigned again = 0; again < 2 && !test_failing; again++) {
        if (again) insert_again();
        CHECK_RV(scene_search(session, wanted, 2, &found_it), CKR_OK);
        CHECK_EQ(id_of(found_it), 1);
        CHECK_EQ(attribute(found_it, CKA_VALUE, value, sizeof value), certificate_n);
        CHECK(!memcmp(value, certificate, certificate_n));
        CHECK(!again || login_usual() == CKR_OK);
        change_to_user();
        CHECK(signs(1));
    }
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_RV(set_id(found(CKO_PRIVATE_KEY, 1), 5), CKR_OK);         // it moves as it is
    CHECK(!holds(tag_of(1)) && holds(tag_of(5)));
    insert_again();
    CHECK(is_true(found(CKO_CERTIFICATE, 5), SCARD11_CKA_COMPRESS));
    scene_end();
}

// ---- The key history ----

// Does the card have a key history of so many keys from 82 up?
static bool tells(unsigned low)
{
    const uint8_t is[] = { 0x53, 8, 0xc1, 1, (uint8_t)low, 0xc2, 1, 0, 0xfe, 0 };
    uint8_t digest[32], want[32];
    mbedtls_sha256(is, sizeof is, want, 0);
    return sim_piv_object(scene_card, 0x5fc10c, digest) && !memcmp(digest, want, sizeof want);
}

// Retired keys are shown by plain cards, too; it ends where the last one is.
TEST(write_piv_key_history)
{
    CK_OBJECT_HANDLE stored;
    begin_so(&(struct sim_piv_options){ .blank = true });
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    CHECK(!holds(0x5fc10c));
    CHECK_RV(make(&makes[P_256], 6), CKR_OK);
    CHECK(tells(2));
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(6, &stored), CKR_OK);
    CHECK_RV(make(&makes[P_256], 9), CKR_OK);
    CHECK(tells(5));
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(9, &stored), CKR_OK);
    insert_again();
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
    CHECK_RV(C_DestroyObject(session, found(CKO_CERTIFICATE, 9)), CKR_OK);
    CHECK(tells(2));
    CHECK_RV(C_DestroyObject(session, found(CKO_CERTIFICATE, 6)), CKR_OK);
    CHECK(tells(0));
    scene_end();
}

// A card that tells of keys itself needs no history; one that it has is kept true.
TEST(write_piv_key_history_of_a_yubikey)
{
    begin_so(YUBIKEY(.version = 0x050700, .management = 3));
    CHECK_RV(make(&makes[P_256], 6), CKR_OK);
    CHECK(!holds(0x5fc10c));
    scene_end();
    begin_so(&(struct sim_piv_options){ .yubikey = true, .version = 0x050700, .management = 3 });
    CHECK(tells(0));
    CHECK_RV(make(&makes[P_256], 6), CKR_OK);
    CHECK(tells(2));
    insert_again();
    CHECK_RV(login_usual(), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 5);
    CHECK_RV(set_id(found(CKO_PRIVATE_KEY, 6), 9), CKR_OK);
    CHECK(tells(5));
    CHECK_RV(set_id(found(CKO_PRIVATE_KEY, 9), 5), CKR_OK);
    CHECK(tells(1));
    CHECK_RV(C_DestroyObject(session, found(CKO_PRIVATE_KEY, 5)), CKR_OK);
    CHECK(tells(0));
    scene_end();
}

// ---- Data ----

// A search by an OID as pkcs11-tool gives it, without tag and length.
TEST(write_piv_finds_data_by_oid)
{
    CK_BYTE oid[] = { 6, 10, 0x60, 0x86, 0x48, 1, 0x65, 3, 7, 2, 0x30, 1 };
    begin_so(&(struct sim_piv_options){ .extended = true });
    for (CK_ULONG skip = 0; skip < 3 && !test_failing; skip++) {
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class },
                             { CKA_OBJECT_ID, &oid[skip], sizeof oid - skip } };
        CK_OBJECT_HANDLE object;
        CHECK_RV(scene_search(session, a, 2, &object), CKR_OK);
        CHECK_EQ(!object, skip == 1);
    }
    scene_end();
}

// Yubico's programs may keep the management key in the printed information, and note that elsewhere.
TEST(write_piv_leaves_a_kept_management_key)
{
    static const uint8_t noted[][7] = { { 0x53, 5, 0x80, 3, 0x81, 1, 2 }, { 0x53, 5, 0x80, 3, 0x81, 1, 1 },
                                        { 0x53, 5, 0x88, 3, 0x81, 1, 2 }, { 0x53, 5, 0x80, 3, 0x82, 1, 2 } };
    for (size_t i = 0; i < 4 && !test_failing; i++) {
        CK_OBJECT_HANDLE made, printed = 0;
        CK_ATTRIBUTE t = { CKA_APPLICATION, (void *)(uintptr_t)"Printed Information", 19 };
        begin_so(YUBIKEY(.management = 3, .object = noted[i], .object_len = 7, .object_tag = 0x5fff00));
        CHECK_RV(store_data("Printed Information", text, 4, &made),
                 i ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_RV(scene_search(session, &t, 1, &printed), CKR_OK);
        CHECK_RV(C_DestroyObject(session, printed), i ? CKR_OK : CKR_ACTION_PROHIBITED);
        CHECK_EQ(sim_piv_writes(scene_card), i ? 2 : 0);
        CHECK_RV(store_data("Security Object", text, 4, &made), CKR_OK);
        scene_end();
    }
}

#define RUN_WRITE_PIV()                                 \
    RUN(write_piv_gives_keys_to_a_yubikey);             \
    RUN(write_piv_keys_say_where_they_are_from);        \
    RUN(write_piv_given_key_finds_its_certificate);     \
    RUN(write_piv_refuses_keys);                        \
    RUN(write_piv_private_key_in_9e);                   \
    RUN(write_piv_stores_a_large_certificate_compressed);   \
    RUN(write_piv_sets_the_management_key);             \
    RUN(write_piv_sets_the_first_pin);                  \
    RUN(write_piv_puk_after_the_management_key);        \
    RUN(write_piv_sets_numbers_of_tries);               \
    RUN(write_piv_numbers_of_tries_broken_off);         \
    RUN(write_piv_begins_a_yubikey_anew);               \
    RUN(write_piv_begins_a_new_yubikey);                \
    RUN(write_piv_broken_off_when_begun_anew);          \
    RUN(write_piv_moves_keys);                          \
    RUN(write_piv_broken_off_when_moved);               \
    RUN(write_piv_key_history);                         \
    RUN(write_piv_key_history_of_a_yubikey);            \
    RUN(write_piv_finds_data_by_oid);                   \
    RUN(write_piv_leaves_a_kept_management_key)

#endif
