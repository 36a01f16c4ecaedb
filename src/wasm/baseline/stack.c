/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The abstract value stack and the registers. Nothing here reads the module. Every move keeps the flags, so that a
 * comparison lives until the branch behind it.
 */
#include "wasm/baseline/internal.h"

#include <errno.h>

const uint8_t vt_of_type[128] = {
    [WASM_I32] = VT_I32,   [WASM_I64] = VT_I64,     [WASM_F32] = VT_F32,       [WASM_F64] = VT_F64,
    [WASM_V128] = VT_V128, [WASM_FUNCREF] = VT_I64, [WASM_EXTERNREF] = VT_I64,
};

/* ---- Moves ------------------------------------------------------------------------------------------------------- */

void emit_load(struct compiler *c, uint8_t vt, uint8_t to, struct x64_mem m)
{
    static const uint32_t forms[] = {[VT_F32] = X64_MOVSS, [VT_F64] = X64_MOVSD, [VT_V128] = X64_MOVUPS};

    if (!vt_is_vector(vt))
        x64_rm(&c->b, X64_MOV, vt_width(vt), to, m);
    else if (c->avx)
        x64_vex_rm(&c->b, forms[vt], to - R_XMM0, m);
    else
        x64_sse_rm(&c->b, forms[vt], to - R_XMM0, m);
}

void emit_store(struct compiler *c, uint8_t vt, struct x64_mem m, uint8_t from)
{
    static const uint32_t forms[] = {
        [VT_F32] = X64_MOVSS_STORE, [VT_F64] = X64_MOVSD_STORE, [VT_V128] = X64_MOVUPS_STORE};

    if (!vt_is_vector(vt))
        x64_mr(&c->b, X64_MOV, vt_width(vt), m, from);
    else if (c->avx)
        x64_vex_mr(&c->b, forms[vt], m, from - R_XMM0);
    else
        x64_sse_mr(&c->b, forms[vt], m, from - R_XMM0);
}

void emit_move(struct compiler *c, uint8_t vt, uint8_t to, uint8_t from)
{
    if (to == from)
        return;
    if (!vt_is_vector(vt))
        x64_rr(&c->b, X64_MOV, vt_width(vt), to, from);
    else if (c->avx)
        x64_vex_rr(&c->b, X64_MOVAPS, to - R_XMM0, from - R_XMM0);
    else
        x64_sse_rr(&c->b, X64_MOVAPS, to - R_XMM0, from - R_XMM0);
}

void emit_const(struct compiler *c, uint8_t vt, uint8_t to, uint64_t imm)
{
    if (!vt_is_vector(vt)) {
        x64_mov_ri(&c->b, to, vt == VT_I32 ? (uint32_t)imm : imm);
    } else if (!imm) {
        if (c->avx)
            x64_vex_rrr(&c->b, X64_XORPS, to - R_XMM0, to - R_XMM0, to - R_XMM0);
        else
            x64_sse_rr(&c->b, X64_XORPS, to - R_XMM0, to - R_XMM0);
    } else {
        emit_load(c, vt, to, literal_at(c, &imm, vt == VT_F32 ? 4 : 8));
        literal_used(c);
    }
}

void emit_copy(struct compiler *c, uint8_t vt, struct x64_mem to, struct x64_mem from)
{
    uint8_t as = vt == VT_I32 ? VT_F32 : vt == VT_I64 ? VT_F64 : vt;

    emit_load(c, as, R_SCRATCH, from);
    emit_store(c, as, to, R_SCRATCH);
}

/* ---- Literals: behind the function, reached from rip ------------------------------------------------------------- */

/* How many of the function's literals are looked through for the same bytes: few, so that the cost stays linear. */
#define LITERALS_LOOKED_AT 16

struct x64_mem literal_at(struct compiler *c, const void *bytes, uint8_t size)
{
    for (uint32_t i = c->n_literals; i > 0 && c->n_literals - i < LITERALS_LOOKED_AT; i--)
        if (c->literals[i - 1].size == size && !memcmp(c->literals[i - 1].bytes, bytes, size)) {
            c->pending_literal = i - 1;
            return x64_rip(0);
        }
    if (c->n_literals == c->cap_literals) {
        struct literal *more = array_more(c, c->literals, &c->cap_literals, sizeof(*more));

        if (!more)
            return x64_rip(0);
        c->literals = more;
    }
    struct literal *l = &c->literals[c->n_literals];
    *l = (struct literal){.size = size};
    memcpy(l->bytes, bytes, size);
    c->pending_literal = c->n_literals++;
    return x64_rip(0);
}

void literal_bind(struct compiler *c)
{
    x64_label_use(&c->b, &c->literals[c->pending_literal].label, 0);
    c->pending_literal = UINT32_MAX;
}

void literals_emit(struct compiler *c)
{
    static const uint8_t sizes[] = {16, 8, 4};

    for (unsigned s = 0; s < 3 && c->n_literals; s++)
        for (uint32_t i = 0; i < c->n_literals; i++)
            if (c->literals[i].size == sizes[s]) {
                x64_reserve(&c->b, ROOM_CODE);
                x64_align(&c->b, sizes[s]);
                x64_bind(&c->b, &c->literals[i].label);
                x64_bytes(&c->b, c->literals[i].bytes, sizes[s]);
            }
    c->n_literals = 0;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

void value_store(struct compiler *c, const struct value *v, struct x64_mem to)
{
    uint8_t reg = value_where(c, v);
    struct x64_mem from;

    if (reg != R_NONE) {
        emit_store(c, v->vt, to, reg);
    } else if (v->kind != K_CONST) {
        if (value_mem(c, v, &from))
            emit_copy(c, v->vt, to, from);
    } else if (v->vt == VT_I32 || v->vt == VT_F32) {
        x64_mov_mi(&c->b, X64_W32, to, (int32_t)v->imm);
    } else if ((int64_t)v->imm == (int32_t)v->imm) {
        x64_mov_mi(&c->b, X64_W64, to, (int32_t)v->imm);
    } else {
        x64_mov_mi(&c->b, X64_W32, to, (int32_t)v->imm);
        to.disp += 4;
        x64_mov_mi(&c->b, X64_W32, to, (int32_t)(v->imm >> 32));
    }
}

/* An entry leaves its register (or stops standing for a local, or for a constant) for its slot. */
static void entry_to_slot(struct compiler *c, struct value *v)
{
    if (v->height > c->max_height)
        c->max_height = v->height;
    value_store(c, v, slot_at(c, v->height));
    if (v->kind == K_REG) {
        reg_free(c, v->reg);
        c->owner[v->reg] = NULL;
    } else if (v->kind == K_LOCAL) {
        c->lazy[v->local]--;
    }
    v->kind = K_SLOT;
}

uint8_t reg_spill(struct compiler *c, uint32_t class)
{
    uint32_t held = c->allocatable & class & c->busy;
    struct value *lowest = NULL;

    for (uint32_t rest = held; rest; rest &= rest - 1) {
        struct value *v = c->owner[__builtin_ctz(rest)];

        if (v && (!lowest || v < lowest))
            lowest = v;
    }
    if (!lowest) { /* a handler holds them all: a fault of ours */
        c->failed = -EINVAL;
        return (uint8_t)__builtin_ctz(held | class);
    }
    uint8_t reg = lowest->reg;
    entry_to_slot(c, lowest);
    c->busy |= BIT(reg);
    return reg;
}

void reg_take(struct compiler *c, uint8_t reg)
{
    struct value *v = c->busy & BIT(reg) ? c->owner[reg] : NULL;

    if (v) {
        uint32_t free = c->allocatable & vt_class(v->vt) & ~c->busy;

        if (free) {
            uint8_t to = (uint8_t)__builtin_ctz(free);

            emit_move(c, v->vt, to, reg);
            v->reg = to;
            c->owner[to] = v;
            c->busy |= BIT(to);
        } else {
            entry_to_slot(c, v);
        }
    }
    c->busy |= BIT(reg);
    c->owner[reg] = NULL;
}

void reg_claim(struct compiler *c, uint8_t reg, struct value *a, struct value *b)
{
    struct value *v = a && a->kind == K_REG && a->reg == reg ? a : b && b->kind == K_REG && b->reg == reg ? b : NULL;

    if (!v) {
        reg_take(c, reg);
        return;
    }
    uint8_t to = reg_alloc(c, vt_class(v->vt));
    emit_move(c, v->vt, to, reg);
    v->reg = to;
}

uint8_t value_load(struct compiler *c, struct value *v)
{
    uint8_t reg = reg_alloc(c, vt_class(v->vt));

    value_to(c, v, reg);
    value_release(c, v);
    v->kind = K_REG;
    v->reg = reg;
    return reg;
}

uint8_t value_own(struct compiler *c, struct value *v)
{
    if (v->kind == K_REG)
        return v->reg;
    return value_load(c, v);
}

void value_to(struct compiler *c, const struct value *v, uint8_t reg)
{
    struct x64_mem m;
    uint8_t from = value_where(c, v);

    if (from != R_NONE) {
        emit_move(c, v->vt, reg, from);
    } else if (v->kind == K_CONST) {
        emit_const(c, v->vt, reg, v->imm);
    } else if (value_mem(c, v, &m)) {
        value_mem_note(c, v);
        emit_load(c, v->vt, reg, m);
    }
}

bool value_mem(struct compiler *c, const struct value *v, struct x64_mem *m)
{
    switch (v->kind) {
    case K_SLOT:
        *m = slot_at(c, v->height);
        return true;
    case K_LOCAL:
        *m = local_at(c, v->local);
        return c->local_reg[v->local] == R_NONE;
    case K_CONST:
        if (!vt_is_vector(v->vt))
            return false;
        *m = literal_at(c, &v->imm, v->vt == VT_F32 ? 4 : 8);
        return true;
    case K_MEMORY:
        *m = v->flags & M_INDEX ? x64_at_index(v->reg, v->index, v->scale, 0)
                                : x64_at(v->reg == R_NONE ? X64_NONE : v->reg, v->disp);
        if (c->no_gs)
            *m = x64_at_index(X64_R15, m->base, 0, m->disp);
        else
            *m = x64_in(X64_GS, *m);
        return true;
    default:
        return false;
    }
}

void value_mem_note(struct compiler *c, const struct value *v)
{
    if (v->kind != K_MEMORY)
        return;
    map_note(c, x64_size(&c->b), v->offset);
    if (v->flags & M_WRAPS)
        c->b.at = x64_put8(c->b.at, ADDRESS_32);
}

void value_release_memory(struct compiler *c, const struct value *v, uint8_t kept)
{
    if ((v->flags & M_OWNED) && v->reg != kept)
        reg_free(c, v->reg);
    if ((v->flags & M_INDEX_OWNED) && v->index != kept)
        reg_free(c, v->index);
}

/* ---- The stack as a whole ---------------------------------------------------------------------------------------- */

void stack_flush(struct compiler *c)
{
    if (c->flushed < c->sp)
        c->settled = NULL;
    for (struct value *v = c->flushed; v < c->sp; v++)
        if (v->kind == K_REG || v->kind == K_LOCAL) {
            x64_reserve(&c->b, ROOM_CODE);
            entry_to_slot(c, v);
        }
    c->flushed = c->sp;
}

void stack_flush_all(struct compiler *c, uint32_t n)
{
    stack_flush(c);
    if (c->settled && c->settled <= c->sp - n)
        return;
    for (struct value *v = c->sp - n; v < c->sp; v++)
        if (v->kind != K_SLOT) {
            x64_reserve(&c->b, ROOM_CODE);
            entry_to_slot(c, v);
        }
    c->settled = c->sp - n;
}

void stack_save(struct compiler *c, struct value *above)
{
    for (uint32_t rest = c->busy & c->allocatable; rest; rest &= rest - 1) {
        struct value *v = c->owner[__builtin_ctz(rest)];

        if (v && v < above)
            entry_to_slot(c, v);
    }
}

/* How far down an entry is looked for before all of them are given their values, so that the cost stays linear. */
#define PRESERVE_DEPTH 32

void local_preserve(struct compiler *c, uint32_t local)
{
    struct value *v = c->sp;

    for (unsigned i = 0; i < PRESERVE_DEPTH && v > c->flushed && c->lazy[local]; i++) {
        v--;
        if (v->kind != K_LOCAL || v->local != local)
            continue;
        x64_reserve(&c->b, ROOM_CODE);
        uint8_t reg = c->local_reg[local];
        uint32_t free = c->allocatable & vt_class(v->vt) & ~c->busy;
        if ((reg != R_NONE && !(c->valid & BIT(reg))) || !free) {
            entry_to_slot(c, v);
            continue;
        }
        uint8_t to = (uint8_t)__builtin_ctz(free);
        if (reg != R_NONE)
            emit_move(c, v->vt, to, reg);
        else
            emit_load(c, v->vt, to, local_at(c, local));
        c->lazy[local]--;
        v->kind = K_REG;
        v->reg = to;
        c->busy |= BIT(to);
        c->owner[to] = v;
    }
    if (c->lazy[local])
        stack_flush(c);
    x64_reserve(&c->b, ROOM_CODE);
}

void stack_drop(struct compiler *c, uint32_t n)
{
    struct value *to = c->stack + 1 + n;

    for (struct value *v = c->sp; v > to && v > c->flushed;) {
        v--;
        if (v->kind == K_LOCAL)
            c->lazy[v->local]--;
        else if (v->kind == K_REG)
            reg_free(c, v->reg);
    }
    c->sp = to;
    if (c->flushed > to)
        c->flushed = to;
}

void pins_validate(struct compiler *c)
{
    for (uint32_t rest = c->pinned & ~c->valid; rest; rest &= rest - 1)
        pin_valid(c, (uint8_t)__builtin_ctz(rest));
}
