/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: looking up, without opening anything. All of it is openat2(2) with O_PATH in a scope: beneath a tree, or in
 * the target's root as that sees it. The result may be out of date when it is used.
 */
#ifndef MOAT_BROKER_LOOK_H
#define MOAT_BROKER_LOOK_H

#include "broker/broker.h"

#include <linux/openat2.h>

#define IN_ROOT     (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define BENEATH     (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
#define CANONICALLY (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

/* A descriptor, or -errno. follow: a link at the end is followed. */
int look_up(int dir, const char *path, bool follow, uint64_t scope);
/* The text of a link; "" names the descriptor itself. Its length. */
int look_link(int dir, const char *name, char out[PATH_SIZE]);
/* The path of a descriptor of ours, as far as the kernel knows it. Its length. */
int look_own_path(const struct broker *b, int fd, char out[PATH_SIZE]);
bool look_same(int a, int b);

/* `rest`: what follows the rule's name, without a slash in front. */
int tree_look_up(const struct broker *b, const struct rule *rule, const char *rest, bool follow, bool changes,
                 uint64_t scope);
/* The guest path of a descriptor that lies in a tree. */
int tree_name(const struct broker *b, int32_t tree, bool changes, int fd, char guest[PATH_SIZE]);

/* walk.c: a path name by name, following links from one place into another. */
struct place {
    enum { PLACE_ROOT, PLACE_TREE, PLACE_NOWHERE, PLACE_SYSTEM } in;
    const struct rule *rule;
    int fd; /* O_PATH; -1 with an error */
    int error;
};
/* One clean guest path without links before its last name. */
void look_at(const struct broker *b, const char *guest, bool changes, struct place *out);
/* guest: clean, where it ended. 0, or -errno when the kernel could not have gone on either; at->fd is the caller's all
 * the same. */
int walk(const struct broker *b, const char *path, bool follow_last, bool changes, char guest[PATH_SIZE],
         struct place *at);

#endif
