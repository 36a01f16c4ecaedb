/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `dump` of `moat policy`, whose options are those of `run`. */
#ifndef MOAT_CLI_POLICY_DUMP_H
#define MOAT_CLI_POLICY_DUMP_H

#include "base/err.h"
#include "base/mem.h"

/* argv[0] is "dump". Prints on the standard output. */
int policy_dump(struct arena *a, int argc, char **argv, struct err *err);

#endif
