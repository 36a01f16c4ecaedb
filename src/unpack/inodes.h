/* SPDX-License-Identifier: Apache-2.0 */
/* A set of inode numbers with a text beside each: what this layer made, which hard links were seen. */
#ifndef MOAT_UNPACK_INODES_H
#define MOAT_UNPACK_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inodes {
    struct inode_slot {
        uint64_t dev, ino;
        char *text; /* owned; may be NULL */
        bool used;
    } * slots;
    size_t n, cap;
};

/* False when out of memory. An inode that is there keeps its text. */
bool inodes_add(struct inodes *s, uint64_t dev, uint64_t ino, const char *text);
bool inodes_has(const struct inodes *s, uint64_t dev, uint64_t ino);
/* NULL when absent or without text. */
const char *inodes_text(const struct inodes *s, uint64_t dev, uint64_t ino);
void inodes_free(struct inodes *s);

#endif
