/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings in order of address: a balanced tree (AVL) whose nodes know the widest hole in their subtree, so that a free
 * place is found without visiting what is too narrow. Knows nothing of platforms, files or accounts.
 *
 * No two mappings of a tree overlap. A node's own fields that the tree reads are start and end; whoever changes them
 * without changing the order calls tree_changed. All operations are O(log n).
 */
#ifndef MOAT_LINUX_MM_TREE_H
#define MOAT_LINUX_MM_TREE_H

#include "linux/mm/mm.h"

struct va_map {
    uint32_t refs;
    struct vma *root;
};
extern struct heap_type va_map_type;

void tree_insert(struct va_map *, struct vma *);
void tree_remove(struct va_map *, struct vma *);
void tree_changed(struct vma *);
/* The first one that ends behind `at`: it holds `at`, or is the next above; NULL. */
struct vma *tree_from(const struct va_map *, uint64_t at);
struct vma *tree_first(const struct va_map *);
struct vma *tree_next(const struct vma *);
struct vma *tree_before(const struct vma *);

enum tree_end { TREE_LOWEST, TREE_HIGHEST };
/* Where n bytes are free in [low, high), low > 0, at a multiple of `align` (a power of two, at least a page): the
 * lowest or highest hole that is wide enough for any alignment; 0: none. */
uint64_t tree_gap(const struct va_map *, uint64_t low, uint64_t high, uint64_t n, uint64_t align, enum tree_end);
/* The widest hole in [low, high): its ends. false: there is none. */
bool tree_widest(const struct va_map *, uint64_t low, uint64_t high, uint64_t *start, uint64_t *end);

#endif
