/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the overlay whose contents below are not constant memory but have to be read by calls (files of the host).
 * Until it is first written such a file reads and maps what is below; from then on it is a file in memory, and the same
 * inode. A mapping that was made before keeps what was below, as on Linux. Nothing below is ever written.
 */
#include "linux/fs/hostfs.h"
#include "linux/mm/mm.h"

#include <string.h>

#define PIECE 65536u

struct overlay_below {
    struct inode *lower; /* held */
    struct file *low;    /* it, open for reading, while opens is not 0 */
    uint32_t opens;
    bool copied; /* its contents are its own */
};

HEAP_TYPE(overlay_below, FIELD(overlay_below, lower, FIELD_REF), FIELD(overlay_below, low, FIELD_REF),
          FIELD(overlay_below, opens, FIELD_PLAIN), FIELD(overlay_below, copied, FIELD_PLAIN));

/* ---- the file below ---- */

static int low_get(struct overlay_below *b)
{
    if (b->opens++)
        return 0;
    struct file *f = file_new();
    int r = f ? 0 : -ENOMEM;
    if (f) {
        f->inode = b->lower;
        f->flags = O_RDONLY | O_NOATIME;
        r = b->lower->ops->open(b->lower, f);
    }
    if (!r) {
        b->low = f;
        return 0;
    }
    b->opens--;
    if (f) {
        static const struct file_ops none;
        f->ops = &none; /* it was never open */
        file_put(f);
    }
    return r;
}

static void low_put(struct overlay_below *b)
{
    if (--b->opens)
        return;
    file_put(b->low);
    b->low = NULL;
}

static int copy_bytes(struct inode *i, struct file *low, uint64_t keep)
{
    uint8_t *buffer = heap_alloc(PIECE);
    int64_t n = buffer ? 0 : -ENOMEM;
    for (uint64_t pos = 0, at = 0; buffer && pos < keep;) {
        struct uio u;
        uio_kernel(&u, buffer, keep - pos < PIECE ? keep - pos : PIECE);
        n = low->ops->read(low, &u, &at);
        if (n <= 0)
            break;
        uio_kernel(&u, buffer, (size_t)n);
        n = object_write(i, &u, pos);
        if (n <= 0)
            break;
        pos += (uint64_t)n, at = pos;
    }
    if (buffer)
        heap_release(buffer, PIECE);
    return n < 0 ? (int)n : 0;
}

/* From now on the contents are its own: the first `keep` bytes of what is below. */
static int copy_up(struct inode *i, uint64_t keep)
{
    struct overlay_below *b = i->own;
    uint64_t size = i->size, blocks = i->blocks;
    if (b->copied)
        return 0;
    int r = low_get(b);
    if (r)
        return r;
    i->size = i->blocks = 0;
    r = copy_bytes(i, b->low, keep);
    low_put(b);
    if (r) {
        object_free(i);
        i->size = size, i->blocks = blocks;
        return r;
    }
    if (i->size < keep) /* it has become shorter below */
        i->size = keep;
    b->copied = i->kept = true;
    return 0;
}

/* ---- open files ---- */

static bool is_below(const struct file *f)
{
    return f->own && !((const struct overlay_below *)f->inode->own)->copied;
}

static int64_t below_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct overlay_below *b = f->inode->own;
    if (!is_below(f))
        return tmpfs_open_ops.read(f, u, pos);
    int64_t n = b->low->ops->read(b->low, u, pos);
    file_touch(f);
    return n;
}

static int64_t below_write(struct file *f, struct uio *u, uint64_t *pos)
{
    int r = u->left ? copy_up(f->inode, f->inode->size) : 0;
    return r ? r : tmpfs_open_ops.write(f, u, pos);
}

static int64_t below_seek(struct file *f, int64_t offset, int whence)
{
    return is_below(f) ? vfs_seek(f, offset, whence) : tmpfs_seek(f, offset, whence);
}

static int below_map(struct file *f, struct vma *vma)
{
    struct overlay_below *b = f->inode->own;
    bool writes = vma->flags & VMA_SHARED && !(vma->flags & VMA_MAYWRITE_NOT);
    if (is_below(f) && !writes)
        return b->low->ops->map ? b->low->ops->map(b->low, vma) : -ENODEV;
    int r = copy_up(f->inode, f->inode->size);
    return r ? r : tmpfs_open_ops.map(f, vma);
}

static int below_allocate(struct file *f, int mode, uint64_t offset, uint64_t n)
{
    int r = copy_up(f->inode, f->inode->size);
    return r ? r : tmpfs_allocate(f, mode, offset, n);
}

static void below_release(struct file *f)
{
    if (f->own)
        low_put(f->inode->own);
    f->own = NULL;
}

static const struct file_ops below_open_ops = {
    .read = below_read,
    .write = below_write,
    .seek = below_seek,
    .map = below_map,
    .sync = tmpfs_sync,
    .allocate = below_allocate,
    .release = below_release,
};

static int below_open(struct inode *i, struct file *f)
{
    struct overlay_below *b = i->own;
    if (!b->copied) {
        int r = low_get(b);
        if (r)
            return r;
        f->own = b; /* this file counts in b->opens */
        i->elf = b->lower->elf;
    }
    f->ops = &below_open_ops;
    return 0;
}

/* ---- inodes ---- */

static int below_set(struct inode *i, const struct inode_change *c)
{
    int r = c->what & CHANGE_SIZE ? copy_up(i, c->size < i->size ? c->size : i->size) : 0;
    return r ? r : tmpfs_set(i, c);
}

static void below_drop(struct inode *i)
{
    struct overlay_below *b = i->own;
    inode_put(b->lower);
    heap_free(&overlay_below_type, b);
    object_free(i);
}

static int64_t text_read(struct inode *i, char *to, size_t n)
{
    n = n < i->size ? n : i->size;
    memcpy(to, i->bytes, n);
    return (int64_t)n;
}

static void text_drop(struct inode *i)
{
    heap_release(i->own, PATH_MAX_);
}

#define XATTRS .get_xattr = xattr_get, .set_xattr = xattr_set, .list_xattr = xattr_list, .remove_xattr = xattr_remove

static const struct inode_ops below_file_ops = {.open = below_open, .set = below_set, .drop = below_drop, XATTRS};
static const struct inode_ops below_link_ops = {.readlink = text_read, .set = tmpfs_set, .drop = text_drop, XATTRS};

/* A link's text is copied: it never changes. */
static int link_below(struct inode *i, struct inode *lower)
{
    char *text = lower->ops->readlink ? heap_alloc(PATH_MAX_) : NULL;
    int64_t n = text ? lower->ops->readlink(lower, text, PATH_MAX_) : -ENOMEM;
    if (n <= 0) {
        if (text)
            heap_release(text, PATH_MAX_);
        return n ? (int)n : -EIO;
    }
    i->own = text;
    i->bytes = text;
    i->size = (uint64_t)n;
    i->ops = &below_link_ops;
    return 0;
}

int overlay_below(struct inode *i, struct inode *lower)
{
    if (S_ISLNK(i->mode))
        return link_below(i, lower);
    if (!S_ISREG(i->mode))
        return 0;
    struct overlay_below *b = heap_new(&overlay_below_type);
    if (!b)
        return -ENOMEM;
    b->lower = inode_get(lower);
    i->own = b;
    i->ops = &below_file_ops;
    return 0;
}
