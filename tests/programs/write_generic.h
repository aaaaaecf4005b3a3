// write_generic.h: cards with PKCS#15 of which nothing is known but what they say themselves: where what
// is stored goes, and how their files look after a change, also after one that was broken off. That all
// that is shown goes on is in written.c. SPDX-License-Identifier: 0BSD
#ifndef WRITE_GENERIC_H
#define WRITE_GENERIC_H

#include "../sim/sim_generic.h"

static CK_OBJECT_CLASS generic_data_class = CKO_DATA;

// A card in the reader, the user logged in; a certificate of its first key is ready.
static void generic_begin(const struct sim_generic_options *o)
{
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    scene_card = sim_generic_new(o);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 1, &public_key), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK(certificate_n > 100);
}

static CK_RV generic_store(const char *label, CK_BBOOL private, const void *of, size_t n,
                           CK_OBJECT_HANDLE *made)
{
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &generic_data_class, sizeof generic_data_class },
                         { CKA_TOKEN, &yes, 1 }, { CKA_PRIVATE, &private, 1 },
                         { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
                         { CKA_VALUE, (void *)(uintptr_t)of, n } };
    *made = 0;
    return C_CreateObject(session, a, 5, made);
}

static CK_OBJECT_HANDLE generic_data(const char *label)
{
    CK_OBJECT_HANDLE object = 0;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &generic_data_class, sizeof generic_data_class },
                         { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
    return scene_search(session, t, 2, &object) ? 0 : object;
}

static CK_OBJECT_HANDLE generic_certificate(CK_BYTE id)
{
    CK_OBJECT_HANDLE object = 0;
    return scene_find(session, CKO_CERTIFICATE, id, &object) ? 0 : object;
}

static bool generic_has(CK_OBJECT_HANDLE object, const void *of, size_t n)
{
    static uint8_t is[4096];
    return object && attribute(object, CKA_VALUE, is, sizeof is) == n && !memcmp(is, of, n);
}

static bool generic_is_whole(CK_BYTE id)
{
    return generic_has(generic_certificate(id), certificate, certificate_n);
}

static struct sim_fs_file *generic_file(const char *path)
{
    return sim_fs_path((struct sim_fs *)scene_card, path);
}

static const struct sim_fs_file *generic_df(void) { return generic_file("3f005015"); }

// How many files the card made, and has.
static unsigned generic_made(void)
{
    unsigned n = 0;
    for (const struct sim_fs_file *file = generic_df()->child; file; file = file->next) n += file->made;
    return n;
}

static CK_FLAGS generic_flags(void)
{
    CK_TOKEN_INFO info;
    return C_GetTokenInfo(scene_slot, &info) ? 0 : info.flags;
}

// All that is in a DF, as one hash.
static void generic_hash(uint8_t hash[32])
{
    static uint8_t all[40000];
    size_t n = 0;
    for (const struct sim_fs_file *file = generic_df()->child; file; file = file->next) {
        if (file->fid == 0x5032) continue;          // lastUpdate
        if (n + 2 + file->data_len > sizeof all) abort();
        all[n++] = (uint8_t)(file->fid >> 8);
        all[n++] = (uint8_t)file->fid;
        if (file->data_len) memcpy(all + n, file->data, file->data_len);
        n += file->data_len;
    }
    mbedtls_sha256(all, n, hash, 0);
}

// ---- New files ----

// The ways in which cards say who may do what, and make files.
static const struct sim_generic_options generic_makers[] = {
    { .rules = SIM_GENERIC_RULES_COMPACT, .creates = SIM_GENERIC_CREATES },
    { .rules = SIM_GENERIC_RULES_ARR, .creates = SIM_GENERIC_CREATES, .sw_beyond = 0x6700 },
    { .rules = SIM_GENERIC_RULES_EXPANDED, .creates = SIM_GENERIC_CREATES_INACTIVE },
    { .rules = SIM_GENERIC_RULES_COMPACT, .creates = SIM_GENERIC_CREATES_INACTIVE, .no_delete = true },
};
#define GENERIC_MAKERS (sizeof generic_makers / sizeof *generic_makers)

static void generic_begin_maker(size_t i)
{
    static const struct sim_p15 files = { .size = 900, .last_update = "20240102030405Z" };
    struct sim_generic_options o = generic_makers[i];
    o.writer = SIM_GENERIC_WRITER_PIN;
    o.p15 = &files;
    generic_begin(&o);
}

// The one file that was made is as long as what is in it, and has the rules of another of its kind.
static void generic_check_file(const char *like)
{
    const struct sim_fs_file *other = generic_file(like), *made = generic_df()->child;
    while (made && !made->made) made = made->next;
    CHECK(made && other);
    CHECK(made->security_tag == other->security_tag && made->security_len == other->security_len &&
          !memcmp(made->security, other->security, other->security_len));
    CHECK(made->read == other->read && made->update == other->update && made->remove == other->remove);
    CHECK(!made->inactive);
}

// A file is made like another one's of the kind; it goes with its object; who reads it is who may.
TEST(write_generic_files_like_others)
{
    static const struct { const char *like; CK_BBOOL private; } kinds[] = {
        { "3f0050153400", CK_FALSE }, { "3f0050153500", CK_FALSE }, { "3f0050153501", CK_TRUE } };
    for (size_t i = 0; i < 3 * GENERIC_MAKERS && !test_failing; i++) {
        bool data = i % 3 > 0, private = kinds[i % 3].private, no_delete = generic_makers[i / 3].no_delete;
        CK_OBJECT_HANDLE made;
        uint8_t before[40];
        generic_begin_maker(i / 3);
        if (test_failing) return;
        const struct sim_fs_file *info = generic_file("3f0050155032");
        memcpy(before, info->data + info->data_len - 15, 15);
        if (data) CHECK_RV(generic_store("Made", kinds[i % 3].private, text, sizeof text, &made), CKR_OK);
        else CHECK_RV(store_certificate(5, &made), CKR_OK);
        CHECK_EQ(generic_made(), 1);
        generic_check_file(kinds[i % 3].like);
        CHECK(memcmp(before, info->data + info->data_len - 15, 15));
        meet_anew("123456");
        if (test_failing) return;
        if (data) CHECK(generic_has(generic_data("Made"), text, sizeof text));
        else CHECK(generic_is_whole(5));
        if (private) CHECK_RV(C_Logout(session), CKR_OK);
        if (private) CHECK(!generic_data("Made"));
        if (private) CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        CHECK_RV(C_DestroyObject(session, data ? generic_data("Made") : generic_certificate(5)), CKR_OK);
        CHECK_EQ(generic_made(), no_delete);
        if (data) CHECK_RV(generic_store("Again", kinds[i % 3].private, "again", 5, &made), CKR_OK);
        else CHECK_RV(store_certificate(6, &made), CKR_OK);
        CHECK_EQ(generic_made(), 1);            // where it stayed, it was taken
        meet_anew("123456");
        if (test_failing) return;
        if (data) CHECK(generic_has(generic_data("Again"), "again", 5));
        else CHECK(generic_is_whole(6));
        CHECK_EQ(scene_card->tries_taken, 0);
        scene_end();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// One file after the other, beside more than are asked for whether anything names them.
TEST(write_generic_files_in_a_row)
{
    CK_OBJECT_HANDLE made;
    char label[8];
    generic_begin_maker(0);
    for (unsigned i = 0; i < 9 && !test_failing; i++) {
        snprintf(label, sizeof label, "File %u", i);
        CHECK_RV(generic_store(label, CK_FALSE, label, strlen(label), &made), CKR_OK);
        CHECK_EQ(generic_made(), i + 1);
    }
    meet_anew("123456");
    for (unsigned i = 0; i < 9 && !test_failing; i++) {
        snprintf(label, sizeof label, "File %u", i);
        CHECK(generic_has(generic_data(label), label, strlen(label)));
    }
    scene_end();
}

// A file that is broken off is the next one's.
TEST(write_generic_files_that_nothing_names)
{
    for (size_t i = 0; i < GENERIC_MAKERS && !test_failing; i++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) {
            CK_OBJECT_HANDLE made;
            generic_begin_maker(i);
            if (test_failing) return;
            sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
            store_certificate(5, &made);
            fired = sim_reader_fired();
            meet_anew("123456");
            if (test_failing) return;
            CHECK(generic_made() <= 1 && (!generic_certificate(5) || generic_is_whole(5)));
            if (!generic_certificate(5)) CHECK_RV(store_certificate(5, &made), CKR_OK);
            CHECK(generic_is_whole(5) && generic_made() == 1);
            CHECK_RV(store_certificate(6, &made), CKR_OK);
            CHECK(generic_is_whole(5) && generic_is_whole(6) && generic_made() == 2);
            for (CK_BYTE id = 1; id <= 4; id++) CHECK(generic_certificate(id));
            scene_end();
        }
    }
}

// A file that is there and nothing names is not taken where its rules are others; nor is one that is
// named by whatever directory file.
TEST(write_generic_files_of_others)
{
    static const uint8_t rules[] = { 0x43, 0x90, 0x90, 0x10 };      // the PIN reads it, too
    CK_OBJECT_HANDLE made;
    generic_begin_maker(0);
    if (test_failing) return;
    struct sim_fs *f = (struct sim_fs *)scene_card;
    struct sim_fs_file *other = sim_fs_ef(f, generic_file("3f005015"), 0x3404, "not ours", 8, 900);
    other->security_tag = 0x8c;
    memcpy(other->security, rules, other->security_len = sizeof rules);
    CHECK_RV(store_certificate(5, &made), CKR_OK);
    CHECK(!memcmp(other->data, "not ours", 8));
    CHECK(generic_file("3f0050153405") && generic_is_whole(5));
    scene_end();
}

// ---- Space that is unused ----

static void generic_begin_unused(uint16_t spare, uint16_t size)
{
    struct sim_p15 files = { .one_file = true, .spare = spare, .size = size,
                             .last_update = "20240102030405Z" };
    generic_begin(&(struct sim_generic_options){ .rules = SIM_GENERIC_RULES_COMPACT,
                                                 .writer = SIM_GENERIC_WRITER_PIN, .p15 = &files });
}

// What is stored goes there, and what is destroyed gives it back: the card is as it was.
TEST(write_generic_unused_space)
{
    static const uint16_t sizes[] = { 900, 600, 513 };
    for (size_t i = 0; i < 3 && !test_failing; i++) {
        static uint8_t was[1000], big[5000];
        CK_OBJECT_HANDLE made[3];
        generic_begin_unused(2000, sizes[i]);
        if (test_failing) return;
        const struct sim_fs_file *unused = generic_file("3f0050155033");
        memcpy(was, unused->data, unused->data_len);
        CHECK_RV(store_certificate(5, &made[0]), CKR_OK);
        CHECK_RV(store_certificate(6, &made[1]), CKR_OK);
        CHECK_RV(generic_store("Public", CK_FALSE, text, sizeof text, &made[2]), CKR_OK);
        CHECK(memcmp(was, unused->data, unused->data_len));
        CHECK_RV(generic_store("Too big", CK_FALSE, big, 2000, &made[2]), CKR_DEVICE_MEMORY);
        meet_anew("123456");
        if (test_failing) return;
        CHECK(generic_is_whole(5) && generic_is_whole(6));
        CHECK(generic_has(generic_data("Public"), text, sizeof text));
        CHECK_RV(C_DestroyObject(session, generic_data("Public")), CKR_OK);
        CHECK_RV(C_DestroyObject(session, generic_certificate(6)), CKR_OK);
        CHECK(generic_is_whole(5));
        CHECK_RV(C_DestroyObject(session, generic_certificate(5)), CKR_OK);
        CHECK(!memcmp(was, unused->data, unused->data_len));
        for (CK_BYTE id = 1; id <= 4; id++) CHECK(generic_certificate(id));
        CHECK_EQ(generic_made(), 0);
        scene_end();
    }
}

// At each command that is broken off no space is two objects', and what there was is whole.
TEST(write_generic_unused_space_broken_off)
{
    for (int what = 0; what < 2 && !test_failing; what++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) {
            CK_OBJECT_HANDLE made;
            generic_begin_unused(4000, 900);
            if (test_failing) return;
            CHECK_RV(store_certificate(5, &made), CKR_OK);
            sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
            if (what) (void)C_DestroyObject(session, made);
            else      (void)store_certificate(6, &made);
            fired = sim_reader_fired();
            meet_anew("123456");
            if (test_failing) return;
            CHECK(what || generic_is_whole(5));
            CHECK(!generic_certificate(6) || generic_is_whole(6));
            CHECK_RV(store_certificate(7, &made), CKR_OK);
            if (!generic_certificate(6)) CHECK_RV(store_certificate(6, &made), CKR_OK);
            CHECK(generic_is_whole(6) && generic_is_whole(7) && (what || generic_is_whole(5)));
            for (CK_BYTE id = 1; id <= 4; id++) CHECK(generic_certificate(id));
            scene_end();
        }
    }
}

// A record that names what is an object's, or more than its file has, or is another PIN's, or is none.
TEST(write_generic_unused_space_that_is_not)
{
    static const struct sim_p15_unused wrong[] = {
        { 0x3400, 0, 900, 0 }, { 0x3480, 0, 5000, 0 }, { 0x3480, 0, 1200, 2 }, { 0x34ff, 0, 1200, 0 },
        { 0x4404, 0, 1500, 0 }, { 0x5032, 0, 1500, 0 } };
    for (size_t i = 0; i < 7 && !test_failing; i++) {
        const struct sim_p15_unused right = { 0x3480, 100, 1200, 0 };
        struct sim_p15_unused both[2] = { wrong[i % 6], right };
        struct sim_p15 files = { .size = 1500, .spare = 1300, .unused = both, .n_unused = i == 6 ? 1 : 2 };
        CK_OBJECT_HANDLE made;
        uint8_t was[32], is[32];
        generic_begin(&(struct sim_generic_options){ .rules = SIM_GENERIC_RULES_EXPANDED,
                                                     .writer = SIM_GENERIC_WRITER_PIN, .p15 = &files });
        if (test_failing) return;
        generic_hash(was);
        CHECK_RV(store_certificate(5, &made), i == 6 ? CKR_DEVICE_MEMORY : CKR_OK);
        generic_hash(is);
        CHECK(i < 6 || !memcmp(was, is, 32));
        meet_anew("123456");
        if (test_failing) return;
        CHECK(i == 6 || generic_is_whole(5));
        for (CK_BYTE id = 1; id <= 4; id++) CHECK(generic_certificate(id));
        scene_end();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// ---- What is not written ----

// Nothing to be like, or nothing that makes files; a directory that is full, a card that is.
TEST(write_generic_where_there_is_no_room)
{
    static const struct sim_p15_key bare = { .label = "Bare", .key = SIM_P256A, .id = 1, .pin_id = 1,
                                             .ref = 1, .no_certificate = true };
    static const struct sim_p15 none = { .keys = &bare, .n_keys = 1, .empty_too = true, .size = 900 },
        full = { .size = 0 }, roomy = { .size = 900 };
    static const struct sim_generic_options cards[] = {
        { .p15 = &none, .rules = SIM_GENERIC_RULES_COMPACT, .creates = SIM_GENERIC_CREATES, .no_data = true },
        { .p15 = &roomy, .rules = SIM_GENERIC_RULES_COMPACT },
        { .p15 = &roomy, .creates = SIM_GENERIC_CREATES },                  // it does not say the rules
        { .p15 = &roomy, .creates = SIM_GENERIC_CREATES, .no_fcp = true },
        { .p15 = &full, .rules = SIM_GENERIC_RULES_COMPACT, .creates = SIM_GENERIC_CREATES },
        { .p15 = &roomy, .rules = SIM_GENERIC_RULES_ARR, .creates = SIM_GENERIC_CREATES, .memory = 200 },
    };
    for (size_t i = 0; i < sizeof cards / sizeof *cards && !test_failing; i++) {
        struct sim_generic_options o = cards[i];
        CK_OBJECT_HANDLE made;
        uint8_t was[32], is[32];
        o.writer = SIM_GENERIC_WRITER_PIN;
        generic_begin(&o);
        if (test_failing) return;
        generic_hash(was);
        CHECK_RV(store_certificate(5, &made), CKR_DEVICE_MEMORY);
        generic_hash(is);
        CHECK(!memcmp(was, is, 32) && generic_made() == 0);
        CHECK(!generic_certificate(5) && !(generic_flags() & CKF_WRITE_PROTECTED));
        CHECK(is_true(public_key, CKA_TOKEN));
        scene_end();
        if (test_failing) printf("    card %zu\n", i);
    }
}

// TokenInfo says so: nothing is sent. Rules say so: that is known once the directory was read, or, by
// EF.ARR, when something is to be written.
TEST(write_generic_write_protected)
{
    static const struct sim_p15 said = { .token_flags = 1 << 0 | 1 << 1, .size = 900 }, room = { .size = 900 };
    static const struct { struct sim_generic_options o; bool at_once, listed; } cards[] = {
        { { .p15 = &said, .writer = SIM_GENERIC_WRITER_PIN }, true, true },
        { { .p15 = &room, .rules = SIM_GENERIC_RULES_COMPACT }, false, true },
        { { .p15 = &room, .rules = SIM_GENERIC_RULES_EXPANDED, .writer = SIM_GENERIC_WRITER_PIN,
            .creates = SIM_GENERIC_CREATES, .fixed_directories = true }, false, true },
        { { .p15 = &room, .rules = SIM_GENERIC_RULES_ARR }, false, false },
    };
    for (size_t i = 0; i < sizeof cards / sizeof *cards && !test_failing; i++) {
        CK_OBJECT_HANDLE made;
        uint8_t was[32], is[32];
        generic_begin(&cards[i].o);
        if (test_failing) return;
        meet_anew("123456");
        generic_hash(was);
        CHECK_EQ(!!(generic_flags() & CKF_WRITE_PROTECTED), cards[i].at_once);
        CHECK(count(CKO_CERTIFICATE) == 4 && count(CKO_DATA) == 2);
        CHECK_EQ(!!(generic_flags() & CKF_WRITE_PROTECTED), cards[i].listed);
        unsigned before = scene_card->apdus;
        CHECK_RV(store_certificate(5, &made), CKR_TOKEN_WRITE_PROTECTED);
        if (cards[i].listed) CHECK_EQ(scene_card->apdus, before);
        CHECK(!is_true(generic_certificate(1), CKA_DESTROYABLE));
        CHECK_RV(generic_store("Made", CK_FALSE, text, 4, &made), CKR_TOKEN_WRITE_PROTECTED);
        CHECK(generic_flags() & CKF_WRITE_PROTECTED);
        generic_hash(is);
        CHECK(!memcmp(was, is, 32));
        CHECK(is_true(generic_certificate(1), CKA_TOKEN));          // the login lasts
        CHECK_RV(C_Logout(session), CKR_OK);
        scene_end();
        if (test_failing) printf("    card %zu\n", i);
    }
}

// Keys are not made, given or destroyed; no card is begun anew.
TEST(write_generic_keys_stay)
{
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE ec = CKK_EC;
    CK_BYTE scalar[32] = { 1 };
    CK_UTF8CHAR label[33] = "                                ";
    CK_ATTRIBUTE params = { CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256 };
    CK_ATTRIBUTE name = { CKA_LABEL, (void *)(uintptr_t)"x", 1 };
    CK_ATTRIBUTE given[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &ec, sizeof ec },
                             { CKA_TOKEN, &yes, 1 }, params, { CKA_VALUE, scalar, sizeof scalar } };
    CK_ATTRIBUTE private = { CKA_TOKEN, &yes, 1 };
    CK_OBJECT_HANDLE made;
    generic_begin_maker(0);
    if (test_failing) return;
    CHECK_RV(C_GenerateKeyPair(session, &m, &params, 1, &private, 1, &public_key, &private_key),
             CKR_MECHANISM_INVALID);
    CHECK_RV(C_CreateObject(session, given, 5, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, 1, &private_key), CKR_OK);
    CHECK(!is_true(private_key, CKA_DESTROYABLE) && !is_true(private_key, CKA_MODIFIABLE));
    CHECK_RV(C_DestroyObject(session, private_key), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_SetAttributeValue(session, private_key, &name, 1), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_CloseAllSessions(0), CKR_OK);
    CHECK_RV(C_InitToken(0, PIN, 6, label), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_EQ(scene_card->tries_taken, 0);
    scene_end();
}

// A place for a new file is looked for behind those of others, which directories name: these are read
// once for all of them.
TEST(write_generic_beside_many_reads_directories_once)
{
    static const enum sim_key four[] = { SIM_P256A, SIM_P256B, SIM_P384A, SIM_P384B };
    struct sim_p15_key keys[8];
    struct sim_p15 files = { .keys = keys, .n_keys = 8, .size = 1200 };
    CK_OBJECT_HANDLE made;
    for (uint8_t i = 0; i < 8; i++)
        keys[i] = (struct sim_p15_key){ .label = "One of many", .key = four[i % 4], .id = (uint8_t)(i + 1),
                                        .pin_id = 1, .ref = (uint8_t)(i + 1) };
    generic_begin(&(struct sim_generic_options){ .creates = SIM_GENERIC_CREATES, .p15 = &files,
        .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN });
    if (test_failing) return;
    CHECK_EQ(count(CKO_CERTIFICATE), 8);
    certificate_n = issue(generic_certificate(1), certificate, sizeof certificate);
    unsigned before = scene_card->apdus;
    CHECK_RV(store_certificate(0x20, &made), CKR_OK);
    CHECK(scene_card->apdus - before < 100);
    scene_end();
}

// ---- Whose PIN ----

// The second PIN writes: by its token what the first one's must not. What is public is the first one's
// after the next insertion.
TEST(write_generic_by_the_second_pin)
{
    static const struct sim_p15 files = { .size = 900 };
    static const int rules[] = { SIM_GENERIC_RULES_EXPANDED, SIM_GENERIC_RULES_ARR,
                                 SIM_GENERIC_RULES_COMPACT };
    for (size_t i = 0; i < 3 && !test_failing; i++) {
        CK_SESSION_HANDLE second;
        CK_SLOT_ID slots[4];
        CK_ULONG n = 4;
        CK_OBJECT_HANDLE made;
        generic_begin(&(struct sim_generic_options){ .rules = rules[i], .two_pins = true, .p15 = &files,
            .writer = SIM_GENERIC_WRITER_SECOND, .creates = SIM_GENERIC_CREATES, .keeps_login = true });
        if (test_failing) return;
        CK_RV rv = store_certificate(5, &made);
        if (i < 2) CHECK_RV(rv, CKR_TOKEN_WRITE_PROTECTED);
        else CHECK_RV(rv, CKR_USER_NOT_LOGGED_IN);              // the card does not say whose
        CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
        CHECK_EQ(n, 2);
        CHECK_RV(C_OpenSession(slots[1], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &second), CKR_OK);
        CHECK_RV(C_Login(second, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)"654321", 6), CKR_OK);
        CK_SESSION_HANDLE first = session;
        session = second;
        CHECK_RV(generic_store("Second's", CK_FALSE, text, sizeof text, &made), CKR_OK);
        CHECK_EQ(generic_made(), 1);
        CHECK(generic_data("Second's"));
        session = first;
        CHECK(!generic_data("Second's"));
        insert_again();
        CHECK(generic_data("Second's"));
        CHECK_RV(C_OpenSession(slots[1], CKF_SERIAL_SESSION, NULL, NULL, &second), CKR_OK);
        first = session;
        session = second;
        CHECK(!generic_data("Second's"));
        session = first;
        CHECK_EQ(scene_card->tries_taken, 0);
        scene_end();
        if (test_failing) printf("    rules %zu\n", i);
    }
}

// ---- Changes ----

// Labels, CKA_ID, values; the directory is written in steps, as it cannot be made beside.
TEST(write_generic_changes)
{
    for (int unused = 0; unused < 2 && !test_failing; unused++) {
        static CK_BYTE fresh[300] = "what it is now";
        CK_BYTE id = 0x77;
        CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t)"A label that is rather long, for it to move", 43 };
        CK_ATTRIBUTE number = { CKA_ID, &id, 1 }, to = { CKA_VALUE, fresh, sizeof fresh };
        CK_OBJECT_HANDLE data, made;
        bool fired = true;
        for (unsigned n = 1; fired; n++) {
            if (unused) generic_begin_unused(2000, 900);
            else generic_begin_maker(0);
            if (test_failing) return;
            CHECK_RV(generic_store("Data", CK_FALSE, text, sizeof text, &data), CKR_OK);
            CHECK_RV(store_certificate(5, &made), CKR_OK);
            CK_OBJECT_HANDLE first = generic_certificate(1);
            sim_reader_fault(n % 2 ? SIM_EJECT : SIM_EJECT_AFTER, n, NULL);
            CK_RV rv = C_SetAttributeValue(session, first, &label, 1);
            if (!rv) rv = C_SetAttributeValue(session, made, &number, 1);
            if (!rv) rv = C_SetAttributeValue(session, data, &to, 1);
            if (!rv) rv = C_DestroyObject(session, generic_certificate(2));
            fired = broken_off(rv);
            if (!fired) CHECK(is_true(first, CKA_TOKEN) && is_true(made, CKA_TOKEN));
            meet_anew("123456");
            if (test_failing) return;
            for (CK_BYTE i = 1; i <= 4; i++) CHECK(i == 2 || generic_certificate(i));
            CHECK(generic_is_whole(5) || generic_is_whole(0x77));
            CHECK(generic_has(generic_data("Data"), text, sizeof text) ||
                  generic_has(generic_data("Data"), fresh, sizeof fresh));
            if (fired) { scene_end(); continue; }
            CHECK(generic_is_whole(0x77) && !generic_certificate(2));
            CHECK(generic_has(generic_data("Data"), fresh, sizeof fresh));
            CHECK_EQ(generic_made(), unused ? 0 : 2);
            scene_end();
        }
    }
}

#define RUN_WRITE_GENERIC()                                                                      \
    RUN(write_generic_files_like_others);                                                        \
    RUN(write_generic_files_in_a_row);                                                           \
    RUN(write_generic_files_that_nothing_names);                                                 \
    RUN(write_generic_files_of_others);                                                          \
    RUN(write_generic_unused_space);                                                             \
    RUN(write_generic_unused_space_broken_off);                                                  \
    RUN(write_generic_unused_space_that_is_not);                                                 \
    RUN(write_generic_where_there_is_no_room);                                                   \
    RUN(write_generic_write_protected);                                                          \
    RUN(write_generic_keys_stay);                                                                \
    RUN(write_generic_beside_many_reads_directories_once);                                       \
    RUN(write_generic_by_the_second_pin);                                                        \
    RUN(write_generic_changes)

#endif
