/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2) of terminals, both sides: ioctl_tty(2). The modes are in modes.c, sessions in jobs.c, masters in pty.c. */
#include "linux/tty/internal.h"

#include "linux/core/uaccess.h"

#include <linux/capability.h>
#include <linux/tty.h>

/* ---- what is kept, and flow ---- */

static int64_t flush_call(struct file *f, uint64_t what)
{
    struct tty *t = f->own;
    int r = tty_check(t, SIGTTOU);
    if (r)
        return r;
    if (what > TCIOFLUSH)
        return -EINVAL;
    bool in = what != TCOFLUSH, out = what != TCIFLUSH;
    if (file_is_master(f)) { /* its input is what the slave has written */
        if (in)
            t->output.used = 0, wait_wake_all(&t->changed);
        if (out)
            t->incoming.used = 0, tty_incoming_room(t);
        return 0;
    }
    if (in) {
        line_flush(t);
        pty_status(t, TIOCPKT_FLUSHREAD, 0);
        line_receive(t);
    }
    if (out)
        output_flush(t);
    return 0;
}

static int64_t flow_call(struct file *f, uint64_t what)
{
    struct tty *t = f->own;
    int r = tty_check(t, SIGTTOU);
    if (r || file_is_master(f))
        return r;
    switch (what) {
    case TCOOFF:
        t->held = true;
        output_stop(t);
        return 0;
    case TCOON:
        if (t->held) {
            t->held = false;
            output_start(t);
        }
        return 0;
    case TCIOFF:
    case TCION: {
        cc_t c = t->modes.c_cc[what == TCIOFF ? VSTOP : VSTART];
        return c ? output_raw(t, c) : 0;
    }
    default:
        return -EINVAL;
    }
}

/* A break means nothing to the other side: what is left of the call is that output has gone out. */
static int64_t break_call(struct tty *t)
{
    int r = tty_check(t, SIGTTOU);
    return r ? r : output_drain(t);
}

/* ---- the window ---- */

void tty_window(struct tty *t, const struct winsize *w)
{
    const struct winsize *is = &t->window;
    if (is->ws_row == w->ws_row && is->ws_col == w->ws_col && is->ws_xpixel == w->ws_xpixel &&
        is->ws_ypixel == w->ws_ypixel)
        return;
    t->window = *w;
    tty_signal(t, SIGWINCH);
}

static int64_t window_set(struct tty *t, struct uptr from)
{
    struct winsize w;
    if (get_user(w, from))
        return -EFAULT;
    tty_window(t, &w);
    return 0;
}

/* ---- the rest ---- */

static int64_t put_int(struct uptr to, uint32_t n)
{
    return put_user(to, n);
}

static int64_t count_to_read(struct file *f, struct uptr to)
{
    struct tty *t = f->own;
    return put_int(to, file_is_master(f) ? t->output.used : line_count(t));
}

static int64_t discipline_set(struct uptr from)
{
    int32_t number;
    if (get_user(number, from))
        return -EFAULT;
    return number == N_TTY ? 0 : -EINVAL; /* the only one that is there */
}

static int64_t hangup_call(struct tty *t)
{
    if (!capable(current, CAP_SYS_ADMIN))
        return -EPERM;
    tty_hangup(t);
    return 0;
}

static int64_t others(struct file *f, uint32_t command, struct uptr at)
{
    struct tty *t = f->own;
    switch (command) {
    case TIOCEXCL:
    case TIOCNXCL:
        t->exclusive = command == TIOCEXCL;
        return 0;
    case TIOCGEXCL:
        return put_int(at, t->exclusive);
    case TIOCGETD:
        return put_int(at, N_TTY);
    case TIOCSETD:
        return discipline_set(at);
    case TIOCGDEV:
        return put_int(at, (uint32_t)tty_device(t));
    case TIOCVHANGUP:
        return hangup_call(t);
    case TIOCSTI:
        return -EIO; /* as Linux since 6.2, whose dev.tty.legacy_tiocsti is 0: nobody types in another's name */
    default:
        return -ENOTTY;
    }
}

int64_t tty_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    struct tty *t = f->own;
    if (!file_is_master(f) && tty_is_dead(f))
        return command == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (command) {
    case TIOCGWINSZ:
        return put_user(at, t->window);
    case TIOCSWINSZ:
        return window_set(t, at);
    case FIONREAD:
        return count_to_read(f, at);
    case TIOCOUTQ:
        return put_int(at, t->console ? t->output.used : 0);
    case TCFLSH:
        return flush_call(f, at.v);
    case TCXONC:
        return flow_call(f, at.v);
    case TCSBRK:
    case TCSBRKP:
        return break_call(t);
    case TIOCSBRK:
    case TIOCCBRK:
        return 0;
    default:
        break;
    }
    int64_t r = tty_modes_ioctl(f, command, at);
    if (r == -ENOTTY)
        r = tty_session_ioctl(f, command, at);
    return r == -ENOTTY ? others(f, command, at) : r;
}
