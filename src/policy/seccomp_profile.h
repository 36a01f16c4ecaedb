/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles as people write them: an OCI seccomp object, or docker's profile format, which adds conditions
 * (`includes`, `excludes`: capabilities, architectures, kernel version) and `archMap`. The conditions are decided here
 * and now, the rest goes through the OCI reader, so a profile means the same in a bundle, a policy file and a
 * --security-opt.
 */
#ifndef MOAT_POLICY_SECCOMP_PROFILE_H
#define MOAT_POLICY_SECCOMP_PROFILE_H

#include "base/json.h"
#include "policy/policy.h"

/* caps: those the workload keeps. -EINVAL names the member. Strings lie in the arena. */
int seccomp_profile_read(struct arena *a, const struct json *profile, uint64_t caps, struct seccomp_policy *out,
                         struct err *err);

#endif
