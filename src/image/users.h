/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name, from the passwd and group files inside a root. The files are hostile: opened beneath the
 * root without magic links, read up to 1 MiB, lines over 1,023 bytes skipped. */
#ifndef MOAT_IMAGE_USERS_H
#define MOAT_IMAGE_USERS_H

#include "base/err.h"
#include "policy/policy.h"

/* "name|uid[:group|gid]" (docker's --user) against `root`, an open directory; fills uid, gid, and groups the user is
 * listed in. NULL or
 * "": root's 0:0. */
int users_resolve(struct arena *a, int root, const char *text, struct user_rule *out, struct err *err);

/* Adds named or numeric groups. */
int users_add_groups(struct arena *a, int root, const struct strv *groups, struct user_rule *out, struct err *err);

#endif
