/* SPDX-License-Identifier: Apache-2.0 */
/* A whole module: each body is validated and then compiled, then calls are patched and the code is put where it runs.
 */
#include "wasm/baseline/code.h"
#include "wasm/baseline/internal.h"

#include "codegen/cpu.h"
#include "codegen/perfmap.h"

#include <errno.h>
#include <stdlib.h>

/* Bytes of code for one of the module, in programs as compilers make them: a first guess that is mostly enough. */
#define EXPANSION 6

static void compiler_free(struct compiler *c)
{
    x64_buf_free(&c->b);
    free(c->stack);
    free(c->control);
    free(c->local_reg);
    free(c->lazy);
    free(c->traps);
    free(c->crosses);
    free(c->literals);
    free(c->calls);
    free(c->tables);
    free(c->places);
    free(c->map);
    free(c->entries);
    free(c->maps);
}

static int compiler_init(struct compiler *c, const struct wasm_module *m, const struct wasm_compile_options *o)
{
    uint32_t n = m->n_functions - m->n_imported_functions;
    size_t bodies = n ? m->functions[m->n_functions - 1].offset + m->functions[m->n_functions - 1].size -
                            m->functions[m->n_imported_functions].offset
                      : 0;

    *c = (struct compiler){.m = m, .fuel = o->fuel, .pending_literal = UINT32_MAX, .dest_local = UINT32_MAX};
    c->no_gs = o->no_gs || !code_cpu_has(CODE_CPU_FSGSBASE);
    c->avx = code_cpu_has(CODE_CPU_AVX) && !o->plain_cpu;
    c->bmi1 = code_cpu_has(CODE_CPU_BMI1) && !o->plain_cpu;
    c->bmi2 = code_cpu_has(CODE_CPU_BMI2) && !o->plain_cpu;
    c->lzcnt = code_cpu_has(CODE_CPU_LZCNT) && !o->plain_cpu;
    c->entries = calloc((size_t)n + 1, sizeof(*c->entries));
    c->maps = calloc((size_t)n + 1, sizeof(*c->maps));
    if (!c->entries || !c->maps || wasm_layout_make(m, &c->layout) < 0)
        return -ENOMEM;
    size_t guess = EXPANSION * bodies + X64_RESERVE_MAX;
    return x64_buf_init(&c->b, guess < X64_BUF_MAX ? guess : X64_BUF_MAX);
}

/* What an error number of a function means. */
static int told(const struct wasm_module *m, uint32_t function, int r, struct err *err)
{
    const struct wasm_name *name = wasm_function_name(m, function);
    int len = name ? (int)(name->len < 200 ? name->len : 200) : 0;
    const char *why = r == -ENOMEM   ? "no memory for its code"
                      : r == -E2BIG  ? "more than 256 MiB of machine code up to here"
                      : r == -ERANGE ? "its frame or a jump in it is too large"
                                     : "moat's compiler fails on it, which is a fault of moat's: please report it";

    return err_set(err, r == -ENOMEM ? r : -ENOTSUP, "function %u%s%.*s: %s", function, len ? " " : "", len,
                   name ? name->text : "", why);
}

static int compile_bodies(struct compiler *c, const struct wasm_compile_options *o, struct err *err)
{
    const struct wasm_module *m = c->m;
    struct wasm_validator *v;
    struct wasm_body body;
    int r = wasm_validator_make(m, &o->features, &v);

    if (r < 0)
        return err_set(err, r, "no memory to validate");
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++) {
        r = wasm_validate_function(v, f, c->fuel, &body, err);
        if (r < 0)
            break;
        r = compile_function(c, &body, f);
        if (r < 0) {
            told(m, f, r, err);
            break;
        }
    }
    wasm_validator_free(v);
    return r;
}

static void patch_calls(struct compiler *c)
{
    for (uint32_t i = 0; i < c->n_calls; i++) {
        uint32_t site = c->calls[i].site;

        x64_patch32(&c->b, site, c->entries[c->calls[i].function - c->m->n_imported_functions] - (site + 4));
    }
}

static int place_code(struct wasm_code *code, struct compiler *c, struct code_arena *arena, struct err *err)
{
    size_t size = x64_size(&c->b);
    int r;

    if (!arena) {
        r = code_arena_make(&code->own, size ? size : 1, err);
        if (r < 0)
            return r;
        code->owned = true;
        arena = &code->own;
    }
    code->region.size = size;
    code->region.start = code_arena_put(arena, c->b.start, size ? size : 1, 4096);
    if (!code->region.start)
        return err_set(err, -ENOTSUP, "%zu bytes of machine code do not fit into what was reserved for it", size);
    if (code->owned)
        code_arena_seal(arena);
    return 0;
}

static void write_perf_map(const struct wasm_code *code)
{
    struct code_perfmap *p;
    struct err err;

    if (code_perfmap_open(&p, &err) < 0)
        return;
    for (uint32_t i = 0; i < code->n; i++) {
        const struct wasm_name *name = wasm_function_name(code->module, code->module->n_imported_functions + i);

        code_perfmap_add(p, code->region.start + code->entries[i], code->entries[i + 1] - code->entries[i],
                         name ? name->text : "wasm", name ? name->len : 4);
    }
    code_perfmap_close(p);
}

int wasm_compile(const struct wasm_module *m, const struct wasm_compile_options *o, struct wasm_code **out,
                 struct err *err)
{
    struct compiler c;
    struct wasm_code *code = calloc(1, sizeof(*code));
    int r = !code ? -ENOMEM : compiler_init(&c, m, o);

    if (!code)
        return err_set(err, -ENOMEM, "no memory for compiled code");
    if (r < 0)
        err_set(err, r, "no memory to compile");
    else if (!code_cpu_has(CODE_CPU_SSE41) || !code_cpu_has(CODE_CPU_POPCNT))
        r = err_set(err, -ENOTSUP, "this CPU has no SSE4.1 or no popcnt, which compiled code needs");
    else
        r = compile_bodies(&c, o, err);
    if (r == 0) {
        patch_calls(&c);
        code->module = m;
        code->n = m->n_functions - m->n_imported_functions;
        c.entries[code->n] = x64_size(&c.b);
        c.maps[code->n] = (uint32_t)c.n_map;
        r = place_code(code, &c, o->arena, err);
    }
    if (r == 0) {
        code->entries = c.entries;
        code->maps = c.maps;
        code->map = c.map;
        c.entries = c.maps = NULL;
        c.map = NULL;
        r = code_faults_on(code, err);
    }
    compiler_free(&c);
    if (r < 0) {
        if (code->owned)
            code_arena_free(&code->own);
        free(code->entries);
        free(code->maps);
        free(code->map);
        free(code);
        return r;
    }
    if (o->perf_map)
        write_perf_map(code);
    *out = code;
    return 0;
}

void wasm_code_free(struct wasm_code *c)
{
    if (!c)
        return;
    code_faults_off(c);
    if (c->owned)
        code_arena_free(&c->own);
    if (!c->borrowed) {
        free(c->entries);
        free(c->maps);
        free(c->map);
    }
    free(c);
}

const void *wasm_code_entry(const struct wasm_code *c, uint32_t function)
{
    return c->region.start + c->entries[function - c->module->n_imported_functions];
}

void wasm_code_bytes(const struct wasm_code *c, const void **start, size_t *size)
{
    *start = c->region.start;
    *size = c->region.size;
}

/* Where a body's first opcode is: behind its locals. */
static uint32_t body_code(const struct wasm_module *m, uint32_t function)
{
    const uint8_t *p = m->bytes + m->functions[function].offset;

    for (uint32_t n = wasm_read_u32(&p); n; n--) {
        wasm_skip_leb(&p);
        p++;
    }
    return (uint32_t)(p - m->bytes);
}

/* Number among the module's own functions; UINT32_MAX: it is in none. */
static uint32_t function_at(const struct wasm_code *c, const void *pc)
{
    uintptr_t at = (uintptr_t)pc - (uintptr_t)c->region.start;
    uint32_t low = 0, high = c->n;

    if (at >= c->region.size || !c->n || at < c->entries[0])
        return UINT32_MAX;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (c->entries[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const uint8_t *code_function_start(const struct wasm_code *c, const void *pc)
{
    uint32_t own = function_at(c, pc);

    return own == UINT32_MAX ? NULL : c->region.start + c->entries[own];
}

bool wasm_code_find(const struct wasm_code *c, const void *pc, uint32_t *function, uint32_t *offset)
{
    uint32_t own = function_at(c, pc);

    if (own == UINT32_MAX)
        return false;
    *function = c->module->n_imported_functions + own;
    *offset = map_find(c->map + c->maps[own], c->maps[own + 1] - c->maps[own], c->entries[own],
                       body_code(c->module, *function), (uint32_t)((uintptr_t)pc - (uintptr_t)c->region.start));
    return true;
}
