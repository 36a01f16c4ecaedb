/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the host as the workload (`-b broker`): what it begins with, and how it is found. Life:
 * program_defaults() on the policy that policy_default_container() made, before the user's layers -> flags ->
 * program_find() once the rules stand.
 */
#ifndef MOAT_CLI_PROGRAM_H
#define MOAT_CLI_PROGRAM_H

#include "policy/flags.h"

/* A private root with the host's programs and libraries, read-only; a few harmless files of /etc; fresh /proc, /dev and
 * /tmp; no capabilities; of the caller's environment PATH, TERM, and what chooses language and time zone. */
int program_defaults(struct policy *p, struct err *err);

/* What that is made of, for workloads of other kinds (java.h): the walls and the environment, without /tmp and without
 * anything of the host; */
int program_walls(struct policy *p, struct err *err);
/* and one path of the host's own under its own name, read-only, with this access (PATH_*). A link stays one; what is
 * not there is left out. The rule is one of the defaults. */
int program_show(struct policy *p, const char *path, uint32_t access, struct err *err);

/* The caller's working directory has the same name inside; where no rule shows it, it is an empty one. */
const char *program_directory(const struct policy *p, const char *cwd);

/* The caller's PATH without the directories that are not there inside. Once the rules stand. */
int program_trim_path(struct policy *p, struct err *err);

/* Files of the private root that are nobody's: passwd and group with the caller's name, hosts, and links like /bin. */
int program_make_files(struct policy *p, struct err *err);

/* What the look-up of a user said, in the words of a host instead of an image's. Returns its code. */
int program_no_user(struct err *err);

/* Looks for argv[0] as a shell would, grants that one file where no rule does, and chooses the working directory: the
 * caller's, where a rule shows it, else /. -ENOENT with "exec: ..." as moat-enter would say. */
int program_find(struct policy_build *b, struct err *err);

#endif
