/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of a sandbox whose children make system calls at random: random_calls SEED ROUNDS. Each round has four
 * children of 400 calls each, with arguments that are often nearly right, and ends with whatever they have made being
 * killed. What is tested is the kernel below: it has to answer a sane question after each round. Prints one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS    463
#define CHILDREN 4
#define EACH     400
#define BUFFER   65536u

static uint64_t state;
static uint8_t *buffer;

static uint64_t any(void) /* xorshift */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const char *const names[] = {"/",
                                    "/tmp",
                                    "/tmp/a",
                                    "/tmp/b",
                                    "/proc/self",
                                    "/proc/self/mem",
                                    "/proc/self/fd/3",
                                    "/dev/null",
                                    "/dev/ptmx",
                                    "/dev/tty",
                                    "/proc/1",
                                    "..",
                                    "a",
                                    "/etc/passwd",
                                    "/proc/self/maps",
                                    "/tmp/a/b/c",
                                    "/dev/pts/0",
                                    "/proc/sys/kernel/pid_max",
                                    "/dev/shm/x",
                                    ""};

static void fill(uint8_t *at, size_t n)
{
    const char *name = names[any() % (sizeof names / sizeof *names)];
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t v = any();
        if (v % 4)
            v = v % 8 ? v >> 8 & 0xff : (uint64_t)(uintptr_t)buffer + (v >> 8) % BUFFER;
        memcpy(at + i, &v, 8);
    }
    if (any() % 2)
        memcpy(at, name, strlen(name) + 1);
}

static uint64_t address(void)
{
    switch (any() % 12) {
    case 0:
        return 0;
    case 1:
        return any();
    case 2:
        return 0x7fffffffe000u + any() % 8192 - 4096 + (any() % 2 ? 0x7fff00000000u : 0);
    case 3:
        return (uint64_t)(uintptr_t)buffer + BUFFER - any() % 64;
    default: {
        uint8_t *at = buffer + any() % (BUFFER - 4096) / 16 * 16;
        fill(at, 256);
        return (uint64_t)(uintptr_t)at;
    }
    }
}

static uint64_t argument(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     0x7f,
                                     0xff,
                                     0x1000,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x7fffffffffffffff,
                                     UINT64_MAX,
                                     UINT64_MAX - 99};
    switch (any() % 8) {
    case 0:
    case 1:
        return any() % 12; /* descriptors, small flags */
    case 2:
        return edges[any() % (sizeof edges / sizeof *edges)];
    case 3:
        return 1ull << any() % 64 | (any() % 2 ? 1ull << any() % 32 : 0);
    case 4:
        return any() % 3 ? any() % 70000 : any();
    default:
        return address();
    }
}

static void child(uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15 | 1;
    for (int i = 0; i < 16; i++)
        any();
    for (int i = 0; i < EACH; i++) {
        long nr = (long)(any() % CALLS);
        uint64_t v[6];
        for (int k = 0; k < 6; k++)
            v[k] = argument();
        if (nr == SYS_exit || nr == SYS_exit_group || (nr == SYS_rt_sigreturn && any() % 8))
            continue;
        syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
    }
    _exit(0);
}

static void fail(const char *what)
{
    printf("random_calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A few questions whose answers are known. */
static void sane(unsigned round)
{
    char text[32], back[32] = "";
    int ends[2], status;
    snprintf(text, sizeof text, "/tmp/sane %u", round);
    int fd = open(text, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, sizeof text) != sizeof text || pread(fd, back, sizeof back, 0) != sizeof back ||
        memcmp(text, back, sizeof text))
        fail("a file");
    close(fd);
    unlink(text);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (!pid)
        _exit(7);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
        fail("a child's status");
    if (pipe(ends) || write(ends[1], "x", 1) != 1 || read(ends[0], back, 1) != 1)
        fail("a pipe");
    close(ends[0]);
    close(ends[1]);
}

static void round_of(uint64_t seed)
{
    for (uint64_t i = 0; i < CHILDREN; i++)
        if (fork() == 0)
            child(seed * CHILDREN + i + 1);
    for (int waited = 0; waited < 10; waited++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            break;
        if (!pid)
            usleep(10000);
    }
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    uint64_t seed = strtoull(argv[1], NULL, 0);
    unsigned rounds = (unsigned)atoi(argv[2]);
    mkdir("/tmp", 01777);
    buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        fail("memory");
    signal(SIGPIPE, SIG_IGN);
    for (int s = 1; s < 65; s++)
        if (s != SIGCHLD) /* a child may send anything to process 1; a fault of its own is not ignored by that */
            signal(s, SIG_IGN);
    for (unsigned i = 0; i < rounds; i++) {
        round_of(seed + i);
        sane(i);
    }
    printf("random_calls: %u rounds, %u calls\n", rounds, rounds * CHILDREN * EACH);
    return 0;
}
