/* SPDX-License-Identifier: Apache-2.0 */
/* Near branches in each mode: conditions (fused with comparisons, too), loops, calls and returns, targets that are not
 * allowed. */
#include "cpu_harness.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static uint64_t flags_of(unsigned n)
{
    return (n & 1 ? FLAG_C : 0) | (n & 2 ? FLAG_P : 0) | (n & 4 ? FLAG_Z : 0) | (n & 8 ? FLAG_S : 0) |
           (n & 16 ? FLAG_O : 0);
}

/* Intel's appendix B, said again in another way. */
static bool expected(unsigned n, uint64_t f)
{
    bool c = f & FLAG_C, z = f & FLAG_Z, s = f & FLAG_S, o = f & FLAG_O, p = f & FLAG_P;
    const bool all[] = {o, !o, c, !c, z,     !z,       c | z,       !(c | z),
                        s, !s, p, !p, s ^ o, !(s ^ o), z | (s ^ o), !(z | (s ^ o))};

    return all[n];
}

static void test_each_condition_in_each_mode(void **state)
{
    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;

        for (unsigned n = 0; n < 32; n++) {
            const uint8_t near[] = {(uint8_t)(0x70 + n), 0x10}, far[] = {0x0f, (uint8_t)(0x70 + n), 0x20, 0x01, 0, 0};
            bool wide = n >= 16;
            unsigned length = !wide ? 2 : m <= BOARD_16 ? 4 : 6, distance = wide ? 0x120 : 0x10;

            board_code(b, wide ? far : near, wide ? sizeof far : sizeof near);
            uint64_t start = cpu->rip;
            for (unsigned k = 0; k < 32; k++) {
                cpu->rip = start;
                flags_set(&cpu->flags, (uint32_t)flags_of(k));
                board_run(b, 1);
                assert_int_equal(cpu->rip - start, length + (expected(n & 15, flags_of(k)) ? distance : 0));
                assert_int_equal(flags_get(&cpu->flags), flags_of(k));
            }
        }
        board_free(b);
    }
}

/* A comparison and a branch in one block, against the two one by one. */
static void test_comparison_and_branch_together(void **state)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x7fff,
                                      0x8000,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      UINT64_C(0x7fffffffffffffff),
                                      UINT64_C(0x8000000000000000),
                                      UINT64_C(0xffffffffffffff80)};
    const unsigned count = sizeof values / sizeof *values;
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    for (unsigned k = 0; k < 16; k++) /* cmp or test, register or immediate, four widths */
        for (unsigned n = 0; n < 16; n++) {
            unsigned s = k & 3, test = k >> 2 & 1, imm = k >> 3;
            uint8_t code[16];
            unsigned at = 0;

            if (s == 1)
                code[at++] = 0x66;
            if (s == 3)
                code[at++] = 0x48;
            code[at++] = (uint8_t)(imm ? (test ? 0xf6
                                          : s  ? 0x83
                                               : 0x80) +
                                             (test && s)
                                       : (test ? 0x84 : 0x38) + (s > 0));
            code[at++] = (uint8_t)(imm ? (test ? 0xc3 : 0xfb) : 0xcb); /* rbx with rcx or -128 */
            if (imm) {
                code[at++] = 0x80;
                if (test && s) {
                    code[at++] = 0xff;
                    if (s > 1)
                        code[at++] = 0xff, code[at++] = 0xff;
                }
            }
            code[at++] = (uint8_t)(0x70 + n);
            code[at++] = 0x20;
            memset(code + at, 0x90, sizeof code - at);
            board_code(b, code, sizeof code);
            for (unsigned i = 0; i < count * count; i++) {
                uint64_t rips[2], flags[2];

                for (unsigned together = 0; together < 2; together++) {
                    cpu->rip = BOARD_CODE;
                    cpu->gpr[GPR_BX] = values[i / count];
                    cpu->gpr[GPR_CX] = values[i % count];
                    if (!together)
                        board_run(b, 1);
                    board_run(b, together ? 2 : 1);
                    rips[together] = cpu->rip;
                    flags[together] = flags_get(&cpu->flags);
                }
                assert_int_equal(rips[0], rips[1]);
                assert_int_equal(flags[0], flags[1]);
                assert_int_equal(rips[0] - BOARD_CODE, at + (expected(n, flags[0]) ? 0x20 : 0));
            }
        }
    board_free(b);
}

static void test_loops(void **state)
{
    static const uint8_t code[] = {0x40 /* rex, or inc ax */, 0xff, 0xc0, 0xe2, 0xfb, 0x90}; /* inc eax; loop */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_CX] = 100;
    board_run(b, 200);
    assert_int_equal(cpu->gpr[GPR_AX], 100);
    assert_int_equal(cpu->gpr[GPR_CX], 0);
    assert_int_equal(cpu->rip, BOARD_CODE + 5);
    board_free(b);
}

static void test_loop_counters_and_flags(void **state)
{
    static const struct {
        uint8_t bytes[3];
        uint32_t flags;
        uint64_t before, after;
        bool taken;
    } rows[] = {
        {{0xe2, 0x10}, 0, 0, ~UINT64_C(0), true},
        {{0xe2, 0x10}, 0, 1, 0, false},
        {{0xe1, 0x10}, FLAG_Z, 5, 4, true},
        {{0xe1, 0x10}, 0, 5, 4, false},
        {{0xe0, 0x10}, FLAG_Z, 5, 4, false},
        {{0xe0, 0x10}, 0, 5, 4, true},
        {{0xe3, 0x10}, 0, 0, 0, true},
        {{0xe3, 0x10}, 0, UINT64_C(0x100000000), UINT64_C(0x100000000), false},
        {{0x67, 0xe3, 0x10}, 0, UINT64_C(0x100000000), UINT64_C(0x100000000), true},
        {{0x67, 0xe2, 0x10}, 0, UINT64_C(0x500000001), 0, false},
        {{0x67, 0xe2, 0x10}, 0, UINT64_C(0x500000000), 0xffffffff, true},
    };
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned length = rows[i].bytes[0] == 0x67 ? 3 : 2;

        board_code(b, rows[i].bytes, 3);
        cpu->gpr[GPR_CX] = rows[i].before;
        flags_set(&cpu->flags, rows[i].flags);
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_CX], rows[i].after);
        assert_int_equal(cpu->rip, BOARD_CODE + length + (rows[i].taken ? 0x10 : 0));
    }
    board_free(b);
}

/* call to a ret behind it, in each mode. */
static void test_call_and_return(void **state)
{
    static const uint8_t code16[] = {0xe8, 2, 0, 0xeb, 0xfb, 0xc3}; /* 1: call 2f; jmp 1b; 2: ret */
    static const uint8_t code32[] = {0xe8, 2, 0, 0, 0, 0xeb, 0xf9, 0xc3};

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;
        bool narrow = m <= BOARD_16;
        unsigned size = narrow ? 2 : m <= BOARD_32_USER ? 4 : 8;
        uint64_t pointer = cpu->gpr[GPR_SP];

        board_code(b, narrow ? code16 : code32, narrow ? sizeof code16 : sizeof code32);
        uint64_t start = cpu->rip, next = start + (narrow ? 3 : 5);
        board_run(b, 1);
        assert_int_equal(cpu->rip, next + 2);
        assert_int_equal(cpu->gpr[GPR_SP], pointer - size);
        assert_memory_equal(b->ram + cpu->segments[SEG_SS].base + pointer - size, &next, size);
        board_run(b, 1);
        assert_int_equal(cpu->rip, next);
        assert_int_equal(cpu->gpr[GPR_SP], pointer);
        board_run(b, 3001);
        assert_int_equal(cpu->rip, start);
        assert_int_equal(cpu->gpr[GPR_SP], pointer);
        board_free(b);
    }
}

static void test_indirect(void **state)
{
    static const struct {
        uint8_t bytes[4];
        unsigned length;
        bool call;
    } rows[] = {
        {{0xff, 0xe3}, 2, false},       /* jmp rbx */
        {{0xff, 0xd3}, 2, true},        /* call rbx */
        {{0xff, 0x61, 0x10}, 3, false}, /* jmp [rcx + 16] */
        {{0xff, 0x51, 0x10}, 3, true},  /* call [rcx + 16]: the displacement is not where it goes on */
        {{0x41, 0xff, 0xd0}, 3, true},  /* call r8 */
        {{0x66, 0xff, 0xe3}, 3, false}, /* 66 has no effect */
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct board *b = board_make(BOARD_64);
        struct cpu *cpu = b->cpu;

        board_code(b, rows[i].bytes, 4);
        cpu->gpr[GPR_BX] = cpu->gpr[8] = 0x14000;
        cpu->gpr[GPR_CX] = BOARD_DATA;
        board_write64(b, BOARD_DATA + 16, 0x14000);
        board_run(b, 1);
        assert_int_equal(cpu->rip, 0x14000);
        if (rows[i].call)
            assert_int_equal(board_read64(b, cpu->gpr[GPR_SP]), BOARD_CODE + rows[i].length);
        assert_int_equal(cpu->gpr[GPR_SP], BOARD_STACK - (rows[i].call ? 8 : 0));
        board_free(b);
    }
}

static void test_return_takes_arguments_off(void **state)
{
    static const uint8_t code[] = {0xc2, 0x18, 0x00}; /* ret 24 */
    struct board *b = board_make(BOARD_64);

    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_SP] = BOARD_DATA;
    board_write64(b, BOARD_DATA, 0x14000);
    board_run(b, 1);
    assert_int_equal(b->cpu->rip, 0x14000);
    assert_int_equal(b->cpu->gpr[GPR_SP], BOARD_DATA + 8 + 24);
    board_free(b);
}

/* ---- Targets that are not allowed -------------------------------------------------------------------------------- */

/* #GP of the branch (and the hlt that it leads to), with nothing done: the stack is where it was, but for what the
 * exception pushed. */
static void refused(struct board *b, unsigned pushed)
{
    struct cpu *cpu = b->cpu;
    uint64_t rip = cpu->rip, pointer = cpu->gpr[GPR_SP], counter = cpu->gpr[GPR_CX];
    struct caught c = board_run_caught(b, 2);

    assert_int_equal(c.vector, VECTOR_GP);
    assert_int_equal(c.error, 0);
    assert_int_equal(c.rip, rip);
    assert_int_equal(cpu->gpr[GPR_CX], counter);
    assert_int_equal(cpu->gpr[GPR_SP], pointer - pushed);
}

static void test_targets_that_are_not_canonical(void **state)
{
    static const uint8_t codes[][4] = {{0xff, 0xe3}, {0xff, 0xd3}, {0xff, 0x26}, {0xff, 0x16}, {0xc3}, {0xc2, 8, 0}};

    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct board *b = board_make(BOARD_64);
        struct cpu *cpu = b->cpu;

        board_catch(b);
        board_code(b, codes[i], 4);
        cpu->gpr[GPR_BX] = UINT64_C(0x800000000000);
        cpu->gpr[GPR_SI] = cpu->gpr[GPR_SP] = BOARD_DATA;
        board_write64(b, BOARD_DATA, UINT64_C(0xffff7fffffffffff));
        refused(b, 6 * 8);
        board_free(b);
    }
}

static void test_targets_beyond_the_limit(void **state)
{
    static const uint8_t codes[][6] = {
        {0xe9, 0, 0x10}, {0xe8, 0, 0x10}, {0x0f, 0x84, 0, 0x10}, {0xe2, 0x70}, {0xeb, 0x70},
        {0x74, 0x70},    {0xff, 0xe3},    {0xff, 0xd3},          {0xc3},
    };

    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct board *b = board_make(BOARD_32);
        struct cpu *cpu = b->cpu;

        board_catch(b);
        board_code(b, codes[i], 6);
        cpu->segments[SEG_CS].limit = BOARD_CODE + 0x60;
        cpu->gpr[GPR_BX] = BOARD_CODE + 0x61;
        cpu->gpr[GPR_CX] = 9;
        flags_set(&cpu->flags, FLAG_Z);
        board_write64(b, cpu->gpr[GPR_SP], BOARD_CODE + 0x1000);
        refused(b, 4 * 4);
        board_free(b);
    }
}

/* In 16-bit code targets are cut to 16 bits. */
static void test_targets_wrap(void **state)
{
    static const uint8_t code[] = {0xeb, 0x80}; /* jmp -128 */
    struct board *b = board_make(BOARD_REAL);

    board_code(b, code, sizeof code);
    board_run(b, 1);
    assert_int_equal(b->cpu->rip, 0xff82);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_condition_in_each_mode),
        cmocka_unit_test(test_comparison_and_branch_together),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_loop_counters_and_flags),
        cmocka_unit_test(test_call_and_return),
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_return_takes_arguments_off),
        cmocka_unit_test(test_targets_that_are_not_canonical),
        cmocka_unit_test(test_targets_beyond_the_limit),
        cmocka_unit_test(test_targets_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
