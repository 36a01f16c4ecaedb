/* SPDX-License-Identifier: Apache-2.0 */
/* Debug exceptions of the software processor: steps, breakpoints of code, data and ports, the registers themselves. */
#include "cpu_guest.h"

#include "cpu/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DR7_GLOBAL(n)          (UINT64_C(2) << 2 * (n))
#define DR7_KIND(n, kind, len) ((uint64_t)((kind) | (len) << 2) << (16 + 4 * (n)))
enum { CODE = 0, WRITE = 1, PORT = 2, DATA = 3, LENGTH_1 = 0, LENGTH_2 = 1, LENGTH_8 = 2, LENGTH_4 = 3 };

GUEST_CODE(steps, 64, "nop\n inc %eax\n inc %eax\n hlt");
GUEST_CODE(step_syscall, 64, "syscall\n nop\n hlt");

static void watch(struct guest *g, unsigned n, uint64_t at, unsigned kind, unsigned length)
{
    g->cpu->dr[n] = at;
    g->cpu->dr[7] |= DR7_GLOBAL(n) | DR7_KIND(n, kind, length);
    cpu_tlb_flush(g->cpu, true);
}

static void test_trap_flag_raises_after_each_instruction(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, steps);
    g.cpu->rflags |= RFLAGS_TF;
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 1);
    assert_true(guest_stack(&g, 2) & RFLAGS_TF);
    assert_int_equal(g.cpu->dr[6], DR6_FIXED | DR6_BS);
    assert_false(g.cpu->rflags & RFLAGS_TF);
    guest_free(&g);
}

GUEST_CODE(set_trap, 64, "pushf\n orl $0x100, (%rsp)\n popf\n nop\n nop\n hlt");

static void test_popf_that_sets_the_trap_flag_is_not_stepped_itself(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, set_trap);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 10);
    guest_free(&g);
}

GUEST_CODE(scan, 64, "mov $0x30000, %edi\n mov $5, %ecx\n mov $1, %eax\n repne scasb\n hlt");

/* Flags of a repetition are those of its last iteration, for a debugger too: it would not see ZF and SF change. */
static void test_repetition_is_stepped_by_iterations_and_keeps_its_flags_till_the_last(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, scan);
    assert_int_equal(guest_run(&g, 3), GUEST_RUNS);
    cpu_flags_set_all(g.cpu, RFLAGS_TF | FLAG_Z | FLAG_O);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 15);
    assert_int_equal(g.cpu->gpr[GPR_CX], 4);
    assert_int_equal(guest_stack(&g, 2) & FLAGS_ARITHMETIC, FLAG_Z | FLAG_O);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, scan);
    assert_int_equal(guest_run(&g, 3), GUEST_RUNS);
    g.cpu->gpr[GPR_CX] = 1;
    cpu_flags_set_all(g.cpu, RFLAGS_TF | FLAG_Z | FLAG_O);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 17);
    assert_int_equal(guest_stack(&g, 2) & FLAGS_ARITHMETIC, 0);
    guest_free(&g);
}

static void test_interrupt_by_instruction_is_not_stepped(void **state)
{
    struct guest g = guest_make(BOARD_64);
    const uint8_t code[] = {0xcd, 0x80};

    board_code(g.b, code, sizeof code);
    g.cpu->rflags |= RFLAGS_TF;
    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_int_equal(g.cpu->dr[6] & DR6_BS, 0);
    guest_free(&g);
}

GUEST_CODE(load_stack_stepped, 64, "mov %ax, %ss\n nop\n nop\n hlt");

static void test_load_of_the_stack_segment_is_not_stepped(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, load_stack_stepped);
    g.cpu->gpr[GPR_AX] = 0x10;
    g.cpu->rflags |= RFLAGS_TF;
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 3);
    guest_free(&g);
}

static void test_step_over_hlt_goes_on(void **state)
{
    struct guest g = guest_make(BOARD_64);
    const uint8_t code[] = {0xf4};

    board_code(g.b, code, sizeof code);
    g.cpu->rflags |= RFLAGS_TF;
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 1);
    guest_free(&g);
}

static void test_system_call_is_stepped_by_the_flag_it_leaves(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, step_syscall);
    g.cpu->msrs.lstar = GUEST_HANDLERS + 16 * 0x70;
    g.cpu->msrs.star = UINT64_C(0x0033000800000000);
    g.cpu->msrs.sfmask = RFLAGS_TF;
    g.cpu->rflags |= RFLAGS_TF;
    assert_int_equal(guest_run(&g, 10), 0x70);
    guest_free(&g);
    g = guest_make(BOARD_64_USER);
    guest_code(&g, step_syscall);
    g.cpu->msrs.lstar = GUEST_HANDLERS + 16 * 0x70;
    g.cpu->msrs.star = UINT64_C(0x0033000800000000);
    g.cpu->rflags |= RFLAGS_TF;
    guest_gate(&g, VECTOR_DB, 8, GUEST_HANDLERS + 16 * VECTOR_DB, 0x8e, 1);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), GUEST_HANDLERS + 16 * 0x70);
    guest_free(&g);
}

/* ---- Breakpoints ----------------------------------------------------------------------------------------------- */

static void test_breakpoint_of_code_comes_before_it_and_resume_passes_it(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, steps);
    watch(&g, 1, BOARD_CODE + 1, CODE, LENGTH_1);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 1);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0);
    assert_int_equal(g.cpu->dr[6], DR6_FIXED | 2);
    assert_int_equal(guest_stack(&g, 2) & RFLAGS_RF, 0);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, steps);
    watch(&g, 1, BOARD_CODE, CODE, LENGTH_1);
    g.cpu->rflags |= RFLAGS_RF;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_false(g.cpu->rflags & RFLAGS_RF);
    guest_free(&g);
}

GUEST_CODE(touch, 64, "mov $0x30000, %ebx\n mov 4(%rbx), %al\n mov %al, 7(%rbx)\n movq $1, -3(%rbx)\n nop\n hlt");

static void test_breakpoint_of_data_comes_after_what_touched_it(void **state)
{
    static const struct {
        const char *label;
        uint64_t at;
        unsigned kind, length, offset; /* of the return address; 0: none */
    } cases[] = {
        {"read", 0x30004, DATA, LENGTH_1, 8},
        {"read is no write", 0x30004, WRITE, LENGTH_1, 19},
        {"write", 0x30007, WRITE, LENGTH_1, 11},
        {"within two bytes", 0x30006, WRITE, LENGTH_2, 11},
        {"within four bytes, not aligned", 0x30007, WRITE, LENGTH_4, 11},
        {"one of eight written", 0x30000, WRITE, LENGTH_1, 19},
        {"beside it", 0x30009, DATA, LENGTH_4, 0},
        {"ahead of it", 0x2fffc, DATA, LENGTH_1, 0},
        {"eight bytes", 0x30000, DATA, LENGTH_8, 8},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_code(&g, touch);
        watch(&g, 0, cases[i].at, cases[i].kind, cases[i].length);
        int vector = guest_run(&g, 10);
        if (cases[i].offset == 0 ? vector != GUEST_HALTED
                                 : vector != VECTOR_DB || guest_stack(&g, 0) != BOARD_CODE + cases[i].offset)
            fail_msg("%s: %d at %#llx", cases[i].label, vector, (unsigned long long)guest_stack(&g, 0) - BOARD_CODE);
        if (vector == VECTOR_DB)
            assert_int_equal(g.cpu->dr[6], DR6_FIXED | 1);
        guest_free(&g);
    }
}

GUEST_CODE(string, 64, "mov $0x30000, %edi\n mov $8, %ecx\n rep stosb\n hlt");

static void test_breakpoint_of_data_stops_a_string_within(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, string);
    watch(&g, 0, 0x30003, WRITE, LENGTH_1);
    assert_int_equal(guest_run(&g, 20), VECTOR_DB);
    assert_true(g.cpu->gpr[GPR_DI] >= 0x30004);
    guest_free(&g);
}

GUEST_CODE(port, 64, "mov $0x71, %edx\n in %dx, %al\n nop\n hlt");

static void test_breakpoint_of_a_port_needs_debug_extensions(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, port);
    watch(&g, 2, 0x70, PORT, LENGTH_2);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, port);
    watch(&g, 2, 0x70, PORT, LENGTH_2);
    g.cpu->cr4 |= CR4_DE;
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 6);
    guest_free(&g);
}

/* ---- The registers --------------------------------------------------------------------------------------------- */

GUEST_CODE(write_registers, 64, "mov %rax, %dr6\n mov %dr6, %rcx\n mov %rbx, %dr7\n mov %dr7, %rdx\n hlt");
GUEST_CODE(read_alias, 64, "mov %db4, %rax\n mov %db5, %rbx\n hlt");
GUEST_CODE(icebp, 64, ".byte 0xf1\n hlt");

static void test_debug_registers_have_fixed_bits(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, write_registers);
    g.cpu->gpr[GPR_AX] = 0xffffffff;
    g.cpu->gpr[GPR_BX] = 0xffffd800; /* without one that is on, and without GD */
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_CX], 0xffffeff0 | 15);
    assert_int_equal(g.cpu->gpr[GPR_DX], 0xffff0400);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, write_registers);
    g.cpu->gpr[GPR_BX] = UINT64_C(1) << 32;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

static void test_debug_registers_4_and_5_are_names_until_extensions_are_on(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, read_alias);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], DR6_FIXED);
    assert_int_equal(g.cpu->gpr[GPR_BX], DR7_FIXED);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, read_alias);
    g.cpu->cr4 |= CR4_DE;
    assert_int_equal(guest_run(&g, 10), VECTOR_UD);
    guest_free(&g);
    g = guest_make(BOARD_64_USER);
    guest_code(&g, read_alias);
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

static void test_guarded_debug_registers_raise_before_the_access(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, write_registers);
    g.cpu->dr[7] |= DR7_GD;
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE);
    assert_true(g.cpu->dr[6] & DR6_BD);
    assert_false(g.cpu->dr[7] & DR7_GD);
    guest_free(&g);
}

static void test_int1_is_a_debug_exception_that_no_privilege_stops(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, icebp);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB); /* though its gate is for ring 0 */
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 1);
    assert_int_equal(g.cpu->dr[6], DR6_FIXED);
    guest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trap_flag_raises_after_each_instruction),
        cmocka_unit_test(test_popf_that_sets_the_trap_flag_is_not_stepped_itself),
        cmocka_unit_test(test_repetition_is_stepped_by_iterations_and_keeps_its_flags_till_the_last),
        cmocka_unit_test(test_interrupt_by_instruction_is_not_stepped),
        cmocka_unit_test(test_load_of_the_stack_segment_is_not_stepped),
        cmocka_unit_test(test_step_over_hlt_goes_on),
        cmocka_unit_test(test_system_call_is_stepped_by_the_flag_it_leaves),
        cmocka_unit_test(test_breakpoint_of_code_comes_before_it_and_resume_passes_it),
        cmocka_unit_test(test_breakpoint_of_data_comes_after_what_touched_it),
        cmocka_unit_test(test_breakpoint_of_data_stops_a_string_within),
        cmocka_unit_test(test_breakpoint_of_a_port_needs_debug_extensions),
        cmocka_unit_test(test_debug_registers_have_fixed_bits),
        cmocka_unit_test(test_debug_registers_4_and_5_are_names_until_extensions_are_on),
        cmocka_unit_test(test_guarded_debug_registers_raise_before_the_access),
        cmocka_unit_test(test_int1_is_a_debug_exception_that_no_privilege_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
