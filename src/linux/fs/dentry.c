/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of directory entries. A dentry in the tree is in its parent's `children` and in one bucket of the table of
 * names, and holds its parent. Three kinds live there without a holder: pinned ones (tmpfs: the names are the contents,
 * the pin is a holder), ones whose inode is `kept`, and the rest, positive or negative, which are a cache: they wait in
 * the list of unused ones, of which the oldest go. Touches only the heap; the bound of the cache keeps a program that
 * asks for many names from filling it.
 */
#include "linux/fs/internal.h"

#include <string.h>

NEEDS_ANONYMOUS;

#define UNUSED_MAX  2048u /* dentries that are only a cache */
#define FIRST_PAGES 1u

HEAP_TYPE(dentry, FIELD(dentry, refs, FIELD_PLAIN), FIELD(dentry, parent, FIELD_REF), FIELD(dentry, inode, FIELD_REF),
          FIELD(dentry, sb, FIELD_REF), FIELD(dentry, siblings, FIELD_LIST), FIELD(dentry, children, FIELD_LIST),
          FIELD(dentry, unused, FIELD_LIST), FIELD(dentry, same_hash, FIELD_NONE), FIELD(dentry, mounted, FIELD_REF),
          FIELD(dentry, cookie, FIELD_PLAIN), FIELD(dentry, hash_value, FIELD_PLAIN),
          FIELD(dentry, length, FIELD_PLAIN), FIELD(dentry, hashed, FIELD_PLAIN), FIELD(dentry, unlinked, FIELD_PLAIN),
          FIELD(dentry, pinned, FIELD_PLAIN), FIELD(dentry, name, FIELD_BYTES));

KERNEL_STATE struct fs_state fs_state;

/* ---- the table of names ---- */

static uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static uint32_t load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

uint32_t name_hash(const char *name, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15ull ^ n, last;
    for (size_t i = 0; i + 8 < n; i += 8)
        h = (h ^ load64(name + i)) * 0xff51afd7ed558ccdull, h ^= h >> 32;
    if (n >= 8) /* the last eight, some of them twice */
        last = load64(name + n - 8);
    else if (n >= 4)
        last = load32(name) | (uint64_t)load32(name + n - 4) << 32;
    else
        last =
            n ? (uint64_t)(uint8_t)name[0] | (uint64_t)(uint8_t)name[n / 2] << 8 | (uint64_t)(uint8_t)name[n - 1] << 16
              : 0;
    h = (h ^ last) * 0xff51afd7ed558ccdull;
    return (uint32_t)(h ^ h >> 32);
}

static struct dentry **bucket(const struct dentry *parent, uint32_t hash)
{
    uint64_t at = (uintptr_t)parent >> 5;
    at = (at ^ hash) * 0xc4ceb9fe1a85ec53ull;
    return &fs_state.names[(uint32_t)(at >> 32) & fs_state.names_mask];
}

static size_t table_pages(uint32_t mask)
{
    return ((size_t)mask + 1) * sizeof(struct dentry *) / PAGE_SIZE;
}

int dentry_table_init(void)
{
    list_init(&fs_state.unused);
    fs_state.names = heap_pages(FIRST_PAGES);
    fs_state.names_mask = (uint32_t)(FIRST_PAGES * PAGE_SIZE / sizeof(struct dentry *)) - 1;
    return fs_state.names ? 0 : -ENOMEM;
}

/* Twice the buckets; without memory the chains are longer. */
static void table_grow(void)
{
    uint32_t old_mask = fs_state.names_mask;
    struct dentry **old = fs_state.names, **new = heap_pages(2 * table_pages(old_mask));
    if (!new)
        return;
    fs_state.names = new;
    fs_state.names_mask = 2 * old_mask + 1;
    for (uint32_t i = 0; i <= old_mask; i++)
        for (struct dentry *d = old[i], *next; d; d = next) {
            struct dentry **b = bucket(d->parent, d->hash_value);
            next = d->same_hash;
            d->same_hash = *b;
            *b = d;
        }
    heap_pages_free(old, table_pages(old_mask));
}

static void place_among_siblings(struct dentry *d)
{
    struct list *siblings = &d->parent->children;
    if (!d->pinned) {
        list_prepend(siblings, &d->siblings);
        return;
    }
    const struct dentry *last = list_empty(siblings) ? NULL : list_entry(siblings->prev, struct dentry, siblings);
    d->cookie = last && last->pinned ? last->cookie + 1 : 2; /* behind . and .. */
    list_append(siblings, &d->siblings);
}

void dentry_hash(struct dentry *d)
{
    if (d->hashed)
        return;
    if (++fs_state.names_n > fs_state.names_mask)
        table_grow();
    struct dentry **b = bucket(d->parent, d->hash_value);
    d->same_hash = *b;
    *b = d;
    d->hashed = true;
    place_among_siblings(d);
}

static void dentry_unhash(struct dentry *d)
{
    if (!d->hashed)
        return;
    struct dentry **at = bucket(d->parent, d->hash_value);
    while (*at != d)
        at = &(*at)->same_hash;
    *at = d->same_hash;
    d->same_hash = NULL;
    d->hashed = false;
    fs_state.names_n--;
    list_remove(&d->siblings);
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length)
{
    uint32_t hash = name_hash(name, length);
    for (struct dentry *d = *bucket(parent, hash); d; d = d->same_hash)
        if (d->hash_value == hash && d->parent == parent && d->length == length && !memcmp(d->name, name, length))
            return dentry_get(d);
    return NULL;
}

/* ---- life ---- */

struct dentry *dentry_new(struct dentry *parent, const char *name, size_t length)
{
    struct dentry *d = heap_new(&dentry_type);
    if (!d)
        return NULL;
    d->name = heap_alloc(length + 1);
    if (!d->name) {
        heap_free(&dentry_type, d);
        return NULL;
    }
    memcpy(d->name, name, length);
    d->length = (uint16_t)length;
    d->hash_value = name_hash(name, length);
    d->refs = 1;
    d->parent = parent ? dentry_get(parent) : d;
    d->sb = parent ? parent->sb : NULL;
    list_init(&d->siblings);
    list_init(&d->children);
    list_init(&d->unused);
    return d;
}

static void unused_remove(struct dentry *d)
{
    if (!list_empty(&d->unused)) {
        list_remove(&d->unused);
        fs_state.unused_n--;
    }
}

struct dentry *dentry_get(struct dentry *d)
{
    if (!d->refs++)
        unused_remove(d);
    return d;
}

/* Nobody holds it. Its parent, which it held, is the caller's to put; NULL: it was a root. */
static struct dentry *dentry_free(struct dentry *d)
{
    struct dentry *parent = d->parent == d ? NULL : d->parent;
    unused_remove(d);
    dentry_unhash(d);
    inode_put(d->inode);
    heap_release(d->name, (size_t)d->length + 1);
    heap_free(&dentry_type, d);
    return parent;
}

static void put_untrimmed(struct dentry *d)
{
    while (d && !--d->refs) {
        if (d->hashed) {
            if (!(d->inode && d->inode->kept)) {
                list_append(&fs_state.unused, &d->unused);
                fs_state.unused_n++;
            }
            return;
        }
        d = dentry_free(d);
    }
}

void dentry_trim(uint32_t most)
{
    while (fs_state.unused_n > most) {
        struct dentry *oldest = list_first(&fs_state.unused, struct dentry, unused);
        unused_remove(oldest);
        if (!(oldest->inode && oldest->inode->kept)) /* it may have become so */
            put_untrimmed(dentry_free(oldest));
    }
}

void dentry_put(struct dentry *d)
{
    put_untrimmed(d);
    if (fs_state.unused_n > UNUSED_MAX)
        dentry_trim(UNUSED_MAX);
}

void dentry_set(struct dentry *d, struct inode *i)
{
    inode_put(d->inode);
    d->inode = i;
}

void dentry_pin(struct dentry *d)
{
    if (d->pinned)
        return;
    d->pinned = true;
    dentry_get(d);
    if (d->hashed) {
        list_remove(&d->siblings);
        place_among_siblings(d);
    }
}

static void dentry_unpin(struct dentry *d)
{
    if (d->pinned) {
        d->pinned = false;
        dentry_put(d);
    }
}

void dentry_drop(struct dentry *d)
{
    dentry_unhash(d);
    d->unlinked = true;
    dentry_unpin(d);
}

void dentry_forget_children(struct dentry *parent)
{
    dentry_get(parent); /* the last child may be its last holder */
    list_each (d, &parent->children, struct dentry, siblings) {
        dentry_get(d);
        dentry_drop(d);
        dentry_put(d);
    }
    dentry_put(parent);
}

void dentry_tree_free(struct dentry *root)
{
    struct dentry *d = root;
    while (d) {
        struct dentry *child = list_first(&d->children, struct dentry, siblings);
        if (child) {
            d = child;
            continue;
        }
        struct dentry *parent = d->parent == d ? NULL : d->parent;
        if (parent) {
            dentry_get(parent);
            dentry_get(d);
            dentry_drop(d);
            dentry_put(d);
            parent->refs--; /* the loop stands on it */
        } else {
            (void)dentry_free(d);
        }
        d = parent;
    }
}

void dentry_forget(struct dentry *top)
{
    dentry_get(top);
    for (struct dentry *d = top;;) {
        struct dentry *child = list_first(&d->children, struct dentry, siblings);
        if (child) {
            d = child;
            continue;
        }
        if (d == top)
            break;
        struct dentry *parent = d->parent;
        dentry_get(d);
        dentry_unhash(d);
        dentry_unpin(d);
        dentry_put(d); /* who holds it still holds its parent */
        d = parent;
    }
    dentry_unhash(top);
    dentry_put(top);
}

/* ---- moving ---- */

static void set_name(struct dentry *d, char *name, uint16_t length, uint32_t hash)
{
    d->name = name, d->length = length, d->hash_value = hash;
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    char *name = a->name;
    uint16_t length = a->length;
    uint32_t hash = a->hash_value;
    set_name(a, b->name, b->length, b->hash_value);
    set_name(b, name, length, hash);
}

void dentry_move(struct dentry *from, struct dentry *to)
{
    struct dentry *old_parent = from->parent, *new_parent = dentry_get(to->parent);
    char *name = to->inode ? heap_alloc((size_t)to->length + 1) : NULL;
    dentry_get(from);
    dentry_get(to);
    dentry_unhash(from);
    dentry_drop(to);
    if (name) { /* what is open keeps its name for /proc */
        memcpy(name, to->name, to->length);
        heap_release(from->name, (size_t)from->length + 1);
        set_name(from, name, to->length, to->hash_value);
    } else {
        swap_names(from, to);
    }
    from->parent = new_parent;
    dentry_hash(from);
    dentry_put(to);
    dentry_put(from);
    dentry_put(old_parent);
}

void dentry_swap(struct dentry *a, struct dentry *b)
{
    struct dentry *parent = a->parent;
    dentry_unhash(a);
    dentry_unhash(b);
    swap_names(a, b);
    a->parent = b->parent, b->parent = parent;
    dentry_hash(a);
    dentry_hash(b);
}

bool dentry_below(const struct dentry *d, const struct dentry *top)
{
    while (d != top && d->parent != d)
        d = d->parent;
    return d == top;
}

/* ---- asking the file system ---- */

struct dentry *dentry_lookup(struct dentry *parent, const char *name, size_t length, int *error)
{
    struct dentry *d = dentry_find(parent, name, length);
    *error = 0;
    if (d && (!d->sb->type->still || d->sb->type->still(d)))
        return d;
    if (d) {
        dentry_forget(d);
        dentry_put(d);
    }
    if (length > NAME_MAX_ || parent->unlinked) {
        *error = length > NAME_MAX_ ? -ENAMETOOLONG : -ENOENT;
        return NULL;
    }
    d = dentry_new(parent, name, length);
    if (!d) {
        *error = -ENOMEM;
        return NULL;
    }
    const struct inode_ops *ops = parent->inode->ops;
    *error = ops->lookup ? ops->lookup(parent->inode, d) : 0;
    if (*error) {
        dentry_put(d);
        return NULL;
    }
    if (!d->sb->type->volatile_names)
        dentry_hash(d);
    return d;
}
