/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the numeric instructions compute (specification 4.3), as pure functions, written from the specification and
 * shared with no compiler of ours, so that interpreted and compiled code can be held against each other. Floats come
 * and go as their bits.
 *
 * Where the specification lets several NaNs be a result, this gives what the processor's instruction gives: the first
 * operand that is a NaN, made quiet; without one, the quiet NaN with its sign set.
 */
#ifndef MOAT_WASM_RUNTIME_NUMERIC_H
#define MOAT_WASM_RUNTIME_NUMERIC_H

#include "wasm/runtime/value.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

/* Integers (4.3.2). Signed overflow is undefined in C, so sums are unsigned. */

static inline uint32_t num_i32_clz(uint32_t a)
{
    return a ? (uint32_t)__builtin_clz(a) : 32;
}

static inline uint64_t num_i64_clz(uint64_t a)
{
    return a ? (uint64_t)__builtin_clzll(a) : 64;
}

static inline uint32_t num_i32_ctz(uint32_t a)
{
    return a ? (uint32_t)__builtin_ctz(a) : 32;
}

static inline uint64_t num_i64_ctz(uint64_t a)
{
    return a ? (uint64_t)__builtin_ctzll(a) : 64;
}

static inline uint32_t num_i32_popcnt(uint32_t a)
{
    return (uint32_t)__builtin_popcount(a);
}

static inline uint64_t num_i64_popcnt(uint64_t a)
{
    return (uint64_t)__builtin_popcountll(a);
}

/* name, unsigned type, signed type, bits, least value */
#define NUM_INTEGER(I, U, S, BITS, MIN)                                                                                \
    static inline U num_##I##_add(U a, U b)                                                                            \
    {                                                                                                                  \
        return a + b;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_sub(U a, U b)                                                                            \
    {                                                                                                                  \
        return a - b;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_mul(U a, U b)                                                                            \
    {                                                                                                                  \
        return a * b;                                                                                                  \
    }                                                                                                                  \
    static inline enum wasm_trap num_##I##_div_s(U a, U b, U *out)                                                     \
    {                                                                                                                  \
        if (!b)                                                                                                        \
            return WASM_TRAP_DIVIDE_BY_ZERO;                                                                           \
        if ((S)a == MIN && (S)b == -1)                                                                                 \
            return WASM_TRAP_INTEGER_OVERFLOW;                                                                         \
        *out = (U)((S)a / (S)b);                                                                                       \
        return WASM_TRAP_NONE;                                                                                         \
    }                                                                                                                  \
    static inline enum wasm_trap num_##I##_div_u(U a, U b, U *out)                                                     \
    {                                                                                                                  \
        if (!b)                                                                                                        \
            return WASM_TRAP_DIVIDE_BY_ZERO;                                                                           \
        *out = a / b;                                                                                                  \
        return WASM_TRAP_NONE;                                                                                         \
    }                                                                                                                  \
    static inline enum wasm_trap num_##I##_rem_s(U a, U b, U *out)                                                     \
    {                                                                                                                  \
        if (!b)                                                                                                        \
            return WASM_TRAP_DIVIDE_BY_ZERO;                                                                           \
        *out = (S)b == -1 ? 0 : (U)((S)a % (S)b);                                                                      \
        return WASM_TRAP_NONE;                                                                                         \
    }                                                                                                                  \
    static inline enum wasm_trap num_##I##_rem_u(U a, U b, U *out)                                                     \
    {                                                                                                                  \
        if (!b)                                                                                                        \
            return WASM_TRAP_DIVIDE_BY_ZERO;                                                                           \
        *out = a % b;                                                                                                  \
        return WASM_TRAP_NONE;                                                                                         \
    }                                                                                                                  \
    static inline U num_##I##_and(U a, U b)                                                                            \
    {                                                                                                                  \
        return a & b;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_or(U a, U b)                                                                             \
    {                                                                                                                  \
        return a | b;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_xor(U a, U b)                                                                            \
    {                                                                                                                  \
        return a ^ b;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_shl(U a, U b)                                                                            \
    {                                                                                                                  \
        return a << b % BITS;                                                                                          \
    }                                                                                                                  \
    static inline U num_##I##_shr_s(U a, U b)                                                                          \
    {                                                                                                                  \
        return (U)((S)a >> b % BITS);                                                                                  \
    }                                                                                                                  \
    static inline U num_##I##_shr_u(U a, U b)                                                                          \
    {                                                                                                                  \
        return a >> b % BITS;                                                                                          \
    }                                                                                                                  \
    static inline U num_##I##_rotl(U a, U b)                                                                           \
    {                                                                                                                  \
        return a << b % BITS | a >> (BITS - b % BITS) % BITS;                                                          \
    }                                                                                                                  \
    static inline U num_##I##_rotr(U a, U b)                                                                           \
    {                                                                                                                  \
        return a >> b % BITS | a << (BITS - b % BITS) % BITS;                                                          \
    }                                                                                                                  \
    static inline uint32_t num_##I##_eqz(U a)                                                                          \
    {                                                                                                                  \
        return a == 0;                                                                                                 \
    }                                                                                                                  \
    static inline uint32_t num_##I##_eq(U a, U b)                                                                      \
    {                                                                                                                  \
        return a == b;                                                                                                 \
    }                                                                                                                  \
    static inline uint32_t num_##I##_ne(U a, U b)                                                                      \
    {                                                                                                                  \
        return a != b;                                                                                                 \
    }                                                                                                                  \
    static inline uint32_t num_##I##_lt_s(U a, U b)                                                                    \
    {                                                                                                                  \
        return (S)a < (S)b;                                                                                            \
    }                                                                                                                  \
    static inline uint32_t num_##I##_lt_u(U a, U b)                                                                    \
    {                                                                                                                  \
        return a < b;                                                                                                  \
    }                                                                                                                  \
    static inline uint32_t num_##I##_gt_s(U a, U b)                                                                    \
    {                                                                                                                  \
        return (S)a > (S)b;                                                                                            \
    }                                                                                                                  \
    static inline uint32_t num_##I##_gt_u(U a, U b)                                                                    \
    {                                                                                                                  \
        return a > b;                                                                                                  \
    }                                                                                                                  \
    static inline uint32_t num_##I##_le_s(U a, U b)                                                                    \
    {                                                                                                                  \
        return (S)a <= (S)b;                                                                                           \
    }                                                                                                                  \
    static inline uint32_t num_##I##_le_u(U a, U b)                                                                    \
    {                                                                                                                  \
        return a <= b;                                                                                                 \
    }                                                                                                                  \
    static inline uint32_t num_##I##_ge_s(U a, U b)                                                                    \
    {                                                                                                                  \
        return (S)a >= (S)b;                                                                                           \
    }                                                                                                                  \
    static inline uint32_t num_##I##_ge_u(U a, U b)                                                                    \
    {                                                                                                                  \
        return a >= b;                                                                                                 \
    }                                                                                                                  \
    static inline U num_##I##_extend8_s(U a)                                                                           \
    {                                                                                                                  \
        return (U)(int8_t)a;                                                                                           \
    }                                                                                                                  \
    static inline U num_##I##_extend16_s(U a)                                                                          \
    {                                                                                                                  \
        return (U)(int16_t)a;                                                                                          \
    }

NUM_INTEGER(i32, uint32_t, int32_t, 32, INT32_MIN)
NUM_INTEGER(i64, uint64_t, int64_t, 64, INT64_MIN)
#undef NUM_INTEGER

static inline uint64_t num_i64_extend32_s(uint64_t a)
{
    return (uint64_t)(int32_t)a;
}

/* Floats (4.3.3). */

static inline float num_f32_value(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t num_f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double num_f64_value(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t num_f64_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754's, correctly rounded; the instruction, since libm is not linked. */
static inline float num_f32_root(float a)
{
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)));
}

static inline double num_f64_root(double a)
{
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(a)));
}

/*
 * Name, bits, value, significand bits behind the point, exponent bias, sign bit, exponent, quiet bit.
 * trunc: a bit of the significand that is worth less than 1 is cleared. nearest: half-way cases go to the even side.
 */
#define NUM_FLOAT(F, U, V, FRACTION, BIAS, SIGN, EXPONENT, QUIET)                                                      \
    static inline bool num_##F##_is_nan(U a)                                                                           \
    {                                                                                                                  \
        return (a & ~(SIGN)) > EXPONENT;                                                                               \
    }                                                                                                                  \
    /* The result where a NaN is among the operands. */                                                                \
    static inline U num_##F##_nan(U a, U b)                                                                            \
    {                                                                                                                  \
        return (num_##F##_is_nan(a) ? a : b) | QUIET;                                                                  \
    }                                                                                                                  \
    static inline U num_##F##_of(V value)                                                                              \
    {                                                                                                                  \
        U bits = num_##F##_bits(value);                                                                                \
        return num_##F##_is_nan(bits) ? SIGN | EXPONENT | QUIET : bits;                                                \
    }                                                                                                                  \
    static inline bool num_##F##_either_nan(U a, U b)                                                                  \
    {                                                                                                                  \
        return num_##F##_is_nan(a) || num_##F##_is_nan(b);                                                             \
    }                                                                                                                  \
    static inline U num_##F##_add(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        return num_##F##_of(num_##F##_value(a) + num_##F##_value(b));                                                  \
    }                                                                                                                  \
    static inline U num_##F##_sub(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        return num_##F##_of(num_##F##_value(a) - num_##F##_value(b));                                                  \
    }                                                                                                                  \
    static inline U num_##F##_mul(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        return num_##F##_of(num_##F##_value(a) * num_##F##_value(b));                                                  \
    }                                                                                                                  \
    static inline U num_##F##_div(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        return num_##F##_of(num_##F##_value(a) / num_##F##_value(b));                                                  \
    }                                                                                                                  \
    /* Of two zeros, min is negative when one is, max is positive when one is. */                                      \
    static inline U num_##F##_min(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        if (num_##F##_value(a) == num_##F##_value(b))                                                                  \
            return a | b;                                                                                              \
        return num_##F##_value(a) < num_##F##_value(b) ? a : b;                                                        \
    }                                                                                                                  \
    static inline U num_##F##_max(U a, U b)                                                                            \
    {                                                                                                                  \
        if (num_##F##_either_nan(a, b))                                                                                \
            return num_##F##_nan(a, b);                                                                                \
        if (num_##F##_value(a) == num_##F##_value(b))                                                                  \
            return a & b;                                                                                              \
        return num_##F##_value(a) > num_##F##_value(b) ? a : b;                                                        \
    }                                                                                                                  \
    static inline U num_##F##_pmin(U a, U b)                                                                           \
    {                                                                                                                  \
        return num_##F##_value(b) < num_##F##_value(a) ? b : a;                                                        \
    }                                                                                                                  \
    static inline U num_##F##_pmax(U a, U b)                                                                           \
    {                                                                                                                  \
        return num_##F##_value(a) < num_##F##_value(b) ? b : a;                                                        \
    }                                                                                                                  \
    static inline U num_##F##_copysign(U a, U b)                                                                       \
    {                                                                                                                  \
        return (a & ~(SIGN)) | (b & SIGN);                                                                             \
    }                                                                                                                  \
    static inline U num_##F##_abs(U a)                                                                                 \
    {                                                                                                                  \
        return a & ~(SIGN);                                                                                            \
    }                                                                                                                  \
    static inline U num_##F##_neg(U a)                                                                                 \
    {                                                                                                                  \
        return a ^ SIGN;                                                                                               \
    }                                                                                                                  \
    static inline U num_##F##_sqrt(U a)                                                                                \
    {                                                                                                                  \
        return num_##F##_is_nan(a) ? a | QUIET : num_##F##_of(num_##F##_root(num_##F##_value(a)));                     \
    }                                                                                                                  \
    static inline U num_##F##_trunc(U a)                                                                               \
    {                                                                                                                  \
        if (num_##F##_is_nan(a))                                                                                       \
            return a | QUIET;                                                                                          \
        int exponent = (int)((a & EXPONENT) >> FRACTION) - BIAS;                                                       \
        if (exponent < 0)                                                                                              \
            return a & SIGN;                                                                                           \
        return exponent >= FRACTION ? a : a & ~((((U)1 << FRACTION) - 1) >> exponent);                                 \
    }                                                                                                                  \
    static inline U num_##F##_floor(U a)                                                                               \
    {                                                                                                                  \
        U whole = num_##F##_trunc(a);                                                                                  \
        if (num_##F##_value(whole) > num_##F##_value(a))                                                               \
            return num_##F##_bits(num_##F##_value(whole) - 1);                                                         \
        return whole;                                                                                                  \
    }                                                                                                                  \
    static inline U num_##F##_ceil(U a)                                                                                \
    {                                                                                                                  \
        return num_##F##_neg(num_##F##_floor(num_##F##_neg(a)));                                                       \
    }                                                                                                                  \
    static inline U num_##F##_nearest(U a)                                                                             \
    {                                                                                                                  \
        U whole = num_##F##_trunc(a);                                                                                  \
        V rest = num_##F##_value(num_##F##_abs(a)) - num_##F##_value(num_##F##_abs(whole));                            \
        bool odd = num_##F##_value(whole) / 2 !=                                                                       \
                   num_##F##_value(num_##F##_trunc(num_##F##_bits(num_##F##_value(whole) / 2)));                       \
        if (rest > (V)0.5 || (rest == (V)0.5 && odd))                                                                  \
            whole = num_##F##_bits(num_##F##_value(num_##F##_abs(whole)) + 1);                                         \
        return num_##F##_is_nan(a) ? whole : num_##F##_copysign(whole, a);                                             \
    }                                                                                                                  \
    static inline uint32_t num_##F##_eq(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) == num_##F##_value(b);                                                               \
    }                                                                                                                  \
    static inline uint32_t num_##F##_ne(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) != num_##F##_value(b);                                                               \
    }                                                                                                                  \
    static inline uint32_t num_##F##_lt(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) < num_##F##_value(b);                                                                \
    }                                                                                                                  \
    static inline uint32_t num_##F##_gt(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) > num_##F##_value(b);                                                                \
    }                                                                                                                  \
    static inline uint32_t num_##F##_le(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) <= num_##F##_value(b);                                                               \
    }                                                                                                                  \
    static inline uint32_t num_##F##_ge(U a, U b)                                                                      \
    {                                                                                                                  \
        return num_##F##_value(a) >= num_##F##_value(b);                                                               \
    }

NUM_FLOAT(f32, uint32_t, float, 23, 127, UINT32_C(0x80000000), UINT32_C(0x7f800000), UINT32_C(0x00400000))
NUM_FLOAT(f64, uint64_t, double, 52, 1023, UINT64_C(0x8000000000000000), UINT64_C(0x7ff0000000000000),
          UINT64_C(0x0008000000000000))
#undef NUM_FLOAT

/* Conversions (4.3.4). */

static inline uint32_t num_i32_wrap_i64(uint64_t a)
{
    return (uint32_t)a;
}

static inline uint64_t num_i64_extend_i32_s(uint32_t a)
{
    return (uint64_t)(int32_t)a;
}

static inline uint64_t num_i64_extend_i32_u(uint32_t a)
{
    return a;
}

/*
 * To an integer: first to a whole float, which is exact, then the range: LOW <= whole < HIGH, both powers of two or 0
 * and so exact in either format. Names, bits of the float, of the integer, its type, the range, values beyond it.
 */
#define NUM_TRUNC(I, F, S, UF, UI, TYPE, LOW, HIGH, LEAST, MOST)                                                       \
    static inline enum wasm_trap num_##I##_trunc_##F##_##S(UF a, UI *out)                                              \
    {                                                                                                                  \
        if (num_##F##_is_nan(a))                                                                                       \
            return WASM_TRAP_INVALID_CONVERSION;                                                                       \
        __typeof__(num_##F##_value(a)) whole = num_##F##_value(num_##F##_trunc(a));                                    \
        if (!(whole >= LOW && whole < HIGH))                                                                           \
            return WASM_TRAP_INTEGER_OVERFLOW;                                                                         \
        *out = (UI)(TYPE)whole;                                                                                        \
        return WASM_TRAP_NONE;                                                                                         \
    }                                                                                                                  \
    static inline UI num_##I##_trunc_sat_##F##_##S(UF a)                                                               \
    {                                                                                                                  \
        UI out = 0;                                                                                                    \
        if (num_##F##_is_nan(a))                                                                                       \
            return 0;                                                                                                  \
        if (num_##I##_trunc_##F##_##S(a, &out))                                                                        \
            return num_##F##_value(a) < 0 ? (UI)LEAST : (UI)MOST;                                                      \
        return out;                                                                                                    \
    }

NUM_TRUNC(i32, f32, s, uint32_t, uint32_t, int32_t, -0x1p31F, 0x1p31F, INT32_MIN, INT32_MAX)
NUM_TRUNC(i32, f32, u, uint32_t, uint32_t, uint32_t, 0, 0x1p32F, 0, UINT32_MAX)
NUM_TRUNC(i32, f64, s, uint64_t, uint32_t, int32_t, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX)
NUM_TRUNC(i32, f64, u, uint64_t, uint32_t, uint32_t, 0, 0x1p32, 0, UINT32_MAX)
NUM_TRUNC(i64, f32, s, uint32_t, uint64_t, int64_t, -0x1p63F, 0x1p63F, INT64_MIN, INT64_MAX)
NUM_TRUNC(i64, f32, u, uint32_t, uint64_t, uint64_t, 0, 0x1p64F, 0, UINT64_MAX)
NUM_TRUNC(i64, f64, s, uint64_t, uint64_t, int64_t, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
NUM_TRUNC(i64, f64, u, uint64_t, uint64_t, uint64_t, 0, 0x1p64, 0, UINT64_MAX)
#undef NUM_TRUNC

/* From an integer: C rounds to nearest, ties to even, as the specification does. */
#define NUM_CONVERT(F, I, S, UI, TYPE, V)                                                                              \
    static inline __typeof__(num_##F##_bits(0)) num_##F##_convert_##I##_##S(UI a)                                      \
    {                                                                                                                  \
        return num_##F##_bits((V)(TYPE)a);                                                                             \
    }

NUM_CONVERT(f32, i32, s, uint32_t, int32_t, float)
NUM_CONVERT(f32, i32, u, uint32_t, uint32_t, float)
NUM_CONVERT(f32, i64, s, uint64_t, int64_t, float)
NUM_CONVERT(f32, i64, u, uint64_t, uint64_t, float)
NUM_CONVERT(f64, i32, s, uint32_t, int32_t, double)
NUM_CONVERT(f64, i32, u, uint32_t, uint32_t, double)
NUM_CONVERT(f64, i64, s, uint64_t, int64_t, double)
NUM_CONVERT(f64, i64, u, uint64_t, uint64_t, double)
#undef NUM_CONVERT

/* A NaN keeps its sign and the upper bits of its payload, as the processor does it. */
static inline uint32_t num_f32_demote_f64(uint64_t a)
{
    if (num_f64_is_nan(a))
        return (uint32_t)(a >> 63) << 31 | 0x7fc00000u | ((uint32_t)(a >> 29) & 0x003fffffu);
    return num_f32_bits((float)num_f64_value(a));
}

static inline uint64_t num_f64_promote_f32(uint32_t a)
{
    if (num_f32_is_nan(a))
        return (uint64_t)(a >> 31) << 63 | UINT64_C(0x7ff8000000000000) | (uint64_t)(a & 0x003fffffu) << 29;
    return num_f64_bits((double)num_f32_value(a));
}

#endif
