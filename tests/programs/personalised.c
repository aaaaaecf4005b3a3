// personalised.c: examples/personalise.c fills blank cards. openssl is the authority: it checks the
// request, issues the certificate, and verifies a signature by the key with what is on the card then.
// SPDX-License-Identifier: 0BSD
//
// tests/programs/examples.sh runs it in an empty directory.
#define _POSIX_C_SOURCE 200809L
#define main personalise_main
#include "../../examples/personalise.c"
#undef main
#include "scene.h"
#include "../sim/sim_belpic.h"
#include "../sim/sim_schsm.h"

#define SUBJECT "C=EE,O=Example,OU=Cards,CN=Jane Doe"
#define USUAL   "010203040506070801020304050607080102030405060708"

static struct sim_card *blank, *other;

// Runs the example; what it prints goes to files. Its exit code.
#define PERSONALISE(...) personalise((char *[]){ (char[]){ "personalise" }, __VA_ARGS__, NULL })

static int personalise(char **argv)
{
    int argc = 0, screen = dup(1), errors = dup(2);
    FILE *printed = fopen("printed", "w"), *said = fopen("said", "w");
    while (argv[argc]) argc++;
    if (!printed || !said || screen < 0 || errors < 0) return -1;
    fflush(stdout);
    dup2(fileno(printed), 1);
    dup2(fileno(said), 2);
    int rc = personalise_main(argc, argv);
    fflush(stdout);
    dup2(screen, 1);
    dup2(errors, 2);
    close(screen);
    close(errors);
    fclose(printed);
    fclose(said);
    return rc;
}

// A command of the shell. What it says is shown when it fails.
static bool shell(const char *line)
{
    char whole[600];
    snprintf(whole, sizeof whole, "(%s) > shell 2>&1 || { cat shell; false; }", line);
    fflush(stdout);
    return !system(whole);
}

// A blank card, and before it one that cannot be written.
static void begin_blank(const struct sim_piv_options *options)
{
    static const struct sim_belpic_options belgian = { 0 };
    struct sim_piv_options o = *options;
    o.blank = o.prepared = true;
    setenv("PERSONALISE_SO", USUAL, 1);
    setenv("PERSONALISE_PIN", "123456", 1);
    C_Finalize(NULL);                                       // what a case that failed left
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader 0"), other = sim_belpic_new(&belgian));
    sim_reader_insert(sim_reader_add("Reader 1"), blank = sim_piv_new(&o));
    scene_slot = SCARD11_READER_SLOTS;                      // the second reader's
}

// Nobody is logged in, nothing is open, and the other card got nothing.
static void end_blank(void)
{
    struct sim_reader_stats s = sim_reader_stats();
    bool left = sim_piv_admin(blank) || blank->verified(blank) || other->verifies || other->tries_taken ||
                s.connections + s.contexts + s.unbalanced + s.outside + s.after_removed;
    sim_reader_clear();
    blank->free(blank);
    other->free(other);
    CHECK(!left);
}

// Is the request right, signed by the key that is asked for? Then the certificate is issued.
static bool issue(void)
{
    return shell("openssl req -in printed -verify -noout -subject -nameopt RFC2253,-dn_rev > about 2>&1; "
                 "openssl asn1parse -in printed >> about; cat about; grep -q 'cont \\[ 0 \\]' about && "
                 "grep -q 'verify OK' about && grep -q '^subject=" SUBJECT "$' about") &&
           shell("openssl x509 -req -in printed -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 "
                 "-out certificate.pem && openssl verify -CAfile ca.pem certificate.pem");
}

static bool save(const char *file, const void *p, size_t n)
{
    FILE *f = fopen(file, "wb");
    bool good = f && fwrite(p, 1, n, f) == n;
    return f && !fclose(f) && good;
}

// To files: a text, its signature by the key of an ID, and the certificate that is on the card with it.
static void use(CK_BYTE id)
{
    static CK_BYTE text[] = "a text to sign", sig[512], der[4096];
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE private_key, stored;
    CK_KEY_TYPE type = 0;
    CK_BBOOL again = CK_FALSE;
    CK_ULONG n = sizeof sig;
    CK_ATTRIBUTE about[] = { { CKA_KEY_TYPE, &type, sizeof type },
                             { CKA_ALWAYS_AUTHENTICATE, &again, 1 } };
    CK_ATTRIBUTE value = { CKA_VALUE, der, sizeof der };
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_login(&session), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &private_key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, id, &stored), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, private_key, about, 2), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, stored, &value, 1), CKR_OK);
    CK_MECHANISM m = { type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    CHECK_RV(C_SignInit(session, &m, private_key), CKR_OK);
    if (again) CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN, 6), CKR_OK);
    CHECK_RV(C_Sign(session, text, sizeof text, sig, &n), CKR_OK);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    if (type == CKK_EC) {
        uint8_t pair[160];
        n = scene_der(sig, n, pair);
        memcpy(sig, pair, n);
    }
    CHECK(save("text", text, sizeof text) && save("signature", sig, n) &&
          save("stored.der", der, value.ulValueLen));
}

// Is the key of an ID the one that the certificate on the card is about?
static void check_stored(CK_BYTE id)
{
    use(id);
    if (test_failing) return;
    CHECK(shell("openssl x509 -in certificate.pem -outform DER | cmp - stored.der"));
    CHECK(shell("openssl x509 -inform DER -in stored.der -noout -pubkey > public.pem && "
                "openssl dgst -sha256 -verify public.pem -signature signature text"));
}

// Numbers with zeros at their begin, and with a first bit that would be a sign.
TEST(personalise_writes_signatures)
{
    static const struct { CK_BYTE pair[12]; const char *der; } some[] = {
        { { 1, 2, 3, 4, 5, 6, 0x7f, 8, 9, 10, 11, 12 }, "03 13 00 30 10 0206 010203040506 0206 7f08090a0b0c" },
        { { 0x80, 2, 3, 4, 5, 6, 0, 0, 0x80, 4, 5, 6 }, "03 13 00 30 10 0207 00800203040506 0205 00 80040506" },
        { { 0, 0, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0 }, "03 0c 00 30 09 0204 03040506 0201 00" },
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        struct der der;
        begin(&der);
        put_signature(&der, &types[0], some[i].pair, 12);
        CHECK_BYTES(der.at, (size_t)(der.end - der.at), some[i].der);
    }
}

// More than there is room for: nothing is written outside, and no key made.
TEST(personalise_long_subject)
{
    static const char *const parts[] = { "C=EE", ",L=", ",O=", ",OU=", ",CN=" };
    static CK_BYTE whole[sizeof(struct der)];
    char subject[1300] = "", long_part[250];
    struct der der;
    begin(&der);
    put_tagged(&der, MBEDTLS_ASN1_UTF8_STRING, whole, sizeof der.room - 3);
    CHECK(der.full && der.at >= der.room);
    memset(long_part, 'x', sizeof long_part);
    for (size_t i = 0; i < 5; i++) {
        size_t n = strlen(subject);
        snprintf(subject + n, sizeof subject - n, "%s%.*s", parts[i], i ? 249 : 0, long_part);
    }
    begin_blank(&(struct sim_piv_options){ .extended = true });
    CHECK_EQ(PERSONALISE("key", "1", subject), 1);
    CHECK_EQ(blank->apdus, 0);
    CHECK_EQ(PERSONALISE("key", "1", subject + strlen("C=EE,L=")), 1);          // no part of a name
    CHECK_EQ(blank->apdus, 0);
    memmove(subject + 4, subject + 4 + 252, strlen(subject + 4 + 252) + 1);     // without L
    CHECK_EQ(PERSONALISE("key", "1", subject), 0);
    CHECK(shell("openssl req -in printed -verify -noout 2>&1 | grep 'verify OK'"));
    end_blank();
}

TEST(personalise_blank_cards)
{
    static const struct { char id[3], type[8]; uint8_t ref; bool yubikey; } some[] = {
        { "1", "p256", 0x9a, false }, { "2", "rsa2048", 0x9c, false }, { "1", "rsa2048", 0x9a, true },
        { "2", "p256", 0x9c, true }, { "4", "p384", 0x9e, false }, { "24", "p384", 0x95, true },
        { "5", "rsa3072", 0x82, true },
    };
    for (size_t i = 0; i < sizeof some / sizeof *some && !test_failing; i++) {
        char id[3], type[8], *own = some[i].yubikey ? NULL : id;
        memcpy(id, some[i].id, sizeof id);
        memcpy(type, some[i].type, sizeof type);
        begin_blank(&(struct sim_piv_options){ .yubikey = some[i].yubikey, .management = 3,
                                         .version = 0x050700, .extended = i % 2 });
        CHECK_EQ(PERSONALISE("key", id, type, SUBJECT), 0);
        CHECK(shell("grep -q 'makes a key.*done' said"));
        CHECK_EQ(sim_piv_origin(blank, some[i].ref), SIM_GENERATED);
        CHECK(issue());
        unsigned writes = sim_piv_writes(blank);
        if (own) CHECK_EQ(PERSONALISE("certificate", "certificate.pem"), 1);    // it shows no key
        CHECK_EQ(sim_piv_writes(blank), writes);
        CHECK_EQ(PERSONALISE("certificate", "certificate.pem", own), 0);
        CHECK_EQ(sim_piv_writes(blank), writes + 1);
        check_stored((CK_BYTE)atoi(id));
        if (test_failing) return;
        CHECK_EQ(PERSONALISE("key", id, type, SUBJECT), 1);     // it has a certificate
        CHECK_EQ(sim_piv_writes(blank), writes + 1);
        end_blank();
    }
}

// Of several keys the certificate goes to its own.
TEST(personalise_finds_the_key)
{
    begin_blank(&(struct sim_piv_options){ .yubikey = true, .management = 3, .version = 0x050700 });
    for (char id[] = "1"; *id <= '3'; ++*id) {
        CHECK_EQ(PERSONALISE("key", id, SUBJECT), 0);       // p256, as nothing is said
        if (*id == '2') CHECK(issue());
    }
    CHECK_EQ(PERSONALISE("certificate", "certificate.pem"), 0);
    check_stored(2);
    if (test_failing) return;
    CHECK_EQ(PERSONALISE("certificate", "certificate.pem", "3"), 1);    // that is another one
    end_blank();
}

// Asked for, once each, also where the key wants the PIN for each signature.
TEST(personalise_asks)
{
    begin_blank(&(struct sim_piv_options){ .extended = true });
    CHECK(shell("printf '123456\\n" USUAL "\\n' > typed"));
    unsetenv("PERSONALISE_SO");
    unsetenv("PERSONALISE_PIN");
    CHECK(freopen("typed", "r", stdin));
    CHECK_EQ(PERSONALISE("key", "2", SUBJECT), 0);
    CHECK(issue());
    CHECK(shell("test $(grep -c '^PIN: ' said) = 1 && test $(grep -c 'SO.s PIN' said) = 1"));
    CHECK(!sim_piv_wrong_answers(blank));
    end_blank();
}

// A card that its user writes, from C_InitToken on.
TEST(personalise_begins)
{
    C_Finalize(NULL);
    sim_reader_clear();
    blank = sim_schsm_new(&(struct sim_schsm_options){ .blank = true });
    sim_reader_insert(sim_reader_add("Reader 0"), blank);
    scene_slot = 0;
    setenv("PERSONALISE_SO", "3537363231383830", 1);
    setenv("PERSONALISE_PIN", "123456", 1);
    CHECK_EQ(PERSONALISE("key", "1", SUBJECT), 1);          // it has no PIN yet
    CHECK_EQ(PERSONALISE("begin", "Kiosk 7"), 0);
    CHECK_EQ(PERSONALISE("key", "1", "p256", SUBJECT), 0);
    CHECK(issue());
    CHECK(shell("grep -q '^Kiosk 7 ' said"));
    CHECK_EQ(PERSONALISE("certificate", "certificate.pem"), 0);
    check_stored(1);
    if (test_failing) return;
    sim_reader_clear();
    CHECK(!blank->verified(blank));
    blank->free(blank);
}

// What cannot be changes nothing; a wrong subject or type is found before the card is asked.
TEST(personalise_refuses)
{
    begin_blank(&(struct sim_piv_options){ .extended = true });
    CHECK_EQ(PERSONALISE("key"), 2);
    CHECK_EQ(PERSONALISE("something", "1", SUBJECT), 2);
    CHECK_EQ(PERSONALISE("key", "1", "p255", SUBJECT), 1);
    CHECK_EQ(PERSONALISE("key", "1", "Jane Doe"), 1);
    CHECK_EQ(PERSONALISE("key", "1", "CN=Jane Doe,Something=Else"), 1);
    CHECK_EQ(PERSONALISE("certificate", "typed", "1"), 1);
    CHECK_EQ(blank->apdus, 0);
    CHECK_EQ(PERSONALISE("key", "25", SUBJECT), 1);
    CHECK_EQ(PERSONALISE("key", "257", SUBJECT), 1);
    CHECK_EQ(PERSONALISE("key", "nine", SUBJECT), 1);
    setenv("PERSONALISE_SO", "000000000000000000000000000000000000000000000000", 1);
    CHECK_EQ(PERSONALISE("key", "1", SUBJECT), 1);
    CHECK_EQ(sim_piv_writes(blank), 0);
    CHECK(shell("! test -s printed"));
    end_blank();
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    if (!shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 "
               "-subj '/CN=Test authority' -keyout ca.key -out ca.pem"))
        return 1;
    RUN(personalise_writes_signatures);
    RUN(personalise_long_subject);
    RUN(personalise_blank_cards);
    RUN(personalise_finds_the_key);
    RUN(personalise_asks);
    RUN(personalise_begins);
    RUN(personalise_refuses);
    return test_end();
}
