/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read(2) of a terminal: one line, or by VMIN and VTIME. Bytes are taken out of the line in pieces before they are
 * given to the program, whose memory may be anywhere.
 */
#include "linux/tty/internal.h"

#define MASK  (TTY_LINE - 1)
#define TENTH 100000000ull /* ns: VTIME's unit */

static bool is_end(const struct tty *t, uint32_t place)
{
    return t->line.ends[(place & MASK) >> 3] >> (place & 7) & 1;
}

/* The end of file: an end without a character. */
static bool is_end_of_file(const struct tty *t, uint32_t place)
{
    return is_end(t, place) && !t->line.bytes[place & MASK] && !t->line.pushed;
}

bool line_readable(const struct tty *t, bool poll)
{
    const cc_t *c = t->modes.c_cc;
    if (tty_is_canonical(t))
        return t->line.whole != t->line.tail;
    uint32_t least = poll && !c[VTIME] && c[VMIN] ? c[VMIN] : 1;
    return t->line.head - t->line.tail >= least;
}

uint32_t line_count(const struct tty *t)
{
    if (!tty_is_canonical(t))
        return t->line.head - t->line.tail;
    uint32_t n = t->line.whole - t->line.tail;
    for (uint32_t at = t->line.tail; at != t->line.whole; at++)
        n -= is_end_of_file(t, at);
    return n;
}

/* ---- taking bytes out ---- */

/* Up to `most` bytes of the first line. *ended: its end was among them, or an end of file that is none of them. */
static uint32_t take_line(struct tty *t, uint8_t *to, uint32_t most, bool *ended)
{
    uint32_t n = 0;
    while (!*ended && t->line.tail != t->line.whole) {
        uint32_t at = t->line.tail;
        bool file_ends = is_end_of_file(t, at);
        if (n == most && !file_ends)
            break;
        *ended = is_end(t, at);
        t->line.tail++;
        if (!file_ends)
            to[n++] = t->line.bytes[at & MASK];
    }
    if (*ended)
        t->line.pushed = false;
    return n;
}

static uint32_t take_raw(struct tty *t, uint8_t *to, uint32_t most)
{
    uint32_t n = 0;
    while (n < most && t->line.tail != t->line.head)
        to[n++] = t->line.bytes[t->line.tail++ & MASK];
    if (!tty_flag(t, ICANON))
        t->line.whole = t->line.tail;
    return n;
}

/* What is there, as far as one call takes it. */
static int64_t take(struct tty *t, struct uio *u)
{
    uint8_t piece[TTY_PIECE];
    int64_t done = 0;
    bool canonical = tty_is_canonical(t), ended = false;
    while (u->left && !ended) {
        uint32_t most = u->left < sizeof(piece) ? (uint32_t)u->left : sizeof(piece);
        uint32_t n = canonical ? take_line(t, piece, most, &ended) : take_raw(t, piece, most);
        if (!n)
            break;
        int64_t put = uio_put(u, piece, n);
        if (put < (int64_t)n)
            return done ? done : put < 0 ? put : put;
        done += put;
    }
    return done;
}

/* ---- waiting for them ---- */

struct patience {
    uint32_t least;        /* bytes with which the call is content */
    uint64_t first, later; /* ns until the first byte, and between two; NEVER */
};

static struct patience patience_of(const struct tty *t)
{
    uint64_t tenths = t->modes.c_cc[VTIME] * TENTH;
    uint32_t least = t->modes.c_cc[VMIN];
    if (tty_flag(t, ICANON))
        return (struct patience){1, NEVER, NEVER};
    if (!least)
        return (struct patience){1, tenths, NEVER};
    return (struct patience){least, NEVER, tenths ? tenths : NEVER};
}

static uint64_t deadline_in(uint64_t ns)
{
    return ns == NEVER ? NEVER : clock_now() + ns;
}

/* 0: look again; 1: no more is to come; -errno. */
static int read_wait(struct file *f, uint64_t deadline)
{
    struct tty *t = f->own;
    if (!t->master && !t->console) /* it went while this read waited; later ones find the end */
        return -EIO;
    if (tty_is_dead(f) || deadline <= clock_now())
        return 1;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    int r = tty_wait(&t->changed, deadline);
    return r == -ETIMEDOUT ? 0 : r;
}

int64_t tty_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct tty *t = f->own;
    if (tty_is_dead(f))
        return 0;
    int64_t done = 0;
    int r = tty_check(t, SIGTTIN);
    struct patience wait = patience_of(t);
    uint64_t deadline = deadline_in(wait.first);
    while (!r && u->left) {
        if (!line_readable(t, false)) {
            r = read_wait(f, deadline);
            continue;
        }
        bool canonical = tty_is_canonical(t);
        int64_t n = take(t, u);
        line_receive(t);
        if (n < 0)
            return done ? done : n;
        done += n;
        if (canonical || done >= wait.least)
            break;
        if (wait.later != NEVER)
            deadline = deadline_in(wait.later);
    }
    return done || r == 1 ? done : r;
}
