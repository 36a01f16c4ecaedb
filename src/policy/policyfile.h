/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files: moat's own JSON, whose members are named after the flags (docs/schema/policy.schema.json). Each
 * member's value goes through the row of its flag. Members that are not known are refused by their path.
 */
#ifndef MOAT_POLICY_POLICYFILE_H
#define MOAT_POLICY_POLICYFILE_H

#include "policy/flags.h"

#define POLICY_FILE_VERSION 1
#define POLICY_FILE_MAX     (4u << 20) /* bytes */

/* Applies a file to the build; relative host paths begin at b->cwd (the caller sets it to the file's folder). text[len]
 * is writable, and the text must live as long as the policy. A file takes no value from moat's own environment. -EINVAL
 * names the member: "limits.memory '5q': ...". */
int policy_file_read(struct policy_build *b, char *text, size_t len, struct err *err);

#endif
