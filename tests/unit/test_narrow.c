/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments that the kernel reads as 32 bits (confine/narrow.h): each row is tried on the kernel itself. A call with
 * one bit above the lower 32 must do what the plain call does, and another value there must do something else, or the
 * call proves nothing.
 */
#include "base/mem.h"
#include "confine/narrow.h"
#include "confine/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void test_narrow_table_is_sorted_and_names_calls_that_exist(void **state)
{
    const struct narrow_row *row;

    (void)state;
    for (int i = 0; (row = narrow_row_at(i)); i++) {
        if (i && strcmp(narrow_row_at(i - 1)->name, row->name) >= 0)
            fail_msg("row %s is out of order", row->name);
        if (syscall_number(AUDIT_ARCH_X86_64, row->name) < 0)
            fail_msg("no such call: %s", row->name);
        assert_true(row->args && row->args < 1 << 6 && *row->why);
        assert_int_equal(narrow_args(row->name), row->args);
    }
    assert_int_equal(narrow_args("read"), 0);
    assert_int_equal(narrow_args(""), 0);
    assert_int_equal(narrow_args("zzz"), 0);
    assert_int_equal(narrow_args("ioctl"), 1 << 1);
}

static void test_narrow_condition_keeps_what_the_kernel_can_see(void **state)
{
    static const struct {
        enum seccomp_op op;
        uint64_t value, two;
        enum narrow_meaning meaning;
        uint64_t now, now_two;
    } cases[] = {
        {SECCOMP_OP_EQ, 0x5412, 0, NARROW_COMPARE, 0x5412, 0},
        {SECCOMP_OP_EQ, ~0ull, 0, NARROW_COMPARE, 0xffffffff, 0},
        {SECCOMP_OP_EQ, 0xffffffff80045430, 0, NARROW_COMPARE, 0x80045430, 0},
        {SECCOMP_OP_EQ, 0x100005412, 0, NARROW_NEVER, 0, 0},
        {SECCOMP_OP_EQ, 0xffffffff00005412, 0, NARROW_NEVER, 0, 0},
        {SECCOMP_OP_NE, 0x100005412, 0, NARROW_ALWAYS, 0, 0},
        {SECCOMP_OP_LT, 1ull << 32, 0, NARROW_ALWAYS, 0, 0},
        {SECCOMP_OP_LE, 7, 0, NARROW_COMPARE, 7, 0},
        {SECCOMP_OP_GE, 1ull << 32, 0, NARROW_NEVER, 0, 0},
        {SECCOMP_OP_GT, 7, 0, NARROW_COMPARE, 7, 0},
        {SECCOMP_OP_MASKED_EQ, ~7ull, 0, NARROW_COMPARE, 0xfffffff8, 0},
        {SECCOMP_OP_MASKED_EQ, ~0ull, ~0ull, NARROW_COMPARE, 0xffffffff, 0xffffffff},
        {SECCOMP_OP_MASKED_EQ, 0xff00000000, 0, NARROW_ALWAYS, 0, 0},
        {SECCOMP_OP_MASKED_EQ, 0xff000000ff, 0x100000001, NARROW_NEVER, 0, 0},
        {SECCOMP_OP_MASKED_EQ, 0xff, 0x1ff, NARROW_COMPARE, 0xff, 0xff},
        {SECCOMP_OP_MASKED_EQ, 0, 5, NARROW_ALWAYS, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_arg c = {1, cases[i].op, cases[i].value, cases[i].two};
        if (narrow_condition(&c) != cases[i].meaning)
            fail_msg("case %zu: op %d, %llx: another meaning", i, (int)cases[i].op, (unsigned long long)cases[i].value);
        if (cases[i].meaning != NARROW_COMPARE)
            continue;
        assert_int_equal(c.index, 1);
        assert_int_equal(c.op, cases[i].op);
        assert_int_equal(c.value, cases[i].now);
        assert_int_equal(c.value_two, cases[i].now_two);
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

static int files[3]; /* a file, a stream socket, a datagram socket */
static char page[4096] __attribute__((aligned(4096))), zeros[128];
static int number, value, shm;
static socklen_t value_size = sizeof value;
static sigset_t no_signals;
static struct epoll_event event;
static struct sched_param no_priority;
static uint32_t action_to_ask;

#define P(x) ((long)(uintptr_t)(x))

/* One argument of one call: the value that works, one that does something else, and the other arguments. */
static const struct probe {
    const char *name;
    int arg;
    long good, other;
    long args[6];
} * probes;
static size_t n_probes;

static void make_probes(void)
{
    static struct probe list[64];
    size_t n = 0;

#define PROBE(name, arg, good, other, ...)                                                                             \
    list[n++] = (struct probe)                                                                                         \
    {                                                                                                                  \
        name, arg, good, other,                                                                                        \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
    PROBE("arch_prctl", 0, 0x1003, 1, 0, P(page)); /* ARCH_GET_FS */
    PROBE("bpf", 0, 7, 9999, 0, P(zeros), 16);     /* BPF_OBJ_GET without a path: EFAULT; EINVAL */
    PROBE("clone", 0, SIGCHLD, SIGCHLD | CLONE_SIGHAND, 0);
    PROBE("dup3", 2, O_CLOEXEC, 1, files[0], files[0] + 100, 0);
    PROBE("epoll_create1", 0, EPOLL_CLOEXEC, 1, 0);
    PROBE("epoll_ctl", 1, EPOLL_CTL_ADD, EPOLL_CTL_DEL, -1, 0, files[1], P(&event));
    PROBE("eventfd2", 1, O_CLOEXEC, 2, 0, 0);
    PROBE("fcntl", 1, F_GETFD, 9999, files[0]);
    PROBE("flock", 1, 2, 16, files[0]); /* LOCK_EX */
    PROBE("futex", 1, 1, 99, P(&number), 0, 1);
    PROBE("getsockopt", 1, SOL_SOCKET, 9999, files[1], 0, SO_TYPE, P(&value), P(&value_size));
    PROBE("getsockopt", 2, SO_TYPE, 9999, files[1], SOL_SOCKET, 0, P(&value), P(&value_size));
    PROBE("inotify_init1", 0, O_CLOEXEC, 1, 0);
    PROBE("ioctl", 1, FIONREAD, 0x5499, files[1], 0, P(&value));
    PROBE("kcmp", 2, 1, 99, getpid(), getpid()); /* KCMP_VM */
    PROBE("keyctl", 0, 0, 999, 0, -3);           /* KEYCTL_GET_KEYRING_ID of the session */
    PROBE("kill", 1, 0, 999, getpid());
    PROBE("madvise", 2, MADV_NORMAL, 999, P(page), sizeof page);
    PROBE("membarrier", 0, 0, 999, 0);
    PROBE("memfd_create", 1, 1, 0x800, P("narrow"));
    PROBE("mknod", 1, S_IFIFO | 0600, 0xf000, P("narrow-fifo"));
    PROBE("mknodat", 2, S_IFIFO | 0600, 0xf000, AT_FDCWD, P("narrow-fifo"));
    PROBE("open", 1, O_RDONLY, O_RDONLY | O_DIRECTORY, P("/proc/self/stat"));
    PROBE("openat", 2, O_RDONLY, O_RDONLY | O_DIRECTORY, AT_FDCWD, P("/proc/self/stat"));
    PROBE("personality", 0, 0xffffffff, 0, 0);
    PROBE("pipe2", 1, O_CLOEXEC, 1, P(page));
    PROBE("prctl", 0, PR_GET_DUMPABLE, 9999, 0);
    PROBE("prlimit64", 1, RLIMIT_NOFILE, 999, 0, 0, 0, P(page));
    PROBE("renameat2", 4, 1, 99, AT_FDCWD, P("narrow-absent"), AT_FDCWD, P("narrow-fifo")); /* ENOENT, EINVAL */
    PROBE("sched_setscheduler", 1, SCHED_OTHER, 999, 0, 0, P(&no_priority));
    PROBE("seccomp", 0, SECCOMP_GET_ACTION_AVAIL, 99, 0, 0, P(&action_to_ask));
    PROBE("seccomp", 1, 0, 1, SECCOMP_GET_ACTION_AVAIL, 0, P(&action_to_ask));
    PROBE("sendto", 3, MSG_DONTWAIT, MSG_OOB, files[2], P("x"), 1, 0, 0, 0);
    PROBE("setns", 1, CLONE_NEWUTS, CLONE_NEWIPC, -1);
    PROBE("setsockopt", 1, SOL_SOCKET, 9999, files[1], 0, SO_KEEPALIVE, P(&value), sizeof value);
    PROBE("setsockopt", 2, SO_KEEPALIVE, 9999, files[1], SOL_SOCKET, 0, P(&value), sizeof value);
    PROBE("shmctl", 1, IPC_STAT, 999, shm, 0, P(page));
    PROBE("signalfd4", 3, O_CLOEXEC, 1, -1, P(&no_signals), 8);
    PROBE("socket", 0, AF_UNIX, 9999, 0, SOCK_STREAM, 0);
    PROBE("socket", 1, SOCK_STREAM, 9, AF_UNIX, 0, 0);
    PROBE("socket", 2, 0, 999, AF_UNIX, SOCK_STREAM, 0);
    PROBE("socketpair", 0, AF_UNIX, 9999, 0, SOCK_STREAM, 0, P(page));
    PROBE("socketpair", 1, SOCK_STREAM, 9, AF_UNIX, 0, 0, P(page));
    PROBE("socketpair", 2, 0, 999, AF_UNIX, SOCK_STREAM, 0, P(page));
    PROBE("syslog", 0, 10, 999, 0, 0, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
    PROBE("tgkill", 2, 0, 999, getpid(), getpid());
    PROBE("timerfd_create", 0, CLOCK_MONOTONIC, 999, 0, 0);
    PROBE("timerfd_create", 1, O_CLOEXEC, 1, CLOCK_MONOTONIC, 0);
    PROBE("tkill", 1, 0, 999, getpid());
    PROBE("umount2", 1, 0, 0x1000000, P("/proc/self/no-such-mount")); /* ENOENT, EINVAL */
    PROBE("unlinkat", 2, 0, 1, AT_FDCWD, P("/proc/self/no-such-name"));
    PROBE("userfaultfd", 0, O_CLOEXEC, 4, 0);
#undef PROBE
    probes = list;
    n_probes = n;
}

/* What the call says: 0 for success of any kind, else its errno. What it made is taken away again. */
static int probe_run(const struct probe *p, long v)
{
    long a[6];
    int epoll = -1, ns = -1;

    memcpy(a, p->args, sizeof a);
    a[p->arg] = v;
    if (!strcmp(p->name, "epoll_ctl"))
        a[0] = epoll = epoll_create1(0);
    if (!strcmp(p->name, "setns"))
        a[0] = ns = open("/proc/self/ns/uts", O_RDONLY);
    long rc = syscall(syscall_number(AUDIT_ARCH_X86_64, p->name), a[0], a[1], a[2], a[3], a[4], a[5]);
    int error = rc < 0 ? errno : 0;
    if (!strcmp(p->name, "clone")) {
        if (rc == 0)
            _exit(0);
        if (rc > 0)
            waitpid((pid_t)rc, NULL, 0);
    } else if (rc > 2 && strcmp(p->name, "personality") != 0 && strcmp(p->name, "syslog") != 0 &&
               strcmp(p->name, "keyctl") != 0 && strcmp(p->name, "membarrier") != 0 && strcmp(p->name, "kcmp") != 0 &&
               strcmp(p->name, "prctl") != 0 && strcmp(p->name, "futex") != 0 && strcmp(p->name, "fcntl") != 0) {
        close((int)rc);
    }
    if (!strncmp(p->name, "mknod", 5))
        unlink("narrow-fifo");
    if ((!strcmp(p->name, "pipe2") || !strcmp(p->name, "socketpair")) && !error) {
        int pair[2];
        memcpy(pair, page, sizeof pair);
        close(pair[0]);
        close(pair[1]);
    }
    close(epoll);
    close(ns);
    return error;
}

static int setup(void **state)
{
    int pair[2];

    (void)state;
    if (chdir("/tmp") < 0 || (files[0] = memfd_create("narrow", 0)) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return -1;
    files[1] = pair[0];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    files[2] = pair[0];
    action_to_ask = SECCOMP_RET_ALLOW;
    if ((shm = shmget(IPC_PRIVATE, 4096, 0600)) < 0)
        return -1;
    make_probes();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return shmctl(shm, IPC_RMID, NULL);
}

/* personality says nothing of its argument but by what it then is. */
static bool personality_is_asked(long v)
{
    long before = syscall(SYS_personality, 0xffffffffl);

    syscall(SYS_personality, v);
    long after = syscall(SYS_personality, 0xffffffffl);
    syscall(SYS_personality, before);
    return before == after;
}

static void test_narrow_rows_are_what_the_kernel_does(void **state)
{
    unsigned proven = 0;

    (void)state;
    for (size_t i = 0; i < n_probes; i++) {
        const struct probe *p = &probes[i];
        if (!(narrow_args(p->name) >> p->arg & 1))
            fail_msg("%s, argument %d, has no row", p->name, p->arg);
        if (!strcmp(p->name, "personality")) {
            assert_true(personality_is_asked(0xffffffff) && personality_is_asked(0x1ffffffff));
            assert_false(personality_is_asked(0x20000 | 1l << 32));
            proven++;
            continue;
        }
        int plain = probe_run(p, p->good), other = probe_run(p, p->other);
        if (plain == other) {
            print_message("# %s, argument %d: errno %d either way here, so nothing is proven\n", p->name, p->arg,
                          plain);
            continue;
        }
        for (int bit = 32; bit < 64; bit += 10) {
            int high = probe_run(p, p->good | (long)(1ul << bit));
            if (high != plain)
                fail_msg("%s, argument %d: errno %d with bit %d set, %d without: the kernel reads all of it", p->name,
                         p->arg, high, bit, plain);
            if (probe_run(p, p->other | (long)(1ul << bit)) != other)
                fail_msg("%s, argument %d: bit %d turns the other value into something else", p->name, p->arg, bit);
        }
        proven++;
    }
    assert_true(proven * 4 >= n_probes * 3); /* some need rights or a kernel option */
}

static void test_narrow_rows_have_a_probe_each(void **state)
{
    const struct narrow_row *row;

    (void)state;
    for (int i = 0; (row = narrow_row_at(i)); i++)
        for (int arg = 0; arg < 6; arg++) {
            bool tried = !(row->args >> arg & 1);
            for (size_t k = 0; k < n_probes && !tried; k++)
                tried = probes[k].arg == arg && !strcmp(probes[k].name, row->name);
            if (!tried)
                fail_msg("%s, argument %d, was never tried on the kernel", row->name, arg);
        }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrow_table_is_sorted_and_names_calls_that_exist),
        cmocka_unit_test(test_narrow_condition_keeps_what_the_kernel_can_see),
#if defined(__x86_64__)
        cmocka_unit_test(test_narrow_rows_are_what_the_kernel_does),
        cmocka_unit_test(test_narrow_rows_have_a_probe_each),
#endif
    };
#if defined(__x86_64__)
    return cmocka_run_group_tests(tests, setup, teardown);
#else
    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
