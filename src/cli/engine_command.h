/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the command line of an engine (src/engine/README.md) into the policy's argv, word by word. Pure. */
#ifndef MOAT_CLI_ENGINE_COMMAND_H
#define MOAT_CLI_ENGINE_COMMAND_H

#include "policy/policy.h"

/* Borrow their words, which must live as long as the policy. option NULL: a word alone. A value NULL is one that there
 * was no memory for. -ENOMEM with the sentence. */
int engine_put(struct policy *p, const char *option, const char *value, struct err *err);

/* Nothing, where the value is NULL or empty. */
int engine_put_given(struct policy *p, const char *option, const char *value, struct err *err);

/* --rule, and --from where the host has another name for it: what an access (PATH_*) and a name inside are told as,
 * for the words about denials. */
int engine_put_path(struct policy *p, const struct path_rule *rule, uint32_t access, const char *inside,
                    struct err *err);

/* The same for a place that is no rule's. fresh: the host has nothing of it. */
int engine_put_place(struct policy *p, const char *letters, const char *inside, bool fresh, struct err *err);

#endif
