/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox as docker's users know a container: the object that `moat inspect` prints. */
#ifndef MOAT_CLI_DESCRIBE_H
#define MOAT_CLI_DESCRIBE_H

#include "base/json.h"
#include "sandbox/sandbox.h"

/* One object. Members are docker's, with docker's meaning; those of moat's own are Boundary,
 * State.ExitReason, State.PidsLimitHits and, of a Java program that runs, JVM. */
void describe_sandbox(struct sandbox *sb, struct json_writer *w);

#endif
