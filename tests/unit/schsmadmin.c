// schsmadmin.c: >>schsmadmin, what is sent, and what a card that is written may answer; whole cards are
// written.c's and write.c's. SPDX-License-Identifier: 0BSD

#if SCARD11_SCHSM && SCARD11_WRITE

static struct schsm schsmadmin_it;

static void schsmadmin_begin(const char *const *lines)
{
    card_script(lines);
    if (test_failing) return;
    card_it.sure = true;
    schsmadmin_it = (struct schsm){ .listed = true, .current = true, .serial = "DENK0100123" };
    p15dir_init(&schsmadmin_it.p15, bytes_of(schsm_aid, sizeof schsm_aid), P15_FLAT | P15_SHORT_END);
    schsmadmin_it.p15.io = &schsm_io;
    card_t->driver = &driver_schsm;
    card_t->state = &schsmadmin_it;
    card_t->flat = true;
    card_set_credential(card_t, &schsm_pin);
    card_set_credential(card_t, &schsm_so_pin);
}

// A key that is to be made is told by its curve's domain parameters: the base point lies on it.
TEST(schsmadmin_tells_each_curve)
{
    for (size_t i = 0; i < COUNT(alg_curves) && !test_failing; i++) {
        const struct alg_curve *curve = &alg_curves[i];
        u8 room[600];
        struct buf out = buf_on(room, sizeof room);
        CHECK(alg_has_domain(curve) == (curve->type == ALG_EC));
        if (curve->type != ALG_EC) continue;
        schsmadmin_put_curve(curve, BYTES_NONE, &out);
        CHECK(!out.full);
        bytes in = buf_bytes(&out), value;
        CHECK(tlv_find(in, 0x84, &value) && cipher_curve_of(value) == curve);
        CHECK(!tlv_find(in, 0x86, &value));
        CHECK(tlv_find(in, 0x85, &value) && value.n == curve->size);
    }
}

// A file that is longer than a command goes in parts, each behind the one before.
TEST(schsmadmin_writes_in_parts)
{
    static const char *const refused[] = { "00d7ca01 07 54020000 530101 > 6a84", NULL };
    static const char *const no_login[] = { "00d7ca01 07 54020000 530101 > 6982", NULL };
    static const u8 one[] = { 1 };
    static u8 many[300];
    static char first[1100], second[300];
    const char *const parts[] = { first, second, NULL };
    schsmadmin_begin(refused);
    CHECK_ST(schsmadmin_write(&card_it, 0xca, 1, bytes_of(one, 1), padding_scratch()), ST_CARD_FULL);
    card_script_over();
    schsmadmin_begin(no_login);
    CHECK_ST(schsmadmin_write(&card_it, 0xca, 1, bytes_of(one, 1), padding_scratch()),
             ST_NOT_LOGGED_IN);
    card_script_over();
    int n = snprintf(first, sizeof first, "00d7ca01 fe 54020000 5381f7 ");
    for (int i = 0; i < 247; i++) n += snprintf(first + n, sizeof first - (size_t)n, "00");
    snprintf(first + n, sizeof first - (size_t)n, " > 9000");
    n = snprintf(second, sizeof second, "00d7ca01 3b 540200f7 5335 ");
    for (int i = 0; i < 53; i++) n += snprintf(second + n, sizeof second - (size_t)n, "00");
    snprintf(second + n, sizeof second - (size_t)n, " > 9000");
    schsmadmin_begin(parts);
    if (test_failing) return;
    card_it.link.extended.on = false;
    CHECK_ST(schsmadmin_write(&card_it, 0xca, 1, bytes_of(many, sizeof many), padding_scratch()),
             ST_OK);
    card_script_over();
}

// What is deleted need not be there.
TEST(schsmadmin_deletes_what_is_not_there)
{
    static const struct { const char *sw; st want; } some[] = {
        { "9000", ST_OK }, { "6a82", ST_OK }, { "6a88", ST_OK }, { "6982", ST_NOT_LOGGED_IN },
        { "6a86", 0x6a86 },
    };
    static char line[60];
    const char *const lines[] = { line, NULL };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        snprintf(line, sizeof line, "00e40200 02 ce05 > %s", some[i].sw);
        schsmadmin_begin(lines);
        CHECK_ST(schsmadmin_delete(&card_it, SCHSM_CERT, 5), some[i].want);
        card_script_over();
    }
}

// The list is read again: what another program made is read at the next search, what it deleted is
// gone, and all else stays as it is.
TEST(schsmadmin_looks_again)
{
    static const char *const lines[] = { "80580000 000000 > c400cc00 cc01c401 cc03c403 c802 9000", NULL };
    u8 number = 0;
    schsmadmin_begin(lines);
    if (test_failing) return;
    u8 *has = schsmadmin_it.has;
    has[1] = SCHSM_HAS_KEY | SCHSM_HAS_KEY_ENTRY | SCHSM_READ_KEY_ENTRY | SCHSM_READ_CERT;
    has[2] = SCHSM_HAS_CERT_ENTRY | SCHSM_READ_CERT_ENTRY | SCHSM_HAS_DATA_ENTRY |
             SCHSM_READ_DATA_ENTRY;
    CHECK_ST(schsmadmin_look(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_EQ(has[1], SCHSM_HAS_KEY | SCHSM_HAS_KEY_ENTRY | SCHSM_READ_KEY_ENTRY | SCHSM_READ_CERT);
    CHECK_EQ(has[2], SCHSM_HAS_CERT_ENTRY | SCHSM_READ_CERT_ENTRY);
    CHECK_EQ(has[3], SCHSM_HAS_KEY | SCHSM_HAS_KEY_ENTRY);
    CHECK_ST(schsmadmin_free(card_t, SCHSM_HAS_KEY, &number), ST_OK);
    CHECK_EQ(number, 2);
    memset(has, SCHSM_HAS_KEY, SCHSM_KEYS);
    CHECK_ST(schsmadmin_free(card_t, SCHSM_HAS_KEY, &number), ST_CARD_FULL);
    card_script_over();
}

// The SO-PIN is asked for first: one that is there is verified, once, before the card is begun anew.
TEST(schsmadmin_init_proves_who_the_so_is)
{
    static const char *const wrong[] = { "00200088 > 63cf", "00200088 08 3537363231383830 > 63ce",
                                         NULL };
    static const char *const none[] = { "00200088 > 6a88", NULL };
    static const char *const new_card[] = { "00200088 > 6984", NULL };
    static const char *const blocked[] = { "00200088 > 6983", "00200088 08 3537363231383830 > 6983",
                                           NULL };
    static const struct { const char *const *lines; st want; } some[] = {
        { wrong, ST_PIN_INCORRECT }, { none, ST_OK }, { new_card, ST_OK }, { blocked, ST_PIN_LOCKED },
    };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        schsmadmin_begin(some[i].lines);
        if (test_failing) return;
        card_credential(card_t, ROLE_PUK)->uncertain = false;
        CHECK_ST(schsmadmin_prove_so(&card_it, card_t, bytes_text("3537363231383830"),
                                     padding_scratch()), some[i].want);
        card_script_over();
    }
}

#endif

static void test_schsmadmin(void)
{
#if SCARD11_SCHSM && SCARD11_WRITE
    RUN(schsmadmin_tells_each_curve);
    RUN(schsmadmin_writes_in_parts);
    RUN(schsmadmin_deletes_what_is_not_there);
    RUN(schsmadmin_looks_again);
    RUN(schsmadmin_init_proves_who_the_so_is);
#endif
}
