/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: how one comes to be over an inode, or without a name at all, and how it ends. Opening asks for the ops of
 * the inode; who may open is decided in open.c.
 */
#include "linux/fs/internal.h"

#include <linux/eventpoll.h>
#include <string.h>

HEAP_TYPE(file, FIELD(file, refs, FIELD_PLAIN), FIELD(file, flags, FIELD_PLAIN), FIELD(file, ops, FIELD_OPS),
          FIELD(file, path, FIELD_REF), FIELD(file, inode, FIELD_REF), FIELD(file, pos, FIELD_PLAIN),
          FIELD(file, own, FIELD_REF), FIELD(file, own_n, FIELD_PLAIN), FIELD(file, owner, FIELD_PLAIN),
          FIELD(file, owner_signal, FIELD_PLAIN), FIELD(file, epoll_links, FIELD_LIST),
          FIELD(file, dir_pos, FIELD_PLAIN));

#pragma weak fifo_open
#pragma weak device_open
#pragma weak epoll_file_gone

static const struct file_ops no_ops; /* O_PATH */

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

static bool counts_as_writer(const struct file *f)
{
    return f->flags & O_ACCESS_ && !(f->flags & O_PATH) && f->inode && S_ISREG(f->inode->mode);
}

void file_put(struct file *f)
{
    if (!f || --f->refs)
        return;
    if (epoll_file_gone && !list_empty(&f->epoll_links))
        epoll_file_gone(f);
    if (f->inode && !(f->flags & O_PATH)) {
        lock_release(f);
        watch_file(f, f->flags & O_ACCESS_ ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    }
    if (f->ops->release)
        f->ops->release(f);
    if (counts_as_writer(f) && f->inode->writers)
        f->inode->writers--;
    path_put(&f->path);
    heap_free(&file_type, f);
}

void file_cleanup(struct file **f)
{
    file_put(*f);
}

/* ---- opening ---- */

static int open_special(struct inode *i, struct file *f)
{
    if (S_ISFIFO(i->mode))
        return fifo_open ? fifo_open(i, f) : -ENXIO;
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
        return device_open ? device_open(i, f) : -ENXIO;
    return -ENXIO;
}

int file_open(struct file *f, uint32_t flags)
{
    struct inode *i = f->inode;
    f->flags = flags;
    if (flags & O_PATH)
        return 0;
    bool writer = counts_as_writer(f);
    if (writer && i->text)
        return -ETXTBSY;
    int r = i->ops->open ? i->ops->open(i, f) : open_special(i, f);
    if (!r && writer)
        i->writers++;
    return r;
}

int vfs_open(const struct path *p, uint32_t flags, struct file **out)
{
    struct file *f = file_new();
    if (!f)
        return -ENOMEM;
    path_get(p);
    f->path = *p;
    f->inode = p->dentry->inode;
    int r = file_open(f, flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC));
    if (r) { /* it was never open: nothing of it has to be released */
        f->inode = NULL;
        f->ops = &no_ops;
        file_put(f);
        return r;
    }
    *out = f;
    return 0;
}

/* ---- without a name ---- */

static int anonymous_mount(struct superblock *sb, const char *source, const char *options)
{
    struct inode *i = inode_new(sb, S_IFDIR | 0700);
    if (!i)
        return -ENOMEM;
    sb->root = dentry_new(NULL, "", 0);
    if (!sb->root) {
        inode_put(i);
        return -ENOMEM;
    }
    sb->root->sb = sb;
    dentry_set(sb->root, i);
    return 0;
}

static const struct fs_type anonymous_type = {.name = "anon", .magic = 0x09041934, .mount = anonymous_mount};

static struct mount *anonymous(void)
{
    struct superblock *sb;
    if (fs_state.anonymous)
        return fs_state.anonymous;
    if (superblock_new(&anonymous_type, NULL, NULL, 0, &sb))
        return NULL;
    struct mount *m = heap_new(&mount_type);
    if (!m) {
        superblock_put(sb);
        return NULL;
    }
    m->refs = 1;
    m->sb = sb;
    m->root = dentry_get(sb->root);
    list_init(&m->all);
    return fs_state.anonymous = m;
}

struct file *file_anonymous(const char *name, uint32_t mode, const struct file_ops *ops, uint32_t flags, void *own)
{
    struct mount *m = anonymous();
    struct file *f = m ? file_new() : NULL;
    struct dentry *d = f ? dentry_new(NULL, name, strlen(name)) : NULL;
    struct inode *i = d ? inode_new(m->sb, mode) : NULL;
    if (!i) {
        dentry_put(d);
        file_put(f);
        return NULL;
    }
    d->sb = m->sb;
    dentry_set(d, i);
    f->path = (struct path){mount_get(m), d};
    f->inode = i;
    f->ops = ops;
    f->flags = flags;
    f->own = own;
    if (counts_as_writer(f))
        i->writers++;
    return f;
}

void file_changed(struct file *f, uint32_t events)
{
    struct wait_queue *q = f->ops->poll_queue ? f->ops->poll_queue(f) : NULL;
    if (q)
        wait_wake(q, events, 1 << 30);
}

/* ---- names of paths ---- */

static char *put_front(char *at, const char *buf, const char *text, size_t n)
{
    if (!at || (size_t)(at - buf) < n)
        return NULL;
    at -= n;
    memcpy(at, text, n);
    return at;
}

static char *put_number(char *at, const char *buf, uint64_t v)
{
    char digits[20];
    size_t n = sizeof(digits);
    do
        digits[--n] = (char)('0' + v % 10);
    while (v /= 10);
    return put_front(at, buf, digits + n, sizeof(digits) - n);
}

static char *anonymous_name(const struct dentry *d, char *at, const char *buf)
{
    if (S_ISFIFO(d->inode->mode) || S_ISSOCK(d->inode->mode)) {
        at = put_front(at, buf, "]", 1);
        at = put_number(at, buf, d->inode->ino);
        at = put_front(at, buf, ":[", 2);
    }
    return put_front(at, buf, d->name, d->length);
}

char *path_name(const struct path *p, char *buf, size_t n)
{
    struct mount *m = p->mount;
    struct dentry *d = p->dentry;
    const struct path *root = task_root();
    char *at = n ? put_front(buf + n, buf, "", 1) : NULL;
    if (m == fs_state.anonymous)
        return anonymous_name(d, at, buf);
    if (d->unlinked)
        at = put_front(at, buf, " (deleted)", 10);
    const char *end = at;
    while (at && !(d == root->dentry && m == root->mount)) {
        if (d == m->root) {
            if (!m->parent)
                break;
            d = m->at, m = m->parent;
            continue;
        }
        at = put_front(at, buf, d->name, d->length);
        at = put_front(at, buf, "/", 1);
        d = d->parent;
    }
    return at == end ? put_front(at, buf, "/", 1) : at;
}
