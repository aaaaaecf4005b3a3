// bench_unpad.c: does taking off a padding take as long whatever is wrong with it? Two kinds of malformed
// blocks in random order, Welch's t-test on the time of each (Reparaz, Balasch, Verbauwhede: dudect,
// 2017); |t| above 4.5, again and again, is a leak. Times are the thread's own: a busy machine adds
// noise, not a difference. SPDX-License-Identifier: 0BSD
#define _POSIX_C_SOURCE 200809L
#include "../../scard11.c"

#define ROUNDS 40000
#define BLOCK  256

static u8 __attribute__((aligned(16))) memory[65536];
static u8 blocks[2][BLOCK];

static u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static st open_block(bool oaep, bytes block, u8 *to)
{
    struct buf out = buf_on(to, BLOCK);
    const struct alg_hash *h = alg_hash_find(CKM_SHA256);
    struct alg_use use = { .type = ALG_RSA, .scheme = ALG_OAEP, .hash = h, .mgf = h };
    struct scratch s = scratch_on(memory, sizeof memory);
    return oaep ? padding_oaep_open(&use, BYTES_NONE, block, s, &out) : padding_pkcs1_open(block, &out);
}

static int compare(const char *what, bool oaep)
{
    double n[2] = { 0, 0 }, mean[2] = { 0, 0 }, m2[2] = { 0, 0 };
    u8 block[BLOCK], to[BLOCK];
    u32 random = 1;
    for (u32 i = 0; i < ROUNDS; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned class = random >> 31;
        memcpy(block, blocks[class], BLOCK);            // the same memory for both
        u64 begun = now_ns();
        st s = open_block(oaep, bytes_of(block, BLOCK), to);
        double took = (double)(now_ns() - begun);
        if (s != ST_CIPHER_DATA) { printf("%s: not the one error\n", what); return 1; }
        if (i < 100 || took > 100000) continue;         // cold, or interrupted
        double d = took - mean[class];
        mean[class] += d / ++n[class];
        m2[class] += d * (took - mean[class]);
    }
    double v = m2[0] / (n[0] - 1) / n[0] + m2[1] / (n[1] - 1) / n[1], d = mean[0] - mean[1];
    // t * t against 4.5 * 4.5: no square root, no libm
    printf("%-44s %7.0f ns, %7.0f ns, t^2 %6.2f (20.25 is the bound)\n", what, mean[0], mean[1], d * d / v);
    return 0;
}

int main(void)
{
    int bad = 0;
    for (int c = 0; c < 2; c++) memset(blocks[c], 0x5a, BLOCK);
    blocks[0][0] = blocks[1][0] = 0;
    blocks[0][1] = 2, blocks[1][1] = 1;                 // no zero; another block type, zero at the end
    blocks[1][BLOCK - 1] = 0;
    bad |= compare("PKCS #1: no zero, or a wrong type", false);
    blocks[1][1] = 2, blocks[1][BLOCK - 1] = 0x5a, blocks[1][4] = 0;
    bad |= compare("PKCS #1: no zero, or one too early", false);
    memset(blocks[1], 0x5a, BLOCK);                     // not even 00 02
    bad |= compare("PKCS #1: no zero, or random", false);
    memset(blocks[0], 0x5a, BLOCK), memset(blocks[1], 0x5a, BLOCK);
    blocks[0][0] = 0;                                   // Manger's: is the first byte 00?
    bad |= compare("OAEP: first byte 00, or not", true);
    return bad;
}
