// p15.c: >>p15.
// SPDX-License-Identifier: 0BSD

static void test_p15(void)
{
}
