// trial.c: >>trial, over the token of place.c. Whole cards make trials in cards.c and scenarios.c.
// SPDX-License-Identifier: 0BSD

static struct alg_key trial_key;
static struct object trial_object;
static u8 trial_room[64];
static struct buf trial_out;

// A signature of P-256, r || s, of the hash that trial_in is: right, or with a byte of s changed.
static bytes trial_in(void)
{
    static const u8 hash[32] = { 1 };
    return bytes_of(hash, sizeof hash);
}

static struct trial trial_begin_with(const char *const *lines, bool sure)
{
    static const struct alg_use use = { .type = ALG_EC, .scheme = ALG_RAW };
    place_begin(lines);
    card_it.sure = sure;
    trial_object = (struct object){ .token = card_t, .key = &trial_key };
    trial_out = buf_on(trial_room, sizeof trial_room);
    return (struct trial){ .card = &card_it, .object = &trial_object, .use = &use,
                           .in = trial_in(), .out = &trial_out, .scratch = padding_scratch() };
}

static st trial_run(struct trial trial, u32 *attempts)
{
    static const u8 wrong[64] = { 1 };
    *attempts = 0;
    while (trial_next(&trial)) {
        ++*attempts;
        buf_put(&trial_out, bytes_of(wrong, sizeof wrong));
        trial.s = trial_out.full ? ST_PROTOCOL : ST_OK;
    }
    return trial.s;
}

// A wrong signature is never handed out, on trust, nor the one that is made for certain after it.
TEST(trial_checks_the_second_attempt_too)
{
    static const char *const lines[] = { PLACE_SELECT "9000", NULL };
    u32 attempts;
    CHECK(cipher_key(x509_samples[5].certificate, &trial_key));
    struct trial trial = trial_begin_with(lines, false);
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), ST_PROTOCOL);
    CHECK_EQ(attempts, 2);
    CHECK(!trial_out.full && trial_out.n == 64);        // there was room for each
    card_script_over();
}

// What the host cannot check is made for certain at once.
TEST(trial_sends_nothing_on_trust_that_cannot_be_checked)
{
    static const char *const lines[] = { PLACE_SELECT "9000", NULL };
    u32 attempts;
    CHECK(cipher_key(x509_samples[9].certificate, &trial_key));         // Ed25519
    struct trial trial = trial_begin_with(lines, false);
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), ST_OK);
    CHECK_EQ(attempts, 1);
    card_script_over();
    trial_key = (struct alg_key){ .type = ALG_EC, .bits = 256,
                                  .curve = alg_curve_named("P-256") };  // no public half
    trial = trial_begin_with(lines, false);
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), ST_OK);
    CHECK_EQ(attempts, 1);
    card_script_over();
}

// A command that names key and algorithm itself, answered in its own form, counts as good for EC;
// RSA is checked all the same, and a key that is elsewhere is gone to first.
TEST(trial_of_a_command_that_names_its_key)
{
    static const char *const none[] = { NULL }, *const select[] = { PLACE_SELECT "9000", NULL };
    u32 attempts;
    CHECK(cipher_key(x509_samples[5].certificate, &trial_key));
    struct trial trial = trial_begin_with(none, false);
    trial.named = true;
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), ST_OK);
    CHECK_EQ(attempts, 1);
    card_script_over();
    trial = trial_begin_with(select, false);
    trial.named = true;
    if (test_failing) return;
    place_leave(&card_it);                              // its DF is not the current one
    CHECK_ST(trial_run(trial, &attempts), ST_OK);
    CHECK_EQ(attempts, 1);
    card_script_over();
    trial_key = (struct alg_key){ .type = ALG_RSA, .bits = 2048 };
    trial = trial_begin_with(select, false);
    trial.named = true;
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), ST_OK);       // nothing to check it with: made for certain
    CHECK_EQ(attempts, 1);
    card_script_over();
}

// What turns out to be beyond checking was not made on trust in the end.
TEST(trial_that_cannot_be_told_is_made_for_certain)
{
    static const char *const lines[] = { PLACE_SELECT "9000", NULL };
    u32 attempts;
    CHECK(cipher_key(x509_samples[5].certificate, &trial_key));
    struct trial trial = trial_begin_with(lines, false);
    if (test_failing) return;
    trial.in = BYTES_NONE;                              // mbedTLS verifies no such hash
    CHECK_ST(trial_run(trial, &attempts), ST_OK);
    CHECK_EQ(attempts, 2);
    card_script_over();
}

TEST(trial_made_for_certain_is_believed)
{
    static const char *const none[] = { NULL };
    u32 attempts;
    CHECK(cipher_key(x509_samples[5].certificate, &trial_key));
    struct trial trial = trial_begin_with(none, true);
    if (test_failing) return;
    CHECK_ST(trial_run(trial, &attempts), SCARD11_CHECK_SIGNATURES ? ST_PROTOCOL : ST_OK);
    CHECK_EQ(attempts, 1);
    card_script_over();
}

static void test_trial(void)
{
    RUN(trial_checks_the_second_attempt_too);
    RUN(trial_sends_nothing_on_trust_that_cannot_be_checked);
    RUN(trial_of_a_command_that_names_its_key);
    RUN(trial_that_cannot_be_told_is_made_for_certain);
    RUN(trial_made_for_certain_is_believed);
}
