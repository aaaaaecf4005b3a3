// conformance.c: black box. What programs expect of any PKCS#11 module, on a PIV card and on every kind of
// tests/programs/kinds.h: the conditions of the OASIS profiles, and what clients trip over in modules. print_points says
// what is shown where. SPDX-License-Identifier: 0BSD
//
// The conditions are those of "PKCS #11 Profiles" 3.2 (OASIS), clauses 5.1, 5.3, 5.4 and 5.5; the mandatory test cases
// there are in conformance_cases.h, call by call. Those that cannot hold for a card are not counted as passed.
#define _DEFAULT_SOURCE     // fork
#define JUDGE_LISTS         // calls go through the lists
#include "kinds.h"
#include "../posix.h"

static struct sim_card *make_piv(bool second)
{
    struct sim_piv_options o = { .extended = true, .second = second };
    return sim_piv_new(&o);
}

static struct sim_card *make_piv_without_9e(bool second)
{
    static const struct sim_piv_key keys[2][2] = {
        { { 0x9a, SIM_RSA2048A, false, false, SIM_PIN_BY_SLOT }, { 0x9c, SIM_P256A, false, false, SIM_PIN_BY_SLOT } },
        { { 0x9a, SIM_RSA2048B, false, false, SIM_PIN_BY_SLOT }, { 0x9c, SIM_P256B, false, false, SIM_PIN_BY_SLOT } } };
    struct sim_piv_options o = { .extended = true, .second = second, .keys = keys[second], .n_keys = 2 };
    return sim_piv_new(&o);
}

// A key that needs no PIN (9E) and the promise of public certificates do not go together.
static const struct cards_kind piv = {
    .name = "PIV", .make = make_piv, .tokens = { { "123456", "12345678", 0, 3 } },
    .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
              { 2, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, true, false, 0, 0 },
              { 4, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, false, false, 0, 0 } } };

static const struct cards_kind piv_without_9e = {
    .name = "PIV without 9E", .make = make_piv_without_9e, .tokens = { { "123456", "12345678", 0, 3 } },
    .public_certificates = true,
    .keys = { { 1, SIM_RSA2048A, SIM_RSA2048B, CARDS_RSA, 0, false, false, 0, 0 },
              { 2, SIM_P256A, SIM_P256B, CARDS_SIGN, 0, true, false, 0, 0 } } };

static const struct cards_kind *kind;
static bool is_piv(void) { return kind == &piv || kind == &piv_without_9e; }

// Does the user's login let cards of this kind be written?
static bool user_writes(void)
{
    static const char *const names[] = { "IsoApplet", "SmartCard-HSM", "CardContact", "Pico HSM", "GIDS", "MyEID",
        "generic" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(kind->name, names[i], strlen(names[i]))) return true;
    return false;
}

// Do programs write cards of this kind?
static bool is_written(void)
{
    return is_piv() || user_writes() || !strncmp(kind->name, "OpenPGP", 7);
}

static CK_SLOT_ID slots[4];
static CK_ULONG n_slots;
static CK_SESSION_HANDLE session;
static CK_BYTE text[] = "what is signed", out[1024], value[4000];
static CK_BBOOL yes = CK_TRUE;

// ---- A card in a reader, a session ----

static void begin(void)
{
    C_Finalize(NULL);                           // what a case that failed left
    sim_reader_clear();
    if (scene_card) scene_card->free(scene_card);
    scene_card = kind->make(false);
    sim_reader_insert(sim_reader_add(SCENE_READER), scene_card);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    n_slots = 4;
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n_slots), CKR_OK);
    CHECK_EQ(n_slots, kind->tokens[1].pin ? 2 : 1);
}

static CK_RV open_token(unsigned token, CK_SESSION_HANDLE *s)
{
    return C_OpenSession(slots[token], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, s);
}

static CK_RV login(CK_USER_TYPE user, unsigned token)
{
    const char *pin = kind->tokens[token].pin;
    return C_Login(session, user, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV login_wrong(CK_USER_TYPE user, unsigned token)
{
    CK_UTF8CHAR pin[32];
    CK_ULONG n = strlen(kind->tokens[token].pin);
    memcpy(pin, kind->tokens[token].pin, n);
    pin[0] ^= 1;
    return C_Login(session, user, pin, n);
}

// All objects that fit, 200 at most.
static CK_RV all_of(CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *found, CK_ULONG *count)
{
    CK_RV rv = C_FindObjectsInit(session, t, n);
    if (rv) return rv;
    rv = C_FindObjects(session, found, 200, count);
    CK_RV final = C_FindObjectsFinal(session);
    return rv ? rv : final;
}

static CK_RV all_of_class(CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *found, CK_ULONG *count)
{
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, 1 } };
    return all_of(t, 2, found, count);
}

static CK_RV get(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *p, CK_ULONG *n)
{
    CK_ATTRIBUTE a = { type, p, *n };
    CK_RV rv = C_GetAttributeValue(session, o, &a, 1);
    *n = a.ulValueLen;
    return rv;
}

static bool signs(const struct cards_key *k, unsigned token)
{
    return k->id && k->token == token && k->use & CARDS_SIGN;
}

static CK_MECHANISM mechanism_of(const struct cards_key *k)
{
    bool rsa = sim_key_data(k->key)->rsa;
    return (CK_MECHANISM){ k->only ? k->only : rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
}

// Begins a signature with k, with the PIN for it where the key wants that each time.
static CK_RV sign_begin(const struct cards_key *k)
{
    CK_MECHANISM m = mechanism_of(k);
    CK_OBJECT_HANDLE key;
    CK_RV rv = scene_find(session, CKO_PRIVATE_KEY, k->id, &key);
    if (!rv) rv = C_SignInit(session, &m, key);
    return rv || !k->always ? rv : login(CKU_CONTEXT_SPECIFIC, k->token);
}

// ---- Does mbedTLS, with the key in the certificate that the token shows, find it right? ----

static bool is_right(const struct cards_key *k, const CK_BYTE *sig, size_t n)
{
    mbedtls_md_type_t md = k->only == CKM_ECDSA_SHA1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256;
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    uint8_t hash[32], der[200];
    CK_OBJECT_HANDLE certificate;
    CK_ULONG len = sizeof value;
    mbedtls_x509_crt crt;
    bool right = false;
    if (k->no_certificate) {                    // it would be the one that the simulated key has
        len = sim_key_data(k->key)->certificate_len;
        memcpy(value, sim_key_data(k->key)->certificate, len);
    } else {
        if (scene_find(session, CKO_CERTIFICATE, k->id, &certificate) || !certificate) return false;
        if (get(certificate, CKA_VALUE, value, &len)) return false;
    }
    mbedtls_md(info, text, sizeof text, hash);
    mbedtls_x509_crt_init(&crt);
    if (n <= 132 && !sim_key_data(k->key)->rsa) n = cards_der(sig, n, der), sig = der;
    if (!mbedtls_x509_crt_parse_der(&crt, value, len))
        right = !mbedtls_pk_verify(&crt.pk, md, hash, mbedtls_md_get_size(info), sig, n);
    mbedtls_x509_crt_free(&crt);
    return right;
}

// ---- The profiles ----

// Blank-padded, no NUL, valid UTF-8 that is not cut inside a character.
static bool is_text(const CK_UTF8CHAR *p, size_t n)
{
    size_t more = 0;
    for (size_t i = 0; i < n; i++) {
        if (more ? (p[i] & 0xc0) != 0x80 : p[i] < 0x20 || p[i] == 0x7f || (p[i] >= 0x80 && p[i] < 0xc2) || p[i] > 0xf4)
            return false;
        if (more) more--; else more = p[i] < 0x80 ? 0u : p[i] < 0xe0 ? 1u : p[i] < 0xf0 ? 2u : 3u;
    }
    return !more;
}

static void check_slot_list(void)
{
    CK_SLOT_ID few[4];
    CK_ULONG n = 0;
    CHECK_RV(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
    CHECK_EQ(n, n_slots);
    n = n_slots - 1;
    CHECK_RV(C_GetSlotList(CK_TRUE, few, &n), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(n, n_slots);
    CHECK_RV(C_GetSlotList(CK_TRUE, few, &n), CKR_OK);
    CHECK(!memcmp(few, slots, n * sizeof *few));
}

// What clause 5.1 wants of each object, with and without the login. CKA_UNIQUE_ID must name one object only.
static void check_storage(void)
{
    static CK_BYTE ids[200][80];
    CK_ULONG id_len[200], n, len;
    CK_OBJECT_HANDLE found[200];
    CK_ATTRIBUTE t = { CKA_TOKEN, &yes, 1 };
    CK_OBJECT_CLASS class;
    CK_BBOOL flag[3];
    if (test_failing) return;
    CHECK_RV(all_of(&t, 1, found, &n), CKR_OK);
    CHECK(n);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &flag[0], 1 },
            { CKA_PRIVATE, &flag[1], 1 }, { CKA_MODIFIABLE, &flag[2], 1 } };
        CHECK_RV(C_GetAttributeValue(session, found[i], a, 4), CKR_OK);
        CHECK(a[0].ulValueLen == sizeof class && flag[0] == CK_TRUE && flag[1] < 2 && flag[2] < 2);
        len = sizeof value;
        CHECK_RV(get(found[i], CKA_LABEL, value, &len), CKR_OK);
        id_len[i] = sizeof ids[i];
        CHECK_RV(get(found[i], CKA_UNIQUE_ID, ids[i], &id_len[i]), CKR_OK);
        CHECK(id_len[i]);
        for (CK_ULONG j = 0; j < i; j++) {
            CHECK(id_len[i] != id_len[j] || memcmp(ids[i], ids[j], id_len[i]));
        }
    }
}

// ---- Profile objects, and what there are none of ----

// Does a token fulfil a profile? Baseline: each. Extended: one whose card makes RSA keys, as
// EXT-M-1-32 asks for the mechanism of that (what it makes: written.c).
// An authentication token (AUTH-M-1-32) signs with CKM_SHA256_RSA_PKCS. Public certificates: where the kind of card
// promises them.
static bool fulfils(CK_ULONG id, unsigned token)
{
    CK_MECHANISM_INFO info;
    if (id == CKP_EXTENDED_PROVIDER)
        return !C_GetMechanismInfo(slots[token], CKM_RSA_PKCS_KEY_PAIR_GEN, &info);
    if (id == CKP_AUTHENTICATION_TOKEN)
        return !C_GetMechanismInfo(slots[token], CKM_SHA256_RSA_PKCS, &info) && info.flags & CKF_SIGN;
    return id != CKP_PUBLIC_CERTIFICATES_TOKEN || kind->public_certificates;
}

// The attributes of one profile object; its CKA_UNIQUE_ID is noted, or must be the one noted.
static void check_profile(CK_OBJECT_HANDLE o, CK_BYTE (*unique)[80], bool noted)
{
    CK_BBOOL flag[5] = { 7, 7, 7, 7, 7 };
    CK_ULONG class, id = 0;
    CK_BYTE name[80] = { 0 };
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_PROFILE_ID, &id, sizeof id },
        { CKA_TOKEN, &flag[0], 1 }, { CKA_PRIVATE, &flag[1], 1 }, { CKA_MODIFIABLE, &flag[2], 1 },
        { CKA_COPYABLE, &flag[3], 1 }, { CKA_DESTROYABLE, &flag[4], 1 }, { CKA_LABEL, value, sizeof value },
        { CKA_UNIQUE_ID, name, sizeof name } };
    CHECK_RV(C_GetAttributeValue(session, o, a, 9), CKR_OK);
    CHECK(class == CKO_PROFILE && a[7].ulValueLen == 0 && a[8].ulValueLen);
    CHECK(id >= CKP_BASELINE_PROVIDER && id <= CKP_PUBLIC_CERTIFICATES_TOKEN);
    CHECK(flag[0] == CK_TRUE && !flag[1] && !flag[2] && !flag[3] && !flag[4]);
    if (noted) CHECK(!memcmp(unique[id], name, sizeof name));
    memcpy(unique[id], name, sizeof name);
    CK_ULONG len = sizeof value;
    CHECK_RV(get(o, CKA_VALUE, value, &len), CKR_ATTRIBUTE_TYPE_INVALID);
}

// All profile objects, by class and by each ID alone, without a command to the card; but a PIV card is asked for
// 9E first, once.
static void check_profiles(unsigned token, CK_BYTE (*unique)[80], bool noted)
{
    CK_OBJECT_HANDLE found[200], one[200];
    CK_ULONG n, n_one, want = 0;
    unsigned apdus = scene_card->apdus;
    if (test_failing) return;
    CHECK_RV(all_of_class(CKO_PROFILE, found, &n), CKR_OK);
    if (is_piv() && !noted) apdus = scene_card->apdus;
    for (CK_ULONG i = 0; i < n && !test_failing; i++) check_profile(found[i], unique, noted);
    for (CK_ULONG id = 0; id <= CKP_HKDF_TLS_TOKEN && !test_failing; id++) {
        CK_ATTRIBUTE t = { CKA_PROFILE_ID, &id, sizeof id };
        bool is = id && id <= CKP_PUBLIC_CERTIFICATES_TOKEN && fulfils(id, token);
        CHECK_RV(all_of(&t, 1, one, &n_one), CKR_OK);
        CHECK_EQ(n_one, is);
        want += is;
    }
    CHECK_EQ(n, want);
    CHECK_EQ(scene_card->apdus, apdus);
}

// Nothing changes a profile object, nothing takes it for a key, none of these classes can be made; there is no
// mechanism object and no hardware feature.
static void check_no_more(void)
{
    static CK_OBJECT_CLASS none[] = { CKO_PROFILE, CKO_MECHANISM, CKO_HW_FEATURE, CKO_DOMAIN_PARAMETERS };
    CK_OBJECT_HANDLE found[200], made;
    CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_ATTRIBUTE label = { CKA_LABEL, value, 3 };
    CK_ULONG n;
    unsigned apdus = scene_card->apdus;
    if (test_failing) return;
    CHECK_RV(all_of_class(CKO_PROFILE, found, &n), CKR_OK);
    CHECK_RV(C_SetAttributeValue(session, found[0], &label, 1), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_CopyObject(session, found[0], NULL, 0, &made), CKR_ACTION_PROHIBITED);
    CHECK_RV(C_DestroyObject(session, found[0]), CKR_ACTION_PROHIBITED);
    if (fulfils(CKP_AUTHENTICATION_TOKEN, 0)) CHECK_RV(C_SignInit(session, &m, found[0]), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_GetObjectSize(session, found[0], &n), CKR_OK);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        CK_ATTRIBUTE t[] = { { CKA_CLASS, &none[i], sizeof none[i] }, { CKA_LABEL, value, 3 } };
        CHECK_RV(C_CreateObject(session, t, 2, &made), CKR_ATTRIBUTE_VALUE_INVALID);
        if (!i) continue;
        CHECK_RV(all_of(t, 1, found, &n), CKR_OK);
        CHECK_EQ(n, 0);
    }
    CHECK_EQ(scene_card->apdus, apdus);
}

// The same before and after the login, and at the next insertion, whichever search comes first.
TEST(profiles_are_those_that_the_token_fulfils)
{
    static CK_BYTE unique[2][CKP_HKDF_TLS_TOKEN + 1][80];
    CK_OBJECT_HANDLE found[200];
    CK_ULONG n;
    begin();
    for (int again = 0; again < 2 && !test_failing; again++) {
        for (unsigned t = 0; t < n_slots && !test_failing; t++) {
            CHECK_RV(open_token(t, &session), CKR_OK);
            if (again) CHECK_RV(all_of(NULL, 0, found, &n), CKR_OK);
            check_profiles(t, unique[t], again);
            check_no_more();
            if (test_failing) return;
            CHECK_RV(login(CKU_USER, t), CKR_OK);
            check_profiles(t, unique[t], true);
            if (!again && !test_failing) CHECK_RV(all_of(NULL, 0, found, &n), CKR_OK);
            check_profiles(t, unique[t], true);
            if (!test_failing) CHECK_RV(C_CloseSession(session), CKR_OK);
        }
        sim_reader_eject(0);
        sim_reader_insert(0, scene_card);
        CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n_slots), CKR_OK);
    }
    scene_end();
}

TEST(baseline_provider)
{
    CK_INFO info;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
    CK_SESSION_INFO state;
    begin();
    if (test_failing) return;
    CHECK_RV(C_GetInfo(&info), CKR_OK);
    CHECK(info.cryptokiVersion.major >= 2 && !info.flags);
    CHECK(is_text(info.manufacturerID, 32) && is_text(info.libraryDescription, 32));
    check_slot_list();
    for (CK_ULONG t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(C_GetSlotInfo(slots[t], &slot), CKR_OK);
        CHECK(is_text(slot.slotDescription, 64) && slot.flags & CKF_TOKEN_PRESENT);
        CHECK_RV(C_GetTokenInfo(slots[t], &token), CKR_OK);
        CHECK_RV(open_token((unsigned)t, &session), CKR_OK);
        CHECK_RV(C_GetSessionInfo(session, &state), CKR_OK);
        CHECK(state.slotID == slots[t] && state.state == CKS_RW_PUBLIC_SESSION && !state.ulDeviceError);
        check_storage();
        if (test_failing) return;
        CHECK_RV(login(CKU_USER, (unsigned)t), CKR_OK);
        check_storage();
        if (!test_failing) CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

TEST(extended_provider)
{
    CK_MECHANISM_TYPE types[300], few[1];
    CK_MECHANISM_INFO info;
    CK_ULONG n = 0, again = 1;
    begin();
    if (test_failing) return;
    CHECK_RV(C_GetMechanismList(slots[0], NULL, &n), CKR_OK);
    CHECK(n > 1 && n <= 300);
    CHECK_RV(C_GetMechanismList(slots[0], few, &again), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(again, n);
    CHECK_RV(C_GetMechanismList(slots[0], types, &again), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        CHECK_RV(C_GetMechanismInfo(slots[0], types[i], &info), CKR_OK);
        CHECK(info.flags && info.ulMinKeySize <= info.ulMaxKeySize);
        for (CK_ULONG j = 0; j < i; j++) CHECK(types[i] != types[j]);
    }
    for (const struct cards_key *k = kind->keys; k->id; k++) {
        if (!signs(k, 0)) continue;
        bool rsa = sim_key_data(k->key)->rsa;
        CHECK_RV(C_GetMechanismInfo(slots[0], mechanism_of(k).mechanism, &info), CKR_OK);
        CHECK(info.flags & CKF_SIGN && info.flags & CKF_HW && info.ulMinKeySize >= (rsa ? 512 : 160));
        if (!rsa) CHECK(info.flags & CKF_EC_F_P && info.flags & CKF_EC_NAMEDCURVE && info.flags & CKF_EC_UNCOMPRESS);
    }
    CHECK_RV(C_GetMechanismInfo(slots[0], 0x7fffffff, &info), CKR_MECHANISM_INVALID);
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(login(CKU_USER, 0), CKR_OK);
    CHECK_RV(login(CKU_USER, 0), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_RV(C_Logout(session), CKR_OK);
    scene_end();
}

// One signature, asked for as clients do: the length, too small a buffer, the signature; then in two parts.
static void check_signature(const struct cards_key *k)
{
    CK_ULONG n = 0, small = 1, len = sizeof out;
    CK_MECHANISM m = mechanism_of(k);
    CK_OBJECT_HANDLE key;
    if (test_failing) return;
    CHECK_RV(C_Sign(session, text, sizeof text, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(sign_begin(k), CKR_OK);
    CHECK_RV(C_Sign(session, text, sizeof text, NULL, &n), CKR_OK);
    CHECK_RV(C_Sign(session, text, sizeof text, out, &small), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(small, n);
    CHECK_RV(C_Sign(session, text, sizeof text, out, &len), CKR_OK);
    CHECK_EQ(len, n);
    CHECK(is_right(k, out, len));
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, k->id, &key), CKR_OK);
    CHECK_RV(sign_begin(k), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OPERATION_ACTIVE);
    CHECK_RV(C_SignUpdate(session, text, 5), CKR_OK);
    CHECK_RV(C_SignUpdate(session, text + 5, sizeof text - 5), CKR_OK);
    CHECK_RV(C_SignFinal(session, NULL, &n), CKR_OK);
    len = sizeof out;
    CHECK_RV(C_SignFinal(session, out, &len), CKR_OK);
    CHECK(len == n && is_right(k, out, len));
}

TEST(authentication_token)
{
    unsigned checked = 0;
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(open_token(t, &session), CKR_OK);
        CHECK_RV(login(CKU_USER, t), CKR_OK);
        for (const struct cards_key *k = kind->keys; k->id && !test_failing; k++)
            if (signs(k, t)) check_signature(k), checked++;
        if (test_failing) return;
        CHECK_RV(C_Logout(session), CKR_OK);
        CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    CHECK(checked);
    scene_end();
}

// Is o the one object with these attributes of its own?
static bool found_by(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE one, CK_ATTRIBUTE_TYPE two)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_OBJECT_HANDLE found[200];
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { one, value, 1000 }, { two, value + 1000, 1000 } };
    CK_ULONG n = 0;
    bool has = false;
    if (C_GetAttributeValue(session, o, t + 1, 2) || all_of(t, 3, found, &n)) return false;
    for (CK_ULONG i = 0; i < n; i++) has = has || found[i] == o;
    return has;
}

static bool is_raw(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, size_t head, const mbedtls_x509_buf *want)
{
    CK_BYTE got[1000];
    CK_ULONG n = sizeof got;
    return !get(o, type, got, &n) && n == head + want->len && !memcmp(got + head, want->p, want->len);
}

// Does the certificate say what mbedTLS reads in its value?
static bool is_as_its_value(CK_OBJECT_HANDLE o)
{
    CK_ULONG n = sizeof value;
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    bool is = !get(o, CKA_VALUE, value, &n) && !mbedtls_x509_crt_parse_der(&crt, value, n) &&
        is_raw(o, CKA_SUBJECT, 0, &crt.subject_raw) && is_raw(o, CKA_ISSUER, 0, &crt.issuer_raw) &&
        is_raw(o, CKA_SERIAL_NUMBER, 2, &crt.serial);          // an INTEGER of less than 128 bytes
    mbedtls_x509_crt_free(&crt);
    return is;
}

TEST(public_certificates_token)
{
    CK_OBJECT_HANDLE found[200], public[200];
    CK_OBJECT_HANDLE private;
    CK_ULONG n, n_public, len;
    CK_BYTE id[64];
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(open_token(t, &session), CKR_OK);
        CHECK_RV(all_of_class(CKO_CERTIFICATE, found, &n), CKR_OK);
        CHECK(n);
        CK_ULONG paired = 0;
        for (CK_ULONG i = 0; i < n; i++) {
            CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
            CK_ATTRIBUTE by_id[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, sizeof id } };
            len = sizeof value;
            CHECK_RV(get(found[i], CKA_VALUE, value, &len), CKR_OK);
            CHECK(len > 100 && value[0] == 0x30);
            CHECK(is_as_its_value(found[i]));
            CHECK(found_by(found[i], CKA_SUBJECT, CKA_LABEL));
            CHECK(found_by(found[i], CKA_ISSUER, CKA_SERIAL_NUMBER));
            CHECK_RV(C_GetAttributeValue(session, found[i], by_id + 1, 1), CKR_OK);
            CHECK_RV(all_of(by_id, 2, public, &n_public), CKR_OK);
            paired += n_public == 1;
        }
        CHECK_EQ(paired, n - (t ? 0 : kind->authorities));      // condition 8 c ii
        CHECK_RV(login(CKU_USER, t), CKR_OK);
        for (const struct cards_key *k = kind->keys; k->id; k++) {
            if (k->token != t) continue;
            CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, k->id, &private), CKR_OK);
            CHECK(private);                                     // condition 8 b
            if (k->no_certificate) continue;
            CHECK_RV(scene_find(session, CKO_CERTIFICATE, k->id, &private), CKR_OK);
            CHECK(private);
        }
        CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

// ---- What clients trip over ----

TEST(token_info_is_honest)
{
    CK_TOKEN_INFO info, again;
    CK_UTF8CHAR pin[300];
    memset(pin, '1', sizeof pin);
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(C_GetTokenInfo(slots[t], &info), CKR_OK);
        CHECK(is_text(info.label, 32) && is_text(info.manufacturerID, 32) && is_text(info.model, 16));
        CHECK(is_text(info.serialNumber, 16));
        CHECK_EQ(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED),
                 CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED);
        CHECK(!(info.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)));
        CK_ULONG n = strlen(kind->tokens[t].pin);
        CHECK(info.ulMinPinLen <= n && n <= info.ulMaxPinLen && info.ulMaxPinLen < sizeof pin);
        CHECK_RV(open_token(t, &session), CKR_OK);
        CHECK_RV(C_Login(session, CKU_USER, pin, info.ulMinPinLen - 1), CKR_PIN_LEN_RANGE);
        CHECK_RV(C_Login(session, CKU_USER, pin, info.ulMaxPinLen + 1), CKR_PIN_LEN_RANGE);
        for (unsigned left = kind->tokens[t].tries; left > 0; left--) {     // neither of those cost a try
            CHECK_RV(login_wrong(CKU_USER, t), left > 1 ? CKR_PIN_INCORRECT : CKR_PIN_LOCKED);
            CHECK_RV(C_GetTokenInfo(slots[t], &again), CKR_OK);
            CHECK(left == 1 || again.flags & CKF_USER_PIN_COUNT_LOW);
            CHECK_EQ(!!(again.flags & CKF_USER_PIN_FINAL_TRY), left == 2);
            CHECK_EQ(!!(again.flags & CKF_USER_PIN_LOCKED), left == 1);
        }
        CHECK_RV(login(CKU_USER, t), CKR_PIN_LOCKED);
        sim_reader_eject(0);
        sim_reader_insert(0, scene_card);
        CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n_slots), CKR_OK);      // looks for the second token
        CHECK_RV(C_GetTokenInfo(slots[t], &again), CKR_OK);
        CHECK(!memcmp(info.label, again.label, 32) && !memcmp(info.serialNumber, again.serialNumber, 16));
    }
    scene_end();
}

TEST(a_read_write_session_of_the_user)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_VALUE, text, 4 }, { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE made, copy, key;
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;
    begin();
    if (test_failing) return;
    CHECK_RV(C_GetTokenInfo(slots[0], &token), CKR_OK);
    CHECK_EQ(!(token.flags & CKF_WRITE_PROTECTED), is_written());
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(login(CKU_USER, 0), CKR_OK);
    CK_RV rv = C_CreateObject(session, t, 3, &made);            // GIDS cards take no data
    if (!strncmp(kind->name, "generic", 7)) CHECK_RV(rv, CKR_DEVICE_MEMORY);    // they do not say where
    else if (user_writes()) CHECK(rv == CKR_OK || rv == CKR_ATTRIBUTE_VALUE_INVALID);
    else CHECK_RV(rv, is_written() ? CKR_USER_NOT_LOGGED_IN : CKR_TOKEN_WRITE_PROTECTED);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    CHECK_RV(C_CreateObject(session, t, 2, &made), CKR_OK);
    CHECK_RV(C_CopyObject(session, made, NULL, 0, &copy), CKR_OK);
    CHECK(copy != made);
    CHECK_RV(scene_find(session, CKO_CERTIFICATE, kind->keys[0].id, &key), CKR_OK);
    CHECK_RV(C_CopyObject(session, key, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    scene_end();
}

TEST(login_is_of_the_application)
{
    CK_SESSION_HANDLE other;
    CK_SESSION_INFO info;
    CK_ATTRIBUTE t = { CKA_PRIVATE, &yes, 1 };
    CK_ULONG n;
    begin();
    if (test_failing) return;
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(open_token(0, &other), CKR_OK);
    CHECK_RV(scene_count(session, &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    CHECK_RV(login(CKU_USER, 0), CKR_OK);
    CHECK_RV(C_GetSessionInfo(other, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    CHECK_RV(scene_count(other, &t, 1, &n), CKR_OK);
    CHECK(n);
    CHECK_RV(C_CloseSession(session), CKR_OK);
    CHECK_RV(C_GetSessionInfo(other, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);        // one is open still
    CHECK_RV(C_CloseSession(other), CKR_OK);
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_OK);
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_RV(scene_count(session, &t, 1, &n), CKR_OK);
    CHECK_EQ(n, 0);
    scene_end();
}

TEST(logout_works_after_a_failed_context_login)
{
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(open_token(t, &session), CKR_OK);
        for (const struct cards_key *k = kind->keys; k->id; k++) {
            CK_MECHANISM m = mechanism_of(k);
            CK_OBJECT_HANDLE key;
            CK_ULONG len = sizeof out;
            if (!signs(k, t) || !k->always) continue;
            CHECK_RV(login(CKU_USER, t), CKR_OK);
            CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, k->id, &key), CKR_OK);
            CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
            CHECK_RV(login_wrong(CKU_CONTEXT_SPECIFIC, t), CKR_PIN_INCORRECT);
            CHECK_RV(C_Sign(session, text, sizeof text, out, &len), CKR_USER_NOT_LOGGED_IN);
            CHECK_RV(C_Logout(session), CKR_OK);
            CHECK_RV(login(CKU_USER, t), CKR_OK);
            check_signature(k);
            if (test_failing) return;
            CHECK_RV(C_Logout(session), CKR_OK);
        }
        CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

static void check_key_attributes(const struct cards_key *k)
{
    CK_OBJECT_HANDLE key[2];
    CK_BBOOL flag[2];
    CK_BYTE label[1];
    CK_ULONG n;
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, k->id, &key[0]), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, k->id, &key[1]), CKR_OK);
    CHECK(key[0] && key[1]);
    for (int i = 0; i < 2; i++) {
        n = sizeof value;
        if (sim_key_data(k->key)->rsa) {
            CHECK_RV(get(key[i], CKA_MODULUS, value, &n), CKR_OK);
            CHECK(n >= 256 && !(n & 63) && value[0] & 0x80);
        } else {
            CHECK_RV(get(key[i], CKA_EC_PARAMS, value, &n), CKR_OK);
            CHECK(n > 2 && value[0] == 6 && value[1] == n - 2);
        }
    }
    if (!sim_key_data(k->key)->rsa) {
        n = sizeof value;
        CHECK_RV(get(key[0], CKA_EC_POINT, value, &n), CKR_OK);
        CK_ULONG head = n > 129 ? 3 : 2;
        CHECK(value[0] == 4 && value[head - 1] == n - head && value[head] == 4);
    }
    // Bad ones among good ones: one that is unknown, one that has no room.
    CK_ATTRIBUTE a[] = { { CKA_TOKEN, &flag[0], 1 }, { 0x7fff0001, value, 9 }, { CKA_ID, label, 0 },
                         { CKA_SENSITIVE, &flag[1], 1 } };
    flag[0] = flag[1] = 7;
    CK_RV rv = C_GetAttributeValue(session, key[1], a, 4);
    CHECK(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL);
    CHECK(flag[0] == CK_TRUE && flag[1] == CK_TRUE && a[0].ulValueLen == 1 && a[3].ulValueLen == 1);
    CHECK(a[1].ulValueLen == CK_UNAVAILABLE_INFORMATION && a[2].ulValueLen == CK_UNAVAILABLE_INFORMATION);
}

TEST(attributes_have_the_form_that_clients_read)
{
    begin();
    for (unsigned t = 0; t < n_slots && !test_failing; t++) {
        CHECK_RV(open_token(t, &session), CKR_OK);
        CHECK_RV(login(CKU_USER, t), CKR_OK);
        for (const struct cards_key *k = kind->keys; k->id && !test_failing; k++)
            if (k->token == t) check_key_attributes(k);
        if (!test_failing) CHECK_RV(C_CloseSession(session), CKR_OK);
    }
    scene_end();
}

TEST(searches_and_signatures_do_not_disturb_each_other)
{
    CK_OBJECT_HANDLE first, next;
    CK_OBJECT_CLASS class;
    CK_ULONG n, len = sizeof class;
    const struct cards_key *k = kind->keys;
    begin();
    while (k->id && (!signs(k, 0) || k->always)) k++;
    if (test_failing || !k->id) return;
    CHECK_RV(open_token(0, &session), CKR_OK);
    CHECK_RV(login(CKU_USER, 0), CKR_OK);
    CHECK_RV(sign_begin(k), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(C_FindObjects(session, &first, 1, &n), CKR_OK);
    CHECK_EQ(n, 1);
    CHECK_RV(get(first, CKA_CLASS, &class, &len), CKR_OK);
    CHECK_RV(C_FindObjects(session, &next, 1, &n), CKR_OK);
    CHECK(n == 1 && next != first);
    len = sizeof out;
    CHECK_RV(C_Sign(session, text, sizeof text, out, &len), CKR_OK);
    CHECK_RV(C_FindObjects(session, &next, 1, &n), CKR_OK);
    CHECK_EQ(n, 1);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    CHECK(is_right(k, out, len));
    scene_end();
}

#include "conformance_cases.h"
#include "conformance_attributes.h"

// ---- The end of a process ----

enum { END_NEVER, END_ATEXIT, END_DESTRUCTOR };
static bool end_in_destructor;

static void finalize(void) { C_Finalize(NULL); }
__attribute__((destructor)) static void finalize_last(void) { if (end_in_destructor) C_Finalize(NULL); }

static void end_child(int how)
{
    if (C_Initialize(NULL) || open_token(0, &session) || login(CKU_USER, 0)) _exit(2);
    if (C_FindObjectsInit(session, NULL, 0)) _exit(3);
    if (how == END_ATEXIT && atexit(finalize)) _exit(4);
    end_in_destructor = how == END_DESTRUCTOR;
    exit(0);
}

TEST(a_process_may_finalize_late_or_never)
{
    NEEDS_FORK;
    int status;
    begin();
    if (test_failing) return;
    CHECK_RV(C_Finalize(NULL), CKR_OK);     // the children begin alone: LeakSanitizer judges what each leaves
    for (int how = END_NEVER; how <= END_DESTRUCTOR; how++) {
        fflush(stdout);
        pid_t pid = fork();
        if (!pid) end_child(how);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
    }
    scene_end();
}

// ---- The points ----

static const struct { unsigned number; const char *what, *where; } points[] = {
    { 1, "C_Initialize with every form of arguments, twice, again", "module.c, threads.c" },
    { 2, "fork: the child works or ends, the parent goes on", "module.c, scenarios.c" },
    { 3, "C_Finalize from atexit, from a destructor, or never", "here" },
    { 4, "C_GetSlotList in two calls; a card of no use does not open", "here, module.c, api.c" },
    { 5, "token info: flags, PIN lengths, tries, text, the same each time", "here, pins.c" },
    { 6, "read-write sessions on a card that is not written", "here" },
    { 7, "C_CopyObject whole or refused; session objects", "here, api.c" },
    { 8, "login shared, ended by the last session; logout after a failed context login", "here, module.c" },
    { 9, "one CKA_ID for a pair and its certificate; found by subject, issuer, serial", "here, cards.c" },
    { 10, "CKA_EC_POINT, CKA_EC_PARAMS, CKA_MODULUS; bad entries among good ones", "here; Edwards: module.c" },
    { 11, "length queries and small buffers end nothing; parts as whole", "here, api.c" },
    { 12, "attributes during a search, a search during a signature", "here" },
    { 13, "mechanisms: no doubles, sizes, flags, each with its info", "here, module.c, api.c" },
    { 14, "CKA_ALWAYS_AUTHENTICATE and the context login", "here, module.c, cards.c" },
    { 15, "C_WaitForSlotEvent, and C_Finalize that ends it", "scenarios.c, threads.c" },
    { 16, "C_GetInterface and the lists; C_LoginUser; C_SessionCancel", "here, module.c" },
    { 17, "NULL arguments", "api.c, module.c" },
    { 18, "nothing exported but C_* and scard11_*", "e2e.sh" },
    { 19, "profile objects: which, with no command or one look, the same each time", "here, cards.c" },
    { 20, "attributes: all of a class, no others; CKA_UNIQUE_ID over insertions", "here" },
};

static void print_points(void)
{
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        printf("%3u  %-78s %s\n", points[i].number, points[i].what, points[i].where);
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    for (size_t i = 0; i <= CARDS_KINDS + 1; i++) {
        unsigned failed = test_failed;
        kind = i > 1 ? &cards_kinds[i - 2] : i ? &piv_without_9e : &piv;
        if (kind->keys[0].no_certificate) continue;     // the public certificates token is none
        RUN(baseline_provider);
        RUN(extended_provider);
        RUN(authentication_token);
        RUN(public_certificates_token);
        RUN(bl_m_1_32);
        RUN(ext_m_1_32);
        RUN(auth_m_1_32);
        RUN(cert_m_1_32);
        if (!i) RUN(interfaces_are_found_by_name_and_version);
        RUN(login_user_is_a_login);
        RUN(session_cancel_ends_what_it_names);
        RUN(profiles_are_those_that_the_token_fulfils);
        RUN(token_info_is_honest);
        RUN(a_read_write_session_of_the_user);
        RUN(login_is_of_the_application);
        RUN(logout_works_after_a_failed_context_login);
        RUN(attributes_have_the_form_that_clients_read);
        RUN(every_object_has_the_attributes_of_its_class);
        RUN(unique_ids_outlive_the_insertion);
        RUN(searches_and_signatures_do_not_disturb_each_other);
        if (i < 3) RUN(a_process_may_finalize_late_or_never);
        if (test_failed != failed) printf("    so it was with %s\n", kind->name);
    }
    print_points();
    print_cases();
    return test_end();
}
