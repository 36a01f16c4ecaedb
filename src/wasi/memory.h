/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's memory, seen from a host function. An address of the program is a number with a type of its own, so
 * that it cannot be used as a pointer; each access names its length and is checked. What is read is copied, and the
 * copy is used. During a call nobody else writes the memory, and it does not move: one thread runs the store.
 */
#ifndef MOAT_WASI_MEMORY_H
#define MOAT_WASI_MEMORY_H

#include "wasm/runtime/abi.h"

#include <errno.h>
#include <string.h>

struct waddr {
    uint32_t at;
};

/* The bytes themselves, for the kernel to read or fill; NULL when they are not all there. Nothing is somewhere always:
 * some languages give any number for the address of an empty buffer. */
static inline void *memory_span(const struct wasm_memory *m, struct waddr a, uint64_t length)
{
    if (!m || (length && (uint64_t)a.at + length > m->size))
        return NULL;
    return length ? m->base + a.at : m->base;
}

static inline int memory_check(const struct wasm_memory *m, struct waddr a, uint64_t length)
{
    return memory_span(m, a, length) ? 0 : -EFAULT;
}

static inline int memory_read(const struct wasm_memory *m, struct waddr a, void *to, uint32_t length)
{
    const void *from = memory_span(m, a, length);

    if (!from)
        return -EFAULT;
    memcpy(to, from, length);
    return 0;
}

static inline int memory_write(const struct wasm_memory *m, struct waddr a, const void *from, uint32_t length)
{
    void *to = memory_span(m, a, length);

    if (!to)
        return -EFAULT;
    memcpy(to, from, length);
    return 0;
}

/* The address `by` bytes further; one that is beyond 4 GiB lies in no memory. */
static inline int memory_after(struct waddr a, uint64_t by, struct waddr *out)
{
    if (a.at + by > UINT32_MAX)
        return -EFAULT;
    out->at = (uint32_t)(a.at + by);
    return 0;
}

#endif
