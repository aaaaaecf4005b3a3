// vpcd.h: the card's side of pcscd's virtual reader (vpcd): a connection is an insertion.
// SPDX-License-Identifier: 0BSD
//
// Frames both ways: length in two bytes, then that many. One byte is a control: 00 power off, 01 on,
// 02 reset, 04 what is the ATR; anything else is a command APDU.
#ifndef VPCD_H
#define VPCD_H

#include "../sim/sim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct vpcd {
    int s;                              // -1: the card is out
    uint8_t frame[2 + 65538], command[65544];
};

// false: pcscd does not listen (yet). No child may inherit the socket: it would keep the card in.
static inline bool vpcd_connect(struct vpcd *v, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    v->s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (v->s >= 0 && !connect(v->s, (struct sockaddr *)&to, sizeof to)) return true;
    if (v->s >= 0) close(v->s);
    v->s = -1;
    return false;
}

static inline bool vpcd_receive(struct vpcd *v, uint8_t *p, size_t n)
{
    int on = 1;
    while (n) {
        // else 44 ms for each command
        setsockopt(v->s, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
        ssize_t got = recv(v->s, p, n, 0);
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

// Sends n bytes that are in frame + 2.
static inline bool vpcd_answer(struct vpcd *v, size_t n)
{
    v->frame[0] = (uint8_t)(n >> 8);
    v->frame[1] = (uint8_t)n;
    return send(v->s, v->frame, n + 2, MSG_NOSIGNAL) == (ssize_t)(n + 2);
}

// One frame. *n is the length of the command that is now in v->command, 0 if it was a control,
// which is done. false: pcscd closed the connection.
static inline bool vpcd_frame(struct vpcd *v, struct sim_card *card, size_t *n)
{
    uint8_t head[2];
    if (!vpcd_receive(v, head, 2)) return false;
    *n = (size_t)head[0] << 8 | head[1];
    if (*n > sizeof v->command || !vpcd_receive(v, v->command, *n)) return false;
    if (*n != 1) return true;
    *n = 0;
    if (v->command[0] != 4) {
        card->reset(card);
        return true;
    }
    memcpy(v->frame + 2, card->atr, card->atr_len);
    return vpcd_answer(v, card->atr_len);
}

#endif
