// p15.c: >>p15.
// SPDX-License-Identifier: 0BSD
//
// Directory files are written here as text: TAG( what is in it ), TAG:hex, TAG'text', =hex for
// bytes as they are. They lie on a card that is nothing but files (sim_files.h).
#include "../sim/sim_common.h"
#include "../sim/sim_files.h"

static struct sim_files p15_card;
static u8 ALIGNED p15_room[SCARD11_SCRATCH], p15_pool[65536];
static size_t p15_used;
static char p15_seen[4096];             // the commands since p15_watch: 4 bytes of each, and data

static u8 p15_nibble(char c) { return (u8)(c <= '9' ? c - '0' : c - 'a' + 10); }

static size_t p15_hex(const char **s, u8 *out)
{
    size_t n = 0;
    while (strchr("0123456789abcdef", **s) && **s) {
        out[n++] = (u8)(p15_nibble((*s)[0]) << 4 | p15_nibble((*s)[1]));
        *s += 2;
    }
    return n;
}

static size_t p15_write(const char **s, u8 *out)
{
    size_t at = 0;
    while (**s && **s != ')') {
        u8 tag[4], *inner = malloc(32768);
        size_t n = 0;
        if (**s == ' ') { ++*s; free(inner); continue; }
        if (**s == '=') { ++*s; at += p15_hex(s, out + at); free(inner); continue; }
        size_t tag_n = p15_hex(s, tag);
        char kind = *(*s)++;
        if (kind == '(') { n = p15_write(s, inner); ++*s; }
        if (kind == ':') n = p15_hex(s, inner);
        if (kind == '\'') { while (**s != '\'') inner[n++] = (u8)*(*s)++; ++*s; }
        struct buf b = buf_on(out + at, 40000);
        tlv_put(&b, (u32)bytes_number(bytes_of(tag, tag_n)), bytes_of(inner, n));
        at += b.n;
        free(inner);
    }
    return at;
}

static bytes p15_text(const char *text)
{
    u8 *p = p15_pool + p15_used;
    size_t n = p15_write(&text, p);
    p15_used += n;
    return bytes_of(p, n);
}

static struct scratch p15_scratch(void)
{
    return scratch_on(p15_room, sizeof p15_room);
}

static void p15_note(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                     size_t rsp_n)
{
    size_t at = strlen(p15_seen);
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    for (size_t i = 1; i < n && at + 4 < sizeof p15_seen; i++)
        at += (size_t)sprintf(p15_seen + at, "%02x", cmd[i]);
    if (at + 2 <= sizeof p15_seen) strcpy(p15_seen + at, " ");
}

static void p15_file(unsigned fid, const char *text)
{
    bytes b = p15_text(text);
    for (unsigned i = 0; i < p15_card.n; i++) {
        if (p15_card.file[i].fid != fid) continue;
        p15_card.file[i].p = b.p;
        p15_card.file[i].n = b.n;
        return;
    }
    sim_files_add(&p15_card, fid, b.p, b.n);
}

// A certificate of a simulated card, as a file.
static void p15_certificate_file(unsigned fid, enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    sim_files_add(&p15_card, fid, d->certificate, d->certificate_len);
}

static void p15_begin(void)
{
    p15_used = 0;
    sim_files_begin(&p15_card);
}

static void p15_connect(size_t limit)
{
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), &p15_card.card);
    card_begin(limit);
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_counts = (struct link_count){ 0, 0, 0, 0 };
    card_it.link = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                                  .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&card_it.link, false), ST_OK);
    CHECK_ST(link_begin(&card_it.link), ST_OK);
    p15_seen[0] = 0;
    sim_reader_trace(p15_note, NULL);
}

static void p15_end(void)
{
    link_end(&card_it.link);
    link_disconnect(&card_it.link, false);
    arena_free(&card_it.arena);
    sim_reader_trace(NULL, NULL);
    sim_reader_clear();
}

// Probed by the generic driver, and everything listed.
static st p15_take(void)
{
    card_t->driver = &driver_generic;
    return generic_probe(&card_it, card_t, p15_scratch());
}

static st p15_take_all(struct token *t)
{
    static const struct query all = { .any_class = true, .any_id = true, .logged_in = true };
    st s = t->driver->list(&card_it, t, &all, p15_scratch());
    for (u32 i = 0; i < card_it.object_count && !s; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->unread) s = t->driver->read(&card_it, o, p15_scratch());
    }
    return s;
}

// The same, in the order in which a program may want them.
static st p15_take_in_order(struct token *t, CK_OBJECT_CLASS first)
{
    const struct query one = { .class = first, .any_id = true, .logged_in = true };
    st s = t->driver->list(&card_it, t, &one, p15_scratch());
    for (u32 i = 0; i < card_it.object_count && !s; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->class == first && o->unread)
            s = t->driver->read(&card_it, o, p15_scratch());
    }
    return s ? s : p15_take_all(t);
}

static struct object *p15_object(CK_OBJECT_CLASS class, u8 id)
{
    for (u32 i = 0; i < card_it.object_count; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->class == class && o->id.n == 1 && *o->id.p == id) return o;
    }
    return NULL;
}

static u32 p15_count(CK_OBJECT_CLASS class)
{
    u32 n = 0;
    for (u32 i = 0; i < card_it.object_count; i++)
        n += card_object_at(&card_it, i)->handle && card_object_at(&card_it, i)->class == class;
    return n;
}

// ---- Small things ----

TEST(p15_numbers_and_bits)
{
    CHECK_EQ(p15_number(BYTES(0x7f)), 127);
    CHECK_EQ(p15_number(BYTES(0x81)), 0x81);            // negative: +256
    CHECK_EQ(p15_number(BYTES(0, 0x81)), 0x81);
    CHECK_EQ(p15_number(BYTES_NONE), 0);
    CHECK_EQ(p15_number(BYTES(1, 2, 3, 4, 5)), 0);
    CHECK_EQ(p15_bits(BYTES(7, 0x80)), 1);
    CHECK_EQ(p15_bits(BYTES(0, 0x20, 0x40)), 1u << 2 | 1u << 9);
    CHECK_EQ(p15_bits(BYTES(0)), 0);
    CHECK_EQ(p15_bits(BYTES(0, 0, 0, 0, 1, 0xff)), 1u << 31);   // what is beyond is not seen
    struct tlv t;
    bytes b = p15_text("a0(02:05)");
    CHECK(!tlv_next(&b, &t) && p15_tagged_number(t) == 5);
    b = p15_text("80:05");
    CHECK(!tlv_next(&b, &t) && p15_tagged_number(t) == 5);
    b = p15_text("a0:05");
    CHECK(!tlv_next(&b, &t) && p15_tagged_number(t) == 5);
    b = p15_text("a0(04:07)");
    CHECK(!tlv_next(&b, &t) && p15_tagged_number(t) == 0x040107);
}

static st p15_try_path(const char *text, struct p15_path *path)
{
    *path = (struct p15_path){ .offset = 77 };
    return p15_parse_path(p15_text(text), path);
}

TEST(p15_paths)
{
    struct p15_path p;
    p15_begin();
    CHECK_ST(p15_try_path("04:3f0050154402", &p), ST_OK);
    CHECK_BYTES(p.file.p, p.file.n, "3f00 5015 4402");
    CHECK(!p.offset && !p.length && !p.aid.n);
    CHECK_ST(p15_try_path("04:4402 02:10 80:0100", &p), ST_OK);
    CHECK(p.offset == 16 && p.length == 256);
    CHECK_ST(p15_try_path("04:4402 02:10 a0(02:0100)", &p), ST_OK);
    CHECK(p.offset == 16 && p.length == 256);
    CHECK_ST(p15_try_path("04:3fff4402", &p), ST_OK);           // from the current DF on
    CHECK_BYTES(p.file.p, p.file.n, "4402");
    CHECK_ST(p15_try_path("a1(4f:a0000000 04:4402)", &p), ST_OK);
    CHECK_BYTES(p.aid.p, p.aid.n, "a0000000");
    CHECK_BYTES(p.file.p, p.file.n, "4402");
    CHECK_ST(p15_try_path("a1(4f:a0000000)", &p), ST_OK);       // the application itself
    CHECK_ST(p15_try_path("04:4402 04:4403", &p), ST_OK);       // the first is it
    CHECK_BYTES(p.file.p, p.file.n, "4402");
    CHECK_ST(p15_try_path("02:01", &p), ST_NOT_FOUND);
    CHECK_ST(p15_try_path("04:", &p), ST_NOT_FOUND);
    CHECK_ST(p15_try_path("04:440201", &p), ST_PROTOCOL);       // half an identifier
    CHECK_ST(p15_try_path("04:000102030405060708090a0b0c0d0e0f1011", &p), ST_PROTOCOL);
    CHECK_ST(p15_try_path("a1(4f:000102030405060708090a0b0c0d0e0f10 04:4402)", &p), ST_PROTOCOL);
    CHECK_ST(p15_try_path("04:4402 02:009001", &p), ST_PROTOCOL);
    CHECK_ST(p15_try_path("04:4402 02:00 80:00ffff", &p), ST_PROTOCOL);
}

TEST(p15_records_padding_and_what_was_deleted)
{
    struct tlv t;
    p15_begin();
    bytes b = p15_text("=0000 30(04:01) =ff 00:3004 =00 30(04:02) =0000ffff");
    CHECK(!p15file_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 01");
    CHECK(!p15file_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 02");
    CHECK_ST(p15file_next(&b, &t), ST_NOT_FOUND);
    b = p15_text("=00023004 30(04:02)");                    // a deleted one, and a record at once
    CHECK(!p15file_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 02");
    b = p15_text("=00023004");                              // a deleted one at the very end
    CHECK_ST(p15file_next(&b, &t), ST_NOT_FOUND);
    b = p15_text("=00023004 =05 30(04:02)");                // not one: what follows is no record
    CHECK_ST(p15file_next(&b, &t), ST_PROTOCOL);
    b = p15_text("=3005ff");                                // longer than the file
    CHECK_ST(p15file_next(&b, &t), ST_PROTOCOL);
    CHECK(p15file_is_record(0x30) && p15file_is_record(0x61) && p15file_is_record(0xa0) && p15file_is_record(0xaf));
    CHECK(!p15file_is_record(0x00) && !p15file_is_record(0x31) && !p15file_is_record(0x80));
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

TEST(p15_explicit_where_implicit_is_right)
{
    bytes b;
    p15_begin();
    b = p15_inside(p15_text("30(30(04:4402) 02:0800)"));
    CHECK_BYTES(b.p, b.n, "3004 04024402 02020800");
    b = p15_inside(p15_text("30(04:4402) 02:0800"));        // the content right there
    CHECK_BYTES(b.p, b.n, "3004 04024402 02020800");
    b = p15_inside(p15_text("30(04:4402)"));                // a path alone
    CHECK_BYTES(b.p, b.n, "3004 04024402");
    b = p15_inside(p15_text("30(a1(4f:a0))"));              // and one of another application
    CHECK_BYTES(b.p, b.n, "3005 a1034f01a0");
    b = p15_inside(p15_text("30()"));
    CHECK_BYTES(b.p, b.n, "3000");
    CHECK(!p15_inside(BYTES_NONE).n);
}

TEST(p15_access_rules)
{
    struct p15_rule r;
    bytes b;
    p15_begin();
    b = p15_text("30(03:0780 05:) 30(03:0520 04:31)");          // read: free; execute: authId 31
    r = p15_rule(b, P15_MODE_READ);
    CHECK(r.is_free && !r.user);
    r = p15_rule(b, P15_MODE_USE);
    CHECK(!r.is_free && r.user);
    CHECK_BYTES(r.auth_id.p, r.auth_id.n, "31");
    r = p15_rule(b, 1u << 3);
    CHECK(!r.is_free && !r.user);
    b = p15_text("30(03:0204 a1(04:32 04:33))");                // sign, and: both
    r = p15_rule(b, P15_MODE_USE);
    CHECK_BYTES(r.auth_id.p, r.auth_id.n, "32");
    b = p15_text("30(04:01) 30(03:0520) 30(03:0520 a0(04:31))");    // none, none, not
    r = p15_rule(b, P15_MODE_USE);
    CHECK(!r.is_free && !r.user && !r.auth_id.n);
    r = p15_rule(BYTES_NONE, P15_MODE_USE);
    CHECK(!r.is_free && !r.user);
    r = p15_rule(p15_text("30(03:0520 30(03:0520 02:07))"), P15_MODE_USE);  // an authReference
    CHECK(r.user && !r.auth_id.n && r.environment == 7);
    r = p15_rule(p15_text("30(03:0520 a1(30(03:0780) 04:31 30(02:02)))"), P15_MODE_USE);
    CHECK(r.user && r.auth_id.n && r.environment == 2);
    r = p15_rule(p15_text("30(03:0520 a2(30(03:0640)))"), P15_MODE_USE);    // external: no PIN
    CHECK(!r.user && !r.environment);
    r = p15_rule(p15_text("30(03:0520 a1(=3005))"), P15_MODE_USE);
    CHECK(!r.user);
}

TEST(p15_token_info)
{
    struct p15_info i;
    p15_begin();
    p15_parse_info(p15_text("30(02:01 04:0102 0c'Maker' 80'Label' 03:0560 30(30(02:07 04:aabb)"
                            "30(02:05)) a1(02:01) a2(30(02:01)) a5(18'20250101000000Z'))"),
                   BYTES(0xa0), &i);
    CHECK_BYTES(i.serial.p, i.serial.n, "0102");
    CHECK(i.maker.n == 5 && i.label.n == 5 && i.algorithms.n && i.update.n == 17);
    CHECK_EQ(i.environment, 5);                 // 7 is another application's
    p15_parse_info(p15_text("30(02:01 85'20250101000000Z' 30(30(04:aa) 30(02:07 04:a0)))"),
                   BYTES(0xa0), &i);
    CHECK(i.update.n == 15 && i.environment == 7 && !i.label.n);
    p15_parse_info(p15_text("30(02:01 30(30(02:07 04:bb)))"), BYTES(0xa0), &i);
    CHECK(!i.environment);                      // none is for this application
    p15_parse_info(p15_text("30(02:01 30(30(02:07 06:2a03)))"), BYTES(0xa0), &i);
    CHECK_EQ(i.environment, 7);                 // owner is who said what it means
    p15_parse_info(p15_text("31(02:01)"), BYTES_NONE, &i);
    CHECK(!i.serial.n);
    p15_parse_info(BYTES_NONE, BYTES_NONE, &i);
    CHECK(!i.environment);
}

// ---- PINs ----

static st p15_try_pin(const char *text, struct p15_pin *out)
{
    *out = (struct p15_pin){ .flags = 0 };
    return p15_parse_pin(p15_text(text), out);
}

static bool p15_pads(const struct p15_pin *p, const char *secret, const char *want)
{
    u8 room[CARD_PIN_MAX];
    struct buf b = buf_on(room, sizeof room);
    secret_encode(&p->pin, bytes_of(secret, strlen(secret)), &b);
    return want ? test_bytes(__FILE__, __LINE__, secret, b.p, b.n, want) && !b.full : b.full;
}

TEST(p15_pins_of_every_type)
{
    struct p15_pin p;
    p15_begin();
    CHECK_ST(p15_try_pin("03:0204 0a:00 02:04 02:08 80:11 04:ff", &p), ST_OK);       // BCD
    CHECK(p.pin.coding == CARD_PIN_BCD && p.pin.fill_to == 8 && p.pin.max == 16);
    CHECK_EQ(p.pin.reference, 0x11);
    CHECK(p15_pads(&p, "12345", "12345f ffffffffff") && p15_pads(&p, "12a4", NULL));
    p.pin.filler = 0;
    CHECK(p15_pads(&p, "12345", "123450 0000000000"));
    CHECK_ST(p15_try_pin("03:02c0 0a:01 02:04 02:08 02:0c", &p), ST_OK);            // ASCII
    CHECK(p.flags & P15_PIN_LOCAL && p.pin.max == 12 && !p.pin.fill_to && p.pin.min == 4);
    CHECK(p15_pads(&p, "123456", "313233343536"));
    CHECK_ST(p15_try_pin("03:0204 0a:02 02:04 02:10 a0(02:0081) 04:00", &p), ST_OK);    // UTF-8
    CHECK(p.pin.coding == CARD_PIN_UTF8 && p.pin.fill_to == 16 && p.pin.reference == 0x81);
    CHECK(p15_pads(&p, "\xc3\xa4\xc3\xb6", "c3a4c3b6 00000000 00000000 00000000"));
    CHECK_ST(p15_try_pin("03:0204 0a:03 02:04 02:08 80:01", &p), ST_OK);            // half nibbles
    CHECK(p15_pads(&p, "1234", "f1f2f3f4 ffffffff"));
    CHECK_ST(p15_try_pin("03:00 0a:04 02:04 02:08 80:01", &p), ST_OK);              // ISO 9564-1
    CHECK(p.pin.max == 12 && p.pin.fill_to == 8);
    CHECK(p15_pads(&p, "12345", "2512345f ffffffff") && p15_pads(&p, "1234", "241234ff ffffffff"));
    CHECK_ST(p15_try_pin("03:0204 0a:01 02:04 02:00 80:01", &p), ST_OK);            // no length
    CHECK(p.pin.fill_to == 8 && p.pin.max == 8);
    CHECK_ST(p15_try_pin("03:0204 0a:01 02:7f 02:08 02:64 80:01", &p), ST_OK);      // nonsense
    CHECK(p.pin.min == 8 && p.pin.max == 8);
    CHECK_ST(p15_try_pin("03:00 0a:01 02:04 02:00c8", &p), ST_OK);      // longer than any
    CHECK(p.pin.max == CARD_PIN_MAX);
    CHECK_ST(p15_try_pin("03:00 0a:01 02:04 02:08 80:01 18'2020' 30(04:3f00dd01)", &p), ST_OK);
    CHECK_BYTES(p.where.file.p, p.where.file.n, "3f00 dd01");
    CHECK_ST(p15_try_pin("03:0204 0a:00 02:04 02:00c8 02:64 80:01", &p), ST_OK);   // BCD, too long
    CHECK(p.pin.fill_to == 8 && p.pin.max == 16);
    CHECK_ST(p15_try_pin("03:00 0a:00 02:04 02:00c8", &p), ST_OK);
    CHECK(p.pin.max && p.pin.max <= 2 * CARD_PIN_MAX);
    CHECK_ST(p15_try_pin("03:00 0a:04 02:04 02:04", &p), ST_OK);    // ISO 9564-1 in four bytes
    CHECK(p.pin.fill_to == 4 && p.pin.max == 6);
    CHECK_ST(p15_try_pin("03:0640 0a:01 02:04 02:08 03:0204 04: 30(04:4402 02:009001)", &p), ST_OK);
    CHECK(p.flags == P15_PIN_LOCAL && p.pin.filler == 0xff && !p.where.file.n);  // the first BIT STRING
    CHECK_ST(p15_try_pin("03:00 0a:05 02:04 02:08", &p), ST_PROTOCOL);
    CHECK_ST(p15_try_pin("03:00 0a:01", &p), ST_PROTOCOL);
}

// ---- Whole directories ----

#define P15_ODF "a8(30(04:3f0050154401)) a0(30(04:3f0050154402)) a1(30(04:3f0050154403)) " \
    "a4(30(04:3f0050154404)) a7(30(04:3f0050154405)) a3(30(04:3f0050154406)) a2(30(04:4407)) "     \
    "a5(30(04:4408)) a6(30(04:4409))"
#define P15_LONG32 "4142434445464748494a4b4c4d4e4f504142434445464748494a4b4c4d4e4f50"
#define P15_LONG P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 \
    P15_LONG32 P15_LONG32
#define P15_POINT "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define P15_SPKI "30(30(06:2a8648ce3d0201 06:2a8648ce3d030107) 03:00" P15_POINT ")"
#define P15_PIN "30(30(0c'PIN' 03:06c0 04:02) 30(04:01) " \
    "a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"

TEST(p15_a_directory_of_everything)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, P15_PIN "30(30(0c'PUK') 30(04:02) a1(30(03:0102 0a:01 02:08 02:08 80:02)))"
             "30(30(0c'SO') 30(04:03) a1(30(03:0001 0a:01 02:08 02:08 80:03)))"
             "a0(30(0c'finger') 30(04:04) a1(30(03:00)))");
    // an RSA key; an EC key with its curve in the parameters; one of a kind that is not known
    p15_file(0x4402, "30(30(0c'RSA' 03:0780 04:01) 30(04:01 03:0520 01:ff 03:00 02:81)"
             "a0(30(30(31(30(06:550403 0c'Name'))))) a1(30(30(04:4b01) 02:0400)))"
             "a0(30(0c'EC' 03:0780 04:01) 30(04:02 03:070080 02:02) a1(30(30(04:) "
             "30(06:2a8648ce3d030107))))"
             "a1(30(0c'DH') 30(04:03) a1(30(30(04:))))");
    p15_file(0x4403, "30(30(0c'RSA public') 30(04:01 03:0102) a1(30(30(04:3301) 02:0400)))"
             "30(30(0c'alone') 30(04:09 03:0182) a1(30(30(04:3309) 02:0400)))"
             "a1(30(0c'DH') 30(04:03) a1(30(30(04:))))");
    p15_file(0x4407, "a0(30(0c'trusted') 30(04:08 03:070080) a1(30(30(04:3308) "
             "06:2a8648ce3d030107)))");
    p15_file(0x4404, "30(30(0c'') 30(04:01 01:00) a1(30(30(04:3401))))"
             "a1(30(0c'SPKI') 30(04:07) a1(30(30(04:3401)))) 30(30(0c'URL') 30(04:06) "
             "a1(30(13'http:')))");
    p15_file(0x4408, "30(30(0c'CA') 30(04:0a 01:ff) a1(30(30(04:340a))))");
    p15_file(0x4409, "30(30(0c'broken') 30(04:0b) a1(30(30(04:340b))))");
    p15_file(0x4405, "30(30(0c'text' 03:00) 30(0c'app' 06:2a03) a1(30(04:3501)))"
             "a1(30(0c'named') 30(0c'app') a1(30(06:2a04 30(04:3502))))"
             "a1(30(0c'nothing') 30(0c'app') a1(30(06:2a04)))"
             "a0(30(0c'external') 30(0c'app') a1(30(04:3501)))"
             "30(30(0c'inside' 03:0780 04:01) 30(0c'app') a1(a0(04:010203)))");
    p15_file(0x4406, "af(30(0c'AES') 30(04:10) a1(30(30(04:4d01))))");
    p15_file(0x3501, "=74657874");
    p15_file(0x3502, "=0102");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_certificate_file(0x340a, SIM_P256A);
    p15_file(0x340b, "30(02:01)");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(card_it.token_count, 0);           // one more is the prober's to count
    CHECK_EQ(card_pin(card_t)->reference, 1);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    struct object *rsa = p15_object(CKO_PRIVATE_KEY, 1), *ec = p15_object(CKO_PRIVATE_KEY, 2);
    CHECK(rsa && ec && p15_count(CKO_PRIVATE_KEY) == 2);
    CHECK(rsa->private && rsa->ref == 0x81 && rsa->use == CARD_SIGN);
    CHECK(rsa->key && rsa->key->type == ALG_RSA && rsa->key->bits == 1024 && rsa->key->spki.n);
    CHECK(rsa->subject.n && *rsa->subject.p == 0x30);
    CHECK(ec->key && ec->key->curve == alg_curve_named("P-256") && !ec->key->spki.n);
    CHECK_EQ(ec->use, CARD_DERIVE);
    CHECK_EQ(p15_count(CKO_PUBLIC_KEY), 4);     // 1, 2, 8, 9
    struct object *alone = p15_object(CKO_PUBLIC_KEY, 9), *trusted = p15_object(CKO_PUBLIC_KEY, 8);
    CHECK(alone && alone->use == (CARD_SIGN | CARD_DECRYPT));
    CHECK(alone->key && alone->key->bits == 1024);
    CHECK(trusted && trusted->use == CARD_DERIVE);
    struct object *certificate = p15_object(CKO_CERTIFICATE, 1);
    CHECK(certificate && certificate->x509 && p15_count(CKO_CERTIFICATE) == 3);
    CHECK(certificate->label.n && certificate->label.n < 40);       // the subject's name
    CHECK(!certificate->trusted && !certificate->authority);
    struct object *ca = p15_object(CKO_CERTIFICATE, 0x0a);
    struct object *useful = p15_object(CKO_CERTIFICATE, 0x0b);
    CHECK(ca->x509 && ca->trusted && ca->authority);
    CHECK(!useful->x509 && !useful->trusted && !useful->authority);
    CHECK(trusted->trusted && !alone->trusted && !rsa->trusted);
    CHECK_EQ(p15_count(CKO_DATA), 3);
    for (u32 i = 0; i < card_it.object_count; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->class != CKO_DATA) continue;
        if (o->label.n == 4) CHECK_BYTES(o->value.p, o->value.n, "74657874");
        if (o->label.n == 4) CHECK_BYTES(o->oid.p, o->oid.n, "06022a03");
        if (o->label.n == 5) CHECK_BYTES(o->value.p, o->value.n, "0102");
        if (o->label.n == 5) CHECK_BYTES(o->oid.p, o->oid.n, "06022a04");
        if (o->label.n == 6) CHECK_BYTES(o->value.p, o->value.n, "0403010203");
        CHECK_EQ(o->private, o->label.n == 6);
    }
    CHECK(!memcmp(card_t->label, "PKCS#15", 8));
    p15_end();
}

static struct object *p15_one_key(const char *private, const char *public)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4402, private);
    p15_file(0x4403, public);
    p15_connect(1 << 20);
    if (test_failing || p15_take() || p15_take_all(card_t)) return NULL;
    return p15_object(CKO_PRIVATE_KEY, 1);
}

// A curve that is not told is the one that the point lies on, whatever its size.
TEST(p15_curves_that_are_not_told)
{
    static const struct { const char *point, *curve; } cases[] = {
        { CIPHER_P256, "P-256" }, { CIPHER_K256, "secp256k1" },
        { CIPHER_BRAINPOOL, "brainpoolP256r1" }, { NULL, NULL } };
    char text[600];
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        snprintf(text, sizeof text, "a0(30(0c'EC') 30(04:01) a1(30(a0(04:%s))))",
                 cases[i].point ? cases[i].point : "04" "11111111111111111111111111111111"
                 "11111111111111111111111111111111222222222222222222222222222222222222222222222222"
                 "2222222222222222");
        struct object *o = p15_one_key("a0(30(0c'EC' 03:0780) 30(04:01) a1(30(30(04:))))", text);
        CHECK(o && !o->unread);
        CHECK(cases[i].curve ? o->key && o->key->curve == alg_curve_named(cases[i].curve) : !o->key);
        p15_end();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// What each half of a pair says of itself: its label, and how the pair came to be.
TEST(p15_halves_of_a_pair)
{
    static const struct { const char *private, *public; bool local, sensitive, never; }
        cases[] = {
        { " 01:ff 03:03b8", "", true, true, true },             // sensitive, always, never, local
        { " 01:ff 03:03b8", " 03:0308", true, true, true },
        { " 01:ff 03:0430", "", false, true, true },
        { " 01:ff 03:0780", "", false, false, false },
        { " 01:ff 03:04d0", "", false, false, false },          // extractable: was so never
        { "", " 01:ff 03:0308", true, false, false },           // PuKDF says it of both
        { "", "", false, false, false } };
    char text[2][300];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        snprintf(text[0], sizeof text[0], "30(30(0c'inner' 03:0780 04:01) 30(04:01 03:0520%s 02:01)"
                 "a1(30(30(04:) 02:0400)))", cases[i].private);
        snprintf(text[1], sizeof text[1], "30(30(0c'outer') 30(04:01 03:0102%s)"
                 "a1(30(30(04:3301) 02:0400)))", cases[i].public);
        struct object *o = p15_one_key(text[0], text[1]), *half = p15_object(CKO_PUBLIC_KEY, 1);
        CHECK(o && half);
        CHECK(bytes_equal(o->label, bytes_text("inner")));
        CHECK(bytes_equal(half->label, bytes_text("outer")));
        CHECK_EQ(attr_true(half, CKA_LOCAL, padding_scratch()), cases[i].local);
        CHECK_EQ(attr_true(o, CKA_ALWAYS_SENSITIVE, padding_scratch()), cases[i].sensitive);
        CHECK_EQ(attr_true(o, CKA_NEVER_EXTRACTABLE, padding_scratch()), cases[i].never);
        CHECK(attr_true(o, CKA_SENSITIVE, padding_scratch()));
        CHECK(!attr_true(o, CKA_EXTRACTABLE, padding_scratch()));
        if (*cases[i].private) CHECK_EQ(attr_true(o, CKA_LOCAL, padding_scratch()), cases[i].local);
        p15_end();
        if (test_failing) printf("    case %zu\n", i);
    }
    struct object *o = p15_one_key("30(30(0c'inner') 30(04:01) a1(30(30(04:) 02:0400)))",
                                   "30(30() 30(04:01) a1(30(30(04:3301) 02:0400)))");
    CHECK(o && bytes_equal(p15_object(CKO_PUBLIC_KEY, 1)->label, o->label));    // it has none
    p15_end();
}

// Entries that are the same byte for byte are objects that a program can tell from each other, by
// the same names the next time.
TEST(p15_entries_that_are_the_same)
{
    static u8 names[2][8][128];
    for (int run = 0; run < 2; run++) {
        size_t n = 0, len[8];
        p15_begin();
        p15_file(0x5031, P15_ODF);
        p15_file(0x4404, "30(30(0c'x') 30(04:01) a1(30(30(04:3401))))"
                 "30(30(0c'x') 30(04:01) a1(30(30(04:3401)))) 30(30(0c'y') 30(04:01) "
                 "a1(30(30(04:3401)))) 30(30(0c'x') 30(04:01) a1(30(30(04:3401))))");
        p15_certificate_file(0x3401, SIM_RSA1024);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        CHECK_ST(p15_take_all(card_t), ST_OK);
        for (u32 i = 0; i < card_it.object_count && n < 8; i++) {
            struct scratch scratch = padding_scratch();
            bytes name;
            CHECK_ST(attr_get(card_object_at(&card_it, i), CKA_UNIQUE_ID, &scratch, &name), ST_OK);
            CHECK(name.n < 128);
            memset(names[run][n], 0, 128);
            memcpy(names[run][n], name.p, len[n] = name.n);
            for (size_t k = 0; k < n; k++) CHECK(memcmp(names[run][n], names[run][k], 128));
            n++;
        }
        CHECK_EQ(n, 4);
        p15_end();
    }
    CHECK(!memcmp(names[0], names[1], sizeof names[0]));
}

TEST(p15_public_keys_of_every_form)
{
    CHECK_ST(cipher_start(), ST_OK);
    static const struct { const char *value, *parameters; bool good; } forms[] = {
        { "a0(" P15_SPKI ")", "", true },
        { "a0(a1(" P15_SPKI "))", "", true },
        { "a0(04:" P15_POINT ")", "", true },
        { "a0(03:00" P15_POINT ")", "", true },
        { "a0(=" P15_POINT ")", "", true },
        { "a0(04:" P15_POINT ")", "06:2a8648ce3d030107", true },
        { "a0(04:" P15_POINT ")", "a0(06:2a8648ce3d030107)", true },
        { "a0(04:" P15_POINT ")", "06:2b81040022", false },         // P-384 has longer points
        { "a0(04:0401)", "", false },
        { "a0(30(02:0100 02:03))", "", false },                     // of an RSA key
        { "a0(a1(30(02:01)))", "", false },
        { "a1(04:01)", "", false },                                 // protected
    };
    char text[600];
    for (size_t i = 0; i < COUNT(forms) && !test_failing; i++) {
        snprintf(text, sizeof text, "a0(30(0c'EC') 30(04:01) a1(30(%s %s)))", forms[i].value,
                 forms[i].parameters);
        struct object *o = p15_one_key("a0(30(0c'EC' 03:0780) 30(04:01) a1(30(30(04:))))", text);
        CHECK(o && !o->unread && o->private && o->use == (CARD_SIGN | CARD_DERIVE));
        CHECK_EQ(o->key && o->key->point.n == 65 && o->key->spki.n == 91, forms[i].good);
        p15_end();
        if (test_failing) printf("    form %zu\n", i);
    }
    struct object *o = p15_one_key("30(30(0c'') 30(04:01) a1(30(30(04:) 02:0400)))",
                                   "30(30(0c'R') 30(04:01) a1(30(a0(30(02:0100 02:03)))))");
    CHECK(o && o->key && o->key->bits == 1024 && !o->key->modulus.n);   // as PrKDF says
    CHECK(!o->credential && !o->private);
    p15_end();
    o = p15_one_key("30(30(0c'') 30(04:01) a1(30(30(04:) 02:10)))", "");
    CHECK(o && !o->key && !o->unread);                                  // 16 bits are none
    p15_end();
}

TEST(p15_objects_without_an_id_are_no_pair)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4402, "30(30(0c'a') 30(03:0520) a1(30(30(04:) 02:0400)))");
    p15_file(0x4403, "30(30(0c'b') 30(03:0520) a1(30(30(04:3301) 02:0400)))");
    p15_file(0x4404, "30(30(0c'c') 30(04:) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_count(CKO_PRIVATE_KEY) == 1 && p15_count(CKO_PUBLIC_KEY) == 2);
    for (u32 i = 0; i < card_it.object_count; i++) {
        const struct object *o = card_object_at(&card_it, i);
        if (o->class == CKO_PRIVATE_KEY) CHECK(o->key && !o->key->spki.n);
    }
    p15_end();
}

// What is rare in a directory, but legal or written by some card.
TEST(p15_rare_entries)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN' 04:03) 30(02:05 04:01 80:02) a1(30(03:0410 0a:01 02:04 02:08)))"
             "30(30(0c'no numbers') 30(04:02) a1(30(03:00 0a:01)))"
             "30(30(0c'PUK') 30(04:03 a0(02:07)) a1(30(03:0102 0a:01 02:08 02:08 80:02)))");
    // a long label; a subject that is none; usage of the other type; free; consent without a PIN
    p15_file(0x4402, "30(30(0c:" P15_LONG " 02:01) 30(04:01 04:99 03:03fc) a0(04:01)"
             "a1(30(30(04:) 02:0404 02:0400)))"
             "a0(30(30(30(03:0520 05:)) 03:0780) 30(04:02 03:04ffe0) a0(30(30())) a1(30(30(04:) "
             "30(30(02:01)))))"
             "30(30() 30(04:03 03:070080) a0(30(30(02:01))) a1(30(30(04:) 02:0401)))"
             "30(30() 30(04:04) a0(=3005) a1(30(30(04:) 02:7fffff)))"
             "30(30() 30(04:05) a1(30())) 30(30() 30(04:0f))"
             "30(30(30(30(03:0520 30(03:0520 02:07)))) 30(04:10) a1(30(30(04:) 02:0400)))"
             "30(30() 30(04:06) a1(30(30(04:) 02:0400)))"
             "30(30() 30(04:06) a1(30(30(04:) 02:0400)))"
             "a0(30() 30(04:08) a1(30(30(04:) a0(06:2b81040022))))"
             "a0(30() 30(04:0c) a1(30(30(04:) 30(06:2b81040022))))");
    // of another type than its private half; twice; what the private half said already
    p15_file(0x4403, "a0(30() 30(04:01) a1(30(30(04:3301))))"
             "30(30() 30(04:06) a1(30(a0(30(02:0100 02:03)))))"
             "30(30() 30(04:06) a1(30(a0(30(02:0100 02:03)))))"
             "30(30() 30(04:06) a1(30(30(a1(4f:a0000001)))))"
             "30(30() 30(04:06) a1(30(30(a1(4f:a0000002)))))"
             "a0(30() 30(04:0c) a1(30(a0(03:) 06:2b81040022)))"
             "30(30() 30(04:0d) a1(30(a0(" P15_SPKI "))))"
             "30(30() 30(04:0e) a1(30(a0(a1(" P15_SPKI ")))))");
    // without attributes, an identifier, a value; of another key's type; of the application itself
    p15_file(0x4404, "30(30() 30(04:20)) 30(30() 30() a1(30(30(04:3401))))"
             "30(30(03:0780) 30(04:21) a1(30(a0())))"
             "30(30(03:0780) 30(04:02 04:99 01:) a1(30(30(04:3401))))"
             "30(30(03:0780 04:01) 30(04:22 01:00) a1(30(30(04:7fff))))"
             "30(30() 30(04:23) a1(30(30(04:3402))))"
             "30(30(03:0780 30(30(03:0780 04:01))) 30(04:24) a1(30(30(04:7fff))))"
             "30(30() 30(04:0f) a1(30(30(04:3403))))");
    static u8 strange[2000];                    // a certificate of a key of no known kind
    const struct sim_key_data *d = sim_key_data(SIM_RSA1024);
    memcpy(strange, d->certificate, d->certificate_len);
    for (size_t i = 0; i + 9 < d->certificate_len; i++)
        if (!memcmp(strange + i, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) strange[i + 8] = 0x7f;
    sim_files_add(&p15_card, 0x3403, strange, d->certificate_len);
    p15_file(0x4405, "30(30(0c'no value') 30(0c'app')) 30(30() 30() a1(30(04:44)))"
             "30(30(0c'root') 30(06:2a03 06:2a04) a1(30(04:3f00)))"
             "a1(30(0c'oid') 30(06:2a03) a1(30(06:2a04 30(04:3500))))");
    p15_file(0x3402, "=1f820004 =8210 =000000000000");  // a tag of several bytes
    p15_file(0x3500, "=01");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(card_pin(card_t)->min == 4 && !test_puk(card_t)->max);        // its flags say: no unblocking
    CHECK_EQ(((struct p15 *)card_t->state)->pins->environment, 2);
    CHECK_EQ(((struct p15 *)card_t->state)->pins->next->environment, 7);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    struct object *o = p15_object(CKO_PRIVATE_KEY, 1);
    CHECK(o && o->label.n == 255 && !o->subject.n && !o->always_auth && !o->credential);
    CHECK(o->use == (CARD_SIGN | CARD_DECRYPT) && o->key && o->key->bits == 1024);
    o = p15_object(CKO_PRIVATE_KEY, 2);
    CHECK(o && !o->private && !o->key && !o->subject.n && o->use == (CARD_SIGN | CARD_DERIVE));
    o = p15_object(CKO_PRIVATE_KEY, 3);
    CHECK(o && !o->key && o->use == 0 && !o->subject.n);    // 1025 bits; derive alone
    o = p15_object(CKO_PRIVATE_KEY, 4);
    CHECK(o && !o->key);
    CHECK(p15_object(CKO_PRIVATE_KEY, 5) && !p15_object(CKO_PRIVATE_KEY, 5)->key);
    o = p15_object(CKO_PRIVATE_KEY, 8);
    CHECK(o && o->key && o->key->curve == alg_curve_named("P-384"));
    o = p15_object(CKO_PRIVATE_KEY, 0x10);          // a PIN, whosever, in SE 7
    CHECK(o && o->private && ((struct p15_key *)o->state)->environment == 7);
    CHECK_EQ(p15_count(CKO_PRIVATE_KEY), 11);
    CHECK(p15_object(CKO_PUBLIC_KEY, 0x0d) && !p15_object(CKO_PUBLIC_KEY, 0x0d)->key);
    CHECK(p15_object(CKO_PUBLIC_KEY, 0x0e) && !p15_object(CKO_PUBLIC_KEY, 0x0e)->key);
    CHECK_EQ(p15_count(CKO_CERTIFICATE), 6);
    CHECK(p15_object(CKO_CERTIFICATE, 0x24)->private && p15_object(CKO_CERTIFICATE, 0x0f)->x509);
    CHECK(!p15_object(CKO_PRIVATE_KEY, 0x0f)->key);
    o = p15_object(CKO_CERTIFICATE, 2);
    CHECK(o && o->x509 && !o->private && !o->authority);    // private, but nobody's: all may
    CHECK(!p15_object(CKO_CERTIFICATE, 0x23)->x509);
    CHECK(p15_object(CKO_CERTIFICATE, 0x22)->private);
    CHECK_EQ(p15_count(CKO_DATA), 2);
    p15_end();
}

// A text is cut between its characters, and is nothing where it has none.
TEST(p15_names)
{
    char field[8];
    p15_name(field, 4, p15_text("=6162c3a4"));
    CHECK(!memcmp(field, "ab\xc3\xa4", 4));
    p15_name(field, 3, p15_text("=6162c3a4"));
    CHECK(!memcmp(field, "ab", 3));
    p15_name(field, 3, p15_text("=808080808080"));
    CHECK(!field[0]);
    p15_name(field, 3, p15_text("=0761"));
    CHECK(!memcmp(field, " a", 3));
}

// ---- Selecting ----

static struct p15 *p15_white(const char *base, u32 quirks)
{
    static struct p15 p;
    p15_begin();
    p15_file(0x4401, "=01");
    p15_file(0x4402, "=02");
    p15_file(0xdd01, "=03");
    p15_connect(1 << 20);
    p15_init(&p, BYTES_NONE, quirks);
    p.base = p15_text(base);
    p.odf = p15_text("=4401");
    memset(card_it.tokens, 0, sizeof card_it.tokens);
    card_it.tokens[0] = (struct token){ .driver = &driver_generic };
    p15_attach(&card_it.tokens[0], &p);
    card_it.token_count = 1;
    place_arrived(&card_it, &card_it.tokens[0]);
    return &p;
}

static st p15_white_select(const char *path)
{
    struct p15_path value;
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    TRY(p15_parse_path(p15_text(path), &value));
    p15_seen[0] = 0;
    return p15file_select_path(&card_it, &card_it.tokens[0], &value, &fcp);
}

static bool p15_is_home(void) { return card_it.where == CARD_HOME; }

static bool p15_sent(const char *what)
{
    bool same = !strcmp(p15_seen, what);
    if (!same) printf("    sent %s\n", p15_seen);
    p15_seen[0] = 0;
    return same;
}

TEST(p15_selecting_by_every_path)
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

// ---- Files that are read without SELECT and READ BINARY ----

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
TEST(p15_files_from_a_table)
{
    for (int whole = 0; whole < 2; whole++) {
        struct p15 *p = p15_white("=3f00", P15_FLAT);
        struct token *t = &card_it.tokens[0];
        if (test_failing) return;
        p->io = &p15_table_io;
        p->odf = bytes_of(p15_odf, 2);
        p->info = bytes_of(p15_info, 2);
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
        CHECK_ST(p15_read_info(&card_it, t, p15_scratch()), ST_OK);
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

static size_t p15_placed(const struct p15 *p, const char *path)
{
    struct p15_path where = { .file = p15_text(path) };
    return p15_place(p, &where).path.n;
}

static st p15_go(const char *path)
{
    const struct place place = { BYTES_NONE, *path ? p15_text(path) : BYTES_NONE };
    return place_go_to(&card_it, &card_it.tokens[0], &place, p15_scratch());
}

TEST(p15_places)
{
    struct token *t = &card_it.tokens[0];
    struct p15 *p = p15_white("=3f005015", 0);
    if (test_failing) return;
    CHECK(!p15_placed(p, "=3f00") && !p15_placed(p, "=44014402"));
    CHECK(!p15_placed(p, "=3f005015") && !p15_placed(p, "=3f0050154401"));
    CHECK_EQ(p15_placed(p, "=3f005015dd014401"), 8);
    CHECK_EQ(p15_placed(p, "=3f00dd01"), 4);
    CHECK_ST(p15_go("=3f00dd01"), ST_OK);
    CHECK(p15_sent("a4080c02dd01 "));
    CHECK_ST(p15_go("=3f00dd01"), ST_OK);     // there already
    CHECK(p15_sent(""));
    CHECK_ST(p15_go("=3f00dd09"), ST_NOT_FOUND);
    CHECK(p15_sent("a4080c02dd09 "));
    p->quirks = P15_FULL_PATH;
    CHECK_ST(p15_go("=3f00dd01"), ST_OK);
    CHECK(p15_sent("a4080c043f00dd01 "));
    CHECK_ST(p15_go(""), ST_OK);                // home
    CHECK(p15_sent("a4080c043f005015 ") && p15_is_home());
    p->quirks = P15_FLAT;
    t->flat = true;
    place_leave(&card_it);
    CHECK(!p15_placed(p, "=3f00dd01"));
    CHECK_ST(p15_go(""), ST_OK);                // it does not matter where
    CHECK(p15_sent(""));
    p->quirks = 0;
    t->flat = false;
    p->base = p15_text("=3f00");
    CHECK_ST(place_select(&card_it, t), ST_OK);                         // the MF is its DF
    CHECK(p15_sent("a4000c023f00 "));
    card_it.sure = false;
    sim_reader_eject(0);
    CHECK_ST(p15_go("=3f00dd01"), ST_CARD_REMOVED);
    p15_end();
}

// ---- Reading ----

// The content of file 3500 of a card, of shape, where nothing else is amiss.
static st p15_white_read(enum p15_shape shape, bytes *out)
{
    struct p15_value value = { .path = { .file = p15_text("=3500") } };
    struct scratch scratch = p15_scratch();
    p15_seen[0] = 0;
    return p15file_read_value(&card_it, &card_it.tokens[0], &value, shape, &scratch, out);
}

TEST(p15_reading_odd_files)
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
TEST(p15_files_of_records)
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

// ---- A card that gives everything by the byte ----

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
TEST(p15_a_search_that_would_take_hours)
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
TEST(p15_each_call_may_read)
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

// ---- Where it lies ----

TEST(p15_ways_to_find_the_application)
{
    static const char dir[] = "61(4f:a000000063504b43532d3135 50'Name' 51:3f005015)";
    for (int way = 0; way < 6 && !test_failing; way++) {
        p15_begin();
        if (way == 1) p15_file(0x2f00, dir);
        if (way == 2) p15_file(0x2f00, "=00 61(4f:a0000000) 61(51:3f) 31(02:01) 61() "
                               "61(4f:a000000063504b43532d3135 73(06:2a03 30(04:5131) "
             "a0(30(04:5132))))");
        if (way == 3) p15_file(0x2f00, "=20 61(4f:a000000063504b43532d3135 50'Name' 51:3f005015)");
        p15_card.records = way == 3;
        p15_card.no_fcp = way == 4;
        p15_card.odd_fcp = way == 5;
        p15_card.short_only = way == 5;
        p15_file(way == 2 ? 0x5131 : 0x5031, "a0(a0(30(30(0c'a') 30(04:01) a1(30(30(04:) "
             "02:0400)))))");
        p15_file(way == 2 ? 0x5132 : 0x5032, "30(02:00 04:010203040506070809 0c'Maker' 80'A "
             "card')");
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        CHECK(!memcmp(card_t->label, "A card", 7) && !memcmp(card_t->maker, "Maker", 6));
        CHECK(!memcmp(card_t->serial, "0203040506070809", 17));
        CHECK_ST(p15_take_all(card_t), ST_OK);
        CHECK(p15_object(CKO_PRIVATE_KEY, 1));
        p15_end();
        if (test_failing) printf("    way %d\n", way);
    }
}

TEST(p15_nothing_there)
{
    static const char *const nothing[] = { "", "=0000", "30()", "a0()", "a9(30(04:4401))",
                                           "a0(31(04:4401))", "=ffffffff", "=a0ff", "a0(a0())",
                                           "30(30(04:4401))", "a0(30(04:44))", "a0(13'http:')" };
    for (size_t i = 0; i <= COUNT(nothing) && !test_failing; i++) {
        p15_begin();
        if (i < COUNT(nothing)) p15_file(0x5031, nothing[i]);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_NOT_MINE);
        p15_end();
        if (test_failing) printf("    directory %zu\n", i);
    }
}

TEST(p15_parts_of_files)
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

TEST(p15_files_of_another_application)
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

TEST(p15_local_pins_and_keys_in_their_own_df)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'L') 30(04:01) a1(30(03:0644 0a:01 02:04 02:08 80:81 04:ff "
             "30(04:3f00dd01))))");
    p15_file(0x4402, "a0(30(0c'EC' 03:0780 04:01) 30(04:01 03:0520 02:05)"
             "a1(30(30(04:3f00dd010a01) 30(06:2a8648ce3d030107))))");
    p15_file(0x4403, "a0(30() 30(04:01) a1(30(a0(" P15_SPKI "))))");
    p15_file(0xdd01, "=00");
    p15_file(0x0a01, "=00");
    p15_card.answers = (const u8 *)"\x20" "01234567890123456789012345678901"
        "01234567890123456789012345678901";
    p15_card.answers_n = 65;
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    p15_seen[0] = 0;
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), bytes_of("1234", 4), p15_scratch()), ST_OK);
    CHECK(p15_sent("a40800045015503100 b0000060 a4080c02dd01 2000810831323334ffffffff "));
    p15_seen[0] = 0;
    u8 room[128];
    struct buf out = buf_on(room, sizeof room);
    struct alg_use use = { .type = ALG_EC };
    struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
    CHECK(key && key->key);
    CHECK_ST(generic_sign(&card_it, key, &use, BYTES(1, 2, 3), p15_scratch(), &out), ST_OK);
    CHECK(!strcmp(p15_seen, "a4080c04dd010a01 2241b6078102" "0a01840105 2a9e9a0301020300 "));
    CHECK(key->key->spki.n);
    card_it.sure = false;                       // on trust, but not where the key is
    place_leave(&card_it);
    p15_seen[0] = 0;
    CHECK_ST(generic_sign(&card_it, key, &use, BYTES(1, 2, 3), p15_scratch(), &out), ST_FAILED);
    CHECK(!strcmp(p15_seen, "a4080c025015 a4080c04dd010a01 2241b6078102" "0a01840105 "
                            "2a9e9a0301020300 "));
    p15_end();
}

TEST(p15_two_pins_two_tokens)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card')");
    p15_file(0x4401, P15_PIN "30(30(0c'Sign') 30(04:02) a1(30(03:0204 0a:01 02:06 02:08 80:02 "
             "04:ff)))"
             "30(30(0c'Third') 30(04:05) a1(30(03:0204 0a:01 02:06 02:08 80:05 04:ff)))");
    p15_file(0x4402, "30(30(0c'one' 03:0780 04:01) 30(04:01) a1(30(30(04:) 02:0400)))"
             "30(30(0c'two' 03:0780 30(30(03:0520 04:02))) 30(04:02) a1(30(30(04:) 02:0400)))");
    p15_file(0x4404, "30(30(0c'c') 30(04:02) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(card_it.token_count, 1);           // and the first
    struct token *second = &card_it.tokens[1];
    CHECK(second->state == card_t->state && card_pin(second)->reference == 2 && card_pin(second)->min == 6);
    CHECK(!strcmp(card_t->label, "Card (PIN)") && !strcmp(second->label, "Card (Sign)"));
    card_it.token_count++;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 1)->token == card_t);
    CHECK(p15_object(CKO_PRIVATE_KEY, 2)->token == second);     // an access rule says it
    CHECK(p15_object(CKO_CERTIFICATE, 2)->token == second);     // its key's
    CHECK(p15_object(CKO_PUBLIC_KEY, 2)->token == second);
    p15_end();
}

TEST(p15_two_pins_of_which_one_has_no_name)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, P15_PIN "30(30() 30() a1(30(03:0204 0a:01 02:06 02:08 80:02 04:ff)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(!strcmp(card_t->label, "(PIN)") && !strcmp(card_it.tokens[1].label, "PKCS#15"));
    p15_end();
}

TEST(p15_several_applications)
{
    p15_begin();
    p15_file(0x2f00, "61(50'One' 51:3f005015) 61(50'again' 51:3f005015)"
             "61(50'none' 51:3f00dd09 73(30(04:1234)))"
             "61(50'Two' 51:3f00dd02 73(30(04:5231) a0(30(04:5232))))");
    p15_file(0x5031, "a0(a0(30(30(0c'a') 30(04:01) a1(30(30(04:) 02:0400)))))");
    p15_file(0x5231, "a0(a0(30(30(0c'b') 30(04:02) a1(30(30(04:) 02:0400)))))");
    p15_file(0x5232, "30(02:00 80'Second')");
    p15_file(0xdd02, "=00");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(card_it.token_count, 1);
    struct token *second = &card_it.tokens[1];
    CHECK(second->state && second->state != card_t->state && !strcmp(second->label, "Second"));
    card_it.token_count++;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK_ST(p15_take_all(second), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 1)->token == card_t);
    CHECK(p15_object(CKO_PRIVATE_KEY, 2)->token == second);
    p15_end();
}

// ---- Limits ----

TEST(p15_more_entries_than_are_taken)
{
    static char text[P15_ENTRIES_MAX * 40 + 4000];
    char *at = text;
    *text = 0;
    for (int i = 0; i < P15_ENTRIES_MAX + 40; i++)
        at += sprintf(at, "30(30() 30(04:%02x) a1(30(30(04:)))) ", i & 255);
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4404, text);
    p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(!p15_count(CKO_CERTIFICATE) && p15_count(CKO_DATA) == 1);     // without a path: none
    CHECK_EQ(((struct p15 *)card_t->state)->entries, P15_ENTRIES_MAX);
    p15_end();
    at = text;
    for (int i = 0; i < P15_FILES_MAX + 20; i++) at += sprintf(at, "a4(30(04:44%02x)) ", i);
    p15_begin();
    p15_file(0x5031, text);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(((struct p15 *)card_t->state)->file_count, P15_FILES_MAX);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    p15_end();
}

// Thousands of algorithms, and keys that name thousands: what is looked at is as much as the
// directory is long, not its square, and a second search looks at nothing. The first ones count.
TEST(p15_algorithms_beyond_number)
{
    static char infos[64000], keys[64000];
    char *at = infos;
    unsigned long before = unit_tlvs;
    at += sprintf(at, "30(02:00 04:01 a2(30(02:0001 02:03 03:0644 02:07)");
    for (int i = 2; i < 2000; i++) at += sprintf(at, "30(02:%04x 02:01 03:0240 02:02)", i);
    strcpy(at, "))");
    at = keys;
    for (int k = 1; k <= 4; k++) {
        at += sprintf(at, "30(30(0c'a') 30(04:%02x a1(02:0001", k);
        for (int i = 0; i < 1500; i++) at += sprintf(at, " 02:%04x", 0x7000 + i);
        at += sprintf(at, ")) a1(30(30(04:4b01) 02:0400)))");
    }
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, infos);
    p15_file(0x4402, keys);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK_EQ(p15_count(CKO_PRIVATE_KEY), 4);
    for (u8 id = 1; id <= 4; id++) {
        struct object *o = p15_object(CKO_PRIVATE_KEY, id);
        CHECK_EQ(o->schemes, 0);
        CHECK_EQ(generic_algorithm(card_t->state, o->state, GENERIC_RSA_X_509, GENERIC_OP_SIGN), 7);
    }
    CHECK(unit_tlvs - before < 4000);
    before = unit_tlvs;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(unit_tlvs - before < 10);
    p15_end();
}

// ---- Secret keys ----

// Of a directory file, on a card whose driver can work with them.
static st p15_take_secrets(const char *text)
{
    static struct driver able;
    able = driver_generic;
    able.crypt = driver_myeid.crypt;
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card' a2(30(02:01 02:1081) 30(02:02 02:0251 05:)"
             "30(02:03 02:0133) 30(02:04) 30(04:05) 30(02:06 02:0125)))");
    p15_file(0x4406, text);
    p15_connect(1 << 20);
    if (test_failing) return ST_FAILED;
    TRY(p15_take());
    card_t->driver = &able;
    return p15_take_all(card_t);
}

// What tags, algorithms and lengths say: PKCS#15's numbers, and ISO 7816-15's, whose [15] and
// SEQUENCE leave the kind to the algorithms.
TEST(p15_secret_keys_of_every_kind)
{
    static const struct { const char *entry; CK_KEY_TYPE type; u32 len; } cases[] = {
        { "af(30() 30(04:01) a1(30(30(04:4d01))))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(30(02:0100)) a1(30(30(04:4d01))))", CKK_GENERIC_SECRET, 32 },
        { "30(30() 30(04:01) a0(02:0080) a1(30(04:4d01)))", CKK_GENERIC_SECRET, 16 },
        { "30(30() 30(04:01 a1(02:01)) a0(02:0080) a1(30(04:4d01)))", CKK_AES, 16 },
        { "af(30() 30(04:01 a1(02:02 02:04 02:05 02:09 02:01)) a0(02:0100))", CKK_AES, 32 },
        { "30(30() 30(04:01 a1(02:03)) a0(02:00c0) a1(30(04:4d01)))", CKK_DES3, 24 },
        { "30(30() 30(04:01 a1(02:03)) a0(02:0080) a1(30(04:4d01)))", CKK_DES2, 16 },
        { "30(30() 30(04:01 a1(02:06)) a1(30(04:4d01)))", CKK_GENERIC_SECRET, 0 },
        { "a2(30() 30(04:01) a0(02:38))", CKK_DES, 8 }, { "a3(30() 30(04:01))", CKK_DES2, 16 },
        { "a4(30() 30(04:01) a0(02:00a8))", CKK_DES3, 24 }, { "a4(30() 30(04:01))", CKK_DES3, 24 },
        { "a4(30() 30(04:01) a0(02:70))", CKK_DES2, 16 },
        { "a4(30() 30(04:01) a0(02:0080))", CKK_DES2, 16 },
        { "a0(30() 30(04:01) a0(02:28))", CKK_RC2, 5 }, { "a1(30() 30(04:01))", CKK_RC4, 0 },
        { "a9(30() 30(04:01) a0(02:0080))", CKK_IDEA, 16 },
        { "ac(30() 30(04:01) a0(02:00f0))", CKK_JUNIPER, 30 },
        { "af(30() 30(04:01) a0(02:1000))", CKK_GENERIC_SECRET, 512 },
        { "af(30() 30(04:01) a0(02:1001))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(02:0102030405))", CKK_GENERIC_SECRET, 0 },
        { "af(30() 30(04:01) a0(04:10))", CKK_GENERIC_SECRET, 0 } };
    static const char *const none[] = { "ad(30() 30(04:01))", "ae(30() 30(04:01))",
        "31(30() 30(04:01))", "bf21(30() 30(04:01))", "81(30() 30(04:01))", "af(30())" };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        CHECK_ST(p15_take_secrets(cases[i].entry), ST_OK);
        const struct object *o = p15_object(CKO_SECRET_KEY, 1);
        CHECK(o && !o->unread && !o->private && !o->credential && !o->use);
        CHECK_EQ(o->secret_type, cases[i].type);
        CHECK_EQ(o->secret_len, cases[i].len);
        p15_end();
        if (test_failing) printf("    %s\n", cases[i].entry);
    }
    for (size_t i = 0; i < COUNT(none) && !test_failing; i++) {
        char text[100];                         // behind one that is
        snprintf(text, sizeof text, "a2(30() 30(04:02)) %s", none[i]);
        CHECK_ST(p15_take_secrets(text), ST_OK);
        CHECK(p15_object(CKO_SECRET_KEY, 2) && !p15_object(CKO_SECRET_KEY, 1));
        p15_end();
    }
}

TEST(p15_what_a_secret_key_may_do)
{
    static const struct { const char *class; u32 use, access; } cases[] = {
        { "", 0, CARD_SENSITIVE },
        { "03:06c0", CARD_ENCRYPT | CARD_DECRYPT, CARD_SENSITIVE },
        { "03:020c 03:0780", CARD_WRAP | CARD_UNWRAP, CARD_SENSITIVE },
        { "03:0780 03:03b8", CARD_ENCRYPT,
          CARD_SENSITIVE | CARD_ALWAYS_SENSITIVE | CARD_NEVER_EXTRACTABLE | CARD_LOCAL },
        { "03:0640 03:0470", CARD_DECRYPT,
          CARD_SENSITIVE | CARD_EXTRACTABLE | CARD_ALWAYS_SENSITIVE },
        { "03:0520 03:0308", 0, CARD_LOCAL }, { "03:0520 03:0328", 0, CARD_LOCAL } };
    struct object *o;
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char text[100];
        snprintf(text, sizeof text, "a4(30(0c'x' 03:0780 04:01) 30(04:01 %s))", cases[i].class);
        CHECK_ST(p15_take_secrets(text), ST_OK);
        o = p15_object(CKO_SECRET_KEY, 1);
        CHECK(o && o->private && o->credential && !o->always_auth && o->label.n == 1);
        CHECK_EQ(o->use, cases[i].use);
        CHECK_EQ(o->access, cases[i].access);
        CHECK(!o->start[0] && !o->end[0]);
        p15_end();
        if (test_failing) printf("    %s\n", cases[i].class);
    }
    CHECK_ST(p15_take_secrets("a4(30(0c'x' 02:01 30(30(03:0780 05:) 30(03:070080 04:01))) 30(04:01 "
             "03:06c0 01:ff 02:07 18'20240229120000Z' 80'20301231235959Z') a1(30(30(04:4d07))))"
             "a4(30() 30(04:02 18'2024022' 80'2030x231'))"
             "a4(30() 30(04:03 18'2024-229' 80'        '))"), ST_OK);
    o = p15_object(CKO_SECRET_KEY, 1);
    CHECK(o && o->private && o->ref == 7);              // by the rule for enciphering
    CHECK(!memcmp(o->start, "20240229", 8) && !memcmp(o->end, "20301231", 8));
    CHECK_BYTES(((const struct p15_key *)o->state)->where.file.p, 2, "4d07");
    o = p15_object(CKO_SECRET_KEY, 2);
    CHECK(o && !o->start[0] && !o->end[0]);             // no days
    o = p15_object(CKO_SECRET_KEY, 3);
    CHECK(o && !o->start[0] && !o->end[0]);
    card_t->driver = &driver_generic;                   // which cannot work with it
    CHECK_EQ(p15_secret_use(card_t, 0x33), 0);
    p15_end();
}

// The SKDF is read by a search that secret keys can match, once, and with TokenInfo.
TEST(p15_secret_keys_are_read_for_who_may_want_them)
{
    static const CK_OBJECT_CLASS others[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE,
                                              CKO_DATA };
    struct query q = { .any_id = true };
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card' a2(30(02:01 02:1081)))");
    p15_file(0x4402, "30(30(0c'a') 30(04:01 18'20200101000000Z') a1(30(30(04:4b01) 02:0400)))");
    p15_file(0x4406, "30(30(0c'AES') 30(04:10 a1(02:01)) a1(30(30(04:4d01))))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    for (size_t i = 0; i < COUNT(others); i++) {
        q.class = others[i];
        CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    }
    CHECK(!memcmp(p15_object(CKO_PRIVATE_KEY, 1)->start, "20200101", 8));
    q.any_class = q.no_secret = true;
    CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    q = (struct query){ .class = CKO_SECRET_KEY, .any_id = true, .no_secret = true };
    CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    q.no_secret = false;
    ((struct p15 *)card_t->state)->info_read = false;
    sim_reader_fault(SIM_EJECT, 1, NULL);
    CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_CARD_REMOVED);
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    p15_end();
    sim_reader_clear();
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    p15_seen[0] = 0;
    ((struct p15 *)card_t->state)->info_read = false;
    CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    const char *first = strstr(p15_seen, "4406");
    CHECK(first && !strstr(first + 1, "4406") && strstr(p15_seen, "5032"));
    CHECK_EQ(p15_object(CKO_SECRET_KEY, 0x10)->secret_type, CKK_AES);
    p15_seen[0] = 0;
    q.any_class = true;
    q.class = 0;
    CHECK_ST(p15_list(&card_it, card_t, &q, p15_scratch()), ST_OK);
    CHECK(!strstr(p15_seen, "4406"));
    p15_end();
}

// Every allocation that can fail does, and no more than that comes of it. room: of the arena.
static st p15_take_in_room(size_t room, CK_OBJECT_CLASS first)
{
    char keys[1200], *at = keys;
    at += sprintf(at, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))"
                  "a0(30(0c'e') 30(04:05) a1(30(30(04:4b05) 06:2a8648ce3d030107)))");
    for (unsigned i = 2; i < CARD_OBJECT_PAGE; i++)     // a page of objects, and then one more
        at += sprintf(at, "30(30() 30(04:%02x) a1(30(30(04:) 02:0400)))", 0x40 + i);
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card')");
    p15_file(0x4401, P15_PIN);
    p15_file(0x4402, keys);
    p15_file(0x4403, "30(30(0c'b') 30(04:02) a1(30(a0(30(02:0100 02:03)))))"
             "a0(30(0c'c') 30(04:03) a1(30(a0(" P15_SPKI "))))");
    p15_file(0x4404, "30(30(0c'') 30(04:01) a1(30(30(04:3401))))"
             "30(30(0c'') 30(04:03) a1(30(30(04:3401))))");     // of another type than its key
    p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
    p15_file(0x4406, "a4(30(0c'3DES') 30(04:10) a1(30(30(04:4d01))))");
    p15_file(0x3500, "=0102");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing || !arena_alloc(&card_it.arena, 1 << 17, 1)) return ST_FAILED;
    card_it.arena.at = card_it.arena.end - room;
    card_it.arena.left = 0;
    st s = p15_take();
    if (!s) s = p15_take_in_order(card_t, first);
    p15_end();
    return s;
}

TEST(p15_memory_ends_anywhere)
{
    static const CK_OBJECT_CLASS firsts[] = { CKO_DATA, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
                                              CKO_CERTIFICATE, CKO_SECRET_KEY };
    for (size_t i = 0; i < COUNT(firsts) && !test_failing; i++) {
        st s = ST_ARENA_FULL;
        for (size_t room = 0; s == ST_ARENA_FULL && room < 1 << 17 && !test_failing; room += 16)
            s = p15_take_in_room(room, firsts[i]);
        CHECK_ST(s, ST_OK);
    }
}

TEST(p15_files_that_cannot_be_read_now)
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

// The secret keys that it wrote onto a MyEID: AES by supportedAlgorithms, 3DES by its tag.
static void p15_check_made_secrets(void)
{
    static const struct { u8 id[2]; CK_KEY_TYPE type; u32 len; const char *label; } made[] = {
        { { 0x01, 0x28 }, CKK_AES, 16, "AES 128" }, { { 0x02, 0x56 }, CKK_AES, 32, "AES 256" },
        { { 0x11, 0x28 }, CKK_DES2, 16, "3DES 128" }, { { 0x11, 0x92 }, CKK_DES3, 24, "3DES 192" } };
    CHECK_EQ(p15_count(CKO_SECRET_KEY), COUNT(made));
    for (size_t i = 0; i < COUNT(made); i++) {
        const struct object *o = NULL;
        for (u32 j = 0; j < card_it.object_count; j++)
            if (bytes_equal(card_object_at(&card_it, j)->id, bytes_of(made[i].id, 2)))
                o = card_object_at(&card_it, j);
        CHECK(o && o->class == CKO_SECRET_KEY && o->private && !o->unread);
        CHECK(bytes_equal(o->label, bytes_text(made[i].label)));
        CHECK_EQ(o->secret_type, made[i].type);
        CHECK_EQ(o->secret_len, made[i].len);
        CHECK_EQ(o->use, CARD_ENCRYPT | CARD_DECRYPT);
        CHECK_EQ(o->access, CARD_SENSITIVE);
        CHECK_EQ(((const struct p15_key *)o->state)->where.file.n, 6);
    }
}

// What OpenSC's pkcs15-init wrote: four keys, their public halves and certificates, a data object.
static void p15_read_made(const char *name, unsigned which)
{
    p15_begin();
    p15_card.kind = which;
    CHECK(sim_files_load(&p15_card, name) > 10);
    p15_connect(1 << 20);
    if (test_failing) return;
    card_t->driver = which == 1 ? &driver_myeid : &driver_generic;
    CHECK_ST(card_t->driver->probe(&card_it, card_t, p15_scratch()), ST_OK);
    CHECK(!memcmp(card_t->label, "Made by pkcs15-init", 19));
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_count(CKO_PRIVATE_KEY) == 4 && p15_count(CKO_PUBLIC_KEY) == 4);
    CHECK(p15_count(CKO_CERTIFICATE) == 4 && p15_count(CKO_DATA) == 1);
    for (u8 id = 1; id <= 4; id++) {
        const struct object *private = p15_object(CKO_PRIVATE_KEY, id);
        const struct object *certificate = p15_object(CKO_CERTIFICATE, id);
        CHECK(private && certificate && private->private && certificate->x509);
        CHECK(private->key && bytes_equal(private->key->spki, certificate->x509->spki));
        CHECK_EQ(private->key->type, id % 2 ? ALG_RSA : ALG_EC);
        CHECK(private->use & CARD_SIGN && certificate->label.n);
    }
    for (u32 i = 0; i < card_it.object_count; i++) {
        const struct object *o = card_object_at(&card_it, i);
        if (o->class == CKO_DATA) CHECK_BYTES(o->value.p, o->value.n, "7769746e6573736564");
    }
    if (which == 1) p15_check_made_secrets();
}

TEST(p15_files_that_opensc_wrote)
{
    static const char *const names[] = { "isoapplet", "myeid" };
    char path[80];
    for (unsigned which = 0; which < 2 && !test_failing; which++) {
        snprintf(path, sizeof path, "tests/data/p15_files/%s.txt", names[which]);
        p15_read_made(path, which);
        for (unsigned i = 0; i < p15_card.n; i++) free((void *)(uintptr_t)p15_card.file[i].p);
        p15_end();
    }
}

// After the card was connected anew, lastUpdate decides.
TEST(p15_changes_by_others_are_noticed)
{
    static const char info[] = "30(02:00 04:01 80'Card' a5(18'2025010100000%cZ'))";
    char text[100];
    p15_begin();
    p15_file(0x5031, P15_ODF);
    snprintf(text, sizeof text, info, '1');
    p15_file(0x5032, text);
    p15_file(0x4404, "30(30(0c'old') 30(04:01) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CK_OBJECT_HANDLE old = p15_object(CKO_CERTIFICATE, 1)->handle;
    p15_file(0x4404, "30(30(0c'new') 30(04:02) a1(30(30(04:3401))))");
    p15_seen[0] = 0;
    CHECK_ST(p15_take_all(card_t), ST_OK);              // connected all the time: believed
    CHECK(!*p15_seen && p15_object(CKO_CERTIFICATE, 1));
    link_counts.connects++;
    CHECK_ST(p15_take_all(card_t), ST_OK);              // the same lastUpdate
    CHECK(*p15_seen && p15_object(CKO_CERTIFICATE, 1));
    p15_file(0x5032, "");
    link_counts.connects++;
    CHECK_ST(p15_take_all(card_t), ST_OK);              // it cannot be read: believed
    CHECK(p15_object(CKO_CERTIFICATE, 1));
    snprintf(text, sizeof text, info, '2');
    p15_file(0x5032, text);
    link_counts.connects++;
    // what is a session's, or another application's, stays
    struct object *own = card_add(&card_it, card_t, CKO_DATA, handle_new_epoch());
    struct object *other = card_add(&card_it, &card_it.tokens[1], CKO_DATA, handle_new_epoch());
    struct object *gone = card_add(&card_it, card_t, CKO_DATA, handle_new_epoch());
    CHECK(own && other && gone);
    own->owner = 5;
    card_drop(&card_it, gone);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(!p15_object(CKO_CERTIFICATE, 1) && p15_object(CKO_CERTIFICATE, 2));
    CHECK(!card_find(&card_it, card_t, old));
    CHECK_EQ(p15_count(CKO_CERTIFICATE), 1);
    CHECK(own->owner == 5 && own->handle && other->handle);
    snprintf(text, sizeof text, info, '3');
    p15_file(0x5032, text);
    link_counts.connects++;
    card_it.arena.left = SCARD11_CARD_MEMORY / 4 - 1;   // too often: the card is begun anew
    CHECK_ST(p15_take_all(card_t), ST_CARD_REMOVED);
    CHECK(card_it.link.dead && card_it.link.broken);
    card_it.link.dead = card_it.link.broken = false;
    link_counts.connects++;
    sim_reader_eject(0);
    CHECK_ST(p15_take_all(card_t), ST_CARD_REMOVED);
    p15_end();
}

// The card is pulled at every command: that is said, and nothing else comes of it.
TEST(p15_removed_at_every_command)
{
    static const CK_OBJECT_CLASS firsts[] = { CKO_PRIVATE_KEY, CKO_CERTIFICATE, CKO_PUBLIC_KEY,
                                              CKO_SECRET_KEY };
    for (size_t f = 0; f < COUNT(firsts); f++) {
        bool fired = true;
        for (unsigned n = 1; n < 60 && fired && !test_failing; n++) {
            p15_begin();
            p15_file(0x5031, P15_ODF);
            p15_file(0x5032, "30(02:00 04:01 80'Card' a5(18'20250101000000Z'))");
            p15_file(0x4401, P15_PIN);
            p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))"
                     "30(30(0c'b') 30(04:02) a1(30(30(04:4b02) 02:0400)))"
                     "30(30(0c'c') 30(04:03) a1(30(30(04:4b03) 02:0400)))"
                     "a0(30(0c'd') 30(04:04) a1(30(30(04:4b04))))");
            p15_file(0x4403, "30(30() 30(04:01) a1(30(a0(30(02:0100 02:03)))))"
                     "30(30() 30(04:02) a1(30(30(04:3302))))"
                     "a0(30() 30(04:04) a1(30(a0(" P15_SPKI "))))");
            p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))"
                     "30(30() 30(04:02) a1(30(30(04:3402)))) 30(30() 30(04:03) a1(30(30(04:3403))))"
                     "30(30() 30(04:04) a1(30(30(04:3401))))");
            p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
            p15_file(0x4406, "a4(30(0c'3DES') 30(04:10) a1(30(30(04:4d01))))");
            p15_file(0x3500, "=0102");
            p15_file(0x3402, "30(02:01)");
            p15_certificate_file(0x3401, SIM_RSA1024);
            p15_certificate_file(0x3403, SIM_P256A);
            p15_connect(1 << 20);
            if (test_failing) return;
            sim_reader_fault(SIM_EJECT, n, NULL);
            st s = p15_take();
            if (!s) s = p15use_open(&card_it, card_t, p15_scratch());
            if (!s) s = p15_take_in_order(card_t, firsts[f]);
            fired = sim_reader_fired();
            sim_reader_fault(SIM_NO_FAULT, 0, NULL);
            CHECK_ST(s, fired ? ST_CARD_REMOVED : ST_OK);
            if (!fired) CHECK(p15_object(CKO_PRIVATE_KEY, 1)->key->spki.n);
            if (!fired) CHECK(!p15_object(CKO_PRIVATE_KEY, 3)->key->spki.n);
            p15_end();
        }
        CHECK(!fired);
    }
}

// A directory file that the card does not hand out: said so, it is empty; wanting the PIN, it is
// read after the login; an error, it is asked for again.
TEST(p15_directory_files_that_are_refused)
{
    static const struct { unsigned sw; bool login; st want; bool read; } cases[] = {
        { 0x6985, false, ST_OK, true }, { 0x6a88, false, ST_OK, true },
        { 0x6982, false, ST_OK, false }, { 0x6982, true, ST_NOT_LOGGED_IN, false },
        { 0x6f00, false, 0x6f00, false }, { 0x6581, false, 0x6581, false },
        { 0x6a82, false, ST_OK, true } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_begin();
        p15_file(0x5031, P15_ODF);
        p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))");
        p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))");
        p15_certificate_file(0x3401, SIM_RSA1024);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        card_t->login = cases[i].login;
        p15_card.odd = 0x4402;
        p15_card.sw = cases[i].sw;
        CHECK_ST(p15_take_all(card_t), cases[i].want);
        p15_card.odd = 0;
        CHECK_ST(p15_take_all(card_t), ST_OK);
        CHECK_EQ(p15_count(CKO_PRIVATE_KEY), cases[i].read ? 0 : 1);
        CHECK_EQ(p15_count(CKO_CERTIFICATE), 1);
        if (test_failing) printf("    answer %04x\n", cases[i].sw);
        p15_end();
    }
    p15_begin();                                // a certificate that wants the PIN
    p15_file(0x5031, P15_ODF);
    p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_card.odd = 0x3401;
    p15_card.sw = 0x6982;
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_NOT_LOGGED_IN);
    CHECK(p15_object(CKO_CERTIFICATE, 1)->unread);
    p15_card.odd = 0;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_object(CKO_CERTIFICATE, 1)->x509);
    card_pin(card_t)->tries = -1;                     // the card had no answer: it is not asked again
    card_pin(card_t)->ask = card_pin(card_t)->asked = true;
    p15_seen[0] = 0;
    CHECK_ST(p15use_open(&card_it, card_t, p15_scratch()), ST_OK);
    CHECK(p15_sent(""));
    card_pin(card_t)->asked = false;
    card_t->login = true;                       // nor while somebody is logged in
    CHECK_ST(p15use_open(&card_it, card_t, p15_scratch()), ST_OK);
    CHECK(p15_sent(""));
    p15_end();
    p15_begin();                                // data that want the PIN
    p15_file(0x5031, P15_ODF);
    p15_file(0x4405, "30(30(0c'x') 30() a1(30(04:3500)))");
    p15_file(0x3500, "=01");
    p15_card.odd = 0x3500;
    p15_card.sw = 0x6982;
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_NOT_LOGGED_IN);
    p15_end();
}

// A certificate that the card refuses before the login is not asked for again until the login, and
// then its key learns of it.
TEST(p15_certificates_that_are_refused_before_the_login)
{
    static const unsigned refusals[] = { 0x6985, 0x6986, 0x6982 };
    for (size_t i = 0; i < COUNT(refusals) && !test_failing; i++) {
        bool said = refusals[i] == 0x6982;              // for an attribute of the certificate
        p15_begin();
        p15_file(0x5031, P15_ODF);
        p15_file(0x4402, "30(30(0c'a') 30(04:01) a1(30(30(04:4b01) 02:0400)))");
        p15_file(0x4404, "30(30() 30(04:01) a1(30(30(04:3401))))");
        p15_certificate_file(0x3401, SIM_RSA1024);
        p15_connect(1 << 20);
        if (test_failing) return;
        CHECK_ST(p15_take(), ST_OK);
        p15_card.odd = 0x3401;
        p15_card.sw = refusals[i];
        CHECK_ST(p15_take_all(card_t), said ? ST_NOT_LOGGED_IN : ST_OK);
        struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
        struct object *certificate = p15_object(CKO_CERTIFICATE, 1);
        CHECK_ST(p15_read(&card_it, key, p15_scratch()), ST_OK);
        CHECK(key->key && key->key->bits == 1024 && !key->key->spki.n && key->unread);
        CHECK(certificate->unread && !certificate->x509);
        p15_seen[0] = 0;
        CHECK_ST(p15_read(&card_it, key, p15_scratch()), ST_OK);
        if (!said) CHECK_ST(p15_read(&card_it, certificate, p15_scratch()), ST_OK);
        CHECK(p15_sent(""));
        p15_card.odd = 0;
        card_t->login = true;
        card_t->login_epoch++;
        CHECK_ST(p15_read(&card_it, key, p15_scratch()), ST_OK);
        CHECK(certificate->x509 && !certificate->unread);
        CHECK(key->key->spki.n && !key->unread && p15_object(CKO_PUBLIC_KEY, 1)->key == key->key);
        p15_end();
        if (test_failing) printf("    answer %04x\n", refusals[i]);
    }
}

// The PUK is the PIN's own, or else the first that unblocks.
TEST(p15_whose_puk)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN') 30(04:01) a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"
             "30(30(0c'A') 30(04:02) a1(30(03:0102 0a:01 02:08 02:08 80:02)))"
             "30(30(0c'B') 30(04:03) a1(30(03:0102 0a:01 02:08 02:08 80:03)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(test_puk(card_t)->reference, 2);
    p15_end();
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN') 30(04:01) a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"
             "30(30(0c'SO') 30(04:02) a1(30(03:0001 0a:01 02:08 02:08 80:02)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(!test_puk(card_t)->max);                    // an SO's PIN is none
    p15_end();
}

static void test_p15(void)
{
    RUN(p15_numbers_and_bits);
    RUN(p15_paths);
    RUN(p15_records_padding_and_what_was_deleted);
    RUN(p15_explicit_where_implicit_is_right);
    RUN(p15_access_rules);
    RUN(p15_token_info);
    RUN(p15_pins_of_every_type);
    RUN(p15_a_directory_of_everything);
    RUN(p15_curves_that_are_not_told);
    RUN(p15_halves_of_a_pair);
    RUN(p15_entries_that_are_the_same);
    RUN(p15_public_keys_of_every_form);
    RUN(p15_objects_without_an_id_are_no_pair);
    RUN(p15_rare_entries);
    RUN(p15_names);
    RUN(p15_selecting_by_every_path);
    RUN(p15_files_from_a_table);
    RUN(p15_places);
    RUN(p15_reading_odd_files);
    RUN(p15_files_of_records);
    RUN(p15_a_search_that_would_take_hours);
    RUN(p15_each_call_may_read);
    RUN(p15_ways_to_find_the_application);
    RUN(p15_nothing_there);
    RUN(p15_parts_of_files);
    RUN(p15_files_of_another_application);
    RUN(p15_local_pins_and_keys_in_their_own_df);
    RUN(p15_two_pins_two_tokens);
    RUN(p15_two_pins_of_which_one_has_no_name);
    RUN(p15_several_applications);
    RUN(p15_more_entries_than_are_taken);
    RUN(p15_algorithms_beyond_number);
    RUN(p15_secret_keys_of_every_kind);
    RUN(p15_what_a_secret_key_may_do);
    RUN(p15_secret_keys_are_read_for_who_may_want_them);
    RUN(p15_memory_ends_anywhere);
    RUN(p15_files_that_cannot_be_read_now);
    RUN(p15_files_that_opensc_wrote);
    RUN(p15_changes_by_others_are_noticed);
    RUN(p15_removed_at_every_command);
    RUN(p15_directory_files_that_are_refused);
    RUN(p15_certificates_that_are_refused_before_the_login);
    RUN(p15_whose_puk);
}
