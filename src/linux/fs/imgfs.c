/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the image in place, by fs/imgfs_format.h. The image is foreign: each record is copied, the copy is checked
 * against the image's size, and only the copy is used; what does not fit is -EUCLEAN. A directory's number has to be
 * greater than its parent's, so a tree has no cycle. A search in a directory is binary: in one that is not sorted names
 * are not found, and that is all. Nothing here writes.
 */
#include "linux/fs/imgfs.h"

#include "linux/core/text.h"
#include "linux/fs/internal.h"

#include <linux/elf-em.h>
#include <string.h>

#define IMGFS_MAGIC 0x4d4f4154

HEAP_TYPE(imgfs_image, FIELD(imgfs_image, bytes, FIELD_HANDLE), FIELD(imgfs_image, size, FIELD_PLAIN),
          FIELD(imgfs_image, object, FIELD_HANDLE), FIELD(imgfs_image, object_offset, FIELD_PLAIN),
          FIELD(imgfs_image, inodes, FIELD_PLAIN), FIELD(imgfs_image, entries, FIELD_PLAIN),
          FIELD(imgfs_image, names, FIELD_PLAIN), FIELD(imgfs_image, sites, FIELD_PLAIN));

/* ---- checking ---- */

static bool within(uint64_t offset, uint64_t n, uint64_t size)
{
    return offset <= size && n <= size - offset;
}

static int bad(char *why, size_t why_size, int error, const char *what)
{
    text_format(why, why_size, "the image is not usable: %s", what);
    return error;
}

/* A section of records of at least `least` bytes. */
static bool part_of(const struct image_header *h, enum image_section_kind kind, uint32_t least, struct imgfs_part *out)
{
    const struct image_section *s = &h->sections[kind];
    *out = (struct imgfs_part){.offset = s->offset, .record = s->record};
    if (!s->size)
        return true;
    if (s->record < least || s->record > 4096 || s->offset % 8 || !within(s->offset, s->size, h->size) ||
        s->size / s->record > UINT32_MAX)
        return false;
    out->n = (uint32_t)(s->size / s->record);
    return true;
}

int imgfs_check(const void *bytes, uint64_t size, struct imgfs_image *out, uint64_t *used, char *why, size_t why_size)
{
    struct image_header h;
    if (size < sizeof(h))
        return bad(why, why_size, -EUCLEAN, "it is shorter than its header");
    memcpy(&h, bytes, sizeof(h));
    if (memcmp(h.magic, IMAGE_MAGIC, sizeof(h.magic)) != 0)
        return bad(why, why_size, -EUCLEAN, "it does not begin as one");
    if (h.version != IMAGE_VERSION)
        return bad(why, why_size, -ENOEXEC, "it is of another version of the format");
    if (h.machine != EM_X86_64)
        return bad(why, why_size, -ENOEXEC, "it is for another machine");
    if (h.size < sizeof(h) || h.size > size)
        return bad(why, why_size, -EUCLEAN, "it is truncated");
    *out = (struct imgfs_image){.bytes = bytes, .size = h.size};
    if (h.n_sections < IMAGE_SECTIONS || !part_of(&h, IMAGE_INODES, sizeof(struct image_inode), &out->inodes) ||
        !part_of(&h, IMAGE_ENTRIES, sizeof(struct image_entry), &out->entries) ||
        !part_of(&h, IMAGE_NAMES, 1, &out->names) || !part_of(&h, IMAGE_SITES, sizeof(struct image_sites), &out->sites))
        return bad(why, why_size, -EUCLEAN, "a section lies outside it");
    if (!out->inodes.n)
        return bad(why, why_size, -EUCLEAN, "it has no root directory");
    *used = h.size;
    return 0;
}

/* ---- records ---- */

static bool record_read(const struct imgfs_image *f, const struct imgfs_part *p, uint32_t at, void *to, size_t n)
{
    if (at >= p->n)
        return false;
    memcpy(to, f->bytes + p->offset + (uint64_t)at * p->record, n);
    return true;
}

static bool kind_is_known(uint32_t mode)
{
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) ||
           S_ISSOCK(mode);
}

static int inode_read(const struct imgfs_image *f, uint32_t number, struct image_inode *out)
{
    if (!record_read(f, &f->inodes, number, out, sizeof(*out)) || out->mode & ~(uint32_t)(S_IFMT | 07777) ||
        !kind_is_known(out->mode))
        return -EUCLEAN;
    if (S_ISDIR(out->mode))
        return within(out->offset, out->size, f->entries.n) ? 0 : -EUCLEAN;
    if (S_ISREG(out->mode) || S_ISLNK(out->mode)) {
        if (!within(out->offset, out->size, f->size))
            return -EUCLEAN;
        if (S_ISLNK(out->mode) &&
            (!out->size || out->size >= PATH_MAX_ || memchr(f->bytes + out->offset, 0, out->size)))
            return -EUCLEAN;
    }
    return 0;
}

struct name {
    const char *at;
    size_t length;
    struct image_entry entry;
};

/* Entry `at` of all; its name is a possible one, its inode another than the root. */
static int entry_read(const struct imgfs_image *f, uint32_t at, struct name *out)
{
    struct image_entry *e = &out->entry;
    if (!record_read(f, &f->entries, at, e, sizeof(*e)) || !e->inode || e->inode >= f->inodes.n)
        return -EUCLEAN;
    if (!e->length || e->length > NAME_MAX_ || !within(e->name, e->length, (uint64_t)f->names.n * f->names.record))
        return -EUCLEAN;
    out->at = (const char *)f->bytes + f->names.offset + e->name;
    out->length = e->length;
    if (name_is_dots(out->at, out->length) || memchr(out->at, '/', out->length) || memchr(out->at, 0, out->length))
        return -EUCLEAN;
    return 0;
}

static int compare(const char *a, size_t a_n, const char *b, size_t b_n)
{
    int r = memcmp(a, b, a_n < b_n ? a_n : b_n);
    return r ? r : (a_n > b_n) - (a_n < b_n);
}

/* 0 and the entry; -ENOENT, -EUCLEAN. */
static int search(const struct imgfs_image *f, const struct inode *dir, const char *name, size_t length,
                  struct name *out)
{
    uint64_t low = dir->own_n[1], high = low + dir->size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int r = entry_read(f, (uint32_t)middle, out);
        if (r)
            return r;
        int order = compare(name, length, out->at, out->length);
        if (!order)
            return 0;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -ENOENT;
}

/* ---- inodes: own_n[0] is the number, own_n[1] the offset of its contents ---- */

static const struct inode_ops imgfs_directory_ops, imgfs_file_ops, imgfs_link_ops, imgfs_special_ops;

static int make_inode(struct superblock *sb, uint32_t number, struct inode **out)
{
    const struct imgfs_image *f = sb->own;
    struct image_inode r;
    int error = inode_read(f, number, &r);
    if (error)
        return error;
    struct inode *i = inode_new(sb, r.mode);
    if (!i)
        return -ENOMEM;
    i->uid = r.uid, i->gid = r.gid, i->nlink = r.nlink;
    i->ino = (uint64_t)number + 1;
    i->size = r.size;
    i->blocks = S_ISREG(r.mode) ? (r.size + PAGE_SIZE - 1) / PAGE_SIZE * (PAGE_SIZE / 512) : 0;
    i->atime = i->mtime = i->ctime = r.mtime < UINT64_MAX / SECOND ? r.mtime * SECOND : 0;
    i->rdev = S_ISCHR(r.mode) || S_ISBLK(r.mode) ? r.rdev : 0;
    i->own_n[0] = number, i->own_n[1] = r.offset;
    i->ops = S_ISDIR(r.mode)   ? &imgfs_directory_ops
             : S_ISREG(r.mode) ? &imgfs_file_ops
             : S_ISLNK(r.mode) ? &imgfs_link_ops
                               : &imgfs_special_ops;
    if (S_ISREG(r.mode) || S_ISLNK(r.mode)) {
        i->bytes = f->bytes + r.offset;
        i->object = f->object;
        i->object_offset = f->object_offset + r.offset;
        i->elf = S_ISREG(r.mode) && r.size >= 4 && !memcmp(i->bytes, "\177ELF", 4);
    }
    *out = i;
    return 0;
}

static int imgfs_lookup(struct inode *dir, struct dentry *at)
{
    struct name found;
    struct inode *i = NULL;
    int r = search(dir->sb->own, dir, at->name, at->length, &found);
    if (!r)
        r = make_inode(dir->sb, found.entry.inode, &i);
    if (!r && S_ISDIR(i->mode) && i->own_n[0] <= dir->own_n[0]) {
        inode_put(i);
        r = -EUCLEAN;
    }
    if (r && r != -ENOENT)
        return r;
    dentry_set(at, i);
    return 0;
}

static int imgfs_read_dir(struct file *f, struct dir_context *ctx)
{
    struct inode *dir = f->inode;
    if (!dir_emit_dots(f, ctx))
        return 0;
    for (uint64_t i = ctx->pos - 2; i < dir->size; i++) {
        struct name n;
        int r = entry_read(dir->sb->own, (uint32_t)(dir->own_n[1] + i), &n);
        if (r)
            return r;
        if (!ctx->emit(ctx, n.at, n.length, (uint64_t)n.entry.inode + 1, n.entry.type & 15, i + 3))
            return 0;
        ctx->pos = i + 3;
    }
    return 0;
}

/* ---- open files ---- */

static int64_t imgfs_read(struct file *f, struct uio *u, uint64_t *pos)
{
    int64_t n = object_read(f->inode, u, *pos);
    if (n > 0)
        *pos += (uint64_t)n;
    return n;
}

static int64_t imgfs_readlink(struct inode *i, char *to, size_t n)
{
    n = n < i->size ? n : i->size;
    memcpy(to, i->bytes, n);
    return (int64_t)n;
}

static const struct file_ops imgfs_file_open_ops = {.read = imgfs_read, .seek = vfs_seek, .sync = tmpfs_sync};
static const struct file_ops imgfs_directory_open_ops = {
    .read_dir = imgfs_read_dir, .seek = directory_seek, .sync = tmpfs_sync};

static int imgfs_open(struct inode *i, struct file *f)
{
    f->ops = S_ISDIR(i->mode) ? &imgfs_directory_open_ops : &imgfs_file_open_ops;
    return 0;
}

static const struct inode_ops imgfs_directory_ops = {.lookup = imgfs_lookup, .open = imgfs_open};
static const struct inode_ops imgfs_file_ops = {.open = imgfs_open};
static const struct inode_ops imgfs_link_ops = {.readlink = imgfs_readlink};
static const struct inode_ops imgfs_special_ops = {0};

/* ---- rewritten calls ---- */

const struct image_sites *imgfs_sites_of(const struct imgfs_image *f, uint32_t number)
{
    struct image_inode r;
    if (inode_read(f, number, &r) || !r.sites || r.sites > f->sites.n || f->sites.record % 8)
        return NULL;
    const struct image_sites *s =
        (const void *)(f->bytes + f->sites.offset + (uint64_t)(r.sites - 1) * f->sites.record);
    if (s->inode != number || !within(s->blob, s->blob_size, f->size) || s->blob % PAGE_SIZE)
        return NULL;
    return s;
}

/* ---- the file system ---- */

int imgfs_superblock(const struct imgfs_image *image, struct superblock **out)
{
    struct imgfs_image *own = heap_new(&imgfs_image_type);
    if (!own)
        return -ENOMEM;
    *own = *image;
    return superblock_new_own(&imgfs_type, own, MS_RDONLY, out);
}

static int imgfs_mount(struct superblock *sb, const char *source, const char *options)
{
    struct inode *root;
    int r = make_inode(sb, 0, &root);
    if (!r && !S_ISDIR(root->mode)) {
        inode_put(root);
        r = -EUCLEAN;
    }
    return r ? r : tmpfs_root(sb, root);
}

static void imgfs_drop(struct superblock *sb)
{
    heap_free(&imgfs_image_type, sb->own);
}

static int imgfs_statfs(struct superblock *sb, struct statfs *s)
{
    const struct imgfs_image *f = sb->own;
    s->f_blocks = (long)(f->size / PAGE_SIZE);
    s->f_files = (long)f->inodes.n;
    return 0;
}

const struct fs_type imgfs_type = {
    .name = "image", .magic = IMGFS_MAGIC, .mount = imgfs_mount, .statfs = imgfs_statfs, .drop = imgfs_drop};
