// pinpad.c: >>pinpad. What a reader is told, and which PINs it can take.
// SPDX-License-Identifier: 0BSD

// The structures of PC/SC part 10, byte for byte.
static void pinpad_check(const struct pin_command *command, u8 reader_min, u8 reader_max, const char *want)
{
    u8 room[PINPAD_ROOM];
    struct buf b = buf_on(room, sizeof room);
    struct link l = { .pin_min = reader_min, .pin_max = reader_max };
    pinpad_structure(&l, command, &b);
    CHECK(!b.full);
    CHECK_BYTES(b.p, b.n, want);
}

TEST(pinpad_is_asked_for_a_pin)
{
    struct credential ascii = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
                         .fill_to = 8, .filler = 0xff };
    struct credential bare = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 12 };
    struct credential iso = { .reference = 1, .coding = CARD_PIN_ISO9564, .min = 4, .max = 12,
                       .fill_to = 8, .filler = 0xff };
    struct credential bcd = { .reference = 2, .coding = CARD_PIN_BCD, .min = 4, .max = 6, .fill_to = 4,
                       .filler = 0x00 };
    // timeouts, form, most and least, condition, messages, language, index, prologue, length, APDU
    pinpad_check(&(struct pin_command){ .ins = INS_VERIFY, .of = &ascii, .old = &ascii },
                   0, 0, "0000 820800 0806 02 01 0904 00 000000 0d000000"
                         "0020008008 ffffffffffffffff");
    pinpad_check(&(struct pin_command){ .ins = INS_VERIFY, .of = &bare, .old = &bare },
                   0, 0, "0000 820000 0c04 02 01 0904 00 000000 05000000 0020000100");
    pinpad_check(&(struct pin_command){ .ins = INS_VERIFY, .of = &iso, .old = &iso },
                   0, 0, "0000 894704 0c04 02 01 0904 00 000000 0d000000"
                         "0020000108 20ffffffffffffff");
    pinpad_check(&(struct pin_command){ .ins = INS_VERIFY, .of = &bcd, .old = &bcd },
                   0, 0, "0000 810400 0604 02 01 0904 00 000000 09000000 0020000204 00000000");
    // A pinpad that takes 5 to 7 digits.
    pinpad_check(&(struct pin_command){ .ins = INS_VERIFY, .of = &bare, .old = &bare },
                   5, 7, "0000 820000 0705 02 01 0904 00 000000 05000000 0020000100");
}

// PIN_MODIFY: offsets of the old and the new PIN come before the lengths, and behind them what is asked for.
TEST(pinpad_is_asked_for_a_new_pin)
{
    struct credential ascii = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
                         .fill_to = 8, .filler = 0xff }, puk = ascii;
    struct credential bare = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 12 };
    struct credential iso = { .reference = 1, .coding = CARD_PIN_ISO9564, .min = 4, .max = 12,
                       .fill_to = 8, .filler = 0xff };
    puk.min = 8;
    pinpad_check(&(struct pin_command){ .ins = INS_CHANGE, .of = &ascii, .old = &ascii, .fresh = &ascii },
                   0, 0, "0000 820800 0008 0806 03 02 03 0904 000102 000000 15000000"
                         "0024008010 ffffffffffffffff ffffffffffffffff");
    pinpad_check(&(struct pin_command){ .ins = INS_UNBLOCK, .of = &ascii, .old = &puk, .fresh = &ascii },
                   0, 0, "0000 820800 0008 0806 03 02 03 0904 000102 000000 15000000"
                         "002c008010 ffffffffffffffff ffffffffffffffff");
    pinpad_check(&(struct pin_command){ .ins = INS_UNBLOCK, .p1 = 2, .of = &ascii, .fresh = &ascii },
                   0, 0, "0000 820800 0000 0806 01 02 02 0904 010200 000000 0d000000"
                         "002c028008 ffffffffffffffff");
    pinpad_check(&(struct pin_command){ .ins = INS_CHANGE, .of = &bare, .old = &bare, .fresh = &bare },
                   0, 0, "0000 820000 0000 0c04 03 02 03 0904 000102 000000 05000000 0024000100");
    pinpad_check(&(struct pin_command){ .ins = INS_CHANGE, .of = &iso, .old = &iso, .fresh = &iso },
                   0, 0, "0000 894704 0008 0c04 03 02 03 0904 000102 000000 15000000"
                         "0024000110 20ffffffffffffff 20ffffffffffffff");
}

TEST(pinpad_takes_what_it_can_encode)
{
    struct credential p = { .coding = CARD_PIN_ASCII, .min = 4, .max = 8, .fill_to = 8, .filler = 0xff };
    struct credential q = p;
    card_it = (struct card){ .link = { .features = 0 } };
    CHECK(!pinpad_takes(&card_it, &p, NULL));
    card_it.link.features = 1u << 6;
    CHECK(pinpad_takes(&card_it, &p, NULL) && !pinpad_takes(&card_it, &p, &q));
    card_it.link.features = 1u << 7;
    CHECK(!pinpad_takes(&card_it, &p, NULL) && pinpad_takes(&card_it, &p, &q));
    CHECK(pinpad_takes(&card_it, NULL, &q));
    card_it.link.features |= 1u << 6;
    q.filler = 0x00;                                       // one form for both
    CHECK(!pinpad_takes(&card_it, &p, &q));
    p.fill_to = 16;                                      // bmPINBlockString has four bits
    CHECK(!pinpad_takes(&card_it, &p, NULL));
    p.verify_bare = true;
    CHECK(pinpad_takes(&card_it, &p, NULL) && !pinpad_takes(&card_it, &p, &p));
    p.fill_to = 8, p.verify_bare = false;
    p.coding = CARD_PIN_HALF_NIBBLE;                    // no pinpad knows this
    CHECK(!pinpad_takes(&card_it, &p, NULL));
    p.coding = CARD_PIN_BCD;
    CHECK(pinpad_takes(&card_it, &p, NULL));
    p.fill_to = 0;                                       // how many bytes for how many digits?
    CHECK(!pinpad_takes(&card_it, &p, NULL));
    p.coding = CARD_PIN_UTF8;
    CHECK(pinpad_takes(&card_it, &p, NULL));
    card_it.link.pin_max = 3;                           // fewer digits than the card takes
    CHECK(!pinpad_takes(&card_it, &p, NULL));
    card_it.link.pin_max = 4;
    CHECK(pinpad_takes(&card_it, &p, NULL));
    card_it.link.pin_max = 0, card_it.link.pin_min = 9;
    CHECK(!pinpad_takes(&card_it, &p, NULL));
}

static void test_pinpad(void)
{
    RUN(pinpad_is_asked_for_a_pin);
    RUN(pinpad_is_asked_for_a_new_pin);
    RUN(pinpad_takes_what_it_can_encode);
}
