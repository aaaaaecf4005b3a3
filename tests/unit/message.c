// message.c: >>message. SPDX-License-Identifier: 0BSD

// The functions themselves are api.c's: here, that no session means no operation.
TEST(message_wants_an_operation)
{
    struct session se = { .handle = 1 };
    CHECK_ST(message_check(&se, SESSION_MESSAGE_SIGN, false, NULL, 0), ST_OP_NONE);
    CHECK_ST(message_check(&se, SESSION_MESSAGE_VERIFY, true, NULL, 0), ST_OP_NONE);
}

static void test_message(void)
{
    RUN(message_wants_an_operation);
}
