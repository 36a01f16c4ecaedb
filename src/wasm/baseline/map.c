/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions: which instruction of the module a piece of code belongs to. For each function a run of pairs of LEB128
 * numbers: how far the code is from the pair before (from the function's start at first), and how far the offset in the
 * module is, zigzag (from the body's first opcode at first). Two bytes a pair, mostly. Only read after a trap.
 */
#include "wasm/baseline/code.h"
#include "wasm/baseline/internal.h"

#include <errno.h>
#include <stdlib.h>

static uint8_t *put(uint8_t *p, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

void map_note_long(struct compiler *c, uint32_t at, uint32_t offset)
{
    int32_t source = (int32_t)(offset - c->map_offset);
    uint8_t *p = put(c->map + c->n_map, at - c->map_at);

    p = put(p, (uint32_t)source << 1 ^ (uint32_t)(source >> 31));
    c->n_map = (size_t)(p - c->map);
    c->map_at = at;
    c->map_offset = offset;
}

void map_reserve(struct compiler *c, size_t n)
{
    if (c->n_map + n <= c->cap_map)
        return;
    size_t cap = 2 * (c->cap_map + n);
    uint8_t *more = realloc(c->map, cap);

    if (!more) {
        c->failed = -ENOMEM;
        c->n_map = 0;
        return;
    }
    c->map = more;
    c->cap_map = cap;
}

static uint32_t get(const uint8_t **p, const uint8_t *end)
{
    uint32_t v = 0;

    for (unsigned shift = 0; *p < end && shift < 32; shift += 7) {
        uint8_t byte = *(*p)++;

        v |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return v;
}

uint32_t map_find(const uint8_t *map, size_t size, uint32_t start, uint32_t first, uint32_t at)
{
    const uint8_t *p = map, *end = map + size;
    uint32_t code = start, offset = first, found = 0;

    while (p < end) {
        code += get(&p, end);
        uint32_t source = get(&p, end);
        offset += source >> 1 ^ -(source & 1);
        if (code > at)
            break;
        found = offset;
    }
    return found;
}
