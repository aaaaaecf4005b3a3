// belpic.c: >>belpic, what it sends; whole conversations are cards.c's and eid.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_BELPIC

#define BELPIC_SELECT "00a4040c 0c a000000177504b43532d3135"

#define BELPIC_INFO   "00a4080c 06 3f00df005032"       // it is there, or the card is another one

// The PIN is in ISO 9564-1 format 2, whatever the directory says; the PUK goes alone, and the PIN
// that it freed is presented.
TEST(belpic_pins)
{
    static const char *const lines[] = { BELPIC_SELECT " > 9000", BELPIC_INFO " > 9000",
        "00b00000 000000 > 3007 020100 0402 0102 9000",
        "00200001 08 2412 34ff ffff ffff > 63c2", "00200001 08 2512345fffffffff > 9000",
        "00240001 10 24 1234 ff ffff ffff 26 123456 ff ffff ff > 9000",
        "002c0001 08 2c 123456789012 ff > 9000", "00200001 08 24 1234 ff ffff ffff > 9000",
        "002c0001 08 2c 123456789012 ff > 63c1", NULL };
    bytes puk = bytes_text("123456789012"), pin = bytes_text("1234");
    esteid_begin(lines);
    card_t->driver = &driver_belpic;
    CHECK_ST(belpic_probe(&card_it, card_t, padding_scratch()), ST_OK);
    CHECK_EQ(card_pin(card_t)->tries, -1);            // no command asks for them
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), pin, padding_scratch()), ST_PIN_INCORRECT);
    CHECK_EQ(card_pin(card_t)->tries, 2);
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), bytes_text("12345"),
                          padding_scratch()), ST_OK);
    CHECK_ST(secret_change(&card_it, card_t, card_pin(card_t), pin, bytes_text("123456"),
                           padding_scratch()), ST_OK);
    CHECK_ST(secret_unblock(&card_it, card_t, test_puk(card_t), card_pin(card_t), puk, pin,
                            padding_scratch()), ST_OK);
    CHECK_ST(secret_unblock(&card_it, card_t, test_puk(card_t), card_pin(card_t), puk, pin,
                            padding_scratch()), ST_PIN_INCORRECT);
    card_script_over();
}

TEST(belpic_leaves_other_cards_alone)
{
    static const char *const answers[] = { "6a82", "6d00", "6999", "6a86", "6e00" };
    static char line[100];
    static const char *lines[] = { line, NULL };
    for (size_t i = 0; i < COUNT(answers); i++) {
        snprintf(line, sizeof line, BELPIC_SELECT " > %s", answers[i]);
        esteid_begin(lines);
        CHECK_ST(belpic_probe(&card_it, card_t, padding_scratch()), ST_NOT_MINE);
        card_script_over();
    }
    static const char *const stays[] = { BELPIC_SELECT " > 9000", BELPIC_INFO " > 6a82", NULL };
    esteid_begin(stays);                        // says yes to any AID
    CHECK_ST(belpic_probe(&card_it, card_t, padding_scratch()), ST_NOT_MINE);
    card_script_over();
}

TEST(belpic_that_leaves_or_is_too_much)
{
    static const char *const lines[] = { BELPIC_SELECT " > 9000", BELPIC_INFO " > 9000",
        "00b00000 000000 > 3007 020100 0402 0102 9000", NULL };
    esteid_probes = belpic_probe;
    esteid_check_ends(lines);
}
#endif

static void test_belpic(void)
{
#if SCARD11_BELPIC
    RUN(belpic_pins);
    RUN(belpic_leaves_other_cards_alone);
    RUN(belpic_that_leaves_or_is_too_much);
#endif
}
