/* SPDX-License-Identifier: Apache-2.0 */
/* See cache.h. */
#include "classcache/cache.h"
#include "classcache/making.h"
#include "classcache/place.h"

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

int class_cache_open_kind(struct class_cache *c, enum class_cache_kind kind, struct arena *a, bool create,
                          struct err *err)
{
    static const struct {
        const char *name, *what, *suffix;
    } kinds[] = {[CLASS_CACHE_JVM] = {"jvm", "class archives", ARCHIVE},
                 [CLASS_CACHE_WASM] = {"wasm", "compiled modules", ".code"},
                 [CLASS_CACHE_UNIKERNEL] = {"unikernel", "packed roots", ".moat"},
                 [CLASS_CACHE_MACHINE] = {"microvm", "boot files", ".boot"},
                 [CLASS_CACHE_SENTRY] = {"sentry", "packed roots", ".root"}};
    int fd = cache_open(a, kinds[kind].name, kinds[kind].what, create, &c->path, err);

    c->suffix = kinds[kind].suffix;
    c->fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

int class_cache_open(struct class_cache *c, struct arena *a, bool create, struct err *err)
{
    return class_cache_open_kind(c, CLASS_CACHE_JVM, a, create, err);
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

    if (file_name(name, key, c->suffix)) {
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

    if (file_name(name, key, c->suffix))
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
    char name[CLASS_KEY_SIZE + 8]; /* with its suffix */
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
    if (!is_name(name, c->suffix) || fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || l->n == ENTRIES_MAX)
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
