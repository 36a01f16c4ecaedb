/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's stack. Pages are the kernel's to give when they are touched. */
#include "wasm/runtime/stack.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGE 4096u

size_t wasm_stack_size(const struct wasm_store_whole *w)
{
    size_t size = w->options.stack_size ? w->options.stack_size : WASM_STACK_DEFAULT;
    return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

int wasm_stack_make(struct wasm_store_whole *w)
{
    if (w->stack)
        return 0;
    size_t size = WASM_STACK_GUARD + wasm_stack_size(w);
    uint8_t *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    if (mprotect(p + WASM_STACK_GUARD, wasm_stack_size(w), PROT_READ | PROT_WRITE)) {
        munmap(p, size);
        return -ENOMEM;
    }
    w->stack = p;
    w->store.stack_limit = (uintptr_t)p + WASM_STACK_GUARD;
    return 0;
}

void wasm_stack_free(struct wasm_store_whole *w)
{
    if (w->stack)
        munmap(w->stack, WASM_STACK_GUARD + wasm_stack_size(w));
    w->stack = NULL;
}

bool wasm_stack_guard_holds(const struct wasm_store *s, const void *address)
{
    const struct wasm_store_whole *w = wasm_store_whole(s);
    return w->stack && (uintptr_t)address - (uintptr_t)w->stack < WASM_STACK_GUARD;
}
