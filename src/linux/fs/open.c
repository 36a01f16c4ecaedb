/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open(2), openat2(2), creat(2): from a path and flags to an open file. Decides who may; the file systems only do it.
 */
#include "linux/fs/internal.h"

#include <linux/openat2.h>
#include <string.h>

#define OPEN_FLAGS                                                                                                     \
    (O_ACCESS_ | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | FASYNC | O_DIRECT |         \
     O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | __O_SYNC | O_PATH | __O_TMPFILE)
#define FILE_FLAGS_DROPPED (O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | __O_TMPFILE)

/* ---- an inode becomes an open file ---- */

#pragma weak fifo_open
#pragma weak device_open

static const struct file_ops no_ops;

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
    bool writer = file_writes_contents(f);
    if (writer && i->text)
        return -ETXTBSY;
    int r = i->ops->open ? i->ops->open(i, f) : open_special(i, f);
    f->flags &= ~(uint32_t)O_NOCTTY; /* it was for terminals to see */
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
    int r = file_open(f, flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC));
    if (r) { /* it was never open: nothing of it has to be released */
        f->inode = NULL;
        f->ops = &no_ops;
        file_put(f);
        return r;
    }
    *out = f;
    return 0;
}

struct open_request {
    uint32_t flags, mode, walk, may;
};

/* Flags that openat takes and ignores, openat2 refuses: -EINVAL. */
static int prepare(uint32_t flags, uint32_t mode, struct open_request *r)
{
    if (flags & O_PATH)
        flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
    bool creates = flags & (O_CREAT | __O_TMPFILE);
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        return -EINVAL;
    if (flags & __O_TMPFILE) {
        if ((flags & O_TMPFILE) != O_TMPFILE || !(flags & O_ACCESS_))
            return -EINVAL;
    }
    static const uint8_t may[4] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};
    *r = (struct open_request){.flags = flags, .mode = creates ? S_IFREG | (mode & 07777) : 0};
    r->may = flags & O_PATH ? 0 : may[flags & O_ACCESS_];
    if (flags & O_TRUNC)
        r->may |= MAY_WRITE;
    if (flags & O_DIRECTORY)
        r->walk |= WALK_DIRECTORY;
    if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
        r->walk |= WALK_FOLLOW;
    return 0;
}

static int check_kind(const struct path *p, const struct open_request *r)
{
    uint32_t mode = p->dentry->inode->mode;
    if (S_ISLNK(mode))
        return -ELOOP;
    if (S_ISDIR(mode) && r->may & MAY_WRITE)
        return -EISDIR;
    if ((S_ISCHR(mode) || S_ISBLK(mode)) && p->mount->flags & MS_NODEV)
        return -EACCES;
    return 0;
}

/* What open(2) asks of an inode that was there before. */
static int may_open(const struct path *p, const struct open_request *r)
{
    struct inode *i = p->dentry->inode;
    int error = check_kind(p, r);
    if (!error && r->may & MAY_WRITE && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
        error = mount_write(p->mount);
    if (!error)
        error = vfs_permission(i, r->may);
    if (!error && r->flags & O_NOATIME && !inode_owned(i))
        error = -EPERM;
    return error;
}

static int finish(const struct path *p, const struct open_request *r, bool created, struct file **out)
{
    struct inode *i = p->dentry->inode;
    int error = 0;
    if (r->flags & O_CREAT && !created && S_ISDIR(i->mode))
        return -EISDIR;
    if (r->walk & WALK_DIRECTORY && !created && !S_ISDIR(i->mode))
        return -ENOTDIR;
    if (!(r->flags & O_PATH) && !created)
        error = may_open(p, r);
    uint32_t kept = r->flags & O_PATH ? r->flags : r->flags | O_LARGEFILE;
    if (!error)
        error = vfs_open(p, kept & ~(uint32_t)FILE_FLAGS_DROPPED, out);
    if (error || !(r->flags & O_TRUNC) || created || !S_ISREG(i->mode))
        return error;
    error = vfs_truncate(p, i, 0);
    if (error) {
        file_put(*out);
        *out = NULL;
    }
    return error;
}

/* ---- with O_CREAT ---- */

static int create_at(const struct path *dir, struct dentry *at, const struct open_request *r)
{
    int error = may_create(dir);
    const struct inode_ops *ops = dir->dentry->inode->ops;
    if (error)
        return error;
    return ops->create ? ops->create(dir->dentry->inode, at, r->mode & ~current->fs->umask, 0) : -EACCES;
}

/* The last name of w, which stands on its directory. *again: it is a link, which was followed. */
static int open_last(struct walk *w, const struct open_request *r, struct file **out, bool *again)
{
    PATH child = {0};
    bool created = false;
    *again = false;
    if (!w->length || name_is_dots(w->name, w->length) || w->directory)
        return -EISDIR;
    int error = walk_child(w, w->name, w->length, &child);
    if (error)
        return error;
    struct inode *i = child.dentry->inode;
    if (i && r->flags & O_EXCL)
        return -EEXIST;
    if (i && S_ISLNK(i->mode) && r->walk & WALK_FOLLOW) {
        error = walk_follow(w, &child);
        *again = !error && (w->length || !i->ops->follow);
        return error || *again ? error : finish(&w->at, r, false, out);
    }
    if (!i) {
        error = create_at(&w->at, child.dentry, r);
        created = !error;
        if (created)
            watch_name(&w->at, child.dentry, IN_CREATE);
    }
    return error ? error : finish(&child, r, created, out);
}

static int open_create(struct walk *w, const struct open_request *r, struct file **out)
{
    bool again = true;
    int error = walk_go(w);
    while (!error && again)
        error = open_last(w, r, out, &again);
    return error;
}

/* ---- O_TMPFILE ---- */

static int open_tmpfile(const struct path *dir, const struct open_request *r, struct file **out)
{
    struct inode *d = dir->dentry->inode;
    if (!S_ISDIR(d->mode))
        return -ENOTDIR;
    int error = may_create(dir);
    if (!error && !d->ops->tmpfile)
        error = -EOPNOTSUPP;
    if (error)
        return error;
    PATH made = {mount_get(dir->mount), dentry_new(dir->dentry, "#tmpfile", 8)};
    if (!made.dentry)
        return -ENOMEM;
    made.dentry->unlinked = true;
    error = d->ops->tmpfile(d, made.dentry, r->mode & ~current->fs->umask);
    return error ? error : finish(&made, r, true, out);
}

/* ---- the whole ---- */

static int open_walk(int dirfd, const char *path, const struct open_request *r, struct file **out)
{
    struct walk w;
    bool parent = r->flags & O_CREAT;
    uint32_t flags = r->walk;
    if (r->flags & __O_TMPFILE)
        flags |= WALK_DIRECTORY;
    int error = walk_begin(&w, dirfd, path, parent ? (flags & ~(uint32_t)WALK_FOLLOW) | WALK_PARENT : flags);
    if (!error && parent)
        error = open_create(&w, r, out);
    else if (!error)
        error = walk_go(&w);
    if (!error && !parent)
        error = r->flags & __O_TMPFILE ? open_tmpfile(&w.at, r, out) : finish(&w.at, r, false, out);
    walk_end(&w);
    if (!error)
        watch_file(*out, IN_OPEN);
    return error;
}

int vfs_open_at(int dirfd, const char *path, uint32_t flags, uint32_t mode, struct file **out)
{
    struct open_request r;
    int error = prepare(flags & OPEN_FLAGS, mode, &r);
    return error ? error : open_walk(dirfd, path, &r, out);
}

static int64_t open_fd(int dirfd, struct uptr path, const struct open_request *r)
{
    USER_PATH p = {0};
    struct file *f;
    int error = user_path_get(&p, path, false);
    if (!error)
        error = fd_room(); /* before anything is created or cut */
    if (!error)
        error = open_walk(dirfd, p.text, r, &f);
    if (error)
        return error;
    int fd = fd_install(f, r->flags & O_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

static int64_t open_user(int dirfd, struct uptr path, uint32_t flags, uint32_t mode)
{
    struct open_request r;
    int error = prepare(flags & OPEN_FLAGS, mode, &r);
    return error ? error : open_fd(dirfd, path, &r);
}

int64_t sys_open(struct task *t, const struct args *a)
{
    return open_user(AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), arg_u32(a, 2));
}

int64_t sys_openat(struct task *t, const struct args *a)
{
    return open_user(arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), arg_u32(a, 3));
}

int64_t sys_creat(struct task *t, const struct args *a)
{
    return open_user(AT_FDCWD, arg_ptr(a, 0), O_CREAT | O_WRONLY | O_TRUNC, arg_u32(a, 1));
}

/* ---- openat2(2) ---- */

#define HOW_SIZE_FIRST 24u

static int how_read(struct uptr from, uint64_t size, struct open_how *how)
{
    return size < HOW_SIZE_FIRST ? -EINVAL : copy_struct_in(how, sizeof(*how), from, size);
}

static int how_check(const struct open_how *how)
{
    uint64_t resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
                       RESOLVE_IN_ROOT | RESOLVE_CACHED;
    if (how->flags & ~(uint64_t)OPEN_FLAGS || how->resolve & ~resolve)
        return -EINVAL;
    if ((how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
        return -EINVAL;
    if (how->flags & (O_CREAT | __O_TMPFILE) ? how->mode & ~07777ull : how->mode)
        return -EINVAL;
    if (how->flags & O_PATH && how->flags & ~(uint64_t)(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC))
        return -EINVAL;
    if (how->resolve & RESOLVE_CACHED && how->flags & (O_TRUNC | O_CREAT | __O_TMPFILE))
        return -EAGAIN;
    return 0;
}

int64_t sys_openat2(struct task *t, const struct args *a)
{
    static const struct {
        uint64_t resolve;
        uint32_t walk;
    } rows[] = {{RESOLVE_NO_XDEV, WALK_NO_MOUNTS},
                {RESOLVE_NO_MAGICLINKS, WALK_NO_MAGIC},
                {RESOLVE_NO_SYMLINKS, WALK_NO_LINKS},
                {RESOLVE_BENEATH, WALK_BENEATH},
                {RESOLVE_IN_ROOT, WALK_IN_ROOT}};
    struct open_how how;
    struct open_request r;
    int error = how_read(arg_ptr(a, 2), a->v[3], &how);
    if (!error)
        error = how_check(&how);
    if (!error)
        error = prepare((uint32_t)how.flags, (uint32_t)how.mode, &r);
    if (error)
        return error;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (how.resolve & rows[i].resolve)
            r.walk |= rows[i].walk;
    return open_fd(arg_int(a, 0), arg_ptr(a, 1), &r);
}
