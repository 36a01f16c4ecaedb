/* SPDX-License-Identifier: Apache-2.0 */
/* What a seccomp policy means, written down a second time without any compiling: the rules are simply walked. */
#ifndef MOAT_TESTS_SECCOMP_REFERENCE_H
#define MOAT_TESTS_SECCOMP_REFERENCE_H

#include "policy/policy.h"

#include <linux/seccomp.h>
#include <stdbool.h>

struct reference {
    uint32_t verdict;
    bool conflict;    /* rules of different actions hold: here the order decides, elsewhere it may not */
    bool tangled;     /* several alternatives, one of them with an inequality, are about this call */
    bool looked;      /* some rule with conditions is about this call */
    bool beyond;      /* answered because the number is newer than the policy, or x32 */
    bool narrow;      /* an argument or value has upper bits where the kernel reads 32 */
    bool listed;      /* the list of ioctl commands was asked */
    bool multiplexed; /* i386: this is socketcall or ipc, and a rule is about a call behind it */
};

struct reference seccomp_reference(const struct seccomp_policy *p, const struct seccomp_data *d);

#endif
