// conformance_cases.h: for conformance.c. The mandatory test cases of "PKCS #11 Profiles" 3.2
// (OASIS), call by call, through each list of functions that the module gives out.
// SPDX-License-Identifier: 0BSD
//
//     BL-M-1-32    5.1.1  Baseline Provider          EXT-M-1-32   5.3.1  Extended Provider
//     AUTH-M-1-32  5.4.1  Authentication Token       CERT-M-1-32  5.5.1  Public Certificates Token
//
// The document has each case as an XML file. These tables were written from what the files say, in
// our words; none of their text is here. Those of 3.1 (BL-M-1-31, ...) make the same calls in the
// same order, and differ in the version alone. Every call in them returns CKR_OK.
//
// What may vary beside that, clause 3.1 lists: texts and versions of the provider, handles, data,
// CKA_VALUE. Of what it does not list some is of the provider that the case was written with: what
// a card has there instead is asserted here as well, and the difference printed. Where a call
// cannot return what it does in the case, the case does not count as passed for that kind of card.
//
// The profiles also list C_GetInterfaceList, C_GetInterface and C_LoginUser, which no case calls:
// the logins of the cases are made with C_LoginUser too, and cases of our own follow.
// C_SessionCancel, for which they do not ask, is met there as well.

enum difference { D_SLOT_FLAGS, D_TOKEN_FLAGS, D_SESSIONS, D_PIN, D_MEMORY, D_GENERATE, D_NO_RSA,
                  D_RSA, D_OBJECTS, D_NO_KEY, D_KEY, D_DIFFERENCES };

// there: in the case; here: on a card; call: not a value, but the return of a call.
static struct {
    const char *what, *there, *here;
    bool call;
    bool now;                           // in the case that runs
    unsigned kinds;                     // of cards
    const struct cards_kind *last;
} differences[] = {
    [D_SLOT_FLAGS] = { .what = "C_GetSlotInfo, Flags", .there = "TOKEN_PRESENT",
                       .here = "and REMOVABLE_DEVICE, HW_SLOT" },
    [D_TOKEN_FLAGS] = { .what = "C_GetTokenInfo, Flags", .there = "RESTORE_KEY_NOT_NEEDED",
                        .here = "no state is ever saved; some: WRITE_PROTECTED" },
    [D_SESSIONS] = { .what = "C_GetTokenInfo, MaxSessionCount", .there = "0: no limit",
                     .here = "the library's limit" },
    [D_PIN] = { .what = "C_GetTokenInfo, Min- and MaxPinLen", .there = "4, 255",
                .here = "what the card takes" },
    [D_MEMORY] = { .what = "C_GetTokenInfo, memory", .there = "0",
                   .here = "UNAVAILABLE_INFORMATION" },
    [D_GENERATE] = { .what = "C_GetMechanismInfo, RSA_PKCS_KEY_PAIR_GEN", .there = "OK",
                     .here = "MECHANISM_INVALID: this card makes no keys", .call = true },
    [D_NO_RSA] = { .what = "C_GetMechanismInfo, RSA_PKCS", .there = "OK",
                   .here = "MECHANISM_INVALID: such cards have EC keys only", .call = true },
    [D_RSA] = { .what = "C_GetMechanismInfo, RSA_PKCS", .there = "512 to 16384 bits",
                .here = "1024 to 4096; HW, recovery, messages; DECRYPT if the card does" },
    [D_OBJECTS] = { .what = "CERT-M-1: C_FindObjects", .there = "5, the 2nd a certificate",
                    .here = "the token's own" },
    [D_NO_KEY] = { .what = "AUTH-M-1: SHA256_RSA_PKCS", .there = "OK",
                   .here = "the card has no RSA key", .call = true },
    [D_KEY] = { .what = "AUTH-M-1: labels, modulus", .there = "of a key of the case",
                .here = "of a key of the card" },
};

static void differs(enum difference d) { differences[d].now = true; }

// ---- One call of a case: what goes in, what must come out ----

static struct {
    CK_FUNCTION_LIST *f;                // the one that the calls go through
    CK_FUNCTION_LIST_3_0 *f30;          // the same, where it has C_LoginUser to log in with
    CK_SLOT_ID slots[4];
    CK_ULONG n_slots, n_mechanisms, n_found;
    CK_MECHANISM_TYPE mechanisms[300];
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[5], certificate;
    const struct cards_key *key;        // AUTH-M-1-32's: RSA, no PIN for each use; NULL: none
    CK_BYTE label[2][80];               // of its public and private half
    CK_ULONG label_len[2];
    bool rsa, decrypts;                 // has the card RSA keys, one to decrypt with?
} at;

struct step {
    const char *name;
    void (*call)(CK_ULONG);
    CK_ULONG with;
};

static void do_initialize(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_Initialize(NULL), CKR_OK);
}

static void do_info(CK_ULONG with)
{
    CK_INFO info;
    (void)with;
    CHECK_RV(at.f->C_GetInfo(&info), CKR_OK);
    CHECK(info.cryptokiVersion.major == 3 && info.cryptokiVersion.minor == 2 && !info.flags);
    CHECK(is_text(info.manufacturerID, 32) && is_text(info.libraryDescription, 32));
}

static void do_slot_list(CK_ULONG room)
{
    at.n_slots = room;
    CHECK_RV(at.f->C_GetSlotList(CK_TRUE, room ? at.slots : NULL, &at.n_slots), CKR_OK);
    CHECK_EQ(at.n_slots, kind->tokens[1].pin ? 2 : 1);
}

static void do_slot_info(CK_ULONG with)
{
    CK_SLOT_INFO info;
    (void)with;
    CHECK_RV(at.f->C_GetSlotInfo(at.slots[0], &info), CKR_OK);
    CHECK_EQ(info.flags, CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT);
    CHECK(is_text(info.slotDescription, 64) && is_text(info.manufacturerID, 32));
    differs(D_SLOT_FLAGS);
}

static void do_token_info(CK_ULONG with)
{
    CK_TOKEN_INFO info;
    (void)with;
    CHECK_RV(at.f->C_GetTokenInfo(at.slots[0], &info), CKR_OK);
    CHECK_EQ(info.flags, CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED |
             CKF_TOKEN_INITIALIZED | (is_written() ? 0 : CKF_WRITE_PROTECTED));
    CHECK(is_text(info.label, 32) && is_text(info.manufacturerID, 32) && is_text(info.model, 16));
    CHECK(is_text(info.serialNumber, 16) && is_text(info.utcTime, 16));
    CHECK(info.ulSessionCount == 0 && info.ulRwSessionCount == 0);
    CHECK(info.ulMaxSessionCount > 1 && info.ulMaxRwSessionCount == info.ulMaxSessionCount);
    CHECK(info.ulMinPinLen >= 4 && info.ulMinPinLen <= 6);
    CHECK(info.ulMaxPinLen >= 6 && info.ulMaxPinLen <= 255);
    CHECK_EQ(info.ulTotalPublicMemory, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(info.ulFreePublicMemory, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(info.ulTotalPrivateMemory, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(info.ulFreePrivateMemory, CK_UNAVAILABLE_INFORMATION);
    differs(D_TOKEN_FLAGS), differs(D_SESSIONS), differs(D_PIN), differs(D_MEMORY);
}

static void do_mechanism_list(CK_ULONG room)
{
    CK_ULONG before = at.n_mechanisms;
    at.n_mechanisms = room;
    CHECK_RV(at.f->C_GetMechanismList(at.slots[0], room ? at.mechanisms : NULL, &at.n_mechanisms),
             CKR_OK);
    CHECK(at.n_mechanisms && at.n_mechanisms <= 300 && (!room || at.n_mechanisms == before));
}

static bool is_listed(CK_MECHANISM_TYPE type)
{
    for (CK_ULONG i = 0; i < at.n_mechanisms; i++) if (at.mechanisms[i] == type) return true;
    return false;
}

// A card of EC keys may be of a kind that has RSA keys as well, and then lists what they do.
static void do_mechanism_info(CK_MECHANISM_TYPE type)
{
    CK_FLAGS public = CKF_ENCRYPT | CKF_VERIFY | CKF_WRAP, private = CKF_DECRYPT | CKF_UNWRAP;
    CK_MECHANISM_INFO info = { 0, 0, 0 };
    bool listed = is_listed(type), generates = type == CKM_RSA_PKCS_KEY_PAIR_GEN;
    CHECK_RV(at.f->C_GetMechanismInfo(at.slots[0], type, &info),
             listed ? CKR_OK : CKR_MECHANISM_INVALID);
    if (!listed) {
        CHECK(generates || (type == CKM_RSA_PKCS && !at.rsa));
        differs(generates ? D_GENERATE : D_NO_RSA);
        return;
    }
    if (type == CKM_SHA512) {
        CHECK(info.ulMinKeySize == 0 && info.ulMaxKeySize == 0 && info.flags == CKF_DIGEST);
        return;
    }
    if (generates) {
        CHECK(info.ulMinKeySize >= 1024 && info.ulMaxKeySize <= 4096);
        CHECK_EQ(info.flags, CKF_HW | CKF_GENERATE_KEY_PAIR);
        return;
    }
    CHECK(info.ulMinKeySize == 1024 && info.ulMaxKeySize == 4096);
    CHECK_EQ(info.flags & (public | CKF_SIGN), public | CKF_SIGN);
    CHECK((info.flags & private) == private || (!(info.flags & private) && !at.decrypts));
    differs(D_RSA);
}

static void do_open(CK_FLAGS flags)
{
    CHECK_RV(at.f->C_OpenSession(at.slots[0], flags, NULL, NULL, &at.session), CKR_OK);
    CHECK(at.session);
}

static void do_login(CK_USER_TYPE user)
{
    CK_UTF8CHAR pin[16], *name = (CK_UTF8CHAR *)"Alice";
    CK_ULONG n = strlen(kind->tokens[0].pin);
    memcpy(pin, kind->tokens[0].pin, n);
    CHECK_RV(at.f30 ? at.f30->C_LoginUser(at.session, user, pin, n, name, 5) :
             at.f->C_Login(at.session, user, pin, n), CKR_OK);
}

static void do_logout(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_Logout(at.session), CKR_OK);
}

// class 0: all objects of the token, else AUTH-M-1-32's key, by its label.
static void do_find_init(CK_OBJECT_CLASS class)
{
    CK_BBOOL token = CK_TRUE;
    size_t half = class == CKO_PRIVATE_KEY;
    CK_ATTRIBUTE t[] = { { CKA_TOKEN, &token, 1 },
                         { CKA_LABEL, at.label[half], at.label_len[half] },
                         { CKA_CLASS, &class, sizeof class } };
    CHECK_RV(at.f->C_FindObjectsInit(at.session, t, class ? 3 : 1), CKR_OK);
}

static void do_find(CK_ULONG room)
{
    at.n_found = 0;
    memset(at.found, 0, sizeof at.found);
    CHECK_RV(at.f->C_FindObjects(at.session, at.found, room, &at.n_found), CKR_OK);
    CHECK(at.n_found && at.n_found <= room && at.found[0]);
}

// Finds until there is a certificate: in the case that is the second object of five.
static void do_find_certificate(CK_ULONG room)
{
    for (at.certificate = 0; !at.certificate && !test_failing; ) {
        do_find(room);
        for (CK_ULONG i = 0; i < at.n_found && !test_failing && !at.certificate; i++) {
            CK_OBJECT_CLASS class = 0;
            CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof class };
            CHECK_RV(at.f->C_GetAttributeValue(at.session, at.found[i], &a, 1), CKR_OK);
            if (class == CKO_CERTIFICATE) at.certificate = at.found[i];
        }
    }
    differs(D_OBJECTS);
}

static void do_find_final(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_FindObjectsFinal(at.session), CKR_OK);
}

// CKA_LABEL of the first object, CKA_VALUE of the certificate: the length, then as much as that.
static void do_attribute(CK_ATTRIBUTE_TYPE type)
{
    CK_OBJECT_HANDLE o = type == CKA_VALUE ? at.certificate : at.found[0];
    CK_ATTRIBUTE a = { type, NULL, 0 };
    CHECK_RV(at.f->C_GetAttributeValue(at.session, o, &a, 1), CKR_OK);
    CK_ULONG n = a.ulValueLen;
    CHECK(n < sizeof value && (n || type == CKA_LABEL));
    value[n] = 0xa5;
    a.pValue = value;
    CHECK_RV(at.f->C_GetAttributeValue(at.session, o, &a, 1), CKR_OK);
    CHECK(a.ulValueLen == n && value[n] == 0xa5);
    if (type == CKA_LABEL) return;
    CHECK(n > 4 && value[0] == 0x30 && value[1] == 0x82);
    CHECK_EQ((CK_ULONG)(value[2] << 8 | value[3]) + 4, n);
}

static void parse_key(mbedtls_x509_crt *crt)
{
    const struct sim_key_data *d = sim_key_data(at.key->key);
    mbedtls_x509_crt_init(crt);
    CHECK(!mbedtls_x509_crt_parse_der(crt, d->certificate, d->certificate_len));
}

static bool is_modulus(const CK_BYTE *p, size_t n)
{
    uint8_t want[600];
    mbedtls_x509_crt crt;
    parse_key(&crt);
    int len = test_failing ? 0 : mbedtls_pk_write_pubkey_der(&crt.pk, want, sizeof want);
    const uint8_t *tail = want + sizeof want - 5 - n;       // SEQUENCE { n, e }, e: 02 03 01 00 01
    bool is = len > 0 && (size_t)len > n + 5 && !memcmp(tail, p, n) && tail[-1] == 0;
    mbedtls_x509_crt_free(&crt);
    return is;
}

static void do_public_key(CK_ULONG room)
{
    CK_BYTE modulus[1024], exponent[1024];
    CK_ATTRIBUTE a[] = { { CKA_MODULUS, modulus, room }, { CKA_PUBLIC_EXPONENT, exponent, room } };
    CHECK_RV(at.f->C_GetAttributeValue(at.session, at.found[0], a, 2), CKR_OK);
    CHECK_EQ(a[0].ulValueLen, sim_key_data(at.key->key)->bits / 8);
    CHECK(is_modulus(modulus, a[0].ulValueLen));
    CHECK_BYTES(exponent, a[1].ulValueLen, "010001");
    differs(D_KEY);
}

static void do_sign_init(CK_MECHANISM_TYPE type)
{
    CK_MECHANISM m = { type, NULL, 0 };
    CHECK_RV(at.f->C_SignInit(at.session, &m, at.found[0]), CKR_OK);
}

// In the case a request for a certificate of as many bytes is signed. The room is just enough.
static void do_sign(CK_ULONG len)
{
    CK_BYTE data[400], signature[512], hash[32];
    CK_ULONG n = sim_key_data(at.key->key)->bits / 8;
    mbedtls_x509_crt crt;
    for (CK_ULONG i = 0; i < len; i++) data[i] = (CK_BYTE)(i * 7);
    CHECK_RV(at.f->C_Sign(at.session, data, len, signature, &n), CKR_OK);
    CHECK_EQ(n, sim_key_data(at.key->key)->bits / 8);
    mbedtls_sha256(data, len, hash, 0);
    parse_key(&crt);
    int wrong = test_failing ? 0 :
        mbedtls_pk_verify(&crt.pk, MBEDTLS_MD_SHA256, hash, 32, signature, n);
    mbedtls_x509_crt_free(&crt);
    CHECK(!wrong);
}

static void do_close(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_CloseSession(at.session), CKR_OK);
}

static void do_close_all(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_CloseAllSessions(at.slots[0]), CKR_OK);
}

static void do_finalize(CK_ULONG with)
{
    (void)with;
    CHECK_RV(at.f->C_Finalize(NULL), CKR_OK);
}

// ---- The cases ----

#define BEGIN                                                                                      \
    { "C_Initialize", do_initialize, 0 }, { "C_GetInfo", do_info, 0 },                             \
    { "C_GetSlotList, count", do_slot_list, 0 }, { "C_GetSlotList", do_slot_list, 4 }
#define INFO { "C_GetSlotInfo", do_slot_info, 0 }, { "C_GetTokenInfo", do_token_info, 0 }
#define OPEN(flags) { "C_OpenSession", do_open, CKF_SERIAL_SESSION | (flags) }
#define FIND(class)                                                                                \
    { "C_FindObjectsInit", do_find_init, class }, { "C_FindObjects", do_find, 1 },                 \
    { "C_FindObjectsFinal", do_find_final, 0 }
#define LOGIN { "C_Login", do_login, CKU_USER }
#define LOGOUT { "C_Logout", do_logout, 0 }
#define MECHANISM(type) { "C_GetMechanismInfo, " #type, do_mechanism_info, type }
#define END                                                                                        \
    { "C_CloseSession", do_close, 0 }, { "C_CloseAllSessions", do_close_all, 0 },                  \
    { "C_Finalize", do_finalize, 0 }, { NULL, NULL, 0 }

static const struct step bl_m_1[] = { BEGIN, INFO, OPEN(0), FIND(0), END };

static const struct step ext_m_1[] = { BEGIN, INFO,
    { "C_GetMechanismList, count", do_mechanism_list, 0 },
    { "C_GetMechanismList", do_mechanism_list, 300 },
    MECHANISM(CKM_SHA512), MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), MECHANISM(CKM_RSA_PKCS),
    OPEN(CKF_RW_SESSION), LOGIN, FIND(0), LOGOUT, END };

static const struct step auth_m_1[] = { BEGIN, OPEN(CKF_RW_SESSION), LOGIN,
    FIND(CKO_PUBLIC_KEY), { "C_GetAttributeValue", do_public_key, 1024 },
    FIND(CKO_PRIVATE_KEY), { "C_SignInit", do_sign_init, CKM_SHA256_RSA_PKCS },
    { "C_Sign", do_sign, 391 },
    LOGOUT, END };

static const struct step cert_m_1[] = { BEGIN, OPEN(0),
    { "C_FindObjectsInit", do_find_init, 0 }, { "C_FindObjects", do_find_certificate, 5 },
    { "C_GetAttributeValue, CKA_LABEL", do_attribute, CKA_LABEL },
    { "C_GetAttributeValue, CKA_VALUE", do_attribute, CKA_VALUE },
    { "C_FindObjectsFinal", do_find_final, 0 }, END };

// The lists as C_GetInterface gives them, and whether it is C_LoginUser that logs in.
static const struct { CK_BYTE major, minor; bool login_user; } lists[] = {
    { 2, 40, false }, { 3, 0, false }, { 3, 0, true }, { 3, 2, false }, { 3, 2, true } };
#define LISTS (sizeof lists / sizeof *lists)

static void *list_of(CK_BYTE major, CK_BYTE minor)
{
    CK_VERSION version = { major, minor };
    CK_INTERFACE *one = NULL;
    if (C_GetInterface((CK_UTF8CHAR *)"PKCS 11", &version, &one, 0)) return NULL;
    return one->pFunctionList;
}

static void take_label(CK_OBJECT_CLASS class)
{
    size_t half = class == CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE key;
    CHECK_RV(scene_find(session, class, at.key->id, &key), CKR_OK);
    CHECK(key);
    at.label_len[half] = sizeof at.label[half];
    CHECK_RV(get(key, CKA_LABEL, at.label[half], &at.label_len[half]), CKR_OK);
}

// The card, and what a case must know of it; C_Initialize is the case's.
static void begin_case(void)
{
    begin();
    at.key = NULL;
    at.rsa = at.decrypts = false;
    for (const struct cards_key *k = kind->keys; k->id; k++) {
        if (k->token || !sim_key_data(k->key)->rsa) continue;
        at.rsa = true;
        at.decrypts = at.decrypts || k->use & CARDS_DECRYPT;
        if (!at.key && signs(k, 0) && !k->always) at.key = k;
    }
    if (at.key && !test_failing) {
        CHECK_RV(open_token(0, &session), CKR_OK);
        CHECK_RV(login(CKU_USER, 0), CKR_OK);
        take_label(CKO_PUBLIC_KEY);
        if (!test_failing) take_label(CKO_PRIVATE_KEY);
    }
    if (!test_failing) CHECK_RV(C_Finalize(NULL), CKR_OK);
    for (size_t d = 0; d < D_DIFFERENCES; d++) differences[d].now = false;
}

static struct { const char *name; unsigned held, shown, kinds; } results[4];

// Does the token show the profile's object? It has to where the case of the profile holds, but for
// public certificates: those a kind of card promises, not one card.
static void check_shown(size_t number, CK_ULONG profile)
{
    CK_OBJECT_CLASS class = CKO_PROFILE;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_PROFILE_ID, &profile, sizeof profile } };
    bool held = true;
    CK_ULONG n;
    for (size_t d = 0; d < D_DIFFERENCES; d++)
        held = held && !(differences[d].now && differences[d].call);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(scene_count(session, t, 2, &n), CKR_OK);
    CHECK(n == 1 || (!n && (!held || profile == CKP_PUBLIC_CERTIFICATES_TOKEN)));
    results[number].shown += n == 1;
}

// What differed is counted once for each kind of card; if a call did, the case has not passed.
static void end_case(size_t number, const char *name)
{
    for (size_t d = 0; d < D_DIFFERENCES; d++) {
        if (!differences[d].now) continue;
        if (differences[d].last != kind) differences[d].kinds++;
        differences[d].last = kind;
        test_not_judged = test_not_judged || differences[d].call;
    }
    results[number].name = name;
    results[number].kinds++;
    results[number].held += !test_failing && !test_not_judged;
}

static void replay(const char *name, const struct step *steps)
{
    for (size_t l = 0; l < LISTS && !test_failing; l++) {
        at.f = list_of(lists[l].major, lists[l].minor);
        at.f30 = lists[l].login_user ? (CK_FUNCTION_LIST_3_0 *)(void *)at.f : NULL;
        CHECK(at.f);
        for (const struct step *s = steps; s->name && !test_failing; s++) {
            s->call(s->with);
            if (!test_failing) continue;
            printf("    in %s: call %u, %s, through the list of %u.%u%s\n", name,
                   (unsigned)(s - steps) + 1, s->name, lists[l].major, lists[l].minor,
                   at.f30 ? ", with C_LoginUser" : "");
        }
    }
}

static void run_case(size_t number, const char *name, const struct step *steps, CK_ULONG profile)
{
    begin_case();
    bool possible = steps != auth_m_1 || at.key;
    if (!possible) differs(D_NO_KEY);
    if (possible && !test_failing) replay(name, steps);
    if (!test_failing) check_shown(number, profile);
    scene_end();
    end_case(number, name);
}

TEST(bl_m_1_32) { run_case(0, "BL-M-1-32", bl_m_1, CKP_BASELINE_PROVIDER); }
TEST(ext_m_1_32) { run_case(1, "EXT-M-1-32", ext_m_1, CKP_EXTENDED_PROVIDER); }
TEST(auth_m_1_32) { run_case(2, "AUTH-M-1-32", auth_m_1, CKP_AUTHENTICATION_TOKEN); }
TEST(cert_m_1_32)
{
    run_case(3, "CERT-M-1-32", cert_m_1, CKP_PUBLIC_CERTIFICATES_TOKEN);
}

// ---- What the profiles list and no case calls ----

// By name and version, the newest without either; each list begins with the functions of 2.40.
TEST(interfaces_are_found_by_name_and_version)
{
    CK_INTERFACE all[3], *one;
    CK_ULONG n = 0;
    CK_FUNCTION_LIST *first;
    CHECK_RV(C_GetFunctionList(&first), CKR_OK);
    for (size_t l = 0; l < LISTS; l++) {
        CK_FUNCTION_LIST *f = list_of(lists[l].major, lists[l].minor);
        CHECK(f && f->version.major == lists[l].major && f->version.minor == lists[l].minor);
        CHECK(!memcmp(&f->C_Initialize, &first->C_Initialize,
                      sizeof *f - offsetof(CK_FUNCTION_LIST, C_Initialize)));
        if (f->version.major < 3) continue;
        CK_FUNCTION_LIST_3_0 *f30 = (CK_FUNCTION_LIST_3_0 *)(void *)f;
        CHECK_RV(f30->C_GetInterfaceList(NULL, &n), CKR_OK);
        CHECK_EQ(n, 3);
        CHECK_RV(f30->C_GetInterfaceList(all, &n), CKR_OK);
        CHECK_RV(f30->C_GetInterface(NULL, NULL, &one, 0), CKR_OK);
        CHECK(one->pFunctionList == all[0].pFunctionList && one->pFunctionList == list_of(3, 2));
        bool has = false;
        for (CK_ULONG i = 0; i < n; i++) has = has || all[i].pFunctionList == (void *)f;
        CHECK(has);
    }
}

// As C_Login: the same returns, and the login is the token's, whichever function made it.
TEST(login_user_is_a_login)
{
    CK_FUNCTION_LIST_3_0 *f;
    CK_UTF8CHAR *name = (CK_UTF8CHAR *)"Alice", pin[16];
    CK_ULONG n = strlen(kind->tokens[0].pin);
    CK_SESSION_INFO info;
    memcpy(pin, kind->tokens[0].pin, n);
    begin();
    for (size_t l = 0; l < LISTS && !test_failing; l++) {
        if (!lists[l].login_user) continue;
        CHECK((f = list_of(lists[l].major, lists[l].minor)) != NULL);
        CHECK_RV(open_token(0, &session), CKR_OK);
        CHECK_RV(f->C_LoginUser(session, CKU_USER, pin, n, NULL, 1), CKR_ARGUMENTS_BAD);
        CHECK_RV(f->C_LoginUser(session, 77, pin, n, name, 5), CKR_USER_TYPE_INVALID);
        CHECK_RV(f->C_LoginUser(session + 77, CKU_USER, pin, n, name, 5),
                 CKR_SESSION_HANDLE_INVALID);
        CHECK_RV(f->C_LoginUser(session, CKU_CONTEXT_SPECIFIC, pin, n, name, 5),
                 CKR_USER_NOT_LOGGED_IN);
        pin[0] ^= 1;
        CHECK_RV(f->C_LoginUser(session, CKU_USER, pin, n, name, 5), CKR_PIN_INCORRECT);
        pin[0] ^= 1;
        CHECK_RV(f->C_LoginUser(session, CKU_USER, pin, n, name, 5), CKR_OK);
        CHECK_RV(f->C_GetSessionInfo(session, &info), CKR_OK);
        CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
        CHECK_RV(f->C_LoginUser(session, CKU_USER, pin, n, NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
        CHECK_RV(f->C_LoginUser(session, CKU_CONTEXT_SPECIFIC, pin, n, name, 5),
                 CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(f->C_Login(session, CKU_USER, pin, n), CKR_USER_ALREADY_LOGGED_IN);
        CHECK_RV(f->C_Logout(session), CKR_OK);
        CHECK_RV(f->C_LoginUser(session, CKU_USER, pin, n, NULL, 0), CKR_OK);
        CHECK_RV(f->C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

// A signature, a digest and a search run at once: each is ended alone by its flag. What does not
// run is no error.
static void check_cancel(CK_FUNCTION_LIST_3_0 *f, const struct cards_key *k)
{
    CK_MECHANISM m = mechanism_of(k), sha = { CKM_SHA256, NULL, 0 };
    CK_OBJECT_HANDLE key, found;
    CK_ULONG n, len = sizeof out;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, k->id, &key), CKR_OK);
    CHECK_RV(f->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST | CKF_FIND_OBJECTS), CKR_OK);
    CHECK_RV(f->C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(f->C_DigestInit(session, &sha), CKR_OK);
    CHECK_RV(f->C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(f->C_SessionCancel(session + 77, CKF_SIGN), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(f->C_SessionCancel(session, CKF_SIGN), CKR_OK);
    CHECK_RV(f->C_Sign(session, text, sizeof text, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(f->C_FindObjects(session, &found, 1, &n), CKR_OK);
    CHECK_RV(f->C_DigestUpdate(session, text, sizeof text), CKR_OK);
    CHECK_RV(f->C_SignInit(session, &m, key), CKR_OK);
    CHECK_RV(f->C_SessionCancel(session, CKF_FIND_OBJECTS | CKF_DIGEST), CKR_OK);
    CHECK_RV(f->C_FindObjects(session, &found, 1, &n), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(f->C_DigestFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    if (k->always) CHECK_RV(login(CKU_CONTEXT_SPECIFIC, 0), CKR_OK);
    CHECK_RV(f->C_Sign(session, text, sizeof text, out, &len), CKR_OK);
    CHECK(is_right(k, out, len));
}

TEST(session_cancel_ends_what_it_names)
{
    begin();
    if (test_failing) return;
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(login(CKU_USER, 0), CKR_OK);
    for (const struct cards_key *k = kind->keys; k->id && !test_failing; k++) {
        if (!signs(k, 0)) continue;
        check_cancel(list_of(3, 0), k);
        if (!test_failing) check_cancel(list_of(3, 2), k);
    }
    scene_end();
}

static void print_cases(void)
{
    printf("\nmandatory cases of the profiles:\n");
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].name)
            printf("  %-12s holds for %u of %u kinds of card; its object is shown by %u\n",
                   results[i].name, results[i].held, results[i].kinds, results[i].shown);
    printf("values (and *: returns, for which a case does not hold) that differ:\n");
    for (size_t d = 0; d < D_DIFFERENCES; d++)
        printf("%c %2u  %-42s %-25s %s\n", differences[d].call ? '*' : ' ', differences[d].kinds,
               differences[d].what, differences[d].there, differences[d].here);
}
