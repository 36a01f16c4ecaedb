/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times one system call under filters: filtered CALL ROUNDS CALLS FILTER... Each FILTER is a file of struct sock_filter
 * and gets a process of its own that installs it. In each round every process makes CALLS calls, one process after the
 * other, the first one later by one each round, so that a disturbance hits all of them. Prints "INDEX NANOSECONDS" for
 * each batch. CALL is getppid, whose number decides alone, or personality, whose argument is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILTERS_MOST 16

static int channels[FILTERS_MOST];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void install(const char *path)
{
    static struct sock_filter insns[BPF_MAXINSNS];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, insns, sizeof insns);

    if (n <= 0 || n % (ssize_t)sizeof insns[0])
        die(path);
    close(fd);
    struct sock_fprog prog = {(unsigned short)((size_t)n / sizeof insns[0]), insns};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
        die("seccomp");
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t); /* the vDSO's: no system call */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void serve(const char *path, int channel, long number, long argument, long calls)
{
    char order;

    install(path);
    if (syscall(number, argument) < 0)
        die("the call is refused under this filter");
    while (read(channel, &order, 1) == 1) {
        uint64_t start = now();
        for (long i = 0; i < calls; i++)
            syscall(number, argument);
        uint64_t ns = now() - start;
        if (write(channel, &ns, sizeof ns) != sizeof ns)
            break;
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc - 4 > FILTERS_MOST) {
        fprintf(stderr, "usage: filtered getppid|personality ROUNDS CALLS FILTER...\n");
        return 2;
    }
    bool plain = !strcmp(argv[1], "getppid");
    long number = plain ? SYS_getppid : SYS_personality, argument = plain ? 0 : 0xffffffffl;
    long rounds = atol(argv[2]), calls = atol(argv[3]);
    int n = argc - 4;

    for (int i = 0; i < n; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            die("socketpair");
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            for (int k = 0; k < i; k++)
                close(channels[k]);
            close(pair[0]);
            serve(argv[4 + i], pair[1], number, argument, calls);
        }
        close(pair[1]);
        channels[i] = pair[0];
    }
    for (long round = 0; round < rounds; round++)
        for (int k = 0; k < n; k++) {
            int at = (int)((round + k) % n);
            uint64_t ns;
            if (write(channels[at], "x", 1) != 1 || read(channels[at], &ns, sizeof ns) != sizeof ns) {
                fprintf(stderr, "filtered: %s: its process has ended\n", argv[4 + at]);
                return 1;
            }
            printf("%d %llu\n", at, (unsigned long long)ns);
        }
    for (int i = 0; i < n; i++)
        close(channels[i]);
    while (wait(NULL) > 0)
        ;
    return 0;
}
