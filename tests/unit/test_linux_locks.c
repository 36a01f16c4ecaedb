/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of files that are waited for: of records, of open files, of descriptors that are closed meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <string.h>

#define U(text) user_string(text)

static int64_t file_with(const char *path, const char *text)
{
    int64_t fd = sys(__NR_open, U(path), O_CREAT | O_RDWR | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, U(text), strlen(text)), strlen(text));
    return fd;
}

static struct lock_test {
    uint32_t ended;
    int64_t fd[2], result;
    int order, got;
} * locks;

static int64_t lock(int64_t fd, int command, int type, int64_t start, int64_t n)
{
    struct flock fl = {.l_type = (short)type, .l_start = start, .l_len = n};
    return sys(__NR_fcntl, fd, command, &fl);
}

static void thread_waits(void *of)
{
    locks->result = lock(locks->fd[1], F_OFD_SETLKW, F_WRLCK, 5, 1);
    locks->got = ++locks->order;
}

static void guest_waits_for_lock(void)
{
    locks = user_alloc(sizeof(*locks));
    locks->fd[0] = file_with("/tmp/f", "0123456789");
    locks->fd[1] = sys(__NR_open, U("/tmp/f"), O_RDWR, 0);
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLKW, F_WRLCK, 0, 0), 0);
    assert_true(guest_thread(thread_waits, NULL, &locks->ended) > 0);
    for (int i = 0; i < 5; i++)
        sys(__NR_sched_yield);
    assert_int_equal(locks->got, 0);
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_UNLCK, 0, 5), 0); /* not yet the byte that is wanted */
    sys(__NR_sched_yield);
    assert_int_equal(locks->got, 0);
    locks->order = 10;
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_UNLCK, 5, 1), 0);
    guest_join(&locks->ended);
    assert_int_equal(locks->got, 11);
    assert_int_equal(locks->result, 0);
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_WRLCK, 5, 1), -EAGAIN);
    assert_int_equal(sys(__NR_close, locks->fd[1]), 0); /* the end of an open file is the end of its locks */
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_WRLCK, 5, 1), 0);
}

static void test_lock_is_waited_for(void **state)
{
    assert_int_equal(harness_run(NULL, guest_waits_for_lock), 0);
}

static void thread_flocks(void *of)
{
    locks->result = sys(__NR_flock, locks->fd[1], 1);
    locks->got = ++locks->order;
}

static void guest_waits_for_flock(void)
{
    locks = user_alloc(sizeof(*locks));
    locks->fd[0] = file_with("/tmp/f", "x");
    locks->fd[1] = sys(__NR_open, U("/tmp/f"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_flock, locks->fd[0], 2), 0);
    assert_true(guest_thread(thread_flocks, NULL, &locks->ended) > 0);
    for (int i = 0; i < 5; i++)
        sys(__NR_sched_yield);
    assert_int_equal(locks->got, 0);
    assert_int_equal(sys(__NR_flock, locks->fd[0], 1), 0); /* both may read */
    guest_join(&locks->ended);
    assert_int_equal(locks->result, 0);
}

static void test_flock_is_waited_for(void **state)
{
    assert_int_equal(harness_run(NULL, guest_waits_for_flock), 0);
}

/* Two processes over one memory: CLONE_VM without CLONE_FILES gives each a table of its own. */
static void process_locks(void *of)
{
    assert_int_equal(lock(locks->fd[0], F_SETLK, F_WRLCK, 1, 1), 0);
    locks->got = 1;
    locks->result = lock(locks->fd[0], F_SETLKW, F_WRLCK, 0, 1);
}

static void guest_deadlock(void)
{
    locks = user_alloc(sizeof(*locks));
    locks->fd[0] = file_with("/tmp/f", "0123456789");
    assert_int_equal(lock(locks->fd[0], F_SETLK, F_WRLCK, 0, 1), 0);
    const uint64_t flags = 0x100 | 0x200000; /* CLONE_VM, CLONE_CHILD_CLEARTID */
    assert_true(guest_clone(flags, process_locks, NULL, NULL, &locks->ended) > 0);
    while (!locks->got)
        sys(__NR_sched_yield);
    sys(__NR_sched_yield);
    assert_int_equal(lock(locks->fd[0], F_SETLKW, F_WRLCK, 1, 1), -EDEADLK);
    struct flock fl = {.l_type = F_WRLCK, .l_len = 5};
    assert_int_equal(sys(__NR_fcntl, locks->fd[0], F_GETLK, &fl), 0);
    assert_int_equal(fl.l_type, F_WRLCK);
    assert_int_equal(fl.l_start, 1);
    assert_true(fl.l_pid > 1);
    assert_int_equal(lock(locks->fd[0], F_SETLK, F_UNLCK, 0, 0), 0);
    while (lock(locks->fd[0], F_SETLK, F_WRLCK, 0, 2) == -EAGAIN) /* its end gives both back */
        sys(__NR_sched_yield);
    assert_int_equal(locks->result, 0);
}

static void test_deadlock_of_record_locks_is_found(void **state)
{
    assert_int_equal(harness_run(NULL, guest_deadlock), 0);
}

static void thread_closes(void *of)
{
    sys(__NR_sched_yield);
    assert_int_equal(sys(__NR_close, locks->fd[1]), 0);
    locks->got = 1;
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_UNLCK, 0, 0), 0);
}

static void guest_closes_while_waiting(void)
{
    locks = user_alloc(sizeof(*locks));
    locks->fd[0] = file_with("/tmp/f", "0123456789");
    locks->fd[1] = sys(__NR_open, U("/tmp/f"), O_RDWR, 0);
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_WRLCK, 0, 0), 0);
    assert_true(guest_thread(thread_closes, NULL, &locks->ended) > 0);
    assert_int_equal(lock(locks->fd[1], F_SETLKW, F_WRLCK, 0, 0), -EBADF);
    assert_int_equal(locks->got, 1);
    guest_join(&locks->ended);
    assert_int_equal(lock(locks->fd[0], F_OFD_SETLK, F_WRLCK, 0, 0), 0); /* nothing was left locked */
}

static void test_lock_of_a_descriptor_that_was_closed_meanwhile_is_dropped(void **state)
{
    assert_int_equal(harness_run(NULL, guest_closes_while_waiting), 0);
}

static void guest_close_drops_locks(void)
{
    int64_t fd = file_with("/tmp/f", "0123456789"), other = sys(__NR_open, U("/tmp/f"), O_RDWR, 0);
    assert_int_equal(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
    assert_int_equal(lock(other, F_OFD_SETLK, F_WRLCK, 0, 1), -EAGAIN);
    int64_t third = sys(__NR_open, U("/tmp/f"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_close, third), 0); /* any descriptor of the file, as POSIX has it */
    assert_int_equal(lock(other, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
}

static void test_closing_any_descriptor_drops_the_processes_locks(void **state)
{
    assert_int_equal(harness_run(NULL, guest_close_drops_locks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_is_waited_for),
        cmocka_unit_test(test_flock_is_waited_for),
        cmocka_unit_test(test_deadlock_of_record_locks_is_found),
        cmocka_unit_test(test_lock_of_a_descriptor_that_was_closed_meanwhile_is_dropped),
        cmocka_unit_test(test_closing_any_descriptor_drops_the_processes_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
