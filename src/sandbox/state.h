/* SPDX-License-Identifier: Apache-2.0 */
/* Between state.c and lifecycle.c. */
#ifndef MOAT_SANDBOX_STATE_H
#define MOAT_SANDBOX_STATE_H

#include "sandbox/sandbox.h"

/* An empty sandbox below an open ROOT. */
void state_init(struct sandbox *sb, struct arena *a, int root_fd, const char *root_path);
/* Writes state.json for the process in sb->inst.pid. */
int state_write(struct sandbox *sb, struct err *err);
/* Removes the directory and what we put into it. */
int state_remove(struct sandbox *sb);
/* Whether its directory is still the one of its name, and not removed or made anew meanwhile. */
bool state_still_named(const struct sandbox *sb);
/* Reads again what its maker may have written meanwhile. */
int state_reload(struct sandbox *sb, struct err *err);
/* Start time (a pid's second half) and run state letter of a process. */
int state_process_key(pid_t pid, uint64_t *key, char *run_state);

#endif
