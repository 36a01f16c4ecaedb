/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker process beside an ordinary program: no wall around it, nothing refused, each use told (`moat learn`).
 *
 * Life: learning_begin() makes a child that waits, and the broker process -> learning_go() lets the child install its
 * filter and become the program -> lines come from `events` until all whose calls were shown have ended -> the caller
 * reaps .pid and .broker.
 */
#ifndef MOAT_BOUNDARY_BROKER_LEARNING_H
#define MOAT_BOUNDARY_BROKER_LEARNING_H

#include "base/err.h"
#include "base/mem.h"

#include <linux/filter.h>
#include <signal.h>
#include <sys/types.h>

struct learning {
    const char *path; /* of the program, as execve(2) is to take it */
    char *const *argv, *const *env;
    const struct sock_fprog *filter;
    const sigset_t *mask; /* of signals, for the program */

    pid_t pid;                   /* the program; a child of the caller */
    pid_t broker;                /* likewise */
    int pidfd, events, lifeline; /* owned by the caller; the broker's end is seen at `lifeline` */
    int start, report;           /* private */
    int listener;
};

/* The first three members are set. On failure nothing is left. */
int learning_begin(struct arena *a, struct learning *run, struct err *err);
/* -errno when the program cannot be executed or its calls cannot be shown; the child is then reaped. */
int learning_go(struct learning *run, struct err *err);

#endif
