/* SPDX-License-Identifier: Apache-2.0 */
/* Operands at the edges of what vector instructions do, and random ones; what results are the same. */
#ifndef MOAT_TESTS_WASM_VECTOR_INPUTS_H
#define MOAT_TESTS_WASM_VECTOR_INPUTS_H

#include "base/mem.h"
#include "wasm/module/opcode.h"
#include "wasm/runtime/value.h"

#include <stdbool.h>
#include <string.h>

#define TWICE8(x)        (0x0101010101010101u * (x)), (0x0101010101010101u * (x))
#define TWICE16(x)       (0x0001000100010001u * (x)), (0x0001000100010001u * (x))
#define TWICE32(x)       (0x0000000100000001u * (x)), (0x0000000100000001u * (x))
#define F32S(a, b, c, d) ((uint64_t)(b) << 32 | (a)), ((uint64_t)(d) << 32 | (c))

/* Lower half, upper half. */
static const uint64_t vector_edges[][2] = {
    {0, 0},
    {UINT64_MAX, UINT64_MAX},
    {TWICE8(0x80)},
    {TWICE8(0x7f)},
    {TWICE8(1)},
    {TWICE16(0x8000)},
    {TWICE16(0x7fff)},
    {TWICE16(0x00ff)},
    {TWICE32(0x80000000u)},
    {TWICE32(0x7fffffffu)},
    {TWICE32(1)},
    {0x0706050403020100, 0x0f0e0d0c0b0a0908},
    {0xf0e0d0c0b0a09080, 0xff1f10110f7f8081},
    {0x8000000000000000, 0x7fffffffffffffff},
    {0x8000000000000001, UINT64_MAX},
    {0x00000000ffffffff, 0xffffffff00000000},
    {0x0000000100000000, 0x0000000080000000},
    {F32S(0xffffffffu, 0x80000000u, 0x7fffffffu, 0xffffff7fu)}, /* integers that round when they become floats */
    {F32S(0x01000001u, 0xffffff81u, 0x02000001u, 0xffffff80u)},
    {F32S(0x80000080u, 0x80000081u, 0x800000c0u, 0x7fffffc0u)},
    {F32S(0x00000000u, 0x80000000u, 0x3f800000u, 0xbf800000u)}, /* 0, -0, 1, -1 */
    {F32S(0x80000000u, 0x00000000u, 0xbf800000u, 0x3f800000u)},
    {F32S(0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00000u)}, /* inf, -inf, nan, -nan */
    {F32S(0x7fa00000u, 0xffa00001u, 0x7fffffffu, 0x7fc00001u)}, /* signalling, and others that are not canonical */
    {F32S(0x4f000000u, 0xcf000000u, 0x4f800000u, 0xcf000001u)}, /* 2^31, -2^31, 2^32, below -2^31 */
    {F32S(0x4effffffu, 0x4f7fffffu, 0xbf7fffffu, 0x3f000000u)}, /* below 2^31, below 2^32, above -1, 0.5 */
    {F32S(0x3fc00000u, 0x40200000u, 0xbf000000u, 0xbfc00000u)}, /* 1.5, 2.5, -0.5, -1.5 */
    {F32S(0x00000001u, 0x7f7fffffu, 0x807fffffu, 0x4b000001u)}, /* smallest, largest, subnormal, 2^23 + 1 */
    {0x0000000000000000, 0x8000000000000000},
    {0x7ff8000000000000, 0xfff8000000000000}, /* nan, -nan */
    {0x7ff4000000000000, 0xfff8000000000001}, /* signalling, not canonical */
    {0x7ff0000000000000, 0xfff0000000000000}, /* inf, -inf */
    {0x41dfffffffe00000, 0xc1e0000000333333}, /* 2147483647.5, -2147483648.1 */
    {0x41e0000000000000, 0xc1e0000000200000}, /* 2^31, -2^31 - 1 */
    {0x41efffffffffffff, 0x41f0000000000000}, /* below 2^32, 2^32 */
    {0x3fe0000000000000, 0xbfe0000000000000}, /* 0.5, -0.5 */
    {0x3ff8000000000000, 0xc004000000000000}, /* 1.5, -2.5 */
    {0x7fefffffffffffff, 0xffefffffffffffff}, /* largest */
    {0x0000000000000001, 0x800fffffffffffff}, /* smallest, subnormal */
    {0x36a0000000000000, 0x47efffffefffffff}, /* where f32 begins and ends */
};
#define VECTOR_EDGES ARRAY_LEN(vector_edges)

static const uint64_t scalar_edges[] = {
    0,          1,          7,          8,          9,
    15,         16,         17,         31,         32,
    33,         63,         64,         65,         127,
    128,        255,        32767,      0x80000000, UINT64_MAX,
    0x7fc00001, 0x7fa00000, 0x80000000, 1ull << 63, 0x7ff4000000000000,
};
#define SCALAR_EDGES ARRAY_LEN(scalar_edges)

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* The n-th value for an operand of this kind (a letter of a signature). */
static inline union wasm_value edge_value(char kind, size_t n)
{
    union wasm_value v = {.v128 = {0}};

    if (kind == 'v')
        memcpy(v.v128, vector_edges[n % VECTOR_EDGES], 16);
    else
        v.i64 = scalar_edges[n % SCALAR_EDGES];
    if (kind == 'i' || kind == 'f')
        v.i64 &= UINT32_MAX;
    return v;
}

/* Any bits; of vectors one in four has edges in its halves. */
static inline union wasm_value random_value(char kind, uint64_t *state)
{
    uint64_t bits[2] = {random_next(state), random_next(state)};
    union wasm_value v = {.v128 = {0}};

    if (kind == 'v' && bits[0] % 4 == 0) {
        bits[0] = vector_edges[bits[0] / 4 % VECTOR_EDGES][bits[1] & 1];
        bits[1] = vector_edges[bits[1] / 4 % VECTOR_EDGES][bits[1] >> 1 & 1];
    }
    if (kind == 'v')
        memcpy(v.v128, bits, sizeof(bits));
    else
        v.i64 = kind == 'i' || kind == 'f' ? (uint32_t)bits[0] : bits[0];
    return v;
}

/* ---- NaN: specification 4.3.3 ------------------------------------------------------------------------------------ */

/* Arithmetic, which may choose among NaNs. */
static inline bool chooses_nan(uint16_t op)
{
    static const char *const words[] = {"add",
                                        "sub",
                                        "mul",
                                        "div",
                                        "min",
                                        "max",
                                        "sqrt",
                                        "ceil",
                                        "floor",
                                        "trunc",
                                        "nearest",
                                        "demote_f64x2_zero",
                                        "promote_low_f32x4"};
    const char *name = wasm_op_rows[op].name;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (name[0] == 'f' && !strcmp(name + 6, words[i]))
            return true;
    return false;
}

static inline uint64_t float_lane(const uint8_t *v, unsigned width, unsigned lane)
{
    uint64_t bits = 0;

    memcpy(&bits, v + lane * width, width);
    return bits;
}

enum nan { NUMBER, NAN_CANONICAL, NAN_QUIET, NAN_SIGNALLING };

static inline enum nan nan_of(uint64_t bits, unsigned width)
{
    uint64_t infinite = width == 4 ? 0x7f800000 : 0x7ff0000000000000, quiet = width == 4 ? 1u << 22 : 1ull << 51;

    bits &= width == 4 ? 0x7fffffff : INT64_MAX;
    return bits <= infinite             ? NUMBER
           : bits == (infinite | quiet) ? NAN_CANONICAL
           : bits & quiet               ? NAN_QUIET
                                        : NAN_SIGNALLING;
}

/* Whether some operand has a NaN that is not canonical, in lanes of this width. */
static inline bool odd_nan(const union wasm_value *operands, size_t n, unsigned width)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned lane = 0; lane < 16 / width; lane++)
            if (nan_of(float_lane(operands[i].v128, width, lane), width) > NAN_CANONICAL)
                return true;
    return false;
}

/* Whether a result is allowed where another one is expected. */
static inline bool result_fits(uint16_t op, const union wasm_value *operands, size_t n, const uint8_t *got,
                               const uint8_t *expected)
{
    const char *name = wasm_op_rows[op].name;
    unsigned to = name[1] == '3' ? 4 : 8, from = strstr(name, "f64x2_zero") ? 8 : strstr(name, "low_f32x4") ? 4 : to;

    if (!memcmp(got, expected, 16))
        return true;
    if (!chooses_nan(op))
        return false;
    for (unsigned lane = 0; lane < 16 / to; lane++) {
        uint64_t g = float_lane(got, to, lane), e = float_lane(expected, to, lane);

        if (g == e)
            continue;
        if (nan_of(e, to) == NUMBER || nan_of(g, to) == NUMBER || nan_of(g, to) == NAN_SIGNALLING)
            return false;
        if (nan_of(g, to) != NAN_CANONICAL && !odd_nan(operands, n, from))
            return false;
    }
    return true;
}

#endif
