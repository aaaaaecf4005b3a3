// esteid.c: >>esteid.
// SPDX-License-Identifier: 0BSD

static void test_esteid(void)
{
}
