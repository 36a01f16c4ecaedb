/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record with a tail, for another process: it grows in one block, and what it points to is an offset from its start,
 * 0 for absent. Life: {.base, .cap, .used = size of the head} -> record_put() -> .failed is asked once -> .base, .used.
 */
#ifndef MOAT_BASE_RECORD_H
#define MOAT_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct record_builder {
    char *base; /* zeroed */
    uint32_t used, cap;
    bool failed; /* something did not fit */
};

/* A copy, aligned to 8 bytes. Its offset; 0 when it does not fit. */
static inline uint32_t record_put(struct record_builder *b, const void *data, size_t len)
{
    uint32_t at = (b->used + 7) & ~7u;

    if (b->failed || at > b->cap || len > b->cap - at) {
        b->failed = true;
        return 0;
    }
    if (len)
        memcpy(b->base + at, data, len);
    b->used = at + (uint32_t)len;
    return at;
}

static inline uint32_t record_put_string(struct record_builder *b, const char *s)
{
    return record_put(b, s, strlen(s) + 1);
}

#endif
