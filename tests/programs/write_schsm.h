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
        meet_anew("123456");
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
        fired = broken_off(rv);
        meet_anew(NULL);
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
    meet_anew("123456");
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
    meet_anew("123456");
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

// A card that reads what stands in a certificate's place without an end: nothing of that is written over.
static size_t (*hsm_apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);

static size_t hsm_endless(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    bool certificate_read = cmd[1] == 0xb1 && cmd[2] == 0xce, extended = n > 7 && !cmd[4];
    size_t most = extended ? 65536 : 256;
    if (!certificate_read || room < most + 2) return hsm_apdu(card, cmd, n, rsp, room);
    memset(rsp, 0x30, most);
    memcpy(rsp, (const uint8_t[]){ 0x30, 3, 2, 1, 0 }, 5);
    memcpy(rsp + most, (const uint8_t[]){ 0x90, 0 }, 2);
    return most + 2;
}

TEST(write_schsm_a_certificate_in_the_place_of_what_has_no_end)
{
    CK_OBJECT_HANDLE made;
    hsm_begin(&(struct sim_schsm_options){ .two = true });
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 0x30), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    unsigned before = hsm_file(0xce03)->data[1];
    hsm_apdu = scene_card->apdu;
    scene_card->apdu = hsm_endless;
    CHECK_RV(store_certificate(0x30, &made), CKR_DEVICE_ERROR);
    scene_card->apdu = hsm_apdu;
    CHECK(hsm_file(0xce03) && hsm_file(0xce03)->data[1] == before);
    CHECK_RV(store_certificate(0x30, &made), CKR_OK);
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
        meet_anew(NULL);
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
    meet_anew("123456");
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

static unsigned hsm_keys(void)
{
    unsigned n = 0;
    for (unsigned fid = 0xcc00; fid < 0xcd00; fid++) n += hsm_file(fid) != NULL;
    return n;
}

// A pair is there with both its halves or not at all, and what is left of it goes with the next.
TEST(write_schsm_pair_that_was_never_ended)
{
    bool fired = true, left = false;
    for (unsigned n = 1; fired && !test_failing; n++) {
        CK_OBJECT_HANDLE key = 0;
        hsm_begin(&(struct sim_schsm_options){ .two = true });
        if (test_failing) return;
        unsigned keys = hsm_keys();
        sim_reader_fault(SIM_EJECT, n, NULL);
        fired = broken_off(make(&makes[P_256], 0x30));
        meet_anew("123456");
        if (test_failing) return;
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x30, &key), CKR_OK);
        left = left || (hsm_keys() > keys && !key);
        if (key) {
            CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 0x30, &key), CKR_OK);
            CHECK_EQ(attribute(key, CKA_PUBLIC_KEY_INFO, out, sizeof out), 91);
        }
        CHECK_RV(make(&makes[P_256], 0x31), CKR_OK);
        CHECK_EQ(hsm_keys(), keys + 1 + (key != 0));
        scene_end();
    }
    CHECK(left);
}

// A firmware that describes new keys in its own words is corrected.
TEST(write_schsm_firmware_that_describes_keys)
{
    CK_OBJECT_HANDLE key;
    hsm_begin(&(struct sim_schsm_options){ .two = true, .own_entries = true });
    if (test_failing) return;
    CHECK_RV(make(&makes[RSA_2048], 0x30), CKR_OK);
    meet_anew("123456");
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

// ---- Keys that leave wrapped ----

#define HSM_DKEK  "a share of thirty two bytes, one"
#define HSM_OTHER "a share of thirty two bytes, two"

static CK_BYTE hsm_blob[8192];
static CK_ULONG hsm_blob_n;

static CK_RV hsm_wrap(CK_OBJECT_HANDLE key)
{
    CK_MECHANISM m = { SCARD11_CKM_CARD_WRAP, NULL, 0 };
    CK_ULONG n = sizeof hsm_blob;
    CK_RV rv = C_WrapKey(session, &m, CK_INVALID_HANDLE, key, hsm_blob, &n);
    if (!rv) hsm_blob_n = n;
    return rv;
}

// What was wrapped comes in; id 0, name NULL: with those that it had.
static CK_RV hsm_unwrap_as(CK_OBJECT_CLASS class, CK_BYTE id, const char *name, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM m = { SCARD11_CKM_CARD_WRAP, NULL, 0 };
    CK_ATTRIBUTE a[4] = { { CKA_TOKEN, &yes, 1 }, { CKA_CLASS, &class, sizeof class } };
    CK_ULONG count_of = 2;
    if (id) a[count_of++] = (CK_ATTRIBUTE){ CKA_ID, &id, 1 };
    if (name) a[count_of++] = (CK_ATTRIBUTE){ CKA_LABEL, (void *)(uintptr_t)name, strlen(name) };
    *key = 0;
    return C_UnwrapKey(session, &m, CK_INVALID_HANDLE, hsm_blob, n, a, count_of, key);
}

static CK_RV hsm_unwrap(CK_OBJECT_HANDLE *key)
{
    return hsm_unwrap_as(CKO_PRIVATE_KEY, 0, NULL, hsm_blob_n, key);
}

// Does a key sign so that the public key of before verifies it?
static bool hsm_signs(CK_OBJECT_HANDLE key, const uint8_t *spki, size_t spki_n)
{
    mbedtls_pk_context pk;
    uint8_t hash[32], der[160];
    mbedtls_sha256(text, sizeof text, hash, 0);
    mbedtls_pk_init(&pk);
    bool good = !mbedtls_pk_parse_public_key(&pk, spki, spki_n);
    bool rsa = good && mbedtls_pk_can_do(&pk, MBEDTLS_PK_RSA);
    out_len = sizeof out;
    good = good && !scene_sign(session, key, rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, text, sizeof text,
                               out, &out_len);
    size_t n = good && !rsa ? scene_der(out, out_len, der) : 0;
    good = good && !mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, 32, rsa ? out : der, rsa ? out_len : n);
    mbedtls_pk_free(&pk);
    return good;
}

// Nothing of a key of the number is on the card, nor what it would be made of.
static void hsm_has_none(unsigned number)
{
    CHECK(!hsm_file(0xcc00 + number) && !hsm_file(0xc400 + number) && !hsm_file(0xce00 + number));
    CHECK(!hsm_file(0x2f10));
}

// What another pair has is nobody else's: not a new key's, nor one's that is changed or comes in again.
TEST(write_schsm_ids_of_other_keys)
{
    CK_BYTE id = 3;
    CK_ATTRIBUTE change = { CKA_ID, &id, 1 };
    CK_OBJECT_HANDLE key;
    hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = HSM_DKEK });
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 3), CKR_ATTRIBUTE_VALUE_INVALID);  // nothing was searched for before
    hsm_has_none(3);
    CHECK_RV(make(&makes[P_256], 0x30), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, private_key, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(C_SetAttributeValue(session, public_key, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(id_of(private_key), 0x30);
    id = 0x30;
    CHECK_RV(C_SetAttributeValue(session, private_key, &change, 1), CKR_OK);     // its own
    id = 0x31;
    CHECK_RV(C_SetAttributeValue(session, public_key, &change, 1), CKR_OK);
    CHECK(id_of(private_key) == 0x31 && id_of(public_key) == 0x31);
    CHECK_RV(hsm_wrap(private_key), CKR_OK);
    CHECK_RV(hsm_unwrap(&key), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 3, NULL, hsm_blob_n, &key), CKR_ATTRIBUTE_VALUE_INVALID);
    hsm_has_none(4);
    CHECK_RV(make(&makes[P_256], 0x30), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 4);
    scene_end();
}

TEST(write_schsm_ids_of_aes_keys)
{
    CK_BYTE id = 0x21;
    CK_ATTRIBUTE change = { CKA_ID, &id, 1 };
    CK_OBJECT_HANDLE key, other;
    hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = HSM_DKEK });
    if (test_failing) return;
    CHECK_RV(hsm_make_aes(16, 0x21, &key), CKR_OK);
    meet_anew("123456");                                    // nothing was searched for before
    CHECK_RV(hsm_make_aes(16, 0x21, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(hsm_make_aes(16, 3, &other), CKR_ATTRIBUTE_VALUE_INVALID);     // a pair's
    CHECK_RV(make(&makes[P_256], 0x21), CKR_ATTRIBUTE_VALUE_INVALID);
    hsm_has_none(4);
    CHECK_RV(hsm_make_aes(16, 0x22, &other), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, other, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(scene_find(session, CKO_SECRET_KEY, 0x21, &key), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, key, &change, 1), CKR_OK);        // its own
    CHECK_RV(hsm_wrap(key), CKR_OK);
    CHECK_RV(hsm_unwrap_as(CKO_SECRET_KEY, 0, NULL, hsm_blob_n, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(hsm_unwrap_as(CKO_SECRET_KEY, 0x22, NULL, hsm_blob_n, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(hsm_unwrap_as(CKO_SECRET_KEY, 0x23, NULL, hsm_blob_n, &other), CKR_OK);
    CHECK_EQ(count(CKO_SECRET_KEY), 3);
    scene_end();
}

// Wrapped, destroyed, and in again: the same key, with its certificate or without one; then once more
// on another card.
TEST(write_schsm_keys_leave_wrapped)
{
    static const CK_BYTE ids[] = { 1, 3, 4, 6 };    // RSA and P-256 with certificates, P-384 and RSA
    static uint8_t spki[600], again[600];
    CK_OBJECT_HANDLE key, other, public, cert;
    char is[40];
    for (unsigned i = 0; i < 8 && !test_failing; i++) {
        struct sim_schsm_options o = { .cardcontact = i % 2, .dkek = HSM_DKEK, .keeps_ends = i % 4 > 1,
                                       .own_entries = i % 4 == 2 };
        CK_BYTE id = ids[i / 2];
        hsm_begin(&o);
        CK_ULONG keys = count(CKO_PUBLIC_KEY), certs = count(CKO_CERTIFICATE);
        CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, id, &public), CKR_OK);
        size_t n = attribute(public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 5, &other), CKR_OK);
        CHECK(n && !is_true(key, CKA_EXTRACTABLE));
        CHECK_RV(hsm_wrap(key), CKR_OK);
        CHECK(is_true(other, CKA_PRIVATE));
        CHECK_RV(C_DestroyObject(session, key), CKR_OK);
        CHECK_RV(hsm_unwrap(&key), CKR_OK);
        CHECK_EQ(id_of(key), id);
        CHECK(is_true(other, CKA_PRIVATE) && id_of(other) == 5 && !hsm_file(0x2f10));
        CHECK(hsm_signs(key, spki, n));
        CHECK_EQ(count(CKO_PUBLIC_KEY), keys);
        CHECK_EQ(count(CKO_CERTIFICATE), certs);
        CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, id, &public), CKR_OK);
        CHECK(attribute(public, CKA_PUBLIC_KEY_INFO, again, sizeof again) == n && !memcmp(again, spki, n));
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, "Twice", hsm_blob_n, &key), CKR_OK);
        CHECK(id_of(key) == 0x31 && attribute(key, CKA_LABEL, is, sizeof is) == 5);
        meet_anew("123456");
        CHECK_EQ(count(CKO_PUBLIC_KEY), keys + 1);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x31, &key), CKR_OK);
        CHECK(attribute(key, CKA_LABEL, is, sizeof is) == 5 && !memcmp(is, "Twice", 5));
        CHECK(hsm_signs(key, spki, n));
        scene_end();
        o.second = true;
        hsm_begin(&o);
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x30, NULL, hsm_blob_n, &key), CKR_OK);
        meet_anew("123456");
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x30, &key), CKR_OK);
        CHECK(hsm_signs(key, spki, n));
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, 0x30, &cert), CKR_OK);
        CHECK_EQ(!!cert, id < 4);
        scene_end();
    }
}

TEST(write_schsm_aes_keys_leave_wrapped)
{
    static const CK_BYTE sixteen[] = "sixteen letters";
    CK_OBJECT_HANDLE key;
    CK_BYTE iv[16] = { 0 }, before[16], after[16];
    CK_MECHANISM m = { CKM_AES_CBC, iv, 16 };
    hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = HSM_DKEK });
    CHECK_RV(hsm_make_aes(32, 0x21, &key), CKR_OK);
    for (int i = 0; i < 2 && !test_failing; i++) {
        CK_ULONG n = 16;
        CHECK_RV(C_EncryptInit(session, &m, key), CKR_OK);
        CHECK_RV(C_Encrypt(session, (CK_BYTE *)(uintptr_t)sixteen, 16, i ? after : before, &n), CKR_OK);
        if (i) break;
        CHECK_RV(hsm_wrap(key), CKR_OK);
        CHECK_RV(C_DestroyObject(session, key), CKR_OK);
        CHECK_RV(hsm_unwrap(&key), CKR_TEMPLATE_INCONSISTENT);
        CHECK_RV(hsm_unwrap_as(CKO_SECRET_KEY, 0, NULL, hsm_blob_n, &key), CKR_OK);
    }
    CHECK(!memcmp(before, after, 16) && id_of(key) == 0x21);
    scene_end();
}

// What the calls ask for, and cards without the key that wraps.
TEST(write_schsm_cards_that_do_not_wrap)
{
    CK_OBJECT_HANDLE key, public;
    CK_MECHANISM m = { SCARD11_CKM_CARD_WRAP, NULL, 0 };
    CK_ULONG n = 0;
    CK_BYTE few[8];
    hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = HSM_DKEK });
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public), CKR_OK);
    CHECK_RV(hsm_wrap(public), CKR_KEY_NOT_WRAPPABLE);
    CHECK_RV(C_WrapKey(session, &m, key, key, few, &n), CKR_WRAPPING_KEY_HANDLE_INVALID);
    CHECK_RV(C_WrapKey(session, &m, 0, key, NULL, &n), CKR_OK);
    CHECK(n > 900);
    n = sizeof few;
    CHECK_RV(C_WrapKey(session, &m, 0, key, few, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_RV(hsm_wrap(key), CKR_OK);
    CHECK(n > sizeof few && hsm_blob_n == n);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK(hsm_wrap(key) != CKR_OK);
    CHECK_RV(hsm_unwrap(&key), CKR_USER_NOT_LOGGED_IN);
    scene_end();
    for (int i = 0; i < 3 && !test_failing; i++) {
        hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = i == 2 ? HSM_OTHER : i ? HSM_DKEK : NULL,
                                               .share_missing = i == 1 });
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, hsm_blob_n, &key),
                 i == 2 ? CKR_WRAPPED_KEY_INVALID : CKR_FUNCTION_FAILED);
        hsm_has_none(3);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
        CHECK_RV(hsm_wrap(key), i == 2 ? CKR_OK : CKR_KEY_NOT_WRAPPABLE);
        CHECK_EQ(count(CKO_PRIVATE_KEY), 2);
        CHECK_EQ(count(CKO_CERTIFICATE), 2);
        scene_end();
    }
}

// A wrapped key that was cut, changed or lengthened is none, and leaves nothing.
TEST(write_schsm_wrapped_keys_that_are_none)
{
    static CK_BYTE whole[sizeof hsm_blob];
    CK_OBJECT_HANDLE key;
    hsm_begin(&(struct sim_schsm_options){ .dkek = HSM_DKEK });
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 4, &key), CKR_OK);
    CHECK_RV(hsm_wrap(key), CKR_OK);
    memcpy(whole, hsm_blob, sizeof whole);
    CK_ULONG n = hsm_blob_n, keys = count(CKO_PRIVATE_KEY);
    size_t blob = (size_t)(whole[6] << 8 | whole[7]);
    CHECK(whole[0] == 0x30 && whole[1] == 0x82 && whole[4] == 4 && whole[5] == 0x82);
    for (CK_ULONG i = 0; i < n && !test_failing; i += i < 40 ? 1 : 17)
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, i, &key), CKR_WRAPPED_KEY_INVALID);
    for (size_t i = 0; i < 8 + blob && !test_failing; i += i < 32 ? 1 : 13) {
        memcpy(hsm_blob, whole, n);
        hsm_blob[i] ^= 0x41;
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, n, &key), CKR_WRAPPED_KEY_INVALID);
        hsm_has_none(8);
    }
    memcpy(hsm_blob, whole, n);
    hsm_blob[8 + blob] = 0x31;                      // no entry of a key's
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, n, &key), CKR_WRAPPED_KEY_INVALID);
    hsm_blob[8 + blob] = 0x30;                      // of RSA's: then its request does not fit
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x32, NULL, n, &key), CKR_WRAPPED_KEY_INVALID);
    hsm_has_none(8);
    memcpy(hsm_blob, whole, n);
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, n + 1, &key), CKR_WRAPPED_KEY_INVALID);
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, sizeof hsm_blob, &key), CKR_WRAPPED_KEY_LEN_RANGE);
    CHECK_RV(hsm_unwrap_as(CKO_SECRET_KEY, 0, NULL, n, &key), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(hsm_unwrap_as(CKO_CERTIFICATE, 0, NULL, n, &key), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(count(CKO_PRIVATE_KEY), keys);
    CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, n, &key), CKR_OK);
    scene_end();
}

// Where a part of a wrapped key begins: what the card gave, the key's entry, its certificate or request.
static size_t hsm_part(const CK_BYTE *wrapped, int part)
{
    size_t at = 4;                                  // 30 82 and a length
    while (part--) {
        const CK_BYTE *p = wrapped + at;
        size_t more = p[0] == 0x7f ? 1 : 0, n = p[1 + more];
        if (n == 0x81) n = p[2 + more] + 1u;
        if (p[1 + more] == 0x82) n = (size_t)(p[2 + more] << 8 | p[3 + more]) + 2;
        at += 2 + more + n;
    }
    return at;
}

// What came with a key is another key's: a certificate, or a request. Nothing is left of it.
TEST(write_schsm_wrapped_with_what_is_another_key_s)
{
    static const CK_BYTE ids[][2] = { { 1, 6 }, { 6, 1 }, { 3, 1 }, { 1, 3 } };
    static CK_BYTE other[sizeof hsm_blob];
    CK_OBJECT_HANDLE key;
    hsm_begin(&(struct sim_schsm_options){ .dkek = HSM_DKEK });
    for (int i = 0; i < 4 && !test_failing; i++) {
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, ids[i][1], &key), CKR_OK);
        CHECK_RV(hsm_wrap(key), CKR_OK);
        memcpy(other, hsm_blob, sizeof other);
        size_t from = hsm_part(other, 2), n = hsm_blob_n - from;
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, ids[i][0], &key), CKR_OK);
        CHECK_RV(hsm_wrap(key), CKR_OK);
        size_t at = hsm_part(hsm_blob, 2);
        memcpy(hsm_blob + at, other + from, n);
        hsm_blob[2] = (CK_BYTE)((at + n - 4) >> 8);
        hsm_blob[3] = (CK_BYTE)(at + n - 4);
        CK_ULONG keys = count(CKO_PRIVATE_KEY), certificates = count(CKO_CERTIFICATE);
        CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x31, NULL, at + n, &key), CKR_WRAPPED_KEY_INVALID);
        hsm_has_none(8);
        CHECK_EQ(count(CKO_PRIVATE_KEY), keys);
        CHECK_EQ(count(CKO_CERTIFICATE), certificates);
    }
    scene_end();
}

// Broken off at any command, there is the key, whole, or none; and it comes in the next time.
TEST(write_schsm_unwrapping_is_broken_off)
{
    static uint8_t spki[600];
    CK_OBJECT_HANDLE key, public;
    bool fired = true;
    for (unsigned n = 1; fired && !test_failing; n++) {
        hsm_begin(&(struct sim_schsm_options){ .two = true, .dkek = HSM_DKEK, .cardcontact = n % 4 > 1 });
        CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &public), CKR_OK);
        size_t spki_n = attribute(public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 3, &key), CKR_OK);
        CHECK_RV(hsm_wrap(key), CKR_OK);
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, (n + 1) / 2, NULL);
        CK_RV rv = hsm_unwrap_as(CKO_PRIVATE_KEY, 0x30, NULL, hsm_blob_n, &key);
        fired = sim_reader_fired();
        CHECK_RV(rv, fired ? CKR_DEVICE_REMOVED : CKR_OK);
        meet_anew("123456");
        CK_ULONG keys = count(CKO_PRIVATE_KEY);
        CHECK(keys == 2 || keys == 3);
        CHECK_EQ(count(CKO_PUBLIC_KEY), keys);
        if (keys == 2) CHECK_RV(hsm_unwrap_as(CKO_PRIVATE_KEY, 0x30, NULL, hsm_blob_n, &key), CKR_OK);
        CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x30, &key), CKR_OK);
        CHECK(hsm_signs(key, spki, spki_n));
        CHECK_EQ(count(CKO_CERTIFICATE), 3);
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
    RUN(write_schsm_pair_that_was_never_ended);                                                  \
    RUN(write_schsm_firmware_that_describes_keys);                                               \
    RUN(write_schsm_key_that_was_used_up);                                                       \
    RUN(write_schsm_ids_of_other_keys);                                                          \
    RUN(write_schsm_ids_of_aes_keys);                                                            \
    RUN(write_schsm_keys_leave_wrapped);                                                         \
    RUN(write_schsm_aes_keys_leave_wrapped);                                                     \
    RUN(write_schsm_cards_that_do_not_wrap);                                                     \
    RUN(write_schsm_a_certificate_in_the_place_of_what_has_no_end);                               \
    RUN(write_schsm_wrapped_keys_that_are_none);                                                 \
    RUN(write_schsm_wrapped_with_what_is_another_key_s);                                         \
    RUN(write_schsm_unwrapping_is_broken_off)

#endif
