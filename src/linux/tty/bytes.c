/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of bytes of a fixed size. Pure but for the heap. */
#include "linux/tty/internal.h"

#include <string.h>

int bytes_make(struct tty_bytes *b, uint32_t size)
{
    *b = (struct tty_bytes){.bytes = heap_alloc(size), .size = size};
    return b->bytes ? 0 : -ENOMEM;
}

void bytes_free(struct tty_bytes *b)
{
    if (b->bytes)
        heap_release(b->bytes, b->size);
    b->bytes = NULL;
}

static uint32_t to_end(const struct tty_bytes *b, uint32_t at, uint32_t n)
{
    return b->size - at < n ? b->size - at : n;
}

uint32_t bytes_put(struct tty_bytes *b, const uint8_t *from, uint32_t n)
{
    uint32_t end = (b->at + b->used) & (b->size - 1);
    if (n > bytes_room(b))
        n = bytes_room(b);
    uint32_t first = to_end(b, end, n);
    memcpy(b->bytes + end, from, first);
    memcpy(b->bytes, from + first, n - first);
    b->used += n;
    return n;
}

uint32_t bytes_look(const struct tty_bytes *b, uint8_t *to, uint32_t n)
{
    if (n > b->used)
        n = b->used;
    uint32_t first = to_end(b, b->at, n);
    memcpy(to, b->bytes + b->at, first);
    memcpy(to + first, b->bytes, n - first);
    return n;
}

void bytes_drop(struct tty_bytes *b, uint32_t n)
{
    b->at = (b->at + n) & (b->size - 1);
    b->used -= n;
}
