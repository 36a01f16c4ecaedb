/* SPDX-License-Identifier: Apache-2.0 */
/* The writable layer of a sandbox that runs an image: DATA/layers/ID/{upper,work}, removed with it.
 * DATA/layers/ID/state is a link to its state directory. */
#ifndef MOAT_SANDBOX_LAYERS_H
#define MOAT_SANDBOX_LAYERS_H

#include "sandbox/sandbox.h"

/* Makes the directories and fills sb->inst.layers and sb->layer_dir. data_dir is absolute. lower NULL: there is no
 * layer, the directory is for the log alone. */
int layers_make(struct sandbox *sb, const char *data_dir, const char *lower, struct err *err);
/* Fills sb->layer_dir for a sandbox whose killed maker has not recorded it; a layer that somebody holds is not its own.
 */
void layers_find(struct sandbox *sb);
/* Removes sb->layer_dir with all that the workload left in it; 0 when there is none. */
int layers_remove(struct sandbox *sb, struct err *err);

#endif
