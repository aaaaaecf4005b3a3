// write_schsm.h: SmartCard-HSMs written: which files are on the card after a change, also after one that
// was broken off. That all that is shown goes on is in written.c. SPDX-License-Identifier: 0BSD
#ifndef WRITE_SCHSM_H
#define WRITE_SCHSM_H

#include "../sim/sim_fs.h"
#include "../sim/sim_schsm.h"

#define HSM_SO "3537363231383830"

static CK_RV hsm_login(CK_USER_TYPE user, const char *pin)
{
    return C_Login(session, user, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
}

static void hsm_insert(const struct sim_schsm_options *o)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_schsm_new(o);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

// A card that is in use; the user is logged in.
static void hsm_begin(const struct sim_schsm_options *o)
{
    hsm_insert(o);
    if (test_failing) return;
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(hsm_login(CKU_USER, "123456"), CKR_OK);
}

// The card is put back, if it is out, and met by a library that knows nothing of it.
static void hsm_meet_anew(const char *pin)
{
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    if (sim_reader_cards()) sim_reader_eject(0);
    sim_reader_insert(0, scene_card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    if (pin) CHECK_RV(hsm_login(CKU_USER, pin), CKR_OK);
}

static const struct sim_fs_file *hsm_file(unsigned fid)
{
    return sim_fs_find(((struct sim_fs *)scene_card)->mf, (uint16_t)fid);
}

static CK_RV hsm_init(const char *so)
{
    CK_UTF8CHAR label[33] = "Begun anew                      ";
    return C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)so, strlen(so), label);
}

// C_InitToken is done: the label is there, the PIN is set.
static void hsm_set_pin(void)
{
    CK_TOKEN_INFO info;
    CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
    CHECK(!memcmp(info.label, "Begun anew ", 11));
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(hsm_login(CKU_SO, HSM_SO), CKR_OK);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(hsm_login(CKU_USER, "123456"), CKR_OK);
}

// Whatever the firmware asks itself, an SO-PIN that is not the card's begins nothing anew.
TEST(write_schsm_begun_anew_by_its_so_alone)
{
    for (int i = 0; i < 2 && !test_failing; i++) {
        hsm_begin(&(struct sim_schsm_options){ .cardcontact = i });
        if (test_failing) return;
        CHECK_RV(hsm_init(HSM_SO), CKR_SESSION_EXISTS);
        CHECK_RV(C_CloseAllSessions(0), CKR_OK);
        CHECK_RV(hsm_init("353736323138383"), CKR_PIN_LEN_RANGE);
        CHECK_RV(hsm_init("353736323138383x"), CKR_PIN_LEN_RANGE);
        CHECK_EQ(scene_card->tries_taken, 0);
        CHECK_RV(hsm_init("3537363231383831"), CKR_PIN_INCORRECT);
        CHECK_EQ(scene_card->tries_taken, 1);
        judge_wrong(1);
        CHECK(hsm_file(0xcc01) && hsm_file(0xc401) && hsm_file(0xcf01));
        hsm_meet_anew("123456");
        CHECK_EQ(count(CKO_PRIVATE_KEY), 5);
        CHECK_RV(C_CloseAllSessions(0), CKR_OK);
        CHECK_RV(hsm_init(HSM_SO), CKR_OK);
        CHECK(!hsm_file(0xcc01) && !hsm_file(0xc401) && !hsm_file(0xcf01) && hsm_file(0x2f02));
        hsm_set_pin();
        CHECK_EQ(count(CKO_PRIVATE_KEY), 0);
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        scene_end();
    }
}

// Pulled at any command of C_InitToken, a card is what it was or new, and can be begun anew.
TEST(write_schsm_begun_anew_is_broken_off)
{
    bool fired = true;
    for (unsigned n = 1; fired && !test_failing; n++) {
        hsm_insert(&(struct sim_schsm_options){ .two = true, .cardcontact = n % 4 > 1 });
        if (test_failing) return;
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, (n + 1) / 2, NULL);
        CK_RV rv = hsm_init(HSM_SO);
        fired = sim_reader_fired();
        if (!fired) CHECK_RV(rv, CKR_OK);
        hsm_meet_anew(NULL);
        CK_ULONG keys = count(CKO_PUBLIC_KEY);
        CHECK(keys == 2 || !keys);
        CHECK_RV(C_CloseAllSessions(0), CKR_OK);
        CHECK_RV(hsm_init(HSM_SO), CKR_OK);
        hsm_set_pin();
        CHECK_EQ(count(CKO_PUBLIC_KEY), 0);
        scene_end();
    }
}

static CK_RV hsm_make_aes(CK_ULONG n, CK_BYTE id, CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, &id, 1 }, { CKA_VALUE_LEN, &n, sizeof n },
                         { CKA_LABEL, (void *)(uintptr_t)"made", 4 }, { CKA_ENCRYPT, &yes, 1 },
                         { CKA_DECRYPT, &yes, 1 } };
    return C_GenerateKey(session, &m, a, 6, key);
}

// Do two commands of the card go there and back?
static bool hsm_turns(CK_OBJECT_HANDLE key)
{
    CK_BYTE block[16] = "sixteen letters", back[16], iv[16] = { 0 };
    CK_MECHANISM m = { CKM_AES_CBC, iv, 16 };
    CK_ULONG n = sizeof out, back_n = sizeof back;
    if (C_EncryptInit(session, &m, key) || C_Encrypt(session, block, 16, out, &n) || n != 16)
        return false;
    if (!memcmp(out, block, 16) || C_DecryptInit(session, &m, key)) return false;
    return !C_Decrypt(session, out, 16, back, &back_n) && !memcmp(back, block, 16);
}

TEST(write_schsm_aes_keys)
{
    static const CK_ULONG sizes[] = { 16, 24, 32 };
    CK_OBJECT_HANDLE key = 0;
    CK_ATTRIBUTE name = { CKA_LABEL, (void *)(uintptr_t)"another name", 12 };
    char is[20];
    hsm_begin(&(struct sim_schsm_options){ .two = true });
    for (CK_BYTE i = 0; i < 3 && !test_failing; i++) {
        CK_ULONG n = 0;
        CHECK_RV(hsm_make_aes(sizes[i], (CK_BYTE)(0x21 + i), &key), CKR_OK);
        CHECK(hsm_turns(key) && is_true(key, CKA_LOCAL) && !is_true(key, CKA_EXTRACTABLE));
        CHECK(attribute(key, CKA_VALUE_LEN, &n, sizeof n) == sizeof n && n == sizes[i]);
        CHECK(!attribute(key, CKA_VALUE, is, sizeof is));
    }
    CHECK(hsm_file(0xcc03) && hsm_file(0xc405) && !hsm_file(0xce03));
    CHECK_RV(C_SetAttributeValue(session, key, &name, 1), CKR_OK);
    CHECK(hsm_turns(key));
    hsm_meet_anew("123456");
    CHECK_EQ(count(CKO_SECRET_KEY), 3);
    CHECK_RV(scene_find(session, CKO_SECRET_KEY, 0x23, &key), CKR_OK);
    CHECK(attribute(key, CKA_LABEL, is, sizeof is) == 12 && !memcmp(is, "another name", 12));
    CHECK(hsm_turns(key));
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);
    CHECK(!hsm_file(0xcc05) && !hsm_file(0xc405) && hsm_file(0xcc04));
    CHECK_EQ(count(CKO_SECRET_KEY), 2);
    scene_end();
}

// Where a certificate goes, and what of it can be changed.
TEST(write_schsm_certificates)
{
    CK_OBJECT_HANDLE made, key;
    CK_ATTRIBUTE name = { CKA_LABEL, (void *)(uintptr_t)"Renamed", 7 };
    char is[40];
    hsm_begin(&(struct sim_schsm_options){ .two = true });
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 0x30), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(1, &made), CKR_TEMPLATE_INCONSISTENT);       // RSA's
    CHECK_RV(store_certificate(0, &made), CKR_OK);
    CHECK_EQ(id_of(made), 0x30);
    CHECK(hsm_file(0xce03) && *hsm_file(0xce03)->data == 0x30 && !hsm_file(0xca01));
    CHECK_RV(C_SetAttributeValue(session, made, &name, 1), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_SetAttributeValue(session, public_key, &name, 1), CKR_OK);
    CHECK(attribute(private_key, CKA_LABEL, is, sizeof is) == 7 && !memcmp(is, "Renamed", 7));
    CHECK(attribute(made, CKA_LABEL, is, sizeof is) == 7);
    CHECK_RV(store_certificate(0x31, &made), CKR_OK);                       // no key's
    CHECK(hsm_file(0xca01) && hsm_file(0xc801));
    CHECK_RV(C_SetAttributeValue(session, made, &name, 1), CKR_OK);
    hsm_meet_anew("123456");
    CHECK_EQ(count(CKO_CERTIFICATE), 4);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, 0x31, &made), CKR_OK);
    CHECK(attribute(made, CKA_LABEL, is, sizeof is) == 7 && !memcmp(is, "Renamed", 7));
    CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    CHECK(!hsm_file(0xca01) && !hsm_file(0xc801));
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x30, &key), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);                        // its certificate, too
    CHECK(!hsm_file(0xcc03) && !hsm_file(0xc403) && !hsm_file(0xce03));
    CHECK_EQ(count(CKO_CERTIFICATE), 2);
    scene_end();
}

static CK_RV hsm_store(const char *name, bool private, const void *value, size_t n,
                       CK_OBJECT_HANDLE *made)
{
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class }, { CKA_TOKEN, &yes, 1 },
                         { CKA_LABEL, (void *)(uintptr_t)name, strlen(name) },
                         { CKA_PRIVATE, private ? &yes : &no, 1 },
                         { CKA_VALUE, (void *)(uintptr_t)value, n } };
    return C_CreateObject(session, a, 5, made);
}

// Data are for anybody, or private; what is changed of them moves to another number.
TEST(write_schsm_data)
{
    static CK_BYTE much[2500], is[4096];
    CK_OBJECT_HANDLE open, secret;
    CK_ATTRIBUTE value = { CKA_VALUE, much, sizeof much };
    for (size_t i = 0; i < sizeof much; i++) much[i] = (CK_BYTE)(i * 7);
    for (int i = 0; i < 2 && !test_failing; i++) {
        hsm_begin(&(struct sim_schsm_options){ .two = true, .cardcontact = i });
        CHECK_RV(hsm_store("Open", false, text, sizeof text, &open), CKR_OK);
        CHECK_RV(hsm_store("Secret", true, much, sizeof much, &secret), CKR_OK);
        CHECK(hsm_file(0xcf01) && hsm_file(0xc901) && hsm_file(0xcd02) && hsm_file(0xc902));
        CHECK_RV(C_SetAttributeValue(session, open, &value, 1), CKR_OK);
        CHECK(attribute(open, CKA_VALUE, is, sizeof is) == sizeof much);
        CHECK(!hsm_file(0xcf01) && !hsm_file(0xc901) && hsm_file(0xcf03) && hsm_file(0xc903));
        hsm_meet_anew(NULL);
        CHECK_EQ(count(CKO_DATA), 1);
        CHECK_RV(hsm_login(CKU_USER, "123456"), CKR_OK);
        CHECK_EQ(count(CKO_DATA), 2);
        for (int k = 0; k < 2 && !test_failing; k++) {
            CK_ATTRIBUTE t = { CKA_LABEL, (void *)(uintptr_t)(k ? "Open" : "Secret"), k ? 4 : 6 };
            CHECK_RV(scene_search(session, &t, 1, &open), CKR_OK);
            CHECK(attribute(open, CKA_VALUE, is, sizeof is) == sizeof much);
            CHECK(!memcmp(is, much, sizeof much));
            CHECK_RV(C_DestroyObject(session, open), CKR_OK);
        }
        CHECK(!hsm_file(0xcf03) && !hsm_file(0xc903) && !hsm_file(0xcd02) && !hsm_file(0xc902));
        scene_end();
    }
}

static void hsm_leave(unsigned fid, size_t n)
{
    static uint8_t rubbish[600];
    memset(rubbish, 0x30, sizeof rubbish);
    sim_fs_ef((struct sim_fs *)scene_card, NULL, (uint16_t)fid, rubbish, n, 0);
}

// What a broken-off change has left goes with the next one, and is not taken for what comes there.
TEST(write_schsm_what_was_left)
{
    CK_OBJECT_HANDLE made;
    hsm_begin(&(struct sim_schsm_options){ .two = true, .keeps_ends = true });
    if (test_failing) return;
    hsm_leave(0xc403, 600);
    hsm_leave(0xce03, 600);
    hsm_leave(0xca01, 600);
    hsm_leave(0xcf01, 600);
    CHECK_RV(make(&makes[P_256], 0x30), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(0x31, &made), CKR_OK);
    CHECK_RV(hsm_store("Open", false, text, sizeof text, &made), CKR_OK);
    CHECK(hsm_file(0xce03)->data_len < 590);
    CHECK_EQ(hsm_file(0xca01)->data_len, certificate_n);
    CHECK_EQ(hsm_file(0xcf01)->data_len, sizeof text);
    hsm_meet_anew("123456");
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 0x30, &made), CKR_OK);
    CHECK_EQ(attribute(made, CKA_PUBLIC_KEY_INFO, out, sizeof out), 91);
    // A certificate that is shorter than the request has zeros behind it.
    CHECK(certificate_n < hsm_file(0xce03)->data_len);
    CHECK_RV(store_certificate(0x30, &made), CKR_OK);
    CHECK_EQ(attribute(made, CKA_VALUE, out, sizeof out), certificate_n);
    for (size_t i = certificate_n; i < hsm_file(0xce03)->data_len; i++)
        CHECK(!hsm_file(0xce03)->data[i]);
    scene_end();
}

// A firmware that describes new keys in its own words is corrected.
TEST(write_schsm_firmware_that_describes_keys)
{
    CK_OBJECT_HANDLE key;
    hsm_begin(&(struct sim_schsm_options){ .two = true, .own_entries = true });
    if (test_failing) return;
    CHECK_RV(make(&makes[RSA_2048], 0x30), CKR_OK);
    hsm_meet_anew("123456");
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x30, &key), CKR_OK);
    CHECK(key);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);        // what it would be: its
    CHECK(key);                                                             // EC key has that
    CHECK_EQ(count(CKO_PRIVATE_KEY), 3);
    scene_end();
}

// A key that was used up signs no request for itself: then its certificate goes all the same.
TEST(write_schsm_key_that_was_used_up)
{
    CK_OBJECT_HANDLE made, key;
    for (int i = 0; i < 2 && !test_failing; i++) {
        hsm_begin(&(struct sim_schsm_options){ .two = true, .uses = 1, .cardcontact = i });
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        out_len = sizeof out;
        CHECK_RV(scene_sign(session, key, CKM_SHA256_RSA_PKCS, text, sizeof text, out, &out_len),
                 CKR_OK);
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, 1, &made), CKR_OK);
        CHECK_RV(C_DestroyObject(session, made), CKR_OK);
        CHECK(!hsm_file(0xce01) && hsm_file(0xcc01));
        CHECK_EQ(count(CKO_CERTIFICATE), 1);
        scene_end();
    }
}

#define RUN_WRITE_SCHSM()                                                                        \
    RUN(write_schsm_begun_anew_by_its_so_alone);                                                 \
    RUN(write_schsm_begun_anew_is_broken_off);                                                   \
    RUN(write_schsm_aes_keys);                                                                   \
    RUN(write_schsm_certificates);                                                               \
    RUN(write_schsm_data);                                                                       \
    RUN(write_schsm_what_was_left);                                                              \
    RUN(write_schsm_firmware_that_describes_keys);                                               \
    RUN(write_schsm_key_that_was_used_up)

#endif
