// card.c: >>card.
// SPDX-License-Identifier: 0BSD

static struct card card_it;
static struct token *const card_t = &card_it.tokens[0];

// The token's credential of a role, there or added.
static struct credential *test_credential(struct token *t, enum card_role role)
{
    struct credential made = { .role = (u8)role, .tries = -1 };
    if (!t->credential_count) t->credential_count = 1;      // the user's comes first
    if (!card_credential(t, role)) card_set_credential(t, &made);
    return card_credential(t, role);
}

static struct credential *test_pin(struct token *t) { return test_credential(t, ROLE_USER); }
static struct credential *test_puk(struct token *t) { return test_credential(t, ROLE_PUK); }

static void card_begin(size_t limit)
{
    memset(&card_it, 0, sizeof card_it);
    arena_init(&card_it.arena, limit);
    card_it.epoch = handle_new_epoch();
    card_it.current = card_t;
}

// In a reader of its own, connected, in a transaction; until card_end.
static void card_connect(struct sim_card *card, size_t limit)
{
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader"), card);
    card_begin(limit);
    link_reader = (struct extended_reader){ EXTENDED_GOOD, 0 };
    link_counts = (struct link_count){ 0, 0, 0, 0 };
    card_it.link = (struct link){ .name = "Reader", .raw = link_raw, .answer = link_answer,
                                  .extended.reader = &link_reader, .count = &link_counts };
    CHECK_ST(link_connect(&card_it.link, false), ST_OK);
    CHECK_ST(link_begin(&card_it.link), ST_OK);
}

static void card_end(void)
{
    arena_free(&card_it.arena);
    link_end(&card_it.link);
    link_disconnect(&card_it.link, false);
    CHECK_EQ(sim_reader_stats().connections, 0);
}

// One that answers by a script, all of which must have come; until card_script_over.
static void card_script(const char *const *lines)
{
    link_open_script(lines);
    card_begin(1 << 20);
    card_it.link = link_l;
}

static void card_script_over(void)
{
    link_l = card_it.link;
    arena_free(&card_it.arena);
    link_over();
}

// Scratch as a call has it by default: inflate wants a window.
static struct scratch card_scratch(void)
{
    static u8 ALIGNED room[160 * 1024];
    return scratch_on(room, sizeof room);
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
    CHECK_ST(card_reserve(&card_it, HANDLE_INDEX_MASK + 2), ST_ARENA_FULL);
    for (u32 i = 0; i <= HANDLE_INDEX_MASK; i++)
        CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    CHECK(!card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    CHECK_EQ(card_it.object_count, HANDLE_INDEX_MASK + 1);
    card_drop(&card_it, card_object_at(&card_it, HANDLE_INDEX_MASK));
    CHECK_ST(card_reserve(&card_it, 1), ST_OK);
    CHECK_ST(card_reserve(&card_it, 2), ST_ARENA_FULL);
    CHECK(card_add(&card_it, card_t, CKO_DATA, card_it.epoch));
    arena_free(&card_it.arena);
    card_begin(2 * SCARD11_ARENA_BLOCK);                                // or to the card's memory
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

// A page of its own, and nothing left of a PIN there.
TEST(card_forgets_a_pin_that_was_kept)
{
    static const u8 none[CARD_PIN_MAX];
    card_begin(1 << 20);
    struct credential *pin = test_pin(card_t);
    card_secret_keep(&card_it, pin, bytes_text("123456"), false);
    u8 *page = pin->kept;
    if (!pin->kept_len) printf("no page can be locked here\n");
    CHECK(page && (uintptr_t)page % os_page() == 0);
    if (pin->kept_len) CHECK_BYTES(page, pin->kept_len, "313233343536");
    card_secret_keep(&card_it, pin, bytes_text("12345"), false);
    CHECK(pin->kept == page && page[5] == 0);
    card_t->login = card_t->stale = true;
    card_login_lost(card_t);
    CHECK(!pin->kept_len && !card_t->stale && !memcmp(page, none, sizeof none));
    card_secret_keep(&card_it, pin, BYTES_NONE, false);        // typed at a pinpad
    CHECK(!pin->kept_len);
    arena_free(&card_it.arena);
    card_begin(4096);                                   // no room: not kept, no harm
    pin = test_pin(card_t);
    card_it.link.name = "";
    card_secret_keep(&card_it, pin, bytes_text("123456"), false);
    CHECK(!pin->kept && !pin->kept_len);
    arena_free(&card_it.arena);
    card_begin(SCARD11_ARENA_BLOCK);                            // unless it must be
    pin = test_pin(card_t);
    CHECK(ARENA_NEW(&card_it.arena, u8, SCARD11_ARENA_BLOCK - 2 * os_page()));
    card_secret_keep(&card_it, pin, bytes_text("12345678"), true);      // unless it must be
    CHECK_BYTES(pin->kept, pin->kept_len, "3132333435363738");
    card_forget_secret(pin);
    CHECK(!memcmp(pin->kept, none, sizeof none));
    arena_free(&card_it.arena);
}

TEST(card_credentials_by_their_role)
{
    static const struct credential user = { .role = ROLE_USER, .reference = 1 };
    struct credential more = { .role = ROLE_PUK, .reference = 2 };
    struct token t = { .login = false };
    card_set_credential(&t, &user);
    card_set_credential(&t, &more);
    CHECK(card_pin(&t)->reference == 1 && card_credential(&t, ROLE_PUK)->reference == 2);
    CHECK(!card_credential(&t, ROLE_ADMIN) && t.credential_count == 2);
    more.reference = 3;
    card_set_credential(&t, &more);             // in its place
    CHECK(card_credential(&t, ROLE_PUK)->reference == 3 && t.credential_count == 2);
    CHECK(!card_verified(&t));
    card_credential(&t, ROLE_PUK)->verified = true;
    CHECK(card_verified(&t));
    card_forget_verified(&t);
    CHECK(!card_verified(&t));
}

// What was read is believed for a while, and by nobody longer than that; without the card it does not
// count as looked at.
TEST(card_is_believed_for_a_while)
{
    struct card_look look = { .connects = 0 };
    u32 before = card_believed_ms, believed = card_believed_ms = 2000;
    card_begin(1 << 16);
    link_counts = (struct link_count){ 0, 0, 0, 0 };
    card_it.link = (struct link){ .count = &link_counts };
    card_looked(&card_it, &look);
    CHECK(!card_is_old(&card_it, &look) && !card_looks_again(&card_it, &look));
    link_counts.connects++;
    card_it.link.offline = true;
    CHECK(!card_is_old(&card_it, &look) && card_looks_again(&card_it, &look));
    card_it.link.offline = false;
    CHECK(card_looks_again(&card_it, &look) && !card_looks_again(&card_it, &look));
    look.ms -= believed;
    card_it.link.offline = true;
    CHECK(card_is_old(&card_it, &look) && card_looks_again(&card_it, &look));
    card_it.link.offline = false;
    CHECK(card_looks_again(&card_it, &look) && !card_is_old(&card_it, &look));
    look.ms -= believed;
    card_it.link.exclusive = true;
    CHECK(!card_is_old(&card_it, &look));
    card_it.link.exclusive = false;
    card_believed_ms = SCARD11_BELIEVED_ALWAYS;
    CHECK(!card_is_old(&card_it, &look));
    card_believed_ms = 0;
    CHECK(card_is_old(&card_it, &look) && card_is_old(&card_it, &look));
    card_believed_ms = before;
    arena_free(&card_it.arena);
}

static void test_card(void)
{
    RUN(card_is_believed_for_a_while);
    RUN(card_objects_come_and_go);
    RUN(card_private_objects_need_a_login);
    RUN(card_reserves_to_the_last_index);
    RUN(card_a_key_is_up_to_three_objects);
    RUN(card_forgets_a_pin_that_was_kept);
    RUN(card_credentials_by_their_role);
}
