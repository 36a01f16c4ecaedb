/* SPDX-License-Identifier: Apache-2.0 */
/* `moat explain --surface NAME`: which calls of the host the processes of a running sandbox can still make. */
#ifndef MOAT_CLI_SURFACE_H
#define MOAT_CLI_SURFACE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>

/* Reads the filters of each of its tasks back from the kernel, and prints what they leave: a table, or an object. Needs
 * root and CONFIG_CHECKPOINT_RESTORE, and says so. Each task stands still for a moment. */
int surface_show(struct arena *a, const char *name, bool json, struct err *err);

#endif
