// example.c: >>example, what it sends. SPDX-License-Identifier: 0BSD

#if SCARD11_EXAMPLE
TEST(example_is_asked_for_by_its_aid)
{
    static const char *const lines[] = { "00a40400 08 f0 4558414d504c45 00 > 9000",
        "00200001 08 31323334ffffffff > 63c2", NULL };
    card_script(lines);
    *card_t = (struct token){ .index = 0, .driver = &driver_example };
    CHECK_ST(example_probe(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), bytes_text("1234"),
                          padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(card_pin(card_t)->tries, 2);
    card_script_over();
}
#endif

static void test_example(void)
{
#if SCARD11_EXAMPLE
    RUN(example_is_asked_for_by_its_aid);
#endif
}
