/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of files in memory: pages of the platform's memory objects, counted against the superblock's limit.
 * A page that is not there reads as zero. Constant contents (inode->bytes) are read where they lie. inode->size is the
 * end; pages behind it do not exist, and the rest of the last page is zero.
 */
#include "linux/fs/internal.h"

#include <string.h>

#define PAGE_MASK (PAGE_SIZE - 1)

static const struct memobj_ops *pages(void)
{
    return &platform.memobj;
}

int object_make(struct inode *i)
{
    if (!i->object)
        i->object = pages()->create();
    return i->object ? 0 : -ENOMEM;
}

static void count_less(struct inode *i, int64_t n)
{
    uint64_t blocks = (uint64_t)n * (PAGE_SIZE / 512), bytes = (uint64_t)n * PAGE_SIZE;
    i->blocks -= blocks < i->blocks ? blocks : i->blocks;
    i->sb->used_bytes -= bytes < i->sb->used_bytes ? bytes : i->sb->used_bytes;
}

void object_free(struct inode *i)
{
    if (!i->object || i->bytes)
        return;
    pages()->destroy(i->object);
    i->object = NULL;
    count_less(i, (int64_t)(i->blocks / (PAGE_SIZE / 512)));
}

int object_discard(struct inode *i, uint64_t from, uint64_t to)
{
    int64_t n = i->object ? pages()->discard(i->object, from, to) : 0;
    if (n < 0)
        return (int)n;
    count_less(i, n);
    return 0;
}

int object_resize(struct inode *i, uint64_t n)
{
    int r = n < i->size ? object_discard(i, n, (i->size + PAGE_MASK) & ~PAGE_MASK) : 0;
    if (!r)
        i->size = n;
    return r;
}

/* ---- reading ---- */

static int64_t read_pages(struct inode *i, struct uio *u, uint64_t pos, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t in = pos & PAGE_MASK, piece = PAGE_SIZE - in < n - done ? PAGE_SIZE - in : n - done;
        uint64_t page = pos >> PAGE_SHIFT;
        const uint8_t *p = i->object ? pages()->get(i->object, page, false) : NULL;
        int64_t r = p ? uio_put(u, p + in, piece) : uio_put_zero(u, piece);
        if (p)
            pages()->put(i->object, page, false);
        if (r < 0)
            return done ? (int64_t)done : r;
        done += (size_t)r;
        pos += (size_t)r;
        if ((size_t)r < piece)
            break;
    }
    return (int64_t)done;
}

int64_t object_read(struct inode *i, struct uio *u, uint64_t pos)
{
    if (pos >= i->size)
        return 0;
    size_t n = u->left < i->size - pos ? u->left : i->size - pos;
    return i->bytes ? uio_put(u, (const uint8_t *)i->bytes + pos, n) : read_pages(i, u, pos, n);
}

/* ---- writing ---- */

/* The page, made if it has to be. NULL with *error. */
static uint8_t *page_for_write(struct inode *i, uint64_t page, int *error)
{
    uint8_t *p = pages()->get(i->object, page, false);
    if (p)
        return p;
    *error = inode_grow_room(i, 1);
    if (*error)
        return NULL;
    p = pages()->get(i->object, page, true);
    if (!p) {
        count_less(i, 1);
        *error = -ENOSPC;
    }
    return p;
}

int64_t object_write(struct inode *i, struct uio *u, uint64_t pos)
{
    size_t n = u->left, done = 0;
    int error = object_make(i);
    if (pos > FILE_SIZE_MAX || n > FILE_SIZE_MAX - pos)
        return -EFBIG;
    while (!error && done < n) {
        size_t in = pos & PAGE_MASK, piece = PAGE_SIZE - in < n - done ? PAGE_SIZE - in : n - done;
        uint8_t *p = page_for_write(i, pos >> PAGE_SHIFT, &error);
        if (!p)
            break;
        int64_t r = uio_get(u, p + in, piece);
        pages()->put(i->object, pos >> PAGE_SHIFT, true);
        if (r < 0) {
            error = (int)r;
            break;
        }
        done += (size_t)r;
        pos += (size_t)r;
        if (pos > i->size)
            i->size = pos;
        if ((size_t)r < piece)
            break;
    }
    return done ? (int64_t)done : error;
}

int object_reserve(struct inode *i, uint64_t from, uint64_t to)
{
    int error = object_make(i);
    for (uint64_t page = from >> PAGE_SHIFT; !error && page <= (to - 1) >> PAGE_SHIFT; page++)
        if (page_for_write(i, page, &error))
            pages()->put(i->object, page, true);
    return error;
}

/* ---- holes ---- */

uint64_t object_next_data(struct inode *i, uint64_t pos)
{
    if (i->bytes)
        return pos;
    uint64_t page = i->object ? pages()->next(i->object, pos >> PAGE_SHIFT) : UINT64_MAX;
    if (page > FILE_SIZE_MAX >> PAGE_SHIFT || page << PAGE_SHIFT >= i->size)
        return i->size;
    return page << PAGE_SHIFT > pos ? page << PAGE_SHIFT : pos;
}

uint64_t object_next_hole(struct inode *i, uint64_t pos)
{
    uint64_t page = pos >> PAGE_SHIFT;
    if (i->bytes)
        return i->size;
    while (page << PAGE_SHIFT < i->size && i->object && pages()->next(i->object, page) == page)
        page++;
    uint64_t hole = page << PAGE_SHIFT > pos ? page << PAGE_SHIFT : pos;
    return hole < i->size ? hole : i->size;
}
