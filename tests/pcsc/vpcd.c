// vpcd.c: puts a simulated card into a virtual reader of pcscd (vpcd, on 127.0.0.1).
// SPDX-License-Identifier: 0BSD
//
//     vpcd PORT DIR [KIND] [option...]
//     vpcd --certificate rsa|ec        prints the certificate in 9A of a PIV card, or of an "ec" one
//
// KIND is piv (if it is left out), generic, isoapplet (API v1), isoapplet0 (API v0), myeid, esteid,
// fineid, belpic, cac, openpgp, schsm, gids, chip (PIV and OpenPGP). "second" is another card of the
// kind. Options of piv: extended pieces t0 no-history no-chuid yubikey 5.7 3des blank prepared
// app-pin global-pin no-discovery second ec gzip no-9e ("5.7": a YubiKey of that version; "3des":
// of the management key, whatever the version; "blank": as it is made; "prepared": it makes RSA keys
// in no time; "ec": P-384 in 9A and P-256 in 9D, for ECDH; "gzip": compressed certificates), 9a=FILE
// (another certificate of the same key in 9A, DER; not on the card to swap);
// of generic: second extended no-chaining pieces t0 der no-indicator, and how its files deviate:
// inline in-odf whole-path relative negative by-curve deleted padded padded-ff no-dir records, and how
// it is written (sim_generic.h): compact arr arr-se expanded pin-writes second-writes all-write
// fixed-directories fixed-info creates creates-inactive filled no-delete small bits 6700-beyond no-fcp
// no-data dated one-file spare empty-too read-only; of
// isoapplet and isoapplet0: second short empty; of myeid: second classic two no-name
// empty; of esteid: second latvian rsa extended; of fineid: second estonian bare extended; of
// belpic: second ec; of cac: second whole gzip first small no-ccc pki-only piv persons; of openpgp:
// second empty short pieces once kdf cardholder button swaps 2.1 (version and one certificate)
// no-certificates, and its keys: aut-rsa ec nist brainpool; of schsm: second two many curves
// cardcontact short pieces no-label no-certificates transport blank, ce01=FILE and ce03=FILE (another
// certificate of that key); of gids: second plain ec many
// decimal no-certificate extended pieces puk empty; of chip: second yubikey
// keeps. It is told what to do by files in DIR, which it removes when it has done it:
//     DIR/remove  DIR/insert   the card goes out, or in
//     DIR/swap                 out, and another card in
//     DIR/pull                 out, at the n-th command from now, before it is done; n is in the file
//     DIR/other                another program selects another application
//     DIR/dump                 the files on the card go to DIR/files
// and writes DIR/count (commands answered), DIR/secrets (PINs and keys that came while another
// application than theirs was selected) and DIR/tries (that were taken) after each command, of piv
// DIR/wrong (answers to challenges of the management key) and DIR/writes (commands that changed it),
// DIR/in while the card is in. If there is DIR/wire when it starts, it counts there instead, and takes
// its time (wire.h).
#define _GNU_SOURCE
#include "../sim/sim_belpic.h"
#include "../sim/sim_cac.h"
#include "../sim/sim_chip.h"
#include "../sim/sim_esteid.h"
#include "../sim/sim_fineid.h"
#include "../sim/sim_generic.h"
#include "../sim/sim_gids.h"
#include "../sim/sim_isoapplet.h"
#include "../sim/sim_myeid.h"
#include "../sim/sim_openpgp.h"
#include "../sim/sim_piv.h"
#include "../sim/sim_schsm.h"
#include "vpcd_dir.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define OUT_US 1000000                  // out for less, and pcscd may not notice it

// A kind of card: made from its options, the other one of a swap when told so.
struct kind {
    const char *name;
    struct sim_card *(*make)(int argc, char **argv, bool swap);
    bool files;
};

static const struct kind *kind;
static struct sim_card *cards[2];
static int which;
static unsigned pull_at;                // commands until the card is pulled; 0: it is not

// The number in a file, which is whole when it has a line's end.
static void told_number(const char *what, unsigned *number)
{
    char path[512], line[32] = "";
    snprintf(path, sizeof path, "%s/%s", dir, what);
    FILE *f = fopen(path, "r");
    if (!f) return;
    if (fgets(line, sizeof line, f) && strchr(line, '\n')) {
        *number = (unsigned)atoi(line);
        unlink(path);
    }
    fclose(f);
}

static void note_administration(void)
{
    if (!strcmp(kind->name, "gids")) {
        note("wrong", sim_gids_wrong_answers(cards[0]) + sim_gids_wrong_answers(cards[1]));
        note("writes", sim_gids_writes(cards[0]) + sim_gids_writes(cards[1]));
        return;
    }
    note("wrong", sim_piv_wrong_answers(cards[0]) + sim_piv_wrong_answers(cards[1]));
    note("writes", sim_piv_writes(cards[0]) + sim_piv_writes(cards[1]));
}

// One frame, and what it did.
static bool serve(void)
{
    struct sim_card *card = cards[which];
    size_t n;
    if (!vpcd_frame(&reader, card, &n)) return false;
    if (!n) return true;
    if (pull_at && !--pull_at) {
        pull_out(card);
        usleep(OUT_US);
        return true;
    }
    size_t came = n;
    n = card->apdu(card, reader.command, n, reader.frame + 2, 65538);
    if (wire) {
        wire_count(came, n);
        return vpcd_answer(&reader, n);
    }
    note("count", cards[0]->apdus + cards[1]->apdus);
    note("secrets", cards[0]->stray_secrets + cards[1]->stray_secrets);
    note("tries", cards[0]->tries_taken + cards[1]->tries_taken);
    if (!strcmp(kind->name, "piv") || !strcmp(kind->name, "gids")) note_administration();
    return vpcd_answer(&reader, n);
}

static void refuse(const char *option)
{
    fprintf(stderr, "vpcd: what is %s?\n", option);
    exit(2);
}

static int print_certificate(const char *type)
{
    size_t n;
    const uint8_t *p = sim_piv_certificate(strcmp(type, "ec") ? SIM_RSA2048A : SIM_P384A, &n);
    return fwrite(p, 1, n, stdout) != n;
}

static struct sim_card *make_piv(int argc, char **argv, bool swap)
{
    static const struct sim_piv_key ec[] = { { 0x9a, SIM_P384A, false, false, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_RSA2048A, false, true, SIM_PIN_BY_SLOT },
            { 0x9d, SIM_P256B, false, false, SIM_PIN_BY_SLOT },
        { 0x9e, SIM_P256A, false, false, SIM_PIN_BY_SLOT } };
    static const struct sim_piv_key packed[] = { { 0x9a, SIM_RSA2048A, false, true,
                                                   SIM_PIN_BY_SLOT },
        { 0x9c, SIM_P256A, false, true, SIM_PIN_BY_SLOT },
            { 0x9d, SIM_RSA2048B, false, true, SIM_PIN_BY_SLOT },
        { 0x9e, SIM_P256B, false, true, SIM_PIN_BY_SLOT } };
    static const struct sim_piv_key without_9e[] = {
        { 0x9a, SIM_RSA2048A, false, false, SIM_PIN_BY_SLOT },
        { 0x9c, SIM_P256A, false, false, SIM_PIN_BY_SLOT },
        { 0x9d, SIM_RSA2048B, false, false, SIM_PIN_BY_SLOT } };
    struct sim_piv_options o = { .discovery = SIM_APPLICATION_PIN };
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!strcmp(a, "extended")) o.extended = true;
        else if (!strcmp(a, "pieces")) o.pieces = true;
        else if (!strcmp(a, "t0")) o.t0 = true;
        else if (!strcmp(a, "no-history")) o.no_history = true;
        else if (!strcmp(a, "no-chuid")) o.no_chuid = true;
        else if (!strcmp(a, "yubikey")) o.yubikey = true;
        else if (!strcmp(a, "5.7")) o.yubikey = true, o.version = 0x050700;
        else if (!strcmp(a, "3des")) o.management = 0x03;
        else if (!strcmp(a, "blank")) o.blank = true;
        else if (!strcmp(a, "prepared")) o.prepared = true;
        else if (!strcmp(a, "global-pin")) o.discovery = SIM_GLOBAL_PIN;
        else if (!strcmp(a, "no-discovery")) o.discovery = SIM_NO_DISCOVERY;
        else if (!strcmp(a, "second")) o.second = true;
        else if (!strcmp(a, "ec")) { o.keys = ec; o.n_keys = 4; }
        else if (!strcmp(a, "no-9e")) { o.keys = without_9e; o.n_keys = 3; }
        else if (!strcmp(a, "gzip")) { o.keys = packed; o.n_keys = 4; }
        else if (!strncmp(a, "9a=", 3)) { if (!sim_piv_load_9a(&o, a + 3)) refuse(a); }
        else if (strcmp(a, "app-pin")) refuse(a);
    }
    o.second ^= swap;
    if (swap) o.object = NULL;
    return sim_piv_new(&o);
}

// How a generic card is written. false: the option is none of these.
static bool generic_writes(struct sim_generic_options *o, struct sim_p15 *files, const char *a)
{
    if (!strcmp(a, "compact")) o->rules = SIM_GENERIC_RULES_COMPACT;
    else if (!strcmp(a, "arr")) o->rules = SIM_GENERIC_RULES_ARR;
    else if (!strcmp(a, "arr-se")) o->rules = SIM_GENERIC_RULES_ARR_SE;
    else if (!strcmp(a, "expanded")) o->rules = SIM_GENERIC_RULES_EXPANDED;
    else if (!strcmp(a, "pin-writes")) o->writer = SIM_GENERIC_WRITER_PIN;
    else if (!strcmp(a, "second-writes"))
        o->writer = SIM_GENERIC_WRITER_SECOND, o->two_pins = true;
    else if (!strcmp(a, "all-write")) o->writer = SIM_GENERIC_WRITER_ANYONE;
    else if (!strcmp(a, "fixed-directories")) o->fixed_directories = true;
    else if (!strcmp(a, "fixed-info")) o->fixed_info = true;
    else if (!strcmp(a, "creates")) o->creates = SIM_GENERIC_CREATES;
    else if (!strcmp(a, "creates-inactive")) o->creates = SIM_GENERIC_CREATES_INACTIVE;
    else if (!strcmp(a, "filled")) o->fill = 0xa5, o->keeps_place = true;
    else if (!strcmp(a, "no-delete")) o->no_delete = true;
    else if (!strcmp(a, "small")) o->memory = 1000;
    else if (!strcmp(a, "bits")) o->most_update = 32;
    else if (!strcmp(a, "6700-beyond")) o->sw_beyond = 0x6700;
    else if (!strcmp(a, "no-fcp")) o->no_fcp = true;
    else if (!strcmp(a, "no-data")) o->no_data = true;
    else if (!strcmp(a, "dated")) files->last_update = "20240102030405Z";
    else if (!strcmp(a, "one-file")) files->one_file = true, files->spare = 4000;
    else if (!strcmp(a, "spare")) files->spare = 4000;
    else if (!strcmp(a, "empty-too")) files->empty_too = true;
    else if (!strcmp(a, "read-only")) files->token_flags = 1 << 0 | 1 << 1 | 1 << 2;
    else return false;
    return true;
}

static struct sim_card *make_generic(int argc, char **argv, bool swap)
{
    static struct sim_p15 files;
    struct sim_generic_options o = { .p15 = &files };
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!strcmp(a, "extended")) o.extended = true;
        else if (!strcmp(a, "no-chaining")) o.no_chaining = true;
        else if (!strcmp(a, "pieces")) o.pieces = true;
        else if (!strcmp(a, "t0")) o.t0 = true;
        else if (!strcmp(a, "der")) o.der = true;
        else if (!strcmp(a, "no-indicator")) o.no_indicator = true;
        else if (!strcmp(a, "second")) o.second = true;
        else if (!strcmp(a, "inline")) files.in_cdf = true;
        else if (!strcmp(a, "in-odf")) files.in_odf = true;
        else if (!strcmp(a, "whole-path")) files.whole_path = true;
        else if (!strcmp(a, "relative")) files.relative = true;
        else if (!strcmp(a, "negative")) files.negative = true;
        else if (!strcmp(a, "by-curve")) files.ec_by_curve = true;
        else if (!strcmp(a, "deleted")) files.deleted = true;
        else if (!strcmp(a, "padded")) files.size = 1500;
        else if (!strcmp(a, "padded-ff")) { files.size = 1500; files.pad = 0xff; }
        else if (!strcmp(a, "no-dir")) files.no_dir = true;
        else if (!strcmp(a, "records")) files.dir_records = files.other_first = true;
        else if (!generic_writes(&o, &files, a)) refuse(a);
    }
    o.second ^= swap;
    return sim_generic_new(&o);
}

static struct sim_card *make_isoapplet_of(bool v0, int argc, char **argv, bool swap)
{
    struct sim_isoapplet_options o = { .v0 = v0 };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "short")) o.short_only = true;
        else if (!strcmp(argv[i], "empty")) o.empty = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_isoapplet_new(&o);
}

static struct sim_card *make_isoapplet(int argc, char **argv, bool swap)
{
    return make_isoapplet_of(false, argc, argv, swap);
}

static struct sim_card *make_isoapplet0(int argc, char **argv, bool swap)
{
    return make_isoapplet_of(true, argc, argv, swap);
}

static struct sim_card *make_myeid(int argc, char **argv, bool swap)
{
    struct sim_myeid_options o = { .classic = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "classic")) o.classic = true;
        else if (!strcmp(argv[i], "two")) o.two = true;
        else if (!strcmp(argv[i], "no-name")) o.no_name = true;
        else if (!strcmp(argv[i], "empty")) o.empty = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_myeid_new(&o);
}

static struct sim_card *make_esteid(int argc, char **argv, bool swap)
{
    struct sim_esteid_options o = { .latvian = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "latvian")) o.latvian = true;
        else if (!strcmp(argv[i], "rsa")) o.rsa = true;
        else if (!strcmp(argv[i], "extended")) o.extended = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_esteid_new(&o);
}

static struct sim_card *make_fineid(int argc, char **argv, bool swap)
{
    struct sim_fineid_options o = { .estonian = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "estonian")) o.estonian = true;
        else if (!strcmp(argv[i], "bare")) o.bare = true;
        else if (!strcmp(argv[i], "extended")) o.extended = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_fineid_new(&o);
}

static struct sim_card *make_belpic(int argc, char **argv, bool swap)
{
    struct sim_belpic_options o = { .ec = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "ec")) o.ec = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_belpic_new(&o);
}

static struct sim_card *make_cac(int argc, char **argv, bool swap)
{
    struct sim_cac_options o = { .second = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "whole")) o.whole = true;
        else if (!strcmp(argv[i], "gzip")) o.gzip = true;
        else if (!strcmp(argv[i], "first")) o.certificate_first = true;
        else if (!strcmp(argv[i], "small")) o.small_key = true;
        else if (!strcmp(argv[i], "no-ccc")) o.no_ccc = true;
        else if (!strcmp(argv[i], "pki-only")) o.pki_only = true;
        else if (!strcmp(argv[i], "piv")) o.piv = true;
        else if (!strcmp(argv[i], "persons")) o.persons = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_cac_new(&o);
}

// "ec": Ed25519 and X25519; "nist", "brainpool": a curve for each key.
static struct sim_card *make_openpgp(int argc, char **argv, bool swap)
{
    struct sim_openpgp_options o = { .version = 0x0304 };
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!strcmp(a, "second")) o.second = true;
        else if (!strcmp(a, "empty")) o.empty = true;
        else if (!strcmp(a, "short")) o.short_only = true;
        else if (!strcmp(a, "pieces")) o.pieces = true;
        else if (!strcmp(a, "once")) o.once = true;
        else if (!strcmp(a, "kdf")) o.kdf = true;
        else if (!strcmp(a, "cardholder")) o.cardholder = true;
        else if (!strcmp(a, "button")) o.button = true;
        else if (!strcmp(a, "swaps")) o.swaps = true;
        else if (!strcmp(a, "2.1")) o.version = 0x0201;
        else if (!strcmp(a, "no-certificates")) o.no_certificate = 7;
        else if (!strcmp(a, "aut-rsa")) o.aut = SIM_RSA3072;
        else if (!strcmp(a, "ec"))
            o.sig = o.aut = SIM_ED25519, o.dec = SIM_X25519;
        else if (!strcmp(a, "nist"))
            o.sig = SIM_P256A, o.dec = SIM_P384A, o.aut = SIM_P521A;
        else if (!strcmp(a, "brainpool"))
            o.sig = SIM_BP256A, o.dec = SIM_BP384A, o.aut = SIM_BP512A;
        else refuse(a);
    }
    o.second ^= swap;
    return sim_openpgp_new(&o);
}

// Another certificate of a key, in its file.
static void load_file(struct sim_card *card, uint16_t fid, const char *path)
{
    static uint8_t der[8192];
    struct sim_fs *fs = (struct sim_fs *)card;
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(der, 1, sizeof der, f) : 0;
    if (!n) { fprintf(stderr, "vpcd: no certificate in %s\n", path); exit(2); }
    fclose(f);
    sim_fs_remove(fs, sim_fs_find(fs->mf, fid));
    sim_fs_ef(fs, NULL, fid, der, n, 0);
}

// PIV with four certificates, OpenPGP with three.
static struct sim_card *make_chip(int argc, char **argv, bool swap)
{
    struct sim_piv_options piv = { .extended = true };
    struct sim_openpgp_options openpgp = { .version = 0x0304 };
    struct sim_chip_options o = { .keeps_logins = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) piv.second = true;
        else if (!strcmp(argv[i], "yubikey")) piv.yubikey = true, openpgp.maker = 6, o.atr_of = 1;
        else if (!strcmp(argv[i], "keeps")) o.keeps_logins = piv.keeps_login = true;
        else refuse(argv[i]);
    }
    piv.second ^= swap;
    openpgp.second = piv.second;
    openpgp.keeps_login = piv.keeps_login;
    o.applications[0] = sim_piv_new(&piv);
    o.applications[1] = sim_openpgp_new(&openpgp);
    return sim_chip_new(&o);
}

static struct sim_card *make_schsm(int argc, char **argv, bool swap)
{
    struct sim_schsm_options o = { .second = false };
    const char *first = NULL, *third = NULL;
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "two")) o.two = true;
        else if (!strcmp(argv[i], "many")) o.many = true;
        else if (!strcmp(argv[i], "curves")) o.curves = true;
        else if (!strcmp(argv[i], "cardcontact")) o.cardcontact = true;
        else if (!strcmp(argv[i], "short")) o.short_only = true;
        else if (!strcmp(argv[i], "pieces")) o.pieces = true;
        else if (!strcmp(argv[i], "no-label")) o.no_label = true;
        else if (!strcmp(argv[i], "no-certificates")) o.no_certificates = true;
        else if (!strcmp(argv[i], "transport")) o.transport = true;
        else if (!strcmp(argv[i], "blank")) o.blank = true;
        else if (!strncmp(argv[i], "ce01=", 5)) first = argv[i] + 5;
        else if (!strncmp(argv[i], "ce03=", 5)) third = argv[i] + 5;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    struct sim_card *card = sim_schsm_new(&o);
    if (first && !swap) load_file(card, 0xce01, first);
    if (third && !swap) load_file(card, 0xce03, third);
    return card;
}

static struct sim_card *make_gids(int argc, char **argv, bool swap)
{
    struct sim_gids_options o = { .second = false };
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "second")) o.second = true;
        else if (!strcmp(argv[i], "plain")) o.plain = true;
        else if (!strcmp(argv[i], "ec")) o.ec = true;
        else if (!strcmp(argv[i], "many")) o.many = true;
        else if (!strcmp(argv[i], "decimal")) o.decimal = true;
        else if (!strcmp(argv[i], "no-certificate")) o.no_certificate = true;
        else if (!strcmp(argv[i], "extended")) o.extended = true;
        else if (!strcmp(argv[i], "pieces")) o.pieces = true;
        else if (!strcmp(argv[i], "puk")) o.puk = true;
        else if (!strcmp(argv[i], "empty")) o.empty = true;
        else refuse(argv[i]);
    }
    o.second ^= swap;
    return sim_gids_new(&o);
}

static const struct kind kinds[] = {
    { "piv", make_piv, false },
    { "generic", make_generic, true },
    { "isoapplet", make_isoapplet, true },
    { "isoapplet0", make_isoapplet0, true },
    { "myeid", make_myeid, true },
    { "esteid", make_esteid, true },
    { "fineid", make_fineid, true },
    { "belpic", make_belpic, true },
    { "cac", make_cac, false },
    { "openpgp", make_openpgp, false },
    { "schsm", make_schsm, true },
    { "chip", make_chip, false },
    { "gids", make_gids, false },
};

// A line for each file: its path and what is in it, hexadecimal.
static void dump(FILE *out, const struct sim_fs_file *df, const char *path)
{
    char here[32];
    for (const struct sim_fs_file *file = df->child; file; file = file->next) {
        snprintf(here, sizeof here, "%s%04x", path, file->fid);
        if (file->type == SIM_DF) { dump(out, file, here); continue; }
        fprintf(out, "%s ", here);
        for (size_t i = 0; i < file->data_len; i++) fprintf(out, "%02x", file->data[i]);
        fputc('\n', out);
    }
}

static void dump_files(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/files", dir);
    FILE *out = fopen(path, "w");
    if (!out) return;
    if (kind->files) dump(out, ((struct sim_fs *)cards[which])->mf, "3f00");
    fclose(out);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--certificate")) return print_certificate(argv[2]);
    if (argc < 3) return fprintf(stderr, "vpcd PORT DIR [KIND] [option...]\n"), 2;
    int port = atoi(argv[1]), first = 3;
    kind = &kinds[0];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && argc > 3; i++)
        if (!strcmp(argv[3], kinds[i].name)) { kind = &kinds[i]; first = 4; break; }
    dir = argv[2];
    wire_map(dir);
    if (wire) sim_remembers = true;     // a key that signed the same before takes no time
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    cards[0] = kind->make(argc - first, argv + first, false);
    cards[1] = kind->make(argc - first, argv + first, true);
    note("count", 0);
    note("secrets", 0);
    note("tries", 0);
    if (!strcmp(kind->name, "piv") || !strcmp(kind->name, "gids")) note_administration();
    plug_in(port);
    for (;;) {
        struct pollfd p = { reader.s, POLLIN, 0 };
        if (poll(&p, reader.s >= 0, 20) > 0 && !serve()) {
            pull_out(cards[which]);     // pcscd closed it, or is gone
            usleep(50000);
            plug_in(port);
        }
        if (told("other")) cards[which]->select_other(cards[which]);
        if (told("dump")) dump_files();
        told_number("pull", &pull_at);
        if (told("remove")) pull_out(cards[which]);
        if (told("swap")) {
            pull_out(cards[which]);
            usleep(OUT_US);
            which = !which;
            plug_in(port);
        }
        if (told("insert") && reader.s < 0) plug_in(port);
    }
}
