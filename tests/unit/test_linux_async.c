/* SPDX-License-Identifier: Apache-2.0 */
/* O_ASYNC of src/linux: signals for the owner of an open file that becomes ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/time_types.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static uint64_t both = 1ull << (SIGIO - 1) | 1ull << (SIGUSR1 - 1);

/* The signal that waits, or -EAGAIN. */
static int64_t taken(siginfo_t *info)
{
    struct __kernel_timespec now = {0, 0};
    uint64_t set = both;
    return sys(__NR_rt_sigtimedwait, &set, info, &now, 8);
}

static void pipe_of(int fds[2])
{
    uint64_t set = both;
    assert_int_equal(sys(__NR_rt_sigprocmask, 0, &set, NULL, 8), 0);
    assert_int_equal(sys(__NR_pipe2, fds, 0), 0);
}

static void put(int fd)
{
    assert_int_equal(sys(__NR_write, fd, user_string("x"), 1), 1);
}

static void guest_signals(void)
{
    siginfo_t info;
    char got;
    int fds[2];
    pipe_of(fds);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETOWN, sys(__NR_getpid)), 0);
    put(fds[1]);
    assert_int_equal(taken(&info), -EAGAIN); /* not asked for yet */
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETFL, FASYNC), 0);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_GETFL) & FASYNC, FASYNC);
    put(fds[1]);
    assert_int_equal(taken(&info), SIGIO);
    assert_int_equal(sys(__NR_read, fds[0], &got, 1), 1); /* that there is room now is not its business */
    assert_int_equal(taken(&info), -EAGAIN);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETSIG, SIGUSR1), 0);
    put(fds[1]);
    assert_int_equal(taken(&info), SIGUSR1);
    assert_int_equal(info.si_code, POLL_IN);
    assert_int_equal(info.si_fd, fds[0]);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETFL, 0), 0);
    put(fds[1]);
    assert_int_equal(taken(&info), -EAGAIN);
    const int on = 1;
    assert_int_equal(sys(__NR_ioctl, fds[0], FIOASYNC, &on), 0);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETOWN, -sys(__NR_getpgrp)), 0);
    assert_int_equal(sys(__NR_close, fds[1]), 0);
    assert_int_equal(taken(&info), SIGUSR1);
    assert_int_equal(info.si_code, POLL_HUP);
    assert_int_equal(sys(__NR_close, fds[0]), 0);
}

static void test_owner_is_signalled_when_a_file_becomes_ready(void **state)
{
    RUN(guest_signals);
}

static void guest_rights(void)
{
    siginfo_t info;
    int fds[2];
    pipe_of(fds);
    assert_int_equal(sys(__NR_setresuid, 0, 1000, 0), 0); /* who names an owner does it with these rights */
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETOWN, sys(__NR_getpid)), 0);
    assert_int_equal(sys(__NR_setresuid, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETFL, FASYNC), 0);
    assert_int_equal(sys(__NR_setresuid, 2000, 2000, 2000), 0);
    put(fds[1]);
    assert_int_equal(taken(&info), -EAGAIN);
}

static void test_owner_is_signalled_by_the_rights_of_who_named_it(void **state)
{
    RUN(guest_rights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner_is_signalled_when_a_file_becomes_ready),
        cmocka_unit_test(test_owner_is_signalled_by_the_rights_of_who_named_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
