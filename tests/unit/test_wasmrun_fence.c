/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of moat-wasm: its answers by number, and what is left of a process behind it. */
#include "base/mem.h"
#include "bpf_arch.h"
#include "bpf_interp.h"
#include "wasmrun/fence.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL  SECCOMP_RET_KILL_PROCESS
#define ALLOW SECCOMP_RET_ALLOW

static void test_filter_allows_what_wasi_and_the_engine_need_alone(void **state)
{
    const uint64_t itself = (uint64_t)getpid();
    const struct {
        const char *label;
        uint32_t arch;
        int number;
        uint64_t args[4];
        uint32_t verdict;
    } cases[] = {
        {"execve", NATIVE, SYS_execve, {0}, KILL},
        {"execveat", NATIVE, SYS_execveat, {0}, KILL},
        {"clone", NATIVE, SYS_clone, {SIGCHLD}, KILL},
        {"a thread", NATIVE, SYS_clone, {0x10f00}, KILL},
        {"clone3", NATIVE, SYS_clone3, {0}, KILL},
        {"socket", NATIVE, SYS_socket, {2, 1}, KILL},
        {"connect", NATIVE, SYS_connect, {0}, KILL},
        {"openat", NATIVE, SYS_openat, {0}, KILL},
        {"memfd_create", NATIVE, SYS_memfd_create, {0}, KILL},
        {"ptrace", NATIVE, SYS_ptrace, {0}, KILL},
        {"fchmod", NATIVE, SYS_fchmod, {0}, KILL},
        {"mount", NATIVE, SYS_mount, {0}, KILL},
        {"io_uring_setup", NATIVE, SYS_io_uring_setup, {0}, KILL},
        {"personality", NATIVE, SYS_personality, {0}, KILL},
        {"the last number", NATIVE, 0x3fffffff, {0}, KILL},
        {"memory to execute", NATIVE, SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC}, KILL},
        {"memory to write and execute", NATIVE, SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}, KILL},
        {"memory made executable", NATIVE, SYS_mprotect, {0, 4096, PROT_EXEC}, KILL},
        {"executable, and a bit too high beside it", NATIVE, SYS_mmap, {0, 4096, UINT64_C(1) << 32 | PROT_EXEC}, KILL},
        {"memory", NATIVE, SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE}, ALLOW},
        {"memory that grows", NATIVE, SYS_mprotect, {0, 4096, PROT_READ | PROT_WRITE}, ALLOW},
        {"how large the terminal is", NATIVE, SYS_ioctl, {1, TIOCGWINSZ}, ALLOW},
        {"how much there is to read", NATIVE, SYS_ioctl, {0, FIONREAD}, ALLOW},
        {"typing into the terminal", NATIVE, SYS_ioctl, {0, TIOCSTI}, SECCOMP_RET_ERRNO | ENOTTY},
        {"the same with a high bit", NATIVE, SYS_ioctl, {0, UINT64_C(1) << 32 | TIOCSTI}, SECCOMP_RET_ERRNO | ENOTTY},
        {"what is sent on a connection", NATIVE, SYS_sendmsg, {5, 0, MSG_NOSIGNAL | MSG_DONTWAIT}, ALLOW},
        {"a connection by sending", NATIVE, SYS_sendmsg, {5, 0, MSG_NOSIGNAL | MSG_FASTOPEN}, KILL},
        {"the same to an address", NATIVE, SYS_sendto, {5, 0, 0}, KILL},
        {"memory that grows elsewhere", NATIVE, SYS_mremap, {0, 4096, 8192, MREMAP_MAYMOVE}, ALLOW},
        {"memory that shrinks", NATIVE, SYS_mremap, {0, 8192, 4096, 0}, ALLOW},
        {"a copy of a mapping", NATIVE, SYS_mremap, {0, 0, 4096, MREMAP_MAYMOVE}, KILL},
        {"the same, of a size that is rounded to 0", NATIVE, SYS_mremap, {0, UINT64_MAX, 4096, MREMAP_MAYMOVE}, KILL},
        {"a copy that leaves the first", NATIVE, SYS_mremap, {0, 4096, 4096, MREMAP_MAYMOVE | 4}, KILL},
        {"a mapping put over another", NATIVE, SYS_mremap, {0, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED}, KILL},
        {"flags of a descriptor", NATIVE, SYS_fcntl, {3, F_GETFL}, ALLOW},
        {"the same set", NATIVE, SYS_fcntl, {3, F_SETFL, O_NONBLOCK}, ALLOW},
        {"another descriptor", NATIVE, SYS_fcntl, {3, F_DUPFD_CLOEXEC}, ALLOW},
        {"whom it tells", NATIVE, SYS_fcntl, {3, F_SETOWN, 5}, KILL},
        {"the same with a high bit", NATIVE, SYS_fcntl, {3, UINT64_C(1) << 32 | F_SETOWN, 5}, KILL},
        {"the same by a structure", NATIVE, SYS_fcntl, {3, 15}, KILL},
        {"by which signal", NATIVE, SYS_fcntl, {3, 10, SIGKILL}, KILL},
        {"a lease", NATIVE, SYS_fcntl, {3, 1024}, KILL},
        {"changes of a directory", NATIVE, SYS_fcntl, {3, 1026}, KILL},
        {"a lock", NATIVE, SYS_fcntl, {3, F_SETLK}, KILL},
        {"a command that is none", NATIVE, SYS_fcntl, {3, UINT32_MAX}, KILL},
        {"a signal to itself", NATIVE, SYS_tgkill, {itself, itself, SIGURG}, ALLOW},
        {"to another", NATIVE, SYS_tgkill, {itself + 1, itself + 1, SIGURG}, KILL},
        {"to all", NATIVE, SYS_tgkill, {UINT64_MAX, 1, SIGURG}, KILL},
        {"a signal to its thread", NATIVE, SYS_tkill, {itself, SIGURG}, ALLOW},
        {"to another's", NATIVE, SYS_tkill, {itself + 1, SIGKILL}, KILL},
        {"to nobody's", NATIVE, SYS_tkill, {0, SIGKILL}, KILL},
        {"on which file system it is", NATIVE, SYS_fstatfs, {3}, ALLOW},
        {"read", NATIVE, SYS_read, {0}, ALLOW},
        {"write", NATIVE, SYS_write, {0}, ALLOW},
        {"openat2", NATIVE, SYS_openat2, {0}, ALLOW},
        {"exit_group", NATIVE, SYS_exit_group, {0}, ALLOW},
#ifdef __x86_64__
        {"fork", NATIVE, SYS_fork, {0}, KILL},
        {"open", NATIVE, SYS_open, {0}, KILL},
        {"x32's read", NATIVE, 0x40000000, {0}, KILL},
        {"a number below none", NATIVE, -1, {0}, KILL},
#endif
        {"another architecture's exit", FOREIGN, 1, {0}, KILL},
    };
    const struct sock_fprog *p = wasmrun_fence_program(WASMRUN_FENCE_RUN);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_data data = {.arch = cases[i].arch, .nr = cases[i].number};
        struct bpf_run run;
        for (int a = 0; a < 4; a++)
            data.args[a] = cases[i].args[a];
        if (bpf_interp(p->filter, p->len, &data, &run) < 0 || run.verdict != cases[i].verdict)
            fail_msg("%s: %#x, expected %#x", cases[i].label, run.verdict, cases[i].verdict);
    }
}

/* What is not in this list is not allowed: a call more is a decision. Those with a condition are allowed here, where
 * arguments are 0 but as these say, and ioctl is not. */
static uint64_t usual(int number, int argument)
{
    if ((number == SYS_tkill || number == SYS_tgkill) && argument == 0)
        return (uint64_t)getpid();
    return number == SYS_mremap && argument == 1 ? 4096 : 0;
}

static void test_filter_is_its_list_and_nothing_else(void **state)
{
    static const int allowed[] = {
        SYS_read,        SYS_write,      SYS_readv,        SYS_writev,         SYS_pread64,      SYS_pwrite64,
        SYS_preadv,      SYS_preadv2,    SYS_pwritev,      SYS_pwritev2,       SYS_lseek,        SYS_fsync,
        SYS_fdatasync,   SYS_fadvise64,  SYS_fallocate,    SYS_ftruncate,      SYS_close,        SYS_openat2,
        SYS_fstat,       SYS_newfstatat, SYS_statx,        SYS_getdents64,     SYS_readlinkat,   SYS_mkdirat,
        SYS_unlinkat,    SYS_renameat,   SYS_renameat2,    SYS_linkat,         SYS_symlinkat,    SYS_utimensat,
        SYS_fstatfs,     SYS_fcntl,      SYS_dup,          SYS_dup3,           SYS_ppoll,        SYS_accept4,
        SYS_recvmsg,     SYS_shutdown,   SYS_getsockopt,   SYS_clock_gettime,  SYS_clock_getres, SYS_clock_nanosleep,
        SYS_nanosleep,   SYS_getrandom,  SYS_sched_yield,  SYS_munmap,         SYS_mremap,       SYS_madvise,
        SYS_brk,         SYS_futex,      SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall,
        SYS_sigaltstack, SYS_setitimer,  SYS_getpid,       SYS_gettid,         SYS_tkill,        SYS_tgkill,
        SYS_exit,        SYS_exit_group, SYS_mmap,         SYS_mprotect,       SYS_sendmsg,
#ifdef __x86_64__
        SYS_dup2,        SYS_poll,
#endif
    };
    const struct sock_fprog *p = wasmrun_fence_program(WASMRUN_FENCE_RUN);

    for (int number = 0; number < 1024; number++) {
        struct seccomp_data data = {.arch = NATIVE, .nr = number};
        for (int a = 0; a < 2; a++)
            data.args[a] = usual(number, a);
        uint32_t expected = number == SYS_ioctl ? SECCOMP_RET_ERRNO | ENOTTY : KILL;
        struct bpf_run run;
        for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
            expected = allowed[i] == number ? ALLOW : expected;
        if (bpf_interp(p->filter, p->len, &data, &run) < 0 || run.verdict != expected)
            fail_msg("call %d: %#x, expected %#x", number, run.verdict, expected);
    }
}

enum deed { DEED_NONE, DEED_FORK, DEED_MEMORY, DEED_CODE, DEEDS };

static int behind_it(enum deed deed)
{
    struct err err = {0};
    void *p;

    if (wasmrun_fence_raise(WASMRUN_FENCE_RUN, &err) < 0)
        return 2;
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 3;
    if (deed == DEED_FORK)
        return fork() == 0 ? 4 : 5;
    if (deed == DEED_MEMORY)
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 6 : 7;
    if (deed == DEED_CODE)
        return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ? 8 : 9;
    return 0;
}

static void test_process_behind_the_filter_dies_of_what_it_may_not_do(void **state)
{
    for (int deed = DEED_NONE; deed < DEEDS; deed++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0)
            _exit(behind_it((enum deed)deed));
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (deed == DEED_NONE ? status != 0 : !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("deed %d: status %#x", deed, (unsigned)status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_allows_what_wasi_and_the_engine_need_alone),
        cmocka_unit_test(test_filter_is_its_list_and_nothing_else),
        cmocka_unit_test(test_process_behind_the_filter_dies_of_what_it_may_not_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
