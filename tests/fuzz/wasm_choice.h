/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a generator takes its decisions from: the bytes of an input, which a fuzzer changes, or a seed. Bytes that are
 * used up go on as zeros, so a generator ends soon when 0 is its plainest choice.
 */
#ifndef MOAT_TESTS_WASM_CHOICE_H
#define MOAT_TESTS_WASM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wasm_choice {
    const uint8_t *data; /* NULL: from the seed */
    size_t size;
    uint64_t state;
    uint8_t *record; /* not NULL: what was taken from the seed is written here, an input that does the same */
    size_t recorded, record_size;
};

/* splitmix64: any number in, one that looks random out. */
static inline uint64_t choice_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static inline struct wasm_choice choice_from_bytes(const uint8_t *data, size_t size)
{
    return (struct wasm_choice){.data = data, .size = size};
}

static inline struct wasm_choice choice_from_seed(uint64_t seed)
{
    return (struct wasm_choice){.state = choice_mix(seed)};
}

static inline uint64_t choice_bytes(struct wasm_choice *c, unsigned n)
{
    uint64_t value = 0;
    if (!c->data) {
        c->state += 0x9e3779b97f4a7c15;
        value = choice_mix(c->state);
        for (unsigned k = 0; k < n && c->recorded < c->record_size; k++)
            c->record[c->recorded++] = (uint8_t)(value >> (56 - 8 * k));
        return n < 8 ? value >> 8 * (8 - n) : value;
    }
    for (; n && c->size; n--, c->size--)
        value = value << 8 | *c->data++;
    return value;
}

/* Below n; 0 when n is 0. */
static inline uint32_t choice_below(struct wasm_choice *c, uint32_t n)
{
    if (n <= 1)
        return 0;
    return (uint32_t)(choice_bytes(c, n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n);
}

/* True in `of` out of `in` (at most 256); false when the bytes are used up. */
static inline bool choice_chance(struct wasm_choice *c, uint32_t of, uint32_t in)
{
    return choice_below(c, in) >= in - of;
}

#endif
