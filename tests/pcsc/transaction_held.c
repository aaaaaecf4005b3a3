// transaction_held.c: another program holds a transaction on the card for some seconds, through a real pcscd.
// What scard11 answers from memory must not wait for it; what needs the card waits, and then
// succeeds. Run by e2e.sh. SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE
#include "../../scard11.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <winscard.h>

#define HOLD_MS 2500

static int failed;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check(const char *what, CK_RV rv, double begun, double least, double most)
{
    double ms = now_ms() - begun;
    if (rv == CKR_OK && ms >= least && ms <= most) return;
    printf("%s: %#lx after %.0f ms\n", what, rv, ms);
    failed = 1;
}

// The other program: takes the card when told, for HOLD_MS.
static void hold(int told, int tell)
{
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol, n;
    char names[1024], byte;
    n = sizeof names;
    if (read(told, &byte, 1) != 1 || SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL,
                                                           &context) ||
        SCardListReaders(context, NULL, names, &n) ||
        SCardConnect(context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                     &card, &protocol) ||
        SCardBeginTransaction(card)) _exit(1);
    if (write(tell, "x", 1) != 1) _exit(1);
    usleep(HOLD_MS * 1000);
    SCardEndTransaction(card, SCARD_LEAVE_CARD);
    _exit(0);
}

int main(void)
{
    int go[2], held[2];
    char byte;
    CK_SLOT_ID slot;
    CK_ULONG n = 1;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE id = 1, sig[256], label[64];
    CK_ATTRIBUTE find[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    CK_ATTRIBUTE a = { CKA_LABEL, label, sizeof label };
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_SESSION_INFO info;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token;
    CK_ULONG sig_len = sizeof sig;

    if (pipe(go) || pipe(held)) return 1;
    if (!fork()) hold(go[0], held[1]);
    CK_RV rv = C_Initialize(NULL);
    if (!rv) rv = C_GetSlotList(CK_TRUE, &slot, &n);
    if (!rv) rv = C_GetTokenInfo(slot, &token);
    if (!rv) rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (!rv) rv = C_Login(session, CKU_USER, (CK_BYTE *)"123456", 6);
    if (!rv) rv = C_FindObjectsInit(session, find, 2);
    if (!rv) rv = C_FindObjects(session, &key, 1, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    if (rv) return printf("before: %#lx\n", rv), 1;
    if (write(go[1], "x", 1) != 1 || read(held[0], &byte, 1) != 1) return 1;

    double begun = now_ms(), each;
    for (int i = 0; i < 5; i++) {
        usleep(30000);                          // so that each call looks anew
        each = now_ms();
        check("C_GetSessionInfo", C_GetSessionInfo(session, &info), each, 0, 100);
        each = now_ms();
        check("C_GetAttributeValue", C_GetAttributeValue(session, key, &a, 1), each, 0, 100);
        a.ulValueLen = sizeof label;
        each = now_ms();
        check("C_GetSlotInfo", C_GetSlotInfo(slot, &slot_info), each, 0, 100);
        each = now_ms();
        check("C_GetTokenInfo", C_GetTokenInfo(slot, &token), each, 0, 100);
        each = now_ms();
        rv = C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
        check("C_WaitForSlotEvent", rv == CKR_NO_EVENT ? CKR_OK : rv, each, 0, 100);
    }
    rv = C_SignInit(session, &m, key);
    if (!rv) rv = C_Sign(session, (CK_BYTE *)"held", 4, sig, &sig_len);
    check("C_Sign", rv, begun, HOLD_MS - 500, HOLD_MS + 2000);
    C_Finalize(NULL);
    return failed;
}
