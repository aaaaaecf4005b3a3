// p15dir.c: >>p15dir. Where the directory lies, how much of it is read, and when again.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

TEST(p15dir_ways_to_find_the_application)
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

TEST(p15dir_nothing_there)
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

TEST(p15dir_several_applications)
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

TEST(p15dir_more_entries_than_are_taken)
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
    CHECK_EQ(((struct p15 *)card_t->state)->entry_count, P15_ENTRIES_MAX);
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

// After the card was connected anew, lastUpdate decides.
TEST(p15dir_changes_by_others_are_noticed)
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

// A directory file that the card does not hand out: said so, it is empty; wanting the PIN, it is
// read after the login; an error, it is asked for again.
TEST(p15dir_files_that_are_refused)
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
    CHECK_ST(p15token_open(&card_it, card_t, p15_scratch()), ST_OK);
    CHECK(p15_sent(""));
    card_pin(card_t)->asked = false;
    card_t->login = true;                       // nor while somebody is logged in
    CHECK_ST(p15token_open(&card_it, card_t, p15_scratch()), ST_OK);
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

// What a program's own keys were made of is given back when the directory is read anew: of pairs and
// of secret keys, which are in no list but that of objects.
TEST(p15dir_forget_gives_back_room)
{
    static struct p15 p15;
    struct p15_key *keys[2];
    struct object *object;
    void *own[2];
    card_begin(SCARD11_CARD_MEMORY);
    card_it.link.name = "";
    p15 = (struct p15){ .odf_read = true };
    card_t->state = &p15;
    for (int i = 0; i < 2; i++) {
        keys[i] = p15object_new_key(&card_it, &p15);
        own[i] = arena_lot(&card_it.arena, &keys[i]->lots, 200);
        CHECK(own[i]);
    }
    p15.keys = keys[0];
    object = p15object_add_key(&card_it, card_t, CKO_SECRET_KEY, keys[1]);
    CHECK(object);
    CHECK_ST(p15dir_forget(&card_it, &p15), ST_OK);
    CHECK(!object->handle && !p15.keys);
    for (int i = 0; i < 2; i++) {
        struct lot *lots = NULL;
        void *again = arena_lot(&card_it.arena, &lots, 200);
        CHECK(again == own[0] || again == own[1]);
    }
    arena_free(&card_it.arena);
}

static void test_p15dir(void)
{
    RUN(p15dir_ways_to_find_the_application);
    RUN(p15dir_nothing_there);
    RUN(p15dir_several_applications);
    RUN(p15dir_more_entries_than_are_taken);
    RUN(p15dir_changes_by_others_are_noticed);
    RUN(p15dir_files_that_are_refused);
    RUN(p15dir_forget_gives_back_room);
}
