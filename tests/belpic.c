// belpic.c: >>belpic.
// SPDX-License-Identifier: 0BSD

static void test_belpic(void)
{
}
