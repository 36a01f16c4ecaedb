/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with a path that the JDK's libraries make for Java code. What opens or changes is told, and fails with EACCES;
 * what merely looks is told with --deny-log=all and keeps its error, since "is it there?" is asked of many paths in
 * vain. Native libraries and jars of the class path are told none the less: looking for them is all that Java does.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are both meant, each by its name */

#include "jvm/classpath.h"
#include "jvm/denials.h"
#include "jvm/library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)

/* The result of a call that opens or changes. Cold: successes do not come here. */
static int refused(const char *deed, const char *path, uint32_t access, const void *caller)
{
    errno = denials_path(deed, path, access, errno, true, caller);
    return -1;
}

/* The same for two paths: each is told where it is denied. */
static int refused_both(const char *deed, const char *from, uint32_t access, const char *to, const void *caller)
{
    int error = errno, first = denials_path(deed, from, access, error, true, caller);
    int second = denials_path("create", to, ENGINE_CREATE, error, true, caller);

    errno = first != error ? first : second;
    return -1;
}

static int not_seen(const char *path, const void *caller)
{
    const struct jvm_config *c = denials_config();
    int error = errno;

    library_looked_for(path);
    classpath_looked_for(path, caller);
    if (c && c->tell == ENGINE_TELL_ALL)
        denials_path("look at", path, ENGINE_STAT, error, true, caller);
    errno = error;
    return -1;
}

static int not_opened(const char *path, int flags, const void *caller)
{
    uint32_t wanted = (flags & O_ACCMODE) == O_RDONLY   ? ENGINE_READ
                      : (flags & O_ACCMODE) == O_WRONLY ? ENGINE_WRITE
                                                        : ENGINE_READ | ENGINE_WRITE;
    int error = errno;

    if (flags & O_TRUNC)
        wanted |= ENGINE_WRITE;
    if (flags & O_CREAT && DENIALS_NEXT(access)(path, F_OK) < 0)
        wanted |= ENGINE_CREATE;
    errno = error;
    return refused(wanted & ENGINE_CREATE     ? "create"
                   : !(wanted & ENGINE_WRITE) ? "open for reading"
                   : wanted & ENGINE_READ     ? "open for reading and writing"
                                              : "open for writing",
                   path, wanted, caller);
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

DENIALS_EXPORT int open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int fd = DENIALS_NEXT(open)(path, flags, mode_of(flags, ap));
    va_end(ap);
    return fd < 0 ? not_opened(path, flags, CALLER) : fd;
}

DENIALS_EXPORT int open64(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int fd = DENIALS_NEXT(open64)(path, flags, mode_of(flags, ap));
    va_end(ap);
    return fd < 0 ? not_opened(path, flags, CALLER) : fd;
}

/* Below a directory's descriptor the path is not known. */
DENIALS_EXPORT int openat64(int directory, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int fd = DENIALS_NEXT(openat64)(directory, path, flags, mode_of(flags, ap));
    va_end(ap);
    return fd < 0 && (directory == AT_FDCWD || *path == '/') ? not_opened(path, flags, CALLER) : fd;
}

DENIALS_EXPORT DIR *opendir(const char *path)
{
    DIR *d = DENIALS_NEXT(opendir)(path);

    if (!d)
        refused("list", path, ENGINE_READ, CALLER);
    return d;
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

DENIALS_EXPORT int mkdir(const char *path, mode_t mode)
{
    int r = DENIALS_NEXT(mkdir)(path, mode);

    return r < 0 ? refused("make the directory", path, ENGINE_CREATE, CALLER) : r;
}

DENIALS_EXPORT int rmdir(const char *path)
{
    int r = DENIALS_NEXT(rmdir)(path);

    return r < 0 ? refused("remove the directory", path, ENGINE_CREATE, CALLER) : r;
}

DENIALS_EXPORT int unlink(const char *path)
{
    int r = DENIALS_NEXT(unlink)(path);

    return r < 0 ? refused("remove", path, ENGINE_CREATE, CALLER) : r;
}

DENIALS_EXPORT int remove(const char *path)
{
    int r = DENIALS_NEXT(remove)(path);

    return r < 0 ? refused("remove", path, ENGINE_CREATE, CALLER) : r;
}

DENIALS_EXPORT int rename(const char *from, const char *to)
{
    int r = DENIALS_NEXT(rename)(from, to);

    return r < 0 ? refused_both("rename", from, ENGINE_CREATE, to, CALLER) : r;
}

DENIALS_EXPORT int symlink(const char *target, const char *path)
{
    int r = DENIALS_NEXT(symlink)(target, path);

    return r < 0 ? refused("make the link", path, ENGINE_CREATE, CALLER) : r;
}

DENIALS_EXPORT int link(const char *from, const char *to)
{
    int r = DENIALS_NEXT(link)(from, to);

    return r < 0 ? refused_both("make a second name of", from, ENGINE_WRITE, to, CALLER) : r;
}

DENIALS_EXPORT int chmod(const char *path, mode_t mode)
{
    int r = DENIALS_NEXT(chmod)(path, mode);

    return r < 0 ? refused("change the mode of", path, ENGINE_WRITE, CALLER) : r;
}

DENIALS_EXPORT int utimes(const char *path, const struct timeval times[2])
{
    int r = DENIALS_NEXT(utimes)(path, times);

    return r < 0 ? refused("change the times of", path, ENGINE_WRITE, CALLER) : r;
}

/* ---- looks ---------------------------------------------------------------------------------------------------- */

DENIALS_EXPORT int access(const char *path, int mode)
{
    int r = DENIALS_NEXT(access)(path, mode);

    return r < 0 ? not_seen(path, CALLER) : r;
}

DENIALS_EXPORT int stat64(const char *path, struct stat64 *out)
{
    int r = DENIALS_NEXT(stat64)(path, out);

    return r < 0 ? not_seen(path, CALLER) : r;
}

DENIALS_EXPORT int lstat64(const char *path, struct stat64 *out)
{
    int r = DENIALS_NEXT(lstat64)(path, out);

    return r < 0 ? not_seen(path, CALLER) : r;
}

#ifdef __x86_64__
/* What a JDK calls that was built with a glibc older than 2.33; without a declaration since then. */
int __xstat64(int version, const char *path, struct stat64 *out);
int __lxstat64(int version, const char *path, struct stat64 *out);

DENIALS_EXPORT int __xstat64(int version, const char *path, struct stat64 *out)
{
    int r = DENIALS_NEXT(stat64)(path, out); /* there is one layout here, and so one version */

    return r < 0 ? not_seen(path, CALLER) : r;
}

DENIALS_EXPORT int __lxstat64(int version, const char *path, struct stat64 *out)
{
    int r = DENIALS_NEXT(lstat64)(path, out);

    return r < 0 ? not_seen(path, CALLER) : r;
}
#endif
