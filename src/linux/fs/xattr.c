/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes, xattr(7), of inodes in memory: a chain from the inode. Names of user.* (files and directories),
 * trusted.* and security.* (with their capabilities); others are not supported.
 */
#include "linux/fs/internal.h"

#include <linux/limits.h>
#include <linux/xattr.h>
#include <string.h>

NEEDS_ANONYMOUS;

struct xattr {
    struct xattr *next;
    char *name; /* with its NUL */
    uint8_t *value;
    uint32_t name_size, value_size;
};
HEAP_TYPE(xattr, FIELD(xattr, next, FIELD_REF), FIELD(xattr, name, FIELD_BYTES), FIELD(xattr, value, FIELD_BYTES),
          FIELD(xattr, name_size, FIELD_PLAIN), FIELD(xattr, value_size, FIELD_PLAIN));

/* ---- the chain ---- */

static void free_one(struct xattr *x)
{
    if (x->name)
        heap_release(x->name, x->name_size);
    if (x->value)
        heap_release(x->value, x->value_size);
    heap_free(&xattr_type, x);
}

void xattr_free(struct inode *i)
{
    while (i->xattrs) {
        struct xattr *x = i->xattrs;
        i->xattrs = x->next;
        free_one(x);
    }
}

static struct xattr **find(struct inode *i, const char *name)
{
    struct xattr **at = &i->xattrs;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct xattr *make(const char *name, const void *value, size_t n)
{
    struct xattr *x = heap_new(&xattr_type);
    if (!x)
        return NULL;
    x->name_size = (uint32_t)strlen(name) + 1;
    x->value_size = (uint32_t)n;
    x->name = heap_alloc(x->name_size);
    x->value = n ? heap_alloc(n) : NULL;
    if (!x->name || (n && !x->value)) {
        free_one(x);
        return NULL;
    }
    memcpy(x->name, name, x->name_size);
    if (n)
        memcpy(x->value, value, n);
    return x;
}

int xattr_get(struct inode *i, const char *name, void *to, size_t n)
{
    const struct xattr *x = *find(i, name);
    if (!x)
        return -ENODATA;
    if (!n)
        return (int)x->value_size;
    if (n < x->value_size)
        return -ERANGE;
    if (x->value_size)
        memcpy(to, x->value, x->value_size);
    return (int)x->value_size;
}

/* No more names than listxattr(2) can tell of, which also bounds the time to find one. */
static bool has_room(const struct inode *i, const char *name)
{
    size_t all = strlen(name) + 1;
    for (const struct xattr *x = i->xattrs; x; x = x->next)
        all += x->name_size;
    return all <= XATTR_LIST_MAX;
}

int xattr_set(struct inode *i, const char *name, const void *from, size_t n, int flags)
{
    struct xattr **at = find(i, name), *old = *at;
    if (old && flags & XATTR_CREATE)
        return -EEXIST;
    if (!old && flags & XATTR_REPLACE)
        return -ENODATA;
    struct xattr *x = old || has_room(i, name) ? make(name, from, n) : NULL;
    if (!x)
        return -ENOSPC;
    x->next = old ? old->next : NULL;
    *at = x;
    if (old)
        free_one(old);
    i->kept = true;
    i->ctime = fs_now();
    return 0;
}

int xattr_list(struct inode *i, char *to, size_t n)
{
    size_t all = 0;
    for (const struct xattr *x = i->xattrs; x; x = x->next) {
        if (!strncmp(x->name, "trusted.", 8) && !capable(current, CAP_SYS_ADMIN))
            continue;
        if (n && all + x->name_size > n)
            return -ERANGE;
        if (n)
            memcpy(to + all, x->name, x->name_size);
        all += x->name_size;
    }
    return (int)all;
}

int xattr_remove(struct inode *i, const char *name)
{
    struct xattr **at = find(i, name), *x = *at;
    if (!x)
        return -ENODATA;
    *at = x->next;
    free_one(x);
    i->kept = true;
    i->ctime = fs_now();
    return 0;
}

/* ---- who may ---- */

static int check(const struct path *p, const char *name, uint32_t may)
{
    struct inode *i = p->dentry->inode;
    int r = may & MAY_WRITE ? mount_write(p->mount) : 0;
    if (r)
        return r;
    if (!strncmp(name, "security.", 9) && name[9])
        return may & MAY_WRITE && !capable(current, CAP_SYS_ADMIN) ? -EPERM : 0;
    if (!strncmp(name, "trusted.", 8) && name[8])
        return capable(current, CAP_SYS_ADMIN) ? 0 : may & MAY_WRITE ? -EPERM : -ENODATA;
    if (strncmp(name, "user.", 5) != 0)
        return -EOPNOTSUPP;
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
        return may & MAY_WRITE ? -EPERM : -ENODATA;
    if (S_ISDIR(i->mode) && i->mode & S_ISVTX && may & MAY_WRITE && !inode_owned(i))
        return -EPERM;
    r = vfs_permission(i, may);
    return r ? r : name[5] ? 0 : -EINVAL;
}

static int name_in(char name[XATTR_NAME_MAX + 1], struct uptr from)
{
    int64_t n = copy_string_in(name, from, XATTR_NAME_MAX + 1);
    return n == -ENAMETOOLONG || !n ? -ERANGE : n < 0 ? (int)n : 0;
}

/* ---- the four operations on a path ---- */

typedef int64_t operation(const struct path *, const struct args *);

static int64_t set(const struct path *p, const struct args *a)
{
    char name[XATTR_NAME_MAX + 1];
    const struct inode_ops *ops = p->dentry->inode->ops;
    uint64_t n = a->v[3];
    int flags = arg_int(a, 4), r;
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if ((r = name_in(name, arg_ptr(a, 1))))
        return r;
    if (n > XATTR_SIZE_MAX)
        return -E2BIG;
    uint8_t *value = n ? heap_alloc(n) : NULL;
    if (n && !value)
        return -ENOMEM;
    r = n ? copy_in(value, arg_ptr(a, 2), n) : 0;
    if (!r)
        r = check(p, name, MAY_WRITE);
    if (!r)
        r = ops->set_xattr ? ops->set_xattr(p->dentry->inode, name, value, n, flags) : -EOPNOTSUPP;
    if (value)
        heap_release(value, n);
    return r;
}

static int64_t get(const struct path *p, const struct args *a)
{
    char name[XATTR_NAME_MAX + 1];
    const struct inode_ops *ops = p->dentry->inode->ops;
    uint64_t n = a->v[3] < XATTR_SIZE_MAX ? a->v[3] : XATTR_SIZE_MAX;
    int r = name_in(name, arg_ptr(a, 1));
    if (!r)
        r = check(p, name, MAY_READ);
    if (r)
        return r;
    uint8_t *value = n ? heap_alloc(n) : NULL;
    if (n && !value)
        return -ENOMEM;
    r = ops->get_xattr ? ops->get_xattr(p->dentry->inode, name, value, n) : -EOPNOTSUPP;
    if (r > 0 && n && copy_out(arg_ptr(a, 2), value, (size_t)r))
        r = -EFAULT;
    if (value)
        heap_release(value, n);
    return r;
}

static int64_t list(const struct path *p, const struct args *a)
{
    const struct inode_ops *ops = p->dentry->inode->ops;
    uint64_t n = a->v[2] < XATTR_LIST_MAX ? a->v[2] : XATTR_LIST_MAX;
    if (!ops->list_xattr)
        return 0;
    char *names = n ? heap_alloc(n) : NULL;
    if (n && !names)
        return -ENOMEM;
    int r = ops->list_xattr(p->dentry->inode, names, n);
    if (r > 0 && n && copy_out(arg_ptr(a, 1), names, (size_t)r))
        r = -EFAULT;
    if (names)
        heap_release(names, n);
    return r;
}

static int64_t remove(const struct path *p, const struct args *a)
{
    char name[XATTR_NAME_MAX + 1];
    const struct inode_ops *ops = p->dentry->inode->ops;
    int r = name_in(name, arg_ptr(a, 1));
    if (!r)
        r = check(p, name, MAY_WRITE);
    if (!r)
        r = ops->remove_xattr ? ops->remove_xattr(p->dentry->inode, name) : -EOPNOTSUPP;
    return r;
}

/* ---- calls: by path, by link, by descriptor ---- */

static int64_t by_path(const struct args *a, uint32_t flags, operation *op)
{
    PATH p = {0};
    int r = walk_user(AT_FDCWD, arg_ptr(a, 0), flags, &p);
    return r ? r : op(&p, a);
}

static int64_t by_fd(const struct args *a, operation *op)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    return f ? op(&f->path, a) : -EBADF;
}

#define XATTR_CALLS(name, op)                                                                                          \
    int64_t sys_##name(struct task *t, const struct args *a)                                                           \
    {                                                                                                                  \
        return by_path(a, WALK_FOLLOW, op);                                                                            \
    }                                                                                                                  \
    int64_t sys_l##name(struct task *t, const struct args *a)                                                          \
    {                                                                                                                  \
        return by_path(a, 0, op);                                                                                      \
    }                                                                                                                  \
    int64_t sys_f##name(struct task *t, const struct args *a)                                                          \
    {                                                                                                                  \
        return by_fd(a, op);                                                                                           \
    }
XATTR_CALLS(setxattr, set)
XATTR_CALLS(getxattr, get)
XATTR_CALLS(listxattr, list)
XATTR_CALLS(removexattr, remove)
