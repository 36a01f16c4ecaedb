/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of the host: names are looked up, made, moved and removed by the gofer, and the tree of names follows.
 * Who may has been decided (names.c, open.c). FIFOs and sockets are made here in memory, as pinned names that the host
 * does not see: what programs inside say to each other by them is nobody else's business. Devices are not made.
 */
#include "linux/fs/hostfs.h"

#include <linux/fs.h>
#include <string.h>

/* What is known of a directory that is open for reading: the gofer's reader, and names that it gave and nobody has
 * taken yet. Places are counted, since those of the host may be any number. */
struct host_reader {
    uint32_t handle;
    uint64_t place; /* of the next name: 2 for the first */
    uint32_t at, n; /* in bytes */
    bool ended;
    uint8_t *bytes; /* FILES_BYTES_MAX; NULL: not read yet */
};

HEAP_TYPE(host_reader, FIELD(host_reader, handle, FIELD_PLAIN), FIELD(host_reader, place, FIELD_PLAIN),
          FIELD(host_reader, at, FIELD_PLAIN), FIELD(host_reader, n, FIELD_PLAIN),
          FIELD(host_reader, ended, FIELD_PLAIN), FIELD(host_reader, bytes, FIELD_BYTES));

/* ---- looking up ---- */

static int hostfs_lookup(struct inode *dir, struct dentry *at)
{
    struct files_call c = {.r.op = FILES_LOOKUP};
    struct inode *i = NULL;
    int r = host_ask_name(dir, at, &c);
    if (!r)
        r = host_found(dir->sb, &c, &i);
    if (r && r != -ENOENT)
        return r;
    dentry_set(at, i);
    return 0;
}

/* ---- making ---- */

/* Whose it will be. */
static void set_owner(const struct inode *dir, uint32_t mode, struct files_request *r)
{
    const struct cred *cred = current && current->cred ? current->cred : NULL;
    r->mode = mode_of_new(dir, mode) & 07777;
    r->uid = cred ? cred->fsuid : 0;
    r->gid = dir->mode & S_ISGID ? dir->gid : cred ? cred->fsgid : 0;
}

static int make(struct inode *dir, struct dentry *at, uint32_t mode, struct files_call *c)
{
    struct inode *i;
    set_owner(dir, mode, &c->r);
    int r = host_ask_name(dir, at, c);
    if (!r)
        r = host_found(dir->sb, c, &i);
    if (r) {
        if (c->fd >= 0)
            platform.files->close(c->fd);
        return r;
    }
    dentry_set(at, i);
    inode_changed(dir);
    return 0;
}

/* ---- names of our own ---- */

#define OWN_NUMBERS (1ull << 41) /* above all that host_number() gives */
#define OWN_PLACES  (1ull << 56) /* in a list: behind all names of the host */

static bool is_own(const struct inode *i)
{
    return i && !i->own;
}

static int own_create(struct inode *dir, struct dentry *at, uint32_t mode)
{
    struct inode *i = tmpfs_inode(dir->sb, dir, mode, 0);
    if (i)
        i->ino |= OWN_NUMBERS;
    return tmpfs_add(dir, at, i);
}

static int list_own(const struct file *f, struct dir_context *ctx)
{
    if (!f->path.dentry) /* below the overlay, where nothing is made */
        return 0;
    if (ctx->pos < OWN_PLACES)
        ctx->pos = OWN_PLACES;
    list_each (d, &f->path.dentry->children, struct dentry, siblings) {
        uint64_t place = OWN_PLACES + d->cookie;
        if (!d->pinned || !d->inode || place < ctx->pos)
            continue;
        if (!ctx->emit(ctx, d->name, d->length, d->inode->ino, d->inode->mode >> 12 & 15, place + 1))
            return 0;
        ctx->pos = place + 1;
    }
    return 0;
}

/* ---- making, by the gofer ---- */

static int hostfs_create(struct inode *dir, struct dentry *at, uint32_t mode, uint64_t rdev)
{
    struct files_call c = {.r.op = FILES_CREATE};
    if (S_ISFIFO(mode) || S_ISSOCK(mode))
        return own_create(dir, at, mode);
    if (!S_ISREG(mode))
        return -EPERM;
    int r = make(dir, at, mode, &c);
    if (!r && c.fd >= 0)
        host_spare_keep(at->inode, c.fd);
    return r;
}

static int hostfs_tmpfile(struct inode *dir, struct dentry *at, uint32_t mode)
{
    struct files_call c = {.r.op = FILES_TMPFILE};
    struct inode *i;
    set_owner(dir, mode, &c.r);
    int r = host_ask(dir, &c);
    if (!r)
        r = host_found(dir->sb, &c, &i);
    if (!r) {
        dentry_set(at, i);
        host_spare_keep(i, c.fd);
    } else if (c.fd >= 0) {
        platform.files->close(c.fd);
    }
    return r;
}

static int hostfs_mkdir(struct inode *dir, struct dentry *at, uint32_t mode)
{
    struct files_call c = {.r.op = FILES_MKDIR};
    int r = make(dir, at, S_IFDIR | mode, &c);
    if (!r)
        dir->nlink++;
    return r;
}

static int hostfs_symlink(struct inode *dir, struct dentry *at, const char *target)
{
    struct files_call c = {.r = {.op = FILES_SYMLINK, .second = (uint32_t)strlen(target)}, .second = target};
    return make(dir, at, S_IFLNK | 0777, &c);
}

static int hostfs_link(struct inode *dir, struct dentry *at, struct inode *i)
{
    struct files_call c = {.r = {.op = FILES_LINK, .other = host_inode(dir)->handle, .name = at->length},
                           .name = at->name};
    if (is_own(i))
        return memory_link(dir, at, i);
    int r = host_ask(i, &c);
    if (r)
        return r;
    host_apply(i, &c.a.attr);
    dentry_set(at, inode_get(i));
    inode_changed(dir);
    return 0;
}

/* ---- removing and moving ---- */

static void lose_name(struct inode *i)
{
    i->nlink -= i->nlink > 0;
    i->ctime = fs_now();
}

static int hostfs_unlink(struct inode *dir, struct dentry *at)
{
    struct files_call c = {.r.op = FILES_UNLINK};
    if (is_own(at->inode))
        return memory_unlink(dir, at);
    int r = host_ask_name(dir, at, &c);
    if (r)
        return r;
    if (host_own(dir)->spare == at->inode)
        host_spare_drop(host_own(dir));
    lose_name(at->inode);
    inode_changed(dir);
    dentry_drop(at);
    return 0;
}

static int hostfs_rmdir(struct inode *dir, struct dentry *at)
{
    struct files_call c = {.r.op = FILES_RMDIR};
    int r = tmpfs_has_names(at) ? -ENOTEMPTY : host_ask_name(dir, at, &c);
    if (r)
        return r;
    at->inode->nlink = 0;
    dir->nlink -= dir->nlink > 2;
    inode_changed(dir);
    dentry_forget_children(at);
    dentry_drop(at);
    return 0;
}

static int hostfs_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to,
                         uint32_t flags)
{
    struct files_call c = {
        .r = {.op = FILES_RENAME, .other = host_inode(to_dir)->handle, .second = to->length, .flags = flags},
        .second = to->name};
    if (flags & RENAME_WHITEOUT)
        return -EINVAL;
    if (is_own(from->inode) && (!to->inode || is_own(to->inode)))
        return memory_rename(from_dir, from, to_dir, to, flags);
    if (is_own(from->inode) || (is_own(to->inode) && flags & RENAME_EXCHANGE))
        return -EXDEV; /* it would be half on the host: mv(1) copies then */
    if (to->inode && S_ISDIR(to->inode->mode) && tmpfs_has_names(to))
        return -ENOTEMPTY;
    int r = host_ask_name(from_dir, from, &c);
    if (r)
        return r;
    inode_changed(from_dir);
    inode_changed(to_dir);
    if (flags & RENAME_EXCHANGE) {
        dentry_swap(from, to);
        return 0;
    }
    if (to->inode && S_ISDIR(to->inode->mode)) {
        to->inode->nlink = 0;
        dentry_forget_children(to);
    } else if (to->inode) {
        lose_name(to->inode);
    }
    dentry_get(to);
    dentry_move(from, to);
    dentry_put(to);
    return 0;
}

/* ---- reading ---- */

static void reader_free(struct host_reader *r)
{
    if (!r)
        return;
    host_clunk(r->handle);
    if (r->bytes)
        heap_release(r->bytes, FILES_BYTES_MAX);
    heap_free(&host_reader_type, r);
}

static int reader_make(const struct inode *dir, struct host_reader **out)
{
    struct files_call c = {.r.op = FILES_OPENDIR};
    int r = host_ask(dir, &c);
    if (r)
        return r;
    struct host_reader *made = heap_new(&host_reader_type);
    if (made)
        made->bytes = heap_alloc(FILES_BYTES_MAX);
    if (!made || !made->bytes) {
        if (made)
            heap_free(&host_reader_type, made);
        host_clunk(c.a.handle);
        return -ENOMEM;
    }
    made->handle = c.a.handle;
    made->place = 2;
    *out = made;
    return 0;
}

static int reader_fill(struct host_reader *r, bool rewind)
{
    struct files_call c = {
        .r = {.op = FILES_READDIR, .handle = r->handle, .flags = rewind ? FILES_REWIND : 0},
        .to = r->bytes,
        .room = FILES_BYTES_MAX,
    };
    int error = host_call(&c);
    r->at = 0;
    r->n = error ? 0 : c.a.bytes;
    r->ended = !r->n;
    if (rewind)
        r->place = 2;
    return error;
}

/* As getdents64(2) lays them out. */
struct host_entry {
    uint64_t ino, next;
    uint16_t size;
    uint8_t type;
    char name[];
};
#define ENTRY_HEAD 19u /* bytes before the name */

/* The next name, which is not gone past: 1; 0: the end; -errno. Dots are left out. */
static int reader_next(struct host_reader *r, struct host_entry *head, const char **name, size_t *length)
{
    for (;;) {
        if (r->at == r->n) {
            int error = r->ended ? 0 : reader_fill(r, false);
            if (error || r->ended)
                return error;
        }
        uint32_t left = r->n - r->at;
        if (left < ENTRY_HEAD)
            return -EIO;
        memcpy(head, r->bytes + r->at, ENTRY_HEAD);
        if (head->size <= ENTRY_HEAD || head->size > left)
            return -EIO;
        *name = (const char *)r->bytes + r->at + ENTRY_HEAD;
        *length = strnlen(*name, head->size - ENTRY_HEAD);
        if (*length == head->size - ENTRY_HEAD || !*length || *length > NAME_MAX_)
            return -EIO;
        if (!name_is_dots(*name, *length))
            return 1;
        r->at += head->size;
    }
}

/* To a place: forward name by name, backward from the beginning. */
static int reader_seek(struct host_reader *r, uint64_t place)
{
    struct host_entry head;
    const char *name;
    size_t length;
    int error = place < r->place ? reader_fill(r, true) : 0;
    while (!error && r->place < place) {
        int got = reader_next(r, &head, &name, &length);
        if (got <= 0)
            return got;
        r->at += head.size;
        r->place++;
    }
    return error;
}

static int read_names(const struct inode *dir, struct host_reader *r, struct dir_context *ctx)
{
    const struct host_own *o = host_own(dir);
    struct host_entry head;
    const char *name;
    size_t length;
    int got;
    while ((got = reader_next(r, &head, &name, &length)) > 0) {
        uint64_t ino = host_number(o, host_inode(dir)->dev, head.ino);
        if (!ctx->emit(ctx, name, length, ino, head.type & 15, r->place + 1))
            return 0;
        r->at += head.size;
        ctx->pos = ++r->place;
    }
    return got;
}

static int hostfs_read_dir(struct file *f, struct dir_context *ctx)
{
    struct host_reader *r = f->own;
    bool again = ctx->pos < 2;
    if (!dir_emit_dots(f, ctx))
        return 0;
    if (ctx->pos >= OWN_PLACES)
        return list_own(f, ctx);
    int error = 0;
    if (!r) {
        error = reader_make(f->inode, &r);
        if (error)
            return error;
        f->own = r;
    } else if (again) {
        error = reader_fill(r, true); /* rewinddir(3): names that came since are seen */
    }
    if (!error)
        error = reader_seek(r, ctx->pos);
    if (!error)
        error = read_names(f->inode, r, ctx);
    return error || !r->ended ? error : list_own(f, ctx);
}

static void hostfs_release(struct file *f)
{
    reader_free(f->own);
    f->own = NULL;
}

static int hostfs_directory_sync(struct file *f, bool data)
{
    struct files_call c = {.r = {.op = FILES_SYNC, .flags = data ? FILES_DATA : 0}};
    return host_ask(f->inode, &c);
}

static const struct file_ops hostfs_directory_open_ops = {
    .read_dir = hostfs_read_dir, .seek = directory_seek, .sync = hostfs_directory_sync, .release = hostfs_release};

static int hostfs_directory_open(struct inode *i, struct file *f)
{
    f->ops = &hostfs_directory_open_ops;
    return 0;
}

const struct inode_ops hostfs_directory_ops = {
    .lookup = hostfs_lookup,
    .create = hostfs_create,
    .mkdir = hostfs_mkdir,
    .symlink = hostfs_symlink,
    .link = hostfs_link,
    .unlink = hostfs_unlink,
    .rmdir = hostfs_rmdir,
    .rename = hostfs_rename,
    .tmpfile = hostfs_tmpfile,
    .open = hostfs_directory_open,
    HOSTFS_OPS,
};
