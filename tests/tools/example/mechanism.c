// mechanism.c: the mechanism that recipes.sh adds, on a simulated card: it is listed, makes a digest, and
// a signature that opens to the DigestInfo of that digest. SPDX-License-Identifier: 0BSD
#include "../../programs/scene.h"

// RIPEMD-160 of "abc" (its authors' paper, appendix A) as a DigestInfo (RFC 8017, 9.2).
static const CK_BYTE digest_info[] = { 0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x24, 0x03, 0x02,
    0x01, 0x05, 0x00, 0x04, 0x14, 0x8e, 0xb2, 0x08, 0xf7, 0xe0, 0x5d, 0x98, 0x7a, 0x9b, 0x04, 0x4a,
    0x8e, 0x98, 0xc6, 0xb0, 0x87, 0xf1, 0x5a, 0x0b, 0xfc };

TEST(ripemd_digest_and_signature)
{
    CK_MECHANISM digest = { CKM_RIPEMD160, NULL, 0 }, sign = { CKM_RIPEMD160_RSA_PKCS, NULL, 0 };
    CK_MECHANISM open = { CKM_RSA_PKCS, NULL, 0 };
    CK_MECHANISM_INFO info;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key, public_key;
    CK_BYTE text[] = "abc", made[20], signature[256], opened[256];
    CK_ULONG n = sizeof made;
    CHECK_RV(scene_begin(NULL), CKR_OK);
    CHECK_RV(C_GetMechanismInfo(scene_slot, sign.mechanism, &info), CKR_OK);
    CHECK_EQ(info.flags & (CKF_SIGN | CKF_VERIFY), CKF_SIGN | CKF_VERIFY);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(C_DigestInit(session, &digest), CKR_OK);
    CHECK_RV(C_Digest(session, text, 3, made, &n), CKR_OK);
    CHECK(n == 20 && !memcmp(made, digest_info + 15, 20));
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public_key), CKR_OK);
    n = sizeof signature;
    CHECK_RV(C_SignInit(session, &sign, key), CKR_OK);
    CHECK_RV(C_Sign(session, text, 3, signature, &n), CKR_OK);
    CHECK_RV(C_VerifyInit(session, &sign, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, text, 3, signature, n), CKR_OK);
    CK_ULONG opened_len = sizeof opened;
    CHECK_RV(C_VerifyRecoverInit(session, &open, public_key), CKR_OK);
    CHECK_RV(C_VerifyRecover(session, signature, n, opened, &opened_len), CKR_OK);
    CHECK(opened_len == sizeof digest_info && !memcmp(opened, digest_info, sizeof digest_info));
    scene_end();
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(ripemd_digest_and_signature);
    return test_end();
}
