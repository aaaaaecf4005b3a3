// counted.h: for programs that include scard11.c: its blocks of memory are counted, and the one that is
// asked for at a chosen call fails; nothing is known without a look.
// SPDX-License-Identifier: 0BSD
#ifndef COUNTED_H
#define COUNTED_H

#include <stdlib.h>
#include <string.h>

static unsigned long counted_blocks, counted_calls, counted_at;    // counted_at: the call that fails

static inline void *counted_alloc(size_t size)
{
    if (++counted_calls == counted_at) return NULL;
    counted_blocks++;
    return malloc(size);
}

static inline void counted_free(void *p, size_t size)
{
    memset(p, 0xdd, size);
    counted_blocks--;
    free(p);
}

#define SCARD11_ALLOC(size)     counted_alloc(size)
#define SCARD11_FREE(ptr, size) counted_free(ptr, size)
#define SCARD11_LOOK_MS         0       // no look is young: each call finds out by itself
#define LIFE_UNKNOWN_RETRY_MS   10      // nobody's card is tried again that soon

#endif
