// vpcd.c: puts a simulated PIV card into a virtual reader of pcscd (vpcd, on 127.0.0.1).
// SPDX-License-Identifier: 0BSD
//
//     vpcd PORT DIR [option...]
//     vpcd --certificate rsa|ec        prints the certificate in 9A of a card, or of an "ec" one
//
// Options: extended pieces t0 no-history no-chuid yubikey app-pin global-pin second second-swap ec
// gzip ("second": another card; "ec": P-384 in 9A and P-256 in 9D, for ECDH; "gzip": compressed
// certificates), 9a=FILE (another certificate of the same key in 9A, DER; not on the card to swap).
// It is told what to do by files in DIR, which it removes when it has done it:
//     DIR/remove  DIR/insert   the card goes out, or in
//     DIR/swap                 out, and another card in
//     DIR/other                another program selects another application
// and writes DIR/count (commands answered) and DIR/pins (PINs that the other application got) after
// each command, DIR/in while the card is in.
#define _GNU_SOURCE
#include "sim_piv.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *dir;
static struct sim_card *cards[2];
static int which;
static uint8_t frame[2 + 65538], command[65544];

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

static int plug_in(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (;;) {
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s >= 0 && !connect(s, (struct sockaddr *)&to, sizeof to)) {
            note("in", 1);
            return s;
        }
        close(s);
        usleep(50000);                  // pcscd does not listen yet
    }
}

static void pull_out(int *s)
{
    char path[512];
    if (*s >= 0) close(*s);
    *s = -1;
    snprintf(path, sizeof path, "%s/in", dir);
    unlink(path);
    cards[which]->reset(cards[which]);
}

static bool receive(int s, uint8_t *p, size_t n)
{
    int on = 1;
    while (n) {
        setsockopt(s, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);   // else 44 ms for each command
        ssize_t got = recv(s, p, n, 0);
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool answer(int s, size_t n)
{
    frame[0] = (uint8_t)(n >> 8);
    frame[1] = (uint8_t)n;
    return send(s, frame, n + 2, MSG_NOSIGNAL) == (ssize_t)(n + 2);
}

// One frame: of one byte, it is power off 00, on 01, reset 02, or a question for the ATR 04.
static bool serve(int s)
{
    struct sim_card *card = cards[which];
    uint8_t head[2];
    if (!receive(s, head, 2)) return false;
    size_t n = (size_t)head[0] << 8 | head[1];
    if (n > sizeof command || !receive(s, command, n)) return false;
    if (n == 1 && command[0] != 4) {
        card->reset(card);
        return true;
    }
    if (n == 1) {
        memcpy(frame + 2, card->atr, card->atr_len);
        return answer(s, card->atr_len);
    }
    n = card->apdu(card, command, n, frame + 2, 65538);
    note("count", cards[0]->apdus + cards[1]->apdus);
    note("pins", sim_piv_stray_pins(card));
    return answer(s, n);
}

// The data object with the certificate of a file: 53 { 70 certificate, 71 not compressed, FE }.
static void load_9a(struct sim_piv_options *o, const char *path)
{
    static uint8_t object[8192];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(object + 8, 1, sizeof object - 13, f) : 0, all = n + 9;
    if (!f || n < 256) { fprintf(stderr, "vpcd: no certificate in %s\n", path); exit(2); }
    fclose(f);
    const uint8_t head[] = { 0x53, 0x82, (uint8_t)(all >> 8), (uint8_t)all, 0x70, 0x82,
                             (uint8_t)(n >> 8), (uint8_t)n };
    memcpy(object, head, sizeof head);
    memcpy(object + 8 + n, "\x71\x01\x00\xfe", 5);
    o->object = object;
    o->object_len = n + 13;
    o->object_tag = 0x5fc105;
}

static int print_certificate(const char *kind)
{
    size_t n;
    const uint8_t *p = sim_piv_certificate(strcmp(kind, "ec") ? SIM_RSA2048A : SIM_P384A, &n);
    return fwrite(p, 1, n, stdout) != n;
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
        else if (!strncmp(a, "9a=", 3)) load_9a(&o, a + 3);
        else { fprintf(stderr, "vpcd: what is %s?\n", a); exit(2); }
    }
    return o;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--certificate")) return print_certificate(argv[2]);
    if (argc < 3) return fprintf(stderr, "vpcd PORT DIR [option...]\n"), 2;
    int port = atoi(argv[1]), s;
    struct sim_piv_options o = options(argc - 3, argv + 3);
    dir = argv[2];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    cards[0] = sim_piv_new(&o);
    o.second = !o.second;
    o.object = NULL;
    cards[1] = sim_piv_new(&o);
    note("count", 0);
    s = plug_in(port);
    for (;;) {
        struct pollfd p = { s, POLLIN, 0 };
        if (poll(&p, s >= 0, 20) > 0 && !serve(s)) {
            pull_out(&s);               // pcscd closed it, or is gone
            usleep(50000);
            s = plug_in(port);
        }
        if (told("other")) sim_piv_select_other(cards[which]);
        if (told("remove")) pull_out(&s);
        if (told("swap")) {
            pull_out(&s);
            usleep(1000000);            // shorter, and pcscd may not notice
            which = !which;
            s = plug_in(port);
        }
        if (told("insert") && s < 0) s = plug_in(port);
    }
}
