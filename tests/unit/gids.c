// gids.c: >>gids, on cards that answer a script, and on one that is a table of data objects. Whole
// conversations are in cards.c, traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_GIDS

#define GIDS_SELECT  "00a40400 0b a0000003974254465902 01 00 > "
#define GIDS_ASK_ID  "00cba012 04 5c02df20 00 > "
#define GIDS_ASK_MF  "00cba000 04 5c02df1f 00 > "
#define GIDS_ID      "df2010 00112233445566778899aabbccddeeff 9000"
#define GIDS_ASK_PIN "00200080 > "

// ---- A card that is a table of data objects ----

static struct {
    struct sim_card card;
    struct { unsigned file, object; bytes value; unsigned sw, reads; } table[24];
    unsigned n, others;
    enum sim_key keys[GIDS_CONTAINERS_MAX];     // public keys, by container
    unsigned key_reads, key_sw;
    u8 answer[40000];
    size_t answer_n, answer_at;
    u8 room[300000];
    size_t used;
} gids_on;

static struct token *const gids_t = &card_it.tokens[0];

// The next piece of an answer, of 256 bytes at most.
static size_t gids_give(u8 *rsp)
{
    size_t left = gids_on.answer_n - gids_on.answer_at, n = left < 256 ? left : 256;
    memcpy(rsp, gids_on.answer + gids_on.answer_at, n);
    gids_on.answer_at += n;
    left -= n;
    if (!left) return n + sim_script_sw(rsp + n, 0x9000);
    return n + sim_script_sw(rsp + n, 0x6100 | (left > 255 ? 0 : (unsigned)left));
}

static struct buf gids_begin_answer(void)
{
    gids_on.answer_at = 0;
    return buf_on(gids_on.answer, sizeof gids_on.answer);
}

// The public key of a test key: 81 modulus 82 exponent, or 86 point.
static void gids_put_key(enum sim_key which, struct buf *out)
{
    const struct sim_key_data *d = sim_key_data(which);
    u8 room[600];
    struct buf inside = buf_on(room, sizeof room);
    struct x509 x509;
    struct alg_key key = { .bits = 0 };
    if (x509_parse(bytes_of(d->certificate, d->certificate_len), &x509)) abort();
    if (alg_parse_spki(x509.spki, &key)) abort();
    if (d->rsa) tlv_put(&inside, 0x81, key.modulus), tlv_put(&inside, 0x82, key.exponent);
    else        tlv_put(&inside, 0x86, key.point);
    tlv_put(out, 0x7f49, buf_bytes(&inside));
}

static size_t gids_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    unsigned file = (unsigned)cmd[2] << 8 | cmd[3], object = n > 8 ? (unsigned)cmd[7] << 8 | cmd[8] : 0;
    struct buf out;
    (void)room;
    card->apdus++;
    if (cmd[1] == 0xc0) return gids_give(rsp);
    if (n > 6 && !cmd[4]) return sim_script_sw(rsp, 0x6700);
    if (cmd[1] == 0xcb && file == 0x3fff && cmd[5] == 0x70) {
        unsigned i = cmd[9] - 0x81u;
        gids_on.key_reads++;
        if (gids_on.key_sw) return sim_script_sw(rsp, gids_on.key_sw);
        if (i >= GIDS_CONTAINERS_MAX || !gids_on.keys[i]) return sim_script_sw(rsp, 0x6984);
        out = gids_begin_answer();
        gids_put_key(gids_on.keys[i], &out);
        gids_on.answer_n = out.n;
        return gids_give(rsp);
    }
    for (unsigned i = 0; i < gids_on.n && cmd[1] == 0xcb; i++) {
        if (gids_on.table[i].file != file || gids_on.table[i].object != object) continue;
        gids_on.table[i].reads++;
        if (gids_on.table[i].sw) return sim_script_sw(rsp, gids_on.table[i].sw);
        out = gids_begin_answer();
        tlv_put(&out, object, gids_on.table[i].value);
        gids_on.answer_n = out.n;
        return gids_give(rsp);
    }
    gids_on.others++;
    if (cmd[1] == 0xcb) return sim_script_sw(rsp, 0x6a88);
    if (cmd[1] == 0x20) return sim_script_sw(rsp, 0x63c3);
    return sim_script_sw(rsp, cmd[1] == 0xa4 ? 0x9000 : 0x6d00);
}

static void gids_reset(struct sim_card *card) { (void)card; }

static unsigned gids_put(unsigned file, unsigned object, bytes value)
{
    gids_on.table[gids_on.n].file = file;
    gids_on.table[gids_on.n].object = object;
    gids_on.table[gids_on.n].value = value;
    return gids_on.n++;
}

static struct buf gids_room(size_t n)
{
    struct buf b = buf_on(gids_on.room + gids_on.used, n);
    if (gids_on.used + n > sizeof gids_on.room) abort();
    gids_on.used += n;
    return b;
}

// A record of the master file.
static void gids_put_record(struct buf *out, const char *directory, const char *name, unsigned object,
                            unsigned file)
{
    u8 record[28] = { 0 };
    memcpy(record, directory, strlen(directory));
    memcpy(record + 9, name, strlen(name));
    record[20] = (u8)object, record[21] = (u8)(object >> 8);
    record[24] = (u8)file, record[25] = (u8)(file >> 8);
    buf_put(out, bytes_of(record, sizeof record));
}

// A record of cmapfile.
static void gids_put_container(struct buf *out, const char *name, u8 flags, unsigned sign, unsigned exchange)
{
    u8 record[86] = { 0 };
    for (size_t i = 0; name[i]; i++) record[2 * i] = (u8)name[i];
    record[80] = flags;
    record[82] = (u8)sign, record[83] = (u8)(sign >> 8);
    record[84] = (u8)exchange, record[85] = (u8)(exchange >> 8);
    buf_put(out, bytes_of(record, sizeof record));
}

static bytes gids_certificate(enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    return bytes_of(d->certificate, d->certificate_len);
}

// 01 00, a length, and a zlib stream of so much.
static bytes gids_deflated(bytes value, size_t says)
{
    struct buf b = gids_room(4 + compressBound((uLong)value.n));
    uLongf n = (uLongf)(b.cap - 4);
    buf_put(&b, BYTES(1, 0, (u8)says, (u8)(says >> 8)));
    if (compress2(b.p + 4, &n, value.p, (uLong)value.n, 9) != Z_OK) abort();
    b.n += n;
    return buf_bytes(&b);
}

static struct buf gids_master_file, gids_map_file;

static void gids_fresh(void)
{
    static const u8 id[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    memset(&gids_on, 0, sizeof gids_on);
    gids_on.card.apdu = gids_apdu;
    gids_on.card.reset = gids_on.card.free = gids_reset;
    gids_on.card.protocol = 1;
    memcpy(gids_on.card.atr, "\x3b\x80\x80\x01\x01", 5);
    gids_on.card.atr_len = 5;
    gids_master_file = gids_room(1 + 28 * 600);
    gids_map_file = gids_room(86 * 300);
    buf_put8(&gids_master_file, 1);
    gids_put(0xa012, 0xdf20, bytes_of(id, sizeof id));
}

// One container for exchange, with a certificate: 1; one for signatures, without: 2.
static void gids_two(void)
{
    static u8 id[16] = { 8, 7, 6, 5, 4, 3, 2, 1, 0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0xa1 };
    bytes one = gids_certificate(SIM_RSA2048A);
    gids_fresh();
    gids_on.table[0].value = bytes_of(id, sizeof id);
    gids_put_record(&gids_master_file, "mscp", "", 0, 0xa000);
    gids_put_record(&gids_master_file, "mscp", "kxc00", 0xdf24, 0xa010);
    gids_put_container(&gids_map_file, "One", 3, 0, 2048);
    gids_put_container(&gids_map_file, "Two", 1, 2048, 0);
    gids_put(0xa010, 0xdf24, gids_deflated(one, one.n));
    gids_on.keys[0] = SIM_RSA2048A;
    gids_on.keys[1] = SIM_RSA2048B;
}

static st gids_insert(void)
{
    gids_put(0xa000, 0xdf1f, buf_bytes(&gids_master_file));
    gids_put(0xa010, 0xdf23, buf_bytes(&gids_map_file));
    card_connect(&gids_on.card, 1 << 20);
    card_it.token_count = 1;
    gids_t->driver = &driver_gids;
    return gids_probe(&card_it, gids_t, card_scratch());
}

static st gids_search(CK_OBJECT_CLASS class, unsigned id)
{
    struct query q = { .any_class = class == CKO_VENDOR_DEFINED, .class = class, .any_id = !id,
                       .id = BYTES((u8)id), .logged_in = true };
    return gids_list(&card_it, gids_t, &q, card_scratch());
}

static unsigned gids_reads(unsigned object)
{
    unsigned n = 0;
    for (unsigned i = 0; i < gids_on.n; i++)
        if (gids_on.table[i].object == object) n += gids_on.table[i].reads;
    return n;
}

// ---- Finding out ----

TEST(gids_knows_its_cards)
{
    static const struct { const char *lines[8]; st want; const char *serial; bool blank; } cases[] = {
        { { GIDS_SELECT "9000", GIDS_ASK_ID GIDS_ID, GIDS_ASK_PIN "63c2" }, ST_OK, "8899aabbccddeeff", false },
        { { GIDS_SELECT "9000", GIDS_ASK_ID "df2003 010203 9000", GIDS_ASK_PIN "63c2" }, ST_OK, "010203", false },
        // not where it always is: the master file says where
        { { GIDS_SELECT "9000", GIDS_ASK_ID "6a88",
            GIDS_ASK_MF "df1f1d 01 000000000000000000 636172646964000000 0000 30df0000 13a00000 9000",
            "00cba013 04 5c02df30 00 > df3002 abcd 9000", GIDS_ASK_PIN "63c2" }, ST_OK, "abcd", false },
        { { GIDS_SELECT "9000", GIDS_ASK_ID "6a88", GIDS_ASK_MF "6a88", GIDS_ASK_PIN "63c2" }, ST_OK, "", true },
        { { GIDS_SELECT "9000", GIDS_ASK_ID "6a82", GIDS_ASK_MF "6982", GIDS_ASK_PIN "9000" }, ST_OK, "", true },
        { { GIDS_SELECT "9000", GIDS_ASK_ID "df2000 9000", GIDS_ASK_PIN "63c2" }, ST_OK, "", true },
        { { GIDS_SELECT "9000", GIDS_ASK_ID "6d00" }, ST_NOT_MINE, "", false },     // yes to any AID
        { { GIDS_SELECT "9000", GIDS_ASK_ID "6e00" }, ST_NOT_MINE, "", false },
        { { GIDS_SELECT "6a82" }, ST_NOT_MINE, "", false }, { { GIDS_SELECT "6999" }, ST_NOT_MINE, "", false } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        card_script(cases[i].lines);
        if (test_failing) return;
        gids_t->driver = &driver_gids;
        CHECK_ST(gids_probe(&card_it, gids_t, card_scratch()), cases[i].want);
        CHECK(!strcmp(gids_t->serial, cases[i].serial));
        if (!cases[i].want) CHECK_EQ(gids_t->blank, cases[i].blank);
        if (!cases[i].want) CHECK(card_it.sure && card_it.current == gids_t);
        if (*cases[i].serial) CHECK(gids_t->identity->known && gids_t->identity->unique);
        if (cases[i].blank) CHECK(!gids_t->identity);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Another program uses the card: what GIDS alone has is asked for before a SELECT.
TEST(gids_looks_without_select)
{
    static const char *const there[] = { GIDS_ASK_ID GIDS_ID, GIDS_ASK_PIN "63c2", NULL };
    static const char *const other[] = { GIDS_ASK_ID "5302abcd 9000", NULL };
    static const char *const empty[] = { GIDS_ASK_ID "df2000 9000", NULL };
    static const char *const nothing[] = { NULL };      // PIV's question went to what knows none
    const char *const *const cases[] = { there, other, empty, nothing };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        card_script(cases[i]);
        if (test_failing) return;
        card_it.shared = true;
        card_it.tried.no_get_data = i == 3;
        gids_t->driver = &driver_gids;
        CHECK_ST(gids_selected(&card_it, gids_t, card_scratch()), i ? ST_NOT_FOUND : ST_OK);
        if (!i) CHECK_ST(gids_probe(&card_it, gids_t, card_scratch()), ST_OK);
        if (!i) CHECK(!strcmp(gids_t->serial, "8899aabbccddeeff") && card_it.current == gids_t);
        card_script_over();
    }
}

// ---- Containers ----

TEST(gids_lists_containers)
{
    gids_two();
    CHECK_ST(gids_insert(), ST_OK);
    CHECK(!strcmp(gids_t->label, "GIDS a4a3a2a1"));
    gids_on.card.apdus = 0;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    struct object *one = p15_object(CKO_PRIVATE_KEY, 1), *two = p15_object(CKO_PRIVATE_KEY, 2);
    CHECK(one && two && p15_object(CKO_PUBLIC_KEY, 1) && p15_object(CKO_PUBLIC_KEY, 2));
    CHECK(p15_object(CKO_CERTIFICATE, 1) && !p15_object(CKO_CERTIFICATE, 2));
    CHECK_EQ(one->ref, 0x81);
    CHECK_EQ(two->ref, 0x82);
    CHECK_EQ(one->use, CARD_SIGN | CARD_DECRYPT);
    CHECK_EQ(two->use, CARD_SIGN);
    CHECK(bytes_equal(one->label, bytes_text("One")) && bytes_equal(two->label, bytes_text("Two")));
    CHECK(one->private && one->credential == card_pin(gids_t) && !p15_object(CKO_PUBLIC_KEY, 1)->private);
    CHECK(bytes_equal(p15_object(CKO_CERTIFICATE, 1)->value, gids_certificate(SIM_RSA2048A)));
    CHECK(one->x509 && !two->x509 && one->key->bits == 2048 && two->key->bits == 2048);
    CHECK_EQ(gids_on.key_reads, 1);                     // of the one without certificate
    u32 before = card_it.object_count;
    gids_on.card.apdus = 0;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(gids_on.card.apdus, 0);
    CHECK_EQ(card_it.object_count, before);
    card_end();
}

// A key that is named takes the container map and its public key, and nothing else; what comes
// later knows the certificate as well.
TEST(gids_reads_what_is_asked_for)
{
    gids_two();
    CHECK_ST(gids_insert(), ST_OK);
    gids_on.card.apdus = 0;
    CHECK_ST(gids_search(CKO_DATA, 0), ST_OK);
    CHECK_EQ(gids_on.card.apdus, 0);
    CHECK_ST(gids_search(CKO_PRIVATE_KEY, 1), ST_OK);
    CHECK_EQ(gids_on.card.apdus, 3);                    // the public key takes two
    CHECK_EQ(card_it.object_count, 2);
    CHECK(!p15_object(CKO_PRIVATE_KEY, 1)->x509);
    CHECK_ST(gids_search(CKO_CERTIFICATE, 0), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 1)->x509 && p15_object(CKO_PUBLIC_KEY, 1)->x509);
    CHECK_EQ(card_it.object_count, 3);
    CHECK_EQ(gids_reads(0xdf23), 1);
    CHECK_EQ(gids_reads(0xdf1f), 1);
    CHECK_ST(gids_search(CKO_PUBLIC_KEY, 9), ST_OK);
    CHECK_EQ(card_it.object_count, 3);
    struct query hidden = { .class = CKO_PRIVATE_KEY, .any_id = true };
    CHECK_ST(gids_list(&card_it, gids_t, &hidden, card_scratch()), ST_OK);
    CHECK_EQ(card_it.object_count, 3);                  // before a login there are none
    card_end();
}

TEST(gids_records_that_are_no_keys)
{
    gids_fresh();
    gids_put_container(&gids_map_file, "gone", 0, 2048, 0);
    gids_put_container(&gids_map_file, "no size", 1, 0, 0);
    gids_put_container(&gids_map_file, "", 1, 0, 256);
    gids_put_container(&gids_map_file, "no key", 1, 2048, 0);
    buf_put(&gids_map_file, BYTES(1, 2, 3));            // the beginning of one more
    gids_on.keys[2] = SIM_P256A;
    CHECK_ST(gids_insert(), ST_OK);
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 2);
    struct object *ec = p15_object(CKO_PRIVATE_KEY, 3);
    CHECK(ec && ec->key->type == ALG_EC && ec->use == CARD_SIGN && !ec->label.n);
    card_end();
}

// Names of certificates count in hexadecimal or in decimal digits.
TEST(gids_names_of_certificates)
{
    static const struct { const char *names[3]; u32 index; bool exchange; unsigned want; } cases[] = {
        { { "ksc00", "kxc01" }, 0, false, 1 }, { { "ksc00", "kxc01" }, 1, true, 2 },
        { { "ksc00", "kxc01" }, 1, false, 0 },
        { { "ksc10" }, 10, false, 1 }, { { "ksc10" }, 16, false, 0 },
        { { "ksc10", "ksc0A" }, 16, false, 1 }, { { "ksc10", "ksc0A" }, 10, false, 2 },
        { { "ksc10", "kxc1f" }, 16, false, 1 }, { { "ksc10", "kxc1f" }, 31, true, 2 },
        { { "ksc1", "ksc001", "kscxx" }, 1, false, 0 }, { { "KSC01" }, 1, false, 0 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        struct gids_file where = { 0, 0 };
        struct gids_container container = { .index = cases[i].index, .decrypts = cases[i].exchange };
        gids_fresh();
        for (unsigned k = 0; k < 3 && cases[i].names[k]; k++)
            gids_put_record(&gids_master_file, "mscp", cases[i].names[k], k + 1, 0xa010);
        gids_put_record(&gids_master_file, "other", "ksc00", 9, 0xa010);
        CHECK_ST(gids_insert(), ST_OK);
        CHECK_ST(gids_read_master(&card_it, gids_t, card_scratch()), ST_OK);
        st s = gids_find_certificate(gids_t->state, &container, &where);
        CHECK_ST(s, cases[i].want ? ST_OK : ST_NOT_FOUND);
        CHECK_EQ(where.object, cases[i].want);
        card_end();
        if (test_failing) printf("    case %zu\n", i);
    }
}

TEST(gids_names_in_utf8)
{
    static const struct { const char *in, *want; } cases[] = {
        { "4100 e900 ac20", "41 c3a9 e282ac" }, { "4100 0000 4200", "41" }, { "3dd8 00de 4100", "3f 41" },
        { "", "" }, { "41", "" }, { "ff07 0008 ffff", "dfbf e0a080 efbfbf" } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        u8 in[16], room[32];
        struct buf out = buf_on(room, sizeof room);
        gids_put_name(&out, in, sim_script_hex(cases[i].in, cases[i].in + strlen(cases[i].in), in));
        CHECK_BYTES(out.p, out.n, cases[i].want);
    }
}

// ---- What a card may say that does not hold ----

// A certificate that cannot be used is none: its key is the one that the card tells.
TEST(gids_useless_certificates)
{
    static u8 zeros[60000];
    bytes one = gids_certificate(SIM_RSA2048A);
    for (int i = 0; i < 8 && !test_failing; i++) {
        gids_two();
        bytes cases[] = { gids_deflated(one, one.n + 1), gids_deflated(bytes_of(zeros, sizeof zeros), 60000),
                          gids_deflated(bytes_of(zeros, sizeof zeros), 700), bytes_head(one, 500),
                          BYTES(1, 0, 0xff, 0xff), BYTES(1, 0, 2, 0, 0x78, 0x9c), BYTES(0x30), BYTES_NONE };
        CHECK_EQ(COUNT(cases), 8);
        gids_on.table[1].value = cases[i];
        CHECK_ST(gids_insert(), ST_OK);
        CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
        CHECK(!p15_object(CKO_CERTIFICATE, 1) && p15_object(CKO_PRIVATE_KEY, 1));
        CHECK_EQ(gids_on.key_reads, 2);
        CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
        CHECK_EQ(gids_reads(0xdf24), 1);
        card_end();
        if (test_failing) printf("    case %d\n", i);
    }
    gids_two();                                         // as it is, it is one
    gids_on.table[1].value = one;
    CHECK_ST(gids_insert(), ST_OK);
    CHECK_ST(gids_search(CKO_CERTIFICATE, 0), ST_OK);
    CHECK(p15_object(CKO_CERTIFICATE, 1));
    card_end();
}

// An error of the card may be in passing: what it was about is asked for again.
TEST(gids_asks_again_after_an_error)
{
    gids_two();
    CHECK_ST(gids_insert(), ST_OK);
    gids_on.table[1].sw = 0x6f00;
    gids_on.key_sw = 0x6581;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 0);
    gids_on.table[1].sw = gids_on.key_sw = 0;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 5);
    card_end();
    gids_two();
    CHECK_ST(gids_insert(), ST_OK);
    gids_on.table[gids_on.n - 1].sw = 0x6400;           // the container map
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), 0x6400);
    gids_on.table[gids_on.n - 1].sw = 0;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(card_it.object_count, 5);
    card_end();
}

// Three hundred containers, and six hundred files: as many as have a place are looked at.
TEST(gids_has_caps)
{
    gids_fresh();
    for (unsigned i = 0; i < 300; i++) gids_put_container(&gids_map_file, "x", 1, 2048, 0);
    for (unsigned i = 0; i < 600; i++) gids_put_record(&gids_master_file, "mscp", "msroots", 0xdf80, 0xa010);
    for (unsigned i = 0; i < GIDS_CONTAINERS_MAX; i++) gids_on.keys[i] = SIM_P256A;
    CHECK_ST(gids_insert(), ST_OK);
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_OK);
    CHECK_EQ(((struct gids *)gids_t->state)->container_count, GIDS_CONTAINERS_MAX);
    CHECK_EQ(gids_record_count(gids_t->state), GIDS_FILES_MAX);
    CHECK_EQ(gids_on.key_reads, GIDS_CONTAINERS_MAX);
    card_end();
    gids_two();                                         // and no room for what there is
    CHECK_ST(gids_insert(), ST_OK);
    card_it.arena.left = 0;
    card_it.arena.at = card_it.arena.end;
    CHECK_ST(gids_search(CKO_VENDOR_DEFINED, 0), ST_ARENA_FULL);
    card_end();
}

// Public keys that are none.
TEST(gids_public_keys)
{
    static const struct { const char *hex; u32 bits; st want; } cases[] = {
        { "8102 00ff 8203 010001", 2048, ST_OK }, { "8102 00ff", 2048, ST_PROTOCOL }, { "", 2048, ST_PROTOCOL },
        { "8603 040102", 256, ST_OK }, { "8603 040102", 2048, ST_PROTOCOL }, { "8605 0401", 256, ST_PROTOCOL },
        { "8603 040102", 384, ST_OK }, { "8603 040102", 521, ST_OK } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        u8 in[32];
        struct alg_key key = { .type = ALG_NONE };
        struct gids_container c = { .bits = cases[i].bits };
        size_t n = sim_script_hex(cases[i].hex, cases[i].hex + strlen(cases[i].hex), in);
        CHECK_ST(gids_parse_key(&c, bytes_of(in, n), &key), cases[i].want);
    }
    gids_two();
    gids_on.keys[1] = SIM_P256A;                        // a point, where the map says RSA-2048
    CHECK_ST(gids_insert(), ST_OK);
    CHECK_ST(gids_search(CKO_PRIVATE_KEY, 2), ST_OK);
    CHECK(!p15_object(CKO_PRIVATE_KEY, 2));
    card_end();
}

// ---- Logging in and out ----

// The PUK's state says whether there is a PUK; no try is spent.
TEST(gids_puk)
{
    static const struct { const char *answer; st want; int tries; u8 max; } cases[] = {
        { "7f7306 970102 930103 9000", ST_OK, 2, 16 }, { "7f7300 9000", ST_OK, -1, 16 },
        { "7f7303 970100 9000", ST_PIN_LOCKED, 0, 16 }, { "6a88", ST_USER_TYPE, -1, 0 },
        { "6984", ST_USER_TYPE, -1, 0 }, { "6f00", 0x6f00, -1, 16 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        static char line[100];
        static const char *const lines[] = { line, NULL };
        struct gids g = { .master_read = false };
        snprintf(line, sizeof line, "00cb3fff 04 5c027f73 00 > %s", cases[i].answer);
        card_script(lines);
        if (test_failing) return;
        card_it.sure = true;
        gids_t->driver = &driver_gids;
        gids_t->state = &g;
        card_set_credential(gids_t, &gids_pin);
        card_set_credential(gids_t, &gids_puk);
        struct credential *puk = card_credential(gids_t, ROLE_PUK);
        CHECK_ST(secret_login_puk(&card_it, gids_t, puk, bytes_text("12345678"), card_scratch()),
                 cases[i].want);
        CHECK_EQ((unsigned)puk->tries, (unsigned)cases[i].tries);
        CHECK_EQ(puk->max, cases[i].max);
        if (!cases[i].want)                             // it is asked once
            CHECK_ST(secret_login_puk(&card_it, gids_t, puk, bytes_text("12345678"), card_scratch()),
                     ST_OK);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// The card's own command, and a SELECT behind it. Either may fail: then a reset is due.
TEST(gids_logs_out_twice)
{
    static const struct { const char *lines[4]; st want; } cases[] = {
        { { "00200082 > 9000", GIDS_SELECT "9000" }, ST_OK }, { { "00200082 > 6a88" }, ST_PIN_MISSING },
        { { "00200082 > 9000", GIDS_SELECT "6a82" }, ST_LOST } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        struct gids g = { .master_read = false };
        card_script(cases[i].lines);
        if (test_failing) return;
        card_it.sure = gids_t->flat = true;
        gids_t->driver = &driver_gids;
        gids_t->state = &g;
        card_it.token_count = 1;
        card_set_credential(gids_t, &gids_pin);
        card_pin(gids_t)->verified = true;
        CHECK_ST(secret_end(&card_it, gids_t, card_scratch()), cases[i].want);
        CHECK_EQ(card_pin(gids_t)->verified, cases[i].want != ST_OK);
        CHECK_EQ(card_it.mse_len, 0);
        card_script_over();
    }
}

// ---- Keys ----

static struct gids_container gids_it;
static struct object gids_object;

// What the key of container 3 gets and gives.
static st gids_try(const char *const *lines, enum alg_type type, u32 bits, bool sign, bytes in, struct buf *out)
{
    static struct gids g;
    static struct alg_key key;
    const struct alg_use use = { .type = type, .scheme = ALG_RAW };
    card_script(lines);
    if (test_failing) return ST_FAILED;
    card_it.sure = gids_t->flat = true;
    gids_t->driver = &driver_gids;
    gids_t->state = &g;
    card_it.token_count = 1;
    key = (struct alg_key){ .type = type, .bits = bits };
    if (type == ALG_EC) key.curve = alg_curve_named(bits == 256 ? "P-256" : "P-384");
    gids_it = (struct gids_container){ .index = 3, .proven = true };
    gids_object = (struct object){ .token = gids_t, .key = &key, .ref = 0x84, .state = &gids_it,
                                   .class = CKO_PRIVATE_KEY };
    st s = sign ? gids_sign(&card_it, &gids_object, &use, in, card_scratch(), out)
                : gids_decrypt(&card_it, &gids_object, NULL, in, card_scratch(), out);
    card_script_over();
    return s;
}

TEST(gids_signatures)
{
    static char line[900], made[600];
    static const char *lines[4];
    u8 block[128], room[600];
    struct buf b = buf_on(block, sizeof block), out = buf_on(room, sizeof room);
    const bytes hash = BYTES(0x30, 0x01, 0xff);
    CHECK_ST(padding_pkcs1_sign(hash, 128, &b), ST_OK);
    lines[0] = "002241b6 06 800156 840184 > 9000";      // the card pads
    snprintf(line, sizeof line, "002a9e9a 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 127));
    lines[1] = line;
    snprintf(made, sizeof made, "00 %s", p15_hex_of(0x5a, 127));
    CHECK_ST(gids_try(lines, ALG_RSA, 1024, true, buf_bytes(&b), &out), ST_OK);
    CHECK_BYTES(out.p, out.n, made);
    memset(block, 0x6b, sizeof block);                  // a block that is none of PKCS#1
    buf_rewind(&out, 0);
    lines[0] = "002241b6 06 800116 840184 > 9000";
    snprintf(line, sizeof line, "002a9e9a 80 %s 00 > ", p15_hex_of(0x6b, 128));
    strcat(strcat(line, p15_hex_of(0x7c, 128)), " 9000");
    CHECK_ST(gids_try(lines, ALG_RSA, 1024, true, bytes_of(block, 128), &out), ST_OK);
    CHECK_EQ(out.n, 128);
    buf_rewind(&out, 0);
    lines[0] = "002241b6 06 80011c 840184 > 9000";
    lines[1] = "002a9e9a 03 3001ff 00 > 3006 020101 020102 9000";
    CHECK_ST(gids_try(lines, ALG_EC, 256, true, hash, &out), ST_OK);
    CHECK_EQ(out.n, 64);
    lines[0] = NULL;                                    // a size that has no number
    CHECK_ST(gids_try(lines, ALG_RSA, 1536, true, hash, &out), ST_KEY_SIZE);
    for (size_t i = 0; i < COUNT(p15_key_answers) && !test_failing; i++) {
        snprintf(line, sizeof line, "002241b6 06 80011d 840184 > %s", p15_key_answers[i].sw);
        lines[0] = line;
        lines[1] = NULL;
        CHECK_ST(gids_try(lines, ALG_EC, 384, true, hash, &out), p15_key_answers[i].want);
    }
}

TEST(gids_decryption)
{
    static char line[900];
    static const char *lines[] = { "002241b8 06 800106 840184 > 9000", line, NULL };
    u8 in[128], room[600];
    struct buf out = buf_on(room, sizeof room);
    memset(in, 0x33, sizeof in);
    snprintf(line, sizeof line, "002a8086 80 %s 00 > 02 ", p15_hex_of(0x33, 128));
    strcat(strcat(line, p15_hex_of(0x44, 100)), " 9000");
    CHECK_ST(gids_try(lines, ALG_RSA, 1024, false, bytes_of(in, sizeof in), &out), ST_OK);
    CHECK_EQ(out.n, 128);                               // the card left the first bytes, 00, out
    CHECK(!out.p[26] && out.p[27] == 2 && out.p[28] == 0x44);
    snprintf(line, sizeof line, "002a8086 80 %s 00 > 6982", p15_hex_of(0x33, 128));
    CHECK_ST(gids_try(lines, ALG_RSA, 1024, false, bytes_of(in, sizeof in), &out), ST_NOT_LOGGED_IN);
}

// A certificate beside another key: the first signature shows it, and is not given out.
TEST(gids_proves_a_key)
{
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW };
    struct gids_container c = { .index = 0 };
    struct alg_key key;
    struct x509 x509;
    u8 in[256] = { 0, 1 }, room[256];
    CHECK_ST(x509_parse(gids_certificate(SIM_RSA2048A), &x509), ST_OK);
    CHECK_ST(alg_parse_spki(x509.spki, &key), ST_OK);
    struct object object = { .key = &key, .state = &c };
    struct buf out = buf_on(room, sizeof room);
    struct trial trial = { .card = &card_it, .object = &object, .use = &use, .in = bytes_of(in, 256),
                           .out = &out, .scratch = card_scratch() };
    memset(room, 0x11, sizeof room);
    out.n = 256;
    if (!cipher_can_verify(&key, &use)) return;         // mbedTLS 4 has no raw RSA
    CHECK_ST(gids_prove(&trial), ST_PROTOCOL);
    CHECK(!c.proven);
    c.proven = true;
    CHECK_ST(gids_prove(&trial), ST_OK);
    c.proven = false;
    struct buf opened = buf_on(in, sizeof in);          // what the public key makes of it is signed
    CHECK_ST(cipher_rsa_public(&key, bytes_of(room, 256), &opened), ST_OK);
    CHECK_ST(gids_prove(&trial), ST_OK);
    CHECK(c.proven);
}
#endif

static void test_gids(void)
{
#if SCARD11_GIDS
    RUN(gids_knows_its_cards);
    RUN(gids_looks_without_select);
    RUN(gids_lists_containers);
    RUN(gids_reads_what_is_asked_for);
    RUN(gids_records_that_are_no_keys);
    RUN(gids_names_of_certificates);
    RUN(gids_names_in_utf8);
    RUN(gids_useless_certificates);
    RUN(gids_asks_again_after_an_error);
    RUN(gids_has_caps);
    RUN(gids_public_keys);
    RUN(gids_puk);
    RUN(gids_logs_out_twice);
    RUN(gids_signatures);
    RUN(gids_decryption);
    RUN(gids_proves_a_key);
#endif
}
