/* SPDX-License-Identifier: Apache-2.0 */
/* Linear memories: addresses are reserved once, bytes are handed out by mprotect(2), and the kernel zeroes them. */
#include "wasm/runtime/memory.h"

#include <errno.h>
#include <sys/mman.h>

_Static_assert(WASM_MEMORY_RESERVED > 2 * UINT64_C(0xffffffff) + 16, "every access lies in the reservation");

/* Pages that the store's policy still allows. */
static uint64_t pages_left(const struct wasm_store_whole *w)
{
    uint64_t limit = w->options.memory_pages;
    if (!limit)
        return UINT64_MAX;
    return limit > w->n_pages ? limit - w->n_pages : 0;
}

static uint8_t *reserve(void)
{
    uint8_t *p = mmap(NULL, WASM_MEMORY_GUARD_BELOW + WASM_MEMORY_RESERVED, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p + WASM_MEMORY_GUARD_BELOW;
}

int wasm_memory_make(struct wasm_store_whole *w, const struct wasm_limits *limits, struct wasm_memory *out)
{
    uint32_t max = limits->has_max ? limits->max : WASM_PAGES_MAX;
    if (max > WASM_PAGES_MAX)
        max = WASM_PAGES_MAX;
    if (limits->min > max || limits->min > pages_left(w))
        return -ENOMEM;
    uint8_t *base = w->place ? w->place->memory : reserve();
    if (!base)
        return -ENOMEM;
    *out = (struct wasm_memory){
        .base = base, .max = max, .type_max = limits->has_max ? limits->max : UINT32_MAX, .placed = w->place != NULL};
    if (wasm_memory_extend(w, out, limits->min) == UINT32_MAX) {
        wasm_memory_free(out);
        return -ENOMEM;
    }
    return 0;
}

void wasm_memory_free(struct wasm_memory *m)
{
    if (m->base && !m->placed)
        munmap(m->base - WASM_MEMORY_GUARD_BELOW, WASM_MEMORY_GUARD_BELOW + WASM_MEMORY_RESERVED);
    *m = (struct wasm_memory){0};
}

uint32_t wasm_memory_extend(struct wasm_store_whole *w, struct wasm_memory *m, uint32_t pages)
{
    uint32_t old = m->pages;
    if (pages > m->max - old || pages > pages_left(w))
        return UINT32_MAX;
    if (!pages)
        return old;
    if (mprotect(m->base + m->size, (size_t)pages * WASM_PAGE, PROT_READ | PROT_WRITE))
        return UINT32_MAX;
    m->pages += pages;
    m->size = (uint64_t)m->pages * WASM_PAGE;
    w->n_pages += pages;
    return old;
}
