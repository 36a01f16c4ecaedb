/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for machine code that is never writable and executable through one mapping: pages of a memfd seen twice, once
 * to write and once to run. Life: code_arena_make() -> code_arena_alloc(), write, run -> code_arena_seal() once nothing
 * more is to be written -> code_arena_free(). All address space is taken at once, so that a filter that refuses further
 * executable mappings may be raised right after; a page costs memory when it is first written. Whatever lies in one
 * arena is in reach of a 32-bit displacement.
 *
 * Not for several threads at a time: callers lock. Running code needs no lock. After fork() both processes see the same
 * pages.
 */
#ifndef MOAT_CODEGEN_ARENA_H
#define MOAT_CODEGEN_ARENA_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_ARENA_MAX ((size_t)1 << 30) /* half the reach of a displacement */

struct code_hole;

struct code_arena {
    uint8_t *write;          /* NULL once sealed */
    uint8_t *run;            /* the same bytes */
    size_t size;             /* bytes of address space */
    size_t used;             /* never handed out from here on */
    struct code_hole *holes; /* given back, by address */
};

/* Room for `size` bytes, rounded up to a page, at most CODE_ARENA_MAX. 0; -EINVAL, -ENOMEM, -EPERM (the system refuses
 * executable mappings) or another of memfd_create(2), ftruncate(2) and mmap(2). */
int code_arena_make(struct code_arena *a, size_t size, struct err *err);
/* Code of it must not be running or run again. */
void code_arena_free(struct code_arena *a);

/* Where to write and where it runs then: the same `size` bytes, aligned to a power of two up to a page (at least 16).
 * They hold int3 or zeros. 0, -ENOSPC or (sealed) -EPERM. */
int code_arena_alloc(struct code_arena *a, size_t size, size_t alignment, uint8_t **write, uint8_t **run);
/* The same and copies the code in; where it runs, or NULL. */
uint8_t *code_arena_put(struct code_arena *a, const void *code, size_t size, size_t alignment);
/* Fills it with int3 and hands it out again. Nobody may run in it or come back to it. */
void code_arena_give_back(struct code_arena *a, uint8_t *run, size_t size);

/* Takes the writable view away, for good. */
void code_arena_seal(struct code_arena *a);

/* Writable address of a byte of the executable view; NULL when it is elsewhere or the arena is sealed. */
static inline uint8_t *code_arena_writable(const struct code_arena *a, const void *run)
{
    size_t offset = (size_t)((uintptr_t)run - (uintptr_t)a->run);

    return a->write && offset < a->size ? a->write + offset : NULL;
}

static inline bool code_arena_holds(const struct code_arena *a, const void *run)
{
    return (uintptr_t)run - (uintptr_t)a->run < a->size;
}

/* Code that is finished and in a file, mapped privately to be read and run. offset: a multiple of the page size. The
 * file is trusted: who can write to it, now or later, can run code here. 0 or -errno; -EINVAL when the file is shorter.
 */
int code_image_map(int fd, uint64_t offset, size_t size, const uint8_t **run, struct err *err);
void code_image_unmap(const uint8_t *run, size_t size);

#endif
