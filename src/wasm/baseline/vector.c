/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of all vector instructions, and the functions of those that are one machine instruction: see vector.h. */
#include "wasm/baseline/vector.h"

/* ---- Rows, in the order of opcodes ------------------------------------------------------------------------------- */

#define ROW(op, ...) [WASM_OP_##op - WASM_OP_VECTOR] = {__VA_ARGS__}
/* One machine instruction of one operand; of two; of two in any order; with the second operand first. */
#define UNARY(op, f)         ROW(op, vector_unary, X64_##f, 0, 0, 0)
#define ROUND(op, f, mode)   ROW(op, vector_unary, X64_##f, 0, 8 | (mode), ROW_IMM) /* 8: tells no inexact result */
#define BINARY(op, f)        ROW(op, vector_binary, X64_##f, 0, 0, 0)
#define COMMUTES(op, f)      ROW(op, vector_binary, X64_##f, 0, 0, ROW_COMMUTES)
#define SWAPPED(op, f)       ROW(op, vector_binary, X64_##f, 0, 0, ROW_SWAPPED)
#define COMPARE(op, f, n, x) ROW(op, vector_binary, X64_##f, 0, n, ROW_IMM | (x))
/* By the smaller or the larger: `min` of a and b is b. */
#define BY(op, min, eq, x) ROW(op, vector_compare_by, X64_##min, X64_##eq, 0, x)

enum { NEAREST, FLOOR, CEIL, TRUNC };        /* immediates of roundps */
enum { CMP_EQ, CMP_LT, CMP_LE, CMP_NE = 4 }; /* of cmpps; the last one is true for NaN */

static const struct vector_row rows[WASM_OPS - WASM_OP_VECTOR] = {
    ROW(V128_LOAD, vector_load, X64_MOVUPS, 0, 0, 0),
    ROW(V128_LOAD8X8_S, vector_load, X64_PMOVSXBW, 0, 0, 0),
    ROW(V128_LOAD8X8_U, vector_load, X64_PMOVZXBW, 0, 0, 0),
    ROW(V128_LOAD16X4_S, vector_load, X64_PMOVSXWD, 0, 0, 0),
    ROW(V128_LOAD16X4_U, vector_load, X64_PMOVZXWD, 0, 0, 0),
    ROW(V128_LOAD32X2_S, vector_load, X64_PMOVSXDQ, 0, 0, 0),
    ROW(V128_LOAD32X2_U, vector_load, X64_PMOVZXDQ, 0, 0, 0),
    ROW(V128_LOAD8_SPLAT, vector_load_splat, X64_PINSRB, 0, 0, 0),
    ROW(V128_LOAD16_SPLAT, vector_load_splat, X64_PINSRW, 0, 0, 0),
    ROW(V128_LOAD32_SPLAT, vector_load_splat, X64_MOVSS, 0, 0, 0),
    ROW(V128_LOAD64_SPLAT, vector_load, X64_MOVDDUP, 0, 0, 0),
    ROW(V128_STORE, vector_store, 0, 0, 0, 0),
    ROW(V128_CONST, vector_const, 0, 0, 0, 0),
    ROW(I8X16_SHUFFLE, vector_shuffle, 0, 0, 0, 0),
    ROW(I8X16_SWIZZLE, vector_swizzle, 0, 0, 0, 0),
    ROW(I8X16_SPLAT, vector_splat, 0, 0, 1, 0),
    ROW(I16X8_SPLAT, vector_splat, 0, 0, 2, 0),
    ROW(I32X4_SPLAT, vector_splat, 0, 0, 4, 0),
    ROW(I64X2_SPLAT, vector_splat, 0, 0, 8, 0),
    ROW(F32X4_SPLAT, vector_splat_float, 0, 0, 0, 0),
    ROW(F64X2_SPLAT, vector_splat_float, 0, 0, 0, ROW_WIDE),
    ROW(I8X16_EXTRACT_LANE_S, vector_extract, X64_PEXTRB_STORE, X64_MOVSX8, 1, 0),
    ROW(I8X16_EXTRACT_LANE_U, vector_extract, X64_PEXTRB_STORE, 0, 1, 0),
    ROW(I8X16_REPLACE_LANE, vector_replace, X64_PINSRB, 0, 0, 0),
    ROW(I16X8_EXTRACT_LANE_S, vector_extract, X64_PEXTRW_STORE, X64_MOVSX16, 2, 0),
    ROW(I16X8_EXTRACT_LANE_U, vector_extract, X64_PEXTRW_STORE, 0, 2, 0),
    ROW(I16X8_REPLACE_LANE, vector_replace, X64_PINSRW, 0, 0, 0),
    ROW(I32X4_EXTRACT_LANE, vector_extract, X64_PEXTRD_STORE, 0, 4, 0),
    ROW(I32X4_REPLACE_LANE, vector_replace, X64_PINSRD, 0, 0, 0),
    ROW(I64X2_EXTRACT_LANE, vector_extract, X64_PEXTRQ_STORE, 0, 8, 0),
    ROW(I64X2_REPLACE_LANE, vector_replace, X64_PINSRQ, 0, 0, 0),
    ROW(F32X4_EXTRACT_LANE, vector_extract_float, 0, 0, 0, 0),
    ROW(F32X4_REPLACE_LANE, vector_replace_float, 0, 0, 0, 0),
    ROW(F64X2_EXTRACT_LANE, vector_extract_float, 0, 0, 0, ROW_WIDE),
    ROW(F64X2_REPLACE_LANE, vector_replace_float, 0, 0, 0, ROW_WIDE),
    COMMUTES(I8X16_EQ, PCMPEQB),
    ROW(I8X16_NE, vector_not_equal, X64_PCMPEQB, 0, 0, 0),
    SWAPPED(I8X16_LT_S, PCMPGTB),
    BY(I8X16_LT_U, PMINUB, PCMPEQB, ROW_NOT),
    BINARY(I8X16_GT_S, PCMPGTB),
    BY(I8X16_GT_U, PMAXUB, PCMPEQB, ROW_NOT),
    BY(I8X16_LE_S, PMAXSB, PCMPEQB, 0),
    BY(I8X16_LE_U, PMAXUB, PCMPEQB, 0),
    BY(I8X16_GE_S, PMINSB, PCMPEQB, 0),
    BY(I8X16_GE_U, PMINUB, PCMPEQB, 0),
    COMMUTES(I16X8_EQ, PCMPEQW),
    ROW(I16X8_NE, vector_not_equal, X64_PCMPEQW, 0, 0, 0),
    SWAPPED(I16X8_LT_S, PCMPGTW),
    BY(I16X8_LT_U, PMINUW, PCMPEQW, ROW_NOT),
    BINARY(I16X8_GT_S, PCMPGTW),
    BY(I16X8_GT_U, PMAXUW, PCMPEQW, ROW_NOT),
    BY(I16X8_LE_S, PMAXSW, PCMPEQW, 0),
    BY(I16X8_LE_U, PMAXUW, PCMPEQW, 0),
    BY(I16X8_GE_S, PMINSW, PCMPEQW, 0),
    BY(I16X8_GE_U, PMINUW, PCMPEQW, 0),
    COMMUTES(I32X4_EQ, PCMPEQD),
    ROW(I32X4_NE, vector_not_equal, X64_PCMPEQD, 0, 0, 0),
    SWAPPED(I32X4_LT_S, PCMPGTD),
    BY(I32X4_LT_U, PMINUD, PCMPEQD, ROW_NOT),
    BINARY(I32X4_GT_S, PCMPGTD),
    BY(I32X4_GT_U, PMAXUD, PCMPEQD, ROW_NOT),
    BY(I32X4_LE_S, PMAXSD, PCMPEQD, 0),
    BY(I32X4_LE_U, PMAXUD, PCMPEQD, 0),
    BY(I32X4_GE_S, PMINSD, PCMPEQD, 0),
    BY(I32X4_GE_U, PMINUD, PCMPEQD, 0),
    COMPARE(F32X4_EQ, CMPPS, CMP_EQ, ROW_COMMUTES),
    COMPARE(F32X4_NE, CMPPS, CMP_NE, ROW_COMMUTES),
    COMPARE(F32X4_LT, CMPPS, CMP_LT, 0),
    COMPARE(F32X4_GT, CMPPS, CMP_LT, ROW_SWAPPED),
    COMPARE(F32X4_LE, CMPPS, CMP_LE, 0),
    COMPARE(F32X4_GE, CMPPS, CMP_LE, ROW_SWAPPED),
    COMPARE(F64X2_EQ, CMPPD, CMP_EQ, ROW_COMMUTES),
    COMPARE(F64X2_NE, CMPPD, CMP_NE, ROW_COMMUTES),
    COMPARE(F64X2_LT, CMPPD, CMP_LT, 0),
    COMPARE(F64X2_GT, CMPPD, CMP_LT, ROW_SWAPPED),
    COMPARE(F64X2_LE, CMPPD, CMP_LE, 0),
    COMPARE(F64X2_GE, CMPPD, CMP_LE, ROW_SWAPPED),
    ROW(V128_NOT, vector_not, 0, 0, 0, 0),
    COMMUTES(V128_AND, PAND),
    SWAPPED(V128_ANDNOT, PANDN), /* the CPU inverts the first one */
    COMMUTES(V128_OR, POR),
    COMMUTES(V128_XOR, PXOR),
    ROW(V128_BITSELECT, vector_bitselect, 0, 0, 0, 0),
    ROW(V128_ANY_TRUE, vector_any_true, 0, 0, 0, 0),
    ROW(V128_LOAD8_LANE, vector_load_lane, X64_PINSRB, 0, 0, 0),
    ROW(V128_LOAD16_LANE, vector_load_lane, X64_PINSRW, 0, 0, 0),
    ROW(V128_LOAD32_LANE, vector_load_lane, X64_PINSRD, 0, 0, 0),
    ROW(V128_LOAD64_LANE, vector_load_lane, X64_PINSRQ, 0, 0, 0),
    ROW(V128_STORE8_LANE, vector_store_lane, X64_PEXTRB_STORE, 0, 0, 0),
    ROW(V128_STORE16_LANE, vector_store_lane, X64_PEXTRW_STORE, 0, 0, 0),
    ROW(V128_STORE32_LANE, vector_store_lane, X64_PEXTRD_STORE, X64_MOVSS_STORE, 0, 0),
    ROW(V128_STORE64_LANE, vector_store_lane, X64_PEXTRQ_STORE, X64_MOVSD_STORE, 0, 0),
    ROW(V128_LOAD32_ZERO, vector_load, X64_MOVSS, 0, 0, 0),
    ROW(V128_LOAD64_ZERO, vector_load, X64_MOVSD, 0, 0, 0),
    UNARY(F32X4_DEMOTE_F64X2_ZERO, CVTPD2PS),
    UNARY(F64X2_PROMOTE_LOW_F32X4, CVTPS2PD),
    UNARY(I8X16_ABS, PABSB),
    ROW(I8X16_NEG, vector_negate, X64_PSUBB, 0, 0, 0),
    ROW(I8X16_POPCNT, vector_popcount, 0, 0, 0, 0),
    ROW(I8X16_ALL_TRUE, vector_all_true, X64_PCMPEQB, 0, 0, 0),
    ROW(I8X16_BITMASK, vector_bitmask, X64_PMOVMSKB, 0, 0, 0),
    BINARY(I8X16_NARROW_I16X8_S, PACKSSWB),
    BINARY(I8X16_NARROW_I16X8_U, PACKUSWB),
    ROUND(F32X4_CEIL, ROUNDPS, CEIL),
    ROUND(F32X4_FLOOR, ROUNDPS, FLOOR),
    ROUND(F32X4_TRUNC, ROUNDPS, TRUNC),
    ROUND(F32X4_NEAREST, ROUNDPS, NEAREST),
    ROW(I8X16_SHL, vector_shift8, X64_PSLLW, X64_PSLLW_IMM, 0, 0),
    ROW(I8X16_SHR_S, vector_shift8, X64_PSRAW, 0, 0, 0),
    ROW(I8X16_SHR_U, vector_shift8, X64_PSRLW, X64_PSRLW_IMM, 0, 0),
    COMMUTES(I8X16_ADD, PADDB),
    COMMUTES(I8X16_ADD_SAT_S, PADDSB),
    COMMUTES(I8X16_ADD_SAT_U, PADDUSB),
    BINARY(I8X16_SUB, PSUBB),
    BINARY(I8X16_SUB_SAT_S, PSUBSB),
    BINARY(I8X16_SUB_SAT_U, PSUBUSB),
    ROUND(F64X2_CEIL, ROUNDPD, CEIL),
    ROUND(F64X2_FLOOR, ROUNDPD, FLOOR),
    COMMUTES(I8X16_MIN_S, PMINSB),
    COMMUTES(I8X16_MIN_U, PMINUB),
    COMMUTES(I8X16_MAX_S, PMAXSB),
    COMMUTES(I8X16_MAX_U, PMAXUB),
    ROUND(F64X2_TRUNC, ROUNDPD, TRUNC),
    COMMUTES(I8X16_AVGR_U, PAVGB),
    ROW(I16X8_EXTADD_PAIRWISE_I8X16_S, vector_add_pairs8, 0, 0, 0, ROW_SIGNED),
    ROW(I16X8_EXTADD_PAIRWISE_I8X16_U, vector_add_pairs8, 0, 0, 0, 0),
    ROW(I32X4_EXTADD_PAIRWISE_I16X8_S, vector_add_pairs16, 0, 0, 0, ROW_SIGNED),
    ROW(I32X4_EXTADD_PAIRWISE_I16X8_U, vector_add_pairs16, 0, 0, 0, 0),
    UNARY(I16X8_ABS, PABSW),
    ROW(I16X8_NEG, vector_negate, X64_PSUBW, 0, 0, 0),
    ROW(I16X8_Q15MULR_SAT_S, vector_q15_multiply, 0, 0, 0, 0),
    ROW(I16X8_ALL_TRUE, vector_all_true, X64_PCMPEQW, 0, 0, 0),
    ROW(I16X8_BITMASK, vector_bitmask, X64_PMOVMSKB, X64_PACKSSWB, 0, 0),
    BINARY(I16X8_NARROW_I32X4_S, PACKSSDW),
    BINARY(I16X8_NARROW_I32X4_U, PACKUSDW),
    UNARY(I16X8_EXTEND_LOW_I8X16_S, PMOVSXBW),
    ROW(I16X8_EXTEND_HIGH_I8X16_S, vector_extend_high, X64_PMOVSXBW, 0, 0, 0),
    UNARY(I16X8_EXTEND_LOW_I8X16_U, PMOVZXBW),
    ROW(I16X8_EXTEND_HIGH_I8X16_U, vector_extend_high, X64_PMOVZXBW, 0, 0, 0),
    ROW(I16X8_SHL, vector_shift, X64_PSLLW, X64_PSLLW_IMM, 15, 0),
    ROW(I16X8_SHR_S, vector_shift, X64_PSRAW, X64_PSRAW_IMM, 15, 0),
    ROW(I16X8_SHR_U, vector_shift, X64_PSRLW, X64_PSRLW_IMM, 15, 0),
    COMMUTES(I16X8_ADD, PADDW),
    COMMUTES(I16X8_ADD_SAT_S, PADDSW),
    COMMUTES(I16X8_ADD_SAT_U, PADDUSW),
    BINARY(I16X8_SUB, PSUBW),
    BINARY(I16X8_SUB_SAT_S, PSUBSW),
    BINARY(I16X8_SUB_SAT_U, PSUBUSW),
    ROUND(F64X2_NEAREST, ROUNDPD, NEAREST),
    COMMUTES(I16X8_MUL, PMULLW),
    COMMUTES(I16X8_MIN_S, PMINSW),
    COMMUTES(I16X8_MIN_U, PMINUW),
    COMMUTES(I16X8_MAX_S, PMAXSW),
    COMMUTES(I16X8_MAX_U, PMAXUW),
    COMMUTES(I16X8_AVGR_U, PAVGW),
    ROW(I16X8_EXTMUL_LOW_I8X16_S, vector_multiply_long8, X64_PMOVSXBW, 0, 0, 0),
    ROW(I16X8_EXTMUL_HIGH_I8X16_S, vector_multiply_long8, X64_PMOVSXBW, 0, 0, ROW_HIGH),
    ROW(I16X8_EXTMUL_LOW_I8X16_U, vector_multiply_long8, X64_PMOVZXBW, 0, 0, 0),
    ROW(I16X8_EXTMUL_HIGH_I8X16_U, vector_multiply_long8, X64_PMOVZXBW, 0, 0, ROW_HIGH),
    UNARY(I32X4_ABS, PABSD),
    ROW(I32X4_NEG, vector_negate, X64_PSUBD, 0, 0, 0),
    ROW(I32X4_ALL_TRUE, vector_all_true, X64_PCMPEQD, 0, 0, 0),
    ROW(I32X4_BITMASK, vector_bitmask, X64_MOVMSKPS, 0, 0, 0),
    UNARY(I32X4_EXTEND_LOW_I16X8_S, PMOVSXWD),
    ROW(I32X4_EXTEND_HIGH_I16X8_S, vector_extend_high, X64_PMOVSXWD, 0, 0, 0),
    UNARY(I32X4_EXTEND_LOW_I16X8_U, PMOVZXWD),
    ROW(I32X4_EXTEND_HIGH_I16X8_U, vector_extend_high, X64_PMOVZXWD, 0, 0, 0),
    ROW(I32X4_SHL, vector_shift, X64_PSLLD, X64_PSLLD_IMM, 31, 0),
    ROW(I32X4_SHR_S, vector_shift, X64_PSRAD, X64_PSRAD_IMM, 31, 0),
    ROW(I32X4_SHR_U, vector_shift, X64_PSRLD, X64_PSRLD_IMM, 31, 0),
    COMMUTES(I32X4_ADD, PADDD),
    BINARY(I32X4_SUB, PSUBD),
    COMMUTES(I32X4_MUL, PMULLD),
    COMMUTES(I32X4_MIN_S, PMINSD),
    COMMUTES(I32X4_MIN_U, PMINUD),
    COMMUTES(I32X4_MAX_S, PMAXSD),
    COMMUTES(I32X4_MAX_U, PMAXUD),
    COMMUTES(I32X4_DOT_I16X8_S, PMADDWD),
    ROW(I32X4_EXTMUL_LOW_I16X8_S, vector_multiply_long16, X64_PMULHW, 0, 0, 0),
    ROW(I32X4_EXTMUL_HIGH_I16X8_S, vector_multiply_long16, X64_PMULHW, 0, 0, ROW_HIGH),
    ROW(I32X4_EXTMUL_LOW_I16X8_U, vector_multiply_long16, X64_PMULHUW, 0, 0, 0),
    ROW(I32X4_EXTMUL_HIGH_I16X8_U, vector_multiply_long16, X64_PMULHUW, 0, 0, ROW_HIGH),
    ROW(I64X2_ABS, vector_abs64, 0, 0, 0, 0),
    ROW(I64X2_NEG, vector_negate, X64_PSUBQ, 0, 0, 0),
    ROW(I64X2_ALL_TRUE, vector_all_true, X64_PCMPEQQ, 0, 0, 0),
    ROW(I64X2_BITMASK, vector_bitmask, X64_MOVMSKPD, 0, 0, 0),
    UNARY(I64X2_EXTEND_LOW_I32X4_S, PMOVSXDQ),
    ROW(I64X2_EXTEND_HIGH_I32X4_S, vector_extend_high, X64_PMOVSXDQ, 0, 0, 0),
    UNARY(I64X2_EXTEND_LOW_I32X4_U, PMOVZXDQ),
    ROW(I64X2_EXTEND_HIGH_I32X4_U, vector_extend_high, X64_PMOVZXDQ, 0, 0, 0),
    ROW(I64X2_SHL, vector_shift, X64_PSLLQ, X64_PSLLQ_IMM, 63, 0),
    ROW(I64X2_SHR_S, vector_shift_signed64, 0, 0, 63, 0),
    ROW(I64X2_SHR_U, vector_shift, X64_PSRLQ, X64_PSRLQ_IMM, 63, 0),
    COMMUTES(I64X2_ADD, PADDQ),
    BINARY(I64X2_SUB, PSUBQ),
    ROW(I64X2_MUL, vector_multiply64, 0, 0, 0, 0),
    COMMUTES(I64X2_EQ, PCMPEQQ),
    ROW(I64X2_NE, vector_not_equal, X64_PCMPEQQ, 0, 0, 0),
    ROW(I64X2_LT_S, vector_greater64, 0, 0, 0, ROW_SWAPPED),
    ROW(I64X2_GT_S, vector_greater64, 0, 0, 0, 0),
    ROW(I64X2_LE_S, vector_greater64, 0, 0, 0, ROW_NOT),
    ROW(I64X2_GE_S, vector_greater64, 0, 0, 0, ROW_SWAPPED | ROW_NOT),
    ROW(I64X2_EXTMUL_LOW_I32X4_S, vector_multiply_long32, X64_PMULDQ, 0, 0, 0),
    ROW(I64X2_EXTMUL_HIGH_I32X4_S, vector_multiply_long32, X64_PMULDQ, 0, 0, ROW_HIGH),
    ROW(I64X2_EXTMUL_LOW_I32X4_U, vector_multiply_long32, X64_PMULUDQ, 0, 0, 0),
    ROW(I64X2_EXTMUL_HIGH_I32X4_U, vector_multiply_long32, X64_PMULUDQ, 0, 0, ROW_HIGH),
    ROW(F32X4_ABS, vector_float_sign, X64_ANDPS, 0, 0, 0),
    ROW(F32X4_NEG, vector_float_sign, X64_XORPS, 0, 0, 0),
    UNARY(F32X4_SQRT, SQRTPS),
    /* Which NaN comes out of two depends on the order, but any of them may. */
    COMMUTES(F32X4_ADD, ADDPS),
    BINARY(F32X4_SUB, SUBPS),
    COMMUTES(F32X4_MUL, MULPS),
    BINARY(F32X4_DIV, DIVPS),
    ROW(F32X4_MIN, vector_min, X64_MINPS, 0, 0, 0),
    ROW(F32X4_MAX, vector_max, X64_MAXPS, 0, 0, 0),
    /* b < a ? b : a and a < b ? b : a: the CPU's with the operands turned, to the last NaN and zero. */
    SWAPPED(F32X4_PMIN, MINPS),
    SWAPPED(F32X4_PMAX, MAXPS),
    ROW(F64X2_ABS, vector_float_sign, X64_ANDPS, 0, 0, ROW_WIDE),
    ROW(F64X2_NEG, vector_float_sign, X64_XORPS, 0, 0, ROW_WIDE),
    UNARY(F64X2_SQRT, SQRTPD),
    COMMUTES(F64X2_ADD, ADDPD),
    BINARY(F64X2_SUB, SUBPD),
    COMMUTES(F64X2_MUL, MULPD),
    BINARY(F64X2_DIV, DIVPD),
    ROW(F64X2_MIN, vector_min, X64_MINPD, 0, 0, ROW_WIDE),
    ROW(F64X2_MAX, vector_max, X64_MAXPD, 0, 0, ROW_WIDE),
    SWAPPED(F64X2_PMIN, MINPD),
    SWAPPED(F64X2_PMAX, MAXPD),
    ROW(I32X4_TRUNC_SAT_F32X4_S, vector_truncate_signed32, 0, 0, 0, 0),
    ROW(I32X4_TRUNC_SAT_F32X4_U, vector_truncate_unsigned32, 0, 0, 0, 0),
    UNARY(F32X4_CONVERT_I32X4_S, CVTDQ2PS),
    ROW(F32X4_CONVERT_I32X4_U, vector_convert_unsigned32, 0, 0, 0, 0),
    ROW(I32X4_TRUNC_SAT_F64X2_S_ZERO, vector_truncate_signed64, 0, 0, 0, 0),
    ROW(I32X4_TRUNC_SAT_F64X2_U_ZERO, vector_truncate_unsigned64, 0, 0, 0, 0),
    UNARY(F64X2_CONVERT_LOW_I32X4_S, CVTDQ2PD),
    ROW(F64X2_CONVERT_LOW_I32X4_U, vector_convert_unsigned64, 0, 0, 0, 0),
};

void compile_vector(struct compiler *c, uint32_t op)
{
    const struct vector_row *row = &rows[op - WASM_OP_VECTOR];

    row->compile(c, row);
}

/* ---- One machine instruction ------------------------------------------------------------------------------------- */

const struct vector_row *vector_next_binary(struct compiler *c)
{
    const uint8_t *p = c->p;

    if (*p++ != WASM_PREFIX_VECTOR)
        return NULL;
    const struct vector_row *row = &rows[wasm_read_u32(&p)];
    if (row->compile != vector_binary || row->flags & ROW_SWAPPED)
        return NULL;
    c->p = p;
    return row;
}

void vector_unary(struct compiler *c, const struct vector_row *row)
{
    struct value a = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &a);

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    if (row->flags & ROW_IMM)
        xmm_rri(c, row->form, to, from, row->imm);
    else
        xmm_rr(c, row->form, to, from);
    value_release_but(c, &a, to);
    dest_end(c, VT_V128, to);
}

void vector_emit(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t a, uint8_t b)
{
    if (!c->avx && to == b && to != a) { /* `to` is written before b is read */
        if (row->flags & ROW_COMMUTES) {
            b = a;
            a = to;
        } else {
            emit_move(c, VT_V128, R_SCRATCH, b);
            b = R_SCRATCH;
        }
    }
    if (row->flags & ROW_IMM)
        xmm_rrri(c, row->form, to, a, b, row->imm);
    else
        xmm_rrr(c, row->form, to, a, b);
}

static void emit_memory(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t a, struct x64_mem m)
{
    if (!c->avx) {
        emit_move(c, VT_V128, to, a);
        if (row->flags & ROW_IMM)
            x64_sse_rmi(&c->b, row->form, xmm_number(to), m, row->imm);
        else
            x64_sse_rm(&c->b, row->form, xmm_number(to), m);
    } else if (row->flags & ROW_IMM) {
        x64_vex_rrmi(&c->b, row->form, xmm_number(to), xmm_number(a), m, row->imm);
    } else {
        x64_vex_rrm(&c->b, row->form, xmm_number(to), xmm_number(a), m);
    }
}

static void swap(struct value *a, struct value *b)
{
    struct value v = *a;

    *a = *b;
    *b = v;
}

void vector_binary(struct compiler *c, const struct vector_row *row)
{
    struct value b = value_pop(c), a = value_pop(c);
    struct x64_mem m;

    if (row->flags & ROW_SWAPPED)
        swap(&a, &b);
    if (row->flags & ROW_COMMUTES && value_where(c, &a) == R_NONE && value_where(c, &b) != R_NONE)
        swap(&a, &b);
    uint8_t to = dest_begin(c), ra = value_reg(c, &a), rb = value_where(c, &b);
    if (rb == R_NONE && !c->avx) /* slots are not aligned */
        rb = value_reg(c, &b);
    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : b.kind == K_REG && c->avx ? b.reg : reg_alloc(c, VECTOR);
    if (rb != R_NONE)
        vector_emit(c, row, to, ra, rb);
    else if (value_mem(c, &b, &m))
        emit_memory(c, row, to, ra, m);
    value_release_but(c, &a, to);
    value_release_but(c, &b, to);
    dest_end(c, VT_V128, to);
}

void vector_binary_memory(struct compiler *c, const struct vector_row *row, struct x64_mem m, bool literal)
{
    struct value a = value_pop(c);
    uint32_t pending = c->pending_literal;
    c->pending_literal = UINT32_MAX; /* registers may be filled first, from literals too */
    uint8_t to = dest_begin(c), ra = value_reg(c, &a);

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    if (!literal)
        map_note_here(c);
    emit_memory(c, row, to, ra, m);
    if (literal && pending != UINT32_MAX)
        x64_label_use(&c->b, &c->literals[pending].label, row->flags & ROW_IMM ? 1 : 0);
    value_release_but(c, &a, to);
    dest_end(c, VT_V128, to);
}
