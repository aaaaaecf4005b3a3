// report.c: a report of a card (examples/report.c) says enough: as a card, it shows the same.
// SPDX-License-Identifier: 0BSD
//
// Each kind of card is reported twice, through the stand-in for libpcsclite: with its names and
// serials, and with hashes in their place. Then the report is put into the reader as a card
// (sim_report.h). What C_GetTokenInfo and the list of objects say without a login is compared with
// what they said of the card. Nothing came to the card but what reads; no name is in the report.
#define _GNU_SOURCE
#define main report_main
#include "../../examples/report.c"
#undef main
#include "kinds.h"
#include "../sim/sim_cac.h"
#include "../sim/sim_chip.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_report.h"
#include "../sim/sim_schsm.h"
#include <glob.h>

#define REPORT_MAX (1 << 20)
#define SEEN_MAX   (1 << 16)

// ---- What nobody is to learn from a report ----

#define SECRETS_MAX 200

static struct { uint8_t bytes[16]; size_t n; } secrets[SECRETS_MAX];
static size_t secrets_n;

static void add_secret(const void *p, size_t n)
{
    if (n < 4 || secrets_n == SECRETS_MAX) return;
    secrets[secrets_n].n = n < 16 ? n : 16;
    memcpy(secrets[secrets_n++].bytes, p, n < 16 ? n : 16);
}

// A name, unless each word of it says only what something is.
static void add_name(const mbedtls_x509_buf *name)
{
    uint8_t copy[64];
    if (name->len > sizeof copy) return;
    memcpy(copy, name->p, name->len);
    hide_text(copy, name->len, 1);
    if (memcmp(copy, name->p, name->len)) add_secret(name->p, name->len);
}

// The serial, the names, and bytes from within the key and the signature.
static void add_certificate(const uint8_t *der, size_t n)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    if (!mbedtls_x509_crt_parse_der(&crt, der, n)) {
        const mbedtls_x509_buf key = crt.pk_raw;
        if (crt.serial.len >= 8) add_secret(crt.serial.p + crt.serial.len - 8, 8);
        for (const mbedtls_x509_name *name = &crt.subject; name; name = name->next)
            add_name(&name->val);
        if (key.len > 60) add_secret(key.p + key.len - 40, 16);
        add_secret(der + n - 24, 16);
    }
    mbedtls_x509_crt_free(&crt);
}

static bool holds_secret(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < secrets_n; i++)
        if (memmem(p, n, secrets[i].bytes, secrets[i].n)) return true;
    return false;
}

// In any answer. What lies across two pieces is not seen; each certificate has four secrets.
static bool tells_secret(const char *text)
{
    static uint8_t answer[70000];
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (*line == '<' && holds_secret(answer, unhex(line + 2, answer, sizeof answer)))
            return true;
    return false;
}

// The token's serial as text, and as the bytes that it may be the hexadecimal form of.
static void add_serial(const CK_CHAR *serial, size_t n)
{
    uint8_t bytes[8];
    char text[17];
    memcpy(text, serial, n);
    for (text[n] = 0; n && text[n - 1] == ' '; ) text[--n] = 0;
    size_t bytes_n = unhex(text, bytes, sizeof bytes);
    if (strspn(text, "0") == n) return;              // it has none
    add_secret(text, n);
    if (2 * bytes_n == n && !is_blank(bytes, bytes_n - 1)) add_secret(bytes, bytes_n);
}

// ---- What a card shows ----

struct seen { char text[SEEN_MAX]; size_t n; bool secret; };

static struct seen of_card, of_report;

static void note(struct seen *seen, const char *format, unsigned long x)
{
    seen->n += (size_t)snprintf(seen->text + seen->n, SEEN_MAX - seen->n, format, x);
}

static void note_bytes(struct seen *seen, const char *what, const CK_BYTE *p, CK_ULONG n,
                       bool whole)
{
    if (n == CK_UNAVAILABLE_INFORMATION) return;
    note(seen, " ", 0);
    seen->n += (size_t)snprintf(seen->text + seen->n, SEEN_MAX - seen->n, "%s:%lu", what, n);
    for (CK_ULONG i = 0; whole && i < n && i < 48; i++) note(seen, "%02lx", p[i]);
}

static void see_object(struct seen *seen, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                       bool whole)
{
    static CK_BYTE label[300], id[100], modulus[600], point[200], value_of[5000];
    CK_OBJECT_CLASS class = 0;
    CK_KEY_TYPE type = 0;
    CK_BBOOL private = 0, sign = 0, derive = 0, decrypt = 0;
    CK_ATTRIBUTE all[] = {
        { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_PRIVATE, &private, 1 }, { CKA_SIGN, &sign, 1 }, { CKA_DERIVE, &derive, 1 },
        { CKA_DECRYPT, &decrypt, 1 }, { CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id },
        { CKA_MODULUS, modulus, sizeof modulus }, { CKA_EC_POINT, point, sizeof point } };
    CK_ATTRIBUTE content = { CKA_VALUE, value_of, sizeof value_of };
    C_GetAttributeValue(session, object, all, sizeof all / sizeof *all);
    note(seen, "\n  class %lu", class);
    note(seen, " type %lu", all[1].ulValueLen == sizeof type ? type : 99);
    note(seen, " flags %lx", (CK_ULONG)(private | sign << 1 | derive << 2 | decrypt << 3));
    note_bytes(seen, "label", label, all[6].ulValueLen, whole);
    note_bytes(seen, "id", id, all[7].ulValueLen, whole);
    note_bytes(seen, "modulus", modulus, all[8].ulValueLen, whole);
    note_bytes(seen, "point", point, all[9].ulValueLen, whole);
    bool original = seen == &of_card;
    if (original && all[8].ulValueLen <= sizeof modulus) add_secret(modulus + 20, 16);
    if (original && all[9].ulValueLen <= sizeof point) add_secret(point + 12, 16);
    if (class != CKO_CERTIFICATE) return;           // personal files are not reported
    C_GetAttributeValue(session, object, &content, 1);
    note_bytes(seen, "value", value_of, content.ulValueLen, whole);
    if (content.ulValueLen > sizeof value_of) return;
    if (original) add_certificate(value_of, content.ulValueLen);
    seen->secret |= holds_secret(value_of, content.ulValueLen);
}

static void see_slot(struct seen *seen, CK_SLOT_ID slot, bool whole)
{
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_ULONG found = 1;
    CK_RV rv = C_GetTokenInfo(slot, &token);
    note(seen, "\nslot %lu", slot);
    note(seen, " %lx", rv);
    if (rv) return;
    note_bytes(seen, "model", token.model, sizeof token.model, true);
    note_bytes(seen, "label", token.label, sizeof token.label, whole);
    note_bytes(seen, "serial", token.serialNumber, sizeof token.serialNumber, whole);
    if (seen == &of_card) add_serial(token.serialNumber, sizeof token.serialNumber);
    note(seen, " flags %lx", token.flags & ~(CK_FLAGS)(CKF_USER_PIN_COUNT_LOW |
         CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED));   // of these it is not asked
    note(seen, " PIN %lu", token.ulMinPinLen);
    note(seen, " to %lu", token.ulMaxPinLen);
    CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    while (!C_FindObjects(session, &object, 1, &found) && found)
        see_object(seen, session, object, whole);
    C_FindObjectsFinal(session);
    C_CloseSession(session);
}

// All that the module shows of a card without a login.
static void see(struct seen *seen, struct sim_card *shown, bool whole)
{
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    seen->n = 0;
    seen->secret = false;
    sim_reader_clear();
    sim_reader_insert(sim_reader_add(SCENE_READER), shown);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) see_slot(seen, slots[i], whole);
    C_Finalize(NULL);
    sim_reader_clear();
}

// ---- Reporting it ----

static unsigned wrong_commands;
static bool is_openpgp;                 // what was selected

// What reads, and what a report may send.
static void watch(void *arg, int number, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                  size_t rsp_n)
{
    static const uint8_t reads[] = { 0xa4, 0xa5, 0xb0, 0xb1, 0xb2, 0xc0, 0xca, 0xcb, 0xcc, 0xf7,
                                     0xf8, 0xfd };
    static const uint8_t reads_80[] = { 0x4c, 0x52, 0x56, 0x58 };
    (void)arg; (void)number;
    bool public_key = n > 2 && cmd[1] == 0x47 && cmd[2] == 0x81 && is_openpgp;
    if (n > 9 && cmd[1] == 0xa4 && cmd[2] == 4)
        is_openpgp = !memcmp(cmd + 5, "\xd2\x76\0\1\x24", 5);
    bool good = public_key || (n > 3 && cmd[0] == 0x00 && memchr(reads, cmd[1], sizeof reads)) ||
        (n > 3 && cmd[0] == 0x80 && memchr(reads_80, cmd[1], sizeof reads_80));
    wrong_commands += !good;
    bool serial = n > 1 && cmd[1] == 0xf8 && rsp_n == 6;      // YubiKey's
    if (serial && !is_blank(rsp, 4)) add_secret(rsp, 4);
}

static char *report(struct sim_card *reported, bool as_is)
{
    static char name[] = "Simulated", how[] = "--plain", program[] = "report";
    char *argv[] = { program, as_is ? how : name, name, NULL };
    char *text = calloc(1, REPORT_MAX);
    sim_reader_clear();
    sim_reader_insert(sim_reader_add(SCENE_READER), reported);
    sim_reader_trace(watch, NULL);
    out = tmpfile();
    if (!text || !out) abort();
    wrong_commands = commands = refused = unread = mute = 0;
    gone = lost = directories_read = false;
    applications.n = 0;
    int rc = report_main(as_is ? 3 : 2, argv);
    rewind(out);
    if (!fread(text, 1, REPORT_MAX - 1, out)) text[0] = 0;
    fclose(out);
    sim_reader_trace(NULL, NULL);
    sim_reader_clear();
    if (rc) test_fail(__FILE__, __LINE__, "the report ended with %d", rc);
    if (wrong_commands)
        test_fail(__FILE__, __LINE__, "%u commands do more than read", wrong_commands);
    return text;
}

// ---- The cases ----

static void show_difference(const char *name)
{
    size_t i = 0;
    for (; of_card.text[i] && of_card.text[i] == of_report.text[i]; i++) { }
    for (; i && of_card.text[i - 1] != '\n'; i--) { }
    test_fail(__FILE__, __LINE__, "%s: the card shows %.200s, its report %.200s", name,
              of_card.text + i, of_report.text + i);
}

// What hides a serial of a few digits may by chance be that serial. By another key it is not.
static bool tells_secret_again(struct sim_card *real)
{
    char *text = report(real, false);
    bool tells = tells_secret(text);
    free(text);
    return tells;
}

static void compare(const char *name, struct sim_card *real, bool as_is)
{
    if (test_failing) return;
    secrets_n = 0;
    see(&of_card, real, as_is);
    char *text = report(real, as_is);
    if (getenv("REPORT_SHOW")) fputs(text, stdout);
    struct sim_card *replayed = sim_report_new(text);
    see(&of_report, replayed, as_is);
    CHECK(of_card.n > 60);
    CHECK_EQ(tells_secret(text) && (as_is || tells_secret_again(real)), as_is);   // a plain one tells
    CHECK_EQ(of_report.secret, as_is && of_card.secret);
    CHECK(secrets_n);
    if (strcmp(of_card.text, of_report.text)) show_difference(name);
    replayed->free(replayed);
    free(text);
}

static void compare_both(const char *name, struct sim_card *real)
{
    compare(name, real, true);
    compare(name, real, false);
    real->free(real);
}

TEST(each_kind_is_shown_by_its_report)
{
    for (size_t i = 0; i < CARDS_KINDS; i++)
        compare_both(cards_kinds[i].name, cards_kinds[i].make(false));
}

// A recording that another program made of a card is taken as the card.
TEST(recorded_cards_are_shown_by_their_report)
{
    static char text[REPORT_MAX];
    glob_t files = { 0 };
    CHECK(!glob("tests/data/traces/*.txt", 0, NULL, &files) && files.gl_pathc >= 4);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *f = fopen(files.gl_pathv[i], "rb");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        CHECK(n);
        fclose(f);
        text[n] = 0;
        compare_both(files.gl_pathv[i], sim_report_new(text));
    }
    globfree(&files);
}

TEST(piv_cards_are_shown_by_their_report)
{
    static const struct sim_piv_key packed[] = {         // compressed certificates
        { 0x9a, SIM_RSA2048A, false, true, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_P256A, false, true, SIM_PIN_BY_SLOT } };
    static const struct sim_piv_options all[] = {
        { .discovery = SIM_APPLICATION_PIN }, { .discovery = SIM_GLOBAL_PIN, .t0 = true },
        { .extended = true, .yubikey = true, .discovery = SIM_APPLICATION_PIN }, { .pieces = true },
        { .keys = packed, .n_keys = 2 } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) compare_both("PIV", sim_piv_new(&all[i]));
}

// What is hidden of some bytes (..), and what stays.
TEST(names_serials_and_keys_are_hidden_and_nothing_else)
{
    static const struct { enum hiding how; const char *before, *after; } all[] = {
        // a certificate's serial, however short; RSA's exponent; an OID; a flag
        { HIDE, "30060204 01020304", "30060204 ........" },
        { HIDE, "3005020301F5C7", "30050203......" },
        { HIDE, "30050203010001", "30050203010001" }, { HIDE, "0603550403", "0603550403" },
        { HIDE, "03020780", "03020780" }, { HIDE, "0405A1B2C3D4E5", "0405.........." },
        { HIDE, "04063F0050154401", "04063F0050154401" },       // a path
        { HIDE, "416E6E61 20 446F65", "........ 20 ......" },      // Anna Doe
        { HIDE, "0C0850494E204A6F686E", "0C0850494E20........" },       // PIN John
        { HIDE, "1E0A00310020004A006F0065", "1E0A00310020 00..00..00.." },      // 1 Joe
        { HIDE, "170D3236313132373231323830335A", "170D323631313031 303030303030 5A" },
        { HIDE, "C50800000000A1B2C3D4", "C50800000000........" },
        { HIDE, "170401020304", "170401020304" },
        { HIDE, "C106010800002000", "C106010800002000" },
        { HIDE, "7F490B 84020411 86020422 870101", "7F490B 84020411 86020411 870101" },
        { SHOW, "4F10D276000124010304FFFE A1B2C3D4 0000",
          "4F10D276000124010304FFFE ........ 0000" },
        { HIDE_TOKEN, "300702010004 02 A1B2", "300702010004 02 ...." },
        { HIDE_REST, "9F7F 01 A1B2C3D4", "9F7F .. ........" },
        // UTF-16 beyond ASCII (two letters of Cyrillic); a label that is no text; times of other forms
        { HIDE, "1E04 0418 0432", "1E04 00.. 00.." }, { HIDE, "5004 01A12B3C", "5004 ........" },
        { HIDE, "1711 32363131323732313238 3030 2B30313030",
          "1711 .................... .... 2B........" },
        { HIDE, "1811 3230323631313237323132383033 2E 355A",
          "1811 ............................ 2E ...." },
        // no structure to its end: what looks like one (a status, a size) may be anything
        { HIDE, "C002A1B2 0102C3D4 A5", ".................." },
        { HIDE, "3003 0C0141 0102C3D4 A5", "3003 0C01.. ............" },
        // PIV's GUID that looks like an OID; compressed, and cut
        { HIDE, "3410 060E A1B2C3D4E5F60718293A4B5C6D7E", "3410 ................................" },
        { HIDE, "78DA 0102C3D4 0103C3D4E5 01", "78DA ...................." },
        { HIDE_CHIP, "4790 A1B2C3D4", "4790 ........" },
        { HIDE_CHIP, "9F7F2A 4790 A1B2C3D4", "9F7F2A 4790 ........" }, { HIDE_ALL, "A1B2C3D4", "........" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool changed = false, dots = false;
        const char *p = all[i].after;
        value.n = unhex(all[i].before, value.bytes, sizeof value.bytes);
        uint8_t before[32];
        memcpy(before, value.bytes, value.n);
        hide_read(all[i].how, 2);
        for (size_t k = 0; k < value.n; k++, p += 2) {
            uint8_t byte = 0;
            while (*p == ' ') p++;
            bool dot = *p == '.';
            dots |= dot;
            changed |= dot && value.bytes[k] != before[k];
            if (!dot && (!unhex(p, &byte, 1) || byte != value.bytes[k]))
                test_fail(__FILE__, __LINE__, "%s: byte %zu is %02X", all[i].before, k,
                          value.bytes[k]);
        }
        if (dots != changed) test_fail(__FILE__, __LINE__, "%s stays", all[i].before);
    }
    value.n = 0;
}

// The name of a container on a GIDS card is often a user's.
TEST(the_names_of_containers_are_hidden)
{
    memset(value.bytes, 0, value.n = 87);
    for (size_t i = 0; i < 8; i++) value.bytes[1 + 2 * i] = (uint8_t)"jane-doe"[i];
    value.bytes[81] = 3;
    hide_read(HIDE_NAMES, 0);
    CHECK(value.bytes[1] != 'j' || value.bytes[3] != 'a' || value.bytes[5] != 'n');
    CHECK(value.bytes[9] == '-' && !value.bytes[2] && value.bytes[81] == 3 && !value.bytes[17]);
    // behind its tag, with a byte too many; in Cyrillic
    memset(value.bytes, 0, value.n = 4 + 86 + 1);
    memcpy(value.bytes, "\xdf\x23\x81\x57", 4);
    for (size_t i = 0; i < 8; i++) value.bytes[4 + 2 * i] = (uint8_t)"jane-doe"[i];
    memcpy(value.bytes + 30, "\x18\4\x32\4", 4);
    value.bytes[90] = 'j';
    hide_read(HIDE_NAMES, 0);
    CHECK(value.bytes[4] != 'j' || value.bytes[6] != 'a' || value.bytes[8] != 'n');
    CHECK(value.bytes[12] == '-' && value.bytes[30] != 0x18 && !value.bytes[31]);
    CHECK(value.bytes[90] != 'j' && !memcmp(value.bytes, "\xdf\x23\x81\x57", 4));
    value.n = 0;
}

// A card that answers anything, and whose answers say that there is more.
static unsigned rubbish_turn;

static size_t rubbish_apdu(struct sim_card *rubbish, const uint8_t *cmd, size_t n, uint8_t *rsp,
                           size_t room)
{
    static const uint8_t ends[][2] = { { 0x90, 0 }, { 0x61, 0 }, { 0x6c, 9 }, { 0x62, 0x82 },
                                       { 0x90, 0 }, { 0x69, 0x81 }, { 0x6a, 0x82 }, { 0x90, 0 } };
    static const uint8_t tags[] = { 0x6f, 0x30, 0xa1, 0x7f, 0x61, 0xdf, 0x53, 0x67, 0x04, 0x1f };
    size_t len = (unsigned)rand() % 8 ? (size_t)rand() % 300 : (size_t)rand() % 5000;
    (void)cmd; (void)n; (void)room;
    rubbish->apdus++;
    for (size_t i = 0; i < len; i++)
        rsp[i] = rand() % 3 ? tags[(unsigned)rand() % sizeof tags] : (uint8_t)rand();
    memcpy(rsp + len, ends[rubbish_turn < 8 ? rubbish_turn : (unsigned)rand() % 8], 2);
    return len + 2;
}

static void rubbish_reset(struct sim_card *rubbish)
{
    (void)rubbish;
}

// A card that says 9000 to any SELECT and knows nothing else.
static size_t obliging_apdu(struct sim_card *obliging, const uint8_t *cmd, size_t n, uint8_t *rsp,
                            size_t room)
{
    (void)n; (void)room;
    obliging->apdus++;
    if (cmd[1] == 0x47) test_fail(__FILE__, __LINE__, "OpenPGP's public key is asked for");
    memcpy(rsp, cmd[1] == 0xa4 ? "\x90\0" : "\x6d\0", 2);
    return 2;
}

TEST(a_card_that_obliges_is_not_asked_for_openpgp_keys)
{
    struct sim_card obliging = { .reset = rubbish_reset, .apdu = obliging_apdu, .atr = { 0x3b, 0 },
                                 .atr_len = 2, .protocol = 1 };
    free(report(&obliging, false));
    CHECK(commands > 100 && commands < 400);
}

TEST(a_card_that_answers_anything_is_reported_in_the_end)
{
    struct sim_card rubbish = { .reset = rubbish_reset, .apdu = rubbish_apdu, .atr = { 0x3b, 0 },
                                .atr_len = 2, .protocol = 1 };
    for (rubbish_turn = 0; rubbish_turn < 30; rubbish_turn++) {
        free(report(&rubbish, rubbish_turn % 2));
        CHECK(commands <= COMMANDS_MAX + 1 && mute <= MUTE_MAX);
        rubbish.protocol = rubbish_turn % 2;
    }
}

// What no tag stands for is a name as well as any.
TEST(values_without_a_tag_are_hidden)
{
    static const uint8_t tags[] = { 2, 0, 0x20, 4 };
    plain = false;
    memcpy(value.bytes, "\x0c\0AnnaJohn Doe", value.n = 14);
    hide_buffer(tags, sizeof tags, NULL);
    CHECK(memcmp(value.bytes + 2, "Anna", 4) && memcmp(value.bytes + 6, "John", 4));
    CHECK(memcmp(value.bytes + 11, "Doe", 3) && value.bytes[0] == 0x0c);
    value.n = 1;
    hide_buffer(tags, sizeof tags, NULL);
    CHECK(value.bytes[0] == 0x0c);
    static const uint8_t short_tags[] = { 4, 0, 0x71, 1, 0x24, 1 };     // a person's, of one letter
    memcpy(value.bytes, "\2\0\1F", value.n = 4);
    for (unsigned i = 0; i < 9 && value.bytes[3] == 'F'; i++) {
        secret[0]++;                                // the hash may be an F, once
        hide_buffer(short_tags, sizeof short_tags, NULL);
    }
    CHECK(value.bytes[2] == 1 && value.bytes[3] != 'F');
    value.n = 0;
}

// EF.DIR may have an application's whole AID, and OpenPGP's has the card's serial. It is selected, and
// the command is in the report, too.
static size_t listing_apdu(struct sim_card *listing, const uint8_t *cmd, size_t n, uint8_t *rsp,
                           size_t room)
{
    static const uint8_t dir[] = { 0x61, 0x12, 0x4f, 0x10, 0xd2, 0x76, 0, 1, 0x24, 1, 3, 4, 0xff,
                                   0xfe, 0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0x90, 0 };
    static bool there;
    (void)n; (void)room;
    listing->apdus++;
    if (cmd[1] == 0xa4) there = cmd[2] != 4 && n > 6 && cmd[n - 3] == 0x2f && !cmd[n - 2];
    if (cmd[1] == 0xb0 && there) return memcpy(rsp, dir, sizeof dir), sizeof dir;
    memcpy(rsp, cmd[1] == 0xa4 && there ? "\x90\0" : "\x6a\x82", 2);
    return 2;
}

TEST(a_serial_in_a_command_is_hidden)
{
    struct sim_card listing = { .reset = rubbish_reset, .apdu = listing_apdu, .atr = { 0x3b, 0 },
                                .atr_len = 2, .protocol = 1 };
    char *text = report(&listing, false);
    CHECK(strstr(text, "00A4040010D276000124010304FFFE"));
    CHECK(!strstr(text, "A1B2C3D4"));
    free(text);
}

TEST(cacs_are_shown_by_their_report)
{
    static const struct sim_cac_options all[] = {
        { .second = false }, { .gzip = true, .whole = true }, { .no_ccc = true },
        { .pki_only = true },
        { .piv = true, .lost_by_failure = true }, { .persons = true, .small_key = true } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) compare_both("CAC", sim_cac_new(&all[i]));
}

TEST(openpgp_cards_are_shown_by_their_report)
{
    static const struct sim_openpgp_options all[] = {
        { .second = false }, { .version = 0x0200, .sig = SIM_RSA2048A, .dec = SIM_RSA2048B },
        { .cardholder = true, .pieces = true, .short_only = true },
        { .bare_select = true, .bare = true },
        { .own_tag = true, .no_historical = true }, { .only_6e = true, .select_data_once = true },
        { .kdf = true, .no_certificate = 7 }, { .no_key = 2, .missing = true },
        { .sig = SIM_ED25519, .dec = SIM_X25519, .aut = SIM_P384A } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        compare_both("OpenPGP", sim_openpgp_new(&all[i]));
}

// Each application of a chip, as a YubiKey has them.
TEST(a_chip_with_two_applications_is_shown_by_its_report)
{
    static const struct sim_piv_options piv_card = { .extended = true, .yubikey = true };
    static const struct sim_openpgp_options openpgp_card = { .maker = 0x0006 };
    struct sim_chip_options o = { .applications = { sim_piv_new(&piv_card),
                                                    sim_openpgp_new(&openpgp_card) } };
    compare_both("PIV and OpenPGP", sim_chip_new(&o));
}

TEST(gids_cards_are_shown_by_their_report)
{
    static const struct sim_gids_options all[] = {
        { .second = false }, { .plain = true, .extended = true }, { .ec = true, .pieces = true },
        { .many = true }, { .no_certificate = true, .puk = true } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        compare_both("GIDS", sim_gids_new(&all[i]));
}

TEST(hsms_are_shown_by_their_report)
{
    static const struct sim_schsm_options all[] = {
        { .two = true }, { .curves = true, .cardcontact = true }, { .many = true, .pieces = true },
        { .no_certificates = true, .short_only = true } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        compare_both("SmartCard-HSM", sim_schsm_new(&all[i]));
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(piv_cards_are_shown_by_their_report);
    RUN(recorded_cards_are_shown_by_their_report);
    RUN(names_serials_and_keys_are_hidden_and_nothing_else);
    RUN(the_names_of_containers_are_hidden);
    RUN(a_card_that_obliges_is_not_asked_for_openpgp_keys);
    RUN(a_card_that_answers_anything_is_reported_in_the_end);
    RUN(values_without_a_tag_are_hidden);
    RUN(a_serial_in_a_command_is_hidden);
    RUN(cacs_are_shown_by_their_report);
    RUN(openpgp_cards_are_shown_by_their_report);
    RUN(a_chip_with_two_applications_is_shown_by_its_report);
    RUN(gids_cards_are_shown_by_their_report);
    RUN(hsms_are_shown_by_their_report);
    RUN(each_kind_is_shown_by_its_report);
    return test_end();
}
