/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masters of pseudo terminals, pty(7): what is written to one is typed at its terminal, what programs write there
 * is read here. Packet mode puts a byte before each piece, which says what has happened to the terminal meanwhile.
 */
#include "linux/tty/internal.h"

#include "linux/core/uaccess.h"
#include "linux/fs/fd.h"

#include <linux/capability.h>

static const struct file_ops master_ops;

bool file_is_master(const struct file *f)
{
    return f->ops == &master_ops;
}

void pty_status(struct tty *t, uint8_t set, uint8_t clear)
{
    if (!t->packet)
        return;
    t->packet_status = (uint8_t)((t->packet_status & ~clear) | set);
    wait_wake(&t->master_changed, EPOLLIN | EPOLLRDNORM | EPOLLPRI, 1 << 30);
}

void tty_output_ready(struct tty *t)
{
    if (t->console)
        console_output(t);
    else if (t->output.used)
        wait_wake(&t->master_changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
}

void tty_incoming_room(struct tty *t)
{
    if (t->console)
        console_input_more(t);
    else
        wait_wake(&t->master_changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
}

/* ---- read and write ---- */

static bool master_readable(const struct tty *t)
{
    return t->output.used || (t->packet && t->packet_status);
}

/* Until there is something to read. */
static int master_wait(struct file *f)
{
    struct tty *t = f->own;
    int r = 0;
    while (!r && !master_readable(t)) {
        if (t->left)
            return -EIO;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        r = tty_wait(&t->master_changed, NEVER);
    }
    return r;
}

static int64_t master_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct tty *t = f->own;
    uint8_t piece[TTY_PIECE] = {TIOCPKT_DATA};
    int64_t done = 0;
    if (!u->left)
        return 0;
    int r = master_wait(f);
    if (r)
        return r;
    if (t->packet) {
        uint8_t status = t->packet_status;
        t->packet_status = 0;
        int64_t n = uio_put(u, &status, 1);
        if (n < 0 || status)
            return n;
        done = n;
    }
    while (u->left && t->output.used) {
        uint32_t want = u->left < sizeof(piece) ? (uint32_t)u->left : sizeof(piece);
        uint32_t n = bytes_look(&t->output, piece, want);
        bytes_drop(&t->output, n);
        int64_t put = uio_put(u, piece, n);
        if (put < (int64_t)n)
            return done ? done : put;
        done += put;
    }
    echo_flush(t);
    wait_wake(&t->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
    return done;
}

static int master_room(struct file *f)
{
    struct tty *t = f->own;
    int r = 0;
    while (!r && !bytes_room(&t->incoming))
        r = f->flags & O_NONBLOCK ? -EAGAIN : tty_wait(&t->master_changed, NEVER);
    return r;
}

static int64_t master_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct tty *t = f->own;
    uint8_t piece[TTY_PIECE];
    int64_t done = 0;
    while (u->left) {
        int r = master_room(f);
        if (r)
            return done ? done : r;
        uint32_t want = bytes_room(&t->incoming);
        if (want > sizeof(piece))
            want = sizeof(piece);
        int64_t n = uio_get(u, piece, want);
        if (n <= 0)
            return done ? done : n;
        done += bytes_put(&t->incoming, piece, (uint32_t)n); /* another writer may have come meanwhile: some is lost */
        line_receive(t);
    }
    return done;
}

static uint32_t master_poll(struct file *f)
{
    const struct tty *t = f->own;
    uint32_t events = t->output.used ? EPOLLIN | EPOLLRDNORM : 0;
    if (t->packet && t->packet_status)
        events |= EPOLLPRI | EPOLLIN | EPOLLRDNORM;
    if (bytes_room(&t->incoming))
        events |= EPOLLOUT | EPOLLWRNORM;
    return t->left ? events | EPOLLHUP : events;
}

static struct wait_queue *master_poll_queue(struct file *f)
{
    return &((struct tty *)f->own)->master_changed;
}

/* ---- ioctl ---- */

static int64_t lock_set(struct tty *t, struct uptr from)
{
    int32_t on;
    if (get_user(on, from))
        return -EFAULT;
    t->locked = on;
    return 0;
}

static int64_t packet_set(struct tty *t, struct uptr from)
{
    int32_t on;
    if (get_user(on, from))
        return -EFAULT;
    if (on && !t->packet)
        t->packet_status = 0;
    t->packet = on;
    return 0;
}

/* Opens the slave without its name. */
static int64_t peer(struct file *f, uint32_t flags)
{
    struct file *slave;
    int r = fd_room();
    if (!r)
        r = devpts_open_slave(f, f->own, flags & ~(uint32_t)O_CLOEXEC, &slave);
    if (r)
        return r;
    int fd = fd_install(slave, flags & O_CLOEXEC, 0);
    if (fd < 0)
        file_put(slave);
    return fd;
}

static int64_t master_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    struct tty *t = f->own;
    int32_t flag = command == TIOCGPTN ? (int32_t)t->number : command == TIOCGPKT ? t->packet : t->locked;
    switch (command) {
    case TIOCGPTN:
    case TIOCGPKT:
    case TIOCGPTLCK:
        return put_user(at, flag);
    case TIOCSPTLCK:
        return lock_set(t, at);
    case TIOCPKT:
        return packet_set(t, at);
    case TIOCGPTPEER:
        return peer(f, (uint32_t)at.v);
    case TIOCSIG:
        if (at.v != SIGINT && at.v != SIGQUIT && at.v != SIGTSTP)
            return -EINVAL;
        tty_signal(t, (int)at.v);
        return 0;
    default:
        return tty_ioctl(f, command, at);
    }
}

/* ---- open and close ---- */

static void master_release(struct file *f)
{
    struct tty *t = f->own;
    devpts_remove(t);
    t->master = t->packet = false;
    tty_hangup(t);
    tty_put(t);
}

int pty_open(struct file *f)
{
    struct tty *t = tty_new();
    if (!t)
        return -ENOMEM;
    t->locked = true;
    int r = devpts_add(f, t);
    if (r) {
        tty_put(t);
        return r;
    }
    f->ops = &master_ops, f->own = t;
    return 0;
}

static const struct file_ops master_ops = {
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .poll_queue = master_poll_queue,
    .ioctl = master_ioctl,
    .release = master_release,
};
