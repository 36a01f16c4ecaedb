/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes by ChaCha20 (RFC 8439, section 2.3). The key is the host's seed once; each use ends by replacing the key
 * with output that nobody saw, so what leaks later tells nothing of what was given before.
 */
#include "linux/core/random.h"

#include "linux/core/heap.h"
#include "linux/core/panic.h"

#include <string.h>

KERNEL_STATE static struct random {
    uint32_t key[8];
    bool seeded;
} rng;

static uint32_t rotate(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

static void block(const uint32_t key[8], uint64_t counter, uint32_t out[16])
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(in + 4, key, 32);
    in[12] = (uint32_t)counter, in[13] = (uint32_t)(counter >> 32);
    memcpy(out, in, sizeof(in));
    for (int i = 0; i < 10; i++) {
        for (int c = 0; c < 4; c++)
            quarter(out, c, c + 4, c + 8, c + 12);
        for (int c = 0; c < 4; c++)
            quarter(out, c, 4 + (c + 1) % 4, 8 + (c + 2) % 4, 12 + (c + 3) % 4);
    }
    for (int i = 0; i < 16; i++)
        out[i] += in[i];
}

int random_init(void)
{
    int r = platform.host.random(rng.key, sizeof(rng.key));
    rng.seeded = r >= 0;
    return r < 0 ? r : 0;
}

/* The first half of block 0 becomes the key; its second half and the blocks behind it are given away. */
void random_bytes(void *to, size_t n)
{
    if (!rng.seeded)
        kernel_panic("random: not seeded");
    uint32_t first[16], out[16];
    block(rng.key, 0, first);
    size_t part = n < 32 ? n : 32;
    memcpy(to, first + 8, part);
    uint8_t *p = (uint8_t *)to + part;
    n -= part;
    for (uint64_t counter = 1; n; counter++) {
        part = n < sizeof(out) ? n : sizeof(out);
        block(rng.key, counter, out);
        memcpy(p, out, part);
        p += part, n -= part;
    }
    memcpy(rng.key, first, sizeof(rng.key));
    memset(first, 0, sizeof(first)), memset(out, 0, sizeof(out));
    __asm__ volatile("" : : "r"(first), "r"(out) : "memory");
}
