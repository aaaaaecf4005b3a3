// written_lies.h: cards whose answers, while they are changed, are not what they should be: the work is
// bounded, what comes of it is defined and said in the log, and the program goes on with the card.
// SPDX-License-Identifier: 0BSD
#ifndef WRITTEN_LIES_H
#define WRITTEN_LIES_H

enum lie { LIE_MORE, LIE_OTHER_LE, LIE_NO_DATA, LIE_ZEROS, LIE_ONES, LIE_MOST, LIE_CUT, LIE_TWICE,
           LIE_LENGTHS, LIE_BYTE, LIE_WARNING, LIE_NOTHING_IS_THERE, LIE_NUMBERS, LIES };
static const char *const lie_names[] = {
    "61 00 for ever", "6C 00 for ever", "no data", "zeros", "FF", "as much as fits", "half of it",
    "it twice", "lengths beyond the end", "another byte", "6282", "6A82", "a number of another size" };

#define LIES_COMMANDS 4000          // of one change: 61 00 costs 255 for each command

static struct {
    size_t (*apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);
    enum lie what;
    unsigned at, count;
    bool said;                      // the log says what came of the call
} liar;

static size_t lie_sw(uint8_t *rsp, size_t n, unsigned sw)
{
    rsp[n] = (uint8_t)(sw >> 8);
    rsp[n + 1] = (uint8_t)sw;
    return n + 2;
}

// Each length of TLVs, as far as they are some, is more than there is.
static void lie_about_lengths(uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (p[i - 1] != 0x30 && p[i - 1] != 0x7f && p[i - 1] != 0x86 && p[i - 1] != 0x81 && i > 2) continue;
        p[i] = (uint8_t)(test_any_below(2) ? 0x84 : 0x7f);
        if (test_any_below(2)) break;
    }
}

// The first number of a public half, a modulus or a point, has one byte less, or another one.
static size_t lie_about_numbers(uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 4 < n; i++) {
        if (p[i] != 0x81 && p[i] != 0x86 && p[i] != 0x82) continue;
        if (p[i + 1] == 0x82 && test_any_below(2)) p[i + 3]--;
        else p[n / 2] ^= 0x10;
        break;
    }
    return n;
}

static size_t lie(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    size_t got = liar.apdu(card, cmd, n, rsp, room), data = got - 2;
    bool extended = n > 5 && !cmd[4];
    bool always = liar.what <= LIE_OTHER_LE;
    if (++liar.count < liar.at || (liar.count > liar.at && !always)) return got;
    switch (liar.what) {
    case LIE_MORE:     return lie_sw(rsp, 0, 0x6100);
    case LIE_OTHER_LE: return lie_sw(rsp, 0, 0x6c00);
    case LIE_NO_DATA:  return lie_sw(rsp, 0, 0x9000);
    case LIE_ZEROS:    memset(rsp, 0, 256); return lie_sw(rsp, 256, 0x9000);
    case LIE_ONES:     memset(rsp, 0xff, data); return lie_sw(rsp, data, 0x9000);
    case LIE_MOST:
        data = extended ? SCARD11_ANSWER - 2 : 256;
        for (size_t i = 0; i < data; i++) rsp[i] = (uint8_t)(i % 3 ? 0x30 : test_any_below(256));
        return lie_sw(rsp, data, 0x9000);
    case LIE_CUT:      return lie_sw(rsp, data / 2, 0x9000);
    case LIE_TWICE:
        if (2 * data > 256) return got;
        memcpy(rsp + data, rsp, data);
        return lie_sw(rsp, 2 * data, 0x9000);
    case LIE_LENGTHS:  lie_about_lengths(rsp, data); return got;
    case LIE_BYTE:     if (data) rsp[test_any_below((uint32_t)data)] ^= (uint8_t)(1 + test_any_below(255)); return got;
    case LIE_WARNING:  return lie_sw(rsp, data, 0x6282);
    case LIE_NOTHING_IS_THERE: return lie_sw(rsp, 0, 0x6a82);
    default:           return lie_about_numbers(rsp, data) + 2;
    }
}

static void lie_line(void *context, const char *line)
{
    (void)context;
    if (!strncmp(line, "C_", 2)) liar.said = true;
}

// What a change may come to that no card broke off.
static bool lie_is_defined(CK_RV rv)
{
    static const CK_RV all[] = { CKR_OK, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_FAILED,
        CKR_USER_NOT_LOGGED_IN, CKR_KEY_SIZE_RANGE, CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED, CKR_TOKEN_WRITE_PROTECTED, CKR_TEMPLATE_INCONSISTENT,
        CKR_TEMPLATE_INCOMPLETE, CKR_FUNCTION_NOT_SUPPORTED };
    for (size_t i = 0; i < COUNT(all); i++)
        if (rv == all[i]) return true;
    return false;
}

// One lie at the n-th command of a change. Returns whether it came to that.
static bool lie_once(const struct change *c, enum lie what, unsigned n)
{
    C_Finalize(NULL);
    scard11_set_log(lie_line, NULL);
    begin_half(c);
    if (test_failing) return false;
    liar.apdu = scene_card->apdu;
    liar.what = what;
    liar.at = n;
    liar.count = 0;
    liar.said = false;
    scene_card->apdu = lie;
    CK_RV rv = c->run();
    scene_card->apdu = liar.apdu;
    if (!lie_is_defined(rv) || liar.count > LIES_COMMANDS || (rv && !liar.said))
        test_fail(__FILE__, __LINE__, "%s, %s at %u: %#lx after %u commands, said: %d", c->name, lie_names[what], n,
                  rv, liar.count, liar.said);
    meet_anew(NULL);
    if (test_failing) return false;
    (void)user_in();                // a card that has what it should not have may be shown less
    CK_OBJECT_HANDLE all[64];
    CK_ULONG found = 0;
    char line[160];
    if (!C_FindObjectsInit(session, NULL, 0)) C_FindObjects(session, all, 64, &found);
    C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; i < found; i++) see_object(all[i], line, sizeof line);
    end();
    return liar.count >= n && !test_failing;
}

static void lie_everywhere(const struct change *c)
{
    for (unsigned what = 0; what < LIES; what++) {
        bool came = true;
        for (unsigned n = 1; came; n++) came = lie_once(c, (enum lie)what, n);
    }
}

// Two lies by chance for each change, or each at each command.
static void lie_at_each(void)
{
    for (size_t i = 0; i < CHANGES && !test_failing; i++) {
        if (!changes[i].can()) continue;
        if (every) lie_everywhere(&changes[i]);
        for (int k = 0; k < 2 && !every && !test_failing; k++)
            lie_once(&changes[i], (enum lie)test_any_below(LIES), 1 + test_any_below(12));
    }
    C_Finalize(NULL);
    scard11_set_log(NULL, NULL);
}

// The public half of a new key, in whatever answer it comes: a point that is none of its curve, or an RSA
// key of fewer bits than were asked for.
static bool lie_about_key(const uint8_t *begin, size_t begin_n, size_t at, uint8_t *rsp, size_t n)
{
    for (size_t i = 0; i + begin_n + at < n; i++) {
        if (memcmp(rsp + i, begin, begin_n)) continue;
        rsp[i + begin_n + at] = at ? rsp[i + begin_n + at] ^ 1 : 1;
        return true;
    }
    return false;
}

static size_t lie_of_keys(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    size_t got = liar.apdu(card, cmd, n, rsp, room);
    if (cmd[1] == 0x46 || cmd[1] == 0x47) liar.at = 1;      // GENERATE ASYMMETRIC KEY PAIR
    if (!liar.at) return got;
    if (lie_about_key((const uint8_t *)"\x86\x41\x04", 3, 40, rsp, got)) liar.count++;
    if (lie_about_key((const uint8_t *)"\x30\x41\x04", 3, 40, rsp, got)) liar.count++;  // MyEID's
    if (lie_about_key((const uint8_t *)"\x81\x82\x01\x00", 4, 0, rsp, got)) liar.count++;
    return got;
}

static void make_what_is_none(void)
{
    static const int asked[] = { P_256, RSA_2048 };
    for (int i = 0; i < 2; i++) {
        if (!(kind->makes & 1u << asked[i])) continue;
        begin();
        if (test_failing) return;
        liar.apdu = scene_card->apdu;
        liar.at = liar.count = 0;
        scene_card->apdu = lie_of_keys;
        CK_RV rv = make(&makes[asked[i]], kind->ids[0]);
        scene_card->apdu = liar.apdu;
        CHECK(liar.count || i);                 // MyEID gives a modulus without a tag
        CHECK_RV(rv, liar.count ? CKR_DEVICE_ERROR : CKR_OK);
        if (liar.count) CHECK(!public_key && !private_key);
        end();
    }
}

TEST(written_public_halves_that_are_none) { each_kind(make_what_is_none); }

TEST(written_answers_that_make_no_sense) { each_kind(lie_at_each); }

#endif
