/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes files of a root directory, the host's own or another, into a tree. A path is walked as the kernel would walk it
 * with that directory as its root: each link on the way is taken as a link, each directory as a directory, so that the
 * same name leads to the same file in the image. Reads files with the caller's rights and changes none.
 */
#ifndef MOAT_UNIKERNEL_SOURCE_H
#define MOAT_UNIKERNEL_SOURCE_H

#include "unikernel/tree.h"

struct source {
    struct tree *tree;
    int root;         /* descriptor of the directory */
    const char *path; /* its name, without a slash at its end: "" for the host's own */
    bool as_it_is;    /* a root file system is taken with its owners and set-id bits; else all is root's, without */
    bool no_programs; /* ELF files are files as any */
    void (*progress)(void *ctx, const struct tree *t); /* NULL: none */
    void *ctx;
};

/* Takes what is at an absolute path, a directory without what is in it; *out is what the path leads to, behind all
 * links. -ENOENT and so on say which name. */
int source_take(struct source *s, const char *path, struct tree_node **out, struct err *err);
/* The same; where there is nothing, *out is NULL. */
int source_take_if_there(struct source *s, const char *path, struct tree_node **out, struct err *err);

/* The same with all that is in it. */
int source_take_all(struct source *s, const char *path, struct err *err);

/* What `host` names outside of the root (followed), with all that is in it, as `guest`, clean. */
int source_place(struct source *s, const char *host, const char *guest, struct err *err);

/* A file of the tree, not one of memory, opened again. -errno. */
int source_open(const struct tree_file *f);

/* The contents of a file of the tree once more, for the image: called with each piece in order. -EAGAIN: it is not any
 * more what it was when it was taken. */
int source_read(const struct tree_file *f, int (*put)(void *ctx, const void *bytes, size_t n), void *ctx,
                struct err *err);

#endif
