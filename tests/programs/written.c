// written.c: what must hold of every kind of card that is written: from a blank card to a signature,
// with a key that the card made and with one that it was given; certificates and data; labels; all of
// it deleted. Each change is broken off at each command and at each allocation; another program writes
// the card meanwhile. It goes over the kinds of written.h. SPDX-License-Identifier: 0BSD
//
//     written [all] [case ...]         all: each fault at each command, else a choice
//
// What is on the card is asked of the card: it is taken out and put in again, and the library begun
// anew. Signatures are checked by OpenSSL with the public key that the case knows. It includes
// scard11.c, to count its allocations.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS        // a private key's number, of mbedTLS 3
#define _POSIX_C_SOURCE 200809L
#include "counted.h"
#include "../../scard11.c"
#include "written_changes.h"

// ---- From a blank card to a signature ----

static void certify(CK_BYTE id)
{
    CK_OBJECT_HANDLE made;
    CHECK_RV(change_login(writer_in), CKR_OK);
    certificate_n = issue(public_key, certificate, sizeof certificate);
    CHECK_RV(store_certificate(id, &made), CKR_OK);
}

static void sign_with_each_made(void)
{
    for (unsigned i = 0; i < MAKES && !test_failing; i++) {
        static struct known known;
        CK_BYTE id = kind->ids[0];
        if (!(kind->makes & 1u << i)) continue;
        begin();
        if (test_failing) return;
        CHECK_RV(make(&makes[i], id), CKR_OK);
        CHECK(id_of(public_key) == id && id_of(private_key) == id);
        CHECK(is_true(private_key, CKA_LOCAL) && is_true(private_key, CKA_NEVER_EXTRACTABLE));
        know(&known, public_key);
        CHECK_RV(change_login(user_in), CKR_OK);
        CHECK(signs_by_id(id, &known));
        if (kind->certificate_shows_key) certify(id);
        if (test_failing) return;
        meet_anew(kind->user);
        if (!test_failing) CHECK(signs_by_id(id, &known));
        end();
    }
}

TEST(written_blank_card_signs_with_a_key_that_it_made) { each_kind(sign_with_each_made); }

static void sign_with_each_given(void)
{
    for (unsigned i = 0; i < 4 && kind->imports[i] && !test_failing; i++) {
        static struct known known;
        uint8_t value[600];
        CK_OBJECT_HANDLE made;
        CK_BYTE id = kind->ids[0];
        begin();
        if (test_failing) return;
        CHECK_RV(import(kind->imports[i], id, &made), CKR_OK);
        CHECK(id_of(made) == id && !is_true(made, CKA_LOCAL));
        CHECK(!attribute(made, CKA_VALUE, value, sizeof value));
        CHECK(!attribute(made, CKA_PRIVATE_EXPONENT, value, sizeof value));
        know_given(&known, kind->imports[i]);
        CHECK_RV(change_login(user_in), CKR_OK);
        CHECK(signs_by_id(id, &known));
        meet_anew(kind->user);
        if (!test_failing) CHECK(signs_by_id(id, &known));
        end();
    }
}

TEST(written_blank_card_signs_with_a_key_that_it_was_given) { each_kind(sign_with_each_given); }

// ---- What is stored ----

static void store_and_read(void)
{
    begin_filled();
    if (test_failing) return;
    CHECK(!kept_certificate || has_value(kept_certificate, certificate, certificate_n));
    CHECK(!kept_data || has_value(kept_data, text, sizeof text));
    meet_anew(kind->user);
    if (test_failing) return;
    if (kind->certificates)
        CHECK(has_value(find_certificate(kind->ids[0]), certificate, certificate_n));
    if (kind->data[0]) CHECK(has_value(find_named(0), text, sizeof text));
    CHECK(signs_by_id(kind->ids[0], &kept_known));
    end();
}

TEST(written_certificates_and_data_are_read_after_an_insertion) { each_kind(store_and_read); }

// Is the key's certificate there, and stored so?
static void check_packed(bool packed)
{
    CK_OBJECT_HANDLE object = find_certificate(kind->ids[0]);
    CHECK(has_value(object, certificate, certificate_n));
    CHECK_EQ(is_true(object, SCARD11_CKA_COMPRESS), packed);
}

// A certificate that is to be stored compressed, or not, or one of the session that is copied, comes in
// place of the first; or is refused, and that one is there.
static void compress_one(void)
{
    static CK_BBOOL no = CK_FALSE;
    const CK_ATTRIBUTE is = { SCARD11_CKA_COMPRESS, &yes, 1 }, is_not = { SCARD11_CKA_COMPRESS, &no, 1 };
    CK_ATTRIBUTE a[] = { { CKA_CLASS, &certificate_class, sizeof certificate_class },
                         { CKA_CERTIFICATE_TYPE, &x509_type, sizeof x509_type }, is,
                         { CKA_VALUE, certificate, certificate_n }, { CKA_ID, NULL, 1 } };
    CK_ATTRIBUTE to[] = { { CKA_TOKEN, &yes, 1 }, is };
    CK_BYTE id = kind->ids[0];
    CK_OBJECT_HANDLE made, copy;
    bool usual = kind->packs == WRITTEN_USUALLY;
    if (!kind->certificates) return;
    begin_filled();
    if (test_failing) return;
    check_packed(usual);
    CHECK_RV(store_certificate_with(id, &is, &made), kind->packs ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID);
    check_packed(kind->packs);
    a[3].ulValueLen = certificate_n;
    a[4].pValue = &id;
    CHECK_RV(C_CreateObject(session, a, 5, &made), CKR_OK);
    CHECK(is_true(made, SCARD11_CKA_COMPRESS));
    CHECK_RV(C_CopyObject(session, made, to, 1, &copy), kind->packs ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID);
    meet_anew(kind->user);
    if (test_failing) return;
    check_packed(kind->packs);
    CHECK_RV(change_login(writer_in), CKR_OK);
    CHECK_RV(store_certificate_with(id, &is_not, &made), CKR_OK);
    check_packed(false);
    meet_anew(kind->user);
    if (test_failing) return;
    check_packed(false);
    CHECK(signs_by_id(id, &kept_known));
    end();
}

TEST(written_certificates_are_compressed_or_refused) { each_kind(compress_one); }

static void rename_all(void)
{
    CK_BYTE id = 0x42;
    CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t)"Another name", 12 };
    CK_ATTRIBUTE number = { CKA_ID, &id, 1 };
    char is[40];
    if (!kind->sets) return;
    begin_filled();
    if (test_failing) return;
    if (kind->sets & WRITTEN_LABEL) CHECK_RV(C_SetAttributeValue(session, kept, &label, 1), CKR_OK);
    if (kind->sets & WRITTEN_ID) CHECK_RV(C_SetAttributeValue(session, kept, &number, 1), CKR_OK);
    else id = kind->ids[0];
    number.ulValueLen = 0;                          // none is no key's
    if (kind->sets & WRITTEN_ID)
        CHECK_RV(C_SetAttributeValue(session, kept, &number, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(id_of(kept), id);
    meet_anew(kind->user);
    if (test_failing) return;
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, id, &kept), CKR_OK);
    CHECK(kept);
    if (kind->sets & WRITTEN_LABEL)
        CHECK(attribute(kept, CKA_LABEL, is, sizeof is) == 12 && !memcmp(is, "Another name", 12));
    CHECK(signs(kept, &kept_known));
    end();
}

TEST(written_labels_and_ids_change) { each_kind(rename_all); }

// No CKA_ID shows a certificate as that of a key which it is not of, whichever of the two is changed.
static void rename_to_another(void)
{
    CK_ATTRIBUTE id = { CKA_ID, (void *)(uintptr_t)&kind->ids[0], 1 };
    CK_OBJECT_HANDLE made;
    if (!kind->certificates) return;
    begin_half(&changes[CERTIFIED]);
    if (test_failing) return;
    CHECK_RV(store_certificate(kind->ids[1], &made), CKR_OK);
    if (!is_true(made, CKA_MODIFIABLE)) {
        end();
        return;
    }
    CHECK_RV(C_SetAttributeValue(session, made, &id, 1), CKR_TEMPLATE_INCONSISTENT);
    id.pValue = (void *)(uintptr_t)&kind->ids[3];
    CHECK_RV(C_SetAttributeValue(session, made, &id, 1), CKR_OK);
    if (kind->sets & WRITTEN_ID)
        CHECK_RV(C_SetAttributeValue(session, kept, &id, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    meet_anew(kind->user);
    if (!test_failing) CHECK(signs_by_id(kind->ids[0], &kept_known));
    end();
}

TEST(written_ids_of_other_keys_are_refused) { each_kind(rename_to_another); }

// What a key is to want that no key of its card can: it is not made without that.
static void ask_for_policies(void)
{
    CK_ULONG touch = SCARD11_TOUCH_ALWAYS, pin = SCARD11_PIN_ALWAYS;
    const CK_ATTRIBUTE asked[] = { { SCARD11_CKA_TOUCH, &touch, sizeof touch },
                                   { CKA_ALWAYS_AUTHENTICATE, &yes, 1 },
                                   { SCARD11_CKA_YUBICO_PIN, &pin, sizeof pin } };
    if (kind->policies || !kind->makes) return;
    begin();
    if (test_failing) return;
    for (int i = 0; i < 3; i++)
        CHECK_RV(make_with(&makes[P_256], kind->ids[0], &asked[i], 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK(!count(CKO_PUBLIC_KEY) && !private_key);
    CHECK_RV(make(&makes[P_256], kind->ids[0]), CKR_OK);
    end();
}

TEST(written_policies_that_no_key_has_are_refused) { each_kind(ask_for_policies); }

// With a private key goes its public half, whose handle is destroyed once without an error; and no other handle is.
static void destroy_pair(void)
{
    CK_OBJECT_HANDLE public;
    CHECK_RV(scene_find(session, CKO_PUBLIC_KEY, kind->ids[0], &public), CKR_OK);
    CHECK_RV(C_DestroyObject(session, kept), CKR_OK);
    CHECK(!is_true(kept, CKA_TOKEN));
    CHECK_RV(C_DestroyObject(session, kept), CKR_OBJECT_HANDLE_INVALID);
    if (!public || test_failing) return;
    CHECK(!is_true(public, CKA_TOKEN));
    CHECK_RV(C_DestroyObject(session, public), CKR_OK);
    CHECK_RV(C_DestroyObject(session, public), CKR_OBJECT_HANDLE_INVALID);
}

// The objects of what goes are gone at once, those of all else are what they were.
static void destroy_all(void)
{
    begin_filled();
    if (test_failing) return;
    if (kept_certificate) {
        CHECK_RV(C_DestroyObject(session, kept_certificate), CKR_OK);
        CHECK(!is_true(kept_certificate, CKA_TOKEN) && is_true(kept, CKA_TOKEN));
        CHECK(!find_certificate(kind->ids[0]));
    }
    if (kept_data) {
        CHECK_RV(C_DestroyObject(session, kept_data), CKR_OK);
        CHECK(is_true(kept, CKA_TOKEN) && !has_value(find_named(0), text, sizeof text));
    }
    if (kind->deletes_keys) destroy_pair();
    if (test_failing) return;
    meet_anew(kind->user);
    if (test_failing) return;
    CHECK(!find_certificate(kind->ids[0]));
    CHECK(!kind->data[0] || !has_value(find_named(0), text, sizeof text));
    CHECK_RV(scene_find(session, CKO_PRIVATE_KEY, kind->ids[0], &kept), CKR_OK);
    if (kind->deletes_keys) CHECK(!kept);
    end();
}

TEST(written_what_is_destroyed_is_gone) { each_kind(destroy_all); }

// ---- Wrong secrets ----

static void select_other(struct sim_card *card, void *arg)
{
    (void)arg;
    if (card->select_other) card->select_other(card);
}

static unsigned wrong_secrets(void)
{
    return scene_card->tries_taken + (kind->wrong ? kind->wrong(scene_card) : 0);
}

// Counted once, whatever another program has selected; that nothing goes elsewhere the judge sees.
static void give_wrong(void)
{
    for (unsigned i = 0; i < 4 && !test_failing; i++) {
        CK_OBJECT_HANDLE made;
        begin_filled();
        if (test_failing) return;
        CHECK_RV(C_Logout(session), CKR_OK);
        if (i & 1) sim_reader_foreign(0, select_other, NULL);
        unsigned before = wrong_secrets();
        bool so = kind->so && i & 2;
        CHECK_RV(so ? written_login(CKU_SO, kind->wrong_so) : written_login(CKU_USER, kind->wrong_user),
                 CKR_PIN_INCORRECT);
        CHECK_EQ(wrong_secrets() - before, 1);
        CHECK_RV(kind->data[0] ? store_named(0, text, 1, &made) : make(&makes[P_256], kind->ids[1]),
                 CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(writer_in(), CKR_OK);
        CHECK_EQ(wrong_secrets() - before, 1);
        sim_reader_foreign(0, NULL, NULL);
        end();
    }
}

TEST(written_wrong_secrets_count_once) { each_kind(give_wrong); }

// A wrong PUK, PIN or key of the SO's, to begin the card anew, or to log in and set the user's PIN: sent
// once, whatever happens at any command. Returns whether it did.
static bool give_wrong_so(bool init, enum sim_fault fault, unsigned n, bool selected)
{
    CK_UTF8CHAR label[33] = "Written                         ", so[64] = "";
    strcpy((char *)so, kind->so ? kind->so : kind->first_so);
    so[0] = so[0] == '9' ? '8' : (CK_UTF8CHAR)(so[0] + 1);
    CK_ULONG so_n = strlen((char *)so);
    begin();
    if (test_failing) return false;
    C_Logout(session);
    if (init) C_CloseAllSessions(0);
    unsigned before = wrong_secrets();
    if (selected) sim_reader_foreign(0, select_other, NULL);
    sim_reader_fault(fault, n, NULL);
    CK_RV rv = init ? C_InitToken(0, so, so_n, label) : C_Login(session, CKU_SO, so, so_n);
    if (!rv && !init) rv = C_InitPIN(session, (CK_UTF8CHAR *)(uintptr_t)"13572468", 8);
    bool fired = sim_reader_fired();
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    sim_reader_foreign(0, NULL, NULL);
    unsigned wrong = wrong_secrets() - before;
    if (!rv || wrong > 1 || (!fired && wrong != 1))
        test_fail(__FILE__, __LINE__, "%s, %s at %u: %#lx, and it came %u times", init ? "C_InitToken" : "C_InitPIN",
                  sim_fault_name(fault), n, rv, wrong);
    judge_wrong(1);
    end();
    return fired && !test_failing;
}

static void give_wrong_so_each(void)
{
    static const enum sim_fault each[] = { SIM_RESET, SIM_FAILED_AFTER, SIM_RESET_AFTER, SIM_EJECT_AFTER,
                                           SIM_ANSWER_6F00, SIM_ANSWER_0 };
    if (!kind->so && !kind->first_so) return;
    for (int init = 0; init <= kind->init_token && !test_failing; init++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) fired = give_wrong_so(init, each[n % COUNT(each)], n, n % 4 == 3);
    }
}

TEST(written_wrong_secrets_of_the_so_count_once) { each_kind(give_wrong_so_each); }

// ---- What is seen ----

#define SEEN_MAX 8192

// What a user sees of the card, as text: of each object what tells it from others, in an order of
// their own.
struct seen { char text[SEEN_MAX]; size_t n; };

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void see_object(CK_OBJECT_HANDLE object, char *line, size_t room)
{
    static uint8_t value[4096];
    uint8_t hash[32], id[8] = { 0 };
    char label[40] = "";
    CK_OBJECT_CLASS class = 0;
    attribute(object, CKA_CLASS, &class, sizeof class);
    attribute(object, CKA_ID, id, sizeof id);
    attribute(object, CKA_LABEL, label, sizeof label - 1);
    bool key = class == CKO_PUBLIC_KEY || class == CKO_PRIVATE_KEY;
    *line = 0;
    if (key && kind->certificate_shows_key && !find_certificate(id[0])) return;
    size_t n = attribute(object, key ? CKA_PUBLIC_KEY_INFO : CKA_VALUE, value, sizeof value);
    if (class == CKO_DATA && !n) return;                // PIV's, which may be there or not
    mbedtls_sha256(value, n, hash, 0);
    snprintf(line, room, "class %lx, id %02x%02x, %s: %zu bytes, %02x%02x%02x%02x, may go: %d\n",
             class, id[0], id[1], label, n, hash[0], hash[1], hash[2], hash[3],
             is_true(object, CKA_DESTROYABLE));
}

static void see(struct seen *seen)
{
    static char lines[64][160];
    CK_OBJECT_HANDLE all[64];
    CK_ULONG n = 0;
    seen->n = 0;
    CHECK_RV(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    CHECK_RV(C_FindObjects(session, all, 64, &n), CKR_OK);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) see_object(all[i], lines[i], sizeof *lines);
    qsort(lines, n, sizeof *lines, by_text);
    for (CK_ULONG i = 0; i < n; i++)
        seen->n += (size_t)snprintf(seen->text + seen->n, SEEN_MAX - seen->n, "%s", lines[i]);
    CHECK(n > 2);
}

// Without a label a certificate is shown by the name in it, before an insertion as after it.
static void take_label(void)
{
    static struct seen now, fresh;
    CK_ATTRIBUTE label = { CKA_LABEL, out, 0 };
    if (!kind->certificates || !(kind->sets & WRITTEN_LABEL)) return;
    begin_filled();
    if (test_failing) return;
    if (is_true(kept_certificate, CKA_MODIFIABLE))
        CHECK_RV(C_SetAttributeValue(session, kept_certificate, &label, 1), CKR_OK);
    see(&now);
    meet_anew(kind->user);
    if (test_failing) return;
    see(&fresh);
    CHECK(!strcmp(now.text, fresh.text));
    end();
}

TEST(written_labels_that_are_taken_away) { each_kind(take_label); }

// ---- Broken off ----

// What is shown now is what the card shows whoever meets it first; the change can be made after all.
static void check_broken_off(const struct change *c, const char *what, unsigned n)
{
    static struct seen now, fresh;
    CK_SESSION_INFO info;
    if (!C_GetSessionInfo(session, &info)) CHECK_EQ(id_of(kept_public), kind->ids[0]);
    if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
    CHECK_RV(C_CloseAllSessions(0), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(user_in(), CKR_OK);
    see(&now);
    CHECK(signs_by_id(kind->ids[0], &kept_known));
    meet_anew(kind->user);
    if (test_failing) return;
    see(&fresh);
    if (strcmp(now.text, fresh.text))
        test_fail(__FILE__, __LINE__, "%s, %s at %u: it showed\n%sand the card has\n%s", c->name, what,
                  n, now.text, fresh.text);
    if (test_failing) return;
    CHECK(signs_by_id(kind->ids[0], &kept_known));
    CHECK_RV(change_login(writer_in), CKR_OK);
    if (!c->done()) CHECK_RV(c->run(), CKR_OK);
    CHECK(c->done());
    meet_anew(kind->user);
    if (!test_failing) CHECK(c->done() && signs_by_id(kind->ids[0], &kept_known));
}

// Returns whether the fault came to pass.
static bool break_off(const struct change *c, enum sim_fault fault, unsigned n)
{
    begin_half(c);
    if (test_failing) return false;
    sim_reader_fault(fault, n, NULL);
    CK_RV rv = c->run();
    bool fired = broken_off(rv);
    if (test_failing) printf("    %s\n", c->name);
    if (!test_failing) check_broken_off(c, sim_fault_name(fault), n);
    end();
    return fired && !test_failing;
}

static const enum sim_fault faults[] = { SIM_EJECT, SIM_FAILED_AFTER, SIM_EJECT_AFTER, SIM_RESET,
                                         SIM_ANSWER_6F00, SIM_RESET_AFTER, SIM_ANSWER_0, SIM_FAILED,
                                         SIM_ANSWER_1 };
#define FAULTS (sizeof faults / sizeof *faults)

// One fault at each of the first commands, another each time; of a long change's others, at some.
static void break_off_here_and_there(const struct change *c)
{
    bool fired = true;
    size_t f = (size_t)(c - changes);
    for (unsigned n = 1; fired; n += 1 + n / 6) fired = break_off(c, faults[f++ % FAULTS], n);
}

static void break_off_everywhere(const struct change *c)
{
    for (size_t f = 0; f < FAULTS && !test_failing; f++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) fired = break_off(c, faults[f], n);
    }
}

static void break_off_each(void)
{
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        if (changes[i].can()) (every ? break_off_everywhere : break_off_here_and_there)(&changes[i]);
}

TEST(written_changes_are_broken_off_at_each_command) { each_kind(break_off_each); }

// A pair whose entries take several commands each.
static CK_BYTE long_id[100] = { 0x30 }, long_label[110];

static CK_OBJECT_HANDLE find_long(void)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
                         { CKA_ID, long_id, sizeof long_id } };
    return scene_search(session, t, 2, &key) ? 0 : key;
}

static CK_RV do_long(void)
{
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE public[] = { { CKA_TOKEN, &yes, 1 },
                              { CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256 } };
    CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, long_id, sizeof long_id },
                               { CKA_LABEL, long_label, sizeof long_label } };
    memset(long_label, '0', sizeof long_label);         // as a tag, one of a record
    return C_GenerateKeyPair(session, &m, public, 2, private, 3, &public_key, &private_key);
}

static bool done_long(void) { return find_long(); }
static CK_RV do_delete_long(void) { return destroy(find_long()); }
static bool done_delete_long(void) { return !find_long(); }

static const struct change long_changes[] = {
    { "a key with long entries made", NULL, NULL, do_long, done_long },
    { "a key with long entries deleted", NULL, do_long, do_delete_long, done_delete_long },
};

static void break_off_long(void)
{
    static const enum sim_fault each[] = { SIM_ANSWER_6F00, SIM_EJECT };
    if (!kind->long_entries) return;
    for (size_t i = 0; i < 2 * COUNT(each) && !test_failing; i++) {
        bool fired = true;
        for (unsigned n = 1; fired; n++) fired = break_off(&long_changes[i % 2], each[i / 2], n);
    }
}

TEST(written_long_entries_are_broken_off_at_each_command) { each_kind(break_off_long); }

// Setting up a blank card is broken off, or, without a fault, memory ends, and it is all done again, by
// the same program or another. Returns whether it came to that.
static bool break_off_set_up(enum sim_fault fault, unsigned n, bool another)
{
    static struct known known;
    begin_blank();
    if (test_failing) return false;
    sim_reader_fault(fault, n, NULL);
    counted_at = fault ? 0 : counted_calls + n;
    CK_RV rv = written_set_up(kind);
    bool fired = fault ? sim_reader_fired() : counted_calls >= counted_at;
    counted_at = 0;
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    if (!fired && rv) test_fail(__FILE__, __LINE__, "%#lx without a fault", rv);
    if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
    // A reader that failed at a command of extended length gets none again, which some cards need.
    if (another || fault == SIM_FAILED_AFTER) rv = C_Finalize(NULL) | C_Initialize(NULL);
    else rv = C_CloseAllSessions(0);
    if (!rv) rv = written_set_up(kind);
    if (!rv) rv = make(&makes[P_256], kind->ids[0]);
    know(&known, public_key);
    if (!rv) rv = change_login(user_in);
    if (rv || !signs_by_id(kind->ids[0], &known) || wrong_secrets())
        test_fail(__FILE__, __LINE__, "%s at %u, another program: %d: %#lx, %u wrong secrets",
                  sim_fault_name(fault), n, another, rv, wrong_secrets());
    end();
    return fired && !test_failing;
}

// Another fault at each command, or each at each; the program goes on in half of them.
static void break_off_setting_up(void)
{
    static const enum sim_fault each[] = { SIM_EJECT, SIM_EJECT_AFTER, SIM_ANSWER_6F00, SIM_RESET,
                                           SIM_FAILED_AFTER };
    bool fired = kind->init_token;
    if (!kind->makes) return;
    for (unsigned n = 1; fired; n++) fired = break_off_set_up(SIM_NO_FAULT, n, n % 2);
    for (size_t i = 0; i < (every ? 2 * COUNT(each) : kind->init_token) && !test_failing; i++) {
        fired = true;
        for (unsigned n = 1; fired; n++)
            fired = break_off_set_up(each[(every ? i / 2 : n) % COUNT(each)], n, every ? i % 2 : n & 8);
    }
}

TEST(written_setting_up_is_broken_off_at_each_command) { each_kind(break_off_setting_up); }

// Nobody is logged in after C_InitToken, whatever came of it: not on a card that refused any command of
// it, nor on one that has been set up before.
static bool begin_anew_and_ask(enum sim_fault fault, unsigned n, bool again)
{
    CK_UTF8CHAR label[33] = "Written                         ";
    (again ? begin : begin_blank)();
    if (test_failing) return false;
    if (again) C_CloseAllSessions(0);
    sim_reader_fault(fault, n, NULL);
    CK_RV rv = C_InitToken(0, (CK_UTF8CHAR *)(uintptr_t)kind->first_so, strlen(kind->first_so), label);
    bool fired = sim_reader_fired();
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    bool verified = scene_card->verified && scene_card->verified(scene_card);
    if (verified || (rv && !fired))
        test_fail(__FILE__, __LINE__, "%s at %u: %#lx, a PIN stays verified: %d", sim_fault_name(fault), n, rv, verified);
    end();
    return fired && !test_failing;
}

static void begin_anew_each(void)
{
    for (int i = 0; i < 4 && kind->init_token; i++) {
        bool fired = true;
        for (unsigned n = 1; fired; n += every ? 1 : 2)
            fired = begin_anew_and_ask(i / 2 ? SIM_ANSWER_6F00 : SIM_FAILED_AFTER, n, i % 2);
    }
}

// Wrong PINs until the card takes none, and their number; then wrong PUKs. The card counts them.
static unsigned wrong_until_locked(CK_RV (*present)(void))
{
    unsigned before = scene_card->tries_taken, n = 0;
    CK_RV rv = present();
    for (; rv == CKR_PIN_INCORRECT && n < 30; n++) rv = present();
    return rv == CKR_PIN_LOCKED ? scene_card->tries_taken - before : 0;
}

static CK_RV give_wrong_pin(void) { return written_login(CKU_USER, kind->wrong_user); }

static CK_RV give_wrong_puk(void)
{
    CK_RV rv = written_login(CKU_SO, "13572468");
    if (!rv) rv = C_InitPIN(session, (CK_UTF8CHAR *)(uintptr_t)kind->user, strlen(kind->user));
    return rv;
}

static void set_tries(void)
{
    if (!kind->tries) return;
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_PIN_TRIES", "4,6"), CKR_OK);
    begin();
    CHECK_RV(scard11_configure("SCARD11_PIN_TRIES", ""), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    if (test_failing) return;
    CHECK_RV(C_Logout(session), CKR_OK);
    CHECK_EQ(wrong_until_locked(give_wrong_pin), 4);
    if (kind->so_tries) CHECK_EQ(wrong_until_locked(give_wrong_puk), 6);
    end();
    CHECK_RV(scard11_configure("SCARD11_PIN_TRIES", ""), CKR_OK);
}

TEST(written_numbers_of_tries_are_as_said) { each_kind(set_tries); }

TEST(written_nobody_is_logged_in_after_it_was_begun_anew) { each_kind(begin_anew_each); }

// Memory ends at the n-th allocation. Returns whether it did.
static bool run_out(const struct change *c, unsigned n)
{
    begin_half(c);
    if (test_failing) return false;
    unsigned long before = counted_calls;
    counted_at = before + n;
    CK_RV rv = c->run();
    bool fired = counted_calls >= counted_at;
    counted_at = 0;
    if (fired && rv != CKR_HOST_MEMORY && rv)
        test_fail(__FILE__, __LINE__, "%s, allocation %u: %#lx", c->name, n, rv);
    if (!fired && rv) test_fail(__FILE__, __LINE__, "%s: %#lx", c->name, rv);
    if (!test_failing) check_broken_off(c, "an allocation", n);
    end();
    return fired && !test_failing;
}

static void run_out_each(void)
{
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        for (unsigned n = 1; changes[i].can() && run_out(&changes[i], n);) n++;
}

TEST(written_changes_meet_the_end_of_memory) { each_kind(run_out_each); }

// ---- A full card ----

static struct {
    size_t (*apdu)(struct sim_card *, const uint8_t *, size_t, uint8_t *, size_t);
    unsigned writes;
} filled;

// From the second command on that would put something on the card, it has no room.
static size_t full_apdu(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp, size_t room)
{
    static const uint8_t writes[] = { 0xd6, 0xd7, 0xda, 0xdb, 0xe0, 0xe2 };     // UPDATE, PUT DATA, CREATE, APPEND
    if (!memchr(writes, cmd[1], sizeof writes) || ++filled.writes < 2) return filled.apdu(card, cmd, n, rsp, room);
    rsp[0] = 0x6a;
    rsp[1] = 0x84;
    return 2;
}

// A change that the card refuses halfway leaves the handles of all else as they were, also after the
// next search, and no memory.
static void be_full_for(const struct change *c)
{
    struct scard11_counters before = { 0 }, after;
    begin_half(c);
    if (test_failing) return;
    filled.apdu = scene_card->apdu;
    scene_card->apdu = full_apdu;
    for (unsigned i = 0; i < 16 && !test_failing; i++) {
        filled.writes = 0;
        if (!c->run()) break;                       // it took no second one
        CHECK(count(CKO_PUBLIC_KEY) && id_of(kept) == kind->ids[0] && id_of(kept_public) == kind->ids[0]);
        CHECK_RV(scard11_stats(0, &after), CKR_OK);
        if (i == 9) before = after;
        if (i > 9) CHECK_EQ(after.card_memory, before.card_memory);
    }
    scene_card->apdu = filled.apdu;
    if (test_failing) printf("    %s\n", c->name);
    end();
}

static void be_full(void)
{
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        if (changes[i].can()) be_full_for(&changes[i]);
}

TEST(written_changes_that_a_full_card_refuses_leave_the_rest) { each_kind(be_full); }

// ---- Another program ----

// Its SELECT comes before each transaction.
static void go_on_each(void)
{
    for (size_t i = 0; i < CHANGES && !test_failing; i++) {
        if (!changes[i].can()) continue;
        begin_half(&changes[i]);
        if (test_failing) return;
        unsigned before = wrong_secrets();
        sim_reader_foreign(0, select_other, NULL);
        CK_RV rv = changes[i].run();
        bool ended = !kind->so && rv == CKR_USER_NOT_LOGGED_IN;     // by that SELECT
        sim_reader_foreign(0, ended ? NULL : select_other, NULL);
        if (ended) rv = user_in();
        if (ended && !rv) rv = changes[i].run();
        CHECK_RV(rv, CKR_OK);
        CHECK_EQ(wrong_secrets(), before);
        CHECK_EQ(id_of(kept), kind->ids[0]);
        sim_reader_foreign(0, NULL, NULL);
        meet_anew(kind->user);
        if (!test_failing) CHECK(changes[i].done());
        end();
    }
}

TEST(written_changes_are_made_after_another_program_s_select) { each_kind(go_on_each); }

#define OTHER_COMMANDS 200

// The other program is the library itself: what it sent to make a change is noted, and sent to a card
// in the same state again.
static struct other_command { uint8_t bytes[3000]; size_t n; } other_sent[OTHER_COMMANDS];
static size_t other_n;
static bool other_came;

static void other_note(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                       size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (other_n == OTHER_COMMANDS || n > sizeof other_sent->bytes) abort();
    memcpy(other_sent[other_n].bytes, cmd, n);
    other_sent[other_n++].n = n;
}

static void other_writes(struct sim_card *card, void *arg)
{
    static uint8_t rsp[65538];
    (void)arg;
    if (other_came) return;
    other_came = true;
    for (size_t i = 0; i < other_n; i++)
        card->apdu(card, other_sent[i].bytes, other_sent[i].n, rsp, sizeof rsp);
}

// One change by the other program just before another change by us, or while we know the card.
static void write_beside(const struct change *other, const struct change *ours)
{
    static struct seen now, fresh;
    begin_half(ours);
    if (test_failing) return;
    other_n = 0;
    sim_reader_trace(other_note, NULL);
    CHECK_RV(other->run(), CKR_OK);
    sim_reader_trace(NULL, NULL);
    end();
    begin_half(ours);
    if (test_failing) return;
    other_came = false;
    sim_reader_foreign(0, other_writes, NULL);
    CHECK_RV(ours->run(), CKR_OK);
    CHECK(other_came);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_RV(change_login(user_in), CKR_OK);
    see(&now);
    meet_anew(kind->user);
    if (test_failing) return;
    see(&fresh);
    CHECK(ours->done());
    CHECK(other->done());
    CHECK(signs_by_id(kind->ids[0], &kept_known));
    end();
    if (test_failing) printf("    %s by another, %s by us\n", other->name, ours->name);
}

// Does what the other program wrote stay, whatever we change?
static bool goes_beside(const struct change *other, const struct change *ours)
{
    bool undone = other == &changes[CERTIFIED] &&
        (ours->run == do_uncertify || (kind->certificate_needs_key && ours->run == do_delete));
    return ours->can() && ours != other && !undone;
}

// What another program does with its own key in between is told by its own commands, not by ours: its
// writes are data, or a certificate.
static void write_beside_each(void)
{
    const struct change *other = can_store() ? &changes[STORED] : &changes[CERTIFIED];
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        if (goes_beside(other, &changes[i])) write_beside(other, &changes[i]);
}

TEST(written_by_another_program_meanwhile_is_kept) { each_kind(write_beside_each); }

// ---- Another program takes the place ----

// The other program's certificate came to a key that we make anew, or in the place of the one that we
// delete, a moment ago: what it wrote stays.
static const struct taken { const struct change *ours; CK_RV rv; } taken[] = {
    { &changes[MADE_ANEW], CKR_ATTRIBUTE_VALUE_INVALID },
    { &changes[UNCERTIFIED], CKR_OBJECT_HANDLE_INVALID },
};

static void take_place(const struct taken *t)
{
    CK_OBJECT_HANDLE held;
    begin_half(t->ours);
    if (test_failing) return;
    other_n = 0;
    sim_reader_trace(other_note, NULL);
    CHECK_RV(do_certify(), CKR_OK);
    sim_reader_trace(NULL, NULL);
    end();
    begin_half(t->ours);
    if (test_failing) return;
    held = find_certificate(kind->ids[1]);
    other_came = false;
    sim_reader_foreign(0, other_writes, NULL);
    CHECK_RV(held ? C_DestroyObject(session, held) : t->ours->run(), t->rv);
    CHECK(other_came);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_RV(change_login(user_in), CKR_OK);
    CHECK(find_certificate(kind->ids[1]));
    meet_anew(kind->user);
    if (!test_failing) CHECK(find_certificate(kind->ids[1]));
    end();
}

static void take_place_each(void)
{
    for (size_t i = 0; i < COUNT(taken) && !test_failing; i++)
        if (kind->takes_places && taken[i].ours->can()) take_place(&taken[i]);
}

TEST(written_by_another_program_a_moment_ago_is_not_overwritten) { each_kind(take_place_each); }

// ---- Another program's changes, seen ----

// What cannot be seen but by reading all that a card has: a SmartCard-HSM tells which files there are.
static bool is_told(const struct change *other)
{
    bool schsm = kind->blank == written_schsm || kind->blank == written_cardcontact;
    bool within = other->run == do_rename || other->run == do_renumber;
    return other->can() && !(schsm && within);
}

// A certificate in the place of another one of the same key. As each run has keys of its own, any but
// ours is the other program's.
static CK_RV do_renew(void)
{
    CK_OBJECT_HANDLE key = 0, made;
    if (scene_find(session, CKO_PUBLIC_KEY, kind->ids[1], &key)) return CKR_GENERAL_ERROR;
    certificate_n = issue(key, certificate, sizeof certificate);
    return store_certificate(kind->ids[1], &made);
}

static bool done_renew(void)
{
    CK_OBJECT_HANDLE object = find_certificate(kind->ids[1]);
    return object && !has_value(object, certificate, certificate_n);
}

// (Elsewhere it is stored beside the old one.)
static const struct change renewed = { "a certificate renewed", can_make_anew, do_certify, do_renew,
                                       done_renew };

// What another program does while a session is open is shown by the next search. (The certificate that
// it stores is of a key of another run: what it says of the key is not compared.)
static void see_beside(const struct change *other)
{
    static struct seen now, fresh;
    begin_half(other);
    if (test_failing) return;
    other_n = 0;
    sim_reader_trace(other_note, NULL);
    CHECK_RV(other->run(), CKR_OK);
    sim_reader_trace(NULL, NULL);
    end();
    begin_half(other);
    if (test_failing) return;
    CHECK(!other->done());
    other_came = false;
    sim_reader_foreign(0, other_writes, NULL);
    (void)other->done();
    CHECK(other_came);
    sim_reader_foreign(0, NULL, NULL);
    CHECK_RV(change_login(user_in), CKR_OK);
    CHECK(other->done());
    see(&now);
    meet_anew(kind->user);
    if (test_failing) return;
    see(&fresh);
    CHECK(other->done());
    bool compared = other->run != do_certify && other != &renewed;
    if (compared && strcmp(now.text, fresh.text))
        test_fail(__FILE__, __LINE__, "it showed\n%sand the card has\n%s", now.text, fresh.text);
    end();
}

static void see_beside_each(void)
{
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "0"), CKR_OK);
    for (size_t i = 0; i < CHANGES && !test_failing; i++) {
        if (is_told(&changes[i])) see_beside(&changes[i]);
        if (test_failing) printf("    %s by another\n", changes[i].name);
    }
    if (is_told(&renewed) && !test_failing) see_beside(&renewed);
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "2000"), CKR_OK);
}

TEST(written_by_another_program_is_shown_by_the_next_search) { each_kind(see_beside_each); }
#include "written_lies.h"

// A search that looks again and is broken off: the next one shows what the card has.
static void look_broken_off(void)
{
    static struct seen before, now;
    bool fired = true;
    begin_filled();
    if (test_failing) return;
    CHECK_RV(change_login(user_in), CKR_OK);
    see(&before);
    for (unsigned n = 1; fired && !test_failing; n++) {
        sim_reader_fault(faults[n % FAULTS], n, NULL);
        CK_RV rv = C_FindObjectsInit(session, NULL, 0);
        if (!rv) C_FindObjectsFinal(session);
        fired = broken_off(rv);
        if (!sim_reader_cards()) sim_reader_insert(0, scene_card);
        CHECK_RV(C_CloseAllSessions(0), CKR_OK);
        CHECK_RV(scene_open(&session), CKR_OK);
        CHECK_RV(user_in(), CKR_OK);
        see(&now);
        CHECK(!strcmp(before.text, now.text));
        if (test_failing) printf("    %s at %u\n", sim_fault_name(faults[n % FAULTS]), n);
        CHECK(fired || n > 1);
    }
    end();
}

static void look_broken_off_each(void)
{
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "0"), CKR_OK);
    look_broken_off();
    C_Finalize(NULL);
    CHECK_RV(scard11_configure("SCARD11_BELIEVED", "2000"), CKR_OK);
}

TEST(written_looking_again_is_broken_off) { each_kind(look_broken_off_each); }

// ---- A thousand rounds ----

static void round_trip(unsigned i)
{
    CK_OBJECT_HANDLE made;
    CK_BYTE id = kind->ids[1];
    CHECK_RV(have_pair(id), CKR_OK);
    if (!i || kind->certificate_needs_key)
        certificate_n = issue(public_key, certificate, sizeof certificate);
    if (kind->data[0]) {
        CHECK_RV(do_store(), CKR_OK);
        CHECK_RV(destroy(find_named(1)), CKR_OK);
    }
    if (kind->certificates && (kind->deletes_keys || !kind->makes)) {
        CHECK_RV(store_certificate(kind->certificate_needs_key ? id : kind->ids[3], &made), CKR_OK);
        CHECK_RV(C_DestroyObject(session, made), CKR_OK);
    }
    if (kind->deletes_keys) CHECK_RV(C_DestroyObject(session, private_key), CKR_OK);
}

static void go_round(void)
{
    struct scard11_counters after_ten = { 0 }, after;
    unsigned rounds = every ? 1000 : 60;
    unsigned long blocks = 0;
    begin_filled();
    for (unsigned i = 0; i < rounds && !test_failing; i++) {
        round_trip(i);
        if (i == 9) CHECK_RV(scard11_stats(0, &after_ten), CKR_OK);
        if (i == 9) blocks = counted_blocks;
    }
    if (test_failing) return;
    CHECK_RV(scard11_stats(0, &after), CKR_OK);
    CHECK(after.card_memory);
    CHECK_EQ(after.card_memory, after_ten.card_memory);
    CHECK_EQ(counted_blocks, blocks);
    CHECK_EQ(id_of(kept), kind->ids[0]);
    end();
}

TEST(written_a_thousand_rounds_take_no_more_memory_than_ten) { each_kind(go_round); }

#include "written_pairs.h"

int main(int argc, char **argv)
{
    every = argc > 1 && !strcmp(argv[1], "all");
    test_begin(every ? argc - 1 : argc, argv + every);
    RUN(written_blank_card_signs_with_a_key_that_it_made);
    RUN(written_blank_card_signs_with_a_key_that_it_was_given);
    RUN(written_certificates_and_data_are_read_after_an_insertion);
    RUN(written_certificates_are_compressed_or_refused);
    RUN(written_labels_and_ids_change);
    RUN(written_ids_of_other_keys_are_refused);
    RUN(written_labels_that_are_taken_away);
    RUN(written_policies_that_no_key_has_are_refused);
    RUN(written_what_is_destroyed_is_gone);
    RUN(written_pairs_do_what_google_s_pkcs11test_asks_of_them);
    RUN(written_wrong_secrets_count_once);
    RUN(written_wrong_secrets_of_the_so_count_once);
    RUN(written_setting_up_is_broken_off_at_each_command);
    RUN(written_numbers_of_tries_are_as_said);
    RUN(written_nobody_is_logged_in_after_it_was_begun_anew);
    RUN(written_changes_are_broken_off_at_each_command);
    RUN(written_long_entries_are_broken_off_at_each_command);
    RUN(written_changes_meet_the_end_of_memory);
    RUN(written_changes_that_a_full_card_refuses_leave_the_rest);
    RUN(written_changes_are_made_after_another_program_s_select);
    RUN(written_by_another_program_meanwhile_is_kept);
    RUN(written_by_another_program_a_moment_ago_is_not_overwritten);
    RUN(written_by_another_program_is_shown_by_the_next_search);
    RUN(written_looking_again_is_broken_off);
    RUN(written_answers_that_make_no_sense);
    RUN(written_public_halves_that_are_none);
    RUN(written_a_thousand_rounds_take_no_more_memory_than_ten);
    return test_end();
}
