/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that change what an inode is: chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2). The rules of who may
 * and of the set-id bits are here; the file systems only take the new values.
 */
#include "linux/fs/internal.h"

#include <linux/falloc.h>
#include <linux/stat.h>

NEEDS_ANONYMOUS;

#define NOW_NS  1073741823l /* UTIME_NOW and UTIME_OMIT of utimensat(2) */
#define OMIT_NS 1073741822l

static int changed(const struct path *p, int r)
{
    if (!r)
        watch_path(p, IN_ATTRIB);
    return r;
}

/* ---- chmod ---- */

static int change_mode(const struct path *p, uint32_t mode)
{
    struct inode *i = p->dentry->inode;
    struct inode_change c = {.what = CHANGE_MODE, .mode = mode & 07777};
    int r = mount_write(p->mount);
    if (r)
        return r;
    if (!inode_owned(i))
        return -EPERM;
    if (S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    if (c.mode & S_ISGID && !in_group(current, i->gid) && !capable(current, CAP_FSETID))
        c.mode &= ~(uint32_t)S_ISGID;
    return changed(p, vfs_set(p, i, &c));
}

static int64_t chmod_at(int dirfd, struct uptr path, uint32_t mode, uint32_t flags)
{
    PATH p = {0};
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int r = walk_user(dirfd, path,
                      (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
    return r ? r : change_mode(&p, mode);
}

int64_t sys_chmod(struct task *t, const struct args *a)
{
    return chmod_at(AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), 0);
}

int64_t sys_fchmodat(struct task *t, const struct args *a)
{
    return chmod_at(arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), 0);
}

int64_t sys_fchmodat2(struct task *t, const struct args *a)
{
    return chmod_at(arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), arg_u32(a, 3));
}

int64_t sys_fchmod(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    return f ? change_mode(&f->path, arg_u32(a, 1)) : -EBADF;
}

/* ---- chown ---- */

static bool may_give(const struct inode *i, uint32_t uid, uint32_t gid)
{
    const struct task *t = current;
    if (capable(t, CAP_CHOWN))
        return true;
    if (t->cred->fsuid != i->uid)
        return uid == UINT32_MAX && gid == UINT32_MAX;
    return (uid == UINT32_MAX || uid == i->uid) && (gid == UINT32_MAX || gid == i->gid || in_group(t, gid));
}

/* Set-id bits do not pass to another owner. */
static uint32_t mode_without_ids(const struct inode *i)
{
    uint32_t mode = i->mode & 07777;
    if (S_ISDIR(i->mode))
        return mode;
    mode &= ~(uint32_t)S_ISUID;
    if (mode & 0010 || (!in_group(current, i->gid) && !capable(current, CAP_FSETID)))
        mode &= ~(uint32_t)S_ISGID;
    return mode;
}

static int change_owner(const struct path *p, uint32_t uid, uint32_t gid)
{
    struct inode *i = p->dentry->inode;
    struct inode_change c = {.what = CHANGE_MODE, .mode = mode_without_ids(i), .uid = uid, .gid = gid};
    int r = mount_write(p->mount);
    if (r)
        return r;
    if (!may_give(i, uid, gid))
        return -EPERM;
    c.what |= (uid != UINT32_MAX ? CHANGE_UID : 0) | (gid != UINT32_MAX ? CHANGE_GID : 0);
    return changed(p, vfs_set(p, i, &c));
}

static int64_t chown_at(int dirfd, struct uptr path, uint32_t uid, uint32_t gid, uint32_t flags)
{
    PATH p = {0};
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int r = walk_user(dirfd, path,
                      (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
    return r ? r : change_owner(&p, uid, gid);
}

int64_t sys_chown(struct task *t, const struct args *a)
{
    return chown_at(AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), arg_u32(a, 2), 0);
}

int64_t sys_lchown(struct task *t, const struct args *a)
{
    return chown_at(AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), arg_u32(a, 2), AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(struct task *t, const struct args *a)
{
    return chown_at(arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), arg_u32(a, 3), arg_u32(a, 4));
}

int64_t sys_fchown(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    return f ? change_owner(&f->path, arg_u32(a, 1), arg_u32(a, 2)) : -EBADF;
}

/* ---- times ---- */

struct times {
    bool now;                       /* both are now: who may write may do it */
    struct __kernel_timespec at[2]; /* access, modification */
};

static int times_from_specs(struct times *times, struct uptr from)
{
    *times = (struct times){.now = !from.v};
    int r = from.v ? copy_in(times->at, from, sizeof(times->at)) : 0;
    for (int i = 0; i < 2 && !r && from.v; i++) {
        long long ns = times->at[i].tv_nsec;
        if ((ns < 0 || ns >= (long long)SECOND) && ns != NOW_NS && ns != OMIT_NS)
            r = -EINVAL;
    }
    if (!r && from.v)
        times->now = times->at[0].tv_nsec == NOW_NS && times->at[1].tv_nsec == NOW_NS;
    return r;
}

static int times_from_vals(struct times *times, struct uptr from)
{
    struct {
        int64_t sec, usec;
    } v[2];
    *times = (struct times){.now = !from.v};
    if (!from.v)
        return 0;
    int r = copy_in(v, from, sizeof(v));
    for (int i = 0; i < 2 && !r; i++) {
        if (v[i].usec < 0 || v[i].usec >= 1000000)
            return -EINVAL;
        times->at[i] = (struct __kernel_timespec){.tv_sec = v[i].sec, .tv_nsec = v[i].usec * 1000};
    }
    return r;
}

static uint64_t time_of(const struct times *times, int i, uint64_t now)
{
    if (times->now || times->at[i].tv_nsec == NOW_NS)
        return now;
    int64_t s = times->at[i].tv_sec; /* times before 1970 and after 2554 are cut to what is kept */
    if (s < 0)
        return 0;
    uint64_t most = UINT64_MAX / SECOND - 1;
    return ((uint64_t)s > most ? most : (uint64_t)s) * SECOND + (uint64_t)times->at[i].tv_nsec;
}

static bool omitted(const struct times *times, int i)
{
    return !times->now && times->at[i].tv_nsec == OMIT_NS;
}

static int change_times(const struct path *p, const struct times *times)
{
    struct inode *i = p->dentry->inode;
    uint64_t now = fs_now();
    struct inode_change c = {.atime = time_of(times, 0, now), .mtime = time_of(times, 1, now)};
    c.what = (omitted(times, 0) ? 0 : CHANGE_ATIME) | (omitted(times, 1) ? 0 : CHANGE_MTIME);
    if (!c.what)
        return 0;
    int r = mount_write(p->mount);
    if (r)
        return r;
    if (!inode_owned(i)) {
        if (!times->now)
            return -EPERM;
        r = vfs_permission(i, MAY_WRITE);
    }
    return r ? r : changed(p, vfs_set(p, i, &c));
}

/* No path: the descriptor itself. */
static int64_t change_times_at(int dirfd, struct uptr path, const struct times *times, uint32_t flags)
{
    PATH p = {0};
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!path.v && dirfd != AT_FDCWD) {
        if (flags)
            return -EINVAL;
        FILE_HELD *f = fd_get(dirfd);
        return f ? change_times(&f->path, times) : -EBADF;
    }
    int r = walk_user(dirfd, path,
                      (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
    return r ? r : change_times(&p, times);
}

int64_t sys_utimensat(struct task *t, const struct args *a)
{
    struct times times;
    int r = times_from_specs(&times, arg_ptr(a, 2));
    if (r || (omitted(&times, 0) && omitted(&times, 1)))
        return r; /* nothing to do: not even the path is looked at */
    return change_times_at(arg_int(a, 0), arg_ptr(a, 1), &times, arg_u32(a, 3));
}

int64_t sys_futimesat(struct task *t, const struct args *a)
{
    struct times times;
    int r = times_from_vals(&times, arg_ptr(a, 2));
    return r ? r : change_times_at(arg_int(a, 0), arg_ptr(a, 1), &times, 0);
}

int64_t sys_utimes(struct task *t, const struct args *a)
{
    struct times times;
    int r = times_from_vals(&times, arg_ptr(a, 1));
    return r ? r : change_times_at(AT_FDCWD, arg_ptr(a, 0), &times, 0);
}

int64_t sys_utime(struct task *t, const struct args *a)
{
    struct times times = {.now = !arg_ptr(a, 1).v};
    int64_t v[2];
    if (!times.now) {
        if (copy_in(v, arg_ptr(a, 1), sizeof(v)))
            return -EFAULT;
        times.at[0].tv_sec = v[0], times.at[1].tv_sec = v[1];
    }
    return change_times_at(AT_FDCWD, arg_ptr(a, 0), &times, 0);
}

/* ---- size ---- */

static int size_limit(uint64_t old, uint64_t size)
{
    struct uio none = {0};
    return size > old && size ? file_size_limit(&none, size - 1) : 0;
}

int vfs_truncate(const struct path *p, struct inode *i, uint64_t size)
{
    struct inode_change c = {.what = CHANGE_SIZE | CHANGE_MTIME, .size = size, .mtime = fs_now()};
    int r = size_limit(i->size, size);
    if (r)
        return r;
    inode_kill_privileges(i);
    r = vfs_set(p, i, &c);
    if (!r)
        watch_path(p, IN_MODIFY);
    return r;
}

int64_t sys_truncate(struct task *t, const struct args *a)
{
    PATH p = {0};
    if ((int64_t)a->v[1] < 0)
        return -EINVAL;
    int r = walk_user(AT_FDCWD, arg_ptr(a, 0), WALK_FOLLOW, &p);
    if (r)
        return r;
    struct inode *i = p.dentry->inode;
    if (!S_ISREG(i->mode))
        return S_ISDIR(i->mode) ? -EISDIR : -EINVAL;
    if ((r = mount_write(p.mount)) || (r = vfs_permission(i, MAY_WRITE)))
        return r;
    return i->text ? -ETXTBSY : vfs_truncate(&p, i, a->v[1]);
}

int64_t sys_ftruncate(struct task *t, const struct args *a)
{
    if ((int64_t)a->v[1] < 0)
        return -EINVAL;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (!S_ISREG(f->inode->mode) || !(f->flags & O_ACCESS_))
        return -EINVAL;
    return vfs_truncate(&f->path, f->inode, a->v[1]);
}

int64_t sys_fallocate(struct task *t, const struct args *a)
{
    int mode = arg_int(a, 1);
    int64_t offset = (int64_t)a->v[2], n = (int64_t)a->v[3];
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (offset < 0 || n <= 0)
        return -EINVAL;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |
                 FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE))
        return -EOPNOTSUPP;
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) == FALLOC_FL_PUNCH_HOLE)
        return -EOPNOTSUPP;
    if (!(f->flags & O_ACCESS_))
        return -EBADF;
    uint32_t kind = f->inode->mode;
    if (S_ISFIFO(kind))
        return -ESPIPE;
    if (S_ISDIR(kind))
        return -EISDIR;
    if (!S_ISREG(kind))
        return -ENODEV;
    if (n > INT64_MAX - offset)
        return -EFBIG;
    if (!f->ops->allocate)
        return -EOPNOTSUPP;
    int r = mode & FALLOC_FL_KEEP_SIZE ? 0 : size_limit(f->inode->size, (uint64_t)offset + (uint64_t)n);
    if (!r)
        r = f->ops->allocate(f, mode, (uint64_t)offset, (uint64_t)n);
    if (!r)
        watch_file(f, IN_MODIFY);
    return r;
}
