// wire.h: what goes over the wire to a card in pcscd's virtual reader, counted in a file that all who measure
// map: the card (vpcd.c), libpcsclite's place (bench_pcsc.c), the program (bench_peer.c).
// SPDX-License-Identifier: 0BSD
#ifndef WIRE_H
#define WIRE_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct wire {
    volatile uint64_t commands, sent, received;     // APDUs, and their bytes, to the card and from it
    volatile uint64_t calls;            // of functions of PC/SC, by whoever sits in its place
    volatile uint64_t inserted_ns;      // when the card was put in
    volatile uint32_t delay_us;         // what the card takes for each command besides
};

static struct wire *wire;               // NULL: nobody measures

static inline uint64_t wire_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline struct wire *wire_open(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    void *at = mmap(NULL, sizeof(struct wire), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return at == MAP_FAILED ? NULL : at;
}

// The file is there, with room, before the card is.
static inline void wire_map(const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/wire", dir);
    wire = wire_open(path);
}

static inline void wire_count(size_t sent, size_t received)
{
    wire->commands++;
    wire->sent += sent;
    wire->received += received;
    if (wire->delay_us) usleep(wire->delay_us);
}

#endif
