/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening. Rights come from the directory's inheriting ones: what the program asks beyond them it does not get, since
 * libraries ask for all that there is; but reading or writing that cannot be given is an error at once. Files are
 * opened without waiting, so a pipe without a peer does not hold up the program.
 */
#include "wasi/program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct open_wish {
    uint32_t lookup, oflags, fdflags;
    uint64_t rights, inheriting;
};

/* What the directory must give. */
static uint32_t rights_needed(const struct open_wish *w)
{
    return RIGHT_PATH_OPEN | (w->oflags & OFLAG_CREAT ? RIGHT_PATH_CREATE_FILE : 0) |
           (w->oflags & OFLAG_TRUNC ? RIGHT_PATH_FILESTAT_SET_SIZE : 0);
}

static uint32_t inheriting_needed(const struct open_wish *w)
{
    return (w->rights & (RIGHT_FD_READ | RIGHT_FD_WRITE)) | (w->fdflags & FDFLAG_DSYNC ? RIGHT_FD_DATASYNC : 0) |
           (w->fdflags & (FDFLAG_RSYNC | FDFLAG_SYNC) ? RIGHT_FD_SYNC : 0);
}

static uint64_t flags_of(const struct open_wish *w)
{
    bool writes = w->rights & RIGHT_FD_WRITE, reads = w->rights & RIGHT_FD_READ;
    uint64_t flags = O_NOCTTY | O_NONBLOCK | (!writes ? O_RDONLY : reads ? O_RDWR : O_WRONLY);

    return flags | (w->oflags & OFLAG_CREAT ? O_CREAT : 0) | (w->oflags & OFLAG_DIRECTORY ? O_DIRECTORY : 0) |
           (w->oflags & OFLAG_EXCL ? O_EXCL : 0) | (w->oflags & OFLAG_TRUNC ? O_TRUNC : 0) |
           (w->fdflags & FDFLAG_APPEND ? O_APPEND : 0) | (w->fdflags & FDFLAG_DSYNC ? O_DSYNC : 0) |
           (w->fdflags & (FDFLAG_RSYNC | FDFLAG_SYNC) ? O_SYNC : 0) |
           (w->lookup & LOOKUP_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW);
}

static int check(const struct open_wish *w)
{
    if (w->lookup & ~(uint32_t)LOOKUP_SYMLINK_FOLLOW || w->oflags & ~(uint32_t)OFLAGS ||
        w->fdflags & ~(uint32_t)FDFLAGS)
        return -EINVAL;
    /* Linux has made a file of this, and an error, by turns. */
    return w->oflags & OFLAG_CREAT && w->oflags & OFLAG_DIRECTORY ? -EINVAL : 0;
}

/* The way to a directory from its preopen, for reports; without it they are less exact. */
static char *below(const struct wasi_path *p)
{
    const char *above = p->dir->below ? p->dir->below : "";
    size_t n = strlen(above), length = strlen(p->text);
    char *text = n + length < PATH_MAX - 1 ? malloc(n + length + 2) : NULL;

    if (!text || !strcmp(p->text, ".")) {
        free(text);
        return *above ? strdup(above) : NULL;
    }
    memcpy(text, above, n);
    if (n)
        text[n++] = '/';
    memcpy(text + n, p->text, length + 1);
    return text;
}

static int open_path(struct wasi_call *c, const struct wasi_path *p, const struct open_wish *w, uint32_t *number)
{
    struct wasi_fd f;

    if (inheriting_needed(w) & ~p->dir->inheriting)
        return -WASI_NOTCAPABLE;
    if (w->rights & RIGHT_FD_WRITE && !c->wasi->origins[p->dir->origin].writable)
        return -EROFS;
    int r = fd_room(c->wasi);
    if (r < 0)
        return r;
    _cleanup_fd_ int fd = path_open_beneath(p, flags_of(w), w->oflags & OFLAG_CREAT ? 0666 : 0);
    if (fd < 0)
        return fd;
    r = fd_describe(fd, (uint32_t)w->rights & p->dir->inheriting, (uint32_t)w->inheriting & p->dir->inheriting, &f);
    if (r == 0 && f.filetype == FILETYPE_CHARACTER_DEVICE)
        r = path_admit_device(fd);
    if (r < 0)
        return r;
    f.host = steal_fd(&fd);
    f.owned = true;
    f.flags = (uint16_t)w->fdflags;
    if (f.kind == WASI_DIRECTORY) {
        f.origin = p->dir->origin;
        f.below = below(p);
    }
    *number = fd_add(c->wasi, &f);
    return 0;
}

int wasi_path_open(struct wasi_call *c)
{
    struct open_wish w = {.lookup = c->args[1].i32,
                          .oflags = c->args[4].i32,
                          .rights = c->args[5].i64,
                          .inheriting = c->args[6].i64,
                          .fdflags = c->args[7].i32};
    bool writes = w.rights & RIGHT_FD_WRITE || w.oflags & OFLAG_TRUNC, reads = w.rights & RIGHT_FD_READ;
    struct wasi_path p = {.access = (reads ? WASI_ACCESS_READ : 0) | (writes ? WASI_ACCESS_WRITE : 0) |
                                    (w.oflags & OFLAG_CREAT ? WASI_ACCESS_CREATE : 0)};
    uint32_t number = 0;

    p.deed = w.oflags & OFLAG_CREAT ? "create"
             : !writes              ? "open for reading"
             : reads                ? "open for reading and writing"
                                    : "open for writing";
    int r = path_take(c, 0, 2, rights_needed(&w), &p);
    if (r == 0)
        r = check(&w);
    if (r == 0)
        r = memory_check(c->memory, call_address(c, 8), sizeof number);
    if (r == 0)
        r = open_path(c, &p, &w, &number);
    return r < 0 ? path_done(c, &p, r) : call_put(c, 8, &number, sizeof number);
}
