/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, lanes out of scalars and back, and lanes put in another order (specification 4.4.3). */
#include "wasm/baseline/vector.h"

void vector_const(struct compiler *c, const struct vector_row *row)
{
    uint64_t bits[2];
    memcpy(bits, c->p, sizeof(bits));
    c->p += sizeof(bits);
    const struct vector_row *next = vector_next_binary(c);

    if (next) {
        vector_binary_memory(c, next, literal_at(c, bits, sizeof(bits)), true);
        return;
    }
    uint8_t to = dest_begin(c);
    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    if (!(bits[0] | bits[1]))
        xmm_zero(c, to);
    else if ((bits[0] & bits[1]) == UINT64_MAX)
        xmm_ones(c, to);
    else
        xmm_load(c, to, bits[0], bits[1]);
    dest_end(c, VT_V128, to);
}

/* A scalar that is a constant makes one. */
static bool splat_constant(struct compiler *c, const struct value *v, unsigned width)
{
    uint64_t bits = v->imm;

    if (v->kind != K_CONST)
        return false;
    uint8_t to = dest_begin(c);
    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    bits = width == 1   ? lanes8((uint8_t)bits)
           : width == 2 ? lanes16((uint16_t)bits)
           : width == 4 ? lanes32((uint32_t)bits)
                        : bits;
    if (bits)
        xmm_load(c, to, bits, bits);
    else
        xmm_zero(c, to);
    dest_end(c, VT_V128, to);
    return true;
}

/* imm: bytes of a lane */
void vector_splat(struct compiler *c, const struct vector_row *row)
{
    struct value v = value_pop(c);

    if (splat_constant(c, &v, row->imm))
        return;
    uint8_t from = value_reg(c, &v), to = dest_begin(c);
    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    xmm_rr(c, row->imm == 8 ? X64_MOVQ : X64_MOVD, to, from);
    if (row->imm == 1) {
        xmm_zero(c, R_SCRATCH);
        xmm_rrr(c, X64_PSHUFB, to, to, R_SCRATCH);
    } else if (row->imm == 8) {
        xmm_rrr(c, X64_PUNPCKLQDQ, to, to, to);
    } else {
        if (row->imm == 2)
            xmm_rri(c, X64_PSHUFLW, to, to, 0);
        xmm_rri(c, X64_PSHUFD, to, to, 0);
    }
    value_release(c, &v);
    dest_end(c, VT_V128, to);
}

void vector_splat_float(struct compiler *c, const struct vector_row *row)
{
    struct value v = value_pop(c);

    if (splat_constant(c, &v, row->flags & ROW_WIDE ? 8 : 4))
        return;
    uint8_t to = dest_begin(c), from = value_reg(c, &v);
    if (to == R_NONE)
        to = v.kind == K_REG ? v.reg : reg_alloc(c, VECTOR);
    if (row->flags & ROW_WIDE)
        xmm_rr(c, X64_MOVDDUP, to, from);
    else
        xmm_rri(c, X64_PSHUFD, to, from, 0);
    value_release_but(c, &v, to);
    dest_end(c, VT_V128, to);
}

/* second: how the lane is extended, 0: with zeros */
void vector_extract(struct compiler *c, const struct vector_row *row)
{
    uint8_t lane = *c->p++;
    struct value v = value_pop(c);
    uint8_t from = value_reg(c, &v), to = dest_begin(c);

    if (to == R_NONE)
        to = reg_alloc(c, GENERAL);
    if (lane == 0 && row->imm >= 4) {
        enum x64_sse_store form = row->imm == 8 ? X64_MOVQ_STORE : X64_MOVD_STORE;

        if (c->avx)
            x64_vex_store_rr(&c->b, form, to, xmm_number(from));
        else
            x64_sse_store_rr(&c->b, form, to, xmm_number(from));
    } else if (c->avx) {
        x64_vex_store_rri(&c->b, row->form, to, xmm_number(from), lane);
    } else {
        x64_sse_store_rri(&c->b, row->form, to, xmm_number(from), lane);
    }
    if (row->second)
        x64_rr(&c->b, row->second, X64_W32, to, to);
    value_release(c, &v);
    dest_end(c, row->imm == 8 ? VT_I64 : VT_I32, to);
}

/* The lane becomes the lowest; what is above it does not matter. */
void vector_extract_float(struct compiler *c, const struct vector_row *row)
{
    uint8_t lane = *c->p++;
    struct value v = value_pop(c);
    bool wide = row->flags & ROW_WIDE;
    uint8_t to = dest_begin(c), from = value_reg(c, &v);

    if (to == R_NONE)
        to = v.kind == K_REG ? v.reg : reg_alloc(c, VECTOR);
    if (lane)
        xmm_rri(c, X64_PSHUFD, to, from, wide ? 0xee : lane);
    else
        emit_move(c, VT_V128, to, from);
    value_release_but(c, &v, to);
    dest_end(c, wide ? VT_F64 : VT_F32, to);
}

void vector_replace(struct compiler *c, const struct vector_row *row)
{
    uint8_t lane = *c->p++;
    struct value scalar = value_pop(c), v = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &v), with = value_reg(c, &scalar);

    if (to == R_NONE)
        to = v.kind == K_REG ? v.reg : reg_alloc(c, VECTOR);
    xmm_rrri(c, row->form, to, from, with, lane);
    value_release(c, &scalar);
    value_release_but(c, &v, to);
    dest_end(c, VT_V128, to);
}

void vector_replace_float(struct compiler *c, const struct vector_row *row)
{
    uint8_t lane = *c->p++;
    struct operands o;

    operands_two(c, &o);
    if (!(row->flags & ROW_WIDE))
        xmm_rrri(c, X64_INSERTPS, o.to, o.ra, o.rb, lane * 16u);
    else
        xmm_rrr(c, lane ? X64_MOVLHPS : X64_MOVSD, o.to, o.ra, o.rb);
    operands_done(c, &o);
}
