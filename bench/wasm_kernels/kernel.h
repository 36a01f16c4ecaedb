/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel is one file without a library: run() does one piece of work, about a millisecond of native code, and gives a
 * checksum that is the same wherever it runs. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORT __attribute__((export_name("run")))
#else
#define EXPORT __attribute__((noinline))
#endif

EXPORT uint64_t run(void);

/* A generator of numbers, the same everywhere (xorshift). */
static inline uint32_t next_number(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

#endif
