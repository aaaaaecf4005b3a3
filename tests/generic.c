// generic.c: >>generic.
// SPDX-License-Identifier: 0BSD

static void test_generic(void)
{
}
