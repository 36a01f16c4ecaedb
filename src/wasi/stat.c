/* SPDX-License-Identifier: Apache-2.0 */
/* What descriptors are: attributes of the descriptor and of the file, flags, rights, times, and which are preopened. */
#include "wasi/program.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum wasi_filetype wasi_filetype_of(mode_t mode, int fd)
{
    int type = SOCK_STREAM;

    switch (mode & S_IFMT) {
    case S_IFBLK:
        return FILETYPE_BLOCK_DEVICE;
    case S_IFCHR:
        return FILETYPE_CHARACTER_DEVICE;
    case S_IFDIR:
        return FILETYPE_DIRECTORY;
    case S_IFREG:
        return FILETYPE_REGULAR_FILE;
    case S_IFLNK:
        return FILETYPE_SYMBOLIC_LINK;
    case S_IFSOCK: /* a name of a socket, which is none itself, counts as a stream */
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
        return type == SOCK_DGRAM ? FILETYPE_SOCKET_DGRAM : FILETYPE_SOCKET_STREAM;
    default:
        return FILETYPE_UNKNOWN;
    }
}

static uint64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

void stat_put(const struct stat *st, int fd, struct wasi_filestat *out)
{
    memset(out, 0, sizeof *out); /* the padding goes to the program too */
    out->dev = st->st_dev;
    out->ino = st->st_ino;
    out->filetype = (uint8_t)wasi_filetype_of(st->st_mode, fd);
    out->nlink = st->st_nlink;
    out->size = (uint64_t)st->st_size;
    out->atim = nanoseconds(&st->st_atim);
    out->mtim = nanoseconds(&st->st_mtim);
    out->ctim = nanoseconds(&st->st_ctim);
}

int wasi_fd_filestat_get(struct wasi_call *c)
{
    struct wasi_filestat out;
    struct wasi_fd *f;
    struct stat st;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_FILESTAT_GET, &f);

    if (r < 0)
        return r;
    if (fstat(f->host, &st) < 0)
        return -errno;
    stat_put(&st, f->host, &out);
    return call_put(c, 1, &out, sizeof out);
}

int wasi_fd_filestat_set_size(struct wasi_call *c)
{
    uint64_t size = c->args[1].i64;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_FILESTAT_SET_SIZE, &f);

    if (r < 0)
        return r;
    if (size > INT64_MAX)
        return -EINVAL;
    do
        r = ftruncate(f->host, (off_t)size);
    while (r < 0 && errno == EINTR && !wasi_interrupted(c->wasi));
    return r < 0 ? -errno : 0;
}

static struct timespec time_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

int times_take(struct wasi *w, uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec out[2])
{
    uint64_t now = 0;

    if (flags & ~(uint32_t)FST_FLAGS || (flags & FST_ATIM && flags & FST_ATIM_NOW) ||
        (flags & FST_MTIM && flags & FST_MTIM_NOW))
        return -EINVAL;
    out[0] = out[1] = (struct timespec){.tv_nsec = UTIME_OMIT};
    if (flags & FST_ATIM)
        out[0] = time_of(atim);
    if (flags & FST_MTIM)
        out[1] = time_of(mtim);
    if (w->clock_fixed)
        clock_now(w, CLOCKID_REALTIME, &now);
    if (flags & FST_ATIM_NOW)
        out[0] = w->clock_fixed ? time_of(now) : (struct timespec){.tv_nsec = UTIME_NOW};
    if (flags & FST_MTIM_NOW)
        out[1] = w->clock_fixed ? time_of(now) : (struct timespec){.tv_nsec = UTIME_NOW};
    return 0;
}

int wasi_fd_filestat_set_times(struct wasi_call *c)
{
    struct timespec times[2];
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_FILESTAT_SET_TIMES, &f);

    if (r == 0)
        r = times_take(c->wasi, c->args[1].i64, c->args[2].i64, c->args[3].i32, times);
    if (r < 0)
        return r;
    return futimens(f->host, times) < 0 ? -errno : 0;
}

int wasi_fd_fdstat_get(struct wasi_call *c)
{
    struct wasi_fdstat out;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, 0, &f);

    if (r < 0)
        return r;
    memset(&out, 0, sizeof out);
    out.filetype = f->filetype;
    out.flags = f->flags;
    out.rights_base = f->rights;
    out.rights_inheriting = f->inheriting;
    return call_put(c, 1, &out, sizeof out);
}

/* Not waiting is kept here alone: the host's descriptor may be shared with others. */
int wasi_fd_fdstat_set_flags(struct wasi_call *c)
{
    const uint32_t syncs = FDFLAG_DSYNC | FDFLAG_RSYNC | FDFLAG_SYNC;
    uint32_t flags = c->args[1].i32;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_FDSTAT_SET_FLAGS, &f);

    if (r < 0)
        return r;
    if (flags & ~(uint32_t)FDFLAGS)
        return -EINVAL;
    if ((flags ^ f->flags) & syncs) /* nor does Linux change them after opening */
        return -ENOTSUP;
    if ((flags ^ f->flags) & FDFLAG_APPEND) {
        int now = f->owned ? fcntl(f->host, F_GETFL) : -1;
        if (!f->owned)
            return -ENOTSUP;
        if (now < 0 || fcntl(f->host, F_SETFL, flags & FDFLAG_APPEND ? now | O_APPEND : now & ~O_APPEND) < 0)
            return -errno;
    }
    f->flags = (uint16_t)flags;
    return 0;
}

int wasi_fd_fdstat_set_rights(struct wasi_call *c)
{
    uint64_t rights = c->args[1].i64, inheriting = c->args[2].i64;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, 0, &f);

    if (r < 0)
        return r;
    if (rights & ~(uint64_t)f->rights || inheriting & ~(uint64_t)f->inheriting)
        return -WASI_NOTCAPABLE;
    f->rights = (uint32_t)rights;
    f->inheriting = (uint32_t)inheriting;
    return 0;
}

/* Libraries ask 3, 4 ... until one is bad. */
static int preopen(struct wasi_call *c, const char **name)
{
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, 0, &f);

    if (r < 0 || !f->preopen)
        return -EBADF;
    *name = c->wasi->origins[f->origin].name;
    return 0;
}

int wasi_fd_prestat_get(struct wasi_call *c)
{
    struct wasi_prestat out;
    const char *name;
    int r = preopen(c, &name);

    if (r < 0)
        return r;
    memset(&out, 0, sizeof out);
    out.tag = PREOPENTYPE_DIR;
    out.name_length = (uint32_t)strlen(name);
    return call_put(c, 1, &out, sizeof out);
}

int wasi_fd_prestat_dir_name(struct wasi_call *c)
{
    const char *name;
    int r = preopen(c, &name);

    if (r < 0)
        return r;
    uint32_t length = (uint32_t)strlen(name);
    return c->args[2].i32 < length ? -ENAMETOOLONG : call_put(c, 1, name, length);
}
