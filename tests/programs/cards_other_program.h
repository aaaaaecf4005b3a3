// cards_other_program.h: for cards.c: another program is logged in to the card, and this one looks at it.
// SPDX-License-Identifier: 0BSD
//
// The other program is the library itself: what it sent to log in and to sign is noted, and sent to
// the card again, before and after the look.

#define LOOK_COMMANDS 120

enum look_other { LOOK_LOGGED_IN, LOOK_SIGNED, LOOK_ELSEWHERE, LOOK_OTHERS };

static struct look_command { uint8_t bytes[600]; size_t n; } look_sent[LOOK_COMMANDS];
static size_t look_count, look_login;       // of these, the first so many log in

static void look_note(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                      size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (look_count == LOOK_COMMANDS || n > sizeof look_sent->bytes) abort();
    memcpy(look_sent[look_count].bytes, cmd, n);
    look_sent[look_count++].n = n;
    if (cmd[1] == 0x20 && n > 5) look_login = look_count;
}

// Commands from one on to another, as the other program. Did the last one work?
static bool look_send(size_t from, size_t to)
{
    static uint8_t rsp[65538];
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n = cards[0]->apdu(cards[0], look_sent[i].bytes, look_sent[i].n, rsp, sizeof rsp);
    return n >= 2 && rsp[n - 2] == 0x90 && !rsp[n - 1];
}

// A signature of the other program, which begins again from the MF when it finds itself moved.
static bool look_signs(void)
{
    static const uint8_t mf[] = { 0x00, 0xa4, 0x00, 0x0c };
    uint8_t rsp[300];
    if (look_send(look_login, look_count)) return true;
    cards[0]->apdu(cards[0], mf, sizeof mf, rsp, sizeof rsp);
    return look_send(look_login, look_count);
}

static void look_idle(struct sim_card *card, void *arg)
{
    (void)card; (void)arg;
}

// All that there is to see without a login, of each token.
static void look_at_all(void)
{
    static CK_BYTE value[8192];
    CK_OBJECT_HANDLE found[64];
    CK_TOKEN_INFO info;
    for (unsigned t = 0; t < 2 && kind->tokens[t].pin && !test_failing; t++) {
        CK_ULONG count = 0;
        CHECK_RV(C_GetTokenInfo(slots[0][t], &info), CKR_OK);
        CHECK_RV(open_token(0, t, false), CKR_OK);
        CHECK_RV(C_FindObjectsInit(sessions[0], NULL, 0), CKR_OK);
        CHECK_RV(C_FindObjects(sessions[0], found, 64, &count), CKR_OK);
        CHECK_RV(C_FindObjectsFinal(sessions[0]), CKR_OK);
        CHECK_EQ(count_of(0, CKO_CERTIFICATE), keys_of(t, true) + (t ? 0 : kind->authorities));
        for (CK_ULONG i = 0; i < count; i++) {
            CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };
            C_GetAttributeValue(sessions[0], found[i], &v, 1);
        }
        CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
    }
}

// What the look sent, and how often that was what it had sent before; GET RESPONSE aside.
static struct look_command look_all[LOOK_COMMANDS];
static size_t look_all_n, look_twice;

static void look_note_twice(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                            size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (look_all_n == LOOK_COMMANDS || n > sizeof look_all->bytes) abort();
    for (size_t i = 0; i < look_all_n && cmd[1] != 0xc0; i++)
        look_twice += look_all[i].n == n && !memcmp(look_all[i].bytes, cmd, n);
    memcpy(look_all[look_all_n].bytes, cmd, n);
    look_all[look_all_n++].n = n;
}

// Being sure by what only the application has costs up to five commands more than SELECT, as each
// driver before asks for what is its own. GIDS asks nothing twice: where what is selected knows no
// GET DATA, it is not asked for the card's id before the SELECT.
static void look_at_token(void)
{
    unsigned before = cards[0]->apdus;
    CK_TOKEN_INFO info;
    look_all_n = look_twice = 0;
    sim_reader_trace(look_note_twice, NULL);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(C_GetTokenInfo(slots[0][0], &info), CKR_OK);
    sim_reader_trace(NULL, NULL);
    if (kind->token_info) CHECK(cards[0]->apdus - before <= kind->token_info + 5);
    if (!strcmp(kind->name, "GIDS")) CHECK_EQ(look_twice, 0);
}

// The card is known after this, but not what is on it, and its connection ends with the session.
static void look_and_let_go(void)
{
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(open_token(0, 0, false), CKR_OK);
    CHECK_RV(C_CloseSession(sessions[0]), CKR_OK);
}

// A key that signs as long as the other program is logged in.
static const struct cards_key *look_key(void)
{
    const struct cards_key *k = kind->keys;
    while (k->id && (k->always || !(k->use & CARDS_SIGN) || k->token)) k++;
    return k->id ? k : kind->keys;
}

// known: the card was looked at before the other program came, and let go.
static void look_beside(enum look_other other, bool known)
{
    begin(1);
    C_Finalize(NULL);                   // the other program begins from nothing
    look_count = 0;
    sim_reader_trace(look_note, NULL);
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(open_token(0, 0, true), CKR_OK);
    check_sign(0, look_key());
    sim_reader_trace(NULL, NULL);
    if (test_failing) return;
    C_Finalize(NULL);
    if (known) look_and_let_go();
    if (test_failing) return;
    look_send(0, other == LOOK_LOGGED_IN ? look_login : look_count);
    CHECK(cards[0]->verified(cards[0]));
    if (other == LOOK_ELSEWHERE) cards[0]->select_other(cards[0]);
    sim_reader_foreign(0, look_idle, NULL);
    judge_other_login(true);
    if (!known) look_at_token();
    if (!test_failing) look_at_all();
    if (test_failing) return;
    C_Finalize(NULL);
    CHECK(other == LOOK_ELSEWHERE || cards[0]->verified(cards[0]));
    CHECK(other == LOOK_ELSEWHERE || look_signs());
    sim_reader_foreign(0, NULL, NULL);
    end();
}

static void look_beside_all(bool known)
{
    int from = strncmp(kind->name, "generic", 7) ? LOOK_LOGGED_IN : LOOK_ELSEWHERE;
    for (int i = from; i < LOOK_OTHERS && !test_failing; i++) look_beside((enum look_other)i, known);
    judge_other_login(false);
}

// But for cards of which nothing is known: which of them it is, only its AID tells.
TEST(cards_a_look_leaves_another_program_s_login) { look_beside_all(false); }
TEST(cards_a_second_look_leaves_another_program_s_login) { look_beside_all(true); }
