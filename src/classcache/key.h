/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of a class archive: a digest over all that it depends on. Two runs that agree in it may share an archive,
 * and no others may: so whatever the process that makes one can read, stands in the key. Life: class_key_begin() ->
 * what it is about, in a fixed order -> class_key_end(). Looks at files; changes nothing.
 */
#ifndef MOAT_CLASSCACHE_KEY_H
#define MOAT_CLASSCACHE_KEY_H

#include "base/mem.h"
#include "base/sha256.h"

#define CLASS_KEY_SIZE SHA256_HEX_SIZE

struct class_key {
    struct sha256 digest;
};

void class_key_begin(struct class_key *k);

/* Each with its length, so that no two sequences of texts are alike. */
void class_key_text(struct class_key *k, const char *label, const char *text);

/* A file that is read as part of a class path: its name, and which file that is now: inode, size, times of change. A
 * name without a file counts too. -ENOTSUP: a directory or something else, whose contents no one number stands for;
 * other -errno. */
int class_key_file(struct class_key *k, const char *path);

/* The JDK in a directory: its own words about itself (`release`), and its virtual machine and class library. */
int class_key_jdk(struct class_key *k, struct arena *a, const char *jdk);

void class_key_end(struct class_key *k, char hex[CLASS_KEY_SIZE]);

#endif
