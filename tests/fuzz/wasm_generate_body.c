/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of functions: steps that push, use up and move operands, and blocks of steps. Operands stay on the stack over
 * steps and blocks, so that code generators have more of them than registers. What follows a branch is written too; it
 * takes operands from nowhere, as the specification allows (3.3.3).
 */
#include "wasm_generator.h"

#include <string.h>

static struct gen_label *inner(struct gen_body *b)
{
    return &b->labels[b->depth - 1];
}

/* Operands of the innermost block. */
static uint32_t own_operands(struct gen_body *b)
{
    return b->height - inner(b)->height;
}

static void index_op(struct gen_body *b, unsigned op, uint32_t index)
{
    gen_op(b, op);
    gen_u32(b->out, index);
}

/* ---- Operands away, operands to order ---------------------------------------------------------------------------- */

static void pop_one(struct gen_body *b)
{
    uint8_t type = b->stack[b->height - 1];
    uint32_t at, kind = choice_below(b->c, 8);
    if (kind >= 3 && (at = gen_local_of(b, type, true)) != UINT32_MAX)
        index_op(b, WASM_OP_LOCAL_SET, at);
    else if (kind == 2 && (at = gen_global_of(b, type, true)) != UINT32_MAX)
        index_op(b, WASM_OP_GLOBAL_SET, at);
    else
        gen_op(b, WASM_OP_DROP);
    gen_pop(b, 1);
}

static void values(struct gen_body *b, const uint8_t *types, uint32_t n, unsigned depth)
{
    for (uint32_t k = 0; k < n; k++)
        gen_value(b, types[k], GEN_EXACT, n > 4 ? choice_below(b->c, 2) : depth);
}

/* What lies on top, if it fits, or new values. */
static void operands(struct gen_body *b, const uint8_t *types, uint32_t n)
{
    if (own_operands(b) >= n && !memcmp(b->stack + b->height - n, types, n) && choice_chance(b->c, 7, 8))
        return;
    values(b, types, n, 1 + choice_below(b->c, 2));
}

/* The innermost block's operands are to be these and no more. */
static void shape(struct gen_body *b, const uint8_t *types, uint32_t n)
{
    struct gen_label *l = inner(b);
    uint32_t same = 0;
    while (!l->dead && same < n && same < own_operands(b) && b->stack[l->height + same] == types[same])
        same++;
    while (own_operands(b) > same)
        pop_one(b);
    if (l->dead && choice_chance(b->c, 3, 4)) { /* from nowhere */
        memcpy(b->stack + b->height, types, n);
        b->height += n;
        return;
    }
    values(b, types + same, n - same, 1);
}

static void dead(struct gen_body *b)
{
    inner(b)->dead = true;
    b->height = inner(b)->height;
}

/* ---- Types of blocks and functions ------------------------------------------------------------------------------- */

uint32_t gen_type_number(struct wasm_generator *g, const uint8_t *params, uint32_t n_params, const uint8_t *results,
                         uint32_t n_results)
{
    for (uint32_t k = 0; k < g->n_types; k++) {
        const struct gen_type *t = &g->types[k];
        if (t->n_params == n_params && t->n_results == n_results && !memcmp(t->types, params, n_params) &&
            !memcmp(t->types + n_params, results, n_results))
            return k;
    }
    if (g->n_types == GEN_TYPES_MAX)
        return UINT32_MAX;
    struct gen_type *t = &g->types[g->n_types];
    *t = (struct gen_type){.n_params = n_params, .n_results = n_results};
    memcpy(t->types, params, n_params);
    memcpy(t->types + n_params, results, n_results);
    return g->n_types++;
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

static void step(struct gen_body *b);

static void steps(struct gen_body *b, uint32_t n)
{
    for (; n && b->budget > 0; n--) {
        step(b);
        if (inner(b)->dead && !choice_chance(b->c, 1, 2))
            return;
    }
}

static void block_type(struct gen_body *b, const struct gen_label *l, uint32_t number)
{
    if (number != UINT32_MAX)
        gen_s64(b->out, number);
    else
        gen_u8(b->out, l->n_results ? l->results[0] : 0x40);
}

/* Its parameters lie on the stack. */
static void open(struct gen_body *b, const struct gen_label *l, uint32_t number)
{
    gen_op(b, l->op);
    block_type(b, l, number);
    b->labels[b->depth] = *l;
    b->labels[b->depth++].height = b->height - l->n_params;
}

static void close(struct gen_body *b)
{
    gen_op(b, WASM_OP_END);
    b->depth--;
}

static void branch_of_if(struct gen_body *b)
{
    steps(b, 1 + choice_below(b->c, 4));
    shape(b, inner(b)->results, inner(b)->n_results);
}

static void if_block(struct gen_body *b, const struct gen_label *l, uint32_t number)
{
    gen_value(b, WASM_I32, GEN_EXACT, 2);
    gen_pop(b, 1);
    open(b, l, number);
    branch_of_if(b);
    bool same = l->n_params == l->n_results && !memcmp(l->params, l->results, l->n_params);
    if (!same || choice_chance(b->c, 2, 3)) {
        struct gen_label *own = inner(b);
        gen_op(b, WASM_OP_ELSE);
        own->op = WASM_OP_ELSE;
        own->dead = false;
        b->height = own->height;
        for (uint32_t k = 0; k < l->n_params; k++)
            gen_push(b, l->params[k]);
        branch_of_if(b);
    }
    close(b);
}

/* A loop that goes round some times, or (no counter) as often as what is in it branches. */
static void loop_block(struct gen_body *b, const struct gen_label *l, uint32_t number)
{
    uint32_t counter = UINT32_MAX;
    if (b->n_locals < GEN_LOCALS_MAX - 8 && choice_chance(b->c, 7, 8))
        counter = gen_local_add(b, WASM_I32, GEN_COUNTER);
    if (counter != UINT32_MAX) {
        gen_i32(b, 1 + choice_below(b->c, 6));
        index_op(b, WASM_OP_LOCAL_SET, counter);
        gen_pop(b, 1);
    }
    open(b, l, number);
    steps(b, 1 + choice_below(b->c, 5));
    if (counter != UINT32_MAX) {
        shape(b, l->params, l->n_params);
        index_op(b, WASM_OP_LOCAL_GET, counter);
        gen_op(b, WASM_OP_I32_CONST);
        gen_s64(b->out, 1);
        gen_op(b, WASM_OP_I32_SUB);
        index_op(b, WASM_OP_LOCAL_TEE, counter);
        index_op(b, WASM_OP_BR_IF, 0);
    }
    shape(b, l->results, l->n_results);
    close(b);
}

static void block_of(struct gen_body *b, const struct gen_label *l, uint32_t number)
{
    if (l->op == WASM_OP_IF) {
        if_block(b, l, number);
    } else if (l->op == WASM_OP_LOOP) {
        loop_block(b, l, number);
    } else {
        open(b, l, number);
        steps(b, 1 + choice_below(b->c, 5));
        shape(b, l->results, l->n_results);
        close(b);
    }
}

static uint8_t block_kind(struct wasm_choice *c)
{
    static const uint8_t kinds[] = {WASM_OP_BLOCK, WASM_OP_IF, WASM_OP_LOOP, WASM_OP_IF};
    return kinds[choice_below(c, ARRAY_LEN(kinds))];
}

void gen_block_value(struct gen_body *b, uint8_t type)
{
    struct gen_label l = {.op = block_kind(b->c), .n_results = 1, .results = {type}};
    if (b->depth + 1 < GEN_DEPTH_MAX)
        block_of(b, &l, UINT32_MAX);
    else
        gen_value(b, type, GEN_EXACT, 0);
}

static uint32_t arity(struct wasm_choice *c)
{
    uint32_t kind = choice_below(c, 32);
    return kind < 12 ? 0 : kind < 24 ? 1 : kind < 31 ? choice_below(c, 5) : choice_below(c, GEN_ARITY_MAX / 2);
}

static void block_step(struct gen_body *b)
{
    struct gen_label l = {.op = block_kind(b->c)};
    uint32_t number = UINT32_MAX;
    if (b->depth + 1 >= GEN_DEPTH_MAX)
        return;
    l.n_params = arity(b->c);
    if (l.n_params > own_operands(b))
        l.n_params = own_operands(b);
    memcpy(l.params, b->stack + b->height - l.n_params, l.n_params);
    l.n_results = arity(b->c);
    for (uint32_t k = 0; k < l.n_results; k++)
        l.results[k] = gen_any_type(b->g);
    if (choice_chance(b->c, 1, 8)) {
        l.n_results = l.n_params;
        memcpy(l.results, l.params, l.n_params);
    }
    if (l.n_params || l.n_results > 1 || choice_chance(b->c, 1, 8)) {
        number = gen_type_number(b->g, l.params, l.n_params, l.results, l.n_results);
        if (number == UINT32_MAX)
            l.n_params = l.n_results = 0;
    }
    block_of(b, &l, number);
}

/* ---- Branches ---------------------------------------------------------------------------------------------------- */

static const uint8_t *label_types(const struct gen_label *l, uint32_t *n)
{
    *n = l->op == WASM_OP_LOOP ? l->n_params : l->n_results;
    return l->op == WASM_OP_LOOP ? l->params : l->results;
}

/* Mostly not a loop's: those are to end. */
static uint32_t any_label(struct gen_body *b)
{
    uint32_t at = choice_below(b->c, b->depth);
    if (b->labels[b->depth - 1 - at].op == WASM_OP_LOOP && !choice_chance(b->c, 1, 8))
        at = choice_below(b->c, b->depth);
    return at;
}

static void condition(struct gen_body *b)
{
    gen_value(b, WASM_I32, GEN_EXACT, 2);
}

static void br_if(struct gen_body *b)
{
    uint32_t n, at = any_label(b);
    const uint8_t *types = label_types(&b->labels[b->depth - 1 - at], &n);
    operands(b, types, n);
    condition(b);
    index_op(b, WASM_OP_BR_IF, at);
    gen_pop(b, 1);
}

static void br(struct gen_body *b)
{
    uint32_t n, at = any_label(b);
    const uint8_t *types = label_types(&b->labels[b->depth - 1 - at], &n);
    operands(b, types, n);
    index_op(b, WASM_OP_BR, at);
    dead(b);
}

static void br_table(struct gen_body *b)
{
    uint32_t n, other, same[GEN_DEPTH_MAX], n_same = 0, at = any_label(b);
    const uint8_t *types = label_types(&b->labels[b->depth - 1 - at], &n);
    for (uint32_t k = 0; k < b->depth; k++) {
        const uint8_t *others = label_types(&b->labels[b->depth - 1 - k], &other);
        if (other == n && !memcmp(types, others, n))
            same[n_same++] = k;
    }
    operands(b, types, n);
    uint32_t count = choice_below(b->c, 8) < 7 ? choice_below(b->c, 6) : choice_below(b->c, 70);
    gen_value(b, WASM_I32, GEN_EXACT, 1);
    if (choice_chance(b->c, 3, 4)) {
        gen_i32(b, 7);
        gen_op(b, WASM_OP_I32_AND);
        gen_pop(b, 1);
    }
    index_op(b, WASM_OP_BR_TABLE, count);
    for (uint32_t k = 0; k <= count; k++)
        gen_u32(b->out, k < count ? same[choice_below(b->c, n_same)] : at);
    dead(b);
}

static void return_step(struct gen_body *b)
{
    operands(b, b->labels[0].results, b->labels[0].n_results);
    gen_op(b, WASM_OP_RETURN);
    dead(b);
}

static void unreachable(struct gen_body *b)
{
    if (!choice_chance(b->c, 1, 8))
        return;
    gen_op(b, WASM_OP_UNREACHABLE);
    dead(b);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* Mostly one behind this, so that calls end. */
static uint32_t any_function(struct gen_body *b)
{
    const struct wasm_generator *g = b->g;
    uint32_t at = choice_below(b->c, g->n_functions);
    if (at < g->n_imported_functions || at > b->function || choice_chance(b->c, 1, 12))
        return at;
    return b->function + 1 < g->n_functions ? b->function + 1 + at % (g->n_functions - b->function - 1) : at;
}

static void push_results(struct gen_body *b, const struct gen_type *t)
{
    for (uint32_t k = 0; k < t->n_results; k++)
        gen_push(b, t->types[t->n_params + k]);
}

static void call(struct gen_body *b, uint32_t function)
{
    const struct gen_type *t = &b->g->types[b->g->functions[function]];
    operands(b, t->types, t->n_params);
    index_op(b, WASM_OP_CALL, function);
    gen_pop(b, t->n_params);
    push_results(b, t);
}

static void call_step(struct gen_body *b)
{
    call(b, any_function(b));
}

bool gen_call_value(struct gen_body *b, uint8_t type)
{
    for (unsigned tries = 0; tries < 4; tries++) {
        uint32_t function = any_function(b);
        const struct gen_type *t = &b->g->types[b->g->functions[function]];
        if (!t->n_results || t->types[t->n_params] != type)
            continue;
        uint32_t height = b->height;
        values(b, t->types, t->n_params, 1);
        index_op(b, WASM_OP_CALL, function);
        gen_pop(b, t->n_params);
        push_results(b, t);
        while (b->height > height + 1)
            pop_one(b);
        return true;
    }
    return false;
}

/* A place in a table and the type of a function there, mostly the one that is there. */
static bool any_callee(struct gen_body *b, uint32_t *table, uint32_t *at, uint32_t *type)
{
    *table = gen_table_of(b, WASM_FUNCREF);
    if (*table == UINT32_MAX)
        return false;
    const struct gen_table *t = &b->g->tables[*table];
    uint32_t n = t->min < GEN_SEGMENT_MAX ? t->min : GEN_SEGMENT_MAX;
    *at = choice_below(b->c, n);
    for (uint32_t k = 0; k < n && t->guess[*at] == GEN_NULL; k++)
        *at = (*at + 1) % n;
    if (n && t->guess[*at] != GEN_NULL && choice_chance(b->c, 31, 32))
        *type = b->g->functions[t->guess[*at]];
    else
        *type = choice_below(b->c, b->g->n_types);
    return true;
}

static void indirect(struct gen_body *b, unsigned op, uint32_t table, uint32_t at, uint32_t type)
{
    if (choice_chance(b->c, 1, 24)) {
        gen_value(b, WASM_I32, GEN_EXACT, 1);
    } else if (choice_chance(b->c, 1, 2)) {
        gen_i32(b, at);
    } else { /* not a constant for a compiler */
        gen_value(b, WASM_I32, GEN_EXACT, 1);
        gen_i32(b, 0);
        gen_op(b, WASM_OP_I32_AND);
        gen_pop(b, 1);
        gen_i32(b, at);
        gen_op(b, WASM_OP_I32_OR);
        gen_pop(b, 1);
    }
    index_op(b, op, type);
    gen_u32(b->out, table);
    gen_pop(b, 1);
}

static void call_indirect(struct gen_body *b)
{
    uint32_t table, at, type;
    if (!any_callee(b, &table, &at, &type))
        return;
    const struct gen_type *t = &b->g->types[type];
    operands(b, t->types, t->n_params);
    indirect(b, WASM_OP_CALL_INDIRECT, table, at, type);
    gen_pop(b, t->n_params);
    push_results(b, t);
}

static bool returns_alike(struct gen_body *b, const struct gen_type *t)
{
    const struct gen_label *own = &b->labels[0];
    return t->n_results == own->n_results && !memcmp(t->types + t->n_params, own->results, own->n_results);
}

static void return_call(struct gen_body *b)
{
    for (unsigned tries = 0; tries < 6; tries++) {
        uint32_t function = any_function(b);
        const struct gen_type *t = &b->g->types[b->g->functions[function]];
        if (!returns_alike(b, t))
            continue;
        operands(b, t->types, t->n_params);
        index_op(b, WASM_OP_RETURN_CALL, function);
        dead(b);
        return;
    }
}

static void return_call_indirect(struct gen_body *b)
{
    for (unsigned tries = 0; tries < 6; tries++) {
        uint32_t table, at, type;
        if (!any_callee(b, &table, &at, &type) || !returns_alike(b, &b->g->types[type]))
            continue;
        operands(b, b->g->types[type].types, b->g->types[type].n_params);
        indirect(b, WASM_OP_RETURN_CALL_INDIRECT, table, at, type);
        dead(b);
        return;
    }
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void push_step(struct gen_body *b)
{
    gen_value(b, gen_any_type(b->g), GEN_EXACT, 1 + choice_below(b->c, 3));
}

static void push_many(struct gen_body *b)
{
    for (uint32_t n = 4 + choice_below(b->c, 24); n; n--)
        gen_value(b, gen_any_type(b->g), GEN_EXACT, choice_below(b->c, 2));
}

/* A local is read some times before it is written: what was read stays as it was. */
static void copies(struct gen_body *b)
{
    uint8_t type = gen_any_type(b->g);
    uint32_t at = gen_local_of(b, type, true), n = 1 + choice_below(b->c, choice_chance(b->c, 1, 4) ? 60 : 6);
    if (at == UINT32_MAX)
        return;
    for (; n; n--) {
        index_op(b, WASM_OP_LOCAL_GET, at);
        gen_push(b, type);
    }
    gen_value(b, type, GEN_EXACT, 1);
    if (choice_chance(b->c, 1, 2)) {
        index_op(b, WASM_OP_LOCAL_TEE, at);
        return;
    }
    index_op(b, WASM_OP_LOCAL_SET, at);
    gen_pop(b, 1);
}

static void pop_many(struct gen_body *b)
{
    for (uint32_t n = choice_below(b->c, 12); n && own_operands(b); n--)
        pop_one(b);
}

/* The open NaNs that a type can have. */
static enum gen_nan any_nan(struct gen_body *b, uint8_t type)
{
    if (type == WASM_V128)
        return choice_chance(b->c, 1, 2) ? GEN_ANY_F32 : GEN_ANY_F64;
    return type == WASM_F32 ? GEN_ANY_F32 : type == WASM_F64 ? GEN_ANY_F64 : GEN_EXACT;
}

/* The result of a float instruction goes to the local at once, and is made exact there. */
static void local_step(struct gen_body *b)
{
    uint8_t type = gen_any_type(b->g);
    uint32_t at = gen_local_of(b, type, true);
    enum gen_nan nan = at != UINT32_MAX && choice_chance(b->c, 1, 2) ? any_nan(b, type) : GEN_EXACT;
    gen_value(b, type, nan, 1 + choice_below(b->c, 4));
    if (at == UINT32_MAX)
        return;
    if (nan != GEN_EXACT) {
        index_op(b, WASM_OP_LOCAL_SET, at);
        index_op(b, WASM_OP_LOCAL_GET, at);
        gen_canonical(b, nan);
    }
    index_op(b, WASM_OP_LOCAL_SET, at);
    gen_pop(b, 1);
}

static void global_step(struct gen_body *b)
{
    uint8_t type = gen_any_type(b->g);
    uint32_t at = gen_global_of(b, type, true);
    if (at == UINT32_MAX)
        return;
    gen_value(b, type, GEN_EXACT, 1 + choice_below(b->c, 2));
    index_op(b, WASM_OP_GLOBAL_SET, at);
    gen_pop(b, 1);
}

/* Whether a row's operands lie on top; in code that is not reached, they may be missing. */
static bool fits(struct gen_body *b, const struct gen_row *row)
{
    uint32_t own = own_operands(b);
    for (uint32_t k = 0; k < row->n_params; k++)
        if (k >= own ? !inner(b)->dead : b->stack[b->height - 1 - k] != row->params[row->n_params - 1 - k])
            return false;
    return true;
}

/* An instruction on what is there. */
static void apply(struct gen_body *b)
{
    const struct gen_rows *rows = &b->g->rows;
    for (unsigned tries = 0; tries < 12; tries++) {
        const struct gen_row *row = &rows->numeric[choice_below(b->c, rows->n_numeric)];
        if (!fits(b, row) || (b->g->scalar && row->op >= WASM_OP_VECTOR) ||
            (row->guard && !inner(b)->dead && !choice_chance(b->c, 1, 16)))
            continue;
        uint32_t own = own_operands(b);
        gen_op(b, row->op);
        gen_immediate(b, row);
        gen_pop(b, row->n_params < own ? row->n_params : own);
        gen_push(b, row->result);
        if (row->makes)
            gen_canonical(b, (enum gen_nan)row->makes);
        return;
    }
}

static void store(struct gen_body *b)
{
    const struct gen_rows *rows = &b->g->rows;
    const struct gen_row *row = gen_any_row(b, rows->access, rows->access_by_result[7], rows->n_access_by_result[7]);
    if (b->g->has_memory && row)
        gen_access(b, row, 1 + choice_below(b->c, 2));
}

/* Without a result: what it traps on is in place before. */
static void bulk_memory(struct gen_body *b)
{
    const struct wasm_generator *g = b->g;
    uint32_t kind = choice_below(b->c, 8), segment = choice_below(b->c, g->n_datas);
    if (kind >= 6 && g->n_datas) {
        if (kind == 7 && choice_chance(b->c, 1, 4)) {
            index_op(b, WASM_OP_DATA_DROP, segment);
            return;
        }
        if (!g->has_memory)
            return;
        uint32_t from = choice_below(b->c, g->datas[segment].n + 1);
        uint32_t n = g->datas[segment].mode == WASM_SEGMENT_PASSIVE ? g->datas[segment].n - from : 0;
        gen_address(b, 1, 1);
        gen_i32(b, n ? from : 0);
        gen_i32(b, choice_below(b->c, n + 1) + choice_chance(b->c, 1, 64));
        index_op(b, WASM_OP_MEMORY_INIT, segment);
        gen_u8(b->out, 0);
        gen_pop(b, 3);
        return;
    }
    if (!g->has_memory)
        return;
    gen_address(b, 1, 1);
    if (kind < 3)
        gen_value(b, WASM_I32, GEN_EXACT, 1);
    else
        gen_address(b, 1, 1);
    gen_i32(b, choice_chance(b->c, 1, 16) ? choice_below(b->c, 0x9000) : choice_below(b->c, 0x400));
    gen_op(b, kind < 3 ? WASM_OP_MEMORY_FILL : WASM_OP_MEMORY_COPY);
    gen_u8(b->out, 0);
    if (kind >= 3)
        gen_u8(b->out, 0);
    gen_pop(b, 3);
}

static void table_index(struct gen_body *b, uint32_t table)
{
    if (choice_chance(b->c, 1, 32))
        gen_value(b, WASM_I32, GEN_EXACT, 1);
    else
        gen_i32(b, choice_below(b->c, b->g->tables[table].min));
}

static void table_init(struct gen_body *b, uint32_t table)
{
    const struct wasm_generator *g = b->g;
    uint32_t segment = choice_below(b->c, g->n_elems);
    if (!g->n_elems)
        return;
    if (choice_chance(b->c, 1, 8)) {
        index_op(b, WASM_OP_ELEM_DROP, segment);
        return;
    }
    if (g->elems[segment].type != g->tables[table].type)
        return;
    uint32_t n = g->elems[segment].mode == WASM_SEGMENT_PASSIVE ? g->elems[segment].n : 0;
    uint32_t from = choice_below(b->c, n + 1);
    table_index(b, table);
    gen_i32(b, from);
    gen_i32(b, choice_below(b->c, n - from + 1) + choice_chance(b->c, 1, 64));
    index_op(b, WASM_OP_TABLE_INIT, segment);
    gen_u32(b->out, table);
    gen_pop(b, 3);
}

static void table_copy(struct gen_body *b, uint32_t table)
{
    uint32_t other = choice_below(b->c, b->g->n_tables);
    if (b->g->tables[other].type != b->g->tables[table].type)
        other = table;
    table_index(b, table);
    table_index(b, other);
    gen_i32(b, choice_below(b->c, 4));
    index_op(b, WASM_OP_TABLE_COPY, table);
    gen_u32(b->out, other);
    gen_pop(b, 3);
}

static void table_step(struct gen_body *b)
{
    uint32_t kind = choice_below(b->c, 8), table = choice_below(b->c, b->g->n_tables);
    if (!b->g->n_tables)
        return;
    if (kind >= 6) {
        table_init(b, table);
        return;
    }
    if (kind == 5) {
        table_copy(b, table);
        return;
    }
    table_index(b, table);
    gen_value(b, b->g->tables[table].type, GEN_EXACT, 1);
    if (kind < 3) {
        index_op(b, WASM_OP_TABLE_SET, table);
    } else {
        gen_i32(b, choice_below(b->c, 4));
        index_op(b, WASM_OP_TABLE_FILL, table);
        gen_pop(b, 1);
    }
    gen_pop(b, 2);
}

static void nop(struct gen_body *b)
{
    gen_op(b, WASM_OP_NOP);
}

static void step(struct gen_body *b)
{
    static const struct {
        void (*make)(struct gen_body *);
        uint8_t weight;
    } kinds[] = {{nop, 1},          {local_step, 40}, {push_step, 28},
                 {apply, 24},       {store, 20},      {block_step, 28},
                 {br_if, 12},       {call_step, 8},   {call_indirect, 8},
                 {global_step, 12}, {bulk_memory, 6}, {table_step, 8},
                 {push_many, 2},    {copies, 3},      {pop_many, 12},
                 {br, 3},           {br_table, 4},    {return_step, 1},
                 {unreachable, 1},  {return_call, 3}, {return_call_indirect, 3}};
    uint32_t sum = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        sum += kinds[k].weight;
    if (b->height > GEN_OPERANDS_MAX / 2) {
        pop_many(b);
        if (b->height > GEN_OPERANDS_MAX / 2)
            nop(b);
        return;
    }
    uint32_t at = choice_below(b->c, sum);
    size_t k = 0;
    while (at >= kinds[k].weight)
        at -= kinds[k++].weight;
    kinds[k].make(b);
}

void gen_function(struct gen_body *b)
{
    const struct gen_type *t = &b->g->types[b->g->functions[b->function]];
    struct gen_label *own = &b->labels[0];
    *own = (struct gen_label){.op = WASM_OP_CALL, .n_results = t->n_results};
    memcpy(own->results, t->types + t->n_params, t->n_results);
    b->depth = 1;
    while (b->budget > 0 && !own->dead)
        step(b);
    if (own->dead)
        steps(b, choice_below(b->c, 4));
    shape(b, own->results, own->n_results);
    gen_op(b, WASM_OP_END);
    b->depth = 0;
}
