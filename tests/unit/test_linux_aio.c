/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous reads and writes of src/linux: io_setup(2) and its kin, by guests that call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/unistd.h>
#include <linux/aio_abi.h>
#include <linux/time_types.h>
#include <string.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static struct iocb request(int command, int64_t fd, const void *at, uint64_t n, int64_t offset)
{
    return (struct iocb){.aio_lio_opcode = (uint16_t)command,
                         .aio_fildes = (uint32_t)fd,
                         .aio_buf = (uint64_t)(uintptr_t)at,
                         .aio_nbytes = n,
                         .aio_offset = offset,
                         .aio_data = 7};
}

static int64_t submit(uint64_t context, struct iocb *one)
{
    return sys(__NR_io_submit, context, 1, &one);
}

static void expect(uint64_t context, const struct iocb *of, int64_t result)
{
    struct io_event event = {0};
    assert_int_equal(sys(__NR_io_getevents, context, 1, 1, &event, NULL), 1);
    assert_int_equal(event.obj, (uint64_t)(uintptr_t)of);
    assert_int_equal(event.data, 7);
    assert_int_equal(event.res, result);
}

/* ---- contexts ---- */

static void guest_contexts(void)
{
    uint64_t context = 1;
    assert_int_equal(sys(__NR_io_setup, 1, &context), -EINVAL); /* it says it is one already */
    context = 0;
    assert_int_equal(sys(__NR_io_setup, 0, &context), -EINVAL);
    assert_int_equal(sys(__NR_io_setup, 1, NULL), -EFAULT);
    assert_int_equal(sys(__NR_io_setup, 65537, &context), -EAGAIN);
    assert_int_equal(sys(__NR_io_setup, 65536, &context), 0);
    const uint32_t *ring = (const uint32_t *)(uintptr_t)context;
    assert_int_equal(ring[4], 0); /* not the ring of events that a C library would read itself */
    uint64_t other = 0;
    assert_int_equal(sys(__NR_io_setup, 1, &other), -EAGAIN);
    assert_int_equal(sys(__NR_io_destroy, context), 0);
    assert_int_equal(sys(__NR_io_destroy, context), -EINVAL);
    assert_int_equal(sys(__NR_io_getevents, context, 0, 1, NULL, NULL), -EINVAL);
    assert_int_equal(sys(__NR_io_setup, 1, &other), 0);
}

static void test_context_is_there_until_it_is_destroyed(void **state)
{
    RUN(guest_contexts);
}

/* ---- requests ---- */

static void guest_requests(void)
{
    uint64_t context = 0;
    char *bytes = user_alloc(16);
    int64_t fd = sys(__NR_open, user_string("/tmp/f"), O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(__NR_io_setup, 4, &context), 0);
    struct iocb w = request(IOCB_CMD_PWRITE, fd, user_string("hello"), 5, 3);
    assert_int_equal(submit(context, &w), 1);
    expect(context, &w, 5);
    struct iocb r = request(IOCB_CMD_PREAD, fd, bytes, 16, 4);
    assert_int_equal(submit(context, &r), 1);
    expect(context, &r, 4);
    assert_string_equal(bytes, "ello");
    struct {
        const void *at;
        uint64_t n;
    } vecs[2] = {{bytes, 1}, {bytes + 8, 2}};
    struct iocb v = request(IOCB_CMD_PREADV, fd, vecs, 2, 3);
    assert_int_equal(submit(context, &v), 1);
    expect(context, &v, 3);
    assert_memory_equal(bytes + 8, "el", 2);
    struct iocb s = request(IOCB_CMD_FSYNC, fd, NULL, 0, 0);
    assert_int_equal(submit(context, &s), 1);
    expect(context, &s, 0);
    assert_int_equal(sys(__NR_lseek, fd, 0, 1), 0); /* nobody's position has moved */
}

static void test_requests_are_done_at_their_places(void **state)
{
    RUN(guest_requests);
}

static void guest_refused(void)
{
    uint64_t context = 0;
    int64_t r = sys(__NR_open, user_string("/tmp/f"), O_CREAT | O_RDONLY, 0600);
    assert_int_equal(sys(__NR_io_setup, 1, &context), 0);
    struct iocb q = request(IOCB_CMD_PWRITE, r, &q, 1, 0), *both[2] = {NULL, NULL};
    assert_int_equal(submit(context, &q), -EBADF);
    q.aio_fildes = 99;
    assert_int_equal(submit(context, &q), -EBADF);
    assert_int_equal(submit(context + 4096, &q), -EINVAL);
    assert_int_equal(submit(context, NULL), -EFAULT);
    assert_int_equal(sys(__NR_io_submit, context, -1, both), -EINVAL);
    assert_int_equal(sys(__NR_io_submit, context, 0, NULL), 0);
    q = request(99, r, &q, 1, 0);
    assert_int_equal(submit(context, &q), -EINVAL);
    q = request(IOCB_CMD_PREAD, r, &q, 1, -1);
    assert_int_equal(submit(context, &q), -EINVAL);
    struct iocb good = request(IOCB_CMD_PREAD, r, user_alloc(8), 8, 0);
    both[0] = both[1] = &good;
    assert_int_equal(sys(__NR_io_submit, context, 2, both), 1); /* there is room for one event */
    assert_int_equal(submit(context, &good), -EAGAIN);
    assert_int_equal(sys(__NR_io_cancel, context, &good, &q), -EINVAL);
    assert_int_equal(sys(__NR_io_cancel, context, NULL, &q), -EFAULT);
    expect(context, &good, 0);
}

static void test_what_cannot_be_submitted_is_said_at_once(void **state)
{
    RUN(guest_refused);
}

static void guest_pipes(void)
{
    uint64_t context = 0, count = 0;
    int fds[2];
    struct io_event event;
    struct __kernel_timespec none = {0, 0};
    assert_int_equal(sys(__NR_pipe2, fds, 0), 0);
    int64_t tell = sys(__NR_eventfd2, 0, 0);
    assert_int_equal(sys(__NR_io_setup, 2, &context), 0);
    struct iocb q = request(IOCB_CMD_PREAD, fds[0], user_alloc(8), 8, 0);
    q.aio_rw_flags = 8; /* RWF_NOWAIT */
    q.aio_flags = IOCB_FLAG_RESFD, q.aio_resfd = (uint32_t)tell;
    assert_int_equal(submit(context, &q), 1);
    expect(context, &q, -EAGAIN);
    assert_int_equal(sys(__NR_read, tell, &count, 8), 8);
    assert_int_equal(count, 1);
    assert_int_equal(sys(__NR_io_getevents, context, 1, 2, &event, &none), 0);
    assert_int_equal(sys(__NR_io_getevents, context, 2, 1, &event, &none), -EINVAL);
}

static void test_event_of_a_pipe_counts_in_its_eventfd(void **state)
{
    RUN(guest_pipes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context_is_there_until_it_is_destroyed),
        cmocka_unit_test(test_requests_are_done_at_their_places),
        cmocka_unit_test(test_what_cannot_be_submitted_is_said_at_once),
        cmocka_unit_test(test_event_of_a_pipe_counts_in_its_eventfd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
