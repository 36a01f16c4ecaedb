/* SPDX-License-Identifier: Apache-2.0 */
/* What the host puts into a store, and what its functions may say of how the program ends. */
#include "wasm/baseline/compile.h"
#include "wasm/runtime/memory.h"

#include <stdio.h>
#include <stdlib.h>

static struct wasm_host_object *object_make(struct wasm_store *s, enum wasm_kind kind)
{
    struct wasm_store_whole *w = wasm_store_whole(s);
    struct wasm_host_object *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->kind = (uint8_t)kind;
    o->next = w->objects;
    w->objects = o;
    return o;
}

struct wasm_func *wasm_host_func(struct wasm_store *s, const struct wasm_functype *type, wasm_host_fn *fn, void *data)
{
    struct wasm_store_whole *w = wasm_store_whole(s);
    uint32_t number;
    if (wasm_types_intern(&w->types, type, &number))
        return NULL;
    struct wasm_host_object *o = object_make(s, WASM_KIND_FUNC);
    if (!o)
        return NULL;
    o->func = (struct wasm_func){
        .entry = wasm_code_host_entry(w->types.types[number]), .type = number, .host = fn, .data = data};
    return &o->func;
}

union wasm_value *wasm_host_global(struct wasm_store *s)
{
    struct wasm_host_object *o = object_make(s, WASM_KIND_GLOBAL);
    return o ? &o->global : NULL;
}

struct wasm_table *wasm_host_table(struct wasm_store *s, const struct wasm_tabletype *type)
{
    struct wasm_host_object *o = object_make(s, WASM_KIND_TABLE);
    return o && !wasm_table_make(wasm_store_whole(s), type, &o->table) ? &o->table : NULL;
}

struct wasm_memory *wasm_host_memory(struct wasm_store *s, const struct wasm_limits *limits)
{
    struct wasm_host_object *o = object_make(s, WASM_KIND_MEMORY);
    return o && !wasm_memory_make(wasm_store_whole(s), limits, &o->memory) ? &o->memory : NULL;
}

enum wasm_trap wasm_host_call(struct wasm_store *s, const struct wasm_func *f, struct wasm_instance *caller,
                              union wasm_value *values)
{
    s->trap = WASM_TRAP_NONE; /* wasm_call() sets it */
    enum wasm_trap trap = f->host(f->data, caller, values);
    if (!trap || trap != (enum wasm_trap)s->trap)
        wasm_backtrace_forget(wasm_store_whole(s));
    return trap;
}

enum wasm_trap wasm_exit(struct wasm_store *s, int status)
{
    wasm_store_whole(s)->exit_status = status;
    return WASM_TRAP_EXIT;
}

enum wasm_trap wasm_fail(struct wasm_store *s, const char *fmt, ...)
{
    struct wasm_store_whole *w = wasm_store_whole(s);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->fail_text, sizeof w->fail_text, fmt, ap);
    va_end(ap);
    return WASM_TRAP_HOST;
}

int wasm_exit_status(const struct wasm_store *s)
{
    return wasm_store_whole(s)->exit_status;
}

const char *wasm_fail_text(const struct wasm_store *s)
{
    return wasm_store_whole(s)->fail_text;
}
