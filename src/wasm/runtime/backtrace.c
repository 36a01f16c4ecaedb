/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who called whom when a trap was raised. The interpreter leaves its frames as they were. Compiled code leaves a chain
 * of rbp on the guest's stack: it is read within the bounds of that stack and only upwards, whatever stands there.
 */
#include "wasm/baseline/compile.h"
#include "wasm/runtime/interp.h"
#include "wasm/runtime/stack.h"

#include <string.h>

static uint32_t interpreted(const struct interp_stack *s, struct wasm_frame *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t k = s->trap_frames; k > 0 && n < max; k--) {
        const struct interp_frame *f = &s->frames[k - 1];
        const struct wasm_module *m = f->instance->module;
        out[n++] = (struct wasm_frame){m, f->index, (uint32_t)(f->at - m->bytes)};
    }
    return n;
}

static bool find(const struct wasm_store_whole *w, uint64_t pc, struct wasm_frame *out)
{
    for (const struct wasm_store_module *m = w->modules; m; m = m->next)
        if (m->code && wasm_code_find(m->code, (const void *)(uintptr_t)pc, &out->function, &out->offset)) {
            out->module = m->module;
            return true;
        }
    return false;
}

/* The frames of one wasm_call(), from the place of its trap on. */
static uint32_t compiled_call(const struct wasm_store_whole *w, uint64_t pc, uint64_t frame, struct wasm_frame *out,
                              uint32_t max)
{
    uint64_t above = (uintptr_t)w->stack;
    uint64_t high = (uintptr_t)w->stack + WASM_STACK_GUARD + wasm_stack_size(w) - 16;
    uint32_t n = 0;
    while (n < max) {
        bool known = find(w, pc, &out[n]);
        n += known;
        if (frame <= above || frame > high || frame % 8)
            break;
        uint64_t words[2]; /* the caller's rbp, the return address: it is behind the call */
        memcpy(words, (const void *)(uintptr_t)frame, sizeof words);
        above = frame;
        frame = words[0];
        pc = words[1] - 1;
        if (known)
            pc =
                wasm_code_return_address(above, high + 16, wasm_function_type(out[n - 1].module, out[n - 1].function)) -
                1;
    }
    return n;
}

static uint32_t compiled(const struct wasm_store_whole *w, struct wasm_frame *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < w->n_inner; k++)
        n += compiled_call(w, w->inner[k].pc, w->inner[k].fp, out + n, max - n);
    const struct wasm_trap_place *last = w->n_inner ? &w->inner[w->n_inner - 1] : NULL;
    if (last && last->fp == w->store.trap_fp && last->pc == w->store.trap_pc)
        return n; /* the outermost call was of a host function, which has no frames here */
    return n + compiled_call(w, w->store.trap_pc, w->store.trap_fp, out + n, max - n);
}

void wasm_backtrace_forget(struct wasm_store_whole *w)
{
    w->n_inner = 0;
    if (w->interp)
        w->interp->trap_frames = 0;
}

uint32_t wasm_backtrace(const struct wasm_store *s, struct wasm_frame *out, uint32_t max)
{
    const struct wasm_store_whole *w = wasm_store_whole(s);
    if (w->interp)
        return interpreted(w->interp, out, max);
    return w->stack ? compiled(w, out, max) : 0;
}
