/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subordinate ids (subuid(5)): which host ids an ordinary user may map into a user namespace beside his own, and the
 * set-uid helpers of shadow-utils that write such a map for him. Reads the administrator's files; changes nothing.
 */
#ifndef MOAT_HOST_SUBID_H
#define MOAT_HOST_SUBID_H

#include "base/err.h"
#include "policy/policy.h"

struct subid {
    struct id_map uid[2], gid[2]; /* 0 inside is the caller, 1 up are the range */
    const char *why_not;          /* NULL: usable; else what is missing and the remedy */
};

/* The caller's largest range of each file. Without one, or without helpers that work here, why_not says so. */
void subid_find(struct subid *out);

/* "newuidmap" or "newgidmap": its path, from a fixed list, if root alone could have put it there and it has the
 * privilege it needs. */
int subid_helper(const char *name, const char **path, struct err *err);

/* In the text of such a file: a user's largest range, by name (may be NULL) or number, that has neither 0 nor `id` in
 * it. False when there is none. */
bool subid_parse(const char *text, const char *name, uint32_t id, uint32_t *first, uint32_t *count);

#endif
