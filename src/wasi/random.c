/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: the kernel's, or of a generator that repeats itself (--seed): not for secrets. */
#include "wasi/program.h"

#include <sys/random.h>

#define PIECE (256u << 10) /* so that a program that asks for 4 GiB can be stopped */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill(uint64_t *state, uint8_t *to, size_t n)
{
    for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
        uint64_t word = next(state);
        memcpy(to + at, &word, n - at < sizeof word ? n - at : sizeof word);
    }
}

int wasi_random_get(struct wasi_call *c)
{
    uint32_t n = c->args[1].i32, done = 0;
    uint8_t *to = memory_span(c->memory, call_address(c, 0), n);

    if (!to)
        return -EFAULT;
    while (done < n && !wasi_interrupted(c->wasi)) {
        uint32_t piece = n - done < PIECE ? n - done : PIECE;
        ssize_t r = piece;
        if (c->wasi->seeded)
            fill(&c->wasi->random_state, to + done, piece);
        else
            r = getrandom(to + done, piece, 0);
        if (r < 0 && errno != EINTR)
            return -errno;
        done += r < 0 ? 0 : (uint32_t)r;
    }
    return 0;
}
