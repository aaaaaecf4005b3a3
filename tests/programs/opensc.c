// opensc.c: OpenSC's module reads the cards of written.h after each change of written_changes.h that was
// broken off: the card is pulled at each command, memory ends at an allocation. SPDX-License-Identifier: 0BSD
// Packages: opensc-pkcs11
//
//     opensc [all] [case ...]         all: each fault at each command, else a choice
//
// It is loaded into this process, and finds the readers here, too: pcsc_stand_in.c is its PC/SC library,
// over the simulated readers that scard11.c has. What it shows must be what was there before or what is
// there in the end, all that the change has nothing to do with among it, and each private key signs. Then
// the change is made after all, and it reads again. It includes scard11.c, to count its allocations.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS        // a private key's number, of mbedTLS 3
#define _POSIX_C_SOURCE 200809L
#include "counted.h"
#include "../../scard11.c"
#include "shown.h"
#include "written_changes.h"
#include <dlfcn.h>
#include <unistd.h>

// ---- OpenSC's module ----

#define OPENSC_MODULE "opensc-pkcs11.so"

// A PC/SC library without a name is what this program exports. Nothing is remembered between two looks.
// Cards that it does not know it takes for PKCS#15's.
static const char conf[] =
    "app default {\n"
    "    enable_default_driver = true;\n"
    "    reader_driver pcsc { provider_library = \"\"; }\n"
    "    framework pkcs15 { use_file_caching = no; pin_cache_ignore_user_consent = true; }\n"
    "}\n";

static char conf_path[] = "/tmp/opensc_conf_XXXXXX";

static bool load_module(void)
{
    CK_RV (*list)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *got = NULL;
    int fd = mkstemp(conf_path);
    if (fd < 0 || write(fd, conf, sizeof conf - 1) != (ssize_t)sizeof conf - 1 || close(fd)) abort();
    setenv("OPENSC_CONF", conf_path, 1);
    void *module = dlopen(OPENSC_MODULE, RTLD_NOW);
    void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    memcpy(&list, &symbol, sizeof list);
    if (list && !list(&got)) theirs = got;
    if (!theirs) printf("no %s, of Debian's opensc-pkcs11: %s\n", OPENSC_MODULE, dlerror());
    return theirs;
}

// ---- What must hold ----

static bool signed_by(const struct shown *shown, size_t i, const struct known *known)
{
    const uint8_t *p = known->spki;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)known->n);
    out_len = shown->signatures[i].n;
    memcpy(out, shown->signatures[i].bytes, out_len);
    bool good = public && openssl_verifies(public, shown->signatures[i].sha1);
    EVP_PKEY_free(public);
    return good;
}

// CKA_ID of a key, which it knows by another.
static CK_BYTE id_of_its(CK_BYTE id)
{
    return (CK_BYTE)(id + (kind->opensc & OPENSC_NUMBERS ? kind->ids[0] : 0));
}

// Is it by a public key that the library shows now, with a CKA_ID (NULL: any)?
static bool by_a_key(const struct shown *shown, size_t i, CK_BYTE *id)
{
    static struct known known;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, 1 } };
    CK_OBJECT_HANDLE keys[16];
    CK_ULONG n = 0;
    bool good = false;
    CK_RV rv = C_FindObjectsInit(session, t, id ? 2 : 1);
    if (!rv) rv = C_FindObjects(session, keys, 16, &n);
    if (!rv) rv = C_FindObjectsFinal(session);
    for (CK_ULONG k = 0; k < n && !rv; k++) {
        know(&known, keys[k]);
        good = good || signed_by(shown, i, &known);
        if (id && !known.n) return by_a_key(shown, i, NULL);    // its other half has another CKA_ID yet
    }
    return good;
}

// All that was signed.
static void check_signatures(const struct shown *shown)
{
    for (size_t i = 0; i < shown->signatures_n && !test_failing; i++) {
        CK_BYTE id = id_of_its(shown->signatures[i].id);
        if (by_a_key(shown, i, &id)) continue;
        test_fail(__FILE__, __LINE__, "the signature of %02x", id);
        print_shown("shown", shown);
    }
}

static bool kept_signed(const struct shown *shown)
{
    if (kind->opensc & OPENSC_READS) return true;
    for (size_t i = 0; i < shown->signatures_n; i++)
        if (id_of_its(shown->signatures[i].id) == kind->ids[0]) return signed_by(shown, i, &kept_known);
    return false;
}

// The public half of a pair that was never ended, which another took the place of.
static bool is_left(const struct shown *shown, const char *line)
{
    if (strncmp(line, "class 02, id ", 13)) return false;
    char private[sizeof shown->lines[0]];
    size_t n = 13 + strcspn(line + 13, ",");
    snprintf(private, sizeof private, "class 03%.*s,", (int)(n - 8), line + 8);
    for (size_t i = 0; i < shown->n; i++)
        if (!strncmp(shown->lines[i], private, n + 1)) return false;
    return true;
}

// What was shown in between is from before or after, and what is in both was there all the time.
static void check_between(const struct shown *before, const struct shown *now,
                          const struct shown *after)
{
    for (size_t i = 0; i < now->n && !test_failing; i++) {
        const char *line = now->lines[i];
        if (!has_line(before, line) && !has_line(after, line) && !is_left(now, line))
            test_fail(__FILE__, __LINE__, "neither old nor new: %s", line);
    }
    for (size_t i = 0; i < before->n && !test_failing; i++)
        if (has_line(after, before->lines[i]) && !has_line(now, before->lines[i]))
            test_fail(__FILE__, __LINE__, "not shown any more: %s", before->lines[i]);
    if (!test_failing) return;
    print_shown("before", before);
    print_shown("now", now);
    print_shown("after", after);
}

// The library is ended, the card out and in.
static void leave_card(void)
{
    sim_reader_fault(SIM_NO_FAULT, 0, NULL);
    CHECK_RV(C_Finalize(NULL), CKR_OK);
    if (sim_reader_cards()) sim_reader_eject(0);
    sim_reader_insert(0, scene_card);
}

// OpenSC reads it, and uses what it finds.
static void read_card(struct shown *shown)
{
    const struct shown_how how = { kind->user, text, sizeof text };
    CK_RV rv = test_failing ? CKR_OK : show(shown, &how);
    if (rv) test_fail(__FILE__, __LINE__, "OpenSC: %#lx", rv);
    if (test_failing) return;
    if (kept_signed(shown)) return;
    test_fail(__FILE__, __LINE__, "the key that was there before does not sign");
    print_shown("shown", shown);
}

static void begin_again(CK_RV (*login)(void))
{
    if (test_failing) return;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(scene_open(&session), CKR_OK);
    CHECK_RV(login(), CKR_OK);
}

// After a change that was broken off: OpenSC reads; the change is made after all, it reads again.
static void check_broken_off(const struct change *c, const struct shown *before)
{
    static struct shown now, after;
    leave_card();
    read_card(&now);
    begin_again(user_in);
    if (!test_failing) check_signatures(&now);
    if (test_failing) return;
    CHECK_RV(change_login(writer_in), CKR_OK);
    if (!c->done()) CHECK_RV(c->run(), CKR_OK);
    leave_card();
    read_card(&after);
    begin_again(user_in);
    if (test_failing) return;
    CHECK(c->done());
    check_signatures(&after);
    check_between(before, &now, &after);
    CHECK_EQ(scene_card->tries_taken, 0);
}

// OpenSC has read it, and the writer is logged in.
static void begin_read(const struct change *c, struct shown *before)
{
    begin_half(c);
    if (test_failing) return;
    leave_card();
    read_card(before);
    begin_again(writer_in);
}

static void break_off(const struct change *c, enum sim_fault fault, unsigned n)
{
    static struct shown before;
    begin_read(c, &before);
    if (test_failing) return;
    sim_reader_fault(fault, n, NULL);
    broken_off(c->run());
    if (!test_failing) check_broken_off(c, &before);
    if (test_failing) printf("    %s, %s at %u\n", c->name, sim_fault_name(fault), n);
    end();
}

// ---- Which commands change the card ----

#define COMMANDS 400

static bool writes[COMMANDS];           // from 1 on, of a change
static unsigned commands;

// Before each of these the card is in another state than before the last, and nowhere else.
static bool is_write(const uint8_t *cmd, size_t n)
{
    static const uint8_t reads[] = { 0x20, 0x22, 0x2a, 0x58, 0x82, 0x84, 0x87, 0x88, 0xa4, 0xb0, 0xb1,
                                     0xb2, 0xc0, 0xca, 0xcb };
    return n > 4 && !(cmd[0] & 0x10) && !memchr(reads, cmd[1], sizeof reads);
}

static void note_command(void *arg, int reader, const uint8_t *cmd, size_t n, const uint8_t *rsp,
                         size_t rsp_n)
{
    (void)arg; (void)reader; (void)rsp; (void)rsp_n;
    if (++commands == COMMANDS) abort();
    writes[commands] = is_write(cmd, n);
}

// What a change sends, once begin has made the card for it.
static void note_commands(void (*begin_it)(void), CK_RV (*run)(void))
{
    commands = 0;
    begin_it();
    if (test_failing) return;
    sim_reader_trace(note_command, NULL);
    CHECK_RV(run(), CKR_OK);
    sim_reader_trace(NULL, NULL);
    end();
    writes[commands + 1] = true;        // none: it ends
}

// ---- Changes ----

static const struct change *now_changed;

static void begin_change(void) { begin_half(now_changed); }

// Without the choice, by each kind of fault.
static void break_off_change(const struct change *c)
{
    static const enum sim_fault faults[] = { SIM_EJECT, SIM_ANSWER_6F00, SIM_FAILED_AFTER, SIM_RESET };
    now_changed = c;
    note_commands(begin_change, c->run);
    unsigned last = commands + 1;
    for (size_t f = 0; f < (every ? COUNT(faults) : 1); f++)
        for (unsigned n = 1; n <= last && !test_failing; n++)
            if (every || writes[n]) break_off(c, faults[f], n);
}

static void break_off_each(void)
{
    rsa_only = kind->opensc & OPENSC_RSA;
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        if (changes[i].can()) break_off_change(&changes[i]);
}

TEST(opensc_reads_what_was_broken_off) { each_kind(break_off_each); }

// Memory ends at the n-th allocation. Returns whether it did.
static bool run_out(const struct change *c, unsigned n)
{
    static struct shown before;
    begin_read(c, &before);
    if (test_failing) return false;
    counted_at = counted_calls + n;
    CK_RV rv = c->run();
    bool fired = counted_calls >= counted_at;
    counted_at = 0;
    if (rv && !fired) test_fail(__FILE__, __LINE__, "%#lx", rv);
    if (!test_failing) check_broken_off(c, &before);
    if (test_failing) printf("    %s, allocation %u\n", c->name, n);
    end();
    return fired && !test_failing;
}

static void run_out_each(void)
{
    rsa_only = kind->opensc & OPENSC_RSA;
    for (size_t i = 0; i < CHANGES && !test_failing; i++)
        for (unsigned n = 1; changes[i].can() && run_out(&changes[i], n);) n += every ? 1 : 1 + n;
}

TEST(opensc_reads_what_the_end_of_memory_left) { each_kind(run_out_each); }

// ---- Compressed certificates ----

static void read_packed(void)
{
    static struct shown shown;
    const CK_ATTRIBUTE packed = { SCARD11_CKA_COMPRESS, &yes, 1 };
    char value[sizeof shown.lines[0]] = "";
    bool has = false;
    rsa_only = kind->opensc & OPENSC_RSA;
    if (!kind->packs) return;
    begin_filled();
    if (test_failing) return;
    issue_filler = 1500;
    certificate_n = issue(kept_public, certificate, sizeof certificate);
    issue_filler = 0;
    CHECK_RV(store_certificate_with(kind->ids[0], &packed, &kept_certificate), CKR_OK);
    CHECK(is_true(kept_certificate, SCARD11_CKA_COMPRESS));
    leave_card();
    read_card(&shown);
    if (test_failing) return;
    append_value(value, CKA_VALUE, certificate, certificate_n);
    for (size_t i = 0; i < shown.n; i++) has = has || strstr(shown.lines[i], value);
    CHECK(has);
    begin_again(user_in);
    end();
}

TEST(opensc_reads_compressed_certificates) { each_kind(read_packed); }

// ---- Setting up ----

static CK_RV set_up(void) { return written_set_up(kind); }

// A card that had a key is set up anew.
static void begin_full(void)
{
    begin_filled();
    if (!test_failing) CHECK_RV(C_CloseAllSessions(0), CKR_OK);
}

// Whatever OpenSC finds, without a login: the PIN may be another one yet.
static void look_at_half(void)
{
    static struct shown shown;
    const struct shown_how how = { NULL, text, sizeof text };
    leave_card();
    if (!test_failing) show(&shown, &how);
}

static void set_up_after_all(void)
{
    static struct shown shown;
    if (test_failing) return;
    CHECK_RV(C_Initialize(NULL), CKR_OK);
    CHECK_RV(set_up(), CKR_OK);
    fill();
    leave_card();
    read_card(&shown);
    if (test_failing) return;
    CHECK_EQ(scene_card->tries_taken, 0);
    begin_again(user_in);
}

// The card that is half set up may be none for OpenSC; set up after all it is one, and what is stored on
// it then is there.
static void break_off_set_up(void (*begin_it)(void), unsigned n)
{
    begin_it();
    if (test_failing) return;
    sim_reader_fault(SIM_EJECT, n, NULL);
    broken_off(set_up());
    look_at_half();
    set_up_after_all();
    end();
    if (test_failing) printf("    eject at %u\n", n);
}

static void break_off_setting_up(void)
{
    void (*const begins[])(void) = { begin_blank, begin_full };
    rsa_only = kind->opensc & OPENSC_RSA;
    for (size_t i = 0; i < (kind->init_token ? COUNT(begins) : 0) && !test_failing; i++) {
        note_commands(begins[i], set_up);
        unsigned last = commands + 1;
        for (unsigned n = 1; n <= last && !test_failing; n++)
            if (every || writes[n]) break_off_set_up(begins[i], n);
    }
}

TEST(opensc_reads_cards_whose_setting_up_was_broken_off) { each_kind(break_off_setting_up); }

int main(int argc, char **argv)
{
    every = argc > 1 && !strcmp(argv[1], "all");
    test_begin(every ? argc - 1 : argc, argv + every);
    if (!load_module()) return 1;
    RUN(opensc_reads_what_was_broken_off);
    RUN(opensc_reads_what_the_end_of_memory_left);
    RUN(opensc_reads_compressed_certificates);
    RUN(opensc_reads_cards_whose_setting_up_was_broken_off);
    unlink(conf_path);
    return test_end();
}
