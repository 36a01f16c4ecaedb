/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that use up one thing of the kernel that they run on: bombs NAME; without a name, the names. Each goes on
 * until it is refused, or ended; the first process, which started it, then ends what is left of it and says whether the
 * kernel goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static void forks(void)
{
    while (fork() >= 0)
        continue;
    usleep(200000);
}
static void anonymous(void)
{
    for (;;) {
        char *p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        memset(p, 1, 8 * MIB);
    }
}
/* Room that nobody counts before it is used. */
static void unreserved(void)
{
    char *p = mmap(NULL, 65536 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; p != MAP_FAILED && i < 65536 * MIB; i += 4096)
        p[i] = 1;
}
/* A page table for each page. */
static void tables(void)
{
    for (uint64_t at = 1ull << 40; at < 1ull << 46; at += 1ull << 30) {
        char *p =
            mmap((void *)(uintptr_t)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (p == MAP_FAILED)
            return;
        *p = 1;
    }
}
static void mappings(void)
{
    for (;;) {
        char *p = mmap(NULL, 64 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        for (size_t i = 0; i < 64 * MIB; i += 8192)
            if (mprotect(p + i, 4096, PROT_NONE))
                return;
    }
}
static void file(void)
{
    static char block[MIB];
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    while (write(fd, block, sizeof block) > 0)
        continue;
}
static void inodes(void)
{
    char name[64];
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "/tmp/%d", i);
        int fd = open(name, O_RDWR | O_CREAT, 0600);
        if (fd < 0)
            return;
        close(fd);
    }
}
static void memfds(void)
{
    static char block[MIB];
    for (;;) {
        int fd = memfd_create("bomb", 0);
        if (fd < 0 || write(fd, block, sizeof block) < 0)
            return;
        char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            return;
        close(fd);
    }
}
static void fill(int fd)
{
    static char block[65536];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, block, sizeof block) > 0)
        continue;
}
/* What is in pipes is the kernel's, in many processes. */
static void pipes(void)
{
    for (int n = 0; n < 200; n++) {
        if (fork())
            continue;
        int ends[2];
        while (pipe(ends) == 0)
            fcntl(ends[1], 1031 /* F_SETPIPE_SZ */, 1 << 20), fill(ends[1]);
        pause();
    }
    sleep(3);
}
static void sockets(void)
{
    for (int n = 0; n < 200; n++) {
        if (fork())
            continue;
        int ends[2];
        while (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0)
            fill(ends[0]), fill(ends[1]);
        pause();
    }
    sleep(3);
}
static void descriptors(void)
{
    for (int n = 0; n < 200; n++) {
        if (fork())
            continue;
        while (eventfd(0, 0) >= 0)
            continue;
        pause();
    }
    sleep(3);
}
static int spin(void *of)
{
    (void)of;
    for (;;)
        pause();
    return 0;
}
static void threads(void)
{
    for (;;) {
        char *stack = malloc(16384);
        if (!stack || clone(spin, stack + 16384,
                            CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) < 0)
            return;
    }
}
static void queued(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
        continue;
}
static void output(void)
{
    static char block[65536];
    for (int i = 0; i < 5000; i++)
        if (write(1, block, sizeof block) < 0)
            return;
}
static void kept(void) /* each child leaves one that nobody waits for */
{
    for (int i = 0; i < 2000; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return;
        if (!pid) {
            if (fork() == 0)
                pause();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} bombs[] = {{"forks", forks},     {"anonymous", anonymous},     {"unreserved", unreserved},
             {"tables", tables},   {"mappings", mappings},       {"file", file},
             {"inodes", inodes},   {"memfds", memfds},           {"pipes", pipes},
             {"sockets", sockets}, {"descriptors", descriptors}, {"threads", threads},
             {"queued", queued},   {"output", output},           {"kept", kept}};

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        if (argc < 2) {
            puts(bombs[i].name);
            continue;
        }
        if (strcmp(argv[1], bombs[i].name))
            continue;
        pid_t pid = fork();
        if (!pid) {
            setpgid(0, 0);
            bombs[i].run();
            _exit(0);
        }
        int status = 0;
        for (int k = 0; k < 1000 && waitpid(pid, &status, WNOHANG) == 0; k++)
            usleep(10000);
        kill(-pid, SIGKILL);
        kill(-1, SIGKILL);
        while (wait(NULL) > 0)
            continue;
        /* Afterwards there is room again. */
        pid = fork();
        if (!pid) {
            memset(malloc(4 * MIB), 1, 4 * MIB);
            _exit(0);
        }
        int fine = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
        fprintf(stderr, "bombs: %s\n", fine ? "the kernel goes on" : "nothing goes on");
        return !fine;
    }
    return 0;
}
