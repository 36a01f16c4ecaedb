/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locals, globals, table elements, references, constants, drop and select (specification 4.4.2 to 4.4.6). local.get
 * copies nothing: the entry stands for the local until that is written.
 */
#include "wasm/baseline/internal.h"

static void compile_local_set(struct compiler *c, bool tee)
{
    uint32_t local = wasm_read_u32(&c->p);
    struct value v = value_pop(c);
    uint8_t pin = c->local_reg[local];

    if (v.kind == K_LOCAL && v.local == local) {
        if (tee)
            value_push_local(c, v.vt, local);
        return;
    }
    if (c->lazy[local])
        local_preserve(c, local);
    if (pin != R_NONE) {
        value_to(c, &v, pin);
        value_release(c, &v);
        c->valid |= BIT(pin);
        c->clean &= ~BIT(pin);
        if (tee)
            value_push_local(c, v.vt, local);
        return;
    }
    if (v.kind != K_CONST)
        value_reg(c, &v);
    value_store(c, &v, local_at(c, local));
    if (!tee)
        value_release(c, &v);
    else if (v.kind == K_REG)
        value_push_reg(c, v.vt, v.reg);
    else if (v.kind == K_CONST)
        value_push_const(c, v.vt, v.imm);
    else
        value_push_local(c, v.vt, v.local);
}

/* The global's place; *reg is a register to free, or R_NONE. */
static struct x64_mem global_at(struct compiler *c, uint32_t global, uint8_t *reg)
{
    uint32_t imported = c->m->n_imported_globals;

    *reg = R_NONE;
    if (global >= imported)
        return x64_at(X64_R14, (int32_t)(c->layout.globals + sizeof(union wasm_value) * (global - imported)));
    *reg = reg_alloc(c, GENERAL);
    x64_rm(&c->b, X64_MOV, X64_W64, *reg, x64_at(X64_R14, (int32_t)(c->layout.imported_globals + 8 * global)));
    return x64_at(*reg, 0);
}

static void compile_global_get(struct compiler *c)
{
    uint32_t global = wasm_read_u32(&c->p);
    uint8_t vt = vt_of_type[c->m->globals[global].type.type], pointer, to;
    struct x64_mem m = global_at(c, global, &pointer);

    to = dest_begin(c);
    if (to == R_NONE)
        to = pointer != R_NONE && !vt_is_vector(vt) ? pointer : reg_alloc(c, vt_class(vt));
    emit_load(c, vt, to, m);
    if (pointer != R_NONE && pointer != to)
        reg_free(c, pointer);
    dest_end(c, vt, to);
}

static void compile_global_set(struct compiler *c)
{
    uint32_t global = wasm_read_u32(&c->p);
    struct value v = value_pop(c);
    uint8_t pointer;

    if (v.kind != K_CONST)
        value_reg(c, &v);
    struct x64_mem m = global_at(c, global, &pointer);
    value_store(c, &v, m);
    value_release(c, &v);
    if (pointer != R_NONE)
        reg_free(c, pointer);
}

/* Register with the table's elements, after the index was compared with its size. */
static uint8_t table_elements(struct compiler *c, uint32_t table, uint8_t index)
{
    uint8_t reg = reg_alloc(c, GENERAL);

    x64_rm(&c->b, X64_MOV, X64_W64, reg, x64_at(X64_R14, (int32_t)(c->layout.tables + 8 * table)));
    x64_rm(&c->b, X64_CMP, X64_W32, index, x64_at(reg, offsetof(struct wasm_table, size)));
    trap_if(c, X64_AE, WASM_TRAP_TABLE_BOUNDS);
    x64_rm(&c->b, X64_MOV, X64_W64, reg, x64_at(reg, offsetof(struct wasm_table, elems)));
    return reg;
}

static void compile_table_get(struct compiler *c)
{
    uint32_t table = wasm_read_u32(&c->p);
    struct value i = value_pop(c);
    uint8_t index = value_reg(c, &i), reg = table_elements(c, table, index);

    x64_rm(&c->b, X64_MOV, X64_W64, reg, x64_at_index(reg, index, 3, 0));
    value_release(c, &i);
    value_push_reg(c, VT_I64, reg);
}

static void compile_table_set(struct compiler *c)
{
    uint32_t table = wasm_read_u32(&c->p);
    struct value v = value_pop(c), i = value_pop(c);
    uint8_t index = value_reg(c, &i), from = value_reg(c, &v), reg = table_elements(c, table, index);

    x64_mr(&c->b, X64_MOV, X64_W64, x64_at_index(reg, index, 3, 0), from);
    reg_free(c, reg);
    value_release(c, &i);
    value_release(c, &v);
}

static void compile_ref(struct compiler *c, uint8_t op)
{
    if (op == WASM_OP_REF_NULL) {
        c->p++;
        value_push_const(c, VT_I64, 0);
        return;
    }
    if (op == WASM_OP_REF_IS_NULL) {
        struct value v = value_pop(c);

        if (v.kind == K_CONST) {
            value_push_const(c, VT_I32, !v.imm);
            return;
        }
        uint8_t reg = value_reg(c, &v);
        x64_rr(&c->b, X64_TEST, X64_W64, reg, reg);
        value_release(c, &v);
        condition_push(c, X64_E);
        return;
    }
    uint32_t function = wasm_read_u32(&c->p);
    uint8_t to = dest_begin(c);
    if (to == R_NONE)
        to = reg_alloc(c, GENERAL);
    if (function < c->m->n_imported_functions)
        x64_rm(&c->b, X64_MOV, X64_W64, to, x64_at(X64_R14, (int32_t)(c->layout.imports + 8 * function)));
    else
        x64_rm(&c->b, X64_LEA, X64_W64, to,
               x64_at(X64_R14, (int32_t)(c->layout.refs + sizeof(struct wasm_func) * c->m->ref_slot[function])));
    dest_end(c, VT_I64, to);
}

void compile_variable(struct compiler *c, uint8_t op)
{
    switch (op) {
    case WASM_OP_LOCAL_GET: {
        uint32_t local = wasm_read_u32(&c->p);

        value_push_local(c, vt_of_type[c->local_type[local]], local);
        return;
    }
    case WASM_OP_LOCAL_SET:
    case WASM_OP_LOCAL_TEE:
        compile_local_set(c, op == WASM_OP_LOCAL_TEE);
        return;
    case WASM_OP_GLOBAL_GET:
        compile_global_get(c);
        return;
    case WASM_OP_GLOBAL_SET:
        compile_global_set(c);
        return;
    case WASM_OP_TABLE_GET:
        compile_table_get(c);
        return;
    case WASM_OP_TABLE_SET:
        compile_table_set(c);
        return;
    default:
        compile_ref(c, op);
    }
}

void compile_constant(struct compiler *c, uint8_t op)
{
    uint64_t bits = 0;

    switch (op) {
    case WASM_OP_I32_CONST:
        value_push_const(c, VT_I32, (uint32_t)wasm_read_s32(&c->p));
        return;
    case WASM_OP_I64_CONST:
        value_push_const(c, VT_I64, (uint64_t)wasm_read_s64(&c->p));
        return;
    case WASM_OP_F32_CONST:
        memcpy(&bits, c->p, 4);
        c->p += 4;
        value_push_const(c, VT_F32, bits);
        return;
    default:
        memcpy(&bits, c->p, 8);
        c->p += 8;
        value_push_const(c, VT_F64, bits);
    }
}

/* ---- Parametric -------------------------------------------------------------------------------------------------- */

static void select_vector(struct compiler *c, uint8_t cc, struct value *a, struct value *b)
{
    struct x64_label over = {0};
    uint8_t to = value_own(c, a);

    value_where(c, b); /* loads nothing any more behind the branch but what is only b's */
    emit_branch(c, cc, &over);
    value_to(c, b, to);
    x64_bind(&c->b, &over);
    value_release(c, b);
    dest_begin(c);
    dest_end(c, a->vt, to);
}

/* to = cc ? a : b */
static void select_general(struct compiler *c, uint8_t cc, struct value *a, struct value *b)
{
    uint8_t to = dest_begin(c), reg_a = value_where(c, a), reg_b = value_where(c, b);
    enum x64_width w = vt_width(a->vt);
    struct x64_mem m;

    /* Swapped, when the other one is already where the result goes. */
    if (to != R_NONE ? to == reg_b : a->kind != K_REG && b->kind == K_REG) {
        struct value swap = *a;
        *a = *b;
        *b = swap;
        cc ^= 1;
        reg_a = reg_b;
    }
    if (to == R_NONE)
        to = value_own(c, a);
    else if (reg_a != to)
        value_to(c, a, to);
    if (b->kind != K_CONST && value_where(c, b) == R_NONE && value_mem(c, b, &m))
        x64_cmov_rm(&c->b, cc ^ 1, w, to, m);
    else
        x64_cmov_rr(&c->b, cc ^ 1, w, to, value_reg(c, b));
    value_release_but(c, a, to);
    value_release(c, b);
    dest_end(c, a->vt, to);
}

void compile_select(struct compiler *c, uint8_t op)
{
    if (op == WASM_OP_DROP) {
        struct value v = value_pop(c);

        value_release(c, &v);
        return;
    }
    if (op == WASM_OP_SELECT_T)
        c->p += 2; /* a vector of one type */
    uint8_t cc = condition_pop(c);
    struct value b = value_pop(c), a = value_pop(c);
    if (vt_is_vector(a.vt)) {
        select_vector(c, cc, &a, &b);
        return;
    }
    if (cc == CC_FLOAT_EQ || cc == CC_FLOAT_NE) { /* two flags: one of them first */
        uint8_t reg = reg_alloc(c, GENERAL);

        x64_mov_ri(&c->b, reg, cc == CC_FLOAT_NE);
        uint32_t over = x64_jcc_short(&c->b, X64_P);
        x64_set_r(&c->b, cc == CC_FLOAT_NE ? X64_NE : X64_E, reg);
        x64_land(&c->b, over);
        x64_rr(&c->b, X64_TEST, X64_W8, reg, reg);
        reg_free(c, reg);
        cc = X64_NE;
    }
    select_general(c, cc, &a, &b);
}
