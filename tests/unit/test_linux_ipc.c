/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes, FIFOs, eventfd, timerfd, signalfd, poll, select, epoll, splice, by guests that call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/eventpoll.h>
#include <linux/signalfd.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <string.h>

#define MS         1000000ull
#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static void make_pipe(int fds[2], int flags)
{
    assert_int_equal(sys(__NR_pipe2, fds, flags), 0);
}

/* ---- pipes ---- */

static void guest_pipe(void)
{
    char got[16] = "";
    int fds[2], n;
    make_pipe(fds, 0);
    assert_int_equal(sys(__NR_write, fds[1], user_string("hello"), 5), 5);
    assert_int_equal(sys(__NR_ioctl, fds[0], FIONREAD, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(sys(__NR_read, fds[0], got, 2), 2);
    assert_int_equal(sys(__NR_read, fds[0], got + 2, sizeof(got) - 2), 3);
    assert_string_equal(got, "hello");
    assert_int_equal(sys(__NR_read, fds[1], got, 1), -EBADF);
    assert_int_equal(sys(__NR_write, fds[0], got, 1), -EBADF);
    assert_int_equal(sys(__NR_lseek, fds[0], 0, 0), -ESPIPE);
    assert_int_equal(sys(__NR_close, fds[1]), 0);
    assert_int_equal(sys(__NR_read, fds[0], got, 1), 0);
}

static void test_pipe_gives_bytes_in_order_and_then_its_end(void **state)
{
    RUN(guest_pipe);
}

/* An end opened anew by its link is an end of its own, and nobody waits for the other. */
static void guest_pipe_by_link(void)
{
    char got[4];
    int fds[2];
    make_pipe(fds, 0);
    assert_int_equal(fds[0], 3);
    int64_t writer = sys(__NR_open, user_string("/proc/self/fd/3"), O_WRONLY, 0);
    assert_true(writer > 0);
    assert_int_equal(sys(__NR_close, fds[1]), 0);
    assert_int_equal(sys(__NR_write, writer, user_string("abc"), 3), 3);
    int64_t reader = sys(__NR_open, user_string("/proc/self/fd/3"), O_RDONLY, 0);
    assert_true(reader > 0);
    assert_int_equal(sys(__NR_close, fds[0]), 0);
    assert_int_equal(sys(__NR_read, reader, got, 4), 3);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(sys(__NR_close, writer), 0);
    assert_int_equal(sys(__NR_read, reader, got, 4), 0);
}

static void test_pipe_is_opened_by_its_link(void **state)
{
    RUN(guest_pipe_by_link);
}

static void guest_pipe_full(void)
{
    char *page = user_alloc(65536), got[4096];
    int fds[2];
    make_pipe(fds, O_NONBLOCK);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_GETPIPE_SZ, 0), 65536);
    assert_int_equal(sys(__NR_write, fds[1], page, 65536), 65536);
    assert_int_equal(sys(__NR_write, fds[1], page, 1), -EAGAIN);
    assert_int_equal(sys(__NR_read, fds[0], got, 4095), 4095);
    assert_int_equal(sys(__NR_write, fds[1], page, 4096), -EAGAIN); /* PIPE_BUF goes in whole */
    assert_int_equal(sys(__NR_write, fds[1], page, 65536), 4095);   /* more than that in part */
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETPIPE_SZ, 4096), -EBUSY);
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETPIPE_SZ, 1 << 21), -EPERM);
}

static void test_full_pipe_takes_small_writes_whole_or_not_at_all(void **state)
{
    RUN(guest_pipe_full);
}

static int shared_fds[2];
static void reader(void *of)
{
    struct { /* sys() returns twice: what lives across it is not kept in registers */
        char *to;
        int64_t n;
    } volatile r = {.to = of, .n = 1};
    for (; r.n > 0; r.to += r.n)
        r.n = sys(__NR_read, shared_fds[0], r.to, 100000);
}

static void guest_pipe_blocks(void)
{
    uint32_t *word = user_alloc(4);
    char *from = user_alloc(300000), *to = user_alloc(400000);
    int *fds = user_alloc(8);
    for (int i = 0; i < 300000; i++)
        from[i] = (char)(i * 7);
    make_pipe(fds, 0);
    shared_fds[0] = fds[0], shared_fds[1] = fds[1];
    assert_true(guest_thread(reader, to, word) > 0);
    assert_int_equal(sys(__NR_write, fds[1], from, 300000), 300000);
    sys(__NR_close, fds[1]);
    guest_join(word);
    assert_memory_equal(from, to, 300000);
}

static void test_writer_waits_for_the_reader(void **state)
{
    RUN(guest_pipe_blocks);
}

static void guest_sigpipe(void)
{
    int fds[2];
    make_pipe(fds, 0);
    sys(__NR_close, fds[0]);
    sys(__NR_write, fds[1], user_string("x"), 1);
    fail();
}

static void test_write_without_a_reader_is_sigpipe(void **state)
{
    assert_int_equal(harness_run(NULL, guest_sigpipe), HARNESS_SIGNAL + SIGPIPE);
}

static void guest_pipe_fault(void)
{
    char got[4];
    int fds[2];
    make_pipe(fds, O_NONBLOCK);
    assert_int_equal(sys(__NR_write, fds[1], "of the test program", 4), -EFAULT);
    assert_int_equal(sys(__NR_read, fds[0], got, 1), -EAGAIN); /* nothing went in */
    assert_int_equal(sys(__NR_write, fds[1], user_string("abc"), 3), 3);
    assert_int_equal(sys(__NR_read, fds[0], NULL, 3), -EFAULT);
    assert_int_equal(sys(__NR_read, fds[0], got, 4), 3); /* nothing was lost */
    assert_int_equal(sys(__NR_pipe2, NULL, 0), -EFAULT);
    assert_int_equal(sys(__NR_pipe2, fds, 1), -EINVAL);
    assert_int_equal(sys(__NR_dup, 0), 5); /* the descriptors of the failed call are free again */
}

static void test_faulting_buffers_lose_nothing(void **state)
{
    RUN(guest_pipe_fault);
}

static void fifo_writer(void *of)
{
    int64_t fd = sys(__NR_open, user_string("/tmp/fifo"), O_WRONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, user_string("through"), 7), 7);
}

static void guest_fifo(void)
{
    char got[8] = "";
    uint32_t *word = user_alloc(4);
    char *name = user_string("/tmp/fifo");
    sys(__NR_mkdir, user_string("/tmp"), 0777);
    assert_int_equal(sys(__NR_mknod, name, 0010644, 0), 0);
    assert_int_equal(sys(__NR_open, name, O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    assert_true(guest_thread(fifo_writer, NULL, word) > 0);
    int64_t fd = sys(__NR_open, name, O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_read, fd, got, 7), 7);
    assert_string_equal(got, "through");
    guest_join(word);
}

static void test_fifo_waits_for_its_other_end(void **state)
{
    RUN(guest_fifo);
}

/* ---- one-descriptor things ---- */

static void guest_eventfd(void)
{
    uint64_t v = 3;
    int64_t fd = sys(__NR_eventfd2, 2, O_NONBLOCK), one = sys(__NR_eventfd2, 2, 1 | O_NONBLOCK);
    assert_int_equal(sys(__NR_write, fd, &v, 8), 8);
    assert_int_equal(sys(__NR_read, fd, &v, 8), 8);
    assert_int_equal(v, 5);
    assert_int_equal(sys(__NR_read, fd, &v, 8), -EAGAIN);
    assert_int_equal(sys(__NR_read, fd, &v, 7), -EINVAL);
    v = UINT64_MAX;
    assert_int_equal(sys(__NR_write, fd, &v, 8), -EINVAL);
    v = UINT64_MAX - 1;
    assert_int_equal(sys(__NR_write, fd, &v, 8), 8);
    v = 1;
    assert_int_equal(sys(__NR_write, fd, &v, 8), -EAGAIN);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sys(__NR_read, one, &v, 8), 8);
        assert_int_equal(v, 1);
    }
    assert_int_equal(sys(__NR_read, one, &v, 8), -EAGAIN);
}

static void test_eventfd_adds_up_or_counts_down(void **state)
{
    RUN(guest_eventfd);
}

static void guest_timerfd(void)
{
    struct __kernel_itimerspec t = {.it_value.tv_nsec = 10 * (long)MS, .it_interval.tv_nsec = 5 * (long)MS}, now;
    uint64_t n, start = harness_clock();
    int64_t fd = sys(__NR_timerfd_create, CLOCK_MONOTONIC, 0);
    assert_int_equal(sys(__NR_timerfd_create, 77, 0), -EINVAL);
    assert_int_equal(sys(__NR_timerfd_settime, fd, 0, &t, NULL), 0);
    assert_int_equal(sys(__NR_read, fd, &n, 8), 8);
    assert_int_equal(n, 1);
    assert_int_equal(harness_clock() - start, 10 * MS);
    guest_time(12 * MS);
    assert_int_equal(sys(__NR_read, fd, &n, 8), 8);
    assert_int_equal(n, 2);
    assert_int_equal(sys(__NR_timerfd_gettime, fd, &now), 0);
    assert_int_equal(now.it_interval.tv_nsec, 5 * (long)MS);
    assert_int_equal(now.it_value.tv_nsec, 3 * (long)MS);
    t.it_value.tv_nsec = 1000000000;
    assert_int_equal(sys(__NR_timerfd_settime, fd, 0, &t, NULL), -EINVAL);
    assert_int_equal(sys(__NR_timerfd_settime, 0, 0, &now, NULL), -EINVAL);
}

static void test_timerfd_counts_expirations(void **state)
{
    RUN(guest_timerfd);
}

static void guest_signalfd(void)
{
    struct signalfd_siginfo info;
    uint64_t set = 1ull << (SIGUSR1 - 1);
    assert_int_equal(sys(__NR_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8), 0);
    int64_t fd = sys(__NR_signalfd4, -1, &set, 8, O_NONBLOCK), pid = sys(__NR_getpid);
    assert_int_equal(sys(__NR_read, fd, &info, sizeof(info)), -EAGAIN);
    assert_int_equal(sys(__NR_kill, pid, SIGUSR1), 0);
    struct pollfd p = {.fd = (int)fd, .events = POLLIN};
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(sys(__NR_read, fd, &info, sizeof(info)), sizeof(info));
    assert_int_equal(info.ssi_signo, SIGUSR1);
    assert_int_equal(info.ssi_pid, pid);
    assert_int_equal(sys(__NR_read, fd, &info, sizeof(info)), -EAGAIN);
}

static void test_signalfd_takes_pending_signals(void **state)
{
    RUN(guest_signalfd);
}

/* ---- poll and select ---- */

static void guest_poll(void)
{
    int fds[2];
    make_pipe(fds, 0);
    struct pollfd p[3] = {
        {.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLOUT}, {.fd = -1, .events = POLLIN}};
    uint64_t start = harness_clock();
    assert_int_equal(sys(__NR_poll, p, 3, -1), 1);
    assert_int_equal(p[0].revents, 0);
    assert_int_equal(p[1].revents, POLLOUT);
    assert_int_equal(sys(__NR_poll, p, 1, 30), 0);
    assert_int_equal(harness_clock() - start, 30 * MS);
    sys(__NR_write, fds[1], user_string("x"), 1);
    assert_int_equal(sys(__NR_poll, p, 1, -1), 1);
    assert_int_equal(p[0].revents, POLLIN);
    sys(__NR_close, fds[1]);
    assert_int_equal(sys(__NR_poll, p, 2, 0), 2);
    assert_int_equal(p[0].revents, POLLIN | POLLHUP);
    assert_int_equal(p[1].revents, POLLNVAL);
    assert_int_equal(sys(__NR_poll, NULL, 1, 0), -EFAULT);
    assert_int_equal(sys(__NR_poll, p, 100000, 0), -EINVAL);
}

static void test_poll_waits_and_says_what_is_ready(void **state)
{
    RUN(guest_poll);
}

static void guest_select(void)
{
    uint64_t in[2] = {0}, out[2] = {0};
    struct __kernel_old_timeval tv = {.tv_usec = 20000};
    int fds[2];
    make_pipe(fds, 0);
    in[0] = 1u << fds[0], out[0] = 1u << fds[1];
    assert_int_equal(sys(__NR_select, 10, in, out, NULL, &tv), 1);
    assert_int_equal(in[0], 0);
    assert_int_equal(out[0], 1u << fds[1]);
    assert_int_equal(tv.tv_usec, 20000);
    in[0] = 1u << fds[0];
    assert_int_equal(sys(__NR_select, 10, in, NULL, NULL, &tv), 0);
    assert_int_equal(tv.tv_usec, 0);
    in[0] = 1u << 9;
    assert_int_equal(sys(__NR_select, 10, in, NULL, NULL, &tv), -EBADF);
    assert_int_equal(sys(__NR_select, -1, in, NULL, NULL, &tv), -EINVAL);
    tv.tv_usec = -1;
    assert_int_equal(sys(__NR_select, 0, NULL, NULL, NULL, &tv), -EINVAL);
}

static void test_select_turns_sets_into_what_is_ready(void **state)
{
    RUN(guest_select);
}

/* ---- epoll ---- */

static int64_t epoll_with(int fd, uint32_t events)
{
    int64_t e = sys(__NR_epoll_create1, 0);
    struct epoll_event event = {.events = events, .data = 42};
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, fd, &event), 0);
    return e;
}

static void guest_epoll_level(void)
{
    struct epoll_event got[4];
    char c;
    int fds[2];
    make_pipe(fds, 0);
    int64_t e = epoll_with(fds[0], EPOLLIN);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 0);
    sys(__NR_write, fds[1], user_string("ab"), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sys(__NR_epoll_wait, e, got, 4, -1), 1);
        assert_int_equal(got[0].events, EPOLLIN);
        assert_int_equal(got[0].data, 42);
        sys(__NR_read, fds[0], &c, 1);
    }
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 0);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 0, 0), -EINVAL);
    sys(__NR_close, fds[1]);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
    assert_int_equal(got[0].events, EPOLLHUP);
}

static void test_level_triggered_epoll_reports_as_long_as_it_is_so(void **state)
{
    RUN(guest_epoll_level);
}

static void guest_epoll_edge(void)
{
    struct epoll_event got[4], event = {.events = EPOLLIN | EPOLLONESHOT, .data = 7};
    int fds[2];
    make_pipe(fds, 0);
    int64_t e = epoll_with(fds[0], EPOLLIN | EPOLLET);
    sys(__NR_write, fds[1], user_string("ab"), 2);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 0);
    sys(__NR_write, fds[1], user_string("c"), 1);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_MOD, fds[0], &event), 0);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
    assert_int_equal(got[0].data, 7);
    sys(__NR_write, fds[1], user_string("d"), 1);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 0);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_MOD, fds[0], &event), 0);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
}

static void test_edge_and_one_shot_report_once(void **state)
{
    RUN(guest_epoll_edge);
}

static void guest_epoll_life(void)
{
    struct epoll_event got[4], event = {.events = EPOLLIN};
    int fds[2];
    make_pipe(fds, 0);
    int64_t e = epoll_with(fds[0], EPOLLIN), copy = sys(__NR_dup, fds[0]);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, fds[0], &event), -EEXIST);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_MOD, fds[1], &event), -ENOENT);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, e, &event), -EINVAL);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, 99, &event), -EBADF);
    assert_int_equal(sys(__NR_epoll_ctl, fds[0], EPOLL_CTL_ADD, fds[1], &event), -EINVAL);
    sys(__NR_write, fds[1], user_string("x"), 1);
    sys(__NR_close, fds[0]); /* the open file lives on by its copy, and so does the interest */
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 1);
    sys(__NR_close, copy);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 0), 0);
    int64_t outer = epoll_with((int)e, EPOLLIN);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, outer, &event), -ELOOP);
    int64_t regular = sys(__NR_open, user_string("/file"), O_CREAT | O_RDWR, 0644);
    assert_true(regular >= 0);
    assert_int_equal(sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, regular, &event), -EPERM);
}

static void test_interest_belongs_to_the_open_file(void **state)
{
    RUN(guest_epoll_life);
}

static void epoll_writer(void *of)
{
    struct __kernel_timespec ts = {.tv_nsec = 5 * (long)MS};
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_write, shared_fds[1], user_string("x"), 1);
}

static void guest_epoll_waits(void)
{
    struct epoll_event got[4];
    uint32_t *word = user_alloc(4);
    uint64_t start = harness_clock();
    int *fds = user_alloc(8);
    make_pipe(fds, 0);
    shared_fds[0] = fds[0], shared_fds[1] = fds[1];
    int64_t e = epoll_with((int)epoll_with(fds[0], EPOLLIN), EPOLLIN); /* one within another */
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, 2), 0);
    assert_true(guest_thread(epoll_writer, NULL, word) > 0);
    assert_int_equal(sys(__NR_epoll_wait, e, got, 4, -1), 1);
    assert_int_equal(harness_clock() - start, 7 * MS);
    guest_join(word);
}

static void test_epoll_wakes_through_another_instance(void **state)
{
    RUN(guest_epoll_waits);
}

static int64_t watch(int64_t e, int64_t fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = (uint64_t)fd};
    return sys(__NR_epoll_ctl, e, EPOLL_CTL_ADD, fd, &event);
}

static void guest_epoll_chain(void)
{
    int fds[2];
    make_pipe(fds, 0);
    int64_t null = sys(__NR_open, user_string("/dev/null"), O_RDWR), e = fds[0], last = -1;
    for (int i = 0; i < 5; i++) {
        last = sys(__NR_epoll_create1, 0);
        assert_int_equal(watch(last, e, EPOLLIN), 0);
        e = last;
    }
    last = sys(__NR_epoll_create1, 0);
    assert_int_equal(watch(last, e, EPOLLIN), -ELOOP);    /* five within each other are enough */
    assert_int_equal(watch(last, null, EPOLLIN), -EPERM); /* it never has to be waited for */
    assert_int_equal(sys(__NR_fcntl, fds[0], F_SETPIPE_SZ, 0x80000001u), -EINVAL);
}

static void test_epoll_refuses_deep_chains_and_what_is_always_ready(void **state)
{
    RUN(guest_epoll_chain);
}

static struct {
    int fds[2], woken;
} * exclusive;

static void waits_exclusively(void *of)
{
    struct epoll_event event;
    int64_t e = sys(__NR_epoll_create1, 0);
    assert_int_equal(watch(e, exclusive->fds[0], EPOLLIN | EPOLLET | EPOLLEXCLUSIVE), 0);
    if (sys(__NR_epoll_wait, e, &event, 1, -1) == 1)
        exclusive->woken++;
}

static void guest_epoll_exclusive(void)
{
    exclusive = user_alloc(sizeof(*exclusive));
    make_pipe(exclusive->fds, 0);
    for (int i = 0; i < 3; i++)
        assert_true(guest_thread(waits_exclusively, NULL, NULL) > 0);
    for (int i = 0; i < 10; i++)
        sys(__NR_sched_yield);
    for (volatile int round = 1; round <= 3; round++) {
        assert_int_equal(sys(__NR_write, exclusive->fds[1], user_string("x"), 1), 1);
        for (int i = 0; i < 10; i++)
            sys(__NR_sched_yield);
        assert_int_equal(exclusive->woken, round);
    }
}

static void test_one_write_wakes_one_of_those_who_wait_exclusively(void **state)
{
    RUN(guest_epoll_exclusive);
}

/* ---- splice ---- */

static void guest_splice(void)
{
    char got[16] = "";
    int a[2], b[2];
    uint64_t offset = 3;
    make_pipe(a, O_NONBLOCK);
    make_pipe(b, O_NONBLOCK);
    int64_t file = sys(__NR_open, user_string("/file"), O_CREAT | O_RDWR, 0644);
    assert_int_equal(sys(__NR_write, file, user_string("abcdefgh"), 8), 8);
    assert_int_equal(sys(__NR_splice, file, &offset, a[1], NULL, 100, 0), 5);
    assert_int_equal(offset, 8);
    assert_int_equal(sys(__NR_tee, a[0], b[1], 100, 0), 5);
    assert_int_equal(sys(__NR_read, b[0], got, 16), 5);
    assert_string_equal(got, "defgh");
    offset = 0;
    assert_int_equal(sys(__NR_splice, a[0], NULL, file, &offset, 2, 0), 2);
    assert_int_equal(sys(__NR_splice, a[0], NULL, b[1], NULL, 100, 0), 3);
    assert_int_equal(sys(__NR_splice, a[0], NULL, b[1], NULL, 100, 0), -EAGAIN);
    assert_int_equal(sys(__NR_pread64, file, got, 16, 0), 8);
    assert_memory_equal(got, "decdefgh", 8);
    assert_int_equal(sys(__NR_splice, file, NULL, file, NULL, 1, 0), -EINVAL);
    assert_int_equal(sys(__NR_splice, a[0], &offset, file, NULL, 1, 0), -ESPIPE);
}

static void test_splice_moves_between_pipes_and_files(void **state)
{
    RUN(guest_splice);
}

/* ---- the console ---- */

static void guest_console(void)
{
    char got[32] = "";
    struct pollfd p = {.fd = 0, .events = POLLIN};
    assert_int_equal(sys(__NR_poll, &p, 1, -1), 1);
    assert_int_equal(sys(__NR_read, 0, got, 32), 6);
    assert_int_equal(sys(__NR_write, 1, got, 6), 6);
    assert_int_equal(sys(__NR_write, 2, user_string("err"), 3), 3);
    assert_int_equal(sys(__NR_read, 0, got, 32), 0);
    assert_int_equal(sys(__NR_ioctl, 1, TCGETS, got), -ENOTTY);
    assert_int_equal(sys(__NR_lseek, 1, 0, 0), -ESPIPE);
}

static void test_standard_streams_are_the_console(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.input = "line\n\n"}, guest_console), 0);
    assert_string_equal(harness_output(HOST_STDOUT), "line\n\n");
    assert_string_equal(harness_output(HOST_STDERR), "err");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe_gives_bytes_in_order_and_then_its_end),
        cmocka_unit_test(test_pipe_is_opened_by_its_link),
        cmocka_unit_test(test_full_pipe_takes_small_writes_whole_or_not_at_all),
        cmocka_unit_test(test_writer_waits_for_the_reader),
        cmocka_unit_test(test_write_without_a_reader_is_sigpipe),
        cmocka_unit_test(test_faulting_buffers_lose_nothing),
        cmocka_unit_test(test_fifo_waits_for_its_other_end),
        cmocka_unit_test(test_eventfd_adds_up_or_counts_down),
        cmocka_unit_test(test_timerfd_counts_expirations),
        cmocka_unit_test(test_signalfd_takes_pending_signals),
        cmocka_unit_test(test_poll_waits_and_says_what_is_ready),
        cmocka_unit_test(test_select_turns_sets_into_what_is_ready),
        cmocka_unit_test(test_level_triggered_epoll_reports_as_long_as_it_is_so),
        cmocka_unit_test(test_edge_and_one_shot_report_once),
        cmocka_unit_test(test_interest_belongs_to_the_open_file),
        cmocka_unit_test(test_epoll_wakes_through_another_instance),
        cmocka_unit_test(test_epoll_refuses_deep_chains_and_what_is_always_ready),
        cmocka_unit_test(test_one_write_wakes_one_of_those_who_wait_exclusively),
        cmocka_unit_test(test_splice_moves_between_pipes_and_files),
        cmocka_unit_test(test_standard_streams_are_the_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
