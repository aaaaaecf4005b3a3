// world.h: what the scenarios move: readers, cards, the service, other programs. One set of functions,
// three surroundings. SPDX-License-Identifier: 0BSD
//
//     WORLD_SIM       in process, the custom reader (sim_reader.h)
//     WORLD_PCSC      in process, a stand-in for libpcsclite over the same readers (pcsc_stand_in.h)
//     WORLD_PCSCD     through a real pcscd with two virtual readers (world_pcscd.h)
//
// Readers are 0 and 1. What is said here is shown by PC/SC when the function returns.
#ifndef WORLD_H
#define WORLD_H

#define WORLD_SIM   1
#define WORLD_PCSC  2
#define WORLD_PCSCD 4

#if defined(WORLD_IS_PCSCD)
#define WORLD WORLD_PCSCD
#include "../pcsc/world_pcscd.h"
#else

#include "scene.h"
#if SCARD11_READER == SCARD11_READER_PCSC
#include "../pcsc/pcsc_stand_in.h"
#define WORLD WORLD_PCSC
#else
#define WORLD WORLD_SIM
#endif

static inline void world_clear(void)
{
    sim_reader_clear();
#if WORLD == WORLD_PCSC
    pcsc_clear();
#endif
}

static inline void world_add(int reader)
{
    if (sim_reader_add(reader ? "World 1" : "World 0") != reader) abort();
}

static inline void world_insert(int reader, struct sim_card *card) { sim_reader_insert(reader, card); }
static inline void world_eject(int reader)                         { sim_reader_eject(reader); }
static inline void world_swap(int reader, struct sim_card *card)   { sim_reader_swap(reader, card); }
static inline void world_reset(int reader)                         { sim_reader_reset(reader); }
static inline void world_unplug(int reader)                        { sim_reader_unplug(reader); }
static inline void world_plug(int reader)                          { sim_reader_plug(reader); }
static inline void world_service(bool up)                          { sim_reader_service(up); }
static inline void world_busy(int reader, bool on)                 { sim_reader_busy(reader, on); }
static inline void world_hold(int reader, bool on)                 { sim_reader_hold(reader, on ? -1 : 0); }
static inline bool world_await_waiting(unsigned n)                 { return sim_reader_await_waiting(n, 10000); }
static inline void world_fail(int reader, unsigned n)              { (void)reader; sim_reader_fault(SIM_ANSWER_6F00, n, NULL); }
static inline void world_lose_cancels(bool on)                     { sim_reader_lose_cancels(on); }
static inline unsigned long world_commands(void)                   { return sim_reader_stats().transmits; }

// Nothing is open, nothing was used wrongly. Called after C_Finalize.
static inline bool world_is_clean(void)
{
    struct sim_reader_stats s = sim_reader_stats();
    bool clean = !(s.connections + s.contexts + s.unbalanced + s.outside + s.after_removed);
    if (!clean) printf("%lu connections, %lu contexts, %lu unbalanced, %lu outside, %lu after removal\n",
                       s.connections, s.contexts, s.unbalanced, s.outside, s.after_removed);
#if WORLD == WORLD_PCSC
    struct pcsc_stats p = pcsc_stats();
    if (p.contexts + p.cards + p.stale + p.after_failed + p.left + p.foreign) {
        printf("%lu contexts, %lu cards, %lu stale, %lu after failure, %lu left, %lu foreign\n", p.contexts,
               p.cards, p.stale, p.after_failed, p.left, p.foreign);
        clean = false;
    }
#endif
    return clean;
}

#endif
#endif
