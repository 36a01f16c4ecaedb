/* SPDX-License-Identifier: Apache-2.0 */
/* The plainer part of the world: time, the console on the standard streams, the heap's memory, random bytes. */
#include "sentry/apart.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PIPE_PIECE 4096u /* PIPE_BUF: pipe(7) */

uint64_t apart_clock(enum host_clock which)
{
    struct timespec t;
    clock_gettime(which == HOST_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the console ---- */

short apart_console_event(int stream)
{
    return stream ? POLLOUT : POLLIN;
}

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = apart_console_event(fd)};
    return poll(&p, 1, 0) > 0;
}

static int64_t result_of(ssize_t r)
{
    if (r >= 0)
        return r;
    return errno == EINTR ? -EAGAIN : -errno;
}

int64_t apart_console_read(void *to, size_t n)
{
    return is_ready(0) ? result_of(read(0, to, n)) : -EAGAIN;
}

int64_t apart_console_write(enum host_stream stream, const void *from, size_t n)
{
    int fd = stream == HOST_STDOUT ? 1 : 2;
    if (n > PIPE_PIECE)
        n = PIPE_PIECE;
    return is_ready(fd) ? result_of(write(fd, from, n)) : -EAGAIN;
}

/* ---- the rest ---- */

int apart_memory(enum host_memory what, void *at, size_t n)
{
    if (what == HOST_MEMORY_GUARD)
        return mprotect(at, n, PROT_NONE) ? -errno : 0;
    if (what == HOST_MEMORY_COMMIT && mprotect(at, n, PROT_READ | PROT_WRITE))
        return -errno;
    return madvise(at, n, MADV_DONTNEED) ? -errno : 0;
}

int apart_random(void *to, size_t n)
{
    return getrandom(to, n, 0) == (ssize_t)n ? 0 : -EIO;
}

int64_t apart_block_read(uint32_t device, void *to, size_t n, uint64_t offset)
{
    return -ENODEV;
}

int64_t apart_block_write(uint32_t device, const void *from, size_t n, uint64_t offset)
{
    return -ENODEV;
}

int apart_net_rx(struct host_frame *frames, int n)
{
    return -ENODEV;
}

int apart_net_tx(const struct host_frame *frames, int n)
{
    return -ENODEV;
}
