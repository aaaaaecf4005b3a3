// beside_gpg.c: scard11's module and GnuPG's scdaemon take turns at one OpenPGP card, through a real
// pcscd. Run by beside_gpg.sh, which made the keys on the card. SPDX-License-Identifier: 0BSD
//
//     beside_gpg MODULE DIR SEED TURNS
//
// What holds after each turn, whoever had it, and however the other used the card in between:
//     a signature of ours is right for the card's key, or the call says that nobody is logged in,
//     or that another program has the card for itself;
//     a plaintext is what was encrypted;
//     the card took no more tries than wrong PINs were given (DIR/tries);
//     no PIN came to another application (DIR/secrets).
// GnuPG may fail: it believes that a PIN is verified until it is told otherwise. What it gives out
// must be right.
#define _GNU_SOURCE
#include "../../scard11.h"
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// GnuPG lets go of the card, and of what it believes of it.
#define FORGET "gpgconf --kill all; gpgconf --launch gpg-agent"

static CK_FUNCTION_LIST_PTR p11;
static const char *dir;
static CK_SESSION_HANDLE session;
static CK_SLOT_ID slot;
static EVP_PKEY *public[3];             // by CKA_ID, from 1
static CK_BYTE text[] = "their turn, and ours", out[512];
static CK_ULONG out_len;
static bool logged_in, exclusive;      // exclusive: GnuPG keeps the card for itself
static unsigned wrong_given, failures, turn;
static bool wrong_last;                 // no right PIN came since a wrong one
static struct { unsigned signed_, decrypted, not_logged_in, busy, gpg_did, gpg_failed; } seen;

static void fail(const char *what, CK_RV rv)
{
    printf("turn %u: %s: %#lx\n", turn, what, rv);
    failures++;
}

static unsigned card_says(const char *name)
{
    char path[512];
    unsigned n = ~0u;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%u", &n) != 1) n = ~0u;
    if (f) fclose(f);
    return n;
}

// ---- Our turns ----

static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS class, CK_BYTE id)
{
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG n = 0;
    if (p11->C_FindObjectsInit(session, t, 2)) return 0;
    if (p11->C_FindObjects(session, &object, 1, &n) || !n) object = 0;
    p11->C_FindObjectsFinal(session);
    return object;
}

// Is it a result that the other program's work explains? Then what we know is set right.
static bool explained(CK_RV rv)
{
    CK_SESSION_INFO info;
    if (rv == CKR_USER_NOT_LOGGED_IN) {
        seen.not_logged_in++;
        logged_in = false;
        if (!p11->C_GetSessionInfo(session, &info) && info.state != CKS_RW_PUBLIC_SESSION)
            fail("nobody is logged in, and the session's state says otherwise", info.state);
        return true;
    }
    if (rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT ||
        rv == CKR_FUNCTION_FAILED || rv == CKR_SESSION_HANDLE_INVALID) {
        seen.busy++;
        return exclusive;
    }
    return false;
}

static bool open_session(void)
{
    CK_ULONG n = 1;
    CK_RV rv = p11->C_GetSlotList(CK_TRUE, &slot, &n);
    if (!rv && n) rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                          &session);
    if (rv && !explained(rv)) fail("C_OpenSession", rv);
    return !rv && n;
}

static void login(void)
{
    CK_RV rv = p11->C_Login(session, CKU_USER, (CK_BYTE_PTR)(uintptr_t)"123456", 6);
    if (rv == CKR_SESSION_HANDLE_INVALID && open_session())
        rv = p11->C_Login(session, CKU_USER, (CK_BYTE_PTR)(uintptr_t)"123456", 6);
    if (!rv) wrong_last = false;
    if (!rv || rv == CKR_USER_ALREADY_LOGGED_IN) logged_in = true;
    else if (!explained(rv)) fail("C_Login", rv);
}

static void logout(void)
{
    CK_RV rv = p11->C_Logout(session);
    if (rv && !explained(rv)) fail("C_Logout", rv);
    logged_in = false;
}

static bool good(EVP_PKEY *key)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ed = EVP_PKEY_id(key) == EVP_PKEY_ED25519;
    bool right = EVP_DigestVerifyInit(c, NULL, ed ? NULL : EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(c, out, out_len, text, sizeof text) == 1;
    EVP_MD_CTX_free(c);
    return right;
}

static void sign(CK_BYTE id)
{
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    if (!public[id - 1]) return;
    if (EVP_PKEY_id(public[id - 1]) == EVP_PKEY_ED25519) m.mechanism = CKM_EDDSA;
    if (!logged_in) login();
    if (!logged_in) return;
    CK_OBJECT_HANDLE key = find(CKO_PRIVATE_KEY, id);
    CK_RV rv = key ? p11->C_SignInit(session, &m, key) : CKR_USER_NOT_LOGGED_IN;
    out_len = sizeof out;
    if (!rv) rv = p11->C_Sign(session, text, sizeof text, out, &out_len);
    if (!rv && !good(public[id - 1])) fail("a signature is wrong", id);
    if (rv && !explained(rv)) fail("C_Sign", rv);
    seen.signed_ += !rv;
}

static void decrypt(void)
{
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    uint8_t cipher[512];
    size_t n = sizeof cipher;
    EVP_PKEY *key = public[1];
    if (!key || EVP_PKEY_id(key) != EVP_PKEY_RSA) return;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    if (EVP_PKEY_encrypt_init(c) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_encrypt(c, cipher, &n, text, sizeof text) != 1) abort();
    EVP_PKEY_CTX_free(c);
    if (!logged_in) login();
    if (!logged_in) return;
    CK_OBJECT_HANDLE private = find(CKO_PRIVATE_KEY, 2);
    CK_RV rv = private ? p11->C_DecryptInit(session, &m, private) : CKR_USER_NOT_LOGGED_IN;
    out_len = sizeof out;
    if (!rv) rv = p11->C_Decrypt(session, cipher, n, out, &out_len);
    if (!rv && (out_len != sizeof text || memcmp(out, text, out_len))) fail("a plaintext", out_len);
    if (rv && !explained(rv)) fail("C_Decrypt", rv);
    seen.decrypted += !rv;
}

static void look(void)
{
    CK_TOKEN_INFO info;
    CK_OBJECT_HANDLE objects[20];
    CK_ULONG n = 0;
    CK_RV rv = p11->C_GetTokenInfo(slot, &info);
    if (!rv) rv = p11->C_FindObjectsInit(session, NULL, 0);
    if (!rv) rv = p11->C_FindObjects(session, objects, 20, &n);
    if (!rv) p11->C_FindObjectsFinal(session);
    if (rv && !explained(rv)) fail("a look", rv);
}

static void begin_again(void)
{
    p11->C_CloseAllSessions(slot);
    logged_in = false;
    open_session();
}

// ---- GnuPG's turns ----

static bool run(const char *command)
{
    char line[2048];
    snprintf(line, sizeof line, "cd %s && { %s; } > gpg.out 2>&1", dir, command);
    return system(line) == 0;
}

// Its user gives a wrong PIN: one try, whatever it makes of that.
static void gpg_wrong(void)
{
    unsigned before = card_says("tries");
    if (wrong_last) return;             // three would block it
    wrong_last = true;
    run(FORGET "; echo 111111 > pin; gpg --yes -o out.sig --detach-sign text;"
        "echo 123456 > pin");
    wrong_given += card_says("tries") - before;
    if (card_says("tries") - before > 1) fail("GnuPG gave so many wrong PINs", card_says("tries"));
    logged_in = false;                  // maybe; the next call says
    begin_again();
}

static void show(unsigned which)
{
    char line[600];
    snprintf(line, sizeof line, "cd %s; echo turn %u, GnuPG %u:; cat gpg.out", dir, turn, which);
    if (system(line)) return;
}

static void gpg_turn(unsigned which)
{
    static const char *const commands[] = {
        "rm -f out.sig; gpg -o out.sig --detach-sign text && gpg --verify out.sig text",
        "gpg -d enc | cmp - text",
        "gpg --card-status",
        "rm -f text.sig; ssh-keygen -Y sign -f ssh.pub -n file text && "
            "ssh-keygen -Y verify -f allowed -I holder -n file -s text.sig < text",
        FORGET,
    };
    bool did = run(commands[which]);
    seen.gpg_did += did;
    seen.gpg_failed += !did;
    if (!did && getenv("SHOW")) show(which);
    if (!did) run(FORGET);       // else it goes on believing
}

// ---- ----

static void read_public(CK_BYTE id)
{
    CK_BYTE spki[1000];
    CK_ATTRIBUTE a = { CKA_PUBLIC_KEY_INFO, spki, sizeof spki };
    CK_OBJECT_HANDLE key = find(CKO_PUBLIC_KEY, id);
    const unsigned char *p = spki;
    CK_RV rv = key ? p11->C_GetAttributeValue(session, key, &a, 1) : CKR_OBJECT_HANDLE_INVALID;
    if (!rv) public[id - 1] = d2i_PUBKEY(NULL, &p, (long)a.ulValueLen);
    if (!public[id - 1]) fail("no public key", id);
}

// GnuPG gets the card for itself only when nobody else has it.
static void let_go(void)
{
    p11->C_CloseAllSessions(slot);
    logged_in = false;
    session = 0;
}

static void our_turn(unsigned which)
{
    if (!session) begin_again();
    switch (which) {
    case 0: case 1: case 2: sign(1); break;
    case 3: case 4:         sign(3); break;
    case 5: case 6:         decrypt(); break;
    case 7:                 look(); break;
    case 8:                 logout(); break;
    default:                begin_again(); break;
    }
}

static void check_card(void)
{
    if (card_says("tries") != wrong_given) fail("tries were taken", card_says("tries"));
    if (card_says("secrets")) fail("secrets went astray", card_says("secrets"));
}

// Has either not yet done what shows that they take turns? Who has the card for itself may keep it.
static bool lacks(unsigned turns)
{
    return seen.signed_ < turns / 10 || seen.gpg_did < turns / 5;
}

int main(int argc, char **argv)
{
    CK_C_GetFunctionList get = NULL;
    if (argc != 5) return 2;
    void *module = dlopen(argv[1], RTLD_NOW);
    if (module) *(void **)&get = dlsym(module, "C_GetFunctionList");
    dir = argv[2];
    exclusive = getenv("EXCLUSIVE") != NULL;
    srand((unsigned)atoi(argv[3]));
    if (!get || get(&p11) || p11->C_Initialize(NULL)) return 2;
    run(FORGET);
    if (!open_session()) return 2;
    for (CK_BYTE id = 1; id <= 3; id++) read_public(id);
    unsigned turns = (unsigned)atoi(argv[4]);
    for (turn = 1; !failures && (turn <= turns || (lacks(turns) && turn <= 4 * turns)); turn++) {
        unsigned gpg = (unsigned)rand() % 12;
        our_turn((unsigned)rand() % 10);
        check_card();
        if (exclusive && rand() % 2) let_go();
        if (gpg < 10) gpg_turn(gpg % 5);
        else if (gpg == 10) gpg_wrong();
        check_card();
    }
    // Alone again, all is well.
    run(FORGET);
    exclusive = false;
    begin_again();
    seen.signed_ = seen.signed_ * 2 + 1;
    unsigned before = seen.signed_;
    sign(1);
    sign(3);
    if (seen.signed_ != before + 2) fail("alone it does not sign", seen.signed_);
    logout();
    p11->C_Finalize(NULL);
    check_card();
    printf("%u signatures, %u plaintexts, %u times not logged in, %u times busy; "
           "GnuPG did %u, failed %u; %u wrong PINs\n", before / 2, seen.decrypted, seen.not_logged_in, seen.busy,
           seen.gpg_did, seen.gpg_failed, wrong_given);
    return failures || before / 2 < turns / 10 || seen.gpg_did < turns / 5;
}
