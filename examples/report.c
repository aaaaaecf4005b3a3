// report.c: what a card shows without a PIN, for who has no such card. report [--plain] [READER]
// cc report.c $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o report
// SPDX-License-Identifier: 0BSD
// Test: => # protocol: T=1 ... # ---- PIV ... # GET DATA, certificate 9A ... # ---- not done
// Test: --plain 'Simulated Reader' => # names and serials: as they are ... # ---- not done
//
// The report goes to the standard output, each command as "> HEX" and its answer as "< HEX". Bytes
// that tell whose card it is, or which (names, serials, keys, dates to the day), are replaced by a
// hash with a key that is thrown away: as many bytes, of the same structure, and what was equal
// stays equal. So the report can be replayed as a card. --plain leaves them as they are. READER is
// a part of a reader's name; without it the first card is taken.
//
// A PIN is neither sent nor asked for: no command here is VERIFY, changes the card, or can cost a
// try. Each application is selected once. What a card answers decides nothing but what is read.
#include <winscard.h>
#include <psa/crypto.h>
#include <zlib.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS_MAX 3000               // of a report
#define MUTE_MAX     10                 // of them without an answer
#define VALUE_MAX    16384              // bytes of a file or an answer; what is more is not read
#define PIECES_MAX   160                // commands that bring one
#define ANSWER_MAX   4098               // bytes of an answer to one command
#define LIST_MAX     300                // files that a directory names, applications
#define DEPTH_MAX    12                 // of a structure

#define ANY_PROTOCOL (SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
#define SW_OK        0x9000u
#define SW_NOT_FOUND 0x6a82u
#define SW_RECORDS   0x6981u            // READ BINARY of a file that has records

static FILE *out;                       // the report
static bool plain;
static uint8_t secret[32];              // the key of the hashes

// ---- What takes the place of a name, a serial, a key ----

static void hash(const uint8_t *p, size_t n, uint8_t eight[8])
{
    uint8_t whole[32] = { 0 };
    size_t len = 0;
    psa_hash_operation_t sha = PSA_HASH_OPERATION_INIT;
    if (psa_hash_setup(&sha, PSA_ALG_SHA_256) || psa_hash_update(&sha, secret, sizeof secret) ||
        psa_hash_update(&sha, p, n) || psa_hash_finish(&sha, whole, sizeof whole, &len))
        psa_hash_abort(&sha);           // then it is all 00, which tells nothing
    memcpy(eight, whole, 8);
}

static bool is_blank(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++) if (p[i] != p[0]) return false;
    return !n || p[0] == 0x00 || p[0] == 0xff;
}

// Keys keep their size in bits and whether they are odd, points their first byte: they are of the
// same kind. Leading 00 do not change the hash, as the same number is written with and without.
static void hide_bytes(uint8_t *p, size_t n)
{
    uint8_t eight[8], top = 0x80;
    if (is_blank(p, n)) return;
    for (; n > 1 && !*p; n--) p++;
    if (n > 32 && n % 2 && *p < 0x80) { p++; n--; }
    hash(p, n, eight);
    while (n > 32 && top > 1 && !(top & p[0])) top >>= 1;
    uint8_t first = p[0], last = p[n - 1];
    for (size_t i = 0; i < n; i++) p[i] = eight[i % 8];
    if (n > 32) p[n - 1] = (uint8_t)((p[n - 1] & ~1u) | (last & 1u));
    p[0] = (uint8_t)((p[0] & (top - 1u)) | (first & top) | !(first & top));
}

// Words that say what something is and not whose.
static const char words_kept[] =
    " 0 1 2 3 4 5 6 7 8 9 256 384 521 1024 2048 3072 4096 admin aes allekirjoitustunnusluku and "
    "attestation auth authentication aventra belpic ca card cardos cert certificate cvc d decipher "
    "decrypt decryption default derive des digital ec ecc ecdh ecdsa eid encryption esteid "
    "exchange gemalto generic global henkilokortti hsm idemia isoapplet key keys local ltd "
    "management mscp multi myeid oberthur officer openpgp oseid p perustunnusluku pico pin pin1 "
    "pin2 piv pkcs private public puk retired root rsa security sign signature signing smartcard "
    "so std thales token trust user ";

static bool is_kept(const char *word)
{
    char spaced[40];
    snprintf(spaced, sizeof spaced, " %s ", word);
    return strstr(words_kept, spaced) != NULL;
}

// A word of other letters and digits; every step-th byte counts (2: UTF-16).
static void hide_word(uint8_t *p, size_t n, size_t step)
{
    char word[32];
    uint8_t eight[8], letters[64] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < n && count < sizeof letters; i += step) letters[count++] = p[i];
    for (size_t i = 0; i <= count && i < sizeof word; i++)
        word[i] = (char)(i < count ? tolower(letters[i]) : 0);
    if (count < sizeof word && is_kept(word)) return;
    hash(letters, count, eight);
    for (size_t i = 0; i < n; i += step) {
        unsigned some = eight[i / step % 8] + (unsigned)(i / step);
        if (isdigit(p[i])) p[i] = (uint8_t)('0' + some % 10);
        else p[i] = (uint8_t)((isupper(p[i]) ? 'A' : 'a') + some % 26);
    }
}

static void hide_text(uint8_t *p, size_t n, size_t step)
{
    for (size_t i = 0, end; i < n; i = end + step) {
        for (end = i; end < n && (isalnum(p[end]) || p[end] >= 0x80); ) end += step;
        if (end > i) hide_word(p + i, (end < n ? end : n) - i, step);
    }
}

// UTF-16, whose more significant bytes are the first (high 0) or the second ones. A character that
// is not in ASCII counts as a letter.
static void hide_wide(uint8_t *p, size_t n, size_t high)
{
    for (size_t i = 0; i + 2 <= n; i += 2) {
        uint8_t *low = p + i + !high;
        if (p[i + high]) *low = (uint8_t)(0x80 | (*low ^ p[i + high]));
        p[i + high] = 0;
    }
    if (n > !high) hide_text(p + !high, n - !high, 2);
}

static bool has_control(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) if (!isprint(p[i]) && p[i] < 0x80) return true;
    return false;
}

static bool is_text(const uint8_t *p, size_t n)
{
    size_t high = 0;
    if (has_control(p, n)) return false;
    for (size_t i = 0; i < n; i++) high += p[i] >= 0x80;
    return n && high * 3 < n;
}

struct tlv {
    unsigned tag;
    uint8_t *value;
    size_t n, all;                      // of the value; with tag and length
    bool constructed;
};

static bool take_tlv(uint8_t *p, size_t n, struct tlv *t)
{
    size_t at = 1, more;
    if (n < 2) return false;
    t->tag = p[0];
    t->constructed = p[0] & 0x20;
    if ((p[0] & 0x1f) == 0x1f) t->tag = t->tag << 8 | p[at++];
    if (at >= n) return false;
    t->n = p[at++];
    if (t->n > 0x80) {
        more = t->n & 0x7f;
        if (more > 2 || at + more > n) return false;
        for (t->n = 0; more; more--) t->n = t->n << 8 | p[at++];
    } else if (t->n == 0x80) return false;
    t->value = p + at;
    t->all = at + t->n;
    return t->n <= n - at;
}

static bool is_tlv(uint8_t *p, size_t n)
{
    struct tlv t;
    for (; n && !is_blank(p, n); p += t.all, n -= t.all) if (!take_tlv(p, n, &t)) return false;
    return true;
}

static uint8_t *find_tlv(uint8_t *p, size_t n, unsigned tag, size_t *len)
{
    struct tlv t;
    for (; take_tlv(p, n, &t); p += t.all, n -= t.all)
        if (t.tag == tag) return *len = t.n, t.value;
    return NULL;
}

static void hide(uint8_t *p, size_t n, int depth);

// A compressed certificate: unpacked, hidden, packed again. It becomes shorter, as hashes repeat;
// what is left behind it is 00. What cannot be unpacked is hidden whole.
static bool hide_packed(uint8_t *p, size_t n)
{
    static uint8_t whole[VALUE_MAX];
    bool gzip = n > 18 && p[0] == 0x1f && p[1] == 0x8b && !is_text(p, n);
    size_t skip = n > 8 && p[0] == 1 && !p[1] && p[4] == 0x78 ? 4 : 0;      // GIDS: 01 00, length
    z_stream z;
    memset(&z, 0, sizeof z);
    if (!gzip && (n < skip + 8 || p[skip] != 0x78 || is_text(p, n))) return false;
    if (inflateInit2(&z, 15 + 32) != Z_OK) return false;
    z.next_in = p + skip;
    z.avail_in = (uInt)(n - skip);
    z.next_out = whole;
    z.avail_out = sizeof whole;
    int rc = inflate(&z, Z_FINISH);
    uInt len = (uInt)(sizeof whole - z.avail_out);
    inflateEnd(&z);
    if (rc != Z_STREAM_END) return hide_bytes(p + skip + 2, n - skip - 2), true;
    hide(whole, len, 0);
    memset(&z, 0, sizeof z);
    int window = gzip ? 31 : 15;
    if (deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    memset(p + skip, 0, n - skip);
    z.next_in = whole;
    z.avail_in = len;
    z.next_out = p + skip;
    z.avail_out = (uInt)(n - skip);
    rc = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    if (rc != Z_STREAM_END) memset(p + skip, 0xff, n - skip);
    return true;
}

// What is made of the values of some tags. SHOWN: of OpenPGP, what the card can do, counters, the
// attributes of keys. ROW: values of some bytes each, fingerprints or dates. OTHERS: it holds
// others, though it is not marked so: BIT STRING, OCTET STRING, PIV's data objects. NUMBER: it
// holds none, though it is marked so: PIV's GUIDs.
enum rule { BY_LOOKS, SHOWN, TEXT, ROW, OTHERS, NUMBER };
static const struct { unsigned tag; enum rule rule; size_t each; } rules[] = {
    { 0x06, SHOWN, 0 }, { 0x4f, SHOWN, 0 }, { 0xc0, SHOWN, 0 }, { 0xc1, SHOWN, 0 },
    { 0xc2, SHOWN, 0 }, { 0xc3, SHOWN, 0 }, { 0xc4, SHOWN, 0 }, { 0xd6, SHOWN, 0 },
    { 0xd7, SHOWN, 0 }, { 0xd8, SHOWN, 0 }, { 0xd9, SHOWN, 0 }, { 0xda, SHOWN, 0 },
    { 0xde, SHOWN, 0 }, { 0xfa, SHOWN, 0 }, { 0x5f52, SHOWN, 0 }, { 0x7f66, SHOWN, 0 },
    { 0xc5, ROW, 20 }, { 0xc6, ROW, 20 }, { 0xcd, ROW, 4 }, { 0x03, OTHERS, 0 },
    { 0x04, OTHERS, 0 }, { 0x53, OTHERS, 0 }, { 0x0c, TEXT, 1 }, { 0x12, TEXT, 1 },
    { 0x13, TEXT, 1 }, { 0x14, TEXT, 1 }, { 0x16, TEXT, 1 }, { 0x1a, TEXT, 1 },
    { 0x1e, TEXT, 2 }, { 0x42, TEXT, 1 }, { 0x50, TEXT, 1 }, { 0x5b, TEXT, 1 }, { 0x5e, TEXT, 1 },
    { 0x5f20, TEXT, 1 }, { 0x5f2d, TEXT, 1 }, { 0x5f50, TEXT, 1 }, { 0x34, NUMBER, 0 },
    { 0x36, NUMBER, 0 },
};

static enum rule rule_of(unsigned tag, size_t *each)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].tag == tag) return *each = rules[i].each, rules[i].rule;
    return tag >> 8 == 0xdf ? OTHERS : BY_LOOKS;            // GIDS' data objects
}

// YYMMDDHHMMSSZ, or with a century before it.
static bool is_time(unsigned tag, const uint8_t *p, size_t n)
{
    return ((tag == 0x17 && n == 13) || (tag == 0x18 && n == 15)) && p[n - 1] == 'Z';
}

static void hide_value(unsigned tag, uint8_t *p, size_t n, int depth)
{
    size_t each = 0, lead = tag == 0x03 && n > 4;           // BIT STRING: the unused bits
    enum rule rule = rule_of(tag, &each);
    p += lead;
    n -= lead;
    if (rule == SHOWN || is_blank(p, n)) return;
    if (n >= 2 && n <= 16 && n % 2 == 0 && p[0] == 0x3f && !p[1]) return;       // a path
    for (; rule == ROW && n >= each; p += each, n -= each) hide_bytes(p, each);
    if (rule == NUMBER || (rule == TEXT && each == 1 && has_control(p, n))) hide_bytes(p, n);
    else if (rule == TEXT && each == 1) hide_text(p, n, 1);
    else if (rule == TEXT) hide_wide(p, n, 0);
    else if (n < 3 || (n <= 4 && tag != 0x02)) return;      // flags, sizes, file identifiers
    else if (n == 3 && !memcmp(p, "\1\0\1", 3)) return;     // RSA's exponent
    else if (is_time(tag, p, n))                            // its month stays
        memcpy(p + n - 9, "01000000Z", 9);
    else if (rule == OTHERS && depth < DEPTH_MAX && is_tlv(p, n)) hide(p, n, depth + 1);
    else if (hide_packed(p, n)) return;
    else if (is_text(p, n)) hide_text(p, n, 1);
    else hide_bytes(p, n);
}

// The parameters of a curve are no secret. Where they stand beside a point, the curve's base point
// takes its place: it lies on the curve, too, by which it may be known.
static bool is_curve(struct tlv *t)
{
    static const uint8_t der[] = { 2, 1, 1, 0x30 };
    size_t n = 0, base_n = 0;
    if (t->tag == 0x30) return t->n > 40 && !memcmp(t->value, der, sizeof der);
    uint8_t *point = find_tlv(t->value, t->n, 0x86, &n);
    uint8_t *base = find_tlv(t->value, t->n, 0x84, &base_n);
    if (t->tag != 0x7f49 || !point || !base || n != base_n) return false;
    memcpy(point, base, n);
    return true;
}

static void hide_one(struct tlv *t, int depth)
{
    enum rule rule = rule_of(t->tag, &(size_t){ 0 });
    bool shown = rule == SHOWN || (t->constructed && is_curve(t));
    if (shown) return;
    if (t->constructed && rule != NUMBER && depth < DEPTH_MAX && is_tlv(t->value, t->n))
        hide(t->value, t->n, depth + 1);
    else hide_value(t->tag, t->value, t->n, depth);
}

// What is no structure to its end may be anything: there only one that is made of others counts.
static void hide(uint8_t *p, size_t n, int depth)
{
    struct tlv t;
    bool whole = is_tlv(p, n);
    if (hide_packed(p, n)) return;
    if (is_text(p, n)) {                // before its letters are taken for a tag and a length
        hide_text(p, n, 1);
        return;
    }
    for (; n && !is_blank(p, n); p += t.all, n -= t.all) {
        bool is = take_tlv(p, n, &t) && (whole || (t.constructed && is_tlv(t.value, t.n)));
        if (is) {
            hide_one(&t, depth);
            continue;
        }
        if (is_text(p, n)) hide_text(p, n, 1);
        else hide_bytes(p, n);
        return;
    }
}

// OpenPGP's AID has the serial of the card, wherever it stands.
static void hide_openpgp_serial(uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 16 <= n; i++)
        if (!memcmp(p + i, "\xd2\x76\x00\x01\x24\x01", 6)) hide_bytes(p + i + 10, 4);
}

// ---- The card ----

static SCARDCONTEXT context;
static const char *reader_name;
static SCARDHANDLE handle;
static DWORD protocol;
static unsigned commands, refused, unread, mute;
static bool lost;                       // it did not answer: it is to be powered on again
static bool gone;                       // the card, or too many commands

// The card is kept from other programs meanwhile. Before and after that it is reset: nothing is
// selected, and others see that it was used.
static void power_off(void)
{
    if (!handle) return;
    SCardEndTransaction(handle, SCARD_LEAVE_CARD);
    SCardDisconnect(handle, SCARD_RESET_CARD);
    handle = 0;
}

static bool power_on(void)
{
    power_off();
    lost = false;
    LONG rv = SCardConnect(context, reader_name, SCARD_SHARE_SHARED, ANY_PROTOCOL, &handle,
                           &protocol);
    if (rv != SCARD_S_SUCCESS) handle = 0;
    return handle && SCardBeginTransaction(handle) == SCARD_S_SUCCESS;
}

// What is read now: the bytes of all answers in a row, and the commands that brought them.
static struct {
    uint8_t bytes[VALUE_MAX + ANSWER_MAX];
    size_t n, count;
    struct piece { uint8_t command[300]; size_t command_n, n; unsigned sw; } pieces[PIECES_MAX];
} value;

enum hiding { SHOW, HIDE, HIDE_REST, HIDE_CHIP, HIDE_NAMES, HIDE_TOKEN, HIDE_ALL };

// The container map of GIDS: records of 86 bytes, behind its tag or a number; their first 80 are a
// name. What is no whole record is hidden.
static void hide_names(uint8_t *p, size_t n)
{
    bool tagged = n > 2 && p[0] == 0xdf;
    size_t at = tagged ? 3u + (p[2] > 0x80 ? p[2] & 0x7fu : 0) : n % 86;
    for (; at + 86 <= n; at += 86) hide_wide(p + at, 80, 1);
    if (at < n) hide_bytes(p + at, n - at);
}

// HIDE_REST: but for the first keep bytes. HIDE_CHIP: so, behind the tag, which some leave out.
// HIDE_NAMES: see there. HIDE_TOKEN: the serial of PKCS#15's TokenInfo, too, however short it is.
static void hide_read(enum hiding how, size_t keep)
{
    uint8_t *p = value.bytes;
    size_t n = value.n;
    if (how == HIDE) hide(p, n, 0);
    if (how == HIDE_CHIP && n > 1 && p[0] == 0x9f) keep += 3;
    if ((how == HIDE_REST || how == HIDE_CHIP) && n > keep) hide_bytes(p + keep, n - keep);
    if (how == HIDE_NAMES) hide_names(p, n);
    if (how == HIDE_ALL) hide_bytes(p, n);
    if (how == HIDE_TOKEN) {
        struct tlv t;
        size_t len;
        uint8_t *serial = take_tlv(p, n, &t) ? find_tlv(t.value, t.n, 0x04, &len) : NULL;
        if (serial) hide_bytes(serial, len);
        hide(p, n, 0);
    }
    hide_openpgp_serial(p, n);
}

static void print_hex(const char *before, const uint8_t *p, size_t n)
{
    fputs(before, out);
    for (size_t i = 0; i < n; i++) fprintf(out, "%02X", p[i]);
}

// Writes what was read into the report, and begins anew.
static void write_read(enum hiding how, size_t keep)
{
    size_t at = 0;
    if (!plain) hide_read(how, keep);
    for (size_t i = 0; i < value.count; i++) {
        struct piece *p = &value.pieces[i];
        if (!plain) hide_openpgp_serial(p->command, p->command_n);      // as EF.DIR may name it
        print_hex("> ", p->command, p->command_n);
        if (!p->sw) fprintf(out, "\n# no answer\n");
        if (!p->sw) continue;
        print_hex("\n< ", value.bytes + at, p->n);
        fprintf(out, "%04X\n", p->sw);
        at += p->n;
    }
    value.n = value.count = 0;
}

// One command. Returns its status word; 0: there is none.
static unsigned ask_one(const uint8_t *command, size_t n)
{
    uint8_t answer[ANSWER_MAX];
    DWORD len = sizeof answer;
    struct piece *p = &value.pieces[value.count];
    const SCARD_IO_REQUEST *pci = protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    if (gone || lost || value.count == PIECES_MAX || value.n > VALUE_MAX) return 0;
    if (++commands > COMMANDS_MAX) return gone = true, 0u;
    LONG rv = SCardTransmit(handle, pci, command, (DWORD)n, NULL, answer, &len);
    value.count++;
    memcpy(p->command, command, n);
    p->command_n = n;
    p->sw = 0;
    p->n = 0;
    if (rv != SCARD_S_SUCCESS || len < 2) {
        lost = true;
        gone = ++mute == MUTE_MAX;
        return 0;
    }
    p->n = len - 2;
    p->sw = (unsigned)answer[len - 2] << 8 | answer[len - 1];
    memcpy(value.bytes + value.n, answer, p->n);
    value.n += p->n;
    return p->sw;
}

// Of what was read, as much as a copy has room for. Returns how much.
static size_t copy_read(uint8_t *copy)
{
    size_t n = value.n < VALUE_MAX ? value.n : VALUE_MAX;
    if (copy) memcpy(copy, value.bytes, n);
    return n;
}

// A command with all of its answer. Le is its last byte; T=0 has none beside data.
static unsigned ask(const uint8_t *command, size_t n)
{
    uint8_t again[300], response[5] = { 0, 0xc0, 0, 0, 0 };
    bool le_dropped = protocol == SCARD_PROTOCOL_T0 && n > 5 && n == 6u + command[4];
    unsigned sw = ask_one(command, n - le_dropped);
    if (sw >> 8 == 0x6c && !le_dropped) {
        memcpy(again, command, n);
        n += n == 4;                                        // it had no Le
        again[n - 1] = (uint8_t)sw;
        sw = ask_one(again, n);
    }
    response[0] = command[0] & 0x80 ? 0x00 : command[0];
    while (sw >> 8 == 0x61 && value.n <= VALUE_MAX) {
        response[4] = (uint8_t)sw;
        sw = ask_one(response, 5);
    }
    if (sw == 0x6982) refused++;
    return sw;
}

static size_t unhex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t n = 0;
    for (unsigned b; n < room && *hex; hex += 2) {
        while (*hex == ' ') hex++;
        if (sscanf(hex, "%2x", &b) != 1) break;
        bytes[n++] = (uint8_t)b;
    }
    return n;
}

static unsigned ask_hex(const char *hex)
{
    uint8_t command[300];
    return ask(command, unhex(hex, command, sizeof command));
}

// A command with data, and Le 00.
static unsigned ask_data(const char *head, const uint8_t *data, size_t n)
{
    uint8_t command[300];
    size_t at = unhex(head, command, 4);
    command[at++] = (uint8_t)n;
    memcpy(command + at, data, n);
    command[at + n] = 0;
    return ask(command, at + n + 1);
}

// ---- Steps: what is asked of an application ----

struct step {
    void (*run)(const struct step *step);
    const char *what, *hex;
    enum hiding hiding;
    size_t keep;
};

static unsigned sw_of_command;          // of the last one

static void run_command(const struct step *step)
{
    fprintf(out, "# %s\n", step->what);
    sw_of_command = ask_hex(step->hex);
    write_read(step->hiding, step->keep);
}

// One without which it is not that application: some cards answer 9000 to any AID. Then the rest is
// not sent to whatever it is.
static bool is_other;

static void run_landmark(const struct step *step)
{
    run_command(step);
    is_other = sw_of_command != SW_OK;
}

// Files: cards differ in how they want them selected. What served is used for the next.
static struct { bool known; int way, form; } selecting;
static size_t file_size;                // by what SELECT told; 0: not told
static const char *const forms[] = { "00", "04", "0C" };

// By path from the MF without it, or with it, or step by step; below the current DF; by identifier.
enum { WAY_PATH, WAY_WHOLE_PATH, WAY_STEPS, WAY_BELOW, WAY_FID, WAYS };

static unsigned select_one(const char *p1, int form, const uint8_t *path, size_t n)
{
    char head[9];
    size_t len = 0, size_n = 0;
    snprintf(head, sizeof head, "00A4%s%s", p1, forms[form]);
    unsigned sw = ask_data(head, path, n);
    uint8_t *fcp = NULL, *size = NULL;
    struct tlv t;
    if (take_tlv(value.bytes, value.n, &t) && (t.tag == 0x62 || t.tag == 0x6f))
        fcp = t.value, len = t.n;
    if (fcp) size = find_tlv(fcp, len, 0x80, &size_n);
    if (fcp && !size) size = find_tlv(fcp, len, 0x81, &size_n);
    file_size = size && size_n == 2 ? (size_t)size[0] << 8 | size[1] : 0;
    write_read(SHOW, 0);
    return sw;
}

static unsigned select_way(int way, int form, const uint8_t *path, size_t n)
{
    unsigned sw = 0;
    bool mf = n > 2 && path[0] == 0x3f && !path[1];
    if (way == WAY_FID) return n == 2 ? select_one("00", form, path, n) : SW_NOT_FOUND;
    if (way == WAY_BELOW) return select_one(n > 2 ? "09" : "02", form, path, n);
    if (way == WAY_WHOLE_PATH) return mf ? select_one("08", form, path, n) : SW_NOT_FOUND;
    if (way == WAY_PATH) return select_one("08", form, path + 2 * mf, n - 2 * mf);
    for (size_t at = 0; at + 2 <= n; at += 2) {
        sw = select_one("00", form, path + at, 2);
        if (sw != SW_OK) break;
    }
    return sw;
}

static bool select_path(const uint8_t *path, size_t n)
{
    bool whole = n >= 2 && path[0] == 0x3f && !path[1];
    if (n < 2 || n > 16) return false;
    if (whole && selecting.known)
        return select_way(selecting.way, selecting.form, path, n) == SW_OK;
    for (int way = whole ? WAY_PATH : WAY_BELOW; way < (whole ? WAY_BELOW : WAYS); way++)
        for (int form = 0; form < 3 && !gone && !lost; form++) {
            unsigned sw = select_way(way, form, path, n);
            if (sw == SW_NOT_FOUND) break;
            if (sw != SW_OK) continue;
            if (whole) selecting.known = true, selecting.way = way, selecting.form = form;
            return true;
        }
    return false;
}

// The selected file, of which a copy goes to copy. Where its size is told, no more is asked for.
static size_t read_selected(enum hiding hiding, uint8_t *copy)
{
    unsigned sw = SW_OK;
    size_t size = file_size;
    while (sw == SW_OK && (!size || value.n < size)) {
        size_t at = value.n, left = size - at;
        uint8_t read[5] = { 0, 0xb0, (uint8_t)(at >> 8), (uint8_t)at, 0 };
        if (size && left < 256) read[4] = (uint8_t)left;
        if (at + 256 > VALUE_MAX) { unread++; break; }
        sw = ask(read, sizeof read);
        if (value.n == at || (!size && value.n - at < 256)) break;
    }
    bool records = sw == SW_RECORDS;
    size_t n = copy_read(copy);
    write_read(hiding, 0);
    for (uint8_t i = 1; records && i < 32; i++) {
        uint8_t read[5] = { 0, 0xb2, i, 4, 0 };
        if (ask(read, sizeof read) != SW_OK) i = 32;
        if (copy && n + value.n <= VALUE_MAX) memcpy(copy + n, value.bytes, value.n), n += value.n;
        write_read(hiding, 0);
    }
    return n;
}

static size_t read_path(const char *what, const uint8_t *path, size_t n, enum hiding hiding,
                        uint8_t *copy)
{
    fprintf(out, "# %s\n", what);
    return select_path(path, n) ? read_selected(hiding, copy) : 0;
}

static void run_file(const struct step *step)
{
    uint8_t path[16];
    read_path(step->what, path, unhex(step->hex, path, sizeof path), step->hiding, NULL);
}

// ---- PKCS#15: the ODF, the directories that it names, the files that these name ----

struct list {
    size_t n;
    struct entry { unsigned type; uint8_t bytes[16]; size_t n; } entries[LIST_MAX];
};

// Adds what is not in it. false: it was, or there is no room.
static bool add(struct list *list, unsigned type, const uint8_t *p, size_t n)
{
    if (n > 16 || list->n == LIST_MAX) return false;
    for (size_t i = 0; i < list->n; i++)
        if (list->entries[i].n == n && !memcmp(list->entries[i].bytes, p, n)) return false;
    struct entry *e = &list->entries[list->n++];
    e->type = type;
    e->n = n;
    memcpy(e->bytes, p, n);
    return true;
}

// Paths stand in the type's own part of an entry, [1]; in the ODF everywhere.
static void add_paths(struct list *list, uint8_t *p, size_t n, unsigned type, bool inside,
                      int depth)
{
    struct tlv t, path;
    for (; take_tlv(p, n, &t); p += t.all, n -= t.all) {
        if (!t.constructed || depth == DEPTH_MAX) continue;
        if (inside && t.tag == 0x30 && take_tlv(t.value, t.n, &path) && path.tag == 0x04 &&
            path.n >= 2 && path.n % 2 == 0) add(list, type, path.value, path.n);
        else add_paths(list, t.value, t.n, type ? type : t.tag, inside || t.tag == 0xa1, depth + 1);
    }
}

// A path that does not begin at the MF begins at the application.
static size_t whole_path(const uint8_t *base, size_t base_n, const struct entry *e, uint8_t *path)
{
    bool whole = e->bytes[0] == 0x3f && !e->bytes[1];
    if (whole || base_n + e->n > 16) return memcpy(path, e->bytes, e->n), e->n;
    memcpy(path, base, base_n);
    memcpy(path + base_n, e->bytes, e->n);
    return base_n + e->n;
}

static bool directories_read;           // of some application

static void read_directories(const uint8_t *base, size_t base_n, uint8_t *odf, size_t odf_n)
{
    static uint8_t content[VALUE_MAX];
    static struct list directories, files;
    uint8_t path[16];
    directories.n = files.n = 0;
    directories_read = true;
    add_paths(&directories, odf, odf_n, 0, true, 0);
    for (size_t i = 0; i < directories.n; i++) {
        struct entry *e = &directories.entries[i];
        size_t n = read_path("a directory", path, whole_path(base, base_n, e, path), HIDE, content);
        bool no_files = e->type == 0xa0 || e->type == 0xa3 || e->type == 0xa8;     // keys, PINs
        if (!no_files) add_paths(&files, content, n, e->type, false, 0);
    }
    for (size_t i = 0; i < files.n && !gone; i++)
        read_path("a file that a directory names", path,
                  whole_path(base, base_n, &files.entries[i], path),
                  files.entries[i].type == 0xa7 ? HIDE_ALL : HIDE, NULL);       // data: of anything
}

// base: where the application may be, with room for a file's identifier.
static void read_pkcs15(uint8_t *base, size_t n)
{
    static uint8_t odf[VALUE_MAX];
    memcpy(base + n, "\x50\x31", 2);
    size_t odf_n = read_path("ODF", base, n + 2, HIDE, odf);
    if (!odf_n) return;
    base[n + 1] = 0x32;
    read_path("TokenInfo", base, n + 2, HIDE_TOKEN, NULL);
    read_directories(base, n, odf, odf_n);
}

static void run_pkcs15(const struct step *step)
{
    uint8_t base[16];
    read_pkcs15(base, unhex(step->hex, base, 12));
}

// ---- SmartCard-HSM ----

static void read_hsm(unsigned fid)
{
    char head[9];
    size_t before;
    snprintf(head, sizeof head, "00B1%04X", fid);
    fprintf(out, "# file %04X\n", fid);
    do {
        before = value.n;
        uint8_t offset[] = { 0x54, 2, (uint8_t)(before >> 8), (uint8_t)before };
        if (ask_data(head, offset, sizeof offset) != SW_OK) break;
    } while (value.n >= before + 256 && value.n < VALUE_MAX - 256);
    write_read(fid >> 8 == 0xcf ? HIDE_ALL : HIDE, 0);
}

static void run_hsm(const struct step *step)
{
    static const uint8_t beside[][2] = {                    // what is listed, what is read of it
        { 0xcc, 0xc4 }, { 0xcc, 0xce }, { 0xc4, 0xc4 }, { 0xc8, 0xc8 }, { 0xc8, 0xca },
        { 0xc9, 0xc9 }, { 0xc9, 0xcf }, { 0xca, 0xca }, { 0xce, 0xce }, { 0xcf, 0xcf } };
    static struct list done;
    uint8_t ids[2 * LIST_MAX];
    done.n = 0;
    fprintf(out, "# %s\n", step->what);
    ask_hex(step->hex);
    size_t n = value.n < sizeof ids ? value.n : sizeof ids;
    memcpy(ids, value.bytes, n);
    write_read(SHOW, 0);
    read_hsm(0x2f02);
    read_hsm(0x2f03);
    for (size_t i = 0; i + 2 <= n; i += 2)
        for (size_t k = 0; k < sizeof beside / sizeof *beside; k++) {
            uint8_t fid[2] = { beside[k][1], ids[i + 1] };
            if (ids[i] == beside[k][0] && add(&done, 0, fid, 2))
                read_hsm((unsigned)fid[0] << 8 | fid[1]);
        }
}

// ---- GIDS ----

// The master file names every other file: directory, name, data object and where it is.
static void run_gids(const struct step *step)
{
    static uint8_t all[VALUE_MAX];
    struct tlv t;
    char hex[40];
    fprintf(out, "# %s\n", step->what);
    ask_hex(step->hex);
    size_t n = take_tlv(all, copy_read(all), &t) ? t.n : 0;
    write_read(SHOW, 0);
    for (size_t at = 1; at + 28 <= n && at < 28 * LIST_MAX; at += 28) {
        const uint8_t *record = t.value + at;
        bool map = !memcmp(record + 9, "cmapfile", 8);
        bool known_file = !memcmp(record + 9, "cardcf", 7) || !memcmp(record + 9, "cardapps", 8);
        if (!record[20] && !record[21]) continue;
        snprintf(hex, sizeof hex, "00CB%02X%02X045C02%02X%02X00", record[25], record[24],
                 record[21], record[20]);
        fprintf(out, "# a file\n");
        ask_hex(hex);
        write_read(map ? HIDE_NAMES : known_file ? SHOW : HIDE, 0);
    }
    for (unsigned key = 0x81; key < 0x90; key++) {
        snprintf(hex, sizeof hex, "00CB3FFF0A70088401%02XA5037F498000", key);
        fprintf(out, "# public key %02X\n", key);
        if (ask_hex(hex) != SW_OK) key = 0x90;
        write_read(HIDE, 0);
    }
}

// ---- CAC: buffers of tags and of values, the containers that the CCC names ----

static struct list applications;        // that were selected

static unsigned select_application(const uint8_t *aid, size_t n)
{
    if (!add(&applications, 0, aid, n)) return SW_NOT_FOUND;
    if (lost && !power_on()) gone = true;
    memset(&selecting, 0, sizeof selecting);
    unsigned sw = ask_data("00A40400", aid, n);
    write_read(SHOW, 0);
    if (sw == 0x6a86 || sw == 0x6b00) {                     // not without its FCI
        sw = ask_data("00A4040C", aid, n);
        write_read(SHOW, 0);
    }
    return sw >> 8 == 0x62 ? SW_OK : sw;
}

// READ BUFFER until all is there that its first two bytes announce.
static size_t read_buffer(uint8_t type, uint8_t *copy)
{
    uint8_t wants[2] = { type, 0xff };
    char head[9];
    size_t before = 0, end = 2;
    while (value.n < end && end < VALUE_MAX) {
        before = value.n;
        wants[1] = (uint8_t)(before && end - before < 0xff ? end - before : 0xff);
        snprintf(head, sizeof head, "8052%04X", (unsigned)before & 0xffff);
        if (ask_data(head, wants, 2) != SW_OK || value.n == before) break;
        if (!before && value.n >= 2) end = 2u + value.bytes[0] + 256u * value.bytes[1];
    }
    return copy_read(copy);
}

// Hides the values that belong to tags; a certificate keeps its structure, CardURLs stay.
static void hide_buffer(const uint8_t *tags, size_t n, struct list *urls)
{
    uint8_t *v = value.bytes + 2, *end = value.bytes + value.n;
    for (size_t at = 2; at + 2 <= n; ) {
        unsigned tag = tags[at++];
        size_t len = tags[at++];
        if (len == 0xff && at + 2 <= n) len = tags[at] + 256u * tags[at + 1], at += 2;
        if (v > end || len > (size_t)(end - v)) break;
        if (tag == 0xf3 && urls && len == 16) {
            uint8_t aid[7] = { v[0], v[1], v[2], v[3], v[4], v[6], v[7] };
            add(urls, 0, aid, sizeof aid);
        } else if (!plain && tag == 0x70) {
            hide(v, len, 0);
        } else if (!plain && tag != 0x71 && !(urls && tag != 0xf0)) {   // 71: it is compressed
            if (is_text(v, len)) hide_text(v, len, 1);
            else hide_bytes(v, len);
        }
        v += len;
    }
    if (!plain && v < end) hide_bytes(v, (size_t)(end - v));        // what no tag stands for
}

static void read_container(struct list *urls)
{
    static uint8_t tags[VALUE_MAX];
    fprintf(out, "# GET PROPERTIES, the buffer of tags, that of values\n");
    ask_hex("8056010000");
    write_read(SHOW, 0);
    size_t n = read_buffer(1, tags);
    write_read(SHOW, 0);
    if (!n) return;
    read_buffer(2, NULL);
    hide_buffer(tags, n, urls);
    write_read(SHOW, 0);
}

static void run_container(const struct step *step)
{
    (void)step;
    read_container(NULL);
}

static void run_ccc(const struct step *step)
{
    static struct list urls;
    (void)step;
    urls.n = 0;
    read_container(&urls);
    for (size_t i = 0; i < urls.n && !gone; i++) {
        const struct entry *e = &urls.entries[i];
        fprintf(out, "# a container\n");
        if (select_application(e->bytes, e->n) == SW_OK) read_container(NULL);
    }
}

// ---- Others ----

// Below the MF of cards that want each path to begin there.
static void run_below(const struct step *step)
{
    ask_hex("00A4000C");
    write_read(SHOW, 0);
    run_file(step);
}

// A slot of PIV: where its certificate is, 5FC1xx; what YubiKey's metadata say of its key.
static void run_piv_slots(const struct step *step)
{
    static const uint8_t slots[][2] = { { 0x9a, 5 }, { 0x9c, 0x0a }, { 0x9d, 0x0b }, { 0x9e, 1 } };
    char hex[40];
    bool metadata = true;
    (void)step;
    for (unsigned i = 0; i < 24; i++) {
        unsigned slot = i < 4 ? slots[i][0] : 0x82 + i - 4;
        unsigned tag = i < 4 ? slots[i][1] : 0x0d + i - 4;
        fprintf(out, "# GET DATA, certificate %02X\n", slot);
        snprintf(hex, sizeof hex, "00CB3FFF055C035FC1%02X00", tag);
        ask_hex(hex);
        write_read(HIDE, 0);
        snprintf(hex, sizeof hex, "00F700%02X00", slot);
        if (metadata) fprintf(out, "# metadata\n"), metadata = ask_hex(hex) >> 8 != 0x6d;
        write_read(HIDE, 0);
    }
}

// IDPrime's index: a count, then file, length, name, directory; certificates are ksc.. and kxc..
static void run_idprime(const struct step *step)
{
    static uint8_t all[VALUE_MAX];
    size_t n = read_path(step->what, (const uint8_t *)"\1\1", 2, SHOW, all);
    for (size_t at = 1; at + 21 <= n; at += 21)
        if (!memcmp(all + at + 4, "ks", 2) || !memcmp(all + at + 4, "kx", 2))
            read_path("a certificate", all + at, 2, HIDE, NULL);
}

// ---- Which applications there are, and what each is asked ----

#define COMMAND(what, hex)      { run_command, what, hex, SHOW, 0 }
#define HIDDEN(what, hex)       { run_command, what, hex, HIDE, 0 }
#define FILE_AT(what, path)     { run_file, what, path, HIDE, 0 }
#define BELOW_MF(what, path)    { run_below, what, path, HIDE, 0 }
#define DIRECTORIES(path)       { run_pkcs15, NULL, path, HIDE, 0 }
#define END                     { NULL, NULL, NULL, SHOW, 0 }

static const struct step nothing[] = { END };
static const struct step card_steps[] = {
    { run_command, "GET DATA 9F7F, of the chip", "00CA9F7F00", HIDE_CHIP, 10 },
    { run_command, "the same with extended length", "00CA9F7F000000", HIDE_CHIP, 10 },
    END };
static const struct step piv[] = {
    COMMAND("GET DATA, discovery object", "00CB3FFF035C017E00"),
    HIDDEN("CHUID", "00CB3FFF055C035FC10200"), HIDDEN("CCC", "00CB3FFF055C035FC10700"),
    HIDDEN("key history", "00CB3FFF055C035FC10C00"),
    HIDDEN("security object", "00CB3FFF055C035FC10600"),
    HIDDEN("attestation certificate", "00CB3FFF055C035FFF0100"),
    HIDDEN("secure messaging certificate", "00CB3FFF055C035FC12200"),
    COMMAND("version (YubiKey)", "00FD000000"),
    { run_command, "serial", "00F8000000", HIDE_ALL, 0 },
    COMMAND("metadata of the PIN", "00F7008000"), COMMAND("of the PUK", "00F7008100"),
    { run_piv_slots, NULL, NULL, HIDE, 0 }, END };
static const struct step openpgp[] = {
    { run_landmark, "application related data", "00CA006E00", HIDE, 0 },
    HIDDEN("AID", "00CA004F00"),
    HIDDEN("historical bytes", "00CA5F5200"), HIDDEN("cardholder", "00CA006500"),
    HIDDEN("login data", "00CA005E00"), HIDDEN("URL", "00CA5F5000"),
    COMMAND("PIN status", "00CA00C400"), HIDDEN("counter", "00CA007A00"),
    COMMAND("algorithms", "00CA00FA00"), HIDDEN("KDF", "00CA00F900"),
    COMMAND("features", "00CA7F7400"), COMMAND("lengths", "00CA7F6600"),
    { run_command, "private use 1", "00CA010100", HIDE_ALL, 0 },
    { run_command, "private use 2", "00CA010200", HIDE_ALL, 0 },
    HIDDEN("certificate", "00CA7F2100"), HIDDEN("next", "00CC7F2100"), HIDDEN("next", "00CC7F2100"),
    COMMAND("SELECT DATA 0", "00A500040660045C027F21"), HIDDEN("certificate", "00CA7F2100"),
    COMMAND("SELECT DATA 1", "00A501040660045C027F21"), HIDDEN("certificate", "00CA7F2100"),
    COMMAND("SELECT DATA 2", "00A502040660045C027F21"), HIDDEN("certificate", "00CA7F2100"),
    HIDDEN("public key, signature", "0047810002B60000"),
    HIDDEN("decryption", "0047810002B80000"), HIDDEN("authentication", "0047810002A40000"), END };
static const struct step hsm[] = { { run_hsm, "list of files", "8058000000", SHOW, 0 }, END };
static const struct step gids[] = {
    COMMAND("PIN status", "00CB3FFF045C027F7100"), COMMAND("PIN status", "00CB3FFF045C027F7200"),
    COMMAND("PUK status", "00CB3FFF045C027F7300"), COMMAND("key map", "00CBA000045C02DF2000"),
    { run_gids, "master file", "00CBA000045C02DF1F00", SHOW, 0 }, END };
static const struct step ccc[] = { { run_ccc, NULL, NULL, HIDE, 0 }, END };
static const struct step container[] = { { run_container, NULL, NULL, HIDE, 0 }, END };
static const struct step aca[] = { COMMAND("GET ACR", "804C000000"), END };
static const struct step isoapplet[] = {
    COMMAND("version", "00CA010103"), DIRECTORIES("3F005015"), END };
static const struct step belpic[] = { DIRECTORIES("3F00DF00"), END };
static const struct step esteid[] = {
    FILE_AT("document number", "D003"),
    COMMAND("PIN1", "00CB3FFF0A4D087006BF810102A08000"),
    COMMAND("PUK", "00CB3FFF0A4D087006BF810202A08000"),
    BELOW_MF("ODF", "ADF15031"), BELOW_MF("keys", "ADF17001"), BELOW_MF("certificates", "ADF17002"),
    BELOW_MF("certificate", "ADF13401"), BELOW_MF("certificate", "ADF13402"),
    BELOW_MF("ODF", "ADF25031"), BELOW_MF("keys", "ADF27001"), BELOW_MF("certificates", "ADF27002"),
    BELOW_MF("certificate", "ADF2341E"), BELOW_MF("certificate", "ADF2341F"),
    COMMAND("PIN2", "00CB3FFF0A4D087006BF810502A08000"), END };
static const struct step pkcs15[] = {
    { run_command, "MyEID", "00CA01A000", HIDE_REST, 8 },
    COMMAND("PIN 11 (Thales)", "00CB00FF05A00383011100"),
    COMMAND("PIN 81", "00CB00FF05A00383018100"),
    COMMAND("PIN 82", "00CB00FF05A00383018200"), COMMAND("PUK 83", "00CB00FF05A00383018300"),
    FILE_AT("EF.DIR", "3F002F00"), DIRECTORIES("3F005015"), DIRECTORIES("3F00"),
    FILE_AT("certificate (Thales)", "3F004331"), FILE_AT("certificate", "3F0050164332"),
    FILE_AT("document number (Estonia)", "3F00DFDD5007"), FILE_AT("certificate", "3F00ADF13411"),
    FILE_AT("certificate", "3F00ADF23421"), FILE_AT("root (Serbia)", "7000"), END };
static const struct step directories[] = { FILE_AT("EF.DIR", "3F002F00"), DIRECTORIES(""), END };
static const struct step idprime[] = {
    { run_idprime, "index", NULL, SHOW, 0 }, COMMAND("version", "00CADF3000"),
    FILE_AT("serial", "0201"), { run_file, "key references", "0005", SHOW, 0 },
    { run_file, "container map", "0204", HIDE_NAMES, 0 }, END };
static const struct step jpki[] = {
    FILE_AT("certificate", "000A"), FILE_AT("of its CA", "000B"), FILE_AT("another CA", "0002"),
    END };
static const struct step tcos[] = {
    FILE_AT("certificate", "C000"), FILE_AT("certificate", "C200"), FILE_AT("certificate", "C500"),
    { run_file, "usage", "5349", SHOW, 0 }, END };
static const struct step slovak[] = { COMMAND("kind of card", "00CB3FFF045C027F6200"), END };

static const struct application { const char *name, *aid; const struct step *steps; } known[] = {
    { "PIV", "A00000030800001000", piv },
    { "OpenPGP", "D27600012401", openpgp },
    { "IsoApplet", "F276A288BCFBA69D34F31001", isoapplet },
    { "SmartCard-HSM", "E82B0601040181C31F0201", hsm },
    { "GIDS", "A000000397425446590201", gids },
    { "EstEID 2018, Latvian eID", "A000000077010800070000FE00000100", esteid },
    { "Belgian eID", "A000000177504B43532D3135", belpic },
    { "CAC, CCC", "A000000116DB00", ccc },
    { "CAC, ACA", "A0000000791000", aca },
    { "CAC, PKI 0", "A0000000790100", container },
    { "CAC, PKI 1", "A0000000790101", container },
    { "CAC, PKI 2", "A0000000790102", container },
    { "PKCS#15, MyEID, Thales' eIDs", "A000000063504B43532D3135", pkcs15 },
    { "IDPrime, eToken", "A000000018800000000662", idprime },
    { "JPKI", "D392F000260100000001", jpki },
    { "D-Trust, DIN 66291", "E828BD080FA000000167455349474E", directories },
    { "Slovak eID", "E80704007F00070302", slovak },
    { "Slovak eID, files", "E828BD080FA000000851000011", directories },
    { "eSign", "A000000167455349474E", directories },
    { "eSign, STARCOS", "A0000002455369676E", directories },
    { "QES, SigG", "D27600006601", nothing },
    { "eUserPKI", "A000000525655573657201", nothing },
    { "eGK", "D2760001448000", nothing },
    { "TCOS NetKey", "D2760000030102", tcos },
    { "TCOS IDLM", "D2760000030C01", nothing },
    { "Italian CIE", "A00000000039", nothing },
    { "IAS of the CIE", "A0000000308000000009816001", nothing },
    { "Portuguese Citizen Card", "604632FF000002", directories },
    { "Portuguese Citizen Card 2", "604632FF000004", directories },
    { "Uruguayan eID", "A00000001840000001634200", nothing },
    { "AuthentIC", "A0000000770100700A1000F100000100", directories },
    { "IAS-ECC of Morpho", "4D494F4D4354", directories },
    { "CoolKey", "627601FF000000", nothing },
    { "MuscleApplet", "A00000000101", nothing },
    { "Passport", "A0000002471001", nothing },
    { "FIDO", "A0000006472F0001", nothing },
    { "YubiKey, management", "A000000527471117", nothing },
    { "Issuer security domain", "A000000151000000", nothing },
};

static void run_steps(const struct step *step)
{
    is_other = false;
    for (; step->run && !gone && !lost && !is_other; step++) step->run(step);
}

static void report_applications(void)
{
    uint8_t aid[16];
    for (size_t i = 0; i < sizeof known / sizeof *known && !gone; i++) {
        fprintf(out, "\n# ---- %s\n", known[i].name);
        if (select_application(aid, unhex(known[i].aid, aid, sizeof aid)) == SW_OK)
            run_steps(known[i].steps);
    }
}

// What EF.DIR names: applications, and where their files are.
static void report_directory(uint8_t *p, size_t n)
{
    struct tlv t;
    size_t len;
    for (; take_tlv(p, n, &t); p += t.all, n -= t.all) {
        uint8_t base[16], *aid = find_tlv(t.value, t.n, 0x4f, &len), *path;
        fprintf(out, "\n# ---- an application of EF.DIR\n");
        if (aid) select_application(aid, len);
        path = find_tlv(t.value, t.n, 0x51, &len);
        if (!path || len > 12 || directories_read) continue;
        memcpy(base, path, len);
        read_pkcs15(base, len);
    }
}

static void report_files(void)
{
    static const struct step fallback[] = { DIRECTORIES("3F005015"), END };
    static uint8_t content[VALUE_MAX];
    gone |= !power_on();
    memset(&selecting, 0, sizeof selecting);
    fprintf(out, "\n# ---- files, no application selected [power-on]\n");
    read_path("EF.ATR", (const uint8_t *)"\x3f\x00\x2f\x01", 4, HIDE, NULL);
    size_t n = read_path("EF.DIR", (const uint8_t *)"\x3f\x00\x2f\x00", 4, HIDE, content);
    report_directory(content, n);
    if (!directories_read) run_steps(fallback);
}

// ---- The reader, and the frame of the report ----

static void report_head(const uint8_t *atr, size_t n)
{
    const char *reader = reader_name;
    const char *serial = strchr(reader, '(');               // of the reader, in some names
    fprintf(out, "# report of a card, by scard11's examples/report.c\n# reader: %.*s%s\n",
            serial && !plain ? (int)(serial - reader) : (int)strlen(reader), reader,
            serial && !plain ? "(..)" : "");
    print_hex("# ATR: ", atr, n);
    fprintf(out, "\n# protocol: T=%d\n# names and serials: %s\n", protocol != SCARD_PROTOCOL_T0,
            plain ? "as they are" : "replaced by hashes with a random key");
}

static void report_end(void)
{
    fprintf(out, "\n# ---- not done\n# VERIFY, or what changes the card or could cost a try\n"
            "# personal files of eIDs (photo, address), signatures, decryption, key agreement\n"
            "# %u answers 6982: wants a PIN first\n"
            "# %u files not read to their end: longer than %u bytes\n"
            "# %u commands, %u without an answer%s\n", refused, unread, VALUE_MAX, commands, mute,
            gone ? "; it ended there" : "");
}

static int report_card(void)
{
    uint8_t atr[64];
    DWORD n = sizeof atr, name_n = 0, state;
    if (!power_on() || !power_on()) return -1;              // the second time it was reset
    LONG rv = SCardStatus(handle, NULL, &name_n, &state, &protocol, atr, &n);
    if (rv != SCARD_S_SUCCESS) return -1;
    report_head(atr, n);
    fprintf(out, "\n# ---- the card [power-on]\n");
    run_steps(card_steps);
    report_applications();
    report_files();
    report_end();
    return 0;
}

int main(int argc, char **argv)
{
    static char names[4096];
    DWORD n = sizeof names;
    int rv = -1;

    if (!out) out = stdout;
    plain = argc > 1 && !strcmp(argv[1], "--plain");
    const char *wanted = argc > 1 + plain ? argv[1 + plain] : "";
    if (psa_crypto_init() || psa_generate_random(secret, sizeof secret))
        return fprintf(stderr, "no random numbers\n"), 1;
    LONG there = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (there != SCARD_S_SUCCESS) return fprintf(stderr, "PC/SC does not answer\n"), 1;
    if (SCardListReaders(context, NULL, names, &n) != SCARD_S_SUCCESS) names[0] = 0;
    for (reader_name = names; *reader_name && rv; reader_name += strlen(reader_name) + 1)
        if (strstr(reader_name, wanted)) rv = report_card(), power_off();
    SCardReleaseContext(context);
    if (rv) fprintf(stderr, "no card in a reader %s\n", wanted);
    return rv != 0;
}
