// gids.c: >>gids, what it makes of answers; whole conversations are in cards.c, traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_GIDS
#endif

static void test_gids(void)
{
}
