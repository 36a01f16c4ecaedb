/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores (specification 4.4.7). The address is an i32 whose register has zeros above, so register and
 * displacement stay within what is reserved for memory 0: 4 GiB and an offset below 2 GiB. Larger offsets are added in
 * a 64-bit register: 8 GiB. There is no check: what is beyond the memory's size faults (fault.c).
 */
#include "wasm/baseline/internal.h"

uint32_t memory_argument(struct compiler *c)
{
    wasm_skip_leb(&c->p);
    return wasm_read_u32(&c->p);
}

/* The address with the offset becomes a K_MEMORY without position. */
static void address(struct compiler *c, struct value *a, uint32_t offset)
{
    uint8_t reg, flags = 0;
    int32_t disp = (int32_t)offset;

    if (a->kind == K_ADDRESS) { /* then there is no offset */
        a->kind = K_MEMORY;
        return;
    }
    if (a->kind == K_CONST && a->imm + offset <= INT32_MAX) {
        reg = R_NONE;
        disp = (int32_t)(a->imm + offset);
    } else {
        reg = value_reg(c, a);
        if (offset > INT32_MAX) {
            uint8_t sum = reg_alloc(c, GENERAL);

            x64_mov_ri(&c->b, sum, offset);
            x64_rr(&c->b, X64_ADD, X64_W64, sum, reg);
            value_release(c, a);
            reg = sum;
            disp = 0;
            flags = M_OWNED;
        } else if (a->kind == K_REG) {
            flags = M_OWNED;
        }
    }
    *a = (struct value){.kind = K_MEMORY, .vt = VT_I32, .reg = reg, .flags = flags, .disp = disp};
}

struct x64_mem memory_operand(struct compiler *c, struct value *a, uint32_t offset)
{
    struct x64_mem m = x64_at(X64_NONE, 0);

    address(c, a, offset);
    value_mem(c, a, &m);
    return m;
}

/* Before an access to memory_operand(). */
static void memory_note(struct compiler *c, struct value *a)
{
    a->offset = op_offset(c);
    value_mem_note(c, a);
}

/* A load or store of a number whose memory argument at p has no offset. */
static bool is_plain_access(const uint8_t *p, uint8_t first, uint8_t last)
{
    return *p >= first && *p <= last && p[1] < 0x80 && p[2] == 0;
}

/* In gs:[a + b] with the prefix that adds up in 32 bits the sum wraps as i32.add's does. A load takes it, and a store
 * of a constant or a local: what is between keeps registers as they are. */
bool address_push(struct compiler *c, struct value *x, struct value *y, uint8_t scale)
{
    const uint8_t *p = c->p;

    if (c->no_gs)
        return false;
    if (!is_plain_access(p, WASM_OP_I32_LOAD, WASM_OP_I64_LOAD32_U)) {
        if (*p != WASM_OP_LOCAL_GET && *p != WASM_OP_I32_CONST && *p != WASM_OP_I64_CONST)
            return false;
        p++;
        wasm_skip_leb(&p);
        if (!is_plain_access(p, WASM_OP_I32_STORE, WASM_OP_I64_STORE32))
            return false;
    }
    struct value a = {.kind = K_ADDRESS, .vt = VT_I32, .flags = M_WRAPS};
    a.reg = value_reg(c, x);
    a.flags |= x->kind == K_REG ? M_OWNED : 0;
    if (value_imm32(y) && !scale) {
        a.disp = (int32_t)y->imm;
    } else {
        a.index = value_reg(c, y);
        a.scale = scale;
        a.flags |= M_INDEX | (y->kind == K_REG ? M_INDEX_OWNED : 0);
    }
    struct value *v = value_push(c, K_ADDRESS, VT_I32);
    a.height = v->height;
    *v = a;
    return true;
}

struct access {
    uint8_t vt, width; /* enum x64_width */
    uint32_t form;
};

/* From i32.load on */
static const struct access loads[] = {
    {VT_I32, X64_W32, X64_MOV},
    {VT_I64, X64_W64, X64_MOV},
    {VT_F32, 0, 0},
    {VT_F64, 0, 0},
    {VT_I32, X64_W32, X64_MOVSX8},
    {VT_I32, X64_W32, X64_MOVZX8},
    {VT_I32, X64_W32, X64_MOVSX16},
    {VT_I32, X64_W32, X64_MOVZX16},
    {VT_I64, X64_W64, X64_MOVSX8},
    {VT_I64, X64_W32, X64_MOVZX8},
    {VT_I64, X64_W64, X64_MOVSX16},
    {VT_I64, X64_W32, X64_MOVZX16},
    {VT_I64, X64_W64, X64_MOVSXD},
    {VT_I64, X64_W32, X64_MOV},
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
    uint8_t to;

    if (l - loads < 4 && next_takes_memory(c, l->vt)) {
        address(c, &a, offset);
        struct value *v = value_push(c, K_MEMORY, l->vt);
        a.kind = K_MEMORY;
        a.vt = l->vt;
        a.height = v->height;
        a.offset = op_offset(c);
        *v = a;
        return;
    }
    struct x64_mem m = memory_operand(c, &a, offset);
    to = dest_begin(c);
    if (vt_is_vector(l->vt)) {
        if (to == R_NONE)
            to = reg_alloc(c, VECTOR);
        memory_note(c, &a);
        emit_load(c, l->vt, to, m);
    } else {
        if (to == R_NONE)
            to = a.flags & M_OWNED ? a.reg : reg_alloc(c, GENERAL);
        memory_note(c, &a);
        x64_rm(&c->b, l->form, l->width, to, m);
    }
    value_release_but(c, &a, to);
    dest_end(c, l->vt, to);
}

/* From i32.store on */
static const struct access stores[] = {
    {VT_I32, X64_W32, 0}, {VT_I64, X64_W64, 0}, {VT_F32, 0, 0},       {VT_F64, 0, 0},       {VT_I32, X64_W8, 0},
    {VT_I32, X64_W16, 0}, {VT_I64, X64_W8, 0},  {VT_I64, X64_W16, 0}, {VT_I64, X64_W32, 0},
};

static void compile_store(struct compiler *c, const struct access *s)
{
    uint32_t offset = memory_argument(c);
    struct value v = value_pop(c), a = value_pop(c);
    bool immediate = v.kind == K_CONST && !vt_is_vector(v.vt) && (s->width != X64_W64 || value_imm32(&v));
    uint8_t from = immediate ? 0 : value_reg(c, &v);
    struct x64_mem m = memory_operand(c, &a, offset);

    memory_note(c, &a);
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
