/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a process in a sandbox and the user's terminal, where the process is to have no terminal of its own. A
 * descriptor of the user's terminal would let it, and what it leaves behind, read what is typed later and write what
 * looks like the shell's. So it gets pipes, and a child of ours carries the bytes: we ourselves stay able to end
 * whatever the other side does to the pipes.
 *
 * Life: relay_prepare() puts pipes in the place of descriptors 0 to 2 that are terminals -> the process is made and
 * inherits them -> relay_start() puts the terminals back -> relay_finish() when the process has ended.
 */
#ifndef MOAT_CLI_RELAY_H
#define MOAT_CLI_RELAY_H

#include "base/err.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct relay {
    int terminal[3];       /* the user's, put aside; -1: not relayed */
    int ours[3];           /* our ends */
    int stop;              /* closed to end the child */
    pid_t pid;             /* of the child that carries; 0: none */
    _Atomic bool *writing; /* told by it: it is at the terminal, not at a pipe */
};

/* input: whether descriptor 0 is to be read at all. */
int relay_prepare(struct relay *r, bool input, struct err *err);
int relay_start(struct relay *r, struct err *err);
/* mask: of the signals that were blocked before. */
void relay_finish(struct relay *r, const sigset_t *mask);

#endif
