/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions that make a vector of one or two (specification 4.3.2, 4.3.3, 4.4.3), a row each. In a row, x is
 * the lane of the first operand and y that of the second. Pure.
 */
#include "base/mem.h"
#include "wasm/module/opcode.h"
#include "wasm/runtime/interp_vector.h"
#include "wasm/runtime/numeric.h"

/* name, lanes of the operand, lanes of the result, number of lanes made, index of the operand's lane, expression */
#define ROW1(OP, FROM, TO, N, INDEX, EXPRESSION)                                                                       \
    case WASM_OP_##OP:                                                                                                 \
        for (unsigned k = 0; k < N; k++) {                                                                             \
            __typeof__(a->FROM[0]) x = a->FROM[INDEX];                                                                 \
            r.TO[k] = (__typeof__(r.TO[0]))(EXPRESSION);                                                               \
        }                                                                                                              \
        break;
#define ROW2(OP, FROM, TO, N, INDEX, EXPRESSION)                                                                       \
    case WASM_OP_##OP:                                                                                                 \
        for (unsigned k = 0; k < N; k++) {                                                                             \
            __typeof__(a->FROM[0]) x = a->FROM[INDEX], y = b->FROM[INDEX];                                             \
            r.TO[k] = (__typeof__(r.TO[0]))(EXPRESSION);                                                               \
        }                                                                                                              \
        break;
#define LANES1(OP, LANE, EXPRESSION) ROW1(OP, LANE, LANE, ARRAY_LEN(a->LANE), k, EXPRESSION)
#define LANES2(OP, LANE, EXPRESSION) ROW2(OP, LANE, LANE, ARRAY_LEN(a->LANE), k, EXPRESSION)
/* All bits of the lane, or none. */
#define COMPARE(OP, LANE, CONDITION) ROW2(OP, LANE, LANE, ARRAY_LEN(a->LANE), k, (CONDITION) ? -1 : 0)

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

#define S8(VALUE)  clamp(VALUE, INT8_MIN, INT8_MAX)
#define U8(VALUE)  clamp(VALUE, 0, UINT8_MAX)
#define S16(VALUE) clamp(VALUE, INT16_MIN, INT16_MAX)
#define U16(VALUE) clamp(VALUE, 0, UINT16_MAX)

/* clang-format off */
union vector interp_vector_unary(uint16_t op, const union vector *a)
{
    union vector r = {{0}};
    switch (op) {
        LANES1(V128_NOT, u64, ~x)
        LANES1(I8X16_ABS, u8, (int8_t)x < 0 ? 0 - x : x)
        LANES1(I8X16_NEG, u8, 0 - x)
        LANES1(I16X8_ABS, u16, (int16_t)x < 0 ? 0 - x : x)
        LANES1(I16X8_NEG, u16, 0 - x)
        LANES1(I32X4_ABS, u32, (int32_t)x < 0 ? 0 - x : x)
        LANES1(I32X4_NEG, u32, 0 - x)
        LANES1(I64X2_ABS, u64, (int64_t)x < 0 ? 0 - x : x)
        LANES1(I64X2_NEG, u64, 0 - x)
        LANES1(I8X16_POPCNT, u8, num_i32_popcnt(x))
        LANES1(F32X4_ABS, u32, num_f32_abs(x))
        LANES1(F32X4_NEG, u32, num_f32_neg(x))
        LANES1(F32X4_SQRT, u32, num_f32_sqrt(x))
        LANES1(F32X4_CEIL, u32, num_f32_ceil(x))
        LANES1(F32X4_FLOOR, u32, num_f32_floor(x))
        LANES1(F32X4_TRUNC, u32, num_f32_trunc(x))
        LANES1(F32X4_NEAREST, u32, num_f32_nearest(x))
        LANES1(F64X2_ABS, u64, num_f64_abs(x))
        LANES1(F64X2_NEG, u64, num_f64_neg(x))
        LANES1(F64X2_SQRT, u64, num_f64_sqrt(x))
        LANES1(F64X2_CEIL, u64, num_f64_ceil(x))
        LANES1(F64X2_FLOOR, u64, num_f64_floor(x))
        LANES1(F64X2_TRUNC, u64, num_f64_trunc(x))
        LANES1(F64X2_NEAREST, u64, num_f64_nearest(x))
        ROW1(I16X8_EXTEND_LOW_I8X16_S, s8, s16, 8, k, x)
        ROW1(I16X8_EXTEND_HIGH_I8X16_S, s8, s16, 8, k + 8, x)
        ROW1(I16X8_EXTADD_PAIRWISE_I8X16_S, s8, s16, 8, 2 * k, x + a->s8[2 * k + 1])
        ROW1(I16X8_EXTEND_LOW_I8X16_U, u8, u16, 8, k, x)
        ROW1(I16X8_EXTEND_HIGH_I8X16_U, u8, u16, 8, k + 8, x)
        ROW1(I16X8_EXTADD_PAIRWISE_I8X16_U, u8, u16, 8, 2 * k, x + a->u8[2 * k + 1])
        ROW1(I32X4_EXTEND_LOW_I16X8_S, s16, s32, 4, k, x)
        ROW1(I32X4_EXTEND_HIGH_I16X8_S, s16, s32, 4, k + 4, x)
        ROW1(I32X4_EXTADD_PAIRWISE_I16X8_S, s16, s32, 4, 2 * k, x + a->s16[2 * k + 1])
        ROW1(I32X4_EXTEND_LOW_I16X8_U, u16, u32, 4, k, x)
        ROW1(I32X4_EXTEND_HIGH_I16X8_U, u16, u32, 4, k + 4, x)
        ROW1(I32X4_EXTADD_PAIRWISE_I16X8_U, u16, u32, 4, 2 * k, x + a->u16[2 * k + 1])
        ROW1(I64X2_EXTEND_LOW_I32X4_S, s32, s64, 2, k, x)
        ROW1(I64X2_EXTEND_HIGH_I32X4_S, s32, s64, 2, k + 2, x)
        ROW1(I64X2_EXTEND_LOW_I32X4_U, u32, u64, 2, k, x)
        ROW1(I64X2_EXTEND_HIGH_I32X4_U, u32, u64, 2, k + 2, x)
        ROW1(I32X4_TRUNC_SAT_F32X4_S, u32, u32, 4, k, num_i32_trunc_sat_f32_s(x))
        ROW1(I32X4_TRUNC_SAT_F32X4_U, u32, u32, 4, k, num_i32_trunc_sat_f32_u(x))
        ROW1(I32X4_TRUNC_SAT_F64X2_S_ZERO, u64, u32, 2, k, num_i32_trunc_sat_f64_s(x))
        ROW1(I32X4_TRUNC_SAT_F64X2_U_ZERO, u64, u32, 2, k, num_i32_trunc_sat_f64_u(x))
        ROW1(F32X4_CONVERT_I32X4_S, u32, u32, 4, k, num_f32_convert_i32_s(x))
        ROW1(F32X4_CONVERT_I32X4_U, u32, u32, 4, k, num_f32_convert_i32_u(x))
        ROW1(F64X2_CONVERT_LOW_I32X4_S, u32, u64, 2, k, num_f64_convert_i32_s(x))
        ROW1(F64X2_CONVERT_LOW_I32X4_U, u32, u64, 2, k, num_f64_convert_i32_u(x))
        ROW1(F32X4_DEMOTE_F64X2_ZERO, u64, u32, 2, k, num_f32_demote_f64(x))
        ROW1(F64X2_PROMOTE_LOW_F32X4, u32, u64, 2, k, num_f64_promote_f32(x))
    default:
        break;
    }
    return r;
}

union vector interp_vector_binary(uint16_t op, const union vector *a, const union vector *b)
{
    union vector r = {{0}};
    switch (op) {
        LANES2(V128_AND, u64, x & y)
        LANES2(V128_ANDNOT, u64, x & ~y)
        LANES2(V128_OR, u64, x | y)
        LANES2(V128_XOR, u64, x ^ y)
        COMPARE(I8X16_EQ, u8, x == y)
        COMPARE(I8X16_NE, u8, x != y)
        COMPARE(I8X16_LT_S, s8, x < y)
        COMPARE(I8X16_LT_U, u8, x < y)
        COMPARE(I8X16_GT_S, s8, x > y)
        COMPARE(I8X16_GT_U, u8, x > y)
        COMPARE(I8X16_LE_S, s8, x <= y)
        COMPARE(I8X16_LE_U, u8, x <= y)
        COMPARE(I8X16_GE_S, s8, x >= y)
        COMPARE(I8X16_GE_U, u8, x >= y)
        COMPARE(I16X8_EQ, u16, x == y)
        COMPARE(I16X8_NE, u16, x != y)
        COMPARE(I16X8_LT_S, s16, x < y)
        COMPARE(I16X8_LT_U, u16, x < y)
        COMPARE(I16X8_GT_S, s16, x > y)
        COMPARE(I16X8_GT_U, u16, x > y)
        COMPARE(I16X8_LE_S, s16, x <= y)
        COMPARE(I16X8_LE_U, u16, x <= y)
        COMPARE(I16X8_GE_S, s16, x >= y)
        COMPARE(I16X8_GE_U, u16, x >= y)
        COMPARE(I32X4_EQ, u32, x == y)
        COMPARE(I32X4_NE, u32, x != y)
        COMPARE(I32X4_LT_S, s32, x < y)
        COMPARE(I32X4_LT_U, u32, x < y)
        COMPARE(I32X4_GT_S, s32, x > y)
        COMPARE(I32X4_GT_U, u32, x > y)
        COMPARE(I32X4_LE_S, s32, x <= y)
        COMPARE(I32X4_LE_U, u32, x <= y)
        COMPARE(I32X4_GE_S, s32, x >= y)
        COMPARE(I32X4_GE_U, u32, x >= y)
        COMPARE(I64X2_EQ, u64, x == y)
        COMPARE(I64X2_NE, u64, x != y)
        COMPARE(I64X2_LT_S, s64, x < y)
        COMPARE(I64X2_GT_S, s64, x > y)
        COMPARE(I64X2_LE_S, s64, x <= y)
        COMPARE(I64X2_GE_S, s64, x >= y)
        COMPARE(F32X4_EQ, u32, num_f32_eq(x, y))
        COMPARE(F32X4_NE, u32, num_f32_ne(x, y))
        COMPARE(F32X4_LT, u32, num_f32_lt(x, y))
        COMPARE(F32X4_GT, u32, num_f32_gt(x, y))
        COMPARE(F32X4_LE, u32, num_f32_le(x, y))
        COMPARE(F32X4_GE, u32, num_f32_ge(x, y))
        COMPARE(F64X2_EQ, u64, num_f64_eq(x, y))
        COMPARE(F64X2_NE, u64, num_f64_ne(x, y))
        COMPARE(F64X2_LT, u64, num_f64_lt(x, y))
        COMPARE(F64X2_GT, u64, num_f64_gt(x, y))
        COMPARE(F64X2_LE, u64, num_f64_le(x, y))
        COMPARE(F64X2_GE, u64, num_f64_ge(x, y))
        LANES2(I8X16_ADD, u8, x + y)
        LANES2(I8X16_SUB, u8, x - y)
        LANES2(I8X16_ADD_SAT_S, s8, S8(x + y))
        LANES2(I8X16_SUB_SAT_S, s8, S8(x - y))
        LANES2(I8X16_ADD_SAT_U, u8, U8(x + y))
        LANES2(I8X16_SUB_SAT_U, u8, U8(x - y))
        LANES2(I8X16_AVGR_U, u8, (x + y + 1) / 2)
        LANES2(I8X16_MIN_S, s8, x < y ? x : y)
        LANES2(I8X16_MAX_S, s8, x > y ? x : y)
        LANES2(I8X16_MIN_U, u8, x < y ? x : y)
        LANES2(I8X16_MAX_U, u8, x > y ? x : y)
        LANES2(I16X8_ADD, u16, x + y)
        LANES2(I16X8_SUB, u16, x - y)
        LANES2(I16X8_ADD_SAT_S, s16, S16(x + y))
        LANES2(I16X8_SUB_SAT_S, s16, S16(x - y))
        LANES2(I16X8_ADD_SAT_U, u16, U16(x + y))
        LANES2(I16X8_SUB_SAT_U, u16, U16(x - y))
        LANES2(I16X8_AVGR_U, u16, (x + y + 1) / 2)
        LANES2(I16X8_MIN_S, s16, x < y ? x : y)
        LANES2(I16X8_MAX_S, s16, x > y ? x : y)
        LANES2(I16X8_MIN_U, u16, x < y ? x : y)
        LANES2(I16X8_MAX_U, u16, x > y ? x : y)
        LANES2(I16X8_MUL, u16, (uint32_t)x * y)
        LANES2(I32X4_ADD, u32, x + y)
        LANES2(I32X4_SUB, u32, x - y)
        LANES2(I32X4_MIN_S, s32, x < y ? x : y)
        LANES2(I32X4_MAX_S, s32, x > y ? x : y)
        LANES2(I32X4_MIN_U, u32, x < y ? x : y)
        LANES2(I32X4_MAX_U, u32, x > y ? x : y)
        LANES2(I32X4_MUL, u32, x * y)
        LANES2(I64X2_ADD, u64, x + y)
        LANES2(I64X2_SUB, u64, x - y)
        LANES2(I64X2_MUL, u64, x * y)
        LANES2(I16X8_Q15MULR_SAT_S, s16, S16((x * y + 0x4000) >> 15))
        ROW2(I16X8_EXTMUL_LOW_I8X16_S, s8, s16, 8, k, x * y)
        ROW2(I16X8_EXTMUL_HIGH_I8X16_S, s8, s16, 8, k + 8, x * y)
        ROW2(I16X8_EXTMUL_LOW_I8X16_U, u8, u16, 8, k, x * y)
        ROW2(I16X8_EXTMUL_HIGH_I8X16_U, u8, u16, 8, k + 8, x * y)
        ROW2(I32X4_EXTMUL_LOW_I16X8_S, s16, s32, 4, k, (int32_t)x * y)
        ROW2(I32X4_EXTMUL_HIGH_I16X8_S, s16, s32, 4, k + 4, (int32_t)x * y)
        ROW2(I32X4_EXTMUL_LOW_I16X8_U, u16, u32, 4, k, (uint32_t)x * y)
        ROW2(I32X4_EXTMUL_HIGH_I16X8_U, u16, u32, 4, k + 4, (uint32_t)x * y)
        ROW2(I64X2_EXTMUL_LOW_I32X4_S, s32, s64, 2, k, (int64_t)x * y)
        ROW2(I64X2_EXTMUL_HIGH_I32X4_S, s32, s64, 2, k + 2, (int64_t)x * y)
        ROW2(I64X2_EXTMUL_LOW_I32X4_U, u32, u64, 2, k, (uint64_t)x * y)
        ROW2(I64X2_EXTMUL_HIGH_I32X4_U, u32, u64, 2, k + 2, (uint64_t)x * y)
        ROW2(I32X4_DOT_I16X8_S, s16, u32, 4, 2 * k,
             (uint32_t)(x * y) + (uint32_t)(a->s16[2 * k + 1] * b->s16[2 * k + 1]))
        LANES2(F32X4_ADD, u32, num_f32_add(x, y))
        LANES2(F32X4_SUB, u32, num_f32_sub(x, y))
        LANES2(F32X4_MUL, u32, num_f32_mul(x, y))
        LANES2(F32X4_DIV, u32, num_f32_div(x, y))
        LANES2(F32X4_MIN, u32, num_f32_min(x, y))
        LANES2(F32X4_MAX, u32, num_f32_max(x, y))
        LANES2(F32X4_PMIN, u32, num_f32_pmin(x, y))
        LANES2(F32X4_PMAX, u32, num_f32_pmax(x, y))
        LANES2(F64X2_ADD, u64, num_f64_add(x, y))
        LANES2(F64X2_SUB, u64, num_f64_sub(x, y))
        LANES2(F64X2_MUL, u64, num_f64_mul(x, y))
        LANES2(F64X2_DIV, u64, num_f64_div(x, y))
        LANES2(F64X2_MIN, u64, num_f64_min(x, y))
        LANES2(F64X2_MAX, u64, num_f64_max(x, y))
        LANES2(F64X2_PMIN, u64, num_f64_pmin(x, y))
        LANES2(F64X2_PMAX, u64, num_f64_pmax(x, y))
        /* The lanes of both, one behind the other. */
        ROW1(I8X16_NARROW_I16X8_S, s16, s8, 16, k % 8, S8(k < 8 ? x : b->s16[k % 8]))
        ROW1(I8X16_NARROW_I16X8_U, s16, u8, 16, k % 8, U8(k < 8 ? x : b->s16[k % 8]))
        ROW1(I16X8_NARROW_I32X4_S, s32, s16, 8, k % 4, S16(k < 4 ? x : b->s32[k % 4]))
        ROW1(I16X8_NARROW_I32X4_U, s32, u16, 8, k % 4, U16(k < 4 ? x : b->s32[k % 4]))
        ROW1(I8X16_SWIZZLE, u8, u8, 16, b->u8[k] % 16, b->u8[k] < 16 ? x : 0)
    default:
        break;
    }
    return r;
}
/* clang-format on */
