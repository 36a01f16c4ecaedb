/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and processes of src/linux: birth by clone, ends, wait4, groups and sessions, pidfds, execve's refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/task/internal.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/prctl.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/wait.h>
#include <string.h>

#define AT_EMPTY 0x1000 /* AT_EMPTY_PATH */

static volatile int seen, value;

static int run(void (*guest)(void))
{
    seen = value = 0;
    int r = harness_run(NULL, guest);
    if (r == HARNESS_NO_BOOT)
        print_message("%s\n", harness_why());
    return r;
}

static void sleep_ns(int64_t ns)
{
    struct __kernel_timespec ts = {0, ns};
    sys(__NR_nanosleep, &ts, NULL);
}

/* A process that shares the parent's memory and goes on beside it. */
static int64_t child(void (*fn)(void *), void *of)
{
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, fn, of, NULL, NULL);
    assert_true(pid > 0);
    return pid;
}

static int wait_status(int64_t pid)
{
    int status = -1;
    assert_int_equal(sys(__NR_wait4, pid, &status, 0, NULL), pid);
    return status;
}

/* ---- threads ---- */

static void says_who(void *of)
{
    int32_t *out = of;
    out[0] = (int32_t)sys(__NR_getpid);
    out[1] = (int32_t)sys(__NR_gettid);
    seen++;
}

static void guest_threads(void)
{
    int32_t out[3][2];
    uint32_t *words = user_alloc(12);
    for (int i = 0; i < 3; i++)
        assert_true(guest_thread(says_who, out[i], &words[i]) > 0);
    assert_int_not_equal(words[0], 0); /* CLONE_PARENT_SETTID */
    for (int i = 0; i < 3; i++)
        guest_join(&words[i]);
    assert_int_equal(seen, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out[i][0], sys(__NR_getpid));
        assert_int_equal(out[i][1], sys(__NR_getpid) + 1 + i);
        assert_int_equal(words[i], 0); /* CLONE_CHILD_CLEARTID */
    }
    assert_int_equal(sys(__NR_wait4, -1, NULL, WNOHANG, NULL), -ECHILD); /* threads are no children */
}

static void test_threads_share_the_process(void **state)
{
    assert_int_equal(run(guest_threads), 0);
}

static void exits_group(void *of)
{
    sys(__NR_exit_group, (intptr_t)of);
}

static void guest_thread_ends_all(void)
{
    guest_thread(exits_group, (void *)9, NULL);
    for (;;)
        sleep_ns(1000);
}

static void test_exit_group_of_a_thread_ends_the_process(void **state)
{
    assert_int_equal(run(guest_thread_ends_all), 9);
}

static void sleeps_then_counts(void *of)
{
    (void)of;
    sleep_ns(100);
    seen = 1;
}

static void guest_leader_leaves(void)
{
    guest_thread(sleeps_then_counts, NULL, NULL);
    sys(__NR_exit, 6);
}

static void test_process_lives_on_without_its_leader(void **state)
{
    assert_int_equal(run(guest_leader_leaves), 6);
    assert_int_equal(seen, 1);
}

static void many(void *of)
{
    (void)of;
    seen++;
}

static void guest_many_threads(void)
{
    uint32_t *word = user_alloc(4);
    for (int i = 0; i < 24; i++) {
        assert_true(guest_thread(many, NULL, word) > 0);
        guest_join(word);
    }
    assert_int_equal(seen, 24);
}

static void test_threads_that_ended_are_given_back(void **state)
{
    assert_int_equal(run(guest_many_threads), 0);
}

static void sleeps(void *of)
{
    sleep_ns((intptr_t)of);
}

/* What is alive of the room's types. */
static uint32_t alive(void)
{
    return task_type.live + process_type.live + cred_type.live + queued_signal_type.live + signal_shared_type.live;
}

static void has_its_own(void *of)
{
    siginfo_t info;
    int32_t id;
    (void)of;
    memset(&info, 0, sizeof(info));
    info.si_code = SI_QUEUE;
    uint64_t all = ~0ull;
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
    for (int i = 0; i < 5; i++) {
        sys(__NR_rt_sigqueueinfo, sys(__NR_getpid), SIGRTMIN, &info);
        sys(__NR_tgkill, sys(__NR_getpid), sys(__NR_gettid), SIGUSR1);
    }
    struct __kernel_itimerspec soon = {.it_value = {0, 1}, .it_interval = {0, 1}};
    assert_int_equal(sys(__NR_timer_create, CLOCK_MONOTONIC, NULL, &id), 0);
    assert_int_equal(sys(__NR_timer_settime, id, 0, &soon, NULL), 0);
    sys(__NR_setresuid, 5, 5, 5);
    guest_thread(sleeps, (void *)1000000, NULL);
    sys(__NR_alarm, 1);
    sleep_ns(100);
    sys(__NR_exit_group, 0);
}

static void guest_leaves_nothing(void)
{
    uint32_t before = alive();
    for (int i = 0; i < 5; i++) {
        int64_t pid = child(has_its_own, NULL), fd = sys(__NR_pidfd_open, pid, 0);
        assert_int_equal(wait_status(pid), 0);
        sys(__NR_close, fd);
        assert_int_equal(sys(__NR_kill, pid, 0), -ESRCH);
    }
    sys(__NR_sched_yield); /* the last stack is left */
    assert_int_equal(alive(), before);
}

static void test_processes_that_ended_leave_nothing(void **state)
{
    assert_int_equal(run(guest_leaves_nothing), 0);
}

/* ---- clone's refusals ---- */

static void guest_bad_clone(void)
{
    assert_int_equal(sys(__NR_clone, CLONE_THREAD, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_clone, CLONE_VM | CLONE_NEWPID, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_clone, CLONE_VM | CLONE_PIDFD | CLONE_PARENT_SETTID, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_clone, CLONE_VM | CLONE_PARENT, 0, 0, 0, 0), -EINVAL); /* of the first process */
    assert_int_equal(sys(__NR_clone, CLONE_VM | 65, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_clone3, NULL, 64), -EFAULT);
    assert_int_equal(sys(__NR_clone3, NULL, 8), -EINVAL);
    assert_int_equal(sys(__NR_clone3, NULL, 5000), -E2BIG);
    struct clone_args a;
    memset(&a, 0, sizeof(a));
    a.stack = 4096;
    assert_int_equal(sys(__NR_clone3, &a, sizeof(a)), -EINVAL); /* a stack without a size */
    a.stack = 0, a.exit_signal = 65;
    assert_int_equal(sys(__NR_clone3, &a, sizeof(a)), -EINVAL);
    a.exit_signal = 0, a.flags = SIGCHLD;
    assert_int_equal(sys(__NR_clone3, &a, sizeof(a)), -EINVAL);
    assert_int_equal(sys(__NR_wait4, -1, NULL, 0, NULL), -ECHILD);
}

static void test_clone_refuses_what_makes_no_sense(void **state)
{
    assert_int_equal(run(guest_bad_clone), 0);
}

static void guest_fork(void)
{
    assert_int_equal(sys(__NR_fork), -ENOSYS);
    assert_int_equal(sys(__NR_clone, SIGCHLD, 0, 0, 0, 0), -ENOSYS);
    assert_int_equal(sys(__NR_wait4, -1, NULL, 0, NULL), -ECHILD);
}

static void test_fork_is_refused_by_name_where_memory_is_one(void **state)
{
    assert_int_equal(run(guest_fork), 0);
    const char *said = strstr(harness_output(HOST_STDERR), "fork() is not supported");
    assert_non_null(said);
    assert_null(strstr(said + 1, "fork() is not supported")); /* once */
}

static void guest_limit(void)
{
    int n = 0;
    while (guest_thread(sleeps, (void *)1000, NULL) > 0)
        n++;
    assert_int_equal(n, 7);
}

static void test_tasks_are_limited(void **state)
{
    static const struct harness h = {.max_tasks = 8};
    assert_int_equal(harness_run(&h, guest_limit), 0);
}

/* ---- vfork ---- */

static void guest_vfork(void)
{
    volatile int order = 0;
    int64_t pid = sys(__NR_vfork);
    if (!pid) {
        sleep_ns(1000); /* the parent does not go on meanwhile */
        order = 1;
        sys(__NR_exit, 4);
    }
    assert_true(pid > 0);
    assert_int_equal(order, 1);
    assert_int_equal(wait_status((int64_t)pid), 4 << 8);
}

static void test_parent_of_vfork_waits_for_its_child(void **state)
{
    assert_int_equal(run(guest_vfork), 0);
}

static void guest_vfork_killed(void)
{
    int64_t pid = sys(__NR_vfork);
    if (!pid) {
        sys(__NR_kill, sys(__NR_getpid), SIGKILL);
        sys(__NR_exit, 4);
    }
    assert_int_equal(wait_status(pid), SIGKILL);
}

static void test_vfork_child_that_is_killed_lets_its_parent_go(void **state)
{
    assert_int_equal(run(guest_vfork_killed), 0);
}

/* ---- waiting for children ---- */

static void exits(void *of)
{
    sys(__NR_exit, (intptr_t)of);
}

static void guest_wait(void)
{
    int status;
    int64_t a = child(exits, (void *)1), b = child(exits, (void *)2);
    assert_int_equal(wait_status(b), 2 << 8);
    assert_int_equal(sys(__NR_wait4, b, &status, 0, NULL), -ECHILD);
    assert_int_equal(sys(__NR_wait4, -1, &status, 0, NULL), a);
    assert_int_equal(status, 1 << 8);
    assert_int_equal(sys(__NR_wait4, -1, &status, 0, NULL), -ECHILD);
    a = child(sleeps, (void *)1000);
    assert_int_equal(sys(__NR_wait4, a, &status, WNOHANG, NULL), 0);
    assert_int_equal(sys(__NR_wait4, -sys(__NR_getpgrp), &status, WNOHANG, NULL), 0);
    assert_int_equal(sys(__NR_wait4, -12345, &status, WNOHANG, NULL), -ECHILD);
    assert_int_equal(sys(__NR_wait4, a, &status, 0x100, NULL), -EINVAL);
    struct rusage usage;
    assert_int_equal(sys(__NR_wait4, 0, &status, 0, &usage), a);
    assert_int_equal(status, 0);
}

static void test_wait4_gives_each_child_once(void **state)
{
    assert_int_equal(run(guest_wait), 0);
}

/* The child has this process's memory, so its most is what was mapped here. */
static void guest_most_memory(void)
{
    struct rusage usage, of_children;
    assert_int_equal(sys(__NR_getrusage, RUSAGE_CHILDREN, &of_children), 0);
    assert_int_equal(of_children.ru_maxrss, 0);
    int64_t at = sys(__NR_mmap, NULL, 8 << 20, 3, 0x4022 /* private, anonymous, without reserve */, -1, 0);
    assert_true(at > 0);
    int64_t pid = child(exits, (void *)0);
    assert_int_equal(sys(__NR_wait4, pid, NULL, 0, &usage), pid);
    assert_true(usage.ru_maxrss >= 8 << 10); /* KiB */
    assert_int_equal(sys(__NR_getrusage, RUSAGE_CHILDREN, &of_children), 0);
    assert_int_equal(of_children.ru_maxrss, usage.ru_maxrss);
    assert_int_equal(sys(__NR_munmap, at, 8 << 20), 0);
    assert_int_equal(sys(__NR_getrusage, RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss >= 8 << 10); /* the most that it ever was */
}

static void test_most_memory_of_a_child_is_told_when_it_has_ended(void **state)
{
    assert_int_equal(run(guest_most_memory), 0);
}

static void guest_waitid(void)
{
    siginfo_t info;
    int64_t pid = child(exits, (void *)3);
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(sys(__NR_waitid, P_PID, pid, &info, WEXITED | WNOHANG, NULL), 0);
    assert_int_equal(info.si_pid, 0); /* not yet */
    assert_int_equal(sys(__NR_waitid, P_ALL, 0, &info, WEXITED | WNOWAIT, NULL), 0);
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(info.si_signo, SIGCHLD);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, 3);
    assert_int_equal(sys(__NR_waitid, P_PGID, 0, &info, WEXITED, NULL), 0); /* it was kept */
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(sys(__NR_waitid, P_ALL, 0, &info, WEXITED, NULL), -ECHILD);
    assert_int_equal(sys(__NR_waitid, P_ALL, 0, &info, 0, NULL), -EINVAL);
    assert_int_equal(sys(__NR_waitid, 9, 0, &info, WEXITED, NULL), -EINVAL);
    assert_int_equal(sys(__NR_waitid, P_PID, 0, &info, WEXITED, NULL), -EINVAL);
}

static void test_waitid_looks_without_taking(void **state)
{
    assert_int_equal(run(guest_waitid), 0);
}

static void guest_ignores_children(void)
{
    uint64_t action[4] = {(uint64_t)SIG_IGN, 0, 0, 0};
    assert_int_equal(sys(__NR_rt_sigaction, SIGCHLD, action, NULL, 8), 0);
    int64_t pid = child(exits, (void *)3);
    assert_int_equal(sys(__NR_wait4, pid, NULL, 0, NULL), -ECHILD); /* when it has ended: wait(2), notes */
    assert_int_equal(sys(__NR_kill, pid, 0), -ESRCH);
}

static void test_children_are_not_kept_for_who_ignores_sigchld(void **state)
{
    assert_int_equal(run(guest_ignores_children), 0);
}

static void leaves_a_thread(void *of)
{
    assert_true(guest_thread(sleeps, (void *)1000, NULL) > 0);
}

static void guest_ignores_child_without_leader(void)
{
    uint64_t action[4] = {(uint64_t)SIG_IGN, 0, 0, 0};
    assert_int_equal(sys(__NR_rt_sigaction, SIGCHLD, action, NULL, 8), 0);
    int64_t pid = child(leaves_a_thread, NULL);
    assert_int_equal(sys(__NR_wait4, pid, NULL, 0, NULL), -ECHILD);
    assert_int_equal(sys(__NR_kill, pid, 0), -ESRCH);
}

static void test_last_thread_without_its_leader_goes_with_the_process(void **state)
{
    assert_int_equal(run(guest_ignores_child_without_leader), 0);
}

static void guest_clone_child(void)
{
    int64_t pid = guest_clone(CLONE_VM | SIGUSR1, exits, (void *)3, NULL, NULL);
    uint64_t ignore[4] = {(uint64_t)SIG_IGN, 0, 0, 0};
    sys(__NR_rt_sigaction, SIGUSR1, ignore, NULL, 8);
    assert_int_equal(sys(__NR_wait4, -1, NULL, 0, NULL), -ECHILD);
    assert_int_equal(sys(__NR_wait4, -1, NULL, __WCLONE, NULL), pid);
    pid = guest_clone(CLONE_VM | SIGUSR1, exits, (void *)3, NULL, NULL);
    assert_int_equal(sys(__NR_wait4, -1, NULL, __WALL, NULL), pid);
}

static void test_children_with_another_signal_are_clone_children(void **state)
{
    assert_int_equal(run(guest_clone_child), 0);
}

static void leaves_a_grandchild(void *of)
{
    *(volatile int64_t *)of = guest_clone(CLONE_VM | SIGCHLD, sleeps, (void *)1000, NULL, NULL);
    sys(__NR_exit, 0);
}

static void says_parent(void *of)
{
    (void)of;
    sleep_ns(100);
    value = (int)sys(__NR_getppid);
}

static void leaves_one_that_says(void *of)
{
    *(volatile int64_t *)of = guest_clone(CLONE_VM | SIGCHLD, says_parent, NULL, NULL, NULL);
    sys(__NR_exit, 0);
}

static void guest_orphans(void)
{
    volatile int64_t grandchild = 0;
    wait_status(child(leaves_a_grandchild, (void *)&grandchild));
    assert_int_equal(wait_status(grandchild), 0); /* the first process is its parent now */
    wait_status(child(leaves_one_that_says, (void *)&grandchild));
    assert_int_equal(wait_status(grandchild), 0);
    assert_int_equal(value, 1);
}

static void test_orphans_go_to_the_first_process(void **state)
{
    assert_int_equal(run(guest_orphans), 0);
}

static void reaps(void *of)
{
    volatile int64_t grandchild = 0;
    (void)of;
    assert_int_equal(sys(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    wait_status(child(leaves_one_that_says, (void *)&grandchild));
    wait_status(grandchild);
    assert_int_equal(value, sys(__NR_getpid));
}

static void guest_subreaper(void)
{
    assert_int_equal(wait_status(child(reaps, NULL)), 0);
    assert_int_not_equal(value, 0);
}

static void test_subreaper_takes_orphans(void **state)
{
    assert_int_equal(run(guest_subreaper), 0);
}

static void wants_to_be_told(void *of)
{
    (void)of;
    sys(__NR_prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    sleep_ns(1000000);
    value = 1;
}

static void starts_one_and_ends(void *of)
{
    *(volatile int64_t *)of = child(wants_to_be_told, NULL);
    sleep_ns(100);
}

static void guest_parent_dies(void)
{
    volatile int64_t grandchild;
    wait_status(child(starts_one_and_ends, (void *)&grandchild));
    assert_int_equal(wait_status(grandchild), SIGTERM);
    assert_int_equal(value, 0);
}

static void test_parent_death_signal_is_sent(void **state)
{
    assert_int_equal(run(guest_parent_dies), 0);
}

/* ---- groups and sessions ---- */

static void new_session(void *of)
{
    (void)of;
    int64_t pid = sys(__NR_getpid);
    assert_int_equal(sys(__NR_getsid, 0), 1);
    assert_int_equal(sys(__NR_setsid), pid);
    assert_int_equal(sys(__NR_getsid, 0), pid);
    assert_int_equal(sys(__NR_getpgrp), pid);
    assert_int_equal(sys(__NR_setsid), -EPERM);
    assert_int_equal(sys(__NR_setpgid, 0, 0), -EPERM); /* a session's leader */
    seen = 1;
}

static void guest_groups(void)
{
    assert_int_equal(sys(__NR_setsid), -EPERM); /* the first process leads one already */
    wait_status(child(new_session, NULL));
    assert_int_equal(seen, 1);
    int64_t pid = child(sleeps, (void *)1000);
    assert_int_equal(sys(__NR_setpgid, pid, 0), 0);
    assert_int_equal(sys(__NR_getpgid, pid), pid);
    assert_int_equal(sys(__NR_setpgid, pid, 999), -EPERM);
    assert_int_equal(sys(__NR_setpgid, pid, -1), -EINVAL);
    assert_int_equal(sys(__NR_setpgid, 999, 0), -ESRCH);
    assert_int_equal(sys(__NR_kill, -pid, SIGTERM), 0);
    assert_int_equal(wait_status(pid), SIGTERM);
    assert_int_equal(sys(__NR_kill, -pid, SIGTERM), -ESRCH);
}

static void test_groups_and_sessions(void **state)
{
    assert_int_equal(run(guest_groups), 0);
}

/* ---- pidfds ---- */

static void guest_pidfd(void)
{
    siginfo_t info;
    int64_t pid = child(sleeps, (void *)1000), fd = sys(__NR_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    struct pollfd p = {.fd = (int)fd, .events = POLLIN};
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 0);
    assert_int_equal(sys(__NR_pidfd_send_signal, fd, 0, NULL, 0), 0);
    assert_int_equal(sys(__NR_poll, &p, 1, -1), 1);
    assert_int_equal(p.revents, POLLIN);
    assert_int_equal(sys(__NR_waitid, P_PIDFD, fd, &info, WEXITED, NULL), 0);
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(sys(__NR_pidfd_send_signal, fd, SIGTERM, NULL, 0), -ESRCH);
    assert_int_equal(sys(__NR_waitid, P_PIDFD, fd, &info, WEXITED, NULL), -ECHILD);
    assert_int_equal(sys(__NR_close, fd), 0);
    assert_int_equal(sys(__NR_pidfd_open, pid, 0), -ESRCH);
    assert_int_equal(sys(__NR_pidfd_open, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_pidfd_open, 1, 1), -EINVAL);
    assert_int_equal(sys(__NR_pidfd_send_signal, 0, SIGTERM, NULL, 0), -EBADF);
}

static void test_pidfd_is_ready_when_the_process_has_ended(void **state)
{
    assert_int_equal(run(guest_pidfd), 0);
}

/* ---- execve ---- */

static int64_t execute(const char *path, const char *argument)
{
    char *argv[] = {user_string(path), argument ? user_string(argument) : NULL, NULL}, *envp[] = {NULL};
    return sys(__NR_execve, user_string(path), argv, envp);
}

static void make(const char *path, const char *content, uint32_t mode)
{
    int64_t fd = sys(__NR_open, user_string(path), O_CREAT | O_WRONLY | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, user_string(content), strlen(content)), strlen(content));
    assert_int_equal(sys(__NR_close, fd), 0);
}

static void guest_exec_refusals(void)
{
    make("/plain", "echo no program\n", 0644);
    make("/text", "echo no program\n", 0755);
    make("/empty", "", 0755);
    make("/none", "#!\n", 0755);
    make("/blank", "#!  \t \n", 0755);
    make("/missing", "#!/nowhere/sh -e\n", 0755);
    make("/circle", "#!/circle\n", 0755);
    make("/over", "#!/text\n", 0755);
    assert_int_equal(execute("/nowhere", NULL), -ENOENT);
    assert_int_equal(execute("/plain", NULL), -EACCES);
    assert_int_equal(execute("/", NULL), -EACCES);
    assert_int_equal(execute("/text/x", NULL), -ENOTDIR);
    assert_int_equal(execute("/text", NULL), -ENOEXEC);
    assert_int_equal(execute("/empty", NULL), -ENOEXEC);
    assert_int_equal(execute("/none", NULL), -ENOEXEC);
    assert_int_equal(execute("/blank", NULL), -ENOEXEC);
    assert_int_equal(execute("/missing", NULL), -ENOENT);
    assert_int_equal(execute("/circle", NULL), -ELOOP);
    assert_int_equal(sys(__NR_symlink, user_string("/text"), user_string("/link")), 0);
    assert_int_equal(sys(__NR_execveat, -100, user_string("/link"), NULL, NULL, 0x100 /* AT_SYMLINK_NOFOLLOW */),
                     -ELOOP);
    assert_int_equal(execute("/over", NULL), -ENOEXEC);
    assert_int_equal(sys(__NR_execve, NULL, NULL, NULL), -EFAULT);
    assert_int_equal(sys(__NR_execve, user_string(""), NULL, NULL), -ENOENT);
    assert_int_equal(sys(__NR_execve, user_string("/over"), (void *)8, NULL), -EFAULT);
    assert_int_equal(sys(__NR_execveat, 99, user_string(""), NULL, NULL, AT_EMPTY), -EBADF);
    assert_int_equal(sys(__NR_execveat, 0, user_string("/over"), NULL, NULL, 1), -EINVAL);
    int64_t fd = sys(__NR_open, user_string("/text"), O_WRONLY, 0);
    assert_int_equal(execute("/text", NULL), -ETXTBSY);
    sys(__NR_close, fd);
}

static void test_execve_refuses_by_the_right_errno(void **state)
{
    assert_int_equal(run(guest_exec_refusals), 0);
}

static void guest_exec_too_big(void)
{
    enum { N = 200000 };
    char *big = user_alloc(N), *argv[] = {user_string("x"), big, NULL};
    make("/over", "#!/over2\n", 0755);
    make("/text", "x", 0755);
    memset(big, 'a', N - 1);
    assert_int_equal(sys(__NR_execve, user_string("/text"), argv, NULL), -E2BIG); /* one string over 128 KiB */
    big[100000] = 0;
    char *many_args[32];
    for (int i = 0; i < 31; i++)
        many_args[i] = big;
    many_args[31] = NULL;
    assert_int_equal(sys(__NR_execve, user_string("/text"), many_args, NULL), -E2BIG);
    many_args[10] = NULL;
    assert_int_equal(sys(__NR_execve, user_string("/text"), many_args, NULL), -ENOEXEC);
    /* Without a NULL at its end the vector ends where memory does. */
    uint64_t *open_end = user_guarded(4096);
    for (int i = 0; i < 512; i++)
        open_end[i] = (uintptr_t)big + 99999;
    assert_int_equal(sys(__NR_execve, user_string("/text"), open_end, NULL), -EFAULT);
}

static void test_execve_bounds_its_strings(void **state)
{
    assert_int_equal(run(guest_exec_too_big), 0);
}

/* ---- what a task says of itself ---- */

static void guest_prctl(void)
{
    char name[16];
    int32_t n = -1;
    assert_int_equal(sys(__NR_prctl, PR_SET_NAME, user_string("a-very-long-name-indeed"), 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_GET_NAME, name, 0, 0, 0), 0);
    assert_string_equal(name, "a-very-long-nam");
    assert_int_equal(sys(__NR_prctl, PR_SET_NAME, user_string("b"), 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_GET_NAME, name, 0, 0, 0), 0);
    assert_string_equal(name, "b");
    assert_int_equal(name[15], 0);
    assert_int_equal(sys(__NR_prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_prctl, PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_GET_PDEATHSIG, &n, 0, 0, 0), 0);
    assert_int_equal(n, SIGHUP);
    assert_int_equal(sys(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    assert_int_equal(sys(__NR_prctl, 12345, 0, 0, 0, 0), -EINVAL);
    uint64_t base = 0;
    assert_int_equal(sys(__NR_arch_prctl, ARCH_GET_GS, &base), 0);
    assert_int_equal(base, 0);
    assert_int_equal(sys(__NR_arch_prctl, ARCH_SET_GS, 0x7ffffffff000), -EPERM);
    assert_int_equal(sys(__NR_arch_prctl, 0x9999, 0), -EINVAL);
}

static void test_prctl_keeps_what_it_is_told(void **state)
{
    assert_int_equal(run(guest_prctl), 0);
}

static void guest_limits(void)
{
    uint64_t l[2], more[2] = {100, 50};
    assert_int_equal(sys(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, l), 0);
    assert_int_equal(l[0], 1024);
    assert_int_equal(sys(__NR_prlimit64, 0, RLIMIT_NOFILE, more, NULL), -EINVAL);
    assert_int_equal(sys(__NR_prlimit64, 0, RLIM_NLIMITS, NULL, l), -EINVAL);
    assert_int_equal(sys(__NR_prlimit64, 999, RLIMIT_NOFILE, NULL, l), -ESRCH);
    more[0] = 20;
    assert_int_equal(sys(__NR_setrlimit, RLIMIT_NOFILE, more), 0);
    assert_int_equal(sys(__NR_getrlimit, RLIMIT_NOFILE, l), 0);
    assert_int_equal(l[0], 20);
    assert_int_equal(l[1], 50);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    more[1] = 60;
    assert_int_equal(sys(__NR_setrlimit, RLIMIT_NOFILE, more), -EPERM);
}

static void test_limits_are_raised_by_the_privileged_alone(void **state)
{
    assert_int_equal(run(guest_limits), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_share_the_process),
        cmocka_unit_test(test_exit_group_of_a_thread_ends_the_process),
        cmocka_unit_test(test_process_lives_on_without_its_leader),
        cmocka_unit_test(test_threads_that_ended_are_given_back),
        cmocka_unit_test(test_processes_that_ended_leave_nothing),
        cmocka_unit_test(test_clone_refuses_what_makes_no_sense),
        cmocka_unit_test(test_fork_is_refused_by_name_where_memory_is_one),
        cmocka_unit_test(test_tasks_are_limited),
        cmocka_unit_test(test_parent_of_vfork_waits_for_its_child),
        cmocka_unit_test(test_vfork_child_that_is_killed_lets_its_parent_go),
        cmocka_unit_test(test_wait4_gives_each_child_once),
        cmocka_unit_test(test_most_memory_of_a_child_is_told_when_it_has_ended),
        cmocka_unit_test(test_waitid_looks_without_taking),
        cmocka_unit_test(test_children_are_not_kept_for_who_ignores_sigchld),
        cmocka_unit_test(test_last_thread_without_its_leader_goes_with_the_process),
        cmocka_unit_test(test_children_with_another_signal_are_clone_children),
        cmocka_unit_test(test_orphans_go_to_the_first_process),
        cmocka_unit_test(test_subreaper_takes_orphans),
        cmocka_unit_test(test_parent_death_signal_is_sent),
        cmocka_unit_test(test_groups_and_sessions),
        cmocka_unit_test(test_pidfd_is_ready_when_the_process_has_ended),
        cmocka_unit_test(test_execve_refuses_by_the_right_errno),
        cmocka_unit_test(test_execve_bounds_its_strings),
        cmocka_unit_test(test_prctl_keeps_what_it_is_told),
        cmocka_unit_test(test_limits_are_raised_by_the_privileged_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
