// custom_reader_threads.c: the twelve functions of examples/custom_reader.c, with a thread that looks while
// another one has a command under way. SPDX-License-Identifier: 0BSD
//
// Cards are threads here that connect to it. Built by tests/programs/examples.sh under ThreadSanitizer,
// without scard11.c: the example's main, which calls it, is left out.
#define _GNU_SOURCE
#define main custom_reader_main
#include "../../examples/custom_reader.c"
#undef main
#include <netinet/tcp.h>
#include "../test.h"

// main of the example has this one to call.
CK_RV C_Initialize(CK_VOID_PTR args)                         { (void)args; return CKR_CANCEL; }
CK_RV C_Finalize(CK_VOID_PTR args)                           { (void)args; return CKR_CANCEL; }
CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
    (void)slot; (void)info;
    return CKR_CANCEL;
}
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved)
{
    (void)flags; (void)slot; (void)reserved;
    return CKR_CANCEL;
}

#define COMMANDS 300
#define FOREVER  10000                  // ms; nothing here takes so long

static int plug(void)                   // puts a card in: its side of the connection
{
    struct sockaddr_in to;
    socklen_t n = sizeof to;
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);    // else 40 ms for each command
    if (getsockname(listener, (struct sockaddr *)&to, &n)) abort();
    if (connect(s, (struct sockaddr *)&to, n)) abort();
    return s;
}

// The card: answers its ATR, and each command with 9000, in two pieces, so that an answer is often
// there in part. It ends when the reader, or the test, closes the connection.
static void *play(void *arg)
{
    int s = *(int *)arg;
    uint8_t head[2], command[300];
    while (recv(s, head, 2, MSG_WAITALL) == 2) {
        size_t n = (size_t)head[0] << 8 | head[1];
        if (n > sizeof command || recv(s, command, n, MSG_WAITALL) != (ssize_t)n) break;
        if (n == 1 && command[0] != 4) continue;
        const char *answer = n == 1 ? "\0\2\x3b\0" : "\0\2\x90\0";
        if (send(s, answer, 3, MSG_NOSIGNAL) != 3) break;
        usleep(100);
        if (send(s, answer + 3, 1, MSG_NOSIGNAL) != 1) break;
    }
    return NULL;
}

struct looks {
    pthread_mutex_t lock;
    bool stop;
    unsigned seen, empty;               // looks; those that saw no card
};

static void *look_on(void *arg)
{
    struct looks *l = arg;
    struct scard11_reader_state state = { "TCP reader", 0, 0 };
    void *context;
    if (scard11_reader_start(&context)) abort();
    for (bool stop = false; !stop; ) {
        scard11_reader_wait(context, &state, 1, 0);
        pthread_mutex_lock(&l->lock);
        l->seen++;
        l->empty += !(state.state & SCARD11_READER_PRESENT);
        stop = l->stop;
        pthread_mutex_unlock(&l->lock);
    }
    scard11_reader_stop(context);
    return NULL;
}

static uint32_t wait_for_change(uint32_t known)
{
    struct scard11_reader_state state = { "TCP reader", known, 0 };
    void *context;
    if (scard11_reader_start(&context)) abort();
    int code = scard11_reader_wait(context, &state, 1, FOREVER);
    scard11_reader_stop(context);
    return code ? 0 : state.state;
}

static int ask(void *conn)
{
    uint8_t answer[258];
    size_t n = sizeof answer;
    int code = scard11_reader_transmit(conn, (const uint8_t *)"\0\xa4\0\0", 4, answer, &n);
    return code ? code : n == 2 && answer[0] == 0x90 ? SCARD11_READER_OK : SCARD11_READER_FAILED;
}

TEST(an_answer_under_way_is_no_removal)
{
    struct looks looks = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct scard11_reader_card info = { .atr_len = 0 };
    pthread_t looker, player;
    uint32_t state;
    void *conn = NULL;
    int s = plug(), done = 0;
    CHECK(wait_for_change(count << 16 | SCARD11_READER_COUNTED) & SCARD11_READER_PRESENT);
    pthread_create(&player, NULL, play, &s);
    pthread_create(&looker, NULL, look_on, &looks);
    int code = scard11_reader_connect(&conn, "TCP reader", 0, &info);
    while (!code && done < COMMANDS && !(code = ask(conn))) done++;
    if (!code) code = scard11_reader_status(conn, &state);
    pthread_mutex_lock(&looks.lock);
    looks.stop = true;
    pthread_mutex_unlock(&looks.lock);
    pthread_join(looker, NULL);
    if (conn) scard11_reader_disconnect(conn, 0);
    shutdown(s, SHUT_RDWR);
    pthread_join(player, NULL);
    close(s);
    CHECK_EQ(code, SCARD11_READER_OK);
    CHECK_EQ(done, COMMANDS);
    CHECK(looks.seen > COMMANDS / 10);
    CHECK_EQ(looks.empty, 0);
    CHECK_EQ(info.atr_len, 2);
}

// A removal and an insertion are two changes; the old connection stays dead with the new card in.
TEST(a_connection_is_of_one_card)
{
    struct scard11_reader_card info = { .atr_len = 0 };
    pthread_t player;
    uint32_t before = wait_for_change(0), state;
    void *old = NULL, *conn = NULL;
    int s = plug();
    before = wait_for_change(before);
    CHECK(before & SCARD11_READER_PRESENT);
    pthread_create(&player, NULL, play, &s);
    CHECK_EQ(scard11_reader_connect(&old, "TCP reader", 0, &info), SCARD11_READER_OK);
    shutdown(s, SHUT_RDWR);
    pthread_join(player, NULL);
    close(s);
    state = wait_for_change(before);
    CHECK_EQ(state, ((before >> 16) + 1) << 16 | SCARD11_READER_COUNTED);
    CHECK_EQ(scard11_reader_connect(&conn, "TCP reader", 0, &info), SCARD11_READER_REMOVED);
    CHECK(!conn);
    s = plug();
    state = wait_for_change(state);
    CHECK_EQ(state >> 16, (before >> 16) + 2);
    pthread_create(&player, NULL, play, &s);
    CHECK_EQ(scard11_reader_status(old, &state), SCARD11_READER_REMOVED);
    CHECK_EQ(ask(old), SCARD11_READER_REMOVED);
    CHECK_EQ(scard11_reader_connect(&conn, "TCP reader", 0, &info), SCARD11_READER_OK);
    CHECK_EQ(ask(conn), SCARD11_READER_OK);
    scard11_reader_disconnect(old, 1);          // is for the card that has gone
    CHECK_EQ(ask(conn), SCARD11_READER_OK);
    scard11_reader_disconnect(conn, 1);
    shutdown(s, SHUT_RDWR);
    pthread_join(player, NULL);
    close(s);
}

struct waiter {
    void *context;
    uint32_t known;
    int code;
};

static void *wait_long(void *arg)
{
    struct waiter *w = arg;
    struct scard11_reader_state state = { "TCP reader", w->known, 0 };
    w->code = scard11_reader_wait(w->context, &state, 1, FOREVER);
    return NULL;
}

TEST(a_cancel_ends_the_wait_of_its_own_context)
{
    struct waiter w[2] = { { .known = wait_for_change(0) } };
    pthread_t thread[2];
    w[1].known = w[0].known = wait_for_change(0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(scard11_reader_start(&w[i].context), SCARD11_READER_OK);
        pthread_create(&thread[i], NULL, wait_long, &w[i]);
    }
    scard11_reader_cancel(w[1].context);        // also before its wait has begun
    pthread_join(thread[1], NULL);
    CHECK_EQ(w[1].code, SCARD11_READER_CANCELLED);
    int s = plug();                             // the other one goes on
    pthread_join(thread[0], NULL);
    CHECK_EQ(w[0].code, SCARD11_READER_OK);
    close(s);
    for (int i = 0; i < 2; i++) scard11_reader_stop(w[i].context);
}

static void test_custom_reader(void)
{
    RUN(an_answer_under_way_is_no_removal);
    RUN(a_connection_is_of_one_card);
    RUN(a_cancel_ends_the_wait_of_its_own_context);
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    test_begin(argc, argv);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1))
        return perror("listen"), 1;
    SECTION(custom_reader);
    return test_end();
}
