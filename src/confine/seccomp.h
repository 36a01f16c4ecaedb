/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp compiler: a seccomp_policy becomes one classic BPF program. First the architecture is checked: calls of
 * one that the policy does not name, such as int 0x80 on x86-64, kill the process; the native one is always part of it.
 * Then comes a balanced tree over ranges of system-call numbers, so that a call costs log2(ranges) steps and a
 * number-only verdict never loads an argument (the kernel's bitmap then answers without running the program). Arguments
 * are compared as 64 bits in two halves, or as 32 where the kernel reads no more (narrow.h). What rules mean, where the
 * OCI specification is silent, stands at the head of seccomp.c: rule order, two conditions on one argument, ENOSYS
 * beyond the newest call a policy names, x32 (always ENOSYS).
 */
#ifndef MOAT_CONFINE_SECCOMP_H
#define MOAT_CONFINE_SECCOMP_H

#include "base/err.h"
#include "policy/policy.h"

#include <linux/filter.h>

struct bpf_program {
    struct sock_filter *insns;
    uint32_t n;
};

/* Compiles into the arena. -EINVAL for an argument rule that cannot be expressed, -E2BIG beyond 4,096 instructions.
 * Unknown system-call names are skipped, as runc and crun do (a profile written for newer kernels must load). */
int seccomp_compile(struct arena *a, const struct seccomp_policy *p, struct bpf_program *out, struct err *err);

/* moat's default profile, given the capabilities the workload keeps (a call that needs CAP_X is opened with CAP_X).
 * Fills rules in the arena: the same form as any other profile, so explain and tests can read it. *out is overwritten
 * whole: native architecture only, no flags, and moat_default is false, since the rules are there now. */
int seccomp_default_profile(struct arena *a, uint64_t caps, struct seccomp_policy *out, struct err *err);

/* Calls that the broker process answers, by kind (notify_calls.h has the rows). */
enum seccomp_notify {
    NOTIFY_FILES = 1 << 0,   /* those with a path */
    NOTIFY_EXEC = 1 << 1,    /* execve(2) and its like */
    NOTIFY_NETWORK = 1 << 2, /* those with an address */
};

/* The stricter profile of the broker boundary (seccomp_broker.c): no capability opens anything. notify: what the filter
 * hands to the broker process (SECCOMP_RET_USER_NOTIF) where it would allow it. Of the policy only the network mode is
 * read. *out as above. */
int seccomp_broker_profile(struct arena *a, const struct policy *p, uint32_t notify, struct seccomp_policy *out,
                           struct err *err);

#define SECCOMP_NOTIFY_NEEDS_OURS                                                                                      \
    "calls that the broker answers need moat's own system-call profile, since another could leave ways around it "     \
    "open: "                                                                                                           \
    "leave out --security-opt seccomp=..., or the rules that need the broker (--broker, --allow-net, --deny-log)"

/* What the broker process has to answer under this policy. */
uint32_t seccomp_policy_notify(const struct policy *p);

/* The rules that a filter for this policy is compiled from: its own profile or a built-in one (the broker's where the
 * policy has a private root), with its list of ioctl commands. caps: those the workload keeps. -EINVAL when calls are
 * to be answered by the broker under a profile that is not ours, since that could open ways around it. out->set is
 * false when the policy asks for no filter. */
int seccomp_policy_rules(struct arena *a, const struct policy *p, uint64_t caps, uint32_t notify,
                         struct seccomp_policy *out, struct err *err);

/* Number of a system call of AUDIT_ARCH_*, or -1. */
int syscall_number(uint32_t arch, const char *name);
const char *syscall_name(uint32_t arch, int number); /* NULL when unknown */

/* Listing for people: one line per instruction with jump targets resolved. Returns a string in the arena. */
char *seccomp_disassemble(struct arena *a, const struct bpf_program *prog);

#endif
