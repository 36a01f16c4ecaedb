/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues of src/linux, by guests that call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/mqueue.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <string.h>

#define SECOND     1000000000ull
#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static int64_t open_queue(const char *name, int flags, int64_t most, int64_t size)
{
    struct mq_attr attr = {.mq_maxmsg = most, .mq_msgsize = size};
    return sys(__NR_mq_open, user_string(name), flags, 0600, most ? &attr : NULL);
}

static int64_t put(int64_t q, const char *text, uint32_t priority)
{
    return sys(__NR_mq_timedsend, q, user_string(text), strlen(text), priority, NULL);
}

static void expect(int64_t q, const char *text, uint32_t priority)
{
    char got[64] = "";
    uint32_t its = 99;
    assert_int_equal(sys(__NR_mq_timedreceive, q, got, sizeof(got), &its, NULL), strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(its, priority);
}

/* ---- names ---- */

static void guest_names(void)
{
    char longest[257];
    memset(longest, 'n', 256);
    longest[256] = 0;
    assert_int_equal(open_queue("q", O_RDWR, 0, 0), -ENOENT);
    int64_t q = open_queue("q", O_RDWR | O_CREAT, 4, 32);
    assert_true(q >= 0);
    assert_int_equal(open_queue("q", O_RDWR | O_CREAT | O_EXCL, 4, 32), -EEXIST);
    assert_int_equal(open_queue("q", 3, 0, 0), -EINVAL);
    assert_int_equal(open_queue("", O_RDWR | O_CREAT, 0, 0), -ENOENT);
    assert_int_equal(open_queue("a/b", O_RDWR | O_CREAT, 0, 0), -EACCES);
    assert_int_equal(open_queue(longest, O_RDWR | O_CREAT, 0, 0), -ENAMETOOLONG);
    assert_int_equal(open_queue("r", O_RDWR | O_CREAT, -1, 1), -EINVAL);
    assert_int_equal(open_queue("r", O_RDWR | O_CREAT, 65536, 1 << 20), -EMFILE); /* RLIMIT_MSGQUEUE */
    assert_int_equal(put(q, "kept", 0), 0);
    assert_int_equal(sys(__NR_mq_unlink, user_string("q")), 0);
    assert_int_equal(sys(__NR_mq_unlink, user_string("q")), -ENOENT);
    int64_t other = open_queue("q", O_RDWR | O_CREAT, 4, 32); /* another one of that name */
    struct mq_attr attr;
    assert_int_equal(sys(__NR_mq_getsetattr, other, NULL, &attr), 0);
    assert_int_equal(attr.mq_curmsgs, 0);
    expect(q, "kept", 0);
}

static void test_queue_lives_as_long_as_its_name_or_a_descriptor(void **state)
{
    RUN(guest_names);
}

static void guest_users(void)
{
    assert_true(open_queue("mine", O_RDWR | O_CREAT, 4, 32) >= 0);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    assert_int_equal(open_queue("mine", O_RDONLY, 0, 0), -EACCES);
    assert_int_equal(sys(__NR_mq_unlink, user_string("mine")), -EPERM);
    assert_int_equal(open_queue("large", O_RDWR | O_CREAT, 11, 32), -EINVAL); /* beyond what everybody may */
    assert_true(open_queue("small", O_RDWR | O_CREAT, 10, 8192) >= 0);
}

static void test_mode_and_owner_decide(void **state)
{
    RUN(guest_users);
}

/* ---- messages ---- */

static void guest_messages(void)
{
    char got[64];
    struct __kernel_timespec past = {0, 0}, bad = {0, -1};
    int64_t q = open_queue("q", O_RDWR | O_CREAT, 4, 8), reader = open_queue("q", O_RDONLY | O_NONBLOCK, 0, 0);
    struct pollfd p = {.fd = (int)q, .events = POLLIN | POLLOUT};
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLOUT);
    assert_int_equal(put(q, "low", 1), 0);
    assert_int_equal(put(q, "high", 9), 0);
    assert_int_equal(put(q, "high too", 9), 0);
    assert_int_equal(put(q, "", 0), 0);
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLIN);
    assert_int_equal(sys(__NR_mq_timedsend, q, got, 1, 0, &past), -ETIMEDOUT);
    assert_int_equal(sys(__NR_mq_timedsend, q, got, 1, 0, &bad), -EINVAL);
    assert_int_equal(put(q, "too long!", 0), -EMSGSIZE);
    assert_int_equal(put(q, "x", 32768), -EINVAL);
    assert_int_equal(put(reader, "x", 0), -EBADF);
    assert_int_equal(sys(__NR_mq_timedreceive, q, got, 7, NULL, NULL), -EMSGSIZE);
    expect(q, "high", 9), expect(q, "high too", 9), expect(reader, "low", 1), expect(q, "", 0);
    assert_int_equal(sys(__NR_mq_timedreceive, reader, got, 8, NULL, NULL), -EAGAIN);
    assert_int_equal(sys(__NR_mq_timedreceive, q, got, 8, NULL, &past), -ETIMEDOUT);
    assert_int_equal(sys(__NR_mq_timedreceive, 0, got, 8, NULL, NULL), -EBADF);
}

static void test_messages_come_by_priority_and_age(void **state)
{
    RUN(guest_messages);
}

static void sends_later(void *of)
{
    struct __kernel_timespec ts = {1, 0};
    sys(__NR_nanosleep, &ts, NULL);
    put(*(int64_t *)of, "late", 3);
}

static void guest_waits(void)
{
    int64_t *q = user_alloc(sizeof(*q));
    *q = open_queue("q", O_RDWR | O_CREAT, 4, 64);
    uint64_t before = harness_clock();
    assert_true(guest_thread(sends_later, q, NULL) > 0);
    expect(*q, "late", 3);
    assert_int_equal(harness_clock() - before, SECOND);
}

static void test_receiver_waits(void **state)
{
    RUN(guest_waits);
}

/* ---- being told ---- */

static void guest_told(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    uint64_t set = 1ull << (SIGUSR1 - 1);
    siginfo_t info;
    struct __kernel_timespec now = {0, 0};
    event.sigev_value.sival_int = 42;
    int64_t q = open_queue("q", O_RDWR | O_CREAT, 4, 64);
    assert_int_equal(sys(__NR_rt_sigprocmask, 0, &set, NULL, 8), 0);
    assert_int_equal(sys(__NR_mq_notify, q, &event), 0);
    assert_int_equal(sys(__NR_mq_notify, q, &event), -EBUSY);
    assert_int_equal(put(q, "one", 0), 0);
    assert_int_equal(sys(__NR_rt_sigtimedwait, &set, &info, &now, 8), SIGUSR1);
    assert_int_equal(info.si_code, SI_MESGQ);
    assert_int_equal(info.si_value.sival_int, 42);
    assert_int_equal(sys(__NR_mq_notify, q, &event), 0); /* it was for one message */
    assert_int_equal(put(q, "two", 0), 0);               /* which has to come into an empty queue */
    assert_int_equal(sys(__NR_rt_sigtimedwait, &set, &info, &now, 8), -EAGAIN);
    assert_int_equal(sys(__NR_mq_notify, q, NULL), 0);
    event.sigev_signo = 99;
    assert_int_equal(sys(__NR_mq_notify, q, &event), -EINVAL);
    assert_int_equal(sys(__NR_mq_notify, 0, &event), -EINVAL);
    event.sigev_signo = SIGUSR1;
    assert_int_equal(sys(__NR_mq_notify, 0, &event), -EBADF);
}

static void test_signal_tells_of_the_first_message_of_an_empty_queue(void **state)
{
    RUN(guest_told);
}

static void guest_attributes(void)
{
    struct mq_attr old, new = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 99};
    int64_t q = open_queue("q", O_RDWR | O_CREAT, 0, 0);
    assert_int_equal(sys(__NR_mq_getsetattr, q, &new, &old), 0);
    assert_int_equal(old.mq_maxmsg, 10);
    assert_int_equal(old.mq_msgsize, 8192);
    assert_int_equal(old.mq_flags, 0);
    assert_int_equal(sys(__NR_mq_getsetattr, q, NULL, &old), 0);
    assert_int_equal(old.mq_flags, O_NONBLOCK);
    assert_int_equal(old.mq_maxmsg, 10); /* flags alone are set */
    new.mq_flags = 1;
    assert_int_equal(sys(__NR_mq_getsetattr, q, &new, NULL), -EINVAL);
}

static void test_flags_alone_are_set_of_the_attributes(void **state)
{
    RUN(guest_attributes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_lives_as_long_as_its_name_or_a_descriptor),
        cmocka_unit_test(test_mode_and_owner_decide),
        cmocka_unit_test(test_messages_come_by_priority_and_age),
        cmocka_unit_test(test_receiver_waits),
        cmocka_unit_test(test_signal_tells_of_the_first_message_of_an_empty_queue),
        cmocka_unit_test(test_flags_alone_are_set_of_the_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
