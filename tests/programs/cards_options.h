// cards_options.h: cards as the standards let them be and as makers have made them: each way in which
// a simulated card of tests/programs/kinds.h can differ from its kind, and what must work all the same. For
// cards.c. SPDX-License-Identifier: 0BSD

// ---- Cards of files, in every form that PKCS#15 allows ----

static const struct sim_p15_unused unused[] = { { 0x3480, 100, 400, 1 } };

static const struct option {
    const char *name;
    struct sim_generic_options o;
    struct sim_p15 files;
} options[] = {
    { .name = "T=0", .o = { .t0 = true } },
    { .name = "extended length without chaining", .o = { .extended = true, .no_chaining = true } },
    { .name = "answers in pieces", .o = { .extended = true, .pieces = true } },
    { .name = "SELECT keeps the login", .o = { .keeps_login = true } },
    { .name = "no state of the PIN", .o = { .no_status = true } },
    { .name = "asking for the PIN's state costs a try", .o = { .empty_costs = true } },
    { .name = "no AID that SELECT knows", .o = { .no_aid = true } },
    { .name = "GET CHALLENGE of 8 bytes", .o = { .challenge = 8 } },
    { .name = "no GET CHALLENGE", .o = { .no_challenge = true } },
    { .name = "a long label and maker",
      .files = { .label = "A label that is longer than thirty-two bytes, by far",
                 .maker = "A maker whose name is longer than that, too" } },
    { .name = "a long serial number",
      .files = { .serial = (const uint8_t *)"0123456789abcdef0123", .serial_len = 20 } },
    { .name = "directories padded with 00", .files = { .size = 1500 } },
    { .name = "directories padded with FF", .files = { .size = 1500, .pad = 0xff } },
    { .name = "deleted records", .files = { .deleted = true } },
    { .name = "relative paths", .files = { .relative = true } },
    { .name = "paths with index and length", .files = { .whole_path = true } },
    { .name = "all in the ODF", .files = { .in_odf = true } },
    { .name = "values in the directories", .files = { .in_cdf = true } },
    { .name = "points in the directories", .files = { .in_cdf = true, .ec_by_curve = true } },
    { .name = "negative references", .files = { .negative = true } },
    { .name = "keys that name no PIN", .files = { .no_auth_id = true } },
    { .name = "EC keys by their curve", .files = { .ec_by_curve = true } },
    { .name = "explicit tags", .files = { .explicit_tags = true, .whole_path = true } },
    { .name = "no labels", .files = { .no_label = true } },
    { .name = "no EF.DIR", .files = { .no_dir = true } },
    { .name = "another application first", .files = { .other_first = true } },
    { .name = "EF.DIR of records", .files = { .dir_records = true, .other_first = true } },
    { .name = "no TokenInfo", .files = { .no_token_info = true } },
    { .name = "rules in compact form, which the PIN meets",
      .o = { .rules = SIM_GENERIC_RULES_COMPACT, .writer = SIM_GENERIC_WRITER_PIN },
      .files = { .last_update = "20240102030405Z" } },
    { .name = "rules in EF.ARR, files can be made, and not deleted, TokenInfo is not written",
      .o = { .rules = SIM_GENERIC_RULES_ARR, .writer = SIM_GENERIC_WRITER_ANYONE,
             .creates = SIM_GENERIC_CREATES, .no_delete = true, .fixed_info = true } },
    { .name = "rules in expanded form, files are to be activated, directories are not written",
      .o = { .rules = SIM_GENERIC_RULES_EXPANDED, .creates = SIM_GENERIC_CREATES_INACTIVE,
             .writer = SIM_GENERIC_WRITER_SECOND, .fixed_directories = true } },
    { .name = "rules in EF.ARR above, by SE, new files hold something and are not selected",
      .o = { .rules = SIM_GENERIC_RULES_ARR_SE, .writer = SIM_GENERIC_WRITER_PIN,
             .creates = SIM_GENERIC_CREATES, .fill = 0xa5, .keeps_place = true } },
    { .name = "writing in small pieces, not over the end, little memory",
      .o = { .most_update = 32, .sw_beyond = 0x6700, .memory = 1000 } },
    { .name = "no FCPs", .o = { .no_fcp = true } },
    { .name = "no data, directories all the same", .o = { .no_data = true },
      .files = { .empty_too = true } },
    { .name = "certificates in one file, the rest of which is unused",
      .files = { .one_file = true, .spare = 500 } },
    { .name = "unused space", .files = { .unused = unused, .n_unused = 1, .spare = 500 } },
    { .name = "no login required", .files = { .token_flags = 1 << 2 } },
};
static const struct option *option;

static struct sim_card *make_option(bool second)
{
    struct sim_generic_options o = option->o;
    o.second = second;
    o.p15 = &option->files;
    return sim_generic_new(&o);
}

// Everything that a kind of card is for, once.
static void check_all_of_it(void)
{
    CK_BYTE some[20], more[20];
    const char *pin = kind->tokens[0].pin;
    char wrong[20];
    begin(1);
    if (test_failing) return;
    for (int i = 0; i < 4; i++) (void)token_flags(0);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    strcpy(wrong, pin);
    wrong[0] ^= 1;
    CHECK_RV(login(wrong), CKR_PIN_INCORRECT);
    CHECK_RV(login(pin), CKR_OK);
    CHECK_EQ(*cards_pin(cards[0], &kind->tokens[0]).left, kind->tokens[0].tries);
    for (const struct cards_key *k = kind->keys; k < kind->keys + CARDS_KEYS && k->id; k++) {
        if (!on_token(k, 0)) continue;
        check_object(0, k);
        if (k->use & CARDS_SIGN) check_sign(0, k);
        if (k->use & CARDS_DECRYPT) check_decrypt(0, k, false);
        if (k->use & CARDS_DERIVE) check_derive(0, k);
        if (test_failing) { printf("    key %02x\n", k->id); return; }
    }
    CHECK_RV(C_GenerateRandom(sessions[0], some, sizeof some), CKR_OK);
    CHECK_RV(C_GenerateRandom(sessions[0], more, sizeof more), CKR_OK);
    CHECK(memcmp(some, more, sizeof some) && memcmp(some, some + 8, 8));
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);
    end();
}

TEST(cards_in_every_form_of_files)
{
    static struct cards_kind with;
    bool failed = false;
    kind = &with;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        option = &options[i];
        with = cards_kinds[0];
        with.make = make_option;
        with.raw = !option->files.no_token_info;    // which says that the card does that
        if (option->files.no_token_info) with.keys[2].use = CARDS_SIGN;
        check_all_of_it();
        judge_case();
        if (test_failing) printf("    so it was with: %s\n", option->name);
        failed = failed || test_failing;
        test_failing = false;
    }
    test_failing = failed;
}

// ---- The other kinds ----

static struct sim_card *make_isoapplet_short(bool second)
{
    struct sim_isoapplet_options o = { .second = second, .v0 = true, .short_only = true };
    return sim_isoapplet_new(&o);
}

static struct sim_card *make_myeid_short(bool second)
{
    struct sim_myeid_options o = { .second = second, .short_only = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_myeid_unnamed(bool second)
{
    struct sim_myeid_options o = { .second = second, .no_name = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_myeid_pin2(bool second)
{
    struct sim_myeid_options o = { .second = second, .other_pin = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_oseid(bool second)
{
    struct sim_myeid_options o = { .second = second, .derives_by_file = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_oseid_unnamed(bool second)
{
    struct sim_myeid_options o = { .second = second, .derives_by_file = true, .no_name = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_myeid_p192(bool second)
{
    struct sim_myeid_options o = { .second = second, .p192 = true };
    return sim_myeid_new(&o);
}

static struct sim_card *make_esteid_extended(bool second)
{
    struct sim_esteid_options o = { .second = second, .extended = true };
    return sim_esteid_new(&o);
}

static struct sim_card *make_esteid_233(bool second)
{
    struct sim_esteid_options o = { .second = second, .most_read = 233 };
    return sim_esteid_new(&o);
}

// What one reader gives of an answer at most.
static struct sim_card *make_esteid_192(bool second)
{
    struct sim_esteid_options o = { .second = second, .most_read = 192 };
    return sim_esteid_new(&o);
}

static struct sim_card *make_esteid_extended_192(bool second)
{
    struct sim_esteid_options o = { .second = second, .extended = true, .most_read = 192 };
    return sim_esteid_new(&o);
}

static struct sim_card *make_fineid_extended(bool second)
{
    struct sim_fineid_options o = { .second = second, .extended = true };
    return sim_fineid_new(&o);
}

static const struct cards_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < CARDS_KINDS; i++)
        if (!strcmp(cards_kinds[i].name, name)) return &cards_kinds[i];
    abort();
}

// A card that is as its kind but for one thing.
static void check_one(const char *like, struct sim_card *(*make)(bool second))
{
    static struct cards_kind with;
    with = *kind_named(like);
    with.make = make;
    kind = &with;
    check_all_of_it();
}

TEST(cards_isoapplet_short)         { check_one("IsoApplet v0", make_isoapplet_short); }
TEST(cards_myeid_short)             { check_one("MyEID 4.5", make_myeid_short); }
TEST(cards_myeid_unnamed)           { check_one("MyEID 4.5", make_myeid_unnamed); }
TEST(cards_myeid_pin_2)             { check_one("MyEID 4.5", make_myeid_pin2); }
TEST(cards_oseid_derives_by_file)   { check_one("MyEID 4.5", make_oseid); }
TEST(cards_oseid_unnamed)           { check_one("MyEID 4.5", make_oseid_unnamed); }
TEST(cards_esteid_extended)         { check_one("EstEID 2018", make_esteid_extended); }
TEST(cards_esteid_reads_233)        { check_one("EstEID 2018", make_esteid_233); }
TEST(cards_esteid_reads_192)        { check_one("EstEID 2018", make_esteid_192); }
TEST(cards_esteid_extended_192)     { check_one("EstEID 2018", make_esteid_extended_192); }
TEST(cards_fineid_extended)         { check_one("FinEID", make_fineid_extended); }

// A curve that the host does not know: its key is there and can do nothing, nobody guesses another
// one, and all other keys go on.
TEST(cards_myeid_p192)
{
    static struct cards_kind with;
    static const CK_BYTE oid[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1 };
    CK_OBJECT_HANDLE key;
    CK_BYTE params[32];
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE curve = { CKA_EC_PARAMS, params, sizeof params };
    CK_ATTRIBUTE what = { CKA_KEY_TYPE, &type, sizeof type };
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    with = *kind_named("MyEID 4.5");
    with.make = make_myeid_p192;
    kind = &with;
    check_all_of_it();
    if (test_failing) return;
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, 6, &key), CKR_OK);
    CHECK(key != 0);
    CHECK_RV(C_GetAttributeValue(sessions[0], key, &what, 1), CKR_OK);
    CHECK_EQ(type, CKK_EC);
    if (!C_GetAttributeValue(sessions[0], key, &curve, 1) && curve.ulValueLen)
        CHECK(curve.ulValueLen == sizeof oid && !memcmp(params, oid, sizeof oid));
    CHECK(C_SignInit(sessions[0], &m, key) != CKR_OK);
    check_sign(0, &kind->keys[1]);
    end();
}

// ---- Cards that nobody has begun to use ----

static struct sim_card *make_isoapplet_blank(bool second)
{
    struct sim_isoapplet_options o = { .second = second, .empty = true };
    return sim_isoapplet_new(&o);
}

static struct sim_card *make_isoapplet_no_keys(bool second)
{
    struct sim_isoapplet_options o = { .second = second, .no_keys = true };
    return sim_isoapplet_new(&o);
}

static struct sim_card *make_myeid_blank(bool second)
{
    struct sim_myeid_options o = { .second = second, .empty = true };
    return sim_myeid_new(&o);
}

// No files: no objects, a token that is not initialised, and no PIN, which is said before the card
// is asked.
static void check_blank(struct sim_card *(*make)(bool second))
{
    CK_ULONG n = 9;
    CK_TOKEN_INFO info;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    static struct cards_kind with;
    with = *kind_named("IsoApplet v1");
    with.make = make;
    kind = &with;
    begin(1);
    CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
    CHECK(!(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_LOCKED)));
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(scene_count(sessions[0], &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    class = CKO_CERTIFICATE;
    CHECK_RV(scene_count(sessions[0], &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    unsigned before = cards[0]->verifies;
    CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
    CHECK_EQ(cards[0]->verifies, before);
    end();
}

static struct sim_card *make_isoapplet_no_pin(bool second)
{
    struct sim_fs *f = (struct sim_fs *)cards_isoapplet(second);
    f->pins[0].now[0] = 0;
    f->pins[0].value = NULL;
    return &f->card;
}

// The SO tries to set a first PIN, and it is refused: there is still none, and no VERIFY is sent.
TEST(cards_a_first_pin_that_is_refused)
{
    static struct cards_kind with;
    with = *kind_named("IsoApplet v1");
    with.make = make_isoapplet_no_pin;
    kind = &with;
    begin(1);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK(!(token_flags(0) & CKF_USER_PIN_INITIALIZED));
    CHECK_RV(C_Login(sessions[0], CKU_SO, (CK_BYTE *)(uintptr_t)with.tokens[0].puk, 16), CKR_OK);
    CHECK_RV(C_InitPIN(sessions[0], (CK_BYTE *)(uintptr_t)"1", 1), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    CHECK(!(token_flags(0) & CKF_USER_PIN_INITIALIZED));
    CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
    end();
}

TEST(cards_isoapplet_blank)         { check_blank(make_isoapplet_blank); }
TEST(cards_myeid_blank)             { check_blank(make_myeid_blank); }

// A PIN and no keys: nothing to list, and the PIN is as any other.
TEST(cards_isoapplet_without_keys)
{
    static struct cards_kind with;
    CK_ULONG n = 9;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE t = { CKA_CLASS, &class, sizeof class };
    with = *kind_named("IsoApplet v1");
    with.make = make_isoapplet_no_keys;
    with.keys[0].id = 0;
    kind = &with;
    check_all_of_it();
    if (test_failing) return;
    begin(1);
    CHECK(token_flags(0) & CKF_TOKEN_INITIALIZED && token_flags(0) & CKF_USER_PIN_INITIALIZED);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(scene_count(sessions[0], &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    end();
}

// ---- More PINs than tokens, and PINs elsewhere ----

static struct sim_generic_options pins_option;

static struct sim_card *make_with_pins(bool second)
{
    struct sim_generic_options o = pins_option;
    o.second = second;
    return sim_generic_new(&o);
}

static void begin_with_pins(const struct sim_generic_options *o)
{
    static struct cards_kind with;
    pins_option = *o;
    with = *kind_named(o->lost_pin ? "generic" : "generic, 2 PINs");
    with.make = make_with_pins;
    kind = &with;
    begin(1);
}

// No token has such a key, or it says whose PIN it wants: that PIN goes to nobody else.
static void check_homeless_key(CK_BYTE id, const char *pin)
{
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    struct sim_fs *f = (struct sim_fs *)cards[0];
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, id, &key), CKR_OK);
    unsigned verifies = cards[0]->verifies;
    if (key && !C_SignInit(sessions[0], &m, key)) {
        (void)C_Login(sessions[0], CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)pin,
                      strlen(pin));
        CHECK_EQ(cards[0]->verifies, verifies);
    }
    for (unsigned i = 0; i < f->n_pins; i++) CHECK_EQ(f->pins[i].left, f->pins[i].tries);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, &kind->keys[0]);              // and what has a PIN goes on
}

TEST(cards_a_third_pin_goes_to_no_other)
{
    begin_with_pins(&(struct sim_generic_options){ .three_pins = true });
    if (test_failing) return;
    check_homeless_key(4, "246813");
    if (!test_failing) end();
}

TEST(cards_a_key_whose_pin_is_not_there)
{
    begin_with_pins(&(struct sim_generic_options){ .lost_pin = true });
    if (test_failing) return;
    check_homeless_key(2, "555555");
    if (!test_failing) end();
}

static struct sim_card *make_myeid_second_pin(bool second)
{
    struct sim_myeid_options o = { .second = second, .second_pin = true };
    return sim_myeid_new(&o);
}

// Which PIN is whose is asked for when objects name two: then the second one has its own slot, with
// its key, that key's other half, and its event. What was found before stays where it was.
TEST(cards_myeid_second_pin_has_a_slot)
{
    static struct cards_kind with;
    CK_OBJECT_HANDLE certificate, same, key;
    CK_SLOT_ID list[4], event;
    CK_ULONG n = 4;
    CK_TOKEN_INFO token;
    with = *kind_named("MyEID 4.5");
    with.make = make_myeid_second_pin;
    kind = &with;
    begin(1);
    if (test_failing) return;
    with.tokens[1] = (struct cards_token){ "654321", "12345678", 4, 3 };
    with.keys[1].token = 1;
    with.keys[1].always = true;
    while (!C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL)) continue;
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_CERTIFICATE, 1, &certificate), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_PUBLIC_KEY, 2, &key), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, 2, &key), CKR_OK);
    CHECK(!key);
    CHECK_RV(scene_find(sessions[0], CKO_CERTIFICATE, 1, &same), CKR_OK);
    CHECK(certificate && certificate == same);
    CHECK_RV(C_GetSlotList(CK_TRUE, list, &n), CKR_OK);
    CHECK_EQ(n, 2);
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL), CKR_OK);
    CHECK(event == list[1] && C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL) == CKR_NO_EVENT);
    CHECK_RV(C_GetTokenInfo(list[1], &token), CKR_OK);
    CHECK(!memcmp(token.label, "MyEID (Second) ", 15));
    check_sign(0, &kind->keys[0]);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    slots[0][1] = list[1];
    CHECK_RV(open_token(0, 1, true), CKR_OK);
    CHECK(*cards_pin(cards[0], &kind->tokens[1]).verified);
    CHECK(!*cards_pin(cards[0], &kind->tokens[0]).verified);
    CK_OBJECT_CLASS classes[] = { CKO_CERTIFICATE, CKO_PUBLIC_KEY };
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RV(scene_find(sessions[0], classes[i], 2, &key), CKR_OK);
        CHECK(key);
        CHECK_RV(scene_find(sessions[0], classes[i], 1, &key), CKR_OK);
        CHECK(!key);
    }
    check_sign(0, &kind->keys[1]);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_pin pin = cards_pin(cards[0], &kind->tokens[i]);
        CHECK(!*pin.verified && *pin.left == kind->tokens[i].tries);
    }
    sim_reader_eject(0);
    n = 4;
    CHECK_RV(C_GetSlotList(CK_TRUE, list, &n), CKR_OK);
    CHECK_EQ(n, 0);
    if (!test_failing) end();
}

// The second PIN and its key are in another application, by whose AID they are found.
TEST(cards_a_pin_of_another_application)
{
    begin_with_pins(&(struct sim_generic_options){ .elsewhere = true, .keeps_login = true });
    if (test_failing) return;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RV(open_token(0, 1, true), CKR_OK);
        CHECK(*cards_pin(cards[0], &kind->tokens[1]).verified);
        check_sign(0, &kind->keys[2]);
        if (test_failing) return;
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        check_sign(0, &kind->keys[0]);
        if (test_failing) return;
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
    end();
}

// ---- Whatever else a card does ----

static struct sim_card *make_three(bool second)
{
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .three_pins = true });
}

static struct sim_card *make_elsewhere(bool second)
{
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .elsewhere = true });
}

static struct sim_card *make_lost_pin(bool second)
{
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .lost_pin = true });
}

// The first key signs for the first PIN.
TEST(cards_of_all_sorts_sign_with_their_first_key)
{
    static const struct { const char *like; struct sim_card *(*make)(bool second); } cards_like[] = {
        { "generic, 2 PINs", make_three }, { "generic, 2 PINs", make_elsewhere },
        { "generic", make_lost_pin }, { "MyEID 4.5", make_oseid }, { "MyEID 4.5", make_myeid_p192 } };
    static struct cards_kind with;
    for (size_t i = 0; i < sizeof cards_like / sizeof *cards_like && !test_failing; i++) {
        with = *kind_named(cards_like[i].like);
        with.make = cards_like[i].make;
        kind = &with;
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        check_sign(0, &kind->keys[0]);
        end();
    }
}

// A key whose PIN is no token's is not shown: it would be asked for with another's PIN.
TEST(cards_do_not_show_a_key_whose_pin_is_lost)
{
    static struct cards_kind with;
    CK_OBJECT_HANDLE key;
    with = *kind_named("generic");
    with.make = make_lost_pin;
    kind = &with;
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, kind->keys[0].id, &key), CKR_OK);
    CHECK(key);
    CHECK_RV(scene_find(sessions[0], CKO_PRIVATE_KEY, kind->keys[1].id, &key), CKR_OK);
    CHECK(!key);
    end();
}

static struct sim_card *make_costly(bool second)
{
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .empty_costs = true });
}

static struct sim_card *make_deleted(bool second)
{
    static const struct sim_p15 d = { .deleted = true };
    return sim_generic_new(&(struct sim_generic_options){ .second = second, .p15 = &d });
}

// Polling asks no card, whatever asking would cost or bring.
TEST(cards_of_all_sorts_are_polled)
{
    static struct sim_card *(*const makers[])(bool second) = {
        make_costly, make_deleted, make_myeid_pin2, make_isoapplet_blank, make_myeid_blank };
    CK_SLOT_INFO info;
    CK_ULONG n = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        C_Finalize(NULL);
        sim_reader_clear();
        scene_card = makers[i](false);
        sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
        CHECK_RV(C_Initialize(NULL), CKR_OK);
        for (int k = 0; k < 4; k++) {
            CHECK_RV(C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
            CHECK_RV(C_GetSlotInfo(0, &info), CKR_OK);
            CHECK(info.flags & CKF_TOKEN_PRESENT);
        }
        CHECK_EQ(scene_card->apdus, 0);
        scene_end();
    }
}

// ---- A directory file that wants the PIN ----

static char options_log[200000];

static void options_line(void *context, const char *line)
{
    (void)context;
    strncat(options_log, line, sizeof options_log - strlen(options_log) - 1);
}

// What is in it is not shown before the login, and so it is not in the log.
TEST(cards_a_hidden_directory_is_not_logged)
{
    CK_ULONG before, after;
    char hex[2 * 24 + 1];
    *options_log = 0;
    C_Finalize(NULL);
    CHECK_RV(scard11_set_log(options_line, NULL), CKR_OK);
    kind = kind_named("generic");
    begin(1);
    struct sim_fs_file *dodf = sim_fs_path((struct sim_fs *)cards[0], "3f0050154405");
    CHECK(dodf && dodf->data_len >= 24);
    dodf->read = SIM_PIN(0);
    for (int i = 0; i < 24; i++) sprintf(hex + 2 * i, "%02x", dodf->data[i]);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(scene_count(sessions[0], NULL, 0, &before), CKR_OK);
    CHECK_RV(login("123456"), CKR_OK);
    CHECK_RV(scene_count(sessions[0], NULL, 0, &after), CKR_OK);
    CHECK(after > before);
    end();
    CHECK(strstr(options_log, "that stay out of the log") && !strstr(options_log, hex));
}

// ---- SmartCard-HSM ----

static struct sim_schsm_options schsm_option;

static struct sim_card *make_schsm_option(bool second)
{
    struct sim_schsm_options o = schsm_option;
    o.second = second;
    return sim_schsm_new(&o);
}

static struct cards_kind *schsm_with(const struct sim_schsm_options *o)
{
    static struct cards_kind with;
    with = *kind_named(o->two ? "SmartCard-HSM, 2 keys" : o->cardcontact
                       ? "CardContact's HSM" : "Pico HSM");
    with.make = make_schsm_option;
    schsm_option = *o;
    kind = &with;
    return &with;
}

TEST(cards_schsm_short)
{
    schsm_with(&(struct sim_schsm_options){ .short_only = true });
    check_all_of_it();
}

TEST(cards_schsm_cardcontact_short)
{
    schsm_with(&(struct sim_schsm_options){ .cardcontact = true, .short_only = true });
    check_all_of_it();
}

TEST(cards_schsm_in_pieces)
{
    schsm_with(&(struct sim_schsm_options){ .pieces = true });
    check_all_of_it();
}

TEST(cards_schsm_without_certificates)
{
    struct cards_kind *with = schsm_with(&(struct sim_schsm_options){ .no_certificates = true });
    for (unsigned i = 0; i < CARDS_KEYS; i++) with->keys[i].no_certificate = true;
    check_all_of_it();
}

// Its name is then the driver's.
TEST(cards_schsm_without_a_label)
{
    CK_TOKEN_INFO info;
    schsm_with(&(struct sim_schsm_options){ .no_label = true });
    check_all_of_it();
    if (test_failing) return;
    begin(1);
    CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
    CHECK(!memcmp(info.label, "SmartCard-HSM ", 14));
    CHECK(info.flags & CKF_TOKEN_INITIALIZED && info.flags & CKF_USER_PIN_INITIALIZED);
    end();
}

TEST(cards_schsm_other_curves)
{
    static const struct cards_key keys[CARDS_KEYS] = {
        { 1, SIM_BP256A, SIM_BP256A, CARDS_EC, 0, false, false, 0, 0 },
        { 2, SIM_BP384A, SIM_BP384A, CARDS_EC, 0, false, true, 0, 0 },
        { 3, SIM_BP512A, SIM_BP512A, CARDS_EC, 0, false, false, 0, 0 },
        { 4, SIM_K256A, SIM_K256A, CARDS_EC, 0, false, true, 0, 0 } };
    struct cards_kind *with = schsm_with(&(struct sim_schsm_options){ .curves = true });
    memcpy(with->keys, keys, sizeof keys);
    check_all_of_it();
    if (test_failing) return;
    schsm_option.cardcontact = true;
    check_all_of_it();
}

// 150 objects: a search reads the list, and of the keys no more entries than it must. A signature
// reads the certificate or the request of its own key, once.
static void check_search(CK_ATTRIBUTE *t, CK_ULONG n, unsigned budget)
{
    CK_OBJECT_HANDLE key;
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    schsm_with(&(struct sim_schsm_options){ .many = true });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    unsigned at = cards[0]->apdus;
    CHECK_RV(scene_search(sessions[0], t, n, &key), CKR_OK);
    CHECK(key != 0);
    CHECK(cards[0]->apdus - at <= budget);
    for (unsigned i = 2; i && !test_failing; i--) {
        at = cards[0]->apdus;
        CHECK_RV(C_SignInit(sessions[0], &m, key), CKR_OK);
        out_len = sizeof out;
        CHECK_RV(C_Sign(sessions[0], text, sizeof text, out, &out_len), CKR_OK);
        CHECK(good(SIM_RSA2048A, MBEDTLS_MD_SHA256, false, 0, out, out_len));
        CHECK(cards[0]->apdus - at <= i);
    }
    end();
}

TEST(cards_schsm_many_by_id_and_label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE id = 7;
    CK_ATTRIBUTE by_id[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } },
        by_label[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, "Key 59", 6 } };
    check_search(by_id, 2, 1 + 7);
    if (!test_failing) check_search(by_label, 2, 1 + 60);
}

TEST(cards_schsm_many_are_all_listed)
{
    CK_ULONG n;
    schsm_with(&(struct sim_schsm_options){ .many = true });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 60);
    CHECK_EQ(count_of(0, CKO_PUBLIC_KEY), 60);
    CHECK_EQ(count_of(0, CKO_CERTIFICATE), 30);
    CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
    CHECK(n >= 150);
    unsigned at = cards[0]->apdus;
    CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
    CHECK_EQ(cards[0]->apdus, at);
    end();
}

// The transport PIN is good for nothing: it is not sent, until the user has set another one.
TEST(cards_schsm_in_transport)
{
    CK_TOKEN_INFO info;
    schsm_with(&(struct sim_schsm_options){ .transport = true });
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        schsm_option.cardcontact = i;
        begin(1);
        CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
        CHECK(info.flags & CKF_TOKEN_INITIALIZED && info.flags & CKF_USER_PIN_TO_BE_CHANGED);
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        unsigned verifies = cards[0]->verifies;
        CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
        CHECK_EQ(cards[0]->verifies, verifies);
        CHECK_RV(C_SetPIN(sessions[0], PIN, 6, (CK_UTF8CHAR_PTR)"246802", 6), CKR_OK);
        CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
        CHECK(!(info.flags & CKF_USER_PIN_TO_BE_CHANGED));
        CHECK_RV(login("246802"), CKR_OK);
        check_sign(0, &kind->keys[0]);
        end();
    }
}

TEST(cards_schsm_blank)
{
    CK_TOKEN_INFO info;
    CK_ULONG n;
    schsm_with(&(struct sim_schsm_options){ .blank = true });
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        schsm_option.cardcontact = i;
        begin(1);
        CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
        CHECK(!(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
                              CKF_USER_PIN_LOCKED)));
        CHECK_RV(open_token(0, 0, false), CKR_OK);
        CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 0);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), 0);
        CHECK_RV(scene_count(sessions[0], NULL, 0, &n), CKR_OK);
        unsigned verifies = cards[0]->verifies;
        CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
        CHECK_EQ(cards[0]->verifies, verifies);
        end();
    }
}

// A key whose uses are up signs no more; the others do.
TEST(cards_schsm_a_key_that_is_used_up)
{
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    schsm_with(&(struct sim_schsm_options){ .uses = 2 });
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        schsm_option.cardcontact = i;
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        for (unsigned k = 0; k < 2; k++)
            CHECK_RV(sign_with(0, &kind->keys[0], &m, text, sizeof text), CKR_OK);
        CHECK(good(SIM_RSA2048A, MBEDTLS_MD_SHA256, false, 0, out, out_len));
        CK_RV rv = sign_with(0, &kind->keys[0], &m, text, sizeof text);
        CHECK(rv != CKR_OK && rv != CKR_USER_NOT_LOGGED_IN);
        if (test_failing) return;
        check_sign(0, &kind->keys[1]);
        CHECK_EQ(*cards_pin(cards[0], kind->tokens).left, 3);
        end();
    }
}

// T, L, S, E and N of cards with two keys whose answers come in pieces, or that lack what they may.
TEST(cards_schsm_budgets)
{
    static const struct { struct sim_schsm_options o; unsigned token, list, rsa, ec, again; } all[] = {
        { { .two = true, .pieces = true }, 6, 17, 16, 16, 0 },
        { { .two = true, .short_only = true }, 6, 17, 17, 17, 0 },
        { { .two = true, .no_label = true }, 5, 12, 12, 12, 1 },
        { { .two = true, .cardcontact = true }, 5, 12, 12, 12, 1 },
        { { .two = true, .no_certificates = true }, 5, 12, 12, 12, 1 } };
    for (size_t i = 0; i < sizeof all / sizeof *all && !test_failing; i++) {
        struct cards_kind *with = schsm_with(&all[i].o);
        with->token_info = all[i].token;
        with->list = all[i].list;
        with->rsa = all[i].rsa;
        with->ec = all[i].ec;
        with->again = all[i].again;
        case_cards_budgets();
        if (test_failing) printf("    so it was with row %zu\n", i);
    }
}

// ---- GIDS ----

static struct sim_gids_options gids_option;

static struct sim_card *make_gids_option(bool second)
{
    struct sim_gids_options o = gids_option;
    o.second = second;
    return sim_gids_new(&o);
}

static struct cards_kind *gids_with(const struct sim_gids_options *o)
{
    static struct cards_kind with;
    with = *kind_named("GIDS");
    with.make = make_gids_option;
    gids_option = *o;
    kind = &with;
    return &with;
}

TEST(cards_gids_forms)
{
    static const struct sim_gids_options all[] = {
        { .plain = true }, { .extended = true }, { .pieces = true }, { .no_cache_file = true } };
    for (size_t i = 0; i < sizeof all / sizeof *all && !test_failing; i++) {
        gids_with(&all[i]);
        check_all_of_it();
        if (test_failing) printf("    so it was with row %zu\n", i);
    }
}

TEST(cards_gids_ec)
{
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        struct cards_kind *with = gids_with(&(struct sim_gids_options){ .ec = true, .der = i });
        with->keys[2] = (struct cards_key){ 3, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, false, 0,
                                            0 };
        with->keys[3] = (struct cards_key){ 4, SIM_P384A, SIM_P384B, CARDS_SIGN, 0, false, false, 0,
                                            0 };
        check_all_of_it();
    }
}

TEST(cards_gids_a_container_without_certificate)
{
    struct cards_kind *with = gids_with(&(struct sim_gids_options){ .no_certificate = true });
    with->keys[2] = (struct cards_key){ 3, SIM_RSA3072, SIM_RSA3072, CARDS_SIGN, 0, false, true, 0,
                                        0 };
    check_all_of_it();
}

// T, L, S and N of cards as they may be, a quarter above what is unavoidable: in pieces of 255 bytes a
// signature is of two, in whole answers a certificate of one.
TEST(cards_gids_budgets)
{
    static const struct { struct sim_gids_options o; unsigned token, list, rsa, again; } all[] = {
        { { .pieces = true }, 9, 19, 16, 2 }, { { .extended = true }, 9, 14, 14, 1 },
        { { .no_cache_file = true }, 9, 19, 14, 1 }, { { .plain = true }, 9, 19, 14, 1 } };
    for (size_t i = 0; i < sizeof all / sizeof *all && !test_failing; i++) {
        struct cards_kind *with = gids_with(&all[i].o);
        with->token_info = all[i].token;
        with->list = all[i].list;
        with->rsa = all[i].rsa;
        with->again = all[i].again;
        case_cards_budgets();
        if (test_failing) printf("    so it was with row %zu\n", i);
    }
}

// Twelve containers: the files of the last two are named ksc0a and ksc0b, or ksc10 and ksc11.
TEST(cards_gids_many)
{
    for (unsigned i = 0; i < 2 && !test_failing; i++) {
        gids_with(&(struct sim_gids_options){ .many = true, .decimal = i });
        begin(1);
        CHECK_RV(open_token(0, 0, true), CKR_OK);
        CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 12);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), 12);
        for (CK_BYTE id = 3; id <= 12 && !test_failing; id++) {
            const struct cards_key key = { id, id % 2 ? SIM_RSA2048B : SIM_P256A,
                id % 2 ? SIM_RSA2048A : SIM_P256B, CARDS_SIGN, 0, false, false, 0, 0 };
            check_object(0, &key);
            check_sign(0, &key);
            if (test_failing) printf("    key %02x\n", id);
        }
        end();
    }
}

// No raw signature: PKCS#1 by the card is all there is, also after a padding of the host's was tried.
TEST(cards_gids_only_57)
{
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss };
    gids_with(&(struct sim_gids_options){ .only_57 = true });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    for (unsigned i = 0; i < 2; i++) {
        check_sign(0, &kind->keys[i]);
        if (test_failing) return;
        CHECK(sign_with(0, &kind->keys[i], &m, text, sizeof text) != CKR_OK);
        CHECK_RV(sign_with(0, &kind->keys[i], &(CK_MECHANISM){ CKM_SHA256_RSA_PKCS, NULL, 0 }, text,
                           sizeof text), CKR_OK);
        CHECK(good(cards_which(&kind->keys[i], false), MBEDTLS_MD_SHA256, false, 0, out, out_len));
    }
    check_decrypt(0, &kind->keys[0], true);
    end();
}

TEST(cards_gids_with_a_puk)
{
    gids_with(&(struct sim_gids_options){ .puk = true });
    check_all_of_it();
}

TEST(cards_gids_empty)
{
    CK_TOKEN_INFO info;
    gids_with(&(struct sim_gids_options){ .empty = true });
    begin(1);
    CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
    CHECK(!(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_LOCKED)));
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_EQ(count_of(0, CKO_PRIVATE_KEY), 0);
    unsigned verifies = cards[0]->verifies;
    CHECK_RV(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
    CHECK_EQ(cards[0]->verifies, verifies);
    end();
}

// The MSE that a logout leaves in force signs no more for us: C_Logout ends it.
TEST(cards_gids_a_logout_ends_the_environment)
{
    static const uint8_t sign[] = { 0x00, 0x2a, 0x9e, 0x9a, 0x04, 1, 2, 3, 4, 0x00 };
    uint8_t rsp[300];
    gids_with(&(struct sim_gids_options){ .second = false });
    begin(1);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, &kind->keys[0]);
    CHECK_RV(C_Logout(sessions[0]), CKR_OK);
    size_t n = cards[0]->apdu(cards[0], sign, sizeof sign, rsp, sizeof rsp);
    CHECK(n == 2 && rsp[0] != 0x90 && rsp[0] != 0x61);
    end();
}

#include "cards_cac.h"

static void run_options(void)
{
    RUN(cards_schsm_short);
    RUN(cards_schsm_cardcontact_short);
    RUN(cards_schsm_in_pieces);
    RUN(cards_schsm_without_certificates);
    RUN(cards_schsm_without_a_label);
    RUN(cards_schsm_other_curves);
    RUN(cards_schsm_many_by_id_and_label);
    RUN(cards_schsm_many_are_all_listed);
    RUN(cards_schsm_in_transport);
    RUN(cards_schsm_blank);
    RUN(cards_schsm_a_key_that_is_used_up);
    RUN(cards_schsm_budgets);
    RUN(cards_cac_in_every_form);
    RUN(cards_cac_that_is_piv_is_piv);
    RUN(cards_cac_login_of_an_applet);
    RUN(cards_cac_without_a_change_of_the_pin);
    RUN(cards_cac_that_tells_no_tries);
    RUN(cards_cac_changes_the_pin_in_the_aca);
    RUN(cards_gids_forms);
    RUN(cards_gids_ec);
    RUN(cards_gids_a_container_without_certificate);
    RUN(cards_gids_budgets);
    RUN(cards_gids_many);
    RUN(cards_gids_only_57);
    RUN(cards_gids_with_a_puk);
    RUN(cards_gids_empty);
    RUN(cards_gids_a_logout_ends_the_environment);
    RUN(cards_of_all_sorts_sign_with_their_first_key);
    RUN(cards_do_not_show_a_key_whose_pin_is_lost);
    RUN(cards_of_all_sorts_are_polled);
    RUN(cards_in_every_form_of_files);
    RUN(cards_isoapplet_short);
    RUN(cards_myeid_short);
    RUN(cards_myeid_unnamed);
    RUN(cards_myeid_pin_2);
    RUN(cards_oseid_derives_by_file);
    RUN(cards_oseid_unnamed);
    RUN(cards_myeid_p192);
    RUN(cards_esteid_extended);
    RUN(cards_esteid_reads_233);
    RUN(cards_esteid_reads_192);
    RUN(cards_esteid_extended_192);
    RUN(cards_fineid_extended);
    RUN(cards_a_hidden_directory_is_not_logged);
    RUN(cards_isoapplet_blank);
    RUN(cards_a_first_pin_that_is_refused);
    RUN(cards_myeid_blank);
    RUN(cards_isoapplet_without_keys);
    RUN(cards_a_third_pin_goes_to_no_other);
    RUN(cards_a_key_whose_pin_is_not_there);
    RUN(cards_a_pin_of_another_application);
    RUN(cards_myeid_second_pin_has_a_slot);
}
