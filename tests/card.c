// card.c: >>card.
// SPDX-License-Identifier: 0BSD

static struct card card_it;
static struct token *const card_t = &card_it.tokens[0];

static void card_begin(size_t limit)
{
    memset(&card_it, 0, sizeof card_it);
    arena_init(&card_it.arena, limit);
    card_it.epoch = handle_new_epoch();
}

TEST(card_objects_come_and_go)
{
    card_begin(1 << 20);
    struct object *some[40];
    for (u32 i = 0; i < 40; i++) {
        some[i] = card_add(&card_it, card_t, CKO_DATA, card_it.epoch);
        CHECK(some[i] && handle_index(some[i]->handle) == i);
        CHECK_EQ(some[i]->handle, handle_make(card_it.epoch, i));
        CHECK(card_find(&card_it, card_t, some[i]->handle) == some[i]);
    }
    CHECK_EQ(card_it.object_count, 40);
    CK_OBJECT_HANDLE old = some[7]->handle;
    card_drop(&card_it, some[7]);
    CHECK(!card_find(&card_it, card_t, old));
    struct object *again = card_add(&card_it, card_t, CKO_DATA, card_it.epoch);
    CHECK(again == some[7] && again->handle != old);            // the entry, not the handle
    CHECK(!card_find(&card_it, card_t, old));
    CHECK(card_find(&card_it, card_t, again->handle) == again);
    CHECK(!card_find(&card_it, card_t, 0));
    CHECK(!card_find(&card_it, card_t, handle_make(card_it.epoch, 40)));
    CHECK(!card_find(&card_it, card_t, handle_make(card_it.epoch, HANDLE_INDEX_MASK)));
    CHECK(!card_find(&card_it, card_t, handle_make(card_it.epoch + 1, 3)));
    CHECK(!card_find(&card_it, &card_it.tokens[1], some[3]->handle));
    CHECK(!card_object_at(&card_it, 40));
    arena_free(&card_it.arena);
}

TEST(card_private_objects_need_a_login)
{
    card_begin(1 << 20);
    struct object *token = card_add(&card_it, card_t, CKO_PRIVATE_KEY, card_it.epoch),
        *session = card_add(&card_it, card_t, CKO_SECRET_KEY, handle_new_epoch());
    token->private = session->private = true;
    session->owner = 5;
    session->login_epoch = card_t->login_epoch;
    CHECK(!card_find(&card_it, card_t, token->handle));
    card_t->login = true;
    CHECK(card_find(&card_it, card_t, token->handle) == token);
    CHECK(card_find(&card_it, card_t, session->handle) == session);
    CK_OBJECT_HANDLE old = token->handle, lost = session->handle;
    card_login_lost(card_t);
    card_renew_private(&card_it, card_t);
    card_t->login = true;                                       // the next login
    CHECK(!card_find(&card_it, card_t, old) && !card_find(&card_it, card_t, lost));
    CHECK(card_find(&card_it, card_t, token->handle) == token);
    CHECK(!card_find(&card_it, card_t, session->handle));       // it went with its login
    card_sweep(&card_it);
    CHECK(token->handle && !session->handle);
    arena_free(&card_it.arena);
}

TEST(card_reserves_to_the_last_index)
{
    card_begin(4 << 20);
    CHECK_ST(card_reserve(&card_it, HANDLE_INDEX_MASK + 1), ST_OK);
    CHECK_ST(card_reserve(&card_it, HANDLE_INDEX_MASK + 2), ST_CARD_MEMORY);
    for (u32 i = 0; i <= HANDLE_INDEX_MASK; i++)
        CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    CHECK(!card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    CHECK_EQ(card_it.object_count, HANDLE_INDEX_MASK + 1);
    card_drop(&card_it, card_object_at(&card_it, HANDLE_INDEX_MASK));
    CHECK_ST(card_reserve(&card_it, 1), ST_OK);
    CHECK_ST(card_reserve(&card_it, 2), ST_CARD_MEMORY);
    CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    arena_free(&card_it.arena);
    card_begin(2 * ARENA_BLOCK);                                // or to the card's memory
    u32 n = 0;
    while (card_add(&card_it, card_t, CKO_DATA, card_it.epoch)) n++;
    CHECK(n && n % CARD_OBJECT_PAGE == 0 && n == card_it.object_count);
    arena_free(&card_it.arena);
}

TEST(card_a_key_is_up_to_three_objects)
{
    struct alg_key k = { .type = ALG_RSA };
    struct x509 x = { .whole = bytes_text("certificate") };
    card_begin(1 << 20);
    struct object like = { .token = card_t, .private = true, .always_auth = true, .unread = true,
                           .use = CARD_SIGN, .ref = 0x9c, .key = &k };
    struct object *o = card_add_key(&card_it, &like, &x);
    CHECK(o && o->class == CKO_PRIVATE_KEY && o->private && o->always_auth && o->unread);
    CHECK_EQ(card_it.object_count, 3);
    struct object *cert = card_object_at(&card_it, 0), *pub = card_object_at(&card_it, 1);
    CHECK(cert->class == CKO_CERTIFICATE && pub->class == CKO_PUBLIC_KEY);
    CHECK(bytes_equal(cert->value, x.whole) && !pub->value.n);
    CHECK(!cert->private && !pub->private && !cert->always_auth && !cert->unread);
    CHECK(pub->always_auth);                            // the pair derives, or it does not
    CHECK(pub->use == CARD_SIGN && pub->key == &k && pub->x509 == &x);
    o = card_add_key(&card_it, &like, NULL);                    // no certificate
    CHECK(o && card_it.object_count == 5 && !o->x509);
    like.key = NULL;                                            // a key of an unknown kind
    CHECK(!card_add_key(&card_it, &like, &x));
    CHECK_EQ(card_it.object_count, 6);
    arena_free(&card_it.arena);
}

TEST(card_pads_pins)
{
    struct pin p = { .coding = CARD_PIN_ASCII, .padded = 8, .pad = 0xff };
    u8 room[8];
    struct buf b = buf_on(room, sizeof room);
    card_pad_pin(&p, bytes_text("123456"), &b);
    CHECK_BYTES(b.p, b.n, "313233343536ffff");
    b.n = 0;
    card_pad_pin(&p, bytes_text("12345678"), &b);
    CHECK_BYTES(b.p, b.n, "3132333435363738");
    p.padded = 0, b.n = 0;
    card_pad_pin(&p, bytes_text("12"), &b);
    CHECK_BYTES(b.p, b.n, "3132");
    p.padded = 8, b.n = 0, p.coding = CARD_PIN_BCD;
    card_pad_pin(&p, bytes_text("12345"), &b);
    CHECK_BYTES(b.p, b.n, "12345fffffffffff");
    b.n = 0, p.coding = CARD_PIN_ISO9564;               // control, length, digits, filler
    card_pad_pin(&p, bytes_text("1234"), &b);
    CHECK_BYTES(b.p, b.n, "241234ffffffffff");
    b.n = 0, p.coding = CARD_PIN_HALF_NIBBLE;
    card_pad_pin(&p, bytes_text("0129"), &b);
    CHECK_BYTES(b.p, b.n, "f0f1f2f9ffffffff");
    b.n = 0;
    card_pad_pin(&p, bytes_text("12a4"), &b);           // no digit
    CHECK(b.full);
}

// A card that is only a link to a script.
static void card_open_script(const char *const *lines)
{
    link_open_script(lines);
    card_it = (struct card){ .link = link_l };
}

static void card_over(void)
{
    link_l = card_it.link;
    link_over();
}

TEST(card_sends_pins_as_the_standard_has_them)
{
    static const char *const lines[] = {
        "00200080 08 313233343536ffff > 63c1", "00200080 08 313233343536ffff > 9000",
        "00240080 10 313233343536ffff363534333231ffff > 63c2",
        "00240081 10 3132333435363738 3837363534333231 > 6983",
        "002c0080 10 3132333435363738 363534333231ffff > 63c2",
        "002c0080 10 3132333435363738 363534333231ffff > 9000",
        "00200081 08 3132333435363738 > 9000", "002c0280 08 363534333231ffff > 9000",
        "002c0080 08 3132333435363738 > 63c4", "002c0080 08 3132333435363738 > 9000", NULL };
    struct pin pin = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8, .padded = 8,
                       .pad = 0xff, .tries = -1 }, puk = pin;
    bytes p = bytes_text("123456"), q = bytes_text("654321"), u = bytes_text("12345678");
    puk.reference = 0x81;
    card_open_script(lines);
    if (test_failing) return;
    CHECK_ST(card_verify(&card_it, &pin, p), ST_PIN_INCORRECT);
    CHECK_EQ(pin.tries, 1);
    CHECK_ST(card_verify(&card_it, &pin, p), ST_OK);
    CHECK_EQ(pin.tries, 2);                     // as many as there were before, that is known
    pin.tries_max = 3;
    CHECK_ST(card_change_pin(&card_it, &pin, p, q), ST_PIN_INCORRECT);
    CHECK_EQ(pin.tries, 2);
    CHECK_ST(card_change_pin(&card_it, &puk, u, bytes_text("87654321")), ST_PIN_LOCKED);
    CHECK_EQ(puk.tries, 0);
    CHECK_ST(card_unblock_pin(&card_it, &puk, &pin, u, q), ST_PIN_INCORRECT);
    CHECK_EQ(puk.tries, 2);                     // of the PUK, not of the PIN
    CHECK_EQ(pin.tries, 2);
    pin.tries = 0;
    CHECK_ST(card_unblock_pin(&card_it, &puk, &pin, u, q), ST_OK);
    CHECK_EQ(pin.tries, 3);
    pin.tries = 0;
    CHECK_ST(card_verify(&card_it, &puk, u), ST_OK);
    CHECK_ST(card_reset_pin(&card_it, &pin, q), ST_OK);
    CHECK_EQ(pin.tries, 3);
    CHECK_ST(card_free_pin(&card_it, &puk, &pin, u), ST_PIN_INCORRECT);
    CHECK_EQ(puk.tries, 4);
    CHECK_EQ(pin.tries, 3);
    pin.tries = 0;
    CHECK_ST(card_free_pin(&card_it, &puk, &pin, u), ST_OK);
    CHECK_EQ(pin.tries, 3);
    card_over();
}

TEST(card_sends_no_pin_that_is_none)
{
    static const char *const lines[] = { "00200001 04 31323334 > 9000", NULL };
    struct pin pin = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 16, .padded = 16,
                       .verify_bare = true, .tries = 3, .fixed = true };
    card_open_script(lines);
    if (test_failing) return;
    CHECK_ST(card_verify(&card_it, &pin, bytes_text("")), ST_PIN_LEN);  // it would be a question
    CHECK_ST(card_verify(&card_it, &pin, BYTES_NONE), ST_ARGS);         // no pad
    CHECK_ST(card_change_pin(&card_it, &pin, bytes_text("1234"), bytes_text("")), ST_NOT_SUPPORTED);
    pin.fixed = false;
    CHECK_ST(card_change_pin(&card_it, &pin, bytes_text("1234"), bytes_text("")), ST_PIN_LEN);
    CHECK_ST(card_verify(&card_it, &pin, bytes_text("1234")), ST_OK);   // the card pads it
    CHECK_EQ(pin.tries, -1);
    card_over();
}

// The structures of PC/SC part 10, byte for byte.
static void card_check_pad(struct card_entry e, u8 reader_min, u8 reader_max, const char *want)
{
    u8 room[64];
    struct buf b = buf_on(room, sizeof room);
    struct link l = { .pin_min = reader_min, .pin_max = reader_max };
    card_pad_structure(&l, &e, &b);
    CHECK(!b.full);
    CHECK_BYTES(b.p, b.n, want);
}

TEST(card_asks_a_pad_for_a_pin)
{
    struct pin ascii = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
                         .padded = 8, .pad = 0xff };
    struct pin bare = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 12 };
    struct pin iso = { .reference = 1, .coding = CARD_PIN_ISO9564, .min = 4, .max = 12,
                       .padded = 8, .pad = 0xff };
    struct pin bcd = { .reference = 2, .coding = CARD_PIN_BCD, .min = 4, .max = 6, .padded = 4,
                       .pad = 0x00 };
    // timeouts, form, most and least, condition, messages, language, index, prologue, length, APDU
    card_check_pad((struct card_entry){ INS_VERIFY, 0, 0x80, { &ascii, NULL }, { BYTES_NONE } },
                   0, 0, "0000 820800 0806 02 01 0904 00 000000 0d000000"
                         "0020008008 ffffffffffffffff");
    card_check_pad((struct card_entry){ INS_VERIFY, 0, 1, { &bare, NULL }, { BYTES_NONE } },
                   0, 0, "0000 820000 0c04 02 01 0904 00 000000 05000000 0020000100");
    card_check_pad((struct card_entry){ INS_VERIFY, 0, 1, { &iso, NULL }, { BYTES_NONE } },
                   0, 0, "0000 894704 0c04 02 01 0904 00 000000 0d000000"
                         "0020000108 20ffffffffffffff");
    card_check_pad((struct card_entry){ INS_VERIFY, 0, 2, { &bcd, NULL }, { BYTES_NONE } },
                   0, 0, "0000 810400 0604 02 01 0904 00 000000 09000000 0020000204 00000000");
    // A pad that takes 5 to 7 digits.
    card_check_pad((struct card_entry){ INS_VERIFY, 0, 1, { &bare, NULL }, { BYTES_NONE } },
                   5, 7, "0000 820000 0705 02 01 0904 00 000000 05000000 0020000100");
}

// ... offsets of the old and the new PIN before the lengths, and behind them what is asked for.
TEST(card_asks_a_pad_for_a_new_pin)
{
    struct pin ascii = { .reference = 0x80, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
                         .padded = 8, .pad = 0xff }, puk = ascii;
    struct pin bare = { .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 12 };
    struct pin iso = { .reference = 1, .coding = CARD_PIN_ISO9564, .min = 4, .max = 12,
                       .padded = 8, .pad = 0xff };
    puk.min = 8;
    card_check_pad((struct card_entry){ INS_CHANGE, 0, 0x80, { &ascii, &ascii }, { BYTES_NONE } },
                   0, 0, "0000 820800 0008 0806 03 02 03 0904 000102 000000 15000000"
                         "0024008010 ffffffffffffffff ffffffffffffffff");
    card_check_pad((struct card_entry){ INS_UNBLOCK, 0, 0x80, { &puk, &ascii }, { BYTES_NONE } },
                   0, 0, "0000 820800 0008 0806 03 02 03 0904 000102 000000 15000000"
                         "002c008010 ffffffffffffffff ffffffffffffffff");
    card_check_pad((struct card_entry){ INS_UNBLOCK, 2, 0x80, { NULL, &ascii }, { BYTES_NONE } },
                   0, 0, "0000 820800 0000 0806 01 02 02 0904 010200 000000 0d000000"
                         "002c028008 ffffffffffffffff");
    card_check_pad((struct card_entry){ INS_CHANGE, 0, 1, { &bare, &bare }, { BYTES_NONE } },
                   0, 0, "0000 820000 0000 0c04 03 02 03 0904 000102 000000 05000000 0024000100");
    card_check_pad((struct card_entry){ INS_CHANGE, 0, 1, { &iso, &iso }, { BYTES_NONE } },
                   0, 0, "0000 894704 0008 0c04 03 02 03 0904 000102 000000 15000000"
                         "0024000110 20ffffffffffffff 20ffffffffffffff");
}

TEST(card_has_a_pad_for_what_it_can_encode)
{
    struct pin p = { .coding = CARD_PIN_ASCII, .min = 4, .max = 8, .padded = 8, .pad = 0xff };
    struct pin q = p;
    card_it = (struct card){ .link = { .features = 0 } };
    CHECK(!card_has_pad(&card_it, &p, NULL));
    card_it.link.features = 1u << 6;
    CHECK(card_has_pad(&card_it, &p, NULL) && !card_has_pad(&card_it, &p, &q));
    card_it.link.features = 1u << 7;
    CHECK(!card_has_pad(&card_it, &p, NULL) && card_has_pad(&card_it, &p, &q));
    CHECK(card_has_pad(&card_it, NULL, &q));
    card_it.link.features |= 1u << 6;
    q.pad = 0x00;                                       // one form for both
    CHECK(!card_has_pad(&card_it, &p, &q));
    p.padded = 16;                                      // bmPINBlockString has four bits
    CHECK(!card_has_pad(&card_it, &p, NULL));
    p.verify_bare = true;
    CHECK(card_has_pad(&card_it, &p, NULL) && !card_has_pad(&card_it, &p, &p));
    p.padded = 8, p.verify_bare = false;
    p.coding = CARD_PIN_HALF_NIBBLE;                    // no pad knows this
    CHECK(!card_has_pad(&card_it, &p, NULL));
    p.coding = CARD_PIN_BCD;
    CHECK(card_has_pad(&card_it, &p, NULL));
    p.padded = 0;                                       // how many bytes for how many digits?
    CHECK(!card_has_pad(&card_it, &p, NULL));
    p.coding = CARD_PIN_UTF8;
    CHECK(card_has_pad(&card_it, &p, NULL));
    card_it.link.pin_max = 3;                           // fewer digits than the card takes
    CHECK(!card_has_pad(&card_it, &p, NULL));
    card_it.link.pin_max = 4;
    CHECK(card_has_pad(&card_it, &p, NULL));
    card_it.link.pin_max = 0, card_it.link.pin_min = 9;
    CHECK(!card_has_pad(&card_it, &p, NULL));
}

TEST(card_signature_that_the_host_cannot_check_is_good)
{
    struct alg_use use = pad_use(ALG_EDWARDS, ALG_PAD_NONE, NULL, NULL, 0);
    struct alg_key k;
    u8 signature[64] = { 1 };
    CHECK(cipher_key(x509_samples[9].certificate, &k));
    CHECK(card_signature_good(&k, &use, BYTES(1), bytes_of(signature, 64), pad_scratch()));
    CHECK(cipher_key(x509_samples[5].certificate, &k));
    CHECK(!card_signature_good(&k, &use, BYTES(1), bytes_of(signature, 64), pad_scratch()));
    CHECK(!card_signature_good(&k, &use, BYTES(1), bytes_of(signature, 63), pad_scratch()));
}

// A page of its own, and nothing left of a PIN there.
TEST(card_forgets_a_pin_that_was_kept)
{
    static const u8 none[CARD_PIN_MAX];
    card_begin(1 << 20);
    card_pin_keep(&card_it, card_t, bytes_text("123456"));
    u8 *page = card_t->kept;
    if (!card_t->kept_len) printf("no page can be locked here\n");
    CHECK(page && (uintptr_t)page % os_page() == 0);
    if (card_t->kept_len) CHECK_BYTES(page, card_t->kept_len, "313233343536");
    card_pin_keep(&card_it, card_t, bytes_text("12345"));
    CHECK(card_t->kept == page && page[5] == 0);
    card_t->login = card_t->stale = true;
    card_login_lost(card_t);
    CHECK(!card_t->kept_len && !card_t->stale && !memcmp(page, none, sizeof none));
    card_pin_keep(&card_it, card_t, BYTES_NONE);        // entered at a pad
    CHECK(!card_t->kept_len);
    arena_free(&card_it.arena);
    card_begin(4096);                                   // no room: not kept, no harm
    card_it.link.name = "";
    card_pin_keep(&card_it, card_t, bytes_text("123456"));
    CHECK(!card_t->kept && !card_t->kept_len);
    card_pin_forget(card_t);
    arena_free(&card_it.arena);
}

static void test_card(void)
{
    RUN(card_objects_come_and_go);
    RUN(card_private_objects_need_a_login);
    RUN(card_reserves_to_the_last_index);
    RUN(card_a_key_is_up_to_three_objects);
    RUN(card_pads_pins);
    RUN(card_sends_pins_as_the_standard_has_them);
    RUN(card_sends_no_pin_that_is_none);
    RUN(card_asks_a_pad_for_a_pin);
    RUN(card_asks_a_pad_for_a_new_pin);
    RUN(card_forgets_a_pin_that_was_kept);
    RUN(card_has_a_pad_for_what_it_can_encode);
    RUN(card_signature_that_the_host_cannot_check_is_good);
}
