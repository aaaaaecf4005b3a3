// write_myeid.h: MyEID cards: set up, also where that is broken off; written by who has another PIN.
// That all that is shown goes on is in written.c. SPDX-License-Identifier: 0BSD
#ifndef WRITE_MYEID_H
#define WRITE_MYEID_H

#include "../sim/sim_myeid.h"

#define MYEID_SO "87654321"

static void myeid_insert(const struct sim_myeid_options *options)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_myeid_new(options);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
}

static CK_RV myeid_init_token(void)
{
    CK_UTF8CHAR label[33] = "Written                         ";
    return C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)MYEID_SO, 8, label);
}

// C_InitPIN; the user is logged in.
static CK_RV myeid_init_pin(void)
{
    CK_RV rv = scene_open(&session);
    if (!rv) rv = C_Login(session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)MYEID_SO, 8);
    if (!rv) rv = C_InitPIN(session, PIN, 6);
    if (!rv) rv = C_Logout(session);
    return rv ? rv : C_Login(session, CKU_USER, PIN, 6);
}

// C_InitToken that is broken off at any command is done by doing it again, and no PIN is tried wrongly.
TEST(write_myeid_setting_up_is_broken_off)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER };
    bool fired = true;
    for (unsigned n = 2; fired; n++) {
        myeid_insert(&(struct sim_myeid_options){ .empty = true });
        if (test_failing) return;
        sim_reader_fault(faults[n % 2], n / 2, NULL);
        CK_RV rv = myeid_init_token();
        fired = sim_reader_fired();
        CHECK(fired ? rv != CKR_OK || n % 2 : rv == CKR_OK);
        begin_anew();
        if (test_failing) return;
        if (rv) CHECK_RV(myeid_init_token(), CKR_OK);
        CHECK_RV(myeid_init_pin(), CKR_OK);
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        CHECK_EQ(scene_card->tries_taken, 0);
        begin_anew();
        CHECK_RV(scene_login(&session), CKR_OK);
        CHECK_EQ(count(CKO_PRIVATE_KEY), 1);
        scene_end();
        if (test_failing) return;
    }
}

// The files of this card are the first PIN's: who has logged in by the second is told so, and nothing
// is shown or left of what he wanted. The first one makes it.
TEST(write_myeid_by_its_second_pin)
{
    static CK_UTF8CHAR second[] = "654321";
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    CK_OBJECT_HANDLE key;
    myeid_insert(&(struct sim_myeid_options){ .second_pin = true });
    if (test_failing) return;
    CHECK_RV(scene_open(&session), CKR_OK);
    count(CKO_PRIVATE_KEY);                     // objects that name two PINs: both are looked up
    CHECK_RV(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
    n = 8;
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    CHECK_EQ(n, 2);
    scene_slot = slots[1];
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, second, 6), CKR_OK);
    CK_ULONG private_keys = count(CKO_PRIVATE_KEY), public_keys = count(CKO_PUBLIC_KEY);
    CHECK_RV(make(&makes[P_256], 0x31), CKR_ACTION_PROHIBITED);
    CHECK_EQ(count(CKO_PRIVATE_KEY), private_keys);
    CHECK_EQ(count(CKO_PUBLIC_KEY), public_keys);
    CHECK_RV(C_Logout(session), CKR_OK);
    scene_slot = slots[0];
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(make(&makes[P_256], 0x31), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 0x31, &key), CKR_OK);
    CHECK(key && key == private_key);
    CHECK_EQ(scene_card->tries_taken, 0);
    scene_slot = 0;
    scene_end();
}

static CK_RV myeid_give_aes(CK_BYTE id, CK_OBJECT_HANDLE *key)
{
    static CK_BYTE value[16] = "sixteen letters";
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE aes = CKK_AES;
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &aes, sizeof aes },
                         { CKA_TOKEN, &yes, 1 }, { CKA_VALUE, value, 16 }, { CKA_ENCRYPT, &yes, 1 },
                         { CKA_ID, &id, 1 } };
    *key = 0;
    return C_CreateObject(session, a, id ? 6 : 5, key);
}

// What another key has is nobody else's: not a secret key's, nor a pair's.
TEST(write_myeid_ids_of_other_keys)
{
    CK_BYTE id = 1;
    CK_ATTRIBUTE change = { CKA_ID, &id, 1 };
    CK_OBJECT_HANDLE key, other;
    myeid_insert(&(struct sim_myeid_options){ .classic = false });
    if (test_failing) return;
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_SECRET_KEY, 0x10, &key), CKR_OK);      // nothing else is known
    CHECK_RV(C_SetAttributeValue(session, key, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    id = 0x11;
    CHECK_RV(C_SetAttributeValue(session, key, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &other), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, other, &change, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(myeid_give_aes(0x10, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(myeid_give_aes(1, &other), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[P_256], 0x10), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(count(CKO_SECRET_KEY), 5);
    CHECK_RV(myeid_give_aes(0x30, &other), CKR_OK);
    CHECK_RV(make(&makes[P_256], 0x31), CKR_OK);
    CHECK_RV(myeid_give_aes(0, &other), CKR_OK);
    CHECK(id_of(other) && id_of(key) == 0x10);
    scene_end();
}

#define RUN_WRITE_MYEID()                                                                        \
    RUN(write_myeid_setting_up_is_broken_off);                                                   \
    RUN(write_myeid_by_its_second_pin);                                                          \
    RUN(write_myeid_ids_of_other_keys)

#endif
