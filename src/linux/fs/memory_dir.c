/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories in memory: their names are pinned dentries, in the order in which they came; a dentry's cookie is its
 * place for getdents, so that a reader sees each name once whatever is made and removed meanwhile. tmpfs and the
 * overlay share this. Who may do it has been decided (names.c); what is left here is full, not empty, and the counts of
 * links.
 */
#include "linux/fs/internal.h"

#include <string.h>

static void directory_changed(struct inode *dir, int64_t names)
{
    dir->size = (uint64_t)((int64_t)dir->size + names * MEMORY_NAME_SIZE);
    dir->kept = true;
    inode_changed(dir);
}

int tmpfs_add(struct inode *dir, struct dentry *at, struct inode *i)
{
    if (!i)
        return -ENOSPC;
    dentry_set(at, i);
    dentry_pin(at);
    directory_changed(dir, 1);
    if (S_ISDIR(i->mode))
        dir->nlink++;
    return 0;
}

int memory_create(struct inode *dir, struct dentry *at, uint32_t mode, uint64_t rdev)
{
    return tmpfs_add(dir, at, tmpfs_inode(dir->sb, dir, mode, rdev));
}

int memory_mkdir(struct inode *dir, struct dentry *at, uint32_t mode)
{
    return tmpfs_add(dir, at, tmpfs_inode(dir->sb, dir, S_IFDIR | (mode & 07777), 0));
}

int memory_symlink(struct inode *dir, struct dentry *at, const char *target)
{
    return tmpfs_add(dir, at, tmpfs_symlink_inode(dir->sb, dir, target));
}

int memory_tmpfile(struct inode *dir, struct dentry *at, uint32_t mode)
{
    struct inode *i = tmpfs_inode(dir->sb, dir, mode, 0);
    if (!i)
        return -ENOSPC;
    i->nlink = 0;
    dentry_set(at, i);
    return 0;
}

int memory_link(struct inode *dir, struct dentry *at, struct inode *i)
{
    i->nlink++;
    i->kept = true;
    i->ctime = fs_now();
    return tmpfs_add(dir, at, inode_get(i));
}

bool tmpfs_has_names(const struct dentry *dir)
{
    list_each (d, &dir->children, struct dentry, siblings) {
        if (d->inode && d->pinned)
            return true;
    }
    return false;
}

static void lose_link(struct inode *i)
{
    if (i->nlink)
        i->nlink--;
    i->kept = true;
    i->ctime = fs_now();
}

int memory_unlink(struct inode *dir, struct dentry *at)
{
    lose_link(at->inode);
    directory_changed(dir, -1);
    dentry_drop(at);
    return 0;
}

/* The directory is empty: it and what is remembered of its names go. */
static void remove_directory(struct inode *dir, struct dentry *at)
{
    at->inode->nlink = 0;
    lose_link(at->inode);
    dir->nlink -= dir->nlink > 2;
    dentry_forget_children(at);
    dentry_drop(at);
}

int memory_rmdir(struct inode *dir, struct dentry *at)
{
    if (tmpfs_has_names(at))
        return -ENOTEMPTY;
    remove_directory(dir, at);
    directory_changed(dir, -1);
    return 0;
}

static void move_link_of_directory(struct inode *from_dir, struct inode *to_dir)
{
    from_dir->nlink -= from_dir->nlink > 2;
    to_dir->nlink++;
}

static void swap_in_memory(struct inode *a_dir, struct dentry *a, struct inode *b_dir, struct dentry *b)
{
    if (S_ISDIR(a->inode->mode))
        move_link_of_directory(a_dir, b_dir);
    if (S_ISDIR(b->inode->mode))
        move_link_of_directory(b_dir, a_dir);
    a->inode->ctime = b->inode->ctime = fs_now();
    a->inode->kept = b->inode->kept = true;
    directory_changed(a_dir, 0);
    directory_changed(b_dir, 0);
    dentry_pin(a);
    dentry_pin(b);
    dentry_swap(a, b);
}

int memory_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to, uint32_t flags)
{
    struct inode *i = from->inode;
    bool directory = S_ISDIR(i->mode), replaces = to->inode;
    if (flags & RENAME_WHITEOUT)
        return -EINVAL;
    if (flags & RENAME_EXCHANGE) {
        swap_in_memory(from_dir, from, to_dir, to);
        return 0;
    }
    if (replaces && directory && tmpfs_has_names(to))
        return -ENOTEMPTY;
    dentry_get(to);
    if (replaces && directory) {
        to->inode->nlink = 0;
        to_dir->nlink -= to_dir->nlink > 2;
        dentry_forget_children(to);
    }
    if (replaces)
        lose_link(to->inode);
    if (directory)
        move_link_of_directory(from_dir, to_dir);
    i->ctime = fs_now();
    i->kept = true;
    dentry_pin(from);
    dentry_move(from, to);
    dentry_put(to);
    directory_changed(from_dir, -1);
    directory_changed(to_dir, replaces ? 0 : 1);
    return 0;
}

/* ---- reading ---- */

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
    const struct dentry *d = f->path.dentry;
    if (ctx->pos == 0) {
        if (!ctx->emit(ctx, ".", 1, f->inode->ino, S_IFDIR >> 12, 1))
            return false;
        ctx->pos = 1;
    }
    if (ctx->pos == 1) {
        if (!ctx->emit(ctx, "..", 2, d->parent->inode->ino, S_IFDIR >> 12, 2))
            return false;
        ctx->pos = 2;
    }
    return true;
}

/* The first pinned name at or behind the place. What is after the name at which the last call stopped (the cursor) is
 * found at once: names come at the end, so none can have come between. */
static struct dentry *pinned_from(struct file *f, uint64_t base, uint64_t pos)
{
    struct dentry *cursor = f->own, *dir = f->path.dentry;
    if (cursor && cursor->hashed && cursor->pinned && cursor->parent == dir && f->own_n[0] == pos)
        return cursor;
    list_each (d, &dir->children, struct dentry, siblings) {
        if (d->pinned && base + d->cookie >= pos)
            return d;
    }
    return NULL;
}

static void set_cursor(struct file *f, struct dentry *d, uint64_t pos)
{
    struct dentry *old = f->own;
    f->own = dentry_get(d);
    f->own_n[0] = pos;
    dentry_put(old);
}

void memory_emit(struct file *f, struct dir_context *ctx, uint64_t base)
{
    const struct list *end = &f->path.dentry->children;
    struct dentry *d = pinned_from(f, base, ctx->pos);
    while (d) {
        uint64_t at = base + d->cookie;
        if (d->inode && !ctx->emit(ctx, d->name, d->length, d->inode->ino, d->inode->mode >> 12 & 15, at + 1)) {
            set_cursor(f, d, ctx->pos);
            return;
        }
        ctx->pos = at + 1;
        d = d->siblings.next == end ? NULL : list_entry(d->siblings.next, struct dentry, siblings);
    }
}

void memory_directory_release(struct file *f)
{
    dentry_put(f->own);
    f->own = NULL;
}

static int memory_read_dir(struct file *f, struct dir_context *ctx)
{
    if (dir_emit_dots(f, ctx))
        memory_emit(f, ctx, 0);
    file_touch(f);
    return 0;
}

int64_t directory_seek(struct file *f, int64_t offset, int whence)
{
    if (whence == SEEK_CUR && offset > INT64_MAX - (int64_t)f->pos)
        return -EINVAL;
    int64_t to = whence == SEEK_SET ? offset : whence == SEEK_CUR ? (int64_t)f->pos + offset : -1;
    return to < 0 ? -EINVAL : (int64_t)(f->pos = (uint64_t)to);
}

static const struct file_ops memory_directory_open_ops = {
    .read_dir = memory_read_dir, .seek = directory_seek, .sync = tmpfs_sync, .release = memory_directory_release};

static int memory_directory_open(struct inode *i, struct file *f)
{
    f->ops = &memory_directory_open_ops;
    return 0;
}

const struct inode_ops tmpfs_directory_ops = {
    .create = memory_create,
    .mkdir = memory_mkdir,
    .symlink = memory_symlink,
    .link = memory_link,
    .unlink = memory_unlink,
    .rmdir = memory_rmdir,
    .rename = memory_rename,
    .tmpfile = memory_tmpfile,
    .open = memory_directory_open,
    .set = tmpfs_set,
    .get_xattr = xattr_get,
    .set_xattr = xattr_set,
    .list_xattr = xattr_list,
    .remove_xattr = xattr_remove,
    .drop = tmpfs_drop,
};
