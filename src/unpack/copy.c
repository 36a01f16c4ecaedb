/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of a directory. The source may be changed by others while it is read, and its author may be the one we guard
 * against: every name is opened by openat2(2) below the source, without following links, and looked at through the
 * descriptor. A digest record is: type, path, NUL, mode, uid, gid, mtime, then what the type adds.
 */
#include "unpack/copy.h"

#include "base/mem.h"
#include "host/openat2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BUFFER_SIZE (1u << 20)
#define HOLE_SIZE   4096

struct name_list {
    struct item {
        char *name;
        bool directory;
    } * v;
    size_t n, cap;
};

static void names_free(struct name_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].name);
    free(l->v);
    *l = (struct name_list){0};
}

static int open_source(struct copy *c, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};

    return openat2_scoped(c->source, *path ? path : ".", &how);
}

static void feed(struct copy *c, const void *p, size_t n)
{
    sha256_update(&c->digest, p, n);
}

static void feed_number(struct copy *c, uint64_t v)
{
    uint8_t b[8];

    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    feed(c, b, sizeof b);
}

static void feed_head(struct copy *c, char type, const char *path, const struct dest_attributes *a)
{
    feed(c, &type, 1);
    feed(c, path, strlen(path) + 1);
    feed_number(c, a->mode);
    feed_number(c, (uint64_t)a->uid << 32 | a->gid);
    feed_number(c, (uint64_t)a->mtime);
    feed_number(c, a->mtime_nsec);
}

static struct dest_attributes attributes_of(const struct stat *st)
{
    return (struct dest_attributes){st->st_mode & 07777, st->st_uid, st->st_gid, (uint32_t)st->st_mtim.tv_nsec,
                                    st->st_mtim.tv_sec};
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct item *)x)->name, ((const struct item *)y)->name);
}

static int read_names(int fd, struct name_list *l, struct err *err)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    int r = 0;

    if (!dir) {
        r = err_sys(err, -errno, "read a directory");
        cleanup_fd(&again);
        return r;
    }
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (l->n == l->cap) {
            size_t cap = l->cap ? l->cap * 2 : 32;
            struct item *more = realloc(l->v, cap * sizeof *more);
            if (!more)
                r = -ENOMEM;
            else
                l->v = more;
            l->cap = more ? cap : l->cap;
        }
        if (r == 0 && !(l->v[l->n].name = strdup(e->d_name)))
            r = -ENOMEM;
        if (r == 0)
            l->v[l->n++].directory = false;
    }
    closedir(dir);
    if (r < 0)
        return err_set(err, r, "out of memory");
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, by_name);
    return 0;
}

/* Allowed attributes in the order of their names; `list` is what flistxattr(2) gave. */
static void copy_xattrs(struct copy *c, int from, int to)
{
    char list[65536], value[65536];
    const char *last = "";
    ssize_t n = flistxattr(from, list, sizeof list);

    for (;;) {
        const char *next = NULL;
        for (const char *p = list; n > 0 && p < list + n; p += strlen(p) + 1)
            if (strcmp(p, last) > 0 && (!next || strcmp(p, next) < 0))
                next = p;
        if (!next)
            break;
        last = next;
        if (!dest_xattr_allowed(next)) {
            /* labels and ACLs of the host say nothing inside; only what carries meaning is worth a note */
            if (strncmp(next, "security.", 9) && strncmp(next, "system.", 7))
                c->d->dropped_xattrs++;
            continue;
        }
        ssize_t size = fgetxattr(from, next, value, sizeof value);
        if (size < 0)
            continue;
        dest_set_xattr(c->d, to, next, value, (size_t)size);
        feed(c, next, strlen(next) + 1);
        feed_number(c, (uint64_t)size);
        feed(c, value, (size_t)size);
    }
    feed_number(c, 0);
}

static bool all_zero(const char *p, size_t n)
{
    return n && !p[0] && !memcmp(p, p + 1, n - 1);
}

static int write_sparse(int fd, const char *p, size_t n, uint64_t offset, struct err *err)
{
    while (n) {
        size_t k = n < HOLE_SIZE ? n : HOLE_SIZE;
        bool zero = all_zero(p, k);
        while (k < n && all_zero(p + k, n - k < HOLE_SIZE ? n - k : HOLE_SIZE) == zero)
            k += n - k < HOLE_SIZE ? n - k : HOLE_SIZE;
        int r = zero ? 0 : dest_write_at(fd, p, k, offset, err);
        if (r < 0)
            return r;
        p += k;
        n -= k;
        offset += k;
    }
    return 0;
}

/* Reads at most the size that was seen first: a file that grows meanwhile cannot keep us here. */
static int copy_bytes(struct copy *c, int from, int to, uint64_t size, bool cloned, struct err *err)
{
    uint64_t offset = 0;

    while (offset < size) {
        ssize_t n = pread(cloned ? to : from, c->buffer, size - offset < BUFFER_SIZE ? size - offset : BUFFER_SIZE,
                          (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, -errno, "read");
        if (n == 0)
            break;
        feed(c, c->buffer, (size_t)n);
        int r = cloned ? 0 : write_sparse(to, c->buffer, (size_t)n, offset, err);
        if (r < 0)
            return r;
        offset += (uint64_t)n;
        c->progress(c->d);
    }
    if (ftruncate(to, (off_t)offset) < 0)
        return err_sys(err, -errno, "set size");
    return 0;
}

static int copy_regular(struct copy *c, const char *path, int from, const struct stat *st, struct err *err)
{
    struct dest_attributes a = attributes_of(st);
    _cleanup_fd_ int to = -1;
    int r;

    if (st->st_nlink > 1) {
        const char *first = inodes_text(&c->links, st->st_dev, st->st_ino);
        if (first) {
            feed_head(c, 'h', path, &a);
            feed(c, first, strlen(first) + 1);
            return dest_make_hardlink(c->d, path, first, err);
        }
        if (!inodes_add(&c->links, st->st_dev, st->st_ino, path))
            return err_set(err, -ENOMEM, "out of memory");
    }
    if ((r = dest_count_bytes(c->d, (uint64_t)st->st_size, err)) < 0 || (r = dest_make_file(c->d, path, &to, err)) < 0)
        return r;
    feed_head(c, 'f', path, &a);
    feed_number(c, (uint64_t)st->st_size);
    bool cloned = st->st_size > 0 && ioctl(to, FICLONE, from) == 0;
    if (cloned) {
        /* The digest is taken from the clone, which nobody else changes; it needs a descriptor that reads. */
        const char *name;
        int dirfd;
        if ((r = dest_parent(c->d, path, false, &dirfd, &name, err)) < 0)
            return r;
        cleanup_fd(&to);
        if ((to = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC)) < 0)
            return err_sys(err, -errno, "open %.200s", path);
    }
    if ((r = copy_bytes(c, from, to, (uint64_t)st->st_size, cloned, err)) < 0 ||
        (r = dest_set_attributes(c->d, to, &a, err)) < 0)
        return r;
    copy_xattrs(c, from, to); /* after the owner: chown(2) takes capabilities away */
    return 0;
}

static int copy_symlink(struct copy *c, const char *path, int dirfd, const char *name, const struct stat *st,
                        struct err *err)
{
    struct dest_attributes a = attributes_of(st);
    char target[DEST_PATH_MAX];
    ssize_t n = readlinkat(dirfd, name, target, sizeof target - 1);

    if (n < 0)
        return err_sys(err, -errno, "read the link %.200s", path);
    target[n] = 0;
    feed_head(c, 'l', path, &a);
    feed(c, target, (size_t)n + 1);
    return dest_make_symlink(c->d, path, target, &a, err);
}

static int join(const char *dir, const char *name, char out[DEST_PATH_MAX], struct err *err)
{
    char raw[DEST_PATH_MAX + 256];

    if (strlen(dir) + strlen(name) + 2 > sizeof raw)
        return err_set(err, -ENAMETOOLONG, "%.200s...: path is too long", dir);
    strcpy(raw, dir);
    strcat(raw, "/");
    strcat(raw, name);
    return dest_path(raw, out, err);
}

/* Everything but directories; those are marked for later, so that only names are held while their trees are walked. */
static int copy_item(struct copy *c, const char *path, int dirfd, struct item *item, struct err *err)
{
    struct stat st;

    if (fstatat(dirfd, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_sys(err, -errno, "look at %.200s", path);
    if (S_ISDIR(st.st_mode)) {
        item->directory = true;
        return 0;
    }
    if (S_ISLNK(st.st_mode))
        return copy_symlink(c, path, dirfd, item->name, &st, err);
    if (S_ISREG(st.st_mode)) {
        _cleanup_fd_ int fd = open_source(c, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd == -ENOENT)
            return 0;
        if (fd == -EXDEV) {
            dest_note_skipped(c->d, &c->d->skipped_special, path);
            return 0;
        }
        if (fd < 0)
            return err_sys(err, fd, "open %.200s", path);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return err_set(err, -EAGAIN, "%.200s changed while it was copied: try again when nothing writes to it",
                           path);
        return copy_regular(c, path, fd, &st, err);
    }
    dest_note_skipped(
        c->d, S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? &c->d->skipped_devices : &c->d->skipped_special, path);
    return 0;
}

static int copy_directory(struct copy *c, const char *path, struct err *err);

/* A mount point (proc, sys): the directory as a place to mount on again, nothing of what is mounted. */
static int copy_mount_point(struct copy *c, const char *path, struct err *err)
{
    struct dest_attributes a = {.mode = 0755};

    dest_note_skipped(c->d, &c->d->skipped_special, path);
    feed_head(c, 'm', path, &a);
    return dest_make_directory(c->d, path, &a, err);
}

static int copy_children(struct copy *c, const char *path, int fd, struct name_list *names, struct err *err)
{
    char child[DEST_PATH_MAX];
    int r = read_names(fd, names, err);

    for (size_t i = 0; r == 0 && i < names->n; i++) {
        if ((r = join(path, names->v[i].name, child, err)) == 0)
            r = copy_item(c, child, fd, &names->v[i], err);
        c->progress(c->d);
    }
    return r;
}

static int copy_directory(struct copy *c, const char *path, struct err *err)
{
    _cleanup_(names_free) struct name_list names = {0};
    char child[DEST_PATH_MAX];
    struct stat st;
    int r;

    {
        _cleanup_fd_ int fd = open_source(c, path, O_RDONLY | O_DIRECTORY);
        _cleanup_fd_ int to = -1;
        if (fd == -EXDEV)
            return copy_mount_point(c, path, err);
        if (fd == -ENOENT && *path)
            return 0;
        if (fd < 0)
            return err_sys(err, fd, "open directory %.200s", *path ? path : "/");
        if (fstat(fd, &st) < 0)
            return err_sys(err, -errno, "look at %.200s", path);
        if (st.st_ino == c->exclude_ino && st.st_dev == c->exclude_dev)
            return 0;
        struct dest_attributes a = attributes_of(&st);
        feed_head(c, 'd', path, &a);
        if ((r = dest_make_directory(c->d, path, &a, err)) < 0)
            return r;
        if (dest_open_directory(c->d, path, O_RDONLY, &to) == 0)
            copy_xattrs(c, fd, to);
        if ((r = copy_children(c, path, fd, &names, err)) < 0)
            return r;
    }
    for (size_t i = 0; i < names.n; i++) {
        if (!names.v[i].directory)
            continue;
        if ((r = join(path, names.v[i].name, child, err)) < 0 || (r = copy_directory(c, child, err)) < 0)
            return r;
    }
    return 0;
}

int copy_tree(struct copy *c, uint8_t digest[SHA256_SIZE], struct err *err)
{
    c->buffer = malloc(BUFFER_SIZE);
    if (!c->buffer)
        return err_set(err, -ENOMEM, "out of memory");
    sha256_init(&c->digest);
    int r = copy_directory(c, "", err);
    if (r == 0)
        r = dest_finish(c->d, err);
    sha256_final(&c->digest, digest);
    inodes_free(&c->links);
    free(c->buffer);
    c->buffer = NULL;
    return r;
}
