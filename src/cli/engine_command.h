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

/* What kinds with a kernel of their own say of their memory: bytes that are kept of a limit (a share of it, if that is
 * more), what they begin with at the least, and who would have nothing, with how much is enough. */
struct engine_room {
    int64_t kept, least;
    const char *nothing_to;
};
/* --memory and --tasks as the policy limits them, --limit of each. */
int engine_put_limits(struct policy *p, const struct engine_room *room, const struct strv *limits, struct err *err);

/* A limit of one resource, in the form of --limit, behind the others. */
int engine_take_limit(struct arena *a, const struct rlimit_rule *limit, struct strv *limits, struct err *err);

/* --env of each variable, and --cwd: outside there is none, and / . */
int engine_put_start(struct policy *p, struct err *err);

/* What moat says where the memory of one that runs is changed; who: "its program keeps". bytes: of --memory; NULL:
 * nothing. */
const char *engine_memory_note(struct arena *a, const char *who, const char *bytes);

/* --rule, and --from where the host has another name for it: what an access (PATH_*) and a name inside are told as,
 * for the words about denials. */
int engine_put_path(struct policy *p, const struct path_rule *rule, uint32_t access, const char *inside,
                    struct err *err);

/* The same for a place that is no rule's. fresh: the host has nothing of it. */
int engine_put_place(struct policy *p, const char *letters, const char *inside, bool fresh, struct err *err);

#endif
