/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker sees of a target: copies of its memory, made once, and its directories. Everything here may lie, and
 * be of another process altogether when the target died: what was read counts only when notify_waits() says afterwards
 * that the call still waits, since then its thread lived all the time.
 */
#include "broker/broker.h"
#include "host/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Most paths are shorter: the rest is fetched only when there is one. */
#define FIRST_PIECE 256
#define PAGE        4096 /* or a divisor of it */

static ssize_t read_piece(const struct call *c, void *to, uint64_t from, size_t n)
{
    struct iovec mine = {to, n}, its = {(void *)(uintptr_t)from, n};

    return sys(SYS_process_vm_readv, c->n.pid, &mine, 1, &its, 1, 0);
}

int target_read(const struct call *c, void *to, uint64_t from, size_t n)
{
    ssize_t k = read_piece(c, to, from, n);

    return k == (ssize_t)n ? 0 : k < 0 ? (int)k : -EFAULT;
}

int target_string(const struct call *c, char *to, size_t size, uint64_t from)
{
    size_t n = 0;

    while (n < size) {
        size_t piece = PAGE - (from + n) % PAGE; /* the next page may not be there, nor be needed */
        if (piece > size - n)
            piece = size - n;
        if (!n && piece > FIRST_PIECE)
            piece = FIRST_PIECE;
        ssize_t k = read_piece(c, to + n, from + n, piece);
        if (k <= 0)
            return k < 0 ? (int)k : -EFAULT;
        const char *end = memchr(to + n, 0, (size_t)k);
        if (end)
            return (int)(end - to);
        n += (size_t)k;
    }
    return -ENAMETOOLONG;
}

int target_write(const struct broker *b, const struct call *c, uint64_t to, const void *from, size_t n)
{
    struct iovec mine = {(void *)(uintptr_t)from, n}, its = {(void *)(uintptr_t)to, n};

    if (!notify_waits(b, c->n.id))
        return -ESRCH;
    ssize_t k = sys(SYS_process_vm_writev, c->n.pid, &mine, 1, &its, 1, 0);
    return k == (ssize_t)n ? 0 : -EFAULT;
}

int target_open(const struct broker *b, const struct call *c, const char *what)
{
    char path[48];

    snprintf(path, sizeof path, "%u/%s", c->n.pid, what);
    return (int)sys(SYS_openat, b->proc, path, O_PATH | O_CLOEXEC);
}

mode_t target_umask(const struct broker *b, const struct call *c)
{
    char path[32], text[512];

    snprintf(path, sizeof path, "%u/status", c->n.pid);
    int fd = (int)sys(SYS_openat, b->proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    fd_drop(&fd);
    text[n > 0 ? n : 0] = 0;
    const char *line = strstr(text, "\nUmask:"); /* a thread's name, above it, has its line feeds escaped */
    return line ? (mode_t)strtoul(line + 7, NULL, 8) & 0777 : 077;
}
