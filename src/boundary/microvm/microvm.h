/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine of libexec/moat-vmm is to moat, whether it is a microVM or a whole PC (boundary/vm): verbs of
 * boundary.h, and the parts of them that both have.
 */
#ifndef MOAT_BOUNDARY_MICROVM_MICROVM_H
#define MOAT_BOUNDARY_MICROVM_MICROVM_H

#include "boundary/boundary.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"

/* How fast both engines are, measured now, behind what is said of the processor: for offer.speed. Never NULL. */
const char *microvm_speed(struct arena *a);

/* boundary.create: -EINVAL with `nothing` where the command line has none of the words `from` (ended by NULL). `media`:
 * the engine gets a second socket, for its media. */
int microvm_create_from(struct instance *inst, const char *const *from, bool media, const char *nothing,
                        struct err *err);

enum boundary_end microvm_ended_by(struct instance *inst);
int microvm_snapshot(struct instance *inst, int file, bool ends, struct err *err);
int microvm_exec(struct instance *inst, const struct process *pr, struct err *err);

/* Of the row of each boundary with such a machine: all but name, offer, lower and create. */
#define MICROVM_VERBS                                                                                                  \
    .settle = container_settle, .start = container_start, .recover = container_recover, .exec = microvm_exec,          \
    .signal = container_signal, .pause = container_pause, .is_paused = container_is_paused,                            \
    .update = container_update, .stats = container_stats, .ended_by = microvm_ended_by, .snapshot = microvm_snapshot,  \
    .destroy = broker_destroy, .hold = container_hold

#endif
