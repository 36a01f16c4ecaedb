/* SPDX-License-Identifier: Apache-2.0 */
/* From tar entries to files. One row per type; what a type may do is in dest.c. Trust: every field of an entry is
 * hostile. */
#include "unpack/extract.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct dest *d;
    struct tar *t;
    const struct tar_entry *e;
    struct dest_attributes a;
    char path[DEST_PATH_MAX];
};

static int put_data(struct job *j, int fd, uint64_t offset, uint64_t size, const char **bytes, size_t *have,
                    struct err *err)
{
    while (size) {
        if (!*have) {
            int r = tar_read(j->t, bytes, have, err);
            if (r < 0)
                return r;
            if (!*have)
                return err_set(err, -EINVAL, "the data ends early");
        }
        size_t k = *have < size ? *have : (size_t)size;
        int r = dest_write_at(fd, *bytes, k, offset, err);
        if (r < 0)
            return r;
        *bytes += k;
        *have -= k;
        offset += k;
        size -= k;
    }
    return 0;
}

static int put_file(struct job *j, int fd, struct err *err)
{
    const struct tar_entry *e = j->e;
    const char *bytes = NULL;
    size_t have = 0;
    int r;

    if (!e->sparse)
        return put_data(j, fd, 0, e->size, &bytes, &have, err);
    for (size_t i = 0; i < e->n_segments; i++)
        if ((r = put_data(j, fd, e->segments[i].offset, e->segments[i].size, &bytes, &have, err)) < 0)
            return r;
    return 0;
}

static void put_xattrs(struct job *j, int fd)
{
    for (size_t i = 0; i < j->e->n_xattrs; i++)
        dest_set_xattr(j->d, fd, j->e->xattrs[i].name, j->e->xattrs[i].value, j->e->xattrs[i].size);
}

static int make_file(struct job *j, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = dest_count_bytes(j->d, j->e->size, err); /* a hole counts like data: it is what a copy would take */

    if (r < 0 || (r = dest_make_file(j->d, j->path, &fd, err)) < 0)
        return r;
    if ((r = put_file(j, fd, err)) < 0)
        return r;
    if (j->e->sparse)
        r = ftruncate(fd, (off_t)j->e->size) < 0 ? err_sys(err, -errno, "set size") : 0;
    if (r < 0 || (r = dest_set_attributes(j->d, fd, &j->a, err)) < 0)
        return r;
    put_xattrs(j, fd); /* after the owner: chown(2) takes capabilities away */
    return 0;
}

static int make_hardlink(struct job *j, struct err *err)
{
    char target[DEST_PATH_MAX];
    int r = dest_path(j->e->link, target, err);

    return r < 0 ? r : dest_make_hardlink(j->d, j->path, target, err);
}

static int make_symlink(struct job *j, struct err *err)
{
    return dest_make_symlink(j->d, j->path, j->e->link, &j->a, err);
}

static int make_directory(struct job *j, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = dest_make_directory(j->d, j->path, &j->a, err);

    if (r < 0 || !j->e->n_xattrs)
        return r;
    if (dest_open_directory(j->d, j->path, 0, &fd) == 0)
        put_xattrs(j, fd);
    return 0;
}

static int make_fifo(struct job *j, struct err *err)
{
    return dest_make_fifo(j->d, j->path, &j->a, err);
}

/* A device node gives whoever opens it the host's device; sandboxes get their /dev from the policy. */
static int skip_device(struct job *j, struct err *err)
{
    dest_note_skipped(j->d, &j->d->skipped_devices, j->path);
    return 0;
}

static int (*const makers[])(struct job *j, struct err *err) = {
    make_file, make_hardlink, make_symlink, skip_device, skip_device, make_directory, make_fifo,
};

/* ".wh.NAME" takes NAME away, ".wh..wh..opq" all that lower layers have in its directory; other ".wh..wh." names are
 * aufs's own book-keeping. */
static int whiteout(struct job *j, char *name, struct err *err)
{
    if (!strcmp(name, ".wh..wh..opq")) {
        *(name > j->path ? name - 1 : name) = 0;
        return dest_remove_lower_children(j->d, j->path, err);
    }
    if (!strncmp(name, ".wh..wh.", 8))
        return 0;
    const char *victim = name + 4;
    if (!*victim || !strcmp(victim, ".") || !strcmp(victim, ".."))
        return err_set(err, -EPERM, "entry %.200s: a whiteout of nothing: the archive is hostile or damaged", j->path);
    memmove(name, victim, strlen(victim) + 1);
    return dest_remove_lower(j->d, j->path, err);
}

static int extract_one(struct job *j, struct err *err)
{
    const struct tar_entry *e = j->e;
    int r = dest_path(e->path, j->path, err);

    if (r < 0)
        return r;
    j->a = (struct dest_attributes){e->mode, e->uid, e->gid, e->mtime_nsec, e->mtime};
    char *slash = strrchr(j->path, '/');
    char *name = slash ? slash + 1 : j->path;
    if (j->d->layer && !strncmp(name, ".wh.", 4))
        return whiteout(j, name, err);
    if ((r = makers[e->type - '0'](j, err)) < 0)
        return strncmp(err->text, "entry ", 6) ? err_wrap(err, "entry %.200s", e->path) : r;
    return 0;
}

int extract_all(struct dest *d, struct tar *t, struct err *err)
{
    struct job j = {.d = d, .t = t};

    for (;;) {
        struct tar_entry *e;
        int r = tar_next(t, &e, err);
        if (r < 0)
            return r;
        if (!e)
            break;
        j.e = e;
        if ((r = extract_one(&j, err)) < 0)
            return r;
    }
    return dest_finish(d, err);
}
