/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cache.h. An archive is mapped as it is by whoever runs the program next, so what keeps it safe is who may write
 * here: the directory and all above it are looked at, name by name, before the first file of it is believed.
 */
#include "classcache/cache.h"
#include "classcache/making.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARCHIVE     ".jsa"
#define MARK        ".none"
#define MARK_AGE    (7 * 24 * 3600)
#define ENTRIES_MAX 4096 /* of the directory, at one look */

/* ---- the directory ---------------------------------------------------------------------------------------------- */

/* The directory that may exist without us, and what of it is ours. */
static int place(struct arena *a, const char **base, const char **own)
{
    const char *cache = getenv("MOAT_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    *own = "moat/jvm";
    if (cache && *cache) {
        *own = "jvm";
        *base = *cache == '/' ? arena_strdup(a, cache) : NULL;
    } else if (geteuid() == 0) {
        *base = "/var/cache";
    } else if (xdg && *xdg == '/') {
        *base = arena_strdup(a, xdg);
    } else {
        *base = home && *home == '/' ? arena_printf(a, "%s/.cache", home) : NULL;
    }
    return *base ? 0 : -ENOENT;
}

int class_cache_place(struct arena *a, const char **path)
{
    const char *base, *own;
    int r = place(a, &base, &own);

    if (r == 0 && !(*path = arena_printf(a, "%s/%s", base, own)))
        r = -ENOMEM;
    return r;
}

/* Nobody but us and root may put something else in the place of what is in it. In a sticky directory names belong to
 * their owners, which are looked at next. */
static int check_above(int fd, const char *path, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "directory of class archives: %s", path);
    bool owned = st.st_uid == 0 || st.st_uid == geteuid();
    if (owned && (!(st.st_mode & 022) || st.st_mode & S_ISVTX))
        return 0;
    return err_set(err, -EPERM,
                   "directory of class archives: %s belongs to uid %u with mode %o, so others could put archives of "
                   "theirs there: chmod go-w, or set MOAT_CACHE_DIR; none is used",
                   path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

static int check_own(int fd, const char *path, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "directory of class archives: %s", path);
    if (st.st_uid == geteuid() && !(st.st_mode & 077))
        return 0;
    return err_set(err, -EPERM,
                   "directory of class archives: %s belongs to uid %u with mode %o; it must be ours alone: remove it, "
                   "chmod 0700, or set MOAT_CACHE_DIR; none is used",
                   path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

/* One name further down, never through a link. Takes fd. */
static int step(int fd, const char *name, bool create, const char *path, struct err *err)
{
    _cleanup_fd_ int from = fd;

    if (create && mkdirat(from, name, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "directory of class archives: %s cannot be made", path);
    int to = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_set(err, -EPERM,
                       "directory of class archives: %s is a link or a file, which somebody else may have put there: "
                       "remove it, or set MOAT_CACHE_DIR; none is used",
                       path);
    return to >= 0 ? to : errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of class archives: %s", path);
}

/* "a/b" beneath fd, which is taken. check: of all but the last, and of the last. */
static int walk(int fd, const char *names, bool create, const char *shown,
                int (*check)(int, const char *, struct err *), int (*check_last)(int, const char *, struct err *),
                struct err *err)
{
    char name[NAME_MAX + 1];

    for (const char *c = names + strspn(names, "/"); *c && fd >= 0; c += strspn(c, "/")) {
        size_t n = strcspn(c, "/");
        if (n > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(name, c, n);
        name[n] = '\0';
        c += n;
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%.*s", shown, (int)(c - names), names);
        fd = step(fd, name, create, path, err);
        bool last = !c[strspn(c, "/")];
        int r = fd < 0 ? 0 : (last ? check_last : check)(fd, path, err);
        if (r < 0) {
            close(fd);
            return r;
        }
    }
    return fd;
}

int class_cache_open(struct class_cache *c, struct arena *a, bool create, struct err *err)
{
    const char *base, *own;
    char real[PATH_MAX];
    int r = place(a, &base, &own);

    c->fd = -1;
    if (r < 0)
        return r;
    if (create && mkdir(base, 0700) < 0 && errno != EEXIST)
        return errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of class archives: %s cannot be made", base);
    if (!realpath(base, real)) /* the user's own directories may be links; what they lead to is looked at */
        return errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of class archives: %s", base);
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if ((r = check_above(fd, "/", err)) < 0) {
        close(fd);
        return r;
    }
    fd = walk(fd, real, false, "", check_above, check_above, err);
    const char *shown = arena_printf(a, "%s/", real[1] ? real : "");
    if (fd >= 0)
        fd = walk(fd, own, create, shown ? shown : "", check_above, check_own, err);
    if (fd < 0)
        return fd;
    c->fd = fd;
    c->path = shown ? arena_printf(a, "%s%s", shown, own) : NULL;
    if (!c->path)
        class_cache_close(c);
    return c->path ? 0 : err_set(err, -ENOMEM, "directory of class archives: no memory for its name");
}

void class_cache_close(struct class_cache *c)
{
    cleanup_fd(&c->fd);
    c->fd = -1;
}

/* ---- its files -------------------------------------------------------------------------------------------------- */

static bool file_name(char out[NAME_MAX], const char *key, const char *suffix)
{
    return strlen(key) == CLASS_KEY_SIZE - 1 && snprintf(out, NAME_MAX, "%s%s", key, suffix) < NAME_MAX;
}

/* Of ours and of a plausible size; what is not is no archive of anybody's. */
static bool is_archive(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) &&
           st.st_size >= CLASS_ARCHIVE_LEAST && (uint64_t)st.st_size <= CLASS_ARCHIVE_MOST;
}

static bool is_old_mark(int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    time_t age = time(NULL) - st.st_mtim.tv_sec;
    return age < 0 || age > MARK_AGE;
}

enum class_cache_answer class_cache_find(const struct class_cache *c, struct arena *a, const char *key,
                                         const char **path)
{
    char name[NAME_MAX];

    if (file_name(name, key, ARCHIVE)) {
        _cleanup_fd_ int fd = openat(c->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 && is_archive(fd) && (*path = arena_printf(a, "%s/%s", c->path, name))) {
            futimens(fd, NULL);
            return CLASS_CACHE_READY;
        }
    }
    if (file_name(name, key, MARK) && !is_old_mark(c->fd, name))
        return CLASS_CACHE_USELESS;
    return file_name(name, key, CLASS_CACHE_SEEN) && !is_old_mark(c->fd, name) ? CLASS_CACHE_NOTED : CLASS_CACHE_NONE;
}

/* A file of which its name is all; made anew, for its age. */
static void put_mark(const struct class_cache *c, const char *key, const char *suffix)
{
    char name[NAME_MAX];

    if (!file_name(name, key, suffix))
        return;
    unlinkat(c->fd, name, 0);
    int fd = openat(c->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    cleanup_fd(&fd);
}

void class_cache_refuse(const struct class_cache *c, const char *key)
{
    char name[NAME_MAX];

    if (file_name(name, key, ARCHIVE))
        unlinkat(c->fd, name, 0);
    if (file_name(name, key, CLASS_CACHE_SEEN))
        unlinkat(c->fd, name, 0);
    put_mark(c, key, MARK);
}

void class_cache_note(const struct class_cache *c, const char *key)
{
    put_mark(c, key, CLASS_CACHE_SEEN);
}

/* ---- keeping it small ------------------------------------------------------------------------------------------- */

struct entry {
    char name[CLASS_KEY_SIZE + sizeof ARCHIVE];
    uint64_t bytes;
    struct timespec used;
};

struct look {
    struct entry *archives;
    size_t n;
    uint64_t bytes;
    unsigned notes;
    bool clear; /* leftovers and old marks go */
};

/* Whether a name is KEY + suffix. */
static bool is_name(const char *name, const char *suffix)
{
    size_t n = strspn(name, "0123456789abcdef");

    return n == CLASS_KEY_SIZE - 1 && !strcmp(name + n, suffix);
}

static void see(const struct class_cache *c, const char *name, struct look *l)
{
    struct stat st;

    if (l->clear && is_name(name, CLASS_MAKING))
        class_making_clear(c, name);
    if (l->clear && is_name(name, MARK) && is_old_mark(c->fd, name))
        unlinkat(c->fd, name, 0);
    /* A command that is forgotten runs once more before it is known. */
    if (l->clear && is_name(name, CLASS_CACHE_SEEN) && (is_old_mark(c->fd, name) || ++l->notes > CLASS_SEEN_MOST))
        unlinkat(c->fd, name, 0);
    if (!is_name(name, ARCHIVE) || fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || l->n == ENTRIES_MAX)
        return;
    struct entry *e = &l->archives[l->n++];
    e->bytes = st.st_blocks > 0 ? (uint64_t)st.st_blocks * 512 : 0;
    e->used = st.st_mtim;
    strcpy(e->name, name);
    l->bytes += e->bytes;
}

static int look_at_all(const struct class_cache *c, struct look *l)
{
    int fd = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int seen = 0;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return -EIO;
    }
    l->archives = calloc(ENTRIES_MAX, sizeof *l->archives);
    for (struct dirent *e; l->archives && seen < 2 * ENTRIES_MAX && (e = readdir(dir)); seen++)
        see(c, e->d_name, l);
    closedir(dir);
    return l->archives ? 0 : -ENOMEM;
}

static int oldest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used, *y = &((const struct entry *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

void class_cache_trim(const struct class_cache *c, uint64_t most)
{
    struct look l = {.clear = true};

    if (look_at_all(c, &l) == 0 && l.n)
        qsort(l.archives, l.n, sizeof *l.archives, oldest_first);
    for (size_t i = 0; i < l.n && l.bytes > most; i++) {
        if (unlinkat(c->fd, l.archives[i].name, 0) == 0)
            l.bytes -= l.archives[i].bytes;
    }
    free(l.archives);
}

void class_cache_measure(const struct class_cache *c, struct class_cache_use *out)
{
    struct look l = {0};

    *out = (struct class_cache_use){0};
    if (look_at_all(c, &l) == 0)
        *out = (struct class_cache_use){.archives = (unsigned)l.n, .bytes = l.bytes};
    free(l.archives);
}
