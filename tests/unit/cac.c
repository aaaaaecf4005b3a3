// cac.c: >>cac, on a card that is a table of applets with buffers. Whole conversations are in
// cards.c, traces.c; libcacard's card is in pcsc/libcacard.sh.
// SPDX-License-Identifier: 0BSD

#if SCARD11_CAC

#define CAC_A "\xa0\x00\x00\x00\x79"            // RIDs
#define CAC_B "\xa0\x00\x00\x01\x16"

// ---- A card that is a table of applets ----

static struct {
    struct sim_card card;
    struct { u8 aid[7]; bytes tags, values, acr; bool object; unsigned reads; } table[24];
    unsigned n, selects, tag_reads;
    int at;                             // the selected applet; -1: none
    bool exact;                         // it refuses to be asked for more than there is
    unsigned read_sw, use_sw, verify_sw, most;  // most: bytes of one answer; 0: 255
    char sent[400];                     // the last commands but READ BUFFER, in short
    u8 used[600];                       // what came to a key
    size_t used_n;
    u8 room[300000];
    size_t room_n;
} cac_on;

static struct token *const cac_t = &card_it.tokens[0];

static size_t cac_select_in_table(const u8 *cmd, size_t n, u8 *rsp)
{
    cac_on.selects++;
    if (cmd[2] == 2) return sim_script_sw(rsp, cac_on.at >= 0 && cac_on.table[cac_on.at].object ? 0x9000 : 0x6a82);
    cac_on.at = -1;
    for (unsigned i = 0; i < cac_on.n && n >= 12 && cmd[4] == 7; i++)
        if (!memcmp(cac_on.table[i].aid, cmd + 5, 7)) cac_on.at = (int)i;
    return sim_script_sw(rsp, cac_on.at < 0 ? 0x6a82 : 0x9000);
}

static size_t cac_give_buffer(const u8 *cmd, u8 *rsp)
{
    bytes all = cmd[5] == 1 ? cac_on.table[cac_on.at].tags : cac_on.table[cac_on.at].values;
    size_t offset = (size_t)cmd[2] << 8 | cmd[3], n = cmd[6];
    cac_on.table[cac_on.at].reads++;
    if (cmd[5] == 1) cac_on.tag_reads++;
    if (cac_on.read_sw) return sim_script_sw(rsp, cac_on.read_sw);
    if (offset > all.n || (cac_on.exact && offset + n > all.n)) return sim_script_sw(rsp, 0x6a86);
    bytes part = bytes_head(bytes_from(all, offset), n);
    if (cac_on.most) part = bytes_head(part, cac_on.most);
    if (part.n) memcpy(rsp, part.p, part.n);
    return part.n + sim_script_sw(rsp + part.n, 0x9000);
}

static size_t cac_use_key(const u8 *cmd, u8 *rsp)
{
    memcpy(cac_on.used + cac_on.used_n, cmd + 5, cmd[4]);
    cac_on.used_n += cmd[4];
    if (cmd[2] == 0x80) return sim_script_sw(rsp, 0x9000);
    if (cac_on.use_sw) return sim_script_sw(rsp, cac_on.use_sw);
    memset(rsp, 0x5a, 255);
    return 255 + sim_script_sw(rsp + 255, 0x9000);
}

static size_t cac_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    size_t said = strlen(cac_on.sent);
    (void)room;
    card->apdus++;
    if (cmd[1] != 0x52 && said + 20 < sizeof cac_on.sent)
        snprintf(cac_on.sent + said, 20, "%02x%02x%s", cmd[1], n > 11 ? cmd[10] : 0, n > 11 && cmd[1] == 0xa4 ?
                 cmd[11] == 0 ? "00 " : cmd[11] == 1 ? "01 " : "xx " : " ");
    if (cmd[1] == 0xa4) return cac_select_in_table(cmd, n, rsp);
    if (cmd[1] == 0x20) return sim_script_sw(rsp, cac_on.verify_sw ? cac_on.verify_sw : 0x9000);
    if (cac_on.at < 0) return sim_script_sw(rsp, 0x6900);
    if (cmd[1] == 0x52) return cac_give_buffer(cmd, rsp);
    if (cmd[1] == 0x42) return cac_use_key(cmd, rsp);
    bytes acr = cac_on.table[cac_on.at].acr;
    if (cmd[1] != 0x4c || !acr.n) return sim_script_sw(rsp, 0x6d00);
    memcpy(rsp, acr.p, acr.n);
    return acr.n + sim_script_sw(rsp + acr.n, 0x9000);
}

static void cac_reset(struct sim_card *card) { (void)card; }

static void cac_begin_card(void)
{
    memset(&cac_on, 0, sizeof cac_on);
    cac_on.at = -1;
    cac_on.card.apdu = cac_apdu;
    cac_on.card.reset = cac_on.card.free = cac_reset;
    cac_on.card.protocol = 1;
    memcpy(cac_on.card.atr, "\x3b\x00", 2);
    cac_on.card.atr_len = 2;
}

static struct buf cac_room(size_t n)
{
    struct buf b = buf_on(cac_on.room + cac_on.room_n, n);
    if (cac_on.room_n + n > sizeof cac_on.room) abort();
    cac_on.room_n += n;
    return b;
}

// A buffer: the length of what is in it, and that.
static bytes cac_buffer(bytes value)
{
    struct buf b = cac_room(value.n + 2);
    buf_put(&b, BYTES((u8)value.n, (u8)(value.n >> 8)));
    buf_put(&b, value);
    return buf_bytes(&b);
}

static unsigned cac_put(const char *aid, bytes tags, bytes values)
{
    memcpy(cac_on.table[cac_on.n].aid, aid, 7);
    cac_on.table[cac_on.n].tags = cac_buffer(tags);
    cac_on.table[cac_on.n].values = cac_buffer(values);
    return cac_on.n++;
}

static bytes cac_certificate(enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    return bytes_of(d->certificate, d->certificate_len);
}

// A PKI applet whose buffers hold 71 = info, and then the certificate; first: the other way round.
static unsigned cac_put_key(u8 number, bytes certificate, u8 info, bool first)
{
    u8 aid[7] = { 0xa0, 0, 0, 0, 0x79, 1, number };
    struct buf tags = cac_room(20), values = cac_room(certificate.n + 1);
    if (!first) buf_put(&tags, BYTES(0x71, 1));
    buf_put(&tags, BYTES(0x70, 0xff, (u8)certificate.n, (u8)(certificate.n >> 8)));
    if (first) buf_put(&tags, BYTES(0x71, 1));
    buf_put(&tags, BYTES(0x72, 0, 0xfe, 0));
    if (!first) buf_put8(&values, info);
    buf_put(&values, certificate);
    if (first) buf_put8(&values, info);
    return cac_put((const char *)aid, buf_bytes(&tags), buf_bytes(&values));
}

static bytes cac_gzip(bytes value)
{
    struct buf b = cac_room(compressBound((uLong)value.n) + 40);
    b.n = sim_gzip(value.p, value.n, b.p, b.cap);
    return buf_bytes(&b);
}

// ---- A CCC ----

static struct buf cac_ccc_tags, cac_ccc_values;

static void cac_put_ccc(u8 tag, bytes value)
{
    buf_put(&cac_ccc_tags, BYTES(tag, (u8)value.n));
    buf_put(&cac_ccc_values, value);
}

static void cac_put_url(const char *rid, u8 type, u8 object, u8 applet)
{
    u8 url[16] = { 0 };
    memcpy(url, rid, 5);
    url[5] = type;
    url[6] = url[8] = 1;
    url[7] = object;
    url[9] = applet;
    cac_put_ccc(0xf3, bytes_of(url, sizeof url));
}

static void cac_begin_ccc(void)
{
    static const u8 id[21] = { 0xa0, 0, 0, 0, 0x79, 3, 2, [13] = 1, 2, 3, 4, 0xa5, 0xa6, 0xa7, 0xa8 };
    cac_ccc_tags = cac_room(9000);
    cac_ccc_values = cac_room(60000);
    cac_put_ccc(0xf0, bytes_of(id, sizeof id));
    cac_put_ccc(0xf1, BYTES(0x21));
    cac_put_ccc(0xf2, BYTES(0x21));
}

static void cac_end_ccc(void)
{
    cac_put_ccc(0xf4, BYTES(0));
    cac_put_ccc(0xf5, BYTES(0x10));
    cac_put(CAC_B "\xdb\x00", buf_bytes(&cac_ccc_tags), buf_bytes(&cac_ccc_values));
}

// A card with a CCC, and two keys: the second in gzip.
static void cac_two(void)
{
    cac_begin_card();
    cac_begin_ccc();
    cac_put_url(CAC_A, 1, 0xfb, 0xfb);
    cac_put_url(CAC_A, 4, 0, 0);
    cac_put_url(CAC_A, 4, 1, 1);
    cac_end_ccc();
    cac_put_key(0, cac_certificate(SIM_RSA2048A), 0, false);
    cac_put_key(1, cac_gzip(cac_certificate(SIM_RSA2048B)), 1, true);
}

static st cac_insert(void)
{
    card_connect(&cac_on.card, 1 << 20);
    card_it.token_count = 1;
    cac_t->driver = &driver_cac;
    return cac_probe(&card_it, cac_t, card_scratch());
}

static st cac_search(CK_OBJECT_CLASS class, unsigned id)
{
    struct query q = { .any_class = class == CKO_VENDOR_DEFINED, .class = class, .any_id = !id,
                       .id = BYTES((u8)id), .logged_in = true };
    return cac_list(&card_it, cac_t, &q, card_scratch());
}

static const struct cac *cac_state(void) { return cac_t->state; }

// ---- Finding out ----

// The usual CCC is read without its tags: a SELECT, and the values.
TEST(cac_by_its_ccc)
{
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_EQ(cac_on.card.apdus, 2);
    CHECK_EQ(cac_on.tag_reads, 0);
    CHECK_EQ(cac_state()->key_count, 2);
    CHECK(!strcmp(cac_t->serial, "01020304a5a6a7a8") && !strcmp(cac_t->label, "CAC a5a6a7a8"));
    CHECK(card_it.current == cac_t && card_it.sure && !cac_t->identity->known);
    CHECK(!card_pin(cac_t)->ask && card_pin(cac_t)->logout_by == LOGOUT_RESET);
    card_end();
}

// Values that do not stand as they always do: the tags tell.
TEST(cac_by_the_tags_of_its_ccc)
{
    cac_begin_card();
    cac_ccc_tags = cac_room(100);
    cac_ccc_values = cac_room(200);
    cac_put_ccc(0xf1, BYTES(0x21));
    cac_put_ccc(0xf0, bytes_text("\xa0xxxx0123456789"));
    cac_put_ccc(0xf5, bytes_text("something longer than there should be of it"));
    cac_put_url(CAC_A, 4, 2, 2);
    cac_end_ccc();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK(cac_on.tag_reads && cac_state()->key_count == 1);
    CHECK_EQ(cac_state()->keys[0].aid[6], 2);
    CHECK(!strcmp(cac_t->serial, "3233343536373839"));
    card_end();
}

// A card that wants no more asked of a buffer than it has, and one that gives little at a time.
TEST(cac_reads_buffers)
{
    cac_two();
    cac_on.exact = true;
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 6);
    card_end();
    cac_two();
    cac_on.most = 40;
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 6);
    card_end();
}

// The ACA names applets, and takes the PIN.
TEST(cac_by_its_aca)
{
    static const u8 acr[] = { 0x01, 5, 1, 2, 3, 4, 5, 0x94, 1, 3,
        0x93, 10, 0x10, 0x92, 7, 0xa0, 0, 0, 0, 0x79, 1, 3, 0x93, 10, 0x11, 0x92, 7, 0xa0, 0, 0, 0, 0x79, 2, 0,
        0x93, 4, 0x12, 0x92, 1, 0xa0, 0x93, 200, 1 };
    cac_begin_card();
    unsigned aca = cac_put(CAC_A "\x10\x00", BYTES_NONE, BYTES_NONE);
    cac_on.table[aca].acr = bytes_of(acr, sizeof acr);
    cac_put_key(3, cac_certificate(SIM_RSA2048A), 0, false);
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_EQ(cac_state()->key_count, 1);
    CHECK(bytes_equal(cac_state()->home, bytes_of(cac_aca, 7)));
    CHECK(strlen(cac_t->serial) == 16 && cac_t->identity->known);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 3);
    card_end();
}

// Neither CCC nor ACA: the PKI applets are asked for, if the first is there.
TEST(cac_by_its_applets)
{
    cac_begin_card();
    cac_put_key(0, cac_certificate(SIM_RSA2048A), 0, false);
    cac_put_key(5, cac_certificate(SIM_RSA2048B), 0, true);
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_EQ(cac_state()->key_count, 2);
    CHECK_EQ(cac_on.selects, 2 + 10 + 1);
    CHECK(bytes_equal(cac_state()->home, bytes_of(cac_pki, 7)));
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 1) && p15_object(CKO_PRIVATE_KEY, 2));
    card_end();
    cac_begin_card();                                   // none of them
    CHECK_ST(cac_insert(), ST_NOT_MINE);
    CHECK_EQ(cac_on.selects, 3);
    card_end();
    cac_begin_card();                                   // it says yes, and has no buffer
    cac_put_key(0, cac_certificate(SIM_RSA2048A), 0, false);
    cac_on.read_sw = 0x6d00;
    CHECK_ST(cac_insert(), ST_NOT_MINE);
    card_end();
}

// A CCC that is of no use: the applets are asked for.
TEST(cac_useless_ccc)
{
    for (int i = 0; i < 4 && !test_failing; i++) {
        cac_begin_card();
        cac_begin_ccc();
        if (i == 1) cac_put_url(CAC_A, 1, 0xfb, 0xfb);                  // no PKI applet
        if (i == 2) cac_put_ccc(0xfd, bytes_text(CAC_B "\x01\xdb\x00\xdb\x00      "));  // one more: itself
        cac_end_ccc();
        if (i == 3) cac_on.table[0].values = cac_on.table[0].tags = BYTES_NONE;
        cac_put_key(0, cac_certificate(SIM_RSA2048A), 0, false);
        CHECK_ST(cac_insert(), ST_OK);
        CHECK_EQ(cac_state()->key_count, 1);
        CHECK(cac_on.card.apdus < 30);
        card_end();
        if (test_failing) printf("    case %d\n", i);
    }
}

// Three thousand CardURLs, and the same one again and again.
TEST(cac_has_caps)
{
    cac_begin_card();
    cac_begin_ccc();
    for (unsigned i = 0; i < 3000; i++) cac_put_url(CAC_A, 4, 0, 0);
    for (unsigned i = 0; i < 400; i++) cac_put_url(CAC_A, 4, (u8)i, (u8)i);
    cac_end_ccc();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_EQ(cac_state()->key_count, CAC_KEYS_MAX);
    for (u32 i = 0; i < CAC_KEYS_MAX; i++) CHECK_EQ(cac_state()->keys[i].aid[6], i);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK); // none of them is there
    CHECK_EQ(card_it.object_count, 0);
    card_end();
    CHECK_BYTES(cac_label(&card_it, 0).p, 6, "434143204944");
    card_begin(1 << 16);
    CHECK(bytes_equal(cac_label(&card_it, 3), bytes_text("CAC Certificate 4")));
    CHECK(bytes_equal(cac_label(&card_it, 8), bytes_text("CAC Certificate 9")));
    CHECK(bytes_equal(cac_label(&card_it, 9), bytes_text("CAC Certificate 10")));
    CHECK(bytes_equal(cac_label(&card_it, 15), bytes_text("CAC Certificate 16")));
    arena_free(&card_it.arena);
}

// ---- Objects ----

TEST(cac_lists_keys)
{
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_DATA, 0), ST_OK);
    CHECK_EQ(cac_on.card.apdus, 2);
    CHECK_ST(cac_search(CKO_PRIVATE_KEY, 2), ST_OK);
    CHECK_EQ(card_it.object_count, 3);
    CHECK_EQ(cac_on.table[1].reads, 0);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 6);
    CHECK_EQ(cac_on.tag_reads, 0);
    CHECK(bytes_equal(p15_object(CKO_CERTIFICATE, 1)->value, cac_certificate(SIM_RSA2048A)));
    CHECK(bytes_equal(p15_object(CKO_CERTIFICATE, 2)->value, cac_certificate(SIM_RSA2048B)));
    const struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
    CHECK(key->private && key->credential == card_pin(cac_t) && key->use == (CARD_SIGN | CARD_DECRYPT));
    CHECK(!p15_object(CKO_PUBLIC_KEY, 1)->private && !p15_object(CKO_CERTIFICATE, 1)->private);
    unsigned before = cac_on.card.apdus;
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(cac_on.card.apdus, before);
    card_end();
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    struct query hidden = { .class = CKO_PRIVATE_KEY, .any_id = true };
    before = cac_on.card.apdus;
    CHECK_ST(cac_list(&card_it, cac_t, &hidden, card_scratch()), ST_OK);
    CHECK_EQ(cac_on.card.apdus, before);                // before a login there are none
    card_end();
}

// Certificates that are none: said once, and not asked for again. An error of the card may be in
// passing.
TEST(cac_useless_certificates)
{
    static u8 zeros[60000];
    bytes one = cac_certificate(SIM_RSA2048A);
    for (int i = 0; i < 7 && !test_failing; i++) {
        cac_begin_card();
        bytes cases[] = { BYTES_NONE, bytes_head(one, 300), bytes_head(cac_gzip(one), 40),
                          cac_gzip(bytes_of(zeros, sizeof zeros)), bytes_text("nothing like it"), BYTES(0x30),
                          cac_certificate(SIM_P256A) };
        CHECK_EQ(COUNT(cases), 7);
        cac_begin_ccc();
        cac_put_url(CAC_A, 4, 0, 0);
        cac_end_ccc();
        cac_put_key(0, cases[i], 0, true);
        CHECK_ST(cac_insert(), ST_OK);
        CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
        CHECK_EQ(card_it.object_count, i == 6);         // a certificate whose key is none of RSA
        unsigned reads = cac_on.table[1].reads;
        CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
        CHECK_EQ(cac_on.table[1].reads, reads);
        card_end();
        if (test_failing) printf("    case %d\n", i);
    }
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    cac_on.read_sw = 0x6581;
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 0);
    cac_on.read_sw = 0;
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 6);
    card_end();
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    card_it.arena.left = 0;
    card_it.arena.at = card_it.arena.end;
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_ARENA_FULL);
    card_end();
}

// A certificate behind what nobody expects there: the tags tell where it is.
TEST(cac_certificate_by_its_tag)
{
    bytes one = cac_certificate(SIM_RSA2048A);
    cac_begin_card();
    cac_begin_ccc();
    cac_put_url(CAC_A, 4, 0, 0);
    cac_end_ccc();
    struct buf tags = cac_room(20), values = cac_room(one.n + 10);
    buf_put(&tags, BYTES(0x72, 5, 0x70, 0xff, (u8)one.n, (u8)(one.n >> 8)));
    buf_put(&values, bytes_text("MSCUI"));
    buf_put(&values, one);
    cac_put(CAC_A "\x01\x00", buf_bytes(&tags), buf_bytes(&values));
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 3);
    CHECK(bytes_equal(p15_object(CKO_CERTIFICATE, 1)->value, one));
    card_end();
}

TEST(cac_tags_and_lengths)
{
    static const struct { const char *tags; size_t n; u8 want; const char *value; } cases[] = {
        { "\x70\x03\x71\x02", 4, 0x71, "de" }, { "\x70\xff\x05\x00", 4, 0x70, "abcde" },
        { "\x70\xff\x00\x01", 4, 0x70, NULL }, { "\x70\x06", 2, 0x70, NULL }, { "\x70", 1, 0x70, NULL },
        { "\x70\xff\x01", 3, 0x70, NULL }, { "\x71\x01\x71\x01", 4, 0x70, NULL }, { "", 0, 0x70, NULL },
        { "\x70\x00\x71\x05", 4, 0x70, "" } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bytes tags = bytes_of(cases[i].tags, cases[i].n), values = bytes_text("abcde"), value = BYTES_NONE;
        bool is = cac_take_value(&tags, &values, cases[i].want, &value);
        CHECK_EQ(is, cases[i].value != NULL);
        if (is) CHECK(bytes_equal(value, bytes_text(cases[i].value)));
    }
}

// An object in an applet is selected there, and an applet that the CCC names first and that is not
// there does not take the PIN.
TEST(cac_places)
{
    cac_begin_card();
    cac_begin_ccc();
    cac_put_url(CAC_A, 4, 9, 9);                        // not there
    cac_put_url(CAC_A, 4, 0, 0);
    cac_put_url(CAC_A, 4, 7, 0);                        // an object in it
    cac_end_ccc();
    unsigned at = cac_put_key(0, cac_certificate(SIM_RSA2048A), 0, false);
    cac_on.table[at].object = true;
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_EQ(cac_state()->key_count, 3);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 6);
    CHECK(!p15_object(CKO_CERTIFICATE, 1) && p15_object(CKO_CERTIFICATE, 2) && p15_object(CKO_CERTIFICATE, 3));
    CHECK_ST(place_select(&card_it, cac_t), ST_OK);
    CHECK(bytes_equal(cac_state()->home, bytes_of(cac_pki, 7)));
    card_end();
}

// What no other card has: the beginning of the first certificate, whose applet is selected for it.
TEST(cac_identity)
{
    bytes one, two;
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    struct scratch scratch = card_scratch();
    CHECK_ST(cac_landmark(&card_it, cac_t, 0, &scratch, &one), ST_OK);
    CHECK(one.n == 255 && !memcmp(one.p + 3, cac_certificate(SIM_RSA2048A).p, 250));
    cac_on.read_sw = 0x6f00;
    CHECK_ST(cac_landmark(&card_it, cac_t, 0, &scratch, &two), 0x6f00);
    card_end();
}

// ---- The PIN ----

static st cac_try_pin(void)
{
    *cac_on.sent = 0;
    return secret_login(&card_it, cac_t, card_pin(cac_t), bytes_text("123456"), card_scratch());
}

// It goes to the ACA where there is one; that is asked for once.
TEST(cac_pin_goes_home)
{
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_try_pin(), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a41000 a40100 2036 "));
    place_unsure(&card_it);
    CHECK_ST(cac_try_pin(), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a40100 2036 "));
    card_end();
    cac_two();
    cac_put(CAC_A "\x10\x00", BYTES_NONE, BYTES_NONE);
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_try_pin(), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a41000 2036 "));
    card_end();
}

// 6985 says that the PIN was wrong, and nothing of tries. 63CX says both.
TEST(cac_wrong_pin)
{
    static const struct { unsigned sw; st want; int tries; } cases[] = {
        { 0x6985, ST_PIN_INCORRECT, -1 }, { 0x63c2, ST_PIN_INCORRECT, 2 }, { 0x6302, ST_PIN_INCORRECT, 2 },
        { 0x6300, ST_PIN_INCORRECT, -1 }, { 0x6983, ST_PIN_LOCKED, 0 }, { 0x6f00, 0x6f00, -1 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        cac_two();
        cac_on.verify_sw = cases[i].sw;
        CHECK_ST(cac_insert(), ST_OK);
        CHECK_ST(cac_try_pin(), cases[i].want);
        CHECK_EQ((unsigned)card_pin(cac_t)->tries, (unsigned)cases[i].tries);
        CHECK(!card_pin(cac_t)->verified);
        card_end();
        if (test_failing) printf("    %04x\n", cases[i].sw);
    }
}

// ---- Keys ----

static st cac_try_key(unsigned id, bool sign, u8 fill, struct buf *out)
{
    static u8 in[256];
    const struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW };
    struct object *key = p15_object(CKO_PRIVATE_KEY, (u8)id);
    memset(in, fill, sizeof in);
    *in = 0;
    cac_on.used_n = 0;
    *cac_on.sent = 0;
    if (!key) return ST_NO_KEY;
    if (!sign) return cac_decrypt(&card_it, key, NULL, bytes_of(in, sizeof in), card_scratch(), out);
    return cac_sign(&card_it, key, &use, bytes_of(in, sizeof in), card_scratch(), out);
}

// Each key is used in its applet, the block in two parts; what cannot be checked is not sent where
// another program may have selected another applet.
TEST(cac_uses_keys)
{
    u8 room[512];
    struct buf out = buf_on(room, sizeof room);
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_ST(cac_try_key(1, true, 0x11, &out), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a40100 4211 4200 "));
    CHECK(cac_on.used_n == 256 && !cac_on.used[0] && cac_on.used[255] == 0x11);
    CHECK(out.n == 256 && !room[0] && room[255] == 0x5a);       // the card leaves zeros out
    CHECK_ST(cac_try_key(1, true, 0x11, &out), ST_OK);
    CHECK(!strcmp(cac_on.sent, "4211 4200 "));
    buf_rewind(&out, 0);
    CHECK_ST(cac_try_key(2, true, 0x11, &out), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a40101 4211 4200 "));
    buf_rewind(&out, 0);
    CHECK_ST(cac_try_key(2, false, 0x22, &out), ST_OK);
    CHECK(!strcmp(cac_on.sent, "4222 4200 "));
    place_unsure(&card_it);                             // another transaction
    buf_rewind(&out, 0);
    CHECK_ST(cac_try_key(2, false, 0x22, &out), ST_OK);
    CHECK(!strcmp(cac_on.sent, "a40101 4222 4200 "));
    place_unsure(&card_it);
    buf_rewind(&out, 0);
    CHECK_ST(cac_try_key(1, true, 0x22, &out), ST_OK);  // for another key one SELECT, no more
    CHECK(!strcmp(cac_on.sent, "a40100 4222 4200 "));
    card_end();
}

// On trust to where the key was; a signature that does not check is made once more, for certain.
TEST(cac_checks_signatures)
{
    u8 room[512];
    struct buf out = buf_on(room, sizeof room);
    cac_two();
    CHECK_ST(cac_insert(), ST_OK);
    CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_ST(cac_try_key(1, true, 0x11, &out), ST_OK);
    place_unsure(&card_it);
    buf_rewind(&out, 0);
    const struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW };
    if (cipher_can_verify(p15_object(CKO_PRIVATE_KEY, 1)->key, &use)) {
        CHECK_ST(cac_try_key(1, true, 0x11, &out), ST_PROTOCOL);        // twice the same, and wrong
        CHECK(!strcmp(cac_on.sent, "4211 4200 a40100 4211 4200 "));
    }
    cac_on.at = -1;                                     // nothing is selected any more
    place_unsure(&card_it);
    buf_rewind(&out, 0);
    cac_try_key(1, true, 0x11, &out);
    CHECK(strstr(cac_on.sent, "a40100 4211 4200 "));
    card_end();
}

// 6985 is no silent second VERIFY: the caller is told, and the next login is made in the key's
// applet, unless there is an ACA.
TEST(cac_key_wants_the_pin)
{
    static const struct { unsigned sw; st want; bool moves; } cases[] = {
        { 0x6985, ST_NOT_LOGGED_IN, true }, { 0x6982, ST_NOT_LOGGED_IN, true }, { 0x6a80, ST_FAILED, false },
        { 0x6984, ST_FAILED, false }, { 0x6900, SW_NOT_SELECTED, false }, { 0x6f00, 0x6f00, false } };
    u8 room[512];
    for (size_t i = 0; i < 2 * COUNT(cases) && !test_failing; i++) {
        struct buf out = buf_on(room, sizeof room);
        bool aca = i >= COUNT(cases);
        size_t k = i % COUNT(cases);
        cac_two();
        if (aca) cac_put(CAC_A "\x10\x00", BYTES_NONE, BYTES_NONE);
        CHECK_ST(cac_insert(), ST_OK);
        CHECK_ST(cac_try_pin(), ST_OK);
        CHECK_ST(cac_search(CKO_VENDOR_DEFINED, 0), ST_OK);
        cac_on.use_sw = cases[k].sw;
        CHECK_ST(cac_try_key(2, true, 0x11, &out), cases[k].want);
        CHECK(!strstr(cac_on.sent, "2036"));
        CHECK_EQ(cac_state()->home.p[5] == 1 && cac_state()->home.p[6] == 1, cases[k].moves && !aca);
        CHECK_ST(cac_try_pin(), ST_OK);
        CHECK(strstr(cac_on.sent, aca ? "a41000 2036 " : cases[k].moves ? "a40101 2036 " : "a40100 2036 "));
        card_end();
        if (test_failing) printf("    %04x\n", cases[k].sw);
    }
}
#endif

static void test_cac(void)
{
#if SCARD11_CAC
    RUN(cac_by_its_ccc);
    RUN(cac_by_the_tags_of_its_ccc);
    RUN(cac_reads_buffers);
    RUN(cac_by_its_aca);
    RUN(cac_by_its_applets);
    RUN(cac_useless_ccc);
    RUN(cac_has_caps);
    RUN(cac_lists_keys);
    RUN(cac_useless_certificates);
    RUN(cac_certificate_by_its_tag);
    RUN(cac_tags_and_lengths);
    RUN(cac_places);
    RUN(cac_identity);
    RUN(cac_pin_goes_home);
    RUN(cac_wrong_pin);
    RUN(cac_uses_keys);
    RUN(cac_checks_signatures);
    RUN(cac_key_wants_the_pin);
#endif
}
