/* SPDX-License-Identifier: Apache-2.0 */
/* The module "spectest" of the specification's tests: functions that print (here: nothing), globals, a table, a memory.
 */
#include "spec.h"

#include <string.h>

static enum wasm_trap print(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    return WASM_TRAP_NONE;
}

static const struct spec_function {
    const char *name;
    uint32_t n;
    uint8_t types[2];
} functions[] = {
    {"print", 0, {0}},
    {"print_i32", 1, {WASM_I32}},
    {"print_i64", 1, {WASM_I64}},
    {"print_f32", 1, {WASM_F32}},
    {"print_f64", 1, {WASM_F64}},
    {"print_i32_f32", 2, {WASM_I32, WASM_F32}},
    {"print_f64_f64", 2, {WASM_F64, WASM_F64}},
};

static const struct spec_global {
    const char *name;
    uint8_t type;
    uint64_t bits;
} globals[] = {
    {"global_i32", WASM_I32, 666},
    {"global_i64", WASM_I64, 666},
    {"global_f32", WASM_F32, 0x4426a666},         /* 666.6 */
    {"global_f64", WASM_F64, 0x4084d4cccccccccd}, /* 666.6 */
};

static struct wasm_memory *memory;
static struct wasm_table *table;
static struct wasm_func *made_functions[ARRAY_LEN(functions)];
static union wasm_value *made_globals[ARRAY_LEN(globals)];

void spec_host_reset(void)
{
    memory = NULL;
    table = NULL;
    memset(made_functions, 0, sizeof made_functions);
    memset(made_globals, 0, sizeof made_globals);
}

static bool is(const struct wasm_import *i, const char *name)
{
    return i->name.len == strlen(name) && !memcmp(i->name.text, name, i->name.len);
}

static bool find_function(struct wasm_store *s, const struct wasm_import *i, struct wasm_extern *out)
{
    for (size_t k = 0; k < ARRAY_LEN(functions); k++) {
        struct wasm_functype type = {functions[k].n, 0, functions[k].types};
        if (!is(i, functions[k].name))
            continue;
        if (!made_functions[k])
            made_functions[k] = wasm_host_func(s, &type, print, NULL);
        *out = (struct wasm_extern){.kind = WASM_KIND_FUNC, .func = made_functions[k]};
        return true;
    }
    return false;
}

static bool find_global(struct wasm_store *s, const struct wasm_import *i, struct wasm_extern *out)
{
    for (size_t k = 0; k < ARRAY_LEN(globals); k++) {
        if (!is(i, globals[k].name))
            continue;
        if (!made_globals[k]) {
            made_globals[k] = wasm_host_global(s);
            made_globals[k]->i64 = globals[k].bits;
        }
        *out = (struct wasm_extern){.kind = WASM_KIND_GLOBAL, .global = {made_globals[k], {globals[k].type, false}}};
        return true;
    }
    return false;
}

bool spec_host_find(struct wasm_store *s, const struct wasm_module *m, const struct wasm_import *i,
                    struct wasm_extern *out)
{
    if (is(i, "memory")) {
        if (!memory)
            memory = wasm_host_memory(s, &(struct wasm_limits){1, 2, true});
        *out = (struct wasm_extern){.kind = WASM_KIND_MEMORY, .memory = memory};
        return true;
    }
    if (is(i, "table")) {
        if (!table)
            table = wasm_host_table(s, &(struct wasm_tabletype){WASM_FUNCREF, {10, 20, true}});
        *out = (struct wasm_extern){.kind = WASM_KIND_TABLE, .table = table};
        return true;
    }
    return find_function(s, i, out) || find_global(s, i, out);
}
