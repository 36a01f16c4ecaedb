/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline's output: what programs write and what is echoed, under OPOST, on its way to the other side. The
 * column is kept for tabs and for erasing them. Echoes that find no room wait in a queue of their own, and go before
 * what programs write later. What goes out does not depend on the program's memory: it is copied in pieces first.
 */
#include "linux/tty/internal.h"

#define IS_CONTROL(c) ((c) < 32 || (c) == 127)

uint32_t output_room(const struct tty *t)
{
    return t->stopped ? 0 : bytes_room(&t->output);
}

/* ---- one byte ---- */

struct processed {
    uint8_t bytes[8];
    uint32_t n, column, line_column;
};

static void processed_newline(const struct tty *t, struct processed *p)
{
    if (t->modes.c_oflag & ONLRET)
        p->column = 0;
    if (t->modes.c_oflag & ONLCR) {
        p->bytes[0] = '\r', p->bytes[1] = '\n', p->n = 2;
        p->column = 0;
    }
    p->line_column = p->column;
}

static void processed_return(const struct tty *t, struct processed *p)
{
    if (t->modes.c_oflag & ONOCR && !t->column) {
        p->n = 0;
        return;
    }
    if (t->modes.c_oflag & OCRNL) {
        p->bytes[0] = '\n';
        if (!(t->modes.c_oflag & ONLRET))
            return;
    }
    p->column = p->line_column = 0;
}

static void processed_tab(const struct tty *t, struct processed *p)
{
    uint32_t spaces = 8 - (t->column & 7);
    p->column += spaces;
    if ((t->modes.c_oflag & TABDLY) != XTABS)
        return;
    for (p->n = 0; p->n < spaces; p->n++)
        p->bytes[p->n] = ' ';
}

/* What `c` becomes, and where the cursor stands then. */
static struct processed process(const struct tty *t, uint8_t c)
{
    struct processed p = {.bytes = {c}, .n = 1, .column = t->column, .line_column = t->line_column};
    if (!(t->modes.c_oflag & OPOST))
        return p;
    switch (c) {
    case '\n':
        processed_newline(t, &p);
        break;
    case '\r':
        processed_return(t, &p);
        break;
    case '\t':
        processed_tab(t, &p);
        break;
    case '\b':
        p.column -= p.column > 0;
        break;
    default:
        if (IS_CONTROL(c))
            break;
        if (t->modes.c_oflag & OLCUC && c >= 'a' && c <= 'z')
            p.bytes[0] = (uint8_t)(c - 'a' + 'A');
        p.column += !(t->modes.c_iflag & IUTF8 && (c & 0xc0) == 0x80);
    }
    return p;
}

static bool processed_put(struct tty *t, const struct processed *p, struct tty_bytes *to)
{
    if (bytes_room(to) < p->n)
        return false;
    (void)bytes_put(to, p->bytes, p->n);
    t->column = p->column, t->line_column = p->line_column;
    return true;
}

/* ---- echoes ---- */

void echo_byte(struct tty *t, uint8_t c)
{
    struct processed p = process(t, c);
    (void)processed_put(t, &p, &t->echo);
}

void echo_shown(struct tty *t, uint8_t c)
{
    if (tty_flag(t, ECHOCTL) && IS_CONTROL(c) && c != '\t') {
        echo_byte(t, '^');
        echo_byte(t, c ^ 0100);
    } else {
        echo_byte(t, c);
    }
}

void echo_line_begins(struct tty *t)
{
    t->line_column = t->column;
}

/* So many columns stand between the tab and what comes before it: another tab, or the begin of the line. */
void echo_tab_erased(struct tty *t, uint32_t columns, bool after_tab)
{
    columns = (columns & 7) + (after_tab ? 0 : t->line_column);
    for (uint32_t n = 8 - (columns & 7); n; n--) {
        const uint8_t back = '\b';
        (void)bytes_put(&t->echo, &back, 1);
        t->column -= t->column > 0;
    }
}

void echo_flush(struct tty *t)
{
    uint8_t piece[TTY_PIECE];
    uint32_t n;
    if (!t->echo.used)
        return;
    while (!t->stopped && (n = bytes_look(&t->echo, piece, sizeof(piece)))) {
        n = bytes_put(&t->output, piece, n);
        if (!n)
            break;
        bytes_drop(&t->echo, n);
    }
    tty_output_ready(t);
}

int output_raw(struct tty *t, uint8_t c)
{
    (void)bytes_put(&t->output, &c, 1);
    tty_output_ready(t);
    return 0;
}

/* ---- flow ---- */

void output_stop(struct tty *t)
{
    if (t->stopped)
        return;
    t->stopped = true;
    pty_status(t, TIOCPKT_STOP, TIOCPKT_START);
}

void output_start(struct tty *t)
{
    if (!t->stopped || t->held)
        return;
    t->stopped = false;
    pty_status(t, TIOCPKT_START, TIOCPKT_STOP);
    echo_flush(t);
    wait_wake(&t->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
}

/* A pseudo terminal's master has, as far as anybody can see, what lies in its own line buffer. */
void output_flush(struct tty *t)
{
    uint32_t kept = t->console ? 0 : TTY_LINE - 1;
    if (t->output.used > kept)
        t->output.used = kept;
    pty_status(t, TIOCPKT_FLUSHWRITE, 0);
    wait_wake(&t->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
}

int output_drain(struct tty *t)
{
    int r = 0;
    while (t->console && t->output.used && t->master && !r)
        r = tty_wait(&t->changed, NEVER);
    return r;
}

/* ---- write(2) ---- */

/* Until there is room for n bytes behind all echoes. */
static int wait_room(struct file *f, uint32_t n)
{
    struct tty *t = f->own;
    for (;;) {
        if (tty_is_dead(f) || !t->master)
            return -EIO;
        echo_flush(t);
        if (!t->echo.used && output_room(t) >= n)
            return 0;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        int r = tty_wait(&t->changed, NEVER);
        if (r)
            return r;
    }
}

/* Characters that stay as they are and move the cursor by one: most of what is written. */
static uint32_t plain_put(struct tty *t, const uint8_t *piece, uint32_t n)
{
    const uint8_t most = t->modes.c_iflag & IUTF8 ? 127 : 255;
    uint32_t plain = 0;
    if (t->echo.used || t->stopped || (t->modes.c_oflag & (OPOST | OLCUC)) != OPOST)
        return 0;
    while (plain < n && piece[plain] >= 32 && piece[plain] <= most && piece[plain] != 127)
        plain++;
    plain = bytes_put(&t->output, piece, plain);
    t->column += plain;
    return plain;
}

/* How much of the piece went out; *error when it was not all. */
static uint32_t write_piece(struct file *f, const uint8_t *piece, uint32_t n, int *error)
{
    struct tty *t = f->own;
    uint32_t done = 0;
    *error = 0;
    while (done < n) {
        if (!tty_is_dead(f))
            done += plain_put(t, piece + done, n - done);
        if (done == n)
            break;
        struct processed p = process(t, piece[done]);
        if (t->echo.used || output_room(t) < p.n || tty_is_dead(f)) {
            tty_output_ready(t);
            if ((*error = wait_room(f, p.n)))
                break;
            continue; /* the modes may be others now */
        }
        (void)processed_put(t, &p, &t->output);
        done++;
    }
    if (done)
        tty_output_ready(t);
    return done;
}

int64_t tty_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct tty *t = f->own;
    uint8_t piece[TTY_PIECE];
    int64_t done = 0;
    int r = tty_is_dead(f) || !t->master ? -EIO : tty_flag(t, TOSTOP) ? tty_check(t, SIGTTOU) : 0;
    while (!r && u->left) {
        int64_t n = uio_get(u, piece, u->left < sizeof(piece) ? u->left : sizeof(piece));
        if (n <= 0)
            return done ? done : n;
        done += write_piece(f, piece, (uint32_t)n, &r);
    }
    /* Who writes to the console last may be the last to write: nothing of it shall be lost when all ends. */
    if (!r && !(f->flags & O_NONBLOCK))
        (void)output_drain(t);
    return done ? done : r;
}
