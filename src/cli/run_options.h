/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `moat run` and `moat explain`. Life: run_options_parse() -> run_options_image() with what the image
 * says
 * -> the caller resolves .build.user and .build.groups, decides the id maps and policy.ns[NS_USER] ->
 * policy_default_finish() -> policy_check().
 */
#ifndef MOAT_CLI_RUN_OPTIONS_H
#define MOAT_CLI_RUN_OPTIONS_H

#include "cli/command.h"
#include "cli/kinds.h"
#include "image/store.h"
#include "policy/flags.h"
#include "sandbox/spec.h"

struct run_options {
    struct policy policy;        /* defaults <- profile <- policy file <- flags; argv is set by run_options_image() */
    struct policy_build build;   /* what is still to resolve: user, groups, userns, given */
    const char *name;            /* NULL: chosen by moat */
    const char *image;           /* IMAGE or DIR, as written; NULL with rootfs or bundle */
    const char *rootfs, *bundle; /* absolute; NULL: not given */
    const char *profile, *policy_file; /* shipped, then the user's own; flags go over both */
    const char *boundary;              /* NULL: the default for this workload and host */
    const char *type;                  /* NULL: found by looking; else one of KIND_TYPES */
    char **command;                    /* operands behind the image, NULL-terminated; may be empty */
    int n_command;
    const struct workload_kind *kind; /* never NULL */
    void *own[KINDS];                 /* values of each kind's own options, by enum kind_id */
    bool rm, interactive, tty;
    bool best_effort, strict;
    bool json;           /* explain only, as is */
    const char *surface; /* NULL: not given */
    /* of the sandbox, not of its policy */
    bool detach, quiet, no_sig_proxy, log_none;
    const char *detach_keys, *pull, *platform, *cidfile; /* NULL: not given */
    struct restart_rule restart;
    int64_t stop_timeout_ms;
    uint64_t log_size;
    uint32_t log_files;
};

/* The rows of `run`; `explain` takes the same and those between n_run_options_rows and n_explain_options_rows. */
extern const struct option_row run_options_rows[];
extern const size_t n_run_options_rows, n_explain_options_rows;

/* argv[0] is "run" or "explain". *out need not be initialised; strings are borrowed from argv or lie in the arena.
 * Reads the policy file, --env-file, the seccomp profile and the numbers of --device nodes. */
int run_options_parse(struct arena *a, int argc, char **argv, struct run_options *out, struct err *err);

/* Docker's merge: environment default <- image <- user, working directory and user unless given, argv of entrypoint and
 * command. image may be NULL (a directory). -EINVAL when there is nothing to run. Not for bundles. */
int run_options_image(struct run_options *o, const struct image_config *image, struct err *err);

/* Limits that nobody asked for are left out where this process has no place for them: root without a cgroup hierarchy,
 * or another user without the controller (bits of enum cgroup_controller, all for root). NULL when all stay; else a
 * sentence that says so. Before policy_default_finish(). */
const char *run_options_drop_limits(struct run_options *o, uint32_t controllers);

/* The id maps of an ordinary user: himself as root, and his subordinate range where there is one and --userns single
 * was not given. -ENOTSUP for what he cannot have. */
int run_options_map_user(struct run_options *o, struct err *err);

#endif
