/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, at most three quarters full. The mixer is not keyed: inode numbers are the kernel's, not the
 * archive's. */
#include "unpack/inodes.h"

#include <stdlib.h>
#include <string.h>

static struct inode_slot *find(const struct inodes *s, uint64_t dev, uint64_t ino)
{
    uint64_t h = (ino ^ dev << 32) * 0x9e3779b97f4a7c15u;

    for (size_t i = (size_t)(h >> 32) & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
        struct inode_slot *slot = &s->slots[i];
        if (!slot->used || (slot->dev == dev && slot->ino == ino))
            return slot;
    }
}

static bool grow(struct inodes *s)
{
    struct inodes wide = {.cap = s->cap ? s->cap * 2 : 256, .n = s->n};

    wide.slots = calloc(wide.cap, sizeof *wide.slots);
    if (!wide.slots)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i].used)
            *find(&wide, s->slots[i].dev, s->slots[i].ino) = s->slots[i];
    free(s->slots);
    *s = wide;
    return true;
}

bool inodes_add(struct inodes *s, uint64_t dev, uint64_t ino, const char *text)
{
    if (s->n >= s->cap / 4 * 3 && !grow(s))
        return false;
    struct inode_slot *slot = find(s, dev, ino);
    if (slot->used)
        return true;
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return false;
    *slot = (struct inode_slot){dev, ino, copy, true};
    s->n++;
    return true;
}

bool inodes_has(const struct inodes *s, uint64_t dev, uint64_t ino)
{
    return s->cap && find(s, dev, ino)->used;
}

const char *inodes_text(const struct inodes *s, uint64_t dev, uint64_t ino)
{
    return s->cap ? find(s, dev, ino)->text : NULL;
}

void inodes_free(struct inodes *s)
{
    for (size_t i = 0; i < s->cap; i++)
        free(s->slots[i].text);
    free(s->slots);
    *s = (struct inodes){0};
}
