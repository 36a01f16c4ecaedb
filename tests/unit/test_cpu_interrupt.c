/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts and exceptions of the software processor: gates, stacks, error codes, faults on the way, returns. */
#include "cpu_guest.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { USER_CS64 = 0x3b, USER_CS32 = 0x4b, USER_DS = 0x43 };

GUEST_CODE(int_80, 64, "int $0x80\n mov $7, %eax\n hlt");
GUEST_CODE(int_80_32, 32, "int $0x80\n mov $7, %eax\n hlt");
GUEST_CODE(undefined, 64, "ud2");
GUEST_CODE(undefined_32, 32, "ud2");
GUEST_CODE(iretq, 64, "iretq");
GUEST_CODE(iretd, 32, "iret");
GUEST_CODE(nops, 64, "nop\n nop\n nop\n nop\n hlt");

/* ---- Through gates ------------------------------------------------------------------------------------------------
 */

static void test_interrupt_from_user_has_a_whole_frame_on_the_inner_stack(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, int_80);
    guest_gate(&g, 0x80, 8, GUEST_HANDLERS + 16 * 0x80, 0xee, 0);
    g.cpu->rflags |= RFLAGS_IF;
    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_int_equal(g.cpu->gpr[GPR_SP], GUEST_INNER_STACK - 40);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 2);
    assert_int_equal(guest_stack(&g, 1), USER_CS64);
    assert_int_equal(guest_stack(&g, 2) & ~(uint64_t)FLAGS_ARITHMETIC, RFLAGS_IF | RFLAGS_ONE);
    assert_int_equal(guest_stack(&g, 3), BOARD_STACK);
    assert_int_equal(guest_stack(&g, 4), USER_DS);
    assert_int_equal(g.cpu->cpl, 0);
    assert_int_equal(g.cpu->segments[SEG_SS].selector, 0);
    assert_false(g.cpu->rflags & RFLAGS_IF); /* an interrupt gate */
    guest_free(&g);
}

static void test_trap_gate_leaves_interrupts_on(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, int_80);
    guest_gate(&g, 0x80, 8, GUEST_HANDLERS + 16 * 0x80, 0x8f, 0);
    g.cpu->rflags |= RFLAGS_IF;
    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_true(g.cpu->rflags & RFLAGS_IF);
    guest_free(&g);
}

static void test_interrupt_stack_table_is_used_and_stacks_are_aligned(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, undefined);
    guest_gate(&g, VECTOR_UD, 8, GUEST_HANDLERS + 16 * VECTOR_UD, 0x8e, 3);
    assert_int_equal(guest_run(&g, 10), VECTOR_UD);
    assert_int_equal(g.cpu->gpr[GPR_SP], GUEST_INNER_STACK + 0xa000 - 40);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, undefined);
    g.cpu->gpr[GPR_SP] = BOARD_STACK - 3;
    assert_int_equal(guest_run(&g, 10), VECTOR_UD);
    assert_int_equal(g.cpu->gpr[GPR_SP], BOARD_STACK - 16 - 40);
    assert_int_equal(guest_stack(&g, 3), BOARD_STACK - 3);
    guest_free(&g);
}

static void test_gate_that_is_wrong_raises_with_its_vector(void **state)
{
    static const struct {
        const char *label;
        unsigned selector, access;
        uint64_t offset;
        int vector;
        unsigned error;
    } cases[] = {
        {"privilege", 8, 0x8e, 0, VECTOR_GP, 0x80 * 8 + 2},
        {"absent", 8, 0x6e, 0, VECTOR_NP, 0x80 * 8 + 2},
        {"no gate", 8, 0xe5, 0, VECTOR_GP, 0x80 * 8 + 2},
        {"of 16 bits", 8, 0xe6, 0, VECTOR_GP, 0x80 * 8 + 2},
        {"null code", 0, 0xee, 0, VECTOR_GP, 0},
        {"code outside of the table", 0x1f8, 0xee, 0, VECTOR_GP, 0x1f8},
        {"data", 0x10, 0xee, 0, VECTOR_GP, 0x10},
        {"32-bit code", 0x18, 0xee, 0, VECTOR_GP, 0x18},
        {"address not canonical", 8, 0xee, UINT64_C(1) << 47, VECTOR_GP, 0},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64_USER);
        guest_code(&g, int_80);
        guest_gate(&g, 0x80, cases[i].selector, cases[i].offset, cases[i].access, 0);
        int vector = guest_run(&g, 5);
        if (vector != cases[i].vector || guest_stack(&g, 0) != cases[i].error)
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        assert_int_equal(guest_stack(&g, 1), BOARD_CODE); /* the int is still to be done */
        guest_free(&g);
    }
}

static void test_stack_pointer_of_the_task_that_is_not_canonical_is_a_stack_fault(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, int_80);
    guest_gate(&g, 0x80, 8, GUEST_HANDLERS, 0xee, 0);
    guest_gate(&g, VECTOR_SS, 8, GUEST_HANDLERS + 16 * VECTOR_SS, 0x8e, 1);
    board_write64(g.b, GUEST_TSS + 4, UINT64_C(1) << 63);
    assert_int_equal(guest_run(&g, 5), VECTOR_SS);
    assert_int_equal(guest_stack(&g, 0), 0);
    guest_free(&g);
}

static void test_32_bit_interrupts_switch_stacks_only_to_inner_rings(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, int_80_32);
    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_int_equal(g.cpu->gpr[GPR_SP], BOARD_STACK - 12);
    guest_free(&g);
    g = guest_make(BOARD_32_USER);
    guest_code(&g, int_80_32);
    guest_gate(&g, 0x80, 0x18, GUEST_HANDLERS + 16 * 0x80, 0xee, 0);
    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_int_equal(g.cpu->gpr[GPR_SP], GUEST_INNER_STACK - 20);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 2);
    assert_int_equal(guest_stack(&g, 1), USER_CS32);
    assert_int_equal(guest_stack(&g, 3), BOARD_STACK);
    assert_int_equal(guest_stack(&g, 4), USER_DS);
    guest_free(&g);
}

/* ---- Exceptions ------------------------------------------------------------------------------------------------ */

GUEST_CODE(far_away, 64, "movabs $0x12345678000, %rbx\n mov %rax, 5(%rbx)\n hlt");

static void test_page_fault_has_address_error_and_resume_flag(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, far_away);
    assert_int_equal(guest_run(&g, 10), VECTOR_PF);
    assert_int_equal(g.cpu->cr2, UINT64_C(0x12345678005));
    assert_int_equal(guest_stack(&g, 0), 6); /* write, user, not present */
    assert_int_equal(guest_stack(&g, 1), BOARD_CODE + 10);
    assert_true(guest_stack(&g, 3) & RFLAGS_RF);
    guest_free(&g);
}

static void test_fault_on_the_way_to_a_handler_is_a_double_fault_when_both_contribute(void **state)
{
    static const struct {
        const char *label;
        unsigned first;  /* whose gate is broken */
        unsigned access; /* of that gate: 0x0e absent (#NP), 0x8c wrong (#GP) */
        int vector;
        unsigned error;
    } cases[] = {
        {"#GP, then #NP", VECTOR_GP, 0x0e, VECTOR_DF, 0},
        {"#GP, then #GP", VECTOR_GP, 0x8c, VECTOR_DF, 0},
        {"#PF, then #NP", VECTOR_PF, 0x0e, VECTOR_DF, 0},
        {"#UD, then #NP", VECTOR_UD, 0x0e, VECTOR_NP, VECTOR_UD * 8 + 3},
        {"#UD, then #GP", VECTOR_UD, 0x8c, VECTOR_GP, VECTOR_UD * 8 + 3},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_gate(&g, cases[i].first, 8, GUEST_HANDLERS, cases[i].access, 0);
        if (cases[i].first == VECTOR_UD) {
            guest_code(&g, undefined);
        } else {
            guest_code(&g, far_away);
            if (cases[i].first == VECTOR_GP) { /* not canonical instead of not there */
                const uint64_t far = UINT64_C(0x8000000000000000);
                board_write(g.b, BOARD_CODE + 2, &far, 8);
            }
        }
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector || guest_stack(&g, 0) != cases[i].error)
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        guest_free(&g);
    }
}

static void test_third_fault_shuts_down(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, undefined);
    g.cpu->idtr.limit = 0;
    assert_int_equal(guest_run(&g, 10), GUEST_SHUTDOWN);
    guest_free(&g);
    g = guest_make(BOARD_REAL);
    guest_code(&g, undefined_32);
    g.cpu->idtr.limit = 0;
    assert_int_equal(guest_run(&g, 10), GUEST_SHUTDOWN);
    guest_free(&g);
}

GUEST_CODE(breakpoints, 32, "int3");
GUEST_CODE(overflow, 32, "into\n mov $0x7f, %al\n inc %al\n into");

static void test_int3_and_into_return_behind_themselves(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, breakpoints);
    assert_int_equal(guest_run(&g, 10), VECTOR_BP);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 1);
    guest_free(&g);
    g = guest_make(BOARD_32);
    guest_code(&g, overflow);
    assert_int_equal(guest_run(&g, 10), VECTOR_OF);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 6);
    guest_free(&g);
}

/* ---- From outside ---------------------------------------------------------------------------------------------- */

GUEST_CODE(enable, 64, "sti\n nop\n nop\n hlt");
GUEST_CODE(enable_twice, 64, "sti\n sti\n sti\n nop\n hlt");
GUEST_CODE(stack_loaded, 64, "mov %ax, %ss\n nop\n nop\n hlt");

static void test_interrupt_waits_for_one_instruction_after_sti(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, enable);
    g.b->interrupt = 0x55;
    cpu_set_intr(g.cpu, true);
    assert_int_equal(guest_run(&g, 10), 0x55);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 2);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, enable_twice);
    g.b->interrupt = 0x55;
    cpu_set_intr(g.cpu, true);
    assert_int_equal(guest_run(&g, 10), 0x55);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 2); /* the second sti has none */
    guest_free(&g);
}

static void test_interrupt_waits_for_one_instruction_after_a_load_of_the_stack_segment(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, stack_loaded);
    g.cpu->gpr[GPR_AX] = 0x10;
    board_run(g.b, 1);
    g.cpu->rflags |= RFLAGS_IF;
    g.b->interrupt = 0x55;
    cpu_set_intr(g.cpu, true);
    cpu_set_nmi(g.cpu);
    assert_int_equal(guest_run(&g, 10), VECTOR_NMI);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 3);
    guest_free(&g);
}

GUEST_CODE(enable_halt, 64, "sti\n hlt\n nop");

static void test_interrupt_between_sti_and_hlt_wakes_it(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, enable_halt);
    g.b->interrupt = 0x55;
    cpu_set_intr(g.cpu, true);
    assert_int_equal(guest_run(&g, 10), 0x55);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE + 2); /* behind hlt */
    guest_free(&g);
}

static void test_nmi_is_masked_until_iret(void **state)
{
    struct guest g = guest_make(BOARD_64);
    const uint8_t handler[] = {0x90, 0x90, 0x48, 0xcf}; /* nop, nop, iretq */

    guest_code(&g, nops);
    guest_code_at(&g, GUEST_HANDLERS + 16 * VECTOR_NMI, handler, sizeof handler);
    cpu_set_nmi(g.cpu);
    board_run(g.b, 1); /* the first nop of the handler */
    assert_int_equal(g.cpu->rip, GUEST_HANDLERS + 16 * VECTOR_NMI + 1);
    cpu_set_nmi(g.cpu);
    board_run(g.b, 1);
    assert_int_equal(g.cpu->rip, GUEST_HANDLERS + 16 * VECTOR_NMI + 2);
    board_run(g.b, 1); /* iretq: back, and in again */
    assert_int_equal(g.cpu->rip, GUEST_HANDLERS + 16 * VECTOR_NMI);
    assert_int_equal(guest_stack(&g, 0), BOARD_CODE);
    guest_free(&g);
}

/* ---- Returns --------------------------------------------------------------------------------------------------- */

static void frame64(struct guest *g, uint64_t rip, unsigned cs, uint64_t flags, uint64_t rsp, unsigned ss)
{
    const uint64_t words[] = {rip, cs, flags, rsp, ss};

    g->cpu->gpr[GPR_SP] = BOARD_STACK - sizeof words;
    board_write(g->b, g->cpu->gpr[GPR_SP], words, sizeof words);
}

static void test_return_checks_code_stack_and_address(void **state)
{
    static const struct {
        const char *label;
        uint64_t rip;
        unsigned cs, ss;
        int vector;
        unsigned error;
    } cases[] = {
        {"within", 0x40000, 8, 0x10, GUEST_RUNS, 0},
        {"within, null stack", 0x40000, 8, 0, GUEST_RUNS, 0},
        {"to user", 0x40000, USER_CS64, USER_DS, GUEST_RUNS, 0},
        {"to user of 32 bits", 0x40000, USER_CS32, USER_DS, GUEST_RUNS, 0},
        {"null code", 0x40000, 0, 0x10, VECTOR_GP, 0},
        {"data", 0x40000, 0x10, 0x10, VECTOR_GP, 0x10},
        {"code of another ring", 0x40000, 0x0b, USER_DS, VECTOR_GP, 8},
        {"not canonical", UINT64_C(1) << 47, 8, 0x10, VECTOR_GP, 0},
        {"to user with a null stack", 0x40000, USER_CS64, 3, VECTOR_GP, 0},
        {"to user with the kernel's stack", 0x40000, USER_CS64, 0x10, VECTOR_GP, 0x10},
        {"beyond 4 GiB in 32-bit code", UINT64_C(1) << 32, USER_CS32, USER_DS, VECTOR_GP, 0},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_code(&g, iretq);
        frame64(&g, cases[i].rip, cases[i].cs, RFLAGS_ONE, 0x1f000, cases[i].ss);
        int vector = guest_run(&g, cases[i].vector < 0 ? 1 : 10);
        if (vector != cases[i].vector || (vector >= 0 && guest_stack(&g, 0) != cases[i].error))
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        if (vector == GUEST_RUNS) {
            assert_int_equal(g.cpu->rip, cases[i].rip);
            assert_int_equal(g.cpu->gpr[GPR_SP], 0x1f000);
            assert_int_equal(g.cpu->cpl, cases[i].cs & 3);
            assert_int_equal(g.cpu->segments[SEG_SS].selector, cases[i].ss);
        }
        guest_free(&g);
    }
}

static void test_program_cannot_return_with_more_flags(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, iretq);
    frame64(&g, 0x40000, USER_CS64, UINT64_MAX & ~RFLAGS_NT, 0x1f000, USER_DS);
    assert_int_equal(guest_run(&g, 1), GUEST_RUNS);
    assert_int_equal(cpu_rflags(g.cpu) & (RFLAGS_IF | RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP), 0);
    assert_int_equal(cpu_rflags(g.cpu) & (FLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_ID),
                     FLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_ID);
    guest_free(&g);
}

static void test_nested_task_flag_is_a_fault_in_long_mode(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, iretq);
    frame64(&g, 0x40000, 8, RFLAGS_ONE, 0x1f000, 0x10);
    g.cpu->rflags |= RFLAGS_NT;
    assert_int_equal(guest_run(&g, 5), VECTOR_GP);
    guest_free(&g);
}

/* ---- Virtual-8086 mode ----------------------------------------------------------------------------------------- */

GUEST_CODE(v86_int, 16, "mov $0x1234, %ax\n int $0x80");
GUEST_CODE(v86_flags, 16, "pushf");

static struct guest v86_make(const uint8_t *code, size_t n, unsigned iopl)
{
    struct guest g = guest_make(BOARD_32);
    const uint32_t frame[] = {0x10,   0x4000, RFLAGS_ONE | RFLAGS_VM | iopl << 12, 0x8000, 0x3000, 0x1111, 0x2222,
                              0x3333, 0x4444};

    guest_code(&g, iretd);
    guest_code_at(&g, 0x40010, code, n);
    g.cpu->gpr[GPR_SP] = BOARD_STACK - sizeof frame;
    board_write(g.b, g.cpu->gpr[GPR_SP], frame, sizeof frame);
    guest_gate(&g, 0x80, 0x18, GUEST_HANDLERS + 16 * 0x80, 0xee, 0);
    board_run(g.b, 1);
    return g;
}

static void test_return_enters_virtual_8086_mode(void **state)
{
    struct guest g = v86_make(v86_int, (size_t)(v86_int_end - v86_int), 0);

    assert_int_equal(g.cpu->mode, MODE_V86);
    assert_int_equal(g.cpu->cpl, 3);
    assert_int_equal(g.cpu->rip, 0x10);
    assert_int_equal(g.cpu->segments[SEG_CS].base, 0x40000);
    assert_int_equal(g.cpu->segments[SEG_SS].base, 0x30000);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0x8000);
    assert_int_equal(g.cpu->segments[SEG_ES].selector, 0x1111);
    assert_int_equal(g.cpu->segments[SEG_GS].selector, 0x4444);
    assert_int_equal(guest_run(&g, 10), VECTOR_GP); /* int without IOPL 3 */
    assert_int_equal(guest_stack(&g, 0), 0);
    assert_int_equal(guest_stack(&g, 1), 0x13);
    guest_free(&g);
    g = v86_make(v86_flags, 1, 0);
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

static void test_interrupt_out_of_virtual_8086_mode_saves_and_clears_segments(void **state)
{
    struct guest g = v86_make(v86_int, (size_t)(v86_int_end - v86_int), 3);

    assert_int_equal(guest_run(&g, 10), 0x80);
    assert_int_equal(g.cpu->gpr[GPR_SP], GUEST_INNER_STACK - 36);
    assert_int_equal(guest_stack(&g, 0), 0x15);
    assert_int_equal(guest_stack(&g, 1), 0x4000);
    assert_true(guest_stack(&g, 2) & RFLAGS_VM);
    assert_int_equal(guest_stack(&g, 3), 0x8000);
    assert_int_equal(guest_stack(&g, 4), 0x3000);
    assert_int_equal(guest_stack(&g, 5), 0x1111);
    assert_int_equal(guest_stack(&g, 8), 0x4444);
    assert_int_equal(g.cpu->segments[SEG_DS].selector, 0);
    assert_int_equal(g.cpu->mode, MODE_PROTECTED);
    guest_free(&g);
}

/* ---- Real mode ------------------------------------------------------------------------------------------------- */

GUEST_CODE(real_int, 16, "stc\n sti\n int $0x80\n setc %al\n pushf\n pop %bx\n hlt");
GUEST_CODE(real_handler, 16, "clc\n iret");

static void test_real_mode_interrupt_returns_with_its_flags(void **state)
{
    struct guest g = guest_make(BOARD_REAL);

    guest_code(&g, real_int);
    guest_code_at(&g, GUEST_HANDLERS + 16 * 0x80, real_handler, (size_t)(real_handler_end - real_handler));
    assert_int_equal(guest_run(&g, 20), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX] & 0xff, 1);
    assert_true(g.cpu->gpr[GPR_BX] & RFLAGS_IF);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0xfff0);
    guest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupt_from_user_has_a_whole_frame_on_the_inner_stack),
        cmocka_unit_test(test_trap_gate_leaves_interrupts_on),
        cmocka_unit_test(test_interrupt_stack_table_is_used_and_stacks_are_aligned),
        cmocka_unit_test(test_gate_that_is_wrong_raises_with_its_vector),
        cmocka_unit_test(test_stack_pointer_of_the_task_that_is_not_canonical_is_a_stack_fault),
        cmocka_unit_test(test_32_bit_interrupts_switch_stacks_only_to_inner_rings),
        cmocka_unit_test(test_page_fault_has_address_error_and_resume_flag),
        cmocka_unit_test(test_fault_on_the_way_to_a_handler_is_a_double_fault_when_both_contribute),
        cmocka_unit_test(test_third_fault_shuts_down),
        cmocka_unit_test(test_int3_and_into_return_behind_themselves),
        cmocka_unit_test(test_interrupt_waits_for_one_instruction_after_sti),
        cmocka_unit_test(test_interrupt_waits_for_one_instruction_after_a_load_of_the_stack_segment),
        cmocka_unit_test(test_interrupt_between_sti_and_hlt_wakes_it),
        cmocka_unit_test(test_nmi_is_masked_until_iret),
        cmocka_unit_test(test_return_checks_code_stack_and_address),
        cmocka_unit_test(test_program_cannot_return_with_more_flags),
        cmocka_unit_test(test_nested_task_flag_is_a_fault_in_long_mode),
        cmocka_unit_test(test_return_enters_virtual_8086_mode),
        cmocka_unit_test(test_interrupt_out_of_virtual_8086_mode_saves_and_clears_segments),
        cmocka_unit_test(test_real_mode_interrupt_returns_with_its_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
