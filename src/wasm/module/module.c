/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module/module.h"

#include <string.h>

bool wasm_functype_equal(const struct wasm_functype *a, const struct wasm_functype *b)
{
    return a->n_params == b->n_params && a->n_results == b->n_results &&
           (a->types == b->types || !memcmp(a->types, b->types, (size_t)a->n_params + a->n_results));
}

const char *wasm_type_name(uint8_t type)
{
    switch (type) {
    case WASM_I32:
        return "i32";
    case WASM_I64:
        return "i64";
    case WASM_F32:
        return "f32";
    case WASM_F64:
        return "f64";
    case WASM_V128:
        return "v128";
    case WASM_FUNCREF:
        return "funcref";
    case WASM_EXTERNREF:
        return "externref";
    }
    return "any type";
}
