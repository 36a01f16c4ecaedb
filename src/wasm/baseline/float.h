/* SPDX-License-Identifier: Apache-2.0 */
/* Vector registers by their numbers of internal.h, as SSE or, where the CPU has it, as VEX instructions. */
#ifndef MOAT_WASM_BASELINE_FLOAT_H
#define MOAT_WASM_BASELINE_FLOAT_H

#include "wasm/baseline/internal.h"

/* to = a op b. Rows of three operands under VEX. With SSE `to` may be b's register only if it is a's as well. */
static inline void xmm_rrr(struct compiler *c, enum x64_sse op, uint8_t to, uint8_t a, uint8_t b)
{
    if (c->avx) {
        x64_vex_rrr(&c->b, op, to - R_XMM0, a - R_XMM0, b - R_XMM0);
    } else {
        emit_move(c, VT_V128, to, a);
        x64_sse_rr(&c->b, op, to - R_XMM0, b - R_XMM0);
    }
}

static inline void xmm_rrm(struct compiler *c, enum x64_sse op, uint8_t to, uint8_t a, struct x64_mem m)
{
    if (c->avx) {
        x64_vex_rrm(&c->b, op, to - R_XMM0, a - R_XMM0, m);
    } else {
        emit_move(c, VT_V128, to, a);
        x64_sse_rm(&c->b, op, to - R_XMM0, m);
    }
}

/* Rows of two operands: comparisons, moves, truncations; general registers as they are. */
static inline unsigned xmm_number(uint8_t reg)
{
    return reg & 15;
}

static inline void xmm_rr(struct compiler *c, enum x64_sse op, uint8_t to, uint8_t from)
{
    if (c->avx)
        x64_vex_rr(&c->b, op, xmm_number(to), xmm_number(from));
    else
        x64_sse_rr(&c->b, op, xmm_number(to), xmm_number(from));
}

static inline void xmm_rm(struct compiler *c, enum x64_sse op, uint8_t to, struct x64_mem m)
{
    if (c->avx)
        x64_vex_rm(&c->b, op, xmm_number(to), m);
    else
        x64_sse_rm(&c->b, op, xmm_number(to), m);
}

/* op to, from where `from` is a general register (or whatever the row says) and the rest of `to` is cleared first, so
 * that nothing waits for its old value. */
static inline void xmm_convert(struct compiler *c, enum x64_sse op, uint8_t to, uint8_t from)
{
    if (to != from) {
        emit_const(c, VT_F64, to, 0);
        if (c->avx)
            x64_vex_rrr(&c->b, op, xmm_number(to), xmm_number(to), xmm_number(from));
        else
            x64_sse_rr(&c->b, op, xmm_number(to), xmm_number(from));
    } else if (c->avx) {
        x64_vex_rrr(&c->b, op, xmm_number(to), xmm_number(to), xmm_number(from));
    } else {
        x64_sse_rr(&c->b, op, xmm_number(to), xmm_number(from));
    }
}

/* op to, a, literal (16 bytes, aligned) */
static inline void xmm_literal(struct compiler *c, enum x64_sse op, uint8_t to, uint8_t a, uint64_t low, uint64_t high)
{
    uint64_t bytes[2] = {low, high};

    xmm_rrm(c, op, to, a, literal_at(c, bytes, 16));
    literal_used(c);
}

/* op (two operands) reg, literal of 4 or 8 bytes */
static inline void xmm_literal_scalar(struct compiler *c, enum x64_sse op, uint8_t vt, uint8_t reg, uint64_t bits)
{
    xmm_rm(c, op, reg, literal_at(c, &bits, vt == VT_F32 ? 4 : 8));
    literal_used(c);
}

#endif
