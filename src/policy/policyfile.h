/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files: moat's own JSON, whose members are named after the flags (docs/schema/policy.schema.json). Each
 * member's value goes through the row of its flag. Members that are not known are refused by their path. YAML is made
 * JSON before it comes here (host/yaml.h); offsets are of the JSON text, and the caller knows what they stand for.
 */
#ifndef MOAT_POLICY_POLICYFILE_H
#define MOAT_POLICY_POLICYFILE_H

#include "policy/flags.h"

#define POLICY_FILE_VERSION 1
#define POLICY_FILE_MAX     (4u << 20) /* bytes */

struct policy_problem {
    size_t offset;        /* in the text: of a value, or of a name that is not known */
    const char *text;     /* "limits.memory '5q': not a size" */
    const char *accepted; /* the accepted form; NULL when text says it all */
};

/* Reading goes on behind a problem while there is room. */
struct policy_problems {
    struct policy_problem *v; /* room for `most`, at least one */
    uint32_t n, most;
};

/* policy_file_read(), with all problems that one pass finds, in the order of the rows. 0 when there are none; -EINVAL
 * when there are some (err is untouched then), -ENOMEM. After a problem the build is good for nothing but
 * policy_build_finish(), to find more. */
int policy_file_check(struct policy_build *b, char *text, size_t len, struct policy_problems *out, struct err *err);

/* Applies a file to the build; relative host paths begin at b->cwd (the caller sets it to the file's folder). text[len]
 * is writable, and the text must live as long as the policy. A file takes no value from moat's own environment. -EINVAL
 * names the member: "limits.memory '5q': ...". */
int policy_file_read(struct policy_build *b, char *text, size_t len, struct err *err);

#endif
