/* SPDX-License-Identifier: Apache-2.0 */
/* The broker adaptor's own parts: the container's machinery, and beside it the process that answers calls. */
#ifndef MOAT_BOUNDARY_BROKER_ADAPTOR_H
#define MOAT_BOUNDARY_BROKER_ADAPTOR_H

#include "boundary/boundary.h"
#include "host/helper.h"

/* Whether the policy has an item that only the broker process can enforce or report. */
bool broker_is_needed(const struct policy *p);

/* broker.c: the verbs that are the broker's own, for boundaries that stand on it. */
int broker_create(struct instance *inst, struct err *err);
int broker_destroy(struct instance *inst, struct err *err);

/* spawn.c. A tree that mount_clone() gave, private, without set-id bits and devices, is seen from the user namespace so
 * that its root there owns what the tree's owner owns. said: what asked for it, for the sentence. */
int broker_shift_tree(struct instance *inst, int fd, int userns, const char *said, struct err *err);

/* spawn.c. Before create(): the socket for moat-enter's listener and the lifeline, in inst. */
int broker_prepare(struct instance *inst, int *listener_peer, int *lifeline_peer, struct err *err);
/* After it: starts libexec/moat-broker for the process of inst->pid and waits until it has shut itself in. Takes both
 * descriptors. */
int broker_spawn(struct instance *inst, int listener_peer, int lifeline_peer, struct err *err);
/* Its last part: the process with these descriptors (broker/record.h), shut in and ready. userns -1: the target has
 * none of its own. Its pid, or -errno. */
int broker_start(struct arena *a, const struct helper_fd *fds, size_t n, int control, int userns, int pidfd,
                 struct err *err);

#endif
