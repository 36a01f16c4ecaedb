/* SPDX-License-Identifier: Apache-2.0 */
/* Whether something fits an import (specification 4.5.3, 3.4.4). Limits are compared with the size of now. */
#include "wasm/runtime/store_private.h"

#include <errno.h>

static const char *const kind_names[] = {"function", "table", "memory", "global"};

static bool limits_fit(uint32_t size, bool has_max, uint32_t max, const struct wasm_limits *wanted)
{
    return size >= wanted->min && (!wanted->has_max || (has_max && max <= wanted->max));
}

static bool func_fits(const struct wasm_store_module *m, uint32_t index, const struct wasm_func *f)
{
    return f->type == m->types[m->module->functions[index].type];
}

static bool table_fits(const struct wasm_tabletype *wanted, const struct wasm_table *t)
{
    return t->type == wanted->type && limits_fit(t->size, t->type_has_max, t->type_max, &wanted->limits);
}

static bool memory_fits(const struct wasm_limits *wanted, const struct wasm_memory *m)
{
    return limits_fit(m->pages, m->type_max != UINT32_MAX, m->type_max, wanted);
}

static bool global_fits(const struct wasm_globaltype *wanted, const struct wasm_globaltype *type)
{
    return type->type == wanted->type && type->mutable == wanted->mutable;
}

static bool fits(const struct wasm_store_module *m, const struct wasm_import *i, const struct wasm_extern *e)
{
    if (e->kind != i->kind)
        return false;
    switch (i->kind) {
    case WASM_KIND_FUNC:
        return func_fits(m, i->index, e->func);
    case WASM_KIND_TABLE:
        return table_fits(&m->module->tables[i->index], e->table);
    case WASM_KIND_MEMORY:
        return memory_fits(&m->module->memories[i->index], e->memory);
    default:
        return global_fits(&m->module->globals[i->index].type, &e->global.type);
    }
}

int wasm_link_check(const struct wasm_store_whole *w, const struct wasm_store_module *m, uint32_t import,
                    const struct wasm_extern *e, struct err *err)
{
    const struct wasm_import *i = &m->module->imports[import];
    if (fits(m, i, e))
        return 0;
    return err_set(err, -EINVAL, "import %.*s of module %.*s, a %s: incompatible import type", (int)i->name.len,
                   i->name.text, (int)i->module.len, i->module.text, kind_names[i->kind]);
}
