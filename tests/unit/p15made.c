// p15made.c: >>p15made. Whole directories that were made are in esteid.c and fineid.c.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

// A directory that was made is kept, or there is no room for it.
TEST(p15made_directories)
{
    static const char *const none[] = { NULL };
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    p15_begin_script(none, 0);
    if (test_failing) return;
    p15made_path(&b, BYTES(0x3f, 0));
    CHECK_ST(p15made_add(&card_it, &p15_scripted, P15_CDF, &b), ST_OK);
    CHECK_BYTES(p15_scripted.files->value.direct.p, p15_scripted.files->value.direct.n, "3004 04023f00");
    card_it.arena.left = 0;
    card_it.arena.at = card_it.arena.end - ((sizeof(struct p15_file) + 15) & ~15u);
    CHECK_ST(p15made_add(&card_it, &p15_scripted, P15_CDF, &b), ST_ARENA_FULL);
    CHECK_ST(p15made_add(&card_it, &p15_scripted, P15_CDF, &b), ST_ARENA_FULL);
    p15made_path(&b, BYTES(0x3f, 0));
    CHECK(b.full);
    CHECK_ST(p15made_add(&card_it, &p15_scripted, P15_CDF, &b), ST_ARENA_FULL);
    card_script_over();
}

static void test_p15made(void)
{
    RUN(p15made_directories);
}
