/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. Life of an arena: arena_init() reserves address space; arena_alloc() hands out zeroed, 16-byte aligned
 * pieces; nothing is freed singly; arena_free() gives all of it back. Most programs here make one arena per command
 * and let exit free it.
 *
 * Cleanup attributes: `_cleanup_fd_ int fd = -1;` closes on every way out; steal_fd() hands ownership on.
 */
#ifndef MOAT_BASE_MEM_H
#define MOAT_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

struct arena {
    char *base;
    size_t used;
    size_t size; /* bytes of address space; pages are only taken when touched */
};

/* Reserves `size` bytes of address space (rounded up to a page). 0 or -ENOMEM. */
int arena_init(struct arena *a, size_t size);
void arena_free(struct arena *a);

/* Zeroed memory, or NULL when the arena is full: callers return -ENOMEM. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same for n items; NULL on overflow of n * size too. */
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((malloc, alloc_size(2, 3)));
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#define _cleanup_(f) __attribute__((cleanup(f)))
void cleanup_fd(int *fd);
void cleanup_free(void *pp);
#define _cleanup_fd_   _cleanup_(cleanup_fd)
#define _cleanup_free_ _cleanup_(cleanup_free)

static inline int steal_fd(int *fd)
{
    int f = *fd;
    *fd = -1;
    return f;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
