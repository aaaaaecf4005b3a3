// vpcd.c: puts a simulated PIV card into a virtual reader of pcscd (vpcd, on 127.0.0.1).
// SPDX-License-Identifier: 0BSD
//
//     vpcd PORT DIR [option...]
//
// Options: extended pieces t0 no-history no-chuid yubikey app-pin global-pin second second-swap ec
// gzip ("second": another card; "ec": P-384 in 9A and P-256 in 9D, for ECDH; "gzip": compressed
// certificates). It is told what to do by files in DIR, which it removes when it has done it:
//     DIR/remove  DIR/insert   the card goes out, or in
//     DIR/swap                 out, and another card in
//     DIR/other                another program selects another application
// and writes DIR/count (commands answered) and DIR/pins (PINs that the other application got) after
// each command, DIR/in while the card is in.
#define _GNU_SOURCE
#include "sim_piv.h"
#include "vpcd.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const char *dir;
static struct sim_card *cards[2];
static int which;
static struct vpcd reader;

static void note(const char *name, unsigned value)
{
    char path[512], fresh[520];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    if (!f) return;
    fprintf(f, "%u\n", value);
    fclose(f);
    rename(fresh, path);                // whoever reads sees a whole number
}

static bool told(const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, what);
    return !unlink(path);
}

static void plug_in(int port)
{
    while (!vpcd_connect(&reader, port)) usleep(50000);     // pcscd does not listen yet
    note("in", 1);
}

static void pull_out(void)
{
    char path[512];
    if (reader.s >= 0) close(reader.s);
    reader.s = -1;
    snprintf(path, sizeof path, "%s/in", dir);
    unlink(path);
    cards[which]->reset(cards[which]);
}

// One frame, and what it did.
static bool serve(void)
{
    struct sim_card *card = cards[which];
    size_t n;
    if (!vpcd_frame(&reader, card, &n)) return false;
    if (!n) return true;
    n = card->apdu(card, reader.command, n, reader.frame + 2, 65538);
    note("count", cards[0]->apdus + cards[1]->apdus);
    note("pins", sim_piv_stray_pins(card));
    return vpcd_answer(&reader, n);
}

static struct sim_piv_options options(int argc, char **argv)
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
    struct sim_piv_options o = { .discovery = SIM_APPLICATION_PIN };
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!strcmp(a, "extended")) o.extended = true;
        else if (!strcmp(a, "pieces")) o.pieces = true;
        else if (!strcmp(a, "t0")) o.t0 = true;
        else if (!strcmp(a, "no-history")) o.no_history = true;
        else if (!strcmp(a, "no-chuid")) o.no_chuid = true;
        else if (!strcmp(a, "yubikey")) o.yubikey = true;
        else if (!strcmp(a, "global-pin")) o.discovery = SIM_GLOBAL_PIN;
        else if (!strcmp(a, "no-discovery")) o.discovery = SIM_NO_DISCOVERY;
        else if (!strcmp(a, "second")) o.second = true;
        else if (!strcmp(a, "ec")) { o.keys = ec; o.n_keys = 4; }
        else if (!strcmp(a, "gzip")) { o.keys = packed; o.n_keys = 4; }
        else { fprintf(stderr, "vpcd: what is %s?\n", a); exit(2); }
    }
    return o;
}

int main(int argc, char **argv)
{
    if (argc < 3) return fprintf(stderr, "vpcd PORT DIR [option...]\n"), 2;
    int port = atoi(argv[1]);
    struct sim_piv_options o = options(argc - 3, argv + 3);
    dir = argv[2];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    cards[0] = sim_piv_new(&o);
    o.second = !o.second;
    cards[1] = sim_piv_new(&o);
    note("count", 0);
    plug_in(port);
    for (;;) {
        struct pollfd p = { reader.s, POLLIN, 0 };
        if (poll(&p, reader.s >= 0, 20) > 0 && !serve()) {
            pull_out();                 // pcscd closed it, or is gone
            usleep(50000);
            plug_in(port);
        }
        if (told("other")) sim_piv_select_other(cards[which]);
        if (told("remove")) pull_out();
        if (told("swap")) {
            pull_out();
            usleep(1000000);            // shorter, and pcscd may not notice
            which = !which;
            plug_in(port);
        }
        if (told("insert") && reader.s < 0) plug_in(port);
    }
}
