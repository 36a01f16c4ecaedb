/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Java program as the workload (`-b jvm`): what it begins with, what it is shown, and the command line of
 * libexec/moat-jvm, which stands in the policy's argv and is all that a later start needs. Life: java_option() per
 * option -> java_defaults() on the policy that policy_default_container() made -> the user's layers -> java_layers() ->
 * java_operand() -> java_find() once the rules stand.
 */
#ifndef MOAT_CLI_JAVA_H
#define MOAT_CLI_JAVA_H

#include "cli/java_archive.h"
#include "policy/flags.h"

enum java_option {
    JAVA_MAIN_CLASS,
    JAVA_CLASS_PATH,
    JAVA_MODULE,
    JAVA_MODULE_PATH,
    JAVA_DEFINE,
    JAVA_MACHINE,
    JAVA_JDK,
    JAVA_ARCHIVE,
    JAVA_OPTIONS
};

enum java_tell { JAVA_TELL_SOME, JAVA_TELL_ALL, JAVA_TELL_NONE }; /* which denials it says on standard error */

/* All borrowed; NULL: not given. */
struct java_options {
    bool given; /* any of them */
    const char *main_class, *class_path, *module, *module_path;
    const char *jar;     /* the operand, without a class or module */
    struct strv machine; /* -D... and --java-option, checked, in their order */
    const char *jdk;     /* as written; java_defaults() puts the absolute path of the one that is used */
    const char *engine;  /* java_defaults(): libexec/moat-jvm by its real name; a link on the way would not be there */
    const char *warning; /* of java_defaults(), for who runs it; NULL: nothing */
    enum java_tell tell;
    struct java_archive archive;
};

/* One option of the command line. -EINVAL: refused by name. */
int java_option(struct arena *a, struct java_options *o, enum java_option id, const char *value, struct err *err);

/* What a word of the command line is by its looks. A jar is a file NAME.jar that holds a zip archive: at its beginning,
 * or, as java finds it, at its end, behind a script for example. */
enum java_looks { JAVA_LOOKS_OTHER, JAVA_LOOKS_JAR, JAVA_LOOKS_NO_ZIP /* a file NAME.jar without */ };
enum java_looks java_looks(const char *word);

/* The broker's beginnings (program.h) with a JDK in the place of the host's programs. -ENOENT: there is none. */
int java_defaults(struct policy *p, struct java_options *o, struct err *err);

/* Behind the user's layers: what has another meaning for a JVM than for a program, or none. */
int java_layers(struct policy_build *b, struct java_options *o, struct err *err);

/* Takes what is to run from the operands: the number of them that are not the program's own arguments. With `lenient`
 * (explain) there may be none. */
int java_operand(struct java_options *o, int argc, char **argv, bool lenient, struct err *err);

/* Grants what is to run where no rule does, and writes argv. -ENOENT and -EACCES with "exec: ..." as moat-enter would
 * say. */
int java_find(struct policy_build *b, const struct java_options *o, char *const *arguments, int n, struct err *err);

/* What was asked for, as it was written. */
const char *java_name(const struct java_options *o);

#endif
