/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks and branches (specification 4.4.8). Where ways meet, everything has one place: each pinned local its register;
 * entries below the block their slots (or they are constants); one result of a block rax or xmm0, several results and a
 * loop's parameters their slots. A block that nothing branches to needs none of this at its end. What cannot be reached
 * is skipped without being looked at.
 */
#include "wasm/baseline/internal.h"

static const uint8_t single_types[128] = {[WASM_I32] = WASM_I32,
                                          [WASM_I64] = WASM_I64,
                                          [WASM_F32] = WASM_F32,
                                          [WASM_F64] = WASM_F64,
                                          [WASM_V128] = WASM_V128,
                                          [WASM_FUNCREF] = WASM_FUNCREF,
                                          [WASM_EXTERNREF] = WASM_EXTERNREF};

static uint8_t result_reg(uint8_t vt)
{
    return vt_is_vector(vt) ? R_XMM0 : X64_RAX;
}

/* ---- Conditions -------------------------------------------------------------------------------------------------- */

void emit_branch(struct compiler *c, uint8_t cc, struct x64_label *l)
{
    if (cc == CC_FLOAT_EQ) {
        uint32_t over = x64_jcc_short(&c->b, X64_P);

        x64_jcc(&c->b, X64_E, l);
        x64_land(&c->b, over);
    } else if (cc == CC_FLOAT_NE) {
        x64_jcc(&c->b, X64_P, l);
        x64_jcc(&c->b, X64_NE, l);
    } else {
        x64_jcc(&c->b, cc, l);
    }
}

uint8_t condition_pop(struct compiler *c)
{
    struct value v = value_pop(c);
    struct x64_mem m;

    if (v.kind == K_FLAGS)
        return v.reg;
    if (v.kind != K_CONST && value_mem(c, &v, &m)) {
        value_mem_note(c, &v);
        x64_mi(&c->b, X64_CMP, X64_W32, m, 0);
        value_release(c, &v);
        return X64_NE;
    }
    uint8_t reg = value_reg(c, &v);
    if (!flags_tell(c, VT_I32, reg))
        x64_rr(&c->b, X64_TEST, X64_W32, reg, reg);
    value_release(c, &v);
    return X64_NE;
}

void condition_push(struct compiler *c, uint8_t cc)
{
    uint8_t next = *c->p, reg;

    if (next == WASM_OP_BR_IF || next == WASM_OP_IF || next == WASM_OP_SELECT || next == WASM_OP_I32_EQZ ||
        next == WASM_OP_SELECT_T) {
        value_push(c, K_FLAGS, VT_I32)->reg = cc;
        return;
    }
    reg = dest_begin(c);
    if (reg == R_NONE)
        reg = reg_alloc(c, GENERAL);
    if (cc == CC_FLOAT_EQ || cc == CC_FLOAT_NE) {
        uint32_t over;

        x64_mov_ri(&c->b, reg, cc == CC_FLOAT_NE);
        over = x64_jcc_short(&c->b, X64_P);
        x64_set_r(&c->b, cc == CC_FLOAT_NE ? X64_NE : X64_E, reg);
        x64_land(&c->b, over);
    } else {
        x64_set_r(&c->b, cc, reg);
        x64_rr(&c->b, X64_MOVZX8, X64_W32, reg, reg);
    }
    dest_end(c, VT_I32, reg);
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static void read_block_type(struct compiler *c, struct control *f)
{
    int64_t type = wasm_read_s64(&c->p);

    f->n_params = f->n_results = 0;
    f->params = f->results = NULL;
    if (type >= 0) {
        const struct wasm_functype *t = &c->m->types[type];

        f->n_params = t->n_params;
        f->n_results = t->n_results;
        f->params = t->types;
        f->results = t->types + t->n_params;
    } else if (type != -64) {
        f->n_results = 1;
        f->results = &single_types[type & 0x7f];
    }
}

static struct control *control_push(struct compiler *c, uint8_t op)
{
    struct control *f = ++c->top;

    f->op = op;
    f->merges = false;
    f->table = 0;
    f->place = 0;
    f->label = f->other = (struct x64_label){0};
    f->clean = f->clean_other = c->pinned;
    return f;
}

static void control_base(struct compiler *c, struct control *f)
{
    f->base = (uint32_t)(c->sp - (c->stack + 1)) - f->n_params;
    f->height = c->stack[f->base].height;
}

void control_push_function(struct compiler *c)
{
    struct control *f = control_push(c, WASM_OP_BLOCK);

    f->n_params = 0;
    f->n_results = c->type->n_results;
    f->results = c->type->types + c->type->n_params;
    f->base = f->height = 0;
}

/* ---- Branches ---------------------------------------------------------------------------------------------------- */

static uint32_t label_arity(const struct control *f)
{
    return f->op == WASM_OP_LOOP ? f->n_params : f->n_results;
}

static bool label_in_register(const struct control *f)
{
    return f->op != WASM_OP_LOOP && f->n_results == 1;
}

/* The n values at the top go to the slots above `height`, from the lowest up: each goes down or stays. */
static void move_down(struct compiler *c, uint32_t n, uint32_t height)
{
    for (struct value *v = c->sp - n; v < c->sp; v++) {
        height += vt_size(v->vt);
        if (height > c->max_height)
            c->max_height = height;
        if (v->kind == K_SLOT && v->height == height)
            continue;
        x64_reserve(&c->b, ROOM_CODE);
        value_store(c, v, slot_at(c, height));
    }
    x64_reserve(&c->b, ROOM_CODE);
}

/* Whether the way to the label is more than a jump. */
static bool moves_needed(const struct compiler *c, const struct control *f)
{
    uint32_t n = label_arity(f);

    if (!n || label_in_register(f))
        return false;
    for (const struct value *v = c->sp - n; v < c->sp; v++)
        if (v->kind != K_SLOT)
            return true;
    return c->sp[-(int64_t)n - 1].height != f->height;
}

/* Values to where the label wants them. In a register's case they are there for what comes behind, too; else the slots
 * of other entries may be overwritten. */
static void merge_values(struct compiler *c, struct control *f)
{
    if (!label_in_register(f)) {
        move_down(c, label_arity(f), f->height);
        return;
    }
    struct value top = c->sp[-1];
    uint8_t reg = result_reg(top.vt);
    if (top.kind == K_REG && top.reg == reg)
        return;
    top = value_pop(c);
    reg_take(c, reg);
    value_to(c, &top, reg);
    value_release(c, &top);
    value_push_reg(c, top.vt, reg);
}

static void branch_note(struct compiler *c, struct control *f)
{
    f->merges = true;
    f->clean &= c->clean;
}

/* Puts the results of a block onto the stack as they are behind its label. */
static void push_merged(struct compiler *c, const struct control *f)
{
    stack_drop(c, f->base);
    if (f->n_results == 1) {
        uint8_t vt = vt_of_type[f->results[0]];

        value_push_reg(c, vt, result_reg(vt));
        return;
    }
    for (uint32_t i = 0; i < f->n_results; i++)
        value_push(c, K_SLOT, vt_of_type[f->results[i]]);
    if (c->flushed == c->stack + 1 + f->base)
        c->flushed = c->sp;
    c->settled = NULL;
}

static void push_params(struct compiler *c, const struct control *f)
{
    stack_drop(c, f->base);
    for (uint32_t i = 0; i < f->n_params; i++)
        value_push(c, K_SLOT, vt_of_type[f->params[i]]);
    c->flushed = c->sp;
    c->settled = NULL;
}

/* ---- Instructions ------------------------------------------------------------------------------------------------ */

static void branch(struct compiler *c, uint32_t depth)
{
    struct control *f = c->top - depth;

    merge_values(c, f);
    if (f == c->control && f->n_results <= 1) {
        emit_epilogue(c);
        return;
    }
    pins_validate(c);
    branch_note(c, f);
    x64_jmp(&c->b, &f->label);
}

static void branch_if(struct compiler *c, uint32_t depth)
{
    struct control *f = c->top - depth;
    uint8_t cc = condition_pop(c);
    uint32_t n = label_arity(f);

    pins_validate(c);
    branch_note(c, f);
    if (n && !label_in_register(f) && c->sp[-(int64_t)n - 1].height != f->height) {
        struct x64_label over = {0};

        emit_branch(c, cc ^ 1, &over);
        merge_values(c, f);
        x64_jmp(&c->b, &f->label);
        label_bind(c, &over);
        return;
    }
    if (label_in_register(f))
        merge_values(c, f);
    else if (n)
        stack_flush_all(c, n); /* the label's slots are their own */
    emit_branch(c, cc, &f->label);
}

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

/* A number for a place in the code that may not be known yet: tables hold these until the function is done. */
static uint32_t place_new(struct compiler *c, uint32_t at)
{
    if (c->n_places == c->cap_places) {
        uint32_t *more = array_more(c, c->places, &c->cap_places, sizeof(*more));

        if (!more)
            return 0;
        c->places = more;
    }
    c->places[c->n_places] = at;
    return c->n_places++;
}

/* Where a table's entry for the label leads: to the label, or to moves and a jump, made once for each table. */
static uint32_t table_place(struct compiler *c, struct control *f)
{
    bool moves = label_arity(f) && !label_in_register(f);

    if (moves ? f->table == op_offset(c) + 1 : f->table == UINT32_MAX)
        return f->place;
    branch_note(c, f);
    f->table = moves ? op_offset(c) + 1 : UINT32_MAX;
    f->place = place_new(c, f->op == WASM_OP_LOOP && !moves ? x64_label_offset(&f->label) : x64_size(&c->b));
    if (moves) {
        x64_reserve(&c->b, ROOM_CODE);
        merge_values(c, f);
        x64_jmp(&c->b, &f->label);
    }
    return f->place;
}

static void place_bound(struct compiler *c, const struct control *f)
{
    if (f->table == UINT32_MAX && c->n_places)
        c->places[f->place] = x64_size(&c->b);
}

static void branch_by_table(struct compiler *c, uint8_t index, uint32_t n)
{
    struct x64_label table = {0}, other = {0};
    uint8_t base = reg_alloc(c, GENERAL), at = reg_alloc(c, GENERAL);

    if (c->n_tables == c->cap_tables) {
        struct jump_table *more = array_more(c, c->tables, &c->cap_tables, sizeof(*more));

        if (!more)
            return;
        c->tables = more;
    }
    x64_ri(&c->b, X64_CMP, X64_W32, index, (int32_t)n);
    x64_jcc(&c->b, X64_AE, &other);
    x64_lea_label(&c->b, base, &table);
    x64_rm(&c->b, X64_MOVSXD, X64_W64, at, x64_at_index(base, index, 2, 0));
    x64_rr(&c->b, X64_ADD, X64_W64, base, at);
    x64_jmp_r(&c->b, base);
    reg_free(c, base);
    reg_free(c, at);
    const uint8_t *labels = c->p;
    for (uint32_t i = 0; i < n; i++)
        table_place(c, c->top - wasm_read_u32(&c->p));
    struct control *last = c->top - wasm_read_u32(&c->p);
    x64_reserve(&c->b, ROOM_CODE);
    x64_bind(&c->b, &other);
    branch_note(c, last);
    if (!label_in_register(last))
        merge_values(c, last);
    x64_jmp(&c->b, &last->label);
    x64_align(&c->b, 4);
    x64_bind(&c->b, &table);
    c->tables[c->n_tables++] = (struct jump_table){x64_size(&c->b), n};
    for (uint32_t i = 0; i < n; i++) {
        x64_reserve(&c->b, ROOM_CODE);
        c->b.at = x64_put32(c->b.at, table_place(c, c->top - wasm_read_u32(&labels)));
    }
}

void tables_finish(struct compiler *c)
{
    for (uint32_t t = 0; t < c->n_tables && !c->b.failed && !c->failed; t++) {
        uint8_t *entry = c->b.start + c->tables[t].at;

        for (uint32_t i = 0; i < c->tables[t].n; i++, entry += 4) {
            uint32_t place;

            memcpy(&place, entry, 4);
            x64_put32(entry, c->places[place] - c->tables[t].at);
        }
    }
    c->n_tables = c->n_places = 0;
}

#define COMPARES_MAX 3

/* All labels of a table take the same values; one value in a register, but those of loops, which want it in a slot. One
 * of the former is enough for the value to be in the register on all ways: what is emitted for one way says nothing of
 * the others. NULL: there is none. */
static struct control *table_register(const struct compiler *c, uint32_t n)
{
    const uint8_t *labels = c->p;

    for (uint64_t i = 0; i <= n; i++) {
        struct control *f = c->top - wasm_read_u32(&labels);

        if (label_in_register(f))
            return f;
        if (label_arity(f) != 1)
            return NULL;
    }
    return NULL;
}

static void branch_table(struct compiler *c)
{
    uint32_t n = wasm_read_u32(&c->p);
    struct value v = value_pop(c);
    uint8_t index = value_own(c, &v);
    struct control *first = table_register(c, n);

    pins_validate(c);
    if (first) {
        uint8_t reg = result_reg(vt_of_type[first->results[0]]);
        struct value i = {.kind = K_REG, .vt = VT_I32, .reg = index};

        reg_claim(c, reg, &i, NULL);
        reg_free(c, reg);
        index = i.reg;
        merge_values(c, first);
    }
    if (n > COMPARES_MAX) {
        branch_by_table(c, index, n);
        reg_free(c, index);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct control *f = c->top - wasm_read_u32(&c->p);
        struct x64_label over = {0};

        x64_reserve(&c->b, ROOM_CODE);
        if (i)
            x64_ri(&c->b, X64_CMP, X64_W32, index, (int32_t)i);
        else
            x64_rr(&c->b, X64_TEST, X64_W32, index, index);
        branch_note(c, f);
        if (!moves_needed(c, f)) {
            x64_jcc(&c->b, X64_E, &f->label);
            continue;
        }
        x64_jcc(&c->b, X64_NE, &over);
        merge_values(c, f);
        x64_jmp(&c->b, &f->label);
        x64_bind(&c->b, &over);
    }
    reg_free(c, index);
    struct control *f = c->top - wasm_read_u32(&c->p);
    branch_note(c, f);
    if (!label_in_register(f))
        merge_values(c, f);
    x64_jmp(&c->b, &f->label);
}

static void begin_loop(struct compiler *c)
{
    struct control *f = control_push(c, WASM_OP_LOOP);

    read_block_type(c, f);
    control_base(c, f);
    stack_flush_all(c, f->n_params);
    pins_validate(c);
    c->clean = 0;
    x64_reserve(&c->b, ROOM_CODE);
    x64_align(&c->b, 16);
    label_bind(c, &f->label);
    if (c->fuel)
        emit_fuel(c, c->blocks[c->n_blocks].fuel);
    c->n_blocks++;
}

static void begin_block(struct compiler *c)
{
    struct control *f = control_push(c, WASM_OP_BLOCK);

    read_block_type(c, f);
    control_base(c, f);
    stack_flush(c);
    c->n_blocks++;
}

static void begin_if(struct compiler *c)
{
    uint8_t cc = condition_pop(c);
    struct control *f = control_push(c, WASM_OP_IF);

    read_block_type(c, f);
    control_base(c, f);
    stack_flush_all(c, f->n_params);
    pins_validate(c);
    f->clean_other = c->clean;
    emit_branch(c, cc ^ 1, &f->other);
    c->n_blocks++;
}

static void begin_else(struct compiler *c, bool live)
{
    struct control *f = c->top;

    if (live) {
        merge_values(c, f);
        pins_validate(c);
        branch_note(c, f);
        x64_jmp(&c->b, &f->label);
    }
    label_bind(c, &f->other);
    push_params(c, f);
    c->valid = c->pinned;
    c->clean = f->clean_other;
    f->op = WASM_OP_ELSE;
}

/* An `if` without else: its parameters are its results. */
static void end_if(struct compiler *c, bool live)
{
    struct control *f = c->top;

    if (live) {
        merge_values(c, f);
        pins_validate(c);
        branch_note(c, f);
    }
    if (f->n_results == 1) {
        if (live)
            x64_jmp(&c->b, &f->label);
        label_bind(c, &f->other);
        push_params(c, f);
        merge_values(c, f);
    } else {
        label_bind(c, &f->other);
        push_params(c, f);
    }
    f->clean &= f->clean_other;
    f->merges = true;
}

static void end_function(struct compiler *c, bool live)
{
    struct control *f = c->top;

    if (live)
        merge_values(c, f);
    if (!live && !f->merges)
        return;
    place_bound(c, f);
    label_bind(c, &f->label);
    if (f->n_results > 1)
        push_merged(c, f);
    emit_epilogue(c);
}

/* True: what is behind the end can be reached. */
static bool end_block(struct compiler *c, bool live)
{
    struct control *f = c->top;

    if (f == c->control) {
        end_function(c, live);
        c->top--;
        return false;
    }
    if (f->op == WASM_OP_IF) {
        end_if(c, live);
    } else if (live && f->merges && f->op != WASM_OP_LOOP) {
        merge_values(c, f);
        pins_validate(c);
        f->clean &= c->clean;
    }
    if (f->merges && f->op != WASM_OP_LOOP) {
        place_bound(c, f);
        label_bind(c, &f->label);
        push_merged(c, f);
        c->valid = c->pinned;
        c->clean = f->clean;
        live = true;
    } else if (!live) {
        stack_drop(c, f->base);
    }
    c->top--;
    return live;
}

void compile_control(struct compiler *c, uint8_t op)
{
    switch (op) {
    case WASM_OP_UNREACHABLE:
        x64_jmp(&c->b, trap_label(c, WASM_TRAP_UNREACHABLE));
        control_skip(c);
        return;
    case WASM_OP_BLOCK:
        begin_block(c);
        return;
    case WASM_OP_LOOP:
        begin_loop(c);
        return;
    case WASM_OP_IF:
        begin_if(c);
        return;
    case WASM_OP_ELSE:
        begin_else(c, true);
        return;
    case WASM_OP_END:
        if (!end_block(c, true) && c->top >= c->control)
            control_skip(c);
        return;
    case WASM_OP_BR:
        branch(c, wasm_read_u32(&c->p));
        control_skip(c);
        return;
    case WASM_OP_BR_IF:
        branch_if(c, wasm_read_u32(&c->p));
        return;
    case WASM_OP_BR_TABLE:
        branch_table(c);
        control_skip(c);
        return;
    case WASM_OP_RETURN:
        branch(c, (uint32_t)(c->top - c->control));
        control_skip(c);
        return;
    }
}

/* ---- What cannot be reached -------------------------------------------------------------------------------------- */

static void skip_immediate(struct compiler *c, uint32_t op)
{
    uint32_t n;

    switch (wasm_op_rows[op].immediate) {
    case WASM_IMM_NONE:
        return;
    case WASM_IMM_MEMORY:
    case WASM_IMM_REFTYPE:
    case WASM_IMM_LANE:
        c->p++;
        return;
    case WASM_IMM_LABELS:
        for (n = wasm_read_u32(&c->p) + 1; n; n--)
            wasm_skip_leb(&c->p);
        return;
    case WASM_IMM_TYPES:
        n = wasm_read_u32(&c->p);
        c->p += n;
        return;
    case WASM_IMM_F32:
        c->p += 4;
        return;
    case WASM_IMM_F64:
        c->p += 8;
        return;
    case WASM_IMM_V128:
    case WASM_IMM_LANES:
        c->p += 16;
        return;
    case WASM_IMM_DATA_MEMORY:
        wasm_skip_leb(&c->p);
        c->p++;
        return;
    case WASM_IMM_MEMORY_MEMORY:
        c->p += 2;
        return;
    case WASM_IMM_MEMARG_LANE:
        wasm_skip_leb(&c->p);
        wasm_skip_leb(&c->p);
        c->p++;
        return;
    case WASM_IMM_TYPE_TABLE:
    case WASM_IMM_MEMARG:
    case WASM_IMM_ELEM_TABLE:
    case WASM_IMM_TABLE_TABLE:
        wasm_skip_leb(&c->p);
        wasm_skip_leb(&c->p);
        return;
    default: /* one number */
        wasm_skip_leb(&c->p);
        return;
    }
}

bool control_skip(struct compiler *c)
{
    uint32_t depth = 0;

    while (c->p < c->end) {
        uint32_t op = *c->p++;

        switch (op) {
        case WASM_OP_BLOCK:
        case WASM_OP_LOOP:
        case WASM_OP_IF:
            wasm_skip_leb(&c->p);
            c->n_blocks++;
            depth++;
            break;
        case WASM_OP_ELSE:
            if (!depth) {
                begin_else(c, false);
                return true;
            }
            break;
        case WASM_OP_END:
            if (depth) {
                depth--;
            } else {
                x64_reserve(&c->b, ROOM_CODE);
                if (end_block(c, false))
                    return true;
                if (c->top < c->control)
                    return false;
            }
            break;
        case WASM_PREFIX_MISC:
            op = WASM_OP_MISC + wasm_read_u32(&c->p);
            skip_immediate(c, op);
            break;
        case WASM_PREFIX_VECTOR:
            op = WASM_OP_VECTOR + wasm_read_u32(&c->p);
            skip_immediate(c, op);
            break;
        default:
            skip_immediate(c, op);
        }
    }
    return false;
}
