/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a hostile container hunts processes that are on their way in (`exec`): it attaches with
 * ptrace(2) before they have executed their program, when they may still lack the filter or hold more privilege.
 * Reports each catch with what the process was like: TRACED pid N name NAME seccomp S caps C. Nothing is done to them.
 *   exec_trace SECONDS, or until there is a file /stop
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void describe(int pid)
{
    char path[64], line[256], name[64] = "?", caps[64] = "?", seccomp[16] = "?";

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Name: %63s", name);
        sscanf(line, "CapEff: %63s", caps);
        sscanf(line, "Seccomp: %15s", seccomp);
    }
    if (f)
        fclose(f);
    printf("TRACED pid %d name %s seccomp %s caps %s\n", pid, name, seccomp, caps);
}

int main(int argc, char **argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 3);
    int next = getpid() + 1;
    long seen = 0, refused = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (now() < end && access("/stop", F_OK) < 0) {
        for (int i = 0; i < 1000; i++) {
            int hit = 0;
            for (int ahead = 0; ahead < 3 && !hit; ahead++) {
                if (ptrace(PTRACE_SEIZE, next + ahead, 0, 0) == 0)
                    hit = next + ahead;
                else if (errno == EPERM)
                    refused++, seen = next + ahead > seen ? next + ahead : seen;
            }
            if (hit) {
                describe(hit);
                ptrace(PTRACE_DETACH, hit, 0, 0);
                next = hit + 1;
            }
        }
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        while (next <= seen && kill(next, 0) < 0)
            next++;
    }
    printf("refused %s\n", refused ? "yes" : "never");
    return 0;
}
