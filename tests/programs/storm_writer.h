// storm_writer.h: the cards are written in the storm: keys made and given, certificates and data stored,
// labels and values changed, all of it destroyed, the PIN set anew, each by whoever the kind wants.
// SPDX-License-Identifier: 0BSD
//
// What the storm knows a card by, its first two keys and their certificates, is not touched. Who else is
// logged in is not any more where the SO writes. Two may write one card: what one has found, the other
// may have destroyed. Each thing has few names, so that a card that fills up is one on which something
// is left behind.
#ifndef STORM_WRITER_H
#define STORM_WRITER_H

#include "storm_calls.h"

#define MOST_DER    1024

struct writing {
    bool user;                          // the user writes; else the SO
    bool sets_pin;                      // the SO does
    const char *so;                     // of all cards of the kind; NULL: each has its own
    CK_BYTE first, keys;                // CKA_ID of the keys that are made
    bool gives;                         // keys are given to it as well
    CK_BYTE alone, alones;              // CKA_ID of certificates of no key; none: they are the keys'
    const char *data;                   // CKA_APPLICATION and CKA_LABEL; NULL: none
    bool labels, values;                // of keys, of data: can be changed
    bool deletes;                       // private keys
};

static const struct writing writings[STORM_KINDS] = {
    [STORM_PIV] = { .first = 5, .keys = 4, .alone = 9, .alones = 2, .data = "Security Object" },
    [STORM_ISOAPPLET] = { .user = true, .sets_pin = true, .so = "1234567812345678", .first = 5, .keys = 3,
                          .gives = true, .data = "One", .labels = true, .values = true, .deletes = true },
    [STORM_GENERIC] = { .user = true, .alone = 0x20, .alones = 2, .data = "One", .values = true },
    [STORM_MYEID] = { .user = true, .sets_pin = true, .so = "12345678", .first = 5, .keys = 3, .gives = true,
                      .data = "Some data", .labels = true, .values = true, .deletes = true },
    [STORM_OPENPGP] = { .sets_pin = true, .first = 3, .keys = 1, .gives = true, .data = "Login data",
                        .values = true },
    [STORM_SCHSM] = { .user = true, .sets_pin = true, .so = "3537363231383830", .first = 5, .keys = 3,
                      .data = "Some", .labels = true, .values = true, .deletes = true },
    [STORM_GIDS] = { .user = true, .sets_pin = true,
                     .so = "000000000000000000000000000000000000000000000000", .first = 3, .keys = 3,
                     .labels = true, .deletes = true },
};

static const char *const written_names[WRITTEN] = { "made", "stored", "changed", "destroyed",
                                                    "PINs set", "signed by" };

static const struct writing *writing_of(const struct kept *k) { return &writings[k->set / 2]; }

static bool is_written(int kind) { return STRICT && (writings[kind].keys || writings[kind].data); }

// Something was done to a card.
static void wrote(struct worker *w, const struct kept *k, enum written what)
{
    hold_against(w, k, written_names[what]);
    add(&storm.written[k->set / 2][what]);
}

// What was never done yet to a kind that can be written; -1: nothing is left. Where no keys are made,
// only data are stored on some kinds.
static int writer_lacks(int kind)
{
    const struct writing *of = &writings[kind];
    bool keys = !storm.cheap && of->keys, some = keys || of->data;
    const bool can[WRITTEN] = { keys, some, of->values || (of->labels && keys), some, of->sets_pin, keys };
    for (int what = 0; is_written(kind) && what < WRITTEN; what++)
        if (can[what] && !__atomic_load_n(&storm.written[kind][what], __ATOMIC_RELAXED)) return what;
    return -1;
}

static bool all_written(void)
{
    int kind = 0;
    while (kind < STORM_KINDS && writer_lacks(kind) < 0) kind++;
    return kind == STORM_KINDS;
}

// ---- Keys ----

static CK_BYTE curve_p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static CK_BBOOL writer_yes = CK_TRUE;

static void make_key(struct worker *w, const struct kept *k, CK_BYTE id)
{
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE a[] = { { CKA_EC_PARAMS, curve_p256, sizeof curve_p256 }, { CKA_ID, &id, 1 },
                         { CKA_TOKEN, &writer_yes, 1 } };
    CK_OBJECT_HANDLE public, private;
    if (CALL_MAY(w, CKR_ATTRIBUTE_VALUE_INVALID, CKR_OK, C_GenerateKeyPair, k->session, &m, a, 3,
                 &a[1], 2, &public, &private)) return;
    wrote(w, k, MADE);
}

static void give_key(struct worker *w, const struct kept *k, CK_BYTE id)
{
    static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    static CK_KEY_TYPE ec = CKK_EC;
    CK_BYTE value[32];
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &ec, sizeof ec },
        { CKA_EC_PARAMS, curve_p256, sizeof curve_p256 }, { CKA_VALUE, value, sizeof value },
        { CKA_ID, &id, 1 }, { CKA_TOKEN, &writer_yes, 1 } };
    CK_OBJECT_HANDLE made;
    for (size_t i = 0; i < sizeof value; i++) value[i] = (CK_BYTE)(1 + random_of(&w->chance, 250));
    if (!CALL_MAY(w, CKR_ATTRIBUTE_VALUE_INVALID, CKR_OK, C_CreateObject, k->session, a, 6, &made))
        wrote(w, k, MADE);
}

static void destroy(struct worker *w, const struct kept *k, CK_OBJECT_HANDLE object)
{
    if (!CALL(w, C_DestroyObject, k->session, object)) wrote(w, k, DESTROYED);
}

static void write_key(struct worker *w, const struct kept *k)
{
    const struct writing *of = writing_of(k);
    CK_BYTE id = (CK_BYTE)(of->first + random_of(&w->chance, of->keys ? of->keys : 1));
    CK_OBJECT_HANDLE old = 0;
    if (!of->keys) return;
    if (of->deletes && find(w, k->session, CKO_PRIVATE_KEY, id, &old)) return;
    if (old) { destroy(w, k, old); return; }
    if (!of->deletes && !of->alones && find(w, k->session, CKO_CERTIFICATE, id, &old)) return;
    if (old) destroy(w, k, old);        // or the key would not be made anew
    if (of->gives && random_of(&w->chance, 2)) give_key(w, k, id);
    else make_key(w, k, id);
}

static size_t public_of(struct worker *w, const struct kept *k, CK_OBJECT_HANDLE key, CK_BYTE *spki,
                        size_t room)
{
    CK_ATTRIBUTE v = { CKA_PUBLIC_KEY_INFO, spki, room };
    return CALL(w, C_GetAttributeValue, k->session, key, &v, 1) ? 0 : v.ulValueLen;
}

static bool fits(const CK_BYTE *spki, size_t n, const CK_BYTE *text, size_t text_n, const CK_BYTE *sig,
                 CK_ULONG sig_n)
{
    uint8_t hash[32], der[160];
    size_t der_n = scene_der(sig, sig_n, der);
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    mbedtls_sha256(text, text_n, hash, 0);
    bool good = !mbedtls_pk_parse_public_key(&pk, spki, n) &&
                !mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, sizeof hash, der, der_n);
    mbedtls_pk_free(&pk);
    return good;
}

// A key that was made signs. What it is, is read before and after: if it is the same, the signature is
// by it.
static void sign_made(struct worker *w, const struct kept *k)
{
    const struct writing *of = writing_of(k);
    CK_BYTE id = (CK_BYTE)(of->first + random_of(&w->chance, of->keys ? of->keys : 1));
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE before[128], after[128], text[8], sig[64];
    CK_ULONG sig_n = sizeof sig;
    CK_OBJECT_HANDLE public, private;
    storm_put64(text, __atomic_add_fetch(&storm.texts, 1, __ATOMIC_RELAXED));
    if (!of->keys || find(w, k->session, CKO_PUBLIC_KEY, id, &public) || !public) return;
    if (find(w, k->session, CKO_PRIVATE_KEY, id, &private) || !private) return;
    size_t n = public_of(w, k, public, before, sizeof before);
    if (!n || CALL(w, C_SignInit, k->session, &m, private)) return;
    if (CALL(w, C_Sign, k->session, text, sizeof text, sig, &sig_n)) return;
    hold_against(w, k, "a signature by a key that was made");
    if (public_of(w, k, public, after, sizeof after) != n || memcmp(before, after, n)) return;
    if (!fits(before, n, text, sizeof text, sig, sig_n))
        judge_count(FOREIGN, "key %u of %llu, %s", id, (unsigned long long)k->stamp,
                    storm_kind_names[k->set / 2]);
    wrote(w, k, SIGNED);
}

// ---- Certificates and data ----

// A certificate for a key; which insertion it was written in stands at its end.
static size_t certificate_for(const struct kept *k, const CK_BYTE *spki, size_t n, CK_BYTE *der)
{
    static const CK_BYTE head[] = { 3, 0x42, 0, 4 };
    size_t len;
    const uint8_t *p = sim_piv_certificate(SIM_P256A, &len);
    if (n != 91 || len > MOST_DER) return 0;
    memcpy(der, p, len);
    for (size_t i = 0; i + sizeof head + 64 < len; i++)
        if (!memcmp(der + i, head, sizeof head)) memcpy(der + i + 4, spki + 27, 64);
    storm_put64(der + len - 8, k->stamp);
    return len;
}

static void write_certificate(struct worker *w, const struct kept *k)
{
    static CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    const struct writing *of = writing_of(k);
    CK_BYTE spki[128], der[MOST_DER];
    CK_BYTE id = (CK_BYTE)(of->alones ? of->alone + random_of(&w->chance, of->alones)
                                      : of->first + random_of(&w->chance, of->keys));
    CK_OBJECT_HANDLE key, old, made;
    size_t n = 0, der_n;
    if (find(w, k->session, CKO_CERTIFICATE, id, &old)) return;
    // Another one takes its place, or would be beside it.
    bool beside = of->user && of->alones;
    if (old && (beside || random_of(&w->chance, 2))) { destroy(w, k, old); return; }
    if (old && !of->alones && CALL(w, C_DestroyObject, k->session, old)) return;
    if (!of->alones && find(w, k->session, CKO_PUBLIC_KEY, id, &key)) return;
    if (!of->alones && key) n = public_of(w, k, key, spki, sizeof spki);
    const uint8_t *any = sim_piv_certificate(storm_ec[id & 1], &der_n);
    if (of->alones) memcpy(der, any, der_n);
    else der_n = certificate_for(k, spki, n, der);
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &writer_yes, 1 },
        { CKA_VALUE, der, der_n }, { CKA_ID, &id, 1 }, { CKA_CERTIFICATE_TYPE, &x509, sizeof x509 } };
    // Another worker may have destroyed the key meanwhile, or made it anew.
    if (der_n && !CALL_MAY(w, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID, C_CreateObject,
                           k->session, a, 5, &made)) wrote(w, k, STORED);
}

static CK_RV find_data(struct worker *w, const struct kept *k, CK_OBJECT_HANDLE *object)
{
    static CK_OBJECT_CLASS class = CKO_DATA;
    const char *name = writing_of(k)->data;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_LABEL, (void *)(uintptr_t)name, strlen(name) } };
    CK_ULONG n = 0;
    *object = 0;
    CK_RV rv = CALL(w, C_FindObjectsInit, k->session, t, 2);
    if (!rv) rv = CALL(w, C_FindObjects, k->session, object, 1, &n);
    if (!rv) rv = CALL(w, C_FindObjectsFinal, k->session);
    return rv;
}

// A value that was never there before, of 16 to 47 bytes.
static CK_ULONG new_value(struct worker *w, const struct kept *k, CK_BYTE value[48])
{
    memset(value, 0x5d, 48);
    storm_put64(value, k->stamp);
    storm_put64(value + 8, __atomic_add_fetch(&storm.texts, 1, __ATOMIC_RELAXED));
    return 16 + random_of(&w->chance, 32);
}

static void write_data(struct worker *w, const struct kept *k)
{
    static CK_OBJECT_CLASS class = CKO_DATA;
    const struct writing *of = writing_of(k);
    CK_BYTE value[48];
    CK_OBJECT_HANDLE old, made;
    CK_ULONG n = new_value(w, k, value);
    if (!of->data || find_data(w, k, &old)) return;
    if (old && (of->values || random_of(&w->chance, 2))) { destroy(w, k, old); return; }
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &writer_yes, 1 },
        { CKA_VALUE, value, n }, { CKA_LABEL, (void *)(uintptr_t)of->data, strlen(of->data) },
        { CKA_APPLICATION, (void *)(uintptr_t)of->data, strlen(of->data) } };
    if (!CALL(w, C_CreateObject, k->session, a, 5, &made)) wrote(w, k, STORED);
}

// ---- Changes ----

static void change(struct worker *w, const struct kept *k)
{
    const struct writing *of = writing_of(k);
    CK_BYTE id = (CK_BYTE)(of->first + random_of(&w->chance, of->keys ? of->keys : 1));
    CK_BYTE value[48], label[24];
    CK_OBJECT_HANDLE object = 0;
    bool is_label = of->labels && (!of->values || random_of(&w->chance, 2));
    CK_ATTRIBUTE a = { CKA_VALUE, value, new_value(w, k, value) };
    if (!of->labels && !of->values) return;
    if (is_label) {
        int n = snprintf((char *)label, sizeof label, "Label %u", random_of(&w->chance, 1000000));
        a = (CK_ATTRIBUTE){ CKA_LABEL, label, (CK_ULONG)n };
    }
    if (is_label ? find(w, k->session, CKO_PRIVATE_KEY, id, &object) : find_data(w, k, &object)) return;
    if (object && !CALL(w, C_SetAttributeValue, k->session, object, &a, 1)) wrote(w, k, CHANGED);
}

static const char *so_of(const struct kept *k, char pin[24])
{
    if (writing_of(k)->so) return writing_of(k)->so;
    if (is_piv(k)) return storm_so(k->set);
    return storm_so_pin(k->stamp, pin), pin;
}

static bool so_in(struct worker *w, const struct kept *k)
{
    char room[24];
    const char *so = so_of(k, room);
    CALL(w, C_Logout, k->session);
    if (CALL(w, C_Login, k->session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)so, strlen(so))) return false;
    hold_against(w, k, "login of the SO");
    return true;
}

// The user's PIN is set to what it is: were it another card's, the user could not log in to that.
static void set_pin(struct worker *w, const struct kept *k)
{
    char pin[24];
    storm_pin(k->stamp, pin);
    if (so_in(w, k) && !CALL(w, C_InitPIN, k->session, (CK_UTF8CHAR *)pin, 8)) wrote(w, k, PINS_SET);
    CALL(w, C_Logout, k->session);
}

static bool writer_in(struct worker *w, const struct kept *k)
{
    if (!writing_of(k)->user) return so_in(w, k);
    log_in(w, k);
    return true;
}

// What was never done yet comes first, half of the time.
static void write_one(struct worker *w, const struct kept *k)
{
    int lacks = random_of(&w->chance, 2) ? writer_lacks(k->set / 2) : -1;
    if (lacks == CHANGED) { change(w, k); return; }
    if (lacks == MADE) { write_key(w, k); return; }
    switch (random_of(&w->chance, storm.cheap ? 4 : 7)) {
    case 0: write_data(w, k); break;
    case 1: case 2: write_certificate(w, k); break;
    case 3: change(w, k); break;
    default: write_key(w, k);
    }
}

static void write_some(struct worker *w, const struct kept *k)
{
    const struct writing *of = writing_of(k);
    if (!is_written(k->set / 2)) return;        // who the SO is, is for each module to say
    bool lacks = writer_lacks(k->set / 2) == PINS_SET;
    if (of->sets_pin && !random_of(&w->chance, lacks ? 2 : 8)) set_pin(w, k);
    if (!writer_in(w, k)) return;
    for (unsigned i = 2 + random_of(&w->chance, 4); i && !storm_lull(); i--) write_one(w, k);
    if (!of->user) CALL(w, C_Logout, k->session);
}

// Nobody else uses the card, and nothing happens to it: can each thing still be done to it? What it was
// that could not; -1: nothing.
static inline int write_in_peace(struct worker *w, const struct kept *k)
{
    unsigned long before[STORM_KINDS][WRITTEN];
    int kind = k->set / 2;
    if (!is_written(kind)) return -1;
    memcpy(before, storm.written, sizeof before);
    memset(storm.written, 0, sizeof storm.written);
    if (writings[kind].sets_pin) set_pin(w, k);
    bool in = writer_in(w, k);
    for (int i = 0; in && i < 400 && writer_lacks(kind) >= 0 && writer_lacks(kind) != SIGNED; i++)
        write_one(w, k);
    for (int i = 0; in && i < 60 && writer_lacks(kind) == SIGNED; i++) {
        if (writer_in(w, k)) {
            if (i) write_certificate(w, k);             // or that of an old key is in the way
            write_key(w, k);
        }
        CALL(w, C_Logout, k->session);
        log_in(w, k);
        sign_made(w, k);
    }
    CALL(w, C_Logout, k->session);
    int lacks = writer_lacks(kind);
    memcpy(storm.written, before, sizeof before);
    return lacks;
}

#endif
