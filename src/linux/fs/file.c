/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: birth and death. Opening one is in open.c, one without a name in anonymous.c. A kernel that is linked for
 * a program that only reads and writes has neither, nor inodes: there all files are bare. So what ends with a file is
 * referred to weakly.
 */
#include "linux/fs/internal.h"

HEAP_TYPE(file, FIELD(file, refs, FIELD_PLAIN), FIELD(file, flags, FIELD_PLAIN), FIELD(file, ops, FIELD_OPS),
          FIELD(file, path, FIELD_REF), FIELD(file, inode, FIELD_REF), FIELD(file, pos, FIELD_PLAIN),
          FIELD(file, own, FIELD_REF), FIELD(file, own_n, FIELD_PLAIN), FIELD(file, owner, FIELD_PLAIN),
          FIELD(file, owner_signal, FIELD_PLAIN), FIELD(file, owner_uid, FIELD_PLAIN),
          FIELD(file, owner_euid, FIELD_PLAIN), FIELD(file, async, FIELD_REF), FIELD(file, epoll_links, FIELD_LIST),
          FIELD(file, dir_pos, FIELD_PLAIN));

#pragma weak epoll_file_gone
#pragma weak lock_release
#pragma weak path_put
#pragma weak watch_file

static const struct file_ops no_ops; /* O_PATH */
static struct inode bare_inode;      /* always the same */

struct file *file_new(void)
{
    struct file *f = heap_new(&file_type);
    if (!f)
        return NULL;
    f->refs = 1;
    f->ops = &no_ops;
    list_init(&f->epoll_links);
    return f;
}

struct file *file_get(struct file *f)
{
    f->refs++;
    return f;
}

struct file *file_bare(const struct file_ops *ops, uint32_t flags, void *own)
{
    struct file *f = file_new();
    if (f) {
        f->ops = ops;
        f->flags = flags;
        f->own = own;
        bare_inode.mode = S_IFIFO | 0600;
        f->inode = &bare_inode;
    }
    return f;
}

void file_put(struct file *f)
{
    if (!f || --f->refs)
        return;
    if (epoll_file_gone && !list_empty(&f->epoll_links))
        epoll_file_gone(f);
    if (async_gone && f->async)
        async_gone(f);
    if (f->path.dentry && f->inode && !(f->flags & O_PATH)) {
        if (lock_release)
            lock_release(f);
        if (watch_file)
            watch_file(f, f->flags & O_ACCESS_ ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    }
    if (f->ops->release)
        f->ops->release(f);
    if (file_writes_contents(f) && f->inode->writers)
        f->inode->writers--;
    if (path_put)
        path_put(&f->path);
    heap_free(&file_type, f);
}

void file_cleanup(struct file **f)
{
    file_put(*f);
}

void file_changed(struct file *f, uint32_t events)
{
    struct wait_queue *q = f->ops->poll_queue ? f->ops->poll_queue(f) : NULL;
    if (q)
        wait_wake(q, events, 1 << 30);
}
