/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the interpreter keeps of a function, made when it is first called. The body is validated once more for it, since
 * most functions of a large module are never called and a table of all blocks would be larger than the module.
 */
#include "wasm/runtime/interp.h"

#include <stdlib.h>
#include <string.h>

static struct interp_function *prepare(struct wasm_store_module *m, uint32_t function)
{
    const struct wasm_functype *type = wasm_function_type(m->module, function);
    struct wasm_body body;
    struct err err;
    if (wasm_validate_function(m->validator, function, true, &body, &err))
        return NULL; /* it was valid before: no memory */
    struct interp_function *f = malloc(sizeof *f + body.n_blocks * sizeof f->blocks[0]);
    if (!f)
        return NULL;
    *f = (struct interp_function){
        .code = body.code,
        .end = body.end,
        .n_params = type->n_params,
        .n_results = type->n_results,
        .n_locals = body.n_locals,
        .n_slots = body.n_locals + body.max_stack,
        .max_depth = body.max_depth,
        .fuel = body.fuel,
        .n_blocks = body.n_blocks,
    };
    if (f->n_slots < f->n_results) /* a host function as a tail call leaves its results here */
        f->n_slots = f->n_results;
    if (f->n_blocks)
        memcpy(f->blocks, body.blocks, f->n_blocks * sizeof f->blocks[0]);
    return f;
}

const struct interp_function *interp_function_get(struct wasm_store_module *m, uint32_t function)
{
    struct interp_function **f = &m->functions[function - m->module->n_imported_functions];
    if (!*f)
        *f = prepare(m, function);
    return *f;
}

uint32_t interp_block_find(const struct interp_function *f, uint32_t offset)
{
    uint32_t low = 0, high = f->n_blocks;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (f->blocks[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}
