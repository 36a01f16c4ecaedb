/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks, branches and calls (specification 3.3.8, appendix "validation algorithm"). */
#include "wasm/module/validator.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdlib.h>

#define LOOP_WEIGHT 10
#define WEIGHT_MAX  1000000u

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/* Room for one more item of an array that grows. */
static int grow(struct wasm_validator *v, void **items, size_t *size, uint32_t n, size_t item)
{
    if (n < *size)
        return 0;
    size_t more = *size ? *size * 2 : 64;
    void *p = realloc(*items, more * item);
    if (!p)
        return validator_fail(v, v->at, -ENOMEM, "no memory for blocks");
    *items = p;
    *size = more;
    return 0;
}

static uint32_t offset_of(const struct wasm_validator *v, const uint8_t *p)
{
    return (uint32_t)(p - v->m->bytes);
}

static int note_block(struct wasm_validator *v, const struct frame *f)
{
    void *blocks = v->blocks;
    int r = grow(v, &blocks, &v->blocks_size, v->n_blocks, sizeof *v->blocks);

    v->blocks = blocks;
    if (r < 0)
        return r;
    v->blocks[v->n_blocks++] = (struct wasm_block){.start = offset_of(v, v->at),
                                                   .height = f->height,
                                                   .n_params = f->n_params,
                                                   .n_results = f->n_results,
                                                   .op = f->op};
    return 0;
}

int validator_open(struct wasm_validator *v, uint8_t op, const uint8_t *params, uint32_t n_params,
                   const uint8_t *results, uint32_t n_results)
{
    void *frames = v->frames;
    int r = v->n_frames <= WASM_CONTROL_DEPTH_MAX
                ? grow(v, &frames, &v->frames_size, v->n_frames, sizeof *v->frames)
                : validator_fail(v, v->at, -ENOTSUP, "more than %u nested blocks", WASM_CONTROL_DEPTH_MAX);

    v->frames = frames;
    if (r < 0)
        return r;
    uint32_t weight = v->n_frames ? innermost(v)->weight : 1;
    struct frame *f = &v->frames[v->n_frames];
    *f = (struct frame){.params = params,
                        .results = results,
                        .n_params = n_params,
                        .n_results = n_results,
                        .height = (uint32_t)(v->top - v->stack),
                        .block = UINT32_MAX,
                        .weight = weight,
                        .op = op};
    if (op == WASM_OP_LOOP) {
        f->weight = weight < WEIGHT_MAX ? weight * LOOP_WEIGHT : weight;
        f->fuel = v->fuel;
        v->fuel = 0;
        v->has_loops = true;
    }
    if (v->with_blocks && v->n_frames) {
        f->block = v->n_blocks;
        if ((r = note_block(v, f)) < 0)
            return r;
    }
    if (++v->n_frames > v->max_depth)
        v->max_depth = v->n_frames;
    v->base = v->top;
    return validator_push_types(v, params, n_params);
}

/* The results of the innermost frame are there and nothing else. */
static int check_results(struct wasm_validator *v)
{
    const struct frame *f = innermost(v);
    int r = validator_pop_types(v, f->results, f->n_results);

    if (r < 0)
        return r;
    if (v->top != v->base)
        return validator_fail(v, v->at, -EINVAL, "type mismatch: values remain at the %s of a block: %zu",
                              wasm_op_rows[v->op].name, (size_t)(v->top - v->base));
    return 0;
}

static void set_unreachable(struct wasm_validator *v)
{
    v->top = v->base;
    innermost(v)->unreachable = true;
}

/* ---- structured instructions ------------------------------------------------------------------------------------ */

struct block_type {
    const uint8_t *params, *results;
    uint32_t n_params, n_results;
};

static int block_type_index(struct wasm_validator *v, struct block_type *out)
{
    const char *fault;
    uint64_t index;
    unsigned n = leb_decode(v->p, v->end, 33, true, &index, &fault);

    if (!n)
        return validator_fail(v, v->p, -EINVAL, "%s", fault);
    if ((int64_t)index < 0)
        return validator_fail(v, v->p, -EINVAL, "malformed block type");
    if (index >= v->m->n_types)
        return validator_fail(v, v->at, -EINVAL, "unknown type %u, there are %u", (unsigned)index, v->m->n_types);
    const struct wasm_functype *t = &v->m->types[index];
    *out = (struct block_type){t->types, t->types + t->n_params, t->n_params, t->n_results};
    v->p += n;
    return 0;
}

static int read_block_type(struct wasm_validator *v, struct block_type *out)
{
    static const uint8_t types[] = {WASM_EXTERNREF, WASM_FUNCREF, 0,        0,        0,       0, 0, 0, 0, 0, 0, 0,
                                    WASM_V128,      WASM_F64,     WASM_F32, WASM_I64, WASM_I32};
    _Static_assert(sizeof types == WASM_I32 - WASM_EXTERNREF + 1, "by type");

    if (v->p < v->end && *v->p == 0x40) {
        *out = (struct block_type){.params = types, .results = types};
        v->p++;
        return 0;
    }
    if (v->p < v->end && *v->p >= WASM_EXTERNREF && *v->p <= WASM_I32 && types[*v->p - WASM_EXTERNREF]) {
        *out = (struct block_type){.params = types, .results = &types[*v->p - WASM_EXTERNREF], .n_results = 1};
        v->p++;
        return 0;
    }
    return block_type_index(v, out);
}

int validate_unreachable(struct wasm_validator *v)
{
    set_unreachable(v);
    return 0;
}

int validate_block(struct wasm_validator *v)
{
    struct block_type t = {0};
    int r;

    if ((r = read_block_type(v, &t)) < 0 || (r = validator_pop_types(v, t.params, t.n_params)) < 0)
        return r;
    return validator_open(v, (uint8_t)v->op, t.params, t.n_params, t.results, t.n_results);
}

int validate_if(struct wasm_validator *v)
{
    int r = validator_pop(v, WASM_I32, NULL);

    return r < 0 ? r : validate_block(v);
}

int validate_else(struct wasm_validator *v)
{
    struct frame *f = innermost(v);
    int r;

    if (f->op != WASM_OP_IF)
        return validator_fail(v, v->at, -EINVAL, "unexpected token: else without if");
    if ((r = check_results(v)) < 0)
        return r;
    f->op = WASM_OP_ELSE;
    f->unreachable = false;
    if (f->block != UINT32_MAX)
        v->blocks[f->block].else_ = offset_of(v, v->p);
    return validator_push_types(v, f->params, f->n_params);
}

/* Without an else, the parameters are the results. */
static int check_no_else(struct wasm_validator *v, const struct frame *f)
{
    bool same = f->n_params == f->n_results;

    for (uint32_t i = 0; same && i < f->n_params; i++)
        same = f->params[i] == f->results[i];
    if (!same)
        return validator_fail(v, v->at, -EINVAL,
                              "type mismatch: an if without else whose parameters are not its results");
    return 0;
}

int validate_end(struct wasm_validator *v)
{
    struct frame *f = innermost(v);
    int r = check_results(v);

    if (r < 0 || (f->op == WASM_OP_IF && (r = check_no_else(v, f)) < 0))
        return r;
    if (f->block != UINT32_MAX) {
        v->blocks[f->block].end = offset_of(v, v->p);
        v->blocks[f->block].fuel = f->op == WASM_OP_LOOP ? v->fuel : 0;
    }
    if (f->op == WASM_OP_LOOP)
        v->fuel = f->fuel;
    if (!--v->n_frames)
        return 1;
    v->base = v->stack + innermost(v)->height;
    return validator_push_types(v, f->results, f->n_results);
}

/* ---- branches --------------------------------------------------------------------------------------------------- */

static int read_label(struct wasm_validator *v, struct frame **f)
{
    uint32_t label;
    int r = validator_index(v, v->n_frames, "label", &label);

    *f = r < 0 ? NULL : &v->frames[v->n_frames - 1 - label];
    return r;
}

int validate_br(struct wasm_validator *v)
{
    struct frame *f;
    uint32_t n;
    int r = read_label(v, &f);

    if (r < 0)
        return r;
    const uint8_t *types = label_types(f, &n);
    if ((r = validator_pop_types(v, types, n)) < 0)
        return r;
    set_unreachable(v);
    return 0;
}

int validate_br_if(struct wasm_validator *v)
{
    struct frame *f;
    uint32_t n;
    int r;

    if ((r = validator_pop(v, WASM_I32, NULL)) < 0 || (r = read_label(v, &f)) < 0)
        return r;
    const uint8_t *types = label_types(f, &n);
    if ((r = validator_pop_types(v, types, n)) < 0)
        return r;
    return validator_push_types(v, types, n);
}

/* A frame is compared with the operands once, however many entries lead to it. */
int validate_br_table(struct wasm_validator *v)
{
    uint32_t entries, arity = 0, n, serial = ++v->n_tables_seen;
    int r;

    if ((r = validator_pop(v, WASM_I32, NULL)) < 0 || (r = validator_u32(v, &entries)) < 0)
        return r;
    if (entries >= (size_t)(v->end - v->p))
        return validator_fail(v, v->at, -EINVAL, "unexpected end: length out of bounds: br_table with %u labels",
                              entries);
    for (uint32_t i = 0; i <= entries; i++) {
        struct frame *f;
        if ((r = read_label(v, &f)) < 0)
            return r;
        if (f->seen == serial)
            continue;
        f->seen = serial;
        const uint8_t *types = label_types(f, &n);
        if (i && n != arity)
            return validator_fail(v, v->at, -EINVAL, "type mismatch: br_table to labels of %u and of %u values", arity,
                                  n);
        arity = n;
        if ((r = validator_check_types(v, types, n)) < 0)
            return r;
    }
    set_unreachable(v);
    return 0;
}

int validate_return(struct wasm_validator *v)
{
    int r = validator_pop_types(v, v->frames[0].results, v->frames[0].n_results);

    if (r < 0)
        return r;
    set_unreachable(v);
    return 0;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static void note_call(struct wasm_validator *v, const struct wasm_functype *t)
{
    v->has_calls = true;
    v->call_weight = add_saturating(v->call_weight, innermost(v)->weight);
    v->has_vectors |= has_vector(t->types + t->n_params, t->n_results);
}

static int call_type(struct wasm_validator *v, const struct wasm_functype **out)
{
    uint32_t f;
    int r = validator_index(v, v->m->n_functions, "function", &f);

    *out = NULL;
    if (r < 0)
        return r;
    *out = wasm_function_type(v->m, f);
    note_call(v, *out);
    return 0;
}

static int call_indirect_type(struct wasm_validator *v, const struct wasm_functype **out)
{
    uint32_t type, table;
    int r;

    *out = NULL;
    if ((r = validator_index(v, v->m->n_types, "type", &type)) < 0 ||
        (r = validator_index(v, v->m->n_tables, "table", &table)) < 0)
        return r;
    if (v->m->tables[table].type != WASM_FUNCREF)
        return validator_fail(v, v->at, -EINVAL, "type mismatch: %s in a table of %s", wasm_op_rows[v->op].name,
                              wasm_type_name(v->m->tables[table].type));
    *out = &v->m->types[type];
    note_call(v, *out);
    return validator_pop(v, WASM_I32, NULL);
}

static int call(struct wasm_validator *v, const struct wasm_functype *t)
{
    int r = validator_pop_types(v, t->types, t->n_params);

    return r < 0 ? r : validator_push_types(v, t->types + t->n_params, t->n_results);
}

static int tail_call(struct wasm_validator *v, const struct wasm_functype *t)
{
    bool same = t->n_results == v->type->n_results;

    for (uint32_t i = 0; same && i < t->n_results; i++)
        same = t->types[t->n_params + i] == v->type->types[v->type->n_params + i];
    if (!same)
        return validator_fail(v, v->at, -EINVAL, "type mismatch: %s of a function with other results than the caller's",
                              wasm_op_rows[v->op].name);
    int r = validator_pop_types(v, t->types, t->n_params);
    if (r < 0)
        return r;
    set_unreachable(v);
    return 0;
}

int validate_call(struct wasm_validator *v)
{
    const struct wasm_functype *t;
    int r = call_type(v, &t);

    return r < 0 ? r : call(v, t);
}

int validate_call_indirect(struct wasm_validator *v)
{
    const struct wasm_functype *t;
    int r = call_indirect_type(v, &t);

    return r < 0 ? r : call(v, t);
}

int validate_return_call(struct wasm_validator *v)
{
    const struct wasm_functype *t;
    int r = call_type(v, &t);

    return r < 0 ? r : tail_call(v, t);
}

int validate_return_call_indirect(struct wasm_validator *v)
{
    const struct wasm_functype *t;
    int r = call_indirect_type(v, &t);

    return r < 0 ? r : tail_call(v, t);
}
