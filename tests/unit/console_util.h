/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the console share: pseudo-terminals, and children started as the launcher starts them. */
#ifndef MOAT_TESTS_CONSOLE_UTIL_H
#define MOAT_TESTS_CONSOLE_UTIL_H

#include "sandbox/console.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct pty {
    int master, slave;
};

static struct pty pty_open(void)
{
    struct pty p;
    char name[64];

    p.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(p.master >= 0);
    assert_int_equal(grantpt(p.master), 0);
    assert_int_equal(unlockpt(p.master), 0);
    assert_int_equal(ptsname_r(p.master, name, sizeof(name)), 0);
    p.slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(p.slave >= 0);
    return p;
}

static void slave_raw(int fd)
{
    struct termios t;

    tcgetattr(fd, &t);
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

static void sleep_ms(int n)
{
    struct timespec ts = {.tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000L};

    while (nanosleep(&ts, &ts) < 0)
        ;
}

/* Forks with the signals blocked as the launcher does; the child runs fn(arg) and exits with what it returns. With a
 * pty it is its own session with the slave as terminal and as descriptors 0 to 2. */
static pid_t child_start(struct pty *pty, int (*fn)(void *), void *arg, sigset_t *old)
{
    pid_t pid;

    assert_int_equal(console_block_signals(old), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    alarm(60);
    sigprocmask(SIG_SETMASK, old, NULL);
    if (pty) {
        setsid();
        ioctl(pty->slave, TIOCSCTTY, 0);
        for (int i = 0; i < 3; i++)
            dup2(pty->slave, i);
        close(pty->slave);
        close(pty->master);
    }
    _exit(fn(arg));
}

static volatile sig_atomic_t got_signal;

static void note_signal(int signo)
{
    got_signal = signo;
}

#endif
