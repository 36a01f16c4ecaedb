/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to the store. Each is one rename(2) or unlink(2) under the store's lock; the slow parts (filling, deleting)
 * happen in a .tmp- directory whose flock(2) tells the living from the dead, also across pid namespaces.
 */
#include "base/io.h"
#include "image/owned.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

#define TMP_PREFIX         ".tmp-"
#define DYING_HOLDER_TRIES 30 /* of 10 ms */

static int store_lock(struct store *s, int *fd, struct err *err)
{
    *fd = openat(s->images_fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*fd < 0)
        return err_sys(err, -errno, "open the lock of the image store %s", s->path);
    while (flock(*fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, -errno, "lock the image store %s", s->path);
    return 0;
}

static int temporary_name(char name[32])
{
    uint64_t r;

    if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
        return -EIO;
    snprintf(name, 32, TMP_PREFIX "%016llx", (unsigned long long)r);
    return 0;
}

int store_build_begin(struct store *s, struct store_build *b, struct err *err)
{
    _cleanup_fd_ int lock = -1, fd = -1, rootfs = -1;
    int r = store_lock(s, &lock, err);

    if (r < 0)
        return r;
    r = temporary_name(b->name);
    if (r == 0 && mkdirat(s->images_fd, b->name, 0700) < 0)
        r = -errno;
    if (r < 0)
        return err_sys(err, r, "create a directory in %s/images", s->path);
    fd = openat(s->images_fd, b->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || mkdirat(fd, "rootfs", 0755) < 0 ||
        fchmodat(fd, "rootfs", 0755, 0) < 0 ||
        (rootfs = openat(fd, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        return err_sys(err, -errno, "prepare %s/images/%s", s->path, b->name);
    b->fd = steal_fd(&fd);
    b->rootfs_fd = steal_fd(&rootfs);
    return 0;
}

void store_build_discard(struct store *s, struct store_build *b)
{
    struct err ignored = {0};

    if (b->fd < 0)
        return;
    owned_tree_remove(s->images_fd, b->name, &ignored); /* what stays is rubbish that store_clean() finds */
    cleanup_fd(&b->rootfs_fd);
    cleanup_fd(&b->fd);
    b->fd = b->rootfs_fd = -1;
}

static int tag_locked(struct store *s, const struct reference *ref, const char *id, struct err *err)
{
    char file[REFERENCE_NAME_MAX + 1], tag[REFERENCE_TAG_MAX + 1];
    char path[REFERENCE_NAME_MAX + REFERENCE_TAG_MAX + 2], text[2 * IMAGE_ID_LEN + 16];

    reference_to_file(ref, file);
    reference_to_tag_file(ref, tag);
    if (mkdirat(s->refs_fd, file, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "create %s/refs/%s", s->path, file);
    snprintf(path, sizeof path, "%s/%s", file, tag);
    snprintf(text, sizeof text, "%s\n%s%s%s", id, *ref->digest ? "sha256:" : "", ref->digest, *ref->digest ? "\n" : "");
    /* One name for the temporary file, outside the tags' directory: what a kill leaves can never look like a tag. */
    _cleanup_fd_ int fd = openat(s->refs_fd, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
    if (r == 0 && renameat(s->refs_fd, ".new", s->refs_fd, path) < 0)
        r = -errno;
    return r < 0 ? err_sys(err, r, "write %s/refs/%s", s->path, path) : 0;
}

int store_tag(struct store *s, const struct reference *ref, const char *id, struct err *err)
{
    _cleanup_fd_ int lock = -1;
    int r = store_lock(s, &lock, err);

    if (r < 0)
        return r;
    if (!store_has(s, id))
        return err_set(err, -ENOENT, "image %.12s: removed meanwhile: import it again", id);
    return tag_locked(s, ref, id, err);
}

int store_build_commit(struct store *s, struct store_build *b, const char *id, const char *config, size_t len,
                       const struct reference *ref, bool *existed, struct err *err)
{
    int r = io_replace_file(b->fd, "config.json", config, len, 0600);

    if (r < 0) {
        err_sys(err, r, "write %s/images/%s/config.json", s->path, b->name);
        store_build_discard(s, b);
        return r;
    }
    {
        _cleanup_fd_ int lock = -1;
        r = store_lock(s, &lock, err);
        if (r == 0) {
            /* Under the store's lock nobody cleans, so our own lock can go before the image becomes visible. */
            flock(b->fd, LOCK_UN);
            *existed = false;
            if (syscall(SYS_renameat2, s->images_fd, b->name, s->images_fd, id, RENAME_NOREPLACE) == 0) {
                cleanup_fd(&b->rootfs_fd);
                cleanup_fd(&b->fd);
                b->fd = b->rootfs_fd = -1;
            } else if (errno == EEXIST) {
                *existed = true;
                flock(b->fd, LOCK_EX | LOCK_NB);
            } else {
                r = err_sys(err, -errno, "rename %s/images/%s", s->path, b->name);
            }
        }
        if (r == 0 && ref)
            r = tag_locked(s, ref, id, err);
    }
    store_build_discard(s, b);
    return r;
}

struct names_of {
    struct store *s;
    const char *id, *file;
    const char **names; /* "file/tag" */
    size_t n, cap;
};

static int names_tag(void *ctx, const char *tag, struct err *err)
{
    struct names_of *w = ctx;
    struct reference ref;
    char id[IMAGE_ID_LEN + 1], digest[IMAGE_ID_LEN + 1];

    if (!reference_from_file(w->file, tag, &ref) || !store_ref_read(w->s, w->file, tag, id, digest) ||
        strcmp(id, w->id) != 0)
        return 0;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;
        const char **more = arena_array(w->s->arena, cap, sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "image %.12s: too many names", w->id);
        if (w->n)
            memcpy(more, w->names, w->n * sizeof *more);
        w->names = more;
        w->cap = cap;
    }
    w->names[w->n] = arena_printf(w->s->arena, "%s/%s", w->file, tag);
    return w->names[w->n++] ? 0 : err_set(err, -ENOMEM, "image %.12s: too many names", w->id);
}

static int names_file(void *ctx, const char *file, struct err *err)
{
    struct names_of *w = ctx;

    w->file = file;
    return *file == '.' ? 0 : store_walk_tags(w->s, file, names_tag, w, err);
}

static int untag(struct store *s, const char *path, struct store_removed *out, struct err *err)
{
    char *text = arena_strdup(s->arena, path), *slash = text ? strchr(text, '/') : NULL;
    char show[REFERENCE_TEXT_MAX];
    struct reference ref;

    if (!slash)
        return err_set(err, -ENOMEM, "image name %s: out of memory", path);
    if (unlinkat(s->refs_fd, path, 0) < 0 && errno != ENOENT)
        return err_sys(err, -errno, "remove %s/refs/%s", s->path, path);
    *slash = 0;
    unlinkat(s->refs_fd, text, AT_REMOVEDIR);         /* stays while it has other tags */
    if (reference_from_file(text, slash + 1, &ref)) { /* it is: names_tag() and store_find() have seen to it */
        reference_show(&ref, show);
        out->untagged[out->n_untagged] = arena_strdup(s->arena, show);
        if (!out->untagged[out->n_untagged++])
            return err_set(err, -ENOMEM, "image name %s: out of memory", path);
    }
    return 0;
}

/* Takes the image out of sight; the lock it comes with keeps store_clean() away while it is deleted. */
static int detach(struct store *s, const char *id, char name[32], int *fd, struct err *err)
{
    *fd = openat(s->images_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        return err_sys(err, -errno, "open image %.12s", id);
    /* A process of ours that was just killed holds its locks until the kernel has taken it apart. */
    for (int tries = 0; flock(*fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (tries == DYING_HOLDER_TRIES)
            return err_set(err, -EBUSY, "image %.12s: a sandbox uses it: stop the sandbox first", id);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    int r = temporary_name(name);
    if (r == 0 && syscall(SYS_renameat2, s->images_fd, id, s->images_fd, name, RENAME_NOREPLACE) < 0)
        r = -errno;
    return r < 0 ? err_sys(err, r, "rename image %.12s", id) : 0;
}

int store_remove(struct store *s, const char *text, bool force, struct store_removed *out, struct err *err)
{
    _cleanup_fd_ int lock = -1, fd = -1;
    struct reference ref;
    char name[32], path[REFERENCE_NAME_MAX + REFERENCE_TAG_MAX + 2], file[REFERENCE_NAME_MAX + 1];
    char tag[REFERENCE_TAG_MAX + 1];
    int r;

    *out = (struct store_removed){0};
    if ((r = store_find(s, text, &ref, out->id, err)) < 0 || (r = store_lock(s, &lock, err)) < 0 ||
        (r = store_find(s, text, &ref, out->id, err)) < 0) /* again, now that nobody changes it */
        return r;
    struct names_of names = {.s = s, .id = out->id};
    if ((r = store_walk_dir(s->refs_fd, names_file, &names, err)) < 0)
        return r;
    out->untagged = arena_array(s->arena, names.n + 1, sizeof *out->untagged);
    if (!out->untagged)
        return err_set(err, -ENOMEM, "image %s: out of memory", text);
    if (ref.name[0] && names.n > 1) {
        reference_to_file(&ref, file);
        reference_to_tag_file(&ref, tag);
        snprintf(path, sizeof path, "%s/%s", file, tag);
        return untag(s, path, out, err);
    }
    if (names.n > 1 && !force)
        return err_set(err, -EEXIST, "image %s: it has %zu names: remove them by name, or give --force", text, names.n);
    if ((r = detach(s, out->id, name, &fd, err)) < 0)
        return r;
    for (size_t i = 0; i < names.n; i++)
        if ((r = untag(s, names.names[i], out, err)) < 0)
            return r;
    cleanup_fd(&lock);
    lock = -1;
    out->deleted = true;
    return owned_tree_remove(s->images_fd, name, err);
}

struct cleaning {
    struct store *s;
    unsigned removed;
    struct err first;
};

static int clean_one(void *ctx, const char *name, struct err *err)
{
    struct cleaning *c = ctx;
    struct err why = {0};

    if (strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX)) != 0)
        return 0;
    _cleanup_fd_ int fd = openat(c->s->images_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        return 0; /* its owner lives */
    if (owned_tree_remove(c->s->images_fd, name, &why) < 0) {
        if (!c->first.code)
            c->first = why;
        return 0;
    }
    c->removed++;
    return 0;
}

int store_clean(struct store *s, unsigned *removed, struct err *err)
{
    _cleanup_fd_ int lock = -1;
    struct cleaning c = {.s = s};

    *removed = 0;
    if (s->images_fd < 0)
        return 0;
    int r = store_lock(s, &lock, err);
    if (r == 0)
        r = store_walk_dir(s->images_fd, clean_one, &c, err);
    *removed = c.removed;
    if (r == 0 && c.first.code)
        r = err_set(err, c.first.code, "clean the image store: %s", c.first.text);
    return r;
}
