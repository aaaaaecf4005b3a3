// refused.c: >>refused. SPDX-License-Identifier: 0BSD

// A function that is refused asks for the session first: it's the program's error that counts. api.c has them all.
TEST(refused_after_the_session)
{
    C_Finalize(NULL);
    CHECK_EQ(C_MessageEncryptInit(1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(C_Initialize(NULL), CKR_OK);
    CHECK_EQ(C_MessageEncryptInit(1, NULL, 0), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(C_AsyncJoin(1, NULL, 0, NULL, 0), CKR_SESSION_HANDLE_INVALID);
    C_Finalize(NULL);
}

static void test_refused(void)
{
    RUN(refused_after_the_session);
}
