/* SPDX-License-Identifier: Apache-2.0 */
/* See cpio.h. Writes to one descriptor; knows no file system. */
#include "base/cpio.h"
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER    110
#define NAME_MOST 4095

static int flush(struct cpio *c)
{
    int r = c->n ? io_write_all(c->fd, c->buffer, c->n) : 0;

    c->n = 0;
    return r;
}

static int put(struct cpio *c, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    int r = 0;

    c->written += n;
    while (n && r == 0) {
        size_t some = sizeof c->buffer - c->n < n ? sizeof c->buffer - c->n : n;
        memcpy(c->buffer + c->n, at, some);
        c->n += some;
        at += some;
        n -= some;
        if (c->n == sizeof c->buffer)
            r = flush(c);
    }
    return r;
}

static int pad(struct cpio *c)
{
    return put(c, "\0\0", -c->written & 3);
}

static int header(struct cpio *c, const struct cpio_entry *e, uint32_t inode)
{
    char text[HEADER + 1];
    const size_t name = strlen(e->name) + 1;
    const uint32_t mtime = e->mtime < 0 ? 0 : e->mtime > UINT32_MAX ? UINT32_MAX : (uint32_t)e->mtime;
    int r;

    snprintf(text, sizeof text, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, e->mode, e->uid,
             e->gid, e->links ? e->links : 1, mtime, (uint32_t)e->bytes, 0, 0, e->major, e->minor, (uint32_t)name, 0);
    if ((r = put(c, text, HEADER)) == 0 && (r = put(c, e->name, name)) == 0)
        r = pad(c);
    return r;
}

int cpio_entry(struct cpio *c, const struct cpio_entry *e)
{
    if (c->expected)
        return -EINVAL;
    if (e->bytes > CPIO_FILE_MOST || strlen(e->name) > NAME_MOST)
        return -EFBIG;
    c->expected = e->bytes;
    return header(c, e, e->inode ? e->inode : ++c->last);
}

int cpio_bytes(struct cpio *c, const void *bytes, size_t n)
{
    if (n > c->expected)
        return -EINVAL;
    int r = put(c, bytes, n);
    c->expected -= n;
    return r == 0 && !c->expected ? pad(c) : r;
}

int cpio_end(struct cpio *c)
{
    const struct cpio_entry last = {.name = "TRAILER!!!"};
    int r = c->expected ? -EINVAL : header(c, &last, 0);

    return r == 0 ? flush(c) : r;
}

int cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *bytes, size_t n)
{
    const struct cpio_entry e = {.name = name, .mode = S_IFREG | mode, .bytes = n};
    int r = cpio_entry(c, &e);

    return r == 0 && n ? cpio_bytes(c, bytes, n) : r;
}
