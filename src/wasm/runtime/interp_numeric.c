/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric instructions (specification 4.4.1): a row each says what is taken, what is given and which function makes it.
 */
#include "wasm/module/opcode.h"
#include "wasm/runtime/interp.h"
#include "wasm/runtime/numeric.h"

#define UNARY(OP, FROM, TO, FUNCTION)                                                                                  \
    case WASM_OP_##OP:                                                                                                 \
        a->TO = FUNCTION(a->FROM);                                                                                     \
        break;
#define BINARY(OP, FROM, TO, FUNCTION)                                                                                 \
    case WASM_OP_##OP:                                                                                                 \
        a--;                                                                                                           \
        a->TO = FUNCTION(a[0].FROM, a[1].FROM);                                                                        \
        break;
#define TRAP_UNARY(OP, FROM, TO, FUNCTION)                                                                             \
    case WASM_OP_##OP:                                                                                                 \
        trap = FUNCTION(a->FROM, &a->TO);                                                                              \
        break;
#define TRAP_BINARY(OP, FROM, TO, FUNCTION)                                                                            \
    case WASM_OP_##OP:                                                                                                 \
        a--;                                                                                                           \
        trap = FUNCTION(a[0].FROM, a[1].FROM, &a->TO);                                                                 \
        break;

/* clang-format off */
enum wasm_trap interp_numeric(uint16_t op, union wasm_value **top)
{
    union wasm_value *a = *top - 1;
    enum wasm_trap trap = WASM_TRAP_NONE;
    switch (op) {
        UNARY(I32_EQZ, i32, i32, num_i32_eqz)
        BINARY(I32_EQ, i32, i32, num_i32_eq)
        BINARY(I32_NE, i32, i32, num_i32_ne)
        BINARY(I32_LT_S, i32, i32, num_i32_lt_s)
        BINARY(I32_LT_U, i32, i32, num_i32_lt_u)
        BINARY(I32_GT_S, i32, i32, num_i32_gt_s)
        BINARY(I32_GT_U, i32, i32, num_i32_gt_u)
        BINARY(I32_LE_S, i32, i32, num_i32_le_s)
        BINARY(I32_LE_U, i32, i32, num_i32_le_u)
        BINARY(I32_GE_S, i32, i32, num_i32_ge_s)
        BINARY(I32_GE_U, i32, i32, num_i32_ge_u)
        UNARY(I64_EQZ, i64, i32, num_i64_eqz)
        BINARY(I64_EQ, i64, i32, num_i64_eq)
        BINARY(I64_NE, i64, i32, num_i64_ne)
        BINARY(I64_LT_S, i64, i32, num_i64_lt_s)
        BINARY(I64_LT_U, i64, i32, num_i64_lt_u)
        BINARY(I64_GT_S, i64, i32, num_i64_gt_s)
        BINARY(I64_GT_U, i64, i32, num_i64_gt_u)
        BINARY(I64_LE_S, i64, i32, num_i64_le_s)
        BINARY(I64_LE_U, i64, i32, num_i64_le_u)
        BINARY(I64_GE_S, i64, i32, num_i64_ge_s)
        BINARY(I64_GE_U, i64, i32, num_i64_ge_u)
        BINARY(F32_EQ, f32, i32, num_f32_eq)
        BINARY(F32_NE, f32, i32, num_f32_ne)
        BINARY(F32_LT, f32, i32, num_f32_lt)
        BINARY(F32_GT, f32, i32, num_f32_gt)
        BINARY(F32_LE, f32, i32, num_f32_le)
        BINARY(F32_GE, f32, i32, num_f32_ge)
        BINARY(F64_EQ, f64, i32, num_f64_eq)
        BINARY(F64_NE, f64, i32, num_f64_ne)
        BINARY(F64_LT, f64, i32, num_f64_lt)
        BINARY(F64_GT, f64, i32, num_f64_gt)
        BINARY(F64_LE, f64, i32, num_f64_le)
        BINARY(F64_GE, f64, i32, num_f64_ge)
        UNARY(I32_CLZ, i32, i32, num_i32_clz)
        UNARY(I32_CTZ, i32, i32, num_i32_ctz)
        UNARY(I32_POPCNT, i32, i32, num_i32_popcnt)
        BINARY(I32_ADD, i32, i32, num_i32_add)
        BINARY(I32_SUB, i32, i32, num_i32_sub)
        BINARY(I32_MUL, i32, i32, num_i32_mul)
        TRAP_BINARY(I32_DIV_S, i32, i32, num_i32_div_s)
        TRAP_BINARY(I32_DIV_U, i32, i32, num_i32_div_u)
        TRAP_BINARY(I32_REM_S, i32, i32, num_i32_rem_s)
        TRAP_BINARY(I32_REM_U, i32, i32, num_i32_rem_u)
        BINARY(I32_AND, i32, i32, num_i32_and)
        BINARY(I32_OR, i32, i32, num_i32_or)
        BINARY(I32_XOR, i32, i32, num_i32_xor)
        BINARY(I32_SHL, i32, i32, num_i32_shl)
        BINARY(I32_SHR_S, i32, i32, num_i32_shr_s)
        BINARY(I32_SHR_U, i32, i32, num_i32_shr_u)
        BINARY(I32_ROTL, i32, i32, num_i32_rotl)
        BINARY(I32_ROTR, i32, i32, num_i32_rotr)
        UNARY(I64_CLZ, i64, i64, num_i64_clz)
        UNARY(I64_CTZ, i64, i64, num_i64_ctz)
        UNARY(I64_POPCNT, i64, i64, num_i64_popcnt)
        BINARY(I64_ADD, i64, i64, num_i64_add)
        BINARY(I64_SUB, i64, i64, num_i64_sub)
        BINARY(I64_MUL, i64, i64, num_i64_mul)
        TRAP_BINARY(I64_DIV_S, i64, i64, num_i64_div_s)
        TRAP_BINARY(I64_DIV_U, i64, i64, num_i64_div_u)
        TRAP_BINARY(I64_REM_S, i64, i64, num_i64_rem_s)
        TRAP_BINARY(I64_REM_U, i64, i64, num_i64_rem_u)
        BINARY(I64_AND, i64, i64, num_i64_and)
        BINARY(I64_OR, i64, i64, num_i64_or)
        BINARY(I64_XOR, i64, i64, num_i64_xor)
        BINARY(I64_SHL, i64, i64, num_i64_shl)
        BINARY(I64_SHR_S, i64, i64, num_i64_shr_s)
        BINARY(I64_SHR_U, i64, i64, num_i64_shr_u)
        BINARY(I64_ROTL, i64, i64, num_i64_rotl)
        BINARY(I64_ROTR, i64, i64, num_i64_rotr)
        UNARY(F32_ABS, f32, f32, num_f32_abs)
        UNARY(F32_NEG, f32, f32, num_f32_neg)
        UNARY(F32_CEIL, f32, f32, num_f32_ceil)
        UNARY(F32_FLOOR, f32, f32, num_f32_floor)
        UNARY(F32_TRUNC, f32, f32, num_f32_trunc)
        UNARY(F32_NEAREST, f32, f32, num_f32_nearest)
        UNARY(F32_SQRT, f32, f32, num_f32_sqrt)
        BINARY(F32_ADD, f32, f32, num_f32_add)
        BINARY(F32_SUB, f32, f32, num_f32_sub)
        BINARY(F32_MUL, f32, f32, num_f32_mul)
        BINARY(F32_DIV, f32, f32, num_f32_div)
        BINARY(F32_MIN, f32, f32, num_f32_min)
        BINARY(F32_MAX, f32, f32, num_f32_max)
        BINARY(F32_COPYSIGN, f32, f32, num_f32_copysign)
        UNARY(F64_ABS, f64, f64, num_f64_abs)
        UNARY(F64_NEG, f64, f64, num_f64_neg)
        UNARY(F64_CEIL, f64, f64, num_f64_ceil)
        UNARY(F64_FLOOR, f64, f64, num_f64_floor)
        UNARY(F64_TRUNC, f64, f64, num_f64_trunc)
        UNARY(F64_NEAREST, f64, f64, num_f64_nearest)
        UNARY(F64_SQRT, f64, f64, num_f64_sqrt)
        BINARY(F64_ADD, f64, f64, num_f64_add)
        BINARY(F64_SUB, f64, f64, num_f64_sub)
        BINARY(F64_MUL, f64, f64, num_f64_mul)
        BINARY(F64_DIV, f64, f64, num_f64_div)
        BINARY(F64_MIN, f64, f64, num_f64_min)
        BINARY(F64_MAX, f64, f64, num_f64_max)
        BINARY(F64_COPYSIGN, f64, f64, num_f64_copysign)
        UNARY(I32_WRAP_I64, i64, i32, num_i32_wrap_i64)
        TRAP_UNARY(I32_TRUNC_F32_S, f32, i32, num_i32_trunc_f32_s)
        TRAP_UNARY(I32_TRUNC_F32_U, f32, i32, num_i32_trunc_f32_u)
        TRAP_UNARY(I32_TRUNC_F64_S, f64, i32, num_i32_trunc_f64_s)
        TRAP_UNARY(I32_TRUNC_F64_U, f64, i32, num_i32_trunc_f64_u)
        UNARY(I64_EXTEND_I32_S, i32, i64, num_i64_extend_i32_s)
        UNARY(I64_EXTEND_I32_U, i32, i64, num_i64_extend_i32_u)
        TRAP_UNARY(I64_TRUNC_F32_S, f32, i64, num_i64_trunc_f32_s)
        TRAP_UNARY(I64_TRUNC_F32_U, f32, i64, num_i64_trunc_f32_u)
        TRAP_UNARY(I64_TRUNC_F64_S, f64, i64, num_i64_trunc_f64_s)
        TRAP_UNARY(I64_TRUNC_F64_U, f64, i64, num_i64_trunc_f64_u)
        UNARY(F32_CONVERT_I32_S, i32, f32, num_f32_convert_i32_s)
        UNARY(F32_CONVERT_I32_U, i32, f32, num_f32_convert_i32_u)
        UNARY(F32_CONVERT_I64_S, i64, f32, num_f32_convert_i64_s)
        UNARY(F32_CONVERT_I64_U, i64, f32, num_f32_convert_i64_u)
        UNARY(F32_DEMOTE_F64, f64, f32, num_f32_demote_f64)
        UNARY(F64_CONVERT_I32_S, i32, f64, num_f64_convert_i32_s)
        UNARY(F64_CONVERT_I32_U, i32, f64, num_f64_convert_i32_u)
        UNARY(F64_CONVERT_I64_S, i64, f64, num_f64_convert_i64_s)
        UNARY(F64_CONVERT_I64_U, i64, f64, num_f64_convert_i64_u)
        UNARY(F64_PROMOTE_F32, f32, f64, num_f64_promote_f32)
        UNARY(I32_EXTEND8_S, i32, i32, num_i32_extend8_s)
        UNARY(I32_EXTEND16_S, i32, i32, num_i32_extend16_s)
        UNARY(I64_EXTEND8_S, i64, i64, num_i64_extend8_s)
        UNARY(I64_EXTEND16_S, i64, i64, num_i64_extend16_s)
        UNARY(I64_EXTEND32_S, i64, i64, num_i64_extend32_s)
        UNARY(I32_TRUNC_SAT_F32_S, f32, i32, num_i32_trunc_sat_f32_s)
        UNARY(I32_TRUNC_SAT_F32_U, f32, i32, num_i32_trunc_sat_f32_u)
        UNARY(I32_TRUNC_SAT_F64_S, f64, i32, num_i32_trunc_sat_f64_s)
        UNARY(I32_TRUNC_SAT_F64_U, f64, i32, num_i32_trunc_sat_f64_u)
        UNARY(I64_TRUNC_SAT_F32_S, f32, i64, num_i64_trunc_sat_f32_s)
        UNARY(I64_TRUNC_SAT_F32_U, f32, i64, num_i64_trunc_sat_f32_u)
        UNARY(I64_TRUNC_SAT_F64_S, f64, i64, num_i64_trunc_sat_f64_s)
        UNARY(I64_TRUNC_SAT_F64_U, f64, i64, num_i64_trunc_sat_f64_u)
    default: /* reinterpret: the bits stay */
        break;
    }
    *top = a + 1;
    return trap;
}
/* clang-format on */
