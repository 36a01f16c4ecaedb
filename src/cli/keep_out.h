/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are kept out of the directories of what moat keeps ready for the next start (classcache/place.h). */
#ifndef MOAT_CLI_KEEP_OUT_H
#define MOAT_CLI_KEEP_OUT_H

#include "policy/flags.h"

/* A rule that lets the run write around such a directory, under whatever name, would let it write what other programs
 * run later: the directory is denied then, whether it is trusted now or could be some day, and made first, since only
 * what is there can be. -EINVAL: it cannot be denied (a link leads there that the run could exchange, it cannot be
 * made), or a rule shows the directory itself or what is in it for writing. Looked at is the place that this process's
 * environment names. */
int keep_out_of_caches(struct policy_build *b, struct err *err);

#endif
