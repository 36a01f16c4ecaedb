/* SPDX-License-Identifier: Apache-2.0 */
/* Reading directories, getdents64(2), and the task's place in the tree: getcwd, chdir, chroot, umask. */
#include "linux/fs/internal.h"

#include <string.h>

NEEDS_ANONYMOUS;

/* ---- getdents ---- */

enum layout { OLD, NEW };
struct dirent_head { /* struct linux_dirent64 before its name; the old one has no type here */
    uint64_t ino;
    int64_t next;
    uint16_t record;
    uint8_t type;
} __attribute__((packed));

struct listing {
    struct dir_context ctx;
    struct uptr to;
    uint32_t left, done;
    enum layout layout;
    int error;
};

/* One record: head, name, NUL; the old layout has the type in its last byte. */
static bool emit(struct dir_context *ctx, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
    struct listing *l = (struct listing *)ctx;
    size_t head = l->layout == NEW ? 19 : 18, n = (head + length + (l->layout == NEW ? 1 : 2) + 7) & ~(size_t)7;
    uint8_t record[sizeof(struct dirent_head) + NAME_MAX_ + 16] = {0};
    struct dirent_head h = {.ino = ino, .next = (int64_t)next, .record = (uint16_t)n, .type = (uint8_t)type};
    if (length > NAME_MAX_) {
        l->error = -EUCLEAN;
        return false;
    }
    if (n > l->left) {
        l->error = -EINVAL;
        return false;
    }
    memcpy(record, &h, head);
    memcpy(record + head, name, length);
    if (l->layout == OLD)
        record[n - 1] = (uint8_t)type;
    l->error = copy_out(l->to, record, n);
    if (l->error)
        return false;
    l->to = uptr_add(l->to, n);
    l->left -= (uint32_t)n, l->done += (uint32_t)n;
    return true;
}

static int64_t getdents(const struct args *a, enum layout layout)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (!f->ops->read_dir)
        return -ENOTDIR;
    if (f->path.dentry->unlinked)
        return -ENOENT;
    struct listing l = {
        .ctx = {.pos = f->pos, .emit = emit}, .to = arg_ptr(a, 1), .left = arg_u32(a, 2), .layout = layout};
    int r = f->ops->read_dir(f, &l.ctx);
    f->pos = l.ctx.pos;
    watch_file(f, IN_ACCESS);
    if (l.done)
        return l.done;
    return r ? r : l.error;
}

int64_t sys_getdents64(struct task *t, const struct args *a)
{
    return getdents(a, NEW);
}

int64_t sys_getdents(struct task *t, const struct args *a)
{
    return getdents(a, OLD);
}

struct emptiness {
    struct dir_context ctx;
    bool found;
};

static bool find_any(struct dir_context *ctx, const char *name, size_t n, uint64_t ino, uint32_t type, uint64_t next)
{
    if (name_is_dots(name, n))
        return true;
    ((struct emptiness *)ctx)->found = true;
    return false;
}

int directory_is_empty(struct dentry *dir)
{
    struct mount nowhere = {.flags = MS_NOATIME, .sb = dir->sb};
    struct file f = {.refs = 1, .path = {&nowhere, dir}, .inode = dir->inode};
    struct emptiness e = {.ctx.emit = find_any};
    int r = dir->inode->ops->open ? dir->inode->ops->open(dir->inode, &f) : -ENOTDIR;
    if (!r)
        r = f.ops->read_dir ? f.ops->read_dir(&f, &e.ctx) : -ENOTDIR;
    if (f.ops && f.ops->release)
        f.ops->release(&f);
    return r ? r : !e.found;
}

/* ---- the task's place ---- */

int64_t sys_getcwd(struct task *t, const struct args *a)
{
    char small[256], *buf = small, *name;
    size_t room = sizeof(small), size = a->v[1];
    if (t->fs->cwd.dentry->unlinked)
        return -ENOENT;
    name = path_name(&t->fs->cwd, buf, room);
    if (!name) {
        room = PATH_MAX_;
        buf = heap_alloc(room);
        if (!buf)
            return -ENOMEM;
        name = path_name(&t->fs->cwd, buf, room);
    }
    int64_t n = name ? (int64_t)(buf + room - name) : -ENAMETOOLONG;
    if (n > 0 && (size_t)n > size)
        n = -ERANGE;
    if (n > 0 && copy_out(arg_ptr(a, 0), name, (size_t)n))
        n = -EFAULT;
    if (buf != small)
        heap_release(buf, room);
    return n;
}

static int change_place(struct path *place, const struct path *to)
{
    int r = vfs_permission(to->dentry->inode, MAY_EXEC);
    if (r)
        return r;
    struct path old = *place;
    path_get(to);
    *place = *to;
    path_put(&old);
    return 0;
}

int64_t sys_chdir(struct task *t, const struct args *a)
{
    PATH p = {0};
    int r = walk_user(AT_FDCWD, arg_ptr(a, 0), WALK_FOLLOW | WALK_DIRECTORY, &p);
    return r ? r : change_place(&t->fs->cwd, &p);
}

int64_t sys_fchdir(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get_path(arg_int(a, 0));
    if (!f)
        return -EBADF;
    return S_ISDIR(f->inode->mode) ? change_place(&t->fs->cwd, &f->path) : -ENOTDIR;
}

int64_t sys_chroot(struct task *t, const struct args *a)
{
    PATH p = {0};
    int r = walk_user(AT_FDCWD, arg_ptr(a, 0), WALK_FOLLOW | WALK_DIRECTORY, &p);
    if (!r)
        r = vfs_permission(p.dentry->inode, MAY_EXEC);
    if (!r && !capable(t, CAP_SYS_CHROOT))
        r = -EPERM;
    return r ? r : change_place(&t->fs->root, &p);
}

int64_t sys_umask(struct task *t, const struct args *a)
{
    uint32_t before = t->fs->umask;
    t->fs->umask = arg_u32(a, 0) & 0777;
    return before;
}
