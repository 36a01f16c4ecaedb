/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workloads that run in an engine of moat's own and see nothing of the host (module, unikernel): how their policy
 * begins and what it cannot have. Changes the policy alone.
 */
#ifndef MOAT_CLI_ENGINE_WALLS_H
#define MOAT_CLI_ENGINE_WALLS_H

#include "cli/kind.h"
#include "policy/flags.h"

/* The first operand, into *what: 1. None: 0 when that is no error (lenient), else -EINVAL: "what is to run is missing:
 * moat run USAGE". */
int engine_operand(int argc, char **argv, bool lenient, const char *usage, const char **what, struct err *err);

/* The broker's beginnings (program.h) with nothing of the host: no file, no /proc, no /dev, no variable; the engine is
 * process 1. -ENOENT, in a sentence: moat is installed without `helper`. */
int engine_walls(struct policy *p, const char *helper, struct err *err);
void engine_no_variables(struct policy *p);

/* An item that has no meaning for a kind of workload, or cannot be had: its member in a policy file, and why. */
struct engine_refusal {
    enum policy_flag flag;
    const char *member, *why;
};

/* Behind the layers: -EINVAL with the first row that they have. `anyway`: flags, a bit each, that a policy has of any
 * workload, so they are a wish only where they were typed; a network namespace of its own is none. */
int engine_refuse(const struct collect *c, const struct engine_refusal *rows, size_t n, uint64_t anyway,
                  struct err *err);

/* Behind the layers too: what walls around any workload have and an engine has no use for. */
void engine_layers(struct policy *p);

/* What a terminal as its standard streams is made of within the walls. */
int engine_terminal(struct policy *p, struct err *err);

#endif
