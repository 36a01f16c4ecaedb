/* SPDX-License-Identifier: Apache-2.0 */
/* See cache.h: format 1.1 of glibc 2.2 and later. Pure. */
#include "unikernel/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_PATH    "/etc/ld.so.cache"
#define CACHE_MAGIC   "glibc-ld.so.cache1.1"
#define CACHE_LITTLE  2      /* flags: byte order */
#define CACHE_LIBRARY 0x0303 /* an ELF library for libc.so.6, of x86-64 */

struct cache_header {
    char magic[20];
    uint32_t n, strings; /* entries; bytes of strings */
    uint8_t flags, padding[3];
    uint32_t extension, unused[3];
};
struct cache_entry {
    int32_t flags;
    uint32_t name, path; /* offsets from the header's start */
    uint32_t unused;
    uint64_t hwcap;
};
_Static_assert(sizeof(struct cache_header) == 48 && sizeof(struct cache_entry) == 24, "glibc's format");

struct pair {
    const char *name, *path;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* glibc's order: numbers in names by their value. */
static int compare_names(const char *a, const char *b)
{
    while (*a) {
        if (is_digit(*a) && is_digit(*b)) {
            char *end_a, *end_b;
            unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
            if (x != y)
                return x < y ? -1 : 1;
            a = end_a;
            b = end_b;
        } else if (is_digit(*a) != is_digit(*b)) {
            return is_digit(*a) ? 1 : -1;
        } else if (*a != *b) {
            return (unsigned char)*a - (unsigned char)*b;
        } else {
            a++;
            b++;
        }
    }
    return -(int)(unsigned char)*b;
}

/* The greatest first: that is how it is searched. */
static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    const int r = compare_names(y->name, x->name);

    return r ? r : strcmp(y->name, x->name);
}

static char *fill(struct arena *a, const struct pair *pairs, uint32_t n, size_t *size)
{
    const size_t head = sizeof(struct cache_header) + n * sizeof(struct cache_entry);
    struct cache_header h = {.magic = CACHE_MAGIC, .n = n, .flags = CACHE_LITTLE};
    size_t strings = 0;

    for (uint32_t i = 0; i < n; i++)
        strings += strlen(pairs[i].name) + strlen(pairs[i].path) + 2;
    char *out = arena_alloc(a, head + strings);
    size_t at = head;
    for (uint32_t i = 0; out && i < n; i++) {
        const size_t name = strlen(pairs[i].name) + 1, path = strlen(pairs[i].path) + 1;
        const struct cache_entry e = {.flags = CACHE_LIBRARY, .name = (uint32_t)at, .path = (uint32_t)(at + name)};
        memcpy(out + sizeof h + i * sizeof e, &e, sizeof e);
        memcpy(out + at, pairs[i].name, name);
        memcpy(out + at + name, pairs[i].path, path);
        at += name + path;
    }
    h.strings = (uint32_t)strings;
    if (out)
        memcpy(out, &h, sizeof h);
    *size = head + strings;
    return out;
}

int cache_make(const struct libraries *l, struct tree *t, struct err *err)
{
    struct pair *pairs = arena_array(t->arena, l->n + 1, sizeof *pairs);
    uint32_t n = 0;
    size_t size;

    if (!pairs)
        return err_set(err, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < l->n; i++)
        if (l->paths[i])
            pairs[n++] = (struct pair){l->names[i], l->paths[i]};
    if (!n || l->musl)
        return 0;
    qsort(pairs, n, sizeof *pairs, by_name);
    const char *bytes = fill(t->arena, pairs, n, &size);
    return bytes ? tree_bytes(t, CACHE_PATH, bytes, size, err) : err_set(err, -ENOMEM, "out of memory");
}
