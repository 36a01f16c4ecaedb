/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions, by name and type, and the one door through which programs come in: every call of every
 * function passes call_function().
 */
#include "wasi/program.h"

#include <stdlib.h>

#define MODULE_NAME "wasi_snapshot_preview1"

struct wasi_function {
    const char *name;
    int (*call)(struct wasi_call *c);
    struct wasm_functype type;
};

/* Types as bytes: enum wasm_type. */
#define I32  "\x7f"
#define I64  "\x7e"
#define NONE ""
#define FUNCTION(name, params, results)                                                                                \
    {#name, wasi_##name, {sizeof(params) - 1, sizeof(results) - 1, (const uint8_t *)params results}},
static const struct wasi_function functions[] = {
#include "wasi/functions.def"
};
#undef FUNCTION

static bool is(const struct wasm_name *name, const char *text)
{
    return name->len == strlen(text) && !memcmp(name->text, text, name->len);
}

static const struct wasi_function *find(const struct wasm_name *module, const struct wasm_name *name)
{
    if (!is(module, MODULE_NAME))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}

bool wasi_function_type(const struct wasm_name *module, const struct wasm_name *name, struct wasm_functype *out)
{
    const struct wasi_function *f = find(module, name);

    if (f)
        *out = f->type;
    return f != NULL;
}

/* A function of the program's imports; the caller is NULL when the embedder calls it itself: there is no memory then.
 */
static enum wasm_trap call_function(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    const struct wasi_bound *b = data;
    struct wasi_call c = {.wasi = b->wasi, .memory = caller ? caller->memory : NULL, .args = values};
    int r = b->function->call(&c);

    if (c.trap == WASM_TRAP_NONE && wasi_interrupted(b->wasi))
        c.trap = WASM_TRAP_INTERRUPT;
    if (b->function->type.n_results)
        values[0].i32 = wasi_errno(r);
    return c.trap;
}

static struct wasm_func *bind(struct wasi *w, const struct wasi_function *f)
{
    if (!w->bound)
        w->bound = calloc(ARRAY_LEN(functions), sizeof *w->bound);
    if (!w->bound)
        return NULL;
    struct wasi_bound *b = &w->bound[f - functions];
    if (!b->func) {
        *b = (struct wasi_bound){.wasi = w, .function = f};
        b->func = wasm_host_func(w->store, &f->type, call_function, b);
    }
    return b->func;
}

static bool same_type(const struct wasm_functype *a, const struct wasm_functype *b)
{
    return a->n_params == b->n_params && a->n_results == b->n_results &&
           !memcmp(a->types, b->types, a->n_params + a->n_results);
}

int wasi_resolve(struct wasi *w, const struct wasm_module *m, const struct wasm_import *import, struct wasm_extern *out,
                 struct err *err)
{
    const struct wasm_name *module = &import->module, *name = &import->name;
    const struct wasi_function *f = find(module, name);
    int length = (int)module->len, name_length = (int)name->len;

    if (is(module, "wasi_unstable"))
        return err_set(err, -ENOTSUP,
                       "the module wants %.*s of wasi_unstable, a draft with other layouts: build it "
                       "with an SDK that makes " MODULE_NAME,
                       name_length, name->text);
    if (!f)
        return err_set(err, -ENOENT, "the module wants %.*s.%.*s, and nothing here is called so", length, module->text,
                       name_length, name->text);
    if (import->kind != WASM_KIND_FUNC || !same_type(wasm_function_type(m, import->index), &f->type))
        return err_set(err, -EINVAL,
                       "incompatible import type: the module wants %.*s.%.*s as something else than it is", length,
                       module->text, name_length, name->text);
    out->kind = WASM_KIND_FUNC;
    out->func = bind(w, f);
    return out->func ? 0 : err_set(err, -ENOMEM, "no memory for the import %s", f->name);
}
