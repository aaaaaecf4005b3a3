// custom_reader.c: a reader of one's own: cards come over TCP (vpcd's protocol), without pcscd.
// cc custom_reader.c ../scard11.c -I.. -DSCARD11_READER=2 -lmbedcrypto -lz -pthread -o custom
// SPDX-License-Identifier: 0BSD
//
// custom PORT: waits for a card on 127.0.0.1:PORT and shows it. The protocol: each frame has
// a length of two bytes; one byte 00, 01, 02 is power off, on, reset, 04 asks for the ATR; all else
// is an APDU and gets an APDU. One reader, one card at a time: its connection is the card.
// Test: none, it wants a card that comes over TCP: tests/e2e.sh has one
#include "scard11.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener = -1;           // cards connect here
static int card = -1;               // the one that is in
static uint32_t count;              // cards that went in or out
static int cancelled;

static int send_frame(const uint8_t *data, size_t n)
{
    uint8_t frame[2 + 4352];
    if (n > sizeof frame - 2) return -1;
    frame[0] = (uint8_t)(n >> 8);
    frame[1] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) frame[2 + i] = data[i];
    return send(card, frame, n + 2, MSG_NOSIGNAL) == (ssize_t)(n + 2) ? 0 : -1;
}

static int receive_frame(uint8_t *data, size_t *n)
{
    uint8_t head[2];
    if (recv(card, head, 2, MSG_WAITALL) != 2) return -1;
    size_t length = (size_t)head[0] << 8 | head[1];
    if (length > *n || recv(card, data, length, MSG_WAITALL) != (ssize_t)length) return -1;
    *n = length;
    return 0;
}

// Did a card come, or go? A connection that can be read without having been asked was closed.
static uint32_t look(void)
{
    struct pollfd come = { listener, POLLIN, 0 }, went = { card, POLLIN, 0 };
    if (card >= 0 && poll(&went, 1, 0) == 1) {
        close(card);
        card = -1;
        count++;
    }
    if (card < 0 && poll(&come, 1, 0) == 1 && (card = accept(listener, NULL, NULL)) >= 0) {
        count++;
        send_frame((const uint8_t *)"\1", 1);
    }
    return count << 16 | SCARD11_READER_COUNTED | (card >= 0 ? SCARD11_READER_PRESENT : 0);
}

int scard11_reader_start(void **context)     { *context = &listener; return SCARD11_READER_OK; }
void scard11_reader_stop(void *context)      { (void)context; }
void scard11_reader_cancel(void *context)    { (void)context; cancelled = 1; }
int scard11_reader_begin(void *conn)         { (void)conn; return SCARD11_READER_OK; }
int scard11_reader_end(void *conn)           { (void)conn; return SCARD11_READER_OK; }

int scard11_reader_list(void *context, char *names, size_t *len)
{
    (void)context;
    *len = (size_t)snprintf(names, *len, "TCP reader%c", 0) + 1;
    return SCARD11_READER_OK;
}

int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms)
{
    (void)context;
    uint32_t left = timeout_ms;
    for (cancelled = 0; !cancelled; poll(NULL, 0, 1)) {
        int changed = 0;
        for (size_t i = 0; i < n; i++) changed |= (readers[i].state = look()) != readers[i].known;
        if (changed || !timeout_ms) return SCARD11_READER_OK;
        if (!left--) return SCARD11_READER_TIMEOUT;
    }
    return SCARD11_READER_CANCELLED;
}

void scard11_reader_disconnect(void *conn, int reset)
{
    (void)conn;
    if (reset && card >= 0) send_frame((const uint8_t *)"\2", 1);
}

int scard11_reader_connect(void **conn, const char *name, unsigned how,
                           struct scard11_reader_card *info)
{
    (void)name;
    if (*conn && how & SCARD11_READER_RESET_CARD) scard11_reader_disconnect(*conn, 1);
    info->atr_len = sizeof info->atr;
    info->protocol = 1;
    info->max_data = 0;
    if (card < 0 || send_frame((const uint8_t *)"\4", 1) ||
        receive_frame(info->atr, &info->atr_len))
        return SCARD11_READER_REMOVED;
    *conn = &card;
    return SCARD11_READER_OK;
}

int scard11_reader_status(void *conn, uint32_t *state)
{
    (void)conn;
    *state = look();
    return *state & SCARD11_READER_PRESENT ? SCARD11_READER_OK : SCARD11_READER_REMOVED;
}

int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len)
{
    (void)conn;
    if (card < 0 || send_frame(cmd, cmd_len) || receive_frame(rsp, rsp_len))
        return SCARD11_READER_REMOVED;
    return SCARD11_READER_OK;
}

int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *out_len)
{
    (void)conn; (void)feature; (void)in; (void)in_len; (void)out; (void)out_len;
    return SCARD11_READER_REFUSED;
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CK_SLOT_ID slot;
    CK_TOKEN_INFO token;

    if (argc < 2) return printf("%s PORT\n", argv[0]), 2;
    here.sin_port = htons((uint16_t)atoi(argv[1]));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1))
        return perror("listen"), 1;
    CK_RV rv = C_Initialize(NULL);
    while (rv == CKR_OK && (rv = C_GetTokenInfo(0, &token)) == CKR_TOKEN_NOT_PRESENT)
        rv = C_WaitForSlotEvent(0, &slot, NULL);
    if (rv == CKR_OK) printf("%.32s  serial %.16s\n", token.label, token.serialNumber);
    C_Finalize(NULL);
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
