// op.c: >>op, over the token of place.c with a driver that notes what it is asked for. Cards with
// real keys sign and decrypt in cards.c and api.c.
// SPDX-License-Identifier: 0BSD

static struct {
    unsigned calls;
    struct alg_use use;                 // of the last call
    u8 in[512];
    size_t n;
    u8 answer[128];                     // what it gives
    size_t answer_n;
    bool reset;                         // another program resets the card at the first call
} op_noted;

static st op_note_work(struct card *card, struct object *object, const struct alg_use *use,
                       bytes in, struct scratch scratch, struct buf *out)
{
    (void)card; (void)object; (void)scratch;
    op_noted.use = *use;
    op_noted.n = in.n;
    memcpy(op_noted.in, in.p, in.n);
    buf_put(out, bytes_of(op_noted.answer, op_noted.answer_n));
    if (op_noted.calls++ || !op_noted.reset) return ST_OK;
    sim_reader_reset(0);
    return run_work();                  // which sees it
}

static struct session *op_session;
static struct object *op_key_here;      // private: RSA of 1024 bits, no PIN
static struct alg_key op_rsa;
static struct x509 op_x509;

// A session, and a key in the card that the lines stand for.
static void op_begin_session(const char *const *lines)
{
    static struct driver noting;
    CK_SESSION_HANDLE handle = 0;
    run_test_begin(lines);
    if (test_failing) return;
    noting = place_driver;
    noting.sign = noting.decrypt = op_note_work;
    card_t->driver = &noting;
    card_t->key_types = CARD_TYPE(ALG_RSA);
    memset(&op_noted, 0, sizeof op_noted);
    memset(op_noted.answer, 0x55, sizeof op_noted.answer);
    op_noted.answer_n = 128;
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(x509_parse(bytes_of(sim_cert_rsa1024, sizeof sim_cert_rsa1024), &op_x509), ST_OK);
    CHECK_ST(alg_parse_spki(op_x509.spki, &op_rsa), ST_OK);
    const struct object like = { .token = card_t, .use = CARD_SIGN | CARD_DECRYPT,
                                 .key = &op_rsa };
    CHECK_ST(card_reserve(&card_it, 3), ST_OK);
    op_key_here = card_add_key(&card_it, &like, &op_x509);
    CHECK(op_key_here);
    CHECK_ST(session_open(&card_it, 0, card_t, 0, &handle), ST_OK);
    op_session = session_find(&card_it, handle);
    CHECK(op_session);
}

static st op_try_begin(enum session_op kind, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    return op_begin(&run_reader, op_session, kind, &mechanism, op_key_here->handle,
                    padding_scratch());
}

static st op_try_once(enum session_op kind, bytes in, void *out, CK_ULONG *n)
{
    return op_once(&run_reader, op_session, kind, in, padding_scratch(), out, n);
}

// Is an operation of this kind running?
static bool op_runs(enum session_op kind) { return op_of(op_session, kind) != NULL; }

// ---- Beginning ----

// An operation that cannot be begun is none; one that runs goes on.
TEST(op_begins_with_what_fits)
{
    static const char *const lines[] = { NULL };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    op_begin_session(lines);
    if (test_failing) return;
    struct object *certificate = card_object_at(&card_it, 0), *public = card_object_at(&card_it, 1);
    const struct { const struct object *object; CK_MECHANISM_TYPE type; st want; } cases[] = {
        { certificate, CKM_RSA_PKCS, ST_NO_KEY },
        { public, CKM_RSA_PKCS, ST_KEY_TYPE },                  // signing is a private key's
        { op_key_here, CKM_ECDSA, ST_MECHANISM },               // nothing on this card
        { op_key_here, CKM_SHA_1, ST_MECHANISM },               // not for signing
        { op_key_here, CKM_SHA256_HMAC, ST_KEY_TYPE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mechanism.mechanism = cases[i].type;
        CHECK_ST(op_begin(&run_reader, op_session, SESSION_SIGN, &mechanism,
                          cases[i].object->handle, padding_scratch()), cases[i].want);
        CHECK(!op_runs(SESSION_SIGN));
    }
    mechanism.mechanism = CKM_RSA_PKCS;
    CHECK_ST(op_begin(&run_reader, op_session, SESSION_SIGN, &mechanism, 0x1234,
                      padding_scratch()), ST_NO_KEY);
    op_key_here->use = CARD_DECRYPT;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_KEY_USE);
    CHECK_ST(op_try_begin(SESSION_DECRYPT, CKM_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_begin(SESSION_DECRYPT, CKM_RSA_X_509), ST_OP_ACTIVE);
    CHECK(op_of(op_session, SESSION_DECRYPT)->row->type == CKM_RSA_PKCS);
    run_test_end();
}

// What the card pads itself, it does in the ways that it knows: a salt as long as the hash.
TEST(op_begins_what_the_card_pads)
{
    static const char *const lines[] = { NULL };
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss };
    u8 out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    op_key_here->card_pads = CARD_SCHEME(ALG_PKCS1) | CARD_SCHEME(ALG_PSS);
    pss.sLen = 20;
    CHECK_ST(op_begin(&run_reader, op_session, SESSION_SIGN, &mechanism, op_key_here->handle,
                      padding_scratch()), ST_MECH_PARAM);
    pss.sLen = 32;
    CHECK_ST(op_begin(&run_reader, op_session, SESSION_SIGN, &mechanism, op_key_here->handle,
                      padding_scratch()), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_OK);
    CHECK_BYTES(op_noted.in, op_noted.n,            // FIPS 180-2, B.1: the hash, not a block
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQ(op_noted.use.scheme, ALG_PSS);
    run_test_end();
}

// ---- What the card gets ----

// PKCS#1's block type 1 around the data, or around the DigestInfo of its hash (RFC 8017, 9.2).
TEST(op_gives_the_card_a_padded_block)
{
    static const char *const lines[] = { NULL };
    static const u8 head[] = { 0x00, 0x01, 0xff };
    u8 out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_OK);
    CHECK(n == 128 && !memcmp(out, op_noted.answer, 128) && !op_runs(SESSION_SIGN));
    CHECK(op_noted.n == 128 && !memcmp(op_noted.in, head, sizeof head));
    CHECK_BYTES(op_noted.in + 120, 8, "ffffffff00616263");
    CHECK(op_noted.use.scheme == ALG_RAW && op_noted.use.made == ALG_PKCS1);
    CHECK(bytes_equal(op_noted.use.digest, bytes_text("abc")));
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_OK);
    CHECK_BYTES(op_noted.in + 128 - 52, 52, "00 3031300d060960864801650304020105000420"
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQ(op_noted.calls, 2);
    run_test_end();
}

// Raw RSA takes a number below the modulus, zeros before it where it is short.
TEST(op_raw_numbers_are_below_the_modulus)
{
    static const char *const lines[] = { NULL };
    u8 data[129], out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    memset(data, 0xff, sizeof data);
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_X_509), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_of(data, 128), out, &n), ST_DATA);
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_X_509), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_of(data, 129), out, &n), ST_DATA_LEN);
    CHECK(!op_noted.calls && !op_runs(SESSION_SIGN));
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_X_509), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_of(data, 2), out, &n), ST_OK);
    CHECK_EQ(op_noted.n, 128);
    CHECK_BYTES(op_noted.in + 124, 4, "0000ffff");
    CHECK_ST(op_try_begin(SESSION_DECRYPT, CKM_RSA_X_509), ST_OK);
    CHECK_ST(op_try_once(SESSION_DECRYPT, bytes_of(data, 127), out, &n), ST_CIPHER_LEN);
    CHECK_ST(op_try_begin(SESSION_DECRYPT, CKM_RSA_X_509), ST_OK);
    CHECK_ST(op_try_once(SESSION_DECRYPT, bytes_of(data, 128), out, &n), ST_CIPHER_DATA);
    CHECK_EQ(op_noted.calls, 1);
    run_test_end();
}

// What a card gave before it was reset is not in the result.
TEST(op_begins_again_with_an_empty_result)
{
    static const char *const lines[] = { PLACE_SELECT "9000", PLACE_MARK "01020304 9000", NULL };
    u8 out[300];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    op_noted.reset = true;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_OK);
    CHECK(op_noted.calls == 2 && n == 128);
    run_test_end();
}

// A key that wants the PIN before each use waits for a login of its own.
TEST(op_asks_for_the_login_of_each_use)
{
    static const char *const lines[] = { NULL };
    u8 out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    op_key_here->always_auth = true;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_NOT_LOGGED_IN);
    CHECK(!op_noted.calls && !op_runs(SESSION_SIGN));
    run_test_end();
}

// It ends with the login that it was begun in, though another has come since.
TEST(op_ends_with_its_login)
{
    static const char *const lines[] = { NULL };
    u8 out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    card_t->login = true;
    op_key_here->credential = test_pin(card_t);
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_OK);
    card_t->login_epoch++;
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_NOT_LOGGED_IN);
    CHECK(!op_noted.calls && !op_runs(SESSION_SIGN));
    run_test_end();
}

// ---- Output ----

// A question for the length, and a buffer that is too small, send nothing and leave it running.
TEST(op_tells_its_length_for_nothing)
{
    static const char *const lines[] = { NULL };
    u8 out[128];
    CK_ULONG n = 1;
    op_begin_session(lines);
    if (test_failing) return;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), NULL, &n), ST_OK);
    CHECK_EQ(n, 128);
    n = 127;
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_TOO_SMALL);
    CHECK(n == 128 && !op_noted.calls && op_runs(SESSION_SIGN));
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("abc"), out, &n), ST_OK);
    CHECK_BYTES(op_noted.in + 128 - 32, 32,             // the data was taken once
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    run_test_end();
}

// How much comes out of a decryption only the card tells: it is asked once, and what did not fit is
// kept.
TEST(op_decrypts_once)
{
    static const char *const lines[] = { NULL };
    u8 in[128] = { 0 }, out[128];
    CK_ULONG n = 2;
    op_begin_session(lines);
    if (test_failing) return;
    op_noted.answer[0] = 0, op_noted.answer[1] = 2;
    memcpy(op_noted.answer + 124, "\0abc", 4);
    CHECK_ST(op_try_begin(SESSION_DECRYPT, CKM_RSA_PKCS), ST_OK);
    CHECK_ST(op_try_once(SESSION_DECRYPT, bytes_of(in, 128), out, &n), ST_TOO_SMALL);
    CHECK(n == 3 && op_noted.calls == 1);
    n = sizeof out;
    CHECK_ST(op_try_once(SESSION_DECRYPT, bytes_of(in, 128), out, &n), ST_OK);
    CHECK_BYTES(out, n, "616263");
    CHECK(op_noted.calls == 1 && !op_runs(SESSION_DECRYPT));
    run_test_end();
}

// ---- Input in parts ----

TEST(op_takes_parts_or_all)
{
    static const char *const lines[] = { NULL };
    static u8 much[OP_DATA_MAX + 1];
    u8 out[128];
    CK_ULONG n = sizeof out;
    op_begin_session(lines);
    if (test_failing) return;
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_text("a")), ST_OK);
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_text("b")), ST_OK);
    CHECK_ST(op_finish(&run_reader, op_session, SESSION_SIGN, bytes_text("c"), padding_scratch(),
                       out, &n), ST_OK);
    CHECK_BYTES(op_noted.in + 128 - 32, 32,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_text("a")), ST_OK);
    CHECK_ST(op_try_once(SESSION_SIGN, bytes_text("bc"), out, &n), ST_OP_ACTIVE);
    CHECK(!op_runs(SESSION_SIGN));
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_text("a")), ST_OP_NONE);
    CHECK_ST(op_try_begin(SESSION_SIGN, CKM_RSA_PKCS), ST_OK);      // kept, as nothing hashes it
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_of(much, OP_DATA_MAX)), ST_OK);
    CHECK_ST(op_update(&card_it, op_session, SESSION_SIGN, bytes_of(much, 1)), ST_DATA_LEN);
    CHECK(!op_runs(SESSION_SIGN) && op_noted.calls == 1);
    run_test_end();
}

// Many messages with one key: the end of one begins the next, with nothing of it.
TEST(op_messages_begin_anew)
{
    static const char *const lines[] = { NULL };
    u8 out[128];
    op_begin_session(lines);
    if (test_failing) return;
    CHECK_ST(op_try_begin(SESSION_MESSAGE_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    for (unsigned i = 1; i <= 3; i++) {
        CK_ULONG n = sizeof out;
        CHECK_ST(op_try_once(SESSION_MESSAGE_SIGN, bytes_text("abc"), out, &n), ST_OK);
        CHECK_EQ(op_noted.calls, i);
        CHECK_BYTES(op_noted.in + 128 - 32, 32,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK(op_runs(SESSION_MESSAGE_SIGN));
    }
    op_end(&card_it, op_session, SESSION_MESSAGE_SIGN);
    CHECK(!op_runs(SESSION_MESSAGE_SIGN));
    run_test_end();
}

// ---- Blocks and signatures ----

TEST(op_fits_a_hash_to_the_curve)
{
    u8 digest[64], room[80];
    const struct alg_curve *p256 = alg_curve_named("P-256"), *p521 = alg_curve_named("P-521");
    struct buf b = buf_on(room, sizeof room);
    for (size_t i = 0; i < sizeof digest; i++) digest[i] = (u8)(i + 1);
    op_fit_hash(p256, bytes_of(digest, 64), &b);                // the leftmost
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
    b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 20), &b);                // zeros before it
    CHECK(b.n == 32 && !room[11] && room[12] == 1);
    b.n = 0;
    op_fit_hash(p521, bytes_of(digest, 64), &b);                // as it is
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 64)));
    digest[0] = 0, b.n = 0;
    op_fit_hash(p256, bytes_of(digest, 32), &b);                // its own zero stays
    CHECK(bytes_equal(buf_bytes(&b), bytes_of(digest, 32)));
}

// A signature that begins with 00 is looked at: here 2 ^ 3 is 8, with a modulus of 64 bytes.
TEST(op_short_signatures_are_looked_at)
{
    u8 modulus[64] = { 0 }, block[64] = { 0 }, signature[64] = { 0 };
    const struct alg_use use = { .type = ALG_RSA, .scheme = ALG_RAW };
    struct alg_key k = { .type = ALG_RSA, .bits = 512, .modulus = bytes_of(modulus, 64),
                         .exponent = BYTES(3) };
    const bytes in = bytes_of(block, 64), made = bytes_of(signature, 64);
    memset(modulus, 0xfb, sizeof modulus);
    block[63] = 8, signature[63] = 2;
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
#if SCARD11_MBEDTLS_MAJOR < 4
    signature[63] = 3;
    CHECK(!op_is_whole(&k, &use, in, made, p15_scratch()));
#endif
    signature[0] = 1;                           // as the card gave it: the trial's to check
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
    signature[0] = 0;
    k.modulus = BYTES_NONE;                     // nothing to check it with
    CHECK(op_is_whole(&k, &use, in, made, p15_scratch()));
}

// Input that comes with the last call alone is not copied; what was kept before goes in front of it.
TEST(op_input_is_the_caller_s_where_nothing_was_kept)
{
    static u8 much[OP_DATA_MAX];
    static const struct mech_row row = { .type = CKM_RSA_PKCS };
    struct chain data = { .n = 0 };
    struct op op = { .row = &row, .use = { .scheme = ALG_PKCS1 }, .data = &data };
    struct scratch scratch = p15_scratch();
    bytes in, last = bytes_text("last");
    card_begin(1 << 20);
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(in.p == last.p && in.n == last.n);
    CHECK_ST(op_input(&op, bytes_of(much, sizeof much), &scratch, &in), ST_OK);
    CHECK_ST(op_add(&card_it, &op, bytes_text("first, ")), ST_OK);
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, bytes_text("first, last")));
    CHECK_ST(op_input(&op, bytes_of(much, sizeof much - 6), &scratch, &in), ST_DATA_LEN);
    CHECK_ST(op_add(&card_it, &op, bytes_of(much, sizeof much - 6)), ST_DATA_LEN);
    op.head = 5;                                // ... which a signature that came early is not
    CHECK_ST(op_input(&op, last, &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, bytes_text(", last")));
    arena_free(&card_it.arena);
}

// The digest of all parts, the last of them with the call that ends it.
TEST(op_input_is_hashed_with_its_last_part)
{
    static const struct mech_row row = { .type = CKM_SHA256_RSA_PKCS, .hash = CKM_SHA256 };
    u8 room[ALG_HASH_MAX];
    struct buf want = buf_on(room, sizeof room);
    struct chain data = { .n = 0 };
    struct op op = { .row = &row, .use = { .hash = alg_hash_find(CKM_SHA256) }, .data = &data };
    struct scratch scratch = p15_scratch();
    bytes in;
    CHECK_ST(cipher_start(), ST_OK);
    CHECK_ST(hash_of(op.use.hash, bytes_text("first, last"), &want), ST_OK);
    CHECK_ST(op_start(&op, NULL, SESSION_VERIFY, scratch), ST_OK);
    CHECK_ST(op_add(NULL, &op, bytes_text("first, ")), ST_OK);
    CHECK_ST(op_input(&op, bytes_text("last"), &scratch, &in), ST_OK);
    CHECK(bytes_equal(in, buf_bytes(&want)) && !op.hashing && !data.n);
}

static void test_op(void)
{
    RUN(op_input_is_the_caller_s_where_nothing_was_kept);
    RUN(op_input_is_hashed_with_its_last_part);
    RUN(op_begins_with_what_fits);
    RUN(op_begins_what_the_card_pads);
    RUN(op_gives_the_card_a_padded_block);
    RUN(op_raw_numbers_are_below_the_modulus);
    RUN(op_begins_again_with_an_empty_result);
    RUN(op_asks_for_the_login_of_each_use);
    RUN(op_ends_with_its_login);
    RUN(op_tells_its_length_for_nothing);
    RUN(op_decrypts_once);
    RUN(op_takes_parts_or_all);
    RUN(op_messages_begin_anew);
    RUN(op_short_signatures_are_looked_at);
    RUN(op_fits_a_hash_to_the_curve);
}
