/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's terminal as ours: its bytes come as they are typed, and the line discipline, the controlling session
 * and its signals are the kernel's. It is the first of /dev/pts, and /dev/console. What comes is taken when it comes,
 * not when somebody reads: an interrupt character has to be seen while a program computes. So a watcher of our own
 * stands on the host's queues for ever, and asks again as long as there is room.
 */
#include "linux/tty/internal.h"

#include "linux/core/boot.h"
#include "linux/core/host.h"
#include "linux/fs/fd.h"

KERNEL_STATE static struct {
    struct tty *tty;
    struct wait_link typed, room;
} console;

struct tty *console_tty(void)
{
    return console.tty;
}

/* ---- bytes out ---- */

void console_output(struct tty *t)
{
    uint8_t piece[TTY_PIECE * 2];
    uint32_t n, before = t->output.used;
    while (!t->stopped && t->master && (n = bytes_look(&t->output, piece, sizeof(piece)))) {
        int64_t r = platform.host.console_write(HOST_STDOUT, piece, n);
        if (r == -EAGAIN) {
            host_watch(HOST_EVENT_STDOUT);
            break;
        }
        bytes_drop(&t->output, r > 0 ? (uint32_t)r : n); /* nobody is there any more: what is read says so */
    }
    if (t->output.used < before)
        wait_wake(&t->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
}

/* ---- bytes in ---- */

void console_input_more(struct tty *t)
{
    if (t->master && !t->ended && bytes_room(&t->incoming))
        host_watch(HOST_EVENT_STDIN);
}

static void console_ended(struct tty *t)
{
    t->ended = true;
    t->master = false;
    tty_hangup(t);
}

static void console_take(struct tty *t)
{
    uint8_t piece[TTY_PIECE];
    int64_t n = 0;
    while (t->master && bytes_room(&t->incoming) >= sizeof(piece)) {
        n = platform.host.console_read(piece, sizeof(piece));
        if (n <= 0)
            break;
        (void)bytes_put(&t->incoming, piece, (uint32_t)n);
        line_receive(t);
    }
    if (n == -EAGAIN || n > 0)
        console_input_more(t);
    else if (n <= 0 && t->master && bytes_room(&t->incoming) >= sizeof(piece))
        console_ended(t);
}

static void on_typed(struct wait_link *l, uint32_t events)
{
    console_take(console.tty);
}

static void on_room(struct wait_link *l, uint32_t events)
{
    echo_flush(console.tty);
    console_output(console.tty);
}

/* ---- the window ---- */

int linux_window(uint32_t rows, uint32_t columns)
{
    if (!console.tty)
        return -ENOTTY;
    struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    kernel_lock();
    tty_window(console.tty, &w);
    kernel_unlock();
    return 0;
}

/* ---- at boot ---- */

static int console_make(void)
{
    struct tty *t = tty_new();
    if (!t)
        return -ENOMEM;
    t->console = true;
    t->modes.c_iflag |= IUTF8;
    t->window = (struct winsize){.ws_row = (unsigned short)boot_config->rows,
                                 .ws_col = (unsigned short)boot_config->columns};
    int r = devpts_add(NULL, t);
    if (r) {
        tty_put(t);
        return r;
    }
    console.tty = t;
    console.typed = (struct wait_link){.notify = on_typed};
    console.room = (struct wait_link){.notify = on_room};
    wait_link_add(host_queue(HOST_EVENT_STDIN), &console.typed);
    wait_link_add(host_queue(HOST_EVENT_STDOUT), &console.room);
    host_watch(HOST_EVENT_STDIN);
    return 0;
}

int tty_console_boot(void)
{
    struct file *f = NULL;
    int r = console_make();
    if (!r)
        r = devpts_open_slave(NULL, console.tty, O_RDWR | O_LARGEFILE, &f);
    for (int i = 0; i < 3 && !r; i++) {
        int fd = fd_install(file_get(f), false, 0);
        if (fd < 0)
            file_put(f), r = fd;
    }
    if (f)
        file_put(f);
    return r;
}
