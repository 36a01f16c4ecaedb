/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about files: stat(2) and its kin, statx(2), statfs(2), access(2), readlink(2). */
#include "linux/fs/internal.h"

#include <string.h>

NEEDS_ANONYMOUS;

/* ---- stat ---- */

static int64_t stat_path(int dirfd, struct uptr path, uint32_t flags, struct uptr out)
{
    PATH p = {0};
    struct stat st;
    int r = walk_user(dirfd, path, flags, &p);
    if (!r)
        r = vfs_stat(&p, &st);
    return r ? r : put_user(out, st);
}

static int stat_fd(int fd, struct stat *st)
{
    FILE_HELD *f = fd_get_path(fd);
    if (!f)
        return -EBADF;
    inode_stat(f->inode, st);
    return 0;
}

int64_t sys_stat(struct task *t, const struct args *a)
{
    return stat_path(AT_FDCWD, arg_ptr(a, 0), WALK_FOLLOW, arg_ptr(a, 1));
}

int64_t sys_lstat(struct task *t, const struct args *a)
{
    return stat_path(AT_FDCWD, arg_ptr(a, 0), 0, arg_ptr(a, 1));
}

int64_t sys_fstat(struct task *t, const struct args *a)
{
    struct stat st;
    int r = stat_fd(arg_int(a, 0), &st);
    return r ? r : put_user(arg_ptr(a, 1), st);
}

/* Walk flags from AT_*; more than those and `also`: -EINVAL. */
static int at_flags(uint32_t flags, uint32_t also, uint32_t *walk_flags)
{
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | also))
        return -EINVAL;
    *walk_flags = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    return 0;
}

/* Whether the descriptor itself is meant: AT_EMPTY_PATH, and no path or an empty one. */
static int is_own(int dirfd, struct uptr path, uint32_t flags)
{
    char first;
    if (!(flags & AT_EMPTY_PATH) || dirfd < 0)
        return 0;
    if (!path.v)
        return 1;
    int r = get_user(first, path);
    return r ? r : !first;
}

int64_t sys_newfstatat(struct task *t, const struct args *a)
{
    uint32_t w;
    struct stat st;
    int own = is_own(arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 3)), r = at_flags(arg_u32(a, 3), 0, &w);
    if (r || own < 0)
        return r ? r : own;
    if (!own)
        return stat_path(arg_int(a, 0), arg_ptr(a, 1), w, arg_ptr(a, 2));
    r = stat_fd(arg_int(a, 0), &st);
    return r ? r : put_user(arg_ptr(a, 2), st);
}

/* ---- statx ---- */

static struct statx_timestamp stamp(uint64_t ns)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)(ns / SECOND), .tv_nsec = (uint32_t)(ns % SECOND)};
}

static uint32_t major_of(uint64_t dev)
{
    return (uint32_t)(dev >> 8 & 0xfff) | (uint32_t)(dev >> 32 & ~0xfffull);
}

static uint32_t minor_of(uint64_t dev)
{
    return (uint32_t)(dev & 0xff) | (uint32_t)(dev >> 12 & ~0xffull);
}

static void statx_fill(const struct path *p, struct statx *x)
{
    struct stat st;
    struct inode *i = p->dentry->inode;
    inode_stat(i, &st);
    *x = (struct statx){
        .stx_mask = STATX_BASIC_STATS | STATX_MNT_ID,
        .stx_blksize = (uint32_t)st.st_blksize,
        .stx_nlink = (uint32_t)st.st_nlink,
        .stx_uid = st.st_uid,
        .stx_gid = st.st_gid,
        .stx_mode = (uint16_t)st.st_mode,
        .stx_ino = st.st_ino,
        .stx_size = (uint64_t)st.st_size,
        .stx_blocks = (uint64_t)st.st_blocks,
        .stx_atime = stamp(i->atime),
        .stx_mtime = stamp(i->mtime),
        .stx_ctime = stamp(i->ctime),
        .stx_rdev_major = major_of(st.st_rdev),
        .stx_rdev_minor = minor_of(st.st_rdev),
        .stx_dev_major = major_of(st.st_dev),
        .stx_dev_minor = minor_of(st.st_dev),
        .stx_mnt_id = p->mount->id,
        .stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
        .stx_attributes = p->dentry == p->mount->root ? STATX_ATTR_MOUNT_ROOT : 0,
    };
}

int64_t sys_statx(struct task *t, const struct args *a)
{
    uint32_t flags = arg_u32(a, 2), mask = arg_u32(a, 3), w;
    PATH p = {0};
    struct statx x;
    int r = at_flags(flags, AT_STATX_SYNC_TYPE, &w);
    if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    int own = r ? r : is_own(arg_int(a, 0), arg_ptr(a, 1), flags);
    if (own < 0)
        return own;
    if (own) {
        FILE_HELD *f = fd_get_path(arg_int(a, 0));
        if (!f)
            return -EBADF;
        path_get(&f->path);
        p = f->path;
    } else if ((r = walk_user(arg_int(a, 0), arg_ptr(a, 1), w, &p))) {
        return r;
    }
    statx_fill(&p, &x);
    return put_user(arg_ptr(a, 4), x);
}

/* ---- statfs ---- */

static int64_t statfs_path(const struct path *p, struct uptr out)
{
    struct superblock *sb = p->mount->sb;
    uint32_t flags = p->mount->flags | sb->flags;
    struct statfs s = {0};
    int r = sb->type->statfs ? sb->type->statfs(sb, &s) : 0;
    if (r)
        return r;
    s.f_type = (long)sb->type->magic;
    s.f_bsize = s.f_frsize = (long)PAGE_SIZE;
    s.f_namelen = NAME_MAX_;
    s.f_fsid.val[0] = (int)sb->dev;
    /* ST_VALID, and those of the mount; of MS_* the low ones are equal. */
    s.f_flags = 0x20 | (long)(flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME)) |
                (flags & MS_NOATIME ? 0 : 0x1000);
    return put_user(out, s);
}

int64_t sys_statfs(struct task *t, const struct args *a)
{
    PATH p = {0};
    int r = walk_user(AT_FDCWD, arg_ptr(a, 0), WALK_FOLLOW, &p);
    return r ? r : statfs_path(&p, arg_ptr(a, 1));
}

int64_t sys_fstatfs(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get_path(arg_int(a, 0));
    return f ? statfs_path(&f->path, arg_ptr(a, 1)) : -EBADF;
}

/* ---- access ---- */

/* access(2) asks for the real ids: credentials with them in the places of the file system's. NULL: these are the same.
 */
static struct cred *real_credentials(const struct task *t, int *error)
{
    const struct cred *c = t->cred;
    uint64_t caps = c->uid ? 0 : c->caps_permitted;
    *error = 0;
    if (c->uid == c->fsuid && c->gid == c->fsgid && c->caps_effective == caps)
        return NULL;
    struct cred *real = cred_copy(c);
    if (!real) {
        *error = -ENOMEM;
        return NULL;
    }
    real->fsuid = c->uid, real->fsgid = c->gid;
    real->caps_effective = caps;
    return real;
}

static int check_access(const struct path *p, uint32_t mode)
{
    struct inode *i = p->dentry->inode;
    if (mode & MAY_EXEC && S_ISREG(i->mode) && p->mount->flags & MS_NOEXEC)
        return -EACCES;
    int r = vfs_permission(i, mode);
    if (r || !(mode & MAY_WRITE) || S_ISCHR(i->mode) || S_ISBLK(i->mode) || S_ISFIFO(i->mode) || S_ISSOCK(i->mode))
        return r;
    return mount_write(p->mount);
}

static int64_t access_at(struct task *t, int dirfd, struct uptr path, uint32_t mode, uint32_t flags)
{
    PATH p = {0};
    int r;
    if (mode & ~7u || flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct cred *real = flags & AT_EACCESS ? NULL : real_credentials(t, &r), *before = t->cred;
    if (real)
        t->cred = real;
    else if (!(flags & AT_EACCESS) && r)
        return r;
    r = walk_user(dirfd, path,
                  (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
    if (!r)
        r = check_access(&p, mode);
    t->cred = before;
    if (real)
        cred_put(real);
    return r;
}

int64_t sys_access(struct task *t, const struct args *a)
{
    return access_at(t, AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), 0);
}

int64_t sys_faccessat(struct task *t, const struct args *a)
{
    return access_at(t, arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), 0);
}

int64_t sys_faccessat2(struct task *t, const struct args *a)
{
    return access_at(t, arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), arg_u32(a, 3));
}

/* ---- readlink ---- */

static int64_t read_link(const struct path *p, struct uptr out, int n)
{
    struct inode *i = p->dentry->inode;
    struct uio u;
    size_t size;
    if (!S_ISLNK(i->mode) || !i->ops->readlink)
        return -EINVAL;
    uio_user(&u, out, (size_t)n);
    inode_touch(p);
    const char *target = inode_target(i, &size);
    if (target)
        return uio_put(&u, target, size < (size_t)n ? size : (size_t)n);
    char *copy = heap_alloc(PATH_MAX_);
    if (!copy)
        return -ENOMEM;
    int64_t r = i->ops->readlink(i, copy, (size_t)n < PATH_MAX_ ? (size_t)n : PATH_MAX_);
    if (r > 0)
        r = uio_put(&u, copy, (size_t)r);
    heap_release(copy, PATH_MAX_);
    return r;
}

static int64_t readlink_at(int dirfd, struct uptr path, struct uptr out, int n)
{
    PATH p = {0};
    if (n <= 0)
        return -EINVAL;
    int r = walk_user(dirfd, path, WALK_EMPTY, &p);
    if (r)
        return r;
    if (!S_ISLNK(p.dentry->inode->mode)) { /* an empty path is for links opened by O_PATH */
        char first = 0;
        r = get_user(first, path);
        return r ? r : first ? -EINVAL : -ENOENT;
    }
    return read_link(&p, out, n);
}

int64_t sys_readlink(struct task *t, const struct args *a)
{
    return readlink_at(AT_FDCWD, arg_ptr(a, 0), arg_ptr(a, 1), arg_int(a, 2));
}

int64_t sys_readlinkat(struct task *t, const struct args *a)
{
    return readlink_at(arg_int(a, 0), arg_ptr(a, 1), arg_ptr(a, 2), arg_int(a, 3));
}
