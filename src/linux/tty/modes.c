/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modes of a terminal, and the three shapes in which programs get and set them: termio, termios, termios2. Those of
 * a master are its slave's.
 */
#include "linux/tty/internal.h"

#include "linux/core/uaccess.h"

#include <string.h>

#define INPUT_SHIFT 16 /* IBSHIFT: the input's speed in c_cflag */

/* ---- speeds: a code in c_cflag, and a number ---- */

static const uint32_t speeds[] = {0,       50,      75,      110,     134,     150,     200,    300,
                                  600,     1200,    1800,    2400,    4800,    9600,    19200,  38400,
                                  57600,   115200,  230400,  460800,  500000,  576000,  921600, 1000000,
                                  1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};
#define SPEEDS_FIRST 16u /* codes below CBAUDEX */

static uint32_t speed_of(tcflag_t code, uint32_t given)
{
    if (code == BOTHER)
        return given;
    uint32_t i = code & CBAUDEX ? SPEEDS_FIRST - 1 + (code & ~(tcflag_t)CBAUDEX) : code;
    return i < sizeof(speeds) / sizeof(speeds[0]) ? speeds[i] : 0;
}

static void speeds_fill(struct ktermios *m)
{
    tcflag_t in = m->c_cflag >> INPUT_SHIFT & CBAUD;
    m->c_ospeed = speed_of(m->c_cflag & CBAUD, m->c_ospeed);
    m->c_ispeed = in ? speed_of(in, m->c_ispeed) : m->c_ospeed;
}

/* ---- setting ---- */

/* What a pseudo terminal cannot be otherwise. */
static void modes_apply(struct tty *t, struct ktermios *m)
{
    const struct ktermios old = t->modes;
    m->c_cflag = (m->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
    t->modes = *m;
    bool flow = old.c_iflag & IXON && old.c_cc[VSTOP] == 19 && old.c_cc[VSTART] == 17;
    bool flow_now = m->c_iflag & IXON && m->c_cc[VSTOP] == 19 && m->c_cc[VSTART] == 17;
    bool outside = (old.c_lflag | m->c_lflag) & EXTPROC;
    if (flow != flow_now)
        pty_status(t, flow_now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP, flow_now ? TIOCPKT_NOSTOP : TIOCPKT_DOSTOP);
    if (outside)
        pty_status(t, TIOCPKT_IOCTL, 0);
    line_modes_changed(t, &old);
}

enum when { NOW, DRAINED, FLUSHED };
enum shape { TERMIO, TERMIOS, TERMIOS2 };

static int modes_in(struct ktermios *m, enum shape shape, struct uptr from)
{
    struct termio old;
    switch (shape) {
    case TERMIOS2:
        return copy_in(m, from, sizeof(struct termios2));
    case TERMIOS:
        if (copy_in(m, from, sizeof(struct termios)))
            return -EFAULT;
        speeds_fill(m);
        return 0;
    case TERMIO:
        if (get_user(old, from))
            return -EFAULT;
        m->c_iflag = (m->c_iflag & 0xffff0000) | old.c_iflag;
        m->c_oflag = (m->c_oflag & 0xffff0000) | old.c_oflag;
        m->c_cflag = (m->c_cflag & 0xffff0000) | old.c_cflag;
        m->c_lflag = (m->c_lflag & 0xffff0000) | old.c_lflag;
        m->c_line = old.c_line;
        memcpy(m->c_cc, old.c_cc, NCC);
        speeds_fill(m);
        return 0;
    }
    return -EINVAL;
}

static int64_t modes_set(struct tty *t, enum shape shape, enum when when, struct uptr from)
{
    struct ktermios m = t->modes;
    int r = tty_check(t, SIGTTOU);
    if (r || (r = modes_in(&m, shape, from)))
        return r;
    if (shape == TERMIOS2)
        speeds_fill(&m);
    if (when == FLUSHED) {
        line_flush(t);
        pty_status(t, TIOCPKT_FLUSHREAD, 0);
    }
    if (when != NOW && (r = output_drain(t)))
        return r;
    modes_apply(t, &m);
    return 0;
}

static int64_t modes_get(const struct tty *t, enum shape shape, struct uptr to)
{
    const struct ktermios *m = &t->modes;
    struct termio old;
    if (shape != TERMIO)
        return copy_out(to, m, shape == TERMIOS2 ? sizeof(struct termios2) : sizeof(struct termios));
    memset(&old, 0, sizeof(old));
    old.c_iflag = (unsigned short)m->c_iflag, old.c_oflag = (unsigned short)m->c_oflag;
    old.c_cflag = (unsigned short)m->c_cflag, old.c_lflag = (unsigned short)m->c_lflag;
    old.c_line = m->c_line;
    memcpy(old.c_cc, m->c_cc, NCC);
    return put_user(to, old);
}

static int64_t carrier_set(struct tty *t, struct uptr from)
{
    int32_t on;
    if (get_user(on, from))
        return -EFAULT;
    t->modes.c_cflag = on ? t->modes.c_cflag | CLOCAL : t->modes.c_cflag & ~(tcflag_t)CLOCAL;
    return 0;
}

int64_t tty_modes_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    static const struct {
        uint32_t command;
        bool set;
        enum shape shape;
        enum when when;
    } rows[] = {
        {TCGETS, false, TERMIOS, NOW},       {TCSETS, true, TERMIOS, NOW},        {TCSETSW, true, TERMIOS, DRAINED},
        {TCSETSF, true, TERMIOS, FLUSHED},   {TCGETS2, false, TERMIOS2, NOW},     {TCSETS2, true, TERMIOS2, NOW},
        {TCSETSW2, true, TERMIOS2, DRAINED}, {TCSETSF2, true, TERMIOS2, FLUSHED}, {TCGETA, false, TERMIO, NOW},
        {TCSETA, true, TERMIO, NOW},         {TCSETAW, true, TERMIO, DRAINED},    {TCSETAF, true, TERMIO, FLUSHED},
    };
    struct tty *t = f->own;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].command == command)
            return rows[i].set ? modes_set(t, rows[i].shape, rows[i].when, at) : modes_get(t, rows[i].shape, at);
    if (command == TIOCSSOFTCAR)
        return carrier_set(t, at);
    uint32_t carrier = (t->modes.c_cflag & CLOCAL) != 0;
    return command == TIOCGSOFTCAR ? put_user(at, carrier) : -ENOTTY;
}
