// p15file.c: >>p15file. Files selected and read, on a card that is nothing but files.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

TEST(p15file_knows_when_a_file_is_whole)
{
    static const u8 object[] = { 0x30, 0x02, 0x05, 0x00 }, two[] = { 0x30, 0x00, 0xa0, 0x00 },
        padded[] = { 0x30, 0x00, 0, 0, 0, 0, 0, 0, 0, 0 };
    CHECK(p15file_enough(bytes_of(object, 4), P15_OBJECT));
    CHECK(!p15file_enough(bytes_of(object, 3), P15_OBJECT));
    CHECK(!p15file_enough(bytes_of(object, 4), P15_ANY));
    CHECK(!p15file_enough(bytes_of(two, 4), P15_RECORDS));      // more may come
    CHECK(p15file_enough(bytes_of(padded, 10), P15_RECORDS));   // filler: none will
    CHECK(!p15file_enough(bytes_of(padded, 9), P15_RECORDS));
}

TEST(p15file_trusts_what_looks_right)
{
    CHECK(p15file_plausible(BYTES(0x30, 0x00), P15_OBJECT) && p15file_plausible(BYTES(0x04, 0x00), P15_OBJECT));
    CHECK(!p15file_plausible(BYTES(0x31, 0x00), P15_OBJECT) && !p15file_plausible(BYTES(0x30, 0x01), P15_OBJECT));
    CHECK(p15file_plausible(BYTES(0x00, 0xff, 0xa0), P15_RECORDS) && p15file_plausible(BYTES_NONE, P15_RECORDS));
    CHECK(!p15file_plausible(BYTES(0x00, 0x6f), P15_RECORDS) && !p15file_plausible(BYTES(0x30, 0x00), P15_ANY));
    p15_begin();
    CHECK(p15file_plausible(p15_text("7f21(7f4e:)"), P15_OBJECT) && p15file_plausible(p15_text("67:00"), P15_OBJECT));
    CHECK(!p15file_plausible(p15_text("=7f2101"), P15_OBJECT) && !p15file_plausible(p15_text("7f4e:"), P15_OBJECT));
    CHECK(p15file_plausible(p15_text("=0000 30(04:01)"), P15_RECORDS));
    CHECK(p15file_plausible(BYTES_NONE, P15_RECORDS) && p15file_plausible(p15_text("=ffff"), P15_RECORDS));
    CHECK(!p15file_plausible(p15_text("=41424344"), P15_RECORDS));
    CHECK(p15file_plausible(p15_text("30:"), P15_OBJECT));
    CHECK(p15file_plausible(p15_text("04:01"), P15_OBJECT));
    CHECK(!p15file_plausible(p15_text("31:"), P15_OBJECT) && !p15file_plausible(BYTES_NONE, P15_OBJECT));
    CHECK(!p15file_plausible(p15_text("30:"), P15_ANY) && !p15file_enough(p15_text("30:"), P15_ANY));
    CHECK(p15file_enough(p15_text("30(04:01) =0000000000000000"), P15_RECORDS));
    CHECK(!p15file_enough(p15_text("30(04:01) =00000000"), P15_RECORDS));
    CHECK(!p15file_enough(p15_text("30(04:01) =0000000000000030"), P15_RECORDS));
    CHECK(!p15file_enough(p15_text("=30100102"), P15_RECORDS));
}

TEST(p15file_selecting_by_every_path)
{
    struct token *t = &card_it.tokens[0];
    struct p15 *p = p15_white("=3f005015", 0);
    if (test_failing) return;
    CHECK_ST(p15_white_select("04:3f00"), ST_OK);               // the MF itself
    CHECK(p15_sent("a40000023f0000 ") && !p15_is_home());
    CHECK_ST(p15_white_select("04:4401"), ST_OK);
    CHECK(p15_sent("a4080004" "5015440100 ") && p15_is_home());
    CHECK_ST(p15_white_select("04:3f00"), ST_OK);               // what is not there leaves us where
    CHECK_ST(p15_white_select("04:4409"), ST_NOT_FOUND);        // we are
    CHECK(p15_sent("a4080004" "5015440900 ") && !p15_is_home());
    CHECK_ST(p15_white_select("04:4401"), ST_OK);
    CHECK(p15_sent("a4080004" "5015440100 ") && p15_is_home());
    CHECK_ST(p15_white_select("a1(4f:a000000063504b43532d3135)"), ST_OK);   // an application itself
    CHECK(p15_sent("a404000ca000000063504b43532d313500 ") && !p15_is_home());
    CHECK_ST(p15_white_select("a1(4f:a0 04:4401)"), ST_NOT_FOUND);
    CHECK(p15_sent("a4040001a000 "));
    p->base = BYTES_NONE;                       // found by AID alone: from the current DF on
    p->aid = bytes_of(generic_aid, sizeof generic_aid);
    CHECK_ST(p15_white_select("04:4401"), ST_OK);
    CHECK(p15_sent("a404000ca000000063504b43532d313500 a4000002440100 ") && p15_is_home());
    CHECK_ST(p15_white_select("04:4402"), ST_OK);
    CHECK(p15_sent("a4000002440200 "));
    CHECK_ST(p15_white_select("04:dd014401"), ST_OK);
    CHECK(p15_sent("a4090004dd01440100 ") && !p15_is_home());
    CHECK_ST(p15_white_select("04:4402"), ST_OK);
    CHECK(p15_sent("a404000ca000000063504b43532d313500 a4000002440200 "));
    CHECK_ST(p15_white_select("04:3f00"), ST_OK);               // the MF is not the application's DF
    CHECK(p15_sent("a40000023f0000 ") && !p15_is_home());
    CHECK_ST(p15_white_select("04:4402"), ST_OK);
    CHECK(p15_sent("a404000ca000000063504b43532d313500 a4000002440200 ") && p15_is_home());
    // logged in, and sure of nothing: there is no file whose path would show the application
    card_it.sure = false;
    t->login = true;
    CHECK_ST(place_be_sure(&card_it, t, p15_scratch()), ST_OK);
    CHECK(p15_sent("a404000ca000000063504b43532d313500 "));
    card_it.tokens[1] = (struct token){ .state = t, .login = true };    // another application's
    card_it.token_count = 2;
    t->login = false;
    CHECK(!place_has_login(&card_it, t));
    card_it.tokens[1].state = p;
    CHECK(place_has_login(&card_it, t));
    p15_end();
}

// A file of another application: what that says when it is selected may be as long as it likes.
TEST(p15file_selects_applications_that_say_much)
{
    static char select[700];
    static const char *const lines[] = { select, "00a40900 02 4401 00 > 6f00 9000", NULL };
    const struct p15_path path = { .aid = BYTES(0xa0, 0x00, 0x01), .file = BYTES(0x44, 0x01) };
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    snprintf(select, sizeof select, "00a40400 03 a00001 00 > 6f81fd %s 9000", p15_hex_of(0, 253));
    p15_begin_script(lines, 0);
    if (test_failing) return;
    CHECK_ST(p15file_select_path(&card_it, p15_scripted_token, &path, &fcp), ST_OK);
    CHECK_BYTES(fcp.p, fcp.n, "6f00");
    card_script_over();
}

static size_t p15_table_piece;          // that an answer holds
static unsigned p15_table_reads;

static st p15_table_select(struct card *c, struct token *t, const struct p15_path *path,
                           struct buf *told)
{
    (void)c; (void)t; (void)told;       // there is nothing that could be the current file
    return path->aid.n ? ST_NOT_FOUND : ST_OK;
}

static st p15_table_read(struct card *c, const struct p15_path *path, u32 offset, u32 le,
                         struct buf *out)
{
    bytes fid = bytes_from(path->file, path->file.n - 2);
    (void)c;
    p15_table_reads++;
    for (unsigned i = 0; i < p15_card.n; i++) {
        bytes file = bytes_of(p15_card.file[i].p, p15_card.file[i].n);
        if (p15_card.file[i].fid != bytes_number(fid)) continue;
        if (offset >= file.n) return ST_NOT_FOUND;
        file = bytes_head(bytes_from(file, offset), le);
        buf_put(out, bytes_head(file, p15_table_piece));
        return ST_OK;
    }
    return ST_NOT_FOUND;
}

static const struct p15_io p15_table_io = { p15_table_select, p15_table_read, ISO_FCI };

// The directory, what it names, and the landmark come from a table in memory, in small pieces or
// whole; the card is asked nothing.
TEST(p15file_from_a_table)
{
    for (int whole = 0; whole < 2; whole++) {
        struct p15 *p = p15_white("=3f00", P15_FLAT);
        struct token *t = &card_it.tokens[0];
        if (test_failing) return;
        p->io = &p15_table_io;
        p->odf_path = bytes_of(p15dir_odf, 2);
        p->info_path = bytes_of(p15dir_info, 2);
        p15_table_piece = whole ? 65536 : 100;
        p15_table_reads = 0;
        p15_file(0x5031, "a0(30(04:4402)) a4(30(04:4404)) a7(30(04:4405))");
        p15_file(0x5032, "30(02:00 04:01020304 0c'Maker' 80'Table')");
        p15_file(0x4402, "30(30(0c'RSA' 03:0780 04:01) 30(04:01 03:0520 01:ff 03:00 02:01)"
                 "a1(30(30(04:4b01) 02:0400)))");
        p15_file(0x4404, "30(30(0c'') 30(04:01) a1(30(30(04:3401))))");
        p15_file(0x4405, "30(30(0c'part' 03:00) 30(0c'app') a1(30(04:3501 02:02 80:03)))"
                 "30(30(0c'none' 03:00) 30(0c'app') a1(30(04:3502)))");
        p15_file(0x3501, "=0102030405060708");
        p15_certificate_file(0x3401, SIM_RSA1024);
        CHECK_ST(p15dir_read_info(&card_it, t, p15_scratch()), ST_OK);
        CHECK(!strcmp(t->label, "Table") && !strcmp(t->serial, "01020304"));
        CHECK_ST(p15_take_all(t), ST_OK);
        const struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
        const struct object *certificate = p15_object(CKO_CERTIFICATE, 1);
        CHECK(key && key->key && key->key->bits == 1024);
        CHECK(certificate && certificate->x509);
        for (u32 i = 0; i < card_it.object_count; i++) {
            const struct object *o = card_object_at(&card_it, i);
            if (o->class != CKO_DATA) continue;
            bool part = bytes_equal(o->label, bytes_text("part"));
            CHECK_BYTES(o->value.p, o->value.n, part ? "030405" : "");
        }
        CHECK_EQ(p15_count(CKO_DATA), 2);
        CHECK_EQ(p15_table_reads, whole ? 12 : 17);
        t->login = true;
        card_it.sure = false;           // a new transaction: by what TokenInfo says
        CHECK_ST(place_be_sure(&card_it, t, p15_scratch()), ST_OK);
        CHECK(card_it.sure && p15_sent(""));
        p15_end();
    }
}

// The content of file 3500 of a card, of shape, where nothing else is amiss.
static st p15_white_read(enum p15_shape shape, bytes *out)
{
    struct p15_value value = { .path = { .file = p15_text("=3500") } };
    struct scratch scratch = p15_scratch();
    p15_seen[0] = 0;
    return p15file_read_value(&card_it, &card_it.tokens[0], &value, shape, &scratch, out);
}

TEST(p15file_reading_odd_files)
{
    static const char long_form[] = "3081ff" "30";      // longer than one short answer
    static char text[600];
    bytes out;
    p15_white("=3f005015", 0);
    if (test_failing) return;
    p15_file(0x3500, "=30030102");                      // ends too early
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_NOT_FOUND);
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_OK);
    CHECK_EQ(out.n, 4);
    char *at = text + sprintf(text, "=%s", long_form);
    for (int i = 0; i < 254; i++) at += sprintf(at, "30");
    p15_file(0x3500, text);
    p15_card.no_fcp = true;
    card_it.link.extended.on = false;
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_OK);
    CHECK_EQ(out.n, 258);
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_OK);
    CHECK_EQ(out.n, 258);
    at = text + sprintf(text, "=1f820081ff");           // a tag of several bytes is no object's
    for (int i = 0; i < 140; i++) at += sprintf(at, "30");
    p15_file(0x3500, text);
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_NOT_FOUND);
    p15_card.by_the_byte = true;
    p15_file(0x3500, "30(04:0102)");
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_OK);
    CHECK_EQ(out.n, 6);
    at = text + sprintf(text, "=");
    for (int i = 0; i < 290; i++) at += sprintf(at, "30");
    for (int i = 0; i < 4; i++) {                       // more than as many commands as are sent
        char *whole = malloc(2400);
        strcpy(whole, text);
        strcat(whole, " ");
        strcat(whole, text);
        p15_file(0x3500, whole);
        free(whole);
    }
    p15_card.by_the_byte = true;
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_PROTOCOL);
    p15_card.by_the_byte = p15_card.no_fcp = false;
    p15_card.size = 0xffff;                             // as if of 64 KiB
    p15_file(0x3500, "30(04:0102)");
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_OK);
    p15_card.size = 0;
    p15_card.odd = 0x3500;                              // one that never ends
    p15_card.no_fcp = true;
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_OK);
    CHECK_EQ(out.n, P15_FILE_MAX);
    card_it.link.extended.on = true;
    card_it.link.extended.proven = EXTENDED_FORMS;
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_PROTOCOL);
    card_it.link.extended.on = false;
    p15_card.sw = 0x6981;                               // a file of records, where it is none
    CHECK_ST(p15_white_read(P15_OBJECT, &out), 0x6981);
    p15_card.odd_from = 4;                              // or says so half-way
    p15_card.no_fcp = true;
    CHECK_ST(p15_white_read(P15_RECORDS, &out), 0x6981);
    p15_card.odd_from = 0;
    p15_card.sw = 0x6982;
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_NOT_LOGGED_IN);
    p15_card.sw = 0x6f00;                               // an error: once more
    CHECK_ST(p15_white_read(P15_ANY, &out), 0x6f00);
    CHECK(p15_sent("a40800045015350000 b0000000 a40800045015350000 b0000000 "));
    struct p15_value none = { .direct = BYTES_NONE };
    struct scratch scratch = p15_scratch();
    CHECK_ST(p15file_read_value(&card_it, card_it.tokens, &none, P15_ANY, &scratch, &out),
             ST_NOT_FOUND);
    p15_card.odd = 0;
    p15_file(0x3500, "=410143");                        // another's, on trust; pulled at the SELECT
    card_it.sure = false;
    sim_reader_fault(SIM_EJECT, 3, NULL);
    CHECK_ST(p15_white_read(P15_OBJECT, &out), ST_CARD_REMOVED);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    CHECK(p15_sent("a40800045015350000 b0000000 "));
    CHECK_ST(p15_white_read(P15_ANY, &out), ST_CARD_REMOVED);
    p15_end();
}

// A file of more records than are read, and one of none.
TEST(p15file_of_records)
{
    static char text[400];
    bytes out;
    char *at = text + sprintf(text, "=");
    struct p15_value dir = { .path = { .file = bytes_of(generic_dir, sizeof generic_dir) } };
    for (int turn = 0; turn < 3 && !test_failing; turn++) {
        struct scratch scratch = p15_scratch();
        p15_white("=3f005015", 0);
        if (test_failing) return;
        at = text + sprintf(text, "=");
        for (int i = 0; i < 40 && turn; i++) at += sprintf(at, "023000");
        p15_file(0x2f00, text);
        p15_card.records = true;
        if (turn == 2) sim_reader_fault(SIM_EJECT, 4, NULL);
        st s = p15file_read_value(&card_it, card_it.tokens, &dir, P15_RECORDS, &scratch, &out);
        sim_reader_fault(SIM_NO_FAULT, 0, NULL);
        CHECK_ST(s, turn == 0 ? ST_NOT_FOUND : turn == 1 ? ST_OK : ST_CARD_REMOVED);
        if (turn == 1) CHECK_EQ(out.n, 2 * P15_RECORDS_MAX);
        p15_end();
    }
}

TEST(p15file_parts_of_files)
{
    p15_begin();
    p15_file(0x5031, "a0(30(04:4402 02:04 80:12)) a7(30(04:4405))");
    p15_file(0x4402, "=ffffffff 30(30(0c'a') 30(04:01) a1(30())) =deadbeef");
    p15_file(0x4405, "30(30(0c'one') 30() a1(30(04:3500 02:02 80:03)))"
             "30(30(0c'rest') 30() a1(30(04:3500 02:02))) 30(30(0c'more') 30() a1(30(04:3500 "
             "02:02 80:64)))"
             "30(30(0c'over') 30() a1(30(04:3500 02:64)))");
    p15_file(0x3500, "=000102030405");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK_EQ(p15_count(CKO_PRIVATE_KEY), 1);
    CHECK_EQ(p15_count(CKO_DATA), 4);
    for (u32 i = 0; i < card_it.object_count; i++) {
        const struct object *o = card_object_at(&card_it, i);
        if (o->class != CKO_DATA) continue;
        if (*o->label.p == 'o' && o->label.n == 3) CHECK_BYTES(o->value.p, o->value.n, "020304");
        if (o->label.n == 4) CHECK_EQ(o->value.n, *o->label.p == 'o' ? 0 : 4);
    }
    p15_end();
}

TEST(p15file_of_another_application)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, P15_PIN);
    p15_file(0x4404, "30(30(0c'a') 30(04:01) a1(30(30(a1(4f:a000000063504b43532d3135 04:3401)))))");
    p15_certificate_file(0x3401, SIM_P256A);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_object(CKO_CERTIFICATE, 1)->x509);
    CHECK(!card_it.sure);                       // who knows where we are: a PIN needs a SELECT
    p15_seen[0] = 0;
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), bytes_of("1234", 4), p15_scratch()), ST_OK);
    CHECK(p15_sent("a4080c025015 a40800045015503100 b0000060 "
                   "2000010831323334ffffffff "));
    p15_end();
}

TEST(p15file_that_cannot_be_read_now)
{
    static const enum sim_fault passing[] = { SIM_ANSWER_6F00, SIM_FAILED, SIM_RESET };
    for (size_t f = 0; f < COUNT(passing); f++) {
        for (unsigned n = 1; n < 30 && !test_failing; n++) {
            p15_begin();
            p15_file(0x5031, P15_ODF);
            p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))");
            p15_file(0x4404, "30(30(0c'') 30(04:01) a1(30(30(04:3401))))");
            p15_certificate_file(0x3401, SIM_RSA1024);
            p15_connect(1 << 20);
            if (test_failing) return;
            CHECK_ST(p15_take(), ST_OK);
            sim_reader_fault(passing[f], n, NULL);
            st s = p15_take_all(card_t);
            bool fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            if (!fired) CHECK_ST(s, ST_OK);
            if (fired && f) CHECK(link_is_broken(s));
            if (fired && !f) CHECK_ST(p15_take_all(card_t), ST_OK);
            // a directory file is asked for again; a certificate stays without its value
            if (!f) CHECK(p15_object(CKO_CERTIFICATE, 1) && p15_object(CKO_PRIVATE_KEY, 1));
            p15_end();
            if (!fired) break;
        }
    }
}

static void p15_hear(void *context, const char *line)
{
    *(unsigned *)context += strstr(line, "gives too little at a time") != NULL;
}

// Twelve files of 500 bytes, FID 4500 on: directory files of nothing that is known, or certificates.
static CK_RV p15_open_slow(bool certificates, CK_SESSION_HANDLE *session, unsigned *heard)
{
    static u8 file[500] = { 0x30, 0x82, 0x01, 0xf0 };
    char odf[600], cdf[1200], *at = odf, *entry = cdf;
    p15_begin();
    for (unsigned i = 0; i < 12; i++) {
        sim_files_add(&p15_card, 0x4500 + i, file, sizeof file);
        at += sprintf(at, "a4(30(04:%04x))", 0x4500 + i);
        entry += sprintf(entry, "30(30(0c'%x') 30(04:%02x) a1(30(30(04:%04x))))", i, i, 0x4500 + i);
    }
    p15_file(0x5031, certificates ? "a4(30(04:4401))" : odf);
    p15_file(0x4401, cdf);
    p15_card.by_the_byte = true;
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), &p15_card.card);
    scard11_set_log(p15_hear, heard);
    CK_RV rv = C_Initialize(NULL);
    return rv ? rv : C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, session);
}

// One call does not read for ever: the card is given up, and has begun anew by the next one.
TEST(p15file_a_search_that_would_take_hours)
{
    struct scard11_counters before, after;
    CK_SESSION_HANDLE session = 0;
    unsigned heard = 0;
    CHECK_RV(p15_open_slow(false, &session, &heard), CKR_OK);
    CHECK_RV(scard11_stats(0, &before), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_DEVICE_ERROR);
    CHECK_RV(scard11_stats(0, &after), CKR_OK);
    CHECK_EQ(heard, 1);
    CHECK(after.commands - before.commands >= LINK_READS_MAX);
    CHECK(after.commands - before.commands < LINK_READS_MAX + 30);      // a SELECT for each file
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_SESSION_HANDLE_INVALID);
    p15_card.by_the_byte = false;
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    scard11_set_log(NULL, NULL);
    CHECK_EQ(sim_reader_stats().unbalanced + sim_reader_stats().outside, 0);
}

// Many calls may read as much together: each begins to count.
TEST(p15file_each_call_may_read)
{
    struct scard11_counters after;
    CK_OBJECT_HANDLE all[20];
    CK_SESSION_HANDLE session = 0;
    CK_ULONG n = 0;
    u8 room[10];
    unsigned heard = 0;
    CHECK_RV(p15_open_slow(true, &session, &heard), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(C_FindObjects(session, all, 20, &n), CKR_OK);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    CHECK(n >= 12);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_ATTRIBUTE a = { CKA_VALUE, room, sizeof room };
        CK_RV rv = C_GetAttributeValue(session, all[i], &a, 1);
        CHECK(rv == CKR_OK || rv == CKR_ATTRIBUTE_TYPE_INVALID);       // a profile has no value
    }
    CHECK_RV(scard11_stats(0, &after), CKR_OK);
    CHECK(after.commands > LINK_READS_MAX);
    CHECK_EQ(heard, 0);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    scard11_set_log(NULL, NULL);
}

static void test_p15file(void)
{
    RUN(p15file_knows_when_a_file_is_whole);
    RUN(p15file_trusts_what_looks_right);
    RUN(p15file_selecting_by_every_path);
    RUN(p15file_selects_applications_that_say_much);
    RUN(p15file_from_a_table);
    RUN(p15file_reading_odd_files);
    RUN(p15file_of_records);
    RUN(p15file_parts_of_files);
    RUN(p15file_of_another_application);
    RUN(p15file_that_cannot_be_read_now);
    RUN(p15file_a_search_that_would_take_hours);
    RUN(p15file_each_call_may_read);
}
