/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of x64.h for SSE and AVX; included by it alone. A row's columns say which of the forms it has. Registers are
 * xmm or, where the row says so, integer registers. Legacy forms read memory only where it is aligned (movups, movdqu,
 * scalars and moves of parts excepted); VEX forms do not ask for that.
 */
#ifndef MOAT_CODEGEN_X64_VECTOR_H
#define MOAT_CODEGEN_X64_VECTOR_H

/* op to, from */
static inline void x64_sse_rr(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned from)
{
    b->at = x64_form_rr(b->at, op, X64_W32, to, from, 0);
}

/* op to, [m] */
static inline void x64_sse_rm(struct x64_buf *b, enum x64_sse op, unsigned to, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, op, X64_W32, to, m, 0);
}

/* op to, from, imm */
static inline void x64_sse_rri(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_rr(b->at, op, X64_W32, to, from, 0), imm);
}

static inline void x64_sse_rmi(struct x64_buf *b, enum x64_sse op, unsigned to, struct x64_mem m, unsigned imm)
{
    b->at = x64_put8(x64_form_rm(b->at, op, X64_W32, to, m, 0), imm);
}

/* Rows named ..._STORE: op to, from with the destination in the place where memory can be. */
static inline void x64_sse_store_rr(struct x64_buf *b, enum x64_sse_store op, unsigned to, unsigned from)
{
    b->at = x64_form_rr(b->at, op, X64_W32, from, to, 0);
}

static inline void x64_sse_mr(struct x64_buf *b, enum x64_sse_store op, struct x64_mem m, unsigned from)
{
    b->at = x64_form_rm(b->at, op, X64_W32, from, m, 0);
}

static inline void x64_sse_store_rri(struct x64_buf *b, enum x64_sse_store op, unsigned to, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_rr(b->at, op, X64_W32, from, to, 0), imm);
}

static inline void x64_sse_mri(struct x64_buf *b, enum x64_sse_store op, struct x64_mem m, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_rm(b->at, op, X64_W32, from, m, 0), imm);
}

/* op register, imm: rows named ..._IMM */
static inline void x64_sse_shift(struct x64_buf *b, enum x64_sse_shift op, unsigned r, unsigned imm)
{
    b->at = x64_put8(x64_form_rr(b->at, op, X64_W32, x64_digit(op), r, 0), imm);
}

/* ---- VEX (AVX; `| X64_L256` on the form for 256 bits) ------------------------------------------------------------ */

/* Rows with 2 in the last column. */
static inline void x64_vex_rr(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned from)
{
    b->at = x64_form_vrr(b->at, op, X64_W32, to, 0, from);
}

static inline void x64_vex_rm(struct x64_buf *b, enum x64_sse op, unsigned to, struct x64_mem m)
{
    b->at = x64_form_vrm(b->at, op, X64_W32, to, 0, m);
}

static inline void x64_vex_rri(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_vrr(b->at, op, X64_W32, to, 0, from), imm);
}

static inline void x64_vex_rmi(struct x64_buf *b, enum x64_sse op, unsigned to, struct x64_mem m, unsigned imm)
{
    b->at = x64_put8(x64_form_vrm(b->at, op, X64_W32, to, 0, m), imm);
}

/* Rows with 3: op to, first, second. */
static inline void x64_vex_rrr(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned first, unsigned second)
{
    b->at = x64_form_vrr(b->at, op, X64_W32, to, first, second);
}

static inline void x64_vex_rrm(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned first, struct x64_mem m)
{
    b->at = x64_form_vrm(b->at, op, X64_W32, to, first, m);
}

static inline void x64_vex_rrri(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned first, unsigned second,
                                unsigned imm)
{
    b->at = x64_put8(x64_form_vrr(b->at, op, X64_W32, to, first, second), imm);
}

static inline void x64_vex_rrmi(struct x64_buf *b, enum x64_sse op, unsigned to, unsigned first, struct x64_mem m,
                                unsigned imm)
{
    b->at = x64_put8(x64_form_vrm(b->at, op, X64_W32, to, first, m), imm);
}

static inline void x64_vex_store_rr(struct x64_buf *b, enum x64_sse_store op, unsigned to, unsigned from)
{
    b->at = x64_form_vrr(b->at, op, X64_W32, from, 0, to);
}

static inline void x64_vex_mr(struct x64_buf *b, enum x64_sse_store op, struct x64_mem m, unsigned from)
{
    b->at = x64_form_vrm(b->at, op, X64_W32, from, 0, m);
}

static inline void x64_vex_store_rri(struct x64_buf *b, enum x64_sse_store op, unsigned to, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_vrr(b->at, op, X64_W32, from, 0, to), imm);
}

static inline void x64_vex_mri(struct x64_buf *b, enum x64_sse_store op, struct x64_mem m, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_vrm(b->at, op, X64_W32, from, 0, m), imm);
}

/* op to, from, imm */
static inline void x64_vex_shift(struct x64_buf *b, enum x64_sse_shift op, unsigned to, unsigned from, unsigned imm)
{
    b->at = x64_put8(x64_form_vrr(b->at, op, X64_W32, x64_digit(op), to, from), imm);
}

/* op to, first, second, mask: where the mask's top bits are set, the second */
static inline void x64_vex_blend(struct x64_buf *b, enum x64_vex_blend op, unsigned to, unsigned first, unsigned second,
                                 unsigned mask)
{
    b->at = x64_put8(x64_form_vrr(b->at, op, X64_W32, to, first, second), mask << 4);
}

static inline void x64_vex_blend_m(struct x64_buf *b, enum x64_vex_blend op, unsigned to, unsigned first,
                                   struct x64_mem m, unsigned mask)
{
    b->at = x64_put8(x64_form_vrm(b->at, op, X64_W32, to, first, m), mask << 4);
}

/* Upper halves of all registers to zero: between 256-bit VEX code and legacy SSE code. */
static inline void x64_vzeroupper(struct x64_buf *b)
{
    x64_put32(b->at, 0x77f8c5);
    b->at += 3;
}

#endif
