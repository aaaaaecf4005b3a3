// test.h: the harness of all test programs in C.
// SPDX-License-Identifier: 0BSD
//
//     TEST(link_collects_the_whole_response)      a case: a static function
//     {
//         CHECK(n == 2);
//         CHECK_ST(link_exchange(...), ST_OK);    both values are printed when they differ
//         CHECK_RV(C_Finalize(NULL), CKR_OK);
//         CHECK_BYTES(p, n, "6f07 8405");         spaces are skipped
//     }
//     static void test_link(void)                 a section's cases, in order
//     {
//         RUN(link_collects_the_whole_response);
//     }
//     int main(int argc, char **argv)
//     {
//         test_begin(argc, argv);                 only sections or cases of these names, or
//                                                 cases whose names begin with these words
//         SECTION(link);
//         return test_end();                      prints "N passed, N failed"; 1 if any failed
//     }
//
// A case fails once, at its first CHECK that does not hold: CHECK returns from its function. In a
// helper that a case calls, it returns from the helper: guard with `if (test_failing) return;`.
// Single-threaded: a case that starts threads lets them report through memory, and checks after it
// has joined them. TEST_AT is a file that gets a line at the begin of each case and at its end: how
// many cases passed, how many failed, and which one runs. Its last line says how far a program is
// that does not come to its end. The environment variable SEED sets test_seed, which test_begin
// prints: a test that needs chance takes it from test_any_below.
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALIGNED __attribute__((aligned(16)))     // as malloc does: room for scratch_on

static const char *test_section = "", *test_name = "";
static char **test_wanted;              // NULL: everything
static unsigned test_passed, test_failed;
static bool test_failing;               // the case that runs has failed
static bool test_not_judged;            // it cannot hold here: neither passed nor failed
static uint64_t test_seed, test_state;
static void (*test_judge)(void);        // asked after each case, whether all was well; NULL: nobody

#define TEST(name) static void case_##name(void)
#define RUN(name) test_case(#name, case_##name)
#define SECTION(name) do { test_section = #name; test_##name(); } while (0)

#define CHECK(cond) \
    do { if (!(cond)) { test_fail(__FILE__, __LINE__, "%s", #cond); return; } } while (0)
#define CHECK_EQ(got, want) CHECK_AS("%llu", unsigned long long, got, want)
#define CHECK_ST(got, want) CHECK_AS("%#llx", unsigned long long, got, want)
#define CHECK_RV(got, want) CHECK_AS("%#llx", unsigned long long, got, want)
#define CHECK_AS(format, type, got, want)                                                       \
    do {                                                                                        \
        type test_got = (type)(got), test_want = (type)(want);                                  \
        if (test_got == test_want) break;                                                       \
        test_fail(__FILE__, __LINE__, "%s is " format ", not %s (" format ")", #got, test_got,  \
                  #want, test_want);                                                            \
        return;                                                                                 \
    } while (0)
#define CHECK_BYTES(got, n, want)                                                               \
    do { if (!test_bytes(__FILE__, __LINE__, #got, (got), (n), (want))) return; } while (0)

// One line: where, which case, what.
#define test_fail(file, line, ...)                                                              \
    (test_failing = true, printf("%s:%d: %s: ", (file), (line), test_name),                     \
     printf(__VA_ARGS__), putchar('\n'), fflush(stdout))

static inline bool test_bytes(const char *file, int line, const char *what, const void *got,
                              size_t n, const char *want)
{
    const uint8_t *p = got;
    size_t i = 0;
    for (const char *w = want; ; w += *w == ' ' ? 1 : 2) {
        unsigned byte;
        if (*w == ' ') continue;
        if (!*w && i == n) return true;
        if (!*w || !w[1] || i == n || sscanf(w, "%2x", &byte) != 1 || p[i++] != byte) break;
    }
    printf("%s:%d: %s: %s is not %s but (%zu bytes) ", file, line, test_name, what, want, n);
    for (i = 0; i < n; i++) printf("%02x", p[i]);
    putchar('\n');
    test_failing = true;
    return false;
}

static inline void test_at(const char *name)
{
    const char *at = getenv("TEST_AT");
    FILE *f = at ? fopen(at, "a") : NULL;
    if (!f) return;
    fprintf(f, "%u %u %s\n", test_passed, test_failed, name);
    fclose(f);
}

// Does a name begin with these words? link_chains_what_fits: with link_chains, not with link_ch.
static inline bool test_begins(const char *name, const char *wanted)
{
    size_t n = strlen(wanted);
    return !strncmp(name, wanted, n) && (!name[n] || name[n] == '_');
}

static inline void test_case(const char *name, void (*run)(void))
{
    bool wanted = !test_wanted;
    for (char **w = test_wanted; w && *w; w++)
        wanted = wanted || test_begins(name, *w) || !strcmp(*w, test_section);
    if (!wanted) return;
    test_name = name;
    test_failing = test_not_judged = false;
    test_state = test_seed;
    test_at(name);
    run();
    if (test_judge) test_judge();
    if (test_failing) test_failed++; else if (!test_not_judged) test_passed++;
    test_at("");
}

static inline uint32_t test_any_below(uint32_t below)
{   // splitmix64; the same in each run of a SEED
    uint64_t z = test_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

static inline void test_begin(int argc, char **argv)
{
    const char *seed = getenv("SEED");
    test_wanted = argc > 1 ? argv + 1 : NULL;
    test_seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)test_seed);
    fflush(stdout);
}

static inline int test_end(void)
{
    if (!test_passed && !test_failed) printf("no such test\n"), test_failed++;
    printf("%u passed, %u failed\n", test_passed, test_failed);
    return test_failed != 0;
}

#endif
