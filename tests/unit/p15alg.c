// p15alg.c: >>p15alg. What cards do with it is in generic.c, p15object.c and programs/cards.c.
// SPDX-License-Identifier: 0BSD

// How many there may be, and of which numbers; what lacks one, or is none, is passed over.
TEST(p15alg_tables)
{
    static struct p15alg_table table;
    static char text[100 * 40];
    char *at = text;
    p15_used = 0;
    p15alg_parse(p15_text("30(02:01 02:1041 05: 03:0640 06:2a 02:04) 30(02:02) 30() 30(05:)"
                          "30(02:0103 02:0d 03:0640) 30(02:05 02:03 03:0644 02:0183 02:09)"), &table);
    CHECK_EQ(table.n, 3);
    CHECK(table.list[0].reference == 1 && table.list[0].mechanism == 0x1041);
    CHECK(table.list[0].operations == 2 && table.list[0].referenced);
    CHECK_EQ(table.list[0].algorithm, 4);
    CHECK(table.list[1].reference == 0x103 && !table.list[1].referenced);
    CHECK_EQ(table.list[2].algorithm, 0x83);
    p15alg_parse(p15_text("31(02:01 02:01) 30(02:01 02:01)"), &table);
    CHECK_EQ(table.n, 0);
    p15alg_parse(BYTES_NONE, &table);
    CHECK_EQ(table.n, 0);
    for (int i = 0; i < 100; i++) at += sprintf(at, "30(02:%02x 02:01)", i);
    p15alg_parse(p15_text(text), &table);
    CHECK_EQ(table.n, P15ALG_MAX);
    CHECK_EQ(table.list[P15ALG_MAX - 1].reference, P15ALG_MAX - 1);
}

// What keys name: all that they name twice too, none of what is not there, and all where they name
// none. It is looked for once.
TEST(p15alg_references)
{
    static const struct { const char *references; u64 want; } cases[] = {
        { "", ~(u64)0 }, { "02:01", 5 }, { "02:02", 2 }, { "02:02 02:01", 7 }, { "02:09", 0 },
        { "02:01 02:01", 5 }, { "=0203", 0 } };
    static struct p15alg_table table;
    static char text[70 * 8];
    char *at = text;
    p15_used = 0;
    p15alg_parse(p15_text("30(02:01 02:01) 30(02:02 02:03) 30(02:01 02:0d)"), &table);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct p15alg_named named = { false, 0 };
        CHECK(p15alg_named(&table, p15_text(cases[i].references), &named) == cases[i].want);
        CHECK(p15alg_named(&table, BYTES_NONE, &named) == cases[i].want);
    }
    for (int i = 0; i < P15ALG_MAX; i++) at += sprintf(at, "02:09 ");
    strcpy(at, "02:01");
    struct p15alg_named named = { false, 0 };
    CHECK(p15alg_named(&table, p15_text(text), &named) == 0);      // behind the last that is looked at
}

// Thousands of algorithms, and keys that name thousands: what is looked at is as much as the
// directory is long, not its square, and a second search looks at nothing. The first ones count.
TEST(p15alg_algorithms_beyond_number)
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
        CHECK_EQ(o->card_pads, 0);
        CHECK_EQ(generic_algorithm(card_t->state, o->state, GENERIC_RSA_X_509, GENERIC_OP_SIGN), 7);
    }
    CHECK(unit_tlvs - before < 4000);
    before = unit_tlvs;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(unit_tlvs - before < 10);
    p15_end();
}

static void test_p15alg(void)
{
    RUN(p15alg_tables);
    RUN(p15alg_references);
    RUN(p15alg_algorithms_beyond_number);
}
