/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing lists in an arena, for the readers that build a policy item by item. Room doubles at powers of two, so a list
 * must be grown by these functions from its first item on; a list made elsewhere with exactly n places is not to be
 * pushed to.
 */
#ifndef MOAT_POLICY_LIST_H
#define MOAT_POLICY_LIST_H

#include "base/err.h"
#include "base/mem.h"
#include "policy/policy.h"

/* What the functions below come to when the arena is full, in words. -ENOMEM. */
int policy_no_memory(struct err *err);

/* A zeroed new last item of the array `*list` of `*n` items of `size` bytes; *list and *n are updated. NULL: arena
 * full. */
void *policy_list_push(struct arena *a, void *list, uint32_t *n, size_t size);

/* Appends the pointer (not a copy) and keeps the vector NULL-terminated. 0 or -ENOMEM. */
int policy_strv_push(struct arena *a, struct strv *v, const char *s);

/* "KEY=VALUE" replaces an entry with the same key, or is appended. 0 or -ENOMEM. */
int policy_env_set(struct arena *a, struct strv *env, const char *entry);

/* The value of a key, or NULL. */
const char *policy_env_get(const struct strv *env, const char *key);

#endif
