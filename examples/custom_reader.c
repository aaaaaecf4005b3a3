// custom_reader.c: a reader of your own, without pcscd: cards come over TCP. custom PORT
// cc custom_reader.c ../scard11.c -I.. -DSCARD11_READER=2 -lmbedcrypto -lz -pthread -o custom
// SPDX-License-Identifier: 0BSD
//
// It waits for a card on 127.0.0.1:PORT and shows it. There is one reader, which has one card at a
// time: a TCP connection is a card. The protocol is that of vpcd. Each frame begins with its length
// in two bytes. A frame of one byte is power off (00), power on (01), reset (02), or asks for the
// ATR (04). Any other frame is an APDU, and is answered by an APDU.
//
// Threads: one thread can wait for a card while another one has a command under way. The lock
// protects what both use. It is not held while a card works, because that may take long. Therefore
// a card that has left stays in memory as long as somebody is connected to it.
// Test: none, it wants a card over TCP, which tests/programs/custom_reader_threads.c has
#include "scard11.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct card {
    int socket;
    bool in;                        // it is in the reader
    bool connected;                 // between scard11_reader_connect and _disconnect
};

struct context {
    bool cancelled;
};

static int listener = -1;           // cards connect here

// The lock protects what follows, and the flags of every card and context.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct card *card_in;        // the card that is in; NULL: none
static uint32_t count;              // how many cards went in or out

static int send_frame(struct card *card, const uint8_t *data, size_t n)
{
    uint8_t frame[2 + SCARD11_COMMAND_MAX];
    if (n > sizeof frame - 2) return -1;
    frame[0] = (uint8_t)(n >> 8);
    frame[1] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) frame[2 + i] = data[i];
    return send(card->socket, frame, n + 2, MSG_NOSIGNAL) == (ssize_t)(n + 2) ? 0 : -1;
}

static int receive_frame(struct card *card, uint8_t *data, size_t *n)
{
    uint8_t head[2];
    if (recv(card->socket, head, 2, MSG_WAITALL) != 2) return -1;
    size_t length = (size_t)head[0] << 8 | head[1];
    if (length > *n || recv(card->socket, data, length, MSG_WAITALL) != (ssize_t)length) return -1;
    *n = length;
    return 0;
}

// Frees a card that has left and that nobody is connected to. The caller holds the lock.
static void let_go(struct card *card)
{
    if (card->in || card->connected) return;
    close(card->socket);
    free(card);
}

// Tells whether the card has closed its connection. If an answer waits to be read, it has not.
static bool has_left(struct card *card)
{
    uint8_t byte;
    ssize_t n = recv(card->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

// Returns a card that waits to come in, or NULL if there is none.
static struct card *take_in(void)
{
    struct pollfd come = { listener, POLLIN, 0 };
    if (poll(&come, 1, 0) != 1) return NULL;
    int connection = accept(listener, NULL, NULL);
    struct card *card = connection >= 0 ? calloc(1, sizeof *card) : NULL;
    if (!card && connection >= 0) close(connection);
    if (!card) return NULL;
    card->socket = connection;
    card->in = true;
    send_frame(card, (const uint8_t *)"\1", 1);
    return card;
}

// Looks whether the card has left or one has come. Returns the state. The caller holds the lock.
static uint32_t look(void)
{
    if (card_in && has_left(card_in)) {
        card_in->in = false;
        let_go(card_in);
        card_in = NULL;
        count++;
    }
    if (!card_in && (card_in = take_in()) != NULL) count++;
    return count << 16 | SCARD11_READER_COUNTED | (card_in ? SCARD11_READER_PRESENT : 0);
}

int scard11_reader_start(void **context)
{
    *context = calloc(1, sizeof(struct context));
    return *context ? SCARD11_READER_OK : SCARD11_READER_DOWN;
}

void scard11_reader_stop(void *context)
{
    free(context);
}

void scard11_reader_cancel(void *context)
{
    struct context *waiter = context;
    pthread_mutex_lock(&lock);
    waiter->cancelled = true;
    pthread_mutex_unlock(&lock);
}

int scard11_reader_list(void *context, char *names, size_t *len)
{
    static const char list[] = "TCP reader\0";      // one name, and the end of the list
    (void)context;
    if (*len >= sizeof list) memcpy(names, list, sizeof list);
    else if (*len) *names = 0;
    *len = sizeof list;
    return SCARD11_READER_OK;
}

int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms)
{
    struct context *waiter = context;
    for (uint32_t left = timeout_ms; ; left--) {
        pthread_mutex_lock(&lock);
        uint32_t state = look();
        bool changed = false, cancelled = waiter->cancelled;
        waiter->cancelled = false;
        pthread_mutex_unlock(&lock);
        for (size_t i = 0; i < n; i++) changed |= (readers[i].state = state) != readers[i].known;
        if (changed || !timeout_ms) return SCARD11_READER_OK;
        if (cancelled) return SCARD11_READER_CANCELLED;
        if (!left) return SCARD11_READER_TIMEOUT;
        poll(NULL, 0, 1);
    }
}

void scard11_reader_disconnect(void *conn, int reset)
{
    struct card *card = conn;
    if (reset) send_frame(card, (const uint8_t *)"\2", 1);
    pthread_mutex_lock(&lock);
    card->connected = false;
    let_go(card);
    pthread_mutex_unlock(&lock);
}

int scard11_reader_connect(void **conn, const char *name, unsigned how,
                           struct scard11_reader_card *info)
{
    (void)name;
    bool old = *conn != NULL;
    pthread_mutex_lock(&lock);
    struct card *card = old ? *conn : card_in;
    if (card) card->connected = true;
    pthread_mutex_unlock(&lock);
    if (!card) return SCARD11_READER_REMOVED;

    info->atr_len = sizeof info->atr;
    info->protocol = 1;
    info->max_data = 0;
    bool reset = old && how & SCARD11_READER_RESET_CARD;
    if ((reset && send_frame(card, (const uint8_t *)"\2", 1)) ||
        send_frame(card, (const uint8_t *)"\4", 1) ||
        receive_frame(card, info->atr, &info->atr_len)) {
        if (!old) scard11_reader_disconnect(card, 0);
        return SCARD11_READER_REMOVED;
    }
    *conn = card;
    return SCARD11_READER_OK;
}

int scard11_reader_status(void *conn, uint32_t *state)
{
    pthread_mutex_lock(&lock);
    *state = look();
    bool there = conn == card_in;
    pthread_mutex_unlock(&lock);
    return there ? SCARD11_READER_OK : SCARD11_READER_REMOVED;
}

// No other program reaches the card, so a transaction needs nothing.
int scard11_reader_begin(void *conn)         { (void)conn; return SCARD11_READER_OK; }
int scard11_reader_end(void *conn)           { (void)conn; return SCARD11_READER_OK; }

int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len)
{
    if (send_frame(conn, cmd, cmd_len) || receive_frame(conn, rsp, rsp_len))
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
    CK_RV finalized = C_Finalize(NULL);
    if (rv == CKR_OK) rv = finalized;
    if (rv != CKR_OK) printf("error %08lx\n", rv);
    return rv != CKR_OK;
}
