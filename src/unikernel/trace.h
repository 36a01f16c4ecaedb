/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a program uses, found out by one run of it: the user's command line is run on this host, as who calls
 * moat, with nothing put around it, and watched by ptrace(2) wherever a system call takes a path (seccomp(2) stops it
 * there and nowhere else). What counts are the files of the program's own processes, from its execve(2) on.
 */
#ifndef MOAT_UNIKERNEL_TRACE_H
#define MOAT_UNIKERNEL_TRACE_H

#include "policy/list.h"

#include <sys/types.h>

struct traced {
    struct strv paths; /* absolute, there when they were first asked for, each once, in the order of the run */
    int status;        /* of the command line, as a shell has it: 128 + signal */
    bool ran;          /* the program was among what it ran */
};

/* Runs `command` by /bin/sh. dev, ino: the program's file. */
int trace_run(struct arena *a, const char *command, dev_t dev, ino_t ino, struct traced *out, struct err *err);

#endif
