// storm_asked.h: what a card of the storm has, asked of the card itself, and that it has what is shown of
// it. SPDX-License-Identifier: 0BSD
#ifndef STORM_ASKED_H
#define STORM_ASKED_H

#include "storm_writer.h"
#include <zlib.h>

#define GIDS_FILES  0xa010              // where certificates are, DF20 and on

// ---- Keys ----

// The pair of a number; NULL: none.
static mbedtls_pk_context *asked_pk(struct storm_card *c, unsigned number)
{
    switch (c->set / 2) {
    case STORM_PIV: return sim_piv_pk(c->base, (uint8_t)number);
    case STORM_OPENPGP:
        return number < 3 ? sim_openpgp_pk(c->base, (enum sim_openpgp_key)number) : NULL;
    case STORM_SCHSM: return sim_schsm_pk(c->base, (uint8_t)number);
    case STORM_GIDS: return sim_gids_pk(c->base, (uint8_t)number);
    default: return c->fs && number < c->fs->n_keys ? &c->fs->keys[number].pk : NULL;
    }
}

static bool asked_has_key(struct storm_card *c, const CK_BYTE *spki, size_t n)
{
    uint8_t der[1200];
    for (unsigned i = 0; i < 256; i++) {
        mbedtls_pk_context *pk = asked_pk(c, i);
        bool is = pk && mbedtls_pk_get_type(pk) != MBEDTLS_PK_NONE;
        int len = is ? mbedtls_pk_write_pubkey_der(pk, der, sizeof der) : 0;
        if (len > 0 && (size_t)len == n && !memcmp(der + sizeof der - n, spki, n)) return true;
    }
    return false;
}

// ---- Certificates and data ----

// Does any file begin with this, or have it anywhere?
static bool asked_in_files(const struct sim_fs_file *df, const CK_BYTE *value, size_t n)
{
    for (const struct sim_fs_file *f = df->child; f; f = f->next) {
        if (f->type == SIM_DF && asked_in_files(f, value, n)) return true;
        for (size_t i = 0; f->type != SIM_DF && i + n <= f->data_len; i++)
            if (f->data[i] == *value && !memcmp(f->data + i, value, n)) return true;
    }
    return false;
}

// A certificate of a GIDS card is plain, or deflated after its length.
static bool asked_in_gids(struct storm_card *c, const CK_BYTE *value, size_t n)
{
    uint8_t plain[2048];
    for (uint16_t tag = 0xdf20; tag < 0xdf80; tag++) {
        size_t len;
        const uint8_t *p = sim_gids_object(c->base, GIDS_FILES, tag, &len);
        uLongf room = sizeof plain;
        if (p && len == n && !memcmp(p, value, n)) return true;
        if (!p || len < 5 || uncompress(plain, &room, p + 4, (uLong)len - 4)) continue;
        if (room == n && !memcmp(plain, value, n)) return true;
    }
    return false;
}

// The stamp comes into it as it is read.
static bool asked_in_openpgp(struct storm_card *c, unsigned tag, const CK_BYTE *value, size_t n)
{
    for (int key = 0; key < 3; key++) {
        size_t len;
        const uint8_t *p = sim_openpgp_value(c->base, tag, (enum sim_openpgp_key)key, &len);
        if (p && len == n && !memcmp(p, value, tag == 0x7f21 ? n - 8 : n)) return true;
    }
    return false;
}

// What is around it in its container is not looked at, but for one of the storm's.
static bool asked_in_piv(struct storm_card *c, bool certificate, CK_BYTE id, const CK_BYTE *value, size_t n)
{
    static const uint32_t first[] = { 0x5fc105, 0x5fc10a, 0x5fc10b, 0x5fc101 };
    uint8_t digest[32], shown[32], object[2 + 100] = { 0x53, (uint8_t)n };
    if (certificate)
        return id && sim_piv_object(c->base, id <= 4 ? first[id - 1] : 0x5fc10du + id - 5u, digest);
    if (n < 16 || n > 100 || memcmp(value, "\0\0\0\0", 4)) return true;     // one of the card's own
    memcpy(object + 2, value, n);
    mbedtls_sha256(object, 2 + n, shown, 0);
    return sim_piv_object(c->base, 0x5fc106, digest) && !memcmp(shown, digest, 32);
}

static bool asked_has_value(struct storm_card *c, bool certificate, CK_BYTE id, const CK_BYTE *value,
                            size_t n)
{
    switch (c->set / 2) {
    case STORM_PIV: return asked_in_piv(c, certificate, id, value, n);
    case STORM_OPENPGP:
        return asked_in_openpgp(c, certificate ? 0x7f21 : 0x5e, value, n) ||
               (!certificate && (n < 16 || memcmp(value, "\0\0\0\0", 4)));
    case STORM_GIDS: return asked_in_gids(c, value, n);
    default: return !n || asked_in_files(c->fs->mf, value, n);
    }
}

// A public key alone, the rest of a pair that was broken off, is a file: its point.
static bool asked_has_public(const struct storm_card *c, const CK_BYTE *spki, size_t n)
{
    return c->fs && n > 64 && asked_in_files(c->fs->mf, spki + n - 64, 64);
}

// ---- What is shown ----

// Has the card what an object shows? An object that is read no more is none.
static void asked_for(struct worker *w, struct storm_card *c, CK_SESSION_HANDLE session,
                      CK_OBJECT_HANDLE object)
{
    bool there;
    CK_OBJECT_CLASS class = 0;
    CK_BYTE value[2048], id = 0;
    CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof class }, i = { CKA_ID, &id, 1 };
    if (CALL(w, C_GetAttributeValue, session, object, &a, 1)) return;
    if (class != CKO_DATA) C_GetAttributeValue(session, object, &i, 1);
    bool key = class == CKO_PUBLIC_KEY || class == CKO_PRIVATE_KEY;
    if (!key && class != CKO_CERTIFICATE && class != CKO_DATA) return;
    CK_ATTRIBUTE v = { key ? CKA_PUBLIC_KEY_INFO : CKA_VALUE, value, sizeof value };
    if (CALL(w, C_GetAttributeValue, session, object, &v, 1)) return;
    if (key) there = !v.ulValueLen || asked_has_key(c, value, v.ulValueLen) ||
                     (class == CKO_PUBLIC_KEY && asked_has_public(c, value, v.ulValueLen));
    else there = asked_has_value(c, class == CKO_CERTIFICATE, id, value, v.ulValueLen);
    if (!there) judge_count(GHOSTS, "class %lu, id %u of %llu, %s", class, id,
                            (unsigned long long)c->stamp, storm_kind_names[c->set / 2]);
}

// Whatever is shown in a session, the card has. How many objects that were; 0: it is not that card.
static unsigned asked_check(struct worker *w, struct storm_card *c, CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE objects[100];
    CK_ULONG n = 0;
    uint64_t stamp = 0;
    if (find(w, session, CKO_CERTIFICATE, 1, objects) || read_stamp(w, session, *objects, &stamp) ||
        stamp != c->stamp) return 0;
    if (CALL(w, C_FindObjectsInit, session, NULL, 0)) return 0;
    if (CALL(w, C_FindObjects, session, objects, 100, &n)) n = 0;
    CALL(w, C_FindObjectsFinal, session);
    for (CK_ULONG i = 0; i < n; i++) asked_for(w, c, session, objects[i]);
    return (unsigned)n;
}

#endif
