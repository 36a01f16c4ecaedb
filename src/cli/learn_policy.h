/* SPDX-License-Identifier: Apache-2.0 */
/* Between `moat learn` and policies: what one gives already, adding to its file, and that what is written can be read.
 */
#ifndef MOAT_CLI_LEARN_POLICY_H
#define MOAT_CLI_LEARN_POLICY_H

#include "learn/watch.h"

/* The rules, links and network rules of a policy, before a program was looked for in it. */
int learn_policy_known(struct learn *l, const struct policy *p, struct err *err);

/* File systems in memory that the policy has already need not be added. */
void learn_policy_drop_mounted(struct learn *l, const struct policy *p);

/* The file's text with what it lacks; malloced. */
int learn_policy_merge(struct learn *l, const char *path, const char *cwd, char **text, struct err *err);

/* A policy that moat itself would refuse is not written. */
int learn_policy_check(struct arena *a, const char *text, const char *path, const char *cwd, struct err *err);

#endif
