/* SPDX-License-Identifier: Apache-2.0 */
/* See inspect.h. The module is hostile and so are its names. */
#include "wasmrun/inspect.h"

#include "base/json.h"
#include "wasi/wasi.h"
#include "wasm/module/validate.h"
#include "wasmrun/imports.h"

#include <errno.h>
#include <unistd.h>

#define NAME_MOST 4096 /* of a name that is shown */

static const char *const kinds[] = {"function", "table", "memory", "global"};

static void put_name(struct json_writer *w, struct arena *a, const char *key, const struct wasm_name *name)
{
    json_string(w, key, arena_strndup(a, name->text, name->len < NAME_MOST ? name->len : NAME_MOST));
}

/* "i32 i32 -> i64" */
static const char *type_text(struct arena *a, const struct wasm_functype *t)
{
    const char *text = "";

    for (uint32_t i = 0; i < t->n_params + t->n_results; i++) {
        const char *between = i == t->n_params ? (i ? " -> " : "-> ") : i ? " " : "";
        text = arena_printf(a, "%s%s%s", text ? text : "", between, wasm_type_name(t->types[i]));
    }
    return text && *text ? text : "nothing";
}

static const char *describe(const struct wasm_module *m, struct arena *a, uint8_t kind, uint32_t index)
{
    const struct wasm_limits *l = kind == WASM_KIND_TABLE    ? &m->tables[index].limits
                                  : kind == WASM_KIND_MEMORY ? &m->memories[index]
                                                             : NULL;

    if (kind == WASM_KIND_FUNC)
        return type_text(a, wasm_function_type(m, index));
    if (kind == WASM_KIND_GLOBAL)
        return arena_printf(a, "%s%s", wasm_type_name(m->globals[index].type.type),
                            m->globals[index].type.mutable ? " mutable" : "");
    return l->has_max ? arena_printf(a, "%u to %u", l->min, l->max) : arena_printf(a, "%u or more", l->min);
}

/* Why it is not given; NULL: it is. */
static const char *withheld(const struct wasm_module *m, const struct wasm_import *import, struct arena *a)
{
    struct wasm_functype type;

    if (import->kind != WASM_KIND_FUNC || !wasi_function_type(&import->module, &import->name, &type))
        return imports_origin(&import->module);
    if (wasm_functype_equal(&type, wasm_function_type(m, import->index)))
        return NULL;
    const char *why = arena_printf(a, "its type in WASI preview 1 is another: %s", type_text(a, &type));
    return why ? why : "its type in WASI preview 1 is another";
}

static void put_imports(struct json_writer *w, const struct wasm_module *m, struct arena *a)
{
    json_array_begin(w, "imports");
    for (uint32_t i = 0; i < m->n_imports; i++) {
        const struct wasm_import *import = &m->imports[i];
        const char *why = withheld(m, import, a);
        json_object_begin(w, NULL);
        put_name(w, a, "module", &import->module);
        put_name(w, a, "name", &import->name);
        json_string(w, "kind", kinds[import->kind]);
        json_string(w, "type", describe(m, a, import->kind, import->index));
        json_bool(w, "given", !why);
        if (why)
            json_string(w, "why", why);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_exports(struct json_writer *w, const struct wasm_module *m, struct arena *a)
{
    json_array_begin(w, "exports");
    for (uint32_t i = 0; i < m->n_exports; i++) {
        const struct wasm_export *e = &m->exports[i];
        json_object_begin(w, NULL);
        put_name(w, a, "name", &e->name);
        json_string(w, "kind", kinds[e->kind]);
        json_string(w, "type", describe(m, a, e->kind, e->index));
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_sizes(struct json_writer *w, const struct wasm_module *m)
{
    uint64_t code = 0, data = 0;

    for (uint32_t i = 0; i < m->n_functions; i++)
        code += m->functions[i].size;
    for (uint32_t i = 0; i < m->n_datas; i++)
        data += m->datas[i].size;
    json_object_begin(w, "sizes");
    json_uint(w, "file", m->size);
    json_uint(w, "functions", m->n_functions - m->n_imported_functions);
    json_uint(w, "code", code);
    json_uint(w, "data", data);
    json_uint(w, "names", m->n_names);
    json_object_end(w);
    if (!m->n_memories)
        return;
    json_object_begin(w, "memory");
    json_uint(w, "pages", m->memories[0].min);
    if (m->memories[0].has_max)
        json_uint(w, "maxPages", m->memories[0].max);
    json_object_end(w);
}

static int put_out(struct json_writer *w)
{
    size_t at = 0;
    ssize_t n = 0;

    for (; !w->failed && at < w->len && n >= 0; at += n > 0 ? (size_t)n : 0)
        if ((n = write(STDOUT_FILENO, w->buf + at, w->len - at)) < 0 && errno == EINTR)
            n = 0;
    return w->failed ? -ENOMEM : n < 0 ? -errno : 0;
}

int inspect(const uint8_t *bytes, size_t size, const struct wasm_features *features, struct arena *a)
{
    struct json_writer w = {0};
    struct wasm_module *m;
    struct err err = {0};
    int r = wasm_module_decode(bytes, size, features, a, &m, &err);

    if (r == 0)
        r = wasm_validate(m, features, &err);
    json_object_begin(&w, NULL);
    if (r < 0) {
        json_string(&w, "error", err.text);
    } else {
        put_imports(&w, m, a);
        put_exports(&w, m, a);
        put_sizes(&w, m);
    }
    json_object_end(&w);
    r = put_out(&w);
    json_writer_free(&w);
    return r;
}
