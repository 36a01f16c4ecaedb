/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of the system on the software processor: control registers, tables, model-specific registers, the fast
 * system calls, identification, and who may use them. */
#include "cpu_guest.h"

#include "cpu/features.h"
#include "cpu/registers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- Control registers ----------------------------------------------------------------------------------------- */

GUEST_CODE(write_cr0, 64, "mov %rax, %cr0\n hlt");
GUEST_CODE(write_cr3, 64, "mov %rax, %cr3\n hlt");
GUEST_CODE(write_cr4, 64, "mov %rax, %cr4\n hlt");
GUEST_CODE(write_cr8, 64, "mov %rax, %cr8\n hlt");
GUEST_CODE(write_cr0_32, 32, "mov %eax, %cr0\n hlt");

#define CODE_OF(name) name, (size_t)(name##_end - name)

static void test_control_register_takes_what_a_processor_takes(void **state)
{
    const uint64_t on = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG, four = CR4_PAE;
    const struct {
        const char *label;
        const uint8_t *code;
        size_t n;
        uint64_t value;
        int vector;
    } cases[] = {
        {"cr0 as it is", CODE_OF(write_cr0), on, GUEST_HALTED},
        {"cr0 with caches off", CODE_OF(write_cr0), on | CR0_CD | CR0_NW, GUEST_HALTED},
        {"cr0 with reserved low bits", CODE_OF(write_cr0), on | 0x1ffa0000, GUEST_HALTED},
        {"paging without protection", CODE_OF(write_cr0), on & ~CR0_PE, VECTOR_GP},
        {"not write-through without caches off", CODE_OF(write_cr0), on | CR0_NW, VECTOR_GP},
        {"upper half", CODE_OF(write_cr0), on | UINT64_C(1) << 32, VECTOR_GP},
        {"paging off in 64-bit code", CODE_OF(write_cr0), on & ~CR0_PG, VECTOR_GP},
        {"cr3 beyond the address", CODE_OF(write_cr3), BOARD_TABLES | UINT64_C(1) << 40, VECTOR_GP},
        {"cr3 of the tables", CODE_OF(write_cr3), BOARD_TABLES, GUEST_HALTED},
        {"cr4 without PAE", CODE_OF(write_cr4), 0, VECTOR_GP},
        {"cr4 that is not there", CODE_OF(write_cr4), four | CR4_PCIDE, VECTOR_GP},
        {"cr4 reserved", CODE_OF(write_cr4), four | UINT64_C(1) << 15, VECTOR_GP},
        {"cr4", CODE_OF(write_cr4), four | CR4_PGE | CR4_FSGSBASE | CR4_OSXSAVE | CR4_UMIP, GUEST_HALTED},
        {"cr8", CODE_OF(write_cr8), 15, GUEST_HALTED},
        {"cr8 above", CODE_OF(write_cr8), 16, VECTOR_GP},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_code_at(&g, BOARD_CODE, cases[i].code, cases[i].n);
        g.cpu->gpr[GPR_AX] = cases[i].value;
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector)
            fail_msg("%s: %d, not %d", cases[i].label, vector, cases[i].vector);
        guest_free(&g);
    }
}

GUEST_CODE(to_long, 32,
           "mov %cr4, %eax\n or $0x20, %eax\n mov %eax, %cr4\n mov $0x1000, %eax\n mov %eax, %cr3\n"
           "mov $0xc0000080, %ecx\n rdmsr\n or $0x100, %eax\n wrmsr\n mov %cr0, %eax\n or $0x80000000, %eax\n"
           "mov %eax, %cr0\n rdmsr\n mov %eax, %esi\n ljmp $8, $0x40000");
GUEST_CODE(in_long, 64, "mov $-1, %rbx\n hlt");

static void test_long_mode_is_entered_and_left_by_the_manual(void **state)
{
    struct guest g = guest_make(BOARD_32);

    guest_code(&g, to_long);
    guest_code_at(&g, 0x40000, CODE_OF(in_long));
    assert_int_equal(guest_run(&g, 50), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_BX], UINT64_MAX);
    assert_int_equal(g.cpu->gpr[GPR_SI], EFER_LME | EFER_LMA);
    assert_int_equal(g.cpu->mode, MODE_LONG);
    guest_free(&g);
    g = guest_make(BOARD_32); /* long mode without PAE */
    guest_code(&g, write_cr0_32);
    g.cpu->msrs.efer = EFER_LME;
    g.cpu->gpr[GPR_AX] = CR0_PE | CR0_PG;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

GUEST_CODE(words, 64, "smsw %rax\n smsw %cx\n lmsw %dx\n mov %cr0, %rbx\n hlt");

static void test_machine_status_word_sets_protection_but_does_not_clear_it(void **state)
{
    struct guest g = guest_make(BOARD_64);
    uint64_t before = g.cpu->cr0;

    guest_code(&g, words);
    g.cpu->gpr[GPR_DX] = CR0_TS | CR0_MP;
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_AX], before);
    assert_int_equal(g.cpu->gpr[GPR_CX], before & 0xffff);
    assert_int_equal(g.cpu->gpr[GPR_BX], before | CR0_TS | CR0_MP);
    guest_free(&g);
}

/* ---- Who may --------------------------------------------------------------------------------------------------- */

static void test_program_may_not_use_what_is_the_systems(void **state)
{
    static const struct {
        const char *label;
        uint8_t code[8];
        int vector;
    } cases[] = {
        {"hlt", {0xf4}, VECTOR_GP},
        {"cli", {0xfa}, VECTOR_GP},
        {"sti", {0xfb}, VECTOR_GP},
        {"mov rax, cr0", {0x0f, 0x20, 0xc0}, VECTOR_GP},
        {"mov cr3, rax", {0x0f, 0x22, 0xd8}, VECTOR_GP},
        {"mov rax, dr0", {0x0f, 0x21, 0xc0}, VECTOR_GP},
        {"clts", {0x0f, 0x06}, VECTOR_GP},
        {"lgdt [rsp-16]", {0x0f, 0x01, 0x54, 0x24, 0xf0}, VECTOR_GP},
        {"lidt [rsp-16]", {0x0f, 0x01, 0x5c, 0x24, 0xf0}, VECTOR_GP},
        {"lldt ax", {0x0f, 0x00, 0xd0}, VECTOR_GP},
        {"ltr ax", {0x0f, 0x00, 0xd8}, VECTOR_GP},
        {"lmsw ax", {0x0f, 0x01, 0xf0}, VECTOR_GP},
        {"invlpg [rax]", {0x0f, 0x01, 0x38}, VECTOR_GP},
        {"invd", {0x0f, 0x08}, VECTOR_GP},
        {"wbinvd", {0x0f, 0x09}, VECTOR_GP},
        {"rdmsr", {0x0f, 0x32}, VECTOR_GP},
        {"wrmsr", {0x0f, 0x30}, VECTOR_GP},
        {"rdpmc", {0x0f, 0x33}, VECTOR_GP},
        {"swapgs", {0x0f, 0x01, 0xf8}, VECTOR_GP},
        {"sysretq", {0x48, 0x0f, 0x07}, VECTOR_GP},
        {"sysexit", {0x0f, 0x35}, VECTOR_GP},
        {"stac", {0x0f, 0x01, 0xcb}, VECTOR_UD},
        {"rdfsbase rax", {0xf3, 0x48, 0x0f, 0xae, 0xc0}, VECTOR_UD}, /* cr4 does not say so */
        {"vmcall", {0x0f, 0x01, 0xc1}, VECTOR_UD},
        {"monitor", {0x0f, 0x01, 0xc8}, VECTOR_UD},
        {"invpcid rax, [rax]", {0x66, 0x0f, 0x38, 0x82, 0x00}, VECTOR_UD},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64_USER);
        board_code(g.b, cases[i].code, sizeof cases[i].code);
        g.cpu->msrs.sysenter_cs = 8;
        int vector = guest_run(&g, 1) == GUEST_RUNS ? guest_run(&g, 1) : GUEST_RUNS;
        if (vector != cases[i].vector)
            fail_msg("%s: %d, not %d", cases[i].label, vector, cases[i].vector);
        guest_free(&g);
    }
}

static void test_user_mode_instruction_prevention_hides_the_tables(void **state)
{
    static const struct {
        const char *label;
        uint8_t code[5];
    } cases[] = {{"sgdt", {0x0f, 0x01, 0x44, 0x24, 0xf0}},
                 {"sidt", {0x0f, 0x01, 0x4c, 0x24, 0xf0}},
                 {"sldt", {0x0f, 0x00, 0xc0, 0x90, 0x90}},
                 {"str", {0x0f, 0x00, 0xc8, 0x90, 0x90}},
                 {"smsw", {0x0f, 0x01, 0xe0, 0x90, 0x90}}};

    for (unsigned on = 0; on < 2; on++)
        for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct guest g = guest_make(BOARD_64_USER);
            board_code(g.b, cases[i].code, sizeof cases[i].code);
            if (on)
                g.cpu->cr4 |= CR4_UMIP;
            assert_int_equal(guest_run(&g, 1), GUEST_RUNS);
            if ((g.cpu->cpl == 0) != on)
                fail_msg("%s: with UMIP %u it is in ring %d", cases[i].label, on, g.cpu->cpl);
            guest_free(&g);
        }
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

GUEST_CODE(tables_64, 64, "lgdt 0x30000\n lidt 0x30010\n sgdt 0x30020\n sidt 0x30030\n hlt");
GUEST_CODE(tables_16, 32, "lgdtw 0x30000\n sgdtl 0x30020\n hlt");

static void test_tables_are_loaded_and_stored_as_wide_as_the_mode(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, tables_64);
    guest_write16(&g, 0x30000, 0x11f);
    board_write64(g.b, 0x30002, UINT64_C(0xffff800000008000));
    guest_write16(&g, 0x30010, 0xfff);
    board_write64(g.b, 0x30012, GUEST_IDT);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_memory_equal(g.b->ram + 0x30020, g.b->ram + 0x30000, 10);
    assert_memory_equal(g.b->ram + 0x30030, g.b->ram + 0x30010, 10);
    board_write64(g.b, 0x30002, UINT64_C(1) << 47);
    guest_code(&g, tables_64);
    g.cpu->halted = false;
    g.cpu->gdtr.base = BOARD_GDT;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP); /* not canonical */
    guest_free(&g);
    g = guest_make(BOARD_32);
    guest_code(&g, tables_16);
    guest_write16(&g, 0x30000, 0x11f);
    guest_write32(&g, 0x30002, 0xff008000);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(guest_read32(&g, 0x30022), 0x8000); /* 24 bits of a base, as a 286 has */
    guest_free(&g);
}

GUEST_CODE(load_task, 64, "ltr %ax\n str %rbx\n hlt");
GUEST_CODE(load_local, 64, "lldt %ax\n sldt %rbx\n hlt");

static void test_task_and_local_table_are_checked(void **state)
{
    const struct {
        const char *label;
        bool task;
        uint64_t low, high;
        unsigned selector;
        int vector;
        unsigned error;
    } cases[] = {
        {"TSS", true, 0x0000890000000067, 0, GUEST_OWN, GUEST_HALTED, 0},
        {"TSS null", true, 0, 0, 0, VECTOR_GP, 0},
        {"TSS busy", true, 0x00008b0000000067, 0, GUEST_OWN, VECTOR_GP, GUEST_OWN},
        {"TSS absent", true, 0x0000090000000067, 0, GUEST_OWN, VECTOR_NP, GUEST_OWN},
        {"TSS of 16 bits", true, 0x0000810000000067, 0, GUEST_OWN, VECTOR_GP, GUEST_OWN},
        {"TSS of the local table", true, 0, 0, GUEST_OWN | 4, VECTOR_GP, GUEST_OWN | 4},
        {"TSS that is data", true, 0x00cf93000000ffff, 0, GUEST_OWN, VECTOR_GP, GUEST_OWN},
        {"TSS with a type above", true, 0x0000890000000067, UINT64_C(1) << 40, GUEST_OWN, VECTOR_GP, GUEST_OWN},
        {"LDT", false, 0x0000820000000067, 0xffff8000, GUEST_OWN, GUEST_HALTED, 0},
        {"LDT null", false, 0, 0, 0, GUEST_HALTED, 0},
        {"LDT absent", false, 0x0000020000000067, 0, GUEST_OWN, VECTOR_NP, GUEST_OWN},
        {"LDT that is a TSS", false, 0x0000890000000067, 0, GUEST_OWN, VECTOR_GP, GUEST_OWN},
        {"LDT not canonical", false, 0x0000820000000067, 0x8000, GUEST_OWN, VECTOR_GP, GUEST_OWN},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_descriptor(&g, GUEST_OWN, cases[i].low);
        guest_descriptor(&g, GUEST_OWN + 8, cases[i].high);
        if (cases[i].task)
            guest_code(&g, load_task);
        else
            guest_code(&g, load_local);
        g.cpu->gpr[GPR_AX] = cases[i].selector;
        int vector = guest_run(&g, 10);
        if (vector != cases[i].vector || (vector >= 0 && guest_stack(&g, 0) != cases[i].error))
            fail_msg("%s: vector %d error %#x, not %d %#x", cases[i].label, vector, (unsigned)guest_stack(&g, 0),
                     cases[i].vector, cases[i].error);
        if (vector == GUEST_HALTED)
            assert_int_equal(g.cpu->gpr[GPR_BX], cases[i].selector);
        if (vector == GUEST_HALTED && cases[i].task)
            assert_int_equal(guest_descriptor_read(&g, GUEST_OWN) >> 40 & 0xff, 0x8b);
        if (vector == GUEST_HALTED && cases[i].high)
            assert_int_equal(g.cpu->ldtr.base, UINT64_C(0xffff800000000000));
        guest_free(&g);
    }
}

/* ---- System calls ---------------------------------------------------------------------------------------------- */

GUEST_CODE(call_system, 64, "syscall\n mov $7, %ebx\n hlt");
GUEST_CODE(return_system, 64, "mov %cs, %edi\n mov %ss, %esi\n sysretq");
GUEST_CODE(return_system_32, 64, "sysretl");

static void test_system_call_goes_and_comes_back(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, call_system);
    guest_code_at(&g, 0x40000, CODE_OF(return_system));
    g.cpu->msrs.lstar = 0x40000;
    g.cpu->msrs.star = UINT64_C(0x002b000800000000); /* sysret: cs 3b, ss 33 */
    g.cpu->msrs.sfmask = RFLAGS_IF | FLAG_C;
    g.cpu->rflags |= RFLAGS_IF;
    flags_set(&g.cpu->flags, FLAG_C | FLAG_Z);
    board_run(g.b, 1);
    assert_int_equal(g.cpu->cpl, 0);
    assert_int_equal(g.cpu->gpr[GPR_CX], BOARD_CODE + 2);
    assert_int_equal(g.cpu->gpr[11], RFLAGS_IF | RFLAGS_ONE | FLAG_C | FLAG_Z);
    assert_int_equal(cpu_rflags(g.cpu), RFLAGS_ONE | FLAG_Z);
    board_run(g.b, 4);
    assert_int_equal(g.cpu->gpr[GPR_DI], 8);
    assert_int_equal(g.cpu->gpr[GPR_SI], 0x10);
    assert_int_equal(g.cpu->gpr[GPR_BX], 7);
    assert_int_equal(g.cpu->cpl, 3);
    assert_int_equal(g.cpu->segments[SEG_CS].selector, 0x3b);
    assert_int_equal(g.cpu->segments[SEG_SS].selector, 0x33);
    assert_int_equal(cpu_rflags(g.cpu), RFLAGS_IF | RFLAGS_ONE | FLAG_C | FLAG_Z);
    guest_free(&g);
}

static void test_system_call_needs_to_be_on_and_return_an_address(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, call_system);
    g.cpu->msrs.efer &= ~EFER_SCE;
    assert_int_equal(guest_run(&g, 5), VECTOR_UD);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, return_system);
    g.cpu->gpr[GPR_CX] = UINT64_C(1) << 47;
    assert_int_equal(guest_run(&g, 5), VECTOR_GP);
    assert_int_equal(g.cpu->cpl, 0);
    guest_free(&g);
    g = guest_make(BOARD_64);
    guest_code(&g, return_system_32);
    g.cpu->gpr[GPR_CX] = UINT64_C(0xf00040000);
    g.cpu->msrs.star = UINT64_C(0x0048000800000000);
    assert_int_equal(guest_run(&g, 1), GUEST_RUNS);
    assert_int_equal(g.cpu->mode, MODE_COMPAT);
    assert_int_equal(g.cpu->rip, 0x40000);
    assert_int_equal(g.cpu->segments[SEG_CS].selector, 0x4b);
    guest_free(&g);
}

GUEST_CODE(enter_system, 64, "sysenter\n hlt");
GUEST_CODE(exit_system, 64, "mov $0x10000, %edx\n mov $0x1f000, %ecx\n .byte 0x48, 0x0f, 0x35");

static void test_sysenter_and_sysexit_use_their_registers(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);

    guest_code(&g, enter_system);
    guest_code_at(&g, 0x40000, CODE_OF(exit_system));
    g.cpu->msrs.sysenter_cs = 8;
    g.cpu->msrs.sysenter_eip = 0x40000;
    g.cpu->msrs.sysenter_esp = 0x18000;
    g.cpu->rflags |= RFLAGS_IF;
    board_run(g.b, 1);
    assert_int_equal(g.cpu->rip, 0x40000);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0x18000);
    assert_int_equal(g.cpu->cpl, 0);
    assert_false(g.cpu->rflags & RFLAGS_IF);
    board_run(g.b, 3);
    assert_int_equal(g.cpu->rip, 0x10000);
    assert_int_equal(g.cpu->gpr[GPR_SP], 0x1f000);
    assert_int_equal(g.cpu->segments[SEG_CS].selector, 0x2b);
    assert_int_equal(g.cpu->segments[SEG_SS].selector, 0x33);
    assert_int_equal(g.cpu->mode, MODE_LONG);
    guest_free(&g);
    g = guest_make(BOARD_64_USER);
    guest_code(&g, enter_system);
    assert_int_equal(guest_run(&g, 5), VECTOR_GP); /* no code segment was set */
    guest_free(&g);
}

GUEST_CODE(bases, 64, "wrgsbase %rax\n swapgs\n rdgsbase %rbx\n wrfsbase %ecx\n mov %fs:8, %rdx\n hlt");

static void test_bases_are_swapped_read_and_written(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, bases);
    g.cpu->cr4 |= CR4_FSGSBASE;
    g.cpu->gpr[GPR_AX] = UINT64_C(0xffff800000001000);
    g.cpu->gpr[GPR_CX] = UINT64_C(0xff00000000030000);
    g.cpu->msrs.kernel_gs_base = 0x1234;
    board_write64(g.b, 0x30008, 77);
    assert_int_equal(guest_run(&g, 10), GUEST_HALTED);
    assert_int_equal(g.cpu->msrs.kernel_gs_base, UINT64_C(0xffff800000001000));
    assert_int_equal(g.cpu->gpr[GPR_BX], 0x1234);
    assert_int_equal(g.cpu->gpr[GPR_DX], 77);
    g.cpu->halted = false;
    guest_code(&g, bases);
    g.cpu->gpr[GPR_AX] = UINT64_C(1) << 47;
    assert_int_equal(guest_run(&g, 10), VECTOR_GP);
    guest_free(&g);
}

/* ---- Registers by number --------------------------------------------------------------------------------------- */

GUEST_CODE(write_number, 64, "wrmsr\n rdmsr\n hlt");

static void test_registers_by_number_take_what_a_processor_takes(void **state)
{
    static const struct {
        uint32_t index;
        uint64_t value;
        bool taken;
    } cases[] = {
        {MSR_LSTAR, 0x1234, true},
        {MSR_LSTAR, UINT64_C(1) << 47, false},
        {MSR_STAR, UINT64_C(0x123456789abcdef0), true},
        {MSR_SFMASK, 0xffffffff, true},
        {MSR_SFMASK, UINT64_C(1) << 32, false},
        {MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE, true},
        {MSR_EFER, EFER_SCE | EFER_LMA | EFER_NXE, false}, /* long mode is on */
        {MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | 2, false},
        {MSR_PAT, UINT64_C(0x0706050400000001), true},
        {MSR_PAT, 2, false},
        {MSR_PAT, 8, false},
        {MSR_MTRR_DEF, 0xc06, true},
        {MSR_MTRR_DEF, 2, false},
        {MSR_MTRR_DEF, 7, false},
        {MSR_MTRR_BASE, 0x80000006, true},
        {MSR_MTRR_BASE, 0x80000003, false},
        {MSR_MTRR_BASE, UINT64_C(1) << 40, false},
        {MSR_MTRR_BASE + 1, UINT64_C(0xff80000800), true},
        {MSR_MTRR_BASE + 1, 0x400, false},
        {MSR_MTRR_FIX64K, UINT64_C(0x0606060606060606), true},
        {MSR_MTRR_FIX4K + 7, UINT64_C(0x0706060606060606), false},
        {MSR_MTRR_CAP, 0x508, false},
        {MSR_SYSENTER_CS, 0x10, true},
        {MSR_SYSENTER_EIP, UINT64_C(1) << 63, false},
        {MSR_KERNEL_GS_BASE, UINT64_C(0xffff800000000000), true},
        {MSR_FS_BASE, UINT64_C(0x7fffffffffff), true},
        {MSR_FS_BASE, UINT64_C(0x800000000000), false},
        {MSR_TSC_AUX, 0xffffffff, true},
        {MSR_TSC_AUX, UINT64_C(1) << 32, false},
        {MSR_TSC_ADJUST, 0x123456789, true},
        {MSR_SPEC_CTRL, 1, true},
        {MSR_SPEC_CTRL, 8, false},
        {0x12345, 0, false},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        guest_code(&g, write_number);
        g.cpu->gpr[GPR_CX] = cases[i].index;
        g.cpu->gpr[GPR_AX] = (uint32_t)cases[i].value | UINT64_C(0xabcd) << 32; /* its upper half does not count */
        g.cpu->gpr[GPR_DX] = cases[i].value >> 32;
        int vector = guest_run(&g, 10);
        uint64_t back = g.cpu->gpr[GPR_DX] << 32 | (uint32_t)g.cpu->gpr[GPR_AX];
        if (vector != (cases[i].taken ? GUEST_HALTED : VECTOR_GP) || (cases[i].taken && back != cases[i].value))
            fail_msg("%#x = %#llx: %d, then %#llx", cases[i].index, (unsigned long long)cases[i].value, vector,
                     (unsigned long long)back);
        guest_free(&g);
    }
}

GUEST_CODE(clocks, 64,
           "mov $0x10, %ecx\n mov $1000000, %eax\n xor %edx, %edx\n wrmsr\n rdtsc\n mov %eax, %esi\n"
           "rdtscp\n mov %ecx, %edi\n hlt");

static void test_counter_that_was_set_goes_on_from_there(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, clocks);
    g.b->tsc = 5000;
    g.cpu->msrs.tsc_aux = 42;
    assert_int_equal(guest_run(&g, 20), GUEST_HALTED);
    assert_in_range(g.cpu->gpr[GPR_SI], 1000000, 1000100);
    assert_in_range(g.cpu->gpr[GPR_AX], g.cpu->gpr[GPR_SI] + 1, 1000100);
    assert_int_equal(g.cpu->gpr[GPR_DI], 42);
    guest_free(&g);
}

static void test_counter_may_be_kept_from_programs(void **state)
{
    struct guest g = guest_make(BOARD_64_USER);
    const uint8_t rdtsc[] = {0x0f, 0x31};

    board_code(g.b, rdtsc, sizeof rdtsc);
    board_run(g.b, 1);
    assert_int_equal(g.cpu->cpl, 3);
    board_code(g.b, rdtsc, sizeof rdtsc);
    g.cpu->cr4 |= CR4_TSD;
    assert_int_equal(guest_run(&g, 5), VECTOR_GP);
    guest_free(&g);
}

/* ---- Models ---------------------------------------------------------------------------------------------------- */

static struct cpu_model model(const char *name)
{
    struct cpu_model m;
    const char *names = NULL;

    assert_int_equal(cpu_model_find(name, &m, &names), 0);
    assert_non_null(names);
    return m;
}

static void test_model_is_found_and_changed_by_what_follows_its_name(void **state)
{
    struct cpu_model m = model("moat64");

    assert_memory_equal(m.vendor, "GenuineIntel", 12);
    assert_true(cpu_model_has(&m, CPU_SSE42));
    assert_false(m.amd);
    m = model("max,-smap,vendor=AuthenticAMD,phys-bits=36");
    assert_false(cpu_model_has(&m, CPU_SMAP));
    assert_true(cpu_model_has(&m, CPU_SMEP));
    assert_true(m.amd);
    assert_int_equal(m.physical_bits, 36);
    m = model("qemu64,+umip,+pcid");
    assert_true(cpu_model_has(&m, CPU_UMIP));
    assert_int_equal(cpu_model_cpuid(&m, 1, 0).ecx >> 17 & 1, 0); /* asked for, not there */
    m = model("qemu64");
    assert_false(cpu_model_has(&m, CPU_UMIP));
}

GUEST_CODE(read_counter, 64, "rdpmc\n hlt");
GUEST_CODE(commit, 64, ".byte 0x66, 0x0f, 0xae, 0xf8\n hlt");

/* AMD's have four, which count nothing: they are read by the supervisor, and by others where CR4.PCE says so. */
static void test_counters_are_read_where_there_are_some(void **state)
{
    static const struct {
        const char *label, *model;
        enum board_mode mode;
        uint64_t cr4;
        uint32_t index;
        int vector;
    } cases[] = {
        {"none", "moat64", BOARD_64, 0, 0, VECTOR_GP},
        {"the first", "EPYC", BOARD_64, 0, 0, GUEST_RUNS},
        {"the last", "EPYC", BOARD_64, 0, 3, GUEST_RUNS},
        {"beyond", "EPYC", BOARD_64, 0, 4, VECTOR_GP},
        {"a user's", "EPYC", BOARD_64_USER, 0, 0, VECTOR_GP},
        {"a user's with PCE", "EPYC", BOARD_64_USER, CR4_PCE, 0, GUEST_RUNS},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(cases[i].mode);
        g.cpu->model = model(cases[i].model);
        guest_code_at(&g, BOARD_CODE, CODE_OF(read_counter));
        g.cpu->cr4 |= cases[i].cr4;
        g.cpu->gpr[GPR_CX] = cases[i].index;
        g.cpu->gpr[GPR_AX] = g.cpu->gpr[GPR_DX] = 1;
        int vector = guest_run(&g, 1);
        vector = vector == GUEST_RUNS && g.cpu->rip != BOARD_CODE + 2 ? guest_run(&g, 1) : vector;
        if (vector != cases[i].vector)
            fail_msg("%s: %d, not %d", cases[i].label, vector, cases[i].vector);
        if (vector == GUEST_RUNS)
            assert_int_equal(g.cpu->gpr[GPR_AX] | g.cpu->gpr[GPR_DX], 0);
        guest_free(&g);
    }
}

static void test_pcommit_is_there_where_the_model_says_so(void **state)
{
    static const struct {
        const char *model;
        int vector;
    } cases[] = {{"moat64", VECTOR_UD}, {"max", GUEST_HALTED}, {"max,-pcommit", VECTOR_UD}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guest g = guest_make(BOARD_64);
        g.cpu->model = model(cases[i].model);
        assert_int_equal(cpu_model_cpuid(&g.cpu->model, 7, 0).ebx >> 22 & 1, cases[i].vector == GUEST_HALTED);
        guest_code_at(&g, BOARD_CODE, CODE_OF(commit));
        assert_int_equal(guest_run(&g, 5), cases[i].vector);
        guest_free(&g);
    }
}

static void test_model_that_is_not_known_is_refused(void **state)
{
    static const char *const unknown[] = {"", "moat", "moat644", "max,+flux", "max,phys-bits=99", "max,vendor=x"};
    struct cpu_model m;
    const char *names;

    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_true(cpu_model_find(unknown[i], &m, &names) < 0);
}

static void test_leaves_say_frequency_addresses_and_hypervisor(void **state)
{
    struct cpu_model m = model("moat64");
    char text[13] = "";

    m.tsc_hz = 2600000000u;
    assert_int_equal(cpu_model_cpuid(&m, 0, 0).eax, 0x16);
    assert_int_equal(cpu_model_cpuid(&m, 0x15, 0).ecx, 2600000000u);
    assert_int_equal(cpu_model_cpuid(&m, 0x16, 0).eax, 2600);
    assert_int_equal(cpu_model_cpuid(&m, 0x40000010, 0).eax, 2600000);
    assert_int_equal(cpu_model_cpuid(&m, 0x80000008, 0).eax, 0x3028);
    struct cpuid_answer a = cpu_model_cpuid(&m, 0x40000000, 0);
    memcpy(text, &a.ebx, 4);
    memcpy(text + 4, &a.ecx, 4);
    memcpy(text + 8, &a.edx, 4);
    assert_string_equal(text, "moatmoatmoat");
    m.kvmclock = true;
    a = cpu_model_cpuid(&m, 0x40000000, 0);
    assert_memory_equal(&a.ebx, "KVMK", 4);
    assert_int_equal(cpu_model_cpuid(&m, 0x7fffffff, 0).eax, 0);
}

GUEST_CODE(identify, 64, "mov $1, %eax\n cpuid\n hlt");

static void test_identification_follows_the_state(void **state)
{
    struct guest g = guest_make(BOARD_64);

    guest_code(&g, identify);
    g.cpu->cr4 |= CR4_OSXSAVE;
    assert_int_equal(guest_run(&g, 5), GUEST_HALTED);
    assert_int_equal(g.cpu->gpr[GPR_CX] >> 27 & 1, 1);
    assert_int_equal(g.cpu->gpr[GPR_DX] >> 9 & 1, 0); /* the board has no APIC */
    guest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_register_takes_what_a_processor_takes),
        cmocka_unit_test(test_long_mode_is_entered_and_left_by_the_manual),
        cmocka_unit_test(test_machine_status_word_sets_protection_but_does_not_clear_it),
        cmocka_unit_test(test_program_may_not_use_what_is_the_systems),
        cmocka_unit_test(test_user_mode_instruction_prevention_hides_the_tables),
        cmocka_unit_test(test_tables_are_loaded_and_stored_as_wide_as_the_mode),
        cmocka_unit_test(test_task_and_local_table_are_checked),
        cmocka_unit_test(test_system_call_goes_and_comes_back),
        cmocka_unit_test(test_system_call_needs_to_be_on_and_return_an_address),
        cmocka_unit_test(test_sysenter_and_sysexit_use_their_registers),
        cmocka_unit_test(test_bases_are_swapped_read_and_written),
        cmocka_unit_test(test_registers_by_number_take_what_a_processor_takes),
        cmocka_unit_test(test_counter_that_was_set_goes_on_from_there),
        cmocka_unit_test(test_counter_may_be_kept_from_programs),
        cmocka_unit_test(test_model_is_found_and_changed_by_what_follows_its_name),
        cmocka_unit_test(test_counters_are_read_where_there_are_some),
        cmocka_unit_test(test_pcommit_is_there_where_the_model_says_so),
        cmocka_unit_test(test_model_that_is_not_known_is_refused),
        cmocka_unit_test(test_leaves_say_frequency_addresses_and_hypervisor),
        cmocka_unit_test(test_identification_follows_the_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
