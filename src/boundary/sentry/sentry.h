/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry adaptor's own parts. */
#ifndef MOAT_BOUNDARY_SENTRY_SENTRY_H
#define MOAT_BOUNDARY_SENTRY_SENTRY_H

#include "boundary/boundary.h"

/* boundary.exec: a process of the kernel inside, made on request over engine.sock (exec.c). inst->exec_pid is a child
 * of ours that stands for it: it hands signals on, and ends as it ends. */
int sentry_exec(struct instance *inst, const struct process *pr, struct err *err);

#endif
