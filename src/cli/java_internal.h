/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of java.h share. */
#ifndef MOAT_CLI_JAVA_INTERNAL_H
#define MOAT_CLI_JAVA_INTERNAL_H

#include "cli/java.h"

struct java_finding {
    struct policy_build *b;
    bool here; /* the working directory inside is the caller's, so that his names mean the same */
};

/* java_command.c: find() of kind.h, with the words behind what is to run. */
int java_find(struct policy_build *b, const struct java_options *o, char *const *arguments, int n, struct err *err);

/* java_paths.c: show what is there for reading where no rule does. *inside: the jar's name there; *out: a list with
 * colons as it is to be written inside. jars: an entry that ends in a star stands for the jars of its directory. */
int java_grant_jar(struct java_finding *f, const char *jar, const char **inside, struct err *err);
int java_grant_list(struct java_finding *f, const char *option, const char *value, bool jars, const char **out,
                    struct err *err);
/* As the program java takes the jars of a directory. */
bool java_names_jar(const char *name);

#endif
