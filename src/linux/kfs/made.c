/* SPDX-License-Identifier: Apache-2.0 */
/* File systems of constant rows: names, directories, text files and links. What a file says is the row's. */
#include "linux/kfs/made.h"

#include "linux/kfs/device.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <string.h>

#define MADE_NAME   64         /* bytes of a name that list makes */
#define MADE_WRITE  4096       /* bytes of one write */
#define MADE_LISTED 1000000ull /* cookies of listed names begin here, behind those of the rows */

struct made_text {
    struct text text;
    bool made;
};
HEAP_TYPE(made_text, FIELD(made_text, text, FIELD_NONE), FIELD(made_text, made, FIELD_PLAIN));

static const struct inode_ops made_inode_ops, made_magic_ops;
static const struct file_ops made_file_ops, made_dir_ops;

static const struct made_node *made_node(const struct inode *i)
{
    return i->own;
}

static struct made_key made_key(const struct inode *i)
{
    return (struct made_key){
        .pid = (int32_t)i->own_n[0], .tid = (int32_t)(i->own_n[0] >> 32), .number = (int32_t)i->own_n[1]};
}

/* The same number each time a name is looked up. */
static uint64_t made_ino(const struct made_node *node, const struct made_key *key)
{
    uint64_t h = 0xcbf29ce484222325;
    for (const char *c = node->name; *c; c++)
        h = (h ^ (uint8_t)*c) * 0x100000001b3;
    h ^= (uint64_t)(uint32_t)key->pid << 40 ^ (uint64_t)(uint32_t)key->tid << 20 ^ (uint64_t)(uint32_t)key->number << 8;
    return (h * 0x9e3779b97f4a7c15 >> 20) + 2;
}

static void made_fill(struct inode *i)
{
    const struct made_node *node = made_node(i);
    struct made_key key = made_key(i);
    if (node->seen)
        (void)node->seen(&key, &i->mode, &i->uid, &i->gid);
}

static struct inode *made_inode(struct superblock *sb, const struct made_node *node, const struct made_key *key)
{
    struct inode *i = inode_new(sb, node->mode);
    if (!i)
        return NULL;
    i->uid = i->gid = 0;
    i->own = (void *)(uintptr_t)node;
    i->own_n[0] = (uint32_t)key->pid | (uint64_t)(uint32_t)key->tid << 32;
    i->own_n[1] = (uint32_t)key->number;
    i->ino = made_ino(node, key);
    i->nlink = S_ISDIR(node->mode) ? 2 : 1;
    i->rdev = node->rdev;
    i->ops = node->follow ? &made_magic_ops : &made_inode_ops;
    made_fill(i);
    return i;
}

static const struct made_node *made_find(const struct made_node *dir, struct made_key *key, const char *name, size_t n)
{
    for (const struct made_node *c = dir->children; c && c->name; c++)
        if (strlen(c->name) == n && !memcmp(c->name, name, n))
            return c;
    return dir->find ? dir->find(key, name, n) : NULL;
}

static int made_lookup(struct inode *dir, struct dentry *at)
{
    struct made_key key = made_key(dir);
    const struct made_node *node = made_find(made_node(dir), &key, at->name, at->length);
    if (!node) {
        dentry_set(at, NULL);
        return 0;
    }
    struct inode *i = made_inode(dir->sb, node, &key);
    if (!i)
        return -ENOMEM;
    dentry_set(at, i);
    return 0;
}

static int64_t made_readlink(struct inode *i, char *to, size_t n)
{
    const struct made_node *node = made_node(i);
    struct made_key key = made_key(i);
    if (node->link)
        return node->link(&key, to, n);
    size_t length = strlen(node->constant);
    if (length > n)
        length = n;
    memcpy(to, node->constant, length);
    return (int64_t)length;
}

static struct path *made_follow(struct inode *i, struct path *out)
{
    const struct made_node *node = made_node(i);
    struct made_key key = made_key(i);
    return !node->follow(&key, out) ? out : NULL;
}

static int made_open(struct inode *i, struct file *f)
{
    const struct made_node *node = made_node(i);
    if (S_ISDIR(i->mode)) {
        f->ops = &made_dir_ops;
        return 0;
    }
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
        return device_open(i, f);
    if ((f->flags & O_ACCMODE) != O_RDONLY && !node->store)
        return -EACCES;
    f->own = heap_new(&made_text_type);
    if (!f->own)
        return -ENOMEM;
    text_growing(&((struct made_text *)f->own)->text);
    f->ops = &made_file_ops;
    return 0;
}

/* Owner, mode and times may be written as Linux's do not: they are not. A truncation by O_TRUNC means nothing. */
static int made_set(struct inode *i, const struct inode_change *change)
{
    return change->what & ~(uint32_t)(CHANGE_SIZE | CHANGE_ATIME | CHANGE_MTIME | CHANGE_CTIME) ? -EPERM : 0;
}

static const struct inode_ops made_inode_ops = {
    .lookup = made_lookup,
    .readlink = made_readlink,
    .open = made_open,
    .set = made_set,
    .fill = made_fill,
};
/* Links that lead to an object, whatever its name is. */
static const struct inode_ops made_magic_ops = {
    .readlink = made_readlink,
    .follow = made_follow,
    .set = made_set,
    .fill = made_fill,
};

/* ---- text files ---- */

static int made_make(struct file *f, struct made_text *m)
{
    const struct made_node *node = made_node(f->inode);
    struct made_key key = made_key(f->inode);
    text_free(&m->text);
    m->made = true;
    if (node->show)
        return node->show(&key, &m->text);
    if (node->constant)
        text_put(&m->text, node->constant, strlen(node->constant));
    return 0;
}

static int64_t made_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct made_text *m = f->own;
    if (!*pos || !m->made) {
        int r = made_make(f, m);
        if (r)
            return r;
    }
    if (*pos >= m->text.n)
        return 0;
    int64_t n = uio_put(u, m->text.bytes + *pos, m->text.n - *pos);
    if (n > 0)
        *pos += (uint64_t)n;
    return n;
}

static int64_t made_write(struct file *f, struct uio *u, uint64_t *pos)
{
    const struct made_node *node = made_node(f->inode);
    struct made_key key = made_key(f->inode);
    char text[MADE_WRITE];
    if (!node->store)
        return -EACCES;
    int64_t n = uio_get(u, text, u->left < sizeof(text) ? u->left : sizeof(text));
    return n > 0 ? node->store(&key, text, (size_t)n) : n;
}

static int64_t made_seek(struct file *f, int64_t offset, int whence)
{
    if (whence == 1)
        offset += (int64_t)f->pos;
    else if (whence)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    f->pos = (uint64_t)offset;
    return offset;
}

static void made_release(struct file *f)
{
    struct made_text *m = f->own;
    text_free(&m->text);
    heap_free(&made_text_type, m);
}

static const struct file_ops made_file_ops = {
    .read = made_read,
    .write = made_write,
    .seek = made_seek,
    .release = made_release,
};

/* ---- directories ---- */

static bool made_emit(struct dir_context *c, const struct made_node *node, const struct made_key *key, const char *name,
                      uint64_t next)
{
    return c->emit(c, name, strlen(name), made_ino(node, key), (node->mode & S_IFMT) >> 12, next);
}

static int made_listed(const struct made_node *dir, const struct made_key *of, struct dir_context *c)
{
    uint64_t cookie = c->pos - MADE_LISTED;
    char name[MADE_NAME];
    for (;;) {
        struct made_key key = *of;
        const struct made_node *node = dir->list(&key, &cookie, name, sizeof(name));
        if (!node || !made_emit(c, node, &key, name, MADE_LISTED + cookie + 1))
            return 0;
        c->pos = MADE_LISTED + ++cookie;
    }
}

static int made_read_dir(struct file *f, struct dir_context *c)
{
    const struct made_node *dir = made_node(f->inode);
    struct made_key key = made_key(f->inode);
    uint64_t rows = 0;
    while (dir->children && dir->children[rows].name)
        rows++;
    for (; c->pos < rows + 2; c->pos++) {
        bool more = c->pos < 2
                        ? c->emit(c, "..", c->pos + 1, f->inode->ino, S_IFDIR >> 12, c->pos + 1)
                        : made_emit(c, &dir->children[c->pos - 2], &key, dir->children[c->pos - 2].name, c->pos + 1);
        if (!more)
            return 0;
    }
    if (!dir->list)
        return 0;
    if (c->pos < MADE_LISTED)
        c->pos = MADE_LISTED;
    return made_listed(dir, &key, c);
}

static int64_t made_dir_seek(struct file *f, int64_t offset, int whence)
{
    return vfs_seek(f, offset, whence);
}

static const struct file_ops made_dir_ops = {
    .read_dir = made_read_dir,
    .seek = made_dir_seek,
};

int made_mount(struct superblock *sb, const struct made_node *root)
{
    struct made_key none = {0};
    struct inode *i = made_inode(sb, root, &none);
    if (!i)
        return -ENOMEM;
    i->ino = 1;
    sb->root = dentry_new(NULL, "", 0);
    if (!sb->root) {
        inode_put(i);
        return -ENOMEM;
    }
    sb->root->sb = sb;
    dentry_set(sb->root, i);
    return 0;
}
