// schsm.c: >>schsm, on cards that answer a script, and on one that is a list and files.
// SPDX-License-Identifier: 0BSD

#if SCARD11_SCHSM
#include <mbedtls/aes.h>

#define SCHSM_SELECT "00a40400 0b e82b0601040181c31f0201 00 > "
#define SCHSM_FCI    "6f07 8505 0001ff0305 9000"
#define SCHSM_DEVICE "00b12f02 000004 54020000 0000 > "
#define SCHSM_INFO   "00b12f03 000004 54020000 0000 > "
#define SCHSM_CVC    "7f211d 7f4e1a 5f2900 4202 4142 5f2010 44454e4b303130303735313030303030 9000"
#define SCHSM_ASK    "00200081 > "

// ---- A card that is a list and files ----

static struct {
    struct sim_card card;
    u8 list[1400];
    size_t list_n;
    struct { unsigned fid; bytes value; } files[80];
    unsigned n, lists, reads, others;
    unsigned read[300], read_n;         // the files that were read, in order
    bool verified;
} schsm_on;

static struct token *const schsm_t = &card_it.tokens[0];

static size_t schsm_give(const u8 *cmd, size_t n, u8 *rsp)
{
    unsigned fid = (unsigned)cmd[2] << 8 | cmd[3], at = (unsigned)cmd[n - 4] << 8 | cmd[n - 3];
    if (schsm_on.read_n < COUNT(schsm_on.read)) schsm_on.read[schsm_on.read_n++] = fid;
    schsm_on.reads++;
    if (fid >> 8 == 0xcd && !schsm_on.verified) return sim_script_sw(rsp, 0x6982);
    for (unsigned i = 0; i < schsm_on.n; i++) {
        bytes value = schsm_on.files[i].value;
        if (schsm_on.files[i].fid != fid) continue;
        if (at > value.n) return sim_script_sw(rsp, 0x6282);
        memcpy(rsp, value.p + at, value.n - at);
        return value.n - at + sim_script_sw(rsp + value.n - at, 0x9000);
    }
    return sim_script_sw(rsp, 0x6a82);
}

static size_t schsm_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    (void)card; (void)room;
    if (cmd[1] == 0xb1) return schsm_give(cmd, n, rsp);
    if (cmd[1] == 0x58) {
        schsm_on.lists++;
        memcpy(rsp, schsm_on.list, schsm_on.list_n);
        return schsm_on.list_n + sim_script_sw(rsp + schsm_on.list_n, 0x9000);
    }
    schsm_on.others++;
    if (cmd[1] == 0xa4) return sim_script_sw(rsp, 0x9000);
    if (cmd[1] == 0x20) return sim_script_sw(rsp, n > 5 ? 0x9000 : 0x63c3);
    return sim_script_sw(rsp, 0x6d00);
}

static void schsm_reset(struct sim_card *card) { (void)card; }

static void schsm_file(unsigned fid, bytes value)
{
    schsm_on.files[schsm_on.n].fid = fid;
    schsm_on.files[schsm_on.n++].value = value;
}

static void schsm_listed(unsigned fid)
{
    schsm_on.list[schsm_on.list_n++] = (u8)(fid >> 8);
    schsm_on.list[schsm_on.list_n++] = (u8)fid;
}

static void schsm_begin(void)
{
    memset(&schsm_on, 0, sizeof schsm_on);
    p15_used = 0;
    schsm_on.card.apdu = schsm_apdu;
    schsm_on.card.reset = schsm_on.card.free = schsm_reset;
    schsm_on.card.protocol = 1;
    memcpy(schsm_on.card.atr, "\x3b\x00", 2);
    schsm_on.card.atr_len = 2;
    schsm_listed(0xcc00);
    schsm_listed(0xc400);
    schsm_file(0x2f02, p15_text("7f21(7f4e(5f29:00 42'UTDICA00001' 7f49(06:00) 5f20'DENK010075100000'))"));
    schsm_file(0x2f03, p15_text("30(02:01 04: 0c'CardContact' 80'My HSM')"));
}

// A key: its description, with an id, and what belongs to it (empty: nothing).
static void schsm_key_with(u8 number, const char *entry, bytes belongs)
{
    schsm_listed(0xcc00u | number);
    schsm_listed(0xc400u | number);
    schsm_file(0xc400u | number, p15_text(entry));
    if (belongs.n) schsm_file(0xce00u | number, belongs);
}

#define SCHSM_RSA(label, id) "30(30(0c'" label "' 03:06c0 04:01) 30(04:" id " 03:020470 03:03b8 02:09) " \
    "a1(30(30(04:) 02:0400)))"
#define SCHSM_EC(label, id) "a0(30(0c'" label "' 03:06c0) 30(04:" id " 03:07308000) a1(30(30(04:) 02:0100)))"
#define SCHSM_AES_ENTRY(label, id) "a8(30(0c'" label "' 03:06c0 04:01) 30(04:" id " 03:06c0) a0(30(02:0080)) " \
    "a1(30(30(04:))))"
#define SCHSM_POINT_CVC "67(7f21(7f4e(5f29:00 7f49(06:04007f00070202020203 81:ff 86:" P15_POINT ")) " \
    "5f37:0102) 42'UT' 5f37:01)"

static bytes schsm_certificate(enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    return bytes_of(d->certificate, d->certificate_len);
}

static st schsm_insert(void)
{
    card_connect(&schsm_on.card, 1 << 20);
    card_it.token_count = 1;
    schsm_t->driver = &driver_schsm;
    st s = schsm_probe(&card_it, schsm_t, p15_scratch());
    schsm_on.read_n = schsm_on.reads = schsm_on.lists = schsm_on.others = 0;
    return s;
}

static st schsm_search(CK_OBJECT_CLASS class, const char *id)
{
    struct query q = { .any_class = class == CKO_VENDOR_DEFINED, .class = class, .any_id = !id,
                       .logged_in = true };
    if (id) q.id = p15_text(id);
    return schsm_list(&card_it, schsm_t, &q, p15_scratch());
}

static st schsm_read_all(void)
{
    st s = schsm_search(CKO_VENDOR_DEFINED, NULL);
    for (u32 i = 0; i < card_it.object_count && !s; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->unread) s = schsm_read(&card_it, o, p15_scratch());
    }
    return s;
}

// ---- Finding out ----

TEST(schsm_knows_its_cards)
{
    static const struct { const char *fci, *device; st want; u8 major, minor, unblock_by; } cases[] = {
        { SCHSM_FCI, SCHSM_CVC, ST_OK, 3, 5, UNBLOCK_TOGETHER },
        { "6f04 8502 0102 9000", SCHSM_CVC, ST_OK, 1, 2, UNBLOCK_TOGETHER },
        { "6209 8101ff 8504 2100 0304 9000", SCHSM_CVC, ST_OK, 3, 4, UNBLOCK_FREES_ALONE },
        { "6209 8101ff 8504 2000 0304 9000", SCHSM_CVC, ST_OK, 3, 4, UNBLOCK_NOT },
        { "6209 8101ff 8504 0200 0304 9000", SCHSM_CVC, ST_OK, 3, 4, UNBLOCK_NOT },
        { "6f04 8502 0102 9000", "6a82", ST_OK, 1, 2, UNBLOCK_TOGETHER },       // no certificate
        { "9000", SCHSM_CVC, ST_OK, 0, 0, UNBLOCK_TOGETHER },
        { "6f03 8501 01 9000", SCHSM_CVC, ST_OK, 0, 0, UNBLOCK_TOGETHER },
        { "9000", "6a82", ST_NOT_MINE, 0, 0, 0 },                   // says yes to any AID
        { "9000", "3000 9000", ST_NOT_MINE, 0, 0, 0 },
        { "9000", "7f2100 9000", ST_NOT_MINE, 0, 0, 0 },
        { "9000", "7f2107 7f4e04 5f290100 9000", ST_NOT_MINE, 0, 0, 0 },
        { "6a82", NULL, ST_NOT_MINE, 0, 0, 0 }, { "6999", NULL, ST_NOT_MINE, 0, 0, 0 } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char select[200], device[400];
        const char *lines[6] = { select };
        snprintf(select, sizeof select, SCHSM_SELECT "%s", cases[i].fci);
        snprintf(device, sizeof device, SCHSM_DEVICE "%s", cases[i].device ? cases[i].device : "");
        if (cases[i].device) lines[1] = device;
        if (!cases[i].want) lines[2] = SCHSM_ASK "63c2", lines[3] = SCHSM_INFO "6a82";
        p15_begin_script(lines, 0);
        if (test_failing) return;
        schsm_t->firmware = (CK_VERSION){ 0, 0 };
        schsm_t->driver = &driver_schsm;
        CHECK_ST(schsm_probe(&card_it, schsm_t, p15_scratch()), cases[i].want);
        if (!cases[i].want) {
            CHECK(schsm_t->firmware.major == cases[i].major && schsm_t->firmware.minor == cases[i].minor);
            CHECK_EQ(test_puk(schsm_t)->unblock_by, cases[i].unblock_by);
            CHECK_EQ(card_pin(schsm_t)->tries, 2);
            CHECK(!schsm_t->blank && !strcmp(schsm_t->label, "SmartCard-HSM"));
            CHECK(card_it.sure && card_it.current == schsm_t);
        }
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// Another program uses the card: there is no SELECT where the device's certificate answers.
TEST(schsm_looks_without_select)
{
    static const char *const there[] = { SCHSM_DEVICE SCHSM_CVC, SCHSM_ASK "63c3", SCHSM_INFO "6a82", NULL };
    static const char *const other[] = { SCHSM_DEVICE "5a00 9000", SCHSM_SELECT "6a82", NULL };
    static const char *const no[] = { SCHSM_DEVICE "6d00", SCHSM_SELECT "6a82", NULL };
    const char *const *const cases[] = { there, other, no };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_begin_script(cases[i], 0);
        if (test_failing) return;
        card_it.shared = true;
        card_it.sure = false;
        schsm_t->driver = &driver_schsm;
        CHECK_ST(schsm_probe(&card_it, schsm_t, p15_scratch()), i ? ST_NOT_MINE : ST_OK);
        CHECK_EQ(card_it.sure, !i);
        card_script_over();
        card_it.shared = false;
    }
}

// What the SO-PIN may do, the answer to SELECT tells: it is asked for once, before the SO's login.
TEST(schsm_asks_what_the_so_pin_may)
{
    static const char *const told[] = { SCHSM_DEVICE SCHSM_CVC, SCHSM_ASK "63c3", SCHSM_INFO "6a82",
                                        SCHSM_SELECT "6209 8101ff 8504 2100 0304 9000", NULL };
    static const char *const silent[] = { SCHSM_DEVICE SCHSM_CVC, SCHSM_ASK "63c3", SCHSM_INFO "6a82",
                                          SCHSM_SELECT "9000", NULL };
    static const char *const gone[] = { SCHSM_DEVICE SCHSM_CVC, SCHSM_ASK "63c3", SCHSM_INFO "6a82",
                                        SCHSM_SELECT "6a82", NULL };
    static const struct { const char *const *script; st want; u8 unblock_by; } cases[] = {
        { told, ST_OK, UNBLOCK_FREES_ALONE }, { silent, ST_OK, UNBLOCK_TOGETHER },
        { gone, ST_LOST, UNBLOCK_TOGETHER } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        p15_begin_script(cases[i].script, 0);
        if (test_failing) return;
        card_it.shared = true;
        card_it.sure = false;
        schsm_t->driver = &driver_schsm;
        CHECK_ST(schsm_probe(&card_it, schsm_t, p15_scratch()), ST_OK);
        struct credential *so_pin = card_credential(schsm_t, ROLE_PUK);
        CHECK_ST(schsm_login(&card_it, schsm_t, card_pin(schsm_t), p15_scratch()), ST_OK);
        CHECK_ST(schsm_login(&card_it, schsm_t, so_pin, p15_scratch()), cases[i].want);
        if (!cases[i].want) CHECK_ST(schsm_login(&card_it, schsm_t, so_pin, p15_scratch()), ST_OK);
        CHECK_EQ(so_pin->unblock_by, cases[i].unblock_by);
        CHECK_EQ(card_it.sure, !cases[i].want);
        card_script_over();
        card_it.shared = false;
    }
}

TEST(schsm_serial_numbers)
{
    static const struct { const char *holder, *serial; } cases[] = {
        { "DENK010075100000", "DENK0100751" }, { "DENK0100751", "DENK01" }, { "ESPICOHSMTRZCH2S", "ESPICOHSMTRZCH2S" },
        { "12345", "12345" }, { "", "" }, { "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOP" } };
    struct schsm it;
    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(&it, 0xaa, sizeof it);
        schsm_keep_serial(&it, bytes_text(cases[i].holder));
        CHECK(!strcmp(it.serial, cases[i].serial));
    }
}

TEST(schsm_tells_what_people_know)
{
    schsm_begin();
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK(!strcmp(schsm_t->label, "My HSM") && !strcmp(schsm_t->maker, "CardContact"));
    CHECK(!strcmp(schsm_t->serial, "DENK0100751"));
    CHECK(schsm_t->identity->known && schsm_t->identity->unique);
    p15_end();
}

// ---- The list ----

TEST(schsm_lists)
{
    u8 has[SCHSM_KEYS];
    u8 many[1201];
    schsm_take_list(BYTES(0xcc, 0x00, 0xcc, 0x07, 0xc4, 0x07, 0xcc, 0x07, 0xc9, 0x01, 0xc8, 0xff, 0x2f, 0x02, 0xcc),
                    has);
    CHECK(!has[0] && has[7] == (SCHSM_HAS_KEY | SCHSM_HAS_KEY_ENTRY));
    CHECK(has[1] == SCHSM_HAS_DATA_ENTRY && has[255] == SCHSM_HAS_CERT_ENTRY && !has[2]);
    CHECK(schsm_is_list(BYTES(0xc4, 0x00, 0xcc, 0x00)) && !schsm_is_list(BYTES(0xc4, 0xcc, 0x00, 0x00)));
    CHECK(!schsm_is_list(BYTES_NONE) && !schsm_is_list(BYTES(0xcc)));
    for (size_t i = 0; i < sizeof many; i++) many[i] = i % 2 ? (u8)(i / 2) : 0xcc;
    schsm_take_list(bytes_of(many, sizeof many), has);
    for (size_t i = 1; i < SCHSM_KEYS; i++) CHECK_EQ(has[i], SCHSM_HAS_KEY);
    schsm_take_list(BYTES_NONE, has);
    for (size_t i = 0; i < SCHSM_KEYS; i++) CHECK(!has[i]);
}

// A key that only the list or only its description has is none.
TEST(schsm_keys_need_both)
{
    schsm_begin();
    schsm_listed(0xcc05);
    schsm_file(0xc406, p15_text(SCHSM_RSA("no key", "06")));
    schsm_listed(0xc406);
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, NULL), ST_OK);
    CHECK(!p15_count(CKO_PRIVATE_KEY) && schsm_on.lists == 1 && !schsm_on.reads);
    p15_end();
}

// What a search reads: as its header says.
TEST(schsm_searches_read_little)
{
    schsm_begin();
    for (u8 n = 1; n <= 20; n++) {
        char entry[300];
        snprintf(entry, sizeof entry, "30(30(0c'key %u' 03:06c0) 30(04:%02x 03:020470) a1(30(30(04:) 02:0800)))",
                 n, n + 0x40);
        schsm_key_with(n, entry, BYTES_NONE);
        schsm_listed(0xc900u | n);
        schsm_listed(0xc800u | n);
    }
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, "=43"), ST_OK);
    CHECK(schsm_on.lists == 1 && schsm_on.reads == 3 && p15_object(CKO_PRIVATE_KEY, 0x43));
    CHECK_ST(schsm_search(CKO_PUBLIC_KEY, "=42"), ST_OK);                   // known
    CHECK(schsm_on.reads == 3 && p15_object(CKO_PUBLIC_KEY, 0x42));
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, "=45"), ST_OK);
    CHECK_EQ(schsm_on.reads, 5);
    CHECK_ST(schsm_search(CKO_SECRET_KEY, "=44"), ST_OK);
    CHECK_EQ(schsm_on.reads, 5);
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, NULL), ST_OK);
    CHECK_EQ(schsm_on.reads, 20);
    CHECK_EQ(p15_count(CKO_PRIVATE_KEY), 20);
    CHECK_ST(schsm_search(CKO_CERTIFICATE, "=45"), ST_OK);      // CE05, and each C8
    CHECK_EQ(schsm_on.reads, 41);
    CHECK_ST(schsm_search(CKO_DATA, NULL), ST_OK);
    CHECK_EQ(schsm_on.reads, 61);
    CHECK_ST(schsm_search(CKO_CERTIFICATE, NULL), ST_OK);
    CHECK_EQ(schsm_on.reads, 80);
    CHECK_ST(schsm_read_all(), ST_OK);                          // nothing is read twice
    CHECK(schsm_on.reads == 80 && schsm_on.lists == 1 && !schsm_on.others);
    CHECK_ST(schsm_search(CKO_PROFILE, NULL), ST_OK);
    CHECK(schsm_on.lists == 1);
    p15_end();
}

// Connected anew, the list is read again; if it is another one, all is.
TEST(schsm_another_list)
{
    schsm_begin();
    schsm_key_with(1, SCHSM_RSA("a", "11"), schsm_certificate(SIM_RSA2048A));
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_read_all(), ST_OK);
    CK_OBJECT_HANDLE before = p15_object(CKO_PRIVATE_KEY, 0x11)->handle;
    card_it.link.count->connects++;
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK(schsm_on.lists == 2 && p15_object(CKO_PRIVATE_KEY, 0x11)->handle == before);
    card_it.link.count->connects++;
    schsm_key_with(2, SCHSM_RSA("b", "12"), BYTES_NONE);
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK(schsm_on.lists == 3 && p15_object(CKO_PRIVATE_KEY, 0x12));
    CHECK(p15_count(CKO_PRIVATE_KEY) == 2 && p15_count(CKO_CERTIFICATE) == 1);
    CHECK(p15_object(CKO_PRIVATE_KEY, 0x11)->handle != before);
    CHECK(!strcmp(schsm_t->label, "My HSM") && !strcmp(schsm_t->serial, "DENK0100751"));
    p15_end();
}

// A certificate with a key's CKA_ID that is not the key's own tells nothing of the key.
TEST(schsm_certificate_of_a_namesake)
{
    schsm_begin();
    CHECK_ST(cipher_start(), ST_OK);
    schsm_key_with(1, SCHSM_RSA("a", "11"), BYTES_NONE);
    schsm_listed(0xc806);
    schsm_file(0xc806, p15_text("30(30(0c'other') 30(04:11) a1(30(30(04:))))"));
    schsm_file(0xca06, schsm_certificate(SIM_RSA2048A));
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK(p15_object(CKO_CERTIFICATE, 0x11) && p15_object(CKO_PRIVATE_KEY, 0x11)->key->bits == 1024);
    CHECK(!p15_object(CKO_PRIVATE_KEY, 0x11)->x509);
    p15_end();
}

// On trust only a list that names the device's key is one.
TEST(schsm_list_on_trust)
{
    schsm_begin();
    CHECK_ST(schsm_insert(), ST_OK);
    card_it.sure = false;
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, NULL), ST_OK);
    CHECK(schsm_on.lists == 1 && !schsm_on.others && !card_it.sure);
    p15_end();
    schsm_begin();
    schsm_on.list_n = 0;
    CHECK_ST(schsm_insert(), ST_OK);
    card_it.sure = false;
    CHECK_ST(schsm_search(CKO_PRIVATE_KEY, NULL), ST_OK);
    CHECK(schsm_on.lists == 2 && schsm_on.others == 1 && card_it.sure);
    p15_end();
}

// ---- Objects ----

TEST(schsm_objects)
{
    struct object *o;
    CHECK_ST(cipher_start(), ST_OK);
    schsm_begin();
    schsm_key_with(1, SCHSM_RSA("rsa", "11"), schsm_certificate(SIM_RSA2048A));
    schsm_key_with(2, SCHSM_EC("ec", "22"), p15_text(SCHSM_POINT_CVC));
    schsm_key_with(3, SCHSM_AES_ENTRY("aes", "33"), BYTES_NONE);
    schsm_listed(0xc904);
    schsm_file(0xc904, p15_text("30(30(0c'open') 30(0c'app') a1(30(04:7777)))"));
    schsm_file(0xcf04, BYTES(1, 2, 3));
    schsm_listed(0xc905);
    schsm_file(0xc905, p15_text("30(30(0c'closed' 03:0780) 30(0c'app') a1(30(04:cf04)))"));
    schsm_file(0xcd05, BYTES(4, 5));
    schsm_listed(0xc806);
    schsm_file(0xc806, p15_text("30(30(0c'ca') 30(04:66 01:ff) a1(30(30(04:ce01))))"));
    schsm_file(0xca06, schsm_certificate(SIM_P256A));
    CHECK_ST(schsm_insert(), ST_OK);
    schsm_on.verified = true;
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK(p15_count(CKO_PRIVATE_KEY) == 2 && p15_count(CKO_PUBLIC_KEY) == 2 && p15_count(CKO_CERTIFICATE) == 2);
    o = p15_object(CKO_PRIVATE_KEY, 0x11);
    CHECK(o && o->ref == 1 && o->private && o->key && o->key->bits == 2048 && o->x509 && o->credential);
    CHECK(bytes_equal(o->label, bytes_text("rsa")) && o->use == (CARD_SIGN | CARD_DECRYPT));
    o = p15_object(CKO_CERTIFICATE, 0x11);
    CHECK(o && !o->private && o->value.n == schsm_certificate(SIM_RSA2048A).n && !o->authority);
    o = p15_object(CKO_PRIVATE_KEY, 0x22);
    CHECK(o && o->private && o->key && o->key->curve == alg_curve_named("P-256") && !o->x509);
    CHECK(o->use == (CARD_SIGN | CARD_DERIVE));
    o = p15_object(CKO_SECRET_KEY, 0x33);
    CHECK(o && o->private && o->secret_type == CKK_AES && o->secret_len == 16 && o->ref == 3);
    CHECK(o->use == (CARD_ENCRYPT | CARD_DECRYPT));
    o = p15_object(CKO_CERTIFICATE, 0x66);
    CHECK(o && o->authority && bytes_equal(o->value, schsm_certificate(SIM_P256A)));
    CHECK_EQ(p15_count(CKO_DATA), 2);
    for (u32 i = 0; i < card_it.object_count; i++) {
        o = card_object_at(&card_it, i);
        if (!o->handle || o->class != CKO_DATA) continue;
        CHECK(bytes_equal(o->value, o->private ? BYTES(4, 5) : BYTES(1, 2, 3)));
        CHECK(bytes_equal(o->label, bytes_text(o->private ? "closed" : "open")));
    }
    p15_end();
}

// A card full of objects, of which too little memory shows some; once there is more, all are there,
// each once.
TEST(schsm_in_little_memory)
{
    st s = ST_ARENA_FULL;
    CHECK_ST(cipher_start(), ST_OK);
    for (size_t left = 0; s && !test_failing; left += 90) {
        schsm_begin();
        schsm_key_with(1, SCHSM_RSA("rsa", "11"), schsm_certificate(SIM_RSA2048A));
        schsm_key_with(2, SCHSM_EC("ec", "22"), p15_text(SCHSM_POINT_CVC));
        schsm_key_with(3, SCHSM_AES_ENTRY("aes", "33"), BYTES_NONE);
        schsm_listed(0xc904);
        schsm_file(0xc904, p15_text("30(30(0c'open') 30(0c'app') a1(30(04:7777)))"));
        schsm_file(0xcf04, BYTES(1, 2, 3));
        schsm_listed(0xc806);
        schsm_file(0xc806, p15_text("30(30(0c'ca') 30(04:66 01:ff) a1(30(30(04:ce01))))"));
        schsm_file(0xca06, schsm_certificate(SIM_P256A));
        CHECK_ST(schsm_insert(), ST_OK);
        card_it.arena.left = left;
        s = schsm_read_all();
        CHECK(!s || s == ST_ARENA_FULL);
        card_it.arena.left = 1 << 20;
        CHECK_ST(schsm_read_all(), ST_OK);
        CHECK(p15_count(CKO_PRIVATE_KEY) == 2 && p15_count(CKO_PUBLIC_KEY) == 2);
        CHECK(p15_count(CKO_CERTIFICATE) == 2 && p15_count(CKO_SECRET_KEY) == 1 && p15_count(CKO_DATA) == 1);
        CHECK(p15_object(CKO_PRIVATE_KEY, 0x11)->key->bits == 2048 && p15_object(CKO_PRIVATE_KEY, 0x22)->key->curve);
        CHECK(p15_object(CKO_PRIVATE_KEY, 0x11)->x509 && p15_object(CKO_CERTIFICATE, 0x11)->value.n);
        p15_end();
        if (test_failing) printf("    with %zu bytes\n", left);
    }
}

// A card that says no once, in passing, to any command: nothing is lost for good.
static unsigned schsm_fails_at, schsm_failed;

static size_t schsm_failing_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    if (++schsm_failed == schsm_fails_at) return sim_script_sw(rsp, 0x6f00);
    return schsm_apdu(card, cmd, n, rsp, room);
}

TEST(schsm_errors_in_passing)
{
    CHECK_ST(cipher_start(), ST_OK);
    schsm_failed = schsm_fails_at = 0;
    for (unsigned at = 1; at <= schsm_failed + 1 && !test_failing; at++) {
        schsm_begin();
        schsm_key_with(1, SCHSM_RSA("rsa", "11"), schsm_certificate(SIM_RSA2048A));
        schsm_key_with(2, SCHSM_EC("ec", "22"), p15_text(SCHSM_POINT_CVC));
        schsm_listed(0xc904);
        schsm_file(0xc904, p15_text("30(30(0c'open') 30(0c'app') a1(30(04:7777)))"));
        schsm_file(0xcf04, BYTES(1, 2, 3));
        CHECK_ST(schsm_insert(), ST_OK);
        schsm_on.card.apdu = schsm_failing_apdu;
        schsm_failed = 0;
        schsm_fails_at = at;
        st s = schsm_read_all();
        CHECK(!s || link_is_error(s));
        CHECK_ST(schsm_read_all(), ST_OK);
        CHECK(p15_count(CKO_PRIVATE_KEY) == 2 && p15_count(CKO_CERTIFICATE) == 1 && p15_count(CKO_DATA) == 1);
        CHECK(p15_object(CKO_PRIVATE_KEY, 0x11)->key && p15_object(CKO_PRIVATE_KEY, 0x22)->key);
        p15_end();
        if (test_failing) printf("    at command %u\n", at);
    }
}

// Files without an end are given up once.
static size_t schsm_endless_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    bool file = cmd[1] == 0xb1 && (cmd[2] == 0xce || cmd[2] == 0xc9);
    if (!file && cmd[1] != 0xc0) return schsm_apdu(card, cmd, n, rsp, room);
    schsm_on.reads++;
    memset(rsp, 0x30, 200);
    return 200 + sim_script_sw(rsp + 200, 0x6100);
}

TEST(schsm_files_without_an_end)
{
    schsm_begin();
    schsm_key_with(1, SCHSM_RSA("rsa", "11"), BYTES_NONE);
    schsm_listed(0xc904);
    CHECK_ST(schsm_insert(), ST_OK);
    schsm_on.card.apdu = schsm_endless_apdu;
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 0x11)->key->bits == 1024 && !p15_count(CKO_DATA));
    unsigned before = schsm_on.reads;
    CHECK(before > 2);
    CHECK_ST(schsm_read_all(), ST_OK);
    CHECK_EQ(schsm_on.reads, before);
    p15_end();
}

// Two keys with one CKA_ID: each has its own public half.
TEST(schsm_keys_of_one_id)
{
    schsm_begin();
    schsm_key_with(1, SCHSM_RSA("a", "11"), schsm_certificate(SIM_RSA2048A));
    schsm_key_with(2, SCHSM_RSA("b", "11"), schsm_certificate(SIM_RSA2048B));
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_read_all(), ST_OK);
    const struct p15 *p15 = schsm_t->state;
    CHECK(p15->keys && p15->keys->next && p15->keys->key && p15->keys->next->key);
    CHECK(!bytes_equal(p15->keys->key->modulus, p15->keys->next->key->modulus));
    CHECK_EQ(p15_count(CKO_CERTIFICATE), 2);
    p15_end();
}

// What is no description, or no key's, is passed over; paths in it lead nowhere.
TEST(schsm_entries_of_nonsense)
{
    static const char *const entries[] = { "", "=00", "=ff", "=30", "=3080", "30:", "30(30: 30:)",
        "30(30(0c'x') 30(04:01))", "a0(30(0c'x') 30(04:01) a1(30(30(04:2f02))))",
        "30(30(0c'x') 30(04:01 02:7fffffff) a1(30(30(04:ce01) 02:7fffffff)))", "a1(30: 30:)", "a8(30: 30:)",
        "a8(30: 30: a0(30(02:7fffffff)))", "bf1f(30: 30:)", "04:0102", "30(31: 30:)",
        "30(30(0c'x' 04:99 30(30(03:0780 04:98))) 30(04:01) a1(30(30(04:ce01 02:7fff 80:7fff))))" };
    schsm_begin();
    for (u8 i = 0; i < COUNT(entries); i++) {
        schsm_key_with((u8)(i + 1), entries[i], i % 3 ? p15_text(entries[i]) : BYTES_NONE);
        schsm_listed(0xc800u | i);
        schsm_file(0xc800u | i, p15_text(entries[i]));
        schsm_listed(0xc900u | i);
        schsm_file(0xc900u | i, p15_text(entries[i]));
    }
    CHECK_ST(schsm_insert(), ST_OK);
    CHECK_ST(schsm_read_all(), ST_OK);
    for (u32 i = 0; i < card_it.object_count; i++) {
        struct object *o = card_object_at(&card_it, i);
        bool key = o->class == CKO_PRIVATE_KEY || o->class == CKO_SECRET_KEY;
        if (key) CHECK(o->private && o->credential && o->ref && o->ref <= COUNT(entries));
    }
    for (unsigned i = 0; i < schsm_on.read_n; i++) CHECK(schsm_on.read[i] != 0x2f02);
    p15_end();
}

// ---- Card-verifiable certificates ----

TEST(schsm_cvc)
{
    struct alg_key key;
    p15_used = 0;
    CHECK_ST(cipher_start(), ST_OK);            // which finds a point's curve
    bytes ec = p15_text(SCHSM_POINT_CVC), inside;
    CHECK_ST(schsm_parse_key(ec, ALG_EC, &key), ST_OK);
    CHECK(key.curve == alg_curve_named("P-256") && key.point.n == 65);
    CHECK(!tlv_open(ec, 0x67, &inside));
    CHECK_ST(schsm_parse_key(inside, ALG_EC, &key), ST_OK);                 // bare
    CHECK_ST(schsm_parse_key(ec, ALG_RSA, &key), ST_PROTOCOL);
    bytes rsa = p15_text("7f21(7f4e(7f49(06:00 81:" P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 " 82:010001)))");
    CHECK_ST(schsm_parse_key(rsa, ALG_RSA, &key), ST_PROTOCOL);             // 1023 bits
    rsa = p15_text("7f21(7f4e(7f49(06:00 81:00f1" P15_LONG32 P15_LONG32 P15_LONG32
                   "4142434445464748494a4b4c4d4e4f504142434445464748494a4b4c4d4e4f 82:00010001)))");
    CHECK_ST(schsm_parse_key(rsa, ALG_RSA, &key), ST_OK);
    CHECK(key.bits == 1024 && key.exponent.n == 3);
    CHECK_ST(schsm_parse_key(p15_text("7f21(7f4e(7f49(86:04)))"), ALG_EC, &key), ST_PROTOCOL);
    CHECK_ST(schsm_parse_key(p15_text("7f21(7f4e(7f49(86:" P15_POINT "00)))"), ALG_EC, &key), ST_PROTOCOL);
    CHECK_ST(schsm_parse_key(p15_text("7f21(7f4e(7f49(81:f1)))"), ALG_RSA, &key), ST_PROTOCOL);
    CHECK_ST(schsm_parse_key(p15_text("7f21(7f4e(82:01))"), ALG_RSA, &key), ST_PROTOCOL);
}

// Cut at each length, in a buffer that ends there, nothing is read beyond.
TEST(schsm_cvc_that_is_cut)
{
    struct alg_key key;
    p15_used = 0;
    bytes whole = p15_text(SCHSM_POINT_CVC);
    for (size_t n = 0; n < whole.n; n++) {
        u8 *cut = malloc(n + 1);
        memcpy(cut + 1, whole.p, n);
        st s = schsm_parse_key(bytes_of(cut + 1, n), ALG_EC, &key);
        free(cut);
        CHECK(s);
    }
}

// ---- Keys ----

static struct schsm schsm_it;

static void schsm_begin_key(const char *const *lines, enum alg_type type)
{
    schsm_it = (struct schsm){ .listed = true, .current = true };
    p15dir_init(&schsm_it.p15, BYTES_NONE, P15_FLAT);
    p15_begin_key(lines, &schsm_it.p15, type, 512);
    if (test_failing) return;
    schsm_t->driver = &driver_schsm;
    p15_scripted_object.ref = 7;
}

static void schsm_check_sign(const char *line, enum alg_type type, bytes in, st want, const char *made)
{
    const char *const lines[] = { line, NULL };
    u8 room[300];
    struct buf out = buf_on(room, sizeof room);
    const struct alg_use use = { .type = type };
    if (test_failing) return;
    schsm_begin_key(lines, type);
    if (test_failing) return;
    CHECK_ST(schsm_sign(&card_it, &p15_scripted_object, &use, in, p15_scratch(), &out), want);
    if (!want) CHECK_BYTES(out.p, out.n, made);
    card_script_over();
}

// The command names key and algorithm. Of a long hash as much goes as the curve has.
TEST(schsm_signatures)
{
    static char line[700], made[300];
    u8 hash[64];
    memset(hash, 0x77, sizeof hash);
    snprintf(line, sizeof line, "80680720 40 %s 00 > %s 9000", p15_hex_of(0x77, 64), p15_hex_of(0x5a, 63));
    snprintf(made, sizeof made, "00 %s", p15_hex_of(0x5a, 63));
    schsm_check_sign(line, ALG_RSA, bytes_of(hash, 64), ST_OK, made);
    snprintf(line, sizeof line, "80680720 40 %s 00 > %s 9000", p15_hex_of(0x77, 64), p15_hex_of(0x5a, 65));
    schsm_check_sign(line, ALG_RSA, bytes_of(hash, 64), ST_PROTOCOL, NULL);
    snprintf(made, sizeof made, "%s01 %s02", p15_hex_of(0, 31), p15_hex_of(0, 31));
    for (size_t n = 20; n <= 64; n += 4) {
        snprintf(line, sizeof line, "80680770 %02x %s 00 > 3006 020101 020102 9000",
                 (unsigned)(n < 32 ? n : 32), p15_hex_of(0x77, n < 32 ? n : 32));
        schsm_check_sign(line, ALG_EC, bytes_of(hash, n), ST_OK, made);
    }
    schsm_check_sign("80680770 01 77 00 > 3006 020101 030102 9000", ALG_EC, bytes_of(hash, 1), ST_PROTOCOL, NULL);
    schsm_check_sign("80680770 01 77 00 > 9000", ALG_EC, bytes_of(hash, 1), ST_PROTOCOL, NULL);
    for (size_t i = 0; i < COUNT(p15_key_answers); i++) {
        snprintf(line, sizeof line, "80680770 01 77 00 > %s", p15_key_answers[i].sw);
        schsm_check_sign(line, ALG_EC, bytes_of(hash, 1), p15_key_answers[i].want, NULL);
        if (test_failing) printf("    %s\n", p15_key_answers[i].sw);
    }
}

// A card that knows no chains, in a reader that knows no long commands, gets what is in the padding:
// at once, after the first time.
TEST(schsm_signatures_without_chains)
{
    static char chain[700], info[1100], again[1100];
    const char *const lines[] = { chain, info, again, NULL };
    static struct alg_key big = { .type = ALG_RSA, .bits = 2048 };
    static u8 room[3][600];
    const struct alg_use use = { .type = ALG_RSA };
    struct buf block = buf_on(room[0], 600), one = buf_on(room[1], 600), two = buf_on(room[2], 600);
    CHECK_ST(padding_pkcs1_sign(BYTES(0x30, 0x01, 0xff), 256, &block), ST_OK);
    snprintf(chain, sizeof chain, "90680720 ff 0001 %s 003001 > 6884", p15_hex_of(0xff, 250));
    snprintf(info, sizeof info, "80680730 03 3001ff 00 > %s 9000", p15_hex_of(0x5a, 256));
    strcpy(again, info);
    schsm_begin_key(lines, ALG_RSA);
    if (test_failing) return;
    big.spki = BYTES(0x30);
    p15_scripted_object.key = &big;
    card_it.link.extended.on = false;
    CHECK_ST(schsm_sign(&card_it, &p15_scripted_object, &use, buf_bytes(&block), p15_scratch(), &one), ST_OK);
    CHECK_ST(schsm_sign(&card_it, &p15_scripted_object, &use, buf_bytes(&block), p15_scratch(), &two), ST_OK);
    CHECK(one.n == 256 && two.n == 256 && room[1][0] == 0x5a);
    card_script_over();
    static const char *const no_info[] = { "* > 6884", NULL };        // of another padding: no way
    schsm_begin_key(no_info, ALG_RSA);
    if (test_failing) return;
    p15_scripted_object.key = &big;
    card_it.link.extended.on = false;
    room[0][1] = 0x02;
    CHECK_ST(schsm_sign(&card_it, &p15_scripted_object, &use, buf_bytes(&block), p15_scratch(), &one),
             ST_NOT_SUPPORTED);
    card_script_over();
}

// What is decrypted is a whole block; what is agreed on comes with both coordinates, or with one.
TEST(schsm_secrets)
{
    static char line[700], good[200], both[300];
    u8 in[64], room[100];
    memset(in, 0x77, sizeof in);
    snprintf(good, sizeof good, "04 %s 9000", p15_hex_of(0x22, 32));
    snprintf(both, sizeof both, "04 %s %s 9000", p15_hex_of(0x22, 32), p15_hex_of(0x33, 32));
    const struct { bool derive; const char *answer; st want; } cases[] = {
        { false, "0002 9000", ST_OK }, { false, "9000", ST_PROTOCOL }, { false, "6985", ST_FAILED },
        { false, "6a84", ST_FAILED },
        { false, "6982", ST_NOT_LOGGED_IN }, { false, "6400", 0x6400 }, { true, good, ST_OK },
        { true, both, ST_OK }, { true, "04 9000", ST_PROTOCOL }, { true, "9000", ST_PROTOCOL },
        { true, good + 3, ST_PROTOCOL }, { true, both + 2, ST_PROTOCOL }, { true, "6982", ST_NOT_LOGGED_IN },
        { true, "6a80", ST_FAILED } };
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { line, NULL };
        struct buf out = buf_on(room, sizeof room);
        snprintf(line, sizeof line, cases[i].derive ? "80620780 02 0401 00 > %s%s" : "80620721 40 %s 00 > %s",
                 cases[i].derive ? "" : p15_hex_of(0x77, 64), cases[i].answer);
        schsm_begin_key(lines, cases[i].derive ? ALG_EC : ALG_RSA);
        if (test_failing) return;
        st s = cases[i].derive
            ? schsm_derive(&card_it, &p15_scripted_object, BYTES(4, 1), p15_scratch(), &out)
            : schsm_decrypt(&card_it, &p15_scripted_object, NULL, bytes_of(in, 64), p15_scratch(), &out);
        CHECK_ST(s, cases[i].want);
        if (!s && cases[i].derive) CHECK_BYTES(room, out.n, p15_hex_of(0x22, 32));
        if (!s && !cases[i].derive) CHECK(out.n == 64 && !room[61] && !room[62] && room[63] == 2);
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
}

// A card that does CBC under zeros: what goes in and comes out is CBC under any IV, and ECB, in as
// many commands as it takes.
static size_t schsm_aes_most;

static size_t schsm_aes_apdu(struct sim_card *card, const u8 *cmd, size_t n, u8 *rsp, size_t room)
{
    mbedtls_aes_context aes;
    u8 iv[16] = { 0 };
    size_t lc = cmd[4] ? cmd[4] : (size_t)cmd[5] << 8 | cmd[6];
    const u8 *data = cmd[4] ? cmd + 5 : cmd + 7;
    (void)card; (void)n; (void)room;
    if (cmd[0] != 0x80 || cmd[1] != 0x78 || cmd[2] != 7 || lc % 16) return sim_script_sw(rsp, 0x6f01);
    if (lc > schsm_aes_most) schsm_aes_most = lc;
    bool encrypt = cmd[3] == 0x10;
    mbedtls_aes_init(&aes);
    if (encrypt) mbedtls_aes_setkey_enc(&aes, (const u8 *)"0123456789abcdef", 128);
    else mbedtls_aes_setkey_dec(&aes, (const u8 *)"0123456789abcdef", 128);
    mbedtls_aes_crypt_cbc(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, lc, iv, data, rsp);
    mbedtls_aes_free(&aes);
    return lc + sim_script_sw(rsp + lc, 0x9000);
}

static void schsm_check_crypt(bool ecb, size_t n, bool extended)
{
    static const char *const none[] = { NULL };
    static u8 in[2048], want[2048], got[2048], back[2048];
    const u8 iv[16] = "an IV of 16 byte";
    const struct alg_use use = { .scheme = ecb ? ALG_ECB : ALG_CBC, .block = 16 };
    struct buf made = buf_on(got, sizeof got), again = buf_on(back, sizeof back);
    mbedtls_aes_context aes;
    for (size_t i = 0; i < n; i++) in[i] = (u8)(i * 7 + i / 256);
    mbedtls_aes_init(&aes);
    mbedtls_aes_setkey_enc(&aes, (const u8 *)"0123456789abcdef", 128);
    for (size_t at = 0; at < n; at += 16) {
        u8 block[16];
        for (size_t i = 0; i < 16; i++)
            block[i] = (u8)(in[at + i] ^ (ecb ? 0 : at ? want[at - 16 + i] : iv[i]));
        mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, block, want + at);
    }
    mbedtls_aes_free(&aes);
    schsm_begin_key(none, ALG_SECRET);
    if (test_failing) return;
    link_card.card.apdu = schsm_aes_apdu;
    card_it.link.extended.on = extended;
    schsm_aes_most = 0;
    CHECK_ST(schsm_crypt(&card_it, &p15_scripted_object, &use, true, bytes_of(iv, 16), bytes_of(in, n),
                         p15_scratch(), &made), ST_OK);
    CHECK(made.n == n && !memcmp(got, want, n));
    CHECK_ST(schsm_crypt(&card_it, &p15_scripted_object, &use, false, bytes_of(iv, 16), bytes_of(want, n),
                         p15_scratch(), &again), ST_OK);
    CHECK(again.n == n && !memcmp(back, in, n));
    CHECK(schsm_aes_most <= (extended ? SCHSM_BLOCKS : 240u));
    card_script_over();
}

TEST(schsm_ciphers)
{
    static const size_t sizes[] = { 16, 32, 224, 240, 256, 480, 496, 512, 528, 1008, 1040, 2048 };
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int how = 0; how < 4 && !test_failing; how++) {
            schsm_check_crypt(how & 1, sizes[i], how & 2);
            if (test_failing) printf("    %zu bytes, way %d\n", sizes[i], how);
        }
}

// An answer of another length than what was asked is none.
TEST(schsm_ciphers_of_a_wrong_length)
{
    static const char *const cases[] = { "9000", "00 9000", "6985", "6982", "6a80" };
    static const st want[] = { ST_PROTOCOL, ST_PROTOCOL, ST_FAILED, ST_NOT_LOGGED_IN, ST_FAILED };
    const struct alg_use use = { .scheme = ALG_CBC, .block = 16 };
    u8 zeros[16] = { 0 }, room[100];
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        char line[200];
        const char *const lines[] = { line, NULL };
        struct buf out = buf_on(room, sizeof room);
        snprintf(line, sizeof line, "80780711 10 %s 00 > %s", p15_hex_of(0, 16), cases[i]);
        schsm_begin_key(lines, ALG_SECRET);
        if (test_failing) return;
        CHECK_ST(schsm_crypt(&card_it, &p15_scripted_object, &use, false, bytes_of(zeros, 16),
                             bytes_of(zeros, 16), p15_scratch(), &out), want[i]);
        card_script_over();
    }
}

// A MAC is one command, and a block; of more than that holds the card is asked nothing.
TEST(schsm_macs)
{
    static char good[100], line[200], again[200];
    snprintf(good, sizeof good, "%s 9000", p15_hex_of(0x22, 16));
    const struct { const char *answer; st want; } cases[] = { { good, ST_OK }, { "9000", ST_PROTOCOL },
        { good + 2, ST_PROTOCOL }, { "6985", ST_FAILED }, { "6982", ST_NOT_LOGGED_IN }, { "6a81", ST_FAILED },
        { "6700", ST_FAILED }, { "6400", 0x6400 } };
    u8 in[SCHSM_BLOCKS + 1], room[100];
    memset(in, 0x77, sizeof in);
    for (size_t i = 0; i < COUNT(cases) && !test_failing; i++) {
        const char *const lines[] = { line, NULL };
        struct buf out = buf_on(room, sizeof room);
        snprintf(line, sizeof line, "80780718 15 %s 00 > %s", p15_hex_of(0x77, 21), cases[i].answer);
        schsm_begin_key(lines, ALG_SECRET);
        if (test_failing) return;
        CHECK_ST(schsm_mac(&card_it, &p15_scripted_object, bytes_of(in, 21), p15_scratch(), &out), cases[i].want);
        if (!cases[i].want) CHECK_BYTES(room, out.n, p15_hex_of(0x22, 16));
        card_script_over();
        if (test_failing) printf("    case %zu\n", i);
    }
    const char *const empty[] = { again, NULL }, *const none[] = { NULL };
    for (int extended = 0; extended < 2 && !test_failing; extended++) {
        struct buf out = buf_on(room, sizeof room);
        snprintf(again, sizeof again, "80780718 00 > %s", good);
        schsm_begin_key(empty, ALG_SECRET);
        if (test_failing) return;
        CHECK_ST(schsm_mac(&card_it, &p15_scripted_object, BYTES_NONE, p15_scratch(), &out), ST_OK);
        card_script_over();
        schsm_begin_key(none, ALG_SECRET);
        if (test_failing) return;
        card_it.link.extended.on = extended;
        CHECK_ST(schsm_mac(&card_it, &p15_scripted_object, bytes_of(in, extended ? SCHSM_BLOCKS + 1 : 256),
                           p15_scratch(), &out), ST_DATA_LEN);
        card_script_over();
    }
}
#endif

static void test_schsm(void)
{
#if SCARD11_SCHSM
    RUN(schsm_macs);
    RUN(schsm_knows_its_cards);
    RUN(schsm_looks_without_select);
    RUN(schsm_asks_what_the_so_pin_may);
    RUN(schsm_serial_numbers);
    RUN(schsm_tells_what_people_know);
    RUN(schsm_lists);
    RUN(schsm_keys_need_both);
    RUN(schsm_searches_read_little);
    RUN(schsm_another_list);
    RUN(schsm_certificate_of_a_namesake);
    RUN(schsm_list_on_trust);
    RUN(schsm_objects);
    RUN(schsm_in_little_memory);
    RUN(schsm_errors_in_passing);
    RUN(schsm_files_without_an_end);
    RUN(schsm_keys_of_one_id);
    RUN(schsm_entries_of_nonsense);
    RUN(schsm_cvc);
    RUN(schsm_cvc_that_is_cut);
    RUN(schsm_signatures);
    RUN(schsm_signatures_without_chains);
    RUN(schsm_secrets);
    RUN(schsm_ciphers);
    RUN(schsm_ciphers_of_a_wrong_length);
#endif
}
