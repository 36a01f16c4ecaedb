/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the mount races.
 *   swap exchange A B           exchanges two names with renameat2(RENAME_EXCHANGE) until it is killed, in bursts:
 * without a rest a launcher that looks up eight names would never find all of them as they should be swap check TREE
 * FLAG        as a createContainer hook: makes FLAG when something is mounted at or below TREE swap repeat TRIES
 * PROGRAM [ARG...]   runs it TRIES times; prints how often it succeeded and failed
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

extern char **environ;

static int exchange(const char *a, const char *b)
{
    const struct timespec rest = {.tv_nsec = 3000000};

    for (;;) {
        /* An even number: in the rest each name is what it was. About 5 ms. */
        for (int i = 0; i < 2000; i++)
            if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0)
                return perror("renameat2"), 1;
        nanosleep(&rest, NULL);
    }
}

static int check(const char *tree, const char *flag)
{
    char line[8192];
    size_t n = strlen(tree);
    FILE *f = fopen("/proc/self/mountinfo", "re");

    while (f && fgets(line, sizeof line, f)) {
        strtok(line, " ");
        char *point = NULL;
        for (int field = 2; field <= 5; field++)
            point = strtok(NULL, " ");
        if (point && !strncmp(point, tree, n) && (!point[n] || point[n] == '/')) {
            int fd = open(flag, O_CREAT | O_WRONLY, 0600);
            return fd < 0;
        }
    }
    return !f;
}

static int repeat(long tries, char **argv)
{
    long good = 0, bad = 0;

    for (long i = 0; i < tries; i++) {
        pid_t pid;
        int status = -1;
        if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0)
            return perror(argv[0]), 1;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (status)
            bad++;
        else
            good++;
    }
    printf("%ld succeeded, %ld refused\n", good, bad);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "exchange"))
        return exchange(argv[2], argv[3]);
    if (argc == 4 && !strcmp(argv[1], "check"))
        return check(argv[2], argv[3]);
    if (argc >= 4 && !strcmp(argv[1], "repeat"))
        return repeat(atol(argv[2]), argv + 3);
    return 2;
}
