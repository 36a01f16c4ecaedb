/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores (specification 4.4.7). The address is an i32 whose register has zeros above, so register and
 * displacement stay within what is reserved for memory 0: 4 GiB and an offset below 2 GiB. Larger offsets are added in a
 * 64-bit register: 8 GiB. There is no check: what is beyond the memory's size faults (fault.c).
 */
#include "wasm/baseline/internal.h"

uint32_t memory_argument(struct compiler *c)
{
    wasm_skip_leb(&c->p);
    return wasm_read_u32(&c->p);
}

/* The address's register is *reg (R_NONE: absolute), the rest the displacement; a temporary one is owned. */
static void address(struct compiler *c, struct value *a, uint32_t offset, uint8_t *reg, int32_t *disp)
{
    if (a->kind == K_CONST && a->imm + offset <= INT32_MAX) {
        *reg = R_NONE;
        *disp = (int32_t)(a->imm + offset);
        return;
    }
    *reg = value_reg(c, a);
    *disp = (int32_t)offset;
    if (offset > INT32_MAX) {
        uint8_t sum = reg_alloc(c, GENERAL);

        x64_mov_ri(&c->b, sum, offset);
        x64_rr(&c->b, X64_ADD, X64_W64, sum, *reg);
        value_release(c, a);
        *a = (struct value){.kind = K_REG, .vt = VT_I64, .reg = sum};
        *reg = sum;
        *disp = 0;
    }
}

struct x64_mem memory_operand(struct compiler *c, struct value *a, uint32_t offset)
{
    uint8_t reg;
    int32_t disp;

    address(c, a, offset, &reg, &disp);
    if (reg == R_NONE)
        reg = X64_NONE;
    return c->no_gs ? x64_at_index(X64_R15, reg, 0, disp) : x64_in(X64_GS, x64_at(reg, disp));
}

struct access {
    uint8_t vt, width; /* enum x64_width */
    uint32_t form;
};

/* From i32.load on */
static const struct access loads[] = {
    {VT_I32, X64_W32, X64_MOV},     {VT_I64, X64_W64, X64_MOV},     {VT_F32, 0, 0},
    {VT_F64, 0, 0},                 {VT_I32, X64_W32, X64_MOVSX8},  {VT_I32, X64_W32, X64_MOVZX8},
    {VT_I32, X64_W32, X64_MOVSX16}, {VT_I32, X64_W32, X64_MOVZX16}, {VT_I64, X64_W64, X64_MOVSX8},
    {VT_I64, X64_W32, X64_MOVZX8},  {VT_I64, X64_W64, X64_MOVSX16}, {VT_I64, X64_W32, X64_MOVZX16},
    {VT_I64, X64_W64, X64_MOVSXD},  {VT_I64, X64_W32, X64_MOV},
};

/* Whether the next instruction can take the operand at the top from memory. */
static bool next_takes_memory(const struct compiler *c, uint8_t vt)
{
    switch (*c->p) {
    case WASM_OP_I32_ADD:
    case WASM_OP_I32_SUB:
    case WASM_OP_I32_AND:
    case WASM_OP_I32_OR:
    case WASM_OP_I32_XOR:
    case WASM_OP_I32_MUL:
    case WASM_OP_I64_ADD:
    case WASM_OP_I64_SUB:
    case WASM_OP_I64_AND:
    case WASM_OP_I64_OR:
    case WASM_OP_I64_XOR:
    case WASM_OP_I64_MUL:
    case WASM_OP_I32_EQZ:
    case WASM_OP_I64_EQZ:
        return !vt_is_vector(vt);
    case WASM_OP_F32_ADD:
    case WASM_OP_F32_SUB:
    case WASM_OP_F32_MUL:
    case WASM_OP_F32_DIV:
    case WASM_OP_F64_ADD:
    case WASM_OP_F64_SUB:
    case WASM_OP_F64_MUL:
    case WASM_OP_F64_DIV:
        return vt_is_vector(vt);
    default:
        return !vt_is_vector(vt) && *c->p > WASM_OP_I32_EQZ && *c->p < WASM_OP_F32_EQ;
    }
}

static void compile_load(struct compiler *c, const struct access *l)
{
    uint32_t offset = memory_argument(c);
    struct value a = value_pop(c);
    uint8_t reg, to;
    int32_t disp;

    if (l - loads < 4 && next_takes_memory(c, l->vt)) {
        address(c, &a, offset, &reg, &disp);
        struct value *v = value_push(c, K_MEMORY, l->vt);
        v->reg = reg;
        v->owned = a.kind == K_REG;
        v->disp = disp;
        v->offset = op_offset(c);
        return;
    }
    struct x64_mem m = memory_operand(c, &a, offset);
    to = dest_begin(c);
    if (vt_is_vector(l->vt)) {
        if (to == R_NONE)
            to = reg_alloc(c, VECTOR);
        map_note_here(c);
        emit_load(c, l->vt, to, m);
        value_release(c, &a);
    } else {
        if (to == R_NONE)
            to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
        map_note_here(c);
        x64_rm(&c->b, l->form, l->width, to, m);
        value_release_but(c, &a, to);
    }
    dest_end(c, l->vt, to);
}

/* From i32.store on */
static const struct access stores[] = {
    {VT_I32, X64_W32, 0}, {VT_I64, X64_W64, 0}, {VT_F32, 0, 0},      {VT_F64, 0, 0},       {VT_I32, X64_W8, 0},
    {VT_I32, X64_W16, 0}, {VT_I64, X64_W8, 0},  {VT_I64, X64_W16, 0}, {VT_I64, X64_W32, 0},
};

static void compile_store(struct compiler *c, const struct access *s)
{
    uint32_t offset = memory_argument(c);
    struct value v = value_pop(c), a = value_pop(c);
    bool immediate = v.kind == K_CONST && !vt_is_vector(v.vt) && (s->width != X64_W64 || value_imm32(&v));
    uint8_t from = immediate ? 0 : value_reg(c, &v);
    struct x64_mem m = memory_operand(c, &a, offset);

    map_note_here(c);
    if (immediate)
        x64_mov_mi(&c->b, s->width, m, (int32_t)v.imm);
    else if (vt_is_vector(s->vt))
        emit_store(c, s->vt, m, from);
    else
        x64_mr(&c->b, X64_MOV, s->width, m, from);
    value_release(c, &a);
    value_release(c, &v);
}

void compile_memory(struct compiler *c, uint8_t op)
{
    if (op < WASM_OP_I32_STORE) {
        compile_load(c, &loads[op - WASM_OP_I32_LOAD]);
    } else if (op < WASM_OP_MEMORY_SIZE) {
        compile_store(c, &stores[op - WASM_OP_I32_STORE]);
    } else if (op == WASM_OP_MEMORY_SIZE) {
        c->p++;
        uint8_t to = dest_begin(c);

        if (to == R_NONE)
            to = reg_alloc(c, GENERAL);
        x64_rm(&c->b, X64_MOV, X64_W64, to, x64_at(X64_R14, offsetof(struct wasm_instance, memory)));
        x64_rm(&c->b, X64_MOV, X64_W32, to, x64_at(to, offsetof(struct wasm_memory, pages)));
        dest_end(c, VT_I32, to);
    } else {
        c->p++;
        emit_helper(c, HELPER_MEMORY_GROW, 0);
    }
}
