/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of programs that were started from outside: files over a set of platform.streams, as the console's are over
 * the console. They are no terminal to the program. The inode stands for the stream: however a program opens it again
 * (/dev/stdin, /proc/self/fd/1), it is closed with its last file.
 */
#include "linux/kfs/streams.h"

#include "linux/core/host.h"
#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>

#define PIECE 1024u

static uint32_t set_of(const struct file *f)
{
    return (uint32_t)f->own_n[1];
}

static enum host_stream stream_of(const struct file *f)
{
    return (enum host_stream)f->own_n[0];
}

/* Somebody is told once for one watch, so a stream is watched before each wait. */
static void stream_watch(const struct file *f)
{
    platform.streams->watch(set_of(f), stream_of(f));
    host_watch(HOST_EVENT_STREAMS);
}

/* Waits until the stream may have changed; -EAGAIN for a file that must not wait. */
static int stream_wait(struct file *f)
{
    struct waiter w;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, host_queue(HOST_EVENT_STREAMS));
    stream_watch(f);
    int r = task_block(NEVER);
    wait_end(&w);
    return r;
}

static int64_t stream_read(struct file *f, struct uio *u, uint64_t *pos)
{
    uint8_t piece[PIECE];
    int64_t n;
    if (!u->left)
        return 0;
    size_t want = u->left < sizeof(piece) ? u->left : sizeof(piece);
    while ((n = platform.streams->read(set_of(f), piece, want)) == -EAGAIN) {
        int r = stream_wait(f);
        if (r)
            return r;
    }
    return n > 0 ? uio_put(u, piece, (size_t)n) : n;
}

static int64_t write_piece(struct file *f, const uint8_t *piece, size_t n)
{
    size_t done = 0;
    while (done < n) {
        int64_t r = platform.streams->write(set_of(f), stream_of(f), piece + done, n - done);
        if (r == -EPIPE)
            signal_task_number(current, SIGPIPE);
        if (r == -EAGAIN)
            r = stream_wait(f);
        if (r < 0)
            return done ? (int64_t)done : r;
        done += (size_t)r;
    }
    return (int64_t)done;
}

static int64_t stream_write(struct file *f, struct uio *u, uint64_t *pos)
{
    uint8_t piece[PIECE];
    int64_t done = 0;
    while (u->left) {
        size_t want = u->left < sizeof(piece) ? u->left : sizeof(piece);
        int64_t n = uio_get(u, piece, want);
        int64_t r = n > 0 ? write_piece(f, piece, (size_t)n) : n;
        if (r <= 0)
            return done ? done : r;
        done += r;
        if (r < n)
            break;
    }
    return done;
}

static uint32_t stream_poll(struct file *f)
{
    if (!platform.streams->ready(set_of(f), stream_of(f))) {
        stream_watch(f); /* who asks is going to wait */
        return 0;
    }
    return stream_of(f) == HOST_STDIN ? EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM;
}

static struct wait_queue *stream_poll_queue(struct file *f)
{
    (void)f;
    return host_queue(HOST_EVENT_STREAMS);
}

static int64_t stream_seek(struct file *f, int64_t offset, int whence)
{
    (void)f, (void)offset, (void)whence;
    return -ESPIPE;
}

static const struct file_ops stream_in_ops = {
    .read = stream_read, .seek = stream_seek, .poll = stream_poll, .poll_queue = stream_poll_queue};
static const struct file_ops stream_out_ops = {
    .write = stream_write, .seek = stream_seek, .poll = stream_poll, .poll_queue = stream_poll_queue};

static int stream_open(struct inode *i, struct file *f)
{
    enum host_stream s = (enum host_stream)i->own_n[0];
    if ((f->flags & O_ACCMODE) == (s == HOST_STDIN ? O_WRONLY : O_RDONLY))
        return -EACCES;
    f->ops = s == HOST_STDIN ? &stream_in_ops : &stream_out_ops;
    f->own_n[0] = s, f->own_n[1] = i->own_n[1];
    return 0;
}

static void stream_drop(struct inode *i)
{
    platform.streams->close((uint32_t)i->own_n[1], (enum host_stream)i->own_n[0]);
}

static const struct inode_ops stream_inode_ops = {.open = stream_open, .drop = stream_drop};

static int stream_install(uint32_t set, enum host_stream s)
{
    const struct file_ops *ops = s == HOST_STDIN ? &stream_in_ops : &stream_out_ops;
    struct file *f = file_anonymous("pipe", S_IFIFO | 0600, ops, s == HOST_STDIN ? O_RDONLY : O_WRONLY, NULL);
    if (!f) {
        platform.streams->close(set, s);
        return -ENOMEM;
    }
    f->own_n[0] = f->inode->own_n[0] = s;
    f->own_n[1] = f->inode->own_n[1] = set;
    f->inode->ops = &stream_inode_ops;
    f->inode->uid = current->cred->uid, f->inode->gid = current->cred->gid;
    int fd = fd_install(f, false, 0);
    if (fd < 0)
        file_put(f);
    return fd < 0 ? fd : 0;
}

int streams_open(uint32_t set)
{
    int r = 0;
    for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++) {
        int one = stream_install(set, s);
        r = r ? r : one;
    }
    return r;
}
