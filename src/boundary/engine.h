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

/* A socket in the sandbox's directory on which an engine answers requests of boundary/control.h. A listening descriptor
 * for the engine; and for who asks, connected; a busy engine is waited for, for some seconds: -ENOTCONN when nobody
 * listens. */
#define ENGINE_SOCKET       "engine.sock"
#define ENGINE_MEDIA_SOCKET "media.sock" /* of -b vm: its I/O process's */
int engine_listen(struct instance *inst, const char *name, struct err *err);
int engine_connect(const struct instance *inst, const char *name, struct err *err);

/* One request on a connection of its own, and its answer within `ms`. */
struct engine_order {
    const char *socket; /* ENGINE_* */
    uint16_t type;      /* enum control_type */
    const void *payload;
    size_t length;
    int fd; /* that goes with it, and stays the caller's; -1: none */
    int ms;
    const char *who, *what; /* for sentences: "its machine", "a snapshot" */
};
/* 0; -ETIMEDOUT; -ESRCH: it has just ended; or what the engine answered, with its own sentence where it has one (what
 * is printable of it). The engine may be taken over: nothing but the code and the sentence is looked at. */
int engine_ask(const struct instance *inst, const struct engine_order *order, struct err *err);
/* What the engine is to have before it starts: a descriptor by a name, over a connection. */
int engine_give(int sock, const char *name, int fd, struct err *err);

#endif
