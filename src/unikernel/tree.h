/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an image while it is made: names over inodes, in an arena. Life: tree_init() -> tree_directory(),
 * tree_place() and source.h, in any order -> tree_finish() puts names in order and numbers the inodes -> write.h. The
 * same names with the same contents give the same tree, whatever the order in which they came. No effect on any file.
 */
#ifndef MOAT_UNIKERNEL_TREE_H
#define MOAT_UNIKERNEL_TREE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "unikernel/elf_facts.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sites; /* sites.h */

/* An inode. */
struct tree_file {
    uint32_t mode, uid, gid, links;
    int64_t mtime; /* seconds */
    uint64_t rdev, size;
    const char *target;          /* of a link */
    const void *bytes;           /* the contents, where they are in memory */
    const char *host;            /* else the file that they are read from again, */
    const char *below;           /* its path below `root`, with no link in it */
    int root;                    /* AT_FDCWD: below is absolute */
    uint8_t sha256[SHA256_SIZE]; /* of the contents as they were found: regular files */
    struct elf_facts *elf;       /* an ELF file for this machine, with its contents in memory; NULL: another file */
    struct sites *sites;         /* of an ELF file that was rewritten; NULL */
    bool tight;                  /* its trampolines may lie in its last page: nobody maps it by itself */

    dev_t dev; /* which file of the host it is, so that further names become links */
    ino_t ino;
    struct tree_file *same; /* next one in its bucket */

    uint32_t number; /* tree_finish() */
    uint64_t offset; /* write.c; a directory: its first entry */
    uint32_t row;    /* write.c: 1 + row of its sites */
    uint64_t bias;   /* write.c: of an ELF file that is mapped before the program runs */
};

struct tree_node {
    const char *name; /* "" at the root */
    struct tree_node *parent, *children, *next;
    uint32_t n; /* children */
    struct tree_file *file;
};

#define TREE_BUCKETS 4096
#define TREE_MOST    (1u << 22) /* names */

struct tree {
    struct arena *arena;
    struct tree_node *root;
    struct tree_file *buckets[TREE_BUCKETS];
    uint32_t n_names, n_files; /* tree_finish(): files are inodes */
    struct tree_node **nodes;  /* tree_finish(): of each inode its first name, by number */
    int64_t epoch;             /* what is newer is said to be of this time; INT64_MAX: nothing is */
    uint64_t bytes;            /* of all contents */
};

int tree_init(struct tree *t, struct arena *a, int64_t epoch, struct err *err);

/* The child of that name; NULL: none. */
struct tree_node *tree_child(const struct tree_node *dir, const char *name, size_t n);

/* What is at a clean path (pathtext.h), with no link followed; NULL: nothing. */
struct tree_node *tree_at(const struct tree *t, const char *path);

/* The directory at a clean path, made with those above it where they are not there, as root's with `mode`. -ENOTDIR. */
int tree_directory(struct tree *t, const char *path, uint32_t mode, struct tree_node **out, struct err *err);

/* A new inode of root's, which ends up with no name unless it is placed. NULL: no memory. */
struct tree_file *tree_file_new(struct tree *t, uint32_t mode);

/* Gives an inode a name (copied); what was there must be the same inode, or two directories. */
int tree_place(struct tree *t, struct tree_node *dir, const char *name, size_t n, struct tree_file *f,
               struct tree_node **out, struct err *err);

/* A file of root's with these contents (borrowed) at a clean path, 0644, where nothing is there yet. */
int tree_text(struct tree *t, const char *path, const char *text, struct err *err);

int tree_bytes(struct tree *t, const char *path, const void *bytes, size_t n, struct err *err);

/* A symbolic link, where nothing is there yet. */
int tree_link(struct tree *t, const char *path, const char *target, struct err *err);

/* The path of a node, clean. NULL: no memory. */
const char *tree_path(struct arena *a, const struct tree_node *node);

/* Names of each directory in order of their bytes, inodes numbered as a walk meets them, the root 0. */
int tree_finish(struct tree *t, struct err *err);

#endif
