/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `run` and `create` share: from options to a sandbox that is made and not yet started.
 * Life: making_prepare() -> the directory is there and locked, the policy final, the layer made -> start it in the
 * foreground, or making_keep() and then monitor_start() -> making_undo() when it came to nothing.
 */
#ifndef MOAT_CLI_MAKE_H
#define MOAT_CLI_MAKE_H

#include "cli/run_options.h"
#include "image/store.h"
#include "sandbox/sandbox.h"

struct making {
    struct arena arena;
    struct run_options o;
    struct sandbox sb;
    struct store store;
    struct image image;
    bool parsed, from_image, made, privileged;
    uint32_t controllers; /* whose limits can be set: bits of enum cgroup_controller */
    int root_fd;          /* the root as it is before the run, for users and groups */
    const char *root;     /* its path */
};

/* argv[0] is the command's name. foreground: whether it will be started with this process waiting for it. */
int making_prepare(struct making *k, int argc, char **argv, struct err *err);
/* Makes it one that stays (sandbox.json), from here on found by its name. */
int making_keep(struct making *k, struct err *err);
void making_undo(struct making *k);
/* What was asked for, as it was written. */
const char *making_image(const struct making *k);
/* Docker's exit statuses for a start that failed: not found 127, cannot be invoked 126, else 125. */
int start_failure_status(int code, const struct err *err);

#endif
