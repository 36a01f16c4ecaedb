/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root that can be changed: constant file systems below, memory above. There is one inode for a file whichever side
 * its contents are on: made by a lookup from the constant inode, it shares those bytes until it is first written, and
 * from then on it is a file in memory like any of tmpfs. So numbers, open files and links stay the same over a copy,
 * and a directory is renamed without copying anything.
 *
 * Names: a pinned dentry decides (with an inode: it is here; without: it was removed, a whiteout). Else the layers
 * below are asked, the highest first; the directories of several layers are merged. Files below have inode->bytes, or
 * are read by calls (overlay_file.c).
 */
#include "linux/fs/hostfs.h"
#include "linux/fs/imgfs.h"
#include "linux/fs/internal.h"

#include <string.h>

#define LAYERS_MAX   8
#define LAYER_SHIFT  40 /* inode numbers: layer << 40 | number there; those made here have a layer above all */
#define PINNED_FIRST (1ull << 56) /* cookies of names that are here; below: layer << 40 | cookie there */

/* What a directory is made of, highest layer first. */
struct overlay_directory {
    uint32_t n;
    uint32_t layer[LAYERS_MAX];
    struct inode *lower[LAYERS_MAX]; /* held */
};
/* A file below with several names: found again by its number, so that all its names are one inode. */
struct overlay_linked {
    struct list all;
    uint64_t ino;
    struct inode *inode; /* held */
};
struct overlay_own {
    uint32_t n;
    struct superblock *lower[LAYERS_MAX]; /* held; lowest first */
    struct list linked;
};

HEAP_TYPE(overlay_directory, FIELD(overlay_directory, n, FIELD_PLAIN), FIELD(overlay_directory, layer, FIELD_PLAIN),
          FIELD(overlay_directory, lower, FIELD_REF));
HEAP_TYPE(overlay_linked, FIELD(overlay_linked, all, FIELD_LIST), FIELD(overlay_linked, ino, FIELD_PLAIN),
          FIELD(overlay_linked, inode, FIELD_REF));
HEAP_TYPE(overlay_own, FIELD(overlay_own, n, FIELD_PLAIN), FIELD(overlay_own, lower, FIELD_REF),
          FIELD(overlay_own, linked, FIELD_LIST));

static const struct inode_ops overlay_directory_ops, overlay_file_ops, overlay_link_ops, overlay_special_ops;

/* ---- inodes from below ---- */

static void overlay_drop(struct inode *i)
{
    struct overlay_directory *d = S_ISDIR(i->mode) ? i->own : NULL;
    for (uint32_t k = 0; d && k < d->n; k++)
        inode_put(d->lower[k]);
    if (d)
        heap_free(&overlay_directory_type, d);
    object_free(i);
    if (i->ino >> LAYER_SHIFT >= LAYERS_MAX) /* a directory made here */
        i->sb->used_inodes--;
}

static uint64_t overlay_ino(uint32_t layer, uint64_t ino)
{
    return (uint64_t)layer << LAYER_SHIFT | ino;
}

/* What is seen of an inode below. */
static struct inode *inode_from(struct superblock *sb, uint32_t layer, const struct inode *lower)
{
    struct inode *i = inode_new(sb, lower->mode);
    if (!i)
        return NULL;
    i->ino = overlay_ino(layer, lower->ino);
    i->uid = lower->uid, i->gid = lower->gid, i->nlink = lower->nlink;
    bool counts = S_ISDIR(lower->mode) && lower->sb->type == &imgfs_type; /* its size is the number of its names */
    i->size = counts ? (lower->size + 2) * MEMORY_NAME_SIZE : lower->size;
    i->blocks = lower->blocks, i->rdev = lower->rdev;
    i->atime = lower->atime, i->mtime = lower->mtime, i->ctime = lower->ctime;
    i->bytes = lower->bytes, i->object = lower->object, i->object_offset = lower->object_offset;
    i->elf = lower->elf;
    i->own_n[0] = lower->own_n[0], i->own_n[1] = layer;
    i->seals = F_SEAL_SEAL;
    i->ops = S_ISREG(i->mode)   ? &overlay_file_ops
             : S_ISDIR(i->mode) ? &overlay_directory_ops
             : S_ISLNK(i->mode) ? &overlay_link_ops
                                : &overlay_special_ops;
    return i;
}

/* Takes the holder of `lower`. */
static int file_from(struct superblock *sb, uint32_t layer, struct inode *lower, struct inode **out)
{
    struct overlay_own *o = sb->own;
    uint64_t ino = overlay_ino(layer, lower->ino);
    bool several = lower->nlink > 1;
    if (several) {
        list_each (l, &o->linked, struct overlay_linked, all) {
            if (l->ino == ino) {
                inode_put(lower);
                *out = inode_get(l->inode);
                return 0;
            }
        }
    }
    *out = inode_from(sb, layer, lower);
    int r = *out && !lower->bytes && overlay_below ? overlay_below(*out, lower) : 0;
    inode_put(lower);
    if (r) {
        inode_put(*out);
        return r;
    }
    struct overlay_linked *l = *out && several ? heap_new(&overlay_linked_type) : NULL;
    if (l) {
        l->ino = ino;
        l->inode = inode_get(*out);
        list_append(&o->linked, &l->all);
    }
    return *out ? 0 : -ENOMEM;
}

/* A name in one layer: *out NULL, it is not there. No dentry is kept below. */
static int lookup_below(struct inode *lower_dir, const struct dentry *at, struct inode **out)
{
    struct dentry name = {.refs = 1, .name = at->name, .length = at->length, .sb = lower_dir->sb};
    int r = lower_dir->ops->lookup(lower_dir, &name);
    *out = r ? NULL : name.inode;
    return r;
}

/* The directory's layers below the first that was found. */
static int merge_below(const struct overlay_directory *in, uint32_t from, const struct dentry *at,
                       struct overlay_directory *out)
{
    for (uint32_t k = from; k < in->n; k++) {
        struct inode *lower;
        int r = lookup_below(in->lower[k], at, &lower);
        if (r)
            return r;
        if (!lower)
            continue;
        if (!S_ISDIR(lower->mode)) { /* a file, or a whiteout, ends the merge */
            inode_put(lower);
            return 0;
        }
        out->lower[out->n] = lower;
        out->layer[out->n++] = in->layer[k];
    }
    return 0;
}

static bool is_whiteout(const struct inode *i)
{
    return S_ISCHR(i->mode) && !i->rdev;
}

static int directory_from(struct superblock *sb, const struct overlay_directory *in, uint32_t k, struct inode *first,
                          const struct dentry *at, struct inode **out)
{
    struct inode *i = inode_from(sb, in->layer[k], first);
    struct overlay_directory *d = i ? heap_new(&overlay_directory_type) : NULL;
    if (!d) {
        inode_put(first);
        inode_put(i);
        return -ENOMEM;
    }
    i->own = d;
    i->bytes = i->object = NULL;
    d->lower[0] = first;
    d->layer[0] = in->layer[k];
    d->n = 1;
    int r = merge_below(in, k + 1, at, d);
    if (r)
        inode_put(i);
    else
        *out = i;
    return r;
}

static int overlay_lookup(struct inode *dir, struct dentry *at)
{
    const struct overlay_directory *d = dir->own;
    struct inode *lower = NULL, *i = NULL;
    uint32_t k = 0;
    for (int r; d && k < d->n && !lower; k++) {
        if ((r = lookup_below(d->lower[k], at, &lower)))
            return r;
    }
    if (lower && is_whiteout(lower)) {
        inode_put(lower);
        lower = NULL;
    }
    if (lower) {
        int r = S_ISDIR(lower->mode) ? directory_from(dir->sb, d, k - 1, lower, at, &i)
                                     : file_from(dir->sb, d->layer[k - 1], lower, &i);
        if (r)
            return r;
    }
    dentry_set(at, i);
    return 0;
}

/* ---- names that go ---- */

/* Whether the layers below would show the name again. */
static int is_below(const struct inode *dir, const struct dentry *at)
{
    const struct overlay_directory *d = dir->own;
    for (uint32_t k = 0; d && k < d->n; k++) {
        struct inode *lower;
        int r = lookup_below(d->lower[k], at, &lower);
        if (r)
            return r;
        if (lower) {
            bool there = !is_whiteout(lower);
            inode_put(lower);
            return there;
        }
    }
    return 0;
}

/* A whiteout for a name that is about to go; *out NULL: none is needed. */
static int whiteout_make(const struct inode *dir, const struct dentry *at, struct dentry **out)
{
    int r = is_below(dir, at);
    *out = r > 0 ? dentry_new(at->parent, at->name, at->length) : NULL;
    return r < 0 ? r : r && !*out ? -ENOMEM : 0;
}

static void whiteout_place(struct dentry *w, bool done)
{
    if (!w)
        return;
    if (done) {
        dentry_pin(w);
        dentry_hash(w);
    }
    dentry_put(w);
}

/* The last name is gone: nobody looks for it again. */
static void forget_linked(struct overlay_own *o, const struct inode *i)
{
    list_each (l, &o->linked, struct overlay_linked, all) {
        if (l->inode == i) {
            list_remove(&l->all);
            inode_put(l->inode);
            heap_free(&overlay_linked_type, l);
        }
    }
}

static int overlay_unlink(struct inode *dir, struct dentry *at)
{
    struct inode *i = at->inode;
    struct dentry *w;
    int r = whiteout_make(dir, at, &w);
    if (r)
        return r;
    inode_get(i);
    r = memory_unlink(dir, at);
    if (!i->nlink)
        forget_linked(dir->sb->own, i);
    inode_put(i);
    whiteout_place(w, !r);
    return r;
}

static int read_below(struct inode *lower, struct dir_context *ctx)
{
    struct file f = {.refs = 1, .inode = lower, .flags = O_NOATIME};
    int r = lower->ops->open(lower, &f);
    if (!r)
        r = f.ops->read_dir(&f, ctx);
    if (f.ops && f.ops->release)
        f.ops->release(&f);
    return r;
}

/* 0; -ENOTEMPTY, -EUCLEAN. */
static int check_empty(struct dentry *at)
{
    int r = directory_is_empty(at);
    return r < 0 ? r : r ? 0 : -ENOTEMPTY;
}

static int overlay_rmdir(struct inode *dir, struct dentry *at)
{
    struct dentry *w;
    int r = check_empty(at);
    if (!r)
        r = whiteout_make(dir, at, &w);
    if (r)
        return r;
    r = memory_rmdir(dir, at);
    whiteout_place(w, !r);
    return r;
}

static int overlay_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to,
                          uint32_t flags)
{
    struct dentry *w = NULL;
    int r = 0;
    if (!(flags & RENAME_EXCHANGE)) {
        if (to->inode && S_ISDIR(to->inode->mode))
            r = check_empty(to);
        if (!r)
            r = whiteout_make(from_dir, from, &w);
    }
    if (r)
        return r;
    r = memory_rename(from_dir, from, to_dir, to, flags);
    whiteout_place(w, !r);
    return r;
}

/* ---- reading a merged directory ---- */

struct merge {
    struct dir_context ctx;
    struct dir_context *out;
    struct dentry *dir;
    const struct overlay_directory *d;
    uint32_t k;
    int error;
    bool full;
};

/* Whether a layer above the k-th has the name, a name here stands in its place, or it is a whiteout itself. */
static int hidden(struct merge *m, const char *name, size_t length, uint32_t type)
{
    struct dentry *d = dentry_find(m->dir, name, length);
    bool here = d && d->pinned;
    dentry_put(d);
    if (here)
        return 1;
    for (uint32_t k = 0; k < m->k + (type == S_IFCHR >> 12); k++) {
        const struct dentry at = {.name = (char *)(uintptr_t)name, .length = (uint16_t)length};
        struct inode *lower;
        int r = lookup_below(m->d->lower[k], &at, &lower);
        bool seen = lower && (k < m->k || is_whiteout(lower));
        inode_put(lower);
        if (r || seen)
            return r ? r : 1;
    }
    return 0;
}

static bool merge_name(struct dir_context *ctx, const char *name, size_t length, uint64_t ino, uint32_t type,
                       uint64_t next)
{
    struct merge *m = (struct merge *)ctx;
    uint64_t base = (uint64_t)m->k << LAYER_SHIFT;
    int r = hidden(m, name, length, type);
    if (r < 0)
        m->error = r;
    else if (!r && !m->out->emit(m->out, name, length, overlay_ino(m->d->layer[m->k], ino), type, base | next))
        m->full = true;
    if (r >= 0 && !m->full)
        m->out->pos = base | next;
    return !m->error && !m->full;
}

static int overlay_read_dir(struct file *f, struct dir_context *ctx)
{
    struct inode *i = f->inode;
    struct merge m = {.out = ctx, .dir = f->path.dentry, .d = i->own};
    if (!dir_emit_dots(f, ctx))
        return 0;
    file_touch(f);
    for (m.k = (uint32_t)(ctx->pos >> LAYER_SHIFT); ctx->pos < PINNED_FIRST && m.d && m.k < m.d->n; m.k++) {
        uint64_t pos = ctx->pos >> LAYER_SHIFT == m.k ? ctx->pos & ((1ull << LAYER_SHIFT) - 1) : 2;
        m.ctx = (struct dir_context){.pos = pos < 2 ? 2 : pos, .emit = merge_name};
        int r = read_below(m.d->lower[m.k], &m.ctx);
        if (r || m.error || m.full)
            return r ? r : m.error;
    }
    memory_emit(f, ctx, PINNED_FIRST);
    return 0;
}

/* ---- tables ---- */

static const struct file_ops overlay_directory_open_ops = {
    .read_dir = overlay_read_dir, .seek = directory_seek, .sync = tmpfs_sync, .release = memory_directory_release};

static int overlay_directory_open(struct inode *i, struct file *f)
{
    f->ops = &overlay_directory_open_ops;
    return 0;
}

static int overlay_file_open(struct inode *i, struct file *f)
{
    f->ops = &tmpfs_open_ops;
    return 0;
}

static int64_t overlay_readlink(struct inode *i, char *to, size_t n)
{
    n = n < i->size ? n : i->size;
    memcpy(to, i->bytes, n);
    return (int64_t)n;
}

#define COMMON_OPS                                                                                                     \
    .set = tmpfs_set, .get_xattr = xattr_get, .set_xattr = xattr_set, .list_xattr = xattr_list,                        \
    .remove_xattr = xattr_remove, .drop = overlay_drop

static const struct inode_ops overlay_directory_ops = {
    .lookup = overlay_lookup,
    .create = memory_create,
    .mkdir = memory_mkdir,
    .symlink = memory_symlink,
    .link = memory_link,
    .unlink = overlay_unlink,
    .rmdir = overlay_rmdir,
    .rename = overlay_rename,
    .tmpfile = memory_tmpfile,
    .open = overlay_directory_open,
    COMMON_OPS,
};
static const struct inode_ops overlay_file_ops = {.open = overlay_file_open, COMMON_OPS};
static const struct inode_ops overlay_link_ops = {.readlink = overlay_readlink, COMMON_OPS};
static const struct inode_ops overlay_special_ops = {COMMON_OPS};

/* ---- the file system ---- */

int overlay_superblock(struct superblock *const *lower, uint32_t n, struct superblock **out)
{
    if (n > LAYERS_MAX)
        return -E2BIG;
    struct overlay_own *o = heap_new(&overlay_own_type);
    if (!o)
        return -ENOMEM;
    o->n = n;
    list_init(&o->linked);
    for (uint32_t k = 0; k < n; k++)
        o->lower[k] = lower[k], lower[k]->refs++;
    return superblock_new_own(&overlay_type, o, 0, out);
}

static int overlay_mount(struct superblock *sb, const char *source, const char *options)
{
    const struct overlay_own *o = sb->own;
    struct overlay_directory *d = o->n ? heap_new(&overlay_directory_type) : NULL;
    if (!d)
        return o->n ? -ENOMEM : -EINVAL;
    for (uint32_t k = 0; k < o->n; k++) {
        d->layer[k] = o->n - 1 - k;
        d->lower[k] = inode_get(o->lower[o->n - 1 - k]->root->inode);
    }
    d->n = o->n;
    sb->next_ino = overlay_ino(LAYERS_MAX, 0);
    sb->limit_bytes = fs_state.limit;
    struct inode *root = inode_from(sb, d->layer[0], d->lower[0]);
    if (!root)
        return -ENOMEM;
    root->own = d;
    return tmpfs_root(sb, root);
}

static void overlay_sb_drop(struct superblock *sb)
{
    struct overlay_own *o = sb->own;
    list_each (l, &o->linked, struct overlay_linked, all) {
        list_remove(&l->all);
        inode_put(l->inode);
        heap_free(&overlay_linked_type, l);
    }
    for (uint32_t k = 0; k < o->n; k++)
        superblock_put(o->lower[k]);
    heap_free(&overlay_own_type, o);
}

const struct fs_type overlay_type = {
    .name = "overlay", .magic = 0x794c7630, .mount = overlay_mount, .statfs = memory_statfs, .drop = overlay_sb_drop};

const struct image_sites *imgfs_sites(struct inode *i, struct memobj **object)
{
    if (!i->bytes || !S_ISREG(i->mode)) /* written since: it has contents of its own */
        return NULL;
    const struct superblock *sb = i->sb;
    if (sb->type == &overlay_type) {
        const struct overlay_own *o = sb->own;
        sb = o->lower[i->own_n[1]];
    }
    if (sb->type != &imgfs_type)
        return NULL;
    const struct imgfs_image *f = sb->own;
    if (f->object_offset) /* offsets of rows are those of the object only in the first image */
        return NULL;
    *object = f->object;
    return imgfs_sites_of(f, (uint32_t)i->own_n[0]);
}
