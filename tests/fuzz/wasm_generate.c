/* SPDX-License-Identifier: Apache-2.0 */
/* Modules: first a plan of what there is to refer to, then the bodies, which may add types, then the sections. */
#include "wasm_generator.h"

#include <stdlib.h>
#include <string.h>

struct wasm_generator *wasm_generator_make(void)
{
    struct wasm_generator *g = calloc(1, sizeof *g);
    if (g)
        gen_rows_make(&g->rows);
    return g;
}

void wasm_generator_free(struct wasm_generator *g)
{
    if (!g)
        return;
    free(g->out.bytes);
    free(g->code.bytes);
    free(g->body.bytes);
    free(g->section.bytes);
    free(g);
}

const uint64_t *wasm_generator_counts(const struct wasm_generator *g)
{
    return g->counts;
}

/* ---- Plan -------------------------------------------------------------------------------------------------------- */

static uint32_t arity(struct wasm_choice *c)
{
    uint32_t kind = choice_below(c, 32);
    return kind < 30 ? choice_below(c, 5) : choice_below(c, kind == 30 ? 12 : GEN_ARITY_MAX);
}

static void plan_types(struct wasm_generator *g)
{
    uint8_t types[2 * GEN_ARITY_MAX] = {0};
    g->n_types = 0;
    gen_type_number(g, types, 0, types, 0);
    for (uint32_t n = 2 + choice_below(g->c, 8); n; n--) {
        uint32_t params = arity(g->c), results = choice_chance(g->c, 1, 2) ? 1 : arity(g->c);
        for (uint32_t k = 0; k < params + results; k++)
            types[k] = gen_any_type(g);
        gen_type_number(g, types, params, types + params, results);
    }
}

static void plan_functions(struct wasm_generator *g)
{
    g->n_imported_functions = choice_below(g->c, 4);
    g->n_functions = g->n_imported_functions + 1 + choice_below(g->c, 7);
    for (uint32_t k = 0; k < g->n_functions; k++) {
        g->functions[k] = choice_below(g->c, g->n_types);
        g->exported[k] = k == g->n_imported_functions || choice_chance(g->c, 3, 5);
        g->declared[k] = g->exported[k];
    }
}

static void plan_tables(struct wasm_generator *g)
{
    g->n_tables = choice_below(g->c, 8) ? 1 + choice_below(g->c, 3) : 0;
    g->n_imported_tables = g->n_tables && choice_chance(g->c, 1, 3) ? 1 : 0;
    for (uint32_t k = 0; k < g->n_tables; k++) {
        struct gen_table *t = &g->tables[k];
        *t = (struct gen_table){.type = choice_chance(g->c, 1, 4) ? WASM_EXTERNREF : WASM_FUNCREF,
                                .has_max = choice_chance(g->c, 1, 2),
                                .min = choice_below(g->c, 8) ? 1 + choice_below(g->c, 20) : choice_below(g->c, 3)};
        t->max = t->min + choice_below(g->c, 8);
        for (uint32_t i = 0; i < GEN_SEGMENT_MAX; i++)
            t->guess[i] = GEN_NULL;
    }
}

static void plan_memory(struct wasm_generator *g)
{
    g->has_memory = choice_below(g->c, 32) < 30;
    g->memory_imported = choice_chance(g->c, 1, 6);
    uint32_t kind = choice_below(g->c, 16);
    g->memory_min = kind < 13 ? 1 : kind < 15 ? 2 : 0;
    g->memory_has_max = choice_chance(g->c, 1, 2);
    g->memory_max = g->memory_min + choice_below(g->c, 4);
}

static void plan_globals(struct wasm_generator *g)
{
    g->n_imported_globals = choice_below(g->c, 4);
    g->n_globals = g->n_imported_globals + choice_below(g->c, 12);
    for (uint32_t k = 0; k < g->n_globals; k++)
        g->globals[k] = (struct wasm_globaltype){.type = gen_any_type(g), .mutable = choice_chance(g->c, 3, 4)};
}

/* Of functions: null or one, mostly own ones. */
static uint32_t any_entry(struct wasm_generator *g)
{
    uint32_t at = choice_below(g->c, g->n_functions);
    if (choice_chance(g->c, 1, 8))
        return GEN_NULL;
    g->declared[at] = true;
    return at;
}

static void plan_elem(struct wasm_generator *g, struct gen_segment *s)
{
    static const uint8_t modes[] = {WASM_SEGMENT_ACTIVE, WASM_SEGMENT_ACTIVE, WASM_SEGMENT_ACTIVE, WASM_SEGMENT_PASSIVE,
                                    WASM_SEGMENT_DECLARED};
    *s = (struct gen_segment){.mode = modes[choice_below(g->c, ARRAY_LEN(modes))], .type = WASM_FUNCREF};
    s->table = choice_below(g->c, g->n_tables);
    s->n = choice_below(g->c, GEN_SEGMENT_MAX);
    if (!g->n_tables && s->mode == WASM_SEGMENT_ACTIVE)
        s->mode = WASM_SEGMENT_PASSIVE;
    struct gen_table *t = &g->tables[s->table];
    if (s->mode == WASM_SEGMENT_ACTIVE) {
        s->type = t->type;
        if (s->n > t->min)
            s->n = t->min;
        s->offset = choice_below(g->c, t->min - s->n + 1) + choice_chance(g->c, 1, 128);
    } else if (choice_chance(g->c, 1, 4)) {
        s->type = WASM_EXTERNREF;
    }
    s->expressions = s->type == WASM_EXTERNREF || choice_chance(g->c, 1, 2);
    for (uint32_t k = 0; k < s->n; k++) {
        s->functions[k] = s->type == WASM_FUNCREF ? any_entry(g) : GEN_NULL;
        if (s->functions[k] == GEN_NULL && !s->expressions) {
            s->functions[k] = g->n_functions - 1;
            g->declared[g->n_functions - 1] = true;
        }
        if (s->mode == WASM_SEGMENT_ACTIVE && s->offset + k < GEN_SEGMENT_MAX)
            t->guess[s->offset + k] = s->functions[k];
    }
}

static void plan_segments(struct wasm_generator *g)
{
    g->n_elems = choice_below(g->c, 6);
    for (uint32_t k = 0; k < g->n_elems; k++)
        plan_elem(g, &g->elems[k]);
    g->n_datas = choice_below(g->c, 5);
    for (uint32_t k = 0; k < g->n_datas; k++) {
        struct gen_segment *s = &g->datas[k];
        *s = (struct gen_segment){.mode = WASM_SEGMENT_PASSIVE, .n = choice_below(g->c, 200)};
        if (!g->has_memory || choice_chance(g->c, 1, 2))
            continue;
        s->mode = WASM_SEGMENT_ACTIVE;
        if (!g->memory_min && !choice_chance(g->c, 1, 16))
            s->n = 0;
        else
            s->offset = choice_chance(g->c, 1, 16) ? g->memory_min * WASM_PAGE - s->n + choice_chance(g->c, 1, 8)
                                                   : choice_below(g->c, 0x8000);
        if (!s->n)
            s->offset = 0;
    }
}

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

static void put_section(struct wasm_generator *g, unsigned number)
{
    if (!g->section.n)
        return;
    gen_u8(&g->out, number);
    gen_u32(&g->out, (uint32_t)g->section.n);
    gen_bytes(&g->out, g->section.bytes, g->section.n);
    g->section.n = 0;
}

static void put_types(struct wasm_generator *g)
{
    struct gen_buffer *s = &g->section;
    gen_u32(s, g->n_types);
    for (uint32_t k = 0; k < g->n_types; k++) {
        const struct gen_type *t = &g->types[k];
        gen_u8(s, 0x60);
        gen_u32(s, t->n_params);
        gen_bytes(s, t->types, t->n_params);
        gen_u32(s, t->n_results);
        gen_bytes(s, t->types + t->n_params, t->n_results);
    }
    put_section(g, 1);
}

static void put_limits(struct gen_buffer *s, bool has_max, uint32_t min, uint32_t max)
{
    gen_u8(s, has_max);
    gen_u32(s, min);
    if (has_max)
        gen_u32(s, max);
}

static void put_table(struct gen_buffer *s, const struct gen_table *t)
{
    gen_u8(s, t->type);
    put_limits(s, t->has_max, t->min, t->max);
}

static void put_import(struct gen_buffer *s, enum wasm_kind kind, uint32_t index)
{
    static const char names[] = "ftmg";
    gen_bytes(s, "\1h\2", 3);
    gen_u8(s, (uint8_t)names[kind]);
    gen_u8(s, 'a' + index);
    gen_u8(s, kind);
}

static void put_imports(struct wasm_generator *g)
{
    struct gen_buffer *s = &g->section;
    bool memory = g->has_memory && g->memory_imported;
    gen_u32(s, g->n_imported_functions + g->n_imported_tables + g->n_imported_globals + memory);
    for (uint32_t k = 0; k < g->n_imported_globals; k++) {
        put_import(s, WASM_KIND_GLOBAL, k);
        gen_u8(s, g->globals[k].type);
        gen_u8(s, g->globals[k].mutable);
    }
    for (uint32_t k = 0; k < g->n_imported_functions; k++) {
        put_import(s, WASM_KIND_FUNC, k);
        gen_u32(s, g->functions[k]);
    }
    for (uint32_t k = 0; k < g->n_imported_tables; k++) {
        put_import(s, WASM_KIND_TABLE, k);
        put_table(s, &g->tables[k]);
    }
    if (memory) {
        put_import(s, WASM_KIND_MEMORY, 0);
        put_limits(s, g->memory_has_max, g->memory_min, g->memory_max);
    }
    put_section(g, 2);
}

static void put_declarations(struct wasm_generator *g)
{
    struct gen_buffer *s = &g->section;
    gen_u32(s, g->n_functions - g->n_imported_functions);
    for (uint32_t k = g->n_imported_functions; k < g->n_functions; k++)
        gen_u32(s, g->functions[k]);
    put_section(g, 3);
    gen_u32(s, g->n_tables - g->n_imported_tables);
    for (uint32_t k = g->n_imported_tables; k < g->n_tables; k++)
        put_table(s, &g->tables[k]);
    put_section(g, 4);
    if (g->has_memory && !g->memory_imported) {
        gen_u8(s, 1);
        put_limits(s, g->memory_has_max, g->memory_min, g->memory_max);
        put_section(g, 5);
    }
}

/* A number as a constant expression without its end, of two operands more if `deep`. */
static void put_number(struct wasm_generator *g, uint8_t type, unsigned deep)
{
    struct gen_buffer *s = &g->section;
    uint64_t bits[2] = {choice_bytes(g->c, 8), choice_bytes(g->c, 8)};
    switch (type) {
    case WASM_I32:
    case WASM_I64:
        gen_u8(s, type == WASM_I32 ? WASM_OP_I32_CONST : WASM_OP_I64_CONST);
        gen_s64(s, type == WASM_I32 ? (int32_t)bits[0] : (int64_t)bits[0]);
        break;
    case WASM_F32:
        gen_u8(s, WASM_OP_F32_CONST);
        gen_bytes(s, bits, 4);
        break;
    case WASM_F64:
        gen_u8(s, WASM_OP_F64_CONST);
        gen_bytes(s, bits, 8);
        break;
    default:
        gen_u8(s, WASM_PREFIX_VECTOR);
        gen_u8(s, WASM_OP_V128_CONST & 0xff);
        gen_bytes(s, bits, 16);
    }
    if (!deep || (type != WASM_I32 && type != WASM_I64))
        return;
    put_number(g, type, deep - 1);
    gen_u8(s, (type == WASM_I32 ? WASM_OP_I32_ADD : WASM_OP_I64_ADD) + choice_below(g->c, 3));
}

static void put_reference(struct gen_buffer *s, uint8_t type, uint32_t function)
{
    gen_u8(s, function == GEN_NULL ? WASM_OP_REF_NULL : WASM_OP_REF_FUNC);
    if (function == GEN_NULL)
        gen_u8(s, type);
    else
        gen_u32(s, function);
}

static void put_global(struct wasm_generator *g, const struct wasm_globaltype *t)
{
    struct gen_buffer *s = &g->section;
    gen_u8(s, t->type);
    gen_u8(s, t->mutable);
    uint32_t from = choice_below(g->c, g->n_imported_globals);
    if (g->n_imported_globals && g->globals[from].type == t->type && !g->globals[from].mutable) {
        gen_u8(s, WASM_OP_GLOBAL_GET);
        gen_u32(s, from);
    } else if (wasm_type_is_ref(t->type)) {
        put_reference(s, t->type, t->type == WASM_FUNCREF ? any_entry(g) : GEN_NULL);
    } else {
        put_number(g, t->type, choice_below(g->c, 3));
    }
    gen_u8(s, WASM_OP_END);
}

static void put_globals(struct wasm_generator *g)
{
    gen_u32(&g->section, g->n_globals - g->n_imported_globals);
    for (uint32_t k = g->n_imported_globals; k < g->n_globals; k++)
        put_global(g, &g->globals[k]);
    put_section(g, 6);
}

static void put_export(struct gen_buffer *s, enum wasm_kind kind, uint32_t index)
{
    static const char names[] = "ftmg";
    gen_u8(s, 2);
    gen_u8(s, (uint8_t)names[kind]);
    gen_u8(s, 'a' + index);
    gen_u8(s, kind);
    gen_u32(s, index);
}

static void put_exports(struct wasm_generator *g)
{
    struct gen_buffer *s = &g->section;
    uint32_t n = 0;
    for (uint32_t k = 0; k < g->n_functions; k++)
        n += g->exported[k];
    gen_u32(s, n);
    for (uint32_t k = 0; k < g->n_functions; k++)
        if (g->exported[k])
            put_export(s, WASM_KIND_FUNC, k);
    put_section(g, 7);
    for (uint32_t k = 0; k < g->n_functions; k++)
        if (!g->functions[k] && choice_chance(g->c, 1, 6)) { /* type 0: nothing to nothing */
            gen_u32(s, k);
            put_section(g, 8);
            break;
        }
}

static void put_offset(struct gen_buffer *s, uint32_t offset)
{
    gen_u8(s, WASM_OP_I32_CONST);
    gen_s64(s, (int32_t)offset);
    gen_u8(s, WASM_OP_END);
}

/* Flags as in 5.5.12: bit 0 not active, bit 1 declared or with a table's number, bit 2 expressions. */
static void put_elem(struct gen_buffer *s, const struct gen_segment *e)
{
    bool active = e->mode == WASM_SEGMENT_ACTIVE;
    bool explicit = active && (e->table || e->type == WASM_EXTERNREF || (e->n & 1));
    unsigned second = active ? explicit : e->mode == WASM_SEGMENT_DECLARED;
    gen_u8(s, (unsigned)!active | second << 1 | (unsigned)e->expressions << 2);
    if (explicit)
        gen_u32(s, e->table);
    if (active)
        put_offset(s, e->offset);
    if (!active || explicit)
        gen_u8(s, e->expressions ? e->type : 0);
    gen_u32(s, e->n);
    for (uint32_t k = 0; k < e->n; k++) {
        if (!e->expressions) {
            gen_u32(s, e->functions[k]);
            continue;
        }
        put_reference(s, e->type, e->functions[k]);
        gen_u8(s, WASM_OP_END);
    }
}

static void put_elems(struct wasm_generator *g)
{
    gen_u32(&g->section, g->n_elems);
    for (uint32_t k = 0; k < g->n_elems; k++)
        put_elem(&g->section, &g->elems[k]);
    put_section(g, 9);
    gen_u32(&g->section, g->n_datas);
    put_section(g, 12);
}

static void put_datas(struct wasm_generator *g)
{
    struct gen_buffer *s = &g->section;
    gen_u32(s, g->n_datas);
    for (uint32_t k = 0; k < g->n_datas; k++) {
        const struct gen_segment *d = &g->datas[k];
        gen_u8(s, d->mode == WASM_SEGMENT_PASSIVE);
        if (d->mode == WASM_SEGMENT_ACTIVE)
            put_offset(s, d->offset);
        gen_u32(s, d->n);
        for (uint32_t i = 0; i < d->n; i++)
            gen_u8(s, (uint8_t)choice_mix(i * 7 + k + d->n));
    }
    put_section(g, 11);
}

/* ---- Bodies ------------------------------------------------------------------------------------------------------ */

static void put_locals(struct wasm_generator *g, const struct gen_body *b, uint32_t n_params)
{
    uint32_t runs = 0;
    for (uint32_t k = n_params; k < b->n_locals; k++)
        runs += k == n_params || b->locals[k] != b->locals[k - 1];
    gen_u32(&g->body, runs);
    for (uint32_t k = n_params, n; k < b->n_locals; k += n) {
        for (n = 1; k + n < b->n_locals && b->locals[k + n] == b->locals[k]; n++)
            ;
        gen_u32(&g->body, n);
        gen_u8(&g->body, b->locals[k]);
    }
}

static void make_body(struct wasm_generator *g, uint32_t function)
{
    static const int budgets[] = {40, 20, 60, 90, 120, 160, 250, 600};
    const struct gen_type *t = &g->types[g->functions[function]];
    struct gen_body b = {.g = g, .c = g->c, .out = &g->code, .function = function, .n_locals = t->n_params};
    memcpy(b.locals, t->types, t->n_params);
    uint32_t n = choice_below(g->c, 16) < 15 ? choice_below(g->c, 12) : choice_below(g->c, 250);
    for (; n; n--)
        b.locals[b.n_locals++] = gen_any_type(g);
    b.budget = budgets[choice_below(g->c, ARRAY_LEN(budgets))];
    g->code.n = g->body.n = 0;
    gen_function(&b);
    put_locals(g, &b, t->n_params);
    gen_bytes(&g->body, g->code.bytes, g->code.n);
}

const uint8_t *wasm_generate(struct wasm_generator *g, struct wasm_choice *c, size_t *size)
{
    static const uint8_t header[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    struct gen_buffer bodies = {0};
    g->c = c;
    g->out.n = g->section.n = 0;
    g->scalar = choice_chance(g->c, 1, 3);
    plan_types(g);
    plan_functions(g);
    plan_tables(g);
    plan_memory(g);
    plan_globals(g);
    plan_segments(g);
    /* The initialisers of globals declare functions, bodies add types: both come before what is written first. */
    put_globals(g);
    struct gen_buffer globals = g->out;
    g->out = (struct gen_buffer){0};
    gen_u32(&bodies, g->n_functions - g->n_imported_functions);
    for (uint32_t k = g->n_imported_functions; k < g->n_functions; k++) {
        make_body(g, k);
        gen_u32(&bodies, (uint32_t)g->body.n);
        gen_bytes(&bodies, g->body.bytes, g->body.n);
    }
    gen_bytes(&g->out, header, sizeof header);
    put_types(g);
    put_imports(g);
    put_declarations(g);
    gen_bytes(&g->out, globals.bytes, globals.n);
    put_exports(g);
    put_elems(g);
    gen_bytes(&g->section, bodies.bytes, bodies.n);
    put_section(g, 10);
    put_datas(g);
    free(globals.bytes);
    free(bodies.bytes);
    *size = g->out.n;
    return g->out.bytes;
}
