/* SPDX-License-Identifier: Apache-2.0 */
/* The rare half of the encoder: buffers, binding of labels, padding. */
#include "codegen/x64.h"

#include <errno.h>
#include <stdlib.h>

int x64_buf_init(struct x64_buf *b, size_t size)
{
    if (size < X64_RESERVE_MAX)
        size = X64_RESERVE_MAX;
    *b = (struct x64_buf){0};
    b->start = size <= X64_BUF_MAX ? malloc(size + X64_SLACK) : NULL;
    if (!b->start)
        return -ENOMEM;
    b->at = b->start;
    b->end = b->start + size;
    return 0;
}

int x64_buf_fixed(struct x64_buf *b, void *memory, size_t size)
{
    if (size < X64_RESERVE_MAX || size > X64_BUF_MAX)
        return -EINVAL;
    *b = (struct x64_buf){.at = memory, .end = (uint8_t *)memory + size, .start = memory, .fixed = true};
    return 0;
}

void x64_buf_free(struct x64_buf *b)
{
    if (!b->fixed)
        free(b->start);
    *b = (struct x64_buf){0};
}

void x64_buf_reset(struct x64_buf *b)
{
    b->at = b->start;
    b->failed = 0;
}

/* After a failure writing begins anew at the start: the caller may go on, and there is always room. */
static void fail(struct x64_buf *b, int error)
{
    if (!b->failed)
        b->failed = error;
    b->at = b->start;
}

void x64_grow(struct x64_buf *b)
{
    size_t used = (size_t)(b->at - b->start), size = 2 * (size_t)(b->end - b->start);
    uint8_t *more;

    if (b->at > b->end) {
        fail(b, -EOVERFLOW);
        return;
    }
    if (b->failed || b->fixed) {
        fail(b, -ENOSPC);
        return;
    }
    if (size > X64_BUF_MAX) {
        fail(b, -E2BIG);
        return;
    }
    more = malloc(size + X64_SLACK);
    if (!more) {
        fail(b, -ENOMEM);
        return;
    }
    memcpy(more, b->start, used);
    free(b->start);
    b->start = more;
    b->at = more + used;
    b->end = more + size;
}

void x64_bind(struct x64_buf *b, struct x64_label *l)
{
    uint32_t here = x64_size(b), use = l->uses, next;

    l->bound = here + 1;
    l->uses = 0;
    if (b->failed) /* the list may have been overwritten */
        return;
    for (; use; use = next) {
        uint8_t *field = b->start + (use >> 3);

        memcpy(&next, field, sizeof(next));
        x64_put32(field, here - ((use >> 3) + 4 + (use & 7)));
    }
}

void x64_land(struct x64_buf *b, uint32_t from)
{
    uint32_t distance = x64_size(b) - from;

    if (b->failed)
        return;
    if (distance > INT8_MAX) {
        b->failed = -ERANGE;
        return;
    }
    b->start[from - 1] = (uint8_t)distance;
}

void x64_patch32(struct x64_buf *b, uint32_t offset, uint32_t value)
{
    if (!b->failed)
        x64_put32(b->start + offset, value);
}

void x64_patch64(struct x64_buf *b, uint32_t offset, uint64_t value)
{
    if (!b->failed)
        x64_put64(b->start + offset, value);
}

/* The forms that Intel's manual recommends under NOP (volume 2B), by their length. */
void x64_nop(struct x64_buf *b, size_t n)
{
    static const uint8_t forms[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };

    while (n) {
        size_t part = n < 9 ? n : 9;

        x64_bytes(b, forms[part - 1], part);
        n -= part;
    }
}

void x64_align(struct x64_buf *b, size_t alignment)
{
    x64_nop(b, -(size_t)x64_size(b) & (alignment - 1));
}
