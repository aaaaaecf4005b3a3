// message.c: >>message, over the session of op.c; api.c calls each function in each state.
// SPDX-License-Identifier: 0BSD

TEST(message_wants_an_operation)
{
    struct session se = { .handle = 1 };
    CHECK_ST(message_check(&se, SESSION_MESSAGE_SIGN, false, NULL, 0), ST_OP_NONE);
    CHECK_ST(message_check(&se, SESSION_MESSAGE_VERIFY, true, NULL, 0), ST_OP_NONE);
}

// What is between two messages is not within one, and no mechanism has parameters of a message.
TEST(message_is_begun_or_not)
{
    static const char *const lines[] = { NULL };
    op_begin_session(lines);
    if (test_failing) return;
    CHECK_ST(op_try_begin(SESSION_MESSAGE_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, false, NULL, 0), ST_OK);
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, true, NULL, 0), ST_OP_NONE);
    op_of(op_session, SESSION_MESSAGE_SIGN)->begun = true;
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, false, NULL, 0), ST_OP_ACTIVE);
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, true, NULL, 0), ST_OK);
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, true, "p", 1), ST_MECH_PARAM);
    CHECK_ST(message_check(op_session, SESSION_MESSAGE_SIGN, true, NULL, 1), ST_ARGS);
    run_test_end();
}

// Parts of one message: the last one, which brings a buffer, ends it and not the operation. A
// question for the length, and a buffer that is too small, take nothing of the part.
TEST(message_ends_with_its_last_part)
{
    static const char *const lines[] = { NULL };
    u8 out[128];
    CK_ULONG n = 1;
    op_begin_session(lines);
    if (test_failing) return;
    struct call call = { .card = &card_it, .reader = &run_reader, .session = op_session,
                         .scratch = padding_scratch() };
    CHECK_ST(op_try_begin(SESSION_MESSAGE_SIGN, CKM_SHA256_RSA_PKCS), ST_OK);
    for (unsigned i = 1; i <= 2; i++) {
        op_of(op_session, SESSION_MESSAGE_SIGN)->begun = true;
        CHECK_ST(message_sign_next(&call, bytes_text("ab"), NULL, NULL), ST_OK);
        CHECK_ST(message_sign_next(&call, bytes_text("c"), NULL, &n), ST_OK);
        CHECK_EQ(n, 128);
        n = 127;
        CHECK_ST(message_sign_next(&call, bytes_text("c"), out, &n), ST_TOO_SMALL);
        CHECK(n == 128 && op_noted.calls == i - 1);
        CHECK_ST(message_sign_next(&call, bytes_text("c"), out, &n), ST_OK);
        CHECK_BYTES(op_noted.in + 128 - 32, 32,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK(op_runs(SESSION_MESSAGE_SIGN) && !op_of(op_session, SESSION_MESSAGE_SIGN)->begun);
    }
    run_test_end();
}

static void test_message(void)
{
    RUN(message_wants_an_operation);
    RUN(message_is_begun_or_not);
    RUN(message_ends_with_its_last_part);
}
