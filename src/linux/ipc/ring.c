/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes. Pure but for the heap and the copies to and from the user. */
#include "linux/ipc/ring.h"

#include <asm/errno.h>
#include <string.h>

#define RING_FIRST 4096u

static uint32_t ring_piece(const struct ring *r, uint32_t at, uint32_t n)
{
    uint32_t to_end = r->size - at;
    return to_end < n ? to_end : n;
}

static int ring_resize(struct ring *r, uint32_t size)
{
    uint8_t *bytes = heap_alloc(size);
    if (!bytes)
        return -ENOMEM;
    if (r->used) {
        uint32_t first = ring_piece(r, r->at, r->used);
        memcpy(bytes, r->bytes + r->at, first);
        memcpy(bytes + first, r->bytes, r->used - first);
    }
    if (r->bytes)
        heap_release(r->bytes, r->size);
    r->bytes = bytes, r->size = size, r->at = 0;
    return 0;
}

/* Makes room for n more bytes, as far as the capacity goes. Without memory the ring stays as it is. */
static void ring_grow(struct ring *r, uint64_t n)
{
    uint64_t size = r->size ? r->size : RING_FIRST;
    while (size < r->capacity && size - r->used < n)
        size *= 2;
    if (size > r->capacity)
        size = r->capacity;
    if (size > r->size)
        (void)ring_resize(r, (uint32_t)size);
}

int64_t ring_put(struct ring *r, struct uio *u)
{
    int64_t done = 0;
    ring_grow(r, u->left);
    if (!r->size)
        return -ENOMEM;
    while (u->left && r->used < r->size) {
        uint32_t end = (r->at + r->used) & (r->size - 1);
        int64_t n = uio_get(u, r->bytes + end, ring_piece(r, end, r->size - r->used));
        if (n <= 0)
            return done ? done : n;
        r->used += (uint32_t)n;
        done += n;
    }
    if (!done && u->left && r->used == r->size && r->size < r->capacity)
        return -ENOMEM; /* it cannot grow, so nobody may wait for room in it that is there already */
    return done;
}

int64_t ring_look(const struct ring *r, struct uio *u, size_t most)
{
    uint32_t left = most < r->used ? (uint32_t)most : r->used, at = r->at;
    int64_t done = 0;
    while (left && u->left) {
        int64_t n = uio_put(u, r->bytes + at, ring_piece(r, at, left));
        if (n <= 0)
            return done ? done : n;
        at = (at + (uint32_t)n) & (r->size - 1);
        left -= (uint32_t)n;
        done += n;
    }
    return done;
}

int64_t ring_get(struct ring *r, struct uio *u, size_t most)
{
    int64_t n = ring_look(r, u, most);
    if (n <= 0)
        return n;
    r->used -= (uint32_t)n;
    r->at = r->used ? (r->at + (uint32_t)n) & (r->size - 1) : 0;
    return n;
}

int ring_limit(struct ring *r, uint32_t capacity)
{
    uint32_t size = RING_FIRST;
    while (size < capacity)
        size *= 2;
    if (size < r->used)
        return -EBUSY;
    if (size < r->size) {
        int e = ring_resize(r, size);
        if (e)
            return e;
    }
    r->capacity = size;
    return 0;
}

void ring_free(struct ring *r)
{
    if (r->bytes)
        heap_release(r->bytes, r->size);
    *r = (struct ring){.capacity = r->capacity};
}
