// reader.c: >>reader. What the backends' codes mean. The PC/SC half is shown by tests/pcsc/e2e.sh.
// SPDX-License-Identifier: 0BSD

TEST(reader_codes)
{
    CHECK_ST(reader_st(SCARD11_READER_OK), ST_OK);
    CHECK_ST(reader_st(SCARD11_READER_REMOVED), ST_CARD_REMOVED);
    CHECK_ST(reader_st(SCARD11_READER_RESET), ST_CARD_RESET);
    CHECK_ST(reader_st(SCARD11_READER_BUSY), ST_CARD_BUSY);
    CHECK_ST(reader_st(SCARD11_READER_FAILED), ST_READER);
    CHECK_ST(reader_st(-1), ST_READER);
    CHECK_ST(reader_st(12345), ST_READER);
}

static void test_reader(void)
{
    RUN(reader_codes);
}
