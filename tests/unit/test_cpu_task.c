/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware task switches of the software processor: by jump, call, gate and return, and what is wrong with a task. */
#include "cpu_guest.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TWO = GUEST_TSS_TWO_SELECTOR, AVAILABLE = 0x89, BUSY = 0x8b };

GUEST_CODE(jump_task, 32, "mov $0x1111, %ebx\n ljmp $0x100, $0\n mov $0x2222, %ebx\n hlt");
GUEST_CODE(call_task, 32, "mov $0x1111, %ebx\n lcall $0x100, $0\n mov $0x2222, %ecx\n hlt");
GUEST_CODE(gate_task, 32, "ljmp $0x60, $0\n");
GUEST_CODE(new_task, 32, "mov %ebx, %eax\n str %dx\n hlt");
GUEST_CODE(nested_task, 32, "inc %eax\n iret\n inc %eax\n hlt");

static void descriptor_of_two(struct guest *g, unsigned access, unsigned limit)
{
    guest_descriptor(g, TWO, limit | (uint64_t)GUEST_TSS_TWO << 16 | (uint64_t)access << 40);
}

/* A second task at 40000 with registers of its own. */
static struct guest two_tasks(const uint8_t *code, size_t n)
{
    struct guest g = guest_make(BOARD_32);
    const unsigned selectors[] = {0x10, 0x18, 0x10, 0x10, 0x10, 0x10};

    descriptor_of_two(&g, AVAILABLE, 0x67);
    memset(g.b->ram + GUEST_TSS_TWO, 0, 0x68);
    guest_write32(&g, GUEST_TSS_TWO + 0x20, 0x40000);
    guest_write32(&g, GUEST_TSS_TWO + 0x24, RFLAGS_ONE | FLAG_C);
    for (unsigned i = 0; i < 8; i++)
        guest_write32(&g, GUEST_TSS_TWO + 0x28 + 4 * i, 0xaa000000 + i);
    guest_write32(&g, GUEST_TSS_TWO + 0x38, 0x1f000);
    for (unsigned i = 0; i < 6; i++)
        guest_write32(&g, GUEST_TSS_TWO + 0x48 + 4 * i, selectors[i]);
    guest_code_at(&g, 0x40000, code, n);
    return g;
}
#define TWO_TASKS(code) two_tasks(code, (size_t)(code##_end - code))

static void test_jump_to_a_task_saves_one_and_loads_the_other(void **state)
{
    struct guest g = TWO_TASKS(new_task);

    guest_code(&g, jump_task);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0xaa000003);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0x1f000);
    assert_int_equal(g.cpu->gpr[GPR_DX] & 0xffff, TWO);
    assert_true(flags_c(&g.cpu->flags));
    assert_true(g.cpu->cr0 & CR0_TS);
    assert_int_equal(guest_read32(&g, GUEST_TSS + 0x20), BOARD_CODE + 12);
    assert_int_equal(guest_read32(&g, GUEST_TSS + 0x34), 0x1111);
    assert_int_equal(guest_descriptor_read(&g, GUEST_TSS_SELECTOR) >> 40 & 0xff, AVAILABLE);
    assert_int_equal(guest_descriptor_read(&g, TWO) >> 40 & 0xff, BUSY);
    guest_free(&g);
}

static void test_called_task_returns_by_its_link(void **state)
{
    struct guest g = TWO_TASKS(nested_task);

    guest_code(&g, call_task);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_BX], 0x1111);
    assert_int_equal(g.cpu->gpr[GPR_CX], 0x2222);
    assert_int_equal(g.cpu->tr.selector, GUEST_TSS_SELECTOR);
    assert_int_equal(guest_read32(&g, GUEST_TSS_TWO) & 0xffff, GUEST_TSS_SELECTOR);
    assert_int_equal(guest_read32(&g, GUEST_TSS_TWO + 0x28), 0xaa000001);
    assert_int_equal(guest_read32(&g, GUEST_TSS_TWO + 0x20), 0x40002); /* goes on behind its iret */
    assert_int_equal(guest_read32(&g, GUEST_TSS_TWO + 0x24) & RFLAGS_NT, 0);
    assert_int_equal(guest_descriptor_read(&g, GUEST_TSS_SELECTOR) >> 40 & 0xff, BUSY);
    assert_int_equal(guest_descriptor_read(&g, TWO) >> 40 & 0xff, AVAILABLE);
    guest_free(&g);
}

GUEST_CODE(pop_error, 32, "pop %eax\n hlt");

static void test_exception_through_a_task_gate_has_its_error_code_on_the_new_stack(void **state)
{
    struct guest g = TWO_TASKS(pop_error);
    const uint8_t code[] = {0x8e, 0xd8}; /* mov ds, ax */

    board_code(g.b, code, sizeof code);
    guest_gate(&g, VECTOR_GP, TWO, 0, 0x85, 0);
    g.cpu->gpr[GPR_AX] = 0x1f8;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0x1f8);
    assert_int_equal(guest_read32(&g, GUEST_TSS + 0x20), BOARD_CODE);
    assert_true(g.cpu->rflags & RFLAGS_NT);
    guest_free(&g);
}

static void test_task_that_cannot_be_entered_leaves_the_old_one_as_it_was(void **state)
{
    static const struct {
        const char *label;
        unsigned access, limit;
        int vector;
        unsigned error;
    } cases[] = {
        {"busy", BUSY, 0x67, VECTOR_GP, TWO},           {"absent", 0x09, 0x67, VECTOR_NP, TWO},
        {"too small", AVAILABLE, 0x66, VECTOR_TS, TWO}, {"too small for 16 bits", 0x81, 0x2a, VECTOR_TS, TWO},
        {"a local table", 0x82, 0x67, VECTOR_GP, TWO},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = TWO_TASKS(new_task);
        descriptor_of_two(&g, cases[i].access, cases[i].limit);
        guest_code(&g, jump_task);
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector || guest_stack(&g, 0) != cases[i].error)
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        assert_int_equal(guest_stack(&g, 1), BOARD_CODE + 5);
        assert_int_equal(g.cpu->tr.selector, GUEST_TSS_SELECTOR);
        assert_int_equal(guest_descriptor_read(&g, GUEST_TSS_SELECTOR) >> 40 & 0xff, BUSY);
        guest_free(&g);
    }
}

static void test_selector_that_is_bad_in_a_task_faults_in_that_task(void **state)
{
    static const struct {
        const char *label;
        unsigned at, value;
        int vector;
        unsigned error;
    } cases[] = {
        {"code null", 0x4c, 0, VECTOR_TS, 0},
        {"code is data", 0x4c, 0x10, VECTOR_TS, 0x10},
        {"data outside of the table", 0x48, 0x1f8, VECTOR_TS, 0x1f8},
        {"stack null", 0x50, 0, VECTOR_TS, 0},
        {"local table is code", 0x60, 0x18, VECTOR_TS, 0x18},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = TWO_TASKS(new_task);
        guest_write32(&g, GUEST_TSS_TWO + cases[i].at, cases[i].value);
        /* Its handler is a task as well: what was loaded by then is no ground to stand on. */
        guest_descriptor(&g, GUEST_OWN, UINT64_C(0x0000890000000067) | (uint64_t)(GUEST_TSS_TWO + 0x100) << 16);
        memcpy(g.b->ram + GUEST_TSS_TWO + 0x100, g.b->ram + GUEST_TSS_TWO, 0x68);
        guest_write32(&g, GUEST_TSS_TWO + 0x100 + 0x4c, 0x18);
        guest_write32(&g, GUEST_TSS_TWO + 0x100 + 0x50, 0x10);
        guest_write32(&g, GUEST_TSS_TWO + 0x100 + 0x48, 0x10);
        guest_write32(&g, GUEST_TSS_TWO + 0x100 + 0x60, 0);
        guest_write32(&g, GUEST_TSS_TWO + 0x100 + 0x20, 0x50000);
        guest_code_at(&g, 0x50000, pop_error, (size_t)(pop_error_end - pop_error));
        guest_gate(&g, (unsigned)cases[i].vector, GUEST_OWN, 0, 0x85, 0);
        guest_code(&g, jump_task);
        int outcome = guest_run(&g, 10);
        if (outcome != GUEST_HALTED || g.cpu->rip != 0x50002 || g.cpu->gpr[GPR_AX] != cases[i].error)
            fail_msg("%s: %d at %#llx error %#llx", cases[i].label, outcome, (unsigned long long)g.cpu->rip,
                     (unsigned long long)g.cpu->gpr[GPR_AX]);
        assert_int_equal(guest_read32(&g, GUEST_TSS_TWO + 0x20), 0x40000); /* before its first instruction */
        assert_int_equal(guest_read32(&g, GUEST_TSS_TWO + 0x100) & 0xffff, TWO);
        guest_free(&g);
    }
}

static void test_task_of_16_bits_is_switched_to(void **state)
{
    struct guest g = guest_make(BOARD_32);
    const uint16_t words[] = {0, 0, 0, 0, 0, 0, 0, 0x4000, 2, 1, 2, 3, 4, 0xf000, 6, 7, 8, 0x28, 0x20, 0x28, 0x28, 0};

    descriptor_of_two(&g, 0x81, 0x2b);
    board_write(g.b, GUEST_TSS_TWO, words, sizeof words);
    guest_code_at(&g, 0x4000, new_task, (size_t)(new_task_end - new_task));
    guest_code(&g, jump_task);
    assert_int_equal(guest_run(&g, 2), GUEST_RUNS);
    assert_int_equal(g.cpu->rip, 0x4000);
    assert_int_equal(g.cpu->code_size, 2);
    assert_int_equal(gpr16(g.cpu, GPR_SP), 0xf000);
    assert_int_equal(g.cpu->segments[SEG_FS].selector, 0);
    guest_free(&g);
}

static void test_task_with_the_trap_bit_begins_with_a_debug_exception(void **state)
{
    struct guest g = TWO_TASKS(new_task);

    guest_write16(&g, GUEST_TSS_TWO + 0x64, 1);
    guest_code(&g, jump_task);
    assert_int_equal(guest_run(&g, 10), VECTOR_DB);
    assert_int_equal(guest_stack(&g, 0), 0x40000);
    assert_true(g.cpu->dr[6] & DR6_BT);
    guest_free(&g);
}

static void test_call_through_a_task_gate_checks_the_gate(void **state)
{
    struct guest g = TWO_TASKS(new_task);

    guest_descriptor(&g, GUEST_OWN, UINT64_C(0x0000850001000000));
    guest_code(&g, gate_task);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->tr.selector, TWO);
    guest_free(&g);
    g = TWO_TASKS(new_task);
    guest_descriptor(&g, GUEST_OWN, UINT64_C(0x0000050001000000)); /* absent */
    guest_code(&g, gate_task);
    assert_int_equal(guest_run(&g, 10), VECTOR_NP);
    assert_int_equal(guest_stack(&g, 0), GUEST_OWN);
    guest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jump_to_a_task_saves_one_and_loads_the_other),
        cmocka_unit_test(test_called_task_returns_by_its_link),
        cmocka_unit_test(test_exception_through_a_task_gate_has_its_error_code_on_the_new_stack),
        cmocka_unit_test(test_task_that_cannot_be_entered_leaves_the_old_one_as_it_was),
        cmocka_unit_test(test_selector_that_is_bad_in_a_task_faults_in_that_task),
        cmocka_unit_test(test_task_of_16_bits_is_switched_to),
        cmocka_unit_test(test_task_with_the_trap_bit_begins_with_a_debug_exception),
        cmocka_unit_test(test_call_through_a_task_gate_checks_the_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
