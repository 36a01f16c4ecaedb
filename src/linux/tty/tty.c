/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a terminal, and of the files of its slave side: tty_ioctl(4), termios(3). A file that was open when the
 * terminal was hung up is dead: it reads as ended, and all else is -EIO.
 */
#include "linux/tty/internal.h"

#include <linux/capability.h>
#include <string.h>

/* clang-format off */
HEAP_TYPE(tty,
          FIELD(tty, refs, FIELD_PLAIN), FIELD(tty, number, FIELD_PLAIN), FIELD(tty, of_home, FIELD_LIST),
          FIELD(tty, name, FIELD_REF), FIELD(tty, modes, FIELD_PLAIN), FIELD(tty, window, FIELD_PLAIN),
          FIELD(tty, session, FIELD_PLAIN), FIELD(tty, group, FIELD_PLAIN), FIELD(tty, slaves, FIELD_PLAIN),
          FIELD(tty, hangups, FIELD_PLAIN), FIELD(tty, column, FIELD_PLAIN), FIELD(tty, line_column, FIELD_PLAIN),
          FIELD(tty, packet_status, FIELD_PLAIN), FIELD(tty, master, FIELD_PLAIN), FIELD(tty, console, FIELD_PLAIN),
          FIELD(tty, locked, FIELD_PLAIN), FIELD(tty, exclusive, FIELD_PLAIN), FIELD(tty, packet, FIELD_PLAIN),
          FIELD(tty, left, FIELD_PLAIN), FIELD(tty, stopped, FIELD_PLAIN), FIELD(tty, held, FIELD_PLAIN),
          FIELD(tty, closing, FIELD_PLAIN), FIELD(tty, set, FIELD_PLAIN), FIELD(tty, of_platform, FIELD_LIST),
          FIELD(tty, typed, FIELD_NONE), FIELD(tty, taken, FIELD_NONE),
          FIELD(tty, line.bytes, FIELD_BYTES), FIELD(tty, line.ends, FIELD_BYTES), FIELD(tty, line.head, FIELD_PLAIN),
          FIELD(tty, line.tail, FIELD_PLAIN), FIELD(tty, line.whole, FIELD_PLAIN),
          FIELD(tty, line.literal, FIELD_PLAIN), FIELD(tty, line.erasing, FIELD_PLAIN),
          FIELD(tty, line.pushed, FIELD_PLAIN),
          FIELD(tty, incoming.bytes, FIELD_BYTES), FIELD(tty, incoming.size, FIELD_PLAIN),
          FIELD(tty, incoming.at, FIELD_PLAIN), FIELD(tty, incoming.used, FIELD_PLAIN),
          FIELD(tty, output.bytes, FIELD_BYTES), FIELD(tty, output.size, FIELD_PLAIN),
          FIELD(tty, output.at, FIELD_PLAIN), FIELD(tty, output.used, FIELD_PLAIN),
          FIELD(tty, echo.bytes, FIELD_BYTES), FIELD(tty, echo.size, FIELD_PLAIN),
          FIELD(tty, echo.at, FIELD_PLAIN), FIELD(tty, echo.used, FIELD_PLAIN),
          FIELD(tty, changed, FIELD_NONE), FIELD(tty, master_changed, FIELD_NONE));
/* clang-format on */

/* What a terminal begins with, as Linux's do. */
void tty_modes_default(struct ktermios *m)
{
    static const cc_t characters[NCCS] = {
        [VINTR] = 3,  [VQUIT] = 28, [VERASE] = 127,  [VKILL] = 21,    [VEOF] = 4,     [VMIN] = 1,   [VSTART] = 17,
        [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22};
    *m = (struct ktermios){.c_iflag = ICRNL | IXON,
                           .c_oflag = OPOST | ONLCR,
                           .c_cflag = B38400 | CS8 | CREAD,
                           .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
                           .c_ispeed = 38400,
                           .c_ospeed = 38400};
    memcpy(m->c_cc, characters, sizeof(characters));
}

static void tty_free(struct tty *t)
{
    bytes_free(&t->incoming);
    bytes_free(&t->output);
    bytes_free(&t->echo);
    if (t->line.bytes)
        heap_release(t->line.bytes, TTY_LINE);
    if (t->line.ends)
        heap_release(t->line.ends, TTY_LINE / 8);
    heap_free(&tty_type, t);
}

struct tty *tty_new(void)
{
    struct tty *t = heap_new(&tty_type);
    if (!t)
        return NULL;
    t->refs = 1;
    t->master = true;
    list_init(&t->of_home);
    list_init(&t->of_platform);
    wait_queue_init(&t->changed);
    wait_queue_init(&t->master_changed);
    tty_modes_default(&t->modes);
    t->line.bytes = heap_alloc(TTY_LINE);
    t->line.ends = heap_alloc(TTY_LINE / 8);
    if (t->line.bytes && t->line.ends && !bytes_make(&t->incoming, TTY_INCOMING) &&
        !bytes_make(&t->output, TTY_OUTPUT) && !bytes_make(&t->echo, TTY_ECHO))
        return t;
    tty_free(t);
    return NULL;
}

void tty_get(struct tty *t)
{
    t->refs++;
}

void tty_put(struct tty *t)
{
    if (--t->refs)
        return;
    tty_session_clear(t);
    tty_free(t);
}

uint64_t tty_device(const struct tty *t)
{
    uint64_t n = t->number;
    return (n & 0xff) | PTS_MAJOR << 8 | (n & ~0xffull) << 12;
}

int32_t tty_foreground(const struct tty *t)
{
    return t->group;
}

int tty_wait(struct wait_queue *q, uint64_t deadline)
{
    struct waiter w;
    wait_begin(&w);
    wait_on(&w, q);
    int r = task_block(deadline);
    wait_end(&w);
    return r;
}

/* ---- open files of the slave: own is the terminal, own_n[0] how often it had been hung up ---- */

bool tty_is_dead(const struct file *f)
{
    const struct tty *t = f->own;
    return (uint32_t)f->own_n[0] != t->hangups;
}

struct tty *tty_of(const struct file *f)
{
    return f->ops == &tty_ops || file_is_master(f) ? f->own : NULL;
}

int tty_open(struct tty *t, struct file *f, bool may_control)
{
    if (!t->master || (t->locked && !t->console))
        return -EIO;
    if (t->exclusive && t->slaves && !capable(current, CAP_SYS_ADMIN))
        return -EBUSY;
    tty_get(t);
    t->slaves++;
    t->left = false;
    f->ops = &tty_ops, f->own = t, f->own_n[0] = t->hangups;
    const struct process *p = current->process;
    if (may_control && p->sid == p->pid && !p->tty && !t->session && (f->flags & O_ACCMODE) != O_WRONLY)
        tty_take(t);
    return 0;
}

static void tty_release(struct file *f)
{
    struct tty *t = f->own;
    if (!tty_is_dead(f) && !--t->slaves) {
        t->exclusive = false;
        t->left = !t->console;
        wait_wake_all(&t->master_changed);
        if (t->console && !t->session)
            console_left(t);
    }
    tty_put(t);
}

void tty_hangup(struct tty *t)
{
    int32_t session = t->session, group = t->group;
    t->hangups++;
    t->slaves = 0;
    t->exclusive = false;
    tty_session_clear(t);
    list_each (p, &process_all, struct process, all) {
        if (!session || p->sid != session || p->pid != session || p->zombie)
            continue;
        p->tty_lost_group = group;
        signal_process_number(p, SIGHUP);
        signal_process_number(p, SIGCONT);
    }
    line_flush(t);
    t->echo.used = t->incoming.used = 0;
    t->stopped = t->held = false;
    tty_modes_default(&t->modes);
    if (!t->console)
        t->left = true;
    wait_wake_all(&t->changed);
    wait_wake_all(&t->master_changed);
}

static uint32_t tty_poll(struct file *f)
{
    const struct tty *t = f->own;
    if (tty_is_dead(f))
        return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
    uint32_t events = line_readable(t, true) ? EPOLLIN | EPOLLRDNORM : 0;
    if (!t->master)
        events |= EPOLLHUP;
    return output_room(t) ? events | EPOLLOUT | EPOLLWRNORM : events;
}

static struct wait_queue *tty_poll_queue(struct file *f)
{
    return &((struct tty *)f->own)->changed;
}

const struct file_ops tty_ops = {
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .poll_queue = tty_poll_queue,
    .ioctl = tty_ioctl,
    .release = tty_release,
};
