/* SPDX-License-Identifier: Apache-2.0 */
/* What boundaries have in common whose workload runs in an engine of ours that is process 1 of the sandbox. */
#ifndef MOAT_BOUNDARY_ENGINE_H
#define MOAT_BOUNDARY_ENGINE_H

#include "boundary/boundary.h"

#include <signal.h>

/* boundary.offer where the engine moves a guest's fs and gs itself: a container's, and not without FSGSBASE. */
int engine_offer_fsgsbase(struct arena *a, struct offer *out);

/* A mask for it: that of `before` (NULL: the caller's), and what asks it to end besides. For process 1 a signal without
 * a handler is lost, so these wait until it has handlers and lets them through. */
sigset_t engine_hold_back(const sigset_t *before);

/* boundary.create over the broker's: `open_both` opens inst->program_fd, the engine, and inst->handed_fd, what it is to
 * run (`file`); both are closed again once the workload has them. */
int engine_create(struct instance *inst, const char *file,
                  int (*open_both)(struct instance *inst, const char *file, struct err *err), struct err *err);

/* A socket on which an engine answers requests of boundary/control.h: "engine.sock" in the sandbox's directory. A
 * listening descriptor for the engine; and for who asks, connected: -ENOTCONN when nobody listens. */
int engine_listen(struct instance *inst, struct err *err);
int engine_connect(const struct instance *inst, struct err *err);
/* What the engine is to have before it starts: a descriptor by a name, over a connection. */
int engine_give(int sock, const char *name, int fd, struct err *err);

#endif
