/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's profile and lists of ioctl commands on the kernel, where each refusal is first seen to be none. */
#include "seccomp_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
static int install(const struct bpf_program *prog)
{
    struct sock_fprog f = {.len = (unsigned short)prog->n, .filter = prog->insns};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}

/* What a raw call says in a child that has the terminal `tty` for its own, and the filter or none. */
static int in_child(const struct bpf_program *prog, const char *tty, long (*act)(int fd))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setsid();
        int fd = open(tty, O_RDWR);
        if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
            _exit(250);
        if (prog && install(prog) < 0)
            _exit(251);
        _exit((int)-act(fd));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 250);
    return WEXITSTATUS(status);
}

static long raw_ioctl(int fd, unsigned long command, const void *arg)
{
    return syscall(SYS_ioctl, fd, command, arg) < 0 ? -errno : 0;
}

static long type_plain(int fd)
{
    return raw_ioctl(fd, TIOCSTI, "x");
}
static long type_high(int fd)
{
    return raw_ioctl(fd, TIOCSTI | 1ul << 32, "x");
}
static long type_sign(int fd)
{
    return raw_ioctl(fd, TIOCSTI | ~0ul << 32, "x");
}
static long discipline_high(int fd)
{
    int n = 0;
    return raw_ioctl(fd, TIOCSETD | 1ul << 32, &n);
}
static long window_size(int fd)
{
    struct winsize w;
    return raw_ioctl(fd, TIOCGWINSZ, &w);
}
static long window_size_high(int fd)
{
    struct winsize w;
    return raw_ioctl(fd, TIOCGWINSZ | 1ul << 63, &w);
}
static long bytes_to_read(int fd)
{
    int n;
    return raw_ioctl(fd, FIONREAD, &n);
}
static long nonblocking(int fd)
{
    int n = 0;
    return raw_ioctl(fd, FIONBIO, &n);
}

static char tty_name[64];
static int open_pty(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), unlock = 0;

    assert_true(master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0);
    assert_int_equal(ptsname_r(master, tty_name, sizeof tty_name), 0);
    return master;
}

static void test_seccomp_broker_profile_on_the_kernel_refuses_typing_with_any_upper_half(void **state)
{
    static const struct {
        const char *label;
        long (*act)(int fd);
        int refused; /* errno */
    } cases[] = {{"TIOCSTI", type_plain, EPERM},
                 {"TIOCSTI with bit 32", type_high, EPERM},
                 {"TIOCSTI, sign-extended", type_sign, EPERM},
                 {"TIOCSETD with bit 32", discipline_high, EPERM},
                 {"TIOCGWINSZ", window_size, 0},
                 {"TIOCGWINSZ with bit 63", window_size_high, 0},
                 {"FIONREAD", bytes_to_read, 0}};
    struct seccomp_policy rules = broker_rules(0, false);
    struct bpf_program prog = compile(&rules, "broker");
    int master = open_pty();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int without = in_child(NULL, tty_name, cases[i].act), with = in_child(&prog, tty_name, cases[i].act);
        if (without)
            print_message("# %s: errno %d here without the filter too, so nothing is proven\n", cases[i].label,
                          without);
        if (with != (cases[i].refused ? cases[i].refused : without))
            fail_msg("%s: errno %d without the filter and %d with it, expected %d", cases[i].label, without, with,
                     cases[i].refused);
    }
    close(master);
}

/* The same rule as everybody else compiles it lets the character through: the control of the test above. */
static void test_seccomp_64_bit_comparison_on_the_kernel_is_passed_by_an_upper_bit(void **state)
{
    struct sock_filter insns[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},   {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, SYS_ioctl},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 28},  {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 24},  {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, TIOCSTI},
        {BPF_RET | BPF_K, 0, 0, ERRNO(EPERM)}, {BPF_RET | BPF_K, 0, 0, ALLOW},
    };
    struct bpf_program prog = {insns, ARRAY_LEN(insns)};
    int master = open_pty();

    (void)state;
    assert_int_equal(in_child(&prog, tty_name, type_plain), EPERM);
    if (in_child(NULL, tty_name, type_plain)) {
        print_message("# this host refuses TIOCSTI to all\n");
        close(master);
        skip();
    }
    assert_int_equal(in_child(&prog, tty_name, type_high), 0);
    struct pollfd echo = {.fd = master, .events = POLLIN};
    assert_int_equal(poll(&echo, 1, 5000), 1); /* the terminal repeats what was typed */
    close(master);
}

static void test_seccomp_ioctl_list_on_the_kernel_answers_as_a_device_that_does_not_know(void **state)
{
    struct ioctl_list list = list_of("TIOCGWINSZ,0x541B");
    struct seccomp_policy p = {.set = true, .default_action = ALLOW, .ioctls = &list};
    struct bpf_program prog = compile(&p, "list");
    int master = open_pty();

    (void)state;
    assert_int_equal(in_child(NULL, tty_name, nonblocking), 0);
    assert_int_equal(in_child(&prog, tty_name, nonblocking), ENOTTY);
    assert_int_equal(in_child(&prog, tty_name, type_high), ENOTTY);
    assert_int_equal(in_child(&prog, tty_name, window_size), 0);
    assert_int_equal(in_child(&prog, tty_name, window_size_high), 0);
    assert_int_equal(in_child(&prog, tty_name, bytes_to_read), 0);
    close(master);
}

static long second_listener(int fd)
{
    struct sock_filter all = {BPF_RET | BPF_K, 0, 0, ALLOW};
    struct sock_fprog f = {1, &all};

    (void)fd;
    long rc =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER | 1ul << 40, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1ul << 33, &f);
    return rc < 0 ? -errno : 0;
}
static long another_filter(int fd)
{
    struct sock_filter all = {BPF_RET | BPF_K, 0, 0, ALLOW};
    struct sock_fprog f = {1, &all};

    (void)fd;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}
static long raw_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_INET | 1ul << 32, SOCK_RAW, 1) < 0 ? -errno : 0;
}
static long route_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0) < 0 ? -errno : 0;
}
static long stream_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 6) < 0 ? -errno : 0;
}
static long user_namespace(int fd)
{
    (void)fd;
    long rc = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD | 1ul << 60, 0, 0, 0, 0);
    if (rc == 0)
        _exit(0);
    return rc < 0 ? -errno : 0;
}
static long pair(int fd)
{
    int v[2];
    (void)fd;
    return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, v) < 0 ? -errno : 0;
}

static void test_seccomp_broker_profile_on_the_kernel_refuses_with_the_errno_it_names(void **state)
{
    static const struct {
        const char *label;
        long (*act)(int fd);
        int refused;
    } cases[] = {{"a second listener", second_listener, EBUSY},
                 {"another filter", another_filter, 0},
                 {"a raw socket", raw_socket, EPERM},
                 {"a netlink socket", route_socket, EAFNOSUPPORT},
                 {"a TCP socket", stream_socket, 0},
                 {"a user namespace", user_namespace, EPERM},
                 {"a socket pair", pair, 0}};
    struct seccomp_policy rules = broker_rules(0, false);
    struct bpf_program prog = compile(&rules, "broker");
    int master = open_pty();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int without = in_child(NULL, tty_name, cases[i].act), with = in_child(&prog, tty_name, cases[i].act);
        if (without && cases[i].act != another_filter) /* which needs no_new_privs, or root */
            print_message("# %s: errno %d here without the filter too, so nothing is proven\n", cases[i].label,
                          without);
        if (with != (cases[i].refused || without == EACCES ? cases[i].refused : without))
            fail_msg("%s: errno %d without the filter and %d with it, expected %d", cases[i].label, without, with,
                     cases[i].refused);
    }
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seccomp_broker_profile_on_the_kernel_refuses_typing_with_any_upper_half),
        cmocka_unit_test(test_seccomp_64_bit_comparison_on_the_kernel_is_passed_by_an_upper_bit),
        cmocka_unit_test(test_seccomp_ioctl_list_on_the_kernel_answers_as_a_device_that_does_not_know),
        cmocka_unit_test(test_seccomp_broker_profile_on_the_kernel_refuses_with_the_errno_it_names),
    };
    return cmocka_run_group_tests(tests, seccomp_fixture_start, seccomp_fixture_end);
}
#else
int main(void)
{
    puts("needs x86-64");
    return 77;
}
#endif
