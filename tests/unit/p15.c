// p15.c: >>p15. The model is used in all p15 files.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

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

static void test_p15(void)
{
    RUN(p15_places);
}
