/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in memory, tmpfs(5): inodes and their contents; the names are in memory_dir.c. The overlay is made of the same
 * inodes: one that still has its constant contents (inode->bytes) gets contents of its own when it is first written.
 */
#include "linux/fs/internal.h"
#include "linux/mm/mm.h"

#include <linux/falloc.h>
#include <string.h>

#define TMPFS_MAGIC 0x01021994

/* ---- inodes ---- */

struct inode *tmpfs_inode(struct superblock *sb, struct inode *dir, uint32_t mode, uint64_t rdev)
{
    if (sb->limit_inodes && sb->used_inodes >= sb->limit_inodes)
        return NULL;
    struct inode *i = inode_new(sb, mode_of_new(dir, mode));
    if (!i)
        return NULL;
    sb->used_inodes++;
    if (dir && dir->mode & S_ISGID)
        i->gid = dir->gid;
    i->rdev = rdev;
    i->kept = true;
    i->seals = F_SEAL_SEAL;
    i->ops = S_ISREG(mode)   ? &tmpfs_file_ops
             : S_ISDIR(mode) ? (dir ? dir->ops : &tmpfs_directory_ops)
             : S_ISLNK(mode) ? &tmpfs_link_ops
                             : &tmpfs_special_ops;
    if (S_ISDIR(mode))
        i->nlink = 2, i->size = 2 * MEMORY_NAME_SIZE;
    return i;
}

struct inode *tmpfs_symlink_inode(struct superblock *sb, struct inode *dir, const char *target)
{
    size_t n = strlen(target);
    struct inode *i = tmpfs_inode(sb, dir, S_IFLNK | 0777, 0);
    char *copy = i ? heap_alloc(n + 1) : NULL;
    if (!copy) {
        inode_put(i);
        return NULL;
    }
    memcpy(copy, target, n);
    i->size = n;
    i->bytes = i->own = copy;
    return i;
}

void tmpfs_drop(struct inode *i)
{
    if (S_ISLNK(i->mode) && i->own)
        heap_release(i->own, i->size + 1);
    object_free(i);
    i->sb->used_inodes--;
}

/* From now on the contents are its own: `keep` bytes of the constant ones are copied. */
static int own_contents(struct inode *i, uint64_t keep)
{
    struct inode before = *i;
    struct uio u;
    if (!i->bytes)
        return 0;
    uio_kernel(&u, (void *)(uintptr_t)i->bytes, keep);
    i->bytes = NULL, i->object = NULL, i->object_offset = i->blocks = i->size = 0;
    int64_t n = 0;
    while (u.left && (n = object_write(i, &u, i->size)) > 0)
        continue;
    i->kept = true;
    if (n >= 0)
        return 0;
    object_free(i);
    i->bytes = before.bytes, i->object = before.object, i->object_offset = before.object_offset;
    i->size = before.size, i->blocks = before.blocks;
    return (int)n;
}

static int set_size(struct inode *i, uint64_t size)
{
    if ((size < i->size && i->seals & F_SEAL_SHRINK) || (size > i->size && i->seals & F_SEAL_GROW))
        return -EPERM;
    int r = own_contents(i, size < i->size ? size : i->size);
    return r ? r : object_resize(i, size);
}

int tmpfs_set(struct inode *i, const struct inode_change *c)
{
    if (c->what & CHANGE_SIZE) {
        int r = set_size(i, c->size);
        if (r)
            return r;
    }
    if (c->what & CHANGE_MODE)
        i->mode = (i->mode & S_IFMT) | (c->mode & 07777);
    if (c->what & CHANGE_UID)
        i->uid = c->uid;
    if (c->what & CHANGE_GID)
        i->gid = c->gid;
    if (c->what & CHANGE_ATIME)
        i->atime = c->atime;
    if (c->what & CHANGE_MTIME)
        i->mtime = c->mtime;
    if (c->what & CHANGE_CTIME)
        i->ctime = c->ctime;
    i->kept = true;
    return 0;
}

/* ---- open files ---- */

static int64_t tmpfs_read(struct file *f, struct uio *u, uint64_t *pos)
{
    int64_t n = object_read(f->inode, u, *pos);
    if (n > 0)
        *pos += (uint64_t)n;
    file_touch(f);
    return n;
}

static int check_seals(const struct inode *i, uint64_t end)
{
    if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) || (i->seals & F_SEAL_GROW && end > i->size))
        return -EPERM;
    return 0;
}

static int64_t tmpfs_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct inode *i = f->inode;
    if (f->flags & O_APPEND)
        *pos = i->size;
    if (!u->left)
        return 0;
    int r = file_size_limit(u, *pos);
    if (!r && i->seals & ~(uint32_t)F_SEAL_SEAL)
        r = check_seals(i, *pos + u->left);
    if (!r && i->bytes)
        r = own_contents(i, i->size);
    if (r)
        return r;
    if (i->mode & (S_ISUID | S_ISGID))
        inode_kill_privileges(i);
    int64_t n = object_write(i, u, *pos);
    if (n > 0) {
        *pos += (uint64_t)n;
        inode_changed(i);
    }
    return n;
}

int64_t tmpfs_seek(struct file *f, int64_t offset, int whence)
{
    struct inode *i = f->inode;
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return vfs_seek(f, offset, whence);
    if (offset < 0 || (uint64_t)offset >= i->size)
        return -ENXIO;
    uint64_t to = whence == SEEK_DATA ? object_next_data(i, (uint64_t)offset) : object_next_hole(i, (uint64_t)offset);
    if (whence == SEEK_DATA && to >= i->size)
        return -ENXIO;
    return (int64_t)(f->pos = to);
}

static int tmpfs_map(struct file *f, struct vma *vma)
{
    struct inode *i = f->inode;
    bool writes = vma->flags & VMA_SHARED && !(vma->flags & VMA_MAYWRITE_NOT);
    if (writes && i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    int r = writes || !i->object || i->object_offset % PAGE_SIZE ? own_contents(i, i->size) : 0;
    if (!r)
        r = object_make(i);
    if (r)
        return r;
    vma->object = i->object;
    vma->offset += i->object_offset;
    file_touch(f);
    return 0;
}

int tmpfs_sync(struct file *f, bool data)
{
    return 0;
}

int tmpfs_allocate(struct file *f, int mode, uint64_t offset, uint64_t n)
{
    struct inode *i = f->inode;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    uint64_t end = offset + n;
    bool punch = mode & FALLOC_FL_PUNCH_HOLE;
    if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) && punch)
        return -EPERM;
    if (i->seals & F_SEAL_GROW && end > i->size && !punch)
        return -EPERM;
    int r = own_contents(i, i->size);
    if (r)
        return r;
    if (mode & FALLOC_FL_KEEP_SIZE && end > i->size)
        end = i->size; /* nothing is kept behind the end */
    if (end > offset)
        r = punch ? object_discard(i, offset, end) : object_reserve(i, offset, end);
    if (!r && end > i->size)
        i->size = end;
    if (!r)
        inode_changed(i);
    return r;
}

const struct file_ops tmpfs_open_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .map = tmpfs_map,
    .sync = tmpfs_sync,
    .allocate = tmpfs_allocate,
};

static int tmpfs_open(struct inode *i, struct file *f)
{
    f->ops = &tmpfs_open_ops;
    return 0;
}

static int64_t tmpfs_readlink(struct inode *i, char *to, size_t n)
{
    n = n < i->size ? n : i->size;
    memcpy(to, i->bytes, n);
    return (int64_t)n;
}

#define XATTR_OPS .get_xattr = xattr_get, .set_xattr = xattr_set, .list_xattr = xattr_list, .remove_xattr = xattr_remove

const struct inode_ops tmpfs_file_ops = {.open = tmpfs_open, .set = tmpfs_set, .drop = tmpfs_drop, XATTR_OPS};
const struct inode_ops tmpfs_link_ops = {.readlink = tmpfs_readlink, .set = tmpfs_set, .drop = tmpfs_drop, XATTR_OPS};
const struct inode_ops tmpfs_special_ops = {.set = tmpfs_set, .drop = tmpfs_drop, XATTR_OPS};

/* ---- the file system ---- */

/* Digits of a base at *p, which moves on; false: none, or too many. */
static bool option_number(const char **p, uint32_t base, uint64_t *value)
{
    const char *s = *p;
    uint64_t v = 0;
    for (; *s >= '0' && *s < (char)('0' + base); s++) {
        if (v > (UINT64_MAX >> 4) / base)
            return false;
        v = v * base + (uint64_t)(*s - '0');
    }
    bool any = s != *p;
    *p = s, *value = v;
    return any;
}

static bool option_size(const char **p, uint64_t *value)
{
    if (!option_number(p, 10, value))
        return false;
    if (**p == '%') {
        ++*p;
        *value = *value > 100 ? fs_state.memory_size : fs_state.memory_size / 100 * *value;
        return true;
    }
    uint32_t shift = **p == 'k' || **p == 'K' ? 10 : **p == 'm' || **p == 'M' ? 20 : **p == 'g' || **p == 'G' ? 30 : 0;
    if (shift)
        ++*p;
    if (*value > UINT64_MAX >> 1 >> shift)
        return false;
    *value <<= shift;
    return true;
}

static bool option_is(const char **p, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(*p, name, n) != 0 || (*p)[n] != '=')
        return false;
    *p += n + 1;
    return true;
}

int tmpfs_options(struct superblock *sb, struct inode *root, const char *p)
{
    while (p && *p) {
        uint64_t v = 0;
        bool good;
        if (option_is(&p, "size"))
            good = option_size(&p, &v), sb->limit_bytes = v;
        else if (option_is(&p, "nr_inodes"))
            good = option_size(&p, &v), sb->limit_inodes = v;
        else if (option_is(&p, "mode"))
            good = option_number(&p, 8, &v), root->mode = S_IFDIR | ((uint32_t)v & 07777);
        else if (option_is(&p, "uid"))
            good = option_number(&p, 10, &v), root->uid = (uint32_t)v;
        else if (option_is(&p, "gid"))
            good = option_number(&p, 10, &v), root->gid = (uint32_t)v;
        else
            good = false;
        if (!good || (*p && *p != ','))
            return -EINVAL;
        p += *p == ',';
    }
    return 0;
}

int tmpfs_root(struct superblock *sb, struct inode *root)
{
    sb->root = root ? dentry_new(NULL, "", 0) : NULL;
    if (!sb->root) {
        inode_put(root);
        return -ENOMEM;
    }
    sb->root->sb = sb;
    dentry_set(sb->root, root);
    return 0;
}

static int tmpfs_mount(struct superblock *sb, const char *source, const char *options)
{
    sb->limit_bytes = fs_state.limit;
    int r = tmpfs_root(sb, tmpfs_inode(sb, NULL, S_IFDIR | 01777, 0));
    return r ? r : tmpfs_options(sb, sb->root->inode, options);
}

int tmpfs_anonymous(const char *name, struct file **out)
{
    struct superblock *sb = fs_state.memory;
    int r = sb ? 0 : superblock_new(&tmpfs_type, NULL, NULL, 0, &sb);
    if (r)
        return r;
    fs_state.memory = sb;
    sb->limit_bytes = fs_state.limit * 2; /* as much as all memory */
    struct inode *i = tmpfs_inode(sb, NULL, S_IFREG | 0777, 0);
    struct file *f = i ? file_anonymous(name, 0, &tmpfs_open_ops, O_RDWR | O_LARGEFILE, NULL) : NULL;
    if (!f) {
        inode_put(i);
        return -ENOMEM;
    }
    i->seals = 0;
    i->nlink = 0;
    i->writers = 1;
    dentry_set(f->path.dentry, i);
    f->inode = i;
    *out = f;
    return 0;
}

int memory_statfs(struct superblock *sb, struct statfs *s)
{
    uint64_t most = sb->limit_bytes ? sb->limit_bytes : fs_state.memory_size;
    uint64_t inodes = sb->limit_inodes ? sb->limit_inodes : most / PAGE_SIZE;
    s->f_blocks = (long)(most / PAGE_SIZE);
    s->f_bfree = s->f_bavail = (long)(most > sb->used_bytes ? (most - sb->used_bytes) / PAGE_SIZE : 0);
    s->f_files = (long)inodes;
    s->f_ffree = (long)(inodes > sb->used_inodes ? inodes - sb->used_inodes : 0);
    return 0;
}

const struct fs_type tmpfs_type = {
    .name = "tmpfs", .magic = TMPFS_MAGIC, .mount = tmpfs_mount, .statfs = memory_statfs};
