// hostile_p15.c: PKCS#15 cards of the standard, on which certificates and data are written, and which
// are full, refuse, lie, or name as unused, or as a certificate's, what is something else's. Whatever a
// card says of itself: its keys, PINs, directories and the values of other objects stay what they are,
// byte for byte, and all is shown as it was before or after the change. The files on the card are looked
// at, not what the library says of them. SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "writing.h"
#include "../sim/sim_generic.h"
#include <stdlib.h>

enum { ODF = 0x5031, INFO = 0x5032, UNUSED = 0x5033, AODF = 0x4401, PRKDF = 0x4402, PUKDF = 0x4403,
       CDF = 0x4404, DODF = 0x4405, PUBLIC = 0x3300, CERTIFICATE = 0x3400, SPARE = 0x3480,
       DATA = 0x3500, KEY_FILE = 0x4b01, PIN_FILE = 0x4b02, OTHER = 0x3701, DIR = 0x2f00 };

static CK_BYTE text[] = "some data of a program";

// ---- Cards ----

#define DIRECTORY 1500              // bytes of each directory file

// The ways in which such a card is written.
static const struct way {
    const char *name;
    struct sim_generic_options o;
    struct sim_p15 files;
} ways[] = {
    { "files are made", { .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN,
                          .creates = SIM_GENERIC_CREATES }, { .size = DIRECTORY } },
    { "files are made, and activated", { .rules = SIM_GENERIC_RULES_ARR, .extended = true,
      .writer = SIM_GENERIC_WRITER_PIN, .creates = SIM_GENERIC_CREATES_INACTIVE },
      { .size = DIRECTORY, .pad = 0xff, .last_update = "20240102030405Z" } },
    { "files are made, full of something, and not selected", { .rules = SIM_GENERIC_RULES_ARR_SE,
      .writer = SIM_GENERIC_WRITER_PIN, .creates = SIM_GENERIC_CREATES, .fill = 0xa5,
      .keeps_place = true, .sw_beyond = 0x6700 }, { .size = DIRECTORY, .relative = true } },
    { "unused space", { .rules = SIM_GENERIC_RULES_EXPANDED, .writer = SIM_GENERIC_WRITER_PIN },
      { .size = DIRECTORY, .spare = 4000, .whole_path = true } },
    { "one file", { .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN,
                    .most_update = 32 }, { .size = DIRECTORY, .spare = 4000, .one_file = true } },
};
enum { MADE, ACTIVATED, FULL_OF, SPACE, ONE_FILE, WAYS };

static const struct way *way;
static CK_BYTE first_ones;          // certificates that the card came with: 1 to that

// A card of a way, before it is put in: more is what it has besides.
static struct sim_fs *begin_card(const struct way *w, const struct sim_p15 *files)
{
    struct sim_generic_options o = w->o;
    struct sim_p15 d = files ? *files : w->files;
    C_Finalize(NULL);                   // what a case that failed left
    sim_reader_clear();
    way = w;
    first_ones = o.two_pins ? 2 : 4;
    o.p15 = &d;
    scene_card = sim_generic_new(&o);
    return (struct sim_fs *)scene_card;
}

static struct sim_fs *fs(void) { return (struct sim_fs *)scene_card; }
static struct sim_fs_file *df(void) { return sim_fs_path(fs(), "3f005015"); }
static struct sim_fs_file *file(uint16_t fid) { return sim_fs_find(df(), fid); }

// A file that is a key's or a PIN's, and which the card lets the user write all the same.
static void add_secret(uint16_t fid, enum sim_fs_type type)
{
    struct sim_fs_file *secret = sim_fs_ef(fs(), df(), fid, "a secret of the card", 21, 600);
    const struct sim_fs_file *like = file(CDF);
    secret->update = like->update;
    memcpy(secret->security, like->security, sizeof like->security);
    secret->security_len = like->security_len;
    secret->security_tag = like->security_tag;
    secret->type = type;
}

// It is put in, and the user logs in; there is a certificate to be stored.
static void put_in(void)
{
    CK_OBJECT_HANDLE key;
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    scene_slot = 0;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 2, &key), CKR_OK);
    certificate_n = issue(key, certificate, sizeof certificate);
    CHECK(certificate_n > 100);
}

static void begin(const struct way *w)
{
    begin_card(w, NULL);
    put_in();
}

// ---- What is on it ----

#define FILES_MAX 120

static struct shot {
    struct { uint16_t fid; size_t n; uint8_t *data; } file[FILES_MAX];
    unsigned n;
} shot;

static void forget(void)
{
    while (shot.n) free(shot.file[--shot.n].data);
}

static void remember_in(const struct sim_fs_file *at)
{
    for (const struct sim_fs_file *f = at->child; f; f = f->next) {
        if (f->type == SIM_DF) { remember_in(f); continue; }
        if (shot.n == FILES_MAX) abort();
        shot.file[shot.n].fid = f->fid;
        shot.file[shot.n].n = f->data_len;
        shot.file[shot.n].data = malloc(f->data_len + 1);
        if (!shot.file[shot.n].data) abort();
        if (f->data_len) memcpy(shot.file[shot.n].data, f->data, f->data_len);
        shot.n++;
    }
}

static void remember(void)
{
    forget();
    remember_in(fs()->mf);
}

static const struct sim_fs_file *anywhere(const struct sim_fs_file *at, uint16_t fid)
{
    const struct sim_fs_file *found = sim_fs_find(at, fid);
    for (const struct sim_fs_file *f = at->child; f && !found; f = f->next)
        if (f->type == SIM_DF) found = anywhere(f, fid);
    return found;
}

// Is every file what it was, but for those that may change (0 ends them)?
static void check_kept(const uint16_t *may)
{
    for (unsigned i = 0; i < shot.n; i++) {
        const struct sim_fs_file *f = anywhere(fs()->mf, shot.file[i].fid);
        bool changes = false;
        for (const uint16_t *p = may; *p; p++) changes = changes || *p == shot.file[i].fid;
        if (changes) continue;
        if (!f || f->data_len != shot.file[i].n ||
            (f->data_len && memcmp(f->data, shot.file[i].data, f->data_len)))
            test_fail(__FILE__, __LINE__, "%s: %04x is not what it was", way->name, shot.file[i].fid);
    }
}

static const uint16_t nothing[] = { 0 };
static const uint16_t writing[] = { CDF, DODF, UNUSED, INFO, SPARE, 0 };
static const uint16_t writing_one_file[] = { CDF, DODF, UNUSED, INFO, SPARE, CERTIFICATE, 0 };
static const uint16_t *changing(void) { return way->files.one_file ? writing_one_file : writing; }

static unsigned made_files(void)
{
    unsigned n = 0;
    for (const struct sim_fs_file *f = df()->child; f; f = f->next) n += f->made;
    return n;
}

// ---- What is shown of it ----

static CK_OBJECT_HANDLE find_certificate(CK_BYTE id)
{
    CK_OBJECT_HANDLE object = 0;
    return scene_find(session, CKO_CERTIFICATE, id, &object) ? 0 : object;
}

static bool shows(CK_BYTE id, const void *value, size_t n)
{
    static uint8_t is[4096];
    CK_OBJECT_HANDLE object = find_certificate(id);
    return object && attribute(object, CKA_VALUE, is, sizeof is) == n && !memcmp(is, value, n);
}

static bool shows_stored(CK_BYTE id) { return shows(id, certificate, certificate_n); }

// The certificates that the card came with, but for one (0: all).
static void check_first_ones(CK_BYTE without)
{
    static const enum sim_key keys[] = { SIM_RSA2048A, SIM_P256A, SIM_P384A, SIM_RSA3072 };
    for (CK_BYTE id = 1; id <= first_ones; id++) {
        const struct sim_key_data *d = sim_key_data(keys[id - 1]);
        if (id == without) continue;
        if (!shows(id, d->certificate, d->certificate_len))
            test_fail(__FILE__, __LINE__, "%s: certificate %u is not what it was", way->name, id);
    }
}

static CK_OBJECT_HANDLE find_data(const char *application)
{
    CK_OBJECT_HANDLE object = 0;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &data_class, sizeof data_class },
                         { CKA_APPLICATION, (void *)(uintptr_t)application, strlen(application) } };
    return scene_search(session, t, 2, &object) ? 0 : object;
}

static bool shows_data(const char *application)
{
    uint8_t is[100];
    CK_OBJECT_HANDLE object = find_data(application);
    return object && attribute(object, CKA_VALUE, is, sizeof is) == sizeof text &&
        !memcmp(is, text, sizeof text);
}

// ---- Written and deleted, in every way ----

static void each_way(void (*run)(const struct way *))
{
    for (int i = 0; i < WAYS; i++) {
        bool before = test_failing;
        test_failing = false;
        run(&ways[i]);
        if (test_failing) printf("    so it was with: %s\n", ways[i].name);
        test_failing = test_failing || before;
    }
}

static void write_and_delete(const struct way *w)
{
    CK_OBJECT_HANDLE made;
    begin(w);
    if (test_failing) return;
    remember();
    CHECK_RV(store_certificate(0x20, &made), CKR_OK);
    CHECK_RV(store_certificate(0x21, &made), CKR_OK);
    CHECK_RV(store_data("A program", text, sizeof text, &made), CKR_OK);
    CHECK(shows_stored(0x20) && shows_stored(0x21) && shows_data("A program"));
    check_kept(changing());
    meet_anew("123456");
    if (test_failing) return;
    CHECK(shows_stored(0x20) && shows_stored(0x21) && shows_data("A program"));
    check_first_ones(0);
    CHECK_RV(C_DestroyObject(session, find_certificate(0x20)), CKR_OK);
    CHECK_RV(C_DestroyObject(session, find_data("A program")), CKR_OK);
    CHECK_RV(C_DestroyObject(session, find_certificate(1)), CKR_OK);
    CHECK(!find_certificate(0x20) && !find_certificate(1) && shows_stored(0x21));
    meet_anew("123456");
    if (test_failing) return;
    CHECK(!find_certificate(0x20) && !find_certificate(1) && shows_stored(0x21));
    check_first_ones(1);
    scene_end();
}

TEST(hostile_p15_cards_are_written) { each_way(write_and_delete); }

// What is deleted makes room: as often as one likes.
static void come_and_go(const struct way *w)
{
    CK_OBJECT_HANDLE made;
    begin(w);
    for (int n = 0; n < 30 && !test_failing; n++) {
        CHECK_RV(store_certificate(0x20, &made), CKR_OK);
        CHECK_RV(C_DestroyObject(session, made), CKR_OK);
        CHECK_RV(store_data("A program", text, sizeof text, &made), CKR_OK);
        CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    }
    CHECK_EQ(made_files(), 0);
    check_first_ones(0);
    scene_end();
}

TEST(hostile_p15_room_comes_back) { each_way(come_and_go); }

// ---- Who may write ----

// Nothing is stored or deleted, and nothing changes.
static void check_refused(CK_RV want)
{
    CK_OBJECT_HANDLE made, first = find_certificate(1);
    CK_RV rv[3];
    remember();
    rv[0] = store_certificate(0x20, &made);
    rv[1] = store_data("A program", text, sizeof text, &made);
    rv[2] = C_DestroyObject(session, first);
    for (int i = 0; i < 3; i++)
        if (!rv[i] || (want && rv[i] != want && rv[i] != CKR_ACTION_PROHIBITED)) test_fail(__FILE__, __LINE__, "%d: %#lx", i, rv[i]);
    check_kept(nothing);
    CHECK_EQ(made_files(), 0);
    check_first_ones(0);
}

TEST(hostile_p15_who_may_not_write)
{
    for (int i = 0; i < 7 * WAYS && !test_failing; i++) {
        struct way other = ways[i / 7];
        CK_RV want = 0;
        switch (i % 7) {
        case 0: other.files.token_flags = 1 << 0 | 1 << 1 | 1 << 2; want = CKR_TOKEN_WRITE_PROTECTED; break;
        case 1: other.o.writer = SIM_GENERIC_WRITER_NONE; break;
        case 2: other.o.fixed_directories = true; break;
        case 3: other.o.writer = SIM_GENERIC_WRITER_SECOND; other.o.two_pins = true; break;
        case 4: want = CKR_SESSION_READ_ONLY; break;
        case 5: want = CKR_USER_NOT_LOGGED_IN; break;
        default: other.o.rules = SIM_GENERIC_RULES_NONE; other.o.writer = SIM_GENERIC_WRITER_NONE;
        }
        begin_card(&other, NULL);
        put_in();
        if (test_failing) return;
        if (i % 7 == 4) CHECK_RV(C_CloseSession(session), CKR_OK);
        if (i % 7 == 4) CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
        if (i % 7 == 4) CHECK_RV(C_Login(session, CKU_USER, PIN, 6), CKR_OK);
        if (i % 7 == 5) CHECK_RV(C_Logout(session), CKR_OK);
        check_refused(want);
        scene_end();
        if (test_failing) printf("    %d, %s\n", i % 7, ways[i / 7].name);
    }
}

// The second PIN's token, in the second slot: it writes where that PIN may.
static void write_by_second(const struct way *w)
{
    struct way other = *w;
    CK_OBJECT_HANDLE made;
    other.o.writer = SIM_GENERIC_WRITER_SECOND;
    other.o.two_pins = true;
    begin_card(&other, NULL);
    put_in();
    if (test_failing) return;
    CHECK_RV(C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_UTF8CHAR *)"654321", 6), CKR_OK);
    remember();
    CHECK_RV(store_certificate(0x20, &made), CKR_OK);
    CHECK(shows_stored(0x20) && is_true(made, CKA_TOKEN));
    check_kept(changing());
    CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    CHECK_RV(C_DestroyObject(session, find_certificate(3)), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, 3, &made), CKR_OK);
    certificate_n = issue(made, certificate, sizeof certificate);
    CHECK_RV(store_certificate(3, &made), CKR_OK);
    CHECK(shows_stored(3) && is_true(made, CKA_TOKEN));
    scene_end();
}

TEST(hostile_p15_second_pin_writes) { each_way(write_by_second); }

// What a new file holds nobody changes but who writes the card; private data nobody reads but the user.
TEST(hostile_p15_rules_of_new_files)
{
    for (int i = MADE; i < SPACE && !test_failing; i++) {
        CK_OBJECT_HANDLE made;
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &data_class, sizeof data_class }, { CKA_TOKEN, &yes, 1 },
                             { CKA_PRIVATE, &yes, 1 }, { CKA_LABEL, text, 4 },
                             { CKA_VALUE, text, sizeof text } };
        begin(&ways[i]);
        CHECK_RV(store_certificate(0x20, &made), CKR_OK);
        CHECK_RV(store_data("A program", text, sizeof text, &made), CKR_OK);
        CHECK_EQ(made_files(), 2);
        CK_RV rv = C_CreateObject(session, a, 5, &made);
        for (const struct sim_fs_file *f = df()->child; f; f = f->next) {
            if (!f->made) continue;
            CHECK(f->update == SIM_PIN(0) && (f->remove == SIM_PIN(0) || f->remove == SIM_NEVER));
            CHECK(!f->inactive);
        }
        if (!rv) CHECK_EQ(made_files(), 3);
        for (const struct sim_fs_file *f = df()->child; f && !rv; f = f->next)
            if (!f->next) CHECK_EQ(f->read, SIM_PIN(0));
        scene_end();
        if (test_failing) printf("    %s\n", ways[i].name);
    }
}

// The time of the last change is another one, where it may be written; else it stays.
TEST(hostile_p15_time_of_the_last_change)
{
    for (int i = 0; i < 2 && !test_failing; i++) {
        static const uint8_t was[] = "20240102030405Z";
        struct way other = ways[ACTIVATED];
        CK_OBJECT_HANDLE made;
        other.o.fixed_info = i;
        begin_card(&other, NULL);
        put_in();
        if (test_failing) return;
        remember();
        CHECK_RV(store_certificate(0x20, &made), CKR_OK);
        const struct sim_fs_file *info = file(INFO);
        bool same = false;
        for (size_t k = 0; k + 15 <= info->data_len; k++)
            same = same || !memcmp(info->data + k, was, 15);
        CHECK_EQ(same, i);
        meet_anew("123456");
        if (!test_failing) CHECK(shows_stored(0x20));
        scene_end();
    }
}

// A card that lets nobody delete files: what they were about is gone all the same, others stay.
TEST(hostile_p15_files_that_cannot_be_deleted)
{
    struct way other = ways[MADE];
    CK_OBJECT_HANDLE made;
    other.o.no_delete = true;
    begin_card(&other, NULL);
    put_in();
    if (test_failing) return;
    CHECK_RV(store_certificate(0x20, &made), CKR_OK);
    CK_RV rv = C_DestroyObject(session, made);
    CHECK(rv ? shows_stored(0x20) : !find_certificate(0x20));
    rv = C_DestroyObject(session, find_certificate(1));
    CHECK_RV(store_certificate(0x21, &made), CKR_OK);
    meet_anew("123456");
    if (test_failing) return;
    CHECK(shows_stored(0x21));
    check_first_ones(rv ? 0 : 1);
    scene_end();
}

// Without a file for data there is one afterwards, or nothing changed.
static void write_without_directory(const struct way *w)
{
    struct way other = *w;
    CK_OBJECT_HANDLE made;
    other.o.no_data = true;
    begin_card(&other, NULL);
    put_in();
    if (test_failing) return;
    remember();
    CK_RV rv = store_data("A program", text, sizeof text, &made);
    if (rv) check_kept(nothing);
    if (rv) CHECK_EQ(made_files(), 0);
    meet_anew("123456");
    if (test_failing) return;
    CHECK(rv ? !find_data("A program") : shows_data("A program"));
    check_first_ones(0);
    scene_end();
}

TEST(hostile_p15_no_directory_of_data) { each_way(write_without_directory); }

// ---- Full ----

// Until no more fits: then nothing has changed, and nothing lies about.
static void fill(void)
{
    CK_OBJECT_HANDLE made;
    CK_BYTE id = 0x20;
    CK_RV rv = CKR_OK;
    unsigned files = 0;
    put_in();
    while (!rv && id < 0x60 && !test_failing) {
        remember();
        files = made_files();
        rv = store_certificate(id++, &made);
    }
    CHECK_RV(rv, CKR_DEVICE_MEMORY);
    check_kept(nothing);
    CHECK_EQ(made_files(), files);
    id--;
    meet_anew("123456");
    if (test_failing) return;
    check_first_ones(0);
    CHECK(!find_certificate(id));
    while (--id >= 0x20) CHECK(shows_stored(id));
    scene_end();
}

static void fill_each(const struct way *w)
{
    struct way small = *w;
    small.o.memory = 1500;
    begin_card(w, NULL);
    fill();
    if (test_failing) return;
    if (small.o.creates) { begin_card(&small, NULL); fill(); }
    small.files.size = 0;                   // each directory as long as what is in it
    begin_card(&small, NULL);
    if (!test_failing) fill();
}

TEST(hostile_p15_cards_that_are_full) { each_way(fill_each); }

// ---- Space that is not unused ----

// The one record of EF.UnusedSpace names something. Nothing is written there.
static void claim(uint16_t fid, unsigned index, unsigned length)
{
    const struct sim_p15_unused one = { fid, index, length, 0 };
    const struct sim_p15_key keys[] = {
        { .label = "Sign", .key = SIM_RSA2048A, .id = 1, .pin_id = 1, .ref = 1, .file = KEY_FILE },
        { .label = "Sign EC", .key = SIM_P256A, .id = 2, .pin_id = 1, .ref = 2, .file = 0x4b03 } };
    struct sim_p15 files = { .size = DIRECTORY, .whole_path = true, .unused = &one, .n_unused = 1,
                             .keys = keys, .n_keys = 2 };
    CK_OBJECT_HANDLE made;
    begin_card(&ways[SPACE], &files);
    add_secret(KEY_FILE, SIM_EF);
    add_secret(0x4b03, SIM_KEY_FILE);
    add_secret(PIN_FILE, SIM_KEY_FILE);
    put_in();
    if (test_failing) return;
    remember();
    CK_RV rv = store_certificate(0x20, &made);
    if (!rv) test_fail(__FILE__, __LINE__, "a certificate is stored");
    rv = store_data("A program", text, sizeof text, &made);
    if (!rv) test_fail(__FILE__, __LINE__, "data is stored");
    check_kept(nothing);
    CHECK_EQ(made_files(), 0);
    scene_end();
    if (test_failing) printf("    %04x from %u, %u bytes, is named unused\n", fid, index, length);
}

TEST(hostile_p15_space_that_is_something_else_s)
{
    static const uint16_t theirs[] = { ODF, INFO, UNUSED, AODF, PRKDF, PUKDF, CDF, DODF, PUBLIC,
                                       CERTIFICATE, DATA, KEY_FILE, PIN_FILE, 0x4b03, 0x7777, DIR, 0,
                                       0x3f00, 0x5015 };
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs && !test_failing; i++) {
        claim(theirs[i], 0, 600);
        if (!test_failing) claim(theirs[i], 40, 0xffff);
        if (!test_failing) claim(theirs[i], 0xffff00, 0x700000);
    }
}

// Records that overlap each other or what is in use, or go beyond the end: what is stored is what is
// read, and nothing else changed.
static void store_into(const struct sim_p15_unused *some, unsigned n, bool one_file)
{
    struct sim_p15 files = ways[one_file ? ONE_FILE : SPACE].files;
    CK_OBJECT_HANDLE made;
    CK_RV rv = CKR_OK;
    CK_BYTE id = 0x20;
    files.unused = some;
    files.n_unused = n;
    begin_card(&ways[one_file ? ONE_FILE : SPACE], &files);
    put_in();
    while (!rv && id < 0x30 && !test_failing) rv = store_certificate(id++, &made);
    if (!rv) test_fail(__FILE__, __LINE__, "there is no end of room");
    id--;
    for (int again = 0; again < 2 && !test_failing; again++) {
        check_first_ones(0);
        for (CK_BYTE i = 0x20; i < id; i++) CHECK(shows_stored(i));
        if (!again) meet_anew("123456");
    }
    scene_end();
    for (unsigned i = 0; test_failing && i < n; i++)
        printf("    %04x from %u, %u bytes%s\n", some[i].fid, some[i].index, some[i].length,
               one_file ? ", one file" : "");
}

TEST(hostile_p15_space_that_overlaps_or_does_not_end)
{
    static const struct sim_p15_unused some[][3] = {
        { { SPARE, 0, 2000, 0 }, { SPARE, 1000, 2000, 0 }, { SPARE, 0, 4000, 0 } },
        { { SPARE, 0, 2000, 0 }, { SPARE, 0, 2000, 0 }, { SPARE, 100, 1000, 0 } },
        { { SPARE, 3900, 60000, 0 }, { SPARE, 60000, 2000, 0 }, { SPARE, 0, 65535, 0 } },
        { { SPARE, 3999, 1, 0 }, { SPARE, 4000, 0, 0 }, { SPARE, 0, 0xffffff, 0 } },
        { { CERTIFICATE, 0, 60000, 0 }, { CERTIFICATE, 100, 500, 0 }, { CERTIFICATE, 1200, 4000, 0 } },
        { { CERTIFICATE, 2000, 1000, 0 }, { CERTIFICATE, 2400, 1000, 0 },
          { CERTIFICATE, 3000, 5000, 0 } },
    };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++)
        store_into(some[i], 3, some[i][0].fid == CERTIFICATE);
}

// EF.UnusedSpace of any bytes: what is in use stays.
TEST(hostile_p15_space_of_any_bytes)
{
    uint32_t dice = 1;
    for (int i = 0; i < 200 && !test_failing; i++) {
        static const struct sim_p15_unused some[] = { { SPARE, 0, 2000, 0 }, { SPARE, 2000, 2000, 1 } };
        struct sim_p15 files = ways[i % 2 ? SPACE : ONE_FILE].files;
        CK_OBJECT_HANDLE made;
        files.unused = i % 2 ? some : NULL;
        files.n_unused = i % 2 ? 2 : 0;
        begin_card(&ways[i % 2 ? SPACE : ONE_FILE], &files);
        for (int k = 0; k < 1 + i / 50; k++) {
            dice = dice * 1664525 + 1013904223;
            file(UNUSED)->data[(dice >> 8) % 48] = (uint8_t)(dice >> 24);
        }
        put_in();
        if (test_failing) return;
        remember();
        store_certificate(0x20, &made);
        store_data("A program", text, sizeof text, &made);
        check_kept(changing());
        meet_anew("123456");
        if (!test_failing) check_first_ones(0);
        scene_end();
        if (test_failing) printf("    round %d\n", i);
    }
}

// ---- Entries that name what is not theirs ----

// Certificate 2's path, 3F00 5015 3401, becomes another one.
static void point(uint16_t fid)
{
    static const uint8_t path[] = { 0x3f, 0x00, 0x50, 0x15, 0x34, 0x01 };
    uint8_t *p = file(CDF)->data;
    for (size_t i = 0; i + sizeof path <= file(CDF)->data_len; i++) {
        if (memcmp(p + i, path, sizeof path)) continue;
        p[i + 4] = (uint8_t)(fid >> 8);
        p[i + 5] = (uint8_t)fid;
        return;
    }
    abort();
}

TEST(hostile_p15_certificate_whose_file_is_something_else_s)
{
    static const uint16_t theirs[] = { CERTIFICATE, ODF, INFO, AODF, PRKDF, PUKDF, CDF, DODF, PUBLIC,
                                       DATA, KEY_FILE, PIN_FILE, 0x7777 };
    for (size_t i = 0; i < 2 * sizeof theirs / sizeof *theirs && !test_failing; i++) {
        static const uint16_t may[] = { CDF, INFO, UNUSED, 0 };
        begin_card(&ways[i % 2 ? SPACE : MADE], NULL);
        add_secret(KEY_FILE, SIM_EF);
        add_secret(PIN_FILE, SIM_KEY_FILE);
        for (struct sim_fs_file *f = df()->child; f; f = f->next) f->remove = SIM_FREE;
        point(theirs[i / 2]);
        put_in();
        if (test_failing) return;
        remember();
        CK_OBJECT_HANDLE it = find_certificate(2);
        CK_RV rv = it ? C_DestroyObject(session, it) : CKR_OK;
        if (rv) check_kept(nothing);
        else if (theirs[i / 2] != CDF && theirs[i / 2] != INFO) check_kept(may);
        CHECK(file(CDF) && file(INFO) && file(ODF));
        meet_anew("123456");
        if (test_failing) return;
        check_first_ones(2);
        scene_end();
        if (test_failing) printf("    it was %04x\n", theirs[i / 2]);
    }
}

// A file that no directory names is somebody's all the same: it stays where a new one would be made.
TEST(hostile_p15_files_of_others_where_new_ones_would_be)
{
    for (int i = 0; i < 2 * SPACE && !test_failing; i++) {
        uint16_t fid = 0;
        CK_OBJECT_HANDLE made;
        begin(&ways[i / 2]);
        CHECK_RV(store_certificate(0x20, &made), CKR_OK);
        for (const struct sim_fs_file *f = df()->child; f; f = f->next) if (f->made) fid = f->fid;
        scene_end();
        CHECK(fid);
        begin_card(&ways[i / 2], NULL);
        add_secret(fid, i % 2 ? SIM_KEY_FILE : SIM_EF);
        file(fid)->remove = SIM_FREE;
        put_in();
        if (test_failing) return;
        remember();
        CK_RV rv = store_certificate(0x20, &made);
        check_kept(writing);
        CHECK(rv ? !find_certificate(0x20) : shows_stored(0x20));
        meet_anew("123456");
        if (test_failing) return;
        CHECK(rv ? !find_certificate(0x20) : shows_stored(0x20));
        scene_end();
        if (test_failing) printf("    %04x, %s\n", fid, ways[i / 2].name);
    }
}

// ---- FCPs that lie ----

static void say_size(uint16_t fid, uint16_t size) { file(fid)->size = size; }

TEST(hostile_p15_fcps_that_lie)
{
    for (int i = 0; i < 6 * WAYS && !test_failing; i++) {
        CK_OBJECT_HANDLE made;
        struct sim_p15 exact = ways[i / 6].files;
        exact.size = 0;
        begin_card(&ways[i / 6], i % 6 < 2 ? &exact : NULL);
        switch (i % 6) {
        case 0: say_size(CDF, 3000); break;             // longer than it is, and full
        case 1: say_size(CDF, 0xffff); break;
        case 2: say_size(CDF, 10); break;               // shorter than what is in it
        case 3: file(CDF)->update = SIM_NEVER; break;   // it says that the PIN will do
        case 4: if (file(SPARE)) say_size(SPARE, 0xffff), file(SPARE)->update = SIM_NEVER; break;
        default: df()->update = SIM_NEVER; break;
        }
        put_in();
        if (test_failing) return;
        remember();
        CK_RV rv = store_certificate(0x20, &made);
        check_kept(changing());
        if (rv) CHECK_EQ(made_files(), 0);
        if (rv) CHECK(!find_certificate(0x20));
        meet_anew("123456");
        if (test_failing) return;
        if (i % 6 != 2) {                       // (what an FCP hides is not read)
            check_first_ones(0);
            CHECK(rv ? !find_certificate(0x20) : shows_stored(0x20));
        }
        scene_end();
        if (test_failing) printf("    lie %d, %s: %#lx\n", i % 6, ways[i / 6].name, rv);
    }
}

// ---- Broken off ----

struct change {
    const char *name;
    CK_RV (*run)(void);
    bool (*done)(void);
};

static CK_RV do_store(void) { CK_OBJECT_HANDLE made; return store_certificate(0x20, &made); }
static bool done_store(void) { return shows_stored(0x20); }
static CK_RV do_destroy(void) { return C_DestroyObject(session, find_certificate(2)); }
static bool done_destroy(void) { return !find_certificate(2); }
static CK_RV do_data(void)
{
    CK_OBJECT_HANDLE made;
    return store_data("A program", text, sizeof text, &made);
}
static bool done_data(void) { return shows_data("A program"); }

static const struct change changes[] = {
    { "a certificate stored", do_store, done_store },
    { "a certificate deleted", do_destroy, done_destroy },
    { "data stored", do_data, done_data },
};

static const enum sim_fault faults[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_ANSWER_6F00, SIM_FAILED_AFTER,
                                         SIM_RESET, SIM_ANSWER_0, SIM_RESET_AFTER };
#define FAULTS (sizeof faults / sizeof *faults)

// All is there that was, with the change or without, and it can be made after all.
static void check_broken_off(const struct change *c)
{
    bool gone = c->run == do_destroy;
    CK_OBJECT_HANDLE made;
    meet_anew("123456");
    if (test_failing) return;
    check_first_ones(gone ? 2 : 0);
    if (!c->done()) CHECK_RV(c->run(), CKR_OK);
    CHECK(c->done());
    check_first_ones(gone ? 2 : 0);
    CHECK_RV(store_certificate(0x2f, &made), CKR_OK);   // which cleans up
    CHECK(made_files() <= (way->o.creates ? 1u + !gone : 0u));
    meet_anew("123456");
    if (test_failing) return;
    CHECK(c->done() && shows_stored(0x2f));
    check_first_ones(gone ? 2 : 0);
}

// Returns whether the fault came to pass.
static bool break_off(const struct change *c, enum sim_fault fault, unsigned n)
{
    begin(way);
    if (test_failing) return false;
    sim_reader_fault(fault, n, NULL);
    bool fired = broken_off(c->run());
    if (!test_failing) check_broken_off(c);
    scene_end();
    return fired && !test_failing;
}

TEST(hostile_p15_changes_are_broken_off_at_each_command)
{
    for (size_t i = 0; i < 3 * WAYS && !test_failing; i++) {
        const struct change *c = &changes[i / WAYS];
        bool fired = true;
        for (unsigned n = 1; fired && !test_failing; n++) {
            way = &ways[i % WAYS];
            fired = break_off(c, faults[(n + i) % FAULTS], n);
            if (test_failing)
                printf("    %s, %s, %s at %u\n", way->name, c->name,
                       sim_fault_name(faults[(n + i) % FAULTS]), n);
        }
    }
}

// ---- Two programs ----

static bool came;

// Another program stores a certificate, 22, in a file of its own: just before the next transaction.
static void other_stores(struct sim_card *card, void *arg)
{
    static const uint8_t entry[] = { 0x30, 0x1d, 0x30, 0x08, 0x0c, 0x06, 'T', 'h', 'e', 'i', 'r', 's',
        0x30, 0x03, 0x04, 0x01, 0x22, 0xa1, 0x0c, 0x30, 0x0a, 0x30, 0x08, 0x04, 0x06, 0x3f, 0x00, 0x50,
        0x15, 0x37, 0x01 };
    struct sim_fs_file *cdf = file(CDF);
    size_t end = cdf->data_len;
    (void)card;
    (void)arg;
    if (came) return;
    came = true;
    sim_fs_ef(fs(), df(), OTHER, certificate, certificate_n, 0)->update = cdf->update;
    while (end && cdf->data[end - 1] == way->files.pad) end--;
    memcpy(cdf->data + end, entry, sizeof entry);
}

TEST(hostile_p15_two_programs_write)
{
    for (size_t i = 0; i < 3 * WAYS && !test_failing; i++) {
        const struct change *c = &changes[i / WAYS];
        begin(&ways[i % WAYS]);
        if (test_failing) return;
        CHECK_EQ(count(CKO_CERTIFICATE), 4);            // they are known
        came = false;
        sim_reader_foreign(0, other_stores, NULL);
        CHECK_RV(c->run(), CKR_OK);
        sim_reader_foreign(0, NULL, NULL);
        CHECK(came && c->done());
        meet_anew("123456");
        if (test_failing) return;
        CHECK(c->done() && shows_stored(0x22));
        check_first_ones(c->run == do_destroy ? 2 : 0);
        scene_end();
        if (test_failing) printf("    %s, %s\n", way->name, c->name);
    }
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(hostile_p15_cards_are_written);
    RUN(hostile_p15_room_comes_back);
    RUN(hostile_p15_who_may_not_write);
    RUN(hostile_p15_second_pin_writes);
    RUN(hostile_p15_rules_of_new_files);
    RUN(hostile_p15_time_of_the_last_change);
    RUN(hostile_p15_files_that_cannot_be_deleted);
    RUN(hostile_p15_no_directory_of_data);
    RUN(hostile_p15_cards_that_are_full);
    RUN(hostile_p15_space_that_is_something_else_s);
    RUN(hostile_p15_space_that_overlaps_or_does_not_end);
    RUN(hostile_p15_space_of_any_bytes);
    RUN(hostile_p15_certificate_whose_file_is_something_else_s);
    RUN(hostile_p15_files_of_others_where_new_ones_would_be);
    RUN(hostile_p15_fcps_that_lie);
    RUN(hostile_p15_changes_are_broken_off_at_each_command);
    RUN(hostile_p15_two_programs_write);
    forget();
    return test_end();
}
