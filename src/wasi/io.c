/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing. The kernel reads and fills the program's memory itself: each range of a vector is checked
 * against it, in a copy of the vector that the program cannot reach. Files are read at once; streams are tried without
 * waiting and then waited for by wait.c, so that whoever ends the program need not wait for a byte.
 */
#include "wasi/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

int vector_take(const struct wasi_call *c, unsigned n, struct wasi_vector *out)
{
    struct wasi_iovec copy[WASI_IOVECS_MAX];
    uint32_t count = c->args[n + 1].i32;

    if (count > WASI_IOVECS_MAX)
        return -EINVAL;
    if (memory_read(c->memory, call_address(c, n), copy, count * (uint32_t)sizeof copy[0]) < 0)
        return -EFAULT;
    for (uint32_t i = 0; i < count; i++) {
        out->v[i].iov_base = memory_span(c->memory, (struct waddr){copy[i].buf}, copy[i].length);
        out->v[i].iov_len = copy[i].length;
        if (!out->v[i].iov_base)
            return -EFAULT;
    }
    out->n = count;
    return 0;
}

bool iovec_advance(struct iovec **v, uint32_t *n, size_t done)
{
    while (*n && done >= (*v)->iov_len) {
        done -= (*v)->iov_len;
        (*v)++;
        (*n)--;
    }
    if (*n) {
        (*v)->iov_base = (char *)(*v)->iov_base + done;
        (*v)->iov_len -= done;
    }
    return *n != 0;
}

typedef ssize_t transfer(int fd, const struct iovec *v, int n);

/* One transfer of a stream: -EAGAIN while it would wait. A descriptor that is shared with others cannot be made
 * non-blocking, so each call says so; where that is not known (a terminal), it is asked before. */
static ssize_t try_stream(struct wasi_call *c, struct wasi_fd *f, long number, transfer *plain, struct iovec *v,
                          uint32_t n)
{
    ssize_t r = -1;

    if (!f->polls) {
        r = syscall(number, f->host, v, (unsigned long)n, -1L, -1L, RWF_NOWAIT);
        f->polls = r < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == ESPIPE);
    }
    if (f->polls) {
        r = wait_ready(c, f, number == SYS_preadv2 ? POLLIN : POLLOUT);
        if (r < 0)
            return r;
        r = plain(f->host, v, (int)n);
    }
    return r < 0 ? -errno : r;
}

/* All of it for a write that may wait, else as much as there is. */
static ssize_t move_stream(struct wasi_call *c, struct wasi_fd *f, bool writes, struct iovec *v, uint32_t n)
{
    bool waits = !(f->flags & FDFLAG_NONBLOCK);
    ssize_t done = 0;

    for (;;) {
        ssize_t r = writes ? try_stream(c, f, SYS_pwritev2, writev, v, n) : try_stream(c, f, SYS_preadv2, readv, v, n);
        if (r == -EAGAIN && waits)
            r = wait_ready(c, f, writes ? POLLOUT : POLLIN);
        else if (r > 0 && writes && waits && iovec_advance(&v, &n, (size_t)r))
            done += r;
        else if (r != -EINTR || wasi_interrupted(c->wasi))
            return r < 0 && done ? done : done + r;
        if (r < 0 && r != -EINTR)
            return done ? done : r;
        if (c->trap)
            return -EINTR;
    }
}

static ssize_t move(struct wasi_call *c, struct wasi_fd *f, bool writes, struct wasi_vector *t)
{
    ssize_t r;

    if (f->kind == WASI_SOCKET)
        return writes ? socket_send(c, f, t->v, t->n) : socket_receive(c, f, t->v, t->n, 0, NULL);
    if (f->kind != WASI_FILE)
        return move_stream(c, f, writes, t->v, t->n);
    do
        r = writes ? writev(f->host, t->v, (int)t->n) : readv(f->host, t->v, (int)t->n);
    while (r < 0 && errno == EINTR && !wasi_interrupted(c->wasi));
    return r < 0 ? -errno : r;
}

static ssize_t move_at(struct wasi_call *c, const struct wasi_fd *f, bool writes, const struct wasi_vector *t,
                       uint64_t at)
{
    ssize_t r;

    if (at > INT64_MAX)
        return -EINVAL;
    if (f->kind != WASI_FILE)
        return -ESPIPE;
    do
        r = writes ? pwritev(f->host, t->v, (int)t->n, (off_t)at) : preadv(f->host, t->v, (int)t->n, (off_t)at);
    while (r < 0 && errno == EINTR && !wasi_interrupted(c->wasi));
    return r < 0 ? -errno : r;
}

/* Argument `result` is where the count goes; `at` the argument that is the place, 0: where the descriptor stands. */
static int transfer_bytes(struct wasi_call *c, bool writes, unsigned at, unsigned result)
{
    uint32_t right = writes ? RIGHT_FD_WRITE : RIGHT_FD_READ;
    struct wasi_vector t;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, at ? right | RIGHT_FD_SEEK : right, &f);

    if (r == 0)
        r = vector_take(c, 1, &t);
    if (r == 0)
        r = memory_check(c->memory, call_address(c, result), sizeof(uint32_t));
    if (r < 0)
        return r;
    ssize_t n = at ? move_at(c, f, writes, &t, c->args[at].i64) : move(c, f, writes, &t);
    if (n < 0)
        return (int)n;
    uint32_t count = (uint32_t)n; /* Linux moves less than 2 GiB at once */
    return call_put(c, result, &count, sizeof count);
}

int wasi_fd_read(struct wasi_call *c)
{
    return transfer_bytes(c, false, 0, 3);
}

int wasi_fd_write(struct wasi_call *c)
{
    return transfer_bytes(c, true, 0, 3);
}

int wasi_fd_pread(struct wasi_call *c)
{
    return transfer_bytes(c, false, 3, 4);
}

int wasi_fd_pwrite(struct wasi_call *c)
{
    return transfer_bytes(c, true, 3, 4);
}

static int seek(struct wasi_call *c, const struct wasi_fd *f, int64_t by, int whence, unsigned result)
{
    int r = memory_check(c->memory, call_address(c, result), sizeof(uint64_t));

    if (r < 0)
        return r;
    off_t at = lseek(f->host, by, whence);
    if (at < 0)
        return -errno;
    return call_put(c, result, &(uint64_t){(uint64_t)at}, sizeof(uint64_t));
}

int wasi_fd_seek(struct wasi_call *c)
{
    static const int whences[] = {[WHENCE_SET] = SEEK_SET, [WHENCE_CUR] = SEEK_CUR, [WHENCE_END] = SEEK_END};
    int64_t by = (int64_t)c->args[1].i64;
    uint32_t whence = c->args[2].i32;
    struct wasi_fd *f;
    /* To stay is to tell. The one right includes the other. */
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_SEEK, &f);

    if (r == -WASI_NOTCAPABLE && whence == WHENCE_CUR && by == 0)
        r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_TELL, &f);
    if (r < 0)
        return r;
    return whence > WHENCE_END ? -EINVAL : seek(c, f, by, whences[whence], 3);
}

int wasi_fd_tell(struct wasi_call *c)
{
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_TELL, &f);

    if (r == -WASI_NOTCAPABLE)
        r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_SEEK, &f);
    return r < 0 ? r : seek(c, f, 0, SEEK_CUR, 1);
}

int wasi_fd_sync(struct wasi_call *c)
{
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_SYNC, &f);

    return r < 0 ? r : fsync(f->host) < 0 ? -errno : 0;
}

int wasi_fd_datasync(struct wasi_call *c)
{
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_DATASYNC, &f);

    return r < 0 ? r : fdatasync(f->host) < 0 ? -errno : 0;
}

int wasi_fd_advise(struct wasi_call *c)
{
    static const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                  POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    uint64_t offset = c->args[1].i64, length = c->args[2].i64;
    uint32_t advice = c->args[3].i32;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_ADVISE, &f);

    if (r < 0)
        return r;
    if (advice >= ARRAY_LEN(advices) || offset > INT64_MAX || length > INT64_MAX)
        return -EINVAL;
    return -posix_fadvise(f->host, (off_t)offset, (off_t)length, advices[advice]);
}

int wasi_fd_allocate(struct wasi_call *c)
{
    uint64_t offset = c->args[1].i64, length = c->args[2].i64;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_ALLOCATE, &f);

    if (r < 0)
        return r;
    if (offset > INT64_MAX || length > INT64_MAX)
        return -EINVAL;
    do
        r = fallocate(f->host, 0, (off_t)offset, (off_t)length);
    while (r < 0 && errno == EINTR && !wasi_interrupted(c->wasi));
    return r < 0 ? -errno : 0;
}
