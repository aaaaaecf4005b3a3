// fastpoll.c: makes pcscd fast, by LD_PRELOAD: it looks for cards each millisecond and not each 400,
// and sends its virtual readers' commands at once. With it, Debian's pcscd sees twenty insertions a
// second. SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE
#include <stdbool.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    static const struct timespec fast = { 0, 1000000 };
    bool poll = !wanted->tv_sec && wanted->tv_nsec == 400000000;
    return (int)syscall(SYS_nanosleep, poll ? &fast : wanted, left);
}

int accept(int s, struct sockaddr *from, socklen_t *len)
{
    int on = 1, got = (int)syscall(SYS_accept, s, from, len);
    if (got >= 0) setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);    // fails for others
    return got;
}
