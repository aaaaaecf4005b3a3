// fineid.c: >>fineid.
// SPDX-License-Identifier: 0BSD

static void test_fineid(void)
{
}
