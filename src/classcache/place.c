/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See place.h. What lies here is mapped and run as it is, so what keeps it safe is who may write here: the directory
 * and all above it are looked at, name by name, before the first file of it is believed.
 */
#include "classcache/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory that may exist without us, and what of it is ours. */
static int place(struct arena *a, const char *kind, const char **base, const char **own)
{
    const char *cache = getenv("MOAT_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    *own = arena_printf(a, "moat/%s", kind);
    if (cache && *cache) {
        *own = kind;
        *base = *cache == '/' ? arena_strdup(a, cache) : NULL;
    } else if (geteuid() == 0) {
        *base = "/var/cache";
    } else if (xdg && *xdg == '/') {
        *base = arena_strdup(a, xdg);
    } else {
        *base = home && *home == '/' ? arena_printf(a, "%s/.cache", home) : NULL;
    }
    return !*own ? -ENOMEM : *base ? 0 : -ENOENT;
}

int cache_place(struct arena *a, const char *kind, const char **path)
{
    const char *base, *own;
    int r = place(a, kind, &base, &own);

    if (r == 0 && !(*path = arena_printf(a, "%s/%s", base, own)))
        r = -ENOMEM;
    return r;
}

/* Nobody but us and root may put something else in the place of what is in it. In a sticky directory names belong to
 * their owners, which are looked at next. */
static int check_above(int fd, const char *path, const char *what, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "directory of %s: %s", what, path);
    bool owned = st.st_uid == 0 || st.st_uid == geteuid();
    if (owned && (!(st.st_mode & 022) || st.st_mode & S_ISVTX))
        return 0;
    return err_set(err, -EPERM,
                   "directory of %s: %s belongs to uid %u with mode %o, so others could put files of "
                   "theirs there: chmod go-w, or set MOAT_CACHE_DIR; none is used",
                   what, path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

static int check_own(int fd, const char *path, const char *what, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "directory of %s: %s", what, path);
    if (st.st_uid == geteuid() && !(st.st_mode & 077))
        return 0;
    return err_set(
        err, -EPERM,
        "directory of %s: %s belongs to uid %u with mode %o; it must be ours alone, and what is "
        "in it may be somebody else's: remove it with all that is in it, or set MOAT_CACHE_DIR; none is used",
        what, path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

/* One name further down, never through a link. Takes fd. */
static int step(int fd, const char *name, bool create, const char *path, const char *what, struct err *err)
{
    _cleanup_fd_ int from = fd;

    if (create && mkdirat(from, name, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "directory of %s: %s cannot be made", what, path);
    int to = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_set(err, -EPERM,
                       "directory of %s: %s is a link or a file, which somebody else may have put there: "
                       "remove it, or set MOAT_CACHE_DIR; none is used",
                       what, path);
    return to >= 0 ? to : errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of %s: %s", what, path);
}

typedef int check_fn(int fd, const char *path, const char *what, struct err *err);

/* "a/b" beneath fd, which is taken. check: of all but the last, and of the last. */
static int walk(int fd, const char *names, bool create, const char *shown, const char *what, check_fn *check,
                check_fn *check_last, struct err *err)
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
        fd = step(fd, name, create, path, what, err);
        bool last = !c[strspn(c, "/")];
        int r = fd < 0 ? 0 : (last ? check_last : check)(fd, path, what, err);
        if (r < 0) {
            close(fd);
            return r;
        }
    }
    return fd;
}

int cache_open(struct arena *a, const char *kind, const char *what, bool create, const char **path, struct err *err)
{
    const char *base, *own;
    char real[PATH_MAX];
    int r = place(a, kind, &base, &own);

    if (r < 0)
        return r;
    if (create && mkdir(base, 0700) < 0 && errno != EEXIST)
        return errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of %s: %s cannot be made", what, base);
    if (!realpath(base, real)) /* the user's own directories may be links; what they lead to is looked at */
        return errno == ENOENT ? -ENOENT : err_sys(err, -errno, "directory of %s: %s", what, base);
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if ((r = check_above(fd, "/", what, err)) < 0) {
        close(fd);
        return r;
    }
    fd = walk(fd, real, false, "", what, check_above, check_above, err);
    const char *shown = arena_printf(a, "%s/", real[1] ? real : "");
    if (fd >= 0)
        fd = walk(fd, own, create, shown ? shown : "", what, check_above, check_own, err);
    if (fd < 0)
        return fd;
    *path = shown ? arena_printf(a, "%s%s", shown, own) : NULL;
    if (*path)
        return fd;
    close(fd);
    return err_set(err, -ENOMEM, "directory of %s: no memory for its name", what);
}
