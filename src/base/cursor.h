/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over hostile bytes. Life: cursor_make() over a range -> reads, which never leave it -> one look at `fault`.
 * The first read that fails sets `fault` and `fault_at`, gives zero, and so does every read behind it; nothing is left
 * then, so that loops over what is left end. Whoever cuts a part out with cursor_part() looks at the part's own fault,
 * and at cursor_done() where all of it had to be used.
 *
 * Integers are LEB128 (DWARF 5, 7.6; WebAssembly 5.2.2): at most as many bytes as the width needs, and the bits beyond
 * the width are the sign's.
 */
#ifndef MOAT_BASE_CURSOR_H
#define MOAT_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *p, *end;
    const char *fault; /* words for a message, static; NULL: none */
    const uint8_t *fault_at;
};

static inline struct cursor cursor_make(const uint8_t *bytes, size_t size)
{
    return (struct cursor){.p = bytes, .end = bytes + size};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* All was used, and nothing failed. */
static inline bool cursor_done(const struct cursor *c)
{
    return c->p == c->end && !c->fault;
}

/* Notes a fault at a place, if it is the first; nothing is left then. */
void cursor_fail(struct cursor *c, const uint8_t *at, const char *words);

/* One integer of `bits` (1 to 64) from p: its bytes, or 0 and *fault. Signed ones are extended to 64 bits. */
unsigned leb_decode(const uint8_t *p, const uint8_t *end, unsigned bits, bool is_signed, uint64_t *out,
                    const char **fault);

uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_u32le(struct cursor *c); /* four bytes, the low one first */
uint64_t cursor_leb(struct cursor *c, unsigned bits, bool is_signed);
/* n bytes where they lie; NULL when there are not so many. */
const uint8_t *cursor_bytes(struct cursor *c, size_t n);
/* Cuts n bytes off as a cursor of their own; an empty one when there are not so many (then this one has the fault). */
struct cursor cursor_part(struct cursor *c, size_t n);

static inline uint32_t cursor_leb_u32(struct cursor *c)
{
    if (c->p < c->end && *c->p < 0x80)
        return *c->p++;
    return (uint32_t)cursor_leb(c, 32, false);
}

#endif
