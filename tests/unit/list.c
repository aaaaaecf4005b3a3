// list.c: >>list.
// SPDX-License-Identifier: 0BSD

// A later list begins with the earlier ones.
TEST(list_begins_with_the_earlier_one)
{
    const size_t at = sizeof(CK_VERSION) < sizeof(void *) ? sizeof(void *) : sizeof(CK_VERSION);
    CHECK(!memcmp((u8 *)&list_2_40 + at, (u8 *)&list_3_0 + at, sizeof list_2_40 - at));
    CHECK(!memcmp((u8 *)&list_3_0 + at, (u8 *)&list_3_2 + at, sizeof list_3_0 - at));
    CHECK_EQ(list_interfaces[0].pFunctionList == &list_3_2, true);
}

// The interface that is asked for, by name, version and flags; the newest without any.
TEST(list_finds_interfaces)
{
    static const struct { const char *name; u8 major, minor; CK_FLAGS flags; const void *want; }
    cases[] = {
        { NULL, 0, 0, 0, &list_3_2 },               // major 0: no version is asked for
        { "PKCS 11", 0, 0, 0, &list_3_2 },
        { "PKCS 11", 3, 2, 0, &list_3_2 },
        { NULL, 3, 0, 0, &list_3_0 },
        { NULL, 2, 40, 0, &list_2_40 },
        { NULL, 3, 1, 0, NULL },
        { NULL, 2, 20, 0, NULL },
        { "PKCS 1", 0, 0, 0, NULL },
        { "Vendor", 3, 2, 0, NULL },
        { NULL, 0, 0, CKF_INTERFACE_FORK_SAFE, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CK_VERSION version = { cases[i].major, cases[i].minor };
        CK_INTERFACE *found = NULL;
        CK_RV rv = C_GetInterface((CK_UTF8CHAR *)(uintptr_t)cases[i].name,
                                  cases[i].major ? &version : NULL, &found, cases[i].flags);
        CHECK_RV(rv, cases[i].want ? CKR_OK : CKR_ARGUMENTS_BAD);
        CHECK((found ? found->pFunctionList : NULL) == cases[i].want);
    }
    CHECK_RV(C_GetInterface(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
}

TEST(list_counts_interfaces)
{
    CK_INTERFACE all[COUNT(list_interfaces)];
    CK_ULONG n = 0;
    CHECK_RV(C_GetInterfaceList(NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetInterfaceList(NULL, &n), CKR_OK);
    CHECK_EQ(n, 3);
    n = 2;
    CHECK_RV(C_GetInterfaceList(all, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(n, 3);
    CHECK_RV(C_GetInterfaceList(all, &n), CKR_OK);
    CHECK(all[1].pFunctionList == &list_3_0 && all[2].pFunctionList == &list_2_40);
}

// The lists, the options and the log are there before C_Initialize; what may be set, only then.
TEST(list_sets_options_before_the_beginning)
{
    CK_FUNCTION_LIST *functions = NULL;
    C_Finalize(NULL);
    CHECK_RV(C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_GetFunctionList(&functions), CKR_OK);
    CHECK(functions == &list_2_40 && functions->version.major == 2);
    CHECK_RV(scard11_configure(NULL, "1"), CKR_ARGUMENTS_BAD);
    CHECK_RV(scard11_configure("SCARD11_NOTHING", "1"), CKR_ARGUMENTS_BAD);
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_OK);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scard11_configure("SCARD11_EXCLUSIVE", "0"), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    CHECK_RV(scard11_set_log(NULL, NULL), CKR_OK);
}

static void test_list(void)
{
    RUN(list_begins_with_the_earlier_one);
    RUN(list_finds_interfaces);
    RUN(list_counts_interfaces);
    RUN(list_sets_options_before_the_beginning);
}
