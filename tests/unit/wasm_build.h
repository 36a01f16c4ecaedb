/* SPDX-License-Identifier: Apache-2.0 */
/* Modules made by hand in tests: bytes appended to a buffer, sections and bodies with their sizes put before them. */
#ifndef MOAT_TESTS_WASM_BUILD_H
#define MOAT_TESTS_WASM_BUILD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *p;
    size_t n, room;
};

static inline void put(struct bytes *b, const void *more, size_t n)
{
    if (b->n + n > b->room) {
        b->room = (b->n + n) * 2 + 64;
        b->p = realloc(b->p, b->room);
        if (!b->p)
            abort();
    }
    if (n)
        memcpy(b->p + b->n, more, n);
    b->n += n;
}

static inline void put_u8(struct bytes *b, unsigned byte)
{
    uint8_t one = (uint8_t)byte;

    put(b, &one, 1);
}

static inline void put_u32(struct bytes *b, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_u8(b, (value & 0x7f) | 0x80);
    put_u8(b, value);
}

/* Bytes in text: "01 60 00 00"; blanks are for the reader. */
static inline void put_hex(struct bytes *b, const char *hex)
{
    unsigned byte;
    int used;

    for (; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used)
        put_u8(b, byte);
}

/* Moves what `part` has behind a section's id and size, or a body's size (id < 0), and empties it. */
static inline void put_part(struct bytes *b, int id, struct bytes *part)
{
    if (id >= 0)
        put_u8(b, (unsigned)id);
    put_u32(b, (uint32_t)part->n);
    put(b, part->p, part->n);
    part->n = 0;
}

static inline void put_header(struct bytes *b)
{
    put(b, "\0asm\1\0\0\0", 8);
}

static inline void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

#endif
