/* SPDX-License-Identifier: Apache-2.0 */
/* See kept_file.h. A file gets its name when it is whole: whoever dies on the way leaves nothing. */
#include "cli/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const struct class_cache *c, struct arena *a, const struct keeping *k, const char *key, struct err *err)
{
    char name[NAME_MAX], self[64];
    const char *path;
    _cleanup_fd_ int file = openat(c->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (file < 0)
        return err_sys(err, -errno, "%s: a file without a name cannot be made in it", c->path);
    if (k->doing && isatty(2))
        fprintf(stderr, "%s, once\n", k->doing);
    int r = k->write(k->context, file, err);
    if (r < 0)
        return r;
    if (fchmod(file, 0400) < 0)
        return err_sys(err, -errno, "keep what was made of %s", k->source);
    snprintf(name, sizeof name, "%s%s", key, c->suffix);
    snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    r = linkat(AT_FDCWD, self, c->fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    /* What has its name and is not used (another's, or writable for others) makes room; one just made is as good. */
    if (r == -EEXIST && class_cache_find(c, a, key, &path) != CLASS_CACHE_READY) {
        unlinkat(c->fd, name, 0);
        r = linkat(AT_FDCWD, self, c->fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    }
    if (r < 0 && r != -EEXIST)
        return err_sys(err, r, "%s/%s", c->path, name);
    class_cache_trim(c, CLASS_CACHE_MOST);
    return 0;
}

int kept_file(struct arena *a, const struct keeping *k, const char *key, const char **file, struct err *err)
{
    struct class_cache c;
    int r = class_cache_open_kind(&c, k->kind, a, true, err);

    if (r < 0)
        return err->code ? r : err_sys(err, r, "no place to keep what is made of %s: set MOAT_CACHE_DIR", k->source);
    if (class_cache_find(&c, a, key, file) != CLASS_CACHE_READY && (r = make(&c, a, k, key, err)) == 0 &&
        class_cache_find(&c, a, key, file) != CLASS_CACHE_READY)
        r = err_set(err, -EFBIG, "%s: what is made of it is larger than what is kept (%llu MiB)", k->source,
                    CLASS_ARCHIVE_MOST >> 20);
    class_cache_close(&c);
    return r;
}
