/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of moat-jvm --no-exec: its answers by number, and what is left of a process behind it. */
#include "base/mem.h"
#include "bpf_arch.h"
#include "bpf_interp.h"
#include "jvm/fence.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILS(error) (SECCOMP_RET_ERRNO | (error))

static void test_filter_refuses_programs_and_processes_alone(void **state)
{
    static const struct {
        const char *label;
        uint32_t arch;
        int number;
        uint64_t first;
        uint32_t verdict;
    } cases[] = {
        {"execve", NATIVE, SYS_execve, 0, FAILS(EACCES)},
        {"execveat", NATIVE, SYS_execveat, 0, FAILS(EACCES)},
        {"clone3", NATIVE, SYS_clone3, 0, FAILS(ENOSYS)},
        {"a process", NATIVE, SYS_clone, SIGCHLD, FAILS(EPERM)},
        {"a process as posix_spawn makes it", NATIVE, SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, FAILS(EPERM)},
        {"a process with a thread's bit too high", NATIVE, SYS_clone, (uint64_t)CLONE_THREAD << 32, FAILS(EPERM)},
        {"a thread", NATIVE, SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
         SECCOMP_RET_ALLOW},
        {"read", NATIVE, SYS_read, 0, SECCOMP_RET_ALLOW},
        {"openat", NATIVE, SYS_openat, 0, SECCOMP_RET_ALLOW},
        {"the last number", NATIVE, 0x3fffffff, 0, SECCOMP_RET_ALLOW},
#ifdef __x86_64__
        {"fork", NATIVE, SYS_fork, 0, FAILS(EPERM)},
        {"vfork", NATIVE, SYS_vfork, 0, FAILS(EPERM)},
        {"x32's execve", NATIVE, 0x40000000 | 520, 0, FAILS(ENOSYS)},
        {"x32's read", NATIVE, 0x40000000, 0, FAILS(ENOSYS)},
        {"a number below none", NATIVE, -1, 0, FAILS(ENOSYS)},
#endif
        {"another architecture's execve", FOREIGN, 11, 0, SECCOMP_RET_KILL_PROCESS},
    };
    const struct sock_fprog *p = jvm_fence_program();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_data data = {.arch = cases[i].arch, .nr = cases[i].number, .args = {cases[i].first}};
        struct bpf_run run;
        if (bpf_interp(p->filter, p->len, &data, &run) < 0 || run.verdict != cases[i].verdict)
            fail_msg("%s: %#x, expected %#x", cases[i].label, run.verdict, cases[i].verdict);
    }
}

static void *nothing(void *context)
{
    return context;
}

static int behind_it(void)
{
    char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};
    struct err err = {0};
    pthread_t thread;
    int status;
    pid_t pid;

    pid = fork(); /* with the guard off */
    if (pid == 0)
        _exit(7);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
        return 1;
    if (jvm_fence_raise(&err) < 0)
        return 2;
    if (fork() >= 0 || errno != EPERM)
        return 3;
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp) != EPERM)
        return 4;
    if (execve("/bin/true", argv, envp) == 0 || errno != EACCES)
        return 5;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 6;
    return 0;
}

static void test_process_behind_the_filter_has_threads_alone(void **state)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(behind_it());
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_refuses_programs_and_processes_alone),
        cmocka_unit_test(test_process_behind_the_filter_has_threads_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
