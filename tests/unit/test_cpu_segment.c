/* SPDX-License-Identifier: Apache-2.0 */
/* Segments of the software processor: what a selector loads or raises, what an address is checked for, far transfers.
 */
#include "cpu_guest.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- Loading --------------------------------------------------------------------------------------------------- */

GUEST_CODE(load_ds, 32, "mov %ax, %ds\n hlt");
GUEST_CODE(load_ss, 32, "mov %ax, %ss\n hlt");

enum { SELECTOR = GUEST_OWN, NONE = GUEST_HALTED };

static void test_selector_loaded_raises_what_the_descriptor_deserves(void **state)
{
    static const struct {
        const char *label;
        bool stack;
        uint64_t raw;
        unsigned selector;
        int vector;
        unsigned error;
    } cases[] = {
        {"data", false, 0x00cf93000000ffff, SELECTOR, NONE, 0},
        {"data read-only", false, 0x00cf91000000ffff, SELECTOR, NONE, 0},
        {"readable code", false, 0x00cf9b000000ffff, SELECTOR, NONE, 0},
        {"code not readable", false, 0x00cf99000000ffff, SELECTOR, VECTOR_GP, SELECTOR},
        {"absent", false, 0x00cf13000000ffff, SELECTOR, VECTOR_NP, SELECTOR},
        {"system", false, 0x00008b0000000067, SELECTOR, VECTOR_GP, SELECTOR},
        {"requested privilege too low", false, 0x00cf93000000ffff, SELECTOR | 3, VECTOR_GP, SELECTOR},
        {"conforming code of any privilege", false, 0x00cf9f000000ffff, SELECTOR | 3, NONE, 0},
        {"null", false, 0, 0, NONE, 0},
        {"null with privilege", false, 0, 3, NONE, 0},
        {"outside of the table", false, 0, 0x1f8, VECTOR_GP, 0x1f8},
        {"local table that is not there", false, 0, 0x0c, VECTOR_GP, 0x0c},
        {"stack", true, 0x00cf93000000ffff, SELECTOR, NONE, 0},
        {"stack null", true, 0, 0, VECTOR_GP, 0},
        {"stack read-only", true, 0x00cf91000000ffff, SELECTOR, VECTOR_GP, SELECTOR},
        {"stack of another privilege", true, 0x00cff3000000ffff, SELECTOR, VECTOR_GP, SELECTOR},
        {"stack asked for with another privilege", true, 0x00cf93000000ffff, SELECTOR | 1, VECTOR_GP, SELECTOR},
        {"stack absent", true, 0x00cf13000000ffff, SELECTOR, VECTOR_SS, SELECTOR},
        {"stack of code", true, 0x00cf9b000000ffff, SELECTOR, VECTOR_GP, SELECTOR},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_32);
        guest_descriptor(&g, SELECTOR, cases[i].raw);
        if (cases[i].stack)
            guest_code(&g, load_ss);
        else
            guest_code(&g, load_ds);
        g.cpu->gpr[GPR_AX] = cases[i].selector;
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector || (vector >= 0 && guest_stack(&g, 0) != cases[i].error))
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        if (vector >= 0)
            assert_int_equal(guest_stack(&g, 1), BOARD_CODE); /* nothing was done */
        guest_free(&g);
    }
}

static void test_descriptor_loaded_is_marked_accessed(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_descriptor(&g, SELECTOR, UINT64_C(0x12cf923456789abc));
    guest_code(&g, load_ds);
    g.cpu->gpr[GPR_AX] = SELECTOR;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(guest_descriptor_read(&g, SELECTOR), UINT64_C(0x12cf933456789abc));
    assert_int_equal(g.cpu->segments[SEG_DS].base, 0x12345678);
    assert_int_equal(g.cpu->segments[SEG_DS].limit, 0xf9abcfff);
    guest_free(&g);
}

GUEST_CODE(null_stack, 64, "mov %ax, %ss\n push %rax\n hlt");

static void test_null_stack_in_64_bit_code_is_for_the_kernel(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, null_stack);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    guest_free(&g);
    g = guest_make(BOARD_64_USER);
    guest_code(&g, null_stack);
    g.cpu->gpr[GPR_AX] = 3;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    assert_int_equal(guest_stack(&g, 0), 0);
    guest_free(&g);
}

GUEST_CODE(push_pop, 32, "push %fs\n pop %gs\n pushw %fs\n popw %es\n hlt");

static void test_segment_pushed_and_popped_moves_the_pointer_by_its_size(void **state)
{
    struct guest g = guest_make(BOARD_32);

    g.cpu->segments[SEG_FS].selector = 0x10;
    guest_write32(&g, BOARD_STACK - 4, 0xaaaaaaaa);
    guest_code(&g, push_pop);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_SP], BOARD_STACK);
    assert_int_equal(g.cpu->segments[SEG_GS].selector, 0x10);
    assert_int_equal(g.cpu->segments[SEG_ES].selector, 0x10);
    guest_free(&g);
}

GUEST_CODE(load_far, 32, "lds 0x30000, %esi\n lss 0x30008, %esp\n hlt");

static void test_far_pointer_loaded_fills_both_registers(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_write32(&g, BOARD_DATA, 0x12345678);
    guest_write16(&g, BOARD_DATA + 4, 0x10);
    guest_write32(&g, BOARD_DATA + 8, 0x18000);
    guest_write16(&g, BOARD_DATA + 12, 0x10);
    guest_code(&g, load_far);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_SI], 0x12345678);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0x18000);
    guest_free(&g);
}

/* ---- Addresses ------------------------------------------------------------------------------------------------- */

GUEST_CODE(store_ds, 32, "mov %eax, (%ebx)\n hlt");
GUEST_CODE(store_ss, 32, "mov %eax, %ss:(%ebx)\n hlt");
GUEST_CODE(store_cs, 32, "mov %eax, %cs:(%ebx)\n hlt");

static void test_address_outside_of_its_segment_raises_its_fault(void **state)
{
    static const struct {
        const char *label;
        unsigned limit, attributes, address;
        int vector;
    } cases[] = {
        {"last inside", 0xffff, 0x4093, 0xfffc, NONE},
        {"one beyond", 0xffff, 0x4093, 0xfffd, VECTOR_GP},
        {"read-only", 0xffff, 0x4091, 0, VECTOR_GP},
        {"null", 0, SEG_UNUSABLE, 0, VECTOR_GP},
        {"down, above its limit", 0xffff, 0x4097, 0x10000, NONE},
        {"down, at its limit", 0xffff, 0x4097, 0xffff, VECTOR_GP},
        {"down, 16 bits, at the end", 0xfff, 0x0097, 0xfffc, NONE},
        {"down, 16 bits, beyond the end", 0xfff, 0x0097, 0xfffd, VECTOR_GP},
        {"beyond 4 GiB", 0xffffffff, 0xc093, 0xfffffffd, VECTOR_GP},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_32);
        struct vcpu_segment *ds = &g.cpu->segments[SEG_DS];
        guest_code(&g, store_ds);
        ds->base = 0x100000;
        ds->limit = cases[i].limit;
        ds->attributes = cases[i].attributes;
        cpu_mode_changed(g.cpu);
        g.cpu->gpr[GPR_BX] = cases[i].address;
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector)
            fail_msg("%s: %d, not %d", cases[i].label, vector, cases[i].vector);
        if (vector >= 0)
            assert_int_equal(guest_stack(&g, 0), 0);
        guest_free(&g);
    }
}

GUEST_CODE(load_over_the_end, 32, "mov %cs:(%ebx), %eax\n mov %fs:(%ebx), %ecx\n mov (%ebx), %edx\n hlt");

GUEST_CODE(push_over_the_end, 32, "mov $3, %esp\n push %eax\n mov $3, %esp\n push %fs\n mov $0x20000, %esp\n hlt");

/* Through whichever register, and by pushes; nobody is at the address. */
static void test_access_that_wraps_in_a_flat_segment_is_inside_of_it(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, load_over_the_end);
    g.cpu->segments[SEG_FS] = g.cpu->segments[SEG_DS];
    cpu_mode_changed(g.cpu);
    g.cpu->gpr[GPR_BX] = 0xfffffffd;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    guest_free(&g);
    g = guest_make(BOARD_32);
    guest_code(&g, push_over_the_end);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    guest_free(&g);
}

GUEST_CODE(load_unaligned, 64, "movups (%rbp), %xmm0\n hlt");
GUEST_CODE(load_aligned, 64, "movaps (%rbp), %xmm0\n hlt");
GUEST_CODE(store_aligned, 64, "movntps %xmm0, (%rbp)\n hlt");
GUEST_CODE(save_area, 64, "fxsave (%rbp)\n hlt");
GUEST_CODE(restore_area, 64, "fxrstor (%rbp)\n hlt");

/* An operand's alignment comes before its address, an area's after it. */
static void test_stack_address_that_is_not_canonical_and_misaligned_is_refused_by_kind(void **state)
{
    static const struct {
        const char *label;
        const uint8_t *code, *end;
        uint64_t address;
        int vector;
    } cases[] = {
        {"operand of any alignment", load_unaligned, load_unaligned_end, UINT64_C(0x7000000000000001), VECTOR_SS},
        {"operand, aligned", load_aligned, load_aligned_end, UINT64_C(0x7000000000000000), VECTOR_SS},
        {"operand, misaligned", load_aligned, load_aligned_end, UINT64_C(0x7000000000000001), VECTOR_GP},
        {"stored operand, misaligned", store_aligned, store_aligned_end, UINT64_C(0x7000000000000008), VECTOR_GP},
        {"saved area, misaligned", save_area, save_area_end, UINT64_C(0x7000000000000001), VECTOR_SS},
        {"restored area, misaligned", restore_area, restore_area_end, UINT64_C(0x7000000000000008), VECTOR_SS},
        {"saved area, misaligned, canonical", save_area, save_area_end, BOARD_DATA + 8, VECTOR_GP},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_code_at(&g, BOARD_CODE, cases[i].code, (size_t)(cases[i].end - cases[i].code));
        g.cpu->gpr[GPR_BP] = cases[i].address;
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector)
            fail_msg("%s: %d, not %d", cases[i].label, vector, cases[i].vector);
        guest_free(&g);
    }
}

static void test_stack_segment_raises_a_stack_fault_and_code_is_not_written(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, store_ss);
    g.cpu->segments[SEG_SS].limit = 0xfffff;
    cpu_mode_changed(g.cpu);
    g.cpu->gpr[GPR_BX] = 0x100000;
    assert_int_equal(guest_run(&g, 10), VECTOR_SS);
    guest_free(&g);
    g = guest_make(BOARD_32);
    guest_code(&g, store_cs);
    g.cpu->gpr[GPR_BX] = BOARD_DATA;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

GUEST_CODE(unreal, 16,
           "mov $1, %eax\n mov %eax, %cr0\n mov $0x10, %bx\n mov %bx, %ds\n xor %eax, %eax\n mov %eax, %cr0\n"
           "mov $0x123, %bx\n mov %bx, %ds\n mov $0x100000, %ebx\n movl $0x55, (%ebx)\n hlt");

static void test_limit_loaded_in_protected_mode_stays_in_real_mode(void **state)
{
    struct guest g = guest_make(BOARD_REAL);

    guest_code(&g, unreal);
    g.cpu->gdtr = (struct vcpu_table){.base = BOARD_GDT, .limit = 0x5f};
    assert_int_equal(guest_run(&g, 20), GUEST_HALTED);
    assert_int_equal(guest_read32(&g, 0x100000 + 0x1230), 0x55);
    guest_free(&g);
}

GUEST_CODE(real_limit, 16, "movl $0x55, (%ebx)\n hlt");

static void test_real_mode_has_segments_of_64_kib(void **state)
{
    struct guest g = guest_make(BOARD_REAL);

    guest_code(&g, real_limit);
    g.cpu->gpr[GPR_BX] = 0xfffd;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

/* ---- Far transfers ------------------------------------------------------------------------------------------------
 */

GUEST_CODE(far_jump, 32, "ljmp *0x30000");
GUEST_CODE(far_call, 32, "lcall *0x30000\n hlt");
GUEST_CODE(halt, 32, "hlt");

static void far_pointer(struct guest *g, uint32_t offset, unsigned selector)
{
    guest_write32(g, BOARD_DATA, offset);
    guest_write16(g, BOARD_DATA + 4, (uint16_t)selector);
}

static void test_far_jump_checks_what_it_jumps_to(void **state)
{
    static const struct {
        const char *label;
        uint64_t raw;
        unsigned selector;
        uint32_t offset;
        int vector;
        unsigned error;
    } cases[] = {
        {"code", 0x00cf9b000000ffff, SELECTOR, 0x40000, NONE, 0},
        {"code asked for with less privilege", 0x00cf9b000000ffff, SELECTOR | 3, 0x40000, VECTOR_GP, SELECTOR},
        {"code of an outer privilege", 0x00cffb000000ffff, SELECTOR, 0x40000, VECTOR_GP, SELECTOR},
        {"conforming code of an outer privilege", 0x00cfff000000ffff, SELECTOR, 0x40000, VECTOR_GP, SELECTOR},
        {"conforming code", 0x00cf9f000000ffff, SELECTOR | 3, 0x40000, NONE, 0},
        {"absent", 0x00cf1b000000ffff, SELECTOR, 0x40000, VECTOR_NP, SELECTOR},
        {"data", 0x00cf93000000ffff, SELECTOR, 0x40000, VECTOR_GP, SELECTOR},
        {"beyond its limit", 0x00409b000000ffff, SELECTOR, 0x40000, VECTOR_GP, 0},
        {"null", 0, 0, 0x40000, VECTOR_GP, 0},
        {"outside of the table", 0, 0x1f8, 0x40000, VECTOR_GP, 0x1f8},
        {"interrupt gate", 0x00048e0000180000, SELECTOR, 0, VECTOR_GP, SELECTOR},
        {"call gate", 0x00048c0000180000, SELECTOR, 0, NONE, 0},
        {"call gate absent", 0x00040c0000180000, SELECTOR, 0, VECTOR_NP, SELECTOR},
        {"call gate to null", 0x00048c0000000000, SELECTOR, 0, VECTOR_GP, 0},
        {"call gate to data", 0x00048c0000100000, SELECTOR, 0, VECTOR_GP, 0x10},
        {"call gate asked for with less privilege", 0x00048c0000180000, SELECTOR | 1, 0, VECTOR_GP, SELECTOR},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_32);
        guest_descriptor(&g, SELECTOR, cases[i].raw);
        guest_code(&g, far_jump);
        guest_code_at(&g, 0x40000, halt, 1);
        far_pointer(&g, cases[i].offset, cases[i].selector);
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector || (vector >= 0 && guest_stack(&g, 0) != cases[i].error))
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        if (vector == NONE)
            assert_int_equal(g.cpu->rip, 0x40001);
        guest_free(&g);
    }
}

GUEST_CODE(gate_caller, 32, "push $0x1111\n push $0x2222\n lcall *0x30000\n mov %esp, %ebp\n hlt");
GUEST_CODE(gate_callee, 32, "mov 8(%esp), %eax\n mov 12(%esp), %ebx\n mov %esp, %ecx\n mov %cs, %edx\n lret $8");

static void test_call_gate_to_inner_ring_copies_parameters_and_returns(void **state)
{
    struct guest g = guest_make(BOARD_32_USER);

    guest_descriptor(&g, SELECTOR, UINT64_C(0x0004ec0200180000)); /* DPL 3, two parameters, 18:40000 */
    guest_code(&g, gate_caller);
    guest_code_at(&g, 0x40000, gate_callee, (size_t)(gate_callee_end - gate_callee));
    far_pointer(&g, 0xdead, SELECTOR | 3);
    assert_int_equal(guest_run(&g, 20), VECTOR_GP); /* hlt in ring 3 */
    assert_int_equal(g.cpu->gpr[GPR_AX], 0x2222);
    assert_int_equal(g.cpu->gpr[GPR_BX], 0x1111);
    assert_int_equal(g.cpu->gpr[GPR_CX], GUEST_INNER_STACK - 24);
    assert_int_equal(g.cpu->gpr[GPR_DX], 0x18);
    assert_int_equal(g.cpu->gpr[GPR_BP], BOARD_STACK);
    assert_int_equal(guest_read32(&g, GUEST_INNER_STACK - 4), 0x43);
    guest_free(&g);
}

static void test_call_gate_whose_stack_is_bad_raises_and_changes_nothing(void **state)
{
    enum { CODE_1 = GUEST_OWN + 8, STACK_1 = GUEST_OWN + 16 };
    static const struct {
        const char *label;
        unsigned selector;
        uint64_t raw;
        int vector;
        unsigned error;
    } cases[] = {
        {"good", STACK_1 + 1, 0x00cfb3000000ffff, VECTOR_GP, 0}, /* hlt in ring 1 */
        {"null", 0, 0, VECTOR_TS, 0},
        {"of another privilege", STACK_1 + 1, 0x00cff3000000ffff, VECTOR_TS, STACK_1},
        {"asked for with another privilege", STACK_1, 0x00cfb3000000ffff, VECTOR_TS, STACK_1},
        {"code", STACK_1 + 1, 0x00cfbb000000ffff, VECTOR_TS, STACK_1},
        {"outside of the table", 0x1f8, 0, VECTOR_TS, 0x1f8},
        {"absent", STACK_1 + 1, 0x00cf33000000ffff, VECTOR_SS, STACK_1},
        {"too small", STACK_1 + 1, 0x0040b3000000000f, VECTOR_SS, STACK_1},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_32_USER);
        guest_descriptor(&g, SELECTOR, UINT64_C(0x0004ec0200000000) | CODE_1 << 16);
        guest_descriptor(&g, CODE_1, UINT64_C(0x00cfbb000000ffff));
        guest_descriptor(&g, STACK_1, cases[i].raw);
        guest_write16(&g, GUEST_TSS + 0x10, (uint16_t)cases[i].selector);
        guest_code(&g, gate_caller);
        guest_code_at(&g, 0x40000, halt, 1);
        far_pointer(&g, 0, SELECTOR | 3);
        int vector = guest_run(&g, 20);
        if (vector != cases[i].vector || guest_stack(&g, 0) != cases[i].error)
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        if (i) { /* of the caller, at its call */
            assert_int_equal(guest_stack(&g, 1), BOARD_CODE + 10);
            assert_int_equal(guest_stack(&g, 2), 0x4b);
            assert_int_equal(guest_stack(&g, 4), BOARD_STACK - 8);
            assert_int_equal(guest_stack(&g, 5), 0x43);
        }
        guest_free(&g);
    }
}

GUEST_CODE(return_outer, 32,
           "mov $0x10, %eax\n mov %eax, %ds\n mov $0x43, %eax\n mov %eax, %es\n push $0x43\n"
           "push $0x1f000\n push $0x4b\n push $0x40000\n lret");
GUEST_CODE(in_outer, 32, "mov %ds, %eax\n mov %es, %ebx\n mov %esp, %ecx\n hlt");

static void test_far_return_to_outer_ring_forgets_inner_segments(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, return_outer);
    guest_code_at(&g, 0x40000, in_outer, (size_t)(in_outer_end - in_outer));
    assert_int_equal(guest_run(&g, 30), VECTOR_GP);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0);
    assert_int_equal(g.cpu->gpr[GPR_BX], 0x43);
    assert_int_equal(g.cpu->gpr[GPR_CX], 0x1f000);
    guest_free(&g);
}

GUEST_CODE(to_compat, 64,
           "push $0x18\n lea 1f(%rip), %rax\n push %rax\n lretq\n .code32\n 1: mov $-1, %eax\n"
           "inc %eax\n ljmp $8, $0x40000\n");
GUEST_CODE(from_compat, 64, "mov $-1, %rbx\n hlt");

static void test_far_transfers_switch_between_64_and_32_bit_code(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, to_compat);
    guest_code_at(&g, 0x40000, from_compat, (size_t)(from_compat_end - from_compat));
    assert_int_equal(guest_run(&g, 30), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0);
    assert_int_equal(g.cpu->gpr[GPR_BX], UINT64_MAX);
    guest_free(&g);
}

GUEST_CODE(real_far, 16, "lcall $0x4000, $8\n mov %cs, %bx\n hlt");
GUEST_CODE(real_callee, 16, "mov %cs, %ax\n lret");

static void test_real_mode_far_call_comes_back(void **state)
{
    struct guest g = guest_make(BOARD_REAL);

    guest_code(&g, real_far);
    guest_code_at(&g, 0x40008, real_callee, (size_t)(real_callee_end - real_callee));
    assert_int_equal(guest_run(&g, 30), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0x4000);
    assert_int_equal(g.cpu->gpr[GPR_BX], 0x1000);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0xfff0);
    guest_free(&g);
}

/* ---- Asking --------------------------------------------------------------------------------------------------------
 */

GUEST_CODE(ask_all, 32,
           "lar %eax, %ecx\n setz %bl\n lsl %eax, %edx\n setz %bh\n verr %ax\n setz %al\n verw 0x30000\n"
           "setz %ah\n hlt");

static void test_selectors_are_asked_about_without_a_fault(void **state)
{
    static const struct {
        const char *label;
        uint64_t raw;
        unsigned selector;
        uint8_t lar, lsl, verr, verw;
    } cases[] = {
        {"data", 0x00cf93000000ffff, SELECTOR, 1, 1, 1, 1},
        {"read-only data", 0x00cf91000000ffff, SELECTOR, 1, 1, 1, 0},
        {"code", 0x00cf9b000000ffff, SELECTOR, 1, 1, 1, 0},
        {"code not readable", 0x00cf99000000ffff, SELECTOR, 1, 1, 0, 0},
        {"less privilege asked for", 0x00cf93000000ffff, SELECTOR | 3, 0, 0, 0, 0},
        {"conforming", 0x00cf9f000000ffff, SELECTOR | 3, 1, 1, 1, 0},
        {"null", 0, 0, 0, 0, 0, 0},
        {"outside", 0, 0x1f8, 0, 0, 0, 0},
        {"TSS", 0x0000890000000067, SELECTOR, 1, 1, 0, 0},
        {"call gate", 0x00008c0000000067, SELECTOR, 1, 0, 0, 0},
        {"interrupt gate", 0x00008e0000000067, SELECTOR, 0, 0, 0, 0},
        {"absent", 0x00cf13000000ffff, SELECTOR, 1, 1, 1, 1},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_32);
        guest_descriptor(&g, SELECTOR, cases[i].raw);
        guest_code(&g, ask_all);
        guest_write16(&g, BOARD_DATA, (uint16_t)cases[i].selector);
        g.cpu->gpr[GPR_AX] = cases[i].selector;
        assert_int_equal(guest_run(&g, 20), GUEST_HALTED);
        uint8_t lar = (uint8_t)g.cpu->gpr[GPR_BX], lsl = (uint8_t)(g.cpu->gpr[GPR_BX] >> 8),
                verr = (uint8_t)g.cpu->gpr[GPR_AX], verw = (uint8_t)(g.cpu->gpr[GPR_AX] >> 8);
        if (lar != cases[i].lar || lsl != cases[i].lsl || verr != cases[i].verr || verw != cases[i].verw)
            fail_msg("%s: lar %d lsl %d verr %d verw %d", cases[i].label, lar, lsl, verr, verw);
        if (lar)
            assert_int_equal(g.cpu->gpr[GPR_CX], cases[i].raw >> 32 & 0xffff00);
        guest_free(&g);
    }
}

GUEST_CODE(adjust, 32, "arpl %cx, %ax\n setz %bl\n arpl %cx, %ax\n setz %bh\n hlt");

static void test_privilege_asked_for_is_lowered_once(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, adjust);
    g.cpu->gpr[GPR_AX] = 0x28;
    g.cpu->gpr[GPR_CX] = 3;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], 0x2b);
    assert_int_equal(g.cpu->gpr[GPR_BX], 1);
    guest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selector_loaded_raises_what_the_descriptor_deserves),
        cmocka_unit_test(test_descriptor_loaded_is_marked_accessed),
        cmocka_unit_test(test_null_stack_in_64_bit_code_is_for_the_kernel),
        cmocka_unit_test(test_segment_pushed_and_popped_moves_the_pointer_by_its_size),
        cmocka_unit_test(test_far_pointer_loaded_fills_both_registers),
        cmocka_unit_test(test_address_outside_of_its_segment_raises_its_fault),
        cmocka_unit_test(test_access_that_wraps_in_a_flat_segment_is_inside_of_it),
        cmocka_unit_test(test_stack_address_that_is_not_canonical_and_misaligned_is_refused_by_kind),
        cmocka_unit_test(test_stack_segment_raises_a_stack_fault_and_code_is_not_written),
        cmocka_unit_test(test_limit_loaded_in_protected_mode_stays_in_real_mode),
        cmocka_unit_test(test_real_mode_has_segments_of_64_kib),
        cmocka_unit_test(test_far_jump_checks_what_it_jumps_to),
        cmocka_unit_test(test_call_gate_to_inner_ring_copies_parameters_and_returns),
        cmocka_unit_test(test_call_gate_whose_stack_is_bad_raises_and_changes_nothing),
        cmocka_unit_test(test_far_return_to_outer_ring_forgets_inner_segments),
        cmocka_unit_test(test_far_transfers_switch_between_64_and_32_bit_code),
        cmocka_unit_test(test_real_mode_far_call_comes_back),
        cmocka_unit_test(test_selectors_are_asked_about_without_a_fault),
        cmocka_unit_test(test_privilege_asked_for_is_lowered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
