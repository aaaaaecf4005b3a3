// traces.c: the module on recordings of independent cards (tests/data/traces/): a card that only repeats
// what PivApplet 0.9, CanoKey (PIV, OpenPGP), SmartPGP, Pico OpenPGP, IsoApplet 0.6, OsEID, Pico HSM,
// GidsApplet and libcacard answered. It shows that what scard11 sends is what such cards know. SPDX-License-Identifier: 0BSD
//
// The recordings are of independent implementations run in simulators; their headers name card,
// keys and PINs (test values). A command, its chain joined, is looked up among the recorded ones
// that succeeded; one that was not recorded is answered 6A82. Tried on every file: all certificates
// (compared with the public keys of the header), signatures of the recorded message, ECDH and
// decryption with the recorded values. Files are put together from what was read of them; an answer
// to PERFORM SECURITY OPERATION is found by the security environment that it was recorded in, too;
// one of a CAC by the applet that was selected.
#include "scene.h"
#include <ctype.h>

#define MOST 512
#define FILES 40

struct exchange {
    uint8_t head[4];
    uint8_t *data, *answer;
    size_t n, answer_n;
    uint8_t environment[32];        // of the PSO: the MSE before it; of a CAC: the applet
    uint8_t chosen;                 // of GET DATA: P1 of the SELECT DATA before it
};

struct file {
    uint8_t path[8];
    size_t path_n, n;
    uint8_t data[4096];
};

struct replay {
    struct sim_card card;
    struct exchange all[MOST];
    size_t count;
    char pin[9];
    uint8_t chain[5000], pending[9000];
    size_t chain_n, pending_n, pending_at;
    bool short_only;
    struct file files[FILES];
    size_t file_count;
    struct file *selected;
    uint8_t environment[32];
    uint8_t chosen;
};

static char *file_text;

static size_t unhex(const char *s, uint8_t *out, size_t room)
{
    size_t n = 0;
    for (unsigned b; isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]) &&
         n < room; s += 2)
        if (sscanf(s, "%2x", &b) == 1) out[n++] = (uint8_t)b;
    return n;
}

// The value of a header line "# name: ...", or of a comment line that begins so.
static const char *comment(const char *begin)
{
    const char *p = strstr(file_text, begin);
    return p ? p + strlen(begin) : NULL;
}

// ---- Files, and the security environment ----

// The file of a path below the MF; a new one when it was not seen before.
static struct file *file_of(struct replay *r, const uint8_t *path, size_t n, bool make)
{
    if (n > 2 && !memcmp(path, "\x3f\x00", 2)) { path += 2; n -= 2; }
    if (n > sizeof r->files->path) return NULL;
    for (size_t i = 0; i < r->file_count; i++)
        if (r->files[i].path_n == n && !memcmp(r->files[i].path, path, n)) return &r->files[i];
    if (!make || r->file_count == FILES) return NULL;
    struct file *f = &r->files[r->file_count++];
    memcpy(f->path, path, n);
    f->path_n = n;
    return f;
}

// Does the answer to a command depend on what was set or selected before?
static bool depends(const uint8_t *cmd)
{
    return cmd[1] == 0x2a || cmd[1] == 0x42 || cmd[1] == 0x52;
}

// Is it a part of a chain, and not its last one?
static bool goes_on(const uint8_t *cmd)
{
    return cmd[0] & 0x10 || (cmd[1] == 0x42 && cmd[2] == 0x80);
}

// What SELECT and MSE change, in the recording and on the card.
static void follow(struct replay *r, const uint8_t *cmd, const uint8_t *data, size_t n, bool make)
{
    bool cac = cmd[1] == 0xa4 && cmd[2] == 0x04 && n == 7;
    if (cmd[1] == 0xa4 && cmd[2] != 0x04) r->selected = file_of(r, data, n, make);
    if (cmd[1] == 0xa4 && cmd[2] == 0x04) r->chosen = 0;
    if (cmd[1] == 0xa5) r->chosen = cmd[2];
    if ((cmd[1] != 0x22 && !cac) || n >= sizeof r->environment) return;
    memset(r->environment, 0, sizeof r->environment);
    memcpy(r->environment, data, n);
    r->environment[sizeof r->environment - 1] = cmd[3];
}

static void keep_content(struct replay *r, const uint8_t *cmd, const uint8_t *answer, size_t n)
{
    size_t at = (size_t)(cmd[2] & 0x7f) << 8 | cmd[3];
    if (!r->selected || cmd[2] & 0x80 || at + n > sizeof r->selected->data) return;
    memcpy(r->selected->data + at, answer, n);
    if (at + n > r->selected->n) r->selected->n = at + n;
}

// Was what a command is answered recorded after what came before it here, too?
static bool goes_with(const struct exchange *e, const struct replay *r, const uint8_t *cmd)
{
    if (!memcmp(cmd + 1, "\xca\x7f\x21", 3)) return e->chosen == r->chosen;
    return !depends(cmd) || !memcmp(e->environment, r->environment, sizeof r->environment);
}

// ---- Reading a recording: pieces of a chain and of an answer are joined ----

static void keep(struct replay *r, const uint8_t *cmd, const uint8_t *data, size_t n,
                 const uint8_t *answer,
                 size_t answer_n)
{
    for (size_t i = 0; i < r->count; i++)       // the first answer to a command stands
        if (!memcmp(r->all[i].head, cmd, 4) && r->all[i].n == n &&
            !memcmp(r->all[i].data, data, n) && goes_with(&r->all[i], r, cmd)) return;
    if (r->count == MOST) return;
    struct exchange *e = &r->all[r->count++];
    memcpy(e->head, cmd, 4);
    e->data = malloc(n + 1);
    e->answer = malloc(answer_n + 1);
    memcpy(e->data, data, n);
    memcpy(e->answer, answer, answer_n);
    memcpy(e->environment, r->environment, sizeof e->environment);
    e->chosen = r->chosen;
    e->n = n;
    e->answer_n = answer_n;
}

static void read_trace(struct replay *r)
{
    static uint8_t cmd[70000], rsp[70000], data[9000], answer[9000];
    size_t data_n = 0, answer_n = 0, cmd_n = 0;
    uint8_t head[4] = { 0 };
    for (char *line = file_text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1
         : NULL) {
        if (*line == '>') cmd_n = unhex(line + 2, cmd, sizeof cmd);
        if (*line != '<' || cmd_n < 4) continue;
        size_t n = unhex(line + 2, rsp, sizeof rsp), lc = 0;
        const uint8_t *body = cmd + 5;
        if (cmd_n > 5 && cmd[4]) lc = cmd[4];
        if (cmd_n > 8 && !cmd[4]) { lc = (size_t)cmd[5] << 8 | cmd[6]; body = cmd + 7; }
        if (n < 2 || data_n + lc > sizeof data || answer_n + n > sizeof answer) continue;
        bool response = cmd[1] == 0xc0;
        if (!response) {
            answer_n = 0;
            if (lc) memcpy(data + data_n, body, lc);
            data_n += lc;
            memcpy(head, cmd, 4);
        }
        memcpy(answer + answer_n, rsp, n - 2);
        answer_n += n - 2;
        if (goes_on(cmd) && rsp[n - 2] == 0x90) continue;       // more of the chain follows
        if (rsp[n - 2] == 0x61) continue;
        if (rsp[n - 2] == 0x90) {
            head[0] &= 0x80;
            keep(r, head, data, data_n, answer, answer_n);
            follow(r, head, data, data_n, true);
            if (head[1] == 0xb0) keep_content(r, head, answer, answer_n);
        }
        data_n = 0;
        if (rsp[n - 2] != 0x61) answer_n = 0;
    }
}

// ---- The card ----

static size_t give(struct replay *r, uint8_t *rsp)
{
    size_t left = r->pending_n - r->pending_at, n = left < 256 || !r->short_only ? left : 256;
    memcpy(rsp, r->pending + r->pending_at, n);
    r->pending_at += n;
    left -= n;
    rsp[n] = left ? 0x61 : 0x90;
    rsp[n + 1] = (uint8_t)(left > 255 ? 0 : left);
    return n + 2;
}

static size_t say(uint8_t *rsp, unsigned sw)
{
    rsp[0] = (uint8_t)(sw >> 8);
    rsp[1] = (uint8_t)sw;
    return 2;
}

// READ BINARY of what was recorded of the selected file.
static size_t read_file(struct replay *r, const uint8_t *cmd, size_t n, uint8_t *rsp)
{
    size_t at = (size_t)(cmd[2] & 0x7f) << 8 | cmd[3], le = n > 6 ? (size_t)cmd[5] << 8 | cmd[6] : cmd[4];
    if (!le) le = n > 6 ? 65536 : 256;
    if (!r->selected || !r->selected->n) return say(rsp, 0x6981);
    if (at >= r->selected->n) return say(rsp, 0x6b00);
    if (le > r->selected->n - at) le = r->selected->n - at;
    memcpy(rsp, r->selected->data + at, le);
    return le + say(rsp + le, 0x9000);
}

static size_t replay_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                          size_t room)
{
    struct replay *r = (struct replay *)card;
    size_t lc = n > 5 && cmd[4] ? cmd[4] : n > 8 && !cmd[4] ? (size_t)cmd[5] << 8 | cmd[6] : 0;
    const uint8_t *body = n > 8 && !cmd[4] ? cmd + 7 : cmd + 5;
    (void)room;
    card->apdus++;
    if (cmd[1] == 0xc0) return r->pending_at < r->pending_n ? give(r, rsp) : say(rsp, 0x6985);
    if (r->short_only && n > 6 && !cmd[4]) return say(rsp, 0x6700);
    if (lc > n || r->chain_n + lc > sizeof r->chain) return say(rsp, 0x6700);
    if (lc) memcpy(r->chain + r->chain_n, body, lc);
    r->chain_n += lc;
    if (goes_on(cmd)) return say(rsp, 0x9000);
    size_t data_n = r->chain_n;
    r->chain_n = 0;
    // what it says depends on what was before
    if (cmd[1] == 0x20 && !data_n && cmd[3] != 0x82) return say(rsp, 0x63c3);
    if (cmd[1] == 0xb0) return read_file(r, cmd, n, rsp);
    follow(r, cmd, r->chain, data_n, false);
    for (size_t i = 0; i < r->count; i++) {
        const struct exchange *e = &r->all[i];
        bool same = e->head[0] == (cmd[0] & 0x80) && !memcmp(e->head + 1, cmd + 1, 3) &&
            e->n == data_n && !memcmp(e->data, r->chain, data_n);
        if (!goes_with(e, r, cmd)) same = false;
        // SELECT by the AID with or without its version: the same application answered.
        if (cmd[1] == 0xa4 && e->head[1] == 0xa4 && e->n >= 9 && data_n >= 9 &&
            !memcmp(e->data, r->chain, 9)) same = true;
        if (!same) continue;
        memcpy(r->pending, e->answer, e->answer_n);
        r->pending_n = e->answer_n;
        r->pending_at = 0;
        if (card->protocol || !lc || !e->answer_n) return give(r, rsp);
        return say(rsp, 0x6100 | (e->answer_n & 0xff));         // T=0: GET RESPONSE has it
    }
    return say(rsp, 0x6a82);
}

static void replay_reset(struct sim_card *card)
{
    struct replay *r = (struct replay *)card;
    r->chain_n = r->pending_n = r->pending_at = 0;
    r->selected = NULL;
    memset(r->environment, 0, sizeof r->environment);
}

static void replay_free(struct sim_card *card)
{
    struct replay *r = (struct replay *)card;
    for (size_t i = 0; i < r->count; i++) {
        free(r->all[i].data);
        free(r->all[i].answer);
    }
    free(r);
    free(file_text);
    file_text = NULL;
}

static struct replay *replay_new(const char *name)
{
    char path[256];
    struct replay *r = calloc(1, sizeof *r);
    snprintf(path, sizeof path, "tests/data/traces/%s", name);
    FILE *f = fopen(path, "rb");
    if (!r || !f) abort();
    file_text = calloc(1, 1 << 20);
    if (!file_text || !fread(file_text, 1, (1 << 20) - 1, f)) abort();
    fclose(f);
    r->card.reset = replay_reset;
    r->card.apdu = replay_apdu;
    r->card.free = replay_free;
    r->card.protocol = !strstr(file_text, "# protocol: T=0");
    r->card.atr_len = unhex(comment("# ATR: "), r->card.atr, sizeof r->card.atr);
    r->short_only = strstr(file_text, "short APDUs only") != NULL;
    const char *pin = comment("# PIN (reference 01) ");
    if (!pin) pin = comment("# PIN (reference 80) ");
    if (!pin) pin = comment("# PIN 1 (user, reference 01): ");
    if (!pin) pin = comment("# PIN (reference 81) ");
    if (!pin) pin = comment("# PW1 (user) ");
    sscanf(pin ? pin : comment("# PIN "), "%8[0-9]", r->pin);
    read_trace(r);
    return r;
}

// ---- What is tried ----

static CK_SESSION_HANDLE session;
static struct replay *card;
static CK_BYTE message[] = "recorded test message";

static void begin_short(const char *name, bool short_only)
{
    C_Finalize(NULL);
    sim_reader_clear();
    card = replay_new(name);
    card->short_only |= short_only;
    sim_reader_insert(sim_reader_add("Recorded"), &card->card);
    scene_card = &card->card;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(C_Login(session, CKU_USER, (CK_BYTE *)card->pin, strlen(card->pin)), CKR_OK);
}

static void begin(const char *name)
{
    begin_short(name, false);
}

// Does an object of a key have the public key that a line of the header gives for it?
static void check_spki(const char *line, CK_OBJECT_CLASS class, CK_BYTE id)
{
    static CK_BYTE want[700], got[700];
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE t = { CKA_PUBLIC_KEY_INFO, got, sizeof got };
    if (test_failing) return;
    CHECK(comment(line));
    size_t n = unhex(comment(line), want, sizeof want);
    CHECK_RV(scene_find(session, class, id, &object), CKR_OK);
    CHECK(object);
    CHECK_RV(C_GetAttributeValue(session, object, &t, 1), CKR_OK);
    CHECK(t.ulValueLen == n && !memcmp(got, want, n));
}

static void check_certificate_of(const char *line, CK_BYTE id)
{
    check_spki(line, CKO_CERTIFICATE, id);
}

// Of a key that is in no certificate.
static void check_public_key(const char *line, CK_BYTE id)
{
    check_spki(line, CKO_PUBLIC_KEY, id);
}

static void check_certificate(const char *slot, CK_BYTE id)
{
    char line[64];
    snprintf(line, sizeof line, "# SPKI slot %s, in its certificate: ", slot);
    check_certificate_of(line, id);
}

// Signs the recorded message. The answer of the recording is checked with the key's own
// certificate.
static void check_sign(CK_BYTE id, CK_MECHANISM_TYPE type)
{
    CK_OBJECT_HANDLE key, public_key;
    CK_BYTE sig[256];
    CK_ULONG n = sizeof sig;
    CK_MECHANISM m = { type, NULL, 0 };
    CK_BBOOL always = CK_FALSE;
    CK_ATTRIBUTE a = { CKA_ALWAYS_AUTHENTICATE, &always, 1 };
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, id, &public_key), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, key, &a, 1), CKR_OK);
    CHECK_RV(C_SignInit(session, &m, key), CKR_OK);
    if (always) CHECK_RV(C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_BYTE *)card->pin,
                                 strlen(card->pin)), CKR_OK);
    CHECK_RV(C_Sign(session, message, sizeof message - 1, sig, &n), CKR_OK);
    CHECK_RV(C_VerifyInit(session, &m, public_key), CKR_OK);
    CHECK_RV(C_Verify(session, message, sizeof message - 1, sig, n), CKR_OK);
}

// ECDH with the recorded peer, whose section begins with title.
static void check_derive(CK_BYTE id, const char *title)
{
    static uint8_t point[200], want[100], got[100];
    CK_OBJECT_HANDLE key, derived;
    if (test_failing) return;
    const char *p = strstr(file_text, title);
    CHECK(p);
    size_t n = unhex(strstr(p, "# peer point ") + 13, point, sizeof point);
    size_t want_n = unhex(strstr(p, "# shared secret by openssl ") + 27, want, sizeof want);
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, n, point };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &params, sizeof params };
    CK_ATTRIBUTE v = { CKA_VALUE, got, sizeof got };
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
    CHECK_RV(C_DeriveKey(session, &m, key, NULL, 0, &derived), CKR_OK);
    CHECK_RV(C_GetAttributeValue(session, derived, &v, 1), CKR_OK);
    CHECK(v.ulValueLen == want_n && !memcmp(got, want, want_n));
}

// Decrypts a recorded cryptogram.
static void check_opens(CK_BYTE id, uint8_t *cryptogram, size_t cryptogram_n)
{
    static const char text[] = "sixteen byte key";
    CK_OBJECT_HANDLE key;
    CK_BYTE plain[256];
    CK_ULONG n = sizeof plain;
    CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &key), CKR_OK);
    CHECK_RV(C_DecryptInit(session, &m, key), CKR_OK);
    CHECK_RV(C_Decrypt(session, cryptogram, cryptogram_n, plain, &n), CKR_OK);
    CHECK(n == 16 && !memcmp(plain, text, 16));
}

// Decrypts what was recorded for a key, named by a byte of its security environment.
static void check_decrypt(CK_BYTE id, size_t at, uint8_t key_byte)
{
    const struct exchange *e = NULL;
    if (test_failing) return;
    for (size_t i = 0; i < card->count && !e; i++)
        if (card->all[i].head[1] == 0x2a && card->all[i].head[2] == 0x80 &&
            card->all[i].answer_n == 16 && card->all[i].environment[at] == key_byte)
            e = &card->all[i];
    CHECK(e && e->n == 257 && !e->data[0]);
    check_opens(id, e->data + 1, e->n - 1);
}

// Decrypts what was recorded for the key of a CAC, whose answer is the whole block.
static void check_decrypt_block(CK_BYTE id)
{
    const struct exchange *e = NULL;
    if (test_failing) return;
    for (size_t i = 0; i < card->count && !e; i++)
        if (card->all[i].head[1] == 0x42 && card->all[i].answer_n == 256 &&
            !memcmp(card->all[i].answer, "\0\2", 2))
            e = &card->all[i];
    CHECK(e && e->n == 256);
    check_opens(id, e->data, e->n);
}

// Certificates are compressed, and no command is longer than a short one.
TEST(traces_of_gids)
{
    begin("gids.txt");
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_certificate_of("# SPKI in certificate DF24 (inflated): ", 1);
    check_certificate_of("# SPKI in certificate DF25 (inflated): ", 2);
    check_sign(2, CKM_SHA256_RSA_PKCS);
    check_sign(2, CKM_SHA1_RSA_PKCS);
    scene_end();
}

// Three applets, of which the same is asked in the same words; T=0.
TEST(traces_of_libcacard)
{
    begin("cac.txt");
    check_certificate_of("# SPKI applet A0000000790100, in its certificate: ", 1);
    check_certificate_of("# SPKI applet A0000000790101, in its certificate: ", 2);
    check_certificate_of("# SPKI applet A0000000790102, in its certificate: ", 3);
    for (CK_BYTE id = 1; id <= 3; id++) check_sign(id, CKM_SHA256_RSA_PKCS);
    check_decrypt_block(1);
    scene_end();
}

TEST(traces_of_isoapplet)
{
    begin("isoapplet-v0.txt");
    check_certificate_of("# SPKI in certificate file 3400: ", 0x01);
    check_certificate_of("# SPKI in certificate file 3401: ", 0x02);
    check_certificate_of("# SPKI in certificate file 3402: ", 0x0a);
    check_sign(0x01, CKM_SHA256_RSA_PKCS);
    check_sign(0x02, CKM_ECDSA_SHA1);           // the card hashes
    check_decrypt(0x01, 5, 0x00);
    check_decrypt(0x0a, 5, 0x02);
    scene_end();
}

TEST(traces_of_oseid)
{
    begin("oseid-myeid.txt");
    check_certificate_of("# SPKI in certificate file 4301: ", 0x01);
    check_certificate_of("# SPKI in certificate file 4302: ", 0x03);
    check_sign(0x01, CKM_SHA256_RSA_PKCS);
    check_sign(0x03, CKM_ECDSA_SHA256);
    scene_end();
}

// A cryptogram that a short command cannot hold goes to it in two halves.
TEST(traces_of_oseid_in_a_short_reader)
{
    begin_short("oseid-myeid.txt", true);
    check_sign(0x01, CKM_SHA256_RSA_PKCS);
    check_decrypt(0x01, 6, 0x01);
    scene_end();
}

// Signs, decrypts and derives by the commands of a SmartCard-HSM.
static void check_pico_hsm(bool short_only)
{
    const struct exchange *decipher = NULL;
    begin_short("sc-hsm-pico.txt", short_only);
    check_certificate_of("# SPKI in certificate CE01: ", 0x01);
    check_certificate_of("# SPKI in certificate CE02: ", 0x03);
    check_sign(0x01, CKM_SHA256_RSA_PKCS);
    check_sign(0x03, CKM_ECDSA_SHA256);
    check_derive(0x03, "# ---- ECDH, key 02, algorithm 80");
    for (size_t i = 0; i < card->count && !decipher; i++)
        if (!memcmp(card->all[i].head, "\x80\x62\x01\x21", 4)) decipher = &card->all[i];
    CHECK(decipher);
    check_opens(0x01, decipher->data, decipher->n);
}

TEST(traces_of_pico_hsm)
{
    CK_TOKEN_INFO info;
    check_pico_hsm(false);
    CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
    CHECK(!memcmp(info.label, "Pico-HSM ", 9) && !memcmp(info.model, "SmartCard-HSM   ", 16));
    CHECK(!memcmp(info.serialNumber, "ESPICOHSMTRZCH2S", 16));
    CHECK(!memcmp(info.manufacturerID, "Pol Henarejos ", 14));
    CHECK(info.firmwareVersion.major == 6 && info.firmwareVersion.minor == 6);
    scene_end();
    check_pico_hsm(true);
    scene_end();
}

TEST(traces_of_pivapplet)
{
    begin("piv-chain.txt");
    check_certificate("9A", 1);
    check_certificate("9C", 2);
    check_certificate("9D", 3);
    check_certificate("9E", 4);
    check_certificate("82", 5);
    check_certificate("83", 6);
    check_sign(1, CKM_ECDSA_SHA384);
    check_sign(2, CKM_SHA256_RSA_PKCS);
    check_sign(4, CKM_SHA256_RSA_PKCS);
    check_sign(5, CKM_SHA256_RSA_PKCS);
    check_sign(6, CKM_ECDSA_SHA384);
    check_derive(3, "# ---- slot 9D, ECDH p256");
    check_derive(6, "# ---- slot 83, ECDH p384");
    scene_end();
}

TEST(traces_of_canokey)
{
    begin("piv-canokey.txt");
    check_certificate("9A", 1);
    check_certificate("9C", 2);
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_sign(2, CKM_ECDSA_SHA256);
    scene_end();
}

// What C_GetTokenInfo and a data object tell.
static void check_openpgp(const char *label, const char *maker, const char *name)
{
    static CK_BYTE got[100];
    CK_TOKEN_INFO info;
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_ATTRIBUTE wanted[2] = { { CKA_CLASS, &data, sizeof data }, { CKA_LABEL, "Name", 4 } };
    CK_ATTRIBUTE value = { CKA_VALUE, got, sizeof got };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG n;
    if (test_failing) return;
    CHECK_RV(C_GetTokenInfo(0, &info), CKR_OK);
    CHECK(!memcmp(info.label, label, strlen(label)) && !memcmp(info.model, "OpenPGP ", 8));
    CHECK(!memcmp(info.manufacturerID, maker, strlen(maker)));
    CHECK(info.firmwareVersion.major == 3 && info.firmwareVersion.minor == 4);
    CHECK(info.ulMinPinLen == 6 && info.ulMaxPinLen == 64);
    CHECK_RV(C_FindObjectsInit(session, wanted, 2), CKR_OK);
    CHECK_RV(C_FindObjects(session, &object, 1, &n), CKR_OK);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    CHECK(n == 1);
    CHECK_RV(C_GetAttributeValue(session, object, &value, 1), CKR_OK);
    CHECK(value.ulValueLen == strlen(name) && !memcmp(got, name, strlen(name)));
}

// There is no such object.
static void check_none(CK_OBJECT_CLASS class, CK_BYTE id)
{
    CK_OBJECT_HANDLE object;
    if (test_failing) return;
    CHECK_RV(scene_find(session, class, id, &object), CKR_OK);
    CHECK(!object);
}

TEST(traces_of_smartpgp)
{
    begin("openpgp-smartpgp.txt");
    check_openpgp("OpenPGP 00000001 ", "SmartPGP ", "Card<<Lab");
    check_certificate_of("# SPKI SIG, in its certificate: ", 1);
    check_certificate_of("# SPKI DEC, in its certificate: ", 2);
    check_certificate_of("# SPKI AUT, in its certificate: ", 3);
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_sign(3, CKM_ECDSA_SHA256);
    check_decrypt(2, 0, 0x00);
    scene_end();
    begin_short("openpgp-smartpgp.txt", true);
    check_public_key("# SPKI SIG (RSA): ", 1);
    check_public_key("# SPKI AUT (EC): ", 3);
    check_decrypt(2, 0, 0x00);
    scene_end();
}

// One signature for each PW1; a slot without a key, certificates that are empty.
TEST(traces_of_canokey_openpgp)
{
    begin("openpgp-canokey.txt");
    check_openpgp("OpenPGP 00000000 ", "CanoKeys ", "");
    check_certificate_of("# SPKI AUT, in its certificate: ", 3);
    check_none(CKO_CERTIFICATE, 1);
    check_none(CKO_CERTIFICATE, 2);
    check_none(CKO_PRIVATE_KEY, 2);
    check_public_key("# SPKI SIG (RSA): ", 1);
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_sign(3, CKM_ECDSA_SHA256);
    scene_end();
}

TEST(traces_of_pico_openpgp)
{
    begin("openpgp-pico.txt");
    check_openpgp("OpenPGP 00000000 ", "OpenPGP ", "");
    check_none(CKO_CERTIFICATE, 1);
    check_none(CKO_CERTIFICATE, 3);
    check_none(CKO_PRIVATE_KEY, 2);
    check_public_key("# SPKI SIG (RSA): ", 1);
    check_public_key("# SPKI AUT (EC): ", 3);
    check_sign(1, CKM_SHA256_RSA_PKCS);
    check_sign(3, CKM_ECDSA_SHA256);
    scene_end();
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(traces_of_pivapplet);
    RUN(traces_of_canokey);
    RUN(traces_of_gids);
    RUN(traces_of_libcacard);
    RUN(traces_of_isoapplet);
    RUN(traces_of_oseid);
    RUN(traces_of_oseid_in_a_short_reader);
    RUN(traces_of_pico_hsm);
    RUN(traces_of_smartpgp);
    RUN(traces_of_canokey_openpgp);
    RUN(traces_of_pico_openpgp);
    return test_end();
}
