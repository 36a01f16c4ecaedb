/* SPDX-License-Identifier: Apache-2.0 */
/* The stack in each mode: pushes and pops of all widths, of the pointer itself, frames, faults. */
#include "cpu_harness.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

/* Linear address of the top of the stack. */
static uint64_t top(const struct cpu *cpu)
{
    return cpu->segments[SEG_SS].base + cpu->gpr[GPR_SP];
}

static uint64_t word(struct board *b, uint64_t at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, b->ram + at, size);
    return v;
}

static void test_push_and_pop_in_each_mode(void **state)
{
    static const uint8_t code[] = {0x53, 0x59}; /* push rbx; pop rcx */
    static const unsigned sizes[] = {2, 2, 4, 4, 8, 8};

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;
        uint64_t before = cpu->gpr[GPR_SP], v = UINT64_C(0x1122334455667788);

        board_code(b, code, sizeof code);
        cpu->gpr[GPR_BX] = v;
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before - sizes[m]);
        assert_int_equal(word(b, top(cpu), sizes[m]),
                         v & (sizes[m] == 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * sizes[m]) - 1));
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before);
        assert_memory_equal(&cpu->gpr[GPR_CX], &v, sizes[m]);
        board_free(b);
    }
}

static void test_operand_size_prefix(void **state)
{
    static const uint8_t code[] = {0x66, 0x53, 0x66, 0x59}; /* of 16 bits where others are wider, and the other way */
    static const unsigned sizes[] = {4, 4, 2, 2, 2, 2};

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;
        uint64_t before = cpu->gpr[GPR_SP];

        board_code(b, code, sizeof code);
        cpu->gpr[GPR_BX] = 0x55667788;
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before - sizes[m]);
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before);
        assert_int_equal(cpu->gpr[GPR_CX], sizes[m] == 2 ? 0x7788 : 0x55667788);
        board_free(b);
    }
}

static void test_push_sp_is_the_old_pop_sp_the_popped(void **state)
{
    static const uint8_t code[] = {0x54, 0x5c}; /* push rsp; pop rsp */

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;
        uint64_t before = cpu->gpr[GPR_SP];

        board_code(b, code, sizeof code);
        board_run(b, 1);
        assert_int_equal(word(b, top(cpu), 2), before & 0xffff);
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before);
        board_free(b);
    }
}

static void test_immediates_are_extended(void **state)
{
    static const uint8_t code[] = {0x6a, 0x80, 0x68, 0xff, 0xff, 0xff, 0x8f}; /* push -128; push 0x8fffffff */
    struct board *b = board_make(BOARD_64);

    board_code(b, code, sizeof code);
    board_run(b, 1);
    assert_int_equal(board_read64(b, top(b->cpu)), (uint64_t)-128);
    board_run(b, 1);
    assert_int_equal(board_read64(b, top(b->cpu)), UINT64_C(0xffffffff8fffffff));
    board_free(b);
}

static void test_pop_to_memory_by_the_moved_pointer(void **state)
{
    static const uint8_t code[] = {0x8f, 0x44, 0x24, 0x10}; /* pop qword [rsp + 16] */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_SP] = BOARD_DATA;
    board_write64(b, BOARD_DATA, 77);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_SP], BOARD_DATA + 8);
    assert_int_equal(board_read64(b, BOARD_DATA + 8 + 16), 77);
    board_free(b);
}

static void test_push_from_memory(void **state)
{
    static const uint8_t code[] = {0xff, 0x33}; /* push qword [rbx] */
    struct board *b = board_make(BOARD_64);

    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_BX] = BOARD_DATA;
    board_write64(b, BOARD_DATA, UINT64_C(0x123456789abcdef0));
    board_run(b, 1);
    assert_int_equal(board_read64(b, top(b->cpu)), UINT64_C(0x123456789abcdef0));
    board_free(b);
}

static void test_all_eight(void **state)
{
    static const uint8_t code[] = {0x60, 0x61}; /* pusha; popa */

    for (enum board_mode m = BOARD_REAL; m <= BOARD_32; m++) {
        struct board *b = board_make(m);
        struct cpu *cpu = b->cpu;
        unsigned size = m == BOARD_32 ? 4 : 2;
        uint64_t before = cpu->gpr[GPR_SP];

        board_code(b, code, sizeof code);
        for (unsigned n = 0; n < 8; n++)
            if (n != GPR_SP)
                cpu->gpr[n] = 0x11110000 + n;
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before - 8 * size);
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(word(b, top(cpu) + (7 - n) * size, 2), n == GPR_SP ? before & 0xffff : n);
        for (unsigned n = 0; n < 8; n++)
            if (n != GPR_SP)
                cpu->gpr[n] = 0x22225555;
        board_run(b, 1);
        assert_int_equal(cpu->gpr[GPR_SP], before);
        for (unsigned n = 0; n < 8; n++)
            if (n != GPR_SP)
                assert_int_equal(cpu->gpr[n], (size == 4 ? 0x11110000 : 0x22220000) + n);
        board_free(b);
    }
}

static void test_frames(void **state)
{
    static const uint8_t code[] = {0xc8, 0x20, 0, 0, 0xc9,  /* enter 32, 0; leave */
                                   0xc8, 0x10, 0, 3, 0xc9}; /* enter 16, 3; leave */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_BP] = BOARD_DATA + 64;
    board_write64(b, BOARD_DATA + 56, 0x1001);
    board_write64(b, BOARD_DATA + 48, 0x1002);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_BP], BOARD_STACK - 8);
    assert_int_equal(cpu->gpr[GPR_SP], BOARD_STACK - 8 - 32);
    assert_int_equal(board_read64(b, BOARD_STACK - 8), BOARD_DATA + 64);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_BP], BOARD_DATA + 64);
    assert_int_equal(cpu->gpr[GPR_SP], BOARD_STACK);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_BP], BOARD_STACK - 8);
    assert_int_equal(cpu->gpr[GPR_SP], BOARD_STACK - 8 - 3 * 8 - 16);
    assert_int_equal(board_read64(b, BOARD_STACK - 16), 0x1001);
    assert_int_equal(board_read64(b, BOARD_STACK - 24), 0x1002);
    assert_int_equal(board_read64(b, BOARD_STACK - 32), BOARD_STACK - 8);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_SP], BOARD_STACK);
    board_free(b);
}

static void test_pointer_wraps_within_its_width(void **state)
{
    static const uint8_t code[] = {0x53, 0x59}; /* push bx; pop cx */
    struct board *b = board_make(BOARD_REAL);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->segments[SEG_SS].base = BOARD_DATA;
    cpu->gpr[GPR_SP] = 0x77770000;
    cpu->gpr[GPR_BX] = 0x1234;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_SP], 0x7777fffe);
    assert_int_equal(word(b, BOARD_DATA + 0xfffe, 2), 0x1234);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_SP], 0x77770000);
    assert_int_equal(cpu->gpr[GPR_CX], 0x1234);
    board_free(b);
}

static void test_fault_leaves_the_pointer(void **state)
{
    static const uint8_t codes[][4] = {
        {0x53}, {0x5b}, {0xff, 0x33}, {0x8f, 0x03}, {0xc8, 0x10, 0, 0}, {0xc9}, {0x6a, 1}, {0xe8}, {0xc3},
    };

    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct board *b = board_make(BOARD_64);
        struct cpu *cpu = b->cpu;

        board_code(b, codes[i], 4);
        cpu->gpr[GPR_SP] = cpu->gpr[GPR_BP] = UINT64_C(0x7fff00001000); /* not mapped */
        cpu->gpr[GPR_BX] = BOARD_DATA;
        cpu_run(cpu, 1);
        assert_int_equal(cpu->gpr[GPR_SP], UINT64_C(0x7fff00001000));
        assert_int_equal(cpu->gpr[GPR_BP], UINT64_C(0x7fff00001000));
        assert_int_equal(cpu->gpr[GPR_BX], BOARD_DATA);
        board_free(b);
    }
}

/* The store of pop fails after the load: the pointer goes back. */
static void test_pop_to_memory_that_fails(void **state)
{
    static const uint8_t code[] = {0x8f, 0x03}; /* pop qword [rbx] */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_BX] = UINT64_C(0x7fff00001000);
    cpu->gpr[GPR_SP] = BOARD_DATA;
    cpu_run(cpu, 1);
    assert_true(cpu->gpr[GPR_SP] == BOARD_DATA);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_pop_in_each_mode),
        cmocka_unit_test(test_operand_size_prefix),
        cmocka_unit_test(test_push_sp_is_the_old_pop_sp_the_popped),
        cmocka_unit_test(test_immediates_are_extended),
        cmocka_unit_test(test_pop_to_memory_by_the_moved_pointer),
        cmocka_unit_test(test_push_from_memory),
        cmocka_unit_test(test_all_eight),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_pointer_wraps_within_its_width),
        cmocka_unit_test(test_fault_leaves_the_pointer),
        cmocka_unit_test(test_pop_to_memory_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
