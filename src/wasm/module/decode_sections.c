/* SPDX-License-Identifier: Apache-2.0 */
/* What a module declares: types, imports, its own functions, tables, memories and globals, exports, the start function
 * (specification 5.5.4 to 5.5.11). */
#include "wasm/module/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- types ------------------------------------------------------------------------------------------------------ */

static int decode_functype(struct decoder *d, struct cursor *c, struct wasm_functype *type, uint8_t **pool)
{
    const uint8_t *at = c->p;
    uint8_t form = cursor_u8(c);
    int r;

    if (!c->fault && form != 0x60)
        return wasm_decode_fail(d, at, -EINVAL, "malformed type: 0x%02x is not the form of a function type", form);
    type->types = *pool;
    if ((r = wasm_decode_count(d, c, WASM_PARAMS_MAX, 1, "parameters", &type->n_params)) < 0)
        return r;
    for (uint32_t i = 0; i < type->n_params; i++)
        if ((r = wasm_decode_valtype(d, c, (*pool)++)) < 0)
            return r;
    if ((r = wasm_decode_count(d, c, WASM_RESULTS_MAX, 1, "results", &type->n_results)) < 0)
        return r;
    for (uint32_t i = 0; i < type->n_results; i++)
        if ((r = wasm_decode_valtype(d, c, (*pool)++)) < 0)
            return r;
    return 0;
}

int wasm_decode_types(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint8_t *pool; /* all parameters and results: a byte each, as in the section */
    int r;

    if ((r = wasm_decode_count(d, c, WASM_TYPES_MAX, 3, "types", &m->n_types)) < 0 ||
        (r = wasm_decode_array(d, c, m->n_types, sizeof *m->types, &m->types)) < 0 ||
        (r = wasm_decode_array(d, c, cursor_left(c), 1, &pool)) < 0)
        return r;
    for (uint32_t i = 0; i < m->n_types; i++)
        if ((r = decode_functype(d, c, &m->types[i], &pool)) < 0)
            return r;
    return 0;
}

/* ---- types of tables, memories, globals ------------------------------------------------------------------------- */

static const char *limits_feature(uint8_t flags)
{
    if (flags & 4)
        return ": 64-bit memories and tables are not in this build";
    return flags & 2 ? ": shared memories are not in this build" : "";
}

static int decode_limits(struct decoder *d, struct cursor *c, struct wasm_limits *out)
{
    const uint8_t *at = c->p;
    uint8_t flags = cursor_u8(c);

    if (!c->fault && flags > 1)
        return wasm_decode_fail(d, at, -EINVAL, "malformed limits flags 0x%02x%s", flags,
                                flags < 8 ? limits_feature(flags) : "");
    out->has_max = flags & 1;
    out->min = cursor_leb_u32(c);
    out->max = out->has_max ? cursor_leb_u32(c) : UINT32_MAX;
    if (c->fault)
        return wasm_decode_fault(d, c);
    if (out->min > out->max)
        return wasm_decode_fail(d, at, -EINVAL, "size minimum must not be greater than maximum: %u and %u", out->min,
                                out->max);
    return 0;
}

static int decode_tabletype(struct decoder *d, struct cursor *c, struct wasm_tabletype *out)
{
    const uint8_t *at = c->p;
    int r;

    if ((r = wasm_decode_reftype(d, c, &out->type)) < 0 || (r = decode_limits(d, c, &out->limits)) < 0)
        return r;
    if (out->limits.min > WASM_TABLE_SIZE_MAX)
        return wasm_decode_fail(d, at, -ENOTSUP, "a table of %u elements, at most %u are supported", out->limits.min,
                                WASM_TABLE_SIZE_MAX);
    return 0;
}

static int decode_memtype(struct decoder *d, struct cursor *c, struct wasm_limits *out)
{
    const uint8_t *at = c->p;
    int r = decode_limits(d, c, out);

    if (r < 0)
        return r;
    if (out->min > WASM_PAGES_MAX || (out->has_max && out->max > WASM_PAGES_MAX))
        return wasm_decode_fail(d, at, -EINVAL, "memory size must be at most 65536 pages (4GiB)");
    return 0;
}

static int decode_globaltype(struct decoder *d, struct cursor *c, struct wasm_globaltype *out)
{
    int r = wasm_decode_valtype(d, c, &out->type);

    if (r < 0)
        return r;
    const uint8_t *at = c->p;
    uint8_t mutability = cursor_u8(c);
    if (!c->fault && mutability > 1)
        return wasm_decode_fail(d, at, -EINVAL, "malformed mutability 0x%02x", mutability);
    out->mutable = mutability;
    return c->fault ? wasm_decode_fault(d, c) : 0;
}

/* ---- imports ---------------------------------------------------------------------------------------------------- */

static int decode_import(struct decoder *d, struct cursor *c, struct wasm_import *im)
{
    struct wasm_module *m = d->m;
    int r;

    if ((r = wasm_decode_name(d, c, &im->module)) < 0 || (r = wasm_decode_name(d, c, &im->name)) < 0)
        return r;
    const uint8_t *at = c->p;
    im->kind = cursor_u8(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    switch (im->kind) {
    case WASM_KIND_FUNC:
        im->index = m->n_functions++;
        return wasm_decode_index(d, c, m->n_types, "type", &m->functions[im->index].type);
    case WASM_KIND_TABLE:
        if (m->n_tables == WASM_TABLES_MAX)
            return wasm_decode_fail(d, at, -ENOTSUP, "at most %u tables are supported", WASM_TABLES_MAX);
        im->index = m->n_tables++;
        return decode_tabletype(d, c, &m->tables[im->index]);
    case WASM_KIND_MEMORY:
        if (m->n_memories)
            return wasm_decode_fail(d, at, -EINVAL, "multiple memories");
        im->index = m->n_memories++;
        return decode_memtype(d, c, &m->memories[im->index]);
    case WASM_KIND_GLOBAL:
        im->index = m->n_globals++;
        return decode_globaltype(d, c, &m->globals[im->index].type);
    default:
        return wasm_decode_fail(d, at, -EINVAL, "malformed import kind 0x%02x", im->kind);
    }
}

/* An array for each kind; how many of which there are is only known behind the last. */
int wasm_decode_imports(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_IMPORTS_MAX, 4, "imports", &n)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->imports, &m->imports)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->functions, &m->functions)) < 0 ||
        (r = wasm_decode_array(d, c, n < WASM_TABLES_MAX ? n : WASM_TABLES_MAX, sizeof *m->tables, &m->tables)) < 0 ||
        (r = wasm_decode_array(d, c, 1, sizeof *m->memories, &m->memories)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->globals, &m->globals)) < 0)
        return r;
    for (; m->n_imports < n; m->n_imports++)
        if ((r = decode_import(d, c, &m->imports[m->n_imports])) < 0)
            return r;
    m->n_imported_functions = m->n_functions;
    m->n_imported_tables = m->n_tables;
    m->n_imported_memories = m->n_memories;
    m->n_imported_globals = m->n_globals;
    return 0;
}

/* ---- the module's own ------------------------------------------------------------------------------------------- */

/* Makes an index space longer: *space has n_imported items of `size`. */
static int extend(struct decoder *d, struct cursor *c, void *space, uint32_t n_imported, uint32_t n_own, size_t size)
{
    void *old, *longer;
    int r = wasm_decode_array(d, c, (size_t)n_imported + n_own, size, &longer);

    if (r < 0)
        return r;
    memcpy(&old, space, sizeof old);
    if (n_imported)
        memcpy(longer, old, n_imported * size);
    memcpy(space, &longer, sizeof longer);
    return 0;
}

int wasm_decode_functions(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_FUNCTIONS_MAX - m->n_imported_functions, 1, "functions", &n)) < 0 ||
        (r = extend(d, c, &m->functions, m->n_imported_functions, n, sizeof *m->functions)) < 0)
        return r;
    for (uint32_t i = 0; i < n; i++)
        if ((r = wasm_decode_index(d, c, m->n_types, "type", &m->functions[m->n_functions++].type)) < 0)
            return r;
    return 0;
}

int wasm_decode_tables(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_TABLES_MAX - m->n_imported_tables, 3, "tables", &n)) < 0 ||
        (r = extend(d, c, &m->tables, m->n_imported_tables, n, sizeof *m->tables)) < 0)
        return r;
    for (uint32_t i = 0; i < n; i++)
        if ((r = decode_tabletype(d, c, &m->tables[m->n_tables++])) < 0)
            return r;
    return 0;
}

int wasm_decode_memories(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    const uint8_t *at = c->p;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, UINT32_MAX, 2, "memories", &n)) < 0)
        return r;
    if (n + m->n_imported_memories > 1)
        return wasm_decode_fail(d, at, -EINVAL, "multiple memories");
    if (!n)
        return 0;
    if ((r = wasm_decode_array(d, c, 1, sizeof *m->memories, &m->memories)) < 0)
        return r;
    m->n_memories = 1;
    return decode_memtype(d, c, &m->memories[0]);
}

int wasm_decode_globals(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_GLOBALS_MAX - m->n_imported_globals, 4, "globals", &n)) < 0 ||
        (r = extend(d, c, &m->globals, m->n_imported_globals, n, sizeof *m->globals)) < 0)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        struct wasm_global *g = &m->globals[m->n_imported_globals + i];
        if ((r = decode_globaltype(d, c, &g->type)) < 0 || (r = wasm_decode_const(d, c, g->type.type, &g->init)) < 0)
            return r;
        m->n_globals++;
    }
    return 0;
}

/* ---- exports, start --------------------------------------------------------------------------------------------- */

static int decode_export(struct decoder *d, struct cursor *c, struct wasm_export *x)
{
    struct wasm_module *m = d->m;
    int r = wasm_decode_name(d, c, &x->name);

    if (r < 0)
        return r;
    const uint8_t *at = c->p;
    x->kind = cursor_u8(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    switch (x->kind) {
    case WASM_KIND_FUNC:
        r = wasm_decode_index(d, c, m->n_functions, "function", &x->index);
        return r < 0 ? r : wasm_decode_declare(d, c, x->index);
    case WASM_KIND_TABLE:
        return wasm_decode_index(d, c, m->n_tables, "table", &x->index);
    case WASM_KIND_MEMORY:
        return wasm_decode_index(d, c, m->n_memories, "memory", &x->index);
    case WASM_KIND_GLOBAL:
        return wasm_decode_index(d, c, m->n_globals, "global", &x->index);
    default:
        return wasm_decode_fail(d, at, -EINVAL, "malformed export kind 0x%02x", x->kind);
    }
}

static int compare_exports(const void *pa, const void *pb)
{
    const struct wasm_export *a = *(struct wasm_export *const *)pa, *b = *(struct wasm_export *const *)pb;

    if (a->name.len != b->name.len)
        return a->name.len < b->name.len ? -1 : 1;
    return memcmp(a->name.text, b->name.text, a->name.len);
}

int wasm_decode_exports(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_EXPORTS_MAX, 3, "exports", &n)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->exports, &m->exports)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->exports_sorted, &m->exports_sorted)) < 0)
        return r;
    for (; m->n_exports < n; m->n_exports++) {
        if ((r = decode_export(d, c, &m->exports[m->n_exports])) < 0)
            return r;
        m->exports_sorted[m->n_exports] = &m->exports[m->n_exports];
    }
    qsort(m->exports_sorted, n, sizeof *m->exports_sorted, compare_exports);
    for (uint32_t i = 1; i < n; i++) {
        const struct wasm_name *name = &m->exports_sorted[i]->name;
        if (!compare_exports(&m->exports_sorted[i - 1], &m->exports_sorted[i]))
            return wasm_decode_fail(d, (const uint8_t *)name->text, -EINVAL, "duplicate export name '%.*s'",
                                    name->len < 100 ? (int)name->len : 100, name->text);
    }
    return 0;
}

const struct wasm_export *wasm_export_find(const struct wasm_module *m, const char *name, size_t len)
{
    struct wasm_export key = {.name = {name, (uint32_t)len}}, *pkey = &key;

    if (len > UINT32_MAX || !m->n_exports)
        return NULL;
    struct wasm_export **found =
        bsearch(&pkey, m->exports_sorted, m->n_exports, sizeof *m->exports_sorted, compare_exports);
    return found ? *found : NULL;
}

int wasm_decode_start(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    const uint8_t *at = c->p;
    int r = wasm_decode_index(d, c, m->n_functions, "function", &m->start);

    if (r < 0)
        return r;
    const struct wasm_functype *type = wasm_function_type(m, m->start);
    if (type->n_params || type->n_results)
        return wasm_decode_fail(d, at, -EINVAL, "start function %u has parameters or results", m->start);
    return 0;
}
