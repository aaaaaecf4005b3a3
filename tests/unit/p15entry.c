// p15entry.c: >>p15entry. Bytes to structs; what is made of them is in p15object.c and p15token.c.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

TEST(p15entry_numbers_and_bits)
{
    CHECK_EQ(p15entry_number(BYTES(0x7f)), 127);
    CHECK_EQ(p15entry_number(BYTES(0x81)), 0x81);            // negative: +256
    CHECK_EQ(p15entry_number(BYTES(0, 0x81)), 0x81);
    CHECK_EQ(p15entry_number(BYTES_NONE), 0);
    CHECK_EQ(p15entry_number(BYTES(1, 2, 3, 4, 5)), 0);
    CHECK_EQ(p15entry_bits(BYTES(7, 0x80)), 1);
    CHECK_EQ(p15entry_bits(BYTES(0, 0x20, 0x40)), 1u << 2 | 1u << 9);
    CHECK_EQ(p15entry_bits(BYTES(0)), 0);
    CHECK_EQ(p15entry_bits(BYTES(0, 0, 0, 0, 1, 0xff)), 1u << 31);   // what is beyond is not seen
    struct tlv t;
    bytes b = p15_text("a0(02:05)");
    CHECK(!tlv_next(&b, &t) && p15entry_tagged_number(t) == 5);
    b = p15_text("80:05");
    CHECK(!tlv_next(&b, &t) && p15entry_tagged_number(t) == 5);
    b = p15_text("a0:05");
    CHECK(!tlv_next(&b, &t) && p15entry_tagged_number(t) == 5);
    b = p15_text("a0(04:07)");
    CHECK(!tlv_next(&b, &t) && p15entry_tagged_number(t) == 0x040107);
}

static st p15_try_path(const char *text, struct p15_path *path)
{
    *path = (struct p15_path){ .offset = 77 };
    return p15entry_path(p15_text(text), path);
}

TEST(p15entry_paths)
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

TEST(p15entry_records_filler_and_what_was_deleted)
{
    struct tlv t;
    p15_begin();
    bytes b = p15_text("=0000 30(04:01) =ff 00:3004 =00 30(04:02) =0000ffff");
    CHECK(!p15entry_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 01");
    CHECK(!p15entry_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 02");
    CHECK_ST(p15entry_next(&b, &t), ST_NOT_FOUND);
    b = p15_text("=00023004 30(04:02)");                    // a deleted one, and a record at once
    CHECK(!p15entry_next(&b, &t));
    CHECK_BYTES(t.value.p, t.value.n, "0401 02");
    b = p15_text("=00023004");                              // a deleted one at the very end
    CHECK_ST(p15entry_next(&b, &t), ST_NOT_FOUND);
    b = p15_text("=00023004 =05 30(04:02)");                // not one: what follows is no record
    CHECK_ST(p15entry_next(&b, &t), ST_PROTOCOL);
    b = p15_text("=3005ff");                                // longer than the file
    CHECK_ST(p15entry_next(&b, &t), ST_PROTOCOL);
    CHECK(p15entry_is_record(0x30) && p15entry_is_record(0x61) && p15entry_is_record(0xa0) && p15entry_is_record(0xaf));
    CHECK(!p15entry_is_record(0x00) && !p15entry_is_record(0x31) && !p15entry_is_record(0x80));
}

TEST(p15entry_explicit_where_implicit_is_right)
{
    bytes b;
    p15_begin();
    b = p15entry_inside(p15_text("30(30(04:4402) 02:0800)"));
    CHECK_BYTES(b.p, b.n, "3004 04024402 02020800");
    b = p15entry_inside(p15_text("30(04:4402) 02:0800"));        // the content right there
    CHECK_BYTES(b.p, b.n, "3004 04024402 02020800");
    b = p15entry_inside(p15_text("30(04:4402)"));                // a path alone
    CHECK_BYTES(b.p, b.n, "3004 04024402");
    b = p15entry_inside(p15_text("30(a1(4f:a0))"));              // and one of another application
    CHECK_BYTES(b.p, b.n, "3005 a1034f01a0");
    b = p15entry_inside(p15_text("30()"));
    CHECK_BYTES(b.p, b.n, "3000");
    CHECK(!p15entry_inside(BYTES_NONE).n);
}

TEST(p15entry_access_rules)
{
    struct p15_rule r;
    bytes b;
    p15_begin();
    b = p15_text("30(03:0780 05:) 30(03:0520 04:31)");          // read: free; execute: authId 31
    r = p15entry_rule(b, P15_MODE_READ);
    CHECK(r.is_free && !r.user);
    r = p15entry_rule(b, P15_MODE_USE);
    CHECK(!r.is_free && r.user);
    CHECK_BYTES(r.auth_id.p, r.auth_id.n, "31");
    r = p15entry_rule(b, 1u << 3);
    CHECK(!r.is_free && !r.user);
    b = p15_text("30(03:0204 a1(04:32 04:33))");                // sign, and: both
    r = p15entry_rule(b, P15_MODE_USE);
    CHECK_BYTES(r.auth_id.p, r.auth_id.n, "32");
    b = p15_text("30(04:01) 30(03:0520) 30(03:0520 a0(04:31))");    // none, none, not
    r = p15entry_rule(b, P15_MODE_USE);
    CHECK(!r.is_free && !r.user && !r.auth_id.n);
    r = p15entry_rule(BYTES_NONE, P15_MODE_USE);
    CHECK(!r.is_free && !r.user);
    r = p15entry_rule(p15_text("30(03:0520 30(03:0520 02:07))"), P15_MODE_USE);  // an authReference
    CHECK(r.user && !r.auth_id.n && r.environment == 7);
    r = p15entry_rule(p15_text("30(03:0520 a1(30(03:0780) 04:31 30(02:02)))"), P15_MODE_USE);
    CHECK(r.user && r.auth_id.n && r.environment == 2);
    r = p15entry_rule(p15_text("30(03:0520 a2(30(03:0640)))"), P15_MODE_USE);    // external: no PIN
    CHECK(!r.user && !r.environment);
    r = p15entry_rule(p15_text("30(03:0520 a1(=3005))"), P15_MODE_USE);
    CHECK(!r.user);
}

TEST(p15entry_token_info)
{
    struct p15_info i;
    p15_begin();
    p15entry_info(p15_text("30(02:01 04:0102 0c'Maker' 80'Label' 03:0560 30(30(02:07 04:aabb)"
                            "30(02:05)) a1(02:01) a2(30(02:01)) a5(18'20250101000000Z'))"),
                   BYTES(0xa0), &i);
    CHECK_BYTES(i.serial.p, i.serial.n, "0102");
    CHECK(i.maker.n == 5 && i.label.n == 5 && i.algorithms.n && i.update.n == 17);
    CHECK_EQ(i.environment, 5);                 // 7 is another application's
    p15entry_info(p15_text("30(02:01 85'20250101000000Z' 30(30(04:aa) 30(02:07 04:a0)))"),
                   BYTES(0xa0), &i);
    CHECK(i.update.n == 15 && i.environment == 7 && !i.label.n);
    p15entry_info(p15_text("30(02:01 30(30(02:07 04:bb)))"), BYTES(0xa0), &i);
    CHECK(!i.environment);                      // none is for this application
    p15entry_info(p15_text("30(02:01 30(30(02:07 06:2a03)))"), BYTES(0xa0), &i);
    CHECK_EQ(i.environment, 7);                 // owner is who said what it means
    p15entry_info(p15_text("31(02:01)"), BYTES_NONE, &i);
    CHECK(!i.serial.n);
    p15entry_info(BYTES_NONE, BYTES_NONE, &i);
    CHECK(!i.environment);
}

static st p15_try_pin(const char *text, struct p15_pin *out)
{
    *out = (struct p15_pin){ .flags = 0 };
    return p15entry_pin_attributes(p15_text(text), out);
}

static bool p15_pads(const struct p15_pin *p, const char *secret, const char *want)
{
    u8 room[CARD_PIN_MAX];
    struct buf b = buf_on(room, sizeof room);
    secret_encode(&p->credential, bytes_of(secret, strlen(secret)), &b);
    return want ? test_bytes(__FILE__, __LINE__, secret, b.p, b.n, want) && !b.full : b.full;
}

TEST(p15entry_pins_of_every_type)
{
    struct p15_pin p;
    p15_begin();
    CHECK_ST(p15_try_pin("03:0204 0a:00 02:04 02:08 80:11 04:ff", &p), ST_OK);       // BCD
    CHECK(p.credential.coding == CARD_PIN_BCD && p.credential.fill_to == 8 && p.credential.max == 16);
    CHECK_EQ(p.credential.reference, 0x11);
    CHECK(p15_pads(&p, "12345", "12345f ffffffffff") && p15_pads(&p, "12a4", NULL));
    p.credential.filler = 0;
    CHECK(p15_pads(&p, "12345", "123450 0000000000"));
    CHECK_ST(p15_try_pin("03:02c0 0a:01 02:04 02:08 02:0c", &p), ST_OK);            // ASCII
    CHECK(p.flags & P15_PIN_LOCAL && p.credential.max == 12 && !p.credential.fill_to && p.credential.min == 4);
    CHECK(p15_pads(&p, "123456", "313233343536"));
    CHECK_ST(p15_try_pin("03:0204 0a:02 02:04 02:10 a0(02:0081) 04:00", &p), ST_OK);    // UTF-8
    CHECK(p.credential.coding == CARD_PIN_UTF8 && p.credential.fill_to == 16 && p.credential.reference == 0x81);
    CHECK(p15_pads(&p, "\xc3\xa4\xc3\xb6", "c3a4c3b6 00000000 00000000 00000000"));
    CHECK_ST(p15_try_pin("03:0204 0a:03 02:04 02:08 80:01", &p), ST_OK);            // half nibbles
    CHECK(p15_pads(&p, "1234", "f1f2f3f4 ffffffff"));
    CHECK_ST(p15_try_pin("03:00 0a:04 02:04 02:08 80:01", &p), ST_OK);              // ISO 9564-1
    CHECK(p.credential.max == 12 && p.credential.fill_to == 8);
    CHECK(p15_pads(&p, "12345", "2512345f ffffffff") && p15_pads(&p, "1234", "241234ff ffffffff"));
    CHECK_ST(p15_try_pin("03:0204 0a:01 02:04 02:00 80:01", &p), ST_OK);            // no length
    CHECK(p.credential.fill_to == 8 && p.credential.max == 8);
    CHECK_ST(p15_try_pin("03:0204 0a:01 02:7f 02:08 02:64 80:01", &p), ST_OK);      // nonsense
    CHECK(p.credential.min == 8 && p.credential.max == 8);
    CHECK_ST(p15_try_pin("03:00 0a:01 02:04 02:00c8", &p), ST_OK);      // longer than any
    CHECK(p.credential.max == CARD_PIN_MAX);
    CHECK_ST(p15_try_pin("03:00 0a:01 02:04 02:08 80:01 18'2020' 30(04:3f00dd01)", &p), ST_OK);
    CHECK_BYTES(p.where.file.p, p.where.file.n, "3f00 dd01");
    CHECK_ST(p15_try_pin("03:0204 0a:00 02:04 02:00c8 02:64 80:01", &p), ST_OK);   // BCD, too long
    CHECK(p.credential.fill_to == 8 && p.credential.max == 16);
    CHECK_ST(p15_try_pin("03:00 0a:00 02:04 02:00c8", &p), ST_OK);
    CHECK(p.credential.max && p.credential.max <= 2 * CARD_PIN_MAX);
    CHECK_ST(p15_try_pin("03:00 0a:04 02:04 02:04", &p), ST_OK);    // ISO 9564-1 in four bytes
    CHECK(p.credential.fill_to == 4 && p.credential.max == 6);
    CHECK_ST(p15_try_pin("03:0640 0a:01 02:04 02:08 03:0204 04: 30(04:4402 02:009001)", &p), ST_OK);
    CHECK(p.flags == P15_PIN_LOCAL && p.credential.filler == 0xff && !p.where.file.n);  // the first BIT STRING
    CHECK_ST(p15_try_pin("03:00 0a:05 02:04 02:08", &p), ST_PROTOCOL);
    CHECK_ST(p15_try_pin("03:00 0a:01", &p), ST_PROTOCOL);
}

// A text is cut between its characters, and is nothing where it has none.
TEST(p15entry_names)
{
    char field[8];
    p15entry_text(field, 4, p15_text("=6162c3a4"));
    CHECK(!memcmp(field, "ab\xc3\xa4", 4));
    p15entry_text(field, 3, p15_text("=6162c3a4"));
    CHECK(!memcmp(field, "ab", 3));
    p15entry_text(field, 3, p15_text("=808080808080"));
    CHECK(!field[0]);
    p15entry_text(field, 3, p15_text("=0761"));
    CHECK(!memcmp(field, " a", 3));
}

static st p15_try_entry(const char *text, struct p15_entry *entry)
{
    struct tlv record;
    bytes b = p15_text(text);
    TRY(p15entry_next(&b, &record));
    return p15entry_parse(&record, entry);
}

// The four parts of an entry; what is no entry.
TEST(p15entry_parts)
{
    struct p15_entry e;
    p15_begin();
    CHECK_ST(p15_try_entry("a0(30(0c'name' 03:0780 04:31 02:01 30(30(03:0780 05:))) 30(04:01) a0(30(02:05)) "
                           "a1(30(30(04:4401))))", &e), ST_OK);
    CHECK(e.tag == 0xa0 && e.flags == P15_PRIVATE && e.consent == 1);
    CHECK_BYTES(e.label.p, e.label.n, "6e616d65");
    CHECK_BYTES(e.auth_id.p, e.auth_id.n, "31");
    CHECK_BYTES(e.rules.p, e.rules.n, "3006 03020780 0500");
    CHECK_BYTES(e.class.p, e.class.n, "040101");
    CHECK_BYTES(e.sub.p, e.sub.n, "020105");
    CHECK_BYTES(e.type.p, e.type.n, "3004 04024401");
    CHECK_ST(p15_try_entry("30(30() 30())", &e), ST_OK);
    CHECK(!e.label.n && !e.sub.n && !e.type.n);
    CHECK_ST(p15_try_entry("30(30())", &e), ST_PROTOCOL);
    CHECK_ST(p15_try_entry("30(04:01 30())", &e), ST_PROTOCOL);
}

// What an entry says of a key, by the key's type: modulus length, curve, or length of a secret.
TEST(p15entry_keys)
{
    struct p15_entry e;
    struct p15_key_entry key;
    p15_begin();
    CHECK_ST(p15_try_entry("30(30() 30(04:01 04:02 03:0520 01:ff 03:03b8 02:0085 18'20200102000000Z' "
                           "80'20300405000000Z' a1(02:07)) a0(30(30(31(30())))) "
                           "a1(30(30(04:3f004b01) 02:0800)))", &e), ST_OK);
    p15entry_key(&e, p15entry_key_type(e.tag), &key);
    CHECK(key.type == ALG_RSA && key.bits == 2048 && !key.curve);
    CHECK(key.usage == P15_USE_SIGNATURE && key.access == 0x1d);
    CHECK(key.referenced && key.reference == 0x85);
    CHECK_BYTES(key.id.p, key.id.n, "01");
    CHECK_BYTES(key.algorithms.p, key.algorithms.n, "020107");
    CHECK_BYTES(key.subject.p, key.subject.n, "3004 31023000");
    CHECK_BYTES(key.value.path.file.p, key.value.path.file.n, "3f004b01");
    CHECK(!memcmp(key.start, "20200102", 8) && !memcmp(key.end, "20300405", 8));
    p15entry_key(&e, ALG_SECRET, &key);                 // no length, and nothing of an RSA key
    CHECK(!key.bits && !key.subject.n && key.value.path.file.n);
    CHECK_ST(p15_try_entry("a0(30() 30() a1(30(30(04:4b02) 30(06:2a8648ce3d030107))))", &e), ST_OK);
    p15entry_key(&e, p15entry_key_type(e.tag), &key);
    CHECK(key.type == ALG_EC && key.curve == alg_curve_named("P-256"));
    CHECK(!key.bits && !key.referenced && !key.id.n);
    CHECK_ST(p15_try_entry("af(30() 30(04:01) a0(02:0100))", &e), ST_OK);
    CHECK_EQ(p15entry_key_type(e.tag), ALG_NONE);
    p15entry_key(&e, ALG_SECRET, &key);
    CHECK_EQ(key.bits, 256);
    CHECK(!p15entry_has_value(&key.value));
}

TEST(p15entry_certificates_and_data)
{
    struct p15_entry e;
    struct p15_certificate_entry cert;
    struct p15_data_entry data;
    p15_begin();
    CHECK_ST(p15_try_entry("30(30() 30(04:01 01:ff) a1(30(30(04:3401))))", &e), ST_OK);
    CHECK_ST(p15entry_certificate(&e, &cert), ST_OK);
    CHECK(cert.authority && cert.id.n == 1 && cert.value.path.file.n == 2);
    CHECK_ST(p15_try_entry("a1(30() 30(04:01) a1(30(30(04:3401))))", &e), ST_OK);
    CHECK_ST(p15entry_certificate(&e, &cert), ST_NOT_FOUND);            // not X.509
    CHECK_ST(p15_try_entry("30(30() 30(04:01) a1(30(a1(04:01))))", &e), ST_OK);
    CHECK_ST(p15entry_certificate(&e, &cert), ST_NOT_FOUND);            // protected
    CHECK_ST(p15_try_entry("a1(30() 30(0c'app' 06:2a03) a1(06:2a04 30(04:3501)))", &e), ST_OK);
    CHECK_ST(p15entry_data(&e, &data), ST_OK);
    CHECK_BYTES(data.oid.p, data.oid.n, "06022a04");                    // its own, not the application's
    CHECK(bytes_equal(data.application, bytes_text("app")));
    CHECK_ST(p15_try_entry("a1(30() 30() a1(06:2a04))", &e), ST_OK);
    CHECK_ST(p15entry_data(&e, &data), ST_NOT_FOUND);                   // a name alone
    CHECK_ST(p15_try_entry("a0(30() 30() a1(30(04:3501)))", &e), ST_OK);
    CHECK_ST(p15entry_data(&e, &data), ST_NOT_FOUND);
}

static void test_p15entry(void)
{
    RUN(p15entry_numbers_and_bits);
    RUN(p15entry_paths);
    RUN(p15entry_records_filler_and_what_was_deleted);
    RUN(p15entry_explicit_where_implicit_is_right);
    RUN(p15entry_access_rules);
    RUN(p15entry_token_info);
    RUN(p15entry_pins_of_every_type);
    RUN(p15entry_names);
    RUN(p15entry_parts);
    RUN(p15entry_keys);
    RUN(p15entry_certificates_and_data);
}
