// write_openpgp.h: OpenPGP cards: which of the three keys a new one becomes, what its template asks
// for beside it, what GnuPG is told, a card begun anew.
// SPDX-License-Identifier: 0BSD
#ifndef WRITE_OPENPGP_H
#define WRITE_OPENPGP_H

#include "../sim/sim_openpgp.h"

#define OPENPGP_LABEL ((CK_UTF8CHAR *)"Any label                       ")

// A card in the reader, and a session on it with the SO logged in, where so is not NULL.
static void begin_pgp(const struct sim_openpgp_options *options, const char *so)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_openpgp_new(options);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    if (so) CHECK_RV(scene_open(&session), CKR_OK);
    if (so) CHECK_RV(login_so(so, strlen(so)), CKR_OK);
}

static CK_RV pgp_make_for(unsigned what, CK_ATTRIBUTE_TYPE use, CK_BYTE *id)
{
    CK_ATTRIBUTE more = { use, &yes, 1 };
    CK_RV rv = make_with(&makes[what], 0, &more, use ? 1 : 0);
    *id = rv ? 0 : id_of(private_key);
    return rv;
}

// Has the card a key there that GnuPG would know?
static bool pgp_is_known(unsigned slot)
{
    static const uint8_t zeros[20];
    struct sim_openpgp_seen seen = sim_openpgp_see(scene_card);
    return seen.origin[slot] && memcmp(seen.fingerprint[slot], zeros, 20) &&
           memcmp(seen.date[slot], zeros, 4);
}

TEST(write_openpgp_finds_the_key_for_a_use)
{
    CK_BYTE id;
    begin_pgp(&(struct sim_openpgp_options){ .empty = true }, "12345678");
    if (test_failing) return;
    CHECK_RV(pgp_make_for(P_256, CKA_DERIVE, &id), CKR_OK);
    CHECK_EQ(id, 2);
    CHECK_RV(pgp_make_for(P_256, CKA_DERIVE, &id), CKR_DEVICE_MEMORY);
    CHECK_RV(pgp_make_for(X25519, 0, &id), CKR_DEVICE_MEMORY);
    CHECK_RV(pgp_make_for(RSA_2048, CKA_SIGN, &id), CKR_OK);
    CHECK_EQ(id, 1);
    CHECK_RV(pgp_make_for(ED25519, CKA_SIGN, &id), CKR_OK);
    CHECK_EQ(id, 3);
    CHECK_RV(pgp_make_for(P_384, 0, &id), CKR_DEVICE_MEMORY);
    for (unsigned i = 0; i < 3; i++) CHECK(pgp_is_known(i));
    CHECK_RV(make(&makes[X25519], 1), CKR_TEMPLATE_INCONSISTENT);
    CHECK_RV(make(&makes[P_256], 4), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[X25519], 2), CKR_OK);
    CHECK_EQ(count(CKO_PRIVATE_KEY), 3);
    CHECK(!is_true(private_key, CKA_DESTROYABLE));
    CHECK_RV(C_DestroyObject(session, private_key), CKR_ACTION_PROHIBITED);
    scene_end();
}

// Before version 3.0: RSA alone, and one certificate.
TEST(write_openpgp_of_an_old_card)
{
    CK_OBJECT_HANDLE made;
    begin_pgp(&(struct sim_openpgp_options){ .empty = true, .version = 0x0200 }, "12345678");
    if (test_failing) return;
    CHECK_RV(make(&makes[P_256], 1), CKR_MECHANISM_INVALID);
    CHECK_RV(make(&makes[RSA_3072], 1), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(0, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(make(&makes[RSA_2048], 3), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(0, &made), CKR_OK);
    CHECK_EQ(id_of(made), 3);
    CHECK_RV(make(&makes[RSA_2048], 3), CKR_ATTRIBUTE_VALUE_INVALID);
    scene_end();
}

// What a template asks for beside the key is the card's, or refused before anything is sent.
TEST(write_openpgp_policies)
{
    CK_ULONG always = SCARD11_TOUCH_ALWAYS, cached = SCARD11_TOUCH_CACHED;
    CK_ATTRIBUTE touch = { SCARD11_CKA_TOUCH, &always, sizeof always };
    CK_ATTRIBUTE cache = { SCARD11_CKA_TOUCH, &cached, sizeof cached };
    CK_ATTRIBUTE each = { CKA_ALWAYS_AUTHENTICATE, &yes, 1 };
    CK_ATTRIBUTE public = { CKA_PRIVATE, &no, 1 };
    for (unsigned button = 0; button < 2 && !test_failing; button++) {
        begin_pgp(&(struct sim_openpgp_options){ .empty = true, .button = button }, "12345678");
        if (test_failing) return;
        CHECK_RV(make_with(&makes[P_256], 3, &touch, 1),
                 button ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_EQ(sim_openpgp_see(scene_card).touch[SIM_AUT], button);
        CHECK_RV(make_with(&makes[P_256], 2, &cache, 1), CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_RV(make_with(&makes[P_256], 2, &each, 1), CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_RV(make_with(&makes[P_256], 2, &public, 1), CKR_TEMPLATE_INCONSISTENT);
        CHECK(!sim_openpgp_see(scene_card).origin[SIM_DEC]);
        CHECK(!sim_openpgp_see(scene_card).once);
        CHECK_RV(make_with(&makes[P_256], 1, &each, 1), CKR_OK);
        CHECK(sim_openpgp_see(scene_card).once && is_true(private_key, CKA_ALWAYS_AUTHENTICATE));
        scene_end();
    }
}

// Data that the user writes, and data that the card does not have.
TEST(write_openpgp_data)
{
    CK_OBJECT_HANDLE made, again;
    CK_ATTRIBUTE value = { CKA_VALUE, (void *)(uintptr_t)"changed", 7 };
    uint8_t is[32];
    begin_pgp(&(struct sim_openpgp_options){ .empty = true }, "12345678");
    if (test_failing) return;
    CHECK_RV(store_data("Private use 1", text, sizeof text, &made), CKR_ACTION_PROHIBITED);
    CHECK_RV(store_data("Private use 3", text, sizeof text, &made), CKR_ACTION_PROHIBITED);
    CHECK_RV(store_data("Something else", text, sizeof text, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(store_data("Private use 2", text, sizeof text, &made), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, made, &value, 1), CKR_OK);
    CHECK(attribute(made, CKA_VALUE, is, sizeof is) == 7 && !memcmp(is, "changed", 7));
    CHECK_RV(store_data("Name", "Doe<<Jane", 9, &again), CKR_OK);
    CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    insert_again();
    if (test_failing) return;
    CK_ATTRIBUTE name = { CKA_LABEL, (void *)(uintptr_t)"Name", 4 };
    CHECK_RV(scene_search(session, &name, 1, &made), CKR_OK);
    CHECK(attribute(made, CKA_VALUE, is, sizeof is) == 9 && !memcmp(is, "Doe<<Jane", 9));
    name = (CK_ATTRIBUTE){ CKA_LABEL, (void *)(uintptr_t)"Private use 2", 13 };
    CHECK_RV(scene_search(session, &name, 1, &made), CKR_OK);
    CHECK_EQ(attribute(made, CKA_VALUE, is, sizeof is), 0);
    scene_end();
}

static CK_RV pgp_init(const char *so)
{
    return C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)so, strlen(so), OPENPGP_LABEL);
}

// C_InitToken: PW3 is given once, and is the same afterwards; derived or not.
TEST(write_openpgp_begins_a_card_anew)
{
    for (unsigned kdf = 0; kdf < 2 && !test_failing; kdf++) {
        CK_ULONG n = 0;
        begin_pgp(&(struct sim_openpgp_options){ .kdf = kdf }, "12345678");
        if (test_failing) return;
        CHECK_RV(C_SetPIN(session, (CK_UTF8CHAR *)"12345678", 8, (CK_UTF8CHAR *)"another PW3", 11),
                 CKR_OK);
        CHECK_RV(pgp_init("another PW3"), CKR_SESSION_EXISTS);
        CHECK_RV(C_CloseAllSessions(0), CKR_OK);
        CHECK_RV(pgp_init("short"), CKR_PIN_LEN_RANGE);
        CHECK_EQ(*scene_card->pin(scene_card, 1).left, 3);
        CHECK_RV(pgp_init("12345678"), CKR_PIN_INCORRECT);
        judge_wrong(1);
        CHECK_EQ(*scene_card->pin(scene_card, 1).left, 2);
        CHECK(sim_openpgp_see(scene_card).origin[SIM_SIG]);
        CHECK_RV(pgp_init("another PW3"), CKR_OK);
        CHECK(!sim_openpgp_see(scene_card).origin[SIM_SIG]);
        CHECK(sim_openpgp_has_password(scene_card, 1, "another PW3"));
        CHECK(sim_openpgp_has_password(scene_card, 0, "123456"));
        CHECK(!scene_card->verified(scene_card));
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_EQ(count(CKO_PRIVATE_KEY) + count(CKO_CERTIFICATE), n);
        CHECK_RV(login_so("another PW3", 11), CKR_OK);
        CHECK_RV(C_InitPIN(session, (CK_UTF8CHAR *)"654321", 6), CKR_OK);
        CHECK(sim_openpgp_has_password(scene_card, 0, "654321"));
        CHECK_RV(make(&makes[P_256], 1), CKR_OK);
        scene_end();
    }
}

// Where PW3 is blocked, anyone may begin the card anew: the standard has it so.
TEST(write_openpgp_begins_a_blocked_card_anew)
{
    for (unsigned code = 0; code < 2 && !test_failing; code++) {
        begin_pgp(&(struct sim_openpgp_options){ .reset_code = code }, NULL);
        if (test_failing) return;
        *scene_card->pin(scene_card, 1).left = 0;
        CHECK_RV(pgp_init("a new one"), CKR_OK);
        CHECK(sim_openpgp_has_password(scene_card, 1, "a new one"));
        CHECK(!sim_openpgp_see(scene_card).origin[SIM_SIG]);
        scene_end();
    }
}

// A card that gives a certificate with bytes behind it, as they were stored by another program.
static size_t (*pgp_apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);

static size_t pgp_padded(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    size_t got = pgp_apdu(card, cmd, n, rsp, room);
    if (cmd[1] != 0xca || cmd[2] != 0x7f || cmd[3] != 0x21 || got <= 2 || got + 2 > room) return got;
    memmove(rsp + got, rsp + got - 2, 2);
    rsp[got - 2] = rsp[got - 1] = 0;
    return got + 2;
}

TEST(write_openpgp_deletes_a_certificate_that_something_follows)
{
    CK_OBJECT_HANDLE certificate = 0;
    begin_pgp(&(struct sim_openpgp_options){ .reset_code = true }, "12345678");
    if (test_failing) return;
    pgp_apdu = scene_card->apdu;
    scene_card->apdu = pgp_padded;
    for (CK_BYTE id = 1; id <= 3; id++) {
        CHECK_RV(scene_find(session, CKO_CERTIFICATE, id, &certificate), CKR_OK);
        CHECK(certificate);
        CHECK_RV(C_DestroyObject(session, certificate), CKR_OK);
    }
    scene_card->apdu = pgp_apdu;
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_EQ(count(CKO_CERTIFICATE), 0);
    scene_end();
}

// Pulled at each command of it: the card has what it had; or it was ended, and goes on; or PW3 is the
// one of a new card.
TEST(write_openpgp_init_is_broken_off)
{
    static const enum sim_fault how[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_RESET, SIM_FAILED_AFTER,
                                          SIM_ANSWER_6F00 };
    bool fired = true, ended = false;
    for (unsigned n = 1; fired && !test_failing; n++) {
        for (unsigned i = 0; i < sizeof how / sizeof *how && !test_failing; i++) {
            CK_TOKEN_INFO info;
            begin_pgp(&(struct sim_openpgp_options){ .no_certificate = 7 }, NULL);
            if (test_failing) return;
            CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
            const char *so = "12345678";
            sim_reader_fault(how[i], n, NULL);
            CK_RV rv = pgp_init(so);
            fired = broken_off(rv);
            if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
            nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
            CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
            bool blank = sim_openpgp_see(scene_card).terminated;
            CHECK_EQ(!(info.flags & CKF_TOKEN_INITIALIZED), blank);
            ended |= blank;
            if (blank) {
                CHECK_RV(scene_open(&session), CKR_OK);
                CHECK_EQ(count(CKO_PRIVATE_KEY) + count(CKO_DATA), 0);
                CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_USER_PIN_NOT_INITIALIZED);
                CHECK_RV(C_CloseAllSessions(0), CKR_OK);
                so = "of the new owner";
            }
            CHECK_RV(pgp_init(so), CKR_OK);
            CHECK(sim_openpgp_has_password(scene_card, 1, so));
            CHECK(!sim_openpgp_see(scene_card).origin[SIM_SIG]);
            scene_end();
        }
    }
    CHECK(ended);
}

#define RUN_WRITE_OPENPGP()                             \
    RUN(write_openpgp_finds_the_key_for_a_use);         \
    RUN(write_openpgp_of_an_old_card);                  \
    RUN(write_openpgp_policies);                        \
    RUN(write_openpgp_data);                            \
    RUN(write_openpgp_deletes_a_certificate_that_something_follows); \
    RUN(write_openpgp_begins_a_card_anew);              \
    RUN(write_openpgp_begins_a_blocked_card_anew);      \
    RUN(write_openpgp_init_is_broken_off)

#endif
