// libcacard.c: puts libcacard's card, a CAC in software over an NSS database, into a virtual reader
// of pcscd (vpcd, on 127.0.0.1). SPDX-License-Identifier: 0BSD
//
//     libcacard PORT DIR DATABASE      DATABASE: a directory by certutil, with certificates cert1
//                                      to cert3 and their keys; the PIN is its password
//
// It is the one CAC that this project did not write. DIR/remove and DIR/insert, which it removes
// when it has done it, take the card out and put it in; it writes DIR/count (commands answered),
// and DIR/in while the card is in.
#define _GNU_SOURCE
#include "vpcd_dir.h"
#include <libcacard.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static VReader *slot;           // libcacard's own reader

// ---- The card ----

static void power_on(struct sim_card *card)
{
    int n = sizeof card->atr;
    vreader_power_off(slot);
    if (vreader_power_on(slot, card->atr, &n) != VREADER_OK) n = 0;
    card->atr_len = (size_t)n;
}

static size_t transmit(struct sim_card *card, const uint8_t *cmd, size_t n, uint8_t *rsp,
                       size_t room)
{
    uint8_t copy[65544];
    int got = room > 65538 ? 65538 : (int)room;
    memcpy(copy, cmd, n);           // libcacard wants to be able to write there
    card->apdus++;
    if (vreader_xfr_bytes(slot, copy, (int)n, rsp, &got) == VREADER_OK && got >= 2)
        return (size_t)got;
    memcpy(rsp, "\x6f\x00", 2);
    return 2;
}

static bool find_card(struct sim_card *card, const char *database)
{
    char options[1024];
    snprintf(options, sizeof options,
             "use_hw=no db=\"sql:%s\" soft=(,Virtual Reader,CAC,,cert1,cert2,cert3)", database);
    VCardEmulOptions *parsed = vcard_emul_options(options);
    if (!parsed || vcard_emul_init(parsed) != VCARD_EMUL_OK) return false;
    slot = vreader_get_reader_by_name("Virtual Reader");
    if (!slot || vreader_card_is_present(slot) != VREADER_OK) return false;
    card->apdu = transmit;
    card->reset = power_on;
    power_on(card);
    return card->atr_len > 0;
}

// One frame. false: pcscd closed the connection.
static bool serve(struct sim_card *card)
{
    size_t n;
    if (!vpcd_frame(&reader, card, &n)) return false;
    if (!n) return true;
    n = card->apdu(card, reader.command, n, reader.frame + 2, 65538);
    note("count", card->apdus);
    return vpcd_answer(&reader, n);
}

int main(int argc, char **argv)
{
    static struct sim_card card;
    if (argc != 4) return fprintf(stderr, "libcacard PORT DIR DATABASE\n"), 2;
    int port = atoi(argv[1]);
    dir = argv[2];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!find_card(&card, argv[3])) return fprintf(stderr, "libcacard: it has no card\n"), 2;
    note("count", 0);
    plug_in(port);
    for (;;) {
        struct pollfd ready = { reader.s, POLLIN, 0 };
        if (poll(&ready, reader.s >= 0, 20) > 0 && !serve(&card)) {
            pull_out(&card);        // pcscd closed it, or is gone
            usleep(50000);
            plug_in(port);
        }
        if (told("remove")) pull_out(&card);
        if (told("insert") && reader.s < 0) plug_in(port);
    }
}
