/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal of the platform's as ours: its bytes come as they are typed, and the line discipline, the controlling
 * session and its signals are the kernel's. The console is the first of /dev/pts, and /dev/console; a program that was
 * started from outside (linux_spawn) may have one of its own, over a set of platform.streams. What comes is taken when
 * it comes, not when somebody reads: an interrupt character has to be seen while a program computes. So a watcher of
 * our own stands on the host's queues as long as the terminal lives, and asks again while there is room.
 */
#include "linux/tty/internal.h"

#include "linux/core/boot.h"
#include "linux/core/host.h"
#include "linux/fs/fd.h"

#define PIECES 16 /* taken at once: others shall run even while more and more is typed */

KERNEL_STATE static struct {
    struct tty *tty;    /* the console; NULL */
    struct list others; /* struct tty.of_platform: over sets */
} console;

struct tty *console_tty(void)
{
    return console.tty;
}

/* ---- the platform's side: set 0 is the console ---- */

static int64_t side_read(const struct tty *t, void *to, size_t n)
{
    return t->set ? platform.streams->read(t->set, to, n) : platform.host.console_read(to, n);
}

static int64_t side_write(const struct tty *t, const void *from, size_t n)
{
    return t->set ? platform.streams->write(t->set, HOST_STDOUT, from, n)
                  : platform.host.console_write(HOST_STDOUT, from, n);
}

static void side_watch(const struct tty *t, enum host_stream s)
{
    if (t->set)
        platform.streams->watch(t->set, s);
    host_watch(t->set ? HOST_EVENT_STREAMS : 1u << s);
}

/* Nobody has it open, and what was written is out. */
static void side_close(struct tty *t)
{
    t->closing = false;
    list_remove(&t->of_platform);
    wait_link_remove(&t->typed);
    for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++)
        platform.streams->close(t->set, s);
    tty_put(t);
}

/* ---- bytes out ---- */

void console_output(struct tty *t)
{
    uint8_t piece[TTY_PIECE * 2];
    uint32_t n, before = t->output.used;
    while (!t->stopped && (n = bytes_look(&t->output, piece, sizeof(piece)))) {
        int64_t r = t->master ? side_write(t, piece, n) : -EPIPE;
        if (r == -EAGAIN) {
            side_watch(t, HOST_STDOUT);
            break;
        }
        bytes_drop(&t->output, r > 0 ? (uint32_t)r : n); /* where nobody is any more, it is lost */
    }
    if (t->output.used < before)
        wait_wake(&t->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
}

/* False: it is closed, and may be gone. */
static bool output_goes_on(struct tty *t)
{
    echo_flush(t);
    console_output(t);
    if (!t->closing || t->output.used)
        return true;
    side_close(t);
    return false;
}

static void on_taken(struct wait_link *l, uint32_t events)
{
    (void)events;
    (void)output_goes_on(list_entry(l, struct tty, taken));
}

/* ---- bytes in ---- */

void console_input_more(struct tty *t)
{
    if (t->master && !t->closing && bytes_room(&t->incoming) >= TTY_PIECE)
        side_watch(t, HOST_STDIN);
}

static void on_typed(struct wait_link *l, uint32_t events)
{
    struct tty *t = list_entry(l, struct tty, typed);
    uint8_t piece[TTY_PIECE];
    (void)events;
    if (t->set && !output_goes_on(t))
        return;
    for (int i = 0; i < PIECES && t->master && !t->closing && bytes_room(&t->incoming) >= sizeof(piece); i++) {
        int64_t n = side_read(t, piece, sizeof(piece));
        if (n == -EAGAIN) {
            side_watch(t, HOST_STDIN);
            return;
        }
        if (n <= 0) {
            t->master = false;
            tty_hangup(t);
            console_left(t);
            return;
        }
        (void)bytes_put(&t->incoming, piece, (uint32_t)n);
        line_receive(t);
    }
    console_input_more(t);
}

/* ---- the window ---- */

static struct tty *terminal_of(uint32_t set)
{
    if (!set)
        return console.tty;
    if (console.others.next)
        list_each (t, &console.others, struct tty, of_platform)
            if (t->set == set)
                return t;
    return NULL;
}

int linux_window_of(uint32_t set, uint32_t rows, uint32_t columns)
{
    struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    kernel_lock();
    struct tty *t = terminal_of(set);
    if (t)
        tty_window(t, &w);
    kernel_unlock();
    return t ? 0 : -ENOTTY;
}

int linux_window(uint32_t rows, uint32_t columns)
{
    return linux_window_of(0, rows, columns);
}

/* ---- at its start and end ---- */

static struct tty *terminal_new(uint32_t set, uint32_t rows, uint32_t columns, int *error)
{
    struct tty *t = tty_new();
    *error = -ENOMEM;
    if (!t)
        return NULL;
    t->console = true;
    t->set = set;
    t->modes.c_iflag |= IUTF8;
    t->window = (struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if ((*error = devpts_add(NULL, t))) {
        tty_put(t);
        return NULL;
    }
    t->typed = (struct wait_link){.notify = on_typed};
    t->taken = (struct wait_link){.notify = on_taken};
    wait_link_add(host_queue(set ? HOST_EVENT_STREAMS : HOST_EVENT_STDIN), &t->typed);
    if (!set)
        wait_link_add(host_queue(HOST_EVENT_STDOUT), &t->taken);
    return t;
}

static int descriptors_open(struct tty *t)
{
    struct file *f;
    int r = devpts_open_slave(NULL, t, O_RDWR | O_LARGEFILE, &f);
    if (r)
        return r;
    for (int i = 0; i < 3 && !r; i++) {
        int fd = fd_install(file_get(f), false, 0);
        if (fd < 0)
            file_put(f), r = fd;
    }
    file_put(f);
    return r;
}

int tty_console_boot(void)
{
    int r;
    list_init(&console.others);
    console.tty = terminal_new(0, boot_config->rows, boot_config->columns, &r);
    if (!console.tty)
        return r;
    side_watch(console.tty, HOST_STDIN);
    return descriptors_open(console.tty);
}

int tty_streams_open(uint32_t set, uint32_t rows, uint32_t columns)
{
    int r;
    if (!console.others.next)
        list_init(&console.others);
    struct tty *t = terminal_new(set, rows, columns, &r);
    if (!t) {
        for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++)
            platform.streams->close(set, s);
        return r;
    }
    list_append(&console.others, &t->of_platform);
    side_watch(t, HOST_STDIN);
    r = descriptors_open(t);
    if (r && !t->slaves)
        console_left(t);
    return r;
}

void console_left(struct tty *t)
{
    if (!t->set || list_empty(&t->of_platform) || t->closing)
        return;
    devpts_remove(t);
    t->stopped = t->held = false;
    echo_flush(t);
    console_output(t);
    t->closing = true;
    if (!t->output.used)
        side_close(t);
}
