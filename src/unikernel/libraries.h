/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ELF program needs beside itself: its interpreter and its libraries, and theirs, found where the interpreter
 * will find them (ld.so(8): RPATH, LD_LIBRARY_PATH, RUNPATH, the directories of ld.so.conf, the default ones; musl's
 * ldso: its .path file). Takes them into the tree.
 */
#ifndef MOAT_UNIKERNEL_LIBRARIES_H
#define MOAT_UNIKERNEL_LIBRARIES_H

#include "unikernel/source.h"

#define LIBRARIES_MOST 1024

struct libraries {
    struct source *source;
    const char *library_path;   /* LD_LIBRARY_PATH of the program; NULL: none */
    const char *configured[64]; /* directories of ld.so.conf */
    unsigned n_configured;
    bool read;                         /* configured[] is known */
    bool musl;                         /* the last program's interpreter is musl's */
    const char *names[LIBRARIES_MOST]; /* those that were found, by the name that was asked for */
    const char *paths[LIBRARIES_MOST]; /* where, of those in a directory that every program looks in; NULL: elsewhere */
    struct tree_file *files[LIBRARIES_MOST]; /* the same */
    unsigned n;
    struct tree_file *interpreter; /* of the last program; NULL: none */
};

/* Takes all that the ELF file at a node asks for. -ENOENT names the library and who needs it. */
int libraries_take(struct libraries *l, const struct tree_node *program, struct err *err);

/* One that glibc opens by itself: taken where it is there. */
int libraries_take_known(struct libraries *l, const struct tree_node *program, const char *name, struct err *err);

/* Whether a library of this beginning ("libssl.so") was found. */
bool libraries_has(const struct libraries *l, const char *beginning);

#endif
