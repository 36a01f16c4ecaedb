/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host below one root of the gofer (linux/files.h): the superblock, inodes and attributes. An inode holds
 * a handle of the gofer, so a name that comes or goes on the host changes nothing for what is open. Inodes are found by
 * (device, number): all names of a file are one inode, and as the handle keeps the number in use, two files never are.
 *
 * What is remembered. Names: each walk asks again what a name stands for (hostfs_still), unless the root is for us
 * alone; attributes come with that, or with stat(2). Contents: never; reads and writes go to the descriptor. What is
 * local to the sandbox: record locks, flock(2), inotify(7).
 */
#include "linux/fs/hostfs.h"

#include "linux/linux.h"

#include <string.h>

#define HOSTFS_MAGIC 0x01021997 /* as v9fs: files of somebody else's */
#define NUMBER_BITS  40         /* what the overlay leaves of an inode number */

HEAP_TYPE(host_own, FIELD(host_own, root, FIELD_PLAIN), FIELD(host_own, cached, FIELD_PLAIN),
          FIELD(host_own, dev, FIELD_PLAIN), FIELD(host_own, inodes, FIELD_NONE), FIELD(host_own, spare, FIELD_REF));
HEAP_TYPE(host_inode, FIELD(host_inode, next, FIELD_REF), FIELD(host_inode, dev, FIELD_PLAIN),
          FIELD(host_inode, ino, FIELD_PLAIN), FIELD(host_inode, told, FIELD_PLAIN),
          FIELD(host_inode, handle, FIELD_PLAIN), FIELD(host_inode, fds, FIELD_PLAIN),
          FIELD(host_inode, opens, FIELD_PLAIN), FIELD(host_inode, object, FIELD_HANDLE));

static const struct inode_ops hostfs_link_ops, hostfs_special_ops;
static const struct fs_type hostfs_type;

/* ---- asking ---- */

/* Names that are only remembered hold handles: when the gofer has no more, they go, the oldest first. */
int host_call(struct files_call *c)
{
    uint32_t kept = c->r.op == FILES_CLUNK ? 0 : fs_state.unused_n;
    c->fd = -1;
    int r = platform.files ? platform.files->call(c) : -ENODEV;
    while (r == -ENFILE && kept) {
        kept /= 2;
        dentry_trim(kept);
        r = platform.files->call(c);
    }
    return r;
}

int host_ask(const struct inode *i, struct files_call *c)
{
    c->r.handle = host_inode(i)->handle;
    return host_call(c);
}

int host_ask_name(const struct inode *dir, const struct dentry *at, struct files_call *c)
{
    c->name = at->name, c->r.name = at->length;
    return host_ask(dir, c);
}

void host_clunk(uint32_t handle)
{
    struct files_call c = {.r = {.op = FILES_CLUNK, .value = sizeof(handle)}, .value = &handle};
    (void)host_call(&c);
}

/* ---- inodes ---- */

uint64_t host_number(const struct host_own *o, uint64_t dev, uint64_t ino)
{
    if (dev == o->dev && ino >> NUMBER_BITS == 0)
        return ino;
    uint64_t h = (ino ^ dev * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
    return (h ^ h >> 29) >> (64 - NUMBER_BITS) | 1;
}

static struct inode **bucket(const struct host_own *o, uint64_t dev, uint64_t ino)
{
    uint64_t h = (ino + dev) * 0x9e3779b97f4a7c15ull;
    return &o->inodes[(h >> 32) % HOST_BUCKETS];
}

void host_apply(struct inode *i, const struct files_attr *a)
{
    i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
    i->uid = a->uid, i->gid = a->gid, i->nlink = a->nlink;
    i->size = a->size, i->blocks = a->blocks, i->rdev = a->rdev;
    i->atime = a->atime, i->mtime = a->mtime, i->ctime = a->ctime;
    host_inode(i)->told = call_count();
}

static struct inode *known(const struct host_own *o, const struct files_attr *a)
{
    struct inode *i = *bucket(o, a->dev, a->ino);
    for (; i; i = host_inode(i)->next) {
        const struct host_inode *h = host_inode(i);
        if (h->ino == a->ino && h->dev == a->dev && (i->mode & S_IFMT) == (a->mode & S_IFMT))
            break;
    }
    return i;
}

static struct inode *make(struct superblock *sb, uint32_t handle, const struct files_attr *a)
{
    struct host_own *o = sb->own;
    struct host_inode *h = heap_new(&host_inode_type);
    struct inode *i = h ? inode_new(sb, a->mode) : NULL;
    if (!i) {
        if (h)
            heap_free(&host_inode_type, h);
        return NULL;
    }
    *h = (struct host_inode){.dev = a->dev, .ino = a->ino, .handle = handle, .fds = {-1, -1, -1}};
    i->own = h;
    i->ino = host_number(o, a->dev, a->ino);
    i->ops = S_ISREG(a->mode)   ? &hostfs_file_ops
             : S_ISDIR(a->mode) ? &hostfs_directory_ops
             : S_ISLNK(a->mode) ? &hostfs_link_ops
                                : &hostfs_special_ops;
    i->seals = F_SEAL_SEAL;
    host_apply(i, a);
    struct inode **b = bucket(o, a->dev, a->ino);
    h->next = *b;
    *b = i;
    return i;
}

int host_found(struct superblock *sb, const struct files_call *c, struct inode **out)
{
    struct inode *i = known(sb->own, &c->a.attr);
    if (i) {
        if (host_inode(i)->handle != c->a.handle)
            host_clunk(c->a.handle);
        host_apply(i, &c->a.attr);
        *out = inode_get(i);
        return 0;
    }
    *out = make(sb, c->a.handle, &c->a.attr);
    if (!*out)
        host_clunk(c->a.handle);
    return *out ? 0 : -ENOMEM;
}

void hostfs_drop(struct inode *i)
{
    const struct host_own *o = host_own(i);
    struct host_inode *h = host_inode(i);
    struct inode **at = bucket(o, h->dev, h->ino);
    while (*at != i)
        at = &host_inode(*at)->next;
    *at = h->next;
    host_close_all(h);
    if (h->handle != o->root)
        host_clunk(h->handle);
    heap_free(&host_inode_type, h);
}

/* ---- attributes ---- */

int hostfs_set(struct inode *i, const struct inode_change *c)
{
    struct files_call call = {.r = {.op = FILES_SETATTR,
                                    .what = c->what & ~(uint32_t)CHANGE_CTIME,
                                    .mode = c->mode,
                                    .uid = c->uid,
                                    .gid = c->gid,
                                    .size = c->size,
                                    .atime = c->atime,
                                    .mtime = c->mtime}};
    _Static_assert((int)CHANGE_MODE == (int)FILES_MODE && (int)CHANGE_UID == (int)FILES_UID &&
                       (int)CHANGE_GID == (int)FILES_GID && (int)CHANGE_SIZE == (int)FILES_SIZE &&
                       (int)CHANGE_ATIME == (int)FILES_ATIME && (int)CHANGE_MTIME == (int)FILES_MTIME,
                   "one meaning on both sides");
    if (S_ISLNK(i->mode)) /* chown(2) says what mode is left; a link has none */
        call.r.what &= ~(uint32_t)FILES_MODE;
    if (!call.r.what)
        return 0;
    int r = host_ask(i, &call);
    if (!r)
        host_apply(i, &call.a.attr);
    return r;
}

static int64_t hostfs_readlink(struct inode *i, char *to, size_t n)
{
    struct files_call c = {.r.op = FILES_READLINK, .to = heap_alloc(PATH_MAX_), .room = PATH_MAX_};
    if (!c.to)
        return -ENOMEM;
    int r = host_ask(i, &c);
    n = c.a.bytes < n ? c.a.bytes : n;
    if (!r)
        memcpy(to, c.to, n);
    heap_release(c.to, PATH_MAX_);
    return r ? r : (int64_t)n;
}

/* ---- attributes of users ---- */

/* Only user.* goes out: what else there is speaks to the host's kernel. */
static int ask_xattr(const struct inode *i, const char *name, struct files_call *c)
{
    if (strncmp(name, "user.", 5) != 0 || !strncmp(name, "user.overlay.", 13))
        return -EOPNOTSUPP;
    c->name = name, c->r.name = (uint32_t)strlen(name);
    return host_ask(i, c);
}

/* What came, into the caller's room of n bytes; n 0: its size alone. */
static int give(const struct files_call *c, int r, void *to, size_t n)
{
    if (!r && n && c->a.bytes > n)
        r = -ERANGE;
    if (!r && n)
        memcpy(to, c->to, c->a.bytes);
    return r ? r : (int)c->a.bytes;
}

int hostfs_get_xattr(struct inode *i, const char *name, void *to, size_t n)
{
    struct files_call c = {.r.op = FILES_GETXATTR, .to = heap_alloc(FILES_BYTES_MAX), .room = FILES_BYTES_MAX};
    if (!c.to)
        return -ENOMEM;
    int r = give(&c, ask_xattr(i, name, &c), to, n);
    heap_release(c.to, FILES_BYTES_MAX);
    return r;
}

int hostfs_list_xattr(struct inode *i, char *to, size_t n)
{
    struct files_call c = {.r.op = FILES_LISTXATTR, .to = heap_alloc(FILES_BYTES_MAX), .room = FILES_BYTES_MAX};
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode)) {
        if (c.to)
            heap_release(c.to, FILES_BYTES_MAX);
        return 0;
    }
    if (!c.to)
        return -ENOMEM;
    int r = give(&c, host_ask(i, &c), to, n);
    heap_release(c.to, FILES_BYTES_MAX);
    return r == -EOPNOTSUPP ? 0 : r;
}

int hostfs_set_xattr(struct inode *i, const char *name, const void *from, size_t n, int flags)
{
    struct files_call c = {.r = {.op = FILES_SETXATTR, .flags = (uint32_t)flags, .value = (uint32_t)n}, .value = from};
    return n > FILES_BYTES_MAX ? -E2BIG : ask_xattr(i, name, &c);
}

int hostfs_remove_xattr(struct inode *i, const char *name)
{
    struct files_call c = {.r.op = FILES_REMOVEXATTR};
    return ask_xattr(i, name, &c);
}

/* ---- what cannot be opened ---- */

static int special_open(struct inode *i, struct file *f)
{
    return S_ISCHR(i->mode) || S_ISBLK(i->mode) ? -EACCES : -ENXIO;
}

static const struct inode_ops hostfs_link_ops = {.readlink = hostfs_readlink, HOSTFS_OPS};
static const struct inode_ops hostfs_special_ops = {.open = special_open, HOSTFS_OPS};

/* ---- the file system ---- */

int hostfs_superblock(uint32_t root, uint32_t flags, struct superblock **out)
{
    struct host_own *o = heap_new(&host_own_type);
    if (!o)
        return -ENOMEM;
    o->root = root;
    o->cached = flags & LINUX_MOUNT_CACHED;
    return superblock_new_own(&hostfs_type, o, flags & LINUX_MOUNT_RDONLY ? MS_RDONLY : 0, out);
}

static int hostfs_mount(struct superblock *sb, const char *source, const char *options)
{
    struct host_own *o = sb->own;
    struct files_call c = {.r = {.op = FILES_ROOT, .handle = o->root}};
    struct inode *root;
    o->inodes = heap_pages(1);
    if (!o->inodes)
        return -ENOMEM;
    int r = host_call(&c);
    if (r)
        return r;
    if (!(c.a.result & FILES_RW))
        sb->flags |= MS_RDONLY;
    o->dev = c.a.attr.dev;
    r = host_found(sb, &c, &root);
    return r ? r : tmpfs_root(sb, root);
}

static void hostfs_sb_drop(struct superblock *sb)
{
    struct host_own *o = sb->own;
    host_spare_drop(o);
    if (o->inodes)
        heap_pages_free(o->inodes, 1);
    heap_free(&host_own_type, o);
}

static int hostfs_statfs(struct superblock *sb, struct statfs *s)
{
    const struct host_own *o = sb->own;
    struct files_statfs f;
    struct files_call c = {.r = {.op = FILES_STATFS, .handle = o->root}, .to = &f, .room = sizeof(f)};
    int r = host_call(&c);
    if (r || c.a.bytes != sizeof(f))
        return r ? r : -EIO;
    uint64_t pages = f.block / PAGE_SIZE ? f.block / PAGE_SIZE : 1; /* blocks are shown as pages */
    s->f_blocks = (long)(f.blocks * pages), s->f_bfree = (long)(f.free * pages);
    s->f_bavail = (long)(f.available * pages);
    s->f_files = (long)f.files, s->f_ffree = (long)f.files_free;
    return 0;
}

/* Whether the name stands for what it stood for. */
static bool hostfs_still(struct dentry *d)
{
    const struct host_own *o = d->sb->own;
    struct files_call c = {.r.op = FILES_CHECK};
    if (o->cached || d->mounted || d->pinned)
        return true;
    int r = host_ask_name(d->parent->inode, d, &c);
    if (r || !d->inode)
        return r == -ENOENT && !d->inode;
    if (known(o, &c.a.attr) != d->inode)
        return false;
    host_apply(d->inode, &c.a.attr);
    return true;
}

static const struct fs_type hostfs_type = {.name = "host",
                                           .magic = HOSTFS_MAGIC,
                                           .mount = hostfs_mount,
                                           .statfs = hostfs_statfs,
                                           .drop = hostfs_sb_drop,
                                           .still = hostfs_still};
