/* SPDX-License-Identifier: Apache-2.0 */
/* Between the readings of `moat compare` and the runs that they take. Life of a run: a command line of
 * compare_own_line() or compare_job_line() -> compare_run(), or compare_spawn() and compare_wait(). */
#ifndef MOAT_CLI_COMPARE_RUN_H
#define MOAT_CLI_COMPARE_RUN_H

#include "cli/compare.h"

#include <sys/types.h>

#define COMPARE_LIMIT_MS 120000 /* of a run of ours; the user's own job may take as long as it likes */

struct command_line {
    struct arena *a;
    char **v;
    size_t n, cap;
    bool full;
};

/* One of our own programs with its arguments; .a is set by the caller. `input`: with its standard input. `work`: with
 * the directory for files, whose name inside replaces the argument "{dir}". */
int compare_own_line(const struct compare *c, const struct compare_subject *s, const char *program,
                     const char *const *args, bool input, bool work, struct command_line *l, struct err *err);
/* The user's job: natively it is the command alone. */
int compare_job_line(const struct compare *c, const struct compare_subject *s, struct command_line *l, struct err *err);

struct running {
    pid_t pid;
    int pidfd;
};

/* Descriptors become its three streams; -1: /dev/null. 0 or -errno. */
int compare_spawn(char *const *argv, const int streams[3], struct running *run);
/* Its exit status, as a shell has it. At the time limit (0: none), or when we are interrupted, it is asked to end, and
 * then what it keeps is killed, and then it. */
int compare_wait(struct running *run, int64_t limit_ms, struct err *err);
/* From start to end: the exit status, and *ns. 127, 126 and no time: there is no such program, or it cannot be
 * executed. */
int compare_run(char *const *argv, int out, int err_fd, int64_t limit_ms, double *ns, struct err *err);

/* Kills all processes below one, and not itself. */
void compare_kill_below(pid_t pid);

/* A file for what a run says: a descriptor or -errno. */
int compare_scratch(struct err *err);
/* Its last line that is not empty, printable; "it said nothing" when there is none. */
void compare_last_words(int fd, char *out, size_t size);

#endif
