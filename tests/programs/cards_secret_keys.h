// cards_secret_keys.h: what cards.c checks of secret keys on a card: attributes, mechanisms, AES and
// 3DES against mbedTLS at once and in parts, CMAC, wrapping, what is refused, logins that end meanwhile,
// two cards. SPDX-License-Identifier: 0BSD
#ifndef CARDS_SECRET_H
#define CARDS_SECRET_H

#include <mbedtls/aes.h>
#include <mbedtls/des.h>
#include <psa/crypto.h>

enum { SECRET_ECB, SECRET_CBC, SECRET_PAD };

static uint8_t long_text[5000], cryptogram[5100], turned[5100];
static const CK_BYTE secret_iv[16] = "an IV of 16 byte";

// ---- What mbedTLS makes of it ----

static CK_ULONG secret_block(const struct cards_secret *k) { return k->type == CKK_AES ? 16 : 8; }

// One block, in ECB.
static void host_block(const struct cards_secret *k, const uint8_t *key, size_t key_n,
                       const uint8_t *in, uint8_t *to)
{
    mbedtls_aes_context aes;
    mbedtls_des3_context des;
    uint8_t three[24];
    if (k->type == CKK_AES) {
        mbedtls_aes_init(&aes);
        if (mbedtls_aes_setkey_enc(&aes, key, (unsigned)key_n * 8)) abort();
        mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, in, to);
        mbedtls_aes_free(&aes);
        return;
    }
    for (size_t i = 0; i < 24; i++) three[i] = key[i % key_n];
    mbedtls_des3_init(&des);
    mbedtls_des3_set3key_enc(&des, three);
    mbedtls_des3_crypt_ecb(&des, in, to);
    mbedtls_des3_free(&des);
}

// n bytes with a key of a card. Returns the length.
static CK_ULONG host_encrypt(const struct cards_secret *k, unsigned card, int mode,
                             const uint8_t *in, size_t n, uint8_t *to)
{
    uint8_t key[32], one[16];
    size_t key_n = kind->secret_value(k->id, card, key), block = secret_block(k);
    size_t pad = mode == SECRET_PAD ? block - n % block : 0;
    for (size_t at = 0; at < n + pad; at += block) {
        for (size_t i = 0; i < block; i++) {
            one[i] = at + i < n ? in[at + i] : (uint8_t)pad;
            if (mode != SECRET_ECB) one[i] ^= at ? to[at - block + i] : secret_iv[i];
        }
        host_block(k, key, key_n, one, to + at);
    }
    return n + pad;
}

// The CMAC of n bytes with a key of a card, by PSA.
static bool host_mac(const struct cards_secret *k, unsigned card, const uint8_t *in, size_t n,
                     uint8_t mac[16])
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id;
    uint8_t key[32];
    size_t key_n = kind->secret_value(k->id, card, key), mac_n = 0;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_AES);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&attributes, PSA_ALG_CMAC);
    if (psa_crypto_init() || psa_import_key(&attributes, key, key_n, &id)) return false;
    bool done = !psa_mac_compute(id, PSA_ALG_CMAC, in, n, mac, 16, &mac_n);
    psa_destroy_key(id);
    return done && mac_n == 16;
}

// ---- A key of the card ----

static CK_MECHANISM secret_mechanism(const struct cards_secret *k, int mode)
{
    static const CK_MECHANISM_TYPE types[2][3] = {
        { CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD },
        { CKM_DES3_ECB, CKM_DES3_CBC, CKM_DES3_CBC_PAD } };
    CK_MECHANISM m = { types[k->type != CKK_AES][mode], NULL, 0 };
    if (mode == SECRET_ECB) return m;
    m.pParameter = (CK_BYTE_PTR)(uintptr_t)secret_iv;
    m.ulParameterLen = secret_block(k);
    return m;
}

static CK_RV secret_of(unsigned card, const struct cards_secret *k, CK_OBJECT_HANDLE *key)
{
    CK_RV rv = scene_find(sessions[card], CKO_SECRET_KEY, k->id, key);
    return rv ? rv : *key ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

// All of n bytes at once, either way.
static CK_RV secret_once(unsigned card, const struct cards_secret *k, int mode, bool decrypt,
                         const uint8_t *in, CK_ULONG n, CK_ULONG *len)
{
    CK_MECHANISM m = secret_mechanism(k, mode);
    CK_SESSION_HANDLE h = sessions[card];
    CK_BYTE_PTR p = (CK_BYTE_PTR)(uintptr_t)in;
    CK_OBJECT_HANDLE key;
    CK_RV rv = secret_of(card, k, &key);
    if (!rv) rv = (decrypt ? C_DecryptInit : C_EncryptInit)(h, &m, key);
    *len = sizeof turned;
    return rv ? rv : (decrypt ? C_Decrypt : C_Encrypt)(h, p, n, turned, len);
}

// The first of a type, or of AES where the card has no such; NULL: none.
static const struct cards_secret *secret_for(CK_KEY_TYPE type)
{
    for (unsigned i = 0; i < CARDS_SECRETS; i++)
        if (kind->secrets[i].id && kind->secrets[i].type == type) return &kind->secrets[i];
    return type == CKK_AES ? NULL : secret_for(CKK_AES);
}

static unsigned secrets_of(void)
{
    unsigned n = 0;
    while (n < CARDS_SECRETS && kind->secrets[n].id) n++;
    return n;
}

// ---- Attributes and mechanisms ----

static void check_secret_flag(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, bool want)
{
    CK_BBOOL v = 7;
    CK_ATTRIBUTE a = { type, &v, 1 };
    if (test_failing) return;
    CHECK_RV(C_GetAttributeValue(sessions[0], key, &a, 1), CKR_OK);
    CHECK_EQ(v, want);
}

static void check_secret_flags(const struct cards_secret *k, CK_OBJECT_HANDLE key)
{
    static const CK_ATTRIBUTE_TYPE yes[] = { CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_ENCRYPT,
        CKA_DECRYPT }, life[] = { CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE },
        no[] = { CKA_EXTRACTABLE, CKA_DERIVE, CKA_COPYABLE, CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) check_secret_flag(key, yes[i], true);
    for (size_t i = 0; i < sizeof life / sizeof *life; i++)
        check_secret_flag(key, life[i], !kind->silent_secrets);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) check_secret_flag(key, no[i], false);
    check_secret_flag(key, CKA_MODIFIABLE, kind->writes_secrets);
    check_secret_flag(key, CKA_DESTROYABLE, kind->writes_secrets);
    check_secret_flag(key, CKA_WRAP, k->wraps);
    check_secret_flag(key, CKA_UNWRAP, k->wraps);
    check_secret_flag(key, CKA_SIGN, k->signs);
    check_secret_flag(key, CKA_VERIFY, k->signs);
}

static void check_secret_object(const struct cards_secret *k)
{
    CK_KEY_TYPE type = 0;
    CK_ULONG len = 0;
    CK_MECHANISM_TYPE allowed[8];
    CK_BYTE id = 0, value[64];
    char label[40];
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE a[] = { { CKA_KEY_TYPE, &type, sizeof type }, { CKA_VALUE_LEN, &len, sizeof len },
                         { CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed }, { CKA_ID, &id, 1 },
                         { CKA_LABEL, label, sizeof label }, { CKA_START_DATE, value, 8 } };
    CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value }, check = { CKA_CHECK_VALUE, value, 3 };
    if (test_failing) return;
    CHECK_RV(secret_of(0, k, &key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(sessions[0], key, a, 6), CKR_OK);
    CHECK_EQ(type, k->type);
    CHECK_EQ(len, kind->secret_value(k->id, false, value));
    CHECK_EQ(id, k->id);
    CHECK(a[4].ulValueLen == strlen(k->label) && !memcmp(label, k->label, a[4].ulValueLen));
    unsigned macs = k->signs ? 2 : 0;
    CHECK_EQ(a[2].ulValueLen, (3 + macs) * sizeof *allowed);
    CHECK(!macs || (allowed[0] == CKM_AES_CMAC && allowed[1] == CKM_AES_CMAC_GENERAL));
    for (unsigned mode = 0; mode < 3; mode++)
        CHECK_EQ(allowed[macs + mode], secret_mechanism(k, (int)mode).mechanism);
    CHECK_EQ(a[5].ulValueLen, 0);
    check_secret_flags(k, key);
    if (test_failing) return;
    CHECK_RV(C_GetAttributeValue(sessions[0], key, &v, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_RV(C_GetAttributeValue(sessions[0], key, &check, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}

// What the slot says of its mechanisms: 3DES is there where a card does it, AES always.
static void check_secret_mechanisms(void)
{
    static const CK_MECHANISM_TYPE des[] = { CKM_DES3_ECB, CKM_DES3_CBC, CKM_DES3_CBC_PAD },
        aes[] = { CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD };
    bool card = kind->does_secrets, card_des = kind->does_des3;
    CK_MECHANISM_INFO info;
    for (size_t i = 0; i < 3 && !test_failing; i++) {
        CK_FLAGS both = CKF_ENCRYPT | CKF_DECRYPT | (i == 2 ? CKF_WRAP | CKF_UNWRAP : 0);
        CHECK_RV(C_GetMechanismInfo(slots[0][0], des[i], &info),
                 card_des ? CKR_OK : CKR_MECHANISM_INVALID);
        if (card_des) CHECK(info.flags == (CKF_HW | both) && info.ulMinKeySize == 16 &&
                        info.ulMaxKeySize == 24);
        CHECK_RV(C_GetMechanismInfo(slots[0][0], aes[i], &info), CKR_OK);
        CHECK(info.flags == ((card ? CKF_HW : 0) | both));
        CHECK(info.ulMinKeySize == 16 && info.ulMaxKeySize == 32);
    }
    if (test_failing) return;
    CHECK_RV(C_GetMechanismInfo(slots[0][0], CKM_AES_CTR, &info), CKR_OK);
    CHECK(!(info.flags & CKF_HW));                      // no card does that
    for (CK_MECHANISM_TYPE mac = CKM_AES_CMAC; mac <= CKM_AES_CMAC_GENERAL; mac++) {
        CHECK_RV(C_GetMechanismInfo(slots[0][0], mac, &info), CKR_OK);
        CHECK(info.flags == ((kind->does_macs ? CKF_HW : 0) | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN |
                             CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE));
        CHECK(info.ulMinKeySize == 16 && info.ulMaxKeySize == 32);
    }
}

TEST(cards_secrets_list)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE aes = CKK_AES;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &aes, sizeof aes } };
    CK_ULONG n = 0, want = 0;
    begin(1);
    check_secret_mechanisms();
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_EQ(count_of(0, CKO_SECRET_KEY), 0);           // private
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_EQ(count_of(0, CKO_SECRET_KEY), secrets_of());
    for (unsigned i = 0; i < secrets_of(); i++) {
        check_secret_object(&kind->secrets[i]);
        want += kind->secrets[i].type == CKK_AES;
    }
    if (test_failing) return;
    CHECK_RV(scene_count(sessions[0], t, 2, &n), CKR_OK);
    CHECK_EQ(n, want);
    end();
}

// ---- At work ----

// Other programs use our application meanwhile: with another DF, or another key and IV; or they
// leave a chain open.
static void disturb(unsigned card, CK_ULONG turn)
{
    static const uint8_t own_iv[] = { 0x00, 0x22, 0x81, 0xb8, 28, 0x80, 1, 0, 0x81, 2, 0x4d, 0x01,
        0x83, 1, 0, 0x87, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    static const uint8_t mf[] = { 0x00, 0xa4, 0x00, 0x00, 0x02, 0x3f, 0x00 };
    static const uint8_t open_chain[] = { 0x10, 0x2a, 0x84, 0x80, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        11, 12, 13, 14, 15, 16, 0 };
    static uint8_t rsp[300];
    if (turn % 4 == 1) cards[card]->apdu(cards[card], mf, sizeof mf, rsp, sizeof rsp);
    if (turn % 4 > 1) cards[card]->apdu(cards[card], own_iv, sizeof own_iv, rsp, sizeof rsp);
    if (turn % 4 == 3)
        cards[card]->apdu(cards[card], open_chain, sizeof open_chain, rsp, sizeof rsp);
}

static void check_at_once(unsigned card, const struct cards_secret *k, int mode, CK_ULONG n)
{
    CK_MECHANISM m = secret_mechanism(k, mode);
    CK_SESSION_HANDLE h = sessions[card];
    CK_OBJECT_HANDLE key;
    CK_ULONG len, whole = host_encrypt(k, card, mode, long_text, n, cryptogram);
    CHECK_RV(secret_of(card, k, &key), CKR_OK);
    CHECK_RV(C_EncryptInit(h, &m, key), CKR_OK);
    CHECK_RV(C_Encrypt(h, long_text, n, NULL, &len), CKR_OK);
    CHECK_EQ(len, whole);
    len = whole ? whole - 1 : 0;
    if (whole) CHECK_RV(C_Encrypt(h, long_text, n, turned, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, whole);
    CHECK_RV(C_Encrypt(h, long_text, n, turned, &len), CKR_OK);
    CHECK(len == whole && !memcmp(turned, cryptogram, len));
    CHECK_RV(C_DecryptInit(h, &m, key), CKR_OK);
    CHECK_RV(C_Decrypt(h, cryptogram, whole, NULL, &len), CKR_OK);
    CHECK_EQ(len, whole);                               // it cannot be more
    len = n ? n - 1 : 0;
    if (n) CHECK_RV(C_Decrypt(h, cryptogram, whole, turned, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, n);
    CHECK_RV(C_Decrypt(h, cryptogram, whole, turned, &len), CKR_OK);
    CHECK(len == n && !memcmp(turned, long_text, n));
    memcpy(turned, cryptogram, whole);                  // in place
    CHECK_RV(C_DecryptInit(h, &m, key), CKR_OK);
    CHECK_RV(C_Decrypt(h, turned, whole, turned, &len), CKR_OK);
    CHECK(len == n && !memcmp(turned, long_text, n));
}

static void check_in_parts(unsigned card, const struct cards_secret *k, int mode, CK_ULONG n,
                           CK_ULONG part)
{
    CK_MECHANISM m = secret_mechanism(k, mode);
    CK_SESSION_HANDLE h = sessions[card];
    CK_OBJECT_HANDLE key;
    CK_ULONG whole = host_encrypt(k, card, mode, long_text, n, cryptogram);
    for (int decrypt = 0; decrypt < 2 && !test_failing; decrypt++) {
        uint8_t *in = decrypt ? cryptogram : long_text;
        CK_ULONG in_n = decrypt ? whole : n, out_n = decrypt ? n : whole, at = 0, len;
        CHECK_RV(secret_of(card, k, &key), CKR_OK);
        CHECK_RV((decrypt ? C_DecryptInit : C_EncryptInit)(h, &m, key), CKR_OK);
        for (CK_ULONG i = 0; i < in_n; i += part) {
            CK_ULONG now = in_n - i < part ? in_n - i : part, ask = 0;
            CHECK_RV((decrypt ? C_DecryptUpdate : C_EncryptUpdate)(h, in + i, now, NULL, &ask),
                     CKR_OK);
            len = ask;
            CHECK_RV((decrypt ? C_DecryptUpdate : C_EncryptUpdate)(h, in + i, now, turned + at,
                                                                   &len), CKR_OK);
            CHECK_EQ(len, ask);
            at += len;
            disturb(card, i / part);
        }
        len = sizeof turned - at;
        CHECK_RV((decrypt ? C_DecryptFinal : C_EncryptFinal)(h, turned + at, &len), CKR_OK);
        CHECK(at + len == out_n && !memcmp(turned, decrypt ? long_text : cryptogram, out_n));
    }
}

TEST(cards_secrets_work)
{
    static const CK_ULONG blocks[] = { 0, 16, 48, 240, 256, 480, 960, 976, 2000 },
        any[] = { 0, 1, 7, 8, 15, 16, 17, 239, 240, 944, 959, 960, 961, 2001 };
    begin(1);
    for (size_t i = 0; i < sizeof long_text; i++) long_text[i] = (uint8_t)(i * 7 + i / 256);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of() && !test_failing; i++) {
        const struct cards_secret *k = &kind->secrets[i];
        for (int mode = 0; mode < 3 && !test_failing; mode++) {
            size_t n = mode == SECRET_PAD ? sizeof any / sizeof *any
                                          : sizeof blocks / sizeof *blocks;
            for (size_t j = 0; j < n && !test_failing; j++)
                check_at_once(0, k, mode, mode == SECRET_PAD ? any[j] : blocks[j]);
            check_in_parts(0, k, mode, mode == SECRET_PAD ? 201 : 208, 7);
            check_in_parts(0, k, mode, mode == SECRET_PAD ? 1999 : 2000, 16);
            check_in_parts(0, k, mode, 4000, 1000);
            if (test_failing) printf("    key %02x, mode %d\n", k->id, mode);
        }
    }
    end();
}

// What one command of CMAC takes.
#define MAC_MOST (SCARD11_ANSWER > 258 ? 960u : 255u)

// At once and in parts, between which others use the card; and how many commands that costs.
static void check_mac(const struct cards_secret *k, CK_OBJECT_HANDLE key, CK_ULONG n)
{
    CK_MECHANISM m = { CKM_AES_CMAC, NULL, 0 };
    CK_SESSION_HANDLE h = sessions[0];
    CK_BYTE mac[16], made[17];
    CK_ULONG len = 0;
    CHECK(host_mac(k, 0, long_text, n, mac));
    CHECK_RV(C_SignInit(h, &m, key), CKR_OK);
    unsigned at = cards[0]->apdus;
    CHECK_RV(C_Sign(h, long_text, n, NULL, &len), CKR_OK);
    CHECK_EQ(len, 16);
    len = 15;
    CHECK_RV(C_Sign(h, long_text, n, made, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(cards[0]->apdus, at);
    CHECK_RV(C_Sign(h, long_text, n, made, &len), CKR_OK);
    CHECK_EQ(cards[0]->apdus, at + 1);
    CHECK(len == 16 && !memcmp(made, mac, 16));
    CHECK_RV(C_SignInit(h, &m, key), CKR_OK);
    for (CK_ULONG i = 0; i < n; i += 101) {
        CHECK_RV(C_SignUpdate(h, long_text + i, n - i < 101 ? n - i : 101), CKR_OK);
        disturb(0, i / 101);
    }
    CHECK_RV(C_SignFinal(h, made, &len), CKR_OK);
    CHECK(len == 16 && !memcmp(made, mac, 16));
    for (int wrong = 0; wrong < 2; wrong++, mac[n % 16] ^= 1) {
        CK_RV want = wrong ? CKR_SIGNATURE_INVALID : CKR_OK;
        CHECK_RV(C_VerifyInit(h, &m, key), CKR_OK);
        CHECK_RV(C_Verify(h, long_text, n, mac, 16), want);
        CHECK_RV(C_VerifyInit(h, &m, key), CKR_OK);
        if (n) CHECK_RV(C_VerifyUpdate(h, long_text, n), CKR_OK);
        CHECK_RV(C_VerifyFinal(h, mac, 16), want);
    }
    CHECK_RV(C_VerifyInit(h, &m, key), CKR_OK);
    CHECK_RV(C_Verify(h, long_text, n, mac, 15), CKR_SIGNATURE_LEN_RANGE);
}

// As much of the MAC as is asked for; and more data than a command holds, of which the card is told
// nothing.
static void check_mac_lengths(const struct cards_secret *k, CK_OBJECT_HANDLE key)
{
    CK_MAC_GENERAL_PARAMS size = 0;
    CK_MECHANISM m = { CKM_AES_CMAC, NULL, 0 }, part = { CKM_AES_CMAC_GENERAL, &size, sizeof size };
    CK_SESSION_HANDLE h = sessions[0];
    CK_BYTE mac[16], made[17];
    CK_ULONG len;
    CHECK(host_mac(k, 0, long_text, 40, mac));
    for (; size < 18; size++) {
        bool good = size && size <= 16;
        CHECK_RV(C_SignInit(h, &part, key), good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
        if (!good) continue;
        made[len = size] = 0x5a;
        CHECK_RV(C_Sign(h, long_text, 40, made, &len), CKR_OK);
        CHECK(len == size && !memcmp(made, mac, size) && made[size] == 0x5a);
        CHECK_RV(C_VerifyInit(h, &part, key), CKR_OK);
        CHECK_RV(C_Verify(h, long_text, 40, mac, size), CKR_OK);
        CHECK_RV(C_VerifyInit(h, &part, key), CKR_OK);
        CHECK_RV(C_Verify(h, long_text, 41, mac, size), CKR_SIGNATURE_INVALID);
    }
    unsigned at = cards[0]->apdus;
    CHECK_RV(C_SignInit(h, &m, key), CKR_OK);
    len = 16;
    CHECK_RV(C_Sign(h, long_text, MAC_MOST + 1, made, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_Sign(h, long_text, 16, made, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_VerifyInit(h, &m, key), CKR_OK);
    CHECK_RV(C_VerifyUpdate(h, long_text, MAC_MOST), CKR_OK);
    CHECK_RV(C_VerifyUpdate(h, long_text, 1), CKR_OK);
    CHECK_RV(C_VerifyFinal(h, mac, 16), CKR_DATA_LEN_RANGE);
    CHECK_EQ(cards[0]->apdus, at);
}

// CMAC, where a card does it and its key is for that. The others stay what they are.
TEST(cards_secrets_mac)
{
    static const CK_ULONG sizes[] = { 0, 1, 15, 16, 17, 32, 240, 255, 256, 511, 960 };
    CK_MECHANISM m = { CKM_AES_CMAC, NULL, 0 };
    begin(1);
    for (size_t i = 0; i < sizeof long_text; i++) long_text[i] = (uint8_t)(i * 7 + i / 256);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of() && !test_failing; i++) {
        const struct cards_secret *k = &kind->secrets[i];
        CK_OBJECT_HANDLE key;
        CHECK_RV(secret_of(0, k, &key), CKR_OK);
        if (!k->signs) {
            CK_RV want = k->type == CKK_AES ? CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_KEY_TYPE_INCONSISTENT;
            CHECK_RV(C_SignInit(sessions[0], &m, key), want);
            CHECK_RV(C_VerifyInit(sessions[0], &m, key), want);
            continue;
        }
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes && !test_failing; j++) {
            if (sizes[j] <= MAC_MOST) check_mac(k, key, sizes[j]);
            if (test_failing) printf("    %lu bytes\n", sizes[j]);
        }
        if (!test_failing) check_mac_lengths(k, key);
    }
    end();
}

// A MAC is of the login in which it was begun.
TEST(cards_secrets_mac_and_logins)
{
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_MECHANISM m = { CKM_AES_CMAC, NULL, 0 };
    CK_OBJECT_HANDLE key;
    CK_BYTE made[16], mac[16];
    for (int how = 0; how < 10 && !test_failing; how++) {
        CK_ULONG len = sizeof made;
        bool verify = how >= 5;
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_RV(secret_of(0, k, &key), CKR_OK);
        CHECK_RV((verify ? C_VerifyInit : C_SignInit)(sessions[0], &m, key), CKR_OK);
        CHECK_RV((verify ? C_VerifyUpdate : C_SignUpdate)(sessions[0], long_text, 32), CKR_OK);
        if (how % 5 == 0) sim_reader_reset(0);
        if (how % 5 == 1) *cards_pin(cards[0], kind->tokens).verified = false;
        if (how % 5 == 2) cards[0]->select_other(cards[0]);
        if (how % 5 > 2) CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        if (how % 5 == 4) CHECK_RV(C_Login(sessions[0], CKU_USER, PIN, 6), CKR_OK);
        CHECK(host_mac(k, 0, long_text, 32, mac));
        CK_RV rv = verify ? C_VerifyFinal(sessions[0], mac, 16) : C_SignFinal(sessions[0], made, &len);
        CHECK_RV(rv, how % 5 == 4 ? CKR_KEY_HANDLE_INVALID : CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, kind->tokens->tries);
        if (how % 5 != 4) CHECK_RV(C_Login(sessions[0], CKU_USER, PIN, 6), CKR_OK);
        CHECK_RV(secret_of(0, k, &key), CKR_OK);
        CHECK_RV(C_SignInit(sessions[0], &m, key), CKR_OK);
        CHECK_RV(C_Sign(sessions[0], long_text, 32, made, &len), CKR_OK);
        CHECK(!memcmp(made, mac, 16));
        end();
        if (test_failing) printf("    ended in way %d\n", how);
    }
}

// A session's keys stay on the host, and tell nobody.
TEST(cards_secrets_of_a_session)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES, three = CKK_DES3;
    CK_BYTE value[32];
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VALUE, value, 16 }, { CKA_ENCRYPT, &yes, 1 } };
    CK_OBJECT_HANDLE key;
    const struct cards_secret *aes = secret_for(CKK_AES);
    CK_MECHANISM m = secret_mechanism(aes, SECRET_CBC), d = { CKM_DES3_ECB, NULL, 0 },
        mac = { CKM_AES_CMAC, NULL, 0 };
    CK_ULONG len = sizeof turned;
    begin(1);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    t[2].ulValueLen = kind->secret_value(aes->id, false, value);
    CHECK_RV(C_CreateObject(sessions[0], t, 4, &key), CKR_OK);
    unsigned at = cards[0]->apdus;
    CHECK_RV(C_EncryptInit(sessions[0], &m, key), CKR_OK);
    CHECK_RV(C_Encrypt(sessions[0], long_text, 160, turned, &len), CKR_OK);
    CHECK_EQ(cards[0]->apdus, at);
    CHECK_EQ(len, 160);
    CHECK_RV(C_SignInit(sessions[0], &mac, key), CKR_OK);
    CHECK_RV(C_Sign(sessions[0], long_text, 160, turned, &len), CKR_OK);
    CHECK(host_mac(aes, 0, long_text, 160, cryptogram) && len == 16 && !memcmp(turned, cryptogram, 16));
    CHECK_EQ(cards[0]->apdus, at);
    t[1].pValue = &three;
    t[2].ulValueLen = 24;
    CHECK_RV(C_CreateObject(sessions[0], t, 4, &key), CKR_OK);
    CHECK_RV(C_EncryptInit(sessions[0], &d, key),
             kind->does_des3 ? CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_MECHANISM_INVALID);
    end();
}

// ---- What is refused ----

static CK_RV secret_init(bool decrypt, CK_MECHANISM_TYPE type, CK_ULONG iv_n, CK_OBJECT_HANDLE key)
{
    static CK_BYTE iv[32];
    CK_MECHANISM m = { type, iv_n ? iv : NULL, iv_n };
    CK_RV rv = (decrypt ? C_DecryptInit : C_EncryptInit)(sessions[0], &m, key);
    if (!rv) C_SessionCancel(sessions[0], decrypt ? CKF_DECRYPT : CKF_ENCRYPT);
    return rv;
}

static void check_lengths(const struct cards_secret *k)
{
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = secret_mechanism(k, SECRET_CBC), p = secret_mechanism(k, SECRET_PAD);
    CK_ULONG len, block = secret_block(k), n;
    CK_SESSION_HANDLE h = sessions[0];
    if (test_failing) return;
    CHECK_RV(secret_of(0, k, &key), CKR_OK);
    for (CK_ULONG iv = 0; iv < 32; iv++)
        CHECK_RV(secret_init(iv & 1, m.mechanism, iv, key),
                 iv == block ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
    CHECK_RV(secret_once(0, k, SECRET_CBC, false, long_text, block + 1, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(secret_once(0, k, SECRET_ECB, true, long_text, block - 1, &len),
             CKR_ENCRYPTED_DATA_LEN_RANGE);
    CHECK_RV(secret_once(0, k, SECRET_PAD, true, long_text, block + 1, &len),
             CKR_ENCRYPTED_DATA_LEN_RANGE);
    CHECK_RV(C_EncryptInit(h, &m, key), CKR_OK);
    len = sizeof turned;
    CHECK_RV(C_EncryptUpdate(h, long_text, block + 3, turned, &len), CKR_OK);
    CHECK_EQ(len, block);
    len = sizeof turned;
    CHECK_RV(C_EncryptFinal(h, turned, &len), CKR_DATA_LEN_RANGE);
    CHECK_RV(C_DecryptInit(h, &p, key), CKR_OK);
    len = sizeof turned;
    CHECK_RV(C_DecryptUpdate(h, long_text, block + 3, turned, &len), CKR_OK);
    len = sizeof turned;
    CHECK_RV(C_DecryptFinal(h, turned, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    for (CK_ULONG size = 100; size < 2000; size += 1500) {      // padding that is none
        n = host_encrypt(k, 0, SECRET_CBC, long_text, size / block * block, cryptogram);
        CHECK_RV(secret_once(0, k, SECRET_PAD, true, cryptogram, n, &len),
                 CKR_ENCRYPTED_DATA_INVALID);
    }
}

TEST(cards_secrets_refuse)
{
    const struct cards_secret *aes = secret_for(CKK_AES), *des = secret_for(CKK_DES3);
    CK_OBJECT_HANDLE key, three, copy;
    CK_BYTE iv[12] = { 0 };
    CK_GCM_PARAMS gcm = { iv, 12, 96, NULL, 0, 128 };
    CK_AES_CTR_PARAMS counter = { .ulCounterBits = 128 };
    CK_MECHANISM g = { CKM_AES_GCM, &gcm, sizeof gcm },
        c = { CKM_AES_CTR, &counter, sizeof counter },
        mac = { CKM_SHA256_HMAC, NULL, 0 }, digest = { CKM_SHA256, NULL, 0 };
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of(); i++) check_lengths(&kind->secrets[i]);
    if (test_failing) return;
    CHECK_RV(secret_of(0, aes, &key), CKR_OK);
    CHECK_RV(secret_of(0, des, &three), CKR_OK);
    if (kind->does_des3) {
        CHECK_RV(secret_init(false, CKM_DES3_CBC, 8, key), CKR_KEY_TYPE_INCONSISTENT);
        CHECK_RV(secret_init(true, CKM_AES_CBC, 16, three), CKR_KEY_TYPE_INCONSISTENT);
    }
    CHECK_RV(C_EncryptInit(sessions[0], &g, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_RV(C_DecryptInit(sessions[0], &c, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_RV(C_SignInit(sessions[0], &mac, key), CKR_KEY_TYPE_INCONSISTENT);
    CHECK_RV(C_DigestInit(sessions[0], &digest), CKR_OK);
    CHECK_RV(C_DigestKey(sessions[0], key), CKR_KEY_INDIGESTIBLE);
    CHECK_RV(C_CopyObject(sessions[0], key, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    if (!kind->writes_secrets) CHECK_RV(C_DestroyObject(sessions[0], key), CKR_ACTION_PROHIBITED);
    end();
}

// ---- Logins that end ----

TEST(cards_secrets_and_logins)
{
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_MECHANISM m = secret_mechanism(k, SECRET_CBC);
    CK_OBJECT_HANDLE key;
    CK_ULONG len;
    for (int how = 0; how < 5 && !test_failing; how++) {
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_RV(secret_of(0, k, &key), CKR_OK);
        CHECK_RV(C_EncryptInit(sessions[0], &m, key), CKR_OK);
        len = sizeof turned;
        CHECK_RV(C_EncryptUpdate(sessions[0], long_text, 32, turned, &len), CKR_OK);
        if (how == 0) sim_reader_reset(0);
        if (how == 1) *cards_pin(cards[0], kind->tokens).verified = false;     // another program
        if (how == 4) cards[0]->select_other(cards[0]);                // its application
        if (how == 2 || how == 3) CHECK_RV(C_Logout(sessions[0]), CKR_OK);
        if (how == 3) CHECK_RV(C_Login(sessions[0], CKU_USER, PIN, 6), CKR_OK);
        len = sizeof turned;
        CK_RV rv = C_EncryptUpdate(sessions[0], long_text, 32, turned, &len);
        CHECK_RV(rv, how == 3 ? CKR_KEY_HANDLE_INVALID : CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(C_EncryptUpdate(sessions[0], long_text, 32, turned, &len),
                 CKR_OPERATION_NOT_INITIALIZED);
        CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, kind->tokens->tries);
        if (how != 3) CHECK_RV(C_Login(sessions[0], CKU_USER, PIN, 6), CKR_OK);
        CHECK_RV(secret_once(0, k, SECRET_CBC, false, long_text, 320, &len), CKR_OK);
        host_encrypt(k, 0, SECRET_CBC, long_text, 320, cryptogram);
        CHECK(len == 320 && !memcmp(turned, cryptogram, 320));
        end();
        if (test_failing) printf("    ended in way %d\n", how);
    }
}

// Where PINs are kept an operation outlives a login that another program ended, and a reset.
TEST(cards_secrets_with_a_kept_pin)
{
    const struct cards_secret *k = secret_for(CKK_DES3);
    CK_MECHANISM m = secret_mechanism(k, SECRET_CBC);
    CK_OBJECT_HANDLE key;
    CK_ULONG len, at = 0;
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "1"), CKR_OK);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(secret_of(0, k, &key), CKR_OK);
    CHECK_RV(C_EncryptInit(sessions[0], &m, key), CKR_OK);
    for (unsigned i = 0; i < 6; i++) {
        len = 320;
        if (i == 2) *cards_pin(cards[0], kind->tokens).verified = false;
        if (i == 4) sim_reader_reset(0);
        CHECK_RV(C_EncryptUpdate(sessions[0], long_text + at, 320, turned + at, &len), CKR_OK);
        at += len;
    }
    host_encrypt(k, 0, SECRET_CBC, long_text, at, cryptogram);
    CHECK(at == 6 * 320 && !memcmp(turned, cryptogram, at));
    CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, kind->tokens->tries);
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_CACHE", "0"), CKR_OK);
}

// Nobody else uses the card: what was set stays set, for one key, direction and IV.
TEST(cards_secrets_exclusive)
{
    static const struct { int mode; bool decrypt; unsigned commands; } uses[] = {
        { SECRET_ECB, false, 2 }, { SECRET_ECB, false, 1 }, { SECRET_ECB, true, 2 },
        { SECRET_ECB, true, 1 }, { SECRET_CBC, true, 2 }, { SECRET_CBC, true, 1 },
        { SECRET_CBC, false, 2 }, { SECRET_CBC, false, 1 } };
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_ULONG len;
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "1"), CKR_OK);
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(secret_once(0, k, SECRET_CBC, false, long_text, 16, &len), CKR_OK);
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        host_encrypt(k, 0, uses[i].mode, long_text, 16, cryptogram);
        unsigned at = cards[0]->apdus;
        CHECK_RV(secret_once(0, k, uses[i].mode, uses[i].decrypt,
                             uses[i].decrypt ? cryptogram : long_text, 16, &len), CKR_OK);
        CHECK_EQ(cards[0]->apdus - at, kind->names_keys ? 1 : uses[i].commands);
        CHECK(!memcmp(turned, uses[i].decrypt ? long_text : cryptogram, 16));
    }
    end();
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
}

// ---- Wrapping ----

static void check_wrap(const struct cards_secret *k)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BYTE value[40] = "a key that leaves, wrapped", got[64];
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
                         { CKA_VALUE, value, 0 }, { CKA_EXTRACTABLE, &yes, 1 } },
        u[] = { { CKA_KEY_TYPE, &type, sizeof type }, { CKA_SENSITIVE, &no, 1 } },
        v = { CKA_VALUE, got, sizeof got };
    CK_MECHANISM m = secret_mechanism(k, SECRET_PAD), cbc = secret_mechanism(k, SECRET_CBC);
    CK_OBJECT_HANDLE with, key, made;
    CK_ULONG len, n;
    CHECK_RV(secret_of(0, k, &with), CKR_OK);
    for (t[2].ulValueLen = 1; t[2].ulValueLen < 40; t[2].ulValueLen += 3) {
        n = host_encrypt(k, 0, SECRET_PAD, value, t[2].ulValueLen, cryptogram);
        CHECK_RV(C_CreateObject(sessions[0], t, 4, &key), CKR_OK);
        len = 0;
        CHECK_RV(C_WrapKey(sessions[0], &m, with, key, NULL, &len),
                 k->wraps ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED);
        if (!k->wraps) continue;
        CHECK_EQ(len, n);
        CHECK_RV(C_WrapKey(sessions[0], &m, with, key, turned, &len), CKR_OK);
        CHECK(len == n && !memcmp(turned, cryptogram, n));
        CHECK_RV(C_UnwrapKey(sessions[0], &m, with, turned, len, u, 2, &made), CKR_OK);
        v.ulValueLen = sizeof got;
        CHECK_RV(C_GetAttributeValue(sessions[0], made, &v, 1), CKR_OK);
        CHECK(v.ulValueLen == t[2].ulValueLen && !memcmp(got, value, v.ulValueLen));
        turned[len - 1] ^= 1;
        CHECK_RV(C_UnwrapKey(sessions[0], &m, with, turned, len, u, 2, &made),
                 CKR_WRAPPED_KEY_INVALID);
        CHECK_RV(C_UnwrapKey(sessions[0], &m, with, turned, len - 1, u, 2, &made),
                 CKR_WRAPPED_KEY_LEN_RANGE);
        CHECK_RV(C_WrapKey(sessions[0], &m, with, with, turned, &len), CKR_KEY_UNEXTRACTABLE);
        CHECK_RV(C_WrapKey(sessions[0], &cbc, with, key, turned, &len), CKR_MECHANISM_INVALID);
    }
    if (k->wraps) return;
    CHECK_RV(C_UnwrapKey(sessions[0], &m, with, cryptogram, 48, u, 2, &made),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
}

TEST(cards_secrets_wrap)
{
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of() && !test_failing; i++) {
        check_wrap(&kind->secrets[i]);
        if (test_failing) printf("    key %02x\n", kind->secrets[i].id);
    }
    end();
}

static bool secret_misled;      // the card said that it took what to do with a key, and did nothing

// Where commands are short, a second part has a command of its own that sets its IV. A card that
// only says that it took it begins with the first part's again, and nobody can tell who has not the
// key. In one part nothing is misled: what a key was to do before was something else.
static bool secret_has_the_iv_before(const struct cards_secret *k)
{
    const CK_ULONG part = 240;
    if (!secret_misled || memcmp(turned, cryptogram, part)) return false;
    host_encrypt(k, 0, SECRET_CBC, long_text + part, 320 - part, cryptogram);
    return !memcmp(turned + part, cryptogram, 320 - part);
}

// A MAC, where the card makes them. *foreign: it was another card's.
static CK_RV secret_run_mac(bool *foreign)
{
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_MECHANISM m = { CKM_AES_CMAC, NULL, 0 };
    CK_OBJECT_HANDLE key;
    CK_BYTE made[16], mac[16];
    CK_ULONG len = sizeof made;
    if (!kind->does_macs) return CKR_OK;
    CK_RV rv = secret_of(0, k, &key);
    if (!rv) rv = C_SignInit(sessions[0], &m, key);
    if (!rv) rv = C_Sign(sessions[0], long_text, 100, made, &len);
    if (rv) return rv;
    *foreign = !host_mac(k, 0, long_text, 100, mac) || memcmp(made, mac, 16);
    return *foreign ? CKR_GENERAL_ERROR : CKR_OK;
}

// What run_all does with one: 320 bytes there and back. *foreign: they were another card's.
static CK_RV secret_run(bool *foreign)
{
    const struct cards_secret *k = secret_for(CKK_AES);
    CK_ULONG len;
    CK_RV rv = secret_once(0, k, SECRET_CBC, false, long_text, 320, &len);
    host_encrypt(k, 0, SECRET_CBC, long_text, 320, cryptogram);
    bool right = !rv && len == 320 && !memcmp(turned, cryptogram, 320);
    if (!rv && !right) *foreign = len != 320 || !secret_has_the_iv_before(k);
    if (!rv && !right) return CKR_GENERAL_ERROR;
    if (!rv) rv = secret_once(0, k, SECRET_PAD, true, cryptogram, 320, &len);
    if (!rv || rv == CKR_ENCRYPTED_DATA_INVALID) rv = secret_run_mac(foreign);
    return rv;
}

// A card without such keys: none listed, and AES on the host alone.
TEST(cards_secrets_elsewhere)
{
    begin(1);
    check_secret_mechanisms();
    if (test_failing) return;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_EQ(count_of(0, CKO_SECRET_KEY), 0);
    end();
}

// ---- Two cards ----

TEST(cards_secrets_of_two)
{
    begin(2);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(open_token(1, 0, true), CKR_OK);
    for (unsigned i = 0; i < secrets_of() && !test_failing; i++) {
        const struct cards_secret *k = &kind->secrets[i];
        CK_MECHANISM m = secret_mechanism(k, SECRET_CBC);
        CK_OBJECT_HANDLE key[2];
        static uint8_t made[2][400];
        CK_ULONG len, at[2] = { 0, 0 };
        for (unsigned c = 0; c < 2; c++) {
            CHECK_RV(secret_of(c, k, &key[c]), CKR_OK);
            CHECK_RV(C_EncryptInit(sessions[c], &m, key[c]), CKR_OK);
        }
        for (unsigned j = 0; j < 20; j++) {
            len = 40;
            CHECK_RV(C_EncryptUpdate(sessions[j % 2], long_text + at[j % 2], 32,
                                     made[j % 2] + at[j % 2], &len), CKR_OK);
            at[j % 2] += len;
        }
        for (unsigned c = 0; c < 2; c++) {
            len = 0;
            CHECK_RV(C_EncryptFinal(sessions[c], turned, &len), CKR_OK);
            host_encrypt(k, c, SECRET_CBC, long_text, 320, cryptogram);
            CHECK(at[c] == 320 && !memcmp(made[c], cryptogram, 320));
        }
    }
    end();
}

#endif
