// two_copies.c: scard11.c twice in one program, and functions of the program with the standard's names. usb_ reaches
// the readers by PC/SC (the stand-in), own_ as a custom reader, and does not write. Both use one card.
// SPDX-License-Identifier: 0BSD
//
// tests/programs/examples.sh compiles it, with card_before_main.c.
#include "../../scard11.h"
#include "../test.h"

CK_RV usb_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);
CK_RV own_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);
CK_RV own_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
unsigned long usb_scard11_configure(const char *option, const char *value);
unsigned long own_scard11_stats(unsigned long slot, struct scard11_counters *counters);

// Neither copy may call these.
static unsigned called;
CK_RV C_Initialize(CK_VOID_PTR args) { (void)args; called++; return CKR_GENERAL_ERROR; }
CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    (void)session; (void)mechanism; (void)key;
    called++;
    return CKR_GENERAL_ERROR;
}
const char *scard11_version(void) { called++; return "of the program"; }

struct copy {
    CK_FUNCTION_LIST_PTR list;
    CK_TOKEN_INFO card;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_BYTE signature[256];
};
static struct copy usb, own;

static void begin(struct copy *c)
{
    static CK_UTF8CHAR pin[] = "123456";
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE rsa = CKK_RSA;
    CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &rsa, sizeof rsa } };
    CK_ULONG found = 0;
    CHECK_RV(c->list->C_Initialize(NULL), CKR_OK);
    CHECK_RV(c->list->C_GetTokenInfo(0, &c->card), CKR_OK);
    CHECK_RV(c->list->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &c->session), CKR_OK);
    CHECK_RV(c->list->C_Login(c->session, CKU_USER, pin, 6), CKR_OK);
    CHECK_RV(c->list->C_FindObjectsInit(c->session, like, 2), CKR_OK);
    CHECK_RV(c->list->C_FindObjects(c->session, &c->key, 1, &found), CKR_OK);
    CHECK_RV(c->list->C_FindObjectsFinal(c->session), CKR_OK);
    CHECK_EQ(found, 1);
}

static CK_RV sign(struct copy *c)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE text[] = "by two copies";
    CK_ULONG n = sizeof c->signature;
    CK_RV rv = c->list->C_SignInit(c->session, &mechanism, c->key);
    return rv ? rv : c->list->C_Sign(c->session, text, sizeof text, c->signature, &n);
}

TEST(two_copies_use_one_card_in_turn)
{
    for (int i = 0; i < 3; i++) {
        memset(usb.signature, 0, sizeof usb.signature);
        memset(own.signature, 1, sizeof own.signature);
        CHECK_RV(sign(&usb), CKR_OK);
        CHECK_RV(sign(&own), CKR_OK);
        CHECK(!memcmp(usb.signature, own.signature, sizeof own.signature));
    }
    CHECK(!memcmp(usb.card.serialNumber, own.card.serialNumber, sizeof own.card.serialNumber));
}

TEST(each_has_options_of_its_own)
{
    struct scard11_counters counters;
    CHECK(!(usb.card.flags & CKF_WRITE_PROTECTED));
    CHECK(own.card.flags & CKF_WRITE_PROTECTED);            // SCARD11_WRITE 0
    CHECK_RV(usb_scard11_configure("SCARD11_EXCLUSIVE", "1"), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(own_scard11_stats(0, &counters), CKR_OK);
    CHECK(counters.commands > 0);
}

TEST(the_end_of_one_is_not_the_end_of_the_other)
{
    CHECK_RV(usb.list->C_Finalize(NULL), CKR_OK);
    CHECK_RV(sign(&usb), CKR_CRYPTOKI_NOT_INITIALIZED);
    CK_RV rv = sign(&own);                                  // its login may have ended on the card
    CHECK(rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(own_C_SignInit(own.session, NULL, own.key), CKR_ARGUMENTS_BAD);
    CHECK_RV(own.list->C_Finalize(NULL), CKR_OK);
}

TEST(names_of_the_program_are_its_own)
{
    CHECK_EQ(called, 0);
    CHECK_RV(C_Initialize(NULL), CKR_GENERAL_ERROR);
    CHECK_EQ(called, 1);
}

static void test_two_copies(void)
{
    RUN(two_copies_use_one_card_in_turn);
    RUN(each_has_options_of_its_own);
    RUN(the_end_of_one_is_not_the_end_of_the_other);
    RUN(names_of_the_program_are_its_own);
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    if (usb_C_GetFunctionList(&usb.list) || own_C_GetFunctionList(&own.list)) return 1;
    begin(&usb);
    begin(&own);
    if (test_failing) return 1;
    SECTION(two_copies);
    return test_end();
}
