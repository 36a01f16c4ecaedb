/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors. The program's numbers are indices of a table of fixed size, never the host's; what a number may do is in
 * its rights, which only shrink. 0 to 2 are never given out again: a file that is opened while they are closed shall
 * not become what the program's library prints to.
 */
#include "wasi/program.h"
#include "wasi/rights.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_FREE 3u
#define RESERVED   8u /* of RLIMIT_NOFILE, for the process itself */

int fd_get(struct wasi *w, uint32_t number, uint32_t rights, struct wasi_fd **out)
{
    if (number >= w->max_fds || w->fds[number].kind == WASI_FREE)
        return -EBADF;
    if (w->fds[number].names_only && rights & ~(uint32_t)RIGHTS_NAMES)
        return -EBADF;
    if (rights & ~w->fds[number].rights)
        return -WASI_NOTCAPABLE;
    *out = &w->fds[number];
    return 0;
}

static uint32_t lowest_free(const struct wasi *w)
{
    uint32_t i = w->lowest_free;

    while (i < w->max_fds && w->fds[i].kind != WASI_FREE)
        i++;
    return i;
}

int fd_room(const struct wasi *w)
{
    return lowest_free(w) < w->max_fds ? 0 : -EMFILE;
}

uint32_t fd_add(struct wasi *w, const struct wasi_fd *f)
{
    uint32_t i = lowest_free(w);

    w->fds[i] = *f;
    w->lowest_free = i + 1;
    if (i >= w->end)
        w->end = i + 1;
    return i;
}

void fd_release(struct wasi_fd *f)
{
    if (f->owned)
        close(f->host);
    free(f->below);
    listing_free(f->listing);
    *f = (struct wasi_fd){.kind = WASI_FREE};
}

int wasi_fd_close(struct wasi_call *c)
{
    struct wasi *w = c->wasi;
    struct wasi_fd *f;
    uint32_t number = c->args[0].i32;
    int r = fd_get(w, number, 0, &f);

    if (r < 0)
        return r;
    fd_release(f);
    if (number >= FIRST_FREE && number < w->lowest_free)
        w->lowest_free = number;
    return 0;
}

int wasi_fd_renumber(struct wasi_call *c)
{
    struct wasi *w = c->wasi;
    struct wasi_fd *from, *to;
    uint32_t number = c->args[0].i32;
    int r = fd_get(w, number, 0, &from);

    if (r == 0)
        r = fd_get(w, c->args[1].i32, 0, &to);
    if (r < 0 || from == to)
        return r;
    fd_release(to);
    *to = *from;
    to->preopen = false;
    *from = (struct wasi_fd){.kind = WASI_FREE};
    if (number >= FIRST_FREE && number < w->lowest_free)
        w->lowest_free = number;
    return 0;
}

int fd_describe(int host, uint32_t rights, uint32_t inheriting, struct wasi_fd *out)
{
    struct stat st;

    if (fstat(host, &st) < 0)
        return -errno;
    *out = (struct wasi_fd){.host = host, .filetype = (uint8_t)wasi_filetype_of(st.st_mode, host)};
    int listens = 0;
    if (S_ISSOCK(st.st_mode))
        getsockopt(host, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){sizeof listens});
    static const uint32_t of_kind[] = {[WASI_DIRECTORY] = RIGHTS_DIRECTORY,
                                       [WASI_FILE] = RIGHTS_FILE,
                                       [WASI_STREAM] = RIGHTS_STREAM,
                                       [WASI_SOCKET] = RIGHTS_SOCKET,
                                       [WASI_LISTENER] = RIGHTS_LISTENER};
    out->kind = S_ISDIR(st.st_mode)    ? WASI_DIRECTORY
                : S_ISREG(st.st_mode)  ? WASI_FILE
                : listens              ? WASI_LISTENER
                : S_ISSOCK(st.st_mode) ? WASI_SOCKET
                                       : WASI_STREAM;
    out->rights = rights & of_kind[out->kind];
    if (out->kind == WASI_DIRECTORY)
        out->inheriting = inheriting & (RIGHTS_DIRECTORY | RIGHTS_FILE);
    else if (out->kind == WASI_LISTENER)
        out->inheriting = inheriting & RIGHTS_SOCKET;
    return 0;
}

static int add_stdio(struct wasi *w, const int stdio[3])
{
    for (uint32_t i = 0; i < FIRST_FREE; i++) {
        struct wasi_fd f;

        if (stdio[i] < 0)
            continue;
        uint32_t not = i ? RIGHT_FD_READ : RIGHTS_CHANGE;                           /* a terminal is open both ways */
        int r = fd_describe(stdio[i], (RIGHTS_FILE | RIGHTS_SOCKET) & ~not, 0, &f); /* a directory is not opened */
        int flags = fcntl(stdio[i], F_GETFL);
        if (r == -EBADF) /* closed by whoever started us */
            continue;
        if (r < 0 || flags < 0)
            return r < 0 ? r : -errno;
        f.flags = (uint16_t)((flags & O_APPEND ? FDFLAG_APPEND : 0) | (flags & O_NONBLOCK ? FDFLAG_NONBLOCK : 0));
        w->fds[i] = f;
    }
    return 0;
}

/* Where the directory's own owner did not give a descriptor that lists it. */
static int reopened(int fd)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};

    return (int)syscall(SYS_openat2, fd, ".", &how, sizeof how);
}

static int add_preopen(struct wasi *w, const struct wasi_preopen *p, struct err *err)
{
    uint32_t rights = p->writable ? UINT32_MAX : ~(uint32_t)RIGHTS_CHANGE;
    /* A C library that does not see this right opens for reading what is to be written, and the program learns late and
     * by another error what was denied: so it is shown, and path_open refuses. */
    uint32_t inheriting = rights | RIGHT_FD_WRITE;
    struct wasi_origin *o = &w->origins[w->n_origins];
    struct wasi_fd f;
    struct stat st;
    int r = path_admit(p->fd);

    if (r == -WASI_KERNELS)
        return err_set(err, -EACCES, "the directory %s cannot be given to the program: it is the kernel's, as /proc is",
                       p->name);
    int fd = r < 0 ? r : reopened(p->fd);
    if (r < 0 || (fd < 0 && errno != EACCES))
        return err_sys(err, r < 0 ? r : -errno, "the directory %s cannot be given to the program", p->name);
    if (fd < 0)
        fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0); /* it may be searched, not listed */
    if (fd < 0 || fstat(fd, &st) < 0 || fd_describe(fd, rights, inheriting, &f) < 0 || !(o->name = strdup(p->name))) {
        int code = errno ? -errno : -ENOMEM;
        if (fd >= 0)
            close(fd);
        return err_sys(err, code, "the directory %s cannot be given to the program", p->name);
    }
    o->writable = p->writable;
    o->dev = st.st_dev;
    o->ino = st.st_ino;
    f.owned = f.preopen = true;
    f.names_only = p->names_only;
    f.origin = w->n_origins++;
    fd_add(w, &f);
    return 0;
}

static int add_listener(struct wasi *w, int fd, struct err *err)
{
    struct wasi_fd f = {0};
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), flags = fcntl(fd, F_GETFL);
    int r = copy < 0 || flags < 0 ? -errno : fd_describe(copy, UINT32_MAX, UINT32_MAX, &f);

    if (r == 0 && (f.kind != WASI_LISTENER || f.filetype != FILETYPE_SOCKET_STREAM))
        r = -ENOTSOCK;
    if (r == 0 && fcntl(copy, F_SETFL, flags | O_NONBLOCK) < 0) /* else a connection that is gone could be waited for */
        r = -errno;
    if (r < 0) {
        if (copy >= 0)
            close(copy);
        return err_sys(err, r, "descriptor %d is no socket that a program can listen on", fd);
    }
    f.owned = true;
    fd_add(w, &f);
    return 0;
}

static uint32_t table_size(uint32_t wanted)
{
    struct rlimit limit;
    uint32_t n = wanted && wanted < WASI_DESCRIPTORS_MAX ? wanted : WASI_DESCRIPTORS_MAX;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n + RESERVED)
        n = limit.rlim_cur > RESERVED + FIRST_FREE ? (uint32_t)limit.rlim_cur - RESERVED : FIRST_FREE;
    return n;
}

int fd_table_make(struct wasi *w, const struct wasi_options *o, struct err *err)
{
    int r;

    w->max_fds = table_size(o->max_descriptors);
    w->lowest_free = FIRST_FREE;
    if (w->max_fds < FIRST_FREE || o->n_preopens > w->max_fds - FIRST_FREE ||
        o->n_listeners > w->max_fds - FIRST_FREE - o->n_preopens)
        return err_set(err, -EMFILE, "%u directories and %u sockets are more than the %u descriptors of a program",
                       o->n_preopens, o->n_listeners, w->max_fds);
    w->fds = calloc(w->max_fds, sizeof *w->fds);
    w->origins = calloc(o->n_preopens + 1, sizeof *w->origins);
    if (!w->fds || !w->origins)
        return err_set(err, -ENOMEM, "no memory for %u descriptors", w->max_fds);
    w->end = FIRST_FREE;
    r = add_stdio(w, o->stdio);
    if (r < 0)
        return err_sys(err, r, "the standard descriptors cannot be given to the program");
    for (uint32_t i = 0; i < o->n_preopens; i++) {
        if ((r = add_preopen(w, &o->preopens[i], err)) < 0)
            return r;
    }
    for (uint32_t i = 0; i < o->n_listeners; i++) {
        if ((r = add_listener(w, o->listeners[i], err)) < 0)
            return r;
    }
    /* Nothing fails any more: what was given is ours, and the copies serve. */
    for (uint32_t i = 0; i < o->n_preopens; i++)
        close(o->preopens[i].fd);
    for (uint32_t i = 0; i < o->n_listeners; i++)
        close(o->listeners[i]);
    return 0;
}

void fd_table_free(struct wasi *w)
{
    for (uint32_t i = 0; i < w->end; i++) {
        if (w->fds[i].kind != WASI_FREE)
            fd_release(&w->fds[i]);
    }
    for (uint32_t i = 0; i < w->n_origins; i++)
        free(w->origins[i].name);
    free(w->fds);
    free(w->origins);
}
