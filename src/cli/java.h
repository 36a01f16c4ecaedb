/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Java program as the workload (`-b jvm`): what it begins with, what it is shown, and the command line of
 * libexec/moat-jvm, which stands in the policy's argv and is all that a later start needs. Its row (kind.h) is in
 * java.c.
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

#define JAVA_ROWS                                                                                                      \
    OPTION_HEADING("Java (-b jvm)"),                                                                                   \
        {"main-class", 0, "NAME", "Run a class of the class path instead of a jar; all operands are its arguments",    \
         KIND_OPTION(KIND_JAVA, JAVA_MAIN_CLASS)},                                                                     \
        {"class-path", 0, "PATH",                                                                                      \
         "Jars and directories, with colons between them; DIR/* are the jars in it. They are shown",                   \
         KIND_OPTION(KIND_JAVA, JAVA_CLASS_PATH)},                                                                     \
        {"module", 0, "NAME[/CLASS]", "Run a module instead of a jar", KIND_OPTION(KIND_JAVA, JAVA_MODULE)},           \
        {"module-path", 0, "PATH", "Where modules are, likewise", KIND_OPTION(KIND_JAVA, JAVA_MODULE_PATH)},           \
        {"define", 'D', "NAME=VALUE", "Set a property of the system", KIND_OPTION(KIND_JAVA, JAVA_DEFINE)},            \
        {"java-option", 0, "OPTION",                                                                                   \
         "An option of the virtual machine, of a checked list: -Xmx256m, -ea, --add-opens=...",                        \
         KIND_OPTION(KIND_JAVA, JAVA_MACHINE)},                                                                        \
        {"jdk", 0, "DIR", "The JDK ($JAVA_HOME, that of java in $PATH, the newest installed)",                         \
         KIND_OPTION(KIND_JAVA, JAVA_JDK)},                                                                            \
        {"class-archive", 0, "WHEN",                                                                                   \
         "auto (a program's classes are kept ready for its next start), read (none is made) or off",                   \
         KIND_OPTION(KIND_JAVA, JAVA_ARCHIVE)},

/* All borrowed; NULL: not given. */
struct java_options {
    bool given; /* any of them */
    const char *main_class, *class_path, *module, *module_path;
    const char *jar;     /* the operand, without a class or module */
    struct strv machine; /* -D... and --java-option, checked, in their order */
    const char *jdk;     /* as written; its defaults put the absolute path of the one that is used */
    const char *engine;  /* defaults: libexec/moat-jvm by its real name; a link on the way would not be there */
    const char *warning; /* of the defaults, for who runs it; NULL: nothing */
    enum java_tell tell;
    struct java_archive archive;
};

#endif
