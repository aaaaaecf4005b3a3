// api_mechs.h: the second table of api.c: every mechanism that a card's C_GetMechanismList has, in
// every use that C_GetMechanismInfo says. SPDX-License-Identifier: 0BSD
//
// Of each: the length first; a buffer that is too small, after which the operation goes on; the
// exact length; in parts what comes at once; begun twice, ended twice, at once after a part; a
// search, a digest and another session's work between the parts; C_SessionCancel.
#ifndef API_MECHS_H
#define API_MECHS_H

static CK_SESSION_HANDLE s2;            // another session
static CK_BYTE text[64];                // what goes in: 32 bytes of it, or 48 for ciphers
static unsigned mech_uses;              // what was tried

struct maker {
    CK_FLAGS flag;
    CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
    CK_RV (*once)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
    CK_RV (*update)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
    CK_RV (*update_out)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
    CK_RV (*final)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
};

static CK_RV digest_init(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key)
{
    (void)key;
    return C_DigestInit(h, m);
}

static const struct maker makers[] = {
    { CKF_DIGEST, digest_init, C_Digest, C_DigestUpdate, NULL, C_DigestFinal },
    { CKF_SIGN, C_SignInit, C_Sign, C_SignUpdate, NULL, C_SignFinal },
    { CKF_ENCRYPT, C_EncryptInit, C_Encrypt, NULL, C_EncryptUpdate, C_EncryptFinal },
    { CKF_DECRYPT, C_DecryptInit, C_Decrypt, NULL, C_DecryptUpdate, C_DecryptFinal },
    { CKF_SIGN_RECOVER, C_SignRecoverInit, C_SignRecover, NULL, NULL, NULL },
    { CKF_VERIFY_RECOVER, C_VerifyRecoverInit, C_VerifyRecover, NULL, NULL, NULL },
};

static const struct maker *maker_of(CK_FLAGS flag)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (makers[i].flag == flag) return &makers[i];
    return NULL;
}

// ---- Mechanisms: parameters and keys ----

static CK_RSA_PKCS_PSS_PARAMS pss;
static CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
static CK_BYTE iv[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static CK_AES_CTR_PARAMS counter = { 128, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static CK_GCM_PARAMS gcm = { iv, 12, 96, (CK_BYTE_PTR)"header", 6, 128 };
static CK_MAC_GENERAL_PARAMS mac_len = 10;

static CK_MECHANISM mechanism_of(CK_MECHANISM_TYPE type)
{
    static const struct { CK_MECHANISM_TYPE type, hash; CK_RSA_PKCS_MGF_TYPE mgf; CK_ULONG n; }
    p[] = {
        { CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32 },
        { CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20 },
        { CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28 },
        { CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32 },
        { CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48 },
        { CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64 },
    };
    CK_MECHANISM m = { type, NULL, 0 };
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        if (p[i].type != type) continue;
        pss = (CK_RSA_PKCS_PSS_PARAMS){ p[i].hash, p[i].mgf, p[i].n };
        return (CK_MECHANISM){ type, &pss, sizeof pss };
    }
    switch (type) {
    case CKM_RSA_PKCS_OAEP: return (CK_MECHANISM){ type, &oaep, sizeof oaep };
    case CKM_AES_CBC: case CKM_AES_CBC_PAD: return (CK_MECHANISM){ type, iv, sizeof iv };
    case CKM_DES3_CBC: case CKM_DES3_CBC_PAD: return (CK_MECHANISM){ type, iv, 8 };
    case CKM_AES_CTR: return (CK_MECHANISM){ type, &counter, sizeof counter };
    case CKM_AES_GCM: return (CK_MECHANISM){ type, &gcm, sizeof gcm };
    case CKM_SHA_1_HMAC_GENERAL: case CKM_SHA224_HMAC_GENERAL: case CKM_SHA256_HMAC_GENERAL:
    case CKM_SHA384_HMAC_GENERAL: case CKM_SHA512_HMAC_GENERAL: case CKM_AES_CMAC_GENERAL:
        return (CK_MECHANISM){ type, &mac_len, sizeof mac_len };
    default: return m;
    }
}

// A cipher that a card may do with secret keys of its own.
static bool is_cipher(CK_MECHANISM_TYPE type)
{
    return (type >= CKM_DES3_ECB && type <= CKM_DES3_CBC_PAD) || type == CKM_AES_ECB ||
           type == CKM_AES_CBC || type == CKM_AES_CBC_PAD;
}

static bool is_cmac(CK_MECHANISM_TYPE type)
{
    return type == CKM_AES_CMAC || type == CKM_AES_CMAC_GENERAL;
}

static bool key_wraps = true;           // the card has a key of its own that wraps
static bool with_card_s_keys;           // ciphers and CMAC, not with a session's

// A key of the class that a mechanism takes: one that allows it, and wants no PIN of its own.
static CK_OBJECT_HANDLE key_for(CK_MECHANISM_TYPE type, CK_OBJECT_CLASS class)
{
    CK_BBOOL mine = with_card_s_keys, wraps = CK_TRUE;
    CK_ULONG entries = is_cipher(type) || is_cmac(type) ? 2 : 1;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &mine, 1 },
                         { CKA_WRAP, &wraps, 1 } };
    CK_OBJECT_HANDLE found[64], key = 0;
    CK_ULONG count = 0;
    if (is_cipher(type) && key_wraps) entries = 3;
    if (C_FindObjectsInit(s, t, entries) || C_FindObjects(s, found, 64, &count)) return 0;
    C_FindObjectsFinal(s);
    for (CK_ULONG i = 0; i < count && !key; i++) {
        CK_MECHANISM_TYPE allowed[128];
        CK_BBOOL always = CK_FALSE;
        CK_ATTRIBUTE a[] = { { CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed } };
        CK_ATTRIBUTE each[] = { { CKA_ALWAYS_AUTHENTICATE, &always, 1 } };
        C_GetAttributeValue(s, found[i], each, 1);
        if (always || C_GetAttributeValue(s, found[i], a, 1)) continue;
        for (CK_ULONG k = 0; k < a->ulValueLen / sizeof *allowed; k++)
            if (allowed[k] == type) key = found[i];
    }
    return key;
}

// The other half of a key on the card.
static CK_OBJECT_HANDLE half_of(CK_OBJECT_HANDLE key, CK_OBJECT_CLASS class)
{
    CK_BYTE id[64];
    CK_OBJECT_HANDLE other = 0;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, sizeof id } };
    if (C_GetAttributeValue(s, key, t + 1, 1) || scene_search(s, t, 2, &other)) return 0;
    return other;
}

static bool is_random(CK_MECHANISM_TYPE type, CK_FLAGS flag)
{
    if (flag == CKF_ENCRYPT) return type == CKM_RSA_PKCS || type == CKM_RSA_PKCS_OAEP;
    if (flag != CKF_SIGN) return false;
    return (type >= CKM_ECDSA && type <= CKM_ECDSA_SHA512) || mechanism_of(type).pParameter == &pss;
}

// ---- What happens between two parts ----

static void between(CK_FLAGS flag)
{
    CK_OBJECT_HANDLE some[3];
    CK_BYTE digest[2][32];
    CK_ULONG got = 0, len = 32;
    CHECK_RV(C_FindObjectsInit(s, NULL, 0), CKR_OK);
    CHECK_RV(C_FindObjects(s, some, 3, &got), CKR_OK);
    CHECK_EQ(got, 3);
    CHECK_RV(C_FindObjectsFinal(s), CKR_OK);
    CHECK_RV(C_DigestInit(s2, &sha256), CKR_OK);
    if (flag != CKF_DIGEST) {
        CHECK_RV(C_DigestInit(s, &sha256), CKR_OK);
        CHECK_RV(C_DigestUpdate(s, text, 10), CKR_OK);
    }
    CHECK_RV(C_DigestUpdate(s2, text, 10), CKR_OK);
    CHECK_RV(C_DigestFinal(s2, digest[0], &len), CKR_OK);
    if (flag != CKF_DIGEST) {
        CHECK_RV(C_DigestFinal(s, digest[1], &len), CKR_OK);
        CHECK(!memcmp(digest[0], digest[1], 32));
    }
    if (flag == CKF_SIGN) return;
    len = 32;
    CHECK_RV(C_SignInit(s2, &hmac, generic), CKR_OK);       // a signature while decrypting
    CHECK_RV(C_Sign(s2, text, 10, digest[0], &len), CKR_OK);
}

// ---- One use of one mechanism ----

// At once: length, too small, exact. The result's length in *out_len.
static void at_once(const struct maker *u, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *in,
                    CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
    CK_ULONG most = 0, small, len = sizeof sig;
    CHECK_RV(u->once(s, in, in_len, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(u->init(s, m, key), CKR_OK);
    CHECK_RV(u->init(s, m, key), CKR_OPERATION_ACTIVE);
    CHECK_RV(u->once(s, in, in_len, NULL, &most), CKR_OK);
    len = most;
    CHECK_RV(u->once(s, in, in_len, out, &len), CKR_OK);
    CHECK(len <= most);
    CHECK_RV(u->once(s, in, in_len, out, &most), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(u->init(s, m, key), CKR_OK);
    for (int i = 0; i < 2; i++) {
        small = len - 1;
        out[small] = 0x5a;
        CHECK_RV(u->once(s, in, in_len, out, &small), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(small, len);
        CHECK_EQ(out[len - 1], 0x5a);
    }
    *out_len = len;
    CHECK_RV(u->once(s, in, in_len, out, out_len), CKR_OK);
    CHECK_EQ(*out_len, len);
}

// In parts of 7 bytes, with other things between them; the last question twice.
static void in_parts(const struct maker *u, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *in,
                     CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
    CK_ULONG at = 0, len = 0, last;
    CHECK_RV(u->init(s, m, key), CKR_OK);
    for (CK_ULONG i = 0; i < in_len; i += 7) {
        CK_ULONG part = in_len - i < 7 ? in_len - i : 7;
        if (u->update) {
            CHECK_RV(u->update(s, in + i, part), CKR_OK);
        } else {
            CHECK_RV(u->update_out(s, in + i, part, NULL, &len), CKR_OK);
            if (len) {
                last = len - 1;
                CHECK_RV(u->update_out(s, in + i, part, out + at, &last), CKR_BUFFER_TOO_SMALL);
                CHECK_EQ(last, len);
            }
            last = len;
            CHECK_RV(u->update_out(s, in + i, part, out + at, &last), CKR_OK);
            CHECK_EQ(last, len);
            at += len;
        }
        if (i == 7) between(u->flag);
        if (test_failing) return;
    }
    last = 0;
    CHECK_RV(u->final(s, NULL, &last), CKR_OK);
    if (*out_len > at) {
        last = *out_len - at - 1;
        CHECK_RV(u->final(s, out + at, &last), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(last, *out_len - at);
        last = *out_len - at;
    }
    CHECK_RV(u->final(s, out + at, &last), CKR_OK);
    CHECK_RV(u->final(s, out + at, &last), CKR_OPERATION_NOT_INITIALIZED);
    *out_len = at + last;
}

// All at once after a part: refused, also where only the length is asked for, and the end of it.
static void at_once_after_a_part(const struct maker *u, CK_MECHANISM *m, CK_OBJECT_HANDLE key,
                                 CK_BYTE *in, CK_ULONG in_len)
{
    CK_BYTE spare[600];
    for (int ask = 0; ask < 2; ask++) {
        CK_BYTE *out = ask ? NULL : spare;
        CK_ULONG len = sizeof spare;
        CHECK_RV(u->init(s, m, key), CKR_OK);
        if (u->update) CHECK_RV(u->update(s, in, 1), CKR_OK);
        else           CHECK_RV(u->update_out(s, in, 1, spare, &len), CKR_OK);
        len = sizeof spare;
        CHECK_RV(u->once(s, in, in_len, out, &len), CKR_OPERATION_ACTIVE);
        CHECK_RV(u->once(s, in, in_len, out, &len), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(u->final(s, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
}

static void cancelled(const struct maker *u, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    CK_ULONG len = sizeof sig;
    CHECK_RV(u->init(s, m, key), CKR_OK);
    CHECK_RV(u->init(s2, m, key), CKR_OK);
    CHECK_RV(C_SessionCancel(s, u->flag), CKR_OK);
    CHECK_RV(u->once(s, text, 32, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(u->init(s2, m, key), CKR_OPERATION_ACTIVE);    // the other session's goes on
    CHECK_RV(u->init(s2, NULL, key), CKR_OK);               // and ends as 3.0 has it
    CHECK_RV(u->init(s, m, key), CKR_OK);
    CHECK_RV(u->init(s, NULL, key), CKR_OK);
}

// Gives the result of a use at once in out.
static void use(CK_FLAGS flag, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *in, CK_ULONG in_len,
                CK_BYTE *out, CK_ULONG *out_len)
{
    const struct maker *u = maker_of(flag);
    CK_BYTE parts[600];
    CK_ULONG len;
    mech_uses++;
    at_once(u, m, key, in, in_len, out, out_len);
    if (test_failing) return;
    cancelled(u, m, key);
    if (test_failing || !u->final) return;
    len = *out_len;
    in_parts(u, m, key, in, in_len, parts, &len);
    if (test_failing) return;
    at_once_after_a_part(u, m, key, in, in_len);
    if (test_failing) return;
    CHECK_EQ(len, *out_len);
    if (!is_random(m->mechanism, flag)) CHECK(!memcmp(parts, out, len));
}

// ---- Verifying ----

// Both ways of it, of a right signature and one of which a bit is wrong.
static void verified(CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG len)
{
    mech_uses++;
    for (int wrong = 0; wrong < 2; wrong++) {
        CK_RV want = wrong ? CKR_SIGNATURE_INVALID : CKR_OK;
        if (wrong) signature[len - 1] ^= 1;
        CHECK_RV(C_VerifyInit(s, m, key), CKR_OK);
        CHECK_RV(C_VerifyInit(s, m, key), CKR_OPERATION_ACTIVE);
        CHECK_RV(C_Verify(s, text, 32, signature, len), want);
        CHECK_RV(C_Verify(s, text, 32, signature, len), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(C_VerifyInit(s, m, key), CKR_OK);
        CHECK_RV(C_VerifyUpdate(s, text, 5), CKR_OK);
        between(CKF_VERIFY);
        if (test_failing) return;
        CHECK_RV(C_VerifyUpdate(s, text + 5, 27), CKR_OK);
        CHECK_RV(C_VerifyFinal(s, signature, len), want);
        CHECK_RV(C_VerifyInit(s, m, key), CKR_OK);
        CHECK_RV(C_VerifyUpdate(s, text, 32), CKR_OK);
        CHECK_RV(C_Verify(s, text, 32, signature, len), CKR_OPERATION_ACTIVE);
        CHECK_RV(C_VerifyFinal(s, signature, len), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(C_VerifySignatureInit(s, m, key, signature, len), CKR_OK);
        CHECK_RV(C_VerifySignature(s, text, 32), want);
        CHECK_RV(C_VerifySignatureInit(s, m, key, signature, len), CKR_OK);
        CHECK_RV(C_VerifySignatureUpdate(s, text, 32), CKR_OK);
        CHECK_RV(C_VerifySignatureFinal(s), want);
        CHECK_RV(C_VerifySignatureInit(s, m, key, signature, len), CKR_OK);
        CHECK_RV(C_VerifySignatureUpdate(s, text, 32), CKR_OK);
        CHECK_RV(C_VerifySignature(s, text, 32), CKR_OPERATION_ACTIVE);
        CHECK_RV(C_VerifySignatureFinal(s), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(C_MessageVerifyInit(s, m, key), CKR_OK);
        CHECK_RV(C_VerifyMessage(s, NULL, 0, text, 32, signature, len), want);
        CHECK_RV(C_VerifyMessageBegin(s, NULL, 0), CKR_OK);
        CHECK_RV(C_VerifyMessageNext(s, NULL, 0, text, 30, NULL, 0), CKR_OK);
        CHECK_RV(C_VerifyMessageNext(s, NULL, 0, text + 30, 2, signature, len), want);
        CHECK_RV(C_VerifyMessage(s, NULL, 0, text, 32, signature, len), want);
        CHECK_RV(C_MessageVerifyFinal(s), CKR_OK);
    }
    signature[len - 1] ^= 1;
    CHECK_RV(C_VerifyInit(s, m, key), CKR_OK);
    CHECK_RV(C_SessionCancel(s, CKF_VERIFY), CKR_OK);
    CHECK_RV(C_VerifyUpdate(s, text, 5), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_VerifyInit(s, m, key), CKR_OK);
    CHECK_RV(C_Verify(s, text, 32, signature, len - 1), CKR_SIGNATURE_LEN_RANGE);
}

// Three messages with one C_MessageSignInit, one of them in parts, verify all.
static void messages_signed(CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_BYTE out[3][600];
    CK_ULONG len[3] = { 600, 600, 600 }, most = 0;
    CHECK_RV(C_MessageSignInit(s, m, key), CKR_OK);
    CHECK_RV(C_SignMessage(s, NULL, 0, text, 32, NULL, &most), CKR_OK);
    len[0] = most - 1;
    CHECK_RV(C_SignMessage(s, NULL, 0, text, 32, out[0], &len[0]), CKR_BUFFER_TOO_SMALL);
    CHECK_RV(C_SignMessage(s, NULL, 0, text, 32, out[0], &len[0]), CKR_OK);
    CHECK_RV(C_SignMessageBegin(s, NULL, 0), CKR_OK);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text, 20, NULL, NULL), CKR_OK);
    len[1] = 0;
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 12, NULL, &len[1]), CKR_OK);
    CHECK_EQ(len[1], most);
    len[1] = most - 1;
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 12, out[1], &len[1]), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len[1], most);
    CHECK_RV(C_SignMessageNext(s, NULL, 0, text + 20, 12, out[1], &len[1]), CKR_OK);
    CHECK_RV(C_SignMessage(s, NULL, 0, text, 32, out[2], &len[2]), CKR_OK);
    CHECK_RV(C_MessageSignFinal(s), CKR_OK);
    CHECK_RV(C_MessageSignFinal(s), CKR_OPERATION_NOT_INITIALIZED);
    for (int i = 0; public && i < 3; i++) {
        CHECK_EQ(len[i], most);
        CHECK_RV(C_VerifyInit(s, m, public), CKR_OK);
        CHECK_RV(C_Verify(s, text, 32, out[i], len[i]), CKR_OK);
    }
    CHECK_RV(C_MessageSignInit(s, m, key), CKR_OK);
    CHECK_RV(C_SessionCancel(s, CKF_MESSAGE_SIGN), CKR_OK);
    CHECK_RV(C_MessageSignFinal(s), CKR_OPERATION_NOT_INITIALIZED);
}

// ---- A mechanism whole ----

static void signs(CK_MECHANISM *m, CK_FLAGS flags, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_BYTE out[600];
    CK_ULONG len = 0;
    use(CKF_SIGN, m, key, text, 32, out, &len);
    if (!test_failing) messages_signed(m, key, flags & CKF_VERIFY ? public : 0);
    if (!test_failing && flags & CKF_VERIFY) verified(m, public, out, len);
}

static void recovers(CK_MECHANISM *m, CK_FLAGS flags, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_BYTE out[600], back[600];
    CK_ULONG len = 0, back_len = 0;
    use(CKF_SIGN_RECOVER, m, key, text, 32, out, &len);
    if (test_failing || !(flags & CKF_VERIFY_RECOVER)) return;
    use(CKF_VERIFY_RECOVER, m, public, out, len, back, &back_len);
    if (test_failing) return;
    CHECK(back_len >= 32 && !memcmp(back + back_len - 32, text, 32));
}

static void wraps(CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_BYTE out[600], value[64];
    CK_ULONG most = 0, len;
    CK_ATTRIBUTE t[] = { AT(CKA_KEY_TYPE, type_aes) }, a[] = { { CKA_VALUE, value, 64 } };
    mech_uses++;
    CHECK_RV(C_WrapKey(s, m, public, aes, NULL, &most), CKR_OK);
    len = most - 1;
    CHECK_RV(C_WrapKey(s, m, public, aes, out, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, most);
    CHECK_RV(C_WrapKey(s, m, public, aes, out, &len), CKR_OK);
    CHECK_EQ(len, most);
    CHECK_RV(C_UnwrapKey(s, m, key, out, len, t, 1, &made), CKR_OK);
    CHECK_RV(C_GetAttributeValue(s, made, a, 1), CKR_OK);
    CHECK(a->ulValueLen == 32 && !memcmp(value, b + 512, 32));
    CHECK_RV(C_DestroyObject(s, made), CKR_OK);
    out[len - 1] ^= 1;
    CHECK_RV(C_UnwrapKey(s, m, key, out, len, t, 1, &made), CKR_WRAPPED_KEY_INVALID);
}

static void crypts(CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE public)
{
    CK_BYTE out[600], back[600];
    CK_ULONG len = 0, back_len = 0, in_len = key == public ? 48 : 32;
    use(CKF_ENCRYPT, m, public, text, in_len, out, &len);
    if (test_failing) return;
    use(CKF_DECRYPT, m, key, out, len, back, &back_len);
    if (test_failing) return;
    CHECK(back_len >= in_len && !memcmp(back + back_len - in_len, text, in_len));
}

static void mechanism_whole(CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_INFO info;
    CK_MECHANISM m = mechanism_of(type);
    CK_ULONG len = 0;
    CHECK_RV(C_GetMechanismInfo(slot, type, &info), CKR_OK);
    if (info.flags & CKF_DIGEST) use(CKF_DIGEST, &m, 0, text, 32, sig, &len);
    if (info.flags & (CKF_GENERATE | CKF_DERIVE)) mech_uses++;      // api_objects.h has them
    if (!(info.flags & (CKF_SIGN | CKF_DECRYPT))) return;
    bool secret = !(info.flags & CKF_HW) || is_cipher(type) || is_cmac(type);
    CK_OBJECT_HANDLE key = key_for(type, secret ? CKO_SECRET_KEY : CKO_PRIVATE_KEY);
    CK_OBJECT_HANDLE public = secret ? key : half_of(key, CKO_PUBLIC_KEY);
    if (!key) return;                                   // no key of the card's for it
    CHECK(public);
    if (info.flags & CKF_SIGN && !C_SignInit(s, &m, key)) {
        C_SessionCancel(s, CKF_SIGN);
        signs(&m, info.flags, key, public);
    }
    if (!test_failing && info.flags & CKF_SIGN_RECOVER && !C_SignRecoverInit(s, &m, key)) {
        C_SessionCancel(s, CKF_SIGN_RECOVER);
        recovers(&m, info.flags, key, public);
    }
    if (test_failing || !(info.flags & CKF_DECRYPT)) return;
    if (C_DecryptInit(s, &m, key)) {                    // the first one may be for signing only
        CK_OBJECT_HANDLE all[64];
        CK_ATTRIBUTE t[] = { AT(CKA_CLASS, class_private), AT(CKA_DECRYPT, yes) };
        CK_ULONG count = 0;
        if (C_FindObjectsInit(s, t, 2) || C_FindObjects(s, all, 64, &count)) return;
        C_FindObjectsFinal(s);
        if (!count || C_DecryptInit(s, &m, all[0])) return;
        key = all[0];
        public = half_of(key, CKO_PUBLIC_KEY);
    }
    CHECK_RV(C_SessionCancel(s, CKF_DECRYPT), CKR_OK);
    crypts(&m, key, public);
    if (!test_failing && info.flags & CKF_UNWRAP && key_wraps) wraps(&m, key, public);
}

#endif
