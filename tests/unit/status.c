// status.c: >>status.
// SPDX-License-Identifier: 0BSD

TEST(status_every_error_has_a_text_and_a_code)
{
    for (st s = 0; s < ST_COUNT; s++) {
        CHECK(*st_text(s));
        CHECK((st_ckr(s) == CKR_OK) == (s == ST_OK));
    }
    CHECK_RV(st_ckr(ST_CARD_REMOVED), CKR_DEVICE_REMOVED);
    CHECK_RV(st_ckr(ST_NO_SESSION), CKR_SESSION_HANDLE_INVALID);
}

TEST(status_an_unexpected_status_word_is_a_device_error)
{
    CHECK_ST(st_of_sw(0x9000), ST_OK);
    CHECK_ST(st_of_sw(0x6a82), 0x6a82);
    CHECK_RV(st_ckr(0x6a82), CKR_DEVICE_ERROR);
    CHECK_RV(st_ckr(0xffffffff), CKR_DEVICE_ERROR);
    CHECK(*st_text(0x6581));
}

static void test_status(void)
{
    RUN(status_every_error_has_a_text_and_a_code);
    RUN(status_an_unexpected_status_word_is_a_device_error);
}
