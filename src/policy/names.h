/* SPDX-License-Identifier: Apache-2.0 */
/* Names of kernel constants, as OCI documents and command lines spell them. Every table is one row per name. */
#ifndef MOAT_POLICY_NAMES_H
#define MOAT_POLICY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_rule;

/* "CAP_CHOWN", "chown": the capability's number, or -1. */
int cap_from_name(const char *name);
/* NULL beyond the last one known here. */
const char *cap_name(int cap);
#define CAP_COUNT 41

/* "RLIMIT_NOFILE", "nofile": RLIMIT_*, or -1. */
int rlimit_from_name(const char *name);
const char *rlimit_name(int resource); /* "RLIMIT_NOFILE" */

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3": the number, or -1. */
int signal_from_name(const char *name);
const char *signal_name(int signo); /* "SIGTERM"; NULL when unknown */

/* "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time": enum ns_kind, or -1. */
int ns_from_name(const char *name);
const char *ns_name(int kind);
const char *ns_proc_name(int kind); /* "pid", "net", "mnt" ...: the entry in /proc/PID/ns */
uint64_t ns_clone_flag(int kind);   /* CLONE_NEW* */

/* Applies one mount option to a rule; false when it is none of ours, so belongs to the file system's data. */
bool mount_option_apply(struct mount_rule *m, const char *option);
/* The way back: the options that make up m, one a call, in the table's order (*i starts at 0); NULL at the end.
 * Applying them to an empty rule gives m's flags again. */
const char *mount_option_next(const struct mount_rule *m, size_t *i);
/* Sets mount_rule.optional. Only moat writes it; not among mount_option_name(), since it is no option of a mount. */
#define MOUNT_OPTION_OPTIONAL "x-moat.optional"
/* The i-th option name known here, for `features`; NULL at the end. */
const char *mount_option_name(size_t i);
/* "rslave" ...: MS_SLAVE | MS_REC ... */
bool mount_propagation_from_name(const char *name, uint64_t *flags);
const char *mount_propagation_name(uint64_t flags); /* NULL for 0 and for mixtures */

/* "SCMP_ACT_ERRNO" ...: SECCOMP_RET_* without data; false when unknown. */
bool seccomp_action_from_name(const char *name, uint32_t *action);
const char *seccomp_action_name(uint32_t action);
bool seccomp_arch_from_name(const char *name, uint32_t *arch); /* "SCMP_ARCH_X86_64": AUDIT_ARCH_* */
const char *seccomp_arch_name(uint32_t arch);
bool seccomp_op_from_name(const char *name, int *op); /* "SCMP_CMP_EQ": enum seccomp_op */
const char *seccomp_op_name(int op);
bool seccomp_flag_from_name(const char *name, uint32_t *flag); /* "SECCOMP_FILTER_FLAG_LOG" ...: one bit */
const char *seccomp_flag_name(uint32_t flag);
/* x32 shares AUDIT_ARCH_X86_64 and is told apart by bit 30 of the call's number; this value stands for it in policies.
 */
#define SECCOMP_ARCH_X32 0x4000003eu

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* The i-th name of each kind, NULL at the end. */
const char *seccomp_action_name_at(size_t i);
const char *seccomp_arch_name_at(size_t i);
const char *seccomp_op_name_at(size_t i);
const char *seccomp_flag_name_at(size_t i);

#endif
