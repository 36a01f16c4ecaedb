/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor under a brokered open+close: a seccomp notification, an open, and the descriptor put into the target with
 * the answer. The program that answers looks at nothing: it opens the file it was told of, whatever the target asked
 * for. With --copied it does the least that an answer may rest on: it copies the path and asks whether the call still
 * waits. A broker's own work is what it costs beyond this.
 *
 *   notify_floor [--copied | --direct] [--calls N] FILE
 *
 * Prints nanoseconds per open+close: the fastest and the median of 20 rounds. Trusted input, for benchmarks only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20
/* Linux 6.6; older headers lack them. */
#define SET_FLAGS    _IOW('!', 4, uint64_t)
#define SYNC_WAKE_UP 1ul

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "notify_floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    const long *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int measure(const char *file, long calls)
{
    struct timespec from, to;
    long rounds[ROUNDS];

    for (int k = 0; k < ROUNDS; k++) {
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (long i = 0; i < calls / ROUNDS; i++) {
            int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
            if (fd < 0)
                die(file);
            close(fd);
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        rounds[k] = ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec) / (calls / ROUNDS);
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
    printf("%ld %ld\n", rounds[0], rounds[ROUNDS / 2]);
    return 0;
}

static int filter_openat(void)
{
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof insns / sizeof insns[0], insns};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static void pass_fd(int socket, int fd)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.h = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
    if (sendmsg(socket, &msg, 0) != 1)
        die("pass the listener");
}

static int take_fd(int socket)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int fd;

    if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
        die("take the listener");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
    return fd;
}

static void answer(int listener, const char *file, bool copied)
{
    char path[256];

    ioctl(listener, SET_FLAGS, SYNC_WAKE_UP);
    for (;;) {
        struct seccomp_notif n = {0};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
            if (errno == ENOENT)
                return;
            continue;
        }
        if (copied) {
            struct iovec mine = {path, sizeof path}, its = {(void *)(uintptr_t)n.data.args[1], sizeof path};
            if (process_vm_readv((pid_t)n.pid, &mine, 1, &its, 1, 0) <= 0 ||
                ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) < 0)
                continue;
        }
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        struct seccomp_notif_addfd add = {
            .id = n.id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (unsigned)fd, .newfd_flags = O_CLOEXEC};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    bool copied = false, direct = false;
    long calls = 100000;
    char **a = argv + 1;
    int pair[2], status;

    for (; *a && a[0][0] == '-'; a++) {
        copied |= !strcmp(*a, "--copied");
        direct |= !strcmp(*a, "--direct");
        if (!strcmp(*a, "--calls") && a[1])
            calls = atol(*++a);
    }
    if (!*a || calls < ROUNDS) {
        fprintf(stderr, "usage: notify_floor [--copied | --direct] [--calls N] FILE\n");
        return 2;
    }
    if (direct)
        return measure(*a, calls);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        int listener = filter_openat();
        if (listener < 0)
            die("filter");
        pass_fd(pair[1], listener);
        close(listener);
        exit(measure(*a, calls));
    }
    close(pair[1]);
    answer(take_fd(pair[0]), *a, copied);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
