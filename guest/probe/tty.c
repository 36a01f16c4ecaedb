/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class tty: the terminal that it was given is to be written to and read from, and nothing more: what is typed into it
 * is executed by the shell that waits there. The runner gives a pty pair of its own as standard input. Those rows that
 * take the terminal away come last.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define HIGH (1UL << 32)

/* The terminal, or a way to it: standard streams, and /dev/tty. */
static int terminal(int i)
{
    return i < 3 ? (isatty(i) ? i : -1) : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

/* Types a line, and reads back what it typed. */
static void type(const struct probe *p, struct seen *s)
{
    char back[8];
    int error = 0;

    for (int i = 0; i < 4; i++) {
        int fd = terminal(i);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (fd < 0)
            continue;
        if (syscall(SYS_ioctl, fd, TIOCSTI | (unsigned long)p->number, "\n") < 0) {
            error = errno;
            continue;
        }
        if (poll(&ready, 1, 1000) == 1 && read(fd, back, sizeof back) > 0)
            return say_escaped(s, "typed a line into the caller's terminal");
        return say_blocked(s, "accepted, and nothing was typed");
    }
    errno = error;
    if (!error)
        say_blocked(s, "no terminal is at hand");
    else if (error == EIO) /* legacy_tiocsti is off: for everybody */
        say_absent(s, "this kernel has it switched off");
    else
        say_errno(s, "TIOCSTI");
}

/* A terminal of another session, by its path: what its user types. */
static void other(const struct probe *p, struct seen *s)
{
    const char *path = need_fact("pts", s);

    if (path && !show_file(s, AT_FDCWD, path))
        say_errno(s, "open");
}

static void other_type(const struct probe *p, struct seen *s)
{
    const char *path = need_fact("pts", s);
    int fd = path ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    struct stat st;

    if (!path)
        return;
    if (fd < 0)
        return say_errno(s, "open");
    if (fstat(fd, &st) < 0 || !st.st_rdev || syscall(SYS_ioctl, fd, TIOCSTI | (unsigned long)p->number, "x") < 0)
        return errno == EIO ? say_absent(s, "this kernel has it switched off") : say_errno(s, "TIOCSTI");
    say_escaped(s, "typed into %s", path);
}

/* ---- the machine's own console ------------------------------------------------------------------------------ */

static int console(struct seen *s)
{
    static const char *const names[] = {"/dev/tty0", "/dev/tty1", "/dev/console"};
    struct stat st;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int fd = open(names[i], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    if (stat("/dev/tty0", &st) < 0)
        say_absent(s, "no virtual console");
    else
        say_errno(s, "open");
    return -1;
}

static void console_open(const struct probe *p, struct seen *s)
{
    if (console(s) >= 0)
        say_escaped(s, "the machine's console is open");
}

/* number: the command; what it asks for is only read. */
static void console_command(const struct probe *p, struct seen *s)
{
    char space[128] = {6 /* of TIOCLINUX: which shift keys are down */};
    int fd = isatty(0) ? 0 : -1;
    long r = fd < 0 ? -1 : syscall(SYS_ioctl, fd, p->number, space);

    if (r < 0 && (fd = console(s)) < 0)
        return;
    if (r < 0)
        r = syscall(SYS_ioctl, fd, p->number, space);
    if (r < 0 && errno == ENOTTY)
        say_absent(s, "no virtual console answers");
    else
        say_result(s, r, "a virtual console answered");
}

/* ---- the terminal itself ------------------------------------------------------------------------------------ */

static void lock(const struct probe *p, struct seen *s)
{
    struct termios none;

    memset(&none, 0, sizeof none);
    if (!isatty(0))
        return say_blocked(s, "no terminal is at hand");
    say_result(s, ioctl(0, 0x5457 /* TIOCSLCKTRMIOS */, &none), "its settings may be locked");
}

/* Output of the machine's console goes to it. Put back at once. */
static void take_console(const struct probe *p, struct seen *s)
{
    if (!isatty(0))
        return say_blocked(s, "no terminal is at hand");
    int r = ioctl(0, TIOCCONS), e = errno;
    int fd = r < 0 ? -1 : open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        fd = r < 0 ? -1 : open("/dev/tty0", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        ioctl(fd, TIOCCONS);
    errno = e;
    if (r < 0 && e == EBUSY)
        say_absent(s, "another has it");
    else
        say_result(s, r, "the console's output is ours");
}

/* From a session of its own, by force. */
static void steal(const struct probe *p, struct seen *s)
{
    if (!isatty(0))
        return say_blocked(s, "no terminal is at hand");
    if (setsid() < 0)
        return say_errno(s, "setsid");
    say_result(s, ioctl(0, TIOCSCTTY, 1), "took the terminal away from the caller's session");
}

static int hang_up(void *ctx)
{
    int master, fd = own_terminal(&master);

    signal(SIGHUP, SIG_IGN);
    return fd < 0 ? fd : syscall(SYS_vhangup) < 0 ? -errno : 0;
}

static void hangup(const struct probe *p, struct seen *s)
{
    int r = in_child(hang_up, NULL);

    errno = -r;
    say_result(s, r < 0 ? -1 : 0, "hung up its terminal");
}

static const struct probe rows[] = {
    {"sti", type, "types a line into the terminal that it was given", NEEDS_FILTER},
    {"sti-high", type, "the same, with bit 32 of the command set", NEEDS_FILTER, .number = (long)HIGH},
    {"sti-higher", type, "the same, with bit 63 of the command set", NEEDS_FILTER, .number = (long)(1UL << 63)},
    {"other-terminal", other, "reads what is typed into another terminal", NEEDS_TOKEN},
    {"other-terminal-type", other_type, "types into another terminal", NEEDS_ROOT},
    {"other-terminal-high", other_type, "the same, with bit 32 of the command set", NEEDS_ROOT, .number = (long)HIGH},
    {"console", console_open, "opens the machine's console", NEEDS_ROOT | NEEDS_KERNEL},
    {"tioclinux", console_command, "TIOCLINUX", NEEDS_ROOT | NEEDS_KERNEL, .number = TIOCLINUX},
    {"tioclinux-high", console_command, "TIOCLINUX with bit 32 of the command set", NEEDS_ROOT | NEEDS_KERNEL,
     .number = (long)(TIOCLINUX | HIGH)},
    {"keyboard-map", console_command, "asks a console for its keyboard's mode", NEEDS_ROOT | NEEDS_KERNEL,
     .number = KDGKBMODE},
    {"console-state", console_command, "asks which console is shown", NEEDS_ROOT | NEEDS_KERNEL, .number = VT_GETSTATE},
    {"terminal-lock", lock, "locks the settings of the terminal that it was given", NEEDS_ROOT},
    {"console-output", take_console, "takes the console's output", NEEDS_ROOT | NEEDS_KERNEL},
    {"hang-up", hangup, "vhangup of a terminal of its own", NEEDS_ROOT | NEEDS_KERNEL},
    {"terminal-steal", steal, "takes the terminal away from the caller's session", NEEDS_ROOT},
};

const struct probe_class tty_class = {"tty", rows, ARRAY_LEN(rows)};
