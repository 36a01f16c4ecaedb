/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numeric functions of the reference interpreter at their edges. Expected values are written from the specification
 * (4.3) and from IEEE 754, as bits.
 */
#include "base/mem.h"
#include "wasm/module/opcode.h"
#include "wasm/runtime/interp_vector.h"
#include "wasm/runtime/numeric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MIN32 UINT32_C(0x80000000)
#define MIN64 UINT64_C(0x8000000000000000)
#define INF   UINT32_C(0x7f800000)
#define NAN32 UINT32_C(0x7fc00000)
#define DNAN  UINT32_C(0xffc00000) /* what no NaN among the operands gives */
#define SNAN  UINT32_C(0x7fa00001)
#define ONE   UINT32_C(0x3f800000)
#define NEG   UINT32_C(0x80000000) /* or'ed to a float: its negative */
#define INF64 UINT64_C(0x7ff0000000000000)
#define ONE64 UINT64_C(0x3ff0000000000000)
#define NEG64 MIN64

#define EXPECT(EXPRESSION, EXPECTED) expect(#EXPRESSION, (uint64_t)(EXPRESSION), (uint64_t)(EXPECTED))

static void expect(const char *expression, uint64_t got, uint64_t expected)
{
    if (got != expected)
        fail_msg("%s: expected 0x%llx, got 0x%llx", expression, (unsigned long long)expected, (unsigned long long)got);
}

static void test_division_traps_or_rounds_to_zero(void **state)
{
    uint32_t r = 0;
    uint64_t q = 0;
    (void)state;
    EXPECT(num_i32_div_s(MIN32, UINT32_MAX, &r), WASM_TRAP_INTEGER_OVERFLOW);
    EXPECT(num_i32_div_s(1, 0, &r), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT(num_i32_div_u(1, 0, &r), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT(num_i32_rem_s(1, 0, &r), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT(num_i32_rem_u(1, 0, &r), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT(num_i64_div_s(MIN64, UINT64_MAX, &q), WASM_TRAP_INTEGER_OVERFLOW);
    EXPECT(num_i64_div_s(MIN64, 0, &q), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT(num_i64_rem_u(0, 0, &q), WASM_TRAP_DIVIDE_BY_ZERO);
    EXPECT((num_i32_rem_s(MIN32, UINT32_MAX, &r), r), 0);
    EXPECT((num_i64_rem_s(MIN64, UINT64_MAX, &q), q), 0);
    EXPECT((num_i32_div_s((uint32_t)-7, 2, &r), r), (uint32_t)-3);
    EXPECT((num_i32_rem_s((uint32_t)-7, 2, &r), r), (uint32_t)-1);
    EXPECT((num_i32_rem_s(7, (uint32_t)-2, &r), r), 1);
    EXPECT((num_i32_div_u((uint32_t)-7, 2, &r), r), 0x7ffffffc);
    EXPECT((num_i32_div_u(MIN32, UINT32_MAX, &r), r), 0);
    EXPECT((num_i64_div_s((uint64_t)-7, 2, &q), q), (uint64_t)-3);
    EXPECT((num_i64_div_u(UINT64_MAX, 3, &q), q), UINT64_C(0x5555555555555555));
}

static void test_shifts_and_rotations_take_the_count_modulo_the_width(void **state)
{
    (void)state;
    EXPECT(num_i32_shl(1, 32), 1);
    EXPECT(num_i32_shl(1, 33), 2);
    EXPECT(num_i32_shl(1, 31), MIN32);
    EXPECT(num_i32_shr_s(MIN32, 31), UINT32_MAX);
    EXPECT(num_i32_shr_s(MIN32, 32), MIN32);
    EXPECT(num_i32_shr_u(MIN32, 31), 1);
    EXPECT(num_i32_rotl(0xabcd9876, 0), 0xabcd9876);
    EXPECT(num_i32_rotl(0xabcd9876, 32), 0xabcd9876);
    EXPECT(num_i32_rotl(0xabcd9876, 1), 0x579b30ed);
    EXPECT(num_i32_rotr(1, 1), MIN32);
    EXPECT(num_i32_rotr(1, 33), MIN32);
    EXPECT(num_i64_shl(1, 64), 1);
    EXPECT(num_i64_shl(1, 63), MIN64);
    EXPECT(num_i64_shr_s(MIN64, 127), UINT64_MAX);
    EXPECT(num_i64_rotl(MIN64, 1), 1);
    EXPECT(num_i64_rotr(1, 65), MIN64);
    EXPECT(num_i64_rotr(7, 64), 7);
}

static void test_bits_are_counted_and_extended(void **state)
{
    (void)state;
    EXPECT(num_i32_clz(0), 32);
    EXPECT(num_i32_clz(1), 31);
    EXPECT(num_i32_ctz(0), 32);
    EXPECT(num_i32_ctz(MIN32), 31);
    EXPECT(num_i64_clz(0), 64);
    EXPECT(num_i64_ctz(0), 64);
    EXPECT(num_i64_ctz(MIN64), 63);
    EXPECT(num_i64_popcnt(UINT64_MAX), 64);
    EXPECT(num_i32_extend8_s(0x180), 0xffffff80);
    EXPECT(num_i32_extend16_s(0x17fff), 0x7fff);
    EXPECT(num_i64_extend8_s(0x80), UINT64_C(0xffffffffffffff80));
    EXPECT(num_i64_extend32_s(0x180000000), UINT64_C(0xffffffff80000000));
    EXPECT(num_i64_extend_i32_u(MIN32), UINT64_C(0x80000000));
    EXPECT(num_i64_extend_i32_s(MIN32), UINT64_C(0xffffffff80000000));
    EXPECT(num_i32_lt_s(MIN32, 0), 1);
    EXPECT(num_i32_lt_u(MIN32, 0), 0);
    EXPECT(num_i64_ge_u(MIN64, 1), 1);
    EXPECT(num_i64_ge_s(MIN64, 1), 0);
}

/* With a NaN: the first that is one, quiet. Without: the one that the processor makes. */
static void test_nans_come_out_as_the_processor_makes_them(void **state)
{
    (void)state;
    EXPECT(num_f32_add(SNAN, ONE), SNAN | 0x400000);
    EXPECT(num_f32_add(ONE, SNAN), SNAN | 0x400000);
    EXPECT(num_f32_add(0x7fc00002, 0x7fc00003), 0x7fc00002);
    EXPECT(num_f32_sub(0xffc00002, 0x7fc00003), 0xffc00002);
    EXPECT(num_f32_add(INF, INF | NEG), DNAN);
    EXPECT(num_f32_mul(INF, 0), DNAN);
    EXPECT(num_f32_div(0, NEG), DNAN);
    EXPECT(num_f32_sqrt(ONE | NEG), DNAN);
    EXPECT(num_f32_sqrt(SNAN), SNAN | 0x400000);
    EXPECT(num_f32_sqrt(NEG), NEG);
    EXPECT(num_f32_min(NAN32, INF | NEG), NAN32);
    EXPECT(num_f32_max(ONE, 0xffc00000), 0xffc00000);
    EXPECT(num_f32_ceil(SNAN | NEG), SNAN | NEG | 0x400000);
    EXPECT(num_f32_floor(SNAN), SNAN | 0x400000);
    EXPECT(num_f32_nearest(SNAN), SNAN | 0x400000);
    EXPECT(num_f32_neg(SNAN), SNAN | NEG);
    EXPECT(num_f32_abs(SNAN | NEG), SNAN);
    EXPECT(num_f32_copysign(SNAN, NEG), SNAN | NEG);
    EXPECT(num_f32_eq(NAN32, NAN32), 0);
    EXPECT(num_f32_ne(NAN32, NAN32), 1);
    EXPECT(num_f32_le(NAN32, INF), 0);
    EXPECT(num_f64_promote_f32(SNAN), UINT64_C(0x7ffc000020000000));
    EXPECT(num_f32_demote_f64(UINT64_C(0xfff0000000000001)), 0xffc00000);
    EXPECT(num_f32_demote_f64(UINT64_C(0x7ff8000020000000)), 0x7fc00001);
    EXPECT(num_f64_sub(INF64, INF64), UINT64_C(0xfff8000000000000));
}

static void test_min_and_max_tell_zeros_apart_and_the_pseudo_ones_do_not(void **state)
{
    (void)state;
    EXPECT(num_f32_min(0, NEG), NEG);
    EXPECT(num_f32_min(NEG, 0), NEG);
    EXPECT(num_f32_max(0, NEG), 0);
    EXPECT(num_f32_max(NEG, 0), 0);
    EXPECT(num_f32_max(NEG, NEG), NEG);
    EXPECT(num_f64_min(0, NEG64), NEG64);
    EXPECT(num_f64_max(NEG64, 0), 0);
    EXPECT(num_f32_pmin(0, NEG), 0);
    EXPECT(num_f32_pmin(NEG, 0), NEG);
    EXPECT(num_f32_pmax(NEG, 0), NEG);
    EXPECT(num_f32_pmin(ONE, SNAN), ONE);
    EXPECT(num_f32_pmin(SNAN, ONE), SNAN);
    EXPECT(num_f64_pmax(ONE64, INF64), INF64);
}

static void test_rounding_to_whole_numbers(void **state)
{
    static const struct {
        uint32_t in, ceil, floor, trunc, nearest;
    } rows[] = {
        {0x00000000, 0, 0, 0, 0},
        {0x80000000, NEG, NEG, NEG, NEG},
        {0x3f000000, ONE, 0, 0, 0},                                   /* 0.5 */
        {0xbf000000, NEG, ONE | NEG, NEG, NEG},                       /* -0.5 */
        {0x3f000001, ONE, 0, 0, ONE},                                 /* just above 0.5 */
        {0x3effffff, ONE, 0, 0, 0},                                   /* just below */
        {0x3fc00000, 0x40000000, ONE, ONE, 0x40000000},               /* 1.5 */
        {0x40200000, 0x40400000, 0x40000000, 0x40000000, 0x40000000}, /* 2.5 */
        {0xc0600000, 0xc0400000, 0xc0800000, 0xc0400000, 0xc0800000}, /* -3.5 */
        {0x00000001, ONE, 0, 0, 0},                                   /* the least */
        {0x80000001, NEG, ONE | NEG, NEG, NEG},                       /* its negative */
        {0x4afffffd, 0x4afffffe, 0x4afffffc, 0x4afffffc, 0x4afffffc}, /* 8388606.5 */
        {0x4b000001, 0x4b000001, 0x4b000001, 0x4b000001, 0x4b000001}, /* 2^23 + 1 */
        {0x7f7fffff, 0x7f7fffff, 0x7f7fffff, 0x7f7fffff, 0x7f7fffff}, /* the largest */
        {INF | NEG, INF | NEG, INF | NEG, INF | NEG, INF | NEG},
    };
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        EXPECT(num_f32_ceil(rows[k].in), rows[k].ceil);
        EXPECT(num_f32_floor(rows[k].in), rows[k].floor);
        EXPECT(num_f32_trunc(rows[k].in), rows[k].trunc);
        EXPECT(num_f32_nearest(rows[k].in), rows[k].nearest);
    }
    EXPECT(num_f64_nearest(UINT64_C(0x432fffffffffffff)), UINT64_C(0x4330000000000000)); /* 2^52 - 0.5: to even */
    EXPECT(num_f64_nearest(UINT64_C(0xc00c000000000000)), UINT64_C(0xc010000000000000)); /* -3.5 */
    EXPECT(num_f64_ceil(UINT64_C(0xbfefffffffffffff)), NEG64);
    EXPECT(num_f64_floor(UINT64_C(0x8000000000000001)), ONE64 | NEG64);
}

static void test_conversions_to_integers_trap_just_outside_the_range(void **state)
{
    uint32_t r = 0;
    uint64_t q = 0;
    (void)state;
    EXPECT(num_i32_trunc_f32_s(0x4f000000, &r), WASM_TRAP_INTEGER_OVERFLOW);         /* 2^31 */
    EXPECT((num_i32_trunc_f32_s(0x4effffff, &r), r), 0x7fffff80);                    /* the float before it */
    EXPECT((num_i32_trunc_f32_s(0xcf000000, &r), r), MIN32);                         /* -2^31 */
    EXPECT(num_i32_trunc_f32_s(0xcf000001, &r), WASM_TRAP_INTEGER_OVERFLOW);         /* the float beyond */
    EXPECT(num_i32_trunc_f32_u(0xbf800000, &r), WASM_TRAP_INTEGER_OVERFLOW);         /* -1 */
    EXPECT((num_i32_trunc_f32_u(0xbf7fffff, &r), r), 0);                             /* just above -1 */
    EXPECT(num_i32_trunc_f32_u(0x4f800000, &r), WASM_TRAP_INTEGER_OVERFLOW);         /* 2^32 */
    EXPECT((num_i32_trunc_f64_s(0x41dfffffffffffff, &r), r), 0x7fffffff);            /* 2^31 - a little */
    EXPECT((num_i32_trunc_f64_s(0xc1e00000001fffff, &r), r), MIN32);                 /* -2^31 - 0.99 */
    EXPECT(num_i32_trunc_f64_s(0xc1e0000000200000, &r), WASM_TRAP_INTEGER_OVERFLOW); /* -2^31 - 1 */
    EXPECT((num_i32_trunc_f64_u(0x41efffffffffffff, &r), r), UINT32_MAX);            /* 2^32 - a little */
    EXPECT(num_i64_trunc_f64_s(0x43e0000000000000, &q), WASM_TRAP_INTEGER_OVERFLOW); /* 2^63 */
    EXPECT((num_i64_trunc_f64_s(0xc3e0000000000000, &q), q), MIN64);
    EXPECT((num_i64_trunc_f64_u(0x43efffffffffffff, &q), q), UINT64_C(0xfffffffffffff800));
    EXPECT(num_i64_trunc_f64_u(0x43f0000000000000, &q), WASM_TRAP_INTEGER_OVERFLOW); /* 2^64 */
    EXPECT((num_i64_trunc_f32_u(0x5f7fffff, &q), q), UINT64_C(0xffffff0000000000));
    EXPECT(num_i64_trunc_f32_s(SNAN, &q), WASM_TRAP_INVALID_CONVERSION);
    EXPECT(num_i32_trunc_f32_u(INF, &r), WASM_TRAP_INTEGER_OVERFLOW);
}

static void test_saturating_conversions_end_at_the_range(void **state)
{
    (void)state;
    EXPECT(num_i32_trunc_sat_f32_s(NAN32), 0);
    EXPECT(num_i32_trunc_sat_f32_s(INF), 0x7fffffff);
    EXPECT(num_i32_trunc_sat_f32_s(INF | NEG), MIN32);
    EXPECT(num_i32_trunc_sat_f32_u(ONE | NEG), 0);
    EXPECT(num_i32_trunc_sat_f32_u(0x4f800000), UINT32_MAX);
    EXPECT(num_i32_trunc_sat_f64_u(INF64 | NEG64), 0);
    EXPECT(num_i64_trunc_sat_f32_s(0x5f000000), INT64_MAX);
    EXPECT(num_i64_trunc_sat_f64_s(INF64 | NEG64), MIN64);
    EXPECT(num_i64_trunc_sat_f64_u(INF64), UINT64_MAX);
    EXPECT(num_i64_trunc_sat_f64_u(0x3fe0000000000000), 0);
}

static void test_conversions_from_integers_round_to_even(void **state)
{
    (void)state;
    EXPECT(num_f32_convert_i32_s(16777217), 0x4b800000); /* 2^24 + 1: down */
    EXPECT(num_f32_convert_i32_s(16777219), 0x4b800002); /* 2^24 + 3: up */
    EXPECT(num_f32_convert_i32_u(UINT32_MAX), 0x4f800000);
    EXPECT(num_f32_convert_i32_s(UINT32_MAX), ONE | NEG);
    EXPECT(num_f32_convert_i64_u(UINT64_MAX), 0x5f800000);
    EXPECT(num_f32_convert_i64_u(UINT64_C(0x8000008000000000)), 0x5f000000); /* half-way: to even */
    EXPECT(num_f32_convert_i64_u(UINT64_C(0x8000008000000001)), 0x5f000001); /* one more: up, once */
    EXPECT(num_f32_convert_i64_s(UINT64_C(0x7fffff4000000001)), 0x5effffff);
    EXPECT(num_f64_convert_i64_u(UINT64_C(0xfffffffffffffc00)), UINT64_C(0x43f0000000000000));
    EXPECT(num_f64_convert_i64_s(MIN64), UINT64_C(0xc3e0000000000000));
    EXPECT(num_f64_convert_i64_u(UINT64_C(9007199254740993)), UINT64_C(0x4340000000000000));
    EXPECT(num_f32_demote_f64(UINT64_C(0x36a0000000000000)), 1); /* the least float */
    EXPECT(num_f32_demote_f64(UINT64_C(0x3690000000000000)), 0); /* half of it: to even */
    EXPECT(num_f32_demote_f64(UINT64_C(0x47efffffefffffff)), 0x7f7fffff);
    EXPECT(num_f32_demote_f64(UINT64_C(0x47effffff0000000)), INF);
}

/* A vector of a few bytes in hex, over and over. */
static union vector vector_of(const char *hex)
{
    union vector v;
    size_t n = strlen(hex) / 2;
    for (unsigned k = 0; k < 16; k++) {
        unsigned byte = 0;
        sscanf(hex + 2 * (k % n), "%2x", &byte);
        v.bytes[k] = (uint8_t)byte;
    }
    return v;
}

static void expect_vector(const char *label, const union vector *got, const char *hex)
{
    union vector expected = vector_of(hex);
    char text[33];
    for (unsigned k = 0; k < 16; k++)
        snprintf(text + 2 * k, 3, "%02x", got->bytes[k]);
    if (memcmp(got, &expected, sizeof expected) != 0)
        fail_msg("%s: expected %s, got %s", label, hex, text);
}

#define ROW(OP, ...)                                                                                                   \
    {                                                                                                                  \
        WASM_OP_##OP, #OP, __VA_ARGS__                                                                                 \
    }

/* Bytes as they lie in memory: the lowest of a lane first. */
static void test_vectors_of_two_saturate_wrap_and_compare_by_lanes(void **state)
{
    static const struct {
        uint16_t op;
        const char *label, *a, *b, *expected;
    } rows[] = {
        ROW(I8X16_ADD_SAT_S, "7f80", "01ff", "7f80"),
        ROW(I8X16_ADD_SAT_U, "ff80", "017f", "ffff"),
        ROW(I8X16_SUB_SAT_S, "8000", "0180", "807f"),
        ROW(I8X16_SUB_SAT_U, "0001", "0101", "0000"),
        ROW(I16X8_ADD_SAT_S, "ff7f", "0100", "ff7f"),
        ROW(I8X16_AVGR_U, "ff00", "ff01", "ff01"),
        ROW(I16X8_MUL, "ffff", "ffff", "0100"),
        ROW(I64X2_MUL, "ffffffffffffffff", "0300000000000000", "fdffffffffffffff"),
        ROW(I16X8_Q15MULR_SAT_S, "0080", "0080", "ff7f"),
        ROW(I32X4_DOT_I16X8_S, "0080", "0080", "00000080"),
        ROW(I16X8_EXTMUL_LOW_I8X16_U, "ff", "ff", "01fe"),
        ROW(I16X8_EXTMUL_HIGH_I8X16_S, "80", "80", "0040"),
        ROW(I64X2_EXTMUL_LOW_I32X4_U, "ffffffff", "ffffffff", "01000000feffffff"),
        ROW(I8X16_NARROW_I16X8_S, "8000", "80ff", "7f7f7f7f7f7f7f7f8080808080808080"),
        ROW(I8X16_NARROW_I16X8_U, "ffff", "0001", "0000000000000000ffffffffffffffff"),
        ROW(I16X8_NARROW_I32X4_U, "ffff0000", "00000080", "ffffffffffffffff0000000000000000"),
        ROW(I8X16_SWIZZLE, "000102030405060708090a0b0c0d0e0f", "0f10ff00", "0f000000"),
        ROW(V128_ANDNOT, "f0", "30", "c0"),
        ROW(I8X16_LT_U, "80", "7f", "00"),
        ROW(I8X16_LT_S, "80", "7f", "ff"),
        ROW(I64X2_GT_S, "0000000000000080", "0100000000000000", "00"),
        ROW(F32X4_EQ, "00000080", "00000000", "ff"),
        ROW(F32X4_PMIN, "0000803f", "0000c07f", "0000803f"),
        ROW(F64X2_MAX, "0000000000000080", "0000000000000000", "00"),
    };
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        union vector a = vector_of(rows[k].a), b = vector_of(rows[k].b);
        union vector r = interp_vector_binary(rows[k].op, &a, &b);
        expect_vector(rows[k].label, &r, rows[k].expected);
    }
}

static void test_vectors_of_one_widen_and_convert_by_lanes(void **state)
{
    static const struct {
        uint16_t op;
        const char *label, *a, *expected;
    } rows[] = {
        ROW(I8X16_ABS, "80ff", "8001"),
        ROW(I64X2_NEG, "0000000000000080", "0000000000000080"),
        ROW(I8X16_POPCNT, "ff07", "0803"),
        ROW(I16X8_EXTADD_PAIRWISE_I8X16_S, "80", "00ff"),
        ROW(I16X8_EXTADD_PAIRWISE_I8X16_U, "80", "0001"),
        ROW(I32X4_EXTEND_HIGH_I16X8_S, "00000000000000000080008000800080", "0080ffff"),
        ROW(I32X4_EXTEND_LOW_I16X8_U, "00800080008000800000000000000000", "00800000"),
        ROW(I32X4_TRUNC_SAT_F64X2_S_ZERO, "000000000000f07f", "ffffff7fffffff7f0000000000000000"),
        ROW(I32X4_TRUNC_SAT_F32X4_U, "000080bf", "00"),
        ROW(F64X2_PROMOTE_LOW_F32X4, "0000803f", "000000000000f03f"),
        ROW(F32X4_DEMOTE_F64X2_ZERO, "000000000000f03f", "0000803f0000803f0000000000000000"),
        ROW(F64X2_CONVERT_LOW_I32X4_U, "ffffffff", "0000e0ffffffef41"),
        ROW(F32X4_NEAREST, "00002040", "00000040"),
        ROW(V128_NOT, "f0", "0f"),
    };
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        union vector a = vector_of(rows[k].a), r = interp_vector_unary(rows[k].op, &a);
        expect_vector(rows[k].label, &r, rows[k].expected);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_division_traps_or_rounds_to_zero),
        cmocka_unit_test(test_shifts_and_rotations_take_the_count_modulo_the_width),
        cmocka_unit_test(test_bits_are_counted_and_extended),
        cmocka_unit_test(test_nans_come_out_as_the_processor_makes_them),
        cmocka_unit_test(test_min_and_max_tell_zeros_apart_and_the_pseudo_ones_do_not),
        cmocka_unit_test(test_rounding_to_whole_numbers),
        cmocka_unit_test(test_conversions_to_integers_trap_just_outside_the_range),
        cmocka_unit_test(test_saturating_conversions_end_at_the_range),
        cmocka_unit_test(test_conversions_from_integers_round_to_even),
        cmocka_unit_test(test_vectors_of_two_saturate_wrap_and_compare_by_lanes),
        cmocka_unit_test(test_vectors_of_one_widen_and_convert_by_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
