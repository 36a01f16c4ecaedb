/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared buffers, host side: sealed memory that both sides map, for what is too large to be copied twice. The numbers
 * by which requests name them are given here; what a target says about places in them is checked against our own size.
 */
#include "libmoat/target.h"

#include "libmoat/memory.h"

#include <errno.h>
#include <stdlib.h>

#define BUFFER_BYTES_MAX ((size_t)1 << 40)

int moat_buffer_create(size_t size, uint32_t mode, struct moat_buffer **buffer, struct moat_error *error)
{
    struct moat_buffer *b = calloc(1, sizeof *b);
    struct err err;
    int r;

    if (!b)
        r = err_sys(&err, -ENOMEM, "memory for a buffer");
    else if (size == 0 || size > BUFFER_BYTES_MAX || mode > MOAT_BUFFER_READ)
        r = err_set(&err, -EINVAL,
                    "a shared buffer of %zu bytes in mode %u: 1 byte to 1 TiB, and see enum "
                    "moat_buffer_mode",
                    size, mode);
    else
        r = memory_create("moat-buffer", size, mode == MOAT_BUFFER_READ, &b->fd, &b->memory, &err);
    if (r < 0) {
        free(b);
        return api_result(r, &err, error);
    }
    b->size = size;
    b->mode = mode;
    *buffer = b;
    return 0;
}

void moat_buffer_free(struct moat_buffer *b)
{
    if (!b)
        return;
    if (b->target)
        moat_buffer_unshare(b, NULL); /* a target that cannot is dead, or will be */
    memory_unmap(b->memory, b->size);
    cleanup_fd(&b->fd);
    free(b);
}

int buffer_send(struct moat_buffer *b, struct err *err)
{
    struct wire_buffer w = {.id = b->id, .writable = b->mode == MOAT_BUFFER_WRITTEN, .size = b->size};

    return call_own(b->target, WIRE_BUFFER_MAP, &w, sizeof w, &b->fd, err);
}

int moat_buffer_share(struct moat_buffer *b, struct moat_target *t, uint32_t *id, struct moat_error *error)
{
    uint64_t used = 0;
    struct err err;
    int r;

    if (b->target)
        return api_result(err_set(&err, -EBUSY, "the buffer is shared already: unshare it first"), &err, error);
    for (const struct moat_buffer *o = t->buffers; o; o = o->next)
        used |= (uint64_t)1 << o->id;
    if (used == ~(uint64_t)0)
        return api_result(err_set(&err, -ENOSPC, "a target can have %d shared buffers", WIRE_BUFFERS), &err, error);
    b->id = (uint32_t)__builtin_ctzll(~used);
    b->target = t;
    r = buffer_send(b, &err);
    if (r < 0) {
        b->target = NULL;
        return api_result(r, &err, error);
    }
    b->next = t->buffers;
    t->buffers = b;
    *id = b->id;
    return 0;
}

int moat_buffer_unshare(struct moat_buffer *b, struct moat_error *error)
{
    struct wire_buffer w = {.id = b->id, .size = b->size};
    struct moat_target *t = b->target;
    struct err err;
    int r = 0;

    if (!t)
        return 0;
    for (struct moat_buffer **p = &t->buffers; *p; p = &(*p)->next)
        if (*p == b) {
            *p = b->next;
            break;
        }
    b->target = NULL;
    b->next = NULL;
    if (t->alive)
        r = call_own(t, WIRE_BUFFER_UNMAP, &w, sizeof w, NULL, &err);
    return api_result(r, &err, error);
}

void *moat_buffer_memory(struct moat_buffer *b)
{
    return b->memory;
}

size_t moat_buffer_size(const struct moat_buffer *b)
{
    return b->size;
}

int moat_buffer_read(const struct moat_buffer *b, moat_tainted_offset from, void *to, size_t n)
{
    size_t at;
    int r = moat_untaint_offset(from, n, b->size, &at);

    if (r == 0 && n)
        memcpy(to, (const unsigned char *)b->memory + at, n);
    return r;
}
