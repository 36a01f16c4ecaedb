/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run in the runtime's namespaces after the boundary has done its part: poststart, poststop. */
#ifndef MOAT_BOUNDARY_HOOKS_H
#define MOAT_BOUNDARY_HOOKS_H

#include "boundary/boundary.h"

/* Runs them in order with the state document (`status`) on stdin. 0, or the first failure. */
int boundary_hooks_run(const struct instance *inst, const struct hooks *hooks, const char *point, const char *status,
                       struct err *err);

#endif
