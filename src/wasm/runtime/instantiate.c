/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a module to an instance (specification 4.5.4): check all, make all, then do. Up to `make` nothing is seen from
 * outside. From then on the instance stays with the store whatever happens, since element segments may have put its
 * functions into tables of others before a later segment traps.
 */
#include "wasm/baseline/compile.h"
#include "wasm/runtime/memory.h"

#include <errno.h>
#include <stdlib.h>

#define INSTANCES_DEFAULT 10000u

static int module_validate(const struct wasm_module *m, struct wasm_validator *v, struct err *err)
{
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++) {
        struct wasm_body body;
        int r = wasm_validate_function(v, f, false, &body, err);
        if (r)
            return r;
    }
    return 0;
}

static void module_free(struct wasm_store_module *m)
{
    uint32_t own = m->module->n_functions - m->module->n_imported_functions;
    for (uint32_t k = 0; m->functions && k < own; k++)
        free(m->functions[k]);
    free(m->functions);
    free(m->types);
    wasm_validator_free(m->validator);
    free(m);
}

static int module_fill(struct wasm_store_whole *w, struct wasm_store_module *m, struct err *err)
{
    const struct wasm_module *module = m->module;
    int r = wasm_layout_make(module, &m->layout);
    if (r)
        return err_set(err, r, "an instance of the module would have more than 1 GiB of globals, tables and functions");
    m->types = calloc((size_t)module->n_types + 1, sizeof *m->types);
    if (!m->types)
        return err_set(err, -ENOMEM, "no memory");
    for (uint32_t k = 0; k < module->n_types; k++)
        if (wasm_types_intern(&w->types, &module->types[k], &m->types[k]))
            return err_set(err, -ENOMEM, "no memory");
    if (m->code)
        return 0;
    m->functions = calloc((size_t)module->n_functions - module->n_imported_functions + 1, sizeof(*m->functions));
    if (!m->functions || wasm_validator_make(module, &module->features, &m->validator))
        return err_set(err, -ENOMEM, "no memory");
    return module_validate(module, m->validator, err);
}

int wasm_store_module_get(struct wasm_store_whole *w, const struct wasm_module *module, const struct wasm_code *code,
                          struct wasm_store_module **out, struct err *err)
{
    for (struct wasm_store_module *m = w->modules; m; m = m->next)
        if (m->module == module && m->code == code) {
            *out = m;
            return 0;
        }
    struct wasm_store_module *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(err, -ENOMEM, "no memory");
    m->module = module;
    m->code = code;
    int r = module_fill(w, m, err);
    if (r) {
        module_free(m);
        return r;
    }
    m->next = w->modules;
    *out = w->modules = m;
    return 0;
}

void wasm_store_modules_free(struct wasm_store_whole *w)
{
    for (struct wasm_store_module *m = w->modules, *next; m != w->lent_modules; m = next) {
        next = m->next;
        module_free(m);
    }
    w->modules = NULL;
}

static int check(struct wasm_store_whole *w, const struct wasm_store_module *m, const struct wasm_extern *imports,
                 struct err *err)
{
    uint32_t max = w->options.instances ? w->options.instances : INSTANCES_DEFAULT;
    if (w->n_instances >= max)
        return err_set(err, -ENOMEM, "%u instances are there, the most that may be", max);
    for (uint32_t k = 0; k < m->module->n_imports; k++) {
        int r = wasm_link_check(w, m, k, &imports[k], err);
        if (r)
            return r;
    }
    return 0;
}

static void take_imports(struct wasm_instance *i, const struct wasm_extern *imports)
{
    for (uint32_t k = 0; k < i->module->n_imports; k++) {
        uint32_t at = i->module->imports[k].index;
        switch (imports[k].kind) {
        case WASM_KIND_FUNC:
            wasm_instance_imports(i)[at] = imports[k].func;
            break;
        case WASM_KIND_TABLE:
            wasm_instance_tables(i)[at] = imports[k].table;
            break;
        case WASM_KIND_MEMORY:
            i->memory = imports[k].memory;
            break;
        default:
            wasm_instance_imported_globals(i)[at] = imports[k].global.value;
        }
    }
}

static struct wasm_func own_func(const struct wasm_instance *i, uint32_t function)
{
    return (struct wasm_func){
        .entry = i->code ? wasm_code_entry(i->code, function) : NULL,
        .instance = (struct wasm_instance *)(uintptr_t)i,
        .type = i->types[i->module->functions[function].type],
        .index = function,
    };
}

static void make_refs(struct wasm_instance *i)
{
    const struct wasm_module *m = i->module;
    if (!m->n_ref_slots)
        return;
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++)
        if (m->ref_slot[f] != UINT32_MAX)
            wasm_instance_refs(i)[m->ref_slot[f]] = own_func(i, f);
}

static int make_tables(struct wasm_store_whole *w, struct wasm_instance *i)
{
    const struct wasm_module *m = i->module;
    struct wasm_table *own = wasm_instance_part(i, i->layout->own_tables);
    for (uint32_t k = m->n_imported_tables; k < m->n_tables; k++) {
        struct wasm_table *t = &own[k - m->n_imported_tables];
        int r = wasm_table_make(w, &m->tables[k], t);
        if (r)
            return r;
        wasm_instance_tables(i)[k] = t;
    }
    return 0;
}

static void make_globals(struct wasm_instance *i)
{
    const struct wasm_module *m = i->module;
    for (uint32_t k = m->n_imported_globals; k < m->n_globals; k++)
        *wasm_instance_global(i, k) = wasm_constexpr(i, &m->globals[k].init);
}

static int make_memory(struct wasm_store_whole *w, struct wasm_instance *i)
{
    const struct wasm_module *m = i->module;
    if (m->n_memories > m->n_imported_memories) {
        int r = wasm_memory_make(w, &m->memories[0], &i->own_memory);
        if (r)
            return r;
        i->memory = &i->own_memory;
    }
    i->memory_base = i->memory ? i->memory->base : NULL;
    return 0;
}

/* The instance is in the store's list before its parts are made: what there is of them is freed with the store. */
static int make(struct wasm_store_whole *w, struct wasm_store_module *m, const struct wasm_extern *imports, void *user,
                struct wasm_instance **out, struct err *err)
{
    size_t size = offsetof(struct wasm_instance_box, instance) + m->layout.size;
    struct wasm_instance_box *box = w->place ? w->place->box : calloc(1, size);
    if (!box)
        return err_set(err, -ENOMEM, "no memory");
    struct wasm_instance *i = &box->instance;
    uint8_t *dropped =
        wasm_instance_part(i, m->layout.refs + m->module->n_ref_slots * (uint32_t)sizeof(struct wasm_func));
    *i = (struct wasm_instance){
        .store = &w->store,
        .types = m->types,
        .code = m->code,
        .module = m->module,
        .layout = &m->layout,
        .data_dropped = dropped,
        .elem_dropped = dropped + m->module->n_datas,
        .user = user,
    };
    box->module = m;
    box->next = w->instances;
    w->instances = box;
    w->n_instances++;
    take_imports(i, imports);
    make_refs(i);
    if (make_memory(w, i))
        return err_set(err, -ENOMEM, "no memory for the module's own: %u pages of 64 KiB are wanted",
                       m->module->memories[0].min);
    if (make_tables(w, i))
        return err_set(err, -ENOMEM, "no memory for the module's tables, or more elements than may be");
    make_globals(i);
    *out = i;
    return 0;
}

static enum wasm_trap active_elems(struct wasm_instance *i)
{
    for (uint32_t k = 0; k < i->module->n_elems; k++) {
        const struct wasm_elem *e = &i->module->elems[k];
        enum wasm_trap trap = WASM_TRAP_NONE;
        if (e->mode == WASM_SEGMENT_ACTIVE)
            trap = wasm_table_init(i, (uint32_t[]){k, e->table}, wasm_constexpr(i, &e->offset).i32, 0, e->n);
        if (trap)
            return trap;
        if (e->mode != WASM_SEGMENT_PASSIVE)
            wasm_elem_drop(i, k);
    }
    return WASM_TRAP_NONE;
}

static enum wasm_trap active_datas(struct wasm_instance *i)
{
    for (uint32_t k = 0; k < i->module->n_datas; k++) {
        const struct wasm_data *d = &i->module->datas[k];
        if (d->mode != WASM_SEGMENT_ACTIVE)
            continue;
        enum wasm_trap trap = wasm_memory_init(i, k, wasm_constexpr(i, &d->offset).i32, 0, d->size);
        if (trap)
            return trap;
        wasm_data_drop(i, k);
    }
    return WASM_TRAP_NONE;
}

enum wasm_trap wasm_instance_start(struct wasm_instance *i)
{
    union wasm_value none;
    struct wasm_func own;
    if (i->module->start == UINT32_MAX)
        return WASM_TRAP_NONE;
    return wasm_call(i->store, wasm_instance_callee(i, i->module->start, &own), &none);
}

int wasm_instantiate_unstarted(struct wasm_store *s, const struct wasm_module *module, const struct wasm_code *code,
                               const struct wasm_extern *imports, void *user, struct wasm_instance **out,
                               enum wasm_trap *trap, struct err *err)
{
    struct wasm_store_whole *w = wasm_store_whole(s);
    enum wasm_store_mode mode = code ? WASM_STORE_COMPILED : WASM_STORE_INTERPRETED;
    struct wasm_store_module *m;
    struct wasm_instance *i = NULL;
    *trap = WASM_TRAP_NONE;
    if (w->mode != WASM_STORE_EMPTY && w->mode != mode)
        return err_set(err, -EINVAL, "compiled and interpreted modules cannot be in one store");
    int r = wasm_store_module_get(w, module, code, &m, err);
    if (!r)
        r = check(w, m, imports, err);
    if (r)
        return r;
    w->mode = mode;
    r = make(w, m, imports, user, &i, err);
    if (r)
        return r;
    *trap = active_elems(i);
    if (!*trap)
        *trap = active_datas(i);
    if (*trap)
        return err_set(err, -EFAULT, "%s", wasm_trap_text(*trap));
    *out = i;
    return 0;
}

int wasm_instantiate(struct wasm_store *s, const struct wasm_module *module, const struct wasm_code *code,
                     const struct wasm_extern *imports, void *user, struct wasm_instance **out, enum wasm_trap *trap,
                     struct err *err)
{
    struct wasm_instance *i;
    int r = wasm_instantiate_unstarted(s, module, code, imports, user, &i, trap, err);
    if (r)
        return r;
    *trap = wasm_instance_start(i);
    if (*trap)
        return err_set(err, -EFAULT, "%s", wasm_trap_text(*trap));
    *out = i;
    return 0;
}

union wasm_value *wasm_instance_global(const struct wasm_instance *i, uint32_t global)
{
    uint32_t imported = i->module->n_imported_globals;
    return global < imported ? wasm_instance_imported_globals(i)[global] : &wasm_instance_globals(i)[global - imported];
}

struct wasm_func *wasm_instance_func(const struct wasm_instance *i, uint32_t function)
{
    if (function < i->module->n_imported_functions)
        return wasm_instance_imports(i)[function];
    return &wasm_instance_refs(i)[i->module->ref_slot[function]];
}

struct wasm_func *wasm_instance_callee(const struct wasm_instance *i, uint32_t function, struct wasm_func *own)
{
    if (function < i->module->n_imported_functions || i->module->ref_slot[function] != UINT32_MAX)
        return wasm_instance_func(i, function);
    *own = own_func(i, function);
    return own;
}

bool wasm_instance_export(struct wasm_instance *i, const char *name, size_t len, struct wasm_extern *out)
{
    const struct wasm_export *e = wasm_export_find(i->module, name, len);
    if (!e)
        return false;
    out->kind = e->kind;
    switch (e->kind) {
    case WASM_KIND_FUNC:
        out->func = wasm_instance_func(i, e->index);
        break;
    case WASM_KIND_TABLE:
        out->table = wasm_instance_tables(i)[e->index];
        break;
    case WASM_KIND_MEMORY:
        out->memory = i->memory;
        break;
    default:
        out->global.value = wasm_instance_global(i, e->index);
        out->global.type = i->module->globals[e->index].type;
    }
    return true;
}
