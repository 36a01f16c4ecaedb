/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: opening, looking up, listing. Changes are in store_change.c. Only the owner writes here, so files are read
 * as our own, but still with limits; names from refs/ are checked by the grammar before they are shown.
 */
#include "image/store.h"

#include "base/io.h"
#include "image/config.h"
#include "image/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int store_default_dir(struct arena *a, const char **path, struct err *err)
{
    const char *data = getenv("MOAT_DATA_DIR"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (data && *data)
        *path = arena_strdup(a, data);
    else if (geteuid() == 0)
        *path = "/var/lib/moat";
    else if (xdg && *xdg == '/')
        *path = arena_printf(a, "%s/moat", xdg);
    else if (home && *home == '/')
        *path = arena_printf(a, "%s/.local/share/moat", home);
    else
        return err_set(err, -ENOENT, "image store: no home directory: set HOME or MOAT_DATA_DIR");
    return *path ? 0 : err_set(err, -ENOMEM, "image store: path too long");
}

int store_make_dir(const char *path)
{
    char copy[4096];

    if (strlen(path) >= sizeof copy)
        return -ENAMETOOLONG;
    strcpy(copy, path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    if (mkdir(copy, 0711) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

int store_check_owner(int fd, const char *path, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "data directory %s", path);
    if (st.st_uid == geteuid() && !(st.st_mode & 022))
        return 0;
    return err_set(err, -EPERM,
                   "data directory %s: belongs to uid %u with mode %o; it must be ours and not for others to write "
                   "(chown, chmod go-w, or set MOAT_DATA_DIR)",
                   path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

static int open_part(struct store *s, const char *name, bool create, int *fd, struct err *err)
{
    if (create && mkdirat(s->fd, name, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "create %s/%s", s->path, name);
    *fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 && (create || errno != ENOENT))
        return err_sys(err, -errno, "open %s/%s", s->path, name);
    return 0;
}

int store_open(struct store *s, struct arena *a, const char *data_dir, bool create, struct err *err)
{
    int r;

    *s = (struct store){.arena = a, .path = data_dir, .fd = -1, .images_fd = -1, .refs_fd = -1};
    if (!data_dir && (r = store_default_dir(a, &s->path, err)) < 0)
        return r;
    if (*s->path != '/') {
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        if (!cwd || !(s->path = arena_printf(a, "%s/%s", cwd, s->path)))
            return err_set(err, -EINVAL, "image store: no absolute path for it: set MOAT_DATA_DIR to one");
    }
    if (create && (r = store_make_dir(s->path)) < 0)
        return err_sys(err, r, "create the image store %s", s->path);
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0) {
        if (!create && errno == ENOENT)
            return 0;
        return err_sys(err, -errno, "open the image store %s", s->path);
    }
    if ((r = store_check_owner(s->fd, s->path, err)) < 0) {
        store_close(s);
        return r;
    }
    if ((r = open_part(s, "images", create, &s->images_fd, err)) < 0 ||
        (r = open_part(s, "refs", create, &s->refs_fd, err)) < 0) {
        store_close(s);
        return r;
    }
    return 0;
}

void store_close(struct store *s)
{
    cleanup_fd(&s->fd);
    cleanup_fd(&s->images_fd);
    cleanup_fd(&s->refs_fd);
    s->fd = s->images_fd = s->refs_fd = -1;
}

bool store_has(struct store *s, const char *id)
{
    struct stat st;

    return s->images_fd >= 0 && fstatat(s->images_fd, id, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

bool store_ref_read(struct store *s, const char *file, const char *tag, char id[IMAGE_ID_LEN + 1],
                    char digest[IMAGE_ID_LEN + 1])
{
    static const char mark[] = "\nsha256:";
    char path[REFERENCE_NAME_MAX + REFERENCE_TAG_MAX + 2], text[2 * IMAGE_ID_LEN + 16];

    if (s->refs_fd < 0)
        return false;
    snprintf(path, sizeof path, "%s/%s", file, tag);
    ssize_t n = io_read_small(s->refs_fd, path, text, sizeof text);
    if (n < IMAGE_ID_LEN)
        return false;
    char *more = text + IMAGE_ID_LEN, *hex = more + strlen(mark);
    digest[0] = 0;
    if (n >= IMAGE_ID_LEN + (ssize_t)strlen(mark) + IMAGE_ID_LEN && !memcmp(more, mark, strlen(mark))) {
        hex[IMAGE_ID_LEN] = 0;
        if (image_id_valid(hex))
            strcpy(digest, hex);
    }
    *more = 0;
    if (!image_id_valid(text))
        return false;
    strcpy(id, text);
    return true;
}

int store_walk_dir(int dirfd, int (*each)(void *ctx, const char *name, struct err *err), void *ctx, struct err *err)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d) {
        r = -errno;
        cleanup_fd(&fd);
        return err_sys(err, r, "read the image store");
    }
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        r = each(ctx, e->d_name, err);
    closedir(d);
    return r;
}

struct prefix_search {
    const char *prefix;
    char id[IMAGE_ID_LEN + 1];
    unsigned found;
};

static int match_prefix(void *ctx, const char *name, struct err *err)
{
    struct prefix_search *p = ctx;

    if (image_id_valid(name) && !strncmp(name, p->prefix, strlen(p->prefix))) {
        p->found++;
        strcpy(p->id, name);
    }
    return 0;
}

struct digest_search {
    struct store *s;
    const char *file, *digest;
    struct reference found;
    char id[IMAGE_ID_LEN + 1];
    bool exact;
};

/* A digest is met by the name it was pulled as, by a tag that a registry said has it, or by the image's own. */
static int match_digest(void *ctx, const char *tag, struct err *err)
{
    struct digest_search *d = ctx;
    char id[IMAGE_ID_LEN + 1], digest[IMAGE_ID_LEN + 1];
    struct reference ref;

    if (d->exact || !reference_from_file(d->file, tag, &ref) || !store_ref_read(d->s, d->file, tag, id, digest) ||
        !store_has(d->s, id))
        return 0;
    bool exact = ref.by_digest && !strcmp(ref.digest, d->digest);
    if (exact || !strcmp(digest, d->digest) || !strcmp(id, d->digest)) {
        d->found = ref;
        d->exact = exact;
        strcpy(d->id, id);
    }
    return 0;
}

static bool find_name(struct store *s, struct reference *ref, char id[IMAGE_ID_LEN + 1])
{
    char file[REFERENCE_NAME_MAX + 1];
    struct err ignored = {0};

    reference_to_file(ref, file);
    if (!ref->by_digest)
        return store_ref_read(s, file, ref->tag, id, ref->digest) && store_has(s, id);
    struct digest_search d = {.s = s, .file = file, .digest = ref->digest};
    if (s->refs_fd < 0 || store_walk_tags(s, file, match_digest, &d, &ignored) < 0 || !d.id[0])
        return false;
    *ref = d.found;
    if (!d.exact)
        ref->name[0] = 0; /* found by what it is, not by this name: nobody takes the other name away unasked */
    strcpy(id, d.id);
    return true;
}

/* A name wins over an id prefix, as in docker: "cafe" may be both. */
int store_find(struct store *s, const char *text, struct reference *ref, char id[IMAGE_ID_LEN + 1], struct err *err)
{
    const char *prefix = image_id_prefix(text);
    struct err why = {0};

    ref->name[0] = 0;
    if (reference_parse(text, ref, &why) == 0) {
        if (find_name(s, ref, id))
            return 0;
        ref->name[0] = 0;
    } else if (!prefix) {
        return err_set(err, why.code, "%s", why.text);
    }
    if (prefix && s->images_fd >= 0) {
        struct prefix_search search = {.prefix = prefix};
        int r = store_walk_dir(s->images_fd, match_prefix, &search, err);
        if (r < 0)
            return r;
        if (search.found > 1)
            return err_set(err, -EINVAL, "image %s: %u images begin with it: give more digits", text, search.found);
        if (search.found == 1) {
            strcpy(id, search.id);
            return 0;
        }
    }
    const char *nearest = store_nearest(s, text);
    if (nearest)
        return err_set(err, -ENOENT, "image %s: not in the local store %s: did you mean %s?", text, s->path, nearest);
    return err_set(
        err, -ENOENT,
        "image %s: not in the local store %s: see `moat images`, or bring it in with `moat import` or `moat pull`",
        text, s->path);
}

int store_load(struct store *s, const char *id, struct image *out, struct err *err)
{
    char *text, *path = arena_printf(s->arena, "%s/config.json", id);
    size_t len;

    if (!path)
        return err_set(err, -ENOMEM, "image %.12s: out of memory", id);
    int r = io_read_file(s->arena, s->images_fd, path, STORE_CONFIG_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "image %.12s: read its config.json", id);
    memmove(out->id, id, IMAGE_ID_LEN + 1); /* the caller may have found it in *out */
    r = image_document_read(s->arena, out, text, len, err);
    return r < 0 ? err_wrap(err, "image %.12s: config.json", id) : 0;
}

int store_resolve(struct store *s, const char *text, struct image *out, struct err *err)
{
    struct image image = {.dir_fd = -1};
    struct reference ref;
    int r = store_find(s, text, &ref, image.id, err);

    if (r < 0)
        return r;
    _cleanup_fd_ int fd = openat(s->images_fd, image.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, -errno, "open image %.12s", image.id);
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "image %s: it is being removed: import it again", text);
    if ((r = store_load(s, image.id, &image, err)) < 0)
        return r;
    image.rootfs = arena_printf(s->arena, "%s/images/%s/rootfs", s->path, image.id);
    if (!image.rootfs)
        return err_set(err, -ENOMEM, "image %s: out of memory", text);
    image.dir_fd = steal_fd(&fd);
    *out = image;
    return 0;
}

struct listing {
    struct store *s;
    struct store_row *rows;
    size_t n, cap;
    const char *file; /* the refs/ directory under way */
};

static int add_row(struct listing *l, const struct store_row *row, struct err *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct store_row *more = arena_array(l->s->arena, cap, sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "image list: too many images");
        if (l->n)
            memcpy(more, l->rows, l->n * sizeof *more);
        l->rows = more;
        l->cap = cap;
    }
    l->rows[l->n++] = *row;
    return 0;
}

static int list_tag(void *ctx, const char *tag, struct err *err)
{
    struct listing *l = ctx;
    struct store_row row = {0};
    struct reference ref;
    struct image image;
    struct err ignored;
    char digest[IMAGE_ID_LEN + 1];

    if (!reference_from_file(l->file, tag, &ref) || !store_ref_read(l->s, l->file, tag, row.id, digest) ||
        store_load(l->s, row.id, &image, &ignored) < 0)
        return 0;
    row.repository = arena_strdup(l->s->arena, ref.name);
    row.tag = ref.by_digest ? NULL : arena_strdup(l->s->arena, ref.tag);
    row.digest = *digest ? arena_printf(l->s->arena, "sha256:%s", digest) : NULL;
    row.created = image.created;
    row.size = image.size;
    row.entries = image.entries;
    row.source = image.source;
    if (!row.repository || (!row.tag && !ref.by_digest) || (!row.digest && *digest))
        return err_set(err, -ENOMEM, "image list: too many images");
    return add_row(l, &row, err);
}

int store_walk_tags(struct store *s, const char *file, int (*each)(void *ctx, const char *tag, struct err *err),
                    void *ctx, struct err *err)
{
    _cleanup_fd_ int fd = openat(s->refs_fd, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? 0 : store_walk_dir(fd, each, ctx, err);
}

static int list_name(void *ctx, const char *file, struct err *err)
{
    struct listing *l = ctx;

    if (*file == '.')
        return 0;
    l->file = file;
    return store_walk_tags(l->s, file, list_tag, l, err);
}

static int list_unnamed(void *ctx, const char *id, struct err *err)
{
    struct listing *l = ctx;
    struct store_row row = {0};
    struct image image;
    struct err ignored;

    if (!image_id_valid(id))
        return 0;
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->rows[i].id, id))
            return 0;
    strcpy(row.id, id);
    if (store_load(l->s, id, &image, &ignored) == 0) {
        row.created = image.created;
        row.size = image.size;
        row.entries = image.entries;
        row.source = image.source;
    } else {
        row.source = "(config.json does not read: remove it)";
    }
    return add_row(l, &row, err);
}

static int by_age(const void *x, const void *y)
{
    const struct store_row *a = x, *b = y;

    if (a->created != b->created)
        return a->created > b->created ? -1 : 1;
    int r = strcmp(a->repository ? a->repository : "", b->repository ? b->repository : "");
    return r ? r : strcmp(a->tag ? a->tag : "", b->tag ? b->tag : "");
}

int store_list(struct store *s, struct store_row **rows, size_t *n, struct err *err)
{
    struct listing l = {.s = s};
    int r = s->refs_fd < 0 ? 0 : store_walk_dir(s->refs_fd, list_name, &l, err);

    if (r == 0 && s->images_fd >= 0)
        r = store_walk_dir(s->images_fd, list_unnamed, &l, err);
    if (r < 0)
        return r;
    if (l.n)
        qsort(l.rows, l.n, sizeof *l.rows, by_age);
    *rows = l.rows;
    *n = l.n;
    return 0;
}
