// cac.c: >>cac, what it makes of answers; whole conversations are in cards.c, traces.c.
// SPDX-License-Identifier: 0BSD

#if SCARD11_CAC
#endif

static void test_cac(void)
{
}
