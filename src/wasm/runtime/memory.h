/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear memories (specification 4.2.8). Each reserves the addresses that any access can name: index below 2^32 plus
 * offset below 2^32 plus the widest access. Pages that the guest does not have are PROT_NONE, so compiled code needs no
 * check: what is out of bounds faults within the reservation, and nowhere else.
 */
#ifndef MOAT_WASM_RUNTIME_MEMORY_H
#define MOAT_WASM_RUNTIME_MEMORY_H

#include "wasm/runtime/store_private.h"

/* In front of the base: no code of ours goes there; it keeps what is below from a mistake of ours. */
#define WASM_MEMORY_GUARD_BELOW (UINT64_C(64) << 10)
/* From the base: 2 * (2^32 - 1) + 16, up to whole pages, and one page of the guest more. */
#define WASM_MEMORY_RESERVED ((UINT64_C(8) << 30) + 2 * WASM_PAGE)

/* limits: the module's, checked. -ENOMEM: no addresses, no memory or the store's limit. */
int wasm_memory_make(struct wasm_store_whole *w, const struct wasm_limits *limits, struct wasm_memory *out);
void wasm_memory_free(struct wasm_memory *m);
/* The old size in pages, or UINT32_MAX. */
uint32_t wasm_memory_extend(struct wasm_store_whole *w, struct wasm_memory *m, uint32_t pages);

/* Whether an address is one that code can name of this memory, in bounds or not. Async-signal-safe. */
static inline bool wasm_memory_reserves(const struct wasm_memory *m, const void *address)
{
    return (uintptr_t)address - (uintptr_t)m->base < WASM_MEMORY_RESERVED;
}

#endif
