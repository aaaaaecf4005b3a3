// myeid.c: >>myeid.
// SPDX-License-Identifier: 0BSD

static void test_myeid(void)
{
}
