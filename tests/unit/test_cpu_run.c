/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: budgets, halts, kicks, interrupts and their shadows, single steps. */
#include "cpu_harness.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CODE(b, ...) board_code((b), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_add_in_each_mode_is_done(void **state)
{
    static const uint8_t add[] = {0x01, 0xd8, 0x90, 0xeb, 0xfb}; /* 1: add eax, ebx; nop; jmp 1b */

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);

        board_code(b, add, sizeof add);
        b->cpu->gpr[GPR_BX] = 3;
        board_run(b, 301);
        assert_int_equal(b->cpu->gpr[GPR_AX], 303);
        board_free(b);
    }
}

static void test_each_budget_is_kept_exactly(void **state)
{
    struct board *b = board_make(BOARD_64);
    uint64_t total = 0;

    CODE(b, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xeb, 0xf4); /* five inc eax; jmp */
    for (unsigned n = 0; n < 40; n++) {
        board_run(b, n);
        total += n;
        assert_int_equal(b->cpu->gpr[GPR_AX], total / 6 * 5 + total % 6);
    }
    board_free(b);
}

static void test_kick_before_a_run_ends_it_at_once(void **state)
{
    struct board *b = board_make(BOARD_64);

    CODE(b, 0xff, 0xc0, 0xeb, 0xfc);
    cpu_kick(b->cpu);
    assert_int_equal(cpu_run(b->cpu, 100), CPU_EXIT_KICK);
    assert_int_equal(b->cpu->gpr[GPR_AX], 0);
    board_run(b, 100);
    board_free(b);
}

static void test_halt_ends_the_run_until_an_interrupt_comes(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0xfb, 0xf4, 0x90); /* sti; hlt */
    assert_int_equal(cpu_run(b->cpu, 100), CPU_EXIT_HALT);
    assert_int_equal(cpu_executed(b->cpu), 2);
    assert_int_equal(cpu_run(b->cpu, 100), CPU_EXIT_HALT);
    assert_int_equal(cpu_executed(b->cpu), 2);
    b->interrupt = 0x40;
    cpu_set_intr(b->cpu, true);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, 0x40);
    assert_int_equal(c.rip, BOARD_CODE + 2);
    board_free(b);
}

static void test_sti_holds_interrupts_back_for_one_instruction(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0xff, 0xc0, 0xfb, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0); /* inc eax; sti; inc eax ... */
    b->interrupt = 0x41;
    cpu_set_intr(b->cpu, true);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, 0x41);
    assert_int_equal(c.rip, BOARD_CODE + 5);
    assert_int_equal(b->cpu->gpr[GPR_AX], 2);
    board_free(b);
}

static void test_load_of_ss_holds_interrupts_back_for_one_instruction(void **state)
{
    struct board *b = board_make(BOARD_32);

    board_catch(b);
    CODE(b, 0xfb, 0x8e, 0xd3, 0xff, 0xc0, 0xff, 0xc0); /* sti; mov ss, bx; inc eax; inc eax */
    b->cpu->gpr[GPR_BX] = 0x10;
    b->interrupt = 0x42;
    cpu_set_intr(b->cpu, true);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, 0x42);
    assert_int_equal(c.rip, BOARD_CODE + 5);
    board_free(b);
}

static void test_interrupt_waits_as_long_as_if_is_clear(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0xff, 0xc0, 0x80, 0xfb, 0x00, 0xeb, 0xf9); /* inc eax; cmp bl, 0; jmp */
    b->interrupt = 0x43;
    cpu_set_intr(b->cpu, true);
    board_run(b, 3000);
    assert_int_equal(b->cpu->gpr[GPR_AX], 1000);
    assert_int_equal(b->interrupt, 0x43);
    board_free(b);
}

static void test_line_that_went_down_again_is_no_interrupt(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0xfb, 0x90, 0x90, 0xeb, 0xfe);
    b->interrupt = 0x44;
    cpu_set_intr(b->cpu, true);
    cpu_set_intr(b->cpu, false);
    board_run(b, 100);
    board_free(b);
}

static void test_nmi_comes_in_whatever_if_says_and_only_once(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0x90, 0xeb, 0xfd);
    cpu_set_nmi(b->cpu);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_NMI);
    cpu_set_nmi(b->cpu); /* masked until iret */
    assert_int_equal(cpu_run(b->cpu, 10), CPU_EXIT_HALT);
    board_free(b);
}

static void test_single_step_traps_after_the_instruction(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0xff, 0xc0, 0xff,
         0xc0); /* pushf; or [rsp+1], 1; popf; inc; inc */
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_DB);
    assert_int_equal(c.rip, BOARD_CODE + 9);
    assert_int_equal(b->cpu->dr[6] & 0x4000, 0x4000);
    board_free(b);
}

static void test_undefined_and_too_long_instructions_fault(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0x0f, 0x0b);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_UD);
    assert_int_equal(c.rip, BOARD_CODE);
    b->cpu->halted = false;
    CODE(b, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90);
    c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_GP);
    b->cpu->halted = false;
    CODE(b, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90, 0x0f, 0x0b);
    c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_UD);
    assert_int_equal(c.rip, BOARD_CODE + 15);
    board_free(b);
}

static void test_code_behind_the_limit_faults_and_code_up_to_it_runs(void **state)
{
    struct board *b = board_make(BOARD_32);

    board_catch(b);
    CODE(b, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0);
    b->cpu->segments[SEG_CS].limit = BOARD_CODE + 4; /* the third instruction has one byte inside */
    cpu_mode_changed(b->cpu);
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_GP);
    assert_int_equal(c.rip, BOARD_CODE + 4);
    assert_int_equal(b->cpu->gpr[GPR_AX], 2);
    board_free(b);
}

static void test_triple_fault_is_a_shutdown(void **state)
{
    struct board *b = board_make(BOARD_64); /* no IDT */

    CODE(b, 0x0f, 0x0b);
    b->cpu->idtr = (struct vcpu_table){0};
    assert_int_equal(cpu_run(b->cpu, 10), CPU_EXIT_SHUTDOWN);
    assert_int_equal(cpu_run(b->cpu, 10), CPU_EXIT_SHUTDOWN);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_in_each_mode_is_done),
        cmocka_unit_test(test_each_budget_is_kept_exactly),
        cmocka_unit_test(test_kick_before_a_run_ends_it_at_once),
        cmocka_unit_test(test_halt_ends_the_run_until_an_interrupt_comes),
        cmocka_unit_test(test_sti_holds_interrupts_back_for_one_instruction),
        cmocka_unit_test(test_load_of_ss_holds_interrupts_back_for_one_instruction),
        cmocka_unit_test(test_interrupt_waits_as_long_as_if_is_clear),
        cmocka_unit_test(test_line_that_went_down_again_is_no_interrupt),
        cmocka_unit_test(test_nmi_comes_in_whatever_if_says_and_only_once),
        cmocka_unit_test(test_single_step_traps_after_the_instruction),
        cmocka_unit_test(test_undefined_and_too_long_instructions_fault),
        cmocka_unit_test(test_code_behind_the_limit_faults_and_code_up_to_it_runs),
        cmocka_unit_test(test_triple_fault_is_a_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
