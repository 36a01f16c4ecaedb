/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions (specification 4.3.5, 4.4.3): one row an opcode (vector.c), which names the function that
 * compiles it and the machine instructions that this takes. SSE4.1 is enough; with AVX all of them are in their VEX
 * form.
 *
 * A function here holds at most four vector registers (more may not be left by pinned locals) and xmm15, into which it
 * writes only when all its registers are allocated.
 */
#ifndef MOAT_WASM_BASELINE_VECTOR_H
#define MOAT_WASM_BASELINE_VECTOR_H

#include "wasm/baseline/float.h"

struct vector_row {
    void (*compile)(struct compiler *c, const struct vector_row *row);
    uint32_t form, second; /* of x64.h, in the function's use */
    uint8_t imm;           /* immediate of the form, or a number in the function's use */
    uint8_t flags;
};

enum {
    ROW_COMMUTES = 1,
    ROW_SWAPPED = 2, /* the second operand first */
    ROW_IMM = 4,     /* the form has the row's immediate */
    ROW_WIDE = 8,    /* lanes of 64 bits */
    ROW_HIGH = 16,   /* of the upper half of the lanes */
    ROW_NOT = 32,    /* and all bits inverted */
    ROW_SIGNED = 64,
};

/* The instruction that comes next, if it is a vector one with one machine instruction of two operands, whose second may
 * be memory; it is thereby taken. Else NULL. */
const struct vector_row *vector_next_binary(struct compiler *c);

/* ---- Operands ---------------------------------------------------------------------------------------------------- */

/* For functions of several machine instructions: operands in registers, and one for the result that is none of them. */
struct operands {
    struct value a, b;
    uint8_t ra, rb, to;
};

/* A register for the result that is neither of these; where the next instruction wants it, if that can be. */
static inline uint8_t vector_dest(struct compiler *c, uint8_t ra, uint8_t rb)
{
    uint8_t to = dest_begin(c);

    return to == R_NONE || to == ra || to == rb ? reg_alloc(c, VECTOR) : to;
}

static inline void operands_one(struct compiler *c, struct operands *o)
{
    o->a = value_pop(c);
    o->b.kind = K_CONST;
    o->ra = value_reg(c, &o->a);
    o->to = vector_dest(c, o->ra, o->ra);
}

static inline void operands_two(struct compiler *c, struct operands *o)
{
    o->b = value_pop(c);
    o->a = value_pop(c);
    o->ra = value_reg(c, &o->a);
    o->rb = value_reg(c, &o->b);
    o->to = vector_dest(c, o->ra, o->rb);
}

static inline void operands_done(struct compiler *c, const struct operands *o)
{
    value_release(c, &o->a);
    value_release(c, &o->b);
    dest_end(c, VT_V128, o->to);
}

/* ---- Machine instructions beside those of float.h ---------------------------------------------------------------- */

/* op to, from, imm */
static inline void xmm_rri(struct compiler *c, uint32_t op, uint8_t to, uint8_t from, unsigned imm)
{
    if (c->avx)
        x64_vex_rri(&c->b, op, xmm_number(to), xmm_number(from), imm);
    else
        x64_sse_rri(&c->b, op, xmm_number(to), xmm_number(from), imm);
}

/* to = a op b, imm; with SSE `to` as of xmm_rrr(). b may be a general register. */
static inline void xmm_rrri(struct compiler *c, uint32_t op, uint8_t to, uint8_t a, uint8_t b, unsigned imm)
{
    if (c->avx) {
        x64_vex_rrri(&c->b, op, xmm_number(to), xmm_number(a), xmm_number(b), imm);
    } else {
        emit_move(c, VT_V128, to, a);
        x64_sse_rri(&c->b, op, xmm_number(to), xmm_number(b), imm);
    }
}

/* to = from shifted by a number */
static inline void xmm_shift(struct compiler *c, uint32_t op, uint8_t to, uint8_t from, unsigned count)
{
    if (c->avx) {
        x64_vex_shift(&c->b, op, xmm_number(to), xmm_number(from), count);
    } else {
        emit_move(c, VT_V128, to, from);
        x64_sse_shift(&c->b, op, xmm_number(to), count);
    }
}

static inline void xmm_zero(struct compiler *c, uint8_t to)
{
    xmm_rrr(c, X64_PXOR, to, to, to);
}

static inline void xmm_ones(struct compiler *c, uint8_t to)
{
    xmm_rrr(c, X64_PCMPEQD, to, to, to);
}

/* to = literal */
static inline void xmm_load(struct compiler *c, uint8_t to, uint64_t low, uint64_t high)
{
    uint64_t bytes[2] = {low, high};

    xmm_rm(c, X64_MOVAPS, to, literal_at(c, bytes, sizeof(bytes)));
    literal_used(c);
}

/* A lane in all places of eight bytes. */
static inline uint64_t lanes8(uint8_t lane)
{
    return lane * 0x0101010101010101u;
}

static inline uint64_t lanes16(uint16_t lane)
{
    return lane * 0x0001000100010001u;
}

static inline uint64_t lanes32(uint32_t lane)
{
    return lane * 0x0000000100000001u;
}

/* to = a op b, of a row, whichever of the operands `to` is. */
void vector_emit(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t a, uint8_t b);

/* ---- Functions of rows ------------------------------------------------------------------------------------------- */

typedef void vector_function(struct compiler *c, const struct vector_row *row);

/* vector.c: one machine instruction. */
vector_function vector_unary, vector_binary;
/* The same with the second operand in memory; `literal`: at literal_at(). Where the operand can trap it is the load at
 * hand. */
void vector_binary_memory(struct compiler *c, const struct vector_row *row, struct x64_mem m, bool literal);
/* vector_memory.c */
vector_function vector_load, vector_load_splat, vector_load_lane, vector_store, vector_store_lane;
/* vector_lane.c */
vector_function vector_const, vector_splat, vector_splat_float, vector_extract, vector_extract_float, vector_replace,
    vector_replace_float, vector_shuffle, vector_swizzle;
/* vector_compare.c */
vector_function vector_not_equal, vector_compare_by, vector_greater64, vector_any_true, vector_all_true, vector_bitmask;
/* vector_integer.c */
vector_function vector_not, vector_bitselect, vector_negate, vector_abs64, vector_multiply64, vector_popcount,
    vector_q15_multiply, vector_add_pairs8, vector_add_pairs16, vector_extend_high, vector_multiply_long8,
    vector_multiply_long16, vector_multiply_long32;
/* vector_shift.c */
vector_function vector_shift, vector_shift8, vector_shift_signed64;
/* vector_float.c */
vector_function vector_float_sign, vector_min, vector_max, vector_convert_unsigned32, vector_convert_unsigned64,
    vector_truncate_signed32, vector_truncate_unsigned32, vector_truncate_signed64, vector_truncate_unsigned64;

#endif
