/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console: standard input, output and error. They are no terminal to the program, unless the platform has one: then
 * tty/console.c has them.
 *
 * What is written is handed on in pieces of a page, so that a program that writes a gigabyte costs no memory here; a
 * stream that does not take more makes the task wait like a full pipe.
 */
#include "linux/core/boot.h"
#include "linux/core/host.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"
#include "linux/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/eventpoll.h>

#pragma weak tty_console_boot
#pragma weak file_anonymous /* a kernel for a program that only writes has no inodes */

static enum host_stream console_stream(const struct file *f)
{
    return (enum host_stream)f->own_n[0];
}

/* Waits until the stream may have changed; -EAGAIN for a file that must not wait. */
static int console_wait(struct file *f)
{
    enum host_stream s = console_stream(f);
    struct waiter w;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, host_queue(1u << s));
    host_watch(1u << s);
    int r = task_block(NEVER);
    wait_end(&w);
    return r;
}

static int64_t console_read(struct file *f, struct uio *u, uint64_t *pos)
{
    uint8_t page[1024];
    int64_t n;
    if (!u->left)
        return 0;
    size_t want = u->left < sizeof(page) ? u->left : sizeof(page);
    while ((n = platform.host.console_read(page, want)) == -EAGAIN) {
        int r = console_wait(f);
        if (r)
            return r;
    }
    return n > 0 ? uio_put(u, page, (size_t)n) : n;
}

static int64_t console_write_piece(struct file *f, const uint8_t *piece, size_t n)
{
    size_t done = 0;
    while (done < n) {
        int64_t r = platform.host.console_write(console_stream(f), piece + done, n - done);
        if (r == -EPIPE)
            signal_task_number(current, SIGPIPE);
        if (r == -EAGAIN)
            r = console_wait(f);
        if (r < 0)
            return done ? (int64_t)done : r;
        done += (size_t)r;
    }
    return (int64_t)done;
}

static int64_t console_write(struct file *f, struct uio *u, uint64_t *pos)
{
    uint8_t page[1024];
    int64_t done = 0;
    while (u->left) {
        size_t want = u->left < sizeof(page) ? u->left : sizeof(page);
        int64_t n = uio_get(u, page, want);
        if (n <= 0)
            return done ? done : n;
        int64_t r = console_write_piece(f, page, (size_t)n);
        if (r < 0)
            return done ? done : r;
        done += r;
        if (r < n)
            break;
    }
    return done;
}

/* Asked of the host, without waiting. */
static uint32_t console_poll(struct file *f)
{
    enum host_stream s = console_stream(f);
    uint32_t there = platform.host.poll(0, 1u << s);
    if (!(there & 1u << s)) {
        host_watch(1u << s); /* who asks is going to wait */
        return 0;
    }
    return s == HOST_STDIN ? EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM;
}

static struct wait_queue *console_poll_queue(struct file *f)
{
    return host_queue(1u << console_stream(f));
}

static int64_t console_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    return -ENOTTY; /* isatty(3): it is none */
}

static int64_t console_seek(struct file *f, int64_t offset, int whence)
{
    return -ESPIPE;
}

static const struct file_ops console_in_ops = {
    .read = console_read,
    .seek = console_seek,
    .poll = console_poll,
    .poll_queue = console_poll_queue,
    .ioctl = console_ioctl,
};
static const struct file_ops console_out_ops = {
    .write = console_write,
    .seek = console_seek,
    .poll = console_poll,
    .poll_queue = console_poll_queue,
    .ioctl = console_ioctl,
};

/* By /dev/stdin, /proc/self/fd/1 and the like. */
static int console_open(struct inode *i, struct file *f)
{
    enum host_stream s = (enum host_stream)i->own_n[0];
    if ((f->flags & O_ACCMODE) == (s == HOST_STDIN ? O_WRONLY : O_RDONLY))
        return -EACCES;
    f->ops = s == HOST_STDIN ? &console_in_ops : &console_out_ops;
    f->own_n[0] = s;
    return 0;
}
static const struct inode_ops console_inode_ops = {.open = console_open};

/* An open file of one stream; HOST_STDIN reads, the others write. One holder; NULL: out of memory. */
static struct file *console_file(enum host_stream s)
{
    const struct file_ops *ops = s == HOST_STDIN ? &console_in_ops : &console_out_ops;
    uint32_t flags = s == HOST_STDIN ? O_RDONLY : O_WRONLY;
    struct file *f =
        file_anonymous ? file_anonymous("pipe", S_IFIFO | 0600, ops, flags, NULL) : file_bare(ops, flags, NULL);
    if (f)
        f->own_n[0] = s;
    if (f && file_anonymous)
        f->inode->ops = &console_inode_ops, f->inode->own_n[0] = s;
    return f;
}

int console_boot(void)
{
    if (boot_config->terminal && tty_console_boot)
        return tty_console_boot();
    for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++) {
        struct file *f = console_file(s);
        int fd = f ? fd_install(f, false, 0) : -ENOMEM;
        if (fd < 0)
            return fd;
    }
    return 0;
}
