/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry adaptor's own parts. */
#ifndef MOAT_BOUNDARY_SENTRY_SENTRY_H
#define MOAT_BOUNDARY_SENTRY_SENTRY_H

#include "boundary/boundary.h"

/* boundary.exec: a process of the kernel inside, made on request over engine.sock (exec.c). inst->exec_pid is a child
 * of ours that stands for it: it hands signals on, and ends as it ends. */
int sentry_exec(struct instance *inst, const struct process *pr, struct err *err);

/* gofer.c. With engine.sock there: a socket between sentry and gofer, where the sandbox has volumes, one end handed to
 * the sentry, the other kept in inst->gofer_fd; and behind create(), the gofer with it. */
int gofer_prepare(struct instance *inst, struct err *err);
int gofer_start(struct instance *inst, struct err *err);

#endif
