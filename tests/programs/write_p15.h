// write_p15.h: PKCS#15 cards, by IsoApplet: how their files look after a change, also after one that was
// broken off. That all that is shown goes on is in written.c. SPDX-License-Identifier: 0BSD
#ifndef WRITE_P15_H
#define WRITE_P15_H

#include "../sim/sim_isoapplet.h"

#define P15_PUK "1234567812345678"
#define P15_CERTIFICATES 7              // whose entries take more than one command

static CK_RV p15_login(CK_USER_TYPE user, const char *pin)
{
    return C_Login(session, user, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
}

// A card in the reader; NULL: the usual one, with keys.
static void p15_insert(const struct sim_isoapplet_options *options)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_isoapplet_new(options);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

static void p15_blank(void) { p15_insert(&(struct sim_isoapplet_options){ .empty = true }); }

// C_InitToken and C_InitPIN; the user is logged in.
static CK_RV p15_set_up(void)
{
    CK_UTF8CHAR label[33] = "Written                         ";
    CK_RV rv = C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)P15_PUK, 16, label);
    if (!rv) rv = scene_open(&session);
    if (!rv) rv = p15_login(CKU_SO, P15_PUK);
    if (!rv) rv = C_InitPIN(session, PIN, 6);
    if (!rv) rv = C_Logout(session);
    return rv ? rv : C_Login(session, CKU_USER, PIN, 6);
}

static CK_RV p15_certify(CK_BYTE id)
{
    static const char label[] = "A certificate whose label is rather long";
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &certificate_class, sizeof certificate_class },
                         { CKA_CERTIFICATE_TYPE, &x509_type, sizeof x509_type },
                         { CKA_TOKEN, &yes, 1 }, { CKA_VALUE, certificate, certificate_n },
                         { CKA_LABEL, (void *)(uintptr_t)label, sizeof label - 1 },
                         { CKA_ID, &id, 1 } };
    return C_CreateObject(session, a, 6, &made);
}

static CK_OBJECT_HANDLE p15_certificate(CK_BYTE id)
{
    CK_OBJECT_HANDLE object = 0;
    return scene_find(session, CKO_CERTIFICATE, id, &object) ? 0 : object;
}

// A card with certificates 1 on, all the same.
static void p15_begin(CK_BYTE certificates)
{
    p15_blank();
    if (test_failing) return;
    CHECK_RV(p15_set_up(), CKR_OK);
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    for (CK_BYTE id = 1; id <= certificates; id++) CHECK_RV(p15_certify(id), CKR_OK);
}

// How many files of a hundred there are on the card: 34 are certificates'.
static unsigned p15_files(unsigned hundred)
{
    const struct sim_fs_file *df = sim_fs_path((struct sim_fs *)scene_card, "3f005015");
    unsigned n = 0;
    for (const struct sim_fs_file *file = df ? df->child : NULL; file; file = file->next)
        n += file->fid >> 8 == hundred;
    return n;
}

static bool p15_whole(CK_BYTE id)
{
    static uint8_t value[4096];
    CK_OBJECT_HANDLE object = p15_certificate(id);
    return object && attribute(object, CKA_VALUE, value, sizeof value) == certificate_n &&
           !memcmp(value, certificate, certificate_n);
}

// The first entry of a long directory goes: at each command that is broken off all others are there,
// and what nothing names goes with the next change.
TEST(write_p15_directory_that_takes_several_commands)
{
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        p15_begin(P15_CERTIFICATES);
        if (test_failing) return;
        CK_OBJECT_HANDLE last = p15_certificate(P15_CERTIFICATES);
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
        CK_RV rv = C_DestroyObject(session, p15_certificate(1));
        fired = broken_off(rv);
        if (!fired) CHECK(is_true(last, CKA_TOKEN));
        meet_anew("123456");
        if (test_failing) return;
        for (CK_BYTE id = 2; id <= P15_CERTIFICATES; id++) CHECK(p15_whole(id));
        if (p15_certificate(1)) CHECK_RV(C_DestroyObject(session, p15_certificate(1)), CKR_OK);
        CHECK_RV(C_DestroyObject(session, p15_certificate(2)), CKR_OK);
        meet_anew("123456");
        if (test_failing) return;
        for (CK_BYTE id = 3; id <= P15_CERTIFICATES; id++) CHECK(p15_whole(id));
        CHECK(!p15_certificate(1) && !p15_certificate(2));
        CHECK_EQ(p15_files(0x44), 4);               // PINs, keys, public keys, certificates
        scene_end();
    }
}

// A directory without room is told before anything is written.
TEST(write_p15_directory_that_is_full)
{
    CK_BYTE id = 2;
    CK_RV rv = CKR_OK;
    CK_OBJECT_HANDLE made;
    p15_begin(1);
    if (test_failing) return;
    while (!rv && id < 40) rv = p15_certify(id++);
    CHECK_RV(rv, CKR_DEVICE_MEMORY);
    CHECK_EQ(count(CKO_CERTIFICATE), (CK_ULONG)id - 2);
    CHECK_EQ(p15_files(0x34), id - 2);
    CHECK(p15_whole(1) && p15_whole((CK_BYTE)(id - 2)));
    CHECK_RV(store_data("Application", text, sizeof text, &made), CKR_OK);
    scene_end();
}

// A certificate that is stored is there, or a file that nothing names, which the next one takes.
TEST(write_p15_files_that_nothing_names)
{
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        p15_begin(2);
        if (test_failing) return;
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
        p15_certify(3);
        fired = sim_reader_fired();
        meet_anew("123456");
        if (test_failing) return;
        CHECK(p15_files(0x34) <= 3 && p15_whole(1) && p15_whole(2));
        CHECK(!p15_certificate(3) || p15_whole(3));
        if (!p15_certificate(3)) CHECK_RV(p15_certify(3), CKR_OK);
        CHECK(p15_files(0x34) == 3 && p15_whole(3));
        scene_end();
    }
}

// A blank card whose setting up is broken off is set up by doing the same again.
TEST(write_p15_setting_up_is_broken_off)
{
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        p15_blank();
        if (test_failing) return;
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
        CK_RV rv = p15_set_up();
        fired = sim_reader_fired();
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        CHECK_RV(C_Finalize(NULL), CKR_OK);
        if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        if (fired) rv = p15_set_up();
        else if (!rv) rv = scene_open(&session);
        CHECK_RV(rv, CKR_OK);
        if (!fired) CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(p15_login(CKU_SO, P15_PUK), CKR_OK);           // and the PUK is that
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)(uintptr_t)"654321", 6), CKR_OK);
        CHECK_EQ(scene_card->tries_taken, 0);
        scene_end();
    }
}

// Another value of data, shorter, longer, or broken off: it has the old one or the new, and one file.
TEST(write_p15_values_of_data)
{
    static CK_BYTE old[] = "what it was", fresh[300] = "what it is now";
    CK_BYTE is[400];
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE to = { CKA_VALUE, fresh, sizeof fresh }, t = { CKA_CLASS, &class, sizeof class };
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        CK_OBJECT_HANDLE data;
        p15_begin(1);
        if (test_failing) return;
        CHECK_RV(store_data("Application", old, sizeof old, &data), CKR_OK);
        sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
        CK_RV rv = C_SetAttributeValue(session, data, &to, 1);
        fired = broken_off(rv);
        if (!fired) CHECK(attribute(data, CKA_VALUE, is, sizeof is) == sizeof fresh);
        meet_anew("123456");
        if (test_failing) return;
        CHECK_RV(scene_search(session, &t, 1, &data), CKR_OK);
        size_t len = attribute(data, CKA_VALUE, is, sizeof is);
        CHECK(len == sizeof old ? !memcmp(is, old, len)
                                : len == sizeof fresh && !memcmp(is, fresh, len));
        CHECK_RV(C_SetAttributeValue(session, data, &to, 1), CKR_OK);
        to.ulValueLen = 5;
        CHECK_RV(C_SetAttributeValue(session, data, &to, 1), CKR_OK);
        to.ulValueLen = sizeof fresh;
        CHECK(attribute(data, CKA_VALUE, is, sizeof is) == 5 && p15_whole(1));
        CHECK(p15_files(0x32) <= 2);
        scene_end();
    }
}

// Who the SO is, is proven by the PUK, once; then all is gone, and the old PIN with it.
TEST(write_p15_card_begun_anew)
{
    CK_UTF8CHAR label[33] = "Begun anew                      ";
    p15_begin(1);
    if (test_failing) return;
    CHECK_RV(C_CloseAllSessions(0), CKR_OK);
    CHECK_RV(C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)"12345678", 8, label), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)"8765432187654321", 16, label),
             CKR_PIN_INCORRECT);
    judge_wrong(1);
    CHECK_EQ(scene_card->tries_taken, 1);
    meet_anew("123456");
    CHECK(p15_whole(1));
    CHECK_RV(C_CloseAllSessions(0), CKR_OK);
    CHECK_RV(C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)P15_PUK, 16, label), CKR_OK);
    CHECK_EQ(p15_files(0x34), 0);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_EQ(count(CKO_PUBLIC_KEY), 0);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_PIN_INCORRECT);
    CHECK_RV(p15_login(CKU_SO, P15_PUK), CKR_OK);
    CHECK_RV(C_InitPIN(session, PIN, 6), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    scene_end();
}

// A private key of which nothing else was looked for takes its public half along: from the card, and
// from what is listed next.
TEST(write_p15_key_destroyed_after_a_search_for_it_alone)
{
    CK_OBJECT_HANDLE key = 0;
    p15_begin(1);
    if (test_failing) return;
    meet_anew("123456");
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);
    CHECK_EQ(count(CKO_PUBLIC_KEY), 0);
    CHECK_EQ(p15_files(0x33), 0);
    meet_anew("123456");
    CHECK_EQ(count(CKO_PUBLIC_KEY), 0);
    CHECK(p15_whole(1));
    scene_end();
}

// Can a key be used, again and again?
static bool p15_signs(CK_BYTE id)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, id, &key);
    for (int i = 0; i < 3 && !rv && key; i++) {
        out_len = sizeof out;
        rv = scene_sign(session, key, CKM_ECDSA_SHA256, text, sizeof text, out, &out_len);
    }
    return !rv && key;
}

// A certificate stays when its key is destroyed. No new pair is made to look like the one that it is for,
// and none is stored for a key that is another one.
TEST(write_p15_certificates_of_other_keys)
{
    CK_OBJECT_HANDLE key, made;
    CK_BYTE first;
    p15_begin(1);
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 0), CKR_OK);
    first = id_of(private_key);
    CHECK_RV(p15_certify(first), CKR_TEMPLATE_INCONSISTENT);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(p15_certify(first), CKR_OK);
    CHECK_RV(C_DestroyObject(session, private_key), CKR_OK);
    for (int again = 0; again < 2; again++) {
        CHECK(p15_certificate(1) && p15_whole(first));
        CHECK_RV(make(&makes[P_256], first), CKR_ATTRIBUTE_VALUE_INVALID);
        if (!again) meet_anew("123456");
    }
    CHECK_RV(make(&makes[P_256], 0), CKR_OK);
    CHECK_EQ(id_of(private_key), first + 1);
    CHECK_RV(C_DestroyObject(session, p15_certificate(first)), CKR_OK);
    CHECK_RV(make(&makes[P_256], first), CKR_OK);
    meet_anew("123456");
    CHECK_RV(p15_certify(first), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, first, &key), CKR_OK);
    certificate_n = issue(key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(first, &made), CKR_OK);
    meet_anew("123456");
    CHECK(p15_whole(first) && p15_signs(first) && p15_signs((CK_BYTE)(first + 1)) && p15_signs(1));
    CHECK_EQ(scene_card->tries_taken, 0);
    scene_end();
}

// A card on which another program left such a certificate: once that is destroyed, the key is what it is.
TEST(write_p15_certificate_of_another_key_destroyed)
{
    CK_OBJECT_HANDLE key;
    p15_begin(1);
    if (test_failing) return;
    CHECK_RV(C_DestroyObject(session, p15_certificate(1)), CKR_OK);
    CHECK_RV(p15_certify(2), CKR_OK);                   // of key 1, by another iD
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);
    CHECK_RV(make(&makes[P_256], 1), CKR_OK);
    struct sim_fs_file *cdf = sim_fs_path((struct sim_fs *)scene_card, "3f0050154404");
    CHECK(cdf);
    for (size_t i = 0; cdf && i + 2 < cdf->data_len; i++)
        if (!memcmp(cdf->data + i, "\4\1\2", 3)) cdf->data[i + 2] = 1;
    meet_anew("123456");
    CHECK(p15_certificate(1) && !p15_signs(1));
    CHECK_RV(C_DestroyObject(session, p15_certificate(1)), CKR_OK);
    CHECK(p15_signs(1));
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &key), CKR_OK);
    certificate_n = issue(key, certificate, sizeof certificate);
    CHECK_RV(p15_certify(1), CKR_OK);
    meet_anew("123456");
    CHECK(p15_whole(1) && p15_signs(1));
    scene_end();
}

// Public keys that the card's issuer vouches for (trustedPublicKeys) stay when their private halves go,
// on the card and in the table, and what is both halves' is not changed.
TEST(write_p15_public_keys_that_stay)
{
    CK_BYTE id = 0x33;
    CK_ATTRIBUTE number = { CKA_ID, &id, 1 }, label = { CKA_LABEL, (void *)(uintptr_t)"Mine", 4 };
    CK_OBJECT_HANDLE key, public;
    p15_insert(NULL);
    if (test_failing) return;
    struct sim_fs_file *odf = sim_fs_path((struct sim_fs *)scene_card, "3f0050155031");
    for (size_t i = 0; odf && i < odf->data_len && odf->data[i]; i += 2u + odf->data[i + 1])
        if (odf->data[i] == 0xa1) odf->data[i] = 0xa2;
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &key), CKR_OK);
    CHECK(key && is_true(public, CKA_TRUSTED));
    CHECK_RV(C_SetAttributeValue(session, key, &number, 1), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_RV(C_SetAttributeValue(session, public, &number, 1), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_SetAttributeValue(session, public, &label, 1), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_SetAttributeValue(session, key, &label, 1), CKR_OK);
    CHECK_RV(C_DestroyObject(session, key), CKR_OK);
    CHECK(is_true(public, CKA_TRUSTED) && id_of(public) == 1);
    CHECK_RV(C_DestroyObject(session, public), CKR_ACTION_PROHIBITED);
    CHECK_RV(make(&makes[P_256], 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CK_ULONG keys = count(CKO_PUBLIC_KEY);
    meet_anew("123456");
    if (test_failing) return;
    CHECK_EQ(count(CKO_PUBLIC_KEY), keys);
    CHECK_EQ(count(CKO_PRIVATE_KEY), keys - 1);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public), CKR_OK);
    CHECK(is_true(public, CKA_TRUSTED));
    scene_end();
}

#define RUN_WRITE_P15()                                                                          \
    RUN(write_p15_directory_that_takes_several_commands);                                        \
    RUN(write_p15_directory_that_is_full);                                                       \
    RUN(write_p15_files_that_nothing_names);                                                     \
    RUN(write_p15_setting_up_is_broken_off);                                                     \
    RUN(write_p15_key_destroyed_after_a_search_for_it_alone);                                    \
    RUN(write_p15_certificates_of_other_keys);                                                   \
    RUN(write_p15_certificate_of_another_key_destroyed);                                         \
    RUN(write_p15_public_keys_that_stay);                                                        \
    RUN(write_p15_values_of_data);                                                               \
    RUN(write_p15_card_begun_anew)

#endif
