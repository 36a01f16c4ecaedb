/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path rules, lowered: which mechanism enforces each rule, cheapest first. A rule is an island in its surroundings (the
 * nearest rule above it, or none):
 *   allow   a mount of its own: read-only, or without execution, where its access is less. Landlock gives its rights,
 *           which add up along a path and cannot be taken back below, so an allow rule inside another may lack only
 * what a mount can take away: writing with creating, and execution. deny    a mount that nobody can enter over what is
 * there; refused where nothing is there and something could be made. broker  nothing: the path is not in the sandbox's
 * tree, and each call is answered by the broker process. What no mechanism expresses is refused by name, never
 * approximated. Pure but for a look or two at the host per rule.
 */
#ifndef MOAT_CONFINE_PATHS_H
#define MOAT_CONFINE_PATHS_H

#include "policy/policy.h"

struct path_lowering {
    const char *mechanism; /* NULL: refused */
    const char *refusal;   /* why, and the remedy */
    bool missing;          /* refused since the host has nothing there to be shown */
};

/* With p->private_root only what is granted is there, and Landlock carries the rules; otherwise rules go over a root
 * that is there anyway, and only mounts can. */
void paths_lower(struct arena *a, const struct policy *p, const struct path_rule *rule, struct path_lowering *out);

/* The rule above: the longest that is a prefix of the rule's path, without the rule itself. NULL: none. */
const struct path_rule *paths_above(const struct policy *p, const struct path_rule *rule);
/* The rule that decides about a clean guest path; NULL: none. */
const struct path_rule *paths_find(const struct policy *p, const char *guest);

/* Rights for Landlock (LANDLOCK_ACCESS_FS_*) of an access; `directory`: on one. Rights that this kernel's ABI does not
 * know are for the caller to leave out. */
uint64_t paths_landlock(uint32_t access, bool directory);

/* "rwxcs" as far as they hold. buf: 8 bytes at least. */
const char *paths_access_text(uint32_t access, char *buf);

/* Whether calls about paths must be sent to the broker process. */
bool paths_brokered(const struct policy *p);

#endif
