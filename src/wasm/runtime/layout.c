/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of an instance's block are. Made of the module alone, so that compiler and runtime come to the same
 * figures; a change here is a change of WASM_ABI_VERSION.
 */
#include "wasm/runtime/abi.h"

#include <errno.h>

#define INSTANCE_MAX (1u << 30)

/* Takes n items of `size` bytes; gives where they begin. */
static uint32_t take(uint64_t *used, uint64_t n, uint32_t size)
{
    uint64_t at = (*used + 15) & ~UINT64_C(15);
    *used = at + n * size;
    return (uint32_t)at;
}

int wasm_layout_make(const struct wasm_module *m, struct wasm_layout *out)
{
    uint64_t used = sizeof(struct wasm_instance);
    uint32_t own_tables = m->n_tables - m->n_imported_tables;
    *out = (struct wasm_layout){
        .imports = take(&used, m->n_imported_functions, sizeof(struct wasm_func *)),
        .globals = take(&used, m->n_globals - m->n_imported_globals, sizeof(union wasm_value)),
        .imported_globals = take(&used, m->n_imported_globals, sizeof(union wasm_value *)),
        .tables = take(&used, m->n_tables, sizeof(struct wasm_table *)),
        .own_tables = take(&used, own_tables, sizeof(struct wasm_table)),
        .refs = take(&used, m->n_ref_slots, sizeof(struct wasm_func)),
    };
    take(&used, (uint64_t)m->n_datas + m->n_elems, 1);
    if (used > INSTANCE_MAX)
        return -ENOMEM;
    out->size = (uint32_t)used;
    return 0;
}
