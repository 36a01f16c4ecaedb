/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in order, from one descriptor and to another: terminals, pipes, files. Neither is ever waited for in a call:
 * other ports have the same server, and the descriptors may be somebody else's too, so they stay as they are. */
#include "machine/io.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WRITE_MOST 4096u /* bytes: what a pipe that can be written to takes without waiting (pipe(7), PIPE_BUF) */

static void stream_wants(const struct io_port *p, bool *in, bool *out)
{
    *in = p->in >= 0 && p->reads.n;
    *out = p->out >= 0 && p->writes.n;
}

static void read_once(struct io_port *p)
{
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;
    const int n = io_pieces(p, io_first(&p->reads), true, v, &bytes);
    const ssize_t got = p->in < 0 ? 0 : readv(p->in, v, n);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    io_answer_first(p, &p->reads, got < 0 ? -errno : got);
}

static void write_once(struct io_port *p)
{
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;
    int n = io_pieces(p, io_first(&p->writes), false, v, &bytes);

    n = io_pieces_cut(v, n, p->writes.done, WRITE_MOST);
    const ssize_t put = p->out < 0 || n == 0 ? (ssize_t)bytes : writev(p->out, v, n);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    p->writes.done += put < 0 ? 0 : (uint64_t)put;
    if (put < 0 || p->writes.done >= bytes)
        io_answer_first(p, &p->writes, put < 0 ? -errno : (int64_t)bytes);
}

static void stream_work(struct io_port *p, bool in, bool out)
{
    if (p->reads.n && (in || p->in < 0))
        read_once(p);
    while (p->writes.n && p->out < 0)
        write_once(p);
    if (p->writes.n && out)
        write_once(p);
}

int64_t io_terminal_size(int fd, uint64_t argument)
{
    struct winsize size;

    if (argument)
        return (int64_t)(argument & UINT32_MAX);
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0)
        return -ENOTTY;
    return (int64_t)size.ws_row << 16 | size.ws_col;
}

/* Standard input may be another port's: a virtio console's. */
static int64_t stream_tell(struct io_port *p, uint64_t word, uint64_t argument)
{
    return word == RING_WORD_SIZE ? io_terminal_size(p->in < 0 ? STDIN_FILENO : p->in, argument) : -EINVAL;
}

const struct io_ops io_stream = {
    .name = "stream",
    .operations = 1u << RING_READ | 1u << RING_WRITE | 1u << RING_TELL,
    .wants = stream_wants,
    .work = stream_work,
    .tell = stream_tell,
};
