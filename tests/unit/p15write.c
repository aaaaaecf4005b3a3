// p15write.c: >>p15write. The entries are those that OpenSC's pkcs15-init wrote for the same.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

static u8 p15write_room[1024];

static struct buf p15write_made(const struct draft *draft, const struct p15write_said *said)
{
    struct buf b = buf_on(p15write_room, sizeof p15write_room);
    if (p15write_entry(draft, said, p15_scratch(), &b)) b.n = 0;
    return b;
}

static bytes p15write_df(void) { return bytes_of("\x3f\x00\x50\x15", 4); }

// Keys: made on the card, brought to it; RSA, EC; both halves.
TEST(p15write_keys)
{
    static const struct draft_secret brought;
    struct draft draft = { .class = CKO_PRIVATE_KEY, .label = bytes_text("RSA made"),
                           .key = { .type = ALG_RSA, .bits = 2048 },
                           .extractable = CARD_UNSAID };
    struct p15write_said said = { .kind = P15_PRKDF, .id = BYTES(1), .auth_id = BYTES(0xff),
                                  .path = p15write_df() };
    struct buf b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "3033 3011 0c08525341206d616465 030206c0 0401ff 300e 040101 03020274 030203b8 "
                "020100 a10e300c 300604043f005015 02020800");
    said.kind = P15_PUKDF;
    said.auth_id = BYTES_NONE;
    said.path = bytes_of("\x3f\x00\x50\x15\x33\x00", 6);
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "3031 300e 0c08525341206d616465 03020640 300d 040101 0302008b 010100 020100 "
                "a110 300e 300804063f0050153300 02020800");
    draft = (struct draft){ .class = CKO_PRIVATE_KEY, .label = bytes_text("EC stored"),
                            .use = CARD_SIGN, .secret = &brought, .extractable = CARD_UNSAID,
                            .key = { .type = ALG_EC, .bits = 256 } };
    said = (struct p15write_said){ .kind = P15_PUKDF, .id = BYTES(4), .reference = 1,
                                   .path = bytes_of("\x3f\x00\x50\x15\x33\x03", 6) };
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "a02e 300f 0c0945432073746f726564 03020640 300d 040104 03020102 010100 020101 "
                "a10c300a 300804063f0050153303");
    said.kind = P15_PRKDF;
    said.path = p15write_df();
    said.auth_id = BYTES(1);
    said.consent = true;
    draft.label = BYTES_NONE;
    draft.subject = BYTES(0x30, 0x00);
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "a032 300a 030206c0 040101 020101 300e 040104 03020520 03020780 020101 "
                "a004 30023000 a10e300c 300604043f005015 02020100");
}

TEST(p15write_others)
{
    struct draft draft = { .class = CKO_CERTIFICATE, .label = bytes_text("Certificate") };
    struct p15write_said said = { .kind = P15_CDF, .id = BYTES(1),
                                  .path = bytes_of("\x3f\x00\x50\x15\x34\x00", 6) };
    struct buf b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "3026 3011 0c0b4365727469666963617465 03020640 3003 040101 a10c300a 3008 "
                "04063f0050153400");
    draft.authority = true;
    draft.label = BYTES_NONE;
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "301c 3004 03020640 3006 040101 0101ff a10c300a 300804063f0050153400");
    draft = (struct draft){ .class = CKO_DATA, .label = bytes_text("Data"),
                            .application = bytes_text("scard11"), .oid = BYTES(6, 1, 0x2a) };
    said = (struct p15write_said){ .kind = P15_DODF, .auth_id = BYTES(0xff),
                                   .path = bytes_of("\x3f\x00\x50\x15\x35\x00", 6) };
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "3029 300d 0c0444617461 030206c0 0401ff 300c 0c0773636172643131 06012a "
                "a10a300804063f0050153500");
    draft.oid = BYTES(0x2a);                        // as pkcs11-tool gives it
    CHECK_ST(p15write_made(&draft, &said).n, 43);
    draft = (struct draft){ .class = CKO_SECRET_KEY, .secret_type = CKK_AES, .secret_len = 32,
                            .extractable = CK_TRUE };
    said = (struct p15write_said){ .kind = P15_SKDF, .id = BYTES(9), .reference = 0x81,
                                   .path = p15write_df(), .algorithms = BYTES(2, 1, 5) };
    b = p15write_made(&draft, &said);
    CHECK_BYTES(b.p, b.n, "302e 3004 03020640 3014 040109 030206c0 030203e8 02020081 a103020105 "
                "a004 02020100 a10a3008 300604043f005015");
    draft.secret_type = CKK_DES3;
    CHECK(p15write_made(&draft, &said).p[0] == 0xa4);
}

// What was made is read again as what it was made of; there may be no room for it.
TEST(p15write_read_again)
{
    u8 small[20];
    struct buf b = buf_on(small, sizeof small);
    struct draft draft = { .class = CKO_PRIVATE_KEY, .use = CARD_SIGN | CARD_DERIVE,
                           .key = { .type = ALG_EC, .bits = 521 }, .extractable = CK_FALSE };
    struct p15write_said said = { .kind = P15_PRKDF, .id = BYTES(1, 2, 3), .auth_id = BYTES(1),
                                  .path = p15write_df(), .reference = 200 };
    struct p15_entry entry;
    struct p15_key_entry key;
    struct tlv tlv;
    CHECK_ST(p15write_entry(&draft, &said, p15_scratch(), &b), ST_HOST_MEMORY);
    b = p15write_made(&draft, &said);
    bytes rest = buf_bytes(&b);
    CHECK_ST(p15entry_next(&rest, &tlv), ST_OK);
    CHECK_ST(p15entry_parse(&tlv, &entry), ST_OK);
    p15entry_key(&entry, p15entry_key_type(entry.tag), &key);
    CHECK(key.type == ALG_EC && key.reference == 200 && key.referenced);
    CHECK(key.usage == (P15_USE_SIGNATURE | P15_USE_DERIVE) && key.access == 0x1d);
    CHECK(entry.flags == 3 && bytes_equal(entry.auth_id, BYTES(1)));
    CHECK(bytes_equal(key.value.path.file, p15write_df()) && bytes_equal(key.id, BYTES(1, 2, 3)));
}

// Another label or iD, in an entry of whoever's.
TEST(p15write_changes)
{
    static const u8 was[] = { 0x30, 0x1b, 0x30, 0x07, 0x0c, 1, 'a', 0x03, 2, 6, 0x40, 0x30, 0x06,
        0x04, 1, 7, 0x01, 1, 0xff, 0xa1, 0x08, 0x30, 0x06, 0x30, 0x04, 0x04, 2, 0x34, 0 };
    struct draft change = { .set = CARD_SET_LABEL, .label = bytes_text("bcd"), .id = BYTES(8, 9) };
    struct buf b = buf_on(p15write_room, sizeof p15write_room);
    CHECK_ST(p15write_changed(bytes_of(was, sizeof was), &change, p15_scratch(), &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "301d 3009 0c03626364 03020640 3006 040107 0101ff a108300630040402 3400");
    change.set = CARD_SET_ID;
    b.n = 0;
    CHECK_ST(p15write_changed(bytes_of(was, sizeof was), &change, p15_scratch(), &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "301c 3007 0c0161 03020640 3007 04020809 0101ff a108300630040402 3400");
    b.n = 0;
    p15write_replace(BYTES(3, 2, 6, 0x40), TLV_UTF8, bytes_text("x"), &b);
    CHECK_BYTES(b.p, b.n, "0c0178 03020640");
    b.n = 0;
    CHECK_ST(p15write_changed(BYTES(0x30, 0), &change, p15_scratch(), &b), ST_PROTOCOL);
    CHECK_ST(p15write_changed(BYTES_NONE, &change, p15_scratch(), &b), ST_NOT_FOUND);
}

TEST(p15write_ids)
{
    u8 point[65] = { 4, 'a', 'b', 'c' };
    struct alg_key key = { .type = ALG_RSA, .modulus = bytes_text("abc") };
    struct buf b = buf_on(p15write_room, sizeof p15write_room);
    CHECK_ST(p15write_id(&key, &b), ST_OK);
    CHECK_BYTES(b.p, b.n, "a9993e364706816aba3e25717850c26c9cd0d89d");
    key = (struct alg_key){ .type = ALG_EC, .curve = alg_curve_named("P-256"),
                            .point = bytes_of(point, sizeof point) };
    b.n = 0;
    CHECK_ST(p15write_id(&key, &b), ST_OK);
    CHECK(b.n == 20);
}

static void test_p15write(void)
{
    RUN(p15write_keys);
    RUN(p15write_others);
    RUN(p15write_read_again);
    RUN(p15write_changes);
    RUN(p15write_ids);
}
