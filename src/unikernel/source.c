/* SPDX-License-Identifier: Apache-2.0 */
/* See source.h. Names and contents are whatever the caller may read: sizes are bounded, links counted, file systems of
 * the kernel's own refused; a file that changes between its two readings is an error. */
#include "unikernel/source.h"

#include "base/io.h"
#include "base/kernelfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MOST 40 /* as the kernel's, path_resolution(7) */
#define PIECE      65536
#define DEPTH_MOST 128
#define ELF_MOST   ((uint64_t)2 << 30)

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- one file --------------------------------------------------------------------------------------------------- */

static struct tree_file **bucket_of(struct tree *t, const struct stat *st)
{
    return &t->buckets[(st->st_ino * 31 + st->st_dev) % TREE_BUCKETS];
}

static struct tree_file *known(struct tree *t, const struct stat *st)
{
    for (struct tree_file *f = *bucket_of(t, st); f; f = f->same)
        if (f->ino == st->st_ino && f->dev == st->st_dev && (f->mode & S_IFMT) == (st->st_mode & S_IFMT))
            return f;
    return NULL;
}

static struct tree_file *file_of(const struct source *s, const struct stat *st)
{
    struct tree_file *f = tree_file_new(s->tree, st->st_mode);

    if (!f)
        return NULL;
    if (s->as_it_is) {
        f->uid = st->st_uid;
        f->gid = st->st_gid;
    } else if (!S_ISLNK(st->st_mode)) { /* whose it was is not kept, so all may read what the owner could */
        f->mode |= f->mode & 0100 ? 0555 : 0444;
        f->mode &= S_ISDIR(st->st_mode) ? ~0u : ~(uint32_t)(S_ISUID | S_ISGID);
    }
    if (S_ISREG(st->st_mode)) /* directories and links change without anyone's doing: theirs say nothing */
        f->mtime = st->st_mtime < s->tree->epoch ? st->st_mtime : s->tree->epoch;
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
        f->rdev = st->st_rdev;
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    if (!S_ISDIR(st->st_mode)) {
        f->same = *bucket_of(s->tree, st);
        *bucket_of(s->tree, st) = f;
    }
    return f;
}

static int hash_file(int fd, struct tree_file *f, const char *name, struct err *err)
{
    struct sha256 sha;
    char piece[PIECE];
    uint64_t size = 0;
    ssize_t n;

    sha256_init(&sha);
    while ((n = io_read_full(fd, piece, sizeof piece)) > 0) {
        sha256_update(&sha, piece, (size_t)n);
        size += (uint64_t)n;
    }
    if (n < 0)
        return err_sys(err, (int)n, "read %s", name);
    sha256_final(&sha, f->sha256);
    f->size = size;
    return 0;
}

/* Whole in memory, since packing changes it. One that is for another machine is a file as any. */
static int load_elf(struct source *s, int fd, struct tree_file *f, uint64_t size, const char *name, struct err *err)
{
    struct elf_facts *facts = arena_alloc(s->tree->arena, sizeof *facts);
    uint8_t *bytes = size < ELF_MOST ? arena_alloc(s->tree->arena, size + 1) : NULL;
    struct sha256 sha;
    struct err why;

    if (!facts || !bytes)
        return no_memory(err);
    ssize_t n = io_read_full(fd, bytes, size + 1);
    if (n < 0)
        return err_sys(err, (int)n, "read %s", name);
    if ((uint64_t)n != size)
        return err_set(err, -EAGAIN, "%s changes while it is packed", name);
    sha256_init(&sha);
    sha256_update(&sha, bytes, size);
    sha256_final(&sha, f->sha256);
    f->bytes = bytes;
    f->size = size;
    f->elf = elf_facts_read(bytes, size, facts, &why) == 0 ? facts : NULL;
    if (f->elf)
        f->mtime =
            s->tree->epoch == INT64_MAX ? 0 : s->tree->epoch; /* made anew with the same contents, it is the same */
    return 0;
}

static int load(struct source *s, int root, int fd, struct tree_file *f, uint64_t size, const char *name,
                struct err *err)
{
    char magic[4];
    int error;

    if (kernelfs_of(fd, &error))
        return err_set(err, -EINVAL, "%s lies in a file system of the kernel's, of which an image has its own", name);
    if (!s->no_programs && pread(fd, magic, sizeof magic, 0) == sizeof magic && elf_looks_like(magic, sizeof magic))
        return load_elf(s, fd, f, size, name, err);
    f->host = arena_strdup(s->tree->arena, name);
    if (!f->host)
        return no_memory(err);
    f->below = root == AT_FDCWD ? f->host : f->host + strlen(s->path);
    f->root = root;
    return hash_file(fd, f, name, err);
}

/* Takes one thing that is no link and no directory; `name` is its path on the host, for messages and to read it again.
 */
static int take_file(struct source *s, int root, int dir, const char *last, const char *name, const struct stat *st,
                     struct tree_file **out, struct err *err)
{
    struct stat now;

    if ((*out = known(s->tree, st)))
        return 0;
    if (S_ISSOCK(st->st_mode))
        return err_set(err, -EINVAL, "%s is a socket: it cannot be packed", name);
    if (!S_ISREG(st->st_mode)) {
        if (!s->as_it_is && !S_ISFIFO(st->st_mode))
            return err_set(err, -EINVAL, "%s is a device: an image has its own /dev", name);
        return (*out = file_of(s, st)) ? 0 : no_memory(err);
    }
    _cleanup_fd_ int fd = openat(dir, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &now) < 0)
        return err_sys(err, -errno, "open %s", name);
    if (now.st_ino != st->st_ino || now.st_dev != st->st_dev || !S_ISREG(now.st_mode))
        return err_set(err, -EAGAIN, "%s changes while it is packed", name);
    struct tree_file *f = file_of(s, &now);
    if (!f)
        return no_memory(err);
    int r = load(s, root, fd, f, (uint64_t)now.st_size, name, err);
    s->tree->bytes += f->size;
    if (r == 0 && s->progress)
        s->progress(s->ctx, s->tree);
    *out = f;
    return r;
}

/* ---- a walk ------------------------------------------------------------------------------------------------------ */

struct walk {
    struct source *s;
    struct tree_node *node; /* a directory of the tree, and the same of the source */
    int fd;
    char rest[2 * PATH_MAX];
    unsigned links;
};

/* What is at a path below a directory, step by step: a link on the way is none of what was taken. */
static int open_below(int root, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (at >= 0 && *(path += strspn(path, "/"))) {
        const size_t n = strcspn(path, "/");
        const bool last = !path[n];
        if (n > NAME_MAX) {
            close(at);
            return -ENAMETOOLONG;
        }
        memcpy(name, path, n);
        name[n] = 0;
        int next = openat(at, name, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC), error = errno;
        close(at);
        errno = error;
        at = next;
        path += n;
    }
    return at < 0 ? -errno : at;
}

/* The directory of a node. */
static int open_directory(const struct source *s, const struct tree_node *node)
{
    const char *path = tree_path(s->tree->arena, node);

    return path ? open_below(s->root, path, O_PATH | O_DIRECTORY) : -ENOMEM;
}

static int move_to(struct walk *w, struct tree_node *node)
{
    int fd = open_directory(w->s, node);

    if (fd < 0)
        return fd;
    close(w->fd);
    w->fd = fd;
    w->node = node;
    return 0;
}

/* The link is taken, and its target put before the rest. */
static int follow(struct walk *w, const char *name, const struct stat *st, struct err *err)
{
    char target[PATH_MAX], rest[2 * PATH_MAX];
    struct tree *t = w->s->tree;
    struct tree_node *node;
    ssize_t n = readlinkat(w->fd, name, target, sizeof target - 1);

    if (n < 0)
        return err_sys(err, -errno, "read the link %s", name);
    if (++w->links > LINKS_MOST)
        return err_set(err, -ELOOP, "%s: too many links lead on from it", name);
    target[n] = 0;
    struct tree_file *f = known(t, st);
    if (!f) {
        if (!(f = file_of(w->s, st)) || !(f->target = arena_strdup(t->arena, target)))
            return no_memory(err);
        f->size = (uint64_t)n;
    }
    int r = tree_place(t, w->node, name, strlen(name), f, &node, err);
    if (r < 0)
        return r;
    if (snprintf(rest, sizeof rest, "%s/%s", target, w->rest) >= (int)sizeof rest)
        return err_set(err, -ENAMETOOLONG, "%s: its target is too long", name);
    memcpy(w->rest, rest, sizeof rest);
    if (*target == '/' && (r = move_to(w, t->root)) < 0)
        return err_sys(err, r, "open the root");
    return 0;
}

/* One name. Where it is no directory, *last is its node and the walk ends. */
static int step(struct walk *w, const char *name, struct tree_node **last, struct err *err)
{
    struct tree *t = w->s->tree;
    struct tree_node *node;
    struct tree_file *f = NULL;
    struct stat st;
    int r;

    if (!strcmp(name, ".."))
        return (r = move_to(w, w->node->parent)) < 0 ? err_sys(err, r, "open a directory above") : 0;
    const char *path =
        arena_printf(t->arena, "%s%s/%s", w->s->path, w->node == t->root ? "" : tree_path(t->arena, w->node), name);
    if (!path)
        return no_memory(err);
    if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return err_sys(err, -errno, "%s", path);
    if (S_ISLNK(st.st_mode))
        return follow(w, name, &st, err);
    if (!S_ISDIR(st.st_mode)) {
        if (w->rest[strspn(w->rest, "/")])
            return err_sys(err, -ENOTDIR, "%s", path);
        r = take_file(w->s, w->s->root, w->fd, name, path, &st, &f, err);
        return r < 0 ? r : tree_place(t, w->node, name, strlen(name), f, last, err);
    }
    node = tree_child(w->node, name, strlen(name));
    if (!node && !(f = file_of(w->s, &st)))
        return no_memory(err);
    if (!node && (r = tree_place(t, w->node, name, strlen(name), f, &node, err)) < 0)
        return r;
    return (r = move_to(w, node)) < 0 ? err_sys(err, r, "%s", path) : 0;
}

int source_take(struct source *s, const char *path, struct tree_node **out, struct err *err)
{
    struct walk w = {.s = s, .node = s->tree->root, .fd = open_directory(s, s->tree->root)};
    char name[NAME_MAX + 1];
    int r = 0;

    *out = NULL;
    if (w.fd < 0)
        return err_sys(err, w.fd, "open %s/", s->path);
    if (strlen(path) >= PATH_MAX)
        r = err_sys(err, -ENAMETOOLONG, "%.40s...", path);
    else
        strcpy(w.rest, path);
    while (r == 0 && !*out) {
        const char *from = w.rest + strspn(w.rest, "/");
        size_t n = strcspn(from, "/");
        if (!n)
            break;
        if (n > NAME_MAX) {
            r = err_sys(err, -ENAMETOOLONG, "%s", path);
            break;
        }
        memcpy(name, from, n);
        name[n] = 0;
        memmove(w.rest, from + n, strlen(from + n) + 1);
        r = strcmp(name, ".") ? step(&w, name, out, err) : 0;
    }
    if (r == 0 && !*out)
        *out = w.node;
    close(w.fd);
    return r;
}

int source_take_if_there(struct source *s, const char *path, struct tree_node **out, struct err *err)
{
    struct err why;
    int r = source_take(s, path, out, &why);

    if (r == -ENOENT || r == -ENOTDIR) {
        *out = NULL;
        return 0;
    }
    if (r < 0)
        *err = why;
    return r;
}

/* ---- whole directories ------------------------------------------------------------------------------------------ */

static int take_entry(struct source *s, int root, int dir, struct tree_node *node, const char *host, const char *name,
                      unsigned depth, struct err *err);

static int take_entries(struct source *s, int root, int fd, struct tree_node *node, const char *host, unsigned depth,
                        struct err *err)
{
    DIR *d = depth < DEPTH_MOST ? fdopendir(fd) : NULL;
    const struct dirent *e;
    int r = 0;

    if (!d) {
        r = depth < DEPTH_MOST ? -errno : -ELOOP;
        close(fd);
        return err_sys(err, r, "read the directory %s", host);
    }
    while (r == 0 && (errno = 0, e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            r = take_entry(s, root, dirfd(d), node, host, e->d_name, depth, err);
    if (r == 0 && errno)
        r = err_sys(err, -errno, "read the directory %s", host);
    closedir(d);
    return r;
}

static int take_link(struct source *s, int dir, const char *name, const char *path, const struct stat *st,
                     struct tree_file **out, struct err *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

    if (n < 0)
        return err_sys(err, -errno, "read the link %s", path);
    target[n] = 0;
    if ((*out = known(s->tree, st)))
        return 0;
    if (!(*out = file_of(s, st)) || !((*out)->target = arena_strdup(s->tree->arena, target)))
        return no_memory(err);
    (*out)->size = (uint64_t)n;
    return 0;
}

static int take_entry(struct source *s, int root, int dir, struct tree_node *node, const char *host, const char *name,
                      unsigned depth, struct err *err)
{
    const char *path = arena_printf(s->tree->arena, "%s/%s", host, name);
    struct tree_node *child;
    struct tree_file *f;
    struct stat st;
    int r;

    if (!path)
        return no_memory(err);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return err_sys(err, -errno, "%s", path);
    if (S_ISSOCK(st.st_mode)) /* what listens there does not come along */
        return 0;
    if (!S_ISDIR(st.st_mode)) {
        r = S_ISLNK(st.st_mode) ? take_link(s, dir, name, path, &st, &f, err)
                                : take_file(s, root, dir, name, path, &st, &f, err);
        return r < 0 ? r : tree_place(s->tree, node, name, strlen(name), f, &child, err);
    }
    if (!(f = file_of(s, &st)))
        return no_memory(err);
    if ((r = tree_place(s->tree, node, name, strlen(name), f, &child, err)) < 0)
        return r;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error;
    if (fd < 0)
        return err_sys(err, -errno, "%s", path);
    if (kernelfs_of(fd, &error)) { /* the place of it is all that an image has */
        close(fd);
        return 0;
    }
    return take_entries(s, root, fd, child, path, depth + 1, err);
}

int source_take_all(struct source *s, const char *path, struct err *err)
{
    struct tree_node *node;
    int error, r = source_take(s, path, &node, err);

    if (r < 0 || !S_ISDIR(node->file->mode))
        return r;
    const char *at = tree_path(s->tree->arena, node);
    const char *host = at ? arena_printf(s->tree->arena, "%s%s", s->path, at[1] ? at : "") : NULL;
    if (!host)
        return no_memory(err);
    _cleanup_fd_ int dir = open_directory(s, node);
    int fd = dir < 0 ? dir : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, dir < 0 ? dir : -errno, "%s", host);
    if (kernelfs_of(fd, &error)) {
        close(fd);
        return err_set(err, -EINVAL, "%s lies in a file system of the kernel's, of which an image has its own", host);
    }
    return take_entries(s, s->root, fd, node, host, 0, err);
}

int source_place(struct source *s, const char *host, const char *guest, struct err *err)
{
    struct tree *t = s->tree;
    struct tree_node *dir, *node;
    struct tree_file *f;
    char real[PATH_MAX];
    struct stat st;
    int r;

    if (!realpath(host, real) || lstat(real, &st) < 0)
        return err_sys(err, -errno, "%s", host);
    if (S_ISDIR(st.st_mode)) {
        if ((r = tree_directory(t, guest, st.st_mode & 07777, &node, err)) < 0)
            return r;
        int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? err_sys(err, -errno, "%s", host) : take_entries(s, AT_FDCWD, fd, node, real, 0, err);
    }
    const char *slash = strrchr(guest, '/'), *parent = arena_strndup(t->arena, guest, (size_t)(slash - guest));
    if (!parent)
        return no_memory(err);
    if ((r = tree_directory(t, parent, 0755, &dir, err)) < 0 ||
        (r = take_file(s, AT_FDCWD, AT_FDCWD, real, real, &st, &f, err)) < 0)
        return r;
    return tree_place(t, dir, slash + 1, strlen(slash + 1), f, &node, err);
}

/* ---- once more -------------------------------------------------------------------------------------------------- */

int source_open(const struct tree_file *f)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

    if (f->root != AT_FDCWD)
        return open_below(f->root, f->below, flags);
    int fd = open(f->below, flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int source_read(const struct tree_file *f, int (*put)(void *ctx, const void *bytes, size_t n), void *ctx,
                struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256 sha;
    char piece[PIECE];
    uint64_t size = 0;
    ssize_t n;
    int r = 0;

    if (f->bytes)
        return (r = put(ctx, f->bytes, f->size)) < 0 ? err_sys(err, r, "write the image") : 0;
    _cleanup_fd_ int fd = source_open(f);
    if (fd < 0)
        return err_sys(err, fd, "open %s", f->host);
    sha256_init(&sha);
    while ((n = io_read_full(fd, piece, sizeof piece)) > 0 && size + (uint64_t)n <= f->size && r == 0) {
        sha256_update(&sha, piece, (size_t)n);
        size += (uint64_t)n;
        r = put(ctx, piece, (size_t)n);
    }
    if (n < 0 || r < 0)
        return n < 0 ? err_sys(err, (int)n, "read %s", f->host) : err_sys(err, r, "write the image");
    sha256_final(&sha, digest);
    if (n || size != f->size || memcmp(digest, f->sha256, SHA256_SIZE))
        return err_set(err, -EAGAIN, "%s changes while it is packed", f->host);
    return 0;
}
