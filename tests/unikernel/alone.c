/* SPDX-License-Identifier: Apache-2.0 */
/* A program with one task and few calls, so its kernel has a scheduler and a heap for just that: it sleeps, is
 * signalled, takes memory and gives it back, and copies standard input, for which it waits. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int signo)
{
    caught = signo;
}

static int copy(void)
{
    static char bytes[65536];
    ssize_t n;

    while ((n = read(0, bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0, r; done < n; done += r)
            if ((r = write(1, bytes + done, (size_t)(n - done))) < 0)
                return 1;
    return n < 0;
}

/* Blocked but while it waits, so that it cannot come in front of that. */
static int wait_for_it(void)
{
    sigset_t set, before;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    puts("up");
    fflush(stdout);
    while (!caught)
        sigsuspend(&before);
    return 7;
}

static int memory(void)
{
    for (size_t i = 0; i < 1000; i++) {
        size_t n = 1 + i * 1009 % 400000;
        char *p = malloc(n);
        if (!p)
            return 1;
        memset(p, 1, n);
        free(p);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct timespec nap = {.tv_nsec = 20000000}, before, after;

    if (argc > 1 && !strcmp(argv[1], "copy"))
        return copy();
    signal(SIGTERM, on_signal);
    if (argc > 1 && !strcmp(argv[1], "wait"))
        return wait_for_it();
    if (argc > 1)
        *(volatile int *)16 = 1;
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&nap, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t ns = (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec;
    raise(SIGTERM);
    printf("slept %d, memory %d, signal %d\n", ns >= nap.tv_nsec, memory(), (int)caught);
    return 3;
}
