// isoapplet.c: >>isoapplet.
// SPDX-License-Identifier: 0BSD

static void test_isoapplet(void)
{
}
