/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that make, remove and move names: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2) and
 * their *at forms. Each finds the parent directory and the last name, checks in Linux's order, and asks the directory's
 * ops, which change the tree.
 */
#include "linux/fs/internal.h"

#include <string.h>

/* A directory and a name in it: what a call that changes names begins with. */
struct place {
    struct user_path text;
    struct path dir;
    const char *name;
    size_t length;
    bool slash; /* the name is followed by one */
    struct path child;
};

static void place_put(struct place *p)
{
    path_put(&p->child);
    path_put(&p->dir);
    user_path_put(&p->text);
}
#define PLACE __attribute__((cleanup(place_put))) struct place

static int place_walk(struct place *p, int dirfd, struct uptr path)
{
    int r = user_path_get(&p->text, path, false);
    if (!r)
        r = walk_parent(dirfd, p->text.text, 0, &p->dir, &p->name, &p->length);
    if (!r)
        p->slash = p->name[p->length] == '/';
    return r;
}

static bool is_ordinary(const struct place *p)
{
    return p->length && !name_is_dots(p->name, p->length);
}

static int place_child(struct place *p)
{
    int r;
    struct dentry *d = dentry_lookup(p->dir.dentry, p->name, p->length, &r);
    if (d)
        p->child = (struct path){mount_get(p->dir.mount), d};
    return r;
}

/* ---- making ---- */

/* Finds the place of a new name: a free one. `directory`: a slash may follow. */
static int place_for_new(struct place *p, int dirfd, struct uptr path, bool directory)
{
    int r = place_walk(p, dirfd, path);
    if (r)
        return r;
    if (!is_ordinary(p))
        return -EEXIST;
    r = place_child(p);
    if (r)
        return r;
    if (p->child.dentry->inode)
        return -EEXIST;
    if (p->slash && !directory)
        return -ENOENT;
    return mount_write(p->dir.mount);
}

static struct inode *dir_of(const struct place *p)
{
    return p->dir.dentry->inode;
}

static int64_t mkdir_at(struct task *t, int dirfd, struct uptr path, uint32_t mode)
{
    PLACE p = {0};
    int r = place_for_new(&p, dirfd, path, true);
    if (!r)
        r = may_create(&p.dir);
    if (!r && !dir_of(&p)->ops->mkdir)
        r = -EPERM;
    if (!r)
        r = dir_of(&p)->ops->mkdir(dir_of(&p), p.child.dentry, mode & (01777 & ~t->fs->umask));
    if (!r)
        watch_name(&p.dir, p.child.dentry, IN_CREATE | IN_ISDIR);
    return r;
}

int64_t sys_mkdir(struct task *t, const struct args *a)
{
    return mkdir_at(t, AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1));
}

int64_t sys_mkdirat(struct task *t, const struct args *a)
{
    return mkdir_at(t, arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2));
}

/* dev_t as user space packs it is how inodes keep it. */
static int64_t mknod_at(struct task *t, int dirfd, struct uptr path, uint32_t mode, uint32_t dev)
{
    uint32_t kind = mode & S_IFMT;
    PLACE p = {0};
    if (!kind)
        kind = S_IFREG;
    if (kind == S_IFDIR)
        return -EPERM;
    if (kind != S_IFREG && kind != S_IFCHR && kind != S_IFBLK && kind != S_IFIFO && kind != S_IFSOCK)
        return -EINVAL;
    int r = place_for_new(&p, dirfd, path, false);
    if (!r)
        r = may_create(&p.dir);
    if (!r && (kind == S_IFCHR || kind == S_IFBLK) && !(kind == S_IFCHR && !dev) && !capable(t, CAP_MKNOD))
        r = -EPERM;
    if (!r && !dir_of(&p)->ops->create)
        r = -EPERM;
    if (!r)
        r = dir_of(&p)->ops->create(dir_of(&p), p.child.dentry, kind | (mode & 07777 & ~t->fs->umask),
                                    kind == S_IFCHR || kind == S_IFBLK ? dev : 0);
    if (!r)
        watch_name(&p.dir, p.child.dentry, IN_CREATE);
    return r;
}

int64_t sys_mknod(struct task *t, const struct args *a)
{
    return mknod_at(t, AT_FDCWD, arg_ptr(a, 0), arg_u32(a, 1), arg_u32(a, 2));
}

int64_t sys_mknodat(struct task *t, const struct args *a)
{
    return mknod_at(t, arg_int(a, 0), arg_ptr(a, 1), arg_u32(a, 2), arg_u32(a, 3));
}

int vfs_make_socket(const char *path, struct inode **out)
{
    PATH dir = {0};
    const char *name;
    size_t length;
    int r = walk_parent(AT_FDCWD, path, 0, &dir, &name, &length);
    if (r)
        return r;
    if (!length || name_is_dots(name, length))
        return -EEXIST;
    struct dentry *d = dentry_lookup(dir.dentry, name, length, &r);
    if (!d)
        return r;
    const struct inode_ops *ops = dir.dentry->inode->ops;
    if (d->inode)
        r = -EEXIST;
    if (!r)
        r = may_create(&dir);
    if (!r)
        r = ops->create ? ops->create(dir.dentry->inode, d, S_IFSOCK | (0777 & ~current->fs->umask), 0) : -EPERM;
    if (!r)
        *out = inode_get(d->inode);
    dentry_put(d);
    return r;
}

static int64_t symlink_at(struct uptr target, int dirfd, struct uptr path)
{
    USER_PATH text = {0};
    PLACE p = {0};
    int r = user_path_get(&text, target, false);
    if (!r)
        r = place_for_new(&p, dirfd, path, false);
    if (!r)
        r = may_create(&p.dir);
    if (!r && !dir_of(&p)->ops->symlink)
        r = -EPERM;
    if (!r)
        r = dir_of(&p)->ops->symlink(dir_of(&p), p.child.dentry, text.text);
    if (!r)
        watch_name(&p.dir, p.child.dentry, IN_CREATE);
    return r;
}

int64_t sys_symlink(struct task *t, const struct args *a)
{
    return symlink_at(arg_ptr(a, 0), AT_FDCWD, arg_ptr(a, 1));
}

int64_t sys_symlinkat(struct task *t, const struct args *a)
{
    return symlink_at(arg_ptr(a, 0), arg_int(a, 1), arg_ptr(a, 2));
}

/* As with fs.protected_hardlinks: no names for files of others that one could not write anyway. */
static bool may_name(struct inode *i)
{
    if (inode_owned(i))
        return true;
    bool privileged = i->mode & S_ISUID || (i->mode & (S_ISGID | 0010)) == (S_ISGID | 0010);
    return S_ISREG(i->mode) && !privileged && !vfs_permission(i, MAY_READ | MAY_WRITE);
}

static int check_link(const struct path *from, const struct place *to)
{
    struct inode *i = from->dentry->inode;
    if (from->mount != to->dir.mount)
        return -EXDEV;
    if (!may_name(i))
        return -EPERM;
    int r = may_create(&to->dir);
    if (r)
        return r;
    if (S_ISDIR(i->mode) || !dir_of(to)->ops->link)
        return -EPERM;
    /* A removed file does not come back, but one of O_TMPFILE, which never had a name, gets its first. */
    if (!i->nlink && strcmp(from->dentry->name, "#tmpfile") != 0)
        return -ENOENT;
    return i->nlink == LINK_COUNT_MAX ? -EMLINK : 0;
}

static int64_t link_at(struct task *t, int from_fd, struct uptr from, int dirfd, struct uptr path, uint32_t flags)
{
    PATH old = {0};
    PLACE p = {0};
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH && !capable(t, CAP_DAC_READ_SEARCH))
        return -ENOENT;
    int r = walk_user(from_fd, from,
                      (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &old);
    if (!r)
        r = place_for_new(&p, dirfd, path, false);
    if (!r)
        r = check_link(&old, &p);
    if (!r)
        r = dir_of(&p)->ops->link(dir_of(&p), p.child.dentry, old.dentry->inode);
    if (!r) {
        watch_inode(old.dentry->inode, IN_ATTRIB);
        watch_name(&p.dir, p.child.dentry, IN_CREATE);
    }
    return r;
}

int64_t sys_link(struct task *t, const struct args *a)
{
    return link_at(t, AT_FDCWD, arg_ptr(a, 0), AT_FDCWD, arg_ptr(a, 1), 0);
}

int64_t sys_linkat(struct task *t, const struct args *a)
{
    return link_at(t, arg_int(a, 0), arg_ptr(a, 1), arg_int(a, 2), arg_ptr(a, 3), arg_u32(a, 4));
}

/* ---- removing ---- */

static int64_t unlink_at(int dirfd, struct uptr path)
{
    PLACE p = {0};
    int r = place_walk(&p, dirfd, path);
    if (r)
        return r;
    if (!is_ordinary(&p))
        return -EISDIR;
    if ((r = mount_write(p.dir.mount)) || (r = place_child(&p)))
        return r;
    struct inode *i = p.child.dentry->inode;
    if (p.slash)
        return !i ? -ENOENT : S_ISDIR(i->mode) ? -EISDIR : -ENOTDIR;
    r = may_delete(&p.dir, p.child.dentry, false);
    if (!r && !dir_of(&p)->ops->unlink)
        r = -EPERM;
    if (!r && mount_covers(&p.child))
        r = -EBUSY;
    if (r)
        return r;
    inode_get(i);
    r = dir_of(&p)->ops->unlink(dir_of(&p), p.child.dentry);
    if (!r)
        watch_removed(&p.dir, p.child.dentry, i);
    inode_put(i);
    return r;
}

static int64_t rmdir_at(int dirfd, struct uptr path)
{
    PLACE p = {0};
    int r = place_walk(&p, dirfd, path);
    if (r)
        return r;
    if (!is_ordinary(&p))
        return !p.length ? -EBUSY : p.length == 2 ? -ENOTEMPTY : -EINVAL;
    if ((r = mount_write(p.dir.mount)) || (r = place_child(&p)) || (r = may_delete(&p.dir, p.child.dentry, true)))
        return r;
    if (!dir_of(&p)->ops->rmdir)
        return -EPERM;
    if (mount_covers(&p.child))
        return -EBUSY;
    struct inode *i = inode_get(p.child.dentry->inode);
    r = dir_of(&p)->ops->rmdir(dir_of(&p), p.child.dentry);
    if (!r)
        watch_removed(&p.dir, p.child.dentry, i);
    inode_put(i);
    return r;
}

int64_t sys_unlink(struct task *t, const struct args *a)
{
    return unlink_at(AT_FDCWD, arg_ptr(a, 0));
}

int64_t sys_rmdir(struct task *t, const struct args *a)
{
    return rmdir_at(AT_FDCWD, arg_ptr(a, 0));
}

int64_t sys_unlinkat(struct task *t, const struct args *a)
{
    uint32_t flags = arg_u32(a, 2);
    if (flags & ~(uint32_t)AT_REMOVEDIR)
        return -EINVAL;
    return flags ? rmdir_at(arg_int(a, 0), arg_ptr(a, 1)) : unlink_at(arg_int(a, 0), arg_ptr(a, 1));
}

/* ---- moving ---- */

/* What do_renameat2 looks at before it asks the file system, but for permissions. */
static int check_names(const struct place *from, const struct place *to, uint32_t flags)
{
    const struct inode *f = from->child.dentry->inode, *t = to->child.dentry->inode;
    if (!f)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && t)
        return -EEXIST;
    if (flags & RENAME_EXCHANGE) {
        if (!t)
            return -ENOENT;
        if (!S_ISDIR(t->mode) && to->slash)
            return -ENOTDIR;
    }
    if (!S_ISDIR(f->mode)) {
        if (from->slash || (!(flags & RENAME_EXCHANGE) && to->slash))
            return -ENOTDIR;
    }
    if (dentry_below(to->dir.dentry, from->child.dentry))
        return -EINVAL;
    if (dentry_below(from->dir.dentry, to->child.dentry))
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int check_rights(const struct place *from, const struct place *to, uint32_t flags)
{
    struct inode *f = from->child.dentry->inode, *t = to->child.dentry->inode;
    bool directory = S_ISDIR(f->mode), elsewhere = from->dir.dentry != to->dir.dentry;
    int r = may_delete(&from->dir, from->child.dentry, directory);
    if (!r && !t)
        r = may_create(&to->dir);
    else if (!r)
        r = may_delete(&to->dir, to->child.dentry, flags & RENAME_EXCHANGE ? S_ISDIR(t->mode) : directory);
    if (!r && directory && elsewhere) /* its .. changes */
        r = vfs_permission(f, MAY_WRITE);
    if (!r && flags & RENAME_EXCHANGE && S_ISDIR(t->mode) && elsewhere)
        r = vfs_permission(t, MAY_WRITE);
    if (!r && !dir_of(from)->ops->rename)
        r = -EPERM;
    if (!r && (mount_covers(&from->child) || mount_covers(&to->child)))
        r = -EBUSY;
    return r;
}

static int rename_places(struct place *from, struct place *to, uint32_t flags)
{
    int r;
    if (from->dir.mount != to->dir.mount)
        return -EXDEV;
    if (!is_ordinary(from))
        return -EBUSY;
    if (!is_ordinary(to))
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if ((r = mount_write(from->dir.mount)) || (r = place_child(from)) || (r = place_child(to)) ||
        (r = check_names(from, to, flags)))
        return r;
    struct inode *moved = from->child.dentry->inode, *over = to->child.dentry->inode;
    if (moved == over)
        return 0;
    r = check_rights(from, to, flags);
    if (r)
        return r;
    if (over)
        inode_get(over);
    r = dir_of(from)->ops->rename(dir_of(from), from->child.dentry, dir_of(to), to->child.dentry, flags);
    if (!r)
        watch_moved(&from->dir, from->name, from->length, &to->dir, to->name, to->length, moved, over, flags);
    inode_put(over);
    return r;
}

static int64_t rename_at(int from_fd, struct uptr from_path, int to_fd, struct uptr to_path, uint32_t flags)
{
    PLACE from = {0};
    PLACE to = {0};
    uint32_t most = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
    if (flags & ~most || (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
        return -EINVAL;
    int r = place_walk(&from, from_fd, from_path);
    if (!r)
        r = place_walk(&to, to_fd, to_path);
    return r ? r : rename_places(&from, &to, flags);
}

int64_t sys_rename(struct task *t, const struct args *a)
{
    return rename_at(AT_FDCWD, arg_ptr(a, 0), AT_FDCWD, arg_ptr(a, 1), 0);
}

int64_t sys_renameat(struct task *t, const struct args *a)
{
    return rename_at(arg_int(a, 0), arg_ptr(a, 1), arg_int(a, 2), arg_ptr(a, 3), 0);
}

int64_t sys_renameat2(struct task *t, const struct args *a)
{
    return rename_at(arg_int(a, 0), arg_ptr(a, 1), arg_int(a, 2), arg_ptr(a, 3), arg_u32(a, 4));
}
