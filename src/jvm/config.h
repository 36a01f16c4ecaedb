/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of moat-jvm, which `moat run -b jvm` writes (the README has it). Life: jvm_config_read() fills a
 * struct that borrows argv; jvm_config_free() gives its arrays back. Pure: nothing is opened, nothing printed.
 */
#ifndef MOAT_JVM_CONFIG_H
#define MOAT_JVM_CONFIG_H

#include "base/err.h"
#include "engine/denials.h"

#include <stdbool.h>
#include <stddef.h>

enum jvm_entry { /* the numbers that sun.launcher.LauncherHelper knows */
                 JVM_ENTRY_NONE,
                 JVM_ENTRY_CLASS,
                 JVM_ENTRY_JAR,
                 JVM_ENTRY_MODULE,
};

struct jvm_config {
    const char *jdk;
    bool no_exec, list_classes;
    enum engine_tell tell;
    struct engine_rules rules;
    const char **net; /* as --allow-net has them */
    size_t n_net;
    char **options; /* of the virtual machine, as they are */
    int n_options;
    enum jvm_entry entry;
    const char *what;
    char **arguments; /* of the program: the rest of argv */
    int n_arguments;
};

/* -EINVAL says which argument is wrong. *out is overwritten whole; on failure there is nothing to free. */
int jvm_config_read(struct jvm_config *out, int argc, char **argv, struct err *err);
void jvm_config_free(struct jvm_config *c);

/* Whether an option of the virtual machine begins so. */
bool jvm_config_has_option(const struct jvm_config *c, const char *start);

/* The stack size that -Xss among the options asks for, the last one counting; 0: none, or not a size. */
size_t jvm_config_stack(const struct jvm_config *c);

#endif
