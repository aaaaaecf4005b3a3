// p15_directory.h: PKCS#15 cards for tests of single sections.
// SPDX-License-Identifier: 0BSD
//
// Directory files are written here as text: TAG( what is in it ), TAG:hex, TAG'text', =hex for
// bytes as they are. They lie on a card that is nothing but files (sim_files.h). For keys and PINs
// there is a token on a card that answers a script.
#ifndef P15_DIRECTORY_H
#define P15_DIRECTORY_H

#include "../sim/sim_common.h"
#include "../sim/sim_files.h"

static struct sim_files p15_card;
static u8 ALIGNED p15_room[SCARD11_SCRATCH], p15_pool[65536];
static size_t p15_used;
static char p15_seen[4096];             // the commands since p15_watch: 4 bytes of each, and data

static u8 p15_nibble(char c) { return (u8)(c <= '9' ? c - '0' : c - 'a' + 10); }

static size_t p15_hex(const char **s, u8 *out)
{
    size_t n = 0;
    while (strchr("0123456789abcdef", **s) && **s) {
        out[n++] = (u8)(p15_nibble((*s)[0]) << 4 | p15_nibble((*s)[1]));
        *s += 2;
    }
    return n;
}

static size_t p15_write(const char **s, u8 *out)
{
    size_t at = 0;
    while (**s && **s != ')') {
        u8 tag[4], *inner = malloc(32768);
        size_t n = 0;
        if (**s == ' ') { ++*s; free(inner); continue; }
        if (**s == '=') { ++*s; at += p15_hex(s, out + at); free(inner); continue; }
        size_t tag_n = p15_hex(s, tag);
        char kind = *(*s)++;
        if (kind == '(') { n = p15_write(s, inner); ++*s; }
        if (kind == ':') n = p15_hex(s, inner);
        if (kind == '\'') { while (**s != '\'') inner[n++] = (u8)*(*s)++; ++*s; }
        struct buf b = buf_on(out + at, 40000);
        tlv_put(&b, (u32)bytes_number(bytes_of(tag, tag_n)), bytes_of(inner, n));
        at += b.n;
        free(inner);
    }
    return at;
}

static bytes p15_text(const char *text)
{
    u8 *p = p15_pool + p15_used;
    size_t n = p15_write(&text, p);
    p15_used += n;
    return bytes_of(p, n);
}

static struct scratch p15_scratch(void)
{
    return scratch_on(p15_room, sizeof p15_room);
}

static void p15_note(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                     size_t rsp_n)
{
    size_t at = strlen(p15_seen);
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    for (size_t i = 1; i < n && at + 4 < sizeof p15_seen; i++)
        at += (size_t)sprintf(p15_seen + at, "%02x", cmd[i]);
    if (at + 2 <= sizeof p15_seen) strcpy(p15_seen + at, " ");
}

static void p15_file(unsigned fid, const char *text)
{
    bytes b = p15_text(text);
    for (unsigned i = 0; i < p15_card.n; i++) {
        if (p15_card.file[i].fid != fid) continue;
        p15_card.file[i].p = b.p;
        p15_card.file[i].n = b.n;
        return;
    }
    sim_files_add(&p15_card, fid, b.p, b.n);
}

// A certificate of a simulated card, as a file.
static void p15_certificate_file(unsigned fid, enum sim_key key)
{
    const struct sim_key_data *d = sim_key_data(key);
    sim_files_add(&p15_card, fid, d->certificate, d->certificate_len);
}

static void p15_begin(void)
{
    p15_used = 0;
    sim_files_begin(&p15_card);
}

static void p15_connect(size_t limit)
{
    card_connect(&p15_card.card, limit);
    p15_seen[0] = 0;
    sim_reader_trace(p15_note, NULL);
}

static void p15_end(void)
{
    card_end();
    sim_reader_trace(NULL, NULL);
    sim_reader_clear();
}

// Probed by the generic driver, and everything listed.
static st p15_take(void)
{
    card_t->driver = &driver_generic;
    return generic_probe(&card_it, card_t, p15_scratch());
}

static st p15_take_all(struct token *t)
{
    static const struct query all = { .any_class = true, .any_id = true, .logged_in = true };
    st s = t->driver->list(&card_it, t, &all, p15_scratch());
    for (u32 i = 0; i < card_it.object_count && !s; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->unread) s = t->driver->read(&card_it, o, p15_scratch());
    }
    return s;
}

// Everything listed and read, the objects of one class first, as a program may want them.
static st p15_take_in_order(struct token *t, CK_OBJECT_CLASS first)
{
    const struct query one = { .class = first, .any_id = true, .logged_in = true };
    st s = t->driver->list(&card_it, t, &one, p15_scratch());
    for (u32 i = 0; i < card_it.object_count && !s; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->class == first && o->unread)
            s = t->driver->read(&card_it, o, p15_scratch());
    }
    return s ? s : p15_take_all(t);
}

static struct object *p15_object(CK_OBJECT_CLASS class, u8 id)
{
    for (u32 i = 0; i < card_it.object_count; i++) {
        struct object *o = card_object_at(&card_it, i);
        if (o->handle && o->class == class && o->id.n == 1 && *o->id.p == id) return o;
    }
    return NULL;
}

static u32 p15_count(CK_OBJECT_CLASS class)
{
    u32 n = 0;
    for (u32 i = 0; i < card_it.object_count; i++)
        n += card_object_at(&card_it, i)->handle && card_object_at(&card_it, i)->class == class;
    return n;
}

// ---- Whole directories ----

#define P15_ODF "a8(30(04:3f0050154401)) a0(30(04:3f0050154402)) a1(30(04:3f0050154403)) " \
    "a4(30(04:3f0050154404)) a7(30(04:3f0050154405)) a3(30(04:3f0050154406)) a2(30(04:4407)) "     \
    "a5(30(04:4408)) a6(30(04:4409))"
#define P15_LONG32 "4142434445464748494a4b4c4d4e4f504142434445464748494a4b4c4d4e4f50"
#define P15_LONG P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 P15_LONG32 \
    P15_LONG32 P15_LONG32
#define P15_POINT "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define P15_SPKI "30(30(06:2a8648ce3d0201 06:2a8648ce3d030107) 03:00" P15_POINT ")"
#define P15_PIN "30(30(0c'PIN' 03:06c0 04:02) 30(04:01) " \
    "a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"

// ---- A token that was not probed ----

static struct p15 *p15_white(const char *base, u32 quirks)
{
    static struct p15 p;
    p15_begin();
    p15_file(0x4401, "=01");
    p15_file(0x4402, "=02");
    p15_file(0xdd01, "=03");
    p15_connect(1 << 20);
    p15dir_init(&p, BYTES_NONE, quirks);
    p.base = p15_text(base);
    p.odf_path = p15_text("=4401");
    memset(card_it.tokens, 0, sizeof card_it.tokens);
    card_it.tokens[0] = (struct token){ .driver = &driver_generic };
    p15_attach(&card_it.tokens[0], &p);
    card_it.token_count = 1;
    place_arrived(&card_it, &card_it.tokens[0]);
    return &p;
}

static st p15_white_select(const char *path)
{
    struct p15_path value;
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    TRY(p15entry_path(p15_text(path), &value));
    p15_seen[0] = 0;
    return p15file_select_path(&card_it, &card_it.tokens[0], &value, &fcp);
}

static bool p15_is_home(void) { return card_it.where == CARD_HOME; }

static bool p15_sent(const char *what)
{
    bool same = !strcmp(p15_seen, what);
    if (!same) printf("    sent %s\n", p15_seen);
    p15_seen[0] = 0;
    return same;
}

// ---- Against a script ----

static struct p15 p15_scripted;
static struct token *const p15_scripted_token = &card_it.tokens[0];

static void p15_begin_script(const char *const *lines, u32 quirks)
{
    card_script(lines);
    p15dir_init(&p15_scripted, bytes_of(generic_aid, sizeof generic_aid), quirks);
    *p15_scripted_token = (struct token){ .driver = &driver_generic };
    p15_attach(p15_scripted_token, &p15_scripted);
    *test_pin(p15_scripted_token) = (struct credential){ .reference = 1, .min = 4, .max = 8, .tries = -1,
                                  .coding = CARD_PIN_ASCII };
    *test_puk(p15_scripted_token) = *card_pin(p15_scripted_token);
    test_puk(p15_scripted_token)->reference = 2;
    card_it.token_count = 1;
    place_arrived(&card_it, p15_scripted_token);
}

#define P15_SELECT "00a40400 0c a000000063504b43532d3135 00 > "

// A key of the token, for what the drivers below make of it: short commands, its public half known.
static struct p15_key p15_scripted_key;
static struct object p15_scripted_object;

static void p15_begin_key(const char *const *lines, struct p15 *p, enum alg_type type, u32 bits)
{
    static struct alg_key public_half;
    p15_begin_script(lines, 0);
    if (test_failing) return;
    public_half = (struct alg_key){ .type = type, .bits = bits, .spki = BYTES(0x30) };
    if (type == ALG_EC) public_half.curve = alg_curve_named("P-256");
    p15_scripted_key = (struct p15_key){ .type = type, .reference = 1, .key = &public_half };
    p15_scripted_object = (struct object){ .class = CKO_PRIVATE_KEY, .token = p15_scripted_token, .type = type,
                                     .key = &public_half, .state = &p15_scripted_key };
    p15_attach(p15_scripted_token, p);
    card_it.link.extended.on = false;
}

// So many bytes of a value in hex, for a line of a script.
static const char *p15_hex_of(u8 value, size_t n)
{
    static char room[4][2100];
    static unsigned at;
    char *hex = room[at++ % COUNT(room)];
    for (size_t i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", value);
    return hex;
}

// What a key answers, and what that becomes: the same for the drivers whose keys are PKCS#15's.
static const struct { const char *sw; st want; } p15_key_answers[] = {
    { "6982", ST_NOT_LOGGED_IN }, { "6a80", ST_FAILED }, { "6a81", ST_FAILED },
    { "6a82", ST_FAILED }, { "6a86", ST_FAILED }, { "6a88", ST_FAILED }, { "6700", ST_FAILED },
    { "6984", ST_FAILED }, { "6f00", 0x6f00 }, { "6581", 0x6581 }, { "9001", 0x9001 },
    { "5000", ST_PROTOCOL } };

#endif
