/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy before the user says anything: default deny, with the limits of docs/architecture.md. Life:
 * policy_init() -> policy_default_container() -> policy file and flags -> the caller decides id maps and the user ->
 * policy_default_finish() -> policy_check().
 */
#ifndef MOAT_POLICY_DEFAULTS_H
#define MOAT_POLICY_DEFAULTS_H

#include "policy/policy.h"

#define POLICY_DEFAULT_PATH   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define POLICY_DEFAULT_MEMORY (INT64_C(1) << 30)
#define POLICY_LEAST_MEMORY   (INT64_C(128) << 10) /* less does not even start */
#define POLICY_DEFAULT_PIDS   512
#define POLICY_DEFAULT_FILES  1024

enum policy_defaults {
    POLICY_DEFAULTS_RUN,  /* `moat run`: docker's capabilities, seccomp and Landlock on, limits on */
    POLICY_DEFAULTS_SPEC, /* `moat-oci spec`: runc's three capabilities, a terminal, `sh`, no limits but the open files
                           */
};

/* Fills *p, which policy_init() has just made. The user namespace is left to the caller. -ENOMEM when the arena is
 * full. */
int policy_default_container(struct policy *p, enum policy_defaults kind, struct err *err);

/* What depends on decisions made later: gid=5 of /dev/pts only where that group is mapped; /sys bound from the host
 * when a user namespace keeps the host's network (sysfs cannot be mounted there); id-mapped binds only with a user
 * namespace; no effective capabilities for a user that is not root. Call once, when ns[], gid_maps and process.user
 * stand. */
int policy_default_finish(struct policy *p, struct err *err);

/* Appends one mount; options are comma-separated, in the words of mount(8): ours become attributes, the rest the file
 * system's data. The strings are borrowed. -ENOMEM when the arena is full. */
int policy_mount_add(struct policy *p, const char *destination, const char *type, const char *source,
                     const char *options, struct err *err);

/* Applies comma-separated options to a rule, as above. A later "key=value" replaces an earlier one of the same key. */
int policy_mount_options(struct arena *a, struct mount_rule *m, const char *options, struct err *err);

/* The bits of docker's default capabilities. */
uint64_t policy_default_capabilities(enum policy_defaults kind);

/* The rule for a destination, or NULL. */
struct mount_rule *policy_mount_find(struct policy *p, const char *destination);

#endif
