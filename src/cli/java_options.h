/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which options of a Java virtual machine a user may give, one by one (--java-option, -D). Whatever stands in no row is
 * refused: an option may start programs, write files, switch checks off, or take back a limit. Pure.
 */
#ifndef MOAT_CLI_JAVA_OPTIONS_H
#define MOAT_CLI_JAVA_OPTIONS_H

#include "base/err.h"
#include "cli/java_limits.h"

#include <stddef.h>

/* -EINVAL names the option, why not, and what instead. */
int java_option_check(const char *option, struct err *err);
/* "NAME=VALUE" or "NAME", without -D: not what moat or the launcher sets. */
int java_define_check(const char *define, struct err *err);

/* What an accepted option asks for. */
struct java_asked {
    int64_t area[JAVA_AREAS]; /* bytes; 0: nothing */
    int64_t initial_heap;
    bool collector;    /* chooses a garbage collector */
    bool processors;   /* says how many processors there are */
    const char *agent; /* jar file of -javaagent:, up to the first '='; not terminated */
    size_t agent_length;
};
/* Adds to *out what one option asks for; a later one counts. */
void java_option_read(const char *option, struct java_asked *out);

/* The environment's variables by which options reach a virtual machine unchecked: whether this "NAME=..." is one. */
bool java_variable_is_hidden(const char *entry);

#endif
